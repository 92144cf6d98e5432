/*
 * The options as the other files use them: parsed, with their defaults, in UTF-8 where they go to
 * the server. They were validated when they were set (validator.cpp).
 */
#include "fdw/options/options.hpp"

#include <sys/stat.h>

namespace sambapos::fdw
{

bool replace_invalid_text = false;

/* ---- one value ---- */

/* The position of a value among the choices; -1 if it is not one of them. */
static int
choice_index(const char *choices, const char *value)
{
	size_t length = std::strlen(value);
	int index = 0;

	for (const char *choice = choices; *choice != '\0'; index++)
	{
		size_t choice_length = std::strcspn(choice, ",");

		if (choice_length == length && std::strncmp(choice, value, length) == 0)
			return index;
		choice += choice_length + std::strspn(choice + choice_length, ", ");
	}
	return -1;
}

static bool
parse_integer(const OptionRange &range, const char *text, int *result)
{
	char *end;

	errno = 0;

	long number = strtol(text, &end, 10);

	if (errno != 0 || end == text || *end != '\0' || number < range.minimum ||
		number > range.maximum)
		return false;
	*result = static_cast<int>(number);
	return true;
}

static bool
parse_number(const char *text, double *result)
{
	char *end;

	errno = 0;
	*result = strtod(text, &end);
	return errno == 0 && end != text && *end == '\0' && *result >= 0 && *result <= 1e15;
}

/* Its length is that of what is sent. Without an encoding that is the text as it is. */
static bool
has_room(const OptionRange &range, const char *text)
{
	const char *sent = GetDatabaseEncoding() == PG_SQL_ASCII
						   ? text
						   : pg_server_to_any(text, static_cast<int>(std::strlen(text)), PG_UTF8);

	return (range.maximum == 0 || std::strlen(sent) <= static_cast<size_t>(range.maximum)) &&
		   (!range.configured || tds::is_configurable(sent));
}

bool
parse_option(const Option &option, const char *text, OptionValue *value)
{
	const OptionRange &range = option.range;

	*value = {text, false, 0, 0};
	switch (range.kind)
	{
		case OptionKind::text:
		case OptionKind::secret:
			return (*text != '\0' || range.kind == OptionKind::secret) && has_room(range, text);
		case OptionKind::path: return is_absolute_path(text) && has_room(range, text);
		case OptionKind::boolean: return parse_bool(text, &value->boolean);
		case OptionKind::integer: return parse_integer(range, text, &value->integer);
		case OptionKind::number: return parse_number(text, &value->number);
		case OptionKind::choice:
			value->integer = choice_index(range.choices, text);
			return value->integer >= 0;
	}
	return false;
}

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

/* Valid values only: they were checked when they were set. */
void
read_options(List *options, OptionContext context, const OptionTarget &target)
{
	for (const Option &option : all_options())
	{
		if (option.context != context || option.set == nullptr)
			continue;

		const char *given = find_option_value(options, option.name);
		const char *text = given != nullptr ? given : option.initial;
		OptionValue value;

		if (text == nullptr)
			continue;
		parse_option(option, text, &value);
		option.set(target, value);
	}
}

/* ---- the password ---- */

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
 * may get into a message, so what cannot be converted is found before it is. */
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
			 errmsg("the first line of password file \"%s\" is not a valid password", path),
			 errdetail("A password has at most %d bytes and is in the encoding of the database.",
					   login_text_length)));
	return pg_server_to_any(pstrdup(line), static_cast<int>(length), PG_UTF8);
}

[[noreturn]] static void
missing_option(const char *message, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION),
					errmsg_internal("%s", message), errhint("%s", hint)));
	pg_unreachable();
}

/* A user who is not superuser must not connect with rights of the database server's own, only with
 * a password of the user mapping, as with postgres_fdw. */
static void
check_password(const ServerOptions *options, const ForeignServer *server, Oid user)
{
	const char *name = quote_identifier(server->servername);
	const char *password = options->login.password;

	if (!options->password_required || (password != nullptr && password[0] != '\0'))
		return;
	if (!superuser_arg(user))
		ereport(
			ERROR,
			(errcode(ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED),
			 errmsg("password is required"),
			 errdetail("Non-superusers must provide a password in the user mapping."),
			 errhint("ALTER USER MAPPING FOR ... SERVER %s OPTIONS (ADD password '...');", name)));
	if (password == nullptr)
		missing_option(
			psprintf("the user mapping for server \"%s\" has no option \"password\"",
					 server->servername),
			psprintf("ALTER USER MAPPING FOR ... SERVER %s OPTIONS (ADD password '...');", name));
}

/* ---- servers ---- */

/* What a login cannot do without. */
static void
complete_login(ServerOptions *options, const ForeignServer *server, Oid user)
{
	tds::Login &login = options->login;
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
	if (options->password_file != nullptr)
		login.password = read_password_file(options->password_file);
	check_password(options, server, user);
	if (login.password == nullptr)
		login.password = "";
}

/* The defaults that depend on other options, or on the process. */
static void
find_defaults(tds::Login *login)
{
	if (login->port == 0 && login->instance[0] == '\0')
		login->port = 1433;
	if (login->ca_file[0] == '\0')
		login->check_hostname = false;
	if (login->application_name == nullptr)
		login->application_name = psprintf("sambapos_fdw %d", MyProcPid);
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
						errmsg("server \"%s\" does not use sambapos_fdw", name),
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
	auto *result = static_cast<ServerOptions *>(palloc0(sizeof(ServerOptions)));
	OptionTarget target = {result, nullptr, nullptr, nullptr};

	read_options(server->options, OptionContext::server, target);
	find_defaults(&result->login);
	if (!OidIsValid(user) && replace_invalid_text) /* how tables are read; a session is as it is */
		result->invalid_text = InvalidText::replace;
	if (OidIsValid(user))
	{
		read_options(user_mapping(user, server_oid)->options, OptionContext::user_mapping, target);
		complete_login(result, server, user);
	}
	return result;
}

/* ---- tables ---- */

TableOptions
table_options(Oid relation)
{
	TableOptions result = {};

	read_options(GetForeignTable(relation)->options, OptionContext::table,
				 {nullptr, &result, nullptr, nullptr});
	result.relation = relation;
	if (result.table_name == nullptr && result.query == nullptr)
		result.table_name = get_rel_name(relation);
	return result;
}

OptionValue
inherited_option(Oid relation, const char *name)
{
	const ForeignTable *table = GetForeignTable(relation);
	const Option *option = find_option(name, OptionContext::server);
	const char *text = find_option_value(table->options, name);
	OptionValue value;

	if (text == nullptr)
		text = find_option_value(GetForeignServer(table->serverid)->options, name);
	parse_option(*option, text != nullptr ? text : option->initial, &value);
	return value;
}

} // namespace sambapos::fdw
