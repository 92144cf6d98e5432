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

struct Listing
{
	ReturnSetInfo *result;
	bool all;    /* whoever asks sees all sites */
	List *sites; /* otherwise these */
};

/* A role may see some sites only: those that the table of sites shows it. */
static void
find_visible_sites(Listing *listing)
{
	Oid table = get_relname_relid("site", get_namespace_oid("sambapos", false));
	MemoryContext caller = CurrentMemoryContext;

	listing->all = check_enable_rls(table, InvalidOid, true) != RLS_ENABLED;
	if (listing->all)
		return;
	SPI_connect();
	if (SPI_execute("SELECT site_id FROM sambapos.site", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the sites");
	MemoryContext of_spi = MemoryContextSwitchTo(caller);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool is_null;
		Datum site = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null);

		listing->sites = lappend_int(listing->sites, DatumGetInt32(site));
	}
	MemoryContextSwitchTo(of_spi);
	SPI_finish();
}

/* Columns: site_id, pid, is_busy, looked_at, next_look_at, failures. */
static void
list_turn(const Turn *turn, pid_t pid, void *context)
{
	auto *listing = static_cast<Listing *>(context);
	ReturnSetInfo *info = listing->result;
	Datum values[6] = {};
	bool nulls[6] = {};

	if (!listing->all && !list_member_int(listing->sites, turn->site))
		return;
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
		functions::Listing listing = {};

		functions::find_visible_sites(&listing);
		InitMaterializedSRF(fcinfo, 0);
		listing.result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
		worker::turns_visit(MyDatabaseId, functions::list_turn, &listing);
		return Datum{0};
	}

	Datum sambapos_worker_wake(PG_FUNCTION_ARGS)
	{
		(void) fcinfo;
		worker::wake_at_commit();
		return PointerGetDatum(nullptr); /* a trigger returns a row, and no NULL */
	}
}
