/*
 * IMPORT FOREIGN SCHEMA: asks the server's catalog and writes a CREATE FOREIGN TABLE for each
 * table.
 *
 * Names come from INFORMATION_SCHEMA, where their case is kept on every server; other catalog views
 * may have them in lower case, so tables are looked up there exactly first and without regard to
 * case then. What planning and push-down need to know later is recorded as options: column_name,
 * remote_type, remote_collation, key, estimated_rows.
 *
 * LIMIT TO and EXCEPT may name a table as it is called at the server or as it is called here.
 * Options: name_case (snake, keep, lower), import_not_null (true), import_views (false: a view may
 * show under another name what import_sensitive hides), import_sensitive (false).
 */
#include "fdw/connection.hpp"
#include "fdw/import.hpp"
#include "tds/quote.hpp"
#include "types/type_map.hpp"

namespace sambapos::fdw
{

struct ImportOptions
{
	NameCase name_case;
	bool not_null;
	bool views;
	bool sensitive;
};

/* ---- options ---- */

static NameCase
parse_name_case(const char *value)
{
	if (std::strcmp(value, "snake") == 0)
		return NameCase::snake;
	if (std::strcmp(value, "keep") == 0)
		return NameCase::keep;
	if (std::strcmp(value, "lower") == 0)
		return NameCase::lower;
	ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					errmsg("invalid value for option \"name_case\": \"%s\"", value),
					errhint("Valid values are: snake, keep, lower.")));
	pg_unreachable();
}

static ImportOptions
parse_import_options(List *list)
{
	ImportOptions options = {NameCase::snake, true, false, false};
	ListCell *cell;

	foreach (cell, list)
	{
		DefElem *option = lfirst_node(DefElem, cell);

		if (std::strcmp(option->defname, "name_case") == 0)
			options.name_case = parse_name_case(defGetString(option));
		else if (std::strcmp(option->defname, "import_not_null") == 0)
			options.not_null = defGetBoolean(option);
		else if (std::strcmp(option->defname, "import_views") == 0)
			options.views = defGetBoolean(option);
		else if (std::strcmp(option->defname, "import_sensitive") == 0)
			options.sensitive = defGetBoolean(option);
		else
			ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
							errmsg("invalid option \"%s\"", option->defname),
							errhint("Valid options of IMPORT FOREIGN SCHEMA are: name_case, "
									"import_not_null, import_views, import_sensitive.")));
	}
	return options;
}

/* ---- catalog queries ---- */

static void
add_error_context(void *argument)
{
	errcontext("remote SQL: %s", static_cast<const char *>(argument));
}

static types::RowReader *
make_text_reader(const Connection *connection, int columns)
{
	TupleDesc tuple = CreateTemplateTupleDesc(columns);
	auto *targets =
		static_cast<types::Target *>(palloc0(sizeof(types::Target) * static_cast<size_t>(columns)));

	for (int i = 0; i < columns; i++)
	{
		auto attribute = static_cast<AttrNumber>(i + 1);

		TupleDescInitEntry(tuple, attribute, psprintf("%d", i + 1), TEXTOID, -1, 0);
		targets[i] = {attribute, ""};
	}
	if (tds::column_count(connection->session) != columns)
		ereport(ERROR, (errcode(ERRCODE_FDW_INCONSISTENT_DESCRIPTOR_INFORMATION),
						errmsg("the server's catalog answered with %d columns instead of %d",
							   tds::column_count(connection->session), columns)));
	return types::make_row_reader(connection->session, tuple, targets, columns, false);
}

/* A query's rows as a list of arrays of C strings; NULL is a null pointer. */
static List *
fetch_texts(Oid server, const char *sql, int columns)
{
	ErrorContextCallback context = {error_context_stack, add_error_context,
									const_cast<char *>(sql)};
	Result *result = result_make();
	List *rows = NIL;
	tds::Row row;

	error_context_stack = &context;
	result_open(result, server, GetUserId(),
				pg_server_to_any(sql, static_cast<int>(std::strlen(sql)), PG_UTF8));

	types::RowReader *reader = make_text_reader(result->connection, columns);
	auto *values = static_cast<Datum *>(palloc0(sizeof(Datum) * static_cast<size_t>(columns)));
	auto *nulls = static_cast<bool *>(palloc0(static_cast<size_t>(columns)));

	result_settle(result);
	while (result_next(result, &row))
	{
		auto **texts = static_cast<char **>(palloc0(sizeof(char *) * static_cast<size_t>(columns)));

		types::read_row(reader, row, values, nulls);
		for (int i = 0; i < columns; i++)
			texts[i] = nulls[i] ? nullptr : TextDatumGetCString(values[i]);
		rows = lappend(rows, texts);
		CHECK_FOR_INTERRUPTS();
	}
	result_close(result);
	error_context_stack = context.previous;
	return rows;
}

static char **
texts_of(const ListCell *cell)
{
	return static_cast<char **>(lfirst(cell));
}

static const char *
tsql_literal(const char *text)
{
	std::string_view view = text;
	auto *result = static_cast<char *>(palloc(tds::literal_room(view.size())));

	tds::quote_literal(view, result);
	return result;
}

static int
number_or(const char *text, int otherwise)
{
	return text != nullptr ? atoi(text) : otherwise;
}

/* ---- what the server has ---- */

static RemoteTable *
find_table(List *tables, const char *name)
{
	ListCell *cell;

	foreach (cell, tables)
	{
		auto *table = static_cast<RemoteTable *>(lfirst(cell));

		if (std::strcmp(table->name, name) == 0)
			return table;
	}
	foreach (cell, tables)
	{
		auto *table = static_cast<RemoteTable *>(lfirst(cell));

		if (pg_strcasecmp(table->name, name) == 0)
			return table;
	}
	return nullptr;
}

static List *
fetch_tables(Oid server, const char *schema, bool views)
{
	List *tables = NIL;
	ListCell *cell;
	List *rows = fetch_texts(server,
							 psprintf("SELECT TABLE_NAME, TABLE_TYPE FROM "
									  "INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = %s "
									  "ORDER BY TABLE_NAME",
									  tsql_literal(schema)),
							 2);

	foreach (cell, rows)
	{
		char **texts = texts_of(cell);

		if (!views && std::strcmp(texts[1], "BASE TABLE") != 0)
			continue;
		auto *table = static_cast<RemoteTable *>(palloc0(sizeof(RemoteTable)));

		table->name = texts[0];
		table->rows = -1;
		tables = lappend(tables, table);
	}
	return tables;
}

static void
fetch_columns(Oid server, const char *schema, List *tables)
{
	ListCell *cell;
	List *rows = fetch_texts(
		server,
		psprintf("SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, CHARACTER_MAXIMUM_LENGTH, "
				 "NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION, IS_NULLABLE, "
				 "COLLATION_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = %s "
				 "ORDER BY TABLE_NAME, ORDINAL_POSITION",
				 tsql_literal(schema)),
		9);

	foreach (cell, rows)
	{
		char **texts = texts_of(cell);
		RemoteTable *table = find_table(tables, texts[0]);

		if (table == nullptr)
			continue; /* a view */
		auto *column = static_cast<RemoteColumn *>(palloc0(sizeof(RemoteColumn)));

		column->name = texts[1];
		column->data_type = texts[2];
		column->length = number_or(texts[3], -1);
		column->precision = number_or(texts[4], -1);
		column->scale = number_or(texts[5], -1);
		column->fraction = number_or(texts[6], -1);
		column->nullable = texts[7] == nullptr || std::strcmp(texts[7], "NO") != 0;
		column->collation = texts[8];
		table->columns = lappend(table->columns, column);
	}
}

static void
mark_key(RemoteTable *table, const char *name)
{
	ListCell *cell;

	foreach (cell, table->columns)
	{
		auto *column = static_cast<RemoteColumn *>(lfirst(cell));

		if (pg_strcasecmp(column->name, name) == 0)
			column->key = true;
	}
}

static void
fetch_keys(Oid server, const char *schema, List *tables)
{
	ListCell *cell;
	List *rows = fetch_texts(
		server,
		psprintf("SELECT k.TABLE_NAME, k.COLUMN_NAME "
				 "FROM INFORMATION_SCHEMA.KEY_COLUMN_USAGE AS k "
				 "JOIN INFORMATION_SCHEMA.TABLE_CONSTRAINTS AS c "
				 "ON c.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA "
				 "AND c.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND c.TABLE_NAME = k.TABLE_NAME "
				 "WHERE k.TABLE_SCHEMA = %s AND c.CONSTRAINT_TYPE = 'PRIMARY KEY'",
				 tsql_literal(schema)),
		2);

	foreach (cell, rows)
	{
		RemoteTable *table = find_table(tables, texts_of(cell)[0]);

		if (table != nullptr)
			mark_key(table, texts_of(cell)[1]);
	}
}

/* Heaps and clustered indexes, partition by partition. */
static void
fetch_row_counts(Oid server, const char *schema, List *tables)
{
	ListCell *cell;
	List *rows =
		fetch_texts(server,
					psprintf("SELECT OBJECT_NAME(object_id), rows FROM sys.partitions "
							 "WHERE index_id IN (0, 1) AND OBJECT_SCHEMA_NAME(object_id) = %s",
							 tsql_literal(schema)),
					2);

	foreach (cell, rows)
	{
		char **texts = texts_of(cell);
		RemoteTable *table = texts[0] != nullptr ? find_table(tables, texts[0]) : nullptr;

		if (table != nullptr && texts[1] != nullptr)
			table->rows = std::max(table->rows, 0.0) + strtod(texts[1], nullptr);
	}
}

static void
require_schema(Oid server, const char *schema)
{
	const char *server_name = GetForeignServer(server)->servername;
	List *found = fetch_texts(server,
							  psprintf("SELECT SCHEMA_NAME FROM INFORMATION_SCHEMA.SCHEMATA "
									   "WHERE SCHEMA_NAME = %s",
									   tsql_literal(schema)),
							  1);

	if (found == NIL)
		ereport(ERROR, (errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
						errmsg("schema \"%s\" doesn't exist on server \"%s\"", schema, server_name),
						errhint("SambaPOS has its tables in schema \"dbo\".")));
	ereport(ERROR,
			(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
			 errmsg("schema \"%s\" of server \"%s\" shows no tables", schema, server_name),
			 errhint("A login sees what it may read: GRANT SELECT ON SCHEMA::[%s] TO it, and look "
					 "whether the option \"database\" names the right one.",
					 schema)));
}

/* ---- choosing and naming ---- */

static bool
is_listed(const ImportForeignSchemaStmt *statement, const RemoteTable *table)
{
	ListCell *cell;

	foreach (cell, statement->table_list)
	{
		const char *name = lfirst_node(RangeVar, cell)->relname;

		if (std::strcmp(name, table->name) == 0 || std::strcmp(name, table->local) == 0)
			return true;
	}
	return false;
}

static bool
is_wanted(const ImportForeignSchemaStmt *statement, const RemoteTable *table)
{
	switch (statement->list_type)
	{
		case FDW_IMPORT_SCHEMA_LIMIT_TO: return is_listed(statement, table);
		case FDW_IMPORT_SCHEMA_EXCEPT: return !is_listed(statement, table);
		default: return true;
	}
}

static void
name_tables(List *tables, NameCase name_case)
{
	int count = list_length(tables);
	auto **remote =
		static_cast<const char **>(palloc0(sizeof(char *) * static_cast<size_t>(count + 1)));

	for (int i = 0; i < count; i++)
		remote[i] = static_cast<RemoteTable *>(list_nth(tables, i))->name;
	const char **local = local_names(remote, count, name_case);

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
	const char **local = local_names(remote, count, name_case);

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

		if (!options.sensitive && is_sensitive_column(table->name, column->name))
		{
			appendStringInfo(left_out, "%s%s.%s", left_out->len > 0 ? ", " : "", table->name,
							 column->name);
			continue;
		}
		if (type == nullptr)
		{
			ereport(WARNING, (errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
							  errmsg("column \"%s\" of table \"%s\" was left out: type %s isn't "
									 "supported",
									 column->name, table->name, column->data_type)));
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

/* A secret table that was asked for by name deserves a warning; the rest, in an import of
 * everything, a word. */
static bool
leaves_out(const RemoteTable *table, const ImportForeignSchemaStmt *statement,
		   const ImportOptions &options, StringInfo left_out)
{
	if (options.sensitive || !is_sensitive_table(table->name))
		return false;
	if (statement->list_type == FDW_IMPORT_SCHEMA_LIMIT_TO)
		ereport(WARNING, (errmsg("table \"%s\" holds credentials and was left out", table->name),
						  errhint("The option import_sensitive imports it.")));
	else
		appendStringInfo(left_out, "%s%s", left_out->len > 0 ? ", " : "", table->name);
	return true;
}

static List *
create_commands(List *tables, const ImportForeignSchemaStmt *statement, const char *server_name,
				const ImportOptions &options)
{
	StringInfoData left_out;
	List *commands = NIL;
	ListCell *cell;

	initStringInfo(&left_out);
	foreach (cell, tables)
	{
		auto *table = static_cast<RemoteTable *>(lfirst(cell));

		if (!is_wanted(statement, table) || leaves_out(table, statement, options, &left_out))
			continue;
		name_columns(table, options.name_case);
		char *command = create_command(table, statement, server_name, options, &left_out);

		if (command != nullptr)
			commands = lappend(commands, command);
		else
			ereport(WARNING, (errmsg("table \"%s\" was left out: none of its columns can be read",
									 table->name)));
	}
	if (left_out.len > 0 && statement->list_type != FDW_IMPORT_SCHEMA_LIMIT_TO)
		ereport(NOTICE, (errmsg("what may hold credentials was left out: %s", left_out.data),
						 errhint("The option import_sensitive imports it.")));
	return commands;
}

List *
sambapos_import_schema(ImportForeignSchemaStmt *statement, Oid server)
{
	ImportOptions options = parse_import_options(statement->options);
	const char *schema = statement->remote_schema;
	List *tables = fetch_tables(server, schema, options.views);

	if (tables == NIL)
		require_schema(server, schema);
	fetch_columns(server, schema, tables);
	fetch_keys(server, schema, tables);
	fetch_row_counts(server, schema, tables);
	name_tables(tables, options.name_case);

	List *commands =
		create_commands(tables, statement, GetForeignServer(server)->servername, options);

	/* PostgreSQL would go through the list again, by local names only. The statement is ours: it
	 * was copied if anybody else needs it. */
	statement->list_type = FDW_IMPORT_SCHEMA_ALL;
	return commands;
}

} // namespace sambapos::fdw
