/* The emitter: functions of dates and times. */
#include "emitter.hpp"
#include "error.hpp"
#include "text.hpp"

#include <map>

namespace till
{

static std::string
date_part(const Expr &e)
{
	static const std::map<std::string, std::string> parts = {
		{"YEAR", "year"},       {"YY", "year"},
		{"YYYY", "year"},       {"QUARTER", "quarter"},
		{"QQ", "quarter"},      {"Q", "quarter"},
		{"MONTH", "month"},     {"MM", "month"},
		{"M", "month"},         {"DAYOFYEAR", "dayofyear"},
		{"DY", "dayofyear"},    {"Y", "dayofyear"},
		{"DAY", "day"},         {"DD", "day"},
		{"D", "day"},           {"WEEK", "week"},
		{"WK", "week"},         {"WW", "week"},
		{"WEEKDAY", "weekday"}, {"DW", "weekday"},
		{"W", "weekday"},       {"HOUR", "hour"},
		{"HH", "hour"},         {"MINUTE", "minute"},
		{"MI", "minute"},       {"N", "minute"},
		{"SECOND", "second"},   {"SS", "second"},
		{"S", "second"},        {"MILLISECOND", "millisecond"},
		{"MS", "millisecond"},  {"MICROSECOND", "microsecond"},
		{"MCS", "microsecond"}, {"NANOSECOND", "nanosecond"},
		{"NS", "nanosecond"},   {"TZOFFSET", "tzoffset"},
		{"TZ", "tzoffset"},     {"ISO_WEEK", "iso_week"},
		{"ISOWK", "iso_week"}};

	if (e.op == Op::column && e.name.size() == 1)
	{
		auto found = parts.find(upper_ascii(e.name[0]));

		if (found != parts.end())
			return found->second;
	}
	throw SqlError(155, 15, 1,
				   "'" + (e.name.empty() ? e.text : e.name[0]) +
					   "' is not a recognized datepart option.");
}

static Type
scaled(Kind kind, int scale)
{
	Type t = simple(kind);

	t.scale = scale;
	return t;
}

static Value
now(const char *sql, const Type &type)
{
	return Value{sql, type, false, nullptr, true};
}

/* DATEPART and DATENAME. */
Value
Emitter::datepart_call(const Expr &e, const Scope *scope)
{
	need_arguments(e, 2, 2);
	Value v = value(*e.args[1], scope);
	std::string part = date_part(*e.args[0]), sql;
	bool name = e.text == "DATENAME";

	if (part == "tzoffset")
		sql = "(" + convert(v, scaled(Kind::datetimeoffset, 7)) + ").minutes::int4";
	else if (part == "nanosecond" && v.type.kind == Kind::datetime2)
		sql = "((" + v.sql + ") % 10000000 * 100)::int4";
	else
		sql = std::string(name ? "till.datename('" : "till.datepart('") + part + "', " +
			  as_timestamp(v) + ")";
	return Value{sql, name ? string_type(Kind::nvarchar, 30) : simple(Kind::integer), v.nullable};
}

Value
Emitter::datediff_call(const Expr &e, const Scope *scope)
{
	need_arguments(e, 3, 3);
	Value a = value(*e.args[1], scope), b = value(*e.args[2], scope);
	bool big = e.text == "DATEDIFF_BIG";
	std::string sql = "till.datediff('" + date_part(*e.args[0]) + "', " + as_timestamp(a) + ", " +
					  as_timestamp(b) + ")";

	return Value{big ? sql : "till.datediff_int(" + sql + ")",
				 simple(big ? Kind::bigint : Kind::integer), a.nullable || b.nullable, nullptr,
				 true};
}

/* DATEADD keeps its argument's type; a string counts as datetime. */
Value
Emitter::dateadd_call(const Expr &e, const Scope *scope)
{
	need_arguments(e, 3, 3);
	Value n = value(*e.args[1], scope), v = value(*e.args[2], scope);
	std::string head =
		"('" + date_part(*e.args[0]) + "', " + convert(n, simple(Kind::integer)) + ", ";
	bool nullable = n.nullable || v.nullable;

	if (v.type.kind == Kind::datetime2)
		return Value{"till.dateadd_ticks" + head + v.sql + ")", v.type, nullable, nullptr, true};
	if (v.type.kind == Kind::datetimeoffset)
		return Value{"till.dateadd_offset" + head + v.sql + ")", v.type, nullable, nullptr, true};

	std::string sql = "till.dateadd" + head + as_timestamp(v) + ")";

	if (v.type.kind == Kind::date || v.type.kind == Kind::smalldatetime)
		return Value{"(" + sql + ")::" + pg_type(v.type), v.type, nullable, nullptr, true};
	return Value{"till.round300(" + sql + ")", simple(Kind::datetime), nullable, nullptr, true};
}

Value
Emitter::offset_call(const Expr &e, const Scope *scope)
{
	need_arguments(e, 2, 2);
	Value v = value(*e.args[0], scope), o = value(*e.args[1], scope);
	bool switches = e.text == "SWITCHOFFSET";
	std::string minutes = is_string(o.type.kind) ? "till.offset_minutes(" + o.sql + ")"
												 : convert(o, simple(Kind::integer));
	Type from = scaled(switches ? Kind::datetimeoffset : Kind::datetime2, 7);

	return Value{std::string(switches ? "till.switchoffset(" : "till.todatetimeoffset(") +
					 convert(v, from) + ", " + minutes + ")",
				 scaled(Kind::datetimeoffset, 7)};
}

Value
Emitter::date_call(const Expr &e, const Scope *scope, bool *is_one)
{
	const std::string &f = e.text;

	if (f == "GETDATE" || f == "CURRENT_TIMESTAMP")
		return now("till.getdate()", simple(Kind::datetime));
	if (f == "GETUTCDATE")
		return now("till.getutcdate()", simple(Kind::datetime));
	if (f == "SYSDATETIME")
		return now("till.sysdatetime()", scaled(Kind::datetime2, 7));
	if (f == "SYSUTCDATETIME")
		return now("till.sysutcdatetime()", scaled(Kind::datetime2, 7));
	if (f == "SYSDATETIMEOFFSET")
		return now("till.sysdatetimeoffset()", scaled(Kind::datetimeoffset, 7));
	if (f == "DATEPART" || f == "DATENAME")
		return datepart_call(e, scope);
	if (f == "DATEDIFF" || f == "DATEDIFF_BIG")
		return datediff_call(e, scope);
	if (f == "DATEADD")
		return dateadd_call(e, scope);
	if (f == "SWITCHOFFSET" || f == "TODATETIMEOFFSET")
		return offset_call(e, scope);
	if (f == "DATEFROMPARTS")
	{
		std::vector<Value> a = values(e.args, scope);

		need_arguments(e, 3, 3);
		return Value{"make_date(" + a[0].sql + ", " + a[1].sql + ", " + a[2].sql + ")",
					 simple(Kind::date)};
	}
	*is_one = f == "YEAR" || f == "MONTH" || f == "DAY" || f == "EOMONTH";
	if (!*is_one)
		return {};
	need_arguments(e, 1, 1);
	Value v = value(*e.args[0], scope);

	if (f == "EOMONTH")
		return Value{"(date_trunc('month', " + as_timestamp(v) +
						 ") + interval '1 month -1 day')::date",
					 simple(Kind::date), v.nullable, nullptr, true};
	return Value{"extract(" + f + " from " + as_timestamp(v) + ")::int4", simple(Kind::integer),
				 v.nullable, nullptr, true};
}

} // namespace till
