/* Definitions, databases, DBCC. */
#include "session/session.hpp"
#include "tsql/text.hpp"

namespace till
{

/* DDL is one PostgreSQL transaction at least, so that a failed definition leaves nothing. */
void
Session::define(const std::vector<std::string> &statements)
{
	std::string sql;

	for (const std::string &s : statements)
		sql += (sql.empty() ? "" : "; ") + s;
	changed_catalog = true;
	execute(sql, true); /* several statements in one message are one transaction */
	Catalog::invalidate();
}

Session::Flow
Session::run(const CreateTable &s)
{
	define(Emitter(env).create_table(s));
	done(done_final, 0xC6, -1);
	return Flow::next;
}

Session::Flow
Session::run(const AlterTable &s)
{
	define(Emitter(env).alter_table(s));
	done(done_final, 0xD8, -1);
	return Flow::next;
}

Session::Flow
Session::run(const CreateIndex &s)
{
	define(Emitter(env).create_index(s));
	done(done_final, 0, -1);
	return Flow::next;
}

Session::Flow
Session::run(const CreateView &s)
{
	define(Emitter(env).create_view(s));
	done(done_final, 0, -1);
	return Flow::next;
}

Session::Flow
Session::run(const CreateSchema &s)
{
	define({"CREATE SCHEMA " + quote_identifier(s.name),
			"GRANT USAGE ON SCHEMA " + quote_identifier(s.name) + " TO PUBLIC"});
	done(done_final, 0, -1);
	return Flow::next;
}

Session::Flow
Session::run(const Drop &s)
{
	std::vector<std::string> list;

	if (s.what == "DATABASE")
	{
		for (const Name &name : s.names)
		{
			DatabaseInfo found;

			if (!shared().find_database(name.back(), &found))
			{
				if (s.if_exists)
					continue;
				throw SqlError(3701, 11, 1,
							   "Cannot drop the database '" + name.back() +
								   "', because it does not exist or you do not have permission.");
			}
			execute_alone("DROP DATABASE " + quote_identifier(found.name));
			shared().drop_database(found.name);
		}
		done(done_final, 0, -1);
		return Flow::next;
	}
	if (s.what == "LOGIN" || s.what == "USER")
		return drop_principals(s);
	if (s.what == "SCHEMA")
		list.push_back("DROP SCHEMA " + std::string(s.if_exists ? "IF EXISTS " : "") +
					   quote_identifier(s.names[0].back()));
	else if (s.what == "INDEX")
	{
		const TableInfo &t = catalog.get(s.index_table);

		list.push_back("SELECT till.drop_index(" + quote_literal(t.qualified()) + "::regclass, " +
					   quote_literal(s.names[0].back()) + ")");
	}
	else
		for (const Name &name : s.names)
		{
			const TableInfo *t = catalog.find(name);

			if (t == nullptr && s.if_exists)
				continue;
			if (t == nullptr || t->view != (s.what == "VIEW"))
				throw SqlError(3701, 11, 5,
							   "Cannot drop the " + fold(s.what, false) + " '" + joined(name) +
								   "', because it does not exist or you do not have permission.");
			list.push_back("DELETE FROM till.tracking_tables WHERE relation = " +
						   quote_literal(t->qualified()) + "::regclass");
			list.push_back("DELETE FROM till.defaults WHERE relation = " +
						   quote_literal(t->qualified()) + "::regclass");
			list.push_back("DROP " + s.what + " " + t->qualified());
		}
	if (!list.empty())
		define(list);
	done(done_final, 0xC7, -1);
	return Flow::next;
}

/* ---- databases ---- */

Session::Flow
Session::run(const CreateDatabase &s)
{
	DatabaseInfo found, fresh;

	if (shared().find_database(s.name, &found))
		throw SqlError(1801, 16, 3,
					   "Database '" + s.name +
						   "' already exists. Choose a different database name.");
	fresh.name = s.name;
	fresh.collation = s.collation.empty() ? shared().options.collation : s.collation;
	collation(fresh.collation);
	execute_alone("CREATE DATABASE " + quote_identifier(s.name) + " TEMPLATE till_template");
	execute("SELECT till.describe_database(" + quote_literal(s.name) + ", " +
				quote_literal(fresh.collation) + ")",
			false);
	shared().add_database(fresh);
	done(done_final, 0xCB, -1);
	return Flow::next;
}

/* ALTER DATABASE x SET CHANGE_TRACKING ...; tracking.sql does it, in the connected database. */
void
Session::track_changes(const AlterDatabase &s, const std::string &name)
{
	std::string unit = s.unit == "MINUTES" ? "1" : s.unit == "HOURS" ? "2" : "3";
	std::string cleanup = s.cleanup.empty() ? "NULL" : s.cleanup == "ON" ? "true" : "false";

	if (name != database.name)
		throw unsupported("change tracking of another database than the connected one");
	execute("SELECT till.set_tracking(" + quote_literal(s.value) + ", " + cleanup + ", " +
				(s.period.empty() ? "NULL, NULL" : s.period + ", " + unit + "::int2") + ")",
			true);
}

Session::Flow
Session::run(const AlterDatabase &s)
{
	DatabaseInfo found;
	bool on = s.value == "ON";

	if (!shared().find_database(same_word(s.name, "CURRENT") ? database.name : s.name, &found))
		throw SqlError(5011, 14, 5,
					   "User does not have permission to alter database '" + s.name +
						   "', the database does not exist, or the database is not in a state that "
						   "allows access checks.");
	if (s.option == "ALLOW_SNAPSHOT_ISOLATION" || s.option == "READ_COMMITTED_SNAPSHOT")
	{
		bool snapshot = s.option == "ALLOW_SNAPSHOT_ISOLATION";

		execute_alone("ALTER DATABASE " + quote_identifier(found.name) + " SET till." +
					  (snapshot ? "snapshot" : "row_versions") + " = '" + (on ? "on" : "off") +
					  "'");
		(snapshot ? found.snapshot : found.row_versions) = on;
		shared().add_database(found);
	}
	else if (s.option == "CHANGE_TRACKING")
		track_changes(s, found.name);
	else if (s.option == "COMPATIBILITY_LEVEL")
		execute_alone("ALTER DATABASE " + quote_identifier(found.name) +
					  " SET till.compatibility_level = " + quote_literal(s.value));
	else if (s.option != "SINGLE_USER" && s.option != "MULTI_USER" && s.option != "RECOVERY" &&
			 s.option != "AUTO_CLOSE" && s.option != "AUTO_SHRINK" && s.option != "READ_WRITE")
		throw unsupported("ALTER DATABASE ... SET " + s.option);
	done(done_final, 0xD8, -1);
	return Flow::next;
}

void
Session::use_database(const std::string &name, bool announce)
{
	std::string before = database.name;
	DatabaseInfo found;

	if (!shared().find_database(name, &found))
		throw SqlError(911, 16, 1,
					   "Database '" + name +
						   "' does not exist. Make sure that the name is entered correctly.");
	if (found.name != database.name)
	{
		if (trancount > 0)
			throw unsupported("USE inside a transaction");
		std::string name_there = user_in(found.name);

		if (name_there.empty())
			throw SqlError(916, 14, 1,
						   "The server principal \"" + login.user +
							   "\" is not able to access the database \"" + found.name +
							   "\" under the current security context.");
		pg.connect(shared().options.socket_directory, found.name);
		/* so that the cluster's own views and log tell whose process it is */
		pg.run("SET application_name = " + quote_literal(login.application));
		become_user(name_there);
		lock_timeout_sent = false;
	}
	database = found;
	shared().moved(&info, found.name, pg.process());
	catalog.use(found.name, found.collation);
	out.default_collation = found.collation;
	if (!announce)
		return;
	Collation c = collation(found.collation);

	flush_done(true);
	out.environment(1, found.name, before.empty() ? "master" : before);
	out.info(5701, 2, 0, "Changed database context to '" + found.name + "'.", 1);
	out.environment_bytes(7, std::string(reinterpret_cast<const char *>(c.tds), 5), "");
}

Session::Flow
Session::run(const Use &s)
{
	use_database(s.database, true);
	done(done_final, 0, -1);
	return Flow::next;
}

/* ---- DBCC ---- */

/* CHECKIDENT (table [, NORESEED | RESEED [, value]]) */
void
Session::check_identity(const Dbcc &s)
{
	if (s.words.empty())
		throw syntax_error("CHECKIDENT");
	Name name;
	std::string text = s.words[0], part;

	for (char c : text + ".")
		if (c == '.')
		{
			name.push_back(part);
			part.clear();
		}
		else if (c != '[' && c != ']')
			part += c;
	const TableInfo &t = catalog.get(name);
	std::string table = quote_literal(t.qualified()) + "::regclass";

	if (t.identity_column() == nullptr)
		throw SqlError(7997, 16, 1, "'" + t.name + "' does not contain an identity column.");
	std::string current =
		execute("SELECT till.ident_current(" + quote_literal(t.schema + "." + t.name) + ")", false)
			.text(0, 0);

	if (s.words.size() > 2)
	{
		execute("SELECT till.reseed(" + table + ", " + convert_integer(*s.args[2]) + ")", true);
		report(SqlError(7998, 0, 1,
						"Checking identity information: current identity value '" +
							(current.empty() ? "NULL" : current) + "'."),
			   1);
	}
	else if (s.words.size() == 1 || same_word(s.words[1], "RESEED"))
	{
		execute("SELECT till.identity_inserted(" + table + ")", true);
		report(SqlError(7998, 0, 1,
						"Checking identity information: current identity value '" +
							(current.empty() ? "NULL" : current) + "'."),
			   1);
	}
	report(SqlError(2528, 0, 1,
					"DBCC execution completed. If DBCC printed error messages, contact your system "
					"administrator."),
		   1);
}

std::string
Session::convert_integer(const Expr &e)
{
	Type type = simple(Kind::bigint);

	return evaluate(e, &type).text;
}

Session::Flow
Session::run(const Dbcc &s)
{
	if (s.command == "CHECKIDENT")
		check_identity(s);
	else if (s.command != "USEROPTIONS" && s.command != "DROPCLEANBUFFERS" &&
			 s.command != "FREEPROCCACHE" && s.command != "SHRINKDATABASE" &&
			 s.command != "SHRINKFILE" && s.command != "CHECKDB")
		throw unsupported("DBCC " + s.command);
	done(done_final, 0, -1);
	return Flow::next;
}

} // namespace till
