# Every report on the replica equals, to the last decimal and row, what follows from the till's own rows (Reports.pm):
# of a site that was never synced, after the first load, after a clear, and over two lives of the same ids; and its sums
# are those that the till answers to a question in T-SQL. A view asks
# the till for each table once, and not at all when there is a replica. The work period report equals SambaPOS's slip.
# What doc/reports.md says of columns and prints as examples is so.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;
use Reports;

my $till = Harness::till('--timezone', 'UTC');
my $tickets = $ENV{SAMBAPOS_REPORTS_TICKETS} // 700; # the examples of the manual are of these 700
$till->ctl('fill', '--tickets', $tickets, qw(--seed 11 --until 2026-03-31));
my $db = Harness::cluster()->database('shop');
$db->connect_till($till);
$db->run("SELECT count(*) FROM sambapos_add_site('shop', 'till')");
my @reports = sort keys %Reports::asked;
is_deeply([ sort grep { $_ ne 'sales' } map { $_->[0] } $db->rows('SELECT unnest(sambapos._report_names())') ], \@reports, 'every report is compared'); # sales in sales.t

sub equal
{
	my ($report, $found, $expected, $when) = @_;
	my %balance;
	$balance{$_}++ for @{ Reports::escaped($expected->{$report} // []) };
	$balance{$_}-- for @$found;
	my @bad = map { ($balance{$_} > 0 ? 'lacks' : 'has') . " $_" } grep { $balance{$_} } sort keys %balance;
	is_deeply([ splice @bad, 0, 6 ], [], "$when: $report (" . scalar(@$found) . ' rows)');
}

sub all_equal
{
	my ($expected, $when, $where) = @_;
	equal($_, Reports::found($db, $_, $where), $expected, $when) for @reports;
}

# What a query asked of the till: how many questions about each table.
sub asked
{
	my ($query) = @_;
	my ($mark) = $till->sql('SELECT MAX(number) FROM till.requests') =~ /(\d+)/;
	$db->run($query);
	my %asked;
	$asked{$_}++ for $till->sql("SELECT REPLACE(REPLACE(sql, CHAR(10), ' '), CHAR(13), ' ') FROM till.requests WHERE number > $mark AND application_name LIKE 'sambapos_fdw%'") =~ /FROM \[dbo\]\.\[(\w+)\]/g;
	return \%asked;
}

# ---- the manual ----

my ($page) = do { local $/; open my $file, '<', "$Harness::root/doc/reports.md" or die $!; <$file> } =~ /^(.*?)(?=^## Questions of an application)/ms or die 'doc/reports.md';
my %section = $page =~ /^## [^\n]*`(\w+)`\n(.*?)(?=^## |\z)/gms;
for my $report (@reports)
{
	my @documented = map { s/\\\|/|/gr } ($section{$report} // '') =~ /^\| (`\w+` \| [^\n]*) \|$/gm;
	my @there = split /\n/, $db->run("SELECT format('`%s` | %s | %s', a.attname, replace(replace(format_type(a.atttypid, NULL), 'timestamp without time zone', 'timestamp'), 'timestamp with time zone', 'timestamptz'), o.words)
		FROM sambapos._report_views() AS v CROSS JOIN sambapos._report_outputs(v.definition) WITH ORDINALITY AS o (column_name, words, n)
		JOIN pg_attribute AS a ON a.attrelid = 'sambapos_report.$report'::regclass AND a.attname = o.column_name WHERE v.view_name = '$report' ORDER BY o.n");
	is_deeply(\@documented, \@there, "doc/reports.md has the columns of $report");
}
while ($tickets == 700 && $page =~ /^```sql\n((?:(?!^```).)*)^```\n\n```text\n(.*?)^```/gms)
{
	my ($query, $printed) = ($1, $2);
	local @ENV{ keys %{ $db->{cluster}{environment} } } = values %{ $db->{cluster}{environment} };
	my $output = Harness::command('psql', '-X', '-q', '-d', $db->{name}, '-c', $query);
	is_deeply([ map { s/\s+$//r } grep { /\S/ } split /\n/, $output ], [ split /\n/, $printed ], 'doc/reports.md: ' . ($query =~ s/\s+/ /gr));
}

# ---- the same questions in T-SQL ----

my $day = 'CONVERT(varchar(10), t.Date, 120)';
my $key = q(coalesce(business_day::text, ''));
my %question = (
	'daily_sales' => [ "SELECT $day, COUNT(*), SUM(t.TotalAmount), SUM(CASE WHEN t.TotalAmount < 0 THEN t.TotalAmount ELSE 0 END) FROM Tickets t
		WHERE t.TotalAmount <> 0 OR EXISTS (SELECT 1 FROM Orders o WHERE o.TicketId = t.Id) GROUP BY $day", "$key, tickets, total_amount, refunds FROM sambapos_report.daily_sales" ],
	'service and discounts' => [ "SELECT $day, SUM(CASE WHEN c.IncludeTax = 1 THEN c.CalculationAmount ELSE 0 END), SUM(CASE WHEN c.IncludeTax = 0 THEN c.CalculationAmount ELSE 0 END)
		FROM Calculations c JOIN Tickets t ON t.Id = c.TicketId GROUP BY $day", "$key, service, discounts FROM sambapos_report.daily_sales" ],
	'discounts' => [ "SELECT $day, COUNT(*), SUM(c.CalculationAmount) FROM Calculations c JOIN Tickets t ON t.Id = c.TicketId WHERE c.IncludeTax = 0 GROUP BY $day",
		"$key, count(*), sum(amount) FROM sambapos_report.discounts GROUP BY 1" ],
	'taxes' => [ "SELECT $day, SUM(CASE WHEN a.IsReversed = 1 THEN -a.Amount ELSE a.Amount END) FROM Tickets t JOIN AccountTransactions a ON a.AccountTransactionDocumentId = t.TransactionDocument_Id
		WHERE a.AccountTransactionTypeId IN (SELECT x.AccountTransactionType_Id FROM TaxTemplates x) GROUP BY $day", "$key, sum(amount) FROM sambapos_report.taxes GROUP BY 1" ],
	'payments' => [ "SELECT $day + ' ' + y.Name, COUNT(*), SUM(p.Amount) FROM Payments p JOIN Tickets t ON t.Id = p.TicketId JOIN PaymentTypes y ON y.Id = p.PaymentTypeId GROUP BY $day, y.Name",
		"business_day || ' ' || payment_type, count(*), sum(amount) FROM sambapos_report.payments WHERE NOT is_settlement GROUP BY 1" ],
	'voids_and_gifts' => [ "SELECT $day, SUM(CASE WHEN o.DecreaseInventory = 0 THEN 1 ELSE 0 END), SUM(CASE WHEN o.DecreaseInventory = 1 THEN 1 ELSE 0 END) FROM Orders o JOIN Tickets t ON t.Id = o.TicketId
		WHERE o.CalculatePrice = 0 AND (o.DecreaseInventory = 1 OR o.IncreaseInventory = 0) GROUP BY $day", "$key, count(*) FILTER (WHERE kind = 'void'), count(*) FILTER (WHERE kind = 'gift') FROM sambapos_report.voids_and_gifts GROUP BY 1" ],
	'ticket_items' => [ 'SELECT o.MenuItemId, COUNT(*), SUM(o.Quantity), SUM(o.Price * o.Quantity) FROM Orders o GROUP BY o.MenuItemId',
		'menu_item_id, count(*), sum(quantity), sum(price * quantity) FROM sambapos_report.ticket_items GROUP BY 1' ],
	'transactions' => [ 'SELECT k.Name, COUNT(*), SUM(CASE WHEN a.IsReversed = 1 THEN -a.Amount ELSE a.Amount END) FROM AccountTransactions a JOIN AccountTransactionTypes k ON k.Id = a.AccountTransactionTypeId GROUP BY k.Name',
		'transaction_type, count(*), sum(amount_total) FROM sambapos_report.transactions GROUP BY 1' ],
	'accounts' => [ 'SELECT v.AccountId, SUM(v.Debit - v.Credit), SUM(v.Exchange) FROM AccountTransactionValues v GROUP BY v.AccountId',
		'id, lifetime_balance, lifetime_exchange_balance FROM sambapos_report.accounts' ]);
my %answered; # by the till, over all its lives
sub ask_till
{
	for my $of (keys %question)
	{
		for (split /\n/, $till->sql($question{$of}[0]))
		{
			my ($name, @sums) = split /\t/, $_, -1;
			$answered{$of}{$name}[$_] += Reports::amount($sums[$_]) for 0 .. $#sums;
		}
	}
}
sub answers_are_equal
{
	my ($when) = @_;
	for my $of (sort keys %question)
	{
		my %found = map { my ($name, @sums) = @$_; ($name => join ' ', map { Reports::shown(Reports::amount($_)) } @sums) } $db->rows("COPY (SELECT $question{$of}[1]) TO STDOUT");
		my %expected = map { ($_ => join ' ', map { Reports::shown($_) } @{ $answered{$of}{$_} }) } keys %{ $answered{$of} };
		for my $sums (\%found, \%expected) { delete $sums->{$_} for grep { $sums->{$_} =~ /^[0 ]*$/ } keys %$sums }
		is_deeply(\%found, \%expected, "$when: $of says what the till answers in T-SQL") and cmp_ok(scalar keys %found, '>', 2, "$when: which is something");
	}
}
# ---- never synced ----

$till->ctl(qw(play --edits 200 --seed 12));
my $first = Reports::rows($till);
ask_till();
my $expected = Reports::reports([$first]);
all_equal($expected, 'live');
is($db->value('SELECT string_agg(DISTINCT data_source, \',\') FROM sambapos_report.daily_sales'), 'live', 'it is said to be live');
for my $report (@reports)
{
	my $asked = asked("SELECT count(*) FROM (SELECT * FROM sambapos_report.$report OFFSET 0) AS r");
	is_deeply({ map { $asked->{$_} > 1 ? ($_ => $asked->{$_}) : () } keys %$asked }, {}, "live: $report asks for each table once") or diag explain $asked;
	cmp_ok(scalar keys %$asked, '>', 0, "live: $report asks the till");
}
my ($closed, $open) = map { my $is_open = $_; map { $_->{Id} } grep { ($_->{StartDate} eq $_->{EndDate}) == $is_open } @{ $first->{WorkPeriods} } } 0, 1;
sub slip { my ($of, $source) = @_; return [ split /\n/, $db->run("SELECT concat_ws(' | ', section, line, coalesce(trim_scale(quantity)::text, '~'), coalesce(trim_scale(percent)::text, '~'), coalesce(trim_scale(amount)::text, '~')) FROM sambapos_report.work_period_report('shop', $of, $source)") ] }
my @periods = map { $_->{Id} } @{ $first->{WorkPeriods} };
is_deeply(slip($periods[0], 'NULL'), [ Reports::slip($first, $periods[0]) ], 'live: the slip of the first period');
is_deeply(slip('NULL', 'NULL'), [ Reports::slip($first, $periods[-1]) ], 'live: the slip of the last one, which is open');
my $asked = asked("SELECT count(*) FROM sambapos_report.work_period_report('shop')");
is_deeply({ map { $asked->{$_} > 1 ? ($_ => $asked->{$_}) : () } keys %$asked }, {}, 'live: the slip asks for each table once') or diag explain $asked;

# ---- the replica ----

is_deeply([ map { "$_->{table_name}: $_->{message}" } grep { $_->{status} ne 'ok' } $db->sync ], [], 'synced');
all_equal($expected, 'replica');
answers_are_equal('replica');
is($db->value('SELECT string_agg(DISTINCT data_source, \',\') FROM sambapos_report.daily_sales'), 'replica', 'it is said to be the replica');
is_deeply(asked("SELECT count(*) FROM sambapos_report.daily_sales; SELECT count(*) FROM sambapos_report.payments; SELECT count(*) FROM sambapos_report.work_period_report('shop')"), {}, 'the till is not asked');
is_deeply(slip($_, 'NULL'), [ Reports::slip($first, $_) ], "the slip of period $_") for @periods[ 0, int(@periods / 2), -1 ];
is_deeply(slip($periods[1], "'live'"), slip($periods[1], "'replica'"), 'the slip is the same from both sources');

# each rule of the day
for (([ 'payment midnight closed', by => 'payment', closed => 1 ], [ 'ticket work_period', end => 'work_period' ], [ 'payment work_period closed', by => 'payment', end => 'work_period', closed => 1 ]))
{
	my ($rule, %rule) = @$_;
	$db->run("SELECT sambapos_configure('shop', 'day_rule', '$rule')");
	my $by_rule = Reports::reports([$first], %rule);
	equal($_, Reports::found($db, $_), $by_rule, $rule) for qw(daily_sales payments_by_type category_sales discounts voids_and_gifts taxes tickets);
}
$db->run("SELECT sambapos_configure('shop', 'day_rule', NULL)");

# the books: what the days say is what the ledger and the lines say
is($db->value('SELECT sum(total_amount - net - tax - service) FROM sambapos_report.daily_sales') + 0, 0, 'net, tax and service make the total');
is($db->value('SELECT (SELECT sum(tax) FROM sambapos_report.daily_sales) - (SELECT sum(amount) FROM sambapos_report.taxes)') + 0, 0, 'taxes add up to those of the days');
is($db->value('SELECT sum(balance) FROM sambapos_report.accounts') + 0, 0, 'debit and credit are balanced');

# an account, line by line
my ($room) = grep { my $id = $_->{Id}; 3 < grep { $_->{AccountId} == $id } @{ $first->{AccountTransactionValues} } } sort { $b->{Id} <=> $a->{Id} } @{ $first->{Accounts} };
my @values = sort { $a->{Date} cmp $b->{Date} || $a->{Id} <=> $b->{Id} } grep { $_->{AccountId} == $room->{Id} } @{ $first->{AccountTransactionValues} };
my $from = substr $values[2]{Date}, 0, 10;
my $balance = 0;
my @statement;
for (@values)
{
	push @statement, Reports::row('~', Reports::shown($balance)) if !@statement && $_->{Date} ge $from;
	$balance += Reports::amount($_->{Debit}) - Reports::amount($_->{Credit});
	push @statement, Reports::row($_->{Date}, Reports::shown($balance)) if @statement;
}
my $name = $room->{Name} =~ s/'/''/gr;
my $statement = sub { return [ split /\n/, $db->run("SELECT concat_ws(' | ', CASE WHEN n = 0 THEN '~' ELSE to_char(booked_at, 'YYYY-MM-DD HH24:MI:SS.MS') END, trim_scale(balance)) FROM sambapos_report.account_statement('shop', upper('$name') || ' ', '$from', NULL, '$_[0]')") ] };
is_deeply($statement->($_), \@statement, "$_: the statement of an account has its balance from line to line") for qw(replica live);
is($db->error("SELECT * FROM sambapos_report.account_statement('shop', 'nobody', NULL, NULL)")->{sqlstate}, '42704', 'no such account');
is($db->error("SELECT * FROM sambapos_report.work_period_report('shop', 99999)")->{sqlstate}, '42704', 'no such work period');

# ---- a clear, and ids that are used again ----

$till->ctl(qw(clear --reseed));
$till->ctl(qw(play --edits 120 --seed 13 --only), 'open,order,void,gift,pay_part,pay,calculate,refund,room_charge,settle_room,pay_account,expense,work_period');
my $second = Reports::rows($till);
ask_till();
for (1 .. 3) { $db->sync }
cmp_ok($db->value('SELECT count(DISTINCT epoch) FROM sambapos_report.ticket_items'), '==', 2, 'ids were used again');
cmp_ok($db->value("SELECT count(*) FROM (SELECT id FROM sambapos_report.tickets GROUP BY id HAVING count(*) > 1) AS t"), '>', 5, 'two tickets have one id');
all_equal(Reports::reports([ $first, $second ]), 'two lives');
answers_are_equal('two lives');
cmp_ok($periods[-2], '>', $second->{WorkPeriods}[-1]{Id}, 'a period that was not used again');
is_deeply(slip($periods[-2], 'NULL'), [ Reports::slip($first, $periods[-2]) ], 'the slip of a period before the clear');
my $last = $second->{WorkPeriods}[-1]{Id};
is_deeply(slip('NULL', 'NULL'), [ Reports::slip($second, $last) ], 'the slip of the last period');

# ---- a filter reaches the index ----

$db->run('ANALYZE');
my $plan = sub { return $db->run("EXPLAIN SELECT * FROM sambapos_report.$_[0]") =~ s/One-Time Filter: false\n.*\n//gr };   # never executed
unlike($plan->("tickets WHERE date >= '2020-01-01' AND date < '2020-01-02'"), qr/Seq Scan on tickets /, 'a day of tickets is looked up');
unlike($plan->("ticket_items WHERE ticket_date >= '2020-01-01' AND ticket_date < '2020-01-02'"), qr/Seq Scan on (tickets|orders) /, 'a day of lines is looked up');
unlike($plan->("payments WHERE date >= '2020-01-01' AND date < '2020-01-02'"), qr/Seq Scan on (tickets|payments) /, 'a day of payments is looked up');

done_testing();
