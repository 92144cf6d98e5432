/*
 * The remote transaction: which isolation, BEGIN, ROLLBACK. BEGIN travels with the first batch: a
 * transaction costs no round trip at its start, and several servers can be asked at once.
 *
 * A text that isn't ours (pass()) may change settings, database and user, or end the transaction
 * and begin another. So before the first of them the transaction gets a lock that another one would
 * lack; each batch of ours that follows restores the rest and asks for both.
 */
#include "tds/quote.hpp"
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

/* ---- the same transaction, and the same user ---- */

static std::string
text_of(const Value &value)
{
	if (value.data == nullptr)
		return {};
	return {reinterpret_cast<const char *>(value.data), static_cast<size_t>(value.length)};
}

/* Login and user, from these columns of the row (from 0). */
static std::string
user_of(const Row &row, int login, int user)
{
	if (row.count <= login || row.count <= user)
		return {};
	return text_of(row.values[login]) + '\n' + text_of(row.values[user]);
}

Standing
standing_of(const Session &session, const Row &row)
{
	Standing standing{-1, {}, {}};

	if (row.count > 0 && session.columns[0].type == WireType::integer &&
		row.values[0].data != nullptr)
		memcpy(&standing.count, row.values[0].data, sizeof standing.count);
	if (row.count > 1)
		standing.lock = text_of(row.values[1]);
	standing.user = user_of(row, 2, 3);
	return standing;
}

/* A lock that only the marked transaction has: whoever may connect may ask for it, and it conflicts
 * with nothing but somebody's exclusive one of that name. */
static constexpr char ask_for_mark[] =
	"EXEC sp_getapplock @Resource = N'sambapos_fdw', @LockMode = N'Shared', "
	"@LockOwner = N'Transaction', @LockTimeout = 0; ";
static constexpr char ask_for_count[] = "SELECT @@TRANCOUNT";
static constexpr char ask_for_lock[] =
	", APPLOCK_MODE(N'public', N'sambapos_fdw', N'Transaction'), ";

/* What makes sure, in front of a batch, that there is a transaction. A batch that was cancelled or
 * refused before its first answer may have begun one or not; nobody has read anything in it. */
static std::string
beginning(Session *session)
{
	if (session->begin_text.empty())
		return {};

	bool uncertain = session->begin_sent;

	session->begin_sent = true;
	return (uncertain ? std::string(rollback_text) + "; " : std::string()) + session->begin_text;
}

/* Undoes what a text that isn't ours may have set. NOEXEC and FMTONLY first: while they are on,
 * nothing else counts. */
static std::string
restoring(const Session &session)
{
	std::string text = "SET NOEXEC OFF; SET FMTONLY OFF; SET ROWCOUNT 0; ";

	if (strayed(&session))
		text += "USE " + quote_identifier(session.database) + "; ";
	return text + session.settings + "; ";
}

/* What goes in front of a batch, on the statement's own line, so that line numbers in errors stay
 * right. The isolation level comes last: another transaction than ours may refuse it. */
std::string
preamble(Session *session)
{
	Sent &sent = session->sent;
	bool begins = !session->begin_text.empty();
	std::string text;

	if (sent.restores)
		text = restoring(*session);
	if (!sent.counts)
		return text;
	text += beginning(session) + ask_for_count;
	if (sent.checks)
		text += std::string(ask_for_lock) + user_columns;
	text += "; ";
	if (sent.restores && !begins)
		text += std::string("SET TRANSACTION ISOLATION LEVEL ") + level_words(session->isolation) +
				"; ";
	return text;
}

/* Who reads, and in which transaction. A server that knows nothing of this can't be watched: there
 * a transaction that is replaced isn't noticed, and the session isn't kept. */
void
mark_transaction(Session *session)
{
	Row row;

	if (session->passed)
		return;
	session->marked = false;
	session->user.clear();
	try
	{
		query(session,
			  (std::string(ask_for_mark) + ask_for_count + ask_for_lock + user_columns).c_str());
		while (next(session, &row))
		{
			Standing standing = standing_of(*session, row);
			session->marked = standing.lock == "Shared";
			session->user = standing.user;
		}
	}
	catch (const Error &error)
	{
		if (!is_refusal(session, error) || session->transaction_ended)
			throw;
	}
}

[[noreturn]] void
transaction_lost(Session *session)
{
	session->transaction_ended = true;
	throw Error("40001", "the server has ended the remote transaction",
				"What was read so far and what would be read now are not of one moment.",
				"Try again.");
}

/* Whether what follows is read in the same transaction, and by the same user, as what was. */
void
check_standing(Session *session, const Standing &now)
{
	const Sent &sent = session->sent;

	if (now.count < 1 || (sent.checks && session->marked && now.lock != "Shared"))
	{
		make_idle(session);
		transaction_lost(session);
	}
	if (sent.checks && sent.ours && now.user != session->user)
	{
		make_idle(session);
		throw Error("55000", "a text that was passed through has left another user behind",
					"What would be read now is what that user may read.",
					"End EXECUTE AS with REVERT in the same text, and leave application roles.");
	}
	if (sent.restores && sent.trusted)
		session->distrusted = false;
	session->begin_text.clear();
}

/* ---- end ---- */

/* Rolls back, and asks a session that ran a text of somebody's whether it is itself again. */
static void
roll_back(Session *session)
{
	Row row;
	std::string user;

	if (!session->passed)
	{
		execute(session, rollback_text);
		return;
	}
	query(session, (std::string(rollback_text) + "; SELECT " + user_columns).c_str());
	while (next(session, &row))
		user = user_of(row, 0, 1);
	session->broken = user.empty() || user != session->user;
	session->distrusted = false;
}

/* Runs the batch that ends the transaction. If it fails nobody knows whether there is one:
 * the connection must go, and closing it rolls back. */
static void
end_transaction(Session *session)
{
	try
	{
		roll_back(session);
	}
	catch (const Error &error)
	{
		session->broken = true;
		throw Error(error.sqlstate(), error.what(), error.detail(), error.hint(), error.number(),
					true);
	}
}

/* A session may be kept for days; somebody may allow snapshots meanwhile. */
static constexpr std::chrono::minutes a_no_is_good_for{5};

/* Whether the database need not be asked now. That it no longer allows snapshots shows by itself
 * (error 3952). */
static bool
is_answered(const Session *session)
{
	switch (session->snapshot_allowed)
	{
		case Answer::unknown: return false;
		case Answer::no: return Clock::now() - session->asked_at < a_no_is_good_for;
		case Answer::yes: break;
	}
	return true;
}

/* Asks what the database allows. A server without the view, the columns or the right to see them
 * counts as one that allows nothing. */
static void
ask_database(Session *session)
{
	Answer snapshot_allowed = Answer::no;
	Answer read_committed_snapshot = Answer::no;

	if (is_answered(session))
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
	session->asked_at = Clock::now();
}

Isolation
begin(Session *session, Isolation isolation)
{
	ask_database(session);
	if (isolation == Isolation::automatic)
		isolation = session->snapshot_allowed == Answer::yes ? Isolation::snapshot
															 : Isolation::read_committed;
	/* SNAPSHOT must be set before the transaction begins */
	session->begin_text = std::string("SET TRANSACTION ISOLATION LEVEL ") + level_words(isolation) +
						  "; BEGIN TRANSACTION; ";
	session->begin_sent = false;
	session->isolation = isolation;
	session->in_transaction = true;
	session->transaction_ended = false;
	session->passed = false;
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
	end_transaction(session);
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
