/*
 * Names and texts in T-SQL, under QUOTED_IDENTIFIER ON. Into the caller's buffer, so that both
 * sides of the border can use it; with std::string for src/tds and its tests.
 */
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sambapos::tds
{

/* Room for the longest result of quote_identifier and quote_literal, the final NUL included. */
constexpr std::size_t
identifier_room(std::size_t length) noexcept
{
	return 2 * length + 3;
}
constexpr std::size_t
literal_room(std::size_t length) noexcept
{
	return 4 * length + 40;
}

/* Writes [name], with ] doubled, and a NUL. Returns the length without it. */
std::size_t quote_identifier(std::string_view name, char *target) noexcept;

/* Writes N'text', with ' doubled, and a NUL. Returns the length without it.
 *
 * T-SQL takes a backslash at the end of a line together with the line break out of a literal
 * (line continuation); there is no escape. So such a text is written as the concatenation of two
 * literals, as nvarchar(max) since the concatenation of shorter ones is cut at 4000 characters. */
std::size_t quote_literal(std::string_view text, char *target) noexcept;

std::string quote_identifier(std::string_view name);
std::string quote_literal(std::string_view text);

} // namespace sambapos::tds
