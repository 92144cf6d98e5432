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
	return session.process != nullptr && session.link == Link::usable && !dbdead(session.process);
}

/* ---- figures ---- */

static std::int64_t
working_for(const Session &session) noexcept
{
	return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() -
																 session.working_since)
		.count();
}

static void
begin_work(Session *session) noexcept
{
	session->figures.queries++;
	session->working_since = Clock::now();
	session->working = true;
}

static void
end_work(Session *session) noexcept
{
	if (session->working)
		session->figures.microseconds += working_for(*session);
	session->working = false;
}

Figures
figures(const Session *session) noexcept
{
	Figures now = session->figures;

	if (session->working)
		now.microseconds += working_for(*session);
	return now;
}

/* ---- calls ---- */

bool
make_idle(Session *session, int patience) noexcept
{
	end_work(session);
	session->activity = Activity::idle;
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
		session->link = Link::broken;
	make_idle(session);
	reason.given_up = reason.given_up || session->record.given_up;
	if (reason.server_number == snapshot_not_allowed)
		session->snapshot_allowed = Answer::unknown; /* the next transaction asks again */
	if (ends_transaction(reason.server_number))
		end_by_server(session);
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

	begin_work(session);
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

/* Columns that a server has named (COLNAME of TDS 4.2, which no supported SQL Server sends) without
 * their types: DB-Library has no buffer for such rows, and would write into it. */
[[noreturn]] static void
report_untyped_columns(Session *session)
{
	session->link = Link::broken;
	throw Error("08P01", "the answer of " + session->peer + " cannot be read",
				"It has columns without types.", map_library_error(SYBEBTOK).hint, 0, true);
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
		report_untyped_columns(session);
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
		case 36: return WireType::uuid; /* SYBUNIQUE, which sybdb.h does not show */
		case SYBDATETIME: return WireType::datetime;
		case SYBDATETIME4: return WireType::smalldatetime;
		case SYBMSDATE: return WireType::date;
		case SYBMSTIME: return WireType::time;
		case SYBMSDATETIME2: return WireType::datetime2;
		case SYBMSDATETIMEOFFSET: return WireType::datetimeoffset;
		default: return WireType::unsupported;
	}
}

/* The length of a value that is not NULL; 0: differs from row to row. */
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

/* For these two the library's type does not imply the size of the buffer: that is what the server
 * declared.
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
	std::int64_t bytes = 0;

	for (int i = 0; i < count; i++)
	{
		values[i].data = dbdata(process, i + 1);
		if (variable[i])
			values[i].length = dbdatlen(process, i + 1);
		if (values[i].data != nullptr)
			bytes += values[i].length;
	}
	session->figures.bytes += bytes;
}

/* SET PARSEONLY, and before that NOEXEC or FMTONLY, make a server answer nothing and call it no
 * error. What it holds cannot be known then: closing it ends all. */
[[noreturn]] static void
report_not_executed(Session *session)
{
	session->link = Link::broken;
	throw Error("08006", session->peer + " did not execute the batch",
				"A pass-through query may have left the session in this state, for example with "
				"SET PARSEONLY ON.",
				"", 0, true);
}

static TransactionStatus
read_transaction_status(Session *session)
{
	TransactionStatus status{-1, {}, {}};
	bool found = next_result(session);

	if (found)
	{
		Call call(&session->record, &session->wait);
		describe(session);
		found = dbnextrow(session->process) == REG_ROW;
		if (found)
		{
			point_to_values(session);
			status = status_of(*session, {session->values.data(),
										  static_cast<int>(session->values.size()), false});
		}
	}
	if (!found && has_error(*session))
		fail(session);
	if (!found)
		report_not_executed(session);
	skip_rows(session);
	forget_columns(session);
	return status;
}

/* ---- batches ---- */

/* In another database the marker cannot be seen. */
static Verify
what_to_verify(const Session *session, Origin origin, Marker marker) noexcept
{
	if (session->transaction == Transaction::none)
		return Verify::nothing;
	if (marker != Marker::not_needed && !session->user.empty() &&
		(origin != Origin::passthrough || !in_other_database(session)))
		return Verify::transaction_owner;
	return Verify::transaction;
}

static bool
is_beginning(const Session *session) noexcept
{
	return session->transaction == Transaction::to_begin ||
		   session->transaction == Transaction::sent;
}

void
send(Session *session, const char *sql, Origin origin)
{
	Marker marker = session->marker;

	if (origin != Origin::generated && session->transaction != Transaction::none)
		mark_transaction(session);
	if (session->activity != Activity::idle)
		throw Error("XX000", "a result of " + session->peer + " is still open");
	if (session->transaction == Transaction::ended)
		transaction_lost(session);
	forget_columns(session);
	prepare(session);
	session->sent.origin = origin;
	session->sent.verify = what_to_verify(session, origin, marker);
	session->sent.restores = session->settings == Settings::unknown &&
							 (origin != Origin::passthrough || is_beginning(session));
	if (origin != Origin::generated)
		session->settings = Settings::unknown;
	put_on_wire(session, (preamble(session) + sql).c_str());
	session->activity = Activity::sent;
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
	if (session->activity != Activity::sent)
		throw Error("XX000", "no query was sent to " + session->peer);
	session->activity = Activity::idle;
	/* query_timeout is for the wait, not for the time until the answer was wanted */
	session->wait.fresh = is_readable(session);
	wait_for_answer(session);
	if (session->sent.verify != Verify::nothing)
		check_transaction_status(session, read_transaction_status(session));
	if (next_result(session))
	{
		Call call(&session->record, &session->wait);
		session->activity = Activity::rows;
		describe(session);
	}
	else
		end_work(session);
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

	if (session->activity != Activity::rows)
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
	/* while rows are always available, neither the library nor the watchdog asks */
	if (status == REG_ROW && session->record.library_number == 0 && !is_interrupted(session) &&
		!session->record.timed_out)
	{
		session->figures.rows++;
		*row = {session->values.data(), static_cast<int>(session->values.size()),
				session->record.invalid_text};
		return true;
	}
	if (status != NO_MORE_ROWS || has_error(*session))
		fail(session);
	session->activity = Activity::idle;
	skip_results(session);
	end_work(session);
	return false;
}

void
execute(Session *session, const char *sql)
{
	query(session, sql);
	if (session->activity == Activity::rows)
	{
		skip_rows(session);
		session->activity = Activity::idle;
		skip_results(session);
		end_work(session);
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
	return session->activity != Activity::idle;
}

bool
awaiting(const Session *session) noexcept
{
	return session->activity == Activity::sent;
}

int
time_left(const Session *session) noexcept
{
	const Wait &wait = session->wait;

	if (session->activity != Activity::sent || wait.timeout == 0)
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
	 * which ends poll() though it would not wait */
	pollfd state{socket, POLLRDHUP, 0};
	int found;
	while ((found = poll(&state, 1, 0)) < 0 && errno == EINTR)
		;
	return found == 0;
}

bool
in_other_database(const Session *session) noexcept
{
	return session->settings == Settings::unknown && connected(*session) &&
		   session->database != dbname(session->process);
}

Session::~Session()
{
	if (process == nullptr)
		return;
	/* dbclose() sends nothing in TDS 7; if it ever tried, a socket that is shut down cannot block
	 */
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
