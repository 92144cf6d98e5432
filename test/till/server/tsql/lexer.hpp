/* A batch of T-SQL as tokens. Text is UTF-8 with NUL and lone surrogates escaped (text.hpp). */
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace till
{

enum class Tok
{
	end,
	word,      /* regular identifier or keyword */
	bracketed, /* [name] */
	dquoted,   /* "x": a name or a string, as QUOTED_IDENTIFIER says */
	string,    /* 'x' */
	nstring,   /* N'x' */
	integer,
	decimal,
	real,
	money,
	binary, /* 0x..., text without the 0x */
	variable,
	symbol
};

struct Token
{
	Tok kind = Tok::end;
	std::string text;
	int line = 1;
	size_t offset = 0;
	bool is(std::string_view keyword_or_symbol) const; /* never a quoted name */
};

std::vector<Token> tokenize(const std::string &sql);

/* PostgreSQL keeps 63 bytes of a name, T-SQL 128 characters: in tokens a longer name is cut and
 * ends in digits computed from all of it. The name as written, or the same if it was never cut. */
std::string full_name(const std::string &name);

/* Words that cannot be an alias or a name without brackets. */
bool is_reserved(const std::string &word);

} // namespace till
