/*
 * Checks that a server answers: a TCP connection of our own before DB-Library's, because the
 * library connects without asking about interruption and cannot say what went wrong.
 *
 * All addresses of the host are tried, each with its share of the time.
 */
#include "tds/network.hpp"

#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <poll.h>

namespace sambapos::tds
{

static constexpr char port_hint[] =
	"Check that SQL Server is running, that TCP/IP is enabled in SQL Server Configuration Manager, "
	"and that it listens on this port. Named instances and LocalDB do not listen on 1433 by "
	"themselves: see the server option instance.";
static constexpr char network_hint[] =
	"Nothing answers there: check host and port, the firewall of the till, and the network.";

void
check_interrupted(const Attempt &attempt)
{
	if (attend(attempt.interrupts))
		throw Error("57014", std::string("canceled while connecting to ") + attempt.login.host, "",
					"", 0, true);
}

bool
wait_for(int descriptor, short events, const Attempt &attempt, Clock::time_point until)
{
	for (;;)
	{
		check_interrupted(attempt);
		auto left =
			std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
		if (left <= 0)
			return false;

		pollfd waiting{descriptor, events, 0};
		/* a second at most: a signal that came before poll() began does not end it */
		if (poll(&waiting, 1, static_cast<int>(left < 1000 ? left + 1 : 1000)) > 0)
			return true;
	}
}

std::string
host_and_port(const char *host, int port)
{
	bool digits = std::strchr(host, ':') != nullptr;

	return (digits ? "[" : "") + std::string(host) + (digits ? "]:" : ":") + std::to_string(port);
}

Address
with_port(const Address &address, int port) noexcept
{
	Address result = address;
	auto number = htons(static_cast<uint16_t>(port));

	if (result.storage.ss_family == AF_INET6)
		reinterpret_cast<sockaddr_in6 *>(&result.storage)->sin6_port = number;
	else
		reinterpret_cast<sockaddr_in *>(&result.storage)->sin_port = number;
	return result;
}

/* 0, or the errno that says why there is no connection. */
static int
try_address(const Attempt &attempt, const Address &address, Clock::time_point until)
{
	Socket socket(address.storage.ss_family, SOCK_STREAM);
	int error = 0;
	socklen_t size = sizeof error;

	if (socket.descriptor() < 0)
		return errno;
	if (connect(socket.descriptor(), reinterpret_cast<const sockaddr *>(&address.storage),
				address.length) == 0)
		return 0;
	if (errno != EINPROGRESS && errno != EINTR)
		return errno;
	if (!wait_for(socket.descriptor(), POLLOUT, attempt, until))
		return ETIMEDOUT;
	if (getsockopt(socket.descriptor(), SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		return errno;
	return error;
}

Address
probe(const Attempt &attempt, const std::vector<Address> &addresses)
{
	int error = ETIMEDOUT;
	int left = static_cast<int>(addresses.size());
	std::string tried;

	for (const Address &address : addresses)
	{
		auto share = (attempt.end - Clock::now()) / left--;

		error = try_address(attempt, with_port(address, attempt.port), Clock::now() + share);
		if (error == 0)
			return address;
		tried += (tried.empty() ? "" : "; ") + address.text + ": " + std::strerror(error);
	}
	throw Error("08001", "could not connect to " + host_and_port(attempt.login.host, attempt.port),
				tried + ".", error == ECONNREFUSED ? port_hint : network_hint, 0, true);
}

} // namespace sambapos::tds
