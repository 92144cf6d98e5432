/*
 * How the processes of the worker come to be. Their entry points are found by name, so they are
 * exported: sambapos_launcher_main, sambapos_worker_main.
 */
#pragma once

#include "bridge/pg.hpp"

namespace sambapos::worker
{

/* While the library is preloaded: asks for the memory that is shared, registers the launcher. */
void shared_request();
void launcher_register();

/* What is said of a process in pg_stat_activity. */
constexpr const char *launcher_type = "sambapos launcher";
constexpr const char *worker_type = "sambapos worker";

/* The parts of BackgroundWorker that are alike; type: one of the above. */
BackgroundWorker describe(const char *type, const char *entry, int restart_after);

} // namespace sambapos::worker
