/*
 * What the triggers of a feed ask before they enter changes.
 *
 * May who writes enter changes of an entity? Who may execute the function of its triggers may, as
 * the owner of its table. View sambapos._feed_entered asks it of each row that is written, so it
 * looks into PostgreSQL's caches by the function's name (sambapos._feed_capture_name), and nowhere
 * else, once for the rows of a statement.
 *
 * Does the table still belong to the role with whose rights they run?
 */
#include "bridge/compat.hpp"

namespace sambapos::functions
{

static Oid
capture_function(int32 feed, const text *entity)
{
	char hash[33];
	char name[NAMEDATALEN];
	const char *problem = nullptr;
	Oid space = get_namespace_oid("sambapos", true);

	if (!pg_md5_hash(VARDATA_ANY(entity), VARSIZE_ANY_EXHDR(entity), hash, &problem))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("could not compute MD5 hash: %s", problem)));
	snprintf(name, sizeof(name), "_feed_capture_%d_%s", feed, hash);
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
						   PointerGetDatum(buildoidvector(nullptr, 0)), ObjectIdGetDatum(space));
}

/* What was found for the row before, of the same statement. */
struct Answer
{
	int32 feed;
	Oid user;
	bool may;
	text *entity;
};

static bool
is_for(const Answer *answer, int32 feed, const text *entity)
{
	return answer != nullptr && answer->feed == feed && answer->user == GetUserId() &&
		   VARSIZE_ANY_EXHDR(answer->entity) == VARSIZE_ANY_EXHDR(entity) &&
		   memcmp(VARDATA_ANY(answer->entity), VARDATA_ANY(entity), VARSIZE_ANY_EXHDR(entity)) == 0;
}

static Answer *
find_answer(MemoryContext context, int32 feed, const text *entity)
{
	Oid function = capture_function(feed, entity);
	MemoryContext former = MemoryContextSwitchTo(context);
	auto *answer = static_cast<Answer *>(palloc(sizeof(Answer)));

	answer->feed = feed;
	answer->user = GetUserId();
	answer->may = OidIsValid(function) && may_execute(function, GetUserId());
	answer->entity = cstring_to_text_with_len(VARDATA_ANY(entity), VARSIZE_ANY_EXHDR(entity));
	MemoryContextSwitchTo(former);
	return answer;
}

} // namespace sambapos::functions

using namespace sambapos;

extern "C"
{
	PG_FUNCTION_INFO_V1(sambapos_feed_may_enter);
	PG_FUNCTION_INFO_V1(sambapos_feed_is_own);

	Datum sambapos_feed_may_enter(PG_FUNCTION_ARGS)
	{
		const text *entity = PG_GETARG_TEXT_PP(1);
		auto *answer = static_cast<functions::Answer *>(fcinfo->flinfo->fn_extra);

		if (!functions::is_for(answer, PG_GETARG_INT32(0), entity))
			answer = functions::find_answer(fcinfo->flinfo->fn_mcxt, PG_GETARG_INT32(0), entity);
		fcinfo->flinfo->fn_extra = answer;
		return BoolGetDatum(answer->may);
	}

	Datum sambapos_feed_is_own(PG_FUNCTION_ARGS)
	{
		HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(PG_GETARG_OID(0)));
		Oid owner;

		if (!HeapTupleIsValid(tuple))
			return BoolGetDatum(false);
		owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
		ReleaseSysCache(tuple);
		return BoolGetDatum(owner == GetUserId() || superuser_arg(owner));
	}
}
