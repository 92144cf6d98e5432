# Promise: a local name is one thing's name. Tables and columns whose names would be one are two here, a name once given
# stays, what somebody asks for by name is what he gets, and names longer than PostgreSQL's are cut apart.
use strict;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

binmode $_, ':utf8' for Test::More->builder->output, Test::More->builder->failure_output;
my $till = Harness::till('--v5');
my $cluster = Harness::cluster();

# A shop's own table with one row that says which table it is of.
sub own_table
{
	my ($name, $columns) = @_;
	$till->sql("CREATE TABLE dbo.[$name] (Id int NOT NULL PRIMARY KEY, " . ($columns // 'Origin nvarchar(100) NULL') . ')');
	$till->sql("INSERT INTO dbo.[$name] (Id, Origin) VALUES (1, N'$name')") unless $columns;
}

sub shop
{
	my ($name, $tables) = @_;
	my $db = $cluster->database($name);
	$db->connect_till($till);
	$db->run("SELECT FROM sambapos_add_site('shop', 'till', 'UTC', '$tables')");
	return $db;
}

sub added { my ($db, $table) = @_; join ' ', @{ ($db->rows("SELECT * FROM sambapos_add_table('shop', '$table')"))[0] } }
sub origins { my ($db) = @_; join ', ', map { "$_->[0]: " . ($db->value("SELECT string_agg(origin, '+') FROM sambapos_replica.\"$_->[0]\"") // 'nothing') }
	$db->rows("SELECT table_name FROM sambapos.replicated_table WHERE table_name LIKE 'gift%' OR table_name LIKE 'tisch%' ORDER BY 1") }
sub sync_words { my ($db) = @_; join ', ', map { "$_->{table_name} $_->{status}" . ($_->{message} ? " $_->{message}" : '') } $db->sync }

# ---- twins ----

own_table($_) for qw(GiftCards Gift_Cards);
my $db = shop('twins', '{MenuItems}');
is(added($db, 'giftcards'), 'gift_cards added', 'of twins the first one gets the name');
is(added($db, 'Gift_Cards'), 'gift_cards_2 added', 'the other one a number');
is(added($db, 'Gift_Cards'), 'gift_cards_2 kept', 'each is known by its name at the source');
is(added($db, 'gift_cards_2'), 'gift_cards_2 kept', 'and by its name here');
is(sync_words($db), 'gift_cards ok, gift_cards_2 ok, menu_items ok', 'both are synced');
is(origins($db), 'gift_cards: GiftCards, gift_cards_2: Gift_Cards', 'each holds its own rows');
is($db->value('SELECT origin FROM sambapos_live_shop.gift_cards_2'), 'Gift_Cards', 'and so does its live table');
is(join(',', map { $_->{table_name} } $db->sync(q('shop', '{Gift_Cards}'))), 'gift_cards_2', 'a sync of one is of that one');

# The stand-in knows no names that differ in case alone; a server with another collation does.
$db->run(q(INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind) SELECT site_id, 'giftcards', 'GIFTCARDS', 'master' FROM sambapos.site));
is(join(' ', map { $_->[0] // '-' } $db->rows(q(SELECT (SELECT string_agg(t.table_name, '+') FROM sambapos.site AS s, sambapos._tables_replicated(s.site_id, ARRAY[n]) AS t)
	FROM unnest('{GiftCards,GIFTCARDS,giftcards,giftCARDS,GIFT_CARDS,Gift_Cards}'::text[]) AS n))),
	'gift_cards giftcards giftcards - - gift_cards_2', 'names that differ in case: a name that could be either means none');
$db->run(q(DELETE FROM sambapos.replicated_table WHERE source_name = 'GIFTCARDS'));
is($db->value(q(SELECT string_agg(table_name || ' ' || action, ', ') FROM sambapos_remove_table('shop', 'Gift_Cards', true))),
	'gift_cards_2 1 rows deleted, table dropped', 'removing one takes that one');
is($db->value(q(SELECT count(*) FROM sambapos_replica.gift_cards)), '1', 'and leaves the other');

# A column that comes is looked for by the table's name at the source.
added($db, 'Gift_Cards');
$db->sync;
$till->sql('ALTER TABLE dbo.Gift_Cards ADD Amount int NULL');
$till->sql('UPDATE dbo.Gift_Cards SET Amount = 7');
like(sync_words($db), qr/gift_cards_2 ok new column amount/, 'a new column of one');
is($db->value('SELECT origin || amount FROM sambapos_replica.gift_cards_2'), 'Gift_Cards7', 'is read from that one');
is($db->value(q(SELECT count(*) FROM information_schema.columns WHERE table_name = 'gift_cards' AND column_name = 'amount')), '0', 'the other one has none');

# What was given stays: the table goes, its rows stay, and its twin does not come upon them.
own_table('TeaPots');
added($db, 'TeaPots');
$db->sync;
$db->run(q(SELECT FROM sambapos_remove_table('shop', 'TeaPots')));
$till->sql('DROP TABLE dbo.TeaPots');
own_table('Tea_Pots');
is(added($db, 'tea_pots'), 'tea_pots_2 added', 'a name is given once, also when its table is gone and its rows are left');
$db->sync;
is($db->value('SELECT origin FROM sambapos_replica.tea_pots'), 'TeaPots', 'whose rows are as they were');
$till->sql("DROP TABLE dbo.[$_]") for qw(GiftCards Gift_Cards Tea_Pots);

# ---- names that are somebody's already ----

$db = shop('taken', '{MenuItems}');
own_table($_) for qw(MenuItems_History MenuItems_pkey Menu Menu_Items);
is(added($db, 'MenuItems_History'), 'menu_items_history_2 added', 'a table that is called as one of our history tables');
is(added($db, 'MenuItems_pkey'), 'menu_items_pkey_2 added', 'as one of our indexes');
is(added($db, 'Menu'), 'menu_2 added', 'as a set of tables');
is(added($db, 'Menu_Items'), 'menu_items_2 added', 'as a table of SambaPOS');
unlike(sync_words($db), qr/failed/, 'all are synced');
is($db->value('SELECT origin FROM sambapos_replica.menu_items_2'), 'Menu_Items', 'each has its rows');
$db->run(q(SELECT FROM sambapos_remove_table('shop', 'MenuItems_History', true)));
is($db->value(q(SELECT to_regclass('sambapos_replica.menu_items_history'))), 'sambapos_replica.menu_items_history', 'removing it leaves our history table');
$till->sql("DROP TABLE dbo.[$_]") for qw(MenuItems_History MenuItems_pkey Menu Menu_Items);

# ---- long names ----

my $long = 'CustomerLoyaltyProgrammePointsMovementsOfTheFirst';
own_table($_) for map { "Gift$long$_" } qw(QuarterA QuarterB);
own_table('Tischgruppenübersicht' . 'Ä' x 20 . $_) for qw(1 2);
$db = shop('long', '{MenuItems}');
my $first = added($db, "Gift${long}QuarterA");
my $second = added($db, "Gift${long}QuarterB");
like($first, qr/^gift_customer_loyalty_programme_points_movements_of_th_[0-9a-f]{8} added$/, 'a long name is cut');
isnt($first, $second, 'and another one to another');
like(added($db, 'Tischgruppenübersicht' . 'Ä' x 20 . $_), qr/^tischgruppen\S+ added$/, "so is one of two-byte letters") for 1, 2;
unlike(sync_words($db), qr/failed/, 'all are synced');
is(join(' ', map { /(.)$/ } sort map { /: (.*)/ } split /, /, origins($db)), 'A B 1 2', 'each holds its own rows');
$db->run('CREATE SCHEMA i; IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Gift' . $long . 'QuarterA") FROM SERVER till INTO i');
is($db->value(q(SELECT relname || ' added' FROM pg_class WHERE relnamespace = 'i'::regnamespace)), $first, 'IMPORT FOREIGN SCHEMA calls it the same');

# Fifty of each kind at once, by the functions that cut them.
is($db->value(q(SELECT count(DISTINCT sambapos._name_fit(repeat('x', 70) || n)) || ' of ' || max(octet_length(sambapos._name_fit(repeat('ü', 70) || n))) FROM generate_series(1, 50) AS n)),
	'50 of 63', 'fifty names that begin with the same seventy letters');
is($db->value(q(SELECT count(DISTINCT sambapos._stage_name(left(repeat('x', 63), 50) || n)) FROM generate_series(1, 50) AS n)), '50', 'each has a stage of its own');
is($db->value(q(SELECT count(DISTINCT l) || ' of ' || max(octet_length(l)) FROM (
	SELECT sambapos._log_progress_line(repeat('s', 40), 'reading', w || n) AS l FROM unnest('{tickets_of_the_bar_,fiş_}'::text[]) AS w, generate_series(1, 50) AS n) AS lines)),
	'100 of 63', 'and a line of progress');
is($db->value(q(SELECT sambapos._log_progress_line('shop', 'reading', 'tickets'))), 'sambapos shop: reading tickets', 'which is plain where it fits');

# ---- columns ----

own_table('Own', 'Version int NULL');
$till->sql('INSERT INTO dbo.Own (Id, Version) VALUES (1, 11)');
is(added($db, 'Own'), 'own added', 'a column that is called as one of ours');
$db->sync;
$till->sql('ALTER TABLE dbo.Own ADD SourceVersion int NULL');
$till->sql('ALTER TABLE dbo.Own ADD Xmin int NULL');
$till->sql('ALTER TABLE dbo.Own ADD Gift_Id int NULL');
$till->sql('UPDATE dbo.Own SET SourceVersion = 12, Xmin = 13, Gift_Id = 14');
unlike(sync_words($db), qr/own (?!ok)/, 'one that has the name which that one got, a system column\'s and another come later');
$till->sql('ALTER TABLE dbo.Own ADD GiftId int NULL');
$till->sql('UPDATE dbo.Own SET GiftId = 15');
unlike(sync_words($db), qr/own (?!ok)/, 'then one that would have had the name of a column that is there');
is($db->value(q(SELECT concat_ws(' ', source_version, source_source_version, xmin_2, gift_id, gift_id_2) FROM sambapos_replica.own)), '11 12 13 14 15', 'each keeps its values');
is($db->value(q(SELECT count(DISTINCT sambapos._replica_column(c)) FROM unnest('{version,source_version,source_source_version,site_id,source_site_id,xmax_2,versions}'::name[]) AS c)), '7', 'no two columns meet');
$till->sql("EXEC sp_rename 'dbo.Own.Gift_Id', 'GIFT_ID', 'COLUMN'");
$till->sql('UPDATE dbo.Own SET GIFT_ID = 16, GiftId = 17');
unlike(sync_words($db), qr/own (?!ok)/, 'a column whose name has changed in case');
is($db->value(q(SELECT concat_ws(' ', gift_id, gift_id_2) FROM sambapos_replica.own)), '16 17', 'goes on');
$db->run('DROP FOREIGN TABLE sambapos_live_shop.own');
is($db->value(q(SELECT action FROM sambapos_add_site('shop', 'till', tables => '{states}') WHERE table_name = 'own')), 'made again', 'a foreign table that was dropped');
$till->sql('UPDATE dbo.Own SET GIFT_ID = 18, GiftId = 19');
unlike(sync_words($db), qr/own (?!ok)/, 'is imported again');
is($db->value(q(SELECT concat_ws(' ', gift_id, gift_id_2) FROM sambapos_replica.own)), '18 19', 'and its columns are called as before');

# ---- two sites ----

sub second_site
{
	my ($db, $name, $tables, @statements) = @_;
	my $there = $till->another_database($name);
	$there->ctl('schema');
	$there->sql($_) for @statements;
	$db->run("CREATE SERVER $name FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host '$till->{host}', port '$till->{port}', database '$there->{database}', encryption '$till->{encryption}');
		CREATE USER MAPPING FOR CURRENT_USER SERVER $name OPTIONS (username '$till->{username}', password '$till->{password}')");
	return join ', ', map { "$_->[0] $_->[1]" } $db->rows("SELECT * FROM sambapos_add_site('$name', '$name', 'UTC', '$tables') WHERE action <> 'not at the source'");
}
my @gifts = ('CREATE TABLE dbo.Coupons (Id int NOT NULL PRIMARY KEY, Origin nvarchar(20) NULL)', q(INSERT INTO dbo.Coupons (Id, Origin) VALUES (1, N'one')),
	'CREATE TABLE dbo.Vouchers (Code nvarchar(20) NOT NULL PRIMARY KEY, Origin nvarchar(20) NULL)');
$till->sql($_) for @gifts;
$db->run(q(SELECT FROM sambapos_add_table('shop', 'Coupons'); SELECT FROM sambapos_add_table('shop', 'Vouchers'); SELECT FROM sambapos_add_table('shop', 'States')));
is(second_site($db, 'bar', '{Coupons,Vouchers,MenuItems}', @gifts), 'menu_items added, coupons added, vouchers added', 'the same tables of two sites are one each');
is(second_site($db, 'inn', '{Coupons,Vouchers,MenuItems}', 'CREATE TABLE dbo.Coupons (Id int NOT NULL, Line int NOT NULL, Origin nvarchar(20) NULL, PRIMARY KEY (Id, Line))',
	'CREATE TABLE dbo.Vouchers (Code int NOT NULL PRIMARY KEY, Origin nvarchar(20) NULL)'),
	'menu_items added, coupons_2 added, vouchers_2 added', 'a shop\'s own tables of another key or type are kept apart');
like(second_site($db, 'pub', '{States,MenuItems}', 'DROP TABLE dbo.States', 'CREATE TABLE dbo.States (Id uniqueidentifier NOT NULL PRIMARY KEY, Name nvarchar(20) NULL)'),
	qr/^menu_items added, states refused: table "States" cannot be kept in "sambapos_replica\.states": its column "id" is uuid, that of table "sambapos_replica\.states" is integer$/,
	'a table of SambaPOS of another type is refused with the reason, and the rest is added');
like($db->error(q(SELECT FROM sambapos_add_table('pub', 'States')))->{message}, qr/cannot be kept/, 'asked for alone, it is an error');
is(second_site($db, 'cafe', '{Loose,MenuItems}', 'CREATE TABLE dbo.Loose (Id int NULL)'), 'menu_items added, loose refused: table "Loose" has no primary key', 'so is a table without a key');
is($db->value(q(SELECT string_agg(status, ' ') FROM sambapos_sync() WHERE status <> 'ok')), undef, 'all of them are synced');

# ---- dropped ----

$db->run('DROP TABLE sambapos_replica.coupons CASCADE; DROP FOREIGN TABLE sambapos_live_shop.vouchers');
my %said = map { ($_->{table_name} => "$_->{status} " . ($_->{message} // '')) } $db->sync;
like($said{coupons}, qr/^failed table "sambapos_replica\.coupons" is not there any more: SELECT \* FROM sambapos_add_site\('shop', 'till'\) makes it again/,
	'a dropped replica table: the sync says so, and what to do');
like($said{vouchers}, qr/^failed table "sambapos_live_shop\.vouchers" is not there any more/, 'so for a live table');
is($said{menu_items}, 'ok ', 'the others go on');
like($db->value(q(SELECT reason FROM sambapos_status('shop'))), qr/^coupons failed: table "sambapos_replica\.coupons" is not there any more.*; vouchers failed: /, 'and so does the status');
is(join(', ', map { "$_->[0] $_->[1]" } $db->rows(q(SELECT * FROM sambapos_add_site('shop', 'till', tables => '{states}')))),
	'states kept, coupons made again, vouchers made again', 'sambapos_add_site makes them again, asked for or not');
unlike(sync_words($db), qr/failed/, 'then all is well');
is($db->value(q(SELECT string_agg(status, ' ') FROM sambapos_sync('bar') WHERE status <> 'ok')), undef, 'at the other site, too');
is($db->value('SELECT count(DISTINCT site_id) FROM sambapos_replica.coupons'), '2', 'the rows of both are read again');

# A child alone: its root and what became of the root's rows go on.
$db = shop('child', '{tickets,payments,orders}');
$till->ctl(qw(fill --tickets 20 --seed 5));
$db->sync;
$db->run('DROP TABLE sambapos_replica.payments CASCADE');
$till->sql('DELETE FROM Payments; DELETE FROM Orders; DELETE FROM Calculations; DELETE FROM TicketEntities; DELETE FROM Tickets');
%said = map { ($_->{table_name} => $_->{status}) } $db->sync;
is_deeply(\%said, { tickets => 'ok', orders => 'ok', payments => 'failed' }, 'a dropped child table fails alone');
is($db->value(q(SELECT count(*) FROM sambapos_replica.tickets WHERE row_state = 'live')), '0', 'what is gone is marked in the others');

done_testing();
