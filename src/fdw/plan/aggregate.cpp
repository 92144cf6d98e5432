/*
 * Aggregates: which the server computes exactly, and how.
 *
 * count          COUNT_BIG
 * sum            SUM, over a type that cannot overflow: bigint for int2 and int4, 38 digits for the
 *                rest. A decimal that leaves less than ten of the 38 digits for the carry is summed
 *                in two columns, whole numbers and fractions, and put together here.
 *                Where the digits shown differ from value to value, their maximum is fetched too.
 * avg            SUM and COUNT_BIG, divided here by the division that PostgreSQL's own avg uses:
 *                SQL Server would keep six digits, or of integers none.
 * min, max       numbers and datetimes; text only by the server's rules. Not bit or uuid
 * (PostgreSQL has none).
 *
 * FILTER becomes a CASE inside. Floats are not summed there (the sum depends on the order of the
 * rows), nothing with an order inside, no ordered sets.
 */
#include "fdw/plan/relation.hpp"

namespace sambapos::fdw
{

using types::TsqlType;
using types::TypeKind;

/* Ten digits of 38 left: SQL Server would have to add ten thousand million of the largest numbers
 * to get beyond. */
constexpr int most_summed_digits = 28;

enum class Kind
{
	none,
	count,
	sum,
	average,
	min_max
};

static Kind
kind_of(const Aggref *aggregate)
{
	switch (aggregate->aggfnoid)
	{
		case F_COUNT_:
		case F_COUNT_ANY: return Kind::count;
		case F_SUM_INT2:
		case F_SUM_INT4:
		case F_SUM_INT8:
		case F_SUM_NUMERIC: return Kind::sum;
		case F_AVG_INT2:
		case F_AVG_INT4:
		case F_AVG_INT8:
		case F_AVG_NUMERIC: return Kind::average;
		case F_MIN_INT2:
		case F_MIN_INT4:
		case F_MIN_INT8:
		case F_MIN_NUMERIC:
		case F_MIN_DATE:
		case F_MIN_TIME:
		case F_MIN_TIMESTAMP:
		case F_MIN_TIMESTAMPTZ:
		case F_MIN_TEXT:
		case F_MAX_TEXT:
		case F_MAX_INT2:
		case F_MAX_INT4:
		case F_MAX_INT8:
		case F_MAX_NUMERIC:
		case F_MAX_DATE:
		case F_MAX_TIME:
		case F_MAX_TIMESTAMP:
		case F_MAX_TIMESTAMPTZ: return Kind::min_max;
		default: return Kind::none;
	}
}

static bool
is_maximum(const Aggref *aggregate)
{
	switch (aggregate->aggfnoid)
	{
		case F_MAX_INT2:
		case F_MAX_INT4:
		case F_MAX_INT8:
		case F_MAX_NUMERIC:
		case F_MAX_DATE:
		case F_MAX_TIME:
		case F_MAX_TIMESTAMP:
		case F_MAX_TEXT:
		case F_MAX_TIMESTAMPTZ: return true;
		default: return false;
	}
}

/* ---- what stands inside ---- */

static Expr *
argument_of(const Aggref *aggregate)
{
	return aggregate->args == NIL ? nullptr : linitial_node(TargetEntry, aggregate->args)->expr;
}

/* Inside an aggregate there is no other one. It is computed whether or not a branch needs it; of
 * its arguments only those of the rows for which the filter holds. */
static Scope
scope_inside(const Scope *scope, const Aggref *aggregate)
{
	Scope inside = *scope;

	inside.grouped = false;
	inside.nested = true;
	inside.guarded = aggregate->aggfilter != nullptr;
	return inside;
}

static Scope
scope_of_filter(const Scope *inside)
{
	Scope scope = *inside;

	scope.guarded = false;
	return scope;
}

/* A value that is not NULL: count(1). */
static bool
is_certain(Expr *expr)
{
	return expr == nullptr || (IsA(expr, Const) && !castNode(Const, expr)->constisnull);
}

static Expr *
not_null_test(Expr *expr)
{
	NullTest *test = makeNode(NullTest);

	test->arg = expr;
	test->nulltesttype = IS_NOT_NULL;
	test->location = -1;
	return reinterpret_cast<Expr *>(test);
}

/* ---- what is counted ---- */

/* Any column may be counted, if need be by its being NULL or not. */
static bool
is_countable(const Scope *scope, const Aggref *aggregate)
{
	Expr *argument = argument_of(aggregate);
	TsqlType tsql_type;

	if (aggregate->aggdistinct != NIL)
		return is_remote_value(scope, argument, &tsql_type) && types::may_group(tsql_type);
	return is_certain(argument) || is_shippable(scope, not_null_test(argument));
}

/* ---- what is summed ---- */

enum class Summing
{
	refused,
	bigint,      /* cast to bigint */
	decimal,     /* cast to decimal(38, scale) */
	as_it_is,    /* a decimal, which SQL Server sums in 38 digits */
	in_two_parts /* whole numbers and fractions */
};

/* SQL Server would sum money as money. */
static Summing
summing_of_decimal(const Aggref *aggregate, const TsqlType &tsql_type)
{
	if (tsql_type.needs_cast)
		return Summing::decimal;
	if (tsql_type.precision <= most_summed_digits)
		return Summing::as_it_is;
	if (tsql_type.precision - tsql_type.scale <= most_summed_digits &&
		tsql_type.scale <= most_summed_digits && aggregate->aggdistinct == NIL)
		return Summing::in_two_parts;
	return Summing::refused;
}

/* The sum is shown with the most digits of any of its values: coalesce(price, 0) has two or none.
 */
static bool
has_known_scale(const Scope *scope, const Aggref *aggregate, const TsqlType &tsql_type)
{
	RemoteSql scratch = {};

	initStringInfo(&scratch.text);
	return tsql_type.other_scale && aggregate->aggdistinct == NIL &&
		   deparse_shown_scale(&scratch, scope, argument_of(aggregate));
}

static Summing
summing_of(const Scope *scope, const Aggref *aggregate, TsqlType *tsql_type)
{
	Expr *argument = argument_of(aggregate);

	if (!is_remote_value(scope, argument, tsql_type) ||
		(!types::may_fetch(*tsql_type) && !has_known_scale(scope, aggregate, *tsql_type)))
		return Summing::refused;
	if (tsql_type->kind == TypeKind::decimal)
		return summing_of_decimal(aggregate, *tsql_type);
	if (tsql_type->kind != TypeKind::integer)
		return Summing::refused;
	switch (linitial_oid(aggregate->aggargtypes))
	{
		case INT2OID:
		case INT4OID: return Summing::bigint;
		default: tsql_type->scale = 0; return Summing::decimal;
	}
}

/* ---- judging ---- */

static bool
is_remote_min_max(const Scope *scope, const Aggref *aggregate)
{
	TsqlType tsql_type;

	return is_remote_value(scope, argument_of(aggregate), &tsql_type) &&
		   types::may_rank(tsql_type) && types::may_fetch(tsql_type);
}

static bool
is_plain(const Aggref *aggregate)
{
	return aggregate->aggkind == AGGKIND_NORMAL && aggregate->aggorder == NIL &&
		   aggregate->agglevelsup == 0 && !aggregate->aggvariadic &&
		   aggregate->aggsplit == AGGSPLIT_SIMPLE;
}

bool
is_remote_aggregate(const Scope *scope, Aggref *aggregate)
{
	Scope inside = scope_inside(scope, aggregate);
	Scope filter = scope_of_filter(&inside);
	TsqlType tsql_type;

	if (!is_plain(aggregate) ||
		(aggregate->aggfilter != nullptr && !is_shippable(&filter, aggregate->aggfilter)))
		return false;
	switch (kind_of(aggregate))
	{
		case Kind::count: return is_countable(&inside, aggregate);
		case Kind::sum:
		case Kind::average: return summing_of(&inside, aggregate, &tsql_type) != Summing::refused;
		case Kind::min_max: return is_remote_min_max(&inside, aggregate);
		default: return false;
	}
}

/* ---- writing ---- */

/* CASE WHEN filter THEN ... */
static void
append_filter(RemoteSql *sql, const Scope *scope, const Aggref *aggregate)
{
	Scope filter = scope_of_filter(scope);

	if (aggregate->aggfilter == nullptr)
		return;
	appendStringInfoString(&sql->text, "CASE WHEN ");
	deparse_condition(sql, &filter, aggregate->aggfilter);
	appendStringInfoString(&sql->text, " THEN ");
}

/* The argument, NULL where the filter says no. */
static void
append_argument(RemoteSql *sql, const Scope *scope, const Aggref *aggregate)
{
	TsqlType tsql_type;

	append_filter(sql, scope, aggregate);
	if (!deparse_value(sql, scope, argument_of(aggregate), &tsql_type))
		elog(ERROR, "could not deparse an aggregate that is shippable");
	if (aggregate->aggfilter != nullptr)
		appendStringInfoString(&sql->text, " END");
}

static void
append_call(RemoteSql *sql, const Scope *scope, const Aggref *aggregate, const char *function,
			const char *before, const char *after)
{
	appendStringInfo(&sql->text, "%s(%s%s", function,
					 aggregate->aggdistinct != NIL ? "DISTINCT " : "", before);
	append_argument(sql, scope, aggregate);
	appendStringInfo(&sql->text, "%s)", after);
}

/* COUNT_BIG(*), or of 1 where the filter and the argument's being there say so. */
static void
append_count_of_rows(RemoteSql *sql, const Scope *scope, const Aggref *aggregate)
{
	Expr *argument = argument_of(aggregate);

	if (aggregate->aggfilter == nullptr && is_certain(argument))
	{
		appendStringInfoString(&sql->text, "COUNT_BIG(*)");
		return;
	}
	appendStringInfoString(&sql->text, "COUNT_BIG(");
	append_filter(sql, scope, aggregate);
	if (!is_certain(argument))
	{
		appendStringInfoString(&sql->text, "CASE WHEN ");
		deparse_condition(sql, scope, not_null_test(argument));
		appendStringInfoString(&sql->text, " THEN 1 END");
	}
	else
		appendStringInfoString(&sql->text, "1");
	appendStringInfoString(&sql->text, aggregate->aggfilter != nullptr ? " END)" : ")");
}

static void
append_count(RemoteSql *sql, const Scope *scope, const Aggref *aggregate)
{
	Expr *argument = argument_of(aggregate);
	TsqlType tsql_type;

	if (is_certain(argument) || !is_remote_value(scope, argument, &tsql_type))
		append_count_of_rows(sql, scope, aggregate);
	else
		append_call(sql, scope, aggregate, "COUNT_BIG", "", "");
}

static void
append_sum(RemoteSql *sql, const Scope *scope, const Aggref *aggregate, Summing summing,
		   const TsqlType &tsql_type)
{
	const char *before = summing == Summing::as_it_is ? "" : "CAST(";
	const char *after = "";

	if (summing == Summing::bigint)
		after = " AS bigint)";
	else if (summing == Summing::decimal)
		after = psprintf(" AS decimal(38,%d))", tsql_type.scale);
	else if (summing == Summing::in_two_parts)
	{
		before = "CAST(ROUND(";
		after = ", 0, 1) AS decimal(38,0))";
	}
	append_call(sql, scope, aggregate, "SUM", before, after);
}

static void
append_scale(RemoteSql *sql, const Scope *scope, const Aggref *aggregate)
{
	appendStringInfoString(&sql->text, "MAX(");
	append_filter(sql, scope, aggregate);
	deparse_shown_scale(sql, scope, argument_of(aggregate));
	appendStringInfoString(&sql->text, aggregate->aggfilter != nullptr ? " END)" : ")");
}

/* Of count, min, max, and of a sum in one column; how it arrives. */
static void
append_one(RemoteSql *sql, const Scope *scope, const Aggref *aggregate, TsqlType *tsql_type)
{
	Summing summing;

	switch (kind_of(aggregate))
	{
		case Kind::count:
			append_count(sql, scope, aggregate);
			*tsql_type = types::integer_type(INT8OID);
			break;
		case Kind::min_max:
			is_remote_value(scope, argument_of(aggregate), tsql_type);
			append_call(sql, scope, aggregate, is_maximum(aggregate) ? "MAX" : "MIN", "", "");
			break;
		default:
			summing = summing_of(scope, aggregate, tsql_type);
			append_sum(sql, scope, aggregate, summing, *tsql_type);
			if (summing == Summing::bigint)
				*tsql_type = types::integer_type(INT8OID);
			else
			{
				bool other_scale = tsql_type->other_scale;

				*tsql_type = types::decimal_type(38, tsql_type->scale);
				tsql_type->other_scale = other_scale;
			}
			break;
	}
}

Var *
min_max_text_column(Expr *expr)
{
	if (!IsA(expr, Aggref) || kind_of(castNode(Aggref, expr)) != Kind::min_max ||
		exprCollation(reinterpret_cast<Node *>(expr)) == InvalidOid)
		return nullptr;

	List *columns = pull_var_clause(reinterpret_cast<Node *>(argument_of(castNode(Aggref, expr))),
									PVC_RECURSE_PLACEHOLDERS);

	return list_length(columns) == 1 ? linitial_node(Var, columns) : nullptr;
}

bool
deparse_aggregate(RemoteSql *sql, const Scope *scope, Aggref *aggregate, TsqlType *tsql_type)
{
	Scope inside = scope_inside(scope, aggregate);

	if (!is_remote_aggregate(scope, aggregate) || kind_of(aggregate) == Kind::average ||
		(kind_of(aggregate) == Kind::sum &&
		 summing_of(&inside, aggregate, tsql_type) == Summing::in_two_parts))
		return false;
	append_one(sql, &inside, aggregate, tsql_type);
	return true;
}

/* ---- the remote columns ---- */

static int
add_part(RemoteSql *sql, int *next_attribute, RemoteColumns *columns)
{
	appendStringInfoString(&sql->text, ", ");
	columns->attrs = lappend_int(columns->attrs, *next_attribute);
	return (*next_attribute)++;
}

void
append_aggregate_columns(RemoteSql *sql, const Scope *scope, Aggref *aggregate, int attribute,
						 int *next_attribute, RemoteColumns *columns)
{
	Scope inside = scope_inside(scope, aggregate);
	Kind kind = kind_of(aggregate);
	Summing summing = Summing::refused;
	int fraction = 0;
	int count = 0;
	int scale = 0;
	TsqlType tsql_type = {};

	columns->attrs = lappend_int(columns->attrs, attribute);
	if (kind == Kind::sum || kind == Kind::average)
		summing = summing_of(&inside, aggregate, &tsql_type);
	append_one(sql, &inside, aggregate, &tsql_type);
	if (summing != Summing::refused && tsql_type.other_scale)
	{
		scale = add_part(sql, next_attribute, columns);
		append_scale(sql, &inside, aggregate);
	}
	if (summing == Summing::in_two_parts)
	{
		fraction = add_part(sql, next_attribute, columns);
		append_call(sql, &inside, aggregate, "SUM", "", " % 1");
	}
	if (kind == Kind::average)
	{
		count = add_part(sql, next_attribute, columns);
		append_call(sql, &inside, aggregate, "COUNT_BIG", "", "");
	}
	if (fraction != 0 || count != 0 || scale != 0)
		columns->composed =
			lappend(columns->composed, list_make4_int(attribute, fraction, count, scale));
}

} // namespace sambapos::fdw
