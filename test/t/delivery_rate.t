# Promise: four workers take 10,000 deliveries a minute, on two cores, with none lost and none doubled, and what they leave
# behind is cleaned up while they go on: the table of deliveries does not grow.
#
# SAMBAPOS_DELIVERY_MINUTES (`make soak-deliveries`: 60) says for how long; without it nothing is tried.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use File::Temp ();
use IPC::Run ();
use Harness;

my $minutes = $ENV{SAMBAPOS_DELIVERY_MINUTES} or plan skip_all => 'only in make soak-deliveries: it fills the machine';
my ($rate, $rows) = (10_000 / 60, 50_000);
my $folder = File::Temp->newdir;
my $cluster = Harness::cluster(autovacuum => 'on', autovacuum_naptime => '15s');
my $db = $cluster->database('rate');
$db->run(<<"SQL");
CREATE EXTENSION sambapos_fdw;
CREATE TABLE sales (id integer PRIMARY KEY, total bigint NOT NULL) WITH (fillfactor = 70);
CREATE TABLE ledger (id integer, version bigint, total bigint, at timestamptz DEFAULT clock_timestamp());
INSERT INTO sales SELECT i, 0 FROM generate_series(1, $rows) AS i;
SELECT sambapos_add_feed('pos');
SELECT sambapos_add_to_feed('pos', 'sales');
SELECT sambapos_add_consumer('ledger', 'pos', '{sales}');
CREATE FUNCTION work() RETURNS void LANGUAGE plpgsql AS
\$\$
DECLARE
  d record;
  n integer := 0;
BEGIN
  FOR d IN SELECT * FROM sambapos_next('ledger', 25) LOOP
    INSERT INTO ledger (id, version, total) VALUES ((d.key ->> 'id')::integer, d.version, (d.data ->> 'total')::bigint);
    PERFORM sambapos_ack('ledger', d.delivery_id);
    n := n + 1;
  END LOOP;
  IF n = 0 THEN
    PERFORM pg_sleep(0.2);
  END IF;
END;
\$\$;
SQL

sub script { my ($name, $sql) = @_; open my $file, '>', "$folder/$name" or die $!; print $file $sql; close $file; return "$folder/$name" }

sub bench
{
	my (@options) = @_;
	local @ENV{ keys %{ $cluster->{environment} } } = values %{ $cluster->{environment} };
	return IPC::Run::start([ 'pgbench', '-n', '-T', 60 * $minutes, @options, 'rate' ], '<', '/dev/null', '>', '/dev/null', '2>', "$folder/said");
}

my @running = (
	bench('-c', 4, '-f', script('work.sql', "SELECT work();\n")),
	bench('-R', $rate, '-f', script('sell.sql', "\\set id random(1, $rows)\nUPDATE sales SET total = total + 1 WHERE id = :id;\n")),
	bench('-R', 1, '-f', script('tick.sql', "CALL sambapos_feed_tick();\n")));
my (@size, @dead);
while ($running[0]->pumpable)
{
	select undef, undef, undef, 10;
	my ($size, $dead) = @{ ($db->rows(q(SELECT pg_table_size('sambapos.delivery'), n_dead_tup FROM pg_stat_user_tables WHERE relid = 'sambapos.delivery'::regclass)))[0] };
	push @size, $size;
	push @dead, $dead;
}
$_->finish for @running;
my $left = $db->value(q(SELECT count(*) FROM sambapos.deliveries WHERE status <> 'synced'));
cmp_ok($left, '<', 60 * $rate, 'less than a minute\'s work is left at the end');
$db->run('CALL sambapos_feed_tick()');
$db->run('SELECT work()') while $db->value(q(SELECT count(*) FROM sambapos.deliveries WHERE status <> 'synced'));
my ($sold, $booked) = @{ ($db->rows('SELECT (SELECT sum(total) FROM sales), (SELECT count(*) FROM ledger)'))[0] };
diag(sprintf '%d changes, %d deliveries, %d a minute; delivery: %d MB at a quarter, %d MB at the end; dead rows at most %d',
	$sold, $booked, $booked / $minutes, $size[ @size / 4 ] / 2**20, $size[-1] / 2**20, (sort { $b <=> $a } @dead)[0]);
is($db->value('SELECT count(*) FROM sales AS s LEFT JOIN (SELECT DISTINCT ON (id) * FROM ledger ORDER BY id, version DESC) AS l USING (id) WHERE s.total <> coalesce(l.total, 0)'), 0, 'none is lost');
is($db->value('SELECT count(*) FROM (SELECT FROM ledger GROUP BY id, version HAVING count(*) > 1) AS l'), 0, 'none is doubled');
SKIP:
{
	skip 'for less than half an hour', 1 if $minutes < 30;
	cmp_ok($size[-1], '<', 1.5 * $size[ @size / 4 ], 'the table of deliveries does not grow');
}
done_testing();
END { local $?; eval { $_->signal('TERM'); $_->finish } for @running }
