/*
 * The master data of the house.
 */
#pragma once

#include "player/rows.hpp"

namespace tillctl
{

/* Tables in the order in which foreign keys allow them to be written. */
const std::vector<std::string> &master_tables();

/* Writes them all; opened is when the house was set up. */
void write_masters(BulkWriter &writer, Time opened, bool version5);

} // namespace tillctl
