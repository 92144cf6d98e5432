/*
 * The T-SQL type of a remote column or of an expression over remote columns, as far as it decides
 * what may be sent: the values that it can represent at the server, and the PostgreSQL type they
 * become here.
 */
#pragma once

#include "bridge/pg.hpp"

namespace sambapos::types
{

/* Written into plans as integers. */
enum class TypeKind : int
{
	unsupported, /* nothing of this column may be compared or computed at the server */
	integer,     /* tinyint to bigint */
	bit,
	decimal, /* decimal, numeric, money, smallmoney */
	date,
	datetime,
	smalldatetime,
	datetime2,
	uuid,
	text /* of scale 1 if it is national (UTF-16), 0 if of a code page; by the server's rules */
};

struct TsqlType
{
	TypeKind kind;
	int precision;    /* decimal and integer: digits in all */
	int scale;        /* decimal, datetime2: digits after the point */
	bool by_day;      /* the local side is the column's value cast to date */
	Oid local_type;   /* what it is here; of a domain, its base type */
	bool needs_cast;  /* T-SQL would compute with another type than type_name() says: tinyint for
						 smallint, money for decimal, or one that is not recorded */
	bool other_scale; /* decimal: PostgreSQL shows the values with another scale, or not all with
						 one: they may be compared, but not fetched */
	int64 shift;      /* datetimes: the local side is the column's value so many microseconds later,
						 before by_day */
	int first_day;    /* datetimes: between which days they lie, counted from 2000-01-01 */
	int last_day;
};

/* The type of a column of a local type (not a domain) and a recorded server type, "" if it is not
 * recorded: then only what cannot be mistaken is supported. */
TsqlType column_type(Oid local_type, int32 typmod, const char *remote_type);

/* decimal(precision, scale) of a numeric; unsupported if SQL Server has no such type. */
TsqlType decimal_type(int precision, int scale);

/* int2, int4 and int8. */
TsqlType integer_type(Oid type);

/* The days of SQL Server's calendar, years 1 to 9999, counted from 2000-01-01. */
constexpr int calendar_begin = -730119;
constexpr int calendar_end = 2921939;

/* A type of any other kind, which needs no more than a scale. */
TsqlType plain_type(TypeKind kind, Oid type, int scale = 0);

/* The T-SQL type that computes with such values as PostgreSQL does, such as decimal(16,2). */
const char *type_name(const TsqlType &tsql_type);

bool is_datetime(const TsqlType &tsql_type);

/* The local value is coarser than the remote one (a timestamp cast to date; datetime2's seventh
 * digit): equality becomes a range, and column to column comparisons are out. */
bool is_coarse(const TsqlType &tsql_type);

/* ---- what may be done at the server with values of a type ---- */

/* They arrive as PostgreSQL would have computed them. */
bool may_fetch(const TsqlType &tsql_type);

/* GROUP BY, DISTINCT: equal there is equal here. */
bool may_group(const TsqlType &tsql_type);

/* ORDER BY of the query's result, which is not merged or grouped any more: the order there is the
 * order here, ties included. (NULLs go first there.) Text is by the server's rules. */
bool may_order(const TsqlType &tsql_type);

/* MIN and MAX: the least there is the least here. */
bool may_rank(const TsqlType &tsql_type);

/* Both may stand on the two sides of =, <> and, if is_ordered, <, <=, > and >=. */
bool may_compare(const TsqlType &left, const TsqlType &right, bool is_ordered);

} // namespace sambapos::types
