/*
 * The command: checks that the sales tables are empty, writes the masters once, then day by day.
 */
#include "player/fill.hpp"

#include "client/command.hpp"
#include "player/masters.hpp"

#include <chrono>
#include <cstdio>

namespace tillctl
{

namespace
{

/* Counters as the till would have left them. */
void
set_numerators(Connection &connection, const House &house)
{
	for (int type = 0; type < 2; type++)
	{
		int numbers[] = {house.ticket_number[type], house.order_number[type]};
		for (int i = 0; i < 2; i++)
			connection.execute(
				"UPDATE [dbo].[Numerators] SET [Number] = " + std::to_string(numbers[i]) +
				" WHERE [Id] = " + std::to_string(2 * type + i + 1));
	}
}

void
write_versions(Connection &connection, Time opened)
{
	for (int version : {22, 23, 24})
		connection.execute(insert_statement(
			"VersionInfo", {number("Version", version), time("AppliedOn", opened)}));
}

/* A row whose ticket is gone: the foreign key may be NULL. */
void
write_orphan(Connection &connection)
{
	TicketEntity orphan;

	orphan.entity_type = entity_type::table;
	orphan.entity = table(1).entity_id;
	orphan.name = table(1).name;
	connection.execute(insert_statement("TicketEntities", fields_of(orphan, 0)));
}

} // namespace

bool
has_version5(Connection &connection)
{
	return connection.number("SELECT COUNT(*) FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = "
							 "'Tickets' AND COLUMN_NAME = 'TicketUid'") > 0;
}

void
run_fill(Connection &connection, const Arguments &arguments)
{
	auto began = std::chrono::steady_clock::now();
	long tickets = arguments.number("tickets", 1000);
	long days = std::max(1L, arguments.number("days", tickets / 60));
	/* The last day is yesterday, so that no stamp lies in the server's future. */
	Time today = parse_time(connection.scalar("SELECT GETDATE()")) / day * day;
	Time until = parse_time(arguments.text("until", date_text(today - day)));
	Time opened = until - days * day;
	Random random(static_cast<std::uint64_t>(arguments.number("seed", 1)));

	if (tickets < 1)
		throw std::runtime_error("--tickets must be at least 1");
	if (connection.number("SELECT COUNT(*) FROM [dbo].[Tickets]") > 0)
		throw std::runtime_error("there are tickets already; fill starts from an empty till");
	bool version5 = has_version5(connection);
	connection.execute("BEGIN TRANSACTION");
	if (connection.number("SELECT COUNT(*) FROM [dbo].[MenuItems]") == 0)
	{
		BulkWriter masters(connection, master_tables());
		write_masters(masters, opened, version5);
		write_versions(connection, opened);
	}
	BulkWriter writer(connection, sales_tables());
	House house(writer, random, version5);
	for (long i = 0; i < days; i++)
		house.run_day(opened + (i + 1) * day,
					  static_cast<int>(tickets * (i + 1) / days - tickets * i / days),
					  i == days - 1);
	writer.flush();
	if (tickets >= 100)
		write_orphan(connection);
	set_numerators(connection, house);
	connection.execute("COMMIT TRANSACTION");
	std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
	printf("filled %ld tickets, %ld orders, %ld payments, %ld account lines over %ld days: %ld "
		   "rows in "
		   "%.1f s\n",
		   writer.rows("Tickets"), writer.rows("Orders"), writer.rows("Payments"),
		   writer.rows("AccountTransactionValues"), days, writer.rows(), took.count());
}

} // namespace tillctl
