# Promise: whoever asks a feed for what is new misses nothing and sees no half of a transaction, while eight sessions
# write and versions are given out; also after a restore, on a standby, after the server was killed.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use JSON::PP ();
use Harness;

my $json = JSON::PP->new->utf8->allow_nonref->canonical;
my $cluster = Harness::cluster();
my $db = $cluster->database('pos');
$db->run(<<'SQL');
CREATE EXTENSION sambapos_fdw;
CREATE SCHEMA pos;
CREATE TABLE pos.account (id integer PRIMARY KEY, amount integer NOT NULL, note text);
INSERT INTO pos.account SELECT i, 0, 'secret ' || i FROM generate_series(1, 200) AS i;
SELECT sambapos_add_feed('pos');
SELECT sambapos_add_to_feed('pos', 'pos.account', columns => '{id,amount}');
-- each transaction takes from one account what it gives to another, and stays open for a while
CREATE PROCEDURE pos.work(seed float8, n integer) LANGUAGE plpgsql AS
$$
DECLARE
  a integer;
  b integer;
BEGIN
  PERFORM setseed(seed);
  COMMIT;
  FOR i IN 1 .. n LOOP
    a := 1 + random() * 199;
    b := 1 + (a + (random() * 197)::integer) % 200;
    BEGIN
      UPDATE pos.account SET amount = amount - i WHERE id = least(a, b);
      PERFORM pg_sleep(random() * 0.03);
      UPDATE pos.account SET amount = amount + i WHERE id = greatest(a, b) AND a <> b;
      IF a = b THEN
        UPDATE pos.account SET amount = amount + i WHERE id = a;
      END IF;
    EXCEPTION WHEN serialization_failure OR deadlock_detected THEN NULL;
    END;
    COMMIT;
  END LOOP;
END;
$$;
CREATE PROCEDURE pos.tick_until(n integer) LANGUAGE plpgsql AS
$$
BEGIN
  FOR i IN 1 .. n LOOP
    CALL sambapos_feed_tick();
    COMMIT;
    PERFORM pg_sleep(0.05);
  END LOOP;
END;
$$;
SQL

# ---- a client: what it was told, and nothing else ----

sub ask
{
	my ($from, $client) = @_;
	my $position = defined $client->{version} ? "$client->{version}, incarnation => '$client->{incarnation}'" : 'NULL';
	my $answer = $json->decode($from->value("SELECT sambapos_delta_payload('pos', $position)"));
	push @{ $client->{heard} }, $json->encode($answer);
	if ($answer->{fullRequired} || @{ $answer->{fullEntities} // [] })
	{
		my $full = $json->decode($from->value("SELECT sambapos_full_payload('pos')"));
		push @{ $client->{heard} }, $json->encode($full);
		$client->{reason} = $answer->{reason};
		$client->{rows} = { map { $_->{id} => $_->{amount} } @{ $full->{account} } };
		@$client{qw(version incarnation)} = @$full{qw(version incarnation)} if $answer->{fullRequired};
	}
	return if $answer->{fullRequired};
	for my $change (@{ $answer->{changes} })
	{
		if ($change->{operation} eq 'DELETE') { delete $client->{rows}{ $change->{entityId} } }
		else { $client->{rows}{ $change->{entityId} } = $change->{data}{amount} }
	}
	$client->{version} = $answer->{toVersion};
}

sub total { my ($client) = @_; my $sum = 0; $sum += $_ for values %{ $client->{rows} }; return $sum }
sub differs
{
	my ($client) = @_;
	my %there = map { $_->[0] => $_->[1] } $db->rows('SELECT id, amount FROM pos.account');
	return join ' ', grep { ($client->{rows}{$_} // 'none') ne ($there{$_} // 'none') } sort keys %{ { %there, %{ $client->{rows} } } };
}

for my $level ('READ COMMITTED', 'REPEATABLE READ')
{
	my %client;
	my $late = $db->session;
	ask($db, \%client);
	$late->run(q(BEGIN; UPDATE pos.account SET amount = amount + 1 WHERE id = 199; UPDATE pos.account SET amount = amount - 1 WHERE id = 200));
	my @writers = map { my $s = $db->session; $s->run("SET default_transaction_isolation = '$level'"); $s->send("CALL pos.work(0.$_, 40)"); $s } 1 .. 8;
	my $ticker = $db->session;
	$ticker->send('CALL pos.tick_until(40)');
	my ($torn, $asked) = (0, 0);
	my %open = map { $_ => $writers[$_] } 0 .. $#writers;
	my $asker = $db->session;
	while (%open)
	{
		ask($asker, \%client);
		$asked++;
		$torn++ if total(\%client) != 0;
		for (keys %open) { delete $open{$_} if $open{$_}->is_answered }
		$late->run('COMMIT') if $asked == 5; # other than that the accounts it holds are in the way
	}
	my @errors = grep { length } map { my (undef, $errors) = $_->receive; $errors } @writers;
	is(join('', @errors), '', "$level: eight sessions have written");
	$late->run('COMMIT') if $asked < 5;
	$_->close for @writers, $late, $asker;
	$ticker->receive;
	$ticker->close;
	ask($db, \%client);
	is(differs(\%client), '', "$level: the client has what is there");
	is($torn, 0, "$level: of $asked answers none was half a transaction");
	ok($client{version} > 3, "$level: versions were given out meanwhile ($client{version})");
	unlike(join('', @{ $client{heard} }), qr/secret/, "$level: what is not sent was in no answer");
}

# ---- a transaction that commits late ----

my %client;
ask($db, \%client);
my $late = $db->session;
$late->run('BEGIN; UPDATE pos.account SET amount = 1000 WHERE id = 7');
$db->run("UPDATE pos.account SET amount = $_ WHERE id = 8; CALL sambapos_feed_tick()") for 1 .. 5;
ask($db, \%client);
$late->run('COMMIT');
$db->run('CALL sambapos_feed_tick()');
ask($db, \%client);
is($client{rows}{7}, 1000, 'what was written before five versions and committed after them is told');
$late->close;

# ---- one hand ----

my $first = $db->session;
$db->run('UPDATE pos.account SET amount = 1 WHERE id = 9');
$first->run('BEGIN; CALL sambapos_feed_tick()');
my $before = $db->value('SELECT version FROM sambapos.feeds');
$db->run('UPDATE pos.account SET amount = 1 WHERE id = 10; CALL sambapos_feed_tick()');
is($db->value('SELECT version FROM sambapos.feeds'), $before, 'a second tick does not wait, and gives out nothing');
$first->run('COMMIT');
$first->close;
$db->run('CALL sambapos_feed_tick()');
is($db->value('SELECT version FROM sambapos.feeds'), $before + 2, 'what it left is numbered by the next');
ask($db, \%client);
is(differs(\%client), '', 'and told');
is($db->value('BEGIN; CALL sambapos_feed_tick(); SELECT pg_current_xact_id_if_assigned()'), undef, 'a tick with nothing to do writes nothing');

# ---- who waits, and who listens ----

my $waiting = $db->session;
my $version = $db->value('SELECT version FROM sambapos.feeds');
$waiting->send("SELECT sambapos_wait_for_change('pos', $version, '50 seconds')");
my $listener = $db->session;
$listener->run('LISTEN sambapos_changed');
$db->run('UPDATE pos.account SET amount = 31415 WHERE id = 11; CALL sambapos_feed_tick()');
is(($waiting->receive)[0], $version + 1, 'who waits is told of the version');
$waiting->close;
my ($heard) = grep { /Asynchronous/ } map { @$_ } [ $listener->run('SELECT 1') ];
like($heard // '', qr/"sambapos_changed" with payload "\{.*"to": ?@{[ $version + 1 ]}\b.*"account": ?1/, 'who listens, too');
unlike($heard // '', qr/31415/, 'without a value');
$listener->close;
is(($db->error("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT sambapos_wait_for_change('pos', 0)") // {})->{sqlstate}, '55000', 'above READ COMMITTED nobody would see a change');
is($db->error("BEGIN READ ONLY; SELECT sambapos_delta_payload('pos', 1), sambapos_full_payload('pos')"), undef, 'what asks writes nothing');

# ---- what is urgent ----

$db->run(q(SELECT sambapos_add_urgent_rule('pos', 'overdrawn', 'account', '{amount}', 'r.amount < -5000')));
my $alarm = $db->session;
$alarm->run('LISTEN sambapos_urgent');
$db->run('UPDATE pos.account SET amount = -6000 WHERE id = 20; UPDATE pos.account SET amount = -4000 WHERE id = 21; CALL sambapos_feed_tick()');
my $told = join '', $alarm->run('SELECT 1');
like($told, qr/"sambapos_urgent" with payload "\{[^\n]*"key": ?\{"id": ?20\}[^\n]*"rule": ?"overdrawn"/, 'a change that a rule is about is told by key');
unlike($told, qr/"id": ?21|6000|4000/, 'others are not, and no value');
$alarm->close;

# ---- rights ----

$db->run(q(CREATE ROLE client LOGIN; CREATE ROLE stranger LOGIN; SELECT sambapos_grant('client', 'reader')));
is(($db->error("SET ROLE stranger; SELECT sambapos_full_payload('pos')") // {})->{sqlstate}, '42501', 'a stranger is told nothing');
is($db->error("SET ROLE client; SELECT sambapos_full_payload('pos')"), undef, 'a reader is');
is(($db->error('SET ROLE client; SELECT FROM pos.account') // {})->{sqlstate}, '42501', 'who cannot read the table itself');
is(($db->error("SET ROLE client; SELECT sambapos_add_to_feed('pos', 'pos.account', 'mine')") // {})->{sqlstate}, '42501', 'nor put it on a feed');

# ---- the client in the manual ----

SKIP: {
	skip 'no python3-psycopg', 3 if system(q(/usr/bin/python3 -c 'import psycopg' 2>/dev/null)) != 0;
	local @ENV{ keys %{ $cluster->{environment} } } = values %{ $cluster->{environment} };
	my $said = `/usr/bin/python3 $Harness::root/doc/examples/feed_client.py dbname=pos pos --once`;
	my $has = $json->decode($said || '{}');
	is($has->{version}, $db->value('SELECT version FROM sambapos.feeds'), 'the client in the manual takes everything');
	is(join(' ', map { "$_ $has->{rows}{account}{$_}{amount}" } sort { $a <=> $b } keys %{ $has->{rows}{account} // {} }),
		join(' ', map { "@$_" } $db->rows('SELECT id, amount FROM pos.account ORDER BY id')), 'and has what is there');
	my $paused = <<~"PYTHON";
		import sys
		sys.dont_write_bytecode = True
		sys.path.insert(0, "$Harness::root/doc/examples")
		import feed_client, psycopg
		copy = feed_client.Copy("pos", None)
		with psycopg.connect("dbname=pos", autocommit=True) as connection:
		    copy.ask(connection)
		    connection.execute("ALTER TABLE pos.account RENAME amount TO was")
		    copy.ask(connection)
		    kept = len(copy.rows["account"])
		    connection.execute("UPDATE pos.account SET was = 4711 WHERE id = 9")
		    connection.execute("ALTER TABLE pos.account RENAME was TO amount")
		    copy.ask(connection)
		    print(kept, copy.rows["account"]["9"]["amount"], end="")
		PYTHON
	is(Harness::command('/usr/bin/python3', '-c', $paused), '200 4711', 'it keeps what is paused, and takes it anew');
}

# ---- the server is killed; a copy; a standby ----

$db->run('UPDATE pos.account SET amount = 2 WHERE id = 12');
my $standby = Harness::standby($cluster);
my $copy = $standby->existing('pos');
$standby->wait;
select undef, undef, undef, 0.05 until ($copy->value('SELECT amount FROM pos.account WHERE id = 12') // '') eq '2';
ask($copy, \%client);
is(differs(\%client), '', 'a standby answers, from the same positions');

$db->run('UPDATE pos.account SET amount = amount + 1 WHERE id < 100; CALL sambapos_feed_tick(); UPDATE pos.account SET amount = 5 WHERE id = 13');
my $victim = $db->session;
$victim->run('BEGIN; UPDATE pos.account SET amount = 6 WHERE id = 14; CALL sambapos_feed_tick()');
kill 'KILL', $victim->{pid};
$victim->ask('SELECT 1');
$victim->close;
$cluster->wait;
ask($db, \%client);
is(differs(\%client), '', 'after a crash the client has what is there');
$db->run('CALL sambapos_feed_tick()');
ask($db, \%client);
is(differs(\%client), '', 'and goes on');

$db->run("UPDATE pos.account SET amount = 7 WHERE id = 15; CALL sambapos_feed_tick()");
my %stays = %client;
$cluster->existing('postgres')->run('CREATE DATABASE restored TEMPLATE pos');
my $restored = $cluster->existing('restored');
$restored->run("UPDATE pos.account SET amount = 8 WHERE id = 16; CALL sambapos_feed_tick()");
like($json->decode($restored->value("SELECT sambapos_delta_payload('pos', $stays{version}, incarnation => '$stays{incarnation}')"))->{reason}, qr/another life/, 'a copy says that its versions are others');
ask($db, \%client);
is($client{incarnation}, $stays{incarnation}, 'the original goes on');
is(differs(\%client), '', 'as it was');

done_testing();
