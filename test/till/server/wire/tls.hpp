/* TLS through memory BIOs: the Channel moves the bytes, wrapped in prelogin packets during the
 * handshake. */
#pragma once

#include <memory>
#include <string>

struct ssl_st;
struct ssl_ctx_st;
struct bio_st;

namespace till
{

/* Key and certificate of the server; one for the whole process. */
struct TlsContext
{
	ssl_ctx_st *context = nullptr;
	/* max_version "1.0", "1.1" or "1.2": TDS 7.4 knows no TLS 1.3. */
	TlsContext(const std::string &certificate, const std::string &key,
			   const std::string &max_version);
	TlsContext(const TlsContext &) = delete;
	TlsContext &operator=(const TlsContext &) = delete;
	~TlsContext();
};

class Tls
{
	ssl_st *ssl;
	bio_st *incoming, *outgoing;

public:
	explicit Tls(TlsContext &context);
	~Tls();
	Tls(const Tls &) = delete;
	Tls &operator=(const Tls &) = delete;

	/* Goes on with the handshake; true when it is done. Throws Disconnected when it failed. */
	bool handshake();
	void received(const char *data, size_t length);
	std::string to_send();
	std::string decrypt();
	void encrypt(const char *data, size_t length);
};

} // namespace till
