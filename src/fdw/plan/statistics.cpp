/*
 * What the planner is told of columns that no ANALYZE has seen.
 *
 * ANALYZE reads rows, so a new table has none of its figures, and PostgreSQL's guesses suit a local
 * table: 200 different values, and ranges and patterns that leave little (0.005), for which an
 * index is worth while. Too few rows are the dear mistake here: each of them may then become a
 * query at the server. So how many values a column has is taken from the option estimated_distinct,
 * and ranges and patterns of a column of which nothing is known are wide ones.
 *
 * The first is a row as pg_statistic would have it, which is made when the planner asks and stored
 * nowhere. What ANALYZE has found goes before all of this.
 */
#include "fdw/deparse/expression.hpp"

namespace sambapos::fdw
{

static bool
is_analyzed(Oid relation, AttrNumber attribute)
{
	return SearchSysCacheExists3(STATRELATTINH, ObjectIdGetDatum(relation),
								 Int16GetDatum(attribute), BoolGetDatum(false));
}

/* ---- how many values ---- */

static get_relation_stats_hook_type next_hook = nullptr;

static bool
is_our_table(const PlannerInfo *root, const RangeTblEntry *entry)
{
	if (entry->rtekind != RTE_RELATION || entry->relkind != RELKIND_FOREIGN_TABLE || entry->inh)
		return false;
	for (int i = 1; i < root->simple_rel_array_size; i++)
	{
		const RelOptInfo *rel = root->simple_rel_array[i];

		if (root->simple_rte_array[i] == entry && rel != nullptr)
			return rel->fdwroutine != nullptr &&
				   rel->fdwroutine->IterateForeignScan == sambapos_iterate_scan;
	}
	return false;
}

static HeapTuple
make_statistics(Oid relation, AttrNumber attribute, double distinct)
{
	Datum values[Natts_pg_statistic] = {};
	bool nulls[Natts_pg_statistic] = {};
	Relation catalog = table_open(StatisticRelationId, AccessShareLock);
	int32 width = get_typavgwidth(get_atttype(relation, attribute), -1);

	values[Anum_pg_statistic_starelid - 1] = ObjectIdGetDatum(relation);
	values[Anum_pg_statistic_staattnum - 1] = Int16GetDatum(attribute);
	values[Anum_pg_statistic_stawidth - 1] = Int32GetDatum(width);
	values[Anum_pg_statistic_stadistinct - 1] = Float4GetDatum(static_cast<float4>(distinct));
	for (int slot = 0; slot < STATISTIC_NUM_SLOTS; slot++)
	{
		nulls[Anum_pg_statistic_stanumbers1 - 1 + slot] = true;
		nulls[Anum_pg_statistic_stavalues1 - 1 + slot] = true;
	}

	HeapTuple tuple = heap_form_tuple(RelationGetDescr(catalog), values, nulls);

	table_close(catalog, AccessShareLock);
	return tuple;
}

/* get_relation_stats_hook */
static bool
find_statistics(PlannerInfo *root, RangeTblEntry *entry, AttrNumber attribute,
				VariableStatData *found)
{
	if (next_hook != nullptr && next_hook(root, entry, attribute, found))
		return true;
	if (attribute <= 0 || !is_our_table(root, entry))
		return false;

	double distinct = estimated_distinct(entry->relid, attribute);

	if (distinct < 1 || is_analyzed(entry->relid, attribute))
		return false;
	found->statsTuple = make_statistics(entry->relid, attribute, distinct);
	found->freefunc = heap_freetuple;
	found->acl_ok = true; /* options of a table are no secret */
	return true;
}

void
statistics_init()
{
	next_hook = get_relation_stats_hook;
	get_relation_stats_hook = find_statistics;
}

/* ---- conditions on what is not known ---- */

/* A range with two ends: a month of a year. With one, as PostgreSQL has it. */
constexpr Selectivity closed_range = 0.1;
constexpr Selectivity open_range = 1.0 / 3;

/* What is left at least: of a text that equals another, which is a group as often as a name; of a
 * pattern, or a function. */
constexpr Selectivity least_equal = 0.1;
constexpr Selectivity least_other = 1.0 / 3;

/* Columns that have an end of a range: a lower one, an upper one. */
struct Ranges
{
	Bitmapset *lower;
	Bitmapset *upper;
};

static bool
is_less(Oid estimator)
{
	return estimator == F_SCALARLTSEL || estimator == F_SCALARLESEL;
}

static bool
is_greater(Oid estimator)
{
	return estimator == F_SCALARGTSEL || estimator == F_SCALARGESEL;
}

/* Notes the end; false if the condition is none of an unknown column's range. */
static bool
add_range(const PlannedTable *table, Expr *expr, Ranges *ranges)
{
	bool by_day = false;
	int64 shift = 0;

	if (!IsA(expr, OpExpr) || list_length(castNode(OpExpr, expr)->args) != 2)
		return false;

	OpExpr *op = castNode(OpExpr, expr);
	Oid estimator = get_oprrest(op->opno);
	auto *left = static_cast<Expr *>(linitial(op->args));
	auto *right = static_cast<Expr *>(lsecond(op->args));
	bool is_flipped = is_value(&table->scope, left);

	if (is_flipped)
		std::swap(left, right);
	if ((!is_less(estimator) && !is_greater(estimator)) || !is_value(&table->scope, right))
		return false;

	const Var *column = column_of(&table->scope, below_cast(left, &by_day, &shift));

	if (column == nullptr || is_analyzed(table->relid, column->varattno))
		return false;

	Bitmapset **ends = is_less(estimator) == is_flipped ? &ranges->lower : &ranges->upper;

	*ends = bms_add_member(*ends, column->varattno);
	return true;
}

/* The column that is set equal to a value, or to those of a list; null if it is no such condition.
 */
static const Var *
looked_up_column(const PlannedTable *table, Expr *expr)
{
	Oid comparison = InvalidOid;
	List *args = NIL;

	if (IsA(expr, OpExpr))
	{
		comparison = castNode(OpExpr, expr)->opno;
		args = castNode(OpExpr, expr)->args;
	}
	else if (IsA(expr, ScalarArrayOpExpr))
	{
		comparison = castNode(ScalarArrayOpExpr, expr)->opno;
		args = castNode(ScalarArrayOpExpr, expr)->args;
	}
	if (list_length(args) != 2 || get_oprrest(comparison) != F_EQSEL)
		return nullptr;

	const Var *column = column_of(&table->scope, static_cast<Expr *>(linitial(args)));

	return column != nullptr ? column
							 : column_of(&table->scope, static_cast<Expr *>(lsecond(args)));
}

/* What a condition leaves at least of a table that no ANALYZE has seen. Of numbers and keys
 * PostgreSQL knows enough. */
static Selectivity
least_share(const PlannedTable *table, Expr *expr)
{
	const Var *column = looked_up_column(table, expr);
	bool is_preferred;
	char category;

	if (column == nullptr)
		return least_other;
	get_type_category_preferred(getBaseType(column->vartype), &category, &is_preferred);
	if (category != TYPCATEGORY_STRING || is_key_column(table->relid, column->varattno))
		return 0;
	return least_equal;
}

/* It names a column that no ANALYZE has seen. */
static bool
is_unknown(const RelOptInfo *baserel, const PlannedTable *table, Expr *expr)
{
	Bitmapset *columns = nullptr;
	int member = -1;

	pull_varattnos(reinterpret_cast<Node *>(expr), baserel->relid, &columns);
	while ((member = bms_next_member(columns, member)) >= 0)
		if (!is_analyzed(table->relid,
						 static_cast<AttrNumber>(member + FirstLowInvalidHeapAttributeNumber)))
			return true;
	return false;
}

Selectivity
share_of_rows(PlannerInfo *root, RelOptInfo *baserel, List *conditions)
{
	const PlannedTable *table = planned_table(baserel);
	int relation = static_cast<int>(baserel->relid);
	Selectivity share = 1;
	Ranges ranges = {};
	List *others = NIL;
	ListCell *cell;

	foreach (cell, conditions)
	{
		RestrictInfo *condition = lfirst_node(RestrictInfo, cell);

		if (add_range(table, condition->clause, &ranges))
			continue;
		Selectivity least = is_unknown(baserel, table, condition->clause)
								? least_share(table, condition->clause)
								: 0;

		if (least == 0)
			others = lappend(others, condition);
		else
			share *= std::max(clause_selectivity(root, reinterpret_cast<Node *>(condition),
												 relation, JOIN_INNER, nullptr),
							  least);
	}

	int both = bms_num_members(bms_intersect(ranges.lower, ranges.upper));
	int all = bms_num_members(bms_union(ranges.lower, ranges.upper));

	return share * clauselist_selectivity(root, others, relation, JOIN_INNER, nullptr) *
		   std::pow(closed_range, both) * std::pow(open_range, all - both);
}

} // namespace sambapos::fdw
