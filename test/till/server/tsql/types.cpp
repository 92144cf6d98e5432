/* T-SQL types; see types.hpp. */
#include "tsql/types.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace till
{

struct Named
{
	const char *name;
	Kind kind;
	const char *pg;
};

/* The first name of a kind is the one declare() uses. */
static const Named names[] = {{"binary", Kind::binary, "bytea"},
							  {"varbinary", Kind::varbinary, "bytea"},
							  {"char", Kind::character, "text"},
							  {"character", Kind::character, "text"},
							  {"varchar", Kind::varchar, "text"},
							  {"nchar", Kind::nchar, "text"},
							  {"nvarchar", Kind::nvarchar, "text"},
							  {"sysname", Kind::nvarchar, "text"},
							  {"uniqueidentifier", Kind::uniqueidentifier, "uuid"},
							  {"timestamp", Kind::rowversion, "bytea"},
							  {"rowversion", Kind::rowversion, "bytea"},
							  {"image", Kind::image, "bytea"},
							  {"text", Kind::text, "text"},
							  {"ntext", Kind::ntext, "text"},
							  {"bit", Kind::bit, "int2"},
							  {"tinyint", Kind::tinyint, "int2"},
							  {"smallint", Kind::smallint, "int2"},
							  {"int", Kind::integer, "int4"},
							  {"integer", Kind::integer, "int4"},
							  {"bigint", Kind::bigint, "int8"},
							  {"smallmoney", Kind::smallmoney, "numeric(10,4)"},
							  {"money", Kind::money, "numeric(19,4)"},
							  {"decimal", Kind::decimal, "numeric"},
							  {"numeric", Kind::decimal, "numeric"},
							  {"dec", Kind::decimal, "numeric"},
							  {"real", Kind::real, "float4"},
							  {"float", Kind::float8, "float8"},
							  {"time", Kind::time, "int8"},
							  {"date", Kind::date, "date"},
							  {"smalldatetime", Kind::smalldatetime, "timestamp"},
							  {"datetime", Kind::datetime, "timestamp"},
							  {"datetime2", Kind::datetime2, "int8"},
							  {"datetimeoffset", Kind::datetimeoffset, "till.datetimeoffset"},
							  {"xml", Kind::xml, "text"},
							  {"sql_variant", Kind::variant, "till.variant"},
							  {"hierarchyid", Kind::hierarchyid, "bytea"},
							  {"geometry", Kind::geometry, "bytea"},
							  {"geography", Kind::geography, "bytea"}};

static const Named &
entry(Kind kind)
{
	for (const Named &n : names)
		if (n.kind == kind)
			return n;
	static const Named none = {"int", Kind::null, "int4"};
	return none;
}

Type
simple(Kind kind)
{
	Type t;

	t.kind = kind;
	return t;
}

Type
decimal_type(int precision, int scale)
{
	Type t = simple(Kind::decimal);

	t.precision = std::min(precision, 38);
	t.scale = scale;
	return t;
}

Type
string_type(Kind kind, int length)
{
	Type t = simple(kind);

	t.length = length;
	return t;
}

bool
is_string(Kind k)
{
	return (k >= Kind::character && k <= Kind::nvarchar) || k == Kind::text || k == Kind::ntext;
}

bool
is_unicode(Kind k)
{
	return k == Kind::nchar || k == Kind::nvarchar || k == Kind::ntext || k == Kind::xml;
}

bool
is_binary(Kind k)
{
	return k == Kind::binary || k == Kind::varbinary || k == Kind::image || k == Kind::rowversion;
}

bool
is_integer(Kind k)
{
	return k >= Kind::bit && k <= Kind::bigint;
}

bool
is_exact(Kind k)
{
	return k >= Kind::bit && k <= Kind::decimal;
}

bool
is_number(Kind k)
{
	return k >= Kind::bit && k <= Kind::float8;
}

bool
is_temporal(Kind k)
{
	return k >= Kind::time && k <= Kind::datetimeoffset;
}

bool
is_blob(const Type &t)
{
	return t.length == max_length || t.kind == Kind::text || t.kind == Kind::ntext ||
		   t.kind == Kind::image || t.kind == Kind::xml;
}

/* Length or precision and scale of a declaration, with T-SQL's defaults and limits. */
static void
apply_arguments(Type &t, std::string_view name, int first, int second)
{
	int limit = t.kind == Kind::nchar || t.kind == Kind::nvarchar ? 4000 : 8000;

	if (same_word(name, "sysname"))
		t.length = 128;
	else if ((t.kind >= Kind::binary && t.kind <= Kind::nvarchar))
	{
		bool fixed = t.kind == Kind::binary || t.kind == Kind::character || t.kind == Kind::nchar;

		t.length = first == 0 ? 1 : first;
		if (first > limit || (first == max_length && fixed))
			throw SqlError(131, 15, 3,
						   "The size (" + std::to_string(first) + ") given to the type '" +
							   std::string(name) +
							   "' exceeds the maximum allowed for any data type (8000).");
	}
	else if (t.kind == Kind::decimal)
	{
		t.precision = first == 0 ? 18 : first;
		t.scale = second;
		if (t.precision < 1 || t.precision > 38 || t.scale > t.precision)
			throw SqlError(
				2750, 16, 1,
				"Column or parameter specifies a precision or scale that is not allowed.");
	}
	else if (t.kind == Kind::float8 && first > 0 && first <= 24)
		t.kind = Kind::real;
	else if (t.kind == Kind::time || t.kind == Kind::datetime2 || t.kind == Kind::datetimeoffset)
		t.scale = second; /* the caller passes 7 where none was written */
}

Type
named_type(std::string_view name, int first, int second)
{
	for (const Named &n : names)
		if (same_word(name, n.name))
		{
			Type t = simple(n.kind);

			if (t.kind == Kind::time || t.kind == Kind::datetime2 || t.kind == Kind::datetimeoffset)
				second = first == 0 && second == 0 ? 7 : first == max_length - 1 ? 0 : first;
			apply_arguments(t, name, first, second);
			return t;
		}
	throw SqlError(2715, 16, 6, "Cannot find data type " + std::string(name) + ".");
}

Type
parse_declared(std::string_view declared)
{
	std::string text(declared);
	std::string collate;
	size_t at = text.find(" collate ");
	int first = 0, second = 0;

	if (at != std::string::npos)
	{
		collate = text.substr(at + 9);
		text.resize(at);
	}
	at = text.find('(');
	if (at != std::string::npos)
	{
		if (text.compare(at, 5, "(max)") == 0)
			first = max_length;
		else
			std::sscanf(text.c_str() + at, "(%d,%d", &first, &second);
		if (first == 0) /* time(0) */
			first = max_length - 1;
		text.resize(at);
	}
	Type t = named_type(text, first, second);

	t.collation = collate;
	return t;
}

std::string
type_name(const Type &type)
{
	return entry(type.kind).name;
}

std::string
declare(const Type &t)
{
	std::string out = type_name(t);

	if (t.kind >= Kind::binary && t.kind <= Kind::nvarchar)
		out += t.length == max_length ? "(max)" : "(" + std::to_string(t.length) + ")";
	else if (t.kind == Kind::decimal)
		out += "(" + std::to_string(t.precision) + "," + std::to_string(t.scale) + ")";
	else if (t.kind == Kind::time || t.kind == Kind::datetime2 || t.kind == Kind::datetimeoffset)
		out += "(" + std::to_string(t.scale) + ")";
	if (is_string(t.kind) && !t.collation.empty())
		out += " collate " + t.collation;
	return out;
}

std::string
pg_type(const Type &t)
{
	if (t.kind == Kind::decimal)
		return "numeric(" + std::to_string(t.precision) + "," + std::to_string(t.scale) + ")";
	return entry(t.kind).pg;
}

Type
as_decimal(const Type &t)
{
	switch (t.kind)
	{
		case Kind::bit: return decimal_type(1, 0);
		case Kind::tinyint: return decimal_type(3, 0);
		case Kind::smallint: return decimal_type(5, 0);
		case Kind::integer: return decimal_type(10, 0);
		case Kind::bigint: return decimal_type(19, 0);
		case Kind::smallmoney: return decimal_type(10, 4);
		case Kind::money: return decimal_type(19, 4);
		default: return t;
	}
}

static Type
common_string(const Type &a, const Type &b)
{
	Type t = a.kind > b.kind ? a : b;
	const Type &other = a.kind > b.kind ? b : a;

	if (t.kind == Kind::text || t.kind == Kind::ntext || t.kind == Kind::image)
		return t;
	if (a.length == max_length || b.length == max_length)
		t.length = max_length;
	else
		t.length = std::max(a.length, b.length);
	if (t.kind == Kind::nchar && other.kind == Kind::varchar)
		t.kind = Kind::nvarchar;
	if (t.collation.empty() || other.explicit_collation)
	{
		t.collation = other.collation.empty() ? t.collation : other.collation;
		t.explicit_collation = t.explicit_collation || other.explicit_collation;
	}
	return t;
}

static int
fraction_digits(const Type &t)
{
	return t.kind == Kind::datetime ? 3 : t.scale;
}

Type
common_type(const Type &a, const Type &b)
{
	if (a.kind == Kind::null)
		return b;
	if (b.kind == Kind::null)
		return a;
	if ((is_string(a.kind) && is_string(b.kind)) || (is_binary(a.kind) && is_binary(b.kind)))
		return common_string(a, b);

	Type high = a.kind > b.kind ? a : b;

	if (high.kind == Kind::decimal && is_number(a.kind) && is_number(b.kind))
	{
		Type x = as_decimal(a), y = as_decimal(b);
		int scale = std::max(x.scale, y.scale);
		int precision = std::max(x.precision - x.scale, y.precision - y.scale) + scale;

		if (precision > 38)
		{
			scale = std::max(0, scale - (precision - 38));
			precision = 38;
		}
		return decimal_type(precision, scale);
	}
	if (high.kind == Kind::time || high.kind == Kind::datetime2 ||
		high.kind == Kind::datetimeoffset)
		high.scale = std::max(fraction_digits(a), fraction_digits(b));
	return high;
}

/* Decimal result of + - * / % by Microsoft's "Precision, scale, and length". */
static Type
decimal_arithmetic(char op, const Type &x, const Type &y)
{
	int p1 = x.precision, s1 = x.scale, p2 = y.precision, s2 = y.scale, p, s;

	if (op == '*')
		p = p1 + p2 + 1, s = s1 + s2;
	else if (op == '/')
		s = std::max(6, s1 + p2 + 1), p = p1 - s1 + s2 + s;
	else if (op == '%')
		s = std::max(s1, s2), p = std::min(p1 - s1, p2 - s2) + s;
	else
		s = std::max(s1, s2), p = std::max(p1 - s1, p2 - s2) + s + 1;
	if (p > 38)
	{
		int whole = p - s;

		if (op == '*' || op == '/')
			s = whole < 32 ? std::min(s, 38 - whole) : std::min(s, 6);
		else
			s = std::max(0, std::min(s, 38 - std::max(p1 - s1, p2 - s2)));
		p = 38;
	}
	return decimal_type(std::max(p, 1), s);
}

Type
arithmetic_type(char op, const Type &a, const Type &b)
{
	Type high = a.kind > b.kind ? a : b;
	const Type &low = a.kind > b.kind ? b : a;

	if (high.kind == Kind::null)
		return simple(Kind::integer);
	if (op == '+' && is_string(high.kind) && (is_string(low.kind) || low.kind == Kind::null))
	{
		Type t = common_string(a, b.kind == Kind::null ? a : b);

		if (t.length != max_length)
			t.length = std::min(a.length + b.length, is_unicode(t.kind) ? 4000 : 8000);
		t.kind = is_unicode(t.kind) ? Kind::nvarchar : Kind::varchar;
		return t;
	}
	if (op == '+' && is_binary(high.kind) && is_binary(low.kind))
		return string_type(Kind::varbinary,
						   a.length < 0 || b.length < 0 ? max_length : a.length + b.length);
	if ((op == '+' || op == '-') &&
		(high.kind == Kind::datetime || high.kind == Kind::smalldatetime))
		return high;
	if (!is_number(high.kind) || high.kind == Kind::predicate)
		throw SqlError(8117, 16, 1,
					   "Operand data type " + type_name(high) + " is invalid for " +
						   (op == '+'   ? "add"
							: op == '-' ? "subtract"
							: op == '*' ? "multiply"
							: op == '/' ? "divide"
										: "modulo") +
						   " operator.");
	if (high.kind == Kind::decimal)
	{
		Type y = is_exact(b.kind) ? as_decimal(b) : high,
			 x = is_exact(a.kind) ? as_decimal(a) : high;

		return decimal_arithmetic(op, x, y);
	}
	if (high.kind == Kind::bit)
		throw SqlError(402, 16, 1,
					   "The data types bit and bit are incompatible in the add operator.");
	return high;
}

static const char *
sensitivity(const std::string &upper)
{
	bool ci = upper.find("_CI") != std::string::npos, ai = upper.find("_AI") != std::string::npos;

	return ci ? (ai ? "CI_AI" : "CI_AS") : (ai ? "CS_AI" : "CS_AS");
}

Collation
collation(std::string_view name)
{
	std::string upper = upper_ascii(name);
	Collation c{};
	bool latin = upper.rfind("SQL_LATIN1_GENERAL_CP1", 0) == 0 ||
				 upper.rfind("LATIN1_GENERAL", 0) == 0 || upper == "DATABASE_DEFAULT";

	c.turkish = upper.rfind("TURKISH_", 0) == 0;
	if (!latin && !c.turkish)
		throw SqlError(448, 16, 1, "Invalid collation '" + std::string(name) + "'.");
	c.codepage = c.turkish ? 1254 : 1252;
	c.tds[0] = c.turkish ? 0x1F : 0x09;
	c.tds[1] = 0x04;
	c.binary = upper.find("_BIN") != std::string::npos;
	c.supplementary = upper.find("_SC") != std::string::npos;
	if (c.binary)
	{
		c.pg = "\"C\"";
		c.tds[3] = upper.find("_BIN2") != std::string::npos ? 0x02 : 0x01;
		return c;
	}
	std::string kind = sensitivity(upper);

	c.ignores_case = kind.compare(0, 2, "CI") == 0;
	c.ignores_accents = kind[4] == 'I';
	c.pg = std::string("till.\"") + (c.turkish ? "Turkish_" : "") + kind + "\"";
	c.tds[2] = static_cast<unsigned char>(0xC0 | (c.ignores_case ? 0x10 : 0) |
										  (kind[4] == 'I' ? 0x20 : 0));
	c.tds[4] = upper.rfind("SQL_LATIN1", 0) == 0 ? 0x34 : 0;
	return c;
}

} // namespace till
