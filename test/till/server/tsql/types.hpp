/*
 * The T-SQL types: names, precedence, how each is kept in PostgreSQL, and the type arithmetic of
 * expressions. A column's declared type stands in its PostgreSQL comment, spelled as declare()
 * spells it.
 *
 * Kept as: bit and tinyint int2; money numeric(19,4); all strings text; datetime and smalldatetime
 * timestamp; datetime2 and time bigint (100 ns ticks since 0001-01-01, or since midnight:
 * PostgreSQL's own types lack the seventh digit); datetimeoffset a composite of UTC ticks and
 * minutes; sql_variant a composite of type name and text.
 */
#pragma once

#include <string>
#include <string_view>

namespace till
{

/* In the order of T-SQL's type precedence, lowest first. */
enum class Kind
{
	null,      /* the literal NULL */
	predicate, /* a condition: not a T-SQL value */
	binary,
	varbinary,
	character,
	varchar,
	nchar,
	nvarchar,
	uniqueidentifier,
	rowversion,
	image,
	text,
	ntext,
	bit,
	tinyint,
	smallint,
	integer,
	bigint,
	smallmoney,
	money,
	decimal,
	real,
	float8,
	time,
	date,
	smalldatetime,
	datetime,
	datetime2,
	datetimeoffset,
	xml,
	variant,
	hierarchyid, /* the three CLR types have columns, and no values yet */
	geometry,
	geography
};

constexpr int max_length = -1; /* (max) */

struct Type
{
	Kind kind = Kind::null;
	int length = 0;          /* characters or bytes; max_length */
	int precision = 0;       /* decimal */
	int scale = 0;           /* decimal and the sub-second types */
	std::string collation{}; /* strings; empty: the database's */
	bool explicit_collation = false;
};

Type simple(Kind kind);
Type decimal_type(int precision, int scale);
Type string_type(Kind kind, int length);

bool is_string(Kind kind);
bool is_unicode(Kind kind);
bool is_binary(Kind kind);
bool is_integer(Kind kind); /* bit to bigint */
bool is_exact(Kind kind);   /* integers, money, decimal */
bool is_number(Kind kind);
bool is_temporal(Kind kind);
bool is_blob(const Type &type); /* (max), text, ntext, image, xml */

/* From T-SQL's spelling: name and up to two arguments (max is max_length, absent is 0). Throws
 * 2715. */
Type named_type(std::string_view name, int first, int second);

/* From declare()'s spelling, as kept in comments. */
Type parse_declared(std::string_view declared);
std::string declare(const Type &type);   /* nvarchar(50) collate Turkish_CI_AS */
std::string type_name(const Type &type); /* nvarchar */
std::string pg_type(const Type &type);

/* A column of a result. */
struct OutputColumn
{
	std::string name;
	Type type;
	bool nullable = true;
	bool identity = false;
};

/* The type two operands meet in: CASE, COALESCE, UNION, comparison. */
Type common_type(const Type &a, const Type &b);
/* The type of a op b, op one of + - * / %. Throws 402/8117 where T-SQL has none. */
Type arithmetic_type(char op, const Type &a, const Type &b);

/* As a decimal: int is (10,0), money (19,4). */
Type as_decimal(const Type &type);

/* What a collation's name says. */
struct Collation
{
	std::string pg;       /* the collation in PostgreSQL, quoted */
	int codepage;         /* of varchar */
	unsigned char tds[5]; /* as COLMETADATA has it */
	bool binary;
	bool ignores_case, ignores_accents;
	bool supplementary; /* _SC: a pair of surrogates is one character */
	bool turkish;
};
Collation collation(std::string_view name); /* throws 448 for a name no server has */

} // namespace till
