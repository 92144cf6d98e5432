/*
 * The bare DB-Library loop that `make bench` compares with: logs in, runs one query and touches
 * every byte of every value. Plain DB-Library as any client would write it, independent of src/tds.
 *
 *     dblib_loop CONNECTION QUERY [N]
 *
 * CONNECTION is like 'host=127.0.0.1 port=1433 database=SambaPOS username=u password=p'. Runs the
 * query N times (once) in one connection and prints a line for each: rows, values, bytes, a
 * checksum of the bytes, wall time and CPU time of this process, and how often it had to wait for
 * the server. TLS is as FreeTDS's own default has it, unless the string says encryption=off.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sstream>
#include <string>

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <sybfront.h>
#include <sybdb.h>

static int
on_error(DBPROCESS *, int, int number, int, char *text, char *)
{
	fprintf(stderr, "dblib_loop: %d %s\n", number, text);
	return INT_CANCEL;
}

static int
on_message(DBPROCESS *, DBINT number, int, int severity, char *text, char *, char *, int)
{
	if (severity > 10)
		fprintf(stderr, "dblib_loop: %d %s\n", static_cast<int>(number), text);
	return 0;
}

static std::map<std::string, std::string>
parse(const char *connection)
{
	std::map<std::string, std::string> result;
	std::istringstream words(connection);
	std::string word;

	while (words >> word)
		result[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
	return result;
}

/* FreeTDS 1.3 takes port and encryption from a file only. */
static DBPROCESS *
connect(std::map<std::string, std::string> &option)
{
	char path[] = "/tmp/dblib_loop.XXXXXX";
	int descriptor = mkstemp(path);
	const std::string encryption = option.count("encryption") ? option["encryption"] : "request";

	dprintf(descriptor,
			"[till]\nhost = %s\nport = %s\ntds version = 7.4\nencryption = %s\n"
			"initial block size = %d\nclient charset = UTF-8\n",
			option["host"].c_str(), option["port"].c_str(), encryption.c_str(),
			encryption == "off" ? 32767 : 16383);
	close(descriptor);

	LOGINREC *login = dblogin();
	DBSETLUSER(login, option["username"].c_str());
	DBSETLPWD(login, option["password"].c_str());
	DBSETLAPP(login, "dblib_loop");
	DBSETLCHARSET(login, "UTF-8");
	DBSETLDBNAME(login, option["database"].c_str());
	dbsetifile(path);
	DBPROCESS *process = dbopen(login, "till");
	unlink(path);
	dbloginfree(login);
	return process;
}

static bool
execute(DBPROCESS *process, const char *sql)
{
	return dbcmd(process, sql) == SUCCEED && dbsqlexec(process) == SUCCEED;
}

static double
seconds(const timeval &time)
{
	return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

static rusage
used()
{
	rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage;
}

static double
cpu_seconds(const rusage &usage)
{
	return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

static double
wall_seconds()
{
	timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

struct Totals
{
	std::uint64_t rows, values, bytes, checksum;
};

/* Every byte is in it, so that no compiler can leave the work out. */
static std::uint64_t
sum_of_bytes(const BYTE *data, DBINT length)
{
	std::uint64_t sum = 0;

	for (DBINT i = 0; i < length; i++)
		sum += data[i];
	return sum;
}

static bool
read_all(DBPROCESS *process, Totals *totals)
{
	int columns = dbnumcols(process);
	STATUS status;

	while ((status = dbnextrow(process)) == REG_ROW)
	{
		totals->rows++;
		for (int column = 1; column <= columns; column++)
		{
			const BYTE *data = dbdata(process, column);
			DBINT length = dbdatlen(process, column);

			if (data == nullptr)
				continue;
			totals->values++;
			totals->bytes += static_cast<std::uint64_t>(length);
			totals->checksum += sum_of_bytes(data, length);
		}
	}
	return status == NO_MORE_ROWS;
}

static bool
run(DBPROCESS *process, const char *sql)
{
	double wall = wall_seconds();
	rusage before = used();
	Totals totals{};
	RETCODE code;

	if (!execute(process, sql))
		return false;
	while ((code = dbresults(process)) == SUCCEED)
		if (!read_all(process, &totals))
			return false;
	rusage after = used();
	printf("rows %llu values %llu bytes %llu checksum %llu wall %.6f cpu %.6f waits %ld\n",
		   static_cast<unsigned long long>(totals.rows),
		   static_cast<unsigned long long>(totals.values),
		   static_cast<unsigned long long>(totals.bytes),
		   static_cast<unsigned long long>(totals.checksum), wall_seconds() - wall,
		   cpu_seconds(after) - cpu_seconds(before), after.ru_nvcsw - before.ru_nvcsw);
	return code == NO_MORE_RESULTS;
}

int
main(int argc, char **argv)
{
	if (argc != 3 && argc != 4)
	{
		fprintf(stderr, "usage: dblib_loop CONNECTION QUERY [N]\n");
		return 2;
	}
	dbinit();
	dberrhandle(on_error);
	dbmsghandle(on_message);

	std::map<std::string, std::string> option = parse(argv[1]);
	DBPROCESS *process = connect(option);
	if (process == nullptr || !execute(process, "SET TEXTSIZE 2147483647"))
		return 1;
	while (dbresults(process) == SUCCEED)
		continue;
	for (int left = argc == 4 ? atoi(argv[3]) : 1; left > 0; left--)
		if (!run(process, argv[2]))
			return 1;
	dbclose(process);
	dbexit();
	return 0;
}
