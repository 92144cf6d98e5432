/*
 * The remote transaction: which isolation, BEGIN, ROLLBACK. BEGIN travels with the first batch: a
 * transaction costs no round trip at its start, and several servers can be asked at once.
 *
 * A user's text may change settings, database and user, or end the transaction and begin another.
 * So before the first of them the transaction takes an application lock (the marker) that another
 * one would lack; each batch of ours that follows restores the settings and asks for marker and
 * user.
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

static std::string
set_level(Isolation isolation)
{
	return std::string("SET TRANSACTION ISOLATION LEVEL ") + level_words(isolation);
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

/* The server has refused, and would again; it was not busy, and the query was not cancelled. */
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

TransactionStatus
status_of(const Session &session, const Row &row)
{
	TransactionStatus status{-1, {}, {}};

	if (row.count > 0 && session.columns[0].type == WireType::integer &&
		row.values[0].data != nullptr)
		memcpy(&status.count, row.values[0].data, sizeof status.count);
	if (row.count > 1)
		status.lock = text_of(row.values[1]);
	status.user = user_of(row, 2, 3);
	return status;
}

/* A lock that only the marked transaction has: every login may ask for it, and it conflicts only
 * with an exclusive one of that name. */
static constexpr char ask_for_mark[] =
	"EXEC sp_getapplock @Resource = N'sambapos_fdw', @LockMode = N'Shared', "
	"@LockOwner = N'Transaction', @LockTimeout = 0; ";
static constexpr char ask_for_count[] = "SELECT @@TRANCOUNT";
static constexpr char ask_for_lock[] =
	", APPLOCK_MODE(N'public', N'sambapos_fdw', N'Transaction'), ";

/* SNAPSHOT must be set before the transaction begins. A batch with BEGIN that was cancelled or
 * refused before its first answer may have begun a transaction or not; nothing was read in it. */
static std::string
beginning(Session *session)
{
	std::string text;

	if (session->transaction == Transaction::open)
		return text;
	if (session->transaction == Transaction::sent)
		text = std::string(rollback_text) + "; ";
	session->transaction = Transaction::sent;
	return text + set_level(session->isolation) + "; BEGIN TRANSACTION; ";
}

/* Undoes what a user's text may have set. NOEXEC and FMTONLY first: while they are on,
 * nothing else counts. */
static std::string
restoring(const Session &session)
{
	std::string text = "SET NOEXEC OFF; SET FMTONLY OFF; SET ROWCOUNT 0; ";

	if (in_other_database(&session))
		text += "USE " + quote_identifier(session.database) + "; ";
	return text + session.prologue + "; ";
}

/* What goes in front of a batch, on the statement's own line, so that line numbers in errors stay
 * right. The isolation level comes last: another transaction than ours may refuse it. */
std::string
preamble(Session *session)
{
	const Sent &sent = session->sent;
	bool is_open = session->transaction == Transaction::open;
	std::string text;

	if (sent.restores)
		text = restoring(*session);
	if (sent.verify == Verify::nothing)
		return text;
	text += beginning(session) + ask_for_count;
	if (sent.verify == Verify::transaction_owner)
		text += std::string(ask_for_lock) + user_columns;
	text += "; ";
	if (sent.restores && is_open)
		text += set_level(session->isolation) + "; ";
	return text;
}

/* Which user reads, and in which transaction. On a server without application locks a transaction
 * that is replaced is not noticed, and the session is not kept. */
void
mark_transaction(Session *session)
{
	Row row;

	Marker marker = Marker::missing;

	if (session->marker != Marker::not_needed)
		return;
	session->user.clear();
	try
	{
		query(session,
			  (std::string(ask_for_mark) + ask_for_count + ask_for_lock + user_columns).c_str());
		while (next(session, &row))
		{
			TransactionStatus status = status_of(*session, row);
			marker = status.lock == "Shared" ? Marker::held : Marker::missing;
			session->user = status.user;
		}
	}
	catch (const Error &error)
	{
		if (!is_refusal(session, error) || session->transaction == Transaction::ended)
			throw;
	}
	session->marker = marker;
}

void
end_by_server(Session *session) noexcept
{
	if (session->transaction == Transaction::none)
		return;
	/* the batch that would have restored them may have got nowhere */
	if (session->transaction != Transaction::open)
		session->settings = Settings::unknown;
	session->transaction = Transaction::ended;
}

[[noreturn]] void
transaction_lost(Session *session)
{
	end_by_server(session);
	throw Error(
		"40001", "the server has ended the remote transaction",
		"Rows that were read before and rows that would be read now are not of one snapshot.",
		"Try again.");
}

/* Whether what follows is read in the same transaction, and by the same user, as what was. */
void
check_transaction_status(Session *session, const TransactionStatus &now)
{
	const Sent &sent = session->sent;

	bool owner = sent.verify == Verify::transaction_owner;

	if (now.count < 1 || (owner && session->marker == Marker::held && now.lock != "Shared"))
	{
		make_idle(session);
		transaction_lost(session);
	}
	if (owner && sent.origin != Origin::passthrough && now.user != session->user)
	{
		make_idle(session);
		throw Error("55000", "a pass-through query has changed the user of the session",
					"The next query would read with the rights of that user.",
					"End EXECUTE AS with REVERT in the same text, and do not leave an application "
					"role active.");
	}
	if (sent.restores && sent.origin == Origin::generated)
		session->settings = Settings::ours;
	session->transaction = Transaction::open;
}

/* ---- end ---- */

/* Rolls back, and checks that a session that ran a user's text has its own user again. */
static void
roll_back(Session *session)
{
	Row row;
	std::string user;

	if (session->marker == Marker::not_needed)
	{
		execute(session, rollback_text);
		return;
	}
	query(session, (std::string(rollback_text) + "; SELECT " + user_columns).c_str());
	while (next(session, &row))
		user = user_of(row, 0, 1);
	if (user.empty() || user != session->user)
		session->link = Link::broken;
	session->settings = Settings::ours;
}

/* Runs the batch that ends the transaction. If it fails it is not known whether there is one:
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
		session->link = Link::broken;
		throw Error(error.sqlstate(), error.what(), error.detail(), error.hint(), error.number(),
					true);
	}
}

/* A session may be kept for days; snapshots may be allowed meanwhile. */
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
	session->isolation = isolation;
	session->transaction = Transaction::to_begin;
	session->marker = Marker::not_needed;
	return isolation;
}

/* The transaction reads only, so undoing it is a matter of a round trip. A server that has not
 * begun to answer may never do so, and several such may have been asked at once: a second for each.
 */
void
rollback(Session *session)
{
	Transaction transaction = session->transaction;

	if (transaction == Transaction::to_begin || transaction == Transaction::sent)
		session->settings = Settings::unknown;
	cancel(session, session->activity == Activity::sent ? 1 : idle_seconds);
	session->transaction = Transaction::none;
	if (transaction == Transaction::none || transaction == Transaction::to_begin)
		return; /* it would have begun with the next batch */

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
	return session->transaction != Transaction::none;
}

bool
reads_versions(const Session *session) noexcept
{
	if (session->transaction == Transaction::none)
		return false;
	return session->isolation == Isolation::snapshot ||
		   (session->isolation == Isolation::read_committed &&
			session->read_committed_snapshot == Answer::yes);
}

} // namespace sambapos::tds
