# Whose mapping is used, who needs a password in it, and who may name files: as with postgres_fdw.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use File::Temp qw(tempdir);
use POSIX ();
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 20 --seed 3));
my $cluster = Harness::cluster();
my $db = $cluster->database('shop');
$db->connect_till($till);
my $password = $till->{password} =~ s/'/''/gr;
my $mapping = "OPTIONS (username '$till->{username}', password '$password')";
$db->run(<<~SQL);
	CREATE SCHEMA live;
	IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Tickets") FROM SERVER till INTO live;
	CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE root_too LOGIN SUPERUSER;
	GRANT USAGE ON FOREIGN DATA WRAPPER sambapos_fdw TO alice, bob;
	GRANT USAGE ON FOREIGN SERVER till TO alice, bob;
	GRANT USAGE ON SCHEMA live TO alice, bob;
	GRANT SELECT ON live.tickets TO alice, bob;
	GRANT EXECUTE ON FUNCTION sambapos_query TO alice, bob;
	CREATE SCHEMA hers AUTHORIZATION alice;
	CREATE USER MAPPING FOR alice SERVER till $mapping;
	SQL
my $tickets = 'SELECT count(*) FROM live.tickets';
my $login_refused = $till->{given} ? '28000|HV000' : '28000';    # not every server has SQL Server's numbers

# One statement as a role, in a backend of its own.
sub as { my ($role, $sql) = @_; return $db->value("SET SESSION AUTHORIZATION $role; $sql") }
sub refused
{
	my ($name, $role, $sql, $sqlstate, $text) = @_;
	my $error = $db->error("SET SESSION AUTHORIZATION $role; $sql");
	like($error && $error->{sqlstate}, qr/^($sqlstate)$/, "$name: refused") or return diag($error->{text});
	like($error->{text}, $text, "$name: and why");
}

# ---- whose mapping ----

is(as('alice', $tickets), 20, 'her own mapping');
refused('no mapping', 'bob', $tickets, '42704', qr/user mapping not found for "bob"/);
$db->run(q(CREATE SERVER "My Till" FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host 'till.invalid')));
like($db->error("SELECT * FROM sambapos_query('My Till', 'SELECT 1') AS q (n int)")->{hint}, qr/CREATE USER MAPPING FOR \S+ SERVER "My Till" OPTIONS/, 'the hint is a command, whatever the server is called');
$db->run('DROP SERVER "My Till"');
is(as('bob', "$tickets WHERE now() < '2000-01-01'::timestamptz"), 0, 'a branch that doesn\'t run asks for none');

$db->run(<<~'SQL');
	SET SESSION AUTHORIZATION alice;
	CREATE VIEW hers.tickets AS SELECT * FROM live.tickets;
	CREATE FUNCTION hers.count() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM live.tickets';
	CREATE FUNCTION hers.count_as_caller() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM live.tickets';
	CREATE FUNCTION hers.query() RETURNS int LANGUAGE sql SECURITY DEFINER
		AS $$ SELECT n FROM public.sambapos_query('till', 'SELECT COUNT(*) AS n FROM Tickets') AS q (n int) $$;
	GRANT USAGE ON SCHEMA hers TO bob; GRANT SELECT ON hers.tickets TO bob;
	SQL
is(as('bob', 'SELECT count(*) FROM hers.tickets'), 20, 'a view reads with its owner\'s mapping');
is(as('bob', 'SELECT hers.count()'), 20, 'a SECURITY DEFINER function with its owner\'s');
is(as('bob', 'SELECT hers.query()'), 20, 'and so does sambapos_query in it');
refused('a function with the caller\'s rights', 'bob', 'SELECT hers.count_as_caller()', '42704', qr/user mapping not found for "bob"/);
refused('sambapos_query', 'bob', "SELECT * FROM sambapos_query('till', 'SELECT 1') AS q (n int)", '42704', qr/user mapping not found for "bob"/);
$db->run('SET SESSION AUTHORIZATION bob; CREATE TEMP VIEW nothing AS SELECT 1');
$db->run("CREATE USER MAPPING FOR bob SERVER till OPTIONS (username 'nobody-knows', password 'wrong')");
refused('his own mapping, that the till refuses', 'bob', $tickets, $login_refused, qr/nobody-knows/);
is(as('bob', 'SELECT count(*) FROM hers.tickets'), 20, 'the view still reads with its owner\'s');
$db->run('REVOKE USAGE ON FOREIGN SERVER till FROM bob');
refused('sambapos_query without USAGE', 'bob', "SELECT * FROM sambapos_query('till', 'SELECT 1') AS q (n int)", '42501', qr/foreign server till/);
$db->run('GRANT USAGE ON FOREIGN SERVER till TO bob');

# A server of another wrapper, to which the password would be of use.
$db->run("CREATE EXTENSION postgres_fdw; CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$till->{host}', port '$till->{port}');
	CREATE USER MAPPING FOR alice SERVER other OPTIONS (user 'till', password 'x'); GRANT USAGE ON FOREIGN SERVER other TO alice");
refused("$_->[1] on another wrapper's server", $_->[0], "SELECT $_->[1]", '42809', qr/server "other" does not use sambapos_fdw.*wrapper is "postgres_fdw"/s)
	for [ 'alice', "* FROM sambapos_query('other', 'SELECT 1') AS q (n int)" ], [ 'postgres', "sambapos_disconnect('other')" ], [ 'postgres', "sambapos._end_remote_transaction('other')" ];

# One backend, two users: two connections, each its user's.
my $session = $db->session;
$session->run("SET SESSION AUTHORIZATION alice; $tickets");
like(($session->error("RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION bob; $tickets") // {})->{sqlstate}, qr/^($login_refused)$/,
	'another user of the backend doesn\'t get her connection');
$session->run('RESET SESSION AUTHORIZATION');
is($session->value('SELECT string_agg(user_name::text, \',\') FROM sambapos_connections()'), 'alice', 'hers is listed as hers');
$session->close;

# ---- who needs a password ----

sub bob_has { my ($options) = @_; $db->run("DROP USER MAPPING FOR bob SERVER till; CREATE USER MAPPING FOR bob SERVER till OPTIONS (username '$till->{username}'$options)") }
for my $case ([ 'no password', '' ], [ 'an empty password', ", password ''" ], [ 'password_required', ", password_required 'true'" ])
{
	bob_has($case->[1]);
	refused($case->[0], 'bob', $tickets, '2F003', qr/password is required.*Non-superusers must provide a password in the user mapping/s);
}
bob_has(", password_required 'false'");
refused('password_required false: the login is tried', 'bob', $tickets, $login_refused, qr/Login failed|authentication/i);
bob_has(", password '$password', password_required 'false'");
is(as('bob', $tickets), 20, 'password_required false, and a password');

refused('only a superuser lets go of the password', 'bob', "ALTER USER MAPPING FOR bob SERVER till OPTIONS (SET password 'x')", '42501', qr/superuser-only/);
bob_has(", password '$password'");
refused('password_required false', 'bob', "ALTER USER MAPPING FOR bob SERVER till OPTIONS (ADD password_required 'false')", '42501', qr/superuser-only/);
is(as('bob', "ALTER USER MAPPING FOR bob SERVER till OPTIONS (ADD password_required 'true'); $tickets"), 20, 'password_required true is anybody\'s');

# A superuser forgets it: that is most likely a mistake, and is said before anything is connected.
$db->run("CREATE USER MAPPING FOR root_too SERVER till OPTIONS (username '$till->{username}')");
refused('a superuser without a password', 'root_too', $tickets, 'HV00N', qr/no option "password".*ADD password/s);
$db->run("ALTER USER MAPPING FOR root_too SERVER till OPTIONS (ADD password_required 'false')");
refused('a superuser who says that none is required', 'root_too', $tickets, $login_refused, qr/Login failed|authentication/i);

# A mapping for PUBLIC is held to the rule of whoever uses it.
$db->run("DROP USER MAPPING FOR bob SERVER till; CREATE USER MAPPING FOR PUBLIC SERVER till OPTIONS (username '$till->{username}', password '')");
refused('a mapping for PUBLIC without a password', 'bob', $tickets, '2F003', qr/password is required/);
$db->run("ALTER USER MAPPING FOR PUBLIC SERVER till OPTIONS (SET password '$password')");
is(as('bob', $tickets), 20, 'a mapping for PUBLIC with one');
$db->run('DROP USER MAPPING FOR PUBLIC SERVER till');

# ---- who may name files ----

my $directory = tempdir(CLEANUP => 1);
chmod 0755, $directory;
my $owner = (stat "$cluster->{directory}/data")[4];
sub write_file
{
	my ($name, $text, $mode) = @_;
	open my $file, '>:raw', "$directory/$name" or die $!;
	print $file $text;
	close $file;
	chmod $mode // 0600, "$directory/$name";
	chown $owner, -1, "$directory/$name";
	return "$directory/$name";
}
my $file = write_file('password', "$till->{password}\nsecond line\n");

for my $option ("CREATE SERVER his FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host 'x', ca_file '/etc/ssl/ca.pem')",
	"CREATE USER MAPPING FOR bob SERVER till OPTIONS (username 'x', password_file '$file')",
	"CREATE USER MAPPING FOR bob SERVER till OPTIONS (username 'x'); ALTER USER MAPPING FOR bob SERVER till OPTIONS (ADD password_file '$file')")
{
	refused(substr($option, 0, 40), 'bob', $option, '42501', qr/only superusers may set the option/);
	$db->run('DROP USER MAPPING IF EXISTS FOR bob SERVER till');
}

bob_from_file($file);
sub bob_from_file { my ($path) = @_; $db->run("DROP USER MAPPING IF EXISTS FOR bob SERVER till;
	CREATE USER MAPPING FOR bob SERVER till OPTIONS (username '$till->{username}', password_file '$path')") }
is(as('bob', $tickets), 20, 'a password file that a superuser has named is his password');
refused('he can\'t change a mapping that names a file', 'bob', "ALTER USER MAPPING FOR bob SERVER till OPTIONS (SET username 'x')", '42501', qr/only superusers/);
is(as('bob', 'DROP USER MAPPING FOR bob SERVER till; SELECT 1'), 1, 'but drop it');

# Whoever owns a server with a ca_file cannot point it elsewhere.
$db->run("CREATE SERVER owned FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host 'x', ca_file '/etc/ssl/ca.pem'); ALTER SERVER owned OWNER TO bob");
refused('the owner of a server with ca_file', 'bob', "ALTER SERVER owned OPTIONS (SET host 'y')", '42501', qr/only superusers/);

sub file_is_refused
{
	my ($name, $path, $sqlstate, $text) = @_;
	bob_from_file($path);
	my $error = $db->error("SET SESSION AUTHORIZATION bob; $tickets");
	like($error && $error->{sqlstate}, qr/^($sqlstate)$/, "$name: SQLSTATE") or diag($error->{text});
	like($error->{text}, $text, "$name: message");
	unlike($error->{text}, qr/SECRET/, "$name: nothing of what is in it");
}
my $not_a_password = qr/is not a valid password/;
file_is_refused('a file that isn\'t there', "$directory/nowhere", '58P01', qr/No such file/);
file_is_refused('a file that others can read', write_file('open', "SECRET\n", 0644), 'HV00N', qr/can be read by others.*chmod 600/s);
file_is_refused('a directory', $directory, 'HV00N', qr/not a regular file/);
POSIX::mkfifo("$directory/pipe", 0600) or die $!;
file_is_refused('a pipe, which nobody waits for', "$directory/pipe", 'HV00N', qr/not a regular file/);
file_is_refused('an empty file', write_file('empty', ''), '2F003', qr/password is required/);
file_is_refused('a line too long', write_file('long', 'SECRET' x 50 . "\n"), 'HV00N', $not_a_password);
file_is_refused('bytes that are no text', write_file('bytes', "SECRET\xFF\xFE\n"), 'HV00N', $not_a_password);
file_is_refused('a wrong password', write_file('wrong', "SECRET\n"), $login_refused, qr/Login failed|authentication/i);

done_testing();
