/*
 * Login and batches over DB-Library. TLS and the character set cannot be asked for per login in
 * DB-Library, so a private freetds.conf, gone again after the login, carries them. The handlers
 * only record; the first error of a batch is thrown when the batch is over.
 */
#include "client/connection.hpp"
#include "client/value_text.hpp"

#include <sybfront.h>
#include <sybdb.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <unistd.h>

namespace tillctl
{

namespace
{

/* What the handlers heard since the last reset; the first error counts. */
struct Heard
{
	int number = 0;
	std::string text;
} heard;

/* Keeps the first error of a batch; what follows it is mostly its echo. */
void
hear(int number, const std::string &text)
{
	if (heard.number == 0)
	{
		heard.number = number;
		heard.text = text;
	}
}

/* DB-Library's own errors. Nothing may be thrown through it: record and go on. */
int
on_error(DBPROCESS *, int, int number, int os_error, char *text, char *os_text)
{
	if (number == SYBESMSG) /* "check messages from the server": the message itself was heard */
		return INT_CANCEL;
	std::string full = text != nullptr ? text : "unknown error";
	if (os_error > 0 && os_text != nullptr)
		full += std::string(": ") + os_text;
	hear(number, full);
	return INT_CANCEL;
}

/* The server's messages. Severity 10 and less is information (database changed, row counts). */
int
on_message(DBPROCESS *, DBINT number, int state, int severity, char *text, char *, char *, int line)
{
	if (severity > 10)
		hear(number, std::string(text) + " (severity " + std::to_string(severity) + ", state " +
						 std::to_string(state) + ", line " + std::to_string(line) + ")");
	return 0;
}

/* Throws what was heard; `otherwise` where DB-Library failed without saying why. */
void
raise_heard(const char *otherwise)
{
	Heard last = heard;

	heard = Heard();
	if (last.number != 0)
		throw ServerError(last.number, last.text);
	throw ServerError(-1, otherwise);
}

/* A file that is there as long as the object is. */
class ConfigurationFile
{
public:
	explicit ConfigurationFile(const Login &login)
	{
		int descriptor = mkstemp(path_);
		std::ostringstream text;

		text << "[till]\n\thost = " << login.host << "\n\tport = " << login.port
			 << "\n\ttds version = 7.4\n\tclient charset = UTF-8\n\ttext size = 2147483647\n"
			 << "\tencryption = " << login.encryption << "\n";
		std::string content = text.str();
		if (descriptor < 0 || write(descriptor, content.data(), content.size()) !=
								  static_cast<ssize_t>(content.size()))
			throw std::runtime_error("could not write the FreeTDS configuration");
		close(descriptor);
	}
	~ConfigurationFile() { unlink(path_); }
	char *path() { return path_; }

private:
	char path_[32] = "/tmp/tillctl.XXXXXX";
};

/* The options DB-Library does not set and SQL Server's own tools do. */
const char *const prologue =
	"SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; "
	"SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON; SET NUMERIC_ROUNDABORT OFF; "
	"SET TEXTSIZE 2147483647; SET DATEFORMAT ymd";

} // namespace

Login
parse_login(const std::string &text)
{
	Login login;
	std::map<std::string, std::string *> names = {{"host", &login.host},
												  {"database", &login.database},
												  {"username", &login.username},
												  {"password", &login.password},
												  {"encryption", &login.encryption}};
	std::istringstream words(text);
	std::string word;

	while (words >> word)
	{
		size_t equals = word.find('=');
		std::string name = word.substr(0, equals);
		if (equals == std::string::npos || (name != "port" && names.count(name) == 0))
			throw std::runtime_error("connection string: do not know \"" + name + "\"");
		if (name == "port")
			login.port = std::stoi(word.substr(equals + 1));
		else
			*names[name] = word.substr(equals + 1);
	}
	return login;
}

Connection::Connection(const Login &login)
{
	if (dbinit() == FAIL)
		throw std::runtime_error("could not initialise DB-Library");
	dberrhandle(on_error);
	dbmsghandle(on_message);
	dbsetlogintime(15);

	ConfigurationFile configuration(login);
	dbsetifile(configuration.path());
	LOGINREC *record = dblogin();
	DBSETLUSER(record, login.username.c_str());
	DBSETLPWD(record, login.password.c_str());
	DBSETLAPP(record, "tillctl");
	if (!login.database.empty())
		DBSETLDBNAME(record, login.database.c_str());
	dbsetlversion(record, DBVERSION_74);
	heard = Heard();
	process_ = dbopen(record, "till");
	dbloginfree(record);
	if (process_ == nullptr)
		raise_heard("could not connect");
	heard = Heard();
	execute(prologue);
}

Connection::~Connection()
{
	dbclose(process_);
}

void
Connection::stream(const std::string &sql,
				   const std::function<void(const std::vector<std::string> &)> &on_columns,
				   const std::function<void(const Row &)> &on_row)
{
	RETCODE code;

	heard = Heard();
	dbfreebuf(process_);
	if (dbcmd(process_, sql.c_str()) == FAIL || dbsqlexec(process_) == FAIL)
	{
		dbcancel(process_);
		raise_heard("the batch failed");
	}
	while ((code = dbresults(process_)) != NO_MORE_RESULTS)
	{
		int width = code == FAIL ? 0 : dbnumcols(process_);
		if (code == FAIL && dbdead(process_))
			break;
		if (width == 0)
			continue;
		std::vector<std::string> columns;
		for (int i = 1; i <= width; i++)
			columns.push_back(dbcolname(process_, i));
		on_columns(columns);
		Row row(width);
		while ((code = dbnextrow(process_)) == REG_ROW)
		{
			for (int i = 1; i <= width; i++)
				row[i - 1] = value_text(process_, i);
			on_row(row);
		}
		if (code == FAIL)
			break;
	}
	if (heard.number != 0 || code == FAIL)
	{
		dbcancel(process_);
		raise_heard("the batch failed");
	}
}

std::vector<std::string>
Connection::column_types()
{
	std::vector<std::string> types;

	for (int i = 1; i <= dbnumcols(process_); i++)
		types.push_back(type_text(process_, i));
	return types;
}

void
Connection::execute(const std::string &sql)
{
	stream(
		sql, [](const std::vector<std::string> &) {}, [](const Row &) {});
}

Result
Connection::query(const std::string &sql)
{
	Result result;

	stream(
		sql,
		[&](const std::vector<std::string> &columns)
		{
			result.columns = columns;
			result.rows.clear();
		},
		[&](const Row &row) { result.rows.push_back(row); });
	return result;
}

std::string
Connection::scalar(const std::string &sql)
{
	Result result = query(sql);

	if (result.rows.empty() || !result.rows[0][0])
		throw std::runtime_error("no value: " + sql);
	return *result.rows[0][0];
}

} // namespace tillctl
