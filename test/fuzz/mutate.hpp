/*
 * From a good answer to a hostile one.
 */
#pragma once

#include "answers.hpp"

namespace fuzz
{

/* Changes some fields, tokens or their order. */
void mutate(Reply *reply, Version version, bool deadly, Random *random);

/* Changes what stands in rows, not how long it is. */
void mutate_values(Reply *reply, Random *random);

/* Changes some bytes, or cuts. */
void mutate_bytes(std::string *bytes, Random *random);

/* In one packet or several, as SQL Server sends them. */
std::string packets(const std::string &bytes, int type, std::size_t size);

/* ... and as it never does. */
std::string odd_packets(const std::string &bytes, int type, Random *random);

} // namespace fuzz
