/*
 * The interface of src/tds: a SQL Server session, as plain data and functions. No PostgreSQL here,
 * and no FreeTDS: session.cpp hides DB-Library.
 *
 * Order of calls: open; then begin, query, next..., cancel or query again..., rollback; destroy.
 * One result at a time: query() while the previous one has unread rows is a programming error
 * (cancel or read it to the end first). Every function but destroy() and the noexcept ones throws
 * tds::Error; after an error with connection_lost() the only legal call is destroy().
 *
 * Waiting: every call that waits for the network calls `attend` at least once a second and at once
 * after a signal; when it answers true an attention is sent (or the login given up) and Error 57014
 * thrown. After an interrupted query the session is usable again, unless the server did not
 * acknowledge the attention within a second: then the error has connection_lost(). query_timeout
 * does the same by itself, with HYT00. In the first second of a login nothing is asked, and later
 * the answer takes effect within a second.
 * (With check_hostname FreeTDS resolves the host's name once more, right after we have; that cannot
 * be interrupted.)
 */
#pragma once

#include <cstdint>

namespace sambapos::tds
{

enum class Encryption
{
	off,     /* nothing encrypted, not even the login */
	request, /* the login packet, and the rest if the server wants it */
	require  /* all of it or no connection */
};

enum class MinTls
{
	tls1_0,
	tls1_1,
	tls1_2
};

/* Texts are UTF-8 and only read during open(). */
struct Login
{
	const char *host;
	int port;             /* 0: SQL Server Browser is asked for the port of `instance` */
	const char *instance; /* read only where port is 0 */
	const char *database; /* may be empty: the login's default database */
	const char *username;
	const char *password;
	const char *application_name;
	Encryption encryption;
	MinTls min_tls;
	const char *ca_file; /* empty: certificate not checked */
	bool check_hostname;
	const char *tds_version; /* "7.1" .. "7.4" */
	int packet_size;         /* bytes; 0: the largest the server takes */
	int connect_timeout;     /* seconds; 0: none */
	int query_timeout;       /* seconds for one wait on the server; 0: none */
	int lock_timeout;        /* milliseconds the server may wait for a lock; -1: for ever */
};

/* False for a host or ca_file that FreeTDS cannot read: it takes them from a file. */
bool is_configurable(const char *value) noexcept;
constexpr char configurable_hint[] = "It may have up to 200 bytes, without \"#\", \";\", line "
									 "breaks, double spaces or spaces at its "
									 "ends: FreeTDS cannot read these.";

enum class Isolation
{
	automatic, /* SNAPSHOT where the database allows it, else READ COMMITTED */
	snapshot,
	read_committed,
	read_uncommitted
};

/* The value formats that arrive on the wire, after DB-Library has decoded them. */
enum class WireType : std::uint8_t
{
	bit,           /* 1 byte */
	tinyint,       /* 1 byte, unsigned */
	smallint,      /* int16 */
	integer,       /* int32 */
	bigint,        /* int64 */
	real,          /* float */
	float8,        /* double */
	money,         /* int32 high, uint32 low; 1/10000 */
	smallmoney,    /* int32; 1/10000 */
	decimal,       /* precision, scale, sign, big-endian magnitude: see decimal.hpp */
	text,          /* UTF-8: char, nchar, varchar, nvarchar, text, ntext, xml */
	binary,        /* bytes: binary, varbinary, image, rowversion */
	uuid,          /* 16 bytes, the first three groups little-endian */
	datetime,      /* int32 days since 1900-01-01, int32 1/300 s */
	smalldatetime, /* uint16 days since 1900-01-01, uint16 minutes */
	date,          /* the last four: see temporal.hpp */
	time,
	datetime2,
	datetimeoffset, /* the instant in UTC, and the offset in minutes */
	unsupported     /* sql_variant, CLR types: ask for a CAST */
};

struct Column
{
	const char *name; /* UTF-8, until the next query() */
	WireType type;
	int precision; /* decimal only */
	int scale;     /* decimal and the sub-second types */
};

/* data == nullptr means NULL (length says nothing then); an empty string has data != nullptr and
 * length 0. The bytes are in the host's order but not aligned: read them with memcpy. */
struct Value
{
	const unsigned char *data;
	int length;
};

/* Valid until the next call on the session. */
struct Row
{
	const Value *values;
	int count;
	bool invalid_text; /* a character of this row could not be converted: '?' stands for it, or
						* nothing if it was the last of its value */
};

struct Session;

/* Who wrote a batch. */
enum class Origin
{
	generated,   /* we did */
	passthrough, /* a user: the text of sambapos_query */
	mixed        /* we did, with a user's text in it: the option query of a foreign table */
};

/* What a session has had of the server since it was opened, its login left out. */
struct Figures
{
	std::int64_t queries; /* batches sent */
	std::int64_t rows;
	std::int64_t bytes;        /* of their values, as they are handed out */
	std::int64_t microseconds; /* from sending a batch to the end of its answer */
};

/* What the caller's process has to do while we wait; a null pointer: nothing. */
struct Interrupts
{
	/* True if the call must come to its end. Also asked by a signal handler. */
	bool (*pending)() noexcept;
	/* Does what need not wait for us, then answers as `pending`. It may end the process, but never
	 * throws or jumps, and calls nothing of ours. */
	bool (*attend)() noexcept;
};

/* Connects, logs in and runs the prologue (ANSI options, TEXTSIZE, DATEFORMAT, LOCK_TIMEOUT,
 * DEADLOCK_PRIORITY LOW). */
Session *open(const Login &login, const Interrupts *interrupts);

/* Sets the isolation level, then BEGIN TRANSACTION; both travel with the next batch, and that is
 * where a broken connection shows. Returns the level that will be used. From here on query() makes
 * sure with every batch that the transaction is still there (@@TRANCOUNT), since the server may
 * have ended it; if not, Error 40001. */
Isolation begin(Session *session, Isolation isolation);

/* Ends the transaction, cancelling an open result first. The session is reusable. Waits some
 * seconds at most; when that is not enough, or anything fails, Error with connection_lost. */
void rollback(Session *session);
bool in_transaction(const Session *session) noexcept;

/* Sends a batch and waits until its first result with columns is there (or the batch has ended:
 * column_count() is 0 then). Errors of the server are thrown here or by next(). */
void query(Session *session, const char *sql);

/* The two halves of query(), for those who wait for several servers at once: after send() the batch
 * is on its way, and descriptor() becomes readable when the first of the answer is there; receive()
 * waits for what query() waits for. In between only receive(), cancel(), rollback() and destroy()
 * are legal. A descriptor says nothing more once receive() was called: what it would wait for may
 * be in the library's buffers.
 *
 * A user's text may change the session's settings, go to another database, become another user, or
 * end the transaction and begin another. So the transaction is marked before the first of them (a
 * round trip), and what we send afterwards, a mixed batch too, begins with restoring the settings
 * and asking whether transaction and user are still the same: Error 40001 if the transaction is
 * another one, 55000 if the user is. A session that has changed by the end of the transaction is
 * closed. */
void send(Session *session, const char *sql, Origin origin = Origin::generated);
void receive(Session *session);

/* True between send() and receive(). */
bool awaiting(const Session *session) noexcept;

/* Milliseconds until query_timeout ends the wait that send() began, by way of receive(); -1:
 * never. */
int time_left(const Session *session) noexcept;

int column_count(const Session *session) noexcept;
const Column &column(const Session *session, int index) noexcept;

/* Fetches the next row; false when the result has ended (the session is idle then). Further
 * results of the same batch are read and thrown away; their errors are raised. */
bool next(Session *session, Row *row);

/* Runs a batch and discards what it returns. */
void execute(Session *session, const char *sql);

/* Sends an attention and discards the open result; the session is idle afterwards. No result open:
 * does nothing. Bounded wait: if the server does not acknowledge, Error with connection_lost. */
void cancel(Session *session);

/* True between query() or send() and the end of the rows. */
bool busy(const Session *session) noexcept;

/* False once the connection is known to be gone: a broken call, or the server has closed the
 * socket (looked at without waiting). */
bool alive(Session *session) noexcept;

/* An answer that has not ended yet counts as far as it has come. */
Figures figures(const Session *session) noexcept;

/* A user's text has left the session in another database. */
bool in_other_database(const Session *session) noexcept;

/* The socket, for those who wait for several servers at once; -1 when closed. */
int descriptor(const Session *session) noexcept;

/* True when the session's open transaction reads row versions (SNAPSHOT, or READ COMMITTED in a
 * database with READ_COMMITTED_SNAPSHOT on), so that a slow reader holds no lock. */
bool reads_versions(const Session *session) noexcept;

/* Closes the socket. Never throws, never waits for the network. */
void destroy(Session *session) noexcept;

} // namespace sambapos::tds
