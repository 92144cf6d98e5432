/*
 * A session with a real server, or the stand-in till: the one that SAMBAPOS_TEST_SERVER names
 * (host=... port=... database=... username=... password=... encryption=...). Skipped without it.
 */
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <sstream>
#include <string>

#include <dirent.h>
#include <poll.h>
#include <sys/time.h>

#include <gtest/gtest.h>

#include "tds/error.hpp"
#include "tds/session.hpp"

using namespace sambapos::tds;

namespace
{

std::map<std::string, std::string> option;

Login
login()
{
	Login result{};

	result.host = option["host"].c_str();
	result.port = option.count("port") ? std::stoi(option["port"]) : 1433;
	result.database = option["database"].c_str();
	result.username = option["username"].c_str();
	result.password = option["password"].c_str();
	result.application_name = "session_test";
	result.encryption = option["encryption"] == "off"       ? Encryption::off
						: option["encryption"] == "request" ? Encryption::request
															: Encryption::require;
	result.min_tls = MinTls::tls1_1;
	result.ca_file = "";
	result.tds_version = "7.4";
	result.connect_timeout = 10;
	result.lock_timeout = 1000;
	return result;
}

volatile sig_atomic_t signalled = 0;

bool
is_signalled() noexcept
{
	return signalled != 0;
}

constexpr Interrupts signals{is_signalled, is_signalled};

class SessionTest : public testing::Test
{
protected:
	void SetUp() override
	{
		const char *text = getenv("SAMBAPOS_TEST_SERVER");
		if (text == nullptr || text[0] == '\0')
			GTEST_SKIP() << "SAMBAPOS_TEST_SERVER is not set";
		std::istringstream words(text);
		std::string word;
		while (words >> word)
			option[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
		session_ = open(login(), &signals);
	}
	void TearDown() override { destroy(session_); }

	/* The only row of a query; its values are good until the next call. */
	Row one_row(const char *sql)
	{
		Row row{};

		query(session_, sql);
		if (!next(session_, &row))
			ADD_FAILURE() << "no row: " << sql;
		return row;
	}
	/* Of the result that is there. */
	std::string first_text()
	{
		Row row{};
		EXPECT_TRUE(next(session_, &row));
		return text_in(row);
	}
	std::string text_of(const char *sql) { return text_in(one_row(sql)); }
	std::string text_in(const Row &row)
	{
		std::string result = row.values[0].data == nullptr
								 ? "NULL"
								 : std::string(reinterpret_cast<const char *>(row.values[0].data),
											   static_cast<size_t>(row.values[0].length));
		cancel(session_);
		return result;
	}

	Session *session_ = nullptr;
};

template <typename T>
T
as(const Value &value)
{
	T result{};

	EXPECT_EQ(value.length, static_cast<int>(sizeof result));
	if (value.data != nullptr)
		memcpy(&result, value.data, sizeof result);
	return result;
}

/* Time in 100 ns and days since 1900 of the four types of SQL Server 2008. */
std::pair<std::uint64_t, std::int32_t>
datetime(const Value &value)
{
	std::uint64_t time = 0;
	std::int32_t days = 0;

	EXPECT_EQ(value.length, 16);
	memcpy(&time, value.data, 8);
	memcpy(&days, value.data + 8, 4);
	return {time, days};
}

Error
error_of(const std::function<void()> &body)
{
	try
	{
		body();
	}
	catch (const Error &error)
	{
		return error;
	}
	ADD_FAILURE() << "no error was thrown";
	return Error("00000", "");
}

/* A query over 10^power rows that needs no table. */
std::string
tens(int power, const std::string &what)
{
	std::string digits = "(SELECT 0 AS n";

	for (int digit = 1; digit < 10; digit++)
		digits += " UNION ALL SELECT " + std::to_string(digit);
	digits += ")";
	std::string sql = "SELECT " + what + " AS v FROM " + digits + " a";
	for (int i = 1; i < power; i++)
		sql += " CROSS JOIN " + digits + " " + std::string(1, static_cast<char>('a' + i));
	return sql;
}

int
open_descriptors()
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(directory) != nullptr)
		count++;
	closedir(directory);
	return count;
}

} // namespace

/* ---- values ---- */

TEST_F(SessionTest, WholeNumbers)
{
	Row row = one_row("SELECT CAST(1 AS bit) AS b, CAST(255 AS tinyint) AS t, "
					  "CAST(-32768 AS smallint) AS s, CAST(2147483647 AS int) AS i, "
					  "CAST(-9223372036854775807 AS bigint) AS l");

	ASSERT_EQ(row.count, 5);
	EXPECT_EQ(as<std::uint8_t>(row.values[0]), 1);
	EXPECT_EQ(as<std::uint8_t>(row.values[1]), 255);
	EXPECT_EQ(as<std::int16_t>(row.values[2]), -32768);
	EXPECT_EQ(as<std::int32_t>(row.values[3]), 2147483647);
	EXPECT_EQ(as<std::int64_t>(row.values[4]), INT64_C(-9223372036854775807));
	EXPECT_EQ(column(session_, 0).type, WireType::bit);
	EXPECT_EQ(column(session_, 1).type, WireType::tinyint);
	EXPECT_EQ(column(session_, 2).type, WireType::smallint);
	EXPECT_EQ(column(session_, 3).type, WireType::integer);
	EXPECT_EQ(column(session_, 4).type, WireType::bigint);
	EXPECT_STREQ(column(session_, 4).name, "l");
}

TEST_F(SessionTest, FloatsAndMoney)
{
	Row row = one_row("SELECT CAST(1.5 AS real), CAST(-2.25 AS float), CAST(-1.0001 AS money), "
					  "CAST(1.5 AS smallmoney)");

	EXPECT_EQ(as<float>(row.values[0]), 1.5f);
	EXPECT_EQ(as<double>(row.values[1]), -2.25);
	EXPECT_EQ(column(session_, 2).type, WireType::money);
	EXPECT_EQ(as<std::int32_t>({row.values[2].data, 4}), -1);
	EXPECT_EQ(as<std::int32_t>({row.values[2].data + 4, 4}), -10001);
	EXPECT_EQ(column(session_, 3).type, WireType::smallmoney);
	EXPECT_EQ(as<std::int32_t>(row.values[3]), 15000);
}

TEST_F(SessionTest, Decimals)
{
	Row row = one_row("SELECT CAST(-123.45 AS decimal(16, 2)) AS d, CAST(NULL AS decimal(5, 1))");

	EXPECT_EQ(column(session_, 0).type, WireType::decimal);
	EXPECT_EQ(column(session_, 0).precision, 16);
	EXPECT_EQ(column(session_, 0).scale, 2);
	ASSERT_EQ(row.values[0].length, 35);
	EXPECT_EQ(row.values[0].data[0], 16);
	EXPECT_EQ(row.values[0].data[1], 2);
	EXPECT_EQ(row.values[0].data[2], 1) << "negative";
	EXPECT_EQ(row.values[0].data[3 + 7 - 2], 12345 / 256) << "7 bytes of magnitude";
	EXPECT_EQ(row.values[0].data[3 + 7 - 1], 12345 % 256);
	EXPECT_EQ(row.values[1].data, nullptr);
}

TEST_F(SessionTest, Texts)
{
	EXPECT_EQ(text_of("SELECT CAST('abc' AS varchar(10))"), "abc");
	EXPECT_EQ(text_of("SELECT CAST(N'Çay ışığı 😀' AS nvarchar(40))"), "Çay ışığı 😀");
	EXPECT_EQ(text_of("SELECT CAST(N'ab' AS nchar(4))"), "ab  ");
	EXPECT_EQ(text_of("SELECT N'it''s'"), "it's");
	EXPECT_EQ(text_of("SELECT CAST(N'x' AS nvarchar(max))"), "x");
}

TEST_F(SessionTest, LongTextIsWhole)
{
	std::string text(100000, 'x');
	std::string sql = "SELECT CAST(N'" + text + "' AS nvarchar(max))";

	EXPECT_EQ(text_of(sql.c_str()), text);
}

TEST_F(SessionTest, NullIsNotEmpty)
{
	Row row = one_row("SELECT CAST(NULL AS nvarchar(10)), N'', CAST(NULL AS int), "
					  "CAST(N'' AS nvarchar(max)), CAST(NULL AS nvarchar(max))");

	EXPECT_EQ(row.values[0].data, nullptr);
	EXPECT_NE(row.values[1].data, nullptr);
	EXPECT_EQ(row.values[1].length, 0);
	EXPECT_EQ(row.values[2].data, nullptr);
	EXPECT_NE(row.values[3].data, nullptr);
	EXPECT_EQ(row.values[3].length, 0);
	EXPECT_EQ(row.values[4].data, nullptr);
	EXPECT_FALSE(row.invalid_text);
}

TEST_F(SessionTest, BytesAndUuids)
{
	Row row = one_row("SELECT CAST(0x0102FF AS varbinary(10)), "
					  "CAST('6F9619FF-8B86-D011-B42D-00C04FC964FF' AS uniqueidentifier)");
	static const unsigned char wire[] = {0xFF, 0x19, 0x96, 0x6F, 0x86, 0x8B, 0x11, 0xD0,
										 0xB4, 0x2D, 0x00, 0xC0, 0x4F, 0xC9, 0x64, 0xFF};

	EXPECT_EQ(column(session_, 0).type, WireType::binary);
	ASSERT_EQ(row.values[0].length, 3);
	EXPECT_EQ(memcmp(row.values[0].data, "\x01\x02\xFF", 3), 0);
	EXPECT_EQ(column(session_, 1).type, WireType::uuid);
	ASSERT_EQ(row.values[1].length, 16);
	EXPECT_EQ(memcmp(row.values[1].data, wire, 16), 0);
}

TEST_F(SessionTest, DatesAndTimes)
{
	constexpr std::int32_t day = 45349;                   /* 2024-02-29 */
	constexpr std::uint64_t time = UINT64_C(37231234560); /* 01:02:03.123456 */
	Row row = one_row("SELECT CAST('2024-02-29T01:02:03.007' AS datetime), "
					  "CAST('2024-02-29T01:02:00' AS smalldatetime), CAST('2024-02-29' AS date), "
					  "CAST('01:02:03.123456' AS time(6)), "
					  "CAST('2024-02-29T01:02:03.123456' AS datetime2(6)), "
					  "CAST('2024-02-29T01:02:03.123456+01:00' AS datetimeoffset(6))");

	EXPECT_EQ(as<std::int32_t>({row.values[0].data, 4}), day);
	EXPECT_EQ(as<std::int32_t>({row.values[0].data + 4, 4}), 3723 * 300 + 2);
	EXPECT_EQ(as<std::uint16_t>({row.values[1].data, 2}), day);
	EXPECT_EQ(as<std::uint16_t>({row.values[1].data + 2, 2}), 62);
	EXPECT_EQ(datetime(row.values[2]).second, day);
	EXPECT_EQ(datetime(row.values[3]).first, time);
	EXPECT_EQ(datetime(row.values[4]), std::make_pair(time, day));
	EXPECT_EQ(datetime(row.values[5]), std::make_pair(time - UINT64_C(36000000000), day))
		<< "in UTC";
	EXPECT_EQ(column(session_, 4).type, WireType::datetime2);
	EXPECT_EQ(column(session_, 4).scale, 6);
}

TEST_F(SessionTest, ManyRowsAndNoneAtAll)
{
	Row row;
	std::int32_t count = 0;

	query(session_, "SELECT 1 AS n WHERE 1 = 0");
	EXPECT_EQ(column_count(session_), 1);
	EXPECT_FALSE(next(session_, &row));
	EXPECT_FALSE(busy(session_));
	query(session_, "SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3");
	while (next(session_, &row))
		count += as<std::int32_t>(row.values[0]);
	EXPECT_EQ(count, 6);
}

/* ---- errors ---- */

TEST_F(SessionTest, WrongPasswordIsRefusedAndNotShown)
{
	Login wrong = login();

	wrong.password = "Wrong-pass-1";
	Error error = error_of([&] { open(wrong, nullptr); });
	EXPECT_STREQ(error.sqlstate(), "28000");
	EXPECT_EQ(error.number(), 18456);
	EXPECT_STRNE(error.hint(), "");
	for (std::string text : {error.what(), error.detail(), error.hint()})
		EXPECT_EQ(text.find("Wrong-pass-1"), std::string::npos);
}

TEST_F(SessionTest, UnknownDatabaseIsNamed)
{
	Login wrong = login();

	wrong.database = "NoSuchDatabase";
	Error error = error_of([&] { open(wrong, nullptr); });
	EXPECT_STREQ(error.sqlstate(), "3D000");
	EXPECT_NE(std::string(error.hint()).find("database"), std::string::npos);
}

TEST_F(SessionTest, ErrorsLeaveTheSessionUsable)
{
	Error error = error_of([&] { execute(session_, "SELECT 1 / 0"); });

	EXPECT_STREQ(error.sqlstate(), "22012");
	EXPECT_EQ(error.number(), 8134);
	EXPECT_THROW(query(session_, "SELECT * FROM NoSuchTable"), Error);
	EXPECT_THROW(query(session_, "SELECT FROM WHERE"), Error);
	EXPECT_EQ(text_of("SELECT N'still here'"), "still here");
}

TEST_F(SessionTest, FailuresLoseNoDescriptor)
{
	Login wrong = login();
	int before = open_descriptors();

	wrong.password = "Wrong-pass-1";
	for (int i = 0; i < 20; i++)
		EXPECT_THROW(open(wrong, nullptr), Error);
	for (int i = 0; i < 1000; i++)
		EXPECT_THROW(query(session_, "SELECT * FROM NoSuchTable"), Error);
	EXPECT_EQ(open_descriptors(), before);
}

/* ---- transaction, cancel ---- */

TEST_F(SessionTest, TransactionLivesFromBeginToRollback)
{
	Row row;

	Isolation used = begin(session_, Isolation::automatic);
	EXPECT_TRUE(used == Isolation::snapshot || used == Isolation::read_committed);
	EXPECT_TRUE(used == Isolation::read_committed || reads_versions(session_));
	query(session_, "SELECT @@TRANCOUNT AS n");
	ASSERT_TRUE(next(session_, &row));
	EXPECT_EQ(as<std::int32_t>(row.values[0]), 1);
	rollback(session_);
	EXPECT_FALSE(reads_versions(session_));
	query(session_, "SELECT @@TRANCOUNT AS n");
	ASSERT_TRUE(next(session_, &row));
	EXPECT_EQ(as<std::int32_t>(row.values[0]), 0);
}

TEST_F(SessionTest, TransactionEndedByTheServerIsNoticed)
{
	begin(session_, Isolation::read_committed);
	execute(session_, "ROLLBACK TRANSACTION");
	EXPECT_STREQ(error_of([&] { query(session_, "SELECT 1 AS n"); }).sqlstate(), "40001");
	rollback(session_);
	begin(session_, Isolation::read_committed);
	query(session_, "SELECT 1 AS n");
}

/* A text of somebody's may do to the session what it likes: what we read afterwards in the same
 * transaction is not touched by it, or is refused. */
TEST_F(SessionTest, SettingsOfAPassedTextDoNotReachOurs)
{
	begin(session_, Isolation::automatic);
	for (const char *text : {"SET TEXTSIZE 20", "SET FMTONLY ON", "USE master"})
	{
		std::string before = text_of("SELECT DB_NAME()");
		send(session_, text, Origin::passthrough);
		try
		{
			receive(session_);
		}
		catch (const Error &error)
		{
			/* the stand-in does not know USE inside a transaction */
			EXPECT_NE(std::string(error.what()).find("the stand-in till"), std::string::npos);
		}
		EXPECT_EQ(text_of("SELECT DB_NAME()"), before) << text;
		EXPECT_EQ(text_of("SELECT CAST(REPLICATE(N'x', 100) AS nvarchar(max))").size(), 100u);
	}
	rollback(session_);
	EXPECT_TRUE(alive(session_));
}

/* As the option query of a foreign table is sent. */
TEST_F(SessionTest, QueryWithATextInItBeginsAsOursAndIsNotTrusted)
{
	const char *long_text = "SELECT CAST(REPLICATE(N'x', 100) AS nvarchar(max)) AS a";

	begin(session_, Isolation::automatic);
	send(session_, "SET TEXTSIZE 20", Origin::passthrough);
	receive(session_);
	send(session_, long_text, Origin::mixed);
	receive(session_);
	EXPECT_EQ(first_text(), std::string(100, 'x')) << "it saw what the text before had left behind";
	send(session_, "SET TEXTSIZE 20", Origin::mixed);
	receive(session_);
	EXPECT_EQ(text_of(long_text).size(), 100u) << "what it left behind was seen";
	rollback(session_);

	begin(session_, Isolation::automatic);
	send(session_, "SELECT APPLOCK_MODE(N'public', N'sambapos_fdw', N'Transaction') AS a",
		 Origin::mixed);
	receive(session_);
	EXPECT_EQ(first_text(), "Shared") << "the transaction is not marked";
	send(session_, "COMMIT; BEGIN TRANSACTION", Origin::mixed);
	receive(session_);
	EXPECT_THROW(query(session_, "SELECT 1"), Error) << "another transaction in its place";
	rollback(session_);
	EXPECT_TRUE(alive(session_));
}

TEST_F(SessionTest, TransactionInItsPlaceIsNoticed)
{
	begin(session_, Isolation::read_committed);
	EXPECT_EQ(text_of("SELECT N'first'"), "first");
	send(session_, "COMMIT; BEGIN TRANSACTION", Origin::passthrough);
	receive(session_);
	EXPECT_STREQ(error_of([&] { query(session_, "SELECT 1 AS n"); }).sqlstate(), "40001");
	rollback(session_);
	EXPECT_TRUE(alive(session_));
	begin(session_, Isolation::read_committed);
	send(session_, "BEGIN TRANSACTION; COMMIT", Origin::passthrough);
	receive(session_);
	EXPECT_EQ(text_of("SELECT N'same'"), "same");
	rollback(session_);
}

/* ---- the two halves of query() ---- */

TEST_F(SessionTest, DescriptorTellsOfTheAnswer)
{
	Row row;

	send(session_, "SELECT N'answer' AS word");
	EXPECT_TRUE(awaiting(session_));
	EXPECT_TRUE(busy(session_));
	pollfd state{descriptor(session_), POLLIN, 0};
	ASSERT_EQ(poll(&state, 1, -1), 1);
	receive(session_);
	EXPECT_FALSE(awaiting(session_));
	ASSERT_EQ(column_count(session_), 1);
	ASSERT_TRUE(next(session_, &row));
	EXPECT_FALSE(next(session_, &row));
	EXPECT_FALSE(busy(session_));
}

TEST_F(SessionTest, ErrorsOfTheServerComeWithTheAnswer)
{
	begin(session_, Isolation::read_committed);
	send(session_, "SELECT * FROM NoSuchTable");
	EXPECT_THROW(receive(session_), Error);
	EXPECT_FALSE(busy(session_));
	rollback(session_);
	EXPECT_EQ(text_of("SELECT N'next'"), "next");
}

TEST_F(SessionTest, UnansweredQueryIsCancelled)
{
	begin(session_, Isolation::read_committed);
	send(session_, tens(5, "COUNT_BIG(*)").c_str());
	cancel(session_);
	EXPECT_FALSE(awaiting(session_));
	EXPECT_EQ(text_of("SELECT N'next'"), "next");
	send(session_, tens(5, "COUNT_BIG(*)").c_str());
	rollback(session_);
	EXPECT_EQ(text_of("SELECT N'next'"), "next");
}

/* SQL Server runs nothing of a batch that it cannot parse, not even the BEGIN TRANSACTION. */
TEST_F(SessionTest, FirstBatchOfATransactionThatIsRefused)
{
	begin(session_, Isolation::read_committed);
	EXPECT_THROW(query(session_, "SELECT FROM WHERE"), Error);
	EXPECT_EQ(text_of("SELECT CAST(@@TRANCOUNT AS nvarchar(10))"), "1");
	rollback(session_);
	EXPECT_EQ(text_of("SELECT CAST(@@TRANCOUNT AS nvarchar(10))"), "0");
	begin(session_, Isolation::read_committed);
	EXPECT_THROW(query(session_, "SELECT 1 / 0"), Error);
	rollback(session_);
	EXPECT_EQ(text_of("SELECT CAST(@@TRANCOUNT AS nvarchar(10))"), "0");
}

TEST_F(SessionTest, NothingElseIsSentBeforeTheAnswer)
{
	send(session_, "SELECT 1 AS n");
	EXPECT_STREQ(error_of([&] { query(session_, "SELECT 2 AS n"); }).sqlstate(), "XX000");
	EXPECT_STREQ(error_of([&] { send(session_, "SELECT 2 AS n"); }).sqlstate(), "XX000");
	receive(session_);
	EXPECT_STREQ(error_of([&] { receive(session_); }).sqlstate(), "XX000");
}

TEST_F(SessionTest, TransactionThatNobodyUsedNeedsNoRollback)
{
	begin(session_, Isolation::read_committed);
	EXPECT_TRUE(in_transaction(session_));
	rollback(session_);
	EXPECT_FALSE(in_transaction(session_));
	EXPECT_EQ(text_of("SELECT CAST(@@TRANCOUNT AS nvarchar(10))"), "0");
}

TEST_F(SessionTest, ResultInMidAirIsCancelled)
{
	Row row;

	begin(session_, Isolation::read_committed);
	query(session_, tens(5, "a.n").c_str());
	ASSERT_TRUE(next(session_, &row));
	cancel(session_);
	EXPECT_FALSE(busy(session_));
	EXPECT_EQ(text_of("SELECT N'next'"), "next");
	EXPECT_TRUE(in_transaction(session_));
	rollback(session_);
}

TEST_F(SessionTest, WaitIsInterruptedByASignal)
{
	struct sigaction action = {};
	action.sa_handler = [](int) { signalled = 1; };
	sigaction(SIGALRM, &action, nullptr);
	itimerval timer = {{0, 0}, {0, 300000}};

	signalled = 0;
	setitimer(ITIMER_REAL, &timer, nullptr);
	auto start = std::chrono::steady_clock::now();
	Error error = error_of([&] { execute(session_, tens(10, "COUNT_BIG(*)").c_str()); });
	std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
	signalled = 0;
	EXPECT_STREQ(error.sqlstate(), "57014");
	printf("came back after %.2f s\n",
		   took.count()); /* the query takes far longer than anybody waits */
	/* Babelfish answers an attention only when the query is over: the connection goes */
	EXPECT_EQ(alive(session_), !error.connection_lost());
	if (alive(session_))
	{
		EXPECT_EQ(text_of("SELECT N'usable'"), "usable");
	}
}

TEST_F(SessionTest, AliveAndDescriptor)
{
	EXPECT_TRUE(alive(session_));
	EXPECT_GE(descriptor(session_), 0);
}
