/*
 * A lexer of T-SQL, as far as it takes to find the end of a query.
 *
 * Two rules make it safe. Where T-SQL's own lexer and ours might see two things, the text is
 * refused: a lone carriage return, an odd blank, a letter right behind a number, a character that
 * has no meaning. And T-SQL needs no semicolons, so that "SELECT 1 AS a DELETE FROM t" is two
 * statements: reserved words that begin one are refused wherever they stand, which is exact, since
 * none of them can be a name without brackets. (Words such as THROW that are not reserved may be
 * names; within a parenthesis the server takes them for nothing else. GO is a word of clients.)
 *
 * It does not matter here what a conversion to varchar makes of other apostrophes (U+02BC, U+FF07):
 * the server's lexer sees the batch in UTF-16, before any conversion, and only ' and " and [ begin
 * something there. Outside of strings those characters are refused with all that are not letters.
 * QUOTED_IDENTIFIER does not matter either: "..." ends in the same place as a string and as a name.
 */
#include "tds/query_text.hpp"

#include <algorithm>
#include <cstdint>

namespace sambapos::tds
{

/* ---- words ---- */

/* Reserved words that no query has: each begins a statement, or lets one write or read elsewhere.
 */
static constexpr std::string_view refused_words[] = {
	"alter",          "backup",   "begin",     "break",    "bulk",        "checkpoint",
	"close",          "commit",   "continue",  "create",   "dbcc",        "deallocate",
	"declare",        "delete",   "deny",      "drop",     "dump",        "exec",
	"execute",        "goto",     "grant",     "if",       "insert",      "into",
	"kill",           "load",     "merge",     "open",     "openrowset",  "openquery",
	"opendatasource", "print",    "raiserror", "readtext", "reconfigure", "restore",
	"return",         "revert",   "revoke",    "rollback", "save",        "set",
	"setuser",        "shutdown", "truncate",  "update",   "updatetext",  "use",
	"waitfor",        "while",    "writetext"};

/* What may lead to another SELECT of the same query. */
static constexpr std::string_view joining_words[] = {"union", "all", "except", "intersect"};

/* An ASCII letter as a small one; those that Unicode folds to one (the dotless and the dotted i,
 * the long s) as well, in case the server does. */
static char
fold(std::string_view word, std::size_t *at) noexcept
{
	static constexpr struct
	{
		std::string_view from;
		char to;
	} others[] = {{"\u0131", 'i'}, {"\u0130", 'i'}, {"\u017F", 's'}};
	char c = word[*at];

	for (const auto &other : others)
		if (word.compare(*at, other.from.size(), other.from) == 0)
		{
			*at += other.from.size();
			return other.to;
		}
	++*at;
	return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

static bool
is_word(std::string_view text, std::string_view word) noexcept
{
	std::size_t at = 0;

	for (char expected : word)
		if (at >= text.size() || fold(text, &at) != expected)
			return false;
	return at == text.size();
}

template <std::size_t size>
static bool
is_one_of(std::string_view text, const std::string_view (&words)[size]) noexcept
{
	for (std::string_view word : words)
		if (is_word(text, word))
			return true;
	return false;
}

/* ---- characters ---- */

static bool
is_digit(char c) noexcept
{
	return c >= '0' && c <= '9';
}

static bool
is_hexadecimal(char c) noexcept
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
is_blank(char c) noexcept
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_operator(char c) noexcept
{
	return c != '\0' && std::string_view("+-*/%&|^~=<>!,.:{}").find(c) != std::string_view::npos;
}

static bool
is_ascii_letter(char c) noexcept
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '@' || c == '#' ||
		   c == '$';
}

/* Letters of the scripts in which columns may be named; what is not here can stand in brackets.
 * Nothing that may be taken for a blank, a quote or a semicolon (U+037E) is among them.
 */
static bool
is_other_letter(std::uint32_t code) noexcept
{
	static constexpr std::uint32_t ranges[][2] = {
		{0xC0, 0xD6},     {0xD8, 0xF6},     {0xF8, 0x24F},    {0x386, 0x386},   {0x388, 0x3FF},
		{0x400, 0x481},   {0x48A, 0x52F},   {0x531, 0x556},   {0x561, 0x587},   {0x5D0, 0x5EA},
		{0x620, 0x64A},   {0x66E, 0x6D3},   {0x904, 0x939},   {0xE01, 0xE30},   {0x10A0, 0x10FA},
		{0x1E00, 0x1EFF}, {0x3041, 0x3096}, {0x30A1, 0x30FA}, {0x3400, 0x4DB5}, {0x4E00, 0x9FFF},
		{0xAC00, 0xD7A3}};

	for (const auto &range : ranges)
		if (code >= range[0] && code <= range[1])
			return true;
	return false;
}

/* It is not shown, and programs differ in what they do with it. */
static bool
is_control(std::uint32_t code) noexcept
{
	return (code < 0x20 && code != '\t' && code != '\n' && code != '\r') ||
		   (code >= 0x7F && code <= 0x9F) || code == 0x2028 || code == 0x2029;
}

/* ---- the lexer ---- */

namespace
{

class Lexer
{
public:
	explicit Lexer(std::string_view text) noexcept : text_(text) {}
	QueryText inspect() noexcept;

private:
	struct Character
	{
		std::uint32_t code;
		std::size_t length;
	};

	char at(std::size_t offset) const noexcept
	{
		return offset < text_.size() ? text_[offset] : '\0';
	}
	bool is(std::string_view what) const noexcept
	{
		return text_.compare(here_, what.size(), what) == 0;
	}
	Character character(std::size_t offset) const noexcept;
	std::size_t letter(std::size_t offset) const noexcept;
	bool refuse(Flaw flaw, std::size_t offset, std::size_t length = 0) noexcept;
	std::size_t end_of_word(std::size_t offset) const noexcept;
	std::size_t next_token(std::size_t offset) const noexcept;

	bool check_characters() noexcept;
	bool take_token() noexcept;
	bool skip_quoted(char end, Flaw flaw) noexcept;
	bool skip_comment() noexcept;
	void skip_line() noexcept;
	void skip_exponent() noexcept;
	bool take_number() noexcept;
	bool take_word() noexcept;
	bool judge_word(std::string_view word) noexcept;
	bool judge_start(std::string_view word) noexcept;
	bool take_mark() noexcept;
	bool take_semicolon() noexcept;
	void token_ends() noexcept;

	std::string_view text_;
	std::size_t here_ = 0;
	QueryText result_{Flaw::none, 0, {}, 0, 0};
	int depth_ = 0;
	std::size_t opened_at_ = 0;
	bool started_ = false;   /* the first SELECT was there */
	bool joins_ = false;     /* the last word leads to a SELECT */
	bool any_ = false;       /* a token was there */
	bool semicolon_ = false; /* nothing may follow */
	std::size_t semicolon_at_ = 0;
};

} // namespace

/* Code 0xFFFD for what is no UTF-8. */
Lexer::Character
Lexer::character(std::size_t offset) const noexcept
{
	auto first = static_cast<unsigned char>(at(offset));
	std::size_t length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
	std::uint32_t code = length == 1 ? first : first & (0xFFU >> (length + 1));

	if (first >= 0x80 && (first < 0xC2 || first > 0xF4))
		return {0xFFFD, 1};
	for (std::size_t i = 1; i < length; i++)
	{
		auto next = static_cast<unsigned char>(at(offset + i));

		if ((next & 0xC0) != 0x80)
			return {0xFFFD, 1};
		code = code << 6 | (next & 0x3FU);
	}
	return {code, length};
}

/* The bytes of the letter that is there; 0 if there is none. */
std::size_t
Lexer::letter(std::size_t offset) const noexcept
{
	Character found = character(offset);

	if (found.length == 1 ? is_ascii_letter(at(offset)) : is_other_letter(found.code))
		return found.length;
	return 0;
}

/* False, for the caller to give on. */
bool
Lexer::refuse(Flaw flaw, std::size_t offset, std::size_t length) noexcept
{
	result_.flaw = flaw;
	result_.word = text_.substr(offset, length);
	result_.position = 1;
	for (std::size_t i = 0; i < offset; i++)
		if ((static_cast<unsigned char>(text_[i]) & 0xC0) != 0x80)
			result_.position++;
	return false;
}

/* ---- what is passed over ---- */

/* A string or a quoted name; its end within it is doubled. */
bool
Lexer::skip_quoted(char end, Flaw flaw) noexcept
{
	std::size_t begin = here_;

	for (here_++; here_ < text_.size(); here_++)
	{
		if (text_[here_] != end)
			continue;
		here_++;
		if (at(here_) != end)
			return true;
	}
	return refuse(flaw, begin);
}

/* They nest in T-SQL. */
bool
Lexer::skip_comment() noexcept
{
	std::size_t begin = here_;
	int nested = 0;

	do
	{
		bool opens = is("/*"), closes = is("*/");

		nested += opens ? 1 : closes ? -1 : 0;
		here_ += opens || closes ? 2 : 1;
	} while (nested > 0 && here_ < text_.size());
	return nested == 0 || refuse(Flaw::comment_not_closed, begin);
}

void
Lexer::skip_line() noexcept
{
	while (here_ < text_.size() && text_[here_] != '\n')
		here_++;
}

/* ---- numbers and words ---- */

/* e5, e-5; without a digit it is none, and stays where it is. */
void
Lexer::skip_exponent() noexcept
{
	std::size_t digits = here_ + (at(here_ + 1) == '+' || at(here_ + 1) == '-' ? 2 : 1);

	if ((at(here_) != 'e' && at(here_) != 'E') || !is_digit(at(digits)))
		return;
	for (here_ = digits; is_digit(at(here_));)
		here_++;
}

/* 1, 1.5, .5, 1e5, 0x1F. In T-SQL a letter that cannot belong to it begins a new word, as in
 * 1DELETE; an exponent may have no digits there, so that 1e--x is ambiguous and refused. */
bool
Lexer::take_number() noexcept
{
	std::size_t begin = here_;
	bool hexadecimal = at(here_) == '0' && (at(here_ + 1) == 'x' || at(here_ + 1) == 'X');

	here_ += hexadecimal ? 2 : 0;
	while (hexadecimal ? is_hexadecimal(at(here_)) : is_digit(at(here_)) || at(here_) == '.')
		here_++;
	if (!hexadecimal)
		skip_exponent();
	if (letter(here_) > 0)
		return refuse(Flaw::number_runs_on, begin, end_of_word(here_) - begin);
	token_ends();
	joins_ = false;
	return true;
}

std::size_t
Lexer::end_of_word(std::size_t offset) const noexcept
{
	while (letter(offset) > 0 || is_digit(at(offset)))
		offset += is_digit(at(offset)) ? 1 : letter(offset);
	return offset;
}

/* Where the next word begins, if nothing but blanks is in between. */
std::size_t
Lexer::next_token(std::size_t offset) const noexcept
{
	while (is_blank(at(offset)))
		offset++;
	return offset;
}

bool
Lexer::take_word() noexcept
{
	std::size_t begin = here_;

	here_ = end_of_word(here_);

	std::string_view word = text_.substr(begin, here_ - begin);

	return judge_word(word);
}

/* A $ alone is an amount of money, and the word behind it then a separate one. Variables and
 * temporary tables that are called like a statement are refused too. */
bool
Lexer::judge_word(std::string_view word) noexcept
{
	std::size_t begin = here_ - word.size();
	std::size_t next = next_token(here_);
	std::string_view bare = word.substr(std::min(word.find_first_not_of("$@#"), word.size()));
	bool is_join =
		is_word(bare, "merge") && is_word(text_.substr(next, end_of_word(next) - next), "join");

	if (!started_ && !judge_start(word))
		return false;
	if (is_one_of(bare, refused_words) && !is_join)
		return refuse(Flaw::word, begin, word.size());
	if (is_word(bare, "select") && depth_ == 0 && any_ && !joins_)
		return refuse(Flaw::second_query, begin, word.size());
	joins_ = is_one_of(word, joining_words);
	started_ = true;
	token_ends();
	return true;
}

bool
Lexer::judge_start(std::string_view word) noexcept
{
	std::size_t begin = here_ - word.size();

	if (is_word(word, "select"))
		return true;
	if (is_one_of(word, refused_words))
		return refuse(Flaw::word, begin, word.size());
	return refuse(is_word(word, "with") ? Flaw::with_clause : Flaw::no_select, begin, word.size());
}

/* ---- marks ---- */

bool
Lexer::take_semicolon() noexcept
{
	if (!semicolon_)
		semicolon_at_ = here_;
	semicolon_ = true;
	here_++;
	return true;
}

bool
Lexer::take_mark() noexcept
{
	std::size_t begin = here_++;
	char mark = text_[begin];

	if (mark == ')' && depth_ == 0)
		return refuse(Flaw::not_opened, begin);
	if (mark == '(' && depth_ == 0)
		opened_at_ = begin;
	if (mark != '(' && !started_)
		return refuse(Flaw::no_select, begin, 1);
	depth_ += mark == '(' ? 1 : mark == ')' ? -1 : 0;
	token_ends();
	joins_ = joins_ && mark == '(';
	return true;
}

/* ---- all of it ---- */

void
Lexer::token_ends() noexcept
{
	any_ = true;
	result_.end = here_;
}

/* Characters that are not text, and a carriage return that is not part of a line break: whether
 * that ends a line comment is not certain. */
bool
Lexer::check_characters() noexcept
{
	Character found{};

	for (std::size_t i = 0; i < text_.size(); i += found.length)
	{
		found = character(i);
		if (is_control(found.code) || (text_[i] == '\r' && at(i + 1) != '\n'))
			return refuse(Flaw::control_character, i);
		if (found.code == 0xFFFD && found.length == 1)
			return refuse(Flaw::character_not_allowed, i);
	}
	return true;
}

bool
Lexer::take_token() noexcept
{
	char c = text_[here_];

	if (semicolon_)
		return c == ';' ? take_semicolon() : refuse(Flaw::semicolon, semicolon_at_);
	if (!any_)
		result_.begin = here_;
	if (c == ';' && any_)
		return take_semicolon();
	if (is_digit(c) || (c == '.' && is_digit(at(here_ + 1))))
		return started_ ? take_number() : refuse(Flaw::no_select, here_, 1);
	if (letter(here_) > 0)
		return take_word();
	if (c == '(' || c == ')' || is_operator(c))
		return take_mark();
	if (!started_)
		return refuse(Flaw::no_select, here_, character(here_).length);

	bool taken = c == '\''  ? skip_quoted(c, Flaw::string_not_closed)
				 : c == '"' ? skip_quoted(c, Flaw::name_not_closed)
				 : c == '[' ? skip_quoted(']', Flaw::name_not_closed)
							: refuse(Flaw::character_not_allowed, here_, character(here_).length);

	joins_ = false;
	token_ends();
	return taken;
}

QueryText
Lexer::inspect() noexcept
{
	bool good = check_characters();

	while (good && here_ < text_.size())
	{
		if (is_blank(text_[here_]))
			here_++;
		else if (is("--"))
			skip_line();
		else if (is("/*"))
			good = skip_comment();
		else
			good = take_token();
	}
	if (good && depth_ > 0)
		refuse(Flaw::not_closed, opened_at_);
	else if (good && !started_)
		refuse(any_ ? Flaw::no_select : Flaw::empty, 0);
	return result_;
}

QueryText
inspect_query(std::string_view text) noexcept
{
	return Lexer(text).inspect();
}

} // namespace sambapos::tds
