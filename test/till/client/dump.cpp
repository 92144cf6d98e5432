/*
 * `dump` and `tables`: what stands in the database, as text that two programs can compare. Columns
 * in ordinal order, rows in the order of the primary key (or of every column, where there is none).
 */
#include "client/command.hpp"

#include <algorithm>
#include <cstdio>
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

std::vector<Column>
columns_of(Connection &connection, const std::string &table)
{
	std::vector<Column> columns;

	for (const Row &row :
		 connection
			 .query("SELECT COLUMN_NAME, DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS WHERE "
					"TABLE_SCHEMA = 'dbo' AND TABLE_NAME = " +
					quote(table) + " ORDER BY ORDINAL_POSITION")
			 .rows)
		columns.push_back({*row[0], *row[1]});
	if (columns.empty())
		throw std::runtime_error("there is no table " + table);
	return columns;
}

/* The columns of the primary key in their order; none for VersionInfo, the one table without. */
std::vector<std::string>
key_of(Connection &connection, const std::string &table)
{
	std::vector<std::string> key;

	for (const Row &row :
		 connection
			 .query("SELECT k.COLUMN_NAME FROM INFORMATION_SCHEMA.TABLE_CONSTRAINTS c JOIN "
					"INFORMATION_SCHEMA.KEY_COLUMN_USAGE k ON k.CONSTRAINT_SCHEMA = "
					"c.CONSTRAINT_SCHEMA AND k.CONSTRAINT_NAME = c.CONSTRAINT_NAME AND "
					"k.TABLE_NAME = c.TABLE_NAME WHERE c.TABLE_SCHEMA = 'dbo' AND c.TABLE_NAME = " +
					quote(table) +
					" AND c.CONSTRAINT_TYPE = 'PRIMARY KEY' ORDER BY k.ORDINAL_POSITION")
			 .rows)
		key.push_back(*row[0]);
	return key;
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

} // namespace

void
run_dump(Connection &connection, const Arguments &arguments)
{
	const std::string &table = arguments.word(0, "the table");
	std::vector<Column> columns = columns_of(connection, table);
	std::vector<std::string> key = key_of(connection, table);

	if (arguments.has("columns"))
		columns = chosen(columns, split_names(arguments.text("columns", "")));
	std::string sql = "SELECT " + join(columns, expression) + " FROM [dbo]." + bracket(table);
	if (arguments.has("where"))
		sql += " WHERE " + arguments.text("where", "");
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
