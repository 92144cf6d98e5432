/*
 * The emitter: conversions between T-SQL types. PostgreSQL's own casts where they mean the same,
 * else a function of schema till (conversions.sql) that raises T-SQL's error.
 */
#include "emit/emitter.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

#include <algorithm>

namespace till
{

std::string
Emitter::exactly(const Value &v)
{
	if (v.exact)
		return v.sql;
	return "(" + v.sql + ")::" + (v.type.kind == Kind::null ? "int4" : pg_type(v.type));
}

/* Any value as PostgreSQL text, for string functions and concatenation. */
std::string
Emitter::as_text(const Value &v)
{
	if (v.type.kind == Kind::null)
		return "NULL::text";
	if (is_string(v.type.kind) || v.type.kind == Kind::xml)
		return v.sql;
	return convert(v, string_type(Kind::nvarchar, max_length));
}

Value
Emitter::as_string(const Value &v)
{
	if (is_string(v.type.kind))
		return v;
	return Value{as_text(v),
				 string_type(Kind::nvarchar, v.type.kind == Kind::xml ? max_length : 100),
				 v.nullable};
}

/* Any of the date types as a PostgreSQL timestamp (to the microsecond). */
std::string
Emitter::as_timestamp(const Value &v)
{
	switch (v.type.kind)
	{
		case Kind::date: return "(" + v.sql + ")::timestamp";
		case Kind::datetime:
		case Kind::smalldatetime: return v.sql;
		case Kind::datetime2: return "till.ticks_timestamp(" + v.sql + ")";
		case Kind::time: return "till.ticks_timestamp(599266080000000000 + " + v.sql + ")";
		case Kind::datetimeoffset: return "till.ticks_timestamp(till.local_ticks(" + v.sql + "))";
		default: return convert(v, simple(Kind::datetime));
	}
}

namespace
{

/* Converts for one target; each returns an empty string where T-SQL has no such conversion. */
struct Conversion
{
	Emitter &emitter;
	const Environment &env;
	const Value &v;
	const Type &to;
	int style;
	bool attempt, assign;
	Kind from = v.type.kind;

	std::string to_bit() const;
	std::string to_integer() const;
	std::string to_decimal() const;
	std::string to_float() const;
	std::string to_string() const;
	std::string to_binary() const;
	std::string to_guid() const;
	std::string to_timestamp() const; /* datetime, smalldatetime */
	std::string to_date() const;
	std::string to_ticks() const; /* time, datetime2, datetimeoffset */
	std::string to_variant() const;
	std::string literal_date() const;
	std::string text_of() const;
	std::string bytes_of() const;
	std::string fitted(const std::string &text) const;
	bool short_in_text() const;
	std::string parsed(const char *function) const;
	std::string run() const;
};

/* till.parse_x(text, 'source type', attempt): raises T-SQL's conversion error, or gives NULL for
 * TRY_. */
std::string
Conversion::parsed(const char *function) const
{
	return std::string("till.") + function + "((" + v.sql + ") COLLATE \"C\", " +
		   quote_literal(type_name(v.type)) + ", " + quote_literal(type_name(to)) + ", " +
		   (attempt ? "true" : "false") + ")";
}

std::string
Conversion::to_bit() const
{
	if (is_number(from))
		return "((" + v.sql + ") <> 0)::int4::int2";
	if (is_string(from))
		return parsed("parse_bit");
	if (is_binary(from))
		return "(till.bytes_bigint(" + v.sql + ") <> 0)::int4::int2";
	return "";
}

std::string
Conversion::to_integer() const
{
	std::string sql;

	if (is_integer(from))
		sql = v.sql;
	else if (is_exact(from))
		sql = "trunc(" + v.sql + ")";
	else if (is_number(from))
		sql = "trunc((" + v.sql + ")::float8)";
	else if (is_string(from))
		sql = parsed("parse_integer");
	else if (is_binary(from))
		sql = "till.bytes_bigint(" + v.sql + ")";
	else if (from == Kind::datetime || from == Kind::smalldatetime)
		sql = "till.datetime_days(" + v.sql + ")";
	else
		return "";
	if (to.kind == Kind::tinyint && from != Kind::bit && from != Kind::tinyint)
		return (is_integer(from) || is_string(from) ? "till.tinyint((" : "till.tinyint_result((") +
			   sql + ")::int8)";
	if (to.kind == Kind::smallint && (from == Kind::integer || from == Kind::bigint))
		return "till.smallint((" + sql + ")::int8)";
	return "(" + sql + ")::" + pg_type(to);
}

std::string
Conversion::to_decimal() const
{
	std::string sql;

	if (is_exact(from))
	{
		Type as = as_decimal(v.type), wanted = as_decimal(to);

		sql = v.sql;
		if (as.scale == wanted.scale && as.precision <= wanted.precision) /* nothing to round */
			return is_integer(from) ? "(" + sql + ")::numeric" : sql;
	}
	else if (is_number(from))
		sql = "till.float_numeric((" + v.sql + ")::float8)";
	else if (is_string(from))
		sql = parsed("parse_numeric");
	else if (from == Kind::datetime || from == Kind::smalldatetime)
		sql = "till.datetime_days(" + v.sql + ")::numeric";
	else
		return "";
	if (to.kind != Kind::decimal)
		return "till." + type_name(to) + "(" + sql + ")";
	return "(" + sql + ")::" + pg_type(to);
}

std::string
Conversion::to_float() const
{
	std::string sql;

	if (is_number(from))
		sql = v.sql;
	else if (is_string(from))
		sql = parsed("parse_float");
	else if (from == Kind::datetime || from == Kind::smalldatetime)
		sql = "till.datetime_days(" + v.sql + ")";
	else
		return "";
	return "(" + sql + ")::" + pg_type(to);
}

/* The value as text, before the target's length is applied. */
std::string
Conversion::text_of() const
{
	std::string code = std::to_string(std::max(0, style));

	if (is_string(from) || from == Kind::xml)
		return v.sql;
	if (from == Kind::money || from == Kind::smallmoney)
		return "till.money_text(" + v.sql + ", " + code + ")";
	if (from == Kind::decimal)
		return emitter.exactly(v) + "::text";
	if (is_exact(from))
		return "(" + v.sql + ")::text";
	if (from == Kind::real || from == Kind::float8)
		return "till.float_text(" + v.sql + ", " + code + ")";
	if (is_binary(from))
		return is_unicode(to.kind) && style <= 0 ? "till.bytes_utf16(" + v.sql + ")"
												 : "till.bytes_text(" + v.sql + ", " + code + ")";
	if (from == Kind::uniqueidentifier)
		return "upper((" + v.sql + ")::text)";
	if (from == Kind::variant)
		return "(" + v.sql + ").value";
	if (from == Kind::datetime || from == Kind::smalldatetime)
		return "till.datetime_text(" + v.sql + ", " + code + ")";
	if (from == Kind::date)
		return "till.date_text(" + v.sql + ", " + std::to_string(style) + ")";
	if (from == Kind::time)
		return "till.time_text(" + v.sql + ", " + std::to_string(v.type.scale) + ")";
	if (from == Kind::datetime2)
		return "till.datetime2_text(" + v.sql + ", " + std::to_string(v.type.scale) + ", " +
			   std::to_string(style) + ")";
	if (from == Kind::datetimeoffset)
		return "till.datetimeoffset_text(" + v.sql + ", " + std::to_string(v.type.scale) + ", " +
			   std::to_string(style) + ")";
	return "";
}

/* No value of the type needs more than 40 characters, whatever the style: nothing is to be cut. */
bool
Conversion::short_in_text() const
{
	if (is_number(from))
		return from != Kind::decimal || v.type.precision < 38;
	return from == Kind::uniqueidentifier || (from >= Kind::time && from <= Kind::datetimeoffset);
}

/* CAST cuts silently; storing what does not fit is error 8152. */
std::string
Conversion::fitted(const std::string &text) const
{
	std::string n = std::to_string(to.length);
	bool fixed = to.kind == Kind::character || to.kind == Kind::nchar;
	bool known = is_string(from) && v.type.length != max_length && !is_blob(v.type) &&
				 v.type.length <= to.length;

	if (to.length == max_length || to.kind == Kind::text || to.kind == Kind::ntext ||
		to.kind == Kind::xml || (!fixed && short_in_text() && to.length >= 40))
		return text;
	if (is_number(from) && from != Kind::bit)
	{
		bool star = (from == Kind::integer || from == Kind::smallint || from == Kind::tinyint) &&
					!is_unicode(to.kind);

		return std::string(fixed ? "rpad(" : "") + "till.number_text(" + text + ", " + n + ", " +
			   quote_literal(type_name(to)) + (star ? ", true)" : ", false)") +
			   (fixed ? ", " + n + ")" : "");
	}
	if (known)
		return fixed ? "rpad(" + text + ", " + n + ")" : text;
	if (assign && v.literal != nullptr && is_string(from))
	{
		std::string trimmed = v.literal->text;

		trimmed.erase(trimmed.find_last_not_of(' ') + 1);
		if (static_cast<int>(utf16_units(trimmed)) > to.length)
			throw SqlError(8152, 16, 14, "String or binary data would be truncated.");
	}
	if (assign)
		return fixed ? "rpad(till.fit(" + text + ", " + n + "), " + n + ")"
					 : "till.fit(" + text + ", " + n + ")";
	return fixed ? "rpad(" + text + ", " + n + ")" : "till.cut(" + text + ", " + n + ")";
}

std::string
Conversion::to_string() const
{
	std::string text = text_of();

	if (text.empty())
		return "";
	if (!is_unicode(to.kind) && is_unicode(from) && v.literal == nullptr)
		text = "till.codepage(" + text + ", " +
			   std::to_string(
				   collation(to.collation.empty() ? env.catalog.database_collation : to.collation)
					   .codepage) +
			   ")";
	return fitted(text);
}

std::string
Conversion::bytes_of() const
{
	if (is_binary(from))
		return v.sql;
	if (is_string(from) && (style == 1 || style == 2))
		return "till.hex_bytes(" + v.sql + ", " + std::to_string(style) + ")";
	if (is_string(from) && is_unicode(from) && env.national_as_utf8)
		return "convert_to(" + v.sql + ", 'UTF8')";
	if (is_string(from))
		return is_unicode(from) ? "till.utf16(" + v.sql + ")" : "till.page_bytes(" + v.sql + ")";
	if (from == Kind::bit || from == Kind::tinyint)
		return "substring(int2send(" + v.sql + ") from 2)";
	if (from == Kind::smallint)
		return "int2send(" + v.sql + ")";
	if (from == Kind::integer)
		return "int4send((" + v.sql + ")::int4)";
	if (from == Kind::bigint)
		return "int8send((" + v.sql + ")::int8)";
	if (from == Kind::uniqueidentifier)
		return "till.guid_bytes(" + v.sql + ")";
	return "";
}

std::string
Conversion::to_binary() const
{
	std::string bytes = bytes_of(), n = std::to_string(to.kind == Kind::rowversion ? 8 : to.length);

	if (bytes.empty() || to.length == max_length || to.kind == Kind::image)
		return bytes;
	if (to.kind == Kind::binary || to.kind == Kind::rowversion)
		return "till.pad_bytes(" + bytes + ", " + n + ", " + (is_number(from) ? "true" : "false") +
			   ", " + (assign ? "true" : "false") + ")";
	if (is_binary(from) && from != Kind::image && v.type.length != max_length &&
		v.type.length <= to.length)
		return bytes;
	return "till.cut_bytes(" + bytes + ", " + n + ", " + (is_number(from) ? "true" : "false") +
		   ", " + (assign ? "true" : "false") + ")";
}

std::string
Conversion::to_guid() const
{
	if (is_string(from))
		return parsed("parse_guid");
	if (is_binary(from))
		return "till.bytes_guid(" + v.sql + ")";
	return "";
}

/* A date literal is read here, as the session's DATEFORMAT says. */
std::string
Conversion::literal_date() const
{
	long long ticks = 0;
	int offset = 0;
	bool legacy = to.kind == Kind::datetime || to.kind == Kind::smalldatetime;

	if (!parse_datetime(v.literal->text, env, legacy, &ticks, &offset))
	{
		if (attempt)
			return "NULL::" + pg_type(to);
		throw SqlError(241, 16, 1,
					   "Conversion failed when converting date and/or time from character string.");
	}
	if (to.kind == Kind::datetime)
		return "'" + ticks_text(round_to_300th(ticks - offset * 600000000LL), 3) + "'::timestamp";
	if (to.kind == Kind::smalldatetime)
		return "'" + ticks_text((ticks + 300000000LL) / 600000000LL * 600000000LL, 0) +
			   "'::timestamp";
	if (to.kind == Kind::date)
		return "'" + ticks_text(ticks, 0).substr(0, 10) + "'::date";
	if (to.kind == Kind::time)
		return std::to_string(round_ticks(ticks % 864000000000LL, to.scale) % 864000000000LL) +
			   "::int8";
	ticks = round_ticks(ticks, to.scale);
	if (to.kind == Kind::datetime2)
		return std::to_string(ticks) + "::int8";
	return "ROW(" + std::to_string(ticks - offset * 600000000LL) + ", " + std::to_string(offset) +
		   ")::till.datetimeoffset";
}

std::string
Conversion::to_timestamp() const
{
	std::string sql;

	if (is_string(from))
		sql = v.literal ? literal_date() : parsed("parse_datetime");
	else if (is_number(from))
		sql = "(timestamp '1900-01-01' + (" + v.sql + ")::float8 * interval '1 day')";
	else if (is_temporal(from))
		sql = emitter.exactly(Value{v.sql, v.type, true, nullptr, true});
	else
		return "";
	if (from == Kind::date)
		sql = "(" + sql + ")::timestamp";
	else if (from == Kind::time)
		sql = "(599266080000000000 + " + sql + ")";
	else if (from == Kind::datetimeoffset)
		sql = "till.local_ticks(" + sql + ")";
	if (from == Kind::datetime2 || from == Kind::time || from == Kind::datetimeoffset)
		sql = to.kind == Kind::datetime ? "till.ticks_datetime(" + sql + ")"
										: "till.ticks_timestamp(" + sql + ")";
	else if (to.kind == Kind::datetime && from != Kind::smalldatetime && from != Kind::date &&
			 !(v.literal && is_string(from)))
		sql = "till.round300(" + sql + ")";
	if (from == Kind::smalldatetime || (v.literal && is_string(from)))
		return sql;
	return "till.in_range(" +
		   (to.kind == Kind::smalldatetime ? "till.round_minute(" + sql + ")" : sql) + ", " +
		   quote_literal(type_name(v.type)) + ", " + quote_literal(type_name(to)) + ", " +
		   (attempt ? "true" : "false") + ")";
}

std::string
Conversion::to_date() const
{
	if (is_string(from))
		return v.literal ? literal_date() : parsed("parse_datetime") + "::date";
	if (from == Kind::datetime || from == Kind::smalldatetime)
		return "(" + v.sql + ")::date";
	if (from == Kind::datetime2)
		return "till.ticks_date(" + v.sql + ")";
	if (from == Kind::datetimeoffset)
		return "till.ticks_date(till.local_ticks(" + v.sql + "))";
	return "";
}

std::string
Conversion::to_ticks() const
{
	std::string sql, scale = std::to_string(to.scale);

	if (is_string(from))
	{
		if (v.literal)
			return literal_date();
		if (to.kind == Kind::datetimeoffset)
			return parsed("parse_datetimeoffset");
		sql = parsed("parse_datetime2");
	}
	else if (from == Kind::date)
		sql = "till.date_ticks(" + v.sql + ")";
	else if (from == Kind::datetime)
		sql = "till.datetime_ticks(" + v.sql + ")";
	else if (from == Kind::smalldatetime)
		sql = "till.timestamp_ticks(" + v.sql + ")";
	else if (from == Kind::datetime2)
		sql = v.sql;
	else if (from == Kind::time)
		sql = to.kind == Kind::time ? v.sql : "(599266080000000000 + " + v.sql + ")";
	else if (from == Kind::datetimeoffset)
	{
		if (to.kind == Kind::datetimeoffset)
			return to.scale >= v.type.scale ? v.sql
											: "till.round_offset(" + v.sql + ", " + scale + ")";
		sql = "till.local_ticks(" + v.sql + ")";
	}
	else
		return "";
	if (is_string(from) || from == Kind::datetime || v.type.scale > to.scale)
		sql = "till.round_ticks(" + sql + ", " + scale + ")";
	if (to.kind == Kind::time) /* what is rounded up to midnight is midnight */
		sql = "((" + sql + ") % 864000000000)";
	if (to.kind == Kind::datetimeoffset)
		return "till.offset_of(" + sql + ")";
	return sql;
}

/* The text of a value in a sql_variant loses nothing. */
static int
variant_style(Kind kind)
{
	if (kind == Kind::money || kind == Kind::smallmoney)
		return 2;
	return is_binary(kind) ? 1 : 121;
}

std::string
Conversion::to_variant() const
{
	Type text = string_type(Kind::nvarchar, max_length);
	std::string base = v.type.kind == Kind::null ? "int" : declare(v.type);

	return "till.make_variant(" + quote_literal(base) + ", " +
		   emitter.convert(v, text, variant_style(v.type.kind)) + ")";
}

std::string
Conversion::run() const
{
	if (is_string(to.kind) || to.kind == Kind::xml)
		return to_string();
	if (is_binary(to.kind))
		return to_binary();
	switch (to.kind)
	{
		case Kind::bit: return to_bit();
		case Kind::tinyint:
		case Kind::smallint:
		case Kind::integer:
		case Kind::bigint: return to_integer();
		case Kind::smallmoney:
		case Kind::money:
		case Kind::decimal: return to_decimal();
		case Kind::real:
		case Kind::float8: return to_float();
		case Kind::uniqueidentifier: return to_guid();
		case Kind::datetime:
		case Kind::smalldatetime: return to_timestamp();
		case Kind::date: return to_date();
		case Kind::time:
		case Kind::datetime2:
		case Kind::datetimeoffset: return to_ticks();
		case Kind::variant: return to_variant();
		default: return "";
	}
}

bool
same_type(const Type &a, const Type &b)
{
	return a.kind == b.kind && a.length == b.length && a.precision == b.precision &&
		   a.scale == b.scale;
}

} // namespace

std::string
Emitter::convert(const Value &v, const Type &to, int style, bool attempt, bool assign)
{
	if (v.type.kind == Kind::null)
		return "NULL::" + pg_type(to);
	if (same_type(v.type, to) && to.kind != Kind::character && to.kind != Kind::nchar)
		return exactly(v);
	if (v.type.kind == Kind::variant && to.kind != Kind::variant && !is_string(to.kind))
	{
		Value text{"(" + v.sql + ").value", string_type(Kind::nvarchar, max_length), true};

		return convert(text, to, is_binary(to.kind) ? 1 : style, attempt, assign);
	}

	Conversion c{*this, env, v, to, style, attempt, assign};
	std::string sql = c.run();

	if (sql.empty())
		throw SqlError(529, 16, 2,
					   "Explicit conversion from data type " + type_name(v.type) + " to " +
						   type_name(to) + " is not allowed.");
	return sql;
}

} // namespace till
