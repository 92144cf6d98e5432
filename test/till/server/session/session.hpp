/*
 * One logged-in client: its requests, its settings, its transaction.
 *
 * A T-SQL transaction is a PostgreSQL one that begins late: BEGIN goes out with the first statement
 * that touches data, since that is when SQL Server takes a snapshot. Inside it every statement has
 * a savepoint, because an error of a statement does not end a T-SQL transaction.
 *
 * session.cpp: login and requests; session_statement.cpp: the statement loop;
 * session_transaction.cpp: SET and transactions; session_query.cpp: SELECT, writes and the way to
 * PostgreSQL; session_define.cpp: DDL and databases; session_principal.cpp: logins, users, rights;
 * session_execute.cpp: EXEC; session_values.cpp: @@x, functions of the session, virtual tables;
 * session_error.cpp: PostgreSQL's errors as T-SQL's.
 */
#pragma once

#include "emit/backend.hpp"
#include "emit/emitter.hpp"
#include "session/control.hpp"
#include "tsql/error.hpp"
#include "session/login.hpp"
#include "tsql/parser.hpp"
#include "wire/tokens.hpp"

#include <chrono>

namespace till
{

enum class Isolation
{
	read_uncommitted,
	read_committed,
	repeatable_read,
	serializable,
	snapshot
};

struct Settings
{
	bool quoted_identifier = false;
	bool nocount = false;
	bool fmtonly = false; /* SELECT sends its columns and no row */
	bool xact_abort = false;
	int lock_timeout = -1;
	Isolation isolation = Isolation::read_committed;
	std::string identity_insert; /* the table it is ON for, as schema.name */
	std::string deadlock_priority = "NORMAL", language = "us_english", dateformat = "mdy";
	std::map<std::string, std::string> other; /* accepted and remembered */
};

struct RpcRequest
{
	std::string procedure;
	struct Parameter
	{
		std::string name;
		bool output = false;
		Variable value;
	};
	std::vector<Parameter> parameters;
};
RpcRequest parse_rpc(const std::string &data, bool has_headers, int codepage);

class Session
{
	Channel &channel;
	LoginRequest login;
	ConnectionInfo &info;
	TokenWriter out;
	Backend pg;
	Catalog catalog;
	Environment env;
	Settings settings;
	DatabaseInfo database;
	std::string user; /* in the database */

	/* the transaction */
	int trancount = 0;
	bool begun = false; /* PostgreSQL's BEGIN has been sent */
	Isolation begun_as = Isolation::read_committed;
	bool changed_catalog = false; /* since the transaction began */
	unsigned long long transaction_id = 0;
	std::vector<std::string> savepoints;        /* of SAVE TRAN */
	std::vector<std::string> application_locks; /* that the transaction owns: database/name */
	bool lock_timeout_sent = false;

	/* the request */
	struct PendingDone
	{
		int token = 0, status = 0, command = 0;
		long long rows = -1;
	} pending;
	RequestInfo request; /* as till.requests will show it */
	std::chrono::steady_clock::time_point request_began;
	int nesting = 0; /* EXEC depth: inner statements end in DONEINPROC */
	int try_depth = 0;
	long long row_count = 0;
	int last_error = 0;
	bool no_identity = true;
	std::string scope_identity;
	struct Caught
	{
		int number = 0, severity = 0, state = 0, line = 0;
		std::string message;
	} caught;

	enum class Flow
	{
		next,
		leave_loop,
		next_loop,
		leave_batch
	};

	/* requests */
	void batch_request(const std::string &data);
	void rpc_request(const std::string &data);
	void transaction_request(const std::string &data);
	void run_text(const std::string &sql);
	void attention_acknowledged();
	void log_request(const std::string &kind, const std::string &sql);
	void log_answer();
	void reset();
	std::vector<StatementP> parse(const std::string &sql);

	/* tokens */
	void done(int status, int command, long long rows);
	void flush_done(bool more);
	void report(const SqlError &e, int line);

	/* statements */
	Flow run_list(const std::vector<StatementP> &list);
	Flow run_one(const Statement &s);
	Flow failed(const SqlError &e, int line);
	Flow run(const SelectStatement &s);
	Flow run(const InsertStatement &s);
	Flow run(const UpdateStatement &s);
	Flow run(const DeleteStatement &s);
	Flow run(const CreateTable &s);
	Flow run(const AlterTable &s);
	Flow run(const CreateIndex &s);
	Flow run(const CreateView &s);
	Flow run(const CreateSchema &s);
	Flow run(const CreateDatabase &s);
	Flow run(const AlterDatabase &s);
	void track_changes(const AlterDatabase &s, const std::string &name);
	Flow run(const Drop &s);
	Flow run(const Truncate &s);
	Flow run(const Use &s);
	Flow run(const SetOption &s);
	Flow run(const Declare &s);
	Flow run(const SetVariable &s);
	Flow run(const If &s);
	Flow run(const While &s);
	Flow run(const Block &s);
	Flow run(const TryCatch &s);
	Flow run(const Jump &s);
	Flow run(const Transaction &s);
	Flow run(const Wait &s);
	Flow run(const Raise &s);
	Flow run(const Print &s);
	Flow run(const Execute &s);
	Flow run(const Dbcc &s);
	Flow run(const Grant &s);
	Flow run(const CreatePrincipal &s);

	/* the way to PostgreSQL */
	void prepare_access(bool reads_data);
	void wait_for_writers(const std::vector<std::string> &tables);
	std::string guarded(const std::string &sql);
	Result execute(const std::string &sql, bool reads_data);
	void execute_alone(const std::string &sql); /* what no transaction block allows */
	void define(const std::vector<std::string> &statements);
	Compiled with_old_dates(const Compiled &c);
	long long stream(const Compiled &compiled, bool reads_data);
	void hold();
	void inject_failure(bool reads_data);
	SqlError translate(const PgError &e);
	void recover();
	void assign(const Compiled &c, const std::vector<std::string> &variables, bool reads_data);
	Variable evaluate(const Value &v, bool reads_data);
	Variable evaluate(const Expr &e, const Type *type = nullptr);
	bool holds(const Expr &condition);
	std::string text_of(const Expr &e);

	/* the transaction */
	void begin_transaction();
	void commit_transaction();
	void rollback_transaction();
	void abandon_transaction(); /* the server rolls back */

	/* procedures */
	void execute_sql(const std::string &sql, const std::string &declarations,
					 std::vector<RpcRequest::Parameter> args);
	void procedure(const std::string &name, std::vector<RpcRequest::Parameter> args);
	void rename(const std::vector<RpcRequest::Parameter> &args);
	void extended_property(const std::string &verb, const std::vector<RpcRequest::Parameter> &args);
	void control(const std::vector<RpcRequest::Parameter> &args);
	void lock_application(const std::vector<RpcRequest::Parameter> &args);
	void check_identity(const Dbcc &s);
	std::string convert_integer(const Expr &e);

	/* values */
	Value global(const std::string &name);
	Value session_function(const std::string &words);
	Value lock_mode(const std::string &words);
	Value server_property(const std::string &name);
	std::string sessions_table(bool requests);
	std::string virtual_table(const std::string &name);

	void use_database(const std::string &name, bool announce);
	bool is_admin() const;
	std::string ask_database(const std::string &name, const std::string &sql);
	bool password_is_right();
	std::string user_in(const std::string &name); /* empty: may not enter it */
	void become_user(const std::string &name);
	Flow drop_principals(const Drop &s);
	void set_language(const std::string &value);
	void set_one(const std::string &name, const std::string &value);

public:
	Session(Channel &channel, const LoginRequest &login, ConnectionInfo &info);
	/* Answers the login; false if it is refused. */
	bool greet();
	[[noreturn]] void loop();
	std::function<bool()> hanging(std::function<bool()> still);
};

/* One client from its first byte to its last. */
void serve(int socket, TlsContext &tls);

} // namespace till
