/*
 * PostgreSQL values as T-SQL literals that mean the same under every language, date format and
 * session setting.
 *
 * A remote column can represent only some values: integers, multiples of 10^-scale, ticks of 1/300
 * s. A PostgreSQL value may lie between two of them or beyond the last one. So nothing is compared
 * with the value itself but with the first representable value at or after it, which can be written
 * exactly.
 */
#pragma once

#include "types/tsql_type.hpp"

namespace sambapos::types
{

/* Where the first value that a column can represent, at or after a local value, lies. */
enum class Fit
{
	exact, /* the column can represent the value; its literal is written */
	after, /* it cannot; the literal of the first value after it is written */
	none   /* it lies beyond the last value; nothing is written */
};

/* Appends the first value at or after a local one (not NULL) that the column can represent. Types:
 * int2, int4, int8, numeric, bool, uuid, text and bpchar; float8 for integers (date_part); and date
 * and timestamp for columns that are not coarse. */
Fit append_first_value(StringInfo sql, const TsqlType &tsql_type, Oid type, Datum value);

/* A decimal that SQL Server can compare with the column in one type of 38 digits is written as it
 * is, and so stays right when the column at the server has got more digits than were recorded.
 * False, and nothing appended, for all other values. */
bool append_as_it_is(StringInfo sql, const TsqlType &tsql_type, Oid type, Datum value);

/* The values of a coarse column whose local value is a date or timestamp: from low to before high;
 * where it is not a local value (10 o'clock, by day), both are the first value after it. */
struct Span
{
	bool is_local_value;
	Fit low_fit;
	Fit high_fit;
	const char *low;
	const char *high;
};
Span span_of(const TsqlType &tsql_type, Oid type, Datum value);

/* The type of a constant, and of a parameter of which only the local type is known; unsupported if
 * not every such value can be written as itself. */
TsqlType constant_type(Oid type, Datum value, bool is_null);
TsqlType parameter_type(Oid type);

/* Appends a value of such a type, for use in an expression: typed as type_name() says. */
void append_value(StringInfo sql, const TsqlType &tsql_type, Datum value, bool is_null);

/* Appends [name], with ] doubled; N'text', with ' doubled. */
void append_identifier(StringInfo sql, const char *name);
void append_text_literal(StringInfo sql, const char *text);

/* A text beside a column: a national literal beside a varchar column would keep its index from
 * being used. */
void append_text(StringInfo sql, const TsqlType &tsql_type, const char *text);

} // namespace sambapos::types
