# Promise: a call of sambapos_sync for many sites leaves room in the server's lock table for everybody else: each further
# site costs a lock for each of its live tables and hardly more, and before half of the room is taken up the call goes no
# further and says so.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 20 --seed 19));
my $tables = '{menu_items,states,tickets,payments,orders,account_transaction_documents}';

sub sites
{
	my ($cluster, $count) = @_;
	my $db = $cluster->database('shops');
	$db->connect_till($till);
	$db->run("SELECT FROM sambapos_add_site('s$_', 'till', 'UTC', '$tables')") for 1 .. $count;
	return $db;
}

sub locks_after_sync
{
	my ($db, $only) = @_;
	$db->run("UPDATE sambapos.site SET enabled = name = ANY ('{$only}')");
	return $db->value(q(BEGIN; DO $$ BEGIN PERFORM FROM sambapos_sync(mode => 'full'); END $$;
		SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid(); COMMIT));
}

my $db = sites(Harness::cluster(), 6);
$db->run('SELECT FROM sambapos_sync()');    # a first load does without some of what later runs look at
my ($two, $six) = map { locks_after_sync($db, $_) } 's1,s2', 's1,s2,s3,s4,s5,s6';
note("two sites: $two locks, six: $six");
cmp_ok($six - $two, '<=', 4 * (6 + 4), 'each further site takes a lock for each of its tables and hardly more');
is($db->value(q(SELECT count(DISTINCT site_id) FROM sambapos_replica.orders WHERE row_state = 'live')), '6', 'the rows of all six are read');
is($db->value(q(SELECT count(*) FROM (SELECT md5(string_agg(concat_ws('|', id, ticket_id, menu_item_id, price), '+' ORDER BY id)) FROM sambapos_replica.orders GROUP BY site_id) AS s (sum) GROUP BY sum)), '6',
	'each with its own, through tables that were made once');

# ---- little room ----

my $small = sites(Harness::cluster(max_connections => 20, max_locks_per_transaction => 20), 8);
my @rows = $small->rows(q(SELECT site, coalesce(table_name, '-'), status, message FROM sambapos_sync()));
is(scalar(grep { $_->[0] eq 's1' && $_->[2] eq 'ok' } @rows), 6, 'with little room the first site is synced');
my ($refused) = grep { $_->[0] eq 's8' } @rows;
is("@$refused[1, 2]", '- failed', 'a later one is not');
like($refused->[3], qr/^not synced: this call holds \d+ of the 400 locks of the server; sync this site in a call of its own, or all with CALL sambapos_run\(\)$/, 'and it says why, and what to do');
is($small->value(q(SELECT count(*) FROM sambapos_sync('s8') WHERE status = 'ok')), '6', 'alone it is');
like($small->error(q(SELECT FROM sambapos_sync(on_error => 'raise')))->{message} // '', qr/^sync of site "s\d" failed: not synced/, 'with on_error => \'raise\' it is an error');

done_testing();
