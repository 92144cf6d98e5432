/* The tokens of a reply; see tokens.hpp. */
#include "tokens.hpp"

#include <algorithm>

namespace fuzz
{

const std::vector<std::string> type_names = {"bit",
											 "tinyint",
											 "smallint",
											 "int",
											 "bigint",
											 "bitn",
											 "tinyintn",
											 "smallintn",
											 "intn",
											 "bigintn",
											 "real",
											 "float",
											 "realn",
											 "floatn",
											 "smallmoney",
											 "money",
											 "smallmoneyn",
											 "moneyn",
											 "decimal",
											 "numeric",
											 "char",
											 "varchar",
											 "nchar",
											 "nvarchar",
											 "varcharmax",
											 "nvarcharmax",
											 "text",
											 "ntext",
											 "xml",
											 "binary",
											 "varbinary",
											 "varbinarymax",
											 "image",
											 "rowversion",
											 "uniqueidentifier",
											 "datetime",
											 "smalldatetime",
											 "datetimen",
											 "smalldatetimen",
											 "date",
											 "time",
											 "datetime2",
											 "datetimeoffset",
											 "sql_variant",
											 "hierarchyid"};

/* ---- fields ---- */

static std::string
little_endian(std::uint64_t value, int bytes)
{
	std::string out;

	for (int i = 0; i < bytes; i++)
		out += static_cast<char>(i < 8 ? value >> (8 * i) : 0);
	return out;
}

void
add(Token *token, Kind kind, std::uint64_t value, int bytes)
{
	token->push_back({kind, little_endian(value, bytes)});
}

void
add_bytes(Token *token, const std::string &bytes)
{
	token->push_back({Kind::bytes, bytes});
}

std::string
to_bytes(const Reply &reply)
{
	std::string out;

	for (const Token &token : reply)
		for (const Field &field : token)
			out += field.bytes;
	return out;
}

static std::string
utf16(const std::string &ascii)
{
	std::string out;

	for (char c : ascii)
		out += {c, '\0'};
	return out;
}

/* Characters with a length of so many bytes in front. */
void
add_text(Token *token, const std::string &ascii, int length_bytes)
{
	add(token, Kind::length, ascii.size(), length_bytes);
	add_bytes(token, utf16(ascii));
}

/* ---- columns ---- */

enum class Shape
{
	fixed,    /* the type says how long a value is */
	sized,    /* one byte of length in TYPE_INFO and in front of each value */
	decimal,  /* length, precision, scale; a byte of length in front */
	bytes,    /* two bytes of length in both */
	maximum,  /* the same type with 0xFFFF: values in chunks */
	old_blob, /* text, ntext, image: text pointers */
	xml,
	udt,
	datetime, /* a scale; a byte of length in front */
	date,
	variant
};

struct TypeEntry
{
	const char *name;
	Shape shape;
	int code;
	int size;
	bool collated;
	bool wide;
};

static const TypeEntry types[] = {
	{"bit", Shape::fixed, 0x32, 1, false, false},
	{"tinyint", Shape::fixed, 0x30, 1, false, false},
	{"smallint", Shape::fixed, 0x34, 2, false, false},
	{"int", Shape::fixed, 0x38, 4, false, false},
	{"bigint", Shape::fixed, 0x7F, 8, false, false},
	{"real", Shape::fixed, 0x3B, 4, false, false},
	{"float", Shape::fixed, 0x3E, 8, false, false},
	{"smallmoney", Shape::fixed, 0x7A, 4, false, false},
	{"money", Shape::fixed, 0x3C, 8, false, false},
	{"datetime", Shape::fixed, 0x3D, 8, false, false},
	{"smalldatetime", Shape::fixed, 0x3A, 4, false, false},
	{"bitn", Shape::sized, 0x68, 1, false, false},
	{"tinyintn", Shape::sized, 0x26, 1, false, false},
	{"smallintn", Shape::sized, 0x26, 2, false, false},
	{"intn", Shape::sized, 0x26, 4, false, false},
	{"bigintn", Shape::sized, 0x26, 8, false, false},
	{"realn", Shape::sized, 0x6D, 4, false, false},
	{"floatn", Shape::sized, 0x6D, 8, false, false},
	{"smallmoneyn", Shape::sized, 0x6E, 4, false, false},
	{"moneyn", Shape::sized, 0x6E, 8, false, false},
	{"datetimen", Shape::sized, 0x6F, 8, false, false},
	{"smalldatetimen", Shape::sized, 0x6F, 4, false, false},
	{"uniqueidentifier", Shape::sized, 0x24, 16, false, false},
	{"decimal", Shape::decimal, 0x6A, 17, false, false},
	{"numeric", Shape::decimal, 0x6C, 17, false, false},
	{"char", Shape::bytes, 0xAF, 20, true, false},
	{"varchar", Shape::bytes, 0xA7, 200, true, false},
	{"nchar", Shape::bytes, 0xEF, 20, true, true},
	{"nvarchar", Shape::bytes, 0xE7, 200, true, true},
	{"binary", Shape::bytes, 0xAD, 10, false, false},
	{"varbinary", Shape::bytes, 0xA5, 100, false, false},
	{"rowversion", Shape::bytes, 0xAD, 8, false, false},
	{"varcharmax", Shape::maximum, 0xA7, 0, true, false},
	{"nvarcharmax", Shape::maximum, 0xE7, 0, true, true},
	{"varbinarymax", Shape::maximum, 0xA5, 0, false, false},
	{"text", Shape::old_blob, 0x23, 0, true, false},
	{"ntext", Shape::old_blob, 0x63, 0, true, true},
	{"image", Shape::old_blob, 0x22, 0, false, false},
	{"xml", Shape::xml, 0xF1, 0, false, true},
	{"hierarchyid", Shape::udt, 0xF0, 0, false, false},
	{"time", Shape::datetime, 0x29, 0, false, false},
	{"datetime2", Shape::datetime, 0x2A, 3, false, false},
	{"datetimeoffset", Shape::datetime, 0x2B, 5, false, false},
	{"date", Shape::date, 0x28, 3, false, false},
	{"sql_variant", Shape::variant, 0x62, 8009, false, false},
};

static const TypeEntry &
entry(const std::string &type)
{
	for (const TypeEntry &candidate : types)
		if (type == candidate.name)
			return candidate;
	return types[3];
}

/* "x_int", "x_int_2" and so on. */
static std::string
type_in_name(const std::string &name)
{
	std::string best;

	for (const std::string &type : type_names)
		if (name.compare(0, 2 + type.size(), "x_" + type) == 0 && type.size() > best.size())
			best = type;
	return best;
}

Column
make_column(const std::string &name, Random *random)
{
	std::string type = type_in_name(name);

	if (type.empty())
		type = type_names[random->below(type_names.size())];
	const TypeEntry &found = entry(type);
	Column column{name, type, found.size, 0, random->one_in(2), {}};
	if (found.shape == Shape::decimal)
	{
		column.size = random->between(1, 38);
		column.scale = random->between(0, column.size);
	}
	if (found.shape == Shape::datetime)
		column.scale = random->between(0, 7);
	return column;
}

static int
decimal_bytes(int precision)
{
	return precision <= 9 ? 5 : precision <= 19 ? 9 : precision <= 28 ? 13 : 17;
}

static void
add_collation(Token *token, Random *random)
{
	static const std::string collations[] = {std::string("\x09\x04\xD0\x00\x34", 5),
											 std::string("\x1F\x04\xD0\x00\x00", 5),
											 std::string("\x11\x04\xD0\x00\x00", 5)};

	add_bytes(token, collations[random->below(3)]);
}

void
add_type_info(Token *token, const Column &column, Version version, Random *random)
{
	const TypeEntry &type = entry(column.type);

	add(token, Kind::type, static_cast<unsigned>(type.code), 1);
	switch (type.shape)
	{
		case Shape::fixed:
		case Shape::date: break;
		case Shape::sized: add(token, Kind::length, static_cast<unsigned>(type.size), 1); break;
		case Shape::decimal:
			add(token, Kind::length, static_cast<unsigned>(decimal_bytes(column.size)), 1);
			add(token, Kind::number, static_cast<unsigned>(column.size), 1);
			add(token, Kind::number, static_cast<unsigned>(column.scale), 1);
			break;
		case Shape::bytes: add(token, Kind::length, static_cast<unsigned>(type.size), 2); break;
		case Shape::maximum: add(token, Kind::length, 0xFFFF, 2); break;
		case Shape::old_blob:
		case Shape::variant: add(token, Kind::length, type.size > 0 ? 8009 : 0x7FFFFFFF, 4); break;
		case Shape::xml: add(token, Kind::number, 0, 1); break;
		case Shape::udt:
			add(token, Kind::length, 0xFFFF, 2);
			add_text(token, "db", 1);
			add_text(token, "sys", 1);
			add_text(token, "hierarchyid", 1);
			add_text(token, "assembly", 2);
			break;
		case Shape::datetime:
			add(token, Kind::number, static_cast<unsigned>(column.scale), 1);
			break;
	}
	if (type.collated)
		add_collation(token, random);
	if (type.shape == Shape::old_blob)
	{
		if (version >= 0x72)
			add(token, Kind::length, 1, 1);
		add_text(token, "table", 2);
	}
}

Token
column_metadata(const std::vector<Column> &columns, Version version)
{
	Token token;
	Random random(columns.size());

	add(&token, Kind::token, 0x81, 1);
	add(&token, Kind::length, columns.size(), 2);
	for (const Column &column : columns)
	{
		add(&token, Kind::number, column.type == "rowversion" ? 80 : 0, version >= 0x72 ? 4 : 2);
		add(&token, Kind::number, column.nullable ? 9 : 8, 2);
		add_type_info(&token, column, version, &random);
		add_text(&token, column.name, 1);
	}
	return token;
}

/* ---- values ---- */

static std::string
some_text(bool wide, Random *random)
{
	static const std::string words[] = {"",          "Kahve",
										"it's",      "a b  ",
										"{\"a\":1}", "<x>1</x>",
										"\xC7\x61y", std::string("nul\0inside", 10),
										"?",         "1234567890123456789012345678901234567890"};
	std::string text = words[random->below(10)];

	if (!wide)
		return text;
	std::string out = utf16(text);
	if (random->one_in(4)) /* beyond the BMP, half of a pair, half of a character */
		out += random->one_of<std::string>({std::string("\x3D\xD8\x00\xDE", 4),
											std::string("\x3D\xD8", 2), std::string("\x00\xDC", 2),
											std::string("a", 1), std::string("\x30\x01", 2)});
	return out;
}

static std::string
some_number(int bytes, Random *random)
{
	switch (random->below(4))
	{
		case 0: return std::string(static_cast<std::size_t>(bytes), '\0');
		case 1: return std::string(static_cast<std::size_t>(bytes), '\xFF');
		case 2: return little_endian(1, bytes);
		default: return random->bytes(static_cast<std::size_t>(bytes));
	}
}

/* Days since 1900 and 1/300 s; usually real ones. */
static std::string
some_datetime(int size, Random *random)
{
	if (random->one_in(4))
		return some_number(size, random);
	if (size == 4)
		return little_endian(random->below(65536), 2) + little_endian(random->below(1440), 2);
	return little_endian(static_cast<std::uint64_t>(random->between(-53690, 2958463)), 4) +
		   little_endian(random->below(25920000), 4);
}

static std::string
some_datetime(const Column &column, Random *random)
{
	int time = column.scale <= 2 ? 3 : column.scale <= 4 ? 4 : 5;
	std::uint64_t limit = 86400;
	std::string value;

	for (int i = 0; i < column.scale; i++)
		limit *= 10;
	value =
		random->one_in(4) ? some_number(time, random) : little_endian(random->below(limit), time);
	if (column.type != "time")
		value +=
			random->one_in(4) ? some_number(3, random) : little_endian(random->below(3652059), 3);
	if (column.type == "datetimeoffset")
		value += random->one_in(4) ? some_number(2, random) : little_endian(330, 2);
	return value;
}

static std::string
some_decimal(int precision, Random *random)
{
	int bytes = decimal_bytes(precision) - 1;
	std::string magnitude = some_number(bytes, random);

	if (!random->one_in(4)) /* mostly one that fits */
		magnitude = little_endian(random->below(precision > 3 ? 1000 : 10), bytes);
	return little_endian(random->one_in(8) ? random->below(256) : random->below(2), 1) + magnitude;
}

/* A value in chunks. */
static void
add_chunks(Token *token, const std::string &value, Random *random)
{
	add(token, Kind::length, random->one_in(3) ? ~std::uint64_t{1} : value.size(), 8);
	for (std::size_t at = 0; at < value.size();)
	{
		std::size_t piece = std::min<std::size_t>(value.size() - at, 1 + random->below(40));

		add(token, Kind::length, piece, 4);
		add_bytes(token, value.substr(at, piece));
		at += piece;
	}
	add(token, Kind::length, 0, 4);
}

static void
add_null(Token *token, Shape shape)
{
	switch (shape)
	{
		case Shape::bytes: add(token, Kind::length, 0xFFFF, 2); break;
		case Shape::maximum:
		case Shape::xml:
		case Shape::udt: add(token, Kind::length, ~std::uint64_t{0}, 8); break;
		case Shape::variant: add(token, Kind::length, 0, 4); break;
		default: add(token, Kind::length, 0, 1); break;
	}
}

static void
add_variant(Token *token, Random *random)
{
	bool text = random->one_in(2);
	std::string value = text ? some_text(true, random) : some_number(4, random);

	add(token, Kind::length, value.size() + (text ? 9 : 2), 4);
	add(token, Kind::type, text ? 0xE7 : 0x38, 1);
	add(token, Kind::length, text ? 7 : 0, 1);
	if (text)
	{
		add_collation(token, random);
		add(token, Kind::length, 8000, 2);
	}
	add_bytes(token, value);
}

static std::string
some_bytes(const Column &column, const TypeEntry &type, Random *random)
{
	std::string value =
		type.collated ? some_text(type.wide, random) : random->bytes(random->below(12));

	if (!column.words.empty())
		return utf16(column.words[random->below(column.words.size())]);
	value.resize(std::min(value.size(), static_cast<std::size_t>(type.size)));
	if (column.type == "char" || column.type == "binary" || column.type == "rowversion")
		value.resize(static_cast<std::size_t>(type.size), ' ');
	return value;
}

void
add_value(Token *token, const Column &column, Random *random)
{
	const TypeEntry &type = entry(column.type);
	std::string value;

	if (type.shape != Shape::fixed && random->one_in(8))
		return add_null(token, type.shape);
	switch (type.shape)
	{
		case Shape::fixed:
			if (!column.words.empty())
				return add_bytes(token, column.words[random->below(column.words.size())]);
			add_bytes(token, type.code == 0x3D || type.code == 0x3A
								 ? some_datetime(type.size, random)
								 : some_number(type.size, random));
			return;
		case Shape::sized:
			value = type.code == 0x6F ? some_datetime(type.size, random)
									  : some_number(type.size, random);
			break;
		case Shape::decimal: value = some_decimal(column.size, random); break;
		case Shape::datetime: value = some_datetime(column, random); break;
		case Shape::date:
			value = random->one_in(4) ? some_number(3, random)
									  : little_endian(random->below(3652059), 3);
			break;
		case Shape::bytes:
			value = some_bytes(column, type, random);
			add(token, Kind::length, value.size(), 2);
			add_bytes(token, value);
			return;
		case Shape::old_blob:
			value = some_text(type.wide, random);
			add(token, Kind::length, 16, 1);
			add_bytes(token, std::string("dummy textptr\0\0\0dummyTS\0", 24));
			add(token, Kind::length, value.size(), 4);
			add_bytes(token, value);
			return;
		case Shape::maximum:
		case Shape::xml:
		case Shape::udt: return add_chunks(token, some_text(type.wide, random), random);
		case Shape::variant: return add_variant(token, random);
	}
	add(token, Kind::length, value.size(), 1);
	add_bytes(token, value);
}

Token
row(const std::vector<Column> &columns, bool compressed, Version version, Random *random)
{
	Token token;
	std::string nulls((columns.size() + 7) / 8, '\0');

	compressed = compressed && version >= 0x73;
	add(&token, Kind::token, compressed ? 0xD2 : 0xD1, 1);
	if (compressed)
	{
		for (std::size_t i = 0; i < columns.size(); i++)
			if (random->one_in(3))
				nulls[i / 8] = static_cast<char>(nulls[i / 8] | 1 << (i % 8));
		add_bytes(&token, nulls);
	}
	for (std::size_t i = 0; i < columns.size(); i++)
		if ((nulls[i / 8] & 1 << (i % 8)) == 0)
			add_value(&token, columns[i], random);
	return token;
}

/* ---- the other tokens ---- */

Token
message(int token, int number, int severity, const std::string &text, Version version)
{
	Token body, result;

	add(&body, Kind::number, static_cast<unsigned>(number), 4);
	add(&body, Kind::number, 1, 1);
	add(&body, Kind::number, static_cast<unsigned>(severity), 1);
	add_text(&body, text, 2);
	add_text(&body, "hostile", 1);
	add_text(&body, "prc", 1);
	add(&body, Kind::number, 7, version >= 0x72 ? 4 : 2);
	add(&result, Kind::token, static_cast<unsigned>(token), 1);
	add(&result, Kind::length, to_bytes({body}).size(), 2);
	result.insert(result.end(), body.begin(), body.end());
	return result;
}

Token
done(int token, int status, std::uint64_t rows, Version version)
{
	Token result;

	add(&result, Kind::token, static_cast<unsigned>(token), 1);
	add(&result, Kind::number, static_cast<unsigned>(status), 2);
	add(&result, Kind::number, 0xC1, 2);
	add(&result, Kind::number, rows, version >= 0x72 ? 8 : 4);
	return result;
}

Token
environment_change(int type, const std::string &now, const std::string &before)
{
	Token result;
	bool bytes = type == 7 || type >= 8; /* the collation, and what came after */
	std::size_t unit = bytes ? 1 : 2;

	add(&result, Kind::token, 0xE3, 1);
	add(&result, Kind::length, 3 + (now.size() + before.size()) * unit, 2);
	add(&result, Kind::number, static_cast<unsigned>(type), 1);
	for (const std::string &value : {now, before})
	{
		add(&result, Kind::length, value.size(), 1);
		add_bytes(&result, bytes ? value : utf16(value));
	}
	return result;
}

Token
login_acknowledged(Version version)
{
	static const std::string versions[] = {
		std::string("\x71\x00\x00\x01", 4), std::string("\x72\x09\x00\x02", 4),
		std::string("\x73\x0B\x00\x03", 4), std::string("\x74\x00\x00\x04", 4)};
	std::string name = "Microsoft SQL Server";
	Token result;

	add(&result, Kind::token, 0xAD, 1);
	add(&result, Kind::length, 10 + name.size() * 2, 2);
	add(&result, Kind::number, 1, 1);
	add_bytes(&result, versions[version - 0x71]);
	add_text(&result, name, 1);
	add_bytes(&result, std::string("\x0D\x00\x13\xA2", 4));
	return result;
}

/* VERSION, ENCRYPTION, INSTOPT, THREADID, MARS. */
Token
prelogin(int encryption)
{
	struct Option
	{
		int code, size;
	};
	static const Option options[] = {{0, 6}, {1, 1}, {2, 1}, {3, 0}, {4, 1}};
	unsigned offset = 5 * 5 + 1;
	Token result;

	for (const Option &option : options)
	{
		add(&result, Kind::token, static_cast<unsigned>(option.code), 1);
		add(&result, Kind::length, (offset & 0xFF) << 8 | offset >> 8, 2); /* big-endian */
		add(&result, Kind::length, static_cast<unsigned>(option.size) << 8, 2);
		offset += static_cast<unsigned>(option.size);
	}
	add(&result, Kind::token, 0xFF, 1);
	add_bytes(&result, std::string("\x0D\x00\x13\xA2\x00\x00", 6));
	add(&result, Kind::number, static_cast<unsigned>(encryption), 1);
	add_bytes(&result, std::string(2, '\0'));
	return result;
}

} // namespace fuzz
