/*
 * IMPORT FOREIGN SCHEMA: what its two files share. import.cpp asks the server and writes the
 * CREATE FOREIGN TABLE commands; import_names.cpp knows how names and types are said here.
 */
#pragma once

#include "fdw/fdw.hpp"

namespace sambapos::fdw
{

enum class NameCase
{
	snake, /* TicketNumber -> ticket_number */
	keep,  /* as it is */
	lower  /* TicketNumber -> ticketnumber */
};

struct ImportName
{
	const char *remote;
	const char *local;
};

/* A column as INFORMATION_SCHEMA.COLUMNS tells it; palloc'd, plain. */
struct ImportColumn
{
	const char *table;
	const char *name;
	const char *data_type;
	int length;    /* characters or bytes; -1: (max) */
	int precision; /* decimal and numeric */
	int scale;
	int datetime_precision; /* time, datetime2, datetimeoffset */
	bool not_null;
	bool is_key;
	bool is_view;
	const char *collation; /* null: none */

	/* filled in by map_type */
	const char *remote_type; /* with length or precision */
	const char *local_type;
};

/* Fills in the local names of a table's columns, or a schema's tables. */
void make_local_names(ImportName *names, int count, NameCase name_case);

/* False if the type has no counterpart here. */
bool map_type(ImportColumn *column);

/* Whole tables, and columns, that hold PINs, passwords, keys or licences. */
bool is_sensitive_table(const char *table);
bool is_sensitive_column(const char *table, const char *column);

} // namespace sambapos::fdw
