/*
 * What the files of src/fdw share, a section for each file. The way of a query through them:
 *
 *   options/   what the user configured: validator.cpp when it is set, values.cpp and columns.cpp
 *              when it is used; query.cpp for T-SQL in place of a table
 *   plan/      what to send: plan.cpp (GetForeignRelSize, Paths, Plan), join.cpp
 *              (GetForeignJoinPaths) and upper.cpp (GetForeignUpperPaths) ask
 *                shippable.cpp, aggregate.cpp, order.cpp, limit.cpp   what may be sent, and
 *                estimate.cpp, estimate_relation.cpp, statistics.cpp  what it will cost
 *   deparse/   how it is written in T-SQL: query.cpp the whole, the others its expressions
 *              (expression.hpp lists them; pushdown.cpp is the table of functions and operators)
 *   scan/      scan.cpp (Begin, Iterate, ReScan, End), async.cpp for several servers at once;
 *              parameters.cpp writes the values that are only known now; analyze.cpp is ANALYZE;
 *              relation_names.cpp for EXPLAIN and error messages
 *   remote/    the server: connection.cpp keeps sessions and their transactions, result.cpp the one
 *              open result of a session, table_size.cpp asks how large a table is
 *   import/    IMPORT FOREIGN SCHEMA
 *
 * Regime: ereport and palloc; C++ as a better C; nothing with a destructor (see bridge/guard.hpp).
 */
#pragma once

#include "bridge/guard.hpp"
#include "tds/session.hpp"

namespace sambapos::fdw
{

/* ---- options/values.cpp ---- */

enum class InvalidText
{
	error,  /* a character that cannot be converted is an error that names column and row */
	replace /* it becomes U+FFFD, with one WARNING a scan */
};

enum class TextSemantics
{
	strict, /* text compares as PostgreSQL compares it */
	server  /* as the server's collation does */
};

/* A server's and its user mapping's options with the defaults filled in; palloc'd, plain. */
struct ServerOptions
{
	tds::Login login; /* texts in UTF-8 */
	tds::Isolation isolation;
	InvalidText invalid_text;
	TextSemantics text_semantics;
	bool keep_connections;
	bool use_remote_estimate;
	double startup_cost;
	double tuple_cost;
	const char *password_file; /* null if the mapping has none */
	bool password_required;
};

/* Setting sambapos.replace_invalid_text: foreign tables are read as if invalid_text were replace
 * (server_options() without a user), but for the client library's question marks, which stay an
 * error. The sync switches it on while it reads, once the server has shown that it gives UTF-16. */
extern bool replace_invalid_text;

/* Reads the options of a server (and of the user's mapping when user is valid). Errors: HV00N-style
 * if something needed is missing, with the ALTER that adds it. */
ServerOptions *server_options(Oid server, Oid user);

/* The server of that name. Errors: 42704 if there is none, 42809 if its wrapper is not ours. */
Oid named_server(const char *name);

/* As GetUserMapping; the error (42704) names the server and says how to make one. */
UserMapping *user_mapping(Oid user, Oid server);

/* Options of a foreign table and its columns. */
struct TableOptions
{
	const char *schema_name; /* default "dbo" */
	const char *table_name;  /* default: the local name; null when query is given */
	const char *query;       /* null when a table is named */
	double estimated_rows;   /* what IMPORT has recorded, or a guess */
	Oid relation;
};
TableOptions table_options(Oid relation);

/* A value as its kind has it: the text always, the others where it is one. */
struct OptionValue
{
	const char *text;
	bool boolean;
	int integer; /* of a choice: its position */
	double number;
};

/* An option that both servers and tables have: the table's, else the server's, else the default. */
OptionValue inherited_option(Oid relation, const char *name);

/* ---- options/query.cpp: a user's T-SQL in place of a table ---- */

/* Errors: HV024 if the text is not one query, 42501 if the current user may not set one. validator:
 * the function that asks. */
void check_query_option(const char *query, Oid validator);

/* The query of a table's options as a derived table, without its alias. HV024 as above. */
void append_query(StringInfo sql, const TableOptions &options);

/* 42501 if the table's owner may not have such a table read. */
void check_query_owner(Oid relation);

/* ---- options/columns.cpp ---- */

const char *column_name(Oid relation, AttrNumber attribute); /* the name at the server */
const char *column_remote_type(Oid relation,
							   AttrNumber attribute); /* e.g. "decimal(16,2)", "" if not recorded */
bool is_key_column(Oid relation, AttrNumber attribute);        /* the option key */
double estimated_distinct(Oid relation, AttrNumber attribute); /* 0: not known */

/* ---- what the planner hands to the executor: ForeignScan.fdw_private ---- */

/* A List with these members, in this order; it must survive copyObject. The remote SQL is a list of
 * texts (String nodes) with one parameter between each two: text0 param0 text1 param1 ... textN.
 * Each parameter is a List made by scan/parameters.cpp; its expression stands at the same index in
 * ForeignScan.fdw_exprs. */
enum ScanPrivate
{
	SCAN_SQL_TEXTS,       /* List of String */
	SCAN_SQL_PARAMETERS,  /* List of List */
	SCAN_RETRIEVED_ATTRS, /* List of int: the attribute number (of the scan tuple) of each remote
							 column; beyond the tuple's, a part of a value */
	SCAN_COMPOSED,        /* List of List of int: ComposedMember */
	SCAN_RELATIONS,       /* String: what is no single table, tables by their indexes in the range
							 table, e.g. (1) INNER JOIN (2); empty for a table */
	SCAN_AS_BYTES,        /* Boolean: its text is fetched as the bytes of UTF-16 */
	SCAN_PRIVATE_MEMBERS
};

/* A value put together here from several remote columns: (whole + fraction) / count. */
enum ComposedMember
{
	COMPOSED_VALUE,    /* attribute: has the whole, gets the value */
	COMPOSED_FRACTION, /* attribute, 0: none */
	COMPOSED_COUNT,    /* attribute, 0: none */
	COMPOSED_SCALE     /* attribute, 0: none: with how many digits the whole is shown */
};

/* ---- scan/parameters.cpp ---- */

/* The remote SQL with every parameter's present value written into it, as a T-SQL literal inside
 * its predicate (so that NULL and values that the column cannot represent compare as PostgreSQL
 * compares them). states: ExprState list of ForeignScan.fdw_exprs. The result is UTF-8 and lives in
 * the current memory context. */
char *render_remote_sql(List *fdw_private, List *states, ExprContext *econtext);

/* The same for EXPLAIN: parameters shown as @p1, @p2, ... Never connects. */
char *explain_remote_sql(List *fdw_private);

/* ---- plan/plan.cpp ---- */

void sambapos_get_rel_size(PlannerInfo *root, RelOptInfo *baserel, Oid relation);
void sambapos_get_paths(PlannerInfo *root, RelOptInfo *baserel, Oid relation);
ForeignScan *sambapos_get_plan(PlannerInfo *root, RelOptInfo *baserel, Oid relation,
							   ForeignPath *best_path, List *tlist, List *scan_clauses,
							   Plan *outer_plan);

/* ---- plan/join.cpp and plan/upper.cpp ---- */

void sambapos_get_join_paths(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outerrel,
							 RelOptInfo *innerrel, JoinType type, JoinPathExtraData *extra);
void sambapos_get_upper_paths(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input,
							  RelOptInfo *output, void *extra);

/* ---- plan/statistics.cpp ---- */

/* Columns that no ANALYZE has seen; called by _PG_init. */
void statistics_init();

/* ---- scan/relation_names.cpp ---- */

/* "(tickets t) INNER JOIN (payments)", from SCAN_RELATIONS; names: the range table's as EXPLAIN
 * prints them, or NIL. Null for the scan of a table. */
char *name_relations(const ForeignScan *plan, List *range_table, List *names, bool qualified);

/* ---- scan/scan.cpp ---- */

void sambapos_begin_scan(ForeignScanState *node, int eflags);
TupleTableSlot *sambapos_iterate_scan(ForeignScanState *node);
bool sambapos_recheck_scan(ForeignScanState *node, TupleTableSlot *slot);
void sambapos_rescan(ForeignScanState *node);
void sambapos_end_scan(ForeignScanState *node);
void sambapos_explain_scan(ForeignScanState *node, ExplainState *es);

/* ---- remote/table_size.cpp ---- */

struct TableSize
{
	double rows;   /* -1: the server's catalog does not know */
	bool is_table; /* no view, and no query */
};
TableSize catalog_size(Oid server, Oid user, const TableOptions &options);
double catalog_pages(Oid server, Oid user, const TableOptions &options); /* -1: not known */

/* A count as the server writes it; 0 for what is none, such as "nan". */
double count_in(const char *text);

/* The numbers of a query's one row, which it gives as text; -1 for NULL, and if there is no row.
 * has_query: a table's option query is part of it. */
void ask_numbers(Oid server, Oid user, const char *sql, bool has_query, double *numbers, int count);

/* ---- scan/analyze.cpp ---- */

bool sambapos_analyze_table(Relation relation, AcquireSampleRowsFunc *function, BlockNumber *pages);

/* ---- scan/async.cpp ---- */

bool sambapos_is_path_async_capable(ForeignPath *path);
void sambapos_async_request(AsyncRequest *request);
void sambapos_async_configure_wait(AsyncRequest *request);
void sambapos_async_notify(AsyncRequest *request);

/* ---- import/import.cpp ---- */

List *sambapos_import_schema(ImportForeignSchemaStmt *statement, Oid server);

/* ---- remote/connection.cpp ---- */

/* One cached session for each (server, user mapping), with the remote transaction that belongs to
 * the local one; see remote/connection.hpp. */
void connection_init(); /* transaction and invalidation callbacks; called by _PG_init */

} // namespace sambapos::fdw
