/* Requests and the statement loop; see session.hpp. */
#include "session.hpp"
#include "text.hpp"

#include <cstring>

namespace till
{

Session::Session(Channel &channel, const LoginRequest &login, ConnectionInfo &info)
	: channel(channel), login(login), info(info), out(channel), catalog(pg), env(catalog)
{
	out.version = login.tds_version;
	out.default_collation = shared().options.collation;
	out.text_size = login.odbc ? 2147483647 : 4096; /* DB-Library logins get 4096 */
	settings.quoted_identifier = login.odbc;
	pg.wait = [this](int fd) { this->channel.wait_for(fd); };
	env.global = [this](const std::string &name) { return global(name); };
	env.session_function = [this](const std::string &words) { return session_function(words); };
	env.virtual_table = [this](const std::string &name) { return virtual_table(name); };
}

/* ---- login ---- */

bool
Session::greet()
{
	const Options &o = shared().options;
	std::string wanted = login.database.empty() ? "master" : login.database;
	DatabaseInfo ignored;

	if (!same_word(login.user, o.user) || login.password != o.password)
	{
		out.error(18456, 1, 14, "Login failed for user '" + login.user + "'.", 1);
		out.done(token_done, done_error, 0, -1);
		channel.end_message();
		return false;
	}
	if (!shared().find_database(wanted, &ignored))
	{
		out.error(
			4060, 1, 11,
			"Cannot open database \"" + wanted + "\" requested by the login. The login failed.", 1);
		out.error(18456, 1, 14, "Login failed for user '" + login.user + "'.", 1);
		out.done(token_done, done_error, 0, -1);
		channel.end_message();
		return false;
	}
	use_database(wanted, true);
	out.environment(2, "us_english", "");
	out.info(5703, 1, 10, "Changed language setting to us_english.", 1);
	out.login_acknowledged();

	size_t most = static_cast<size_t>(o.packet_size),
		   size = login.packet_size == 0 ? 4096 : login.packet_size;

	size = std::max<size_t>(512, std::min(size, most));
	out.environment(4, std::to_string(size), std::to_string(login.packet_size));
	out.done(token_done, done_final, 0, -1);
	channel.end_message();
	channel.set_packet_size(size);
	return true;
}

/* ---- requests ---- */

void
Session::loop()
{
	for (;;)
	{
		shared().describe(&info, "sleeping");
		Message m = channel.read();

		if (shared().hangs(info.application, false))
			channel.hang([this] { return shared().hangs(info.application, false); });
		shared().arm(channel, info.application);
		shared().describe(&info, "running");
		if (shared().take_garbage(info.application))
		{
			channel.put("\x13garbage on the line\xFF\xFE\xD1\x81", 24);
			channel.end_message();
			continue;
		}
		try
		{
			if (m.reset_connection)
				reset();
			switch (m.type)
			{
				case packet_batch: batch_request(m.data); break;
				case packet_rpc: rpc_request(m.data); break;
				case packet_transaction: transaction_request(m.data); break;
				case packet_attention: attention_acknowledged(); break;
				default: throw Disconnected();
			}
		}
		catch (const Attention &)
		{
			/* the client reads on until it sees the acknowledgement: whatever was begun ends here
			 */
			pg.cancel();
			nesting = 0;
			try_depth = 0;
			recover();
			if (settings.xact_abort && trancount > 0)
				rollback_transaction();
			attention_acknowledged();
		}
	}
}

void
Session::attention_acknowledged()
{
	pending = PendingDone();
	out.done(token_done, done_attention, 0, -1);
	channel.end_message();
}

/* sp_reset_connection: everything but the database goes back to the beginning. */
void
Session::reset()
{
	bool quoted = settings.quoted_identifier;

	if (trancount > 0)
		rollback_transaction();
	settings = Settings();
	settings.quoted_identifier = quoted && login.odbc;
	lock_timeout_sent = false;
	pg.run("DISCARD TEMP");
	Catalog::invalidate();
}

static std::string
without_headers(const std::string &data, bool has_headers)
{
	std::uint32_t length = 0;

	if (!has_headers || data.size() < 4)
		return data;
	std::memcpy(&length, data.data(), 4);
	return length >= 4 && length <= data.size() ? data.substr(length) : data;
}

void
Session::batch_request(const std::string &data)
{
	std::string body = without_headers(data, out.has_large_types());

	env.variables.clear();
	run_text(utf16_to_utf8(reinterpret_cast<const unsigned char *>(body.data()), body.size() / 2));
	if (pending.token == 0)
		done(done_final, 0, -1);
	flush_done(false);
	channel.end_message();
}

void
Session::rpc_request(const std::string &data)
{
	env.variables.clear();
	nesting++;
	try
	{
		RpcRequest r =
			parse_rpc(data, out.has_large_types(), collation(out.default_collation).codepage);

		procedure(r.procedure, std::move(r.parameters));
	}
	catch (const SqlError &e)
	{
		report(e, e.line);
		done(done_error, 0, -1);
	}
	nesting--;
	flush_done(true);
	out.return_status(last_error == 0 ? 0 : last_error);
	out.done(token_doneproc, last_error ? done_error : done_final, 0, -1);
	channel.end_message();
}

/* TM_BEGIN_XACT, TM_COMMIT_XACT, TM_ROLLBACK_XACT: what drivers send instead of T-SQL. */
void
Session::transaction_request(const std::string &data)
{
	std::string body = without_headers(data, true);
	unsigned request = body.size() >= 2 ? static_cast<unsigned char>(body[0]) |
											  static_cast<unsigned char>(body[1]) << 8
										: 0;

	try
	{
		if (request == 5)
			begin_transaction();
		else if (request == 7)
			commit_transaction();
		else if (request == 8)
			rollback_transaction();
		else
			throw unsupported("transaction manager request " + std::to_string(request));
		done(done_final, 0, -1);
	}
	catch (const SqlError &e)
	{
		report(e, 1);
		done(done_error, 0, -1);
	}
	flush_done(false);
	channel.end_message();
}

std::vector<StatementP>
Session::parse(const std::string &sql)
{
	Parser parser(sql, settings.quoted_identifier, collation(out.default_collation).codepage);

	return parser.batch();
}

/* A batch, or the text of EXEC: parsed as a whole, then run. */
void
Session::run_text(const std::string &sql)
{
	std::vector<StatementP> list;

	try
	{
		list = parse(sql);
	}
	catch (const SqlError &e)
	{
		if (try_depth > 0)
			throw;
		report(e, e.line);
		done(done_error, 0, -1);
		return;
	}
	run_list(list);
}

/* ---- tokens ---- */

void
Session::flush_done(bool more)
{
	if (pending.token != 0)
		out.done(pending.token, pending.status | (more ? done_more : 0), pending.command,
				 pending.rows);
	pending = PendingDone();
}

void
Session::done(int status, int command, long long rows)
{
	flush_done(true);
	pending.token = nesting > 0 ? token_doneinproc : token_done;
	pending.status = status;
	pending.command = command;
	pending.rows = settings.nocount ? -1 : rows;
}

void
Session::report(const SqlError &e, int line)
{
	flush_done(true);
	last_error = e.severity > 10 ? e.number : 0;
	if (e.severity > 10)
		out.error(e.number, e.state, e.severity, e.what(), line);
	else
		out.info(e.number, e.state, e.severity, e.what(), line);
}

/* ---- statements ---- */

Session::Flow
Session::run_list(const std::vector<StatementP> &list)
{
	for (const StatementP &s : list)
	{
		Flow flow = run_one(*s);

		if (flow != Flow::next)
			return flow;
	}
	return Flow::next;
}

/* Errors that end the batch, and those of them that end the transaction with it. */
static bool
ends_batch(int number)
{
	return number == 207 || number == 208 || number == 209 || number == 102 || number == 156 ||
		   number == 137 || number == 4104 || number == 195;
}

static bool
ends_transaction(int number)
{
	return number == 1205 || number == 3960 || number == 3961 || number == 3952 || number == 245 ||
		   number == 241 || number == 8114;
}

Session::Flow
Session::run_one(const Statement &s)
{
	try
	{
		channel.watch();
		Flow flow = std::visit([this](const auto &body) { return run(body); }, s.body);

		return flow;
	}
	catch (SqlError &e)
	{
		e.line = s.line;
		if (try_depth > 0 && e.severity < 20)
			throw;
		return failed(e, s.line);
	}
}

Session::Flow
Session::failed(const SqlError &e, int line)
{
	row_count = 0;
	report(e, line);
	done(done_error, 0, -1);
	if (e.severity >= 20)
	{
		flush_done(false);
		channel.end_message();
		throw Disconnected();
	}
	if (ends_transaction(e.number) || (settings.xact_abort && trancount > 0))
	{
		abandon_transaction();
		return Flow::leave_batch;
	}
	return ends_batch(e.number) ? Flow::leave_batch : Flow::next;
}

Session::Flow
Session::run(const Declare &s)
{
	for (const Declare::Variable &v : s.variables)
	{
		if (v.table != nullptr)
		{
			if (catalog.find(v.table->name) != nullptr)
				define({"DROP TABLE " + catalog.get(v.table->name).qualified()});
			run(*v.table);
			continue;
		}
		std::string name = fold(v.name, false);

		if (env.variables.count(name) > 0 && nesting == 0 && try_depth == 0)
			throw SqlError(134, 15, 1,
						   "The variable name '" + v.name +
							   "' has already been declared. Variable names must be unique within "
							   "a query batch or stored procedure.");
		Variable value = v.value ? evaluate(*v.value, &v.type) : Variable{v.type};

		env.variables[name] = value;
	}
	return Flow::next;
}

Session::Flow
Session::run(const SetVariable &s)
{
	auto found = env.variables.find(fold(s.name, false));

	if (found == env.variables.end())
		throw SqlError(137, 15, 1, "Must declare the scalar variable \"" + s.name + "\".");
	Type type = found->second.type;

	found->second = evaluate(*s.value, &type);
	row_count = 1;
	return Flow::next;
}

Session::Flow
Session::run(const If &s)
{
	if (holds(*s.condition))
		return run_one(*s.then);
	return s.otherwise ? run_one(*s.otherwise) : Flow::next;
}

Session::Flow
Session::run(const While &s)
{
	while (holds(*s.condition))
	{
		Flow flow = run_one(*s.body);

		if (flow == Flow::leave_loop)
			break;
		if (flow == Flow::leave_batch)
			return flow;
	}
	return Flow::next;
}

Session::Flow
Session::run(const Block &s)
{
	return run_list(s.body);
}

Session::Flow
Session::run(const TryCatch &s)
{
	try_depth++;
	try
	{
		Flow flow = run_list(s.body);

		try_depth--;
		return flow;
	}
	catch (const SqlError &e)
	{
		try_depth--;
		caught = {e.number, e.severity, e.state, e.line, e.what()};
		if (ends_transaction(e.number) || settings.xact_abort)
			abandon_transaction();
		done(done_final, 0, -1);
	}
	catch (...)
	{
		try_depth--;
		throw;
	}
	Flow flow = run_list(s.handler);

	caught = Caught();
	return flow;
}

Session::Flow
Session::run(const Jump &s)
{
	if (s.kind == "BREAK")
		return Flow::leave_loop;
	if (s.kind == "CONTINUE")
		return Flow::next_loop;
	return Flow::leave_batch;
}

/* 'hh:mm:ss[.mmm]' */
Session::Flow
Session::run(const Wait &s)
{
	long long ticks = 0;
	int offset;

	if (!parse_datetime(text_of(*s.delay), env, true, &ticks, &offset))
		throw SqlError(148, 15, 1,
					   "Incorrect time syntax in time string '" + text_of(*s.delay) +
						   "' used with WAITFOR.");
	flush_done(true);
	channel.flush();
	channel.sleep(ticks % 864000000000LL / 10000);
	done(done_final, 0, -1);
	return Flow::next;
}

Session::Flow
Session::run(const Print &s)
{
	report(SqlError(0, 0, 1, text_of(*s.text)), 1);
	return Flow::next;
}

/* RAISERROR('text %d %s', severity, state, args...), THROW number, 'text', state. */
Session::Flow
Session::run(const Raise &s)
{
	if (s.is_throw)
	{
		if (s.args.empty() && caught.number == 0)
			throw SqlError(
				10704, 15, 1,
				"To rethrow an error, a THROW statement must be used inside a CATCH block.");
		if (s.args.empty())
			throw SqlError(caught.number, caught.severity, caught.state, caught.message);
		if (s.args.size() != 3)
			throw syntax_error("THROW");
		SqlError e(std::atoi(text_of(*s.args[0]).c_str()), 16,
				   std::atoi(text_of(*s.args[2]).c_str()), text_of(*s.args[1]));

		if (try_depth > 0)
			throw e;
		failed(e, 1);
		if (settings.xact_abort)
			abandon_transaction();
		return Flow::leave_batch;
	}
	if (s.args.size() < 3)
		throw syntax_error("RAISERROR");

	std::string format = text_of(*s.args[0]), message;
	size_t next = 3;

	for (size_t i = 0; i < format.size(); i++)
	{
		if (format[i] == '%' && i + 1 < format.size() && format[i + 1] != '%' &&
			next < s.args.size())
		{
			message += text_of(*s.args[next++]);
			for (i++; i + 1 < format.size() && std::strchr("0123456789.-l", format[i]); i++)
				;
			continue;
		}
		if (format[i] == '%' && i + 1 < format.size() && format[i + 1] == '%')
			i++;
		message += format[i];
	}
	SqlError e(50000, std::atoi(text_of(*s.args[1]).c_str()),
			   std::atoi(text_of(*s.args[2]).c_str()), message);

	if (e.severity <= 10)
	{
		report(e, 1);
		done(done_final, 0, -1);
		return Flow::next;
	}
	throw e;
}

/* ---- options ---- */

void
Session::set_one(const std::string &name, const std::string &value)
{
	bool on = value == "ON";

	if (name == "QUOTED_IDENTIFIER")
		settings.quoted_identifier = on;
	else if (name == "NOCOUNT")
		settings.nocount = on;
	else if (name == "XACT_ABORT")
		settings.xact_abort = on;
	else if (name == "ANSI_DEFAULTS")
		settings.quoted_identifier = on;
	else if (name == "LOCK_TIMEOUT")
	{
		settings.lock_timeout = std::atoi(value.c_str());
		lock_timeout_sent = false;
	}
	else if (name == "ROWCOUNT")
	{
		if (value != "0")
			throw unsupported("SET ROWCOUNT");
	}
	else if (name == "TEXTSIZE")
	{
		long long size = std::atoll(value.c_str());

		out.text_size = size <= 0 ? (size == 0 ? 4096 : 2147483647) : size;
	}
	else if (name == "DATEFORMAT")
	{
		settings.dateformat = fold(value, false);
		env.ydm = settings.dateformat == "dmy" || settings.dateformat == "ydm";
		env.mdy = settings.dateformat[0] == 'm' || settings.dateformat[0] == 'y';
	}
	else if (name == "LANGUAGE")
		settings.language = value;
	else if (name == "DEADLOCK_PRIORITY")
		settings.deadlock_priority = value;
	else if (name == "ANSI_NULLS" || name == "ANSI_WARNINGS" || name == "ANSI_PADDING" ||
			 name == "ANSI_NULL_DFLT_ON" || name == "ANSI_NULL_DFLT_OFF" ||
			 name == "CONCAT_NULL_YIELDS_NULL" || name == "ARITHABORT" ||
			 name == "NUMERIC_ROUNDABORT" || name == "DATEFIRST" ||
			 name == "CURSOR_CLOSE_ON_COMMIT" || name == "IMPLICIT_TRANSACTIONS" ||
			 name == "FMTONLY" || name == "NOEXEC" || name == "PARSEONLY" ||
			 name == "ARITHIGNORE" || name == "QUERY_GOVERNOR_COST_LIMIT" ||
			 name == "CONTEXT_INFO" || name.compare(0, 10, "STATISTICS") == 0)
	{
		if (on && (name == "IMPLICIT_TRANSACTIONS" || name == "FMTONLY" || name == "NOEXEC" ||
				   name == "PARSEONLY"))
			throw unsupported("SET " + name + " ON");
		settings.other[name] = value;
	}
	else
		throw SqlError(195, 15, 5, "'" + name + "' is not a recognized SET option.");
}

Session::Flow
Session::run(const SetOption &s)
{
	if (s.name == "ISOLATION")
	{
		static const std::map<std::string, Isolation> levels = {
			{"READ UNCOMMITTED", Isolation::read_uncommitted},
			{"READ COMMITTED", Isolation::read_committed},
			{"REPEATABLE READ", Isolation::repeatable_read},
			{"SERIALIZABLE", Isolation::serializable},
			{"SNAPSHOT", Isolation::snapshot}};
		auto level = levels.find(s.value);

		if (level == levels.end())
			throw syntax_error(s.value);
		if (level->second == Isolation::snapshot && trancount > 0 && begun &&
			settings.isolation != Isolation::snapshot)
			throw SqlError(3951, 16, 1,
						   "Transaction failed in database '" + database.name +
							   "' because the statement was run under snapshot isolation but the "
							   "transaction did not start in snapshot isolation.");
		settings.isolation = level->second;
	}
	else if (s.name == "IDENTITY_INSERT")
	{
		const TableInfo &t = catalog.get(s.table);

		if (t.identity_column() == nullptr)
			throw SqlError(
				8106, 16, 1,
				"Table '" + joined(s.table) +
					"' does not have the identity property. Cannot perform SET operation.");
		if (s.value == "ON" && !settings.identity_insert.empty() &&
			settings.identity_insert != t.schema + "." + t.name)
			throw SqlError(8107, 16, 1,
						   "IDENTITY_INSERT is already ON for table '" + database.name + "." +
							   settings.identity_insert +
							   "'. Cannot perform SET operation for table '" + joined(s.table) +
							   "'.");
		settings.identity_insert = s.value == "ON" ? t.schema + "." + t.name : "";
	}
	else
	{
		std::string value = s.value;

		if (!value.empty() && value[0] == '@')
		{
			auto found = env.variables.find(fold(value, false));

			value = found == env.variables.end() ? "" : upper_ascii(found->second.text);
		}
		for (size_t at = 0; at <= s.name.size();)
		{
			size_t comma = std::min(s.name.find(',', at), s.name.size());

			set_one(s.name.substr(at, comma - at), value);
			at = comma + 1;
		}
	}
	done(done_final, 0xBE, -1);
	return Flow::next;
}

/* ---- transactions ---- */

void
Session::begin_transaction()
{
	if (trancount++ > 0)
		return;
	begun = false;
	changed_catalog = false;
	savepoints.clear();
	transaction_id++;
	std::string descriptor;

	put_u64(descriptor, transaction_id);
	flush_done(true);
	out.environment_bytes(8, descriptor, "");
}

void
Session::commit_transaction()
{
	if (trancount == 0)
		throw SqlError(3902, 16, 1,
					   "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.");
	if (--trancount > 0)
		return;
	if (begun)
	{
		begun = false;
		try
		{
			pg.run("COMMIT");
		}
		catch (const PgError &e)
		{
			trancount = 1;
			abandon_transaction();
			throw translate(e);
		}
	}
	if (changed_catalog)
		Catalog::invalidate();
	std::string descriptor;

	put_u64(descriptor, transaction_id);
	flush_done(true);
	out.environment_bytes(9, "", descriptor);
}

void
Session::abandon_transaction()
{
	if (trancount == 0)
		return;
	trancount = 0;
	if (begun)
		pg.run("ROLLBACK");
	begun = false;
	lock_timeout_sent = false;
	if (changed_catalog)
		Catalog::invalidate();
	std::string descriptor;

	put_u64(descriptor, transaction_id);
	flush_done(true);
	out.environment_bytes(10, "", descriptor);
}

void
Session::rollback_transaction()
{
	if (trancount == 0)
		throw SqlError(3903, 16, 1,
					   "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.");
	abandon_transaction();
}

Session::Flow
Session::run(const Transaction &s)
{
	if (s.action == "BEGIN")
		begin_transaction();
	else if (s.action == "COMMIT")
		commit_transaction();
	else if (s.action == "SAVE")
	{
		if (trancount == 0)
			throw SqlError(628, 16, 1,
						   "Cannot issue SAVE TRANSACTION when there is no active transaction.");
		prepare_access(true);
		pg.run("SAVEPOINT " + quote_identifier("t " + fold(s.name, false)));
		savepoints.push_back(fold(s.name, false));
	}
	else
	{
		bool saved = false;

		for (const std::string &name : savepoints)
			saved = saved || (!s.name.empty() && name == fold(s.name, false));
		if (saved)
		{
			pg.run("ROLLBACK TO SAVEPOINT " + quote_identifier("t " + fold(s.name, false)));
			Catalog::invalidate();
		}
		else
			rollback_transaction();
	}
	done(done_final, s.action == "BEGIN" ? 0xD4 : s.action == "COMMIT" ? 0xD5 : 0xD2, -1);
	return Flow::next;
}

} // namespace till
