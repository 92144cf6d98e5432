/*
 * Hostile answers against a whole backend: connection, scan, conversion to Datums, import, ANALYZE.
 * The server runs here, in threads; the backend is reached through libpq (PGHOST, ...), and its
 * sambapos_fdw.so is one that was built with the sanitizers (test/harness/sanitized). TAP on the
 * output.
 *
 *   backend_fuzz --log FILE [--quick] [--seed N] [--runs N | --seconds N] [--keep DIR]
 *                [--save FILE] [--replay FILE...]
 *
 * After every statement the backend must be there and read a good server; every wait must end with
 * statement_timeout; sockets and memory contexts must not grow. What a sanitizer says is in the
 * cluster's log.
 */
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <dirent.h>
#include <poll.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "findings.hpp"
#include "hostile_server.hpp"

using namespace fuzz;

static constexpr int hang_seconds = 40; /* statement_timeout, the watchdog, a loaded machine */
static constexpr int loop_seconds = 12;
static constexpr int runs_of_a_backend = 500;
static constexpr long allowed_context_growth = 1024 * 1024;

struct Options
{
	std::uint64_t seed = 1;
	std::uint64_t end = ~std::uint64_t{0};
	double seconds = 0;
	Manner manner;
	bool quick = false;
	std::string log;
	std::string keep;
	std::string save; /* where all that is answered is written, as an input */
	std::vector<std::string> replays;
};

/* ---- what the hostile server says now ---- */

static std::atomic<std::uint64_t> present_seed{1};
static std::string present_file;

static std::function<Answer(const Message &)>
present_answers(const Options &options)
{
	if (!present_file.empty())
		return replay(read_answers(present_file));
	auto conversation = std::make_shared<Conversation>(present_seed, options.manner);
	std::function<Answer(const Message &)> answers = [conversation](const Message &message)
	{ return conversation->answer(message); };

	return options.save.empty() ? answers : recorded(answers, options.save);
}

/* ---- the backend ---- */

class Backend
{
public:
	~Backend() { PQfinish(connection_); }

	/* Connects, waiting for a cluster that is on its way up again. */
	void connect()
	{
		PQfinish(connection_);
		for (int i = 0; i < 600; i++)
		{
			connection_ = PQconnectdb("dbname=fuzz");
			if (PQstatus(connection_) == CONNECTION_OK)
				break;
			PQfinish(connection_);
			connection_ = nullptr;
			usleep(100000);
		}
		if (connection_ == nullptr)
			fprintf(stderr, "the cluster is gone\n"), exit(2);
		PQsetErrorVerbosity(connection_, PQERRORS_VERBOSE);
		PQsetNoticeProcessor(
			connection_, [](void *, const char *) {}, nullptr);
		run("SET statement_timeout = 4000; SET client_min_messages = error");
		pid_ = PQbackendPID(connection_);
	}
	/* False if the statement hung or the backend went. */
	bool run(const std::string &sql)
	{
		error_.clear();
		rows_ = 0;
		first_.clear();
		PQsendQuery(connection_, sql.c_str());
		for (;;)
		{
			if (!wait_for_result())
				return false;
			PGresult *result = PQgetResult(connection_);
			if (result == nullptr)
				break;
			keep(result);
			PQclear(result);
		}
		return PQstatus(connection_) == CONNECTION_OK;
	}
	long number(const std::string &sql)
	{
		run(sql);
		return atol(first_.c_str());
	}
	int pid() const { return pid_; }
	const std::string &error() const { return error_; }
	int rows() const { return rows_; }
	const std::string &first() const { return first_; }
	Hang hang = Hang::none;
	/* Connections to the servers that the present statement reads. Those that it only keeps say
	 * nothing about a hang. */
	std::function<int()> connections = [] { return 0; };

private:
	void keep(const PGresult *result)
	{
		if (PQresultStatus(result) == PGRES_FATAL_ERROR)
			error_ = PQresultErrorMessage(result);
		if (PQresultStatus(result) != PGRES_TUPLES_OK)
			return;
		rows_ = PQntuples(result);
		first_ = rows_ > 0 && PQnfields(result) > 0 ? PQgetvalue(result, 0, 0) : "";
	}
	/* Until something can be read; a backend that hangs is aborted, so that it says where. */
	bool wait_for_result()
	{
		Waiting waited;
		Spinning spinning;

		hang = Hang::none;
		spinning.begin(pid_);
		while (PQisBusy(connection_) != 0)
		{
			pollfd waiting{PQsocket(connection_), POLLIN, 0};

			PQflush(connection_);
			poll(&waiting, 1, 200);
			if (PQconsumeInput(connection_) == 0)
				return false;
			bool connected = connections() > 0;
			waited.look();
			if (waited.seconds() > (connected ? hang_seconds : loop_seconds) && hang == Hang::none)
			{
				/* of two servers that a statement reads, one may be there while FreeTDS loops over
				 * what the other has sent before it went */
				hang = connected && !spinning.is_on(pid_) ? Hang::on_a_connection
														  : Hang::in_the_library;
				kill(pid_, SIGABRT);
			}
		}
		return true;
	}

	PGconn *connection_ = nullptr;
	int pid_ = 0;
	int rows_ = 0;
	std::string error_;
	std::string first_;
};

static int
sockets_of(int pid)
{
	std::string path = "/proc/" + std::to_string(pid) + "/fd";
	DIR *directory = opendir(path.c_str());
	int count = 0;

	if (directory == nullptr)
		return -1;
	while (const dirent *entry = readdir(directory))
	{
		char target[100] = "";
		if (readlink((path + "/" + entry->d_name).c_str(), target, sizeof target - 1) > 0 &&
			strncmp(target, "socket:", 7) == 0)
			count++;
	}
	closedir(directory);
	return count;
}

/* ---- what is asked ---- */

struct ColumnPair
{
	const char *remote;
	const char *local;
};

/* As IMPORT FOREIGN SCHEMA declares them. */
static const ColumnPair pairs[] = {
	{"bit", "boolean"},
	{"bitn", "boolean"},
	{"tinyint", "smallint"},
	{"tinyintn", "smallint"},
	{"smallint", "smallint"},
	{"smallintn", "smallint"},
	{"int", "integer"},
	{"intn", "integer"},
	{"bigint", "bigint"},
	{"bigintn", "bigint"},
	{"real", "real"},
	{"realn", "real"},
	{"float", "double precision"},
	{"floatn", "double precision"},
	{"smallmoney", "numeric(10,4)"},
	{"money", "numeric(19,4)"},
	{"moneyn", "numeric"},
	{"decimal", "numeric"},
	{"numeric", "numeric(20,5)"},
	{"char", "character(20)"},
	{"varchar", "character varying(200)"},
	{"nchar", "character(20)"},
	{"nvarchar", "text"},
	{"varcharmax", "text"},
	{"nvarcharmax", "json"},
	{"text", "text"},
	{"ntext", "text"},
	{"xml", "xml"},
	{"binary", "bytea"},
	{"varbinary", "bytea"},
	{"varbinarymax", "bytea"},
	{"image", "bytea"},
	{"rowversion", "bytea"},
	{"uniqueidentifier", "uuid"},
	{"datetime", "timestamp"},
	{"datetimen", "timestamp(3)"},
	{"smalldatetime", "timestamp(0)"},
	{"smalldatetimen", "timestamp"},
	{"date", "date"},
	{"time", "time"},
	{"datetime2", "timestamp"},
	{"datetimeoffset", "timestamptz"},
	{"sql_variant", "text"},
	{"hierarchyid", "text"},
};

/* From here on only sambapos_query asks for it. */
static const ColumnPair *const without_a_cast = std::end(pairs) - 2;

/* Local types that take the other formats: a domain, a name, text of everything. */
static const char *
local_type(const ColumnPair &pair, Random *random)
{
	if (random->one_in(3))
		return "text";
	if (random->one_in(8))
		return random->one_of(
			{"name", "short_text", "varchar(3)", "jsonb", "numeric(5,2)", "bigint"});
	return pair.local;
}

static std::string
foreign_table(const std::string &name, const char *server, bool text,
			  const char *source = "table_name 't'")
{
	std::string sql = "CREATE FOREIGN TABLE " + name + " (";

	for (const ColumnPair &pair : pairs)
	{
		if (&pair >= without_a_cast)
			break;
		sql += std::string(&pair == pairs ? "" : ", ") + "c_" + pair.remote + " " +
			   (text ? "text" : pair.local) + " OPTIONS (column_name 'x_" + pair.remote + "')";
	}
	return sql + ") SERVER " + server + " OPTIONS (" + source + ")";
}

static std::string
server(const char *name, int port, const std::string &options)
{
	return std::string("CREATE SERVER ") + name +
		   " FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host '127.0.0.1', port '" +
		   std::to_string(port) + "', encryption 'off', connect_timeout '2', query_timeout '2'" +
		   options + "); CREATE USER MAPPING FOR CURRENT_USER SERVER " + name +
		   " OPTIONS (username 'somebody', password 'not-to-be-shown');";
}

static void
set_up(Backend *backend, int hostile_port, int replacing_port, int good_port, bool newest)
{
	std::string version = newest ? "" : ", tds_version '7.3'"; /* as in client.hpp */
	PGconn *connection = PQconnectdb("dbname=postgres");
	PQclear(PQexec(connection, "DROP DATABASE IF EXISTS fuzz"));
	PQclear(PQexec(connection, "CREATE DATABASE fuzz"));
	PQfinish(connection);
	backend->connect();
	/* the timeout is for what hostile servers do, not for a machine that is slow to make all this
	 */
	std::string sql =
		"SET statement_timeout = 0; CREATE EXTENSION sambapos_fdw; CREATE SCHEMA imported;"
		"CREATE DOMAIN short_text AS text CHECK (length(VALUE) < 10);" +
		server("good", good_port, "") + server("hostile", hostile_port, version) +
		server("replacing", replacing_port, version + ", invalid_text 'replace'") +
		foreign_table("typed", "hostile", false) + ";" + foreign_table("texts", "hostile", true) +
		";" + foreign_table("queried", "hostile", false, "query 'SELECT * FROM t -- all'") + ";" +
		foreign_table("replaced", "replacing", true) +
		"; CREATE FOREIGN TABLE answer (n integer) SERVER good";
	bool made = backend->run(sql);
	if (!made || !backend->error().empty())
		fprintf(stderr, "%s\n", backend->error().c_str()), exit(2);
	backend->run("SET statement_timeout = 4000");
}

static std::string
some_columns(Random *random)
{
	std::string list;

	if (random->one_in(6))
		return "*";
	for (int i = random->between(1, 5); i > 0; i--)
		list += (list.empty() ? "c_" : ", c_") +
				std::string(pairs[random->below(std::size(pairs) - 2)].remote);
	return list;
}

static std::string
passed_through(Random *random)
{
	std::string remote, local;

	for (int i = random->between(1, 6); i > 0; i--)
	{
		const ColumnPair &pair = pairs[random->below(std::size(pairs))];
		remote += std::string(remote.empty() ? "[x_" : ", [x_") + pair.remote + "]";
		local += (local.empty() ? "c" : ", c") + std::to_string(i) + " " + local_type(pair, random);
	}
	return "SELECT * FROM sambapos_query('hostile', 'SELECT " + remote + " FROM t') AS (" + local +
		   ")";
}

static std::string
some_statement(Random *random)
{
	std::string table = random->one_of({"typed", "texts", "replaced", "queried"});
	std::string columns = some_columns(random);

	switch (random->below(12))
	{
		case 0:
		case 1:
		case 2: return "SELECT " + columns + " FROM " + table;
		case 3:
		case 4:
		case 5: return passed_through(random);
		case 6: return "IMPORT FOREIGN SCHEMA dbo FROM SERVER hostile INTO imported";
		case 7: return "ANALYZE " + table;
		case 8: /* two results on one connection: the first one's rows are put aside */
			return "SELECT a.c_int, b.* FROM typed a, texts b LIMIT 50";
		case 9: return "SELECT " + columns + " FROM " + table + " LIMIT 1";
		case 10:
			return "BEGIN; DECLARE c CURSOR FOR SELECT * FROM " + table +
				   "; FETCH 1 FROM c; SAVEPOINT s; SELECT count(*) FROM typed; ROLLBACK TO s; "
				   "FETCH ALL FROM c; COMMIT";
		default:
			return "SELECT c_int, count(*), max(c_datetime2), sum(c_decimal) FROM typed "
				   "WHERE c_int > 0 AND c_nvarchar <> 'x' GROUP BY c_int ORDER BY c_int LIMIT 5";
	}
}

/* Whether a statement reads the server "hostile" (or that and "replacing"). */
static bool
reads_hostile(const std::string &sql)
{
	for (const char *word : {"hostile", "typed", "texts", "queried"})
		if (sql.find(word) != std::string::npos)
			return true;
	return false;
}

/* ---- one run ---- */

class Campaign
{
public:
	Campaign(const Options &options, Backend *backend)
		: options_(options), backend_(backend), findings_(options.keep)
	{
		log_.open(options.log);
		log_.seekg(0, std::ios::end);
	}

	void run_one(std::uint64_t seed, const std::string &sql)
	{
		log_.clear();
		log_.seekg(0, std::ios::end);
		bool alive = backend_->run(sql);

		runs++;
		check_error(seed, sql);
		if (alive &&
			backend_->run("ROLLBACK; DROP SCHEMA imported CASCADE; CREATE SCHEMA imported"))
			alive = check_good_server(seed, sql);
		if (!alive)
		{
			take_crash(seed, sql);
			backend_->connect();
			start_of_backend();
		}
		else if (runs % runs_of_a_backend == 0)
			check_growth(seed);
	}
	/* Counts sockets and contexts from here on. */
	void start_of_backend()
	{
		backend_->run("SELECT * FROM answer");
		sockets_ = sockets_of(backend_->pid());
		contexts_ = 0;
	}
	const Findings &findings() const { return findings_; }
	long runs = 0;

private:
	void break_promise(std::uint64_t seed, const std::string &what)
	{
		findings_.take({"promise broken: " + what, what + "\n", true}, seed);
	}
	void check_error(std::uint64_t seed, const std::string &sql)
	{
		const std::string &error = backend_->error();

		if (error.find("not-to-be-shown") != std::string::npos)
			break_promise(seed, "an error tells the password: " + sql);
		if (error.find("XX000") != std::string::npos)
			break_promise(seed, "an internal error: " + error);
	}
	bool check_good_server(std::uint64_t seed, const std::string &sql)
	{
		if (!backend_->run("SELECT n FROM answer"))
			return false;
		if (backend_->rows() != 3 || backend_->first() != "42")
			break_promise(seed,
						  "a good server cannot be read after " + sql + ": " + backend_->error());
		return true;
	}
	/* The hostile servers' sessions may be open or not. */
	void check_growth(std::uint64_t seed)
	{
		static const char contexts[] =
			"SELECT sum(total_bytes) FROM pg_backend_memory_contexts "
			"WHERE name NOT IN ('CacheMemoryContext', 'index info', 'relation rules')";
		int sockets = sockets_of(backend_->pid());
		long size = backend_->number(contexts);

		if (sockets > sockets_ + 2)
			break_promise(seed, "sockets grow: " + std::to_string(sockets));
		if (contexts_ != 0 && size > contexts_ + allowed_context_growth)
			break_promise(seed, "memory contexts grow from " + std::to_string(contexts_) + " to " +
									std::to_string(size));
		if (contexts_ == 0)
			contexts_ = size;
	}
	void take_crash(std::uint64_t seed, const std::string &sql)
	{
		usleep(300000); /* the report is being written */
		std::string said((std::istreambuf_iterator<char>(log_)), {});
		log_.clear();
		Finding finding = judge(said, "the backend ended: " + backend_->error(), backend_->hang);
		finding.text = sql + "\n" + finding.text;
		findings_.take(finding, seed);
	}

	const Options &options_;
	Backend *backend_;
	Findings findings_;
	std::ifstream log_;
	int sockets_ = 0;
	long contexts_ = 0;
};

/* ---- main ---- */

static Options
read_options(int count, char **words)
{
	Options options;
	std::uint64_t runs = 1;

	for (int i = 1; i < count; i++)
	{
		std::string word = words[i];
		const char *value = i + 1 < count ? words[i + 1] : "";

		if (word == "--quick")
		{
			options.quick = true;
			options.manner.floods = options.manner.silence = options.manner.deadly = false;
			continue;
		}
		if (word == "--replay")
		{
			options.replays.assign(words + i + 1, words + count);
			runs = 0;
			break;
		}
		if (word == "--seed")
			options.seed = strtoull(value, nullptr, 10);
		else if (word == "--runs")
			runs = strtoull(value, nullptr, 10);
		else if (word == "--seconds")
			options.seconds = atof(value);
		else if (word == "--log")
			options.log = value;
		else if (word == "--keep")
			options.keep = value;
		else if (word == "--save")
			options.save = value;
		i++;
	}
	if (options.seconds == 0)
		options.end = options.seed + runs;
	return options;
}

/* An input may say which statement it is for: `sql ...`. */
static std::string
statement_of(const std::string &path)
{
	std::ifstream file(path);
	std::string line;

	while (std::getline(file, line))
		if (line.compare(0, 4, "sql ") == 0)
			return line.substr(4);
	return "SELECT * FROM typed";
}

int
main(int count, char **words)
{
	Options options = read_options(count, words);
	std::atomic<int> to_hostile{0}, to_replacing{0};
	std::string sql;
	Backend backend;
	double end = options.seconds > 0 ? now() + options.seconds : 0;

	signal(SIGPIPE, SIG_IGN);
	HostileServer hostile([&] { return present_answers(options); }, &to_hostile);
	HostileServer replacing([&] { return present_answers(options); }, &to_replacing);
	HostileServer good(
		[]
		{
			Manner manner;
			manner.hostile = false;
			auto conversation = std::make_shared<Conversation>(1, manner);
			return [conversation](const Message &message) { return conversation->answer(message); };
		});
	set_up(&backend, hostile.port(), replacing.port(), good.port(), !options.quick);
	backend.connections = [&]
	{
		return (sql.find("replaced") != std::string::npos ? to_replacing.load() : 0) +
			   (reads_hostile(sql) ? to_hostile.load() : 0);
	};

	Campaign campaign(options, &backend);
	campaign.start_of_backend();
	for (const std::string &path : options.replays)
	{
		int before = campaign.findings().ours() + campaign.findings().theirs();
		present_file = path;
		backend.run("SELECT sambapos_disconnect('hostile')");
		sql = statement_of(path);
		campaign.run_one(0, sql);
		report(before == campaign.findings().ours() + campaign.findings().theirs(), path);
	}
	for (std::uint64_t seed = options.seed; seed < options.end && (end == 0 || now() < end); seed++)
	{
		Random random(~seed * 7);

		sql = some_statement(&random);
		present_seed = seed;
		if (!options.save.empty())
			std::ofstream(options.save, std::ios::app) << "sql " << sql << "\n";
		campaign.run_one(seed, sql);
	}
	if (!options.replays.empty())
		_exit(end_of_tests());
	campaign.findings().summary();
	printf("# %ld statements from seed %llu; %d findings inside FreeTDS\n", campaign.runs,
		   static_cast<unsigned long long>(options.seed), campaign.findings().theirs());
	report(campaign.findings().ours() == 0 && campaign.runs > 0,
		   "hostile conversations: the backend survives, its waits end, nothing is left");
	/* threads of the server may still be waiting for sessions that are kept */
	fflush(stdout);
	_exit(end_of_tests());
}
