/* TLS with OpenSSL; see tls.hpp. */
#include "wire/tls.hpp"
#include "tsql/error.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace till
{

TlsContext::TlsContext(const std::string &certificate, const std::string &key,
					   const std::string &max_version)
	: context(SSL_CTX_new(TLS_server_method()))
{
	int version = max_version == "1.0"   ? TLS1_VERSION
				  : max_version == "1.1" ? TLS1_1_VERSION
										 : TLS1_2_VERSION;

	SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(context, version);
	SSL_CTX_set_cipher_list(context, version < TLS1_2_VERSION ? "DEFAULT:@SECLEVEL=0"
															  : "DEFAULT:@SECLEVEL=1");
	if (SSL_CTX_use_certificate_file(context, certificate.c_str(), SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1)
		throw std::runtime_error("cannot read certificate " + certificate + " or key " + key);
}

TlsContext::~TlsContext()
{
	SSL_CTX_free(context);
}

Tls::Tls(TlsContext &context)
	: ssl(SSL_new(context.context)), incoming(BIO_new(BIO_s_mem())), outgoing(BIO_new(BIO_s_mem()))
{
	SSL_set_bio(ssl, incoming, outgoing);
	SSL_set_accept_state(ssl);
}

Tls::~Tls()
{
	SSL_free(ssl);
}

bool
Tls::handshake()
{
	ERR_clear_error();
	int result = SSL_do_handshake(ssl);

	if (result == 1)
		return true;
	int reason = SSL_get_error(ssl, result);

	if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE)
		throw Disconnected();
	return false;
}

void
Tls::received(const char *data, size_t length)
{
	BIO_write(incoming, data, static_cast<int>(length));
}

std::string
Tls::to_send()
{
	std::string bytes(BIO_ctrl_pending(outgoing), '\0');

	if (!bytes.empty())
		BIO_read(outgoing, &bytes[0], static_cast<int>(bytes.size()));
	return bytes;
}

std::string
Tls::decrypt()
{
	std::string plain;
	char piece[16384];
	int n;

	ERR_clear_error();
	while ((n = SSL_read(ssl, piece, sizeof piece)) > 0)
		plain.append(piece, static_cast<size_t>(n));
	return plain;
}

void
Tls::encrypt(const char *data, size_t length)
{
	ERR_clear_error();
	if (length > 0 && SSL_write(ssl, data, static_cast<int>(length)) <= 0)
		throw Disconnected();
}

} // namespace till
