/* The emitter: CHANGETABLE; what it answers is in tracking.sql. */
#include "emit/emitter.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

#include <algorithm>

namespace till
{

static std::vector<const ColumnInfo *>
key_columns(const TableInfo &t)
{
	std::vector<const ColumnInfo *> key;

	for (const ColumnInfo &c : t.columns)
		if (c.key_position > 0)
			key.push_back(&c);
	std::sort(key.begin(), key.end(),
			  [](const ColumnInfo *a, const ColumnInfo *b)
			  { return a->key_position < b->key_position; });
	return key;
}

std::string
Emitter::change_table(const TableRef &t, Scope *scope)
{
	const TableInfo &table = env.catalog.get(t.name);
	Source s;
	std::string list;
	size_t given = t.column_aliases.size();
	auto add = [&](const std::string &name, const std::string &sql, const Type &type)
	{
		std::string shown = s.columns.size() < given ? t.column_aliases[s.columns.size()] : name;

		list += (list.empty() ? "" : ", ") + sql + "::" + pg_type(type) + " AS " +
				quote_identifier(shown);
		s.columns.push_back({shown, type, true, false});
	};

	if (table.view || table.system || table.schema == "tempdb")
		throw SqlError(22107, 16, 1,
					   "Object '" + joined(t.name) +
						   "' is of a data type that is not supported by the CHANGETABLE function. "
						   "The object must be a user-defined table.");
	add("SYS_CHANGE_VERSION", "c.version", simple(Kind::bigint));
	add("SYS_CHANGE_CREATION_VERSION", "c.creation_version", simple(Kind::bigint));
	add("SYS_CHANGE_OPERATION", "c.operation", string_type(Kind::nchar, 1));
	add("SYS_CHANGE_COLUMNS", "NULL", string_type(Kind::varbinary, 4100));
	add("SYS_CHANGE_CONTEXT", "NULL", string_type(Kind::varbinary, 128));
	for (const ColumnInfo *c : key_columns(table))
		add(c->name, "c.key[" + std::to_string(c->key_position) + "]", c->type);
	if (given > 0 && given != s.columns.size())
		throw SqlError(8158, 16, 1,
					   "'" + t.alias +
						   "' has a different number of columns than were specified in the column "
						   "list.");
	reads_data = true;
	s.alias = t.alias;
	s.pg = quote_identifier(t.alias);
	scope->sources.push_back(s);
	return "(SELECT " + list + " FROM till.changetable(" + std::to_string(table.oid) + ", " +
		   quote_literal(joined(t.name)) + ", " +
		   convert(value(*t.since, nullptr), simple(Kind::bigint)) + ") c) AS " + s.pg;
}

} // namespace till
