/* Logins, users and their rights; the T-SQL side of principals.sql. */
#include "session/session.hpp"
#include "tsql/text.hpp"

namespace till
{

static std::string
role_of(const std::string &login)
{
	return "login:" + fold(login, false);
}

bool
Session::is_admin() const
{
	return same_word(login.user, shared().options.user);
}

/* Asks in a connection of its own: this one belongs to another database, or to nobody yet. */
std::string
Session::ask_database(const std::string &name, const std::string &sql)
{
	Backend other;

	other.wait = pg.wait;
	other.connect(shared().options.socket_directory, name);
	Result r = other.query(sql);

	return r.rows() > 0 ? r.text(0, 0) : "";
}

bool
Session::password_is_right()
{
	if (is_admin())
		return login.password == shared().options.password;
	return !login.password.empty() &&
		   ask_database("master", "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE "
								  "rolname = " +
									  quote_literal(role_of(login.user))) == login.password;
}

/* master is open to all logins. */
std::string
Session::user_in(const std::string &name)
{
	if (is_admin())
		return "dbo";
	if (same_word(name, "master"))
		return "guest";
	return ask_database(name, "SELECT name FROM till.users WHERE sid = till.sid_of(" +
								  quote_literal(login.user) + ")");
}

/* From here on PostgreSQL refuses what the login may not do. */
void
Session::become_user(const std::string &name)
{
	user = name;
	if (!is_admin())
		pg.run("SET ROLE " + quote_identifier(role_of(login.user)));
}

Session::Flow
Session::run(const CreatePrincipal &s)
{
	if (s.what == "LOGIN" && same_word(s.name, shared().options.user))
		throw SqlError(15025, 16, 1, "The server principal '" + s.name + "' already exists.");
	execute(s.what == "LOGIN"
				? "SELECT till.create_login(" + quote_literal(s.name) + ", " +
					  quote_literal(s.password) + ")"
				: std::string("SELECT till.") + (s.what == "USER" ? "create_user(" : "tie_user(") +
					  quote_literal(s.name) + ", " + quote_literal(s.login) + ")",
			true);
	done(done_final, 0, -1);
	return Flow::next;
}

Session::Flow
Session::drop_principals(const Drop &s)
{
	for (const Name &name : s.names)
		execute("SELECT till.drop_" + fold(s.what, false) + "(" + quote_literal(name.back()) + ")",
				true);
	done(done_final, 0, -1);
	return Flow::next;
}

/* On objects only; rights on schemas, databases and the server the till does not know. */
Session::Flow
Session::run(const Grant &s)
{
	std::string columns;

	if (s.object.empty() || s.object.back() == "*")
		throw unsupported(s.verb + " but on an object");
	const TableInfo *t = catalog.find(s.object);

	if (t == nullptr)
		throw SqlError(15151, 16, 1,
					   "Cannot find the object '" + s.object.back() +
						   "', because it does not exist or you do not have permission.");
	for (const std::string &name : s.columns)
	{
		const ColumnInfo *c = t->column(fold(name, catalog.is_turkish()), catalog.is_turkish());

		if (c == nullptr)
			throw SqlError(207, 16, 1, "Invalid column name '" + name + "'.");
		columns += (columns.empty() ? "" : ", ") + quote_literal(c->name);
	}
	for (const std::string &permission : s.permissions)
	{
		if (permission != "SELECT" && permission != "INSERT" && permission != "UPDATE" &&
			permission != "DELETE" && permission != "VIEW CHANGE TRACKING")
			throw unsupported(s.verb + " " + permission);
		execute("SELECT till.set_permission(" + quote_literal(s.verb) + ", " +
					quote_literal(permission) + ", " + quote_literal(t->qualified()) +
					"::regclass, ARRAY[" + (columns.empty() ? "''" : columns) + "]::text[], " +
					quote_literal(s.grantee) + ")",
				true);
	}
	done(done_final, 0, -1);
	return Flow::next;
}

} // namespace till
