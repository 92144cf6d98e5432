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
	/* Lossy conditions, of text and of datetimes beside timestamptz: true for at least the rows for
	   which the comparison is true. */
	lossy_comparison,
	lossy_any,
	lossy_like, /* column LIKE pattern */
	value,      /* the value itself, typed as the type says: no predicate, but handled like one */
	limit,      /* a count of rows, NULL for all */
	offset,     /* the same, NULL for none */
	fetch       /* a count of rows that is at least one */
};

/* A predicate that waits for its value. */
struct Predicate
{
	Form form;
	Comparison comparison;
	TsqlType tsql_type;
	Oid value_type;     /* with any and all: of the array's elements */
	const char *column; /* T-SQL; "" with truth and the following */
};

/* Appends the predicate with a value in it; there is a text for every value. */
void append_predicate(StringInfo sql, const Predicate &predicate, Datum value, bool is_null);

/* Of the lossy forms (lossy.cpp). */
void append_lossy(StringInfo sql, const Predicate &predicate, Datum value, bool is_null);

/* column LIKE pattern; and the column, compared in binary. */
void append_like(StringInfo sql, const Predicate &predicate, const char *pattern);
void append_binary(StringInfo sql, const Predicate &predicate);

/* Longer lists are written as a derived table, of which the number of rows is not limited:
 * https://learn.microsoft.com/sql/t-sql/queries/table-value-constructor-transact-sql */
constexpr int longest_list = 1000;

/* Longer lists of constants are not sent, neither exactly nor as a lossy condition: of a list of
 * many thousands SQL Server may say that the query is too complex (errors 8623 and 8632). */
constexpr int most_elements = 5000;

/* The same for EXPLAIN, with a name in place of the value. */
void append_predicate_shown(StringInfo sql, const Predicate &predicate, const char *name);

} // namespace sambapos::types
