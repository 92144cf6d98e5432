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

/* Remote SQL, ours or a user's, for the context of an error: line breaks stay. Of a long one its
 * beginning, and how many bytes there are: a question about all tables has tens of thousands, and
 * an error with all of them scrolls away. */
const char *visible_sql(const char *sql);

} // namespace sambapos
