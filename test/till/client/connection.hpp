/*
 * A connection to a T-SQL server through DB-Library, for tillctl. Values arrive as
 * canonical text (value_text.hpp). What the server says is raised as ServerError after the batch
 * has been read to its end; a result is never half used.
 */
#pragma once

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

typedef struct tds_dblib_dbprocess DBPROCESS;

namespace tillctl
{

struct Login
{
	std::string host = "127.0.0.1";
	int port = 1433;
	std::string database;
	std::string username;
	std::string password;
	std::string encryption = "request"; /* off, request, require */
};

/* Reads `host=... port=... database=... username=... password=... encryption=...`. */
Login parse_login(const std::string &text);

/* number: SQL Server's message number, or DB-Library's error number. */
class ServerError : public std::runtime_error
{
public:
	ServerError(int number, const std::string &text) : std::runtime_error(text), number_(number) {}
	int number() const { return number_; }

private:
	int number_;
};

using Value = std::optional<std::string>; /* empty: NULL */
using Row = std::vector<Value>;

struct Result
{
	std::vector<std::string> columns;
	std::vector<Row> rows;
};

class Connection
{
public:
	explicit Connection(const Login &login);
	~Connection();
	Connection(const Connection &) = delete;
	Connection &operator=(const Connection &) = delete;

	/* Runs a batch. on_columns is called for every result with columns, on_row for each row. */
	void stream(const std::string &sql,
				const std::function<void(const std::vector<std::string> &)> &on_columns,
				const std::function<void(const Row &)> &on_row);
	void execute(const std::string &sql);
	/* Of the result that on_columns was called for. */
	std::vector<std::string> column_types();
	/* The last result of the batch. */
	Result query(const std::string &sql);
	/* The first value of the first row; throws if there is none or it is NULL. */
	std::string scalar(const std::string &sql);
	int number(const std::string &sql) { return std::stoi(scalar(sql)); }

private:
	DBPROCESS *process_ = nullptr;
};

} // namespace tillctl
