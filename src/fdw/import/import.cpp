/*
 * IMPORT FOREIGN SCHEMA: asks the server's catalog and writes a CREATE FOREIGN TABLE for each
 * table.
 *
 * Names come from INFORMATION_SCHEMA, where their case is kept on every server; other catalog views
 * may have them in lower case, so tables are looked up there exactly first and without regard to
 * case then. What planning and push-down need to know later is recorded as options: column_name,
 * remote_type, remote_collation, key, estimated_rows.
 *
 * LIMIT TO and EXCEPT may name a table as it is called at the server or as it is called here. A
 * name longer than PostgreSQL's has been cut: it means every table whose name begins so.
 * Options: name_case (snake, keep, lower), import_not_null (true), import_views (false: a view may
 * show under another name what import_sensitive hides), import_sensitive (false).
 */
#include "bridge/visible.hpp"
#include "fdw/import/import.hpp"
#include "fdw/import/name_table.hpp"
#include "fdw/options/options.hpp"

namespace sambapos::fdw
{

/* ---- options ---- */

static ImportOptions
read_import_options(List *list)
{
	ImportOptions options;
	ListCell *cell;

	foreach (cell, list)
	{
		DefElem *given = lfirst_node(DefElem, cell);

		check_option_value(*checked_option(given->defname, OptionContext::import),
						   defGetString(given));
	}
	read_options(list, OptionContext::import, {nullptr, nullptr, nullptr, &options});
	return options;
}

/* ---- choosing and naming ---- */

/* What PostgreSQL makes of a name in a statement: it cuts what is too long. */
static const char *
as_written(const char *name)
{
	auto length = static_cast<int>(std::strlen(name));

	return length < NAMEDATALEN ? name
								: pnstrdup(name, pg_mbcliplen(name, length, NAMEDATALEN - 1));
}

/* The names in LIMIT TO or EXCEPT. */
static HTAB *
listed_names(const ImportForeignSchemaStmt *statement)
{
	HTAB *names = make_name_table(sizeof(NameKey));
	ListCell *cell;
	bool found;

	foreach (cell, statement->table_list)
		name_enter(names, nullptr, lfirst_node(RangeVar, cell)->relname, &found);
	return names;
}

static bool
is_listed(HTAB *listed, const RemoteTable *table)
{
	return name_find(listed, nullptr, as_written(table->name)) != nullptr ||
		   name_find(listed, nullptr, table->local) != nullptr;
}

static HTAB *
names_of(const List *tables)
{
	HTAB *names = make_name_table(sizeof(NameKey));
	ListCell *cell;
	bool found;

	foreach (cell, tables)
	{
		const auto *table = static_cast<const RemoteTable *>(lfirst(cell));

		CHECK_FOR_INTERRUPTS();
		name_enter(names, nullptr, as_written(table->name), &found);
		name_enter(names, nullptr, table->local, &found);
	}
	return names;
}

/* A name in LIMIT TO that no table has is misspelt, or is a table that this login may not see. */
static void
report_absent(const ImportForeignSchemaStmt *statement, const List *tables, const char *server_name)
{
	ListCell *wanted;

	if (statement->list_type != FDW_IMPORT_SCHEMA_LIMIT_TO)
		return;

	HTAB *names = names_of(tables);

	foreach (wanted, statement->table_list)
	{
		const char *name = lfirst_node(RangeVar, wanted)->relname;

		if (name_find(names, nullptr, name) == nullptr)
			ereport(WARNING,
					(errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
					 errmsg("schema \"%s\" of server \"%s\" has no table \"%s\"",
							statement->remote_schema, server_name, name),
					 errhint("Write the name that the table has at the server, in double quotes, "
							 "or the name that it would get here. A login sees only what it may "
							 "read. Views need the option import_views.")));
	}
	hash_destroy(names);
}

static bool
is_wanted(const ImportForeignSchemaStmt *statement, HTAB *listed, const RemoteTable *table)
{
	switch (statement->list_type)
	{
		case FDW_IMPORT_SCHEMA_LIMIT_TO: return is_listed(listed, table);
		case FDW_IMPORT_SCHEMA_EXCEPT: return !is_listed(listed, table);
		default: return true;
	}
}

static void
name_tables(List *tables, NameCase name_case)
{
	int count = list_length(tables);
	auto **remote = static_cast<const char **>(MemoryContextAllocHuge(
		CurrentMemoryContext, sizeof(char *) * static_cast<size_t>(count + 1)));

	for (int i = 0; i < count; i++)
		remote[i] = static_cast<RemoteTable *>(list_nth(tables, i))->name;
	const char **local = local_names(remote, count, name_case, NameKind::tables);

	for (int i = 0; i < count; i++)
		static_cast<RemoteTable *>(list_nth(tables, i))->local = local[i];
}

/* All columns take part, also those that are left out, so that a name never depends on an option.
 */
static void
name_columns(const RemoteTable *table, NameCase name_case)
{
	int count = list_length(table->columns);
	auto **remote =
		static_cast<const char **>(palloc0(sizeof(char *) * static_cast<size_t>(count + 1)));

	for (int i = 0; i < count; i++)
		remote[i] = static_cast<RemoteColumn *>(list_nth(table->columns, i))->name;
	const char **local = local_names(remote, count, name_case, NameKind::columns);

	for (int i = 0; i < count; i++)
		static_cast<RemoteColumn *>(list_nth(table->columns, i))->local = local[i];
}

/* ---- the commands ---- */

static void
append_option(StringInfo command, bool *first, const char *name, const char *value)
{
	appendStringInfo(command, "%s%s %s", *first ? "" : ", ", name, quote_literal_cstr(value));
	*first = false;
}

static void
append_column(StringInfo command, const RemoteColumn *column, const char *type, bool not_null)
{
	bool first = true;

	appendStringInfo(command, "\n  %s %s OPTIONS (", quote_identifier(column->local), type);
	append_option(command, &first, "column_name", column->name);
	append_option(command, &first, "remote_type", remote_type_text(*column));
	if (column->collation != nullptr)
		append_option(command, &first, "remote_collation", column->collation);
	if (column->key)
		append_option(command, &first, "key", "true");
	appendStringInfoString(command, not_null ? ") NOT NULL" : ")");
}

/* Null if nothing of the table can be read. What was left out is added to the list. */
static char *
create_command(const RemoteTable *table, const ImportForeignSchemaStmt *statement,
			   const char *server_name, const ImportOptions &options, StringInfo left_out)
{
	StringInfoData command;
	ListCell *cell;
	bool first = true;

	initStringInfo(&command);
	appendStringInfo(&command, "CREATE FOREIGN TABLE %s (", quote_identifier(table->local));
	foreach (cell, table->columns)
	{
		auto *column = static_cast<RemoteColumn *>(lfirst(cell));
		const char *type = local_type(*column);

		CHECK_FOR_INTERRUPTS();
		if (!options.sensitive && is_sensitive_column(table->name, column->name))
		{
			appendStringInfo(left_out, "%s%s.%s", left_out->len > 0 ? ", " : "", table->name,
							 column->name);
			continue;
		}
		if (type == nullptr)
		{
			ereport(WARNING, (errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
							  errmsg("column \"%s\" of table \"%s\" was left out: type %s is not "
									 "supported",
									 visible(column->name), visible(table->name),
									 visible(column->data_type))));
			continue;
		}
		appendStringInfoString(&command, first ? "" : ",");
		append_column(&command, column, type, options.not_null && !column->nullable);
		first = false;
	}
	if (first)
		return nullptr;
	appendStringInfo(&command, "\n) SERVER %s OPTIONS (", quote_identifier(server_name));
	first = true;
	append_option(&command, &first, "schema_name", statement->remote_schema);
	append_option(&command, &first, "table_name", table->name);
	if (table->rows > 0)
		append_option(&command, &first, "estimated_rows", psprintf("%.0f", table->rows));
	appendStringInfoChar(&command, ')');
	return command.data;
}

/* A secret table that was asked for by name gets a warning; the others, in an import of everything,
 * one notice. */
static bool
leaves_out(const RemoteTable *table, const ImportForeignSchemaStmt *statement,
		   const ImportOptions &options, StringInfo left_out)
{
	if (options.sensitive || !is_sensitive_table(table->name))
		return false;
	if (statement->list_type == FDW_IMPORT_SCHEMA_LIMIT_TO)
		ereport(WARNING,
				(errmsg("table \"%s\" holds credentials and was left out", visible(table->name)),
				 errhint("The option import_sensitive imports it.")));
	else
		appendStringInfo(left_out, "%s%s", left_out->len > 0 ? ", " : "", table->name);
	return true;
}

/* A table with sparse columns may have 30,000 of them. */
static bool
is_too_wide(const RemoteTable *table)
{
	if (list_length(table->columns) <= MaxHeapAttributeNumber)
		return false;
	ereport(WARNING,
			(errcode(ERRCODE_TOO_MANY_COLUMNS),
			 errmsg("table \"%s\" was left out: it has %d columns, a table here has at most %d",
					visible(table->name), list_length(table->columns), MaxHeapAttributeNumber),
			 errhint("Create a foreign table with the columns that are needed.")));
	return true;
}

static List *
create_commands(List *tables, const ImportForeignSchemaStmt *statement, const char *server_name,
				const ImportOptions &options)
{
	HTAB *listed = listed_names(statement);
	StringInfoData left_out;
	List *commands = NIL;
	ListCell *cell;

	initStringInfo(&left_out);
	foreach (cell, tables)
	{
		auto *table = static_cast<RemoteTable *>(lfirst(cell));

		CHECK_FOR_INTERRUPTS();
		if (!is_wanted(statement, listed, table) ||
			leaves_out(table, statement, options, &left_out) || is_too_wide(table))
			continue;
		name_columns(table, options.name_case);
		char *command = create_command(table, statement, server_name, options, &left_out);

		if (command != nullptr)
			commands = lappend(commands, command);
		else
			ereport(WARNING, (errmsg("table \"%s\" was left out: none of its columns can be read",
									 visible(table->name))));
	}
	if (left_out.len > 0 && statement->list_type != FDW_IMPORT_SCHEMA_LIMIT_TO)
		ereport(NOTICE, (errmsg("tables and columns that may hold credentials were left out: %s",
								visible(left_out.data)),
						 errhint("The option import_sensitive imports it.")));
	return commands;
}

List *
sambapos_import_schema(ImportForeignSchemaStmt *statement, Oid server)
{
	ImportOptions options = read_import_options(statement->options);
	List *tables = fetch_catalog(server, statement->remote_schema, options.views);

	const char *server_name = GetForeignServer(server)->servername;

	name_tables(tables, options.name_case);
	report_absent(statement, tables, server_name);

	List *commands = create_commands(tables, statement, server_name, options);

	/* PostgreSQL would go through the list again, by local names only. The statement may be
	 * changed: it was copied if it is needed elsewhere. */
	statement->list_type = FDW_IMPORT_SCHEMA_ALL;
	return commands;
}

} // namespace sambapos::fdw
