/*
 * How large a remote table is: as the server's catalog says, or counted.
 *
 * The catalog's rows are those of the heap or the clustered index, partition by partition; a login
 * that may read the table may see them. Pages take a right that a reading login seldom has, so they
 * are asked for only where it is there. A server that lacks the views, and one that keeps no counts
 * and says 0, does not know.
 */
#include "bridge/visible.hpp"
#include "fdw/remote/connection.hpp"
#include "types/to_tsql.hpp"

namespace sambapos::fdw
{

static void
add_error_context(void *argument)
{
	errcontext("remote SQL: %s", visible_sql(static_cast<const char *>(argument)));
}

/* bigint's greatest, and so the most that any catalog counts. */
constexpr double greatest_count = 9223372036854775807.0;

double
count_in(const char *text)
{
	double number = strtod(text, nullptr);

	return number > 0 && number <= greatest_count ? number : 0;
}

/* A number that is longer is none. */
static double
as_number(const tds::Value &value)
{
	char text[64];
	auto length = std::min<Size>(static_cast<Size>(value.length), sizeof text - 1);

	std::memcpy(text, value.data, length);
	text[length] = '\0';
	return count_in(text);
}

void
ask_numbers(Oid server, Oid user, const char *sql, bool has_query, double *numbers, int count)
{
	ErrorContextCallback context = {error_context_stack, add_error_context,
									const_cast<char *>(sql)};
	Result *result = result_make();
	tds::Row row;

	error_context_stack = &context;
	result->origin = has_query ? tds::Origin::mixed : tds::Origin::generated;
	for (int i = 0; i < count; i++)
		numbers[i] = -1;
	result_open(result, server, user,
				pg_server_to_any(sql, static_cast<int>(std::strlen(sql)), PG_UTF8));
	while (result_next(result, &row))
	{
		for (int i = 0; i < std::min(count, row.count); i++)
			if (row.values[i].data != nullptr)
				numbers[i] = as_number(row.values[i]);
		CHECK_FOR_INTERRUPTS(); /* of a server that sends more than one row */
	}
	result_close(result);
	error_context_stack = context.previous;
}

/* OBJECT_ID(N'[schema].[table]'), by the server's own rules of names. */
static const char *
object_id(const TableOptions &options)
{
	StringInfoData name;
	StringInfoData sql;

	initStringInfo(&name);
	types::append_identifier(&name, options.schema_name);
	appendStringInfoChar(&name, '.');
	types::append_identifier(&name, options.table_name);
	initStringInfo(&sql);
	appendStringInfoString(&sql, "OBJECT_ID(");
	types::append_text_literal(&sql, name.data);
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

/* A view that the server lacks is an error only if the statement that names it is executed. */
TableSize
catalog_size(Oid server, Oid user, const TableOptions &options)
{
	TableSize size = {-1, false};
	double numbers[2];

	if (options.query != nullptr)
		return size;

	const char *id = object_id(options);

	ask_numbers(server, user,
				psprintf("IF OBJECT_ID(N'sys.partitions') IS NOT NULL "
						 "SELECT CAST(SUM(rows) AS varchar(20)), "
						 "CAST(OBJECTPROPERTY(%s, N'IsUserTable') AS varchar(20)) "
						 "FROM sys.partitions WHERE object_id = %s AND index_id IN (0, 1)",
						 id, id),
				false, numbers, 2);
	if (numbers[0] > 0)
		size.rows = numbers[0];
	size.is_table = numbers[1] > 0;
	return size;
}

double
catalog_pages(Oid server, Oid user, const TableOptions &options)
{
	double pages;

	if (options.query != nullptr)
		return -1;
	ask_numbers(
		server, user,
		psprintf(
			"IF OBJECT_ID(N'sys.dm_db_partition_stats') IS NOT NULL "
			"AND HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'VIEW DATABASE STATE') = 1 "
			"AND HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'VIEW DEFINITION') = 1 "
			"SELECT CAST(SUM(used_page_count) AS varchar(20)) "
			"FROM sys.dm_db_partition_stats "
			"WHERE object_id = %s AND index_id IN (0, 1)",
			object_id(options)),
		false, &pages, 1);
	return pages;
}

} // namespace sambapos::fdw
