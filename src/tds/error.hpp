/*
 * What went wrong at the server or on the way to it. One class, properties instead of a hierarchy:
 * the caller asks for the SQLSTATE and whether the connection is now useless.
 */
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace sambapos::tds
{

class Error : public std::exception
{
public:
	/* sqlstate: five characters; message: lower case, no period; detail, hint: full sentences or
	 * empty; number: SQL Server's message number or DB-Library's error number, 0 if neither. */
	Error(const char *sqlstate, std::string message, std::string detail = {}, std::string hint = {},
		  int number = 0, bool connection_lost = false)
		: sqlstate_(sqlstate), message_(std::move(message)), detail_(std::move(detail)),
		  hint_(std::move(hint)), number_(number), connection_lost_(connection_lost)
	{
	}

	const char *what() const noexcept override { return message_.c_str(); }
	const char *sqlstate() const noexcept { return sqlstate_.c_str(); }
	const char *detail() const noexcept { return detail_.c_str(); }
	const char *hint() const noexcept { return hint_.c_str(); }
	int number() const noexcept { return number_; }
	bool connection_lost() const noexcept { return connection_lost_; }

private:
	std::string sqlstate_;
	std::string message_;
	std::string detail_;
	std::string hint_;
	int number_;
	bool connection_lost_;
};

} // namespace sambapos::tds
