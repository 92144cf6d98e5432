/*
 * What a run has had of its server, and its pauses. The counts are those of this backend's
 * connections to the server; nothing here connects.
 */
#include "fdw/remote/connection.hpp"

namespace sambapos::functions
{

using fdw::Connection;

/* Since the mark, of all connections to a server. */
struct Sum
{
	Oid server;
	tds::Figures since_mark;
	double paused;
	std::int64_t unrested; /* microseconds of work since the last pause */
};

static Oid
server_or_none(const text *name)
{
	return get_foreign_server_oid(text_to_cstring(name), true);
}

static void
add_connection(Connection *connection, void *context)
{
	auto *sum = static_cast<Sum *>(context);
	const fdw::Account &account = connection->account;
	tds::Figures now = fdw::connection_figures(connection);

	if (connection->key.server != sum->server)
		return;
	sum->since_mark.queries += now.queries - account.mark.queries;
	sum->since_mark.rows += now.rows - account.mark.rows;
	sum->since_mark.bytes += now.bytes - account.mark.bytes;
	sum->since_mark.microseconds += now.microseconds - account.mark.microseconds;
	sum->paused += account.paused;
	sum->unrested += now.microseconds - account.rested;
}

static void
mark_connection(Connection *connection, void *context)
{
	tds::Figures now = fdw::connection_figures(connection);

	if (connection->key.server == *static_cast<Oid *>(context))
		connection->account = {connection->account.closed, now, 0, now.microseconds};
}

struct Pause
{
	Oid server;
	double milliseconds; /* to be entered once, however many connections there are */
};

static void
note_pause(Connection *connection, void *context)
{
	auto *pause = static_cast<Pause *>(context);

	if (connection->key.server != pause->server)
		return;
	connection->account.paused += pause->milliseconds;
	connection->account.rested = fdw::connection_figures(connection).microseconds;
	pause->milliseconds = 0;
}

} // namespace sambapos::functions

using namespace sambapos;

extern "C"
{
	PG_FUNCTION_INFO_V1(sambapos_source_figures);
	PG_FUNCTION_INFO_V1(sambapos_source_mark);
	PG_FUNCTION_INFO_V1(sambapos_source_pause);

	/* queries, rows, bytes, milliseconds, milliseconds paused, milliseconds of work since the last
	 * pause. */
	Datum sambapos_source_figures(PG_FUNCTION_ARGS)
	{
		functions::Sum sum = {functions::server_or_none(PG_GETARG_TEXT_PP(0)), {}, 0, 0};
		Datum values[6];
		bool nulls[6] = {};
		TupleDesc descriptor;

		if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		fdw::connection_visit(functions::add_connection, &sum);
		values[0] = Int64GetDatum(sum.since_mark.queries);
		values[1] = Int64GetDatum(sum.since_mark.rows);
		values[2] = Int64GetDatum(sum.since_mark.bytes);
		values[3] = Float8GetDatum(static_cast<double>(sum.since_mark.microseconds) / 1000);
		values[4] = Float8GetDatum(sum.paused);
		values[5] = Float8GetDatum(static_cast<double>(sum.unrested) / 1000);
		PG_RETURN_DATUM(
			HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
	}

	Datum sambapos_source_mark(PG_FUNCTION_ARGS)
	{
		Oid server = functions::server_or_none(PG_GETARG_TEXT_PP(0));

		fdw::connection_visit(functions::mark_connection, &server);
		PG_RETURN_VOID();
	}

	/* A pg_sleep, so any interrupt ends it. */
	Datum sambapos_source_pause(PG_FUNCTION_ARGS)
	{
		functions::Pause pause = {functions::server_or_none(PG_GETARG_TEXT_PP(0)),
								  PG_GETARG_FLOAT8(1)};

		DirectFunctionCall1(pg_sleep, Float8GetDatum(pause.milliseconds / 1000));
		fdw::connection_visit(functions::note_pause, &pause);
		PG_RETURN_VOID();
	}
}
