/*
 * What went wrong, and whose fault it is. TAP on the output.
 */
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

namespace fuzz
{

struct Finding
{
	std::string what; /* one line */
	std::string text; /* all that was said */
	bool ours;
};

/* A library that loops without a connection cannot be stopped by anybody; one that has a connection
 * must have been stopped by us. */
enum class Hang
{
	none,
	in_the_library,
	on_a_connection
};

/* Judges what a sanitizer or a broken promise said before the end of a process; `ending` says how
 * it ended. */
Finding judge(const std::string &text, const std::string &ending, Hang hang);

/* Findings by what they are; the first of each kind is shown, all are counted. Those of the library
 * are shown too, but count apart. */
class Findings
{
public:
	/* With a directory the texts are kept there; otherwise ours go to standard error. */
	explicit Findings(std::string keep) : keep_(std::move(keep)) {}

	void take(const Finding &finding, std::uint64_t seed);
	void summary() const;
	int ours() const { return ours_; }
	int theirs() const { return theirs_; }

private:
	std::string keep_;
	std::map<std::string, int> kinds_;
	int ours_ = 0;
	int theirs_ = 0;
};

void report(bool good, const std::string &what);
/* The plan; returns the exit status. */
int end_of_tests();

double now(); /* seconds */

/* How long something has been waited for. A machine that stood still counts for a quarter of a
 * second, however long it did. */
class Waiting
{
public:
	void look()
	{
		double present = now();

		seconds_ += std::min(present - last_, 0.25);
		last_ = present;
	}
	void begin() { *this = Waiting(); }
	double seconds() const { return seconds_; }

private:
	double last_ = now();
	double seconds_ = 0;
};

/* Whether a process computes since begin() without asking the kernel for anything: who waits for a
 * server, or reads what one sends without an end, asks it all the time. */
class Spinning
{
public:
	void begin(int pid) { start_ = times_of(pid); }
	bool is_on(int pid) const;

private:
	struct Times
	{
		long user = 0; /* clock ticks */
		long kernel = 0;
	};
	static Times times_of(int pid);

	Times start_;
};

} // namespace fuzz
