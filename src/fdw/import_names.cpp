/*
 * Local names of remote tables and columns.
 *
 * snake: an underscore goes between a lower-case letter or digit and an upper-case letter, one that
 * is there stays single, and letters become small: TransactionDocument_Id is
 * transaction_document_id. Where two names become one that way (AccountTransactionId and
 * AccountTransaction_Id), the one written with the underscore gets two (account_transaction__id).
 * Only ASCII letters have a case here: what a locale would make of others depends on the machine.
 *
 * PostgreSQL cuts names at 63 bytes, and would cut two long ones to the same. A longer name is cut
 * to 54 bytes, followed by an underscore and eight digits that are computed from all of it. Names
 * that are equal after all that (keep and lower know no other rule) get _2, _3 and so on.
 */
#include "fdw/import.hpp"

namespace sambapos::fdw
{

constexpr int cut_length = 54;

static bool
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static char
to_lower(char c)
{
	return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

static bool
ends_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static const char *
to_snake(const char *name, bool double_underscores)
{
	StringInfoData result;

	initStringInfo(&result);
	for (const char *c = name; *c != '\0'; c++)
	{
		if (c > name && is_upper(*c) && ends_word(c[-1]))
			appendStringInfoChar(&result, '_');
		appendStringInfoChar(&result, to_lower(*c));
		if (*c == '_' && double_underscores)
			appendStringInfoChar(&result, '_');
	}
	return result.data;
}

static const char *
to_local(const char *name, NameCase name_case)
{
	if (name_case == NameCase::snake)
		return to_snake(name, false);

	char *result = pstrdup(name);

	for (char *c = result; name_case == NameCase::lower && *c != '\0'; c++)
		*c = to_lower(*c);
	return result;
}

static const char *
shorten(const char *name)
{
	auto length = static_cast<int>(std::strlen(name));

	if (length < NAMEDATALEN)
		return name;
	uint32 hash = hash_bytes(reinterpret_cast<const unsigned char *>(name), length);
	int kept = pg_mbcliplen(name, length, cut_length);

	return psprintf("%.*s_%08x", kept, name, hash);
}

static bool
is_taken(const char *const *names, int count, int except, const char *name)
{
	for (int i = 0; i < count; i++)
		if (i != except && std::strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* Only names that were written with an underscore move; the others keep their plain form. */
static void
part_by_underscore(const char **names, const char *const *remote, int count)
{
	auto *moves = static_cast<bool *>(palloc0(static_cast<Size>(count) + 1));

	for (int i = 0; i < count; i++)
		moves[i] = std::strchr(remote[i], '_') != nullptr && is_taken(names, count, i, names[i]);
	for (int i = 0; i < count; i++)
		if (moves[i])
			names[i] = to_snake(remote[i], true);
}

static void
part_by_number(const char **names, int count)
{
	for (int i = 0; i < count; i++)
	{
		const char *name = names[i];

		for (int number = 2; is_taken(names, i, -1, names[i]); number++)
			names[i] = shorten(psprintf("%s_%d", name, number));
	}
}

const char **
local_names(const char *const *remote, int count, NameCase name_case)
{
	auto **names =
		static_cast<const char **>(palloc0(sizeof(char *) * static_cast<size_t>(count + 1)));

	for (int i = 0; i < count; i++)
		names[i] = to_local(remote[i], name_case);
	if (name_case == NameCase::snake)
		part_by_underscore(names, remote, count);
	for (int i = 0; i < count; i++)
		names[i] = shorten(names[i]);
	part_by_number(names, count);
	return names;
}

} // namespace sambapos::fdw
