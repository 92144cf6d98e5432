/*
 * What the files of IMPORT FOREIGN SCHEMA share: catalog.cpp asks the server, import.cpp writes the
 * commands, names.cpp finds local names, types.cpp local types, and sensitive.cpp knows what is
 * left out.
 */
#pragma once

#include "fdw/fdw.hpp"

namespace sambapos::fdw
{

/* How local names are made. */
enum class NameCase
{
	snake,
	keep,
	lower
};

/* The options of the statement. */
struct ImportOptions
{
	NameCase name_case;
	bool not_null;
	bool views;
	bool sensitive;
};

/* A column as INFORMATION_SCHEMA.COLUMNS describes it; numbers are -1 where it says NULL. */
struct RemoteColumn
{
	const char *name;
	const char *local; /* its name here */
	const char *data_type;
	int length; /* of characters or bytes; -1 for (max) too */
	int precision;
	int scale;
	int fraction; /* digits of a second */
	bool nullable;
	bool key;
	const char *collation; /* null if it has none */
};

struct RemoteTable
{
	const char *name;
	const char *local;
	List *columns; /* of RemoteColumn */
	double rows;   /* negative if the server does not say */
};

/* ---- catalog.cpp ---- */

/* The tables of a schema, with columns, keys and row counts: a list of RemoteTable, without local
 * names. An error if the schema is not there or shows nothing, or if two tables, or two columns of
 * one, have the same name. */
List *fetch_catalog(Oid server, const char *schema, bool views);

/* ---- names.cpp ---- */

enum class NameKind
{
	tables,
	columns /* of one table; none may be called as a system column */
};

/* The local names of a list of remote ones, all different, in an array as long as the list. */
const char **local_names(const char *const *remote, int count, NameCase name_case, NameKind kind);

/* ---- types.cpp ---- */

/* The type as T-SQL writes it: decimal(16,2), nvarchar(max). */
const char *remote_type_text(const RemoteColumn &column);

/* The local type; null if the column cannot be read. */
const char *local_type(const RemoteColumn &column);

/* ---- sensitive.cpp ---- */

/* Tables and columns of SambaPOS that hold credentials. */
bool is_sensitive_table(const char *table);
bool is_sensitive_column(const char *table, const char *column);

} // namespace sambapos::fdw
