/*
 * The local type of each remote one: the narrowest that holds every value the server can hold.
 */
#include "fdw/import/import.hpp"

namespace sambapos::fdw
{

/* How a type's arguments are written, and which of them become arguments here. */
enum class Arguments
{
	none,
	length,          /* (n) or (max), only at the server */
	varying_length,  /* the same; varchar(n) here, text for (max) */
	fixed_length,    /* the same; character(n) here */
	precision_scale, /* (p,s) on both sides */
	fraction,        /* (n) digits of a second, only at the server */
};

struct TypeRule
{
	const char *remote;
	const char *local;
	Arguments arguments;
};

/* The local names are words of the grammar or have a schema: a type called text in a schema of the
 * search path is not meant.
 *
 * A char(n) column of PostgreSQL compares and pads as SQL Server's does. The fraction of a second
 * is not declared here: a type without it holds all there is. */
static const TypeRule rules[] = {
	{"bit", "boolean", Arguments::none},
	{"tinyint", "smallint", Arguments::none},
	{"smallint", "smallint", Arguments::none},
	{"int", "integer", Arguments::none},
	{"bigint", "bigint", Arguments::none},
	{"decimal", "numeric", Arguments::precision_scale},
	{"numeric", "numeric", Arguments::precision_scale},
	{"money", "numeric(19,4)", Arguments::none},
	{"smallmoney", "numeric(10,4)", Arguments::none},
	{"real", "real", Arguments::none},
	{"float", "double precision", Arguments::none},
	{"char", "character", Arguments::fixed_length},
	{"nchar", "character", Arguments::fixed_length},
	{"varchar", "character varying", Arguments::varying_length},
	{"nvarchar", "character varying", Arguments::varying_length},
	{"sysname", "character varying(128)", Arguments::none},
	{"text", "pg_catalog.text", Arguments::none},
	{"ntext", "pg_catalog.text", Arguments::none},
	{"xml", "pg_catalog.xml", Arguments::none},
	{"binary", "pg_catalog.bytea", Arguments::length},
	{"varbinary", "pg_catalog.bytea", Arguments::length},
	{"image", "pg_catalog.bytea", Arguments::none},
	{"timestamp", "pg_catalog.bytea", Arguments::none},
	{"rowversion", "pg_catalog.bytea", Arguments::none},
	{"uniqueidentifier", "pg_catalog.uuid", Arguments::none},
	{"date", "pg_catalog.date", Arguments::none},
	{"time", "time without time zone", Arguments::fraction},
	{"datetime", "timestamp without time zone", Arguments::none},
	{"smalldatetime", "timestamp without time zone", Arguments::none},
	{"datetime2", "timestamp without time zone", Arguments::fraction},
	{"datetimeoffset", "timestamp with time zone", Arguments::fraction},
	{"sql_variant", "pg_catalog.text", Arguments::none},
};

static const TypeRule *
find_rule(const char *data_type)
{
	for (const TypeRule &rule : rules)
		if (pg_strcasecmp(rule.remote, data_type) == 0)
			return &rule;
	return nullptr;
}

static const char *
with_length(const char *type, int length)
{
	return length > 0 ? psprintf("%s(%d)", type, length) : psprintf("%s(max)", type);
}

const char *
remote_type_text(const RemoteColumn &column)
{
	const TypeRule *rule = find_rule(column.data_type);

	if (rule == nullptr)
		return column.data_type;
	switch (rule->arguments)
	{
		case Arguments::length:
		case Arguments::varying_length:
		case Arguments::fixed_length: return with_length(rule->remote, column.length);
		case Arguments::precision_scale:
			return psprintf("%s(%d,%d)", rule->remote, column.precision, std::max(column.scale, 0));
		case Arguments::fraction:
			return column.fraction < 0 ? rule->remote
									   : psprintf("%s(%d)", rule->remote, column.fraction);
		case Arguments::none: break;
	}
	return rule->remote;
}

const char *
local_type(const RemoteColumn &column)
{
	const TypeRule *rule = find_rule(column.data_type);

	if (rule == nullptr)
		return nullptr;
	switch (rule->arguments)
	{
		case Arguments::varying_length:
		case Arguments::fixed_length:
			return column.length > 0 ? with_length(rule->local, column.length) : "pg_catalog.text";
		case Arguments::precision_scale:
			return psprintf("numeric(%d,%d)", column.precision, std::max(column.scale, 0));
		default: return rule->local;
	}
}

} // namespace sambapos::fdw
