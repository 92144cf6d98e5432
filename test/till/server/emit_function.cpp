/*
 * The emitter: built-in functions. Those that only rename or wrap are rows of a table; the rest
 * have code. Functions of the catalog and the session are in emit_session.cpp, aggregates in
 * emit_aggregate.cpp.
 */
#include "emitter.hpp"
#include "error.hpp"
#include "text.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>

namespace till
{

static std::string
replace_arguments(const std::string &pattern, const std::vector<std::string> &args)
{
	std::string out;

	for (size_t i = 0; i < pattern.size(); i++)
		if (pattern[i] == '$' && i + 1 < pattern.size())
			out += args[static_cast<size_t>(pattern[++i] - '1')];
		else
			out += pattern[i];
	return out;
}

static void
need_arguments(const Expr &e, size_t least, size_t most)
{
	if (e.args.size() < least || e.args.size() > most)
		throw SqlError(174, 15, 1,
					   "The " + e.text + " function requires " + std::to_string(least) +
						   " argument(s).");
}

Value
Emitter::call(const Expr &e, const Scope *scope)
{
	using Family = Value (Emitter::*)(const Expr &, const Scope *, bool *);
	static const Family families[] = {&Emitter::aggregate,  &Emitter::date_call,
									  &Emitter::text_call,  &Emitter::number_call,
									  &Emitter::other_call, &Emitter::catalog_call};

	for (Family family : families)
	{
		bool is_one = true;
		Value v = (this->*family)(e, scope, &is_one);

		if (is_one)
			return v;
	}

	SqlError error(
		195, 15, 10,
		"'" + e.text +
			"' is not a recognized built-in function name, or the stand-in till doesn't know it.");

	error.line = e.line;
	throw error;
}

/* ---- dates ---- */

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

Value
Emitter::date_call(const Expr &e, const Scope *scope, bool *is_one)
{
	const std::string &f = e.text;
	auto now = [&](const char *sql, Type type) { return Value{sql, type, false, nullptr, true}; };

	if (f == "GETDATE" || f == "CURRENT_TIMESTAMP")
		return now("till.getdate()", simple(Kind::datetime));
	if (f == "GETUTCDATE")
		return now("till.getutcdate()", simple(Kind::datetime));
	if (f == "SYSDATETIME" || f == "SYSUTCDATETIME")
		return now(f == "SYSDATETIME" ? "till.sysdatetime()" : "till.sysutcdatetime()",
				   scaled(Kind::datetime2, 7));
	if (f == "SYSDATETIMEOFFSET")
		return now("till.sysdatetimeoffset()", scaled(Kind::datetimeoffset, 7));
	if (f == "YEAR" || f == "MONTH" || f == "DAY")
	{
		need_arguments(e, 1, 1);
		Value v = value(*e.args[0], scope);

		return Value{"extract(" + f + " from " + as_timestamp(v) + ")::int4", simple(Kind::integer),
					 v.nullable, nullptr, true};
	}
	if (f == "DATEPART" || f == "DATENAME")
	{
		need_arguments(e, 2, 2);
		Value v = value(*e.args[1], scope);
		std::string part = date_part(*e.args[0]);
		std::string nanoseconds = part == "nanosecond" && v.type.kind == Kind::datetime2
									  ? "((" + v.sql + ") % 10000000 * 100)::int4"
									  : "";
		std::string sql = !nanoseconds.empty()
							  ? nanoseconds
							  : "till." + std::string(f == "DATEPART" ? "datepart" : "datename") +
									"('" + part + "', " + as_timestamp(v) + ")";

		if (part == "tzoffset")
			sql = "(" + convert(v, scaled(Kind::datetimeoffset, 7)) + ").minutes::int4";
		return Value{sql, f == "DATEPART" ? simple(Kind::integer) : string_type(Kind::nvarchar, 30),
					 v.nullable};
	}
	if (f == "DATEDIFF" || f == "DATEDIFF_BIG")
	{
		need_arguments(e, 3, 3);
		Value a = value(*e.args[1], scope), b = value(*e.args[2], scope);
		bool big = f == "DATEDIFF_BIG";
		std::string sql = "till.datediff('" + date_part(*e.args[0]) + "', " + as_timestamp(a) +
						  ", " + as_timestamp(b) + ")";

		return Value{big ? sql : "till.datediff_int(" + sql + ")",
					 simple(big ? Kind::bigint : Kind::integer), a.nullable || b.nullable, nullptr,
					 true};
	}
	if (f == "DATEADD")
	{
		need_arguments(e, 3, 3);
		Value n = value(*e.args[1], scope), v = value(*e.args[2], scope);
		std::string part = date_part(*e.args[0]), count = convert(n, simple(Kind::integer));
		bool nullable = n.nullable || v.nullable;

		if (v.type.kind == Kind::datetime2)
			return Value{"till.dateadd_ticks('" + part + "', " + count + ", " + v.sql + ")", v.type,
						 nullable, nullptr, true};
		if (v.type.kind == Kind::datetimeoffset)
			return Value{"till.dateadd_offset('" + part + "', " + count + ", " + v.sql + ")",
						 v.type, nullable, nullptr, true};
		Type type = v.type.kind == Kind::date || v.type.kind == Kind::smalldatetime
						? v.type
						: simple(Kind::datetime);
		std::string sql = "till.dateadd('" + part + "', " + count + ", " + as_timestamp(v) + ")";

		return Value{type.kind == Kind::datetime ? "till.round300(" + sql + ")"
												 : "(" + sql + ")::" + pg_type(type),
					 type, nullable, nullptr, true};
	}
	if (f == "EOMONTH")
	{
		Value v = value(*e.args[0], scope);

		return Value{"(date_trunc('month', " + as_timestamp(v) +
						 ") + interval '1 month -1 day')::date",
					 simple(Kind::date), v.nullable, nullptr, true};
	}
	if (f == "DATEFROMPARTS")
	{
		std::vector<Value> a = values(e.args, scope);

		need_arguments(e, 3, 3);
		return Value{"make_date(" + a[0].sql + ", " + a[1].sql + ", " + a[2].sql + ")",
					 simple(Kind::date)};
	}
	if (f == "SWITCHOFFSET" || f == "TODATETIMEOFFSET")
	{
		need_arguments(e, 2, 2);
		Value v = value(*e.args[0], scope), o = value(*e.args[1], scope);
		std::string minutes = is_string(o.type.kind) ? "till.offset_minutes(" + o.sql + ")"
													 : convert(o, simple(Kind::integer));

		if (f == "SWITCHOFFSET")
			return Value{"till.switchoffset(" + convert(v, scaled(Kind::datetimeoffset, 7)) + ", " +
							 minutes + ")",
						 scaled(Kind::datetimeoffset, 7)};
		return Value{"till.todatetimeoffset(" + convert(v, scaled(Kind::datetime2, 7)) + ", " +
						 minutes + ")",
					 scaled(Kind::datetimeoffset, 7)};
	}
	*is_one = false;
	return {};
}

/* ---- text ---- */

Value
Emitter::text_call(const Expr &e, const Scope *scope, bool *is_one)
{
	/* $1.. are the arguments: t as text, i as int; result: length of the first argument, (max) or
	 * int */
	struct Rule
	{
		const char *arguments, *sql;
		char result; /* same, max, int */
	};
	static const std::map<std::string, Rule> rules = {
		{"LEN", {"t", "till.len(rtrim($1))", 'i'}},
		{"LEFT", {"ti", "till.cut($1, $2)", 's'}},
		{"RIGHT", {"ti", "till.right($1, $2)", 's'}},
		{"SUBSTRING", {"tii", "till.substring($1, $2, $3)", 's'}},
		{"UPPER", {"t", "upper($1)", 's'}},
		{"LOWER", {"t", "lower($1)", 's'}},
		{"LTRIM", {"t", "ltrim($1)", 's'}},
		{"RTRIM", {"t", "rtrim($1)", 's'}},
		{"TRIM", {"t", "btrim($1)", 's'}},
		{"REVERSE", {"t", "reverse($1)", 's'}},
		{"REPLICATE", {"ti", "repeat($1, $2)", 'm'}},
		{"SPACE", {"i", "repeat(' ', $1)", 'm'}},
		{"STUFF", {"tiit", "till.stuff($1, $2, $3, $4)", 'm'}},
		{"ASCII", {"t", "ascii($1)", 'i'}},
		{"UNICODE", {"t", "ascii($1)", 'i'}},
		{"NCHAR", {"i", "till.nchar($1)", 'c'}},
		{"CHAR", {"i", "till.char($1)", 'c'}},
		{"QUOTENAME", {"t", "('[' || replace($1, ']', ']]') || ']')", 'm'}}};
	auto rule = rules.find(e.text);

	if (e.text == "REPLACE" || e.text == "CHARINDEX" || e.text == "PATINDEX")
	{
		std::vector<Value> a = values(e.args, scope);

		need_arguments(e, e.text == "REPLACE" ? 3 : 2, 3);
		Type common = common_type(as_string(a[0]).type, as_string(a[1]).type);
		Collation c =
			collation(common.collation.empty() ? env.catalog.database_collation : common.collation);
		std::string ci = c.ignores_case ? "true" : "false";

		if (e.text == "REPLACE")
			return Value{"till.replace(" + as_text(a[0]) + ", " + as_text(a[1]) + ", " +
							 as_text(a[2]) + ", " + ci + ")",
						 string_type(Kind::nvarchar, max_length)};
		if (e.text == "PATINDEX")
			throw unsupported("PATINDEX");
		return Value{"till.charindex(" + as_text(a[0]) + ", " + as_text(a[1]) + ", " +
						 (a.size() > 2 ? convert(a[2], simple(Kind::integer)) : "1") + ", " + ci +
						 ")",
					 simple(Kind::integer), true, nullptr, true};
	}
	if (e.text == "CONCAT")
	{
		std::string sql = "concat(";
		bool first = true;

		for (const Value &v : values(e.args, scope))
		{
			sql += (first ? "" : ", ") + as_text(v);
			first = false;
		}
		return Value{sql + ")", string_type(Kind::nvarchar, max_length), false, nullptr, true};
	}
	if (e.text == "DATALENGTH")
	{
		need_arguments(e, 1, 1);
		Value v = value(*e.args[0], scope);
		bool big = v.type.length == max_length;

		return Value{is_string(v.type.kind) || is_binary(v.type.kind) || v.type.kind == Kind::xml ||
							 v.type.kind == Kind::variant
						 ? "octet_length(" + as_bytes(v) + ")" + (big ? "::int8" : "")
						 : std::string("till.fixed_length(") + as_text(v) + ", " +
							   quote_literal(declare(v.type)) + ")",
					 simple(big ? Kind::bigint : Kind::integer), v.nullable};
	}
	if (rule == rules.end())
	{
		*is_one = false;
		return {};
	}

	std::string kinds = rule->second.arguments;
	std::vector<std::string> args;
	std::vector<Value> a = values(e.args, scope);
	bool nullable = false;

	need_arguments(e, kinds.size(), kinds.size());
	for (size_t i = 0; i < kinds.size(); i++)
	{
		args.push_back(kinds[i] == 't' ? as_text(a[i]) : convert(a[i], simple(Kind::integer)));
		nullable = nullable || a[i].nullable;
	}
	if (e.text == "UPPER" || e.text == "LOWER")
	{
		const std::string &name = a[0].type.collation;
		bool turkish = collation(name.empty() ? env.catalog.database_collation : name).turkish;

		args[0] += turkish ? " COLLATE \"tr-x-icu\"" : " COLLATE \"und-x-icu\"";
	}

	Type type = simple(Kind::integer);

	if (rule->second.result != 'i')
	{
		type = kinds[0] == 't' ? as_string(a[0]).type : string_type(Kind::nvarchar, max_length);
		if (type.kind == Kind::nchar || type.kind == Kind::ntext)
			type.kind = Kind::nvarchar, type.length = type.length ? type.length : max_length;
		if (type.kind == Kind::character || type.kind == Kind::text)
			type.kind = Kind::varchar, type.length = type.length ? type.length : max_length;
		if (rule->second.result == 'm')
			type.length = type.length == max_length || kinds[0] == 'i' || e.text == "REPLICATE"
							  ? 4000
							  : std::min(4000, type.length + 4000);
		if (rule->second.result == 'c')
			type = string_type(e.text == "CHAR" ? Kind::varchar : Kind::nvarchar, 1);
	}
	return Value{replace_arguments(rule->second.sql, args), type, nullable, nullptr, true};
}

/* The bytes SQL Server would keep: UTF-16 for Unicode strings, the code page for others. */
std::string
Emitter::as_bytes(const Value &v)
{
	if (is_string(v.type.kind) || v.type.kind == Kind::xml || v.type.kind == Kind::null)
		return (is_unicode(v.type.kind) ? "till.utf16(" : "till.page_bytes(") + as_text(v) + ")";
	if (v.type.kind == Kind::variant)
		return "till.utf16((" + v.sql + ").value)";
	return convert(v, string_type(Kind::varbinary, max_length));
}

/* ---- numbers ---- */

Value
Emitter::number_call(const Expr &e, const Scope *scope, bool *is_one)
{
	static const std::map<std::string, const char *> same = {
		{"ABS", "abs($1)"}, {"FLOOR", "floor($1)"}, {"CEILING", "ceil($1)"}, {"SIGN", "sign($1)"}};
	static const std::map<std::string, const char *> floating = {
		{"SQRT", "sqrt($1)"}, {"EXP", "exp($1)"}, {"LOG", "ln($1)"},
		{"LOG10", "log($1)"}, {"SIN", "sin($1)"}, {"COS", "cos($1)"}};
	auto found = same.find(e.text);

	if (found != same.end())
	{
		need_arguments(e, 1, 1);
		Value v = value(*e.args[0], scope);
		Type type = v.type;

		if (is_string(type.kind) || type.kind == Kind::null)
			type = simple(Kind::float8);
		else if (type.kind < Kind::integer)
			type = simple(Kind::integer);
		if (type.kind == Kind::decimal && (e.text == "FLOOR" || e.text == "CEILING"))
			type = decimal_type(type.precision, 0);
		return Value{
			replace_arguments(found->second, {convert(v, is_number(v.type.kind) ? v.type : type)}),
			type, v.nullable};
	}
	found = floating.find(e.text);
	if (found != floating.end())
	{
		need_arguments(e, 1, 1);
		Value v = value(*e.args[0], scope);

		return Value{replace_arguments(found->second, {convert(v, simple(Kind::float8))}),
					 simple(Kind::float8), v.nullable};
	}
	if (e.text == "POWER")
	{
		need_arguments(e, 2, 2);
		Value v = value(*e.args[0], scope), n = value(*e.args[1], scope);
		Type type = is_integer(v.type.kind) ? simple(Kind::integer) : v.type;

		return Value{"power((" + v.sql + ")::numeric, (" + n.sql + ")::numeric)", type,
					 v.nullable || n.nullable};
	}
	if (e.text == "ROUND")
	{
		need_arguments(e, 2, 3);
		Value v = value(*e.args[0], scope), n = value(*e.args[1], scope);
		Type type =
			is_string(v.type.kind) || v.type.kind == Kind::real ? simple(Kind::float8) : v.type;
		bool cut =
			e.args.size() > 2 && !(e.args[2]->op == Op::literal && e.args[2]->token.text == "0");

		if (type.kind < Kind::integer)
			type = simple(Kind::integer);
		return Value{std::string(cut ? "trunc(" : "round(") + "(" + convert(v, type) +
						 ")::numeric, " + n.sql + ")",
					 type, v.nullable};
	}
	if (e.text == "RAND")
		return Value{"random()", simple(Kind::float8), false};
	if (e.text == "PI")
		return Value{"pi()", simple(Kind::float8), false};
	*is_one = false;
	return {};
}

/* ---- the rest ---- */

Value
Emitter::other_call(const Expr &e, const Scope *scope, bool *is_one)
{
	const std::string &f = e.text;

	if (f == "ISNULL" || f == "COALESCE" || f == "NULLIF" || f == "IIF")
	{
		if (f == "IIF")
		{
			need_arguments(e, 3, 3);
			std::string when = condition(*e.args[0], scope);
			std::vector<Value> branches{value(*e.args[1], scope), value(*e.args[2], scope)};
			Type type = unified(branches);

			return Value{"(CASE WHEN " + when + " THEN " + convert(branches[0], type) + " ELSE " +
							 convert(branches[1], type) + " END)",
						 type};
		}
		std::vector<Value> a = values(e.args, scope);

		need_arguments(e, 2, f == "COALESCE" ? 100 : 2);
		if (f == "NULLIF")
			return Value{"(CASE WHEN " + compare("=", a[0], a[1]).sql + " THEN NULL ELSE " +
							 a[0].sql + " END)",
						 a[0].type.kind == Kind::null ? simple(Kind::integer) : a[0].type};
		Type type = f == "ISNULL" && a[0].type.kind != Kind::null ? a[0].type : unified(a);
		std::string sql = "coalesce(";
		bool nullable = true;

		for (size_t i = 0; i < a.size(); i++)
		{
			sql += (i ? ", " : "") + convert(a[i], type);
			nullable = nullable && a[i].nullable;
		}
		return Value{sql + ")", type, nullable, nullptr, true};
	}
	if (f == "NEWID" || f == "NEWSEQUENTIALID")
		return Value{"gen_random_uuid()", simple(Kind::uniqueidentifier), false, nullptr, true};
	if (f == "HASHBYTES")
	{
		need_arguments(e, 2, 2);
		static const std::map<std::string, const char *> algorithms = {
			{"MD5", "decode(md5($1), 'hex')"},
			{"SHA2_256", "sha256($1)"},
			{"SHA2_512", "sha512($1)"}};
		auto algorithm = algorithms.find(upper_ascii(e.args[0]->token.text));

		if (algorithm == algorithms.end())
			throw unsupported("HASHBYTES with '" + e.args[0]->token.text + "'");
		Value v = value(*e.args[1], scope);

		return Value{replace_arguments(algorithm->second, {as_bytes(v)}),
					 string_type(Kind::varbinary, 8000), v.nullable, nullptr, true};
	}
	if (f == "CHECKSUM" || f == "BINARY_CHECKSUM")
	{
		std::string sql;

		if (e.args.size() == 1 && e.args[0]->op == Op::star)
		{
			for (const Source &s : scope ? scope->sources : std::vector<Source>())
				for (const OutputColumn &c : s.columns)
					sql += (sql.empty() ? "" : ", ") + s.pg + "." + quote_identifier(c.name);
		}
		else
			for (const Value &v : values(e.args, scope))
				sql += (sql.empty() ? "" : ", ") + (f == "CHECKSUM" && is_string(v.type.kind)
														? "lower(rtrim(" + v.sql + "))"
														: v.sql);
		return Value{"hashtext(ROW(" + sql + ")::text)", simple(Kind::integer), false, nullptr,
					 true};
	}
	if (f == "ISNUMERIC" || f == "ISDATE")
	{
		need_arguments(e, 1, 1);
		Value v = value(*e.args[0], scope),
			  text{as_text(v), string_type(Kind::nvarchar, max_length)};
		Type to = f == "ISDATE" ? simple(Kind::datetime) : simple(Kind::float8);

		return Value{"(" + convert(text, to, -1, true) + " IS NOT NULL)::int4",
					 simple(Kind::integer), false, nullptr, true};
	}
	*is_one = false;
	return {};
}

} // namespace till
