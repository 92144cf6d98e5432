/*
 * PostgreSQL values as T-SQL: literals that mean the same under every language, date format and
 * session setting, and predicates that compare a remote column with a value exactly as PostgreSQL
 * would compare the value the column has here.
 *
 * A remote column holds the points of a grid: integers, multiples of 10^-scale, ticks of 1/300 s.
 * A PostgreSQL value may lie between two points or beyond the last one. So nothing is compared with
 * the value itself but with the first point at or after it, which can be written exactly.
 */
#pragma once

#include "bridge/pg.hpp"

namespace sambapos::types
{

enum class Grid : int
{
	unsupported, /* no comparison of this column may be sent */
	integer,     /* tinyint to bigint */
	bit,
	decimal, /* decimal, numeric, money, smallmoney */
	date,
	datetime,
	smalldatetime,
	datetime2,
	uuid
};

/* What is known about the values of a remote column. */
struct Domain
{
	Grid grid;
	int precision; /* decimal and integer: digits in all */
	int scale;     /* decimal, datetime2: digits after the point */
	bool by_day;   /* the local side is the column's value cast to date */
};

/* The domain of a column of a local type (no domain type) and a recorded server type, "" if it
 * isn't recorded: then only what can't be mistaken is supported. */
Domain column_domain(Oid local_type, const char *remote_type);

/* The local value is coarser than the remote one (a timestamp cast to date; datetime2's seventh
 * digit): equality becomes a range, and column to column comparisons are out. */
bool is_coarse(const Domain &domain);

/* These and the forms below are written into plans as integers. */
enum class Comparison : int
{
	equal,
	not_equal,
	less,
	less_equal,
	greater,
	greater_equal,
	distinct,
	not_distinct
};

/* The spelling in T-SQL; PostgreSQL's for distinct and not_distinct (only EXPLAIN prints them). */
const char *comparison_symbol(Comparison comparison);

enum class Form : int
{
	comparison, /* column, comparison, value */
	any,        /* column = ANY (array) */
	all,        /* column <> ALL (array) */
	truth       /* a boolean value alone */
};

/* A predicate that waits for its value. */
struct Predicate
{
	Form form;
	Comparison comparison;
	Domain domain;
	Oid value_type;     /* with any and all: of the array's elements */
	const char *column; /* T-SQL; "" with truth */
};

/* Appends the predicate with a value in it. TRUE, FALSE and UNKNOWN are what PostgreSQL gives, for
 * every value there is: the text may stand under NOT, AND and OR. */
void append_predicate(StringInfo sql, const Predicate &predicate, Datum value, bool is_null);

/* The same for EXPLAIN, with a name in place of the value. */
void append_predicate_shown(StringInfo sql, const Predicate &predicate, const char *name);

/* ---- T-SQL tokens ---- */

void append_identifier(StringInfo sql, const char *name);

} // namespace sambapos::types
