/*
 * The columns of a live table as IMPORT FOREIGN SCHEMA recorded them, from the cache that scans
 * use: a run asks for them at each step of each table.
 */
#include "fdw/fdw.hpp"

namespace sambapos::functions
{

/* Columns: column_name, source_name, type_name, plain_type, remote_type, is_key, ordinal. */
static void
list_column(Oid relation, AttrNumber ordinal, const ReturnSetInfo *info)
{
	HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relation), Int16GetDatum(ordinal));
	Form_pg_attribute column;
	Datum values[7];
	bool nulls[7] = {};

	if (!HeapTupleIsValid(tuple))
		return;
	column = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple));
	if (!column->attisdropped)
	{
		values[0] = NameGetDatum(&column->attname);
		values[1] = CStringGetTextDatum(fdw::column_name(relation, ordinal));
		values[2] =
			CStringGetTextDatum(format_type_with_typemod(column->atttypid, column->atttypmod));
		values[3] = CStringGetTextDatum(format_type_be(column->atttypid));
		values[4] = CStringGetTextDatum(fdw::column_remote_type(relation, ordinal));
		values[5] = BoolGetDatum(fdw::is_key_column(relation, ordinal));
		values[6] = Int16GetDatum(ordinal);
		tuplestore_putvalues(info->setResult, info->setDesc, values, nulls);
	}
	ReleaseSysCache(tuple);
}

/* No lock is taken: who alters the table keeps nobody waiting here. */
static AttrNumber
count_columns(Oid relation)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	AttrNumber count = 0;

	if (HeapTupleIsValid(tuple))
	{
		count = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relnatts;
		ReleaseSysCache(tuple);
	}
	return count;
}

} // namespace sambapos::functions

extern "C"
{
	PG_FUNCTION_INFO_V1(sambapos_live_columns);

	Datum sambapos_live_columns(PG_FUNCTION_ARGS)
	{
		Oid relation = PG_GETARG_OID(0);
		AttrNumber count = sambapos::functions::count_columns(relation);

		InitMaterializedSRF(fcinfo, 0);
		for (AttrNumber ordinal = 1; ordinal <= count; ordinal++)
			sambapos::functions::list_column(relation, ordinal,
											 reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo));
		return Datum{0};
	}
}
