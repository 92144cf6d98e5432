/*
 * The client's side: what sambapos_fdw does with a session, in an order that depends on a seed.
 */
#pragma once

#include <cstdint>

namespace fuzz
{

/* Logs in, asks, reads, cancels, rolls back. What is wrong with the answers is an error, which is
 * as it should be. Returns how many rows it has read. */
long run_client(int port, std::uint64_t seed);

} // namespace fuzz
