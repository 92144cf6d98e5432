# A dump restored into a new database goes on incrementally: nothing changes, no key is given out twice. What
# leaves with the extension, or with its files, never takes the replica along.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;
use Canonical;

# An installation that this script may uninstall.
my $prefix = "$Harness::work/dump_restore-$$.postgres";
chomp(my $pg_config = Harness::command("$Harness::root/test/harness/private-postgres", $prefix));
END { system('rm', '-rf', $prefix) if $prefix; }
my @make = ('make', '-s', '-C', $Harness::root, "PG_CONFIG=$pg_config");
Harness::command(@make, 'install');
local $ENV{SAMBAPOS_BINDIR} = $pg_config =~ s{/pg_config$}{}r;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 500 --seed 31));
my $cluster = Harness::cluster();
my $db = $cluster->database('shop');
$db->connect_till($till);
$db->run("SELECT * FROM sambapos_add_site('shop', 'till')");

sub all_ok
{
	my ($name, @rows) = @_;
	is_deeply([ map { "$_->{table_name}: $_->{message}" } grep { $_->{status} ne 'ok' } @rows ], [], "$name: every table ok");
	return @rows;
}

all_ok('first load', $db->sync);
$till->ctl(qw(play --edits 100 --seed 32));
all_ok('second sync', $db->sync);
all_ok('third sync, which judges what was missing in the second', $db->sync);

@ENV{ keys %{ $cluster->{environment} } } = values %{ $cluster->{environment} };
my $file = "$cluster->{directory}.dump";
END { unlink $file if $file; }
Harness::command('pg_dump', '--format=custom', "--file=$file", 'shop');
my $copy = $cluster->database('restored');
Harness::command('pg_restore', '--exit-on-error', '--dbname=restored', $file);
my %kept = Canonical::row_counts($db);
is_deeply({ Canonical::row_counts($copy) }, \%kept, 'the dump holds the replica');
is($copy->value("SELECT hw_utc FROM sambapos._place"), $db->value("SELECT hw_utc FROM sambapos._place"), 'and how far it had come');

# Several tables at once, in any order: the catalog's too.
sub catalog { return { map { $_->[0] => $_->[1] } $_[0]->rows(q(SELECT c.oid::regclass, (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %s', c.oid::regclass), false, true, '')))[1]
	FROM pg_class AS c WHERE c.relnamespace = 'sambapos'::regnamespace AND c.relkind = 'r')) } }
my $parallel = $cluster->database('parallel');
my $said = Harness::command('sh', '-c', 'pg_restore --jobs=4 --dbname=parallel "$0" 2>&1', $file);
is($said, '', 'pg_restore --jobs=4 says nothing');
is_deeply(catalog($parallel), catalog($db), 'and brings the whole catalog');
is_deeply({ Canonical::row_counts($parallel) }, \%kept, 'and the replica');
all_ok('first sync of what was restored in parallel', $parallel->sync);

my @rows = all_ok('first sync of the restored database', $copy->sync);
for my $column (qw(rows_inserted rows_updated rows_gone))
{
	is_deeply([ map { $_->{table_name} } grep { $_->{$column} != 0 } @rows ], [], "restored: $column is 0 everywhere");
}
my %mode = map { $_->{table_name} => $_->{mode} } @rows;
is($mode{$_}, 'incremental', "restored: $_ is read incrementally") for qw(tickets orders payments account_transaction_documents);

$till->ctl(qw(play --edits 100 --seed 33));
@rows = all_ok('new work in the restored database', $copy->sync);
cmp_ok(eval { my $n = 0; $n += $_->{rows_inserted} for @rows; $n }, '>', 0, 'new work: rows are inserted');
all_ok('and it is judged what was missing', $copy->sync);
is_deeply(Canonical::compare($till, $copy)->{differences}, [], 'new work: replica and source are equal');
$copy->run("SELECT * FROM sambapos_add_site('second', 'till', tables => ARRAY['menu'])");
is($copy->value('SELECT count(DISTINCT site_id) FROM sambapos._place'), 2, 'a second site gets a number of its own');
is($copy->value('SELECT count(*) - count(DISTINCT run_id) FROM sambapos.run'), 0, 'no run has the number of another');

# ---- leaving ----

%kept = Canonical::row_counts($copy);
$copy->run('DROP EXTENSION sambapos_fdw CASCADE');
is_deeply({ Canonical::row_counts($copy) }, \%kept, 'DROP EXTENSION CASCADE leaves the replica');

%kept = Canonical::row_counts($db);
Harness::command(@make, 'uninstall');
isnt($db->error('SELECT sambapos_fdw_version()'), undef, 'the extension\'s files are gone');
is_deeply({ Canonical::row_counts($db) }, \%kept, 'make uninstall leaves the replica');

done_testing();
