/*
 * The types of dates and times (see call.cpp): casts, arithmetic, parts, truncation.
 *
 * The server's calendar has the years 1 to 9999, where PostgreSQL goes on counting; "never ends" is
 * often 9999-12-31. So it is known of every moment between which days it lies (datetime from 1753,
 * smalldatetime from 1900 to 2079), and what could leave the calendar isn't sent. datetime and
 * smalldatetime are shifted as datetime2, of which three digits show a tick of 1/300 s as it is
 * shown here. A comparison with a value known before the scan needs no arithmetic at the server:
 * the value is shifted instead (value.cpp, comparand_of).
 */
#include "fdw/deparse/pushdown.hpp"

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

/* What comes out lies between the same days as what goes in. */
static void
keep_days(Call *call, int index)
{
	call->result.first_day = call->operands[index]->domain.first_day;
	call->result.last_day = call->operands[index]->domain.last_day;
}

bool
type_to_date(Call *call)
{
	if (!take_moment(call, 0))
		return false;
	call->result = types::plain_domain(Grid::date, DATEOID);
	keep_days(call, 0);
	return true;
}

/* A date stays one at the server: midnight is understood. */
bool
type_to_timestamp(Call *call)
{
	if (!take_date(call, 0))
		return false;
	call->result = types::plain_domain(Grid::date, TIMESTAMPOID);
	keep_days(call, 0);
	return true;
}

/* ---- days ---- */

/* From least to most days later; false if that could leave the calendar. */
static bool
move_days(Domain *domain, int64 least, int64 most)
{
	int64 first = domain->first_day + least;
	int64 last = domain->last_day + most;

	if (first < types::calendar_begin || last > types::calendar_end)
		return false;
	domain->first_day = static_cast<int>(first);
	domain->last_day = static_cast<int>(last);
	return true;
}

static bool
type_date_moved(Call *call, int sign)
{
	if (!take_date(call, 0) || !take_number(call, 1))
		return false;
	call->number *= sign;
	call->result = types::plain_domain(Grid::date, DATEOID);
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
	call->result = types::integer_domain(INT4OID);
	return take_date(call, 0) && take_date(call, 1);
}

/* ---- intervals ---- */

constexpr int64 second = INT64CONST(1000000);
constexpr int64 day = 86400 * second;

static Piece *
add_units(Piece *moment, const char *unit, int64 count)
{
	if (count == 0)
		return moment;
	return compose(psprintf("DATEADD(%s, " INT64_FORMAT ", $1)", unit, count), {moment});
}

/* A type in which there is room: years 1 to 9999, and a time where one is added. */
static Piece *
as_roomy(Domain *domain, Piece *moment, bool with_time)
{
	if (domain->grid == Grid::datetime)
		domain->scale = 3;
	else if (domain->grid != Grid::smalldatetime && (domain->grid != Grid::date || !with_time))
		return moment;
	domain->grid = Grid::datetime2;
	return compose(psprintf("CAST($1 AS %s)", type_name(*domain)), {moment});
}

/* Months are 28 to 31 days; the last one is cut to. */
static bool
move_months(Domain *domain, int64 months)
{
	return months >= 0 ? move_days(domain, 28 * months, 31 * months)
					   : move_days(domain, 31 * months, 28 * months);
}

static bool
move_time(Domain *domain, int64 time)
{
	return time >= 0 ? move_days(domain, 0, time / day + 1) : move_days(domain, time / day - 1, 0);
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

	if (!take_moment(call, 0) || interval == nullptr || interval->time % second != 0)
		return false;

	int64 months = int64{sign} * interval->month;
	int64 days = int64{sign} * interval->day;
	int64 time = sign * (interval->time / second * second);

	call->result = call->operands[0]->domain;
	call->result.type = TIMESTAMPOID;
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

/* 0001-01-01, 1753-01-01 and 1900-01-01 are the first days of a year and Mondays. */
static bool
type_truncated(Call *call, Grid grid)
{
	if (!take_moment(call, 1))
		return false;
	call->result = types::plain_domain(grid, TIMESTAMPOID);
	keep_days(call, 1);
	call->result.first_day = std::max(call->result.first_day - 366, types::calendar_begin);
	return true;
}

bool
type_truncated_date(Call *call)
{
	return type_truncated(call, Grid::date);
}

bool
type_truncated_time(Call *call)
{
	return type_truncated(call, Grid::datetime2) && call->operands[1]->domain.grid != Grid::date;
}

} // namespace sambapos::fdw
