/*
 * The commands, and how their arguments are read: `--name value` for the names a command knows as
 * options, `--name` alone for its flags, everything else in order.
 */
#pragma once

#include "client/connection.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace tillctl
{

class Arguments
{
public:
	Arguments(const std::vector<std::string> &words, const std::set<std::string> &options,
			  const std::set<std::string> &flags);

	bool has(const std::string &name) const { return values_.count(name) > 0; }
	std::string text(const std::string &name, const std::string &otherwise) const;
	long number(const std::string &name, long otherwise) const;
	/* The n-th word that is no option; an error that names it if it is missing. */
	const std::string &word(size_t n, const char *name) const;
	size_t words() const { return words_.size(); }

private:
	std::map<std::string, std::string> values_;
	std::vector<std::string> words_;
};

struct Command
{
	const char *name;
	const char *usage;
	std::set<std::string> options;
	std::set<std::string> flags;
	void (*run)(Connection &, const Arguments &);
};

void run_schema(Connection &connection, const Arguments &arguments);
void run_sql(Connection &connection, const Arguments &arguments);
void run_fill(Connection &connection, const Arguments &arguments);
void run_check(Connection &connection, const Arguments &arguments);
void run_play(Connection &connection, const Arguments &arguments);
void run_clear(Connection &connection, const Arguments &arguments);
void run_types(Connection &connection, const Arguments &arguments);
void run_dump(Connection &connection, const Arguments &arguments);
void run_tables(Connection &connection, const Arguments &arguments);

/* A file's text, and the batches of a script: a line that says GO ends one. */
std::string read_file(const std::string &path);
std::vector<std::string> split_batches(const std::string &script);

/* A T-SQL literal: N'...' with quotes doubled, or NULL; a bracketed name. */
std::string quote(const Value &text);
std::string bracket(const std::string &name);

} // namespace tillctl
