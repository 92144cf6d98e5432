/*
 * Values of fixed size, bytes and datetimes as Datums: one function for each pair of types.
 */
#include "tds/temporal.hpp"
#include "types/type_map.hpp"

namespace sambapos::types
{

template <typename T>
static T
load(const tds::Value &value) noexcept
{
	T result;

	std::memcpy(&result, value.data, sizeof result);
	return result;
}

int64
read_integer(tds::WireType wire, const tds::Value &value) noexcept
{
	switch (wire)
	{
		case tds::WireType::bit:
		case tds::WireType::tinyint: return load<uint8>(value);
		case tds::WireType::smallint: return load<int16>(value);
		case tds::WireType::integer: return load<int32>(value);
		default: return load<int64>(value);
	}
}

/* ---- bit, integers, floats ---- */

static Datum
read_bool(const ColumnReader &, const tds::Value &value)
{
	return BoolGetDatum(load<uint8>(value) != 0);
}

static Datum
read_int2(const ColumnReader &column, const tds::Value &value)
{
	int64 number = read_integer(column.wire, value);

	if (unlikely(number < PG_INT16_MIN || number > PG_INT16_MAX))
		out_of_range(column);
	return Int16GetDatum(static_cast<int16>(number));
}

/* What most columns of SambaPOS are. */
static Datum
read_int4_same(const ColumnReader &, const tds::Value &value)
{
	return Int32GetDatum(load<int32>(value));
}

static Datum
read_int4(const ColumnReader &column, const tds::Value &value)
{
	int64 number = read_integer(column.wire, value);

	if (unlikely(number < PG_INT32_MIN || number > PG_INT32_MAX))
		out_of_range(column);
	return Int32GetDatum(static_cast<int32>(number));
}

static Datum
read_int8(const ColumnReader &column, const tds::Value &value)
{
	return Int64GetDatum(read_integer(column.wire, value));
}

static Datum
read_float4(const ColumnReader &, const tds::Value &value)
{
	return Float4GetDatum(load<float>(value));
}

static Datum
read_float8(const ColumnReader &column, const tds::Value &value)
{
	switch (column.wire)
	{
		case tds::WireType::float8: return Float8GetDatum(load<double>(value));
		case tds::WireType::real: return Float8GetDatum(static_cast<double>(load<float>(value)));
		default: return Float8GetDatum(static_cast<double>(read_integer(column.wire, value)));
	}
}

/* ---- bytes ---- */

static Datum
read_bytea(const ColumnReader &, const tds::Value &value)
{
	auto *result = static_cast<bytea *>(palloc(VARHDRSZ + static_cast<Size>(value.length)));

	SET_VARSIZE(result, VARHDRSZ + value.length);
	std::memcpy(VARDATA(result), value.data, static_cast<size_t>(value.length));
	return PointerGetDatum(result);
}

/* The first three groups arrive with their bytes reversed. */
static Datum
read_uuid(const ColumnReader &, const tds::Value &value)
{
	static constexpr int order[UUID_LEN] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	auto *result = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));

	for (int i = 0; i < UUID_LEN; i++)
		result->data[i] = value.data[order[i]];
	return UUIDPGetDatum(result);
}

/* ---- datetimes ---- */

static int64
checked(const ColumnReader &column, int64 datetime)
{
	if (unlikely(datetime == tds::not_a_datetime))
		malformed(column);
	return datetime;
}

static int32
checked_date(const ColumnReader &column, const tds::Value &value)
{
	int32 date = tds::read_date(value);

	if (unlikely(date == tds::not_a_date))
		malformed(column);
	return date;
}

static Datum
read_date(const ColumnReader &column, const tds::Value &value)
{
	return DateADTGetDatum(checked_date(column, value));
}

static Datum
read_time(const ColumnReader &column, const tds::Value &value)
{
	return TimeADTGetDatum(checked(column, tds::read_time(value)));
}

static Datum
read_datetime(const ColumnReader &column, const tds::Value &value)
{
	return TimestampGetDatum(checked(column, tds::read_datetime(value)));
}

static Datum
read_smalldatetime(const ColumnReader &column, const tds::Value &value)
{
	return TimestampGetDatum(checked(column, tds::read_smalldatetime(value)));
}

static Datum
read_datetime2(const ColumnReader &column, const tds::Value &value)
{
	return TimestampGetDatum(checked(column, tds::read_datetime2(value)));
}

static Datum
read_date_as_timestamp(const ColumnReader &column, const tds::Value &value)
{
	return TimestampGetDatum(checked_date(column, value) * tds::usecs_per_day);
}

static Datum
read_datetimeoffset(const ColumnReader &column, const tds::Value &value)
{
	return TimestampTzGetDatum(checked(column, tds::read_datetimeoffset(value)));
}

/* For timestamp(n) and time(n): digits that do not fit must be zero. */
static Datum
read_scaled(const ColumnReader &column, const tds::Value &value)
{
	Datum exact = column.inner(column, value);
	Datum typmod = Int32GetDatum(column.typmod);
	Datum scaled;

	if (column.type == TIMEOID)
		scaled = DirectFunctionCall2(time_scale, exact, typmod);
	else if (column.type == TIMESTAMPOID)
		scaled = DirectFunctionCall2(timestamp_scale, exact, typmod);
	else
		scaled = DirectFunctionCall2(timestamptz_scale, exact, typmod);
	if (scaled != exact)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("value of column \"%s\" has more digits than type %s holds",
							   column.name, format_type_with_typemod(column.type, column.typmod))));
	return exact;
}

/* ---- choosing ---- */

static bool
is_integer(tds::WireType wire)
{
	return wire == tds::WireType::tinyint || wire == tds::WireType::smallint ||
		   wire == tds::WireType::integer || wire == tds::WireType::bigint;
}

static ReadFunction
integer_reader(const ColumnReader &column)
{
	if (!is_integer(column.wire) && column.wire != tds::WireType::bit)
		return nullptr;
	if (column.type == INT2OID)
		return read_int2;
	if (column.type == INT8OID)
		return read_int8;
	return column.wire == tds::WireType::integer ? read_int4_same : read_int4;
}

/* A bigint may not have an exact double. */
static ReadFunction
float8_reader(tds::WireType wire)
{
	bool exact = wire == tds::WireType::float8 || wire == tds::WireType::real ||
				 (is_integer(wire) && wire != tds::WireType::bigint);

	return exact ? read_float8 : nullptr;
}

static ReadFunction
timestamp_reader(tds::WireType wire)
{
	switch (wire)
	{
		case tds::WireType::datetime: return read_datetime;
		case tds::WireType::smalldatetime: return read_smalldatetime;
		case tds::WireType::datetime2: return read_datetime2;
		case tds::WireType::date: return read_date_as_timestamp;
		default: return nullptr;
	}
}

static ReadFunction
scalar_reader(const ColumnReader &column)
{
	tds::WireType wire = column.wire;

	switch (column.type)
	{
		case BOOLOID: return wire == tds::WireType::bit ? read_bool : nullptr;
		case INT2OID:
		case INT4OID:
		case INT8OID: return integer_reader(column);
		case FLOAT4OID: return wire == tds::WireType::real ? read_float4 : nullptr;
		case FLOAT8OID: return float8_reader(wire);
		case BYTEAOID: return wire == tds::WireType::binary ? read_bytea : nullptr;
		case UUIDOID: return wire == tds::WireType::uuid ? read_uuid : nullptr;
		case DATEOID: return wire == tds::WireType::date ? read_date : nullptr;
		case TIMEOID: return wire == tds::WireType::time ? read_time : nullptr;
		case TIMESTAMPOID: return timestamp_reader(wire);
		case TIMESTAMPTZOID:
			return wire == tds::WireType::datetimeoffset ? read_datetimeoffset : nullptr;
		default: return nullptr;
	}
}

bool
choose_scalar_reader(ColumnReader *column)
{
	bool scaled = column->typmod >= 0 && (column->type == TIMEOID || column->type == TIMESTAMPOID ||
										  column->type == TIMESTAMPTZOID);

	column->read = scalar_reader(*column);
	if (column->read != nullptr && scaled)
	{
		column->inner = column->read;
		column->read = read_scaled;
	}
	return column->read != nullptr;
}

} // namespace sambapos::types
