/*
 * The server that `make bench` measures against: it stands before a SQL Server (or the till) and
 * answers a query it has seen before from memory, as fast as the socket takes the bytes, so that
 * the server's own work is in nobody's figures.
 *
 *     replay HOST PORT DIR        prints its own port, on 127.0.0.1
 *
 * Every client has a connection of its own to the server behind. Whatever it asks is passed on, and
 * the answer back; the answer to a batch, if it is longer than a megabyte, is also written to a
 * file of DIR, byte for byte. The same batch asked again with the same packet size gets that file.
 * Nothing is understood but packets, so there can be no TLS: both sides must have encryption off.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

constexpr off_t worth_keeping = 1 << 20;
constexpr unsigned char type_batch = 1;
constexpr unsigned char type_login = 16;
constexpr unsigned char last_packet = 1;
constexpr std::size_t header_length = 8;

/* The end of a connection, however it came about; no error. */
struct Closed
{
};

static void
read_exactly(int socket, char *target, std::size_t length)
{
	while (length > 0)
	{
		ssize_t got = recv(socket, target, length, 0);

		if (got <= 0)
			throw Closed();
		target += got;
		length -= static_cast<std::size_t>(got);
	}
}

static void
write_all(int descriptor, const std::string &data)
{
	for (std::size_t done = 0; done < data.size();)
	{
		ssize_t written = write(descriptor, data.data() + done, data.size() - done);

		if (written <= 0)
			throw Closed();
		done += static_cast<std::size_t>(written);
	}
}

static std::string
read_packet(int socket)
{
	std::string packet(header_length, '\0');

	read_exactly(socket, packet.data(), header_length);
	auto *header = reinterpret_cast<const unsigned char *>(packet.data());
	std::size_t length = static_cast<std::size_t>(header[2] << 8 | header[3]);
	if (length < header_length)
		throw Closed();
	packet.resize(length);
	read_exactly(socket, packet.data() + header_length, length - header_length);
	return packet;
}

static bool
is_last(const std::string &packet)
{
	return (packet[1] & last_packet) != 0;
}

static std::uint32_t
read_number(const std::string &data, std::size_t offset)
{
	std::uint32_t number = 0;

	if (offset + sizeof number <= data.size())
		memcpy(&number, data.data() + offset, sizeof number);
	return number;
}

/* The text of a batch, without the headers before it: those carry the transaction's number. */
static std::string
batch_text(const std::string &payload)
{
	std::uint32_t headers = read_number(payload, 0);

	return headers < payload.size() && headers < 256 ? payload.substr(headers) : payload;
}

/* One client, in a process of its own. */
class Client
{
public:
	Client(int client, int server, std::string directory)
		: client_(client), server_(server), directory_(std::move(directory))
	{
	}

	void serve()
	{
		for (;;)
			answer(read_request());
	}

private:
	struct Request
	{
		unsigned char type;
		std::string packets; /* as they came */
		std::string payload;
	};

	Request read_request()
	{
		Request request{};
		bool last = false;

		while (!last)
		{
			std::string packet = read_packet(client_);

			request.type = static_cast<unsigned char>(packet[0]);
			request.packets += packet;
			request.payload += packet.substr(header_length);
			last = is_last(packet);
		}
		if (request.type == type_login)
			packet_size_ = read_number(request.payload, 8);
		return request;
	}

	void answer(const Request &request)
	{
		if (request.type != type_batch)
		{
			pass_on(request, -1);
			return;
		}
		std::string file = file_name(batch_text(request.payload));
		int recorded = open(file.c_str(), O_RDONLY);
		if (recorded >= 0)
			replay(recorded);
		else
			record(request, file);
	}

	std::string file_name(const std::string &text) const
	{
		return directory_ + "/" + std::to_string(std::hash<std::string>()(text)) + "." +
			   std::to_string(packet_size_);
	}

	void replay(int file) const
	{
		struct stat state
		{
		};
		off_t offset = 0;

		fstat(file, &state);
		while (offset < state.st_size)
			if (sendfile(client_, file, &offset, static_cast<std::size_t>(state.st_size)) <= 0)
				throw Closed();
		close(file);
	}

	/* The file gets its name when it is whole. */
	void record(const Request &request, const std::string &name) const
	{
		std::string unfinished = name + "." + std::to_string(getpid());
		int file = open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
		struct stat state
		{
		};
		bool whole = pass_on(request, file);

		fstat(file, &state);
		close(file);
		if (whole && state.st_size >= worth_keeping)
			rename(unfinished.c_str(), name.c_str());
		else
			unlink(unfinished.c_str());
	}

	/* What the client sends before the answer has ended can only be an attention, which ends it:
	 * false. */
	bool pass_on(const Request &request, int file) const
	{
		bool last = false;
		bool whole = true;

		write_all(server_, request.packets);
		while (!last)
		{
			pollfd ready[2] = {{client_, POLLIN, 0}, {server_, POLLIN, 0}};

			poll(ready, 2, -1);
			if (ready[0].revents != 0)
			{
				write_all(server_, read_packet(client_));
				whole = false;
			}
			if (ready[1].revents == 0)
				continue;
			std::string packet = read_packet(server_);
			write_all(client_, packet);
			if (file >= 0)
				write_all(file, packet);
			last = is_last(packet);
		}
		return whole;
	}

	int client_;
	int server_;
	std::string directory_;
	std::uint32_t packet_size_ = 0;
};

static int
connect_to(const char *host, const char *port)
{
	addrinfo hints{};
	addrinfo *found = nullptr;

	hints.ai_socktype = SOCK_STREAM;
	if (getaddrinfo(host, port, &hints, &found) != 0)
		throw std::runtime_error(std::string("no host ") + host);
	int descriptor = socket(found->ai_family, SOCK_STREAM, 0);
	if (connect(descriptor, found->ai_addr, found->ai_addrlen) != 0)
		throw std::runtime_error(std::string("cannot connect to ") + host + ":" + port);
	freeaddrinfo(found);
	return descriptor;
}

static int
listen_somewhere()
{
	int descriptor = socket(AF_INET, SOCK_STREAM, 0);
	sockaddr_in address{};
	socklen_t length = sizeof address;

	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(descriptor, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0 ||
		listen(descriptor, 64) != 0)
		throw std::runtime_error("cannot listen");
	getsockname(descriptor, reinterpret_cast<sockaddr *>(&address), &length);
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return descriptor;
}

static void
serve(int client, char **arguments)
{
	int on = 1;

	try
	{
		int server = connect_to(arguments[1], arguments[2]);

		setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		Client(client, server, arguments[3]).serve();
	}
	catch (const Closed &)
	{
	}
	catch (const std::exception &e)
	{
		fprintf(stderr, "replay: %s\n", e.what());
	}
}

int
main(int argc, char **argv)
{
	if (argc != 4)
	{
		fprintf(stderr, "usage: replay HOST PORT DIR\n");
		return 2;
	}
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	int listener = listen_somewhere();
	for (;;)
	{
		int client = accept(listener, nullptr, nullptr);

		if (client < 0)
			return 1;
		if (fork() == 0)
		{
			close(listener);
			serve(client, argv);
			_exit(0);
		}
		close(client);
	}
}
