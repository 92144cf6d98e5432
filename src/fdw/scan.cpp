/*
 * The executor's side of a foreign scan: Begin, Iterate, ReScan, End, Explain.
 *
 * Begin only notes what is needed; the connection is opened and the query sent when the first row
 * is asked for, so that EXPLAIN and plan branches that don't run stay local. A row is fetched
 * inside guard() (result.cpp) and converted outside it, straight into the scan's slot.
 */
#include "fdw/connection.hpp"
#include "types/type_map.hpp"

namespace sambapos::fdw
{

/* ForeignScanState.fdw_state. */
struct Scan
{
	Result *result;
	types::RowReader *reader; /* null before the first execution */
	Oid server;
	Oid user;
	const char *relation; /* for messages; the server's name for what is no single table */
	List *parameters;     /* ExprStates of fdw_exprs */
	List *retrieved_attrs;
	MemoryContext lasting;   /* lives as long as the scan */
	MemoryContext execution; /* the remote SQL; reset with every execution */
	const char *sql;         /* in the database's encoding, for messages */
	int64 row;               /* of this execution, counted from 1 */
	bool executed;
};

/* ---- error context ---- */

static void
add_error_context(void *argument)
{
	const auto *scan = static_cast<const Scan *>(argument);

	if (scan->reader != nullptr && scan->reader->current >= 0)
		errcontext("column \"%s\" of foreign table \"%s\", row " INT64_FORMAT,
				   scan->reader->columns[scan->reader->current].name, scan->relation, scan->row);
	else if (scan->row > 0)
		errcontext("foreign table \"%s\", row " INT64_FORMAT, scan->relation, scan->row);
	else
		errcontext("foreign table \"%s\"", scan->relation);
	if (scan->sql != nullptr)
		errcontext("remote SQL: %s", scan->sql);
}

static void
push_error_context(ErrorContextCallback *context, Scan *scan)
{
	context->callback = add_error_context;
	context->arg = scan;
	context->previous = error_context_stack;
	error_context_stack = context;
}

/* ---- Begin ---- */

static void receive(void *node);

void
sambapos_begin_scan(ForeignScanState *node, int eflags)
{
	auto *plan = castNode(ForeignScan, node->ss.ps.plan);

	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0)
		return;

	auto *scan = static_cast<Scan *>(palloc0(sizeof(Scan)));

	scan->server = plan->fs_server;
	scan->user = scan_user(node);
	scan->relation = node->ss.ss_currentRelation != nullptr
						 ? RelationGetRelationName(node->ss.ss_currentRelation)
						 : GetForeignServer(plan->fs_server)->servername;
	scan->parameters = ExecInitExprList(plan->fdw_exprs, &node->ss.ps);
	scan->retrieved_attrs = static_cast<List *>(list_nth(plan->fdw_private, SCAN_RETRIEVED_ATTRS));
	scan->lasting = CurrentMemoryContext;
	scan->execution =
		AllocSetContextCreate(CurrentMemoryContext, "sambapos_fdw execution", ALLOCSET_SMALL_SIZES);
	scan->result = result_make();
	scan->result->receive = receive;
	scan->result->scan = node;
	node->fdw_state = scan;
}

/* ---- execution ---- */

/* What each remote column is to become. A scan that needs no column gets one that nobody reads. */
static int
list_targets(ForeignScanState *node, const Scan *scan, types::Target *targets)
{
	Relation relation = node->ss.ss_currentRelation;
	ListCell *cell;
	int count = 0;

	foreach (cell, scan->retrieved_attrs)
	{
		auto attribute = static_cast<AttrNumber>(lfirst_int(cell));

		targets[count].attribute = attribute;
		targets[count].remote_type =
			relation != nullptr ? column_remote_type(RelationGetRelid(relation), attribute) : "";
		count++;
	}
	return count;
}

static void
prepare_reader(ForeignScanState *node, Scan *scan)
{
	const Connection *connection = scan->result->connection;
	int expected = list_length(scan->retrieved_attrs);
	int arrived = tds::column_count(connection->session);

	if (arrived != expected && !(expected == 0 && arrived == 1))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INCONSISTENT_DESCRIPTOR_INFORMATION),
				 errmsg("the remote query returned %d columns instead of %d", arrived, expected)));
	if (scan->reader != nullptr && types::fits(scan->reader, connection->session))
		return;

	MemoryContext caller = MemoryContextSwitchTo(scan->lasting);
	auto *targets = static_cast<types::Target *>(
		palloc0(sizeof(types::Target) * static_cast<size_t>(expected + 1)));
	int count = list_targets(node, scan, targets);

	scan->reader =
		types::make_row_reader(connection->session, node->ss.ss_ScanTupleSlot->tts_tupleDescriptor,
							   targets, count, connection->invalid_text == InvalidText::replace);
	MemoryContextSwitchTo(caller);
}

static void
execute(ForeignScanState *node, Scan *scan)
{
	auto *plan = castNode(ForeignScan, node->ss.ps.plan);

	scan->sql = nullptr;
	scan->row = 0;
	MemoryContextReset(scan->execution);

	MemoryContext caller = MemoryContextSwitchTo(scan->execution);
	const char *remote =
		render_remote_sql(plan->fdw_private, scan->parameters, node->ss.ps.ps_ExprContext);
	const char *shown = pg_any_to_server(remote, static_cast<int>(std::strlen(remote)), PG_UTF8);

	scan->sql = shown;
	MemoryContextSwitchTo(caller);
	result_send(scan->result, scan->server, scan->user, remote);
	scan->executed = true;
}

/* Waits for the answer; also called when another scan needs the connection, in that scan's error
 * context. */
static void
receive(void *argument)
{
	auto *node = static_cast<ForeignScanState *>(argument);
	auto *scan = static_cast<Scan *>(node->fdw_state);
	ErrorContextCallback *outer = error_context_stack;
	ErrorContextCallback context;

	if (outer == nullptr || outer->arg != scan)
		push_error_context(&context, scan);
	result_receive(scan->result);
	prepare_reader(node, scan);
	result_settle(scan->result);
	error_context_stack = outer;
}

/* ---- Iterate, ReScan, End ---- */

TupleTableSlot *
sambapos_iterate_scan(ForeignScanState *node)
{
	auto *scan = static_cast<Scan *>(node->fdw_state);
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	ErrorContextCallback context;
	tds::Row row;

	push_error_context(&context, scan);
	ExecClearTuple(slot);
	if (!scan->executed)
		execute(node, scan);
	if (result_next(scan->result, &row))
	{
		scan->row++;
		types::read_row(scan->reader, row, slot->tts_values, slot->tts_isnull);
		ExecStoreVirtualTuple(slot);
	}
	error_context_stack = context.previous;
	return slot;
}

/* Rows that are all at hand are read again; otherwise the query is sent again, by the next
 * Iterate. */
void
sambapos_rescan(ForeignScanState *node)
{
	auto *scan = static_cast<Scan *>(node->fdw_state);

	if (scan == nullptr || !scan->executed)
		return;

	bool changed = node->ss.ps.chgParam != nullptr && scan->parameters != NIL;

	if (!changed && result_rewind(scan->result))
	{
		scan->row = 0;
		return;
	}
	result_close(scan->result);
	scan->executed = false;
}

/* ---- for async.cpp ---- */

Result *
scan_result(ForeignScanState *node)
{
	return static_cast<Scan *>(node->fdw_state)->result;
}

Connection *
scan_connection(ForeignScanState *node)
{
	const auto *scan = static_cast<Scan *>(node->fdw_state);

	return connection_find(scan->server, scan->user);
}

bool
scan_is_executed(ForeignScanState *node)
{
	return static_cast<Scan *>(node->fdw_state)->executed;
}

void
scan_send(ForeignScanState *node)
{
	auto *scan = static_cast<Scan *>(node->fdw_state);
	ErrorContextCallback context;

	push_error_context(&context, scan);
	execute(node, scan);
	error_context_stack = context.previous;
}

void
sambapos_end_scan(ForeignScanState *node)
{
	auto *scan = static_cast<Scan *>(node->fdw_state);

	if (scan != nullptr)
		result_close(scan->result);
}

void
sambapos_explain_scan(ForeignScanState *node, ExplainState *es)
{
	if (es->verbose)
		ExplainPropertyText(
			"Remote SQL", explain_remote_sql(castNode(ForeignScan, node->ss.ps.plan)->fdw_private),
			es);
}

} // namespace sambapos::fdw
