/* EXEC: sp_executesql, EXEC('text'), and the few procedures the till has. */
#include "session/session.hpp"
#include "tsql/text.hpp"

namespace till
{

static const RpcRequest::Parameter *
find(const std::vector<RpcRequest::Parameter> &args, const char *name, size_t position)
{
	for (const RpcRequest::Parameter &p : args)
		if (same_word(p.name, name))
			return &p;
	return position < args.size() && args[position].name.empty() ? &args[position] : nullptr;
}

static std::string
text_argument(const std::vector<RpcRequest::Parameter> &args, const char *name, size_t position)
{
	const RpcRequest::Parameter *p = find(args, name, position);

	return p == nullptr ? "" : p->value.text;
}

Session::Flow
Session::run(const Execute &s)
{
	std::vector<RpcRequest::Parameter> args;

	if (s.text != nullptr)
	{
		std::map<std::string, Variable> outer;
		std::string sql = text_of(*s.text);

		std::swap(outer, env.variables);
		nesting++;
		run_text(sql);
		nesting--;
		std::swap(outer, env.variables);
		done(done_final, 0, -1);
		return Flow::next;
	}
	for (const Execute::Argument &a : s.args)
		args.push_back({a.name, a.output, evaluate(*a.value)});
	last_error = 0;
	nesting++;
	try
	{
		procedure(s.procedure.back(), std::move(args));
	}
	catch (...)
	{
		nesting--;
		throw;
	}
	nesting--;
	flush_done(true);
	out.return_status(last_error);
	pending.token = nesting > 0 ? token_doneinproc : token_doneproc;
	pending.status = done_final;
	pending.rows = -1;
	return Flow::next;
}

/* Binds the arguments to the declared parameters and runs the text in a scope of its own. */
void
Session::execute_sql(const std::string &sql, const std::string &declarations,
					 std::vector<RpcRequest::Parameter> args)
{
	std::map<std::string, Variable> inner;
	std::vector<Declare::Variable> declared =
		Parser(declarations, true, 1252).parameter_declarations();

	for (size_t i = 0; i < declared.size(); i++)
	{
		const RpcRequest::Parameter *given = nullptr;

		for (const RpcRequest::Parameter &p : args)
			if (same_word(p.name, declared[i].name))
				given = &p;
		if (given == nullptr && i < args.size() && args[i].name.empty())
			given = &args[i];
		if (given == nullptr)
			throw SqlError(8178, 16, 1,
						   "The parameterized query expects the parameter '" + declared[i].name +
							   "', which was not supplied.");
		Value v{(given->value.null ? "NULL" : quote_literal(given->value.text)) +
					"::" + pg_type(given->value.type),
				given->value.type, true, nullptr, true};

		v = Value{Emitter(env).convert(v, declared[i].type), declared[i].type, true, nullptr, true};
		inner[fold(declared[i].name, false)] = evaluate(v, false);
	}
	std::swap(inner, env.variables);
	try
	{
		run_text(sql);
	}
	catch (...)
	{
		std::swap(inner, env.variables);
		throw;
	}
	std::swap(inner, env.variables);
}

void
Session::procedure(const std::string &name, std::vector<RpcRequest::Parameter> args)
{
	if (same_word(name, "sp_executesql"))
	{
		std::string sql = text_argument(args, "@stmt", 0),
					declarations = text_argument(args, "@params", 1);

		args.erase(args.begin(),
				   args.begin() + static_cast<long>(std::min<size_t>(2, args.size())));
		execute_sql(sql, declarations, std::move(args));
	}
	else if (same_word(name, "till_control"))
		control(args);
	else if (same_word(name, "sp_getapplock"))
		lock_application(args);
	else if (same_word(name, "sp_rename"))
		rename(args);
	else if (same_word(name, "sp_addextendedproperty"))
		extended_property("add", args);
	else if (same_word(name, "sp_dropextendedproperty"))
		extended_property("drop", args);
	else if (same_word(name, "sp_reset_connection"))
		reset();
	else if (same_word(name, "sp_who") || same_word(name, "sp_who2"))
		run_text("SELECT session_id AS spid, status, login_name AS loginame, host_name AS "
				 "hostname, program_name FROM sys.dm_exec_sessions");
	else
		throw SqlError(2812, 16, 62, "Could not find stored procedure '" + name + "'.");
}

/* EXEC till_control 'switch', 'value'; without arguments the switches as rows. */
void
Session::control(const std::vector<RpcRequest::Parameter> &args)
{
	std::string name = text_argument(args, "@name", 0), value = text_argument(args, "@value", 1);

	if (name.empty())
	{
		std::string sql;

		for (const auto &pair : shared().list_switches())
			sql += (sql.empty() ? "SELECT N'" : " UNION ALL SELECT N'") + pair.first +
				   "' AS name, N'" + pair.second + "' AS value";
		return run_text(sql);
	}
	if (same_word(name, "kill"))
	{
		if (!shared().kill(std::atoi(value.c_str())))
			throw SqlError(6106, 16, 2, "Process ID " + value + " is not an active process ID.");
	}
	else if (same_word(name, "clock_offset_seconds"))
		execute("SELECT till.set_clock_offset(" + std::to_string(std::atoll(value.c_str())) + ")",
				false);
	else if (same_word(name, "change_tracking_version"))
		execute("SELECT till.rewind_tracking(" + std::to_string(std::atoll(value.c_str())) + ")",
				false);
	else
		shared().set_switch(name, value);
	done(done_final, 0, -1);
}

/* sp_getapplock: Shared locks of the transaction, which conflict with nothing. */
void
Session::lock_application(const std::vector<RpcRequest::Parameter> &args)
{
	std::string mode = text_argument(args, "@LockMode", 1),
				owner = text_argument(args, "@LockOwner", 2);

	if (!same_word(mode, "Shared") || (!owner.empty() && !same_word(owner, "Transaction")))
		throw unsupported("another lock of sp_getapplock than a Shared one of the transaction");
	if (trancount == 0)
		throw unsupported("sp_getapplock outside a transaction");
	application_locks.push_back(database.name + "/" + text_argument(args, "@Resource", 0));
}

/* sp_addextendedproperty name, value, level0type, level0name, ...; sp_dropextendedproperty has no
 * value. */
void
Session::extended_property(const std::string &verb, const std::vector<RpcRequest::Parameter> &args)
{
	static const char *const names[] = {"@name",       "@value",      "@level0type", "@level0name",
										"@level1type", "@level1name", "@level2type", "@level2name"};
	std::string sql;
	size_t place = 0;

	for (const char *name : names)
		if (verb == "add" || std::string(name) != "@value")
		{
			std::string value = text_argument(args, name, place++);

			sql += (sql.empty() ? "" : ", ") + (value.empty() ? "NULL" : quote_literal(value));
		}
	execute("SELECT till." + verb + "_extended_property(" + sql + ")", true);
	done(done_final, 0, -1);
}

/* sp_rename 'dbo.Table.Old', 'New', 'COLUMN'; 'dbo.Old', 'New'. */
void
Session::rename(const std::vector<RpcRequest::Parameter> &args)
{
	std::string old = text_argument(args, "@objname", 0),
				fresh = text_argument(args, "@newname", 1),
				kind = text_argument(args, "@objtype", 2);
	Name name;
	std::string part;

	for (char c : old + ".")
		if (c == '.')
		{
			name.push_back(part);
			part.clear();
		}
		else if (c != '[' && c != ']')
			part += c;
	if (same_word(kind, "COLUMN"))
	{
		if (name.size() < 2)
			throw SqlError(15248, 11, 1,
						   "Either the parameter @objname is ambiguous or the claimed @objtype "
						   "(COLUMN) is wrong.");
		std::string column = name.back();

		name.pop_back();
		const TableInfo &t = catalog.get(name);
		const ColumnInfo *c = t.column(fold(column, catalog.is_turkish()), catalog.is_turkish());

		if (c == nullptr)
			throw SqlError(15248, 11, 1,
						   "Either the parameter @objname is ambiguous or the claimed @objtype "
						   "(COLUMN) is wrong.");
		define({"ALTER TABLE " + t.qualified() + " RENAME COLUMN " + quote_identifier(c->name) +
					" TO " + quote_identifier(fresh),
				"UPDATE till.defaults SET column_name = " + quote_literal(fresh) +
					" WHERE relation = " + std::to_string(t.oid) +
					" AND column_name = " + quote_literal(c->name)});
	}
	else if (kind.empty() || same_word(kind, "OBJECT"))
		define({"ALTER TABLE " + catalog.get(name).qualified() + " RENAME TO " +
				quote_identifier(fresh)});
	else
		throw unsupported("sp_rename of a " + kind);
	report(SqlError(15477, 0, 1,
					"Caution: Changing any part of an object name could break scripts and stored "
					"procedures."),
		   1);
}

} // namespace till
