/* SET options, and the transaction a T-SQL one stands for. */
#include "session/session.hpp"
#include "tsql/text.hpp"

namespace till
{

/* ---- options ---- */

/* A language brings its DATEFORMAT and DATEFIRST. */
void
Session::set_language(const std::string &value)
{
	struct Language
	{
		const char *name, *alias, *dateformat;
		int date_first;
	};
	static const Language languages[] = {{"us_english", "English", "mdy", 7},
										 {"British", "British English", "dmy", 1},
										 {"Türkçe", "Turkish", "dmy", 1},
										 {"Deutsch", "German", "dmy", 1},
										 {"Français", "French", "dmy", 1}};
	std::string wanted = fold(value, false);

	for (const Language &l : languages)
		if (wanted == fold(l.name, false) || wanted == fold(l.alias, false))
		{
			settings.language = l.name;
			set_one("DATEFORMAT", l.dateformat);
			env.date_first = l.date_first;
			return;
		}
	throw SqlError(
		2740, 16, 1,
		"SET LANGUAGE failed because '" + value +
			"' is not an official language name or a language alias on this SQL Server.");
}

void
Session::set_one(const std::string &name, const std::string &value)
{
	bool on = value == "ON";

	if (name == "QUOTED_IDENTIFIER")
		settings.quoted_identifier = on;
	else if (name == "NOCOUNT")
		settings.nocount = on;
	else if (name == "FMTONLY")
		settings.fmtonly = on;
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
	else if (name == "DATEFIRST")
	{
		int day = std::atoi(value.c_str());

		if (day < 1 || day > 7)
			throw SqlError(2742, 16, 1,
						   "SET DATEFIRST " + value +
							   " is out of range. Use 1 (Monday) to 7 (Sunday).");
		env.date_first = day;
	}
	else if (name == "LANGUAGE")
		set_language(value);
	else if (name == "DEADLOCK_PRIORITY")
		settings.deadlock_priority = value;
	else if (name == "ANSI_NULLS" || name == "ANSI_WARNINGS" || name == "ANSI_PADDING" ||
			 name == "ANSI_NULL_DFLT_ON" || name == "ANSI_NULL_DFLT_OFF" ||
			 name == "CONCAT_NULL_YIELDS_NULL" || name == "ARITHABORT" ||
			 name == "NUMERIC_ROUNDABORT" || name == "CURSOR_CLOSE_ON_COMMIT" ||
			 name == "IMPLICIT_TRANSACTIONS" || name == "NOEXEC" || name == "PARSEONLY" ||
			 name == "ARITHIGNORE" || name == "QUERY_GOVERNOR_COST_LIMIT" ||
			 name == "CONTEXT_INFO" || name.compare(0, 10, "STATISTICS") == 0)
	{
		if (on && (name == "IMPLICIT_TRANSACTIONS" || name == "NOEXEC" || name == "PARSEONLY"))
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
			begun_as != Isolation::snapshot)
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
	application_locks.clear();
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
	application_locks.clear();
	if (begun)
	{
		begun = false;
		try
		{
			pg.run_quietly("COMMIT");
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
	application_locks.clear();
	if (begun)
		pg.run_quietly("ROLLBACK");
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
		pg.run_quietly("SAVEPOINT " + quote_identifier("t " + fold(s.name, false)));
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
