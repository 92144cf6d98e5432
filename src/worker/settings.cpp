/*
 * The settings of the worker, and what is to be done for it while the library is loaded.
 */
#include "worker/shared.hpp"
#include "worker/start.hpp"

namespace sambapos::worker
{

char *databases = nullptr;
int per_database = 2;

/* Names are written as in a list of schemas: what is not lower case needs quotation marks. */
static bool
check_databases(char **value, void **, GucSource)
{
	List *names = NIL;
	char *copy = pstrdup(*value == nullptr ? "" : *value);
	bool valid = SplitIdentifierString(copy, ',', &names);

	if (!valid)
		GUC_check_errdetail("List syntax is invalid.");
	list_free(names);
	pfree(copy);
	return valid;
}

static void
define_settings()
{
	DefineCustomStringVariable(
		"sambapos.worker_databases",
		"The databases whose sites the worker looks at every second, and syncs.",
		"Needs shared_preload_libraries = 'sambapos_fdw'. Empty: no worker.", &databases, "",
		PGC_SIGHUP, GUC_LIST_INPUT, check_databases, nullptr, nullptr);
	DefineCustomIntVariable(
		"sambapos.workers_per_database",
		"The greatest number of processes that the worker has in one database.",
		"One that waits for a till holds up no other. Each takes one of max_worker_processes.",
		&per_database, 2, 1, 64, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
}

/* Nothing is started without a database, on a standby before it is promoted (the start time sees
 * to that) or while pg_upgrade works. */
void
init()
{
	define_settings();
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	shared_request();
	if (databases[0] != '\0')
		launcher_register();
}

} // namespace sambapos::worker
