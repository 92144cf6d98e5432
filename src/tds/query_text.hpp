/*
 * Whether a user's text is one query that can stand in "SELECT ... FROM (text) AS q": that
 * it ends where we think it ends, by SQL Server's rules of what is a string, a name, a comment.
 * What it means is left to the server; that it stays in its parenthesis is checked here.
 */
#pragma once

#include <cstddef>
#include <string_view>

namespace sambapos::tds
{

enum class Flaw
{
	none,
	empty,
	no_select,            /* it begins with something else */
	with_clause,          /* ... namely WITH, which T-SQL does not take in a parenthesis */
	word,                 /* a word that begins another statement, or makes this one write */
	second_query,         /* a SELECT that no UNION or the like leads to */
	semicolon,            /* with something behind it */
	not_opened,           /* a closing parenthesis */
	not_closed,           /* an opening one */
	string_not_closed,    /* '... */
	name_not_closed,      /* [... or "... */
	comment_not_closed,   /* a block comment */
	number_runs_on,       /* a letter right behind a number: T-SQL begins a new word there */
	control_character,    /* anywhere, but for tab and line breaks */
	character_not_allowed /* outside strings, quoted names and comments */
};

struct QueryText
{
	Flaw flaw;
	std::size_t position;  /* of the flaw, in characters from 1 */
	std::string_view word; /* that is there */
	std::size_t begin;     /* the query without what may stand around it, in bytes */
	std::size_t end;
};

/* Looks at a text in UTF-8. */
QueryText inspect_query(std::string_view text) noexcept;

} // namespace sambapos::tds
