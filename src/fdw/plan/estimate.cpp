/*
 * Row counts, widths and costs of foreign tables.
 *
 * Rows of the table, from the first of these that is known: with the server option
 * use_remote_estimate what the server's catalog says (cached until something changes, for some
 * minutes at most; planning, and EXPLAIN, connects then); what ANALYZE counted; the table option
 * estimated_rows, which IMPORT FOREIGN SCHEMA records; a guess. Widths are those of ANALYZE, else
 * of the types.
 *
 * A scan costs one round trip (fdw_startup_cost), the server's own work, and for every row that
 * comes over the wire fdw_tuple_cost. An execution with parameters pays the round trip each time,
 * so that a nested loop is chosen for a few outer rows, and one scan with a hash join for many.
 */
#include "fdw/remote/connection.hpp"
#include "fdw/plan/relation.hpp"

namespace sambapos::fdw
{

/* A table that was empty when it was counted will not stay so. */
constexpr double empty_rows = 100;

/* ---- the size, asked of the server ---- */

/* The planner needs no more than the order of magnitude. */
constexpr int size_lasts_ms = 5 * 60 * 1000;

struct AskedKey
{
	Oid relation;
	Oid user;
};

struct Asked
{
	AskedKey key; /* must be first: the hash key */
	double rows;
	TimestampTz at;
};

static HTAB *asked = nullptr;

static void
forget_asked(Oid relation)
{
	HASH_SEQ_STATUS sequence;

	hash_seq_init(&sequence, asked);
	while (auto *entry = static_cast<Asked *>(hash_seq_search(&sequence)))
		if (!OidIsValid(relation) || entry->key.relation == relation)
			hash_search(asked, &entry->key, HASH_REMOVE, nullptr);
}

static void
on_relation_change(Datum, Oid relation)
{
	forget_asked(relation);
}

static void
on_server_change(Datum, int, uint32)
{
	forget_asked(InvalidOid);
}

static void
remember_asked()
{
	HASHCTL control = {};

	if (asked != nullptr)
		return;
	control.keysize = sizeof(AskedKey);
	control.entrysize = sizeof(Asked);
	asked = hash_create("sambapos_fdw table sizes", 64, &control, HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(on_relation_change, Datum{0});
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, on_server_change, Datum{0});
	CacheRegisterSyscacheCallback(USERMAPPINGOID, on_server_change, Datum{0});
}

/* -1: the server was not to be asked, or does not know. */
static double
remote_rows(RelOptInfo *baserel, const PlannedTable *table)
{
	AskedKey key = {table->relid, OidIsValid(baserel->userid) ? baserel->userid : GetUserId()};
	TimestampTz now = GetCurrentTimestamp();

	if (!table->server->use_remote_estimate)
		return -1;
	remember_asked();

	auto *entry = static_cast<Asked *>(hash_search(asked, &key, HASH_FIND, nullptr));

	if (entry != nullptr && !TimestampDifferenceExceeds(entry->at, now, size_lasts_ms))
		return entry->rows;

	double rows =
		catalog_size(GetForeignTable(table->relid)->serverid, key.user, table->options).rows;

	entry = static_cast<Asked *>(hash_search(asked, &key, HASH_ENTER, nullptr));
	entry->rows = rows;
	entry->at = now;
	return rows;
}

/* ---- the size, as it is known here ---- */

/* The join clauses that a parameterised path sends, exactly or as lossy conditions. */
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

		if (has_lossy_condition(&planned_table(baserel)->scope, clause->clause))
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

/* Tells the planner's statistics that a column is a key, so that joins on it are estimated as such
 * before the table was analyzed: as an index that does not exist. It is marked as checked
 * late (not immediate), which is good enough for an estimate and for nothing else: what is read at
 * a till without row versions may have a row twice, and no plan may rely on the key. */
static void
add_key(RelOptInfo *baserel, Oid relid)
{
	AttrNumber key = InvalidAttrNumber;

	for (AttrNumber attribute = 1; attribute <= baserel->max_attr; attribute++)
	{
		if (!is_key_column(relid, attribute))
			continue;
		if (key != InvalidAttrNumber)
			return; /* of several columns: is_one_row() knows it */
		key = attribute;
	}
	if (key == InvalidAttrNumber)
		return;

	IndexOptInfo *index = makeNode(IndexOptInfo);

	index->rel = baserel;
	index->ncolumns = 1;
	index->nkeycolumns = 1;
	index->indexkeys = static_cast<int *>(palloc(sizeof(int)));
	index->indexkeys[0] = key;
	index->unique = true;
	index->immediate = false;
	index->hypothetical = true;
	baserel->indexlist = lappend(baserel->indexlist, index);
}

void
estimate_size(PlannerInfo *root, RelOptInfo *baserel, PlannedTable *table)
{
	double rows = remote_rows(baserel, table);

	if (rows >= 0)
		baserel->tuples = rows;
	if (baserel->tuples < 0)
		baserel->tuples = table->options.estimated_rows;
	if (baserel->tuples < 1)
		baserel->tuples = empty_rows;
	add_key(baserel, table->relid);
	set_baserel_size_estimates(root, baserel);
	baserel->rows =
		clamp_row_est(baserel->tuples * share_of_rows(root, baserel, baserel->baserestrictinfo));
	if (is_one_row(baserel, bound_columns(baserel, table->remote_conds)))
		baserel->rows = 1;
}

ScanCost
estimate_scan(PlannerInfo *root, RelOptInfo *baserel, ParamPathInfo *param_info)
{
	const PlannedTable *table = planned_table(baserel);
	List *sent = list_concat(list_concat_copy(table->remote_conds, table->lossy_conds),
							 shipped_clauses(baserel, param_info));
	Bitmapset *bound = bound_columns(baserel, sent);
	bool one_row = is_one_row(baserel, bound);
	Selectivity share = share_of_rows(root, baserel, sent);
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
