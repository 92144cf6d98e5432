/*
 * For a server that sends without end. The library asks about interruption only when it has to
 * wait; endless rows behind an attention, or endless notices, keep it reading for ever.
 *
 * While a Call lasts, a timer looks every few seconds whether the call should have ended. Finds it
 * the same call overdue twice, it shuts the socket down: what is still in the kernel is read, then
 * the library sees the end of the connection. That is all it does, since it runs as a signal
 * handler. Without a Call the timer is still.
 */
#pragma once

#include "tds/messages.hpp"

namespace sambapos::tds
{

/* Called by Call at its beginning and its end. */
void watch(Record *record, Wait *wait) noexcept;
void unwatch() noexcept;

/* Looks at this time, less than a second from now, and so wakes the library up if it waits. */
void check_at(Clock::time_point time) noexcept;

/* Before a login, whose socket is not known yet: remembers the lowest free descriptors, since one
 * of them will be it. */
void expect_descriptor(Wait *wait) noexcept;

} // namespace sambapos::tds
