/*
 * What a server may answer, as fields that know what they are, so that a mutation can hit a length,
 * a type or a token on purpose. Bytes as [MS-TDS] has them; nothing is shared with src/tds or the
 * till.
 */
#pragma once

#include <string>
#include <vector>

#include "random.hpp"

namespace fuzz
{

enum class Kind
{
	token,  /* the byte a token begins with */
	length, /* of what follows, in bytes, characters or elements */
	type,   /* a type code of COLMETADATA */
	number, /* any other integer */
	bytes   /* contents */
};

struct Field
{
	Kind kind;
	std::string bytes;
};

using Token = std::vector<Field>;
using Reply = std::vector<Token>;

std::string to_bytes(const Reply &reply);

/* Adds a little-endian field. */
void add(Token *token, Kind kind, std::uint64_t value, int bytes);
void add_bytes(Token *token, const std::string &bytes);

/* The TDS version as LOGIN7 has it: 0x71 to 0x74. */
using Version = int;

/* A column that a query asked for: what it is called tells what it is (x_int, x_nvarchar, ...). */
struct Column
{
	std::string name;
	std::string type;
	int size;  /* declared bytes, or the precision */
	int scale; /* decimal and the sub-second types */
	bool nullable;
	std::vector<std::string> words; /* what its values are drawn from, if not from all there is */
};

/* A column of the named type, or of any if the name is not one of type_names. */
Column make_column(const std::string &name, Random *random);
extern const std::vector<std::string> type_names;

Token column_metadata(const std::vector<Column> &columns, Version version);
Token row(const std::vector<Column> &columns, bool compressed, Version version, Random *random);

Token message(int token, int number, int severity, const std::string &text, Version version);
Token done(int token, int status, std::uint64_t rows, Version version);
Token environment_change(int type, const std::string &now, const std::string &before);
Token login_acknowledged(Version version);
Token prelogin(int encryption);

/* The pieces of a column's description and of its value. */
void add_text(Token *token, const std::string &ascii, int length_bytes);
void add_type_info(Token *token, const Column &column, Version version, Random *random);
void add_value(Token *token, const Column &column, Random *random);

/* ---- strange_tokens.cpp ---- */

/* Any other token that a server could send, those of older versions too, with a body that is
 * likely or not. Without `deadly`, none that FreeTDS is known to die of. */
Token any_token(Version version, bool deadly, Random *random);

/* Some that belong together, COMPUTE rows or a result as older versions describe it. */
void add_strange_tokens(Reply *reply, std::size_t at, Version version, bool deadly, Random *random);

} // namespace fuzz
