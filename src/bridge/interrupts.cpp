#include "bridge/interrupts.hpp"

namespace sambapos
{

static bool attending = false;
static ErrorData *caught = nullptr;

static bool
pending() noexcept
{
	return caught != nullptr || (InterruptPending && (QueryCancelPending || ProcDiePending));
}

/* No destructor in here: FATAL does not return. */
static bool
attend() noexcept
{
	MemoryContext caller = CurrentMemoryContext;

	if (!InterruptPending || pending())
		return pending();
	attending = true;
	PG_TRY();
	{
		CHECK_FOR_INTERRUPTS();
	}
	PG_CATCH();
	{
		/* until the end of the transaction, should nobody raise it */
		MemoryContextSwitchTo(TopTransactionContext != nullptr ? TopTransactionContext : caller);
		caught = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	attending = false;
	return pending();
}

const tds::Interrupts interrupts = {pending, attend};

void
raise_caught_interrupt()
{
	ErrorData *error = caught;

	caught = nullptr;
	if (error != nullptr)
		ReThrowError(error);
}

void
forget_interrupt() noexcept
{
	caught = nullptr;
}

bool
ends_within_wait() noexcept
{
	return attending && proc_exit_inprogress;
}

} // namespace sambapos
