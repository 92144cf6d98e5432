/*
 * How many rows, how wide, at what cost; without asking the server.
 *
 * Rows of the table: what ANALYZE counted, else the table option estimated_rows, which IMPORT
 * FOREIGN SCHEMA records from the server's catalog, else a guess. A scan costs one round trip
 * (fdw_startup_cost), the server's own work, and for every row that comes over the wire
 * fdw_tuple_cost. An execution with parameters pays the round trip each time, so that a nested loop
 * is chosen for a few outer rows, and one scan with a hash join for many.
 */
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

void
estimate_size(PlannerInfo *root, RelOptInfo *baserel, PlannedTable *table)
{
	if (baserel->tuples < 0)
		baserel->tuples = recorded_rows(table->relid);
	if (baserel->tuples < 0)
		baserel->tuples = unknown_rows;
	set_baserel_size_estimates(root, baserel);
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

		if (is_shippable(baserel, clause->clause))
			shipped = lappend(shipped, clause);
	}
	return shipped;
}

/* An integer that equals a parameter is a key or a reference to one, and SambaPOS has an index on
 * each: the server seeks. Otherwise it reads the table. */
static bool
is_seek(RelOptInfo *baserel, List *clauses)
{
	ListCell *cell;

	foreach (cell, clauses)
	{
		Expr *clause = lfirst_node(RestrictInfo, cell)->clause;
		ColumnComparison match;

		if (IsA(clause, OpExpr) && match_comparison(baserel, castNode(OpExpr, clause), &match) &&
			match.comparison == types::Comparison::equal && match.value != nullptr &&
			match.column.domain.grid == types::Grid::integer)
			return true;
	}
	return false;
}

ScanCost
estimate_scan(PlannerInfo *root, RelOptInfo *baserel, ParamPathInfo *param_info)
{
	const PlannedTable *table = planned_table(baserel);
	List *joined = shipped_clauses(baserel, param_info);
	List *sent = list_concat_copy(table->remote_conds, joined);
	double fetched = clamp_row_est(
		baserel->tuples *
		clauselist_selectivity(root, sent, static_cast<int>(baserel->relid), JOIN_INNER, nullptr));
	double read = is_seek(baserel, sent) ? fetched : baserel->tuples;
	QualCost local;
	ScanCost cost;

	cost_qual_eval(&local, table->local_conds, root);
	cost.rows = param_info != nullptr ? param_info->ppi_rows : baserel->rows;
	cost.startup = table->server->startup_cost + baserel->reltarget->cost.startup + local.startup;
	cost.total = cost.startup + read * cpu_operator_cost +
				 fetched * (table->server->tuple_cost + cpu_tuple_cost + local.per_tuple) +
				 cost.rows * baserel->reltarget->cost.per_tuple;
	return cost;
}

} // namespace sambapos::fdw
