/*
 * The emitter: what groups, deduplicates and sorts. PostgreSQL checks grouping by its own rules (a
 * primary key in GROUP BY frees the other columns, GROUP BY 1 is a position), so T-SQL's are
 * checked here: in a grouped query a column stands inside an aggregate or inside a GROUP BY
 * expression that is written out again. Text is grouped by its collation with trailing blanks
 * ignored; of texts that are equal one stands for the group.
 */
#include "emit/emitter.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

#include <algorithm>

namespace till
{

Standing::Standing(const Scope *scope, Clause clause, const Groups *groups) : scope(scope)
{
	if (scope == nullptr)
		return;
	clause_before = scope->clause;
	groups_before = scope->groups;
	scope->clause = clause;
	scope->groups = groups;
}

Standing::~Standing()
{
	if (scope == nullptr)
		return;
	scope->clause = clause_before;
	scope->groups = groups_before;
}

/* v as it is compared for equality when rows are grouped or deduplicated. */
std::string
Emitter::group_key(const Value &v)
{
	if (v.type.kind == Kind::text || v.type.kind == Kind::ntext || v.type.kind == Kind::image ||
		v.type.kind == Kind::xml)
		throw SqlError(306, 16, 2,
					   "The text, ntext, and image data types cannot be compared or sorted, except "
					   "when using IS NULL or LIKE operator.");
	if (is_string(v.type.kind))
		return "rtrim(" + v.sql + ")" + collation_clause(v.type);
	if (v.type.kind == Kind::datetimeoffset)
		return "(" + v.sql + ").ticks";
	return v.sql;
}

/* The value of a group whose keys are equal but perhaps not the same. */
std::string
Emitter::group_value(const Value &v)
{
	if (is_string(v.type.kind) || v.type.kind == Kind::datetimeoffset)
		return "(array_agg(" + v.sql + "))[1]";
	return v.sql;
}

std::string
Emitter::sort_key(const Value &v)
{
	if (v.type.kind == Kind::uniqueidentifier)
		return "till.guid_order(" + v.sql + ")";
	if (is_string(v.type.kind) && collation_of(v.type).binary)
		return "till.code_units(" + v.sql + ") COLLATE \"C\"";
	return group_key(v);
}

/* The aggregate functions: those that make a query a grouped one. */
bool
is_group_function(const Expr &e)
{
	static const std::set<std::string> names = {"COUNT", "COUNT_BIG", "SUM",          "AVG",
												"MIN",   "MAX",       "CHECKSUM_AGG", "STRING_AGG",
												"STDEV", "VAR"};

	return e.op == Op::call && names.count(e.text) > 0 && (e.window == nullptr || e.attempt);
}

/* Their first argument is a word such as day, never a column. */
static bool
begins_with_datepart(const Expr &e)
{
	static const std::set<std::string> names = {"DATEADD", "DATEDIFF", "DATEDIFF_BIG", "DATEPART",
												"DATENAME"};

	return e.op == Op::call && names.count(e.text) > 0;
}

static bool
any_part(const Expr &e, const std::function<bool(const Expr &)> &test)
{
	if (test(e))
		return true;
	for (size_t i = begins_with_datepart(e) ? 1 : 0; i < e.args.size(); i++)
		if (e.args[i] != nullptr && any_part(*e.args[i], test))
			return true;
	if (e.window != nullptr)
	{
		for (const ExprP &p : e.window->partition)
			if (any_part(*p, test))
				return true;
		for (const OrderItem &o : e.window->order)
			if (any_part(*o.expr, test))
				return true;
	}
	return false;
}

bool
Emitter::is_grouped(const Core &c, const std::vector<OrderItem> &order)
{
	auto grouping = [](const Expr &e) { return any_part(e, is_group_function); };

	if (c.grouped || c.having != nullptr)
		return true;
	for (const SelectItem &item : c.items)
		if (item.expr != nullptr && grouping(*item.expr))
			return true;
	return std::any_of(order.begin(), order.end(),
					   [&](const OrderItem &o) { return grouping(*o.expr); });
}

/* GROUP BY, and what each of its expressions becomes in the select list. */
std::string
Emitter::group_by(const Core &c, const Scope &scope, Groups *groups)
{
	std::string sql;

	for (const ExprP &e : c.group_by)
	{
		if (any_part(*e, [](const Expr &part)
					 { return part.query != nullptr || is_group_function(part); }))
			throw SqlError(144, 15, 1,
						   "Cannot use an aggregate or a subquery in an expression used for the "
						   "group by list of a GROUP BY clause.");
		Value ignored;

		if (!any_part(*e, [&](const Expr &part)
					  { return part.op == Op::column && column_in(scope, part.name, &ignored); }))
		{
			value(*e, &scope); /* a misspelt column is error 207 */
			throw SqlError(164, 15, 1,
						   "Each GROUP BY expression must contain at least one column that is not "
						   "an outer reference.");
		}
		Value v = value(*e, &scope);

		sql += (sql.empty() ? " GROUP BY " : ", ") + group_key(v);
		(*groups)[v.sql] = group_value(v);
	}
	return sql.empty() && c.grouped ? " GROUP BY ()" : sql;
}

/* In a grouped query e may be one of its GROUP BY expressions; then *v is the group's value. */
bool
Emitter::group_expression(const Expr &e, const Scope *scope, Value *v)
{
	std::vector<std::pair<const Scope *, const Groups *>> grouped;

	if (e.op == Op::literal || e.op == Op::null || e.op == Op::variable || e.op == Op::star)
		return false;
	for (const Scope *s = scope; s != nullptr; s = s->outer)
		if (s->groups != nullptr && !s->groups->empty())
			grouped.emplace_back(s, s->groups);
	if (grouped.empty() || any_part(e, is_group_function))
		return false;

	std::vector<std::unique_ptr<Standing>> ungrouped;

	for (const Scope *s = scope; s != nullptr; s = s->outer)
		ungrouped.push_back(std::make_unique<Standing>(s, s->clause, nullptr));
	*v = emit(e, scope);
	for (const auto &[s, groups] : grouped)
	{
		auto found = groups->find(v->sql);

		if (found == groups->end())
			continue;
		v->sql = found->second;
		return true;
	}
	return false;
}

SqlError
ungrouped_column(const std::string &name, Clause clause)
{
	std::string tail =
		" because it is not contained in either an aggregate function or the GROUP BY clause.";

	if (clause == Clause::having)
		return SqlError(8121, 16, 1,
						"Column '" + name + "' is invalid in the HAVING clause" + tail);
	if (clause == Clause::order_by)
		return SqlError(8127, 16, 1,
						"Column \"" + name + "\" is invalid in the ORDER BY clause" + tail);
	return SqlError(8120, 16, 1, "Column '" + name + "' is invalid in the select list" + tail);
}

/* Where no aggregate may stand. */
void
check_aggregate(const Scope *scope)
{
	if (scope == nullptr)
		return;
	if (scope->clause == Clause::argument)
		throw SqlError(130, 15, 1,
					   "Cannot perform an aggregate function on an expression containing an "
					   "aggregate or a subquery.");
	if (scope->clause == Clause::where)
		throw SqlError(147, 15, 1,
					   "An aggregate may not appear in the WHERE clause unless it is in a subquery "
					   "contained in a HAVING clause or a select list, and the column being "
					   "aggregated is an outer reference.");
	if (scope->clause == Clause::on)
		throw SqlError(1015, 15, 1,
					   "An aggregate cannot appear in an ON clause unless it is in a subquery "
					   "contained in a HAVING clause or select list, and the column being "
					   "aggregated is an outer reference.");
}

/* SELECT DISTINCT of values that can be equal without being the same: grouped by their keys. */
std::string
Emitter::distinct_rows(const CoreSql &c, const std::string &rows, const Query &q)
{
	std::string names, list, keys, order;
	std::vector<Value> columns;

	for (size_t i = 0; i < c.items.size(); i++)
	{
		std::string name = "c" + std::to_string(i + 1);
		Value v{"d." + name, c.items[i].type, c.items[i].nullable, nullptr, true};
		std::string title = c.names[i].empty() ? "column" + std::to_string(i + 1) : c.names[i];

		names += (i ? ", " : "") + name;
		list += (i ? ", " : "") + group_value(v) + " AS " + quote_identifier(title);
		keys += (i ? ", " : "") + group_key(v);
		columns.push_back(v);
	}
	for (const OrderItem &o : q.order_by)
	{
		size_t position = select_position(o, c, true);

		order += (order.empty() ? " ORDER BY " : ", ") +
				 directed(sort_key(columns[position - 1]), o, columns[position - 1].nullable);
	}
	return "SELECT " + list + " FROM (" + rows + ") d (" + names + ") GROUP BY " + keys + order;
}

} // namespace till
