/*
 * Names and texts in T-SQL.
 */
#include "tds/quote.hpp"

#include <gtest/gtest.h>

using sambapos::tds::identifier_room;
using sambapos::tds::literal_room;
using sambapos::tds::quote_identifier;
using sambapos::tds::quote_literal;

TEST(Identifier, BracketsAreDoubled)
{
	EXPECT_EQ(quote_identifier("Tickets"), "[Tickets]");
	EXPECT_EQ(quote_identifier("a]b"), "[a]]b]");
	EXPECT_EQ(quote_identifier("]"), "[]]]");
	EXPECT_EQ(quote_identifier("a[b\"c'd"), "[a[b\"c'd]");
	EXPECT_EQ(quote_identifier("x]; DROP TABLE y--"), "[x]]; DROP TABLE y--]");
	EXPECT_EQ(quote_identifier("İç"), "[İç]");
}

TEST(Literal, QuotesAreDoubled)
{
	EXPECT_EQ(quote_literal(""), "N''");
	EXPECT_EQ(quote_literal("Çay 😀"), "N'Çay 😀'");
	EXPECT_EQ(quote_literal("it's"), "N'it''s'");
	EXPECT_EQ(quote_literal("'"), "N''''");
	EXPECT_EQ(quote_literal("'; DROP TABLE y--"), "N'''; DROP TABLE y--'");
	EXPECT_EQ(quote_literal("a\\b\\"), "N'a\\b\\'");
	EXPECT_EQ(quote_literal("two\nlines"), "N'two\nlines'");
}

/* T-SQL would take backslash and line break out. */
TEST(Literal, BackslashAtTheEndOfALineSurvives)
{
	EXPECT_EQ(quote_literal("a\\\nb"), "(CAST(N'a\\' AS nvarchar(max))+N'\nb')");
	EXPECT_EQ(quote_literal("a\\\r\nb\\\nc"), "(CAST(N'a\\' AS nvarchar(max))+N'\r\nb\\'+N'\nc')");
	EXPECT_EQ(quote_literal("\\\n'"), "(CAST(N'\\' AS nvarchar(max))+N'\n''')");
}

TEST(Room, IsEnoughForTheWorst)
{
	for (std::string unit : {"]", "'", "\\\n", "\\\n'", "a"})
		for (int count : {0, 1, 2, 50})
		{
			std::string text;
			for (int i = 0; i < count; i++)
				text += unit;
			EXPECT_LT(quote_identifier(text).size(), identifier_room(text.size()));
			EXPECT_LT(quote_literal(text).size(), literal_room(text.size()));
		}
}
