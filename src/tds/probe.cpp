/*
 * Is anybody there? A TCP connection of our own before DB-Library's, because the library connects
 * without asking about interruption and can't say what went wrong.
 *
 * All addresses of the host are tried, each with its share of the time.
 */
#include "tds/state.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sambapos::tds
{

static constexpr char port_hint[] =
	"Is SQL Server running, is TCP/IP enabled in SQL Server Configuration Manager, and does it "
	"listen on this port? Named instances and LocalDB don't listen on 1433 by themselves.";
static constexpr char network_hint[] =
	"Nothing answers there: check host and port, the firewall of the till, and the network.";
static constexpr char name_hint[] =
	"Check the server option host; an IP address works where the name can't be resolved.";

/* A socket that closes itself. */
class Socket
{
public:
	explicit Socket(const addrinfo &address)
		: descriptor_(socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))
	{
	}
	~Socket()
	{
		if (descriptor_ >= 0)
			close(descriptor_);
	}
	Socket(const Socket &) = delete;
	Socket &operator=(const Socket &) = delete;
	int descriptor() const { return descriptor_; }

private:
	int descriptor_;
};

using Addresses = std::unique_ptr<addrinfo, void (*)(addrinfo *)>;

static Addresses
resolve(const Login &login)
{
	addrinfo hints{};
	addrinfo *list = nullptr;

	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
	int code = getaddrinfo(login.host, std::to_string(login.port).c_str(), &hints, &list);
	if (code == EAI_ADDRFAMILY || code == EAI_NODATA || code == EAI_NONAME)
	{
		/* a machine whose only interface is the loopback one */
		hints.ai_flags = AI_NUMERICSERV;
		code = getaddrinfo(login.host, std::to_string(login.port).c_str(), &hints, &list);
	}
	if (code != 0)
		throw Error("08001", std::string("could not find host \"") + login.host + "\"",
					std::string(gai_strerror(code)) + ".", name_hint, 0, true);
	return Addresses(list, freeaddrinfo);
}

[[noreturn]] static void
interrupted_error(const Login &login)
{
	throw Error("57014", std::string("canceled while connecting to ") + login.host, "", "", 0,
				true);
}

/* 0, or the errno that says why there is no connection. */
static int
try_address(const Login &login, const addrinfo &address, Interrupted interrupted,
			Clock::time_point until)
{
	Socket attempt(address);
	if (attempt.descriptor() < 0)
		return errno;
	if (connect(attempt.descriptor(), address.ai_addr, address.ai_addrlen) == 0)
		return 0;
	if (errno != EINPROGRESS && errno != EINTR)
		return errno;

	for (;;)
	{
		if (interrupted != nullptr && interrupted())
			interrupted_error(login);
		auto left =
			std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
		if (left <= 0)
			return ETIMEDOUT;

		pollfd waiting{attempt.descriptor(), POLLOUT, 0};
		int ready = poll(&waiting, 1, static_cast<int>(left < 1000 ? left + 1 : 1000));
		if (ready < 0 && errno != EINTR)
			return errno;
		if (ready > 0)
		{
			int error = 0;
			socklen_t size = sizeof error;
			if (getsockopt(attempt.descriptor(), SOL_SOCKET, SO_ERROR, &error, &size) != 0)
				return errno;
			return error;
		}
	}
}

static std::string
numeric(const addrinfo &address)
{
	char text[NI_MAXHOST];

	if (getnameinfo(address.ai_addr, address.ai_addrlen, text, sizeof text, nullptr, 0,
					NI_NUMERICHOST) != 0)
		return {};
	return text;
}

std::string
probe(const Login &login, Interrupted interrupted)
{
	Addresses addresses = resolve(login);
	auto limit = login.connect_timeout > 0 ? std::chrono::seconds(login.connect_timeout)
										   : std::chrono::hours(24);
	Clock::time_point end = Clock::now() + limit;
	int count = 0;
	int error = ETIMEDOUT;
	std::string tried;

	for (addrinfo *address = addresses.get(); address != nullptr; address = address->ai_next)
		count++;
	for (addrinfo *address = addresses.get(); address != nullptr; address = address->ai_next)
	{
		auto share = (end - Clock::now()) / count--;
		error = try_address(login, *address, interrupted, Clock::now() + share);
		if (error == 0)
			return numeric(*address);
		tried += (tried.empty() ? "" : "; ") + numeric(*address) + ": " + std::strerror(error);
	}
	throw Error("08001",
				std::string("could not connect to ") + login.host + ":" +
					std::to_string(login.port),
				tried + ".", error == ECONNREFUSED ? port_hint : network_hint, 0, true);
}

} // namespace sambapos::tds
