/*
 * The options of foreign tables' columns. Planning asks for them again and again, of every column,
 * and finding them in the catalog would be a good part of planning a small query: each is read once
 * and kept until its table changes.
 */
#include "fdw/options/options.hpp"

namespace sambapos::fdw
{

struct ColumnKey
{
	Oid relation;
	int32 attribute;
};

struct KnownColumn
{
	ColumnKey key; /* must be first: the hash key */
	bool current;
	bool is_key;
	double distinct;
	char *name; /* the two are one allocation */
	char *remote_type;
};

static HTAB *known = nullptr;

/* Only marked: a caller may be in the middle of the hash table. */
static void
on_relation_change(Datum, Oid relation)
{
	HASH_SEQ_STATUS sequence;

	hash_seq_init(&sequence, known);
	while (auto *column = static_cast<KnownColumn *>(hash_seq_search(&sequence)))
		if (!OidIsValid(relation) || column->key.relation == relation)
			column->current = false;
}

static void
prepare()
{
	HASHCTL control = {};

	if (known != nullptr)
		return;
	control.keysize = sizeof(ColumnKey);
	control.entrysize = sizeof(KnownColumn);
	known = hash_create("sambapos_fdw columns", 256, &control, HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(on_relation_change, Datum{0});
}

/* Nothing of an entry is changed before everything of the new one is at hand. */
static KnownColumn *
read_column(const ColumnKey *key)
{
	auto attribute = static_cast<AttrNumber>(key->attribute);
	ColumnOptions options = {};

	read_options(GetForeignColumnOptions(key->relation, attribute), OptionContext::column,
				 {nullptr, nullptr, &options, nullptr});
	if (options.name == nullptr)
		options.name = get_attname(key->relation, attribute, false);

	Size name_size = std::strlen(options.name) + 1;
	Size type_size = std::strlen(options.remote_type) + 1;
	auto *texts =
		static_cast<char *>(MemoryContextAlloc(CacheMemoryContext, name_size + type_size));
	bool found;
	auto *column = static_cast<KnownColumn *>(hash_search(known, key, HASH_ENTER, &found));

	if (found)
		pfree(column->name);
	std::memcpy(texts, options.name, name_size);
	std::memcpy(texts + name_size, options.remote_type, type_size);
	column->name = texts;
	column->remote_type = texts + name_size;
	column->is_key = options.key;
	column->distinct = options.distinct;
	column->current = true;
	return column;
}

static const KnownColumn *
find_column(Oid relation, AttrNumber attribute)
{
	ColumnKey key = {relation, attribute};

	prepare();

	auto *column = static_cast<KnownColumn *>(hash_search(known, &key, HASH_FIND, nullptr));

	return column != nullptr && column->current ? column : read_column(&key);
}

/* Copies: the entry may be read anew while the caller still has its text. */

const char *
column_name(Oid relation, AttrNumber attribute)
{
	return pstrdup(find_column(relation, attribute)->name);
}

const char *
column_remote_type(Oid relation, AttrNumber attribute)
{
	return pstrdup(find_column(relation, attribute)->remote_type);
}

bool
is_key_column(Oid relation, AttrNumber attribute)
{
	return find_column(relation, attribute)->is_key;
}

double
estimated_distinct(Oid relation, AttrNumber attribute)
{
	return find_column(relation, attribute)->distinct;
}

} // namespace sambapos::fdw
