/*
 * What SambaPOS keeps in its tables that must not leave them: PINs, passwords, keys, and free
 * settings where a site may have put any of these. IMPORT FOREIGN SCHEMA makes no foreign table and
 * no column for it unless import_sensitive asks for it.
 *
 * Personal data of guests is another matter: reports need it, and it is the replica that decides.
 */
#include "fdw/import/import.hpp"

namespace sambapos::fdw
{

static const char *const sensitive_tables[] = {
	"ActionContainers", /* mail passwords in ParameterValues */
	"AddonLicenses",    /* licence keys */
	"AppActions",       /* mail passwords in Parameter */
	"AppRules",         /* parameters of the same kind */
	"GraphqlClients",   /* API secrets */
	"RefreshTokens",    /* API tokens */
	"Scripts",          /* code, with keys in it */
};

static const struct
{
	const char *table;
	const char *column;
} sensitive_columns[] = {
	{"Users", "PinCode"},
	{"Users", "Password"},
	{"PaymentTypes", "ProcessorSettings"},
	{"Payments", "PaymentData"},
	{"Printers", "CustomPrinterData"},
	{"ProgramSettingValues", "Value"},
};

bool
is_sensitive_table(const char *table)
{
	for (const char *name : sensitive_tables)
		if (pg_strcasecmp(name, table) == 0)
			return true;
	return false;
}

bool
is_sensitive_column(const char *table, const char *column)
{
	for (const auto &name : sensitive_columns)
		if (pg_strcasecmp(name.table, table) == 0 && pg_strcasecmp(name.column, column) == 0)
			return true;
	return false;
}

} // namespace sambapos::fdw
