/*
 * Checks that a column arrives with the type that was recorded for it. What is sent relies on the
 * record: a list of decimals leaves out what the column cannot represent, a datetime becomes a
 * tick. Wider types with the same values (bigint for int, more digits before the point) change
 * nothing, nor does a time of fewer digits.
 */
#include "types/tsql_type.hpp"
#include "types/type_map.hpp"

namespace sambapos::types
{

/* Digits after the point; -1 of what is not a number. */
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
has_same_values(const ColumnReader &column, const TsqlType &recorded)
{
	switch (recorded.kind)
	{
		case TypeKind::integer: return scale_of(column) == 0;
		case TypeKind::decimal: return scale_of(column) == recorded.scale;
		case TypeKind::bit: return column.wire == tds::WireType::bit;
		case TypeKind::date: return column.wire == tds::WireType::date;
		case TypeKind::datetime: return column.wire == tds::WireType::datetime;
		case TypeKind::smalldatetime: return column.wire == tds::WireType::smalldatetime;
		case TypeKind::datetime2:
			return column.wire == tds::WireType::datetime2 && column.scale <= recorded.scale;
		case TypeKind::uuid: return column.wire == tds::WireType::uuid;
		default: return true;
	}
}

void
check_recorded_type(const ColumnReader &column, const char *remote_type)
{
	if (remote_type[0] == '\0' ||
		has_same_values(column, column_type(column.type, column.typmod, remote_type)))
		return;
	ereport(ERROR, (errcode(ERRCODE_FDW_INCONSISTENT_DESCRIPTOR_INFORMATION),
					errmsg("column \"%s\" is no longer of type %s at the server", column.name,
						   remote_type),
					errdetail("Conditions and expressions are sent as the recorded type requires."),
					errhint("Import the table again, or set the column's option remote_type.")));
}

} // namespace sambapos::types
