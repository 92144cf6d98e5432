/*
 * `clear`: what the vendor's database task does, in its order, each step a batch and a transaction
 * of its own, so that a reader can see the half-cleared states. Nothing is truncated and no
 * identity reseeded, unless --reseed asks for it. --partial removes the roots before a date, as
 * shops do.
 */
#include "client/command.hpp"
#include "player/clock.hpp"

#include <chrono>
#include <cstdio>
#include <thread>

namespace tillctl
{

namespace
{

/* Steps 1 to 17: every row of each. ChangePayments goes with Tickets, by cascade. */
const char *const emptied[] = {"TicketEntities",
							   "Tickets",
							   "AccountTransactionDocuments",
							   "AccountTransactions",
							   "AccountTransactionValues",
							   "Calculations",
							   "CostItems",
							   "InventoryTransactionDocuments",
							   "InventoryTransactions",
							   "Orders",
							   "PaidItems",
							   "PeriodicConsumptionItems",
							   "PeriodicConsumptions",
							   "ProductTimerValues",
							   "Payments",
							   "WarehouseConsumptions",
							   "WorkPeriods"};

void
clear_all(Connection &connection, long pause)
{
	for (const char *table : emptied)
	{
		connection.execute("DELETE FROM " + bracket(table));
		std::this_thread::sleep_for(std::chrono::milliseconds(pause));
	}
	connection.execute("UPDATE [Numerators] SET [Number] = 0");
	connection.execute("UPDATE [EntityStateValues] SET [EntityStates] = "
					   "N'[{\"S\":\"Available\",\"SN\":\"Status\"}]' WHERE [EntityStates] LIKE "
					   "N'%Status%'");
}

/* The next row gets the id 1 again, or 2 where a server refuses a reseed to 0. */
void
reseed_table(Connection &connection, const std::string &table)
{
	std::string statement = "DBCC CHECKIDENT ('dbo." + table + "', RESEED, ";

	try
	{
		connection.execute(statement + "0)");
	}
	catch (const ServerError &error)
	{
		printf("refused: %s0): message %d: %s; reseeded to 1\n", statement.c_str(), error.number(),
			   error.what());
		connection.execute(statement + "1)");
	}
}

void
reseed(Connection &connection)
{
	for (const char *table : emptied)
		reseed_table(connection, table);
	reseed_table(connection, "ChangePayments");
}

void
clear_before(Connection &connection, Time date)
{
	std::string before = " < " + time_literal(date);
	std::string tickets = "(SELECT [Id] FROM [Tickets] WHERE [Date]" + before + ")";

	connection.execute("DELETE FROM [TicketEntities] WHERE [Ticket_Id] IN " + tickets);
	connection.execute("DELETE FROM [Tickets] WHERE [Date]" + before);
	/* A ticket that stays keeps its document. */
	connection.execute(
		"DELETE FROM [AccountTransactionDocuments] WHERE [Date]" + before +
		" AND NOT EXISTS (SELECT 1 FROM [Tickets] t WHERE t.[TransactionDocument_Id] = "
		"[AccountTransactionDocuments].[Id])");
	connection.execute("DELETE FROM [InventoryTransactionDocuments] WHERE [Date]" + before);
	connection.execute("DELETE FROM [PeriodicConsumptions] WHERE [StartDate]" + before);
	connection.execute("DELETE FROM [WorkPeriods] WHERE [StartDate]" + before);
}

} // namespace

void
run_clear(Connection &connection, const Arguments &arguments)
{
	if (arguments.has("partial"))
		return clear_before(connection, parse_time(arguments.text("partial", "")));
	clear_all(connection, arguments.number("pause", 0));
	if (arguments.has("reseed"))
		reseed(connection);
}

} // namespace tillctl
