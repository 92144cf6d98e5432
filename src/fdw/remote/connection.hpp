/*
 * Connections and the rows that come back on them.
 *
 * connection.cpp keeps one session for each (server, user mapping), with the remote transaction
 * that belongs to the local one. result.cpp is the one open result a session can have, shared among
 * any number of readers: when a second one starts, the first one's rest is moved to a tuplestore.
 *
 * Only these two files hold a session. A reader holds a Result, which lives in the reader's
 * own memory; Result and Connection point at each other, and whichever goes first takes itself off
 * the other.
 */
#pragma once

#include "fdw/fdw.hpp"
#include "types/type_map.hpp"

namespace sambapos::fdw
{

struct Result;

struct ConnectionKey
{
	Oid server;
	Oid mapping;
};

/* What has become of the remote transaction in this local one. */
enum class Phase
{
	none, /* not begun; or ended early on demand, so that the next use begins another */
	open,
	lost /* the connection broke: the snapshot is gone, and with it this local transaction */
};

/* What a run has had of a server: counted for each connection, from a mark on. */
struct Account
{
	tds::Figures closed; /* of sessions that are closed */
	tds::Figures mark;   /* all of it, when a run began */
	double paused;       /* milliseconds since then */
	std::int64_t rested; /* microseconds of work when it paused last */
};

/* An entry of the cache. Entries stay for the backend's life, sessions come and go. */
struct Connection
{
	ConnectionKey key; /* must be first: the hash key */
	tds::Session *session;
	Phase phase;
	bool invalidated; /* an option was changed: not to be used for the next transaction */
	bool unverified;  /* from the cache, and has not answered in this transaction yet */
	bool keep;        /* after the transaction */
	bool gives_utf16; /* the server has shown it: require_utf16() */
	InvalidText invalid_text;
	tds::Isolation wanted;
	tds::Isolation isolation; /* of the open remote transaction */
	TimestampTz connected_at;
	uint32 server_hash; /* of the catalog rows it was made from */
	uint32 mapping_hash;
	Account account;
	Result *reader; /* whose query or rows are still on the wire; null if they are not wanted any
					   more */
};

/* The cache's entry for a server and a user, as it is. */
Connection *connection_find(Oid server, Oid user);

/* The connection of a server and a user, with its remote transaction open: connects, and begins the
 * transaction, if this local transaction has not used it yet. */
Connection *connection_enter(Oid server, Oid user);

/* After a query on it failed: replaces a session that was broken while it was idle, once and only
 * at the start of a transaction. False if that is not what happened. */
bool connection_renew(Connection *connection, Oid user);

/* Raises 0A000 unless the server has shown that it gives national text as UTF-16; it is asked once
 * a session, which must be idle. */
void connection_require_utf16(Connection *connection, Oid user);

/* Frees the connection for the next query: what another reader has not read is stored, what is not
 * wanted is cancelled. */
void connection_make_idle(Connection *connection);

/* Closes the session; its unread rows are lost to their reader. Never raises. */
void connection_drop(Connection *connection);

/* Calls visit for every entry of the cache. */
void connection_visit(void (*visit)(Connection *, void *), void *context);

/* All that a connection has had of its server, in this session and in those before. */
tds::Figures connection_figures(const Connection *connection);

/* ROLLBACK at the server; the connection stays, unless it cannot be kept. False if the server did
 * not answer, and the connection was closed for that. Never raises. */
bool connection_end_transaction(Connection *connection);

enum class ResultState
{
	idle,      /* nothing asked yet, or closed */
	asked,     /* the query is on its way; connection->reader points here */
	streaming, /* rows are on the wire; connection->reader points here */
	moving, /* columns looked at, or rows moved to the store; seen elsewhere only if that failed */
	stored, /* all unread rows are in the store */
	ended,  /* all rows were read */
	broken  /* unread rows are gone */
};

/* One remote query's rows. Plain; lives in the reader's memory, unlinks itself with it. */
struct Result
{
	Result *next; /* in the list of all results */
	Result *previous;
	bool listed;
	Connection *connection;
	Oid user;
	const char *sql;             /* until received */
	tds::Origin origin;          /* of the query */
	bool as_bytes;               /* its text is fetched as the bytes of UTF-16 */
	void (*receive)(void *scan); /* result_receive(), and then all that needs its columns */
	void *scan;
	ResultState state;
	MemoryContext context; /* where the store lives */
	ResourceOwner owner;   /* whom its files belong to */
	Tuplestorestate *store;
	TupleTableSlot *slot;
	tds::Value *values; /* of the row read from the store */
	int count;
	bool from_start; /* the store has all rows from the first one on */
	MemoryContextCallback forget;
};

/* Makes a result in the current memory context, which must live as long as the reader may read;
 * files of its store will belong to the current resource owner. */
Result *result_make();

/* Sends a query; the result must be idle. The answer is received with the first result_next(), or
 * earlier when another reader needs the connection; by the result's own `receive`, which calls
 * result_receive(). The text must live until then. */
void result_send(Result *result, Oid server, Oid user, const char *sql);
void result_receive(Result *result);

/* The same, but what fails is for the caller to raise; the connection is idle or gone then. */
bool result_try_receive(Result *result, Failure *failure);

/* Runs a query; the result must be idle. Its columns can be asked of connection->session until the
 * first result_next(). */
void result_open(Result *result, Oid server, Oid user, const char *sql);

/* To be called once the columns are known: moves all rows to the store at once where a slow reader
 * would hold locks at the server. */
void result_store_if_locking(Result *result);

/* What becomes of its text that is not valid. The client library's question marks only he gets who
 * has set the server's option: setting replace_invalid_text promises that nothing is lost. */
types::Unreadable unreadable_text(const Result *result);

/* The next row, valid until the next call for any result; false at the end. */
bool result_next(Result *result, tds::Row *row);

/* Goes back to the first row; false if that takes another query (the result is closed then). */
bool result_rewind(Result *result);

/* Gives up what is unread. The result can be opened again. Never raises. */
void result_close(Result *result);

/* Moves the unread rows of a streaming result to its store. */
void result_store(Result *result);

/* Receives, and stores, all answers on their way from servers that hold locks meanwhile. */
void results_receive_locking();

/* The results of a connection that may still be read or opened again. */
int results_in_use(const Connection *connection);

/* The connection cannot give the result's unread rows any more. */
void result_break(Result *result);

/* A result of what has ended must not be used again. The resource owner of a portal or
 * a subtransaction takes along the files of the stores made for it; a portal that fails loses its
 * owner at the end of the subtransaction it failed in, which may be an inner one. */
void results_end_transaction();
void results_end_owner(ResourceOwner owner);

/* ---- scan/scan.cpp, for scan/async.cpp ---- */

Result *scan_result(ForeignScanState *node);
Connection *scan_connection(ForeignScanState *node); /* which the scan will use, as it is */
bool scan_is_executed(ForeignScanState *node);       /* its query was sent */
void scan_send(ForeignScanState *node);

} // namespace sambapos::fdw
