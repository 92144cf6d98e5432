/*
 * `dump` and `tables`: what stands in the database, as text that two programs can compare. Columns
 * in ordinal order, rows in the order of the primary key (or of every column, where there is none).
 */
#include "client/command.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <sstream>

namespace tillctl
{

namespace
{

struct Column
{
	std::string name;
	std::string type;
};

std::vector<std::string>
split_names(const std::string &list)
{
	std::vector<std::string> names;
	std::istringstream parts(list);
	std::string part;

	while (std::getline(parts, part, ','))
		names.push_back(part);
	return names;
}

struct Table
{
	std::vector<Column> columns;
	std::vector<std::string>
		key; /* in the key's order; empty for VersionInfo, the one table without */
};

using Tables = std::map<std::string, Table>;

/* All tables at once: two queries, however many of them are dumped. */
Tables
describe_tables(Connection &connection)
{
	Tables tables;

	for (const Row &row :
		 connection
			 .query(
				 "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS WHERE "
				 "TABLE_SCHEMA = 'dbo' ORDER BY TABLE_NAME, ORDINAL_POSITION")
			 .rows)
		tables[*row[0]].columns.push_back({*row[1], *row[2]});
	for (const Row &row :
		 connection
			 .query(
				 "SELECT c.TABLE_NAME, k.COLUMN_NAME FROM INFORMATION_SCHEMA.TABLE_CONSTRAINTS c "
				 "JOIN INFORMATION_SCHEMA.KEY_COLUMN_USAGE k ON k.CONSTRAINT_SCHEMA = "
				 "c.CONSTRAINT_SCHEMA AND k.CONSTRAINT_NAME = c.CONSTRAINT_NAME AND "
				 "k.TABLE_NAME = c.TABLE_NAME WHERE c.TABLE_SCHEMA = 'dbo' AND "
				 "c.CONSTRAINT_TYPE = 'PRIMARY KEY' ORDER BY c.TABLE_NAME, k.ORDINAL_POSITION")
			 .rows)
		tables[*row[0]].key.push_back(*row[1]);
	return tables;
}

/* What has no plain form on the wire is asked for as text. */
std::string
expression(const Column &column)
{
	if (column.type == "xml" || column.type == "sql_variant")
		return "CAST(" + bracket(column.name) + " AS nvarchar(max))";
	return bracket(column.name);
}

/* As COPY writes it, so that a line is a row whatever a text holds. */
std::string
escape(const Value &value)
{
	std::string text;

	if (!value)
		return "\\N";
	for (char c : *value)
		switch (c)
		{
			case '\t': text += "\\t"; break;
			case '\n': text += "\\n"; break;
			case '\r': text += "\\r"; break;
			case '\\': text += "\\\\"; break;
			case '\0': text += "\\0"; break;
			default: text += c;
		}
	return text;
}

/* The named columns, in the order asked for. */
std::vector<Column>
chosen(const std::vector<Column> &columns, const std::vector<std::string> &names)
{
	std::vector<Column> result;

	for (const std::string &name : names)
	{
		auto same = [&](const Column &column) { return column.name == name; };
		auto found = std::find_if(columns.begin(), columns.end(), same);
		if (found == columns.end())
			throw std::runtime_error("there is no column " + name);
		result.push_back(*found);
	}
	return result;
}

template <typename T, typename Write>
std::string
join(const std::vector<T> &list, Write write)
{
	std::string text;

	for (const T &item : list)
		text += (text.empty() ? "" : ", ") + write(item);
	return text;
}

void
dump_table(Connection &connection, const Tables &tables, const std::string &name,
		   const std::vector<std::string> &wanted, const std::string &where)
{
	auto found = tables.find(name);

	if (found == tables.end())
		throw std::runtime_error("there is no table " + name);
	const std::vector<std::string> &key = found->second.key;
	std::vector<Column> columns =
		wanted.empty() ? found->second.columns : chosen(found->second.columns, wanted);
	std::string sql = "SELECT " + join(columns, expression) + " FROM [dbo]." + bracket(name);
	if (!where.empty())
		sql += " WHERE " + where;
	if (!key.empty())
		sql += " ORDER BY " + join(key, bracket);

	std::vector<std::string> unsorted;
	auto write = [&](const Row &row)
	{
		std::string line;
		for (size_t i = 0; i < row.size(); i++)
			line += (i > 0 ? "\t" : "") + escape(row[i]);
		if (key.empty())
			unsorted.push_back(line);
		else
			puts(line.c_str());
	};
	connection.stream(
		sql, [](const std::vector<std::string> &) {}, write);
	std::sort(unsorted.begin(), unsorted.end());
	for (const std::string &line : unsorted)
		puts(line.c_str());
}

} // namespace

/* With --headers a word is TABLE:A,B, and a line with \x1e and the table's name stands before its
 * rows. */
void
run_dump(Connection &connection, const Arguments &arguments)
{
	Tables tables = describe_tables(connection);

	if (!arguments.has("headers"))
		return dump_table(connection, tables, arguments.word(0, "the table"),
						  split_names(arguments.text("columns", "")), arguments.text("where", ""));
	for (size_t n = 0; n < arguments.words(); n++)
	{
		const std::string &word = arguments.word(n, "a table");
		size_t colon = word.find(':');
		std::string name = word.substr(0, colon);

		printf("\x1e%s\n", name.c_str());
		dump_table(connection, tables, name,
				   split_names(colon == std::string::npos ? "" : word.substr(colon + 1)), "");
	}
}

void
run_tables(Connection &connection, const Arguments &)
{
	for (const Row &row :
		 connection
			 .query("SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'dbo' "
					"AND TABLE_TYPE = 'BASE TABLE' ORDER BY TABLE_NAME")
			 .rows)
		puts(row[0]->c_str());
}

} // namespace tillctl
