/*
 * Ordering: everything that happens to lines.
 */
#include "player/play.hpp"

#include <algorithm>

namespace tillctl
{

namespace
{

/* The amount that would remain with the lines as they are; a line may only go if the guest is not
 * owed money by it. */
bool
still_owed(Till &till, Ticket &ticket)
{
	ticket.recalculate(till.shift.now);
	return ticket.remaining >= 0;
}

bool
has_lines(const Ticket &ticket, size_t count)
{
	return ticket.orders.size() >= count;
}

/* The ticket is stored when the waiter leaves its screen: number first, then all of it at once. */
bool
open_new(Till &till)
{
	int type = till.random.chance(12) ? ticket_type::banquet : ticket_type::restaurant;
	Ticket ticket = till.open_with_orders(type, till.random.between(1, 5));

	if (till.random.chance(85))
		submit(till.shift, ticket);
	till.save(ticket);
	return true;
}

/* A later round; some waiters leave it unsubmitted. */
bool
add_orders(Till &till)
{
	auto ticket = till.some_open([](const Ticket &) { return true; });

	if (!ticket)
		return false;
	till.order_some(*ticket, till.random.between(1, 3));
	if (till.random.chance(60))
		submit(till.shift, *ticket);
	till.save(*ticket);
	return true;
}

/* A line the kitchen never saw is simply deleted. */
bool
cancel_line(Till &till)
{
	auto unsubmitted = [](const Order &order) { return !order.locked; };
	auto ticket = till.some_open(
		[&](const Ticket &candidate)
		{ return std::any_of(candidate.orders.begin(), candidate.orders.end(), unsubmitted); });

	if (!ticket)
		return false;
	auto found = std::find_if(ticket->orders.begin(), ticket->orders.end(), unsubmitted);
	ticket->orders.erase(found);
	if (!still_owed(till, *ticket))
		return false;
	till.save(*ticket);
	return true;
}

bool
change_a_line(Till &till, void (*change)(Shift &, Ticket &, Order &))
{
	auto charged = [](const Order &order) { return order.calculate_price && order.locked; };
	auto ticket = till.some_open(
		[&](const Ticket &candidate)
		{ return std::any_of(candidate.orders.begin(), candidate.orders.end(), charged); });

	if (!ticket)
		return false;
	change(till.shift, *ticket,
		   *std::find_if(ticket->orders.begin(), ticket->orders.end(), charged));
	if (!still_owed(till, *ticket))
		return false;
	till.save(*ticket);
	return true;
}

bool
void_one(Till &till)
{
	return change_a_line(till, void_line);
}

bool
give_one(Till &till)
{
	return change_a_line(till, give_line);
}

/* The line under a new id, in another ticket; number and time of ordering stay. */
Order
moved(Order order)
{
	order.id = 0;
	order.original.clear();
	return order;
}

/* The guest changes table, or joins friends who have a ticket already. */
bool
move_lines(Till &till)
{
	auto from = till.some_open([](const Ticket &candidate) { return has_lines(candidate, 2); });

	if (!from)
		return false;
	Order last = from->orders.back();
	from->orders.pop_back();
	if (!still_owed(till, *from))
		return false;
	auto to = till.some_open([&](const Ticket &candidate)
							 { return candidate.id != from->id && candidate.type == from->type; });
	if (!to || till.random.chance(40))
		to = till.open(from->type);
	to->orders.push_back(moved(last));
	log(till.shift, *from, "Move",
		"#" + from->number.value_or("") + " > #" + to->number.value_or(""));
	till.save(*from);
	till.save(*to);
	return true;
}

/* Two guests share a bottle: the old line keeps the rest, the part is a new row. */
bool
split_line(Till &till)
{
	auto several = [](const Order &order)
	{ return order.quantity >= 2000 && order.quantity % 1000 == 0; };
	auto ticket = till.some_open(
		[&](const Ticket &candidate)
		{ return std::any_of(candidate.orders.begin(), candidate.orders.end(), several); });

	if (!ticket)
		return false;
	Order &line = *std::find_if(ticket->orders.begin(), ticket->orders.end(), several);
	Order part = moved(line);
	line.quantity -= 1000;
	part.quantity = 1000;
	ticket->orders.push_back(part);
	till.save(*ticket);
	return true;
}

/* Lines and payments are cloned into a new ticket; the payments get a new date. */
void
clone_into(Till &till, Ticket &merged, Ticket &old)
{
	for (const Order &order : old.orders)
		merged.orders.push_back(moved(order));
	for (const Payment &payment : old.payments)
	{
		const AccountTransaction &paid = *payment.transaction;
		Payment clone = payment;
		clone.id = 0;
		clone.original.clear();
		clone.date = till.shift.now;
		clone.transaction = merged.add_transaction(
			paid.type, payment.amount, paid.reversed ? paid.source.account : paid.target.account,
			paid.name, till.shift.now);
		merged.payments.push_back(clone);
	}
	for (const ChangePayment &change : old.changes)
	{
		ChangePayment clone = change;
		clone.id = 0;
		clone.original.clear();
		clone.date = till.shift.now;
		clone.transaction = merged.add_transaction(change.transaction->type, change.amount,
												   account::cash, change.name, till.shift.now);
		merged.changes.push_back(clone);
	}
}

/* The old ticket stays, closed and empty. */
void
empty_and_close(Till &till, Ticket &old)
{
	for (const Payment &payment : old.payments)
		old.remove_transaction(payment.transaction);
	for (const ChangePayment &change : old.changes)
		old.remove_transaction(change.transaction);
	old.orders.clear();
	old.payments.clear();
	old.changes.clear();
	old.calculations.clear();
	finish(till.shift, old);
	close(till.shift, old);
	till.save(old);
}

/* Calculations are lost in a merge, as in the application; the new ticket has the first one's
 * guests. */
bool
merge(Till &till)
{
	auto one = till.some_open([](const Ticket &candidate) { return has_lines(candidate, 1); });
	auto two = !one ? std::nullopt
					: till.some_open(
						  [&](const Ticket &candidate) {
							  return candidate.id != one->id && candidate.type == one->type &&
									 has_lines(candidate, 1);
						  });

	if (!two)
		return false;
	Ticket merged = till.open(one->type);
	merged.entities.clear();
	for (TicketEntity entity : one->entities)
	{
		entity.id = 0;
		entity.original.clear();
		merged.entities.push_back(entity);
	}
	clone_into(till, merged, *one);
	clone_into(till, merged, *two);
	if (!still_owed(till, merged))
		return false;
	empty_and_close(till, *one);
	empty_and_close(till, *two);
	till.save(merged);
	return true;
}

/* The application replaces children by others under new ids, and leaves the old stamp. */
bool
recreate_lines(Till &till)
{
	auto ticket = till.some_open([](const Ticket &candidate) { return has_lines(candidate, 1); });

	if (!ticket)
		return false;
	for (Order &order : ticket->orders)
		order = moved(order);
	till.save_unstamped(*ticket);
	return true;
}

/* The entity row is replaced; ledger lines on the old guest's account move to the new one's. */
bool
change_guest(Till &till)
{
	auto is_customer = [](const TicketEntity &entity)
	{ return entity.entity_type == entity_type::customer; };
	auto ticket = till.some_open([](const Ticket &candidate) { return has_lines(candidate, 1); });
	std::optional<Guest> guest = till.some_guest(entity_type::customer);

	if (!ticket || !guest)
		return false;
	int account = ticket->receivable();
	int type = ticket->receivable_type();
	auto &entities = ticket->entities;
	entities.erase(std::remove_if(entities.begin(), entities.end(), is_customer), entities.end());
	attach(till.shift, *ticket, *guest);
	ticket->rewrite_receivable(account, type);
	till.save(*ticket);
	return true;
}

} // namespace

const std::vector<Kind> &
order_kinds()
{
	static const std::vector<Kind> list = {
		{"open", 9, open_new, "a new ticket with orders"},
		{"order", 4, add_orders, "more orders on an open ticket"},
		{"cancel_line", 1, cancel_line, "a line that was not submitted is deleted"},
		{"void", 2, void_one, "a line is voided"},
		{"gift", 2, give_one, "a line is given away"},
		{"move", 2, move_lines, "a line continues in another ticket under a new id"},
		{"split", 1, split_line, "a line becomes two"},
		{"merge", 1, merge, "two tickets become a third and stay, closed and empty"},
		{"recreate", 1, recreate_lines, "lines under new ids, the ticket's stamp left as it was"},
		{"change_guest", 2, change_guest, "another customer; the ledger is rewritten"}};
	return list;
}

} // namespace tillctl
