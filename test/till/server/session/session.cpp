/* Login and requests; see session.hpp. */
#include "session/session.hpp"
#include "tsql/text.hpp"

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
	DatabaseInfo found;

	if (!password_is_right())
	{
		out.error(18456, 1, 14, "Login failed for user '" + login.user + "'.", 1);
		out.done(token_done, done_error, 0, -1);
		channel.end_message();
		return false;
	}
	if (!shared().find_database(wanted, &found) || user_in(found.name).empty())
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
Session::log_request(const std::string &kind, const std::string &sql)
{
	request = RequestInfo();
	request.number = shared().begin_request(info, kind, sql);
	request.bytes = -channel.bytes_sent;
	request_began = std::chrono::steady_clock::now();
}

void
Session::log_answer()
{
	if (request.number == 0)
		return;
	request.bytes += channel.bytes_sent;
	request.milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(
							   std::chrono::steady_clock::now() - request_began)
							   .count();
	shared().finish_request(request);
	request.number = 0;
}

/* Says so in the list of connections. */
std::function<bool()>
Session::hanging(std::function<bool()> still)
{
	return [this, still]
	{
		shared().describe(&info, "hanging");
		return still();
	};
}

void
Session::loop()
{
	channel.hangs_in_answers = hanging([this] { return shared().hangs_in_answers(); });
	for (;;)
	{
		shared().describe(&info, "sleeping");
		Message m = channel.read();

		if (shared().hangs(info.application, false))
			channel.hang(hanging([this] { return shared().hangs(info.application, false); }));
		shared().arm(channel, info.application);
		env.national_as_utf8 = shared().national_as_utf8(info.application);
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
				case packet_attention:
					log_request("attention", "");
					attention_acknowledged();
					break;
				default: throw Disconnected();
			}
			log_answer();
		}
		catch (const Attention &)
		{
			/* the client reads on until it sees the acknowledgement: whatever was begun ends here
			 */
			log_answer();
			log_request("attention", "");
			pg.cancel();
			nesting = 0;
			try_depth = 0;
			recover();
			if (settings.xact_abort && trancount > 0)
				rollback_transaction();
			attention_acknowledged();
			log_answer();
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

	std::string sql =
		utf16_to_utf8(reinterpret_cast<const unsigned char *>(body.data()), body.size() / 2);

	env.variables.clear();
	log_request("batch", sql);
	run_text(sql);
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

		bool statement = same_word(r.procedure, "sp_executesql") && !r.parameters.empty();

		log_request("rpc", statement ? r.parameters[0].value.text : r.procedure);
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
	unsigned what = body.size() >= 2 ? static_cast<unsigned char>(body[0]) |
										   static_cast<unsigned char>(body[1]) << 8
									 : 0;

	log_request("transaction", what == 5 ? "BEGIN" : what == 7 ? "COMMIT" : "ROLLBACK");
	try
	{
		if (what == 5)
			begin_transaction();
		else if (what == 7)
			commit_transaction();
		else if (what == 8)
			rollback_transaction();
		else
			throw unsupported("transaction manager request " + std::to_string(what));
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
	if (last_error != 0)
		request.error = last_error;
	if (e.severity > 10)
		out.error(e.number, e.state, e.severity, e.what(), line);
	else
		out.info(e.number, e.state, e.severity, e.what(), line);
}

} // namespace till
