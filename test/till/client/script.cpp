/*
 * T-SQL from a text or a file: `sql`, and `schema`, which runs schema.sql.
 */
#include "client/command.hpp"

#include <algorithm>
#include <cctype>
#include <climits>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace tillctl
{

namespace
{

/* GO is a word of SQL Server's tools, not of T-SQL: alone on its line, any case. */
bool
says_go(const std::string &line)
{
	size_t first = line.find_first_not_of(" \t\r");
	size_t last = line.find_last_not_of(" \t\r;");

	if (first == std::string::npos || last - first != 1)
		return false;
	return toupper(line[first]) == 'G' && toupper(line[last]) == 'O';
}

/* build/tillctl finds test/till/schema.sql; an installed copy may have it beside it. */
std::string
schema_path()
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	std::string folder(path, length < 0 ? 0 : static_cast<size_t>(length));

	folder.erase(folder.rfind('/') + 1);
	for (const char *relative : {"../test/till/schema.sql", "schema.sql"})
		if (access((folder + relative).c_str(), R_OK) == 0)
			return folder + relative;
	throw std::runtime_error("schema.sql is not beside " + folder + "; name it with --file");
}

void
print_row(const Row &row)
{
	std::string line;

	for (size_t i = 0; i < row.size(); i++)
		line += (i > 0 ? "\t" : "") + row[i].value_or("\\N");
	line += "\n";
	fwrite(line.data(), 1, line.size(), stdout);
}

} // namespace

std::string
read_file(const std::string &path)
{
	std::ifstream file(path, std::ios::binary);
	std::ostringstream text;

	if (!file)
		throw std::runtime_error("could not read " + path);
	text << file.rdbuf();
	return text.str();
}

std::vector<std::string>
split_batches(const std::string &script)
{
	std::vector<std::string> batches(1);
	std::istringstream lines(script);
	std::string line;

	while (std::getline(lines, line))
	{
		if (says_go(line))
			batches.emplace_back();
		else
			batches.back() += line + "\n";
	}
	auto blank = [](const std::string &batch)
	{ return batch.find_first_not_of(" \t\r\n") == std::string::npos; };
	batches.erase(std::remove_if(batches.begin(), batches.end(), blank), batches.end());
	return batches;
}

std::string
quote(const Value &text)
{
	std::string quoted = "N'";

	if (!text)
		return "NULL";
	for (char c : *text)
		quoted += c == '\'' ? std::string("''") : std::string(1, c);
	return quoted + "'";
}

std::string
bracket(const std::string &name)
{
	std::string quoted = "[";

	for (char c : name)
		quoted += c == ']' ? std::string("]]") : std::string(1, c);
	return quoted + "]";
}

void
run_sql(Connection &connection, const Arguments &arguments)
{
	std::string script = arguments.has("f") ? read_file(arguments.text("f", ""))
											: arguments.word(0, "the T-SQL, or -f FILE");
	bool header = arguments.has("header"), types = arguments.has("types");

	for (const std::string &batch : split_batches(script))
		connection.stream(
			batch,
			[&](const std::vector<std::string> &columns)
			{
				if (header)
					print_row(Row(columns.begin(), columns.end()));
				if (types)
				{
					std::vector<std::string> names = connection.column_types();

					print_row(Row(names.begin(), names.end()));
				}
			},
			print_row);
}

void
run_schema(Connection &connection, const Arguments &arguments)
{
	std::string path = arguments.has("file") ? arguments.text("file", "") : schema_path();
	std::string script = read_file(path);
	size_t version5 = script.find("\n-- v5\n");

	if (version5 != std::string::npos && !arguments.has("v5"))
		script.erase(version5);
	if (connection.scalar("SELECT @@VERSION").find("Babelfish") != std::string::npos)
		connection.execute(
			"EXEC sp_babelfish_configure 'babelfishpg_tsql.escape_hatch_rowversion', 'ignore'");
	for (const std::string &batch : split_batches(script))
		connection.execute(batch);
}

} // namespace tillctl
