/*
 * The emitter: comparisons. Text compares as SQL Server does: by the collation (explicit, then the
 * column's, then the database's), with trailing blanks ignored under every one of them.
 */
#include "emit/emitter.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

namespace till
{

static Value
predicate(std::string sql)
{
	return Value{std::move(sql), simple(Kind::predicate)};
}

Collation
Emitter::collation_of(const Type &t)
{
	return collation(t.collation.empty() ? env.catalog.database_collation : t.collation);
}

std::string
Emitter::collation_clause(const Type &t)
{
	return " COLLATE " + collation_of(t).pg;
}

/* v in the form in which values of the common type compare in PostgreSQL. */
std::string
Emitter::comparable(const Value &v, const Type &common)
{
	if (is_string(common.kind) || common.kind == Kind::xml)
	{
		if (v.literal != nullptr && is_string(v.type.kind))
		{
			std::string text = v.literal->text;

			text.erase(text.find_last_not_of(' ') + 1);
			return quote_literal(text) + "::text";
		}
		return "rtrim(" + as_text(v) + ")";
	}
	/* numbers of different width compare natively, and can use an index so */
	if (is_number(common.kind) && is_number(v.type.kind) && common.kind != Kind::real)
		return v.sql;
	std::string sql = convert(v, common);

	if (common.kind == Kind::datetimeoffset)
		return "(" + sql + ").ticks";
	if (common.kind == Kind::variant)
		return "(" + sql + ").value";
	return sql;
}

Value
Emitter::compare(const std::string &op, const Value &a, const Value &b)
{
	Type common = common_type(a.type, b.type);

	if (common.kind == Kind::text || common.kind == Kind::ntext || common.kind == Kind::image)
		throw SqlError(402, 16, 1,
					   "The data types " + type_name(a.type) + " and " + type_name(b.type) +
						   " are incompatible in the comparison operator.");
	if (common.kind == Kind::null)
		return predicate("(NULL::int4 " + op + " NULL::int4)");

	std::string left = comparable(a, common), right = comparable(b, common);
	bool equality = op == "=" || op == "<>";

	if (is_string(common.kind) && !equality && collation_of(common).binary)
		return predicate("(till.code_units(" + left + ") COLLATE \"C\" " + op +
						 " till.code_units(" + right + "))");
	if (is_string(common.kind))
		return predicate("(" + left + collation_clause(common) + " " + op + " " + right +
						 (b.literal != nullptr ? "" : collation_clause(common)) + ")");
	if (common.kind == Kind::uniqueidentifier && op != "=" && op != "<>")
		return predicate("(till.guid_order(" + left + ") " + op + " till.guid_order(" + right +
						 "))");
	return predicate("(" + left + " " + op + " " + right + ")");
}

Value
Emitter::in_list(const Expr &e, const Scope *scope)
{
	std::vector<Value> list = values(e.args, scope);
	Type common = unified(list);
	std::string sql = "(" + comparable(list[0], common);

	if (is_string(common.kind))
		sql += collation_clause(common);
	sql += e.negated ? " NOT IN (" : " IN (";
	for (size_t i = 1; i < list.size(); i++)
	{
		sql += (i > 1 ? ", " : "") + comparable(list[i], common);
		if (is_string(common.kind) && list[i].literal == nullptr)
			sql += collation_clause(common);
	}
	return predicate(sql + "))");
}

/* x IN (SELECT ...) and x op ANY/ALL (SELECT ...). */
Value
Emitter::in_query(const Expr &e, const Scope *scope)
{
	Value v = value(*e.args[0], scope);
	Compiled c = subquery(*e.query, scope);

	if (c.columns.size() != 1)
		throw SqlError(116, 16, 1,
					   "Only one expression can be specified in the select list when the subquery "
					   "is not introduced "
					   "with EXISTS.");

	Value item{"q." + quote_identifier(c.columns[0].name.empty() ? "column1" : c.columns[0].name),
			   c.columns[0].type, true, nullptr, true};
	Type common = common_type(v.type, item.type);
	std::string left = comparable(v, common);

	if (is_string(common.kind))
		left += collation_clause(common);

	std::string operation;

	if (e.op == Op::quantified)
		operation = e.text + (e.negated ? " ALL " : " ANY ");
	else
		operation = e.negated ? "NOT IN " : "IN ";
	return predicate("(" + left + " " + operation + "(SELECT " + comparable(item, common) +
					 " FROM (" + c.sql + ") q))");
}

} // namespace till
