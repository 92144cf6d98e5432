/*
 * The client's side: what sambapos_fdw does with a session, in an order that depends on a seed.
 */
#pragma once

#include <cstdint>

namespace fuzz
{

/* Logs in, asks, reads, cancels, rolls back. What is wrong with the answers is an error, as it
 * should be. With `newest` it mostly speaks TDS 7.4; FreeTDS loops for ever over one token of that
 * version (doc/hostile-servers.md). Returns how many rows it has read. */
long run_client(int port, std::uint64_t seed, bool newest);

} // namespace fuzz
