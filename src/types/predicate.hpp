/*
 * Predicates that compare a remote column with a value exactly as PostgreSQL would compare the
 * value that the column has here: TRUE, FALSE and UNKNOWN alike, so that they may stand under NOT.
 */
#pragma once

#include "types/to_tsql.hpp"

namespace sambapos::types
{

/* Comparisons and forms are written into plans as integers. */
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
	truth,      /* a boolean value alone */
	like,       /* column LIKE pattern, by the server's rules */
	/* Of text and of moments beside timestamptz; they hold at least where the comparison does. */
	near_comparison,
	near_any,
	near_like, /* column LIKE pattern */
	value,     /* the value itself, as the domain says: no predicate, but it travels like one */
	limit,     /* a count of rows, NULL for all */
	offset,    /* the same, NULL for none */
	fetch      /* a count of rows that is at least one */
};

/* A predicate that waits for its value. */
struct Predicate
{
	Form form;
	Comparison comparison;
	Domain domain;
	Oid value_type;     /* with any and all: of the array's elements */
	const char *column; /* T-SQL; "" with truth and the following */
};

/* Appends the predicate with a value in it; there is a text for every value. */
void append_predicate(StringInfo sql, const Predicate &predicate, Datum value, bool is_null);

/* Of the near forms (near.cpp). */
void append_near(StringInfo sql, const Predicate &predicate, Datum value, bool is_null);

/* column LIKE pattern; and the column, compared in binary. */
void append_like(StringInfo sql, const Predicate &predicate, const char *pattern);
void append_binary(StringInfo sql, const Predicate &predicate);

/* Longer lists are written as a derived table, of which the number of rows isn't limited:
 * https://learn.microsoft.com/sql/t-sql/queries/table-value-constructor-transact-sql */
constexpr int longest_list = 1000;

/* Lists of constants beyond this aren't sent, nor texts narrowed down by longer ones: of a list of
 * many thousands SQL Server may say that the query is too complex (errors 8623 and 8632). */
constexpr int most_elements = 5000;

/* The same for EXPLAIN, with a name in place of the value. */
void append_predicate_shown(StringInfo sql, const Predicate &predicate, const char *name);

} // namespace sambapos::types
