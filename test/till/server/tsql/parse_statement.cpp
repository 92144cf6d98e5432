/* The parser: statements other than definitions. */
#include "tsql/error.hpp"
#include "tsql/parser.hpp"
#include "tsql/text.hpp"

namespace till
{

std::vector<StatementP>
Parser::batch()
{
	std::vector<StatementP> list;

	while (accept(";"))
		;
	while (peek().kind != Tok::end)
	{
		list.push_back(statement());
		while (accept(";"))
			;
	}
	return list;
}

StatementP
Parser::statement()
{
	auto s = std::make_unique<Statement>();

	while (accept(";"))
		;
	s->line = peek().line;
	s->body = statement_body();
	return s;
}

StatementBody
Parser::statement_body()
{
	const Token t = peek();

	if (t.kind == Tok::symbol && t.is("("))
	{
		SelectStatement s{query()};

		option_clause();
		return s;
	}
	if (t.kind != Tok::word)
		fail();
	if (t.is("SELECT"))
	{
		SelectStatement s{query()};

		option_clause();
		return s;
	}
	if (t.is("WITH"))
		return with_statement();
	if (t.is("INSERT"))
		return insert();
	if (t.is("UPDATE"))
		return update({});
	if (t.is("DELETE"))
		return remove({});
	if (t.is("SET"))
		return set();
	if (t.is("DECLARE"))
		return declare();
	if (t.is("BEGIN"))
		return begin();
	if (t.is("IF"))
		return if_statement();
	if (t.is("CREATE"))
		return create();
	if (t.is("ALTER"))
		return alter();
	if (t.is("DROP"))
		return drop();
	if (t.is("EXEC") || t.is("EXECUTE"))
		return execute();
	if (t.is("RAISERROR"))
		return raise_error();
	if (t.is("THROW"))
		return throw_statement();
	if (t.is("DBCC"))
		return dbcc();
	if (t.is("WAITFOR"))
		return wait();
	take();
	if (t.is("COMMIT") || t.is("ROLLBACK") || t.is("SAVE"))
		return transaction(upper_ascii(t.text));
	if (t.is("GRANT") || t.is("DENY") || t.is("REVOKE"))
		return grant(upper_ascii(t.text));
	if (t.is("WHILE"))
	{
		While w;

		w.condition = expression();
		w.body = statement();
		return w;
	}
	if (t.is("BREAK") || t.is("CONTINUE"))
		return Jump{upper_ascii(t.text), nullptr};
	if (t.is("RETURN"))
	{
		Jump jump{"RETURN", nullptr};

		if (peek().kind == Tok::integer || on("-"))
			jump.value = expression();
		return jump;
	}
	if (t.is("PRINT"))
		return Print{expression()};
	if (t.is("TRUNCATE"))
	{
		expect("TABLE");
		return Truncate{object_name()};
	}
	if (t.is("USE"))
		return Use{identifier()};
	if (t.is("CHECKPOINT"))
		return Block{};
	at--;
	fail();
}

StatementBody
Parser::with_statement()
{
	std::vector<Cte> ctes = with_clause();

	if (on("UPDATE"))
		return update(std::move(ctes));
	if (on("DELETE"))
		return remove(std::move(ctes));
	if (on("INSERT"))
	{
		StatementBody body = insert();
		auto &i = std::get<InsertStatement>(body);

		if (!i.query)
			fail();
		i.query->ctes = std::move(ctes);
		return body;
	}

	SelectStatement s{query_body()};

	s.query->ctes = std::move(ctes);
	option_clause();
	return s;
}

/* SET @x = ..., SET IDENTITY_INSERT t ON, SET TRANSACTION ISOLATION LEVEL x, SET option value. */
StatementBody
Parser::set()
{
	expect("SET");
	if (peek().kind == Tok::variable)
	{
		SetVariable v;

		v.name = take().text;
		if (on("+=") || on("-=") || on("*=") || on("/="))
		{
			ExprP e = make(Op::binary), variable = make(Op::variable);

			e->text = take().text.substr(0, 1);
			variable->text = v.name;
			e->args.push_back(std::move(variable));
			e->args.push_back(expression());
			v.value = std::move(e);
			return v;
		}
		expect("=");
		v.value = expression();
		return v;
	}

	SetOption o;

	o.name = upper_ascii(any_word());
	if (o.name == "IDENTITY_INSERT")
	{
		o.table = object_name();
		o.value = upper_ascii(any_word());
		return o;
	}
	if (o.name == "TRANSACTION")
	{
		expect("ISOLATION");
		expect("LEVEL");
		o.name = "ISOLATION";
		o.value = upper_ascii(any_word());
		if (o.value == "READ" || o.value == "REPEATABLE")
			o.value += " " + upper_ascii(any_word());
		return o;
	}
	if (o.name == "STATISTICS")
		o.name += " " + upper_ascii(any_word());
	while (accept(",")) /* SET ANSI_NULLS, QUOTED_IDENTIFIER ON */
		o.name += "," + upper_ascii(any_word());
	if (on("-") || peek().kind == Tok::integer)
		o.value = std::to_string(integer());
	else if (on_string())
		o.value = string_value();
	else if (peek().kind == Tok::variable)
		o.value = take().text;
	else
		o.value = upper_ascii(any_word());
	if (o.name.find("QUOTED_IDENTIFIER") != std::string::npos)
		quoted_identifier = o.value == "ON";
	return o;
}

StatementBody
Parser::declare()
{
	Declare d;

	expect("DECLARE");
	do
	{
		Declare::Variable v;

		if (peek().kind != Tok::variable)
			fail();
		v.name = take().text;
		accept("AS");
		if (accept("TABLE"))
		{
			v.table = std::make_unique<CreateTable>();
			v.table->name = {v.name};
			table_elements(*v.table);
		}
		else
		{
			v.type = type();
			if (accept("="))
				v.value = expression();
		}
		d.variables.push_back(std::move(v));
	} while (accept(","));
	return d;
}

std::vector<Declare::Variable>
Parser::parameter_declarations()
{
	std::vector<Declare::Variable> list;

	while (peek().kind == Tok::variable)
	{
		Declare::Variable v;

		v.name = take().text;
		accept("AS");
		v.type = type();
		if (!accept("OUTPUT"))
			accept("OUT");
		list.push_back(std::move(v));
		if (!accept(","))
			break;
	}
	if (peek().kind != Tok::end)
		fail();
	return list;
}

/* BEGIN TRAN, BEGIN TRY, BEGIN ... END. */
StatementBody
Parser::begin()
{
	expect("BEGIN");
	if (on("TRAN") || on("TRANSACTION"))
		return transaction("BEGIN");
	if (accept("TRY"))
	{
		TryCatch t;

		t.body = block_until_end();
		expect("TRY");
		accept(";");
		expect("BEGIN");
		expect("CATCH");
		t.handler = block_until_end();
		expect("CATCH");
		return t;
	}

	Block b;

	b.body = block_until_end();
	return b;
}

std::vector<StatementP>
Parser::block_until_end()
{
	std::vector<StatementP> list;

	while (accept(";"))
		;
	while (!accept("END"))
	{
		list.push_back(statement());
		while (accept(";"))
			;
	}
	return list;
}

StatementBody
Parser::transaction(const std::string &action)
{
	Transaction t{action, ""};

	if (!accept("TRAN") && !accept("TRANSACTION"))
		accept("WORK");
	if (peek().kind == Tok::variable)
		throw unsupported("a transaction name in a variable");
	if (on_name() && !on("THROW"))
		t.name = identifier();
	if (action == "SAVE" && t.name.empty())
		fail();
	return t;
}

StatementBody
Parser::if_statement()
{
	If s;

	expect("IF");
	s.condition = expression();
	s.then = statement();
	while (on(";") && on("ELSE", 1))
		take();
	if (accept("ELSE"))
		s.otherwise = statement();
	return s;
}

StatementBody
Parser::execute()
{
	Execute e;

	take();
	if (accept("("))
	{
		e.text = expression();
		expect(")");
		return e;
	}
	if (peek().kind == Tok::variable && on("=", 1))
	{
		e.result_variable = take().text;
		take();
	}
	e.procedure = object_name();
	if (peek().kind == Tok::end || on(";"))
		return e;
	if (peek().kind == Tok::word && is_reserved(peek().text) && !on("NULL") && !on("DEFAULT"))
		return e;
	do
	{
		Execute::Argument a;

		if (peek().kind == Tok::variable && on("=", 1))
		{
			a.name = take().text;
			take();
		}
		if (accept("DEFAULT"))
			a.value = make(Op::null);
		else if (on_name() && !on("("))
		{
			/* a bare word is a string: sp_helpdb master, till_control hang, on */
			a.value = make(Op::literal);
			a.value->token = take();
			a.value->token.kind = Tok::nstring;
		}
		else if (on("ON"))
		{
			a.value = make(Op::literal);
			a.value->token = take();
			a.value->token.kind = Tok::nstring;
		}
		else
			a.value = additive();
		a.output = accept("OUTPUT") || accept("OUT");
		e.args.push_back(std::move(a));
	} while (accept(","));
	return e;
}

StatementBody
Parser::raise_error()
{
	Raise r;

	expect("RAISERROR");
	expect("(");
	r.args = expression_list();
	expect(")");
	if (accept("WITH"))
	{
		do
			any_word();
		while (accept(","));
	}
	return r;
}

StatementBody
Parser::throw_statement()
{
	Raise r;

	expect("THROW");
	r.is_throw = true;
	if (peek().kind == Tok::integer || peek().kind == Tok::variable)
		r.args = expression_list();
	return r;
}

StatementBody
Parser::dbcc()
{
	Dbcc d;

	expect("DBCC");
	d.command = upper_ascii(any_word());
	if (accept("("))
	{
		do
		{
			size_t first = at;

			d.args.push_back(on_name() ? make(Op::null) : additive());
			if (at == first)
			{
				Name name = object_name();
				std::string text;

				for (const std::string &part : name)
					text += (text.empty() ? "" : ".") + part;
				d.words.push_back(text);
			}
			else
				d.words.push_back(tokens[first].text);
		} while (accept(","));
		expect(")");
	}
	if (accept("WITH"))
	{
		do
			any_word();
		while (accept(","));
	}
	return d;
}

StatementBody
Parser::wait()
{
	expect("WAITFOR");
	if (!accept("DELAY"))
		throw unsupported("WAITFOR TIME");
	return Wait{additive()};
}

StatementBody
Parser::grant(const std::string &verb)
{
	Grant g;

	g.verb = verb;
	do
	{
		std::string permission = upper_ascii(any_word());

		while (!on(",") && !on("ON") && !on("TO") && !on("FROM") && !on("("))
			permission += " " + upper_ascii(any_word());
		g.permissions.push_back(permission);
		if (on("("))
			g.columns = name_list();
	} while (accept(","));
	if (accept("ON"))
	{
		bool scoped = (on("OBJECT") || on("SCHEMA") || on("DATABASE")) && on("::", 1);
		std::string scope = scoped ? upper_ascii(take().text) : "OBJECT";

		if (scoped)
			take();
		g.object = object_name();
		if (scope == "SCHEMA")
			g.object.push_back("*");
		else if (scope == "DATABASE")
			g.object.clear();
		if (on("("))
			g.columns = name_list();
	}
	if (!accept("TO"))
		expect("FROM");
	g.grantee = identifier();
	return g;
}

} // namespace till
