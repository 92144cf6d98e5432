# Promise: who writes to a table that is on a feed waits for no lock of another writer's, nor of the tick, but those of the
# rows themselves. A control shows that a trigger which takes a lock would be seen.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $cluster = Harness::cluster();
my $db = $cluster->database('pos');
$db->run(<<'SQL');
CREATE EXTENSION sambapos_fdw;
CREATE TABLE item (id integer PRIMARY KEY, store text, name text);
CREATE TABLE line (id integer PRIMARY KEY, name text) PARTITION BY RANGE (id);
CREATE TABLE line_1 PARTITION OF line FOR VALUES FROM (0) TO (100000);
INSERT INTO item SELECT i, 's' || i % 3, 'item' FROM generate_series(1, 800) AS i;
INSERT INTO line SELECT i, 'line' FROM generate_series(1, 800) AS i;
SELECT sambapos_add_feed('pos');
SELECT sambapos_add_to_feed('pos', 'item', scope => 'store');
SELECT sambapos_add_to_feed('pos', 'line');
CREATE PROCEDURE work(writer integer, rounds integer) LANGUAGE plpgsql AS
$$
BEGIN
  FOR i IN 1 .. rounds LOOP
    UPDATE item SET name = name || i, store = 's' || i % 3 WHERE id = 100 * writer + 1 + i % 50;
    DELETE FROM line WHERE id = 100 * writer + 60 + i % 30;
    INSERT INTO line VALUES (100 * writer + 60 + i % 30, 'again');
    INSERT INTO item VALUES (1000000 + 10000 * writer + i, 's1', 'new');
    COMMIT;
  END LOOP;
END
$$;
CREATE PROCEDURE tick(rounds integer) LANGUAGE plpgsql AS
$$
BEGIN
  FOR i IN 1 .. rounds LOOP
    CALL sambapos_feed_tick();
    COMMIT;
  END LOOP;
END
$$;
SQL
my $watch = $db->session;
my $tick = $db->session;
my @writers = map { $db->session } 0 .. 7;
my @pids = map { $_->{pid} } @writers;

# Who waits, and which locks writers have or want that another one could wait for.
sub waits { return join "\n", map { "@$_" } $watch->rows('SELECT DISTINCT locktype, mode FROM pg_locks WHERE NOT granted ORDER BY 1, 2') }

sub shared_locks
{
	return join "\n", map { "$_->[0] $_->[1]" } $watch->rows(<<"SQL");
SELECT DISTINCT l.locktype, l.mode FROM pg_locks AS l
WHERE l.pid IN (@{[ join ',', @pids ]})
  AND NOT (l.locktype = 'relation' AND l.mode IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
           OR l.locktype IN ('virtualxid', 'transactionid') AND l.granted AND l.mode = 'ExclusiveLock') ORDER BY 1, 2
SQL
}

# ---- all at a time, each transaction open ----

# Each writer writes, and stays where it is; false: one waits.
sub all_write
{
	my ($tick) = @_;
	for my $i (0 .. $#writers)
	{
		my $id = 100 * $i + 1;
		$writers[$i]->send("BEGIN; UPDATE item SET name = 'a', store = 's9' WHERE id = $id; DELETE FROM line WHERE id = $id; INSERT INTO line VALUES (90000 + $i, 'n');"
			. " INSERT INTO item VALUES (900000 + $i, 's1', 'n'); INSERT INTO item VALUES ($id, 's1', 'n') ON CONFLICT (id) DO UPDATE SET name = 'b'");
		until ($writers[$i]->is_answered)
		{
			return if waits() ne '';
			select undef, undef, undef, 0.02;
		}
		$writers[$i]->receive;
		$tick->run('BEGIN; CALL sambapos_feed_tick()') if $tick && $i == 3;
	}
	return 1;
}

$db->run('UPDATE item SET name = name || 1 WHERE id = 800');
ok(all_write($tick), 'eight transactions write, a tick among them, and none ends: nobody waits');
is(shared_locks(), '', 'nor has anybody a lock that another one could wait for');
ok(all_end('COMMIT'), 'they commit while the tick has not ended');
$tick->run('COMMIT');

# All writers end; false: one waits.
sub all_end
{
	my ($how) = @_;
	my $nobody_waits = 1;
	for my $writer (@writers)
	{
		$writer->send($how);
		until ($writer->is_answered)
		{
			$nobody_waits = 0 if waits() ne '';
			last if !$nobody_waits;
			select undef, undef, undef, 0.02;
		}
		$writer->receive if $writer->is_answered;
		last if !$nobody_waits;
	}
	return $nobody_waits;
}

sub remove { $watch->run('DELETE FROM item WHERE id BETWEEN 900000 AND 900007; DELETE FROM line WHERE id >= 90000') }
# ---- as fast as they can ----

my $ticker = $db->session;
$writers[$_]->send("CALL work($_, 150)") for 0 .. 7;
$ticker->send('CALL tick(150)');
my %open = map { $_ => 1 } 0 .. 7;
my (%seen, $samples);
while (%open)
{
	my $locks = shared_locks();
	$seen{$_}++ for split /\n/, $locks;
	my $waiting = $watch->value("SELECT string_agg(DISTINCT wait_event_type || ' ' || wait_event, ', ') FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid IN (" . join(',', @pids) . ')');
	$seen{"waits: $waiting"}++ if defined $waiting;
	$samples++;
	for (keys %open) { delete $open{$_} if $writers[$_]->is_answered }
}
is(join('', map { ($_->receive)[1] } @writers), '', 'eight writers write as fast as they can, and versions are given out');
$ticker->receive;
$ticker->close;
delete $seen{$_} for grep { /^extend|waits: Lock extend/ } keys %seen; # a table's file grows: PostgreSQL's own, with any table
is_deeply(\%seen, {}, "in $samples samples none of them waited for a lock");
cmp_ok($samples, '>', 10, 'there were some');
cmp_ok($db->value('SELECT version FROM sambapos.feeds'), '>', 1, 'and versions');

# ---- the control ----

remove();
$watch->run('CREATE FUNCTION bad() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END $$');
$watch->run('CREATE TRIGGER bad AFTER INSERT ON item FOR EACH STATEMENT EXECUTE FUNCTION bad()');
ok(!all_write(), 'a trigger that takes a lock would be seen');
$watch->run("SELECT pg_cancel_backend(pid) FROM pg_locks WHERE NOT granted");
$_->close for $tick, $watch;
done_testing();
