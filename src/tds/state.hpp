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

/* What a database allows; a no is asked again after a while. */
enum class Answer
{
	unknown,
	no,
	yes
};

/* The batch that is on its way. */
struct Sent
{
	bool counts;   /* it asks for @@TRANCOUNT first */
	bool checks;   /* ... and whether the transaction is the one that was marked, and the user */
	bool ours;     /* we wrote it, if not all of it */
	bool trusted;  /* ... all of it */
	bool restores; /* it begins by restoring the settings */
};

struct Session
{
	tds_dblib_dbprocess *process = nullptr;
	std::string peer; /* host:port, for messages */
	Record record{};
	Wait wait{};
	int query_timeout = 0;

	bool broken = false;         /* not to be used again, whatever the library thinks */
	bool open_result = false;    /* the current result has unread rows */
	bool awaiting = false;       /* a batch was sent, its answer not looked at */
	bool in_transaction = false; /* between begin() and rollback() */
	Sent sent{};
	bool transaction_ended = false; /* ... but the server has rolled it back */
	std::string begin_text;         /* of a transaction that isn't known to have begun */
	std::string settings;           /* the prologue */
	std::string database;           /* where the login led */
	bool distrusted = false;        /* the settings may be others by now */
	bool passed = false;            /* in this transaction a text that isn't ours was sent */
	bool marked = false;            /* the transaction owns the lock that tells it from another */
	std::string user;               /* who reads, before such a text; empty: unknown */
	bool begin_sent = false;        /* ... but may have: a batch with that text was sent */
	Isolation isolation = Isolation::read_committed;
	Answer snapshot_allowed = Answer::unknown;
	Answer read_committed_snapshot = Answer::unknown;
	Clock::time_point asked_at{}; /* for these two */

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

/* How long cancel() and rollback() wait for a server that has nothing else to do for us. */
constexpr int idle_seconds = 5;

/* The result that tells who the session is: login and user. */
constexpr char user_columns[] = "SUSER_SNAME(), USER_NAME()";

/* Ends a transaction if there is one. */
constexpr char rollback_text[] = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION";

/* What the first result of every batch in a transaction says. */
struct Standing
{
	std::int32_t count; /* @@TRANCOUNT */
	std::string lock;   /* the rest only if it was asked for */
	std::string user;
};

/* What `row`, the current one, says. */
Standing standing_of(const Session &session, const Row &row);

/* Throws unless the transaction is still there, and is the marked one. */
void check_standing(Session *session, const Standing &now);
[[noreturn]] void transaction_lost(Session *session);

/* Gives the transaction something that another one lacks. */
void mark_transaction(Session *session);

/* What goes in front of the batch that session->sent describes. */
std::string preamble(Session *session);

/* Sends an attention if a result is open or half-read. False: the server didn't acknowledge, and
 * the connection is dead. */
bool make_idle(Session *session, int patience = idle_seconds) noexcept;

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
