/*
 * Date and time values as PostgreSQL counts them.
 */
#include "tds/temporal.hpp"

#include <cstring>

namespace sambapos::tds
{

static constexpr std::int32_t days_1900_to_2000 = 36524;
static constexpr std::int64_t usecs_per_minute = INT64_C(60000000);
static constexpr int minutes_per_day = 1440;
static constexpr std::int32_t ticks_per_day = 300 * 86400;
static constexpr std::int32_t first_day = -53690;                       /* 1753-01-01, since 1900 */
static constexpr std::int32_t last_day = 2958463;                       /* 9999-12-31 */
static constexpr std::int32_t year_1 = -693595;                         /* 0001-01-01 */
static constexpr std::uint64_t tenths_per_day = UINT64_C(864000000000); /* of microseconds */

template <typename T>
static T
read_at(const Value &value, int offset) noexcept
{
	T result;

	memcpy(&result, value.data + offset, sizeof result);
	return result;
}

static std::int64_t
start_of_day(std::int32_t days_since_1900) noexcept
{
	return (static_cast<std::int64_t>(days_since_1900) - days_1900_to_2000) * usecs_per_day;
}

/* The millisecond that SQL Server shows for a tick: 0, 3, 7, 10, 13, 17, ... */
static std::int32_t
shown_msec(std::int32_t ticks) noexcept
{
	return static_cast<std::int32_t>((static_cast<std::int64_t>(ticks) * 10 + 1) / 3);
}

/* ---- the four types of SQL Server 2008: time in 100 ns, days since 1900 (DBDATETIMEALL) ---- */

static std::int64_t
time_part(const Value &value) noexcept
{
	std::uint64_t tenths = read_at<std::uint64_t>(value, 0);

	return tenths < tenths_per_day ? static_cast<std::int64_t>((tenths + 5) / 10) : not_a_datetime;
}

static std::int32_t
date_part(const Value &value) noexcept
{
	return read_at<std::int32_t>(value, 8);
}

/* `slack`: days outside of the years 1 to 9999 that are allowed for. */
static std::int64_t
date_and_time(const Value &value, int slack) noexcept
{
	std::int32_t days = date_part(value);
	std::int64_t time = time_part(value);

	if (days < year_1 - slack || days > last_day + slack || time == not_a_datetime)
		return not_a_datetime;
	return start_of_day(days) + time;
}

std::int64_t
read_datetime(const Value &value) noexcept
{
	auto days = read_at<std::int32_t>(value, 0);
	auto ticks = read_at<std::int32_t>(value, 4);

	if (days < first_day || days > last_day || ticks < 0 || ticks >= ticks_per_day)
		return not_a_datetime;
	return start_of_day(days) + static_cast<std::int64_t>(shown_msec(ticks)) * 1000;
}

std::int64_t
read_smalldatetime(const Value &value) noexcept
{
	auto minutes = read_at<std::uint16_t>(value, 2);

	if (minutes >= minutes_per_day)
		return not_a_datetime;
	return start_of_day(read_at<std::uint16_t>(value, 0)) + minutes * usecs_per_minute;
}

std::int64_t
read_datetime2(const Value &value) noexcept
{
	return date_and_time(value, 0);
}

std::int64_t
read_datetimeoffset(const Value &value) noexcept
{
	return date_and_time(value, 1); /* in UTC already */
}

std::int32_t
read_date(const Value &value) noexcept
{
	std::int32_t days = date_part(value);

	return days < year_1 || days > last_day ? not_a_date : days - days_1900_to_2000;
}

std::int64_t
read_time(const Value &value) noexcept
{
	return time_part(value);
}

/* ---- the ticks of datetime ---- */

/* The first tick of a day that shows this millisecond or a later one; ticks_per_day if none. */
static std::int32_t
first_tick_showing(std::int64_t msec) noexcept
{
	/* shown_msec(t) >= m  <=>  10 t + 1 >= 3 m */
	return static_cast<std::int32_t>((3 * msec + 8) / 10);
}

bool
first_tick_from(std::int64_t datetime, DatetimeTick *result) noexcept
{
	std::int64_t days = datetime / usecs_per_day;
	std::int64_t rest = datetime % usecs_per_day;

	if (rest < 0)
	{
		rest += usecs_per_day;
		days--;
	}
	days += days_1900_to_2000;
	if (days < first_day)
	{
		*result = {false, first_day, 0};
		return true;
	}
	std::int32_t ticks = first_tick_showing((rest + 999) / 1000);
	bool exact = ticks < ticks_per_day && shown_msec(ticks) * INT64_C(1000) == rest;
	if (ticks >= ticks_per_day)
	{
		ticks = 0;
		days++;
	}
	if (days > last_day)
		return false;
	*result = {exact, static_cast<std::int32_t>(days), ticks};
	return true;
}

} // namespace sambapos::tds
