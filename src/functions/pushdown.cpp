/*
 * sambapos_pushdown(): the table the pusher works by (fdw/deparse/pushdown.cpp), as rows.
 */
#include "fdw/deparse/pushdown.hpp"

namespace sambapos::functions
{

/* Columns: kind, signature, tsql, pushed, reason. */
static void
put_rule(ReturnSetInfo *info, const fdw::Rule &rule)
{
	bool pushed = rule.tsql != nullptr;
	Datum values[] = {CStringGetTextDatum(rule.kind), CStringGetTextDatum(rule.signature),
					  pushed ? CStringGetTextDatum(rule.tsql) : Datum{0}, BoolGetDatum(pushed),
					  CStringGetTextDatum(rule.reason)};
	bool nulls[] = {false, false, !pushed, false, false};

	tuplestore_putvalues(info->setResult, info->setDesc, values, nulls);
}

} // namespace sambapos::functions

using namespace sambapos;

extern "C"
{
	PG_FUNCTION_INFO_V1(sambapos_pushdown);

	Datum sambapos_pushdown(PG_FUNCTION_ARGS)
	{
		int count;
		const fdw::Rule *rules = fdw::pushdown_rules(&count);

		InitMaterializedSRF(fcinfo, 0);
		for (int i = 0; i < count; i++)
			functions::put_rule(reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo), rules[i]);
		return Datum{0};
	}
}
