/*
 * Who calls a function that runs with its owner's rights: the role of the session, or of its SET
 * ROLE. current_user is the owner there.
 *
 * Within a security-restricted operation that role is no answer. ANALYZE by autovacuum, REFRESH
 * MATERIALIZED VIEW, and what reads the tables of a feed (as_owner.cpp) run code of a table's owner
 * there, in a session of somebody else's, whose rights that code is not to have.
 */
#include "bridge/compat.hpp"

using namespace sambapos;

extern "C"
{
	PG_FUNCTION_INFO_V1(sambapos_feed_caller);

	Datum sambapos_feed_caller(PG_FUNCTION_ARGS)
	{
		auto name = static_cast<Name>(palloc(NAMEDATALEN));

		if (InSecurityRestrictedOperation())
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("feeds cannot be asked or changed within a security-restricted "
							"operation"),
					 errhint("Do not call this from functions of indexes, of materialized views or "
							 "of tables that are on a feed.")));
		namestrcpy(name, GetUserNameFromId(GetOuterUserId(), false));
		PG_RETURN_NAME(name);
	}
}
