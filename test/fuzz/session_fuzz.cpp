/*
 * Hostile answers against src/tds, as plain C++ under the address and undefined-behaviour
 * sanitizers. TAP on the output.
 *
 *   session_fuzz [--quick] [--seed N] [--runs N | --seconds N] [--keep DIR]
 *                                                                   runs seeds N, N + 1, ...
 *   session_fuzz --replay FILE...                                   the inputs of fuzz.md
 *   session_fuzz --save FILE --seed N                               writes what seed N has answered
 *
 * The runs happen in worker processes, so that a crash is a finding and not the end. Whatever a
 * sanitizer or a broken promise says is read from the worker's standard error.
 */
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.hpp"
#include "findings.hpp"
#include "hostile_server.hpp"

using namespace fuzz;

/* An absurd length is refused by malloc() outside of the sanitizer too; a worker that hangs is
 * aborted and shows where it was. */
extern "C" const char *
__asan_default_options()
{
	return "allocator_may_return_null=1:max_allocation_size_mb=4096:handle_abort=1:"
		   "detect_leaks=1";
}

extern "C" const char *
__ubsan_default_options()
{
	return "print_stacktrace=1";
}

static constexpr int runs_of_a_worker = 2000;
static constexpr int hang_seconds = 30;
static constexpr int loop_seconds = 8;
static constexpr std::uint64_t never = ~std::uint64_t{0};

/* What a worker tells while it runs. */
struct Progress
{
	std::atomic<std::uint64_t> seed;
	std::atomic<long> runs;
	std::atomic<long> rows;
	std::atomic<int> connections;
};

struct Options
{
	std::uint64_t seed = 1;
	std::uint64_t end = never;
	double seconds = 0;
	std::string keep;
	std::string save;
	Manner manner;
	bool quick = false;
	std::vector<std::string> replays;
};

/* ---- a worker ---- */

static int
open_descriptors()
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(directory) != nullptr)
		count++;
	closedir(directory);
	return count;
}

static void
check_clean(const HostileServer &server, int descriptors)
{
	if (!server.wait_until_closed(20))
		fprintf(stderr, "promise broken: a connection is left open\n"), abort();
	/* The server may have accepted a connection that it has not counted yet. */
	for (int tries = 20000; tries > 0 && open_descriptors() != descriptors; tries--)
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	if (open_descriptors() != descriptors)
		fprintf(stderr, "promise broken: a descriptor is left open\n"), abort();
}

static std::function<Answer(const Message &)>
answers_of(std::uint64_t seed, const Manner &manner, const std::string &save)
{
	auto conversation = std::make_shared<Conversation>(seed, manner);
	std::function<Answer(const Message &)> answers = [conversation](const Message &message)
	{ return conversation->answer(message); };

	return save.empty() ? answers : recorded(answers, save);
}

[[noreturn]] static void
work(const Options &options, std::uint64_t first, std::uint64_t end, Progress *progress)
{
	std::uint64_t seed = first;
	{
		progress->connections = 0;
		HostileServer server([&] { return answers_of(seed, options.manner, options.save); },
							 &progress->connections);
		int descriptors = open_descriptors();

		for (; seed < end; seed++)
		{
			progress->seed = seed;
			progress->rows += run_client(server.port(), seed, !options.quick);
			check_clean(server, descriptors);
			progress->runs++;
		}
	}
	exit(0); /* the leak check */
}

/* An input says in its first lines how its client behaves: `client N`. */
static std::uint64_t
client_of(const std::string &path)
{
	std::ifstream file(path);
	std::string line, word;
	std::uint64_t seed = 1;

	while (std::getline(file, line))
	{
		std::istringstream words(line);
		if (words >> word && word == "client")
			words >> seed;
	}
	return seed;
}

[[noreturn]] static void
work_on_file(const std::string &path, Progress *progress)
{
	{
		progress->connections = 0;
		HostileServer server([&] { return replay(read_answers(path)); }, &progress->connections);
		int descriptors = open_descriptors();

		run_client(server.port(), client_of(path), true);
		check_clean(server, descriptors);
	}
	exit(0);
}

/* ---- the parent ---- */

/* Runs a worker; true if it ended well. */
template <typename Work>
static bool
supervise(Work body, const Progress *progress, Finding *finding)
{
	char path[] = "/tmp/sambapos_fuzz.XXXXXX";
	int errors = mkstemp(path);
	pid_t child = fork();
	int status = 0;
	Hang hang = Hang::none;

	if (child == 0)
	{
		dup2(errors, 2);
		body();
	}
	std::uint64_t seed = never;
	Waiting waiting;
	while (waitpid(child, &status, WNOHANG) == 0)
	{
		if (progress->seed != seed)
		{
			seed = progress->seed;
			waiting.begin();
		}
		bool connected = progress->connections > 0;
		waiting.look();
		if (waiting.seconds() > (connected ? hang_seconds : loop_seconds) && hang == Hang::none)
		{
			hang = connected ? Hang::on_a_connection : Hang::in_the_library;
			kill(child, SIGABRT);
		}
		usleep(10000);
	}
	std::ifstream said(path);
	std::string text((std::istreambuf_iterator<char>(said)), {});
	unlink(path);
	close(errors);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && hang == Hang::none)
		return true;
	*finding = judge(text,
					 WIFSIGNALED(status) ? std::string("signal ") + strsignal(WTERMSIG(status))
										 : "exit " + std::to_string(WEXITSTATUS(status)),
					 hang);
	return false;
}

static void
run_seeds(const Options &options, Progress *progress)
{
	Findings findings(options.keep);
	double end = options.seconds > 0 ? now() + options.seconds : 0;
	std::uint64_t seed = options.seed;

	while (seed < options.end && (end == 0 || now() < end))
	{
		Finding finding;
		std::uint64_t until = std::min(options.end, seed + runs_of_a_worker);

		progress->seed = seed;
		if (supervise([&] { work(options, seed, until, progress); }, progress, &finding))
			seed = until;
		else
		{
			findings.take(finding, progress->seed);
			seed = progress->seed + 1;
		}
	}
	findings.summary();
	printf("# %ld conversations from seed %llu, %ld rows; %d findings inside FreeTDS\n",
		   progress->runs.load(), static_cast<unsigned long long>(options.seed),
		   progress->rows.load(), findings.theirs());
	report(findings.ours() == 0 && progress->runs > 0,
		   "hostile conversations: no crash, hang or leak in src/tds");
}

static Options
read_options(int count, char **words)
{
	Options options;
	std::uint64_t runs = 1;

	for (int i = 1; i < count; i++)
	{
		std::string word = words[i];
		const char *value = i + 1 < count ? words[i + 1] : "";

		if (word == "--replay")
		{
			options.replays.assign(words + i + 1, words + count);
			return options;
		}
		if (word == "--quick") /* little that has to be waited for */
		{
			options.quick = true;
			options.manner.floods = options.manner.silence = options.manner.deadly = false;
			continue;
		}
		if (word == "--good") /* answers as they should be */
		{
			options.manner.hostile = false;
			continue;
		}
		if (word == "--seed")
			options.seed = strtoull(value, nullptr, 10);
		else if (word == "--runs")
			runs = strtoull(value, nullptr, 10);
		else if (word == "--seconds")
			options.seconds = atof(value);
		else if (word == "--keep")
			options.keep = value;
		else if (word == "--save")
			options.save = value;
		i++;
	}
	options.end = options.seconds > 0 ? never : options.seed + runs;
	return options;
}

int
main(int count, char **words)
{
	Options options = read_options(count, words);
	auto *progress = static_cast<Progress *>(
		mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

	signal(SIGPIPE, SIG_IGN);
	if (!options.save.empty())
		std::ofstream(options.save) << "client " << options.seed << "\n";
	if (options.replays.empty())
		run_seeds(options, progress);
	for (const std::string &path : options.replays)
	{
		Finding finding;
		bool good = supervise([&] { work_on_file(path, progress); }, progress, &finding);
		if (!good)
			printf("# %s\n", finding.what.c_str()), fputs(finding.text.c_str(), stderr);
		report(good, path);
	}
	return end_of_tests();
}
