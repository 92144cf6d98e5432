/*
 * How many rows, how wide, at what cost; without asking the server.
 *
 * Rows of the table: what ANALYZE counted, else the table option estimated_rows, which IMPORT
 * FOREIGN SCHEMA records from the server's catalog, else a guess. Only with the server option
 * use_remote_estimate the server is asked, its catalog and never the table: then planning, and
 * EXPLAIN, connects. A scan costs one round trip
 * (fdw_startup_cost), the server's own work, and for every row that comes over the wire
 * fdw_tuple_cost. An execution with parameters pays the round trip each time, so that a nested loop
 * is chosen for a few outer rows, and one scan with a hash join for many.
 */
#include "fdw/connection.hpp"
#include "fdw/relation.hpp"

namespace sambapos::fdw
{

/* Used when nothing is known: large enough that a nested loop over few rows is preferred to
 * fetching the table, small enough that nobody plans for a warehouse. */
constexpr double unknown_rows = 1000;

/* The table option, or a negative number. */
static double
recorded_rows(Oid relid)
{
	ListCell *cell;

	foreach (cell, GetForeignTable(relid)->options)
	{
		DefElem *option = lfirst_node(DefElem, cell);

		if (std::strcmp(option->defname, "estimated_rows") == 0)
			return strtod(defGetString(option), nullptr);
	}
	return -1;
}

/* The one value of a query for a number, as text; negative if it is NULL or 0, which is also what a
 * server says that keeps no counts. */
static double
asked_number(Oid server, Oid user, const char *sql)
{
	Result *result = result_make();
	double number = -1;
	tds::Row row;

	result_open(result, server, user,
				pg_server_to_any(sql, static_cast<int>(strlen(sql)), PG_UTF8));
	while (result_next(result, &row))
	{
		if (row.values[0].data != nullptr)
			number = strtod(pnstrdup(reinterpret_cast<const char *>(row.values[0].data),
									 static_cast<Size>(row.values[0].length)),
							nullptr);
	}
	result_close(result);
	return number > 0 ? number : -1;
}

/* The rows of the heap or of the clustered index, as the server's catalog counts them. A query or a
 * view has none there. */
static double
remote_rows(RelOptInfo *baserel, const PlannedTable *table)
{
	Oid user = OidIsValid(baserel->userid) ? baserel->userid : GetUserId();
	StringInfoData sql;

	if (!table->server->use_remote_estimate || table->options.query != nullptr)
		return -1;
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT CAST(SUM(p.rows) AS varchar(20)) FROM sys.partitions AS p "
								 "INNER JOIN sys.tables AS t ON t.object_id = p.object_id "
								 "INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id "
								 "WHERE p.index_id IN (0, 1) AND s.name = ");
	types::append_text_literal(&sql, table->options.schema_name);
	appendStringInfoString(&sql, " AND t.name = ");
	types::append_text_literal(&sql, table->options.table_name);
	return asked_number(GetForeignTable(table->relid)->serverid, user, sql.data);
}

/* The join clauses that a parameterised path sends. */
static List *
shipped_clauses(RelOptInfo *baserel, ParamPathInfo *param_info)
{
	List *shipped = NIL;
	ListCell *cell;

	if (param_info == nullptr)
		return NIL;
	foreach (cell, param_info->ppi_clauses)
	{
		RestrictInfo *clause = lfirst_node(RestrictInfo, cell);

		if (is_shippable(&planned_table(baserel)->scope, clause->clause))
			shipped = lappend(shipped, clause);
	}
	return shipped;
}

/* The columns that the clauses set equal to a value. */
static Bitmapset *
bound_columns(RelOptInfo *baserel, List *clauses)
{
	Bitmapset *bound = nullptr;
	ListCell *cell;

	foreach (cell, clauses)
	{
		Var *column =
			equated_column(&planned_table(baserel)->scope, lfirst_node(RestrictInfo, cell)->clause);

		if (column != nullptr)
			bound = bms_add_member(bound, column->varattno);
	}
	return bound;
}

bool
is_key_column(Oid relid, AttrNumber attribute)
{
	ListCell *cell;

	foreach (cell, GetForeignColumnOptions(relid, attribute))
	{
		DefElem *option = lfirst_node(DefElem, cell);

		if (std::strcmp(option->defname, "key") == 0)
			return defGetBoolean(option);
	}
	return false;
}

/* All columns of the source's key are bound: at most one row. */
static bool
is_one_row(RelOptInfo *baserel, const Bitmapset *bound)
{
	int keys = 0;

	for (AttrNumber attribute = 1; attribute <= baserel->max_attr; attribute++)
	{
		if (!is_key_column(planned_table(baserel)->relid, attribute))
			continue;
		if (!bms_is_member(attribute, bound))
			return false;
		keys++;
	}
	return keys > 0;
}

/* An integer that equals a value is a key or a reference to one, and SambaPOS has an index on each:
 * the server seeks. Otherwise it reads the table. */
static bool
is_seek(RelOptInfo *baserel, const Bitmapset *bound)
{
	int attribute = -1;

	while ((attribute = bms_next_member(bound, attribute)) >= 0)
	{
		Oid type = get_atttype(planned_table(baserel)->relid, static_cast<AttrNumber>(attribute));

		if (type == INT2OID || type == INT4OID || type == INT8OID)
			return true;
	}
	return false;
}

void
estimate_size(PlannerInfo *root, RelOptInfo *baserel, PlannedTable *table)
{
	double asked = remote_rows(baserel, table);

	if (asked >= 0)
		baserel->tuples = asked;
	if (baserel->tuples < 0)
		baserel->tuples = recorded_rows(table->relid);
	if (baserel->tuples < 0)
		baserel->tuples = unknown_rows;
	set_baserel_size_estimates(root, baserel);
	if (is_one_row(baserel, bound_columns(baserel, table->remote_conds)))
		baserel->rows = 1;
}

ScanCost
estimate_scan(PlannerInfo *root, RelOptInfo *baserel, ParamPathInfo *param_info)
{
	const PlannedTable *table = planned_table(baserel);
	List *sent = list_concat_copy(table->remote_conds, shipped_clauses(baserel, param_info));
	Bitmapset *bound = bound_columns(baserel, sent);
	bool one_row = is_one_row(baserel, bound);
	Selectivity share =
		clauselist_selectivity(root, sent, static_cast<int>(baserel->relid), JOIN_INNER, nullptr);
	double fetched = one_row ? 1 : clamp_row_est(baserel->tuples * share);
	double read = is_seek(baserel, bound) ? fetched : baserel->tuples;
	double rows = param_info != nullptr ? param_info->ppi_rows : baserel->rows;
	QualCost local;
	ScanCost cost;

	cost_qual_eval(&local, table->local_conds, root);
	cost.rows = one_row ? 1 : rows;
	cost.startup = table->server->startup_cost + baserel->reltarget->cost.startup + local.startup;
	cost.fetched = fetched;
	cost.work = read * cpu_operator_cost;
	cost.total = cost.startup + cost.work +
				 fetched * (table->server->tuple_cost + cpu_tuple_cost + local.per_tuple) +
				 cost.rows * baserel->reltarget->cost.per_tuple;
	return cost;
}

} // namespace sambapos::fdw
