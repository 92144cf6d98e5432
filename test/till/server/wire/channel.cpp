/* Packets on a socket; see channel.hpp. */
#include "wire/channel.hpp"
#include "tsql/error.hpp"
#include "wire/tls.hpp"

#include <chrono>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace till
{

static const size_t header_size = 8;
static const size_t send_at = 65536;

Channel::Channel(int socket) : fd(socket) {}

Channel::~Channel()
{
	::close(fd);
}

void
Channel::shut()
{
	::shutdown(fd, SHUT_RDWR);
}

/* Waits up to timeout (-1: for ever) and takes what has come. */
void
Channel::receive(int timeout_ms)
{
	pollfd p{fd, POLLIN, 0};
	char piece[65536];
	int n = ::poll(&p, 1, timeout_ms);

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0)
		return;
	ssize_t got = ::recv(fd, piece, sizeof piece, MSG_DONTWAIT);

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		throw Disconnected();
	if (got < 0)
		return;
	if (encrypted)
	{
		tls->received(piece, static_cast<size_t>(got));
		in += tls->decrypt();
	}
	else
		in.append(piece, static_cast<size_t>(got));
}

void
Channel::fill(size_t bytes)
{
	while (in.size() < bytes)
		receive(-1);
}

Message
Channel::read()
{
	Message m;
	bool last = false;

	while (!last)
	{
		fill(header_size);
		auto byte = [&](size_t i) { return static_cast<std::uint8_t>(in[i]); };
		size_t length = static_cast<size_t>(byte(2) << 8 | byte(3));

		if (length < header_size)
			throw Disconnected();
		fill(length);
		m.type = byte(0);
		m.reset_connection = m.reset_connection || (byte(1) & 0x18) != 0;
		last = (byte(1) & 0x01) != 0;
		m.data.append(in, header_size, length - header_size);
		in.erase(0, length);
		if (m.data.size() > (512u << 20))
			throw Disconnected();
	}
	packet_number = 0;
	return m;
}

/* ---- sending ---- */

/* The client may hang on its own sends while we hang on ours: look both ways. */
void
Channel::send_raw(const char *data, size_t length)
{
	while (length > 0)
	{
		pollfd p{fd, static_cast<short>(POLLOUT | (in.size() < (1u << 20) ? POLLIN : 0)), 0};

		if (::poll(&p, 1, -1) < 0 && errno != EINTR)
			throw Disconnected();
		if (p.revents & POLLIN)
			receive(0);
		if (p.revents & (POLLERR | POLLNVAL))
			throw Disconnected();
		if (!(p.revents & POLLOUT))
			continue;
		ssize_t sent = ::send(fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			throw Disconnected();
		if (sent > 0)
		{
			data += sent;
			length -= static_cast<size_t>(sent);
		}
	}
}

/* Encrypts if need be. */
void
Channel::send_plain(std::string bytes)
{
	bytes_sent += static_cast<long long>(bytes.size());
	if (encrypted)
	{
		tls->encrypt(bytes.data(), bytes.size());
		bytes = tls->to_send();
	}
	send_raw(bytes.data(), bytes.size());
}

void
Channel::send_ready()
{
	if (ready.empty())
		return;
	std::string bytes = std::move(ready);

	ready.clear();
	if (faults.cut_after >= 0 && faults_apply)
	{
		if (static_cast<long long>(bytes.size()) >= faults.cut_after)
		{
			bytes.resize(static_cast<size_t>(faults.cut_after));
			send_plain(std::move(bytes));
			shut();
			throw Disconnected();
		}
		faults.cut_after -= static_cast<long long>(bytes.size());
	}
	if (faults.hang_after >= 0 && faults_apply)
	{
		long long left = faults.hang_after - static_cast<long long>(bytes.size());

		if (left <= 0)
		{
			bytes.resize(static_cast<size_t>(faults.hang_after));
			send_plain(std::move(bytes));
			hang(hangs_in_answers);
		}
		faults.hang_after = left;
	}
	send_plain(std::move(bytes));
}

void
Channel::close_packet(bool last)
{
	size_t payload = std::min(out.size(), packet_size - header_size);
	size_t length = payload + header_size;
	char header[header_size] = {static_cast<char>(packet_reply),
								static_cast<char>(last),
								static_cast<char>(length >> 8),
								static_cast<char>(length),
								0,
								0,
								static_cast<char>(++packet_number),
								0};

	ready.append(header, header_size);
	ready.append(out, 0, payload);
	out.erase(0, payload);
	if (faults.slow_ms > 0 && faults_apply)
	{
		send_ready();
		if (!last)
			sleep(faults.slow_ms);
	}
	else if (ready.size() >= send_at)
	{
		send_ready();
		if (!last)
			watch();
	}
}

void
Channel::put(const char *data, size_t length)
{
	out.append(data, length);
	while (out.size() > packet_size - header_size)
		close_packet(false);
}

void
Channel::end_message()
{
	while (out.size() > packet_size - header_size)
		close_packet(false);
	close_packet(true);
	send_ready();
	packet_number = 0;
}

void
Channel::write_prelogin(const std::string &data)
{
	put(data);
	end_message();
}

/* ---- TLS ---- */

void
Channel::start_tls(TlsContext &context)
{
	tls = std::make_unique<Tls>(context);
	for (bool done = false; !done;)
	{
		Message m = read();

		if (m.type != packet_prelogin)
			throw Disconnected();
		tls->received(m.data.data(), m.data.size());
		done = tls->handshake();
		std::string answer = tls->to_send();

		for (size_t at = 0; at < answer.size();)
		{
			size_t piece = std::min(answer.size() - at, packet_size - header_size),
				   length = piece + header_size;
			bool last = at + piece == answer.size();
			char header[header_size] = {static_cast<char>(packet_prelogin),
										static_cast<char>(last),
										static_cast<char>(length >> 8),
										static_cast<char>(length),
										0,
										0,
										0,
										0};
			std::string packet(header, header_size);

			packet.append(answer, at, piece);
			send_raw(packet.data(), packet.size());
			at += piece;
		}
	}
	encrypted = true;
	if (!in.empty()) /* came together with the end of the handshake */
	{
		tls->received(in.data(), in.size());
		in = tls->decrypt();
	}
}

void
Channel::stop_encrypting()
{
	encrypted = false;
}

/* ---- attention ---- */

void
Channel::take_attention()
{
	if (in.size() >= header_size && static_cast<std::uint8_t>(in[0]) == packet_attention)
	{
		in.erase(0, header_size);
		attentions++;
		throw Attention();
	}
}

void
Channel::watch()
{
	receive(0);
	take_attention();
}

void
Channel::wait_for(int other_fd)
{
	for (;;)
	{
		take_attention();
		pollfd p[2] = {{other_fd, POLLIN, 0},
					   {fd, static_cast<short>(in.size() < (1u << 20) ? POLLIN : 0), 0}};

		if (!ready.empty())
		{
			p[0].revents = 0;
			if (::poll(p, 1, 0) == 0)
				send_ready(); /* the client need not wait for what is there */
		}
		if (::poll(p, 2, -1) < 0 && errno != EINTR)
			throw Disconnected();
		if (p[1].revents != 0)
			receive(0);
		if (p[0].revents != 0)
		{
			take_attention();
			return;
		}
	}
}

void
Channel::sleep(long long milliseconds)
{
	using clock = std::chrono::steady_clock;
	auto end = clock::now() + std::chrono::milliseconds(milliseconds);

	for (;;)
	{
		take_attention();
		auto left =
			std::chrono::duration_cast<std::chrono::milliseconds>(end - clock::now()).count();

		if (left <= 0)
			return;
		receive(static_cast<int>(std::min<long long>(left, 1000)));
	}
}

void
Channel::hang(const std::function<bool()> &still)
{
	while (still())
	{
		in.clear();
		receive(200);
	}
	shut();
	throw Disconnected();
}

} // namespace till
