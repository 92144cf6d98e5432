/* Remote procedure calls (MS-TDS 2.2.6.6): the procedure's name and its typed parameters. */
#include "tsql/error.hpp"
#include "session/session.hpp"
#include "tsql/text.hpp"

#include <cmath>
#include <cstdio>
#include <cstring>

namespace till
{

namespace
{

class Reader
{
	const std::string &s;
	size_t at = 0;

public:
	explicit Reader(const std::string &data) : s(data) {}
	bool at_end() const { return at >= s.size(); }
	std::string bytes(size_t n)
	{
		if (at + n > s.size())
			throw Disconnected();
		at += n;
		return s.substr(at - n, n);
	}
	unsigned long long number(size_t n)
	{
		std::string b = bytes(n);
		unsigned long long v = 0;

		for (size_t i = n; i-- > 0;)
			v = v << 8 | static_cast<unsigned char>(b[i]);
		return v;
	}
	std::string text(size_t units)
	{
		std::string b = bytes(units * 2);

		return utf16_to_utf8(reinterpret_cast<const unsigned char *>(b.data()), units);
	}
};

struct WireType
{
	Type type;
	unsigned token = 0;
	int size = 0; /* fixed types */
	bool plp = false;
};

WireType
read_type(Reader &r)
{
	WireType w;

	w.token = static_cast<unsigned>(r.number(1));
	switch (w.token)
	{
		case 0x30: w = {simple(Kind::tinyint), w.token, 1}; break;
		case 0x32: w = {simple(Kind::bit), w.token, 1}; break;
		case 0x34: w = {simple(Kind::smallint), w.token, 2}; break;
		case 0x38: w = {simple(Kind::integer), w.token, 4}; break;
		case 0x7F: w = {simple(Kind::bigint), w.token, 8}; break;
		case 0x3B: w = {simple(Kind::real), w.token, 4}; break;
		case 0x3E: w = {simple(Kind::float8), w.token, 8}; break;
		case 0x3D: w = {simple(Kind::datetime), w.token, 8}; break;
		case 0x68: r.number(1), w.type = simple(Kind::bit); break;
		case 0x26:
		{
			unsigned n = static_cast<unsigned>(r.number(1));

			w.type = simple(n == 1   ? Kind::tinyint
							: n == 2 ? Kind::smallint
							: n == 8 ? Kind::bigint
									 : Kind::integer);
			break;
		}
		case 0x6D: w.type = simple(r.number(1) == 4 ? Kind::real : Kind::float8); break;
		case 0x6E: w.type = simple(r.number(1) == 4 ? Kind::smallmoney : Kind::money); break;
		case 0x6F: w.type = simple(r.number(1) == 4 ? Kind::smalldatetime : Kind::datetime); break;
		case 0x6A:
		case 0x6C:
		{
			r.number(1);
			int precision = static_cast<int>(r.number(1)), scale = static_cast<int>(r.number(1));

			w.type = decimal_type(precision, scale);
			break;
		}
		case 0x24: r.number(1), w.type = simple(Kind::uniqueidentifier); break;
		case 0x28: w.type = simple(Kind::date); break;
		case 0x29:
		case 0x2A:
		case 0x2B:
			w.type = simple(w.token == 0x29   ? Kind::time
							: w.token == 0x2A ? Kind::datetime2
											  : Kind::datetimeoffset);
			w.type.scale = static_cast<int>(r.number(1));
			break;
		case 0xE7:
		case 0xEF:
		case 0xA7:
		case 0xAF:
		case 0xA5:
		case 0xAD:
		{
			unsigned n = static_cast<unsigned>(r.number(2));
			bool wide = w.token == 0xE7 || w.token == 0xEF,
				 binary = w.token == 0xA5 || w.token == 0xAD;

			if (!binary)
				r.bytes(5);
			w.plp = n == 0xFFFF;
			w.type = string_type(binary ? Kind::varbinary
								 : wide ? Kind::nvarchar
										: Kind::varchar,
								 w.plp ? max_length : static_cast<int>(wide ? n / 2 : n));
			break;
		}
		default: throw unsupported("an RPC parameter of TDS type " + std::to_string(w.token));
	}
	return w;
}

std::string
decimal_text(const std::string &b, int scale)
{
	unsigned __int128 v = 0;
	std::string digits;

	for (size_t i = b.size(); i-- > 1;)
		v = v << 8 | static_cast<unsigned char>(b[i]);
	for (; v != 0 || static_cast<int>(digits.size()) <= scale; v /= 10)
		digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(v % 10)));
	if (scale > 0)
		digits.insert(digits.size() - static_cast<size_t>(scale), ".");
	return (b[0] ? "" : "-") + digits;
}

long long
integer_of(const std::string &b, bool is_signed)
{
	unsigned long long v = 0;

	for (size_t i = b.size(); i-- > 0;)
		v = v << 8 | static_cast<unsigned char>(b[i]);
	if (is_signed && b.size() < 8 && (b.back() & 0x80))
		v |= ~0ULL << (8 * b.size());
	return static_cast<long long>(v);
}

std::string
hex_text(const std::string &b)
{
	static const char digits[] = "0123456789abcdef";
	std::string out = "\\x";

	for (unsigned char c : b)
	{
		out += digits[c >> 4];
		out += digits[c & 15];
	}
	return out;
}

std::string
temporal_text(const std::string &b, const Type &t)
{
	long long unit = 1, ticks, days = 0;
	size_t date = t.kind == Kind::date ? 0
									   : b.size() - (t.kind == Kind::time        ? 0
													 : t.kind == Kind::datetime2 ? 3
																				 : 5);

	for (int i = t.scale; i < 7; i++)
		unit *= 10;
	ticks = date > 0 ? integer_of(b.substr(0, date), false) * unit : 0;
	if (t.kind != Kind::time)
		days = integer_of(b.substr(date, 3), false);
	if (t.kind == Kind::date)
		return ticks_text(days * 864000000000LL, 0).substr(0, 10);
	ticks += days * 864000000000LL;
	if (t.kind == Kind::datetimeoffset)
		return "(" + std::to_string(ticks) + "," +
			   std::to_string(integer_of(b.substr(date + 3, 2), true)) + ")";
	return std::to_string(ticks);
}

std::string
datetime_text(const std::string &b)
{
	long long days = integer_of(b.substr(0, b.size() / 2), true),
			  rest = integer_of(b.substr(b.size() / 2), false);
	long long ticks = (693595 + days) * 864000000000LL;

	if (b.size() == 4)
		return ticks_text(ticks + rest * 600000000LL, 0);
	return ticks_text(round_to_300th(ticks + (rest * 100000 + 1) / 3), 3);
}

std::string
guid_text(const std::string &b)
{
	static const int order[] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	std::string out;
	char two[3];

	for (int i : order)
	{
		std::snprintf(two, sizeof two, "%02x",
					  static_cast<unsigned char>(b[static_cast<size_t>(i)]));
		out += two;
	}
	return out;
}

std::string
value_text(const std::string &b, const WireType &w, int codepage)
{
	const Type &t = w.type;

	if (is_unicode(t.kind))
		return utf16_to_utf8(reinterpret_cast<const unsigned char *>(b.data()), b.size() / 2);
	if (is_string(t.kind))
		return from_codepage(b, codepage);
	if (is_binary(t.kind))
		return hex_text(b);
	if (t.kind == Kind::decimal)
		return decimal_text(b, t.scale);
	if (t.kind == Kind::money || t.kind == Kind::smallmoney)
	{
		std::string swapped = b.size() == 8 ? b.substr(4) + b.substr(0, 4) : b;
		long long v = integer_of(swapped, true);
		char out[40];

		std::snprintf(out, sizeof out, "%s%lld.%04lld", v < 0 ? "-" : "", std::llabs(v) / 10000,
					  std::llabs(v) % 10000);
		return out;
	}
	if (t.kind == Kind::real || t.kind == Kind::float8)
	{
		float f;
		double d;
		char out[40];

		std::memcpy(&f, b.data(), 4);
		if (b.size() == 8)
			std::memcpy(&d, b.data(), 8);
		else
			d = static_cast<double>(f);
		std::snprintf(out, sizeof out, b.size() == 8 ? "%.17g" : "%.9g", d);
		return out;
	}
	if (t.kind == Kind::datetime || t.kind == Kind::smalldatetime)
		return datetime_text(b);
	if (t.kind == Kind::uniqueidentifier)
		return guid_text(b);
	if (is_temporal(t.kind))
		return temporal_text(b, t);
	return std::to_string(integer_of(b, t.kind != Kind::tinyint && t.kind != Kind::bit));
}

std::string
read_plp(Reader &r, bool *null)
{
	unsigned long long total = r.number(8);
	std::string value;

	*null = total == ~0ULL;
	if (*null)
		return value;
	while (size_t n = static_cast<size_t>(r.number(4)))
		value += r.bytes(n);
	return value;
}

Variable
read_value(Reader &r, int codepage)
{
	WireType w = read_type(r);
	Variable v;
	std::string raw;

	v.type = w.type;
	v.null = false;
	if (w.size > 0)
		raw = r.bytes(static_cast<size_t>(w.size));
	else if (w.plp)
		raw = read_plp(r, &v.null);
	else if (is_string(w.type.kind) || is_binary(w.type.kind))
	{
		size_t n = static_cast<size_t>(r.number(2));

		v.null = n == 0xFFFF;
		if (!v.null)
			raw = r.bytes(n);
	}
	else
	{
		size_t n = static_cast<size_t>(r.number(1));

		v.null = n == 0;
		raw = r.bytes(n);
	}
	if (!v.null)
		v.text = value_text(raw, w, codepage);
	if (v.type.length == 0 && (is_string(v.type.kind) || is_binary(v.type.kind)))
		v.type.length = 1;
	return v;
}

} // namespace

RpcRequest
parse_rpc(const std::string &data, bool has_headers, int codepage)
{
	static const char *known[] = {"",
								  "sp_cursor",
								  "sp_cursoropen",
								  "sp_cursorprepare",
								  "sp_cursorexecute",
								  "sp_cursorprepexec",
								  "sp_cursorunprepare",
								  "sp_cursorfetch",
								  "sp_cursoroption",
								  "sp_cursorclose",
								  "sp_executesql",
								  "sp_prepare",
								  "sp_execute",
								  "sp_prepexec",
								  "sp_prepexecrpc",
								  "sp_unprepare"};
	RpcRequest request;
	Reader r(data);

	if (has_headers)
	{
		size_t length = static_cast<size_t>(r.number(4));

		r.bytes(length - 4);
	}
	size_t units = static_cast<size_t>(r.number(2));

	if (units == 0xFFFF)
	{
		size_t id = static_cast<size_t>(r.number(2));

		request.procedure = id < sizeof known / sizeof *known ? known[id] : "?";
	}
	else
		request.procedure = r.text(units);
	r.number(2); /* option flags */
	while (!r.at_end())
	{
		RpcRequest::Parameter p;
		size_t length = static_cast<size_t>(r.number(1));

		if (length == 0xFF || length == 0x80)
			throw unsupported("several procedures in one RPC");
		p.name = r.text(length);
		p.output = (r.number(1) & 1) != 0;
		p.value = read_value(r, codepage);
		request.parameters.push_back(std::move(p));
	}
	return request;
}

} // namespace till
