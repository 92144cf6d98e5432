/*
 * The TDS line of one client: packets, TLS beneath them, and an eye for attentions. One thread uses
 * it.
 *
 * Replies are collected and cut into packets; full ones leave when 64 KB are together, when
 * somebody has to wait, or at the end of the message. While a reply is being made or the line is
 * slow, an attention packet or a closed socket is noticed by watch(), and by every send.
 *
 * The line's faults (control.hpp) act here: cut after so many bytes, slow, garbage.
 */
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace till
{

class Tls;
struct TlsContext;

enum PacketType : std::uint8_t
{
	packet_batch = 1,
	packet_rpc = 3,
	packet_reply = 4,
	packet_attention = 6,
	packet_bulk = 7,
	packet_transaction = 14,
	packet_login7 = 16,
	packet_sspi = 17,
	packet_prelogin = 18
};

struct Message
{
	std::uint8_t type = 0;
	bool reset_connection = false;
	std::string data;
};

/* What a switch wants done to this line now; asked before each packet. */
struct LineFaults
{
	long long cut_after = -1;  /* bytes left to send; -1: no cut */
	long long hang_after = -1; /* the same, and then not a word more */
	int slow_ms = 0;           /* pause before each packet */
};

class Channel
{
	int fd;
	std::unique_ptr<Tls> tls;
	bool encrypted = false; /* application data goes through tls */
	std::string in;         /* received, decrypted, not yet read */
	std::string out;        /* the reply's bytes behind the last full packet */
	std::string ready;      /* full packets, not yet sent */
	size_t packet_size = 4096;
	std::uint8_t packet_number = 0;

	void receive(int timeout_ms);
	void fill(size_t bytes);
	void close_packet(bool last);
	void send_plain(std::string bytes);
	void send_ready();
	void send_raw(const char *data, size_t length);
	void take_attention();

public:
	LineFaults faults;
	bool faults_apply = false;
	std::function<bool()> hangs_in_answers; /* asked while that hangs */
	std::atomic<long long> bytes_sent{0};   /* of answers, before encryption */
	std::atomic<long long> attentions{0};   /* received and heard */

	explicit Channel(int socket);
	Channel(const Channel &) = delete;
	Channel &operator=(const Channel &) = delete;
	~Channel();

	/* The next whole message; throws Disconnected at the end of the line. */
	Message read();

	void put(const char *data, size_t length);
	void put(const std::string &data) { put(data.data(), data.size()); }
	/* Sends what is complete. */
	void flush() { send_ready(); }
	void end_message();
	/* Forgets a reply that was begun (nothing of it has left when the message is still in one
	 * piece). */
	void set_packet_size(size_t size) { packet_size = size; }
	void write_prelogin(const std::string &data);

	/* TLS handshake inside prelogin packets. Then only the login is encrypted, or everything. */
	void start_tls(TlsContext &context);
	void stop_encrypting();

	/* Waits until other_fd is readable. Throws Attention or Disconnected if the client says so
	 * first. */
	void wait_for(int other_fd);
	/* The same look without waiting. */
	void watch();
	/* Waits so many milliseconds, for WAITFOR and slow answers; an attention ends it. */
	void sleep(long long milliseconds);
	/* Reads and forgets, answers nothing, not even an attention, until the client gives up or
	 * `still` says no. */
	[[noreturn]] void hang(const std::function<bool()> &still);
	void shut();
};

} // namespace till
