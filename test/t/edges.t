# Words at the edge: a database that lacks the till's letters, a call inside a transaction block, a table that is
# switched off, a site whose name is as long as it may be, a schedule that does not fit; a role that only operates.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 20 --seed 5));
my $cluster = Harness::cluster('cron.database_name' => 'shop');

sub notices { my ($db, $sql) = @_; return ($db->psql($sql))[1]; }

# ---- another encoding than UTF8 ----

my $turkish = $cluster->database('turkish', "ENCODING 'LATIN5' TEMPLATE template0 LOCALE 'C'");
$turkish->connect_till($till);
$till->sql(q(UPDATE Departments SET Name = N'Bar ' + NCHAR(8364) WHERE Id = 1));
like(notices($turkish, q(SELECT FROM sambapos_add_site('shop', 'till', tables => '{departments,ticket_types}'))),
	qr/WARNING: .*encoding of database "turkish" is LATIN5, not UTF8.*HINT: .*ENCODING 'UTF8'/s, 'add_site says that the database is not UTF8');
my ($failed) = grep { $_->{table_name} eq 'departments' } $turkish->sync;
like($failed->{message}, qr/text of column "name" has no equivalent in encoding "LATIN5"/, 'the sync names the column');
like($turkish->value(q(SELECT detail FROM sambapos.run_table WHERE table_name = 'departments')), qr/U\+20AC.*"id" is 1/, 'and the character and the row');
is($turkish->value(q(SELECT count(*) > 0 FROM sambapos_replica.ticket_types)), 't', 'the other table went through');
$till->sql(q(UPDATE Departments SET Name = N'Bar ' + NCHAR(286) WHERE Id = 1));
($failed) = grep { $_->{status} ne 'ok' } $turkish->sync;
is($failed && $failed->{message}, undef, 'letters that the encoding has are copied');

for my $option ('OPTIONS (database %L)', 'OPTIONS (host %L)')
{
	my $letters = $option =~ /host/ ? 101 : 65; # of two bytes each in UTF-8, one here
	is($turkish->error(qq(DO \$\$ BEGIN EXECUTE format('CREATE SERVER long FOREIGN DATA WRAPPER sambapos_fdw $option', repeat(chr(240), $letters)); END \$\$))
		->{sqlstate}, 'HV024', "$option is measured as it is sent");
}

# ---- a usual database ----

my $db = $cluster->database('shop');
$db->connect_till($till);
my $long = 'a' x 40;
unlike(notices($db, qq(SELECT FROM sambapos_add_site('$long', 'till', tables => '{departments,menu_items}'))), qr/WARNING|truncated/, 'nothing odd about a site with a long name');
unlike(notices($db, qq(SELECT FROM sambapos_sync('$long'))), qr/NOTICE|WARNING/, 'nor about its sync');
like(notices($db, q(SELECT FROM sambapos_add_site('two', 'till', tables => '{departments}'))), qr/site "two" reads the same database as site "a+"/, 'two sites on one database');

$db->run(q{CREATE FUNCTION runs() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL sambapos_run('two'); END $$;
	CREATE FUNCTION runs_in_sql() RETURNS void LANGUAGE sql AS $$ CALL sambapos_run('two'); $$;
	CREATE PROCEDURE runs_nested() LANGUAGE plpgsql AS $$ BEGIN CALL sambapos_run('two'); END $$;
	CREATE PROCEDURE runs_with_setting() LANGUAGE plpgsql SET work_mem = '4MB' AS $$ BEGIN CALL sambapos_run('two'); END $$});
for my $block ("BEGIN; CALL sambapos_run('two')", "SELECT 1\\; CALL sambapos_run('two')", 'SELECT runs()', 'SELECT runs_in_sql()',
	'DO $$ BEGIN PERFORM runs(); END $$', 'CALL runs_with_setting()', 'BEGIN; CALL runs_nested()', "BEGIN; DO \$\$ BEGIN CALL sambapos_run('two'); END \$\$",
	"DO \$\$ BEGIN CALL sambapos_run('two'); EXCEPTION WHEN division_by_zero THEN NULL; END \$\$")
{
	my $error = $db->error($block);
	is($error->{sqlstate}, '2D000', 'a run cannot be in a block');
	like($error->{text}, qr/sambapos_run cannot be called inside.*HINT: .*sambapos_request_sync\('two'\)/s, 'and says what to do');
}
is($db->error($_), undef, "outside it can: $_") for "CALL sambapos_run('two')", "DO \$\$ BEGIN CALL sambapos_run('two'); END \$\$", 'CALL runs_nested()';

$db->run(q(SELECT sambapos_configure('two', 'enabled', 'false', 'departments')));
my ($row) = $db->sync(q('two', '{departments}'));
is($row->{status}, 'paused', 'a disabled table that is asked for has a row');
like($row->{message}, qr/disabled: SELECT sambapos_configure\('two', 'enabled', 'true', 'departments'\)/, 'that says how to enable it');
like($db->error(q(SELECT FROM sambapos_sync('two', '{departments}', on_error => 'raise')))->{message}, qr/paused/, 'or raises');

my @nothing = (
	[ q(SELECT FROM sambapos_add_site('x', 'till', tables => '{}')), '22023' ], [ q(SELECT FROM sambapos_add_site('x', 'till', tables => '{NULL}')), '22023' ],
	[ q(SELECT FROM sambapos_add_site('x', NULL)), '42704' ], [ q(SELECT FROM sambapos_add_site('x', '')), '42704' ],
	[ q(SELECT FROM sambapos_add_table('two', '')), '22023' ], [ q(SELECT FROM sambapos_add_table(NULL, 'x')), '42704' ],
	[ q(SELECT FROM sambapos_remove_table('two', NULL)), '42P01' ], [ q(SELECT FROM sambapos_remove_site(NULL)), '42704' ],
	[ q(SELECT FROM sambapos_sync('')), '42704' ], [ q(SELECT FROM sambapos_sync('two', '{""}')), '22023' ],
	[ q(SELECT FROM sambapos_sync('two', mode => NULL)), '22023' ], [ q(SELECT FROM sambapos_sync('two', on_error => NULL)), '22023' ],
	[ q(SELECT sambapos_request_sync(NULL)), '42704' ], [ q(SELECT FROM sambapos_request(NULL)), '42704' ],
	[ q(SELECT FROM sambapos_schedule('')), '42704' ], [ q(SELECT sambapos_unschedule(NULL)), '42704' ],
	[ q(SELECT FROM sambapos_status('')), '42704' ], [ q(SELECT sambapos_grant(NULL, 'reader')), '42704' ],
	[ q(SELECT sambapos_configure('two', '', 'x')), '22023' ], [ q(SELECT FROM sambapos_adopt(NULL, 'two')), '42704' ]);
for my $call (@nothing)
{
	my ($sql, $state) = @$call;
	my $error = $db->error($sql);
	is($error && $error->{sqlstate}, $state, $sql);
	unlike($error->{text}, qr/<NULL>|"NULL"" /, 'in words');
}

# ---- the schedule and the interval ----

$db->run('CREATE EXTENSION pg_cron');
like(notices($db, q(SELECT FROM sambapos_schedule('two', '30 4 * * *'))),
	qr/cron line "30 4 \* \* \*" of site "two" leaves up to 1 day between two runs, its sync_interval is 00:15:00.*sambapos_configure\('two', 'sync_interval', '1 day'\)/s,
	'a cron line that does not fit the interval');
unlike(notices($db, q(SELECT sambapos_configure('two', 'sync_interval', '1 day'))), qr/NOTICE/, 'what the hint says fits');
like(notices($db, q(SELECT FROM sambapos_schedule('two'))), qr/"two" keeps its cron line "30 4 \* \* \*".*sambapos_unschedule\('two'\)/s,
	'a line stays until it is taken away');
my $ran_at = qr/"sambapos:two" ran at "30 4 \* \* \*" until now.*sambapos_schedule\('two', '30 4 \* \* \*'\)/s;
like(notices($db, q(UPDATE cron.job SET database = 'gone'; SELECT FROM sambapos_schedule('two', '0 5 * * *'))), $ran_at, 'a line that is replaced is said');
$db->run(q(SELECT sambapos_unschedule('two'); SELECT FROM sambapos_schedule('two', '30 4 * * *');
	INSERT INTO cron.job_run_details (jobid, runid, database, username, command, status, return_message)
	SELECT jobid, 1000000, database, username, command, 'failed', 'connection failed' FROM cron.job));
like(notices($db, q(SELECT FROM sambapos_schedule('two', '0 5 * * *'))), qr/"sambapos:two" could not log in and is made anew.*$ran_at/s, 'also of a job that could not log in');
$db->run(q(SELECT sambapos_unschedule('two'); SELECT FROM sambapos_schedule('two');
	UPDATE cron.job SET active = false));    # a run at the turn of a minute would hold the site, which is removed below
like(notices($db, q(SELECT sambapos_configure('two', 'sync_interval', '10 seconds'))), qr/looks once a minute/, 'an interval below a minute');
unlike(notices($db, q(SELECT sambapos._schedule_compare('two', '5 seconds', '10 seconds'))), qr/NOTICE/, 'no interval is shorter than ten seconds');
like(notices($db, q(SELECT sambapos._schedule_compare('two', '5 seconds', '15 minutes'))), qr/'sync_interval', '00:00:10'/, 'nor is what a hint says');
like(notices($db, q(BEGIN; DROP EXTENSION pg_cron; CREATE OR REPLACE FUNCTION sambapos._cron_database() RETURNS text LANGUAGE sql AS $$SELECT 'elsewhere'$$;
	SELECT FROM sambapos_remove_site('two'); ROLLBACK)), qr/a pg_cron job of site "two", if there is one, cannot be dropped from this database.*Type in database elsewhere: SELECT cron.unschedule\(jobid\)/s, 'a job that removing a site cannot reach');

# ---- a role that operates ----

$db->run(q(CREATE ROLE waiter LOGIN; SELECT sambapos_grant('waiter', 'operator')));
my $as = 'SET SESSION AUTHORIZATION waiter; ';
for my $may ("SELECT count(*) FROM sambapos_status()", "SELECT count(*) FROM sambapos.settings", "SELECT sambapos_configure('two', 'sync_interval', '1 hour')",
	"SELECT sambapos_configure('two', 'enabled', 'true', 'departments')", "SELECT sambapos_configure(NULL, 'enabled', 'true')",
	"SELECT sambapos_request_sync('two')", "SELECT count(*) FROM sambapos_report.departments", "SELECT count(*) FROM sambapos_replica.menu_items",
	"SELECT count(*) FROM sambapos.table_status", "SELECT count(*) FROM sambapos.progress", "SELECT count(*) FROM sambapos.run")
{
	my $error = $db->error($as . $may);
	is($error && $error->{text}, undef, "an operator may: $may");
}
for my $may_not ("SELECT FROM sambapos_sync('two')", "CALL sambapos_run()", "SELECT FROM sambapos_remove_site('two')", "SELECT FROM sambapos_adopt()",
	"SELECT sambapos_grant('waiter', 'admin')", "UPDATE sambapos.site SET server = 'x'", "DELETE FROM sambapos_replica.departments",
	"SELECT * FROM sambapos_query('till', 'SELECT 1') AS q (n int)")
{
	my $error = $db->error($as . $may_not);
	is($error && $error->{sqlstate}, '42501', "an operator may not: $may_not");
}
$db->run(q(SELECT FROM sambapos_add_table('two', 'recipes')));
is($db->error($as . 'SELECT count(*) FROM sambapos_replica.recipes, sambapos_report.recipes'), undef, 'a table that is added later is open to him');
done_testing();
