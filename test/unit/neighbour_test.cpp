/*
 * Another user of DB-Library in the same process, such as tds_fdw in the same backend, keeps its
 * handlers and its connections, whatever our sessions do or suffer; and its handlers are never
 * called for our errors.
 */
#include <gtest/gtest.h>

#include <sybfront.h>
#include <sybdb.h>

#include "misbehaving_server.hpp"
#include "tds/error.hpp"
#include "tds/session.hpp"

using namespace sambapos::tds;

namespace
{

int neighbours_errors = 0;
int neighbours_messages = 0;

int
neighbours_error_handler(DBPROCESS *, int, int, int, char *, char *)
{
	neighbours_errors++;
	return INT_CANCEL;
}

int
neighbours_message_handler(DBPROCESS *, DBINT, int, int, char *, char *, char *, int)
{
	neighbours_messages++;
	return 0;
}

void
expect_handlers_in_place(const char *after)
{
	EHANDLEFUNC error_handler = dberrhandle(neighbours_error_handler);
	MHANDLEFUNC message_handler = dbmsghandle(neighbours_message_handler);

	EXPECT_EQ(error_handler, neighbours_error_handler) << after;
	EXPECT_EQ(message_handler, neighbours_message_handler) << after;
	EXPECT_EQ(neighbours_errors, 0) << after;
	EXPECT_EQ(neighbours_messages, 0) << after;
}

Login
login_to(const MisbehavingServer &server)
{
	Login login{};

	login.host = "127.0.0.1";
	login.port = server.port();
	login.database = "";
	login.username = "somebody";
	login.password = "secret";
	login.application_name = "neighbour_test";
	login.encryption = Encryption::off;
	login.min_tls = MinTls::tls1_1;
	login.ca_file = "";
	login.tds_version = "7.4";
	login.connect_timeout = 10;
	return login;
}

/* Whether the neighbour's connection answers a batch. */
bool
works(DBPROCESS *process)
{
	return dbcmd(process, "SELECT 1") == SUCCEED && dbsqlexec(process) == SUCCEED &&
		   dbresults(process) == SUCCEED && dbresults(process) == NO_MORE_RESULTS;
}

} // namespace

TEST(Neighbour, KeepsHandlersAndConnection)
{
	MisbehavingServer server;
	MisbehavingServer closing(MisbehavingServer::Manner::hangs_up);
	Row row;

	dberrhandle(neighbours_error_handler);
	dbmsghandle(neighbours_message_handler);
	Session *session = open(login_to(server), nullptr);
	expect_handlers_in_place("a login");

	dbinit(); /* puts its default handler in place, so the neighbour sets its own again */
	dberrhandle(neighbours_error_handler);
	LOGINREC *login = dblogin();
	DBSETLUSER(login, "neighbour");
	DBSETLPWD(login, "secret");
	std::string address = "127.0.0.1:" + std::to_string(server.port());
	dbsetlversion(login, DBVERSION_74);
	DBPROCESS *process = dbopen(login, address.c_str());
	dbloginfree(login);
	ASSERT_NE(process, nullptr);

	EXPECT_THROW(open(login_to(closing), nullptr), Error);
	expect_handlers_in_place("a failed login");
	query(session, "SELECT 'half characters'");
	expect_handlers_in_place("a query");
	while (next(session, &row))
		expect_handlers_in_place("a row");
	EXPECT_THROW(query(session, "SELECT 'number' 208"), Error);
	expect_handlers_in_place("an error");
	query(session, "SELECT 'stall'");
	cancel(session);
	expect_handlers_in_place("a cancel");
	begin(session, Isolation::automatic);
	rollback(session);
	expect_handlers_in_place("a transaction");
	EXPECT_THROW(query(session, "SELECT 'fatal'"), Error);
	destroy(session);
	expect_handlers_in_place("the end of the session");

	EXPECT_TRUE(works(process));
	dbclose(process);
	dbexit();

	/* and the other way round: the neighbour's end is not ours */
	session = open(login_to(server), nullptr);
	execute(session, "SELECT 1");
	destroy(session);
}
