# Several sites in one query: all are asked before any is waited for. That both had the query in flight at
# the same time is seen at the tills: a lock there holds their answers back until both have been seen
# working. Then everything that can end such a query early: an error at one site, LIMIT, a rescan, cancel,
# a savepoint; each leaves sessions that work. Seconds are printed, and nothing is asserted about them.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Time::HiRes qw(time sleep);
use Harness;

Harness::needs_stand_in('say what it is doing, and hold a lock while it does');
my @till = (Harness::till(), Harness::till(qw(--snapshot off --read-locks on)));
my $db = Harness::cluster()->database('sites');
$db->run('CREATE EXTENSION sambapos_fdw; CREATE SCHEMA sites');

# Site 0 reads row versions, site 1 locks: the two ways a session can read.
for my $site (0 .. 1)
{
	my $till = $till[$site];
	$till->sql('CREATE TABLE dbo.Sales (Id int NOT NULL PRIMARY KEY, Amount decimal(16,2) NOT NULL);
		CREATE TABLE dbo.Voids (Id int NOT NULL PRIMARY KEY, Amount decimal(16,2) NOT NULL);
		CREATE TABLE dbo.Numbers (N int NOT NULL PRIMARY KEY)');
	$till->sql('INSERT INTO dbo.Numbers (N) VALUES ' . join ', ', map { "($_)" } 0 .. 99);
	$till->sql("INSERT INTO dbo.Sales (Id, Amount) SELECT a.N * 100 + b.N + 1, $site + b.N FROM dbo.Numbers a CROSS JOIN dbo.Numbers b;
		INSERT INTO dbo.Voids (Id, Amount) SELECT TOP 500 Id, -Amount FROM dbo.Sales");
	$db->run(<<~SQL);
		CREATE SERVER site$site FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host '$till->{host}',
			port '$till->{port}', database '$till->{database}', encryption '$till->{encryption}', lock_timeout '-1');
		CREATE USER MAPPING FOR CURRENT_USER SERVER site$site
			OPTIONS (username '$till->{username}', password '$till->{password}');
		CREATE FOREIGN TABLE sites.sales$site (id int OPTIONS (column_name 'Id', key 'true'),
			amount numeric(16,2) OPTIONS (column_name 'Amount')) SERVER site$site OPTIONS (table_name 'Sales');
		CREATE FOREIGN TABLE sites.voids$site (id int OPTIONS (column_name 'Id', key 'true'),
			amount numeric(16,2) OPTIONS (column_name 'Amount')) SERVER site$site OPTIONS (table_name 'Voids');
		CREATE TABLE sites.copy_sales$site AS SELECT * FROM sites.sales$site;
		CREATE TABLE sites.copy_voids$site AS SELECT * FROM sites.voids$site;
		SQL
}
$db->run(<<~SQL);
	CREATE VIEW sites.sales AS SELECT 0 AS site, * FROM sites.sales0 UNION ALL SELECT 1, * FROM sites.sales1;
	CREATE VIEW sites.copy_sales AS SELECT 0 AS site, * FROM sites.copy_sales0 UNION ALL SELECT 1, * FROM sites.copy_sales1;
	CREATE TABLE sites.parts (id int, amount numeric(16,2)) PARTITION BY RANGE (amount);
	CREATE FOREIGN TABLE sites.part0 PARTITION OF sites.parts FOR VALUES FROM (0) TO (1000) SERVER site0
		OPTIONS (query 'SELECT Id AS id, Amount AS amount FROM dbo.Sales');
	CREATE FOREIGN TABLE sites.part1 PARTITION OF sites.parts FOR VALUES FROM (1000) TO (2000) SERVER site1
		OPTIONS (query 'SELECT Id AS id, Amount + 1000 AS amount FROM dbo.Sales');
	SQL

# A lock that no reader gets past, held until release().
my @holder;
sub hold
{
	my ($till) = @_;
	my $pid = fork // die $!;
	if ($pid == 0)
	{
		$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
		open STDERR, '>', '/dev/null';
		exec "$Harness::root/build/tillctl", $till->{connection}, 'sql',
			"BEGIN TRANSACTION; ALTER TABLE dbo.Sales ADD Held int NULL; WAITFOR DELAY '01:00:00'";
	}
	push @holder, $pid;
	sleep 0.02 until $till->sql("SELECT count(*) AS n FROM till.connections
		WHERE application_name NOT LIKE 'sambapos_fdw%' AND state = 'running'") =~ /^[2-9]/m;
	sleep 0.2;    # between being received and holding the lock
}

sub release
{
	kill 'TERM', @holder;
	waitpid $_, 0 for @holder;
	@holder = ();
}
END { release() }

# How many sessions of the wrapper have a batch under way at a till, or get no answer there.
sub working
{
	my ($till) = @_;
	return $till->sql("SELECT count(*) AS n FROM till.connections
		WHERE application_name LIKE 'sambapos_fdw%' AND state IN ('running', 'hanging')") =~ /^(\d+)$/m && $1;
}

sub backend_is_busy
{
	my ($session) = @_;
	return $db->value("SELECT state FROM pg_stat_activity WHERE pid = $session->{pid}") eq 'active';
}

# Waits until both tills are seen working, or the statement has ended, or one has worked alone so long that
# the other will not.
sub both_work
{
	my ($session) = @_;
	for (1 .. 200)
	{
		return 1 if working($till[0]) && working($till[1]);
		return 0 if !backend_is_busy($session);
	}
	return 0;
}

# Starts a statement while both tills hold their answers back.
sub both_work_on
{
	my ($session, $sql) = @_;
	hold($_) for @till;
	$session->send($sql);
	return both_work($session);
}

sub answer
{
	my ($session) = @_;
	my ($output, $errors) = $session->receive;
	die $errors if $errors =~ /ERROR/;
	return $output;
}

sub plan_of { return $db->run("EXPLAIN (COSTS OFF) $_[0]") }

# Every way out must leave the sessions usable.
sub usable
{
	my ($session, $after) = @_;
	my $query = 'SELECT site, count(*), sum(amount) FROM sites.X GROUP BY 1 ORDER BY 1';
	is($session->run($query =~ s/X/sales/r), $db->run($query =~ s/X/copy_sales/r), "sessions work $after");
}

# ---- the option ----

like(plan_of('SELECT * FROM sites.sales'), qr/Async Foreign Scan.*Async Foreign Scan/s, 'asynchronous unless told otherwise');
$db->run("ALTER SERVER site0 OPTIONS (ADD async_capable 'false')");
is(() = plan_of('SELECT * FROM sites.sales') =~ /Async/g, 1, 'not with async_capable false');
$db->run("ALTER FOREIGN TABLE sites.sales0 OPTIONS (ADD async_capable 'true')");
is(() = plan_of('SELECT * FROM sites.sales') =~ /Async/g, 2, 'the table has the last word');
$db->run('ALTER SERVER site0 OPTIONS (DROP async_capable); ALTER FOREIGN TABLE sites.sales0 OPTIONS (DROP async_capable)');

# ---- both at the same time ----

my $session = $db->session;
for my $case ([ 'UNION ALL', 'sites.sales' ], [ 'a partitioned table', 'sites.parts' ])
{
	my ($name, $table) = @$case;
	for my $turn ('with logins', 'with open sessions')
	{
		my $started = time;
		ok(both_work_on($session, "SELECT count(*) FROM $table"), "$name, $turn: both tills work at the same time");
		release();
		is(answer($session), 20000, "$name, $turn: all rows arrive");
		note(sprintf '%.2f s', time - $started);
		$session->run("SELECT sambapos_disconnect('site0'), sambapos_disconnect('site1')") if $turn eq 'with open sessions';
	}
}

# What it is worth, where each till takes its time; printed, not judged.
$_->control('slow_ms_per_select', 1500) for @till;
for my $way ('at the same time', 'one after the other')
{
	$session->run('SET enable_async_append = off') if $way eq 'one after the other';
	$session->run('SELECT count(*) FROM (SELECT 1 FROM sites.sales LIMIT 0) s');
	my $started = time;
	$session->send('SELECT count(*) FROM sites.sales');
	my ($together, $one) = (0, 0);
	while (backend_is_busy($session))
	{
		# the first is asked twice: before and after the second is at work, it is at work too
		my @slow = map { working($_) } @till[ 0, 1, 0 ];
		$one ||= $slow[0] || $slow[1];
		$together ||= $slow[0] && $slow[1] && $slow[2];
	}
	is(answer($session), 20000, "two slow tills asked $way: all rows");
	note(sprintf '%.2f s', time - $started);
	ok($one, "two slow tills asked $way: they were seen at work");
	is($together ? 'together' : 'apart', $way eq 'at the same time' ? 'together' : 'apart', "two slow tills asked $way");
}
$session->run('RESET enable_async_append');
$_->control('reset', '') for @till;

# A branch may be any query that is sent as a whole.
my $grouped = 'SELECT sum(n) FROM (SELECT count(*) AS n FROM sites.sales0 UNION ALL SELECT count(*) FROM sites.sales1) u';
like(plan_of($grouped), qr/Async Foreign Scan\s.*Async Foreign Scan\s/s, 'aggregates of each site are asynchronous');
ok(both_work_on($session, $grouped), 'aggregates of each site: both tills work at the same time');
release();
is(answer($session), 20000, 'aggregates of each site: the sum');

# ---- what comes is what is there ----

sub same
{
	my ($name, $query) = @_;
	is($session->run($query =~ s/X\./sites./gr), $db->run($query =~ s/X\./sites.copy_/gr), $name);
}
same('every row of both', 'SELECT * FROM X.sales ORDER BY 1, 2');
same('two branches on one connection', 'SELECT count(*), sum(amount), min(id), max(id) FROM (SELECT * FROM X.sales0 UNION ALL SELECT * FROM X.voids0) u');
same('four branches on two connections', 'SELECT site, count(*), sum(amount) FROM (SELECT 0 AS site, * FROM X.sales0 UNION ALL
	SELECT 1, * FROM X.sales1 UNION ALL SELECT 2, * FROM X.voids0 UNION ALL SELECT 3, * FROM X.voids1) u GROUP BY 1 ORDER BY 1');
same('local rows between them', 'SELECT site, count(*), sum(amount) FROM (SELECT 0 AS site, * FROM X.sales0 UNION ALL
	SELECT 5, n, n FROM generate_series(1, 5000) n UNION ALL SELECT 1, * FROM X.sales1) u GROUP BY 1 ORDER BY 1');
same('no rows', 'SELECT count(*) FROM X.sales WHERE id < 0');
$session->run("SET work_mem = '64kB'; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off");
same('rescans with parameters', 'SELECT n, count(*), sum(amount) FROM generate_series(1, 40) n JOIN X.sales s ON s.id = n * 100 GROUP BY 1 ORDER BY 1');
same('rescans without', 'SELECT n, (SELECT sum(amount) FROM X.sales WHERE id <= 20 AND amount > -n) FROM generate_series(1, 3) n');
$session->run('RESET ALL');
same('two appends in one plan', 'SELECT count(*), sum(a.amount + b.amount) FROM X.sales a JOIN X.sales b ON b.id = a.id + 1 AND b.site = a.site');
same('an append and a scan on its connection', 'SELECT count(*), sum(s.amount + v.amount) FROM X.sales s JOIN X.voids0 v USING (id)');
$session->run("SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off");
same('a scan in the middle of an append', 'SELECT count(*), sum(s.amount + v.amount) FROM X.sales s, LATERAL (SELECT * FROM X.voids1 v WHERE v.id = s.id) v WHERE s.id <= 30');
$session->run('RESET ALL');

# ---- two cursors in turn, in one transaction ----

$session->run('BEGIN; DECLARE a CURSOR FOR SELECT * FROM sites.sales; DECLARE b CURSOR FOR SELECT * FROM sites.sales');
my (@a, @b);
for (1 .. 4)
{
	push @a, split /\n/, $session->run('FETCH 300 FROM a');
	push @b, split /\n/, $session->run('FETCH 200 FROM b');
}
push @a, split /\n/, $session->run('FETCH ALL FROM a');
push @b, split /\n/, $session->run('FETCH ALL FROM b');
$session->run('COMMIT');
my @all = sort split /\n/, $db->run('SELECT * FROM sites.copy_sales');
is_deeply([ sort @a ], \@all, 'a cursor over both sites');
is_deeply([ sort @b ], \@all, 'and another in turn with it');

# ---- a slow reader holds no locks at a till that has no row versions ----

$session->run('BEGIN; DECLARE a CURSOR FOR SELECT * FROM sites.sales');
$session->run('FETCH 1 FROM a');
$till[1]->sql('SET LOCK_TIMEOUT 5000; UPDATE dbo.Sales SET Amount = Amount');
pass('after the first row the till can write');
is(() = $session->run('FETCH ALL FROM a') =~ /^/mg, 19999, 'and the reader has all rows');
$session->run('COMMIT');

# ---- early ends ----

is($session->run('SELECT count(*) FROM (SELECT * FROM sites.sales LIMIT 10) s'), 10, 'LIMIT above the append');
usable($session, 'after LIMIT');

$db->run(<<~SQL);
	CREATE FOREIGN TABLE sites.broken (site int, id int, amount numeric) SERVER site0
		OPTIONS (query 'SELECT 7 AS site, Id AS id, 1 / (Id - 9000) AS amount FROM dbo.Sales');
	CREATE FOREIGN TABLE sites.missing (site int, id int, amount numeric) SERVER site0 OPTIONS (table_name 'Missing');
	SQL
for my $table (qw(broken missing))
{
	my $query = "SELECT sum(amount) FROM (SELECT * FROM sites.sales UNION ALL SELECT * FROM sites.$table) u";
	my $error = $session->error($query);
	like($error->{sqlstate}, $table eq 'broken' ? qr/^22012/ : qr/^42P01/, "an error at one site ($table) ends the query");
	like($error->{text}, qr/foreign table "$table"/, 'and says of which table');
	usable($session, "after an error ($table)");
	$session->run('BEGIN; SAVEPOINT s');
	$session->ask($query);
	$session->run('ROLLBACK TO s');
	usable($session, "after an error in a savepoint ($table)");
	$session->run('COMMIT');
}

# The answer is received by another scan, in a savepoint, and its columns do not do.
$db->run("CREATE FOREIGN TABLE sites.unfit (id uuid OPTIONS (column_name 'Amount')) SERVER site0 OPTIONS (table_name 'Sales')");
$session->run('BEGIN; DECLARE c CURSOR FOR SELECT n::text FROM generate_series(1, 5) n UNION ALL SELECT id::text FROM sites.unfit');
is($session->run('FETCH 1 FROM c'), 1, 'a cursor with an answer on its way');
$session->run('SAVEPOINT s');
is($session->error('SELECT count(*) FROM sites.sales0')->{sqlstate}, 'HV004', 'another scan meets columns that do not do');
$session->run('ROLLBACK TO s');
is($session->error('FETCH ALL FROM c')->{sqlstate}, '55000', 'and the cursor does not read them');
$session->run('ROLLBACK');
usable($session, 'after columns that do not do');

for my $how ('pg_cancel_backend', 'statement_timeout')
{
	$session->run("SET statement_timeout = '2s'") if $how eq 'statement_timeout';
	ok(both_work_on($session, 'SELECT count(*) FROM sites.sales'), "$how: both are in flight");
	my $started = time;
	$db->run("SELECT pg_cancel_backend($session->{pid})") if $how eq 'pg_cancel_backend';
	my $error = Harness::error_of(($session->receive)[1]);
	is($error->{sqlstate}, '57014', "$how ends the query while the tills still hold");
	note(sprintf '%.2f s', time - $started);
	is(working($_), 0, 'nothing runs there any more') for @till;
	release();
	$session->run('RESET statement_timeout');
	usable($session, "after $how");
}

# The wrapper's own time limit, of one site only.
$db->run("ALTER SERVER site0 OPTIONS (ADD query_timeout '2')");
ok(both_work_on($session, 'SELECT count(*) FROM sites.sales'), 'query_timeout: both are in flight');
is(Harness::error_of(($session->receive)[1])->{sqlstate}, 'HYT00', 'query_timeout ends the query while the tills still hold');
is(working($_), 0, 'nothing runs there any more') for @till;
release();
usable($session, 'after query_timeout');
$db->run('ALTER SERVER site0 OPTIONS (DROP query_timeout)');

# Servers that do not even answer an attention: the connections are given up.
$session->run('SELECT count(*) FROM sites.sales');
$_->control('hang', 'on') for @till;
$session->send('SELECT count(*) FROM sites.sales');
ok(both_work($session), 'both tills hang');
my $before = time;
$db->run("SELECT pg_cancel_backend($session->{pid})");
is(Harness::error_of(($session->receive)[1])->{sqlstate}, '57014', 'cancel ends the query while both hang');
note(sprintf '%.2f s', time - $before);
$_->control('hang', 'off') for @till;
usable($session, 'after both hung');

# A cursor that is asked for nothing, and the end of its transaction, with answers under way.
$session->run('BEGIN; DECLARE c CURSOR FOR SELECT id FROM sites.voids0 UNION ALL SELECT id FROM sites.sales0 UNION ALL SELECT n FROM generate_series(1, 100) n');
$session->run('FETCH 10 FROM c');
$session->run('ROLLBACK');
usable($session, 'after a rollback with answers on their way');

# ---- terminate, and a site that is gone ----

ok(both_work_on($session, 'SELECT count(*) FROM sites.sales'), 'pg_terminate_backend: both are in flight');
my $started = time;
$db->run("SELECT pg_terminate_backend($session->{pid})");
$session->receive;
note(sprintf '%.2f s', time - $started);
release();
for my $till (@till)
{
	my $there = 1;
	$there &&= $till->sql("SELECT count(*) AS n FROM till.connections WHERE application_name LIKE 'sambapos_fdw%'") !~ /^0$/m
		for 1 .. 100;
	ok(!$there, 'no connection is left at the till');
}

$session = $db->session;
usable($session, 'in another backend');
$till[0]->halt;
like($session->error('SELECT count(*) FROM sites.sales')->{sqlstate}, qr/^08/, 'a site that is gone is an error');
$till[0]->restart;
usable($session, 'when it is back');

done_testing();
