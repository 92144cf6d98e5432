# A named instance: the port comes from SQL Server Browser, asked on UDP port 1434 as [MC-SQLR] says. Here it is
# played by this script, at a loopback address of its own. Whatever it answers, or does not, ends in a session or in
# an error that says what to do; a wait for it can be interrupted.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(time sleep);
use Harness;

Harness::needs_stand_in('listen at an address of ours');

# A loopback address that nobody else on this machine uses.
my $address = sprintf '127.13.%d.%d', $$ >> 8 & 255, $$ & 255 | 1;
my $till = Harness::till('--listen', $address);
$till->ctl(qw(fill --tickets 20 --seed 3));
my $db = Harness::cluster()->database('shop');
$db->connect_till($till, connect_timeout => 60);
$db->run('CREATE SCHEMA live; IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Tickets") FROM SERVER till INTO live');
my $tickets = 'SELECT count(*) FROM live.tickets';

# ---- the browser ----

my $directory = tempdir(CLEANUP => 1);

sub write_file { my ($name, $text) = @_; open my $file, '>:raw', "$directory/$name.new" or die $!; print $file $text;
	close $file; rename "$directory/$name.new", "$directory/$name" or die $!; }
sub read_file { my ($name) = @_; open my $file, '<:raw', "$directory/$name" or return ''; local $/; return scalar <$file> // ''; }

# Answers each datagram with what stands in the file "answer", if anything does; after as many unanswered ones
# as "deaf" says. Keeps what it was asked in "asked", a line a datagram in hexadecimal digits.
my $socket = IO::Socket::INET->new(Proto => 'udp', LocalAddr => $address, LocalPort => 1434) or die "UDP 1434 at $address: $@";
my $browser = fork // die $!;
if ($browser == 0)
{
	$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
	while (defined $socket->recv(my $request, 2000))
	{
		my $asked = read_file('asked') . unpack('H*', $request) . "\n";
		my $answer = read_file('answer');
		my $deaf = read_file('deaf') || 0;
		write_file('asked', $asked);
		$socket->send($answer) if $answer ne '' && $asked =~ tr/\n// > $deaf;
	}
	POSIX::_exit(1);
}
$socket->close;
END { if ($browser) { local $?; kill 'TERM', $browser; waitpid $browser, 0; } }

# From now on it says this.
sub browser_says
{
	my ($answer, $deaf) = @_;
	write_file('asked', '');
	write_file('deaf', $deaf // 0);
	write_file('answer', $answer);
}

sub framed { my ($text) = @_; return pack('C v', 5, length $text) . $text; }

sub instance
{
	my ($name, @protocols) = @_;
	return "ServerName;TILL;InstanceName;$name;IsClustered;No;Version;15.0.2000.5;" . join(';', @protocols) . ';;';
}

# ---- it works ----

my $session = $db->session;
$session->run("ALTER SERVER till OPTIONS (ADD instance 'SqlExpress', SET port '1')");
browser_says(framed(instance('SQLEXPRESS', 'tcp', $till->{port})));
my $error = $session->error($tickets);
is($error && $error->{sqlstate}, '08001', 'a port that is given wins');
is(read_file('asked'), '', 'and nobody asks for it');

$session->run('ALTER SERVER till OPTIONS (DROP port)');
is($session->value($tickets), 20, 'the port comes from the browser; the name in another case');
is(read_file('asked'), unpack('H*', "\x04SqlExpress\0") . "\n", 'the request is CLNT_UCAST_INST, sent once');
is($session->value($tickets), 20, 'again');
is(read_file('asked') =~ tr/\n//, 1, 'over the connection that is there: nobody asks twice');

sub answers
{
	my ($name, $answer, $deaf) = @_;
	browser_says($answer, $deaf);
	$session->run("SELECT sambapos_disconnect('till')");
	is($session->value($tickets), 20, $name);
}
answers('a pipe before TCP, and other protocols after it', framed(instance('SQLEXPRESS', 'np', '\\\\TILL\\pipe\\MSSQL$SQLEXPRESS\\sql\\query',
	'tcp', $till->{port}, 'via', 'TILL,0:1433')));
answers('several instances in one answer', framed(instance('MSSQLSERVER', 'tcp', '1') . instance('SQLEXPRESS', 'tcp', $till->{port})
	. instance('OTHER', 'tcp', '2')));
answers('a first request that got lost', framed(instance('SQLEXPRESS', 'tcp', $till->{port})), 1);
is(read_file('asked') =~ tr/\n//, 2, 'it was sent once more');

# ---- it does not ----

sub fails
{
	my ($name, $answer, $detail, $hint) = @_;
	browser_says($answer);
	$session->run("SELECT sambapos_disconnect('till')");
	my $error = $session->error($tickets);
	is($error && $error->{sqlstate}, '08001', "$name: SQLSTATE") or return;
	note($error->{text});
	like($error->{message}, qr/instance "SqlExpress" at \Q$address\E|SqlExpress/, "$name: the message names the instance");
	like($error->{detail}, qr/\Q$address\E: .*$detail/, "$name: the detail says what was wrong");
	like($error->{hint}, $hint, "$name: the hint says what to do");
	is($session->value('SELECT pg_backend_pid()'), $session->{pid}, "$name: the backend lives");
}
my $give_port = qr/server option port/;
fails('no TCP', framed(instance('SQLEXPRESS', 'np', 'x')), qr/TCP/, qr/Enable TCP\/IP/);
fails('another instance', framed(instance('OTHER', 'tcp', $till->{port})), qr/another instance/, $give_port);
fails("port $_->[0]", framed(instance('SQLEXPRESS', 'tcp', $_->[1])), qr/invalid port/, $give_port)
	for [ 0, 0 ], [ 65536, 65536 ], [ 'of six digits', '001433' ], [ 'negative', -1 ], [ 'in words', 'abc' ], [ 'empty', '' ], [ 'with a tail', '1433x' ];
my $not_browser = qr/not one of SQL Server Browser/;
my $good = instance('SQLEXPRESS', 'tcp', $till->{port});
fails('one byte', "\x05", $not_browser, $give_port);
fails('another mark', "\x06" . substr(framed($good), 1), $not_browser, $give_port);
fails('a length too small', pack('C v', 5, length($good) - 1) . $good, $not_browser, $give_port);
fails('a length too large', pack('C v', 5, 65535) . $good, $not_browser, $give_port);
fails('more than 1024 bytes', framed($good . 'x' x 1024), $not_browser, $give_port);
fails('60,000 bytes', framed('x' x 60000), $not_browser, $give_port);
fails('nothing in it', framed(''), qr/another instance/, $give_port);
fails('semicolons', framed(';' x 1000), qr/another instance/, $give_port);
fails('no semicolons', framed('x' x 1000), qr/another instance/, $give_port);
fails('zero bytes', framed("\0" x 1000), qr/another instance/, $give_port);
fails('cut in the middle of a name', framed(substr $good, 0, 25), qr/another instance/, $give_port);
fails('cut after the word tcp', framed(substr $good, 0, index($good, ';tcp') + 4), qr/invalid port/, $give_port);
srand 42;
fails("noise $_", join('', map { chr int rand 256 } 1 .. 1 + int rand 1100), qr/./, $give_port) for 1 .. 20;
answers('and then a good one', framed($good));

# ---- IPv6 ----

SKIP:
{
	require IO::Socket::IP;
	my $six = IO::Socket::IP->new(Proto => 'udp', LocalHost => '::1', LocalPort => 1434);
	my $server = IO::Socket::IP->new(Listen => 5, LocalHost => '::1');
	skip 'no IPv6, or somebody is at UDP port 1434 of ::1', 2 unless $six && $server;
	my $port = $server->sockport;
	$server->close;
	my $pid = fork // die $!;
	if ($pid == 0)
	{
		$SIG{TERM} = 'DEFAULT';
		$six->send(framed(instance('SQLEXPRESS', 'tcp', $port))) while defined $six->recv(my $request, 2000);
		POSIX::_exit(1);
	}
	$six->close;
	$session->run("ALTER SERVER till OPTIONS (SET host '::1')");
	my $error = $session->error($tickets);
	kill 'TERM', $pid;
	waitpid $pid, 0;
	is($error && $error->{sqlstate}, '08001', 'IPv6: nobody is at the port that was told');
	like($error->{message}, qr/could not connect to \[::1\]:$port/, 'IPv6: it is the browser who has told it');
	$session->run("ALTER SERVER till OPTIONS (SET host '$address')");
}

# ---- silence ----

$session->run("ALTER SERVER till OPTIONS (SET connect_timeout '2')");
browser_says('');
$session->run("SELECT sambapos_disconnect('till')");
my $begin = time;
$error = $session->error($tickets);
is($error && $error->{sqlstate}, '08001', sprintf 'silence is an error after %.1f s, with connect_timeout 2', time - $begin);
like($error->{hint}, $_, "the hint speaks of $_") for qr/name is right/, qr/SQL Server Browser/, qr/UDP port 1434/, qr/server option port/;
is(read_file('asked') =~ tr/\n//, 2, 'one retry');

$session->run("ALTER SERVER till OPTIONS (SET connect_timeout '0')");
browser_says('');
$session->send($tickets);
sleep 0.05 until read_file('asked');
$begin = time;
$db->run("SELECT pg_cancel_backend($session->{pid})");
$error = Harness::error_of(($session->receive)[1]);
is($error && $error->{sqlstate}, '57014', sprintf 'a cancel ends the wait, after %.2f s', time - $begin);
browser_says(framed($good));
is($session->value($tickets), 20, 'and the session is as good as new');

# Nobody at the port: the kernel says so at once.
$session->run("ALTER SERVER till OPTIONS (SET host '127.14.0.1')");
$error = $session->error($tickets);
is($error && $error->{sqlstate}, '08001', 'no browser at all');
like($error->{detail}, qr/refused/, 'is seen at once');
like($error->{hint}, qr/SQL Server Browser/, 'and the hint names the service');
$session->close;

done_testing();
