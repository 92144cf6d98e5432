/*
 * decimal and money: bytes made by hand, expectations as decimal text.
 */
#include "tds/decimal.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

using namespace sambapos::tds;

namespace
{

/* Bytes of the magnitude of a numeric of each precision, as DB-Library stores it: 1..38. */
constexpr int stored_bytes[] = {0,  1,  1,  2,  2,  3,  3,  3,  4,  4,  5,  5,  5,
								6,  6,  7,  7,  8,  8,  8,  9,  9,  10, 10, 10, 11,
								11, 12, 12, 13, 13, 13, 14, 14, 15, 15, 15, 16, 16};

/* A DBNUMERIC from decimal digits, by school division. Behind the magnitude stands rubbish, as it
 * may in the library's buffer. */
std::vector<unsigned char>
numeric(int precision, int scale, bool negative, std::string digits)
{
	std::vector<unsigned char> bytes(35, 0xEE);
	std::vector<unsigned char> magnitude;

	while (digits.find_first_not_of('0') != std::string::npos)
	{
		int rest = 0;
		for (char &digit : digits)
		{
			int value = rest * 10 + (digit - '0');
			digit = static_cast<char>('0' + value / 256);
			rest = value % 256;
			/* a digit above 9 cannot be: value < 2560, so value / 256 <= 9 */
		}
		magnitude.insert(magnitude.begin(), static_cast<unsigned char>(rest));
	}
	while (static_cast<int>(magnitude.size()) < stored_bytes[precision])
		magnitude.insert(magnitude.begin(), 0);
	bytes[0] = static_cast<unsigned char>(precision);
	bytes[1] = static_cast<unsigned char>(scale);
	bytes[2] = negative;
	std::copy(magnitude.begin(), magnitude.end(), bytes.begin() + 3);
	return bytes;
}

Value
as_value(const std::vector<unsigned char> &bytes)
{
	return {bytes.data(), static_cast<int>(bytes.size())};
}

std::string
as_text(const Decimal &decimal)
{
	std::string digits;

	for (unsigned __int128 rest = decimal.magnitude; rest != 0; rest /= 10)
		digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
	return (decimal.negative ? "-" : "") + (digits.empty() ? "0" : digits);
}

} // namespace

TEST(Decimal, GreatestAndLeastOfEveryPrecision)
{
	for (int precision = 1; precision <= 38; precision++)
		for (bool negative : {false, true})
		{
			std::string nines(precision, '9');
			auto bytes = numeric(precision, precision / 2, negative, nines);
			Decimal decimal;

			ASSERT_TRUE(read_decimal(as_value(bytes), &decimal)) << precision;
			EXPECT_EQ(as_text(decimal), (negative ? "-" : "") + nines);
			EXPECT_EQ(decimal.scale, precision / 2);
		}
}

TEST(Decimal, OneAndZeroOfEveryPrecision)
{
	for (int precision = 1; precision <= 38; precision++)
	{
		auto one = numeric(precision, 0, false, "1");
		auto zero = numeric(precision, precision, true, "0");
		Decimal decimal;

		ASSERT_TRUE(read_decimal(as_value(one), &decimal));
		EXPECT_EQ(as_text(decimal), "1");
		ASSERT_TRUE(read_decimal(as_value(zero), &decimal));
		EXPECT_EQ(as_text(decimal), "0") << "there is no -0";
		EXPECT_EQ(decimal.scale, precision);
	}
}

TEST(Decimal, DigitsInEveryPlace)
{
	std::string digits = "12345678901234567890123456789012345678";
	auto bytes = numeric(38, 10, true, digits);
	Decimal decimal;

	ASSERT_TRUE(read_decimal(as_value(bytes), &decimal));
	EXPECT_EQ(as_text(decimal), "-" + digits);
	EXPECT_EQ(decimal.scale, 10);
}

TEST(Decimal, RefusesWhatIsNone)
{
	Decimal decimal;
	auto bytes = numeric(18, 2, false, "1");

	auto refused = [&](int at, unsigned char byte)
	{
		auto changed = bytes;
		changed[at] = byte;
		return !read_decimal(as_value(changed), &decimal);
	};
	EXPECT_TRUE(refused(0, 0)) << "precision 0";
	EXPECT_TRUE(refused(0, 39)) << "precision 39";
	EXPECT_TRUE(refused(1, 19)) << "scale above precision";
	EXPECT_TRUE(refused(2, 2)) << "sign 2";
	EXPECT_FALSE(read_decimal({bytes.data(), 34}, &decimal)) << "too short";

	/* 10^38 fits into the 16 bytes of precision 38, but is one digit too many */
	auto too_great = numeric(38, 0, false, "1" + std::string(38, '0'));
	EXPECT_FALSE(read_decimal(as_value(too_great), &decimal));
}

TEST(Money, EightBytesHighHalfFirst)
{
	auto money = [](std::int32_t high, std::uint32_t low)
	{
		unsigned char bytes[8];
		memcpy(bytes, &high, 4);
		memcpy(bytes + 4, &low, 4);
		return read_money({bytes, 8});
	};
	EXPECT_EQ(money(0, 0), 0);
	EXPECT_EQ(money(0, 12345), 12345);
	EXPECT_EQ(money(0, 4294967295u), INT64_C(4294967295));
	EXPECT_EQ(money(-1, 4294967295u), -1);
	EXPECT_EQ(money(1, 0), INT64_C(4294967296));
	EXPECT_EQ(money(INT32_MAX, UINT32_MAX), INT64_MAX);
	EXPECT_EQ(money(INT32_MIN, 0), INT64_MIN);
}

TEST(Money, FourBytes)
{
	for (std::int32_t value : {0, 1, -1, 15000, INT32_MAX, INT32_MIN})
	{
		unsigned char bytes[4];
		memcpy(bytes, &value, 4);
		EXPECT_EQ(read_money({bytes, 4}), value);
	}
}
