/* The parser: SELECT, its FROM clause, set operators, CTEs. */
#include "tsql/error.hpp"
#include "tsql/parser.hpp"
#include "tsql/text.hpp"

namespace till
{

QueryP
Parser::query()
{
	std::vector<Cte> ctes;

	if (on("WITH"))
		ctes = with_clause();

	QueryP q = query_body();

	q->ctes = std::move(ctes);
	return q;
}

std::vector<Cte>
Parser::with_clause()
{
	std::vector<Cte> ctes;

	expect("WITH");
	do
	{
		Cte cte;

		cte.name = identifier();
		if (on("("))
			cte.columns = name_list();
		expect("AS");
		expect("(");
		cte.query = query_body();
		expect(")");
		ctes.push_back(std::move(cte));
	} while (accept(","));
	return ctes;
}

QueryP
Parser::query_body()
{
	auto q = std::make_unique<Query>();

	q->line = peek().line;
	q->cores.push_back(core());
	while (on("UNION") || on("EXCEPT") || on("INTERSECT"))
	{
		std::string op = upper_ascii(take().text);

		if (op == "UNION" && accept("ALL"))
			op = "UNION ALL";
		q->set_operators.push_back(op);
		q->cores.push_back(core());
	}
	order_clause(*q);
	return q;
}

void
Parser::order_clause(Query &q)
{
	if (!accept("ORDER"))
		return;
	expect("BY");
	q.order_by = order_items();
	if (!accept("OFFSET"))
		return;
	q.offset = additive();
	if (!accept("ROWS"))
		expect("ROW");
	if (accept("FETCH"))
	{
		if (!accept("NEXT"))
			expect("FIRST");
		q.fetch = additive();
		if (!accept("ROWS"))
			expect("ROW");
		expect("ONLY");
	}
}

std::vector<OrderItem>
Parser::order_items()
{
	std::vector<OrderItem> items;

	do
	{
		OrderItem item;

		item.expr = expression();
		item.descending = accept("DESC");
		if (!item.descending)
			accept("ASC");
		items.push_back(std::move(item));
	} while (accept(","));
	return items;
}

Core
Parser::core()
{
	if (!on("("))
		return select_core();

	Core c;

	take();
	c.nested = query_body();
	expect(")");
	return c;
}

Core
Parser::select_core()
{
	Core c;

	expect("SELECT");
	c.distinct = accept("DISTINCT");
	if (!c.distinct)
		accept("ALL");
	if (accept("TOP"))
	{
		bool parenthesis = accept("(");

		c.top = parenthesis ? expression() : primary();
		if (parenthesis)
			expect(")");
		if (on("PERCENT"))
			throw unsupported("TOP ... PERCENT");
		if (on("WITH") && on("TIES", 1))
		{
			take();
			take();
			c.with_ties = true;
		}
	}
	select_items(c);
	if (accept("INTO"))
		c.into = object_name();
	if (accept("FROM"))
		c.from = from_clause();
	if (accept("WHERE"))
		c.where = expression();
	if (accept("GROUP"))
	{
		expect("BY");
		c.grouped = true;
		if (on("(") && on(")", 1)) /* GROUP BY (): one group */
			take(), take();
		else
			c.group_by = expression_list();
	}
	if (accept("HAVING"))
		c.having = expression();
	return c;
}

void
Parser::select_items(Core &c)
{
	do
		c.items.push_back(select_item());
	while (accept(","));
}

SelectItem
Parser::select_item()
{
	SelectItem item;

	if (accept("*"))
		return item;
	if (on_name() && on(".", 1) && on("*", 2))
	{
		item.star_of = identifier();
		take();
		take();
		return item;
	}
	if (peek().kind == Tok::variable && on("=", 1))
	{
		item.variable = take().text;
		take();
		item.expr = expression();
		return item;
	}
	if ((on_name() || on_string()) && on("=", 1)) /* alias = expression */
	{
		item.alias = take().text;
		take();
		item.expr = expression();
		return item;
	}
	item.expr = expression();
	item.alias = optional_alias();
	if (item.alias.empty() && on_string())
		item.alias = take().text;
	return item;
}

std::vector<TableRefP>
Parser::from_clause()
{
	std::vector<TableRefP> list;

	do
		list.push_back(table_source());
	while (accept(","));
	return list;
}

bool
Parser::join_operator(Join *kind)
{
	if (on("CROSS") && on("APPLY", 1))
		*kind = Join::cross_apply;
	else if (on("OUTER") && on("APPLY", 1))
		*kind = Join::outer_apply;
	else if (on("CROSS"))
		*kind = Join::cross;
	else if (on("LEFT"))
		*kind = Join::left;
	else if (on("RIGHT"))
		*kind = Join::right;
	else if (on("FULL"))
		*kind = Join::full;
	else if (on("INNER") || on("JOIN"))
		*kind = Join::inner;
	else
		return false;
	while (!on("JOIN") && !on("APPLY"))
	{
		if (!on("INNER") && !on("LEFT") && !on("RIGHT") && !on("FULL") && !on("OUTER") &&
			!on("CROSS") && !on("LOOP") && !on("HASH") && !on("MERGE"))
			fail();
		take();
	}
	take();
	return true;
}

TableRefP
Parser::table_source()
{
	TableRefP left = table_primary();
	Join kind;

	while (join_operator(&kind))
		left = join_with(std::move(left), kind);
	return left;
}

/* The right side and ON of a join. a JOIN b JOIN c ON .. ON ..: the inner join comes first. */
TableRefP
Parser::join_with(TableRefP left, Join kind)
{
	auto j = std::make_unique<TableRef>();
	Join inner;

	j->form = TableRef::join;
	j->join_kind = kind;
	j->left = std::move(left);
	j->right = table_primary();
	if (kind == Join::cross || kind == Join::cross_apply || kind == Join::outer_apply)
		return j;
	while (join_operator(&inner))
		j->right = join_with(std::move(j->right), inner);
	expect("ON");
	j->on = expression();
	return j;
}

TableRefP
Parser::table_primary()
{
	if (on("("))
		return derived_table();
	if (on("CHANGETABLE") && on("(", 1))
		return change_table();

	auto t = std::make_unique<TableRef>();

	t->line = peek().line;
	if (peek().kind == Tok::variable)
		t->name = {take().text};
	else
		t->name = object_name();
	if (on("(") && !on("NOLOCK", 1) && !on("READUNCOMMITTED", 1))
		throw unsupported("the table-valued function " + t->name.back());
	t->alias = optional_alias();
	if (accept("TABLESAMPLE"))
	{
		accept("SYSTEM");
		expect("(");
		t->sample = expression();
		t->sample_rows = accept("ROWS");
		if (!t->sample_rows)
			accept("PERCENT");
		expect(")");
		if (accept("REPEATABLE"))
		{
			expect("(");
			t->sample_seed = expression();
			expect(")");
		}
	}
	table_hints(*t);
	return t;
}

/* At the second of two opening parentheses: ((SELECT ...) UNION ...) is a query, ((a JOIN b ...)
 * JOIN
 * ...) and ((SELECT ...) AS q JOIN ...) are not. */
bool
Parser::on_nested_query()
{
	size_t start = at;
	bool is_query = false;

	if (!on("("))
		return false;
	try
	{
		query();
		is_query = on(")");
	}
	catch (const SqlError &)
	{
	}
	at = start;
	return is_query;
}

/* (SELECT ...) AS d(a, b), (VALUES ...) AS v(a, b), or a parenthesised join. */
TableRefP
Parser::derived_table()
{
	auto t = std::make_unique<TableRef>();

	t->line = peek().line;
	expect("(");
	if (on("VALUES"))
	{
		t->form = TableRef::values;
		take();
		t->rows = value_rows();
	}
	else if (on("SELECT") || on("WITH") || on_nested_query())
	{
		t->form = TableRef::derived;
		t->query = query();
	}
	else
	{
		t = table_source();
		expect(")");
		return t;
	}
	expect(")");
	t->alias = optional_alias();
	if (on("("))
		t->column_aliases = name_list();
	return t;
}

std::vector<std::vector<ExprP>>
Parser::value_rows()
{
	std::vector<std::vector<ExprP>> rows;

	do
	{
		std::vector<ExprP> row;

		expect("(");
		do
		{
			if (accept("DEFAULT"))
				row.push_back(nullptr);
			else
				row.push_back(expression());
		} while (accept(","));
		expect(")");
		rows.push_back(std::move(row));
	} while (accept(","));
	return rows;
}

void
Parser::table_hints(TableRef &t)
{
	if (!(on("WITH") && on("(", 1)) && !(on("(") && (on("NOLOCK", 1) || on("READUNCOMMITTED", 1))))
		return;
	accept("WITH");
	expect("(");
	while (!accept(")"))
	{
		t.hints.push_back(upper_ascii(any_word()));
		if (on("("))
			skip_parenthesised();
		accept(",");
	}
}

/* OPTION (RECOMPILE, MAXDOP 1, ...): read and of no effect. */
void
Parser::option_clause()
{
	if (accept("OPTION"))
		skip_parenthesised();
}

void
Parser::skip_parenthesised()
{
	int depth = 0;

	do
	{
		if (peek().kind == Tok::end)
			fail();
		depth += on("(");
		depth -= on(")");
		take();
	} while (depth > 0);
}

} // namespace till
