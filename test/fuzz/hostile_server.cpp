/* Sockets and threads; see hostile_server.hpp. */
#include "hostile_server.hpp"

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fuzz
{

/* Milliseconds in which a client that has its answer says what it wants next. */
static constexpr int patience = 25;

HostileServer::HostileServer(Script script, std::atomic<int> *open)
	: script_(std::move(script)), open_(open != nullptr ? *open : own_)
{
	sockaddr_in address{};
	socklen_t size = sizeof address;

	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener_, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0 ||
		listen(listener_, 64) != 0 ||
		getsockname(listener_, reinterpret_cast<sockaddr *>(&address), &size) != 0)
		throw std::runtime_error("no loopback port");
	port_ = ntohs(address.sin_port);
	threads_++;
	std::thread([this] { accept_connections(); }).detach();
}

HostileServer::~HostileServer()
{
	stopping_ = true;
	shutdown(listener_, SHUT_RDWR);
	while (threads_ > 0)
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	close(listener_);
}

bool
HostileServer::wait_until_closed(double seconds) const
{
	auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);

	while (open_ > 0)
	{
		if (std::chrono::steady_clock::now() > end)
			return false;
		std::this_thread::sleep_for(std::chrono::microseconds(100));
	}
	return true;
}

/* Signals are for the thread of the code under test. */
static void
block_signals()
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

void
HostileServer::accept_connections()
{
	block_signals();
	while (!stopping_)
	{
		int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
		if (connection < 0)
			continue;
		open_++;
		threads_++;
		std::thread(
			[this, connection]
			{
				converse(connection);
				close(connection);
				open_--;
				threads_--;
			})
			.detach();
	}
	threads_--;
}

static bool
read_bytes(int socket, std::size_t count, std::string *to)
{
	std::size_t got = to->size();

	to->resize(got + count);
	for (std::size_t end = got + count; got < end;)
	{
		ssize_t n = recv(socket, to->data() + got, end - got, 0);
		if (n <= 0)
			return false;
		got += static_cast<std::size_t>(n);
	}
	return true;
}

static bool
read_message(int socket, Message *message)
{
	for (;;)
	{
		std::string header;
		if (!read_bytes(socket, 8, &header))
			return false;
		std::size_t length = static_cast<std::size_t>(static_cast<unsigned char>(header[2])) << 8 |
							 static_cast<unsigned char>(header[3]);
		message->type = header[0];
		if (length < 8 || !read_bytes(socket, length - 8, &message->body))
			return false;
		if ((header[1] & 1) != 0)
			return true;
	}
}

/* Waits until more can be sent. When a client shuts its socket down with a full window and closes
 * it, Linux tells nobody that the window is open again, and drops the rest only after a minute: the
 * client's end is told by its FIN. */
static bool
can_send(int socket)
{
	pollfd waiting{socket, POLLOUT | POLLRDHUP, 0};

	poll(&waiting, 1, -1);
	return (waiting.revents & POLLOUT) != 0;
}

static bool
send_bytes(int socket, const std::string &bytes)
{
	for (std::size_t sent = 0; sent < bytes.size();)
	{
		if (!can_send(socket))
			return false;
		ssize_t n =
			send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n <= 0)
			return false;
		sent += static_cast<std::size_t>(n);
	}
	return true;
}

/* What the client sends meanwhile is read, so that it never waits for us; its end is noticed. */
static bool
client_is_there(int socket, int milliseconds)
{
	char unread[4096];
	pollfd waiting{socket, POLLIN, 0};

	if (poll(&waiting, 1, milliseconds) <= 0)
		return true;
	return recv(socket, unread, sizeof unread, MSG_DONTWAIT) > 0;
}

static bool
client_says_something(int socket, int milliseconds)
{
	pollfd waiting{socket, POLLIN, 0};

	return poll(&waiting, 1, milliseconds) > 0;
}

static void
send_for_ever(int socket, const std::string &bytes)
{
	std::string many;

	while (many.size() < 65536)
		many += bytes;
	while (send_bytes(socket, many) && client_is_there(socket, 0))
		continue;
}

void
HostileServer::converse(int socket)
{
	Message message;
	std::function<Answer(const Message &)> answers;

	block_signals();
	while (read_message(socket, &message))
	{
		if (!answers)
			answers = script_();
		Answer answer = answers(message);
		message = Message();
		if (!send_bytes(socket, answer.bytes))
			return;
		if (!answer.flood.empty())
			send_for_ever(socket, answer.flood);
		if (answer.after == After::close ||
			(answer.after == After::hang_up && !client_says_something(socket, patience)))
			return;
		while (answer.after == After::silence && !stopping_ && client_is_there(socket, 100))
			continue;
	}
}

std::function<Answer(const Message &)>
replay(std::vector<Answer> answers)
{
	return [answers = std::move(answers), next = std::size_t{0}](const Message &) mutable
	{
		if (next < answers.size())
			return answers[next++];
		Answer nothing;
		nothing.after = After::silence;
		return nothing;
	};
}

std::function<Answer(const Message &)>
recorded(std::function<Answer(const Message &)> answers, const std::string &path)
{
	return [answers = std::move(answers), path](const Message &message)
	{
		Answer answer = answers(message);
		write_answer(path, answer);
		return answer;
	};
}

} // namespace fuzz
