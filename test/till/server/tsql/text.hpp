/*
 * Text between three worlds: UTF-16LE on the wire, UTF-8 in here and in PostgreSQL, code pages for
 * varchar.
 *
 * PostgreSQL's text holds neither NUL nor lone surrogates, nvarchar does both. They travel as
 * private-use characters: NUL as U+10F000, the surrogate U+Dxxx as U+10Dxxx. Those 2049 characters
 * themselves are refused on the way in, so the mapping is exact both ways.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace till
{

constexpr uint32_t escaped_nul = 0x10F000;
constexpr uint32_t escaped_surrogates = 0x100000; /* + the surrogate itself */

/* Throws SqlError when the text holds one of the characters that stand for others. */
std::string utf16_to_utf8(const unsigned char *bytes, size_t units);

/* Appends UTF-16LE bytes. */
void append_utf16(std::string &out, std::string_view utf8);
size_t utf16_units(std::string_view utf8);

void append_utf8(std::string &out, uint32_t codepoint);

/* Reads one character of valid UTF-8 and moves *at behind it. */
uint32_t next_codepoint(std::string_view text, size_t *at);

/* Code page 1252 or 1254; what the page lacks becomes '?', as SQL Server stores it. */
std::string to_codepage(std::string_view utf8, int codepage);
std::string from_codepage(std::string_view bytes, int codepage);

/* Identifiers compare case-insensitively, in Turkish databases with the Turkish i. */
std::string fold(std::string_view name, bool turkish);

std::string upper_ascii(std::string_view text);
bool same_word(std::string_view a, std::string_view b); /* ASCII, case-insensitive */

/* 'it''s' and "my ""table""" for PostgreSQL. */
std::string quote_literal(std::string_view text);
std::string quote_identifier(std::string_view name);

} // namespace till
