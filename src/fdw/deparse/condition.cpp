/*
 * Boolean expressions as T-SQL conditions that are TRUE, FALSE and UNKNOWN for the same rows as in
 * PostgreSQL, so that they may stand under NOT: one small function a node type.
 *
 * T-SQL keeps predicates and values apart: a bit column is no condition, [c] = 1 is one; a
 * condition is no value, CASE makes one of it (value.cpp). Comparisons with a value known
 * before the scan are written by types/predicate.cpp, with values that the remote column can
 * represent. Operators are known by the built-in operator families, never by their names.
 */
#include "fdw/deparse/expression.hpp"

namespace sambapos::fdw
{

using types::Comparison;
using types::Form;
using types::Predicate;
using types::TsqlType;
using types::TypeKind;

/* ---- operators ---- */

/* pg_opfamily.dat gives these no symbol. */
constexpr Oid numeric_family = 1988;
constexpr Oid datetime_family = 434;
constexpr Oid uuid_family = 2968;
constexpr Oid float_family = 1970;
constexpr Oid text_family = 1994;
constexpr Oid bpchar_family = 426;

/* The B-tree family of a type whose values can be compared at the server; of floats only what
 * date_part gives, integers. */
static Oid
family_of(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID: return INTEGER_BTREE_FAM_OID;
		case NUMERICOID: return numeric_family;
		case BOOLOID: return BOOL_BTREE_FAM_OID;
		case DATEOID:
		case TIMESTAMPOID: return datetime_family;
		case UUIDOID: return uuid_family;
		case FLOAT8OID: return float_family;
		case TEXTOID: return text_family;
		case BPCHAROID: return bpchar_family;
		default: return InvalidOid;
	}
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

Comparison
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

bool
comparison_of_datetimes(Oid operator_id, Comparison *result)
{
	return comparison_in_family(operator_id, datetime_family, result);
}

static bool
is_ordering(Comparison comparison)
{
	return comparison >= Comparison::less && comparison <= Comparison::greater_equal;
}

/* uniqueidentifier has another order at the server; bit needs none. */
static bool
is_allowed(const TsqlType &tsql_type, Comparison comparison)
{
	return !is_ordering(comparison) ||
		   (tsql_type.kind != TypeKind::bit && tsql_type.kind != TypeKind::uuid);
}

/* The types whose values append_predicate can write. */
static bool
is_value_type(Oid type)
{
	return OidIsValid(family_of(type));
}

/* ---- comparisons with a value known before the scan ---- */

Piece *
predicate_piece(const Scope *scope, const Predicate &predicate, Expr *value)
{
	Piece *piece = make_piece("");

	if (!may_compute_before(scope, value))
		return nullptr;
	if (IsA(value, Const))
		append_predicate(&piece->text, predicate, castNode(Const, value)->constvalue,
						 castNode(Const, value)->constisnull);
	else
		add_parameter(piece, predicate, value);
	return piece;
}

/* left: as comparand_of() gives it. */
static Piece *
compare_with_value(const Scope *scope, const Value *left, Form form, Comparison comparison,
				   Expr *value, Oid value_type)
{
	if (left == nullptr || !is_text(left->sql) || !is_allowed(left->tsql_type, comparison) ||
		!is_value(scope, value) || !is_value_type(value_type) ||
		(form != Form::comparison && types::is_coarse(left->tsql_type)))
		return nullptr;

	Piece *piece = predicate_piece(
		scope, {form, comparison, left->tsql_type, value_type, left->sql->text.data}, value);

	if (piece != nullptr)
		piece->cases = left->sql->cases;
	return piece;
}

/* ---- comparisons of two expressions ---- */

/* Never UNKNOWN with [not] distinct. */
static Piece *
compare_pieces(const Piece *left, Comparison comparison, const Piece *right)
{
	if (comparison < Comparison::distinct)
		return compose(psprintf("$1 %s $2", comparison_symbol(comparison)), {left, right});
	return compose(
		psprintf("%s($1 IS NOT NULL AND $2 IS NOT NULL AND $1 = $2 OR $1 IS NULL AND $2 IS NULL)",
				 comparison == Comparison::distinct ? "NOT " : ""),
		{left, right});
}

/* A column below its casts is found in an index; a day is only cut out at the server if both sides
 * are. */
static const Value *
side_of(const Scope *scope, Expr *expr, const Value *side)
{
	return side != nullptr && (types::is_coarse(side->tsql_type) || side->tsql_type.shift != 0)
			   ? value_of(scope, expr)
			   : side;
}

static Piece *
compare_sides(const Value *left, Comparison comparison, const Value *right)
{
	if (left == nullptr || right == nullptr || !is_allowed(left->tsql_type, comparison) ||
		!types::may_compare(left->tsql_type, right->tsql_type, is_ordering(comparison)))
		return nullptr;
	return compare_pieces(left->sql, comparison, right->sql);
}

/* An explicit COLLATE asks for PostgreSQL's rules. */
static bool
is_plain_collation(Oid collation)
{
	return !OidIsValid(collation) || collation == DEFAULT_COLLATION_OID;
}

/* Also of a DistinctExpr, whose operator is =: then as is_distinct says. */
static Piece *
comparison_of(const Scope *scope, OpExpr *expr, const Comparison *instead)
{
	Comparison comparison;
	Oid left_type, right_type;

	if (list_length(expr->args) != 2 || !is_plain_collation(expr->inputcollid))
		return nullptr;
	op_input_types(expr->opno, &left_type, &right_type);
	if (!comparison_in_family(expr->opno, family_of(left_type), &comparison) ||
		!is_value_type(right_type))
		return nullptr;
	if (instead != nullptr)
		comparison = *instead;

	auto *left = static_cast<Expr *>(linitial(expr->args));
	auto *right = static_cast<Expr *>(lsecond(expr->args));
	const Value *left_value = comparand_of(scope, left);
	Piece *piece =
		compare_with_value(scope, left_value, Form::comparison, comparison, right, right_type);

	/* Each side is judged once, however deep comparisons nest. */
	if (piece != nullptr || (left_value == nullptr && !is_value(scope, left)))
		return piece;

	const Value *right_value = comparand_of(scope, right);

	piece = compare_with_value(scope, right_value, Form::comparison, commuted(comparison), left,
							   left_type);
	return piece != nullptr ? piece
							: compare_sides(side_of(scope, left, left_value), comparison,
											side_of(scope, right, right_value));
}

static Piece *
distinct_of(const Scope *scope, Expr *expr, Comparison comparison)
{
	return comparison_of(scope, reinterpret_cast<OpExpr *>(expr), &comparison);
}

/* expression = ANY (array) and expression <> ALL (array), which is what IN and NOT IN become. */
/* A list of unknown length may become a sub-select. */
static bool
is_too_long(const Scope *scope, const Expr *array)
{
	const Const *known = IsA(array, Const) ? castNode(Const, array) : nullptr;

	if (known == nullptr)
		return scope->nested;
	if (known->constisnull)
		return false;

	ArrayType *members = DatumGetArrayTypeP(known->constvalue);

	return ArrayGetNItems(ARR_NDIM(members), ARR_DIMS(members)) >
		   (scope->nested ? types::longest_list : types::most_elements);
}

static Piece *
array_comparison_of(const Scope *scope, ScalarArrayOpExpr *expr)
{
	Comparison wanted = expr->useOr ? Comparison::equal : Comparison::not_equal;
	Comparison comparison;
	Oid left_type, right_type;

	op_input_types(expr->opno, &left_type, &right_type);
	if (!comparison_in_family(expr->opno, family_of(left_type), &comparison) ||
		comparison != wanted || !is_plain_collation(expr->inputcollid) ||
		is_too_long(scope, static_cast<Expr *>(lsecond(expr->args))))
		return nullptr;
	return compare_with_value(scope, comparand_of(scope, static_cast<Expr *>(linitial(expr->args))),
							  expr->useOr ? Form::any : Form::all, comparison,
							  static_cast<Expr *>(lsecond(expr->args)), right_type);
}

/* One column of (a, b) < (c, d). */
static Piece *
column_comparison_of(const Scope *scope, const RowCompareExpr *expr, int index,
					 Comparison comparison)
{
	OpExpr *op = makeNode(OpExpr);

	op->opno = list_nth_oid(expr->opnos, index);
	op->opresulttype = BOOLOID;
	op->args = list_make2(list_nth(expr->largs, index), list_nth(expr->rargs, index));
	op->inputcollid = list_nth_oid(expr->inputcollids, index);
	return comparison_of(scope, op, &comparison);
}

/* The first column that is not equal decides: also which column's NULL makes it UNKNOWN. Those
 * after it are not looked at. */
static Piece *
row_comparison_of(const Scope *scope, const RowCompareExpr *expr)
{
	static const Comparison by_strategy[] = {Comparison::less, Comparison::less_equal,
											 Comparison::equal, Comparison::greater_equal,
											 Comparison::greater};
	int strategy = row_comparison(expr);
	bool is_less = strategy <= BTLessEqualStrategyNumber;
	int index = list_length(expr->opnos) - 1;

	if (strategy < BTLessStrategyNumber || strategy > BTGreaterStrategyNumber)
		return nullptr;

	Scope guarded = guarded_scope(scope);
	Piece *piece = column_comparison_of(index > 0 ? &guarded : scope, expr, index,
										by_strategy[strategy - BTLessStrategyNumber]);

	while (index-- > 0 && piece != nullptr)
	{
		const Scope *inside = index > 0 ? &guarded : scope;

		piece = compose("($1 OR $2 AND $3)",
						{column_comparison_of(inside, expr, index,
											  is_less ? Comparison::less : Comparison::greater),
						 column_comparison_of(inside, expr, index, Comparison::equal), piece});
	}
	return piece;
}

/* ---- tests ---- */

/* Of a column of any type, of a value, of a condition. */
static Piece *
null_test_of(const Scope *scope, NullTest *expr)
{
	const char *pattern = expr->nulltesttype == IS_NULL ? "$1 IS NULL" : "$1 IS NOT NULL";
	Var *var = column_of(scope, expr->arg);

	if (expr->argisrow)
		return nullptr;
	if (var != nullptr)
	{
		Piece *column = make_piece("");

		append_column(&column->text, scope, var);
		return compose(pattern, {column});
	}

	const Value *value = value_of(scope, expr->arg);

	return value != nullptr ? compose(pattern, {value->sql}) : nullptr;
}

static const char *
bit_test_pattern(BoolTestType test)
{
	switch (test)
	{
		case IS_TRUE: return "($1 IS NOT NULL AND $1 = 1)";
		case IS_FALSE: return "($1 IS NOT NULL AND $1 = 0)";
		case IS_NOT_TRUE: return "($1 IS NULL OR $1 = 0)";
		case IS_NOT_FALSE: return "($1 IS NULL OR $1 = 1)";
		case IS_UNKNOWN: return "$1 IS NULL";
		case IS_NOT_UNKNOWN: return "$1 IS NOT NULL";
	}
	return "";
}

static const char *
condition_test_pattern(BoolTestType test)
{
	switch (test)
	{
		case IS_TRUE: return "CASE WHEN $1 THEN 1 ELSE 0 END = 1";
		case IS_FALSE: return "CASE WHEN NOT ($1) THEN 1 ELSE 0 END = 1";
		case IS_NOT_TRUE: return "CASE WHEN $1 THEN 1 ELSE 0 END = 0";
		case IS_NOT_FALSE: return "CASE WHEN NOT ($1) THEN 1 ELSE 0 END = 0";
		case IS_UNKNOWN: return "CASE WHEN $1 THEN 0 WHEN NOT ($1) THEN 0 ELSE 1 END = 1";
		case IS_NOT_UNKNOWN: return "CASE WHEN $1 THEN 0 WHEN NOT ($1) THEN 0 ELSE 1 END = 0";
	}
	return "";
}

/* IS TRUE, IS FALSE and IS UNKNOWN are never UNKNOWN. */
static Piece *
boolean_test_of(const Scope *scope, BooleanTest *expr)
{
	Var *var = column_of(scope, expr->arg);
	const Value *column = var != nullptr ? value_of(scope, expr->arg) : nullptr;

	if (var != nullptr)
		return column != nullptr ? compose(bit_test_pattern(expr->booltesttype), {column->sql})
								 : nullptr;
	return compose(condition_test_pattern(expr->booltesttype), {condition_of(scope, expr->arg)});
}

/* ---- AND, OR, NOT ---- */

static Piece *
connected(const Scope *scope, List *exprs, const char *connective)
{
	Piece *piece = make_piece("(");
	ListCell *cell;

	foreach (cell, exprs)
	{
		const Piece *member = condition_of(scope, static_cast<Expr *>(lfirst(cell)));

		if (member == nullptr)
			return nullptr;
		if (foreach_current_index(cell) > 0)
			appendStringInfoString(&piece->text, connective);
		append_piece(piece, member);
	}
	appendStringInfoChar(&piece->text, ')');
	return piece;
}

/* LIKE and NOT LIKE by the server's rules. */
static Piece *
like_of(const Scope *scope, const OpExpr *expr)
{
	Oid function = get_opcode(expr->opno);
	auto *pattern = static_cast<Expr *>(llast(expr->args));

	if ((function != F_TEXTLIKE && function != F_TEXTNLIKE) || !scope->text_by_server ||
		!is_plain_collation(expr->inputcollid) || !is_value(scope, pattern))
		return nullptr;

	const Value *text = value_of(scope, static_cast<Expr *>(linitial(expr->args)));

	if (text == nullptr || text->tsql_type.kind != TypeKind::text ||
		text->tsql_type.local_type == BPCHAROID)
		return nullptr;

	Piece *piece = predicate_piece(
		scope, {Form::like, Comparison::equal, text->tsql_type, TEXTOID, text->sql->text.data},
		pattern);

	return function == F_TEXTLIKE ? piece : compose("NOT ($1)", {piece});
}

static Piece *
operator_of(const Scope *scope, OpExpr *expr)
{
	Piece *piece = comparison_of(scope, expr, nullptr);

	return piece != nullptr ? piece : like_of(scope, expr);
}

/* IS NOT DISTINCT FROM is the negation of the other in PostgreSQL's trees; written as one it can be
 * looked up in an index. */
static Piece *
bool_expr_of(const Scope *scope, BoolExpr *expr)
{
	auto *first = static_cast<Expr *>(linitial(expr->args));

	if (expr->boolop == AND_EXPR)
		return connected(scope, expr->args, " AND ");
	if (expr->boolop == OR_EXPR)
		return connected(scope, expr->args, " OR ");
	if (IsA(first, DistinctExpr))
		return distinct_of(scope, first, Comparison::not_distinct);
	return compose("NOT ($1)", {condition_of(scope, first)});
}

/* ---- any boolean expression ---- */

/* A boolean value is no condition. */
static Piece *
truth_of(const Scope *scope, Expr *expr)
{
	const Value *value = value_of(scope, expr);

	return value != nullptr && value->tsql_type.kind == TypeKind::bit
			   ? compose("$1 = 1", {value->sql})
			   : nullptr;
}

/* Of the operators' result: a set, or NULL for no NULL, no built-in comparison gives. */
Piece *
condition_of(const Scope *scope, Expr *expr)
{
	if (exprType(reinterpret_cast<Node *>(expr)) != BOOLOID)
		return nullptr;
	if (is_value(scope, expr))
		return predicate_piece(scope, {Form::truth, Comparison::equal, {}, BOOLOID, ""}, expr);
	switch (nodeTag(expr))
	{
		case T_BoolExpr: return bool_expr_of(scope, castNode(BoolExpr, expr));
		case T_OpExpr: return operator_of(scope, castNode(OpExpr, expr));
		case T_DistinctExpr: return distinct_of(scope, expr, Comparison::distinct);
		case T_ScalarArrayOpExpr:
			return array_comparison_of(scope, castNode(ScalarArrayOpExpr, expr));
		case T_RowCompareExpr: return row_comparison_of(scope, castNode(RowCompareExpr, expr));
		case T_NullTest: return null_test_of(scope, castNode(NullTest, expr));
		case T_BooleanTest: return boolean_test_of(scope, castNode(BooleanTest, expr));
		default: return truth_of(scope, expr);
	}
}

Piece *
nested_condition_of(const Scope *scope, Expr *expr)
{
	Scope nested = *scope;

	nested.nested = true;
	return condition_of(&nested, expr);
}

} // namespace sambapos::fdw
