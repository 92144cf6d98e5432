/*
 * Asynchronous append: an Append over foreign tables of several servers sends all queries before
 * it waits for any, so that the sum of the servers' waits becomes the longest of them.
 *
 * * Only the beginning of an answer is waited for through the socket. After that a part of the
 *   answer may be in the library's buffers, which the socket does not show, and rows are read as
 *   usual.
 * * A connection carries one query. The second branch on it is sent when the first one has been
 *   read to its end; nothing waits meanwhile, since Append reads a branch that has rows.
 * * Another scan that needs the connection takes it: the answer is received and stored
 *   (remote/result.cpp), and its branch finds its rows ready.
 * * Under locking READ COMMITTED the server holds locks while it waits for us. So a branch there is
 *   asynchronous only if all of Append's branches are, and before the first row leaves the Append
 *   all answers from such servers are read.
 * * A login cannot be waited for this way: sessions that do not exist yet are opened one after the
 *   other, but only when the servers that have one have been asked.
 */
#include "fdw/remote/connection.hpp"
#include "fdw/plan/relation.hpp"

namespace sambapos::fdw
{

/* ---- planning ---- */

/* By default it is: the wait is for another machine, and a query that proves superfluous (LIMIT) is
 * cancelled there at once. */
bool
sambapos_is_path_async_capable(ForeignPath *path)
{
	const Scope &scope = planned_table(path->path.parent)->scope;
	int index = -1;

	while ((index = bms_next_member(scope.relids, index)) >= 0)
	{
		Oid relid = planner_rt_fetch(static_cast<Index>(index), scope.root)->relid;

		if (!inherited_option(relid, "async_capable").boolean)
			return false;
	}
	return true;
}

/* ---- the branches of an Append ---- */

static ForeignScanState *
scan_of(const AsyncRequest *request)
{
	return castNode(ForeignScanState, request->requestee);
}

static const AppendState *
append_of(const AsyncRequest *request)
{
	return castNode(AppendState, request->requestor);
}

static bool
is_ours(const AsyncRequest *request)
{
	return scan_of(request)->fdwroutine->IterateForeignScan == sambapos_iterate_scan;
}

static bool
all_branches_are_ours(const AppendState *append)
{
	int index = -1;

	if (!bms_is_empty(append->as_valid_subplans))
		return false; /* those are the synchronous ones */
	while ((index = bms_next_member(append->as_valid_asyncplans, index)) >= 0)
		if (!is_ours(append->as_asyncrequests[index]))
			return false;
	return true;
}

/* Another branch of the same Append waits on the connection this one will use: its turn comes when
 * that one is through. */
static bool
must_queue(const AsyncRequest *request)
{
	const AppendState *append = append_of(request);
	const Result *reader = scan_connection(scan_of(request))->reader;
	int index = -1;

	if (reader == nullptr || reader->state != ResultState::asked)
		return false;
	while ((index = bms_next_member(append->as_valid_asyncplans, index)) >= 0)
	{
		const AsyncRequest *other = append->as_asyncrequests[index];

		if (is_ours(other) && other->callback_pending && scan_result(scan_of(other)) == reader)
			return true;
	}
	return false;
}

/* ---- asking ---- */

/* Some answer is on its way from a server that holds locks until it was read. */
static bool locks_in_flight = false;

/* The query goes out. Where that would leave locks behind, the answer is read at once. */
static void
ask(const AsyncRequest *request)
{
	scan_send(scan_of(request));

	Result *result = scan_result(scan_of(request));

	if (tds::reads_versions(result->connection->session))
		return;
	if (all_branches_are_ours(append_of(request)))
		locks_in_flight = true;
	else
		result->receive(result->scan);
}

/* True if the branch's query can be sent without a login, and without taking the connection from
 * another reader. */
static bool
is_connected(const AsyncRequest *request)
{
	const Connection *connection = scan_connection(scan_of(request));

	return connection->session != nullptr && connection->reader == nullptr;
}

/* Before a login is waited for, the servers that need none are asked. */
static void
ask_connected_servers(const AsyncRequest *request)
{
	const AppendState *append = append_of(request);
	int index = -1;

	while ((index = bms_next_member(append->as_valid_asyncplans, index)) >= 0)
	{
		const AsyncRequest *other = append->as_asyncrequests[index];

		if (is_ours(other) && !scan_is_executed(scan_of(other)) &&
			other->requestee->chgParam == nullptr && is_connected(other))
			ask(other);
	}
}

/* ---- answering ---- */

/* What control must not leave this Append with. */
static void
receive_locking_results()
{
	if (!locks_in_flight)
		return;
	locks_in_flight = false;
	results_receive_locking();
}

/* The branch's next row, or its end, waiting for it if need be. */
static void
produce(AsyncRequest *request)
{
	TupleTableSlot *slot = request->requestee->ExecProcNodeReal(request->requestee);

	receive_locking_results();
	ExecAsyncRequestDone(request, TupIsNull(slot) ? nullptr : slot);
}

/* Answers a request outside ForeignAsyncNotify, and does what the executor would do there. */
static void
produce_unasked(AsyncRequest *request)
{
	request->callback_pending = false;
	produce(request);
	ExecAsyncResponse(request);
	if (request->requestee->instrument != nullptr)
		InstrUpdateTupleCount(request->requestee->instrument, TupIsNull(request->result) ? 0 : 1);
}

/* ---- query_timeout ---- */

/* The alarm itself sets the latch, which Append's wait heeds; then the wait is configured again. */
static void
on_alarm()
{
}

/* Ends Append's wait in so many milliseconds, unless an earlier alarm does. */
static void
set_alarm(int milliseconds)
{
	static TimeoutId alarm = MAX_TIMEOUTS;
	TimestampTz at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds);

	if (alarm == MAX_TIMEOUTS)
		alarm = RegisterTimeout(USER_TIMEOUT, on_alarm);
	if (!get_timeout_active(alarm) || get_timeout_finish_time(alarm) > at)
		enable_timeout_at(alarm, at);
}

/* ---- the callbacks ---- */

void
sambapos_async_request(AsyncRequest *request)
{
	ForeignScanState *node = scan_of(request);

	if (!scan_is_executed(node) && scan_connection(node)->session == nullptr)
		ask_connected_servers(request);
	if (!scan_is_executed(node) && !must_queue(request))
		ask(request);
	if (!scan_is_executed(node) || scan_result(node)->state == ResultState::asked)
		ExecAsyncRequestPending(request);
	else
		produce(request);
}

void
sambapos_async_configure_wait(AsyncRequest *request)
{
	ForeignScanState *node = scan_of(request);

	if (!scan_is_executed(node))
	{
		if (must_queue(request))
			return; /* the branch it waits for has an event of its own */
		ask(request);
	}
	if (scan_result(node)->state != ResultState::asked)
	{
		produce_unasked(request);
		return;
	}

	const tds::Session *session = scan_result(node)->connection->session;
	int left = tds::time_left(session);

	if (left == 0)
	{
		produce_unasked(request); /* says that the time is over, unless the answer is there */
		return;
	}
	if (left > 0)
		set_alarm(left);
	AddWaitEventToSet(append_of(request)->as_eventset, WL_SOCKET_READABLE, tds::descriptor(session),
					  nullptr, request);
}

void
sambapos_async_notify(AsyncRequest *request)
{
	produce(request);
}

} // namespace sambapos::fdw
