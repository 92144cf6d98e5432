# Promise: whoever reads the replica is not kept out by a run that follows changed columns, nor is the till by a run
# that waits for somebody here. What could not be had is tried again by the next run and is no pause; who has it is
# told by progress, status and log.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Time::HiRes qw(sleep);
use Harness;

Harness::needs_stand_in('answer slowly');

my $till = Harness::till();
$till->ctl(qw(fill --tickets 60 --seed 5));
my $cluster = Harness::cluster(autovacuum => 'off'); # it would gather the statistics that a run is to gather
my $db = $cluster->database('shop');
$db->connect_till($till);
$db->run(q(SELECT FROM sambapos_add_site('shop', 'till', 'UTC', '{tickets,orders,payments,menu_items}'); SELECT FROM sambapos_sync('shop', on_error => 'raise')));
my ($runner, $report, $watcher) = map { $db->session } 1 .. 3;

# A run that somebody waits for; what it did to a table is in the log.
sub run_begins { $watcher->run(q(SELECT sambapos_request_sync('shop'))); $runner->send(q(CALL sambapos_run('shop'))) }
sub line_of { my ($table) = @_; return join ': ', map { $_ // '' } @{ ($watcher->rows("SELECT status, message FROM sambapos.run_table WHERE run_id = (SELECT max(run_id) FROM sambapos.run) AND table_name = '$table'"))[0] } }
sub version_of { my ($table) = @_; return $watcher->value("SELECT outcome FROM sambapos.schema_versions WHERE table_name = '$table' AND seen_until IS NULL") }
sub wait_until { my ($what) = @_; sleep 0.02 until ($watcher->value("SELECT $what") // 'f') eq 't' }
# what the till has been asked last: the end of the transaction, if none is open
sub asked_last { my ($pid) = @_; return (split /\n/, $till->sql("SELECT TOP 1 sql FROM till.requests WHERE application_name = 'sambapos_fdw $pid' ORDER BY number DESC"))[-1] }
my $waits = "EXISTS (SELECT FROM sambapos.progress WHERE waits_for LIKE '%held by process $report->{pid} (%')";

# ---- a report is on ----

$till->sql('ALTER TABLE Payments ADD Extra int NULL; UPDATE Payments SET Extra = Id');
$report->run('BEGIN; SELECT count(*) FROM sambapos_replica.payments');
run_begins();
wait_until($waits);
like(asked_last($runner->{pid}), qr/ROLLBACK/, 'a run that waits for a report has ended its transaction at the till');
like($watcher->value(q(SELECT reason FROM sambapos_status('shop'))), qr/the run waits for table sambapos_replica.payments, held by process $report->{pid} /, 'the status says what for');
is($watcher->value(q(SELECT current_table FROM sambapos.progress)), 'payments', 'so does progress');
is($watcher->value(q(SET lock_timeout = '1min'; SELECT count(*) > 0 FROM sambapos_replica.payments)), 't', 'a new reader is not kept out');
is(($runner->receive)[1], '', 'the run ends while the report is on');
like(line_of('payments'), qr/^ok: its columns have changed: table sambapos_replica.payments is held by process $report->{pid} .*; the next run tries again$/, 'the table was read without its new column');
is(version_of('payments'), 'waiting', 'the change waits');
like($watcher->value(q(SELECT light || ': ' || reason FROM sambapos_status('shop'))), qr/^amber: columns of payments have changed at the source: table sambapos_replica.payments is held/, 'the light says so');
run_begins();
is(($runner->receive)[1], '', 'so does the next run');
is(version_of('payments'), 'waiting', 'which has to wait as well');
$report->run('COMMIT');
run_begins();
$runner->receive;
is(line_of('payments'), 'ok: new column extra', 'when the report is over the change is followed');
is(version_of('payments'), 'followed', 'and done with');
is($db->value('SELECT count(*) FROM sambapos_replica.payments WHERE extra IS DISTINCT FROM id'), 0, 'with the values of all rows');
is($watcher->value(q(SELECT light FROM sambapos_status('shop'))), 'green', 'the light is green again');

# ---- what cannot be read as it was ----

$till->sql('ALTER TABLE Payments ALTER COLUMN Extra bigint NULL; UPDATE Payments SET Extra = 3000000000 + Id');
$report->run('BEGIN; SELECT count(*) FROM sambapos_replica.payments');
run_begins();
like(($runner->receive)[1], qr/payments: table sambapos_replica.payments is held by process $report->{pid} /, 'another type: the run says that a table failed');
like(line_of('payments'), qr/^failed: table sambapos_replica.payments is held/, 'that table only');
like(line_of($_), qr/^ok/, "$_ is read") for qw(tickets orders menu_items);
$report->run('COMMIT');
run_begins();
$runner->receive;
is(line_of('payments'), 'ok: column extra is bigint now', 'it is no pause: the next run follows');
is($db->value('SELECT count(*) FROM sambapos_replica.payments WHERE extra <> 3000000000 + id'), 0, 'with the values of all rows');

# the replica keeps a column that is gone; only the live table is altered
$till->sql('ALTER TABLE Payments DROP COLUMN Extra; UPDATE Payments SET Amount = Amount + 1');
$report->run('BEGIN; SELECT count(*) FROM sambapos_replica.payments; SELECT FROM sambapos_live_shop.payments WHERE false');
run_begins();
$runner->receive;
like(line_of('payments'), qr/^ok: its columns have changed: table sambapos_\w+.payments is held by process $report->{pid} /, 'a column that is gone stops no read either');
$report->run('COMMIT');
run_begins();
$runner->receive;
is(line_of('payments'), 'ok: column extra is gone at the source, its values stay', 'and is followed later');

# ---- a cursor of the session's own (55006) ----

$till->sql('ALTER TABLE MenuItems ADD Extra int NULL');
like($report->run(q(BEGIN; DECLARE c CURSOR FOR SELECT FROM sambapos_replica.menu_items; FETCH c;
	SELECT status, message FROM sambapos_sync('shop', '{menu_items}'); COMMIT)), qr/^ok\tits columns have changed: /m, 'a table that the caller reads himself is not paused');
like($report->run(q(SELECT status, message FROM sambapos_sync('shop', '{menu_items}'))), qr/^ok\tnew column extra$/m, 'and is followed when he is through');

# ---- the till is slow: readers do not wait for it ----

$till->sql('ALTER TABLE Payments ADD Other int NULL');
$till->control('slow_ms_per_select', 300);
run_begins();
wait_until(q(EXISTS (SELECT FROM sambapos.progress WHERE phase = 'reading' AND current_table = 'orders')));
is($watcher->value(q(SELECT count(*) FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation WHERE l.mode = 'AccessExclusiveLock' AND c.relnamespace IN ('sambapos_replica'::regnamespace, 'sambapos_report'::regnamespace))), 0, 'while rows are read no replica table is locked for altering');
is($watcher->value(q(SELECT count(*) FROM information_schema.columns WHERE table_schema = 'sambapos_replica' AND table_name = 'payments' AND column_name = 'other')), 1, 'the change is committed by then');
# ... and a run that is killed then leaves the rest to the next one
$watcher->run("SELECT pg_terminate_backend($runner->{pid})");
$runner->receive;
$till->control('reset', '');
$till->sql('UPDATE Payments SET Other = 7');
$runner = $db->session;
run_begins();
$runner->receive;
is($db->value('SELECT count(*) FROM sambapos_replica.payments WHERE other IS DISTINCT FROM 7'), 0, 'killed after the change, before the read: the next run reads the column');

# ---- somebody alters a replica table ----

$till->sql('UPDATE Tickets SET LastUpdateTime = GETDATE(), Note = \'x\' WHERE Id = 1');
$report->run('BEGIN; LOCK TABLE sambapos_replica.orders IN ACCESS EXCLUSIVE MODE');
run_begins();
wait_until($waits);
like(asked_last($runner->{pid}), qr/ROLLBACK/, 'a run that waits for a table ends its transaction at the till first');
$report->run('COMMIT');
is(($runner->receive)[1], '', 'it goes on when the table is free');
is(line_of('orders'), 'ok: ', 'as if nothing had been');
$report->run('BEGIN; LOCK TABLE sambapos_replica.menu_items IN ACCESS EXCLUSIVE MODE');
run_begins();
$runner->receive;
like(line_of('menu_items'), qr/^failed: table sambapos_replica.menu_items is held by process $report->{pid} /, 'not for ever: the table fails');
like(line_of($_), qr/^ok/, "$_ is read") for qw(tickets orders payments);
$report->run('COMMIT');
run_begins();
$runner->receive;
is(line_of('menu_items'), 'ok: ', 'and is read by the next run');

# ---- somebody changes rows ----

$till->sql('UPDATE Tickets SET LastUpdateTime = GETDATE(), Note = \'y\' WHERE Id = 1');
$report->run('BEGIN; SELECT FROM sambapos_replica.tickets WHERE id = 1 FOR UPDATE');
run_begins();
wait_until($waits);
is($watcher->value(q(SELECT phase || ' ' || current_table FROM sambapos.progress)), 'merging tickets', 'a run waits for a row when it writes');
like(asked_last($runner->{pid}), qr/ROLLBACK/, 'long after it has left the till');
$report->run('COMMIT');
is(($runner->receive)[1], '', 'and goes on');

# ---- two sites, each with another new column, at once ----

my $second = Harness::till();
$second->ctl(qw(fill --tickets 60 --seed 6));
$db->run(qq(CREATE SERVER till2 FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host '$second->{host}', port '$second->{port}', database '$second->{database}', encryption '$second->{encryption}');
	CREATE USER MAPPING FOR CURRENT_USER SERVER till2 OPTIONS (username '$second->{username}', password '$second->{password}');
	SELECT FROM sambapos_add_site('bar', 'till2', 'UTC', '{tickets,orders,payments,menu_items}'); SELECT FROM sambapos_sync('bar', on_error => 'raise');
	CREATE FUNCTION pause_after_alter() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); END';
	CREATE EVENT TRIGGER pause_after_alter ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION pause_after_alter()));
$till->sql('ALTER TABLE Payments ADD First int NULL');
$second->sql('ALTER TABLE Tickets ADD Second int NULL');
$runner->send(q(SELECT table_name, status, message FROM sambapos_sync('shop')));
$report->send(q(SELECT table_name, status, message FROM sambapos_sync('bar')));
my @said = map { ($_->receive) } $runner, $report;
unlike("@said", qr/deadlock|40P01/, 'two syncs that alter what both share meet in no deadlock');
$db->run(q(DROP EVENT TRIGGER pause_after_alter; SELECT FROM sambapos_sync()));
is($db->value(q(SELECT string_agg(DISTINCT outcome, ' ') FROM sambapos.schema_versions WHERE seen_until IS NULL)), 'followed', 'afterwards both changes are followed');

# ---- somebody vacuums, or makes an index ----

$report->run('BEGIN; LOCK TABLE sambapos_replica.orders IN SHARE UPDATE EXCLUSIVE MODE');
my $analyzed = q(SELECT coalesce(last_analyze::text, 'never') FROM pg_stat_user_tables WHERE relid = 'sambapos_replica.orders'::regclass);
my $before = $watcher->value($analyzed);
for (1 .. 3)
{
	$till->sql('UPDATE Orders SET Price = Price + 1; UPDATE Tickets SET LastUpdateTime = GETDATE()');
	run_begins();
	is(($runner->receive)[1], '', 'a run that wants statistics of a table does not wait for who works on it');
}
like(line_of('orders'), qr{^ok}, 'its rows are written');
is($watcher->value($analyzed), $before, 'the statistics are left');
$report->run('COMMIT');
$till->sql('UPDATE Orders SET Price = Price + 1; UPDATE Tickets SET LastUpdateTime = GETDATE()');
run_begins();
$runner->receive;
isnt($watcher->value($analyzed), $before, 'and gathered when the table is free');

$_->close for $runner, $report, $watcher;
done_testing();
