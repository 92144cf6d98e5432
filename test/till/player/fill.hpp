/*
 * fill: some hundred days of the house, the same for the same (tickets, seed, until). One
 * transaction: a fill that is killed leaves nothing.
 */
#pragma once

#include "player/work.hpp"

namespace tillctl
{

/* The last id given out per table. */
struct Ids
{
	int ticket = 0; /* begun */
	int written = 0;
	int order = 0, payment = 0, change = 0, calculation = 0, entity = 0, paid_item = 0;
	int document = 0, transaction = 0, line = 0;
	int period = 0, stock_document = 0, stock_row = 0;
};

bool has_version5(Connection &connection);

/* The sales tables, parents first. */
const std::vector<std::string> &sales_tables();

class House
{
public:
	House(BulkWriter &writer, Random &random, bool version5);

	/* Writes one day with so many tickets; on the last one some stay open. */
	void run_day(Time midnight, int tickets, bool last);

	int ticket_number[2] = {0, 0};
	int order_number[2] = {0, 0};
	Ids ids;

private:
	void change_shift(Time now);
	void pass(Time at_most);
	int draw_type();
	Ticket open(int type);
	void order_some(Ticket &ticket, int lines);
	void spoil_text(Ticket &ticket);

	void ordinary_ticket(bool stays_open);
	void refund_ticket();
	void moved_lines();
	void merged_tickets();
	void settlements(int count);

	void write(Ticket &ticket);
	void write(Document &document);
	void write_period(Time midnight, bool last);
	void write_stock(Time midnight);

	BulkWriter &writer_;
	Random &random_;
	Shift shift_;
};

} // namespace tillctl
