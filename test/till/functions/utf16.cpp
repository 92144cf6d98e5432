/*
 * utf16.cpp: what the till's PostgreSQL computes for every character of a signature, and is too
 * slow at in SQL.
 *
 * Text is kept as UTF-8. What UTF-8 cannot hold stands in plane 16: U+10F000 is a NUL character,
 * U+10D800 ... U+10DFFF are surrogates that stand alone (emit/strings.sql, till.nchar).
 */
extern "C"
{
#include "postgres.h"
#include "access/htup_details.h" /* in 15 to 18 it knows VARDATA and its kin; postgres.h does in 15 only */
#include "fmgr.h"
#include "mb/pg_wchar.h"

	PG_MODULE_MAGIC;
	PG_FUNCTION_INFO_V1(till_utf16);
	Datum till_utf16(PG_FUNCTION_ARGS);
}

static unsigned char *
append_unit(unsigned char *at, unsigned int unit)
{
	*at++ = static_cast<unsigned char>(unit & 0xff);
	*at++ = static_cast<unsigned char>(unit >> 8);
	return at;
}

static unsigned char *
append_character(unsigned char *at, unsigned int c)
{
	if (c == 0x10f000)
		return append_unit(at, 0);
	if (c >= 0x10d800 && c <= 0x10dfff)
		return append_unit(at, c - 0x100000);
	if (c < 0x10000)
		return append_unit(at, c);
	return append_unit(append_unit(at, 0xd800 + ((c - 0x10000) >> 10)),
					   0xdc00 + ((c - 0x10000) & 0x3ff));
}

/* The bytes of UTF-16, little end first, as SQL Server has them of nvarchar. */
Datum
till_utf16(PG_FUNCTION_ARGS)
{
	text *string = PG_GETARG_TEXT_PP(0);
	const unsigned char *from = reinterpret_cast<const unsigned char *>(VARDATA_ANY(string));
	const unsigned char *end = from + VARSIZE_ANY_EXHDR(string);
	/* A character has one byte or more, and two bytes of UTF-16; one of four bytes has four. */
	bytea *result = static_cast<bytea *>(palloc(VARHDRSZ + 2 * (end - from)));
	unsigned char *at = reinterpret_cast<unsigned char *>(VARDATA(result));

	while (from < end)
	{
		at = append_character(at, utf8_to_unicode(from));
		from += pg_utf_mblen(from);
	}
	SET_VARSIZE(result, at - reinterpret_cast<unsigned char *>(result));
	PG_RETURN_BYTEA_P(result);
}
