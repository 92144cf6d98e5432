/*
 * The emitter: LIKE, as a PostgreSQL regular expression. Characters are UTF-16 units unless the
 * collation knows supplementary characters (_SC). Trailing blanks of the subject count only where a
 * side is Unicode. A pattern that is not valid (an escape character at the end, a [ without its ])
 * matches nothing.
 */
#include "emit/emitter.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

#include <vector>

namespace till
{

namespace
{

const char *const never = "(?=a)b"; /* a character that is two */

/* A pattern's character, and whether it was escaped. */
struct PatternChar
{
	uint32_t c;
	bool escaped;
};

void
append_escaped(std::string &regex, uint32_t c)
{
	if (c < 0x80 && !std::isalnum(static_cast<int>(c)) && c != '_' && c != ' ')
		regex += '\\';
	append_utf8(regex, c);
}

bool
is_pair(uint32_t c)
{
	return c >= 0x10000 && c != escaped_nul && !(c >= 0x10D800 && c <= 0x10DFFF);
}

/* False if the escape character stands at the end. */
bool
read_pattern(const std::string &pattern, const std::string &escape, bool by_units,
			 std::vector<PatternChar> *out)
{
	for (size_t at = 0; at < pattern.size();)
	{
		bool escaped = !escape.empty() && pattern.compare(at, escape.size(), escape) == 0;

		if (escaped)
			at += escape.size();
		if (at >= pattern.size())
			return false;
		uint32_t c = next_codepoint(pattern, &at);

		if (by_units && is_pair(c))
		{
			out->push_back({escaped_surrogates + 0xD800 + ((c - 0x10000) >> 10), escaped});
			out->push_back({escaped_surrogates + 0xDC00 + ((c - 0x10000) & 0x3FF), escaped});
		}
		else
			out->push_back({c, escaped});
	}
	return true;
}

/* The set behind a [; *at moves behind its ]. Empty if there is none. */
std::string
character_set(const std::vector<PatternChar> &p, size_t *at)
{
	size_t close = *at;
	bool negated = close < p.size() && p[close].c == '^' && !p[close].escaped;
	std::string set;

	close += negated;
	size_t first = close;

	while (close < p.size() && (p[close].c != ']' || p[close].escaped))
		close++;
	if (close >= p.size())
		return "";
	for (size_t i = first; i < close; i++)
	{
		bool range = p[i].c == '-' && !p[i].escaped && i > first && i + 1 < close;

		if (range)
			set += '-';
		else
			append_escaped(set, p[i].c);
	}
	*at = close + 1;
	if (set.empty())
		return negated ? "." : never;
	return (negated ? "[^" : "[") + set + "]";
}

} // namespace

std::string
like_to_regex(const std::string &pattern, const std::string &escape, bool by_units, bool blanks)
{
	std::vector<PatternChar> p;
	std::string regex = "^";

	if (!read_pattern(pattern, escape, by_units, &p))
		return never;
	for (size_t at = 0; at < p.size();)
	{
		PatternChar c = p[at++];

		if (c.escaped)
			append_escaped(regex, c.c);
		else if (c.c == '%')
			regex += ".*";
		else if (c.c == '_')
			regex += ".";
		else if (c.c == '[')
		{
			std::string set = character_set(p, &at);

			if (set.empty())
				return never;
			regex += set;
		}
		else
			append_escaped(regex, c.c);
	}
	return regex + (blanks ? " *$" : "$");
}

/* Text in which what the collation does not tell apart is the same. */
static std::string
folded(std::string text, const Collation &c)
{
	if (c.ignores_accents)
		text = "till.without_accents(" + text + ")";
	if (c.ignores_case && c.turkish)
		return "till.lower_turkish(" + text + ")";
	return c.ignores_case ? "till.fold_case(" + text + ")" : text;
}

Value
Emitter::like(const Expr &e, const Scope *scope)
{
	Value subject = value(*e.args[0], scope), pattern = value(*e.args[1], scope);
	Type common = common_type(as_string(subject).type, as_string(pattern).type);
	Collation c = collation_of(common);
	bool unicode = is_unicode(common.kind), by_units = !c.supplementary;
	std::string escape, regex, text = as_text(subject);
	const std::string *known = nullptr; /* the pattern's text */

	if (e.args.size() > 2)
	{
		if (e.args[2]->op != Op::literal)
			throw unsupported("ESCAPE with anything but a literal");
		escape = e.args[2]->token.text;
		if (utf16_units(escape) != 1)
			throw SqlError(506, 16, 1,
						   "The invalid escape character \"" + escape +
							   "\" was specified in a LIKE predicate.");
	}
	if (pattern.literal != nullptr && is_string(pattern.type.kind))
		known = &pattern.literal->text;
	if (e.args[1]->op == Op::variable && is_string(pattern.type.kind))
	{
		auto found = env.variables.find(fold(e.args[1]->text, false));

		if (found != env.variables.end() && !found->second.null)
			known = &found->second.text;
	}
	if (known != nullptr)
		regex = quote_literal(like_to_regex(*known, escape, by_units, !unicode)) + "::text";
	else
		regex = "till.like_regex(" + as_text(pattern) + ", " + quote_literal(escape) +
				(by_units ? ", true" : ", false") + (unicode ? ", false)" : ", true)");
	if (by_units && unicode)
		text = "till.units(" + text + ")";
	return Value{"((" + folded(text, c) + " COLLATE \"C\") " + (e.negated ? "!~" : "~") + " (" +
					 folded(regex, c) + " COLLATE \"C\"))",
				 simple(Kind::predicate)};
}

} // namespace till
