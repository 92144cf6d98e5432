/*
 * Answers the planner whether SQL Server computes an expression exactly as PostgreSQL does, for
 * every value, so that no row must be rechecked here. To find out, the expression is written: what
 * can be written can be sent (deparse/condition.cpp, deparse/value.cpp, deparse/call.cpp).
 *
 * What is known before the scan starts is never computed at the server: it is evaluated here, by
 * the executor, and only its value travels. Once, when the scan begins: so in a branch that may not
 * be taken only what cannot fail, and no sub-select, which would be run for nothing.
 */
#include "fdw/deparse/expression.hpp"

namespace sambapos::fdw
{

/* What pull_varnos and contain_volatile_functions do not see. */
static bool
contains_unsendable(Node *node, void *context)
{
	if (node == nullptr)
		return false;
	switch (nodeTag(node))
	{
		case T_PlaceHolderVar:
		case T_SubPlan:
		case T_AlternativeSubPlan:
		case T_CurrentOfExpr:
		case T_Aggref:
		case T_GroupingFunc:
		case T_WindowFunc:
		case T_CaseTestExpr: return true;
		case T_Var:
			if (bms_is_member(castNode(Var, node)->varno, static_cast<Relids>(context)))
				return true;
			break;
		default: break;
	}
	return walk_expression(node, contains_unsendable, context);
}

bool
is_value(const Scope *scope, Expr *expr)
{
	return !contains_unsendable(reinterpret_cast<Node *>(expr), scope->relids) &&
		   !contain_volatile_functions(reinterpret_cast<Node *>(expr));
}

/* ---- branches that may not be taken ---- */

/* An InitPlan, of this query or of one around it, is run when its value is first asked for. */
static bool
is_sub_select(const PlannerInfo *root, const Param *param)
{
	ListCell *cell;

	if (param->paramkind != PARAM_EXEC)
		return false;
	for (; root != nullptr; root = root->parent_root)
		foreach (cell, root->init_plans)
			if (list_member_int(lfirst_node(SubPlan, cell)->setParam, param->paramid))
				return true;
	return false;
}

/* current_date - 7 */
static bool
is_shifted_now(Expr *expr)
{
	bool by_day = false;
	int64 shift = 0;

	return IsA(below_cast(expr, &by_day, &shift), SQLValueFunction);
}

static bool
cannot_fail(const PlannerInfo *root, Expr *expr)
{
	switch (nodeTag(expr))
	{
		case T_Const:
		case T_Var: return true;
		case T_Param: return !is_sub_select(root, castNode(Param, expr));
		case T_RelabelType: return cannot_fail(root, castNode(RelabelType, expr)->arg);
		default: return is_shifted_now(expr);
	}
}

bool
may_compute_before(const Scope *scope, Expr *value)
{
	return !scope->guarded || cannot_fail(scope->root, value);
}

Scope
guarded_scope(const Scope *scope)
{
	Scope guarded = *scope;

	guarded.guarded = true;
	return guarded;
}

/* ---- what may be sent ---- */

bool
is_shippable(const Scope *scope, Expr *expr)
{
	return condition_of(scope, expr) != nullptr;
}

bool
deparse_condition(RemoteSql *sql, const Scope *scope, Expr *expr)
{
	const Piece *piece = condition_of(scope, expr);

	if (piece != nullptr)
		append_piece(sql, piece);
	return piece != nullptr;
}

bool
deparse_value(RemoteSql *sql, const Scope *scope, Expr *expr, types::TsqlType *tsql_type)
{
	const Value *value = value_of(scope, expr);

	if (value == nullptr)
		return false;
	append_piece(sql, value->sql);
	*tsql_type = value->tsql_type;
	return true;
}

/* What begins with a cast is one. */
static bool
says_its_type(const Piece *piece)
{
	return is_text(piece) && std::strncmp(piece->text.data, "CAST(", 5) == 0;
}

bool
deparse_fetched_value(RemoteSql *sql, const Scope *scope, Expr *expr)
{
	const Value *value = value_of(scope, expr);

	if (value == nullptr)
		return false;
	append_piece(
		sql, value->tsql_type.kind != types::TypeKind::decimal || says_its_type(value->sql)
				 ? value->sql
				 : compose(psprintf("CAST($1 AS %s)", type_name(value->tsql_type)), {value->sql}));
	return true;
}

/* ---- columns ---- */

Expr *
strip_relabel(Expr *expr)
{
	while (IsA(expr, RelabelType))
		expr = castNode(RelabelType, expr)->arg;
	return expr;
}

Var *
column_of(const Scope *scope, Expr *expr)
{
	expr = strip_relabel(expr);
	if (!IsA(expr, Var))
		return nullptr;

	Var *var = castNode(Var, expr);
	bool is_ours = bms_is_member(var->varno, scope->relids) && var->varlevelsup == 0;

	return is_ours && var->varattno > 0 ? var : nullptr;
}

Var *
equated_column(const Scope *scope, Expr *expr)
{
	bool by_day = false;
	int64 shift = 0;

	if (!IsA(expr, OpExpr) || list_length(castNode(OpExpr, expr)->args) != 2)
		return nullptr;

	OpExpr *op = castNode(OpExpr, expr);
	auto *left = static_cast<Expr *>(linitial(op->args));
	auto *right = static_cast<Expr *>(lsecond(op->args));

	if (is_value(scope, left))
		std::swap(left, right);
	if (get_oprrest(op->opno) != F_EQSEL || !is_value(scope, right) || !is_shippable(scope, expr))
		return nullptr;

	Var *column = column_of(scope, below_cast(left, &by_day, &shift));

	return by_day ? nullptr : column;
}

} // namespace sambapos::fdw
