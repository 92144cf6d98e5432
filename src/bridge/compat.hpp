/*
 * Every PG_VERSION_NUM conditional of the project, 15 to 18, so that the logic reads as if there
 * were one version: where the versions differ, the newest form is imitated here.
 * doc/architecture.md, "Versions", says which of them were tested where.
 */
#pragma once

#include "bridge/pg.hpp"

#if PG_VERSION_NUM < 150000
#error "sambapos_fdw needs PostgreSQL 15 or newer"
#endif

#if PG_VERSION_NUM >= 180000
extern "C"
{
#include "commands/explain_format.h"
#include "commands/explain_state.h"
}
#endif

/* random(): it has arguments too since 17, and its number another name. */
#if PG_VERSION_NUM < 170000
#define F_RANDOM_ F_RANDOM
#endif

namespace sambapos
{

/* make_foreignscan paths: 17 added fdw_restrictinfo, 18 disabled_nodes. */
inline ForeignPath *
foreign_scan_path(PlannerInfo *root, RelOptInfo *rel, double rows, Cost startup_cost,
				  Cost total_cost, List *pathkeys, Relids required_outer, List *fdw_private)
{
#if PG_VERSION_NUM >= 180000
	return create_foreignscan_path(root, rel, nullptr, rows, 0, startup_cost, total_cost, pathkeys,
								   required_outer, nullptr, NIL, fdw_private);
#elif PG_VERSION_NUM >= 170000
	return create_foreignscan_path(root, rel, nullptr, rows, startup_cost, total_cost, pathkeys,
								   required_outer, nullptr, NIL, fdw_private);
#else
	return create_foreignscan_path(root, rel, nullptr, rows, startup_cost, total_cost, pathkeys,
								   required_outer, nullptr, fdw_private);
#endif
}

inline ForeignPath *
foreign_join_path(PlannerInfo *root, RelOptInfo *rel, double rows, Cost startup_cost,
				  Cost total_cost, List *pathkeys, List *restrictlist)
{
#if PG_VERSION_NUM >= 180000
	return create_foreign_join_path(root, rel, nullptr, rows, 0, startup_cost, total_cost, pathkeys,
									rel->lateral_relids, nullptr, restrictlist, NIL);
#elif PG_VERSION_NUM >= 170000
	return create_foreign_join_path(root, rel, nullptr, rows, startup_cost, total_cost, pathkeys,
									rel->lateral_relids, nullptr, restrictlist, NIL);
#else
	return create_foreign_join_path(root, rel, nullptr, rows, startup_cost, total_cost, pathkeys,
									rel->lateral_relids, nullptr, NIL);
#endif
}

inline ForeignPath *
foreign_upper_path(PlannerInfo *root, RelOptInfo *rel, PathTarget *target, double rows,
				   Cost startup_cost, Cost total_cost, List *pathkeys, List *fdw_private)
{
#if PG_VERSION_NUM >= 180000
	return create_foreign_upper_path(root, rel, target, rows, 0, startup_cost, total_cost, pathkeys,
									 nullptr, NIL, fdw_private);
#elif PG_VERSION_NUM >= 170000
	return create_foreign_upper_path(root, rel, target, rows, startup_cost, total_cost, pathkeys,
									 nullptr, NIL, fdw_private);
#else
	return create_foreign_upper_path(root, rel, target, rows, startup_cost, total_cost, pathkeys,
									 nullptr, fdw_private);
#endif
}

/* A path key's direction: a strategy number until 17, a comparison since. */
inline bool
is_descending(const PathKey *pathkey)
{
#if PG_VERSION_NUM >= 180000
	return pathkey->pk_cmptype == COMPARE_GT;
#else
	return pathkey->pk_strategy == BTGreaterStrategyNumber;
#endif
}

inline PathKey *
ascending_pathkey(PlannerInfo *root, EquivalenceClass *eclass, Oid opfamily)
{
#if PG_VERSION_NUM >= 180000
	return make_canonical_pathkey(root, eclass, opfamily, COMPARE_LT, false);
#else
	return make_canonical_pathkey(root, eclass, opfamily, BTLessStrategyNumber, false);
#endif
}

/* Calls visit for the members of an equivalence class that may concern a relation until it returns
 * true; 18 keeps those of inheritance children apart. */
template <typename F>
bool
find_member(EquivalenceClass *eclass, RelOptInfo *rel, F visit)
{
#if PG_VERSION_NUM >= 180000
	EquivalenceMemberIterator members;
	EquivalenceMember *member;

	setup_eclass_member_iterator(&members, eclass, rel->relids);
	while ((member = eclass_member_iterator_next(&members)) != nullptr)
		if (visit(member))
			return true;
#else
	ListCell *cell;

	(void) rel;
	foreach (cell, eclass->ec_members)
		if (visit(static_cast<EquivalenceMember *>(lfirst(cell))))
			return true;
#endif
	return false;
}

/* The tables of a foreign scan; since 16 fs_relids has outer joins too. */
inline Bitmapset *
scanned_tables(const ForeignScan *plan)
{
#if PG_VERSION_NUM >= 160000
	return plan->fs_base_relids;
#else
	return plan->fs_relids;
#endif
}

/* expression_tree_walker: its walker has a prototype since 16. */
inline bool
walk_expression(Node *node, bool (*walker)(Node *, void *), void *context)
{
#if PG_VERSION_NUM >= 160000
	return expression_tree_walker(node, walker, context);
#else
	return expression_tree_walker(
		node, reinterpret_cast<bool (*)()>(reinterpret_cast<void *>(walker)), context);
#endif
}

/* query_tree_walker: the same. */
inline bool
walk_query(Query *query, bool (*walker)(Node *, void *), void *context, int flags)
{
#if PG_VERSION_NUM >= 160000
	return query_tree_walker(query, walker, context, flags);
#else
	return query_tree_walker(query, reinterpret_cast<bool (*)()>(reinterpret_cast<void *>(walker)),
							 context, flags);
#endif
}

/* ExecutorRun to the end: 18 has no parameter that says whether it is called once. */
inline void
run_executor(QueryDesc *query)
{
#if PG_VERSION_NUM >= 180000
	ExecutorRun(query, ForwardScanDirection, 0);
#else
	ExecutorRun(query, ForwardScanDirection, 0, true);
#endif
}

/* expression_tree_mutator: the same. */
inline Node *
mutate_expression(Node *node, Node *(*mutator)(Node *, void *), void *context)
{
#if PG_VERSION_NUM >= 160000
	return expression_tree_mutator(node, mutator, context);
#else
	return expression_tree_mutator(
		node, reinterpret_cast<Node *(*) ()>(reinterpret_cast<void *>(mutator)), context);
#endif
}

/* The comparison of rows, as a B-tree strategy number: renamed in 18. */
inline int
row_comparison(const RowCompareExpr *expr)
{
#if PG_VERSION_NUM >= 180000
	return static_cast<int>(expr->cmptype);
#else
	return static_cast<int>(expr->rctype);
#endif
}

/* The user as whom a foreign scan runs: in the plan since 16, before in the range table. */
inline Oid
scan_user(ForeignScanState *node)
{
	auto *plan = castNode(ForeignScan, node->ss.ps.plan);
#if PG_VERSION_NUM >= 160000
	Oid user = plan->checkAsUser;
#else
	int index = plan->scan.scanrelid > 0 ? static_cast<int>(plan->scan.scanrelid)
										 : bms_next_member(plan->fs_relids, -1);
	Oid user = exec_rt_fetch(static_cast<Index>(index), node->ss.ps.state)->checkAsUser;
#endif
	return OidIsValid(user) ? user : GetUserId();
}

/* To be called when an attribute of a descriptor was altered: 18 keeps a digest of it. */
inline void
attribute_changed(TupleDesc descriptor, int index)
{
#if PG_VERSION_NUM >= 180000
	populate_compact_attribute(descriptor, index);
#endif
}

/* vacuum_delay_point: whether it is ANALYZE that waits is a parameter since 18. */
inline void
delay_analyze()
{
#if PG_VERSION_NUM >= 180000
	vacuum_delay_point(true);
#else
	vacuum_delay_point();
#endif
}

/* pg_foreign_server_aclcheck became object_aclcheck in 16. */
inline AclResult
check_server_usage(Oid server, Oid user)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ForeignServerRelationId, server, user, ACL_USAGE);
#else
	return pg_foreign_server_aclcheck(server, user, ACL_USAGE);
#endif
}

/* The same for pg_proc_aclcheck. */
inline bool
may_execute(Oid function, Oid user)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ProcedureRelationId, function, user, ACL_EXECUTE) == ACLCHECK_OK;
#else
	return pg_proc_aclcheck(function, user, ACL_EXECUTE) == ACLCHECK_OK;
#endif
}

} // namespace sambapos
