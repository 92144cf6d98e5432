# Promise: nothing of ours is looked up outside pg_catalog. Another role has made a function, operator or type for
# every name our SQL uses (Traps.pm), in public or in a schema called like the role that runs; installing, adding a
# site, syncing, ticking, configuring, updating the extension and reading every view and function calls none.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;
use Traps;

my @sources = glob "$Harness::root/sql/*/*.sql";
my %names = Traps::names_in(@sources);
my $till = Harness::till();
$till->ctl(qw(fill --tickets 30 --seed 5));
my $cluster = Harness::cluster(max_locks_per_transaction => 1024);
my $server = "OPTIONS (host '$till->{host}', port '$till->{port}', database '$till->{database}', encryption '$till->{encryption}')";
my $mapping = "OPTIONS (username '$till->{username}', password '" . $till->{password} =~ s/'/''/gr . "')";
my $column = 0;

my $origin = $cluster->database('origin');
my $made = Traps::make($origin, 'public', %names);
cmp_ok($made, '>', 10_000, "$made traps are set");
note scalar @{ $names{words} }, ' words, ', scalar @{ $names{operators} }, ' operators are in the sources';

# ---- they bite ----

for my $bait ("SELECT '{a}'::pg_catalog.text[] <> '{b}'::pg_catalog.text[]", 'SELECT 1.5::pg_catalog.float8 > 1',
	"SELECT pg_catalog.current_database() || 'x'::pg_catalog.text", "SELECT jsonb_build_object('a'::pg_catalog.text, 'b'::pg_catalog.text)",
	"SELECT 1::pg_catalog.oid = 'pg_class'::pg_catalog.regclass", "SET search_path = public, pg_catalog; SELECT 'a'::text", 'SET search_path = public, pg_catalog; SELECT length(\'a\')')
{
	like($origin->error($bait)->{message}, qr/^trap: /, "a name that is looked up outside pg_catalog is caught: $bait");
}
cmp_ok(Traps::hits($origin), '>=', 7, 'and counted');

# ---- nothing of ours steps into one ----

# An update that makes every function, procedure and view anew; one version more, for this test.
my $extensions = Harness::command('pg_config', '--sharedir') =~ s/\n//r . '/extension';
my ($version) = map { /default_version\s*=\s*'(.*)'/ } split /\n/, Harness::command('cat', "$Harness::root/sambapos_fdw.control");
my $update = "$extensions/sambapos_fdw--$version--$version-traps.sql";
{
	open my $in, '<', "$extensions/sambapos_fdw--$version.sql" or die $!;
	my $script = do { local $/; <$in> };
	my $begin = $script =~ /^(SET LOCAL search_path[^\n]*\n)/m ? $1 : '';
	open my $out, '>', $update or die "$update: $!";
	print $out $begin, map { s/^CREATE (FUNCTION|PROCEDURE|VIEW)/CREATE OR REPLACE $1/r . "\n" }
		$script =~ /^(CREATE (?:FUNCTION|PROCEDURE) .*?(?:\$\$;|'MODULE_PATHNAME'(?:, '\w+')?;)|CREATE VIEW .*?;)$/msg;
	close $out;
}
END { unlink $update if $update }

# What psql says on its second stream, but for notices.
sub complaints
{
	my ($db, $sql, $role) = @_;
	return ($db->psql($sql, '-U', $role))[1] =~ s{^.*?(?:NOTICE|DEBUG):[^\n]*\n(?:(?:DETAIL|HINT|LOCATION):[^\n]*\n)*}{}mgr;
}

sub walk
{
	my ($db, $role) = @_;
	my @steps = (
		[ 'adding a site', "SELECT FROM sambapos_add_site('main', 'hotel', 'Europe/Istanbul')" ],
		[ 'the first load', "SELECT FROM sambapos_sync('main')" ],
		[ 'adding it again', "SELECT FROM sambapos_add_site('main', 'hotel')" ],
		[ 'another set', "SELECT FROM sambapos_add_table('main', 'menu')" ],
		[ 'a run', "SELECT sambapos_request_sync('main'); CALL sambapos_run('main')" ],
		[ 'a run of all', 'CALL sambapos_run()' ],
		[ 'a tick', "CALL sambapos._tick('main'); CALL sambapos._tick('main', true)" ],
		[ 'a whole sync', "SELECT FROM sambapos_sync('main', NULL, 'full', 'raise')" ],
		[ 'settings', "SELECT sambapos_configure('main', 'sync_interval', '5 minutes'); SELECT sambapos_configure('main', 'opening_hours', 'mon-sat 09:00-23:30');
			SELECT sambapos_configure('main', 'day_rule', 'ticket midnight'); SELECT sambapos_configure(NULL, 'enabled', 'true');
			SELECT sambapos_configure('main', 'personal', 'null', 'entities.notes'); SELECT sambapos_configure('main', 'enabled', 'true', 'tickets')" ],
		[ 'the status', "SELECT FROM sambapos_status(); SELECT FROM sambapos_status('main')" ],
		[ 'removing a table', "SELECT FROM sambapos_remove_table('main', 'calculations', true)" ],
	);
	for my $step (@steps)
	{
		my ($name, $sql) = @$step;
		is(complaints($db, $sql, $role), '', "$name, as $role");
	}
	# the source's columns change
	$till->sql('ALTER TABLE MenuItems ADD Trap' . ++$column . ' int');
	is(($db->psql("SELECT FROM sambapos_sync('main')", '-U', $role))[1], '', "drift, as $role");
	$till->sql(q(DELETE FROM Payments WHERE Id <= 3));
	is(($db->psql("SELECT FROM sambapos_sync('main')", '-U', $role))[1], '', "rows that are gone, as $role");
	# in one session: to start psql takes longer than to read
	my @views = split /\n/, $db->run("SET search_path = pg_catalog; SELECT c.oid::regclass FROM pg_class AS c WHERE c.relkind IN ('v', 'r') AND c.relnamespace IN ('sambapos'::regnamespace, 'sambapos_report'::regnamespace) ORDER BY 1");
	my @calls = qw(sambapos_fdw_version() sambapos_connections() sambapos_pushdown() sambapos_disconnect('hotel') sambapos._settings() sambapos._known_tables() sambapos._known_personal_columns());
	cmp_ok(scalar @views, '>', 60, 'there are views and tables to read');
	is(($db->psql(join('', map { "SELECT * FROM $_;\n" } @views, @calls), '-U', $role))[1], '', "reading each of them, as $role");
	is(complaints($db, "SELECT FROM sambapos_remove_site('main', true)", $role), '', "removing the site, as $role");
	return;
}

# where: a schema that search_path names. path: how the role's is set.
sub scenario
{
	my ($name, $schema, $path, $role) = @_;
	my $db = $cluster->database($name, 'TEMPLATE origin');
	$db->run("ALTER SCHEMA public RENAME TO \"$schema\"; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public, \"$schema\" TO PUBLIC") if $schema ne 'public';
	$db->run('SET search_path = pg_catalog; SELECT setval(\'trap.hits\', 1, false)');
	$db->run("ALTER DATABASE $name SET search_path = $path") if $path;
	subtest "$name: traps in schema $schema" . ($path ? ", search_path $path" : '') . ", run by $role" => sub {
		is(($db->psql('CREATE EXTENSION sambapos_fdw'))[1], '', 'installing');
		is(($db->psql("CREATE SERVER hotel FOREIGN DATA WRAPPER sambapos_fdw $server; CREATE USER MAPPING FOR $role SERVER hotel $mapping"))[1], '', 'a server');
		if ($role ne 'postgres')
		{
			is(($db->psql("SELECT sambapos_grant('$role', 'admin'); GRANT CREATE ON DATABASE $name TO $role; GRANT USAGE ON FOREIGN SERVER hotel TO $role"))[1], '', 'rights');
		}
		walk($db, $role);
		is(($db->psql("ALTER EXTENSION sambapos_fdw UPDATE TO '$version-traps'"))[1], '', 'updating');
		is(($db->psql("SELECT FROM sambapos_add_site('main', 'hotel'); SELECT FROM sambapos_sync('main'); SELECT FROM sambapos_status()", '-U', $role))[1] =~ s/^.*?NOTICE:[^\n]*\n//mgr, '', 'and syncing after it');
		is(Traps::hits($db), 0, 'no trap was called');
		done_testing();
	};
	$db->run('SET search_path = pg_catalog; DROP EXTENSION sambapos_fdw CASCADE');
}

$origin->run('CREATE ROLE syncer LOGIN');
scenario('in_public', 'public', '', 'postgres');
scenario('in_user', 'postgres', '', 'postgres');
scenario('public_first', 'public', 'public, pg_catalog', 'postgres');
scenario('plain_role', 'syncer', '"$user", pg_catalog, public', 'syncer');

done_testing();
