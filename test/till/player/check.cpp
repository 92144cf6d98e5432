/*
 * `check`: do the books of the till hold? Every rule in one statement or one pass; the first rows
 * that break one are printed and the command fails. It reads what stands in the database and knows
 * nothing of the model that wrote it.
 */
#include "client/command.hpp"
#include "player/json_text.hpp"

#include <cstdio>
#include <map>

namespace tillctl
{

namespace
{

struct Rule
{
	const char *name;
	const char *sql; /* rows that break it */
};

const Rule rules[] = {
	{"every account transaction is balanced",
	 "SELECT t.Id, t.Amount, SUM(v.Debit), SUM(v.Credit), COUNT(*) FROM AccountTransactions t LEFT "
	 "JOIN AccountTransactionValues v ON v.AccountTransactionId = t.Id AND "
	 "v.AccountTransactionDocumentId = t.AccountTransactionDocumentId GROUP BY t.Id, t.Amount "
	 "HAVING "
	 "COUNT(*) <> 2 OR SUM(v.Debit) <> t.Amount OR SUM(v.Credit) <> t.Amount"},
	{"Exchange is Debit less Credit",
	 "SELECT Id FROM AccountTransactionValues WHERE Exchange <> Debit - Credit"},
	{"what remains is total less payments plus change",
	 "SELECT t.Id, t.TotalAmount, t.RemainingAmount, p.Paid, c.Changed FROM Tickets t LEFT JOIN "
	 "(SELECT TicketId, CAST(SUM(Amount) AS decimal(16,2)) AS Paid FROM Payments GROUP BY "
	 "TicketId) "
	 "p ON p.TicketId = t.Id LEFT JOIN (SELECT TicketId, CAST(SUM(Amount) AS decimal(16,2)) AS "
	 "Changed FROM ChangePayments GROUP BY TicketId) c ON c.TicketId = t.Id WHERE "
	 "t.RemainingAmount "
	 "<> t.TotalAmount - COALESCE(p.Paid, 0.00) + COALESCE(c.Changed, 0.00)"},
	{"a closed ticket is paid",
	 "SELECT Id FROM Tickets WHERE IsClosed = 1 AND RemainingAmount <> 0"},
	{"a closed ticket has no zero transaction and no paid items",
	 "SELECT t.Id FROM Tickets t JOIN AccountTransactions a ON a.AccountTransactionDocumentId = "
	 "t.TransactionDocument_Id WHERE t.IsClosed = 1 AND a.Amount = 0 UNION ALL SELECT t.Id FROM "
	 "Tickets t JOIN PaidItems i ON i.TicketId = t.Id WHERE t.IsClosed = 1"},
	{"every ticket has a document", "SELECT Id FROM Tickets WHERE TransactionDocument_Id IS NULL"},
	{"the ledger of a ticket holds what remains",
	 "SELECT t.Id, t.RemainingAmount, SUM(v.Debit - v.Credit) FROM Tickets t JOIN "
	 "AccountTransactionValues v ON v.AccountTransactionDocumentId = t.TransactionDocument_Id "
	 "WHERE "
	 "(t.TicketTypeId = 1 AND v.AccountId = 2) OR (t.TicketTypeId = 2 AND v.AccountTypeId IN (2, "
	 "5)) "
	 "GROUP BY t.Id, t.RemainingAmount HAVING t.RemainingAmount <> SUM(v.Debit - v.Credit)"},
	{"a payment and its transaction agree",
	 "SELECT p.Id FROM Payments p LEFT JOIN AccountTransactions a ON a.Id = "
	 "p.AccountTransaction_Id "
	 "AND a.AccountTransactionDocumentId = p.AccountTransaction_AccountTransactionDocumentId WHERE "
	 "a.Id IS NULL OR p.Amount <> CASE WHEN a.IsReversed = 1 THEN -a.Amount ELSE a.Amount END"}};

void
print_rows(const Result &result)
{
	for (size_t i = 0; i < result.rows.size() && i < 5; i++)
	{
		for (const Value &value : result.rows[i])
			printf("\t%s", value.value_or("NULL").c_str());
		putchar('\n');
	}
}

/* Lines, services before tax, tax where it is not included, services after tax. */
int
check_totals(Connection &connection)
{
	std::map<std::string, std::int64_t> lines; /* thousandths of a cent a ticket */
	std::map<std::string, Cents> services;
	int wrong = 0;
	auto no_columns = [](const std::vector<std::string> &) {};

	connection.stream(
		"SELECT TicketId, Price, Quantity, OrderTags FROM Orders WHERE CalculatePrice = 1",
		no_columns,
		[&](const Row &row)
		{
			lines[*row[0]] +=
				(parse_fixed(*row[1], 2) + modifiers_price(row[3])) * parse_fixed(*row[2], 3);
		});
	connection.stream("SELECT TicketId, CalculationAmount FROM Calculations", no_columns,
					  [&](const Row &row) { services[*row[0]] += parse_fixed(*row[1], 2); });
	connection.stream(
		"SELECT t.Id, t.TotalAmount, t.TaxIncluded, COALESCE(x.Tax, 0.00) FROM Tickets t LEFT JOIN "
		"(SELECT AccountTransactionDocumentId AS DocumentId, SUM(CASE WHEN IsReversed = 1 THEN "
		"-Amount "
		"ELSE Amount END) AS Tax FROM AccountTransactions WHERE AccountTransactionTypeId IN (9, "
		"10) "
		"GROUP BY AccountTransactionDocumentId) x ON x.DocumentId = t.TransactionDocument_Id",
		no_columns,
		[&](const Row &row)
		{
			Cents expected = divide_rounded(lines[*row[0]], 1000) + services[*row[0]];
			if (*row[2] == "0")
				expected += parse_fixed(*row[3], 2);
			if (expected == parse_fixed(*row[1], 2))
				return;
			if (++wrong <= 5)
				printf("\t%s\t%s\t%s\n", row[0]->c_str(), row[1]->c_str(),
					   money_text(expected).c_str());
		});
	return wrong;
}

} // namespace

void
run_check(Connection &connection, const Arguments &)
{
	int broken = 0;

	for (const Rule &rule : rules)
	{
		Result result = connection.query(rule.sql);
		printf("%s %s\n", result.rows.empty() ? "holds " : "BROKEN", rule.name);
		print_rows(result);
		broken += result.rows.empty() ? 0 : 1;
	}
	int wrong = check_totals(connection);
	printf("%s a ticket's total is its lines, services and tax\n",
		   wrong == 0 ? "holds " : "BROKEN");
	broken += wrong == 0 ? 0 : 1;
	if (broken > 0)
		throw std::runtime_error(std::to_string(broken) + " rules are broken");
}

} // namespace tillctl
