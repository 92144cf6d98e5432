/*
 * tillctl: the client of the till. A plain DB-Library client that makes, fills, plays and clears a
 * SambaPOS database, the same against the stand-in till, Babelfish and SQL Server. Test equipment;
 * it shares no code with the product. See `tillctl` without arguments for the commands.
 */
#include "client/command.hpp"

#include <cstdio>
#include <exception>

namespace tillctl
{

namespace
{

const std::vector<Command> &
commands()
{
	static const std::vector<Command> list = {
		{"schema",
		 "[--v5] [--file FILE]          creates the SambaPOS tables",
		 {"file"},
		 {"v5"},
		 run_schema},
		{"fill",
		 "--tickets N [--seed S] [--until YYYY-MM-DD] [--days D]   masters and N tickets",
		 {"tickets", "seed", "until", "days"},
		 {},
		 run_fill},
		{"play",
		 "--edits N [--seed S] [--ledger FILE] [--only A,B] [--unseen] [--behind SECONDS] | "
		 "--forever --every MS | --list",
		 {"edits", "seed", "ledger", "every", "only", "behind"},
		 {"list", "forever", "unseen"},
		 run_play},
		{"clear",
		 "[--pause MS] [--reseed] | --partial YYYY-MM-DD   the vendor's clear",
		 {"partial", "pause"},
		 {"reseed"},
		 run_clear},
		{"types",
		 "                               tables TypeSamples, TypeInvalidText",
		 {},
		 {},
		 run_types},
		{"check", "                               do the till's books hold?", {}, {}, run_check},
		{"sql",
		 "'T-SQL' | -f FILE [--header] [--types]   runs batches (GO between them), prints the rows",
		 {"f"},
		 {"header", "types"},
		 run_sql},
		{"dump",
		 "TABLE [--columns A,B] [--where COND] | --headers TABLE:A,B ...   canonical text, a line "
		 "a "
		 "row, by key",
		 {"columns", "where"},
		 {"headers"},
		 run_dump},
		{"tables", "                              the base tables", {}, {}, run_tables},
	};
	return list;
}

int
usage()
{
	fprintf(stderr, "usage: tillctl 'host=... port=... database=... username=... password=... "
					"encryption=off|request|require' COMMAND\n");
	for (const Command &command : commands())
		fprintf(stderr, "  %-8s %s\n", command.name, command.usage);
	return 2;
}

int
run(const std::vector<std::string> &words)
{
	for (const Command &command : commands())
	{
		if (words.size() < 2 || words[1] != command.name)
			continue;
		Arguments arguments({words.begin() + 2, words.end()}, command.options, command.flags);
		Connection connection(parse_login(words[0]));
		command.run(connection, arguments);
		return 0;
	}
	return usage();
}

} // namespace

} // namespace tillctl

int
main(int argc, char **argv)
{
	try
	{
		return tillctl::run({argv + 1, argv + argc});
	}
	catch (const tillctl::ServerError &error)
	{
		fflush(stdout);
		fprintf(stderr, "tillctl: message %d: %s\n", error.number(), error.what());
	}
	catch (const std::exception &error)
	{
		fflush(stdout);
		fprintf(stderr, "tillctl: %s\n", error.what());
	}
	return 1;
}
