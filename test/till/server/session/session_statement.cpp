/* The statement loop: flow of control, variables, messages, and what an error ends. */
#include "session/session.hpp"
#include "tsql/text.hpp"

#include <cstring>

namespace till
{

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
		if (settings.fmtonly && !std::holds_alternative<SelectStatement>(s.body) &&
			!std::holds_alternative<SetOption>(s.body))
			throw unsupported("this statement under SET FMTONLY ON");
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

} // namespace till
