/*
 * Predicates with a value in them (rules: predicate.hpp).
 */
#include "types/predicate.hpp"

namespace sambapos::types
{

const char *
comparison_symbol(Comparison comparison)
{
	static const char *const symbols[] = {
		"=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"};

	return symbols[static_cast<int>(comparison)];
}

/* TRUE, or FALSE, for every value of the column, and UNKNOWN for NULL. */
static void
append_always(StringInfo sql, const char *column, bool truth)
{
	appendStringInfo(sql, "%s %s %s", column, truth ? "=" : "<>", column);
}

static void
append_comparison(StringInfo sql, const char *column, Comparison comparison, const char *literal)
{
	appendStringInfo(sql, "%s %s %s", column, comparison_symbol(comparison), literal);
}

/* The column compared with a value of which only the first representable value at or after it is
 * known. */
static void
append_fitted(StringInfo sql, const char *column, Comparison comparison, Fit fit,
			  const char *literal)
{
	bool is_smaller = comparison == Comparison::less || comparison == Comparison::less_equal;

	if (fit == Fit::exact)
		append_comparison(sql, column, comparison, literal);
	else if (comparison == Comparison::equal || comparison == Comparison::not_equal)
		append_always(sql, column, comparison == Comparison::not_equal);
	else if (fit == Fit::none)
		append_always(sql, column, is_smaller);
	else
		append_comparison(sql, column, is_smaller ? Comparison::less : Comparison::greater_equal,
						  literal);
}

/* Equality of a coarse column: the values from low up to, without, high. */
static void
append_range(StringInfo sql, const char *column, bool is_inside, const Span &span)
{
	Comparison from = is_inside ? Comparison::greater_equal : Comparison::less;
	Comparison to = is_inside ? Comparison::less : Comparison::greater_equal;

	if (span.high_fit == Fit::none)
	{
		append_comparison(sql, column, from, span.low);
		return;
	}
	appendStringInfoChar(sql, '(');
	append_comparison(sql, column, from, span.low);
	appendStringInfoString(sql, is_inside ? " AND " : " OR ");
	append_comparison(sql, column, to, span.high);
	appendStringInfoChar(sql, ')');
}

/* A coarse column has one local value for all remote values from low to before high. */
static void
append_coarse(StringInfo sql, const Predicate &predicate, Datum value)
{
	Span span = span_of(predicate.tsql_type, predicate.value_type, value);
	bool is_equal = predicate.comparison == Comparison::equal;

	switch (predicate.comparison)
	{
		case Comparison::equal:
		case Comparison::not_equal:
			if (!span.is_local_value || span.low_fit == Fit::none)
				append_always(sql, predicate.column, !is_equal);
			else
				append_range(sql, predicate.column, is_equal, span);
			break;
		case Comparison::less:
		case Comparison::greater_equal:
			append_fitted(sql, predicate.column, predicate.comparison, span.low_fit, span.low);
			break;
		case Comparison::less_equal:
			append_fitted(sql, predicate.column, Comparison::less, span.high_fit, span.high);
			break;
		case Comparison::greater:
			append_fitted(sql, predicate.column, Comparison::greater_equal, span.high_fit,
						  span.high);
			break;
		default: elog(ERROR, "unexpected comparison");
	}
}

/* All but [not] distinct, with a value that is not NULL. */
static void
append_simple(StringInfo sql, const Predicate &predicate, Datum value)
{
	StringInfoData literal;

	if (is_coarse(predicate.tsql_type))
	{
		append_coarse(sql, predicate, value);
		return;
	}
	initStringInfo(&literal);

	Fit fit = Fit::exact;

	if (!append_as_it_is(&literal, predicate.tsql_type, predicate.value_type, value))
		fit = append_first_value(&literal, predicate.tsql_type, predicate.value_type, value);
	append_fitted(sql, predicate.column, predicate.comparison, fit, literal.data);
}

/* IS [NOT] DISTINCT FROM, which T-SQL has only since 2022: never UNKNOWN. */
static void
append_distinct(StringInfo sql, const Predicate &predicate, Datum value, bool is_null)
{
	bool is_distinct = predicate.comparison == Comparison::distinct;
	Predicate inner = predicate;

	if (is_null)
	{
		appendStringInfo(sql, "%s IS %s", predicate.column, is_distinct ? "NOT NULL" : "NULL");
		return;
	}
	inner.comparison = is_distinct ? Comparison::not_equal : Comparison::equal;
	appendStringInfo(sql, "(%s IS %s ", predicate.column, is_distinct ? "NULL OR" : "NOT NULL AND");
	append_simple(sql, inner, value);
	appendStringInfoChar(sql, ')');
}

/* The members of an array, but NULL. */
struct Members
{
	Datum *values;
	int count;
	int all; /* NULLs too */
};

static Members
members_of(ArrayType *array, Oid type)
{
	int16 length;
	bool by_value;
	char alignment;
	bool *nulls;
	Members members;

	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	deconstruct_array(array, type, length, by_value, alignment, &members.values, &nulls,
					  &members.all);
	members.count = 0;
	for (int i = 0; i < members.all; i++)
		if (!nulls[i])
			members.values[members.count++] = members.values[i];
	return members;
}

/* The literals of the members that the column can represent: others equal no value, and a list of
 * literals gets one type at the server. Returns how many there are. */
static int
append_members(StringInfo list, const Predicate &predicate, const Members &members,
			   const char *separator)
{
	int count = 0;

	for (int i = 0; i < members.count; i++)
	{
		StringInfoData literal;

		initStringInfo(&literal);
		if (append_first_value(&literal, predicate.tsql_type, predicate.value_type,
							   members.values[i]) == Fit::exact)
			appendStringInfo(list, "%s%s", count++ > 0 ? separator : "", literal.data);
		pfree(literal.data);
	}
	return count;
}

/* Of an empty array the answer is known, even for NULL in the column. */
static void
append_in(StringInfo sql, const Predicate &predicate, Datum value)
{
	bool is_any = predicate.form == Form::any;
	Members members = members_of(DatumGetArrayTypeP(value), predicate.value_type);
	bool has_null = members.count < members.all;
	bool is_long = members.all > longest_list && predicate.tsql_type.kind != TypeKind::text;
	StringInfoData list;

	initStringInfo(&list);

	int count = append_members(&list, predicate, members, is_long ? "), (" : ", ");

	if (members.all == 0)
		appendStringInfoString(sql, is_any ? "1 = 0" : "1 = 1");
	else if (count == 0 && !has_null)
		append_always(sql, predicate.column, !is_any);
	else if (count == 0)
		appendStringInfo(sql, "%s = NULL", predicate.column);
	else
		appendStringInfo(
			sql, is_long ? "%s %s (SELECT v FROM (VALUES (%s%s)) AS t (v))" : "%s %s (%s%s)",
			predicate.column, is_any ? "IN" : "NOT IN", list.data,
			!has_null ? ""
			: is_long ? "), (NULL"
					  : ", NULL");
}

/* More rows than any table has, and no sum with an offset overflows. */
constexpr int64 all_rows = INT64CONST(1000000000000000000);

/* LIMIT and OFFSET; the errors are PostgreSQL's own. */
static void
append_count(StringInfo sql, Form form, Datum value, bool is_null)
{
	int64 count = is_null ? (form == Form::offset ? 0 : all_rows) : DatumGetInt64(value);

	if (count < 0 && form == Form::offset)
		ereport(ERROR, (errcode(ERRCODE_INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE),
						errmsg("OFFSET must not be negative")));
	if (count < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_ROW_COUNT_IN_LIMIT_CLAUSE),
						errmsg("LIMIT must not be negative")));
	if (form == Form::fetch)
		count = std::max<int64>(count, 1);
	appendStringInfo(sql, INT64_FORMAT, std::min(count, all_rows));
}

/* Under ANSI_NULLS, which the session's prologue sets, a comparison with NULL is UNKNOWN. */
void
append_predicate(StringInfo sql, const Predicate &predicate, Datum value, bool is_null)
{
	bool is_comparison = predicate.form == Form::comparison;

	if (predicate.form >= Form::limit)
		append_count(sql, predicate.form, value, is_null);
	else if (predicate.form >= Form::lossy_comparison && predicate.form <= Form::lossy_like)
		append_lossy(sql, predicate, value, is_null);
	else if (predicate.form == Form::value)
		append_value(sql, predicate.tsql_type, value, is_null);
	else if (predicate.form == Form::truth)
		appendStringInfo(sql, "1 = %s", is_null ? "NULL" : DatumGetBool(value) ? "1" : "0");
	else if (is_comparison && predicate.comparison >= Comparison::distinct)
		append_distinct(sql, predicate, value, is_null);
	else if (is_null)
		appendStringInfo(sql, "%s = NULL", predicate.column);
	else if (predicate.form == Form::like)
		append_like(sql, predicate, TextDatumGetCString(value));
	else if (is_comparison)
		append_simple(sql, predicate, value);
	else
		append_in(sql, predicate, value);
}

void
append_predicate_shown(StringInfo sql, const Predicate &predicate, const char *name)
{
	switch (predicate.form)
	{
		case Form::comparison:
			append_comparison(sql, predicate.column, predicate.comparison, name);
			break;
		case Form::any: appendStringInfo(sql, "%s IN (%s)", predicate.column, name); break;
		case Form::all: appendStringInfo(sql, "%s NOT IN (%s)", predicate.column, name); break;
		case Form::truth: appendStringInfo(sql, "1 = %s", name); break;
		case Form::like:
			appendStringInfo(sql, "%s LIKE %s ESCAPE N'\\'", predicate.column, name);
			break;
		case Form::lossy_comparison:
			append_comparison(sql, predicate.column, predicate.comparison, name);
			break;
		case Form::lossy_any: appendStringInfo(sql, "%s IN (%s)", predicate.column, name); break;
		case Form::lossy_like:
			append_binary(sql, predicate);
			appendStringInfo(sql, " LIKE %s ESCAPE N'\\'", name);
			break;
		case Form::value:
		case Form::limit:
		case Form::offset:
		case Form::fetch: appendStringInfoString(sql, name); break;
	}
}

} // namespace sambapos::types
