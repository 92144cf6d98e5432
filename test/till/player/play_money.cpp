/*
 * Paying, closing, reopening, refunds, and stamps that lie.
 */
#include "player/play.hpp"

#include "client/command.hpp"

#include <algorithm>

namespace tillctl
{

namespace
{

bool
owes(const Ticket &ticket)
{
	return ticket.remaining > 100;
}

/* What is paid for is remembered in PaidItems until the ticket closes. */
bool
pay_part(Till &till)
{
	auto ticket = till.some_open(owes);

	if (!ticket)
		return false;
	pay(till.shift, *ticket, till.random.chance(50) ? payment_type::cash : payment_type::card,
		ticket->remaining / till.random.between(2, 4));
	ticket->paid_items.push_back(PaidItem());
	ticket->paid_items.back().key =
		std::to_string(ticket->orders[0].menu_item) + "_" + ticket->orders[0].portion.value_or("");
	till.save(*ticket);
	return true;
}

/* Pays what remains and closes; the amounts are brought up to date first. */
void
pay_and_close(Till &till, Ticket &ticket)
{
	finish(till.shift, ticket);
	pay_rest(till.shift, ticket);
	finish(till.shift, ticket);
	close(till.shift, ticket);
}

/* The guest goes: what was not submitted is, the rest is paid, the ticket closes. */
bool
pay_all(Till &till)
{
	auto ticket = till.some_open([](const Ticket &) { return true; });

	if (!ticket)
		return false;
	submit(till.shift, *ticket);
	pay_and_close(till, *ticket);
	till.save(*ticket);
	return true;
}

/* Every line is voided, so that the sale's transactions come to nothing and go at the close. */
bool
void_all_and_close(Till &till)
{
	auto ticket = till.some_open([](const Ticket &candidate)
								 { return candidate.payments.empty() && owes(candidate); });

	if (!ticket)
		return false;
	submit(till.shift, *ticket);
	for (Order &order : ticket->orders)
		if (order.calculate_price)
			void_line(till.shift, *ticket, order);
	finish(till.shift, *ticket);
	close(till.shift, *ticket);
	till.save(*ticket);
	return true;
}

/* A new discount or service: what stands in the ledger is overwritten in place, dates unchanged. */
bool
calculate(Till &till)
{
	auto ticket = till.some_open([](const Ticket &candidate)
								 { return candidate.payments.empty() && owes(candidate); });

	if (!ticket)
		return false;
	add_calculation(till.shift, *ticket, till.random.between(1, 3));
	till.save(*ticket);
	return true;
}

/* The payment goes, and its transaction in the ledger with it. */
bool
cancel_payment(Till &till)
{
	auto ticket =
		till.some_open([](const Ticket &candidate) { return !candidate.payments.empty(); });

	if (!ticket)
		return false;
	for (const ChangePayment &change : ticket->changes)
		ticket->remove_transaction(change.transaction);
	ticket->changes.clear();
	ticket->remove_transaction(ticket->payments.back().transaction);
	ticket->payments.pop_back();
	ticket->recalculate(till.shift.now);
	if (ticket->remaining < 0)
		return false;
	log(till.shift, *ticket, "Payment", "Ödeme iptal");
	till.save(*ticket);
	return true;
}

/* A ticket of its own: opened, returned, paid out and closed in one go. */
bool
refund(Till &till)
{
	Ticket ticket = till.open_with_orders(ticket_type::restaurant, till.random.between(1, 2));

	for (Order &order : ticket.orders)
		return_line(till.shift, order);
	submit(till.shift, ticket);
	pay_and_close(till, ticket);
	till.save(ticket);
	return true;
}

/* Closed without money: the room's account is debited. */
bool
charge_room(Till &till)
{
	auto ticket =
		till.some_open([](const Ticket &candidate)
					   { return owes(candidate) && candidate.type == ticket_type::restaurant; });
	std::optional<Guest> guest = till.some_guest(entity_type::room);

	if (!ticket || !guest)
		return false;
	if (guest_with_account(*ticket, account_type::room) == nullptr)
		attach(till.shift, *ticket, *guest);
	submit(till.shift, *ticket);
	finish(till.shift, *ticket);
	pay(till.shift, *ticket, payment_type::room, ticket->remaining);
	finish(till.shift, *ticket);
	close(till.shift, *ticket);
	till.save(*ticket);
	return true;
}

/* A guest pays an old account along with a ticket: a ledger transaction, no payment row. */
bool
settle_with_ticket(Till &till)
{
	auto ticket =
		till.some_open([](const Ticket &candidate)
					   { return owes(candidate) && candidate.type == ticket_type::restaurant; });
	std::optional<Guest> guest = till.some_guest(entity_type::room);

	if (!ticket || !guest)
		return false;
	Document settlement = manual_document(
		till.shift, document_type::room_settlement, transaction_type::room_settlement,
		guest->account_id, account::cash, till.random.between(100, 20000), "Oda " + guest->name);
	ticket->document.transactions.push_back(settlement.transactions[0]);
	till.note("amount", "\"" + money_text(settlement.transactions[0]->amount) + "\"");
	till.save(*ticket);
	return true;
}

/* Version 4 lets a closed ticket be opened again; its payments stay. */
bool
reopen(Till &till)
{
	auto ticket =
		till.some_closed([](const Ticket &candidate) { return !candidate.orders.empty(); });

	if (!ticket)
		return false;
	ticket->closed = false;
	ticket->locked = false;
	set_state(till.shift, *ticket, "Ödenmedi");
	log(till.shift, *ticket, "Reopen", "Adisyon yeniden açıldı");
	till.save(*ticket);
	return true;
}

/* Printing a receipt again saves the closed ticket with a longer log and a new stamp. */
bool
save_again(Till &till)
{
	auto ticket =
		till.some_closed([](const Ticket &candidate) { return !candidate.orders.empty(); });

	if (!ticket)
		return false;
	log(till.shift, *ticket, "Print", "Fiş tekrar yazdırıldı 🖨");
	till.save(*ticket);
	return true;
}

/* Third-party SQL: a note and a tag, and the stamp stays as it was. */
bool
edit_header_unstamped(Till &till)
{
	auto ticket = till.some_open([](const Ticket &) { return true; });

	if (!ticket)
		return false;
	Value tags =
		"[" + ticket_tag_json("Kurye", "yolda / " + std::to_string(till.random.below(99))) + "]";
	till.execute("UPDATE [dbo].[Tickets] SET [Note] = " + quote("kurye'de 🛵") +
				 ", [TicketTags] = " + quote(tags) + " WHERE [Id] = " + std::to_string(ticket->id));
	till.note_ticket(*ticket);
	return true;
}

/* A courier's integration takes the money and closes the ticket without stamping it. */
bool
close_unstamped(Till &till)
{
	auto ticket = till.some_open(owes);

	if (!ticket)
		return false;
	ticket->recalculate(till.shift.now);
	pay(till.shift, *ticket, payment_type::card, ticket->remaining);
	ticket->last_payment = ticket->date;
	ticket->recalculate(till.shift.now);
	close(till.shift, *ticket);
	till.save_unstamped(*ticket);
	return true;
}

/* A till whose clock is two hours slow, or decades fast. */
bool
skew_clock(Till &till)
{
	auto ticket = till.some_open([](const Ticket &) { return true; });

	if (!ticket)
		return false;
	till.shift.now = till.random.chance(70)   ? till.shift.now - 2 * hour
					 : till.random.chance(70) ? till.shift.now + 3 * hour
											  : parse_time("2099-12-31 23:59:59.997");
	till.order_some(*ticket, 1);
	till.save(*ticket);
	return true;
}

/* The till took a number and failed before it could store the ticket. */
bool
lose_number(Till &till)
{
	till.note("number", std::to_string(till.next_number(1)));
	return true;
}

} // namespace

const std::vector<Kind> &
money_kinds()
{
	static const std::vector<Kind> list = {
		{"pay_part", 2, pay_part, "a part is paid"},
		{"pay", 8, pay_all, "a ticket is paid and closed"},
		{"void_all", 1, void_all_and_close, "all lines voided; zero transactions go at the close"},
		{"calculate", 2, calculate, "a discount or service; the ledger is overwritten in place"},
		{"cancel_payment", 1, cancel_payment, "a payment and its transaction are deleted"},
		{"refund", 1, refund, "a ticket of returns, total below zero"},
		{"room_charge", 2, charge_room, "a ticket is closed on a room's account"},
		{"settle_with_ticket", 1, settle_with_ticket, "a room settles in a ticket's document"},
		{"reopen", 1, reopen, "a closed ticket is opened again (version 4)"},
		{"reprint", 1, save_again, "a closed ticket is saved again with a longer log"},
		{"unstamped_header", 2, edit_header_unstamped,
		 "an open ticket's header by plain SQL, no stamp"},
		{"unstamped_close", 1, close_unstamped, "paid and closed by plain SQL, no stamp"},
		{"clock_skew", 1, skew_clock, "stamps hours slow, hours fast, or of 2099"},
		{"lost_number", 1, lose_number, "a numerator is bumped and no ticket follows"}};
	return list;
}

} // namespace tillctl
