/*
 * Values as T-SQL, with the type in which they arrive: one small function a node type.
 */
#include "fdw/deparse/pushdown.hpp"

namespace sambapos::fdw
{

using types::Comparison;
using types::Form;
using types::TsqlType;
using types::TypeKind;

Value *
make_value(Piece *sql, const TsqlType &tsql_type)
{
	if (sql == nullptr || tsql_type.kind == TypeKind::unsupported || !is_moderate(sql))
		return nullptr;

	auto *value = static_cast<Value *>(palloc0(sizeof(Value)));

	value->sql = sql;
	value->tsql_type = tsql_type;
	return value;
}

/* ---- columns ---- */

void
append_column(StringInfo sql, const Scope *scope, const Var *var)
{
	if (scope->qualified)
		appendStringInfo(sql, "[r%d].", static_cast<int>(var->varno));
	types::append_identifier(
		sql, column_name(planner_rt_fetch(var->varno, scope->root)->relid, var->varattno));
}

static Value *
column_value(const Scope *scope, const Var *var)
{
	Oid table = planner_rt_fetch(var->varno, scope->root)->relid;
	int32 typmod = var->vartypmod;
	Oid type = getBaseTypeAndTypmod(var->vartype, &typmod);
	Piece *piece = make_piece("");

	append_column(&piece->text, scope, var);
	return make_value(piece,
					  types::column_type(type, typmod, column_remote_type(table, var->varattno)));
}

/* ---- columns of text ---- */

/* (n)char and (n)varchar, of any length; "" for a national one is "n". */
static bool
is_comparable_text(const char *remote_type, bool *is_national)
{
	*is_national = pg_strncasecmp(remote_type, "n", 1) == 0;
	if (*is_national)
		remote_type++;
	return pg_strncasecmp(remote_type, "char", 4) == 0 ||
		   pg_strncasecmp(remote_type, "varchar", 7) == 0;
}

static bool
is_text_type(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || type == BPCHAROID;
}

/* Below casts between the text types; of bpchar blanks at the end do not count, neither here nor
 * there. */
Value *
text_column_of(const Scope *scope, Expr *expr)
{
	expr = strip_relabel(expr);
	if (IsA(expr, FuncExpr) && castNode(FuncExpr, expr)->funcid == F_TEXT_BPCHAR)
		expr = static_cast<Expr *>(linitial(castNode(FuncExpr, expr)->args));

	Var *var = column_of(scope, expr);
	bool is_national;

	if (var == nullptr || !is_text_type(getBaseType(var->vartype)))
		return nullptr;

	Oid table = planner_rt_fetch(var->varno, scope->root)->relid;

	if (!is_comparable_text(column_remote_type(table, var->varattno), &is_national))
		return nullptr;

	Piece *piece = make_piece("");

	append_column(&piece->text, scope, var);
	return make_value(
		piece, types::plain_type(TypeKind::text, getBaseType(var->vartype), is_national ? 1 : 0));
}

/* With text_semantics 'server'; an explicit COLLATE asks for PostgreSQL's rules. */
static Value *
text_by_server(const Scope *scope, Expr *expr)
{
	Node *node = reinterpret_cast<Node *>(expr);

	return scope->text_by_server && is_text_type(exprType(node)) &&
				   exprCollation(node) == DEFAULT_COLLATION_OID
			   ? text_column_of(scope, expr)
			   : nullptr;
}

/* ---- values known before the scan ---- */

/* Its type has to be known now: of a numeric it is in the digits, of an integer in the type. */
static Value *
known_value(const Scope *scope, Expr *expr)
{
	Oid type = exprType(reinterpret_cast<Node *>(expr));
	Piece *piece = make_piece("");
	TsqlType tsql_type;

	if (IsA(expr, Const))
	{
		auto *known = castNode(Const, expr);

		tsql_type = types::constant_type(type, known->constvalue, known->constisnull);
		if (tsql_type.kind == TypeKind::unsupported)
			return nullptr;
		types::append_value(&piece->text, tsql_type, known->constvalue, known->constisnull);
		return make_value(piece, tsql_type);
	}
	tsql_type = types::parameter_type(type);
	if (tsql_type.kind == TypeKind::unsupported || !may_compute_before(scope, expr))
		return nullptr;
	add_parameter(piece, {Form::value, Comparison::equal, tsql_type, type, ""}, expr);
	return make_value(piece, tsql_type);
}

/* ---- any expression ---- */

/* A condition is UNKNOWN where its value is NULL. */
static Value *
condition_value(const Scope *scope, Expr *expr)
{
	return make_value(compose("CAST(CASE WHEN $1 THEN 1 WHEN NOT ($1) THEN 0 END AS bit)",
							  {nested_condition_of(scope, expr)}),
					  types::plain_type(TypeKind::bit, BOOLOID));
}

static Value *
aggregate_value(const Scope *scope, Aggref *aggregate)
{
	Piece *piece = make_piece("");
	TsqlType tsql_type;

	if (!scope->grouped || !deparse_aggregate(piece, scope, aggregate, &tsql_type))
		return nullptr;
	return make_value(piece, tsql_type);
}

Value *
value_of(const Scope *scope, Expr *expr)
{
	CHECK_FOR_INTERRUPTS();

	Value *text = text_by_server(scope, expr);

	if (text != nullptr)
		return text;
	expr = strip_relabel(expr);
	if (is_value(scope, expr))
		return known_value(scope, expr);

	Var *var = column_of(scope, expr);

	if (var != nullptr)
		return column_value(scope, var);
	switch (nodeTag(expr))
	{
		case T_OpExpr:
		{
			auto *op = castNode(OpExpr, expr);

			set_opfuncid(op);
			return op->opresulttype == BOOLOID ? condition_value(scope, expr)
											   : call_of(scope, expr, op->opfuncid, op->args);
		}
		case T_FuncExpr:
			return call_of(scope, expr, castNode(FuncExpr, expr)->funcid,
						   castNode(FuncExpr, expr)->args);
		case T_Aggref: return aggregate_value(scope, castNode(Aggref, expr));
		case T_BoolExpr:
		case T_RowCompareExpr:
		case T_DistinctExpr:
		case T_ScalarArrayOpExpr:
		case T_NullTest:
		case T_BooleanTest: return condition_value(scope, expr);
		default: return construct_of(scope, expr);
	}
}

Value *
operand_of(const Scope *scope, Expr *expr)
{
	return as_operand(value_of(scope, expr));
}

Value *
as_operand(Value *value)
{
	if (value == nullptr || types::is_coarse(value->tsql_type))
		return nullptr;

	TsqlType tsql_type = value->tsql_type;

	if (tsql_type.kind == TypeKind::integer && tsql_type.local_type == NUMERICOID)
		tsql_type = types::decimal_type(19, 0);
	if (!value->tsql_type.needs_cast)
		return value;
	tsql_type.needs_cast = false;
	tsql_type.other_scale = value->tsql_type.other_scale;
	return make_value(compose(psprintf("CAST($1 AS %s)", type_name(tsql_type)), {value->sql}),
					  tsql_type);
}

/* ---- casts and shifts that keep order ---- */

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

constexpr int64 microseconds_a_day = INT64CONST(86400000000);
/* No column of the server so much earlier is beyond what PostgreSQL holds. */
constexpr int64 longest_shift = 1700000 * microseconds_a_day;

/* How much later than its argument a datetime is that is shifted by a constant; false if it is not
 * shifted so, or by months. */
static bool
shift_of(const OpExpr *op, int64 *shift)
{
	auto *amount = static_cast<Expr *>(llast(op->args));
	const Interval *interval = constant_interval(amount);
	Oid function = get_opcode(op->opno);
	bool is_minus = function == F_TIMESTAMP_MI_INTERVAL || function == F_DATE_MI_INTERVAL ||
					function == F_DATE_MII;

	switch (function)
	{
		case F_TIMESTAMP_PL_INTERVAL:
		case F_TIMESTAMP_MI_INTERVAL:
		case F_DATE_PL_INTERVAL:
		case F_DATE_MI_INTERVAL:
			if (interval == nullptr || interval->month != 0 ||
				pg_mul_s64_overflow(interval->day, microseconds_a_day, shift) ||
				pg_add_s64_overflow(*shift, interval->time, shift))
				return false;
			break;
		case F_DATE_PLI:
		case F_DATE_MII:
			if (!IsA(amount, Const) || castNode(Const, amount)->constisnull)
				return false;
			*shift = int64{DatumGetInt32(castNode(Const, amount)->constvalue)} * microseconds_a_day;
			break;
		default: return false;
	}
	if (*shift < -longest_shift || *shift > longest_shift)
		return false;
	*shift = is_minus ? -*shift : *shift;
	return true;
}

/* Seen from outside, so that what is shifted after the time was cut off comes first: whole days may
 * as well be shifted before it. */
Expr *
below_cast(Expr *expr, bool *by_day, int64 *shift)
{
	for (;;)
	{
		int64 step = 0;
		bool is_day = false;

		expr = strip_relabel(expr);
		if (IsA(expr, OpExpr) && shift_of(castNode(OpExpr, expr), &step))
		{
			*shift += step;
			expr = static_cast<Expr *>(linitial(castNode(OpExpr, expr)->args));
			continue;
		}
		if (!IsA(expr, FuncExpr))
			return expr;

		auto *call = castNode(FuncExpr, expr);

		if (list_length(call->args) != 1 || !is_transparent_cast(call->funcid, &is_day) ||
			(is_day && *shift % microseconds_a_day != 0))
			return expr;
		*by_day |= is_day;
		expr = static_cast<Expr *>(linitial(call->args));
	}
}

Value *
comparand_of(const Scope *scope, Expr *expr)
{
	bool by_day = false;
	int64 shift = 0;

	/* Above GROUP BY only the grouped expression itself may stand, not what is below its cast. */
	if (scope->grouped)
		return value_of(scope, expr);

	Value *value = value_of(scope, below_cast(expr, &by_day, &shift));

	if (value == nullptr)
		return nullptr;
	if (by_day && value->tsql_type.kind == TypeKind::date)
	{
		/* A date some hours later is still that date. */
		int64 rest = shift % microseconds_a_day;

		shift -= rest < 0 ? rest + microseconds_a_day : rest;
		by_day = false;
	}
	value->tsql_type.shift = shift;
	value->tsql_type.by_day = by_day;
	return value;
}

} // namespace sambapos::fdw
