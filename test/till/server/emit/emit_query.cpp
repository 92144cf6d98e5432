/* The emitter: SELECT with its FROM clause and set operators. */
#include "emit/emitter.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

#include <algorithm>

namespace till
{

/* ---- FROM ---- */

/* Whole pages, as on SQL Server: of a small table none or all. */
std::string
Emitter::sample(const TableRef &t, const std::string &table)
{
	Value n = value(*t.sample, nullptr);
	std::string sql = " TABLESAMPLE SYSTEM (";

	if (t.sample->op == Op::variable ||
		(t.sample_seed != nullptr && t.sample_seed->op == Op::variable))
		throw SqlError(497, 15, 1,
					   "Variables are not allowed in the TABLESAMPLE or REPEATABLE clauses.");
	if (t.sample_rows)
		sql += "till.sample_rows(" + quote_literal(table) + "::regclass, " +
			   convert(n, simple(Kind::bigint)) + ")";
	else
		sql += "till.sample_percent(" + convert(n, simple(Kind::float8)) + ")";
	sql += ")";
	if (t.sample_seed != nullptr)
		sql += " REPEATABLE (" + value(*t.sample_seed, nullptr).sql + ")";
	return sql;
}

std::string
Emitter::base_table(const TableRef &t, Scope *scope)
{
	Source s;
	std::string sql;
	bool turkish = env.catalog.is_turkish();

	s.alias = t.alias.empty() ? t.name.back() : t.alias;
	s.pg = quote_identifier(s.alias);
	if (t.name.size() == 1)
		for (auto cte = ctes.rbegin(); cte != ctes.rend(); ++cte)
			if (fold(cte->name, turkish) == fold(t.name[0], turkish))
			{
				s.columns = cte->columns;
				scope->sources.push_back(s);
				return cte->pg + " AS " + s.pg;
			}

	const TableInfo &table = env.catalog.get(t.name);

	for (const ColumnInfo &c : table.columns)
		s.columns.push_back({c.name, c.type, c.nullable, c.identity});
	sql = env.virtual_table(table.schema + "." + table.name);
	if (sql.empty())
		sql = table.qualified();
	else
		sql = "(" + sql + ")";
	if (!table.system)
	{
		reads_data = true;
		bool dirty = std::any_of(t.hints.begin(), t.hints.end(),
								 [](const std::string &h)
								 { return h == "NOLOCK" || h == "READUNCOMMITTED"; });

		if (!dirty && !table.view)
			read_tables.push_back(table.qualified());
	}
	scope->sources.push_back(s);
	sql += " AS " + s.pg;
	if (t.sample != nullptr)
	{
		if (table.view || table.system)
			throw SqlError(494, 16, 1,
						   "The TABLESAMPLE clause can only be used with local tables.");
		sql += sample(t, table.qualified());
	}
	return sql;
}

static void
apply_aliases(Source &s, const std::vector<std::string> &aliases)
{
	if (aliases.empty())
		return;
	if (aliases.size() != s.columns.size())
		throw SqlError(
			8158, 16, 1,
			"'" + s.alias +
				"' has a different number of columns than were specified in the column list.");
	for (size_t i = 0; i < aliases.size(); i++)
		s.columns[i].name = aliases[i];
}

static std::string
column_list(const Source &s)
{
	std::string sql = " (";

	for (size_t i = 0; i < s.columns.size(); i++)
	{
		if (s.columns[i].name.empty())
			throw SqlError(8155, 16, 2,
						   "No column name was specified for column " + std::to_string(i + 1) +
							   " of '" + s.alias + "'.");
		sql += (i ? ", " : "") + quote_identifier(s.columns[i].name);
	}
	return sql + ")";
}

std::string
Emitter::values_table(const TableRef &t, Scope *scope)
{
	std::vector<std::vector<Value>> rows;
	Source s;
	std::string sql = "(VALUES ";

	for (const auto &row : t.rows)
		rows.push_back(values(row, scope->outer));
	s.alias = t.alias;
	s.pg = quote_identifier(t.alias);
	for (size_t c = 0; c < rows[0].size(); c++)
	{
		std::vector<Value> column;

		for (const auto &row : rows)
		{
			if (row.size() != rows[0].size())
				throw SqlError(10709, 16, 1,
							   "The number of columns for each row in a table value constructor "
							   "must be the same.");
			column.push_back(row[c]);
		}
		bool nullable =
			std::any_of(column.begin(), column.end(), [](const Value &v) { return v.nullable; });

		s.columns.push_back({"", unified(column), nullable});
	}
	apply_aliases(s, t.column_aliases);
	for (size_t r = 0; r < rows.size(); r++)
	{
		sql += r ? ", (" : "(";
		for (size_t c = 0; c < rows[r].size(); c++)
			sql += (c ? ", " : "") +
				   exactly(Value{convert(rows[r][c], s.columns[c].type), s.columns[c].type});
		sql += ")";
	}
	sql += ") AS " + s.pg + column_list(s);
	scope->sources.push_back(s);
	return sql;
}

std::string
Emitter::join(const TableRef &t, Scope *scope)
{
	static const char *words[] = {
		" JOIN ",       " LEFT JOIN ",          " RIGHT JOIN ",       " FULL JOIN ",
		" CROSS JOIN ", " CROSS JOIN LATERAL ", " LEFT JOIN LATERAL "};
	std::string left = table_ref(*t.left, scope);
	size_t boundary = scope->sources.size();
	bool apply = t.join_kind == Join::cross_apply || t.join_kind == Join::outer_apply;
	std::string right;

	if (apply)
	{
		Scope inner;

		inner.outer = scope;
		right = table_ref(*t.right, &inner);
		for (Source &s : inner.sources)
			scope->sources.push_back(std::move(s));
	}
	else
		right = table_ref(*t.right, scope);

	std::string sql = "(" + left + words[static_cast<int>(t.join_kind)] + right;

	if (t.on != nullptr)
	{
		Standing on(scope, Clause::on);

		sql += " ON " + condition(*t.on, scope);
	}
	else if (t.join_kind == Join::outer_apply)
		sql += " ON true";
	for (size_t i = 0; i < scope->sources.size(); i++)
	{
		bool outer_side = i >= boundary ? t.join_kind == Join::left || t.join_kind == Join::full ||
											  t.join_kind == Join::outer_apply
										: t.join_kind == Join::right || t.join_kind == Join::full;

		if (outer_side)
			for (OutputColumn &c : scope->sources[i].columns)
				c.nullable = true;
	}
	return sql + ")";
}

std::string
Emitter::table_ref(const TableRef &t, Scope *scope)
{
	if (t.form == TableRef::table)
		return base_table(t, scope);
	if (t.form == TableRef::changes)
		return change_table(t, scope);
	if (t.form == TableRef::join)
	{
		/* nullability must not spread to sources of other comma-separated tables: a scope of its
		 * own */
		Scope own;

		own.outer = scope->outer;
		std::string sql = join(t, &own);

		for (Source &s : own.sources)
			scope->sources.push_back(std::move(s));
		return sql;
	}
	if (t.alias.empty())
		throw syntax_error(")");
	if (t.form == TableRef::values)
		return values_table(t, scope);

	Source s;
	Compiled c = subquery(*t.query, scope->outer);

	s.alias = t.alias;
	s.pg = quote_identifier(t.alias);
	s.columns = c.columns;
	apply_aliases(s, t.column_aliases);
	std::string sql = "(" + c.sql + ") AS " + s.pg + column_list(s);

	scope->sources.push_back(std::move(s));
	return sql;
}

std::string
Emitter::from(const std::vector<TableRefP> &list, Scope *scope)
{
	std::string sql;

	for (const TableRefP &t : list)
		sql += (sql.empty() ? " FROM " : ", ") + table_ref(*t, scope);
	for (size_t i = 0; i < scope->sources.size(); i++)
		for (size_t j = 0; j < i; j++)
			if (fold(scope->sources[i].alias, env.catalog.is_turkish()) ==
				fold(scope->sources[j].alias, env.catalog.is_turkish()))
				throw SqlError(1013, 16, 1,
							   "The objects \"" + scope->sources[j].alias + "\" and \"" +
								   scope->sources[i].alias +
								   "\" in the FROM clause have the same exposed names.");
	return sql;
}

/* ---- one SELECT ---- */

void
Emitter::star_items(const SelectItem &item, CoreSql &out)
{
	bool turkish = env.catalog.is_turkish(), any = false;

	for (const Source &s : out.scope.sources)
	{
		if (!item.star_of.empty() && fold(s.alias, turkish) != fold(item.star_of, turkish))
			continue;
		any = true;
		for (const OutputColumn &c : s.columns)
		{
			out.items.push_back(Value{s.pg + "." + quote_identifier(c.name), c.type, c.nullable,
									  nullptr, true, c.identity});
			out.names.push_back(c.name);
			out.variables.emplace_back();
		}
	}
	if (!any)
		throw SqlError(107, 15, 1,
					   "The column prefix '" + item.star_of +
						   "' does not match with a table name or alias name used in the query.");
}

void
Emitter::core_items(const Core &c, CoreSql &out)
{
	for (const SelectItem &item : c.items)
	{
		if (item.expr == nullptr)
		{
			star_items(item, out);
			continue;
		}
		Value v = value(*item.expr, &out.scope);
		std::string name = item.alias;

		if (name.empty() && item.expr->op == Op::column)
			name = item.expr->name.back();
		if (item.expr->op == Op::column && item.alias.empty())
		{
			/* SQL Server answers with the column's own spelling */
			size_t quote = v.sql.rfind(".\"");

			if (quote != std::string::npos &&
				same_word(v.sql.substr(quote + 2, v.sql.size() - quote - 3), name))
				name = v.sql.substr(quote + 2, v.sql.size() - quote - 3);
		}
		out.items.push_back(std::move(v));
		out.names.push_back(name);
		out.variables.push_back(item.variable);
	}
}

Emitter::CoreSql
Emitter::core(const Core &c, const Scope *outer, const std::vector<OrderItem> &order)
{
	CoreSql out;

	if (c.nested != nullptr)
	{
		out.is_nested = true;
		out.nested = query(*c.nested, outer);
		for (const OutputColumn &column : out.nested.columns)
		{
			std::string name =
				column.name.empty() ? "column" + std::to_string(out.items.size() + 1) : column.name;

			out.items.push_back(
				Value{"q." + quote_identifier(name), column.type, column.nullable, nullptr, true});
			out.names.push_back(column.name);
			out.variables.emplace_back();
		}
		out.tail = " FROM (" + out.nested.sql + ") q";
		return out;
	}
	out.scope.outer = outer;
	out.tail = from(c.from, &out.scope);
	if (c.where != nullptr)
	{
		Standing where(&out.scope, Clause::where);

		out.tail += " WHERE " + condition(*c.where, &out.scope);
	}
	out.grouped = is_grouped(c, order);
	if (out.grouped)
		out.tail += group_by(c, out.scope, &out.groups);
	{
		Standing list(&out.scope, Clause::list, out.grouped ? &out.groups : nullptr);

		core_items(c, out);
	}
	if (c.having != nullptr)
	{
		Standing having(&out.scope, Clause::having, &out.groups);

		out.tail += " HAVING " + condition(*c.having, &out.scope);
	}
	out.distinct = c.distinct;
	out.with_ties = c.with_ties;
	if (c.top != nullptr)
		out.top = row_limit(value(*c.top, outer), "till.top_rows");
	return out;
}

std::string
Emitter::select_list(const std::vector<Value> &items, const std::vector<std::string> &names)
{
	std::string sql;

	for (size_t i = 0; i < items.size(); i++)
	{
		sql += (i ? ", " : "") + exactly(items[i]);
		if (!names[i].empty())
			sql += " AS " + quote_identifier(names[i]);
		else
			sql += " AS column" + std::to_string(i + 1);
	}
	return sql;
}

/* ---- whole queries ---- */

static bool
needs_keys(const std::vector<Value> &items)
{
	return std::any_of(items.begin(), items.end(),
					   [](const Value &v)
					   { return is_string(v.type.kind) || v.type.kind == Kind::datetimeoffset; });
}

std::string
Emitter::assemble(CoreSql &c, const std::vector<Type> *types, const Query &q, bool set_operation)
{
	bool by_keys = c.distinct && needs_keys(c.items);
	std::string order = set_operation || by_keys ? "" : order_by(q, c, false);

	if (types != nullptr)
		for (size_t i = 0; i < c.items.size(); i++)
		{
			Value converted{convert(c.items[i], (*types)[i]), (*types)[i], c.items[i].nullable};

			if (set_operation && is_string((*types)[i].kind))
				converted.sql += collation_clause((*types)[i]);
			c.items[i] = converted;
		}

	std::string sql = std::string("SELECT ") + (c.distinct && !by_keys ? "DISTINCT " : "") +
					  select_list(c.items, c.names) + c.tail + order;

	if (by_keys)
		sql = distinct_rows(c, sql, q);
	if (!c.top.empty() && c.with_ties)
		sql += " FETCH FIRST (" + c.top + ") ROWS WITH TIES";
	else if (!c.top.empty())
		sql += " LIMIT " + c.top;
	return sql;
}

std::string
Emitter::with_clause(const std::vector<Cte> &list)
{
	std::string sql;

	for (const Cte &cte : list)
	{
		Compiled c = subquery(*cte.query, nullptr);
		Source s;

		s.alias = cte.name;
		s.columns = c.columns;
		apply_aliases(s, cte.columns);
		sql += (sql.empty() ? "WITH " : ", ") + quote_identifier(cte.name) + column_list(s) +
			   " AS (" + c.sql + ")";
		ctes.push_back({cte.name, quote_identifier(cte.name), s.columns});
	}
	return sql.empty() ? "" : sql + " ";
}

/* A set operation's rows in order: PostgreSQL sorts those by bare columns only. */
std::string
Emitter::sorted_set(const std::string &rows, const Query &q, CoreSql &first)
{
	std::string names, list;

	for (size_t i = 0; i < first.items.size(); i++)
	{
		std::string name = "c" + std::to_string(i + 1);
		std::string title =
			first.names[i].empty() ? "column" + std::to_string(i + 1) : first.names[i];

		names += (i ? ", " : "") + name;
		list += (i ? ", s." : "s.") + name + " AS " + quote_identifier(title);
	}
	return "SELECT " + list + " FROM (" + rows + ") s (" + names + ")" + order_by(q, first, true);
}

/* A query inside another one. */
Compiled
Emitter::subquery(const Query &q, const Scope *scope)
{
	bool limited = q.offset != nullptr || q.cores[0].top != nullptr;

	if (!q.order_by.empty() && !limited)
		throw SqlError(1033, 15, 1,
					   "The ORDER BY clause is invalid in views, inline functions, derived tables, "
					   "subqueries, and common table expressions, unless TOP, OFFSET or FOR XML is "
					   "also specified.");
	if (scope != nullptr && scope->clause == Clause::argument)
		check_aggregate(scope);
	return query(q, scope);
}

Compiled
Emitter::query(const Query &q, const Scope *outer, std::vector<std::string> *variables)
{
	size_t known = ctes.size();
	Compiled out;
	std::string with = with_clause(q.ctes), sql;
	std::vector<CoreSql> cores;
	std::vector<Type> types;
	bool several = q.cores.size() > 1;

	static const std::vector<OrderItem> no_order;

	for (const Core &c : q.cores)
		cores.push_back(core(c, outer, several ? no_order : q.order_by));
	for (size_t i = 0; i < cores[0].items.size(); i++)
	{
		std::vector<Value> column;

		for (const CoreSql &c : cores)
		{
			if (c.items.size() != cores[0].items.size())
				throw SqlError(205, 16, 1,
							   "All queries combined using a UNION, INTERSECT or EXCEPT operator "
							   "must have an equal number "
							   "of expressions in their target lists.");
			column.push_back(c.items[i]);
		}
		types.push_back(unified(column));
		bool nullable =
			std::any_of(column.begin(), column.end(), [](const Value &v) { return v.nullable; });

		out.columns.push_back(
			{cores[0].names[i], types.back(), nullable, !several && cores[0].items[i].identity});
	}
	for (size_t i = 0; i < cores.size(); i++)
	{
		if (i > 0)
			sql += " " + q.set_operators[i - 1] + " ";
		std::string one =
			assemble(cores[i], several || cores[i].is_nested ? &types : nullptr, q, several);

		sql += several ? "(" + one + ")" : one;
	}
	if (several && !q.order_by.empty())
		sql = sorted_set(sql, q, cores[0]);
	sql += paging(q, cores[0], outer);
	if (variables != nullptr)
		*variables = cores[0].variables;
	ctes.resize(known);
	out.sql = with + sql;
	return out;
}

} // namespace till
