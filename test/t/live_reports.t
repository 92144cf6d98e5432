# Promise: a report over the live tables of a site that was just added, and that nobody has analysed, asks the till at
# most one question a table, and gives what the same text gives over copies of its tables.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 2000 --seed 11 --until 2024-06-30 --days 30));
my $db = Harness::cluster()->database('shop');
$db->connect_till($till);
$db->run("SELECT * FROM sambapos_add_site('shop', 'till')");
$db->run(<<~'SQL');
	CREATE SCHEMA copy;
	SELECT format('CREATE TABLE copy.%I AS SELECT * FROM sambapos_live_shop.%1$I', relname) FROM pg_class
	WHERE relnamespace = 'sambapos_live_shop'::regnamespace AND relkind = 'f' \gexec
	SQL

my $silent = $ENV{SAMBAPOS_TEST_SERVER} ? 'a given server does not say what it was asked' : undef;

sub mark { return $till->sql('SELECT MAX(number) FROM till.requests') =~ s/\s//gr; }

# What was asked about rows, and not by the prologue of a session.
sub questions_since
{
	my ($mark) = @_;
	return $till->sql("SELECT COUNT(*) FROM till.requests WHERE number > $mark AND application_name LIKE 'sambapos_fdw%'"
		. " AND CHARINDEX('FROM [dbo]', sql) > 0") =~ s/\s//gr;
}

my $days = "t.date >= '2024-06-01' AND t.date < '2024-07-01'";
my $counts = q(coalesce(o.order_states, '') !~* '"S":"(Void|Canceled)"');
my $lowest = 'SELECT DISTINCT ON (e.ticket_id) e.ticket_id, e.entity_name FROM ticket_entities e '
	. q(JOIN entity_types y ON y.id = e.entity_type_id WHERE y.name = 'Masalar' ORDER BY e.ticket_id, e.id);

# A name, the tables that the text names, the text.
my @reports = (
	[ 'restaurant spend', 5, "SELECT t.id, t.date, max(o.created_date_time), p.entity_name, sum(o.price * o.quantity) FILTER (WHERE m.group_code <> 'x'), count(*)
	  FROM tickets t JOIN orders o ON o.ticket_id = t.id JOIN menu_items m ON m.id = o.menu_item_id JOIN ($lowest) p ON p.ticket_id = t.id
	  WHERE $days AND t.is_closed AND $counts AND m.custom_tags LIKE '%GL%' GROUP BY 1, 2, 4" ],
	[ 'its lines, by the name of what was sold', 5, "SELECT t.id, o.id, o.menu_item_name, m.group_code, p.entity_name
	  FROM tickets t JOIN orders o ON o.ticket_id = t.id JOIN menu_items m ON lower(m.name) = lower(o.menu_item_name)
	  LEFT JOIN ($lowest) p ON p.ticket_id = t.id WHERE $days AND t.is_closed AND $counts" ],
	[ 'top sellers', 3, "SELECT m.group_code, o.menu_item_name, sum(o.quantity), sum(o.price * o.quantity)
	  FROM orders o JOIN tickets t ON t.id = o.ticket_id JOIN menu_items m ON m.id = o.menu_item_id
	  WHERE $days AND t.is_closed AND $counts AND m.custom_tags IS NOT NULL AND m.group_code <> '' GROUP BY 1, 2" ],
	[ 'payments by type', 3, "SELECT t.date::date, y.name, sum(p.amount), count(*) FROM payments p JOIN tickets t ON t.id = p.ticket_id
	  JOIN payment_types y ON y.id = p.payment_type_id WHERE $days AND y.name !~ 'x' GROUP BY 1, 2" ],
	[ 'tickets without a payment, with a note or a tag', 2, "SELECT t.id, t.total_amount FROM tickets t
	  WHERE $days AND coalesce(t.note, t.ticket_tags, '') <> '-' AND NOT EXISTS (SELECT FROM payments p WHERE p.ticket_id = t.id)" ],
	[ 'sums of a ticket beside what was paid', 3, "SELECT t.id, o.lines, o.sold, p.paid FROM tickets t
	  JOIN (SELECT ticket_id, count(*) AS lines, sum(price * quantity) AS sold FROM orders o WHERE $counts GROUP BY 1) o ON o.ticket_id = t.id
	  LEFT JOIN (SELECT ticket_id, sum(amount) AS paid FROM payments WHERE name <> '' GROUP BY 1) p ON p.ticket_id = t.id
	  WHERE $days AND t.ticket_number <> ''" ],
	[ 'tickets with something of a group', 3, "SELECT t.id FROM tickets t WHERE $days AND t.id IN (SELECT o.ticket_id FROM orders o
	  JOIN menu_items m ON m.id = o.menu_item_id WHERE m.custom_tags::jsonb->0->>'TV' <> '' AND $counts)" ],
	[ 'what was sold of a group, by the name of what was sold', 3, "SELECT t.id, o.id FROM tickets t JOIN orders o ON o.ticket_id = t.id
	  JOIN menu_items m ON m.name = o.menu_item_name WHERE $days AND m.group_code = (SELECT min(group_code) FROM copy.menu_items)" ],
	[ 'a number of tickets that a text names', 3, "SELECT t.id, o.menu_item_name, e.entity_name FROM tickets t JOIN orders o ON o.ticket_id = t.id
	  JOIN ticket_entities e ON e.ticket_id = t.id WHERE t.ticket_number LIKE '1%' AND upper(o.menu_item_name) <> 'X' AND e.entity_name ~ '1'" ]);

my $live = $db->session;
$live->run('SET search_path = sambapos_live_shop, public');
for my $report (@reports)
{
	my ($name, $tables, $text) = @$report;
	my $mark = $silent ? 0 : mark();
	my @rows = sort map { join "\t", map { $_ // 'NULL' } @$_ } $live->rows($text);
	my $asked = $silent ? 0 : questions_since($mark);
	SKIP:
	{
		skip $silent, 1 if $silent;
		cmp_ok($asked, '<=', $tables, "$name: no more questions than tables") or diag($live->run("EXPLAIN (ANALYZE, VERBOSE) $text"));
	}
	my @same = sort map { join "\t", map { $_ // 'NULL' } @$_ } $db->rows("SET search_path = copy, public; $text");
	cmp_ok(scalar(@rows), '>', 0, "$name: there are rows");
	ok("@rows" eq "@same", "$name: the same rows as of the copies");
}
$live->close;
done_testing();
