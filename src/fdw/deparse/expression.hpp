/*
 * What the files that write expressions share. Each node type has one place that both judges and
 * writes it: condition_of() and value_of() return a piece of T-SQL, or null if SQL Server does not
 * compute the expression exactly as PostgreSQL does. Pieces are made once and may be used several
 * times.
 *
 *   plan/shippable.cpp   the entries that plan/relation.hpp declares; what is a value known before
 *   condition.cpp        boolean expressions; T-SQL keeps predicates and values apart
 *   lossy.cpp            lossy conditions, which are rechecked here
 *   value.cpp            all other expressions, one small function a node type
 *   case.cpp             CASE, COALESCE, NULLIF, GREATEST and LEAST
 *   call.cpp             functions and operators, by the rules of
 *   pushdown.cpp         the table of what is pushed, and what is not and why
 *   datetime.cpp         its dates and times
 *   expression.cpp       pieces of T-SQL
 */
#pragma once

#include "fdw/plan/relation.hpp"

namespace sambapos::fdw
{

/* ---- pieces of T-SQL (expression.cpp) ---- */

using Piece = RemoteSql;

Piece *make_piece(const char *text);

/* The pattern with $1 to $9 replaced by the pieces, as often as they are named; null if one of them
 * is null or the result is too long. */
Piece *compose(const char *pattern, std::initializer_list<const Piece *> pieces);

void append_piece(RemoteSql *sql, const Piece *piece);

/* Neither longer nor with more CASEs within one another than may be sent. */
bool is_moderate(const Piece *piece);

/* No parameters in it: it is one text. */
inline bool
is_text(const Piece *piece)
{
	return piece->parameters == NIL;
}

/* ---- values ---- */

/* tsql_type: how the value arrives. */
struct Value
{
	Piece *sql;
	types::TsqlType tsql_type;
};

/* The scope of what is computed only if something else says so: a CASE's branches. */
Scope guarded_scope(const Scope *scope);

Value *make_value(Piece *sql, const types::TsqlType &tsql_type);

Value *value_of(const Scope *scope, Expr *expr);

/* The same, as T-SQL has to see it to compute as PostgreSQL does. */
Value *operand_of(const Scope *scope, Expr *expr);
Value *as_operand(Value *value);

/* The same below casts and shifts that keep order and equality: tsql_type.shift for datetimes
 * shifted by a constant, tsql_type.by_day for a cast to date, which maps ranges to one value. So a
 * column is found in an index. */
Value *comparand_of(const Scope *scope, Expr *expr);

/* Of a function or operator. */
Value *call_of(const Scope *scope, Expr *expr, Oid function, List *args);

/* CASE, COALESCE, NULLIF, GREATEST, LEAST. */
Value *construct_of(const Scope *scope, Expr *expr);

/* The scale with which PostgreSQL shows a decimal, as an integer in T-SQL: where that differs from
 * row to row (case.cpp). */
Piece *shown_scale_of(const Scope *scope, Expr *expr);

/* What is below such casts and shifts. */
Expr *below_cast(Expr *expr, bool *by_day, int64 *shift);

Expr *strip_relabel(Expr *expr);

/* A column of text that T-SQL compares, as a value of TypeKind::text. */
Value *text_column_of(const Scope *scope, Expr *expr);

/* Any column of the scope, whatever its type. */
Var *column_of(const Scope *scope, Expr *expr);

/* ---- conditions ---- */

/* A comparison with a value known before the scan; a value that is known now is written now. Null
 * where the value must not be computed before it is needed. */
Piece *predicate_piece(const Scope *scope, const types::Predicate &predicate, Expr *value);

types::Comparison commuted(types::Comparison comparison);

/* What an operator of dates, timestamps and timestamps with time zone is. */
bool comparison_of_datetimes(Oid operator_id, types::Comparison *result);

Piece *condition_of(const Scope *scope, Expr *expr);

/* The same within a value. */
Piece *nested_condition_of(const Scope *scope, Expr *expr);

/* A condition that is true wherever the expression is (lossy.cpp). */
Piece *lossy_condition_of(const Scope *scope, Expr *expr);

} // namespace sambapos::fdw
