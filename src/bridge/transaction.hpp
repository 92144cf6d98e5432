/*
 * A transaction that may fail without ending the process that runs it: for the worker, which has no
 * client to whom an error could go.
 */
#pragma once

#include "bridge/pg.hpp"

namespace sambapos
{

/* Runs body in a transaction of its own, with SPI connected. False: an error has undone it; it is
 * put into *error, in the memory context that was current, and nobody has been told. What ends the
 * process is not held up. */
bool attempt_transaction(void (*body)(void *), void *argument, ErrorData **error);

} // namespace sambapos
