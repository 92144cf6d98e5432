/*
 * PostgreSQL's binary formats on one side, TDS's on the other: big-endian against little-endian,
 * base-10000 numerics against 128-bit integers, 2000-01-01 against 1900-01-01 and 0001-01-01.
 */
#include "wire/rows.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

#include <cstring>

namespace till
{

static unsigned long long
big_endian(const char *data, int length)
{
	unsigned long long v = 0;

	for (int i = 0; i < length; i++)
		v = v << 8 | static_cast<unsigned char>(data[i]);
	return v;
}

static long long
signed_big_endian(const char *data, int length)
{
	unsigned long long v = big_endian(data, length);

	if (length == 2)
		return static_cast<std::int16_t>(v);
	if (length == 4)
		return static_cast<std::int32_t>(v);
	return static_cast<long long>(v);
}

static void
little_endian(std::string &out, unsigned long long v, int bytes)
{
	for (; bytes > 0; bytes--, v >>= 8)
		out += static_cast<char>(v);
}

/* A numeric as an integer of 10^-scale; what lies behind the scale is never there by then. */
static __int128
numeric_value(const char *data, int scale)
{
	int digits = static_cast<int>(big_endian(data, 2)),
		weight = static_cast<int>(signed_big_endian(data + 2, 2));
	unsigned sign = static_cast<unsigned>(big_endian(data + 4, 2));
	unsigned __int128 v = 0;
	int exponent =
		(weight - digits + 1) * 4 + scale; /* of the last digit, in tens of the result's unit */

	for (int i = 0; i < digits; i++)
	{
		unsigned unit = 10000, group = static_cast<unsigned>(big_endian(data + 8 + 2 * i, 2));

		/* 38 digits behind the point are ten groups: the last one's zeros would be two too many */
		for (; i == digits - 1 && exponent < 0 && unit > 1; exponent++)
		{
			unit /= 10;
			group /= 10;
		}
		v = v * unit + group;
	}
	for (; exponent > 0; exponent--)
		v *= 10;
	for (; exponent < 0; exponent++)
		v /= 10;
	if (sign == 0xC000)
		throw SqlError(8115, 16, 2,
					   "Arithmetic overflow error converting expression to data type numeric.");
	return sign == 0x4000 ? -static_cast<__int128>(v) : static_cast<__int128>(v);
}

void
RowEncoder::integer(std::string &out, const Column &c, const char *data, int length)
{
	int size = c.type.kind == Kind::bit || c.type.kind == Kind::tinyint ? 1
			   : c.type.kind == Kind::smallint                          ? 2
			   : c.type.kind == Kind::bigint                            ? 8
																		: 4;

	if (c.nullable)
		out += static_cast<char>(size);
	little_endian(out, static_cast<unsigned long long>(signed_big_endian(data, length)), size);
}

void
RowEncoder::real(std::string &out, const Column &c, const char *data, int length)
{
	if (c.nullable)
		out += static_cast<char>(length);
	little_endian(out, big_endian(data, length), length);
}

void
RowEncoder::decimal(std::string &out, const Column &c, const char *data, int length)
{
	__int128 v = numeric_value(data, c.type.scale);
	unsigned __int128 magnitude = static_cast<unsigned __int128>(v < 0 ? -v : v);
	int size = c.type.precision <= 9    ? 5
			   : c.type.precision <= 19 ? 9
			   : c.type.precision <= 28 ? 13
										: 17;

	(void) length;
	out += static_cast<char>(size);
	out += static_cast<char>(v >= 0);
	for (int i = 1; i < size; i++, magnitude >>= 8)
		out += static_cast<char>(magnitude);
	if (magnitude != 0)
		throw SqlError(8115, 16, 2,
					   "Arithmetic overflow error converting expression to data type numeric.");
}

void
RowEncoder::money(std::string &out, const Column &c, const char *data, int length)
{
	__int128 wide = numeric_value(data, 4);
	long long v = static_cast<long long>(wide);

	(void) length;
	if (v != wide || (c.type.kind == Kind::smallmoney && v != static_cast<std::int32_t>(v)))
		throw SqlError(8115, 16, 2,
					   "Arithmetic overflow error converting expression to data type money.");
	if (c.type.kind == Kind::smallmoney)
	{
		if (c.nullable)
			out += '\4';
		little_endian(out, static_cast<unsigned long long>(v), 4);
		return;
	}
	if (c.nullable)
		out += '\10';
	little_endian(out, static_cast<unsigned long long>(v) >> 32, 4);
	little_endian(out, static_cast<unsigned long long>(v) & 0xFFFFFFFFu, 4);
}

/* Bytes with the length prefix the column's kind has; SET TEXTSIZE cuts the long ones. */
void
RowEncoder::sized(std::string &out, const Column &c, std::string_view bytes)
{
	if ((c.plp || c.old_blob) && c.text_size < static_cast<long long>(bytes.size()))
		bytes = bytes.substr(0, static_cast<size_t>(c.text_size) &
									~(is_unicode(c.type.kind) ? size_t(1) : size_t(0)));
	if (c.plp)
	{
		put_u64(out, bytes.size());
		if (!bytes.empty())
		{
			put_u32(out, static_cast<unsigned>(bytes.size()));
			out.append(bytes);
		}
		put_u32(out, 0);
		return;
	}
	bytes =
		bytes.substr(0, 8000 + (c.old_blob ? bytes.size() : 0)); /* what is not (max) ends there */
	if (c.old_blob)
	{
		put_u8(out, 16);
		out.append("dummy textptr\0\0\0", 16);
		out.append("dummyTS\0", 8);
		put_u32(out, static_cast<unsigned>(bytes.size()));
	}
	else
		put_u16(out, static_cast<unsigned>(bytes.size()));
	out.append(bytes);
}

void
RowEncoder::text(std::string &out, const Column &c, const char *data, int length)
{
	std::string_view utf8(data, static_cast<size_t>(length));

	if (is_unicode(c.type.kind))
	{
		thread_local std::string wide;

		wide.clear();
		append_utf16(wide, utf8);
		return sized(out, c, wide);
	}
	sized(out, c, to_codepage(utf8, c.codepage));
}

void
RowEncoder::binary(std::string &out, const Column &c, const char *data, int length)
{
	sized(out, c, std::string_view(data, static_cast<size_t>(length)));
}

void
RowEncoder::guid(std::string &out, const Column &, const char *data, int)
{
	static const int order[] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

	out += static_cast<char>(16);
	for (int i : order)
		out += data[i];
}

void
RowEncoder::date(std::string &out, const Column &, const char *data, int length)
{
	out += '\3';
	little_endian(out, static_cast<unsigned long long>(signed_big_endian(data, length) + 730119),
				  3);
}

/* timestamp: microseconds since 2000-01-01; datetime: days since 1900-01-01 and 1/300 s. */
void
RowEncoder::datetime(std::string &out, const Column &c, const char *data, int length)
{
	long long micro = signed_big_endian(data, length), day = 86400000000LL;
	long long days = micro / day - (micro % day < 0), rest = micro - days * day;

	days += 36524;
	if (c.type.kind == Kind::smalldatetime)
	{
		if (c.nullable)
			out += '\4';
		little_endian(out, static_cast<unsigned long long>(days), 2);
		little_endian(out, static_cast<unsigned long long>(rest / 60000000), 2);
		return;
	}
	if (c.nullable)
		out += '\10';
	little_endian(out, static_cast<unsigned long long>(days), 4);
	little_endian(out, static_cast<unsigned long long>((rest * 3 + 5000) / 10000), 4);
}

static void
put_scaled_time(std::string &out, long long ticks, int scale)
{
	long long unit = 1;

	for (int i = scale; i < 7; i++)
		unit *= 10;
	little_endian(out, static_cast<unsigned long long>(ticks / unit),
				  scale <= 2   ? 3
				  : scale <= 4 ? 4
							   : 5);
}

/* time and datetime2: ticks of 100 ns. */
void
RowEncoder::time(std::string &out, const Column &c, const char *data, int length)
{
	long long ticks = signed_big_endian(data, length), day = 864000000000LL;
	int size = c.type.scale <= 2 ? 3 : c.type.scale <= 4 ? 4 : 5;
	bool with_date = c.type.kind == Kind::datetime2;

	out += static_cast<char>(size + (with_date ? 3 : 0));
	put_scaled_time(out, ticks % day, c.type.scale);
	if (with_date)
		little_endian(out, static_cast<unsigned long long>(ticks / day), 3);
}

/* The composite (ticks bigint, minutes smallint) in record_send's form: count, then oid, length,
 * bytes each. */
void
RowEncoder::datetimeoffset(std::string &out, const Column &c, const char *data, int)
{
	long long ticks = signed_big_endian(data + 12, 8), day = 864000000000LL;
	int minutes = static_cast<int>(signed_big_endian(data + 28, 2));
	int size = c.type.scale <= 2 ? 3 : c.type.scale <= 4 ? 4 : 5;

	out += static_cast<char>(size + 5);
	put_scaled_time(out, ticks % day, c.type.scale);
	little_endian(out, static_cast<unsigned long long>(ticks / day), 3);
	little_endian(out, static_cast<unsigned long long>(minutes), 2);
}

/* sql_variant: the composite (type text, value text); integers go as int, the rest as nvarchar. */
void
RowEncoder::variant(std::string &out, const Column &, const char *data, int)
{
	int type_length = static_cast<int>(big_endian(data + 8, 4));
	std::string type(data + 12, static_cast<size_t>(type_length));
	const char *second = data + 12 + type_length;
	int length = static_cast<int>(signed_big_endian(second + 4, 4));
	std::string value = length > 0 ? std::string(second + 8, static_cast<size_t>(length)) : "";
	std::string wide;

	if (length < 0)
		return put_u32(out, 0);
	if (type == "int")
	{
		put_u32(out, 6);
		put_u8(out, 0x38);
		put_u8(out, 0);
		return put_u32(out, static_cast<unsigned>(std::atoi(value.c_str())));
	}
	append_utf16(wide, value);
	wide.resize(std::min<size_t>(wide.size(), 8000));
	put_u32(out, static_cast<unsigned>(wide.size() + 9));
	put_u8(out, 0xE7);
	put_u8(out, 7);
	out.append("\x09\x04\xD0\x00\x34", 5);
	put_u16(out, 8000);
	out += wide;
}

void
RowEncoder::null(std::string &out, const Column &c)
{
	if (c.plp)
		put_u64(out, ~0ULL);
	else if (c.old_blob)
		put_u8(out, 0);
	else if (is_string(c.type.kind) || is_binary(c.type.kind))
		put_u16(out, 0xFFFF);
	else if (c.type.kind == Kind::variant)
		put_u32(out, 0);
	else if (!c.nullable && is_number(c.type.kind) && c.type.kind != Kind::decimal)
		throw SqlError(50000, 16, 1,
					   "a NULL in a column that cannot be NULL: the till's own mistake");
	else
		put_u8(out, 0);
}

RowEncoder::Encode
RowEncoder::encoder_for(const Type &t)
{
	if (is_string(t.kind) || t.kind == Kind::xml)
		return text;
	if (is_binary(t.kind))
		return binary;
	switch (t.kind)
	{
		case Kind::real:
		case Kind::float8: return real;
		case Kind::decimal: return decimal;
		case Kind::smallmoney:
		case Kind::money: return money;
		case Kind::uniqueidentifier: return guid;
		case Kind::date: return date;
		case Kind::smalldatetime:
		case Kind::datetime: return datetime;
		case Kind::time:
		case Kind::datetime2: return time;
		case Kind::datetimeoffset: return datetimeoffset;
		case Kind::variant: return variant;
		default: return integer;
	}
}

RowEncoder::RowEncoder(const std::vector<OutputColumn> &columns, const TokenWriter &w)
{
	for (const OutputColumn &o : columns)
	{
		bool blob = is_blob(o.type);
		bool old = o.type.kind == Kind::text || o.type.kind == Kind::ntext ||
				   o.type.kind == Kind::image || !w.has_large_types();
		Column c{};

		c.encode = encoder_for(o.type);
		c.type = o.type;
		c.nullable = o.nullable || o.type.kind == Kind::null;
		c.plp = blob && !old;
		c.old_blob = blob && old;
		c.text_size = w.text_size;
		c.codepage =
			is_string(o.type.kind)
				? collation(o.type.collation.empty() ? w.default_collation : o.type.collation)
					  .codepage
				: 1252;
		list.push_back(c);
	}
}

const std::string &
RowEncoder::encode(const char *data, int length)
{
	static const char signature[] = "PGCOPY\n\377\r\n\0";
	const char *end = data + length;

	row.clear();
	if (length >= 19 && std::memcmp(data, signature, 11) == 0)
		data += 19;
	if (end - data < 2 || signed_big_endian(data, 2) < 0)
		return row;
	data += 2;
	row += static_cast<char>(0xD1);
	for (const Column &c : list)
	{
		int n = static_cast<int>(signed_big_endian(data, 4));

		data += 4;
		if (n < 0)
		{
			null(row, c);
			continue;
		}
		c.encode(row, c, data, n);
		data += n;
	}
	return row;
}

} // namespace till
