/* The parser: CREATE, ALTER and DROP. */
#include "tsql/error.hpp"
#include "tsql/parser.hpp"
#include "tsql/text.hpp"

namespace till
{

StatementBody
Parser::create()
{
	expect("CREATE");
	if (accept("TABLE"))
		return create_table();

	bool unique = accept("UNIQUE"), clustered = accept("CLUSTERED");

	if (!clustered)
		accept("NONCLUSTERED");
	if (accept("INDEX"))
		return create_index(unique, clustered);
	if (unique || clustered)
		fail();
	if (accept("SCHEMA"))
		return CreateSchema{identifier()};
	if (accept("DATABASE"))
	{
		CreateDatabase d{identifier(), ""};

		if (accept("COLLATE"))
			d.collation = identifier();
		return d;
	}
	if (accept("VIEW"))
	{
		CreateView v;

		v.name = object_name();
		if (on("("))
			v.columns = name_list();
		expect("AS");
		v.query = query();
		return v;
	}
	if (on("LOGIN") || on("USER"))
		return create_principal(upper_ascii(take().text));
	throw unsupported("CREATE " + upper_ascii(peek().text));
}

/* CREATE LOGIN x WITH PASSWORD = '...', options; CREATE USER x [FOR LOGIN y]. */
StatementBody
Parser::create_principal(const std::string &what)
{
	CreatePrincipal p;

	p.what = what;
	p.name = p.login = identifier();
	if (accept("FOR") || accept("FROM"))
	{
		expect("LOGIN");
		p.login = identifier();
	}
	while (accept("WITH") || accept(","))
	{
		std::string option = upper_ascii(any_word());

		expect("=");
		if (option == "PASSWORD")
			p.password = string_value();
		else
			take();
	}
	return p;
}

StatementBody
Parser::create_table()
{
	CreateTable t;

	t.name = object_name();
	table_elements(t);
	skip_storage_options();
	return t;
}

void
Parser::table_elements(CreateTable &t)
{
	expect("(");
	do
	{
		if (on(")")) /* a trailing comma is allowed */
			break;
		if (on_constraint())
			t.constraints.push_back(constraint());
		else
		{
			size_t known = t.constraints.size();
			std::string name;

			t.columns.push_back(column_definition());
			while (!on(",") && !on(")"))
				column_option(t.columns.back(), t.constraints, name);
			for (; known < t.constraints.size(); known++)
				if (t.constraints[known].columns.empty())
					t.constraints[known].columns = {t.columns.back().name};
		}
	} while (accept(","));
	expect(")");
}

bool
Parser::on_constraint() const
{
	return on("CONSTRAINT") || on("PRIMARY") || on("UNIQUE") || on("FOREIGN") || on("CHECK");
}

ColumnDefinition
Parser::column_definition()
{
	ColumnDefinition c;

	c.name = identifier();
	if (on("AS"))
		throw unsupported("computed columns");
	if (on("timestamp") && (on(",", 1) || on(")", 1) || on("NOT", 1) || on("NULL", 1)))
		c.type = (take(), simple(Kind::rowversion));
	else
		c.type = type();
	return c;
}

/* One option of a column; a constraint's name is kept until the constraint comes. */
void
Parser::column_option(ColumnDefinition &c, std::vector<Constraint> &constraints, std::string &name)
{
	if (accept("CONSTRAINT"))
		name = identifier();
	else if (accept("NULL"))
		c.nullable = 1;
	else if (accept("NOT"))
	{
		if (accept("FOR"))
			expect("REPLICATION");
		else
		{
			expect("NULL");
			c.nullable = 0;
		}
	}
	else if (accept("IDENTITY"))
	{
		c.identity = true;
		if (accept("("))
		{
			c.seed = integer();
			expect(",");
			c.increment = integer();
			expect(")");
		}
	}
	else if (accept("COLLATE"))
		c.type.collation = identifier();
	else if (accept("DEFAULT"))
	{
		size_t from = at;

		c.default_value = additive();
		c.default_text = source(from, at);
		c.default_name = std::move(name);
		name.clear();
	}
	else if (on("PRIMARY") || on("UNIQUE") || on("CHECK") || on("REFERENCES") || on("FOREIGN"))
	{
		Constraint k = constraint();

		k.name = std::move(name);
		name.clear();
		constraints.push_back(std::move(k));
	}
	else if (accept("SPARSE") || accept("ROWGUIDCOL"))
		return;
	else
		fail();
}

/* [CONSTRAINT name] PRIMARY KEY|UNIQUE|FOREIGN KEY|CHECK|DEFAULT ...; a column's own form lacks
 * columns. */
Constraint
Parser::constraint()
{
	Constraint c;

	if (accept("CONSTRAINT"))
		c.name = identifier();
	if (accept("PRIMARY") || on("UNIQUE"))
	{
		c.form = accept("UNIQUE") ? Constraint::unique : (expect("KEY"), Constraint::primary_key);
		c.clustered = c.form == Constraint::primary_key;
		if (accept("CLUSTERED"))
			c.clustered = true;
		else if (accept("NONCLUSTERED"))
			c.clustered = false;
		if (on("("))
			key_columns(c.columns, nullptr);
		skip_storage_options();
	}
	else if (on("FOREIGN") || on("REFERENCES"))
	{
		c.form = Constraint::foreign_key;
		if (accept("FOREIGN"))
		{
			expect("KEY");
			if (on("("))
				c.columns = name_list();
		}
		references(c);
	}
	else if (accept("CHECK"))
	{
		c.form = Constraint::check;
		expect("(");
		size_t from = at;

		c.expr = expression();
		c.text = source(from, at);
		expect(")");
	}
	else if (accept("DEFAULT"))
	{
		size_t from = at;

		c.form = Constraint::default_value;
		c.expr = additive();
		c.text = source(from, at);
		expect("FOR");
		c.columns = {identifier()};
	}
	else
		fail();
	return c;
}

void
Parser::references(Constraint &c)
{
	expect("REFERENCES");
	c.references = object_name();
	if (on("("))
		c.referenced = name_list();
	while (accept("ON"))
	{
		bool on_delete = accept("DELETE");

		if (!on_delete)
			expect("UPDATE");
		std::string action = upper_ascii(any_word());

		if (action == "SET" || action == "NO")
			action += " " + upper_ascii(any_word());
		(on_delete ? c.on_delete : c.on_update) = action;
	}
}

void
Parser::key_columns(std::vector<std::string> &columns, std::vector<bool> *descending)
{
	expect("(");
	do
	{
		columns.push_back(identifier());
		bool desc = accept("DESC");

		if (!desc)
			accept("ASC");
		if (descending != nullptr)
			descending->push_back(desc);
	} while (accept(","));
	expect(")");
}

/* WITH (FILLFACTOR = ..., ...) and ON [PRIMARY]: where SQL Server puts pages is no concern of the
 * till. */
void
Parser::skip_storage_options()
{
	if (on("WITH") && on("(", 1))
	{
		take();
		skip_parenthesised();
	}
	while ((on("ON") || on("TEXTIMAGE_ON")) && same_word(peek(1).text, "PRIMARY"))
	{
		take();
		take();
	}
}

StatementBody
Parser::create_index(bool unique, bool clustered)
{
	CreateIndex i;

	i.unique = unique;
	i.clustered = clustered;
	i.name = identifier();
	expect("ON");
	i.table = object_name();
	key_columns(i.columns, &i.descending);
	if (accept("INCLUDE"))
		i.include = name_list();
	if (accept("WHERE"))
		i.where = expression();
	skip_storage_options();
	return i;
}

StatementBody
Parser::alter()
{
	expect("ALTER");
	if (accept("TABLE"))
		return alter_table();
	if (accept("DATABASE"))
		return alter_database();
	if (accept("USER")) /* ALTER USER x WITH LOGIN = y */
	{
		CreatePrincipal p;

		p.what = "ALTER USER";
		p.name = identifier();
		expect("WITH");
		expect("LOGIN");
		expect("=");
		p.login = identifier();
		return p;
	}
	throw unsupported("ALTER " + upper_ascii(peek().text));
}

StatementBody
Parser::alter_table()
{
	AlterTable a;

	a.name = object_name();
	if (accept("ADD"))
		alter_table_add(a);
	else if (accept("ALTER"))
	{
		std::vector<Constraint> none;
		std::string name;

		expect("COLUMN");
		a.alter_column = std::make_unique<ColumnDefinition>(column_definition());
		while (on("NULL") || on("NOT") || on("COLLATE"))
			column_option(*a.alter_column, none, name);
	}
	else if (accept("DROP"))
	{
		do
		{
			bool column = accept("COLUMN");

			if (!column)
				accept("CONSTRAINT");
			if (on("IF") && on("EXISTS", 1))
				throw unsupported("DROP COLUMN IF EXISTS");
			(column || (!a.drop_columns.empty() && !on("CONSTRAINT")) ? a.drop_columns
																	  : a.drop_constraints)
				.push_back(identifier());
		} while (accept(","));
	}
	else if ((on("ENABLE") || on("DISABLE")) && on("CHANGE_TRACKING", 1))
		tracking_switch(a);
	else if (on("WITH") || on("CHECK") || on("NOCHECK") || on("ENABLE") || on("DISABLE"))
	{
		if (accept("WITH"))
		{
			if (!accept("CHECK"))
				expect("NOCHECK");
			if (accept("ADD"))
			{
				alter_table_add(a);
				return a;
			}
		}
		throw unsupported("ALTER TABLE ... " + upper_ascii(peek().text));
	}
	else
		fail();
	return a;
}

void
Parser::alter_table_add(AlterTable &a)
{
	do
	{
		if (on_constraint() || on("DEFAULT"))
		{
			a.add_constraints.push_back(constraint());
			continue;
		}

		std::string name;
		size_t known = a.add_constraints.size();

		a.add_columns.push_back(column_definition());
		while (on("CONSTRAINT") || on("NULL") || on("NOT") || on("IDENTITY") || on("COLLATE") ||
			   on("DEFAULT") || on("PRIMARY") || on("UNIQUE") || on("REFERENCES") || on("CHECK") ||
			   on("SPARSE"))
			column_option(a.add_columns.back(), a.add_constraints, name);
		if (accept("WITH"))
			expect("VALUES");
		for (; known < a.add_constraints.size(); known++)
			if (a.add_constraints[known].columns.empty())
				a.add_constraints[known].columns = {a.add_columns.back().name};
	} while (accept(","));
}

/* ALTER DATABASE x SET OPTION [ON|OFF|= n] [WITH ROLLBACK IMMEDIATE], ALTER DATABASE x COLLATE y.
 */
StatementBody
Parser::alter_database()
{
	AlterDatabase d;

	d.name = identifier();
	if (accept("COLLATE"))
	{
		d.option = "COLLATE";
		d.value = identifier();
		return d;
	}
	if (on("MODIFY"))
		throw unsupported("ALTER DATABASE ... MODIFY");
	expect("SET");
	d.option = upper_ascii(any_word());
	if (d.option == "CHANGE_TRACKING")
	{
		tracking_settings(d);
		return d;
	}
	if (accept("="))
		d.value = upper_ascii(take().text);
	else if (peek().kind == Tok::word && !on("WITH"))
		d.value = upper_ascii(any_word());
	if (accept("WITH"))
		while (peek().kind == Tok::word && (on("ROLLBACK") || on("IMMEDIATE") || on("NO_WAIT")))
			take();
	return d;
}

StatementBody
Parser::drop()
{
	Drop d;

	expect("DROP");
	d.what = upper_ascii(any_word());
	if (d.what != "TABLE" && d.what != "VIEW" && d.what != "INDEX" && d.what != "SCHEMA" &&
		d.what != "DATABASE" && d.what != "LOGIN" && d.what != "USER")
		throw unsupported("DROP " + d.what);
	if (accept("IF"))
	{
		expect("EXISTS");
		d.if_exists = true;
	}
	do
		d.names.push_back(object_name());
	while (accept(","));
	if (d.what == "INDEX")
	{
		expect("ON");
		d.index_table = object_name();
	}
	return d;
}

} // namespace till
