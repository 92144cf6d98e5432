/*
 * The table of options (table.cpp): every option there is, where it belongs, what it may hold, what
 * it is by default, and where its value goes. The validator (validator.cpp) and the readers
 * (values.cpp, columns.cpp, IMPORT FOREIGN SCHEMA) have no list of their own.
 */
#pragma once

#include "fdw/import/import.hpp"

namespace sambapos::fdw
{

/* A name or password in a TDS login packet has at most 128 characters; DB-Library counts bytes. */
constexpr int login_text_length = 128;

/* What an option belongs to. */
enum class OptionContext
{
	wrapper,
	server,
	user_mapping,
	table,
	column,
	import
};

enum class OptionKind
{
	text,    /* not empty, at most `maximum` bytes of UTF-8 if that is not 0 */
	secret,  /* the same, but never shown; may be empty */
	path,    /* an absolute path of a file; superusers only */
	boolean, /* true, false, on, off, yes, no, 1, 0 */
	integer, /* minimum to maximum */
	number,  /* not negative, finite */
	choice   /* one of `choices` */
};

struct OptionRange
{
	OptionKind kind;
	int minimum;
	int maximum;
	const char *choices; /* separated by ", ", in the order of the enumeration they stand for */
	bool configured;     /* FreeTDS reads it from a file (tds::is_configurable) */
};

/* How a column's options are read. */
struct ColumnOptions
{
	const char *name;        /* null: the local name */
	const char *remote_type; /* "" if not recorded */
	bool key;
	double distinct; /* different values, as far as is known; 0: not known */
};

/* What the values are written to: the one that fits the context. */
struct OptionTarget
{
	ServerOptions *server;
	TableOptions *table;
	ColumnOptions *column;
	ImportOptions *import;
};

using OptionSetter = void (*)(const OptionTarget &target, const OptionValue &value);

/* Raises for a value in its range that is wrong all the same. validator: the function that asks. */
using OptionCheck = void (*)(const char *value, Oid validator);

struct Option
{
	const char *name;
	OptionContext context;
	OptionRange range;
	const char *initial; /* the default, as it would be written; null if it is not a constant */
	OptionSetter set;    /* null: read by inherited_option(), or only recorded */
	OptionCheck check;   /* null: its range says all */
};

struct OptionList
{
	const Option *first;
	const Option *last;

	const Option *begin() const { return first; }
	const Option *end() const { return last; }
};
OptionList all_options();

/* The option of that name; null if there is none. */
const Option *find_option(const char *name, OptionContext context);

/* False if the text is no valid value. */
bool parse_option(const Option &option, const char *text, OptionValue *value);

/* The errors of the validator, HV00D and HV024, which name the nearest option and the valid values.
 */
const Option *checked_option(const char *name, OptionContext context);
void check_option_value(const Option &option, const char *text);

/* Raises for a host that is written as in a connection string, with what to write in its place
 * (host.cpp). */
void check_host(const char *value, Oid validator);

/* The value in a list of DefElem; null if it is not there. */
const char *find_option_value(List *options, const char *name);

/* Writes the values of a context's options, given or default, to the target. */
void read_options(List *options, OptionContext context, const OptionTarget &target);

} // namespace sambapos::fdw
