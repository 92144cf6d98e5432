/*
 * The remote query of a relation: of a table, a join, a group; with its order and its limit.
 *
 * SELECT the columns that are read FROM the table, the query it stands for, or the join tree WHERE
 * what the server may filter. In a query of several tables each has an alias, [r] and its index in
 * the range table. Conditions of the inner tables of a left join stand in its ON; semi and anti
 * joins are EXISTS and NOT EXISTS in WHERE, or in that ON: so nothing needs a derived table.
 *
 * Never locks or table hints: the isolation level is the session's business, and a row mark on a
 * foreign table copies the row, which is all that a read-only table needs.
 */
#include "fdw/plan/relation.hpp"
#include "types/type_map.hpp"

namespace sambapos::fdw
{

using types::append_identifier;

/* In sql_variant every row has a type of its own; as text they have one. */
static bool
is_sql_variant(const char *remote_type)
{
	return pg_strcasecmp(remote_type, "sql_variant") == 0;
}

/* Style 3, 17 digits, is there since SQL Server 2016; an earlier one would write six. It has 16,
 * and where these are another number the rest is written behind them. (For real 16 are always
 * enough.)
 */
static void
append_variant_float(StringInfo sql, const char *column)
{
	const char *value = psprintf("CAST(%s AS float)", column);
	const char *short_text = psprintf("CONVERT(nvarchar(max), %s, 2)", value);
	const char *short_value = psprintf("CAST(%s AS float)", short_text);

	appendStringInfo(sql,
					 " WHEN 'float' THEN CASE"
					 " WHEN CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) NOT LIKE "
					 "N'[89].%%' AND CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) NOT "
					 "LIKE N'1[0-2].%%' THEN CONVERT(nvarchar(max), %s, 3)"
					 " WHEN %s = %s THEN %s"
					 " ELSE %s + N' + ' + CONVERT(nvarchar(max), %s - %s, 2) END",
					 value, short_value, value, short_text, short_text, value, short_value);
}

/* CAST to a text would cut minutes, cents and digits (style 0), and take bytes for characters. Each
 * base type has a style that loses nothing. */
static void
append_variant(StringInfo sql, const char *column)
{
	struct Form
	{
		const char *base;
		const char *type;
		int style;
	};
	static constexpr Form forms[] = {
		{"date", "date", 121},
		{"time", "time(7)", 121},
		{"datetime", "datetime", 121},
		{"smalldatetime", "datetime2(0)", 121},
		{"datetime2", "datetime2(7)", 121},
		{"datetimeoffset", "datetimeoffset(7)", 121},
		{"money", "money", 2},
		{"smallmoney", "money", 2},
		{"real", "real", 2},
		{"binary", "varbinary(8000)", 1},
		{"varbinary", "varbinary(8000)", 1},
	};

	appendStringInfo(sql, "CASE CAST(SQL_VARIANT_PROPERTY(%s, 'BaseType') AS nvarchar(128))",
					 column);
	for (const Form &form : forms)
		appendStringInfo(sql, " WHEN '%s' THEN CONVERT(nvarchar(max), CAST(%s AS %s), %d)",
						 form.base, column, form.type, form.style);
	append_variant_float(sql, column);
	appendStringInfo(sql, " ELSE CAST(%s AS nvarchar(max)) END", column);
}

/* With invalid_text = replace text is fetched as the bytes of its UTF-16, and the scan decodes
 * them: a lone surrogate would be lost on the way through the client library, and so would a byte
 * of a code page that the library's does not have. What a code page means only the server knows for
 * sure. */
static bool
is_fetched_as_bytes(const ServerOptions *server, const char *remote_type)
{
	return server->invalid_text == InvalidText::replace && types::is_text_type(remote_type);
}

/* ntext has the bytes, but no CAST to them. */
static bool
is_cast_to_bytes(const char *remote_type)
{
	return types::is_national_type(remote_type) && pg_strcasecmp(remote_type, "ntext") != 0;
}

static void
begin_bytes(StringInfo sql, const char *remote_type)
{
	appendStringInfoString(sql, is_cast_to_bytes(remote_type) ? "CAST(" : "CAST(CAST(");
}

static void
end_bytes(StringInfo sql, const char *remote_type)
{
	appendStringInfo(sql, "%s AS varbinary(max))",
					 is_cast_to_bytes(remote_type) ? "" : " AS nvarchar(max))");
}

/* alias: the table's index in a query of several, 0 otherwise. */
static void
append_fetched_column(StringInfo sql, const ServerOptions *server, Oid relid, AttrNumber attribute,
					  int alias)
{
	const char *remote_type = column_remote_type(relid, attribute);
	bool as_bytes = is_fetched_as_bytes(server, remote_type);
	StringInfoData column;

	initStringInfo(&column);
	if (alias > 0)
		appendStringInfo(&column, "[r%d].", alias);
	append_identifier(&column, column_name(relid, attribute));
	if (as_bytes)
		begin_bytes(sql, remote_type);
	if (is_sql_variant(remote_type))
		append_variant(sql, column.data);
	else
		appendStringInfoString(sql, column.data);
	if (as_bytes)
		end_bytes(sql, remote_type);
}

/* Two columns here may be the same one at the server; ORDER BY would find its name ambiguous in a
 * query of one table (error 209). fetched: the names so far. */
static void
add_alias_if_repeated(StringInfo sql, List **fetched, const char *name)
{
	ListCell *cell;

	*fetched = lappend(*fetched, const_cast<char *>(name));
	foreach (cell, *fetched)
	{
		if (foreach_current_index(cell) < list_length(*fetched) - 1 &&
			pg_strcasecmp(static_cast<char *>(lfirst(cell)), name) == 0)
		{
			appendStringInfo(sql, " AS [again %d]", list_length(*fetched));
			return;
		}
	}
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
	List *fetched = NIL;

	for (AttrNumber attribute = 1; attribute <= descriptor->natts; attribute++)
	{
		if (TupleDescAttr(descriptor, attribute - 1)->attisdropped || !is_fetched(table, attribute))
			continue;
		if (retrieved != NIL)
			appendStringInfoString(sql, ", ");
		append_fetched_column(sql, table->server, table->relid, attribute, 0);
		add_alias_if_repeated(sql, &fetched, column_name(table->relid, attribute));
		retrieved = lappend_int(retrieved, attribute);
	}
	if (retrieved == NIL)
		appendStringInfoString(sql, "1");
	table_close(relation, NoLock);
	return retrieved;
}

static void
append_var(StringInfo sql, const PlannedRelation *relation, const Var *var, List **fetched)
{
	int index = static_cast<int>(var->varno);
	Oid relid = planner_rt_fetch(index, relation->scope.root)->relid;

	append_fetched_column(sql, relation->server, relid, var->varattno,
						  relation->scope.qualified ? index : 0);
	if (!relation->scope.qualified)
		add_alias_if_repeated(sql, fetched, column_name(relid, var->varattno));
}

/* The least or greatest text arrives as the column itself would. */
static void
append_aggregate(RemoteSql *sql, const PlannedRelation *relation, const TargetEntry *entry,
				 int *next_attribute, RemoteColumns *columns)
{
	auto *aggregate = castNode(Aggref, entry->expr);
	const Var *text = min_max_text_column(entry->expr);
	const char *remote_type =
		text != nullptr
			? column_remote_type(planner_rt_fetch(text->varno, relation->scope.root)->relid,
								 text->varattno)
			: "";
	bool as_bytes = is_fetched_as_bytes(relation->server, remote_type);

	if (as_bytes)
		begin_bytes(&sql->text, remote_type);
	append_aggregate_columns(sql, &relation->scope, aggregate, entry->resno, next_attribute,
							 columns);
	if (as_bytes)
		end_bytes(&sql->text, remote_type);
}

static void
append_computed_column(RemoteSql *sql, const PlannedRelation *relation, Expr *expr)
{
	types::TsqlType tsql_type;

	if (!deparse_value(sql, &relation->scope, expr, &tsql_type))
		elog(ERROR, "could not deparse a column that is shippable");
}

/* Of what is no single table: the members of the scan's own target list. An aggregate whose value
 * is not read still makes one row of all. */
static void
append_scan_columns(RemoteSql *sql, const PlannedRelation *relation, List *scan_tlist,
					RemoteColumns *columns)
{
	int next_attribute = list_length(scan_tlist) + 1;
	List *fetched = NIL;
	ListCell *cell;

	foreach (cell, scan_tlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);

		if (columns->attrs != NIL)
			appendStringInfoString(&sql->text, ", ");
		if (IsA(entry->expr, Aggref))
		{
			append_aggregate(sql, relation, entry, &next_attribute, columns);
			continue;
		}
		if (IsA(entry->expr, Var))
			append_var(&sql->text, relation, castNode(Var, entry->expr), &fetched);
		else if (!deparse_fetched_value(sql, &relation->scope, entry->expr))
			elog(ERROR, "could not deparse a column that is shippable");
		columns->attrs = lappend_int(columns->attrs, entry->resno);
	}
	if (columns->attrs == NIL)
		appendStringInfoString(&sql->text,
							   relation->kind == RelationKind::group ? "COUNT_BIG(*)" : "1");
}

static void
append_columns(RemoteSql *sql, const RemoteQuery &query, RemoteColumns *columns)
{
	const PlannedRelation *relation = planned_relation(query.rel);

	if (relation->kind == RelationKind::table)
		columns->attrs = append_output_columns(&sql->text, planned_table(query.rel));
	else
		append_scan_columns(sql, relation, query.scan_tlist, columns);
}

/* ---- conditions ---- */

static void
append_conditions(RemoteSql *sql, const Scope *scope, List *conditions, const char **separator)
{
	ListCell *cell;

	foreach (cell, bare_clauses(conditions))
	{
		appendStringInfoString(&sql->text, *separator);
		if (!deparse_condition(sql, scope, static_cast<Expr *>(lfirst(cell))))
			elog(ERROR, "could not deparse a condition that is shippable");
		*separator = " AND ";
	}
}

static void
append_lossy_conditions(RemoteSql *sql, const Scope *scope, List *conditions,
						const char **separator)
{
	ListCell *cell;

	foreach (cell, conditions)
	{
		appendStringInfoString(&sql->text, *separator);
		if (!deparse_lossy_condition(sql, scope, static_cast<Expr *>(lfirst(cell))))
			elog(ERROR, "could not deparse a condition that is shippable");
		*separator = " AND ";
	}
}

static void append_tree(RemoteSql *sql, const Scope *scope, RelOptInfo *rel);
static void append_where(RemoteSql *sql, const Scope *scope, RelOptInfo *rel,
						 const char **separator);

/* A semi or anti join: its clauses among the conditions of the inner query. */
static void
append_exists(RemoteSql *sql, const Scope *scope, const PlannedJoin *join, const char **separator)
{
	const char *inner = " WHERE ";

	appendStringInfo(&sql->text, "%s%sEXISTS (SELECT 1 FROM ", *separator,
					 join->type == JOIN_ANTI ? "NOT " : "");
	append_tree(sql, scope, join->inner);
	append_where(sql, scope, join->inner, &inner);
	append_conditions(sql, scope, join->join_clauses, &inner);
	appendStringInfoChar(&sql->text, ')');
	*separator = " AND ";
}

/* What is not said in FROM. */
static void
append_where(RemoteSql *sql, const Scope *scope, RelOptInfo *rel, const char **separator)
{
	const PlannedRelation *relation = planned_relation(rel);
	const PlannedJoin *join = planned_join(rel);

	if (relation->kind == RelationKind::table)
	{
		append_conditions(sql, scope, relation->remote_conds, separator);
		append_lossy_conditions(sql, scope, bare_clauses(planned_table(rel)->lossy_conds),
								separator);
		return;
	}
	append_where(sql, scope, join->outer, separator);
	switch (join->type)
	{
		case JOIN_INNER: append_where(sql, scope, join->inner, separator); return;
		case JOIN_SEMI:
		case JOIN_ANTI: append_exists(sql, scope, join, separator); break;
		default: break;
	}
	append_conditions(sql, scope, join->remote_conds, separator);
}

/* ---- FROM ---- */

static void
append_table(StringInfo sql, const TableOptions &options)
{
	if (options.query != nullptr)
	{
		append_query(sql, options);
		return;
	}
	append_identifier(sql, options.schema_name);
	appendStringInfoChar(sql, '.');
	append_identifier(sql, options.table_name);
}

void
append_from(StringInfo sql, const TableOptions &options)
{
	appendStringInfoString(sql, " FROM ");
	append_table(sql, options);
	if (options.query != nullptr)
		appendStringInfoString(sql, " AS [q]");
}

/* What ON says of an inner join is all that PostgreSQL asks of it; of a left join it is also what
 * the inner tables must fulfil, which elsewhere stands in WHERE. */
static void
append_on(RemoteSql *sql, const Scope *scope, const PlannedJoin *join)
{
	const char *separator = " ON ";

	if (join->type == JOIN_INNER)
		append_conditions(sql, scope, join->remote_conds, &separator);
	else
	{
		append_conditions(sql, scope, join->join_clauses, &separator);
		append_where(sql, scope, join->inner, &separator);
		if (std::strcmp(separator, " ON ") == 0)
			appendStringInfoString(&sql->text, " ON 1 = 1");
	}
}

static bool
is_single_table(RelOptInfo *rel)
{
	const PlannedRelation *relation = planned_relation(rel);

	if (relation->kind == RelationKind::table)
		return true;
	return (planned_join(rel)->type == JOIN_SEMI || planned_join(rel)->type == JOIN_ANTI) &&
		   is_single_table(planned_join(rel)->outer);
}

static void
append_inner_side(RemoteSql *sql, const Scope *scope, RelOptInfo *rel)
{
	bool is_single = is_single_table(rel);

	if (!is_single)
		appendStringInfoChar(&sql->text, '(');
	append_tree(sql, scope, rel);
	if (!is_single)
		appendStringInfoChar(&sql->text, ')');
}

/* The tables of a query of several, and their joins. */
static void
append_tree(RemoteSql *sql, const Scope *scope, RelOptInfo *rel)
{
	const PlannedJoin *join = planned_join(rel);

	if (join->kind == RelationKind::table)
	{
		append_table(&sql->text, planned_table(rel)->options);
		appendStringInfo(&sql->text, " AS [r%u]", rel->relid);
		return;
	}
	append_tree(sql, scope, join->outer);
	if (join->type == JOIN_SEMI || join->type == JOIN_ANTI)
		return;
	if (join->type == JOIN_LEFT)
		appendStringInfoString(&sql->text, " LEFT JOIN ");
	else
		appendStringInfoString(&sql->text,
							   join->remote_conds != NIL ? " INNER JOIN " : " CROSS JOIN ");
	append_inner_side(sql, scope, join->inner);
	append_on(sql, scope, join);
}

/* ---- grouped ---- */

static void
append_group_by(RemoteSql *sql, const PlannedGroup *group, List *guards)
{
	const char *separator = " GROUP BY ";
	ListCell *cell;

	foreach (cell, group->group_exprs)
	{
		appendStringInfoString(&sql->text, separator);
		append_computed_column(sql, group, static_cast<Expr *>(lfirst(cell)));
		separator = ", ";
	}
	separator = " HAVING ";
	append_conditions(sql, &group->scope, group->remote_conds, &separator);
	append_conditions(sql, &group->scope, guards, &separator);
}

/* ---- the query ---- */

/* A table's conditions are the path's choice; those of all others are their own. */
static void
append_body(RemoteSql *sql, const RemoteQuery &query)
{
	const PlannedRelation *relation = planned_relation(query.rel);
	RelOptInfo *source =
		relation->kind == RelationKind::group ? planned_group(query.rel)->input : query.rel;
	Expr *guard = query.limited ? limit_guard(query.root->parse) : nullptr;
	List *guards = guard != nullptr ? list_make1(guard) : NIL;
	const char *separator = " WHERE ";

	if (relation->scope.qualified)
	{
		appendStringInfoString(&sql->text, " FROM ");
		append_tree(sql, &planned_relation(source)->scope, source);
	}
	else
		append_from(&sql->text, planned_table(source)->options);
	if (relation->kind == RelationKind::table)
	{
		append_conditions(sql, &relation->scope, query.conditions, &separator);
		append_lossy_conditions(sql, &relation->scope, query.lossy_conditions, &separator);
	}
	else
		append_where(sql, &planned_relation(source)->scope, source, &separator);
	if (relation->kind == RelationKind::group)
		append_group_by(sql, planned_group(query.rel), guards);
	else
		append_conditions(sql, &relation->scope, guards, &separator);
}

void
deparse_query(RemoteSql *sql, const RemoteQuery &query, RemoteColumns *columns)
{
	*sql = {};
	initStringInfo(&sql->text);
	appendStringInfoString(&sql->text, "SELECT ");
	if (query.limited)
		append_top(sql, query.root->parse);
	append_columns(sql, query, columns);
	append_body(sql, query);

	bool is_ordered = append_order(sql, query.rel, query.pathkeys);

	if (query.limited)
		append_offset(sql, query.root->parse, is_ordered);
	end_text(sql);
}

bool
is_remote_value(const Scope *scope, Expr *expr, types::TsqlType *tsql_type)
{
	RemoteSql scratch = {};

	if (is_value(scope, expr))
		return false;
	initStringInfo(&scratch.text);
	return deparse_value(&scratch, scope, expr, tsql_type);
}

} // namespace sambapos::fdw
