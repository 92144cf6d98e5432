/*
 * Functions and operators as T-SQL, by the rules of pushdown.cpp: a rule's typing function says
 * whether SQL Server computes the call exactly with these arguments and what type comes out, then
 * the rule's pattern is filled in. Here: the filling in, and the types of numbers.
 *
 * T-SQL's rules of decimal types, by which no digit may be lost:
 * https://learn.microsoft.com/sql/t-sql/data-types/precision-scale-and-length-transact-sql
 */
#include "fdw/deparse/pushdown.hpp"

namespace sambapos::fdw
{

using types::TsqlType;
using types::TypeKind;

/* ---- what typing functions are made of ---- */

Expr *
call_argument(const Call *call, int index)
{
	return index < list_length(call->args) ? static_cast<Expr *>(list_nth(call->args, index))
										   : nullptr;
}

/* Each argument is judged once, however deep calls nest. */
static Value *
take_value(Call *call, int index)
{
	Expr *expr = call_argument(call, index);

	if (expr == nullptr)
		return nullptr;
	if (!call->judged[index])
		call->values[index] = value_of(call->scope, expr);
	call->judged[index] = true;
	return call->values[index];
}

bool
take_operand(Call *call, int index)
{
	call->operands[index] = as_operand(take_value(call, index));
	return call->operands[index] != nullptr;
}

bool
take_operands(Call *call, int count)
{
	for (int i = 0; i < count; i++)
		if (!take_operand(call, i))
			return false;
	return true;
}

static const TsqlType &
operand(const Call *call, int index)
{
	return call->operands[index]->tsql_type;
}

static bool
is_supported(const TsqlType &tsql_type)
{
	return tsql_type.kind != TypeKind::unsupported;
}

bool
take_number(Call *call, int index)
{
	Expr *expr = call_argument(call, index);

	if (expr == nullptr || !IsA(expr, Const) || castNode(Const, expr)->constisnull)
		return false;

	Datum value = castNode(Const, expr)->constvalue;

	switch (castNode(Const, expr)->consttype)
	{
		case INT2OID: call->number = DatumGetInt16(value); return true;
		case INT4OID: call->number = DatumGetInt32(value); return true;
		case INT8OID: call->number = DatumGetInt64(value); return true;
		default: return false;
	}
}

/* ---- integers ---- */

/* The wider of the two, in T-SQL and in PostgreSQL. */
bool
type_integers(Call *call)
{
	call->result = types::integer_type(call->type);
	return take_operands(call, 2) && operand(call, 0).kind == TypeKind::integer &&
		   operand(call, 1).kind == TypeKind::integer;
}

/* Division by zero, and of the least number by -1, fail in different ways. */
bool
type_divided(Call *call)
{
	return type_integers(call) && take_number(call, 1) && call->number != 0 && call->number != -1;
}

bool
type_same(Call *call)
{
	if (!take_operands(call, 1))
		return false;
	call->result = operand(call, 0);
	return call->result.kind == TypeKind::integer || call->result.kind == TypeKind::decimal;
}

bool
type_integer_cast(Call *call)
{
	call->result = types::integer_type(call->type);
	return take_operands(call, 1) && operand(call, 0).kind == TypeKind::integer;
}

/* numeric or double precision that is known to be an integer: extract and date_part. */
bool
type_whole(Call *call)
{
	Value *value = take_value(call, 0);

	call->operands[0] = value;
	call->result = types::integer_type(call->type);
	return value != nullptr && value->tsql_type.kind == TypeKind::integer &&
		   !value->tsql_type.by_day;
}

bool
type_bit(Call *call)
{
	call->result = types::plain_type(TypeKind::bit, BOOLOID);
	return take_operands(call, 1) && operand(call, 0).kind == TypeKind::integer;
}

bool
type_integer_from_bit(Call *call)
{
	call->result = types::integer_type(call->type);
	return take_operands(call, 1) && operand(call, 0).kind == TypeKind::bit;
}

/* ---- decimals ---- */

static bool
take_decimals(Call *call, int count)
{
	if (!take_operands(call, count))
		return false;
	for (int i = 0; i < count; i++)
		if (operand(call, i).kind != TypeKind::decimal)
			return false;
	return true;
}

/* Digits before the point. */
static int
places(const TsqlType &tsql_type)
{
	return tsql_type.precision - tsql_type.scale;
}

bool
type_sum(Call *call)
{
	if (!take_decimals(call, 2))
		return false;

	const TsqlType &left = operand(call, 0);
	const TsqlType &right = operand(call, 1);
	int scale = std::max(left.scale, right.scale);

	call->result = types::decimal_type(std::max(places(left), places(right)) + scale + 1, scale);
	call->result.other_scale = left.other_scale || right.other_scale;
	return is_supported(call->result);
}

bool
type_product(Call *call)
{
	if (!take_decimals(call, 2))
		return false;

	const TsqlType &left = operand(call, 0);
	const TsqlType &right = operand(call, 1);

	call->result =
		types::decimal_type(left.precision + right.precision + 1, left.scale + right.scale);
	call->result.other_scale = left.other_scale || right.other_scale;
	return is_supported(call->result);
}

static int
integer_digits_of(Oid type)
{
	return type == INT2OID ? 5 : type == INT4OID ? 10 : 19;
}

bool
type_numeric_from_integer(Call *call)
{
	if (!take_operands(call, 1) || operand(call, 0).kind != TypeKind::integer)
		return false;
	call->result = types::decimal_type(integer_digits_of(operand(call, 0).local_type), 0);
	return true;
}

/* Room for the digit that rounding may add. */
static bool
widen(Call *call)
{
	const TsqlType &tsql_type = operand(call, 0);

	call->widened = types::decimal_type(tsql_type.precision + 1, tsql_type.scale);
	return is_supported(call->widened);
}

bool
type_integer_from_numeric(Call *call)
{
	call->result = types::integer_type(call->type);
	return take_decimals(call, 1) && widen(call);
}

/* The second argument is a typmod; $n becomes its scale. */
static bool
type_to_typmod(Call *call)
{
	if (!take_decimals(call, 1) || !take_number(call, 1) || call->number < 0)
		return false;

	int packed = static_cast<int>(call->number) - static_cast<int>(VARHDRSZ);

	call->number = ((packed & 0x7ff) ^ 1024) - 1024;
	call->result = types::decimal_type((packed >> 16) & 0xffff, static_cast<int>(call->number));
	return is_supported(call->result);
}

bool
type_numeric_padded(Call *call)
{
	return type_to_typmod(call) && call->result.scale >= operand(call, 0).scale;
}

bool
type_numeric_cast(Call *call)
{
	return type_to_typmod(call) && widen(call);
}

bool
type_sign(Call *call)
{
	call->result = types::decimal_type(1, 0);
	return take_decimals(call, 1);
}

/* floor and ceil */
bool
type_to_whole(Call *call)
{
	if (!take_decimals(call, 1) || !widen(call))
		return false;
	call->result = types::decimal_type(places(operand(call, 0)) + 1, 0);
	return true;
}

/* round(x), round(x, n): n digits are shown in PostgreSQL, also where x has fewer. */
static bool
type_to_scale(Call *call, int more_places)
{
	if (!take_decimals(call, 1) || (list_length(call->args) > 1 && !take_number(call, 1)))
		return false;
	call->number = std::clamp<int64>(call->number, -38, 39);

	int scale = std::max(static_cast<int>(call->number), 0);

	call->result =
		types::decimal_type(std::max(places(operand(call, 0)) + more_places + scale, 1), scale);
	return is_supported(call->result);
}

bool
type_rounded(Call *call)
{
	return type_to_scale(call, 1) && widen(call);
}

bool
type_truncated(Call *call)
{
	return type_to_scale(call, 0);
}

/* ---- the pattern ---- */

/* $t, $w and $n are known now; $1 to $3 are left to compose(). */
static const char *
fill_types(const Call *call, const char *pattern)
{
	StringInfoData text;

	initStringInfo(&text);
	for (const char *c = pattern; *c != '\0'; c++)
	{
		if (*c != '$' || (c[1] != 't' && c[1] != 'w' && c[1] != 'n'))
			appendStringInfoChar(&text, *c);
		else if (*++c == 'n')
			appendStringInfo(&text, INT64_FORMAT, call->number);
		else
			appendStringInfoString(&text, type_name(*c == 't' ? call->result : call->widened));
	}
	return text.data;
}

static Piece *
operand_piece(const Call *call, int index)
{
	return call->operands[index] != nullptr ? call->operands[index]->sql : make_piece("");
}

static Piece *
write_call(const Call *call, const char *pattern)
{
	if (call->written != nullptr)
		return call->written;
	return compose(fill_types(call, pattern),
				   {operand_piece(call, 0), operand_piece(call, 1), operand_piece(call, 2)});
}

/* ---- which rule ---- */

/* extract(year from x), date_trunc('month', x) */
static const char *
constant_field(List *args)
{
	auto *first = static_cast<Expr *>(linitial(args));

	if (!IsA(first, Const) || castNode(Const, first)->consttype != TEXTOID ||
		castNode(Const, first)->constisnull)
		return "";
	return TextDatumGetCString(castNode(Const, first)->constvalue);
}

static bool
is_rule_of(const Rule &rule, Oid function, const char *field)
{
	if (rule.typing == nullptr || (rule.field != nullptr && pg_strcasecmp(rule.field, field) != 0))
		return false;
	for (Oid candidate : rule.functions)
		if (candidate == function)
			return true;
	return false;
}

/* A function may have several rules, for different arguments: the first that fits is taken. */
Value *
call_of(const Scope *scope, Expr *expr, Oid function, List *args)
{
	int count;
	const Rule *rules = pushdown_rules(&count);

	if (function >= FirstGenbkiObjectId || args == NIL)
		return nullptr;

	const char *field = constant_field(args);
	auto arguments = static_cast<size_t>(list_length(args));
	auto *values = static_cast<Value **>(palloc0(sizeof(Value *) * arguments));
	auto *judged = static_cast<bool *>(palloc0(sizeof(bool) * arguments));

	for (int i = 0; i < count; i++)
	{
		Call call = {};

		call.scope = scope;
		call.args = args;
		call.values = values;
		call.judged = judged;
		call.type = exprType(reinterpret_cast<Node *>(expr));
		if (is_rule_of(rules[i], function, field) && rules[i].typing(&call))
			return make_value(write_call(&call, rules[i].tsql), call.result);
	}
	return nullptr;
}

} // namespace sambapos::fdw
