# An error of the server becomes a PostgreSQL error that a program can act on and a person can understand: SQLSTATE,
# the server's words as the message, its number in DETAIL, what to do in HINT, the statement in CONTEXT. The session
# serves the next transaction.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

Harness::needs_stand_in('fail on demand');
my $till = Harness::till();
$till->ctl(qw(fill --tickets 50 --seed 3));
my $db = Harness::cluster()->database('shop');
$db->connect_till($till);
$db->run('CREATE SCHEMA live; IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Tickets") FROM SERVER till INTO live');
my $session = $db->session;
my $rows = 'SELECT * FROM live.tickets';
my $tickets = 'SELECT count(id) FROM live.tickets WHERE id > 0';

# [number, SQLSTATE, what the hint speaks of]
for my $case ([ 208, '42P01', qr/IMPORT FOREIGN SCHEMA/ ], [ 207, '42703', qr/IMPORT FOREIGN SCHEMA/ ],
	[ 229, '42501', qr/grant SELECT/ ], [ 230, '42501', qr/grant SELECT/ ], [ 916, '42501', qr/user in that database/ ],
	[ 1222, '55P03', qr/lock_timeout/ ], [ 1205, '40P01', qr/Try again/ ], [ 3960, '40001', qr/Try again/ ],
	[ 601, '40001', qr/Try again/ ], [ 3952, '55000', qr/ALLOW_SNAPSHOT_ISOLATION/ ],
	[ 701, '53200', qr/memory/ ], [ 9002, '53100', qr/full/ ], [ 824, '58030', qr/CHECKDB/ ], [ 10054, '08006', qr/network/ ],
	[ 942, '57P03', qr/offline/ ], [ 102, '42601', qr/^$/ ], [ 8134, '22012', qr/^$/ ], [ 245, '22P02', qr/^$/ ],
	[ 31415, 'HV000', qr/^$/ ])
{
	my ($number, $sqlstate, $hint) = @$case;
	$session->run('SELECT count(*) FROM live.tickets');
	$till->control('fail_next', $number);
	my $error = $session->error($tickets);
	is($error && $error->{sqlstate}, $sqlstate, "$number: SQLSTATE") or next;
	like($error->{detail}, qr/^SQL Server error $number, severity \d+, state \d+.*, from \Q$till->{host}:$till->{port}\E\.$/, "$number: detail");
	like($error->{hint}, $hint, "$number: hint");
	like($error->{text}, qr/^CONTEXT:  .*tickets.*\nremote SQL: SELECT .*\[Tickets\]/m, "$number: context");
	unlike($error->{message}, qr/\.$|^[A-Z][a-z]/, "$number: message as PostgreSQL writes them");
	is($session->value($tickets), 50, "$number: the next transaction works");
}

# ---- what stops a login ----

sub with
{
	my ($change, $name, $sqlstate, $message, $detail, $hint) = @_;
	$session->run("BEGIN; ALTER $_") for $change;
	$session->run('COMMIT');
	my $error = $session->error($tickets);
	is($error && $error->{sqlstate}, $sqlstate, "$name: SQLSTATE") or return diag($error->{text});
	like($error->{message}, $message, "$name: message");
	like($error->{detail}, $detail, "$name: detail");
	like($error->{hint}, $hint, "$name: hint");
	is(($session->rows('SELECT count(*) FROM sambapos_connections()'))[0][0], 0, "$name: no connection is left");
}
my $mapping = 'USER MAPPING FOR CURRENT_USER SERVER till OPTIONS';
with("$mapping (SET password 'wrong')", 'a wrong password', '28000', qr/login failed/i, qr/18456/, qr/user mapping.*mixed mode/);
with("$mapping (SET password '$till->{password}', SET username 'nobody')", 'an unknown user', '28000', qr/nobody/, qr/18456/, qr/user mapping/);
$session->run("ALTER $mapping (SET username '$till->{username}')");
with("SERVER till OPTIONS (SET database 'NoSuchDatabase')", 'an unknown database', '3D000', qr/NoSuchDatabase/, qr/4060/, qr/option database/);
with("SERVER till OPTIONS (SET database '$till->{database}', SET port '1')", 'nobody listens', '08001', qr/could not connect to \Q$till->{host}\E:1/,
	qr/refused/, qr/SQL Server is running.*TCP\/IP.*instance/);
with("SERVER till OPTIONS (SET port '$till->{port}', SET host 'no-such-till.invalid')", 'an unknown host', '08001', qr/no-such-till\.invalid/,
	qr/./, qr/option host/);
$session->run("ALTER SERVER till OPTIONS (SET host '$till->{host}')");

# No answer: to TCP (an address that is nobody's), and to the login.
$till->control('login_hang', 'on');
with("SERVER till OPTIONS (ADD connect_timeout '1')", 'no answer to a login', '08001', qr/no answer from .* within 1 s/, qr/^$/, qr/connect_timeout/);
$till->control('login_hang', 'off');
$session->run("ALTER SERVER till OPTIONS (SET connect_timeout '10', ADD query_timeout '1')");
is($session->value($tickets), 50, 'after all that it works');
$till->control('hang_after_bytes', 2000);
my $error = $session->error($rows);
$till->control('hang_after_bytes', 'off');
is($error && $error->{sqlstate}, 'HYT00', 'query_timeout: SQLSTATE');
like($error->{hint}, qr/query_timeout/, 'query_timeout: hint');
$session->run('ALTER SERVER till OPTIONS (DROP query_timeout)');

# ---- the line ----

for my $fault ([ 'cut_after_bytes', 3000 ], [ 'garbage_next', 'on' ])
{
	$session->run("BEGIN; $tickets");
	$till->control(@$fault);
	my $error = $session->error($rows);
	like($error && $error->{sqlstate}, qr/^08/, "$fault->[0]: SQLSTATE");
	like($error->{message}, qr/connection to .* was lost/, "$fault->[0]: message");
	like($error->{hint}, qr/Run the query again.*network/, "$fault->[0]: hint");
	$session->run('ROLLBACK');
	is($session->value($tickets), 50, "$fault->[0]: the next transaction connects anew");
}

# ---- what works a terminal ----

# In the server's text: an escape, a bell, the eight-bit escape, a mark that turns the direction, a line of its own.
for my $text ("\e[31mred\a", "a\xC2\x9B1m", "\xE2\x80\xAEtxt", "no\r\nHINT:  drop it", "tab\there")
{
	my %shown = ("\e[31mred\a" => '\x1B[31mred\x07', "a\xC2\x9B1m" => 'a\x9B1m', "\xE2\x80\xAEtxt" => '\u202Etxt', "no\r\nHINT:  drop it" => 'no HINT:  drop it', "tab\there" => "tab\there");
	my ($before, $after) = ($text, $shown{$text});
	my (undef, $said) = $session->ask("SELECT * FROM sambapos_query('till', 'THROW 51000, N''$before'', 1') AS t (a int)");
	my $error = Harness::error_of($said);
	is($error->{message}, $after, "a server's text is shown as $after");
	unlike($said, qr/[\e\a\r]|\xC2\x9B|\xE2\x80\xAE/, 'and not sent as it is, nor in the remote SQL');
	unlike($said =~ s/^CONTEXT:.*//msr, qr/^HINT/m, 'nor as a hint of ours');
}

# ---- a value ----

$session->run(<<~'SQL');
	CREATE FOREIGN TABLE live.third (id int, n smallint OPTIONS (column_name 'Amount')) SERVER till
		OPTIONS (query 'SELECT Id AS id, CASE WHEN Id = 3 THEN 40000 ELSE Id END AS Amount FROM Tickets');
	SQL
$error = $session->error('SELECT n FROM live.third');
is($error && $error->{sqlstate}, '22003', 'a value that doesn\'t fit: SQLSTATE');
like($error->{text}, qr/^CONTEXT:  column "n" of .*third.*, row 3$/m, 'its column and its row');
# a question about all tables has tens of thousands of characters; an error with all of them would scroll away
{
	my $wide = "\xe2\x82\xac" x 2000;
	$till->control('fail_next', 208);
	my $error = $session->error("SELECT * FROM sambapos_query('till', 'SELECT Id FROM Tickets WHERE Note <> N''$wide''') AS q (id integer)");
	like($error->{text}, qr/^(CONTEXT:.*)?remote SQL: SELECT Id FROM Tickets WHERE Note <> N'(\xe2\x82\xac){300,330} \.\.\. \(60\d\d bytes in all\)$/m,
		'of a long statement the context has the beginning, in whole characters');
}

$session->close;

done_testing();
