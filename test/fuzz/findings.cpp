/* See findings.hpp. */
#include "findings.hpp"

#include <cctype>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <sstream>

namespace fuzz
{

double
now()
{
	timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/* ---- judging ---- */

static bool
has(const std::string &text, const char *word)
{
	return text.find(word) != std::string::npos;
}

static bool
is_ours(const std::string &frame)
{
	for (const char *place : {"src/tds/", "src/types/", "src/fdw/", "src/functions/", "src/bridge/",
							  "src/sambapos_fdw.cpp", "test/fuzz/"})
		if (has(frame, place) && !has(frame, "freetds"))
			return true;
	return false;
}

/* The next stack in the text: its first frame that is ours or the library's. "" if there is none.
 */
static std::string
culprit(std::istringstream *lines)
{
	std::string line, first;

	while (std::getline(*lines, line))
	{
		bool frame = line.compare(0, 5, "    #") == 0;

		if (!frame && !first.empty())
			return first;
		if (!frame)
			continue;
		if (is_ours(line) || has(line, "libsybdb") || has(line, "freetds"))
			return line.substr(4);
		if (first.empty())
			first = line.substr(4);
	}
	return first;
}

/* Of leaks any that is ours counts before the library's. */
static std::string
culprit_of_leaks(std::istringstream *lines)
{
	std::string line, result;

	while (std::getline(*lines, line))
		if (has(line, "irect leak of"))
		{
			std::string frame = culprit(lines);
			if (result.empty() || is_ours(frame))
				result = frame;
		}
	return result;
}

Finding
judge(const std::string &text, const std::string &ending, Hang hang)
{
	static const char *const reports[] = {"ERROR: AddressSanitizer", "ERROR: LeakSanitizer",
										  "promise broken", "runtime error"};
	Finding finding{"", text, true};
	std::istringstream lines(text);
	std::string line, frame;

	for (const char *report : reports)
	{
		if (!has(text, report))
			continue;
		while (std::getline(lines, line) && !has(line, report))
			continue;
		finding.what = line;
		break;
	}
	frame = has(finding.what, "LeakSanitizer") ? culprit_of_leaks(&lines) : culprit(&lines);
	if (finding.what.empty())
		finding.what = ending;
	finding.ours = is_ours(frame) || !(has(frame, "libsybdb") || has(frame, "freetds")) ||
				   has(finding.what, "promise broken");
	if (hang == Hang::on_a_connection)
		finding = {"hang", text, true};
	else if (hang == Hang::in_the_library)
		finding = {"endless loop without a connection", text, finding.ours};
	finding.what += " | " + frame;
	return finding;
}

/* ---- counting ---- */

/* Addresses, process ids and sizes differ from run to run. */
static std::string
without_numbers(const std::string &text)
{
	std::string out;

	for (std::size_t i = 0; i < text.size(); i++)
	{
		if (text.compare(i, 2, "0x") == 0)
			for (i += 2; i < text.size() && isxdigit(static_cast<unsigned char>(text[i])); i++)
				continue;
		if (text.compare(i, 2, "==") == 0)
			for (i += 2; i < text.size() &&
						 (isdigit(static_cast<unsigned char>(text[i])) || text[i] == '=');
				 i++)
				continue;
		if (i < text.size())
			out += text[i];
	}
	return out;
}

void
Findings::take(const Finding &finding, std::uint64_t seed)
{
	(finding.ours ? ours_ : theirs_)++;
	if (kinds_[(finding.ours ? "" : "in FreeTDS: ") + without_numbers(finding.what)]++ > 0)
		return;
	printf("# seed %llu: %s\n", static_cast<unsigned long long>(seed), finding.what.c_str());
	fflush(stdout);
	if (!keep_.empty())
		std::ofstream(keep_ + "/" + std::to_string(seed) + ".txt") << finding.text;
	else if (finding.ours)
		fputs(finding.text.c_str(), stderr);
}

void
Findings::summary() const
{
	for (const auto &[kind, count] : kinds_)
		printf("# %5d times %s\n", count, kind.c_str());
}

/* ---- TAP ---- */

static int number_of_tests = 0;
static int failures = 0;

void
report(bool good, const std::string &what)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++number_of_tests, what.c_str());
	fflush(stdout);
	failures += good ? 0 : 1;
}

int
end_of_tests()
{
	printf("1..%d\n", number_of_tests);
	return failures == 0 ? 0 : 1;
}

/* ---- loops ---- */

Spinning::Times
Spinning::times_of(int pid)
{
	std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
	std::string line;
	Times times;

	std::getline(file, line);
	std::size_t name_end = line.rfind(')');
	if (name_end != std::string::npos)
		sscanf(line.c_str() + name_end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld",
			   &times.user, &times.kernel);
	return times;
}

bool
Spinning::is_on(int pid) const
{
	Times present = times_of(pid);
	long user = present.user - start_.user;

	return user > 300 && present.kernel - start_.kernel < user / 50;
}

} // namespace fuzz
