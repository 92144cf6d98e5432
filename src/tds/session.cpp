/*
 * A session after its login: batches, results, rows, cancel, transaction, end.
 *
 * Every entry into DB-Library stands in the scope of a Call (messages.hpp); errors are thrown when
 * the library has returned. After an error the connection is left idle or dead, never half-read.
 */
#include "tds/state.hpp"

#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>

#include <sybfront.h>
#include <sybdb.h>
#include <syberror.h>

namespace sambapos::tds
{

/* From here on up the server closes the connection itself. */
static constexpr int fatal_severity = 20;

static constexpr int snapshot_not_allowed = 3952;

bool
connected(const Session &session) noexcept
{
	return session.process != nullptr && !session.broken && !dbdead(session.process);
}

bool
make_idle(Session *session, int patience) noexcept
{
	session->open_result = false;
	session->awaiting = false;
	if (!connected(*session))
		return false;
	Call call(&session->record, &session->wait);
	session->wait.attention_sent = true;
	session->wait.give_up_at = Clock::now() + std::chrono::seconds(patience);
	dbcancel(session->process);
	return connected(*session);
}

void
fail(Session *session)
{
	/* the clean-up must not write over what is to be reported */
	Record reason = session->record;

	if (reason.server_number != 0 && reason.severity >= fatal_severity)
		session->broken = true;
	make_idle(session);
	reason.given_up = reason.given_up || session->record.given_up;
	if (reason.server_number == snapshot_not_allowed)
		session->snapshot_allowed = Answer::unknown; /* the next transaction asks again */
	if (ends_transaction(reason.server_number))
		session->transaction_ended = session->in_transaction;
	throw to_error(reason, session->wait, session->peer.c_str(), !connected(*session));
}

/* Starts a call that talks to the server. */
static void
prepare(Session *session)
{
	if (!connected(*session))
		throw Error("08003", "connection to " + session->peer + " is closed", "", "", 0, true);
	begin_call(&session->record, &session->wait);
}

/* An error of the server can arrive with any step, even one that succeeded. */
static bool
has_error(const Session &session) noexcept
{
	return session.record.server_number != 0 || session.record.library_number != 0 ||
		   session.record.interrupted || session.record.timed_out;
}

static void
put_on_wire(Session *session, const char *sql)
{
	bool good;
	{
		Call call(&session->record, &session->wait);
		dbfreebuf(session->process);
		good = dbcmd(session->process, sql) == SUCCEED && dbsqlsend(session->process) == SUCCEED;
	}
	if (!good || has_error(*session))
		fail(session);
}

/* Waits until the first of the answer is there. */
static void
wait_for_answer(Session *session)
{
	bool good;
	{
		Call call(&session->record, &session->wait);
		good = dbsqlok(session->process) == SUCCEED;
	}
	if (!good || has_error(*session))
		fail(session);
}

/* The library asks only when it has to wait; what comes fast enough would never let it. */
static bool
is_interrupted(Session *session) noexcept
{
	if (attend(session->wait.interrupts))
		session->record.interrupted = true;
	return session->record.interrupted;
}

/* Columns that a server has named (COLNAME of TDS 4.2, which no SQL Server of ours sends) without
 * saying their types: DB-Library has no buffer for such rows, and would write into it. */
[[noreturn]] static void
refuse_untyped(Session *session)
{
	session->broken = true;
	throw Error("08P01", "the answer of " + session->peer + " can't be read",
				"It has columns without types.", library_error_meaning(SYBEBTOK).hint, 0, true);
}

/* Goes to the next result with columns; false when the batch has ended. */
static bool
next_result(Session *session)
{
	RETCODE code;
	bool found = false;
	bool typed = true;
	{
		Call call(&session->record, &session->wait);
		while ((code = dbresults(session->process)) == SUCCEED)
		{
			found = dbnumcols(session->process) > 0;
			if (found || is_interrupted(session))
				break;
		}
		typed = !found || dbcoltype(session->process, 1) != 0; /* all have one, or none */
	}
	if ((code != SUCCEED && code != NO_MORE_RESULTS) || has_error(*session))
		fail(session);
	if (!typed)
		refuse_untyped(session);
	return found;
}

/* Reads the current result to its end. */
static void
skip_rows(Session *session)
{
	STATUS status;
	{
		Call call(&session->record, &session->wait);
		do
			status = dbnextrow(session->process);
		while (status != NO_MORE_ROWS && status != FAIL && !is_interrupted(session));
	}
	if (status == FAIL || has_error(*session))
		fail(session);
}

static void
skip_results(Session *session)
{
	while (next_result(session))
		skip_rows(session);
}

/* ---- what arrives ---- */

static WireType
wire_type(int type) noexcept
{
	switch (type)
	{
		case SYBBIT: return WireType::bit;
		case SYBINT1: return WireType::tinyint;
		case SYBINT2: return WireType::smallint;
		case SYBINT4: return WireType::integer;
		case SYBINT8: return WireType::bigint;
		case SYBREAL: return WireType::real;
		case SYBFLT8: return WireType::float8;
		case SYBMONEY: return WireType::money;
		case SYBMONEY4: return WireType::smallmoney;
		case SYBDECIMAL:
		case SYBNUMERIC: return WireType::decimal;
		case SYBCHAR:
		case SYBVARCHAR:
		case SYBNVARCHAR:
		case SYBTEXT:
		case SYBNTEXT: return WireType::text;
		case SYBBINARY:
		case SYBVARBINARY:
		case SYBIMAGE: return WireType::binary;
		case 36: return WireType::uuid; /* SYBUNIQUE, which sybdb.h doesn't show */
		case SYBDATETIME: return WireType::datetime;
		case SYBDATETIME4: return WireType::smalldatetime;
		case SYBMSDATE: return WireType::date;
		case SYBMSTIME: return WireType::time;
		case SYBMSDATETIME2: return WireType::datetime2;
		case SYBMSDATETIMEOFFSET: return WireType::datetimeoffset;
		default: return WireType::unsupported;
	}
}

/* The length of a value that isn't NULL; 0: differs from row to row. */
static int
fixed_length(WireType type) noexcept
{
	switch (type)
	{
		case WireType::bit:
		case WireType::tinyint: return 1;
		case WireType::smallint: return 2;
		case WireType::integer:
		case WireType::real:
		case WireType::smallmoney:
		case WireType::smalldatetime: return 4;
		case WireType::bigint:
		case WireType::float8:
		case WireType::money:
		case WireType::datetime: return 8;
		case WireType::decimal: return sizeof(DBNUMERIC);
		case WireType::uuid: return 16;
		case WireType::date:
		case WireType::time:
		case WireType::datetime2:
		case WireType::datetimeoffset: return sizeof(DBDATETIMEALL);
		case WireType::text:
		case WireType::binary:
		case WireType::unsupported: break;
	}
	return 0;
}

/* For these two the library's type doesn't tell the room it has: that is what the server declared.
 */
static bool
has_room(DBPROCESS *process, int column, WireType type) noexcept
{
	return (type != WireType::uuid && type != WireType::bit) ||
		   dbcollen(process, column) >= fixed_length(type);
}

/* Writes down the columns of the current result, and all that is the same in every row. */
static void
describe(Session *session)
{
	DBPROCESS *process = session->process;
	int count = dbnumcols(process);

	session->names.resize(count);
	session->columns.resize(count);
	session->values.assign(count, Value{nullptr, 0});
	session->variable.resize(count);
	for (int i = 0; i < count; i++)
	{
		const char *name = dbcolname(process, i + 1);
		const DBTYPEINFO *info = dbcoltypeinfo(process, i + 1);
		WireType type = wire_type(dbcoltype(process, i + 1));

		if (!has_room(process, i + 1, type))
			type = WireType::unsupported;
		session->names[i] = name == nullptr ? "" : name;
		session->columns[i] = {session->names[i].c_str(), type, info->precision, info->scale};
		session->values[i].length = fixed_length(type);
		session->variable[i] = fixed_length(type) == 0;
	}
}

static void
forget_columns(Session *session) noexcept
{
	session->columns.clear();
	session->values.clear();
}

int
column_count(const Session *session) noexcept
{
	return static_cast<int>(session->columns.size());
}

const Column &
column(const Session *session, int index) noexcept
{
	return session->columns[index];
}

/* Where the values of the fetched row are. */
static void
point_to_values(Session *session) noexcept
{
	DBPROCESS *process = session->process;
	int count = static_cast<int>(session->values.size());
	Value *values = session->values.data();
	const unsigned char *variable = session->variable.data();

	for (int i = 0; i < count; i++)
	{
		values[i].data = dbdata(process, i + 1);
		if (variable[i])
			values[i].length = dbdatlen(process, i + 1);
	}
}

/* SET PARSEONLY, and before that NOEXEC or FMTONLY, make a server answer nothing and call it no
 * error. What it holds can't be known then: closing it ends all. */
[[noreturn]] static void
nothing_is_run(Session *session)
{
	session->broken = true;
	throw Error("08006", session->peer + " doesn't run what it is sent",
				"A text that was passed through may have left the session so (SET PARSEONLY ON, "
				"or the like).",
				"", 0, true);
}

static Standing
read_standing(Session *session)
{
	Standing standing{-1, {}, {}};
	bool found = next_result(session);

	if (found)
	{
		Call call(&session->record, &session->wait);
		describe(session);
		found = dbnextrow(session->process) == REG_ROW;
		if (found)
		{
			point_to_values(session);
			standing = standing_of(*session, {session->values.data(),
											  static_cast<int>(session->values.size()), false});
		}
	}
	if (!found && has_error(*session))
		fail(session);
	if (!found)
		nothing_is_run(session);
	skip_rows(session);
	forget_columns(session);
	return standing;
}

/* ---- batches ---- */

enum class Author
{
	us,
	somebody,
	both
};

static void
send(Session *session, const char *sql, Author author)
{
	bool ours = author != Author::somebody;

	if (session->open_result || session->awaiting)
		throw Error("XX000", "a result of " + session->peer + " is still open");
	if (session->transaction_ended)
		transaction_lost(session);
	forget_columns(session);
	prepare(session);

	Sent &sent = session->sent;
	sent.ours = ours;
	sent.trusted = author == Author::us;
	sent.counts = session->in_transaction;
	sent.restores = session->distrusted && (ours || !session->begin_text.empty());
	/* in another database the lock can't be seen */
	sent.checks = session->in_transaction && session->passed && !session->user.empty() &&
				  (ours || !strayed(session));
	session->passed = session->passed || !sent.trusted;
	session->distrusted = session->distrusted || !sent.trusted;
	put_on_wire(session, (preamble(session) + sql).c_str());
	session->awaiting = true;
}

void
send(Session *session, const char *sql)
{
	send(session, sql, Author::us);
}

void
pass(Session *session, const char *sql)
{
	if (session->in_transaction)
		mark_transaction(session);
	send(session, sql, Author::somebody);
}

void
pass_within(Session *session, const char *sql)
{
	if (session->in_transaction)
		mark_transaction(session);
	send(session, sql, Author::both);
}

static bool
is_readable(const Session *session) noexcept
{
	pollfd state{descriptor(session), POLLIN, 0};

	return poll(&state, 1, 0) > 0;
}

void
receive(Session *session)
{
	if (!session->awaiting)
		throw Error("XX000", "nothing was asked of " + session->peer);
	session->awaiting = false;
	/* query_timeout is for the wait, not for the time until somebody wanted the answer */
	session->wait.fresh = is_readable(session);
	wait_for_answer(session);
	if (session->sent.counts)
		check_standing(session, read_standing(session));
	if (next_result(session))
	{
		Call call(&session->record, &session->wait);
		session->open_result = true;
		describe(session);
	}
}

void
query(Session *session, const char *sql)
{
	send(session, sql);
	receive(session);
}

bool
next(Session *session, Row *row)
{
	STATUS status;

	if (!session->open_result)
		return false;
	session->record.invalid_text = false;
	session->wait.fresh = true;
	{
		Call call(&session->record, &session->wait);
		do
			status = dbnextrow(session->process);
		while (status > 0 && !is_interrupted(session)); /* a COMPUTE row */
		if (status == REG_ROW)
			point_to_values(session);
	}
	/* rows that always are at hand would let nobody ask, neither the library nor the watchdog */
	if (status == REG_ROW && session->record.library_number == 0 && !is_interrupted(session) &&
		!session->record.timed_out)
	{
		*row = {session->values.data(), static_cast<int>(session->values.size()),
				session->record.invalid_text};
		return true;
	}
	if (status != NO_MORE_ROWS || has_error(*session))
		fail(session);
	session->open_result = false;
	skip_results(session);
	return false;
}

void
execute(Session *session, const char *sql)
{
	query(session, sql);
	if (session->open_result)
	{
		skip_rows(session);
		session->open_result = false;
		skip_results(session);
	}
}

void
cancel(Session *session)
{
	cancel(session, idle_seconds);
}

void
cancel(Session *session, int patience)
{
	if (!busy(session))
		return;
	begin_call(&session->record, &session->wait);
	if (!make_idle(session, patience))
		throw to_error(session->record, session->wait, session->peer.c_str(), true);
}

/* ---- state ---- */

bool
busy(const Session *session) noexcept
{
	return session->open_result || session->awaiting;
}

bool
awaiting(const Session *session) noexcept
{
	return session->awaiting;
}

int
time_left(const Session *session) noexcept
{
	const Wait &wait = session->wait;

	if (!session->awaiting || wait.timeout == 0)
		return -1;

	auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
		wait.started + std::chrono::seconds(wait.timeout) - Clock::now());

	return left.count() > 0 ? static_cast<int>(left.count()) : 0;
}

int
descriptor(const Session *session) noexcept
{
	return connected(*session) ? dbiordesc(session->process) : -1;
}

bool
alive(Session *session) noexcept
{
	int socket = descriptor(session);
	if (socket < 0)
		return false;

	/* unread bytes are no sign of death: a TLS server may have sent a ticket; nor is a signal,
	 * which ends poll() though it wouldn't wait */
	pollfd state{socket, POLLRDHUP, 0};
	int found;
	while ((found = poll(&state, 1, 0)) < 0 && errno == EINTR)
		;
	return found == 0;
}

bool
strayed(const Session *session) noexcept
{
	return session->distrusted && connected(*session) &&
		   session->database != dbname(session->process);
}

Session::~Session()
{
	if (process == nullptr)
		return;
	/* dbclose() sends nothing in TDS 7; if it ever tried, a socket that is shut down can't block */
	if (!dbdead(process))
		shutdown(dbiordesc(process), SHUT_RDWR);
	begin_call(&record, &wait);
	wait.login = true;
	Call call(&record, &wait);
	dbclose(process);
}

void
destroy(Session *session) noexcept
{
	delete session;
}

} // namespace sambapos::tds
