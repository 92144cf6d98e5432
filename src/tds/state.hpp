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

/* What a database allows; the answer no is valid for some minutes. */
enum class Answer
{
	unknown,
	no,
	yes
};

/* What the connection is good for, besides what the library knows of it. */
enum class Link
{
	usable,
	broken /* not to be used again, whatever the library says */
};

/* What is on the wire. */
enum class Activity
{
	idle,
	sent, /* a batch was sent, its answer not looked at */
	rows  /* the current result has unread rows */
};

/* The remote transaction, between begin() and rollback(). */
enum class Transaction
{
	none,
	to_begin, /* BEGIN travels with the next batch */
	sent,     /* a batch with BEGIN was sent: it may have begun */
	open,     /* the server has said that it is there */
	ended     /* the server has rolled it back */
};

/* The session's settings: those of the prologue, or what a user's text may have made of them. */
enum class Settings
{
	ours,
	unknown
};

/* The application lock that distinguishes the transaction from another one. It is taken before the
 * first user's text. */
enum class Marker
{
	not_needed, /* no such text was sent in this transaction */
	missing,    /* the server has given none */
	held
};

/* What a batch asks for first. */
enum class Verify
{
	nothing,
	transaction,      /* @@TRANCOUNT */
	transaction_owner /* that, the marker and the user */
};

/* The batch that is on its way. */
struct Sent
{
	Origin origin;
	Verify verify;
	bool restores; /* it begins by restoring the settings */
};

struct Session
{
	tds_dblib_dbprocess *process = nullptr;
	std::string peer; /* host:port, for messages */
	Record record{};
	Wait wait{};
	int query_timeout = 0;

	Link link = Link::usable;
	Activity activity = Activity::idle;
	Transaction transaction = Transaction::none;
	Isolation isolation = Isolation::read_committed; /* of the transaction */
	Settings settings = Settings::ours;
	Marker marker = Marker::not_needed;
	Sent sent{};
	std::string prologue; /* the SET statements of the login */
	std::string database; /* where the login led */
	std::string user;     /* who reads, before a user's text was sent; empty: unknown */

	Figures figures{};
	bool working = false; /* the answer to a batch has not ended */
	Clock::time_point working_since{};

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

/* How long cancel() and rollback() wait for a server that has no other query of ours. */
constexpr int idle_seconds = 5;

/* The result that tells who the session is: login and user. */
constexpr char user_columns[] = "SUSER_SNAME(), USER_NAME()";

/* Ends a transaction if there is one. */
constexpr char rollback_text[] = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION";

/* What the first result of every batch in a transaction says. */
struct TransactionStatus
{
	std::int32_t count; /* @@TRANCOUNT */
	std::string lock;   /* the rest only if it was asked for */
	std::string user;
};

/* What `row`, the current one, says. */
TransactionStatus status_of(const Session &session, const Row &row);

/* Throws unless the transaction is still there, and is the marked one. */
void check_transaction_status(Session *session, const TransactionStatus &now);
[[noreturn]] void transaction_lost(Session *session);

/* The server has rolled the transaction back, if there is one. */
void end_by_server(Session *session) noexcept;

/* Has the transaction take the marker, and notes the user. */
void mark_transaction(Session *session);

/* What goes in front of the batch that session->sent describes. */
std::string preamble(Session *session);

/* Sends an attention if a result is open or half-read. False: the server did not acknowledge, and
 * the connection is dead. */
bool make_idle(Session *session, int patience = idle_seconds) noexcept;

/* cancel() that waits so many seconds for the acknowledgement. */
void cancel(Session *session, int patience);

/* True while the connection can be used, as far as we know. */
bool connected(const Session &session) noexcept;

/* Leaves the connection idle, as far as it can, and throws what was recorded. */
[[noreturn]] void fail(Session *session);

/* How many bytes this TCP socket was ever given to send; 0 where the system cannot say. */
std::uint64_t bytes_written(int descriptor) noexcept;

/* True if, between two such counts, a message of this size was sent in clear. */
bool left_in_clear(std::uint64_t before, std::uint64_t after, std::uint64_t clear_size) noexcept;

/* TLS 1.2 cannot be asked for in FreeTDS 1.3; true where nothing older can happen all the same. */
bool tls1_2_is_certain() noexcept;

} // namespace sambapos::tds
