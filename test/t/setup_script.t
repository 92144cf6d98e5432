# Promise: what sambapos_setup_script prints makes a login that can only read, and touches nothing that it has not made: a user
# mapping may name SambaPOS's own login, the administrator's or a user of the database. Undoing each level takes away
# what the script has made there, and that alone.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

Harness::needs_stand_in('be set up in ways that a shop should not be');
my $till = Harness::till('--snapshot', 'off');
$till->ctl(qw(fill --tickets 5 --seed 5));
my $db = Harness::cluster()->database('shop');
$db->run("CREATE EXTENSION sambapos_fdw; CREATE SERVER till FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host '$till->{host}', port '$till->{port}', database '$till->{database}')");
my $secret = 'A-long-secret-1';

# The script for a login of that name.
sub script
{
	my ($login, $level, $database) = @_;
	$db->run("DROP USER MAPPING IF EXISTS FOR CURRENT_USER SERVER till; CREATE USER MAPPING FOR CURRENT_USER SERVER till OPTIONS (username '$login', password 'x')");
	$db->run("ALTER SERVER till OPTIONS (SET database '" . ($database // $till->{database}) . "')");
	return $db->run("SELECT sambapos_setup_script('till', $level)");
}
# The last part of it with the dashes taken away, as it says.
sub undo
{
	my ($script) = @_;
	$script =~ s/\A.*^-- To undo:[^\n]*\n//ms or die 'no undo';
	return $script =~ s/^-- //mgr;
}
# All that the till knows of logins, users, their rights and marks, of indexes and of isolation.
sub state
{
	return join "\n", map { $_ . "\n" . $till->sql($_) } 'SELECT name, sid FROM sys.server_principals ORDER BY name', 'SELECT name, sid FROM sys.database_principals ORDER BY name',
		'SELECT role, column_name, permission, state FROM till.permissions ORDER BY role, column_name, permission, state',
		'SELECT class, name FROM sys.extended_properties ORDER BY class, name', 'SELECT name, snapshot_isolation_state FROM sys.databases ORDER BY name',
		"SELECT name FROM sys.indexes WHERE object_id = OBJECT_ID(N'[dbo].[Tickets]') ORDER BY name",
		'SELECT retention_period FROM sys.change_tracking_databases', 'SELECT OBJECT_NAME(object_id) FROM sys.change_tracking_tables ORDER BY 1';
}
sub may { my ($login, $what) = @_; return eval { Harness::command("$Harness::root/build/tillctl", $till->{connection} =~ s/username=\S+ password=\S+/username=$login password=$secret/r, 'sql', $what); 1 } ? 1 : 0 }

# ---- a login that is there already ----

$till->sql("CREATE LOGIN Samba WITH PASSWORD = '$secret'; CREATE USER Samba FOR LOGIN Samba; CREATE LOGIN Elsewhere WITH PASSWORD = '$secret'; CREATE LOGIN Other WITH PASSWORD = '$secret'; CREATE USER Else_here FOR LOGIN Other");
$till->sql("GRANT SELECT, INSERT, UPDATE, DELETE ON $_ TO Samba") for qw(Tickets Users AppRules AppActions Scripts ActionContainers);
my $before = state();
for my $login (qw(Samba SAMBA Elsewhere Other Else_here dbo), $till->{username})
{
	my $script = script($login, 3);
	for my $password (undef, $secret)
	{
		like(join('', $till->run_script($script, $password)), qr/already, which this script has not made.* Nothing was done/s, "$login is left alone, and the script says so");
		is(state(), $before, 'nothing was done');
	}
	is_deeply([ $till->run_script(undo($script)) ], [], 'undoing it runs');
	is(state(), $before, 'and does nothing');
}
ok(may('Samba', 'SELECT PinCode FROM Users; SELECT Name FROM AppRules'), 'SambaPOS goes on');
like(join('', $till->run_script((split /^GO\n/m, script('Reader', 3, 'Nowhere'))[1], $secret)), qr/database of this script is not there/, 'without its database the script ends');
is(state(), $before, 'and does nothing in another one');
like(join('', $till->run_script(script('Reader', 3), 'short')), qr/Password validation failed/, 'a password that the server refuses');
like(join('', $till->run_script(script('Reader', 3), 'Aa1-' x 25)), qr/longer than 99 characters/, 'a password that a variable would cut');
is(state(), $before, 'makes nothing');

# ---- its own ----

my $script = script('Reader', 3);
is_deeply([ $till->run_script($script, $secret) ], [], 'it makes a login of its own');
ok(may('Reader', 'SELECT Id FROM Tickets'), 'which can read');
ok(!may('Reader', $_), "but cannot: $_") for 'SELECT PinCode FROM Users', 'SELECT Name FROM AppRules', "UPDATE Tickets SET Note = 'x'";
my $made = state();
isnt($made, $before, 'all is different');
is_deeply([ $till->run_script($script) ], [], 'it may be run again, without a password');
is(state(), $made, 'which changes nothing');
is_deeply([ $till->run_script($script, "$secret another") ], [], 'or with another one');
ok(may('Reader', 'SELECT Id FROM Tickets'), 'which the login does not get');
like($script, qr/^IF SUSER_ID\(N'Reader'\) IS NOT NULL AND \@password <> N'' PRINT N'The login is there already/m, 'and the script says so');
$till->sql('GRANT SELECT ON Users TO Reader');
is_deeply([ $till->run_script($script) ], [], 'once more, after a GRANT of somebody');
ok(!may('Reader', 'SELECT PinCode FROM Users'), 'denies again');

# A backup of the database on another machine: there the login is not, or it is another one.
$till->sql('DROP LOGIN Reader');
like(join('', $till->run_script($script)), qr/Write a password/, 'on another machine it wants a password');
is_deeply([ $till->run_script($script, $secret) ], [], 'and makes the login for the user that came with the database');
ok(may('Reader', 'SELECT Id FROM Tickets') && !may('Reader', 'SELECT PinCode FROM Users'), 'with its rights');
$till->sql("DROP LOGIN Reader; CREATE LOGIN Reader WITH PASSWORD = '$secret'");
like(join('', $till->run_script($script, $secret)), qr/which this script has not made/, 'a login of that name which is another is left alone');
is_deeply([ $till->run_script(undo($script)) ], [], 'undoing runs');
is(state() =~ s/^reader\t.*\n//mr, $before, 'and takes away all but that login');
$till->sql('DROP LOGIN Reader');

# ---- undoing, where some of it was there before ----

$till->run_script($script, $secret);
is_deeply([ $till->run_script(undo($script)) ], [], 'undoing runs');
is(state(), $before, 'and all is as before');
$till->sql("ALTER DATABASE $till->{database} SET ALLOW_SNAPSHOT_ISOLATION ON");
$till->sql('CREATE INDEX IX_sambapos_LastUpdateTime ON Tickets (LastUpdateTime)');
$before = state();
is_deeply([ $till->run_script($script, $secret) ], [], 'where snapshot isolation and the index are there already');
is_deeply([ $till->run_script(undo($script)) ], [], 'undoing');
is(state(), $before, 'leaves them');

done_testing();
