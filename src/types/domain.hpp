/*
 * What is known about the values of a remote column or of an expression over remote columns: the
 * points it may hold at the server, and the PostgreSQL type they become here.
 */
#pragma once

#include "bridge/pg.hpp"

namespace sambapos::types
{

/* Written into plans as integers. */
enum class Grid : int
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

struct Domain
{
	Grid grid;
	int precision;    /* decimal and integer: digits in all */
	int scale;        /* decimal, datetime2: digits after the point */
	bool by_day;      /* the local side is the column's value cast to date */
	Oid type;         /* what it is here, below domain types */
	bool needs_cast;  /* T-SQL would compute with another type than type_name() says: tinyint for
						 smallint, money for decimal, or one that isn't recorded */
	bool other_scale; /* decimal: PostgreSQL shows the values with another scale, or not all with
						 one: they may be compared, but not fetched */
	int64 shift;      /* moments: the local side is the column's value so many microseconds later,
						 before by_day */
	int first_day;    /* moments: between which days they lie, counted from 2000-01-01 */
	int last_day;
};

/* The domain of a column of a local type (no domain type) and a recorded server type, "" if it
 * isn't recorded: then only what can't be mistaken is supported. */
Domain column_domain(Oid local_type, int32 typmod, const char *remote_type);

/* decimal(precision, scale) of a numeric; unsupported if SQL Server has no such type. */
Domain decimal_domain(int precision, int scale);

/* int2, int4 and int8. */
Domain integer_domain(Oid type);

/* The days of SQL Server's calendar, years 1 to 9999, counted from 2000-01-01. */
constexpr int calendar_begin = -730119;
constexpr int calendar_end = 2921939;

/* Any other domain of a grid that needs no more than a scale. */
Domain plain_domain(Grid grid, Oid type, int scale = 0);

/* The T-SQL type that computes with such values as PostgreSQL does, such as decimal(16,2). */
const char *type_name(const Domain &domain);

bool is_moment(const Domain &domain);

/* The local value is coarser than the remote one (a timestamp cast to date; datetime2's seventh
 * digit): equality becomes a range, and column to column comparisons are out. */
bool is_coarse(const Domain &domain);

/* ---- what may be done at the server with values of a domain ---- */

/* They arrive as PostgreSQL would have computed them. */
bool may_fetch(const Domain &domain);

/* GROUP BY, DISTINCT: equal there is equal here. */
bool may_group(const Domain &domain);

/* ORDER BY: the order there is the order here, ties included. (NULLs go first there.) */
bool may_order(const Domain &domain);

/* The same of what the query gives in the end, which nobody merges or groups any more: also text by
 * the server's rules. */
bool may_order_result(const Domain &domain);

/* MIN and MAX: the least there is the least here. */
bool may_rank(const Domain &domain);

/* Both may stand on the two sides of =, <> and, if is_ordered, < and its kin. */
bool may_compare(const Domain &left, const Domain &right, bool is_ordered);

} // namespace sambapos::types
