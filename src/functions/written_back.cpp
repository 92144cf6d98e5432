/*
 * Which row a consumer's status and reference are being written to.
 *
 * No consumer is told of what consumers write back. Which columns have changed does not say it: a
 * trigger of the table, or a generated column, changes others in the same UPDATE. So as_owner.cpp
 * notes the table and the row's key while it runs that UPDATE, in a setting that nobody else can
 * write and that PostgreSQL takes back, and the trigger that enters changes marks those of that
 * row. Other rows, which a trigger of the table writes meanwhile, are changes as any other.
 */
#include "functions/written_back.hpp"

namespace sambapos::functions
{

namespace
{

constexpr const char *noted_name = "sambapos.written_back";
char *noted;

/* A row trigger is told the partition, the UPDATE names the table above it. */
bool
is_part_of(Oid relation, Oid whole)
{
	return relation == whole || (get_rel_relispartition(relation) &&
								 list_member_oid(get_partition_ancestors(relation), whole));
}

} // namespace

void
written_back_init()
{
	DefineCustomStringVariable(
		noted_name, "Which row a consumer writes back to.",
		"Set while it does, by the extension alone.", &noted, "", PGC_INTERNAL,
		GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, nullptr, nullptr, nullptr);
}

void
note_written_back(Oid relation, Datum key)
{
	const char *row = DatumGetCString(DirectFunctionCall1(jsonb_out, key));

	set_config_option(noted_name, psprintf("%u %s", relation, row), PGC_INTERNAL, PGC_S_SESSION,
					  GUC_ACTION_SAVE, true, 0, false);
}

} // namespace sambapos::functions

using namespace sambapos::functions;

extern "C"
{
	PG_FUNCTION_INFO_V1(sambapos_feed_written_back);

	Datum sambapos_feed_written_back(PG_FUNCTION_ARGS)
	{
		const char *row = noted == nullptr ? nullptr : strchr(noted, ' ');

		if (row == nullptr ||
			!is_part_of(PG_GETARG_OID(0), static_cast<Oid>(strtoul(noted, nullptr, 10))))
			PG_RETURN_NULL();
		return DirectFunctionCall1(jsonb_in, CStringGetDatum(row + 1));
	}
}
