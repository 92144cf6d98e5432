/* The tokenizer of T-SQL. */
#include "tsql/lexer.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

#include <cctype>
#include <cstdio>
#include <functional>
#include <map>
#include <mutex>
#include <set>

namespace till
{

bool
Token::is(std::string_view what) const
{
	return (kind == Tok::word || kind == Tok::symbol) && same_word(text, what);
}

bool
is_reserved(const std::string &word)
{
	static const std::set<std::string> words = {
		"ADD",      "ALL",         "ALTER",    "AND",        "ANY",       "AS",
		"ASC",      "BEGIN",       "BETWEEN",  "BREAK",      "BY",        "CASE",
		"CHECK",    "CLUSTERED",   "COALESCE", "COLLATE",    "COMMIT",    "CONSTRAINT",
		"CONTINUE", "CONVERT",     "CREATE",   "CROSS",      "DATABASE",  "DBCC",
		"DECLARE",  "DEFAULT",     "DELETE",   "DESC",       "DISTINCT",  "DROP",
		"ELSE",     "END",         "ESCAPE",   "EXCEPT",     "EXEC",      "EXECUTE",
		"EXISTS",   "FETCH",       "FOR",      "FOREIGN",    "FROM",      "FULL",
		"GOTO",     "GRANT",       "GROUP",    "HAVING",     "IDENTITY",  "IDENTITY_INSERT",
		"IF",       "IN",          "INDEX",    "INNER",      "INSERT",    "INTERSECT",
		"INTO",     "IS",          "JOIN",     "KEY",        "LEFT",      "LIKE",
		"MERGE",    "NOT",         "NULL",     "NULLIF",     "OF",        "ON",
		"OPTION",   "OR",          "ORDER",    "OUTER",      "OVER",      "PERCENT",
		"PRIMARY",  "PRINT",       "PROC",     "PROCEDURE",  "RAISERROR", "REFERENCES",
		"RETURN",   "REVOKE",      "RIGHT",    "ROLLBACK",   "SAVE",      "SCHEMA",
		"SELECT",   "SET",         "TABLE",    "THEN",       "TO",        "TOP",
		"TRAN",     "TRANSACTION", "TRIGGER",  "TRUNCATE",   "UNION",     "UNIQUE",
		"UPDATE",   "USE",         "VALUES",   "VIEW",       "WAITFOR",   "WHEN",
		"WHERE",    "WHILE",       "WITH",     "TABLESAMPLE"};

	return words.count(upper_ascii(word)) > 0;
}

static std::mutex names_lock;
static std::map<std::string, std::string> cut_names;

static std::string
cut_name(const std::string &name)
{
	size_t characters = 0, kept = 54;
	char digits[24];

	for (char c : name)
		characters += (c & 0xC0) != 0x80;
	if (characters > 128)
		throw SqlError(103, 15, 4,
					   "The identifier that starts with '" + name.substr(0, 64) +
						   "' is too long. Maximum length is 128.");
	if (name.size() <= 63)
		return name;
	while ((name[kept] & 0xC0) == 0x80) /* no half characters */
		kept--;
	std::snprintf(digits, sizeof digits, "~%08zx", std::hash<std::string>{}(name) &0xFFFFFFFFu);

	std::string cut = name.substr(0, kept) + digits;
	std::lock_guard<std::mutex> lock(names_lock);

	cut_names[cut] = name;
	return cut;
}

std::string
full_name(const std::string &name)
{
	std::lock_guard<std::mutex> lock(names_lock);
	auto found = cut_names.find(name);

	return found == cut_names.end() ? name : found->second;
}

namespace
{

class Lexer
{
	const std::string &s;
	size_t at = 0;
	int line = 1;
	std::vector<Token> tokens;

	char peek(size_t ahead = 0) const { return at + ahead < s.size() ? s[at + ahead] : '\0'; }
	static bool starts_word(char c)
	{
		return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '#' || (c & 0x80);
	}
	static bool in_word(char c)
	{
		return starts_word(c) || std::isdigit(static_cast<unsigned char>(c)) || c == '@' ||
			   c == '$';
	}
	void skip_space();
	void skip_comment();
	std::string delimited(char close);
	void number();
	void next();

public:
	explicit Lexer(const std::string &sql) : s(sql) {}
	std::vector<Token> run()
	{
		for (skip_space(); at < s.size(); skip_space())
			next();
		tokens.push_back({Tok::end, "", line, s.size()});
		return std::move(tokens);
	}
};

void
Lexer::skip_comment()
{
	int depth = 0;

	do
	{
		if (at >= s.size())
			throw SqlError(113, 15, 1, "Missing end comment mark '*/'.");
		if (peek() == '/' && peek(1) == '*')
			depth++, at += 2;
		else if (peek() == '*' && peek(1) == '/')
			depth--, at += 2;
		else
			line += s[at++] == '\n';
	} while (depth > 0);
}

void
Lexer::skip_space()
{
	while (at < s.size())
	{
		if (s.compare(at, 3, "\xEF\xBB\xBF") == 0) /* a byte order mark */
			at += 3;
		else if (std::isspace(static_cast<unsigned char>(peek())))
			line += s[at++] == '\n';
		else if (peek() == '-' && peek(1) == '-')
			while (at < s.size() && peek() != '\n')
				at++;
		else if (peek() == '/' && peek(1) == '*')
			skip_comment();
		else
			return;
	}
}

/* The inside of '...', "..." or [...], where the closing mark is doubled. */
std::string
Lexer::delimited(char close)
{
	std::string out;

	for (at++; at < s.size(); at++)
	{
		if (s[at] == close)
		{
			if (peek(1) != close)
			{
				at++;
				return out;
			}
			at++;
		}
		line += s[at] == '\n';
		out += s[at];
	}
	throw SqlError(105, 15, 1, "Unclosed quotation mark after the character string '" + out + "'.");
}

void
Lexer::number()
{
	size_t start = at;
	Tok kind = Tok::integer;
	auto digits = [&]
	{
		while (std::isdigit(static_cast<unsigned char>(peek())))
			at++;
	};

	digits();
	if (peek() == '.')
	{
		kind = Tok::decimal;
		at++;
		digits();
	}
	if (peek() == 'e' || peek() == 'E')
	{
		kind = Tok::real;
		at++;
		if (peek() == '+' || peek() == '-')
			at++;
		digits();
	}
	tokens.push_back({kind, s.substr(start, at - start), line, start});
}

void
Lexer::next()
{
	size_t start = at;
	int first_line = line;
	char c = peek();
	auto push = [&](Tok kind, std::string text) {
		tokens.push_back({kind, std::move(text), first_line, start});
	};

	if ((c == 'N' || c == 'n') && peek(1) == '\'')
	{
		at++;
		return push(Tok::nstring, delimited('\''));
	}
	if (c == '\'')
		return push(Tok::string, delimited('\''));
	if (c == '"')
		return push(Tok::dquoted, delimited('"'));
	if (c == '[')
		return push(Tok::bracketed, cut_name(delimited(']')));
	if (c == '0' && (peek(1) == 'x' || peek(1) == 'X'))
	{
		for (at += 2; std::isxdigit(static_cast<unsigned char>(peek()));)
			at++;
		return push(Tok::binary, s.substr(start + 2, at - start - 2));
	}
	if (std::isdigit(static_cast<unsigned char>(c)) ||
		(c == '.' && std::isdigit(static_cast<unsigned char>(peek(1)))))
		return number();
	size_t sign = peek(1) == '-' || peek(1) == '+' ? 1 : 0;

	if (c == '$' && std::isdigit(static_cast<unsigned char>(peek(1 + sign))))
	{
		at += 1 + sign;
		number();
		tokens.back().kind = Tok::money;
		if (s[start + 1] == '-')
			tokens.back().text.insert(0, 1, '-');
		return;
	}
	if (starts_word(c) || c == '@')
	{
		for (at++; at < s.size() && in_word(peek());)
			at++;

		std::string word = s.substr(start, at - start);

		return c == '@' ? push(Tok::variable, word) : push(Tok::word, cut_name(word));
	}
	for (const char *two : {"<=", ">=", "<>", "!=", "!<", "!>", "+=", "-=", "*=", "/=", "::"})
		if (s.compare(at, 2, two) == 0)
		{
			at += 2;
			return push(Tok::symbol, two);
		}
	at++;
	push(Tok::symbol, std::string(1, c));
}

} // namespace

std::vector<Token>
tokenize(const std::string &sql)
{
	return Lexer(sql).run();
}

} // namespace till
