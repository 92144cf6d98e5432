/*
 * Conditions as T-SQL, one small function a node type. What arrives here has passed is_shippable;
 * the two files know the same node types.
 *
 * T-SQL keeps predicates and values apart: a bit column is no condition, [c] = 1 is one.
 */
#include "fdw/relation.hpp"

namespace sambapos::fdw
{

using types::Comparison;
using types::Form;
using types::Predicate;

static void
append_column(StringInfo sql, RelOptInfo *rel, AttrNumber attribute)
{
	types::append_identifier(sql, column_name(planned_table(rel)->relid, attribute));
}

static char *
column_text(RelOptInfo *rel, AttrNumber attribute)
{
	StringInfoData text;

	initStringInfo(&text);
	append_column(&text, rel, attribute);
	return text.data;
}

/* A value that is known now is written now. */
static void
deparse_predicate(RemoteSql *sql, const Predicate &predicate, Expr *value)
{
	if (IsA(value, Const))
		append_predicate(&sql->text, predicate, castNode(Const, value)->constvalue,
						 castNode(Const, value)->constisnull);
	else
		add_parameter(sql, predicate, value);
}

/* Never UNKNOWN with [not] distinct. */
static void
deparse_columns(StringInfo sql, const char *left, Comparison comparison, const char *right)
{
	if (comparison < Comparison::distinct)
	{
		appendStringInfo(sql, "%s %s %s", left, comparison_symbol(comparison), right);
		return;
	}
	if (comparison == Comparison::distinct)
		appendStringInfoString(sql, "NOT ");
	appendStringInfo(sql,
					 "(%s IS NOT NULL AND %s IS NOT NULL AND %s = %s OR %s IS NULL AND %s IS NULL)",
					 left, right, left, right, left, right);
}

static void
deparse_comparison(RemoteSql *sql, RelOptInfo *rel, const ColumnComparison &match)
{
	if (match.value == nullptr)
	{
		deparse_columns(&sql->text, column_text(rel, match.column.attribute), match.comparison,
						column_text(rel, match.other.attribute));
		return;
	}
	deparse_predicate(sql,
					  {Form::comparison, match.comparison, match.column.domain, match.value_type,
					   column_text(rel, match.column.attribute)},
					  match.value);
}

static void
deparse_operator(RemoteSql *sql, RelOptInfo *rel, OpExpr *expr)
{
	ColumnComparison match;

	match_comparison(rel, expr, &match);
	deparse_comparison(sql, rel, match);
}

/* IS NOT DISTINCT FROM is the negation of the other in PostgreSQL's trees; written as one it can be
 * looked up in an index. */
static void
deparse_distinct(RemoteSql *sql, RelOptInfo *rel, Expr *expr, Comparison comparison)
{
	ColumnComparison match;

	match_comparison(rel, reinterpret_cast<OpExpr *>(expr), &match);
	match.comparison = comparison;
	deparse_comparison(sql, rel, match);
}

static void
deparse_array_comparison(RemoteSql *sql, RelOptInfo *rel, ScalarArrayOpExpr *expr)
{
	ColumnComparison match;

	match_array_comparison(rel, expr, &match);
	deparse_predicate(sql,
					  {expr->useOr ? Form::any : Form::all, match.comparison, match.column.domain,
					   match.value_type, column_text(rel, match.column.attribute)},
					  match.value);
}

static void
deparse_null_test(RemoteSql *sql, RelOptInfo *rel, NullTest *expr)
{
	AttrNumber attribute;

	match_any_column(rel, expr->arg, &attribute);
	append_column(&sql->text, rel, attribute);
	appendStringInfoString(&sql->text, expr->nulltesttype == IS_NULL ? " IS NULL" : " IS NOT NULL");
}

/* IS TRUE and its kin are never UNKNOWN. */
static void
deparse_boolean_test(RemoteSql *sql, RelOptInfo *rel, BooleanTest *expr)
{
	const char *pattern = "";
	ColumnRef column;

	match_bit_column(rel, expr->arg, &column);

	const char *name = column_text(rel, column.attribute);

	switch (expr->booltesttype)
	{
		case IS_TRUE: pattern = "(%s IS NOT NULL AND %s = 1)"; break;
		case IS_FALSE: pattern = "(%s IS NOT NULL AND %s = 0)"; break;
		case IS_NOT_TRUE: pattern = "(%s IS NULL OR %s = 0)"; break;
		case IS_NOT_FALSE: pattern = "(%s IS NULL OR %s = 1)"; break;
		case IS_UNKNOWN: pattern = "%s IS NULL"; break;
		case IS_NOT_UNKNOWN: pattern = "%s IS NOT NULL"; break;
	}
	appendStringInfo(&sql->text, pattern, name, name);
}

static void
deparse_bool_expr(RemoteSql *sql, RelOptInfo *rel, BoolExpr *expr)
{
	const char *separator = expr->boolop == OR_EXPR ? " OR " : " AND ";
	auto *first = static_cast<Expr *>(linitial(expr->args));
	ListCell *cell;

	if (expr->boolop == NOT_EXPR && IsA(first, DistinctExpr))
	{
		deparse_distinct(sql, rel, first, Comparison::not_distinct);
		return;
	}
	if (expr->boolop == NOT_EXPR)
		appendStringInfoString(&sql->text, "NOT ");
	appendStringInfoChar(&sql->text, '(');
	foreach (cell, expr->args)
	{
		if (foreach_current_index(cell) > 0)
			appendStringInfoString(&sql->text, separator);
		deparse_condition(sql, rel, static_cast<Expr *>(lfirst(cell)));
	}
	appendStringInfoChar(&sql->text, ')');
}

static void
deparse_bit(RemoteSql *sql, RelOptInfo *rel, Expr *expr)
{
	ColumnRef column;

	match_bit_column(rel, expr, &column);
	append_column(&sql->text, rel, column.attribute);
	appendStringInfoString(&sql->text, " = 1");
}

void
deparse_condition(RemoteSql *sql, RelOptInfo *rel, Expr *expr)
{
	if (is_value(rel, expr))
	{
		deparse_predicate(sql, {Form::truth, Comparison::equal, {}, BOOLOID, ""}, expr);
		return;
	}
	switch (nodeTag(expr))
	{
		case T_BoolExpr: deparse_bool_expr(sql, rel, castNode(BoolExpr, expr)); break;
		case T_OpExpr: deparse_operator(sql, rel, castNode(OpExpr, expr)); break;
		case T_DistinctExpr: deparse_distinct(sql, rel, expr, Comparison::distinct); break;
		case T_ScalarArrayOpExpr:
			deparse_array_comparison(sql, rel, castNode(ScalarArrayOpExpr, expr));
			break;
		case T_NullTest: deparse_null_test(sql, rel, castNode(NullTest, expr)); break;
		case T_BooleanTest: deparse_boolean_test(sql, rel, castNode(BooleanTest, expr)); break;
		default: deparse_bit(sql, rel, expr); break;
	}
}

} // namespace sambapos::fdw
