/*
 * A parsed batch. Plain trees: expressions and queries are what the emitter walks, statements what
 * the session executes one after another. Names keep the case they were written in.
 */
#pragma once

#include "tsql/lexer.hpp"
#include "tsql/types.hpp"

#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace till
{

struct Expr;
struct Query;
struct Statement;
using ExprP = std::unique_ptr<Expr>;
using QueryP = std::unique_ptr<Query>;
using StatementP = std::unique_ptr<Statement>;
using Name = std::vector<std::string>; /* database.schema.object, the missing ones left out */

enum class Op
{
	literal, /* token */
	null,
	column,   /* name */
	variable, /* text: @x or @@x */
	negate,   /* args[0] */
	bit_not,
	binary,     /* text + - * / % & | ^ */
	compare,    /* text = <> < > <= >= */
	both,       /* AND */
	either,     /* OR */
	invert,     /* NOT */
	is_null,    /* negated: IS NOT NULL */
	like,       /* args: subject, pattern[, escape] */
	in_list,    /* args[0] in the rest */
	in_query,   /* args[0] in query */
	quantified, /* args[0] text ANY/ALL query; negated: ALL */
	between,
	exists,  /* query */
	choice,  /* CASE: args = [operand] (when then)... [else]; flags below */
	cast,    /* args[0] as type; args[1]: style; attempt: TRY_ */
	call,    /* text(args); name of the function */
	scalar,  /* (SELECT ...) */
	collate, /* args[0] COLLATE text */
	star     /* COUNT(*) and the like */
};

struct OrderItem
{
	ExprP expr;
	bool descending = false;
};

struct Window
{
	std::vector<ExprP> partition;
	std::vector<OrderItem> order;
};

struct Expr
{
	Op op;
	std::string text{};
	Token token{};
	Name name{};
	std::vector<ExprP> args{};
	QueryP query{};
	Type type{};
	bool negated = false;
	bool attempt = false;
	bool distinct = false;
	bool has_operand = false; /* CASE x WHEN */
	bool has_else = false;
	std::unique_ptr<Window> window{};
	int line = 1;
};

struct SelectItem
{
	ExprP expr; /* null for * */
	std::string alias;
	std::string star_of;  /* t.* */
	std::string variable; /* SELECT @x = expr */
};

enum class Join
{
	inner,
	left,
	right,
	full,
	cross,
	cross_apply,
	outer_apply
};

struct TableRef
{
	enum Form
	{
		table,
		derived,
		values,
		join,
		changes
	} form = table;
	Name name;
	std::string alias;
	std::vector<std::string> column_aliases;
	QueryP query;
	std::vector<std::vector<ExprP>> rows;
	Join join_kind = Join::inner;
	std::unique_ptr<TableRef> left, right;
	ExprP on;
	std::vector<std::string> hints;
	ExprP sample, sample_seed; /* TABLESAMPLE (n PERCENT) REPEATABLE (seed) */
	bool sample_rows = false;
	ExprP since; /* CHANGETABLE (CHANGES table, version) */
	int line = 1;
};
using TableRefP = std::unique_ptr<TableRef>;

struct Core /* one SELECT without ORDER BY, or a parenthesised query */
{
	bool distinct = false;
	ExprP top;
	bool with_ties = false;
	std::vector<SelectItem> items;
	Name into;
	std::vector<TableRefP> from;
	ExprP where;
	bool grouped = false; /* GROUP BY was written */
	std::vector<ExprP> group_by;
	ExprP having;
	QueryP nested;
};

struct Cte
{
	std::string name;
	std::vector<std::string> columns;
	QueryP query;
};

struct Query
{
	std::vector<Cte> ctes;
	std::vector<Core> cores;
	std::vector<std::string>
		set_operators; /* between the cores: UNION, UNION ALL, EXCEPT, INTERSECT */
	std::vector<OrderItem> order_by;
	ExprP offset, fetch;
	int line = 1;
};

/* ---- statements ---- */

struct SelectStatement
{
	QueryP query;
};

struct Assignment
{
	std::string column;
	ExprP value;
};

struct InsertStatement
{
	Name table;
	std::vector<std::string> columns;
	std::vector<SelectItem> output;
	std::vector<std::vector<ExprP>> rows; /* a null ExprP is DEFAULT */
	QueryP query;
	bool default_values = false;
};

struct UpdateStatement
{
	std::vector<Cte> ctes;
	ExprP top;
	Name table;
	std::vector<Assignment> set;
	std::vector<SelectItem> output;
	std::vector<TableRefP> from;
	ExprP where;
};

struct DeleteStatement
{
	std::vector<Cte> ctes;
	ExprP top;
	Name table;
	std::vector<SelectItem> output;
	std::vector<TableRefP> from;
	ExprP where;
};

struct ColumnDefinition
{
	std::string name;
	Type type;
	int nullable = -1; /* -1: not said */
	bool identity = false;
	long seed = 1, increment = 1;
	ExprP default_value;
	std::string default_text, default_name;
	bool primary_key = false;
};

struct Constraint
{
	enum Form
	{
		primary_key,
		unique,
		foreign_key,
		check,
		default_value
	} form = primary_key;
	std::string name;
	std::vector<std::string> columns;
	bool clustered = false;
	Name references;
	std::vector<std::string> referenced;
	std::string on_delete, on_update;
	ExprP expr;
	std::string text; /* the default as written */
};

struct CreateTable
{
	Name name;
	std::vector<ColumnDefinition> columns;
	std::vector<Constraint> constraints;
};

struct AlterTable
{
	Name name;
	std::vector<ColumnDefinition> add_columns;
	std::vector<Constraint> add_constraints;
	std::vector<std::string> drop_columns, drop_constraints;
	std::unique_ptr<ColumnDefinition> alter_column;
	std::string tracking; /* ENABLE, DISABLE */
};

struct CreateIndex
{
	std::string name;
	Name table;
	std::vector<std::string> columns;
	std::vector<bool> descending;
	std::vector<std::string> include;
	bool unique = false, clustered = false;
	ExprP where;
};

struct CreateView
{
	Name name;
	std::vector<std::string> columns;
	QueryP query;
};

struct CreateSchema
{
	std::string name;
};

struct CreateDatabase
{
	std::string name, collation;
};

struct AlterDatabase
{
	std::string name, option, value;
	std::string cleanup, period, unit; /* of CHANGE_TRACKING; empty: not said */
};

struct Drop
{
	std::string what; /* TABLE VIEW INDEX SCHEMA DATABASE LOGIN USER */
	std::vector<Name> names;
	Name index_table;
	bool if_exists = false;
};

struct Truncate
{
	Name table;
};

struct Use
{
	std::string database;
};

struct SetOption
{
	std::string name, value; /* value upper-case */
	Name table;              /* IDENTITY_INSERT */
};

struct Declare
{
	struct Variable
	{
		std::string name;
		Type type;
		ExprP value;
		std::unique_ptr<CreateTable> table;
	};
	std::vector<Variable> variables;
};

struct SetVariable
{
	std::string name;
	ExprP value;
};

struct If
{
	ExprP condition;
	StatementP then, otherwise;
};

struct While
{
	ExprP condition;
	StatementP body;
};

struct Block
{
	std::vector<StatementP> body;
};

struct TryCatch
{
	std::vector<StatementP> body, handler;
};

struct Jump
{
	std::string kind; /* BREAK CONTINUE RETURN */
	ExprP value;
};

struct Transaction
{
	std::string action; /* BEGIN COMMIT ROLLBACK SAVE */
	std::string name;
};

struct Wait
{
	ExprP delay;
};

struct Raise
{
	bool is_throw = false;
	std::vector<ExprP> args;
};

struct Print
{
	ExprP text;
};

struct Execute
{
	struct Argument
	{
		std::string name; /* @x = */
		ExprP value;
		bool output = false;
	};
	Name procedure;
	std::string result_variable;
	std::vector<Argument> args;
	ExprP text; /* EXEC('...') */
};

struct Dbcc
{
	std::string command;
	std::vector<ExprP> args;
	std::vector<std::string> words; /* the same as written, for names without quotes */
};

struct Grant
{
	std::string verb; /* GRANT DENY REVOKE */
	std::vector<std::string> permissions;
	Name object;
	std::vector<std::string> columns;
	std::string grantee;
};

struct CreatePrincipal
{
	std::string what; /* LOGIN, USER, ALTER USER */
	std::string name, password, login;
};

using StatementBody =
	std::variant<SelectStatement, InsertStatement, UpdateStatement, DeleteStatement, CreateTable,
				 AlterTable, CreateIndex, CreateView, CreateSchema, CreateDatabase, AlterDatabase,
				 Drop, Truncate, Use, SetOption, Declare, SetVariable, If, While, Block, TryCatch,
				 Jump, Transaction, Wait, Raise, Print, Execute, Dbcc, Grant, CreatePrincipal>;

struct Statement
{
	StatementBody body;
	int line = 1;
};

} // namespace till
