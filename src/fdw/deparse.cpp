/*
 * The remote query of one foreign table: SELECT the columns somebody reads FROM the table (or the
 * query the table stands for) WHERE what the server may filter.
 *
 * Never ORDER BY, locks or table hints: the isolation level is the session's business, and a row
 * mark on a foreign table copies the row, which is all that a read-only table needs.
 */
#include "fdw/relation.hpp"

namespace sambapos::fdw
{

using types::append_identifier;

/* In sql_variant every row has a type of its own; as text they have one. */
static bool
is_sql_variant(const char *remote_type)
{
	return pg_strcasecmp(remote_type, "sql_variant") == 0;
}

/* nchar, nvarchar, ntext: UTF-16 at the server. */
static bool
is_national_text(const char *remote_type)
{
	return pg_strncasecmp(remote_type, "nchar", 5) == 0 ||
		   pg_strncasecmp(remote_type, "nvarchar", 8) == 0 ||
		   pg_strcasecmp(remote_type, "ntext") == 0;
}

/* With invalid_text = replace national text is fetched as its bytes, and the scan decodes them: a
 * lone surrogate would be lost on the way through the client library. */
static void
append_output_column(StringInfo sql, const PlannedTable *table, AttrNumber attribute)
{
	const char *remote_type = column_remote_type(table->relid, attribute);
	const char *before = "";
	const char *after = "";

	if (is_sql_variant(remote_type))
	{
		before = "CAST(";
		after = " AS nvarchar(4000))";
	}
	else if (table->server->invalid_text == InvalidText::replace && is_national_text(remote_type))
	{
		bool is_ntext = pg_strcasecmp(remote_type, "ntext") == 0;

		before = is_ntext ? "CAST(CAST(" : "CAST(";
		after = is_ntext ? " AS nvarchar(max)) AS varbinary(max))" : " AS varbinary(max))";
	}
	appendStringInfoString(sql, before);
	append_identifier(sql, column_name(table->relid, attribute));
	appendStringInfoString(sql, after);
}

static bool
is_fetched(const PlannedTable *table, AttrNumber attribute)
{
	return bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, table->attrs_used) ||
		   bms_is_member(attribute - FirstLowInvalidHeapAttributeNumber, table->attrs_used);
}

/* A query that needs no column at all (count(*)) still needs one for every row. */
List *
append_output_columns(StringInfo sql, const PlannedTable *table)
{
	Relation relation = table_open(table->relid, NoLock);
	TupleDesc descriptor = RelationGetDescr(relation);
	List *retrieved = NIL;

	for (AttrNumber attribute = 1; attribute <= descriptor->natts; attribute++)
	{
		if (TupleDescAttr(descriptor, attribute - 1)->attisdropped || !is_fetched(table, attribute))
			continue;
		if (retrieved != NIL)
			appendStringInfoString(sql, ", ");
		append_output_column(sql, table, attribute);
		retrieved = lappend_int(retrieved, attribute);
	}
	if (retrieved == NIL)
		appendStringInfoString(sql, "1");
	table_close(relation, NoLock);
	return retrieved;
}

/* As a derived table; a line comment at the query's end must not swallow the parenthesis. */
static void
append_query(StringInfo sql, const char *query)
{
	int length = static_cast<int>(std::strlen(query));

	while (length > 0 &&
		   (isspace(static_cast<unsigned char>(query[length - 1])) || query[length - 1] == ';'))
		length--;
	appendStringInfoChar(sql, '(');
	appendBinaryStringInfo(sql, query, length);
	appendStringInfoString(sql, std::strstr(query, "--") != nullptr ? "\n) AS [q]" : ") AS [q]");
}

void
append_from(StringInfo sql, const TableOptions &options)
{
	appendStringInfoString(sql, " FROM ");
	if (options.query != nullptr)
	{
		append_query(sql, options.query);
		return;
	}
	append_identifier(sql, options.schema_name);
	appendStringInfoChar(sql, '.');
	append_identifier(sql, options.table_name);
}

void
deparse_select(RemoteSql *sql, RelOptInfo *rel, List *remote_exprs, List **retrieved_attrs)
{
	const PlannedTable *table = planned_table(rel);
	const char *separator = " WHERE ";
	ListCell *cell;

	*sql = {};
	initStringInfo(&sql->text);
	appendStringInfoString(&sql->text, "SELECT ");
	*retrieved_attrs = append_output_columns(&sql->text, table);
	append_from(&sql->text, table->options);
	foreach (cell, remote_exprs)
	{
		appendStringInfoString(&sql->text, separator);
		deparse_condition(sql, &table->scope, static_cast<Expr *>(lfirst(cell)));
		separator = " AND ";
	}
	sql->texts = lappend(sql->texts, makeString(pstrdup(sql->text.data)));
}

} // namespace sambapos::fdw
