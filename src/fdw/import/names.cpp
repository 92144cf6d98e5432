/*
 * Local names of remote tables and columns.
 *
 * snake: an underscore goes between a lower-case letter or digit and an upper-case letter, one that
 * is there stays single, and letters become small: TransactionDocument_Id is
 * transaction_document_id. Only ASCII letters have a case here: what a locale would make of others
 * depends on the machine.
 *
 * PostgreSQL cuts names at 63 bytes, and would cut two long ones to the same. A longer name is cut
 * to 54 bytes, followed by an underscore and eight digits that are computed from all of it.
 *
 * Of names that coincide after that one is kept and the others get a number: account_transaction_id
 * is AccountTransactionId, and AccountTransaction_Id is account_transaction_id_2. Kept is the
 * first, of those that were written without an underscore if there are any. Names of a snake
 * coincide when programs that turn them into camelCase would make one of them (a_b, a__b and _a_b;
 * id_2 and id2). A number never leads to a name that another one has by itself, so that no column's
 * name depends on what else collides. A system column's name (ctid, xmin, ...) is taken from the
 * start.
 */
#include "fdw/import/import.hpp"
#include "fdw/import/name_table.hpp"

namespace sambapos::fdw
{

constexpr int cut_length = 54;

static const char *const system_columns[] = {"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"};

/* A claim to a name, by what must not coincide. */
struct Claim
{
	NameKey key;
	bool taken;
	int number; /* the next to try for those that cannot have it */
};

/* ---- one name ---- */

static bool
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static char
to_lower(char c)
{
	return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

static char
to_upper(char c)
{
	return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
}

static bool
ends_word(char c)
{
	return is_lower(c) || (c >= '0' && c <= '9');
}

static const char *
to_snake(const char *name)
{
	StringInfoData result;

	initStringInfo(&result);
	for (const char *c = name; *c != '\0'; c++)
	{
		if (c > name && is_upper(*c) && ends_word(c[-1]))
			appendStringInfoChar(&result, '_');
		appendStringInfoChar(&result, to_lower(*c));
	}
	return result.data;
}

static const char *
to_local(const char *name, NameCase name_case)
{
	if (name_case == NameCase::snake)
		return to_snake(name);

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

/* Underscores go, and what follows them becomes large, except at the beginning. */
static const char *
to_camel(const char *name)
{
	char *result = pstrdup(name);
	char *out = result;
	bool hump = false;

	for (const char *c = name; *c != '\0'; c++)
	{
		bool first = out == result;

		if (*c != '_')
			*out++ = hump && !first ? to_upper(*c) : *c;
		hump = *c == '_';
	}
	*out = '\0';
	return result;
}

static const char *
distinction_of(const char *name, NameCase name_case)
{
	return name_case == NameCase::snake ? to_camel(name) : name;
}

/* ---- all of them ---- */

static Claim *
claim(HTAB *claims, const char *distinction, bool *found)
{
	auto *entry = static_cast<Claim *>(name_enter(claims, nullptr, distinction, found));

	if (!*found)
	{
		entry->taken = false;
		entry->number = 2;
	}
	return entry;
}

static void
claim_system_columns(HTAB *claims)
{
	bool found;

	for (const char *name : system_columns)
		claim(claims, name, &found)->taken = true;
}

static const char *
numbered(HTAB *claims, Claim *wanted, const char *name, NameCase name_case)
{
	bool found = true;
	const char *result = name;

	while (found)
	{
		CHECK_FOR_INTERRUPTS();
		result = shorten(psprintf("%s_%d", name, wanted->number++));
		claim(claims, distinction_of(result, name_case), &found)->taken = true;
	}
	return result;
}

/* Gives the names to those that come first. */
static void
give_names(Claim **wanted, const char *const *remote, int count, NameCase name_case,
		   bool underscored)
{
	for (int i = 0; i < count; i++)
	{
		bool waits = name_case == NameCase::snake && std::strchr(remote[i], '_') != nullptr;

		CHECK_FOR_INTERRUPTS();
		if (wanted[i] == nullptr || waits != underscored || wanted[i]->taken)
			continue;
		wanted[i]->taken = true;
		wanted[i] = nullptr;
	}
}

const char **
local_names(const char *const *remote, int count, NameCase name_case, NameKind kind)
{
	auto size = static_cast<Size>(count + 1);
	auto **names = static_cast<const char **>(
		MemoryContextAllocHuge(CurrentMemoryContext, sizeof(char *) * size));
	auto **wanted =
		static_cast<Claim **>(MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Claim *) * size));
	HTAB *claims = make_name_table(sizeof(Claim));
	bool found;

	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		names[i] = shorten(to_local(remote[i], name_case));
		wanted[i] = claim(claims, distinction_of(names[i], name_case), &found);
	}
	if (kind == NameKind::columns)
		claim_system_columns(claims);
	give_names(wanted, remote, count, name_case, false);
	give_names(wanted, remote, count, name_case, true);
	for (int i = 0; i < count; i++)
		if (wanted[i] != nullptr)
			names[i] = numbered(claims, wanted[i], names[i], name_case);
	hash_destroy(claims);
	return names;
}

} // namespace sambapos::fdw
