/*
 * A name server that never answers: the login is given up at the end of connect_timeout, and soon
 * after a signal. The child process that tries it has a network and an /etc/resolv.conf of its own;
 * where the system does not allow that, the test is skipped.
 */
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "misbehaving_server.hpp"
#include "tds/error.hpp"
#include "tds/session.hpp"

using namespace sambapos::tds;

namespace
{

constexpr int not_allowed = 77;
volatile sig_atomic_t signalled = 0;

bool
is_signalled() noexcept
{
	return signalled != 0;
}

constexpr Interrupts signals{is_signalled, is_signalled};

/* A network with nothing but the loopback interface, which is up. */
bool
make_network()
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 &&
		unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) != 0)
		return false;

	int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ifreq request{};

	strcpy(request.ifr_name, "lo");
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	bool up = ioctl(control, SIOCSIFFLAGS, &request) == 0;
	close(control);
	return up;
}

/* Port 53 of the loopback interface takes questions and never answers. */
bool
make_silent_name_server(const std::string &directory)
{
	std::string path = directory + "/resolv.conf";
	sockaddr_in address{};
	int silent = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	std::ofstream(path) << "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n";
	address.sin_family = AF_INET;
	address.sin_port = htons(53);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
		   mount(path.c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr) == 0 &&
		   bind(silent, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0;
}

Login
login_to(const char *host, int port, int connect_timeout)
{
	Login login{};

	login.host = host;
	login.port = port;
	login.database = "";
	login.username = "u";
	login.password = "p";
	login.application_name = "resolve_test";
	login.encryption = Encryption::off;
	login.min_tls = MinTls::tls1_1;
	login.ca_file = "";
	login.tds_version = "7.4";
	login.connect_timeout = connect_timeout;
	return login;
}

/* How a login ended, as "SQLSTATE seconds message". */
std::string
end_of(const Login &login)
{
	auto started = std::chrono::steady_clock::now();

	try
	{
		open(login, &signals);
	}
	catch (const Error &error)
	{
		auto took = std::chrono::steady_clock::now() - started;
		return std::string(error.sqlstate()) + " " +
			   std::to_string(std::chrono::duration<double>(took).count()) + " " + error.what();
	}
	return "00000 0 no error";
}

struct Trial
{
	int connect_timeout;
	int signal_after;
	const char *variable; /* of FreeTDS, in the environment of a second login, to an address; "" for
						   * no variable, null for no second login */
};

std::string
try_logins(const Trial &trial)
{
	std::string end = end_of(login_to("till.example.com", 1433, trial.connect_timeout));

	if (trial.variable == nullptr)
		return end;

	MisbehavingServer server;

	if (trial.variable[0] != '\0')
		setenv(trial.variable, "7.3", 1);
	end = end_of(login_to("127.0.0.1", server.port(), trial.connect_timeout));
	if (trial.variable[0] != '\0' && getenv(trial.variable) == nullptr)
		end += ", and the variable is gone";
	return end;
}

/* In the child: tries, and says how it ended. */
[[noreturn]] void
try_in_child(const std::string &directory, const Trial &trial, int answer)
{
	if (!make_network() || !make_silent_name_server(directory))
		_exit(not_allowed);

	struct sigaction action = {};
	action.sa_handler = [](int) { signalled = 1; };
	sigaction(SIGALRM, &action, nullptr);
	itimerval timer = {{0, 0}, {trial.signal_after / 1000, trial.signal_after % 1000 * 1000}};
	setitimer(ITIMER_REAL, &timer, nullptr);

	std::string end = try_logins(trial);

	if (write(answer, end.data(), end.size()) < 0)
		_exit(1);
	/* the way a backend ends, with a question still on its way */
	exit(0);
}

/* "" where the system does not allow it. */
std::string
end_of_login(const Trial &trial)
{
	char directory[] = "/tmp/resolve_test.XXXXXX";
	char text[500];
	int answer[2];
	int status = 0;

	if (mkdtemp(directory) == nullptr || pipe(answer) != 0)
		return "";
	pid_t child = fork();
	if (child == 0)
		try_in_child(directory, trial, answer[1]);
	close(answer[1]);
	ssize_t length = read(answer[0], text, sizeof text);
	close(answer[0]);
	waitpid(child, &status, 0);
	unlink((std::string(directory) + "/resolv.conf").c_str());
	rmdir(directory);
	if (WIFEXITED(status) && WEXITSTATUS(status) == not_allowed)
		return "";
	EXPECT_EQ(status, 0);
	return std::string(text, length > 0 ? static_cast<size_t>(length) : 0);
}

} // namespace

TEST(Resolve, ASignalEndsTheWaitForANameServer)
{
	std::string end = end_of_login({0, 300, nullptr});
	if (end.empty())
		GTEST_SKIP() << "no network of one's own here";
	EXPECT_EQ(end.substr(0, 5), "57014") << end;
	printf("%s\n", end.c_str()); /* the name server never answers */
}

TEST(Resolve, ConnectTimeoutEndsTheWaitForANameServer)
{
	std::string end = end_of_login({1, 0, nullptr});
	if (end.empty())
		GTEST_SKIP() << "no network of one's own here";
	EXPECT_EQ(end.substr(0, 5), "08001") << end;
	EXPECT_NE(end.find("till.example.com"), std::string::npos) << end;
	printf("%s\n", end.c_str()); /* the name server never answers */
}

/* The thread that still asks the name server may read the environment at any time. */
TEST(Resolve, TheEnvironmentIsNotChangedBesideAnAbandonedQuestion)
{
	std::string end = end_of_login({1, 0, "TDSVER"});
	if (end.empty())
		GTEST_SKIP() << "no network of one's own here";
	EXPECT_EQ(end.substr(0, 5), "08001") << end;
	EXPECT_NE(end.find("while a name server is still being asked"), std::string::npos) << end;
	EXPECT_EQ(end.find("gone"), std::string::npos) << end;
	printf("%s\n", end.c_str()); /* the name server never answers */
}

TEST(Resolve, WhereNothingWouldBeChangedNobodyWaits)
{
	std::string end = end_of_login({1, 0, ""});
	if (end.empty())
		GTEST_SKIP() << "no network of one's own here";
	EXPECT_EQ(end, "00000 0 no error");
}
