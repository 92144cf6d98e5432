/*
 * The planner's three questions about a foreign table: how large is it (GetForeignRelSize), in what
 * ways can it be read (GetForeignPaths), what exactly does the chosen way do (GetForeignPlan).
 *
 * A condition is sent only if the server computes it exactly as PostgreSQL does (shippable.cpp);
 * all others stay local conditions of the scan. Nothing here connects.
 */
#include "fdw/relation.hpp"

namespace sambapos::fdw
{

/* ---- GetForeignRelSize ---- */

static void
classify_conditions(RelOptInfo *baserel, PlannedTable *table)
{
	ListCell *cell;

	foreach (cell, baserel->baserestrictinfo)
	{
		RestrictInfo *condition = lfirst_node(RestrictInfo, cell);

		if (is_shippable(&planned_table(baserel)->scope, condition->clause))
			table->remote_conds = lappend(table->remote_conds, condition);
		else
			table->local_conds = lappend(table->local_conds, condition);
	}
}

/* What the query reads above the scan, and what the local conditions read. */
static void
collect_used_columns(RelOptInfo *baserel, PlannedTable *table)
{
	ListCell *cell;

	pull_varattnos(reinterpret_cast<Node *>(baserel->reltarget->exprs), baserel->relid,
				   &table->attrs_used);
	foreach (cell, table->local_conds)
		pull_varattnos(reinterpret_cast<Node *>(lfirst_node(RestrictInfo, cell)->clause),
					   baserel->relid, &table->attrs_used);
}

void
sambapos_get_rel_size(PlannerInfo *root, RelOptInfo *baserel, Oid relation)
{
	auto *table = static_cast<PlannedTable *>(palloc0(sizeof(PlannedTable)));

	table->scope = {root, baserel->relids, false, false};
	table->relid = relation;
	table->server = server_options(GetForeignTable(relation)->serverid, InvalidOid);
	table->options = table_options(relation);
	table->scope.text_by_server = table->server->text_semantics == TextSemantics::server;
	baserel->fdw_private = table;
	classify_conditions(baserel, table);
	collect_used_columns(baserel, table);
	estimate_size(root, baserel, table);
}

/* ---- GetForeignPaths ---- */

static void
add_scan_path(PlannerInfo *root, RelOptInfo *baserel, ParamPathInfo *param_info)
{
	ScanCost cost = estimate_scan(root, baserel, param_info);
	Relids required_outer =
		param_info != nullptr ? param_info->ppi_req_outer : baserel->lateral_relids;

	add_path(baserel,
			 reinterpret_cast<Path *>(foreign_scan_path(root, baserel, cost.rows, cost.startup,
														cost.total, NIL, required_outer, NIL)));
}

/* Parameterisations that a join clause offers: for each set of outer tables one. */
static List *
add_parameterisation(PlannerInfo *root, RelOptInfo *baserel, RestrictInfo *clause, List *found)
{
	if (!join_clause_is_movable_to(clause, baserel) ||
		!is_shippable(&planned_table(baserel)->scope, clause->clause))
		return found;

	Relids required_outer = bms_union(clause->clause_relids, baserel->lateral_relids);

	required_outer = bms_del_member(required_outer, static_cast<int>(baserel->relid));
	if (bms_is_empty(required_outer))
		return found;
	return list_append_unique_ptr(found, get_baserel_parampathinfo(root, baserel, required_outer));
}

static List *
parameterisations_of(PlannerInfo *root, RelOptInfo *baserel, List *clauses, List *found)
{
	ListCell *cell;

	foreach (cell, clauses)
		found = add_parameterisation(root, baserel, lfirst_node(RestrictInfo, cell), found);
	return found;
}

/* The equivalence member asked for, and the members already seen. */
struct MemberSearch
{
	Expr *current;
	List *already_used;
};

static bool
member_matches(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *ec, EquivalenceMember *member,
			   void *argument)
{
	auto *search = static_cast<MemberSearch *>(argument);

	if (search->current != nullptr)
		return equal(member->em_expr, search->current);
	if (list_member(search->already_used, member->em_expr))
		return false;
	search->current = member->em_expr;
	return true;
}

/* Join clauses that hide in equivalence classes (a.id = b.a_id and their like). */
static List *
parameterisations_of_classes(PlannerInfo *root, RelOptInfo *baserel, List *found)
{
	MemberSearch search = {nullptr, NIL};

	if (!baserel->has_eclass_joins)
		return found;
	for (;;)
	{
		search.current = nullptr;
		List *clauses = generate_implied_equalities_for_column(
			root, baserel, member_matches, &search, baserel->lateral_referencers);

		if (search.current == nullptr)
			return found;
		found = parameterisations_of(root, baserel, clauses, found);
		search.already_used = lappend(search.already_used, search.current);
	}
}

void
sambapos_get_paths(PlannerInfo *root, RelOptInfo *baserel, Oid relation)
{
	ListCell *cell;

	add_scan_path(root, baserel, nullptr);

	List *found = parameterisations_of(root, baserel, baserel->joininfo, NIL);

	found = parameterisations_of_classes(root, baserel, found);
	foreach (cell, found)
		add_scan_path(root, baserel, static_cast<ParamPathInfo *>(lfirst(cell)));
}

/* ---- GetForeignPlan ---- */

/* Scan clauses are the table's own conditions and, in a parameterised path, join clauses. */
static bool
is_remote(RelOptInfo *baserel, RestrictInfo *clause)
{
	const PlannedTable *table = planned_table(baserel);

	if (list_member_ptr(table->remote_conds, clause))
		return true;
	if (list_member_ptr(table->local_conds, clause))
		return false;
	return is_shippable(&planned_table(baserel)->scope, clause->clause);
}

ForeignScan *
sambapos_get_plan(PlannerInfo *root, RelOptInfo *baserel, Oid relation, ForeignPath *best_path,
				  List *tlist, List *scan_clauses, Plan *outer_plan)
{
	PlannedTable *table = planned_table(baserel);
	List *remote_exprs = NIL;
	List *local_exprs = NIL;
	List *retrieved_attrs;
	RemoteSql sql;
	ListCell *cell;

	foreach (cell, scan_clauses)
	{
		RestrictInfo *clause = lfirst_node(RestrictInfo, cell);

		if (clause->pseudoconstant)
			continue; /* a gating Result node evaluates it */
		if (is_remote(baserel, clause))
			remote_exprs = lappend(remote_exprs, clause->clause);
		else
			local_exprs = lappend(local_exprs, clause->clause);
	}
	pull_varattnos(reinterpret_cast<Node *>(local_exprs), baserel->relid, &table->attrs_used);
	deparse_select(&sql, baserel, remote_exprs, &retrieved_attrs);

	/* In the order of ScanPrivate. */
	List *fdw_private = list_make3(sql.texts, sql.parameters, retrieved_attrs);

	return make_foreignscan(tlist, local_exprs, baserel->relid, sql.exprs, fdw_private, NIL,
							remote_exprs, outer_plan);
}

} // namespace sambapos::fdw
