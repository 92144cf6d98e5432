/*
 * A day: its work period, its tickets of every kind, settlements and stock.
 */
#include "player/fill.hpp"

#include <algorithm>

namespace tillctl
{

House::House(BulkWriter &writer, Random &random, bool version5)
	: writer_(writer), random_(random), shift_{random, products()}
{
	shift_.version5 = version5;
}

/* Another guest walks in: another waiter, till and department. */
void
House::change_shift(Time now)
{
	shift_.now = on_grid(now);
	shift_.user = random_.between(2, static_cast<int>(user_names().size()));
	shift_.terminal = random_.between(1, 3);
	shift_.department = random_.between(1, 2);
}

/* Some time goes by, a second at least. */
void
House::pass(Time at_most)
{
	shift_.now = on_grid(shift_.now + second + random_.below(static_cast<int>(at_most)));
}

/* Most guests eat; some have ordered a banquet. */
int
House::draw_type()
{
	return random_.chance(8) ? ticket_type::banquet : ticket_type::restaurant;
}

/* A ticket with its number and its guests. A banquet always has a customer, whose account it
 * debits. */
Ticket
House::open(int type)
{
	if (random_.per_mille(5)) /* the till took a number and then failed */
		ticket_number[type - 1]++;
	if (type == ticket_type::banquet)
		shift_.department = 3;
	Ticket ticket = open_ticket(shift_, type, ++ticket_number[type - 1]);
	if (type == ticket_type::banquet)
		attach(shift_, ticket, customer(random_.between(1, customer_count)));
	else
	{
		if (random_.chance(70))
			attach(shift_, ticket, table(random_.between(1, table_count)));
		if (random_.chance(15))
			attach(shift_, ticket, room(random_.between(1, room_count)));
		else if (random_.chance(15))
			attach(shift_, ticket, customer(random_.between(1, customer_count)));
	}
	return ticket;
}

/* One submission: its lines share an order number. */
void
House::order_some(Ticket &ticket, int lines)
{
	int batch = ++order_number[ticket.type - 1];

	for (int i = 0; i < lines; i++)
	{
		add_order(shift_, ticket, random_.pick(shift_.menu), batch);
		shift_.now = on_grid(shift_.now + random_.below(4000));
	}
}

/* Text as it really occurs: control characters the application itself has to escape before it can
 * parse, JSON that was cut, and a log longer than 64 kB. */
void
House::spoil_text(Ticket &ticket)
{
	int n = ids.ticket;

	if (n % 89 == 12)
		json_append(ticket.logs, "{\"C\":\"Note\",\"L\":\"ilk satır\r\n\tikinci satır\",\"N\":\"" +
									 ticket.number.value_or("") + "\"}");
	if (n % 97 == 13)
		ticket.tags = "[{\"TN\":\"Covers\",\"TT\":0,\"TV\":\"4";
	if (n % 101 == 14 && !ticket.orders.empty())
		json_append(ticket.orders[0].tags,
					"{\"FT\":true,\"OI\":4,\"OK\":\"004009\",\"PR\":2.50,\"Q\":1,\"TN\":\"Not\","
					"\"TO\":\"sos\tayrı\r\n🙂\",\"TV\":\"Sos\",\"UI\":2}");
	if (n % 103 == 15 && !ticket.orders.empty() && !ticket.orders[0].tags)
		ticket.orders[0].tags = "[{\"FT\":true,\"OI\":4,\"TN\":\"Not\",\"TO\":\"yarım kal";
	if (n % 107 == 16 && !ticket.orders.empty())
		ticket.orders[0].states = "";
	if (n % 5000 == 60)
		for (int i = 0; i < 700; i++)
			log(shift_, ticket, "Print", "Mutfak fişi / kitchen slip no. " + std::to_string(i));
	if (n % 113 == 17)
		ticket.note = "Satır 1\nSatır 2\t\\ \"tırnak\" 'quote' 👩‍🍳";
}

/* Ordered once or twice, maybe voided, given, discounted; then paid and closed, unless it is the
 * last evening and the guests still sit. */
void
House::ordinary_ticket(bool stays_open)
{
	Ticket ticket = open(draw_type());

	ids.ticket++;
	order_some(ticket, random_.between(1, 4));
	spoil_text(ticket);
	submit(shift_, ticket);
	if (random_.chance(30))
	{
		pass(30 * minute);
		order_some(ticket, random_.between(1, 2));
		if (!stays_open || random_.chance(50))
			submit(shift_, ticket);
	}
	pass(40 * minute);
	if (random_.chance(6))
		void_line(shift_, ticket, random_.pick(ticket.orders));
	else if (random_.chance(5))
		give_line(shift_, ticket, random_.pick(ticket.orders));
	if (random_.chance(10))
		add_calculation(shift_, ticket,
						random_.chance(60) ? calculation_type::discount_percent
										   : calculation_type::discount_amount);
	if (random_.chance(8))
		add_calculation(shift_, ticket, calculation_type::service);
	finish(shift_, ticket);
	if (stays_open)
	{
		if (random_.chance(40) && ticket.remaining > 200)
		{
			pay(shift_, ticket, payment_type::cash, ticket.remaining / 2);
			ticket.paid_items.push_back(PaidItem());
			ticket.paid_items.back().key = std::to_string(ticket.orders[0].menu_item) + "_" +
										   ticket.orders[0].portion.value_or("");
		}
		finish(shift_, ticket);
	}
	else
	{
		pay_rest(shift_, ticket);
		finish(shift_, ticket);
		close(shift_, ticket);
	}
	write(ticket);
}

/* Goods come back, money goes out: every line a return, the total below zero. */
void
House::refund_ticket()
{
	Ticket ticket = open(ticket_type::restaurant);

	ids.ticket++;
	order_some(ticket, random_.between(1, 2));
	for (Order &order : ticket.orders)
		return_line(shift_, order);
	submit(shift_, ticket);
	finish(shift_, ticket);
	pass(2 * minute);
	pay_rest(shift_, ticket);
	finish(shift_, ticket);
	close(shift_, ticket);
	write(ticket);
}

/* Lines of one ticket continue in another under new ids; number and time of ordering stay. One of
 * the lines was split before. */
void
House::moved_lines()
{
	int type = draw_type();
	Ticket from = open(type);

	order_some(from, random_.between(2, 5));
	submit(shift_, from);
	pass(20 * minute);
	Ticket to = open(type);
	Order moved = from.orders.back();
	if (moved.quantity >= 2000 && moved.quantity % 1000 == 0)
	{
		from.orders.back().quantity -= 1000;
		moved.quantity = 1000;
	}
	else
	{
		from.orders.pop_back();
		ids.order++; /* the id it had */
	}
	to.orders.push_back(moved);
	for (Ticket *ticket : {&from, &to})
	{
		ids.ticket++;
		finish(shift_, *ticket);
		pass(10 * minute);
		pay_rest(shift_, *ticket);
		finish(shift_, *ticket);
		close(shift_, *ticket);
		write(*ticket);
	}
}

/* Two tickets become a third: its payments have new dates, the old tickets stay, closed and empty.
 */
void
House::merged_tickets()
{
	int type = draw_type();
	Ticket one = open(type);
	Ticket two = open(type);

	order_some(one, random_.between(1, 3));
	submit(shift_, one);
	pass(5 * minute);
	order_some(two, random_.between(1, 3));
	submit(shift_, two);
	pass(20 * minute);
	Ticket merged = open(type);
	if (type == ticket_type::banquet)
		merged.entities = one.entities;
	for (Ticket *old : {&one, &two})
	{
		ids.ticket++;
		ids.order += static_cast<int>(old->orders.size());
		for (Order &order : old->orders)
			merged.orders.push_back(order);
		old->orders.clear();
		log(shift_, *old, "Merge", "#" + *merged.number + " ile birleşti");
		finish(shift_, *old);
		close(shift_, *old);
		write(*old);
	}
	ids.ticket++;
	finish(shift_, merged);
	pass(10 * minute);
	pay_rest(shift_, merged);
	finish(shift_, merged);
	close(shift_, merged);
	write(merged);
}

/* Money that never sees a ticket: guests settle their accounts, somebody buys milk. */
void
House::settlements(int count)
{
	for (int i = 0; i < count; i++)
	{
		Cents amount = random_.between(500, 60000);
		Document document;

		pass(hour);
		if (i % 3 == 0)
		{
			Guest guest = room(random_.between(1, room_count));
			document = manual_document(shift_, document_type::room_settlement,
									   transaction_type::room_settlement, guest.account_id,
									   account::cash, amount, "Oda Tahsilatı " + guest.name);
		}
		else if (i % 3 == 1)
		{
			Guest guest = customer(random_.between(1, customer_count));
			document = manual_document(
				shift_, document_type::customer_payment, transaction_type::customer_payment,
				guest.account_id, account::cash, amount, "Cari Tahsilat " + guest.account_name);
		}
		else
			document =
				manual_document(shift_, document_type::expense, transaction_type::expense,
								account::cash, account::expenses, amount / 4, "Süt & ekmek 🥖");
		write(document);
	}
}

/* Arrivals are drawn first, so that tickets get their ids in the order of their dates. */
void
House::run_day(Time midnight, int tickets, bool last)
{
	Time closing = last ? 23 * hour + 20 * minute : 24 * hour;
	std::vector<Time> arrivals;
	int open_tickets = last ? std::max(3, tickets / 10) : 0;

	for (int i = 0; i < tickets; i++)
		arrivals.push_back(
			midnight + 8 * hour +
			random_.below(static_cast<int>(closing - 8 * hour - (last ? 2 * hour : 0))));
	std::sort(arrivals.begin(), arrivals.end());
	change_shift(midnight + 8 * hour);
	settlements(std::min(3, 1 + tickets / 20));
	for (int i = 0; i < tickets;)
	{
		int left = tickets - i - open_tickets;
		int dice = random_.below(100);
		int before = ids.ticket;
		change_shift(arrivals[i]);
		if (left >= 3 && dice < 3)
			merged_tickets();
		else if (left >= 2 && dice < 7)
			moved_lines();
		else if (left >= 1 && dice < 9)
			refund_ticket();
		else
			ordinary_ticket(left <= 0);
		i += ids.ticket - before;
	}
	write_period(midnight, last);
	if (midnight / day % 7 == 0 || last)
		write_stock(midnight);
}

} // namespace tillctl
