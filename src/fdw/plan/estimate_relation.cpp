/*
 * What joins, groups, orders and limits at the server cost, by the same measure as estimate.cpp: a
 * round trip, the server's own work, and for every row that comes over the wire fdw_tuple_cost.
 *
 * Rows over the wire decide: a join or a group is sent where it brings fewer rows than its inputs.
 * The server's work is counted as PostgreSQL would count its cheapest step, one operator a row.
 */
#include "fdw/plan/relation.hpp"

namespace sambapos::fdw
{

/* The share of the fetched rows that local conditions leave. */
static Selectivity
kept_share(const PlannedRelation *relation)
{
	return relation->fetched > 0 ? std::min(relation->rows / relation->fetched, 1.0) : 1;
}

/* Reading both sides, a hash table, the rows it gives. What the inputs' local conditions would
 * leave out comes over the wire too. */
void
estimate_join(PlannerInfo *root, RelOptInfo *joinrel)
{
	PlannedJoin *join = planned_join(joinrel);
	const PlannedRelation *outer = planned_relation(join->outer);
	const PlannedRelation *inner = planned_relation(join->inner);
	Selectivity kept = clauselist_selectivity(root, join->later_conds, 0, JOIN_INNER, nullptr) *
					   kept_share(outer) * (join->type == JOIN_INNER ? kept_share(inner) : 1);

	join->rows = joinrel->rows;
	join->fetched = clamp_row_est(joinrel->rows / std::max(kept, 1e-6));
	join->work = outer->work + inner->work +
				 (outer->fetched + inner->fetched + join->fetched) * cpu_operator_cost;
}

/* Its rows, after the local part of HAVING. */
double
estimate_group(PlannerInfo *root, RelOptInfo *grouped)
{
	PlannedGroup *group = planned_group(grouped);
	const PlannedRelation *input = planned_relation(group->input);
	double steps = 1 + list_length(group->scan_tlist);
	double groups = 1;

	if (group->group_exprs != NIL)
		groups = estimate_num_groups(root, group->group_exprs, input->fetched, nullptr, nullptr);
	group->fetched = clamp_row_est(
		groups * clauselist_selectivity(root, group->remote_conds, 0, JOIN_INNER, nullptr));
	group->rows = clamp_row_est(
		group->fetched * clauselist_selectivity(root, group->local_conds, 0, JOIN_INNER, nullptr));
	group->work = input->work + input->fetched * steps * cpu_operator_cost;
	return group->rows;
}

/* ---- orders ---- */

/* One comparison, cheaper than PostgreSQL's, for each step of the sort; none where the order is
 * that of the key, which an index has. */
static Cost
sort_cost(double rows, double wanted)
{
	double kept = std::max(2.0, std::min(rows, wanted));

	return rows * (std::log2(kept) + 1) * cpu_operator_cost;
}

static bool
is_key_order(const PlannedRelation *relation, List *pathkeys)
{
	if (relation->kind != RelationKind::table || list_length(pathkeys) != 1)
		return false;

	const auto *pathkey = static_cast<PathKey *>(linitial(pathkeys));
	ListCell *cell;

	foreach (cell, pathkey->pk_eclass->ec_members)
	{
		auto *member = static_cast<EquivalenceMember *>(lfirst(cell));

		if (bms_equal(member->em_relids, relation->scope.relids) && IsA(member->em_expr, Var) &&
			is_key_column(static_cast<const PlannedTable *>(relation)->relid,
						  castNode(Var, member->em_expr)->varattno))
			return true;
	}
	return false;
}

/* ---- the whole ---- */

/* The rows the server sends: all, or those within the limit. */
static double
limited_rows(double fetched, const FinalPathExtraData *limit)
{
	if (limit == nullptr)
		return fetched;

	double rest = fetched - static_cast<double>(std::max<int64>(limit->offset_est, 0));

	if (limit->count_est > 0)
		rest = std::min(rest, static_cast<double>(limit->count_est));
	else if (limit->count_est < 0 || limit->offset_est < 0)
		rest = rest * 0.1; /* as the planner guesses a limit it does not know */
	return clamp_row_est(rest);
}

static double
wanted_rows(double fetched, const FinalPathExtraData *limit)
{
	return limit != nullptr && limit->limit_tuples > 0 ? std::min(fetched, limit->limit_tuples)
													   : fetched;
}

/* A limit that is applied here leaves rows on the way, and asks the server to stop; the planner
 * does not count that, so the limit at the server gets a discount. */
constexpr double limit_discount = 0.5;      /* of a round trip */
constexpr double limit_discount_min = 0.05; /* of the whole */

/* The planner takes costs that differ by a hundredth for the same, and then prefers what comes
 * sorted. An order that a later join would lose must not be asked for, even of few rows or of a
 * key: it would bind the server to one index. */
constexpr double order_charge = 0.02;

/* Groups are usually fewer than the planner assumes without statistics: in doubt the server groups.
 */
constexpr double group_discount = 0.05;

/* What the planner does not count, in its units: see the constants. */
static void
weigh(PlannerInfo *root, RelOptInfo *rel, List *pathkeys, bool is_limited, ScanCost *cost)
{
	const PlannedRelation *relation = planned_relation(rel);
	Cost discount = relation->kind == RelationKind::group ? cost->startup * group_discount : 0;

	if (is_limited)
		discount += std::max(relation->server->startup_cost * limit_discount,
							 cost->total * limit_discount_min);
	cost->startup = std::max(cost->startup - discount, 0.0);
	cost->total -= discount;
	if (pathkeys != NIL && (IS_SIMPLE_REL(rel) || IS_JOIN_REL(rel)) &&
		!bms_is_subset(root->all_baserels, rel->relids))
		cost->total += cost->total * order_charge;
}

ScanCost
estimate_relation(PlannerInfo *root, RelOptInfo *rel, double rows, List *pathkeys,
				  const FinalPathExtraData *limit)
{
	const PlannedRelation *relation = planned_relation(rel);
	double sent = limited_rows(relation->fetched, limit);
	double wanted = wanted_rows(relation->fetched, limit);
	bool is_sorted = pathkeys != NIL && !is_key_order(relation, pathkeys);
	bool is_blocking = is_sorted || relation->kind == RelationKind::group;
	Cost work = relation->work;
	QualCost local;
	ScanCost cost;

	cost_qual_eval(&local, relation->local_conds, root);
	if (is_sorted)
		work += sort_cost(relation->fetched, wanted);
	else if (!is_blocking && relation->fetched > 0)
		work *= wanted / relation->fetched;
	cost.fetched = sent;
	cost.work = work;
	cost.rows = limit != nullptr ? sent : rows;
	cost.startup = relation->server->startup_cost + local.startup + (is_blocking ? work : 0);
	cost.total = cost.startup + (is_blocking ? 0 : work) +
				 sent * (relation->server->tuple_cost + cpu_tuple_cost + local.per_tuple);
	weigh(root, rel, pathkeys, limit != nullptr, &cost);
	return cost;
}

} // namespace sambapos::fdw
