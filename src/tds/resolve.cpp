/*
 * The addresses of a host.
 *
 * getaddrinfo() cannot be interrupted and takes as long as the system's name servers take: half a
 * minute where they are down. glibc's getaddrinfo_a() runs it in a thread that has all signals
 * blocked, and can be waited for a while at a time. A question that was given up stays with that
 * thread until it is answered; its memory is taken back at the next one. Until then the thread may
 * read the environment, which must not be changed meanwhile. Addresses in digits need neither, and
 * other systems have only getaddrinfo().
 */
#include "tds/network.hpp"

#include <cstring>
#include <list>
#include <memory>

#include <netdb.h>

namespace sambapos::tds
{

static constexpr char name_hint[] =
	"Check the server option host; an IP address works where the name cannot be resolved.";

static addrinfo
hints_with(int flags) noexcept
{
	addrinfo hints{};

	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = flags;
	return hints;
}

/* Takes over the list. */
static std::vector<Address>
as_addresses(addrinfo *list)
{
	std::unique_ptr<addrinfo, void (*)(addrinfo *)> owner(list, freeaddrinfo);
	std::vector<Address> result;

	for (addrinfo *entry = list; entry != nullptr; entry = entry->ai_next)
	{
		Address address{};
		char text[NI_MAXHOST];

		if (entry->ai_addrlen > sizeof address.storage ||
			getnameinfo(entry->ai_addr, entry->ai_addrlen, text, sizeof text, nullptr, 0,
						NI_NUMERICHOST) != 0)
			continue;
		memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
		address.length = entry->ai_addrlen;
		address.text = text;
		result.push_back(address);
	}
	return result;
}

#ifdef __GLIBC__

/* A question to the resolver; it must stay where it is until it is answered. */
struct Lookup
{
	std::string host;
	addrinfo hints{};
	gaicb request{};

	~Lookup()
	{
		if (request.ar_result != nullptr)
			freeaddrinfo(request.ar_result);
	}
};

/* Those that were given up. Never destroyed: a thread may still write to them when we exit. */
static std::list<std::unique_ptr<Lookup>> &abandoned = *new std::list<std::unique_ptr<Lookup>>();

static void
forget_answered()
{
	abandoned.remove_if([](const std::unique_ptr<Lookup> &lookup)
						{ return gai_error(&lookup->request) != EAI_INPROGRESS; });
}

/* Waits for the answer, and says what to do with the question if there will be none in time. */
static bool
wait_for_answer(const Lookup &lookup, const Attempt &attempt)
{
	const gaicb *list[] = {&lookup.request};
	timespec pause = {0, 100000000};

	while (gai_error(const_cast<gaicb *>(&lookup.request)) == EAI_INPROGRESS)
	{
		if (attend(attempt.interrupts) || Clock::now() >= attempt.end)
			return false;
		gai_suspend(list, 1, &pause);
	}
	return true;
}

/* The thread stays for a second after its answer, but reads nothing more. */
bool
wait_for_resolver(const Attempt &attempt)
{
	for (forget_answered(); !abandoned.empty(); forget_answered())
		if (!wait_for_answer(*abandoned.front(), attempt))
		{
			check_interrupted(attempt);
			return false;
		}
	return true;
}

static int
look_up(const Attempt &attempt, int flags, addrinfo **list)
{
	forget_answered();
	auto lookup = std::make_unique<Lookup>();
	lookup->host = attempt.login.host;
	lookup->hints = hints_with(flags);
	lookup->request.ar_name = lookup->host.c_str();
	lookup->request.ar_request = &lookup->hints;

	gaicb *request = &lookup->request;
	int code = getaddrinfo_a(GAI_NOWAIT, &request, 1, nullptr);
	if (code != 0)
		return code;
	if (!wait_for_answer(*lookup, attempt))
	{
		if (gai_cancel(request) == EAI_NOTCANCELED)
			abandoned.push_back(std::move(lookup));
		check_interrupted(attempt);
		throw Error("08001",
					std::string("could not find host \"") + attempt.login.host + "\" within " +
						std::to_string(attempt.login.connect_timeout) + " s",
					"", name_hint, 0, true);
	}
	code = gai_error(request);
	*list = request->ar_result;
	request->ar_result = nullptr;
	return code;
}

#else

bool
wait_for_resolver(const Attempt &)
{
	return true;
}

static int
look_up(const Attempt &attempt, int flags, addrinfo **list)
{
	addrinfo hints = hints_with(flags);

	return getaddrinfo(attempt.login.host, nullptr, &hints, list);
}

#endif

std::vector<Address>
resolve(const Attempt &attempt)
{
	addrinfo digits = hints_with(AI_NUMERICHOST);
	addrinfo *list = nullptr;

	if (getaddrinfo(attempt.login.host, nullptr, &digits, &list) == 0)
		return as_addresses(list);

	int code = look_up(attempt, AI_ADDRCONFIG, &list);
	/* a machine whose only interface is the loopback one */
	if (code == EAI_ADDRFAMILY || code == EAI_NODATA || code == EAI_NONAME)
		code = look_up(attempt, 0, &list);
	if (code != 0)
		throw Error("08001", std::string("could not find host \"") + attempt.login.host + "\"",
					std::string(gai_strerror(code)) + ".", name_hint, 0, true);
	return as_addresses(list);
}

} // namespace sambapos::tds
