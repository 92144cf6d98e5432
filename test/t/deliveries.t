# Promise: tills sell and wait for nobody, and every sale reaches the ledger, whatever becomes of the ledger and of the
# workers: each ends synced with the ledger's reference, and the ledger has seen each key once a version. In the same
# database each is there exactly once, whoever is killed at which step. A sale that the ledger refuses waits for a person.
#
# SAMBAPOS_DELIVERY_SEEDS (1; `make soak-deliveries`: 20 seeds), SAMBAPOS_DELIVERY_TILLS (20) and SAMBAPOS_DELIVERY_SALES (6
# of each till; 30 there) say how much is tried.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use File::Temp ();
use IPC::Run ();
use JSON::PP ();
use Harness;
use Ledger;

plan skip_all => 'no python3-psycopg' if !Ledger::has_psycopg();
my @seeds = split /,/, $ENV{SAMBAPOS_DELIVERY_SEEDS} // '1';
my ($tills, $sales) = ($ENV{SAMBAPOS_DELIVERY_TILLS} // 20, $ENV{SAMBAPOS_DELIVERY_SALES} // 6);
my $cluster = Harness::cluster();
$cluster->existing('postgres')->run('CREATE ROLE ledger_worker LOGIN');
my ($ledger, $db, $booker, @folders);

sub pause { select undef, undef, undef, 0.2 }

# Until something is so, or a long time is over.
sub soon
{
	my ($is_so) = @_;
	my $until = time + 300;
	pause() until $is_so->() || time > $until;
}

sub begin
{
	my ($seed) = @_;
	push @folders, File::Temp->newdir;
	$ledger = Ledger->start($folders[-1]);
	$db = $cluster->database("pos$seed");
	$db->run(<<'SQL');
CREATE EXTENSION sambapos_fdw;
CREATE SCHEMA pos;
CREATE TABLE pos.sales (number text PRIMARY KEY, total numeric NOT NULL, is_closed boolean NOT NULL DEFAULT false, sync_status text NOT NULL DEFAULT 'pending', ledger_id text);
CREATE TABLE pos.sale_items (sale text REFERENCES pos.sales, line integer, product text, amount numeric, PRIMARY KEY (sale, line));
SELECT sambapos_add_feed('pos');
SELECT sambapos_add_to_feed('pos', 'pos.sales', 'sales');
SELECT sambapos_add_consumer('ledger', 'pos', '{sales}', condition => 'r.is_closed', lease => '2 seconds', role => 'ledger_worker',
                             status_column => 'sync_status', reference_column => 'ledger_id');
-- a ledger in the same database
CREATE TABLE pos.ledger (entry bigint GENERATED ALWAYS AS IDENTITY, number text, version bigint, total numeric);
SELECT sambapos_add_consumer('here', 'pos', '{sales}', condition => 'r.is_closed');
CREATE FUNCTION pos.book() RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
  d record;
  booked bigint := 0;
BEGIN
  FOR d IN SELECT * FROM sambapos_next('here', 5) LOOP
    INSERT INTO pos.ledger (number, version, total) VALUES (d.key ->> 'number', d.version, (d.data ->> 'total')::numeric);
    PERFORM sambapos_ack('here', d.delivery_id);
    booked := booked + 1;
  END LOOP;
  RETURN booked;
END;
$$;
SQL
	$booker = $db->session;
	$ledger->work($db, 'ledger_worker', 'ledger') for 1 .. 3;
}

# ---- the tills sell, while the ledger fails and workers are killed ----

sub sell
{
	my ($waits, $ticker, $watch) = ('', $db->session, $db->session);
	my @sessions = map { $db->session } 1 .. $tills;
	for my $n (1 .. $sales)
	{
		for my $till (1 .. $tills)
		{
			my ($number, $amount) = ("$till-$n", 1 + int rand 100);
			$sessions[ $till - 1 ]->send("BEGIN; INSERT INTO pos.sales (number, total) VALUES ('$number', $amount);
				INSERT INTO pos.sale_items VALUES ('$number', 1, 'tea', $amount);
				UPDATE pos.sales SET is_closed = true WHERE number = '$number'; COMMIT");
		}
		# a lock of ours: not one to make a file longer, nor what PostgreSQL itself does with the tables of the till
		$waits .= $watch->value(q(SELECT coalesce(string_agg(concat_ws(' ', l.locktype, l.relation::regclass, l.mode), ', '), '') FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
			WHERE NOT l.granted AND a.query LIKE '%INSERT INTO pos.sales%' AND l.locktype <> 'extend' AND coalesce(l.relation::regclass::text, '') NOT LIKE 'pos.%')) for 1 .. 3;
		$_->receive for @sessions;
		$ticker->run('CALL sambapos_feed_tick()');
		# one is put right after it may have been booked: it goes out again
		$ticker->run(sprintf q(UPDATE pos.sales SET total = total + 1 WHERE number = '%d-%d'), 1 + rand $tills, 1 + rand $n);
		$ledger->mood((qw(slow down forgetful kind))[ rand 4 ]);
		if (rand() < 0.5) # in the middle of what it does
		{
			$ledger->kill_worker;
			$ledger->work($db, 'ledger_worker', 'ledger');
		}
		# the ledger in the same database: its worker is ended before it commits, or books
		if (rand() < 0.5) { $booker->run('BEGIN; SELECT pos.book()'); $db->run("SELECT pg_terminate_backend($booker->{pid})"); $booker = $db->session }
		else { $booker->run('SELECT pos.book()') }
	}
	is($waits, '', 'no till has waited for a lock of ours');
	$ledger->mood('kind');
	$db->run(q(INSERT INTO pos.sales (number, total, is_closed) VALUES ('poison', -1, true); CALL sambapos_feed_tick()));
}

sub settle
{
	soon(sub {
		$db->run('CALL sambapos_feed_tick()');
		1 while $booker->value('SELECT pos.book()') > 0;
		$db->run(q(UPDATE sambapos.delivery SET next_at = now() WHERE state = 'open' AND next_at > now()));
		return $db->value(q(SELECT count(*) FROM sambapos.deliveries WHERE status NOT IN ('synced', 'dead'))) == 0
			&& $db->value(q(SELECT count(*) FROM sambapos.dead_deliveries WHERE consumer = 'ledger')) == 1;
	});
}

sub compare
{
	my $all = $tills * $sales;
	is($db->value(q(SELECT count(*) FROM pos.sales WHERE sync_status = 'synced' AND ledger_id IS NOT NULL)), $all, "$all sales are synced, with a reference");
	is($db->value(q(SELECT count(*) FROM sambapos.deliveries AS d JOIN pos.sales AS s ON s.number = d.key ->> 'number' WHERE d.consumer = 'ledger' AND d.status = 'synced' AND d.reference = s.ledger_id)), $all, 'the same in both places');
	my (%times, %last);
	for my $entry ($ledger->booked)
	{
		my $number = $entry->{key}{number};
		$times{"$number $entry->{version}"}++;
		$last{$number} = $entry if !$last{$number} || $last{$number}{version} < $entry->{version};
	}
	is((grep { $_ > 1 } values %times), 0, 'the ledger has booked each version of each sale once');
	is_deeply([ sort map { "$_->{key}{number} $_->{data}{total}" } values %last ], [ sort map { "$_->[0] $_->[1]" } $db->rows(q(SELECT number, total FROM pos.sales WHERE number <> 'poison')) ], 'and last of all what each of them came to');
	is_deeply([ $db->rows(q(SELECT count(*), count(DISTINCT l.number), sum(s.total) FROM (SELECT DISTINCT ON (number) * FROM pos.ledger ORDER BY number, version DESC) AS l JOIN pos.sales AS s USING (number, total) WHERE number <> 'poison')) ],
		[ $db->rows(q(SELECT count(*), count(*), sum(total) FROM pos.sales WHERE number <> 'poison')) ], 'so it is in the same database');
	is($db->value('SELECT count(*) FROM (SELECT FROM pos.ledger GROUP BY number, version HAVING count(*) > 1) AS l'), 0, 'where each version is booked once, though workers were ended');
}

for my $seed (@seeds)
{
	srand $seed;
	$ledger->stop if $ledger;
	begin($seed);
	subtest "seed $seed" => sub { sell(); settle(); compare() };
}

# ---- what waits for a person ----

is($db->value(q(SELECT attempts || ' ' || (last_error LIKE '%500%') FROM sambapos.dead_deliveries WHERE consumer = 'ledger')), '5 true', 'a sale that is refused is dead after five attempts');
is($db->value(q(SELECT sync_status FROM pos.sales WHERE number = 'poison')), 'pending', 'and not synced');
$db->run(q(UPDATE pos.sales SET total = 1 WHERE number = 'poison'; CALL sambapos_feed_tick(); SELECT sambapos_retry('ledger')));
soon(sub { $db->value(q(SELECT sync_status FROM pos.sales WHERE number = 'poison')) eq 'synced' });
is($db->value(q(SELECT sync_status FROM pos.sales WHERE number = 'poison')), 'synced', 'put right and tried again it goes through');
$ledger->mood('strict');
$db->run(q(INSERT INTO pos.sales (number, total, is_closed) VALUES ('bad', -1, true); CALL sambapos_feed_tick()));
soon(sub { $db->value(q(SELECT count(*) FROM sambapos.dead_deliveries WHERE consumer = 'ledger' AND attempts = 1)) });
is($db->value(q(SELECT key ->> 'number' FROM sambapos.dead_deliveries WHERE consumer = 'ledger' AND attempts = 1)), 'bad', 'what the ledger finds wrong with a sale is dead at once');

# ---- no answer ends a worker ----

my $alive = $ledger->workers_alive;
$db->run(q(ALTER TABLE pos.sales ADD CONSTRAINT none CHECK (number NOT LIKE 'odd%' OR ledger_id IS NULL)));
my $odd = 0;
for ([ cut => 'IncompleteRead', 'an answer that is cut short' ], [ list => 'TypeError', 'one that is no object' ], [ kind => 'CheckViolation', 'a table that does not take the reference' ])
{
	my ($mood, $error, $name) = @$_;
	my $number = 'odd ' . ++$odd;
	my $said = qq(SELECT count(*) FROM sambapos.deliveries WHERE consumer = 'ledger' AND key ->> 'number' = '$number' AND last_error LIKE '%$error%');
	$ledger->mood($mood);
	$db->run(qq(INSERT INTO pos.sales (number, total, is_closed) VALUES ('$number', 1, true); CALL sambapos_feed_tick()));
	soon(sub { $db->value($said) || $ledger->workers_alive < $alive });
	is($db->value($said) . ' ' . $ledger->workers_alive, "1 $alive", "$name is a failure, and the worker goes on");
}
$db->run(q(ALTER TABLE pos.sales DROP CONSTRAINT none; SELECT sambapos_retry('ledger')));
soon(sub { $db->value(q(SELECT count(*) FROM pos.sales WHERE number LIKE 'odd%' AND sync_status = 'synced')) == 3 });
is($db->value(q(SELECT count(*) FROM pos.sales WHERE number LIKE 'odd%' AND sync_status = 'synced')), 3, 'all of them go through in the end');
$ledger->stop;

# ---- two workers and one row; a lease that was given out again undoes what was booked ----

$db->run(q(INSERT INTO pos.sales (number, total, is_closed) VALUES ('last', 9, true); CALL sambapos_feed_tick()));
my ($one, $two) = map { $db->session } 1, 2;
my $id = $one->value(q(SELECT delivery_id FROM sambapos_next('here') WHERE key ->> 'number' = 'last'));
is($two->value(q(SELECT count(*) FROM sambapos_next('here') WHERE key ->> 'number' = 'last')), 0, 'a row is under way once at a time');
$one->run(q(BEGIN; INSERT INTO pos.ledger (number, version, total) VALUES ('last', 0, 9)));
$db->run(q(UPDATE sambapos.delivery SET leased_until = now() - interval '1 minute' WHERE key ->> 'number' = 'last'));
cmp_ok($two->value('SELECT pos.book()'), '>=', 1, 'the lease has run out, and another worker books it');
is($one->error("SELECT sambapos_ack('here', $id)")->{sqlstate}, '55000', 'then the first cannot');
$one->run('ROLLBACK');
is($db->value(q(SELECT count(*) FROM pos.ledger WHERE number = 'last')), 1, 'so that it is booked once');

# ---- no worker keeps the tick, and so nobody else, waiting ----

$one->run(q(UPDATE pos.sales SET total = 10 WHERE number = 'last'));
$db->run('CALL sambapos_feed_tick()');
$one->run(q(BEGIN; SELECT sambapos_ack('here', delivery_id) FROM sambapos_next('here') WHERE key ->> 'number' = 'last'));
$db->run(q(UPDATE pos.sales SET total = 11 WHERE number = 'last'));
is($db->error(q(SET lock_timeout = '20s'; CALL sambapos_feed_tick())), undef, 'a tick does not wait for a worker that does not commit');
$one->run('COMMIT');
$db->run('CALL sambapos_feed_tick()');
is($db->value(q(SELECT data ->> 'total' FROM sambapos_next('here') WHERE key ->> 'number' = 'last')), '11', 'and the change that came meanwhile is not lost');

# ---- into a queue of pgq, whose daemon hands the events out ----

my $pgqd;
SKIP:
{
	my ($daemon) = grep { -x } map { "$_/pgqd" } split(/:/, $ENV{PATH}), '/usr/bin', '/usr/sbin';
	skip 'no pgqd', 2 if !$daemon;
	skip 'extension pgq is not available', 2 if !$db->value(q(SELECT count(*) FROM pg_available_extensions WHERE name = 'pgq'));
	$db->run(q(CREATE EXTENSION pgq; SELECT pgq.create_queue('sales'), pgq.set_queue_config('sales', 'ticker_max_lag', '1 second'), pgq.register_consumer('sales', 'reader');
		SELECT sambapos_add_consumer('to_queue', 'pos', '{sales}', start => 'beginning')));
	my $settings = "$folders[-1]/pgqd.ini";
	open my $file, '>', $settings or die $!;
	print $file "[pgqd]\nlogfile = $folders[-1]/pgqd.log\npidfile = $folders[-1]/pgqd.pid\ninitial_database = $db->{name}\ndatabase_list = $db->{name}\ncheck_period = 1\nticker_period = 0.2\n";
	close $file;
	local @ENV{ keys %{ $cluster->{environment} } } = values %{ $cluster->{environment} };
	$pgqd = IPC::Run::start([ $daemon, '-q', $settings ], '<', '/dev/null', '>', '/dev/null', '2>', "$folders[-1]/pgqd.said");
	is($db->value(q(SELECT sambapos_forward('to_queue', 'pgq', 'sales'))), $db->value('SELECT count(*) FROM pos.sales'), 'all sales are put into a queue');
	my %seen;
	soon(sub {
		my $batch = $db->value(q(SELECT pgq.next_batch('sales', 'reader'))) // return 0;
		return 0 if $batch eq '\N';
		$seen{ $_->[0] }++ for $db->rows("SELECT ev_data::jsonb -> 'key' ->> 'number' FROM pgq.get_batch_events($batch) WHERE ev_type = 'sales'");
		$db->run("SELECT pgq.finish_batch($batch)");
		return scalar %seen;
	});
	is_deeply(\%seen, { map { $_->[0] => 1 } $db->rows('SELECT number FROM pos.sales') }, 'whose reader gets each of them once');
	Ledger::end($pgqd);
}

# ---- the server is killed at each step of a worker in the same database ----

my @steps = (
	[ 'leased' => q(CREATE TEMP TABLE mine AS SELECT * FROM sambapos_next('here', 1)) ],
	[ 'begun' => 'BEGIN' ],
	[ 'booked' => q(INSERT INTO pos.ledger (number, version, total) SELECT key ->> 'number', version, (data ->> 'total')::numeric FROM mine) ],
	[ 'acknowledged' => q(SELECT sambapos_ack('here', delivery_id) FROM mine) ],
	[ 'committed' => 'COMMIT' ]);
for my $last (0 .. $#steps)
{
	my $number = "killed when $steps[$last][0]";
	$db->run(qq(UPDATE sambapos.delivery SET leased_until = now() WHERE leased_until > now()));
	$db->run(qq(SELECT pos.book(); INSERT INTO pos.sales (number, total, is_closed) VALUES ('$number', 5, true); CALL sambapos_feed_tick()));
	my $worker = $db->session;
	$worker->run($_->[1]) for @steps[ 0 .. $last ];
	$cluster->kill_backend($worker->{pid});
	$db->run(q(UPDATE sambapos.delivery SET leased_until = now() WHERE leased_until > now(); CALL sambapos_feed_tick(); SELECT pos.book()));
	is($db->value(qq(SELECT count(*) FROM pos.ledger WHERE number = '$number')), 1, "$number: booked once");
}
is($db->value(q(SELECT count(*) FROM sambapos.deliveries WHERE consumer = 'here' AND status <> 'synced')), 0, 'and nothing is left');

done_testing();
END { $ledger->stop if $ledger; Ledger::end($pgqd) if $pgqd } # also when the test stops half way
