/*
 * The planner's callbacks for a foreign table: its size (GetForeignRelSize), the ways to read it
 * (GetForeignPaths), the plan for the chosen one (GetForeignPlan; also for joins, join.cpp, and
 * what stands above them, upper.cpp).
 *
 * A condition is sent only if the server computes it exactly as PostgreSQL does (shippable.cpp);
 * all others stay local conditions of the scan, with a lossy condition at the server where there is
 * one (deparse/lossy.cpp). Nothing here connects.
 */
#include "fdw/plan/relation.hpp"

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

		if (is_sendable(baserel, condition))
			table->remote_conds = lappend(table->remote_conds, condition);
		else
		{
			table->local_conds = lappend(table->local_conds, condition);
			if (may_send_lossy(baserel, condition))
				table->lossy_conds = lappend(table->lossy_conds, condition);
		}
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

	table->kind = RelationKind::table;
	table->scope = {root, baserel->relids, false, false, false};
	table->relid = relation;
	table->server = server_options(GetForeignTable(relation)->serverid, InvalidOid);
	table->options = table_options(relation);
	table->scope.text_by_server = table->server->text_semantics == TextSemantics::server;
	baserel->fdw_private = table;
	classify_conditions(baserel, table);
	collect_used_columns(baserel, table);
	estimate_size(root, baserel, table);
	table->relations = psprintf("%u", baserel->relid);

	ScanCost cost = estimate_scan(root, baserel, nullptr);

	table->rows = baserel->rows;
	table->fetched = cost.fetched;
	table->work = cost.work;
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

static void
add_ordered_paths(PlannerInfo *root, RelOptInfo *baserel)
{
	ListCell *cell;

	foreach (cell, useful_orders(root, baserel))
	{
		auto *pathkeys = static_cast<List *>(lfirst(cell));
		ScanCost cost = estimate_relation(root, baserel, baserel->rows, pathkeys, nullptr);

		add_path(baserel, reinterpret_cast<Path *>(
							  foreign_scan_path(root, baserel, cost.rows, cost.startup, cost.total,
												pathkeys, baserel->lateral_relids, NIL)));
	}
}

/* Parameterisations that a join clause offers: for each set of outer tables one. */
static List *
add_parameterisation(PlannerInfo *root, RelOptInfo *baserel, RestrictInfo *clause, List *found)
{
	if (!join_clause_is_movable_to(clause, baserel) ||
		(!is_sendable_for_join(baserel, clause) && !may_send_lossy(baserel, clause)))
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
	add_ordered_paths(root, baserel);

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
	return is_sendable_for_join(baserel, clause);
}

static void
divide_clauses(RelOptInfo *baserel, List *clauses, RemoteQuery *query, List **local)
{
	ListCell *cell;

	foreach (cell, clauses)
	{
		RestrictInfo *clause = lfirst_node(RestrictInfo, cell);

		if (clause->pseudoconstant)
			continue; /* a gating Result node evaluates it */
		if (is_remote(baserel, clause))
			query->conditions = lappend(query->conditions, clause->clause);
		else
			*local = lappend(*local, clause->clause);
		if (!is_remote(baserel, clause) && may_send_lossy(baserel, clause))
			query->lossy_conditions = lappend(query->lossy_conditions, clause->clause);
	}
}

/* The path applies the query's LIMIT. */
static bool
is_limited(const ForeignPath *path)
{
	return path->fdw_private != NIL && boolVal(linitial(path->fdw_private));
}

/* In the order of ScanPrivate. */
static List *
scan_private(const RemoteSql &sql, const RemoteColumns &columns, const char *relations,
			 const ServerOptions *server)
{
	List *list = list_make4(sql.texts, sql.parameters, columns.attrs, columns.composed);

	list = lappend(list, makeString(pstrdup(relations)));
	return lappend(list, makeBoolean(server->invalid_text == InvalidText::replace));
}

/* What EvalPlanQual asks again of a foreign row, the same one as before, beside another version of
 * a local row. By PostgreSQL's rules: what holds only by the server's was answered there, once and
 * for all. */
static List *
recheck_conditions(const PlannedTable *table, List *conditions)
{
	Scope strict = table->scope;
	List *result = NIL;
	ListCell *cell;

	strict.text_by_server = false;
	foreach (cell, conditions)
		if (is_shippable(&strict, static_cast<Expr *>(lfirst(cell))))
			result = lappend(result, lfirst(cell));
	return result;
}

static ForeignScan *
plan_table(PlannerInfo *root, RelOptInfo *baserel, ForeignPath *path, List *tlist, List *clauses,
		   Plan *outer_plan)
{
	PlannedTable *table = planned_table(baserel);
	RemoteQuery query = {root, baserel, NIL, NIL, path->path.pathkeys, is_limited(path), NIL};
	List *local_exprs = NIL;
	RemoteColumns columns = {};
	RemoteSql sql;

	divide_clauses(baserel, clauses, &query, &local_exprs);
	pull_varattnos(reinterpret_cast<Node *>(local_exprs), baserel->relid, &table->attrs_used);
	deparse_query(&sql, query, &columns);
	return make_foreignscan(tlist, local_exprs, baserel->relid, sql.exprs,
							scan_private(sql, columns, "", table->server), NIL,
							recheck_conditions(table, query.conditions), outer_plan);
}

/* What a join or a group gives; the names are for error messages. */
static List *
scan_tlist_of(PlannerInfo *root, RelOptInfo *rel)
{
	ListCell *cell;
	List *tlist = NIL;

	if (planned_relation(rel)->kind == RelationKind::group)
		return planned_group(rel)->scan_tlist;
	tlist =
		add_to_flat_tlist(tlist, pull_var_clause(reinterpret_cast<Node *>(rel->reltarget->exprs),
												 PVC_RECURSE_PLACEHOLDERS));
	foreach (cell, planned_relation(rel)->local_conds)
		tlist = add_to_flat_tlist(
			tlist,
			pull_var_clause(reinterpret_cast<Node *>(lfirst_node(RestrictInfo, cell)->clause),
							PVC_RECURSE_PLACEHOLDERS));
	foreach (cell, tlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Var *var = castNode(Var, entry->expr);

		entry->resname =
			get_attname(planner_rt_fetch(var->varno, root)->relid, var->varattno, false);
	}
	return tlist;
}

static ForeignScan *
plan_relation(PlannerInfo *root, RelOptInfo *rel, ForeignPath *path, List *tlist, Plan *outer_plan)
{
	const PlannedRelation *relation = planned_relation(rel);
	RemoteQuery query = {
		root, rel, NIL, NIL, path->path.pathkeys, is_limited(path), scan_tlist_of(root, rel)};
	RemoteColumns columns = {};
	RemoteSql sql;

	deparse_query(&sql, query, &columns);
	return make_foreignscan(tlist, bare_clauses(relation->local_conds), 0, sql.exprs,
							scan_private(sql, columns, relation->relations, relation->server),
							query.scan_tlist, NIL, outer_plan);
}

ForeignScan *
sambapos_get_plan(PlannerInfo *root, RelOptInfo *rel, Oid relation, ForeignPath *best_path,
				  List *tlist, List *scan_clauses, Plan *outer_plan)
{
	if (planned_relation(rel)->kind == RelationKind::table)
		return plan_table(root, rel, best_path, tlist, scan_clauses, outer_plan);
	return plan_relation(root, rel, best_path, tlist, outer_plan);
}

} // namespace sambapos::fdw
