# A local table is changed by a join with a foreign one while another transaction changes the same rows: what is asked
# again after the wait must have the answer that the server gave, or rows are lost without a word.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Time::HiRes qw(sleep);
use Harness;

my $till = Harness::till();
my $db = Harness::cluster()->database('conflicts');
$db->connect_till($till);
$db->run(<<~'SQL');
	CREATE FOREIGN TABLE far (n integer OPTIONS (remote_type 'int'), s text OPTIONS (remote_type 'nvarchar(10)'))
	  SERVER till OPTIONS (query 'SELECT CAST(n AS int) AS n, CAST(s AS nvarchar(10)) AS s
	    FROM (VALUES (1, N''a''), (2, N''a''), (3, N''a''), (4, N''b'')) AS t (n, s)');
	CREATE TABLE counted (k integer PRIMARY KEY, n integer, c integer);
	SQL
my ($first, $second, $watcher) = map { $db->session } 1 .. 3;

# Until the second session has come upon a row that the first one holds, or has its answer without.
sub wait_for_conflict
{
	my $waits = "SELECT wait_event_type IS NOT DISTINCT FROM 'Lock' OR state <> 'active' FROM pg_stat_activity WHERE pid = $second->{pid}";
	do { sleep 0.02 } while $watcher->value($waits) ne 't';
	isnt($watcher->value("SELECT state FROM pg_stat_activity WHERE pid = $second->{pid}"), 'idle', 'there is something to wait for');
}

# How many rows a change changes: alone, and if it waits for another.
sub changed
{
	my ($name, $condition, $alone, $other, $after) = @_;
	my $query = "WITH u AS (UPDATE counted t SET c = c + 1 FROM far f WHERE f.n = t.n AND $condition RETURNING 1) SELECT count(*) FROM u";
	my $begin = 'TRUNCATE counted; INSERT INTO counted SELECT g, g, 0 FROM generate_series(1, 4) g';
	$db->run($begin);
	is($second->run($query), $alone, "$name: alone");
	$db->run($begin);
	$first->run("BEGIN; $other");
	$second->send($query);
	wait_for_conflict();
	$first->run('COMMIT');
	is_deeply([ $second->receive ], [ $after, '' ], "$name: after a wait");
}

my $nothing = 'UPDATE counted SET c = 5';
my $moved = 'UPDATE counted SET n = n + 1';
for my $plan ('hashjoin', 'nestloop')
{
	$second->run("RESET ALL; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_nestloop = off; SET enable_$plan = on");
	changed("by PostgreSQL's rules, $plan", "f.s = 'a' AND f.n < 4", 3, $nothing, 3);
	changed("by PostgreSQL's rules, $plan, to another row", "f.s = 'a' AND f.n < 4", 3, $moved, 0);
}
# Rows that only the server's collation finds.
$db->run("ALTER SERVER till OPTIONS (ADD text_semantics 'server')");
for my $plan ('hashjoin', 'nestloop')
{
	$second->run("RESET ALL; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_nestloop = off; SET enable_$plan = on");
	changed("by the server's rules, $plan, $_", "$_ AND f.n < 4", 3, $nothing, 3)
		for "f.s = 'A'", "f.s IN ('A', 'x')", "(f.s = 'A' OR f.n = 7)", "f.s < 'B'", "f.s LIKE 'A%'";
	changed("by the server's rules, $plan, to another row", "f.s = 'A'", 3, $moved, 0);
}
# A sub-select that the server has grouped is computed for the row as it became.
$second->run('RESET ALL');
$db->run('TRUNCATE counted; INSERT INTO counted VALUES (1, 1, 0)');
$first->run('BEGIN; UPDATE counted SET n = 3');
$second->send('UPDATE counted t SET c = (SELECT sum(f.n) * 10 FROM far f WHERE f.n = t.n)');
wait_for_conflict();
$first->run('COMMIT');
is(($second->receive)[1], '', 'a grouped sub-select after a wait: no error');
is($db->value('SELECT c FROM counted'), 30, 'and the sum is that of the new row');
$_->close for $first, $second, $watcher;
done_testing();
