# Promise: a client that asks the feed of a site for what is new, and for what that names, has after each call what a fresh
# full payload says: with presets pos and config and the tickets themselves on the feed, through a busy day, a clear, a
# reseed, a reconciliation that repairs, and tables that leave the site and come back. Where little has changed it is told
# changes, and not to take all anew.
#
# SAMBAPOS_FEED_TICKETS (200; `make soak-feed`: 20000) says how many tickets the till has, SAMBAPOS_FEED_ROUNDS (3; 10 there)
# how often the client asks on that day.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Time::HiRes qw(time);
use Harness;

my $tickets = $ENV{SAMBAPOS_FEED_TICKETS} // 200;
my $rounds = $ENV{SAMBAPOS_FEED_ROUNDS} // 3;
my $till = Harness::till();
$till->ctl('fill', '--tickets', $tickets, '--seed', 7);
my $db = Harness::cluster()->database('shop');
$db->connect_till($till);
my $session = $db->session;
$session->run(<<'SQL');
SELECT FROM sambapos_add_site('shop', 'till', 'UTC', tables => '{reporting,menu,stock,config}');
SELECT FROM sambapos_sync('shop', on_error => 'raise');
SELECT FROM sambapos_add_entities('shop', 'pos');
SELECT FROM sambapos_add_entities('shop', 'config');
SELECT sambapos_add_to_feed('shop', 'sambapos_replica.' || t) FROM unnest('{tickets,orders,payments}'::text[]) AS t;
CALL sambapos_feed_tick('shop');
SQL

# ---- the client: a table of its own, and what the manual says that one does with an answer ----

$session->run(<<'SQL');
CREATE SCHEMA client;
CREATE TABLE client.copy (entity text, id jsonb, data jsonb, PRIMARY KEY (entity, id));
CREATE TABLE client.position (version bigint, incarnation uuid);
CREATE TABLE client.heard (what text, entity text);
INSERT INTO client.position VALUES (NULL, NULL);
-- the rows of a full payload; of an entity that is paused there is no array
CREATE FUNCTION client.rows_of(answer jsonb) RETURNS TABLE (entity text, id jsonb, data jsonb) LANGUAGE sql AS
$$
SELECT e.entity, CASE WHEN cardinality(e.key) = 1 THEN r.data -> e.key[1]::text ELSE (SELECT jsonb_object_agg(k, r.data -> k::text) FROM unnest(e.key) AS k) END, r.data
FROM sambapos.entities AS e, jsonb_array_elements(answer -> e.payload_key) AS r (data)
WHERE e.feed = 'shop' AND answer ? e.payload_key;
$$;
CREATE FUNCTION client.take(which text[]) RETURNS jsonb LANGUAGE plpgsql AS
$$
DECLARE
  answer jsonb := sambapos_full_payload('shop', NULL, which);
BEGIN
  DELETE FROM client.copy AS c USING sambapos.entities AS e
  WHERE e.feed = 'shop' AND e.entity = c.entity AND answer ? e.payload_key AND (which IS NULL OR c.entity = ANY (which));
  INSERT INTO client.copy SELECT * FROM client.rows_of(answer);
  RETURN answer;
END;
$$;
CREATE FUNCTION client.ask() RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
  answer jsonb := (SELECT sambapos_delta_payload('shop', p.version, incarnation => p.incarnation) FROM client.position AS p);
  whole jsonb;
BEGIN
  IF answer ? 'fullRequired' AND (answer ->> 'fullRequired')::boolean THEN
    whole := client.take(NULL);
    UPDATE client.position SET version = (whole ->> 'version')::bigint, incarnation = (whole ->> 'incarnation')::uuid;
    INSERT INTO client.heard VALUES ('fullRequired', NULL);
    RETURN;
  END IF;
  INSERT INTO client.heard SELECT 'full', x FROM jsonb_array_elements_text(answer -> 'fullEntities') AS x;
  INSERT INTO client.heard SELECT c ->> 'operation', c ->> 'entityType' FROM jsonb_array_elements(answer -> 'changes') AS c;
  IF answer -> 'fullEntities' <> '[]' THEN
    PERFORM client.take(ARRAY(SELECT jsonb_array_elements_text(answer -> 'fullEntities')));
  END IF;
  DELETE FROM client.copy AS k USING jsonb_array_elements(answer -> 'changes') AS c WHERE (k.entity, k.id) = (c ->> 'entityType', c -> 'entityId');
  INSERT INTO client.copy SELECT c ->> 'entityType', c -> 'entityId', c -> 'data' FROM jsonb_array_elements(answer -> 'changes') AS c WHERE c ->> 'operation' <> 'DELETE';
  UPDATE client.position SET version = (answer ->> 'toVersion')::bigint;
END;
$$;
CREATE FUNCTION client.differences() RETURNS SETOF text LANGUAGE sql AS
$$
WITH fresh AS MATERIALIZED (SELECT r.* FROM client.rows_of(sambapos_full_payload('shop')) AS r)
SELECT concat_ws(' ', c.entity, f.entity, c.id, f.id, CASE WHEN f.id IS NULL THEN 'is not there' WHEN c.id IS NULL THEN 'is missing' ELSE 'is another' END)
FROM client.copy AS c FULL JOIN fresh AS f ON (f.entity, f.id) = (c.entity, c.id) WHERE c.data::text IS DISTINCT FROM f.data::text LIMIT 3;
$$;
SQL

sub heard { my ($condition) = @_; return $session->value("SELECT count(*) FROM client.heard WHERE $condition") }
sub has { my ($entity) = @_; return $session->value("SELECT count(*) FROM client.copy WHERE entity = '$entity'") }

my ($seconds, $asked) = (0, 0);

sub ask
{
	my $begin = time;
	$session->run('SELECT client.ask()');
	$seconds += time - $begin;
	$asked++;
}

sub sync { $session->run(q(SELECT FROM sambapos_sync('shop', on_error => 'raise'))) }

# Asks before the tick and after it.
sub holds
{
	my ($what) = @_;
	my @found;
	for my $tick (0, 1)
	{
		$session->run(q(CALL sambapos_feed_tick('shop'))) if $tick;
		ask();
		push @found, map { @$_ } $session->rows('SELECT client.differences()');
	}
	is_deeply(\@found, [], "the copy is what is there: $what");
}

holds('at first');
cmp_ok(has('tickets'), '>=', $tickets, 'the tickets are on the feed');
cmp_ok($session->value('SELECT count(DISTINCT entity) FROM client.copy'), '>', 20, 'and much else');
$session->run('DELETE FROM client.heard');
($seconds, $asked) = (0, 0);

for my $round (1 .. $rounds)
{
	$till->ctl('play', '--edits', 40, '--seed', 100 + $round);
	sync();
	holds("round $round of a busy day");
}
cmp_ok(heard(q(what IN ('INSERT', 'UPDATE', 'DELETE'))), '>', 20 * $rounds, 'changes were told');
is(heard(q(what = 'fullRequired')), 0, 'never was all to be taken anew');
is(heard(q(what = 'full' AND entity IN ('tickets', 'orders', 'payments'))), 0, 'nor all tickets');
note(sprintf '%d tickets: %d calls of %.3f seconds', $tickets, $asked, $seconds / $asked);

# ---- a reconciliation ----

$till->ctl('play', '--edits', 40, '--unseen', '--seed', 12);
sync() for 1 .. 2;
holds('edits that leave no trace');
$session->run(q(CREATE TEMP TABLE before AS SELECT * FROM client.copy WHERE entity = 'orders'));
my $repaired = $session->value(q(SELECT count(*) FROM sambapos_reconcile('shop', tier => 2) WHERE status = 'repaired'));
cmp_ok($repaired, '>', 0, "$repaired findings of a reconciliation were repaired");
holds('what it has repaired');
cmp_ok($session->value('SELECT count(*) FROM (SELECT * FROM before EXCEPT SELECT * FROM client.copy) AS x'), '>', 0, 'which the client was told');

# ---- a clear, and one that begins again at 1 ----

for my $how ([], ['--reseed'])
{
	my $were = has('tickets');
	$till->ctl('clear', @$how);
	sync();
	holds("a clear @$how");
	cmp_ok(has('tickets'), '<', $were / 2, "it has taken the tickets: @$how");
	$till->ctl('fill', '--tickets', 1 + int($tickets / 10), '--seed', 20 + @$how);
	$till->ctl('play', '--edits', 20, '--seed', 30 + @$how);
	sync();
	holds("the day after @$how");
}

# ---- tables that leave, and come back ----

for my $table (qw(payments numerators))
{
	$session->run("SELECT FROM sambapos_remove_table('shop', '$table')");
	$till->ctl(qw(play --edits 10 --seed 51));
	holds("$table has left the site");
	$session->run("SELECT FROM sambapos_add_table('shop', '$table')");
	sync();
	holds("$table is back");
}
done_testing();
