/*
 * From T-SQL trees to PostgreSQL SQL with the T-SQL type of every value. One file a question:
 * emit_expr (expressions), emit_compare (conditions), emit_convert (casts), emit_function and
 * emit_aggregate (calls), emit_query (SELECT), emit_write (INSERT, UPDATE, DELETE), emit_define
 * (DDL).
 *
 * Names are bound here, before PostgreSQL sees them, so that a missing one is error 207 or 208 and
 * spelling may differ in case. Every item of a select list is emitted with exactly the PostgreSQL
 * type pg_type() promises, because rows are fetched in binary.
 */
#pragma once

#include "tsql/ast.hpp"
#include "emit/catalog.hpp"
#include "tsql/error.hpp"

#include <functional>
#include <map>
#include <set>

namespace till
{

struct Value
{
	std::string sql;
	Type type;
	bool nullable = true;
	const Token *literal = nullptr; /* a string or number as written */
	bool exact = false;             /* sql has exactly pg_type(type) already */
	bool identity = false;
};

struct Source /* a table, view or derived table in a FROM clause */
{
	std::string alias; /* as T-SQL calls it */
	std::string pg;    /* as PostgreSQL does, quoted */
	std::vector<OutputColumn> columns;
};

/* Where in a SELECT an expression stands decides what columns and aggregates may do there. */
enum class Clause
{
	free,
	on,
	where,
	list,
	having,
	order_by,
	argument /* of an aggregate */
};

/* From a GROUP BY expression in PostgreSQL's words to what gives the group's value. */
using Groups = std::map<std::string, std::string>;

struct Scope
{
	std::vector<Source> sources;
	const Scope *outer = nullptr;
	mutable Clause clause = Clause::free;
	mutable const Groups *groups = nullptr; /* set where only grouped columns may stand */
};

/* Sets a scope's clause for as long as it lives. */
class Standing
{
	const Scope *scope;
	Clause clause_before = Clause::free;
	const Groups *groups_before = nullptr;

public:
	Standing(const Scope *scope, Clause clause, const Groups *groups = nullptr);
	~Standing();
	Standing(const Standing &) = delete;
	Standing &operator=(const Standing &) = delete;
};

struct Compiled
{
	std::string sql;
	std::vector<OutputColumn> columns;
};

struct Variable
{
	Type type;
	bool null = true;
	std::string text; /* as PostgreSQL prints it */
};

/* What the emitter must know of the session it works for. */
struct Environment
{
	Catalog &catalog;
	std::map<std::string, Variable> variables;        /* by lower-case name with @ */
	std::function<Value(const std::string &)> global; /* @@NAME */
	std::function<Value(const std::string &)>
		session_function; /* DB_NAME, SCOPE_IDENTITY and the like; empty sql: not one */
	std::function<std::string(const std::string &)>
		virtual_table; /* rows for a table that lives in the till; empty: none */
	bool ydm = false;  /* DATEFORMAT dmy reads 2024-03-02 as the third of February */
	bool mdy = true;
	int date_first = 7;            /* DATEFIRST: 1 is Monday */
	bool national_as_utf8 = false; /* the switch */
	explicit Environment(Catalog &catalog) : catalog(catalog) {}
};

class Emitter
{
	Environment &env;
	struct NamedQuery
	{
		std::string name, pg;
		std::vector<OutputColumn> columns;
	};
	std::vector<NamedQuery> ctes;

	/* ---- expressions ---- */
	Value emit(const Expr &e, const Scope *scope);
	Value emit_plain(const Expr &e, const Scope *scope);
	Value literal(const Expr &e);
	Value column(const Expr &e, const Scope *scope);
	bool column_in(const Scope &scope, const Name &name, Value *found);
	Value variable(const Expr &e);
	Value arithmetic(const Expr &e, const Scope *scope);
	Value numeric_operation(const std::string &op, const Value &a, const Value &b,
							const Type &type);
	Value choice(const Expr &e, const Scope *scope);
	Value scalar_query(const Expr &e, const Scope *scope);
	Value value(const Expr &e, const Scope *scope); /* not a predicate */
	std::vector<Value> values(const std::vector<ExprP> &list, const Scope *scope);
	Type unified(const std::vector<Value> &list);

	/* ---- conditions ---- */
	Value compare(const std::string &op, const Value &a, const Value &b);
	std::string comparable(const Value &v, const Type &common);
	std::string collation_clause(const Type &t);
	Collation collation_of(const Type &t);
	Value in_list(const Expr &e, const Scope *scope);
	Value in_query(const Expr &e, const Scope *scope);
	Value like(const Expr &e, const Scope *scope);

	/* ---- calls ---- */
	Value call(const Expr &e, const Scope *scope);
	Value aggregate(const Expr &e, const Scope *scope, bool *is_one);
	std::string counted(const Expr &e, const Scope *scope);
	Value windowed(const Expr &e, const Scope *scope, Value v, const std::string &bare);
	Value date_call(const Expr &e, const Scope *scope, bool *is_one);
	Value datepart_call(const Expr &e, const Scope *scope);
	Value datediff_call(const Expr &e, const Scope *scope);
	Value dateadd_call(const Expr &e, const Scope *scope);
	Value from_parts_call(const Expr &e, const Scope *scope);
	Value eomonth_call(const Expr &e, const Scope *scope);
	std::string part_sql(const std::string &part, const Value &v);
	std::string as_ticks(const Value &v);
	Value offset_call(const Expr &e, const Scope *scope);
	Value search_call(const Expr &e, const Scope *scope);
	Value datalength_call(const Expr &e, const Scope *scope);
	Value text_call(const Expr &e, const Scope *scope, bool *is_one);
	Value number_call(const Expr &e, const Scope *scope, bool *is_one);
	Value other_call(const Expr &e, const Scope *scope, bool *is_one);
	Value catalog_call(const Expr &e, const Scope *scope, bool *is_one);
	std::string as_timestamp(const Value &v); /* for the date functions */
	std::string as_text(const Value &v);
	Value as_string(const Value &v);
	std::string as_bytes(const Value &v);

	/* ---- queries ---- */
	struct CoreSql
	{
		std::vector<Value> items;
		std::vector<std::string> names;
		std::vector<std::string> variables;
		std::string tail;
		bool distinct = false, with_ties = false;
		std::string top;
		Compiled nested;
		bool is_nested = false, grouped = false;
		Groups groups;
		Scope scope;
	};
	CoreSql core(const Core &c, const Scope *outer, const std::vector<OrderItem> &order);
	void core_items(const Core &c, CoreSql &out);
	void star_items(const SelectItem &item, CoreSql &out);
	std::string order_by(const Query &q, CoreSql &first, bool set_operation);
	std::string order_item(const OrderItem &item, CoreSql &first, bool set_operation);
	size_t select_position(const OrderItem &o, const CoreSql &c, bool required);
	std::string directed(const std::string &sql, const OrderItem &o, bool nullable);
	std::string assemble(CoreSql &c, const std::vector<Type> *types, const Query &q,
						 bool set_operation);
	std::string sorted_set(const std::string &rows, const Query &q, CoreSql &first);
	std::string row_limit(const Value &v, const char *function);
	std::string paging(const Query &q, const CoreSql &first, const Scope *outer);
	Compiled subquery(const Query &q, const Scope *scope);

	/* ---- grouping ---- */
	std::string group_key(const Value &v);
	std::string group_value(const Value &v);
	std::string sort_key(const Value &v);
	bool is_grouped(const Core &c, const std::vector<OrderItem> &order);
	std::string group_by(const Core &c, const Scope &scope, Groups *groups);
	bool group_expression(const Expr &e, const Scope *scope, Value *v);
	std::string distinct_rows(const CoreSql &c, const std::string &rows, const Query &q);
	std::string from(const std::vector<TableRefP> &list, Scope *scope);
	std::string table_ref(const TableRef &t, Scope *scope);
	std::string sample(const TableRef &t, const std::string &table);
	std::string base_table(const TableRef &t, Scope *scope);
	std::string change_table(const TableRef &t, Scope *scope);
	std::string join(const TableRef &t, Scope *scope);
	std::string values_table(const TableRef &t, Scope *scope);
	std::string with_clause(const std::vector<Cte> &list);
	std::string select_list(const std::vector<Value> &items, const std::vector<std::string> &names);

	/* ---- writes ---- */
	std::string returning(const std::vector<SelectItem> &output, const TableInfo &t,
						  const char *pseudo, const std::string &alias, Compiled *compiled);
	std::string joined_write(const std::vector<TableRefP> &list, const TableInfo &t,
							 const Name &target, Scope *scope, std::string *target_alias);
	std::vector<const ColumnInfo *> insert_targets(const InsertStatement &s, const TableInfo &t,
												   bool identity_insert, bool *explicit_identity);
	std::string insert_query(const Query &source, const std::vector<const ColumnInfo *> &targets);
	std::string insert_rows(const InsertStatement &s,
							const std::vector<const ColumnInfo *> &targets);
	std::string default_or_value(const ExprP &e, const ColumnInfo &c);
	const ColumnInfo &target_column(const TableInfo &t, const std::string &name);
	void check_writable(const TableInfo &t, const ColumnInfo &c, bool identity_insert, bool update);

public:
	bool reads_data = false;              /* a user table was named */
	std::vector<std::string> read_tables; /* for PostgreSQL; without those read with NOLOCK */

	explicit Emitter(Environment &env) : env(env) {}

	std::string convert(const Value &v, const Type &to, int style = -1, bool attempt = false,
						bool assign = false);
	std::string exactly(const Value &v); /* v as pg_type(v.type) */

	Compiled query(const Query &q, const Scope *outer = nullptr,
				   std::vector<std::string> *variables = nullptr);
	std::string condition(const Expr &e, const Scope *scope = nullptr);
	Value expression(const Expr &e) { return value(e, nullptr); }

	Compiled insert(const InsertStatement &s, bool identity_insert, bool *has_identity,
					bool *explicit_identity);
	Compiled update(const UpdateStatement &s);
	Compiled remove(const DeleteStatement &s);

	/* DDL: PostgreSQL statements in order. */
	std::vector<std::string> create_table(const CreateTable &s);
	std::vector<std::string> select_into(const Name &name, const Compiled &query);
	std::vector<std::string> alter_table(const AlterTable &s);
	std::vector<std::string> create_index(const CreateIndex &s);
	std::vector<std::string> create_view(const CreateView &s);
	std::vector<std::string> add_column(const TableInfo &t, const ColumnDefinition &c);
	std::vector<std::string> add_constraint(const std::string &qualified, const std::string &table,
											const Constraint &c, const TableInfo *existing,
											const CreateTable *fresh);
	std::string column_sql(const ColumnDefinition &c, const std::string &table);
	std::string index_name(const std::string &table, const std::string &name);
};

/* Throws 174 for a call with another number of arguments. */
void need_arguments(const Expr &call, size_t least, size_t most);

/* T-SQL's text forms of dates and times. Null when the text is none. */
bool parse_datetime(const std::string &text, const Environment &env, bool legacy, long long *ticks,
					int *offset);
/* 100 ns ticks since 0001-01-01 as a PostgreSQL timestamp literal's inside. */
std::string ticks_text(long long ticks, int fraction_digits);
long long round_ticks(long long ticks, int scale);
long long round_to_300th(long long ticks);

bool is_group_function(const Expr &e);
SqlError ungrouped_column(const std::string &name, Clause clause);
void check_aggregate(const Scope *scope); /* throws 130, 147, 1015 */

/* T-SQL's LIKE pattern as a PostgreSQL regular expression. */
std::string like_to_regex(const std::string &pattern, const std::string &escape, bool by_units,
						  bool blanks);

} // namespace till
