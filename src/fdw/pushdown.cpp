/*
 * The table of what is pushed (rules: pushdown.hpp).
 */
#include "fdw/pushdown.hpp"

namespace sambapos::fdw
{

static const Rule table[] = {
	{"operator",
	 "integer + integer",
	 "($1 + $2)",
	 "T-SQL adds in the wider type of the two, as PostgreSQL does; beyond it both report 22003",
	 true,
	 {F_INT2PL, F_INT4PL, F_INT8PL, F_INT24PL, F_INT42PL, F_INT28PL, F_INT82PL, F_INT48PL,
	  F_INT84PL},
	 type_integers},
	{"operator",
	 "integer - integer",
	 "($1 - $2)",
	 "as +",
	 true,
	 {F_INT2MI, F_INT4MI, F_INT8MI, F_INT24MI, F_INT42MI, F_INT28MI, F_INT82MI, F_INT48MI,
	  F_INT84MI},
	 type_integers},
	{"operator",
	 "integer * integer",
	 "($1 * $2)",
	 "as +",
	 true,
	 {F_INT2MUL, F_INT4MUL, F_INT8MUL, F_INT24MUL, F_INT42MUL, F_INT28MUL, F_INT82MUL, F_INT48MUL,
	  F_INT84MUL},
	 type_integers},
	{"operator",
	 "numeric + numeric",
	 "($1 + $2)",
	 "decimals are added exactly where the sum has at most 38 digits; its scale is the larger of "
	 "the two in both",
	 true,
	 {F_NUMERIC_ADD},
	 type_sum},
	{"operator", "numeric - numeric", "($1 - $2)", "as +", true, {F_NUMERIC_SUB}, type_sum},
	{"operator",
	 "numeric * numeric",
	 "($1 * $2)",
	 "decimals are multiplied exactly where the product has at most 38 digits; its scale is the "
	 "sum "
	 "of the two in both",
	 true,
	 {F_NUMERIC_MUL},
	 type_product},
};

const Rule *
rules(int *count)
{
	*count = lengthof(table);
	return table;
}

static bool
is_rule_of(const Rule &rule, Oid function, const char *field)
{
	if (rule.field != nullptr && pg_strcasecmp(rule.field, field) != 0)
		return false;
	for (Oid candidate : rule.functions)
		if (candidate == function)
			return OidIsValid(function);
	return false;
}

const Rule *
rule_of(Oid function, const char *field)
{
	for (const Rule &rule : table)
		if (is_rule_of(rule, function, field))
			return &rule;
	return nullptr;
}

} // namespace sambapos::fdw
