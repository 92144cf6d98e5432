/*
 * Rows on their way to the server: a row as column names and T-SQL literals, and the bulk writer
 * that fill uses.
 */
#pragma once

#include "player/clock.hpp"
#include "client/connection.hpp"
#include "player/money.hpp"

#include <string>
#include <utility>
#include <vector>

namespace tillctl
{

/* Column and literal. Made once in code, so the names outlive the row. */
using Field = std::pair<const char *, std::string>;
using Fields = std::vector<Field>;

inline Field
number(const char *column, std::int64_t value)
{
	return {column, std::to_string(value)};
}

inline Field
flag(const char *column, bool value)
{
	return {column, value ? "1" : "0"};
}

inline Field
money(const char *column, Cents value)
{
	return {column, money_text(value)};
}

inline Field
quantity(const char *column, Thousandths value)
{
	return {column, fixed_text(value, 3)};
}

inline Field
time(const char *column, Time value)
{
	return {column, time_literal(value)};
}

Field text(const char *column, const Value &value);

/* 0 is written as NULL: a foreign key that points nowhere. */
Field reference(const char *column, int id);

std::string insert_statement(const std::string &table, const Fields &fields);

/*
 * Collects rows with explicit ids and writes them with INSERT ... VALUES of up to 1000 rows or
 * about 100 kB. Tables are declared parents first; a full table takes the tables before it with it,
 * so that foreign keys hold.
 */
class BulkWriter
{
public:
	BulkWriter(Connection &connection, const std::vector<std::string> &tables);
	void add(const std::string &table, int id, const Fields &fields);
	void flush();
	long rows() const { return rows_; }
	long rows(const std::string &table) const;

private:
	struct Table
	{
		std::string name;
		std::string columns;
		std::string values;
		int rows = 0;
		long total = 0;
	};
	void write_through(Table &table);
	void write(Table &table);

	Connection &connection_;
	std::vector<Table> tables_;
	long rows_ = 0;
};

} // namespace tillctl
