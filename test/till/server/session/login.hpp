/* The opening of a connection: PRELOGIN, TLS, LOGIN7. */
#pragma once

#include "session/control.hpp"
#include "wire/tls.hpp"

namespace till
{

struct LoginRequest
{
	int tds_version = 0x74; /* 0x71 .. 0x74 */
	size_t packet_size = 4096;
	bool odbc = false; /* ODBC clients get the ANSI options turned on */
	std::string host, user, password, application, language, database;
};

/* Answers PRELOGIN, does the TLS handshake both sides agreed on, and reads LOGIN7. */
LoginRequest receive_login(Channel &channel, TlsContext &tls, const Options &options);

} // namespace till
