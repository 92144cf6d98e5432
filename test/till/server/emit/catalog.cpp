/* Tables and columns of the connected database; see catalog.hpp. */
#include "emit/catalog.hpp"
#include "emit/backend.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

#include <atomic>
#include <cstdlib>

namespace till
{

static std::atomic<unsigned long> definitions{1};

void
Catalog::invalidate()
{
	definitions++;
}

std::string
joined(const Name &name)
{
	std::string text;

	for (const std::string &part : name)
		text += (text.empty() ? "" : ".") + part;
	return text;
}

std::string
TableInfo::qualified() const
{
	return quote_identifier(schema == "tempdb" ? "pg_temp" : schema) + "." + quote_identifier(name);
}

const ColumnInfo *
TableInfo::column(const std::string &folded, bool turkish) const
{
	for (const ColumnInfo &c : columns)
		if (fold(c.name, turkish) == folded)
			return &c;
	return nullptr;
}

const ColumnInfo *
TableInfo::identity_column() const
{
	for (const ColumnInfo &c : columns)
		if (c.identity)
			return &c;
	return nullptr;
}

void
Catalog::use(const std::string &name, const std::string &collation_name)
{
	database = name;
	database_collation = collation_name;
	turkish = collation(collation_name).turkish;
	version = 0;
	tables.clear();
}

void
Catalog::load()
{
	unsigned long now = definitions;
	Result names =
		backend.query("SELECT CASE WHEN n.oid = pg_my_temp_schema() THEN 'tempdb' ELSE n.nspname "
					  "END, c.relname, c.oid, c.relkind "
					  "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
					  "WHERE c.relkind IN ('r', 'v') AND (n.oid = pg_my_temp_schema() OR "
					  "n.nspname !~ '^(pg_|information_schema)')");

	if (version == now)
		return;
	tables.clear();
	for (int i = 0; i < names.rows(); i++)
	{
		auto t = std::make_unique<TableInfo>();

		t->schema = names.text(i, 0);
		t->name = names.text(i, 1);
		t->oid = static_cast<unsigned>(std::strtoul(names.text(i, 2).c_str(), nullptr, 10));
		t->view = names.text(i, 3) == "v";
		t->system = t->schema == "sys" || t->schema == "INFORMATION_SCHEMA" || t->schema == "till";
		tables[fold(t->schema, turkish) + "." + fold(t->name, turkish)] = std::move(t);
	}
	version = now;
}

/* The type of a column that carries no comment: those of the system views. */
static Type
undeclared_type(const std::string &pg)
{
	if (pg.compare(0, 8, "numeric(") == 0)
		return parse_declared("decimal" + pg.substr(7));
	if (pg == "smallint" || pg == "bigint" || pg == "integer" || pg == "date")
		return parse_declared(pg);
	if (pg == "timestamp without time zone")
		return simple(Kind::datetime);
	if (pg == "bytea")
		return string_type(Kind::varbinary, 8000);
	if (pg == "uuid")
		return simple(Kind::uniqueidentifier);
	return string_type(Kind::nvarchar, 128);
}

void
Catalog::load_columns(TableInfo &t)
{
	Result columns = backend.query(
		"SELECT attname, col_description(attrelid, attnum), "
		"format_type(atttypid, atttypmod), attnotnull, attidentity, atthasdef, "
		"(SELECT array_position(i.indkey::int2[], a.attnum) + 1 FROM pg_index i WHERE i.indrelid = "
		"a.attrelid AND i.indisprimary) "
		"FROM pg_attribute a WHERE attrelid = " +
		std::to_string(t.oid) + " AND attnum > 0 AND NOT attisdropped ORDER BY attnum");

	for (int i = 0; i < columns.rows(); i++)
	{
		ColumnInfo c;

		c.name = columns.text(i, 0);
		c.type = columns.is_null(i, 1) ? undeclared_type(columns.text(i, 2))
									   : parse_declared(columns.text(i, 1));
		c.nullable = columns.text(i, 3) != "t";
		c.identity = !columns.text(i, 4).empty();
		c.has_default = columns.text(i, 5) == "t";
		c.key_position = std::atoi(columns.text(i, 6).c_str());
		t.columns.push_back(std::move(c));
	}
}

const TableInfo *
Catalog::find(const Name &name)
{
	std::string object = name.back();
	std::string schema = name.size() > 1 ? name[name.size() - 2] : "";
	bool temporary = object[0] == '#' || object[0] == '@';

	if (version != definitions)
		load();
	if (name.size() > 2 && !temporary && !same_word(name[name.size() - 3], database) &&
		!(same_word(name[name.size() - 3], "master") && same_word(schema, "sys")))
		throw unsupported("names in another database than the connected one");
	if (temporary)
		schema = "tempdb";
	else if (schema.empty())
		schema = "dbo";

	auto found = tables.find(fold(schema, turkish) + "." + fold(object, turkish));

	if (found == tables.end())
		return nullptr;
	if (found->second->columns.empty())
		load_columns(*found->second);
	return found->second.get();
}

const TableInfo &
Catalog::get(const Name &name)
{
	const TableInfo *t = find(name);

	if (t == nullptr)
		throw SqlError(208, 16, 1, "Invalid object name '" + joined(name) + "'.");
	return *t;
}

} // namespace till
