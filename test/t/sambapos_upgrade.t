# Promise: the walk "A SambaPOS upgrade" of the manual. The till goes from version 4 to 5 while it is copied: columns
# come, go, get wider and change their names, a key and a root's id become bigint, a table comes and one goes. The
# replica follows by itself, keeps what it knew, and says what it did.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;
use Canonical;
use Walk;

Harness::needs_stand_in('become another version');

my $till = Harness::till();
$till->ctl(qw(fill --tickets 200 --seed 9));
# a table of the default set that only the next version has
open my $in, '<', "$Harness::root/test/till/schema.sql" or die $!;
my $schema = do { local $/; <$in> };
my ($new_table) = $schema =~ /^(CREATE TABLE \[dbo\]\.\[States\] .*?^\));/ms or die 'no table States';
$till->sql('DROP TABLE States');
my $db = Harness::cluster()->database('hotel');
$db->connect_till($till);
$db->run(q(ALTER SERVER till RENAME TO hotel; SELECT FROM sambapos_add_site('hotel', 'hotel', 'UTC'); SELECT FROM sambapos_sync('hotel', on_error => 'raise')));
my $walk = Walk->new('A SambaPOS upgrade');
my $look = q(; CALL sambapos_run('hotel'));    # what pg_cron does within a minute
my $run = $walk->step(2) . $look;

# 1. before
is($db->value($walk->step(1)), 'green', 'green before the upgrade');
$db->run(q(CREATE TABLE before AS SELECT id, total_amount FROM sambapos_replica.tickets; CREATE TABLE prices AS SELECT id, price FROM sambapos_replica.menu_item_prices));
my $reports = $db->value('SELECT sum(total_amount) FROM sambapos_report.tickets');

# the upgrade: what version 5 has, and some more
my $version5 = "$till->{directory}/v5.sql";
open my $out, '>', $version5 or die $!;
print {$out} $schema =~ s/\A.*^-- v5$//smr;
close $out;
$till->ctl('schema', '--file', $version5);
# A column of a key is altered without its constraints.
sub names_of { my ($query) = @_; return map { [ split /\t/ ] } grep { /^(?:FK|PK)/ } split /\n/, $till->sql($query) }
my @wider = (
	(map { "ALTER TABLE $_->[1] DROP CONSTRAINT [$_->[0]]" } names_of("SELECT name, OBJECT_NAME(parent_object_id) AS t FROM sys.foreign_keys WHERE referenced_object_id = OBJECT_ID('Tickets')")),
	(map { "ALTER TABLE $_->[1] DROP CONSTRAINT [$_->[0]]" } names_of("SELECT name, OBJECT_NAME(parent_object_id) AS t FROM sys.key_constraints WHERE type = 'PK' AND parent_object_id IN (OBJECT_ID('Tickets'), OBJECT_ID('Payments'))")),
	'ALTER TABLE Tickets ALTER COLUMN Id bigint NOT NULL', 'ALTER TABLE Tickets ADD CONSTRAINT PK_v5_Tickets PRIMARY KEY (Id)',
	'ALTER TABLE Payments ALTER COLUMN TicketId bigint NOT NULL', 'ALTER TABLE Payments ADD CONSTRAINT PK_v5_Payments PRIMARY KEY (Id, TicketId)');
$till->sql($_) for @wider,
	'ALTER TABLE MenuItemPrices ALTER COLUMN Price decimal(18,4) NOT NULL; UPDATE MenuItemPrices SET Price = Price + 0.0025',
	'ALTER TABLE Payments ADD Fee decimal(16,2) NULL; UPDATE Payments SET Fee = 0.5',
	"EXEC sp_rename 'dbo.Departments.PriceTag', 'Price_Tag', 'COLUMN'",
	"EXEC sp_rename 'dbo.Tickets.Note', 'NOTE', 'COLUMN'",
	'CREATE TABLE Loyalty (Id int NOT NULL PRIMARY KEY, Points int NULL)',
	$new_table, 'INSERT INTO States (StateType, ShowOnEndOfDayReport, ShowOnProductReport, ShowOnTicket) VALUES (0, 1, 1, 1)';

# 2. after
my (undef, $said) = $db->psql($run);
is($said, '', 'the first run after the upgrade goes through');

# 3. what changed
my @changed = $db->rows($walk->step(3));
is_deeply([ grep { $_->[2] ne 'followed' } @changed ], [], 'all was followed');
ok((grep { $_->[0] eq 'tickets' && $_->[3] =~ /new column ticket_uid/ } @changed), 'tickets are among it');
my %version = map { $_->[0] => $_ } $db->rows(q(SELECT table_name, outcome, message, run_id FROM sambapos.schema_versions WHERE seen_until IS NULL AND run_id = (SELECT max(run_id) FROM sambapos.run)));
is_deeply([ grep { $version{$_}[1] ne 'followed' } keys %version ], [], 'every change was followed');
like($version{payments}[2], qr/^(?=.*new column fee)(?=.*column ticket_id is bigint now)/, 'payments: what was done');
like($version{tickets}[2], qr/^(?=.*new column ticket_uid)(?=.*column id is bigint now)(?=.*column note is called "NOTE" at the source now)/, 'tickets: what was done');
is($version{menu_item_prices}[2], 'column price is decimal(18,4) now', 'menu_item_prices: what was done');
is($version{departments}[2], 'column price_tag is gone at the source, its values stay; new column price_tag', 'departments: what was done');
ok(!$version{entities}, 'what did not change has no new version');
# of users only Id, Name and UserRole_Id are read, whatever else comes
is_deeply([ grep { !/^users: lacks/ } @{ Canonical::compare($till, $db)->{differences} } ], [], 'replica and source are equal');
is($db->value('SELECT count(*) FROM before AS b JOIN sambapos_replica.tickets AS t USING (id) WHERE (b.total_amount, t.row_state, t.epoch) IS NOT DISTINCT FROM (t.total_amount, \'live\', 1)'), 200, 'every ticket is the one it was');
is($db->value(q(SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 'sambapos_replica.tickets'::regclass AND attname = 'id')), 'bigint', 'its id is wider');
is($db->value('SELECT sum(total_amount) FROM sambapos_report.tickets'), $reports, 'the reports say the same');
is($db->value('SELECT count(*) FROM prices AS p JOIN sambapos_replica.menu_item_prices_history AS h USING (id) WHERE h.price = p.price'), $db->value('SELECT count(*) FROM prices'), 'earlier prices are kept');
is($db->value(q(SELECT light FROM sambapos_status('hotel'))), 'green', 'green after the upgrade');

# 4. what is new
sub asked_for_tables { return $till->sql("SELECT COUNT(*) FROM till.requests WHERE application_name LIKE 'sambapos_fdw%' AND CHARINDEX('INFORMATION_SCHEMA.TABLES', sql) > 0") =~ s/\s//gr }
my ($asked, $alert) = (asked_for_tables(), q(SELECT severity, kind, message FROM sambapos.alerts WHERE kind = 'new table'));
is_deeply([ $db->rows($alert) ], [], 'before the night no run has asked for tables');
$db->run(q(UPDATE sambapos.wanted_table SET asked_at = asked_at - interval '1 day'));
$db->run($run);
is_deeply([ $db->rows($alert) ], [ [ 'warning', 'new table', 'the source has tables now that it did not have when they were asked for: states' ] ], 'in the night a run sees what is new');
$db->run($run) for 1 .. 2;
is($db->value('SELECT message FROM sambapos.run ORDER BY run_id DESC LIMIT 1'), 'nothing has changed at the source', 'later runs find nothing');
is(asked_for_tables() - $asked, 1, 'and do not ask again');
my ($doctor) = $db->rows($walk->step(4));
is_deeply([ @$doctor[ 0, 1 ] ], [ 'warning', 'not there when they were asked for, there now: states (site hotel)' ], 'the doctor sees it at once');
$db->run($doctor->[2]);
is_deeply([ $db->rows($alert) ], [], 'added, the alert is over');
$db->run($run);
is($db->value('SELECT count(*) FROM sambapos_replica.states'), 1, 'and the next run copies it');
is_deeply([ (map { $_->[0] } $db->rows($walk->step(4))) ], ['ok'], 'no other table is waited for');
is($db->value(q(SELECT action FROM sambapos_add_table('hotel', 'Loyalty'))), 'added', 'a table of another name is added');
$db->run($run);
is($db->value('SELECT count(*) FROM sambapos_replica.loyalty'), 0, 'and copied');
$till->sql('INSERT INTO Loyalty VALUES (1, 5); DROP TABLE Departments');

# 5. what is gone
like(($db->psql($run))[1], qr/departments: the source shows no table dbo.Departments/, 'a table that is gone fails');
my ($failed, @more) = $db->rows($walk->step(5));
is_deeply([ $failed->[0], $failed->[1], scalar @more ], [ 'departments', 'failed', 0 ], 'the manual finds it');
like($failed->[2], qr/the source shows no table/, 'and why');
is($db->value('SELECT points FROM sambapos_replica.loyalty'), 5, 'and no other');
$db->run(q(SELECT FROM sambapos_remove_table('hotel', 'departments')) . '; ' . $run);
is($db->value(q(SELECT light FROM sambapos_status('hotel'))), 'green', 'removed, the light is green');
cmp_ok($db->value('SELECT count(*) FROM sambapos_replica.departments'), '>', 0, 'its rows stay');

# 6. what the upgrade may have taken back
is_deeply([ grep { $_->[1] eq 'error' } $db->rows($walk->step(6)) ], [], 'the way to the till is in order');
is_deeply([ $walk->untried ], [], 'each statement of the walk was tried');

done_testing();
