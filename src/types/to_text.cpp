/*
 * Text: from the server's characters, from UTF-16 bytes, and from every other type in one canonical
 * form that no setting changes. A reader is a source (value to UTF-8) and a sink (text to Datum).
 *
 * Canonical forms: digits; shortest exact floats; 0x and hexadecimal digits for bytes; ISO dates;
 * a datetimeoffset in UTC with +00.
 */
#include "tds/temporal.hpp"
#include "types/type_map.hpp"

namespace sambapos::types
{

/* ---- sources ---- */

static std::string_view
wire_text(const ColumnReader &, const tds::Value &value)
{
	return {reinterpret_cast<const char *>(value.data), static_cast<size_t>(value.length)};
}

/* One code point of UTF-16LE; a lone surrogate and NUL give U+FFFD and *valid = false. */
static char32_t
next_code_point(const unsigned char *units, int count, int *index, bool *valid)
{
	auto unit = [&](int i) { return static_cast<char32_t>(units[2 * i] | units[2 * i + 1] << 8); };
	char32_t first = unit((*index)++);

	if (first != 0 && (first < 0xD800 || first > 0xDFFF))
		return first;
	if (first <= 0xDBFF && *index < count)
	{
		char32_t second = unit(*index);

		if (second >= 0xDC00 && second <= 0xDFFF)
		{
			(*index)++;
			return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
		}
	}
	*valid = false;
	return 0xFFFD;
}

/* Copies ASCII, most of what there is, as far as it goes in blocks (NUL is not among it); gives the
 * number of units. A block has no branch inside, so that compilers make vector instructions of it.
 */
static int
copy_ascii(const unsigned char *units, int count, unsigned char *text)
{
	constexpr int block = 8;
	int copied = 0;

	for (; copied + block <= count; copied += block)
	{
		unsigned others = 0;

		for (int i = 0; i < block; i++)
		{
			unsigned low = units[2 * (copied + i)];

			others |= units[2 * (copied + i) + 1] | ((low | (low - 1)) & 0x80);
			text[copied + i] = static_cast<unsigned char>(low);
		}
		if (others != 0)
			break;
	}
	return copied;
}

/* A unit of UTF-16 becomes three bytes of UTF-8 at most; two of a pair become four. */
static Size
utf8_room(const tds::Value &value)
{
	return static_cast<Size>(value.length / 2) * 3 + 1;
}

/* Text that was fetched as the bytes of its UTF-16, so that nothing is lost on the way. Writes
 * valid UTF-8 without NUL; gives its end. */
static unsigned char *
decode_utf16(const ColumnReader &column, const tds::Value &value, unsigned char *text)
{
	int count = value.length / 2;
	bool valid = value.length % 2 == 0;
	int i = copy_ascii(value.data, count, text);
	unsigned char *end = text + i;

	while (i < count)
	{
		const unsigned char *unit = value.data + 2 * static_cast<ptrdiff_t>(i);

		if (unit[1] == 0 && unit[0] - 1U < 0x7FU) /* ASCII: most of it, and no function calls */
		{
			*end++ = unit[0];
			i++;
			continue;
		}
		unicode_to_utf8(next_code_point(value.data, count, &i, &valid), end);
		end += pg_utf_mblen(end);
	}
	if (!valid)
		warn_replaced(column);
	return end;
}

static std::string_view
utf16_text(const ColumnReader &column, const tds::Value &value)
{
	auto *text = static_cast<unsigned char *>(palloc(utf8_room(value)));
	const unsigned char *end = decode_utf16(column, value, text);

	return {reinterpret_cast<char *>(text), static_cast<size_t>(end - text)};
}

static std::string_view
number_text(const ColumnReader &column, const tds::Value &value)
{
	Datum number = NumericGetDatum(read_exact_numeric(column, value));

	return DatumGetCString(DirectFunctionCall1(numeric_out, number));
}

static std::string_view
float_text(const ColumnReader &column, const tds::Value &value)
{
	auto *text = static_cast<char *>(palloc(DOUBLE_SHORTEST_DECIMAL_LEN));
	float single_precision;
	double double_precision;

	if (column.wire == tds::WireType::real)
	{
		std::memcpy(&single_precision, value.data, sizeof single_precision);
		float_to_shortest_decimal_buf(single_precision, text);
		return text;
	}
	std::memcpy(&double_precision, value.data, sizeof double_precision);
	double_to_shortest_decimal_buf(double_precision, text);
	return text;
}

static std::string_view
bytes_text(const ColumnReader &, const tds::Value &value)
{
	static constexpr char digits[] = "0123456789ABCDEF";
	auto *text = static_cast<char *>(palloc(2 * static_cast<Size>(value.length) + 2));
	char *end = text;

	*end++ = '0';
	*end++ = 'x';
	for (int i = 0; i < value.length; i++)
	{
		*end++ = digits[value.data[i] >> 4];
		*end++ = digits[value.data[i] & 15];
	}
	return {text, static_cast<size_t>(end - text)};
}

static std::string_view
uuid_text(const ColumnReader &column, const tds::Value &value)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, column.inner(column, value)));
}

static std::string_view
date_text(const ColumnReader &column, const tds::Value &value)
{
	auto *text = static_cast<char *>(palloc(MAXDATELEN + 1));
	struct pg_tm parts = {};
	int32 date = tds::read_date(value);

	if (date == tds::not_a_date)
		malformed(column);
	j2date(date + POSTGRES_EPOCH_JDATE, &parts.tm_year, &parts.tm_mon, &parts.tm_mday);
	EncodeDateOnly(&parts, USE_ISO_DATES, text);
	return text;
}

static std::string_view
time_text(const ColumnReader &column, const tds::Value &value)
{
	auto *text = static_cast<char *>(palloc(MAXDATELEN + 1));
	struct pg_tm parts = {};
	fsec_t fraction;
	int64 time = tds::read_time(value);

	if (time == tds::not_a_datetime)
		malformed(column);
	time2tm(time, &parts, &fraction);
	EncodeTimeOnly(&parts, fraction, false, 0, USE_ISO_DATES, text);
	return text;
}

static std::string_view
datetime_text(const ColumnReader &column, Timestamp datetime, bool utc)
{
	auto *text = static_cast<char *>(palloc(MAXDATELEN + 1));
	struct pg_tm parts = {};
	fsec_t fraction;

	if (datetime == tds::not_a_datetime ||
		timestamp2tm(datetime, nullptr, &parts, &fraction, nullptr, nullptr) != 0)
		malformed(column);
	parts.tm_isdst = utc ? 0 : -1; /* a negative one hides the zone */
	EncodeDateTime(&parts, fraction, utc, 0, nullptr, USE_ISO_DATES, text);
	return text;
}

static std::string_view
timestamp_text(const ColumnReader &column, const tds::Value &value)
{
	switch (column.wire)
	{
		case tds::WireType::datetime:
			return datetime_text(column, tds::read_datetime(value), false);
		case tds::WireType::smalldatetime:
			return datetime_text(column, tds::read_smalldatetime(value), false);
		case tds::WireType::datetime2:
			return datetime_text(column, tds::read_datetime2(value), false);
		default: return datetime_text(column, tds::read_datetimeoffset(value), true);
	}
}

/* ---- the database's encoding ---- */

[[noreturn]] static void
not_text(const ColumnReader &column, std::string_view text)
{
	bool has_nul = std::memchr(text.data(), '\0', text.size()) != nullptr;

	ereport(ERROR, (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
					has_nul ? errmsg("text of column \"%s\" holds a NUL character", column.name)
							: errmsg("text of column \"%s\" is not valid UTF-8", column.name),
					errdetail("PostgreSQL's text cannot hold it.%s", which_row(column.row))));
	pg_unreachable();
}

/* With invalid_text replace: every NUL becomes U+FFFD. */
static std::string_view
without_nul(const ColumnReader &column, std::string_view text)
{
	static constexpr std::string_view replacement = "\xEF\xBF\xBD";
	auto *result = static_cast<char *>(palloc(text.size() * replacement.size()));
	char *end = result;

	for (char c : text)
	{
		if (c != '\0')
			*end++ = c;
		else
		{
			std::memcpy(end, replacement.data(), replacement.size());
			end += replacement.size();
		}
	}
	warn_replaced(column);
	return {result, static_cast<size_t>(end - result)};
}

/* UTF-8 that PostgreSQL takes; nearly always the same bytes. */
static std::string_view
valid_utf8(const ColumnReader &column, std::string_view text)
{
	if (likely(pg_verify_mbstr(PG_UTF8, text.data(), static_cast<int>(text.size()), true)))
		return text;
	std::string_view cleaned = column.row->unreadable != Unreadable::refused
								   ? without_nul(column, text)
								   : std::string_view();

	if (cleaned.empty() ||
		!pg_verify_mbstr(PG_UTF8, cleaned.data(), static_cast<int>(cleaned.size()), true))
		not_text(column, text);
	return cleaned;
}

/* PostgreSQL's own error names the bytes; what one looks for is the column and the row. */
[[noreturn]] static void
not_in_encoding(const ColumnReader &column, std::string_view text, int converted)
{
	const auto *character = reinterpret_cast<const unsigned char *>(text.data()) + converted;

	ereport(ERROR,
			(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
			 errmsg("text of column \"%s\" has no equivalent in encoding \"%s\"", column.name,
					GetDatabaseEncodingName()),
			 errdetail("It holds the character U+%04X.%s",
					   static_cast<unsigned>(utf8_to_unicode(character)), which_row(column.row)),
			 errhint("Use a database with encoding UTF8.")));
	pg_unreachable();
}

static std::string_view
convert(const ColumnReader &column, std::string_view text, Oid conversion)
{
	Size size = text.size() * MAX_CONVERSION_GROWTH + 1;
	auto *target = static_cast<unsigned char *>(palloc(size));
	auto *source = reinterpret_cast<unsigned char *>(const_cast<char *>(text.data()));
	int done = pg_do_encoding_conversion_buf(conversion, PG_UTF8, GetDatabaseEncoding(), source,
											 static_cast<int>(text.size()), target,
											 static_cast<int>(size), true);

	if (static_cast<size_t>(done) < text.size())
		not_in_encoding(column, text, done);
	return reinterpret_cast<char *>(target);
}

static std::string_view
to_database_encoding(const ColumnReader &column, std::string_view text)
{
	std::string_view valid = valid_utf8(column, text);

	if (GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII || valid.empty())
		return valid;
	Oid conversion = FindDefaultConversionProc(PG_UTF8, GetDatabaseEncoding());

	if (!OidIsValid(conversion) || valid.size() >= MaxAllocSize / MAX_CONVERSION_GROWTH)
		return pg_any_to_server(valid.data(), static_cast<int>(valid.size()), PG_UTF8);
	return convert(column, valid, conversion);
}

/* ---- sinks ---- */

static Datum
make_text(const ColumnReader &, std::string_view text)
{
	return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
}

[[noreturn]] static void
too_long(const ColumnReader &column)
{
	ereport(ERROR, (errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
					errmsg("value of column \"%s\" is too long for type %s", column.name,
						   format_type_with_typemod(column.type, column.typmod)),
					errhint("Declare the column as text.")));
	pg_unreachable();
}

static int
characters(std::string_view text)
{
	return pg_mbstrlen_with_len(text.data(), static_cast<int>(text.size()));
}

static Datum
make_varchar(const ColumnReader &column, std::string_view text)
{
	auto limit = static_cast<size_t>(column.typmod - static_cast<int>(VARHDRSZ));

	if (text.size() > limit && static_cast<size_t>(characters(text)) > limit)
		too_long(column);
	return make_text(column, text);
}

/* Blank-padded to the declared length, as PostgreSQL keeps it. */
static Datum
make_bpchar(const ColumnReader &column, std::string_view text)
{
	int limit = column.typmod - static_cast<int>(VARHDRSZ);
	int length = characters(text);

	if (length > limit)
		too_long(column);
	Size size = VARHDRSZ + text.size() + static_cast<size_t>(limit - length);
	auto *result = static_cast<BpChar *>(palloc(size));

	SET_VARSIZE(result, size);
	std::memcpy(VARDATA(result), text.data(), text.size());
	std::memset(VARDATA(result) + text.size(), ' ', static_cast<size_t>(limit - length));
	return PointerGetDatum(result);
}

static Datum
make_name(const ColumnReader &column, std::string_view text)
{
	auto *result = static_cast<Name>(palloc0(NAMEDATALEN));

	if (text.size() >= NAMEDATALEN)
		too_long(column);
	std::memcpy(NameStr(*result), text.data(), text.size());
	return NameGetDatum(result);
}

/* json, jsonb: what the type's own input makes of it. */
static Datum
make_by_input(const ColumnReader &column, std::string_view text)
{
	char *copy = pnstrdup(text.data(), text.size());

	return InputFunctionCall(column.input, copy, column.input_parameter, column.typmod);
}

/* Not by xml's own input: xmloption would say there whether SQL Server's fragments are xml. */
static Datum
make_xml(const ColumnReader &, std::string_view text)
{
	return XmlPGetDatum(
		xmlparse(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())),
				 XMLOPTION_CONTENT, true));
}

/* ---- readers ---- */

static Datum
read_by_source(const ColumnReader &column, const tds::Value &value)
{
	return column.sink(column, to_database_encoding(column, column.source(column, value)));
}

/* The way of nearly all text: no conversion, one copy. */
static Datum
read_utf8_text(const ColumnReader &column, const tds::Value &value)
{
	return make_text(column, valid_utf8(column, wire_text(column, value)));
}

/* The same for text that was fetched as its bytes. */
static Datum
read_utf16_text(const ColumnReader &column, const tds::Value &value)
{
	auto *result = static_cast<text *>(palloc(VARHDRSZ + utf8_room(value)));
	auto *begin = reinterpret_cast<unsigned char *>(result);
	const unsigned char *end = decode_utf16(column, value, begin + VARHDRSZ);

	SET_VARSIZE(result, end - begin);
	return PointerGetDatum(result);
}

/* ---- choosing ---- */

bool
is_national_type(const char *remote_type)
{
	return pg_strncasecmp(remote_type, "nvarchar", 8) == 0 ||
		   pg_strncasecmp(remote_type, "nchar", 5) == 0 ||
		   pg_strncasecmp(remote_type, "ntext", 5) == 0 ||
		   pg_strncasecmp(remote_type, "sysname", 7) == 0 ||
		   pg_strcasecmp(remote_type, "sql_variant") == 0; /* fetched as nvarchar */
}

bool
is_text_type(const char *remote_type)
{
	return is_national_type(remote_type) || pg_strncasecmp(remote_type, "varchar", 7) == 0 ||
		   pg_strncasecmp(remote_type, "char", 4) == 0 ||
		   pg_strncasecmp(remote_type, "text", 4) == 0;
}

static TextSource
choose_source(ColumnReader *column, const char *remote_type)
{
	switch (column->wire)
	{
		case tds::WireType::text: return wire_text;
		case tds::WireType::binary:
			return is_fetched_as_bytes(*column, remote_type) ? utf16_text : bytes_text;
		case tds::WireType::real:
		case tds::WireType::float8: return float_text;
		case tds::WireType::date: return date_text;
		case tds::WireType::time: return time_text;
		case tds::WireType::datetime:
		case tds::WireType::smalldatetime:
		case tds::WireType::datetime2:
		case tds::WireType::datetimeoffset: return timestamp_text;
		case tds::WireType::uuid:
		{
			ColumnReader uuid = *column;

			uuid.type = UUIDOID;
			choose_scalar_reader(&uuid);
			column->inner = uuid.read;
			return uuid_text;
		}
		case tds::WireType::unsupported: return nullptr;
		default: return number_text;
	}
}

static bool
is_source_text(const ColumnReader *column)
{
	return column->source == wire_text || column->source == utf16_text;
}

static TextSink
input_sink(ColumnReader *column)
{
	Oid function;

	if (!is_source_text(column))
		return nullptr;
	getTypeInputInfo(column->type, &function, &column->input_parameter);
	column->input = static_cast<FmgrInfo *>(palloc(sizeof(FmgrInfo)));
	fmgr_info(function, column->input);
	return make_by_input;
}

static TextSink
choose_sink(ColumnReader *column)
{
	switch (column->type)
	{
		case TEXTOID: return make_text;
		case VARCHAROID: return column->typmod >= 0 ? make_varchar : make_text;
		case BPCHAROID: return column->typmod >= 0 ? make_bpchar : make_text;
		case NAMEOID: return make_name;
		case JSONOID:
		case JSONBOID: return input_sink(column);
		case XMLOID: return is_source_text(column) ? make_xml : nullptr;
		default: return nullptr;
	}
}

bool
choose_text_reader(ColumnReader *column, const char *remote_type)
{
	column->source = choose_source(column, remote_type);
	if (column->source == nullptr)
		return false;
	column->sink = choose_sink(column);
	if (column->sink == nullptr)
		return false;
	bool as_it_is = column->sink == make_text && GetDatabaseEncoding() == PG_UTF8;

	if (as_it_is && column->source == wire_text)
		column->read = read_utf8_text;
	else if (as_it_is && column->source == utf16_text)
		column->read = read_utf16_text;
	else
		column->read = read_by_source;
	return true;
}

} // namespace sambapos::types
