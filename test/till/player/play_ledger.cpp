/*
 * Account documents without a ticket, work periods and stock.
 */
#include "player/play.hpp"

#include "client/command.hpp"

namespace tillctl
{

namespace
{

/* Documents of the last day that no ticket has; older ones only reconciliation watches. */
std::optional<int>
some_manual_document(Till &till)
{
	return till.some_id("SELECT d.[Id] FROM [dbo].[AccountTransactionDocuments] d WHERE "
						"d.[DocumentTypeId] <> 0 AND d.[Date] >= " +
						time_literal(till.shift.now - 20 * hour) + " ORDER BY d.[Id]");
}

void
note_document(Till &till, const Document &document)
{
	till.note("document", std::to_string(document.id));
	till.note("amount", "\"" + money_text(document.transactions[0]->amount) + "\"");
}

bool
add(Till &till, Document document)
{
	save_document(till.connection, document);
	note_document(till, document);
	return true;
}

/* A guest checks out: money in, no payment row anywhere. */
bool
settle_room(Till &till)
{
	std::optional<Guest> guest = till.some_guest(entity_type::room);

	return guest && add(till, manual_document(till.shift, document_type::room_settlement,
											  transaction_type::room_settlement, guest->account_id,
											  account::cash, till.random.between(1000, 50000),
											  "Oda Tahsilatı " + guest->name));
}

/* A regular pays off a tab. */
bool
pay_account(Till &till)
{
	std::optional<Guest> guest = till.some_guest(entity_type::customer);

	return guest && add(till, manual_document(till.shift, document_type::customer_payment,
											  transaction_type::customer_payment, guest->account_id,
											  account::cash, till.random.between(1000, 50000),
											  "Cari Tahsilat " + guest->account_name));
}

/* Money leaves the drawer. */
bool
spend(Till &till)
{
	return add(till, manual_document(till.shift, document_type::expense, transaction_type::expense,
									 account::cash, account::expenses,
									 till.random.between(100, 9000), "Taksi & buz 🧊"));
}

/* Amounts are overwritten in place; neither date moves. */
bool
edit_document(Till &till)
{
	std::optional<int> id = some_manual_document(till);

	if (!id)
		return false;
	Document document = load_document(till.connection, *id);
	document.transactions[0]->set_amount(document.transactions[0]->amount +
										 till.random.between(1, 999));
	document.name = document.name.value_or("") + " (düzeltildi)";
	return add(till, document);
}

bool
delete_document(Till &till)
{
	std::optional<int> id = some_manual_document(till);

	if (!id)
		return false;
	till.execute("DELETE FROM [dbo].[AccountTransactionDocuments] WHERE [Id] = " +
				 std::to_string(*id));
	till.note("document", std::to_string(*id));
	return true;
}

/* The open period ends and the next one starts; until its end a period ends when it starts. */
bool
change_period(Till &till)
{
	Result last =
		till.connection.query("SELECT TOP 1 [Id] FROM [dbo].[WorkPeriods] WHERE [EndDate] = "
							  "[StartDate] ORDER BY [Id] DESC");

	if (!last.rows.empty())
		till.execute("UPDATE [dbo].[WorkPeriods] SET [EndDate] = " + time_literal(till.shift.now) +
					 ", [EndDescription] = " + quote("Gün sonu " + till.shift.user_name()) +
					 " WHERE [Id] = " + *last.rows[0][0]);
	int id = insert_row(till.connection, "WorkPeriods",
						{time("StartDate", till.shift.now), time("EndDate", till.shift.now),
						 text("StartDescription", Value("")), text("EndDescription", Value()),
						 text("Name", Value())});
	till.note("period", std::to_string(id));
	return true;
}

/* A delivery of two things. */
bool
receive_stock(Till &till)
{
	int id = insert_row(till.connection, "InventoryTransactionDocuments",
						{time("Date", till.shift.now), text("Name", Value("İrsaliye"))});

	for (int item = 1; item <= 2; item++)
		till.execute(insert_statement(
			"InventoryTransactions",
			{number("InventoryTransactionDocumentId", id), number("InventoryTransactionTypeId", 1),
			 number("SourceWarehouseId", 0), number("TargetWarehouseId", 1),
			 time("Date", till.shift.now), text("Unit", Value("kg")), number("Multiplier", 1000),
			 quantity("Quantity", till.random.between(1000, 9000)),
			 money("TotalPrice", till.random.between(1000, 90000)),
			 reference("InventoryItem_Id", item)}));
	till.note("stock_document", std::to_string(id));
	return true;
}

} // namespace

const std::vector<Kind> &
ledger_kinds()
{
	static const std::vector<Kind> list = {
		{"settle_room", 2, settle_room, "a room's account is settled by a manual document"},
		{"pay_account", 1, pay_account, "a customer pays by a manual document"},
		{"expense", 1, spend, "cash is taken for an expense"},
		{"edit_document", 1, edit_document, "a manual document of today is changed"},
		{"delete_document", 1, delete_document, "a manual document of today is deleted"},
		{"work_period", 1, change_period, "the work period ends, the next one starts"},
		{"stock", 1, receive_stock, "a stock document"}};
	return list;
}

} // namespace tillctl
