/*
 * Each part of a ticket as a row: columns in the order of the table, without Id.
 */
#include "player/ticket.hpp"

namespace tillctl
{

Fields
fields_of(const Ticket &t)
{
	Fields fields = {time("LastUpdateTime", t.updated),
					 text("TicketNumber", t.number),
					 time("Date", t.date),
					 time("LastOrderDate", t.last_order),
					 time("LastPaymentDate", t.last_payment),
					 flag("PreOrder", false),
					 flag("IsClosed", t.closed),
					 flag("IsLocked", t.locked),
					 money("RemainingAmount", t.remaining),
					 money("TotalAmount", t.total),
					 number("DepartmentId", t.department),
					 number("TerminalId", t.terminal),
					 number("TicketTypeId", t.type),
					 text("Note", t.note),
					 text("LastModifiedUserName", t.user),
					 text("TicketTags", t.tags),
					 text("TicketStates", t.states),
					 text("TicketLogs", t.logs),
					 money("ExchangeRate", 100),
					 flag("TaxIncluded", t.tax_included),
					 text("Name", t.name),
					 reference("TransactionDocument_Id", t.document.id)};

	if (!t.uid.empty())
	{
		fields.push_back(time("TicketVersion", t.updated / second * second));
		fields.push_back(text("TicketUid", t.uid));
		fields.push_back(flag("IsOpened", false));
		fields.push_back(money("TotalAmountPreTax", t.before_tax));
		fields.push_back(text("CreatedUserName", t.user));
	}
	return fields;
}

Fields
fields_of(const Order &o, int ticket)
{
	Fields fields = {number("TicketId", ticket),
					 number("WarehouseId", 1),
					 number("DepartmentId", o.department),
					 number("TerminalId", o.terminal),
					 number("MenuItemId", o.menu_item),
					 text("MenuItemName", o.name),
					 text("PortionName", o.portion),
					 money("Price", o.price),
					 quantity("Quantity", o.quantity),
					 number("PortionCount", 1),
					 flag("Locked", o.locked),
					 flag("CalculatePrice", o.calculate_price),
					 flag("DecreaseInventory", o.decrease_inventory),
					 flag("IncreaseInventory", o.increase_inventory),
					 number("OrderNumber", o.order_number),
					 text("CreatingUserName", o.user),
					 time("CreatedDateTime", o.created),
					 time("LastUpdateDateTime", o.updated),
					 number("AccountTransactionTypeId", o.transaction_type),
					 text("PriceTag", o.price_tag),
					 text("Tag", o.tag),
					 text("Taxes", o.taxes),
					 text("OrderTags", o.tags),
					 text("OrderStates", o.states)};

	if (!o.uid.empty())
		fields.push_back(text("OrderUid", o.uid));
	return fields;
}

Fields
fields_of(const Payment &p, int ticket, int document)
{
	int transaction = p.transaction != nullptr ? p.transaction->id : 0;

	return {number("TicketId", ticket),
			number("PaymentTypeId", p.type),
			number("DepartmentId", p.department),
			text("Name", p.name),
			time("Date", p.date),
			number("AccountTransactionId", 0),
			money("Amount", p.amount),
			money("TenderedAmount", p.tendered),
			number("UserId", p.user),
			number("TerminalId", p.terminal),
			reference("AccountTransaction_Id", transaction),
			reference("AccountTransaction_AccountTransactionDocumentId",
					  transaction == 0 ? 0 : document)};
}

Fields
fields_of(const ChangePayment &c, int ticket, int document)
{
	int transaction = c.transaction != nullptr ? c.transaction->id : 0;

	return {number("TicketId", ticket),
			number("ChangePaymentTypeId", 1),
			text("Name", c.name),
			time("Date", c.date),
			number("AccountTransactionId", 0),
			money("Amount", c.amount),
			number("UserId", c.user),
			reference("AccountTransaction_Id", transaction),
			reference("AccountTransaction_AccountTransactionDocumentId",
					  transaction == 0 ? 0 : document)};
}

Fields
fields_of(const Calculation &c, int ticket)
{
	bool service = c.type == calculation_type::service;
	const char *name = service                                        ? "Servis %10"
					   : c.type == calculation_type::discount_percent ? "İndirim %"
																	  : "İndirim";

	return {number("TicketId", ticket),
			text("Name", Value(name)),
			number("Order", c.type),
			number("CalculationTypeId", c.type),
			number("AccountTransactionTypeId",
				   service ? transaction_type::service : transaction_type::discount),
			number("CalculationType", c.type == calculation_type::discount_amount ? 2 : 0),
			flag("IncludeTax", service),
			flag("DecreaseAmount", !service),
			flag("UsePlainSum", false),
			money("Amount", c.amount),
			money("CalculationAmount", c.value),
			money("Rounding", 0),
			time("LastUpdateDate", c.updated),
			text("LastUpdatedUser", c.user)};
}

Fields
fields_of(const TicketEntity &e, int ticket)
{
	return {number("EntityTypeId", e.entity_type),
			number("EntityId", e.entity),
			number("AccountId", e.account),
			number("AccountTypeId", e.account_type),
			text("EntityName", e.name),
			text("EntityCustomData", e.custom_data),
			text("Notes", e.notes),
			reference("Ticket_Id", ticket)};
}

Fields
fields_of(const PaidItem &item, int ticket)
{
	return {number("TicketId", ticket), text("Key", item.key), quantity("Quantity", item.quantity)};
}

Fields
fields_of(const Document &document)
{
	return {time("Date", document.date), number("DocumentTypeId", document.type),
			text("Name", document.name)};
}

Fields
fields_of(const AccountTransaction &t, int document)
{
	return {number("AccountTransactionDocumentId", document),
			money("Amount", t.amount),
			money("ExchangeRate", 100),
			number("AccountTransactionTypeId", t.type),
			number("SourceAccountTypeId", t.source.account_type),
			number("TargetAccountTypeId", t.target.account_type),
			flag("IsReversed", t.reversed),
			flag("Reversable", true),
			text("Name", t.name)};
}

Fields
fields_of(const AccountLine &line, int transaction, int document)
{
	return {number("AccountTransactionId", transaction),
			number("AccountTransactionDocumentId", document),
			number("AccountTypeId", line.account_type),
			number("AccountId", line.account),
			time("Date", line.date),
			money("Debit", line.debit),
			money("Credit", line.credit),
			money("Exchange", line.debit - line.credit),
			number("AccountTransactionTypeId", line.transaction_type),
			text("Name", line.name)};
}

} // namespace tillctl
