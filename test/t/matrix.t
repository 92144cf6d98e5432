# A run that meets a clear at any step, and a failure at any moment: every kind of clear, with and without snapshot isolation,
# and by change tracking (with or without a snapshot), with the server's errors 1205, 1222 and 3960, a connection that is cut,
# a backend or a till that is killed. The run is held at one of its SELECTs; there the till goes on with its clear and the
# failure strikes. After each: what two quiet runs leave equals the till, and the account is exact (Account.pm).
#
# SAMBAPOS_MATRIX: how many cells are played, or `all` of them; SAMBAPOS_MATRIX_SEED: which, and in which order.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;
use Canonical;
use Account;
use Player;

Harness::needs_stand_in('be held in the middle of a run, or be killed');

my $seed = $ENV{SAMBAPOS_MATRIX_SEED} // 1;
my $many = $ENV{SAMBAPOS_MATRIX} // 6;
my @failures = qw(none 1205 1222 3960 cut backend later till);    # later: the backend, while it reads on or merges
my $selects = 45;    # of a run of these tables, about
my $cluster = Harness::cluster();

# The clears, each a list of batches: what a till runs, one transaction a batch.
my %clears = (
	clear => sub { $_[0]->clear(0, 0) },
	truncate => sub { $_[0]->clear(1, 1) },
	reseed => sub { $_[0]->clear(1, 0) },
	partial => sub { $_[0]->partial_clear },
	children_first => sub { map { "DELETE FROM $_" } qw(AccountTransactionValues AccountTransactions Payments Orders TicketEntities Tickets AccountTransactionDocuments) },
	restore => sub { 'restore' });

# The cells of one setting of the till: clear, step of it, failure.
sub cells
{
	my $player = Player->new(1);
	return map { my $clear = $_; map { my $step = $_; map { [ $clear, $step, $_ ] } @failures } 0 .. @{ [ $clears{$clear}->($player) ] } } sort keys %clears;
}

sub shuffle
{
	my (@list) = @_;
	for my $i (reverse 1 .. $#list)
	{
		my $j = int rand($i + 1);
		@list[$i, $j] = @list[$j, $i];
	}
	return @list;
}

package Shop;

sub new
{
	my ($class, $name, $setting) = @_;
	my $is_tracked = $setting eq 'tracked';
	my $till = Harness::till('--snapshot', $is_tracked ? (qw(off on))[ rand 2 ] : $setting);
	my $db = $cluster->database($name);
	$db->connect_till($till);
	my $account = Account->new($till, $db);
	my $names = join ', ', map { "'$_'" } @Player::tables;
	$db->run("SELECT * FROM sambapos_add_site('shop', 'till', 'UTC', ARRAY[$names])");
	if ($is_tracked)
	{
		$till->sql("ALTER DATABASE $till->{database} SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 5 DAYS, AUTO_CLEANUP = ON)");
		$till->sql("ALTER TABLE [$_] ENABLE CHANGE_TRACKING") for @Player::tables;
	}
	my $shop = bless { is_tracked => $is_tracked, till => $till, db => $db, account => $account, player => Player->new($seed), crashes => -1 }, $class;
	if ($is_tracked)    # a first run remembers, later ones go by it
	{
		$shop->sell(2), $shop->sync('auto') for 1 .. 3;
	}
	return $shop;
}

# A backend that is killed takes all others with it.
my $crashes = 0;

sub session
{
	my ($shop) = @_;
	@$shop{qw(session crashes)} = ($shop->{db}->session, $crashes) if $shop->{crashes} != $crashes;
	return $shop->{session};
}

sub play
{
	my ($shop, @batches) = @_;
	for my $batch (@batches)
	{
		$batch eq 'restore' ? $shop->restore : $shop->{till}->sql($batch);
	}
}

# RESTORE DATABASE brings the numbers of change tracking that the backup has.
sub back_up
{
	my ($shop) = @_;
	$shop->{till}->postgres('SELECT till.backup()');
	$shop->{backup} = $shop->{is_tracked} ? $shop->{till}->sql('SELECT CHANGE_TRACKING_CURRENT_VERSION()') =~ s/\s//gr : 1;
}

sub restore
{
	my ($shop) = @_;
	$shop->{till}->postgres('SELECT till.restore()');
	$shop->{till}->control('change_tracking_version', $shop->{backup}) if $shop->{is_tracked};
}

sub sell
{
	my ($shop, $many) = @_;
	$shop->{account}->about('sale');
	$shop->play(map { (rand() < 0.8 ? $shop->{player}->sale : $shop->{player}->edit) } 1 .. $many);
}

# A run that nothing disturbs.
sub sync
{
	my ($shop, $mode) = @_;
	my @bad;
	$shop->{account}->run(sub {
		@bad = map { "$_->{table_name}: $_->{status} $_->{message}" } grep { $_->{status} ne 'ok' } $shop->session->sync("'shop', mode => '$mode'");
		return !@bad;
	});
	return @bad;
}

# A run that is held at one of its SELECTs, if it has so many.
sub run_with
{
	my ($shop, $select, $mode, $meanwhile) = @_;
	my ($till, $session) = ($shop->{till}, $shop->session);
	$till->control('hold_at_select', $select);
	$session->send($mode eq 'run' ? "SELECT sambapos_request_sync('shop');\nCALL sambapos_run('shop')" : "SELECT count(*) FROM sambapos_sync('shop', mode => '$mode')");
	my $held;
	until ($held || $session->is_answered)
	{
		$held = $till->sql("SELECT COUNT(*) FROM till.connections WHERE state = 'hanging'") > 0;
		select undef, undef, undef, 0.02;
	}
	my $later = $meanwhile->($held);
	$till->control('hold_at_select', 'off');
	$shop->kill_backend(rand 0.6) if $later;
	$session->receive if $shop->session == $session;
	$till->control('reset', '');
}

sub strike
{
	my ($shop, $failure) = @_;
	my $till = $shop->{till};
	$till->control('fail_next', $failure) if $failure =~ /^\d/;
	$till->control('cut_after_bytes', 1 + int rand 2000) if $failure eq 'cut';
	$shop->kill_backend(0) if $failure eq 'backend';
	$till->halt('KILL'), $till->restart if $failure eq 'till';
	return $failure eq 'later';
}

sub kill_backend
{
	my ($shop, $seconds) = @_;
	select undef, undef, undef, $seconds;
	my $session = $shop->session;
	$cluster->kill_backend($session->{pid});
	$session->receive;    # its psql has heard of it
	$crashes++;
}

sub cell
{
	my ($shop, $clear, $step, $failure) = @_;
	my ($account, $till) = @$shop{qw(account till)};
	my @faults;
	my $mode = (qw(full auto auto run run))[ rand 5 ];
	$shop->back_up if rand() < 0.3 || !defined $shop->{backup};
	$shop->sell(3 + int rand 5);
	push @faults, $shop->sync('auto');
	$shop->sell(int rand 3);
	my @steps = $clears{$clear}->($shop->{player});
	$account->about('clear') unless $clear eq 'restore';
	$shop->play(@steps[0 .. $step - 1]);
	my $more = $step + int rand(2 + @steps - $step);
	$more = @steps if $more > @steps;
	my $select = int rand $selects;
	$shop->run_with($select, $mode, sub {
		$shop->play(@steps[$step .. $more - 1]);
		return $failure ne 'none' && $_[0] && $shop->strike($failure);
	});
	push @faults, $shop->sync('auto') if rand() < 0.4;
	$shop->play(@steps[$more .. $#steps]);
	$shop->sell(int rand 4);
	push @faults, map { $shop->sync($_) } qw(auto auto full);
	push @faults, map { join ' ', map { $_ // '' } @$_ } $account->look;
	push @faults, @{ Canonical::compare($till, $shop->{db})->{differences} };
	push @faults, map { join ' | ', map { $_ // '' } @$_ } $account->balance;
	return ("$clear at step $step to $more, $mode run held at SELECT $select, failure $failure", @faults);
}

package main;

srand $seed;
my @cells = map { my $setting = $_; map { [ $setting, @$_ ] } cells() } qw(off on tracked);
@cells = shuffle(@cells);
splice @cells, $many if $many ne 'all';
my %name = (off => 'snapshot off', on => 'snapshot on', tracked => 'change tracking');
my %shop;
for my $n (1 .. @cells)
{
	my ($setting, @cell) = @{ $cells[$n - 1] };
	# history grows with each; what has gone wrong once is not to be told of again
	my $shop = $shop{$setting} && $shop{$setting}{cells}++ < 12 ? $shop{$setting} : ($shop{$setting} = Shop->new("shop_$n", $setting));
	my ($what, @faults) = $shop->cell(@cell);
	is_deeply(\@faults, [], "seed $seed, cell $n, $name{$setting}: $what") or delete $shop{$setting};
	diag(join "\n", @faults[0 .. ($#faults > 9 ? 9 : $#faults)]) if @faults;
}
# An account that finds nothing must be one that would.
if (my ($shop) = grep { $_ } @shop{qw(off on tracked)})
{
	my $a_row = sub {
		my ($relation) = @_;
		return "(site_id, epoch, id) = (SELECT 1, r.epoch, split_part(r.key, ' ', 1)::int FROM account.replica AS r
			JOIN account.incarnation AS i USING (born) JOIN account.version AS v ON v.number = i.last
			WHERE r.relation = '$relation' AND i.verdict = 'counts' AND i.required IS NOT NULL AND v.kind = 'clear' ORDER BY i.born LIMIT 1)";
	};
	$shop->{db}->run("SET session_replication_role = replica;
		DELETE FROM sambapos_replica.orders WHERE @{[ $a_row->('Orders') ]};
		UPDATE sambapos_replica.tickets SET row_state = 'removed' WHERE @{[ $a_row->('Tickets') ]};
		UPDATE sambapos_replica.payments SET amount = amount + 0.01 WHERE @{[ $a_row->('Payments') ]}");
	my %found = map { $_->[0] => 1 } $shop->{account}->balance, $shop->{account}->look;
	is_deeply([ grep { !$found{$_} } 'counts, went with clear', 'lost', 'never at the till', 'row lost: orders', 'row of history changed: payments', 'sales differ' ],
		[], 'a row that is lost, a ticket that does not count, a penny too much: each is noticed');
}
cmp_ok($shop{tracked}{db}->value("SELECT count(*) FROM sambapos.run_table WHERE mode = 'tracked'"), '>', 0, 'runs have gone by change tracking')
	if $shop{tracked};
note("$name{$_}: " . $shop{$_}{account}->told) for sort grep { $shop{$_} } keys %shop;
done_testing();
