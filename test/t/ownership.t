# Promise: what the sync writes to, or reads as the till's, is ours. A schema or relation of another role is refused
# with its owner's name and changes nothing; code of others on a table of ours is reported, and does not run while a
# superuser syncs.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 20 --seed 11));
my $cluster = Harness::cluster(max_prepared_transactions => 2);
my $admin = $cluster->database('admin');
$admin->run('CREATE ROLE mallory LOGIN; CREATE ROLE syncer LOGIN');
my $mapping = "OPTIONS (username '$till->{username}', password '" . $till->{password} =~ s/'/''/gr . "')";
my $count = 0;

# A database with extension and server, in which mallory may make schemas.
sub fresh
{
	my $db = $cluster->database('d' . ++$count);
	$db->connect_till($till);
	$db->run("GRANT CREATE ON DATABASE d$count TO mallory; GRANT USAGE ON FOREIGN DATA WRAPPER sambapos_fdw TO mallory");
	return $db;
}
sub as { my ($role, $sql) = @_; return "SET SESSION AUTHORIZATION $role; $sql; RESET SESSION AUTHORIZATION;" }
my $evil = q{CREATE FUNCTION %s RETURNS %s LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'code of mallory runs as %%', current_user; RETURN NULL; END $$;
	GRANT EXECUTE ON FUNCTION %1$s TO PUBLIC};
sub evil { my ($name, $result) = @_; return sprintf $evil, $name, $result }
my $add = q(SELECT FROM sambapos_add_site('shop', 'till', NULL, '{menu_items}'));

sub refused
{
	my ($db, $sql, $message, $name) = @_;
	my ($output, $errors) = $db->psql($sql);
	unlike($errors, qr/code of mallory/, "$name: no code of hers runs");
	my $error = Harness::error_of($errors);
	is($error->{sqlstate}, '55000', "$name: refused") or diag("$output$errors");
	like($error->{message}, $message, "$name: and whose it is");
	is($db->value('SELECT count(*) FROM sambapos._place'), 0, "$name: nothing is changed") if $sql eq $add;
	return;
}

# ---- made beforehand ----

my $db = fresh();
$db->run(as('mallory', 'CREATE SCHEMA sambapos_replica; GRANT ALL ON SCHEMA sambapos_replica TO PUBLIC'));
refused($db, $add, qr/schema "sambapos_replica" belongs to role "mallory"/, 'the schema of the replica');

for my $kind (
	[ 'a table', 'CREATE TABLE sambapos_replica.menu_items (site_id integer, id integer, row_state text)', qr/belongs to role "mallory"/ ],
	[ 'a view', 'CREATE VIEW sambapos_replica.menu_items AS SELECT 1 AS site_id, 1 AS id, \'live\' AS row_state', qr/is not a table/ ],
	[ 'a table for the history', 'CREATE TABLE sambapos_replica.menu_items_history (site_id integer, valid_to date)', qr/menu_items_history" belongs to role "mallory"/ ])
{
	my ($name, $sql, $message) = @$kind;
	$db = fresh();
	$db->run('CREATE SCHEMA sambapos_replica; GRANT ALL ON SCHEMA sambapos_replica TO mallory');
	$db->run(as('mallory', $sql));
	refused($db, $add, $message, "$name in our schema");
}

$db = fresh();
$db->run(as('mallory', 'CREATE SCHEMA sambapos_live_shop'));
refused($db, $add, qr/schema "sambapos_live_shop" belongs to role "mallory"/, 'the schema of the live tables');

$db = fresh();
$db->run('CREATE SCHEMA sambapos_live_shop; GRANT ALL ON SCHEMA sambapos_live_shop TO mallory');
$db->run(as('mallory', 'CREATE TABLE sambapos_live_shop.menu_items (id integer)'));
refused($db, $add, qr/"sambapos_live_shop.menu_items" is not a foreign table/, 'a local table in the place of a live one');

$db = fresh();
$db->run('CREATE SCHEMA sambapos_live_shop; GRANT ALL ON SCHEMA sambapos_live_shop TO mallory');
$db->run(as('mallory', q(CREATE SERVER hers FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host 'hers.invalid');
	CREATE FOREIGN TABLE sambapos_live_shop.menu_items (id integer OPTIONS (key 'true')) SERVER hers OPTIONS (table_name 'MenuItems'))));
refused($db, $add, qr/"sambapos_live_shop.menu_items" belongs to role "mallory"/, 'a foreign table of hers');
$db->run('ALTER FOREIGN TABLE sambapos_live_shop.menu_items OWNER TO postgres');
refused($db, $add, qr/is on server "hers", not on "till"/, 'a foreign table on another server');

# A name that is ours keeps another kind of table of ours out, too.
$db = fresh();
$till->sql('CREATE TABLE dbo.MenuItems_History (Id int NOT NULL PRIMARY KEY, Note nvarchar(10))');
$db->run($add);
is($db->value(q(SELECT table_name FROM sambapos_add_table('shop', 'MenuItems_History'))), 'menu_items_history_2', 'a table that is called as a history table is kept apart');
$db->run(q(SELECT FROM sambapos_remove_table('shop', 'MenuItems_History', true)));
$till->sql('DROP TABLE dbo.MenuItems_History');
is($db->value(q(SELECT to_regclass('sambapos_replica.menu_items_history'))), 'sambapos_replica.menu_items_history', 'and the history is still there');

# A function that is called like ours, made before the extension was.
$db = $cluster->database('overload');
$db->run('GRANT CREATE ON SCHEMA public TO mallory; ' . as('mallory', q(CREATE FUNCTION public.sambapos_query(name, text) RETURNS SETOF record LANGUAGE sql AS 'SELECT 1')));
is(($db->error('CREATE EXTENSION sambapos_fdw') // {})->{sqlstate}, '42723', 'a function called like ours keeps the extension out');
is($db->error('CREATE SCHEMA own; CREATE EXTENSION sambapos_fdw SCHEMA own'), undef, 'of that schema alone');

# ---- made afterwards: each run looks again ----

sub shop
{
	my $db = fresh();
	$db->run("$add; SELECT FROM sambapos_sync('shop')");
	$db->run('GRANT ALL ON SCHEMA sambapos_replica, sambapos_live_shop TO mallory; GRANT ALL ON ALL TABLES IN SCHEMA sambapos_replica TO mallory');
	return $db;
}
sub row_of { my ($db) = @_; my ($row) = $db->sync("'shop', '{menu_items}'"); return $row }

$db = shop();
$db->run('DROP TABLE sambapos_replica.menu_items CASCADE; ' . as('mallory', 'CREATE VIEW sambapos_replica.menu_items AS SELECT 1 AS site_id, 1 AS epoch, 1 AS id, \'live\' AS row_state'));
like(row_of($db)->{message}, qr/"sambapos_replica.menu_items" is not a table/, 'a view in the place of a replica table: the run refuses it');
is($db->value(q(SELECT rows_live FROM sambapos.table_status)), undef, 'and the status does not read it');

$db = shop();
$db->run('ALTER SCHEMA sambapos_replica OWNER TO mallory');
like(row_of($db)->{message}, qr/schema "sambapos_replica" belongs to role "mallory"/, 'a schema that became hers');
$db->run(q(SELECT sambapos_request_sync('shop')));
like($db->error(q(CALL sambapos_run('shop')))->{message}, qr/schema "sambapos_replica" belongs to role "mallory"/, 'a scheduled run says so');
like($db->value(q(SELECT reason FROM sambapos_status('shop'))), qr/schema "sambapos_replica" belongs to role "mallory"/, 'and so does the light');

$db = shop();
$db->run('DROP FOREIGN TABLE sambapos_live_shop.menu_items; ' . as('mallory', 'CREATE VIEW sambapos_live_shop.menu_items AS SELECT 1 AS id'));
like(row_of($db)->{message}, qr/"sambapos_live_shop.menu_items" is not a foreign table/, 'a view in the place of a live table');

# ---- code of others ----

my @codes = (
	[ 'a trigger', evil('m.code()', 'trigger') . '; GRANT ALL ON SCHEMA m TO PUBLIC',
		'CREATE TRIGGER t AFTER INSERT OR UPDATE ON sambapos_replica.menu_items FOR EACH STATEMENT EXECUTE FUNCTION m.code()', 'mallory' ],
	[ 'a trigger\'s condition', evil('m.code(integer)', 'boolean'),
		'CREATE TRIGGER t AFTER UPDATE ON sambapos_replica.menu_items FOR EACH ROW WHEN (m.code(NEW.id)) EXECUTE FUNCTION suppress_redundant_updates_trigger()', 'mallory' ],
	[ 'a trigger on the history', evil('m.code()', 'trigger'),
		'CREATE TRIGGER t AFTER INSERT ON sambapos_replica.menu_items_history FOR EACH STATEMENT EXECUTE FUNCTION m.code()', 'mallory' ],
	[ 'a rule', evil('m.code(integer)', 'boolean'), 'CREATE RULE r AS ON UPDATE TO sambapos_replica.menu_items DO ALSO SELECT m.code(NEW.id)', 'postgres' ],
	[ 'a rule that writes to hers', 'CREATE TABLE m.t (id integer)', 'CREATE RULE r AS ON UPDATE TO sambapos_replica.menu_items DO ALSO INSERT INTO m.t VALUES (NEW.id)', 'postgres' ],
	[ 'a policy', evil('m.code(integer)', 'boolean'), 'CREATE POLICY p ON sambapos_replica.menu_items USING (m.code(id))', 'postgres' ],
	[ 'a default', evil('m.code()', 'text'), 'ALTER TABLE sambapos_replica.menu_items ALTER COLUMN row_state SET DEFAULT m.code()', 'postgres' ],
	[ 'a check', evil('m.code(integer)', 'boolean'), 'ALTER TABLE sambapos_replica.menu_items ADD CHECK (m.code(id)) NOT VALID', 'postgres' ],
	[ 'an operator', evil('m.code(integer, integer)', 'boolean') . '; CREATE OPERATOR m.=== (LEFTARG = integer, RIGHTARG = integer, FUNCTION = m.code)',
		'ALTER TABLE sambapos_replica.menu_items ADD CHECK (id OPERATOR(m.===) id) NOT VALID', 'postgres' ],
	[ 'a domain', evil('m.code(integer)', 'boolean') . '; CREATE DOMAIN m.d AS text CHECK (VALUE <> \'\')',
		'DROP VIEW sambapos_report.menu_items, sambapos_report.ticket_items, sambapos_report.category_sales, sambapos_report.json_problems, sambapos_report.sales; ALTER TABLE sambapos_replica.menu_items ALTER COLUMN name TYPE m.d', 'postgres' ],
	[ 'an expression of an index', "CREATE FUNCTION m.code(integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT 1'",
		'CREATE INDEX ON sambapos_replica.menu_items ((m.code(id)))', 'postgres' ],
	[ 'a child table of hers', 'CREATE TABLE m.t (LIKE sambapos_replica.menu_items INCLUDING ALL)',
		'ALTER TABLE m.t INHERIT sambapos_replica.menu_items', 'postgres' ]);

for my $code (@codes)
{
	my ($name, $make, $place, $role) = @$code;
	my $db = shop();
	$db->run("CREATE SCHEMA m AUTHORIZATION mallory; " . as('mallory', $make));
	$db->run(as($role, $place));
	$till->sql("UPDATE dbo.MenuItems SET Name = N'changed $count'") if $name =~ /trigger|rule/;
	my ($output, $errors) = $db->psql(q(SELECT status, message FROM sambapos_sync('shop', '{menu_items}')));
	unlike($errors, qr/code of mallory/, "$name: does not run");
	like($output, qr/^failed\t.*role "mallory"/, "$name: a superuser's sync refuses the table and says why");
	like($db->value(q(SELECT reason FROM sambapos_status('shop'))), qr/role "mallory"/, "$name: the status says it");
	my $error = $db->error(q(SELECT FROM sambapos_remove_table('shop', 'menu_items', true)));
	like($error && $error->{message}, qr/role "mallory"/, "$name: nor does a superuser delete its rows");
}

# Between reading and merging, in a scheduled run.
$db = shop();
$db->run("CREATE SCHEMA m AUTHORIZATION mallory; " . as('mallory', evil('m.code()', 'trigger')));
$till->sql(q(UPDATE dbo.MenuItems SET Name = N'changed in between'));
$db->run(<<~SQL);
	SELECT sambapos_request_sync('shop');
	DO \$\$ BEGIN -- the merge's first step, preceded by mallory's
	  EXECUTE replace(pg_get_functiondef('sambapos._merge_claim_tables'::regproc), E'BEGIN\\n', E'BEGIN\\n  CREATE TRIGGER t AFTER UPDATE ON sambapos_replica.menu_items FOR EACH STATEMENT EXECUTE FUNCTION m.code();\\n');
	END \$\$;
	SQL
my ($output, $errors) = $db->psql(q(CALL sambapos_run('shop')));
unlike($errors, qr/code of mallory/, 'a trigger that comes while the run reads: does not run');
like($errors, qr/uses function m\.code\(\) of role "mallory"/, 'and is named');

# ---- a role that is no superuser ----

$db = fresh();
my $name = "d$count";
$db->run(<<~SQL);
	SELECT sambapos_grant('syncer', 'admin'); GRANT CREATE ON DATABASE $name TO syncer; GRANT USAGE ON FOREIGN SERVER till TO syncer;
	CREATE USER MAPPING FOR syncer SERVER till $mapping;
	SQL
for my $schema (qw(sambapos_live_shop sambapos_replica))    # as they are left where the extension was dropped
{
	$db->run("CREATE SCHEMA $schema");
	my $error = $db->error("SET SESSION AUTHORIZATION syncer; $add");
	is($error->{sqlstate}, '42501', "a superuser's empty $schema: refused");
	like($error->{text}, qr/"syncer" cannot create tables in schema "$schema".*belongs to role "postgres".*ALTER SCHEMA $schema OWNER TO syncer/s, 'and how to mend it');
	$db->run("DROP SCHEMA $schema");
}
$db->run("SET SESSION AUTHORIZATION syncer; $add; SELECT FROM sambapos_sync('shop')");
is($db->value(q(SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'sambapos_replica')), 'syncer', 'a plain role owns what it writes');
like((row_of($db))->{message}, qr/schema "sambapos_replica" belongs to role "syncer"/, 'a superuser does not sync what such a role owns');
is($db->value('SELECT last_error FROM sambapos._place'), undef, 'and his attempt leaves no trace in the status');
is($db->value(q(SELECT light FROM sambapos_status('shop'))), 'green', 'which is green');
$db->run("CREATE SCHEMA m AUTHORIZATION mallory; GRANT USAGE ON SCHEMA sambapos_replica TO mallory; GRANT ALL ON sambapos_replica.menu_items TO mallory; " .
	as('mallory', evil('m.code()', 'trigger') . '; GRANT USAGE ON SCHEMA m TO PUBLIC; CREATE TRIGGER t AFTER UPDATE ON sambapos_replica.menu_items FOR EACH STATEMENT EXECUTE FUNCTION m.code()'));
$till->sql(q(UPDATE dbo.MenuItems SET Name = N'changed for the plain role'));
($output, $errors) = $db->psql(q(SET SESSION AUTHORIZATION syncer; SELECT status, message FROM sambapos_sync('shop')));
like($errors, qr/code of mallory runs as syncer/, 'code of others runs with that role\'s rights, no more');
like($output, qr/^ok\t.*trigger t on table sambapos_replica\.menu_items uses function m\.code\(\) of role "mallory"/, 'and the run reports it');
like($db->value(q(SELECT reason FROM sambapos_status('shop'))), qr/trigger t on table sambapos_replica\.menu_items/, 'the status too');
# what belongs to the table's owner or to a superuser is no code of others
$db->run('ALTER FUNCTION m.code() OWNER TO postgres; REVOKE TRIGGER ON sambapos_replica.menu_items FROM mallory');
($output) = $db->psql(q(SET SESSION AUTHORIZATION syncer; SELECT count(message) FROM sambapos_sync('shop')));
is($output, 0, 'a superuser\'s function is not reported');

# ---- reading runs code too ----

# What an index predicate calls runs when the planner looks at the table, with the rights of whoever reads.
sub bait
{
	my ($db, $where) = @_;
	$db->run(as('mallory', evil("$where.deep()", 'integer') . "; CREATE FUNCTION $where.code(integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS \$\$ BEGIN PERFORM $where.deep(); RETURN true; END \$\$;
		CREATE TABLE $where.bait (site_id integer, epoch integer, id integer, row_state text, start_date date, end_date date); CREATE INDEX ON $where.bait (site_id) WHERE $where.code(1); GRANT ALL ON $where.bait TO PUBLIC"));
}
$db = fresh();
$db->run(as('mallory', 'CREATE SCHEMA sambapos_replica; GRANT ALL ON SCHEMA sambapos_replica TO PUBLIC'));
bait($db, 'sambapos_replica');
refused($db, $add, qr/schema "sambapos_replica" belongs to role "mallory"/, 'a table with an index of hers');

for my $read ([ 'the status', 'SELECT rows_live FROM sambapos.table_status' ], [ 'a scheduled run', q(CALL sambapos_run('shop')) ], [ 'a tick', q(CALL sambapos._tick('shop')) ], [ 'another site', q(SELECT FROM sambapos_add_site('bar', 'till')) ])
{
	my ($name, $sql) = @$read;
	my $db = fresh();
	$db->run(q(SELECT FROM sambapos_add_site('shop', 'till', NULL, '{menu_items,tickets,work_periods}'); SELECT FROM sambapos_sync('shop')));
	$db->run('ALTER SCHEMA sambapos_replica RENAME TO away; ' . as('mallory', 'CREATE SCHEMA sambapos_replica; GRANT ALL ON SCHEMA sambapos_replica TO PUBLIC'));
	bait($db, 'sambapos_replica');
	$db->run(as('mallory', 'ALTER TABLE sambapos_replica.bait RENAME TO work_periods'));
	my (undef, $errors) = $db->psql($sql);
	unlike($errors, qr/code of mallory/, "$name does not read a table of hers");
}

# ---- the catalog ----

$db = $cluster->database('given');
$db->run('ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO mallory; ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO mallory; ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO mallory; ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO mallory, PUBLIC');
$db->connect_till($till);
is($db->value(<<~'SQL'), 0, 'default privileges give nobody anything on what the extension makes');
	SELECT count(*) FROM (
	  SELECT relacl AS acl FROM pg_class WHERE relnamespace IN ('sambapos'::regnamespace, 'sambapos_report'::regnamespace)
	  UNION ALL SELECT nspacl FROM pg_namespace WHERE nspname IN ('sambapos', 'sambapos_report')
	  UNION ALL SELECT proacl FROM pg_proc AS p JOIN pg_depend AS d ON d.objid = p.oid AND d.deptype = 'e'
	) AS o, aclexplode(o.acl) AS a WHERE a.grantee IN (0, 'mallory'::regrole) AND (a.privilege_type NOT IN ('EXECUTE', 'USAGE') OR a.grantee <> 0)
	SQL

for my $call ([ 'adding a site', $add ], [ 'a sync', q(SELECT FROM sambapos_sync('shop')) ], [ 'a run', 'CALL sambapos_run()' ], [ 'a setting', q(SELECT sambapos_configure(NULL, 'enabled', 'true')) ], [ 'removing', q(SELECT FROM sambapos_remove_site('shop')) ])
{
	my ($name, $sql) = @$call;
	my $db = $name eq 'adding a site' ? fresh() : shop();
	$db->run('CREATE SCHEMA m AUTHORIZATION mallory; GRANT USAGE ON SCHEMA sambapos TO mallory; GRANT ALL ON ALL TABLES IN SCHEMA sambapos TO mallory');
	$db->run(as('mallory', evil('m.code()', 'trigger') . '; ' . join '; ', map { "CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON sambapos.$_ FOR EACH ROW EXECUTE FUNCTION m.code()" } qw(site site_state global_setting run request table_state replicated_table)));
	my ($output, $errors) = $db->psql($sql);
	unlike($errors, qr/code of mallory/, "$name: a trigger on the catalog does not run");
	like($errors, qr/uses function m\.code\(\) of role "mallory"/, "$name: and is named");
}

# ---- the like ----

$db = shop();
$db->run("CREATE SCHEMA m AUTHORIZATION mallory; " . as('mallory', evil('m.code()', 'trigger') . "; CREATE TABLE m.fk (site_id integer, epoch integer, id integer, FOREIGN KEY (site_id, epoch, id) REFERENCES sambapos_replica.menu_items ON DELETE CASCADE);
	CREATE TRIGGER t AFTER DELETE ON m.fk FOR EACH ROW EXECUTE FUNCTION m.code(); INSERT INTO m.fk SELECT site_id, epoch, id FROM sambapos_replica.menu_items LIMIT 1"));
refused($db, q(SELECT FROM sambapos_remove_table('shop', 'menu_items', true)), qr/foreign key|constraint .* uses table m\.fk of role "mallory"/, 'a foreign key of hers that cascades');

$db = shop();
$db->run(as('mallory', 'CREATE TRIGGER t BEFORE UPDATE ON sambapos_replica.menu_items FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()'));
like(row_of($db)->{message}, qr/trigger t .* may be made by role "mallory", with privilege TRIGGER/, 'a superuser\'s function in a trigger that others can have made');
$db->run('UPDATE sambapos.table_state SET code_of_others = NULL; REVOKE TRIGGER ON sambapos_replica.menu_items FROM mallory');
is(row_of($db)->{status}, 'ok', 'where others can\'t, it is ours');

for my $trigger ('AFTER UPDATE ON sambapos_replica.menu_items FOR EACH ROW WHEN (query_to_xml(\'SELECT m.code(1)\', false, false, \'\') IS NOT NULL) EXECUTE FUNCTION sambapos_replica.keep_history(\'\')',
	'BEFORE UPDATE ON sambapos_replica.menu_items FOR EACH ROW EXECUTE FUNCTION sambapos_replica.keep_history()')
{
	$db = shop();
	$db->run("CREATE SCHEMA m AUTHORIZATION mallory; GRANT EXECUTE ON FUNCTION sambapos_replica.keep_history() TO mallory; " . as('mallory', evil('m.code(integer)', 'boolean') . "; CREATE TRIGGER t $trigger"));
	$till->sql("UPDATE dbo.MenuItems SET Name = N'changed by the guard $count'");
	my ($output, $errors) = $db->psql(q(SELECT status, message FROM sambapos_sync('shop', '{menu_items}')));
	unlike($errors, qr/code of mallory/, 'the guard\'s function in a trigger of hers: its condition does not run');
	like($output, qr/^failed\t.*trigger t .* may be made by role "mallory", with privilege TRIGGER/, 'and it is named');
}

# ---- the guard's function ----

$db = fresh();
$db->run('CREATE SCHEMA sambapos_replica; GRANT ALL ON SCHEMA sambapos_replica TO mallory');
$db->run(as('mallory', evil('sambapos_replica.keep_history()', 'trigger')));
refused($db, $add, qr/function "sambapos_replica.keep_history" belongs to role "mallory"/, 'a function in the place of the guard\'s');

$db = shop();
$db->run(<<~SQL);
	SELECT sambapos_grant('syncer', 'admin'); GRANT USAGE ON FOREIGN SERVER till TO syncer; CREATE USER MAPPING FOR syncer SERVER till $mapping;
	ALTER SCHEMA sambapos_replica OWNER TO syncer; ALTER SCHEMA sambapos_live_shop OWNER TO syncer; GRANT ALL ON SCHEMA sambapos_report TO syncer; GRANT CREATE ON DATABASE d$count TO syncer;
	ALTER TABLE sambapos_replica.menu_items OWNER TO syncer; ALTER TABLE sambapos_replica.menu_items_history OWNER TO syncer;
	DO \$\$ DECLARE v name; BEGIN FOR v IN SELECT relname FROM pg_class WHERE relnamespace = 'sambapos_report'::regnamespace AND relkind = 'v' LOOP EXECUTE format('ALTER VIEW sambapos_report.%I OWNER TO syncer', v); END LOOP; END \$\$;
	ALTER FOREIGN TABLE sambapos_live_shop.menu_items OWNER TO syncer;
	SQL
my $more = q(SET SESSION AUTHORIZATION syncer; SELECT FROM sambapos_add_table('shop', 'departments'));
my $error = $db->error($more);
like($error && $error->{text}, qr/55000: function "sambapos_replica.keep_history" belongs to role "postgres".*OWNER TO syncer;/s, 'a replica that was handed over without the function: what to type');
$db->run('ALTER FUNCTION sambapos_replica.keep_history() OWNER TO syncer');
is(($db->error($more) // {})->{text}, undef, 'which helps');

$db = shop();
$db->run("CREATE SCHEMA m AUTHORIZATION mallory; " . as('mallory', evil('m.code()', 'trigger')));
my $old = $db->session;
$old->run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM sambapos.site');
$db->run(as('mallory', 'CREATE TRIGGER t AFTER UPDATE ON sambapos_replica.menu_items FOR EACH STATEMENT EXECUTE FUNCTION m.code()'));
$till->sql(q(UPDATE dbo.MenuItems SET Name = N'changed under an old snapshot'));
my (undef, $old_errors) = $old->ask(q(SELECT FROM sambapos_sync('shop')));
unlike($old_errors, qr/code of mallory/, 'under repeatable read: no code of hers runs');
like($old_errors, qr/25001: the replica is written to under isolation level read committed only/, 'since nothing does');
$old->close;
$db->run('DROP TRIGGER t ON sambapos_replica.menu_items; ALTER DATABASE d' . $count . ' SET default_transaction_isolation = serializable');
$db->run(q(SELECT sambapos_request_sync('shop'); CALL sambapos_run('shop')));
is($db->value('SELECT status FROM sambapos.run ORDER BY run_id DESC LIMIT 1'), 'ok', 'a scheduled run is read committed, whatever the default');

done_testing();
