/*
 * The types of dates and times (see deparse_call.cpp): casts, arithmetic, parts, truncation.
 *
 * The server's calendar has the years 1 to 9999 (datetime: 1753 to 9999): a computed moment outside
 * of it is an error there (517, SQLSTATE 22008) where PostgreSQL would go on counting. What is cut
 * to a unit (date_trunc) never leaves it: 0001-01-01 and 1753-01-01 are Mondays, and truncated
 * moments are computed as date and datetime2.
 */
#include "fdw/pushdown.hpp"

namespace sambapos::fdw
{

using types::Domain;
using types::Grid;

/* ---- casts ---- */

static bool
take_moment(Call *call, int index)
{
	return take_operand(call, index) && types::is_moment(call->operands[index]->domain);
}

static bool
take_date(Call *call, int index)
{
	return take_operand(call, index) && call->operands[index]->domain.grid == Grid::date;
}

bool
type_to_date(Call *call)
{
	call->result = types::plain_domain(Grid::date, DATEOID);
	return take_moment(call, 0);
}

/* A date stays one at the server: midnight is understood. */
bool
type_to_timestamp(Call *call)
{
	call->result = types::plain_domain(Grid::date, TIMESTAMPOID);
	return take_date(call, 0);
}

/* ---- days ---- */

bool
type_date_plus_days(Call *call)
{
	call->result = types::plain_domain(Grid::date, DATEOID);
	return take_date(call, 0) && take_operand(call, 1) &&
		   call->operands[1]->domain.grid == Grid::integer;
}

bool
type_date_difference(Call *call)
{
	call->result = types::integer_domain(INT4OID);
	return take_date(call, 0) && take_date(call, 1);
}

/* ---- intervals ---- */

constexpr int64 second = INT64CONST(1000000);

static Piece *
add_units(Piece *moment, const char *unit, int64 count)
{
	if (count == 0)
		return moment;
	return compose(psprintf("DATEADD(%s, " INT64_FORMAT ", $1)", unit, count), {moment});
}

/* Whole seconds keep the ticks of datetime. */
static bool
add_time(Call *call, Piece **moment, int64 time)
{
	int64 count = time / second;

	if (time == 0)
		return true;
	if (time % second != 0 || count < -PG_INT32_MAX || count > PG_INT32_MAX)
		return false;
	if (call->result.grid == Grid::date)
	{
		call->result = types::plain_domain(Grid::datetime2, TIMESTAMPOID);
		*moment = compose("CAST($1 AS datetime2(0))", {*moment});
	}
	*moment = add_units(*moment, "second", count);
	return true;
}

static bool
fits_int(int64 number)
{
	return number >= -PG_INT32_MAX && number <= PG_INT32_MAX;
}

/* smalldatetime has only minutes, and ends in 2079. Months first, cut to the month's last day, then
 * days, then the time: as PostgreSQL. */
static bool
type_shifted(Call *call, int sign)
{
	Expr *expr = call_argument(call, 1);

	if (!take_moment(call, 0) || expr == nullptr || !IsA(expr, Const) ||
		castNode(Const, expr)->constisnull)
		return false;

	const Interval *interval = DatumGetIntervalP(castNode(Const, expr)->constvalue);

	if (!fits_int(interval->month) || !fits_int(interval->day) || interval->time == PG_INT64_MIN)
		return false;
	call->result = call->operands[0]->domain;
	call->result.type = TIMESTAMPOID;
	call->written = call->operands[0]->sql;
	if (call->result.grid == Grid::smalldatetime)
	{
		call->result.grid = Grid::datetime;
		call->written = compose("CAST($1 AS datetime)", {call->written});
	}
	call->written = add_units(call->written, "month", int64{sign} * interval->month);
	call->written = add_units(call->written, "day", int64{sign} * interval->day);
	return call->written != nullptr && add_time(call, &call->written, sign * interval->time);
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
	call->result = types::integer_domain(call->type);
	call->result.needs_cast = true;
	return take_moment(call, 1);
}

/* A date has no hours in T-SQL. */
bool
type_time_field(Call *call)
{
	return type_date_field(call) && call->operands[1]->domain.grid != Grid::date;
}

/* Of numeric only: six digits behind the point are shown. */
static bool
type_second(Call *call)
{
	call->result = types::decimal_domain(8, 6);
	return call->type == NUMERICOID && take_moment(call, 1);
}

bool
type_second_of_ticks(Call *call)
{
	return type_second(call) && (call->operands[1]->domain.grid == Grid::datetime ||
								 call->operands[1]->domain.grid == Grid::smalldatetime);
}

bool
type_second_of_digits(Call *call)
{
	return type_second(call) && call->operands[1]->domain.grid == Grid::datetime2;
}

/* ---- date_trunc ---- */

bool
type_truncated_date(Call *call)
{
	call->result = types::plain_domain(Grid::date, TIMESTAMPOID);
	return take_moment(call, 1);
}

bool
type_truncated_time(Call *call)
{
	call->result = types::plain_domain(Grid::datetime2, TIMESTAMPOID);
	return take_moment(call, 1) && call->operands[1]->domain.grid != Grid::date;
}

} // namespace sambapos::fdw
