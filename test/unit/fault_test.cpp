/*
 * A session and a server that misbehaves: every wait ends, every loss is an error with a SQLSTATE,
 * nothing is left open. Times are asserted loosely upwards, so that a loaded machine passes.
 */
#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include <dirent.h>
#include <netinet/tcp.h>
#include <sys/time.h>

#include <gtest/gtest.h>

#include "misbehaving_server.hpp"
#include "tds/error.hpp"
#include "tds/session.hpp"
#include "tds/state.hpp"

using namespace sambapos::tds;
using Manner = MisbehavingServer::Manner;

namespace
{

volatile sig_atomic_t signalled = 0;

bool
is_signalled() noexcept
{
	return signalled != 0;
}

constexpr Interrupts signals{is_signalled, is_signalled};

/* A signal after some milliseconds, as statement_timeout gives one. */
class Alarm
{
public:
	explicit Alarm(int milliseconds)
	{
		struct sigaction action = {};

		signalled = 0;
		action.sa_handler = [](int) { signalled = 1; };
		action.sa_flags = SA_RESTART;
		sigaction(SIGALRM, &action, nullptr);
		itimerval timer = {{0, 0}, {milliseconds / 1000, milliseconds % 1000 * 1000}};
		setitimer(ITIMER_REAL, &timer, nullptr);
	}
	~Alarm()
	{
		itimerval off = {};
		setitimer(ITIMER_REAL, &off, nullptr);
		signalled = 0;
	}
};

Login
login_to(const MisbehavingServer &server)
{
	Login login{};

	login.host = "127.0.0.1";
	login.port = server.port();
	login.database = "SambaPOS";
	login.username = "somebody";
	login.password = "not-to-be-shown";
	login.application_name = "fault_test";
	login.encryption = Encryption::off;
	login.min_tls = MinTls::tls1_1;
	login.ca_file = "";
	login.tds_version = "7.4";
	login.connect_timeout = 10;
	login.lock_timeout = 1000;
	return login;
}

/* Owns a session for a test. */
class Owned
{
public:
	explicit Owned(const MisbehavingServer &server, int query_timeout = 0)
	{
		Login login = login_to(server);

		login.query_timeout = query_timeout;
		session_ = open(login, &signals);
	}
	~Owned() { destroy(session_); }
	operator Session *() const { return session_; }

private:
	Session *session_;
};

/* Runs body, which must throw; returns the error. */
Error
error_of(const std::function<void()> &body)
{
	try
	{
		body();
	}
	catch (const Error &error)
	{
		EXPECT_EQ(std::string(error.what()).find("not-to-be-shown"), std::string::npos);
		EXPECT_EQ(std::string(error.detail()).find("not-to-be-shown"), std::string::npos);
		return error;
	}
	ADD_FAILURE() << "no error was thrown";
	return Error("00000", "");
}

double
seconds_of(const std::function<void()> &body)
{
	auto start = std::chrono::steady_clock::now();

	body();
	return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void
read_all(Session *session)
{
	Row row;

	while (next(session, &row))
		continue;
}

/*
 * It came back while the server was silent, which it would have been for ever. How soon is printed:
 * a limit would fail on a slow machine. What ended the wait is what the SQLSTATE says.
 */
void
expect_back(double took)
{
	printf("came back after %.2f s\n", took);
	EXPECT_LT(took, 60);
}

/* A text that is not ours, read to its end. */
void
pass_through(Session *session, const char *sql)
{
	send(session, sql, Origin::passthrough);
	receive(session);
	read_all(session);
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

/* ---- connecting ---- */

TEST(Connect, RefusedPortIsNamedAtOnce)
{
	int port;
	{
		MisbehavingServer gone;
		port = gone.port();
	}
	MisbehavingServer other;
	Login login = login_to(other);
	login.port = port;
	double took = seconds_of(
		[&]
		{
			Error error = error_of([&] { open(login, nullptr); });
			EXPECT_STREQ(error.sqlstate(), "08001");
			EXPECT_NE(std::string(error.what()).find("127.0.0.1:" + std::to_string(port)),
					  std::string::npos);
			EXPECT_NE(std::string(error.detail()).find("refused"), std::string::npos);
			EXPECT_NE(std::string(error.hint()).find("TCP/IP"), std::string::npos);
		});
	expect_back(took);
}

TEST(Connect, UnknownHostIsNamed)
{
	MisbehavingServer server;
	Login login = login_to(server);

	login.host = "no-such-till.invalid";
	Error error = error_of([&] { open(login, nullptr); });
	EXPECT_STREQ(error.sqlstate(), "08001");
	EXPECT_NE(std::string(error.what()).find("no-such-till.invalid"), std::string::npos);
}

TEST(Connect, SilentServerEndsWithTheTimeout)
{
	MisbehavingServer server(Manner::silent);
	Login login = login_to(server);

	login.connect_timeout = 2;
	double took = seconds_of(
		[&]
		{
			Error error = error_of([&] { open(login, &signals); });
			EXPECT_STREQ(error.sqlstate(), "08001");
			EXPECT_TRUE(error.connection_lost());
		});
	EXPECT_GT(took, 1.5);
	expect_back(took);
}

TEST(Connect, SilentServerEndsAboutASecondAfterASignal)
{
	MisbehavingServer server(Manner::silent);
	Login login = login_to(server);
	Alarm alarm(500);

	double took = seconds_of(
		[&]
		{
			Error error = error_of([&] { open(login, &signals); });
			EXPECT_STREQ(error.sqlstate(), "57014");
			EXPECT_TRUE(error.connection_lost());
		});
	expect_back(took);
}

/* Nobody accepts, and the queue is full: the connection itself hangs. */
TEST(Connect, HangingConnectEndsAfterASignal)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	sockaddr_in address{};
	socklen_t size = sizeof address;
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr *>(&address), sizeof address), 0);
	ASSERT_EQ(listen(listener, 0), 0);
	getsockname(listener, reinterpret_cast<sockaddr *>(&address), &size);
	int fillers[4];
	for (int &filler : fillers)
	{
		filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(filler, reinterpret_cast<sockaddr *>(&address), sizeof address);
	}

	MisbehavingServer other;
	Login login = login_to(other);
	login.port = ntohs(address.sin_port);
	{
		Alarm alarm(300);
		double took = seconds_of(
			[&] { EXPECT_STREQ(error_of([&] { open(login, &signals); }).sqlstate(), "57014"); });
		expect_back(took);
	}
	login.connect_timeout = 1;
	double took = seconds_of(
		[&]
		{
			Error error = error_of([&] { open(login, &signals); });
			EXPECT_STREQ(error.sqlstate(), "08001");
			EXPECT_NE(std::string(error.detail()).find("timed out"), std::string::npos);
		});
	expect_back(took);
	for (int filler : fillers)
		close(filler);
	close(listener);
}

TEST(Connect, HangUpAndGarbageAreErrors)
{
	for (Manner manner : {Manner::hangs_up, Manner::talks_garbage})
	{
		MisbehavingServer server(manner);
		Login login = login_to(server);
		Error error = error_of([&] { open(login, nullptr); });

		EXPECT_STREQ(error.sqlstate(), "08001");
		EXPECT_TRUE(error.connection_lost());
		EXPECT_STRNE(error.hint(), "");
	}
}

TEST(Connect, EncryptionIsNotGivenUpSilently)
{
	MisbehavingServer server; /* offers none */
	Login login = login_to(server);

	login.encryption = Encryption::require;
	Error error = error_of([&] { open(login, nullptr); });
	EXPECT_STREQ(error.sqlstate(), "08001");
	EXPECT_NE(std::string(error.what()).find("encrypted"), std::string::npos);
}

TEST(Connect, WhatTheLoginCanNotCarryIsRefused)
{
	MisbehavingServer server;
	Login login = login_to(server);
	std::string long_name(129, 'x');

	login.application_name = long_name.c_str();
	EXPECT_STREQ(error_of([&] { open(login, nullptr); }).sqlstate(), "22023");
	login = login_to(server);
	login.ca_file = "/no/such/file.pem";
	EXPECT_STREQ(error_of([&] { open(login, nullptr); }).sqlstate(), "58P01");
	login = login_to(server);
	login.ca_file = "/etc/ssl/a#b.pem";
	EXPECT_STREQ(error_of([&] { open(login, nullptr); }).sqlstate(), "22023");
	login = login_to(server);
	login.username = "";
	EXPECT_STREQ(error_of([&] { open(login, nullptr); }).sqlstate(), "28000");
}

/* A network that is gone is found out in about a minute, idle or not. */
TEST(Connect, LooksAfterTheConnection)
{
	MisbehavingServer server;
	Owned session(server);
	int keep_alive = 0, idle = 0;
	unsigned int unacknowledged = 0;
	socklen_t size = sizeof(int);

	getsockopt(descriptor(session), SOL_SOCKET, SO_KEEPALIVE, &keep_alive, &size);
	getsockopt(descriptor(session), IPPROTO_TCP, TCP_KEEPIDLE, &idle, &size);
	getsockopt(descriptor(session), IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged, &size);
	EXPECT_EQ(keep_alive, 1);
	EXPECT_LE(idle, 60);
	EXPECT_GT(unacknowledged, 0u);
	EXPECT_LE(unacknowledged, 60000u);
}

TEST(Connect, LeavesNoFileBehind)
{
	MisbehavingServer server;
	char directory[] = "/tmp/fault_test.XXXXXX";

	ASSERT_NE(mkdtemp(directory), nullptr);
	setenv("TMPDIR", directory, 1);
	{
		Owned session(server);
	}
	unsetenv("TMPDIR");
	EXPECT_EQ(rmdir(directory), 0) << "the private freetds.conf is still there";
}

/* ---- waiting for a query ---- */

TEST(Interrupt, AcknowledgedAttentionKeepsTheSession)
{
	MisbehavingServer server;
	Owned session(server);
	{
		Alarm alarm(300);
		double took = seconds_of(
			[&]
			{
				Error error = error_of([&] { query(session, "SELECT 'hang'"); });
				EXPECT_STREQ(error.sqlstate(), "57014");
				EXPECT_FALSE(error.connection_lost());
			});
		expect_back(took);
	}
	EXPECT_TRUE(alive(session));
	query(session, "SELECT 1");
}

TEST(Interrupt, DeafServerGivesUsBackAfterASecond)
{
	MisbehavingServer server;
	Owned session(server);
	Alarm alarm(300);

	double took = seconds_of(
		[&]
		{
			Error error = error_of([&] { query(session, "SELECT 'deaf'"); });
			EXPECT_STREQ(error.sqlstate(), "57014");
			EXPECT_TRUE(error.connection_lost());
		});
	EXPECT_GT(took, 0.9);
	expect_back(took);
	EXPECT_FALSE(alive(session));
	EXPECT_EQ(descriptor(session), -1);
}

TEST(Interrupt, BetweenTwoRows)
{
	MisbehavingServer server;
	Owned session(server);
	Row row;

	query(session, "SELECT 'stall'");
	ASSERT_TRUE(next(session, &row));
	{
		Alarm alarm(300);
		double took = seconds_of(
			[&] { EXPECT_STREQ(error_of([&] { next(session, &row); }).sqlstate(), "57014"); });
		expect_back(took);
	}
	EXPECT_FALSE(busy(session));
	query(session, "SELECT 1");
}

TEST(Timeout, QueryTimeoutIsNoCancel)
{
	MisbehavingServer server;
	Owned session(server, 1);

	double took = seconds_of(
		[&]
		{
			Error error = error_of([&] { query(session, "SELECT 'hang'"); });
			EXPECT_STREQ(error.sqlstate(), "HYT00");
			EXPECT_FALSE(error.connection_lost());
		});
	EXPECT_GT(took, 0.9);
	expect_back(took);
	query(session, "SELECT 1");
}

TEST(Timeout, CountsFromTheLastRow)
{
	MisbehavingServer server;
	Owned session(server, 1);
	Row row;

	query(session, "SELECT 'stall'");
	ASSERT_TRUE(next(session, &row));
	double took = seconds_of(
		[&] { EXPECT_STREQ(error_of([&] { next(session, &row); }).sqlstate(), "HYT00"); });
	expect_back(took);
}

/* ---- cancel, destroy ---- */

TEST(Cancel, EndsAnOpenResult)
{
	MisbehavingServer server;
	Owned session(server);
	Row row;

	cancel(session);
	query(session, "SELECT 'stall'");
	EXPECT_TRUE(busy(session));
	ASSERT_TRUE(next(session, &row));
	EXPECT_THROW(query(session, "SELECT 1"), Error);
	cancel(session);
	EXPECT_FALSE(busy(session));
	query(session, "SELECT 1");
}

TEST(Cancel, WaitsOnlySoLong)
{
	MisbehavingServer server;
	Owned session(server);
	Row row;

	query(session, "SELECT 'stall deaf'");
	ASSERT_TRUE(next(session, &row));
	double took = seconds_of(
		[&]
		{
			Error error = error_of([&] { cancel(session); });
			EXPECT_TRUE(error.connection_lost());
		});
	expect_back(took);
}

TEST(Cancel, IsInterruptibleItself)
{
	MisbehavingServer server;
	Owned session(server);
	Row row;

	query(session, "SELECT 'stall deaf'");
	ASSERT_TRUE(next(session, &row));
	Alarm alarm(200);
	double took =
		seconds_of([&] { EXPECT_TRUE(error_of([&] { cancel(session); }).connection_lost()); });
	expect_back(took);
}

TEST(Destroy, NeverWaits)
{
	MisbehavingServer server;
	Row row;
	Session *session = open(login_to(server), nullptr);

	query(session, "SELECT 'stall deaf'");
	ASSERT_TRUE(next(session, &row));
	double destroyed = seconds_of([&] { destroy(session); });
	expect_back(destroyed);
	destroy(nullptr);

	/* a cancel, which does wait for this server, takes longer on any machine */
	Owned other(server);
	query(other, "SELECT 'stall deaf'");
	ASSERT_TRUE(next(other, &row));
	EXPECT_LT(destroyed, seconds_of([&] { error_of([&] { cancel(other); }); }));
}

/* ---- servers that never stop talking: the library never waits, so it never asks ---- */

TEST(Endless, RowsBehindAnAttention)
{
	MisbehavingServer server;
	Owned session(server);
	Row row;

	query(session, "SELECT 'endless rows'");
	ASSERT_TRUE(next(session, &row));
	Alarm alarm(200);
	EXPECT_TRUE(error_of([&] { cancel(session); }).connection_lost());
}

/* As the session itself reads what it asks of catalogs: nobody else looks between two rows. */
TEST(Endless, Rows)
{
	MisbehavingServer server;
	Owned session(server);
	Row row;

	query(session, "SELECT 'endless rows'");
	Alarm alarm(200);
	Error error = error_of(
		[&]
		{
			while (next(session, &row))
				;
		});
	EXPECT_STREQ(error.sqlstate(), "57014");
}

TEST(Endless, Results)
{
	MisbehavingServer server;
	Owned session(server);
	Alarm alarm(200);

	EXPECT_STREQ(error_of([&] { query(session, "SELECT 'endless results'"); }).sqlstate(), "57014");
}

TEST(Endless, TalkBeforeTheResult)
{
	MisbehavingServer server;
	Owned session(server);
	Alarm alarm(200);
	Error error = error_of([&] { query(session, "SELECT 'endless talk'"); });

	EXPECT_STREQ(error.sqlstate(), "57014");
	EXPECT_TRUE(error.connection_lost());
}

TEST(Endless, Login)
{
	MisbehavingServer server(Manner::never_stops);
	Login login = login_to(server);
	/* a backend's free descriptors are scattered among its open files */
	int files[40];
	for (int &file : files)
		file = dup(STDERR_FILENO);
	close(files[3]);
	int before = open_descriptors();

	login.connect_timeout = 1;
	EXPECT_STREQ(error_of([&] { open(login, nullptr); }).sqlstate(), "08001");
	EXPECT_EQ(open_descriptors(), before);
	for (int i = 0; i < 40; i++)
		if (i != 3)
			close(files[i]);
}

/* ---- what arrives ---- */

TEST(Loss, InTheMiddleOfARow)
{
	for (const char *sql : {"SELECT 'cut'", "SELECT 'cut packet'"})
	{
		MisbehavingServer server;
		Owned session(server);

		Error error = error_of(
			[&]
			{
				query(session, sql);
				read_all(session);
			});
		EXPECT_STREQ(error.sqlstate(), "08006") << sql;
		EXPECT_TRUE(error.connection_lost());
		EXPECT_FALSE(alive(session));
		EXPECT_TRUE(error_of([&] { query(session, "SELECT 1"); }).connection_lost());
	}
}

/* A server that says that this is all, and ends. FreeTDS 1.3 waits for more and finds the
 * connection closed, 1.5 refuses the answer: both are true. */
TEST(Loss, AnAnswerThatIsNotFinished)
{
	MisbehavingServer server;
	Owned session(server);

	Error error = error_of(
		[&]
		{
			query(session, "SELECT 'unfinished'");
			read_all(session);
		});
	std::string code = error.sqlstate();
	EXPECT_TRUE(code == "08006" || code == "08P01") << code;
	EXPECT_TRUE(error.connection_lost());
	EXPECT_FALSE(alive(session));
}

TEST(Loss, GarbageInsteadOfTokens)
{
	MisbehavingServer server;
	Owned session(server);

	Error error = error_of(
		[&]
		{
			query(session, "SELECT 'garbage'");
			read_all(session);
		});
	EXPECT_EQ(std::string(error.sqlstate()).substr(0, 2), "08");
	EXPECT_TRUE(error.connection_lost());
}

TEST(Loss, FatalErrorEndsTheConnection)
{
	MisbehavingServer server;
	Owned session(server);

	Error error = error_of([&] { query(session, "SELECT 'fatal'"); });
	EXPECT_STREQ(error.sqlstate(), "58030");
	EXPECT_TRUE(error.connection_lost());
	EXPECT_FALSE(alive(session));
}

TEST(Loss, ClosedWhileIdleIsSeen)
{
	auto server = std::make_unique<MisbehavingServer>();
	Owned session(*server);

	EXPECT_TRUE(alive(session));
	server.reset();
	for (int i = 0; i < 200 && alive(session); i++)
		usleep(10000); /* its processes are ending */
	EXPECT_FALSE(alive(session));
}

TEST(Errors, AfterTheRowsThatCameFirst)
{
	MisbehavingServer server;
	Owned session(server);
	Row row;
	int rows = 0;

	query(session, "SELECT 'late error'");
	Error error = error_of(
		[&]
		{
			while (next(session, &row))
				rows++;
		});
	EXPECT_EQ(rows, 3);
	EXPECT_STREQ(error.sqlstate(), "22012");
	EXPECT_STREQ(error.what(), "divide by zero error encountered");
	EXPECT_EQ(std::string(error.detail())
				  .find("SQL Server error 8134, severity 16, state 7, line 12, "
						"procedure prc"),
			  0u);
	query(session, "SELECT 1");
}

TEST(Errors, NumbersBecomeSqlstates)
{
	static const struct
	{
		int number;
		const char *sqlstate;
	} expected[] = {
		{18456, "28000"}, {18452, "28000"}, {18470, "28000"}, {18486, "28000"}, {18487, "28P01"},
		{18488, "28P01"}, {18451, "57P03"}, {4060, "3D000"},  {4064, "3D000"},  {911, "3D000"},
		{916, "42501"},   {922, "57P03"},   {924, "55006"},   {927, "57P03"},   {942, "57P03"},
		{945, "57P03"},   {17142, "57P03"}, {18401, "57P03"}, {40613, "57P03"}, {40501, "53300"},
		{40532, "28000"}, {40615, "28000"}, {6005, "57P01"},  {596, "57P01"},   {17809, "53300"},
		{208, "42P01"},   {207, "42703"},   {209, "42702"},   {229, "42501"},   {230, "42501"},
		{262, "42501"},   {297, "42501"},   {300, "42501"},   {195, "42883"},   {174, "42883"},
		{2812, "42883"},  {102, "42601"},   {105, "42601"},   {156, "42601"},   {206, "42804"},
		{8116, "42804"},  {8117, "42804"},  {257, "42846"},   {529, "42846"},   {402, "42883"},
		{457, "42P22"},   {468, "42P21"},   {8120, "42803"},  {8127, "42803"},  {145, "42P10"},
		{1205, "40P01"},  {3960, "40001"},  {3961, "40001"},  {3966, "40001"},  {601, "40001"},
		{7105, "40001"},  {1222, "55P03"},  {3952, "55000"},  {3930, "25P02"},  {8134, "22012"},
		{8115, "22003"},  {220, "22003"},   {232, "22003"},   {535, "22003"},   {537, "22011"},
		{245, "22P02"},   {8114, "22P02"},  {8169, "22P02"},  {241, "22007"},   {242, "22008"},
		{517, "22008"},   {8152, "22001"},  {2628, "22001"},  {512, "21000"},   {2627, "23505"},
		{2601, "23505"},  {547, "23503"},   {515, "23502"},   {701, "53200"},   {1204, "53200"},
		{8645, "53200"},  {1105, "53100"},  {9002, "53100"},  {605, "XX001"},   {824, "58030"},
		{10054, "08006"}, {10060, "08006"}, {40197, "08006"}, {50000, "HV000"},
	};
	MisbehavingServer server;
	Owned session(server);

	for (const auto &one : expected)
	{
		std::string sql = "SELECT 'number' " + std::to_string(one.number);
		Error error = error_of([&] { query(session, sql.c_str()); });
		EXPECT_STREQ(error.sqlstate(), one.sqlstate) << one.number;
		EXPECT_EQ(error.number(), one.number);
		EXPECT_FALSE(error.connection_lost());
	}
}

TEST(Errors, UsualCausesHaveHints)
{
	static const struct
	{
		int number;
		const char *hint;
	} expected[] = {
		{18456, "username and password"},
		{18487, "expired"},
		{4060, "option database"},
		{40615, "firewall"},
		{229, "grant SELECT"},
		{230, "grant SELECT"},
		{208, "IMPORT FOREIGN SCHEMA"},
		{207, "misspelled"},
		{1222, "lock_timeout"},
		{1205, "Try again"},
		{3960, "Try again"},
		{3952, "ALLOW_SNAPSHOT_ISOLATION"},
		{701, "memory"},
		{10054, "the network"},
		{17809, "no more connections"},
		{9002, "full"},
		{824, "CHECKDB"},
		{300, "VIEW SERVER STATE"},
	};
	MisbehavingServer server;
	Owned session(server);

	for (const auto &one : expected)
	{
		std::string sql = "SELECT 'number' " + std::to_string(one.number);
		Error error = error_of([&] { query(session, sql.c_str()); });
		EXPECT_NE(std::string(error.hint()).find(one.hint), std::string::npos)
			<< one.number << ": " << error.hint();
		EXPECT_EQ(std::string(error.hint()).back(), '.') << one.number;
	}
}

/* FreeTDS closes the connection over such a value and says nothing. */
TEST(Text, HalfACharacterAtTheEndOfALongTextSaysWhatToDo)
{
	MisbehavingServer server;
	Owned session(server);
	Row row;

	query(session, "SELECT 'half at the end'");
	Error error = error_of([&] { next(session, &row); });
	EXPECT_STREQ(error.sqlstate(), "08P01");
	EXPECT_TRUE(error.connection_lost());
	EXPECT_NE(std::string(error.hint()).find("invalid_text"), std::string::npos);
}

TEST(Text, HalfCharactersAreMarkedNotFatal)
{
	MisbehavingServer server;
	Owned session(server);
	Row row;
	std::string texts, marks;

	query(session, "SELECT 'half characters'");
	while (next(session, &row))
	{
		texts += std::string(reinterpret_cast<const char *>(row.values[0].data),
							 static_cast<size_t>(row.values[0].length)) +
				 "|";
		marks += row.invalid_text ? '!' : '.';
	}
	EXPECT_EQ(texts, "a?b|ok|x?|😀|y|end|");
	EXPECT_EQ(marks, "!.!.!.");
}

/* ---- transaction ---- */

TEST(Transaction, DatabaseThatCanNotBeAskedGetsReadCommitted)
{
	MisbehavingServer server;
	Owned session(server);

	EXPECT_EQ(begin(session, Isolation::automatic), Isolation::read_committed);
	EXPECT_TRUE(in_transaction(session));
	EXPECT_FALSE(reads_versions(session));
	rollback(session);
	EXPECT_FALSE(in_transaction(session));
}

TEST(Transaction, DatabaseThatIsBusyIsAskedAgain)
{
	MisbehavingServer server(Manner::busy_at_first);
	Owned session(server);

	EXPECT_STREQ(error_of([&] { begin(session, Isolation::automatic); }).sqlstate(), "55P03");
	EXPECT_FALSE(in_transaction(session));
	EXPECT_EQ(error_of([&] { query(session, "SELECT 'number' 208"); }).number(), 208);
	EXPECT_EQ(begin(session, Isolation::automatic), Isolation::read_committed);
}

/* A session is kept for long; ALLOW_SNAPSHOT_ISOLATION may be switched on meanwhile. */
TEST(Transaction, DatabaseThatAllowedNothingIsAskedAgainAfterAWhile)
{
	MisbehavingServer server(Manner::later_snapshots);
	Owned owned(server);
	Session *session = owned;

	EXPECT_EQ(begin(session, Isolation::automatic), Isolation::read_committed);
	rollback(session);
	EXPECT_EQ(begin(session, Isolation::automatic), Isolation::read_committed);
	rollback(session);
	session->asked_at -= std::chrono::minutes(6);
	EXPECT_EQ(begin(session, Isolation::automatic), Isolation::snapshot);
	rollback(session);
}

TEST(Transaction, DeadlockIsRememberedUntilRollback)
{
	MisbehavingServer server;
	Owned session(server);

	begin(session, Isolation::read_committed);
	EXPECT_STREQ(error_of([&] { query(session, "SELECT 'deadlock'"); }).sqlstate(), "40P01");
	EXPECT_STREQ(error_of([&] { query(session, "SELECT 1"); }).sqlstate(), "40001");
	EXPECT_STREQ(error_of([&] { query(session, "SELECT 1"); }).sqlstate(), "40001");
	rollback(session);
	begin(session, Isolation::read_committed);
	query(session, "SELECT 1");
}

TEST(Transaction, SilentEndIsNoticedWithTheNextBatch)
{
	MisbehavingServer server;
	Owned session(server);

	begin(session, Isolation::read_committed);
	query(session, "SELECT 'silent end'");
	Error error = error_of([&] { query(session, "SELECT 1"); });
	EXPECT_STREQ(error.sqlstate(), "40001");
	EXPECT_FALSE(error.connection_lost());
	rollback(session);
	query(session, "SELECT 1");
}

/* Another transaction reads another snapshot, though @@TRANCOUNT is what it was. */
TEST(Transaction, AnotherInItsPlaceIsNoticedWithTheNextBatch)
{
	MisbehavingServer server;
	Owned session(server);

	begin(session, Isolation::snapshot);
	query(session, "SELECT 1");
	pass_through(session, "SELECT 'another transaction'");
	EXPECT_STREQ(error_of([&] { query(session, "SELECT 1"); }).sqlstate(), "40001");
	EXPECT_STREQ(error_of([&] { query(session, "SELECT 1"); }).sqlstate(), "40001");
	rollback(session);
	begin(session, Isolation::snapshot);
	query(session, "SELECT 1");
}

/* Rows are read with the rights of the user mapping, in this transaction and the next ones. */
TEST(Transaction, AnotherUserIsNoticedAndNotKept)
{
	MisbehavingServer server;
	Owned session(server);

	begin(session, Isolation::read_committed);
	pass_through(session, "SELECT 1");
	query(session, "SELECT 1");
	rollback(session);
	EXPECT_TRUE(alive(session));
	begin(session, Isolation::read_committed);
	pass_through(session, "SELECT 'another user'");
	pass_through(session, "SELECT 1");
	EXPECT_STREQ(error_of([&] { query(session, "SELECT 1"); }).sqlstate(), "55000");
	EXPECT_TRUE(alive(session));
	rollback(session);
	EXPECT_FALSE(alive(session));
}

TEST(Transaction, SessionThatRunsNothingIsNotKept)
{
	MisbehavingServer server;
	Owned session(server);
	Owned unread(server);

	begin(session, Isolation::read_committed);
	Error error = error_of([&] { pass_through(session, "SELECT 'parsed only'"); });
	EXPECT_TRUE(error.connection_lost());
	EXPECT_FALSE(alive(session));

	begin(unread, Isolation::read_committed);
	query(unread, "SELECT 1");
	send(unread, "SELECT 'parsed only'");
	cancel(unread);
	EXPECT_TRUE(error_of([&] { query(unread, "SELECT 1"); }).connection_lost());
}

/* What it cannot tell is not kept; and what it cannot be asked is not asked. */
TEST(Transaction, ServerWithoutApplicationLocks)
{
	MisbehavingServer server(Manner::knows_no_lock);
	Owned session(server);

	begin(session, Isolation::read_committed);
	pass_through(session, "SELECT 1");
	query(session, "SELECT 1");
	pass_through(session, "SELECT 'silent end'");
	EXPECT_STREQ(error_of([&] { query(session, "SELECT 1"); }).sqlstate(), "40001");
	rollback(session);
	EXPECT_FALSE(alive(session));
}

TEST(Transaction, RollbackOfADeafServerIsBounded)
{
	MisbehavingServer server;
	Owned session(server);
	Row row;

	begin(session, Isolation::read_committed);
	query(session, "SELECT 'stall deaf'");
	ASSERT_TRUE(next(session, &row));
	double took =
		seconds_of([&] { EXPECT_TRUE(error_of([&] { rollback(session); }).connection_lost()); });
	expect_back(took);
}

/* ---- leaks ---- */

TEST(Descriptors, NoneIsLostByFailures)
{
	MisbehavingServer server;
	MisbehavingServer closing(Manner::hangs_up);

	error_of([&] { open(login_to(closing), nullptr); });
	Session *session = open(login_to(server), nullptr);
	int before = open_descriptors();
	for (int i = 0; i < 100; i++)
		error_of([&] { open(login_to(closing), nullptr); });
	for (int i = 0; i < 1000; i++)
		error_of([&] { query(session, "SELECT 'number' 208"); });
	EXPECT_EQ(open_descriptors(), before);
	destroy(session);
	EXPECT_LT(open_descriptors(), before);
}
