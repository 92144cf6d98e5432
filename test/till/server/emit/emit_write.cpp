/*
 * The emitter: INSERT, UPDATE and DELETE. OUTPUT becomes RETURNING. A joined UPDATE or DELETE whose
 * target is the first of inner-joined tables becomes PostgreSQL's UPDATE ... FROM and DELETE ...
 * USING; any other shape goes through the target's ctid.
 */
#include "emit/emitter.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

#include <algorithm>

namespace till
{

const ColumnInfo &
Emitter::target_column(const TableInfo &t, const std::string &name)
{
	const ColumnInfo *c = t.column(fold(name, env.catalog.is_turkish()), env.catalog.is_turkish());

	if (c == nullptr)
		throw SqlError(207, 16, 1, "Invalid column name '" + name + "'.");
	return *c;
}

void
Emitter::check_writable(const TableInfo &t, const ColumnInfo &c, bool identity_insert, bool update)
{
	if (c.type.kind == Kind::rowversion)
		throw update
			? SqlError(272, 16, 1, "Cannot update a timestamp column.")
			: SqlError(273, 16, 1,
					   "Cannot insert an explicit value into a timestamp column. Use INSERT with a "
					   "column list to exclude "
					   "the timestamp column, or insert a DEFAULT into the timestamp column.");
	if (c.identity && update)
		throw SqlError(8102, 16, 1, "Cannot update identity column '" + c.name + "'.");
	if (c.identity && !identity_insert)
		throw SqlError(544, 16, 1,
					   "Cannot insert explicit value for identity column in table '" + t.name +
						   "' when IDENTITY_INSERT is set to OFF.");
}

std::string
Emitter::default_or_value(const ExprP &e, const ColumnInfo &c)
{
	if (e == nullptr)
		return "DEFAULT";
	return convert(value(*e, nullptr), c.type, -1, false, true);
}

/* OUTPUT INSERTED.x, DELETED.* as RETURNING; the rows' columns go to compiled. */
std::string
Emitter::returning(const std::vector<SelectItem> &output, const TableInfo &t, const char *pseudo,
				   const std::string &alias, Compiled *compiled)
{
	if (output.empty())
		return "";

	Scope scope;
	Source s;
	CoreSql list;

	s.alias = pseudo;
	s.pg = alias;
	for (const ColumnInfo &c : t.columns)
		s.columns.push_back({c.name, c.type, c.nullable, false});
	list.scope.sources.push_back(s);

	Core items;

	for (const SelectItem &item : output)
	{
		if (item.expr == nullptr)
		{
			star_items(item, list);
			continue;
		}
		list.items.push_back(value(*item.expr, &list.scope));
		list.names.push_back(item.alias.empty() && item.expr->op == Op::column
								 ? item.expr->name.back()
								 : item.alias);
	}
	for (size_t i = 0; i < list.items.size(); i++)
		compiled->columns.push_back(
			{list.names[i], list.items[i].type, list.items[i].nullable, false});
	return " RETURNING " + select_list(list.items, list.names);
}

/* The columns an INSERT fills; *explicit_identity when the identity column is among them. */
std::vector<const ColumnInfo *>
Emitter::insert_targets(const InsertStatement &s, const TableInfo &t, bool identity_insert,
						bool *explicit_identity)
{
	std::vector<const ColumnInfo *> targets;

	for (const std::string &name : s.columns)
	{
		const ColumnInfo &c = target_column(t, name);
		size_t at = targets.size();
		bool only_default =
			!s.rows.empty() &&
			std::all_of(s.rows.begin(), s.rows.end(),
						[&](const auto &row) { return row.size() > at && row[at] == nullptr; });

		if (!only_default)
			check_writable(t, c, identity_insert, false);
		*explicit_identity = *explicit_identity || (c.identity && !only_default);
		targets.push_back(&c);
	}
	if (s.columns.empty() && !s.default_values)
		for (const ColumnInfo &c : t.columns)
			if (c.type.kind != Kind::rowversion && !(c.identity && !identity_insert))
			{
				targets.push_back(&c);
				*explicit_identity = *explicit_identity || c.identity;
			}
	return targets;
}

/* INSERT ... SELECT: the query's columns converted to the targets' types. */
std::string
Emitter::insert_query(const Query &source, const std::vector<const ColumnInfo *> &targets)
{
	Compiled q = query(source);
	std::string items, names;

	if (q.columns.size() != targets.size())
	{
		bool fewer = q.columns.size() < targets.size();

		throw SqlError(fewer ? 120 : 121, 15, 1,
					   std::string("The select list for the INSERT statement contains ") +
						   (fewer ? "fewer" : "more") +
						   " items than the insert list. The number of SELECT values must match "
						   "the number of INSERT columns.");
	}
	for (size_t i = 0; i < targets.size(); i++)
	{
		Value v{"q.c" + std::to_string(i + 1), q.columns[i].type, true, nullptr, true};

		items += (i ? ", " : "") + convert(v, targets[i]->type, -1, false, true);
		names += (i ? ", c" : "c") + std::to_string(i + 1);
	}
	return " SELECT " + items + " FROM (" + q.sql + ") q (" + names + ")";
}

static SqlError
wrong_value_count(bool no_list, bool fewer_values)
{
	if (no_list)
		return SqlError(
			213, 16, 1,
			"Column name or number of supplied values does not match table definition.");
	return SqlError(fewer_values ? 109 : 110, 15, 1,
					std::string("There are ") + (fewer_values ? "more" : "fewer") +
						" columns in the INSERT statement than values specified in the VALUES "
						"clause. The number of values in the VALUES clause must match the number "
						"of columns specified in the INSERT statement.");
}

std::string
Emitter::insert_rows(const InsertStatement &s, const std::vector<const ColumnInfo *> &targets)
{
	std::string sql = " VALUES ";

	for (size_t r = 0; r < s.rows.size(); r++)
	{
		if (s.rows[r].size() != targets.size())
			throw wrong_value_count(s.columns.empty(), s.rows[r].size() < targets.size());
		sql += r ? ", (" : "(";
		for (size_t i = 0; i < targets.size(); i++)
			sql += (i ? ", " : "") + default_or_value(s.rows[r][i], *targets[i]);
		sql += ")";
	}
	return sql;
}

Compiled
Emitter::insert(const InsertStatement &s, bool identity_insert, bool *has_identity,
				bool *explicit_identity)
{
	const TableInfo &t = env.catalog.get(s.table);
	Compiled out;
	std::string list;

	if (t.system || t.view)
		throw unsupported("INSERT into the view " + t.name);
	reads_data = true;
	*has_identity = t.identity_column() != nullptr;
	*explicit_identity = false;
	std::vector<const ColumnInfo *> targets =
		insert_targets(s, t, identity_insert, explicit_identity);

	if (identity_insert && *has_identity && !*explicit_identity && !s.default_values)
		throw SqlError(545, 16, 1,
					   "Explicit value must be specified for identity column in table '" + t.name +
						   "' either when IDENTITY_INSERT is set to ON or when a replication user "
						   "is inserting into a NOT FOR REPLICATION identity column.");
	for (const ColumnInfo *c : targets)
		list += (list.empty() ? "" : ", ") + quote_identifier(c->name);
	out.sql = "INSERT INTO " + t.qualified() + (list.empty() ? "" : " (" + list + ")");
	if (s.default_values)
		out.sql += " DEFAULT VALUES";
	else
		out.sql += s.query ? insert_query(*s.query, targets) : insert_rows(s, targets);
	if (s.output.empty() && (*explicit_identity || (*has_identity && s.query == nullptr)))
		out.sql += " RETURNING " + quote_identifier(t.identity_column()->name) + "::int8";
	else
		out.sql += returning(s.output, t, "INSERTED", t.qualified(), &out);
	return out;
}

/* The ON conditions of a chain of inner joins whose first table is the target; false for other
 * shapes. */
static bool
inner_chain(const TableRef &t, std::vector<const TableRef *> *tables,
			std::vector<const Expr *> *conditions)
{
	if (t.form != TableRef::join)
	{
		tables->push_back(&t);
		return true;
	}
	if (t.join_kind != Join::inner && t.join_kind != Join::cross)
		return false;
	if (!inner_chain(*t.left, tables, conditions) || !inner_chain(*t.right, tables, conditions))
		return false;
	if (t.on != nullptr)
		conditions->push_back(t.on.get());
	return true;
}

static bool
names_target(const TableRef &t, const Name &target, bool turkish)
{
	if (t.form != TableRef::table)
		return false;
	std::string alias = t.alias.empty() ? t.name.back() : t.alias;

	return fold(alias, turkish) == fold(target.back(), turkish) ||
		   fold(t.name.back(), turkish) == fold(target.back(), turkish);
}

static const TableRef *
find_target(const TableRef &t, const Name &target, bool turkish)
{
	if (t.form == TableRef::join)
	{
		const TableRef *left = find_target(*t.left, target, turkish);

		return left ? left : find_target(*t.right, target, turkish);
	}
	return names_target(t, target, turkish) ? &t : nullptr;
}

/*
 * The FROM clause of a joined write. Gives the text behind SET or DELETE FROM up to the statement's
 * own WHERE condition, or, where PostgreSQL has no such join, a join with the target's row ids.
 */
std::string
Emitter::joined_write(const std::vector<TableRefP> &list, const TableInfo &t, const Name &target,
					  Scope *scope, std::string *alias)
{
	bool turkish = env.catalog.is_turkish();
	std::vector<const TableRef *> tables_in;
	std::vector<const Expr *> conditions;
	bool simple_shape = true;

	for (const TableRefP &ref : list)
		simple_shape = simple_shape && inner_chain(*ref, &tables_in, &conditions);
	size_t at = 0;

	while (at < tables_in.size() && !names_target(*tables_in[at], target, turkish))
		at++;
	if (!simple_shape)
		throw unsupported("an UPDATE or DELETE joined by anything but inner joins");

	std::string sql;

	if (at < tables_in.size())
	{
		Scope own;

		base_table(*tables_in[at], &own);
		*alias = own.sources[0].pg;
		scope->sources.push_back(own.sources[0]);
	}
	else
	{
		Source s;

		s.alias = t.name;
		s.pg = *alias;
		for (const ColumnInfo &c : t.columns)
			s.columns.push_back({c.name, c.type, c.nullable, c.identity});
		scope->sources.push_back(s);
	}
	for (size_t i = 0; i < tables_in.size(); i++)
		if (i != at)
			sql += (sql.empty() ? " " : ", ") + table_ref(*tables_in[i], scope);
	for (size_t i = 0; i < conditions.size(); i++)
		sql += (i ? " AND " : "\x01") + condition(*conditions[i], scope);
	return sql;
}

/* Splits joined_write's answer into tables and conditions. */
static std::string
split_conditions(std::string *sql)
{
	size_t mark = sql->find('\x01');
	std::string conditions;

	if (mark != std::string::npos)
	{
		conditions = sql->substr(mark + 1);
		sql->resize(mark);
	}
	return conditions;
}

static std::string
where_clause(const std::string &a, const std::string &b)
{
	if (a.empty() && b.empty())
		return "";
	return " WHERE " + a + (a.empty() || b.empty() ? "" : " AND ") + b;
}

static const TableInfo &
written_table(Catalog &catalog, const Name &name, const std::vector<TableRefP> &from)
{
	if (name.size() == 1)
		for (const TableRefP &t : from)
		{
			const TableRef *found = find_target(*t, name, catalog.is_turkish());

			if (found != nullptr)
				return catalog.get(found->name);
		}
	return catalog.get(name);
}

Compiled
Emitter::update(const UpdateStatement &s)
{
	const TableInfo &t = written_table(env.catalog, s.table, s.from);
	Compiled out;
	Scope scope;
	std::string alias = quote_identifier(t.name), with = with_clause(s.ctes), from_sql, set;

	if (t.system || t.view)
		throw unsupported("UPDATE of the view " + t.name);
	reads_data = true;
	from_sql = joined_write(s.from, t, s.table, &scope, &alias);
	std::string conditions = split_conditions(&from_sql);

	for (const Assignment &a : s.set)
	{
		const ColumnInfo &c = target_column(t, a.column);

		check_writable(t, c, false, true);
		set += (set.empty() ? "" : ", ") + quote_identifier(c.name) + " = " +
			   convert(value(*a.value, &scope), c.type, -1, false, true);
	}
	std::string where = where_clause(conditions, s.where ? condition(*s.where, &scope) : "");

	if (s.top != nullptr)
	{
		if (!s.from.empty())
			throw unsupported("UPDATE TOP with FROM");
		where = " WHERE " + alias + ".ctid = ANY (ARRAY(SELECT ctid FROM " + t.qualified() +
				" AS " + alias + where + " LIMIT " + value(*s.top, nullptr).sql + "))";
	}
	out.sql = with + "UPDATE " + t.qualified() + " AS " + alias + " SET " + set +
			  (from_sql.empty() ? "" : " FROM" + from_sql) + where;
	out.sql += returning(s.output, t, "INSERTED", alias, &out);
	return out;
}

Compiled
Emitter::remove(const DeleteStatement &s)
{
	const TableInfo &t = written_table(env.catalog, s.table, s.from);
	Compiled out;
	Scope scope;
	std::string alias = quote_identifier(t.name), with = with_clause(s.ctes), from_sql;

	if (t.system || t.view)
		throw unsupported("DELETE from the view " + t.name);
	reads_data = true;
	from_sql = joined_write(s.from, t, s.table, &scope, &alias);
	std::string conditions = split_conditions(&from_sql);
	std::string where = where_clause(conditions, s.where ? condition(*s.where, &scope) : "");

	if (s.top != nullptr)
	{
		if (!s.from.empty())
			throw unsupported("DELETE TOP with FROM");
		where = " WHERE " + alias + ".ctid = ANY (ARRAY(SELECT ctid FROM " + t.qualified() +
				" AS " + alias + where + " LIMIT " + value(*s.top, nullptr).sql + "))";
	}
	out.sql = with + "DELETE FROM " + t.qualified() + " AS " + alias +
			  (from_sql.empty() ? "" : " USING" + from_sql) + where;
	out.sql += returning(s.output, t, "DELETED", alias, &out);
	return out;
}

} // namespace till
