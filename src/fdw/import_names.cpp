/*
 * Names and types at the server, and what they become here.
 *
 * name_case snake: an underscore goes between a lower-case letter or digit and an upper-case
 * letter; one that is there stays single. Where two names of one table (or two tables of the
 * schema) would become the same, the one written with underscores gets two in each place:
 * AccountTransactionId, AccountTransaction_Id -> account_transaction_id, account_transaction__id.
 * Only A to Z count as letters here: what other letters' lower case is depends on the language.
 */
#include "fdw/import.hpp"

namespace sambapos::fdw
{

static bool
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static char *
cased(const char *name, NameCase name_case, bool double_underscores)
{
	StringInfoData result;

	initStringInfo(&result);
	for (const char *c = name; *c != '\0'; c++)
	{
		if (name_case == NameCase::snake && is_upper(*c) && c > name && is_lower_or_digit(c[-1]))
			appendStringInfoChar(&result, '_');
		if (double_underscores && *c == '_')
			appendStringInfoChar(&result, '_');
		appendStringInfoChar(&result,
							 name_case != NameCase::keep && is_upper(*c) ? *c + 'a' - 'A' : *c);
	}
	return result.data;
}

/* PostgreSQL would cut a name that is too long, and two may become one; ours end in a hash of the
 * whole. */
static char *
shortened(char *name)
{
	int length = static_cast<int>(std::strlen(name));

	if (length < NAMEDATALEN)
		return name;
	uint32 hash = DatumGetUInt32(hash_any(reinterpret_cast<const unsigned char *>(name), length));
	int kept = pg_mbcliplen(name, length, NAMEDATALEN - 1 - 9);

	return psprintf("%.*s_%08x", kept, name, hash);
}

static bool
is_taken(const ImportName *names, int count, const char *local)
{
	for (int i = 0; i < count; i++)
		if (std::strcmp(names[i].local, local) == 0)
			return true;
	return false;
}

static bool
has_twin(const ImportName *names, int count, int index)
{
	for (int i = 0; i < count; i++)
		if (i != index && std::strcmp(names[i].local, names[index].local) == 0)
			return true;
	return false;
}

void
make_local_names(ImportName *names, int count, NameCase name_case)
{
	auto *collides = static_cast<bool *>(palloc0(sizeof(bool) * static_cast<size_t>(count + 1)));

	for (int i = 0; i < count; i++)
		names[i].local = shortened(cased(names[i].remote, name_case, false));
	for (int i = 0; i < count; i++)
		collides[i] = has_twin(names, count, i);
	for (int i = 0; i < count; i++)
		if (collides[i] && std::strchr(names[i].remote, '_') != nullptr)
			names[i].local = shortened(cased(names[i].remote, name_case, true));
	/* under a case-sensitive collation a table may have both Name and NAME */
	for (int i = 0; i < count; i++)
		for (int n = 2; is_taken(names, i, names[i].local); n++)
			names[i].local =
				shortened(psprintf("%s_%d", cased(names[i].remote, name_case, false), n));
	pfree(collides);
}

/* ---- types ---- */

/* Types whose name says all. */
static const char *
plain_type(const char *type)
{
	static const char *const pairs[][2] = {
		{"bit", "boolean"},
		{"tinyint", "smallint"},
		{"smallint", "smallint"},
		{"int", "integer"},
		{"bigint", "bigint"},
		{"real", "real"},
		{"float", "double precision"},
		{"money", "numeric(19,4)"},
		{"smallmoney", "numeric(10,4)"},
		{"uniqueidentifier", "uuid"},
		{"date", "date"},
		{"datetime", "timestamp without time zone"},
		{"smalldatetime", "timestamp without time zone"},
		{"text", "text"},
		{"ntext", "text"},
		{"image", "bytea"},
		{"timestamp", "bytea"},
		{"rowversion", "bytea"},
		{"xml", "xml"},
		{"sql_variant", "text"},
	};

	for (const auto &pair : pairs)
		if (std::strcmp(pair[0], type) == 0)
			return pair[1];
	return nullptr;
}

/* Sub-second types: their scale is part of the remote type; PostgreSQL keeps six digits. */
static const char *
scaled_type(const char *type)
{
	if (std::strcmp(type, "time") == 0)
		return "time without time zone";
	if (std::strcmp(type, "datetime2") == 0)
		return "timestamp without time zone";
	if (std::strcmp(type, "datetimeoffset") == 0)
		return "timestamp with time zone";
	return nullptr;
}

static bool
is_one_of(const char *type, std::initializer_list<const char *> names)
{
	for (const char *name : names)
		if (std::strcmp(name, type) == 0)
			return true;
	return false;
}

static void
map_sized_type(ImportColumn *column, const char *unlimited, bool is_text)
{
	if (column->length < 0 || column->length > 8000)
	{
		column->remote_type = psprintf("%s(max)", column->data_type);
		column->local_type = unlimited;
		return;
	}
	column->remote_type = psprintf("%s(%d)", column->data_type, column->length);
	/* character(n) would lose the blanks that pad a char(n) */
	column->local_type = is_text ? psprintf("character varying(%d)", column->length) : unlimited;
}

bool
map_type(ImportColumn *column)
{
	const char *type = column->data_type;

	column->remote_type = type;
	if ((column->local_type = plain_type(type)) != nullptr)
		return true;
	if ((column->local_type = scaled_type(type)) != nullptr)
	{
		column->remote_type = psprintf("%s(%d)", type, column->datetime_precision);
		return true;
	}
	if (is_one_of(type, {"decimal", "numeric"}))
	{
		column->remote_type = psprintf("%s(%d,%d)", type, column->precision, column->scale);
		column->local_type = psprintf("numeric(%d,%d)", column->precision, column->scale);
		return true;
	}
	bool is_text = is_one_of(type, {"char", "varchar", "nchar", "nvarchar"});
	if (!is_text && !is_one_of(type, {"binary", "varbinary"}))
		return false;
	map_sized_type(column, is_text ? "text" : "bytea", is_text);
	return true;
}

/* ---- secrets of a SambaPOS database ---- */

bool
is_sensitive_table(const char *table)
{
	static const char *const names[] = {"AppActions",   "AppRules",      "ActionContainers",
										"Scripts",      "AddonLicenses", "GraphqlClients",
										"RefreshTokens"};

	for (const char *name : names)
		if (pg_strcasecmp(name, table) == 0)
			return true;
	return false;
}

bool
is_sensitive_column(const char *table, const char *column)
{
	static const char *const names[][2] = {{"Users", "PinCode"},
										   {"Users", "Password"},
										   {"PaymentTypes", "ProcessorSettings"},
										   {"Payments", "PaymentData"},
										   {"Printers", "CustomPrinterData"},
										   {"ProgramSettingValues", "Value"}};

	for (const auto &name : names)
		if (pg_strcasecmp(name[0], table) == 0 && pg_strcasecmp(name[1], column) == 0)
			return true;
	return is_sensitive_table(table);
}

} // namespace sambapos::fdw
