/*
 * Values as T-SQL literals (rules: to_tsql.hpp). Below: the first representable value, spans,
 * names.
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

static bool
is_rounded(const TsqlType &tsql_type)
{
	return tsql_type.kind == TypeKind::datetime2 && tsql_type.scale > 6;
}

/* ---- the first representable value at or after a local one ---- */

/* Datetimes are microseconds since 2000-01-01. */
constexpr int64 day = INT64CONST(86400000000);
constexpr int64 year_one = calendar_begin * day;        /* 0001-01-01 */
constexpr int64 end_of_time = (calendar_end + 1) * day; /* 10000-01-01 */
constexpr int64 far_away = INT64CONST(17000000) * day;  /* no calendar and no shift reaches it */
constexpr int64 datetime_begin = -90214 * day;          /* 1753-01-01 */
constexpr int64 smalldatetime_begin = -36524 * day;     /* 1900-01-01 */
constexpr int64 smalldatetime_end = INT64CONST(29012) * day; /* 2079-06-07 */

/* The multiple of step at or after a datetime. */
static int64
round_up(int64 datetime, int64 step)
{
	int64 rest = datetime % step;

	if (rest == 0)
		return datetime;
	return rest > 0 ? datetime - rest + step : datetime - rest;
}

/* A date or timestamp as a datetime; infinity is a datetime that is far away. */
static int64
datetime_of(Oid type, Datum value)
{
	int64 datetime;

	if (type == DATEOID)
		datetime = std::clamp<int64>(DatumGetDateADT(value), -far_away / day, far_away / day) * day;
	else
		datetime = DatumGetTimestamp(value);
	return std::clamp(datetime, -far_away, far_away);
}

/* YYYY-MM-DD or YYYY-MM-DDThh:mm:ss.ffffff, cut after so many digits. */
static void
append_datetime(StringInfo sql, int64 datetime, bool with_time, int digits)
{
	struct pg_tm tm;
	fsec_t fraction;

	if (timestamp2tm(datetime, nullptr, &tm, &fraction, nullptr, nullptr) != 0)
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
append_stepped(StringInfo sql, int64 datetime, int64 step, int64 begin, int64 end, int digits,
			   const char *type)
{
	int64 point = round_up(std::max(datetime, begin), step);

	if (point >= end)
		return Fit::none;
	appendStringInfoString(sql, "CAST('");
	append_datetime(sql, point, step < day, digits);
	appendStringInfo(sql, "' AS %s)", type);
	return point == datetime ? Fit::exact : Fit::after;
}

/* The shown value of a tick: milliseconds, rounded. */
static Fit
append_tick(StringInfo sql, int64 datetime)
{
	tds::DatetimeTick tick;

	if (datetime >= end_of_time || !tds::first_tick_from(std::max(datetime, datetime_begin), &tick))
		return Fit::none;

	int64 milliseconds = (int64{tick.ticks} * 10 + 1) / 3;
	int64 shown = smalldatetime_begin + tick.days * day + milliseconds * 1000;

	appendStringInfoString(sql, "CAST('");
	append_datetime(sql, shown, true, 3);
	appendStringInfoString(sql, "' AS datetime)");
	return shown == datetime ? Fit::exact : Fit::after;
}

/* datetime2(7) is rounded half up on its way to PostgreSQL: what becomes the datetime or more
 * begins half a microsecond before it. */
static Fit
append_rounded(StringInfo sql, int64 datetime)
{
	if (datetime > end_of_time)
		return Fit::none;
	appendStringInfoString(sql, "CAST('");
	if (datetime <= year_one)
		append_datetime(sql, year_one, true, 6);
	else
	{
		append_datetime(sql, datetime - 1, true, 6);
		appendStringInfoChar(sql, '5');
	}
	appendStringInfoString(sql, "' AS datetime2(7))");
	return datetime < year_one ? Fit::after : Fit::exact;
}

static Fit
append_first_datetime(StringInfo sql, const TsqlType &tsql_type, int64 local)
{
	static const int64 steps[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
	static const char *const types[] = {"datetime2(0)", "datetime2(1)", "datetime2(2)",
										"datetime2(3)", "datetime2(4)", "datetime2(5)",
										"datetime2(6)"};

	/* What no SQL Server type reaches is a day outside. */
	int64 datetime = std::clamp(local - tsql_type.shift, year_one - day, end_of_time + day);

	switch (tsql_type.kind)
	{
		case TypeKind::date:
			return append_stepped(sql, datetime, day, year_one, end_of_time, 0, "date");
		case TypeKind::smalldatetime:
			return append_stepped(sql, datetime, 60 * steps[0], smalldatetime_begin,
								  smalldatetime_end, 0, "smalldatetime");
		case TypeKind::datetime: return append_tick(sql, datetime);
		default: break;
	}
	if (is_rounded(tsql_type))
		return append_rounded(sql, datetime);
	return append_stepped(sql, datetime, steps[tsql_type.scale], year_one, end_of_time,
						  tsql_type.scale, types[tsql_type.scale]);
}

/* The largest decimal in size, below zero: -(precision - scale nines . scale nines). */
static void
append_least_decimal(StringInfo sql, const TsqlType &tsql_type)
{
	appendStringInfoChar(sql, '-');
	for (int digit = tsql_type.precision; digit > 0; digit--)
	{
		if (digit == tsql_type.scale)
			appendStringInfoString(sql, digit == tsql_type.precision ? "0." : ".");
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
		point = DatumGetNumeric(
			DirectFunctionCall2(numeric_add, NumericGetDatum(point),
								NumericGetDatum(int64_div_fast_to_numeric(1, scale))));
	return point;
}

/* A literal without a point is an int to T-SQL, ten digits wide: too wide beside many decimals. */
static const char *
numeric_text(const TsqlType &tsql_type, Numeric value)
{
	StringInfoData text;

	initStringInfo(&text);
	append_decimal(&text,
				   DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value))));
	if (tsql_type.scale > 28 && std::strchr(text.data, '.') == nullptr)
		appendStringInfoString(&text, ".0");
	return text.data;
}

/* NaN is greater than everything in PostgreSQL. */
static Fit
append_first_decimal(StringInfo sql, const TsqlType &tsql_type, Numeric value)
{
	bool is_infinite = numeric_is_inf(value);

	if (numeric_is_nan(value))
		return Fit::none;

	Numeric point = is_infinite ? value : round_up_decimal(value, tsql_type.scale);
	const char *digits = numeric_text(tsql_type, point);

	if (is_infinite || integer_digits(digits) > tsql_type.precision - tsql_type.scale)
	{
		if (digits[0] != '-')
			return Fit::none;
		append_least_decimal(sql, tsql_type);
		return Fit::after;
	}
	appendStringInfoString(sql, digits);
	return DatumGetBool(
			   DirectFunctionCall2(numeric_eq, NumericGetDatum(point), NumericGetDatum(value)))
			   ? Fit::exact
			   : Fit::after;
}

bool
append_as_it_is(StringInfo sql, const TsqlType &tsql_type, Oid type, Datum value)
{
	Numeric number = type == NUMERICOID ? DatumGetNumeric(value) : nullptr;

	if (number == nullptr || tsql_type.kind != TypeKind::decimal || numeric_is_nan(number) ||
		numeric_is_inf(number))
		return false;

	const char *digits = numeric_text(tsql_type, number);
	const char *point = std::strchr(digits, '.');
	int scale = point == nullptr ? 0 : static_cast<int>(std::strlen(point + 1));
	int places = std::max(integer_digits(digits), tsql_type.precision - tsql_type.scale);

	if (places + std::max(scale, tsql_type.scale) > 38)
		return false;
	appendStringInfoString(sql, digits);
	return true;
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

/* A floating-point value beside integers; NaN is greater than everything. */
static Fit
append_first_integer(StringInfo sql, double value)
{
	constexpr double far = 4.0e18;
	double point = ceil(value);

	if (std::isnan(value) || point > far)
		return Fit::none;
	append_integer(sql, static_cast<int64>(std::max(point, -far)));
	return point == value && point >= -far ? Fit::exact : Fit::after;
}

Fit
append_first_value(StringInfo sql, const TsqlType &tsql_type, Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID: return append_integer(sql, DatumGetInt16(value));
		case INT4OID: return append_integer(sql, DatumGetInt32(value));
		case INT8OID: return append_integer(sql, DatumGetInt64(value));
		case FLOAT8OID: return append_first_integer(sql, DatumGetFloat8(value));
		case NUMERICOID: return append_first_decimal(sql, tsql_type, DatumGetNumeric(value));
		case DATEOID:
		case TIMESTAMPOID: return append_first_datetime(sql, tsql_type, datetime_of(type, value));
		case BOOLOID: appendStringInfoChar(sql, DatumGetBool(value) ? '1' : '0'); return Fit::exact;
		case TEXTOID:
		case BPCHAROID: append_text(sql, tsql_type, TextDatumGetCString(value)); return Fit::exact;
		case UUIDOID:
			appendStringInfo(sql, "CAST('%s' AS uniqueidentifier)",
							 DatumGetCString(DirectFunctionCall1(uuid_out, value)));
			return Fit::exact;
		default: elog(ERROR, "type %u has no T-SQL literal", type);
	}
}

/* ---- spans ---- */

Span
span_of(const TsqlType &tsql_type, Oid type, Datum value)
{
	int64 unit = tsql_type.by_day ? day : 1;
	int64 datetime = datetime_of(type, value);
	int64 local = round_up(datetime, unit);
	StringInfoData low, high;
	Span span;

	initStringInfo(&low);
	initStringInfo(&high);
	span.is_local_value = local == datetime;
	span.low_fit = append_first_datetime(&low, tsql_type, local);
	span.high_fit =
		append_first_datetime(&high, tsql_type, span.is_local_value ? local + unit : local);
	span.low = low.data;
	span.high = high.data;
	return span;
}

/* ---- values to compute with ---- */

TsqlType
parameter_type(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID: return integer_type(type);
		case BOOLOID: return plain_type(TypeKind::bit, BOOLOID);
		case UUIDOID: return plain_type(TypeKind::uuid, UUIDOID);
		default: return {};
	}
}

/* As many digits as are shown: 12.50 is a decimal(4,2). */
static TsqlType
numeric_constant_type(Numeric value)
{
	if (numeric_is_nan(value) || numeric_is_inf(value))
		return {};

	const char *digits = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value)));
	const char *point = std::strchr(digits, '.');
	int scale = point == nullptr ? 0 : static_cast<int>(std::strlen(point + 1));

	return decimal_type(std::max(integer_digits(digits) + scale, 1), scale);
}

TsqlType
constant_type(Oid type, Datum value, bool is_null)
{
	switch (type)
	{
		case NUMERICOID:
			return is_null ? decimal_type(1, 0) : numeric_constant_type(DatumGetNumeric(value));
		case DATEOID:
		{
			int64 datetime = is_null ? 0 : datetime_of(type, value);

			if (datetime < year_one || datetime >= end_of_time)
				return {};

			TsqlType tsql_type = plain_type(TypeKind::date, DATEOID);

			tsql_type.first_day = tsql_type.last_day = static_cast<int>(datetime / day);
			return tsql_type;
		}
		default: return parameter_type(type);
	}
}

/* -2147483648 would be the negation of a decimal. */
void
append_value(StringInfo sql, const TsqlType &tsql_type, Datum value, bool is_null)
{
	if (!is_null && tsql_type.kind == TypeKind::integer && tsql_type.local_type == INT4OID &&
		DatumGetInt32(value) >= 0)
	{
		appendStringInfo(sql, "%d", DatumGetInt32(value));
		return;
	}
	appendStringInfoString(sql, "CAST(");
	if (is_null)
		appendStringInfoString(sql, "NULL");
	else if (tsql_type.kind == TypeKind::integer)
		appendStringInfo(sql, INT64_FORMAT,
						 tsql_type.local_type == INT2OID   ? DatumGetInt16(value)
						 : tsql_type.local_type == INT4OID ? DatumGetInt32(value)
														   : DatumGetInt64(value));
	else if (tsql_type.kind == TypeKind::decimal)
		appendStringInfoString(sql, DatumGetCString(DirectFunctionCall1(numeric_out, value)));
	else if (tsql_type.kind == TypeKind::bit)
		appendStringInfoChar(sql, DatumGetBool(value) ? '1' : '0');
	else if (tsql_type.kind == TypeKind::date)
	{
		appendStringInfoChar(sql, '\'');
		append_datetime(sql, datetime_of(DATEOID, value), false, 0);
		appendStringInfoChar(sql, '\'');
	}
	else
		appendStringInfo(sql, "'%s'", DatumGetCString(DirectFunctionCall1(uuid_out, value)));
	appendStringInfo(sql, " AS %s)", type_name(tsql_type));
}

/* ---- names and texts ---- */

void
append_identifier(StringInfo sql, const char *name)
{
	std::string_view text(name);

	enlargeStringInfo(sql, static_cast<int>(tds::identifier_room(text.size())));
	sql->len += static_cast<int>(tds::quote_identifier(text, sql->data + sql->len));
}

void
append_text_literal(StringInfo sql, const char *text)
{
	std::string_view view(text);

	enlargeStringInfo(sql, static_cast<int>(tds::literal_room(view.size())));
	sql->len += static_cast<int>(tds::quote_literal(view, sql->data + sql->len));
}

} // namespace sambapos::types
