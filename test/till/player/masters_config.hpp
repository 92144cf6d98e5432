/*
 * Configuration: stock, screens, automation, settings. Some of it must never be copied; what is
 * secret there begins with SECRET-.
 */
#pragma once

#include "player/rows.hpp"

namespace tillctl
{

const std::vector<std::string> &configuration_tables();
void write_configuration(BulkWriter &writer, Time opened, bool version5);

} // namespace tillctl
