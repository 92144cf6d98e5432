/*
 * Names found by hash. A server may have any number of tables and columns with any names: no list
 * of them is searched from one end to the other.
 */
#pragma once

#include "bridge/pg.hpp"

namespace sambapos::fdw
{

/* A name within something: columns of different tables may share one. */
struct NameKey
{
	const void *scope; /* null where there is only one */
	const char *name;
};

/* An empty table in the current memory context; its entries begin with a NameKey, whose name must
 * live as long as the table. */
HTAB *make_name_table(Size entry_size);

/* The entry of a name; made if it is not there, and then nothing is set but its key. */
void *name_enter(HTAB *table, const void *scope, const char *name, bool *found);

/* The same; null if it is not there. */
void *name_find(HTAB *table, const void *scope, const char *name);

} // namespace sambapos::fdw
