# Promise: a run says what it had of the till: queries, rows, bytes, milliseconds, pauses. It keeps to the limits of its
# site; while it pauses it holds nothing at the till and can be cancelled; what is read in parts is the till's.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;
use Canonical;

Harness::needs_stand_in('fail');
my $till = Harness::till(qw(--snapshot off));
$till->ctl(qw(fill --tickets 120 --seed 51));
my $cluster = Harness::cluster();
my $tables = '{Tickets,Orders,Payments,TicketEntities,AccountTransactionDocuments,AccountTransactions,AccountTransactionValues,WorkPeriods,MenuItems}';
my $last = 'FROM sambapos.run ORDER BY run_id DESC LIMIT 1';

sub fresh
{
	my ($name, %settings) = @_;
	my $db = $cluster->database($name);
	$db->connect_till($till);
	$db->run("SELECT * FROM sambapos_add_site('shop', 'till', 'UTC', '$tables')");
	$db->run("SELECT sambapos_configure('shop', '$_', '$settings{$_}')") for sort keys %settings;
	return $db;
}

sub is_equal
{
	my ($db, $what) = @_;
	is_deeply(Canonical::compare($till, $db)->{differences}, [], "$what: live rows equal the till's");
}

# ---- figures ----

my $db = fresh('figures');
my $mark = $till->sql('SELECT MAX(number) FROM till.requests') =~ s/\s//gr;
$db->run("SELECT * FROM sambapos_sync('shop')");
my $asked = $till->sql("SELECT COUNT(*) FROM till.requests WHERE number > $mark AND kind = 'batch' AND application_name LIKE 'sambapos_fdw%'") =~ s/\s//gr;
my ($queries, $rows, $bytes, $ms, $paused, $isolation) = @{ ($db->rows("SELECT source_queries, source_rows, source_bytes, source_ms, paused_ms, isolation $last"))[0] };
cmp_ok($queries, '>', 20, "$queries queries");
cmp_ok(abs($asked - $queries), '<=', 3, "the till has counted $asked: those of the login too");
my $read = $db->value("SELECT sum(rows_read) FROM sambapos.run_table");
cmp_ok($rows, '>=', $read, "$rows rows, $read of them read");
cmp_ok($bytes, '>', 10 * $read, "$bytes bytes");
cmp_ok($ms, '>', 0, "$ms ms");
is($isolation, 'read committed', 'and how it was read');
is_equal($db, 'in one piece');

# A run that fails has its figures as far as it got.
$till->control(fail_next => 208);
$db->run("SELECT * FROM sambapos_sync('shop')");
cmp_ok($db->value("SELECT source_queries $last"), '>', 0, 'a run in which a table failed');
$till->control(cut_after_bytes => 6000);
$db->run("SELECT * FROM sambapos_sync('shop', mode => 'full')");
is($db->value("SELECT status || ' ' || (source_queries > 0) || ' ' || (source_rows IS NOT NULL) $last"), 'failed true true', 'a run whose connection was cut');
$till->control('reset', '');
$db->run("SELECT * FROM sambapos_sync('shop')");
is_equal($db, 'after it');

# ---- parts ----

my $parts = fresh('parts', part_rows => 25);
$mark = $till->sql('SELECT MAX(number) FROM till.requests') =~ s/\s//gr;
$parts->run("SELECT * FROM sambapos_sync('shop')");
is_equal($parts, 'in parts');
cmp_ok($till->sql("SELECT MAX(rows_sent) FROM till.requests WHERE number > $mark AND sql LIKE '%[[]Orders]%' AND application_name LIKE 'sambapos_fdw%'") =~ s/\s//gr,
	'<', 120, 'no statement has brought many orders');
$till->ctl(qw(play --edits 30 --seed 52));
$parts->run("SELECT * FROM sambapos_sync('shop', mode => 'full')") for 1 .. 2;
is_equal($parts, 'read whole again');
my $chunks = fresh('chunks', part_rows => 25);
$chunks->run("CALL sambapos_backfill('shop', 3000)");
is_equal($chunks, 'a first load in chunks of parts');

# ---- limits, and what is held meanwhile ----

my $limited = fresh('limited', rows_per_second => 400);
$limited->run("SELECT * FROM sambapos_sync('shop')");
($rows, $ms, $paused) = @{ ($limited->rows("SELECT source_rows, 1000 * extract(epoch FROM ended_at - started_at), paused_ms $last"))[0] };
cmp_ok($ms, '>', 1000 * ($rows - 400) / 400, "$rows rows took $ms ms");
cmp_ok($paused, '>', 0, "$paused of it in pauses");
is_equal($limited, 'slowly');

my $held = fresh('held', rows_per_second => 20);
my $session = $held->session;
$session->send('CALL sambapos_run()');
my $pid = $session->{pid};
select undef, undef, undef, 0.05 until $held->value("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND wait_event = 'PgSleep'");
like($held->value("SELECT application_name FROM pg_stat_activity WHERE pid = $pid"), qr/^sambapos shop: pausing at \w+/, 'who looks sees that it pauses');
is($held->value('SELECT count(*) FROM sambapos.progress WHERE current_table IS NOT NULL'), '1', 'and progress at which table');
is($till->sql("SET LOCK_TIMEOUT 2000; BEGIN TRANSACTION; TRUNCATE TABLE Orders; TRUNCATE TABLE Payments; ROLLBACK; SELECT 'done'") =~ s/\s//gr,
	'done', 'the till can clear what was read');
$held->value("SELECT pg_cancel_backend($pid)");
my (undef, $error) = $session->receive;
like($error, qr/cancel/, 'a pause can be cancelled');
$held->run("SELECT sambapos_configure('shop', 'rows_per_second', NULL)");
$held->run("SELECT * FROM sambapos_sync('shop')");
is_equal($held, 'after that');
done_testing();
