/*
 * The till's memory and hands: clock, numerators, choosing tickets and guests, saving.
 */
#include "player/play.hpp"

#include "client/command.hpp"
#include "player/fill.hpp"

namespace tillctl
{

Till::Till(Connection &server, Random &numbers)
	: connection(server), random(numbers), shift{numbers, menu_}
{
	shift.version5 = has_version5(connection);
	read_menu();
}

void
Till::read_menu()
{
	Result result = connection.query(
		"SELECT i.Id, p.Id, i.Name, p.Name, i.GroupCode, r.PriceTag, r.Price FROM MenuItems i JOIN "
		"MenuItemPortions p ON p.MenuItemId = i.Id JOIN MenuItemPrices r ON r.MenuItemPortionId = "
		"p.Id "
		"ORDER BY i.Id, p.Id, r.Id");

	menu_.clear();
	for (const Row &row : result.rows)
	{
		int portion = std::stoi(*row[1]);
		if (menu_.empty() || menu_.back().portion_id != portion)
		{
			Product product = {};
			product.menu_item = std::stoi(*row[0]);
			product.portion_id = portion;
			product.name = row[2].value_or("");
			product.portion = row[3].value_or("");
			product.group = row[4].value_or("");
			product.tax_template = tax_template_of(product.group);
			menu_.push_back(product);
		}
		(row[5].value_or("").empty() ? menu_.back().price : menu_.back().tagged_price) =
			parse_fixed(*row[6], 2);
	}
	if (menu_.empty())
		throw std::runtime_error("there is no menu; run fill first");
}

void
Till::begin()
{
	shift.now = on_grid(parse_time(connection.scalar("SELECT GETDATE()")) - behind);
	shift.user = random.between(2, static_cast<int>(user_names().size()));
	shift.terminal = random.between(1, 3);
	shift.department = random.between(1, 2);
	notes_.clear();
}

int
Till::next_number(int numerator)
{
	std::string id = std::to_string(numerator);

	execute("UPDATE [dbo].[Numerators] SET [Number] = [Number] + 1 WHERE [Id] = " + id);
	return connection.number("SELECT [Number] FROM [dbo].[Numerators] WHERE [Id] = " + id);
}

std::optional<int>
Till::some_id(const std::string &sql)
{
	Result result = connection.query(sql);

	if (result.rows.empty())
		return std::nullopt;
	return std::stoi(*random.pick(result.rows)[0]);
}

std::optional<Guest>
Till::some_guest(int entity_type)
{
	Result result = connection.query(
		"SELECT e.Id, e.AccountId, COALESCE(a.AccountTypeId, 0), e.Name, e.CustomData, a.Name FROM "
		"Entities e LEFT JOIN Accounts a ON a.Id = e.AccountId WHERE e.EntityTypeId = " +
		std::to_string(entity_type) + " ORDER BY e.Id");

	if (result.rows.empty())
		return std::nullopt;
	const Row &row = random.pick(result.rows);
	return Guest{std::stoi(*row[0]),  entity_type,         std::stoi(*row[1]), std::stoi(*row[2]),
				 row[3].value_or(""), row[5].value_or(""), row[4].value_or("")};
}

std::optional<Ticket>
Till::some_of(std::vector<int> ids, bool closed, const std::function<bool(const Ticket &)> &test)
{
	for (int tries = 0; tries < 8 && !ids.empty(); tries++)
	{
		size_t at = random.next() % ids.size();
		Ticket ticket = load_ticket(connection, ids[at], shift.version5);
		ids.erase(ids.begin() + static_cast<long>(at));
		if (ticket.closed != closed || !test(ticket))
			continue;
		/* Other tills may be at it: lock the row, then look again. */
		execute("UPDATE [dbo].[Tickets] SET [IsLocked] = [IsLocked] WHERE [Id] = " +
				std::to_string(ticket.id));
		Ticket locked = load_ticket(connection, ticket.id, shift.version5);
		if (locked.closed == closed && test(locked))
			return locked;
	}
	return std::nullopt;
}

static std::vector<int>
first_column(const Result &result)
{
	std::vector<int> ids;

	for (const Row &row : result.rows)
		ids.push_back(std::stoi(*row[0]));
	return ids;
}

std::optional<Ticket>
Till::some_open(const std::function<bool(const Ticket &)> &test)
{
	return some_of(first_column(connection.query(
					   "SELECT [Id] FROM [dbo].[Tickets] WHERE [IsClosed] = 0 ORDER BY [Id]")),
				   false, test);
}

std::optional<Ticket>
Till::some_closed(const std::function<bool(const Ticket &)> &test)
{
	return some_of(
		first_column(connection.query(
			"SELECT TOP 100 [Id] FROM [dbo].[Tickets] WHERE [IsClosed] = 1 ORDER BY [Id] DESC")),
		true, test);
}

Ticket
Till::open(int type)
{
	if (type == ticket_type::banquet)
		shift.department = 3;
	Ticket ticket = open_ticket(shift, type, next_number(type == ticket_type::banquet ? 3 : 1));
	int kind = type == ticket_type::banquet ? entity_type::customer
			   : random.chance(70)          ? entity_type::table
			   : random.chance(50)          ? entity_type::room
											: entity_type::customer;
	std::optional<Guest> guest = some_guest(kind);

	if (guest)
		attach(shift, ticket, *guest);
	if (guest && kind == entity_type::table)
		execute("UPDATE [dbo].[EntityStateValues] SET [EntityStates] = " +
				quote("[" + ticket_state_json("Status", "Dolu", shift.now) + "]") +
				" WHERE [EntityId] = " + std::to_string(guest->entity_id));
	return ticket;
}

void
Till::order_some(Ticket &ticket, int lines)
{
	int batch = next_number(ticket.type == ticket_type::banquet ? 4 : 2);

	for (int i = 0; i < lines; i++)
		add_order(shift, ticket, random.pick(shift.menu), batch);
}

Ticket
Till::open_with_orders(int type, int lines)
{
	Ticket ticket = open(type);

	order_some(ticket, lines);
	return ticket;
}

void
Till::save(Ticket &ticket)
{
	finish(shift, ticket);
	save_ticket(connection, ticket);
	note_ticket(ticket);
}

void
Till::save_unstamped(Ticket &ticket)
{
	ticket.recalculate(shift.now);
	save_ticket(connection, ticket);
	note_ticket(ticket);
}

void
Till::note_ticket(const Ticket &ticket)
{
	Cents paid = 0;

	for (const Payment &payment : ticket.payments)
		paid += payment.amount;
	for (const ChangePayment &change : ticket.changes)
		paid -= change.amount;
	notes_ += ",\"ticket_" + std::to_string(ticket.id) +
			  "\":{\"number\":" + json_string(ticket.number.value_or("")) + ",\"total\":\"" +
			  money_text(ticket.total) + "\",\"remaining\":\"" + money_text(ticket.remaining) +
			  "\",\"paid\":\"" + money_text(paid) +
			  "\",\"orders\":" + std::to_string(ticket.orders.size()) +
			  ",\"closed\":" + (ticket.closed ? "true" : "false") + "}";
}

void
Till::note(const std::string &key, const std::string &json)
{
	notes_ += ",\"" + key + "\":" + json;
}

} // namespace tillctl
