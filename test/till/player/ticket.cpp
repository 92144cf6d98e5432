/*
 * The arithmetic of a ticket (sum, services before tax, tax, services after tax) and its ledger:
 * one account transaction a kind, two lines each, always balanced.
 */
#include "player/ticket.hpp"

#include <algorithm>
#include <stdexcept>

namespace tillctl
{

/* Balanced by construction: both lines carry the same amount. Zero keeps the direction it had. */
void
AccountTransaction::set_amount(Cents signed_amount)
{
	bool negative = signed_amount < 0;

	if (negative != reversed && signed_amount != 0)
	{
		std::swap(source.account, target.account);
		std::swap(source.account_type, target.account_type);
		reversed = negative;
	}
	amount = negative ? -signed_amount : signed_amount;
	source.credit = amount;
	target.debit = amount;
}

int
Ticket::receivable() const
{
	if (type == ticket_type::banquet)
		for (const TicketEntity &entity : entities)
			if (entity.account_type == account_type::customer)
				return entity.account;
	return account::receivables;
}

int
Ticket::receivable_type() const
{
	return receivable() == account::receivables ? account_type::receivable : account_type::customer;
}

TransactionPointer
Ticket::add_transaction(int type, Cents signed_amount, int other, const Value &name, Time now)
{
	const Named &kind = transaction_type_of(type);
	/* The ticket stands on the side that is not the kind's own account. */
	bool ticket_is_source = kind.source_type == account_type::receivable;
	auto transaction = std::make_shared<AccountTransaction>();
	AccountLine &own = ticket_is_source ? transaction->source : transaction->target;
	AccountLine &outer = ticket_is_source ? transaction->target : transaction->source;

	own.account = receivable();
	own.account_type = receivable_type();
	outer.account = other;
	outer.account_type = ticket_is_source ? kind.target_type : kind.source_type;
	transaction->type = type;
	transaction->name = name;
	for (AccountLine *line : {&transaction->source, &transaction->target})
	{
		line->date = now;
		line->transaction_type = type;
		line->name = name;
	}
	transaction->set_amount(signed_amount);
	document.transactions.push_back(transaction);
	return transaction;
}

void
Ticket::remove_transaction(const TransactionPointer &transaction)
{
	auto &list = document.transactions;

	list.erase(std::remove(list.begin(), list.end(), transaction), list.end());
}

/* Payments too: every line on the old account moves. */
void
Ticket::rewrite_receivable(int old_account, int old_type)
{
	for (TransactionPointer &transaction : document.transactions)
		for (AccountLine *line : {&transaction->source, &transaction->target})
			if (line->account == old_account && line->account_type == old_type)
			{
				line->account = receivable();
				line->account_type = receivable_type();
			}
}

/* The one transaction of a computed kind gets its new amount, or is made when there is one. */
void
Ticket::keep_transaction(int type, Cents signed_amount, Time now)
{
	const Named &kind = transaction_type_of(type);

	for (TransactionPointer &transaction : document.transactions)
		if (transaction->type == type)
		{
			transaction->set_amount(signed_amount);
			return;
		}
	if (signed_amount == 0)
		return;
	bool ticket_is_source = kind.source_type == account_type::receivable;
	add_transaction(type, signed_amount,
					ticket_is_source ? kind.target_account : kind.source_account,
					Value(std::string(kind.name) + " [#" + number.value_or("") + "]"), now);
}

/* Discounts (before tax) or services (after it) on a base; answers their signed sum. */
Cents
Ticket::apply_calculations(bool include_tax, Cents base, Time now)
{
	Cents sum = 0;

	for (Calculation &calculation : calculations)
	{
		if ((calculation.type == calculation_type::service) != include_tax)
			continue;
		Cents value = calculation.type == calculation_type::discount_amount
						  ? -std::min(calculation.amount, std::max<Cents>(base + sum, 0))
						  : divide_rounded(static_cast<__int128>(base) * calculation.amount, 10000);
		if (calculation.type == calculation_type::discount_percent)
			value = -value;
		if (value != calculation.value)
			calculation.updated = now;
		calculation.value = value;
		sum += value;
	}
	return sum;
}

Cents
Ticket::plain_sum() const
{
	std::int64_t sum = 0;

	for (const Order &order : orders)
		sum += order.total();
	return divide_rounded(sum, 1000);
}

/* Sum, discounts, tax by template in proportion to what is left of the sum, services; each rounded
 * once, to the cent, so that the ledger adds up to the total. */
void
Ticket::recalculate(Time now)
{
	Cents plain = plain_sum();
	Cents discount = apply_calculations(false, plain, now);
	Cents taxes = 0;

	for (int id : {1, 2})
	{
		const Tax &tax = tax_of(id);
		std::int64_t taxed = 0;
		for (const Order &order : orders)
			taxed += json_number(order.taxes, "TT") == id ? order.total() : 0;
		Cents amount =
			plain == 0
				? 0
				: divide_rounded(static_cast<__int128>(taxed) * (plain + discount) * tax.rate,
								 static_cast<__int128>(plain) * 1000 *
									 (tax_included ? 100 + tax.rate : 100));
		keep_transaction(tax.transaction_type, amount, now);
		taxes += amount;
	}
	Cents after_tax = plain + discount + (tax_included ? 0 : taxes);
	Cents service = apply_calculations(true, after_tax, now);
	int sale =
		type == ticket_type::banquet ? transaction_type::banquet_sale : transaction_type::sale;

	keep_transaction(sale, plain - (tax_included ? taxes : 0), now);
	keep_transaction(transaction_type::discount, -discount, now);
	keep_transaction(transaction_type::service, service, now);
	auto zero = [](const Calculation &calculation) { return calculation.value == 0; };
	calculations.erase(std::remove_if(calculations.begin(), calculations.end(), zero),
					   calculations.end());
	total = after_tax + service;
	before_tax = total - taxes;
	remaining = total;
	for (const Payment &payment : payments)
		remaining -= payment.amount;
	for (const ChangePayment &change : changes)
		remaining += change.amount;
}

} // namespace tillctl
