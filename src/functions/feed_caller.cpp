/*
 * Who calls a function that runs with its owner's rights? current_user is the owner there.
 *
 * What asks a feed takes the role of the session, or of its SET ROLE. That is not the caller where
 * a function of another role, which runs with its owner's rights, stands between: it would lend the
 * rights of whoever calls it. So what changes a feed has a function before it that runs with the
 * rights of its caller and notes him, in a setting that nobody else can write and that PostgreSQL
 * takes back when that function ends, however it does.
 *
 * Within a security-restricted operation that role is no answer. ANALYZE by autovacuum, REFRESH
 * MATERIALIZED VIEW, and what reads the tables of a feed (as_owner.cpp) run code of a table's owner
 * there, in a session of somebody else's, whose rights that code is not to have.
 */
#include "functions/feed_caller.hpp"

#include "bridge/compat.hpp"

namespace sambapos::functions
{

namespace
{

constexpr const char *noted_name = "sambapos.feed_changer";
char *noted;

void
refuse_restricted()
{
	if (InSecurityRestrictedOperation())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("feeds cannot be asked or changed within a security-restricted operation"),
				 errhint("Do not call this from functions of indexes, of materialized views or of "
						 "tables that are on a feed.")));
}

Datum
as_name(const char *text)
{
	auto name = static_cast<Name>(palloc(NAMEDATALEN));

	namestrcpy(name, text);
	return NameGetDatum(name);
}

} // namespace

void
feed_caller_init()
{
	DefineCustomStringVariable(noted_name, "Who calls a function that changes a feed.",
							   "Set by these functions alone.", &noted, "", PGC_INTERNAL,
							   GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, nullptr,
							   nullptr, nullptr);
}

} // namespace sambapos::functions

using namespace sambapos::functions;

extern "C"
{
	PG_FUNCTION_INFO_V1(sambapos_feed_caller);
	PG_FUNCTION_INFO_V1(sambapos_feed_note_changer);
	PG_FUNCTION_INFO_V1(sambapos_feed_changer);

	Datum sambapos_feed_caller(PG_FUNCTION_ARGS)
	{
		refuse_restricted();
		return as_name(GetUserNameFromId(GetOuterUserId(), false));
	}

	/* Holds until the function ends that calls it: it has a SET clause. */
	Datum sambapos_feed_note_changer(PG_FUNCTION_ARGS)
	{
		refuse_restricted();
		set_config_option(noted_name, GetUserNameFromId(GetUserId(), false), PGC_INTERNAL,
						  PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
		PG_RETURN_VOID();
	}

	Datum sambapos_feed_changer(PG_FUNCTION_ARGS)
	{
		refuse_restricted();
		if (noted == nullptr || *noted == '\0')
			ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
							errmsg("a feed can be changed by its public functions only"),
							errhint("See sambapos_add_to_feed and the functions beside it.")));
		return as_name(noted);
	}
}
