# Whoever waits for a hanging server obeys every interrupt of PostgreSQL, not only a cancel (cancel.t): other processes
# wait for it. DROP DATABASE and a change of tablespace wait until each backend has closed its files, an administrator
# waits for the list of memory contexts, the backend of a client that is gone should end, a worker's error should be
# told, and a standby replays nothing while it waits. What is asserted is that each of them is through while the server
# still hangs; how long it took is printed. A backend that is in the way for half an hour is ended, so that a wish that
# nobody obeys is a failure and no test without an end.
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

Harness::needs_stand_in('hang');
my $till = Harness::till('--snapshot', 'on');
$till->ctl(qw(fill --tickets 500 --seed 5));
# Where this cluster, and no other, writes what it gives FreeTDS to read.
my $temporary = $ENV{TMPDIR} = tempdir('freetds-XXXXXX', DIR => $Harness::work);
chmod 01777, $temporary;
my $cluster = Harness::cluster(client_connection_check_interval => '100ms', allow_in_place_tablespaces => 'on');
my $db = $cluster->database('shop');
$db->connect_till($till, connect_timeout => 600, keep_connections => 'off');
$db->run(<<~SQL);
	CREATE SCHEMA live;
	IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Tickets", "Users") FROM SERVER till INTO live;
	SELECT count(*) FROM sambapos_add_site('shop', 'till', tables => '{MenuItems}');
	CREATE TABLESPACE elsewhere LOCATION '';
	CREATE TABLE local AS SELECT g AS id FROM generate_series(1, 5) AS g;
	SQL

# Runs a piece of code in a process of its own, which does nothing else.
my @aside;
sub aside
{
	my ($code) = @_;
	my $pid = fork // die $!;
	if ($pid) { push @aside, $pid; return $pid }
	$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
	$code->();
	POSIX::_exit(0);
}
END { if (@aside) { local $?; kill 'TERM', @aside; waitpid $_, 0 for @aside } }

# ---- ports that are no till ----

sub foreign_table
{
	my ($name, $port, $options) = @_;
	$db->run(<<~SQL);
		CREATE SERVER $name FOREIGN DATA WRAPPER sambapos_fdw
			OPTIONS (host '127.0.0.1', port '$port', database 'SambaPOS', connect_timeout '600' $options);
		CREATE USER MAPPING FOR CURRENT_USER SERVER $name OPTIONS (username 'u', password 'p');
		CREATE FOREIGN TABLE live.$name (id int) SERVER $name OPTIONS (table_name 'Tickets');
		SQL
}

sub listener { return IO::Socket::INET->new(LocalAddr => '127.0.0.1', @_) || die $@ }

# Takes connections and says nothing.
my $silent = listener(Listen => 50);
foreign_table('silent', $silent->sockport, '');

# Says that it encrypts, and then nothing.
my $mute = listener(Listen => 50);
foreign_table('mute', $mute->sockport, ", encryption 'require'");
aside(sub {
	my @clients;
	while (my $client = $mute->accept)
	{
		sysread $client, my $request, 4096;
		my $answer = pack 'C n n C n n C', 0, 11, 6, 1, 17, 1, 255;
		$answer .= pack 'C4 n C', 15, 0, 8, 0, 0, 1;
		syswrite $client, pack('C C n n C C', 4, 1, 8 + length $answer, 0, 1, 0) . $answer;
		push @clients, $client;
	}
});

# Has no room for another connection, so that the system leaves the client waiting.
my $full = listener(Listen => 1);
my @crowd = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $full->sockport, Blocking => 0) } 1 .. 4;
foreign_table('crowded', $full->sockport, '');

# ---- the backend that waits ----

my $in_transaction = 'BEGIN; SELECT count(*) FROM live.users';
my %hang = (
	hang => [ sub { $till->control('hang', 'on') }, sub { $till->control('hang', 'off') } ],
	bytes => [ sub { $till->control('hang_after_bytes', 20000) }, sub { $till->control('hang_after_bytes', 'off') } ],
	login => [ sub { $till->control('login_hang', 'on') }, sub { $till->control('login_hang', 'off') } ],
);
my @places = (
	[ 'a scan that waits for its answer', 'hang', $in_transaction, 'SELECT count(*) FROM live.tickets' ],
	[ 'a scan in the middle of its rows', 'bytes', $in_transaction, 'SELECT max(ticket_logs) FROM live.tickets' ],
	[ 'a scan beside a temporary table', 'hang', "CREATE TEMP TABLE mine (id int); $in_transaction", 'SELECT count(*) FROM live.tickets' ],
	[ 'a cursor', 'hang', "$in_transaction; DECLARE c CURSOR FOR SELECT * FROM live.tickets", 'FETCH c' ],
	[ 'sambapos_query', 'hang', $in_transaction, q{SELECT * FROM sambapos_query('till', 'SELECT 1') AS q (a int)} ],
	[ 'an import', 'hang', 'BEGIN', 'IMPORT FOREIGN SCHEMA dbo FROM SERVER till INTO public' ],
	[ 'a sync', 'hang', 'SELECT 1', q{SELECT * FROM sambapos_sync('shop')} ],
	[ 'a scheduled run', 'hang', q{SELECT sambapos_request_sync('shop')}, q{CALL sambapos_run('shop')} ],
	[ 'a login', 'login', 'SELECT 1', 'SELECT count(*) FROM live.tickets' ],
	[ 'a port that takes no connection', '', 'SELECT 1', 'SELECT count(*) FROM live.crowded' ],
	[ 'a silent port', '', 'SELECT 1', 'SELECT count(*) FROM live.silent' ],
	[ 'a TLS handshake', '', 'SELECT 1', 'SELECT count(*) FROM live.mute' ],
);

sub is_waiting
{
	my ($session, $on) = @_;
	return ($on // $db)->value("SELECT count(*) FROM pg_stat_activity WHERE pid = $session->{pid} AND state = 'active'
		AND clock_timestamp() - query_start > interval '0.1 s'");
}

# Until the server keeps it waiting: the till says so of its own, for a port there is only time.
sub wait_until_it_waits
{
	my ($session, $at_the_till) = @_;
	my $here = qq{SELECT COUNT(*) FROM till.connections WHERE state = 'hanging' AND application_name = 'sambapos_fdw $session->{pid}'};
	sleep 0.02 until !$at_the_till || $till->sql($here) =~ /[1-9]/;
	sleep 0.02 until is_waiting($session);
}

# Does what must come to its end, and returns how long it took. The session is what may be in the way.
sub seconds_of
{
	my ($what, $session, $wish) = @_;
	note("$what ...");
	local $SIG{ALRM} = sub { diag("$what: given up"); kill 'TERM', $session->{pid} };
	my $begin = time;
	alarm 1800;
	$wish->();
	alarm 0;
	return time - $begin;
}

# Somebody else's wish: through while the backend still waits?
sub through
{
	my ($what, $session, $wish, $on) = @_;
	my $seconds = seconds_of($what, $session, $wish);
	ok(is_waiting($session, $on), sprintf '%s: through after %.3f s', $what, $seconds);
}

sub memory_contexts_are_logged
{
	my ($on, $pid) = @_;
	$on->run("SELECT pg_log_backend_memory_contexts($pid)");
	sleep 0.01 until $on->{cluster}->log =~ /\[$pid\] LOG:  logging memory contexts of PID $pid/ || !-e "/proc/$pid";
}

sub backend_ends
{
	my ($pid) = @_;
	sleep 0.01 while -e "/proc/$pid";
}

sub left_at_the_till
{
	my ($pid) = @_;
	return $till->sql(qq{SELECT COUNT(*) FROM till.connections WHERE application_name = 'sambapos_fdw $pid'}) =~ /[1-9]/;
}

sub is_given_to_freetds { return scalar(() = glob("$temporary/sambapos_fdw.*")) }

$db->run("CREATE DATABASE moved");
for (@places)
{
	my ($what, $switch, $ready, $sql) = @$_;
	my ($on, $off) = $switch ? @{ $hang{$switch} } : (sub { }, sub { });
	$db->run('CREATE DATABASE victim');
	my $session = $db->session;
	$session->run($ready);
	$on->();
	$session->send($sql);
	wait_until_it_waits($session, $switch);
	through("$what, DROP DATABASE", $session, sub { $db->run('DROP DATABASE victim') });
	through("$what, SET TABLESPACE", $session, sub {
		$db->run("ALTER DATABASE moved SET TABLESPACE $_") for qw(elsewhere pg_default);
	}) if $what =~ /answer/;
	through("$what, memory contexts", $session, sub { memory_contexts_are_logged($db, $session->{pid}) });

	ok(is_given_to_freetds(), 'FreeTDS has read its configuration from a file') if $what eq 'a login';
	$session->{run}->signal('KILL');
	my $seconds = seconds_of("$what, its client is gone", $session, sub { backend_ends($session->{pid}) });
	my ($end) = $cluster->log =~ /\[$session->{pid}\] FATAL:  (.*)/;
	is($end, 'connection to client lost', sprintf '%s, its client is gone: ended after %.3f s', $what, $seconds);
	sleep 0.05 while $switch && left_at_the_till($session->{pid});
	$off->();
}
ok(!is_given_to_freetds(), 'no configuration file of FreeTDS is left');
is($db->value('SELECT count(*) FROM live.tickets'), 500, 'and all is well');
unlike($cluster->log, qr/PANIC|terminated by signal/, 'no backend has crashed');

# ---- an error of another process ----

$db->run(<<~'SQL');
	CREATE FUNCTION late(id int) RETURNS text LANGUAGE plpgsql PARALLEL SAFE COST 100000 AS $$
	BEGIN
		IF id = 3 THEN
			PERFORM pg_sleep(1);
			RAISE EXCEPTION 'too late' USING ERRCODE = 'U0001';
		END IF;
		RETURN repeat('x', 20000);
	END $$;
	SQL
my $session = $db->session;
$session->run(<<~SQL);
	SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
	SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off;
	ALTER TABLE local SET (parallel_workers = 2);
	SQL
my $late = <<~SQL;
	SELECT count(*) FROM (SELECT late(id) AS t FROM local OFFSET 0) AS l
		CROSS JOIN LATERAL (SELECT t.id FROM live.tickets AS t WHERE t.ticket_number <> l.t OFFSET 0) AS t
	SQL
like($session->run("EXPLAIN $late"), qr/Gather/, 'a worker computes while its leader waits');
for my $switch (qw(hang login))
{
	my ($on, $off) = @{ $hang{$switch} };
	$on->();
	my $begin = time;
	my $error = $session->error($late);
	is($error && "$error->{sqlstate} $error->{message}", 'U0001 too late', sprintf "a worker's error (%s): told after %.2f s", $switch, time - $begin);
	like($error && $error->{text}, qr/^CONTEXT:.*\bline 5 at RAISE\nparallel worker$/m, 'with its context') if $switch eq 'hang';
	$off->();
	is($session->value('SELECT count(*) FROM live.tickets'), 500, 'the session goes on');
}
$session->close;

# ---- a standby ----

my $standby = Harness::standby($cluster, max_standby_streaming_delay => 0);
my $there = $standby->existing('shop');

sub catch_up
{
	my $position = $db->value('SELECT pg_current_wal_flush_lsn()');
	sleep 0.01 until $there->value("SELECT coalesce(pg_last_wal_replay_lsn() >= '$position', false)") eq 't';
}

$db->run('CREATE DATABASE victim');
catch_up();
for my $conflict (0, 1)
{
	my $reader = $there->session;
	$reader->run($in_transaction . ($conflict ? '; SELECT count(*) FROM local' : ''));
	$hang{hang}[0]->();
	$reader->send('SELECT count(*) FROM live.tickets');
	sleep 0.02 until $till->sql(qq{SELECT COUNT(*) FROM till.connections WHERE state = 'hanging' AND application_name = 'sambapos_fdw $reader->{pid}'}) =~ /[1-9]/;
	my $change = $conflict ? 'DROP TABLE local' : 'DROP DATABASE victim';
	my $replayed = sub { $db->run($change); catch_up() };
	if ($conflict)
	{
		my $seconds = seconds_of("$change on a standby", $reader, $replayed);
		my $error = Harness::error_of(($reader->receive)[1]);
		is($error && $error->{sqlstate}, '40001', sprintf '%s on a standby: whoever has read the table hears why, after %.3f s', $change, $seconds);
	}
	else { through("$change on a standby", $reader, $replayed, $there) }
	$hang{hang}[1]->();
}

done_testing();
