/* The emitter: aggregates and window functions, with the result types T-SQL gives them. */
#include "emit/emitter.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

#include <set>

namespace till
{

constexpr char mark = '\1';

static Type
sum_type(const Type &t)
{
	if (t.kind == Kind::bigint)
		return t;
	if (is_integer(t.kind) && t.kind != Kind::bit)
		return simple(Kind::integer);
	if (t.kind == Kind::smallmoney || t.kind == Kind::money)
		return simple(Kind::money);
	if (t.kind == Kind::decimal)
		return decimal_type(38, t.scale);
	if (t.kind == Kind::real || t.kind == Kind::float8)
		return simple(Kind::float8);
	throw SqlError(8117, 16, 1,
				   "Operand data type " + type_name(t) + " is invalid for sum operator.");
}

static bool
is_aggregate(const std::string &f)
{
	static const std::set<std::string> names = {
		"COUNT",        "COUNT_BIG",  "SUM",   "AVG",  "MIN",         "MAX",
		"CHECKSUM_AGG", "STRING_AGG", "STDEV", "VAR",  "ROW_NUMBER",  "RANK",
		"DENSE_RANK",   "NTILE",      "LAG",   "LEAD", "FIRST_VALUE", "LAST_VALUE"};

	return names.count(f) > 0;
}

/* v.sql holds a mark where the call belongs; the call and its OVER clause go there. */
Value
Emitter::windowed(const Expr &e, const Scope *scope, Value v, const std::string &bare)
{
	std::string over;

	if (e.window != nullptr && !e.attempt)
	{
		over = " OVER (";
		for (size_t i = 0; i < e.window->partition.size(); i++)
			over += (i ? ", " : "PARTITION BY ") + group_key(value(*e.window->partition[i], scope));
		for (size_t i = 0; i < e.window->order.size(); i++)
		{
			Value o = value(*e.window->order[i].expr, scope);

			over += (i ? ", " : " ORDER BY ") + sort_key(o) +
					(e.window->order[i].descending ? " DESC NULLS LAST" : " NULLS FIRST");
		}
		over += ")";
	}
	v.sql.replace(v.sql.find(mark), 1, bare + over);
	return v;
}

std::string
Emitter::counted(const Expr &e, const Scope *scope)
{
	Value v = value(*e.args[0], scope);

	if (v.type.kind == Kind::datetimeoffset)
		return "(" + v.sql + ").ticks";
	return e.distinct ? group_key(v) : v.sql;
}

Value
Emitter::aggregate(const Expr &e, const Scope *scope, bool *is_one)
{
	const std::string &f = e.text;
	std::string distinct = e.distinct ? "DISTINCT " : "";

	*is_one = is_aggregate(f);
	if (!*is_one)
		return {};
	if (is_group_function(e))
		check_aggregate(scope);

	Standing inside(is_group_function(e) ? scope : nullptr, Clause::argument);

	if (f == "ROW_NUMBER" || f == "RANK" || f == "DENSE_RANK")
	{
		if (e.window == nullptr)
			throw SqlError(10753, 15, 3, "The function '" + f + "' must have an OVER clause.");
		return windowed(e, scope, Value{"\1", simple(Kind::bigint), false, nullptr, true},
						fold(f, false) + "()");
	}
	if (e.args.empty())
		throw SqlError(174, 15, 1, "The " + f + " function requires 1 argument(s).");
	if (f == "COUNT" || f == "COUNT_BIG")
	{
		bool star = e.args[0]->op == Op::star;
		std::string bare =
			"count(" + (star ? std::string("*") : distinct + counted(e, scope)) + ")";

		if (f == "COUNT_BIG")
			return windowed(e, scope, Value{"\1", simple(Kind::bigint), false, nullptr, true},
							bare);
		return windowed(e, scope, Value{"(\1)::int4", simple(Kind::integer), false, nullptr, true},
						bare);
	}

	Value v = value(*e.args[0], scope);

	if (f == "SUM" || f == "AVG")
	{
		Type type = sum_type(v.type);
		bool floating = type.kind == Kind::float8;

		std::string argument = distinct + "(" + v.sql + ")" + (floating ? "::float8)" : ")");
		/* the sum is of the result's type, also of an average */
		std::string total = type.kind == Kind::money ? "till.money(\1)"
							: type.kind == Kind::decimal
								? "(\1)::numeric(38," + std::to_string(type.scale) + ")"
								: "(\1)::" + pg_type(type);

		if (f == "SUM" || floating)
			return windowed(e, scope, Value{total, type, true, nullptr, true},
							(f == "SUM" ? "sum(" : "avg(") + argument);
		if (type.kind == Kind::decimal)
			type.scale = std::max(6, type.scale);
		std::string sql = "till.average(" + total + ", \1, " +
						  (type.kind == Kind::money ? "4" : std::to_string(type.scale)) + ")";

		if (is_integer(type.kind))
			sql = "(" + total + " / nullif(\1, 0))::" + pg_type(type);
		v = windowed(e, scope, Value{sql, type, true, nullptr, is_integer(type.kind)},
					 "sum(" + argument);
		return windowed(e, scope, v, "count(" + argument);
	}
	if (f == "MIN" || f == "MAX")
	{
		if (v.type.kind == Kind::bit)
			throw SqlError(8117, 16, 1,
						   "Operand data type bit is invalid for " + fold(f, false) + " operator.");
		v.literal = nullptr;
		std::string argument = exactly(v);

		if (is_string(v.type.kind))
			argument += collation_clause(v.type);
		v.nullable = true;
		v.exact = true;
		v.identity = false;
		v.sql = "\1";
		return windowed(e, scope, v, fold(f, false) + "(" + argument + ")");
	}
	if (f == "CHECKSUM_AGG")
		return windowed(e, scope, Value{"(\1)", simple(Kind::integer)},
						"bit_xor(" + distinct + convert(v, simple(Kind::integer)) + ")");
	if (f == "STRING_AGG")
	{
		std::string order;

		if (e.args.size() != 2)
			throw SqlError(174, 15, 1, "The STRING_AGG function requires 2 argument(s).");
		for (size_t i = 0; e.attempt && i < e.window->order.size(); i++)
			order += (i ? ", " : " ORDER BY ") + value(*e.window->order[i].expr, scope).sql +
					 (e.window->order[i].descending ? " DESC" : "");
		return Value{"string_agg(" + as_text(v) + ", " + as_text(value(*e.args[1], scope)) + order +
						 ")",
					 string_type(Kind::nvarchar, max_length), true, nullptr, true};
	}
	if (f == "STDEV" || f == "VAR")
		return windowed(e, scope, Value{"(\1)", simple(Kind::float8)},
						std::string(f == "VAR" ? "var_samp((" : "stddev_samp((") + v.sql +
							")::float8)");
	if (e.window == nullptr)
		throw SqlError(10753, 15, 3, "The function '" + f + "' must have an OVER clause.");

	std::string bare = fold(f, false) + "(" + v.sql;

	for (size_t i = 1; i < e.args.size(); i++)
		bare += ", " + convert(value(*e.args[i], scope), i == 1 ? simple(Kind::integer) : v.type);
	if (f == "NTILE")
		return windowed(e, scope, Value{"(\1)", simple(Kind::bigint)}, bare + ")");
	v.literal = nullptr;
	v.nullable = true;
	v.sql = "\1";
	v.identity = false;
	return windowed(e, scope, v, bare + ")");
}

} // namespace till
