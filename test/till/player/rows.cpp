/*
 * Rows as T-SQL.
 */
#include "player/rows.hpp"

#include "client/command.hpp"

namespace tillctl
{

Field
text(const char *column, const Value &value)
{
	return {column, quote(value)};
}

Field
reference(const char *column, int id)
{
	return {column, id == 0 ? "NULL" : std::to_string(id)};
}

namespace
{

std::string
column_list(const Fields &fields)
{
	std::string list;

	for (const Field &field : fields)
		list += (list.empty() ? "" : ", ") + bracket(field.first);
	return list;
}

std::string
value_list(const Fields &fields)
{
	std::string list;

	for (const Field &field : fields)
		list += (list.empty() ? "" : ", ") + field.second;
	return list;
}

} // namespace

/* One row; the identity is left to the server. */
std::string
insert_statement(const std::string &table, const Fields &fields)
{
	return "INSERT INTO [dbo]." + bracket(table) + " (" + column_list(fields) + ") VALUES (" +
		   value_list(fields) + ")";
}

BulkWriter::BulkWriter(Connection &connection, const std::vector<std::string> &tables)
	: connection_(connection)
{
	for (const std::string &name : tables)
		tables_.push_back({name, "", "", 0, 0});
}

void
BulkWriter::add(const std::string &name, int id, const Fields &fields)
{
	for (Table &table : tables_)
	{
		if (table.name != name)
			continue;
		std::string columns = "[Id], " + column_list(fields);
		if (table.rows > 0 && table.columns != columns)
			write_through(table);
		table.columns = columns;
		table.values +=
			(table.rows > 0 ? ",\n(" : "(") + std::to_string(id) + ", " + value_list(fields) + ")";
		rows_++;
		table.total++;
		if (++table.rows == 1000 || table.values.size() > 100000)
			write_through(table);
		return;
	}
	throw std::runtime_error("the writer does not know the table " + name);
}

void
BulkWriter::write_through(Table &table)
{
	for (Table &parent : tables_)
	{
		write(parent);
		if (&parent == &table)
			return;
	}
}

void
BulkWriter::write(Table &table)
{
	std::string name = "[dbo]." + bracket(table.name);

	if (table.rows == 0)
		return;
	connection_.execute("SET IDENTITY_INSERT " + name + " ON");
	connection_.execute("INSERT INTO " + name + " (" + table.columns + ") VALUES\n" + table.values);
	connection_.execute("SET IDENTITY_INSERT " + name + " OFF");
	table.values.clear();
	table.rows = 0;
}

long
BulkWriter::rows(const std::string &name) const
{
	for (const Table &table : tables_)
		if (table.name == name)
			return table.total;
	return 0;
}

void
BulkWriter::flush()
{
	for (Table &table : tables_)
		write(table);
}

} // namespace tillctl
