# Promise: waiting for pg_cron is no way to its user's rights. A superuser's job in a database where everybody may
# create in public, and a plain role's job where somebody has a schema called like that role: both follow the till, and
# none of the traps of another role is called.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Time::HiRes qw(sleep);
use Harness;
use Traps;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 20 --seed 31));
my %names = Traps::names_in(map { "$Harness::root/sql/$_.sql" } qw(sync/scheduled operate/schedule));
my $server = "OPTIONS (host '$till->{host}', port '$till->{port}', database '$till->{database}', encryption '$till->{encryption}')";
my $mapping = "OPTIONS (username '$till->{username}', password '" . $till->{password} =~ s/'/''/gr . "')";

sub shop
{
	my ($role, $schema) = @_;
	my $db = Harness::cluster('cron.database_name' => 'shop')->database('shop');
	$db->run('CREATE EXTENSION pg_cron; CREATE EXTENSION sambapos_fdw; CREATE ROLE mallory LOGIN; GRANT CREATE ON DATABASE shop TO mallory; GRANT CREATE ON SCHEMA public TO PUBLIC');
	if ($role ne 'postgres')
	{
		$db->run("CREATE ROLE $role LOGIN; SELECT sambapos_grant('$role', 'admin'); GRANT CREATE ON DATABASE shop TO $role; GRANT USAGE ON SCHEMA cron TO $role");
	}
	$db->run("CREATE SERVER till FOREIGN DATA WRAPPER sambapos_fdw $server; CREATE USER MAPPING FOR $role SERVER till $mapping; GRANT USAGE ON FOREIGN SERVER till TO $role");
	$db->run("SET ROLE $role; SELECT FROM sambapos_add_site('shop', 'till', 'UTC', '{menu_items}', '10 seconds'); SELECT FROM sambapos_schedule('shop')");
	$db->run("CREATE SCHEMA IF NOT EXISTS $schema; GRANT ALL ON SCHEMA $schema TO mallory; GRANT USAGE ON SCHEMA $schema TO PUBLIC");
	Traps::make($db, $schema, %names);
	$db->run("SELECT pg_catalog.set_config('search_path', 'pg_catalog', false); ALTER DATABASE shop SET search_path = \"\$user\", public; GRANT USAGE ON SCHEMA trap TO PUBLIC");
	return { db => $db, role => $role, schema => $schema };
}
my @shops = (shop('postgres', 'public'), shop('syncer', 'syncer'));
for my $shop (@shops)
{
	my $runs = 'SET search_path = pg_catalog; SELECT count(*) FROM sambapos.run WHERE status <> \'running\'';
	my $bait = $shop->{db}->error("SET SESSION AUTHORIZATION $shop->{role}; SELECT 1.5::pg_catalog.float8 > 1");
	like($bait->{message}, qr/^trap: /, "$shop->{role}: the traps bite");
	my $before = Traps::hits($shop->{db});
	my $ended = $shop->{db}->value($runs);
	sleep 0.5 while $shop->{db}->value($runs) < $ended + 1;
	my ($ok) = $shop->{db}->value('SET search_path = pg_catalog; SELECT string_agg(DISTINCT status, \',\') FROM sambapos.run WHERE status <> \'running\'');
	is($ok, 'ok', "$shop->{role}: pg_cron's runs go well");
	is(Traps::hits($shop->{db}), $before, "$shop->{role}: and call no trap in schema $shop->{schema}");
	is($shop->{db}->value("SET search_path = pg_catalog; SELECT string_agg(DISTINCT username, ',') FROM cron.job"), $shop->{role}, "$shop->{role}: the job is its own");
}

# ---- a job that is only called like ours ----

my $db = $shops[0]{db};
$db->run(q(SET search_path = pg_catalog; GRANT USAGE ON SCHEMA cron TO mallory; SET SESSION AUTHORIZATION mallory; SELECT cron.schedule('sambapos:shop', '0 0 1 1 *', 'SELECT 1')));
$db->run(q(SET search_path = pg_catalog; UPDATE cron.job SET active = false WHERE username = 'postgres'));
like($db->value(q(SET search_path = pg_catalog; SELECT reason FROM public.sambapos_status('shop'))), qr/its pg_cron job is not active/, 'another role\'s job of that name hides nothing');
$db->run(q(SET search_path = pg_catalog; SELECT public.sambapos_unschedule('shop')));
is($db->value(q(SET search_path = pg_catalog; SELECT string_agg(username, ',') FROM cron.job)), 'mallory', 'and is left alone');

done_testing();
