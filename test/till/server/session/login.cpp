/* PRELOGIN and LOGIN7 (MS-TDS 2.2.6.5 and 2.2.6.4). */
#include "session/login.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

namespace till
{

enum Encryption : unsigned char
{
	encrypt_off = 0,
	encrypt_on = 1,
	encrypt_not_supported = 2,
	encrypt_required = 3
};

static unsigned char
byte_at(const std::string &data, size_t i)
{
	if (i >= data.size())
		throw Disconnected();
	return static_cast<unsigned char>(data[i]);
}

/* The client's ENCRYPTION option. */
static unsigned char
wanted_encryption(const std::string &data)
{
	for (size_t at = 0; byte_at(data, at) != 0xFF; at += 5)
		if (byte_at(data, at) == 1)
			return byte_at(data,
						   static_cast<size_t>(byte_at(data, at + 1) << 8 | byte_at(data, at + 2)));
	return encrypt_not_supported;
}

static unsigned char
agreed_encryption(unsigned char client, const std::string &server)
{
	if (server == "off")
		return encrypt_not_supported;
	if (server == "login")
		return encrypt_off;
	if (server == "required")
		return client == encrypt_on || client == encrypt_required ? encrypt_on : encrypt_required;
	return client == encrypt_required ? static_cast<unsigned char>(encrypt_on) : client;
}

static std::string
prelogin_reply(unsigned char encryption)
{
	/* VERSION (6 bytes), ENCRYPTION, INSTOPT, THREADID (none), MARS, behind five headers and a
	 * terminator */
	std::string reply("\x00\x00\x1A\x00\x06\x01\x00\x20\x00\x01\x02\x00\x21\x00\x01\x03\x00\x22\x00"
					  "\x00\x04\x00\x22\x00\x01\xFF",
					  26);

	reply.append("\x0D\x00\x13\xA2\x00\x00", 6);
	reply += static_cast<char>(encryption);
	reply += '\0';
	reply += '\0';
	return reply;
}

static unsigned
u16_at(const std::string &data, size_t i)
{
	return static_cast<unsigned>(byte_at(data, i) | byte_at(data, i + 1) << 8);
}

/* A string of LOGIN7: offset and length in characters stand at i. */
static std::string
login_string(const std::string &data, size_t i, bool password)
{
	size_t offset = u16_at(data, i), units = u16_at(data, i + 2);
	std::string bytes;

	if (units == 0)
		return "";
	if (offset + units * 2 > data.size())
		throw Disconnected();
	bytes = data.substr(offset, units * 2);
	if (password)
		for (char &c : bytes)
		{
			unsigned char b = static_cast<unsigned char>(c) ^ 0xA5;

			c = static_cast<char>(b << 4 | b >> 4);
		}
	return utf16_to_utf8(reinterpret_cast<const unsigned char *>(bytes.data()), units);
}

static LoginRequest
parse_login(const std::string &data)
{
	LoginRequest r;
	unsigned version = byte_at(data, 7);

	r.tds_version = static_cast<int>(version < 0x71 ? 0x71 : version > 0x74 ? 0x74 : version);
	r.packet_size = u16_at(data, 8) | static_cast<size_t>(u16_at(data, 10)) << 16;
	r.odbc = (byte_at(data, 25) & 0x02) != 0;
	if (byte_at(data, 25) & 0x80)
		throw SqlError(18452, 14, 1,
					   "Login failed. The stand-in till knows SQL Server logins only, no "
					   "integrated authentication.");
	r.host = login_string(data, 36, false);
	r.user = login_string(data, 40, false);
	r.password = login_string(data, 44, true);
	r.application = login_string(data, 48, false);
	r.language = login_string(data, 64, false);
	r.database = login_string(data, 68, false);
	return r;
}

LoginRequest
receive_login(Channel &channel, TlsContext &tls, const Options &options)
{
	Message m = channel.read();
	unsigned char agreed = encrypt_not_supported;

	if (m.type == packet_prelogin)
	{
		unsigned char wanted = wanted_encryption(m.data);

		agreed = agreed_encryption(wanted, options.encryption);
		channel.write_prelogin(prelogin_reply(agreed));
		if (agreed == encrypt_required && wanted == encrypt_not_supported)
			throw Disconnected();
		if (agreed == encrypt_on || agreed == encrypt_off || agreed == encrypt_required)
			channel.start_tls(tls);
		m = channel.read();
	}
	else if (options.encryption == "required")
		throw Disconnected();
	if (m.type != packet_login7)
		throw Disconnected();
	if (agreed == encrypt_off)
		channel.stop_encrypting();
	return parse_login(m.data);
}

} // namespace till
