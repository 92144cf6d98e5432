/*
 * Checks that what we send really leaves encrypted.
 *
 * FreeTDS (all versions up to 1.5) with "encryption = require" refuses a server that has no
 * encryption, but not one that answers "for the login only": then all that follows is in clear.
 * PRELOGIN is not protected, so a machine between could change the answer. FreeTDS
 * cannot be asked what it does, but the system can: a batch of known length must have become longer
 * on its way into the socket. What counts are the bytes written to the socket, which no other
 * machine can change: those that were acknowledged and those that were not.
 */
#include "tds/state.hpp"

#ifdef __linux__
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#endif

namespace sambapos::tds
{

#ifdef __linux__

static bool
acknowledged(int descriptor, std::uint64_t *bytes) noexcept
{
	tcp_info info{};
	socklen_t size = sizeof info;

	if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
		size < offsetof(tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked)
		return false;
	*bytes = info.tcpi_bytes_acked;
	return true;
}

/* An acknowledgement that arrives between the two questions would count twice or not at all. */
std::uint64_t
bytes_written(int descriptor) noexcept
{
	std::uint64_t before, after;
	int queued = 0;

	do
	{
		if (!acknowledged(descriptor, &before) || ioctl(descriptor, SIOCOUTQ, &queued) != 0 ||
			!acknowledged(descriptor, &after))
			return 0;
	} while (before != after);
	return after + static_cast<std::uint64_t>(queued);
}

#else

std::uint64_t
bytes_written(int) noexcept
{
	return 0;
}

#endif

bool
left_in_clear(std::uint64_t before, std::uint64_t after, std::uint64_t clear_size) noexcept
{
	/* each record of TLS adds 21 bytes or more; a system that cannot count says nothing */
	return before != 0 && after >= before + clear_size && after < before + clear_size + 16;
}

} // namespace sambapos::tds
