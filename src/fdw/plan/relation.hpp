/*
 * What the planner's files know about one relation that the server can produce: a foreign table
 * (plan.cpp fills it), a join of such relations (join.cpp), a relation grouped
 * (upper.cpp). shippable.cpp and aggregate.cpp judge, deparse/ and order.cpp write, the
 * estimate files count.
 * Nothing of it reaches the executor but ForeignScan's fdw_private (fdw.hpp, ScanPrivate),
 * fdw_exprs and fdw_scan_tlist.
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
	bool nested;    /* within a value or an aggregate, where no sub-select may stand */
	bool text_by_server; /* text compares as the server's collation does (text_semantics) */
	bool guarded; /* in a branch that may not be taken: what could fail is not computed before the
					 scan */
};

enum class RelationKind
{
	table,
	join,
	group, /* GROUP BY, aggregates, or both; DISTINCT too */
	order  /* ORDER BY of the query on one of the others: only leads to it, has no paths */
};

/* RelOptInfo.fdw_private, present if the server can produce the relation. */
struct PlannedRelation
{
	RelationKind kind;
	Scope scope;
	ServerOptions *server;
	Relids hidden;      /* tables inside EXISTS: their columns cannot be seen from outside */
	Relids nullable;    /* tables on the nullable side of an outer join */
	List *remote_conds; /* RestrictInfos (bare in HAVING) the server evaluates, exactly */
	List *local_conds;  /* those that are evaluated here; a join has its inputs' too. Nothing can be
						   built on the relation then but joins that may come before them */
	bool has_query_order;  /* the server can sort it by query_pathkeys */
	double rows;           /* of the relation; of tables and joins when they are complete */
	double fetched;        /* rows that come over the wire */
	Cost work;             /* of the server, in units of the planner */
	const char *relations; /* for EXPLAIN, tables as indexes into the range table */
};

/* Of a foreign table; made by GetForeignRelSize. */
struct PlannedTable : PlannedRelation
{
	Oid relid;
	TableOptions options;
	Bitmapset *attrs_used; /* columns to fetch, as pull_varattnos numbers them */
	List *lossy_conds;     /* those of local_conds of which a lossy condition is sent */
};

/* Made by GetForeignJoinPaths. */
struct PlannedJoin : PlannedRelation
{
	JoinType type;
	RelOptInfo *outer;
	RelOptInfo *inner;
	List
		*join_clauses; /* RestrictInfos of ON, or inside EXISTS; remote_conds come after the join */
	List *later_conds; /* those of local_conds that come after this join, and not from an input */
};

/* Made by GetForeignUpperPaths. */
struct PlannedGroup : PlannedRelation
{
	RelOptInfo *input;
	PathTarget *target;
	List *scan_tlist; /* what is fetched: grouped expressions and aggregates */
	List *group_exprs;
};

struct PlannedOrder : PlannedRelation
{
	RelOptInfo *input;
};

inline PlannedRelation *
planned_relation(const RelOptInfo *rel)
{
	return static_cast<PlannedRelation *>(rel->fdw_private);
}

inline PlannedTable *
planned_table(const RelOptInfo *rel)
{
	return static_cast<PlannedTable *>(planned_relation(rel));
}

inline PlannedJoin *
planned_join(const RelOptInfo *rel)
{
	return static_cast<PlannedJoin *>(planned_relation(rel));
}

inline PlannedGroup *
planned_group(const RelOptInfo *rel)
{
	return static_cast<PlannedGroup *>(planned_relation(rel));
}

/* ---- what may be sent, and how it is written: shippable.cpp, deparse/expression.cpp ---- */

/* The remote SQL while it is written: the finished texts, the parameters between them, the
 * expressions that will give their values, and the text in work. */
struct RemoteSql
{
	List *texts;
	List *parameters;
	List *exprs;
	StringInfoData text;
	int cases; /* so many CASEs within one another */
};

/* Ends the text in work: after the last one there is no parameter. */
void end_text(RemoteSql *sql);
/* What is to be written. */
struct RemoteQuery
{
	PlannerInfo *root;
	RelOptInfo *rel;
	List *conditions;       /* bare, of a table: its own and those of a parameterised path */
	List *lossy_conditions; /* bare, of a table: those that are rechecked here */
	List *pathkeys;
	bool limited;     /* by LIMIT and OFFSET of the query */
	List *scan_tlist; /* of a join or group */
};

/* How the remote columns become the scan's tuple. Attributes beyond the tuple's are parts of values
 * that are put together here (aggregate.cpp). */
struct RemoteColumns
{
	List *attrs;    /* of int: each remote column's attribute */
	List *composed; /* of lists of int: ComposedMember */
};

/* Ends the text in work with a parameter. */
void add_parameter(RemoteSql *sql, const types::Predicate &predicate, Expr *value);

/* The columns that are fetched, separated by commas; returns their numbers. */
List *append_output_columns(StringInfo sql, const PlannedTable *table);

/* " FROM ", and the table or its query. */
void append_from(StringInfo sql, const TableOptions &options);

void deparse_query(RemoteSql *sql, const RemoteQuery &query, RemoteColumns *columns);

/* The expression can be evaluated here, before the scan starts: no column of the scope in it. */
bool is_value(const Scope *scope, Expr *expr);

/* Such a value may be computed when the scan begins, whether or not a row needs it. */
bool may_compute_before(const Scope *scope, Expr *value);

/* SQL Server computes the boolean expression exactly as PostgreSQL does: TRUE, FALSE and UNKNOWN
 * alike. What can be written can be sent: to find out, it is written. */
bool is_shippable(const Scope *scope, Expr *expr);

/* Writes a condition. False, and nothing is appended, if it is not shippable. */
bool deparse_condition(RemoteSql *sql, const Scope *scope, Expr *expr);

/* Writes a value that SQL Server computes exactly as PostgreSQL does; tsql_type says how it arrives
 * (types::may_fetch, may_group and so on say what may be done with it). False, and nothing is
 * appended, if it cannot be sent. */
bool deparse_value(RemoteSql *sql, const Scope *scope, Expr *expr, types::TsqlType *tsql_type);

/* The same in a SELECT list, where its type has to be said: a decimal's scale is what is shown. */
bool deparse_fetched_value(RemoteSql *sql, const Scope *scope, Expr *expr);

/* The scale with which PostgreSQL shows a decimal whose tsql_type has other_scale, as an integer;
 * NULL where the value is. False, and nothing is appended, if the server cannot tell. */
bool deparse_shown_scale(RemoteSql *sql, const Scope *scope, Expr *expr);

/* Writes a lossy condition: true for every row for which the expression is true, and for others.
 * The expression is to be rechecked here. False, and nothing is appended, if there is none. The
 * expression itself if that is shippable. */
bool deparse_lossy_condition(RemoteSql *sql, const Scope *scope, Expr *expr);
bool has_lossy_condition(const Scope *scope, Expr *expr);

/* The column that a condition sets equal to a value; null if it is no such condition. */
Var *equated_column(const Scope *scope, Expr *expr);

/* The same, only asked; false also for what has no column of the scope in it. */
bool is_remote_value(const Scope *scope, Expr *expr, types::TsqlType *tsql_type);

/* A column; the alias of a table in a query of several: [r] and its index in the range table. */
void append_column(StringInfo sql, const Scope *scope, const Var *var);

/* ---- aggregate.cpp ---- */

/* An aggregate as one value, for HAVING and ORDER BY too; as deparse_value. */
bool deparse_aggregate(RemoteSql *sql, const Scope *scope, Aggref *aggregate,
					   types::TsqlType *tsql_type);

/* The server computes what the aggregate needs: one value, or parts to be put together here. */
bool is_remote_aggregate(const Scope *scope, Aggref *aggregate);

/* The column of text whose least or greatest value the aggregate is; null of any other. */
Var *min_max_text_column(Expr *expr);

/* Writes the remote columns of an aggregate that becomes an attribute of the scan's tuple;
 * next_attribute is the next one beyond the tuple's. */
void append_aggregate_columns(RemoteSql *sql, const Scope *scope, Aggref *aggregate, int attribute,
							  int *next_attribute, RemoteColumns *columns);

/* ---- order.cpp ---- */

/* The server can sort the relation so. */
bool is_remote_order(RelOptInfo *rel, List *pathkeys, bool is_result);

/* What is sorted last is the query's result: no other query merges or groups it. */
bool is_result_order(const PlannerInfo *root);

/* ORDER BY; nothing if there is nothing to sort by. True if something was appended. */
bool append_order(RemoteSql *sql, RelOptInfo *rel, List *pathkeys);

/* Orders that may spare a local sort: the query's, and those of merge joins. */
List *useful_orders(PlannerInfo *root, RelOptInfo *rel);

/* It is a column that has a NOT NULL, or is part of the key, and no outer join may null it. */
bool is_never_null(const PlannedRelation *relation, Expr *expr);

/* ---- limit.cpp ---- */

/* The server can apply the query's LIMIT and OFFSET. */
bool is_remote_limit(const Scope *scope, const Query *parse);

/* "TOP (n) ", where that is enough. */
void append_top(RemoteSql *sql, const Query *parse);

/* " OFFSET ... FETCH ...", where TOP is not enough; is_ordered: behind an ORDER BY. */
void append_offset(RemoteSql *sql, const Query *parse, bool is_ordered);

/* A condition without which no row may come, null if there is none. */
Expr *limit_guard(const Query *parse);

/* ---- join.cpp ---- */

/* Without the RestrictInfos, where there are any. */
List *bare_clauses(List *clauses);

/* A clause of a relation that may be sent; not one that other conditions must precede for security,
 * nor one about tables that cannot be seen. */
bool is_sendable(RelOptInfo *rel, RestrictInfo *clause);

/* A join clause in a parameterised path. */
bool is_sendable_for_join(RelOptInfo *rel, RestrictInfo *clause);

/* A clause of a foreign table that is rechecked here, while a lossy condition for it may be sent.
 */
bool may_send_lossy(RelOptInfo *rel, RestrictInfo *clause);

/* ---- estimate.cpp ---- */

/* The share of a table's rows that conditions leave (statistics.cpp). */
Selectivity share_of_rows(PlannerInfo *root, RelOptInfo *baserel, List *conditions);

/* Fills baserel's tuples, rows and width. */
void estimate_size(PlannerInfo *root, RelOptInfo *baserel, PlannedTable *table);

struct ScanCost
{
	double rows;
	Cost startup;
	Cost total;
	double fetched; /* rows over the wire */
	Cost work;      /* the server's share of total */
};

/* The cost of one execution; param_info is null for an unparameterised path. */
ScanCost estimate_scan(PlannerInfo *root, RelOptInfo *baserel, ParamPathInfo *param_info);

/* ---- estimate_relation.cpp ---- */

/* Fill fetched and work, and for a group the number of rows. */
void estimate_join(PlannerInfo *root, RelOptInfo *joinrel);
double estimate_group(PlannerInfo *root, RelOptInfo *grouped);

/* The cost of any relation, sorted and limited; rows is that of the relation without a limit.
 * limit: null if there is none. */
ScanCost estimate_relation(PlannerInfo *root, RelOptInfo *rel, double rows, List *pathkeys,
						   const FinalPathExtraData *limit);

/* ---- scan/parameters.cpp: how a parameter survives copyObject ---- */

List *predicate_to_list(const types::Predicate &predicate);

} // namespace sambapos::fdw
