/*
 * The executor's side of a foreign scan: Begin, Iterate, ReScan, End, Explain.
 *
 * Begin only notes what is needed; the connection is opened and the query sent when the first row
 * is asked for, so that EXPLAIN and plan branches that do not run stay local. A row is fetched
 * inside guard() (remote/result.cpp) and converted outside it, straight into the scan's slot.
 */
#include "bridge/visible.hpp"
#include "fdw/remote/connection.hpp"
#include "fdw/plan/relation.hpp"
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
	const char *relation; /* for messages: foreign table "x", or (x) INNER JOIN (y) */
	List *parameters;     /* ExprStates of fdw_exprs */
	List *retrieved_attrs;
	TupleDesc tuple; /* of what is read: the scan's, and parts of values */
	List *composed;  /* values put together from parts; NIL if none */
	Datum *values;   /* of a row with parts */
	bool *nulls;
	MemoryContext lasting;   /* lives as long as the scan */
	MemoryContext execution; /* the remote SQL; reset with every execution */
	const char *sql;         /* in the database's encoding, for messages */
	int64 row;               /* of this execution, counted from 1 */
	bool executed;
	bool judged; /* who wrote its query is known */
};

/* ---- error context ---- */

static void
add_error_context(void *argument)
{
	const auto *scan = static_cast<const Scan *>(argument);

	if (scan->reader != nullptr && scan->reader->current >= 0)
		errcontext("column \"%s\" of %s, row " INT64_FORMAT,
				   scan->reader->columns[scan->reader->current].name, scan->relation, scan->row);
	else if (scan->row > 0)
		errcontext("%s, row " INT64_FORMAT, scan->relation, scan->row);
	else
		errcontext("%s", scan->relation);
	if (scan->sql != nullptr)
		errcontext("remote SQL: %s", visible_sql(scan->sql));
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

static const char *
describe_relation(ForeignScanState *node)
{
	if (node->ss.ss_currentRelation != nullptr)
		return psprintf("foreign table \"%s\"",
						RelationGetRelationName(node->ss.ss_currentRelation));
	return name_relations(castNode(ForeignScan, node->ss.ps.plan),
						  node->ss.ps.state->es_range_table, NIL, false);
}

/* The parts of values: fractions as numeric, counts as bigint, scales as integer. */
static TupleDesc
extend_tuple(TupleDesc tuple, List *composed)
{
	int attributes = tuple->natts;
	ListCell *cell;

	foreach (cell, composed)
	{
		const auto *value = static_cast<List *>(lfirst(cell));

		attributes =
			std::max({attributes, list_nth_int(value, COMPOSED_FRACTION),
					  list_nth_int(value, COMPOSED_COUNT), list_nth_int(value, COMPOSED_SCALE)});
	}

	TupleDesc extended = CreateTemplateTupleDesc(attributes);

	for (AttrNumber attribute = 1; attribute <= tuple->natts; attribute++)
		TupleDescCopyEntry(extended, attribute, tuple, attribute);
	foreach (cell, composed)
	{
		const auto *value = static_cast<List *>(lfirst(cell));
		auto fraction = static_cast<AttrNumber>(list_nth_int(value, COMPOSED_FRACTION));
		auto count = static_cast<AttrNumber>(list_nth_int(value, COMPOSED_COUNT));
		auto scale = static_cast<AttrNumber>(list_nth_int(value, COMPOSED_SCALE));

		if (fraction > 0)
			TupleDescInitEntry(extended, fraction, "fraction of sum", NUMERICOID, -1, 0);
		if (count > 0)
			TupleDescInitEntry(extended, count, "count of avg", INT8OID, -1, 0);
		if (scale > 0)
			TupleDescInitEntry(extended, scale, "scale of sum", INT4OID, -1, 0);
	}
	return extended;
}

static void
prepare_parts(ForeignScanState *node, Scan *scan)
{
	auto *plan = castNode(ForeignScan, node->ss.ps.plan);

	scan->tuple = node->ss.ss_ScanTupleSlot->tts_tupleDescriptor;
	scan->composed = static_cast<List *>(list_nth(plan->fdw_private, SCAN_COMPOSED));
	if (scan->composed == NIL)
		return;
	scan->tuple = extend_tuple(scan->tuple, scan->composed);
	scan->values =
		static_cast<Datum *>(palloc0(sizeof(Datum) * static_cast<size_t>(scan->tuple->natts)));
	scan->nulls =
		static_cast<bool *>(palloc0(sizeof(bool) * static_cast<size_t>(scan->tuple->natts)));
}

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
	scan->relation = describe_relation(node);
	scan->parameters = ExecInitExprList(plan->fdw_exprs, &node->ss.ps);
	scan->retrieved_attrs = static_cast<List *>(list_nth(plan->fdw_private, SCAN_RETRIEVED_ATTRS));
	prepare_parts(node, scan);
	scan->lasting = CurrentMemoryContext;
	scan->execution =
		AllocSetContextCreate(CurrentMemoryContext, "sambapos_fdw execution", ALLOCSET_SMALL_SIZES);
	scan->result = result_make();
	scan->result->receive = receive;
	scan->result->scan = node;
	scan->result->as_bytes = boolVal(list_nth(plan->fdw_private, SCAN_AS_BYTES));
	node->fdw_state = scan;
}

/* ---- execution ---- */

/* The recorded type of an attribute of the scan's tuple, "" if it is not a column (nor one's least
 * or greatest text). */
static const char *
remote_type_of(ForeignScanState *node, AttrNumber attribute)
{
	auto *plan = castNode(ForeignScan, node->ss.ps.plan);

	if (node->ss.ss_currentRelation != nullptr)
		return column_remote_type(RelationGetRelid(node->ss.ss_currentRelation), attribute);
	if (attribute > list_length(plan->fdw_scan_tlist))
		return "";

	Expr *expr = list_nth_node(TargetEntry, plan->fdw_scan_tlist, attribute - 1)->expr;
	const Var *var = IsA(expr, Var) ? castNode(Var, expr) : min_max_text_column(expr);

	if (var == nullptr)
		return "";
	return column_remote_type(
		exec_rt_fetch(static_cast<Index>(var->varno), node->ss.ps.state)->relid, var->varattno);
}

/* What each remote column is to become. A scan that needs no column gets one that is not read. */
static int
list_targets(ForeignScanState *node, const Scan *scan, types::Target *targets)
{
	ListCell *cell;
	int count = 0;

	foreach (cell, scan->retrieved_attrs)
	{
		auto attribute = static_cast<AttrNumber>(lfirst_int(cell));

		targets[count].attribute = attribute;
		targets[count].remote_type = remote_type_of(node, attribute);
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

	scan->reader = types::make_row_reader(connection->session, scan->tuple, targets, count,
										  unreadable_text(scan->result));
	MemoryContextSwitchTo(caller);
}

/* Any of the scan's tables may stand for a user's query. Checked when it runs: its owner may have
 * lost the right since it was planned. */
static void
judge_author(ForeignScanState *node, Scan *scan)
{
	const Bitmapset *tables = scanned_tables(castNode(ForeignScan, node->ss.ps.plan));
	int index = -1;

	while (!scan->judged && (index = bms_next_member(tables, index)) >= 0)
	{
		const RangeTblEntry *entry = exec_rt_fetch(static_cast<Index>(index), node->ss.ps.state);

		if (entry->relkind != RELKIND_FOREIGN_TABLE || table_options(entry->relid).query == nullptr)
			continue;
		check_query_owner(entry->relid);
		scan->result->origin = tds::Origin::mixed;
	}
	scan->judged = true;
}

static void
execute(ForeignScanState *node, Scan *scan)
{
	auto *plan = castNode(ForeignScan, node->ss.ps.plan);

	judge_author(node, scan);
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
	/* columns that do not fit are an error, and after a savepoint the rows must not count as read
	 */
	ResultState received = scan->result->state;
	scan->result->state = ResultState::moving;
	prepare_reader(node, scan);
	scan->result->state = received;
	result_store_if_locking(scan->result);
	error_context_stack = outer;
}

/* ---- Iterate, ReScan, End ---- */

/* (whole + fraction) / count, as PostgreSQL's own sum and avg end; NULL if nothing was summed. */
static void
compose_value(const Scan *scan, const List *composed)
{
	int value = list_nth_int(composed, COMPOSED_VALUE) - 1;
	int fraction = list_nth_int(composed, COMPOSED_FRACTION) - 1;
	int count = list_nth_int(composed, COMPOSED_COUNT) - 1;
	int scale = list_nth_int(composed, COMPOSED_SCALE) - 1;
	Datum result = scan->values[value];

	if (scan->nulls[value])
		return;
	/* these are of the same rows */
	if ((fraction >= 0 && scan->nulls[fraction]) || (count >= 0 && scan->nulls[count]) ||
		(scale >= 0 && scan->nulls[scale]))
		ereport(ERROR, (errcode(ERRCODE_FDW_ERROR),
						errmsg("the server returned NULL for a part of an aggregate")));
	if (fraction >= 0)
		result = DirectFunctionCall2(numeric_add, result, scan->values[fraction]);
	if (scale >= 0) /* beyond it there are zeros */
		result = DirectFunctionCall2(numeric_round, result, scan->values[scale]);
	if (count >= 0)
		result = DirectFunctionCall2(
			numeric_div, result,
			NumericGetDatum(int64_to_numeric(DatumGetInt64(scan->values[count]))));
	scan->values[value] = result;
}

static void
read_parts(Scan *scan, const tds::Row &row, TupleTableSlot *slot)
{
	auto attributes = static_cast<size_t>(slot->tts_tupleDescriptor->natts);
	ListCell *cell;

	types::read_row(scan->reader, row, scan->values, scan->nulls);
	foreach (cell, scan->composed)
		compose_value(scan, static_cast<List *>(lfirst(cell)));
	std::memcpy(slot->tts_values, scan->values, sizeof(Datum) * attributes);
	std::memcpy(slot->tts_isnull, scan->nulls, sizeof(bool) * attributes);
}

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
		if (scan->composed == NIL)
			types::read_row(scan->reader, row, slot->tts_values, slot->tts_isnull);
		else
			read_parts(scan, row, slot);
		ExecStoreVirtualTuple(slot);
	}
	error_context_stack = context.previous;
	return slot;
}

/* Iterate is called in the memory of a row, which the next row empties; Append and
 * EvalPlanQual call in that of the whole query, where each call would leave something. */
static MemoryContext
enter_row_memory(ForeignScanState *node)
{
	return MemoryContextSwitchTo(node->ss.ps.ps_ExprContext->ecxt_per_tuple_memory);
}

/* EvalPlanQual asks again of a table's row that it has put into the slot. Joins it could ask about
 * are not sent; of what else is not one table, such as the groups of a sub-select in UPDATE, older
 * minor releases expect the next row from here and else go on without any. */
bool
sambapos_recheck_scan(ForeignScanState *node, TupleTableSlot *slot)
{
	if (castNode(ForeignScan, node->ss.ps.plan)->scan.scanrelid > 0)
		return true;

	MemoryContext caller = enter_row_memory(node);

	sambapos_iterate_scan(node);
	MemoryContextSwitchTo(caller);
	return !TupIsNull(slot);
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
	MemoryContext caller = enter_row_memory(node);
	Connection *connection = connection_find(scan->server, scan->user);

	MemoryContextSwitchTo(caller);
	return connection;
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
	MemoryContext caller = enter_row_memory(node);
	ErrorContextCallback context;

	push_error_context(&context, scan);
	execute(node, scan);
	error_context_stack = context.previous;
	MemoryContextSwitchTo(caller);
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
	auto *plan = castNode(ForeignScan, node->ss.ps.plan);
	const char *relations = name_relations(plan, es->rtable, es->rtable_names, es->verbose);

	if (relations != nullptr)
		ExplainPropertyText("Relations", relations, es);
	if (es->verbose)
		ExplainPropertyText("Remote SQL", explain_remote_sql(plan->fdw_private), es);
}

} // namespace sambapos::fdw
