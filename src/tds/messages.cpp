/*
 * The callbacks of DB-Library: record, and decide whether a wait goes on.
 *
 * Waiting works like this (FreeTDS 1.3: net.c, tds_select): the library polls the socket a second
 * at a time. After each second, and at once after a signal, it asks check_interrupt. "Stop" makes
 * it raise SYBETIME; the error handler's answer to that is what happens next: INT_TIMEOUT sends an
 * attention and keeps waiting for the acknowledgement, INT_CANCEL closes the socket, INT_CONTINUE
 * waits on. To any other error only INT_CANCEL may be answered: everything else ends the process.
 * During a login the first of it is an SYBETIME after a second, with the connection to be: from
 * then on check_interrupt is asked there too, but only SYBETIME, once a second, may end a login.
 */
#include "tds/messages.hpp"
#include "tds/watchdog.hpp"

#include <cstring>

#include <sybfront.h>
#include <sybdb.h>
#include <syberror.h>

namespace sambapos::tds
{

/* After an interruption the server has this long to acknowledge the attention. Less than the
 * library's own second, so that its first tick finds the time over. */
static constexpr std::chrono::milliseconds acknowledge_time{900};

static Record *active_record = nullptr;
static Wait *active_wait = nullptr;

/* Copies text, cutting it between two characters if it is too long. */
static void
copy_text(char *target, size_t size, const char *source) noexcept
{
	if (source == nullptr)
		source = "";

	size_t length = strlen(source);
	if (length >= size)
	{
		length = size - 1;
		while (length > 0 && (static_cast<unsigned char>(source[length]) & 0xC0) == 0x80)
			length--;
	}
	memcpy(target, source, length);
	target[length] = '\0';
}

/* Whether the running wait must end, and why. */
static bool
must_stop() noexcept
{
	Wait *wait = active_wait;
	Record *record = active_record;
	Clock::time_point now = Clock::now();

	if (wait->fresh)
	{
		wait->fresh = false;
		wait->started = now;
	}
	if (attend(wait->interrupts))
	{
		record->interrupted = true;
		if (wait->attention_sent && now + acknowledge_time < wait->give_up_at)
			wait->give_up_at = now + acknowledge_time;
	}
	if (wait->attention_sent)
	{
		record->given_up = now >= wait->give_up_at;
		return record->given_up;
	}
	if (wait->timeout > 0 && now - wait->started >= std::chrono::seconds(wait->timeout))
		record->timed_out = true;
	return record->interrupted || record->timed_out;
}

/* The answer to SYBETIME. */
static int
on_timeout() noexcept
{
	if (!must_stop())
		return INT_CONTINUE;
	if (active_wait->login || active_wait->attention_sent)
		return INT_CANCEL;
	active_wait->attention_sent = true;
	active_wait->give_up_at = Clock::now() + acknowledge_time;
	check_at(active_wait->give_up_at);
	return INT_TIMEOUT;
}

/* The errors that only say that another one has been reported, or that follow from it. */
static bool
is_echo(int number) noexcept
{
	return number == SYBESMSG;
}

extern "C"
{
	static int check_interrupt(void *) noexcept
	{
		if (active_wait == nullptr)
			return 0;
		if (!active_wait->login)
			return must_stop();
		attend(active_wait->interrupts);
		return 0;
	}

	static int handle_interrupt(void *) noexcept
	{
		return INT_CANCEL;
	}

	static int on_error(DBPROCESS *process, int severity, int number, int os_error, char *text,
						char *) noexcept
	{
		Record *record = active_record;

		if (number == SYBETIME && active_wait->login && process != nullptr)
			dbsetinterrupt(process, check_interrupt, handle_interrupt);
		if (number == SYBETIME)
			return on_timeout();
		if (number == SYBEICONVI || number == SYBEICONVAVAIL)
			record->invalid_text = true;
		else if (severity > EXINFO && !is_echo(number) && record->library_number == 0)
		{
			record->library_number = number;
			record->os_error = os_error;
			copy_text(record->library_text, sizeof record->library_text, text);
		}
		return INT_CANCEL;
	}

	static int on_message(DBPROCESS *, DBINT number, int state, int severity, char *text, char *,
						  char *procedure, int line) noexcept
	{
		Record *record = active_record;

		/* while one notice follows the other nobody waits, and so nobody asks */
		if (attend(active_wait->interrupts))
			record->interrupted = true;
		if (severity > 10 && record->server_number == 0)
		{
			record->server_number = number;
			record->state = state;
			record->severity = severity;
			record->line = line;
			copy_text(record->procedure, sizeof record->procedure, procedure);
			copy_text(record->server_text, sizeof record->server_text, text);
		}
		return 0;
	}
}

/* dbinit() puts DB-Library's default error handler in place of whatever was there. */
static void
initialize_library() noexcept
{
	static bool initialized = false;

	if (initialized)
		return;
	EHANDLEFUNC others = dberrhandle(nullptr);
	initialized = dbinit() == SUCCEED;
	dberrhandle(others);
}

Call::Call(Record *record, Wait *wait) noexcept
{
	initialize_library();
	active_record = record;
	active_wait = wait;
	error_handler_ = reinterpret_cast<void (*)()>(dberrhandle(on_error));
	message_handler_ = reinterpret_cast<void (*)()>(dbmsghandle(on_message));
	watch(record, wait);
}

Call::~Call()
{
	unwatch();
	dberrhandle(reinterpret_cast<EHANDLEFUNC>(error_handler_));
	dbmsghandle(reinterpret_cast<MHANDLEFUNC>(message_handler_));
	active_record = nullptr;
	active_wait = nullptr;
}

void
begin_call(Record *record, Wait *wait) noexcept
{
	record->server_number = 0;
	record->library_number = 0;
	record->invalid_text = false;
	record->interrupted = false;
	record->timed_out = false;
	record->given_up = false;
	wait->fresh = false;
	wait->attention_sent = false;
	wait->started = Clock::now();
}

void
watch_interrupts(tds_dblib_dbprocess *process) noexcept
{
	dbsetinterrupt(process, check_interrupt, handle_interrupt);
}

} // namespace sambapos::tds
