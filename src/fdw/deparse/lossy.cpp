/*
 * Lossy conditions, for what SQL Server does not compute as PostgreSQL does: what is sent is true
 * for every row for which the condition is true, and for some others. The condition is rechecked
 * here.
 *
 * Text, =, IN: identical texts are equal under every collation, and the server finds them by index.
 * LIKE: a linguistic collation may miss matches (a letter and a combining accent are one to it), so
 * the pattern is compared in binary, where _ takes half of a surrogate pair and becomes _%. Not
 * where texts are equal that are not identical (nondeterministic collations), not text and xml,
 * which T-SQL does not compare.
 *
 * Datetimes without zone beside one with: the session's zone shifts the column's side, by more or
 * less over the year. The range that is sent is wider on both sides than any zone shifts.
 *
 * A lossy condition may stand under AND and OR, never under NOT, and nothing that counts, groups,
 * sorts or joins rows may stand above it.
 */
#include "fdw/deparse/expression.hpp"

namespace sambapos::fdw
{

using types::Comparison;
using types::Form;

/* ---- text ---- */

static bool
has_identity(Oid collation)
{
	return OidIsValid(collation) && get_collation_isdeterministic(collation);
}

static Piece *
lossy_text(const Scope *scope, Expr *column, Form form, Expr *value, Oid collation)
{
	const Value *text = text_column_of(scope, column);
	bool is_like = form == Form::lossy_like;

	if (text == nullptr || !is_value(scope, value) || !has_identity(collation) ||
		(is_like && text->tsql_type.local_type == BPCHAROID))
		return nullptr;
	return predicate_piece(
		scope, {form, Comparison::equal, text->tsql_type, TEXTOID, text->sql->text.data}, value);
}

static Piece *
lossy_text_operator(const Scope *scope, const OpExpr *expr)
{
	auto *left = static_cast<Expr *>(linitial(expr->args));
	auto *right = static_cast<Expr *>(lsecond(expr->args));
	Piece *piece;

	switch (get_opcode(expr->opno))
	{
		case F_TEXTEQ:
		case F_BPCHAREQ:
			piece = lossy_text(scope, left, Form::lossy_comparison, right, expr->inputcollid);
			return piece != nullptr
					   ? piece
					   : lossy_text(scope, right, Form::lossy_comparison, left, expr->inputcollid);
		case F_TEXTLIKE: return lossy_text(scope, left, Form::lossy_like, right, expr->inputcollid);
		default: return nullptr;
	}
}

static Piece *
lossy_text_array(const Scope *scope, const ScalarArrayOpExpr *expr)
{
	Oid function = get_opcode(expr->opno);

	if (!expr->useOr || (function != F_TEXTEQ && function != F_BPCHAREQ))
		return nullptr;
	return lossy_text(scope, static_cast<Expr *>(linitial(expr->args)), Form::lossy_any,
					  static_cast<Expr *>(lsecond(expr->args)), expr->inputcollid);
}

/* ---- datetimes beside datetimes with a zone ---- */

/* The names of the zones that know places have no digits; other names may shift by a week. */
static bool
names_a_place(const Expr *zone)
{
	return IsA(zone, Const) && !castNode(Const, zone)->constisnull &&
		   std::strpbrk(TextDatumGetCString(castNode(Const, zone)->constvalue), "0123456789") ==
			   nullptr;
}

/* What is shifted by a zone: a cast to timestamptz, AT TIME ZONE. */
static Expr *
below_zone(Expr *expr)
{
	if (!IsA(expr, FuncExpr))
		return expr;

	const FuncExpr *call = castNode(FuncExpr, expr);

	if (call->funcid == F_TIMESTAMPTZ_TIMESTAMP || call->funcid == F_TIMESTAMPTZ_DATE)
		return static_cast<Expr *>(linitial(call->args));
	if (call->funcid == F_TIMEZONE_TEXT_TIMESTAMP &&
		names_a_place(static_cast<Expr *>(linitial(call->args))))
		return static_cast<Expr *>(lsecond(call->args));
	return expr;
}

static Piece *
lossy_datetime(const Scope *scope, Expr *expr, Comparison comparison, Expr *value)
{
	Value *datetime = comparand_of(scope, below_zone(strip_relabel(expr)));

	if (datetime == nullptr || !types::is_datetime(datetime->tsql_type) ||
		!is_text(datetime->sql) || !is_value(scope, value) ||
		exprType(reinterpret_cast<Node *>(value)) != TIMESTAMPTZOID ||
		comparison == Comparison::not_equal)
		return nullptr;
	datetime->tsql_type.by_day = false;
	return predicate_piece(scope,
						   {Form::lossy_comparison, comparison, datetime->tsql_type, TIMESTAMPTZOID,
							datetime->sql->text.data},
						   value);
}

static Piece *
lossy_datetime_operator(const Scope *scope, const OpExpr *expr)
{
	auto *left = static_cast<Expr *>(linitial(expr->args));
	auto *right = static_cast<Expr *>(lsecond(expr->args));
	Comparison comparison;

	if (!comparison_of_datetimes(expr->opno, &comparison))
		return nullptr;

	Piece *piece = lossy_datetime(scope, left, comparison, right);

	return piece != nullptr ? piece : lossy_datetime(scope, right, commuted(comparison), left);
}

/* ---- AND, OR ---- */

/* Of AND, the members that have a lossy condition; of OR, all or nothing. */
static Piece *
lossy_members(const Scope *scope, const BoolExpr *expr)
{
	const char *connective = expr->boolop == AND_EXPR ? " AND " : " OR ";
	Piece *piece = nullptr;
	ListCell *cell;

	foreach (cell, expr->args)
	{
		const Piece *member = lossy_condition_of(scope, static_cast<Expr *>(lfirst(cell)));

		if (member == nullptr && expr->boolop == AND_EXPR)
			continue;
		if (member == nullptr)
			return nullptr;
		if (piece == nullptr)
			piece = make_piece("(");
		else
			appendStringInfoString(&piece->text, connective);
		append_piece(piece, member);
	}
	if (piece != nullptr)
		appendStringInfoChar(&piece->text, ')');
	return piece;
}

static Piece *
lossy_operator(const Scope *scope, const OpExpr *expr)
{
	if (expr->opno >= FirstGenbkiObjectId || list_length(expr->args) != 2)
		return nullptr;

	Piece *piece = lossy_text_operator(scope, expr);

	return piece != nullptr ? piece : lossy_datetime_operator(scope, expr);
}

/* IS NOT DISTINCT FROM a value is equality, unless the value is NULL. */
static Piece *
lossy_not(const Scope *scope, const BoolExpr *expr)
{
	auto *inner = static_cast<Expr *>(linitial(expr->args));

	if (!IsA(inner, DistinctExpr))
		return nullptr;

	const auto *distinct = reinterpret_cast<const OpExpr *>(inner);
	const auto *right = static_cast<Expr *>(lsecond(distinct->args));

	return IsA(right, Const) && !castNode(Const, right)->constisnull
			   ? lossy_operator(scope, distinct)
			   : nullptr;
}

Piece *
lossy_condition_of(const Scope *scope, Expr *expr)
{
	Piece *exact = condition_of(scope, expr);

	if (exact != nullptr)
		return exact;
	switch (nodeTag(expr))
	{
		case T_BoolExpr:
			return castNode(BoolExpr, expr)->boolop == NOT_EXPR
					   ? lossy_not(scope, castNode(BoolExpr, expr))
					   : lossy_members(scope, castNode(BoolExpr, expr));
		case T_OpExpr: return lossy_operator(scope, castNode(OpExpr, expr));
		case T_ScalarArrayOpExpr: return lossy_text_array(scope, castNode(ScalarArrayOpExpr, expr));
		default: return nullptr;
	}
}

/* What is rechecked here is rechecked by PostgreSQL's rules, whatever text_semantics says. */
static Piece *
strict_lossy_condition_of(const Scope *scope, Expr *expr)
{
	Scope strict = *scope;

	strict.text_by_server = false;
	return lossy_condition_of(&strict, expr);
}

bool
has_lossy_condition(const Scope *scope, Expr *expr)
{
	return strict_lossy_condition_of(scope, expr) != nullptr;
}

bool
deparse_lossy_condition(RemoteSql *sql, const Scope *scope, Expr *expr)
{
	const Piece *piece = strict_lossy_condition_of(scope, expr);

	if (piece != nullptr)
		append_piece(sql, piece);
	return piece != nullptr;
}

} // namespace sambapos::fdw
