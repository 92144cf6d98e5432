/*
 * What the planner's files know about one foreign table: plan.cpp fills it, shippable.cpp judges,
 * deparse*.cpp write, estimate.cpp counts. Nothing of it reaches the executor but ForeignScan's
 * fdw_private (fdw.hpp, ScanPrivate) and fdw_exprs.
 */
#pragma once

#include "fdw/fdw.hpp"
#include "types/predicate.hpp"

namespace sambapos::fdw
{

/* What an expression may refer to at the server, and how it is written there. */
struct Scope
{
	PlannerInfo *root;
	Relids relids;  /* the foreign tables whose columns it has; all else is a value known before */
	bool qualified; /* columns are written with their table's alias, [r1].[Id] */
	bool grouped;   /* aggregates may stand in it */
	bool text_by_server; /* text compares as the server's collation does (text_semantics) */
};

/* RelOptInfo.fdw_private of a foreign table; made by GetForeignRelSize. */
struct PlannedTable
{
	Scope scope;
	Oid relid;
	ServerOptions *server;
	TableOptions options;
	Bitmapset *attrs_used; /* columns to fetch, as pull_varattnos numbers them */
	List *remote_conds;    /* RestrictInfos the server evaluates, exactly */
	List *local_conds;     /* RestrictInfos that are left for us */
};

inline PlannedTable *
planned_table(const RelOptInfo *rel)
{
	return static_cast<PlannedTable *>(rel->fdw_private);
}

/* ---- what may be sent, and how it is written: shippable.cpp, deparse_expr.cpp ---- */

/* The remote SQL while it is written: the finished texts, the parameters between them, the
 * expressions that will give their values, and the text in work. */
struct RemoteSql
{
	List *texts;
	List *parameters;
	List *exprs;
	StringInfoData text;
};

/* Ends the text in work: after the last one there is no parameter. */
void end_text(RemoteSql *sql);

/* Ends the text in work with a parameter. */
void add_parameter(RemoteSql *sql, const types::Predicate &predicate, Expr *value);

/* The columns that are fetched, separated by commas; returns their numbers. */
List *append_output_columns(StringInfo sql, const PlannedTable *table);

/* " FROM ", and the table or its query. */
void append_from(StringInfo sql, const TableOptions &options);

void deparse_select(RemoteSql *sql, RelOptInfo *rel, List *remote_exprs, List **retrieved_attrs);

/* The expression can be evaluated here, before the scan starts: no column of the scope in it. */
bool is_value(const Scope *scope, Expr *expr);

/* SQL Server computes the boolean expression exactly as PostgreSQL does: TRUE, FALSE and UNKNOWN
 * alike. To judge is to try: what can be written can be sent. */
bool is_shippable(const Scope *scope, Expr *expr);

/* Writes a condition. False, and nothing is appended, if it isn't shippable. */
bool deparse_condition(RemoteSql *sql, const Scope *scope, Expr *expr);

/* Writes a value that SQL Server computes exactly as PostgreSQL does; domain says how it arrives
 * (types::may_fetch and its kin say what may be done with it). False, and nothing is appended, if
 * it can't be sent. */
bool deparse_value(RemoteSql *sql, const Scope *scope, Expr *expr, types::Domain *domain);

/* The column that a condition sets equal to a value; null if it is no such condition. */
Var *equated_column(const Scope *scope, Expr *expr);

/* A column; the alias of a table in a query of several: [r] and its index in the range table. */
void append_column(StringInfo sql, const Scope *scope, const Var *var);

/* ---- estimate.cpp ---- */

/* Fills baserel's tuples, rows and width. */
void estimate_size(PlannerInfo *root, RelOptInfo *baserel, PlannedTable *table);

struct ScanCost
{
	double rows;
	Cost startup;
	Cost total;
};

/* The cost of one execution; param_info is null for an unparameterised path. */
ScanCost estimate_scan(PlannerInfo *root, RelOptInfo *baserel, ParamPathInfo *param_info);

/* ---- parameters.cpp: how a parameter survives copyObject ---- */

List *predicate_to_list(const types::Predicate &predicate);

} // namespace sambapos::fdw
