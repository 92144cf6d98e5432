/*
 * A TDS 7.4 server for what no well-behaved server does: it hangs, ignores attentions, cuts
 * connections, sends half characters, ends transactions. It runs in child processes and answers the
 * login and every batch it knows no word of with success; the words are in answer(). Independent of
 * src/tds: bytes as [MS-TDS] has them.
 */
#pragma once

#include <csignal>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

class MisbehavingServer
{
public:
	enum class Manner
	{
		scripted,        /* logs in; see answer() */
		silent,          /* accepts and never says a word */
		hangs_up,        /* accepts and closes at the first packet */
		talks_garbage,   /* answers the first packet with bytes that are not TDS */
		never_stops,     /* answers the login without an end */
		busy_at_first,   /* as scripted, but sys.databases is locked when it is first asked for */
		later_snapshots, /* as scripted, but from the second question on all is allowed */
		knows_no_lock    /* as scripted, but without sp_getapplock */
	};

	explicit MisbehavingServer(Manner manner = Manner::scripted) : manner_(manner)
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
		child_ = fork();
		if (child_ == 0)
		{
			setpgid(0, 0);
			serve();
			_exit(0);
		}
		setpgid(child_, child_);
	}
	~MisbehavingServer()
	{
		kill(-child_, SIGKILL);
		waitpid(child_, nullptr, 0);
		close(listener_);
	}
	MisbehavingServer(const MisbehavingServer &) = delete;
	MisbehavingServer &operator=(const MisbehavingServer &) = delete;

	int port() const { return port_; }

private:
	static constexpr std::uint8_t batch_packet = 0x01, attention_packet = 0x06, login_packet = 0x10,
								  prelogin_packet = 0x12;

	[[noreturn]] void serve()
	{
		signal(SIGCHLD, SIG_IGN);
		for (;;)
		{
			connection_ = accept(listener_, nullptr, nullptr);
			if (connection_ < 0)
				continue;
			if (fork() == 0)
			{
				converse();
				_exit(0);
			}
			close(connection_);
		}
	}

	/* ---- bytes ---- */

	static void put(std::string &out, std::uint64_t value, int bytes)
	{
		for (int i = 0; i < bytes; i++)
			out.push_back(static_cast<char>(value >> (8 * i)));
	}
	static std::string utf16(const std::string &ascii)
	{
		std::string out;

		for (char c : ascii)
			put(out, static_cast<unsigned char>(c), 2);
		return out;
	}
	void reply(const std::string &tokens) { send_packet(tokens, true); }
	void send_packet(const std::string &tokens, bool last) { send_bytes(packed(tokens, last)); }
	static std::string packed(const std::string &tokens, bool last)
	{
		std::string packet("\x04", 1);

		packet.push_back(last ? '\x01' : '\x00');
		packet.push_back(static_cast<char>((tokens.size() + 8) >> 8));
		packet.push_back(static_cast<char>(tokens.size() + 8));
		put(packet, 0, 4);
		return packet + tokens;
	}
	void send_bytes(const std::string &bytes)
	{
		for (size_t sent = 0; sent < bytes.size();)
		{
			ssize_t n = send(connection_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
			if (n <= 0)
				_exit(0);
			sent += static_cast<size_t>(n);
		}
	}
	std::string read_bytes(size_t count)
	{
		std::string bytes(count, '\0');

		for (size_t got = 0; got < count;)
		{
			ssize_t n = recv(connection_, bytes.data() + got, count - got, 0);
			if (n <= 0)
				_exit(0);
			got += static_cast<size_t>(n);
		}
		return bytes;
	}
	/* One message, its packets put together. Returns its type. */
	std::uint8_t read_message(std::string &body)
	{
		body.clear();
		for (;;)
		{
			std::string header = read_bytes(8);
			auto at = [&](int i) { return static_cast<unsigned char>(header[i]); };
			body += read_bytes(static_cast<size_t>(at(2) << 8 | at(3)) - 8);
			if (at(1) & 1)
				return at(0);
		}
	}

	/* ---- tokens ---- */

	static std::string done(int status = 0, std::uint64_t rows = 0)
	{
		std::string out;

		put(out, 0xFD, 1);
		put(out, static_cast<unsigned>(status), 2);
		put(out, 0xC1, 2);
		put(out, rows, 8);
		return out;
	}
	static std::string error(int number, int severity, const std::string &text)
	{
		std::string body, out;

		put(body, static_cast<unsigned>(number), 4);
		put(body, 7, 1); /* state */
		put(body, static_cast<unsigned>(severity), 1);
		put(body, text.size(), 2);
		body += utf16(text);
		put(body, 4, 1);
		body += utf16("fake");
		put(body, 3, 1);
		body += utf16("prc");
		put(body, 12, 4); /* line */
		put(out, 0xAA, 1);
		put(out, body.size(), 2);
		return out + body;
	}
	/* Nothing that DB-Library has a callback for. */
	static std::string language_change()
	{
		return std::string("\xE3\x07\x00\x02\x01", 5) + utf16("a") + '\x01' + utf16("b");
	}
	static std::string integer_columns(int count)
	{
		std::string out;

		put(out, 0x81, 1);
		put(out, static_cast<unsigned>(count), 2);
		for (int i = 0; i < count; i++)
		{
			put(out, 0, 4);
			put(out, 0, 2);
			put(out, 0x38, 1); /* INT4 */
			put(out, 1, 1);
			out += utf16("n");
		}
		return out;
	}
	static std::string integer_row(std::int32_t value)
	{
		std::string out("\xD1");

		put(out, static_cast<std::uint32_t>(value), 4);
		return out;
	}
	static std::string text_column()
	{
		std::string out;

		put(out, 0x81, 1);
		put(out, 1, 2);
		put(out, 0, 4);
		put(out, 1, 2);
		put(out, 0xE7, 1); /* NVARCHAR */
		put(out, 80, 2);
		put(out, 0x00D00409, 4); /* collation */
		put(out, 52, 1);
		put(out, 1, 1);
		return out + utf16("t");
	}
	static std::string text_row(std::initializer_list<std::uint16_t> units)
	{
		std::string out("\xD1");

		put(out, units.size() * 2, 2);
		for (std::uint16_t unit : units)
			put(out, unit, 2);
		return out;
	}

	/* @@TRANCOUNT, and two or three words: the lock, the login, the user. */
	static std::string status(int count, std::initializer_list<std::string> words)
	{
		std::string out = integer_columns(1), row = integer_row(count);
		bool counts = words.size() > 2;

		if (!counts)
			out.resize(3), row.resize(1);
		out[1] = static_cast<char>(words.size() + (counts ? 1 : 0));
		for (const std::string &word : words)
		{
			out += text_column().substr(3);
			put(row, word.size() * 2, 2);
			row += utf16(word);
		}
		return out + row + done(0x11, 1);
	}

	static std::string long_text_column()
	{
		std::string out = text_column();

		out[10] = out[11] = '\xFF';
		return out;
	}
	/* In one chunk. */
	static std::string long_text_row(std::initializer_list<std::uint16_t> units)
	{
		std::string out("\xD1");

		put(out, units.size() * 2, 8);
		put(out, units.size() * 2, 4);
		for (std::uint16_t unit : units)
			put(out, unit, 2);
		put(out, 0, 4);
		return out;
	}

	/* ---- the conversation ---- */

	void prelogin()
	{
		std::string out;

		out.push_back(0); /* version at 11, 6 bytes */
		out += std::string("\x00\x0B\x00\x06", 4);
		out.push_back(1); /* encryption at 17, 1 byte */
		out += std::string("\x00\x11\x00\x01", 4);
		out += "\xFF";
		out += std::string("\x0B\x00\x00\x00\x00\x00", 6);
		out += "\x02"; /* not supported */
		reply(out);
	}
	void accept_login()
	{
		std::string body("\x01\x74\x00\x00\x04", 5), out("\xAD");

		put(body, 4, 1);
		body += utf16("fake");
		put(body, 0x0B, 4);
		put(out, body.size(), 2);
		reply(out + body + done());
	}
	[[noreturn]] void sleep_for_ever()
	{
		for (;;)
			pause();
	}
	[[noreturn]] void send_for_ever(const std::string &token)
	{
		std::string many;

		while (many.size() < 4000)
			many += token;
		for (;;)
			send_packet(many, false);
	}
	void wait_for_attention()
	{
		std::string body;

		while (read_message(body) != attention_packet)
			continue;
		reply(done(0x20));
	}

	/* What a batch gets. `count` is the answer to the SELECT @@TRANCOUNT in front of it, if any. */
	void answer(const std::string &sql)
	{
		auto says = [&](const char *word) { return sql.find(word) != std::string::npos; };
		std::string count;

		if (says("BEGIN TRANSACTION"))
			transaction_ = true;
		if (says("ROLLBACK"))
			transaction_ = false;
		if (says("SELECT @@TRANCOUNT; "))
			count = integer_columns(1) + integer_row(transaction_) + done(0x11, 1);
		if (says("SELECT @@TRANCOUNT, APPLOCK_MODE(") && !says("sp_getapplock"))
			count = status(transaction_, {marked_ ? "Shared" : "NoLock", "till", user_});
		if (says("'another transaction'"))
			marked_ = false;
		if (says("'another user'"))
			user_ = "somebody";
		if (says("'parsed only'"))
			parses_only_ = true;

		if (parses_only_)
			reply(done());
		else if (says("sp_getapplock") && manner_ == Manner::knows_no_lock)
			reply(count + error(2812, 16, "Could not find stored procedure 'sp_getapplock'.") +
				  done(2));
		else if (says("sp_getapplock"))
		{
			marked_ = true;
			reply(count + status(transaction_, {"Shared", "till", user_}) + done());
		}
		else if (says("SELECT SUSER_SNAME(), USER_NAME()"))
			reply(status(0, {"till", user_}) + done());
		else if (says("'hang'")) /* answers nothing but attentions */
			wait_for_attention();
		else if (says("'deaf'")) /* answers nothing */
			sleep_for_ever();
		else if (says("'endless rows'")) /* and deaf to attentions */
		{
			reply(count + integer_columns(1));
			send_for_ever(integer_row(1));
		}
		else if (says("'endless results'"))
			send_for_ever(done(1));
		else if (says("'endless talk'"))
			send_for_ever(language_change());
		else if (says("'stall'")) /* one row, then nothing */
		{
			reply(count + integer_columns(1) + integer_row(1));
			wait_for_attention();
		}
		else if (says("'stall deaf'"))
		{
			reply(count + integer_columns(1) + integer_row(1));
			sleep_for_ever();
		}
		else if (says("'cut'")) /* the connection ends in the middle of a row */
		{
			send_packet(count + integer_columns(2) + "\xD1\x01", false);
			_exit(0);
		}
		else if (says("'cut packet'")) /* and in the middle of a packet */
		{
			std::string packet = packed(count + integer_columns(2) + integer_row(1), true);
			send_bytes(packet.substr(0, packet.size() - 3));
			_exit(0);
		}
		else if (says("'unfinished'")) /* the last packet ends in the middle of a row */
		{
			reply(count + integer_columns(2) + "\xD1\x01");
			_exit(0);
		}
		else if (says("'garbage'"))
			reply("these are no tokens at all, and 42");
		else if (says("'deadlock'"))
		{
			transaction_ = false;
			reply(count + error(1205, 13, "Transaction was deadlocked. Rerun it.") + done(2));
		}
		else if (says("'silent end'")) /* the transaction goes without an error */
		{
			transaction_ = false;
			reply(count + done());
		}
		else if (says("'late error'")) /* three rows, then an error */
			reply(count + integer_columns(1) + integer_row(1) + integer_row(2) + integer_row(3) +
				  error(8134, 16, "Divide by zero error encountered.") + done(2));
		else if (says("'half characters'"))
			reply(count + text_column() + text_row({'a', 0xD83D, 'b'}) + text_row({'o', 'k'}) +
				  text_row({'x', 0xDC00}) + text_row({0xD83D, 0xDE00}) + text_row({'y', 0xD83D}) +
				  text_row({'e', 'n', 'd'}) + done(0x10, 6));
		else if (says("'half at the end'")) /* of an nvarchar(max) */
			reply(count + long_text_column() + long_text_row({'y', 0xD83D}) + done(0x10, 1));
		else if (says("'number'")) /* the error number that follows */
			reply(count +
				  error(std::stoi(sql.substr(sql.find("'number'") + 8)), 16, "As Ordered.") +
				  done(2));
		else if (says("'fatal'"))
		{
			reply(count + error(823, 24, "The disk is gone.") + done(2));
			_exit(0);
		}
		else if (says("sys.databases") && std::exchange(busy_, false))
			reply(error(1222, 16, "Lock request time out period exceeded.") + done(2));
		else if (says("sys.databases") && manner_ == Manner::later_snapshots && questions_++ > 0)
			reply(integer_columns(2) + integer_row(1) + integer_row(1).substr(1) + done(0x10, 1));
		else if (says("sys.databases"))
			reply(error(208, 16, "Invalid object name 'sys.databases'.") + done(2));
		else
			reply(count + done());
	}

	[[noreturn]] void converse()
	{
		std::string body;

		if (manner_ == Manner::silent)
			sleep_for_ever();
		for (;;)
		{
			std::uint8_t type = read_message(body);

			if (manner_ == Manner::hangs_up)
				_exit(0);
			if (manner_ == Manner::talks_garbage)
			{
				send_bytes("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
				_exit(0);
			}
			if (type == prelogin_packet)
				prelogin();
			else if (type == login_packet && manner_ == Manner::never_stops)
				send_for_ever(language_change());
			else if (type == login_packet)
				accept_login();
			else if (type == attention_packet)
				reply(done(0x20));
			else if (type == batch_packet)
			{
				std::string sql;
				for (size_t i = 22; i < body.size(); i += 2) /* after ALL_HEADERS */
					sql.push_back(body[i]);
				answer(sql);
			}
		}
	}

	Manner manner_;
	int listener_ = -1;
	int connection_ = -1;
	int port_ = 0;
	pid_t child_ = -1;
	bool transaction_ = false;
	int questions_ = 0;   /* of sys.databases */
	bool marked_ = false; /* it owns the application lock */
	bool parses_only_ = false;
	std::string user_ = "dbo";
	bool busy_ = manner_ == Manner::busy_at_first;
};
