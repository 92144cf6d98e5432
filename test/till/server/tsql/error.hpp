/*
 * Errors as T-SQL knows them: number, severity, state, message. Thrown anywhere below the statement
 * loop, which turns them into ERROR tokens and decides what they end.
 */
#pragma once

#include <stdexcept>
#include <string>

namespace till
{

struct SqlError : std::runtime_error
{
	int number;
	int severity;
	int state;
	int line = 1;
	SqlError(int number, int severity, int state, const std::string &message)
		: std::runtime_error(message), number(number), severity(severity), state(state)
	{
	}
};

/* The client sent an attention while a request was being worked on. */
struct Attention
{
};

/* The client is gone, or a switch cut the line. */
struct Disconnected
{
};

/* What the documented subset leaves out. */
inline SqlError
unsupported(const std::string &what)
{
	return SqlError(50000, 16, 1, "the stand-in till does not know " + what);
}

inline SqlError
syntax_error(const std::string &near)
{
	return SqlError(102, 15, 1, "Incorrect syntax near '" + near + "'.");
}

} // namespace till
