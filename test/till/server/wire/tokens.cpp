/* TDS tokens; see tokens.hpp. */
#include "wire/tokens.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

#include <algorithm>

namespace till
{

void
put_u8(std::string &out, unsigned v)
{
	out += static_cast<char>(v);
}

void
put_u16(std::string &out, unsigned v)
{
	put_u8(out, v & 0xFF);
	put_u8(out, v >> 8 & 0xFF);
}

void
put_u32(std::string &out, unsigned v)
{
	put_u16(out, v & 0xFFFF);
	put_u16(out, v >> 16);
}

void
put_u64(std::string &out, unsigned long long v)
{
	put_u32(out, static_cast<unsigned>(v));
	put_u32(out, static_cast<unsigned>(v >> 32));
}

void
put_b_varchar(std::string &out, const std::string &utf8)
{
	std::string wide;

	append_utf16(wide, utf8);
	wide.resize(std::min<size_t>(wide.size(), 510));
	put_u8(out, static_cast<unsigned>(wide.size() / 2));
	out += wide;
}

void
put_us_varchar(std::string &out, const std::string &utf8)
{
	std::string wide;

	append_utf16(wide, utf8);
	wide.resize(std::min<size_t>(wide.size(), 8000));
	put_u16(out, static_cast<unsigned>(wide.size() / 2));
	out += wide;
}

void
TokenWriter::message(int token, int number, int state, int severity, const std::string &text,
					 int line)
{
	std::string body, out;

	put_u32(body, static_cast<unsigned>(number));
	put_u8(body, static_cast<unsigned>(state));
	put_u8(body, static_cast<unsigned>(severity));
	put_us_varchar(body, text);
	put_b_varchar(body, server_name);
	put_b_varchar(body, "");
	if (has_large_types())
		put_u32(body, static_cast<unsigned>(line));
	else
		put_u16(body, static_cast<unsigned>(line));
	put_u8(out, static_cast<unsigned>(token));
	put_u16(out, static_cast<unsigned>(body.size()));
	channel.put(out + body);
}

void
TokenWriter::done(int token, int status, int command, long long rows)
{
	std::string out;

	put_u8(out, static_cast<unsigned>(token));
	put_u16(out, static_cast<unsigned>(status | (rows >= 0 ? done_count : 0)));
	put_u16(out, static_cast<unsigned>(command));
	if (has_large_types())
		put_u64(out, static_cast<unsigned long long>(std::max(0LL, rows)));
	else
		put_u32(out, static_cast<unsigned>(std::max(0LL, rows)));
	channel.put(out);
}

void
TokenWriter::environment(int type, const std::string &now, const std::string &before)
{
	std::string body, out;

	put_u8(body, static_cast<unsigned>(type));
	put_b_varchar(body, now);
	put_b_varchar(body, before);
	put_u8(out, 0xE3);
	put_u16(out, static_cast<unsigned>(body.size()));
	channel.put(out + body);
}

void
TokenWriter::environment_bytes(int type, const std::string &now, const std::string &before)
{
	std::string body, out;

	put_u8(body, static_cast<unsigned>(type));
	put_u8(body, static_cast<unsigned>(now.size()));
	body += now;
	put_u8(body, static_cast<unsigned>(before.size()));
	body += before;
	put_u8(out, 0xE3);
	put_u16(out, static_cast<unsigned>(body.size()));
	channel.put(out + body);
}

void
TokenWriter::login_acknowledged()
{
	static const unsigned char versions[][4] = {
		{0x71, 0, 0, 1}, {0x72, 0x09, 0, 2}, {0x73, 0x0B, 0, 3}, {0x74, 0, 0, 4}};
	std::string body, out;

	put_u8(body, 1);
	body.append(reinterpret_cast<const char *>(versions[version - 0x71]), 4);
	put_b_varchar(body, "Microsoft SQL Server");
	body.append("\x0D\x00\x13\xA2", 4); /* 13.0.5026 */
	put_u8(out, 0xAD);
	put_u16(out, static_cast<unsigned>(body.size()));
	channel.put(out + body);
}

static void
put_string_info(std::string &out, const Type &t, const TokenWriter &w)
{
	bool unicode = is_unicode(t.kind);
	int token = t.kind == Kind::nchar       ? 0xEF
				: t.kind == Kind::nvarchar  ? 0xE7
				: t.kind == Kind::character ? 0xAF
											: 0xA7;
	Collation c = collation(t.collation.empty() ? w.default_collation : t.collation);
	unsigned bytes = static_cast<unsigned>(t.length * (unicode ? 2 : 1));

	if (t.kind == Kind::text || t.kind == Kind::ntext ||
		(t.length == max_length && !w.has_large_types()))
	{
		put_u8(out, unicode ? 0x63 : 0x23);
		put_u32(out, unicode ? 0x7FFFFFFE : 0x7FFFFFFF);
	}
	else
	{
		put_u8(out, static_cast<unsigned>(token));
		put_u16(out, t.length == max_length ? 0xFFFF : bytes);
	}
	out.append(reinterpret_cast<const char *>(c.tds), 5);
}

static void
put_binary_info(std::string &out, const Type &t, const TokenWriter &w)
{
	if (t.kind == Kind::image || (t.length == max_length && !w.has_large_types()))
	{
		put_u8(out, 0x22);
		put_u32(out, 0x7FFFFFFF);
		return;
	}
	put_u8(out, t.kind == Kind::varbinary ? 0xA5 : 0xAD);
	put_u16(out, t.kind == Kind::rowversion ? 8
				 : t.length == max_length   ? 0xFFFF
											: static_cast<unsigned>(t.length));
}

static void
put_number_info(std::string &out, const Type &t, bool nullable)
{
	struct Code
	{
		Kind kind;
		int fixed, variable, size;
	};
	static const Code codes[] = {
		{Kind::bit, 0x32, 0x68, 1},      {Kind::tinyint, 0x30, 0x26, 1},
		{Kind::smallint, 0x34, 0x26, 2}, {Kind::integer, 0x38, 0x26, 4},
		{Kind::bigint, 0x7F, 0x26, 8},   {Kind::real, 0x3B, 0x6D, 4},
		{Kind::float8, 0x3E, 0x6D, 8},   {Kind::smallmoney, 0x7A, 0x6E, 4},
		{Kind::money, 0x3C, 0x6E, 8},    {Kind::smalldatetime, 0x3A, 0x6F, 4},
		{Kind::datetime, 0x3D, 0x6F, 8}};

	for (const Code &c : codes)
		if (c.kind == t.kind)
		{
			put_u8(out, static_cast<unsigned>(nullable ? c.variable : c.fixed));
			if (nullable)
				put_u8(out, static_cast<unsigned>(c.size));
			return;
		}
}

void
put_type_info(std::string &out, const Type &t, bool nullable, const TokenWriter &w)
{
	if (is_string(t.kind))
		return put_string_info(out, t, w);
	if (is_binary(t.kind))
		return put_binary_info(out, t, w);
	switch (t.kind)
	{
		case Kind::decimal:
			put_u8(out, 0x6A);
			put_u8(out, t.precision <= 9 ? 5 : t.precision <= 19 ? 9 : t.precision <= 28 ? 13 : 17);
			put_u8(out, static_cast<unsigned>(t.precision));
			put_u8(out, static_cast<unsigned>(t.scale));
			return;
		case Kind::uniqueidentifier:
			put_u8(out, 0x24);
			put_u8(out, 16);
			return;
		case Kind::date:
		case Kind::time:
		case Kind::datetime2:
		case Kind::datetimeoffset:
			put_u8(out, t.kind == Kind::date        ? 0x28
						: t.kind == Kind::time      ? 0x29
						: t.kind == Kind::datetime2 ? 0x2A
													: 0x2B);
			if (t.kind != Kind::date)
				put_u8(out, static_cast<unsigned>(t.scale));
			return;
		case Kind::xml:
			if (!w.has_large_types())
				return put_string_info(out, simple(Kind::ntext), w);
			put_u8(out, 0xF1);
			put_u8(out, 0);
			return;
		case Kind::variant:
			put_u8(out, 0x62);
			put_u32(out, 8009);
			return;
		case Kind::hierarchyid:
		case Kind::geometry:
		case Kind::geography: throw unsupported("values of CLR types");
		case Kind::null: return put_number_info(out, simple(Kind::integer), true);
		default: return put_number_info(out, t, nullable);
	}
}

void
TokenWriter::columns(const std::vector<OutputColumn> &list)
{
	std::string out;

	put_u8(out, 0x81);
	put_u16(out, static_cast<unsigned>(list.size()));
	for (const OutputColumn &c : list)
	{
		unsigned user_type = c.type.kind == Kind::rowversion ? 80 : 0;

		if (has_large_types())
			put_u32(out, user_type);
		else
			put_u16(out, user_type);
		put_u16(out, (c.nullable ? 1u : 0u) | (c.identity ? 0x10u : 0x08u));
		put_type_info(out, c.type, c.nullable, *this);
		bool old_blob = c.type.kind == Kind::text || c.type.kind == Kind::ntext ||
						c.type.kind == Kind::image || (!has_large_types() && is_blob(c.type));

		if (old_blob) /* its table's name, which we do not follow through expressions */
		{
			if (has_large_types())
				put_u8(out, 0);
			else
				put_u16(out, 0);
		}
		put_b_varchar(out, c.name);
	}
	channel.put(out);
}

void
TokenWriter::return_status(int value)
{
	std::string out;

	put_u8(out, 0x79);
	put_u32(out, static_cast<unsigned>(value));
	channel.put(out);
}

} // namespace till
