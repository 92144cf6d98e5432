/*
 * Finds out why a login ended before the server had answered it. FreeTDS does not tell a bad
 * certificate from a missing TLS version or a server without encryption. So, once it has failed,
 * we look ourselves: connect again, ask for encryption ([MS-TDS] PRELOGIN), shake hands and look at
 * the certificate. No login is sent. Where this look finds nothing wrong either, or FreeTDS has no
 * GnuTLS to ask, the caller says what it usually is.
 *
 * FreeTDS has refused the connection; this only finds the reason.
 */
#include "tds/gnutls.hpp"
#include "tds/network.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <poll.h>

namespace sambapos::tds
{

static constexpr unsigned char prelogin_packet = 0x12, reply_packet = 0x04;
static constexpr size_t header_size = 8;
static constexpr std::chrono::seconds longest_look{3};

/* what PRELOGIN says about encryption */
enum
{
	encrypt_off = 0,
	encrypt_on = 1,
	encrypt_not_supported = 2,
	encrypt_required = 3
};

/* Packets on a socket. After a failure, the end of the time or an interruption all calls fail. */
class Line
{
public:
	Line(const Attempt &attempt, const Address &address)
		: attempt_(attempt), socket_(address.storage.ss_family, SOCK_STREAM),
		  until_(std::min(attempt.end, Clock::now() + longest_look))
	{
		good_ = connect(socket_.descriptor(), reinterpret_cast<const sockaddr *>(&address.storage),
						address.length) == 0 ||
				errno == EINPROGRESS;
	}

	/* The server has closed the connection. */
	bool closed() const { return closed_; }

	/* Sends one packet. */
	bool write(const std::string &data)
	{
		size_t length = data.size() + header_size;
		std::string packet{static_cast<char>(prelogin_packet), 1, static_cast<char>(length >> 8),
						   static_cast<char>(length)};

		packet.append(4, '\0');
		packet += data;
		for (size_t sent = 0; wait(POLLOUT) && sent < packet.size();)
			take(::send(socket_.descriptor(), packet.data() + sent, packet.size() - sent,
						MSG_NOSIGNAL),
				 &sent);
		return good_;
	}

	/* The next packet; its type is that of the first byte. */
	bool read(std::string *data, unsigned char *type)
	{
		std::string header = bytes(header_size);

		if (!good_)
			return false;
		auto byte = [&](size_t i) { return static_cast<unsigned char>(header[i]); };
		size_t length = static_cast<size_t>(byte(2) << 8 | byte(3));
		*type = byte(0);
		good_ = length >= header_size;
		*data = good_ ? bytes(length - header_size) : "";
		return good_;
	}

	/* What GnuTLS wants to send goes out in one packet once it wants to read. */
	static ssize_t push(void *line, const void *data, size_t length) noexcept
	{
		static_cast<Line *>(line)->out_.append(static_cast<const char *>(data), length);
		return static_cast<ssize_t>(length);
	}

	static ssize_t pull(void *self, void *data, size_t length) noexcept
	{
		auto *line = static_cast<Line *>(self);
		unsigned char type;

		if (!line->out_.empty() && !line->write(line->out_))
			return -1;
		line->out_.clear();
		while (line->in_.empty())
			if (!line->read(&line->in_, &type))
				return -1;
		length = std::min(length, line->in_.size());
		memcpy(data, line->in_.data(), length);
		line->in_.erase(0, length);
		return static_cast<ssize_t>(length);
	}

private:
	/* For GnuTLS's callbacks nothing may be thrown. */
	bool wait(short events) noexcept
	{
		try
		{
			good_ = good_ && wait_for(socket_.descriptor(), events, attempt_, until_);
		}
		catch (const Error &)
		{
			good_ = false;
		}
		return good_;
	}

	void take(ssize_t moved, size_t *total) noexcept
	{
		if (moved > 0)
			*total += static_cast<size_t>(moved);
		else if (moved == 0)
			closed_ = true, good_ = false;
		else
			good_ = good_ && (errno == EAGAIN || errno == EINTR);
	}

	std::string bytes(size_t count)
	{
		std::string result(count, '\0');

		for (size_t got = 0; got < count && wait(POLLIN);)
			take(recv(socket_.descriptor(), result.data() + got, count - got, 0), &got);
		return result;
	}

	const Attempt &attempt_;
	Socket socket_;
	Clock::time_point until_;
	bool good_;
	bool closed_ = false;
	std::string in_, out_;
};

/* Asks the server about encryption; -1: what came is no answer of a SQL Server. */
static int
ask_encryption(Line *line, bool wanted)
{
	/* VERSION at 11, 6 bytes; ENCRYPTION at 17, 1 byte */
	std::string request("\x00\x00\x0B\x00\x06\x01\x00\x11\x00\x01\xFF\x0B\x00\x00\x00\x00\x00", 17);
	std::string reply;
	unsigned char type = 0;

	request.push_back(static_cast<char>(wanted ? encrypt_on : encrypt_not_supported));
	if (!line->write(request) || !line->read(&reply, &type) || type != reply_packet)
		return -1;
	auto byte = [&](size_t i)
	{ return i < reply.size() ? static_cast<unsigned char>(reply[i]) : 0xFF; };
	for (size_t at = 0; byte(at) != 0xFF; at += 5)
		if (byte(at) == 1)
			return byte(static_cast<size_t>(byte(at + 1) << 8 | byte(at + 2)));
	return -1;
}

/* GnuTLS's objects for one handshake. */
class Handshake
{
public:
	Handshake(const GnuTls &tls, const Login &login, Line *line) : tls_(tls)
	{
		good_ =
			tls.init(&session_, GnuTls::client) == 0 &&
			tls.certificate_allocate_credentials(&credentials_) == 0 &&
			(login.ca_file[0] == '\0' ||
			 tls.certificate_set_x509_trust_file(credentials_, login.ca_file, GnuTls::pem) > 0) &&
			tls.priority_set_direct(session_, freetds_priorities(login.min_tls == MinTls::tls1_0),
									nullptr) == 0 &&
			tls.credentials_set(session_, GnuTls::certificate, credentials_) == 0;
		if (!good_)
			return;
		tls.transport_set_ptr(session_, line);
		tls.transport_set_push_function(session_, Line::push);
		tls.transport_set_pull_function(session_, Line::pull);
	}
	~Handshake()
	{
		if (session_ != nullptr)
			tls_.deinit(session_);
		if (credentials_ != nullptr)
			tls_.certificate_free_credentials(credentials_);
	}
	Handshake(const Handshake &) = delete;
	Handshake &operator=(const Handshake &) = delete;

	bool good() const { return good_; }
	void *session() const { return session_; }

private:
	const GnuTls &tls_;
	void *session_ = nullptr;
	void *credentials_ = nullptr;
	bool good_;
};

/* Takes over a text of GnuTLS. */
static std::string
as_sentence(const GnuTls &tls, GnuTls::Datum *text)
{
	std::string result(reinterpret_cast<char *>(text->data), text->size);

	(*tls.free)(text->data);
	while (!result.empty() && (result.back() == ' ' || result.back() == '\0'))
		result.pop_back();
	return result;
}

/* GnuTLS's line about the server's certificate: subject, issuer, dates. */
static std::string
describe_certificate(const GnuTls &tls, void *session)
{
	unsigned int count = 0;
	const GnuTls::Datum *list = tls.certificate_get_peers(session, &count);
	void *certificate = nullptr;
	GnuTls::Datum text{};
	std::string result;

	if (list == nullptr || count == 0 || tls.x509_crt_init(&certificate) != 0)
		return "";
	if (tls.x509_crt_import(certificate, &list[0], GnuTls::der) == 0 &&
		tls.x509_crt_print(certificate, GnuTls::one_line, &text) == 0)
	{
		result = " It has " + as_sentence(tls, &text);
		result = result.substr(0, result.find(", pin-sha256")) + ".";
	}
	tls.x509_crt_deinit(certificate);
	return result;
}

static const char *
certificate_hint(unsigned int status) noexcept
{
	if (status & GnuTls::expired)
		return "The server needs a new certificate, or the clock of this machine is wrong.";
	if (status & GnuTls::not_yet)
		return "Check the clocks of both machines.";
	if (status & GnuTls::signer_not_found)
		return "ca_file must hold the certificate of the authority that signed the server's "
			   "certificate. For a self-signed certificate it must hold that certificate.";
	if (status & GnuTls::wrong_owner)
		return "Set the server option host to a name or address in the certificate, or give the "
			   "server a certificate for this host. With check_hostname off, any certificate of "
			   "that authority is accepted.";
	return "See the server option ca_file.";
}

static Error
error_of(const std::string &peer, const std::string &detail, const char *hint)
{
	return Error("08001", "no encrypted connection to " + peer, detail, hint, 0, true);
}

static std::optional<Error>
judge_certificate(const GnuTls &tls, const Login &login, const std::string &peer, void *session)
{
	unsigned int status = 0;
	GnuTls::Datum text{};

	if (login.ca_file[0] == '\0' ||
		tls.certificate_verify_peers3(session, login.check_hostname ? login.host : nullptr,
									  &status) != 0 ||
		status == 0)
		return std::nullopt;
	if (tls.certificate_verification_status_print(status, GnuTls::certificate, &text, 0) != 0)
		return std::nullopt;
	return Error("08001", "the certificate of " + peer + " is not accepted",
				 as_sentence(tls, &text) + describe_certificate(tls, session),
				 certificate_hint(status), 0, true);
}

static std::optional<Error>
shake_hands(const GnuTls &tls, const Login &login, const std::string &peer, Line *line)
{
	Handshake handshake(tls, login, line);
	if (!handshake.good())
		return std::nullopt;

	int code = tls.handshake(handshake.session());
	if (code == 0)
		return judge_certificate(tls, login, peer, handshake.session());

	std::string reason = line->closed() ? "The server closed the connection during the handshake."
										: tls.strerror(code);
	if (code == GnuTls::alert_received)
		if (const char *name = tls.alert_get_name(tls.alert_get(handshake.session())))
			reason += std::string(" (") + name + ")";
	return error_of(peer, "TLS: " + reason,
					"The server may have only TLS versions or ciphers that are not allowed here: "
					"see the server option min_tls.");
}

std::optional<Error>
diagnose(const Attempt &attempt, const Address &address, const std::string &peer)
{
	const Login &login = attempt.login;
	bool wanted = login.encryption != Encryption::off;
	Line line(attempt, with_port(address, attempt.port));
	int answer = ask_encryption(&line, wanted);

	check_interrupted(attempt);
	if (answer < 0)
		return Error("08001", "login to " + peer + " was cut off",
					 "The program that listens on this port did not answer the first TDS message.",
					 "Check that this is a SQL Server.", 0, true);
	if (!wanted && answer == encrypt_required)
		return Error("08001", "the server " + peer + " requires encryption", "",
					 "Set the server option encryption to require.", 0, true);
	if (login.encryption == Encryption::require &&
		(answer == encrypt_not_supported || answer == encrypt_off))
		return error_of(peer, "The server offers no encryption.",
						"Give the server a certificate, or see the server option encryption.");
	if (!wanted || gnutls() == nullptr || answer == encrypt_not_supported)
		return std::nullopt;
	std::optional<Error> result = shake_hands(*gnutls(), login, peer, &line);
	check_interrupted(attempt);
	return result;
}

} // namespace sambapos::tds
