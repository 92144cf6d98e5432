/*
 * play: a till's day, as SambaPOS writes it. Every edit is one transaction; the kinds are dealt
 * from a shuffled deck, so that each comes up before one repeats too often.
 */
#pragma once

#include "player/ticket_store.hpp"
#include "player/work.hpp"

#include <functional>

namespace tillctl
{

/* The till during one edit. Dates come from the server's clock. */
class Till
{
public:
	Till(Connection &connection, Random &random);

	/* A new edit: reads the clock, changes the waiter. */
	void begin();
	/* Bumps a numerator (1, 2: restaurant; 3, 4: banquet) and answers its number. */
	int next_number(int numerator);
	/* A guest of this kind, as the database knows him now. */
	std::optional<Guest> some_guest(int entity_type);
	/* A random open ticket that passes the test. */
	std::optional<Ticket> some_open(const std::function<bool(const Ticket &)> &test);
	/* One of the latest closed tickets. */
	std::optional<Ticket> some_closed(const std::function<bool(const Ticket &)> &test);
	/* A number picked from the first column of a query's rows. */
	std::optional<int> some_id(const std::string &sql);

	Ticket open(int type);
	/* Opens a ticket with lines that are not submitted yet. */
	Ticket open_with_orders(int type, int lines);
	void order_some(Ticket &ticket, int lines);
	/* Recalculates, stamps and saves. */
	void save(Ticket &ticket);
	/* Recalculates and saves, leaving the stamp as it is. */
	void save_unstamped(Ticket &ticket);
	void execute(const std::string &sql) { connection.execute(sql); }
	void read_menu();

	/* What the edit touched, for the ledger. */
	void note_ticket(const Ticket &ticket);
	void note(const std::string &key, const std::string &json);
	const std::string &notes() const { return notes_; }

	Connection &connection;
	Random &random;
	Shift shift;
	Time behind = 0; /* how much later it is than this terminal's clock says */

private:
	std::optional<Ticket> some_of(std::vector<int> ids, bool closed,
								  const std::function<bool(const Ticket &)> &test);

	std::vector<Product> menu_;
	std::string notes_;
};

/* edit answers false, having written nothing, if there is nothing to do it on. */
struct Kind
{
	const char *name;
	int weight; /* cards in the deck */
	bool (*edit)(Till &);
	const char *what;
};

const std::vector<Kind> &order_kinds();
const std::vector<Kind> &money_kinds();
const std::vector<Kind> &ledger_kinds();
const std::vector<Kind> &master_kinds();
/* What change detection cannot see at once; only reconciliation does. */
const std::vector<Kind> &unseen_kinds();

} // namespace tillctl
