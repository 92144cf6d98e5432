/*
 * Values as T-SQL (rules: to_tsql.hpp). Below: the domains, the first point of a grid, predicates,
 * tokens.
 *
 * Literals are typed where the type decides what is compared: CAST('...' AS datetime) is a tick of
 * 1/300 s, and a bare datetime text would be read as the column pleases. Decimals are bare digits,
 * which T-SQL takes at their own precision; CAST AS numeric would round to integers.
 */
#include "types/to_tsql.hpp"

#include "tds/quote.hpp"
#include "tds/temporal.hpp"

namespace sambapos::types
{

/* ---- domains ---- */

/* "decimal(16,2)" and its kin: a name and up to two numbers. */
struct RemoteType
{
	char name[32];
	int first;
	int second;
	int members; /* how many of the three are there */
};

static RemoteType
parse_remote_type(const char *text)
{
	RemoteType type = {};

	type.members =
		sscanf(text, "%31[a-zA-Z0-9_] ( %d , %d )", type.name, &type.first, &type.second);
	return type;
}

static bool
is_named(const RemoteType &type, const char *name)
{
	return pg_strcasecmp(type.name, name) == 0;
}

static bool
is_integer_type(const RemoteType &type)
{
	return is_named(type, "int") || is_named(type, "bigint") || is_named(type, "smallint") ||
		   is_named(type, "tinyint");
}

static Domain
numeric_domain(const RemoteType &type)
{
	if (is_integer_type(type))
		return {Grid::integer, 19, 0, false};
	if (is_named(type, "money"))
		return {Grid::decimal, 19, 4, false};
	if (is_named(type, "smallmoney"))
		return {Grid::decimal, 10, 4, false};
	if (is_named(type, "decimal") || is_named(type, "numeric"))
		return {Grid::decimal, type.members > 1 ? type.first : 18,
				type.members > 2 ? type.second : 0, false};
	return {Grid::unsupported, 0, 0, false};
}

static Domain
moment_domain(const RemoteType &type)
{
	if (is_named(type, "date"))
		return {Grid::date, 0, 0, false};
	if (is_named(type, "datetime"))
		return {Grid::datetime, 0, 0, false};
	if (is_named(type, "smalldatetime"))
		return {Grid::smalldatetime, 0, 0, false};
	if (is_named(type, "datetime2"))
		return {Grid::datetime2, 0, type.members > 1 ? type.first : 7, false};
	return {Grid::unsupported, 0, 0, false};
}

Domain
column_domain(Oid local_type, const char *remote_type)
{
	RemoteType type = parse_remote_type(remote_type);
	bool is_recorded = type.members > 0;
	Domain none = {Grid::unsupported, 0, 0, false};

	switch (local_type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return !is_recorded || is_integer_type(type) ? Domain{Grid::integer, 19, 0, false}
														 : none;
		case BOOLOID:
			return !is_recorded || is_named(type, "bit") ? Domain{Grid::bit, 0, 0, false} : none;
		case NUMERICOID: return numeric_domain(type);
		case DATEOID: return is_named(type, "date") ? Domain{Grid::date, 0, 0, false} : none;
		case TIMESTAMPOID: return moment_domain(type);
		case UUIDOID:
			return is_named(type, "uniqueidentifier") ? Domain{Grid::uuid, 0, 0, false} : none;
		default: return none;
	}
}

static bool
is_rounded(const Domain &domain)
{
	return domain.grid == Grid::datetime2 && domain.scale > 6;
}

bool
is_coarse(const Domain &domain)
{
	return domain.by_day || is_rounded(domain);
}

/* ---- the first point of a grid at or after a value ---- */

enum class Fit
{
	exact, /* the value is a point of the grid; its literal is written */
	after, /* it isn't; the literal of the first point after it is written */
	none   /* it lies beyond the last point; nothing is written */
};

/* Moments are microseconds since 2000-01-01. */
constexpr int64 day = INT64CONST(86400000000);
constexpr int64 year_one = -730119 * day;                    /* 0001-01-01 */
constexpr int64 end_of_time = INT64CONST(2921940) * day;     /* 10000-01-01 */
constexpr int64 datetime_begin = -90214 * day;               /* 1753-01-01 */
constexpr int64 smalldatetime_begin = -36524 * day;          /* 1900-01-01 */
constexpr int64 smalldatetime_end = INT64CONST(29012) * day; /* 2079-06-07 */

/* The multiple of step at or after a moment. */
static int64
round_up(int64 moment, int64 step)
{
	int64 rest = moment % step;

	if (rest == 0)
		return moment;
	return rest > 0 ? moment - rest + step : moment - rest;
}

/* A date or timestamp as a moment; what no SQL Server type reaches, infinity too, becomes a moment
 * a day or more outside. */
static int64
moment_of(Oid type, Datum value)
{
	int64 moment;

	if (type == DATEOID)
		moment = std::clamp<int64>(DatumGetDateADT(value), -800000, 3000000) * day;
	else
		moment = DatumGetTimestamp(value);
	return std::clamp(moment, year_one - day, end_of_time + day);
}

/* YYYY-MM-DD or YYYY-MM-DDThh:mm:ss.ffffff, cut after so many digits. */
static void
append_moment(StringInfo sql, int64 moment, bool with_time, int digits)
{
	struct pg_tm tm;
	fsec_t fraction;

	if (timestamp2tm(moment, nullptr, &tm, &fraction, nullptr, nullptr) != 0)
		elog(ERROR, "timestamp out of range");
	appendStringInfo(sql, "%04d-%02d-%02d", tm.tm_year, tm.tm_mon, tm.tm_mday);
	if (!with_time)
		return;
	appendStringInfo(sql, "T%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (digits > 0)
	{
		appendStringInfo(sql, ".%06d", fraction);
		sql->len -= 6 - digits;
		sql->data[sql->len] = '\0';
	}
}

static Fit
append_stepped(StringInfo sql, int64 moment, int64 step, int64 begin, int64 end, int digits,
			   const char *type)
{
	int64 point = round_up(std::max(moment, begin), step);

	if (point >= end)
		return Fit::none;
	appendStringInfoString(sql, "CAST('");
	append_moment(sql, point, step < day, digits);
	appendStringInfo(sql, "' AS %s)", type);
	return point == moment ? Fit::exact : Fit::after;
}

/* The shown value of a tick: milliseconds, rounded. */
static Fit
append_tick(StringInfo sql, int64 moment)
{
	tds::DatetimeTick tick;

	if (moment >= end_of_time || !tds::first_tick_from(std::max(moment, datetime_begin), &tick))
		return Fit::none;

	int64 milliseconds = (int64{tick.ticks} * 10 + 1) / 3;
	int64 shown = smalldatetime_begin + tick.days * day + milliseconds * 1000;

	appendStringInfoString(sql, "CAST('");
	append_moment(sql, shown, true, 3);
	appendStringInfoString(sql, "' AS datetime)");
	return shown == moment ? Fit::exact : Fit::after;
}

/* datetime2(7) is rounded half up on its way to PostgreSQL: what becomes the moment or more begins
 * half a microsecond before it. */
static Fit
append_rounded(StringInfo sql, int64 moment)
{
	if (moment > end_of_time)
		return Fit::none;
	appendStringInfoString(sql, "CAST('");
	if (moment <= year_one)
		append_moment(sql, year_one, true, 6);
	else
	{
		append_moment(sql, moment - 1, true, 6);
		appendStringInfoChar(sql, '5');
	}
	appendStringInfoString(sql, "' AS datetime2(7))");
	return moment < year_one ? Fit::after : Fit::exact;
}

static Fit
append_first_moment(StringInfo sql, const Domain &domain, int64 moment)
{
	static const int64 steps[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
	static const char *const types[] = {"datetime2(0)", "datetime2(1)", "datetime2(2)",
										"datetime2(3)", "datetime2(4)", "datetime2(5)",
										"datetime2(6)"};

	switch (domain.grid)
	{
		case Grid::date: return append_stepped(sql, moment, day, year_one, end_of_time, 0, "date");
		case Grid::smalldatetime:
			return append_stepped(sql, moment, 60 * steps[0], smalldatetime_begin,
								  smalldatetime_end, 0, "smalldatetime");
		case Grid::datetime: return append_tick(sql, moment);
		default: break;
	}
	if (is_rounded(domain))
		return append_rounded(sql, moment);
	return append_stepped(sql, moment, steps[domain.scale], year_one, end_of_time, domain.scale,
						  types[domain.scale]);
}

/* The largest decimal in size, below zero: -(precision - scale nines . scale nines). */
static void
append_least_decimal(StringInfo sql, const Domain &domain)
{
	appendStringInfoChar(sql, '-');
	for (int digit = domain.precision; digit > 0; digit--)
	{
		if (digit == domain.scale)
			appendStringInfoString(sql, digit == domain.precision ? "0." : ".");
		appendStringInfoChar(sql, '9');
	}
}

/* Digits before the point, without leading zeros. */
static int
integer_digits(const char *digits)
{
	digits += *digits == '-' ? 1 : 0;
	digits += std::strspn(digits, "0");
	return static_cast<int>(std::strspn(digits, "0123456789"));
}

/* Without zeros after the last digit that counts. */
static void
append_decimal(StringInfo sql, const char *digits)
{
	appendStringInfoString(sql, digits);
	if (std::strchr(digits, '.') == nullptr)
		return;
	while (sql->data[sql->len - 1] == '0')
		sql->data[--sql->len] = '\0';
	if (sql->data[sql->len - 1] == '.')
		sql->data[--sql->len] = '\0';
}

/* The multiple of 10^-scale at or after a finite value. */
static Numeric
round_up_decimal(Numeric value, int scale)
{
	Numeric point = DatumGetNumeric(
		DirectFunctionCall2(numeric_trunc, NumericGetDatum(value), Int32GetDatum(scale)));

	if (DatumGetBool(
			DirectFunctionCall2(numeric_lt, NumericGetDatum(point), NumericGetDatum(value))))
		point = numeric_add_opt_error(point, int64_div_fast_to_numeric(1, scale), nullptr);
	return point;
}

/* NaN is greater than everything in PostgreSQL. */
static Fit
append_first_decimal(StringInfo sql, const Domain &domain, Numeric value)
{
	bool is_infinite = numeric_is_inf(value);
	int places = domain.precision - domain.scale;

	if (numeric_is_nan(value))
		return Fit::none;

	Numeric point = is_infinite ? value : round_up_decimal(value, domain.scale);
	const char *digits = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(point)));

	if (is_infinite || integer_digits(digits) > places)
	{
		if (digits[0] != '-')
			return Fit::none;
		append_least_decimal(sql, domain);
		return Fit::after;
	}
	append_decimal(sql, digits);
	return DatumGetBool(
			   DirectFunctionCall2(numeric_eq, NumericGetDatum(point), NumericGetDatum(value)))
			   ? Fit::exact
			   : Fit::after;
}

/* A bare number beyond int would be a decimal in T-SQL and keep an index on bigint from being used.
 */
static Fit
append_integer(StringInfo sql, int64 value)
{
	bool is_int = value >= PG_INT32_MIN && value <= PG_INT32_MAX;

	appendStringInfo(sql, is_int ? INT64_FORMAT : "CAST(" INT64_FORMAT " AS bigint)", value);
	return Fit::exact;
}

static Fit
append_first_point(StringInfo sql, const Domain &domain, Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID: return append_integer(sql, DatumGetInt16(value));
		case INT4OID: return append_integer(sql, DatumGetInt32(value));
		case INT8OID: return append_integer(sql, DatumGetInt64(value));
		case NUMERICOID: return append_first_decimal(sql, domain, DatumGetNumeric(value));
		case DATEOID:
		case TIMESTAMPOID: return append_first_moment(sql, domain, moment_of(type, value));
		case BOOLOID: appendStringInfoChar(sql, DatumGetBool(value) ? '1' : '0'); return Fit::exact;
		case UUIDOID:
			appendStringInfo(sql, "CAST('%s' AS uniqueidentifier)",
							 DatumGetCString(DirectFunctionCall1(uuid_out, value)));
			return Fit::exact;
		default: elog(ERROR, "type %u has no T-SQL literal", type);
	}
}

/* ---- predicates ---- */

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

/* The column compared with a value of which only the first point at or after it is known. */
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

/* Equality of a coarse column: the points from low up to, without, high. */
static void
append_range(StringInfo sql, const char *column, bool is_inside, Fit high_fit, const char *low,
			 const char *high)
{
	Comparison from = is_inside ? Comparison::greater_equal : Comparison::less;
	Comparison to = is_inside ? Comparison::less : Comparison::greater_equal;

	if (high_fit == Fit::none)
	{
		append_comparison(sql, column, from, low);
		return;
	}
	appendStringInfoChar(sql, '(');
	append_comparison(sql, column, from, low);
	appendStringInfoString(sql, is_inside ? " AND " : " OR ");
	append_comparison(sql, column, to, high);
	appendStringInfoChar(sql, ')');
}

/* A coarse column has one local value for all points from low to before high. */
static void
append_coarse(StringInfo sql, const Predicate &predicate, Datum value)
{
	const Domain &domain = predicate.domain;
	int64 unit = domain.by_day ? day : 1;
	int64 moment = moment_of(predicate.value_type, value);
	int64 local = round_up(moment, unit);
	bool is_local_value = local == moment;
	StringInfoData low, high;

	initStringInfo(&low);
	initStringInfo(&high);

	Fit low_fit = append_first_moment(&low, domain, local);
	Fit high_fit = append_first_moment(&high, domain, is_local_value ? local + unit : local);

	switch (predicate.comparison)
	{
		case Comparison::equal:
		case Comparison::not_equal:
		{
			bool is_equal = predicate.comparison == Comparison::equal;

			if (!is_local_value || low_fit == Fit::none)
				append_always(sql, predicate.column, !is_equal);
			else
				append_range(sql, predicate.column, is_equal, high_fit, low.data, high.data);
			break;
		}
		case Comparison::less:
		case Comparison::greater_equal:
			append_fitted(sql, predicate.column, predicate.comparison, low_fit, low.data);
			break;
		case Comparison::less_equal:
			append_fitted(sql, predicate.column, Comparison::less, high_fit, high.data);
			break;
		case Comparison::greater:
			append_fitted(sql, predicate.column, Comparison::greater_equal, high_fit, high.data);
			break;
		default: elog(ERROR, "unexpected comparison");
	}
}

/* All but [not] distinct, with a value that isn't NULL. */
static void
append_simple(StringInfo sql, const Predicate &predicate, Datum value)
{
	StringInfoData literal;

	if (is_coarse(predicate.domain))
	{
		append_coarse(sql, predicate, value);
		return;
	}
	initStringInfo(&literal);

	Fit fit = append_first_point(&literal, predicate.domain, predicate.value_type, value);

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

/* The literals of an array's elements that lie on the column's grid (others equal no value), and
 * NULL if there is one. Returns how many elements there were. */
static int
append_elements(StringInfo list, const Predicate &predicate, ArrayType *array)
{
	int16 length;
	bool by_value;
	char alignment;
	Datum *values;
	bool *nulls;
	int count;
	bool has_null = false;

	get_typlenbyvalalign(predicate.value_type, &length, &by_value, &alignment);
	deconstruct_array(array, predicate.value_type, length, by_value, alignment, &values, &nulls,
					  &count);
	for (int i = 0; i < count; i++)
	{
		StringInfoData literal;

		has_null |= nulls[i];
		if (nulls[i])
			continue;
		initStringInfo(&literal);
		if (append_first_point(&literal, predicate.domain, predicate.value_type, values[i]) ==
			Fit::exact)
			appendStringInfo(list, "%s%s", list->len > 0 ? ", " : "", literal.data);
		pfree(literal.data);
	}
	if (has_null)
		appendStringInfoString(list, list->len > 0 ? ", NULL" : "NULL");
	return count;
}

/* Of an empty array the answer is known, even for NULL in the column. */
static void
append_in(StringInfo sql, const Predicate &predicate, Datum value)
{
	bool is_any = predicate.form == Form::any;
	StringInfoData list;

	initStringInfo(&list);

	int count = append_elements(&list, predicate, DatumGetArrayTypeP(value));

	if (count == 0)
		appendStringInfoString(sql, is_any ? "1 = 0" : "1 = 1");
	else if (list.len == 0)
		append_always(sql, predicate.column, !is_any);
	else if (std::strcmp(list.data, "NULL") == 0)
		appendStringInfo(sql, "%s = NULL", predicate.column);
	else
		appendStringInfo(sql, "%s %s (%s)", predicate.column, is_any ? "IN" : "NOT IN", list.data);
}

/* Under ANSI_NULLS, which the session's prologue sets, a comparison with NULL is UNKNOWN. */
void
append_predicate(StringInfo sql, const Predicate &predicate, Datum value, bool is_null)
{
	bool is_comparison = predicate.form == Form::comparison;

	if (predicate.form == Form::truth)
		appendStringInfo(sql, "1 = %s", is_null ? "NULL" : DatumGetBool(value) ? "1" : "0");
	else if (is_comparison && predicate.comparison >= Comparison::distinct)
		append_distinct(sql, predicate, value, is_null);
	else if (is_null)
		appendStringInfo(sql, "%s = NULL", predicate.column);
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
	}
}

/* ---- tokens ---- */

void
append_identifier(StringInfo sql, const char *name)
{
	std::string_view text(name);

	enlargeStringInfo(sql, static_cast<int>(tds::identifier_room(text.size())));
	sql->len += static_cast<int>(tds::quote_identifier(text, sql->data + sql->len));
}

} // namespace sambapos::types
