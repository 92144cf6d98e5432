# Promise: where the shop has switched change tracking on, a run reads exactly the keys that it names, and the replica is
# what it would be without it: the same day is played to two replicas, one by change tracking and one by stamps, ids and
# comparing. Where it is off, not allowed, too old or reset, a run goes the other way by itself, and says so.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;
use Canonical;

Harness::needs_stand_in('take its change tracking back to an earlier version');

my $till = Harness::till();
$till->ctl(qw(fill --tickets 1100 --seed 11));
my $cluster = Harness::cluster();
my %db = map { $_ => $cluster->database($_) } qw(tracked timed);
for my $db (values %db)
{
	$db->connect_till($till);
	$db->run("SELECT * FROM sambapos_add_site('shop', 'till', tables => ARRAY['Tickets', 'Orders', 'Payments', 'Calculations',
		'TicketEntities', 'AccountTransactionDocuments', 'AccountTransactions', 'AccountTransactionValues', 'WorkPeriods',
		'MenuItems', 'MenuItemPrices', 'Numerators', 'Users'])");
	$db->run(q(SELECT sambapos_configure('shop', 'reconcile_interval', '0'))); # finds what nobody was told
}
$db{timed}->run(q(SELECT sambapos_configure('shop', 'change_tracking', 'off')));
my @tables = map { $_->[0] } $db{tracked}->rows('SELECT source_name FROM sambapos.replicated_table ORDER BY 1');

sub switch_on
{
	my (@names) = @_;
	$till->sql("ALTER TABLE [$_] ENABLE CHANGE_TRACKING") for @names;
}

sub switch_off
{
	my (@names) = @_;
	$till->sql("ALTER TABLE [$_] DISABLE CHANGE_TRACKING") for @names;
}

# A run; returns its rows by table, all of which must be ok.
sub sync
{
	my ($name, $arguments) = @_;
	my %row = map { $_->{table_name} // 'site' => $_ } $db{$name}->sync($arguments);
	is_deeply([ map { "$_->{table_name} $_->{status} " . ($_->{message} // '') } grep { $_->{status} ne 'ok' } values %row ], [],
		"$name: all tables ok");
	return \%row;
}

sub modes { my ($row) = @_; my %n; $n{ $_->{mode} }++ for values %$row; return join ' ', map { "$_ $n{$_}" } sort keys %n }
sub read_by { my ($row) = @_; return join ' ', sort map { $_->{table_name} } grep { $_->{mode} ne 'none' } values %$row }

sub is_the_till
{
	my ($name, $when) = @_;
	is_deeply(Canonical::compare($till, $db{$name})->{differences}, [], "$when: $name is the till, row by row");
}

# What a person sees of a replica: every row ever read with its state, whatever the run that wrote it.
sub replica
{
	my ($name) = @_;
	my %rows;
	for my $table (map { $_->[0] } $db{$name}->rows('SELECT table_name FROM sambapos.replicated_table ORDER BY 1'))
	{
		$rows{$table} = $db{$name}->run("SELECT to_jsonb(r) - '{first_seen_at,synced_at,version}'::text[] FROM sambapos_replica.$table AS r ORDER BY 1");
	}
	return \%rows;
}

sub are_the_same
{
	my ($when) = @_;
	my ($a, $b) = map { replica($_) } qw(tracked timed);
	is_deeply([ grep { $a->{$_} ne $b->{$_} } sort keys %$a ], [], "$when: both replicas have the same rows in the same states");
}

sub mark { return $till->sql('SELECT MAX(number) FROM till.requests') =~ s/\s//gr }

sub asked
{
	my ($mark, $what) = @_;
	return $till->sql("SELECT COUNT(*) FROM till.requests WHERE number > $mark AND application_name LIKE 'sambapos_fdw%' "
		. "AND CHARINDEX('$what', sql) > 0") =~ s/\s//gr;
}

sub said { my ($row, $table) = @_; return $row->{$table}{message} // '' }

# Nothing is judged before the second run that misses it.
sub sync_both
{
	my ($when, %arguments) = @_;
	my $first = sync('tracked');
	sync('tracked');
	is_the_till('tracked', $when);
	sync('timed', $arguments{timed} // "'shop'") for 1 .. 2;
	is_the_till('timed', $when);
	are_the_same($when);
	return $first;
}

# ---- off: nothing is asked but whether it is on ----

my $mark = mark();
sync($_) for qw(tracked timed);
is(asked($mark, 'CHANGETABLE'), 0, 'while it is off nobody asks for changes');
$mark = mark();
sync('timed');
is(asked($mark, 'CHANGE_TRACKING'), 0, 'and a site that does not use it asks nothing');
is($db{tracked}->value('SELECT DISTINCT change_tracking FROM sambapos.table_status'), 'off at the source', 'which the status says');
is($db{timed}->value('SELECT DISTINCT change_tracking FROM sambapos.table_status'), 'not used', 'of each site');

# ---- on: the first run remembers, the next ones go by it ----

$till->sql("ALTER DATABASE $till->{database} SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 5 DAYS, AUTO_CLEANUP = ON)");
switch_on(@tables);
unlike(modes(sync('tracked')), qr/tracked/, 'the run that finds it on goes by time');
$till->sql('UPDATE Numerators SET Number = Number + 1 WHERE Id = 1');
unlike(modes(sync('tracked')), qr/tracked/, 'so does the next one, since it stood where it began: that proves nothing');
$mark = mark();
my $row = sync('tracked');
is(modes($row), 'none ' . @tables, 'then nothing is read while nothing has changed');
is(asked($mark, 'FROM [dbo].[Tickets]'), 0, 'not even counted');
is(asked($mark, 'CHANGETABLE'), 0, 'nor is anybody asked for changes');
is(asked($mark, 'CHANGE_TRACKING_CURRENT_VERSION'), 1, 'one question is enough');
my ($question, $answer) = @{ ($db{tracked}->rows('SELECT (sambapos._tracking_idle(s)).* FROM sambapos._place AS s'))[0] };
is($till->sql("SELECT $question") =~ s/\n//r, $answer, 'the question for a probe has the answer that means: nothing has changed');

# ---- edits that no stamp shows, moves, deletes ----

$till->sql(<<'SQL');
UPDATE Tickets SET Note = N'by plain SQL' WHERE Id = 20;
UPDATE Orders SET MenuItemName = N'another' WHERE TicketId = 21;
DELETE FROM Payments WHERE TicketId = 22;
UPDATE Orders SET TicketId = 24 WHERE TicketId = 23 AND Id = (SELECT MIN(Id) FROM Orders WHERE TicketId = 23);
UPDATE TicketEntities SET Ticket_Id = 26 WHERE Ticket_Id = 25;
UPDATE TicketEntities SET Ticket_Id = NULL WHERE Ticket_Id = 27;
DELETE FROM TicketEntities WHERE Ticket_Id = 28;
UPDATE AccountTransactionDocuments SET Name = N'old' WHERE Id = 3;
UPDATE MenuItems SET Name = N'Dish' WHERE Id = 2;
DELETE FROM MenuItemPrices WHERE Id = 4;
INSERT INTO MenuItems (Name) VALUES (N'New dish')
SQL
isnt($till->sql("SELECT $question") =~ s/\n//r, $answer, 'the probe sees it');
$mark = mark();
$row = sync('tracked');
unlike(modes($row), qr/full|incremental/, 'only what has changed is read');
is(read_by($row), 'account_transaction_documents account_transaction_values account_transactions calculations '
	. 'menu_item_prices menu_items orders payments ticket_entities tickets', 'of the tables in which it is');
cmp_ok($row->{tickets}{rows_read}, '<', 30, "$row->{tickets}{rows_read} tickets of 1100");
is($row->{menu_items}{rows_read}, 2, 'and two rows of a master');
sync('tracked');
is_the_till('tracked', 'edits that no stamp shows');
sync('timed', "'shop', mode => 'full'") for 1 .. 2;
are_the_same('edits that no stamp shows, which the other one has found by reading everything');
my $of_master = q(SELECT row_state FROM sambapos_replica.menu_item_prices WHERE id = 4);
is($db{tracked}->value($of_master), 'deleted', 'a master row that is gone is judged as always');

# ---- a day of the till, with a single delete; without a snapshot, and while a transaction is open ----

$till->ctl(qw(play --edits 60 --seed 3));
$till->sql('DELETE FROM Orders WHERE TicketId = 40; DELETE FROM Payments WHERE TicketId = 40; DELETE FROM Calculations WHERE TicketId = 40; '
	. 'DELETE FROM ChangePayments WHERE TicketId = 40; DELETE FROM PaidItems WHERE TicketId = 40; DELETE FROM TicketEntities WHERE Ticket_Id = 40; DELETE FROM Tickets WHERE Id = 40');
sync_both('a day of the till', timed => "'shop', mode => 'full'");
is($db{tracked}->value('SELECT row_state FROM sambapos_replica.tickets WHERE id = 40'), 'deleted', 'a deleted ticket is judged as always');
$till->sql("ALTER DATABASE $till->{database} SET ALLOW_SNAPSHOT_ISOLATION OFF");
$till->sql('CREATE TABLE Go (Id int NOT NULL PRIMARY KEY)');
my $late = IPC::Run::start([ "$Harness::root/build/tillctl", $till->{connection}, 'sql', "BEGIN TRANSACTION; "
	. "UPDATE Tickets SET Note = N'committed late' WHERE Id = 50; WHILE (SELECT COUNT(*) FROM Go) = 0 WAITFOR DELAY '00:00:00.050'; COMMIT" ]);
$till->ctl(qw(play --edits 20 --seed 4));
$row = sync('tracked');
like(modes($row), qr/^none \d+ tracked \d+$/, 'without a snapshot too');
$till->sql('INSERT INTO Go VALUES (1)');
$late->finish;
sync('tracked');
is($db{tracked}->value('SELECT note FROM sambapos_replica.tickets WHERE id = 50'), 'committed late', 'what is committed late is named late');
sync_both('a transaction that was open while others came and went', timed => "'shop', mode => 'full'");
$till->sql("ALTER DATABASE $till->{database} SET ALLOW_SNAPSHOT_ISOLATION ON");

# ---- a run that is killed ----

$till->sql("UPDATE Tickets SET Note = N'before the kill', LastUpdateTime = GETDATE() WHERE Id = 60");
$till->control('slow_ms_per_select', 300);
$mark = mark();
my $session = $db{tracked}->session;
$session->send("SELECT * FROM sambapos_sync('shop')");
select undef, undef, undef, 0.1 until $till->sql("SELECT COUNT(*) FROM till.requests WHERE CHARINDEX('CHANGETABLE', sql) > 0 AND number > $mark AND finished = 1") > 0;
$db{tracked}->run("SELECT pg_terminate_backend($session->{pid}, 60000)");
$till->control('reset', '');
sync('tracked');
is($db{tracked}->value('SELECT note FROM sambapos_replica.tickets WHERE id = 60'), 'before the kill', 'a killed run has lost nothing');
sync('timed');

# ---- clears ----

my $date = $till->sql('SELECT CONVERT(nvarchar(10), MIN(Date), 23) FROM (SELECT TOP (900) Date FROM Tickets ORDER BY Date DESC) AS t') =~ s/\s//gr;
$till->ctl('clear', '--partial', $date);
$row = sync_both('a partial clear');
is($row->{tickets}{mode}, 'tracked', 'by the keys that are gone');
cmp_ok($db{tracked}->value(q(SELECT count(*) FROM sambapos_replica.tickets WHERE row_state = 'cleared')), '>', 50, 'it is history, not deleted');
$till->sql('UPDATE AccountTransactionValues SET Name = Name; UPDATE Tickets SET Note = Note');
is(sync('tracked')->{tickets}{mode}, $till->sql('SELECT COUNT(*) FROM AccountTransactionDocuments') > 1000 ? 'full' : 'tracked', 'much at once is read as a whole');
$till->ctl('clear', '--reseed');
$till->ctl(qw(play --edits 40 --seed 5));
sync_both('a clear with reseed, and new work under old ids');
cmp_ok($db{tracked}->value(q(SELECT max(epoch) FROM sambapos_replica.tickets)), '>', 1, 'ids have been used again');

# ---- a restored backup, that has grown past what was known; truncated; off and on; too old ----

my $version = $till->sql('SELECT CHANGE_TRACKING_CURRENT_VERSION()') =~ s/\s//gr;
my $ticket = $till->sql('SELECT MIN(Id) FROM Tickets') =~ s/\s//gr;
$till->sql("UPDATE Tickets SET Note = N'after the backup' WHERE Id = $ticket");
sync('tracked');
$till->sql("UPDATE Tickets SET Note = N'in the backup' WHERE Id = $ticket");
$till->control('change_tracking_version', $version);
$till->sql('UPDATE Numerators SET Number = Number WHERE Id = 1') for 1 .. 3;
$row = sync('tracked');
is($row->{tickets}{mode}, 'full', 'after a restore all is read whole');
like(said($row, 'tickets'), qr/^change tracking: a backup was restored; the table is read whole/, 'and the run says why');
is_the_till('tracked', 'a restore');
is(modes(sync('tracked')), 'none ' . @tables, 'then it goes on');

$till->sql("UPDATE Tickets SET Note = Note WHERE Id = $ticket");
sync('tracked');
$till->sql('TRUNCATE TABLE Calculations');
$row = sync('tracked');
is($row->{calculations}{mode}, 'full', 'a table that was truncated at the version that is known is read whole');
like(said($row, 'calculations'), qr/^change tracking: it has begun anew/, 'which the run says');
sync('tracked');
is_the_till('tracked', 'truncated');

$till->sql("UPDATE Tickets SET Note = Note WHERE Id = $ticket");
switch_off('Orders');
$till->sql('UPDATE Orders SET MenuItemName = N\'unseen\' WHERE Id = (SELECT MIN(Id) FROM Orders)');
switch_on('Orders');
$row = sync('tracked');
is($row->{orders}{mode}, 'full', 'one that was off for a while is read whole');
is_the_till('tracked', 'off and on again');

switch_off('Payments');
$row = sync('tracked');
is("$row->{tickets}{mode} $row->{payments}{mode} $row->{menu_items}{mode}", 'incremental incremental none', 'without one table its family goes by time, others do not');
like(said($row, 'payments'), qr/^change tracking: not switched on for this table/, 'said of the one');
like(said($row, 'tickets'), qr/^change tracking: not used without table payments/, 'and of the others');
like($db{tracked}->value(q(SELECT detail FROM sambapos_check('till') WHERE "check" = 'change tracking')), qr/not for Payments/, 'the doctor says it');
switch_on('Payments');
$till->sql("UPDATE Tickets SET Note = Note WHERE Id = $ticket");
sync('tracked');
$till->sql("UPDATE Tickets SET Note = N'unseen' WHERE Id = $ticket");
sync('tracked');
$till->sql("UPDATE Tickets SET Note = N'seen' WHERE Id = $ticket");
is(sync('tracked')->{tickets}{mode}, 'tracked', 'switched on again it is used again');

$till->sql("UPDATE Tickets SET Note = N'long ago' WHERE Id = $ticket");
$till->control('clock_offset_seconds', 6 * 86400);
$till->sql('UPDATE Numerators SET Number = Number WHERE Id = 1');
$row = sync('tracked');
is($row->{tickets}{mode}, 'full', 'after more than the retention all is read whole');
like(said($row, 'tickets'), qr/^change tracking: what is remembered is too old/, 'and the run says why');
is_the_till('tracked', 'too old');

# ---- a login that may not see it ----

$till->sql("CREATE LOGIN Reader WITH PASSWORD = N'long-enough'; CREATE USER Reader FOR LOGIN Reader");
$till->sql(join '; ', map { "GRANT SELECT ON [$_] TO Reader" } @tables);
$db{tracked}->run("ALTER USER MAPPING FOR CURRENT_USER SERVER till OPTIONS (SET username 'Reader', SET password 'long-enough')");
$till->sql("UPDATE Tickets SET Note = N'something to read' WHERE Id = $ticket");
$mark = mark();
$row = sync('tracked');
is(asked($mark, 'CHANGETABLE'), 0, 'without the right nothing is asked that would fail');
like(said($row, 'tickets'), qr/^change tracking: the login may not see it/, 'the run says so');
is($row->{tickets}{mode}, 'incremental', 'and goes by time');
$till->sql(join '; ', map { "GRANT VIEW CHANGE TRACKING ON [$_] TO Reader" } @tables);
$till->sql("UPDATE Tickets SET Note = Note WHERE Id = $ticket");
sync('tracked');
$till->sql("UPDATE Tickets SET Note = N'seen by a reader' WHERE Id = $ticket");
$row = sync('tracked');
is($row->{tickets}{mode}, 'tracked', 'with it, it is used');
sync_both('the end of the day', timed => "'shop', mode => 'full'");

done_testing();
