/*
 * CASE, COALESCE, NULLIF, GREATEST and LEAST: values that are one of several.
 *
 * T-SQL gives the result the type of highest precedence among the branches. So the branches must be
 * of one kind, with a type that holds them all exactly; NULLs among them have no type of their own.
 * At the server, too, the branches are evaluated in order, and none that is not needed. But what
 * has no columns is computed here, when the scan begins: in a branch that may not be taken (all but
 * the first WHEN's condition, the first argument of COALESCE) only what cannot fail
 * (Scope.guarded). NULLIF, GREATEST and LEAST need all their arguments.
 */
#include "fdw/deparse/pushdown.hpp"

namespace sambapos::fdw
{

using types::TsqlType;
using types::TypeKind;

/* ---- branches ---- */

static bool
is_null_constant(const Expr *expr)
{
	return IsA(expr, Const) && castNode(Const, expr)->constisnull;
}

/* The type that holds the values of both; false if there is none. Decimals of different scales are
 * shown with one scale at the server, with each its own in PostgreSQL. */
static bool
widen_to(TsqlType *tsql_type, const TsqlType &other)
{
	if (tsql_type->kind != other.kind || tsql_type->local_type != other.local_type)
		return false;
	if (tsql_type->kind == TypeKind::decimal)
	{
		bool other_scale =
			tsql_type->other_scale || other.other_scale || tsql_type->scale != other.scale;
		int scale = std::max(tsql_type->scale, other.scale);
		int places =
			std::max(tsql_type->precision - tsql_type->scale, other.precision - other.scale);

		*tsql_type = types::decimal_type(places + scale, scale);
		tsql_type->other_scale = other_scale;
	}
	tsql_type->scale = std::max(tsql_type->scale, other.scale);
	tsql_type->first_day = std::min(tsql_type->first_day, other.first_day);
	tsql_type->last_day = std::max(tsql_type->last_day, other.last_day);
	return tsql_type->kind != TypeKind::unsupported;
}

/* Datetimes known now have no type until it is known beside what they stand. */
static Value *
datetime_beside(const TsqlType &tsql_type, Expr *expr)
{
	auto *known = castNode(Const, expr);
	Piece *piece = make_piece("");

	if (!types::is_datetime(tsql_type) || types::is_coarse(tsql_type) ||
		append_first_value(&piece->text, tsql_type, known->consttype, known->constvalue) !=
			types::Fit::exact)
		return nullptr;
	return make_value(piece, tsql_type);
}

static bool
is_datetime_constant(const Expr *expr)
{
	return IsA(expr, Const) && castNode(Const, expr)->consttype == TIMESTAMPOID;
}

/* NULLs and datetimes. */
static bool
waits_for_type(const Expr *expr)
{
	return is_null_constant(expr) || is_datetime_constant(expr);
}

/* Fills what waited; each branch is judged once, however deep they nest. */
static bool
type_the_rest(List *values, List *exprs, const TsqlType &tsql_type)
{
	ListCell *cell;

	foreach (cell, values)
	{
		auto *expr = static_cast<Expr *>(list_nth(exprs, foreach_current_index(cell)));

		if (lfirst(cell) != nullptr)
			continue;
		lfirst(cell) = is_null_constant(expr) ? make_value(make_piece("NULL"), tsql_type)
											  : datetime_beside(tsql_type, expr);
		if (lfirst(cell) == nullptr)
			return false;
	}
	return true;
}

/* The branches as operands of one T-SQL type, a List of Value; NIL if that cannot be. The scope of
 * the first may be another than that of the rest. */
static List *
branches_of(const Scope *first, const Scope *rest, List *exprs, TsqlType *tsql_type)
{
	List *values = NIL;
	ListCell *cell;

	*tsql_type = {};
	foreach (cell, exprs)
	{
		auto *expr = static_cast<Expr *>(lfirst(cell));
		Value *value = nullptr;

		if (!waits_for_type(expr))
		{
			value = operand_of(foreach_current_index(cell) == 0 ? first : rest, expr);
			if (value == nullptr || (tsql_type->kind != TypeKind::unsupported &&
									 !widen_to(tsql_type, value->tsql_type)))
				return NIL;
			if (tsql_type->kind == TypeKind::unsupported)
				*tsql_type = value->tsql_type;
		}
		values = lappend(values, value);
	}
	return tsql_type->kind != TypeKind::unsupported && type_the_rest(values, exprs, *tsql_type)
			   ? values
			   : NIL;
}

static const Piece *
branch(const List *values, int index)
{
	return static_cast<Value *>(list_nth(values, index))->sql;
}

/* ---- CASE ---- */

/* CASE x WHEN v: PostgreSQL keeps "placeholder = v". */
static Node *
put_argument(Node *node, void *argument)
{
	if (node == nullptr || IsA(node, CaseExpr))
		return node;
	if (IsA(node, CaseTestExpr))
		return static_cast<Node *>(argument);
	return mutate_expression(node, put_argument, argument);
}

static Expr *
condition_of_branch(const CaseExpr *expr, const CaseWhen *when)
{
	if (expr->arg == nullptr)
		return when->expr;
	return reinterpret_cast<Expr *>(put_argument(reinterpret_cast<Node *>(when->expr), expr->arg));
}

static Value *
case_of(const Scope *scope, CaseExpr *expr)
{
	Scope guarded = guarded_scope(scope);
	Piece *piece = make_piece("CASE");
	List *results = NIL;
	ListCell *cell;
	TsqlType tsql_type;

	foreach (cell, expr->args)
		results = lappend(results, lfirst_node(CaseWhen, cell)->result);
	if (expr->defresult != nullptr)
		results = lappend(results, expr->defresult);

	List *values = branches_of(&guarded, &guarded, results, &tsql_type);

	if (values == NIL)
		return nullptr;
	foreach (cell, expr->args)
	{
		const Piece *condition =
			nested_condition_of(foreach_current_index(cell) == 0 ? scope : &guarded,
								condition_of_branch(expr, lfirst_node(CaseWhen, cell)));

		if (condition == nullptr)
			return nullptr;
		appendStringInfoString(&piece->text, " WHEN ");
		append_piece(piece, condition);
		appendStringInfoString(&piece->text, " THEN ");
		append_piece(piece, branch(values, foreach_current_index(cell)));
	}
	if (expr->defresult != nullptr)
	{
		appendStringInfoString(&piece->text, " ELSE ");
		append_piece(piece, branch(values, list_length(values) - 1));
	}
	appendStringInfoString(&piece->text, " END");
	piece->cases++;
	return make_value(piece, tsql_type);
}

/* ---- the others ---- */

/* T-SQL's takes at least two arguments. */
static Value *
coalesce_of(const Scope *scope, CoalesceExpr *expr)
{
	Scope guarded = guarded_scope(scope);
	Piece *piece = make_piece("COALESCE(");
	TsqlType tsql_type;
	List *values = branches_of(scope, &guarded, expr->args, &tsql_type);

	if (values == NIL)
		return nullptr;
	if (list_length(values) == 1)
		return make_value(const_cast<Piece *>(branch(values, 0)), tsql_type);
	for (int i = 0; i < list_length(values); i++)
	{
		if (i > 0)
			appendStringInfoString(&piece->text, ", ");
		append_piece(piece, branch(values, i));
	}
	appendStringInfoChar(&piece->text, ')');
	piece->cases++;
	return make_value(piece, tsql_type);
}

/* NULL where the two are equal, which is never known of NULL. */
static Value *
nullif_of(const Scope *scope, NullIfExpr *expr)
{
	Value *value = operand_of(scope, static_cast<Expr *>(linitial(expr->args)));
	const Value *other = operand_of(scope, static_cast<Expr *>(lsecond(expr->args)));

	if (value == nullptr || other == nullptr || expr->opno >= FirstGenbkiObjectId ||
		!types::may_compare(value->tsql_type, other->tsql_type, false))
		return nullptr;
	return make_value(compose("NULLIF($1, $2)", {value->sql, other->sql}), value->tsql_type);
}

/* The first of equal ones; NULLs do not count. */
static Value *
greatest_of(const Scope *scope, MinMaxExpr *expr)
{
	const char *pattern = expr->op == IS_GREATEST
							  ? "CASE WHEN $2 IS NULL OR $1 >= $2 THEN $1 ELSE $2 END"
							  : "CASE WHEN $2 IS NULL OR $1 <= $2 THEN $1 ELSE $2 END";
	TsqlType tsql_type;
	List *values = branches_of(scope, scope, expr->args, &tsql_type);

	if (values == NIL || !types::may_compare(tsql_type, tsql_type, true))
		return nullptr;

	const Piece *piece = branch(values, 0);

	for (int i = 1; i < list_length(values) && piece != nullptr; i++)
		piece = compose(pattern, {piece, branch(values, i)});
	return make_value(const_cast<Piece *>(piece), tsql_type);
}

Value *
construct_of(const Scope *scope, Expr *expr)
{
	switch (nodeTag(expr))
	{
		case T_CaseExpr: return case_of(scope, castNode(CaseExpr, expr));
		case T_CoalesceExpr: return coalesce_of(scope, castNode(CoalesceExpr, expr));
		case T_NullIfExpr: return nullif_of(scope, reinterpret_cast<NullIfExpr *>(expr));
		case T_MinMaxExpr: return greatest_of(scope, castNode(MinMaxExpr, expr));
		default: return nullptr;
	}
}

/* ---- with how many digits a decimal is shown ---- */

/* One of several values has its own scale in PostgreSQL, and the same as the others at the server.
 */
static Piece *
scale_of_case(const Scope *scope, const CaseExpr *expr)
{
	Scope guarded = guarded_scope(scope);
	Piece *piece = make_piece("CASE");
	ListCell *cell;

	foreach (cell, expr->args)
	{
		const CaseWhen *when = lfirst_node(CaseWhen, cell);
		const Scope *inside = foreach_current_index(cell) == 0 ? scope : &guarded;
		const Piece *branch = compose(" WHEN $1 THEN $2",
									  {nested_condition_of(inside, condition_of_branch(expr, when)),
									   shown_scale_of(&guarded, when->result)});

		if (branch == nullptr)
			return nullptr;
		append_piece(piece, branch);
	}
	if (expr->defresult != nullptr)
	{
		const Piece *otherwise = compose(" ELSE $1", {shown_scale_of(&guarded, expr->defresult)});

		if (otherwise == nullptr)
			return nullptr;
		append_piece(piece, otherwise);
	}
	appendStringInfoString(&piece->text, " END");
	return piece;
}

static Piece *
scale_of_coalesce(const Scope *scope, const CoalesceExpr *expr)
{
	Scope guarded = guarded_scope(scope);
	Piece *piece = make_piece("CASE");
	ListCell *cell;

	foreach (cell, expr->args)
	{
		auto *member = static_cast<Expr *>(lfirst(cell));
		const Scope *inside = foreach_current_index(cell) == 0 ? scope : &guarded;
		const Value *value = value_of(inside, member);
		const Piece *branch = value == nullptr
								  ? nullptr
								  : compose(" WHEN $1 IS NOT NULL THEN $2",
											{value->sql, shown_scale_of(inside, member)});

		if (branch == nullptr)
			return nullptr;
		append_piece(piece, branch);
	}
	appendStringInfoString(&piece->text, " END");
	return piece;
}

static Piece *
scale_of_operator(const Scope *scope, const OpExpr *expr)
{
	const Piece *left = shown_scale_of(scope, static_cast<Expr *>(linitial(expr->args)));
	const Piece *right = shown_scale_of(scope, static_cast<Expr *>(llast(expr->args)));

	switch (get_opcode(expr->opno))
	{
		case F_NUMERIC_UMINUS: return compose("$1", {left});
		case F_NUMERIC_MUL: return compose("($1 + $2)", {left, right});
		case F_NUMERIC_ADD:
		case F_NUMERIC_SUB: return compose("CASE WHEN $1 > $2 THEN $1 ELSE $2 END", {left, right});
		default: return nullptr;
	}
}

Piece *
shown_scale_of(const Scope *scope, Expr *expr)
{
	expr = strip_relabel(expr);
	if (is_null_constant(expr))
		return make_piece("NULL");

	const Value *value = value_of(scope, expr);

	if (value == nullptr)
		return nullptr;
	if (value->tsql_type.kind == TypeKind::integer)
		return make_piece("0");
	if (!value->tsql_type.other_scale)
		return make_piece(psprintf("%d", value->tsql_type.scale));
	switch (nodeTag(expr))
	{
		case T_CaseExpr: return scale_of_case(scope, castNode(CaseExpr, expr));
		case T_CoalesceExpr: return scale_of_coalesce(scope, castNode(CoalesceExpr, expr));
		case T_OpExpr: return scale_of_operator(scope, castNode(OpExpr, expr));
		default: return nullptr;
	}
}

bool
deparse_shown_scale(RemoteSql *sql, const Scope *scope, Expr *expr)
{
	const Value *value = value_of(scope, expr);
	const Piece *piece = value == nullptr ? nullptr
										  : compose("CASE WHEN $1 IS NOT NULL THEN $2 END",
													{value->sql, shown_scale_of(scope, expr)});

	if (piece != nullptr)
		append_piece(sql, piece);
	return piece != nullptr;
}

} // namespace sambapos::fdw
