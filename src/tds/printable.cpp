/*
 * Which characters are not shown: the control characters of ASCII and of Latin-1, the direction
 * marks (with them a text can be made to read otherwise than it is), and the two line breaks that
 * only Unicode has.
 */
#include "tds/printable.hpp"

#include <cstdint>

namespace sambapos::tds
{

/* A character of two or three bytes; all that matters here are. Anything else is one byte. */
struct Character
{
	std::uint32_t code;
	std::size_t length;
};

static bool
continues(std::string_view text, std::size_t at) noexcept
{
	return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

static std::uint32_t
bits(std::string_view text, std::size_t at) noexcept
{
	return static_cast<unsigned char>(text[at]) & 0x3FU;
}

static Character
character_at(std::string_view text, std::size_t at, bool utf8) noexcept
{
	auto first = static_cast<unsigned char>(text[at]);

	if (utf8 && (first & 0xE0) == 0xC0 && continues(text, at + 1))
		return {(first & 0x1FU) << 6 | bits(text, at + 1), 2};
	if (utf8 && (first & 0xF0) == 0xE0 && continues(text, at + 1) && continues(text, at + 2))
		return {(first & 0x0FU) << 12 | bits(text, at + 1) << 6 | bits(text, at + 2), 3};
	return {first < 0x80U ? first : 0xFFFFU, 1};
}

static bool
is_hidden(std::uint32_t code) noexcept
{
	return (code < 0x20 && code != '\t') || (code >= 0x7F && code <= 0x9F) || code == 0x61C ||
		   code == 0x200E || code == 0x200F || (code >= 0x2028 && code <= 0x202E) ||
		   (code >= 0x2066 && code <= 0x2069);
}

static char *
append_code(char *target, std::uint32_t code) noexcept
{
	static constexpr char digits[] = "0123456789ABCDEF";
	int shift = code < 0x100 ? 4 : 12;

	*target++ = '\\';
	*target++ = code < 0x100 ? 'x' : 'u';
	for (; shift >= 0; shift -= 4)
		*target++ = digits[code >> shift & 15];
	return target;
}

/* A carriage return before a line feed is half of a line break. */
static bool
is_line_break(std::string_view text, std::size_t at) noexcept
{
	return text[at] == '\n' || (text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n');
}

std::size_t
printable(std::string_view text, Lines lines, bool utf8, char *target) noexcept
{
	char *out = target;

	for (std::size_t at = 0; at < text.size();)
	{
		Character character = character_at(text, at, utf8);

		if (is_line_break(text, at))
		{
			if (text[at] == '\n')
				*out++ = lines == Lines::many ? '\n' : ' ';
		}
		else if (is_hidden(character.code))
			out = append_code(out, character.code);
		else
			out += text.copy(out, character.length, at);
		at += character.length;
	}
	*out = '\0';
	return static_cast<std::size_t>(out - target);
}

bool
is_printable(std::string_view text, Lines lines, bool utf8) noexcept
{
	for (std::size_t at = 0; at < text.size();)
	{
		Character character = character_at(text, at, utf8);

		if (is_hidden(character.code) && (text[at] != '\n' || lines == Lines::one))
			return false;
		at += character.length;
	}
	return true;
}

} // namespace sambapos::tds
