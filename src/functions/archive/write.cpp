/*
 * What writes for SQL: the rows of a query as PostgreSQL's COPY writes them as text, a manifest, a
 * folder.
 */
#include "functions/archive/file.hpp"

namespace sambapos::archive
{

struct Rows
{
	Sink *sink;
	TupleDesc descriptor;
	FmgrInfo *output; /* of each column */
	StringInfoData line;
	int64 count;
};

/* As COPY escapes in its text format. UTF-8 has none of these bytes but as these characters. */
static void
append_escaped(StringInfo line, const char *value)
{
	for (; *value != '\0'; value++)
	{
		switch (*value)
		{
			case '\\': appendStringInfoString(line, "\\\\"); break;
			case '\t': appendStringInfoString(line, "\\t"); break;
			case '\n': appendStringInfoString(line, "\\n"); break;
			case '\r': appendStringInfoString(line, "\\r"); break;
			default: appendStringInfoCharMacro(line, *value);
		}
	}
}

static void
append_value(Rows *rows, HeapTuple tuple, int column)
{
	bool is_null;
	Datum value = heap_getattr(tuple, column + 1, rows->descriptor, &is_null);
	char *plain;

	if (column > 0)
		appendStringInfoChar(&rows->line, '\t');
	if (is_null)
	{
		appendStringInfoString(&rows->line, "\\N");
		return;
	}
	plain = OutputFunctionCall(&rows->output[column], value);
	append_escaped(&rows->line, pg_server_to_any(plain, static_cast<int>(strlen(plain)), PG_UTF8));
}

static void
put_row(Rows *rows, HeapTuple tuple)
{
	resetStringInfo(&rows->line);
	for (int column = 0; column < rows->descriptor->natts; column++)
		append_value(rows, tuple, column);
	appendStringInfoChar(&rows->line, '\n');
	sink_put(rows->sink, rows->line.data, static_cast<size_t>(rows->line.len));
	rows->count++;
}

static void
look_up_output(Rows *rows, TupleDesc descriptor)
{
	rows->descriptor = descriptor;
	rows->output = static_cast<FmgrInfo *>(palloc(sizeof(FmgrInfo) * descriptor->natts));
	for (int column = 0; column < descriptor->natts; column++)
	{
		Oid function;
		bool is_varlena;

		getTypeOutputInfo(TupleDescAttr(descriptor, column)->atttypid, &function, &is_varlena);
		fmgr_info(function, &rows->output[column]);
	}
}

/* What the values of a batch need is given back after it. */
static void
put_all(Rows *rows, Portal portal)
{
	MemoryContext batch =
		AllocSetContextCreate(CurrentMemoryContext, "rows of an archive", ALLOCSET_DEFAULT_SIZES);

	look_up_output(rows, portal->tupDesc);
	for (;;)
	{
		MemoryContext before;

		SPI_cursor_fetch(portal, true, 1000);
		if (SPI_processed == 0)
			break;
		before = MemoryContextSwitchTo(batch);
		for (uint64 i = 0; i < SPI_processed; i++)
			put_row(rows, SPI_tuptable->vals[i]);
		MemoryContextSwitchTo(before);
		MemoryContextReset(batch);
		SPI_freetuptable(SPI_tuptable);
	}
	MemoryContextDelete(batch);
}

static Digest
write_rows(Rows *rows, const char *query)
{
	Portal portal;
	Digest digest;
	SPIPlanPtr plan;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = SPI_prepare(query, 0, nullptr);
	if (plan == nullptr)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(nullptr, plan, nullptr, nullptr, true);
	put_all(rows, portal);
	SPI_cursor_close(portal);
	digest = sink_close(rows->sink);
	SPI_finish();
	return digest;
}

static Datum
as_row(FunctionCallInfo fcinfo, int columns, Datum *values)
{
	TupleDesc descriptor;
	bool nulls[3] = {};

	if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE ||
		descriptor->natts != columns)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls));
}

} // namespace sambapos::archive

using namespace sambapos;

extern "C"
{
	PG_FUNCTION_INFO_V1(sambapos_archive_write);
	PG_FUNCTION_INFO_V1(sambapos_archive_write_text);
	PG_FUNCTION_INFO_V1(sambapos_archive_make_folder);

	/* path, compression, query → rows, bytes, sha256 */
	Datum sambapos_archive_write(PG_FUNCTION_ARGS)
	{
		char *path = archive::path_to_write(PG_GETARG_TEXT_PP(0));
		char *compression = text_to_cstring(PG_GETARG_TEXT_PP(1));
		char *query = text_to_cstring(PG_GETARG_TEXT_PP(2));
		archive::Rows rows = {};
		archive::Digest digest;
		Datum values[3];

		rows.sink = archive::sink_open(path, archive::compression_named(compression));
		initStringInfo(&rows.line);
		digest = archive::write_rows(&rows, query);
		values[0] = Int64GetDatum(rows.count);
		values[1] = Int64GetDatum(digest.bytes);
		values[2] = CStringGetTextDatum(digest.sha256);
		PG_RETURN_DATUM(archive::as_row(fcinfo, 3, values));
	}

	/* path, text → bytes, sha256 */
	Datum sambapos_archive_write_text(PG_FUNCTION_ARGS)
	{
		char *path = archive::path_to_write(PG_GETARG_TEXT_PP(0));
		char *plain = text_to_cstring(PG_GETARG_TEXT_PP(1));
		char *utf8 = pg_server_to_any(plain, static_cast<int>(strlen(plain)), PG_UTF8);
		archive::Sink *sink = archive::sink_open(path, archive::Compression::none);
		archive::Digest digest;
		Datum values[2];

		archive::sink_put(sink, utf8, strlen(utf8));
		digest = archive::sink_close(sink);
		values[0] = Int64GetDatum(digest.bytes);
		values[1] = CStringGetTextDatum(digest.sha256);
		PG_RETURN_DATUM(archive::as_row(fcinfo, 2, values));
	}

	/* False: it was there. */
	Datum sambapos_archive_make_folder(PG_FUNCTION_ARGS)
	{
		char *path = archive::path_to_write(PG_GETARG_TEXT_PP(0));
		struct stat status;

		if (MakePGDirectory(path) == 0)
		{
			char *parent = pstrdup(path);

			archive::made_enter(path);
			get_parent_directory(parent);
			fsync_fname(parent, true);
			PG_RETURN_BOOL(true);
		}
		if (errno == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
			PG_RETURN_BOOL(false);
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not create folder \"%s\": %m", archive::shown(path))));
	}
}
