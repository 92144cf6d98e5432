/*
 * What a waiter does with a ticket, as operations on the model: open, order, submit, void, give,
 * attach a guest, pay, close. fill and play are made of these.
 */
#pragma once

#include "player/random.hpp"
#include "player/ticket.hpp"

namespace tillctl
{

/* Who works, where and when. */
struct Shift
{
	Random &random;
	const std::vector<Product> &menu;
	Time now = 0;
	int user = 1; /* Users.Id */
	int terminal = 1;
	int department = 1;
	bool version5 = false;

	std::string user_name() const { return user_names()[user - 1]; }
};

Ticket open_ticket(Shift &shift, int type, int number);
void attach(Shift &shift, Ticket &ticket, const Guest &guest);
const TicketEntity *guest_with_account(const Ticket &ticket, int account_type);

/* A new line, not yet submitted. */
Order &add_order(Shift &shift, Ticket &ticket, const Product &product, int order_number);
void add_modifiers(Shift &shift, Order &order);
/* Locks the new lines and says so in states and log. */
void submit(Shift &shift, Ticket &ticket);
void void_line(Shift &shift, Ticket &ticket, Order &order);
void give_line(Shift &shift, Ticket &ticket, Order &order);
/* Turns a line into a return: goods come back, money goes out. */
void return_line(Shift &shift, Order &order);
void add_calculation(Shift &shift, Ticket &ticket, int type);

/* One payment of exactly this amount. Room and customer charges go to the guest's account. */
Payment &pay(Shift &shift, Ticket &ticket, int type, Cents amount);
/* Cash handed over in round notes, and the change given back. */
void pay_with_change(Shift &shift, Ticket &ticket);
/* Pays what remains in one of the usual ways. */
void pay_rest(Shift &shift, Ticket &ticket);
/* Closes a ticket whose remaining amount is 0. */
void close(Shift &shift, Ticket &ticket);

/* The save: stamps the ticket and recalculates it. */
void finish(Shift &shift, Ticket &ticket);
void log(Shift &shift, Ticket &ticket, const std::string &category, const std::string &text);
void set_state(Shift &shift, Ticket &ticket, const std::string &turkish);

/* A document of its own with one transaction: settlements and expenses. */
Document manual_document(Shift &shift, int document_type, int transaction_type, int source,
						 int target, Cents amount, const std::string &name);

} // namespace tillctl
