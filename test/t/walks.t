# Promise: two walks of the manual, "The monthly clear" and "A new till PC with a restored backup", typed as they stand
# there, lead where they say: live rows equal the till's, no row of history has changed, every sum is the one of the
# till's own ledger, the light is green. (The third, "A SambaPOS upgrade", is sambapos_upgrade.t.)
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;
use Canonical;
use Account;
use Walk;

Harness::needs_stand_in('keep a ledger, restore a backup and move to another address');

my $cluster = Harness::cluster();
sub money { my ($amount) = @_; return sprintf '%.2f', $amount }
my $light = q(SELECT light FROM sambapos_status('hotel'));

# A shop that has been at it for a while. Its login is what the setup script makes.
my $secret = 'A-long-secret-1';
sub shop
{
	my ($name, $seed) = @_;
	my $till = Harness::till('--snapshot', 'off');
	$till->ctl(qw(fill --tickets 60 --seed), $seed);
	my $db = $cluster->database($name);
	$db->connect_till($till);
	$db->run(qq(ALTER SERVER till RENAME TO hotel;
		ALTER USER MAPPING FOR CURRENT_USER SERVER hotel OPTIONS (SET username 'sambapos_reader', SET password '$secret')));
	$till->run_script($db->run(q(SELECT sambapos_setup_script('hotel', 0))), $secret);
	my $account = Account->new($till, $db);
	$db->run(q(SELECT FROM sambapos_add_site('hotel', 'hotel', 'UTC')));
	$account->run(sub { $db->run(q(SELECT FROM sambapos_sync('hotel', on_error => 'raise'))); return 'compared' });
	return ($till, $db, $account);
}

# What pg_cron does within a minute.
sub next_look
{
	my ($db, $account) = @_;
	$account->run(sub { $db->run(q(CALL sambapos_run('hotel'))); return 1 });
}

sub ends_well
{
	my ($what, $till, $db, $account) = @_;
	is_deeply(Canonical::compare($till, $db)->{differences}, [], "$what: live rows equal the till's");
	is_deeply([ $account->look ], [], "$what: no row of history has changed");
	my @faults = map { join ' | ', map { $_ // '' } @$_ } $account->balance;
	is_deeply(\@faults, [], "$what: all that was ever at the till is here, and the sums are those of its ledger")
		or diag(join "\n", @faults[0 .. ($#faults > 19 ? 19 : $#faults)]);
	is($db->value($light), 'green', "$what: the light is green");
}

# ---- the monthly clear ----

{
	my ($till, $db, $account) = shop('clear', 3);
	my $walk = Walk->new('The monthly clear');
	$account->about('sale');
	$till->ctl(qw(play --edits 20 --seed 4));
	my @answer;
	$account->run(sub { @answer = $db->rows($walk->step(1)); return 'compared' });
	is_deeply([ map { $_->[0] } @answer ], [ 'green', 'SAFE until the next ticket' ], 'the shop may clear');
	my $counted = $db->run($walk->step(2));
	is($counted, $db->run(q(SELECT count(*), sum(total_amount) FROM sambapos_replica.tickets)), 'what is counted is all there is');
	$account->look for 1 .. 3; # what the edits have deleted, as they may, is judged before the clear
	my $earlier = $db->value('SELECT count(*) FROM sambapos.source_events');
	$account->about('clear');
	$till->ctl('clear');
	$account->about('sale');
	is($db->run($walk->step(4)) =~ /^\d+$/, 1, 'a run is asked for');
	next_look($db, $account);
	my @events = $db->rows($walk->step(5));
	splice @events, 0, $earlier;
	is_deeply([ grep { $_->[0] !~ /^(?:partial )?clear$/ } @events ], [], 'what happened was a clear')
		or diag(join "\n", map { join ' | ', map { $_ // '' } @$_ } $db->rows('SELECT kind, table_name, rows, evidence FROM sambapos.source_events ORDER BY event_id'));
	ok((grep { $_->[1] eq 'tickets' } @events), 'of the tickets');
	is($db->run($walk->step(2)), $counted, 'what is counted is the same');
	is_deeply([ $walk->untried ], [], 'each statement of the walk was tried');
	next_look($db, $account);
	ends_well('clear', $till, $db, $account);
}

# ---- a new till PC ----

{
	my ($till, $db, $account) = shop('new_pc', 5);
	my $walk = Walk->new('A new till PC with a restored backup');
	my $counted = q(SELECT sum(total_amount) FROM sambapos_report.tickets);
	my $before = $db->value($counted);
	$till->postgres('SELECT till.backup()');
	$till->ctl(qw(play --edits 12 --seed 6 --only open));
	my @failed;
	$account->run(sub { @failed = $db->rows($walk->step(1)); return 1 });
	is_deeply(\@failed, [], "new till PC: the old till was read once more");
	my $lost = money($db->value($counted) - $before);
	cmp_ok($lost, '>', 0, "new till PC: $lost were sold since the backup");
	$account->look;
	$db->run($walk->step(2));
	is($db->value($light), 'red', "new till PC: no run meets what is half restored");

	# the backup on another machine, which has no login of ours
	$till->sql('DROP LOGIN sambapos_reader');
	$till->postgres('SELECT till.restore()');
	$till->postgres(qq(ALTER DATABASE "$till->{database}" SET till.create_date = '2026-09-01'));
	$account->about('sale');
	$till->restart('--listen', '127.0.0.2');
	$till->{$_} =~ s/127\.0\.0\.1/127.0.0.2/ for qw(connection host);
	$till->run_script($db->run($walk->step(3)), $secret);
	$walk->replace('192.168.1.20', '127.0.0.2');
	my %found = map { $_->[0] => $_->[2] } $db->rows($walk->step(4));
	ok(!(grep { $found{$_} } qw(host port login database)), "new till PC: the new till is reached") or diag(explain(\%found));
	$db->run($walk->step(5));
	next_look($db, $account);
	my ($alert, @more) = $db->rows($walk->step(6));
	is_deeply([ $alert->[0], scalar @more ], [ 'restore', 0 ], "new till PC: the run knows what happened");
	like($alert->[1], qr/rows of tickets, \Q$lost\E in all, are known here/, "new till PC: and what it is about");
	my ($event) = $alert->[2] =~ /sambapos_reclassify\((\d+)/;
	$walk->replace('17', $event);
	my @tickets = $db->rows($walk->step(7));
	my $listed = 0;
	$listed += $_->[3] for @tickets;
	is(money($listed), $lost, "new till PC: which tickets");
	my $at_till = $till->sql('SELECT SUM(TotalAmount) FROM Tickets') + 0;
	cmp_ok(scalar(() = $db->rows($walk->step(8))), '>', 1, "new till PC: a person says what they are");
	is(money($db->value($counted)), money($at_till + $lost), "new till PC: and so they count");
	is_deeply([ $db->rows($walk->step(6)) ], [], "new till PC: no alert is left");
	is_deeply([ $walk->untried ], [], "new till PC: each statement of the walk was tried");
	next_look($db, $account) for 1 .. 2;
	ends_well('new till PC', $till, $db, $account);
}
done_testing();
