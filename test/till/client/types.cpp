/*
 * `types`: tables TypeSamples (every SQL Server type, edge values) and TypeInvalidText (text that
 * is not valid Unicode). What a server refuses, column or value, is reported on standard output,
 * and the rest is made all the same.
 */
#include "client/command.hpp"

#include <algorithm>
#include <cstdio>

namespace tillctl
{

namespace
{

struct Sample
{
	const char *column;
	const char *type;
	std::vector<std::string> values; /* T-SQL expressions; the rows that lack one hold NULL */
};

std::string
repeated(const char *expression, int count)
{
	return std::string("REPLICATE(CAST(") + expression + " AS nvarchar(max)), " +
		   std::to_string(count) + ")";
}

std::string
nines(int count)
{
	return std::string(static_cast<size_t>(count), '9');
}

const std::vector<Sample> &
samples()
{
	static const std::vector<Sample> list = {
		{"c_bit", "bit", {"0", "1"}},
		{"c_tinyint", "tinyint", {"0", "255"}},
		{"c_smallint", "smallint", {"-32768", "32767", "0"}},
		{"c_int", "int", {"-2147483648", "2147483647", "0"}},
		{"c_bigint", "bigint", {"-9223372036854775808", "9223372036854775807", "0"}},
		{"c_decimal_38_0", "decimal(38,0)", {"-" + nines(38), nines(38), "0", "1"}},
		{"c_decimal_38_38", "decimal(38,38)", {"-0." + nines(38), "0." + nines(38), "0"}},
		{"c_decimal_16_2",
		 "decimal(16,2)",
		 {"-99999999999999.99", "99999999999999.99", "-0.01", "0"}},
		{"c_decimal_16_3", "decimal(16,3)", {"-9999999999999.999", "9999999999999.999", "0.001"}},
		{"c_numeric_28_10", "numeric(28,10)", {"-1.0000000001", "123456789012345678.0123456789"}},
		{"c_decimal_1_0", "decimal(1,0)", {"-9", "9", "0"}},
		{"c_decimal_9_4", "decimal(9,4)", {"-99999.9999", "99999.9999"}},
		{"c_decimal_19_4", "decimal(19,4)", {"-999999999999999.9999", "0.0001"}},
		{"c_decimal_28_0", "decimal(28,0)", {nines(28), "-" + nines(28)}},
		{"c_money", "money", {"-922337203685477.5808", "922337203685477.5807", "-0.0001", "0"}},
		{"c_smallmoney", "smallmoney", {"-214748.3648", "214748.3647", "-0.0001"}},
		{"c_real", "real", {"-3.4028235E+38", "1.17549435E-38", "0.1", "16777217", "0"}},
		{"c_float",
		 "float",
		 {"-1.7976931348623157E+308", "2.2250738585072014E-308", "0.1", "9007199254740993",
		  "1e15"}},
		{"c_char", "char(10)", {"'abc'", "''", "'0123456789'"}},
		{"c_varchar", "varchar(50)", {"'abc  '", "''", "'it''s'"}},
		{"c_varchar_max",
		 "varchar(max)",
		 {"'x'", "''", "REPLICATE(CAST('ab' AS varchar(max)), 50000)"}},
		{"c_nchar", "nchar(10)", {"N'İıŞğ'", "N''", "N'0123456789'"}},
		{"c_nvarchar",
		 "nvarchar(100)",
		 {"N'İıŞğÜöÇ'", "N''", "N'😀 emoji 👩‍🍳'", "N' trailing  '"}},
		{"c_nvarchar_max",
		 "nvarchar(max)",
		 {"N'tab\there\r\nline \\ \"quote\" ''q'''", "N''", repeated("N'Şğ'", 100000),
		  repeated("N'😀'", 3000)}},
		{"c_text", "text", {"'text'", "''"}},
		{"c_ntext", "ntext", {"N'ntext İı 😀'", "N''"}},
		{"c_binary", "binary(8)", {"0x00FF", "0x0102030405060708", "0x"}},
		{"c_varbinary", "varbinary(50)", {"0x00", "0x", "0xDEADBEEF00"}},
		{"c_varbinary_max",
		 "varbinary(max)",
		 {"0x00", "0x",
		  "CAST(REPLICATE(CAST('0123456789abcdef' AS varchar(max)), 65536) AS varbinary(max))"}},
		{"c_image", "image", {"0xFFD8FFE0", "0x"}},
		{"c_uniqueidentifier",
		 "uniqueidentifier",
		 {"'01234567-89AB-CDEF-0123-456789ABCDEF'", "'00000000-0000-0000-0000-000000000000'",
		  "'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF'"}},
		{"c_date", "date", {"'0001-01-01'", "'9999-12-31'", "'2024-02-29'", "'1582-10-10'"}},
		{"c_time_7", "time(7)", {"'00:00:00.0000000'", "'23:59:59.9999999'", "'12:34:56.0000001'"}},
		{"c_time_0", "time(0)", {"'23:59:59'", "'00:00:00'"}},
		{"c_time_3", "time(3)", {"'23:59:59.999'", "'00:00:00.001'"}},
		{"c_datetime",
		 "datetime",
		 {"'1753-01-01T00:00:00.000'", "'9999-12-31T23:59:59.997'", "'2026-03-29T02:30:00.003'",
		  "'2026-10-25T03:30:00.007'", "'1899-12-31T23:59:59.997'", "'1900-01-01T00:00:00.000'"}},
		{"c_smalldatetime", "smalldatetime", {"'1900-01-01T00:00:00'", "'2079-06-06T23:59:00'"}},
		{"c_datetime2_7",
		 "datetime2(7)",
		 {"'0001-01-01T00:00:00.0000000'", "'9999-12-31T23:59:59.9999999'",
		  "'2026-11-21T18:00:00.1234565'", "'2026-11-21T18:00:00.1234564'"}},
		{"c_datetime2_6",
		 "datetime2(6)",
		 {"'9999-12-31T23:59:59.999999'", "'0001-01-01T00:00:00.000001'"}},
		{"c_datetime2_3", "datetime2(3)", {"'2026-11-21T18:00:00.123'"}},
		{"c_datetime2_0", "datetime2(0)", {"'2026-11-21T18:00:00'"}},
		{"c_datetimeoffset_7",
		 "datetimeoffset(7)",
		 {"'0001-01-02 00:00:00.0000000 +00:00'", "'9999-12-30 23:59:59.9999999 -14:00'",
		  "'2026-11-21 18:00:00.1234567 +03:00'", "'2026-11-21 18:00:00.0000000 -09:30'"}},
		{"c_datetimeoffset_0", "datetimeoffset(0)", {"'2026-11-21 18:00:00 +14:00'"}},
		{"c_xml", "xml", {"N'<a b=\"1\">İ</a>'", "N''"}},
		{"c_sql_variant",
		 "sql_variant",
		 {"CAST(42 AS int)", "CAST(N'İı variant' AS nvarchar(50))", "CAST(1.50 AS decimal(10,2))",
		  "CAST('2026-11-21T18:00:00.003' AS datetime)", "CAST(0xBEEF AS varbinary(8))"}},
		{"c_rowversion", "rowversion", {}},
	};
	return list;
}

bool
try_to(Connection &connection, const std::string &sql, const std::string &what)
{
	try
	{
		connection.execute(sql);
		return true;
	}
	catch (const ServerError &error)
	{
		printf("refused: %s: message %d: %s\n", what.c_str(), error.number(), error.what());
		return false;
	}
}

size_t
most_values()
{
	size_t most = 0;

	for (const Sample &sample : samples())
		most = std::max(most, sample.values.size());
	return most;
}

void
make_samples(Connection &connection)
{
	size_t rows = most_values();
	int columns = 0;

	connection.execute("CREATE TABLE [dbo].[TypeSamples] ([Id] int NOT NULL CONSTRAINT "
					   "[PK_TypeSamples] PRIMARY KEY)");
	/* One row more than there are values: it is NULL throughout. */
	for (size_t row = 1; row <= rows + 1; row++)
		connection.execute("INSERT INTO [dbo].[TypeSamples] ([Id]) VALUES (" + std::to_string(row) +
						   ")");
	for (const Sample &sample : samples())
	{
		bool version = std::string(sample.type) == "rowversion";
		if (!try_to(connection,
					"ALTER TABLE [dbo].[TypeSamples] ADD " + bracket(sample.column) + " " +
						sample.type + (version ? " NOT NULL" : " NULL"),
					sample.column))
			continue;
		columns++;
		for (size_t i = 0; i < sample.values.size(); i++)
			try_to(connection,
				   "UPDATE [dbo].[TypeSamples] SET " + bracket(sample.column) + " = " +
					   sample.values[i] + " WHERE [Id] = " + std::to_string(i + 1),
				   std::string(sample.column) + " value " + std::to_string(i + 1));
	}
	printf("TypeSamples: %d columns, %zu rows\n", columns, rows + 1);
}

/* A high surrogate without a low one, the other way round, and both in a longer text; then the
 * characters that a text can hold and PostgreSQL cannot. */
void
make_invalid_text(Connection &connection)
{
	static const char *const values[] = {
		"N'before ' + NCHAR(55357) + N' after'", "NCHAR(56832)",
		"CAST(0x410000DE4200 AS nvarchar(10))",  "CAST(0x41003DD84200 AS nvarchar(10))",
		"N'zero ' + NCHAR(0) + N' inside'",      "N'valid'"};
	int rows = 0;

	connection.execute("CREATE TABLE [dbo].[TypeInvalidText] ([Id] int NOT NULL CONSTRAINT "
					   "[PK_TypeInvalidText] PRIMARY KEY, [Body] nvarchar(max) NULL)");
	for (size_t i = 0; i < std::size(values); i++)
		rows += try_to(connection,
					   "INSERT INTO [dbo].[TypeInvalidText] ([Id], [Body]) VALUES (" +
						   std::to_string(i + 1) + ", " + values[i] + ")",
					   "TypeInvalidText row " + std::to_string(i + 1));
	printf("TypeInvalidText: %d rows\n", rows);
}

} // namespace

void
run_types(Connection &connection, const Arguments &)
{
	if (connection.scalar("SELECT @@VERSION").find("Babelfish") != std::string::npos)
		connection.execute(
			"EXEC sp_babelfish_configure 'babelfishpg_tsql.escape_hatch_rowversion', 'ignore'");
	make_samples(connection);
	make_invalid_text(connection);
}

} // namespace tillctl
