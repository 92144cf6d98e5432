# Promise: while a first load and a busy day run together no transaction of the till waits for a lock of ours, where the
# database takes snapshots and where it does not. Counted at the till, which can tell: a session under our name that
# holds a lock is counted.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;
use Canonical;
use POSIX ();

plan(skip_all => 'for minutes: make soak-waits') unless $ENV{SAMBAPOS_TILL_WAITS};
Harness::needs_stand_in('say who has waited for whom');
my $cluster = Harness::cluster();

# The till's transactions that waited for one of ours.
sub waits_for_us { return scalar grep { my ($who, @whom) = @$_; $who !~ /^sambapos_fdw/ && grep { /^sambapos_fdw/ } @whom } @_ }

# The till at work, in a process of its own, until told to stop.
sub busy
{
	my ($till) = @_;
	my $child = fork // die "fork: $!";
	return $child if $child;
	open STDOUT, '>', '/dev/null';
	exec "$Harness::root/build/tillctl", $till->{connection}, qw(play --edits 1000000 --seed 12) or POSIX::_exit(1);
}

sub stop { my ($child) = @_; kill 'TERM', $child; waitpid $child, 0 }

for my $snapshot (qw(on off))
{
	my $till = Harness::till('--snapshot', $snapshot);
	$till->ctl(qw(fill --tickets 120 --seed 11));
	$till->watch_locks;
	my $db = $cluster->database("snapshot_$snapshot");
	$db->connect_till($till);
	my $ours = $db->session;
	$ours->run(q(SELECT FROM sambapos_add_site('shop', 'till', 'UTC'); SELECT sambapos_configure('shop', 'gone_limit', '1000000'))); # such days delete masters
	my $child = busy($till);
	$ours->run(q(CALL sambapos_backfill('shop', 300)));
	$ours->run(qq(SELECT FROM sambapos_sync('shop', mode => '$_', on_error => 'raise'))) for qw(auto full);
	cmp_ok($till->sql('SELECT MAX(Id) FROM Tickets'), '>', 120, "snapshot $snapshot: the till sold meanwhile");
	stop($child);
	$ours->run(q(SELECT FROM sambapos_sync('shop', mode => 'full', on_error => 'raise'))) for 1 .. 2;    # what is missing is missed twice
	is_deeply(Canonical::compare($till, $db)->{differences}, [], "snapshot $snapshot: all was read");
	is(waits_for_us($till->lock_waits), 0, "snapshot $snapshot: no transaction of the till has waited for a lock of ours");
	$ours->close;

	# the count counts: a session of ours that holds a lock
	my $holder = $db->session;
	$holder->run(q(BEGIN; SELECT n FROM sambapos_query('till', 'UPDATE Tickets SET Note = Note WHERE Id = 1; SELECT 1 AS n') AS q (n integer)));
	my $waiter = fork // die "fork: $!";
	unless ($waiter)
	{
		exec "$Harness::root/build/tillctl", $till->{connection}, 'sql', 'UPDATE Tickets SET Note = Note WHERE Id = 1' or POSIX::_exit(1);
	}
	select undef, undef, undef, 0.05 until $till->postgres('SELECT count(*) FROM pg_locks WHERE NOT granted') > 0 && $till->lock_waits > 0;
	$holder->run('ROLLBACK');
	waitpid $waiter, 0;
	cmp_ok(waits_for_us($till->lock_waits), '>', 0, "snapshot $snapshot: one that holds a lock on purpose is counted");
	$holder->close;
}
done_testing();
