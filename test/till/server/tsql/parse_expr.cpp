/* The parser: expressions from OR down to literals. */
#include "tsql/error.hpp"
#include "tsql/parser.hpp"
#include "tsql/text.hpp"

#include <cstdlib>

namespace till
{

/* ---- conditions ---- */

ExprP
Parser::expression()
{
	ExprP left = conjunction();

	while (on("OR"))
	{
		ExprP e = make(Op::either);

		take();
		e->args.push_back(std::move(left));
		e->args.push_back(conjunction());
		left = std::move(e);
	}
	return left;
}

ExprP
Parser::conjunction()
{
	ExprP left = inversion();

	while (on("AND"))
	{
		ExprP e = make(Op::both);

		take();
		e->args.push_back(std::move(left));
		e->args.push_back(inversion());
		left = std::move(e);
	}
	return left;
}

ExprP
Parser::inversion()
{
	if (!on("NOT"))
		return predicate();

	ExprP e = make(Op::invert);

	take();
	e->args.push_back(inversion());
	return e;
}

ExprP
Parser::predicate()
{
	if (on("EXISTS"))
	{
		ExprP e = make(Op::exists);

		take();
		expect("(");
		e->query = query();
		expect(")");
		return e;
	}

	ExprP left = additive();

	for (;;)
	{
		bool negated = on("NOT") && (on("LIKE", 1) || on("IN", 1) || on("BETWEEN", 1));

		if (negated)
			take();
		if (on("LIKE") || on("IN") || on("BETWEEN") || on("IS"))
			left = predicate_tail(std::move(left), negated);
		else if (on("=") || on("<>") || on("!=") || on("<") || on(">") || on("<=") || on(">=") ||
				 on("!<") || on("!>"))
			left = comparison(std::move(left));
		else
			return left;
	}
}

ExprP
Parser::comparison(ExprP left)
{
	ExprP e = make(Op::compare);

	e->text = take().text;
	if (e->text == "!=")
		e->text = "<>";
	else if (e->text == "!<")
		e->text = ">=";
	else if (e->text == "!>")
		e->text = "<=";
	e->args.push_back(std::move(left));
	if (on("ANY") || on("SOME") || on("ALL"))
	{
		e->op = Op::quantified;
		e->negated = take().is("ALL");
		expect("(");
		e->query = query();
		expect(")");
		return e;
	}
	e->args.push_back(additive());
	return e;
}

ExprP
Parser::predicate_tail(ExprP left, bool negated)
{
	ExprP e = make(Op::is_null);

	e->args.push_back(std::move(left));
	e->negated = negated;
	if (accept("IS"))
	{
		e->negated = accept("NOT");
		expect("NULL");
		return e;
	}
	if (accept("LIKE"))
	{
		e->op = Op::like;
		e->args.push_back(additive());
		if (accept("ESCAPE"))
			e->args.push_back(additive());
		return e;
	}
	if (accept("BETWEEN"))
	{
		e->op = Op::between;
		e->args.push_back(additive());
		expect("AND");
		e->args.push_back(additive());
		return e;
	}
	expect("IN");
	expect("(");
	if (on("SELECT") || on("WITH"))
	{
		e->op = Op::in_query;
		e->query = query();
	}
	else
	{
		e->op = Op::in_list;
		for (ExprP &item : expression_list())
			e->args.push_back(std::move(item));
	}
	expect(")");
	return e;
}

/* ---- values ---- */

ExprP
Parser::additive()
{
	ExprP left = multiplicative();

	while (on("+") || on("-") || on("&") || on("|") || on("^"))
	{
		ExprP e = make(Op::binary);

		e->text = take().text;
		e->args.push_back(std::move(left));
		e->args.push_back(multiplicative());
		left = std::move(e);
	}
	return left;
}

ExprP
Parser::multiplicative()
{
	ExprP left = unary();

	while (on("*") || on("/") || on("%"))
	{
		ExprP e = make(Op::binary);

		e->text = take().text;
		e->args.push_back(std::move(left));
		e->args.push_back(unary());
		left = std::move(e);
	}
	return left;
}

ExprP
Parser::unary()
{
	if (accept("+"))
		return unary();
	if (on("-") || on("~"))
	{
		ExprP e = make(on("-") ? Op::negate : Op::bit_not);

		take();
		e->args.push_back(unary());
		return e;
	}
	return collated(primary());
}

ExprP
Parser::collated(ExprP operand)
{
	while (on("COLLATE"))
	{
		ExprP e = make(Op::collate);

		take();
		e->text = any_word();
		e->args.push_back(std::move(operand));
		operand = std::move(e);
	}
	return operand;
}

ExprP
Parser::primary()
{
	const Token &t = peek();

	switch (t.kind)
	{
		case Tok::string:
		case Tok::nstring:
		case Tok::integer:
		case Tok::decimal:
		case Tok::real:
		case Tok::money:
		case Tok::binary: return literal();
		case Tok::dquoted: return quoted_identifier ? name_or_call() : literal();
		case Tok::variable:
		{
			ExprP e = make(Op::variable);

			e->text = take().text;
			return e;
		}
		case Tok::symbol:
			if (t.is("("))
				return parenthesised();
			break;
		case Tok::word:
			if (t.is("NULL"))
			{
				ExprP e = make(Op::null);

				take();
				return e;
			}
			if (t.is("CASE"))
				return case_expression();
			return name_or_call();
		case Tok::bracketed: return name_or_call();
		case Tok::end: break;
	}
	fail();
}

ExprP
Parser::literal()
{
	ExprP e = make(Op::literal);

	e->token = take();
	if (e->token.kind == Tok::dquoted)
		e->token.kind = Tok::string;
	if (e->token.kind == Tok::string) /* without N it is varchar: in the database's code page */
		e->token.text = from_codepage(to_codepage(e->token.text, codepage), codepage);
	return e;
}

ExprP
Parser::parenthesised()
{
	ExprP e;

	expect("(");
	if (on("SELECT") || on("WITH"))
	{
		e = make(Op::scalar);
		e->query = query();
	}
	else
		e = expression();
	expect(")");
	return e;
}

ExprP
Parser::name_or_call()
{
	bool function = on("(", 1);

	if (peek().kind == Tok::word && function)
	{
		std::string name = upper_ascii(peek().text);

		if (name == "CAST" || name == "TRY_CAST" || name == "CONVERT" || name == "TRY_CONVERT" ||
			name == "PARSE" || name == "TRY_PARSE")
			return cast_call(name);
		if (!is_reserved(name) || name == "COALESCE" || name == "NULLIF" || name == "LEFT" ||
			name == "RIGHT")
		{
			take();
			return call(name);
		}
	}
	if (peek().kind == Tok::word && !function)
	{
		std::string name = upper_ascii(peek().text);

		if (name == "CURRENT_TIMESTAMP" || name == "CURRENT_USER" || name == "SESSION_USER" ||
			name == "SYSTEM_USER" || name == "USER")
		{
			ExprP e = make(Op::call);

			take();
			e->text = name;
			return e;
		}
	}

	ExprP e = make(Op::column);

	e->name = object_name();
	if (on("(") && !e->name.empty())
	{
		e->op = Op::call;
		for (size_t i = 0; i < e->name.size(); i++)
			e->text += (i ? "." : "") + upper_ascii(e->name[i]);
		ExprP parsed = call(e->text);

		return parsed;
	}
	return e;
}

ExprP
Parser::call(std::string function)
{
	ExprP e = make(Op::call);

	e->text = std::move(function);
	expect("(");
	if (on("*"))
	{
		e->args.push_back(make(Op::star));
		take();
	}
	else if (!on(")"))
	{
		e->distinct = accept("DISTINCT");
		if (!e->distinct)
			accept("ALL");
		e->args = expression_list();
	}
	expect(")");
	if (on("WITHIN") && on("GROUP", 1))
	{
		take();
		take();
		e->window = std::make_unique<Window>();
		expect("(");
		expect("ORDER");
		expect("BY");
		e->window->order = order_items();
		expect(")");
		e->attempt = true; /* an ordered aggregate, not a window */
	}
	if (accept("OVER"))
		e->window = window();
	return e;
}

std::unique_ptr<Window>
Parser::window()
{
	auto w = std::make_unique<Window>();

	expect("(");
	if (accept("PARTITION"))
	{
		expect("BY");
		w->partition = expression_list();
	}
	if (accept("ORDER"))
	{
		expect("BY");
		w->order = order_items();
	}
	expect(")");
	return w;
}

/* nvarchar without a length is 30 characters in a cast, 1 in a declaration. */
Type
Parser::cast_type()
{
	Type t = type();

	if (tokens[at - 1].kind == Tok::word && t.kind >= Kind::binary && t.kind <= Kind::nvarchar &&
		t.length == 1)
		t.length = 30;
	return t;
}

/* CAST(x AS t), TRY_CAST, CONVERT(t, x[, style]), TRY_CONVERT. */
ExprP
Parser::cast_call(const std::string &function)
{
	ExprP e = make(Op::cast);

	take();
	expect("(");
	e->attempt = function.compare(0, 4, "TRY_") == 0;
	if (function == "CAST" || function == "TRY_CAST")
	{
		e->args.push_back(expression());
		expect("AS");
		e->type = cast_type();
	}
	else if (function == "CONVERT" || function == "TRY_CONVERT")
	{
		e->type = cast_type();
		expect(",");
		e->args.push_back(expression());
		if (accept(","))
			e->args.push_back(expression());
	}
	else
		throw unsupported(function);
	expect(")");
	return e;
}

ExprP
Parser::case_expression()
{
	ExprP e = make(Op::choice);

	take();
	e->has_operand = !on("WHEN");
	if (e->has_operand)
		e->args.push_back(expression());
	while (accept("WHEN"))
	{
		e->args.push_back(expression());
		expect("THEN");
		e->args.push_back(expression());
	}
	e->has_else = accept("ELSE");
	if (e->has_else)
		e->args.push_back(expression());
	expect("END");
	return e;
}

std::vector<ExprP>
Parser::expression_list()
{
	std::vector<ExprP> list;

	do
		list.push_back(expression());
	while (accept(","));
	return list;
}

} // namespace till
