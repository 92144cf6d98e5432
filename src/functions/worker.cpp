/*
 * The worker as SQL sees it: who has which site, and a trigger that wakes it.
 */
#include "worker/shared.hpp"

namespace sambapos::functions
{

using worker::Turn;

static void
set_time(Datum *values, bool *nulls, int index, TimestampTz time)
{
	nulls[index] = time == 0;
	values[index] = TimestampTzGetDatum(time);
}

/* Columns: site_id, pid, is_busy, looked_at, next_look_at, failures. */
static void
list_turn(const Turn *turn, pid_t pid, void *context)
{
	auto *info = static_cast<ReturnSetInfo *>(context);
	Datum values[6] = {};
	bool nulls[6] = {};

	values[0] = Int32GetDatum(turn->site);
	values[1] = Int32GetDatum(pid);
	nulls[1] = pid == 0;
	values[2] = BoolGetDatum(turn->in_hand);
	set_time(values, nulls, 3, turn->ended_at);
	set_time(values, nulls, 4, turn->next_at);
	values[5] = Int32GetDatum(turn->failures);
	tuplestore_putvalues(info->setResult, info->setDesc, values, nulls);
}

} // namespace sambapos::functions

using namespace sambapos;

extern "C"
{
	PG_FUNCTION_INFO_V1(sambapos_worker_turns);
	PG_FUNCTION_INFO_V1(sambapos_worker_wake);

	/* No rows where the library was not preloaded. */
	Datum sambapos_worker_turns(PG_FUNCTION_ARGS)
	{
		InitMaterializedSRF(fcinfo, 0);
		worker::turns_visit(MyDatabaseId, functions::list_turn, fcinfo->resultinfo);
		return Datum{0};
	}

	Datum sambapos_worker_wake(PG_FUNCTION_ARGS)
	{
		(void) fcinfo;
		worker::wake_at_commit();
		return PointerGetDatum(nullptr); /* a trigger returns a row, and no NULL */
	}
}
