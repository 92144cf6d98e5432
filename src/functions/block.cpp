/*
 * Is this a transaction block? A procedure that commits asks before it begins, to say so in words.
 */
#include "bridge/pg.hpp"

extern "C"
{
	PG_FUNCTION_INFO_V1(sambapos_in_transaction_block);

	Datum sambapos_in_transaction_block(PG_FUNCTION_ARGS)
	{
		(void) fcinfo;
		PG_RETURN_BOOL(IsTransactionBlock());
	}
}
