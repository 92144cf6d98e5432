# Promise: dump, drop the database, restore, resume, sync: no row differs, nothing is loaded anew, the manifest is
# verified; in each format of pg_dump, in parallel, in sections, by schema and data, without user mappings, and on
# another server. A restored database leaves the till alone until somebody says otherwise.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;
use Canonical;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 200 --seed 41));
my $cluster = Harness::cluster();
my $elsewhere = Harness::cluster();
my $db = $cluster->database('shop');
$db->connect_till($till);
$db->run(q(SELECT FROM sambapos_add_site('shop', 'till', 'UTC')));
sub sync_ok { my ($what, $on) = @_; is_deeply([ map { "$_->{table_name}: $_->{message}" } grep { $_->{status} ne 'ok' } $on->sync ], [], "$what: every table ok") }
sync_ok('first load', $db);
$till->ctl(qw(play --edits 40 --seed 42));
sync_ok('second sync', $db);
sync_ok('third sync, which judges what the second missed', $db);
$till->ctl('clear');
sync_ok('a clear', $db);
$till->ctl(qw(play --edits 20 --seed 43));
sync_ok('new work', $db) for 1 .. 3;

# ---- the dumps, all of the moment of the manifest ----

my $files = "$cluster->{directory}.dumps";
mkdir $files or die $!;
END { system('rm', '-rf', $files) if $files; }

sub at { my ($where) = @_; return map { "$_=$where->{environment}{$_}" } keys %{ $where->{environment} } }
sub dump_as { my ($name, @options) = @_; Harness::command('env', at($cluster), 'pg_dump', "--snapshot=$_", "--file=$files/$name", @options, 'shop') for @main::snapshot }
our @snapshot;
my $session = $db->session;
$session->run('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
@snapshot = $session->value('SELECT pg_export_snapshot()');
my $manifest = $session->value('SELECT sambapos_backup_manifest()');
# what comes now is in neither
$till->ctl(qw(play --edits 5 --seed 44));
sync_ok('a sync while the backup is made', $db);
dump_as('plain');
dump_as('custom', '--format=custom');
dump_as('directory', '--format=directory');
dump_as('parallel', '--format=directory', '--jobs=4');
dump_as('schema', '--format=custom', '--schema-only');
dump_as('data', '--format=custom', '--data-only');
dump_as('rows', '--schema=sambapos_replica');
dump_as('catalog_and_rows', '--format=custom', '--extension=sambapos_fdw', '--schema=sambapos', '--schema=sambapos_replica', '--schema=sambapos_report');
$session->run('COMMIT');
$session->close;
my $runs = $db->value('SELECT count(*) FROM sambapos.run') - 1;
unlike(Harness::command('cat', "$files/rows"), qr/\Q$till->{password}\E/, 'the dump of the replica alone has no password');

# ---- whether it is all there ----

sub faults
{
	my ($on) = @_;
	return [ map { join ' ', @$_ } $on->rows(qq(SELECT * FROM sambapos_verify_restore(\$m\$$manifest\$m\$) WHERE status <> 'ok')) ];
}

# Errors of the restore, but for those of what a new database has already.
sub restore
{
	my ($where, $name, $command) = @_;
	return Harness::command('env', at($where), 'sh', '-c', "$command 2>&1; true");
}

sub goes_on
{
	my ($what, $on) = @_;
	is_deeply(faults($on), [], "$what: the manifest is verified");
	is($on->value('SELECT light FROM sambapos_status()'), 'red', "$what: the light is red");
	$on->run('CALL sambapos_run()');
	is($on->value('SELECT count(*) FROM sambapos.run'), $runs, "$what: no scheduled run starts");
	is($on->run('SELECT * FROM sambapos_resume()'), "shop\tresumed", "$what: it is resumed");
	is_deeply(faults($on), [], "$what: the manifest is verified still");
	# by a scheduled run: what has come meanwhile is read, and nothing else
	$on->run(q(UPDATE sambapos.site_state SET next_due_at = now(); CALL sambapos_run()));
	my @lines = $on->rows(q(SELECT table_name, mode, status FROM sambapos.run_table WHERE run_id = (SELECT max(run_id) FROM sambapos.run)));
	is_deeply([ map { "@$_" } grep { $_->[1] eq 'full' && $_->[0] =~ /^(?:tickets|orders|payments|account_transaction)/ || $_->[2] ne 'ok' } @lines ], [], "$what: nothing is loaded anew")
		or diag($on->run('SELECT * FROM sambapos.run ORDER BY run_id DESC LIMIT 1'));
	$on->run('SELECT FROM sambapos_sync()');
	is_deeply(Canonical::compare($till, $on)->{differences}, [], "$what: no row differs");
	is_deeply([ grep { /^\S+ \S+ error/ } @{ faults($on) } ], [], "$what: nothing of what the manifest names is lost since");
	is($on->value(q(SELECT count(*) FROM sambapos.run WHERE trigger = 'schedule')), 1, "$what: it was one scheduled run");
}

$db->run('SELECT FROM sambapos_sync()');
is(scalar @{ faults($db) } > 0, 1, 'the original has gone on since');
(bless { %$db, name => 'postgres' }, 'Harness::Database')->run('DROP DATABASE shop');

my %restored = (
	plain => 'psql -qX -v ON_ERROR_STOP=1 -f %s -d %s >/dev/null',
	custom => 'pg_restore -d %2$s %1$s',
	directory => 'pg_restore --single-transaction -d %2$s %1$s',
	parallel => 'pg_restore --jobs=4 -d %2$s %1$s');
for my $format (sort keys %restored)
{
	my $name = $format eq 'plain' ? 'shop' : "shop_$format";
	my $copy = $cluster->database($name);
	is(restore($cluster, $name, sprintf $restored{$format}, "$files/$format", $name), '', "$format: restored without a word");
	goes_on($format, $copy);
}

# ---- on another server, with other names ----

{
	my $copy = $elsewhere->database('hotel');
	is(restore($elsewhere, 'hotel', "pg_restore --jobs=4 --no-owner -d hotel $files/custom"), '', 'another server: restored without a word');
	like($copy->value('SELECT reason FROM sambapos_status()'), qr/another server's database "shop" \(system identifier \d+\)/, 'another server: the light says so');
	goes_on('another server', $copy);
}

# ---- in parts ----

{
	my $copy = $cluster->database('in_sections');
	is(restore($cluster, 'in_sections', join ';', map { "pg_restore --section=$_ -d in_sections $files/custom" } qw(pre-data data post-data)), '', 'sections: restored without a word');
	goes_on('sections', $copy);
}
{
	my $copy = $cluster->database('schema_and_data');
	is(restore($cluster, 'schema_and_data', "pg_restore -d schema_and_data $files/schema; pg_restore --data-only --jobs=2 -d schema_and_data $files/data"), '', 'schema, then data: restored without a word');
	goes_on('schema, then data', $copy);
	is(restore($cluster, 'schema_and_data', "pg_restore --clean --if-exists -d schema_and_data $files/custom"), '', 'over it with --clean: restored without a word');
	goes_on('over it with --clean', $copy);
}

# ---- without user mappings ----

{
	my $copy = $cluster->database('no_mapping');
	is(restore($cluster, 'no_mapping', "pg_restore -l $files/custom | grep -v 'USER MAPPING' >$files/list; pg_restore -L $files/list -d no_mapping $files/custom"), '', 'no mapping: restored without a word');
	is($copy->value('SELECT count(*) FROM pg_user_mappings'), 0, 'no mapping: there is none');
	like(join('; ', @{ faults($copy) }), qr/^way shop warning role \S+ has no user mapping: CREATE USER MAPPING FOR \S+ SERVER till OPTIONS \([^;]*$/, 'no mapping: verified, but for that');
	$copy->run("CREATE USER MAPPING FOR CURRENT_USER SERVER till OPTIONS (username '$till->{username}', password '$till->{password}')");
	goes_on('no mapping', $copy);
}

# ---- the rows alone, and with the catalog ----

{
	my $copy = $cluster->database('rows_only');
	is(restore($cluster, 'rows_only', "psql -qX -v ON_ERROR_STOP=1 -f $files/rows -d rows_only >/dev/null"), '', 'rows alone: restored without a word, and without the extension');
	cmp_ok($copy->value(q(SELECT count(*) FROM sambapos_replica.tickets WHERE row_state = 'cleared')), '>', 100, 'rows alone: history is there');
	is($copy->error(q(UPDATE sambapos_replica.tickets SET total_amount = 0 WHERE row_state = 'cleared'))->{sqlstate}, '23000', 'rows alone: and keeps its values');
}
{
	my $copy = $cluster->database('without_server');
	is(restore($cluster, 'without_server', "pg_restore -d without_server $files/catalog_and_rows"), '', 'catalog and rows: restored without a word');
	like(join('; ', @{ faults($copy) }), qr/^way shop error server "till" is not there$/, 'catalog and rows: verified, but for the server');
	$copy->connect_till($till);
	like(join('; ', @{ faults($copy) }), qr/^way shop error foreign tables are missing; SELECT \* FROM sambapos_add_site\('shop', 'till'\)/, 'catalog and rows: and for the foreign tables');
	is_deeply([ map { $_->[0] } $copy->rows(q(SELECT DISTINCT action FROM sambapos_add_site('shop', 'till'))) ], ['made again'], 'catalog and rows: which are made again');
	goes_on('catalog and rows', $copy);
}
done_testing();
