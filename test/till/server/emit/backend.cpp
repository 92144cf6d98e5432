/* libpq, with one eye on the client; see backend.hpp. */
#include "emit/backend.hpp"
#include "tsql/error.hpp"

#include <cstdlib>
#include <cstring>
#include <poll.h>

namespace till
{

long long
Result::affected() const
{
	return std::atoll(PQcmdTuples(r));
}

void
Backend::connect(const std::string &directory, const std::string &database)
{
	const char *keys[] = {"host",    "dbname", "client_encoding", "application_name",
						  "options", nullptr};
	const char *values[] = {
		directory.c_str(),
		database.c_str(),
		"UTF8",
		"till",
		"-c search_path=pg_temp,dbo -c standard_conforming_strings=on -c datestyle=ISO,YMD "
		"-c extra_float_digits=1 -c bytea_output=hex -c client_min_messages=error",
		nullptr};

	close();
	c = PQconnectdbParams(keys, values, 0);
	if (PQstatus(c) != CONNECTION_OK)
	{
		std::string message = PQerrorMessage(c);

		close();
		throw SqlError(17809, 20, 3, "the till's own database does not answer: " + message);
	}
}

void
Backend::close()
{
	if (c != nullptr)
		PQfinish(c);
	c = nullptr;
}

static std::string
field(PGresult *r, int code)
{
	const char *text = PQresultErrorField(r, code);

	return text ? text : "";
}

void
Backend::raise(PGresult *r)
{
	PgError e;

	e.sqlstate = field(r, PG_DIAG_SQLSTATE);
	e.message = field(r, PG_DIAG_MESSAGE_PRIMARY);
	e.detail = field(r, PG_DIAG_MESSAGE_DETAIL);
	e.schema = field(r, PG_DIAG_SCHEMA_NAME);
	e.table = field(r, PG_DIAG_TABLE_NAME);
	e.column = field(r, PG_DIAG_COLUMN_NAME);
	e.constraint = field(r, PG_DIAG_CONSTRAINT_NAME);
	if (e.sqlstate.empty())
	{
		e.sqlstate = "08006";
		e.message = PQerrorMessage(c);
	}
	PQclear(r);
	throw e;
}

PGresult *
Backend::next_result()
{
	while (PQisBusy(c))
	{
		wait(PQsocket(c));
		if (!PQconsumeInput(c))
			break;
	}
	return PQgetResult(c);
}

Result
Backend::query(const std::string &sql)
{
	PGresult *last = nullptr, *failed = nullptr;

	if (!PQsendQuery(c, sql.c_str()))
		raise(nullptr);
	while (PGresult *r = next_result())
	{
		ExecStatusType status = PQresultStatus(r);

		if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
			status != PGRES_EMPTY_QUERY && failed == nullptr)
			failed = r;
		else if (last == nullptr || status == PGRES_TUPLES_OK || *PQcmdTuples(r) != '\0')
		{
			PQclear(last);
			last = r;
		}
		else
			PQclear(r);
	}
	if (failed != nullptr)
	{
		PQclear(last);
		raise(failed);
	}
	return Result(last);
}

void
Backend::run_quietly(const std::string &sql)
{
	std::function<void(int)> listening = [](int fd)
	{
		pollfd p{fd, POLLIN, 0};

		poll(&p, 1, -1);
	};

	std::swap(listening, wait);
	try
	{
		query(sql);
	}
	catch (...)
	{
		std::swap(listening, wait);
		throw;
	}
	std::swap(listening, wait);
}

void
Backend::copy_start(const std::string &sql)
{
	if (!PQsendQuery(c, sql.c_str()))
		raise(nullptr);
	while (PGresult *r = next_result())
	{
		ExecStatusType status = PQresultStatus(r);

		if (status == PGRES_COPY_OUT)
		{
			PQclear(r);
			return;
		}
		if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		{
			while (PGresult *rest = next_result())
				PQclear(rest);
			raise(r);
		}
		PQclear(r);
	}
	throw SqlError(50000, 16, 1, "the till's own database gave no rows");
}

bool
Backend::copy_row(char **data, int *length, bool *waited)
{
	for (;;)
	{
		*length = PQgetCopyData(c, data, 1);
		if (*length > 0)
			return true;
		if (*length < 0)
			break;
		*waited = true;
		wait(PQsocket(c));
		if (!PQconsumeInput(c))
			break;
	}

	PGresult *failed = nullptr;

	while (PGresult *r = next_result())
	{
		ExecStatusType status = PQresultStatus(r);

		if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && failed == nullptr)
			failed = r;
		else
			PQclear(r);
	}
	if (failed != nullptr)
		raise(failed);
	return false;
}

void
Backend::cancel()
{
	char message[256];

	if (c == nullptr || PQtransactionStatus(c) != PQTRANS_ACTIVE)
		return;
	if (PGcancel *handle = PQgetCancel(c))
	{
		PQcancel(handle, message, sizeof message);
		PQfreeCancel(handle);
	}
	while (PGresult *r = PQgetResult(c))
	{
		if (PQresultStatus(r) == PGRES_COPY_OUT)
		{
			char *data = nullptr;

			while (PQgetCopyData(c, &data, 0) > 0)
				PQfreemem(data);
		}
		PQclear(r);
	}
}

bool
Backend::in_transaction() const
{
	PGTransactionStatusType s = PQtransactionStatus(c);

	return s == PQTRANS_INTRANS || s == PQTRANS_INERROR || s == PQTRANS_ACTIVE;
}

} // namespace till
