/*
 * May the procedure that asks commit? Not in a transaction block, in what a function or a trigger
 * calls, or beneath an EXCEPTION clause. One that commits asks before it begins, to say so in
 * words.
 */
#include "bridge/pg.hpp"

extern "C"
{
	PG_FUNCTION_INFO_V1(sambapos_may_commit);

	/* To be called in the procedure itself: a function between them would be the one that is asked
	 * about, and a function never may. PostgreSQL 15 does not count subtransactions. */
	Datum sambapos_may_commit(PG_FUNCTION_ARGS)
	{
		(void) fcinfo;
		PG_RETURN_BOOL(SPI_inside_nonatomic_context() && !IsSubTransaction());
	}

	PG_FUNCTION_INFO_V1(sambapos_in_block);

	Datum sambapos_in_block(PG_FUNCTION_ARGS)
	{
		(void) fcinfo;
		PG_RETURN_BOOL(IsTransactionBlock());
	}
}
