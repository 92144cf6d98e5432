/*
 * Every PG_VERSION_NUM conditional of the project, 15 to 18, so that the logic reads as if there
 * were one version: where the versions differ, the newest form is imitated here.
 *
 * PostgreSQL 15 is the version the suites run on; the branches for 16 to 18 follow the headers of
 * those releases.
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

} // namespace sambapos
