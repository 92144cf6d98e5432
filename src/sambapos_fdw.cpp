/*
 * The module's entry points: magic, initialisation, the table of callbacks, and the refusal to
 * write.
 */
#include "fdw/fdw.hpp"
#include "functions/feed_caller.hpp"
#include "functions/written_back.hpp"
#include "worker/shared.hpp"

extern "C"
{
	PG_MODULE_MAGIC;

	void _PG_init();

	PG_FUNCTION_INFO_V1(sambapos_fdw_handler);
	PG_FUNCTION_INFO_V1(sambapos_fdw_version);
}

namespace sambapos::fdw
{

/* ---- read-only ---- */

[[noreturn]] static void
refuse_to_write(const char *verb, Relation relation)
{
	ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("cannot %s foreign table \"%s\": sambapos_fdw is read-only", verb,
						   RelationGetRelationName(relation)),
					errdetail("The point of sale owns this data and caches it. A row written from "
							  "here would be missing from its totals and its ledger."),
					errhint("Make the change in SambaPOS, or in a copy of the table.")));
	pg_unreachable();
}

/* Called while INSERT, UPDATE and DELETE are planned: the one place that sees all of them, EXPLAIN
 * included, before anything is executed. */
static List *
plan_modify(PlannerInfo *root, ModifyTable *plan, Index relation_index, int)
{
	Oid relid = planner_rt_fetch(relation_index, root)->relid;
	Relation relation = table_open(relid, NoLock);

	switch (plan->operation)
	{
		case CMD_INSERT: refuse_to_write("insert into", relation);
		case CMD_UPDATE: refuse_to_write("update", relation);
		default: refuse_to_write("delete from", relation);
	}
}

/* For the information schema, views, and COPY: nothing can be written. */
static int
is_updatable(Relation)
{
	return 0;
}

/* Never reached: is_updatable() comes first. Its presence turns PostgreSQL's "cannot insert" for
 * COPY and partitions into "does not allow inserts". */
static TupleTableSlot *
refuse_insert(EState *, ResultRelInfo *info, TupleTableSlot *, TupleTableSlot *)
{
	refuse_to_write("insert into", info->ri_RelationDesc);
}

static void
refuse_truncate(List *relations, DropBehavior, bool)
{
	refuse_to_write("truncate", static_cast<Relation>(linitial(relations)));
}

/* Read by the triggers of tables on a feed, through current_setting. */
char *changed_by;

} // namespace sambapos::fdw

using namespace sambapos::fdw;

void
_PG_init()
{
	connection_init();
	statistics_init();
	DefineCustomBoolVariable(
		"sambapos.replace_invalid_text",
		"Reads foreign tables as if the server option invalid_text were replace.",
		"Of the sync, which switches it on while it reads.", &replace_invalid_text, false,
		PGC_USERSET, GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, nullptr, nullptr, nullptr);
	DefineCustomStringVariable("sambapos.changed_by",
							   "Who is said to have changed rows of tables on a feed.",
							   "Set by an application for its user; empty: the role.", &changed_by,
							   "", PGC_USERSET, GUC_NOT_IN_SAMPLE, nullptr, nullptr, nullptr);
	sambapos::functions::feed_caller_init();
	sambapos::functions::written_back_init();
	sambapos::worker::init();
	MarkGUCPrefixReserved("sambapos");
}

extern "C" Datum
sambapos_fdw_handler(PG_FUNCTION_ARGS)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = sambapos_get_rel_size;
	routine->GetForeignPaths = sambapos_get_paths;
	routine->GetForeignJoinPaths = sambapos_get_join_paths;
	routine->GetForeignUpperPaths = sambapos_get_upper_paths;
	routine->GetForeignPlan = sambapos_get_plan;
	routine->BeginForeignScan = sambapos_begin_scan;
	routine->IterateForeignScan = sambapos_iterate_scan;
	routine->RecheckForeignScan = sambapos_recheck_scan;
	routine->ReScanForeignScan = sambapos_rescan;
	routine->EndForeignScan = sambapos_end_scan;
	routine->ExplainForeignScan = sambapos_explain_scan;
	routine->AnalyzeForeignTable = sambapos_analyze_table;
	routine->IsForeignPathAsyncCapable = sambapos_is_path_async_capable;
	routine->ForeignAsyncRequest = sambapos_async_request;
	routine->ForeignAsyncConfigureWait = sambapos_async_configure_wait;
	routine->ForeignAsyncNotify = sambapos_async_notify;
	routine->ImportForeignSchema = sambapos_import_schema;
	routine->PlanForeignModify = plan_modify;
	routine->IsForeignRelUpdatable = is_updatable;
	routine->ExecForeignInsert = refuse_insert;
	routine->ExecForeignTruncate = refuse_truncate;
	PG_RETURN_POINTER(routine);
}

extern "C" Datum
sambapos_fdw_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(SAMBAPOS_FDW_VERSION));
}
