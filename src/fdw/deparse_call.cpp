/*
 * Functions and operators as T-SQL, by the rules of pushdown.cpp: a rule's typing function says
 * whether SQL Server computes the call exactly with these arguments and what type comes out, then
 * the rule's pattern is filled in.
 */
#include "fdw/pushdown.hpp"

namespace sambapos::fdw
{

using types::Domain;
using types::Grid;

/* ---- what typing functions are made of ---- */

static Expr *
argument(const Call *call, int index)
{
	return static_cast<Expr *>(list_nth(call->args, index));
}

/* The first so many arguments become $1, $2, ... */
static bool
take_operands(Call *call, int count)
{
	for (int i = 0; i < count; i++)
	{
		call->operands[i] = operand_of(call->scope, argument(call, i));
		if (call->operands[i] == nullptr)
			return false;
	}
	return true;
}

static const Domain &
operand(const Call *call, int index)
{
	return call->operands[index]->domain;
}

static bool
is_supported(const Domain &domain)
{
	return domain.grid != Grid::unsupported;
}

/* ---- integers ---- */

bool
type_integers(Call *call)
{
	call->result = types::integer_domain(call->type);
	return take_operands(call, 2);
}

/* ---- decimals ---- */

/* https://learn.microsoft.com/sql/t-sql/data-types/precision-scale-and-length-transact-sql: beyond
 * 38 digits the server takes them from the scale. */
bool
type_sum(Call *call)
{
	if (!take_operands(call, 2))
		return false;

	const Domain &left = operand(call, 0);
	const Domain &right = operand(call, 1);
	int scale = std::max(left.scale, right.scale);
	int places = std::max(left.precision - left.scale, right.precision - right.scale);

	call->result = types::decimal_domain(places + scale + 1, scale);
	call->result.other_scale = left.other_scale || right.other_scale;
	return is_supported(call->result);
}

bool
type_product(Call *call)
{
	if (!take_operands(call, 2))
		return false;

	const Domain &left = operand(call, 0);
	const Domain &right = operand(call, 1);

	call->result =
		types::decimal_domain(left.precision + right.precision + 1, left.scale + right.scale);
	call->result.other_scale = left.other_scale || right.other_scale;
	return is_supported(call->result);
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

Value *
call_of(const Scope *scope, Expr *expr, Oid function, List *args)
{
	Call call = {};

	if (function >= FirstGenbkiObjectId || args == NIL)
		return nullptr;

	const Rule *rule = rule_of(function, constant_field(args));

	call.scope = scope;
	call.args = args;
	call.type = exprType(reinterpret_cast<Node *>(expr));
	if (rule == nullptr || rule->typing == nullptr || !rule->typing(&call))
		return nullptr;
	return make_value(
		compose(fill_types(&call, rule->tsql),
				{operand_piece(&call, 0), operand_piece(&call, 1), operand_piece(&call, 2)}),
		call.result);
}

} // namespace sambapos::fdw
