/*
 * The launcher: one process a cluster, connected to no database, that starts and ends the workers
 * of the databases named in sambapos.worker_databases.
 *
 * * A database's first worker finds out as whom to work (worker.cpp) and ends; the next ones work.
 *   While there is nothing to do in a database (no extension, no site) one looks now and then.
 * * A worker that fails is followed by another one after two seconds, four ... five minutes.
 * * Who drops, renames or copies a database needs it empty, and gives those in it five seconds. So
 *   the launcher asks each second whether somebody has locked it, and sends the workers away; they
 *   come back when it is free. They could not see it themselves while they wait for a till.
 * * When the launcher ends it takes its workers along. PostgreSQL starts it again.
 */
#include "worker/shared.hpp"
#include "worker/start.hpp"

namespace sambapos::worker
{

constexpr int64 second = USECS_PER_SEC;
constexpr int64 between_looks = 5 * second;
constexpr int64 longest_pause = 300 * second;
constexpr int64 long_enough = 60 * second; /* who worked as long has not failed at once */

/* A database's workers. */
struct Crew
{
	Oid database;
	Oid role; /* as whom they work; invalid: to be found out */
	bool named;
	bool dismissed;
	int failures;
	TimestampTz next_start;
};

/* What is known of a post. */
struct Hired
{
	BackgroundWorkerHandle *handle;
	TimestampTz since;
};

static Crew *crews;
static int crew_count = 0;
static Hired *hired;

BackgroundWorker
describe(const char *type, const char *entry, int restart_after)
{
	BackgroundWorker worker = {};

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = restart_after;
	strlcpy(worker.bgw_library_name, "sambapos_fdw", sizeof worker.bgw_library_name);
	strlcpy(worker.bgw_function_name, entry, sizeof worker.bgw_function_name);
	strlcpy(worker.bgw_name, type, sizeof worker.bgw_name);
	strlcpy(worker.bgw_type, type, sizeof worker.bgw_type);
	return worker;
}

void
launcher_register()
{
	BackgroundWorker launcher = describe(launcher_type, "sambapos_launcher_main", 5);

	RegisterBackgroundWorker(&launcher);
}

/* ---- which databases there are ---- */

static Crew *
find_crew(Oid database)
{
	for (int i = 0; i < crew_count; i++)
		if (crews[i].database == database)
			return &crews[i];
	return nullptr;
}

/* As many databases as there can be processes. */
static void
name_crew(Oid database)
{
	Crew *crew = find_crew(database);

	if (crew == nullptr && crew_count < post_count())
	{
		crew = &crews[crew_count++];
		*crew = Crew{};
		crew->database = database;
	}
	if (crew != nullptr)
		crew->named = true;
}

static int
staff(const Crew *crew)
{
	int number = 0;

	for (int i = 0; i < post_count(); i++)
		if (hired[i].handle != nullptr && post_look(i).database == crew->database)
			number++;
	return number;
}

static bool
is_named(List *names, const char *database)
{
	ListCell *cell;

	foreach (cell, names)
		if (std::strcmp(static_cast<char *>(lfirst(cell)), database) == 0)
			return true;
	return false;
}

/* Again each time: databases come, go and are renamed. Without an index: who is connected to none
 * cannot open one that no other process has opened before. */
static void
find_databases()
{
	List *names = NIL;
	Relation catalog;
	SysScanDesc scan;
	HeapTuple tuple;

	for (int i = 0; i < crew_count; i++)
		crews[i].named = false;
	SplitIdentifierString(pstrdup(databases), ',', &names);
	catalog = table_open(DatabaseRelationId, AccessShareLock);
	scan = systable_beginscan(catalog, InvalidOid, false, nullptr, 0, nullptr);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		auto *row = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));

		if (is_named(names, NameStr(row->datname)))
			name_crew(row->oid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	for (int i = crew_count - 1; i >= 0; i--)
		if (!crews[i].named && staff(&crews[i]) == 0)
			crews[i] = crews[--crew_count];
}

/* A backend that connects takes this lock; who needs the database empty keeps it from doing so. */
static bool
is_free(Oid database)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, database, 0);
	if (LockAcquire(&tag, RowExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	LockRelease(&tag, RowExclusiveLock, false);
	return true;
}

/* ---- ending ---- */

static void
dismiss(Crew *crew)
{
	for (int i = 0; i < post_count(); i++)
		if (hired[i].handle != nullptr && post_look(i).database == crew->database)
		{
			TerminateBackgroundWorker(hired[i].handle);
			crew->dismissed = true;
		}
}

static void
dismiss_all(int, Datum)
{
	for (int i = 0; i < post_count(); i++)
		if (hired[i].handle != nullptr)
			TerminateBackgroundWorker(hired[i].handle);
}

static void
take_note(Crew *crew, const Post *post, TimestampTz since, TimestampTz now)
{
	crew->role = InvalidOid;
	crew->next_start = now;
	if (post->outcome == Outcome::found_role)
		crew->role = post->role;
	else if (post->outcome == Outcome::nothing_here)
		crew->next_start = now + between_looks;
	else if (!crew->dismissed)
	{
		crew->failures = now - since > long_enough ? 1 : std::min(crew->failures + 1, 9);
		crew->next_start = now + std::min(longest_pause, second << crew->failures);
	}
	crew->dismissed = false;
}

static void
free_ended(TimestampTz now)
{
	for (int i = 0; i < post_count(); i++)
	{
		pid_t pid;
		Post post;
		Crew *crew;

		if (hired[i].handle == nullptr ||
			GetBackgroundWorkerPid(hired[i].handle, &pid) != BGWH_STOPPED)
			continue;
		post = post_look(i);
		crew = find_crew(post.database);
		if (crew != nullptr)
			take_note(crew, &post, hired[i].since, now);
		pfree(hired[i].handle);
		hired[i].handle = nullptr;
		post_free(i);
	}
}

/* ---- starting ---- */

/* One for all sites at first, which says how many there are. */
static int
needed(const Crew *crew)
{
	int sites = 1;

	if (!OidIsValid(crew->role))
		return 1;
	for (int i = 0; i < post_count(); i++)
	{
		Post post = post_look(i);

		if (post.database == crew->database)
			sites = std::max(sites, post.sites);
	}
	return std::min(per_database, sites);
}

static bool
hire(const Crew *crew, TimestampTz now)
{
	int post = post_reserve(crew->database, crew->role);
	BackgroundWorker worker = describe(worker_type, "sambapos_worker_main", BGW_NEVER_RESTART);

	if (post < 0)
		return false;
	worker.bgw_main_arg = Int32GetDatum(post);
	worker.bgw_notify_pid = MyProcPid;
	if (RegisterDynamicBackgroundWorker(&worker, &hired[post].handle))
	{
		hired[post].since = now;
		return true;
	}
	hired[post].handle = nullptr;
	post_free(post);
	return false;
}

static void
start_missing(Crew *crew, TimestampTz now)
{
	if (now < crew->next_start || staff(crew) >= needed(crew) || hire(crew, now))
		return;
	crew->failures = std::min(crew->failures + 1, 9);
	crew->next_start = now + std::min(longest_pause, second << crew->failures);
	ereport(LOG, (errmsg("no process is left for a sambapos worker"),
				  errhint("Set max_worker_processes higher.")));
}

/* ---- all of it, once a second ---- */

/* What is allocated goes with the transaction, but the handles are kept. */
static void
look_after_all()
{
	TimestampTz now = GetCurrentTimestamp();
	MemoryContext transaction;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	transaction = MemoryContextSwitchTo(TopMemoryContext);
	free_ended(now);
	MemoryContextSwitchTo(transaction);
	find_databases();
	for (int i = 0; i < crew_count; i++)
	{
		Crew *crew = &crews[i];

		if (!crew->named || !is_free(crew->database))
			dismiss(crew);
		else
		{
			MemoryContextSwitchTo(TopMemoryContext);
			start_missing(crew, now);
			MemoryContextSwitchTo(transaction);
		}
	}
	CommitTransactionCommand();
}

static void
prepare()
{
	Size number = static_cast<Size>(post_count());

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
	crews = static_cast<Crew *>(MemoryContextAllocZero(TopMemoryContext, number * sizeof(Crew)));
	hired = static_cast<Hired *>(MemoryContextAllocZero(TopMemoryContext, number * sizeof(Hired)));
	posts_inherit();
	before_shmem_exit(dismiss_all, Datum{0});
}

} // namespace sambapos::worker

using namespace sambapos::worker;

extern "C" void sambapos_launcher_main(Datum);

void
sambapos_launcher_main(Datum)
{
	prepare();
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		look_after_all();
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 1000,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}
