#include "bridge/transaction.hpp"

namespace sambapos
{

static void
run(void (*body)(void *), void *argument)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	body(argument);
	PopActiveSnapshot();
	SPI_finish();
	CommitTransactionCommand();
}

/* As PostgreSQL does between two statements of a client. */
static void
undo(MemoryContext caller, ErrorData **error)
{
	HOLD_INTERRUPTS();
	disable_all_timeouts(false);
	QueryCancelPending = false;
	MemoryContextSwitchTo(caller);
	*error = CopyErrorData();
	FlushErrorState();
	AbortCurrentTransaction();
	RESUME_INTERRUPTS();
}

bool
attempt_transaction(void (*body)(void *), void *argument, ErrorData **error)
{
	MemoryContext caller = CurrentMemoryContext;

	*error = nullptr;
	PG_TRY();
	{
		run(body, argument);
	}
	PG_CATCH();
	{
		undo(caller, error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	return *error == nullptr;
}

} // namespace sambapos
