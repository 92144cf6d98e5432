/*
 * Loading: one SELECT a table, columns by name.
 */
#include "player/ticket_store.hpp"

#include <algorithm>

namespace tillctl
{

namespace
{

/* A row whose columns are asked for by name. */
class Record
{
public:
	Record(const Result &result, const Row &row) : result_(result), row_(row) {}

	const Value &text(const char *column) const
	{
		auto found = std::find(result_.columns.begin(), result_.columns.end(), column);
		if (found == result_.columns.end())
			throw std::runtime_error(std::string("the result lacks ") + column);
		return row_[static_cast<size_t>(found - result_.columns.begin())];
	}
	const std::string &value(const char *column) const
	{
		const Value &found = text(column);
		if (!found)
			throw std::runtime_error(std::string("NULL in ") + column);
		return *found;
	}
	int integer(const char *column) const { return std::stoi(value(column)); }
	/* 0 for NULL. */
	int reference(const char *column) const { return text(column) ? integer(column) : 0; }
	bool flag(const char *column) const { return value(column) == "1"; }
	Cents money(const char *column) const { return parse_fixed(value(column), 2); }
	Thousandths quantity(const char *column) const { return parse_fixed(value(column), 3); }
	Time time(const char *column) const { return parse_time(value(column)); }

private:
	const Result &result_;
	const Row &row_;
};

template <typename Read>
/* Children come in the order of their ids, which is the order in which they were written. */
void
each_row(Connection &connection, const std::string &table, const char *parent, int id, Read read)
{
	Result result = connection.query("SELECT * FROM [dbo].[" + table + "] WHERE [" + parent +
									 "] = " + std::to_string(id) + " ORDER BY [Id]");

	for (const Row &row : result.rows)
		read(Record(result, row));
}

Order
read_order(const Record &r, bool version5)
{
	Order order;

	order.id = r.integer("Id");
	order.department = r.integer("DepartmentId");
	order.terminal = r.integer("TerminalId");
	order.menu_item = r.integer("MenuItemId");
	order.name = r.text("MenuItemName");
	order.portion = r.text("PortionName");
	order.price = r.money("Price");
	order.quantity = r.quantity("Quantity");
	order.locked = r.flag("Locked");
	order.calculate_price = r.flag("CalculatePrice");
	order.decrease_inventory = r.flag("DecreaseInventory");
	order.increase_inventory = r.flag("IncreaseInventory");
	order.order_number = r.integer("OrderNumber");
	order.user = r.text("CreatingUserName");
	order.created = r.time("CreatedDateTime");
	order.updated = r.time("LastUpdateDateTime");
	order.transaction_type = r.integer("AccountTransactionTypeId");
	order.price_tag = r.text("PriceTag");
	order.tag = r.text("Tag");
	order.taxes = r.text("Taxes");
	order.tags = r.text("OrderTags");
	order.states = r.text("OrderStates");
	if (version5)
		order.uid = r.text("OrderUid").value_or("");
	return order;
}

AccountLine
read_line(const Record &r)
{
	AccountLine line;

	line.id = r.integer("Id");
	line.account_type = r.integer("AccountTypeId");
	line.account = r.integer("AccountId");
	line.date = r.time("Date");
	line.debit = r.money("Debit");
	line.credit = r.money("Credit");
	line.transaction_type = r.integer("AccountTransactionTypeId");
	line.name = r.text("Name");
	return line;
}

TransactionPointer
find(const Document &document, int id)
{
	for (const TransactionPointer &transaction : document.transactions)
		if (transaction->id == id)
			return transaction;
	return nullptr;
}

void
read_header(const Record &r, Ticket &ticket, bool version5)
{
	ticket.id = r.integer("Id");
	ticket.updated = r.time("LastUpdateTime");
	ticket.number = r.text("TicketNumber");
	ticket.date = r.time("Date");
	ticket.last_order = r.time("LastOrderDate");
	ticket.last_payment = r.time("LastPaymentDate");
	ticket.closed = r.flag("IsClosed");
	ticket.locked = r.flag("IsLocked");
	ticket.remaining = r.money("RemainingAmount");
	ticket.total = r.money("TotalAmount");
	ticket.department = r.integer("DepartmentId");
	ticket.terminal = r.integer("TerminalId");
	ticket.type = r.integer("TicketTypeId");
	ticket.note = r.text("Note");
	ticket.user = r.text("LastModifiedUserName");
	ticket.tags = r.text("TicketTags");
	ticket.states = r.text("TicketStates");
	ticket.logs = r.text("TicketLogs");
	ticket.tax_included = r.flag("TaxIncluded");
	ticket.name = r.text("Name");
	ticket.document.id = r.reference("TransactionDocument_Id");
	if (version5)
	{
		ticket.uid = r.text("TicketUid").value_or("");
		ticket.before_tax = r.money("TotalAmountPreTax");
	}
}

void
read_payments(Connection &connection, Ticket &ticket)
{
	each_row(connection, "Payments", "TicketId", ticket.id,
			 [&](const Record &r)
			 {
				 Payment payment;
				 payment.id = r.integer("Id");
				 payment.type = r.integer("PaymentTypeId");
				 payment.department = r.integer("DepartmentId");
				 payment.name = r.text("Name");
				 payment.date = r.time("Date");
				 payment.amount = r.money("Amount");
				 payment.tendered = r.money("TenderedAmount");
				 payment.user = r.integer("UserId");
				 payment.terminal = r.integer("TerminalId");
				 payment.transaction = find(ticket.document, r.reference("AccountTransaction_Id"));
				 payment.original = fields_of(payment, ticket.id, ticket.document.id);
				 ticket.loaded.payments.push_back(payment.id);
				 ticket.payments.push_back(payment);
			 });
	each_row(connection, "ChangePayments", "TicketId", ticket.id,
			 [&](const Record &r)
			 {
				 ChangePayment change;
				 change.id = r.integer("Id");
				 change.name = r.text("Name");
				 change.date = r.time("Date");
				 change.amount = r.money("Amount");
				 change.user = r.integer("UserId");
				 change.transaction = find(ticket.document, r.reference("AccountTransaction_Id"));
				 change.original = fields_of(change, ticket.id, ticket.document.id);
				 ticket.loaded.changes.push_back(change.id);
				 ticket.changes.push_back(change);
			 });
}

void
read_entities(Connection &connection, Ticket &ticket)
{
	each_row(connection, "TicketEntities", "Ticket_Id", ticket.id,
			 [&](const Record &r)
			 {
				 TicketEntity entity;
				 entity.id = r.integer("Id");
				 entity.entity_type = r.integer("EntityTypeId");
				 entity.entity = r.integer("EntityId");
				 entity.account = r.integer("AccountId");
				 entity.account_type = r.integer("AccountTypeId");
				 entity.name = r.text("EntityName");
				 entity.custom_data = r.text("EntityCustomData");
				 entity.notes = r.text("Notes");
				 entity.original = fields_of(entity, ticket.id);
				 ticket.loaded.entities.push_back(entity.id);
				 ticket.entities.push_back(entity);
			 });
}

void
read_rest(Connection &connection, Ticket &ticket)
{
	each_row(connection, "Calculations", "TicketId", ticket.id,
			 [&](const Record &r)
			 {
				 Calculation calculation;
				 calculation.id = r.integer("Id");
				 calculation.type = r.integer("CalculationTypeId");
				 calculation.amount = r.money("Amount");
				 calculation.value = r.money("CalculationAmount");
				 calculation.updated = r.time("LastUpdateDate");
				 calculation.user = r.text("LastUpdatedUser");
				 calculation.original = fields_of(calculation, ticket.id);
				 ticket.loaded.calculations.push_back(calculation.id);
				 ticket.calculations.push_back(calculation);
			 });
	each_row(connection, "PaidItems", "TicketId", ticket.id,
			 [&](const Record &r)
			 {
				 PaidItem item;
				 item.id = r.integer("Id");
				 item.key = r.text("Key");
				 item.quantity = r.quantity("Quantity");
				 item.original = fields_of(item, ticket.id);
				 ticket.loaded.paid_items.push_back(item.id);
				 ticket.paid_items.push_back(item);
			 });
}

} // namespace

Document
load_document(Connection &connection, int id)
{
	Document document;

	each_row(connection, "AccountTransactionDocuments", "Id", id,
			 [&](const Record &r)
			 {
				 document.id = id;
				 document.date = r.time("Date");
				 document.type = r.integer("DocumentTypeId");
				 document.name = r.text("Name");
			 });
	if (document.id == 0)
		throw std::runtime_error("there is no account document " + std::to_string(id));
	each_row(connection, "AccountTransactions", "AccountTransactionDocumentId", id,
			 [&](const Record &r)
			 {
				 auto transaction = std::make_shared<AccountTransaction>();
				 transaction->id = r.integer("Id");
				 transaction->amount = r.money("Amount");
				 transaction->type = r.integer("AccountTransactionTypeId");
				 transaction->reversed = r.flag("IsReversed");
				 transaction->name = r.text("Name");
				 document.loaded.push_back(transaction->id);
				 document.transactions.push_back(transaction);
			 });
	/* The source is the line written first. A line without its transaction was written while we
	 * read: a look without the lock can be torn, the one with it decides (Till::some_of). */
	each_row(connection, "AccountTransactionValues", "AccountTransactionDocumentId", id,
			 [&](const Record &r)
			 {
				 TransactionPointer transaction = find(document, r.integer("AccountTransactionId"));
				 if (transaction == nullptr)
					 return;
				 (transaction->source.id == 0 ? transaction->source : transaction->target) =
					 read_line(r);
			 });
	document.original = fields_of(document);
	for (TransactionPointer &transaction : document.transactions)
	{
		transaction->original = fields_of(*transaction, id);
		for (AccountLine *line : {&transaction->source, &transaction->target})
			line->original = fields_of(*line, transaction->id, id);
	}
	return document;
}

Ticket
load_ticket(Connection &connection, int id, bool version5)
{
	Ticket ticket;

	each_row(connection, "Tickets", "Id", id,
			 [&](const Record &r) { read_header(r, ticket, version5); });
	if (ticket.id == 0)
		throw std::runtime_error("there is no ticket " + std::to_string(id));
	ticket.document = load_document(connection, ticket.document.id);
	ticket.original = fields_of(ticket);
	each_row(connection, "Orders", "TicketId", id,
			 [&](const Record &r)
			 {
				 ticket.orders.push_back(read_order(r, version5));
				 ticket.orders.back().original = fields_of(ticket.orders.back(), id);
				 ticket.loaded.orders.push_back(ticket.orders.back().id);
			 });
	read_payments(connection, ticket);
	read_entities(connection, ticket);
	read_rest(connection, ticket);
	return ticket;
}

} // namespace tillctl
