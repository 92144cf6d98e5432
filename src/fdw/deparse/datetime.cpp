/*
 * The types of dates and times (see call.cpp): casts, arithmetic, parts, truncation.
 *
 * The server's calendar has the years 1 to 9999, where PostgreSQL goes on counting; "never ends" is
 * often 9999-12-31. So it is known of every datetime between which days it lies (datetime from
 * 1753, smalldatetime from 1900 to 2079), and what could leave the calendar is not sent. datetime
 * and smalldatetime are shifted as datetime2, of which three digits show a tick of 1/300 s as it is
 * shown here. A comparison with a value known before the scan needs no arithmetic at the server:
 * the value is shifted instead (value.cpp, comparand_of).
 */
#include "fdw/deparse/pushdown.hpp"

namespace sambapos::fdw
{

using types::TsqlType;
using types::TypeKind;

/* ---- casts ---- */

static bool
take_datetime(Call *call, int index)
{
	return take_operand(call, index) && types::is_datetime(call->operands[index]->tsql_type);
}

static bool
take_date(Call *call, int index)
{
	return take_operand(call, index) && call->operands[index]->tsql_type.kind == TypeKind::date;
}

/* What comes out lies between the same days as what goes in. */
static void
keep_days(Call *call, int index)
{
	call->result.first_day = call->operands[index]->tsql_type.first_day;
	call->result.last_day = call->operands[index]->tsql_type.last_day;
}

bool
type_to_date(Call *call)
{
	if (!take_datetime(call, 0))
		return false;
	call->result = types::plain_type(TypeKind::date, DATEOID);
	keep_days(call, 0);
	return true;
}

/* A date stays one at the server: midnight is understood. */
bool
type_to_timestamp(Call *call)
{
	if (!take_date(call, 0))
		return false;
	call->result = types::plain_type(TypeKind::date, TIMESTAMPOID);
	keep_days(call, 0);
	return true;
}

/* ---- days ---- */

/* From least to most days later; false if that could leave the calendar. */
static bool
move_days(TsqlType *tsql_type, int64 least, int64 most)
{
	int64 first = tsql_type->first_day + least;
	int64 last = tsql_type->last_day + most;

	if (first < types::calendar_begin || last > types::calendar_end)
		return false;
	tsql_type->first_day = static_cast<int>(first);
	tsql_type->last_day = static_cast<int>(last);
	return true;
}

static bool
type_date_moved(Call *call, int sign)
{
	if (!take_date(call, 0) || !take_number(call, 1))
		return false;
	call->number *= sign;
	call->result = types::plain_type(TypeKind::date, DATEOID);
	keep_days(call, 0);
	return move_days(&call->result, call->number, call->number);
}

bool
type_date_plus_days(Call *call)
{
	return type_date_moved(call, 1);
}

bool
type_date_minus_days(Call *call)
{
	return type_date_moved(call, -1);
}

bool
type_date_difference(Call *call)
{
	call->result = types::integer_type(INT4OID);
	return take_date(call, 0) && take_date(call, 1);
}

/* ---- intervals ---- */

constexpr int64 second = INT64CONST(1000000);
constexpr int64 day = 86400 * second;

static Piece *
add_units(Piece *datetime, const char *unit, int64 count)
{
	if (count == 0)
		return datetime;
	return compose(psprintf("DATEADD(%s, " INT64_FORMAT ", $1)", unit, count), {datetime});
}

/* A type that holds the result: years 1 to 9999, and a time where one is added. */
static Piece *
as_roomy(TsqlType *tsql_type, Piece *datetime, bool with_time)
{
	if (tsql_type->kind == TypeKind::datetime)
		tsql_type->scale = 3;
	else if (tsql_type->kind != TypeKind::smalldatetime &&
			 (tsql_type->kind != TypeKind::date || !with_time))
		return datetime;
	tsql_type->kind = TypeKind::datetime2;
	return compose(psprintf("CAST($1 AS %s)", type_name(*tsql_type)), {datetime});
}

/* Months are 28 to 31 days; the last one is cut to. */
static bool
move_months(TsqlType *tsql_type, int64 months)
{
	return months >= 0 ? move_days(tsql_type, 28 * months, 31 * months)
					   : move_days(tsql_type, 31 * months, 28 * months);
}

static bool
move_time(TsqlType *tsql_type, int64 time)
{
	return time >= 0 ? move_days(tsql_type, 0, time / day + 1)
					 : move_days(tsql_type, time / day - 1, 0);
}

const Interval *
constant_interval(const Expr *expr)
{
	if (expr == nullptr || !IsA(expr, Const) || castNode(Const, expr)->constisnull ||
		castNode(Const, expr)->consttype != INTERVALOID)
		return nullptr;
	return DatumGetIntervalP(castNode(Const, expr)->constvalue);
}

/* Months first, then days, then the time: as PostgreSQL. */
static bool
type_shifted(Call *call, int sign)
{
	const Interval *interval = constant_interval(call_argument(call, 1));

	if (!take_datetime(call, 0) || interval == nullptr || interval->time % second != 0)
		return false;

	int64 months = int64{sign} * interval->month;
	int64 days = int64{sign} * interval->day;
	int64 time = sign * (interval->time / second * second);

	call->result = call->operands[0]->tsql_type;
	call->result.local_type = TIMESTAMPOID;
	call->written = as_roomy(&call->result, call->operands[0]->sql, time != 0);
	if (!move_months(&call->result, months) || !move_days(&call->result, days, days) ||
		(time != 0 && !move_time(&call->result, time)) || std::abs(time / second) > PG_INT32_MAX)
		return false;
	call->written = add_units(call->written, "month", months);
	call->written = add_units(call->written, "day", days);
	call->written = add_units(call->written, "second", time / second);
	return true;
}

bool
type_plus_interval(Call *call)
{
	return type_shifted(call, 1);
}

bool
type_minus_interval(Call *call)
{
	return type_shifted(call, -1);
}

/* ---- parts: extract and date_part; the field is the first argument ---- */

/* An int at the server; here numeric or double precision. */
bool
type_date_field(Call *call)
{
	call->result = types::integer_type(call->type);
	call->result.needs_cast = true;
	return take_datetime(call, 1);
}

/* A date has no hours in T-SQL. */
bool
type_time_field(Call *call)
{
	return type_date_field(call) && call->operands[1]->tsql_type.kind != TypeKind::date;
}

/* Of numeric only: six digits after the point are shown. */
static bool
type_second(Call *call)
{
	call->result = types::decimal_type(8, 6);
	return call->type == NUMERICOID && take_datetime(call, 1);
}

bool
type_second_of_ticks(Call *call)
{
	return type_second(call) && (call->operands[1]->tsql_type.kind == TypeKind::datetime ||
								 call->operands[1]->tsql_type.kind == TypeKind::smalldatetime);
}

bool
type_second_of_digits(Call *call)
{
	return type_second(call) && call->operands[1]->tsql_type.kind == TypeKind::datetime2;
}

/* ---- date_trunc ---- */

/* 0001-01-01, 1753-01-01 and 1900-01-01 are the first days of a year and Mondays. */
static bool
type_truncated(Call *call, TypeKind kind)
{
	if (!take_datetime(call, 1))
		return false;
	call->result = types::plain_type(kind, TIMESTAMPOID);
	keep_days(call, 1);
	call->result.first_day = std::max(call->result.first_day - 366, types::calendar_begin);
	return true;
}

bool
type_truncated_date(Call *call)
{
	return type_truncated(call, TypeKind::date);
}

bool
type_truncated_time(Call *call)
{
	return type_truncated(call, TypeKind::datetime2) &&
		   call->operands[1]->tsql_type.kind != TypeKind::date;
}

} // namespace sambapos::fdw
