/*
 * The table of what is pushed, which the pusher itself works by: a rule for every function and
 * operator (looked up by the function's Oid), with the T-SQL it becomes, what must hold for its
 * arguments, and why the two compute the same. What is deliberately not pushed stands there too,
 * with its reason.
 */
#pragma once

#include "fdw/expression.hpp"

namespace sambapos::fdw
{

/* A call while it is judged: a rule's typing function takes the arguments it needs as operands (or
 * as constants) and says what comes out. */
struct Call
{
	const Scope *scope;
	List *args;
	Oid type;              /* of the result, in PostgreSQL */
	Value *operands[3];    /* $1, $2, $3 of the pattern */
	types::Domain result;  /* $t is its T-SQL type */
	types::Domain widened; /* $w: a type with room for what is in between */
	int64 number;          /* $n: a constant argument */
};

using Typing = bool (*)(Call *call);

constexpr int max_functions = 9;

struct Rule
{
	const char *kind; /* operator, function, cast, construct */
	const char *signature;
	const char *tsql;   /* the pattern; of a construct what its own function writes, to be read */
	const char *reason; /* why it is exact; or why it isn't pushed */
	bool is_pushed;
	Oid functions[max_functions];
	Typing typing;     /* null: not by the pattern */
	const char *field; /* extract and date_trunc: their first argument */
};

const Rule *rules(int *count);

/* The rule of a function; field: its first argument if that is a constant text, else "". */
const Rule *rule_of(Oid function, const char *field);

/* ---- typing functions (deparse_call.cpp) ---- */

bool type_integers(Call *call);
bool type_sum(Call *call);
bool type_product(Call *call);
bool type_same(Call *call);
bool type_divided(Call *call);
bool type_integer_cast(Call *call);
bool type_numeric_from_integer(Call *call);

} // namespace sambapos::fdw
