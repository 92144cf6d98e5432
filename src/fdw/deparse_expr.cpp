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

void
append_column(StringInfo sql, const Scope *scope, const Var *var)
{
	if (scope->qualified)
		appendStringInfo(sql, "[r%d].", static_cast<int>(var->varno));
	types::append_identifier(
		sql, column_name(planner_rt_fetch(var->varno, scope->root)->relid, var->varattno));
}

static char *
column_text(const Scope *scope, const Var *var)
{
	StringInfoData text;

	initStringInfo(&text);
	append_column(&text, scope, var);
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
deparse_comparison(RemoteSql *sql, const Scope *scope, const ColumnComparison &match)
{
	if (match.value == nullptr)
	{
		deparse_columns(&sql->text, column_text(scope, match.column.var), match.comparison,
						column_text(scope, match.other.var));
		return;
	}
	deparse_predicate(sql,
					  {Form::comparison, match.comparison, match.column.domain, match.value_type,
					   column_text(scope, match.column.var)},
					  match.value);
}

static void
deparse_operator(RemoteSql *sql, const Scope *scope, OpExpr *expr)
{
	ColumnComparison match;

	match_comparison(scope, expr, &match);
	deparse_comparison(sql, scope, match);
}

/* IS NOT DISTINCT FROM is the negation of the other in PostgreSQL's trees; written as one it can be
 * looked up in an index. */
static void
deparse_distinct(RemoteSql *sql, const Scope *scope, Expr *expr, Comparison comparison)
{
	ColumnComparison match;

	match_comparison(scope, reinterpret_cast<OpExpr *>(expr), &match);
	match.comparison = comparison;
	deparse_comparison(sql, scope, match);
}

static void
deparse_array_comparison(RemoteSql *sql, const Scope *scope, ScalarArrayOpExpr *expr)
{
	ColumnComparison match;

	match_array_comparison(scope, expr, &match);
	deparse_predicate(sql,
					  {expr->useOr ? Form::any : Form::all, match.comparison, match.column.domain,
					   match.value_type, column_text(scope, match.column.var)},
					  match.value);
}

static void
deparse_null_test(RemoteSql *sql, const Scope *scope, NullTest *expr)
{
	Var *var;

	match_any_column(scope, expr->arg, &var);
	append_column(&sql->text, scope, var);
	appendStringInfoString(&sql->text, expr->nulltesttype == IS_NULL ? " IS NULL" : " IS NOT NULL");
}

/* IS TRUE and its kin are never UNKNOWN. */
static void
deparse_boolean_test(RemoteSql *sql, const Scope *scope, BooleanTest *expr)
{
	const char *pattern = "";
	ColumnRef column;

	match_bit_column(scope, expr->arg, &column);

	const char *name = column_text(scope, column.var);

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
deparse_bool_expr(RemoteSql *sql, const Scope *scope, BoolExpr *expr)
{
	const char *separator = expr->boolop == OR_EXPR ? " OR " : " AND ";
	auto *first = static_cast<Expr *>(linitial(expr->args));
	ListCell *cell;

	if (expr->boolop == NOT_EXPR && IsA(first, DistinctExpr))
	{
		deparse_distinct(sql, scope, first, Comparison::not_distinct);
		return;
	}
	if (expr->boolop == NOT_EXPR)
		appendStringInfoString(&sql->text, "NOT ");
	appendStringInfoChar(&sql->text, '(');
	foreach (cell, expr->args)
	{
		if (foreach_current_index(cell) > 0)
			appendStringInfoString(&sql->text, separator);
		deparse_condition(sql, scope, static_cast<Expr *>(lfirst(cell)));
	}
	appendStringInfoChar(&sql->text, ')');
}

static void
deparse_bit(RemoteSql *sql, const Scope *scope, Expr *expr)
{
	ColumnRef column;

	match_bit_column(scope, expr, &column);
	append_column(&sql->text, scope, column.var);
	appendStringInfoString(&sql->text, " = 1");
}

bool
deparse_value(RemoteSql *sql, const Scope *scope, Expr *expr, types::Domain *domain)
{
	ColumnRef column;

	if (!IsA(expr, Var) || !match_column(scope, expr, &column))
		return false;
	append_column(&sql->text, scope, column.var);
	*domain = column.domain;
	return true;
}

void
deparse_condition(RemoteSql *sql, const Scope *scope, Expr *expr)
{
	if (is_value(scope, expr))
	{
		deparse_predicate(sql, {Form::truth, Comparison::equal, {}, BOOLOID, ""}, expr);
		return;
	}
	switch (nodeTag(expr))
	{
		case T_BoolExpr: deparse_bool_expr(sql, scope, castNode(BoolExpr, expr)); break;
		case T_OpExpr: deparse_operator(sql, scope, castNode(OpExpr, expr)); break;
		case T_DistinctExpr: deparse_distinct(sql, scope, expr, Comparison::distinct); break;
		case T_ScalarArrayOpExpr:
			deparse_array_comparison(sql, scope, castNode(ScalarArrayOpExpr, expr));
			break;
		case T_NullTest: deparse_null_test(sql, scope, castNode(NullTest, expr)); break;
		case T_BooleanTest: deparse_boolean_test(sql, scope, castNode(BooleanTest, expr)); break;
		default: deparse_bit(sql, scope, expr); break;
	}
}

} // namespace sambapos::fdw
