/*
 * IMPORT FOREIGN SCHEMA: asks the server's INFORMATION_SCHEMA (names in their own case, wherever a
 * server's sys views lower-case them) and writes one CREATE FOREIGN TABLE a table.
 *
 * What planning will want to know is recorded as options, so that it never has to ask: names, types
 * and collations at the server, which columns make the key, how many rows there are.
 *
 * LIMIT TO and EXCEPT take local names and names at the server alike.
 */
#include "fdw/connection.hpp"
#include "fdw/import.hpp"

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
					errhint("Valid values are snake, keep and lower.")));
	pg_unreachable();
}

static ImportOptions
parse_options(List *options)
{
	ImportOptions result = {NameCase::snake, true, false, false};
	ListCell *cell;

	foreach (cell, options)
	{
		DefElem *option = lfirst_node(DefElem, cell);

		if (std::strcmp(option->defname, "name_case") == 0)
			result.name_case = parse_name_case(defGetString(option));
		else if (std::strcmp(option->defname, "import_not_null") == 0)
			result.not_null = defGetBoolean(option);
		else if (std::strcmp(option->defname, "import_views") == 0)
			result.views = defGetBoolean(option);
		else if (std::strcmp(option->defname, "import_sensitive") == 0)
			result.sensitive = defGetBoolean(option);
		else
			ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
							errmsg("invalid option \"%s\"", option->defname),
							errhint("Valid options of IMPORT FOREIGN SCHEMA are name_case, "
									"import_not_null, import_views and import_sensitive.")));
	}
	return result;
}

/* ---- what the server has ---- */

/* Every value is asked for as text; "" if it is NULL. */
static const char *
text_value(const tds::Row &row, int index)
{
	const tds::Value &value = row.values[index];

	if (value.data == nullptr)
		return "";
	char *utf8 = pnstrdup(reinterpret_cast<const char *>(value.data), value.length);
	char *text = pg_any_to_server(utf8, value.length, PG_UTF8);

	return text == nullptr ? utf8 : text;
}

static int
integer_value(const tds::Row &row, int index, int missing)
{
	const char *text = text_value(row, index);

	return text[0] == '\0' ? missing : pg_strtoint32(text);
}

/* @schema stands for the schema's name. */
static char *
with_schema(const char *pattern, const char *schema)
{
	StringInfoData sql;
	StringInfoData literal;

	initStringInfo(&literal);
	appendStringInfoString(&literal, "N'");
	for (const char *c = schema; *c != '\0'; c++)
	{
		if (*c == '\'')
			appendStringInfoChar(&literal, '\'');
		appendStringInfoChar(&literal, *c);
	}
	appendStringInfoChar(&literal, '\'');
	initStringInfo(&sql);
	for (const char *at = pattern; *at != '\0';)
	{
		size_t plain = std::strcspn(at, "@");

		appendBinaryStringInfo(&sql, at, static_cast<int>(plain));
		at += plain;
		if (*at == '@')
		{
			appendStringInfoString(&sql, literal.data);
			at += std::strlen("@schema");
		}
	}
	return pg_server_to_any(sql.data, sql.len, PG_UTF8);
}

static const char columns_sql[] =
	"SELECT c.TABLE_NAME, c.COLUMN_NAME, c.DATA_TYPE, "
	"CAST(c.CHARACTER_MAXIMUM_LENGTH AS varchar(20)), CAST(c.NUMERIC_PRECISION AS varchar(20)), "
	"CAST(c.NUMERIC_SCALE AS varchar(20)), CAST(c.DATETIME_PRECISION AS varchar(20)), "
	"c.IS_NULLABLE, c.COLLATION_NAME, t.TABLE_TYPE, k.COLUMN_NAME "
	"FROM INFORMATION_SCHEMA.COLUMNS AS c "
	"INNER JOIN INFORMATION_SCHEMA.TABLES AS t "
	"ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME "
	"LEFT JOIN (SELECT u.TABLE_SCHEMA, u.TABLE_NAME, u.COLUMN_NAME "
	"FROM INFORMATION_SCHEMA.TABLE_CONSTRAINTS AS p "
	"INNER JOIN INFORMATION_SCHEMA.KEY_COLUMN_USAGE AS u "
	"ON u.CONSTRAINT_SCHEMA = p.CONSTRAINT_SCHEMA AND u.CONSTRAINT_NAME = p.CONSTRAINT_NAME "
	"AND u.TABLE_NAME = p.TABLE_NAME "
	"WHERE p.CONSTRAINT_TYPE = 'PRIMARY KEY') AS k "
	"ON k.TABLE_SCHEMA = c.TABLE_SCHEMA AND k.TABLE_NAME = c.TABLE_NAME "
	"AND k.COLUMN_NAME = c.COLUMN_NAME "
	"WHERE c.TABLE_SCHEMA = @schema "
	"ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION";

static ImportColumn *
read_column(const tds::Row &row)
{
	auto *column = static_cast<ImportColumn *>(palloc0(sizeof(ImportColumn)));
	const char *collation = text_value(row, 8);

	column->table = text_value(row, 0);
	column->name = text_value(row, 1);
	column->data_type = text_value(row, 2);
	column->length = integer_value(row, 3, 0);
	column->precision = integer_value(row, 4, 18);
	column->scale = integer_value(row, 5, 0);
	column->datetime_precision = integer_value(row, 6, 7);
	column->not_null = pg_strcasecmp(text_value(row, 7), "NO") == 0;
	column->collation = collation[0] != '\0' ? collation : nullptr;
	column->is_view = pg_strcasecmp(text_value(row, 9), "VIEW") == 0;
	column->is_key = text_value(row, 10)[0] != '\0';
	return column;
}

/* A List of ImportColumn, table by table. */
static List *
read_columns(Oid server, const char *schema)
{
	Result *result = result_make();
	List *columns = NIL;
	tds::Row row;

	result_open(result, server, GetUserId(), with_schema(columns_sql, schema));
	while (result_next(result, &row))
		columns = lappend(columns, read_column(row));
	result_close(result);
	return columns;
}

/* Heaps are index 0, clustered tables index 1; both have their rows counted there. */
static const char rows_sql[] =
	"SELECT t.name, CAST(SUM(p.rows) AS varchar(20)) FROM sys.partitions AS p "
	"INNER JOIN sys.tables AS t ON t.object_id = p.object_id "
	"INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id "
	"WHERE p.index_id IN (0, 1) AND s.name = @schema GROUP BY t.name";

/* A List of ImportName: table, rows. */
static List *
read_row_counts(Oid server, const char *schema)
{
	Result *result = result_make();
	List *counts = NIL;
	tds::Row row;

	result_open(result, server, GetUserId(), with_schema(rows_sql, schema));
	while (result_next(result, &row))
	{
		auto *count = static_cast<ImportName *>(palloc(sizeof(ImportName)));

		*count = {text_value(row, 0), text_value(row, 1)};
		counts = lappend(counts, count);
	}
	result_close(result);
	return counts;
}

/* "" if the server doesn't know, or says 0 as one that keeps no counts does. */
static const char *
row_count(List *counts, const char *table)
{
	ListCell *cell;

	foreach (cell, counts)
	{
		const auto *count = static_cast<const ImportName *>(lfirst(cell));

		if (pg_strcasecmp(count->remote, table) == 0 && std::strcmp(count->local, "0") != 0)
			return count->local;
	}
	return "";
}

/* ---- which tables ---- */

/* The columns of one table. */
struct ImportTable
{
	ImportName name;
	List *columns;
};

static bool
is_wanted(const ImportColumn &column, const ImportOptions &options)
{
	if (column.is_view && !options.views)
		return false;
	return options.sensitive || !is_sensitive_table(column.table);
}

static List *
group_by_table(List *columns, const ImportOptions &options)
{
	List *tables = NIL;
	ImportTable *table = nullptr;
	ListCell *cell;

	foreach (cell, columns)
	{
		auto *column = static_cast<ImportColumn *>(lfirst(cell));

		if (!is_wanted(*column, options))
			continue;
		if (table == nullptr || std::strcmp(table->name.remote, column->table) != 0)
		{
			table = static_cast<ImportTable *>(palloc0(sizeof(ImportTable)));
			table->name.remote = column->table;
			tables = lappend(tables, table);
		}
		table->columns = lappend(table->columns, column);
	}
	return tables;
}

static void
name_tables(List *tables, NameCase name_case)
{
	int count = list_length(tables);
	auto *names =
		static_cast<ImportName *>(palloc0(sizeof(ImportName) * static_cast<size_t>(count + 1)));

	for (int i = 0; i < count; i++)
		names[i] = static_cast<ImportTable *>(list_nth(tables, i))->name;
	make_local_names(names, count, name_case);
	for (int i = 0; i < count; i++)
		static_cast<ImportTable *>(list_nth(tables, i))->name = names[i];
}

/* PostgreSQL compares the names in LIMIT TO and EXCEPT with the local ones; so a server's name in
 * the list becomes the local one. */
static void
translate_list(List *wanted, List *tables)
{
	ListCell *cell;
	ListCell *table_cell;

	foreach (cell, wanted)
	{
		RangeVar *name = lfirst_node(RangeVar, cell);

		foreach (table_cell, tables)
		{
			const auto *table = static_cast<const ImportTable *>(lfirst(table_cell));

			if (std::strcmp(name->relname, table->name.remote) == 0)
				name->relname = pstrdup(table->name.local);
		}
	}
}

static bool
is_listed(const ImportForeignSchemaStmt *statement, const char *local)
{
	ListCell *cell;
	bool is_in_list = false;

	if (statement->list_type == FDW_IMPORT_SCHEMA_ALL)
		return true;
	foreach (cell, statement->table_list)
		is_in_list |= std::strcmp(lfirst_node(RangeVar, cell)->relname, local) == 0;
	return is_in_list == (statement->list_type == FDW_IMPORT_SCHEMA_LIMIT_TO);
}

/* ---- the commands ---- */

static void
append_option(StringInfo command, const char *name, const char *value)
{
	if (command->data[command->len - 1] != '(')
		appendStringInfoString(command, ", ");
	appendStringInfo(command, "%s %s", name, quote_literal_cstr(value));
}

static void
append_column(StringInfo command, const ImportColumn &column, const char *local, bool not_null)
{
	appendStringInfo(command, "  %s %s OPTIONS (", quote_identifier(local), column.local_type);
	append_option(command, "column_name", column.name);
	append_option(command, "remote_type", column.remote_type);
	if (column.collation != nullptr)
		append_option(command, "remote_collation", column.collation);
	if (column.is_key)
		append_option(command, "key", "true");
	appendStringInfoString(command, not_null && column.not_null ? ") NOT NULL" : ")");
}

/* The columns that can be read; what is left out is said. */
static List *
readable_columns(const ImportTable &table, const ImportOptions &options)
{
	List *columns = NIL;
	ListCell *cell;

	foreach (cell, table.columns)
	{
		auto *column = static_cast<ImportColumn *>(lfirst(cell));

		if (!options.sensitive && is_sensitive_column(column->table, column->name))
			continue;
		if (map_type(column))
			columns = lappend(columns, column);
		else
			ereport(
				WARNING,
				(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
				 errmsg("column \"%s\" of table \"%s\" was left out", column->name, column->table),
				 errdetail("Its type %s has no counterpart in PostgreSQL.", column->data_type),
				 errhint("Make a foreign table with option query and a CAST.")));
	}
	return columns;
}

static char *
create_command(const ImportTable &table, List *columns, const ImportOptions &options,
			   const char *schema, const char *server, const char *rows)
{
	int count = list_length(columns);
	auto *names =
		static_cast<ImportName *>(palloc0(sizeof(ImportName) * static_cast<size_t>(count + 1)));
	StringInfoData command;

	for (int i = 0; i < count; i++)
		names[i].remote = static_cast<ImportColumn *>(list_nth(columns, i))->name;
	make_local_names(names, count, options.name_case);
	initStringInfo(&command);
	appendStringInfo(&command, "CREATE FOREIGN TABLE %s (\n", quote_identifier(table.name.local));
	for (int i = 0; i < count; i++)
	{
		appendStringInfoString(&command, i > 0 ? ",\n" : "");
		append_column(&command, *static_cast<ImportColumn *>(list_nth(columns, i)), names[i].local,
					  options.not_null);
	}
	appendStringInfo(&command, "\n) SERVER %s OPTIONS (", quote_identifier(server));
	append_option(&command, "schema_name", schema);
	append_option(&command, "table_name", table.name.remote);
	if (rows[0] != '\0')
		append_option(&command, "estimated_rows", rows);
	appendStringInfoChar(&command, ')');
	return command.data;
}

static List *
create_commands(const ImportForeignSchemaStmt *statement, List *tables,
				const ImportOptions &options, List *counts)
{
	List *commands = NIL;
	ListCell *cell;

	foreach (cell, tables)
	{
		const auto *table = static_cast<const ImportTable *>(lfirst(cell));

		if (!is_listed(statement, table->name.local))
			continue;
		List *columns = readable_columns(*table, options);

		if (columns == NIL)
			ereport(WARNING, (errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
							  errmsg("table \"%s\" was left out", table->name.remote),
							  errdetail("None of its columns can be read.")));
		else
			commands =
				lappend(commands, create_command(*table, columns, options, statement->remote_schema,
												 statement->server_name,
												 row_count(counts, table->name.remote)));
	}
	return commands;
}

List *
sambapos_import_schema(ImportForeignSchemaStmt *statement, Oid server)
{
	ImportOptions options = parse_options(statement->options);
	List *columns = read_columns(server, statement->remote_schema);

	if (columns == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
				 errmsg("schema \"%s\" of server \"%s\" has no tables this login may see",
						statement->remote_schema, statement->server_name),
				 errhint("Check the schema's name (often dbo), the server option database, and "
						 "the login's rights.")));
	List *tables = group_by_table(columns, options);

	name_tables(tables, options.name_case);
	translate_list(statement->table_list, tables);
	return create_commands(statement, tables, options,
						   read_row_counts(server, statement->remote_schema));
}

} // namespace sambapos::fdw
