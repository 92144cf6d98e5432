# 10,000 failing calls in one backend leak no socket, no file and no memory. Of each kind 300 calls come first,
# so that caches are filled; then sockets, files and resident memory are counted before and after.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::INET;
use List::Util qw(min);
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 100 --seed 2));
my $db = Harness::cluster()->database('shop');
$db->connect_till($till);
$db->run('CREATE SCHEMA live; IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Tickets") FROM SERVER till INTO live');

# A server that hangs up on everybody, after their first words.
my $rude = IO::Socket::INET->new(Listen => 50, LocalAddr => '127.0.0.1') or die $@;
my $rude_server = fork // die $!;
if ($rude_server == 0)
{
	$SIG{TERM} = 'DEFAULT';
	while (my $client = $rude->accept) { sysread $client, my $words, 100; close $client; }
	require POSIX;
	POSIX::_exit(0);
}
END { kill 'TERM', $rude_server if $rude_server; }

sub server
{
	my ($name, $port, $encryption, $password) = @_;
	return <<~SQL;
		CREATE SERVER $name FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host '127.0.0.1', port '$port',
			database '$till->{database}', encryption '$encryption');
		CREATE USER MAPPING FOR CURRENT_USER SERVER $name OPTIONS (username '$till->{username}', password '$password');
		CREATE FOREIGN TABLE live.$name (id int OPTIONS (column_name 'Id')) SERVER $name OPTIONS (table_name 'Tickets');
		SQL
}
$db->run(server('closed', 1, 'off', 'x') . server('rude', $rude->sockport, 'require', 'x')
	. server('wrong', $till->{port}, 'off', 'wrong') . server('wrong_tls', $till->{port}, 'require', 'wrong'));
$db->run(<<~SQL);
	CREATE FOREIGN TABLE live.gone (id int) SERVER till OPTIONS (table_name 'NoSuchTable');
	CREATE FOREIGN TABLE live.broken (n int OPTIONS (column_name 'n')) SERVER till
		OPTIONS (query 'SELECT 100 / (3 - Id) AS n FROM Tickets');
	SQL

# [calls, statement, SQLSTATE]
my %kind = (
	'a closed port' => [ 2000, 'SELECT * FROM live.closed', '08' ],
	'a server that hangs up' => [ 1000, 'SELECT * FROM live.rude', '08' ],
	'a refused login' => [ 1000, 'SELECT * FROM live.wrong', '28' ],
	'a refused login over TLS' => [ 500, 'SELECT * FROM live.wrong_tls', '28' ],
	'a table that is not there' => [ 2000, 'SELECT * FROM live.gone', '42' ],
	'an error and a good-bye' => [ 500, "SELECT * FROM live.gone; SELECT sambapos_disconnect('till')", '42' ],
	'an error in mid-stream' => [ 1500, 'SELECT * FROM live.broken', '22' ],
	'a local error in mid-scan' => [ 2000, 'SELECT 1 / (id - id) FROM live.tickets', '22' ],
);

sub backend
{
	my ($pid) = @_;
	my @files = map { readlink($_) // '' } glob "/proc/$pid/fd/*";
	open my $status, '<', "/proc/$pid/status" or die $!;
	my ($kilobytes) = join('', <$status>) =~ /VmRSS:\s+(\d+)/;
	return { files => scalar @files, sockets => scalar(grep { /^socket:/ } @files), kilobytes => $kilobytes };
}

my $session = $db->session;
my $calls = 0;
my %grown;
for my $name (sort keys %kind)
{
	my ($times, $sql, $class) = @{ $kind{$name} };
	my $call = sub {
		my (undef, $errors) = $session->ask(join "\n", ("$sql;") x $_[0]);
		return scalar(() = $errors =~ /ERROR:  \Q$class\E\w{3}:/g);
	};
	$call->(300);
	my $before = backend($session->{pid});
	my $failed = $call->($times / 2);
	my $half = backend($session->{pid});
	is($failed + $call->($times / 2), $times, "$name: each of $times calls failed with class $class");
	my $after = backend($session->{pid});
	$calls += $times;
	note(sprintf '%s: %d calls: files %d to %d, sockets %d to %d, memory %d to %d to %d kB', $name, $times,
		(map { $before->{$_}, $after->{$_} } qw(files sockets)), map { $_->{kilobytes} } $before, $half, $after);
	is($after->{$_}, $before->{$_}, "$name: no more $_") for qw(files sockets);

	# A leak grows with every call, so in both halves; what the heap takes once and keeps, in one of them.
	$grown{$name} = min($half->{kilobytes} - $before->{kilobytes}, $after->{kilobytes} - $half->{kilobytes}) * 1024 / ($times / 2);

	# A leaked message alone would be a hundred bytes and more a call, a leaked session 20 kB.
	cmp_ok($grown{$name}, '<', 60, sprintf '%s: %.1f bytes a call', $name, $grown{$name});
}
cmp_ok($calls, '>=', 10000, "$calls calls failed");
is($session->value('SELECT count(*) FROM live.tickets'), 100, 'the backend still reads the till');
$session->close;

done_testing();
