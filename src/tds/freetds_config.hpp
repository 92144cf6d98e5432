/*
 * What FreeTDS takes from outside our calls: a configuration file and its environment. For the
 * files of src/tds only.
 */
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tds/network.hpp"

namespace sambapos::tds
{

/* While this object lives FreeTDS sees our configuration under the name `section`, and nothing of
 * its environment. */
class FreetdsConfig
{
public:
	static constexpr char section[] = "sambapos_fdw";

	/* address: numeric, of the server; may be empty. Throws 58030, 08001, 57014. */
	FreetdsConfig(const Attempt &attempt, const std::string &address);
	~FreetdsConfig();
	FreetdsConfig(const FreetdsConfig &) = delete;
	FreetdsConfig &operator=(const FreetdsConfig &) = delete;

private:
	std::string path_;
	std::vector<std::pair<const char *, std::string>> environment_;
};

} // namespace sambapos::tds
