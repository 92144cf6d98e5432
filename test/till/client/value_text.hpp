/*
 * Canonical text of a server value, from DB-Library's raw bytes: the tests' own truth, so it shares
 * no code with the product. Decimals with their scale; datetime with three digits of a second,
 * the newer types with as many as they have; bit 1 or 0; binary as lower-case hexadecimal; uuid in
 * lower case; real and float as the shortest digits that read back, in PostgreSQL's layout.
 */
#pragma once

#include <optional>
#include <string>

typedef struct tds_dblib_dbprocess DBPROCESS;

namespace tillctl
{

/* Column `column` (from 1) of the present row; nothing for NULL. */
std::optional<std::string> value_text(DBPROCESS *process, int column);

/* Its type as the wire has it: int, decimal(38,6), varchar for every string. */
std::string type_text(DBPROCESS *process, int column);

} // namespace tillctl
