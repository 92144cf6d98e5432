# Many scans, one connection: two scans in one query, cursors left open while others run, savepoints rolled
# back in mid-scan, a transaction that the server rolled back. Right rows, or an error that says so.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 1000 --seed 11));
my $db = Harness::cluster()->database('shop');
$db->connect_till($till);
$db->run(<<~'SQL');
	CREATE SCHEMA live;
	IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Tickets", "Orders", "Payments") FROM SERVER till INTO live;
	CREATE SCHEMA copy;
	CREATE TABLE copy.tickets AS SELECT * FROM live.tickets;
	CREATE TABLE copy.orders AS SELECT * FROM live.orders;
	CREATE TABLE copy.payments AS SELECT * FROM live.payments;
	SQL
cmp_ok($db->value('SELECT count(*) FROM copy.orders'), '>', 1000, 'there are rows to read');

# A little memory, so that what is put aside goes to disk.
my $session = $db->session;
$session->run("SET work_mem = '64kB'");

# The same query on the foreign tables and on local copies.
sub same
{
	my ($name, $query) = @_;
	my ($live, $copy) = map { $session->run($query =~ s/\bX\./$_./gr) } qw(live copy);
	isnt($copy, '', "$name: there is an answer");
	is($live, $copy, $name);
}

same("two scans in one query, $_", "SET enable_hashjoin = off; SET enable_mergejoin = off;
	SET enable_nestloop = off; SET enable_$_ = on;
	SELECT t.id, o.id, o.price, t.ticket_logs FROM X.tickets t JOIN X.orders o ON o.ticket_id = t.id
	WHERE t.id <= 300 ORDER BY 1, 2")
	for qw(hashjoin mergejoin nestloop);
$session->run('RESET ALL');
$session->run("SET work_mem = '64kB'");
same('the same table twice', 'SELECT a.id, b.id FROM X.tickets a JOIN X.tickets b ON b.id = a.id + 1 ORDER BY 1');
same('three tables', 'SELECT t.id, count(*), sum(p.amount) FROM X.tickets t JOIN X.orders o ON o.ticket_id = t.id
	JOIN X.payments p ON p.ticket_id = t.id GROUP BY 1 ORDER BY 1');
same('an InitPlan', 'SELECT id, date FROM X.tickets WHERE id = (SELECT max(ticket_id) FROM X.orders)');
same('an InitPlan that gives NULL', 'SELECT count(*) FROM X.tickets WHERE id = (SELECT max(id) FROM X.orders WHERE id < 0)');
same('a nested loop with parameters', 'SELECT v, t.id, t.total_amount FROM (VALUES (5), (NULL), (17), (-1), (17)) AS l (v)
	LEFT JOIN LATERAL (SELECT * FROM X.tickets t WHERE t.id = l.v) t ON true ORDER BY 1, 2');
same('a parameter of a generic plan', "SET plan_cache_mode = force_generic_plan;
	PREPARE p (int, timestamp) AS SELECT id, date FROM X.tickets WHERE id > \$1 OR date = \$2 ORDER BY id;
	EXECUTE p(990, NULL); EXECUTE p(NULL, NULL); EXECUTE p(995, now()::timestamp);
	DEALLOCATE p");
same('a semi-join', 'SELECT count(*) FROM X.tickets t WHERE EXISTS (SELECT FROM X.payments p WHERE p.ticket_id = t.id)');

# ---- cursors ----

$session->run('BEGIN; DECLARE a CURSOR FOR SELECT id, ticket_logs FROM live.tickets ORDER BY id;
	DECLARE b CURSOR FOR SELECT id, order_tags FROM live.orders ORDER BY id');
my (@a, @b);
for my $turn (1 .. 5)
{
	push @a, split /\n/, $session->run('FETCH 50 FROM a');
	push @b, split /\n/, $session->run('FETCH 70 FROM b');
}
my $between = $session->run('SELECT count(*), sum(amount) FROM live.payments');
push @a, split /\n/, $session->run('FETCH ALL FROM a');
push @b, split /\n/, $session->run('FETCH ALL FROM b');
$session->run('COMMIT');
is_deeply(\@a, [ split /\n/, $db->run('SELECT id, ticket_logs FROM copy.tickets ORDER BY id') ], 'first of two cursors in turn');
is_deeply(\@b, [ split /\n/, $db->run('SELECT id, order_tags FROM copy.orders ORDER BY id') ], 'second of two cursors in turn');
is($between, $db->run('SELECT count(*), sum(amount) FROM copy.payments'), 'a scan while two cursors are open');

$session->run('BEGIN; DECLARE u CURSOR FOR SELECT id FROM live.orders');
$session->run('FETCH 10 FROM u; CLOSE u');
is($session->value('SELECT count(*) FROM live.tickets'), 1000, 'a scan after a cursor closed before its end');
$session->run('COMMIT');

# ---- savepoints ----

$session->run('BEGIN; DECLARE outer_one CURSOR FOR SELECT id FROM live.orders ORDER BY id');
my @outer = split /\n/, $session->run('FETCH 20 FROM outer_one');
$session->run('SAVEPOINT s; DECLARE inner_one CURSOR FOR SELECT id FROM live.tickets');
$session->run('FETCH 20 FROM inner_one');
is($session->error('SELECT 1 / (id - id) FROM live.payments')->{sqlstate}, '22012', 'an error in mid-scan');
$session->run('ROLLBACK TO SAVEPOINT s');
push @outer, split /\n/, $session->run('FETCH ALL FROM outer_one');
is_deeply(\@outer, [ split /\n/, $db->run('SELECT id FROM copy.orders ORDER BY id') ], 'a cursor outlives a savepoint rolled back');
is($session->value('SELECT count(*) FROM live.tickets'), 1000, 'and other scans go on');
is($session->error('FETCH 1 FROM inner_one')->{sqlstate}, '34000', 'a cursor of the savepoint is gone');
$session->run('ROLLBACK');

# A PL/pgSQL block's exception is a savepoint too, and a loop over a cursor is a scan that stays open.
is($session->value(<<~'SQL'), $db->value('SELECT sum(id) FROM copy.tickets WHERE id <= 200'), 'exceptions inside a loop over a scan');
	CREATE FUNCTION pg_temp.walk() RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE r record; total bigint := 0;
	BEGIN
	  FOR r IN SELECT id FROM live.tickets WHERE id <= 200 LOOP
	    BEGIN
	      PERFORM 1 / (r.id % 2) FROM live.payments WHERE id <= 3;
	    EXCEPTION WHEN division_by_zero THEN NULL;
	    END;
	    total := total + r.id;
	  END LOOP;
	  RETURN total;
	END $$;
	SELECT pg_temp.walk()
	SQL

# ---- what a passed-through text leaves behind ends with its transaction ----

sub through { return $session->value("SELECT * FROM sambapos_query('till', '$_[0]') AS q (a text)") }
my $long = 'SELECT CAST(REPLICATE(CAST(N\'\'x\'\' AS nvarchar(max)), 100) AS nvarchar(max)) AS a';
through('SET TEXTSIZE 20; SELECT 1');
is(length(through($long)), 100, 'no value is cut by a TEXTSIZE set in an earlier transaction');
is($session->error("SELECT * FROM sambapos_query('till', 'SET TEXTSIZE 20; SELECT 1 / 0 AS a') AS q (a text)")->{sqlstate}, '22012', 'a text that sets and fails');
$session->run('BEGIN; SAVEPOINT s');
$session->ask("SELECT * FROM sambapos_query('till', 'SELEC 1') AS q (a text)");
$session->run('ROLLBACK');
is(length(through($long)), 100, 'nor then');
$session->run("BEGIN; SELECT * FROM sambapos_query('till', 'SET TEXTSIZE 20; SELECT 1') AS q (a text)");
SKIP:
{
	skip 'a given server may take no notice of TEXTSIZE', 1 if $till->{given};
	is(length(through($long)), 10, 'in its own it counts');
}
$session->run('COMMIT');
through('ROLLBACK TRANSACTION; USE master; SELECT 1');
is($session->value('SELECT count(*) FROM live.tickets'), 1000, 'nor does a transaction begin in another database');

# ---- nor does it reach what the foreign tables read in its own ----

my $logs = "SELECT count(*), md5(string_agg(ticket_logs, ',' ORDER BY id)) FROM X.tickets";
my $copied = $db->run($logs =~ s/X\./copy./r);
for my $text ('SET TEXTSIZE 20; SELECT 1', 'SET DATEFORMAT dmy; SET LANGUAGE Deutsch; SELECT 1', 'SET FMTONLY ON; SELECT 1',
	$till->{given} ? 'USE master; SELECT 1' : 'SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED; SELECT 1')
{
	$session->run('BEGIN');
	is($session->value('SELECT count(*) FROM live.tickets'), 1000, "before $text");
	$session->run("SELECT * FROM sambapos_query('till', '$text') AS q (a text)");
	is($session->run($logs =~ s/X\./live./r), $copied, "$text: the next scan is not touched by it");
	is($session->value("SELECT count(*) FROM live.tickets WHERE date < '2100-02-13'"), 1000, "$text: nor the one after");
	$session->run("SELECT * FROM sambapos_query('till', '$text') AS q (a text)");
	$session->run('COMMIT');
	is($session->run($logs =~ s/X\./live./r), $copied, "$text: nor the next transaction");
}
$session->run('BEGIN; SAVEPOINT s');
is(through('BEGIN TRANSACTION; COMMIT; SELECT 1'), 1, 'a transaction inside the transaction');
SKIP:
{
	skip 'a given server may end the transaction with any error', 1 if $till->{given};
	ok($session->error("SELECT * FROM sambapos_query('till', 'SELEC 1') AS q (one int)"), 'and a text that is no T-SQL');
	$session->run('ROLLBACK TO SAVEPOINT s');
}
is($session->value('SELECT count(*) FROM live.tickets'), 1000, 'are no other transaction');
is(through('SELECT CAST(COUNT(*) AS nvarchar(10)) FROM Tickets'), 1000, 'nor for another text');
$session->run('COMMIT');

# ---- the server ends the transaction ----

# What must follow when the remote transaction is gone: errors until the local one ends, then all is well.
sub transaction_is_lost
{
	my ($name) = @_;
	$session->run('ROLLBACK TO SAVEPOINT s');
	my $error = $session->error('SELECT count(*) FROM live.tickets');
	ok($error, "$name: no second snapshot in the same transaction");
	like($error->{sqlstate}, qr/^(40|25|08)/, "$name: its error says why") and note($error->{text});
	$session->run('ROLLBACK');
	is($session->value('SELECT count(*) FROM live.tickets'), 1000, "$name: the next transaction works");
}

$session->run('BEGIN');
is($session->value('SELECT count(*) FROM live.tickets'), 1000, 'a transaction begins');
$session->run('SAVEPOINT s');
$session->ask("SELECT * FROM sambapos_query('till', 'ROLLBACK TRANSACTION; SELECT 1 AS one') AS q (one int)");
transaction_is_lost('rolled back behind our back');

# Another transaction in its place would read another snapshot.
my $replace = "SELECT * FROM sambapos_query('till', 'COMMIT; BEGIN TRANSACTION; SELECT 1') AS q (one int)";
$session->run('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($session->value('SELECT count(*) FROM live.tickets'), 1000, 'another transaction begins');
$session->run('SAVEPOINT s');
is($session->value($replace), 1, 'a text commits it and begins another');
transaction_is_lost('replaced by another one');
$session->run('BEGIN; SAVEPOINT s');
is($session->value($replace), 1, 'a first text does');
ok($session->error("SELECT * FROM sambapos_query('till', 'SELECT 1') AS q (one int)"), 'the next text is not run');
transaction_is_lost('replaced by its first text');

# A batch that the server refuses as a whole does not begin the transaction that it carries. Nothing was read
# then, so that the next one begins it; and one that was begun twice is ended once and for all.
$session->run("CREATE FOREIGN TABLE no_tsql (one int) SERVER till OPTIONS (query 'SELECT 1 AS one FROM')");
$session->run('BEGIN; SAVEPOINT s');
SKIP:
{
	skip 'a given server may end the transaction with any error', 4 if $till->{given};
	ok($session->error('SELECT * FROM no_tsql'), 'a first batch of ours that is no T-SQL');
	$session->run('ROLLBACK TO SAVEPOINT s');
	is($session->value('SELECT count(*) FROM live.tickets'), 1000, 'the next one reads');
	$session->run('ROLLBACK; BEGIN; SAVEPOINT s');
	ok($session->error("SELECT * FROM sambapos_query('till', 'SELEC 1') AS q (one int)"), 'a first text that is no T-SQL');
	$session->run('ROLLBACK TO SAVEPOINT s');
	is($session->value('SELECT count(*) FROM live.tickets'), 1000, 'the next one reads');
}
is($session->value("SELECT * FROM sambapos_query('till', 'SELECT \@\@TRANCOUNT') AS q (n int)"), 1, 'in a transaction');
$session->ask("SELECT * FROM sambapos_query('till', 'ROLLBACK TRANSACTION; SELECT 1 AS one') AS q (one int)");
transaction_is_lost('rolled back after a second beginning');
$session->run('BEGIN; SAVEPOINT s');
$session->ask("SELECT * FROM sambapos_query('till', 'SELEC 1') AS q (one int)");
$session->run('ROLLBACK');
is($session->value("SELECT * FROM sambapos_query('till', 'SELECT \@\@TRANCOUNT') AS q (n int)"), 1, 'nothing is left of one that never read');

SKIP:
{
	skip 'a given server has no deadlock on demand', 8 if $till->{given};
	$session->run('BEGIN');
	is($session->value('SELECT count(*) FROM live.payments'), $db->value('SELECT count(*) FROM copy.payments'),
		'another transaction begins');
	$session->run('SAVEPOINT s');
	$till->control('fail_next', 1205);
	my $error = $session->error('SELECT count(*) FROM live.orders');
	is($error->{sqlstate}, '40P01', 'deadlock victim: SQLSTATE');
	like($error->{text}, qr/1205/, 'deadlock victim: the server\'s number');
	isnt($error->{hint}, '', 'deadlock victim: a hint');
	transaction_is_lost('deadlock victim');
}
$session->close;

done_testing();
