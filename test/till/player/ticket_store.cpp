/*
 * Saving: one pass over the rows for each table, the statements sent in a few batches.
 */
#include "player/ticket_store.hpp"

#include "client/command.hpp"

#include <algorithm>

namespace tillctl
{

namespace
{

/* Statements that need no answer, sent together. */
class Batch
{
public:
	explicit Batch(Connection &connection) : connection_(connection) {}
	void add(const std::string &statement) { text_ += statement + ";\n"; }
	void send()
	{
		if (!text_.empty())
			connection_.execute(text_);
		text_.clear();
	}

private:
	Connection &connection_;
	std::string text_;
};

/* The columns whose literals have changed; empty if none has. */
std::string
assignments(const Fields &before, const Fields &after)
{
	std::string list;

	for (size_t i = 0; i < after.size(); i++)
		if (i >= before.size() || before[i].second != after[i].second)
			list += (list.empty() ? "" : ", ") + bracket(after[i].first) + " = " + after[i].second;
	return list;
}

std::string
where_id(int id)
{
	return " WHERE [Id] = " + std::to_string(id);
}

/* Inserts or updates one row whose identity nobody needs. */
void
put(Batch &batch, const std::string &table, const Stored &row, const Fields &fields)
{
	if (row.id == 0)
	{
		batch.add(insert_statement(table, fields));
		return;
	}
	std::string changes = assignments(row.original, fields);
	if (!changes.empty())
		batch.add("UPDATE [dbo]." + bracket(table) + " SET " + changes + where_id(row.id));
}

/* The same where the identity is needed for what hangs on the row. */
void
put_parent(Connection &connection, const std::string &table, Stored &row, const Fields &fields)
{
	if (row.id == 0)
		row.id = insert_row(connection, table, fields);
	else
	{
		std::string changes = assignments(row.original, fields);
		if (!changes.empty())
			connection.execute("UPDATE [dbo]." + bracket(table) + " SET " + changes +
							   where_id(row.id));
	}
}

/* Deletes the rows that were loaded and are no longer there. */
template <typename List, typename Id>
void
remove_missing(Batch &batch, const std::string &table, const std::vector<int> &loaded,
			   const List &present, Id id_of)
{
	for (int id : loaded)
	{
		auto same = [&](const auto &row) { return id_of(row) == id; };
		if (std::none_of(present.begin(), present.end(), same))
			batch.add("DELETE FROM [dbo]." + bracket(table) + where_id(id));
	}
}

int
own_id(const Stored &row)
{
	return row.id;
}

} // namespace

int
insert_row(Connection &connection, const std::string &table, const Fields &fields)
{
	return connection.number(insert_statement(table, fields) +
							 ";\nSELECT CAST(SCOPE_IDENTITY() AS int)");
}

/* Deleting transactions is apart: payments that refer to them have to go first. */
static void
put_transactions(Connection &connection, Document &document)
{
	Batch batch(connection);

	put_parent(connection, "AccountTransactionDocuments", document, fields_of(document));
	for (TransactionPointer &transaction : document.transactions)
	{
		put_parent(connection, "AccountTransactions", *transaction,
				   fields_of(*transaction, document.id));
		for (AccountLine *line : {&transaction->source, &transaction->target})
			put(batch, "AccountTransactionValues", *line,
				fields_of(*line, transaction->id, document.id));
	}
	batch.send();
}

static void
remove_transactions(Batch &batch, const Document &document)
{
	remove_missing(batch, "AccountTransactions", document.loaded, document.transactions,
				   [](const TransactionPointer &transaction) { return transaction->id; });
}

void
save_document(Connection &connection, Document &document)
{
	Batch batch(connection);

	put_transactions(connection, document);
	remove_transactions(batch, document);
	batch.send();
}

void
save_ticket(Connection &connection, Ticket &ticket)
{
	Batch batch(connection);

	put_transactions(connection, ticket.document);
	put_parent(connection, "Tickets", ticket, fields_of(ticket));
	remove_missing(batch, "Orders", ticket.loaded.orders, ticket.orders, own_id);
	remove_missing(batch, "Payments", ticket.loaded.payments, ticket.payments, own_id);
	remove_missing(batch, "ChangePayments", ticket.loaded.changes, ticket.changes, own_id);
	remove_missing(batch, "Calculations", ticket.loaded.calculations, ticket.calculations, own_id);
	remove_missing(batch, "TicketEntities", ticket.loaded.entities, ticket.entities, own_id);
	remove_missing(batch, "PaidItems", ticket.loaded.paid_items, ticket.paid_items, own_id);
	for (const Order &order : ticket.orders)
		put(batch, "Orders", order, fields_of(order, ticket.id));
	for (const Payment &payment : ticket.payments)
		put(batch, "Payments", payment, fields_of(payment, ticket.id, ticket.document.id));
	for (const ChangePayment &change : ticket.changes)
		put(batch, "ChangePayments", change, fields_of(change, ticket.id, ticket.document.id));
	for (const Calculation &calculation : ticket.calculations)
		put(batch, "Calculations", calculation, fields_of(calculation, ticket.id));
	for (const TicketEntity &entity : ticket.entities)
		put(batch, "TicketEntities", entity, fields_of(entity, ticket.id));
	for (const PaidItem &item : ticket.paid_items)
		put(batch, "PaidItems", item, fields_of(item, ticket.id));
	remove_transactions(batch, ticket.document);
	batch.send();
}

} // namespace tillctl
