/* @@x, functions about the session, and tables that live in the till's memory. */
#include "session/session.hpp"
#include "tsql/text.hpp"

namespace till
{

static Value
integer_value(long long n, Kind kind = Kind::integer)
{
	Type t = simple(kind);

	return Value{std::to_string(n) + "::" + pg_type(t), t, false, nullptr, true};
}

static Value
text_value(const std::string &text, int length = 128)
{
	return Value{quote_literal(text) + "::text", string_type(Kind::nvarchar, length), false,
				 nullptr, true};
}

Value
Session::global(const std::string &name)
{
	if (name == "@@TRANCOUNT")
		return integer_value(trancount);
	if (name == "@@SPID")
		return integer_value(info.spid, Kind::smallint);
	if (name == "@@ROWCOUNT")
		return integer_value(row_count);
	if (name == "@@ERROR")
		return integer_value(last_error);
	if (name == "@@NESTLEVEL")
		return integer_value(nesting);
	if (name == "@@LOCK_TIMEOUT")
		return integer_value(settings.lock_timeout);
	if (name == "@@TEXTSIZE")
		return integer_value(out.text_size);
	if (name == "@@DATEFIRST")
		return integer_value(env.date_first, Kind::tinyint);
	if (name == "@@MAX_PRECISION")
		return integer_value(38, Kind::tinyint);
	if (name == "@@OPTIONS")
		return integer_value(settings.nocount ? 512 : 0);
	if (name == "@@LANGUAGE")
		return text_value(settings.language);
	if (name == "@@SERVERNAME" || name == "@@SERVICENAME")
		return text_value(name == "@@SERVERNAME" ? "TILL" : "MSSQLSERVER");
	if (name == "@@VERSION")
		return text_value("Microsoft SQL Server 2016 (SP2) - 13.0.5026.0 (X64), played by the "
						  "stand-in till of sambapos_fdw",
						  300);
	if (name == "@@MICROSOFTVERSION")
		return integer_value(0x0D0013A2);
	if (name == "@@DBTS")
		return Value{"till.database_rowversion()", string_type(Kind::varbinary, 8), false, nullptr,
					 true};
	if (name == "@@IDENTITY")
		return Value{(no_identity ? "NULL" : scope_identity) + "::numeric(38,0)",
					 decimal_type(38, 0), true, nullptr, true};
	throw SqlError(137, 15, 2, "Must declare the scalar variable \"" + name + "\".");
}

/* words: the function's name, and its arguments as PostgreSQL text expressions, one a line. */
/* APPLOCK_MODE(principal, name, owner): each argument a text expression on its own line. */
Value
Session::lock_mode(const std::string &words)
{
	size_t name = words.find('\n', words.find('\n') + 1), owner = words.find('\n', name + 1);

	if (name == std::string::npos || owner == std::string::npos)
		throw SqlError(174, 15, 1, "The applock_mode function requires 3 argument(s).");
	std::string held = "NULL";

	for (const std::string &lock : application_locks)
		held += ", " + quote_literal(lock);
	return Value{"(CASE WHEN " + quote_literal(database.name + "/") + " || (" +
					 words.substr(name + 1, owner - name - 1) + ") IN (" + held + ") AND lower(" +
					 words.substr(owner + 1) +
					 ") = 'transaction' THEN 'Shared' ELSE 'NoLock' END)::text",
				 string_type(Kind::nvarchar, 32), false, nullptr, true};
}

/* As catalog.sql has it, unless EXEC till_control said otherwise. */
Value
Session::server_property(const std::string &name)
{
	std::string sql;

	for (const auto &[property, value] : shared().properties())
		sql += " WHEN lower(" + name + ") = " + quote_literal(property) + " THEN " +
			   quote_literal(value);
	sql = sql.empty() ? "till.serverproperty(" + name + ")"
					  : "CASE" + sql + " ELSE till.serverproperty(" + name + ") END";
	return Value{"till.make_variant('nvarchar(128)', " + sql + ")", simple(Kind::variant), true,
				 nullptr, true};
}

Value
Session::session_function(const std::string &words)
{
	size_t end = words.find('\n');
	std::string f = words.substr(0, end);

	if (f == "SCOPE_IDENTITY")
		return global("@@IDENTITY");
	if (f == "SUSER_SNAME" || f == "SUSER_NAME" || f == "SYSTEM_USER" || f == "ORIGINAL_LOGIN")
		return text_value(login.user);
	if (f == "USER_NAME" || f == "CURRENT_USER" || f == "SESSION_USER" || f == "USER")
		return text_value(user);
	if (f == "HOST_NAME")
		return text_value(login.host);
	if (f == "APP_NAME")
		return text_value(login.application);
	if (f == "SUSER_ID" && end != std::string::npos)
		return Value{"till.suser_id(" + words.substr(end + 1) + ", " +
						 quote_literal(shared().options.user) + ")",
					 simple(Kind::integer)};
	if (f == "SERVERPROPERTY" && end != std::string::npos)
		return server_property(words.substr(end + 1));
	if (f == "APPLOCK_MODE")
		return lock_mode(words);
	if (f == "XACT_STATE")
		return integer_value(trancount > 0 ? 1 : 0, Kind::smallint);
	if (f == "ERROR_NUMBER")
		return caught.number ? integer_value(caught.number)
							 : Value{"NULL::int4", simple(Kind::integer)};
	if (f == "ERROR_SEVERITY")
		return integer_value(caught.severity);
	if (f == "ERROR_STATE")
		return integer_value(caught.state);
	if (f == "ERROR_LINE")
		return integer_value(caught.line);
	if (f == "ERROR_MESSAGE")
		return text_value(caught.message, 4000);
	if (f == "ROWCOUNT_BIG")
		return integer_value(row_count, Kind::bigint);
	return {};
}

static std::string
requests_table()
{
	std::string rows;

	for (const RequestInfo &r : shared().list_requests())
		rows += (rows.empty() ? "(" : ", (") + std::to_string(r.number) + "::int8, " +
				std::to_string(r.spid) + ", " + quote_literal(r.application) + "::text, " +
				quote_literal(r.kind) + "::text, " + quote_literal(r.sql) + "::text, " +
				quote_literal(r.started) + "::timestamp, " + std::to_string(r.milliseconds) +
				"::int8, " + std::to_string(r.rows) + "::int8, " + std::to_string(r.bytes) +
				"::int8, " + std::to_string(r.error) + ", " + (r.finished ? "1" : "0") + "::int2)";
	return "SELECT * FROM (VALUES " + rows +
		   ") v (number, spid, application_name, kind, sql, started, milliseconds, rows_sent, "
		   "bytes_sent, error, finished)";
}

/* The data file, and a log. */
static std::string
files_table()
{
	long long mb = shared().data_file_mb();
	std::string pages = mb < 0 ? "(pg_database_size(current_database()) / 8192)::int4"
							   : std::to_string(mb * 128) + "::int4";

	return "SELECT 1 AS file_id, 0::int2 AS type, 'ROWS'::text AS type_desc, "
		   "current_database()::text AS name, " +
		   pages +
		   " AS size UNION ALL SELECT 2, 1::int2, 'LOG'::text, current_database() || '_log', 1024";
}

/* Who is there, as SQL Server tells it: to a login without VIEW SERVER STATE, itself. */
std::string
Session::sessions_table(bool requests)
{
	std::string rows;

	for (const ConnectionInfo &c : shared().list_connections())
		if (is_admin() || c.spid == info.spid)
			rows += (rows.empty() ? "(" : ", (") + std::to_string(c.spid) + ", " +
					std::to_string(c.backend) + ", " + quote_literal(c.application) + ", " +
					quote_literal(c.login) + ", " + quote_literal(c.host) + ", " +
					quote_literal(c.login_time) + "::timestamp, " + quote_literal(c.status) + ", " +
					quote_literal(c.database) + ")";
	std::string source = "(VALUES " + rows +
						 ") v (spid, pid, application, login, host, login_time, status, database)";

	if (!requests)
		return "SELECT spid::int2 AS session_id, login_time, host::text AS host_name, "
			   "application::text AS program_name, login::text AS login_name, "
			   "status::text AS status, till.db_id_smallint(database) AS database_id, 1::int2 AS "
			   "is_user_process FROM " +
			   source;
	return "WITH v AS (SELECT * FROM " + source +
		   ") SELECT v.spid::int2 AS session_id, v.status::text AS status, "
		   "till.db_id_smallint(v.database) AS database_id, coalesce(b.spid, 0)::int2 AS "
		   "blocking_session_id, CASE WHEN b.spid IS NOT NULL THEN 'LCK_M_X'::text END AS "
		   "wait_type, CASE WHEN b.spid IS NULL THEN 0 ELSE extract(epoch FROM clock_timestamp() "
		   "- a.state_change) * 1000 END::int4 AS wait_time FROM v JOIN pg_stat_activity a "
		   "USING (pid) LEFT JOIN v b ON b.pid = (pg_blocking_pids(v.pid))[1] "
		   "WHERE v.status <> 'sleeping'";
}

/* The rows of a table that has none in PostgreSQL, as a SELECT with the view's columns. */
std::string
Session::virtual_table(const std::string &name)
{
	std::string rows;

	if (name == "till.requests")
		return requests_table();
	if (name == "sys.database_files")
		return files_table();
	if (name == "sys.dm_exec_sessions" || name == "sys.dm_exec_requests")
		return sessions_table(name == "sys.dm_exec_requests");
	if (name != "till.connections")
		return "";
	for (const ConnectionInfo &c : shared().list_connections())
		rows += (rows.empty() ? "(" : ", (") + std::to_string(c.spid) + ", " +
				quote_literal(c.application) + ", " + quote_literal(c.login) + ", " +
				quote_literal(c.login_time) + "::timestamp, " + quote_literal(c.status) + ", " +
				quote_literal(c.database) + ", " + std::to_string(shared().connections_ever()) +
				"::int8, " + std::to_string(c.bytes_sent) + "::int8, " +
				std::to_string(c.attentions) + "::int8)";
	return "SELECT spid::int4, application::text AS application_name, login::text AS "
		   "login_name, login_time, status::text AS state, database::text AS "
		   "database_name, ever AS connections_ever, sent AS bytes_sent, attentions FROM "
		   "(VALUES " +
		   rows +
		   ") v (spid, application, login, login_time, status, database, ever, sent, attentions)";
}

} // namespace till
