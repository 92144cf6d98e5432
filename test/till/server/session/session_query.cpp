/* The session's way to PostgreSQL: rows out, writes in. */
#include "tsql/error.hpp"
#include "wire/rows.hpp"
#include "session/session.hpp"
#include "tsql/text.hpp"

namespace till
{

static const char *
begin_statement(Isolation level)
{
	switch (level)
	{
		case Isolation::snapshot:
		case Isolation::repeatable_read: return "BEGIN ISOLATION LEVEL REPEATABLE READ";
		case Isolation::serializable: return "BEGIN ISOLATION LEVEL SERIALIZABLE";
		default: return "BEGIN ISOLATION LEVEL READ COMMITTED";
	}
}

/* Before a statement: the late BEGIN, the lock timeout, the rules of SNAPSHOT. */
void
Session::prepare_access(bool reads_data)
{
	if (!lock_timeout_sent)
	{
		int ms = settings.lock_timeout < 0 ? 0 : std::max(1, settings.lock_timeout);

		pg.run("SET lock_timeout = " + std::to_string(ms));
		lock_timeout_sent = true;
	}
	if (!reads_data)
		return;
	if (settings.isolation == Isolation::snapshot)
	{
		shared().find_database(database.name, &database);
		if (!database.snapshot)
			throw SqlError(3952, 16, 1,
						   "Snapshot isolation transaction failed accessing database '" +
							   database.name +
							   "' because snapshot isolation is not allowed in this database. Use "
							   "ALTER DATABASE to allow snapshot isolation.");
	}
	if (trancount > 0 && !begun)
	{
		pg.run_quietly(begin_statement(settings.isolation));
		begun = true;
		begun_as = settings.isolation;
	}
}

/*
 * Under locking READ COMMITTED a reader waits for whoever has changed a row and not committed.
 * PostgreSQL's readers do not, so --read-locks takes each table's share lock and gives it back:
 * coarser than SQL Server's row locks, but a reader waits, and its lock timeout and deadlocks are
 * real.
 */
void
Session::wait_for_writers(const std::vector<std::string> &tables)
{
	bool locking = settings.isolation == Isolation::read_committed && !database.row_versions;
	std::string sql;

	if (!shared().options.read_locks || !locking || tables.empty())
		return;
	for (const std::string &t : tables)
		sql += (sql.empty() ? "LOCK TABLE " : ", ") + t;
	sql += " IN SHARE MODE";
	prepare_access(true);
	try
	{
		pg.run(begun ? "SAVEPOINT s; " + sql + "; ROLLBACK TO SAVEPOINT s; RELEASE SAVEPOINT s"
					 : "BEGIN; " + sql + "; COMMIT");
	}
	catch (const PgError &e)
	{
		if (!begun)
			pg.run("ROLLBACK");
		recover();
		throw translate(e);
	}
}

/* An error of one statement does not end a T-SQL transaction: PostgreSQL needs a savepoint for
 * that, set before an attention can come between. */
std::string
Session::guarded(const std::string &sql)
{
	if (!begun)
		return sql;
	pg.run_quietly("SAVEPOINT s");
	return sql + "; RELEASE SAVEPOINT s";
}

/* After an error or a cancel: back to before the statement, if there is a transaction to save. */
void
Session::recover()
{
	if (!begun || !pg.failed_transaction())
	{
		begun = begun && pg.in_transaction();
		return;
	}
	Catalog::invalidate();
	try
	{
		pg.run_quietly("ROLLBACK TO SAVEPOINT s; RELEASE SAVEPOINT s");
	}
	catch (const PgError &)
	{
		abandon_transaction(); /* what failed was no statement of the client's */
	}
}

Result
Session::execute(const std::string &sql, bool reads_data)
{
	prepare_access(reads_data);
	try
	{
		return pg.query(guarded(sql));
	}
	catch (const PgError &e)
	{
		recover();
		throw translate(e);
	}
}

void
Session::execute_alone(const std::string &sql)
{
	if (trancount > 0)
		throw SqlError(226, 16, 6,
					   "This statement is not allowed within a multi-statement transaction.");
	execute(sql, false);
}

/* The SELECT that a test is waiting for, until it says go on; an attention ends it. */
void
Session::hold()
{
	if (!shared().take_hold(info.application))
		return;
	shared().describe(&info, "hanging");
	while (shared().holds())
		channel.sleep(10);
	shared().describe(&info, "running");
}

void
Session::inject_failure(bool reads_data)
{
	if (!reads_data)
		return;
	int number = shared().take_failure(info.application);

	if (number == 0)
		return;
	if (number == 1205)
		throw SqlError(1205, 13, 45,
					   "Transaction (Process ID " + std::to_string(info.spid) +
						   ") was deadlocked on lock resources with another process and has been "
						   "chosen as the deadlock victim. Rerun the transaction.");
	if (number == 1222)
		throw SqlError(1222, 16, 45, "Lock request time out period exceeded.");
	if (number == 3960)
		throw SqlError(3960, 16, 2,
					   "Snapshot isolation transaction aborted due to update conflict. You cannot "
					   "use snapshot isolation to access table 'dbo.Tickets' directly or "
					   "indirectly in database '" +
						   database.name +
						   "' to update, delete, or insert the row that has been modified or "
						   "deleted by another transaction. "
						   "Retry the transaction or change the isolation level for the "
						   "update/delete statement.");
	throw SqlError(number, 16, 1, "the till was told to fail with error " + std::to_string(number));
}

/* Clients before TDS 7.3 get the types they do not know as text. */
Compiled
Session::with_old_dates(const Compiled &c)
{
	Emitter emitter(env);
	Compiled out;
	std::string names, list;

	for (size_t i = 0; i < c.columns.size(); i++)
	{
		OutputColumn column = c.columns[i];
		std::string name = "c" + std::to_string(i + 1), sql = name;
		Kind kind = column.type.kind;

		if (kind == Kind::date || kind == Kind::time || kind == Kind::datetime2 ||
			kind == Kind::datetimeoffset)
		{
			Type text = string_type(Kind::nvarchar, 34);

			sql = emitter.convert(Value{name, column.type, true, nullptr, true}, text, 121);
			column.type = text;
		}
		names += (i ? ", " : "") + name;
		list += (i ? ", " : "") + sql;
		out.columns.push_back(column);
	}
	out.sql = "WITH q (" + names + ") AS (" + c.sql + ") SELECT " + list + " FROM q";
	return out;
}

/* Sends a result set; gives the number of rows. */
long long
Session::stream(const Compiled &compiled, bool reads_data)
{
	Compiled c = out.has_new_dates() ? compiled : with_old_dates(compiled);
	RowEncoder encoder(c.columns, out);
	long long rows = 0,
			  fail_after = reads_data ? shared().take_error_after_rows(info.application) : -1;
	char *data = nullptr;
	int length = 0;
	bool waited = false;

	prepare_access(reads_data);
	try
	{
		pg.copy_start(guarded("COPY (" + c.sql + ") TO STDOUT (FORMAT binary)"));
		flush_done(true);
		out.columns(c.columns);
		while (pg.copy_row(&data, &length, &waited))
		{
			std::unique_ptr<char, void (*)(char *)> owner(data, [](char *p) { PQfreemem(p); });
			const std::string &row = encoder.encode(data, length);

			if (row.empty())
				continue;
			if (rows == fail_after)
				throw SqlError(8134, 16, 1, "Divide by zero error encountered.");
			channel.put(row);
			rows++;
			request.rows++;
		}
	}
	catch (const PgError &e)
	{
		recover();
		throw translate(e);
	}
	catch (const SqlError &)
	{
		pg.cancel();
		recover();
		throw;
	}
	return rows;
}

Session::Flow
Session::run(const SelectStatement &s)
{
	Emitter emitter(env);
	std::vector<std::string> variables;
	Compiled c = emitter.query(*s.query, nullptr, &variables);
	bool assigns = false;

	for (const std::string &v : variables)
		assigns = assigns || !v.empty();
	if (settings.fmtonly && (assigns || !s.query->cores[0].into.empty()))
		throw unsupported("this SELECT under SET FMTONLY ON");
	if (settings.fmtonly)
		c.sql = "SELECT * FROM (" + c.sql + ") q LIMIT 0";
	if (emitter.reads_data)
		hold();
	inject_failure(emitter.reads_data);
	if (emitter.reads_data)
		channel.sleep(shared().slow_select(info.application));
	wait_for_writers(emitter.read_tables);
	if (!s.query->cores[0].into.empty())
	{
		std::vector<std::string> list = emitter.select_into(s.query->cores[0].into, c);
		std::string rows = list.back();

		list.pop_back();
		prepare_access(emitter.reads_data);
		define(list);
		row_count = execute(rows, true).affected();
	}
	else if (assigns)
		return assign(c, variables, emitter.reads_data), Flow::next;
	else
		row_count = stream(c, emitter.reads_data);
	last_error = 0;
	done(done_final, 0xC1, row_count);
	return Flow::next;
}

/* SELECT @a = x, @b = y: the last row's values, nothing sent. */
void
Session::assign(const Compiled &c, const std::vector<std::string> &variables, bool reads_data)
{
	std::string list;
	Emitter emitter(env);

	for (size_t i = 0; i < variables.size(); i++)
	{
		auto found = env.variables.find(fold(variables[i], false));

		if (variables[i].empty())
			throw SqlError(141, 15, 1,
						   "A SELECT statement that assigns a value to a variable must not be "
						   "combined with data-retrieval operations.");
		if (found == env.variables.end())
			throw SqlError(137, 15, 1,
						   "Must declare the scalar variable \"" + variables[i] + "\".");
		Value v{"q.c" + std::to_string(i + 1), c.columns[i].type, true, nullptr, true};

		list += (i ? ", (" : "(") + emitter.convert(v, found->second.type) + ")::text";
	}
	std::string names;

	for (size_t i = 0; i < variables.size(); i++)
		names += (i ? ", c" : "c") + std::to_string(i + 1);
	Result r = execute("SELECT " + list + " FROM (" + c.sql + ") q (" + names + ")", reads_data);

	row_count = r.rows();
	if (r.rows() > 0)
		for (size_t i = 0; i < variables.size(); i++)
		{
			Variable &v = env.variables[fold(variables[i], false)];

			v.null = r.is_null(r.rows() - 1, static_cast<int>(i));
			v.text = r.text(r.rows() - 1, static_cast<int>(i));
		}
}

Variable
Session::evaluate(const Value &v, bool reads_data)
{
	Variable result{v.type.kind == Kind::null ? simple(Kind::integer) : v.type};
	Result r = execute("SELECT (" + v.sql + ")::text", reads_data);

	result.null = r.is_null(0, 0);
	result.text = r.text(0, 0);
	return result;
}

Variable
Session::evaluate(const Expr &e, const Type *type)
{
	Emitter emitter(env);
	Value v = emitter.expression(e);

	if (type != nullptr)
		v = Value{emitter.convert(v, *type), *type, true, nullptr, true};
	else
		v.sql = emitter.exactly(v);
	return evaluate(v, emitter.reads_data);
}

bool
Session::holds(const Expr &condition)
{
	Emitter emitter(env);
	std::string sql = emitter.condition(condition);

	return execute("SELECT (" + sql + ")", emitter.reads_data).text(0, 0) == "t";
}

std::string
Session::text_of(const Expr &e)
{
	Type text = string_type(Kind::nvarchar, max_length);

	if (e.op == Op::literal && e.token.kind != Tok::real)
		return e.token.text;
	return evaluate(e, &text).text;
}

/* ---- writes ---- */

Session::Flow
Session::run(const InsertStatement &s)
{
	Emitter emitter(env);
	const TableInfo &t = catalog.get(s.table);
	bool has_identity = false, explicit_identity = false;
	Compiled c = emitter.insert(s, settings.identity_insert == t.schema + "." + t.name,
								&has_identity, &explicit_identity);
	std::string table = quote_literal(t.qualified()) + "::regclass";

	if (!c.columns.empty())
		row_count = stream(c, true);
	else
	{
		Result r = execute(c.sql, true);

		row_count = r.affected();
		if (r.rows() > 0)
		{
			scope_identity = r.text(r.rows() - 1, 0);
			no_identity = false;
		}
	}
	if (has_identity && row_count > 0 && explicit_identity)
		execute("SELECT till.identity_inserted(" + table + ")", true);
	else if (has_identity && row_count > 0 && (s.query != nullptr || !c.columns.empty()))
	{
		scope_identity = execute("SELECT till.last_identity(" + table + ")", true).text(0, 0);
		no_identity = false;
	}
	last_error = 0;
	done(done_final, 0xC3, row_count);
	return Flow::next;
}

Session::Flow
Session::run(const UpdateStatement &s)
{
	Emitter emitter(env);
	Compiled c = emitter.update(s);

	row_count = c.columns.empty() ? execute(c.sql, true).affected() : stream(c, true);
	last_error = 0;
	done(done_final, 0xC5, row_count);
	return Flow::next;
}

Session::Flow
Session::run(const DeleteStatement &s)
{
	Emitter emitter(env);
	Compiled c = emitter.remove(s);

	row_count = c.columns.empty() ? execute(c.sql, true).affected() : stream(c, true);
	last_error = 0;
	done(done_final, 0xC4, row_count);
	return Flow::next;
}

Session::Flow
Session::run(const Truncate &s)
{
	const TableInfo &t = catalog.get(s.table);

	execute("TRUNCATE TABLE " + t.qualified() + " RESTART IDENTITY", true);
	done(done_final, 0, -1);
	return Flow::next;
}

} // namespace till
