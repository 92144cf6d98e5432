/*
 * Texts of a server in our messages. A name or an error text may contain control characters, which
 * the client's terminal would execute.
 */
#pragma once

#include "bridge/pg.hpp"

namespace sambapos
{

/* The text on one line, with control characters written by their codes (\x1B); the text
 * itself if it has none. Palloc'd; fails only if memory is exhausted. */
const char *visible(const char *text);

/* The same, but line breaks stay: for remote SQL, which may be ours or a user's. */
const char *visible_lines(const char *text);

} // namespace sambapos
