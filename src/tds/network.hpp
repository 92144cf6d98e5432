/*
 * What comes before DB-Library: the addresses of the host, the port of a named instance, and the
 * check that a server answers. For the files of src/tds only.
 *
 * All of it asks about interruption: the library would do none of this interruptibly.
 */
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include "tds/messages.hpp"

namespace sambapos::tds
{

/* A login under way: where to, and how long it may take. */
struct Attempt
{
	const Login &login;
	const Interrupts *interrupts;
	Clock::time_point started;
	Clock::time_point end; /* of connect_timeout; far away without one */
	int port;              /* 0 until SQL Browser has told it */
};

struct Address
{
	sockaddr_storage storage;
	socklen_t length;
	std::string text; /* numeric */
};

/* A non-blocking socket that closes itself. */
class Socket
{
public:
	Socket(int family, int type)
		: descriptor_(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))
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

/* Throws Error 57014 if the caller says so. */
void check_interrupted(const Attempt &attempt);

/* Waits until poll() reports one of `events` (true) or the time is over (false). Throws 57014. */
bool wait_for(int descriptor, short events, const Attempt &attempt, Clock::time_point until);

/* The addresses of the host, with no port in them. Throws 08001. */
std::vector<Address> resolve(const Attempt &attempt);

/* Waits until no thread that resolve() has given up can be reading the environment any more:
 * to be called before that is changed. False if the time is over first. Throws 57014. */
bool wait_for_resolver(const Attempt &attempt);

/* The TCP port of the instance, as SQL Server Browser at the host says (UDP 1434). Throws 08001. */
int ask_browser(const Attempt &attempt, const std::vector<Address> &addresses);

/* Connects one TCP socket and closes it; returns the address that answered. Throws 08001 that says
 * what is wrong: the port, the network. */
Address probe(const Attempt &attempt, const std::vector<Address> &addresses);

/* Why a login ended before the server had answered it; nothing where that cannot be seen.
 * Throws 57014. */
std::optional<Error> diagnose(const Attempt &attempt, const Address &address,
							  const std::string &peer);

/* host:port, [host]:port for an IPv6 address: for messages. */
std::string host_and_port(const char *host, int port);

/* The address with this port. */
Address with_port(const Address &address, int port) noexcept;

} // namespace sambapos::tds
