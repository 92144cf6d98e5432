/*
 * decimal, money and integers as numeric, digit for digit. The remote scale is kept as the display
 * scale, so that 1.50 stays 1.50.
 */
#include "tds/decimal.hpp"
#include "types/type_map.hpp"

namespace sambapos::types
{

/* An integer of up to 18 digits takes PostgreSQL's own short way. */
constexpr unsigned __int128 short_limit = INT64_C(1000000000000000000);

constexpr int base_digits = 4;
constexpr int base = 10000;
constexpr int max_groups = 12; /* 38 digits, and the scale need not be a multiple of four */

/* numeric's external binary form: groups of four digits around the decimal point. */
struct Groups
{
	int count;
	int weight; /* of the first group: how many groups stand between it and the point */
	uint16 group[max_groups];
};

static unsigned __int128
power_of_ten(int exponent)
{
	unsigned __int128 result = 1;

	while (exponent-- > 0)
		result *= 10;
	return result;
}

/* Whole part: groups from the right, then turned round. */
static void
add_whole(Groups *groups, unsigned __int128 whole)
{
	int start = groups->count;

	for (; whole > 0; whole /= base)
		groups->group[groups->count++] = static_cast<uint16>(whole % base);
	std::reverse(groups->group + start, groups->group + groups->count);
	groups->weight = groups->count - 1;
}

/* Fraction of `scale` digits: groups from the left, the last one filled up with zeros. */
static void
add_fraction(Groups *groups, unsigned __int128 fraction, int scale)
{
	while (scale > 0)
	{
		int digits = scale < base_digits ? scale : base_digits;
		unsigned __int128 unit = power_of_ten(scale - digits);
		auto group = static_cast<int>(fraction / unit);

		for (int i = digits; i < base_digits; i++)
			group *= 10;
		groups->group[groups->count++] = static_cast<uint16>(group);
		fraction %= unit;
		scale -= digits;
	}
}

static Numeric
numeric_from_groups(const Groups &groups, bool negative, int scale)
{
	StringInfoData message;

	initStringInfo(&message);
	pq_sendint16(&message, static_cast<uint16>(groups.count));
	pq_sendint16(&message, static_cast<uint16>(groups.weight));
	pq_sendint16(&message, negative ? 0x4000 : 0);
	pq_sendint16(&message, static_cast<uint16>(scale));
	for (int i = 0; i < groups.count; i++)
		pq_sendint16(&message, groups.group[i]);
	Datum result = DirectFunctionCall3(numeric_recv, PointerGetDatum(&message),
									   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	pfree(message.data);
	return DatumGetNumeric(result);
}

static Numeric
numeric_from_decimal(const tds::Decimal &decimal)
{
	if (decimal.magnitude < short_limit)
	{
		auto number = static_cast<int64>(decimal.magnitude);

		return int64_div_fast_to_numeric(decimal.negative ? -number : number, decimal.scale);
	}
	unsigned __int128 unit = power_of_ten(decimal.scale);
	Groups groups = {};

	add_whole(&groups, decimal.magnitude / unit);
	add_fraction(&groups, decimal.magnitude % unit, decimal.scale);
	return numeric_from_groups(groups, decimal.negative, decimal.scale);
}

Numeric
read_exact_numeric(const ColumnReader &column, const tds::Value &value)
{
	tds::Decimal decimal;

	switch (column.wire)
	{
		case tds::WireType::decimal:
			if (!tds::read_decimal(value, &decimal))
				malformed(column);
			return numeric_from_decimal(decimal);
		case tds::WireType::money:
		case tds::WireType::smallmoney: return int64_div_fast_to_numeric(tds::read_money(value), 4);
		default: return int64_to_numeric(read_integer(column.wire, value));
	}
}

static Datum
read_numeric(const ColumnReader &column, const tds::Value &value)
{
	return NumericGetDatum(read_exact_numeric(column, value));
}

/* For numeric(p,s) of another shape than the remote column's: digits that do not fit must be zero.
 */
static Datum
read_fitted_numeric(const ColumnReader &column, const tds::Value &value)
{
	Datum exact = NumericGetDatum(read_exact_numeric(column, value));
	Datum fitted = DirectFunctionCall2(numeric, exact, Int32GetDatum(column.typmod));

	if (!DatumGetBool(DirectFunctionCall2(numeric_eq, exact, fitted)))
		out_of_range(column);
	return fitted;
}

/* ---- choosing ---- */

/* How many digits the remote column can have, before and after the point. */
static bool
remote_shape(const ColumnReader &column, int *precision, int *scale)
{
	*scale = 0;
	switch (column.wire)
	{
		case tds::WireType::decimal:
			*precision = column.precision;
			*scale = column.scale;
			return true;
		case tds::WireType::money:
			*precision = 19;
			*scale = 4;
			return true;
		case tds::WireType::smallmoney:
			*precision = 10;
			*scale = 4;
			return true;
		case tds::WireType::bit:
		case tds::WireType::tinyint: *precision = 3; return true;
		case tds::WireType::smallint: *precision = 5; return true;
		case tds::WireType::integer: *precision = 10; return true;
		case tds::WireType::bigint: *precision = 19; return true;
		default: return false;
	}
}

bool
choose_numeric_reader(ColumnReader *column)
{
	int precision;
	int scale;

	if (column->type != NUMERICOID || !remote_shape(*column, &precision, &scale))
		return false;
	int packed = column->typmod - static_cast<int>(VARHDRSZ);
	bool same =
		column->typmod < 0 || (((packed >> 16) & 0xffff) >= precision && (packed & 0x7ff) == scale);

	column->read = same ? read_numeric : read_fitted_numeric;
	return true;
}

} // namespace sambapos::types
