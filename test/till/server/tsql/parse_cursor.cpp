/* The parser: its cursor, names and types. */
#include "tsql/error.hpp"
#include "tsql/parser.hpp"
#include "tsql/text.hpp"

#include <algorithm>
#include <cstdlib>

namespace till
{

/* ---- cursor ---- */

const Token &
Parser::peek(size_t ahead) const
{
	return tokens[std::min(at + ahead, tokens.size() - 1)];
}

Token
Parser::take()
{
	Token token = peek();

	if (at + 1 < tokens.size())
		at++;
	return token;
}

void
Parser::fail() const
{
	const Token &t = peek();
	SqlError e = t.kind == Tok::word && is_reserved(t.text)
					 ? SqlError(156, 15, 1, "Incorrect syntax near the keyword '" + t.text + "'.")
					 : syntax_error(t.kind == Tok::end && at > 0 ? tokens[at - 1].text : t.text);

	e.line = t.line;
	throw e;
}

bool
Parser::accept(std::string_view word)
{
	if (!on(word))
		return false;
	take();
	return true;
}

void
Parser::expect(std::string_view word)
{
	if (!accept(word))
		fail();
}

bool
Parser::on_name() const
{
	const Token &t = peek();

	return t.kind == Tok::bracketed || (t.kind == Tok::dquoted && quoted_identifier) ||
		   (t.kind == Tok::word && !is_reserved(t.text));
}

std::string
Parser::identifier()
{
	if (!on_name())
		fail();
	return take().text;
}

std::string
Parser::any_word()
{
	const Token &t = peek();

	if (t.kind != Tok::word && !on_name())
		fail();
	return take().text;
}

/* a, b.a, c.b.a, c..a (an empty part is the default schema). */
Name
Parser::object_name()
{
	Name name{identifier()};

	while (on("."))
	{
		take();
		if (on("."))
			name.emplace_back();
		else
			name.push_back(any_word());
	}
	return name;
}

std::string
Parser::optional_alias()
{
	if (accept("AS"))
	{
		if (on_string())
			return take().text;
		return identifier();
	}
	return on_name() ? identifier() : "";
}

long
Parser::integer()
{
	bool minus = accept("-");

	if (!minus)
		accept("+");
	if (peek().kind != Tok::integer)
		fail();
	long value = std::strtol(take().text.c_str(), nullptr, 10);

	return minus ? -value : value;
}

std::vector<std::string>
Parser::name_list()
{
	std::vector<std::string> names;

	expect("(");
	do
		names.push_back(identifier());
	while (accept(","));
	expect(")");
	return names;
}

bool
Parser::on_string() const
{
	Tok kind = peek().kind;

	return kind == Tok::string || kind == Tok::nstring ||
		   (kind == Tok::dquoted && !quoted_identifier);
}

std::string
Parser::string_value()
{
	if (!on_string())
		fail();
	return take().text;
}

/* The batch's own text of tokens [from, to). */
std::string
Parser::source(size_t from, size_t to) const
{
	std::string text = sql.substr(tokens[from].offset, tokens[to].offset - tokens[from].offset);

	while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r' ||
							 text.back() == '\t'))
		text.pop_back();
	return text;
}

ExprP
Parser::make(Op op) const
{
	auto e = std::make_unique<Expr>();

	e->op = op;
	e->line = peek().line;
	return e;
}

/* ---- types ---- */

Type
Parser::type()
{
	std::string name = any_word();
	int first = 0, second = 0;

	if (accept(".")) /* sys.int, dbo.name */
		name = any_word();
	if (same_word(name, "double") && accept("PRECISION"))
		name = "float";
	if ((same_word(name, "char") || same_word(name, "character")) && accept("VARYING"))
		name = "varchar";
	if (accept("("))
	{
		if (accept("MAX"))
			first = max_length;
		else
		{
			first = static_cast<int>(integer());
			if (first == 0) /* time(0) differs from time */
				first = max_length - 1;
		}
		if (accept(","))
			second = static_cast<int>(integer());
		expect(")");
	}
	return named_type(name, first, second);
}

} // namespace till
