/* The parser: INSERT, UPDATE, DELETE. */
#include "tsql/error.hpp"
#include "tsql/parser.hpp"
#include "tsql/text.hpp"

namespace till
{

std::vector<SelectItem>
Parser::output_clause()
{
	std::vector<SelectItem> items;

	if (!accept("OUTPUT"))
		return items;
	do
		items.push_back(select_item());
	while (accept(","));
	if (on("INTO"))
		throw unsupported("OUTPUT ... INTO");
	return items;
}

StatementBody
Parser::insert()
{
	InsertStatement i;

	expect("INSERT");
	accept("INTO");
	i.table = peek().kind == Tok::variable ? Name{take().text} : object_name();
	if (on("WITH") && on("(", 1))
	{
		take();
		skip_parenthesised();
	}
	if (on("(") && !on("SELECT", 1))
		i.columns = name_list();
	i.output = output_clause();
	if (accept("DEFAULT"))
	{
		expect("VALUES");
		i.default_values = true;
	}
	else if (accept("VALUES"))
		i.rows = value_rows();
	else if (on("EXEC") || on("EXECUTE"))
		throw unsupported("INSERT ... EXEC");
	else
		i.query = query();
	option_clause();
	return i;
}

StatementBody
Parser::update(std::vector<Cte> ctes)
{
	UpdateStatement u;

	u.ctes = std::move(ctes);
	expect("UPDATE");
	if (accept("TOP"))
	{
		expect("(");
		u.top = expression();
		expect(")");
	}
	u.table = peek().kind == Tok::variable ? Name{take().text} : object_name();
	if (on("WITH") && on("(", 1))
	{
		take();
		skip_parenthesised();
	}
	expect("SET");
	do
	{
		Assignment a;

		if (peek().kind == Tok::variable)
			throw unsupported("UPDATE ... SET @variable");
		a.column = object_name().back();
		if (on("+=") || on("-=") || on("*=") || on("/="))
		{
			ExprP e = make(Op::binary), column = make(Op::column);

			e->text = take().text.substr(0, 1);
			column->name = {a.column};
			e->args.push_back(std::move(column));
			e->args.push_back(expression());
			a.value = std::move(e);
		}
		else
		{
			expect("=");
			if (accept("DEFAULT"))
				throw unsupported("UPDATE ... SET column = DEFAULT");
			a.value = expression();
		}
		u.set.push_back(std::move(a));
	} while (accept(","));
	u.output = output_clause();
	if (accept("FROM"))
		u.from = from_clause();
	if (accept("WHERE"))
		u.where = expression();
	option_clause();
	return u;
}

StatementBody
Parser::remove(std::vector<Cte> ctes)
{
	DeleteStatement d;

	d.ctes = std::move(ctes);
	expect("DELETE");
	if (accept("TOP"))
	{
		expect("(");
		d.top = expression();
		expect(")");
	}
	accept("FROM");
	d.table = peek().kind == Tok::variable ? Name{take().text} : object_name();
	if (on("WITH") && on("(", 1))
	{
		take();
		skip_parenthesised();
	}
	d.output = output_clause();
	if (accept("FROM"))
		d.from = from_clause();
	if (accept("WHERE"))
		d.where = expression();
	option_clause();
	return d;
}

} // namespace till
