/*
 * What DB-Library's callbacks wrote down during a call, and the guard around every call.
 *
 * DB-Library's error and message handlers are process-global, and another extension of the same
 * backend may have installed its own, which jump. So every entry into DB-Library happens inside a
 * Call: it installs our handlers and puts the old ones back. Our handlers record, and ask the
 * caller whether the wait goes on (Interrupts::attend, which may end the process but never jumps);
 * nothing is thrown or reported before the library has returned. What they write to is plain data
 * for the same reason.
 */
#pragma once

#include <chrono>

#include "tds/error.hpp"
#include "tds/session.hpp"

struct tds_dblib_dbprocess; /* DBPROCESS */

namespace sambapos::tds
{

using Clock = std::chrono::steady_clock;

/* The first error of the server (severity above 10) and the first of DB-Library during a call.
 * Texts too long for their field are cut at a character. */
struct Record
{
	int server_number;
	int severity;
	int state;
	int line;
	char procedure[400];
	char server_text[4096];
	int library_number;
	int os_error;
	char library_text[512];
	bool invalid_text; /* a character could not be converted */
	bool interrupted;  /* the caller said so */
	bool timed_out;    /* connect_timeout or query_timeout */
	bool given_up;     /* the server did not acknowledge the attention */
};

/* How long the current call may wait. Looked at about once a second, after a signal, and with each
 * message of the server. */
struct Wait
{
	const Interrupts *interrupts;
	int timeout; /* seconds without an answer; 0: none */
	bool strict; /* ... or with one that does not end: nothing else would end this call */
	bool login;  /* no attention can be sent yet: give the connection up */
	bool fresh;  /* a row fetch has begun: the clock starts with its first question */
	bool attention_sent;
	Clock::time_point started;
	Clock::time_point give_up_at; /* once the attention is sent */

	/* the watchdog's: the socket, or during a login the descriptors that it may get, the lowest
	 * that were free */
	static constexpr int candidates = 8;
	int descriptor;
	int candidate[candidates];
};

inline bool
must_end(const Interrupts *interrupts) noexcept
{
	return interrupts != nullptr && interrupts->pending();
}

inline bool
attend(const Interrupts *interrupts) noexcept
{
	return interrupts != nullptr && interrupts->attend();
}

/* Installs the handlers for its lifetime. Never nested. */
class Call
{
public:
	Call(Record *record, Wait *wait) noexcept;
	~Call();
	Call(const Call &) = delete;
	Call &operator=(const Call &) = delete;

private:
	/* EHANDLEFUNC and MHANDLEFUNC, whose types only sybdb.h knows */
	void (*error_handler_)();
	void (*message_handler_)();
};

/* Forgets what an earlier call recorded and starts the clock. */
void begin_call(Record *record, Wait *wait) noexcept;

/* Lets this connection ask about interruption while it waits. */
void watch_interrupts(tds_dblib_dbprocess *process) noexcept;

/* The Error for what was recorded. `peer` is host:port for the messages. */
Error to_error(const Record &record, const Wait &wait, const char *peer, bool connection_lost);

/* What an error number of SQL Server is mapped to: a SQLSTATE, and a hint or "". */
struct MappedError
{
	const char *sqlstate;
	const char *hint;
};
MappedError map_server_error(int number) noexcept;
MappedError map_library_error(int number) noexcept;

/* True for the errors with which the server has rolled the transaction back. */
bool ends_transaction(int number) noexcept;

} // namespace sambapos::tds
