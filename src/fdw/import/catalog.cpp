/*
 * What the server's catalog says about a schema's tables.
 *
 * Names come from INFORMATION_SCHEMA, where their case is kept on every server; other catalog views
 * may have them in lower case, so names are looked up exactly first and without regard to case
 * then.
 *
 * The server may be hostile and may answer with any number of rows: names are
 * found by hash, every loop can be interrupted, and an answer has a greatest size. A catalog that
 * has the same name twice is refused: the two could not be told apart.
 */
#include "bridge/visible.hpp"
#include "fdw/remote/connection.hpp"
#include "fdw/import/import.hpp"
#include "fdw/import/name_table.hpp"
#include "tds/quote.hpp"
#include "types/type_map.hpp"

namespace sambapos::fdw
{

/* ---- queries ---- */

/* A name has 128 characters, and all else is shorter. */
constexpr size_t longest_text = 128 * 4;

/* A million columns take less. */
constexpr size_t largest_answer = 512 * 1024 * 1024;

static void
add_error_context(void *argument)
{
	errcontext("remote SQL: %s", visible_sql(static_cast<const char *>(argument)));
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
	return types::make_row_reader(connection->session, tuple, targets, columns,
								  types::Unreadable::refused);
}

[[noreturn]] static void
null_name()
{
	ereport(ERROR, (errcode(ERRCODE_FDW_ERROR),
					errmsg("the server's catalog answered with NULL for a name"),
					errhint("Check that this is a SQL Server.")));
	pg_unreachable();
}

/* A value in memory of the import's own. */
static char *
take_text(Datum value, MemoryContext lasting)
{
	const char *copy = TextDatumGetCString(value);
	size_t length = std::strlen(copy);

	if (length > longest_text)
		ereport(ERROR, (errcode(ERRCODE_FDW_ERROR),
						errmsg("the server's catalog answered with a name of %zu bytes", length),
						errhint("Check that this is a SQL Server.")));
	return MemoryContextStrdup(lasting, copy);
}

static char **
take_row(const Datum *values, const bool *nulls, int columns, int named, MemoryContext lasting)
{
	auto **texts = static_cast<char **>(
		MemoryContextAllocZero(lasting, sizeof(char *) * static_cast<size_t>(columns)));

	for (int i = 0; i < columns; i++)
	{
		if (nulls[i] && i < named)
			null_name();
		texts[i] = nulls[i] ? nullptr : take_text(values[i], lasting);
	}
	return texts;
}

static void
check_size(MemoryContext context)
{
	if (MemoryContextMemAllocated(context, false) > largest_answer)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("the server's catalog answered with more than %zu MB",
							   largest_answer / (1024 * 1024))));
}

/* All rows that are left, in a memory context of their own, which lives as long as the caller's. */
static List *
read_texts(Result *result, types::RowReader *reader, int columns, int named)
{
	auto *values = static_cast<Datum *>(palloc0(sizeof(Datum) * static_cast<size_t>(columns)));
	auto *nulls = static_cast<bool *>(palloc0(static_cast<size_t>(columns)));
	MemoryContext lasting =
		AllocSetContextCreate(CurrentMemoryContext, "sambapos_fdw catalog", ALLOCSET_DEFAULT_SIZES);
	MemoryContext row_context = AllocSetContextCreate(
		CurrentMemoryContext, "sambapos_fdw catalog row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(row_context);
	List *rows = NIL;
	tds::Row row;

	while (result_next(result, &row))
	{
		types::read_row(reader, row, values, nulls);
		char **texts = take_row(values, nulls, columns, named, lasting);

		MemoryContextSwitchTo(lasting);
		rows = lappend(rows, texts);
		MemoryContextSwitchTo(row_context);
		MemoryContextReset(row_context);
		check_size(lasting);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(row_context);
	return rows;
}

/* A query's rows as a list of arrays of C strings; NULL is a null pointer. The first `named`
 * columns are never NULL. */
static List *
fetch_texts(Oid server, const char *sql, int columns, int named)
{
	ErrorContextCallback context = {error_context_stack, add_error_context,
									const_cast<char *>(sql)};
	Result *result = result_make();

	error_context_stack = &context;
	result_open(result, server, GetUserId(),
				pg_server_to_any(sql, static_cast<int>(std::strlen(sql)), PG_UTF8));

	types::RowReader *reader = make_text_reader(result->connection, columns);

	result_store_if_locking(result);

	List *rows = read_texts(result, reader, columns, named);

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

/* ---- names ---- */

struct NamedObject
{
	NameKey key;
	void *object;
};

/* Tables by their names, and columns by their names and their table's: as they are, and without
 * regard to case. */
struct Names
{
	HTAB *exact;
	HTAB *folded;
};

static const char *
fold(const char *name)
{
	char *result = pstrdup(name);

	for (char *c = result; *c != '\0'; c++)
		*c = static_cast<char>(pg_tolower(static_cast<unsigned char>(*c)));
	return result;
}

static bool
add_to(HTAB *table, const void *scope, const char *name, void *object)
{
	bool found;
	auto *entry = static_cast<NamedObject *>(name_enter(table, scope, name, &found));

	if (!found)
		entry->object = object;
	return !found;
}

/* False if the name is there. */
static bool
add_name(const Names &names, const void *scope, const char *name, void *object)
{
	if (!add_to(names.exact, scope, name, object))
		return false;
	add_to(names.folded, scope, fold(name), object); /* of several the first */
	return true;
}

/* Null also for what is known and not wanted. */
static void *
find_name(const Names &names, const void *scope, const char *name)
{
	const auto *entry = static_cast<NamedObject *>(name_find(names.exact, scope, name));

	if (entry == nullptr)
		entry = static_cast<NamedObject *>(name_find(names.folded, scope, fold(name)));
	return entry != nullptr ? entry->object : nullptr;
}

static RemoteTable *
find_table(const Names &names, const char *name)
{
	return static_cast<RemoteTable *>(find_name(names, nullptr, name));
}

/* ---- what the server has ---- */

/* Which of the catalog's tables are not wanted has to be known too. */
static List *
fetch_tables(Oid server, const char *schema, bool views, const Names &names)
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
		RemoteTable *table = nullptr;

		CHECK_FOR_INTERRUPTS();
		if (views || std::strcmp(texts[1], "BASE TABLE") == 0)
		{
			table = static_cast<RemoteTable *>(palloc0(sizeof(RemoteTable)));
			table->name = texts[0];
			table->rows = -1;
			tables = lappend(tables, table);
		}
		if (!add_name(names, nullptr, texts[0], table))
			ereport(ERROR,
					(errcode(ERRCODE_FDW_ERROR),
					 errmsg("the server's catalog names table \"%s\" twice", visible(texts[0]))));
	}
	return tables;
}

static RemoteColumn *
column_of(char *const *texts)
{
	auto *column = static_cast<RemoteColumn *>(palloc0(sizeof(RemoteColumn)));

	column->name = texts[1];
	column->data_type = texts[2];
	column->length = number_or(texts[3], -1);
	column->precision = number_or(texts[4], -1);
	column->scale = number_or(texts[5], -1);
	column->fraction = number_or(texts[6], -1);
	column->nullable = texts[7] == nullptr || std::strcmp(texts[7], "NO") != 0;
	column->collation = texts[8];
	return column;
}

static void
fetch_columns(Oid server, const char *schema, const Names &names)
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
		RemoteTable *table = find_table(names, texts[0]);

		CHECK_FOR_INTERRUPTS();
		if (table == nullptr)
			continue; /* a view */

		RemoteColumn *column = column_of(texts);

		if (!add_name(names, table, column->name, column))
			ereport(ERROR, (errcode(ERRCODE_FDW_ERROR),
							errmsg("the server's catalog names column \"%s\" of table \"%s\" twice",
								   visible(column->name), visible(table->name))));
		table->columns = lappend(table->columns, column);
	}
}

static void
mark_key(const Names &names, const RemoteTable *table, const char *name)
{
	auto *column = static_cast<RemoteColumn *>(find_name(names, table, name));

	if (column != nullptr)
		column->key = true;
}

static void
fetch_keys(Oid server, const char *schema, const Names &names)
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
		const RemoteTable *table = find_table(names, texts_of(cell)[0]);

		CHECK_FOR_INTERRUPTS();
		if (table != nullptr)
			mark_key(names, table, texts_of(cell)[1]);
	}
}

/* Heaps and clustered indexes, partition by partition. */
static void
fetch_row_counts(Oid server, const char *schema, const Names &names)
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
		RemoteTable *table = texts[0] != nullptr ? find_table(names, texts[0]) : nullptr;

		CHECK_FOR_INTERRUPTS();
		if (table != nullptr && texts[1] != nullptr)
			table->rows = std::max(table->rows, 0.0) + count_in(texts[1]);
	}
}

[[noreturn]] static void
report_no_tables(Oid server, const char *schema)
{
	const char *server_name = GetForeignServer(server)->servername;
	List *found = fetch_texts(server,
							  psprintf("SELECT SCHEMA_NAME FROM INFORMATION_SCHEMA.SCHEMATA "
									   "WHERE SCHEMA_NAME = %s",
									   tsql_literal(schema)),
							  1, 0);

	if (found == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
				 errmsg("schema \"%s\" does not exist on server \"%s\"", schema, server_name),
				 errhint("SambaPOS has its tables in schema \"dbo\".")));
	ereport(
		ERROR,
		(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
		 errmsg("schema \"%s\" of server \"%s\" shows no tables", schema, server_name),
		 errhint(
			 "A login sees only what it may read. Run GRANT SELECT ON SCHEMA::[%s] TO it at the "
			 "server, and check that the server option \"database\" names the right database.",
			 schema)));
	pg_unreachable();
}

List *
fetch_catalog(Oid server, const char *schema, bool views)
{
	Names names = {make_name_table(sizeof(NamedObject)), make_name_table(sizeof(NamedObject))};
	List *tables = fetch_tables(server, schema, views, names);

	if (tables == NIL)
		report_no_tables(server, schema);
	fetch_columns(server, schema, names);
	fetch_keys(server, schema, names);
	fetch_row_counts(server, schema, names);
	hash_destroy(names.exact);
	hash_destroy(names.folded);
	return tables;
}

} // namespace sambapos::fdw
