-- Promise: sambapos_add_site checks its arguments, makes live and replica tables of what the source has,
-- never of what holds secrets, and run again changes nothing; removing keeps data unless told otherwise;
-- DROP EXTENSION CASCADE leaves the replica. Talks to the source named by SAMBAPOS_TEST_*.
\getenv host SAMBAPOS_TEST_HOST
\getenv port SAMBAPOS_TEST_PORT
\getenv database SAMBAPOS_TEST_DATABASE
\getenv username SAMBAPOS_TEST_USERNAME
\getenv password SAMBAPOS_TEST_PASSWORD
\getenv encryption SAMBAPOS_TEST_ENCRYPTION
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT no_plan();

CREATE SERVER till FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host :'host', port :'port', database :'database', encryption :'encryption');
CREATE USER MAPPING FOR CURRENT_USER SERVER till OPTIONS (username :'username', password :'password');
CREATE FOREIGN DATA WRAPPER other;
CREATE SERVER stranger FOREIGN DATA WRAPPER other;
CREATE FUNCTION pg_temp.hint(statement text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  hint text;
BEGIN
  EXECUTE statement;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN hint;
END;
$$;

-- arguments
SELECT throws_ok(format('SELECT * FROM sambapos_add_site(%L, ''till'')', name), '42602', format('invalid site name "%s"', name), format('"%s" is no site name', name))
FROM unnest(ARRAY['', 'Hotel', 'main bar', 'bar-1', 'bär', repeat('x', 41)]) AS name;
SELECT throws_ok($$SELECT * FROM sambapos_add_site(NULL, 'till')$$, '42602', NULL, 'NULL is no site name');
SELECT throws_ok($$SELECT * FROM sambapos_add_site('hotel', 'til')$$, '42704', 'server "til" does not exist', 'an unknown server raises');
SELECT matches(pg_temp.hint($$SELECT * FROM sambapos_add_site('hotel', 'til')$$), 'Perhaps you meant "till"', 'and the nearest is named');
SELECT throws_ok($$SELECT * FROM sambapos_add_site('hotel', 'stranger')$$, '42809', NULL, 'so does a server of another wrapper');
SELECT throws_ok($$SELECT * FROM sambapos_add_site('hotel', 'till', 'Europe/Istambul')$$, '22023', NULL, 'so does an unknown time zone');
SELECT throws_ok($$SELECT * FROM sambapos_add_site('hotel', 'till', sync_interval => '1 second')$$, '22023', NULL, 'so does an interval out of range');
SELECT throws_ok($$SELECT * FROM sambapos_add_site('hotel', 'till', tables => '{tikets}')$$, '42P01', 'the source of site "hotel" has no table "tikets"', 'so does a table that is not there');
SELECT matches(pg_temp.hint($$SELECT * FROM sambapos_add_site('hotel', 'till', tables => '{tikets}')$$), 'Perhaps you meant "[Tt]ickets"', 'and the nearest is named');
SELECT throws_ok(format('SELECT * FROM sambapos_add_site(''hotel'', ''till'', tables => %L)', ARRAY[name]), '22023', NULL, name || ' is never copied')
FROM unnest('{Scripts,app_actions,ACTIONCONTAINERS,AddonLicenses,VersionInfo}'::text[]) AS name;
SELECT is((SELECT count(*) FROM sambapos._place), 0::bigint, 'nothing of that left a site');

-- adding
CREATE TEMP TABLE added AS SELECT * FROM sambapos_add_site('hotel', 'till', 'europe/istanbul');
SELECT is((SELECT string_agg(DISTINCT action, ', ') FROM added), 'added', 'every table is added');
SELECT set_eq('SELECT table_name FROM added', $$SELECT table_name FROM sambapos._known_tables() WHERE 'reporting' = ANY (sets)$$, 'the set reporting is the default');
SELECT is((SELECT time_zone FROM sambapos._place WHERE name = 'hotel'), 'Europe/Istanbul', 'the time zone in its own spelling');
SELECT set_eq($$SELECT c.relname::text FROM pg_class AS c WHERE c.relnamespace = 'sambapos_live_hotel'::regnamespace AND c.relkind = 'f'$$,
              'SELECT table_name FROM added', 'each has a live table');
SELECT set_eq($$SELECT c.relname::text FROM pg_class AS c WHERE c.relnamespace = 'sambapos_replica'::regnamespace AND c.relkind = 'r' AND c.relname !~ '_history$'$$,
              'SELECT table_name FROM added', 'and a replica table');
SELECT is((SELECT string_agg(c.relname || '.' || a.attname, ', ') FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
           WHERE c.relnamespace IN ('sambapos_replica'::regnamespace, 'sambapos_live_hotel'::regnamespace) AND a.attnum > 0
             AND (c.relname = 'users' AND a.attname IN ('pin_code', 'password') OR a.attname IN ('processor_settings', 'payment_data'))),
          NULL, 'no secret has a column');
SELECT is((SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid WHERE c.relnamespace = 'sambapos_replica'::regnamespace AND i.indisprimary
             AND c.relname = 'orders' AND i.indnatts = 4), 1::bigint, 'the key is site, epoch and the whole key of the source');
SELECT is((SELECT count(*) FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND classid = 'pg_namespace'::regclass
             AND objid IN ('sambapos_replica'::regnamespace, 'sambapos_live_hotel'::regnamespace)), 0::bigint, 'neither schema is a member of the extension');

-- what the planner can know of them without a row (where the source counts its rows)
CREATE FUNCTION pg_temp.row_count(live regclass) RETURNS numeric LANGUAGE sql AS
$$ SELECT option_value::numeric FROM pg_foreign_table, pg_options_to_table(ftoptions) WHERE ftrelid = live AND option_name = 'estimated_rows'; $$;
CREATE FUNCTION pg_temp.distinct_values(live regclass, wanted name) RETURNS numeric LANGUAGE sql AS
$$ SELECT option_value::numeric FROM pg_attribute, pg_options_to_table(attfdwoptions)
   WHERE attrelid = live AND attname = wanted AND option_name = 'estimated_distinct'; $$;
CREATE FUNCTION pg_temp.groups(live regclass, wanted name) RETURNS numeric LANGUAGE plpgsql AS
$$
DECLARE
  plan json;
BEGIN
  EXECUTE format('EXPLAIN (FORMAT JSON) SELECT %I FROM %s GROUP BY 1', wanted, live) INTO plan;
  RETURN plan->0->'Plan'->>'Plan Rows';
END;
$$;
SELECT is(pg_temp.distinct_values('sambapos_live_hotel.orders', 'ticket_id'), pg_temp.row_count('sambapos_live_hotel.tickets'), 'as many tickets as there are are named by orders');
SELECT is(pg_temp.distinct_values('sambapos_live_hotel.ticket_entities', 'ticket_id'),
          least(pg_temp.row_count('sambapos_live_hotel.tickets'), pg_temp.row_count('sambapos_live_hotel.ticket_entities')), 'and no more than there are rows that name them');
SELECT is(pg_temp.distinct_values('sambapos_live_hotel.ticket_entities', 'entity_id'), pg_temp.row_count('sambapos_live_hotel.entities'), 'with another plural');
SELECT is(pg_temp.distinct_values('sambapos_live_hotel.orders', 'id'), pg_temp.row_count('sambapos_live_hotel.orders'), 'the Id in a key of several columns is another in each row');
SELECT is(pg_temp.distinct_values('sambapos_live_hotel.tickets', 'id'), NULL, 'of a key of one column that is known anyway');
SELECT is(pg_temp.groups('sambapos_live_hotel.orders', 'ticket_id'), coalesce(pg_temp.row_count('sambapos_live_hotel.tickets'), 200), 'which the planner believes');

-- again
CREATE TEMP TABLE before AS SELECT to_jsonb(s) AS site, (SELECT jsonb_agg(to_jsonb(t) ORDER BY t.table_name) FROM sambapos._table AS t) AS tables FROM sambapos._place AS s;
CREATE FUNCTION pg_temp.relations() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(concat_ws(' ', c.oid, c.relname, c.relfilenode, c.relnatts), ', ' ORDER BY c.oid) FROM pg_class AS c
   WHERE c.relnamespace IN (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname ~ '^sambapos_(live|replica)'); $$;
CREATE TEMP TABLE relations AS SELECT pg_temp.relations();
SELECT is((SELECT string_agg(DISTINCT action, ', ') FROM sambapos_add_site('hotel', 'till')), 'kept', 'run again every table is kept');
SELECT is((SELECT string_agg(DISTINCT action, ', ') FROM sambapos_add_site('hotel', 'till', 'Europe/London', sync_interval => '1 hour')), 'kept', 'also with other settings');
SELECT is((SELECT to_jsonb(s) FROM sambapos._place AS s), (SELECT site FROM before), 'no setting has changed');
SELECT is((SELECT jsonb_agg(to_jsonb(t) ORDER BY t.table_name) FROM sambapos._table AS t), (SELECT tables FROM before), 'no table''s state has changed');
SELECT is(pg_temp.relations(), (SELECT relations FROM relations), 'no relation has changed');
SELECT throws_ok($$SELECT * FROM sambapos_add_site('hotel', 'stranger')$$, '42809', NULL, 'nor does it take another server');
DROP FOREIGN TABLE sambapos_live_hotel.terminals;
SELECT is((SELECT string_agg(action, ', ') FROM sambapos_add_site('hotel', 'till') WHERE table_name = 'terminals' OR action <> 'kept'), 'made again', 'a live table that is gone');
SELECT has_foreign_table('sambapos_live_hotel', 'terminals', 'is made again');

-- more tables
SELECT results_eq($$SELECT * FROM sambapos_add_table('hotel', 'RECIPES')$$, $$VALUES ('recipes', 'added')$$, 'a table by its source name in any case');
SELECT results_eq($$SELECT * FROM sambapos_add_table('hotel', 'recipes')$$, $$VALUES ('recipes', 'kept')$$, 'or by its replica name');
SELECT ok((SELECT bool_or(action = 'added') FROM sambapos_add_table('hotel', 'stock')), 'or a set');
SELECT throws_ok($$SELECT * FROM sambapos_add_table('hotel', NULL)$$, '22004', NULL, 'but not NULL');
SELECT results_eq($$SELECT * FROM sambapos_add_site('bar', 'till', tables => '{orders}')$$, $$VALUES ('tickets', 'added'), ('orders', 'added')$$, 'a child brings its root along');

-- what the source does not have yet
ALTER FUNCTION sambapos._source_tables(text) RENAME TO _source_tables_all;
CREATE TABLE sambapos.hidden (name text);
CREATE FUNCTION sambapos._source_tables(server text) RETURNS text[] LANGUAGE sql AS
$$ SELECT ARRAY(SELECT n FROM unnest(sambapos._source_tables_all(server)) AS n WHERE n NOT IN (SELECT name FROM sambapos.hidden)) $$;
CREATE FUNCTION pg_temp.waits_for() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(table_name, ', ' ORDER BY table_name) FROM sambapos.wanted_table AS w JOIN sambapos.site AS s USING (site_id) WHERE s.name = 'kiosk' $$;
CREATE FUNCTION pg_temp.fix() RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  found sambapos.finding := sambapos._doctor_new_tables('till');
BEGIN
  EXECUTE found.fix;
  RETURN concat_ws(': ', found.status, found.detail);
END;
$$;
INSERT INTO sambapos.hidden VALUES ('WorkPeriods'), ('States'), ('AccountTransactionDocuments'), ('AccountScreens');
SELECT is((SELECT string_agg(concat_ws(' ', table_name, action), '; ' ORDER BY table_name) FROM sambapos_add_site('kiosk', 'till') WHERE action <> 'added'),
          'account_transaction_documents not at the source, or not readable there; account_transaction_values left out: it needs table account_transaction_documents; '
          || 'account_transactions left out: it needs table account_transaction_documents; states not at the source, or not readable there; '
          || 'work_periods not at the source, or not readable there', 'what the source does not have is said');
SELECT is(pg_temp.waits_for(), 'account_transaction_documents, account_transaction_values, account_transactions, states, work_periods',
          'and remembered, with what it keeps out; what is of no set that was asked for is not');
SELECT is((SELECT detail FROM sambapos._doctor_new_tables('till')),
          'not there, or not shown to the login: account_transaction_documents, account_transaction_values, account_transactions, states, work_periods',
          'the doctor says what is waited for');
SELECT is((SELECT status FROM sambapos._doctor_new_tables('till')), 'ok', 'that is no fault');
SELECT isnt_empty($$SELECT FROM sambapos_setup_script('till', 0) AS line WHERE position('GRANT SELECT ON [dbo].[States]' IN line) > 0$$, 'the script grants it, should it be there');
SELECT isnt_empty($$SELECT * FROM sambapos_add_table('kiosk', 'config')$$, 'another set');
SELECT matches(pg_temp.waits_for(), '^account_screens, ', 'is remembered alike');
SELECT throws_ok($$SELECT * FROM sambapos_add_table('kiosk', 'States')$$, '42P01', NULL, 'by its name it is an error, as ever');
DELETE FROM sambapos.hidden WHERE name IN ('States', 'AccountTransactionDocuments');
SELECT is(pg_temp.fix(), 'warning: not there when they were asked for, there now: account_transaction_documents (site kiosk), '
          || 'account_transaction_values (site kiosk), account_transactions (site kiosk), states (site kiosk)', 'the doctor says what is there now');
SELECT is(pg_temp.waits_for(), 'account_screens, work_periods', 'its fix adds them, and they are not waited for any more');
SELECT is((SELECT count(*) FROM sambapos._table AS t JOIN sambapos.site AS s USING (site_id)
           WHERE s.name = 'kiosk' AND t.table_name IN ('states', 'account_transactions', 'account_transaction_values')), 3::bigint, 'they are copied');
INSERT INTO sambapos.hidden VALUES ('States');
SELECT isnt_empty($$SELECT * FROM sambapos_add_site('kiosk', 'till')$$, 'a table that is copied, and gone at the source');
SELECT is(pg_temp.waits_for(), 'account_screens, work_periods', 'is not waited for: it says itself what is wrong');
SELECT results_eq($$SELECT * FROM sambapos_remove_table('kiosk', 'WORKPERIODS')$$, $$VALUES ('work_periods', 'no longer waited for')$$, 'one that is not wanted is removed by its name');
SELECT throws_ok($$SELECT * FROM sambapos_remove_table('kiosk', 'WorkPeriods')$$, '42P01', 'site "kiosk" has no table "WorkPeriods"', 'once');
SELECT ok((SELECT bool_or(action = 'data kept') AND bool_or((table_name, action) = ('account_screens', 'no longer waited for')) FROM sambapos_remove_table('kiosk', 'config')),
          'or with its set');
SELECT is((SELECT detail FROM sambapos._doctor_new_tables('till')), 'none is waited for', 'then nothing is waited for');
SELECT count(sambapos._wanted_note(site_id, 'change_payments')) FROM sambapos.site WHERE name = 'bar';
SELECT ok((SELECT bool_and(action = 'data kept') FROM sambapos_remove_table('bar', 'orders')), 'the last child goes');
SELECT ok((SELECT bool_and(action = 'data kept') FROM sambapos_remove_table('bar', 'tickets')), 'and the root');
SELECT is_empty('SELECT * FROM sambapos.wanted_table', 'its children are not waited for any more');
SELECT isnt_empty($$SELECT * FROM sambapos_add_table('bar', 'orders')$$, 'they can come back');
INSERT INTO sambapos.hidden VALUES ('WorkPeriods');
SELECT isnt_empty($$SELECT * FROM sambapos_add_site('kiosk', 'till')$$, 'who asks for the set again');
SELECT is(pg_temp.waits_for(), 'work_periods', 'waits again');
SELECT isnt_empty($$SELECT * FROM sambapos_remove_site('kiosk', drop_data => true)$$, 'a site that is removed');
SELECT is_empty('SELECT * FROM sambapos.wanted_table', 'waits for nothing');
DROP FUNCTION sambapos._source_tables(text);
ALTER FUNCTION sambapos._source_tables_all(text) RENAME TO _source_tables;
DROP TABLE sambapos.hidden;

-- removing a table
INSERT INTO sambapos_replica.departments (site_id, epoch, id, version) SELECT site_id, 1, 1, 1 FROM sambapos._place WHERE name = 'hotel';
SELECT throws_ok($$SELECT * FROM sambapos_remove_table('hotel', 'tickets')$$, '2BP01', NULL, 'a root stays while its children are there');
SELECT results_eq($$SELECT * FROM sambapos_remove_table('hotel', 'Departments')$$, $$VALUES ('departments', 'data kept')$$, 'a table is removed');
SELECT is((SELECT count(*) FROM sambapos_replica.departments), 1::bigint, 'its rows stay');
SELECT hasnt_foreign_table('sambapos_live_hotel'::name, 'departments'::name, 'its live table goes');
SELECT throws_ok($$SELECT * FROM sambapos_remove_table('hotel', 'departments')$$, '42P01', NULL, 'it can be removed once');
SELECT results_eq($$SELECT * FROM sambapos_add_table('hotel', 'departments')$$, $$VALUES ('departments', 'added')$$, 'added again');
SELECT is((SELECT count(*) FROM sambapos_replica.departments), 1::bigint, 'it finds its rows');
SELECT results_eq($$SELECT * FROM sambapos_remove_table('hotel', 'departments', drop_data => true)$$, $$VALUES ('departments', '1 rows deleted, table dropped')$$, 'with drop_data rows go, and the table nobody else has');
INSERT INTO sambapos_replica.tickets (site_id, epoch, id, version) SELECT site_id, 1, 1, 1 FROM sambapos._place;

-- removing a site
SELECT is((SELECT string_agg(DISTINCT action, ', ') FROM sambapos_remove_site('hotel')), 'data kept', 'a site is removed');
SELECT hasnt_schema('sambapos_live_hotel', 'its live schema goes');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets), 2::bigint, 'its rows stay');
SELECT throws_ok($$SELECT * FROM sambapos_status('hotel')$$, '42704', NULL, 'it is no site any more');
SELECT isnt_empty($$SELECT * FROM sambapos_add_site('hotel', 'till')$$, 'added again');
SELECT is((SELECT site_id FROM sambapos._place WHERE name = 'hotel'), (SELECT (site ->> 'site_id')::integer FROM before), 'it finds its rows');
INSERT INTO sambapos_replica.payments (site_id, epoch, id, ticket_id, version) SELECT site_id, 1, 1, 1, 1 FROM sambapos._place WHERE name = 'hotel';
SELECT is((SELECT action FROM sambapos_remove_table('hotel', 'payments')), 'data kept', 'a table is taken out, its rows stay');
SELECT is((SELECT string_agg(DISTINCT action, ', ') FROM sambapos_remove_site('hotel')), 'data kept', 'the site too');
SELECT throws_ok($$SELECT * FROM sambapos_remove_site('hotel')$$, '42704', NULL, 'it can be removed once');
SELECT is((SELECT string_agg(table_name || ' ' || action, ', ' ORDER BY table_name) FROM sambapos_remove_site('hotel', drop_data => true)), 'payments 1 rows deleted, table dropped, tickets 1 rows deleted', 'with drop_data all its rows go, whenever table and site were removed');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets), 1::bigint, 'not those of another site');
SELECT is((SELECT count(*) FROM sambapos.site WHERE name = 'hotel') + (SELECT count(*) FROM sambapos.run_table AS x WHERE NOT EXISTS (SELECT FROM sambapos.run AS r WHERE r.run_id = x.run_id)), 0::bigint, 'and nothing of it is left in the catalog');

-- leaving
DROP EXTENSION sambapos_fdw CASCADE;
SELECT has_table('sambapos_replica', 'tickets', 'DROP EXTENSION CASCADE leaves the replica tables');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets), 1::bigint, 'and their rows');
CREATE TEMP TABLE old_rows AS SELECT site_id FROM sambapos_replica.tickets;
CREATE EXTENSION sambapos_fdw;
CREATE SERVER till FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host :'host', port :'port', database :'database', encryption :'encryption');
CREATE USER MAPPING FOR CURRENT_USER SERVER till OPTIONS (username :'username', password :'password');
DROP SCHEMA sambapos_live_bar;
SELECT isnt(setval('sambapos.site_site_id_seq', (SELECT site_id FROM old_rows), false), NULL, 'the numbers begin anew');
SELECT isnt_empty($$SELECT * FROM sambapos_add_site('garden', 'till', tables => '{tickets}')$$, 'a site of a new installation');
SELECT is_empty('SELECT s.site_id FROM sambapos._place AS s JOIN old_rows USING (site_id)', 'never gets the rows of an old one');

SELECT * FROM finish();
ROLLBACK;
