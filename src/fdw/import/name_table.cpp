/*
 * PostgreSQL's hash table with names as keys, and a seeded hash that cannot be predicted: names
 * that are chosen to collide would make a list of the table.
 */
#include "fdw/import/name_table.hpp"

namespace sambapos::fdw
{

static uint64
seed()
{
	static uint64 value = 0;

	while (value == 0)
		if (!pg_strong_random(&value, sizeof value))
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
							errmsg("could not generate a random number")));
	return value;
}

static uint32
hash_of(const void *argument, Size)
{
	const auto *key = static_cast<const NameKey *>(argument);
	uint64 scope = reinterpret_cast<uintptr_t>(key->scope);

	return static_cast<uint32>(
		hash_bytes_extended(reinterpret_cast<const unsigned char *>(key->name),
							static_cast<int>(std::strlen(key->name)), seed() ^ scope));
}

static int
compare(const void *left, const void *right, Size)
{
	const auto *one = static_cast<const NameKey *>(left);
	const auto *other = static_cast<const NameKey *>(right);

	return one->scope == other->scope ? std::strcmp(one->name, other->name) : 1;
}

HTAB *
make_name_table(Size entry_size)
{
	HASHCTL control = {};

	seed(); /* not while an entry is looked for */
	control.keysize = sizeof(NameKey);
	control.entrysize = entry_size;
	control.hash = hash_of;
	control.match = compare;
	control.hcxt = CurrentMemoryContext;
	return hash_create("sambapos_fdw names", 256, &control,
					   HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

void *
name_enter(HTAB *table, const void *scope, const char *name, bool *found)
{
	NameKey key = {scope, name};

	return hash_search(table, &key, HASH_ENTER, found);
}

void *
name_find(HTAB *table, const void *scope, const char *name)
{
	NameKey key = {scope, name};

	return hash_search(table, &key, HASH_FIND, nullptr);
}

} // namespace sambapos::fdw
