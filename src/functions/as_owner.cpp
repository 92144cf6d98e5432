/*
 * A query over a relation of somebody else's, or a statement that writes to it, with its owner's
 * rights and no others: what it meets there, the types, casts, domains, policies, triggers and
 * views of that role, is code of that role.
 *
 * As VACUUM, ANALYZE and REFRESH MATERIALIZED VIEW do it: the user is switched within a
 * security-restricted operation, in which there is no way back to the caller's rights, no temporary
 * object and no deferred trigger, and what is set is put back. Parsing, planning (which evaluates
 * expressions of indexes and constraints) and running are all inside.
 */
#include "functions/written_back.hpp"

namespace sambapos::functions
{

static constexpr int parameters = 4;

/* Who the relation belongs to at this moment; checked again when it is locked. */
static Oid
relation_owner(const char *schema, const char *name)
{
	Oid space = get_namespace_oid(schema, true);
	Oid relation = OidIsValid(space) ? get_relname_relid(name, space) : InvalidOid;
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation \"%s.%s\" does not exist", schema, name)));
	owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

static void
check_relation_owner(Oid relation, Oid user)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid owner;

	if (!HeapTupleIsValid(tuple)) /* a partition that went at this moment */
		return;
	owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	if (owner != user && !superuser_arg(owner))
		ereport(
			ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("relation \"%s\" belongs to role \"%s\", and is not read with the rights of "
					"role \"%s\"",
					get_rel_name(relation), GetUserNameFromId(owner, true),
					GetUserNameFromId(user, true)),
			 errhint("What is read belongs to one role, or to a superuser.")));
}

/* All that is read, locked since it was parsed, is the user's own or a superuser's: a name that was
 * given to another table meanwhile, a view over tables of others and a partition of another role
 * would have their code run as this user. */
static bool
check_owners(Node *node, void *context)
{
	if (node == nullptr)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		auto *entry = castNode(RangeTblEntry, node);

		/* a view that was replaced by its query is remembered there from PostgreSQL 16 on */
		if (OidIsValid(entry->relid))
		{
			/* rows that are inserted go into partitions, too */
			bool with_parts = entry->inh || entry->relkind == RELKIND_PARTITIONED_TABLE;
			List *all = with_parts ? find_all_inheritors(entry->relid, AccessShareLock, nullptr)
								   : list_make1_oid(entry->relid);
			ListCell *cell;

			foreach (cell, all)
				check_relation_owner(lfirst_oid(cell), *static_cast<Oid *>(context));
		}
		return false;
	}
	if (IsA(node, Query))
		return walk_query(castNode(Query, node), check_owners, context, QTW_EXAMINE_RTES_BEFORE);
	return walk_expression(node, check_owners, context);
}

/* One query that reads, or one statement that writes and returns nothing. */
static void
check_command(const Query *query, CmdType command)
{
	if (query->commandType != command || query->hasModifyingCTE || query->rowMarks != NIL ||
		query->returningList != NIL)
		ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
						command == CMD_SELECT ? errmsg("a query that reads is expected")
											  : errmsg("another statement is expected")));
}

static PlannedStmt *
plan_query(const char *text, CmdType command, Oid user, ParamListInfo values)
{
	Oid types[parameters] = {JSONBARRAYOID, TEXTOID, JSONBOID, INT4OID};
	List *statements = pg_parse_query(text);
	List *rewritten;
	Query *query;

	if (list_length(statements) != 1)
		ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR), errmsg("one query is expected")));
	query = parse_analyze_fixedparams(linitial_node(RawStmt, statements), text, types, parameters,
									  nullptr);
	check_command(query, command);
	rewritten = QueryRewrite(query);
	if (list_length(rewritten) != 1)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("a relation with rules is not written to")));
	query = linitial_node(Query, rewritten);
	check_owners(reinterpret_cast<Node *>(query), &user);
	return pg_plan_query(query, text, CURSOR_OPT_PARALLEL_OK, values);
}

static ParamListInfo
parameters_of(FunctionCallInfo fcinfo, int first)
{
	ParamListInfo values = makeParamList(parameters);
	Oid types[parameters] = {JSONBARRAYOID, TEXTOID, JSONBOID, INT4OID};

	for (int i = 0; i < parameters; i++)
	{
		values->params[i].value = fcinfo->args[first + i].value;
		values->params[i].isnull = fcinfo->args[first + i].isnull;
		values->params[i].pflags = PARAM_FLAG_CONST;
		values->params[i].ptype = types[i];
	}
	return values;
}

static void
run_query(const char *text, Oid user, ParamListInfo values, const ReturnSetInfo *result)
{
	PlannedStmt *plan = plan_query(text, CMD_SELECT, user, values);
	DestReceiver *receiver = CreateDestReceiver(DestTuplestore);
	QueryDesc *query;

	SetTuplestoreDestReceiverParams(receiver, result->setResult,
									result->econtext->ecxt_per_query_memory, true, result->setDesc,
									"the columns of the query are not those of the function");
	query = CreateQueryDesc(plan, text, GetActiveSnapshot(), InvalidSnapshot, receiver, values,
							nullptr, 0);
	ExecutorStart(query, 0);
	run_executor(query);
	ExecutorFinish(query);
	ExecutorEnd(query);
	FreeQueryDesc(query);
	receiver->rDestroy(receiver);
}

/* Its triggers run within, but those that are deferred: they are refused where it is so. */
static uint64
run_write(const char *text, CmdType command, Oid user, ParamListInfo values)
{
	PlannedStmt *plan = plan_query(text, command, user, values);
	QueryDesc *query;
	uint64 rows;

	PushCopiedSnapshot(GetTransactionSnapshot());
	UpdateActiveSnapshotCommandId();
	query = CreateQueryDesc(plan, text, GetActiveSnapshot(), InvalidSnapshot, None_Receiver, values,
							nullptr, 0);
	ExecutorStart(query, 0);
	run_executor(query);
	ExecutorFinish(query);
	rows = query->estate->es_processed;
	ExecutorEnd(query);
	FreeQueryDesc(query);
	PopActiveSnapshot();
	CommandCounterIncrement();
	return rows;
}

/* A name is not resolved, and a value not written, by what the session has set: a key and a hash
 * are found again by what they were written as. sambapos._feed_settings_sql has the same for those
 * who write. SAVE, as functions do it: also while a parallel query is on. */
static void
set_settings()
{
	static const char *const settings[][2] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"TimeZone", "UTC"},
		{"DateStyle", "ISO, MDY"},
		{"IntervalStyle", "postgres"},
		{"bytea_output", "hex"},
		{"extra_float_digits", "1"},
		{"lc_monetary", "C"},
	};

	for (auto setting : settings)
		set_config_option(setting[0], setting[1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
						  0, false);
}

/* result: where the rows of a query go; nullptr: it is a statement that writes, of which the number
 * of rows is returned. An error leaves the rest to the end of the transaction or subtransaction: it
 * puts the user and the settings back. */
static uint64
run_as(Oid user, const char *text, CmdType command, ParamListInfo values,
	   const ReturnSetInfo *result)
{
	uint64 rows = 0;
	Oid caller;
	int context;
	int level = NewGUCNestLevel();

	GetUserIdAndSecContext(&caller, &context);
	SetUserIdAndSecContext(user,
						   context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	set_settings();
	if (result != nullptr)
		run_query(text, user, values, result);
	else
		rows = run_write(text, command, user, values);
	AtEOXact_GUC(false, level);
	SetUserIdAndSecContext(caller, context);
	return rows;
}

/* The relation that the first two arguments name. */
static Oid
relation_named(FunctionCallInfo fcinfo)
{
	Oid space = get_namespace_oid(text_to_cstring(PG_GETARG_TEXT_PP(0)), true);

	return get_relname_relid(text_to_cstring(PG_GETARG_TEXT_PP(1)), space);
}

/* Which statement it is, by its first word; the parser has the last one (check_command). */
static CmdType
command_named(const char *text)
{
	if (pg_strncasecmp(text, "INSERT ", 7) == 0)
		return CMD_INSERT;
	return pg_strncasecmp(text, "DELETE ", 7) == 0 ? CMD_DELETE : CMD_UPDATE;
}

/* Whose relation it is: the caller may act as that role. */
static Oid
owner_named(FunctionCallInfo fcinfo)
{
	Oid owner;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("a relation and a query must be given")));
	owner = relation_owner(text_to_cstring(PG_GETARG_TEXT_PP(0)),
						   text_to_cstring(PG_GETARG_TEXT_PP(1)));
	if (!has_privs_of_role(GetUserId(), owner))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("permission denied to act with the rights of role \"%s\"",
							   GetUserNameFromId(owner, true))));
	return owner;
}

} // namespace sambapos::functions

using namespace sambapos;

extern "C"
{
	PG_FUNCTION_INFO_V1(sambapos_query_as_owner);

	Datum sambapos_query_as_owner(PG_FUNCTION_ARGS)
	{
		Oid owner = functions::owner_named(fcinfo);

		InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
		functions::run_as(owner, text_to_cstring(PG_GETARG_TEXT_PP(2)), CMD_SELECT,
						  functions::parameters_of(fcinfo, 3),
						  reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo));
		return Datum{0};
	}

	PG_FUNCTION_INFO_V1(sambapos_update_as_owner);

	Datum sambapos_update_as_owner(PG_FUNCTION_ARGS)
	{
		Oid owner = functions::owner_named(fcinfo);
		int level = NewGUCNestLevel();
		uint64 rows;

		if (!PG_ARGISNULL(5))
			functions::note_written_back(functions::relation_named(fcinfo), PG_GETARG_DATUM(5));
		rows = functions::run_as(owner, text_to_cstring(PG_GETARG_TEXT_PP(2)), CMD_UPDATE,
								 functions::parameters_of(fcinfo, 3), nullptr);
		AtEOXact_GUC(false, level);
		PG_RETURN_INT64(static_cast<int64>(rows));
	}

	PG_FUNCTION_INFO_V1(sambapos_write_as_owner);

	Datum sambapos_write_as_owner(PG_FUNCTION_ARGS)
	{
		Oid owner = functions::owner_named(fcinfo);
		const char *statement = text_to_cstring(PG_GETARG_TEXT_PP(2));

		PG_RETURN_INT64(static_cast<int64>(
			functions::run_as(owner, statement, functions::command_named(statement),
							  functions::parameters_of(fcinfo, 3), nullptr)));
	}
}
