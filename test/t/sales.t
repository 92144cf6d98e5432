# Promise: every sale is what its ticket comes to at the till, with its lines; pages have each sale once while the till goes
# on selling; a number that comes again after a clear names the newest sale, and says so; the first page reads an index.
# Each closed sale reaches a ledger that fails, once a version, though the till is cleared before all are there.
#
# SAMBAPOS_SALES_TICKETS (300; `make soak-deliveries`: 20000) says how much is tried.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use File::Temp ();
use JSON::PP ();
use Harness;
use Ledger;

my $tickets = $ENV{SAMBAPOS_SALES_TICKETS} || 300;
my $json = JSON::PP->new->canonical;
my $till = Harness::till();
$till->ctl(qw(fill --seed 7 --tickets), $tickets);
my $db = Harness::cluster()->database('shop');
$db->connect_till($till);
$db->run('ALTER DATABASE shop SET jit = off'); # the view is a large query: to compile it takes longer than to run it
$db->run(<<'SQL');
SELECT FROM sambapos_add_site('shop', 'till', 'UTC', tables => '{reporting,menu}');
SELECT FROM sambapos_sync('shop', on_error => 'raise');
SQL

# ---- each sale equals its slip, as the till's own rows have it ----

is($db->value(q(SELECT string_agg(column_name, ',' ORDER BY ordinal_position) FROM information_schema.columns WHERE (table_schema, table_name) = ('sambapos_report', 'sales'))),
	'site,sale_number,ticket_id,epoch,created_at,customer_name,notes,cashier,cashier_id,payment_method,subtotal,tax_amount,discount_amount,total_amount,'
	  . 'tendered_amount,change_amount,sync_status,ledger_reference,items,data_source,as_of', 'the columns of sales are a contract');

sub rows_of
{
	my ($sql) = @_;
	return Harness::rows_of($till->sql($sql));
}
sub cents { my ($amount) = @_; return sprintf '%.0f', ($amount || 0) * 100 }

my (%slip, %lines);
$slip{ $_->[0] } = { number => $_->[1], total => cents($_->[2]) } for rows_of('SELECT Id, TicketNumber, TotalAmount FROM Tickets');
for (rows_of('SELECT TicketId, Id, MenuItemId, MenuItemName, Price, Quantity, CalculatePrice, DecreaseInventory, IncreaseInventory, REPLACE(REPLACE(REPLACE(OrderTags, CHAR(10), CHAR(32)), CHAR(13), CHAR(32)), CHAR(9), CHAR(32)) FROM Orders'))
{
	my ($ticket, $id, $item, $name, $price, $quantity, $charged, $less, $more, $tags) = @$_;
	$slip{$ticket}{lines}++;
	my ($is_charged, $is_less, $is_more) = map { /^(?:1|t)/i ? 1 : 0 } $charged, $less, $more;
	my $modifiers = 0;
	my $read = eval { JSON::PP->new->loose->decode($tags || '[]') }; # of what is no JSON nobody knows a price
	$modifiers += ($_->{PR} || 0) * ($_->{Q} || 0) for @{ $read || [] };
	my $total = $is_charged ? ($price + $modifiers) * $quantity : 0;
	$slip{$ticket}{subtotal} += $total;
	next if !$is_charged && !$is_less && !$is_more; # voided
	push @{ $lines{$ticket} }, join ' ', $id, $item, $name, $quantity + 0, cents($price + $modifiers), cents($total);
}
for (rows_of('SELECT TicketId, IncludeTax, CalculationAmount FROM Calculations'))
{
	$slip{ $_->[0] }{discount} -= $_->[2] unless $_->[1] =~ /^(?:1|t)/i;
}
$slip{ $_->[0] }{paid} += $_->[1] for rows_of('SELECT TicketId, Amount FROM Payments');
$slip{ $_->[0] }{change} += $_->[1] for rows_of('SELECT TicketId, Amount FROM ChangePayments');
delete @slip{ grep { !$slip{$_}{total} && !$slip{$_}{lines} } keys %slip };

my (%sale, $differences);
for (split /\n/, $db->run(q(SELECT to_jsonb(s) FROM sambapos_report.sales AS s)))
{
	my $sale = $json->decode($_);
	$sale{ $sale->{ticket_id} } = $sale;
}
is(join(' ', sort { $a <=> $b } keys %sale), join(' ', sort { $a <=> $b } keys %slip), scalar(keys %slip) . ' sales, one a ticket');
sub compare
{
	my ($what, $of_sale, $of_slip) = @_;
	my @wrong = grep { ($of_sale->($sale{$_}) // '') ne ($of_slip->($slip{$_}) // '') } sort { $a <=> $b } keys %slip;
	is(scalar(@wrong), 0, $what) or diag("ticket $wrong[0]: ", $of_sale->($sale{ $wrong[0] }), ' is ', $of_slip->($slip{ $wrong[0] }));
}
compare('number', sub { $_[0]{sale_number} }, sub { $_[0]{number} });
compare('total', sub { cents($_[0]{total_amount}) }, sub { $_[0]{total} });
compare('subtotal', sub { cents($_[0]{subtotal}) }, sub { cents($_[0]{subtotal}) });
compare('discount', sub { cents($_[0]{discount_amount}) }, sub { cents($_[0]{discount}) });
compare('what was handed over, less change', sub { cents($_[0]{tendered_amount} - $_[0]{change_amount}) }, sub { cents(($_[0]{paid} || 0) - ($_[0]{change} || 0)) });
my @wrong = grep {
	my @items = @{ $sale{$_}{items} };
	join(';', map { join ' ', $_->{product_id}, $_->{name}, $_->{quantity} + 0, cents($_->{unit_price}), cents($_->{line_total}) } @items)
	  ne join ';', map { s/^\d+ //r } sort { ($a =~ /(\d+)/)[0] <=> ($b =~ /(\d+)/)[0] } @{ $lines{$_} || [] }
} sort { $a <=> $b } keys %slip;
is(scalar(@wrong), 0, 'lines') or diag($till->sql("SELECT Id, OrderTags FROM Orders WHERE TicketId = $wrong[0]"), $json->encode($sale{ $wrong[0] }{items}), "\n", join ';', @{ $lines{ $wrong[0] } });
is($db->value(q(SELECT count(*) FROM sambapos_report.sales AS s JOIN sambapos_report.tickets AS t ON (t.site, t.epoch, t.id) = (s.site, s.epoch, s.ticket_id)
                WHERE (s.cashier, s.customer_name, s.notes, s.total_amount) IS DISTINCT FROM (t.cashier, t.customer, t.note, t.total_amount))), 0, 'people are those of report tickets');
is($db->value(q(SELECT count(*) FROM sambapos_report.sales AS s WHERE s.items <> '[]' AND s.discount_amount <> (SELECT sum((i ->> 'discount')::numeric) FROM jsonb_array_elements(s.items) AS i))), 0, 'the lines have the discount of the sale, to the cent');
is($db->value(q(SELECT count(*) FROM sambapos_report.sales AS s WHERE s.items <> '[]' AND s.tax_amount <> (SELECT sum((i ->> 'tax')::numeric) FROM jsonb_array_elements(s.items) AS i))), 0, 'and its tax');
cmp_ok($db->value(q(SELECT count(*) FROM sambapos_report.sales WHERE discount_amount <> 0 AND tax_amount <> 0)), '>', 0, 'of which there are some');
is($db->value(q(SELECT sum(s.tax_amount) - (SELECT sum(d.tax) FROM sambapos_report.daily_sales AS d) FROM sambapos_report.sales AS s)), '0.00', 'tax is that of report daily_sales');

# ---- page by page, while the till sells ----

sub page { my ($after, $rows, $more) = @_; return map { $json->decode($_) } split /\n/, $db->run("SELECT to_jsonb(r) FROM sambapos_list_sales('shop', after => " . ($after ? "'" . $json->encode($after) . "'" : 'NULL') . ", page_rows => $rows" . ($more || '') . ') AS r') }
my %before = map { $_->[0] => 1 } $db->rows(q(SELECT ticket_id FROM sambapos_report.sales));
my (%seen, $after, $pages, @order);
while (my @page = page($after, 37))
{
	push @order, map { "$_->{after}{date} $_->{after}{epoch} " . sprintf '%09d', $_->{after}{id} } @page;
	$seen{ $_->{ticket_id} }++ for @page;
	$after = $page[-1]{after};
	next unless ++$pages < 5;
	$till->ctl(qw(play --edits 10 --seed), $pages);
	$db->run(q(SELECT FROM sambapos_sync('shop', on_error => 'raise')));
}
my %now = map { $_->[0] => 1 } $db->rows(q(SELECT ticket_id FROM sambapos_report.sales));
cmp_ok(scalar(keys %now), '>', scalar(keys %before), 'the till has sold meanwhile');
is(join(' ', grep { $now{$_} && !$seen{$_} } sort { $a <=> $b } keys %before), '', 'all pages have all sales');
is((grep { $_ > 1 } values %seen), 0, 'each of them once');
is_deeply(\@order, [ reverse sort @order ], 'the newest first');
is(($db->value(q(SELECT count(*) FROM sambapos_list_sales('shop', from_date => (SELECT max(date)::date FROM sambapos_replica.tickets), to_date => (SELECT max(date)::date FROM sambapos_replica.tickets), page_rows => 10000)))),
	$db->value(q(SELECT count(*) FROM sambapos_report.sales WHERE created_at::date = (SELECT max(date)::date FROM sambapos_replica.tickets))), 'the sales of a day');
for ([ 'page_rows => 0', '22023' ], [ q(status => 'late'), '22023' ], [ q(consumer => 'none'), '42704' ], [ q(after => '[1]'), '22023' ], [ q(from_date => '2026-02-01', to_date => '2026-01-01'), '22023' ])
{
	is($db->error("SELECT * FROM sambapos_list_sales('shop', $_->[0])")->{sqlstate}, $_->[1], "refused: $_->[0]");
}

# ---- one sale; a number that came again ----

my ($one) = sort { $b <=> $a } grep { $slip{$_}{number} } keys %slip;
my $found = $json->decode($db->value("SELECT sambapos_get_sale('shop', '$slip{$one}{number}')"));
is_deeply([ @$found{qw(ticket_id sale_number site)}, scalar @{ $found->{items} } ], [ $one + 0, $slip{$one}{number}, 'shop', scalar @{ $lines{$one} || [] } ], 'a sale by its number, with its lines');
is($db->value("SELECT sambapos_get_sale('shop', 'no such number') IS NULL"), 't', 'one that is not there');
is($db->error("SELECT sambapos_get_sale('nowhere', '1')")->{sqlstate}, '42704', 'of a site that is there');

my $folder = File::Temp->newdir;
my $ledger;
if (Ledger::has_psycopg())
{
	$ledger = Ledger->start($folder);
	$ledger->mood('forgetful');
	$db->run(<<'SQL');
CREATE ROLE ledger_worker LOGIN;
SELECT sambapos_add_entities('shop', 'sales');
SELECT sambapos_add_consumer('ledger', 'shop', '{sales}', condition => 'r.is_closed', start => 'beginning', max_attempts => 100, role => 'ledger_worker');
SQL
	$ledger->work($db, 'ledger_worker', 'ledger') for 1, 2;
	select undef, undef, undef, 0.1 until $ledger->booked;
	$ledger->mood('down');
}
$till->ctl('clear');
$till->ctl(qw(play --edits 30 --seed 9));
$db->run(q(SELECT FROM sambapos_sync('shop', on_error => 'raise')));
SKIP:
{
	skip 'no python3-psycopg', 3 if !$ledger;
	my $before = () = $ledger->booked;
	$ledger->mood('forgetful');
	my $until = time + 300 + $tickets / 10;
	do
	{
		$db->run(q(CALL sambapos_feed_tick(); UPDATE sambapos.delivery SET next_at = now() WHERE state = 'open' AND next_at > now()));
		select undef, undef, undef, 0.5;
	} until time > $until || $db->value(q(SELECT count(*) FROM sambapos.deliveries WHERE status <> 'synced')) == 0;
	my (%times, %booked);
	$times{"$_->{idempotency_key} $_->{version}"}++, $booked{"$_->{key}{epoch} $_->{key}{ticket_id}"} = cents($_->{data}{total_amount}) for $ledger->booked;
	my %closed = map { $_->[0] => cents($_->[1]) } $db->rows(q(SELECT s.epoch || ' ' || s.ticket_id, s.total_amount FROM sambapos_report.sales AS s
		JOIN sambapos_replica.tickets AS t ON (t.epoch, t.id) = (s.epoch, s.ticket_id) WHERE t.is_closed));
	is_deeply(\%booked, \%closed, scalar(keys %closed) . ' sales, of before the clear and after it, are in the ledger with what they come to');
	cmp_ok(scalar(keys %booked), '>', $before, 'which had not all of them when the till was cleared');
	is((grep { $_ > 1 } values %times), 0, 'each version once');
	$ledger->stop;
}
my ($again) = $db->rows(q(SELECT sale_number, count(*) FROM sambapos_report.sales WHERE sale_number <> '' GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1));
ok($again, 'numbers come again after a clear');
$found = $json->decode($db->value("SELECT sambapos_get_sale('shop', '$again->[0]')"));
is("$found->{ticket_id} " . (1 + @{ $found->{others} }), $db->value("SELECT (array_agg(ticket_id ORDER BY created_at DESC, epoch DESC, ticket_id DESC))[1] || ' ' || count(*) FROM sambapos_report.sales WHERE sale_number = '$again->[0]'"),
	'the newest is found, and the others are named');

# ---- what the first page reads ----

my $plan = $db->run(<<'SQL');
SET enable_seqscan = off;
EXPLAIN SELECT t.date, t.epoch, t.id FROM sambapos_replica.tickets AS t WHERE t.site_id = 1 AND t.row_state IN ('live', 'cleared', 'superseded')
  AND t.date >= '-infinity' AND t.date < 'infinity' AND t.date <= 'infinity' AND (t.date, t.epoch, t.id) < ('infinity'::timestamp, 0, 0::bigint)
ORDER BY t.date DESC, t.epoch DESC, t.id DESC LIMIT 50
SQL
like($plan, qr/Index Scan Backward using tickets_site_id_date_idx/, 'the first page is found in the index of dates');
done_testing();
END { $ledger->stop if $ledger } # also when the test stops half way
