/*
 * SQL Server's date and time types as microseconds and days, counted as PostgreSQL counts them
 * (from 2000-01-01). Pure functions over the bytes of a Value.
 *
 * datetime has ticks of 1/300 s. Every client of SQL Server shows them rounded to milliseconds
 * (.000, .003, .007), and so do we: tick <-> millisecond is one to one.
 *
 * What no SQL Server can send (a day outside of the years 1 to 9999, more ticks than a day has) is
 * not a datetime, so that no sum of it overflows and it is not taken for a value.
 */
#pragma once

#include "tds/session.hpp"

namespace sambapos::tds
{

constexpr std::int64_t usecs_per_day = INT64_C(86400000000);

constexpr std::int64_t not_a_datetime = INT64_MIN;
constexpr std::int32_t not_a_date = INT32_MIN;

/* Microseconds since 2000-01-01 00:00 of a datetime, smalldatetime or datetime2 value, local wall
 * clock; or not_a_datetime. datetime2's seventh digit is rounded half up. */
std::int64_t read_datetime(const Value &value) noexcept;
std::int64_t read_smalldatetime(const Value &value) noexcept;
std::int64_t read_datetime2(const Value &value) noexcept;

/* The same of a datetimeoffset value, in UTC, which may be a day outside of the years 1 to 9999. */
std::int64_t read_datetimeoffset(const Value &value) noexcept;

/* Days since 2000-01-01 of a date value, or not_a_date. */
std::int32_t read_date(const Value &value) noexcept;

/* Microseconds since midnight of a time value; 24:00:00 if the seventh digit rounds up to it; or
 * not_a_datetime.
 */
std::int64_t read_time(const Value &value) noexcept;

/* Where a datetime lies among the ticks of the type datetime. */
struct DatetimeTick
{
	bool exact;         /* the datetime is the shown value of this tick */
	std::int32_t days;  /* since 1900-01-01 */
	std::int32_t ticks; /* 1/300 s since midnight, 0 .. 25919999 */
};

/* The first tick whose shown value is at or after the datetime (microseconds since 2000-01-01).
 * A datetime before 1753-01-01, datetime's first, has that one (not exact). False after the last,
 * 9999-12-31 23:59:59.997. */
bool first_tick_from(std::int64_t datetime, DatetimeTick *result) noexcept;

} // namespace sambapos::tds
