/*
 * One open result for each session, any number of readers: see connection.hpp.
 *
 * Rows are stored as they came, unconverted: what is wrong with a row is then reported by the
 * reader that wants it, not by the one that made it move. A stored row is one bytea: flags, then
 * for each value its length (-1: NULL) and its bytes, each at a multiple of eight.
 *
 * The store belongs to the first reader: its memory context and its resource owner, both remembered
 * when the reader was made.
 */
#include "fdw/remote/connection.hpp"

namespace sambapos::fdw
{

/* All results of the backend. (lib/ilist.h does not compile as C++.) */
static Result *results = nullptr;

static void
add_to_list(Result *result)
{
	result->next = results;
	result->previous = nullptr;
	if (results != nullptr)
		results->previous = result;
	results = result;
	result->listed = true;
}

static void
remove_from_list(Result *result)
{
	if (!result->listed)
		return;
	(result->previous != nullptr ? result->previous->next : results) = result->next;
	if (result->next != nullptr)
		result->next->previous = result->previous;
	result->listed = false;
}

/* ---- being made and forgotten ---- */

/* The wire is given up silently; the connection cancels before its next query. */
static void
detach_from_connection(Result *result)
{
	if (result->connection != nullptr && result->connection->reader == result)
		result->connection->reader = nullptr;
	result->connection = nullptr;
}

static void
unlink_result(Result *result)
{
	detach_from_connection(result);
	remove_from_list(result);
}

/* The reader's memory goes: after an error this is all that happens. */
static void
forget_result(void *argument)
{
	unlink_result(static_cast<Result *>(argument));
}

Result *
result_make()
{
	auto *result = static_cast<Result *>(palloc0(sizeof(Result)));

	result->context = CurrentMemoryContext;
	result->owner = CurrentResourceOwner;
	result->forget.func = forget_result;
	result->forget.arg = result;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &result->forget);
	add_to_list(result);
	return result;
}

void
result_break(Result *result)
{
	result->state = ResultState::broken;
	result->connection = nullptr;
}

int
results_in_use(const Connection *connection)
{
	int count = 0;

	for (const Result *result = results; result != nullptr; result = result->next)
		if (result->connection == connection)
			count++;
	return count;
}

/* After this no list leads to the result, so that its memory may go whenever it likes. */
static void
detach(Result *result)
{
	result->state = ResultState::broken;
	unlink_result(result);
}

void
results_end_transaction()
{
	while (results != nullptr)
		detach(results);
}

void
results_end_owner(ResourceOwner owner)
{
	for (Result *result = results, *next; result != nullptr; result = next)
	{
		next = result->next;
		if (result->owner == owner)
			detach(result);
	}
}

/* ---- rows in the store ---- */

/* A stored row: eight bytes of header and flags, then the values. */
static TupleDesc
stored_row_descriptor()
{
	TupleDesc descriptor = CreateTemplateTupleDesc(1);

	TupleDescInitEntry(descriptor, 1, "row", BYTEAOID, -1, 0);
	/* the datum begins at a multiple of eight and keeps its four-byte length */
	TupleDescAttr(descriptor, 0)->attalign = TYPALIGN_DOUBLE;
	TupleDescAttr(descriptor, 0)->attstorage = TYPSTORAGE_PLAIN;
	attribute_changed(descriptor, 0);
	return descriptor;
}

constexpr int row_header = VARHDRSZ + sizeof(int32);

/* The packed row's length is checked by palloc: a row of a gigabyte is an error. */
static bytea *
pack_row(const tds::Row &row)
{
	Size size = row_header;

	for (int i = 0; i < row.count; i++)
		size +=
			sizeof(int64) + (row.values[i].data != nullptr ? MAXALIGN(row.values[i].length) : 0);

	auto *packed = static_cast<bytea *>(palloc0(size));
	char *target = VARDATA(packed);
	int32 flags = row.invalid_text ? 1 : 0;

	SET_VARSIZE(packed, size);
	std::memcpy(target, &flags, sizeof flags);
	target += sizeof flags;
	for (int i = 0; i < row.count; i++)
	{
		const tds::Value &value = row.values[i];
		int64 length = value.data != nullptr ? value.length : -1;

		std::memcpy(target, &length, sizeof length);
		target += sizeof length;
		if (value.data == nullptr)
			continue;
		std::memcpy(target, value.data, static_cast<size_t>(length));
		target += MAXALIGN(length);
	}
	return packed;
}

static void
unpack_row(Result *result, const bytea *packed, tds::Row *row)
{
	const char *source = VARDATA(packed);
	int32 flags;

	std::memcpy(&flags, source, sizeof flags);
	source += sizeof flags;
	for (int i = 0; i < result->count; i++)
	{
		int64 length;

		std::memcpy(&length, source, sizeof length);
		source += sizeof length;
		result->values[i] = {nullptr, 0};
		if (length < 0)
			continue;
		result->values[i] = {reinterpret_cast<const unsigned char *>(source),
							 static_cast<int>(length)};
		source += MAXALIGN(length);
	}
	*row = {result->values, result->count, (flags & 1) != 0};
}

static void
make_store(Result *result)
{
	MemoryContext caller = MemoryContextSwitchTo(result->context);
	ResourceOwner owner = CurrentResourceOwner;
	TupleDesc descriptor = stored_row_descriptor();

	CurrentResourceOwner = result->owner;
	result->store = tuplestore_begin_heap(false, false, work_mem);
	CurrentResourceOwner = owner;
	tuplestore_set_eflags(result->store, EXEC_FLAG_REWIND);
	result->slot = MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple);
	result->count = tds::column_count(result->connection->session);
	result->values =
		static_cast<tds::Value *>(palloc0(sizeof(tds::Value) * static_cast<size_t>(result->count)));
	MemoryContextSwitchTo(caller);
}

static void
store_row(Result *result, const tds::Row &row)
{
	Datum packed = PointerGetDatum(pack_row(row));
	bool is_null = false;

	tuplestore_putvalues(result->store, result->slot->tts_tupleDescriptor, &packed, &is_null);
	pfree(DatumGetPointer(packed));
}

void
result_store(Result *result)
{
	Connection *connection = result->connection;
	tds::Row row;

	if (result->store == nullptr)
		make_store(result);
	result->state = ResultState::moving;
	while (guard([&] { return tds::next(connection->session, &row); }))
	{
		store_row(result, row);
		CHECK_FOR_INTERRUPTS(); /* tds looks only when it has to wait */
	}
	connection->reader = nullptr;
	result->state = ResultState::stored;
}

void
results_receive_locking()
{
	for (Result *result = results; result != nullptr; result = result->next)
		if (result->state == ResultState::asked &&
			!tds::reads_versions(result->connection->session))
			result->receive(result->scan);
}

static void
drop_store(Result *result)
{
	if (result->store == nullptr)
		return;
	TupleDesc descriptor = result->slot->tts_tupleDescriptor;

	ExecDropSingleTupleTableSlot(result->slot);
	FreeTupleDesc(descriptor);
	tuplestore_end(result->store);
	pfree(result->values);
	result->store = nullptr;
	result->slot = nullptr;
	result->values = nullptr;
}

/* ---- reading ---- */

[[noreturn]] static void
report_lost_rows()
{
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("the remaining rows of this query can no longer be read"),
					errdetail("An error has ended the remote result, or the remote transaction it "
							  "belonged to has ended."),
					errhint("Run the query again.")));
	pg_unreachable();
}

/* The query met a server that is gone since the last transaction; now there is a new session. */
static bool
is_stale(const Result *result, const Failure &failure)
{
	return std::strncmp(failure.sqlstate, "08", 2) == 0 &&
		   connection_renew(result->connection, result->user);
}

/* Inside a guard. */
static void
send_query(const Result *result)
{
	tds::send(result->connection->session, result->sql, result->origin);
}

void
result_send(Result *result, Oid server, Oid user, const char *sql)
{
	Connection *connection = connection_enter(server, user);
	Failure failure;

	connection_make_idle(connection);
	if (result->as_bytes)
		connection_require_utf16(connection, user);
	result->connection = connection;
	result->user = user;
	result->sql = sql;
	result->from_start = false;
	result->state = ResultState::broken;
	if (!attempt(&failure, [&] { send_query(result); }))
	{
		if (!is_stale(result, failure))
			raise(failure);
		guard([&] { send_query(result); });
	}
	connection->reader = result;
	result->state = ResultState::asked;
}

bool
result_try_receive(Result *result, Failure *failure)
{
	Connection *connection = result->connection;

	connection->reader = nullptr;
	result->state = ResultState::broken;
	if (!attempt(failure, [&] { tds::receive(connection->session); }))
	{
		if (!is_stale(result, *failure))
			return false;
		guard(
			[&]
			{
				send_query(result);
				tds::receive(connection->session);
			});
	}
	connection->unverified = false;
	result->state = ResultState::ended;
	if (tds::busy(connection->session))
	{
		connection->reader = result;
		result->from_start = true;
		result->state = ResultState::streaming;
	}
	return true;
}

void
result_receive(Result *result)
{
	Failure failure;

	if (!result_try_receive(result, &failure))
		raise(failure);
}

void
result_open(Result *result, Oid server, Oid user, const char *sql)
{
	result_send(result, server, user, sql);
	result_receive(result);
}

void
result_store_if_locking(Result *result)
{
	if (result->state == ResultState::streaming &&
		!tds::reads_versions(result->connection->session))
		result_store(result);
}

types::Unreadable
unreadable_text(const Result *result)
{
	if (result->connection->invalid_text == InvalidText::replace)
		return types::Unreadable::marked;
	return result->as_bytes ? types::Unreadable::replaced : types::Unreadable::refused;
}

static bool
read_stream(Result *result, tds::Row *row)
{
	Connection *connection = result->connection;

	result->from_start = false;
	if (guard([&] { return tds::next(connection->session, row); }))
		return true;
	result->state = ResultState::ended;
	connection->reader = nullptr;
	return false;
}

static bool
read_store(Result *result, tds::Row *row)
{
	bool unused;
	/* a tuple read from disk belongs to the slot, which frees it with the next one */
	MemoryContext caller = MemoryContextSwitchTo(result->context);
	bool found = tuplestore_gettupleslot(result->store, true, false, result->slot);

	MemoryContextSwitchTo(caller);
	if (!found)
	{
		result->state = ResultState::ended;
		return false;
	}
	Datum packed = slot_getattr(result->slot, 1, &unused);

	unpack_row(result, static_cast<bytea *>(static_cast<void *>(DatumGetPointer(packed))), row);
	return true;
}

bool
result_next(Result *result, tds::Row *row)
{
	switch (result->state)
	{
		case ResultState::streaming: return read_stream(result, row);
		case ResultState::stored: return read_store(result, row);
		case ResultState::asked: result->receive(result->scan); return result_next(result, row);
		case ResultState::idle:
		case ResultState::ended: return false;
		case ResultState::moving:
		case ResultState::broken: break;
	}
	report_lost_rows();
}

bool
result_rewind(Result *result)
{
	bool all_stored = result->from_start && result->store != nullptr &&
					  (result->state == ResultState::stored || result->state == ResultState::ended);

	if (result->state == ResultState::broken || result->state == ResultState::moving)
		report_lost_rows();
	if (result->state == ResultState::asked ||
		(result->state == ResultState::streaming && result->from_start))
		return true;
	if (!all_stored)
	{
		result_close(result);
		return false;
	}
	tuplestore_rescan(result->store);
	result->state = ResultState::stored;
	return true;
}

/* The server is told at once that no more rows are wanted (LIMIT, a closed cursor). If that fails
 * the connection is dropped, without an error: the next query opens another one. */
void
result_close(Result *result)
{
	Connection *connection = result->connection;
	Failure unused;

	if (connection != nullptr && connection->reader == result)
	{
		connection->reader = nullptr;
		if (!attempt(&unused, [&] { tds::cancel(connection->session); }))
			connection_drop(connection);
	}
	result->connection = nullptr;
	drop_store(result);
	result->from_start = false;
	result->state = ResultState::idle;
}

} // namespace sambapos::fdw
