/*
 * The emitter: ORDER BY, TOP, OFFSET and FETCH, with T-SQL's rules of what may stand there. NULL
 * sorts lowest.
 */
#include "emit/emitter.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

#include <algorithm>

namespace till
{

static bool
is_constant(const Expr &e)
{
	if (e.op == Op::binary || e.op == Op::negate)
		return std::all_of(e.args.begin(), e.args.end(),
						   [](const ExprP &arg) { return is_constant(*arg); });
	return e.op == Op::literal || e.op == Op::null;
}

/* The item of the select list that an ORDER BY item names by alias or position; 0: none. Under
 * DISTINCT and set operators there must be one, which may be written out again. */
size_t
Emitter::select_position(const OrderItem &o, const CoreSql &c, bool required)
{
	bool turkish = env.catalog.is_turkish();
	size_t position = 0;

	if (o.expr->op == Op::column && o.expr->name.size() == 1)
	{
		for (size_t i = 0; i < c.names.size() && position == 0; i++)
			if (fold(c.names[i], turkish) == fold(o.expr->name[0], turkish))
				position = i + 1;
	}
	else if (o.expr->op == Op::literal && o.expr->token.kind == Tok::integer)
		position = std::stoul(o.expr->token.text);
	if (position > c.items.size() ||
		(position == 0 && o.expr->op == Op::literal && o.expr->token.kind == Tok::integer))
		throw SqlError(108, 16, 1,
					   "The ORDER BY position number " + std::to_string(position) +
						   " is out of range of the number of items in the select list.");
	if (position > 0 || !required)
		return position;

	Standing order(&c.scope, Clause::order_by, c.grouped ? &c.groups : nullptr);
	std::string sql = value(*o.expr, &c.scope).sql;

	for (size_t i = 0; i < c.items.size(); i++)
		if (c.items[i].sql == sql)
			return i + 1;
	throw SqlError(
		145, 15, 1,
		"ORDER BY items must appear in the select list if SELECT DISTINCT is specified.");
}

/* NULL sorts lowest. */
std::string
Emitter::directed(const std::string &sql, const OrderItem &o, bool nullable)
{
	if (o.descending)
		return sql + (nullable ? " DESC NULLS LAST" : " DESC");
	return sql + (nullable ? " NULLS FIRST" : "");
}

std::string
Emitter::order_item(const OrderItem &o, CoreSql &c, bool set_operation)
{
	size_t position = select_position(o, c, c.distinct && !set_operation);

	if (position > 0)
	{
		const Value &v = c.items[position - 1];
		Value item = v;

		if (set_operation)
			item.sql = "s.c" + std::to_string(position);

		std::string key = sort_key(item);
		bool by_position = key == item.sql && !set_operation;

		return directed(by_position ? std::to_string(position) : key, o,
						v.nullable || set_operation);
	}
	if (set_operation)
		throw SqlError(104, 16, 1,
					   "ORDER BY items must appear in the select list if the statement "
					   "contains a UNION, INTERSECT or EXCEPT operator.");

	Standing order(&c.scope, Clause::order_by, c.grouped ? &c.groups : nullptr);
	Value v = value(*o.expr, &c.scope);

	return directed(sort_key(v), o, v.nullable);
}

std::string
Emitter::order_by(const Query &q, CoreSql &first, bool set_operation)
{
	std::string sql;
	int position = 0;

	for (const OrderItem &o : q.order_by)
	{
		bool number = o.expr->op == Op::literal && o.expr->token.kind == Tok::integer;

		position++;
		if (o.expr->op == Op::variable)
			throw SqlError(
				1008, 16, 1,
				"The SELECT item identified by the ORDER BY number " + std::to_string(position) +
					" contains a variable as part of the expression identifying a column "
					"position. Variables are only allowed when ordering by an expression "
					"referencing a column name.");
		if (!number && is_constant(*o.expr))
			throw SqlError(408, 16, 1,
						   "A constant expression was encountered in the ORDER BY list, position " +
							   std::to_string(position) + ".");
		sql += (sql.empty() ? " ORDER BY " : ", ") + order_item(o, first, set_operation);
	}
	return sql;
}

/* TOP, OFFSET and FETCH take whole numbers; the function says which are wrong. */
std::string
Emitter::row_limit(const Value &v, const char *function)
{
	std::string what = function;

	if (!is_integer(v.type.kind) && v.type.kind != Kind::null &&
		!(v.type.kind == Kind::decimal && v.type.scale == 0))
	{
		if (what == "till.top_rows")
			throw SqlError(1060, 15, 1,
						   "The number of rows provided for a TOP or FETCH clauses row count "
						   "parameter must be an integer.");
		throw SqlError(10743, 15, 1,
					   std::string("The number of rows provided for a ") +
						   (what == "till.fetch_rows" ? "FETCH" : "OFFSET") +
						   " clause must be an integer.");
	}
	return what + "(" + convert(v, simple(Kind::bigint)) + ")";
}

std::string
Emitter::paging(const Query &q, const CoreSql &first, const Scope *outer)
{
	std::string sql;

	if (q.offset == nullptr)
		return "";
	if (!first.top.empty())
		throw SqlError(10741, 15, 2,
					   "A TOP can not be used in the same query or sub-query as an OFFSET.");
	sql = " OFFSET " + row_limit(value(*q.offset, outer), "till.offset_rows");
	if (q.fetch != nullptr)
		sql += " LIMIT " + row_limit(value(*q.fetch, outer), "till.fetch_rows");
	return sql;
}

} // namespace till
