/*
 * The options as the other files want them: parsed, with their defaults, in UTF-8 where they go to
 * the server. They were validated when they were set (options.cpp).
 */
#include "fdw/options.hpp"

#include <sys/stat.h>

namespace sambapos::fdw
{

bool replace_invalid_text = false;

/* Everything that is read while a server's and a mapping's options are gathered. */
struct Gathered
{
	ServerOptions *result;
	const char *password_file;
	bool port_given;
	bool check_hostname_given;
	bool password_given;
	bool password_required;
};

static const char *
utf8(const char *text)
{
	return pg_server_to_any(text, static_cast<int>(std::strlen(text)), PG_UTF8);
}

static bool
as_bool(const char *value)
{
	bool result = false;

	parse_bool(value, &result);
	return result;
}

static bool
is(const OptionRule *rule, const char *name)
{
	return std::strcmp(rule->name, name) == 0;
}

static bool
take_text(Gathered *all, const OptionRule *rule, const char *value)
{
	tds::Login &login = all->result->login;

	if (is(rule, "host"))
		login.host = utf8(value);
	else if (is(rule, "instance"))
		login.instance = utf8(value);
	else if (is(rule, "database"))
		login.database = utf8(value);
	else if (is(rule, "ca_file"))
		login.ca_file = value;
	else if (is(rule, "tds_version"))
		login.tds_version = value;
	else if (is(rule, "application_name"))
		login.application_name = utf8(value);
	else if (is(rule, "username"))
		login.username = utf8(value);
	else if (is(rule, "password"))
	{
		login.password = utf8(value);
		all->password_given = true;
	}
	else if (is(rule, "password_file"))
		all->password_file = value;
	else
		return false;
	return true;
}

static void
take_setting(Gathered *all, const OptionRule *rule, const char *value)
{
	ServerOptions *result = all->result;
	tds::Login &login = result->login;

	if (is(rule, "port"))
	{
		login.port = atoi(value);
		all->port_given = true;
	}
	else if (is(rule, "encryption"))
		login.encryption = static_cast<tds::Encryption>(choice_index(rule, value));
	else if (is(rule, "min_tls"))
		login.min_tls = static_cast<tds::MinTls>(choice_index(rule, value));
	else if (is(rule, "check_hostname"))
	{
		login.check_hostname = as_bool(value);
		all->check_hostname_given = true;
	}
	else if (is(rule, "packet_size"))
		login.packet_size = atoi(value);
	else if (is(rule, "connect_timeout"))
		login.connect_timeout = atoi(value);
	else if (is(rule, "query_timeout"))
		login.query_timeout = atoi(value);
	else if (is(rule, "lock_timeout"))
		login.lock_timeout = atoi(value);
	else if (is(rule, "isolation"))
		result->isolation = static_cast<tds::Isolation>(choice_index(rule, value));
	else if (is(rule, "keep_connections"))
		result->keep_connections = as_bool(value);
	else if (is(rule, "text_semantics"))
		result->text_semantics = static_cast<TextSemantics>(choice_index(rule, value));
	else if (is(rule, "invalid_text"))
		result->invalid_text = static_cast<InvalidText>(choice_index(rule, value));
	else if (is(rule, "use_remote_estimate"))
		result->use_remote_estimate = as_bool(value);
	else if (is(rule, "fdw_startup_cost"))
		result->startup_cost = strtod(value, nullptr);
	else if (is(rule, "fdw_tuple_cost"))
		result->tuple_cost = strtod(value, nullptr);
	else if (is(rule, "password_required"))
		all->password_required = as_bool(value);
}

static void
take_options(Gathered *all, List *options, Oid catalog)
{
	ListCell *cell;

	foreach (cell, options)
	{
		DefElem *option = lfirst_node(DefElem, cell);
		const OptionRule *rule = find_option(option->defname, catalog);

		if (rule == nullptr)
			elog(ERROR, "unknown option \"%s\"", option->defname);
		if (!take_text(all, rule, defGetString(option)))
			take_setting(all, rule, defGetString(option));
	}
}

/* Opens the file only after a look at it: a pipe would wait for a writer. */
static FILE *
open_password_file(const char *path)
{
	struct stat status;
	FILE *file = nullptr;

	if (!is_absolute_path(path))
		ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
						errmsg("password file \"%s\" is not an absolute path", path)));
	if (stat(path, &status) != 0 ||
		(S_ISREG(status.st_mode) && (file = AllocateFile(path, "r")) == nullptr))
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not read password file \"%s\": %m", path)));
	if (file == nullptr || fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode))
		ereport(ERROR, (errcode(ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION),
						errmsg("password file \"%s\" is not a regular file", path)));
	if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		ereport(ERROR, (errcode(ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION),
						errmsg("password file \"%s\" can be read by others", path),
						errhint("Use chmod 600.")));
	return file;
}

/* The first line of the file. Others must not be able to read it, as with ~/.pgpass. Nothing of it
 * may get into a message, so what can't be converted is found before it is. */
static const char *
read_password_file(const char *path)
{
	char line[1024];
	FILE *file = open_password_file(path);

	if (fgets(line, sizeof line, file) == nullptr)
		line[0] = '\0';
	FreeFile(file);

	size_t length = std::strcspn(line, "\r\n");
	line[length] = '\0';
	if (length > login_text_length ||
		!pg_verify_mbstr(GetDatabaseEncoding(), line, static_cast<int>(length), true))
		ereport(
			ERROR,
			(errcode(ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION),
			 errmsg("the first line of password file \"%s\" is not a password", path),
			 errdetail("A password has at most %d bytes and is in the encoding of the database.",
					   login_text_length)));
	return utf8(pstrdup(line));
}

[[noreturn]] static void
missing_option(const char *message, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION),
					errmsg_internal("%s", message), errhint("%s", hint)));
	pg_unreachable();
}

/* A user who isn't superuser must not go in with rights of the database server's own: what lets him
 * in at the till is his own password, as with postgres_fdw. */
static void
check_password(const Gathered *all, const ForeignServer *server, Oid user)
{
	const char *name = quote_identifier(server->servername);

	if (!all->password_required || all->result->login.password[0] != '\0')
		return;
	if (!superuser_arg(user))
		ereport(
			ERROR,
			(errcode(ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED),
			 errmsg("password is required"),
			 errdetail("Non-superusers must provide a password in the user mapping."),
			 errhint("ALTER USER MAPPING FOR ... SERVER %s OPTIONS (ADD password '...');", name)));
	if (!all->password_given && all->password_file == nullptr)
		missing_option(
			psprintf("the user mapping for server \"%s\" has no option \"password\"",
					 server->servername),
			psprintf("ALTER USER MAPPING FOR ... SERVER %s OPTIONS (ADD password '...');", name));
}

/* What a login can't do without. */
static void
complete_login(Gathered *all, const ForeignServer *server, Oid user)
{
	tds::Login &login = all->result->login;
	const char *name = quote_identifier(server->servername);

	if (login.host == nullptr)
		missing_option(
			psprintf("server \"%s\" has no option \"host\"", server->servername),
			psprintf("ALTER SERVER %s OPTIONS (ADD host 'name or address of the till');", name));
	if (login.username == nullptr)
		missing_option(
			psprintf("the user mapping for server \"%s\" has no option \"username\"",
					 server->servername),
			psprintf("ALTER USER MAPPING FOR ... SERVER %s OPTIONS (ADD username '...');", name));
	if (all->password_file != nullptr)
		login.password = read_password_file(all->password_file);
	check_password(all, server, user);
}

/* By what its handler answers: the wrapper may have another name, and there may be several. */
static bool
is_ours(const ForeignDataWrapper *wrapper)
{
	return OidIsValid(wrapper->fdwhandler) &&
		   GetFdwRoutine(wrapper->fdwhandler)->IterateForeignScan == sambapos_iterate_scan;
}

/* A longer text than any name has must not be cut to one that is there. */
Oid
named_server(const char *name)
{
	if (std::strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("server \"%s\" does not exist", name)));

	Oid server = get_foreign_server_oid(name, false);
	const ForeignDataWrapper *wrapper = GetForeignDataWrapper(GetForeignServer(server)->fdwid);

	if (!is_ours(wrapper))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("server \"%s\" is not one of sambapos_fdw", name),
						errdetail("Its foreign data wrapper is \"%s\".", wrapper->fdwname)));
	return server;
}

UserMapping *
user_mapping(Oid user, Oid server)
{
	Datum server_key = ObjectIdGetDatum(server);

	if (SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(user), server_key) ||
		SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid), server_key))
		return GetUserMapping(user, server);

	const char *server_name = GetForeignServer(server)->servername;
	const char *user_name = GetUserNameFromId(user, false);

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("user mapping not found for \"%s\", server \"%s\"", user_name, server_name),
			 errhint("CREATE USER MAPPING FOR %s SERVER %s OPTIONS (username '...', password "
					 "'...');",
					 quote_identifier(user_name), quote_identifier(server_name))));
	pg_unreachable();
}

ServerOptions *
server_options(Oid server_oid, Oid user)
{
	ForeignServer *server = GetForeignServer(server_oid);
	Gathered all = {};

	all.result = static_cast<ServerOptions *>(palloc0(sizeof(ServerOptions)));
	all.password_required = true;

	ServerOptions *result = all.result;
	tds::Login &login = result->login;

	login.instance = "";
	login.database = "";
	login.password = "";
	login.ca_file = "";
	login.tds_version = "7.4";
	login.encryption = tds::Encryption::require;
	login.min_tls = tds::MinTls::tls1_1;
	login.connect_timeout = 10;
	login.lock_timeout = 1000;
	login.application_name = psprintf("sambapos_fdw %d", MyProcPid);
	result->isolation = tds::Isolation::automatic;
	result->keep_connections = true;
	result->startup_cost = default_startup_cost;
	result->tuple_cost = default_tuple_cost;
	take_options(&all, server->options, ForeignServerRelationId);
	/* a port that is given needs no browser */
	if (!all.port_given)
		login.port = login.instance[0] != '\0' ? 0 : 1433;
	if (!all.check_hostname_given)
		login.check_hostname = login.ca_file[0] != '\0';
	if (!OidIsValid(user) && replace_invalid_text) /* how tables are read; a session is as it is */
		result->invalid_text = InvalidText::replace;
	if (OidIsValid(user))
	{
		take_options(&all, user_mapping(user, server_oid)->options, UserMappingRelationId);
		complete_login(&all, server, user);
	}
	return result;
}

/* ---- tables ---- */

const char *
find_option_value(List *options, const char *name)
{
	ListCell *cell;

	foreach (cell, options)
	{
		DefElem *option = lfirst_node(DefElem, cell);

		if (std::strcmp(option->defname, name) == 0)
			return defGetString(option);
	}
	return nullptr;
}

TableOptions
table_options(Oid relation)
{
	List *options = GetForeignTable(relation)->options;
	TableOptions result;

	result.relation = relation;
	result.schema_name = find_option_value(options, "schema_name");
	result.table_name = find_option_value(options, "table_name");
	result.query = find_option_value(options, "query");
	if (result.schema_name == nullptr)
		result.schema_name = "dbo";
	if (result.table_name == nullptr && result.query == nullptr)
		result.table_name = get_rel_name(relation);
	return result;
}

} // namespace sambapos::fdw
