/*
 * Errors mapped: one table from SQL Server's message numbers to SQLSTATE and a hint, one for
 * DB-Library's own, and the Error made of a record.
 *
 * The server's own text is the message; DETAIL has its number, severity, state, line and procedure.
 */
#include "tds/messages.hpp"

#include <cstring>

namespace sambapos::tds
{

struct ErrorMapping
{
	int number;
	MappedError error;
};

/* What to do about a broken connection. */
static constexpr char retry_hint[] =
	"Run the query again: the next transaction opens a new connection. If it happens again, check "
	"the network and the server's log.";
static constexpr char garbage_hint[] =
	"The data received is not valid TDS. Run the query again; if it happens again, check the "
	"network between the two machines.";
static constexpr char login_hint[] =
	"Check username and password of the user mapping, and that the server allows SQL Server "
	"authentication (\"mixed mode\").";
static constexpr char database_hint[] =
	"Check the server option database, and that this login has a user in that database.";
static constexpr char right_hint[] =
	"If it is to be read, ask the shop's administrator to grant SELECT on it to this login.";
static constexpr char drift_hint[] =
	"The table at the till has changed, an option is misspelled, or the server option database is "
	"missing or names another database: compare with IMPORT FOREIGN SCHEMA.";
static constexpr char lock_hint[] =
	"A session at the till holds a lock on these rows. Try again, raise the server option "
	"lock_timeout, or allow snapshot isolation in the database.";
static constexpr char snapshot_hint[] =
	"Allow it with ALTER DATABASE ... SET ALLOW_SNAPSHOT_ISOLATION ON, or set the server option "
	"isolation to auto.";

static constexpr char starting_hint[] = "The database or the server is not ready; try again.";
static constexpr char admission_hint[] =
	"The server's firewall must let this machine's address in.";
static constexpr char memory_hint[] =
	"The server is short of memory. Try again when it has less to do, or read less at a time.";
static constexpr char space_hint[] = "The server's disk or tempdb is full.";
static constexpr char damage_hint[] =
	"The server's database may be damaged: its administrator should run DBCC CHECKDB.";
static constexpr char state_hint[] =
	"The server must grant this login VIEW SERVER STATE (or the right it names).";

/* Sorted by subject; looked up only when something failed. */
static constexpr ErrorMapping server_errors[] = {
	/* login and database */
	{18456, {"28000", login_hint}},
	{18452, {"28000", login_hint}},
	{18450, {"28000", login_hint}},
	{18451, {"57P03", "The server shuts down or lets only administrators in; try again."}},
	{18461, {"28000", "The server is in single-user mode."}},
	{18470, {"28000", "The login is disabled at the server."}},
	{18486, {"28000", "The login is locked out at the server."}},
	{18487, {"28P01", "The password has expired: change it at the server."}},
	{18488, {"28P01", "The password must be changed at the server."}},
	{4060, {"3D000", database_hint}},
	{4063, {"3D000", database_hint}},
	{4064, {"3D000", database_hint}},
	{911, {"3D000", database_hint}},
	{916, {"42501", database_hint}},
	{922, {"57P03", starting_hint}},
	{924, {"55006", "The database is in single-user mode, and another session uses it."}},
	{927, {"57P03", "The database is being restored; try again."}},
	{942, {"57P03", "The database is offline."}},
	{945,
	 {"57P03", "The database cannot be opened because files, memory or disk space are missing."}},
	{17142, {"57P03", "The server is paused."}},
	{17187, {"57P03", "The server is starting up; try again."}},
	{18401, {"57P03", "The server is being upgraded; try again."}},
	{40613, {"57P03", starting_hint}},
	{40501, {"53300", "The server is overloaded; try again later."}},
	{40532, {"28000", admission_hint}},
	{40615, {"28000", admission_hint}},
	{6005, {"57P01", "The server shuts down; try again later."}},
	{596, {"57P01", "An administrator has ended this session at the server. Try again."}},
	{17809, {"53300", "The server allows no more connections."}},
	{17300, {"53300", "The server allows no more connections."}},
	/* names and rights */
	{208, {"42P01", drift_hint}},
	{2812, {"42883", ""}},
	{4121, {"42883", ""}},
	{195, {"42883", ""}},
	{174, {"42883", ""}},
	{189, {"42883", ""}},
	{207, {"42703", drift_hint}},
	{209, {"42702", ""}},
	{229, {"42501", right_hint}},
	{230, {"42501", right_hint}},
	{262, {"42501", ""}},
	{297, {"42501", state_hint}},
	{300, {"42501", state_hint}},
	{371, {"42501", ""}},
	/* the statement */
	{102, {"42601", ""}},
	{105, {"42601", ""}},
	{156, {"42601", ""}},
	{170, {"42601", ""}},
	{137, {"42601", ""}},
	{319, {"42601", ""}},
	{206, {"42804", ""}},
	{8116, {"42804", ""}},
	{8117, {"42804", ""}},
	{257, {"42846", ""}},
	{529, {"42846", ""}},
	{402, {"42883", ""}},
	{468, {"42P21", ""}},
	{457, {"42P22", ""}},
	{8120, {"42803", ""}},
	{8121, {"42803", ""}},
	{8127, {"42803", ""}},
	{130, {"42803", ""}},
	{145, {"42P10", ""}},
	{8623, {"54001", ""}},
	{191, {"54001", ""}},
	{4104, {"42P01", ""}},
	/* concurrency */
	{1205, {"40P01", "In a deadlock the till's transaction wins, by design. Try again."}},
	{3960, {"40001", "Try again."}},
	{3961, {"40001", "The table was altered at the till while it was read. Try again."}},
	{3952, {"55000", snapshot_hint}},
	{3953, {"55000", snapshot_hint}},
	{3930, {"25P02", ""}},
	{3998, {"25P02", ""}},
	{1222, {"55P03", lock_hint}},
	{601, {"40001", "Rows moved while they were read without locks. Try again."}},
	{7105, {"40001", "A long value was changed while it was read without locks. Try again."}},
	/* values */
	{8134, {"22012", ""}},
	{8115, {"22003", ""}},
	{220, {"22003", ""}},
	{232, {"22003", ""}},
	{244, {"22003", ""}},
	{248, {"22003", ""}},
	{245, {"22P02", ""}},
	{8114, {"22P02", ""}},
	{235, {"22P02", ""}},
	{237, {"22003", ""}},
	{535, {"22003", ""}},
	{536, {"22011", ""}},
	{537, {"22011", ""}},
	{1014, {"2201W", ""}},
	{8169, {"22P02", ""}},
	{241, {"22007", ""}},
	{242, {"22008", ""}},
	{517, {"22008", ""}},
	{8152, {"22001", ""}},
	{2628, {"22001", ""}},
	{9420, {"2200N", ""}},
	{512, {"21000", ""}},
	{1060, {"2201W", ""}},
	/* constraints */
	{2627, {"23505", ""}},
	{2601, {"23505", ""}},
	{547, {"23503", ""}},
	{515, {"23502", ""}},
	/* resources */
	{701, {"53200", memory_hint}},
	{802, {"53200", memory_hint}},
	{1204, {"53200", memory_hint}},
	{8645, {"53200", memory_hint}},
	{8651, {"53200", memory_hint}},
	{8657, {"53200", memory_hint}},
	{1101, {"53100", space_hint}},
	{1105, {"53100", space_hint}},
	{9002, {"53100", space_hint}},
	{3958, {"53100", "tempdb of the server is full of row versions."}},
	{3966, {"40001", "tempdb of the server is full of row versions. Try again."}},
	{605, {"XX001", damage_hint}},
	{823, {"58030", damage_hint}},
	{824, {"58030", damage_hint}},
	/* the network, as the server saw it on the way to another one */
	{10053, {"08006", retry_hint}},
	{10054, {"08006", retry_hint}},
	{10060, {"08006", retry_hint}},
	{40197, {"08006", retry_hint}},
};

/* sybdb.h's numbers; spelled out so that this file needs no FreeTDS. */
/* FreeTDS 1.3 takes half of a surrogate pair at the end of such a value for a broken answer. */
static constexpr char unreadable_hint[] =
	"If it happens with the same rows again, a value of type nvarchar(max), ntext or xml may end "
	"with half of a surrogate pair: set the server option invalid_text to replace.";

static constexpr ErrorMapping library_errors[] = {
	{2402, {"22021", "The text of the statement is not valid UTF-8."}},
	{20002, {"08001", ""}},
	{20003, {"08006", retry_hint}},
	{20004, {"08006", retry_hint}},
	{20006, {"08006", retry_hint}},
	{20008, {"08001", ""}},
	{20009, {"08001", ""}},
	{20010, {"53200", ""}},
	{20013, {"08001", ""}},
	{20014, {"28000", login_hint}},
	{20017, {"08006", retry_hint}},
	{20020, {"08P01", garbage_hint}},
	{20047, {"08003", ""}},
};

template <size_t size>
static MappedError
look_up(const ErrorMapping (&table)[size], int number) noexcept
{
	for (const ErrorMapping &entry : table)
		if (entry.number == number)
			return entry.error;
	return {"HV000", ""};
}

MappedError
map_server_error(int number) noexcept
{
	return look_up(server_errors, number);
}

MappedError
map_library_error(int number) noexcept
{
	return look_up(library_errors, number);
}

bool
ends_transaction(int number) noexcept
{
	return number == 1205 || number == 3960 || number == 3961 || number == 3966;
}

/* PostgreSQL's form: lower-case start, no period at the end. Words in capitals, such as "SELECT",
 * and names stay as they are. */
static std::string
as_message(const char *text)
{
	std::string message(text);

	while (!message.empty() && (message.back() == '.' || message.back() == ' ' ||
								message.back() == '\n' || message.back() == '\r'))
		message.pop_back();
	if (message.size() > 1 && message[0] >= 'A' && message[0] <= 'Z' &&
		(message[1] < 'A' || message[1] > 'Z'))
		message[0] = static_cast<char>(message[0] - 'A' + 'a');
	return message;
}

static Error
server_error(const Record &record, const char *peer, bool connection_lost)
{
	MappedError mapped = map_server_error(record.server_number);
	std::string detail = "SQL Server error " + std::to_string(record.server_number) +
						 ", severity " + std::to_string(record.severity) + ", state " +
						 std::to_string(record.state);

	if (record.line > 0)
		detail += ", line " + std::to_string(record.line);
	if (record.procedure[0] != '\0')
		detail += std::string(", procedure ") + record.procedure;
	detail += std::string(", from ") + peer + ".";
	std::string message = as_message(record.server_text);
	if (message.empty())
		message = std::string("an error without a text from ") + peer;
	return Error(mapped.sqlstate, message, detail, mapped.hint, record.server_number,
				 connection_lost);
}

static Error
library_error(const Record &record, const char *peer, bool connection_lost)
{
	MappedError mapped = map_library_error(record.library_number);
	std::string detail =
		"DB-Library error " + std::to_string(record.library_number) + ": " + record.library_text;
	std::string message;

	if (record.os_error != 0)
		detail += std::string(" (") + std::strerror(record.os_error) + ")";
	detail += ".";
	if (connection_lost)
		message = std::string("connection to ") + peer + " was lost";
	else
		message = as_message(record.library_text);
	return Error(mapped.sqlstate, message, detail, mapped.hint, record.library_number,
				 connection_lost);
}

Error
to_error(const Record &record, const Wait &wait, const char *peer, bool connection_lost)
{
	const char *detail = record.given_up ? "The server did not acknowledge the cancellation." : "";

	if (record.interrupted)
		return Error("57014", std::string("canceled while waiting for ") + peer, detail, "", 0,
					 connection_lost);
	if (record.timed_out)
		return Error(wait.login ? "08001" : "HYT00",
					 std::string("no answer from ") + peer + " within " +
						 std::to_string(wait.timeout) + " s",
					 detail,
					 wait.login ? "See the server option connect_timeout."
								: "See the server option query_timeout.",
					 0, connection_lost);
	if (record.given_up)
		return Error("08006", std::string("connection to ") + peer + " was given up", detail, "", 0,
					 connection_lost);
	if (record.server_number != 0)
		return server_error(record, peer, connection_lost);
	if (record.library_number != 0)
		return library_error(record, peer, connection_lost);
	if (connection_lost) /* by the library itself, which does not say why */
		return Error("08P01", std::string("the answer of ") + peer + " cannot be read",
					 "DB-Library has closed the connection.", unreadable_hint, 0, true);
	return Error("HV000", std::string("request to ") + peer + " failed for an unknown reason");
}

} // namespace sambapos::tds
