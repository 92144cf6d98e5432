/*
 * The recursive-descent parser of the documented T-SQL subset. A whole batch is parsed before any
 * of it runs, so a syntax error executes nothing. parse_expr.cpp, parse_query.cpp,
 * parse_statement.cpp and parse_ddl.cpp implement it.
 */
#pragma once

#include "tsql/ast.hpp"

namespace till
{

class Parser
{
	const std::string &sql;
	std::vector<Token> tokens;
	size_t at = 0;
	bool quoted_identifier;
	int codepage;

	/* cursor */
	const Token &peek(size_t ahead = 0) const;
	Token take();
	bool on(std::string_view word, size_t ahead = 0) const { return peek(ahead).is(word); }
	bool accept(std::string_view word);
	void expect(std::string_view word);
	[[noreturn]] void fail() const;
	bool on_name() const;
	std::string identifier();
	std::string any_word(); /* a name where keywords are welcome too */
	Name object_name();
	std::string optional_alias();
	long integer();
	std::vector<std::string> name_list(); /* (a, b) */
	std::string string_value();
	bool on_string() const;
	std::string source(size_t from, size_t to) const;

	/* expressions */
	ExprP expression();
	ExprP conjunction();
	ExprP inversion();
	ExprP predicate();
	ExprP predicate_tail(ExprP left, bool negated);
	ExprP comparison(ExprP left);
	ExprP additive();
	ExprP multiplicative();
	ExprP unary();
	ExprP collated(ExprP operand);
	ExprP primary();
	ExprP literal();
	ExprP parenthesised();
	ExprP name_or_call();
	ExprP call(std::string function);
	ExprP cast_call(const std::string &function);
	ExprP case_expression();
	std::unique_ptr<Window> window();
	std::vector<ExprP> expression_list();
	ExprP make(Op op) const;
	Type type();
	Type cast_type();

	/* queries */
	QueryP query();
	QueryP query_body();
	Core core();
	Core select_core();
	std::vector<Cte> with_clause();
	void select_items(Core &core);
	SelectItem select_item();
	std::vector<TableRefP> from_clause();
	TableRefP table_source();
	TableRefP table_primary();
	TableRefP join_with(TableRefP left, Join kind);
	TableRefP derived_table();
	TableRefP change_table();
	bool on_nested_query();
	bool join_operator(Join *kind);
	void table_hints(TableRef &table);
	void option_clause();
	std::vector<OrderItem> order_items();
	void order_clause(Query &query);
	std::vector<std::vector<ExprP>> value_rows();

	/* statements */
	StatementP statement();
	StatementBody statement_body();
	StatementBody with_statement();
	StatementBody insert();
	StatementBody update(std::vector<Cte> ctes);
	StatementBody remove(std::vector<Cte> ctes);
	std::vector<SelectItem> output_clause();
	StatementBody set();
	StatementBody declare();
	StatementBody begin();
	StatementBody transaction(const std::string &action);
	StatementBody if_statement();
	StatementBody execute();
	StatementBody raise_error();
	StatementBody throw_statement();
	StatementBody dbcc();
	StatementBody wait();
	StatementBody grant(const std::string &verb);
	std::vector<StatementP> block_until_end();

	/* definitions */
	StatementBody create();
	StatementBody alter();
	StatementBody drop();
	StatementBody create_table();
	StatementBody create_index(bool unique, bool clustered);
	StatementBody create_principal(const std::string &what);
	StatementBody alter_table();
	StatementBody alter_database();
	void tracking_settings(AlterDatabase &d);
	void tracking_switch(AlterTable &a);
	void alter_table_add(AlterTable &alter);
	void table_elements(CreateTable &table);
	ColumnDefinition column_definition();
	void column_option(ColumnDefinition &column, std::vector<Constraint> &constraints,
					   std::string &name);
	bool on_constraint() const;
	Constraint constraint();
	void key_columns(std::vector<std::string> &columns, std::vector<bool> *descending);
	void references(Constraint &c);
	void skip_storage_options();
	void skip_parenthesised();

public:
	Parser(const std::string &sql, bool quoted_identifier, int codepage)
		: sql(sql), tokens(tokenize(sql)), quoted_identifier(quoted_identifier), codepage(codepage)
	{
	}
	std::vector<StatementP> batch();
	/* '@p1 int, @p2 nvarchar(10) OUTPUT': the declaration string of sp_executesql. */
	std::vector<Declare::Variable> parameter_declarations();
};

} // namespace till
