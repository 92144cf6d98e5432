# Promise: three clients of a feed, one that listens, one that waits in a long poll and one that polls, hold at the end of
# a thousand edits what is there, though their connections were cut off at random. Each edit is announced by the tick that
# numbers it. No notification holds a value of a column that is neither key nor scope.
#
# SAMBAPOS_CLIENTS_ROUNDS (100): rounds of ten edits and a tick; SAMBAPOS_CLIENTS_SEED (1).
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use IPC::Run ();
use JSON::PP ();
use Harness;

my $json = JSON::PP->new->utf8->allow_nonref->canonical;
my $rounds = $ENV{SAMBAPOS_CLIENTS_ROUNDS} // 100;
srand($ENV{SAMBAPOS_CLIENTS_SEED} // 1);
my $cluster = Harness::cluster(autovacuum => 'off');
my $db = $cluster->database('pos');
$db->run(<<'SQL');
CREATE EXTENSION sambapos_fdw;
CREATE SCHEMA pos;
CREATE TABLE pos.product (id integer PRIMARY KEY, store text, name text, price text, image text);
CREATE TABLE pos.employee (id integer PRIMARY KEY, store text, name text, is_active boolean);
CREATE SEQUENCE pos.value;
-- a value that stands nowhere else
CREATE FUNCTION pos.fresh() RETURNS text LANGUAGE sql AS $$ SELECT 'value' || nextval('pos.value') || 'x' $$;
INSERT INTO pos.product SELECT i, 'store ' || i % 3, pos.fresh(), pos.fresh(), pos.fresh() FROM generate_series(1, 50) AS i;
INSERT INTO pos.employee SELECT i, 'store ' || i % 3, pos.fresh(), true FROM generate_series(1, 20) AS i;
SELECT sambapos_add_feed('pos');
SELECT sambapos_add_to_feed('pos', 'pos.product', scope => 'store', lazy => '{image}');
SELECT sambapos_add_to_feed('pos', 'pos.employee', scope => 'store');
SELECT sambapos_add_urgent_rule('pos', 'left', 'employee', '{is_active}', 'NOT is_active');
CREATE FUNCTION pos.edit() RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
  x float8 := random();
  one integer := (SELECT id FROM pos.product ORDER BY random() LIMIT 1);
BEGIN
  CASE
    WHEN x < 0.2 THEN INSERT INTO pos.product SELECT max(id) + 1, 'store ' || floor(random() * 3), pos.fresh(), pos.fresh(), pos.fresh() FROM pos.product;
    WHEN x < 0.3 AND (SELECT count(*) > 10 FROM pos.product) THEN DELETE FROM pos.product WHERE id = one;
    WHEN x < 0.4 THEN UPDATE pos.product SET store = 'store ' || floor(random() * 3), name = pos.fresh() WHERE id = one;
    WHEN x < 0.5 THEN UPDATE pos.product SET image = pos.fresh() WHERE id = one;
    WHEN x < 0.6 THEN UPDATE pos.employee SET is_active = NOT is_active WHERE id = 1 + floor(random() * 20);
    ELSE UPDATE pos.product SET price = pos.fresh() WHERE id = one;
  END CASE;
END;
$$;
CALL sambapos_feed_tick();
SQL

# ---- a client in Perl: what it was told, and nothing else ----

my %payload_key = map { $_->[0] => $_->[1] } $db->rows("SELECT entity, payload_key FROM sambapos.entities WHERE feed = 'pos'");

sub ask
{
	my ($client, $from) = @_;
	my $position = defined $client->{version} ? "$client->{version}, incarnation => '$client->{incarnation}'" : 'NULL';
	my $answer = $json->decode($from->value("SELECT sambapos_delta_payload('pos', $position)"));
	if ($answer->{fullRequired})
	{
		my $full = $json->decode($from->value("SELECT sambapos_full_payload('pos')"));
		$client->{rows} = { map { my $e = $_; map { ("$e $_->{id}" => $_) } @{ $full->{ $payload_key{$e} } } } keys %payload_key };
		@$client{qw(version incarnation)} = @$full{qw(version incarnation)};
		return;
	}
	for my $change (@{ $answer->{changes} })
	{
		my $key = "$change->{entityType} $change->{entityId}";
		if ($change->{operation} eq 'DELETE') { delete $client->{rows}{$key} }
		else { $client->{rows}{$key} = $change->{data} }
	}
	$client->{version} = $answer->{toVersion};
}

sub rows_there
{
	my %there;
	for my $entity (sort keys %payload_key)
	{
		my $columns = $entity eq 'product' ? 'id, store, name, price' : '*';
		$there{"$entity $_->[0]"} = $json->decode($_->[1]) for $db->rows("SELECT id, to_jsonb(x) FROM (SELECT $columns FROM pos.$entity) AS x");
	}
	return \%there;
}

# ---- the client in the manual, which listens ----

my $python = <<"PYTHON";
import json, sys, threading
sys.dont_write_bytecode = True
sys.path.insert(0, "$Harness::root/doc/examples")
import feed_client, psycopg, time
time.sleep = lambda seconds, sleep=time.sleep: sleep(seconds / 20) # it tries again in five seconds
copy = feed_client.Copy("pos", None)
arguments = ["dbname=pos application_name=listener", "pos"]
feed_client.Copy = lambda feed, scope: copy
threading.Thread(target=feed_client.main, args=(arguments,), daemon=True).start()
for line in sys.stdin:
    if line.strip() == "version":
        print("version", copy.version, file=sys.stderr, flush=True)
    else:
        print(json.dumps(copy.rows), file=sys.stderr, flush=True)
PYTHON
my ($to_listener, $from_listener, $said_by_listener) = ('', '', '');
my $listener;
{
	local @ENV{ keys %{ $cluster->{environment} } } = values %{ $cluster->{environment} };
	$listener = IPC::Run::start([ '/usr/bin/python3', '-c', $python ], '<', \$to_listener, '>', \$said_by_listener, '2>', \$from_listener);
}

# What the listener says to a word; lines of its own stand between.
sub listener_says
{
	my ($word, $like) = @_;
	$from_listener = '';
	$to_listener .= "$word\n";
	$listener->pump until $from_listener =~ /^($like.*)\n/m || !$listener->pumpable;
	return $1;
}

# ---- the edits, the ticks and what is announced ----

my $ear = $db->session;
my @heard;
sub hear
{
	my ($output) = $ear->ask('SELECT 1');
	push @heard, map { $json->decode($_) } $output =~ /^Asynchronous notification "\w+" with payload "(.*)" received from/mg;
}
$ear->run("LISTEN sambapos_changed; LISTEN sambapos_urgent; LISTEN sambapos_sync_required; LISTEN sambapos_status");

my $writer = $db->session;
$writer->run('SELECT setseed(0.5)');
my (%waiting, %polling);
my ($waiter, $poller) = ($db->session, $db->session);
ask(\%waiting, $db);
$waiter->send("SELECT sambapos_wait_for_change('pos', $waiting{version}, '5 seconds')");
my ($unannounced, $cut, $announced) = (0, 0, 0);

# A client's connection is cut, and made anew.
sub cut
{
	my ($session) = @_;
	$db->value("SELECT pg_terminate_backend($$session->{pid}, 60000)");
	$$session->close;
	$$session = $db->session;
	$cut++;
}

for my $round (1 .. $rounds)
{
	$writer->run('SELECT pos.edit()') for 1 .. 10;
	$db->run('CALL sambapos_feed_tick()');
	my $latest = $db->value("SELECT version FROM sambapos.feeds WHERE feed = 'pos'");
	hear();
	my ($last) = grep { defined $_->{to} } reverse @heard;
	$unannounced++ if !$last || $last->{to} != $latest;
	$announced = $latest;
	if ($waiter->is_answered)
	{
		$waiter->receive;
		ask(\%waiting, $waiter);
		$waiter->send("SELECT sambapos_wait_for_change('pos', $waiting{version}, '5 seconds')");
	}
	ask(\%polling, $poller) if rand() < 0.3 && $poller->value(defined $polling{version} ? "SELECT count(*) FROM sambapos_check_for_updates('pos', $polling{version})" : 'SELECT 1');
	if (rand() < 0.08) { cut(\$waiter); $waiter->send("SELECT sambapos_wait_for_change('pos', $waiting{version}, '5 seconds')") }
	cut(\$poller) if rand() < 0.08;
	$cut += $db->value("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'listener'") if rand() < 0.04;
}
is($unannounced, 0, "each of $rounds ticks has announced what it numbered, up to version $announced");
cmp_ok($cut, '>', $rounds / 20, "connections were cut: $cut times");

# ---- at the end ----

# A lazy column is a hash in a row.
sub without_lazy { my ($rows) = @_; return { map { my %row = %{ $rows->{$_} }; delete $row{image}; ($_ => \%row) } keys %$rows } }

$waiter->receive;
ask(\%waiting, $waiter);
ask(\%polling, $poller);
my $there = rows_there();
is_deeply(without_lazy($waiting{rows}), $there, 'who waits in a long poll has what is there');
is_deeply(without_lazy($polling{rows}), $there, 'who polls has it too');
# an edit more wakes whoever was cut off while it was told of the last one
$db->run("UPDATE pos.employee SET name = pos.fresh() WHERE id = 1; CALL sambapos_feed_tick()");
$there = rows_there();
my $latest = $db->value("SELECT version FROM sambapos.feeds WHERE feed = 'pos'");
select undef, undef, undef, 0.1 until (listener_says('version', 'version ') // "version $latest") eq "version $latest";
my $copy = $json->decode(listener_says('rows', '\{') // '{}');
my %listening = map { my $e = $_; map { ("$e $_" => $copy->{$e}{$_}) } keys %{ $copy->{$e} } } keys %$copy;
is_deeply(without_lazy(\%listening), $there, 'the client in the manual, which listens, has it too');

hear();
cmp_ok(scalar(grep { $_->{rule} } @heard), '>', 0, 'who has left was urgent');
my @told = grep { /value[0-9]+x/ } map { $json->encode($_) } @heard;
is(join("\n", @told), '', @heard . ' notifications hold no value of a column outside key and scope');
cmp_ok($db->value("SELECT last_value FROM pos.value"), '>', 8 * $rounds, 'of which there were many');
$listener->kill_kill;
$_->close for $ear, $writer, $waiter, $poller;
done_testing();
