/*
 * A worker: one of some processes in a database. It takes the site whose turn it is, looks at it,
 * and syncs it if there is a reason; then the next one.
 *
 * * It works as the role that owns the replica, for which the sites' user mappings are. Whoever has
 *   that right to make a schema of this name gains nothing: his own rights are what it works with.
 *   The first process in a database, with PostgreSQL's own role, finds out who that is, calls no
 *   function and ends.
 * * What a look and a run are is said in SQL (sql/sync/worker.sql). Here each part of it is a
 *   transaction; what it returns is the next part.
 * * The temporary tables of a run stay for the next one. While they do, nobody can freeze their
 *   rows, and the database's transaction ids run out; and of each table that is gone PostgreSQL's
 *   caches keep something. So a worker that is an hour old, or has grown, ends, and another one
 *   follows.
 * * An error in a part is told once and tried again, later and later (shared.cpp). One in the list
 *   of sites ends the process; the launcher starts another one.
 */
#include "bridge/transaction.hpp"
#include "worker/shared.hpp"
#include "worker/start.hpp"

namespace sambapos::worker
{

/* A look that has no answer by then has failed. A run may take what it takes. */
constexpr int look_limit = 30000; /* milliseconds */

constexpr Size memory_limit = 256 * 1024 * 1024;
constexpr int life_limit = 60 * 60 * 1000; /* milliseconds */

static int my_post;
static MemoryContext loop_memory;

/* ---- as whom ---- */

/* Invalid: there is nothing to do in this database yet. */
static Oid
role_here()
{
	HeapTuple tuple;
	Oid owner = InvalidOid;

	if (!OidIsValid(get_extension_oid("sambapos_fdw", true)))
		return InvalidOid;
	tuple = SearchSysCache1(NAMESPACENAME, CStringGetDatum("sambapos_replica"));
	if (HeapTupleIsValid(tuple))
	{
		owner = reinterpret_cast<Form_pg_namespace>(GETSTRUCT(tuple))->nspowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}

/* Ends the process without a word; the launcher reads what it has left. */
[[noreturn]] static void
leave(Outcome outcome, Oid role)
{
	post_report(my_post, outcome, role);
	proc_exit(0);
}

static Oid
find_role()
{
	Oid role;

	StartTransactionCommand();
	role = role_here();
	CommitTransactionCommand();
	return role;
}

[[noreturn]] static void
leave_role()
{
	Oid role = find_role();

	leave(OidIsValid(role) ? Outcome::found_role : Outcome::nothing_here, role);
}

/* ---- which sites ---- */

struct Sites
{
	Site *sites;
	int count;
	bool is_home; /* the extension is here, and the replica ours */
};

/* Memory of SPI's ends with it. */
static void
read_sites(Sites *result)
{
	if (SPI_execute("SELECT site_id, name, wanted_at FROM sambapos._worker_sites()", true, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "the sites could not be read");
	result->count = static_cast<int>(SPI_processed);
	result->sites = static_cast<Site *>(
		MemoryContextAllocZero(loop_memory, sizeof(Site) * (SPI_processed + 1)));
	for (int i = 0; i < result->count; i++)
	{
		HeapTuple row = SPI_tuptable->vals[i];
		TupleDesc columns = SPI_tuptable->tupdesc;
		Site *site = &result->sites[i];
		bool is_null;

		site->id = DatumGetInt32(SPI_getbinval(row, columns, 1, &is_null));
		strlcpy(site->name, SPI_getvalue(row, columns, 2), sizeof site->name);
		site->wanted_at = DatumGetTimestampTz(SPI_getbinval(row, columns, 3, &is_null));
		site->is_wanted = !is_null;
	}
}

static void
look_around(void *argument)
{
	auto *sites = static_cast<Sites *>(argument);

	sites->is_home = role_here() == GetUserId();
	if (sites->is_home)
		read_sites(sites);
}

/* ---- one site ---- */

/* A part that is to be done, and then what it has led to. */
struct Part
{
	const Site *site;
	char name[NAMEDATALEN]; /* empty: it was the last one */
	int64 run;
	bool has_run;
	bool failed;
	char *message;
};

static void
do_part(void *argument)
{
	auto *part = static_cast<Part *>(argument);
	Oid types[] = {INT4OID, TEXTOID, INT8OID};
	Datum values[] = {Int32GetDatum(part->site->id), CStringGetTextDatum(part->name),
					  Int64GetDatum(part->run)};
	const char nulls[] = {' ', ' ', part->has_run ? ' ' : 'n'};
	HeapTuple row;
	TupleDesc columns;
	const char *text;
	bool is_null;

	if (SPI_execute_with_args(
			"SELECT part, run_id, failed, message FROM sambapos._worker_do($1, $2, $3)", 3, types,
			values, nulls, false, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "part \"%s\" could not be done", part->name);
	row = SPI_tuptable->vals[0];
	columns = SPI_tuptable->tupdesc;
	text = SPI_getvalue(row, columns, 1);
	strlcpy(part->name, text == nullptr ? "" : text, sizeof part->name);
	part->run = DatumGetInt64(SPI_getbinval(row, columns, 2, &is_null));
	part->has_run = !is_null;
	part->failed |= DatumGetBool(SPI_getbinval(row, columns, 3, &is_null)) && !is_null;
	text = SPI_getvalue(row, columns, 4);
	if (text != nullptr)
		part->message = MemoryContextStrdup(loop_memory, text);
}

/* What pg_stat_activity shows as the query. */
static void
show(const Part *part)
{
	char words[2 * NAMEDATALEN + 32];

	snprintf(words, sizeof words, "sambapos %s: %s", part->site->name, part->name);
	pgstat_report_activity(STATE_RUNNING, words);
}

/* An error becomes a message. */
static void
try_part(Part *part)
{
	bool is_look = std::strcmp(part->name, "look") == 0;
	ErrorData *error;

	show(part);
	if (is_look)
		enable_timeout_after(STATEMENT_TIMEOUT, look_limit);
	if (!attempt_transaction(do_part, part, &error))
	{
		part->name[0] = '\0';
		part->failed = true;
		part->message = error->message;
	}
	else if (is_look)
		disable_timeout(STATEMENT_TIMEOUT, false);
	pgstat_report_stat(false);
	CHECK_FOR_INTERRUPTS();
}

/* What a run has read is written when it has left the till. */
static bool
needs_till(const Part *part)
{
	return std::strcmp(part->name, "merge") != 0 && std::strcmp(part->name, "close") != 0;
}

static void
serve(const Site *site)
{
	Part part = {site, "look", 0, false, false, nullptr};
	TimestampTz left_till_at = GetCurrentTimestamp();
	int failures;

	while (part.name[0] != '\0')
	{
		bool at_till = needs_till(&part);

		try_part(&part);
		if (at_till)
			left_till_at = GetCurrentTimestamp();
	}
	failures = turn_give_back(my_post, MyDatabaseId, site->id, part.failed, left_till_at);
	if (failures == 1 && part.message != nullptr)
		ereport(LOG, (errmsg("%s", part.message)));
	pgstat_report_activity(STATE_IDLE, nullptr);
}

/* ---- all sites ---- */

static void
sleep_for(long wait)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
}

static bool
is_worn()
{
	return MemoryContextMemAllocated(TopMemoryContext, true) > memory_limit ||
		   TimestampDifferenceExceeds(MyStartTimestamp, GetCurrentTimestamp(), life_limit);
}

/* One site, or a sleep until there may be one. */
static void
work()
{
	Sites sites = {};
	ErrorData *error;
	long wait;
	int chosen;

	if (!attempt_transaction(look_around, &sites, &error))
	{
		/* the extension may have been dropped meanwhile */
		if (find_role() == GetUserId())
			ReThrowError(error);
		sites.is_home = false;
	}
	pgstat_report_stat(false);
	if (!sites.is_home)
		leave(Outcome::nothing_here, InvalidOid);
	post_report_sites(my_post, sites.count);
	chosen = turn_take(my_post, MyDatabaseId, sites.sites, sites.count, &wait);
	if (chosen < 0)
		sleep_for(wait);
	else
		serve(&sites.sites[chosen]);
	if (is_worn())
		leave(Outcome::found_role, GetUserId());
}

/* Whatever the role or the database has set. */
static void
connect(const Post *post)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(post->database, post->role, 0);
	if (!OidIsValid(post->role))
		leave_role();
	SetConfigOption("application_name", worker_type, PGC_USERSET, PGC_S_SESSION);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_read_only", "off", PGC_SUSET, PGC_S_OVERRIDE);
	loop_memory =
		AllocSetContextCreate(TopMemoryContext, "sambapos worker", ALLOCSET_DEFAULT_SIZES);
	pgstat_report_activity(STATE_IDLE, nullptr);
}

} // namespace sambapos::worker

using namespace sambapos::worker;

extern "C" void sambapos_worker_main(Datum);

void
sambapos_worker_main(Datum post)
{
	Post mine;

	my_post = DatumGetInt32(post);
	if (!post_enter(my_post))
		proc_exit(0);
	mine = post_look(my_post);
	connect(&mine);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		MemoryContextSwitchTo(loop_memory);
		MemoryContextReset(loop_memory);
		work();
	}
}
