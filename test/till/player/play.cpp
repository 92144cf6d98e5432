/*
 * The command: deals the kinds, runs each edit in a transaction, keeps the ledger.
 */
#include "player/play.hpp"

#include "client/command.hpp"

#include <chrono>
#include <cstdio>
#include <map>
#include <thread>

namespace tillctl
{

namespace
{

/* Errors after which the till tries again: deadlock, lock timeout, snapshot conflict. */
bool
worth_another_try(int number)
{
	return number == 1205 || number == 1222 || number == 3960;
}

/* Every kind that play deals by default, or those that only reconciliation finds. */
std::vector<const Kind *>
kinds(bool unseen_only)
{
	std::vector<const std::vector<Kind> *> lists = {&unseen_kinds()};
	std::vector<const Kind *> result;

	if (!unseen_only)
		lists = {&order_kinds(), &money_kinds(), &ledger_kinds(), &master_kinds()};
	for (const std::vector<Kind> *list : lists)
		for (const Kind &kind : *list)
			result.push_back(&kind);
	return result;
}

/* A shuffled deck with as many cards of a kind as it weighs; a new one when it is dealt. */
class Deck
{
public:
	Deck(std::vector<const Kind *> kinds, Random &random)
		: kinds_(std::move(kinds)), random_(random)
	{
	}
	const Kind &deal()
	{
		if (cards_.empty())
			for (const Kind *kind : kinds_)
				cards_.insert(cards_.end(), kind->weight, kind);
		size_t at = random_.next() % cards_.size();
		const Kind *card = cards_[at];
		cards_.erase(cards_.begin() + static_cast<long>(at));
		return *card;
	}

private:
	std::vector<const Kind *> kinds_;
	std::vector<const Kind *> cards_;
	Random &random_;
};

/* Ends what an edit left open, whatever the server has ended by itself. */
void
roll_back(Connection &connection)
{
	connection.execute("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION");
}

/* One edit in one transaction; false if there was nothing to do it on. */
bool
run_edit(Till &till, const Kind &kind)
{
	for (int tries = 0;; tries++)
		try
		{
			till.begin();
			till.execute("BEGIN TRANSACTION");
			bool done = kind.edit(till);
			if (done)
				till.execute("COMMIT TRANSACTION");
			else
				roll_back(till.connection);
			return done;
		}
		catch (const ServerError &error)
		{
			roll_back(till.connection);
			if (!worth_another_try(error.number()) || tries == 5)
				throw ServerError(error.number(), std::string(kind.name) + ": " + error.what());
		}
}

class Ledger
{
public:
	explicit Ledger(const std::string &path)
	{
		if (!path.empty() && (file_ = fopen(path.c_str(), "a")) == nullptr)
			throw std::runtime_error("could not open " + path);
	}
	~Ledger()
	{
		if (file_ != nullptr)
			fclose(file_);
	}
	Ledger(const Ledger &) = delete;
	Ledger &operator=(const Ledger &) = delete;
	void write(const Kind &kind, const Till &till)
	{
		if (file_ == nullptr)
			return;
		fprintf(file_, "{\"kind\":\"%s\",\"at\":\"%s\"%s}\n", kind.name,
				time_text(till.shift.now).c_str(), till.notes().c_str());
		fflush(file_);
	}

private:
	FILE *file_ = nullptr;
};

void
print_kinds()
{
	for (bool unseen : {false, true})
		for (const Kind *kind : kinds(unseen))
			printf("%-20s %s\n", kind->name, kind->what);
}

/* Kinds named by --only A,B. */
std::vector<const Kind *>
chosen_kinds(const Arguments &arguments)
{
	std::vector<const Kind *> all = kinds(arguments.has("unseen"));
	std::string only = "," + arguments.text("only", "") + ",";
	std::vector<const Kind *> result;

	if (!arguments.has("only"))
		return all;
	for (const Kind *kind : all)
		if (only.find("," + std::string(kind->name) + ",") != std::string::npos)
			result.push_back(kind);
	if (result.empty())
		throw std::runtime_error("--only names no kind; see play --list");
	return result;
}

} // namespace

void
run_play(Connection &connection, const Arguments &arguments)
{
	if (arguments.has("list"))
		return print_kinds();
	bool forever = arguments.has("forever");
	long edits = arguments.number("edits", 100);
	auto pause = std::chrono::milliseconds(arguments.number("every", 0));
	Random random(static_cast<std::uint64_t>(arguments.number("seed", 1)));
	Deck deck(chosen_kinds(arguments), random);
	Ledger ledger(arguments.text("ledger", ""));
	Till till(connection, random);
	till.behind = arguments.number("behind", 0) * second;
	std::map<std::string, int> done;
	int refused = 0;

	for (long i = 0; forever || i < edits;)
	{
		const Kind &kind = deck.deal();
		if (!run_edit(till, kind))
		{
			if (++refused > 1000)
				throw std::runtime_error("there is nothing to do these edits on");
			continue;
		}
		refused = 0;
		ledger.write(kind, till);
		done[kind.name]++;
		i++;
		std::this_thread::sleep_for(pause);
	}
	for (const auto &[name, count] : done)
		printf("%s %d\n", name.c_str(), count);
}

} // namespace tillctl
