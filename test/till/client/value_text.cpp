/*
 * One function a wire format; value_text chooses by DB-Library's column type.
 */
#include "client/value_text.hpp"

#include <sybfront.h>
#include <sybdb.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <stdexcept>

namespace tillctl
{

namespace
{

/* Types that reach the client but that sybdb.h does not name. */
constexpr int wire_uuid = 36;
constexpr int wire_nvarchar = 231;
constexpr int wire_xml = 241;

template <typename T>
T
read(const BYTE *data)
{
	T value;

	memcpy(&value, data, sizeof(value));
	return value;
}

template <typename... Args>
std::string
print(const char *format, Args... args)
{
	char buffer[80];

	snprintf(buffer, sizeof(buffer), format, args...);
	return buffer;
}

/* Digits with a decimal point `scale` digits from the right. */
std::string
with_point(unsigned __int128 magnitude, int scale, bool negative)
{
	std::string digits;

	for (; magnitude > 0; magnitude /= 10)
		digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(magnitude % 10)));
	if (static_cast<int>(digits.size()) <= scale)
		digits.insert(0, scale + 1 - digits.size(), '0');
	bool zero = digits.find_first_not_of('0') == std::string::npos;
	if (scale > 0)
		digits.insert(digits.size() - scale, ".");
	return (negative && !zero ? "-" : "") + digits;
}

/* precision, scale, then sign (0 positive) and big-endian magnitude. */
std::string
decimal_text(const BYTE *data)
{
	DBNUMERIC number = read<DBNUMERIC>(data);
	unsigned __int128 limit = 1, magnitude = 0;
	int bytes = 0;

	for (int i = 0; i < number.precision; i++)
		limit *= 10;
	for (unsigned __int128 rest = limit - 1; rest > 0; rest >>= 8)
		bytes++;
	for (int i = 1; i <= bytes; i++)
		magnitude = magnitude << 8 | number.array[i];
	return with_point(magnitude, number.scale, number.array[0] != 0);
}

std::string
money_text(int64_t value)
{
	unsigned __int128 magnitude = value < 0 ? -static_cast<__int128>(value) : value;

	return with_point(magnitude, 4, value < 0);
}

/* As PostgreSQL prints it: fixed while the exponent is in [-4, limit), else scientific. */
template <typename Float>
std::string
float_text(Float value, int limit)
{
	char buffer[64];
	auto end = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
	std::string text(buffer, end.ptr);
	size_t mark = text.find('e');

	if (mark == std::string::npos)
		throw std::runtime_error("a float that is no number");
	int exponent = std::stoi(text.substr(mark + 1));
	if (exponent < -4 || exponent >= limit)
		return text;
	auto fixed = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::fixed);
	return std::string(buffer, fixed.ptr);
}

/* Days since 1900-01-01 as a date (the proleptic Gregorian calendar, by eras of 400 years). */
std::string
date_text(int64_t days)
{
	int64_t z = days - 25567 + 719468; /* since 0000-03-01 */
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t day_of_era = z - era * 146097;
	int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted = (5 * day_of_year + 2) / 153; /* month, from March */
	int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
	int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);

	return print("%04d-%02d-%02d", static_cast<int>(year), static_cast<int>(month),
				 static_cast<int>(day_of_year - (153 * shifted + 2) / 5 + 1));
}

std::string
clock_text(int64_t seconds)
{
	return print("%02d:%02d:%02d", static_cast<int>(seconds / 3600),
				 static_cast<int>(seconds / 60 % 60), static_cast<int>(seconds % 60));
}

std::string
datetime_text(const BYTE *data)
{
	auto value = read<DBDATETIME>(data);

	return date_text(value.dtdays) + " " + clock_text(value.dttime / 300) +
		   print(".%03d", (value.dttime % 300 * 10 + 1) / 3);
}

std::string
smalldatetime_text(const BYTE *data)
{
	auto days = read<uint16_t>(data);
	auto minutes = read<uint16_t>(data + 2);

	return date_text(days) + " " + clock_text(minutes * 60);
}

/* time(n) or the time of a datetime2(n): n digits of a second. */
std::string
time_text(uint64_t hundred_ns, int digits)
{
	std::string text = clock_text(static_cast<int64_t>(hundred_ns / 10000000));

	if (digits > 0)
		text += "." + print("%07d", static_cast<int>(hundred_ns % 10000000)).substr(0, digits);
	return text;
}

/* date, time, datetime2 and datetimeoffset. The last is UTC on the wire: its offset is added. */
std::string
temporal_text(int type, const BYTE *data)
{
	auto value = read<DBDATETIMEALL>(data);
	int64_t day = value.date;
	int64_t time = static_cast<int64_t>(value.time);
	const int64_t day_length = 864000000000;

	if (type == SYBMSDATE)
		return date_text(day);
	if (type == SYBMSTIME)
		return time_text(value.time, value.time_prec);
	if (type == SYBMSDATETIMEOFFSET)
	{
		time += value.offset * INT64_C(600000000);
		day += time < 0 ? -1 : time >= day_length ? 1 : 0;
		time = (time + day_length) % day_length;
	}
	std::string text = date_text(day) + " " + time_text(time, value.time_prec);
	if (type == SYBMSDATETIMEOFFSET)
	{
		int offset = value.offset < 0 ? -value.offset : value.offset;
		text += print(" %c%02d:%02d", value.offset < 0 ? '-' : '+', offset / 60, offset % 60);
	}
	return text;
}

std::string
hexadecimal(const BYTE *data, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	std::string text;

	text.reserve(2 * length);
	for (size_t i = 0; i < length; i++)
	{
		text += digits[data[i] >> 4];
		text += digits[data[i] & 15];
	}
	return text;
}

std::string
uuid_text(const BYTE *data)
{
	static const int order[] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	BYTE bytes[16];

	for (int i = 0; i < 16; i++)
		bytes[i] = data[order[i]];
	std::string text = hexadecimal(bytes, 16);
	for (int at : {20, 16, 12, 8})
		text.insert(at, "-");
	return text;
}

std::string
integer_text(const BYTE *data, int length)
{
	switch (length)
	{
		case 1: return std::to_string(data[0]);
		case 2: return std::to_string(read<int16_t>(data));
		case 4: return std::to_string(read<int32_t>(data));
		default: return std::to_string(read<int64_t>(data));
	}
}

} // namespace

std::optional<std::string>
value_text(DBPROCESS *process, int column)
{
	int type = dbcoltype(process, column);
	int length = dbdatlen(process, column);
	const BYTE *data = dbdata(process, column);

	/* DB-Library has no address for an empty string either; only NULL has length 0 and no data. */
	if (data == nullptr && length <= 0)
		return std::nullopt;
	switch (type)
	{
		case SYBBIT:
		case SYBBITN: return data[0] != 0 ? "1" : "0";
		case SYBINT1:
		case SYBINT2:
		case SYBINT4:
		case SYBINT8:
		case SYBINTN: return integer_text(data, length);
		case SYBREAL: return float_text(read<float>(data), 6);
		case SYBFLT8: return float_text(read<double>(data), 15);
		case SYBMONEY4: return money_text(read<int32_t>(data));
		case SYBMONEY:
			return money_text(static_cast<int64_t>(read<int32_t>(data)) * INT64_C(4294967296) +
							  read<uint32_t>(data + 4));
		case SYBNUMERIC:
		case SYBDECIMAL: return decimal_text(data);
		case SYBDATETIME: return datetime_text(data);
		case SYBDATETIME4: return smalldatetime_text(data);
		case SYBMSDATE:
		case SYBMSTIME:
		case SYBMSDATETIME2:
		case SYBMSDATETIMEOFFSET: return temporal_text(type, data);
		case wire_uuid: return uuid_text(data);
		case SYBBINARY:
		case SYBVARBINARY:
		case SYBIMAGE: return hexadecimal(data, length);
		case SYBCHAR:
		case SYBVARCHAR:
		case SYBTEXT:
		case SYBNTEXT:
		case SYBNVARCHAR:
		case wire_nvarchar:
		case wire_xml: return std::string(reinterpret_cast<const char *>(data), length);
		default: throw std::runtime_error("a column of wire type " + std::to_string(type));
	}
}

std::string
type_text(DBPROCESS *process, int column)
{
	int type = dbcoltype(process, column);
	int length = dbcollen(process, column);
	const DBTYPEINFO *info = dbcoltypeinfo(process, column);
	std::string scale = info == nullptr ? "?" : std::to_string(info->scale);

	switch (type)
	{
		case SYBBIT:
		case SYBBITN: return "bit";
		case SYBINT1: return "tinyint";
		case SYBINT2: return "smallint";
		case SYBINT4: return "int";
		case SYBINT8: return "bigint";
		case SYBINTN:
			return length == 1   ? "tinyint"
				   : length == 2 ? "smallint"
				   : length == 4 ? "int"
								 : "bigint";
		case SYBREAL: return "real";
		case SYBFLT8: return "float";
		case SYBFLTN: return length == 4 ? "real" : "float";
		case SYBMONEY4: return "smallmoney";
		case SYBMONEY: return "money";
		case SYBMONEYN: return length == 4 ? "smallmoney" : "money";
		case SYBNUMERIC:
		case SYBDECIMAL:
			return "decimal(" + (info == nullptr ? "?" : std::to_string(info->precision)) + "," +
				   scale + ")";
		case SYBDATETIME: return "datetime";
		case SYBDATETIME4: return "smalldatetime";
		case SYBDATETIMN: return length == 4 ? "smalldatetime" : "datetime";
		case SYBMSDATE: return "date";
		case SYBMSTIME: return "time(" + scale + ")";
		case SYBMSDATETIME2: return "datetime2(" + scale + ")";
		case SYBMSDATETIMEOFFSET: return "datetimeoffset(" + scale + ")";
		case wire_uuid: return "uniqueidentifier";
		case SYBBINARY:
		case SYBVARBINARY:
		case SYBIMAGE: return "binary";
		default: return "text";
	}
}

} // namespace tillctl
