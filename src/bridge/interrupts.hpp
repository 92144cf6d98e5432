/*
 * PostgreSQL's interrupts while src/tds waits for a server: cancel and terminate, but also what
 * other processes wait for (DROP DATABASE for its barrier, the startup process of a standby for its
 * conflict), memory contexts asked for, a client that is gone, a parallel worker's error.
 *
 * CHECK_FOR_INTERRUPTS() raises, and there are frames of C++ and DB-Library below. So attend()
 * catches the error, the wait comes to its end as if it had been cancelled, and the door raises the
 * error (guard.hpp). A cancel and a terminate are left pending until then.
 *
 * What ends the process (a client that is gone) does so from within the wait: then nothing may be
 * said to a server any more, and exit() closes the sockets.
 */
#pragma once

#include "bridge/pg.hpp"
#include "tds/session.hpp"

namespace sambapos
{

/* What src/tds asks. */
extern const tds::Interrupts interrupts;

/* Raises what attend() has caught, if anything. */
void raise_caught_interrupt();

/* The transaction that it was meant for has ended. */
void forget_interrupt() noexcept;

/* The process is ending within a wait. */
bool ends_within_wait() noexcept;

} // namespace sambapos
