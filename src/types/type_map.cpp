/*
 * Which reader for which pair of types, and reading a row with the readers chosen.
 */
#include "types/type_map.hpp"

namespace sambapos::types
{

/* As SQL Server calls it; for messages. */
static const char *
wire_name(tds::WireType wire)
{
	switch (wire)
	{
		case tds::WireType::bit: return "bit";
		case tds::WireType::tinyint: return "tinyint";
		case tds::WireType::smallint: return "smallint";
		case tds::WireType::integer: return "int";
		case tds::WireType::bigint: return "bigint";
		case tds::WireType::real: return "real";
		case tds::WireType::float8: return "float";
		case tds::WireType::money: return "money";
		case tds::WireType::smallmoney: return "smallmoney";
		case tds::WireType::decimal: return "decimal";
		case tds::WireType::text: return "character";
		case tds::WireType::binary: return "binary";
		case tds::WireType::uuid: return "uniqueidentifier";
		case tds::WireType::datetime: return "datetime";
		case tds::WireType::smalldatetime: return "smalldatetime";
		case tds::WireType::date: return "date";
		case tds::WireType::time: return "time";
		case tds::WireType::datetime2: return "datetime2";
		case tds::WireType::datetimeoffset: return "datetimeoffset";
		case tds::WireType::unsupported: break;
	}
	return "sql_variant or CLR";
}

/* Such text is no bytea. */
bool
is_fetched_as_bytes(const ColumnReader &column, const char *remote_type)
{
	return column.wire == tds::WireType::binary && column.row->unreadable != Unreadable::refused &&
		   is_text_type(remote_type);
}

bool
choose_reader(ColumnReader *column, const char *remote_type)
{
	return (!is_fetched_as_bytes(*column, remote_type) &&
			(choose_scalar_reader(column) || choose_numeric_reader(column))) ||
		   choose_text_reader(column, remote_type);
}

/* What to do about a pair that has no reader. */
static const char *
pair_hint(const ColumnReader &column)
{
	bool datetime = column.wire == tds::WireType::datetime ||
					column.wire == tds::WireType::datetime2 ||
					column.wire == tds::WireType::smalldatetime;

	if (column.wire == tds::WireType::unsupported)
		return "Give the column's remote_type, so that it is fetched with a CAST, or select "
			   "CAST(... AS nvarchar(max)).";
	if (datetime && column.type == TIMESTAMPTZOID)
		return "The server does not know the zone of this type: declare the column timestamp and "
			   "use AT TIME ZONE.";
	return "Declare the column with the type IMPORT FOREIGN SCHEMA gives it, or as text.";
}

static void
set_up_column(ColumnReader *column, const tds::Column &remote, const Target &target,
			  RowReader *reader)
{
	Form_pg_attribute attribute = TupleDescAttr(reader->tuple, target.attribute - 1);

	column->target = target.attribute - 1;
	column->wire = remote.type;
	column->precision = remote.precision;
	column->scale = remote.scale;
	column->name = pstrdup(NameStr(attribute->attname));
	column->row = reader;
	column->typmod = attribute->atttypmod;
	column->type = getBaseTypeAndTypmod(attribute->atttypid, &column->typmod);
	if (column->type != attribute->atttypid)
	{
		column->domain = attribute->atttypid;
		reader->has_domain = true;
	}
	if (choose_reader(column, target.remote_type))
	{
		check_recorded_type(*column, target.remote_type);
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
			 errmsg("column \"%s\" of type %s cannot hold the server's type %s", column->name,
					format_type_be(attribute->atttypid),
					target.remote_type[0] != '\0' ? target.remote_type : wire_name(remote.type)),
			 errhint("%s", pair_hint(*column))));
}

RowReader *
make_row_reader(const tds::Session *session, TupleDesc tuple, const Target *targets, int count,
				Unreadable unreadable)
{
	auto *reader = static_cast<RowReader *>(palloc0(sizeof(RowReader)));

	reader->count = count;
	reader->columns = static_cast<ColumnReader *>(
		palloc0(sizeof(ColumnReader) * static_cast<size_t>(count > 0 ? count : 1)));
	reader->tuple = tuple;
	reader->unreadable = unreadable;
	reader->current = -1;
	reader->context = CurrentMemoryContext;
	for (int i = 0; i < count; i++)
		set_up_column(&reader->columns[i], tds::column(session, i), targets[i], reader);
	return reader;
}

bool
fits(const RowReader *reader, const tds::Session *session)
{
	for (int i = 0; i < reader->count; i++)
	{
		const tds::Column &remote = tds::column(session, i);

		if (remote.type != reader->columns[i].wire || remote.scale != reader->columns[i].scale ||
			remote.precision != reader->columns[i].precision)
			return false;
	}
	return true;
}

/* ---- which row? ---- */

static bool
is_whole_number(tds::WireType wire)
{
	return wire == tds::WireType::integer || wire == tds::WireType::bigint ||
		   wire == tds::WireType::smallint;
}

const char *
which_row(const RowReader *reader)
{
	for (int i = 0; i < reader->count; i++)
	{
		const ColumnReader &column = reader->columns[i];
		const tds::Value &value = reader->present->values[i];

		if (is_whole_number(column.wire) && value.data != nullptr)
			return psprintf(" In that row \"%s\" is " INT64_FORMAT ".", column.name,
							read_integer(column.wire, value));
	}
	return "";
}

/* ---- invalid text ---- */

static bool
is_suspect(const ColumnReader &column, const tds::Value &value, bool marked)
{
	return column.wire == tds::WireType::text && value.data != nullptr &&
		   (!marked || std::memchr(value.data, '?', static_cast<size_t>(value.length)) != nullptr);
}

static void
append_suspect_columns(StringInfo list, const RowReader *reader, const tds::Row &row, bool marked)
{
	for (int i = 0; i < reader->count; i++)
	{
		if (is_suspect(reader->columns[i], row.values[i], marked))
			appendStringInfo(list, "%s\"%s\"", list->len > 0 ? ", " : "", reader->columns[i].name);
	}
}

/* The library does not say which of the row's columns it was. It has put a question mark where it
 * could not convert; but nothing where half a surrogate pair ends the text, so without any question
 * mark it may be each text of the row. */
static const char *
suspect_columns(const RowReader *reader, const tds::Row &row)
{
	StringInfoData list;

	initStringInfo(&list);
	append_suspect_columns(&list, reader, row, true);
	if (list.len == 0)
		append_suspect_columns(&list, reader, row, false);
	return list.data;
}

void
warn_replaced(const ColumnReader &column)
{
	if (!column.row->warned)
		ereport(WARNING, (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
						  errmsg("text that cannot be converted was replaced by U+FFFD"),
						  errdetail("First in column \"%s\"; more may follow.", column.name)));
	column.row->warned = true;
}

static void
report_invalid_text(RowReader *reader, const tds::Row &row)
{
	if (reader->unreadable == Unreadable::marked)
	{
		if (!reader->warned)
			ereport(
				WARNING,
				(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				 errmsg("text that cannot be converted was replaced by question marks"),
				 errdetail("First in column %s; more may follow.", suspect_columns(reader, row))));
		reader->warned = true;
		return;
	}
	ereport(
		ERROR,
		(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
		 errmsg("text of column %s cannot be converted", suspect_columns(reader, row)),
		 errdetail("It holds a character that is not valid, such as half of a surrogate pair.%s",
				   which_row(reader)),
		 errhint("Correct the row, or set the server option invalid_text to replace.")));
}

/* ---- rows ---- */

/* The constraints of domains may run any SQL, foreign scans too; so they are checked when nothing
 * of the row is needed any more. */
static void
check_domains(RowReader *reader, const Datum *values, const bool *nulls)
{
	for (int i = 0; i < reader->count; i++)
	{
		const ColumnReader &column = reader->columns[i];

		if (!OidIsValid(column.domain))
			continue;
		reader->current = i;
		domain_check(values[column.target], nulls[column.target], column.domain,
					 &reader->domain_cache, reader->context);
	}
}

void
read_row(RowReader *reader, const tds::Row &row, Datum *values, bool *nulls)
{
	reader->present = &row;
	if (unlikely(row.invalid_text))
		report_invalid_text(reader, row);
	std::memset(nulls, true, static_cast<size_t>(reader->tuple->natts) * sizeof(bool));
	for (int i = 0; i < reader->count; i++)
	{
		const ColumnReader &column = reader->columns[i];
		const tds::Value &value = row.values[i];

		if (value.data == nullptr)
			continue;
		reader->current = i;
		values[column.target] = column.read(column, value);
		nulls[column.target] = false;
	}
	if (reader->has_domain)
		check_domains(reader, values, nulls);
	reader->current = -1;
}

void
malformed(const ColumnReader &column)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
			 errmsg("column \"%s\" holds a malformed %s", column.name, wire_name(column.wire))));
	pg_unreachable();
}

void
out_of_range(const ColumnReader &column)
{
	ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					errmsg("value of column \"%s\" is out of range for type %s", column.name,
						   format_type_with_typemod(column.type, column.typmod))));
	pg_unreachable();
}

} // namespace sambapos::types
