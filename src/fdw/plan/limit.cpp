/*
 * LIMIT and OFFSET: whether they can be sent, and how.
 *
 * Without an offset TOP is enough, and needs no order. OFFSET and FETCH are parts of ORDER BY,
 * which is there for their sake if for nothing else. A count known only when the scan starts
 * travels as a parameter: NULL is no limit, a negative one the error PostgreSQL gives. FETCH takes
 * no zero, so then a condition that is never true goes with it. A constant zero is not sent: the
 * planner needs no scan to answer it.
 */
#include "fdw/plan/relation.hpp"

namespace sambapos::fdw
{

using types::Comparison;
using types::Form;

/* A count, or null for none. */
static Expr *
count_of(Node *node)
{
	if (node == nullptr || (IsA(node, Const) && castNode(Const, node)->constisnull))
		return nullptr;
	return reinterpret_cast<Expr *>(node);
}

static bool
is_constant(Expr *count)
{
	return count != nullptr && IsA(count, Const);
}

static int64
constant_of(Expr *count)
{
	return DatumGetInt64(castNode(Const, count)->constvalue);
}

/* A negative constant is PostgreSQL's to complain about. */
static bool
is_writable(const Scope *scope, Expr *count)
{
	if (count == nullptr)
		return true;
	return is_constant(count) ? constant_of(count) >= 0 : is_value(scope, count);
}

bool
is_remote_limit(const Scope *scope, const Query *parse)
{
	Expr *count = count_of(parse->limitCount);

	if (parse->limitOption == LIMIT_OPTION_WITH_TIES ||
		(is_constant(count) && constant_of(count) == 0))
		return false;
	return is_writable(scope, count) && is_writable(scope, count_of(parse->limitOffset));
}

static bool
has_offset(const Query *parse)
{
	Expr *offset = count_of(parse->limitOffset);

	return offset != nullptr && !(is_constant(offset) && constant_of(offset) == 0);
}

static void
append_count(RemoteSql *sql, Expr *count, Form form)
{
	types::Predicate predicate = {form, Comparison::equal, {}, INT8OID, ""};

	if (is_constant(count))
		append_predicate(&sql->text, predicate, castNode(Const, count)->constvalue, false);
	else
		add_parameter(sql, predicate, count);
}

void
append_top(RemoteSql *sql, const Query *parse)
{
	Expr *count = count_of(parse->limitCount);

	if (has_offset(parse) || count == nullptr)
		return;
	appendStringInfoString(&sql->text, "TOP (");
	append_count(sql, count, Form::limit);
	appendStringInfoString(&sql->text, ") ");
}

void
append_offset(RemoteSql *sql, const Query *parse, bool is_ordered)
{
	Expr *count = count_of(parse->limitCount);

	if (!has_offset(parse))
		return;
	if (!is_ordered)
		appendStringInfoString(&sql->text, " ORDER BY (SELECT NULL)");
	appendStringInfoString(&sql->text, " OFFSET ");
	append_count(sql, count_of(parse->limitOffset), Form::offset);
	appendStringInfoString(&sql->text, " ROWS");
	if (count == nullptr)
		return;
	appendStringInfoString(&sql->text, " FETCH NEXT ");
	append_count(sql, count, Form::fetch);
	appendStringInfoString(&sql->text, " ROWS ONLY");
}

Expr *
limit_guard(const Query *parse)
{
	constexpr Oid int8_equal = 410;
	Expr *count = count_of(parse->limitCount);

	if (!has_offset(parse) || count == nullptr || is_constant(count))
		return nullptr;

	BooleanTest *test = makeNode(BooleanTest);
	Const *zero =
		makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(0), false, FLOAT8PASSBYVAL);

	test->arg = make_opclause(int8_equal, BOOLOID, false, count, reinterpret_cast<Expr *>(zero),
							  InvalidOid, InvalidOid);
	set_opfuncid(castNode(OpExpr, test->arg));
	test->booltesttype = IS_NOT_TRUE;
	test->location = -1;
	return reinterpret_cast<Expr *>(test);
}

} // namespace sambapos::fdw
