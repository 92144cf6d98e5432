/*
 * A session of the private PostgreSQL cluster, through libpq. While it waits for PostgreSQL it also
 * listens to the TDS client, so that an attention or a vanished client interrupts it: Attention and
 * Disconnected come out of every call that waits. PostgreSQL's own errors come out as PgError.
 */
#pragma once

#include <functional>
#include <libpq-fe.h>
#include <map>
#include <string>
#include <vector>

namespace till
{

struct PgError
{
	std::string sqlstate, message, detail, schema, table, column, constraint;
};

class Result
{
	PGresult *r;

public:
	explicit Result(PGresult *result = nullptr) : r(result) {}
	Result(Result &&other) noexcept : r(other.r) { other.r = nullptr; }
	Result &operator=(Result &&other) noexcept
	{
		std::swap(r, other.r);
		return *this;
	}
	Result(const Result &) = delete;
	Result &operator=(const Result &) = delete;
	~Result() { PQclear(r); }
	int rows() const { return PQntuples(r); }
	int columns() const { return PQnfields(r); }
	bool is_null(int row, int column) const { return PQgetisnull(r, row, column) != 0; }
	std::string text(int row, int column) const
	{
		return std::string(PQgetvalue(r, row, column),
						   static_cast<size_t>(PQgetlength(r, row, column)));
	}
	long long affected() const;
	ExecStatusType status() const { return PQresultStatus(r); }
};

class Backend
{
	PGconn *c = nullptr;

	[[noreturn]] void raise(PGresult *r);
	PGresult *next_result();

public:
	/* Called while waiting, with PostgreSQL's socket: returns when that is readable. */
	std::function<void(int)> wait;

	Backend() = default;
	Backend(const Backend &) = delete;
	Backend &operator=(const Backend &) = delete;
	~Backend() { close(); }

	void connect(const std::string &socket_directory, const std::string &database);
	void close();
	int process() const { return PQbackendPID(c); }
	bool connected() const { return c != nullptr && PQstatus(c) == CONNECTION_OK; }

	/* One or more statements; the last result that has rows or a count. Throws after reading all
	 * results. */
	Result query(const std::string &sql);
	void run(const std::string &sql) { query(sql); }
	/* What is quick and must not be left half done: the client has to wait. */
	void run_quietly(const std::string &sql);

	/* COPY ... TO STDOUT: start, rows until false, then the statement is over. */
	void copy_start(const std::string &sql);
	bool copy_row(char **data, int *length, bool *waited); /* data: PQfreemem() it */

	/* Ends whatever is running, as fast as PostgreSQL can, and reads it to the end. */
	void cancel();

	/* In an explicit transaction block, working or failed. */
	bool in_transaction() const;
	bool failed_transaction() const
	{
		return c != nullptr && PQtransactionStatus(c) == PQTRANS_INERROR;
	}
};

} // namespace till
