/*
 * The timer behind Call; see watchdog.hpp.
 *
 * It is a POSIX timer with a real-time signal that is free, so that it disturbs neither
 * PostgreSQL's timeouts (SIGALRM) nor another extension. Where there is none there is no watchdog.
 * Another extension may take the same signal later: then it is theirs, and the timer moves to a
 * free one. A signal that is not from our timer does nothing. All that the handler touches is plain
 * data of this thread or the kernel's.
 */
#include "tds/watchdog.hpp"

#include <cerrno>
#include <csignal>
#include <ctime>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sambapos::tds
{

/* Longer than the second that the library waits at a time: in between it must come to its own
 * end of waiting. */
static constexpr timespec pause_between_looks{2, 500000000};

static volatile sig_atomic_t armed = 0;
static volatile unsigned calls = 0;
static unsigned overdue_call = 0;
static Record *volatile watched_record = nullptr;
static Wait *volatile watched_wait = nullptr;
static timer_t timer;
static int timer_signal = 0;
static pid_t timer_owner = 0; /* a timer is not inherited by a child */

static void
arm(timespec pause = pause_between_looks) noexcept
{
	itimerspec once{{0, 0}, pause};

	armed = timer_settime(timer, 0, &once, nullptr) == 0;
}

/* Whether the call should have ended, and why; as must_stop() in messages.cpp, but a server that
 * answers is not late, other than in a login or where the wait is strict. */
static bool
is_overdue(Record *record, const Wait *wait) noexcept
{
	Clock::time_point now = Clock::now();

	if (must_end(wait->interrupts))
		record->interrupted = true;
	else if ((wait->login || wait->strict) && wait->timeout > 0 &&
			 now - wait->started >= std::chrono::seconds(wait->timeout))
		record->timed_out = true;
	else
		return wait->attention_sent && now >= wait->give_up_at;
	return true;
}

static bool
is_socket(int descriptor) noexcept
{
	struct stat status;

	return fstat(descriptor, &status) == 0 && S_ISSOCK(status.st_mode);
}

static void
shut_down(const Wait *wait) noexcept
{
	if (wait->descriptor >= 0)
		shutdown(wait->descriptor, SHUT_RDWR);
	else
		for (int candidate : wait->candidate)
			if (candidate >= 0 && is_socket(candidate))
				shutdown(candidate, SHUT_RDWR);
}

extern "C"
{
	static void on_timer(int, siginfo_t *info, void *) noexcept
	{
		if (info->si_code != SI_TIMER || info->si_value.sival_ptr != &timer)
			return;

		int error = errno;
		Record *record = watched_record;
		Wait *wait = watched_wait;

		armed = 0;
		if (wait != nullptr)
		{
			if (is_overdue(record, wait))
			{
				/* the look has made an interrupted login wait anew: it need not */
				bool login = wait->login && record->interrupted;

				if (login || overdue_call == calls)
				{
					record->given_up = !login;
					shut_down(wait);
				}
				overdue_call = calls;
			}
			arm();
		}
		errno = error;
	}
}

/* The last of the real-time signals that has no handler; 0 if there is none. */
static int
free_signal() noexcept
{
	struct sigaction present;

	for (int number = SIGRTMAX; number >= SIGRTMIN; number--)
		if (sigaction(number, nullptr, &present) == 0 && present.sa_handler == SIG_DFL)
			return number;
	return 0;
}

/* Our handler is the one that is in place. */
static bool
has_our_handler(int number) noexcept
{
	struct sigaction present;

	return number != 0 && sigaction(number, nullptr, &present) == 0 &&
		   (present.sa_flags & SA_SIGINFO) != 0 && present.sa_sigaction == on_timer;
}

static bool
install_handler() noexcept
{
	struct sigaction action = {};

	if (has_our_handler(timer_signal))
		return true;
	timer_signal = free_signal();
	action.sa_sigaction = on_timer;
	action.sa_flags = SA_RESTART | SA_SIGINFO;
	return timer_signal != 0 && sigaction(timer_signal, &action, nullptr) == 0;
}

static bool
is_timer_ours() noexcept
{
	return timer_owner == getpid() && has_our_handler(timer_signal);
}

/* What the old timer would still send is nothing for another's handler. */
static bool
make_timer() noexcept
{
	sigevent event = {};

	if (is_timer_ours())
		return true;
	if (timer_owner == getpid())
		timer_delete(timer);
	timer_owner = 0;
	armed = 0;
	if (!install_handler())
		return false;
	event.sigev_notify = SIGEV_SIGNAL;
	event.sigev_signo = timer_signal;
	event.sigev_value.sival_ptr = &timer;
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
		return false;
	timer_owner = getpid();
	return true;
}

/* The signal of an armed timer may have got another handler. Not checked for each row: that is a
 * system call. */
void
watch(Record *record, Wait *wait) noexcept
{
	watched_record = record;
	watched_wait = wait;
	calls = calls + 1;
	/* a look interrupts the library's waiting, and in a login it then begins its second anew */
	if ((armed == 0 || wait->login || (!wait->fresh && !is_timer_ours())) && make_timer())
		arm();
}

void
check_at(Clock::time_point time) noexcept
{
	auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(time - Clock::now()).count();

	if (left > 0 && left < 1000000000 && make_timer())
		arm({0, left});
}

void
unwatch() noexcept
{
	watched_wait = nullptr;
}

void
expect_descriptor(Wait *wait) noexcept
{
	wait->descriptor = -1;
	for (int &candidate : wait->candidate)
		candidate = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	for (int candidate : wait->candidate)
		if (candidate >= 0)
			close(candidate);
}

} // namespace sambapos::tds
