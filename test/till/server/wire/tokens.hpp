/* The tokens of a TDS reply (MS-TDS 2.2.7), in the dialect of the client's TDS version. */
#pragma once

#include "wire/channel.hpp"
#include "tsql/types.hpp"

namespace till
{

enum DoneStatus
{
	done_final = 0,
	done_more = 1,
	done_error = 2,
	done_count = 0x10,
	done_attention = 0x20
};

enum DoneToken
{
	token_done = 0xFD,
	token_doneproc = 0xFE,
	token_doneinproc = 0xFF
};

class TokenWriter
{
	Channel &channel;

	void message(int token, int number, int state, int severity, const std::string &text, int line);

public:
	int version = 0x74; /* 0x71 .. 0x74 */
	std::string server_name = "TILL";
	std::string default_collation;
	long long text_size = 2147483647; /* SET TEXTSIZE */

	explicit TokenWriter(Channel &channel) : channel(channel) {}
	bool has_large_types() const { return version >= 0x72; } /* (max), xml, 8-byte counts */
	bool has_new_dates() const { return version >= 0x73; }

	void error(int number, int state, int severity, const std::string &text, int line)
	{
		message(0xAA, number, state, severity, text, line);
	}
	void info(int number, int state, int severity, const std::string &text, int line)
	{
		message(0xAB, number, state, severity, text, line);
	}
	void done(int token, int status, int command, long long rows);
	void environment(int type, const std::string &now, const std::string &before);       /* texts */
	void environment_bytes(int type, const std::string &now, const std::string &before); /* bytes */
	void login_acknowledged();
	void columns(const std::vector<OutputColumn> &columns);
	void return_status(int value);
};

/* Little-endian and counted strings, for all who write tokens. */
void put_u8(std::string &out, unsigned value);
void put_u16(std::string &out, unsigned value);
void put_u32(std::string &out, unsigned value);
void put_u64(std::string &out, unsigned long long value);
void put_b_varchar(std::string &out, const std::string &utf8);
void put_us_varchar(std::string &out, const std::string &utf8);

/* TYPE_INFO of a column. */
void put_type_info(std::string &out, const Type &type, bool nullable, const TokenWriter &writer);

} // namespace till
