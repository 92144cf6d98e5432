# Promise: sambapos_uninstall takes away all that the extension has made, so that DROP EXTENSION needs no CASCADE, and
# nothing of others. A later installation takes back what it has kept: no row differs, the next sync is incremental.
# What stands in the way is named, and then nothing has changed. No password is kept.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;
use Canonical;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 150 --seed 51));
my $cluster = Harness::cluster('cron.database_name' => 'shop');
my $db = $cluster->database('shop');
$db->run('CREATE EXTENSION pg_cron');
$db->connect_till($till);
$db->run(<<~'SQL');
	CREATE ROLE clerk;
	CREATE ROLE reporting;
	CREATE ROLE partner;
	CREATE ROLE stranger;
	CREATE USER MAPPING FOR clerk SERVER till OPTIONS (username 'clerk', password_file '/etc/sambapos/clerk');
	GRANT USAGE ON FOREIGN SERVER till TO clerk;
	SELECT FROM sambapos_add_site('shop', 'till', 'UTC', sync_interval => '7 minutes');
	SELECT sambapos_grant('reporting', 'reader');
	SELECT sambapos_grant('partner', 'reader', '{shop}');
	SELECT sambapos_configure('shop', 'personal', 'keep', 'entities.custom_data');
	SELECT sambapos_configure('shop', 'sync_interval', '1 day', 'menu_items');
	GRANT SELECT (id, total_amount) ON sambapos_report.tickets TO clerk;
	GRANT USAGE ON SCHEMA sambapos_live_shop TO clerk;
	GRANT SELECT ON sambapos_live_shop.tickets TO clerk;
	SELECT FROM sambapos_schedule('shop');
	UPDATE cron.job SET active = false;
	SQL
sub sync_ok { my ($what) = @_; is_deeply([ map { "$_->{table_name}: $_->{message}" } grep { $_->{status} !~ /^(?:ok|skipped)$/ } $db->sync ], [], "$what: every table ok") }
sync_ok('first load');
$till->ctl(qw(play --edits 30 --seed 52));
sync_ok('second sync');
$till->ctl('clear');
sync_ok('a clear');
$till->ctl(qw(play --edits 10 --seed 53));
sync_ok('new work') for 1 .. 3;

# Everything that is to come back, each in the words of PostgreSQL's catalogs or of the catalog itself.
my %ours = (
	columns => q(SELECT c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, ARRAY(SELECT unnest(a.attfdwoptions) ORDER BY 1) FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
		WHERE c.relnamespace = 'sambapos_live_shop'::regnamespace ORDER BY c.relname, a.attnum),
	live => q(SELECT c.relname, c.relowner::regrole, c.relacl, ARRAY(SELECT unnest(f.ftoptions) ORDER BY 1), s.srvname, obj_description(c.oid) FROM pg_class AS c JOIN pg_foreign_table AS f ON f.ftrelid = c.oid JOIN pg_foreign_server AS s ON s.oid = f.ftserver ORDER BY 1),
	schema => q(SELECT nspowner::regrole, nspacl, obj_description(oid) FROM pg_namespace WHERE nspname = 'sambapos_live_shop'),
	server => q(SELECT srvname, srvowner::regrole, srvacl, ARRAY(SELECT unnest(srvoptions) ORDER BY 1) FROM pg_foreign_server),
	mappings => q(SELECT usename, ARRAY(SELECT o FROM unnest(umoptions) AS o WHERE o NOT LIKE 'password=%' ORDER BY 1) FROM pg_user_mappings ORDER BY 1),
	views => q(SELECT c.relname, a.attname, a.attacl, c.relacl::text LIKE '%reporting%' FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid WHERE c.relnamespace = 'sambapos_report'::regnamespace AND c.relkind = 'v' ORDER BY 1, a.attnum),
	map({ ($_ => "SELECT to_jsonb(t) - 'granted_at' FROM sambapos.$_ AS t ORDER BY to_jsonb(t)::text") } $db->run(q(SELECT relname FROM pg_class WHERE relnamespace = 'sambapos'::regnamespace AND relkind = 'r')) =~ /(\w+)/g));
sub all_of_it
{
	my @parts = split /^== (\w+)\n/m, $db->run(join '', (map { "\\echo == $_\n$ours{$_};\n" } sort keys %ours), "\\echo == end\n\\echo .\n");
	shift @parts;
	return {@parts};
}
my $before = all_of_it();
my %rows = Canonical::row_counts($db);
my $digest = q(SELECT relname, (xpath('//h/text()', query_to_xml(format('SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) AS h FROM sambapos_replica.%I AS t', relname), false, true, '')))[1]::text
	FROM pg_class WHERE relnamespace = 'sambapos_replica'::regnamespace AND relkind = 'r' AND relname NOT IN ('sambapos_uninstalled', 'of_mine') ORDER BY 1);
my $digests = $db->run($digest);

# ---- what stands in the way ----

sub refused
{
	my ($what, $make, $drop, $sqlstate, $detail) = @_;
	$db->run($make);
	my $before = all_of_it();
	my $error = $db->error('SELECT FROM sambapos_uninstall()');
	is($error && $error->{sqlstate}, $sqlstate, "$what: it is refused") or diag(explain($error));
	like("$error->{detail} $error->{text}" =~ s/public\.//gr, $detail, "$what: and named");
	my $after = all_of_it();
	is(join(', ', grep { $after->{$_} ne $before->{$_} } sort keys %ours), '', "$what: nothing has changed");
	$db->run($drop);
}
refused('a view upon a view', 'CREATE VIEW mine AS SELECT * FROM sambapos_report.tickets', 'DROP VIEW mine', '2BP01', qr/view mine depends on view sambapos_report\.tickets/);
refused('a view upon the catalog', 'CREATE VIEW mine AS SELECT name FROM sambapos.site', 'DROP VIEW mine', '2BP01', qr/view mine depends on table sambapos\.site/);
refused('a view in our schema', 'CREATE VIEW sambapos_report.mine AS SELECT 1', 'DROP VIEW sambapos_report.mine', '2BP01', qr/view sambapos_report\.mine depends on schema sambapos_report/);
refused('a function of our types', 'CREATE FUNCTION mine(s sambapos.site) RETURNS text RETURN s.name', 'DROP FUNCTION mine', '2BP01', qr/function mine\(sambapos\.site\) depends on/);
refused('a foreign table', q(CREATE FOREIGN TABLE mine (id int) SERVER till OPTIONS (table_name 'Tickets')), 'DROP FOREIGN TABLE mine', '2BP01', qr/foreign table mine depends on server till/);
refused('a server without a site', 'CREATE SERVER other FOREIGN DATA WRAPPER sambapos_fdw', 'DROP SERVER other', '2BP01', qr/server other depends on foreign-data wrapper sambapos_fdw/);
refused('a view upon live tables', 'CREATE VIEW mine AS SELECT * FROM sambapos_live_shop.tickets', 'DROP VIEW mine', '2BP01', qr/view mine depends on foreign table sambapos_live_shop\.tickets/);
{
	my $run = $db->session;
	$run->run(q(BEGIN; SELECT FROM sambapos.site_lock WHERE site_id <> 0 FOR UPDATE));
	refused('a run', '', '', '55P03', qr/a run of site "shop" is still running/);
	$run->run('ROLLBACK');
}
is($db->error('SET ROLE stranger; SELECT FROM sambapos_uninstall()')->{sqlstate}, '42501', 'another role may not');
is($db->error('SELECT FROM sambapos_uninstall(NULL)')->{sqlstate}, '22004', 'NULL is no answer');
$db->run(q(SELECT sambapos_grant('stranger', 'admin')));
is($db->error('SET ROLE stranger; SELECT FROM sambapos_uninstall()')->{sqlstate}, '42501', 'nor an administrator of it');
$db->run(q(SELECT sambapos_grant('stranger', 'none')));

# ---- out, and in again ----

$db->run('CREATE TABLE sambapos_replica.of_mine (note text); CREATE TABLE sambapos_live_shop.of_mine (note text)');
my %did = map { $_->[0] => $_->[1] } $db->rows('SELECT * FROM sambapos_uninstall()');
is($did{'site shop'}, 'settings and state kept', 'it says what it does: the site');
is($did{'server till'}, 'dropped, its definition is kept, but for the password in the user mapping of postgres', 'the server');
is($did{'job sambapos:shop'}, 'dropped', 'the job');
is($did{'schema sambapos_live_shop'}, 'stays: something of yours is in it', 'the live schema');
is($did{'table sambapos_replica.tickets'}, 'stays', 'the rows');
is($db->value('SELECT count(*) FROM cron.job'), 0, 'no job is left');
is($db->value('SELECT count(*) FROM sambapos_replica.sambapos_uninstalled AS u WHERE u::text LIKE ' . "'%$till->{password}%'"), 0, 'no password is kept');
is($db->error('SET ROLE reporting; SELECT FROM sambapos_replica.sambapos_uninstalled')->{sqlstate}, '42501', 'nor can others read what is');
$db->run('DROP EXTENSION sambapos_fdw');
is($db->value('SELECT count(*) FROM pg_foreign_server'), 0, 'DROP EXTENSION needs no CASCADE');
is($db->run($digest), $digests, 'every row is there');
is($db->error(q(UPDATE sambapos_replica.tickets SET total_amount = 0 WHERE row_state = 'cleared'))->{sqlstate}, '23000', 'and keeps its values');
is($db->value(q(SELECT count(*) FROM pg_proc WHERE proname ~ '^_?sambapos' OR pronamespace::regnamespace::text = 'sambapos')), 0, 'nothing else is left');

$db->run('DROP TABLE sambapos_live_shop.of_mine; DROP SCHEMA sambapos_live_shop; CREATE SCHEMA fdw; CREATE EXTENSION sambapos_fdw SCHEMA fdw');
my $path = 'SET search_path = fdw, public;';
my ($adopted, $said) = $db->psql("$path SELECT * FROM sambapos_adopt()");
unlike($said, qr/ERROR/, 'it is adopted') or BAIL_OUT($said);
like($said, qr/the user mapping of postgres for server "till" has no password\nHINT:  ALTER USER MAPPING FOR postgres SERVER till OPTIONS \(ADD password '...'\);/, 'whose password is missing is said');
unlike($said, qr/mapping of clerk/, 'and that of a file is not');
like($said, qr/SELECT \* FROM sambapos_schedule\('shop'\); makes them again/, 'which jobs there were');
like($said, qr/SELECT sambapos_grant\('partner', 'reader', '\{shop\}'\); SELECT sambapos_grant\('reporting', 'reader'\); gives them again/, 'and which levels, for which sites');
my %adopted = map { (split /\t/)[1] => (split /\t/)[2] } split /\n/, $adopted;
is_deeply({ map { $_ => $adopted{$_} } grep { $rows{$_} } keys %rows }, { map { $_ => $rows{$_} } grep { $rows{$_} } keys %rows }, 'it says how many rows');
like($adopted, qr/^1\ttickets\t.*\tadopted$/m, 'that they are adopted');
is($db->value('SELECT count(*) FROM sambapos.role_grant'), 0, 'which no role has until then');
$db->run("$path SELECT sambapos_grant('reporting', 'reader'); SELECT sambapos_grant('partner', 'reader', '{shop}')");
my $after = all_of_it();
is($after->{$_}, $before->{$_}, "$_ as before") for sort keys %ours;
$db->run('DROP TABLE sambapos_replica.of_mine');
is($db->value(q(SELECT to_regclass('sambapos_replica.sambapos_uninstalled'))), undef, 'what was kept is used up');
$db->run("ALTER USER MAPPING FOR postgres SERVER till OPTIONS (ADD password '$till->{password}')");
$db->run('ALTER DATABASE shop SET search_path = fdw, public');

sub goes_on
{
	my ($what) = @_;
	my @lines = $db->sync;
	is_deeply([ map { "$_->{table_name} $_->{status} +$_->{rows_inserted} ~$_->{rows_updated} -$_->{rows_gone} $_->{mode}" }
		grep { $_->{status} ne 'ok' || $_->{rows_inserted} + $_->{rows_updated} + $_->{rows_gone} || ($_->{mode} eq 'full' && $_->{table_name} =~ /^(?:tickets|orders|payments|account_t)/) } @lines ], [], "$what: the next sync writes nothing, and reads nothing whole");
	$till->ctl(qw(play --edits 10 --seed), 60 + length $what);
	sync_ok("$what: new work") for 1 .. 2;
	is_deeply(Canonical::compare($till, $db)->{differences}, [], "$what: no row differs");
	is($db->value(q(SELECT count(*) - count(DISTINCT run_id) FROM sambapos.run)), 0, "$what: no run has the number of another");
}
goes_on('another installation');

# ---- undone in the same installation, with a server that is there ----

$db->run('SELECT FROM sambapos_uninstall()');
is($db->value('SELECT count(*) FROM sambapos_status()'), 0, 'there is no site');
is($db->error('SELECT FROM sambapos_uninstall()'), undef, 'to uninstall what is nothing is no error');
$db->connect_till($till);
($adopted, $said) = $db->psql('SELECT count(*) FROM sambapos_adopt()');
unlike($said, qr/mapping of postgres/, 'a user mapping that is there is left as it is');
goes_on('the same installation');

# ---- a site that was added too soon ----

$db->run('SELECT FROM sambapos_uninstall()');
$db->connect_till($till);
(undef, $said) = $db->psql(q(SELECT FROM sambapos_add_site('shop', 'till')));
like($said, qr/WARNING:.*\n(?:.*\n)*?HINT:  Settings and state of an earlier installation are kept: SELECT \* FROM sambapos_adopt\(\) takes all back/, 'sambapos_add_site says what is kept');
is($db->error('SELECT FROM sambapos_uninstall()')->{sqlstate}, '55000', 'what was kept is not written over');
$db->run('SELECT FROM sambapos_adopt()');
is($db->value('SELECT site_id FROM sambapos.site'), 1, 'it is taken back in its place');
goes_on('a site that was added too soon');

$db->run('SELECT FROM sambapos_uninstall()');
$db->connect_till($till);
$db->psql(q(SELECT FROM sambapos_add_site('shop', 'till'); SELECT FROM sambapos_sync('shop', '{menu_items}')));
is($db->error('SELECT FROM sambapos_adopt()')->{sqlstate}, '55000', 'nothing is adopted once a sync was run');
$db->run(q(SELECT FROM sambapos_remove_site('shop', drop_data => true); SELECT FROM sambapos_adopt(); SELECT FROM sambapos_add_site('shop', 'till')));
goes_on('a site that was synced too soon');

# ---- what others have put there ----

$db->run('SELECT FROM sambapos_uninstall()');
$db->run('ALTER TABLE sambapos_replica.sambapos_uninstalled OWNER TO stranger');
is($db->error('SELECT FROM sambapos_adopt()')->{sqlstate}, '55000', 'what belongs to another role is not adopted');
$db->run(q(ALTER TABLE sambapos_replica.sambapos_uninstalled OWNER TO postgres;
	UPDATE sambapos_replica.sambapos_uninstalled SET content = content || '{"of_the_future": 1}' WHERE name = 'sambapos.site'));
like($db->error('SELECT FROM sambapos_adopt()')->{message}, qr/what was kept of "sambapos\.site" is of another version/, 'nor what this version does not know');
$db->run(q(UPDATE sambapos_replica.sambapos_uninstalled SET content = content - 'of_the_future' - 'settle_runs' WHERE name = 'sambapos.site'; SELECT FROM sambapos_adopt()));
is($db->value('SELECT settle_runs FROM sambapos.site'), 2, 'what was not known then has its default');
$db->run("ALTER USER MAPPING FOR postgres SERVER till OPTIONS (ADD password '$till->{password}')");
goes_on('what was kept by an older version');

# ---- for good ----

$db->run('CREATE TABLE sambapos_replica.of_mine (note text); CREATE VIEW mine AS SELECT * FROM sambapos_replica.tickets');
my $error = $db->error('SELECT FROM sambapos_uninstall(false)');
is($error->{sqlstate}, '2BP01', 'with the rows: what is upon them is named') or diag(explain($error));
like($error->{detail}, qr/view \w+\.mine depends on table sambapos_replica\.tickets/, 'with the rows: namely');
$db->run(q(DROP VIEW mine; SELECT FROM sambapos_create_compatibility_schema('shop', 'pos'); CREATE ROLE looker; SELECT sambapos_grant('looker', 'reader', '{shop}')));
%did = map { $_->[0] => $_->[1] } $db->rows('SELECT * FROM sambapos_uninstall(false)');
is($did{'table sambapos_replica.tickets'}, 'dropped', 'with the rows: they go');
is($db->value(q(SELECT count(*) FROM pg_class WHERE relnamespace = 'pos'::regnamespace)), 0, 'with the views that have the names of SambaPOS');
is($db->value(q(SELECT string_agg(proname, ', ') FROM pg_proc WHERE pronamespace = 'sambapos_replica'::regnamespace)), undef, 'and the functions of the replica');
is($did{'schema sambapos_replica'}, 'stays: something of yours is in it', 'what is of others stays');
$db->run('DROP EXTENSION sambapos_fdw');
is($db->run(q(SELECT oid::regclass FROM pg_class WHERE relnamespace::regnamespace::text ~ '^sambapos' AND relkind IN ('r', 'v', 'f', 'S'))), 'sambapos_replica.of_mine', 'and nothing else');
is($db->value(q(SELECT count(*) FROM pg_namespace WHERE nspname ~ '^sambapos_(live|report)|^sambapos$')), 0, 'no schema of ours');

# ---- no site, but a feed ----

$db->run(q(DROP TABLE sambapos_replica.of_mine; DROP SCHEMA sambapos_replica; CREATE EXTENSION sambapos_fdw; CREATE TABLE boxes (id integer PRIMARY KEY);
	SELECT sambapos_add_feed('boxes'), sambapos_add_to_feed('boxes', 'boxes'); SELECT sambapos_add_consumer('packer', 'boxes', '{boxes}', condition => 'r.id < 9');
	INSERT INTO boxes VALUES (1), (2); SELECT sambapos._feed_tick('boxes'); SELECT sambapos_ack('packer', delivery_id, 'P1') FROM sambapos_next('packer', 1)));
%did = map { $_->[0] => $_->[1] } $db->rows('SELECT * FROM sambapos_uninstall()');
is($did{'feed boxes'}, 'settings and state kept', 'a feed without a site is kept');
$db->run(q(DROP EXTENSION sambapos_fdw; INSERT INTO boxes VALUES (3); CREATE EXTENSION sambapos_fdw; SELECT FROM sambapos_adopt(); SELECT sambapos._feed_tick('boxes');
	INSERT INTO boxes VALUES (4), (9); SELECT sambapos._feed_tick('boxes')));
is_deeply([ $db->rows(q(SELECT key ->> 'id', status, reference FROM sambapos.deliveries WHERE consumer = 'packer' ORDER BY 1)) ],
	[ [ 1, 'synced', 'P1' ], [ 2, 'pending', undef ], [ 4, 'pending', undef ] ], 'and taken back, with its consumer and what is known of its deliveries');
is($db->value(q(SELECT to_regnamespace('sambapos_replica'))), undef, 'nothing else is left of it');
done_testing();
