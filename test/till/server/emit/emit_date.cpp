/* The emitter: functions of dates and times. */
#include "emit/emitter.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

#include <cstdlib>
#include <map>
#include <set>

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

/* 9810 where a type has no such part. */
static void
check_part(const std::string &part, const Type &type, const std::string &function)
{
	static const std::set<std::string> of_time = {"hour",        "minute",      "second",
												  "millisecond", "microsecond", "nanosecond"};
	bool legacy = type.kind == Kind::datetime || type.kind == Kind::smalldatetime;
	bool fine = part == "microsecond" || part == "nanosecond";
	bool bad = type.kind == Kind::date   ? of_time.count(part) > 0 || part == "tzoffset"
			   : type.kind == Kind::time ? of_time.count(part) == 0
										 : legacy && fine && function == "dateadd";

	if (bad || (function == "dateadd" && (part == "tzoffset" || part == "iso_week")))
		throw SqlError(9810, 16, 1,
					   "The datepart " + part + " is not supported by date function " + function +
						   " for data type " + type_name(type) + ".");
}

/* 100 ns ticks since 0001-01-01, of a time since midnight. */
std::string
Emitter::as_ticks(const Value &v)
{
	if (v.type.kind == Kind::datetime2 || v.type.kind == Kind::time)
		return v.sql;
	return convert(v, scaled(Kind::datetime2, 7));
}

/* The part of a date as PostgreSQL computes it: an int. */
std::string
Emitter::part_sql(const std::string &part, const Value &v)
{
	static const std::map<std::string, std::string> same = {
		{"year", "year"}, {"quarter", "quarter"}, {"month", "month"},   {"dayofyear", "doy"},
		{"day", "day"},   {"hour", "hour"},       {"minute", "minute"}, {"iso_week", "week"}};
	auto found = same.find(part);

	if (found != same.end())
		return "date_part('" + found->second + "', " + as_timestamp(v) + ")::int4";
	if (part == "tzoffset")
		return "(" + convert(v, scaled(Kind::datetimeoffset, 7)) + ").minutes::int4";
	if (part == "microsecond")
		return "((" + as_ticks(v) + ") % 10000000 / 10)::int4";
	if (part == "nanosecond")
		return "((" + as_ticks(v) + ") % 10000000 * 100)::int4";
	if (part == "week" || part == "weekday")
		return "till." + part + "(" + as_timestamp(v) + ", " + std::to_string(env.date_first) + ")";
	return "till." + part + "(" + as_timestamp(v) + ")";
}

/* DATEPART and DATENAME. */
Value
Emitter::datepart_call(const Expr &e, const Scope *scope)
{
	need_arguments(e, 2, 2);
	Value v = value(*e.args[1], scope);
	std::string part = date_part(*e.args[0]), sql;
	Type text = string_type(Kind::nvarchar, 30);

	check_part(part, v.type, fold(e.text, false));
	if (e.text == "DATEPART")
		return Value{part_sql(part, v), simple(Kind::integer), v.nullable, nullptr, true};
	if (part == "month" || part == "weekday")
		sql = std::string("to_char(") + as_timestamp(v) +
			  (part == "month" ? ", 'FMMonth')" : ", 'FMDay')");
	else
		sql = "(" + part_sql(part, v) + ")::text";
	return Value{sql, text, v.nullable, nullptr, true};
}

Value
Emitter::datediff_call(const Expr &e, const Scope *scope)
{
	need_arguments(e, 3, 3);
	Value a = value(*e.args[1], scope), b = value(*e.args[2], scope);
	bool big = e.text == "DATEDIFF_BIG";
	std::string part = date_part(*e.args[0]), sql;

	if (part == "tzoffset" || part == "iso_week")
		throw SqlError(9806, 16, 10,
					   "The datepart " + part + " is not supported by date function datediff.");
	if (part == "microsecond" || part == "nanosecond")
		sql = "till.datediff_ticks('" + part + "', " + convert(a, scaled(Kind::datetime2, 7)) +
			  ", " + convert(b, scaled(Kind::datetime2, 7)) + ")";
	else
		sql = "till.datediff('" + part + "', " + as_timestamp(a) + ", " + as_timestamp(b) + ")";
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
	std::string part = date_part(*e.args[0]);
	std::string head = "('" + part + "', " + convert(n, simple(Kind::integer)) + ", ";
	bool nullable = n.nullable || v.nullable;

	check_part(part, v.type, "dateadd");
	if (v.type.kind == Kind::datetime2 || v.type.kind == Kind::time)
		return Value{"till.dateadd_" + type_name(v.type) + head + v.sql + ", " +
						 std::to_string(v.type.scale) + ")",
					 v.type, nullable, nullptr, true};
	if (v.type.kind == Kind::datetimeoffset)
		return Value{"till.dateadd_offset" + head + v.sql + ", " + std::to_string(v.type.scale) +
						 ")",
					 v.type, nullable, nullptr, true};

	Type type = v.type.kind == Kind::date || v.type.kind == Kind::smalldatetime
					? v.type
					: simple(Kind::datetime);
	std::string sql =
		"till.dateadd" + head + as_timestamp(v) + ", " + quote_literal(type_name(type)) + ")";

	if (type.kind == Kind::date)
		sql = "(" + sql + ")::date";
	return Value{sql, type, nullable, nullptr, true};
}

/* DATEFROMPARTS and its kin: NULL if any part is, error 289 for a date that is not one. */
Value
Emitter::from_parts_call(const Expr &e, const Scope *scope)
{
	struct Rule
	{
		Kind kind;
		size_t parts;
		bool has_scale;
	};
	static const std::map<std::string, Rule> rules = {
		{"DATEFROMPARTS", {Kind::date, 3, false}},
		{"TIMEFROMPARTS", {Kind::time, 5, true}},
		{"SMALLDATETIMEFROMPARTS", {Kind::smalldatetime, 5, false}},
		{"DATETIMEFROMPARTS", {Kind::datetime, 7, false}},
		{"DATETIME2FROMPARTS", {Kind::datetime2, 8, true}}};
	const Rule &rule = rules.at(e.text);
	Type type = simple(rule.kind);
	std::string sql = "till." + fold(e.text, false) + "(";
	bool nullable = false;

	need_arguments(e, rule.parts, rule.parts);
	for (size_t i = 0; i < rule.parts; i++)
	{
		Value v = value(*e.args[i], scope);

		if (rule.has_scale && i + 1 == rule.parts)
		{
			if (v.literal == nullptr || v.type.kind != Kind::integer ||
				std::atoi(v.literal->text.c_str()) > 7)
				throw SqlError(10760, 16, 1,
							   "Scale argument is not valid. Valid expressions for data type " +
								   type_name(type) + " scale argument are integer constants.");
			type.scale = std::atoi(v.literal->text.c_str());
		}
		sql += (i ? ", " : "") + convert(v, simple(Kind::integer));
		nullable = nullable || v.nullable;
	}
	return Value{sql + ")", type, nullable, nullptr, true};
}

Value
Emitter::eomonth_call(const Expr &e, const Scope *scope)
{
	need_arguments(e, 1, 2);
	Value v = value(*e.args[0], scope);
	std::string months = "0";
	bool nullable = v.nullable;

	if (e.args.size() > 1)
	{
		Value n = value(*e.args[1], scope);

		months = "coalesce(" + convert(n, simple(Kind::integer)) + ", 0)";
	}
	return Value{"till.eomonth(" + as_timestamp(v) + ", " + months + ")", simple(Kind::date),
				 nullable, nullptr, true};
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
	if (f == "EOMONTH")
		return eomonth_call(e, scope);
	if (f.size() > 9 && f.compare(f.size() - 9, 9, "FROMPARTS") == 0 &&
		f != "DATETIMEOFFSETFROMPARTS")
		return from_parts_call(e, scope);
	*is_one = f == "YEAR" || f == "MONTH" || f == "DAY";
	if (!*is_one)
		return {};
	need_arguments(e, 1, 1);
	Value v = value(*e.args[0], scope);

	check_part(fold(f, false), v.type, fold(f, false));
	return Value{part_sql(fold(f, false), v), simple(Kind::integer), v.nullable, nullptr, true};
}

} // namespace till
