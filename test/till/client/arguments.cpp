/*
 * Reading a command's arguments.
 */
#include "client/command.hpp"

namespace tillctl
{

Arguments::Arguments(const std::vector<std::string> &words, const std::set<std::string> &options,
					 const std::set<std::string> &flags)
{
	for (size_t i = 0; i < words.size(); i++)
	{
		const std::string &word = words[i];
		std::string name = word.substr(0, 2) == "--" ? word.substr(2) : "";
		if (word == "-f")
			name = "f";
		if (name.empty())
			words_.push_back(word);
		else if (flags.count(name) > 0)
			values_[name] = "";
		else if (options.count(name) == 0)
			throw std::runtime_error("do not know the option " + word);
		else if (i + 1 == words.size())
			throw std::runtime_error("the option " + word + " needs a value");
		else
			values_[name] = words[++i];
	}
}

std::string
Arguments::text(const std::string &name, const std::string &otherwise) const
{
	auto found = values_.find(name);

	return found == values_.end() ? otherwise : found->second;
}

long
Arguments::number(const std::string &name, long otherwise) const
{
	auto found = values_.find(name);
	size_t used = 0;

	if (found == values_.end())
		return otherwise;
	long value = std::stol(found->second, &used);
	if (used != found->second.size())
		throw std::runtime_error("--" + name + " must be a whole number");
	return value;
}

const std::string &
Arguments::word(size_t n, const char *name) const
{
	if (n >= words_.size())
		throw std::runtime_error(std::string("what is missing: ") + name);
	return words_[n];
}

} // namespace tillctl
