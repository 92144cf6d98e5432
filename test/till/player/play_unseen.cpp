/*
 * Edits that no marker betrays and no run of change detection has a reason to look for: plain SQL
 * on what is closed or old. Only reconciliation finds them. Off unless asked for with --unseen.
 */
#include "player/play.hpp"

#include "client/command.hpp"

namespace tillctl
{

namespace
{

const char *const closed_tickets =
	"SELECT TOP 500 t.[Id] FROM [dbo].[Tickets] t WHERE t.[IsClosed] = 1 ORDER BY t.[Id]";

bool
edit_closed_header(Till &till)
{
	std::optional<int> id = till.some_id(closed_tickets);

	if (!id)
		return false;
	till.execute("UPDATE [dbo].[Tickets] SET [Note] = " + quote("elle düzeltildi") +
				 " WHERE [Id] = " + std::to_string(*id));
	till.note("ticket", std::to_string(*id));
	return true;
}

bool
edit_closed_line(Till &till)
{
	std::optional<int> id = till.some_id("SELECT TOP 500 o.[Id] FROM [dbo].[Orders] o JOIN "
										 "[dbo].[Tickets] t ON t.[Id] = o.[TicketId] WHERE "
										 "t.[IsClosed] = 1 ORDER BY o.[Id]");

	if (!id)
		return false;
	till.execute("UPDATE [dbo].[Orders] SET [Tag] = N'elle' WHERE [Id] = " + std::to_string(*id));
	till.note("order", std::to_string(*id));
	return true;
}

bool
delete_closed_ticket(Till &till)
{
	std::optional<int> id = till.some_id(closed_tickets);

	if (!id)
		return false;
	std::string ticket = std::to_string(*id);
	std::string document = till.connection.scalar(
		"SELECT [TransactionDocument_Id] FROM [dbo].[Tickets] WHERE [Id] = " + ticket);
	till.execute("DELETE FROM [dbo].[TicketEntities] WHERE [Ticket_Id] = " + ticket);
	till.execute("DELETE FROM [dbo].[Tickets] WHERE [Id] = " + ticket);
	till.execute("DELETE FROM [dbo].[AccountTransactionDocuments] WHERE [Id] = " + document);
	till.note("ticket", ticket);
	return true;
}

bool
edit_old_document(Till &till)
{
	std::optional<int> id =
		till.some_id("SELECT TOP 100 [Id] FROM [dbo].[AccountTransactionDocuments] "
					 "WHERE [DocumentTypeId] <> 0 AND [Date] < " +
					 time_literal(till.shift.now - 10 * day) + " ORDER BY [Id]");

	if (!id)
		return false;
	Document document = load_document(till.connection, *id);
	document.transactions[0]->set_amount(document.transactions[0]->amount + 100);
	save_document(till.connection, document);
	till.note("document", std::to_string(*id));
	return true;
}

} // namespace

const std::vector<Kind> &
unseen_kinds()
{
	static const std::vector<Kind> list = {
		{"unseen_header", 1, edit_closed_header, "a closed ticket's note by plain SQL, no stamp"},
		{"unseen_line", 1, edit_closed_line, "a closed ticket's line by plain SQL, no stamp"},
		{"unseen_delete", 1, delete_closed_ticket, "one closed ticket is deleted by plain SQL"},
		{"unseen_document", 1, edit_old_document, "an old manual document is changed"}};
	return list;
}

} // namespace tillctl
