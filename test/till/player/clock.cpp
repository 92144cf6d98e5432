/*
 * Wall time as text and back. Days are counted by eras of 400 years, as in value_text.cpp.
 */
#include "player/clock.hpp"

#include <cstdio>
#include <stdexcept>

namespace tillctl
{

namespace
{

std::int64_t
days_from_civil(int year, int month, int day_of_month)
{
	year -= month <= 2 ? 1 : 0;
	std::int64_t era = (year >= 0 ? year : year - 399) / 400;
	std::int64_t year_of_era = year - era * 400;
	std::int64_t day_of_year =
		(153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day_of_month - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
		   719468;
}

} // namespace

Time
on_grid(Time time)
{
	Time base = time - time % 10;
	int digit = static_cast<int>(time % 10);

	return base + (digit < 2 ? 0 : digit < 5 ? 3 : digit < 9 ? 7 : 10);
}

Time
parse_time(const std::string &text)
{
	int year, month, day_of_month, hours = 0, minutes = 0, seconds = 0, milliseconds = 0;
	char between;
	int read = sscanf(text.c_str(), "%4d-%2d-%2d%c%2d:%2d:%2d.%3d", &year, &month, &day_of_month,
					  &between, &hours, &minutes, &seconds, &milliseconds);

	if (read != 3 && read != 7 && read != 8)
		throw std::runtime_error("not a date: " + text);
	return days_from_civil(year, month, day_of_month) * day + hours * hour + minutes * minute +
		   seconds * second + milliseconds;
}

std::string
date_text(Time time)
{
	std::int64_t z = time / day + 719468;
	std::int64_t era = z / 146097;
	std::int64_t day_of_era = z - era * 146097;
	std::int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	std::int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	std::int64_t shifted = (5 * day_of_year + 2) / 153;
	int month = static_cast<int>(shifted < 10 ? shifted + 3 : shifted - 9);
	char text[32];

	snprintf(text, sizeof(text), "%04d-%02d-%02d",
			 static_cast<int>(year_of_era + era * 400 + (month <= 2 ? 1 : 0)), month,
			 static_cast<int>(day_of_year - (153 * shifted + 2) / 5 + 1));
	return text;
}

std::string
time_text(Time time)
{
	char text[32];
	int rest = static_cast<int>(time % day);

	snprintf(text, sizeof(text), "T%02d:%02d:%02d.%03d", rest / 3600000, rest / 60000 % 60,
			 rest / 1000 % 60, rest % 1000);
	return date_text(time) + text;
}

std::string
time_literal(Time time)
{
	return "'" + time_text(time) + "'";
}

} // namespace tillctl
