/*
 * T-SQL types of values (rules: tsql_type.hpp).
 */
#include "types/tsql_type.hpp"

namespace sambapos::types
{

/* ---- recorded types ---- */

/* "decimal(16,2)" and the like: a name and up to two numbers. */
struct RemoteType
{
	char name[32];
	int first;
	int second;
	int members; /* how many of the three are there */
};

static RemoteType
parse_remote_type(const char *text)
{
	RemoteType type = {};

	type.members =
		sscanf(text, "%31[a-zA-Z0-9_] ( %d , %d )", type.name, &type.first, &type.second);
	return type;
}

static bool
is_named(const RemoteType &type, const char *name)
{
	return pg_strcasecmp(type.name, name) == 0;
}

static bool
is_integer_type(const RemoteType &type)
{
	return is_named(type, "int") || is_named(type, "bigint") || is_named(type, "smallint") ||
		   is_named(type, "tinyint");
}

constexpr TsqlType unsupported = {};

TsqlType
decimal_type(int precision, int scale)
{
	if (precision < 1 || precision > 38 || scale < 0 || scale > precision)
		return unsupported;
	return {TypeKind::decimal, precision, scale, false, NUMERICOID};
}

/* Compared with 19 digits whatever its width: a column that has become wider since it was
 * recorded is still compared rightly. */
TsqlType
integer_type(Oid type)
{
	return {TypeKind::integer, 19, 0, false, type};
}

TsqlType
plain_type(TypeKind kind, Oid type, int scale)
{
	TsqlType tsql_type = {};

	tsql_type.kind = kind;
	tsql_type.scale = scale;
	tsql_type.local_type = type;
	tsql_type.first_day = calendar_begin;
	tsql_type.last_day = calendar_end;
	if (kind == TypeKind::datetime)
		tsql_type.first_day = -90214; /* 1753-01-01 */
	else if (kind == TypeKind::smalldatetime)
	{
		tsql_type.first_day = -36524; /* 1900-01-01 */
		tsql_type.last_day = 29011;   /* 2079-06-06 */
	}
	return tsql_type;
}

static TsqlType
integer_column(Oid local_type, const RemoteType &type)
{
	TsqlType tsql_type = integer_type(local_type);

	tsql_type.needs_cast = !is_named(type, local_type == INT2OID   ? "smallint"
										   : local_type == INT4OID ? "int"
																   : "bigint");
	return tsql_type;
}

/* The scale of numeric(p,s), -1 of a plain numeric. */
static int
scale_of_typmod(int32 typmod)
{
	if (typmod < static_cast<int32>(VARHDRSZ))
		return -1;
	return (((typmod - static_cast<int32>(VARHDRSZ)) & 0x7ff) ^ 1024) - 1024;
}

static TsqlType
numeric_column(const RemoteType &type, int32 typmod)
{
	TsqlType tsql_type = unsupported;

	if (is_integer_type(type))
		tsql_type = integer_type(NUMERICOID);
	else if (is_named(type, "money"))
		tsql_type = decimal_type(19, 4);
	else if (is_named(type, "smallmoney"))
		tsql_type = decimal_type(10, 4);
	else if (is_named(type, "decimal") || is_named(type, "numeric"))
		tsql_type = decimal_type(type.members > 1 ? type.first : 18, type.second);
	tsql_type.needs_cast = !is_named(type, "decimal") && !is_named(type, "numeric");

	int scale = scale_of_typmod(typmod);

	tsql_type.other_scale = scale >= 0 && scale != tsql_type.scale;
	return tsql_type;
}

static TsqlType
datetime_column(const RemoteType &type)
{
	int digits = type.members > 1 ? type.first : 7;

	if (is_named(type, "date"))
		return plain_type(TypeKind::date, TIMESTAMPOID);
	if (is_named(type, "datetime"))
		return plain_type(TypeKind::datetime, TIMESTAMPOID);
	if (is_named(type, "smalldatetime"))
		return plain_type(TypeKind::smalldatetime, TIMESTAMPOID);
	if (is_named(type, "datetime2") && digits >= 0 && digits <= 7)
		return plain_type(TypeKind::datetime2, TIMESTAMPOID, digits);
	return unsupported;
}

TsqlType
column_type(Oid local_type, int32 typmod, const char *remote_type)
{
	RemoteType type = parse_remote_type(remote_type);
	bool is_recorded = type.members > 0;

	switch (local_type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return !is_recorded || is_integer_type(type) ? integer_column(local_type, type)
														 : unsupported;
		case BOOLOID:
			return !is_recorded || is_named(type, "bit") ? plain_type(TypeKind::bit, BOOLOID)
														 : unsupported;
		case NUMERICOID: return numeric_column(type, typmod);
		case DATEOID:
			return is_named(type, "date") ? plain_type(TypeKind::date, DATEOID) : unsupported;
		case TIMESTAMPOID: return datetime_column(type);
		case UUIDOID:
			return is_named(type, "uniqueidentifier") ? plain_type(TypeKind::uuid, UUIDOID)
													  : unsupported;
		default: return unsupported;
	}
}

const char *
type_name(const TsqlType &tsql_type)
{
	switch (tsql_type.kind)
	{
		case TypeKind::integer:
			switch (tsql_type.local_type)
			{
				case INT2OID: return "smallint";
				case INT4OID: return "int";
				case INT8OID: return "bigint";
				default: return "decimal(19,0)";
			}
		case TypeKind::decimal:
			return psprintf("decimal(%d,%d)", tsql_type.precision, tsql_type.scale);
		case TypeKind::bit: return "bit";
		case TypeKind::date: return "date";
		case TypeKind::datetime: return "datetime";
		case TypeKind::smalldatetime: return "smalldatetime";
		case TypeKind::datetime2: return psprintf("datetime2(%d)", tsql_type.scale);
		case TypeKind::uuid: return "uniqueidentifier";
		case TypeKind::text: return tsql_type.scale == 1 ? "nvarchar(max)" : "varchar(max)";
		case TypeKind::unsupported: break;
	}
	elog(ERROR, "a value that cannot be sent has no T-SQL type");
}

bool
is_datetime(const TsqlType &tsql_type)
{
	return tsql_type.kind == TypeKind::date || tsql_type.kind == TypeKind::datetime ||
		   tsql_type.kind == TypeKind::smalldatetime || tsql_type.kind == TypeKind::datetime2;
}

static bool
is_rounded(const TsqlType &tsql_type)
{
	return tsql_type.kind == TypeKind::datetime2 && tsql_type.scale > 6;
}

bool
is_coarse(const TsqlType &tsql_type)
{
	return tsql_type.by_day || is_rounded(tsql_type);
}

/* ---- what may be done ---- */

bool
may_fetch(const TsqlType &tsql_type)
{
	return tsql_type.kind != TypeKind::unsupported && !tsql_type.by_day && !tsql_type.other_scale;
}

bool
may_group(const TsqlType &tsql_type)
{
	return tsql_type.kind != TypeKind::unsupported && !is_coarse(tsql_type);
}

/* uniqueidentifier is ordered by its last bytes first. */
bool
may_order(const TsqlType &tsql_type)
{
	return may_group(tsql_type) && tsql_type.kind != TypeKind::uuid;
}

bool
may_rank(const TsqlType &tsql_type)
{
	return tsql_type.kind != TypeKind::unsupported && !tsql_type.by_day &&
		   tsql_type.kind != TypeKind::uuid && tsql_type.kind != TypeKind::bit;
}

/* A decimal type of 38 digits holds both exactly. */
static bool
have_common_decimal(const TsqlType &left, const TsqlType &right)
{
	int places = std::max(left.precision - left.scale, right.precision - right.scale);

	return places + std::max(left.scale, right.scale) <= 38;
}

/* datetime beside date or datetime2 is converted in a way that depends on the database's
 * compatibility level. */
static bool
have_common_datetime(const TsqlType &left, const TsqlType &right)
{
	bool left_ticks = left.kind == TypeKind::datetime || left.kind == TypeKind::smalldatetime;
	bool right_ticks = right.kind == TypeKind::datetime || right.kind == TypeKind::smalldatetime;

	return left_ticks == right_ticks && !is_coarse(left) && !is_coarse(right);
}

bool
may_compare(const TsqlType &left, const TsqlType &right, bool is_ordered)
{
	bool left_number = left.kind == TypeKind::integer || left.kind == TypeKind::decimal;
	bool right_number = right.kind == TypeKind::integer || right.kind == TypeKind::decimal;

	if (left_number && right_number)
		return left.kind == right.kind
				   ? left.kind == TypeKind::integer || have_common_decimal(left, right)
				   : have_common_decimal(left, right);
	if (is_datetime(left) && is_datetime(right))
		return have_common_datetime(left, right);
	return left.kind == right.kind && left.kind != TypeKind::unsupported &&
		   (!is_ordered || left.kind == TypeKind::text);
}

} // namespace sambapos::types
