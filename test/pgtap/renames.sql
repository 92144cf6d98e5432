-- Promise: a server that was renamed is followed by its site, or told with one call that the message names; the
-- extension's schema can be renamed, and everything works on. Talks to the source named by SAMBAPOS_TEST_*.
\getenv host SAMBAPOS_TEST_HOST
\getenv port SAMBAPOS_TEST_PORT
\getenv database SAMBAPOS_TEST_DATABASE
\getenv username SAMBAPOS_TEST_USERNAME
\getenv password SAMBAPOS_TEST_PASSWORD
\getenv encryption SAMBAPOS_TEST_ENCRYPTION
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
DROP EXTENSION IF EXISTS sambapos_fdw CASCADE;
CREATE SCHEMA first_name;
CREATE EXTENSION sambapos_fdw SCHEMA first_name;
SELECT no_plan();
SET LOCAL search_path = first_name, public;
CREATE SERVER till FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host :'host', port :'port', database :'database', encryption :'encryption');
CREATE USER MAPPING FOR CURRENT_USER SERVER till OPTIONS (username :'username', password :'password');
CREATE FUNCTION pg_temp.sync() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(DISTINCT r.status || coalesce(': ' || r.message, ''), '; ') FROM sambapos_sync('shop') AS r $$;
SELECT count(*) AS added FROM sambapos_add_site('shop', 'till', tables => '{menu_items,departments}') \gset

-- the server
ALTER SERVER till RENAME TO counter;
SELECT is(pg_temp.sync(), 'ok', 'a server that was renamed is found again');
SELECT is((SELECT server FROM sambapos.site), 'counter', 'and its name written down');
ALTER SERVER counter RENAME TO bar;
SELECT isnt_empty($$SELECT * FROM sambapos_add_table('shop', 'recipes')$$, 'a table is added under a new name');
ALTER SERVER bar RENAME TO "Bar, 2nd";
SELECT is((SELECT string_agg(DISTINCT action, ', ') FROM sambapos_add_site('shop', 'Bar, 2nd', tables => '{menu_items}')), 'kept', 'the site can be told, too');

-- another server has the old name
ALTER SERVER "Bar, 2nd" RENAME TO till;
CREATE SERVER "Bar, 2nd" FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host 'till.invalid');
SELECT matches(pg_temp.sync(), 'are on server "till", not on "Bar, 2nd"; if that is its new name: SELECT \* FROM sambapos_add_site\(''shop'', ''till''\)',
               'a server that has the old name is not taken for it, and the message says what to do');
SELECT throws_ok($$SELECT * FROM sambapos_add_site('shop', 'counter')$$, '42704', NULL, 'a name that no server has');
SELECT is((SELECT string_agg(DISTINCT action, ', ') FROM sambapos_add_site('shop', 'till', tables => '{menu_items}')), 'kept', 'what the message says');
SELECT is(pg_temp.sync(), 'ok', 'works');
SELECT throws_ok($$SELECT * FROM sambapos_add_site('shop', 'Bar, 2nd')$$, '22023', NULL, 'another server is still another one');

-- nothing knows it any more
DROP FOREIGN TABLE sambapos_live_shop.menu_items, sambapos_live_shop.departments, sambapos_live_shop.recipes;
ALTER SERVER till RENAME TO counter;
SELECT matches(pg_temp.sync(), 'SELECT \* FROM sambapos_add_site\(''shop'', ', 'without its live tables the site has to be told');
SELECT isnt_empty($$SELECT * FROM sambapos_add_site('shop', 'counter', tables => '{menu_items,departments,recipes}')$$, 'one call tells it');
SELECT is(pg_temp.sync(), 'ok', 'and it goes on');

-- the extension's schema
ALTER SCHEMA first_name RENAME TO second_name;
SET LOCAL search_path = second_name, public;
SELECT is(pg_temp.sync(), 'ok', 'a sync after the schema was renamed');
SELECT is((SELECT light FROM sambapos_status('shop')), 'green', 'the status');
SELECT is(sambapos_configure('shop', 'priority', '1'), '1', 'a setting');
CREATE ROLE sambapos_test_reader;
SELECT lives_ok($$SELECT sambapos_grant('sambapos_test_reader', 'reader')$$, 'a grant');
SELECT ok(has_schema_privilege('sambapos_test_reader', 'second_name', 'USAGE'), 'is of the schema as it is called now');
SELECT is((SELECT count(*) FROM pg_proc WHERE prosrc LIKE '%first_name%'), 0::bigint, 'no function knows the old name');
SELECT doesnt_match(sambapos._schedule_command('shop', false), '_name', 'and the command of the pg_cron job names no schema but sambapos');
CREATE FOREIGN TABLE public.query_of_mine (n integer) SERVER counter OPTIONS (query 'SELECT 1 AS n');
SELECT results_eq('SELECT n FROM public.query_of_mine', 'VALUES (1)', 'a table with a query of its own');
SELECT lives_ok($$SELECT * FROM sambapos_remove_site('shop', true)$$, 'removing the site');
SELECT * FROM finish();
ROLLBACK;
