/*
 * DBNUMERIC and the two money types as integers with a scale.
 */
#include "tds/decimal.hpp"

#include <cstring>

namespace sambapos::tds
{

/* DBNUMERIC: precision, scale, sign (1: negative), then the magnitude, most significant byte
 * first, in as many bytes as 10^precision - 1 needs; the rest is unused. */
static constexpr int numeric_length = 35;
static constexpr int header_length = 3;
static constexpr int greatest_precision = 38;

static constexpr unsigned __int128
power_of_ten(int exponent) noexcept
{
	unsigned __int128 result = 1;

	for (int i = 0; i < exponent; i++)
		result *= 10;
	return result;
}

struct MagnitudeLengths
{
	unsigned char of[greatest_precision + 1];
};

static constexpr MagnitudeLengths
magnitude_lengths() noexcept
{
	MagnitudeLengths lengths{};

	for (int precision = 1; precision <= greatest_precision; precision++)
		for (unsigned __int128 rest = power_of_ten(precision) - 1; rest != 0; rest >>= 8)
			lengths.of[precision]++;
	return lengths;
}

static constexpr MagnitudeLengths lengths = magnitude_lengths();

bool
read_decimal(const Value &value, Decimal *result) noexcept
{
	if (value.length != numeric_length)
		return false;

	const unsigned char *data = value.data;
	int precision = data[0];
	int scale = data[1];
	if (precision < 1 || precision > greatest_precision || scale > precision || data[2] > 1)
		return false;

	unsigned __int128 magnitude = 0;
	for (int i = 0; i < lengths.of[precision]; i++)
		magnitude = magnitude << 8 | data[header_length + i];
	if (magnitude >= power_of_ten(greatest_precision))
		return false;
	*result = {data[2] == 1 && magnitude != 0, scale, magnitude};
	return true;
}

std::int64_t
read_money(const Value &value) noexcept
{
	std::int32_t high;

	memcpy(&high, value.data, sizeof high);
	if (value.length == 4)
		return high;

	std::uint32_t low;
	memcpy(&low, value.data + sizeof high, sizeof low);
	return static_cast<std::int64_t>(static_cast<std::uint64_t>(high) << 32 | low);
}

} // namespace sambapos::tds
