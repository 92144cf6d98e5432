# Promise: PostgreSQL's logical replication sends the menu of one site on to another PostgreSQL: a publication with a row filter
# on site_id and a list of columns. What is published is there, after edits too, no row of another site is and no column that
# is not listed; the sync goes on.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 5 --seed 5));
my $cluster = Harness::cluster(wal_level => 'logical');
my $db = $cluster->database('shop');
$db->connect_till($till);
$db->run($_) for map { "SELECT FROM sambapos_add_site('$_', 'till', 'UTC', tables => '{MenuItems}'); SELECT FROM sambapos_sync('$_', on_error => 'raise')" } qw(shop other);
my $site = $db->value(q(SELECT site_id FROM sambapos.site WHERE name = 'shop'));
my $key = $db->value(q(SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.n) FROM pg_index AS i, unnest(i.indkey) WITH ORDINALITY AS k (no, n), pg_attribute AS a
	WHERE i.indrelid = 'sambapos_replica.menu_items'::regclass AND i.indisprimary AND a.attrelid = i.indrelid AND a.attnum = k.no));
$db->run("CREATE PUBLICATION menu FOR TABLE sambapos_replica.menu_items ($key, name, row_state) WHERE (site_id = $site)");

my $far = Harness::cluster()->database('menu');
my $types = $db->value(qq(SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ') FROM pg_attribute AS a
	WHERE a.attrelid = 'sambapos_replica.menu_items'::regclass AND a.attname = ANY (string_to_array('$key, name', ', '))));
$far->run("CREATE SCHEMA sambapos_replica; CREATE TABLE sambapos_replica.menu_items ($types, row_state text, PRIMARY KEY ($key))");
my $from = $cluster->{environment};
$far->run("CREATE SUBSCRIPTION menu CONNECTION 'host=$from->{PGHOST} port=" . ($from->{PGPORT} // 5432) . " user=postgres dbname=shop' PUBLICATION menu");

my $all = 'SELECT id, name, row_state FROM sambapos_replica.menu_items';
sub there
{
	my ($what) = @_;
	my $here = $db->run("$all WHERE site_id = $site ORDER BY id");
	my $lsn = $db->value('SELECT pg_current_wal_lsn()');
	select undef, undef, undef, 0.05 until $db->value("SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= '$lsn'")
		&& !$far->value(q(SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'));
	is($far->run("$all ORDER BY id"), $here, "the subscriber has the menu of its site: $what");
	return $here;
}

my $first = there('the first copy');
cmp_ok(scalar(split /\n/, $first), '>', 10, 'it is some');
is($far->value("SELECT count(*) FROM sambapos_replica.menu_items WHERE site_id <> $site"), 0, 'none of another site');
my ($id) = $till->sql('SELECT MIN(Id) FROM MenuItems') =~ /(\d+)\s*\z/;
$till->sql("UPDATE MenuItems SET Name = N'Published' WHERE Id = $id; INSERT INTO MenuItems (Name, GroupCode, Barcode, Tag) VALUES (N'New one', N'Group', N'', N'')");
for my $name (qw(shop other))
{
	is_deeply([ grep { $_->{status} ne 'ok' } $db->sync("'$name'") ], [], "the sync of $name goes on");
}
like(there('after edits'), qr/Published.*New one/s, 'which are in it');
$far->run('DROP SUBSCRIPTION menu');
done_testing();
