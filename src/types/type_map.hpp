/*
 * From the server's values to Datums. For each column of a result a reader is chosen once, by the
 * format that arrives and the local type; then read_row() is a loop over function pointers.
 *
 * No reader cuts, rounds or drops: what does not fit the local type is an error. (The one exception
 * is the seventh digit of datetime2, time and datetimeoffset: PostgreSQL keeps six.)
 */
#pragma once

#include "bridge/guard.hpp"
#include "tds/session.hpp"

namespace sambapos::types
{

struct ColumnReader;

/* What becomes of text that is not valid. */
enum class Unreadable
{
	refused,  /* an error that names column and row */
	replaced, /* text was fetched as the bytes of its UTF-16: U+FFFD, with one WARNING */
	marked /* the same; and what was not fetched so may have the client library's question marks */
};

using ReadFunction = Datum (*)(const ColumnReader &column, const tds::Value &value);

/* A value as UTF-8; and a text in the database's encoding as a Datum. */
using TextSource = std::string_view (*)(const ColumnReader &column, const tds::Value &value);
using TextSink = Datum (*)(const ColumnReader &column, std::string_view text);

/* Plain; texts live as long as the RowReader. */
struct ColumnReader
{
	ReadFunction read;
	ReadFunction inner; /* of readers that only check another one's Datum */
	TextSource source;  /* of readers that make text, or something from text */
	TextSink sink;
	int target; /* index into the tuple's values */
	tds::WireType wire;
	int precision; /* of the remote decimal */
	int scale;
	Oid type; /* local, below domains */
	int32 typmod;
	Oid domain;      /* the declared type, if that is a domain */
	FmgrInfo *input; /* the local type's input function and its parameter */
	Oid input_parameter;
	const char *name; /* local */
	struct RowReader *row;
};

struct RowReader
{
	int count;
	ColumnReader *columns;
	TupleDesc tuple; /* of the values that read_row() fills */
	Unreadable unreadable;
	bool warned;
	int current;             /* index of the column being read, for error contexts; -1: none */
	const tds::Row *present; /* what is being read */
	MemoryContext context;
	void *domain_cache;
	bool has_domain;
};

/* What is known about a target column besides its type. */
struct Target
{
	AttrNumber attribute;    /* in the tuple */
	const char *remote_type; /* as recorded, "" if it was not */
};

/* Chooses the readers for the session's open result; targets has one entry for each remote column.
 * Raises if a pair of types is not supported. Lives in the current memory context. */
RowReader *make_row_reader(const tds::Session *session, TupleDesc tuple, const Target *targets,
						   int count, Unreadable unreadable);

/* True if the session's open result has the formats the readers were chosen for. */
bool fits(const RowReader *reader, const tds::Session *session);

/* Fills the tuple: values of attributes without a remote column are NULL. Pass-by-reference Datums
 * live in the current memory context. */
void read_row(RowReader *reader, const tds::Row &row, Datum *values, bool *nulls);

/* The reader for a pair of types; null if there is none. Fills in the column's reader fields.
 * Needs wire, scale, type and typmod. */
bool choose_reader(ColumnReader *column, const char *remote_type);

/* ---- the readers, by what they make (to_datum.cpp, to_numeric.cpp,
 * to_text.cpp) ---- */

bool choose_scalar_reader(ColumnReader *column);
bool choose_numeric_reader(ColumnReader *column);
bool choose_text_reader(ColumnReader *column, const char *remote_type);

/* Characters at the server, or fetched as such (sql_variant): with invalid_text replace what is
 * fetched as the bytes of its UTF-16, and then decoded. */
bool is_text_type(const char *remote_type);

/* Of these the server has the bytes of UTF-16; of the others it makes them. */
bool is_national_type(const char *remote_type);

/* The column arrives as those bytes. */
bool is_fetched_as_bytes(const ColumnReader &column, const char *remote_type);

/* An integer of any width. */
int64 read_integer(tds::WireType wire, const tds::Value &value) noexcept;

/* decimal, money or an integer as an exact numeric with the scale of its column. */
Numeric read_exact_numeric(const ColumnReader &column, const tds::Value &value);

/* Raises if the column has other values than the type that was recorded, "" if none was. */
void check_recorded_type(const ColumnReader &column, const char *remote_type);

/* Which row it is, as a sentence for DETAIL: by its first whole number, which is its id nearly
 * always. */
const char *which_row(const RowReader *reader);

/* The one WARNING a scan about replaced text. */
void warn_replaced(const ColumnReader &column);

/* The error for bytes that are no value of their type: what only a broken server sends. */
[[noreturn]] void malformed(const ColumnReader &column);

/* The error for a value that the local type cannot hold. */
[[noreturn]] void out_of_range(const ColumnReader &column);

} // namespace sambapos::types
