/*
 * Discounts, payments, change, closing, and documents without a ticket.
 */
#include "player/work.hpp"

namespace tillctl
{

/* At most one of a kind on a ticket. */
void
add_calculation(Shift &shift, Ticket &ticket, int type)
{
	static const Cents percents[] = {500, 1000, 1500, 2000};
	static const Cents amounts[] = {500, 1000, 2550};
	Calculation calculation;

	for (const Calculation &present : ticket.calculations)
		if (present.type == type)
			return;
	calculation.type = type;
	calculation.amount = type == calculation_type::service            ? 1000
						 : type == calculation_type::discount_percent ? shift.random.pick(percents)
																	  : shift.random.pick(amounts);
	calculation.updated = shift.now;
	calculation.user = shift.user_name();
	ticket.calculations.push_back(calculation);
}

/* Payments.Name is the name of the account, not of the payment type. */
Payment &
pay(Shift &shift, Ticket &ticket, int type, Cents amount)
{
	static const int kinds[] = {transaction_type::cash_payment, transaction_type::card_payment,
								transaction_type::voucher_payment, transaction_type::room_charge,
								transaction_type::customer_charge};
	static const char *const names[] = {"Kasa / Cash", "Kredi Kartı", "Yemek Çeki"};
	Payment payment;
	int other = account::cash + type - payment_type::cash;

	if (type == payment_type::room || type == payment_type::customer)
	{
		const TicketEntity *guest = guest_with_account(
			ticket, type == payment_type::room ? account_type::room : account_type::customer);
		if (guest == nullptr)
			throw std::runtime_error("a charge needs a guest with an account");
		other = guest->account;
		payment.name = guest->name;
	}
	else
		payment.name = names[type - 1];
	payment.type = type;
	payment.department = shift.department;
	payment.date = shift.now;
	payment.amount = amount;
	payment.tendered = amount;
	payment.user = shift.user;
	payment.terminal = shift.terminal;
	payment.transaction = ticket.add_transaction(
		kinds[type - 1], amount, other,
		"Ödeme [" + *payment.name + "] #" + ticket.number.value_or(""), shift.now);
	ticket.payments.push_back(payment);
	ticket.last_payment = shift.now;
	ticket.remaining -= amount;
	log(shift, ticket, "Pay", *payment.name + ": " + money_text(amount));
	return ticket.payments.back();
}

/* Amount is what was handed over; the change stands in a table of its own. */
void
pay_with_change(Shift &shift, Ticket &ticket)
{
	static const Cents notes[] = {500, 1000, 5000, 10000};
	Cents note = shift.random.pick(notes);
	Cents due = ticket.remaining;
	Cents handed = (due + note - 1) / note * note;
	ChangePayment change;

	pay(shift, ticket, payment_type::cash, handed);
	if (handed == due)
		return;
	change.name = "Kasa / Cash";
	change.date = shift.now;
	change.amount = handed - due;
	change.user = shift.user;
	change.transaction =
		ticket.add_transaction(transaction_type::change, change.amount, account::cash,
							   "Para Üstü #" + ticket.number.value_or(""), shift.now);
	ticket.changes.push_back(change);
	ticket.remaining += change.amount;
}

/* Rooms mostly charge, regulars often do, the rest pays cash, card, voucher or split. */
void
pay_rest(Shift &shift, Ticket &ticket)
{
	int dice = shift.random.below(100);
	bool charge_customer = ticket.type == ticket_type::restaurant &&
						   guest_with_account(ticket, account_type::customer) != nullptr;

	if (ticket.remaining <= 0)
	{
		if (ticket.remaining < 0)
			pay(shift, ticket, payment_type::cash, ticket.remaining);
	}
	else if (guest_with_account(ticket, account_type::room) != nullptr && dice < 80)
		pay(shift, ticket, payment_type::room, ticket.remaining);
	else if (charge_customer && dice < 40)
		pay(shift, ticket, payment_type::customer, ticket.remaining);
	else if (dice < 25)
		pay_with_change(shift, ticket);
	else if (dice < 35 && ticket.remaining > 100)
	{
		pay(shift, ticket, payment_type::cash, ticket.remaining / 2);
		pay(shift, ticket, payment_type::card, ticket.remaining);
	}
	else if (dice < 42)
		pay(shift, ticket, payment_type::voucher, ticket.remaining);
	else
	{
		Payment &payment = pay(shift, ticket, dice < 70 ? payment_type::cash : payment_type::card,
							   ticket.remaining);
		if (payment.type == payment_type::cash && shift.random.chance(50))
			payment.tendered = (payment.amount + 4999) / 5000 * 5000;
	}
}

/* Transactions that came to nothing go, and so do the items marked as paid. */
void
close(Shift &shift, Ticket &ticket)
{
	auto &list = ticket.document.transactions;

	if (ticket.remaining != 0)
		throw std::runtime_error("a ticket that is not paid cannot be closed");
	ticket.closed = true;
	ticket.paid_items.clear();
	for (size_t i = list.size(); i-- > 0;)
		if (list[i]->amount == 0)
			list.erase(list.begin() + static_cast<long>(i));
	set_state(shift, ticket, "Ödendi");
}

void
finish(Shift &shift, Ticket &ticket)
{
	ticket.recalculate(shift.now);
	ticket.updated = shift.now;
	ticket.user = shift.user_name();
}

Document
manual_document(Shift &shift, int document_type, int type, int source, int target, Cents amount,
				const std::string &name)
{
	const Named &kind = transaction_type_of(type);
	auto transaction = std::make_shared<AccountTransaction>();
	Document document;

	transaction->type = type;
	transaction->name = name;
	transaction->source.account = source;
	transaction->source.account_type = kind.source_type;
	transaction->target.account = target;
	transaction->target.account_type = kind.target_type;
	for (AccountLine *line : {&transaction->source, &transaction->target})
	{
		line->date = shift.now;
		line->transaction_type = type;
		line->name = name;
	}
	transaction->set_amount(amount);
	document.date = shift.now;
	document.type = document_type;
	document.name = name;
	document.transactions.push_back(transaction);
	return document;
}

} // namespace tillctl
