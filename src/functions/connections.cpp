/*
 * The cache of connections as the user sees it: list it, close what a server has, and end the
 * remote transaction before the local one.
 */
#include "fdw/remote/connection.hpp"

namespace sambapos::functions
{

using fdw::Connection;
using fdw::Phase;

/* ---- sambapos_connections() ---- */

static const char *
state_name(const Connection *connection)
{
	if (connection->phase == Phase::lost)
		return "lost";
	if (connection->phase == Phase::none)
		return "idle";
	return tds::busy(connection->session) ? "reading" : "in transaction";
}

static const char *
isolation_name(tds::Isolation isolation)
{
	switch (isolation)
	{
		case tds::Isolation::automatic: return "auto";
		case tds::Isolation::snapshot: return "snapshot";
		case tds::Isolation::read_committed: return "read committed";
		case tds::Isolation::read_uncommitted: break;
	}
	return "read uncommitted";
}

/* The user of a mapping; false if the mapping is gone, Invalid for PUBLIC. */
static bool
mapping_user(Oid mapping, Oid *user)
{
	HeapTuple tuple = SearchSysCache1(USERMAPPINGOID, ObjectIdGetDatum(mapping));

	if (!HeapTupleIsValid(tuple))
		return false;
	*user = reinterpret_cast<Form_pg_user_mapping>(GETSTRUCT(tuple))->umuser;
	ReleaseSysCache(tuple);
	return true;
}

static void
set_text(Datum *values, bool *nulls, int index, const char *text)
{
	nulls[index] = text == nullptr;
	if (text != nullptr)
		values[index] = CStringGetTextDatum(text);
}

/* Columns: server_name, user_name, state, isolation, valid, connected_at. */
static void
list_connection(Connection *connection, void *context)
{
	auto *info = static_cast<ReturnSetInfo *>(context);
	ForeignServer *server = GetForeignServerExtended(connection->key.server, FSV_MISSING_OK);
	Oid user = InvalidOid;
	bool mapped = mapping_user(connection->key.mapping, &user);
	Datum values[6] = {};
	bool nulls[6] = {};

	if (connection->session == nullptr && connection->phase != Phase::lost)
		return;
	set_text(values, nulls, 0, server != nullptr ? server->servername : nullptr);
	set_text(values, nulls, 1,
			 !mapped ? nullptr : (OidIsValid(user) ? GetUserNameFromId(user, true) : "public"));
	set_text(values, nulls, 2, state_name(connection));
	set_text(values, nulls, 3,
			 connection->phase == Phase::open ? isolation_name(connection->isolation) : nullptr);
	values[4] = BoolGetDatum(!connection->invalidated && connection->phase != Phase::lost);
	values[5] = TimestampTzGetDatum(connection->connected_at);
	tuplestore_putvalues(info->setResult, info->setDesc, values, nulls);
}

/* ---- sambapos_disconnect(server) ---- */

struct Closing
{
	Oid server;
	const char *name;
	bool closed;
};

static void
close_connection(Connection *connection, void *context)
{
	auto *closing = static_cast<Closing *>(context);

	if (connection->key.server != closing->server || connection->session == nullptr)
		return;
	if (connection->phase != Phase::none)
	{
		ereport(WARNING, (errmsg("the connection to server \"%s\" stays open", closing->name),
						  errdetail("This transaction has used it.")));
		return;
	}
	fdw::connection_drop(connection);
	closing->closed = true;
}

/* ---- sambapos._end_remote_transaction(server) ---- */

static void
end_remote_transaction(Connection *connection, void *context)
{
	auto *closing = static_cast<Closing *>(context);

	if (connection->key.server != closing->server || connection->phase == Phase::none)
		return;
	if (fdw::results_in_use(connection) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot end the remote transaction on server \"%s\": it is being read",
						closing->name),
				 errhint("Close the cursors and finish the queries on its tables first.")));
	fdw::connection_end_transaction(connection);
	closing->closed = true;
}

static Closing
closing_of(const text *server)
{
	const char *name = text_to_cstring(server);

	return {fdw::named_server(name), name, false};
}

} // namespace sambapos::functions

using namespace sambapos;

extern "C"
{
	PG_FUNCTION_INFO_V1(sambapos_connections);
	PG_FUNCTION_INFO_V1(sambapos_disconnect);
	PG_FUNCTION_INFO_V1(sambapos_end_remote_transaction);

	Datum sambapos_connections(PG_FUNCTION_ARGS)
	{
		InitMaterializedSRF(fcinfo, 0);
		fdw::connection_visit(functions::list_connection, fcinfo->resultinfo);
		return Datum{0};
	}

	/* True if a connection was closed. */
	Datum sambapos_disconnect(PG_FUNCTION_ARGS)
	{
		functions::Closing closing = functions::closing_of(PG_GETARG_TEXT_PP(0));

		fdw::connection_visit(functions::close_connection, &closing);
		PG_RETURN_BOOL(closing.closed);
	}

	/* True if there was one. The next use in this local transaction begins another, on purpose:
	 * that is what the caller has asked for. */
	Datum sambapos_end_remote_transaction(PG_FUNCTION_ARGS)
	{
		functions::Closing closing = functions::closing_of(PG_GETARG_TEXT_PP(0));

		fdw::connection_visit(functions::end_remote_transaction, &closing);
		PG_RETURN_BOOL(closing.closed);
	}
}
