# Cancel, statement_timeout and terminate while the server hangs: in a scan, and in a login to a port that
# never says a word. What is asserted is that the call comes back while the server still hangs; how long it
# took is printed. Afterwards the backend is as good as new.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(time sleep);
use Harness;

Harness::needs_stand_in('hang');
my $till = Harness::till();
$till->ctl(qw(fill --tickets 200 --seed 5));
my $db = Harness::cluster()->database('shop');
$db->connect_till($till);
$db->run('CREATE SCHEMA live; IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Tickets") FROM SERVER till INTO live');

# Runs a piece of code in a process of its own, which does nothing else.
sub aside
{
	my ($code) = @_;
	my $pid = fork // die $!;
	return $pid if $pid;
	$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
	$code->();
	POSIX::_exit(0);
}

# A port that takes connections and stays silent.
my $silent = IO::Socket::INET->new(Listen => 50, LocalAddr => '127.0.0.1') or die $@;
my $silent_port = $silent->sockport;
my $silent_server = aside(sub { sleep 1 while 1 });
$silent->close;
END { kill 'TERM', $silent_server if $silent_server; }
$db->run(<<~SQL);
	CREATE SERVER silent FOREIGN DATA WRAPPER sambapos_fdw
		OPTIONS (host '127.0.0.1', port '$silent_port', database 'SambaPOS', connect_timeout '600');
	CREATE USER MAPPING FOR CURRENT_USER SERVER silent OPTIONS (username 'u', password 'p');
	CREATE FOREIGN TABLE live.nobody (id int) SERVER silent OPTIONS (table_name 'Tickets');
	SQL

my %place = (
	'a scan' => {
		sql => 'SELECT count(*) FROM live.tickets',
		hang => sub { $till->control('hang', 'on') },
		still => sub { $till->switch('hang') eq 'on' },
		free => sub { $till->control('hang', 'off') },
		end => sub { $till->control('hang', 'off') },
	},
	'a login' => {
		sql => 'SELECT count(*) FROM live.nobody',
		hang => sub { },
		still => sub { waitpid($silent_server, POSIX::WNOHANG()) == 0 },
		free => sub { },
		end => sub { kill 'TERM', $silent_server },
	},
);

# Makes the server hang. A call that never comes back would wait with it for ever: after two minutes the server
# gives in, and then "still hangs" is what fails.
my $patience;

sub hang
{
	my ($place) = @_;
	$place->{hang}->();
	$patience = aside(sub { sleep 120; $place->{end}->() });
}

sub free
{
	my ($place) = @_;
	kill 'TERM', $patience;
	waitpid $patience, 0;
	$place->{free}->();
}

# The backend still heeds a cancel, and still works.
sub backend_is_well
{
	my ($session, $name) = @_;
	$session->run("SET statement_timeout = '1s'");
	my $error = $session->error('SELECT pg_sleep(3)');
	is($error && $error->{sqlstate}, '57014', "$name: pg_sleep(3) is still cancelled afterwards");
	$session->run('RESET statement_timeout');
	is($session->value('SELECT pg_backend_pid()'), $session->{pid}, "$name: the same backend");
	is($session->value('SELECT count(*) FROM live.tickets'), 200, "$name: and it reads the till");
}

sub waits_in
{
	my ($session) = @_;
	# It is at it when the server has seen the statement; a moment more and it waits for the network.
	sleep 0.05 until $db->value("SELECT count(*) FROM pg_stat_activity
		WHERE pid = $session->{pid} AND state = 'active' AND now() - query_start > interval '0.3 s'");
}

for my $name ('a scan', 'a login')
{
	my $place = $place{$name};

	my $session = $db->session;
	$session->run('SELECT count(*) FROM live.tickets');    # a connection is open
	hang($place);
	my $begin = time;
	my $error = $session->error("SET statement_timeout = '1s'; $place->{sql}");
	my $seconds = time - $begin;
	ok($place->{still}->(), "$name: the server still hangs");
	is($error && $error->{sqlstate}, '57014', sprintf "%s: statement_timeout of 1 s ended it, after %.2f s", $name, $seconds);
	free($place);
	$session->run('RESET statement_timeout');
	backend_is_well($session, $name);

	hang($place);
	$session->send($place->{sql});
	waits_in($session);
	$begin = time;
	$db->run("SELECT pg_cancel_backend($session->{pid})");
	$error = Harness::error_of(($session->receive)[1]);
	$seconds = time - $begin;
	ok($place->{still}->(), "$name: the server still hangs at pg_cancel_backend");
	is($error && $error->{sqlstate}, '57014', sprintf "%s: pg_cancel_backend ended it, after %.2f s", $name, $seconds);
	free($place);
	backend_is_well($session, $name);

	hang($place);
	$session->send($place->{sql});
	waits_in($session);
	$begin = time;
	$db->run("SELECT pg_terminate_backend($session->{pid})");
	sleep 0.05 while $db->value("SELECT count(*) FROM pg_stat_activity WHERE pid = $session->{pid}");
	$seconds = time - $begin;
	ok($place->{still}->(), "$name: the server still hangs at pg_terminate_backend");
	like(($session->receive)[1], qr/57P01/, sprintf "%s: pg_terminate_backend ended it, after %.2f s", $name, $seconds);
	free($place);
	is($db->value('SELECT count(*) FROM live.tickets'), 200, "$name: the cluster goes on");
}

done_testing();
