# What the TAP scripts share: a private cluster, a till, and psql to speak with the cluster.
#
#   my $till = Harness::till();                     a SQL Server: the stand-in, or SAMBAPOS_TEST_SERVER
#   my $db = Harness::cluster()->database('shop');  a database in a cluster of this script's own
#   $db->connect_till($till);                       extension, server, user mapping
#   $db->run, ->value, ->rows, ->error              one psql each
#   my $session = $db->session;                     one backend, kept: ->run, ->send and ->receive
#
# Nothing has a time limit. At the end, also after a signal or a die, everything started is stopped.

package Harness;
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname basename);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);

our $root = abs_path(dirname(__FILE__) . '/../..');
our $work = $ENV{SAMBAPOS_WORK};    # the runner's private directory; without a runner our own
my $own_work;
my $owner = $$;
my @running;                        # [script, directory] of everything to be stopped
my $started = 0;

$SIG{$_} = sub { exit 1 }
	for qw(INT TERM HUP);
$ENV{LC_ALL} = 'C.UTF-8';

unless ($work)
{
	delete @ENV{ grep { /^PG/ && $_ ne 'PG_CONFIG' } keys %ENV };
	chomp($ENV{SAMBAPOS_BINDIR} //= `pg_config --bindir`);
	$ENV{PATH} = "$ENV{SAMBAPOS_BINDIR}:$ENV{PATH}";
	$work = $own_work = tempdir('sambapos-XXXXXX', DIR => '/tmp');
	chmod 0755, $work;
}

END
{
	if ($$ == $owner)
	{
		local $?;
		my @all = reverse @running;
		stop(@$_) for @all;
		remove_tree($own_work) if $own_work;
	}
}

# Runs a command and returns what it prints; dies if it fails.
sub command
{
	my (@command) = @_;
	open my $pipe, '-|', @command or die "$command[0]: $!";
	my $output = do { local $/; <$pipe> };
	close $pipe or die "status $? from: @command\n";
	return $output // '';
}

# Starts what test/harness/<script> starts and returns its directory and the environment it prints.
sub start
{
	my ($script, @arguments) = @_;
	return start_as($script, 'start', @arguments);
}

sub start_as
{
	my ($script, $action, @arguments) = @_;
	my $kind = $script eq 'server' ? 'till' : $script;
	my $directory = sprintf '%s/%s-%d-%d.%s', $work, basename($0, '.t'), $$, ++$started, $kind;
	push @running, [ $script, $directory ];
	return ($directory, script($script, $action, $directory, @arguments));
}

# Runs a script of test/harness and returns the environment it prints.
sub script
{
	my ($script, @arguments) = @_;
	my $exports = command("$root/test/harness/$script", @arguments);
	return { map { /^((?:PG|SAMBAPOS_TEST)\w*)=(.*)$/ ? ($1 => $2) : () } split /\n/, command('bash', '-c', "$exports\nenv") };
}

sub stop
{
	my ($script, $directory) = @_;
	system("$root/test/harness/$script", 'stop', $directory);
	@running = grep { $_->[1] ne $directory } @running;
}

# A cluster of our own; settings as in postgresql.conf.
sub cluster
{
	my (%settings) = @_;
	my ($directory, $environment) = start('cluster', map { "$_=$settings{$_}" } sort keys %settings);
	return bless { directory => $directory, environment => $environment }, 'Harness::Cluster';
}

# A hot standby of a cluster.
sub standby
{
	my ($of, %settings) = @_;
	my ($directory, $environment) = start_as('cluster', 'standby', $of->{directory}, map { "$_=$settings{$_}" } sort keys %settings);
	return bless { directory => $directory, environment => $environment }, 'Harness::Cluster';
}

# A SQL Server with the SambaPOS schema, of version 5 if that is the first argument; the rest is for till.sh.
sub till
{
	my (@options) = @_;
	my @version = @options && $options[0] eq '--v5' ? shift @options : ();
	my ($directory, $environment) = start('server', @options);
	my $till = bless { directory => $directory, till_at($environment) }, 'Harness::Till';
	$till->ctl('schema', @version);
	return $till;
}

# How to reach a server, by name: connection, host, port, database and so on.
sub till_at
{
	my ($environment) = @_;
	return map { /^SAMBAPOS_TEST_(\w+)$/ ? (lc $1 => $environment->{$_}) : () } keys %$environment;
}

# Skips the whole script where only the stand-in can do what it needs.
sub needs_stand_in
{
	my ($what) = @_;
	return unless $ENV{SAMBAPOS_TEST_SERVER};
	require Test::More;
	Test::More::plan(skip_all => "a given server cannot be made to $what");
}

package Harness::Till;

# Runs tillctl on this server and returns what it prints.
sub ctl
{
	my ($till, @arguments) = @_;
	return Harness::command("$Harness::root/build/tillctl", $till->{connection}, @arguments);
}

sub sql
{
	my ($till, $sql) = @_;
	return $till->ctl('sql', $sql);
}

# One more database on this server, empty. Its name begins with the first one's, and both go together.
sub another_database
{
	my ($till, $suffix) = @_;
	return bless { %$till, Harness::till_at(Harness::script('server', 'add', $till->{directory}, $suffix)) }, 'Harness::Till';
}

# Runs what sambapos_setup_script prints, in one session, with a password written into it; returns the first error.
sub run_script
{
	my ($till, $script, $password) = @_;
	$script =~ s/(\@password nvarchar\(100\) = N')'/$1$password'/ if defined $password;
	IPC::Run::run([ "$Harness::root/build/tillctl", $till->{connection}, 'sql', "\n$script" ],
		'>', \my $output, '2>', \my $errors);
	return $errors || ();
}

# What a test may know of the stand-in and no client of it: SQL of PostgreSQL on the till's own cluster.
sub postgres
{
	my ($till, $sql, @options) = @_;
	open my $file, '<', "$till->{directory}/socket" or die $!;
	chomp(my $socket = <$file>);
	my ($output, $errors);
	IPC::Run::run([ qw(psql -X -A -t -q -v ON_ERROR_STOP=1 -U postgres -h), $socket, '-d', $till->{database}, @options, $sql ? ('-f', '-') : () ],
		'<', \($sql // ''), '>', \$output, '2>', \$errors) or die $errors;
	return $output;
}

# From now on the till's cluster logs who waits for a lock, and for whose, if it is longer than a millisecond: of
# sessions that begin later.
sub watch_locks
{
	my ($till) = @_;
	$till->postgres("ALTER SYSTEM SET $_")
		for "log_min_messages = 'log'", 'log_lock_waits = on', "deadlock_timeout = '1ms'", 'log_disconnections = on', "log_line_prefix = '%p <%a> '";
	$till->postgres('SELECT pg_reload_conf()');
}

# Each wait that was logged: who waited, and those who held the lock or stood before him, by application name; asked
# while those that matter are there, since one that ends is logged a moment later.
sub lock_waits
{
	my ($till) = @_;
	open my $log, '<', "$till->{directory}/cluster.log" or die $!;
	my %application = map { split /\t/ } split /\n/, $till->postgres(q(SELECT pid || E'\t' || application_name FROM pg_stat_activity WHERE application_name <> ''));
	my @waits;
	while (<$log>)
	{
		$application{$1} = $2 if /^(\d+) <(.*?)> /;
		next unless /^(\d+) <.*?> DETAIL:  Process(?:es)? holding the lock: ([\d, ]+)\. Wait queue: ([\d, ]+)\./;
		my ($waiter, $holders, $queue) = ($1, $2, $3);
		push @waits, [ $waiter, split(/, /, $holders), $queue =~ s/(?:, )?\b$waiter\b.*//r =~ /\d+/g ];
	}
	return map { [ map { $application{$_} // 'unknown' } @$_ ] } @waits;
}

# From now on the till remembers all it does (test/till/ledger.sql).
sub keep_ledger { my ($till) = @_; $till->postgres(undef, '-f', "$Harness::root/test/till/ledger.sql") }

# A switch of the stand-in (test/till/README.md); it concerns connections of sambapos_fdw only.
sub control
{
	my ($till, $switch, $value) = @_;
	return $till->sql("EXEC till_control '$switch', '$value'");
}

sub switch
{
	my ($till, $switch) = @_;
	my ($value) = $till->sql('EXEC till_control') =~ /^\Q$switch\E\t(.*)$/m;
	return $value;
}

# Stops the stand-in's TDS server, and starts it again: same port, same data.
sub halt
{
	my ($till, $signal) = @_;
	open my $file, '<', "$till->{directory}/till.pid" or die $!;
	chomp(my $pid = <$file>);
	kill $signal // 'TERM', $pid;
	select undef, undef, undef, 0.05 while kill 0, $pid;
}

sub restart
{
	my ($till, @options) = @_;
	Harness::command("$Harness::root/test/till/till.sh", 'restart', $till->{directory}, @options);
}

package Harness::Cluster;

sub database
{
	my ($cluster, $name, $options) = @_;
	my $database = bless { cluster => $cluster, name => $name }, 'Harness::Database';
	(bless { %$database, name => 'postgres' }, 'Harness::Database')->run("CREATE DATABASE $name " . ($options // ''));
	return $database;
}

# Until it takes connections: one whose backend was killed starts again by itself.
sub wait
{
	my ($cluster) = @_;
	local @ENV{ keys %{ $cluster->{environment} } } = values %{ $cluster->{environment} };
	select undef, undef, undef, 0.05 while system('pg_isready -q -d postgres') != 0;
}

sub checkpointer
{
	my ($cluster) = @_;
	local @ENV{ keys %{ $cluster->{environment} } } = values %{ $cluster->{environment} };
	return qx(psql -XAtq -d postgres -c "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'" 2>&1) =~ /^([0-9]+)\s*$/ ? $1 : 0;
}

# Kills a backend, which takes all others with it, and waits until the cluster has noticed, and takes connections again.
sub kill_backend
{
	my ($cluster, $pid) = @_;
	my $before = $cluster->checkpointer;
	return if !kill 'KILL', $pid;
	my $now = $before;
	for (1 .. 6000)
	{
		return if $now && $now != $before;
		select undef, undef, undef, 0.05;
		$now = $cluster->checkpointer;
	}
	die "the cluster has not noticed that backend $pid was killed\n";
}

# A database that is there already, as in a standby.
sub existing { my ($cluster, $name) = @_; return bless { cluster => $cluster, name => $name }, 'Harness::Database' }

sub log
{
	my ($cluster) = @_;
	open my $log, '<', "$cluster->{directory}/log" or die $!;
	local $/;
	return scalar <$log>;
}

package Harness::Database;
use IPC::Run ();

my $null = '\N';

sub psql_command
{
	my ($database, @options) = @_;
	return ('psql', qw(-X -A -t -q -v VERBOSITY=verbose -F), "\t", '-P', "null=$null",
		'-d', $database->{name}, @options);
}

# Runs SQL in a psql of its own; returns (output, errors).
sub psql
{
	my ($database, $sql, @options) = @_;
	local @ENV{ keys %{ $database->{cluster}{environment} } } =
		values %{ $database->{cluster}{environment} };
	my ($output, $errors);
	IPC::Run::run([ $database->psql_command('-v', 'ON_ERROR_STOP=1', @options, '-f', '-') ],
		'<', \$sql, '>', \$output, '2>', \$errors);
	chomp $output;
	return ($output, $errors);
}

sub run
{
	my ($database, $sql) = @_;
	my ($output, $errors) = $database->psql($sql);
	die "$sql\n$errors" if $errors =~ /ERROR|FATAL|PANIC|connection/;
	return $output;
}

# The first column of the first row.
sub value
{
	my ($database, $sql) = @_;
	my ($row) = $database->rows($sql);
	return $row ? $row->[0] : undef;
}

sub rows
{
	my ($database, $sql) = @_;
	return Harness::rows_of($database->run($sql));
}

# The error that a statement must raise: { sqlstate, message, detail, hint, text }; undef if it raises none.
sub error
{
	my ($database, $sql) = @_;
	my (undef, $errors) = $database->psql($sql);
	return Harness::error_of($errors);
}

# Rows as COPY writes them, into a table.
sub load
{
	my ($database, $table, $rows) = @_;
	local @ENV{ keys %{ $database->{cluster}{environment} } } =
		values %{ $database->{cluster}{environment} };
	my $errors;
	IPC::Run::run([ $database->psql_command('-v', 'ON_ERROR_STOP=1', '-c', "COPY $table FROM STDIN") ], '<', \$rows, '2>', \$errors) or die $errors;
}

sub session
{
	my ($database) = @_;
	return Harness::Session->new($database);
}

# Extension, server "till" and the user's mapping; more server options as a hash.
sub connect_till
{
	my ($database, $till, %options) = @_;
	%options = (host => $till->{host}, port => $till->{port}, database => $till->{database},
		encryption => $till->{encryption}, %options);
	my $list = join ', ', map { "$_ '" . $options{$_} =~ s/'/''/gr . "'" } sort keys %options;
	my $password = $till->{password} =~ s/'/''/gr;
	$database->run(<<~SQL);
		CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
		CREATE SERVER till FOREIGN DATA WRAPPER sambapos_fdw OPTIONS ($list);
		CREATE USER MAPPING FOR CURRENT_USER SERVER till
			OPTIONS (username '$till->{username}', password '$password');
		SQL
}

# The rows of sambapos_sync as hashes by column name, in the order given.
sub sync { my ($database, $arguments) = @_; return Harness::sync_with($database, $arguments); }

package Harness;

sub rows_of
{
	my ($output) = @_;
	return map { [ map { $_ eq '\N' ? undef : $_ } split /\t/, $_, -1 ] } split /\n/, $output;
}

sub error_of
{
	my ($errors) = @_;
	return undef unless $errors =~ /(?:ERROR|FATAL|PANIC):  (\w{5}): (.*)/;
	my %error = (sqlstate => $1, message => $2, detail => '', hint => '', text => $errors);
	$error{ lc $1 } = $2 while $errors =~ /^(DETAIL|HINT):  (.*)/mg;
	return \%error;
}

my @sync_columns = qw(site table_name mode epoch rows_read rows_inserted rows_updated rows_unchanged
	rows_gone status message);

sub sync_with
{
	my ($who, $arguments) = @_;
	return sync_rows($who->rows('SELECT ' . sync_columns() . ' FROM sambapos_sync(' . ($arguments // "'shop'") . ')'));
}

sub sync_columns
{
	return join ', ', @sync_columns;
}

sub sync_rows
{
	return map { my %row; @row{@sync_columns} = @$_; \%row } @_;
}

package Harness::Session;
use IPC::Run ();

# One psql, one backend. A marker after each statement on both streams says where its answer ends.
sub new
{
	my ($class, $database) = @_;
	my $session = bless { in => '', out => '', err => '', sent => 0 }, $class;
	local @ENV{ keys %{ $database->{cluster}{environment} } } =
		values %{ $database->{cluster}{environment} };
	$session->{run} = IPC::Run::start([ $database->psql_command('-f', '-') ],
		'<', \$session->{in}, '>', \$session->{out}, '2>', \$session->{err});
	($session->{pid}) = $session->run('SELECT pg_backend_pid()') =~ /(\d+)/;
	return $session;
}

# One step of reading and writing (pump, pump_nb or finish). A psql that has ended, as when its server was killed, takes
# nothing any more; what it has said is read all the same.
sub move
{
	my ($session, $step) = @_;
	local $SIG{PIPE} = 'IGNORE';
	return if eval { $session->{run}->$step; 1 };
	die $@ if $@ !~ /Broken pipe/;
	$session->{in} = '';
}

# Sends SQL without waiting.
sub send
{
	my ($session, $sql) = @_;
	my $marker = 'end of ' . ++$session->{sent};
	$session->{in} .= "$sql\n;\n\\echo $marker\n\\warn $marker\n";
	$session->move('pump_nb');
}

# True once the answer is there.
sub is_answered
{
	my ($session) = @_;
	my $marker = "end of $session->{sent}\n";
	my $run = $session->{run};
	$session->move('pump_nb') if $run->pumpable;
	return !$run->pumpable || $session->{out} =~ /^\Q$marker\E/m && $session->{err} =~ /^\Q$marker\E/m;
}

# Waits for the answer; returns (output, errors). A session that ended answers with what it said last.
sub receive
{
	my ($session) = @_;
	my $marker = "end of $session->{sent}\n";
	my $run = $session->{run};
	$session->move('pump')
		while $run->pumpable && ($session->{out} !~ /^\Q$marker\E/m || $session->{err} !~ /^\Q$marker\E/m);
	my ($output, $errors) = @$session{qw(out err)};
	$session->{$_} = '' for qw(out err);
	s/^end of \d+\n//mg for $output, $errors;
	chomp $output;
	return ($output, $errors);
}

sub ask
{
	my ($session, $sql) = @_;
	$session->send($sql);
	return $session->receive;
}

sub run
{
	my ($session, $sql) = @_;
	my ($output, $errors) = $session->ask($sql);
	die "$sql\n$errors" if $errors =~ /ERROR|FATAL|PANIC|connection/;
	return $output;
}

sub rows { my ($session, $sql) = @_; return Harness::rows_of($session->run($sql)); }
sub value { my ($session, $sql) = @_; my ($row) = $session->rows($sql); return $row && $row->[0]; }
sub error { my ($session, $sql) = @_; return Harness::error_of(($session->ask($sql))[1]); }
sub sync { my ($session, $arguments) = @_; return Harness::sync_with($session, $arguments); }

sub close
{
	my ($session) = @_;
	$session->{in} .= "\\q\n";
	$session->move('finish');
}

sub DESTROY
{
	my ($session) = @_;
	return if ${^GLOBAL_PHASE} eq 'DESTRUCT'; # what it needs may be gone already; psql ends with its input
	local ($?, $@); # the script's own exit status
	$session->{run}->kill_kill if $session->{run} && $session->{run}->pumpable;
}

1;
