/*
 * The watchdog's signal: ours only while nobody else has taken it, and heard only from our timer.
 */
#include "tds/watchdog.hpp"

#include <csignal>

#include <gtest/gtest.h>
#include <unistd.h>

using namespace sambapos::tds;

namespace
{

volatile sig_atomic_t foreign_signals = 0;

void
foreign_handler(int)
{
	foreign_signals = foreign_signals + 1;
}

bool
always() noexcept
{
	return true;
}

/* The real-time signal that has a handler, but for this one; 0 if there is none. */
int
handled_signal(int other = 0)
{
	struct sigaction present;

	for (int number = SIGRTMAX; number >= SIGRTMIN; number--)
		if (number != other && sigaction(number, nullptr, &present) == 0 &&
			present.sa_handler != SIG_DFL)
			return number;
	return 0;
}

constexpr Interrupts interrupts{always, always};

void
sleep_a_while(int tenths)
{
	for (int i = 0; i < tenths; i++)
		usleep(100000);
}

class WatchdogTest : public testing::Test
{
protected:
	WatchdogTest()
	{
		wait_.interrupts = &interrupts;
		wait_.descriptor = -1;
		for (int &candidate : wait_.candidate)
			candidate = -1;
	}
	~WatchdogTest() override { unwatch(); }

	Record record_{};
	Wait wait_{};
};

} // namespace

TEST_F(WatchdogTest, OnlyItsTimerIsHeard)
{
	watch(&record_, &wait_);
	int number = handled_signal();
	ASSERT_NE(number, 0);

	sigval value{};
	kill(getpid(), number);
	sigqueue(getpid(), number, value);
	EXPECT_FALSE(record_.interrupted) << "a signal of somebody's was taken for the timer's";
	sleep_a_while(30);
	EXPECT_TRUE(record_.interrupted) << "the timer is not heard any more";
}

TEST_F(WatchdogTest, ASignalThatIsTakenIsLeftAlone)
{
	watch(&record_, &wait_);
	int number = handled_signal();
	struct sigaction theirs = {};
	struct sigaction present;

	theirs.sa_handler = foreign_handler;
	sigaction(number, &theirs, nullptr);
	watch(&record_, &wait_);
	ASSERT_EQ(sigaction(number, nullptr, &present), 0);
	EXPECT_EQ(present.sa_handler, foreign_handler) << "another's handler was replaced";
	EXPECT_NE(handled_signal(number), 0) << "there is no other signal in its place";
	sleep_a_while(30);
	EXPECT_TRUE(record_.interrupted) << "nobody looks any more";
	EXPECT_EQ(foreign_signals, 0) << "the timer's signal reached another's handler";

	theirs.sa_handler = SIG_DFL;
	sigaction(number, &theirs, nullptr);
}

/* Not for every row: the watch goes on with the next call that is none. */
TEST_F(WatchdogTest, RowsDoNotAsk)
{
	watch(&record_, &wait_);
	int number = handled_signal();
	struct sigaction theirs = {};

	theirs.sa_handler = SIG_IGN;
	sigaction(number, &theirs, nullptr);
	wait_.fresh = true;
	watch(&record_, &wait_);
	EXPECT_EQ(handled_signal(number), 0);
	wait_.fresh = false;
	watch(&record_, &wait_);
	EXPECT_NE(handled_signal(number), 0);
}
