/*
 * Lossy predicates, true for at least the rows for which PostgreSQL's are true (what they are for:
 * deparse/lossy.cpp): of text, and of datetimes without zone beside timestamptz.
 */
#include "types/predicate.hpp"

namespace sambapos::types
{

/* True for every row. */
static void
append_every_row(StringInfo sql)
{
	appendStringInfoString(sql, "1 = 1");
}

/* ---- text ---- */

/* What a character that cannot be converted may have been replaced by on its way here. */
static bool
may_be_replacement(const char *text)
{
	return std::strchr(text, '?') != nullptr || std::strstr(text, "\xEF\xBF\xBD") != nullptr;
}

static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if (IS_HIGHBIT_SET(*text))
			return false;
	return true;
}

/* In a code page only ASCII is written the same way everywhere. */
static bool
is_certain(const TsqlType &tsql_type, const char *text)
{
	return !may_be_replacement(text) && (tsql_type.scale == 1 || is_ascii(text));
}

void
append_text(StringInfo sql, const TsqlType &tsql_type, const char *text)
{
	StringInfoData literal;

	initStringInfo(&literal);
	append_text_literal(&literal, text);
	appendStringInfoString(sql, tsql_type.scale == 0 && literal.data[0] == 'N' && is_ascii(text)
									? literal.data + 1
									: literal.data);
}

static void
append_lossy_text(StringInfo sql, const Predicate &predicate, const char *text)
{
	if (!is_certain(predicate.tsql_type, text))
	{
		append_every_row(sql);
		return;
	}
	appendStringInfo(sql, "%s = ", predicate.column);
	append_text(sql, predicate.tsql_type, text);
}

static void
append_lossy_any(StringInfo sql, const Predicate &predicate, ArrayType *array)
{
	Datum *values;
	bool *nulls;
	int count;
	StringInfoData list;

	initStringInfo(&list);
	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT, &values, &nulls, &count);
	if (count > most_elements)
	{
		append_every_row(sql);
		return;
	}
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			continue;

		const char *element = TextDatumGetCString(values[i]);

		if (!is_certain(predicate.tsql_type, element))
		{
			append_every_row(sql);
			return;
		}
		appendStringInfoString(&list, list.len > 0 ? ", " : "");
		append_text(&list, predicate.tsql_type, element);
	}
	if (list.len == 0)
		appendStringInfoString(sql, "1 = 0");
	else
		appendStringInfo(sql, "%s IN (%s)", predicate.column, list.data);
}

/* ---- LIKE ---- */

void
append_binary(StringInfo sql, const Predicate &predicate)
{
	appendStringInfo(sql, predicate.tsql_type.scale == 1 ? "%s" : "CAST(%s AS nvarchar(max))",
					 predicate.column);
	appendStringInfoString(sql, " COLLATE Latin1_General_100_BIN2");
}

/* PostgreSQL's pattern in T-SQL, where [ begins a class; any: what stands for any character. False
 * for a pattern that is not valid. */
static bool
translate_pattern(StringInfo result, const char *pattern, const char *any)
{
	for (; *pattern != '\0'; pattern++)
	{
		if (*pattern == '%')
			appendStringInfoChar(result, '%');
		else if (*pattern == '_')
			appendStringInfoString(result, any);
		else
		{
			if (*pattern == '\\' && *++pattern == '\0')
				return false;
			if (std::strchr("%_[\\", *pattern) != nullptr)
				appendStringInfoChar(result, '\\');
			appendStringInfoChar(result, *pattern);
		}
	}
	return true;
}

/* T-SQL's patterns have up to 8000 bytes. */
static void
append_lossy_like(StringInfo sql, const Predicate &predicate, const char *pattern)
{
	constexpr int longest_pattern = 4000;
	StringInfoData translated;

	initStringInfo(&translated);
	if (!is_certain(predicate.tsql_type, pattern) ||
		!translate_pattern(&translated, pattern, "_%") || translated.len > longest_pattern)
	{
		append_every_row(sql);
		return;
	}
	append_binary(sql, predicate);
	appendStringInfoString(sql, " LIKE ");
	append_text_literal(sql, translated.data);
	appendStringInfoString(sql, " ESCAPE N'\\'");
}

void
append_like(StringInfo sql, const Predicate &predicate, const char *pattern)
{
	StringInfoData translated;

	initStringInfo(&translated);
	if (!translate_pattern(&translated, pattern, "_"))
		ereport(ERROR, (errcode(ERRCODE_INVALID_ESCAPE_SEQUENCE),
						errmsg("LIKE pattern must not end with escape character")));
	appendStringInfo(sql, "%s LIKE ", predicate.column);
	append_text_literal(sql, translated.data);
	appendStringInfoString(sql, " ESCAPE N'\\'");
}

/* ---- datetimes ---- */

/* The greatest distance that a time zone can shift the column's side: zones of places are less than
 * 16 hours away from UTC, a day is for the cast to date; a zone that is spelled out with digits may
 * be a week away. */
static int64
widening()
{
	constexpr int64 day = INT64CONST(86400000000);
	const char *zone = pg_get_timezone_name(session_timezone);

	return zone != nullptr && std::strpbrk(zone, "0123456789") == nullptr ? 2 * day : 9 * day;
}

static void
append_bound(StringInfo sql, const Predicate &predicate, Comparison comparison, Timestamp datetime,
			 int64 distance)
{
	Predicate bound = predicate;

	bound.form = Form::comparison;
	bound.comparison = comparison;
	bound.value_type = TIMESTAMPOID;
	if (!TIMESTAMP_NOT_FINITE(datetime) && pg_add_s64_overflow(datetime, distance, &datetime))
		append_every_row(sql);
	else
		append_predicate(sql, bound, TimestampGetDatum(datetime), false);
}

/* A timestamptz counts from UTC: as a timestamp it is UTC's. */
static void
append_lossy_datetime(StringInfo sql, const Predicate &predicate, TimestampTz value)
{
	switch (predicate.comparison)
	{
		case Comparison::greater:
		case Comparison::greater_equal:
			append_bound(sql, predicate, Comparison::greater_equal, value, -widening());
			break;
		case Comparison::less:
		case Comparison::less_equal:
			append_bound(sql, predicate, Comparison::less_equal, value, widening());
			break;
		default:
			append_bound(sql, predicate, Comparison::greater_equal, value, -widening());
			appendStringInfoString(sql, " AND ");
			append_bound(sql, predicate, Comparison::less_equal, value, widening());
			break;
	}
}

void
append_lossy(StringInfo sql, const Predicate &predicate, Datum value, bool is_null)
{
	if (is_null)
		appendStringInfoString(sql, "1 = 0");
	else if (predicate.form == Form::lossy_any)
		append_lossy_any(sql, predicate, DatumGetArrayTypeP(value));
	else if (predicate.form == Form::lossy_like)
		append_lossy_like(sql, predicate, TextDatumGetCString(value));
	else if (predicate.value_type == TIMESTAMPTZOID)
		append_lossy_datetime(sql, predicate, DatumGetTimestampTz(value));
	else
		append_lossy_text(sql, predicate, TextDatumGetCString(value));
}

} // namespace sambapos::types
