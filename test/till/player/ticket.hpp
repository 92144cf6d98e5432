/*
 * A ticket as SambaPOS holds it: the check, its children and its accounting document. The same
 * model serves fill (which writes it whole) and play (which loads it, changes it and writes the
 * difference).
 */
#pragma once

#include "player/house.hpp"
#include "player/json_text.hpp"
#include "player/rows.hpp"

#include <memory>
#include <vector>

namespace tillctl
{

/* A row that may stand in the database already: id 0 is a new one. */
struct Stored
{
	int id = 0;
	Fields original; /* as loaded; empty for a new row */
};

struct AccountLine : Stored
{
	int account_type = 0;
	int account = 0;
	Time date = 0;
	Cents debit = 0;
	Cents credit = 0;
	int transaction_type = 0;
	Value name;
};

/* source is credited and target debited; a negative amount swaps the two and sets reversed. */
struct AccountTransaction : Stored
{
	Cents amount = 0;
	int type = 0;
	bool reversed = false;
	Value name;
	AccountLine source;
	AccountLine target;

	void set_amount(Cents signed_amount);
	Cents signed_amount() const { return reversed ? -amount : amount; }
};

using TransactionPointer = std::shared_ptr<AccountTransaction>;

struct Document : Stored
{
	Time date = 0;
	int type = 0;
	Value name;
	std::vector<TransactionPointer> transactions;
	std::vector<int> loaded; /* ids of the transactions that were there */
};

struct Order : Stored
{
	int department = 1;
	int terminal = 1;
	int menu_item = 0;
	Value name;
	Value portion;
	Cents price = 0;
	Thousandths quantity = 1000;
	bool locked = false;
	bool calculate_price = true;
	bool decrease_inventory = true;
	bool increase_inventory = false;
	int order_number = 0;
	Value user;
	Time created = 0;
	Time updated = 0;
	int transaction_type = transaction_type::sale;
	Value price_tag;
	Value tag;
	Value taxes;
	Value tags;
	Value states;
	std::string uid;

	/* In thousandths of a cent. */
	std::int64_t total() const
	{
		return calculate_price ? (price + modifiers_price(tags)) * quantity : 0;
	}
};

struct Payment : Stored
{
	int type = payment_type::cash;
	int department = 1;
	Value name;
	Time date = 0;
	Cents amount = 0;
	Cents tendered = 0;
	int user = 1;
	int terminal = 1;
	TransactionPointer transaction;
};

struct ChangePayment : Stored
{
	Value name;
	Time date = 0;
	Cents amount = 0;
	int user = 1;
	TransactionPointer transaction;
};

struct Calculation : Stored
{
	int type = 0;
	Cents amount = 0; /* the percentage or the amount typed in */
	Cents value = 0;  /* signed */
	Time updated = 0;
	Value user;
};

struct TicketEntity : Stored
{
	int entity_type = 0;
	int entity = 0;
	int account = 0;
	int account_type = 0;
	Value name;
	Value custom_data;
	Value notes;
};

struct PaidItem : Stored
{
	Value key;
	Thousandths quantity = 1000;
};

/* Ids of the children that were there when the ticket was loaded. */
struct LoadedChildren
{
	std::vector<int> orders;
	std::vector<int> payments;
	std::vector<int> changes;
	std::vector<int> calculations;
	std::vector<int> entities;
	std::vector<int> paid_items;
};

struct Ticket : Stored
{
	Time updated = 0;
	Value number;
	Time date = 0;
	Time last_order = 0;
	Time last_payment = 0;
	bool closed = false;
	bool locked = false;
	Cents remaining = 0;
	Cents total = 0;
	Cents before_tax = 0;
	int department = 1;
	int terminal = 1;
	int type = ticket_type::restaurant;
	Value note;
	Value user;
	Value tags;
	Value states;
	Value logs;
	bool tax_included = true;
	Value name;
	std::string uid; /* version 5; empty: a version 4 database */
	Document document;
	std::vector<Order> orders;
	std::vector<Payment> payments;
	std::vector<ChangePayment> changes;
	std::vector<Calculation> calculations;
	std::vector<TicketEntity> entities;
	std::vector<PaidItem> paid_items;
	LoadedChildren loaded;

	/* Calculations, taxes, total, remaining amount and ledger from the lines and the payments. */
	void recalculate(Time now);
	/* The account whose ledger carries the ticket: receivables, or the customer's own. */
	int receivable() const;
	int receivable_type() const;
	/* Sum of the lines. */
	Cents plain_sum() const;
	/* Adds a transaction to the document between the ticket's receivable and another account. */
	TransactionPointer add_transaction(int type, Cents signed_amount, int other_account,
									   const Value &name, Time now);
	void remove_transaction(const TransactionPointer &transaction);
	/* Rewrites the ledger after the ticket's customer has changed. */
	void rewrite_receivable(int old_account, int old_type);

private:
	void keep_transaction(int type, Cents signed_amount, Time now);
	Cents apply_calculations(bool include_tax, Cents base, Time now);
};

/* The columns of each row but Id, and the parent where the row has one. */
Fields fields_of(const Ticket &ticket);
Fields fields_of(const Order &order, int ticket);
Fields fields_of(const Payment &payment, int ticket, int document);
Fields fields_of(const ChangePayment &change, int ticket, int document);
Fields fields_of(const Calculation &calculation, int ticket);
Fields fields_of(const TicketEntity &entity, int ticket);
Fields fields_of(const PaidItem &item, int ticket);
Fields fields_of(const Document &document);
Fields fields_of(const AccountTransaction &transaction, int document);
Fields fields_of(const AccountLine &line, int transaction, int document);

} // namespace tillctl
