/*
 * One query or not: what a text is that is to stand in "(text) AS q".
 */
#include "tds/query_text.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace sambapos::tds;

namespace
{

Flaw
flaw_of(std::string_view text)
{
	return inspect_query(text).flaw;
}

void
expect(Flaw flaw, std::initializer_list<const char *> texts)
{
	for (const char *text : texts)
		EXPECT_EQ(flaw_of(text), flaw) << text;
}

/* "position word" of a flaw. */
std::string
place(std::string_view text)
{
	QueryText found = inspect_query(text);

	EXPECT_NE(found.flaw, Flaw::none) << text;
	return std::to_string(found.position) + " " + std::string(found.word);
}

std::string
bare(std::string_view text)
{
	QueryText found = inspect_query(text);

	EXPECT_EQ(found.flaw, Flaw::none) << text;
	return std::string(text.substr(found.begin, found.end - found.begin));
}

} // namespace

TEST(Query, WhatSelectsIsOne)
{
	expect(Flaw::none,
		   {"SELECT 1 AS a",
			"select Id, [Name], \"Date\" from dbo.Tickets where Name = N'O''Brien'",
			"SELECT Id AS id, CASE WHEN Id = 3 THEN 40000 ELSE Id END AS Amount FROM Tickets",
			"SELECT id, 1 AS site FROM (VALUES (1, 5), (2, 5)) AS v (id, n)",
			"SELECT 2 AS n UNION ALL SELECT 1",
			"SELECT 1 AS a EXCEPT (SELECT 2) INTERSECT SELECT 3",
			"(SELECT 1 AS a)",
			"((SELECT 1 AS a) UNION (SELECT 2))",
			"SELECT * FROM a INNER MERGE JOIN b ON a.x = b.x",
			"SELECT 1.5e10 AS a, .5 AS b, 0xFF AS c",
			"SELECT $1.50 AS a, -1e-5 AS b, 1.e5 AS c",
			"SELECT @@SPID AS a, x.value('.', 'int') AS b",
			"SELECT {d '2024-01-01'} AS d, {fn NOW()} AS n",
			"SELECT hierarchyid::GetRoot() AS r",
			"SELECT TOP (5) a FROM t WITH (NOLOCK) ORDER BY a OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY",
			"SELECT a FROM t FOR SYSTEM_TIME AS OF '2024-01-01'",
			"SELECT açık, İsim, 名前, имя FROM Çay",
			"SELECT Updated, DeletedAt, [set], \"drop\", settings, user_if FROM t",
			"SELECT 1 AS throw, 2 AS go",
			"SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u)",
			"SELECT a--b\nFROM t",
			"SELECT a/*b/*c*/'*/*/ FROM t",
			"SELECT a*/*c*/b FROM t",
			"SELECT a\r\n\tFROM t",
			"SELECT $action AS a"});
}

TEST(Query, WhatIsQuotedSaysNothing)
{
	expect(Flaw::none,
		   {"SELECT ') ; DELETE FROM t --' AS a", "SELECT ''')' AS a", "SELECT 1 AS [a]]) DROP]",
			"SELECT 1 AS \"a\"\") DROP\"", "SELECT 1 AS a /* ) ; ' DELETE */",
			"SELECT 1 AS a -- ) ; '", "SELECT '[' AS a, '\"' AS b, [']] AS c FROM x] FROM t",
			"SELECT 'ʼ＇‘’' AS a", "SELECT '\\' AS a", "SELECT '\xC2\xA0\xE3\x80\x80' AS a"});
}

TEST(Query, NothingLeavesTheParenthesis)
{
	expect(Flaw::not_opened,
		   {"SELECT 1 AS a) AS x; DELETE FROM dbo.Payments; SELECT a FROM (SELECT 2 AS a",
			"SELECT 1 AS a) AS x DELETE FROM t SELECT a FROM (SELECT 2 AS a", ")", "SELECT 1)",
			"SELECT a -- b\n)", "SELECT '\\') AS x; DROP TABLE t --' AS a", "SELECT '''' AS a) --'",
			"SELECT [a]) AS b --]", "SELECT 1 AS a /* */) /* */"});
	expect(Flaw::no_select, {"1", "'a'", "[a]", "a", "VALUES (1)", "TABLE t", ", SELECT 1", "-1",
							 "?", "(1)", "SELEC 1", "GO", "\xC2\xA0SELECT 1", "( )"});
	expect(Flaw::not_closed, {"SELECT (1 AS a", "(SELECT 1 AS a", "SELECT f((1) AS a"});
	expect(Flaw::string_not_closed,
		   {"SELECT 'a", "SELECT 'a''", "SELECT 1 AS a'", "SELECT N'a\\'b'"});
	expect(Flaw::name_not_closed, {"SELECT [a", "SELECT [a]]", "SELECT \"a", "SELECT \"a\"\""});
	expect(Flaw::comment_not_closed,
		   {"SELECT 1 /*", "SELECT 1 /* /* */", "SELECT 1 AS a /*/", "/*/ SELECT 1"});
	expect(Flaw::empty, {"", " \n", "-- SELECT 1", "/* SELECT 1 */"});
	expect(Flaw::no_select, {";", "; SELECT 1"});
	expect(Flaw::with_clause, {"WITH x AS (SELECT 1 AS a) SELECT a FROM x",
							   "(with x AS (SELECT 1 AS a) SELECT a FROM x)"});
}

TEST(Query, StatementsNeedNoSemicolon)
{
	expect(Flaw::word, {"SELECT 1 AS a DELETE FROM t",
						"SELECT 1 AS a\nEXEC sp_who",
						"SELECT 1 AS a execute('x')",
						"SELECT 1 AS a UPDATE t SET a = 1",
						"SELECT a INTO t FROM u",
						"SELECT 1 AS a IF 1 = 1 SELECT 2",
						"SELECT 1 AS a/**/DROP/**/TABLE t",
						"DELETE FROM t",
						"SELECT 1 AS a MERGE t USING u ON 1 = 1",
						"SELECT * FROM OPENQUERY(other, 'DELETE FROM t')",
						"SELECT * FROM OPENROWSET(BULK 'x', SINGLE_CLOB) AS a",
						"SELECT * FROM OPENDATASOURCE('a', 'b').c.d.e",
						"SELECT 1 AS a\tWAITFOR DELAY '1:00'",
						"SELECT a FROM (SELECT 1 AS a COMMIT) AS x",
						"SELECT 1 AS a BEGIN TRAN",
						"SELECT 1 AS a Set NOCOUNT ON",
						"SELECT $DELETE FROM t",
						"SELECT 1 AS a DECLARE @x int",
						"SELECT 1 AS a USE master",
						"SELECT 1 AS a \u0131nsert t VALUES (1)",
						"SELECT 1 AS a \u0130F 1 = 1 SELECT 1",
						"SELECT 1 AS a \u017Fet NOCOUNT ON",
						"SELECT [a]DELETE FROM t",
						"SELECT 'a'DELETE FROM t",
						"SELECT (1)DELETE FROM t",
						"SELECT 1,DELETE FROM t",
						"SELECT \"a\"SHUTDOWN"});
	expect(Flaw::semicolon,
		   {"SELECT 1; SELECT 2", "SELECT 1;;GO", "SELECT 1; (", "SELECT 1 ; 'a'"});
	expect(Flaw::second_query,
		   {"SELECT 1 AS a SELECT 2", "SELECT 1 AS a union_all SELECT 2", "(SELECT 1) SELECT 2",
			"SELECT 1 AS [union] SELECT 2", "SELECT 1 UNION ALL 3 SELECT 2"});
}

/* Where the server begins a new word in the middle of what looks like one. */
TEST(Query, NumbersEndBeforeLetters)
{
	expect(Flaw::number_runs_on,
		   {"SELECT 1DELETE FROM t", "SELECT 1.DELETE FROM t", "SELECT 1eDELETE FROM t",
			"SELECT 1e5DELETE FROM t", "SELECT 0xDELETE FROM t", "SELECT 0xSET NOCOUNT ON",
			"SELECT 1e--'\n) AS x DELETE FROM t --'", "SELECT 1e-/*", "SELECT 1a", "SELECT .5x"});
}

TEST(Query, OddCharactersAreRefused)
{
	expect(Flaw::control_character,
		   {"SELECT 1 AS a\x01", "SELECT 'a\x1b' AS a", "SELECT 1 -- a\rDELETE FROM t",
			"SELECT 1 AS a\r", "SELECT 1\x0b", "SELECT 1\x0c", "SELECT 1\x7f", "SELECT 1\xC2\x85",
			"SELECT '\xE2\x80\xA8' AS a"});
	expect(Flaw::character_not_allowed,
		   {"SELECT 1 AS a\xC2\xA0"
			"DELETE FROM t", /* no-break space */
			"SELECT 1 AS a\xE3\x80\x80"
			"DELETE FROM t", /* ideographic space */
			"SELECT ʼaʼ", "SELECT ＇a＇", "SELECT 1 AS ＡＢ",
			"SELECT 1\xCD\xBE", /* Greek question mark */
			"SELECT \\", "SELECT ?", "SELECT a`b", "SELECT a]", "SELECT 😀", "SELECT €5",
			"SELECT 1\xEF\xBB\xBF", "SELECT 'a\xFF' AS a", "SELECT '\xC3' AS a",
			"SELECT 'a' \xE2\x82"});
}

TEST(Query, TheFlawsPlaceIsToldInCharacters)
{
	EXPECT_EQ(place("SELECT N'Çay' AS a DELETE FROM t"), "20 DELETE");
	EXPECT_EQ(place("SELECT 1 AS a; GO"), "14 ");
	EXPECT_EQ(place("SELECT 😀"), "8 😀");
	EXPECT_EQ(place("SELEC 1"), "1 SELEC");
	EXPECT_EQ(place("  /* x */ exec sp_who"), "11 exec");
	EXPECT_EQ(place("SELECT 1 AS a, (2"), "16 ");
	EXPECT_EQ(place("SELECT 12abc"), "8 12abc");
}

TEST(Query, WhatStandsAroundItIsLeftOut)
{
	EXPECT_EQ(bare("SELECT 1 AS a"), "SELECT 1 AS a");
	EXPECT_EQ(bare(" -- first\n SELECT 1 AS a ;; \n -- last"), "SELECT 1 AS a");
	EXPECT_EQ(bare("SELECT 1 -- one\n AS a /* a */ ;"), "SELECT 1 -- one\n AS a");
	EXPECT_EQ(bare("(SELECT 1 AS a) -- ;"), "(SELECT 1 AS a)");
	EXPECT_EQ(bare("SELECT 1 AS [a]\n"), "SELECT 1 AS [a]");
	EXPECT_EQ(bare("SELECT ';' AS a"), "SELECT ';' AS a");
}
