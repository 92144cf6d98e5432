/*
 * Names of what a scan reads, for EXPLAIN and error messages: "(tickets t) INNER JOIN (payments)".
 *
 * The plan has it with the tables' indexes in the planner's range table. setrefs.c moves the tables
 * of a subquery to another place in the plan's range table, all by the same distance; the least
 * index tells by which.
 */
#include "fdw/plan/relation.hpp"

namespace sambapos::fdw
{

static int
next_index(const char **text)
{
	char *end;
	long index = strtol(*text, &end, 10);

	*text = end;
	return static_cast<int>(index);
}

static int
least_index(const char *text)
{
	int least = INT_MAX;

	while (*text != '\0')
	{
		if (isdigit(static_cast<unsigned char>(*text)))
			least = std::min(least, next_index(&text));
		else
			text++;
	}
	return least;
}

/* As EXPLAIN names the target of a scan. */
static void
append_name(StringInfo names, const RangeTblEntry *entry, const char *alias, bool qualified)
{
	const char *name = get_rel_name(entry->relid);

	if (qualified)
		appendStringInfo(
			names, "%s.",
			quote_identifier(get_namespace_name_or_temp(get_rel_namespace(entry->relid))));
	appendStringInfoString(names, quote_identifier(name));
	if (alias == nullptr)
		alias = entry->eref->aliasname;
	if (std::strcmp(alias, name) != 0)
		appendStringInfo(names, " %s", quote_identifier(alias));
}

char *
name_relations(const ForeignScan *plan, List *range_table, List *names, bool qualified)
{
	const char *text = strVal(list_nth(plan->fdw_private, SCAN_RELATIONS));
	StringInfoData result;

	if (*text == '\0')
		return nullptr;

	int distance = bms_next_member(scanned_tables(plan), -1) - least_index(text);

	initStringInfo(&result);
	while (*text != '\0')
	{
		if (!isdigit(static_cast<unsigned char>(*text)))
		{
			appendStringInfoChar(&result, *text++);
			continue;
		}

		int index = next_index(&text) + distance;

		append_name(&result, static_cast<RangeTblEntry *>(list_nth(range_table, index - 1)),
					names != NIL ? static_cast<const char *>(list_nth(names, index - 1)) : nullptr,
					qualified);
	}
	return result.data;
}

} // namespace sambapos::fdw
