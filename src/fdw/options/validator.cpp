/*
 * The validator that CREATE and ALTER SERVER, USER MAPPING, FOREIGN TABLE and COLUMN call. An
 * option that passes here is never refused later.
 *
 * Who may set what follows postgres_fdw: what names a file of the database server, and the
 * permission to connect without a password, are for superusers.
 */
#include "fdw/options/options.hpp"

namespace sambapos::fdw
{

/* ---- unknown options ---- */

static OptionContext
context_of(Oid catalog)
{
	switch (catalog)
	{
		case ForeignServerRelationId: return OptionContext::server;
		case UserMappingRelationId: return OptionContext::user_mapping;
		case ForeignTableRelationId: return OptionContext::table;
		case AttributeRelationId: return OptionContext::column;
		default: return OptionContext::wrapper;
	}
}

static const char *
context_name(OptionContext context)
{
	switch (context)
	{
		case OptionContext::server: return "a server";
		case OptionContext::user_mapping: return "a user mapping";
		case OptionContext::table: return "a foreign table";
		case OptionContext::column: return "a column of a foreign table";
		case OptionContext::import: return "IMPORT FOREIGN SCHEMA";
		case OptionContext::wrapper: break;
	}
	return "the foreign data wrapper";
}

/* The option of this context whose name is nearest, cut short or misspelt; null if none is near. */
static const Option *
nearest_option(const char *name, OptionContext context)
{
	const Option *nearest = nullptr;
	int length = static_cast<int>(std::strlen(name));
	int least = length / 2 + 1; /* at least half of it must be right */

	if (length > 63)
		return nullptr;
	for (const Option &option : all_options())
	{
		if (option.context != context)
			continue;
		if (length > 2 && std::strncmp(option.name, name, static_cast<size_t>(length)) == 0)
			return &option;
		int distance = varstr_levenshtein_less_equal(name, length, option.name,
													 static_cast<int>(std::strlen(option.name)), 1,
													 1, 1, least, true);

		if (distance < least)
		{
			least = distance;
			nearest = &option;
		}
	}
	return nearest;
}

static const char *
list_options(OptionContext context)
{
	StringInfoData list;

	initStringInfo(&list);
	for (const Option &option : all_options())
		if (option.context == context)
			appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", option.name);
	return list.data;
}

/* In this order: it belongs to another object; it is misspelt; the list of valid ones. */
static const char *
unknown_option_hint(const char *name, OptionContext context)
{
	const Option *nearest = nearest_option(name, context);

	for (const Option &option : all_options())
		if (std::strcmp(option.name, name) == 0)
			return psprintf("\"%s\" is an option of %s.", name, context_name(option.context));
	if (nearest != nullptr)
		return psprintf("Perhaps you meant the option \"%s\".", nearest->name);
	if (list_options(context)[0] == '\0')
		return psprintf("There are no options of %s.", context_name(context));
	return psprintf("Valid options of %s are: %s.", context_name(context), list_options(context));
}

const Option *
checked_option(const char *name, OptionContext context)
{
	const Option *option = find_option(name, context);

	if (option == nullptr)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME), errmsg("invalid option \"%s\"", name),
				 errhint("%s", unknown_option_hint(name, context))));
	return option;
}

/* ---- values ---- */

/* What a valid value is. */
static const char *
range_hint(const Option &option, const char *text)
{
	const OptionRange &range = option.range;

	switch (range.kind)
	{
		case OptionKind::text:
		case OptionKind::secret:
			if (*text == '\0')
				return "The value must not be empty.";
			return range.configured
					   ? tds::configurable_hint
					   : psprintf("The value may have at most %d bytes in UTF-8.", range.maximum);
		case OptionKind::path:
			return is_absolute_path(text) ? tds::configurable_hint
										  : "The value must be an absolute path.";
		case OptionKind::boolean: return "Valid values are: true, false.";
		case OptionKind::integer:
			return psprintf("Valid values are integers from %d to %d.", range.minimum,
							range.maximum);
		case OptionKind::number: return "Valid values are numbers from 0 to 1e15.";
		case OptionKind::choice: return psprintf("Valid values are: %s.", range.choices);
	}
	return "";
}

void
check_option_value(const Option &option, const char *text)
{
	OptionValue value;

	if (parse_option(option, text, &value))
		return;
	ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					option.range.kind == OptionKind::secret
						? errmsg("invalid value for option \"%s\"", option.name)
						: errmsg("invalid value for option \"%s\": \"%s\"", option.name, text),
					errhint("%s", range_hint(option, text))));
}

static void
check_right(const Option &option, const char *value)
{
	bool required = true;

	if (superuser())
		return;
	if (option.range.kind == OptionKind::path)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("only superusers may set the option \"%s\"", option.name),
				 errdetail("It names a file that the database server reads with its own rights.")));
	if (std::strcmp(option.name, "password_required") == 0 && parse_bool(value, &required) &&
		!required)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("password_required=false is superuser-only"),
				 errhint("User mappings with the password_required option set to false may only "
						 "be created or modified by the superuser.")));
}

/* ---- options that exclude one another ---- */

static void
exclude(List *options, const char *first, const char *second, const char *hint)
{
	if (find_option_value(options, first) != nullptr &&
		find_option_value(options, second) != nullptr)
		ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
						errmsg("options \"%s\" and \"%s\" exclude each other", first, second),
						errhint("%s", hint)));
}

static void
check_combination(List *options)
{
	bool check_hostname = false;
	const char *value = find_option_value(options, "check_hostname");

	exclude(options, "query", "table_name", "Name a table, or give a query in its place.");
	exclude(options, "query", "schema_name", "Write the schema into the query.");
	exclude(options, "password", "password_file", "Keep the password in one place.");
	if (value != nullptr && parse_bool(value, &check_hostname) && check_hostname &&
		find_option_value(options, "ca_file") == nullptr)
		ereport(
			ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("option \"check_hostname\" needs the option \"ca_file\""),
			 errdetail(
				 "Without ca_file the certificate is not checked, so its name proves nothing.")));
}

} // namespace sambapos::fdw

using namespace sambapos::fdw;

extern "C"
{
	PG_FUNCTION_INFO_V1(sambapos_fdw_validator);

	Datum sambapos_fdw_validator(PG_FUNCTION_ARGS)
	{
		List *options = untransformRelOptions(PG_GETARG_DATUM(0));
		OptionContext context = context_of(PG_GETARG_OID(1));
		ListCell *cell;

		foreach (cell, options)
		{
			DefElem *given = lfirst_node(DefElem, cell);
			const Option *option = checked_option(given->defname, context);
			const char *value = defGetString(given);

			check_option_value(*option, value);
			check_right(*option, value);
			if (option->check != nullptr)
				option->check(value, fcinfo->flinfo->fn_oid);
		}
		check_combination(options);
		PG_RETURN_VOID();
	}
}
