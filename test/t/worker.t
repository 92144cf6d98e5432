# Promise: the background worker follows the tills of the databases that are named, with no cron and no call: within
# seconds when something changes, at once when somebody asks. A till that hangs holds up no other one, nor whoever wants
# to stop the server, cancel, or drop the database. It comes back after whatever has ended it, and is silent where there
# is nothing to do: no extension, a standby, no database named. What it does with a site: pgtap/worker.sql.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Time::HiRes qw(sleep);
use Harness;

Harness::needs_stand_in('hang');
my $till = Harness::till();
$till->ctl(qw(fill --tickets 30 --seed 11));
my $other_till = Harness::till();
$other_till->ctl(qw(fill --tickets 20 --seed 12));

my %settings = (shared_preload_libraries => 'sambapos_fdw', 'sambapos.worker_databases' => 'shop, hotel, "Café"');
my $cluster = Harness::cluster(%settings);
my $postgres = Harness::Cluster::existing($cluster, 'postgres');

sub processes
{
	my ($of) = @_;
	return map { $_->[0] } $postgres->rows("SELECT pid FROM pg_stat_activity WHERE backend_type = 'sambapos worker' AND datname = '$of'");
}

sub pg_ctl
{
	my (@arguments) = @_;
	Harness::command('bash', '-c', '. "$1/test/harness/common.sh"; shift; as_postgres "$@" </dev/null >&2', 'bash',
		$Harness::root, "$ENV{SAMBAPOS_BINDIR}/pg_ctl", '--silent', '--wait', @arguments);
}

sub server
{
	my ($name, $of, $role) = @_;
	my $password = $of->{password} =~ s/'/''/gr;
	return <<~SQL;
		CREATE SERVER $name FOREIGN DATA WRAPPER sambapos_fdw
			OPTIONS (host '$of->{host}', port '$of->{port}', database '$of->{database}', encryption '$of->{encryption}');
		CREATE USER MAPPING FOR $role SERVER $name OPTIONS (username '$of->{username}', password '$password');
		SQL
}

# A query may meet the server while it starts, or before the tables are made: then it has no answer.
sub quietly
{
	my ($db, $sql) = @_;
	my ($output, $errors) = $db->psql($sql);
	die "$sql\n$errors" if $errors =~ /ERROR/ && $errors !~ /(?:42P01|42883|57P\d\d):/;
	return $errors =~ /ERROR|FATAL|connection/ ? '' : $output;
}

my $tables = '{Tickets,Orders,Payments,MenuItems}';

sub followed
{
	my ($db, $site, $of) = @_;
	my $there = $of->sql('SELECT COUNT(*), SUM(TotalAmount) FROM Tickets') =~ s/\s+$//r;
	return quietly($db, "SELECT count(*), sum(total_amount) FROM sambapos_replica.tickets AS t JOIN sambapos.site AS s USING (site_id)
		WHERE s.name = '$site' AND t.row_state = 'live'") eq $there;
}

sub wait_until { my ($condition) = @_; sleep 0.2 until $condition->(); return 1 }

sub served
{
	my ($db, $site) = @_;
	my $request = $db->value("SELECT sambapos_request_sync('$site')");
	wait_until(sub { quietly($db, "SELECT status FROM sambapos_request($request)") =~ /done|failed/ });
	return $db->value("SELECT status FROM sambapos_request($request)");
}

# ---- nothing to do ----

is($postgres->value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'sambapos launcher'"), 1, 'the launcher is there');
my $shop = $cluster->database('shop');
my $unnamed = $cluster->database('unnamed');
my ($status) = $shop->rows('SELECT count(*) FROM pg_extension WHERE extname = \'sambapos_fdw\'');
is($status->[0], 0, 'a database without the extension');
$shop->run('CREATE EXTENSION sambapos_fdw');
is($shop->value('SELECT count(*) FROM sambapos.worker'), 0, 'is looked at by nobody, nor one without a site');

# ---- a site comes, and is followed ----

$shop->run(server('till', $till, 'CURRENT_USER') . "SELECT FROM sambapos_add_site('shop', 'till', 'UTC', '$tables', '1 day')");
ok(wait_until(sub { followed($shop, 'shop', $till) }), 'a new site is loaded with no call');
is($shop->value('SELECT string_agg(DISTINCT trigger, \' \') FROM sambapos.run'), 'schedule', 'the log says that it was nobody');
$till->ctl(qw(play --edits 30 --seed 21));
ok(wait_until(sub { followed($shop, 'shop', $till) }), 'what the till does is followed');
is($shop->value(q(SELECT light FROM sambapos_status('shop'))), 'green', 'the light is green, without pg_cron');
my ($check) = $shop->rows(q(SELECT status, detail FROM sambapos_check('till') WHERE "check" = 'worker'));
is($check->[0], 'ok', 'the doctor sees the worker');
like($check->[1], qr/^site shop: /, 'and at which site');
is($shop->value(q(SELECT detail FROM sambapos_check('till') WHERE "check" = 'pg_cron')), 'not needed: the worker is on', 'and asks for no pg_cron');
like($shop->value("SELECT string_agg(application_name || ': ' || query, '; ') FROM pg_stat_activity WHERE backend_type = 'sambapos worker'"),
	qr/^sambapos worker: sambapos shop: |^sambapos shop/, 'pg_stat_activity shows what it does');

# ---- what is asked for ----

$till->ctl(qw(play --edits 5 --seed 22));
is(served($shop, 'shop'), 'done', 'a request is served');
ok(followed($shop, 'shop', $till), 'and what had happened before is there');
my $session = $shop->session;
$session->run(q(BEGIN; SELECT sambapos_request_sync('shop'); ROLLBACK; BEGIN; SAVEPOINT s; SELECT sambapos_request_sync('shop'); ROLLBACK TO s; COMMIT));
is(served($shop, 'shop'), 'done', 'one after requests that were rolled back');
$session->close;

# ---- another database, whose replica is a plain role's ----

my $hotel = $cluster->database('hotel');
$hotel->run('CREATE EXTENSION sambapos_fdw; CREATE ROLE dba LOGIN; SELECT sambapos_grant(\'dba\', \'admin\'); GRANT CREATE ON DATABASE hotel TO dba');
$hotel->run(server('till', $till, 'dba') . server('other', $other_till, 'dba') . 'GRANT USAGE ON FOREIGN SERVER till, other TO dba');
$hotel->run("SET ROLE dba; SELECT FROM sambapos_add_site('hotel', 'till', 'UTC', '$tables', '1 day'); SELECT FROM sambapos_add_site('bar', 'other', 'UTC', '$tables', '10 seconds')");
ok(wait_until(sub { followed($hotel, 'hotel', $till) && followed($hotel, 'bar', $other_till) }), 'a second database, and two sites in it, are followed');
is($postgres->value("SELECT string_agg(DISTINCT usename, ' ') FROM pg_stat_activity WHERE backend_type = 'sambapos worker' AND datname = 'hotel'"), 'dba',
	'by the role that owns the replica');
is($postgres->value("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'sambapos%' AND datname = 'unnamed'"), 0, 'one that is not named is left alone');
$hotel->run('CREATE ROLE clerk; SELECT sambapos_grant(\'clerk\', \'reader\')');
is($hotel->value('SET ROLE clerk; SELECT count(*) FROM sambapos.worker, sambapos_status() AS s WHERE s.site = sambapos.worker.site'), 2, 'a reader sees it');

# ---- a till that hangs ----

$other_till->control('hang', 'on');
my $request = $hotel->value(q(SELECT sambapos_request_sync('bar')));
my $busy = "SELECT count(*) FROM sambapos.worker AS w WHERE w.site = 'bar' AND w.is_busy";
wait_until(sub { $hotel->value($busy) && $other_till->sql("SELECT application_name FROM till.connections WHERE state = 'hanging'") =~ /sambapos/ });
$till->ctl(qw(play --edits 30 --seed 23));
is(served($hotel, 'hotel'), 'done', 'one till hangs: the other one is synced');
ok(wait_until(sub { followed($hotel, 'hotel', $till) && followed($shop, 'shop', $till) }), 'and followed, here and in another database');
isnt($hotel->value("SELECT status FROM sambapos_request($request)"), 'done', 'while the first one hangs');

# Who needs the database empty has five seconds of patience: a busy machine may need a second try.
my $tries = 0;
sub empty_database { my ($sql) = @_; $tries = 0; wait_until(sub { $tries++; !$postgres->error($sql) }); return 1 }
ok(empty_database('CREATE DATABASE copy TEMPLATE hotel'), 'CREATE DATABASE ... TEMPLATE of the database works');
note("tries: $tries");
ok(wait_until(sub { processes('hotel') }), 'the workers come back');
ok(empty_database('ALTER DATABASE hotel RENAME TO inn'), 'ALTER DATABASE ... RENAME works');
is(scalar(processes('inn')), 0, 'its new name is not in the list');
ok(empty_database('ALTER DATABASE inn RENAME TO hotel'), 'and back');
ok(wait_until(sub { processes('hotel') }), 'the workers are back');

# ---- shutdown ----

wait_until(sub { $hotel->value(q(SELECT count(*) FROM sambapos.request WHERE finished_at IS NULL)) || $hotel->value(q(SELECT sambapos_request_sync('bar'))) });
wait_until(sub { $other_till->sql("SELECT application_name FROM till.connections WHERE state = 'hanging'") =~ /sambapos/ });
pg_ctl(qw(--mode=fast --timeout=100000 restart), "--pgdata=$cluster->{directory}/data", "--log=$cluster->{directory}/log");
pass('a fast shutdown returns while a till hangs');
$other_till->control('hang', 'off');
ok(wait_until(sub { followed($hotel, 'bar', $other_till) && quietly($hotel, 'SELECT count(*) FROM sambapos.request WHERE finished_at IS NULL') eq '0' }),
	'after the restart the site is followed, and its request served');

# ---- what ends a process ----

for my $type ('worker', 'launcher')
{
	my $pid = $postgres->value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'sambapos $type' AND datname IS NOT DISTINCT FROM " . ($type eq 'worker' ? "'shop'" : 'NULL'));
	$postgres->run("SELECT pg_terminate_backend($pid)");
	wait_until(sub { !$postgres->value("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") });
	$till->ctl(qw(play --edits 10 --seed), $type eq 'worker' ? 24 : 25);
	ok(wait_until(sub { followed($shop, 'shop', $till) }), "the $type is terminated: it comes back");
}
kill 'KILL', (processes('shop'))[0];
$till->ctl(qw(play --edits 10 --seed 26));
ok(wait_until(sub { followed($shop, 'shop', $till) }), 'a worker is killed: it comes back with the server');

# ---- a till that is off ----

$other_till->halt;
wait_until(sub { quietly($hotel, "SELECT failures FROM sambapos.worker WHERE site = 'bar'") =~ /^[3-9]/ });
$till->ctl(qw(play --edits 10 --seed 27));
ok(wait_until(sub { followed($hotel, 'hotel', $till) }), 'one till is off: the other one is followed');
my $complaints = () = $cluster->log =~ /LOG:  site bar: /g;
cmp_ok($complaints, '<=', 2, 'the log says it once, not at each try');
$other_till->restart;
$other_till->ctl(qw(play --edits 10 --seed 28));
ok(wait_until(sub { followed($hotel, 'bar', $other_till) }), 'it is on again: it is followed');

# ---- the extension goes and comes ----

$shop->run('DROP EXTENSION sambapos_fdw CASCADE');
ok(wait_until(sub { !processes('shop') }), 'DROP EXTENSION: the workers leave');
unlike($cluster->log, qr/ERROR:  (?:function|relation|schema) .*sambapos/, 'without a complaint');
$shop->run('CREATE EXTENSION sambapos_fdw;' . server('till', $till, 'CURRENT_USER') . "SELECT FROM sambapos_add_site('shop', 'till', 'UTC', '$tables', '1 day')");
ok(wait_until(sub { $shop->value("SELECT count(*) FROM sambapos.run WHERE status = 'ok'") }), 'a new one is found');

# ---- a standby ----

my $standby = Harness::standby($cluster, %settings);
my $there = Harness::Cluster::existing($standby, 'postgres');
is($there->value('SELECT pg_is_in_recovery()'), 't', 'a standby');
is($there->value("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'sambapos%'"), 0, 'has no worker');
$there->run('SELECT pg_promote(true, 100000)');
my $promoted = Harness::Cluster::existing($standby, 'shop');
$till->ctl(qw(play --edits 10 --seed 29));
ok(wait_until(sub { followed($promoted, 'shop', $till) }), 'once it is promoted its worker follows the till');
Harness::stop('cluster', $standby->{directory});

# ---- the end of a database ----

ok(empty_database('DROP DATABASE hotel'), 'DROP DATABASE works');
ok(wait_until(sub { followed($shop, 'shop', $till) }), 'and the other database goes on');
my @trouble = grep { !/terminat|crash|not currently accepting|the database system|being accessed/ } $cluster->log =~ /(?:ERROR|FATAL|PANIC):  .*/g;
is_deeply(\@trouble, [], 'nothing else is in the server\'s log');

# ---- preloaded, with no database named ----

my $idle = Harness::cluster(shared_preload_libraries => 'sambapos_fdw');
my $quiet = $idle->database('shop');
$quiet->connect_till($till);
is($quiet->value("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'sambapos%'"), 0, 'no database is named: nothing is started');
$quiet->run("SELECT FROM sambapos_add_site('shop', 'till', 'UTC', '$tables'); SELECT sambapos_request_sync('shop')");
is($quiet->value(q(SELECT detail FROM sambapos_check('till') WHERE "check" = 'worker')), 'not switched on (setting sambapos.worker_databases)', 'the doctor says so');

done_testing();
