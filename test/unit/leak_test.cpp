/*
 * Ten thousand failures of each kind cost neither a descriptor nor memory: a backend lives for
 * weeks. Resident memory is compared after a warm-up; under the address sanitizer its own leak
 * check does that better.
 */
#include <cstdio>
#include <functional>
#include <string>

#include <dirent.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "misbehaving_server.hpp"
#include "tds/error.hpp"
#include "tds/session.hpp"

using namespace sambapos::tds;
using Manner = MisbehavingServer::Manner;

namespace
{

#if defined(__SANITIZE_ADDRESS__)
constexpr bool address_sanitizer = true;
#elif defined(__has_feature)
constexpr bool address_sanitizer = __has_feature(address_sanitizer);
#else
constexpr bool address_sanitizer = false;
#endif
constexpr long allowed_growth = 512 * 1024;

Login
login_to(const MisbehavingServer &server)
{
	Login login{};

	login.host = "127.0.0.1";
	login.port = server.port();
	login.database = "SambaPOS";
	login.username = "somebody";
	login.password = "secret";
	login.application_name = "leak_test";
	login.encryption = Encryption::off;
	login.min_tls = MinTls::tls1_1;
	login.ca_file = "";
	login.tds_version = "7.4";
	login.connect_timeout = 10;
	return login;
}

long
resident_bytes()
{
	long pages = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (file == nullptr || fscanf(file, "%ld %ld", &pages, &resident) != 2)
		ADD_FAILURE() << "no /proc/self/statm";
	fclose(file);
	return resident * sysconf(_SC_PAGESIZE);
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

void
expect_no_growth(const char *what, int times, const std::function<void()> &failing)
{
	for (int i = 0; i < times / 10; i++)
		failing();
	long memory = resident_bytes();
	int descriptors = open_descriptors();
	for (int i = 0; i < times; i++)
		failing();
	long growth = resident_bytes() - memory;
	printf("%s: %d times, %ld kB more, %d descriptors more\n", what, times, growth / 1024,
		   open_descriptors() - descriptors);
	EXPECT_EQ(open_descriptors(), descriptors);
	if (!address_sanitizer)
	{
		EXPECT_LT(growth, allowed_growth);
	}
}

} // namespace

TEST(Leak, FailedLogins)
{
	MisbehavingServer server(Manner::hangs_up);
	Login login = login_to(server);

	expect_no_growth("failed login", 10000, [&] { EXPECT_THROW(open(login, nullptr), Error); });
}

TEST(Leak, LoginsAndLostConnections)
{
	MisbehavingServer server;
	Login login = login_to(server);

	expect_no_growth("connection cut in a row", 1000,
					 [&]
					 {
						 Session *session = open(login, nullptr);
						 Row row;
						 EXPECT_THROW(
							 {
								 query(session, "SELECT 'cut'");
								 next(session, &row);
							 },
							 Error);
						 destroy(session);
					 });
}

TEST(Leak, FailedQueries)
{
	MisbehavingServer server;
	Session *session = open(login_to(server), nullptr);

	expect_no_growth("failed query", 10000,
					 [&] { EXPECT_THROW(query(session, "SELECT 'number' 208"), Error); });
	destroy(session);
}

TEST(Leak, CancelledResults)
{
	MisbehavingServer server;
	Session *session = open(login_to(server), nullptr);

	expect_no_growth("cancelled result", 10000,
					 [&]
					 {
						 Row row;
						 query(session, "SELECT 'stall'");
						 EXPECT_TRUE(next(session, &row));
						 cancel(session);
					 });
	destroy(session);
}
