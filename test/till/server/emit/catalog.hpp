/*
 * What the connected database holds, as the emitter needs it: tables and views with the T-SQL types
 * of their columns. Read from PostgreSQL's catalogs and comments on demand and kept until any
 * connection changes a definition (invalidate()).
 */
#pragma once

#include "tsql/ast.hpp"

#include <map>
#include <memory>

namespace till
{

class Backend;

struct ColumnInfo
{
	std::string name;
	Type type;
	bool nullable = true;
	bool identity = false;
	bool has_default = false;
	int key_position = 0; /* in the primary key, from 1 */
};

struct TableInfo
{
	unsigned oid = 0;
	std::string schema, name; /* exact case; schema tempdb for temporary tables */
	bool view = false;
	bool system = false; /* schemas sys, INFORMATION_SCHEMA, till */
	std::vector<ColumnInfo> columns;
	std::string qualified() const; /* for PostgreSQL */
	const ColumnInfo *column(const std::string &folded, bool turkish) const;
	const ColumnInfo *identity_column() const;
};

class Catalog
{
	Backend &backend;
	bool turkish;
	unsigned long version = 0;
	std::map<std::string, std::unique_ptr<TableInfo>> tables;

	void load();
	void load_columns(TableInfo &table);

public:
	std::string database, database_collation;
	Catalog(Backend &backend) : backend(backend), turkish(false) {}
	void use(const std::string &database, const std::string &collation);
	bool is_turkish() const { return turkish; }
	/* Null when there is no such object. */
	const TableInfo *find(const Name &name);
	/* Throws 208. */
	const TableInfo &get(const Name &name);

	/* After any definition changed, committed or rolled back, in any connection. */
	static void invalidate();
};

std::string joined(const Name &name);

} // namespace till
