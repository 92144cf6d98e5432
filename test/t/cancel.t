# Cancel, statement_timeout and terminate while the server hangs: before the first byte of an answer, in the middle
# of the rows, and in a login. What is asserted is that the call comes back while the server still hangs, that the
# backend is as good as new afterwards, or, when it was terminated, that its connection is gone at the server. How
# long it took is printed.
#
# Each of the nine combinations is tried SAMBAPOS_CANCEL_TIMES times (4; `make cancel-soak`: 100), up to ten backends
# at a time.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::INET;
use List::Util qw(max min);
use POSIX ();
use Test::More;
use Time::HiRes qw(time sleep);
use Harness;

Harness::needs_stand_in('hang');
our $times = $ENV{SAMBAPOS_CANCEL_TIMES} // 4;
my $together = min($times, 10);
my $till = Harness::till('--snapshot', 'on');
$till->ctl(qw(fill --tickets 2000 --seed 5));
my $db = Harness::cluster()->database('shop');
$db->connect_till($till, connect_timeout => 600);
$db->run('CREATE SCHEMA live; IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Tickets", "Users") FROM SERVER till INTO live');
my $well = 'SELECT count(*) FROM live.tickets';

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

# The till's connections that hang: process id of the backend => 1, from the application's name.
sub hanging
{
	return map { /^sambapos_fdw (\d+)$/ ? ($1 => 1) : () }
		split /\n/, $till->sql("SELECT application_name FROM till.connections WHERE state = 'hanging'");
}

# ready: what a backend does before the server hangs; sql: what then hangs.
my $in_transaction = 'BEGIN; SELECT count(*) FROM live.users';
my %place = (
	'a wait' => {
		ready => $in_transaction,
		sql => $well,
		hang => sub { $till->control('hang', 'on') },
		still => sub { $till->switch('hang') eq 'on' },
		free => sub { $till->control('hang', 'off') },
		hanging => \&hanging,
	},
	'a fetch' => {
		ready => $in_transaction,
		sql => 'SELECT max(ticket_logs) FROM live.tickets',
		hang => sub { $till->control('hang_after_bytes', 20000) },
		still => sub { $till->switch('hang_after_bytes') == 20000 },
		free => sub { $till->control('hang_after_bytes', 'off') },
		hanging => \&hanging,
	},
	'a login' => {
		ready => "SELECT sambapos_disconnect('till')",
		sql => $well,
		hang => sub { $till->control('login_hang', 'on') },
		still => sub { $till->switch('login_hang') eq 'on' },
		free => sub { $till->control('login_hang', 'off') },
		hanging => \&hanging,
	},
	'a silent port' => {
		ready => 'SELECT 1',
		sql => 'SELECT count(*) FROM live.nobody',
		hang => sub { },
		still => sub { waitpid($silent_server, POSIX::WNOHANG()) == 0 },
		free => sub { },
		give_in => sub { kill 'TERM', $silent_server },
	},
);

# ---- one round: the backends all at once ----

# A call that never comes back would wait with the server for ever: after two minutes the server gives in, and
# then "still hangs" is what fails.
my $patience;

sub hang
{
	my ($place) = @_;
	$place->{hang}->();
	$patience = aside(sub { sleep 120; ($place->{give_in} // $place->{free})->() });
}

sub free
{
	my ($place) = @_;
	kill 'TERM', $patience;
	waitpid $patience, 0;
	$place->{free}->();
}

# Waits until the server has heard from all of them, and a little longer.
sub wait_until_they_hang
{
	my ($place, @sessions) = @_;
	my @pids = map { $_->{pid} } @sessions;
	if ($place->{hanging})
	{
		my %at;
		%at = $place->{hanging}->() until $patience && (@pids == grep { $at{$_} } @pids) || waitpid($patience, POSIX::WNOHANG());
	}
	else
	{
		my $list = join ',', @pids;
		sleep 0.02 until @pids == $db->value("SELECT count(*) FROM pg_stat_activity WHERE pid IN ($list) AND state = 'active'
			AND clock_timestamp() - query_start > interval '0.1 s'");
	}
	sleep 0.05;
}

sub send_all
{
	my ($place, $before, @sessions) = @_;
	$_->send("$before;\n\\echo begin `date +%s.%N`\n$place->{sql};\n\\echo end `date +%s.%N`") for @sessions;
}

# What they answer: [SQLSTATE, when it began, when it ended], a session each.
sub receive_all
{
	return map {
		my ($output, $errors) = $_->receive;
		my $error = Harness::error_of($errors);
		[ $error && $error->{sqlstate}, $output =~ /^begin ([\d.]+)/m, $output =~ /^end ([\d.]+)/m ]
	} @_;
}

my %way = (
	'statement_timeout' => sub {
		my ($place, @sessions) = @_;
		# nobody waits until all of them hang: on a slow machine the first one has ended before the last one begins
		send_all($place, "SET statement_timeout = '250ms'", @sessions);
		return map { [ $_->[0], $_->[2] - $_->[1] - 0.25 ] } receive_all(@sessions);
	},
	'pg_cancel_backend' => sub {
		my ($place, @sessions) = @_;
		send_all($place, 'SELECT 1', @sessions);
		wait_until_they_hang($place, @sessions);
		my $begin = time;
		$db->run(join ';', map { "SELECT pg_cancel_backend($_->{pid})" } @sessions);
		return map { [ $_->[0], $_->[2] - $begin ] } receive_all(@sessions);
	},
	'pg_terminate_backend' => sub {
		my ($place, @sessions) = @_;
		send_all($place, 'SELECT 1', @sessions);
		wait_until_they_hang($place, @sessions);
		my ($begin, %seconds) = time;
		$db->run(join ';', map { "SELECT pg_terminate_backend($_->{pid})" } @sessions);
		while (keys %seconds < @sessions)
		{
			-e "/proc/$_->{pid}" or $seconds{ $_->{pid} } //= time - $begin for @sessions;
			sleep 0.01;
		}
		return map { [ ($_->receive)[1] =~ /FATAL:  57P01/ ? '57P01' : '', $seconds{ $_->{pid} } ] } @sessions;
	},
);

# ---- afterwards ----

# The connections of backends that are no more; asked again for ten seconds, since the till looks five times a second.
sub left_at_the_till
{
	my %gone = map { $_->{pid} => 1 } @_;
	for my $turn (1 .. 100)
	{
		my @left = grep { /^sambapos_fdw (\d+)$/ && $gone{$1} } split /\n/, $till->sql('SELECT application_name FROM till.connections');
		return 0 unless @left;
		return scalar @left if $turn == 100;
		sleep 0.1;
	}
}

# The same backend reads the till again.
sub is_well
{
	my ($session) = @_;
	my ($output, $errors) = $session->ask("ROLLBACK; RESET statement_timeout; SELECT pg_backend_pid(); $well");
	return $errors !~ /ERROR|FATAL/ && $output eq "$session->{pid}\n2000";
}

# And it still heeds a cancel in a statement of its own.
sub heeds_a_cancel
{
	my ($session) = @_;
	my $error = $session->error("SET statement_timeout = '100ms'; SELECT pg_sleep(30)");
	$session->run('RESET statement_timeout');
	return $error && $error->{sqlstate} eq '57014';
}

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[ $#sorted / 2 ]; }

sub combination
{
	my ($where, $how, @sessions) = @_;
	my ($place, $ends) = ($place{$where}, $how eq 'pg_terminate_backend');
	my (@seconds, %bad);
	for (my $left = $times; $left > 0; $left -= @sessions)
	{
		@sessions = map { $db->session } 1 .. min($left, $together) if $ends;
		splice @sessions, $left if @sessions > $left;
		$_->run($place->{ready}) for @sessions;
		hang($place);
		my @result = $way{$how}->($place, @sessions);
		$bad{'the server gave in'} += @result unless $place->{still}->();
		if ($ends && $place->{hanging}) { $bad{'a connection is left'} += left_at_the_till(@sessions) }
		free($place);
		push @seconds, map { $_->[1] } @result;
		$bad{"SQLSTATE $_->[0]"}++ for grep { $_->[0] ne ($ends ? '57P01' : '57014') } @result;
		$bad{'the session is not usable'} += grep { !is_well($_) } $ends ? () : @sessions;
	}
	delete @bad{ grep { !$bad{$_} } keys %bad };
	is_deeply(\%bad, {}, sprintf '%s, %s, %d times: comes back after %.2f s (median), %.2f s (longest)',
		$where, $how, scalar @seconds, median(@seconds), max(@seconds));
	is(scalar @seconds, $times, "$where, $how: every time");
}

for my $where ('a wait', 'a fetch', 'a login', 'a silent port')
{
	local $times = min($times, 4) if $where eq 'a silent port';
	my @sessions = map { $db->session } 1 .. $together;
	combination($where, $_, @sessions) for sort keys %way;
	is(scalar(grep { !heeds_a_cancel($_) } @sessions), 0, "$where: all backends still heed a cancel");
	$_->close for @sessions;
}

# A server that hears the attention keeps the connection.
my $session = $db->session;
$session->run($well);
my $connections = $till->sql("SELECT spid FROM till.connections WHERE application_name = 'sambapos_fdw $session->{pid}'");
my $error = $session->error("SET statement_timeout = '250ms'; SELECT * FROM sambapos_query('till', 'WAITFOR DELAY ''00:10:00''; SELECT 1 AS a') AS q (a int)");
is($error && $error->{sqlstate}, '57014', 'a long statement is cancelled');
ok(is_well($session), 'the session is usable');
is($till->sql("SELECT spid FROM till.connections WHERE application_name = 'sambapos_fdw $session->{pid}'"), $connections,
	'over the same connection: the server has heard the attention');
$session->close;

done_testing();
