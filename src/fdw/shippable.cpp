/*
 * What SQL Server computes exactly as PostgreSQL does: TRUE, FALSE and UNKNOWN alike, for every
 * value, so that no row needs a second look here.
 *
 * Sent are comparisons of a column with a value known before the scan starts, or with a column of
 * the same type: integers, decimals, bit, dates and times without zone, uuid (equality); IS NULL;
 * and AND, OR and NOT of these. Operators are known by the built-in operator families, never by
 * their names. Not sent: text (another collation, trailing blanks), floats, timestamptz against
 * timestamp (the session's time zone decides), arithmetic, and every function of a column but casts
 * that keep order.
 */
#include "fdw/relation.hpp"

namespace sambapos::fdw
{

using types::Comparison;
using types::Domain;
using types::Grid;

/* ---- operators ---- */

/* pg_opfamily.dat gives these two no symbol. */
constexpr Oid numeric_family = 1988;
constexpr Oid datetime_family = 434;
constexpr Oid uuid_family = 2968;

/* The B-tree family whose order is the order of the column's points at the server. */
static Oid
family_of(const Domain &domain, Oid column_type)
{
	switch (domain.grid)
	{
		case Grid::integer:
			return column_type == NUMERICOID ? numeric_family : INTEGER_BTREE_FAM_OID;
		case Grid::decimal: return numeric_family;
		case Grid::bit: return BOOL_BTREE_FAM_OID;
		case Grid::date:
		case Grid::datetime:
		case Grid::smalldatetime:
		case Grid::datetime2: return datetime_family;
		case Grid::uuid: return uuid_family;
		case Grid::unsupported: break;
	}
	return InvalidOid;
}

/* What an operator is in a family; <> is known as the negator of =. */
static bool
comparison_in_family(Oid operator_id, Oid family, Comparison *result)
{
	static const Comparison by_strategy[] = {Comparison::less, Comparison::less_equal,
											 Comparison::equal, Comparison::greater_equal,
											 Comparison::greater};

	if (operator_id >= FirstGenbkiObjectId || !OidIsValid(family))
		return false;

	int strategy = get_op_opfamily_strategy(operator_id, family);

	if (strategy != 0)
	{
		*result = by_strategy[strategy - BTLessStrategyNumber];
		return true;
	}

	Oid negator = get_negator(operator_id);

	*result = Comparison::not_equal;
	return OidIsValid(negator) &&
		   get_op_opfamily_strategy(negator, family) == BTEqualStrategyNumber;
}

static Comparison
commuted(Comparison comparison)
{
	switch (comparison)
	{
		case Comparison::less: return Comparison::greater;
		case Comparison::less_equal: return Comparison::greater_equal;
		case Comparison::greater: return Comparison::less;
		case Comparison::greater_equal: return Comparison::less_equal;
		default: return comparison;
	}
}

/* bit and uniqueidentifier have another order at the server, or none. */
static bool
is_allowed(const Domain &domain, Comparison comparison)
{
	bool is_ordered = domain.grid != Grid::bit && domain.grid != Grid::uuid;

	return is_ordered || comparison == Comparison::equal || comparison == Comparison::not_equal;
}

/* The types whose values append_predicate can write. */
static bool
is_value_type(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case BOOLOID:
		case DATEOID:
		case TIMESTAMPOID:
		case UUIDOID: return true;
		default: return false;
	}
}

/* ---- columns and values ---- */

static Expr *
strip_relabel(Expr *expr)
{
	while (IsA(expr, RelabelType))
		expr = castNode(RelabelType, expr)->arg;
	return expr;
}

/* Any column, whatever its type. */
bool
match_any_column(const Scope *scope, Expr *expr, Var **result)
{
	expr = strip_relabel(expr);
	if (!IsA(expr, Var))
		return false;

	Var *var = castNode(Var, expr);

	*result = var;
	return bms_is_member(var->varno, scope->relids) && var->varlevelsup == 0 && var->varattno > 0;
}

/* Casts that keep order and equality, or (timestamp to date) map ranges to one value. */
static bool
is_transparent_cast(Oid function, bool *by_day)
{
	switch (function)
	{
		case F_INT4_INT2:
		case F_INT8_INT2:
		case F_INT8_INT4:
		case F_NUMERIC_INT2:
		case F_NUMERIC_INT4:
		case F_NUMERIC_INT8:
		case F_TIMESTAMP_DATE: return true;
		case F_DATE_TIMESTAMP: *by_day = true; return true;
		default: return false;
	}
}

bool
match_column(const Scope *scope, Expr *expr, ColumnRef *result)
{
	bool by_day = false;

	for (;;)
	{
		expr = strip_relabel(expr);
		if (!IsA(expr, FuncExpr))
			break;

		FuncExpr *call = castNode(FuncExpr, expr);

		if (list_length(call->args) != 1 || !is_transparent_cast(call->funcid, &by_day))
			return false;
		expr = static_cast<Expr *>(linitial(call->args));
	}
	if (!match_any_column(scope, expr, &result->var))
		return false;

	Oid table = planner_rt_fetch(result->var->varno, scope->root)->relid;

	result->domain = types::column_domain(getBaseType(result->var->vartype),
										  column_remote_type(table, result->var->varattno));
	result->domain.by_day = by_day;
	return result->domain.grid != Grid::unsupported;
}

bool
match_bit_column(const Scope *scope, Expr *expr, ColumnRef *result)
{
	return match_column(scope, expr, result) && result->domain.grid == Grid::bit;
}

/* What pull_varnos and contain_volatile_functions don't see. */
static bool
contains_unsendable(Node *node, void *context)
{
	if (node == nullptr)
		return false;
	if (IsA(node, PlaceHolderVar) || IsA(node, SubPlan) || IsA(node, AlternativeSubPlan) ||
		IsA(node, CurrentOfExpr))
		return true;
	if (IsA(node, Var) && bms_is_member(castNode(Var, node)->varno, static_cast<Relids>(context)))
		return true;
	return walk_expression(node, contains_unsendable, context);
}

bool
is_value(const Scope *scope, Expr *expr)
{
	return !contains_unsendable(reinterpret_cast<Node *>(expr), scope->relids) &&
		   !contain_volatile_functions(reinterpret_cast<Node *>(expr));
}

/* ---- comparisons ---- */

/* Two columns may be compared at the server if their points are compared there as here. */
static bool
is_same_domain(const Domain &left, const Domain &right)
{
	if (left.grid != right.grid || types::is_coarse(left) || types::is_coarse(right))
		return false;
	switch (left.grid)
	{
		case Grid::decimal: return left.precision == right.precision && left.scale == right.scale;
		case Grid::datetime2: return left.scale == right.scale;
		default: return true;
	}
}

static bool
match_sides(const Scope *scope, OpExpr *expr, bool is_commuted, ColumnComparison *result)
{
	auto *left = static_cast<Expr *>(linitial(expr->args));
	auto *right = static_cast<Expr *>(lsecond(expr->args));
	Oid left_type, right_type;

	op_input_types(expr->opno, &left_type, &right_type);
	if (is_commuted)
	{
		std::swap(left, right);
		std::swap(left_type, right_type);
	}
	if (!match_column(scope, left, &result->column) ||
		!comparison_in_family(expr->opno, family_of(result->column.domain, left_type),
							  &result->comparison) ||
		!is_allowed(result->column.domain, result->comparison))
		return false;
	if (is_commuted)
		result->comparison = commuted(result->comparison);
	result->value_type = right_type;
	if (is_value(scope, right) && is_value_type(right_type))
	{
		result->value = right;
		return true;
	}
	result->value = nullptr;
	return match_column(scope, right, &result->other) &&
		   is_same_domain(result->column.domain, result->other.domain);
}

bool
match_comparison(const Scope *scope, OpExpr *expr, ColumnComparison *result)
{
	return list_length(expr->args) == 2 &&
		   (match_sides(scope, expr, false, result) || match_sides(scope, expr, true, result));
}

/* column = ANY (array) and column <> ALL (array), which is what IN and NOT IN become. */
bool
match_array_comparison(const Scope *scope, ScalarArrayOpExpr *expr, ColumnComparison *result)
{
	auto *array = static_cast<Expr *>(lsecond(expr->args));
	Comparison wanted = expr->useOr ? Comparison::equal : Comparison::not_equal;
	Oid left_type, right_type;

	op_input_types(expr->opno, &left_type, &right_type);
	if (!match_column(scope, static_cast<Expr *>(linitial(expr->args)), &result->column) ||
		types::is_coarse(result->column.domain) || !is_value(scope, array) ||
		!is_value_type(right_type) ||
		!comparison_in_family(expr->opno, family_of(result->column.domain, left_type),
							  &result->comparison))
		return false;
	result->value = array;
	result->value_type = right_type;
	return result->comparison == wanted;
}

/* ---- boolean expressions ---- */

static bool
all_shippable(const Scope *scope, List *exprs)
{
	ListCell *cell;

	foreach (cell, exprs)
	{
		if (!is_shippable(scope, static_cast<Expr *>(lfirst(cell))))
			return false;
	}
	return true;
}

/* Of the operators' result: a set, or NULL for no NULL, no built-in comparison gives. */
bool
is_shippable(const Scope *scope, Expr *expr)
{
	ColumnComparison comparison;
	ColumnRef column;
	Var *var;

	if (is_value(scope, expr))
		return exprType(reinterpret_cast<Node *>(expr)) == BOOLOID;
	switch (nodeTag(expr))
	{
		case T_BoolExpr: return all_shippable(scope, castNode(BoolExpr, expr)->args);
		case T_OpExpr: return match_comparison(scope, castNode(OpExpr, expr), &comparison);
		case T_DistinctExpr:
			return match_comparison(scope, reinterpret_cast<OpExpr *>(expr), &comparison);
		case T_ScalarArrayOpExpr:
			return match_array_comparison(scope, castNode(ScalarArrayOpExpr, expr), &comparison);
		case T_NullTest:
			return !castNode(NullTest, expr)->argisrow &&
				   match_any_column(scope, castNode(NullTest, expr)->arg, &var);
		case T_BooleanTest:
			return match_bit_column(scope, castNode(BooleanTest, expr)->arg, &column);
		default: return match_bit_column(scope, expr, &column);
	}
}

} // namespace sambapos::fdw
