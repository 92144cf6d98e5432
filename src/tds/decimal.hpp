/*
 * decimal, numeric, money and smallmoney as integers with a scale. Pure functions over the bytes
 * of a Value (WireType::decimal, money, smallmoney).
 */
#pragma once

#include "tds/session.hpp"

namespace sambapos::tds
{

/* The exact value is (negative ? -1 : 1) * magnitude / 10^scale. */
struct Decimal
{
	bool negative;
	int scale;                   /* 0..38 */
	unsigned __int128 magnitude; /* < 10^38 */
};

/* Reads a WireType::decimal value. False if the bytes are not one (wrong length, precision or scale
 * out of range, magnitude of 10^38 or more). */
bool read_decimal(const Value &value, Decimal *result) noexcept;

/* Reads money (8 bytes) or smallmoney (4 bytes) as an integer of 1/10000. */
std::int64_t read_money(const Value &value) noexcept;

} // namespace sambapos::tds
