/*
 * PostgreSQL values as T-SQL literals that mean the same under every language, date format and
 * session setting.
 *
 * A remote column holds the points of a grid: integers, multiples of 10^-scale, ticks of 1/300 s.
 * A PostgreSQL value may lie between two points or beyond the last one. So nothing is compared with
 * the value itself but with the first point at or after it, which can be written exactly.
 */
#pragma once

#include "types/domain.hpp"

namespace sambapos::types
{

/* Where the first point of a column's grid at or after a value lies. */
enum class Fit
{
	exact, /* the value is a point of the grid; its literal is written */
	after, /* it isn't; the literal of the first point after it is written */
	none   /* it lies beyond the last point; nothing is written */
};

/* Appends the first point of the column's grid at or after a value, which isn't NULL. Types: int2,
 * int4, int8, numeric, bool, uuid, text and bpchar; float8 for integers (date_part); and date and
 * timestamp for columns that aren't coarse. */
Fit append_first_point(StringInfo sql, const Domain &domain, Oid type, Datum value);

/* A decimal that SQL Server can compare with the column in one type of 38 digits needs no grid, and
 * so stays right when the column at the server has got more digits than were recorded. False, and
 * nothing appended, for all other values. */
bool append_as_it_is(StringInfo sql, const Domain &domain, Oid type, Datum value);

/* The points of a coarse column whose local value is a date or timestamp: from low to before high;
 * where it isn't a local value (10 o'clock, by day), both are the first point after it. */
struct Span
{
	bool is_local_value;
	Fit low_fit;
	Fit high_fit;
	const char *low;
	const char *high;
};
Span span_of(const Domain &domain, Oid type, Datum value);

/* The domain of a value that is known now, and of one of a type that is known only; unsupported if
 * not every such value can be written as itself. */
Domain value_domain(Oid type, Datum value, bool is_null);
Domain parameter_domain(Oid type);

/* Appends a value of such a domain, to be computed with: typed as type_name() says. */
void append_value(StringInfo sql, const Domain &domain, Datum value, bool is_null);

/* Appends [name], with ] doubled; N'text', with ' doubled. */
void append_identifier(StringInfo sql, const char *name);
void append_text_literal(StringInfo sql, const char *text);

/* A text beside a column: a national literal beside a varchar column would keep its index from
 * being used. */
void append_text(StringInfo sql, const Domain &domain, const char *text);

} // namespace sambapos::types
