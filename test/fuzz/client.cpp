/* A session's life; see client.hpp. */
#include "client.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/time.h>

#include "random.hpp"
#include "tds/decimal.hpp"
#include "tds/error.hpp"
#include "tds/session.hpp"
#include "tds/temporal.hpp"

namespace fuzz
{

using namespace sambapos;

/* ---- patience ---- */

static volatile sig_atomic_t patience_ended = 0;

static bool
interrupted() noexcept
{
	return patience_ended != 0;
}

static constexpr tds::Interrupts interrupts{interrupted, interrupted};

/* As statement_timeout does: one signal after some milliseconds. */
class Patience
{
public:
	explicit Patience(int milliseconds)
	{
		struct sigaction action = {};
		itimerval timer = {{0, 0}, {milliseconds / 1000, milliseconds % 1000 * 1000}};

		patience_ended = 0;
		action.sa_handler = [](int) { patience_ended = 1; };
		action.sa_flags = SA_RESTART;
		sigaction(SIGALRM, &action, nullptr);
		setitimer(ITIMER_REAL, &timer, nullptr);
	}
	~Patience()
	{
		itimerval off = {};

		setitimer(ITIMER_REAL, &off, nullptr);
	}
};

/* ---- looking at everything ---- */

[[noreturn]] static void
promise_broken(const char *what)
{
	fprintf(stderr, "promise broken: %s\n", what);
	abort();
}

static volatile unsigned sink;

static void
touch_bytes(const void *data, int length)
{
	const auto *bytes = static_cast<const unsigned char *>(data);
	unsigned sum = 0;

	for (int i = 0; i < length; i++)
		sum += bytes[i];
	sink = sink + sum;
}

static void
touch_value(const tds::Column &column, const tds::Value &value)
{
	tds::Decimal decimal;

	if (value.length < 0)
		promise_broken("a value of negative length");
	touch_bytes(value.data, value.length);
	switch (column.type)
	{
		case tds::WireType::decimal:
			if (tds::read_decimal(value, &decimal) && decimal.scale > 38)
				promise_broken("a decimal of more than 38 digits");
			break;
		case tds::WireType::money:
		case tds::WireType::smallmoney: tds::read_money(value); break;
		case tds::WireType::datetime: tds::read_datetime(value); break;
		case tds::WireType::smalldatetime: tds::read_smalldatetime(value); break;
		case tds::WireType::date: tds::read_date(value); break;
		case tds::WireType::time: tds::read_time(value); break;
		case tds::WireType::datetime2: tds::read_datetime2(value); break;
		case tds::WireType::datetimeoffset: tds::read_datetimeoffset(value); break;
		default: break;
	}
}

static void
touch_row(const tds::Session *session, const tds::Row &row)
{
	if (row.count != tds::column_count(session))
		promise_broken("a row with other columns than its result");
	for (int i = 0; i < row.count; i++)
		if (row.values[i].data != nullptr)
			touch_value(tds::column(session, i), row.values[i]);
}

static void
touch_columns(const tds::Session *session)
{
	for (int i = 0; i < tds::column_count(session); i++)
	{
		const tds::Column &column = tds::column(session, i);
		touch_bytes(column.name, static_cast<int>(strlen(column.name)));
	}
}

/* ---- the session ---- */

static tds::Login
some_login(int port, Random *random, bool newest)
{
	tds::Login login{};

	login.host = "127.0.0.1";
	login.port = port;
	login.database = "SambaPOS";
	login.username = "somebody";
	login.password = "secret";
	login.application_name = "fuzz";
	login.encryption = tds::Encryption::off;
	if (random->one_in(20))
		login.encryption = random->one_in(2) ? tds::Encryption::request : tds::Encryption::require;
	login.min_tls = tds::MinTls::tls1_1;
	login.ca_file = "";
	login.tds_version = random->one_in(10) ? random->one_of({"7.1", "7.2", "7.3"})
						: newest           ? "7.4"
										   : "7.3";
	login.packet_size = random->one_of({0, 512, 4096});
	login.connect_timeout = 2;
	login.query_timeout = 1;
	login.lock_timeout = 1000;
	return login;
}

static const char *
some_query(Random *random)
{
	return random->one_of({
		"SELECT [x_int], [x_nvarchar], [x_decimal], [x_datetime] FROM t",
		"SELECT [x_intn], [x_uniqueidentifier], [x_bitn], [x_moneyn], [x_datetimen] FROM t",
		"SELECT [x_nvarcharmax], [x_varbinarymax], [x_xml], [x_text], [x_ntext], [x_image] FROM t",
		"SELECT [x_date], [x_time], [x_datetime2], [x_datetimeoffset], [x_smalldatetime] FROM t",
		"SELECT [x_sql_variant], [x_hierarchyid], [x_int] FROM t",
		"SELECT [x_any], [x_any], [x_any], [x_any], [x_any], [x_any] FROM t",
	});
}

static void
read_rows(tds::Session *session, Random *random, long *rows)
{
	tds::Row row;
	int limit = random->one_in(4) ? random->between(0, 3) : 1000000;

	touch_columns(session);
	while (limit-- > 0 && !interrupted() && tds::next(session, &row))
	{
		touch_row(session, row);
		++*rows;
	}
	tds::cancel(session);
	if (tds::busy(session))
		promise_broken("a cancelled session is busy");
}

static void
check_error(const tds::Error &error)
{
	if (strlen(error.sqlstate()) != 5 || error.what()[0] == '\0')
		promise_broken("an error without a SQLSTATE or a message");
	if (strstr(error.what(), "secret") != nullptr || strstr(error.detail(), "secret") != nullptr)
		promise_broken("an error that tells the password");
	touch_bytes(error.hint(), static_cast<int>(strlen(error.hint())));
}

/* False when the session is of no more use. */
template <typename Step>
static bool
go(Step step)
{
	try
	{
		step();
		return true;
	}
	catch (const tds::Error &error)
	{
		check_error(error);
		return !error.connection_lost();
	}
	catch (const std::bad_alloc &)
	{
		return false;
	}
}

static void
use(tds::Session *session, Random *random, long *rows)
{
	bool usable = true;

	if (random->one_in(2))
		usable = go(
			[&]
			{
				tds::begin(session, random->one_of({tds::Isolation::automatic,
													tds::Isolation::read_committed}));
			});
	for (int i = random->between(1, 3); usable && i > 0; i--)
		usable = go(
			[&]
			{
				tds::cancel(session); /* what a failed query has left */
				tds::query(session, some_query(random));
				read_rows(session, random, rows);
			});
	if (usable)
		usable = go([&] { tds::execute(session, "SET LOCK_TIMEOUT 5"); });
	if (usable)
		go([&] { tds::rollback(session); });
}

long
run_client(int port, std::uint64_t seed, bool newest)
{
	Random random(seed);
	Patience patience(1500);
	tds::Login login = some_login(port, &random, newest);
	tds::Session *session = nullptr;
	long rows = 0;

	if (!go([&] { session = tds::open(login, &interrupts); }) || session == nullptr)
		return 0;
	use(session, &random, &rows);
	tds::alive(session);
	tds::destroy(session);
	return rows;
}

} // namespace fuzz
