/*
 * The remote transaction: which isolation, BEGIN, ROLLBACK. BEGIN travels with the first batch: a
 * transaction costs no round trip at its start, and several servers can be asked at once.
 */
#include "tds/state.hpp"

#include <cstring>

namespace sambapos::tds
{

static const char *
level_words(Isolation isolation) noexcept
{
	switch (isolation)
	{
		case Isolation::snapshot: return "SNAPSHOT";
		case Isolation::read_uncommitted: return "READ UNCOMMITTED";
		case Isolation::automatic:
		case Isolation::read_committed: break;
	}
	return "READ COMMITTED";
}

/* A small integer of any width, or a bit; 1 is "on" in both columns asked for. */
static Answer
as_answer(const Row &row, int index) noexcept
{
	if (index >= row.count)
		return Answer::no;

	const Value &value = row.values[index];
	if (value.data == nullptr || value.length < 1 || value.data[0] != 1)
		return Answer::no;
	return Answer::yes;
}

/* Runs the batch that ends the transaction. If it fails nobody knows whether there is one:
 * the connection must go, and closing it rolls back. */
static void
end_transaction(Session *session, const char *sql)
{
	try
	{
		execute(session, sql);
	}
	catch (const Error &error)
	{
		session->broken = true;
		throw Error(error.sqlstate(), error.what(), error.detail(), error.hint(), error.number(),
					true);
	}
}

/* The server has said no, and would again: not that it is busy, or that somebody cancelled. */
static bool
is_refusal(const Session *session, const Error &error)
{
	static constexpr const char *passing[] = {"08", "40", "53", "55", "57"};

	if (error.connection_lost() || session->record.server_number == 0)
		return false;
	for (const char *sqlstate_class : passing)
		if (std::strncmp(error.sqlstate(), sqlstate_class, 2) == 0)
			return false;
	return true;
}

/* Asks once a session what the database allows. A server without the view, the columns or the
 * right to see them counts as one that allows nothing. */
static void
ask_database(Session *session)
{
	Answer snapshot_allowed = Answer::no;
	Answer read_committed_snapshot = Answer::no;

	if (session->snapshot_allowed != Answer::unknown)
		return;
	try
	{
		Row row;
		query(session, "SELECT CAST(snapshot_isolation_state AS tinyint), "
					   "CAST(is_read_committed_snapshot_on AS tinyint) "
					   "FROM sys.databases WHERE name = DB_NAME()");
		while (next(session, &row))
		{
			snapshot_allowed = as_answer(row, 0);
			read_committed_snapshot = as_answer(row, 1);
		}
	}
	catch (const Error &error)
	{
		if (!is_refusal(session, error))
			throw;
	}
	session->snapshot_allowed = snapshot_allowed;
	session->read_committed_snapshot = read_committed_snapshot;
}

Isolation
begin(Session *session, Isolation isolation)
{
	ask_database(session);
	if (isolation == Isolation::automatic)
		isolation = session->snapshot_allowed == Answer::yes ? Isolation::snapshot
															 : Isolation::read_committed;
	/* SNAPSHOT must be set before the transaction begins */
	session->begin_text = session->distrusted ? session->settings + "; SET ROWCOUNT 0; " : "";
	session->begin_text += std::string("SET TRANSACTION ISOLATION LEVEL ") +
						   level_words(isolation) + "; BEGIN TRANSACTION; ";
	session->begin_sent = false;
	session->isolation = isolation;
	session->in_transaction = true;
	session->transaction_ended = false;
	return isolation;
}

/* The transaction reads only, so undoing it is a matter of a round trip. A server that hasn't begun
 * to answer may never do so, and several such may have been asked at once: a second for each. */
void
rollback(Session *session)
{
	session->distrusted = session->distrusted || !session->begin_text.empty();

	bool begun = session->begin_text.empty() || session->begin_sent;

	cancel(session, session->awaiting ? 1 : idle_seconds);
	session->begin_text.clear();
	if (!session->in_transaction)
		return;
	session->in_transaction = false;
	session->transaction_ended = false;
	if (!begun)
		return; /* it would have with the next batch */

	int timeout = session->wait.timeout;
	if (timeout == 0 || timeout > idle_seconds)
		session->wait.timeout = idle_seconds;
	session->wait.strict = true; /* statement_timeout is over when PostgreSQL commits */
	end_transaction(session, rollback_text);
	session->wait.strict = false;
	session->wait.timeout = timeout;
}

bool
in_transaction(const Session *session) noexcept
{
	return session->in_transaction;
}

bool
reads_versions(const Session *session) noexcept
{
	if (!session->in_transaction)
		return false;
	return session->isolation == Isolation::snapshot ||
		   (session->isolation == Isolation::read_committed &&
			session->read_committed_snapshot == Answer::yes);
}

} // namespace sambapos::tds
