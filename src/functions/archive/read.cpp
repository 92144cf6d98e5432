/*
 * What reads for SQL: a file of rows, a manifest, the checksum of a file.
 */
#include "functions/archive/file.hpp"

namespace sambapos::archive
{

/* Rows that COPY wrote as text, as arrays of their values. */
struct Reading
{
	const char *path;
	ReturnSetInfo *info;
	int columns;
	int64 line;
	Datum *values;
	bool *nulls;
};

static char
unescaped(const Reading *reading, char letter)
{
	switch (letter)
	{
		case '\\': return '\\';
		case 't': return '\t';
		case 'n': return '\n';
		case 'r': return '\r';
		default: raise_damaged(reading->path, psprintf("line " INT64_FORMAT, reading->line));
	}
}

/* One value, up to the next tab: in place, since what is escaped gets shorter. */
static void
take_value(Reading *reading, char *value, int column)
{
	char *to = value;

	if (column >= reading->columns)
		raise_damaged(reading->path, psprintf("line " INT64_FORMAT, reading->line));
	reading->nulls[column] = strcmp(value, "\\N") == 0;
	if (reading->nulls[column])
		return;
	for (const char *from = value; *from != '\0'; from++)
	{
		if (*from == '\\')
			*to++ = unescaped(reading, *++from);
		else
			*to++ = *from;
	}
	reading->values[column] = PointerGetDatum(cstring_to_text_with_len(value, to - value));
}

static void
take_line(Reading *reading, StringInfo line)
{
	char *rest = pg_any_to_server(line->data, line->len, PG_UTF8);
	int column = 0;
	int length = reading->columns;
	int lower = 1;
	Datum row[2];
	bool nulls[2] = {};

	for (char *value = rest; value != nullptr; column++)
	{
		rest = strchr(value, '\t');
		if (rest != nullptr)
			*rest++ = '\0';
		take_value(reading, value, column);
		value = rest;
	}
	if (column != reading->columns)
		raise_damaged(reading->path, psprintf("line " INT64_FORMAT, reading->line));
	row[0] = Int64GetDatum(reading->line);
	row[1] = PointerGetDatum(construct_md_array(reading->values, reading->nulls, 1, &length, &lower,
												TEXTOID, -1, false, TYPALIGN_INT));
	tuplestore_putvalues(reading->info->setResult, reading->info->setDesc, row, nulls);
}

static void
read_rows(Reading *reading, Source *source)
{
	MemoryContext one =
		AllocSetContextCreate(CurrentMemoryContext, "line of an archive", ALLOCSET_DEFAULT_SIZES);
	StringInfoData line;

	initStringInfo(&line);
	reading->values = static_cast<Datum *>(palloc0(sizeof(Datum) * reading->columns));
	reading->nulls = static_cast<bool *>(palloc0(sizeof(bool) * reading->columns));
	while (source_line(source, &line))
	{
		MemoryContext before = MemoryContextSwitchTo(one);

		reading->line++;
		take_line(reading, &line);
		MemoryContextSwitchTo(before);
		MemoryContextReset(one);
	}
	MemoryContextDelete(one);
}

} // namespace sambapos::archive

using namespace sambapos;

extern "C"
{
	PG_FUNCTION_INFO_V1(sambapos_archive_read);
	PG_FUNCTION_INFO_V1(sambapos_archive_read_text);
	PG_FUNCTION_INFO_V1(sambapos_archive_digest);

	/* path, compression, number of columns → line, fields */
	Datum sambapos_archive_read(PG_FUNCTION_ARGS)
	{
		char *path = archive::path_to_read(PG_GETARG_TEXT_PP(0));
		char *compression = text_to_cstring(PG_GETARG_TEXT_PP(1));
		archive::Source *source =
			archive::source_open(path, archive::compression_named(compression));
		archive::Reading reading = {path,
									reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo),
									PG_GETARG_INT32(2),
									0,
									nullptr,
									nullptr};

		if (reading.columns < 1 || reading.columns > MaxHeapAttributeNumber)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("a row cannot have %d columns", reading.columns)));
		InitMaterializedSRF(fcinfo, 0);
		archive::read_rows(&reading, source);
		archive::source_close(source);
		return Datum{0};
	}

	/* A manifest: a file of UTF-8, no more than 64 MB. */
	Datum sambapos_archive_read_text(PG_FUNCTION_ARGS)
	{
		char *path = archive::path_to_read(PG_GETARG_TEXT_PP(0));
		archive::Source *source = archive::source_open(path, archive::Compression::none);
		StringInfoData plain;
		char *text;

		initStringInfo(&plain);
		archive::source_rest(source, &plain, size_t{64} * 1024 * 1024);
		archive::source_close(source);
		if (memchr(plain.data, '\0', static_cast<size_t>(plain.len)) != nullptr)
			archive::raise_damaged(path, "it is not text");
		text = pg_any_to_server(plain.data, plain.len, PG_UTF8);
		PG_RETURN_TEXT_P(cstring_to_text(text));
	}

	/* path → bytes, sha256; NULL: there is no such file */
	Datum sambapos_archive_digest(PG_FUNCTION_ARGS)
	{
		char *path = archive::path_to_read(PG_GETARG_TEXT_PP(0));
		archive::Digest digest = {};
		bool is_there = archive::digest_of(path, &digest);
		TupleDesc descriptor;
		Datum values[2] = {Int64GetDatum(digest.bytes), CStringGetTextDatum(digest.sha256)};
		bool nulls[2] = {!is_there, !is_there};

		if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		PG_RETURN_DATUM(
			HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
	}
}
