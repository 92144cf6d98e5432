/*
 * Tickets and documents from the server into the model and back. Saving writes what differs from
 * what was loaded: new rows are inserted, changed columns updated, missing rows deleted, as the
 * Entity Framework does it for SambaPOS.
 */
#pragma once

#include "player/ticket.hpp"

namespace tillctl
{

Ticket load_ticket(Connection &connection, int id, bool version5);
void save_ticket(Connection &connection, Ticket &ticket);

Document load_document(Connection &connection, int id);
void save_document(Connection &connection, Document &document);

/* Runs an INSERT and answers the identity it was given. */
int insert_row(Connection &connection, const std::string &table, const Fields &fields);

} // namespace tillctl
