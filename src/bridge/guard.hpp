/*
 * The only connection between PostgreSQL's error model (ereport: a longjmp that runs no destructor)
 * and C++'s (exceptions).
 *
 * The rule: PostgreSQL-side code calls C++ through guard(); C++ never calls PostgreSQL, but for the
 * interrupts it asks about while it waits (interrupts.hpp). Inside the guarded lambda only src/tds
 * functions run; outside it no object with a destructor is alive.
 * `make lint` proves the second half: no object file outside src/tds refers to _Unwind_Resume.
 */
#pragma once

#include "bridge/pg.hpp"
#include "tds/error.hpp"

namespace sambapos
{

/* What is left of a C++ exception once its catch block has ended: plain data, so that ereport may
 * jump over it. Texts that are too long are cut at a character boundary, with "..." at the end. */
struct Failure
{
	char sqlstate[6];
	char message[1024];
	char detail[1024];
	char hint[512];

	void set(const char *state, const char *text, const char *more, const char *advice) noexcept;

	/* From the exception that is being handled; only inside a catch block. */
	void capture() noexcept;
};

/* Reports the failure as a PostgreSQL error. An interrupt goes first (interrupts.hpp), so that the
 * user reads 57014 and not the network error that the interruption caused. */
[[noreturn]] void raise(const Failure &failure);

/* Calls body, which may throw; turns an exception into a PostgreSQL error. The result must be
 * plain data. Costs nothing when nothing is thrown. */
template <typename F>
auto
guard(F &&body) -> decltype(body())
{
	using Result = decltype(body());
	static_assert(std::is_trivially_destructible_v<std::remove_reference_t<F>>,
				  "capture by reference: what the lambda owns would be lost on ereport");
	static_assert(std::is_void_v<Result> || std::is_trivially_destructible_v<Result>,
				  "return plain data");
	Failure failure;
	[[maybe_unused]] sigjmp_buf *entry = PG_exception_stack;

	try
	{
		return body();
	}
	catch (...)
	{
		failure.capture();
	}
	Assert(PG_exception_stack == entry);
	raise(failure);
}

/* The same where an error must not be raised (end of transaction) or not yet (the session has to be
 * put away first): false, and the failure written down. */
template <typename F>
bool
attempt(Failure *failure, F &&body) noexcept
{
	static_assert(std::is_trivially_destructible_v<std::remove_reference_t<F>>,
				  "capture by reference");
	try
	{
		body();
		return true;
	}
	catch (...)
	{
		failure->capture();
		return false;
	}
}

} // namespace sambapos
