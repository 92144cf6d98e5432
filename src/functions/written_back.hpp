/*
 * Which row a consumer's status and reference are being written to (written_back.cpp).
 */
#pragma once

#include "bridge/compat.hpp"

namespace sambapos::functions
{

/* Defines the setting in which the row is noted; of _PG_init. */
void written_back_init();

/* The row of this key is written to, until the present level of settings ends. */
void note_written_back(Oid relation, Datum key);

} // namespace sambapos::functions
