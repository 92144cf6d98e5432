# Promise: who was granted one site sees it alone also after a dump was restored, where the roles are there and where they
# are not; a grant waits for those who hold a table, holds up no reader, and changes nothing when it cannot be made; the
# sync goes on as before.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 20 --seed 7));
my $cluster = Harness::cluster();
my $db = $cluster->database('shops');
$db->connect_till($till);
my $tables = '{menu_items,tickets,payments,orders,account_transaction_documents}';
$db->run("SELECT FROM sambapos_add_site('$_', 'till', 'UTC', '$tables')") for qw(hotel bar);
$db->run('SELECT FROM sambapos_sync()');
$db->run("CREATE ROLE office LOGIN; CREATE ROLE boss LOGIN; CREATE ROLE dumper LOGIN; GRANT pg_read_all_data TO dumper");

sub as { my ($role, $sql) = @_; return "SET ROLE $role; $sql; RESET ROLE" }
sub sites { my ($db, $role) = @_; return [ map { join ' ', @$_ } $db->rows(as($role, q(SELECT 'status ' || site FROM sambapos_status() UNION ALL
	SELECT DISTINCT 'tickets ' || site FROM sambapos_report.tickets UNION ALL SELECT DISTINCT 'rows ' || site_id FROM sambapos_replica.orders UNION ALL SELECT DISTINCT 'runs ' || site_id FROM sambapos.run ORDER BY 1))) ] }
my @one = ('rows 1', 'runs 1', 'status hotel', 'tickets hotel');
my @all = ('rows 1', 'rows 2', 'runs 1', 'runs 2', 'status bar', 'status hotel', 'tickets bar', 'tickets hotel');

# ---- a table that is held ----

my $report = $db->session;
$report->run("BEGIN; SELECT count(*) FROM sambapos_replica.tickets");
my $grant = $db->session;
$grant->send("SELECT sambapos_grant('office', 'reader', '{hotel}')");
my $reads = 0;
for (1 .. 20)
{
	$reads++ if $db->value("SET lock_timeout = '3s'; SELECT count(*) > 0 FROM sambapos_replica.tickets") eq 't';
}
is($reads, 20, 'while a grant waits for a report, others read');
ok(!$grant->is_answered, 'and it waits');
is($db->error("SELECT FROM pg_class WHERE oid = 'sambapos_replica.tickets'::regclass FOR UPDATE NOWAIT"), undef, 'and has not touched what a VACUUM of that table would wait for: neither would end');
$report->run('COMMIT');
is($grant->error('SELECT 1'), undef, 'when the report has ended it is made');
is_deeply(sites($db, 'office'), \@one, 'the reader sees its site');

$report->run("BEGIN; SELECT count(*) FROM sambapos_replica.tickets");
my $error = $db->error("SELECT sambapos_grant('boss', 'reader', '{hotel,bar}')");
is($error->{sqlstate}, '55P03', 'a report that does not end makes a grant fail');
like($error->{message}, qr/^the sites that a role may see could not be set: others use table sambapos_replica.tickets$/, 'which says whose');
$report->run('COMMIT');
is($db->value("SELECT count(*) FROM sambapos.grants WHERE role = 'boss'") . $db->value("SELECT has_table_privilege('boss', 'sambapos_replica.tickets', 'SELECT')"), '0f', 'and has changed nothing');
is(($db->psql("SELECT sambapos_grant('boss', 'reader', '{bar}'); SELECT sambapos_grant('boss', 'reader')"))[1], '', 'made, and made otherwise, without a word');
is_deeply(sites($db, 'boss'), \@all, 'a reader of all sites sees all');

# ---- the sync ----

$till->ctl(qw(play --edits 20 --seed 8));
is_deeply([ grep { $_->{status} ne 'ok' } $db->sync("NULL") ], [], 'the sync goes on');
is($db->value("SELECT string_agg(code_of_others, ', ') FROM sambapos.table_state"), undef, 'and takes no policy for code of others');

# ---- dump and restore ----

@ENV{ keys %{ $cluster->{environment} } } = values %{ $cluster->{environment} };
my $file = "$cluster->{directory}.dump";
END { unlink $file if $file; }
Harness::command('pg_dump', '--format=custom', "--file=$file", 'shops');
my $copy = $cluster->database('copy');
is(Harness::command('sh', '-c', 'pg_restore --exit-on-error --dbname=copy "$0" 2>&1', $file), '', 'a dump is restored without a word');
is_deeply(sites($copy, 'office'), \@one, 'there the reader of one site sees it alone');
is_deeply(sites($copy, 'boss'), \@all, 'and that of all sees all');
is_deeply([ grep { $_->{status} ne 'ok' } $copy->sync("NULL") ], [], 'the sync goes on there');
$copy->run("SELECT FROM sambapos_add_site('hotel', 'till', 'UTC', '{states}'); SELECT FROM sambapos_add_site('bar', 'till', 'UTC', '{states}'); SELECT FROM sambapos_sync()");
is_deeply([ $copy->rows(as('office', 'SELECT DISTINCT site_id FROM sambapos_replica.states')) ], [ ['1'] ], 'a table that is added there shows it its site');
like(Harness::command('sh', '-c', 'pg_dump --role=dumper --data-only --table=sambapos.run shops 2>&1; true'), qr/row-level security/, 'a role that could read everything, and meets policies, makes no dump with holes');

# ---- another server ----

my $elsewhere = Harness::cluster();
@ENV{ keys %{ $elsewhere->{environment} } } = values %{ $elsewhere->{environment} };
my $there = $elsewhere->database('there');
Harness::command('sh', '-c', 'pg_restore --dbname=there "$0" >/dev/null 2>&1 || true', $file);
is($there->value('SELECT count(*) FROM sambapos_report.tickets') > 0, 1, 'without its roles a dump is restored all the same');
is_deeply([ grep { $_->{status} ne 'ok' } $there->sync("NULL") ], [], 'and synced');
is_deeply([ $there->rows('SELECT role, sites, role_exists FROM sambapos.grants ORDER BY 1') ], [ [ 'boss', undef, 'f' ], [ 'office', '{hotel}', 'f' ] ], 'the levels are known');
$there->run('CREATE ROLE office; SELECT sambapos_grant(role, level, sites) FROM sambapos.grants WHERE role_exists');
is_deeply(sites($there, 'office'), \@one, 'and given again with one statement');

# ---- without the extension ----

$there->run('DROP EXTENSION sambapos_fdw CASCADE');
is($there->value(as('office', 'SELECT count(*) FROM sambapos_replica.tickets')), '0', 'when the extension is gone such a role sees no row');
cmp_ok($there->value('SELECT count(*) FROM sambapos_replica.tickets'), '>', 0, 'the owner does');

done_testing();
