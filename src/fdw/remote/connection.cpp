/*
 * The cache of sessions and their remote transactions.
 *
 * * One session for each (server, user mapping), opened when the first row is asked for.
 * * All scans of a local transaction read in one remote transaction. It begins with the first of
 *   them and ends in ROLLBACK before the local transaction commits, or when it aborts.
 * * A session that was broken while idle is replaced once, at the start of a transaction. Within
 *   one it is never replaced: the new session would read another snapshot.
 * * Nothing that happens at the end of a transaction raises an error, but for an interrupt before a
 *   commit: a session that cannot be rolled back within a few seconds (tds::rollback) is closed,
 *   which ends the remote transaction too. A process that ends while it waits for a server leaves
 *   that to the kernel: the library may not be called again, neither by the transaction that is
 *   aborted nor by one of the process's end (temporary tables), nor for an option that was changed.
 */
#include "bridge/interrupts.hpp"
#include "fdw/remote/connection.hpp"

namespace sambapos::fdw
{

static HTAB *connections = nullptr;

void
connection_visit(void (*visit)(Connection *, void *), void *context)
{
	HASH_SEQ_STATUS sequence;

	if (connections == nullptr)
		return;
	hash_seq_init(&sequence, connections);
	while (auto *connection = static_cast<Connection *>(hash_seq_search(&sequence)))
		visit(connection, context);
}

/* ---- opening ---- */

Connection *
connection_find(Oid server, Oid user)
{
	ConnectionKey key = {server, user_mapping(user, server)->umid};
	bool found;

	if (connections == nullptr)
	{
		HASHCTL control = {};

		control.keysize = sizeof(ConnectionKey);
		control.entrysize = sizeof(Connection);
		connections = hash_create("sambapos_fdw connections", 8, &control, HASH_ELEM | HASH_BLOBS);
	}
	auto *connection =
		static_cast<Connection *>(hash_search(connections, &key, HASH_ENTER, &found));
	if (!found)
	{
		std::memset(connection, 0, sizeof *connection);
		connection->key = key;
	}
	return connection;
}

tds::Figures
connection_figures(const Connection *connection)
{
	tds::Figures sum = connection->account.closed;

	if (connection->session != nullptr)
	{
		tds::Figures now = tds::figures(connection->session);

		sum.queries += now.queries;
		sum.rows += now.rows;
		sum.bytes += now.bytes;
		sum.microseconds += now.microseconds;
	}
	return sum;
}

void
connection_drop(Connection *connection)
{
	if (connection->session == nullptr || ends_within_wait())
		return;
	connection->account.closed = connection_figures(connection);
	tds::destroy(connection->session);
	connection->session = nullptr;
	if (connection->reader != nullptr)
		result_break(connection->reader);
	connection->reader = nullptr;
}

static void
open_session(Connection *connection, Oid user)
{
	ServerOptions *options = server_options(connection->key.server, user);
	tds::Session *session = nullptr;

	connection->server_hash =
		GetSysCacheHashValue1(FOREIGNSERVEROID, ObjectIdGetDatum(connection->key.server));
	connection->mapping_hash =
		GetSysCacheHashValue1(USERMAPPINGOID, ObjectIdGetDatum(connection->key.mapping));
	connection->invalidated = false;
	connection->keep = options->keep_connections;
	connection->wanted = options->isolation;
	connection->invalid_text = options->invalid_text;
	guard([&] { session = tds::open(options->login, &interrupts); });
	connection->session = session;
	connection->gives_utf16 = false;
	connection->connected_at = GetCurrentTimestamp();
}

/* A user who asks for one snapshot in the whole transaction is told that there is none. */
static void
warn_no_common_snapshot(const Connection *connection)
{
	if (!IsolationUsesXactSnapshot() || connection->isolation == tds::Isolation::snapshot)
		return;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("server \"%s\" is not read in one snapshot",
					GetForeignServer(connection->key.server)->servername),
			 errdetail("The local transaction is REPEATABLE READ or SERIALIZABLE, the remote one "
					   "is not SNAPSHOT: two scans may see different states of the data."),
			 errhint("Set ALLOW_SNAPSHOT_ISOLATION ON in the database, and the server option "
					 "isolation to auto or snapshot.")));
}

/* BEGIN travels with the first query: only that shows whether a session from the cache is still
 * good for one (connection_renew()). */
static void
begin_transaction(Connection *connection, Oid user)
{
	Failure failure;

	if (connection->session != nullptr &&
		(connection->invalidated || !tds::alive(connection->session) ||
		 tds::in_other_database(connection->session)))
		connection_drop(connection);
	connection->unverified = connection->session != nullptr;
	if (connection->session == nullptr)
		open_session(connection, user);
	if (!attempt(&failure, [&]
				 { connection->isolation = tds::begin(connection->session, connection->wanted); }))
	{
		connection_drop(connection);
		raise(failure);
	}
	connection->phase = Phase::open;
	warn_no_common_snapshot(connection);
}

bool
connection_renew(Connection *connection, Oid user)
{
	if (!connection->unverified || tds::alive(connection->session))
		return false;
	connection_drop(connection);
	connection->phase = Phase::none;
	raise_caught_interrupt();
	CHECK_FOR_INTERRUPTS();
	begin_transaction(connection, user);
	return true;
}

/* A server that has other bytes (Babelfish) must be known before a row is misread: anybody may set
 * sambapos.replace_invalid_text. */
static bool
shows_utf16(tds::Session *session)
{
	static constexpr unsigned char expected[] = {0xE9, 0x00}; /* U+00E9 */
	tds::Row row;
	bool result = false;

	tds::query(session, "SELECT CAST(NCHAR(233) AS varbinary(2))");
	while (tds::next(session, &row))
		result = row.count == 1 && row.values[0].data != nullptr &&
				 row.values[0].length == static_cast<int>(sizeof expected) &&
				 std::memcmp(row.values[0].data, expected, sizeof expected) == 0;
	return result;
}

void
connection_require_utf16(Connection *connection, Oid user)
{
	Failure failure;
	auto ask = [&] { connection->gives_utf16 = shows_utf16(connection->session); };

	if (connection->gives_utf16)
		return;
	if (!attempt(&failure, ask))
	{
		if (!connection_renew(connection, user))
			raise(failure);
		guard(ask);
	}
	connection->unverified = false;
	if (connection->gives_utf16)
		return;
	ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("server \"%s\" cannot be read with invalid_text \"replace\"",
						   GetForeignServer(connection->key.server)->servername),
					errdetail("It does not give nvarchar as UTF-16 when it is cast to varbinary."),
					connection->invalid_text == InvalidText::replace
						? errhint("Set the server option invalid_text to error.")
						: errhint("Set sambapos.replace_invalid_text to off.")));
}

[[noreturn]] static void
transaction_lost(const Connection *connection)
{
	ereport(ERROR, (errcode(ERRCODE_CONNECTION_FAILURE),
					errmsg("the connection to server \"%s\" was lost in this transaction",
						   GetForeignServer(connection->key.server)->servername),
					errdetail("All its scans read one snapshot at the server, which is gone."),
					errhint("Roll back and start again.")));
	pg_unreachable();
}

/* If the session has not answered in this transaction, nothing was read yet: then another one is
 * opened, unless a query is on its way on this one, whose reader does that (connection_renew()). */
static void
handle_dead_session(Connection *connection)
{
	const Result *reader = connection->reader;

	if (connection->unverified && reader != nullptr && reader->state == ResultState::asked)
		return;
	connection->phase = connection->unverified ? Phase::none : Phase::lost;
	connection_drop(connection);
}

Connection *
connection_enter(Oid server, Oid user)
{
	Connection *connection = connection_find(server, user);

	if (connection->phase == Phase::open &&
		(connection->session == nullptr || !tds::alive(connection->session)))
		handle_dead_session(connection);
	if (connection->phase == Phase::lost)
		transaction_lost(connection);
	if (connection->phase == Phase::none)
		begin_transaction(connection, user);
	return connection;
}

void
connection_make_idle(Connection *connection)
{
	Result *reader = connection->reader;

	if (reader != nullptr && reader->state == ResultState::asked)
	{
		reader->receive(reader->scan);
		reader = connection->reader; /* none, if all its rows were stored */
	}
	if (reader != nullptr && reader->state == ResultState::streaming &&
		tds::busy(connection->session))
		result_store(reader);
	else if (reader != nullptr)
		result_break(reader); /* an error has ended its rows, or the moving of them */
	connection->reader = nullptr;
	guard([&] { tds::cancel(connection->session); });
}

/* ---- ending ---- */

bool
connection_end_transaction(Connection *connection)
{
	Failure unused;
	bool answered = true;

	if (connection->phase == Phase::open && connection->session != nullptr)
	{
		if (connection->reader != nullptr)
			result_break(connection->reader);
		connection->reader = nullptr;
		answered = tds::alive(connection->session) &&
				   attempt(&unused, [&] { tds::rollback(connection->session); });
		if (!answered || !tds::alive(connection->session))
			connection_drop(connection); /* or another user was left behind */
	}
	connection->phase = Phase::none;
	if (connection->invalidated || !connection->keep)
		connection_drop(connection);
	return answered;
}

/* When the network is gone several servers may owe an answer. Each would be given its second; after
 * the first that does not use it the others are closed without. */
static void
end_one(Connection *connection, void *context)
{
	auto *all_answer = static_cast<bool *>(context);

	if (!*all_answer && connection->session != nullptr && tds::awaiting(connection->session))
		connection_drop(connection);
	if (!connection_end_transaction(connection))
		*all_answer = false;
}

static void
refuse_prepare(Connection *connection, void *)
{
	if (connection->phase != Phase::none)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot PREPARE a transaction that has operated on sambapos_fdw "
							   "foreign tables")));
}

static void
on_transaction_event(XactEvent event, void *)
{
	bool all_answer = true;

	if (ends_within_wait())
		return;
	switch (event)
	{
		case XACT_EVENT_PRE_PREPARE:
			connection_visit(refuse_prepare, nullptr);
			[[fallthrough]]; /* else it ends here as a committed one does */
		case XACT_EVENT_PRE_COMMIT:
			results_end_transaction();
			connection_visit(end_one, &all_answer);
			raise_caught_interrupt();
			break;
		case XACT_EVENT_ABORT:
			results_end_transaction();
			connection_visit(end_one, &all_answer);
			forget_interrupt();
			break;
		default: break;
	}
}

static void
on_owner_release(ResourceReleasePhase phase, bool, bool, void *)
{
	if (phase == RESOURCE_RELEASE_BEFORE_LOCKS)
		results_end_owner(CurrentResourceOwner);
}

/* ---- changed options ---- */

struct Change
{
	int cache;
	uint32 hash; /* 0: anything may have changed */
};

static void
invalidate(Connection *connection, void *context)
{
	const auto *change = static_cast<const Change *>(context);
	uint32 hash =
		change->cache == FOREIGNSERVEROID ? connection->server_hash : connection->mapping_hash;

	if (connection->session == nullptr || (change->hash != 0 && change->hash != hash))
		return;
	connection->invalidated = true;
	if (connection->phase == Phase::none)
		connection_drop(connection);
}

static void
on_catalog_change(Datum, int cache, uint32 hash)
{
	Change change = {cache, hash};

	connection_visit(invalidate, &change);
}

void
connection_init()
{
	RegisterXactCallback(on_transaction_event, nullptr);
	RegisterResourceReleaseCallback(on_owner_release, nullptr);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, on_catalog_change, Datum{0});
	CacheRegisterSyscacheCallback(USERMAPPINGOID, on_catalog_change, Datum{0});
}

} // namespace sambapos::fdw
