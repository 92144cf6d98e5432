# Real pg_cron jobs follow the till by themselves: where pg_cron lives in this database, where it lives in
# another one (by the command that the error's hint gives), and where its own login fails (the status says what
# to do). The kill switch stops them all. pg_cron wakes once a minute, so this script mostly waits; the three
# clusters wait together.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Time::HiRes qw(sleep);
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 200 --seed 41));

sub site
{
	my ($db) = @_;
	$db->connect_till($till);
	$db->run("SELECT * FROM sambapos_add_site('shop', 'till', sync_interval => '10 seconds')");
	return $db;
}

my $here = Harness::cluster('cron.database_name' => 'shop')->database('shop');
my $elsewhere = Harness::cluster('cron.database_name' => 'jobs');
my $there = $elsewhere->database('shop');
my $jobs = $elsewhere->database('jobs');
# Debian's default: pg_cron logs in over TCP as a client, which nobody here has set up.
my $locked_out = Harness::cluster('cron.database_name' => 'shop', 'cron.use_background_workers' => 'off')
	->database('shop');

# ---- making the jobs ----

site($_) for $here, $there, $locked_out;
my $error = $here->error("SELECT * FROM sambapos_schedule('shop')");
is($error && $error->{sqlstate}, '55000', 'without pg_cron in the database: an error');
like($error->{text}, qr/CREATE EXTENSION pg_cron/, 'that says what to type');
$_->run('CREATE EXTENSION pg_cron') for $here, $jobs, $locked_out;
is_deeply([ $here->rows("SELECT job, runs FROM sambapos_schedule('shop')") ], [ [ 'sambapos:shop', '* * * * *' ] ],
	'a job a site, every minute');
$here->run("SELECT * FROM sambapos_schedule('shop')");
is($here->value('SELECT count(*) FROM cron.job'), 1, 'scheduled twice it is still one job');
$error = $here->error("SELECT * FROM sambapos_schedule('shop', 'now and then')");
is($error && $error->{sqlstate}, '22023', 'a cron line that is none is refused');
$error = $here->error("SELECT * FROM sambapos_schedule('nope')");
is($error && $error->{sqlstate}, '42704', 'so is a site that is none');

$error = $there->error("SELECT * FROM sambapos_schedule('shop')");
is($error && $error->{sqlstate}, '55000', 'pg_cron in another database: an error');
my ($command) = $error->{hint} =~ /(SELECT cron\.schedule_in_database\(.*\);)/;
ok($command, 'whose hint is a command for that database') and $jobs->run($command);

$locked_out->run("SELECT * FROM sambapos_schedule('shop')");

# ---- following ----

sub ended_ticks { return $_[0]->value("SELECT count(*) FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')") }

sub followed
{
	my ($db) = @_;
	return $db->value('SELECT count(*) FROM sambapos_replica.tickets') ==
		$till->sql('SELECT COUNT(*) FROM Tickets');
}

# Waits until a condition holds or three more ticks of the job have ended without it.
sub within_three_ticks
{
	my ($cron, $condition) = @_;
	my $last = ended_ticks($cron) + 3;
	sleep 0.5 until $condition->() || ended_ticks($cron) >= $last;
	return $condition->();
}

ok(within_three_ticks($here, sub { $here->value("SELECT to_regclass('sambapos_replica.tickets') IS NOT NULL") && followed($here) }),
	'the first load came by itself');
ok(within_three_ticks($jobs, sub { followed($there) }), 'and so it did from the other database');
is($here->value("SELECT light FROM sambapos_status('shop')"), 'green', 'the light is green');
is($here->value("SELECT trigger FROM sambapos.run WHERE status = 'ok' ORDER BY run_id LIMIT 1"), 'schedule',
	'the log says that the schedule did it');

sleep 0.5 until $locked_out->value('SELECT count(*) FROM cron.job_run_details WHERE status = \'failed\'');
my ($light, $reason) = @{ ($locked_out->rows("SELECT light, reason FROM sambapos_status('shop')"))[0] };
isnt($light, 'green', 'pg_cron\'s own login fails: the light is not green');
like($reason, qr/pg_cron could not log in .*cron\.use_background_workers/s, 'and the reason says what to do');

# ---- the kill switch ----

$here->run("SELECT sambapos_configure(NULL, 'enabled', 'false')");
# A run that is on ends first.
sleep 0.5 while $here->value("SELECT count(*) FROM sambapos.run WHERE status = 'running'");
my $runs = $here->value('SELECT count(*) FROM sambapos.run');
$till->ctl(qw(play --edits 60 --seed 42));
my $ticks = ended_ticks($here);
sleep 0.5 until ended_ticks($here) > $ticks && followed($there);
is($here->value('SELECT count(*) FROM sambapos.run'), $runs, 'switched off: a tick came and no run');
isnt($here->value("SELECT light FROM sambapos_status('shop')"), 'green', 'and the light says so');
ok(!followed($here), 'while the other cluster followed the same work');
$here->run("SELECT sambapos_configure(NULL, 'enabled', 'true')");
ok(within_three_ticks($here, sub { followed($here) }), 'switched on again: it follows the new work');

is($here->value("SELECT sambapos_unschedule('shop')"), 't', 'unscheduled');
is($here->value('SELECT count(*) FROM cron.job'), 0, 'the job is gone');
$jobs->run("SELECT cron.schedule_in_database('sambapos:copy', schedule, command, 'postgres') FROM cron.job");
$error = $there->error("SELECT sambapos_unschedule('shop')");
($command) = $error->{hint} =~ /(SELECT cron\.unschedule\(.*;)/;
ok($command, 'pg_cron in another database: the hint is a command for that one') and $jobs->run($command);
is($jobs->value('SELECT string_agg(database, \' \') FROM cron.job'), 'postgres', 'which drops this job, and not another database\'s');

done_testing();
