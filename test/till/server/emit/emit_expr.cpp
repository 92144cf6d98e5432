/* The emitter: literals, names, arithmetic, CASE. */
#include "emit/emitter.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

#include <algorithm>
#include <cstdlib>

namespace till
{

Value
Emitter::value(const Expr &e, const Scope *scope)
{
	Value v = emit(e, scope);

	if (v.type.kind == Kind::predicate)
		throw SqlError(102, 15, 1,
					   "Incorrect syntax: a condition stands where a value is expected.");
	return v;
}

std::vector<Value>
Emitter::values(const std::vector<ExprP> &list, const Scope *scope)
{
	std::vector<Value> out;

	for (const ExprP &e : list)
		out.push_back(value(*e, scope));
	return out;
}

std::string
Emitter::condition(const Expr &e, const Scope *scope)
{
	Value v = emit(e, scope);

	if (v.type.kind != Kind::predicate)
		throw SqlError(4145, 15, 1,
					   "An expression of non-boolean type specified in a context where a condition "
					   "is expected.");
	return v.sql;
}

static Value
predicate(std::string sql)
{
	return Value{std::move(sql), simple(Kind::predicate)};
}

Value
Emitter::emit(const Expr &e, const Scope *scope)
{
	Value v;

	return group_expression(e, scope, &v) ? v : emit_plain(e, scope);
}

Value
Emitter::emit_plain(const Expr &e, const Scope *scope)
{
	switch (e.op)
	{
		case Op::literal: return literal(e);
		case Op::null: return Value{"NULL", simple(Kind::null)};
		case Op::column: return column(e, scope);
		case Op::variable: return variable(e);
		case Op::negate:
		case Op::bit_not:
		{
			Value v = value(*e.args[0], scope);
			bool minus = e.op == Op::negate;

			if ((!is_number(v.type.kind) && v.type.kind != Kind::null) ||
				(minus && v.type.kind == Kind::bit))
				throw SqlError(8117, 16, 1,
							   "Operand data type " + type_name(v.type) +
								   " is invalid for minus operator.");
			if (minus && v.type.kind == Kind::tinyint) /* which has no negative numbers */
				v.type = simple(Kind::smallint);
			if (v.type.kind == Kind::tinyint)
				return Value{"(255 - " + v.sql + ")::int2", v.type, v.nullable, nullptr, true};
			if (v.type.kind == Kind::bit)
				return Value{"(1 - " + v.sql + ")::int2", v.type, v.nullable, nullptr, true};
			return Value{(minus ? "(- " : "(~ ") + v.sql + ")", v.type, v.nullable,
						 minus && is_exact(v.type.kind) ? v.literal : nullptr};
		}
		case Op::binary: return arithmetic(e, scope);
		case Op::compare:
			return compare(e.text, value(*e.args[0], scope), value(*e.args[1], scope));
		case Op::both:
			return predicate("(" + condition(*e.args[0], scope) + " AND " +
							 condition(*e.args[1], scope) + ")");
		case Op::either:
			return predicate("(" + condition(*e.args[0], scope) + " OR " +
							 condition(*e.args[1], scope) + ")");
		case Op::invert: return predicate("(NOT " + condition(*e.args[0], scope) + ")");
		case Op::is_null:
		{
			Value v = value(*e.args[0], scope);
			std::string sql = v.type.kind == Kind::datetimeoffset || v.type.kind == Kind::variant
								  ? "(" + v.sql + ")::text"
								  : v.sql;

			return predicate("(" + sql + (e.negated ? " IS NOT NULL)" : " IS NULL)"));
		}
		case Op::like: return like(e, scope);
		case Op::in_list: return in_list(e, scope);
		case Op::in_query:
		case Op::quantified: return in_query(e, scope);
		case Op::between:
		{
			Value v = value(*e.args[0], scope);
			std::string low = compare(">=", v, value(*e.args[1], scope)).sql;
			std::string high = compare("<=", v, value(*e.args[2], scope)).sql;

			return predicate((e.negated ? "(NOT (" : "((") + low + " AND " + high + "))");
		}
		case Op::exists: return predicate("EXISTS (" + subquery(*e.query, scope).sql + ")");
		case Op::choice: return choice(e, scope);
		case Op::cast:
		{
			Value v = value(*e.args[0], scope);
			int style = -1;

			if (e.args.size() > 1)
			{
				if (e.args[1]->op != Op::literal)
					throw unsupported("CONVERT with a style that is no literal");
				style = std::atoi(e.args[1]->token.text.c_str());
			}
			Type to = e.type;

			if (is_string(to.kind) && to.collation.empty())
				to.collation = v.type.collation;
			return Value{convert(v, to, style, e.attempt), to, v.nullable || e.attempt, nullptr,
						 true};
		}
		case Op::call: return call(e, scope);
		case Op::scalar: return scalar_query(e, scope);
		case Op::collate:
		{
			Value v = value(*e.args[0], scope);

			if (v.type.kind != Kind::null && !is_string(v.type.kind))
				throw SqlError(447, 16, 0,
							   "Expression type " + type_name(v.type) +
								   " is invalid for COLLATE clause.");
			collation(e.text); /* 448 if there is none */
			v.type.collation =
				same_word(e.text, "database_default") ? env.catalog.database_collation : e.text;
			v.type.explicit_collation = true;
			return v;
		}
		case Op::star: break;
	}
	throw syntax_error("*");
}

Value
Emitter::literal(const Expr &e)
{
	const Token &t = e.token;
	Value v;

	v.nullable = false;
	v.literal = &t;
	switch (t.kind)
	{
		case Tok::string:
		case Tok::nstring:
		{
			int units = static_cast<int>(utf16_units(t.text)),
				limit = t.kind == Tok::string ? 8000 : 4000;

			v.type = string_type(t.kind == Tok::string ? Kind::varchar : Kind::nvarchar,
								 units > limit ? max_length : std::max(1, units));
			v.sql = quote_literal(t.text) + "::text";
			v.exact = true;
			return v;
		}
		case Tok::integer:
		{
			size_t zeros = t.text.find_first_not_of('0');
			std::string digits = zeros == std::string::npos ? "0" : t.text.substr(zeros);

			if (digits.size() > 38)
				throw SqlError(1007, 15, 1,
							   "The number '" + t.text +
								   "' is out of the range for numeric representation.");
			v.sql = digits;
			if (digits.size() < 10 || (digits.size() == 10 && digits <= "2147483647"))
			{
				v.type = simple(Kind::integer);
				v.exact = true;
				return v;
			}
			v.type = decimal_type(static_cast<int>(digits.size()), 0);
			v.sql += "::numeric";
			return v;
		}
		case Tok::decimal:
		{
			size_t point = t.text.find('.'), whole = t.text.find_first_not_of('0');
			int scale = static_cast<int>(t.text.size() - point - 1);
			int digits = whole >= point ? 0 : static_cast<int>(point - whole);

			v.type = decimal_type(std::max(1, digits + scale), scale);
			v.sql = t.text + "::numeric";
			return v;
		}
		case Tok::real:
			v.type = simple(Kind::float8);
			v.sql = t.text + "::float8";
			return v;
		case Tok::money:
			v.type = simple(Kind::money);
			v.sql = "(" + t.text + "::numeric(19,4))";
			return v;
		default: break;
	}
	std::string hex = t.text.size() % 2 ? "0" + t.text : t.text;

	v.type = string_type(Kind::varbinary, std::max(1, static_cast<int>(hex.size() / 2)));
	v.sql = "'\\x" + hex + "'::bytea";
	v.literal = nullptr;
	return v;
}

/* Looks for a possibly qualified column among the sources of one scope. */
bool
Emitter::column_in(const Scope &scope, const Name &name, Value *found)
{
	bool turkish = env.catalog.is_turkish();
	std::string wanted = fold(name.back(), turkish);
	std::string qualifier = name.size() > 1 ? fold(name[name.size() - 2], turkish) : "";
	int hits = 0;

	for (const Source &s : scope.sources)
	{
		if (name.size() > 1 && fold(s.alias, turkish) != qualifier)
			continue;
		for (const OutputColumn &c : s.columns)
			if (fold(c.name, turkish) == wanted)
			{
				if (++hits > 1)
					throw SqlError(209, 16, 1, "Ambiguous column name '" + name.back() + "'.");
				*found = Value{s.pg + "." + quote_identifier(c.name),
							   c.type,
							   c.nullable,
							   nullptr,
							   true,
							   c.identity};
			}
	}
	return hits > 0;
}

Value
Emitter::column(const Expr &e, const Scope *scope)
{
	Value found;

	for (const Scope *s = scope; s != nullptr; s = s->outer)
		if (column_in(*s, e.name, &found))
		{
			if (s->groups != nullptr)
				throw ungrouped_column(joined(e.name), s->clause);
			return found;
		}
	if (e.name.size() > 1)
		throw SqlError(4104, 16, 1,
					   "The multi-part identifier \"" + joined(e.name) + "\" could not be bound.");
	SqlError error(207, 16, 1, "Invalid column name '" + e.name.back() + "'.");

	error.line = e.line;
	throw error;
}

Value
Emitter::variable(const Expr &e)
{
	if (e.text.compare(0, 2, "@@") == 0)
		return env.global(upper_ascii(e.text));

	auto found = env.variables.find(fold(e.text, false));

	if (found == env.variables.end())
		throw SqlError(137, 15, 2, "Must declare the scalar variable \"" + e.text + "\".");
	const Variable &v = found->second;
	std::string sql = (v.null ? "NULL" : quote_literal(v.text)) + "::" + pg_type(v.type);

	return Value{sql, v.type, true, nullptr, true};
}

/* a / b, cut behind the scale's last digit. */
static std::string
quotient(const std::string &a, const std::string &b, int scale)
{
	std::string n = std::to_string(scale);

	return "(div((" + a + ")::numeric * 1e" + n + "::numeric, (" + b + ")::numeric) * 1e-" + n +
		   "::numeric)";
}

Value
Emitter::numeric_operation(const std::string &op, const Value &a, const Value &b, const Type &type)
{
	std::string left =
		convert(a, is_string(a.type.kind) || a.type.kind == Kind::null ? type : a.type);
	std::string right =
		convert(b, is_string(b.type.kind) || b.type.kind == Kind::null ? type : b.type);
	bool nullable = a.nullable || b.nullable;
	std::string sql = "(" + left + " " + op + " " + right + ")";

	if (type.kind == Kind::real || type.kind == Kind::float8)
	{
		if (op == "%")
			throw SqlError(
				402, 16, 1,
				"The data types float and float are incompatible in the modulo operator.");
		sql = "((" + left + ")::float8 " + op + " (" + right + ")::float8)";
		return Value{type.kind == Kind::real ? sql + "::float4" : sql, type, nullable, nullptr,
					 true};
	}
	if (type.kind == Kind::tinyint)
		return Value{"till.tinyint_result((" + left + ")::int4 " + op + " (" + right + ")::int4)",
					 type, nullable, nullptr, true};
	if (type.kind == Kind::money || type.kind == Kind::smallmoney)
	{
		if (op == "/")
			sql = quotient(left, right, 4);
		return Value{"till." + type_name(type) + "(" + sql + ")", type, nullable, nullptr, true};
	}
	if (type.kind == Kind::decimal)
	{
		if (op == "/")
			sql = quotient(left, right, type.scale);
		if (type.precision == 38) /* else it cannot overflow */
			sql = "(" + sql + ")::" + pg_type(type);
	}
	return Value{sql, type, nullable};
}

static Type
literal_decimal(const Value &v)
{
	std::string digits = v.literal->text;

	digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
	return decimal_type(static_cast<int>(digits.size()), 0);
}

Value
Emitter::arithmetic(const Expr &e, const Scope *scope)
{
	Value a = value(*e.args[0], scope), b = value(*e.args[1], scope);
	bool nullable = a.nullable || b.nullable;

	if (e.text == "&" || e.text == "|" || e.text == "^")
	{
		Type t = common_type(a.type, b.type);

		if (!is_integer(t.kind))
			throw SqlError(402, 16, 1,
						   "The data types are incompatible in the '" + e.text + "' operator.");
		return Value{"(" + convert(a, t) + (e.text == "^" ? " # " : " " + e.text + " ") +
						 convert(b, t) + ")",
					 t, nullable};
	}

	/* beside a decimal an int literal counts its own digits */
	if (a.literal != nullptr && a.type.kind == Kind::integer && b.type.kind == Kind::decimal)
		a.type = literal_decimal(a);
	if (b.literal != nullptr && b.type.kind == Kind::integer && a.type.kind == Kind::decimal)
		b.type = literal_decimal(b);

	Type type = arithmetic_type(e.text[0], a.type, b.type);

	if (is_string(type.kind))
		return Value{"(" + as_text(a) + " || " + as_text(b) + ")", type, nullable, nullptr, true};
	if (is_binary(type.kind))
		return Value{"(" + a.sql + " || " + b.sql + ")", type, nullable, nullptr, true};
	if (is_temporal(type.kind))
	{
		if (is_temporal(a.type.kind) && is_temporal(b.type.kind))
			throw unsupported("adding or subtracting two dates; use DATEDIFF");
		const Value &date = is_temporal(a.type.kind) ? a : b,
					&days = is_temporal(a.type.kind) ? b : a;

		return Value{"till.round300(" + convert(date, type) + " " + e.text + " (" +
						 convert(days, simple(Kind::float8)) + ") * interval '1 day')",
					 type, nullable};
	}
	return numeric_operation(e.text, a, b, type);
}

Type
Emitter::unified(const std::vector<Value> &list)
{
	Type t = simple(Kind::null);

	for (const Value &v : list)
		t = common_type(t, v.type);
	return t.kind == Kind::null ? simple(Kind::integer) : t;
}

Value
Emitter::choice(const Expr &e, const Scope *scope)
{
	std::vector<Value> results;
	std::vector<std::string> conditions;
	size_t i = e.has_operand ? 1 : 0, end = e.args.size() - (e.has_else ? 1 : 0);
	bool nullable = !e.has_else;

	for (; i + 1 < end; i += 2)
	{
		if (e.has_operand)
			conditions.push_back(
				compare("=", value(*e.args[0], scope), value(*e.args[i], scope)).sql);
		else
			conditions.push_back(condition(*e.args[i], scope));
		results.push_back(value(*e.args[i + 1], scope));
	}
	if (e.has_else)
		results.push_back(value(*e.args.back(), scope));

	Type type = unified(results);
	std::string sql = "(CASE";

	for (i = 0; i < conditions.size(); i++)
	{
		sql += " WHEN " + conditions[i] + " THEN " + convert(results[i], type);
		nullable = nullable || results[i].nullable;
	}
	if (e.has_else)
	{
		sql += " ELSE " + convert(results.back(), type);
		nullable = nullable || results.back().nullable;
	}
	return Value{sql + " END)", type, nullable};
}

Value
Emitter::scalar_query(const Expr &e, const Scope *scope)
{
	Compiled c = subquery(*e.query, scope);

	if (c.columns.size() != 1)
		throw SqlError(116, 16, 1,
					   "Only one expression can be specified in the select list when the subquery "
					   "is not introduced "
					   "with EXISTS.");
	return Value{"(" + c.sql + ")", c.columns[0].type, true, nullptr, true};
}

} // namespace till
