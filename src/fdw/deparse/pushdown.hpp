/*
 * The table of what is pushed down, which the deparser itself works by: a rule for every function
 * and operator (looked up by the function's Oid), with the T-SQL it becomes, what must hold for its
 * arguments, and why the two compute the same. What is deliberately not pushed stands there too,
 * with its reason.
 */
#pragma once

#include "fdw/deparse/expression.hpp"

namespace sambapos::fdw
{

/* A call while it is judged: a rule's typing function takes the arguments it needs as operands (or
 * as constants) and says what comes out. */
struct Call
{
	const Scope *scope;
	List *args;
	Oid type;                /* of the result, in PostgreSQL */
	Value **values;          /* of args, as take_value() finds them: for all rules of a function */
	bool *judged;            /* they have been looked for */
	Value *operands[3];      /* $1, $2, $3 of the pattern */
	types::TsqlType result;  /* $t is its T-SQL type */
	types::TsqlType widened; /* $w: a wider type for intermediate results */
	int64 number;            /* $n: a constant argument */
	Piece *written;          /* in place of the pattern */
};

using Typing = bool (*)(Call *call);

constexpr int max_functions = 9;

struct Rule
{
	const char *kind; /* comparison, operator, function, cast, construct, text, aggregate, clause */
	const char *signature;
	const char *tsql;   /* the pattern; what has no typing function is written by a function of its
						   own, and this is to be read; null: not pushed */
	const char *reason; /* why it is exact; or why it is not pushed */
	Oid functions[max_functions];
	Typing typing;
	const char *field; /* extract and date_trunc: their first argument */
};

const Rule *pushdown_rules(int *count);

/* ---- typing functions: numbers (call.cpp) ---- */

bool type_integers(Call *call);
bool type_divided(Call *call);
bool type_same(Call *call);
bool type_integer_cast(Call *call);
bool type_whole(Call *call);
bool type_sum(Call *call);
bool type_product(Call *call);
bool type_numeric_from_integer(Call *call);
bool type_integer_from_numeric(Call *call);
bool type_numeric_padded(Call *call);
bool type_numeric_cast(Call *call);
bool type_sign(Call *call);
bool type_rounded(Call *call);
bool type_truncated(Call *call);
bool type_to_whole(Call *call);
bool type_bit(Call *call);
bool type_integer_from_bit(Call *call);

/* ---- and datetimes (datetime.cpp) ---- */

bool type_to_date(Call *call);
bool type_to_timestamp(Call *call);
bool type_date_plus_days(Call *call);
bool type_date_minus_days(Call *call);
bool type_date_difference(Call *call);
bool type_plus_interval(Call *call);
bool type_minus_interval(Call *call);
bool type_date_field(Call *call);
bool type_time_field(Call *call);
bool type_second_of_ticks(Call *call);
bool type_second_of_digits(Call *call);
bool type_truncated_date(Call *call);
bool type_truncated_time(Call *call);

/* ---- what typing functions are made of ---- */

Expr *call_argument(const Call *call, int index);

/* The arguments from the first, or the one, become $1, $2, ... False if one cannot be sent. */
bool take_operands(Call *call, int count);
bool take_operand(Call *call, int index);

/* An integer that is written in the query becomes $n. */
bool take_number(Call *call, int index);

/* Null if it is none. */
const Interval *constant_interval(const Expr *expr);

} // namespace sambapos::fdw
