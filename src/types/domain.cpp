/*
 * Domains (rules: domain.hpp).
 */
#include "types/domain.hpp"

namespace sambapos::types
{

/* ---- recorded types ---- */

/* "decimal(16,2)" and its kin: a name and up to two numbers. */
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

constexpr Domain unsupported = {};

Domain
decimal_domain(int precision, int scale)
{
	if (precision < 1 || precision > 38 || scale < 0 || scale > precision)
		return unsupported;
	return {Grid::decimal, precision, scale, false, NUMERICOID};
}

/* Compared on a grid of 19 digits whatever its width: a column that has become wider since it was
 * recorded is still compared rightly. */
Domain
integer_domain(Oid type)
{
	return {Grid::integer, 19, 0, false, type};
}

Domain
plain_domain(Grid grid, Oid type, int scale)
{
	Domain domain = {};

	domain.grid = grid;
	domain.scale = scale;
	domain.type = type;
	domain.first_day = calendar_begin;
	domain.last_day = calendar_end;
	if (grid == Grid::datetime)
		domain.first_day = -90214; /* 1753-01-01 */
	else if (grid == Grid::smalldatetime)
	{
		domain.first_day = -36524; /* 1900-01-01 */
		domain.last_day = 29011;   /* 2079-06-06 */
	}
	return domain;
}

static Domain
integer_column(Oid local_type, const RemoteType &type)
{
	Domain domain = integer_domain(local_type);

	domain.needs_cast = !is_named(type, local_type == INT2OID   ? "smallint"
										: local_type == INT4OID ? "int"
																: "bigint");
	return domain;
}

/* The scale of numeric(p,s), -1 of a plain numeric. */
static int
scale_of_typmod(int32 typmod)
{
	if (typmod < static_cast<int32>(VARHDRSZ))
		return -1;
	return (((typmod - static_cast<int32>(VARHDRSZ)) & 0x7ff) ^ 1024) - 1024;
}

static Domain
numeric_column(const RemoteType &type, int32 typmod)
{
	Domain domain = unsupported;

	if (is_integer_type(type))
		domain = integer_domain(NUMERICOID);
	else if (is_named(type, "money"))
		domain = decimal_domain(19, 4);
	else if (is_named(type, "smallmoney"))
		domain = decimal_domain(10, 4);
	else if (is_named(type, "decimal") || is_named(type, "numeric"))
		domain = decimal_domain(type.members > 1 ? type.first : 18, type.second);
	domain.needs_cast = !is_named(type, "decimal") && !is_named(type, "numeric");

	int scale = scale_of_typmod(typmod);

	domain.other_scale = scale >= 0 && scale != domain.scale;
	return domain;
}

static Domain
moment_column(const RemoteType &type)
{
	int digits = type.members > 1 ? type.first : 7;

	if (is_named(type, "date"))
		return plain_domain(Grid::date, TIMESTAMPOID);
	if (is_named(type, "datetime"))
		return plain_domain(Grid::datetime, TIMESTAMPOID);
	if (is_named(type, "smalldatetime"))
		return plain_domain(Grid::smalldatetime, TIMESTAMPOID);
	if (is_named(type, "datetime2") && digits >= 0 && digits <= 7)
		return plain_domain(Grid::datetime2, TIMESTAMPOID, digits);
	return unsupported;
}

Domain
column_domain(Oid local_type, int32 typmod, const char *remote_type)
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
			return !is_recorded || is_named(type, "bit") ? plain_domain(Grid::bit, BOOLOID)
														 : unsupported;
		case NUMERICOID: return numeric_column(type, typmod);
		case DATEOID:
			return is_named(type, "date") ? plain_domain(Grid::date, DATEOID) : unsupported;
		case TIMESTAMPOID: return moment_column(type);
		case UUIDOID:
			return is_named(type, "uniqueidentifier") ? plain_domain(Grid::uuid, UUIDOID)
													  : unsupported;
		default: return unsupported;
	}
}

const char *
type_name(const Domain &domain)
{
	switch (domain.grid)
	{
		case Grid::integer:
			switch (domain.type)
			{
				case INT2OID: return "smallint";
				case INT4OID: return "int";
				case INT8OID: return "bigint";
				default: return "decimal(19,0)";
			}
		case Grid::decimal: return psprintf("decimal(%d,%d)", domain.precision, domain.scale);
		case Grid::bit: return "bit";
		case Grid::date: return "date";
		case Grid::datetime: return "datetime";
		case Grid::smalldatetime: return "smalldatetime";
		case Grid::datetime2: return psprintf("datetime2(%d)", domain.scale);
		case Grid::uuid: return "uniqueidentifier";
		case Grid::text: return domain.scale == 1 ? "nvarchar(max)" : "varchar(max)";
		case Grid::unsupported: break;
	}
	elog(ERROR, "a value that can't be sent has no T-SQL type");
}

bool
is_moment(const Domain &domain)
{
	return domain.grid == Grid::date || domain.grid == Grid::datetime ||
		   domain.grid == Grid::smalldatetime || domain.grid == Grid::datetime2;
}

static bool
is_rounded(const Domain &domain)
{
	return domain.grid == Grid::datetime2 && domain.scale > 6;
}

bool
is_coarse(const Domain &domain)
{
	return domain.by_day || is_rounded(domain);
}

/* ---- what may be done ---- */

bool
may_fetch(const Domain &domain)
{
	return domain.grid != Grid::unsupported && !domain.by_day && !domain.other_scale;
}

bool
may_group(const Domain &domain)
{
	return domain.grid != Grid::unsupported && !is_coarse(domain);
}

/* uniqueidentifier is ordered by its last bytes first. */
bool
may_order(const Domain &domain)
{
	return may_order_result(domain) && domain.grid != Grid::text;
}

bool
may_order_result(const Domain &domain)
{
	return may_group(domain) && domain.grid != Grid::uuid;
}

bool
may_rank(const Domain &domain)
{
	return domain.grid != Grid::unsupported && !domain.by_day && domain.grid != Grid::uuid &&
		   domain.grid != Grid::bit;
}

/* A decimal type of 38 digits holds both exactly. */
static bool
have_common_decimal(const Domain &left, const Domain &right)
{
	int places = std::max(left.precision - left.scale, right.precision - right.scale);

	return places + std::max(left.scale, right.scale) <= 38;
}

/* datetime beside date or datetime2 is converted in a way that depends on the database's
 * compatibility level. */
static bool
have_common_moment(const Domain &left, const Domain &right)
{
	bool left_ticks = left.grid == Grid::datetime || left.grid == Grid::smalldatetime;
	bool right_ticks = right.grid == Grid::datetime || right.grid == Grid::smalldatetime;

	return left_ticks == right_ticks && !is_coarse(left) && !is_coarse(right);
}

bool
may_compare(const Domain &left, const Domain &right, bool is_ordered)
{
	bool left_number = left.grid == Grid::integer || left.grid == Grid::decimal;
	bool right_number = right.grid == Grid::integer || right.grid == Grid::decimal;

	if (left_number && right_number)
		return left.grid == right.grid
				   ? left.grid == Grid::integer || have_common_decimal(left, right)
				   : have_common_decimal(left, right);
	if (is_moment(left) && is_moment(right))
		return have_common_moment(left, right);
	return left.grid == right.grid && left.grid != Grid::unsupported &&
		   (!is_ordered || left.grid == Grid::text);
}

} // namespace sambapos::types
