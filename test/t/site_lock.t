# Promise: one run of a site at a time, by a lock that no other role can take; a run that cannot start says who
# holds the site, in its row, in the log and in the light.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 20 --seed 12));
my $db = Harness::cluster()->database('shop');
$db->connect_till($till);
$db->run(q(CREATE ROLE bob LOGIN; CREATE ROLE reader LOGIN; SELECT sambapos_grant('reader', 'reader');
	SELECT FROM sambapos_add_site('shop', 'till', 'UTC', '{menu_items}'); SELECT FROM sambapos_sync('shop')));
my $sync = q(SELECT status, message FROM sambapos_sync('shop'));

# ---- who cannot ----

my $bob = $db->session;
$bob->run(q(SET SESSION AUTHORIZATION bob; SELECT pg_advisory_lock(hashtext('sambapos_fdw'), g) FROM generate_series(1, 50) AS g; SELECT pg_advisory_lock(g) FROM generate_series(1, 50) AS g));
is($db->value($sync), 'ok', 'advisory locks of any role stop no sync');
$bob->close;
for my $lock ('SELECT FROM sambapos.site_lock FOR UPDATE', 'SELECT FROM sambapos.site_lock FOR KEY SHARE', 'LOCK TABLE sambapos.site_lock IN SHARE MODE')
{
	is(($db->error("SET SESSION AUTHORIZATION reader; BEGIN; $lock") // {})->{sqlstate}, '42501', "a reader cannot: $lock");
	is(($db->error("SET SESSION AUTHORIZATION bob; BEGIN; $lock") // {})->{sqlstate}, '42501', "nor can a stranger: $lock");
}
my $reader = $db->session;
$reader->run('SET SESSION AUTHORIZATION reader; BEGIN; LOCK TABLE sambapos.site_lock IN ACCESS SHARE MODE; SELECT FROM sambapos.site_lock');
is($db->value($sync), 'ok', 'what a reader may do stops no sync');
$reader->close;

# ---- who holds it ----

for my $case ([ 'BEGIN', 'in a transaction' ], [ 'BEGIN; SAVEPOINT s', 'in a savepoint' ], [ 'BEGIN; SAVEPOINT s', 'in a savepoint that was released', 'RELEASE s' ])
{
	my ($begin, $name, $then) = @$case;
	my $holder = $db->session;
	$db->run(q(SELECT sambapos_request_sync('shop')));
	$holder->run("$begin; $sync" . ($then ? "; $then" : ''));
	my ($row) = $db->rows($sync);
	is($row->[0], 'busy', "$name: another sync is busy");
	like($row->[1], qr/process $holder->{pid} \(role "postgres", application "sambapos shop: [^"]+", idle in transaction, in a transaction since /, "$name: and says who holds the site");
	my $before = $db->value('SELECT count(*) FROM sambapos.run');
	$db->run(q(CALL sambapos_run('shop'); CALL sambapos_run('shop')));
	is($db->value('SELECT count(*) FROM sambapos.run') - $before, 1, "$name: scheduled runs that cannot start are one line in the log");
	like($db->value('SELECT status || message FROM sambapos.run ORDER BY run_id DESC LIMIT 1'), qr/^busyprocess $holder->{pid} /, "$name: which says who");
	my ($status) = $db->rows(q(SELECT light, reason FROM sambapos_status('shop')));
	is($status->[0], 'amber', "$name: the light is not green");
	like($status->[1], qr/no run can start: process $holder->{pid} /, "$name: and says who");
	like($db->error(q(SELECT FROM sambapos_remove_site('shop')))->{detail}, qr/^process $holder->{pid} .* holds the site/, "$name: so does what needs the site for itself");
	$holder->run('COMMIT');
	is($db->value(q(SELECT light FROM sambapos_status('shop'))), 'green', "$name: green when it has ended");
	$db->run(q(SELECT sambapos_request_sync('shop'); CALL sambapos_run('shop')));
	is($db->value('SELECT status FROM sambapos.run ORDER BY run_id DESC LIMIT 1'), 'ok', "$name: and the next run can start");
	$holder->close;
}

# A row that a dump did not bring along is made again.
$db->run('DELETE FROM sambapos.site_lock');
is($db->value($sync), 'ok', 'a lost row is made again');
is($db->value('SELECT count(*) FROM sambapos.site_lock'), 1, 'for good');

done_testing();
