/*
 * Exact money: integers of cents, quantities in thousandths, rates in whole percent. Rounding is
 * half away from zero, as SambaPOS and decimal(16,2) do it.
 */
#pragma once

#include <cstdint>
#include <string>

namespace tillctl
{

using Cents = std::int64_t;
using Thousandths = std::int64_t;

inline Cents
divide_rounded(__int128 number, __int128 divisor)
{
	bool negative = (number < 0) != (divisor < 0);
	__int128 n = number < 0 ? -number : number;
	__int128 d = divisor < 0 ? -divisor : divisor;
	Cents result = static_cast<Cents>((2 * n + d) / (2 * d));

	return negative ? -result : result;
}

/* An integer with `scale` decimals. */
inline std::string
fixed_text(std::int64_t value, int scale)
{
	std::string digits = std::to_string(value < 0 ? -value : value);

	if (static_cast<int>(digits.size()) <= scale)
		digits.insert(0, scale + 1 - digits.size(), '0');
	digits.insert(digits.size() - scale, ".");
	return (value < 0 ? "-" : "") + digits;
}

inline std::string
money_text(Cents value)
{
	return fixed_text(value, 2);
}

/* Reads 12.34 or -0.050 or 7 as an integer with `scale` decimals; more digits are cut, so ask for
 * the column's own scale. */
inline std::int64_t
parse_fixed(const std::string &text, int scale)
{
	size_t point = text.find('.');
	std::string digits = text.substr(0, point);
	std::string fraction = point == std::string::npos ? "" : text.substr(point + 1);

	fraction.resize(scale, '0');
	return std::stoll(digits + fraction);
}

} // namespace tillctl
