/*
 * ANALYZE of a foreign table: a random sample of its rows, and how many there are.
 *
 * The sample is drawn at the server wherever that saves it work or saves rows over the wire. About
 * as many rows as are wanted are fetched:
 *
 *   system     TABLESAMPLE: whole pages, the others are not read. Only for tables
 *   bernoulli  a random number for every row: the server reads all of them and sends some
 *   off        all rows come, and the sample is drawn here
 *   auto       off for what is hardly larger than the sample; else system for a table, bernoulli
 *              for a view or query, and for a table that the server cannot sample by pages
 *
 * How many rows there are the server's catalog says; where it does not, they are counted there. All
 * is read in one remote transaction, which ends with the local one.
 */
#include "bridge/visible.hpp"
#include "fdw/remote/connection.hpp"
#include "fdw/plan/relation.hpp"
#include "types/type_map.hpp"

namespace sambapos::fdw
{

/* In the order of the option's values. */
enum class Sampling
{
	off,
	automatic,
	system,
	bernoulli
};

/* A sample by pages or by random numbers has only about as many rows as were asked for; so more are
 * asked for, by this factor. */
constexpr double ample = 1.1;

/* A table up to so many times the sample is read as a whole. */
constexpr double small_table = 2;

constexpr double largest_checksum = 2147483647;

/* The run of one ANALYZE over one table. */
struct Collector
{
	Relation relation;
	PlannedTable *table;
	Oid user;
	Result *result;
	types::RowReader *reader;
	const char *sql; /* in the database's encoding */
	MemoryContext row_context;
	Datum *values;
	bool *nulls;
	double seen; /* rows that came */
	HeapTuple *rows;
	int wanted;
	int kept;
	double to_skip;
	ReservoirStateData reservoir;
};

static PlannedTable *
whole_table(Relation relation)
{
	auto *table = static_cast<PlannedTable *>(palloc0(sizeof(PlannedTable)));

	table->relid = RelationGetRelid(relation);
	table->server = server_options(GetForeignTable(table->relid)->serverid, InvalidOid);
	table->options = table_options(table->relid);
	table->attrs_used = bms_make_singleton(0 - FirstLowInvalidHeapAttributeNumber);
	return table;
}

/* ---- what is sent ---- */

/* Types that CHECKSUM takes, if their column is there in every row. */
static bool
has_checksum(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case TIMESTAMPOID:
		case UUIDOID: return true;
		default: return false;
	}
}

/* As SQL Server's documentation does it; with a column in it the expression is evaluated for each
 * row. */
static void
append_bernoulli(StringInfo sql, const Collector *collector, double share)
{
	TupleDesc descriptor = RelationGetDescr(collector->relation);

	appendStringInfoString(sql, " WHERE CHECKSUM(NEWID()");
	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(descriptor, i);

		if (attribute->attisdropped || !has_checksum(attribute->atttypid))
			continue;
		appendStringInfoString(sql, ", ");
		types::append_identifier(sql, column_name(collector->table->relid, attribute->attnum));
		break;
	}
	appendStringInfo(sql, ") & %.0f < %.0f", largest_checksum, share * largest_checksum);
}

static char *
sample_sql(const Collector *collector, Sampling sampling, double share)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	append_output_columns(&sql, collector->table);
	append_from(&sql, collector->table->options);
	if (sampling == Sampling::system)
		appendStringInfo(&sql, " TABLESAMPLE SYSTEM (%.6f PERCENT)", std::max(share * 100, 1e-6));
	else if (sampling == Sampling::bernoulli)
		append_bernoulli(&sql, collector, share);
	return sql.data;
}

/* ---- errors ---- */

static void
add_error_context(void *argument)
{
	const auto *collector = static_cast<const Collector *>(argument);
	const types::RowReader *reader = collector->reader;

	if (reader != nullptr && reader->current >= 0)
		errcontext("column \"%s\" of foreign table \"%s\", row %.0f of the sample",
				   reader->columns[reader->current].name,
				   RelationGetRelationName(collector->relation), collector->seen);
	else
		errcontext("ANALYZE of foreign table \"%s\"", RelationGetRelationName(collector->relation));
	if (collector->sql != nullptr)
		errcontext("remote SQL: %s", visible_sql(collector->sql));
}

/* ---- reading the sample ---- */

static void
prepare_reader(Collector *collector)
{
	const Connection *connection = collector->result->connection;
	TupleDesc descriptor = RelationGetDescr(collector->relation);
	int arrived = tds::column_count(connection->session);
	auto *targets = static_cast<types::Target *>(
		palloc0(sizeof(types::Target) * static_cast<size_t>(descriptor->natts + 1)));
	int count = 0;

	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(descriptor, i);

		if (attribute->attisdropped)
			continue;
		targets[count].attribute = attribute->attnum;
		targets[count].remote_type =
			column_remote_type(RelationGetRelid(collector->relation), attribute->attnum);
		count++;
	}
	if (arrived != std::max(count, 1))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INCONSISTENT_DESCRIPTOR_INFORMATION),
				 errmsg("the remote query returned %d columns instead of %d", arrived, count)));
	collector->reader = types::make_row_reader(connection->session, descriptor, targets, count,
											   unreadable_text(collector->result));
}

/* Where the next row goes in the sample (Vitter's algorithm); -1: nowhere. */
static int
choose_place(Collector *collector)
{
	if (collector->kept < collector->wanted)
		return collector->kept++;
	if (collector->to_skip < 0)
		collector->to_skip =
			reservoir_get_next_S(&collector->reservoir, collector->seen, collector->wanted);
	collector->to_skip -= 1;
	if (collector->to_skip >= 0)
		return -1;

	int place =
		static_cast<int>(collector->wanted * sampler_random_fract(&collector->reservoir.randstate));

	heap_freetuple(collector->rows[place]);
	return place;
}

/* Only rows that are kept are converted. */
static void
keep_row(Collector *collector, const tds::Row &row, int place)
{
	MemoryContext caller = MemoryContextSwitchTo(collector->row_context);

	types::read_row(collector->reader, row, collector->values, collector->nulls);
	MemoryContextSwitchTo(caller);
	collector->rows[place] =
		heap_form_tuple(RelationGetDescr(collector->relation), collector->values, collector->nulls);
	MemoryContextReset(collector->row_context);
}

static void
collect(Collector *collector)
{
	tds::Row row;

	prepare_reader(collector);
	result_store_if_locking(collector->result);
	collector->seen = 0;
	collector->kept = 0;
	collector->to_skip = -1;
	reservoir_init_selection_state(&collector->reservoir, collector->wanted);
	while (result_next(collector->result, &row))
	{
		int place = choose_place(collector);

		collector->seen++;
		if (place >= 0)
			keep_row(collector, row, place);
		delay_analyze();
	}
	result_close(collector->result);
	collector->reader = nullptr;
}

/* False if the server did not accept the query, and the failure says why. */
static bool
try_sample(Collector *collector, Sampling sampling, double share, Failure *failure)
{
	Oid server = GetForeignTable(collector->table->relid)->serverid;

	collector->sql = sample_sql(collector, sampling, share);
	result_send(
		collector->result, server, collector->user,
		pg_server_to_any(collector->sql, static_cast<int>(std::strlen(collector->sql)), PG_UTF8));
	if (!result_try_receive(collector->result, failure))
		return false;
	collect(collector);
	return true;
}

/* The server refused the sampling: the error is not about the connection, the time or the
 * transaction. */
static bool
is_refusal(const Failure &failure)
{
	static constexpr const char *classes[] = {"42", "0A", "HV"};

	for (const char *sqlstate_class : classes)
		if (std::strncmp(failure.sqlstate, sqlstate_class, 2) == 0)
			return true;
	return false;
}

/* A sample by pages may find none with rows; and not every table can be sampled so. */
static Sampling
draw(Collector *collector, Sampling sampling, bool may_choose, double share)
{
	Failure failure;

	if (!try_sample(collector, sampling, share, &failure))
	{
		result_close(collector->result);
		if (sampling != Sampling::system || !may_choose || !is_refusal(failure))
			raise(failure);
		return draw(collector, Sampling::bernoulli, may_choose, share);
	}
	if (collector->seen == 0 && sampling != Sampling::off)
		return draw(collector, Sampling::off, may_choose, 1);
	return sampling;
}

/* ---- the callbacks ---- */

static double
count_rows(Oid server, Oid user, const TableOptions &options)
{
	StringInfoData sql;
	double rows;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT CAST(COUNT_BIG(*) AS varchar(20))");
	append_from(&sql, options);
	ask_numbers(server, user, sql.data, options.query != nullptr, &rows, 1);
	return rows;
}

/* How the sample is to be drawn from a table of so many rows; share is of all its rows. */
static Sampling
choose_sampling(const Collector *collector, Sampling option, double rows, bool is_table,
				double *share)
{
	*share = 1;
	if (option == Sampling::off || rows <= collector->wanted * small_table)
		return Sampling::off;
	*share = collector->wanted * ample / rows;
	if (option != Sampling::automatic)
		return option;
	return is_table ? Sampling::system : Sampling::bernoulli;
}

static const char *
sampling_name(Sampling sampling)
{
	switch (sampling)
	{
		case Sampling::system: return "system";
		case Sampling::bernoulli: return "bernoulli";
		case Sampling::off:
		case Sampling::automatic: break;
	}
	return "off";
}

/* What is known of the table's size, and the way its sample is drawn; the total is -1 if that will
 * be the number of rows that come. */
static double
draw_sample(Collector *collector, Sampling *sampling)
{
	const TableOptions &options = collector->table->options;
	Oid server = GetForeignTable(collector->table->relid)->serverid;
	auto option = static_cast<Sampling>(
		inherited_option(collector->table->relid, "analyze_sampling").integer);
	TableSize size = {-1, false};
	double share;

	if (option != Sampling::off)
	{
		size = catalog_size(server, collector->user, options);
		if (size.rows < 0)
			size.rows = count_rows(server, collector->user, options);
	}
	*sampling = choose_sampling(collector, option, size.rows, size.is_table, &share);
	*sampling = draw(collector, *sampling, option == Sampling::automatic, share);
	return *sampling == Sampling::off ? collector->seen : size.rows;
}

static int
acquire_sample(Relation relation, int elevel, HeapTuple *rows, int wanted, double *total,
			   double *dead)
{
	auto natts = static_cast<size_t>(RelationGetDescr(relation)->natts);
	Collector collector = {};
	ErrorContextCallback context = {error_context_stack, add_error_context, &collector};
	Sampling sampling;

	collector.relation = relation;
	collector.table = whole_table(relation);
	collector.user = relation->rd_rel->relowner;
	collector.rows = rows;
	collector.wanted = wanted;
	collector.values = static_cast<Datum *>(palloc0(sizeof(Datum) * (natts + 1)));
	collector.nulls = static_cast<bool *>(palloc0(natts + 1));
	collector.row_context =
		AllocSetContextCreate(CurrentMemoryContext, "sambapos_fdw sample", ALLOCSET_DEFAULT_SIZES);
	error_context_stack = &context;
	collector.result = result_make();
	collector.result->as_bytes = collector.table->server->invalid_text == InvalidText::replace;
	if (collector.table->options.query != nullptr)
	{
		check_query_owner(collector.table->relid);
		collector.result->origin = tds::Origin::mixed;
	}
	*total = draw_sample(&collector, &sampling);
	*dead = 0;
	error_context_stack = context.previous;
	MemoryContextDelete(collector.row_context);
	ereport(elevel,
			(errmsg("\"%s\": the remote table has %.0f rows; %.0f were read (sampling %s), %d are "
					"in the sample",
					RelationGetRelationName(relation), *total, collector.seen,
					sampling_name(sampling), collector.kept)));
	return collector.kept;
}

/* Where the server does not tell: the pages that the rows would fill here. ANALYZE of a partitioned
 * table weighs its partitions by them. */
static double
guess_pages(Relation relation, const PlannedTable *table, double rows)
{
	if (rows < 0)
		rows = relation->rd_rel->reltuples > 0 ? relation->rd_rel->reltuples
											   : table->options.estimated_rows;
	return ceil(rows * get_relation_data_width(RelationGetRelid(relation), nullptr) / BLCKSZ);
}

bool
sambapos_analyze_table(Relation relation, AcquireSampleRowsFunc *function, BlockNumber *pages)
{
	Oid server = GetForeignTable(RelationGetRelid(relation))->serverid;
	Oid user = relation->rd_rel->relowner;
	const PlannedTable *table = whole_table(relation);
	double found = catalog_pages(server, user, table->options);

	if (found <= 0)
		found = guess_pages(relation, table, catalog_size(server, user, table->options).rows);
	*pages = static_cast<BlockNumber>(std::min(std::max(found, 1.0), 4294967294.0));
	*function = acquire_sample;
	return true;
}

} // namespace sambapos::fdw
