/* Conversions of text; see text.hpp for the rules. */
#include "tsql/text.hpp"
#include "tsql/error.hpp"

#include <cctype>
#include <iconv.h>

namespace till
{

void
append_utf8(std::string &out, uint32_t c)
{
	if (c < 0x80)
		out += static_cast<char>(c);
	else if (c < 0x800)
	{
		out += static_cast<char>(0xC0 | (c >> 6));
		out += static_cast<char>(0x80 | (c & 0x3F));
	}
	else if (c < 0x10000)
	{
		out += static_cast<char>(0xE0 | (c >> 12));
		out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
		out += static_cast<char>(0x80 | (c & 0x3F));
	}
	else
	{
		out += static_cast<char>(0xF0 | (c >> 18));
		out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
		out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
		out += static_cast<char>(0x80 | (c & 0x3F));
	}
}

uint32_t
next_codepoint(std::string_view text, size_t *at)
{
	unsigned char lead = static_cast<unsigned char>(text[(*at)++]);
	int more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
	uint32_t c = more == 0 ? lead : lead & (0x3F >> more);

	while (more-- > 0 && *at < text.size())
		c = (c << 6) | (static_cast<unsigned char>(text[(*at)++]) & 0x3F);
	return c;
}

/* The code point of the UTF-16 unit(s) at i, with what UTF-8 in PostgreSQL cannot hold escaped. */
static uint32_t
decode_units(const unsigned char *bytes, size_t units, size_t *i)
{
	auto unit = [&](size_t k)
	{ return static_cast<uint32_t>(bytes[2 * k] | bytes[2 * k + 1] << 8); };
	uint32_t c = unit((*i)++);

	if (c == 0)
		return escaped_nul;
	if (c < 0xD800 || c > 0xDFFF)
		return c;
	if (c < 0xDC00 && *i < units && unit(*i) >= 0xDC00 && unit(*i) <= 0xDFFF)
	{
		uint32_t full = 0x10000 + ((c - 0xD800) << 10) + (unit((*i)++) - 0xDC00);

		if (full == escaped_nul || (full >= 0x10D800 && full <= 0x10DFFF))
			throw unsupported("a text with the character U+10D800..U+10DFFF or U+10F000");
		return full;
	}
	return escaped_surrogates + c;
}

std::string
utf16_to_utf8(const unsigned char *bytes, size_t units)
{
	std::string out;

	out.reserve(units + units / 8);
	for (size_t i = 0; i < units;)
		append_utf8(out, decode_units(bytes, units, &i));
	return out;
}

void
append_utf16(std::string &out, std::string_view text)
{
	auto put = [&](uint32_t unit)
	{
		out += static_cast<char>(unit & 0xFF);
		out += static_cast<char>(unit >> 8);
	};

	for (size_t at = 0; at < text.size();)
	{
		uint32_t c = static_cast<unsigned char>(text[at]);

		if (c < 0x80)
		{
			at++;
			put(c);
			continue;
		}
		c = next_codepoint(text, &at);
		if (c < 0x10000)
			put(c);
		else if (c == escaped_nul)
			put(0);
		else if (c >= 0x10D800 && c <= 0x10DFFF)
			put(c - escaped_surrogates);
		else
		{
			put(0xD800 + ((c - 0x10000) >> 10));
			put(0xDC00 + ((c - 0x10000) & 0x3FF));
		}
	}
}

size_t
utf16_units(std::string_view text)
{
	size_t units = 0;

	for (size_t at = 0; at < text.size();)
	{
		uint32_t c = next_codepoint(text, &at);

		units += c >= 0x10000 && c != escaped_nul && !(c >= 0x10D800 && c <= 0x10DFFF) ? 2 : 1;
	}
	return units;
}

static iconv_t
converter(int codepage, bool to)
{
	thread_local iconv_t cache[2][2] = {{nullptr, nullptr}, {nullptr, nullptr}};
	iconv_t &slot = cache[codepage == 1254][to];

	if (slot == nullptr)
	{
		const char *page = codepage == 1254 ? "CP1254" : "CP1252";

		slot = to ? iconv_open(page, "UTF-8") : iconv_open("UTF-8", page);
	}
	return slot;
}

/* A byte that its code page gives no character is the control character of the same number. */
static void
append_unassigned(std::string *out, std::string_view c, bool to)
{
	auto last = static_cast<unsigned char>(c.back());

	if (last < 0x80 || last > 0x9F || (to && (c.size() != 2 || c[0] != '\xC2')))
		*out += '?';
	else if (to)
		*out += c.back();
	else
		out->append({'\xC2', c.back()});
}

/* Whole characters of one to four bytes, so an unconvertible one is known exactly. */
static std::string
convert_each(std::string_view text, int codepage, bool to)
{
	std::string out;

	for (size_t at = 0; at < text.size();)
	{
		size_t start = at;
		char result[8];
		char *in, *rest = result;
		size_t in_left, out_left = sizeof result;

		if (to)
		{
			if (next_codepoint(text, &at) == escaped_nul)
			{
				out += '\0';
				continue;
			}
		}
		else
			at++;
		in = const_cast<char *>(text.data() + start);
		in_left = at - start;
		if (iconv(converter(codepage, to), &in, &in_left, &rest, &out_left) ==
			static_cast<size_t>(-1))
			append_unassigned(&out, text.substr(start, at - start), to);
		else
			out.append(result, sizeof result - out_left);
	}
	return out;
}

static bool
is_ascii(std::string_view text)
{
	for (unsigned char c : text)
		if (c >= 0x80 || c == 0)
			return false;
	return true;
}

std::string
to_codepage(std::string_view utf8, int codepage)
{
	return is_ascii(utf8) ? std::string(utf8) : convert_each(utf8, codepage, true);
}

std::string
from_codepage(std::string_view bytes, int codepage)
{
	std::string utf8;

	if (is_ascii(bytes))
		return std::string(bytes);
	for (char c : bytes)
	{
		if (c == 0)
			append_utf8(utf8, escaped_nul);
		else
			utf8 += convert_each(std::string_view(&c, 1), codepage, false);
	}
	return utf8;
}

std::string
fold(std::string_view name, bool turkish)
{
	std::string out;

	for (size_t at = 0; at < name.size();)
	{
		uint32_t c = next_codepoint(name, &at);

		if (turkish && c == 'I')
			c = 0x131;
		else if (c == 0x130)
			c = 'i';
		else if (c < 0x80)
			c = static_cast<uint32_t>(std::tolower(static_cast<int>(c)));
		else if ((c >= 0xC0 && c <= 0xDE && c != 0xD7))
			c += 0x20;
		else if (c == 0x11E || c == 0x15E)
			c += 1;
		append_utf8(out, c);
	}
	return out;
}

std::string
upper_ascii(std::string_view text)
{
	std::string out(text);

	for (char &c : out)
		c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
	return out;
}

bool
same_word(std::string_view a, std::string_view b)
{
	return a.size() == b.size() && upper_ascii(a) == upper_ascii(b);
}

static std::string
quote(std::string_view text, char mark)
{
	std::string out(1, mark);

	for (char c : text)
	{
		if (c == mark)
			out += mark;
		out += c;
	}
	return out + mark;
}

std::string
quote_literal(std::string_view text)
{
	return quote(text, '\'');
}

std::string
quote_identifier(std::string_view name)
{
	return quote(name, '"');
}

} // namespace till
