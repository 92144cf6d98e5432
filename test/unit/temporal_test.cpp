/*
 * Dates and times: day numbers written down from a calendar, milliseconds from SQL Server's
 * documentation (.000, .003, .007).
 */
#include "tds/temporal.hpp"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

using namespace sambapos::tds;

namespace
{

constexpr std::int64_t day = INT64_C(86400) * 1000000;
constexpr std::int64_t hour = INT64_C(3600) * 1000000;

/* Days from 2000-01-01 and from 1900-01-01. */
constexpr std::int64_t y1753 = -90214, y1753_from_1900 = -53690;
constexpr std::int64_t y9999_end = 2921939, y9999_end_from_1900 = 2958463;
constexpr std::int64_t leap_2024 = 8825, leap_2024_from_1900 = 45349;
constexpr std::int64_t year_1 = -730119, year_1_from_1900 = -693595;

std::int64_t
datetime(std::int64_t days, std::int64_t ticks)
{
	std::int32_t halves[2] = {static_cast<std::int32_t>(days), static_cast<std::int32_t>(ticks)};
	unsigned char bytes[8];

	memcpy(bytes, halves, 8);
	return read_datetime({bytes, 8});
}

/* time in 100 ns, days since 1900, offset in minutes */
std::vector<unsigned char>
modern(std::uint64_t time, std::int64_t days, std::int16_t offset = 0)
{
	std::vector<unsigned char> bytes(16);
	std::int32_t date = static_cast<std::int32_t>(days);

	memcpy(bytes.data(), &time, 8);
	memcpy(bytes.data() + 8, &date, 4);
	memcpy(bytes.data() + 12, &offset, 2);
	return bytes;
}

Value
as_value(const std::vector<unsigned char> &bytes)
{
	return {bytes.data(), static_cast<int>(bytes.size())};
}

/* The milliseconds that a second's 300 ticks show: three in ten, 0 3 7. */
int
documented_msec(int tick)
{
	static const int pattern[] = {0, 3, 7};

	return tick / 3 * 10 + pattern[tick % 3];
}

} // namespace

TEST(Datetime, All300TicksOfASecond)
{
	for (int tick = 0; tick < 300; tick++)
		EXPECT_EQ(datetime(36524, tick), documented_msec(tick) * 1000) << tick;
}

TEST(Datetime, EdgesOfTheRange)
{
	EXPECT_EQ(datetime(0, 0), -36524 * day);
	EXPECT_EQ(datetime(y1753_from_1900, 0), y1753 * day);
	EXPECT_EQ(datetime(y9999_end_from_1900, 25919999), y9999_end * day + day - 3000);
	EXPECT_EQ(datetime(leap_2024_from_1900, 300 * 3600 * 13), leap_2024 * day + 13 * hour);
}

TEST(Smalldatetime, EdgesOfTheRange)
{
	auto smalldatetime = [](std::uint16_t days, std::uint16_t minutes)
	{
		unsigned char bytes[4];
		memcpy(bytes, &days, 2);
		memcpy(bytes + 2, &minutes, 2);
		return read_smalldatetime({bytes, 4});
	};
	EXPECT_EQ(smalldatetime(0, 0), -36524 * day);
	EXPECT_EQ(smalldatetime(36524, 61), hour + 60 * INT64_C(1000000));
	EXPECT_EQ(smalldatetime(65535, 1439), 29011 * day + 23 * hour + 59 * INT64_C(60000000));
}

TEST(Datetime2, SeventhDigitIsRoundedHalfUp)
{
	EXPECT_EQ(read_datetime2(as_value(modern(14, 36524))), 1);
	EXPECT_EQ(read_datetime2(as_value(modern(15, 36524))), 2);
	EXPECT_EQ(read_datetime2(as_value(modern(25, 36524))), 3);
	EXPECT_EQ(read_datetime2(as_value(modern(9, 36523))), -day + 1);
}

TEST(Datetime2, EdgesOfTheRange)
{
	EXPECT_EQ(read_datetime2(as_value(modern(0, year_1_from_1900))), year_1 * day);
	EXPECT_EQ(read_datetime2(as_value(modern(UINT64_C(863999999990), y9999_end_from_1900))),
			  y9999_end * day + day - 1);
	/* the last value of 9999 rounds into the year 10000 */
	EXPECT_EQ(read_datetime2(as_value(modern(UINT64_C(863999999999), y9999_end_from_1900))),
			  (y9999_end + 1) * day);
}

TEST(Datetimeoffset, IsTheInstantWhateverTheOffset)
{
	EXPECT_EQ(read_datetimeoffset(as_value(modern(UINT64_C(36000000000), 36524, 180))), hour);
	EXPECT_EQ(read_datetimeoffset(as_value(modern(UINT64_C(36000000000), 36524, -720))), hour);
}

TEST(Date, EdgesOfTheRange)
{
	EXPECT_EQ(read_date(as_value(modern(0, year_1_from_1900))), year_1);
	EXPECT_EQ(read_date(as_value(modern(0, 36524))), 0);
	EXPECT_EQ(read_date(as_value(modern(0, leap_2024_from_1900))), leap_2024);
	EXPECT_EQ(read_date(as_value(modern(0, y9999_end_from_1900))), y9999_end);
}

TEST(Time, RoundsUpTo24Hours)
{
	EXPECT_EQ(read_time(as_value(modern(0, 0))), 0);
	EXPECT_EQ(read_time(as_value(modern(UINT64_C(863999999994), 0))), day - 1);
	EXPECT_EQ(read_time(as_value(modern(UINT64_C(863999999995), 0))), day);
}

/* For every datetime of one second and around midnight: no tick before the answer shows the
 * datetime or later. Checked against the documented milliseconds, not against read_datetime. */
TEST(FirstTickFrom, EveryMillisecondAndItsNeighbours)
{
	for (int msec = 0; msec < 1000; msec++)
		for (int usec : {0, 1, 999})
		{
			std::int64_t within = msec * 1000 + usec;
			int expected = 0;
			while (expected < 300 && documented_msec(expected) * 1000 < within)
				expected++;
			bool exact = expected < 300 && documented_msec(expected) * 1000 == within;
			DatetimeTick tick;

			ASSERT_TRUE(first_tick_from(leap_2024 * day + 5 * hour + within, &tick));
			EXPECT_EQ(tick.days, leap_2024_from_1900);
			EXPECT_EQ(tick.ticks, 5 * 3600 * 300 + expected) << within;
			EXPECT_EQ(tick.exact, exact) << within;
		}
}

TEST(FirstTickFrom, AllResiduesComeBack)
{
	for (int ticks = 0; ticks < 300; ticks++)
	{
		DatetimeTick tick;

		ASSERT_TRUE(first_tick_from(datetime(-1, ticks), &tick));
		EXPECT_TRUE(tick.exact);
		EXPECT_EQ(tick.days, -1);
		EXPECT_EQ(tick.ticks, ticks);
	}
}

TEST(FirstTickFrom, MidnightBelongsToTheNextDay)
{
	DatetimeTick tick;

	ASSERT_TRUE(first_tick_from(leap_2024 * day - 2999, &tick)); /* 23:59:59.997001 */
	EXPECT_FALSE(tick.exact);
	EXPECT_EQ(tick.days, leap_2024_from_1900);
	EXPECT_EQ(tick.ticks, 0);
	ASSERT_TRUE(first_tick_from(leap_2024 * day - 3000, &tick));
	EXPECT_TRUE(tick.exact);
	EXPECT_EQ(tick.ticks, 25919999);
}

TEST(FirstTickFrom, EndsOfTheRange)
{
	DatetimeTick tick;

	ASSERT_TRUE(first_tick_from(y1753 * day, &tick));
	EXPECT_TRUE(tick.exact);
	EXPECT_EQ(tick.days, y1753_from_1900);
	for (std::int64_t before : {y1753 * day - 1, -400000 * day, INT64_MIN})
	{
		ASSERT_TRUE(first_tick_from(before, &tick));
		EXPECT_FALSE(tick.exact);
		EXPECT_EQ(tick.days, y1753_from_1900);
		EXPECT_EQ(tick.ticks, 0);
	}
	ASSERT_TRUE(first_tick_from(y9999_end * day + day - 3000, &tick));
	EXPECT_EQ(tick.ticks, 25919999);
	EXPECT_FALSE(first_tick_from(y9999_end * day + day - 2999, &tick));
	EXPECT_FALSE(first_tick_from(INT64_MAX, &tick));
}

/* A hostile server sends days and ticks that no calendar has: none of them is taken for a value. */
TEST(Temporal, WhatNoServerHasIsNoDatetime)
{
	constexpr std::uint64_t whole_day = UINT64_C(864000000000);

	EXPECT_EQ(datetime(INT32_MAX, 0), not_a_datetime);
	EXPECT_EQ(datetime(INT32_MIN, 0), not_a_datetime);
	EXPECT_EQ(datetime(y1753_from_1900 - 1, 0), not_a_datetime);
	EXPECT_EQ(datetime(y9999_end_from_1900 + 1, 0), not_a_datetime);
	EXPECT_EQ(datetime(0, -1), not_a_datetime);
	EXPECT_EQ(datetime(0, 300 * 86400), not_a_datetime);
	EXPECT_NE(datetime(y1753_from_1900, 0), not_a_datetime);
	EXPECT_NE(datetime(y9999_end_from_1900, 300 * 86400 - 1), not_a_datetime);

	unsigned char minutes[] = {0, 0, 0xA0, 0x05}; /* 1440 */
	EXPECT_EQ(read_smalldatetime({minutes, 4}), not_a_datetime);
	for (std::int64_t days : {std::int64_t{INT32_MIN}, year_1_from_1900 - 2,
							  y9999_end_from_1900 + 2, std::int64_t{INT32_MAX}})
	{
		auto bytes = modern(0, days);
		EXPECT_EQ(read_date(as_value(bytes)), not_a_date) << days;
		EXPECT_EQ(read_datetime2(as_value(bytes)), not_a_datetime) << days;
		EXPECT_EQ(read_datetimeoffset(as_value(bytes)), not_a_datetime) << days;
	}
	EXPECT_EQ(read_time(as_value(modern(whole_day, 0))), not_a_datetime);
	EXPECT_EQ(read_time(as_value(modern(UINT64_MAX, 0))), not_a_datetime);
	EXPECT_EQ(read_datetime2(as_value(modern(whole_day, 0))), not_a_datetime);
	EXPECT_EQ(read_time(as_value(modern(whole_day - 1, 0))), day);
	/* 9999-12-31 23:00 at -14:00 is a day later in UTC */
	EXPECT_NE(read_datetimeoffset(as_value(modern(0, y9999_end_from_1900 + 1))), not_a_datetime);
}
