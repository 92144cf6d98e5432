/*
 * Does a column arrive with the type that was recorded of it? What is sent relies on the record: a
 * list of decimals leaves out what lies between two of the column's points, a moment becomes a
 * tick. Wider types of the same points (bigint for int, more digits before the point) change
 * nothing, nor does a time of fewer digits.
 */
#include "types/domain.hpp"
#include "types/type_map.hpp"

namespace sambapos::types
{

/* Digits behind the point; -1 of what is no number. */
static int
scale_of(const ColumnReader &column)
{
	switch (column.wire)
	{
		case tds::WireType::decimal: return column.scale;
		case tds::WireType::money:
		case tds::WireType::smallmoney: return 4;
		case tds::WireType::tinyint:
		case tds::WireType::smallint:
		case tds::WireType::integer:
		case tds::WireType::bigint: return 0;
		default: return -1;
	}
}

static bool
has_points(const ColumnReader &column, const Domain &recorded)
{
	switch (recorded.grid)
	{
		case Grid::integer: return scale_of(column) == 0;
		case Grid::decimal: return scale_of(column) == recorded.scale;
		case Grid::bit: return column.wire == tds::WireType::bit;
		case Grid::date: return column.wire == tds::WireType::date;
		case Grid::datetime: return column.wire == tds::WireType::datetime;
		case Grid::smalldatetime: return column.wire == tds::WireType::smalldatetime;
		case Grid::datetime2:
			return column.wire == tds::WireType::datetime2 && column.scale <= recorded.scale;
		case Grid::uuid: return column.wire == tds::WireType::uuid;
		default: return true;
	}
}

void
check_recorded_type(const ColumnReader &column, const char *remote_type)
{
	if (remote_type[0] == '\0' ||
		has_points(column, column_domain(column.type, column.typmod, remote_type)))
		return;
	ereport(ERROR, (errcode(ERRCODE_FDW_INCONSISTENT_DESCRIPTOR_INFORMATION),
					errmsg("column \"%s\" isn't of type %s any more at the server", column.name,
						   remote_type),
					errdetail("Conditions and computations are sent by the recorded type."),
					errhint("Import the table again, or set the column's option remote_type.")));
}

} // namespace sambapos::types
