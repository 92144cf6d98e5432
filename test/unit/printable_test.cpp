/*
 * What a server says cannot work a terminal.
 */
#include "tds/printable.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace sambapos::tds;

namespace
{

std::string
shown(std::string_view text, Lines lines = Lines::one, bool utf8 = true)
{
	std::string result(printable_room(text.size()), '\0');

	result.resize(printable(text, lines, utf8, result.data()));
	EXPECT_EQ(is_printable(text, lines, utf8), result == text) << text;
	return result;
}

} // namespace

TEST(Printable, WhatIsTextStays)
{
	for (const char *text : {"", "Çay 😀 عربي 漢字", "a\tb", "C:\\x1B", "\xE2\x82\xAC", "\xC2\xA0"})
		EXPECT_EQ(shown(text), text);
}

TEST(Printable, ControlCharactersAreNamed)
{
	EXPECT_EQ(shown("\x1b[31mred\x07"), "\\x1B[31mred\\x07");
	EXPECT_EQ(shown("a\rb\x7f"), "a\\x0Db\\x7F");
	EXPECT_EQ(shown("\xC2\x9B"
					"31m \xC2\x85"),
			  "\\x9B31m \\x85");
	EXPECT_EQ(shown("\xE2\x80\xAE"
					"abc \xE2\x81\xA6 \xE2\x80\xA8 \xD8\x9C"),
			  "\\u202Eabc \\u2066 \\u2028 \\u061C");
}

TEST(Printable, LinesAreOneUnlessTheyMayBeMany)
{
	EXPECT_EQ(shown("no\r\nHINT:  drop it\n"), "no HINT:  drop it ");
	EXPECT_EQ(shown("a\r\nb\nc", Lines::many), "a\nb\nc");
	EXPECT_EQ(shown("a\rb", Lines::many), "a\\x0Db");
}

TEST(Printable, BrokenUtf8IsPassedOn)
{
	for (const char *text : {"\xC2", "\xE2\x80", "\x9B", "\xF0\x9F\x98", "\xFF\xFE", "\xE2\xC2"})
		EXPECT_EQ(shown(text), text);
}

TEST(Printable, InOtherEncodingsOnlyAsciiIsLookedAt)
{
	EXPECT_EQ(shown("\xC2\x9B\x1b", Lines::one, false), "\xC2\x9B\\x1B");
}

TEST(Printable, TheRoomIsEnough)
{
	for (std::string unit : {"\x1b", "\xC2\x80", "\xE2\x80\xAE", "\n", "\r", "a"})
	{
		std::string text;
		for (int count = 0; count < 20; count++, text += unit)
			EXPECT_LT(shown(text).size(), printable_room(text.size()));
	}
}
