/*
 * What the server's catalog says about a schema's tables.
 *
 * Names come from INFORMATION_SCHEMA, where their case is kept on every server; other catalog views
 * may have them in lower case, so tables are looked up exactly first and without regard to case
 * then.
 */
#include "fdw/connection.hpp"
#include "fdw/import.hpp"
#include "tds/quote.hpp"
#include "types/type_map.hpp"

namespace sambapos::fdw
{

/* ---- queries ---- */

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

[[noreturn]] static void
no_catalog()
{
	ereport(ERROR, (errcode(ERRCODE_FDW_ERROR),
					errmsg("the server's catalog answered with NULL for a name"),
					errhint("Is it a SQL Server?")));
	pg_unreachable();
}

/* A query's rows as a list of arrays of C strings; NULL is a null pointer. The first `named`
 * columns are never NULL. */
static List *
fetch_texts(Oid server, const char *sql, int columns, int named)
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
		{
			if (nulls[i] && i < named)
				no_catalog();
			texts[i] = nulls[i] ? nullptr : TextDatumGetCString(values[i]);
		}
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
							 2, 2);

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
		9, 3);

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
		2, 2);

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
					2, 0);

	foreach (cell, rows)
	{
		char **texts = texts_of(cell);
		RemoteTable *table = texts[0] != nullptr ? find_table(tables, texts[0]) : nullptr;

		if (table != nullptr && texts[1] != nullptr)
			table->rows = std::max(table->rows, 0.0) + count_in(texts[1]);
	}
}

[[noreturn]] static void
explain_no_tables(Oid server, const char *schema)
{
	const char *server_name = GetForeignServer(server)->servername;
	List *found = fetch_texts(server,
							  psprintf("SELECT SCHEMA_NAME FROM INFORMATION_SCHEMA.SCHEMATA "
									   "WHERE SCHEMA_NAME = %s",
									   tsql_literal(schema)),
							  1, 0);

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
	pg_unreachable();
}

List *
fetch_catalog(Oid server, const char *schema, bool views)
{
	List *tables = fetch_tables(server, schema, views);

	if (tables == NIL)
		explain_no_tables(server, schema);
	fetch_columns(server, schema, tables);
	fetch_keys(server, schema, tables);
	fetch_row_counts(server, schema, tables);
	return tables;
}

} // namespace sambapos::fdw
