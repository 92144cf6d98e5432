/*
 * GetForeignUpperPaths: GROUP BY, aggregates and HAVING; DISTINCT; ORDER BY of what they give;
 * LIMIT and OFFSET.
 *
 * They stand only on a relation without local conditions, since what they see must be exactly the
 * rows PostgreSQL would see. Grouped rows are fetched as grouping expressions and aggregates; what
 * the target list and the local part of HAVING make of them is computed here. DISTINCT is sent as
 * GROUP BY. Not sent: grouping sets, DISTINCT ON, partial aggregates, grouping by constants alone,
 * WITH TIES; ORDER BY and LIMIT below set-returning functions.
 */
#include "fdw/plan/relation.hpp"

namespace sambapos::fdw
{

/* A gating condition, which does not depend on the rows, such as one about today's date: PostgreSQL
 * evaluates it before the scan, which may spare the whole query. */
static bool
has_gating_condition(const PlannedRelation *relation)
{
	ListCell *cell;

	foreach (cell, relation->remote_conds)
	{
		auto *condition = static_cast<Node *>(lfirst(cell));

		if (IsA(condition, RestrictInfo) && castNode(RestrictInfo, condition)->pseudoconstant)
			return true;
	}
	return false;
}

/* Nothing is left to be filtered here before the next step. */
static bool
can_be_built_on(const RelOptInfo *rel)
{
	const PlannedRelation *relation = planned_relation(rel);

	return relation != nullptr && relation->local_conds == NIL && !has_gating_condition(relation);
}

static PlannedGroup *
make_group(RelOptInfo *input, PathTarget *target)
{
	auto *group = static_cast<PlannedGroup *>(palloc0(sizeof(PlannedGroup)));
	const PlannedRelation *below = planned_relation(input);

	group->kind = RelationKind::group;
	group->scope = below->scope;
	group->scope.grouped = true;
	group->server = below->server;
	group->hidden = below->hidden;
	group->nullable = below->nullable;
	group->relations = psprintf("Aggregate on (%s)", below->relations);
	group->input = input;
	group->target = target;
	return group;
}

/* ---- what is fetched ---- */

static bool
add_group_expr(PlannedGroup *group, Expr *expr, Index reference)
{
	types::TsqlType tsql_type;

	if (bms_overlap(pull_varnos(group->scope.root, reinterpret_cast<Node *>(expr)),
					group->hidden) ||
		!is_remote_value(&group->scope, expr, &tsql_type) || !types::may_group(tsql_type) ||
		!types::may_fetch(tsql_type))
		return false;

	/* Twice in the output it would be ambiguous in ORDER BY (error 209). */
	if (list_member(group->group_exprs, expr))
		return true;

	TargetEntry *entry = makeTargetEntry(
		expr, static_cast<AttrNumber>(list_length(group->scan_tlist) + 1), nullptr, false);

	entry->ressortgroupref = reference;
	group->scan_tlist = lappend(group->scan_tlist, entry);
	group->group_exprs = lappend(group->group_exprs, expr);
	return true;
}

/* The aggregates of an expression that is computed here. Columns in it are grouped by. */
static bool
add_aggregates(PlannedGroup *group, Node *node)
{
	ListCell *cell;

	foreach (cell, pull_var_clause(node, PVC_INCLUDE_AGGREGATES | PVC_RECURSE_PLACEHOLDERS))
	{
		auto *part = static_cast<Node *>(lfirst(cell));

		if (IsA(part, Var))
			continue;
		if (!IsA(part, Aggref) || !is_remote_aggregate(&group->scope, castNode(Aggref, part)))
			return false;
		group->scan_tlist = add_to_flat_tlist(group->scan_tlist, list_make1(part));
	}
	return true;
}

static bool
fill_scan_tlist(PlannedGroup *group, List *clauses)
{
	int index = 0;
	ListCell *cell;

	foreach (cell, group->target->exprs)
	{
		Index reference = get_pathtarget_sortgroupref(group->target, index++);
		auto *expr = static_cast<Expr *>(lfirst(cell));
		bool is_grouped =
			reference != 0 && get_sortgroupref_clause_noerr(reference, clauses) != nullptr;

		if (is_grouped && is_value(&group->scope, expr))
			continue; /* T-SQL groups by no constant; nor does it matter */
		if (is_grouped ? !add_group_expr(group, expr, reference)
					   : !add_aggregates(group, reinterpret_cast<Node *>(expr)))
			return false;
	}
	/* Grouped by nothing, no row would become one row. */
	return clauses == NIL || group->group_exprs != NIL;
}

/* A column that is neither grouped by nor inside of what is. Such a one remains where the planner
 * has made two parameters of a subquery that stands in GROUP BY and in the output: n + $0 is not
 * the grouped n + $1. */
static bool
reads_ungrouped(Node *node, void *context)
{
	const auto *group = static_cast<const PlannedGroup *>(context);

	if (node == nullptr || IsA(node, Aggref) || list_member(group->group_exprs, node))
		return false;
	return IsA(node, Var) || walk_expression(node, reads_ungrouped, context);
}

/* Names for error messages. */
static void
name_columns(const PlannedGroup *group)
{
	ListCell *cell;

	foreach (cell, group->scan_tlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Expr *expr = entry->expr;

		if (IsA(expr, Aggref))
			entry->resname = get_func_name(castNode(Aggref, expr)->aggfnoid);
		else if (IsA(expr, Var))
			entry->resname =
				get_attname(planner_rt_fetch(castNode(Var, expr)->varno, group->scope.root)->relid,
							castNode(Var, expr)->varattno, false);
		else
			entry->resname = pstrdup("expression");
	}
}

/* ---- GROUP BY ---- */

static bool
fill_having(PlannedGroup *group, List *having)
{
	ListCell *cell;

	foreach (cell, having)
	{
		auto *clause = static_cast<Expr *>(lfirst(cell));

		if (is_shippable(&group->scope, clause))
		{
			group->remote_conds = lappend(group->remote_conds, clause);
			continue;
		}
		if (!add_aggregates(group, reinterpret_cast<Node *>(clause)))
			return false;
		group->local_conds = lappend(group->local_conds, clause);
	}
	return true;
}

static void
add_group_path(PlannerInfo *root, RelOptInfo *grouped)
{
	double rows = estimate_group(root, grouped);
	ScanCost cost = estimate_relation(root, grouped, rows, NIL, nullptr);

	add_path(grouped, reinterpret_cast<Path *>(
						  foreign_upper_path(root, grouped, planned_group(grouped)->target,
											 cost.rows, cost.startup, cost.total, NIL, NIL)));
}

/* Also for a partition's share of a partitionwise aggregate, which is grouped completely. */
static void
group_paths(PlannerInfo *root, RelOptInfo *input, RelOptInfo *grouped,
			const GroupPathExtraData *extra)
{
	PlannedGroup *group = make_group(input, grouped->reltarget);

	if (root->parse->groupingSets != NIL || extra->patype == PARTITIONWISE_AGGREGATE_PARTIAL ||
		!fill_scan_tlist(group, root->parse->groupClause) ||
		!fill_having(group, reinterpret_cast<List *>(extra->havingQual)) ||
		reads_ungrouped(reinterpret_cast<Node *>(group->target->exprs), group) ||
		reads_ungrouped(reinterpret_cast<Node *>(group->local_conds), group))
		return;
	name_columns(group);
	grouped->fdw_private = group;
	add_group_path(root, grouped);
}

/* ---- DISTINCT ---- */

static void
distinct_paths(PlannerInfo *root, RelOptInfo *input, RelOptInfo *distinct)
{
	PlannedGroup *group = make_group(input, root->upper_targets[UPPERREL_DISTINCT]);

	if (root->parse->hasDistinctOn || root->parse->hasTargetSRFs ||
		planned_relation(input)->kind == RelationKind::group ||
		!fill_scan_tlist(group, root->parse->distinctClause))
		return;
	name_columns(group);
	distinct->fdw_private = group;
	add_group_path(root, distinct);
}

/* ---- ORDER BY ---- */

static void
order_paths(PlannerInfo *root, RelOptInfo *input, RelOptInfo *ordered)
{
	const PlannedRelation *below = planned_relation(input);

	if (root->parse->hasTargetSRFs || root->rowMarks != NIL)
		return;
	if (below->kind == RelationKind::group
			? !is_remote_order(input, root->sort_pathkeys, is_result_order(root))
			: !below->has_query_order)
		return;

	auto *order = static_cast<PlannedOrder *>(palloc0(sizeof(PlannedOrder)));

	order->kind = RelationKind::order;
	order->input = input;
	ordered->fdw_private = order;
	if (below->kind != RelationKind::group)
		return; /* a table and a join have their sorted paths */

	ScanCost cost = estimate_relation(root, input, below->rows, root->sort_pathkeys, nullptr);

	add_path(ordered, reinterpret_cast<Path *>(foreign_upper_path(
						  root, input, root->upper_targets[UPPERREL_ORDERED], cost.rows,
						  cost.startup, cost.total, root->sort_pathkeys, NIL)));
}

/* ---- LIMIT ---- */

static void
limit_paths(PlannerInfo *root, RelOptInfo *input, RelOptInfo *final,
			const FinalPathExtraData *extra)
{
	List *pathkeys = NIL;
	Query *parse = root->parse;

	if (!extra->limit_needed || parse->commandType != CMD_SELECT || root->rowMarks != NIL ||
		parse->hasTargetSRFs)
		return;
	if (planned_relation(input)->kind == RelationKind::order)
	{
		input = static_cast<PlannedOrder *>(planned_relation(input))->input;
		pathkeys = root->sort_pathkeys;
	}
	if (!can_be_built_on(input) || !is_remote_limit(&planned_relation(input)->scope, parse))
		return;

	ScanCost cost = estimate_relation(root, input, planned_relation(input)->rows, pathkeys, extra);

	add_path(final, reinterpret_cast<Path *>(foreign_upper_path(
						root, input, root->upper_targets[UPPERREL_FINAL], cost.rows, cost.startup,
						cost.total, pathkeys, list_make1(makeBoolean(true)))));
}

void
sambapos_get_upper_paths(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input,
						 RelOptInfo *output, void *extra)
{
	if (output->fdw_private != nullptr || !can_be_built_on(input))
		return;
	switch (stage)
	{
		case UPPERREL_GROUP_AGG:
			group_paths(root, input, output, static_cast<GroupPathExtraData *>(extra));
			break;
		case UPPERREL_DISTINCT: distinct_paths(root, input, output); break;
		case UPPERREL_ORDERED: order_paths(root, input, output); break;
		case UPPERREL_FINAL:
			limit_paths(root, input, output, static_cast<FinalPathExtraData *>(extra));
			break;
		default: break;
	}
}

} // namespace sambapos::fdw
