/*
 * What a Session is, for the files of src/tds only.
 */
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tds/messages.hpp"
#include "tds/session.hpp"

namespace sambapos::tds
{

/* What a database allows; asked once a session. */
enum class Answer
{
	unknown,
	no,
	yes
};

struct Session
{
	tds_dblib_dbprocess *process = nullptr;
	std::string peer; /* host:port, for messages */
	Record record{};
	Wait wait{};
	int query_timeout = 0;

	bool broken = false;            /* not to be used again, whatever the library thinks */
	bool open_result = false;       /* the current result has unread rows */
	bool awaiting = false;          /* a batch was sent, its answer not looked at */
	bool in_transaction = false;    /* between begin() and rollback() */
	bool counts_sent = false;       /* the batch that was sent asks for @@TRANCOUNT first */
	bool transaction_ended = false; /* ... but the server has rolled it back */
	std::string begin_text;         /* of a transaction that isn't known to have begun */
	std::string settings;           /* the prologue */
	std::string database;           /* where the login led */
	bool distrusted = false;        /* the settings may be others by now */
	bool begin_sent = false;        /* ... but may have: a batch with that text was sent */
	Isolation isolation = Isolation::read_committed;
	Answer snapshot_allowed = Answer::unknown;
	Answer read_committed_snapshot = Answer::unknown;

	/* the current result */
	std::vector<std::string> names;
	std::vector<Column> columns;
	std::vector<Value> values;
	std::vector<unsigned char> variable; /* 1: the length differs from row to row */

	Session() = default;
	~Session();
	Session(const Session &) = delete;
	Session &operator=(const Session &) = delete;
};

/* Ends a transaction if there is one. */
constexpr char rollback_text[] = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION";

/* How long cancel() and rollback() wait for a server that has nothing else to do for us. */
constexpr int idle_seconds = 5;

/* cancel() that waits so many seconds for the acknowledgement. */
void cancel(Session *session, int patience);

/* True while the connection can be used, as far as we know. */
bool connected(const Session &session) noexcept;

/* Leaves the connection idle, as far as it can, and throws what was recorded. */
[[noreturn]] void fail(Session *session);

/* How many bytes this TCP socket was ever given to send; 0 where the system can't say. */
std::uint64_t bytes_written(int descriptor) noexcept;

/* True if, between two such counts, a message of this size went out as it was. */
bool left_in_clear(std::uint64_t before, std::uint64_t after, std::uint64_t clear_size) noexcept;

/* TLS 1.2 can't be asked for in FreeTDS 1.3; true where nothing older can happen all the same. */
bool tls1_2_is_certain() noexcept;

} // namespace sambapos::tds
