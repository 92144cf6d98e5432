/*
 * Where the filled house becomes rows: ids are given out in the order of writing.
 */
#include "player/fill.hpp"

namespace tillctl
{

const std::vector<std::string> &
sales_tables()
{
	static const std::vector<std::string> list = {"AccountTransactionDocuments",
												  "AccountTransactions",
												  "AccountTransactionValues",
												  "Tickets",
												  "Orders",
												  "Payments",
												  "ChangePayments",
												  "Calculations",
												  "PaidItems",
												  "TicketEntities",
												  "WorkPeriods",
												  "InventoryTransactionDocuments",
												  "InventoryTransactions",
												  "PeriodicConsumptions",
												  "WarehouseConsumptions",
												  "PeriodicConsumptionItems",
												  "CostItems"};
	return list;
}

void
House::write(Document &document)
{
	document.id = ++ids.document;
	writer_.add("AccountTransactionDocuments", document.id, fields_of(document));
	for (TransactionPointer &transaction : document.transactions)
	{
		transaction->id = ++ids.transaction;
		writer_.add("AccountTransactions", transaction->id, fields_of(*transaction, document.id));
		for (AccountLine *line : {&transaction->source, &transaction->target})
		{
			line->id = ++ids.line;
			writer_.add("AccountTransactionValues", line->id,
						fields_of(*line, transaction->id, document.id));
		}
	}
}

void
House::write(Ticket &ticket)
{
	write(ticket.document);
	/* ids.ticket counts tickets that are begun; this one's id is the count of those written. */
	ticket.id = ++ids.written;
	writer_.add("Tickets", ticket.id, fields_of(ticket));
	for (Order &order : ticket.orders)
		writer_.add("Orders", ++ids.order, fields_of(order, ticket.id));
	for (Payment &payment : ticket.payments)
		writer_.add("Payments", ++ids.payment, fields_of(payment, ticket.id, ticket.document.id));
	for (ChangePayment &change : ticket.changes)
		writer_.add("ChangePayments", ++ids.change,
					fields_of(change, ticket.id, ticket.document.id));
	for (Calculation &calculation : ticket.calculations)
		writer_.add("Calculations", ++ids.calculation, fields_of(calculation, ticket.id));
	for (PaidItem &item : ticket.paid_items)
		writer_.add("PaidItems", ++ids.paid_item, fields_of(item, ticket.id));
	for (TicketEntity &entity : ticket.entities)
		writer_.add("TicketEntities", ++ids.entity, fields_of(entity, ticket.id));
}

/* The last period is open: it ends when it starts. */
void
House::write_period(Time midnight, bool last)
{
	Time start = on_grid(midnight + 7 * hour + random_.below(static_cast<int>(30 * minute)));
	Time end = on_grid(midnight + 26 * hour + random_.below(static_cast<int>(20 * minute)));
	Fields fields = {time("StartDate", start), time("EndDate", last ? start : end),
					 text("StartDescription", random_.chance(50) ? Value("") : Value()),
					 text("EndDescription", last ? Value() : Value("Gün sonu ✓")),
					 text("Name", Value())};

	if (shift_.version5)
		fields.push_back(number("WorkPeriodNumber", ids.period + 1));
	writer_.add("WorkPeriods", ++ids.period, fields);
}

/* A delivery, and the consumption of the period that it belongs to. */
void
House::write_stock(Time midnight)
{
	int document = ++ids.stock_document;

	writer_.add("InventoryTransactionDocuments", document,
				{time("Date", midnight + 9 * hour),
				 text("Name", Value("İrsaliye " + std::to_string(document)))});
	writer_.add("PeriodicConsumptions", document,
				{number("WorkPeriodId", ids.period), time("StartDate", midnight + 8 * hour),
				 time("EndDate", midnight + 26 * hour),
				 time("LastUpdateTime", midnight + 26 * hour), text("Name", Value())});
	writer_.add("WarehouseConsumptions", document,
				{number("PeriodicConsumptionId", document), number("WarehouseId", 1)});
	for (int item = 1; item <= 3; item++)
	{
		int id = ++ids.stock_row;
		writer_.add("InventoryTransactions", id,
					{number("InventoryTransactionDocumentId", document),
					 number("InventoryTransactionTypeId", 1), number("SourceWarehouseId", 0),
					 number("TargetWarehouseId", 1), time("Date", midnight + 9 * hour),
					 text("Unit", Value("kg")), number("Multiplier", 1000),
					 quantity("Quantity", random_.between(1000, 25000)),
					 money("TotalPrice", random_.between(5000, 90000)),
					 reference("InventoryItem_Id", item)});
		writer_.add(
			"PeriodicConsumptionItems", id,
			{number("WarehouseConsumptionId", document), number("PeriodicConsumptionId", document),
			 number("InventoryItemId", item), text("InventoryItemName", Value("Kıyma")),
			 text("UnitName", Value("kg")), money("UnitMultiplier", 100000),
			 quantity("InStock", 12500), quantity("Added", 5000), quantity("Removed", 0),
			 quantity("Consumption", random_.between(100, 9000)),
			 item == 1 ? Field("PhysicalInventory", "NULL") : quantity("PhysicalInventory", 9125),
			 money("Cost", random_.between(100, 9000))});
		writer_.add("CostItems", id,
					{number("WarehouseConsumptionId", document),
					 number("PeriodicConsumptionId", document), number("MenuItemId", item),
					 number("PortionId", item), text("PortionName", Value("Normal")),
					 quantity("Quantity", 1000 * item), money("CostPrediction", 1500),
					 money("Cost", random_.between(1000, 2000)), text("Name", Value("Çorba"))});
	}
}

} // namespace tillctl
