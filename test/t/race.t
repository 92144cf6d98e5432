# A till that sells, edits, clears, clears with reseed, clears in part and truncates, in a loop and never waiting, while
# syncs run back to back without snapshot isolation (SQL Server's default), incremental and full. After each sync: no
# value of a row of history has changed, no row has become another's, each child is under its own root, nothing is there
# twice. After two quiet runs the live rows equal the till's.
#
# SAMBAPOS_RACE_SECONDS: how long a seed races; SAMBAPOS_RACE_SEEDS: which seeds, as 1,2,3; SAMBAPOS_RACE_SNAPSHOT=on.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;
use Canonical;
use Player;
use Time::HiRes qw(time);

my $seconds = $ENV{SAMBAPOS_RACE_SECONDS} // 15;
my $snapshot = $ENV{SAMBAPOS_RACE_SNAPSHOT} // 'off';
my $cluster = Harness::cluster();

# What a run must never do, looked for after each one.
sub prepare
{
	my ($db) = @_;
	my %named = (tickets => 'note', ticket_entities => 'entity_name', orders => 'menu_item_name', payments => 'name',
		account_transaction_documents => 'name', account_transactions => 'name', account_transaction_values => 'name');
	$db->run('CREATE TABLE known (relation name, key text, sale text, kept text, PRIMARY KEY (relation, key))');
	return join "\n", map {
		my $roots = /^account/ ? 'account_transaction_documents' : 'tickets';
		my $to_root = { ticket_entities => 'root_id', orders => 'ticket_id', payments => 'ticket_id' }->{$_} // 'account_transaction_document_id';
		my $root_name = $named{$roots};
		my $rows = "(SELECT jsonb_build_array(t.epoch, t.id" . ($_ eq $roots ? '' : ", t.$to_root") . ")::text AS key, t.$named{$_} AS sale,
			CASE WHEN t.row_state <> 'live' THEN md5((to_jsonb(t) - '{row_state,synced_at,version,document_epoch}'::text[])::text) END AS kept
			FROM sambapos_replica.$_ AS t)";
		"SELECT '$_: row of history changed', n.key, k.sale || ' -> ' || n.sale FROM $rows AS n JOIN known AS k USING (key) WHERE k.relation = '$_' AND n.kept <> k.kept;
		 SELECT '$_: became another', n.key, k.sale || ' -> ' || n.sale FROM $rows AS n JOIN known AS k USING (key) WHERE k.relation = '$_' AND n.sale <> k.sale;
		 SELECT '$_: lost', k.key, k.sale FROM known AS k WHERE k.relation = '$_' AND NOT EXISTS (SELECT FROM $rows AS n WHERE n.key = k.key);
		 INSERT INTO known SELECT '$_', n.key, n.sale, n.kept FROM $rows AS n ON CONFLICT (relation, key) DO UPDATE SET kept = excluded.kept;" .
		($_ eq $roots
			? "SELECT '$_: there twice', max(t.id)::text, t.$named{$_} FROM sambapos_replica.$_ AS t WHERE t.row_state IN ('live', 'cleared', 'superseded') GROUP BY 3 HAVING count(*) > 1;"
			: "SELECT '$_: under another root', t.id::text, t.$named{$_} || ' under ' || coalesce(p.$root_name, 'none') FROM sambapos_replica.$_ AS t
			   LEFT JOIN sambapos_replica.$roots AS p ON (p.site_id, p.epoch, p.id) = (t.site_id, t.epoch, t.$to_root) WHERE p.$root_name IS DISTINCT FROM t.$named{$_};")
	} sort keys %named;
}

for my $seed (split /,/, $ENV{SAMBAPOS_RACE_SEEDS} // '1')
{
	my $till = Harness::till('--snapshot', $snapshot);
	my $db = $cluster->database("seed$seed");
	$db->connect_till($till);
	my $names = join ', ', map { "'$_'" } @Player::tables;
	$db->run("SELECT * FROM sambapos_add_site('shop', 'till', 'UTC', ARRAY[$names])");
	my $look = prepare($db);
	my $session = $db->session;

	my $player = fork // die "fork: $!";
	Player->new($seed)->play($till) unless $player;
	my ($runs, @faults, @failed) = (0);
	srand 1000 + $seed;
	for (my $end = time + $seconds; time < $end || $runs < 4; $runs++)
	{
		my $mode = rand() < 0.25 ? 'full' : 'auto';
		push @failed, map { "$_->[0]: $_->[1] $_->[2]" } grep { $_->[1] ne 'ok' }
			$session->rows("SELECT table_name, status, message FROM sambapos_sync('shop', mode => '$mode')");
		push @faults, map { "run $runs ($mode): @$_" } $session->rows($look);
		last if @faults;
	}
	kill 'TERM', $player;
	waitpid $player, 0;
	is($? >> 8, 0, "seed $seed: the till played to the end");
	is_deeply(\@failed, [], "seed $seed: all of $runs runs are well");
	$session->run("SELECT * FROM sambapos_sync('shop')") for 1 .. 2;
	push @faults, $session->rows($look);
	is_deeply(\@faults, [], "seed $seed: no row of history has changed, none is another's") or diag(join "\n", map { ref ? "@$_" : $_ } @faults[0 .. ($#faults > 9 ? 9 : $#faults)]);
	is_deeply(Canonical::compare($till, $db)->{differences}, [], "seed $seed: live rows equal the till's");
	note(sprintf 'seed %d: %d runs, %s', $seed, $runs, $session->value(
		"SELECT format('%s epochs, %s tickets of %s sold', (SELECT count(*) FROM sambapos.epoch), count(*), max(split_part(note, ' ', 2)::int)) FROM sambapos_replica.tickets"));
	note(join "\n", map { join ' ', @$_ } $session->rows('SELECT kind, count(*), count(*) FILTER (WHERE evidence ? \'undecided\') FROM sambapos.source_events GROUP BY 1'));
}
done_testing();
