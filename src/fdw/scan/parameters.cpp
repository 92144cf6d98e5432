/*
 * Values that are only known when the scan starts: how their predicates travel in a plan, and how
 * they get into the remote SQL.
 *
 * They are written as literals, not bound as TDS parameters: what is compared depends on the value
 * (NULL, infinity, a datetime between two ticks), and SQL Server plans the query for what is asked.
 */
#include "fdw/plan/relation.hpp"

namespace sambapos::fdw
{

using types::Predicate;
using types::TsqlType;

/* A predicate in a plan: its column, then these integers; a shift in 64 bits is a text. */
enum PredicateMember
{
	PREDICATE_COLUMN,
	PREDICATE_FORM,
	PREDICATE_COMPARISON,
	PREDICATE_KIND,
	PREDICATE_PRECISION,
	PREDICATE_SCALE,
	PREDICATE_BY_DAY,
	PREDICATE_LOCAL_TYPE,
	PREDICATE_SHIFT,
	PREDICATE_VALUE_TYPE
};

static List *
append_member(List *list, int value)
{
	return lappend(list, makeInteger(value));
}

List *
predicate_to_list(const Predicate &predicate)
{
	List *list = list_make1(makeString(pstrdup(predicate.column)));

	list = append_member(list, static_cast<int>(predicate.form));
	list = append_member(list, static_cast<int>(predicate.comparison));
	list = append_member(list, static_cast<int>(predicate.tsql_type.kind));
	list = append_member(list, predicate.tsql_type.precision);
	list = append_member(list, predicate.tsql_type.scale);
	list = append_member(list, predicate.tsql_type.by_day ? 1 : 0);
	list = append_member(list, static_cast<int>(predicate.tsql_type.local_type));
	list = lappend(list, makeString(psprintf(INT64_FORMAT, predicate.tsql_type.shift)));
	return append_member(list, static_cast<int>(predicate.value_type));
}

static int
member(const List *list, PredicateMember index)
{
	return intVal(list_nth(list, index));
}

static Predicate
predicate_from_list(const List *list)
{
	Predicate predicate = {};

	predicate.column = strVal(list_nth(list, PREDICATE_COLUMN));
	predicate.form = static_cast<types::Form>(member(list, PREDICATE_FORM));
	predicate.comparison = static_cast<types::Comparison>(member(list, PREDICATE_COMPARISON));
	predicate.tsql_type.kind = static_cast<types::TypeKind>(member(list, PREDICATE_KIND));
	predicate.tsql_type.precision = member(list, PREDICATE_PRECISION);
	predicate.tsql_type.scale = member(list, PREDICATE_SCALE);
	predicate.tsql_type.by_day = member(list, PREDICATE_BY_DAY) != 0;
	predicate.tsql_type.local_type = static_cast<Oid>(member(list, PREDICATE_LOCAL_TYPE));
	predicate.tsql_type.shift = strtoll(strVal(list_nth(list, PREDICATE_SHIFT)), nullptr, 10);
	predicate.value_type = static_cast<Oid>(member(list, PREDICATE_VALUE_TYPE));
	return predicate;
}

static const char *
remote_text(const List *texts, int index)
{
	return strVal(list_nth(texts, index));
}

char *
render_remote_sql(List *fdw_private, List *states, ExprContext *econtext)
{
	auto *texts = static_cast<List *>(list_nth(fdw_private, SCAN_SQL_TEXTS));
	auto *parameters = static_cast<List *>(list_nth(fdw_private, SCAN_SQL_PARAMETERS));
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < list_length(parameters); i++)
	{
		bool is_null;
		Datum value = ExecEvalExprSwitchContext(static_cast<ExprState *>(list_nth(states, i)),
												econtext, &is_null);

		appendStringInfoString(&sql, remote_text(texts, i));
		append_predicate(&sql, predicate_from_list(static_cast<List *>(list_nth(parameters, i))),
						 value, is_null);
	}
	appendStringInfoString(&sql, remote_text(texts, list_length(parameters)));
	return pg_server_to_any(sql.data, sql.len, PG_UTF8);
}

char *
explain_remote_sql(List *fdw_private)
{
	auto *texts = static_cast<List *>(list_nth(fdw_private, SCAN_SQL_TEXTS));
	auto *parameters = static_cast<List *>(list_nth(fdw_private, SCAN_SQL_PARAMETERS));
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < list_length(parameters); i++)
	{
		appendStringInfoString(&sql, remote_text(texts, i));
		append_predicate_shown(&sql,
							   predicate_from_list(static_cast<List *>(list_nth(parameters, i))),
							   psprintf("@p%d", i + 1));
	}
	appendStringInfoString(&sql, remote_text(texts, list_length(parameters)));
	return sql.data;
}

} // namespace sambapos::fdw
