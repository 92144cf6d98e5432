/*
 * The till's clock: local wall time as milliseconds since 1970, on the 1/300 s grid of datetime.
 */
#pragma once

#include <cstdint>
#include <string>

namespace tillctl
{

using Time = std::int64_t;

constexpr Time second = 1000;
constexpr Time minute = 60 * second;
constexpr Time hour = 60 * minute;
constexpr Time day = 24 * hour;

/* The nearest value a datetime column can hold: milliseconds end in 0, 3 or 7. */
Time on_grid(Time time);

/* Reads YYYY-MM-DD, with hh:mm:ss[.mmm] after a space or T if there is any. */
Time parse_time(const std::string &text);

/* 2026-11-21 and 2026-11-21T18:30:00.003, which SQL Server reads whatever DATEFORMAT says. */
std::string date_text(Time time);
std::string time_text(Time time);

/* The quoted literal of a datetime. */
std::string time_literal(Time time);

} // namespace tillctl
