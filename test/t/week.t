# A busy till's week in fast motion: tickets, edits, moves, merges, refunds, prices; two clears, one of them with reseed
# (numbers, ids and documents start again together, and no ticket has a uid), a backup that is restored, mostly after a
# clear, some of them on a new machine; three network outages, the clock two hours ahead and two hours back, a terminal that is five hours behind, a night
# that has an hour twice or not at all. Runs come when they come, many while the till is at work; at night all is compared.
# It ends in an exact account (Account.pm).
#
# SAMBAPOS_WEEK_TICKETS: how busy it is, 10000 in `make soak`; SAMBAPOS_WEEK_SEEDS: which weeks, as 1,2,3.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;
use Canonical;
use Account;
use POSIX ();

Harness::needs_stand_in('keep a ledger, move its clock and restore a backup');

my $tickets = $ENV{SAMBAPOS_WEEK_TICKETS} // 70;
my $steps = 5;    # a day
my $cluster = Harness::cluster();

package Week;

sub new
{
	my ($class, $seed) = @_;
	srand $seed;
	my $till = Harness::till('--timezone', 'Europe/Berlin', '--snapshot', $seed % 2 ? 'off' : 'on');
	my $db = $cluster->database("week$seed");
	$db->connect_till($till);
	# the clocks go back, or forward, in the third night
	my $monday = $seed % 4 < 2 ? '2026-10-23' : '2026-03-27';
	my $week = bless { seed => $seed, till => $till, db => $db, port => $till->{port}, jump => 0, runs => 0, failed => 0, faults => [],
		new_machine => $seed % 5 == 1 }, $class;
	$week->{midnight} = $till->postgres("SELECT round(extract(epoch FROM timestamptz '$monday 00:00 Europe/Berlin' - now()))");
	$week->set_clock(0);
	$till->ctl('fill', '--tickets', POSIX::ceil($tickets / 3), '--seed', $seed, '--until', $monday);
	$week->{account} = Account->new($till, $db);
	my $tables = join ', ', map { "'$_'" } Account::tables(), qw(MenuItems MenuItemPortions MenuItemPrices);
	$db->run("SELECT * FROM sambapos_add_site('shop', 'till', 'Europe/Berlin', ARRAY[$tables])");
	$week->{session} = $db->session;
	return $week;
}

sub set_clock
{
	my ($week, $step) = @_;
	$week->{step} = $step;
	$week->{till}->control('clock_offset_seconds', POSIX::floor($week->{midnight} + 86400 * (1 + $step / $steps) + $week->{jump}));
}

# The days' events: step => [ name, ... ]
sub plan
{
	my ($week) = @_;
	my %plan;
	my $at = sub { my ($from, $to) = @_; return $from + int rand($to - $from) };
	my $put = sub { my ($step, @what) = @_; push @{ $plan{$step} }, @what };
	my @kinds = $week->{seed} % 2 ? qw(clear_with_reseed clear) : qw(clear clear_with_reseed);
	my ($backup, $clear, $restore) = ($at->(2, 8), $at->(8, 14), $at->(15, 22));
	($clear, $restore) = ($restore, $clear) if $week->{seed} % 3 == 2;    # the restore is not always one after a clear
	$put->($backup, 'backup');
	$put->($clear, $kinds[0]);
	$put->($restore, 'restore');
	$put->($at->(24, 32), $kinds[1]);
	$put->($at->(@$_), 'outage') for [ 1, 11 ], [ 12, 22 ], [ 23, 33 ];
	$put->($at->(3, 32), $_) for qw(ahead back);
	return %plan;
}

# A child process at the till; the parent goes on.
sub at_work
{
	my ($week, @arguments) = @_;
	my $child = fork // die "fork: $!";
	return $child if $child;
	open STDOUT, '>', '/dev/null';
	exec "$Harness::root/build/tillctl", $week->{till}{connection}, @arguments or POSIX::_exit(1);
}

# What the till does, and a run or two meanwhile, or not.
sub while_runs
{
	my ($week, @arguments) = @_;
	my $child = $week->at_work(@arguments);
	$week->sync for 1 .. int rand 3;
	waitpid $child, 0;
	$? == 0 or die "seed $week->{seed}: tillctl @arguments: status $?";
}

sub sync
{
	my ($week) = @_;
	my $mode = rand() < 0.1 ? 'full' : 'auto';
	$week->{runs}++;
	$week->{account}->run(sub {
		my @bad = grep { $_->{status} ne 'ok' } $week->{session}->sync("'shop', mode => '$mode'");
		return 1 unless @bad;
		$week->{failed}++;
		$week->complain($mode, @bad) unless $week->{outage};
		return 0;
	}, "$mode at step $week->{step}");
}

sub complain
{
	my ($week, $mode, @bad) = @_;
	if ($bad[0]{message} =~ /another database answers/)
	{
		$week->{db}->run("SELECT sambapos_accept_source('shop', 'restore')");    # as a person would
		return;
	}
	push @{ $week->{faults} }, map { "step $week->{step}, $mode run: $_->{table_name}: $_->{status} $_->{message}" } @bad;
}

sub play
{
	my ($week, $edits) = @_;
	$week->{account}->about($week->{jump} < 0 ? 'late' : 'sale');
	$week->while_runs('play', '--edits', $edits, '--seed', 1 + int rand 1000000);
	return unless rand() < 0.25;
	$week->{account}->about('late');
	$week->while_runs('play', '--edits', 1 + int($edits / 10), '--seed', 1 + int rand 1000000, '--behind', 5 * 3600);
}

sub clear
{
	my ($week, @how) = @_;
	$week->{account}->about('clear');
	$week->while_runs('clear', '--pause', int rand 60, @how);
	$week->{account}->about('sale');
}

sub clear_with_reseed { $_[0]->clear('--reseed') }
sub backup { $_[0]{till}->postgres('SELECT till.backup()') }
sub ahead { $_[0]{jump} = 7200 }
sub back { $_[0]{jump} = -7200 }

sub restore
{
	my ($week) = @_;
	$week->{till}->postgres('SELECT till.restore()');
	$week->{till}->postgres(qq(ALTER DATABASE "$week->{till}{database}" SET till.create_date = '2026-09-01')) if $week->{new_machine};
	$week->{account}->about('sale');
}

sub outage { $_[0]{outage} = 2 + int rand 3; $_[0]->network(1) }

sub network
{
	my ($week, $down) = @_;
	$week->{db}->run(sprintf "ALTER SERVER till OPTIONS (SET port '%d')", $down ? 1 : $week->{port});
}

sub night
{
	my ($week) = @_;
	return if $week->{outage};
	$week->{account}->run(sub {
		my @bad = $week->{session}->rows("SELECT table_name, finding, id, status, message FROM sambapos_reconcile('shop', tier => 2)
			WHERE status NOT IN ('ok', 'repaired')");
		push @{ $week->{faults} }, map { "step $week->{step}, night: " . join ' ', map { $_ // '' } @$_ } @bad;
		return @bad ? 0 : 'compared';
	}, "night at step $week->{step}");
	push @{ $week->{faults} }, map { "step $week->{step}: " . join ' ', map { $_ // '' } @$_ } $week->{account}->look;
}

sub pass
{
	my ($week) = @_;
	my %plan = $week->plan;
	Test::More::note("seed $week->{seed}: " . join ', ', map { "$_ @{ $plan{$_} }" } sort { $a <=> $b } keys %plan);
	my $edits = POSIX::ceil($tickets * 2 / 7 / $steps);
	for my $step (1 .. 7 * $steps)
	{
		$week->set_clock($step);
		for my $what (@{ $plan{$step} // [] })
		{
			$week->$what;
			$week->set_clock($step);
		}
		$week->play($edits);
		$week->sync if rand() < 0.5;
		$week->network(0) if $week->{outage} && --$week->{outage} == 0;
		$week->night if $step % $steps == 0;
		$week->{jump} = 0;
	}
	$week->network(0);
	$week->{outage} = 0;
	$week->sync for 1 .. 3;
	$week->night;
	$week->sync;
}

package main;

for my $seed (split /,/, $ENV{SAMBAPOS_WEEK_SEEDS} // '2')
{
	my $week = Week->new($seed);
	my ($account, $db, $till) = @$week{qw(account db till)};
	$week->pass;
	push @{ $week->{faults} }, map { join ' ', map { $_ // '' } @$_ } $account->look;
	is_deeply($week->{faults}, [], "seed $seed: all went through but in outages, and no row of history has changed")
		or diag(join "\n", @{ $week->{faults} }[0 .. ($#{ $week->{faults} } > 19 ? 19 : $#{ $week->{faults} })]);
	is_deeply(Canonical::compare($till, $db)->{differences}, [], "seed $seed: live rows equal the till's");
	my @faults = map { join ' | ', map { $_ // '' } @$_ } $account->balance;
	is_deeply(\@faults, [], "seed $seed: the account is exact") or diag(join "\n", @faults[0 .. ($#faults > 39 ? 39 : $#faults)]);
	note("seed $seed: $week->{runs} runs, $week->{failed} of them failed; " . $account->told);
	note(join "\n", map { join ' ', map { $_ // '' } @$_ } $db->rows("SELECT kind, table_name, sum(rows), count(*) FROM sambapos.source_events GROUP BY 1, 2 ORDER BY 1, 2"));
}
done_testing();
