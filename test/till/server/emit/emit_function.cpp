/*
 * The emitter: built-in functions. Those that only rename or wrap are rows of a table; the rest
 * have code. Those about dates are in emit_date.cpp, about the catalog and the session in
 * emit_session.cpp, aggregates in emit_aggregate.cpp.
 */
#include "emit/emitter.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

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

void
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
			"' is not a recognized built-in function name, or the stand-in till does not know it.");

	error.line = e.line;
	throw error;
}

/* ---- text ---- */

namespace
{

/* $1.. are the arguments: t as text, i as int. The result: s a string like the first argument, m a
 * longer one, c one character, i an int, l an int or, of a (max) argument, a bigint. */
struct TextRule
{
	const char *arguments, *sql;
	char result;
};

const std::map<std::string, TextRule> text_rules = {
	{"LEN", {"t", "till.len(rtrim($1))", 'l'}},
	{"LEFT", {"ti", "till.cut($1, $2)", 's'}},
	{"RIGHT", {"ti", "till.right($1, $2)", 's'}},
	{"SUBSTRING", {"tii", "till.substring($1, $2, $3)", 's'}},
	{"UPPER", {"t", "", 's'}}, /* the collation says which */
	{"LOWER", {"t", "", 's'}},
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
	{"CHAR", {"i", "till.char($1)", 'c'}}};

/* The type of a string function's result; first is the type of its first string argument. */
Type
text_result(const TextRule &rule, const std::string &function, Type first)
{
	if (rule.result == 'i' || rule.result == 'l')
		return simple(rule.result == 'l' && first.length == max_length ? Kind::bigint
																	   : Kind::integer);
	if (rule.result == 'c')
		return string_type(function == "CHAR" ? Kind::varchar : Kind::nvarchar, 1);
	if (is_blob(first))
		first.length = max_length;
	first.kind = is_unicode(first.kind) ? Kind::nvarchar : Kind::varchar;
	if (rule.result == 'm' && first.length != max_length)
		first.length = is_unicode(first.kind) ? 4000 : 8000;
	return first;
}

} // namespace

/* REPLACE and CHARINDEX search as the collation compares. */
Value
Emitter::search_call(const Expr &e, const Scope *scope)
{
	bool replaces = e.text == "REPLACE";
	std::vector<Value> a = values(e.args, scope);

	need_arguments(e, replaces ? 3 : 2, 3);
	Type common = common_type(as_string(a[0]).type, as_string(a[1]).type);
	Collation c =
		collation(common.collation.empty() ? env.catalog.database_collation : common.collation);
	std::string sql = (replaces ? "till.replace(" : "till.charindex(") + as_text(a[0]) + ", " +
					  as_text(a[1]) + ", ";

	if (replaces)
		sql += as_text(a[2]);
	else
		sql += a.size() > 2 ? convert(a[2], simple(Kind::integer)) : "1";
	sql += c.ignores_case ? ", true)" : ", false)";
	return Value{sql, replaces ? string_type(Kind::nvarchar, max_length) : simple(Kind::integer),
				 true, nullptr, true};
}

Value
Emitter::datalength_call(const Expr &e, const Scope *scope)
{
	need_arguments(e, 1, 1);
	Value v = value(*e.args[0], scope);
	Kind kind = v.type.kind;
	bool big = v.type.length == max_length;
	Type type = simple(big ? Kind::bigint : Kind::integer);

	if (is_string(kind) || is_binary(kind) || kind == Kind::xml || kind == Kind::variant)
		return Value{"octet_length(" + as_bytes(v) + ")", type, v.nullable};
	return Value{"till.fixed_length(" + as_text(v) + ", " + quote_literal(declare(v.type)) + ")",
				 type, v.nullable};
}

Value
Emitter::text_call(const Expr &e, const Scope *scope, bool *is_one)
{
	auto rule = text_rules.find(e.text);

	if (e.text == "REPLACE" || e.text == "CHARINDEX")
		return search_call(e, scope);
	if (e.text == "DATALENGTH")
		return datalength_call(e, scope);
	*is_one = rule != text_rules.end() || e.text == "CONCAT";
	if (!*is_one)
		return {};

	std::vector<std::string> args;
	std::vector<Value> a = values(e.args, scope);
	std::string kinds = e.text == "CONCAT" ? std::string(a.size(), 't') : rule->second.arguments;
	bool nullable = false;

	need_arguments(e, kinds.size(), kinds.size());
	for (size_t i = 0; i < kinds.size(); i++)
	{
		args.push_back(kinds[i] == 't' ? as_text(a[i]) : convert(a[i], simple(Kind::integer)));
		nullable = nullable || a[i].nullable;
	}
	if (e.text == "CONCAT")
	{
		std::string list;

		for (const std::string &arg : args)
			list += (list.empty() ? "" : ", ") + arg;
		return Value{"concat(" + list + ")", string_type(Kind::nvarchar, max_length), false,
					 nullptr, true};
	}
	if (e.text == "UPPER" || e.text == "LOWER")
	{
		const std::string &name = a[0].type.collation;
		bool turkish = collation(name.empty() ? env.catalog.database_collation : name).turkish;

		return Value{
			"till." + fold(e.text, false) + (turkish ? "_turkish(" : "_any(") + args[0] + ")",
			text_result(rule->second, e.text, as_string(a[0]).type), nullable, nullptr, true};
	}
	Type first = kinds[0] == 't' ? as_string(a[0]).type : string_type(Kind::varchar, 8000);
	Type type = text_result(rule->second, e.text, first);

	return Value{replace_arguments(rule->second.sql, args), type, nullable, nullptr,
				 rule->second.result != 'l'};
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

/* The type of ABS, SIGN, FLOOR, CEILING and ROUND. */
static Type
number_result(const std::string &function, const Type &type)
{
	if (type.kind == Kind::bit && function != "ABS")
		throw SqlError(8116, 16, 1,
					   "Argument data type bit is invalid for argument 1 of " +
						   fold(function, false) + " function.");
	if (is_integer(type.kind) && type.kind != Kind::bit && type.kind != Kind::bigint)
		return simple(Kind::integer);
	if (type.kind == Kind::smallmoney)
		return simple(Kind::money);
	if (type.kind == Kind::decimal && function == "ABS")
		return decimal_type(38, type.scale);
	if (type.kind == Kind::bigint || type.kind == Kind::money || type.kind == Kind::decimal)
		return type;
	return simple(Kind::float8);
}

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
		Type type = number_result(e.text, v.type);
		std::string sql = replace_arguments(found->second, {convert(v, type)});

		if (type.kind == Kind::decimal && (e.text == "FLOOR" || e.text == "CEILING"))
			type = decimal_type(type.precision, 0);
		if (type.kind == Kind::money)
			sql = "till.money(" + sql + ")";
		return Value{sql, type, v.nullable};
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
		Type type = number_result(e.text, v.type);
		std::string digits = convert(n, simple(Kind::integer));
		std::string way =
			e.args.size() > 2 ? convert(value(*e.args[2], scope), simple(Kind::integer)) : "0";

		if (e.args.size() > 2 && e.args[2]->op != Op::literal)
			throw unsupported("ROUND with a third argument that is no literal");
		std::string sql = std::string(way == "0" ? "round((" : "trunc((") + convert(v, type) +
						  ")::numeric, " + digits + ")";

		if (type.kind == Kind::money)
			sql = "till.money(" + sql + ")";
		else /* also where a condition compares it: 748.58 rounded to 1000 is error 8115 */
			sql = "(" + sql + ")::" + pg_type(type);
		return Value{sql, type, v.nullable || n.nullable, nullptr, true};
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
