/*
 * Who calls a function of a feed that runs with its owner's rights (feed_caller.cpp).
 */
#pragma once

namespace sambapos::functions
{

/* Defines the setting in which the caller is noted; of _PG_init. */
void feed_caller_init();

} // namespace sambapos::functions
