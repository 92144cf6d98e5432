/*
 * The port of a named instance: a question to SQL Server Browser, which listens on UDP port 1434 of
 * the host ([MC-SQLR]).
 *
 * What comes back is believed only so far as it must be: it has to come from the address that was
 * asked, have the lengths it says, name the instance asked for and a port there can be. Browser
 * does not answer at all for an instance it does not know. A request or its answer may get lost, so
 * it is sent twice.
 */
#include "tds/network.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <poll.h>

namespace sambapos::tds
{

static constexpr int browser_port = 1434;
static constexpr unsigned char ask_for_instance = 0x04, answer_mark = 0x05;
static constexpr size_t longest_answer = 1024; /* after its three bytes of header */
static constexpr int requests = 2;
static constexpr std::chrono::seconds longest_wait{2}; /* for the answer to a request */

static constexpr char silence_hint[] =
	"Check that the instance's name is right, that the service SQL Server Browser is running, and "
	"that the firewall lets UDP port 1434 through. Otherwise give the instance's TCP port with the "
	"server option port.";
static constexpr char tcp_hint[] =
	"Enable TCP/IP for the instance in SQL Server Configuration Manager and restart it.";
static constexpr char answer_hint[] =
	"Give the instance's TCP port with the server option port: SQL Server Configuration Manager "
	"shows it.";

static bool
same_name(const std::string &a, const std::string &b)
{
	auto small = [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; };

	return std::equal(a.begin(), a.end(), b.begin(), b.end(),
					  [&](unsigned char x, unsigned char y) { return small(x) == small(y); });
}

/* 0 if it is not one. */
static int
as_port(const std::string &text)
{
	int port = 0;

	if (text.empty() || text.size() > 5)
		return 0;
	for (char c : text)
	{
		if (c < '0' || c > '9')
			return 0;
		port = port * 10 + (c - '0');
	}
	return port <= 65535 ? port : 0;
}

/* What an answer says about the instance asked for. */
struct Finding
{
	bool named = false; /* it speaks of that instance */
	bool tcp = false;   /* which listens on TCP */
	int port = 0;       /* there; 0 if the port makes no sense */
};

/* "ServerName;TILL;InstanceName;SQLEXPRESS;...;tcp;49721;;": names and values in turn, an empty
 * name after each instance. */
static Finding
read_answer(const std::string &text, const std::string &instance)
{
	Finding finding;

	for (size_t at = 0; at < text.size();)
	{
		size_t name_end = std::min(text.find(';', at), text.size());
		std::string name = text.substr(at, name_end - at);

		at = name_end + 1;
		if (name.empty())
		{
			if (finding.named)
				break;
			finding = {};
			continue;
		}
		size_t value_end = std::min(text.find(';', std::min(at, text.size())), text.size());
		std::string value = at < text.size() ? text.substr(at, value_end - at) : "";

		at = value_end + 1;
		if (name == "InstanceName")
			finding.named = same_name(value, instance);
		else if (name == "tcp")
			finding.tcp = true, finding.port = as_port(value);
	}
	return finding;
}

[[noreturn]] static void
refuse(const Attempt &attempt, const Address &address, const char *what, const char *hint)
{
	throw Error("08001",
				std::string("could not find the port of instance \"") + attempt.login.instance +
					"\" at " + attempt.login.host,
				address.text + ": " + what + ".", hint, 0, true);
}

static int
port_in(const Attempt &attempt, const Address &address, const unsigned char *bytes, size_t length)
{
	if (length < 3 || bytes[0] != answer_mark || length - 3 > longest_answer ||
		static_cast<size_t>(bytes[1] | bytes[2] << 8) != length - 3)
		refuse(attempt, address, "the answer on UDP port 1434 is not one of SQL Server Browser",
			   answer_hint);

	std::string text(reinterpret_cast<const char *>(bytes) + 3, length - 3);
	Finding finding = read_answer(text, attempt.login.instance);
	if (!finding.named)
		refuse(attempt, address, "SQL Server Browser's answer is about another instance",
			   answer_hint);
	if (!finding.tcp)
		refuse(attempt, address, "the instance does not listen on TCP", tcp_hint);
	if (finding.port == 0)
		refuse(attempt, address, "SQL Server Browser's answer has an invalid port", answer_hint);
	return finding.port;
}

/* Asks one address once. The port, or 0 and the errno that says why there is none. */
static int
ask(const Attempt &attempt, const Address &address, Clock::time_point until, int *error)
{
	Address browser = with_port(address, browser_port);
	Socket socket(browser.storage.ss_family, SOCK_DGRAM);
	std::string request(1, static_cast<char>(ask_for_instance));
	unsigned char answer[longest_answer + 4]; /* a longer one is seen to be too long */

	request += attempt.login.instance;
	request.push_back('\0');
	/* connected: the kernel passes on what comes from there only, and tells of a closed port */
	if (connect(socket.descriptor(), reinterpret_cast<sockaddr *>(&browser.storage),
				browser.length) != 0 ||
		send(socket.descriptor(), request.data(), request.size(), MSG_NOSIGNAL) < 0)
	{
		*error = errno;
		return 0;
	}
	while (wait_for(socket.descriptor(), POLLIN, attempt, until))
	{
		ssize_t length = recv(socket.descriptor(), answer, sizeof answer, 0);

		if (length >= 0)
			return port_in(attempt, address, answer, static_cast<size_t>(length));
		if (errno != EAGAIN && errno != EINTR)
		{
			*error = errno;
			return 0;
		}
	}
	*error = ETIMEDOUT;
	return 0;
}

int
ask_browser(const Attempt &attempt, const std::vector<Address> &addresses)
{
	std::string tried;
	int questions = static_cast<int>(addresses.size()) * requests;

	for (const Address &address : addresses)
	{
		int error = ETIMEDOUT;

		for (int i = 0; i < requests && error == ETIMEDOUT; i++)
		{
			Clock::time_point now = Clock::now();
			/* half of the time is for the login itself */
			auto share = (attempt.end - now) / (2 * questions);
			int port =
				ask(attempt, address, now + std::min<Clock::duration>(share, longest_wait), &error);

			if (port != 0)
				return port;
		}
		questions -= requests;
		tried += (tried.empty() ? "" : "; ") + address.text + ": " + std::strerror(error);
	}
	throw Error("08001",
				"no answer from SQL Server Browser at " + std::string(attempt.login.host) +
					" about instance \"" + attempt.login.instance + "\"",
				tried + ".", silence_hint, 0, true);
}

} // namespace sambapos::tds
