# After the first load, after each of ten syncs with 200 edits of every kind between them, after a clear and
# after new work: the live rows of every replicated table equal the source's rows, column by column.
#
# Edits that only reconciliation can see are not played (see @hidden): plain SQL on a closed ticket's header
# or children without any stamp, a single closed ticket deleted, an old manual document edited or deleted.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;
use Canonical;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 2000 --seed 7));
my $db = Harness::cluster()->database('shop');
$db->connect_till($till);
$db->run("SELECT * FROM sambapos_add_site('shop', 'till')");

sub sync_is_equal
{
	my ($when) = @_;
	my @bad = grep { $_->{status} ne 'ok' } $db->sync;
	is_deeply([ map { "$_->{table_name}: $_->{status} $_->{message}" } @bad ], [], "$when: every table synced");
	my $result = Canonical::compare($till, $db);
	is_deeply($result->{differences}, [], "$when: replica and source are equal");
	note("$when: $result->{rows} rows of $result->{tables} tables compared");
	return $result;
}

sub falls
{
	my ($before, $after) = @_;
	return [ grep { $after->{$_} < $before->{$_} } sort keys %$before ];
}

my $sums = q{SELECT p.payment_type_id, count(*), sum(p.amount)
	FROM sambapos_replica.payments p WHERE p.row_state IN ('live', 'cleared') GROUP BY 1 ORDER BY 1};

my $first = sync_is_equal('first load');
cmp_ok($first->{rows}, '>', 10000, 'there is something to compare');
my %tables = map { $_ => 1 } Canonical::replica_tables($db);
ok($tables{$_}, "$_ is replicated")
	for qw(tickets orders payments change_payments calculations ticket_entities paid_items
	account_transaction_documents account_transactions account_transaction_values work_periods
	menu_items menu_item_portions menu_item_prices accounts entities payment_types tax_templates users);

my %before = Canonical::row_counts($db);
for my $round (1 .. 10)
{
	$till->ctl('play', '--edits', 200, '--seed', 100 + $round);
	sync_is_equal("round $round");
	my %after = Canonical::row_counts($db);
	is_deeply(falls(\%before, \%after), [], "round $round: no row is gone");
	%before = %after;
}

my $sold = $db->run($sums);
isnt($sold, '', 'there are sums to keep');
$till->ctl('clear');
is($till->sql('SELECT COUNT(*) FROM Tickets'), "0\n", 'the till is clear');
sync_is_equal('after the clear');
my %after = Canonical::row_counts($db);
is_deeply(falls(\%before, \%after), [], 'after the clear: no row is gone');
is($db->run($sums), $sold, 'after the clear: the sums are unchanged');
is($db->value("SELECT count(*) FROM sambapos_replica.tickets WHERE row_state = 'cleared'"),
	$db->value('SELECT count(*) FROM sambapos_replica.tickets'), 'after the clear: every ticket is history');

$till->ctl(qw(play --edits 200 --seed 200));
sync_is_equal('new work');
cmp_ok($db->value("SELECT count(*) FROM sambapos_replica.tickets WHERE row_state = 'live'"),
	'>', 0, 'new work: there are live tickets again');
is_deeply(falls(\%after, { Canonical::row_counts($db) }), [], 'new work: no row is gone');

done_testing();
