/*
 * Names and texts in T-SQL.
 */
#include "tds/quote.hpp"

#include <cstring>

namespace sambapos::tds
{

static bool
is_line_break(char c) noexcept
{
	return c == '\n' || c == '\r';
}

static bool
has_line_continuation(std::string_view text) noexcept
{
	for (std::size_t i = 1; i < text.size(); i++)
		if (text[i - 1] == '\\' && is_line_break(text[i]))
			return true;
	return false;
}

static char *
append(char *target, std::string_view words) noexcept
{
	memcpy(target, words.data(), words.size());
	return target + words.size();
}

std::size_t
quote_identifier(std::string_view name, char *target) noexcept
{
	char *out = target;

	*out++ = '[';
	for (char c : name)
	{
		if (c == ']')
			*out++ = ']';
		*out++ = c;
	}
	out = append(out, "]");
	*out = '\0';
	return static_cast<std::size_t>(out - target);
}

std::size_t
quote_literal(std::string_view text, char *target) noexcept
{
	char *out = target;
	char before = '\0';
	bool parts = has_line_continuation(text);

	out = append(out, parts ? "(CAST(N'" : "N'");
	bool first_part = parts;
	for (char c : text)
	{
		if (before == '\\' && is_line_break(c))
		{
			out = append(out, first_part ? "' AS nvarchar(max))+N'" : "'+N'");
			first_part = false;
		}
		if (c == '\'')
			*out++ = '\'';
		*out++ = c;
		before = c;
	}
	out = append(out, parts ? "')" : "'");
	*out = '\0';
	return static_cast<std::size_t>(out - target);
}

std::string
quote_identifier(std::string_view name)
{
	std::string result(identifier_room(name.size()), '\0');

	result.resize(quote_identifier(name, result.data()));
	return result;
}

std::string
quote_literal(std::string_view text)
{
	std::string result(literal_room(text.size()), '\0');

	result.resize(quote_literal(text, result.data()));
	return result;
}

} // namespace sambapos::tds
