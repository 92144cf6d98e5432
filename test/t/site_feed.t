# Promise: what is compared by a tick is compared once more for a run that commits meanwhile, so that no change of a view
# over replica tables is missed. Any table can leave its site, and the site the database, while presets are on the feed.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use JSON::PP ();
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 20 --seed 5));
my $db = Harness::cluster()->database('shop');
$db->connect_till($till);
$db->run(<<'SQL');
SELECT FROM sambapos_add_site('shop', 'till', 'UTC', tables => '{reporting,menu,stock,config}');
SELECT FROM sambapos_sync('shop', on_error => 'raise');
CREATE SCHEMA own;
-- a view that takes as long as somebody holds the gate
CREATE FUNCTION own.gate() RETURNS boolean LANGUAGE plpgsql AS
$$
BEGIN
  PERFORM pg_advisory_lock_shared(42);
  PERFORM pg_advisory_unlock_shared(42);
  RETURN true;
END;
$$;
CREATE VIEW own.notes AS SELECT t.id, t.note FROM sambapos_replica.tickets AS t WHERE t.row_state = 'live' AND own.gate();
SELECT sambapos_add_to_feed('shop', 'own.notes', key => '{id}');
CALL sambapos_feed_tick('shop');
SQL
my $since = $db->value(q(SELECT version FROM sambapos.feeds WHERE feed = 'shop'));
my ($first, $second) = $till->sql('SELECT MIN(Id), MAX(Id) FROM Tickets') =~ /(\d+)\D+(\d+)/;

sub edit
{
	my ($id) = @_;
	$till->sql("UPDATE Tickets SET Note = N'changed', LastUpdateTime = GETDATE() WHERE Id = $id");
	$db->run(q(SELECT FROM sambapos_sync('shop', on_error => 'raise')));
}

my ($holder, $ticker) = map { $db->session } 1, 2;
$holder->run('SELECT pg_advisory_lock(42)');
edit($first);
$ticker->send(q(CALL sambapos_feed_tick('shop')));
select undef, undef, undef, 0.05
	until $db->value("SELECT wait_event FROM pg_stat_activity WHERE pid = $ticker->{pid}") eq 'advisory';
edit($second);
$holder->run('SELECT pg_advisory_unlock(42)');
is(($ticker->receive)[1], '', 'a tick compares while another run commits');
$db->run(q(CALL sambapos_feed_tick('shop')));
my $told = JSON::PP->new->decode($db->value("SELECT sambapos_delta_payload('shop', $since)"));
is_deeply([ sort { $a <=> $b } map { $_->{entityId} } @{ $told->{changes} } ], [ $first, $second ], 'both changes are told');

# ---- tables that leave ----

$db->run(q(SELECT sambapos_remove_from_feed('shop', 'notes'); SELECT FROM sambapos_add_entities('shop', 'pos'); SELECT FROM sambapos_add_entities('shop', 'config'); CALL sambapos_feed_tick('shop')));
my @tables = split /\n/, $db->run('SELECT DISTINCT t.table_name FROM sambapos.feed_entity AS e JOIN sambapos.replicated_table AS t ON t.table_name = ANY (e.tables) ORDER BY 1');
cmp_ok(scalar @tables, '>', 20, scalar(@tables) . ' tables are on the feed');
my %failed;
for my $table (@tables)
{
	my $error = $db->error("BEGIN; SELECT FROM sambapos_remove_table('shop', '$table'); CALL sambapos_feed_tick('shop'); SELECT sambapos_full_payload('shop'); ROLLBACK");
	$failed{$table} = $error->{message} if $error;
}
is_deeply(\%failed, {}, 'each can leave');
my ($name) = $db->rows(q(SELECT entity, payload_key FROM sambapos.entities WHERE entity = 'document_prefixes'));
$since = $db->value(q(SELECT version FROM sambapos.feeds WHERE feed = 'shop'));
$db->run(q(SELECT FROM sambapos_remove_table('shop', 'numerators'); CALL sambapos_feed_tick('shop')));
$told = JSON::PP->new->decode($db->value("SELECT sambapos_delta_payload('shop', $since)"));
is_deeply([ grep { $_ ne 'DELETE' } map { $_->{operation} } grep { $_->{entityType} eq 'document_prefixes' } @{ $told->{changes} } ], [], 'what is computed from it is gone') if $name;
is(($db->error(q(DROP VIEW own.notes; SELECT FROM sambapos_remove_site('shop', true))) // {})->{message}, undef, 'and so can the site');
done_testing();
