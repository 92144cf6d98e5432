/*
 * Texts of a server, made safe for a terminal or a log.
 */
#pragma once

#include <cstddef>
#include <string_view>

namespace sambapos::tds
{

enum class Lines
{
	one, /* a line break becomes a blank: no text can look like a DETAIL or HINT */
	many /* it stays */
};

/* Room for the result, with its terminator. */
constexpr std::size_t
printable_room(std::size_t length) noexcept
{
	return 4 * length + 1;
}

/* Copies UTF-8, or any text in which ASCII is ASCII, and writes control characters, which a
 * terminal would execute, by their codes: \x1B for an escape, \x9B for its eight-bit form, \u202E
 * for what turns the direction of writing. A tab stays. Returns the length. */
std::size_t printable(std::string_view text, Lines lines, bool utf8, char *target) noexcept;

/* False if a character must be written by its code. */
bool is_printable(std::string_view text, Lines lines, bool utf8) noexcept;

} // namespace sambapos::tds
