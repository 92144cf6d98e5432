# Promise: whoever writes to a table that is on a feed waits for no lock but those of rows that another one has written, also
# while versions are given out and clients listen: not for each other, not for the tick. No writer's commit takes the lock of
# notifications: the tick alone notifies.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $db = Harness::cluster()->database('pos');
$db->run(<<'SQL');
CREATE EXTENSION sambapos_fdw;
CREATE SCHEMA pos;
CREATE TABLE pos.sale (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, till integer, total numeric);
CREATE TABLE pos.stock (id integer PRIMARY KEY, quantity integer);
INSERT INTO pos.stock SELECT i, 0 FROM generate_series(1, 80) AS i;
SELECT sambapos_add_feed('pos');
SELECT sambapos_add_to_feed('pos', 'pos.sale', scope => 'till');
SELECT sambapos_add_to_feed('pos', 'pos.stock');
SELECT sambapos_add_urgent_rule('pos', 'low', 'stock', '{quantity}', 'r.quantity < 0');
CREATE TABLE pos.tally (till integer, done integer);
CREATE TABLE pos.seen (what text, n integer DEFAULT 1);
-- each writes rows of its own: nobody has a reason to wait
CREATE PROCEDURE pos.write(till integer) LANGUAGE plpgsql AS
$$
DECLARE
  stop boolean := false;
  n integer := 0;
BEGIN
  WHILE NOT stop LOOP
    INSERT INTO pos.sale (till, total) SELECT write.till, i FROM generate_series(1, 3) AS i;
    UPDATE pos.stock SET quantity = quantity - 1 WHERE id = (till * 10) - n % 10;
    DELETE FROM pos.sale AS s WHERE s.id = (SELECT x.id FROM pos.sale AS x WHERE x.till = write.till LIMIT 1);
    PERFORM pg_sleep(0.1); -- with all its locks
    COMMIT;
    n := n + 1;
    stop := EXISTS (SELECT FROM pos.tally AS t WHERE t.till = 0);
  END LOOP;
  INSERT INTO pos.tally VALUES (till, n);
END;
$$;
CREATE PROCEDURE pos.tick(n integer) LANGUAGE plpgsql AS
$$
BEGIN
  FOR i IN 1 .. n LOOP
    CALL sambapos_feed_tick();
    COMMIT;
    PERFORM pg_sleep(0.05);
  END LOOP;
END;
$$;
-- Who waits for a lock of what kind, and who has, or waits for, one that a writer has no use for: the lock of notifications
-- (that of an object of all databases, the database of number 0), advisory locks, a lock on a table that keeps other writers out.
CREATE FUNCTION pos.look() RETURNS void LANGUAGE sql AS
$$
INSERT INTO pos.seen (what)
SELECT concat_ws(' ', a.application_name, CASE WHEN l.granted THEN 'has' ELSE 'waits for' END, l.locktype, l.mode, l.relation::regclass)
FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE a.application_name LIKE 'writer%'
  AND (NOT l.granted AND NOT (l.locktype = 'extend')
       OR l.locktype IN ('advisory', 'object') OR l.locktype = 'relation' AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'));
$$;
CREATE PROCEDURE pos.watch() LANGUAGE plpgsql AS
$$
DECLARE
  n integer := 0;
BEGIN
  WHILE NOT EXISTS (SELECT FROM pos.tally AS t WHERE t.till = 0) LOOP
    PERFORM pos.look();
    COMMIT;
    PERFORM pg_sleep(0.01);
    n := n + 1;
  END LOOP;
  INSERT INTO pos.tally VALUES (-1, n);
END;
$$;
SQL

my $listener = $db->session;
$listener->run('LISTEN sambapos_changed');
my $ticks = 25;
my @writers = map { my $s = $db->session; $s->run("SET application_name = 'writer $_'"); $s->send("CALL pos.write($_)"); $s } 1 .. 8;
my $watcher = $db->session;
$watcher->send('CALL pos.watch()');
my $ticker = $db->session;
my (undef, $errors) = $ticker->ask("CALL pos.tick($ticks)");
$db->run('INSERT INTO pos.tally VALUES (0, 0)');
$errors .= join '', map { ($_->receive)[1] } @writers, $watcher;
is($errors, '', 'eight write, one ticks, one looks at the locks');
my %tally = map { $_->[0] => $_->[1] } $db->rows('SELECT till, done FROM pos.tally');
my $least = (sort { $a <=> $b } @tally{ 1 .. 8 })[0];
cmp_ok($least, '>', 3, "each has written meanwhile, $least transactions at least");
cmp_ok($tally{-1}, '>', 10, "and their locks were looked at $tally{-1} times");
cmp_ok($db->value('SELECT version FROM sambapos.feeds'), '>', 5, 'while versions were given out');
is_deeply([ $db->rows('SELECT what, count(*) FROM pos.seen GROUP BY 1 ORDER BY 1 LIMIT 5') ], [], 'none waited for a lock, or had one that others would wait for');
like(join('', $listener->run('SELECT 1')), qr/sambapos_changed/, 'the tick has told it');

# ---- for a row that another has written one waits as without a feed, and for nothing else ----

my ($one, $other) = map { $db->session } 1, 2;
$one->run('BEGIN; UPDATE pos.stock SET quantity = 1 WHERE id = 1');
$other->send('UPDATE pos.stock SET quantity = 2 WHERE id = 1');
select undef, undef, undef, 0.02 until $db->value("SELECT count(*) FROM pg_locks WHERE pid = $other->{pid} AND NOT granted");
is($db->value("SELECT locktype FROM pg_locks WHERE pid = $other->{pid} AND NOT granted"), 'transactionid', 'who writes the same row waits for that transaction');
$db->run('CALL sambapos_feed_tick()');
$one->run('COMMIT');
is(($other->receive)[1], '', 'and goes on when it has ended');

# ---- a writer notifies nobody, so its commit does not take that lock ----

my $quiet = $db->session;
$quiet->run('LISTEN sambapos_changed; LISTEN sambapos_urgent; LISTEN sambapos_sync_required');
$db->run('INSERT INTO pos.sale (till, total) VALUES (1, 1); UPDATE pos.stock SET quantity = -4711 WHERE id = 2');
is_deeply([ grep { /Asynchronous/ } map { @$_ } [ $quiet->run('SELECT 1') ] ], [], 'a writer tells nobody');
$db->run('CALL sambapos_feed_tick()');
like(join('', $quiet->run('SELECT 1')), qr/sambapos_urgent/, 'the tick does');
$_->close for $one, $other, $quiet, $listener, $watcher, $ticker, @writers;
done_testing();
