/*
 * sambapos_query(server, sql): T-SQL passed through. The rows come from the same session and the
 * same remote transaction as those of the foreign tables, and through the same conversion; their
 * types are what the caller's column definition list says.
 */
#include "bridge/visible.hpp"
#include "fdw/remote/connection.hpp"
#include "types/type_map.hpp"

namespace sambapos::functions
{

struct Call
{
	const char *server;
	const char *sql;
	types::RowReader *reader;
	int64 row;
};

static void
add_error_context(void *argument)
{
	const auto *call = static_cast<const Call *>(argument);

	if (call->reader != nullptr && call->reader->current >= 0)
		errcontext("column \"%s\", row " INT64_FORMAT,
				   call->reader->columns[call->reader->current].name, call->row);
	errcontext("sambapos_query on server \"%s\"", call->server);
	errcontext("remote SQL: %s", visible_sql(call->sql));
}

/* In FROM the parser asks for it; elsewhere nothing has. */
static void
require_column_definitions(const ReturnSetInfo *info)
{
	if (info != nullptr && IsA(info, ReturnSetInfo) && info->expectedDesc != nullptr)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR), errmsg("sambapos_query needs a column definition list"),
			 errhint("Write SELECT * FROM sambapos_query(...) AS t (a integer, b text).")));
}

/* A foreign table is protected by its own privileges; here the right to use the server decides. */
static Oid
usable_server(const char *name)
{
	Oid server = fdw::named_server(name);
	AclResult right = check_server_usage(server, GetUserId());

	if (right != ACLCHECK_OK)
		aclcheck_error(right, OBJECT_FOREIGN_SERVER, name);
	return server;
}

static types::RowReader *
make_reader(const fdw::Result *result, TupleDesc tuple)
{
	const tds::Session *session = result->connection->session;
	int arrived = tds::column_count(session);
	auto *targets = static_cast<types::Target *>(
		palloc0(sizeof(types::Target) * static_cast<size_t>(tuple->natts + 1)));

	if (arrived != tuple->natts)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						arrived == 0 ? errmsg("the remote query returned no columns")
									 : errmsg_plural("the remote query returned %d column",
													 "the remote query returned %d columns",
													 arrived, arrived),
						errdetail("The column definition list has %d.", tuple->natts)));
	for (int i = 0; i < arrived; i++)
	{
		targets[i].attribute = static_cast<AttrNumber>(i + 1);
		targets[i].remote_type = "";
	}
	return types::make_row_reader(session, tuple, targets, arrived, fdw::unreadable_text(result));
}

static void
fetch_all(Call *call, fdw::Result *result, const ReturnSetInfo *info)
{
	TupleDesc tuple = info->setDesc;
	MemoryContext row_context =
		AllocSetContextCreate(CurrentMemoryContext, "sambapos_query row", ALLOCSET_DEFAULT_SIZES);
	auto *values = static_cast<Datum *>(palloc0(sizeof(Datum) * static_cast<size_t>(tuple->natts)));
	auto *nulls = static_cast<bool *>(palloc0(static_cast<size_t>(tuple->natts)));
	MemoryContext caller = MemoryContextSwitchTo(row_context);
	tds::Row row;

	while (fdw::result_next(result, &row))
	{
		call->row++;
		types::read_row(call->reader, row, values, nulls);
		tuplestore_putvalues(info->setResult, tuple, values, nulls);
		MemoryContextReset(row_context);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(row_context);
}

static const char *
to_utf8(const char *text)
{
	return pg_server_to_any(text, static_cast<int>(std::strlen(text)), PG_UTF8);
}

} // namespace sambapos::functions

using namespace sambapos;

extern "C"
{
	PG_FUNCTION_INFO_V1(sambapos_query);

	Datum sambapos_query(PG_FUNCTION_ARGS)
	{
		functions::Call call = {text_to_cstring(PG_GETARG_TEXT_PP(0)),
								text_to_cstring(PG_GETARG_TEXT_PP(1)), nullptr, 0};
		auto *info = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
		ErrorContextCallback context = {error_context_stack, functions::add_error_context, &call};

		functions::require_column_definitions(info);
		InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
		error_context_stack = &context;

		Oid server = functions::usable_server(call.server);
		fdw::Result *result = fdw::result_make();

		result->origin = tds::Origin::passthrough;
		fdw::result_open(result, server, GetUserId(), functions::to_utf8(call.sql));
		call.reader = functions::make_reader(result, info->setDesc);
		fdw::result_store_if_locking(result);
		functions::fetch_all(&call, result, info);
		fdw::result_close(result);
		error_context_stack = context.previous;
		return Datum{0};
	}
}
