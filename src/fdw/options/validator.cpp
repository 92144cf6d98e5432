/*
 * What the user may configure: the table of options and the validator that CREATE and ALTER SERVER,
 * USER MAPPING, FOREIGN TABLE and COLUMN call. An option that passes here is never refused later.
 *
 * Who may set what follows postgres_fdw: what names a file of the database server, and the
 * permission to connect without a password, are for superusers.
 */
#include "fdw/options/options.hpp"

namespace sambapos::fdw
{

constexpr int one_day = 86400;

static const OptionRule rules[] = {
	{"host", ForeignServerRelationId, OptionKind::text, 0, 255, nullptr},
	{"port", ForeignServerRelationId, OptionKind::integer, 1, 65535, nullptr},
	{"instance", ForeignServerRelationId, OptionKind::name, 0, 16, nullptr},
	{"database", ForeignServerRelationId, OptionKind::name, 0, login_text_length, nullptr},
	{"encryption", ForeignServerRelationId, OptionKind::choice, 0, 0, "off, request, require"},
	{"min_tls", ForeignServerRelationId, OptionKind::choice, 0, 0, "1.0, 1.1, 1.2"},
	{"ca_file", ForeignServerRelationId, OptionKind::path, 0, 0, nullptr},
	{"check_hostname", ForeignServerRelationId, OptionKind::boolean, 0, 0, nullptr},
	{"tds_version", ForeignServerRelationId, OptionKind::choice, 0, 0, "7.1, 7.2, 7.3, 7.4"},
	{"packet_size", ForeignServerRelationId, OptionKind::integer, 512, 32767, nullptr},
	{"connect_timeout", ForeignServerRelationId, OptionKind::integer, 0, one_day, nullptr},
	{"query_timeout", ForeignServerRelationId, OptionKind::integer, 0, one_day, nullptr},
	{"lock_timeout", ForeignServerRelationId, OptionKind::integer, -1, one_day * 1000, nullptr},
	{"isolation", ForeignServerRelationId, OptionKind::choice, 0, 0,
	 "auto, snapshot, read_committed, read_uncommitted"},
	{"application_name", ForeignServerRelationId, OptionKind::name, 0, login_text_length, nullptr},
	{"keep_connections", ForeignServerRelationId, OptionKind::boolean, 0, 0, nullptr},
	{"text_semantics", ForeignServerRelationId, OptionKind::choice, 0, 0, "strict, server"},
	{"invalid_text", ForeignServerRelationId, OptionKind::choice, 0, 0, "error, replace"},
	{"use_remote_estimate", ForeignServerRelationId, OptionKind::boolean, 0, 0, nullptr},
	{"fdw_startup_cost", ForeignServerRelationId, OptionKind::number, 0, 0, nullptr},
	{"fdw_tuple_cost", ForeignServerRelationId, OptionKind::number, 0, 0, nullptr},
	{"async_capable", ForeignServerRelationId, OptionKind::boolean, 0, 0, nullptr},
	{"analyze_sampling", ForeignServerRelationId, OptionKind::choice, 0, 0,
	 "off, auto, system, bernoulli"},

	{"username", UserMappingRelationId, OptionKind::name, 0, login_text_length, nullptr},
	{"password", UserMappingRelationId, OptionKind::secret, 0, login_text_length, nullptr},
	{"password_file", UserMappingRelationId, OptionKind::path, 0, 0, nullptr},
	{"password_required", UserMappingRelationId, OptionKind::boolean, 0, 0, nullptr},

	{"schema_name", ForeignTableRelationId, OptionKind::name, 0, 0, nullptr},
	{"table_name", ForeignTableRelationId, OptionKind::name, 0, 0, nullptr},
	{"query", ForeignTableRelationId, OptionKind::text, 0, 0, nullptr},
	{"async_capable", ForeignTableRelationId, OptionKind::boolean, 0, 0, nullptr},
	{"analyze_sampling", ForeignTableRelationId, OptionKind::choice, 0, 0,
	 "off, auto, system, bernoulli"},
	{"estimated_rows", ForeignTableRelationId, OptionKind::number, 0, 0, nullptr},

	{"column_name", AttributeRelationId, OptionKind::name, 0, 0, nullptr},
	{"remote_type", AttributeRelationId, OptionKind::text, 0, 0, nullptr},
	{"remote_collation", AttributeRelationId, OptionKind::text, 0, 0, nullptr},
	{"key", AttributeRelationId, OptionKind::boolean, 0, 0, nullptr},
};

const OptionRule *
find_option(const char *name, Oid catalog)
{
	for (const OptionRule &rule : rules)
		if (rule.catalog == catalog && std::strcmp(rule.name, name) == 0)
			return &rule;
	return nullptr;
}

int
choice_index(const OptionRule *rule, const char *value)
{
	size_t length = std::strlen(value);
	int index = 0;

	for (const char *choice = rule->choices; *choice != '\0'; index++)
	{
		size_t choice_length = std::strcspn(choice, ",");

		if (choice_length == length && std::strncmp(choice, value, length) == 0)
			return index;
		choice += choice_length + std::strspn(choice + choice_length, ", ");
	}
	return -1;
}

/* ---- unknown options ---- */

static const char *
object_kind(Oid catalog)
{
	switch (catalog)
	{
		case ForeignServerRelationId: return "a server";
		case UserMappingRelationId: return "a user mapping";
		case ForeignTableRelationId: return "a foreign table";
		case AttributeRelationId: return "a column of a foreign table";
		default: return "the foreign data wrapper";
	}
}

/* The option of this kind of object whose name is nearest, be it cut short or misspelt; null if
 * none is near. */
static const OptionRule *
nearest_option(const char *name, Oid catalog)
{
	const OptionRule *nearest = nullptr;
	int length = static_cast<int>(std::strlen(name));
	int least = length / 2 + 1; /* at least half of it must be right */

	if (length > 63)
		return nullptr;
	for (const OptionRule &rule : rules)
	{
		if (rule.catalog != catalog)
			continue;
		if (length > 2 && std::strncmp(rule.name, name, static_cast<size_t>(length)) == 0)
			return &rule;
		int distance = varstr_levenshtein_less_equal(name, length, rule.name,
													 static_cast<int>(std::strlen(rule.name)), 1, 1,
													 1, least, true);

		if (distance < least)
		{
			least = distance;
			nearest = &rule;
		}
	}
	return nearest;
}

static const char *
list_options(Oid catalog)
{
	StringInfoData list;

	initStringInfo(&list);
	for (const OptionRule &rule : rules)
		if (rule.catalog == catalog)
			appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", rule.name);
	return list.data;
}

/* In this order: it belongs to another object; it is misspelt; here is what there is. */
static const char *
unknown_option_hint(const char *name, Oid catalog)
{
	const OptionRule *nearest = nearest_option(name, catalog);

	for (const OptionRule &rule : rules)
		if (std::strcmp(rule.name, name) == 0)
			return psprintf("\"%s\" is an option of %s.", name, object_kind(rule.catalog));
	if (nearest != nullptr)
		return psprintf("Perhaps you meant the option \"%s\".", nearest->name);
	if (list_options(catalog)[0] == '\0')
		return psprintf("There are no options of %s.", object_kind(catalog));
	return psprintf("Valid options of %s are: %s.", object_kind(catalog), list_options(catalog));
}

/* ---- values ---- */

[[noreturn]] static void
invalid_value(const OptionRule *rule, const char *value, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					rule->kind == OptionKind::secret
						? errmsg("invalid value for option \"%s\"", rule->name)
						: errmsg("invalid value for option \"%s\": \"%s\"", rule->name, value),
					errhint("%s", hint)));
	pg_unreachable();
}

static void
check_integer(const OptionRule *rule, const char *value)
{
	char *end;

	errno = 0;
	long number = strtol(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0' || number < rule->minimum ||
		number > rule->maximum)
		invalid_value(
			rule, value,
			psprintf("Valid values are integers from %d to %d.", rule->minimum, rule->maximum));
}

static void
check_number(const OptionRule *rule, const char *value)
{
	char *end;

	errno = 0;
	double number = strtod(value, &end);
	if (errno != 0 || end == value || *end != '\0' || !(number >= 0) || number > 1e15)
		invalid_value(rule, value, "Valid values are numbers from 0 to 1e15.");
}

static void
check_text(const OptionRule *rule, const char *value)
{
	if (*value == '\0' && rule->kind != OptionKind::secret)
		invalid_value(rule, value, "The value must not be empty.");
	if (rule->maximum > 0 && std::strlen(value) > static_cast<size_t>(rule->maximum))
		invalid_value(rule, value, psprintf("The value may have at most %d bytes.", rule->maximum));
}

static void
check_value(const OptionRule *rule, const char *value)
{
	bool unused;

	switch (rule->kind)
	{
		case OptionKind::text:
		case OptionKind::name:
		case OptionKind::secret: check_text(rule, value); break;
		case OptionKind::path:
			if (!is_absolute_path(value))
				invalid_value(rule, value, "The value must be an absolute path.");
			break;
		case OptionKind::boolean:
			if (!parse_bool(value, &unused))
				invalid_value(rule, value, "Valid values are: true, false.");
			break;
		case OptionKind::integer: check_integer(rule, value); break;
		case OptionKind::number: check_number(rule, value); break;
		case OptionKind::choice:
			if (choice_index(rule, value) < 0)
				invalid_value(rule, value, psprintf("Valid values are: %s.", rule->choices));
			break;
	}
}

static void
check_right(const OptionRule *rule, const char *value)
{
	bool required = true;

	if (superuser())
		return;
	if (rule->kind == OptionKind::path)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("only superusers may set the option \"%s\"", rule->name),
				 errdetail("It names a file that the database server reads with its own rights.")));
	if (std::strcmp(rule->name, "password_required") == 0 && parse_bool(value, &required) &&
		!required)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("password_required=false is superuser-only"),
				 errhint("User mappings with the password_required option set to false may only "
						 "be created or modified by the superuser.")));
}

/* ---- options that exclude one another ---- */

static const char *
option_value(List *options, const char *name)
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

static void
exclude(List *options, const char *first, const char *second, const char *hint)
{
	if (option_value(options, first) != nullptr && option_value(options, second) != nullptr)
		ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
						errmsg("options \"%s\" and \"%s\" exclude each other", first, second),
						errhint("%s", hint)));
}

static void
check_combination(List *options)
{
	bool check_hostname = false;
	const char *value = option_value(options, "check_hostname");

	exclude(options, "query", "table_name", "Name a table, or give a query in its place.");
	exclude(options, "query", "schema_name", "Write the schema into the query.");
	exclude(options, "password", "password_file", "Keep the password in one place.");
	if (value != nullptr && parse_bool(value, &check_hostname) && check_hostname &&
		option_value(options, "ca_file") == nullptr)
		ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
						errmsg("option \"check_hostname\" needs the option \"ca_file\""),
						errdetail("A name in a certificate that nobody vouches for proves "
								  "nothing.")));
}

} // namespace sambapos::fdw

using namespace sambapos::fdw;

extern "C"
{
	PG_FUNCTION_INFO_V1(sambapos_fdw_validator);

	Datum sambapos_fdw_validator(PG_FUNCTION_ARGS)
	{
		List *options = untransformRelOptions(PG_GETARG_DATUM(0));
		Oid catalog = PG_GETARG_OID(1);
		ListCell *cell;

		foreach (cell, options)
		{
			DefElem *option = lfirst_node(DefElem, cell);
			const OptionRule *rule = find_option(option->defname, catalog);

			if (rule == nullptr)
				ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
								errmsg("invalid option \"%s\"", option->defname),
								errhint("%s", unknown_option_hint(option->defname, catalog))));
			check_value(rule, defGetString(option));
			check_right(rule, defGetString(option));
			if (std::strcmp(rule->name, "query") == 0)
				check_query_option(defGetString(option), fcinfo->flinfo->fn_oid);
		}
		check_combination(options);
		PG_RETURN_VOID();
	}
}
