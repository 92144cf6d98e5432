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

/* The first stack: its first frame that is ours or the library's. */
static std::string
culprit(const std::string &text)
{
	std::istringstream lines(text);
	std::string line, first;

	while (std::getline(lines, line))
	{
		if (line.compare(0, 5, "    #") != 0)
			continue;
		if (has(line, "libsybdb") || has(line, "src/tds/") || has(line, "src/types/") ||
			has(line, "src/fdw/") || has(line, "src/functions/") || has(line, "src/bridge/") ||
			has(line, "test/fuzz/"))
			return line.substr(4);
		if (first.empty())
			first = line.substr(4);
	}
	return first;
}

Finding
judge(const std::string &text, const std::string &ending, Hang hang)
{
	Finding finding{"", text, true};
	std::istringstream lines(text);
	std::string line, frame = culprit(text);

	while (finding.what.empty() && std::getline(lines, line))
		if (has(line, "ERROR: AddressSanitizer") || has(line, "ERROR: LeakSanitizer") ||
			has(line, "runtime error") || has(line, "promise broken"))
			finding.what = line;
	if (finding.what.empty())
		finding.what = ending;
	finding.ours = !has(frame, "libsybdb") || has(text, "promise broken");
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

} // namespace fuzz
