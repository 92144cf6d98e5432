-- Promise: a manifest names all that a dump must hold, of one moment; whatever is lost or changed on the way, be it one
-- value of one row, sambapos_verify_restore says which table and what; what is the same is the same whatever the order
-- of rows and columns and the settings of who asks; what runs have written since is told from what is lost.
BEGIN;
\set QUIET on
\ir seam.psql
SELECT till.sell(1, 30);
SELECT till.sell(31, 1);
SELECT plan(48);
SELECT count(*) AS synced FROM till.sync() \gset
SELECT till.clear();
SELECT till.sell(40, 5);
SELECT count(*) AS synced FROM till.sync() \gset
UPDATE menu_items SET name = name || '!' WHERE id = (SELECT min(id) FROM menu_items);
SELECT count(*) AS synced FROM till.sync() \gset
CREATE TABLE till.manifest AS SELECT sambapos_backup_manifest()::text AS m; -- as a file has it

CREATE FUNCTION till.faults() RETURNS text LANGUAGE sql AS -- the server of this till is none
$$
  SELECT coalesce(string_agg(replace(format('%s %s %s: %s', v.status, v.kind, v.name, v.detail), (SELECT 'site ' || (f.m::jsonb #>> '{sites,shop,site_id}')), 'site 1'), ' | ' ORDER BY v.status, v.kind, v.name), 'none')
  FROM till.manifest AS f, public.sambapos_verify_restore(f.m::jsonb) AS v WHERE v.status <> 'ok' AND v.kind <> 'way';
$$;
CREATE FUNCTION till.faults_after(change text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  result text;
BEGIN
  EXECUTE change;
  result := till.faults();
  RAISE EXCEPTION USING ERRCODE = 'TS001', MESSAGE = result;
EXCEPTION WHEN SQLSTATE 'TS001' THEN
  RETURN SQLERRM;
END;
$$;

SELECT is(till.faults(), 'none', 'what is as it was has no fault');
SELECT is((SELECT string_agg(p.key || ': ' || (p.value ->> 'rows'), ', ' ORDER BY p.key) FROM till.manifest, jsonb_each(m::jsonb #> '{relations,sambapos_replica.tickets,parts}') AS p),
          (SELECT format('site %s epoch 1 cleared: 31, site %1$s epoch 1 live: 5', site_id) FROM sambapos.site), 'rows are counted by site, epoch and what became of them');
SELECT is((SELECT string_agg(r.key, ', ' ORDER BY r.key) FROM till.manifest, jsonb_each(m::jsonb -> 'relations') AS r WHERE r.value ->> 'kind' IN ('replica', 'history')),
          (SELECT string_agg('sambapos_replica.' || relname, ', ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'sambapos_replica'::regnamespace AND relkind = 'r'), 'it names every table of the replica');
SELECT is((SELECT count(*) FROM till.manifest, jsonb_object_keys(m::jsonb -> 'relations') AS r WHERE r LIKE 'sambapos.%'),
          (SELECT cardinality(extconfig)::bigint FROM pg_extension WHERE extname = 'sambapos_fdw'), 'and every table and sequence of the catalog that pg_dump has');
SELECT is((SELECT m::jsonb #>> '{database,system_identifier}' FROM till.manifest), (SELECT system_identifier::text FROM pg_control_system()), 'it says of which server it is');

-- rows
SELECT is(till.faults_after('DELETE FROM sambapos_replica.tickets WHERE id = 40'), 'error replica tickets: site 1 epoch 1 live: 5 rows then, 4 now', 'a row that is missing');
SELECT is(till.faults_after('DELETE FROM sambapos_replica.tickets WHERE id = 7'), 'error replica tickets: site 1 epoch 1 cleared: 31 rows then, 30 now', 'a row of history that is missing');
SELECT is(till.faults_after('UPDATE sambapos_replica.tickets SET total_amount = 20.01 WHERE id = 40'), 'error replica tickets: site 1 epoch 1 live: 5 rows with other values', 'a penny');
SELECT is(till.faults_after('UPDATE sambapos_replica.tickets SET total_amount = 20.000 WHERE id = 40'), 'error replica tickets: site 1 epoch 1 live: 5 rows with other values', 'as it is written');
SELECT is(till.faults_after('UPDATE sambapos_replica.tickets SET note = '''' WHERE id = 40'), 'error replica tickets: site 1 epoch 1 live: 5 rows with other values', 'nothing is not NULL');
SELECT is(till.faults_after('UPDATE sambapos_replica.tickets AS t SET ticket_number = o.ticket_number FROM sambapos_replica.tickets AS o WHERE t.id IN (40, 41) AND o.id IN (40, 41) AND t.id <> o.id'),
          'error replica tickets: site 1 epoch 1 live: 5 rows with other values', 'values that changed places');
SELECT is(till.faults_after('UPDATE sambapos_replica.tickets SET note = ticket_number, ticket_number = NULL WHERE id = 40'), 'error replica tickets: site 1 epoch 1 live: 5 rows with other values', 'values in another column');
SELECT is(till.faults_after('UPDATE sambapos_replica.tickets SET row_state = ''deleted'' WHERE id = 40'),
          'error replica tickets: site 1 epoch 1 deleted: 0 rows then, 1 now; site 1 epoch 1 live: 5 rows then, 4 now', 'another row_state');
SELECT is(till.faults_after('DELETE FROM sambapos_replica.menu_items_history'), 'error history menu_items_history: site 1 epoch 1: 1 rows then, 0 now', 'an earlier version that is missing');
SELECT is(till.faults_after('TRUNCATE sambapos_replica.menu_items_history, sambapos_replica.menu_items'),
          'error history menu_items_history: site 1 epoch 1: 1 rows then, 0 now | error replica menu_items: site 1 epoch 1 live: 3 rows then, 0 now', 'two tables');
SELECT is(till.faults_after('DROP TABLE sambapos_replica.orders CASCADE'), 'error replica orders: it is not there', 'a table');
SELECT is(till.faults_after('ALTER TABLE sambapos_replica.orders DROP COLUMN quantity CASCADE'), 'error replica orders: columns are missing: quantity | error views sambapos_report: missing, SELECT sambapos_refresh_reports() makes them: orders', 'a column, and the view with it');
SELECT is(till.faults_after('DROP VIEW sambapos_report.orders'), 'error views sambapos_report: missing, SELECT sambapos_refresh_reports() makes them: orders', 'a view');
SELECT is(till.faults_after('ALTER TABLE sambapos_replica.orders DISABLE TRIGGER keep_history'), 'error triggers keep_history: missing or changed, see sambapos_check: orders', 'a trigger');
SELECT matches(till.faults_after('CREATE TABLE sambapos_replica.extra (site_id int, epoch int, row_state text)'), 'warning tables sambapos_replica: the manifest does not name: extra$', 'a table too many');
SELECT is(till.faults_after('CREATE TABLE sambapos_replica.of_mine (n int)'), 'none', 'a table that is none of ours');

-- state
SELECT is(till.faults_after('DELETE FROM sambapos.site_state') ~ '^error catalog site_state: all: 1 rows then, 0 now \| error site shop: it is behind: epoch 1, version 0, read up to nothing; it was epoch 1, version', true, 'how far a site had come');
SELECT is(till.faults_after('UPDATE sambapos.site_state SET version = version - 1') ~ '^error catalog site_state: .*error site shop: it is behind', true, 'one step behind');
SELECT is(till.faults_after('DELETE FROM sambapos.site') ~ 'error catalog site: all: 1 rows then, 0 now .*error site shop: it is not there', true, 'a site');
SELECT is(till.faults_after('DELETE FROM sambapos.epoch') ~ 'error site shop: the lives of its ids', true, 'the lives of its ids');
SELECT is(till.faults_after('DELETE FROM sambapos.table_state WHERE table_name = ''tickets''') ~ 'error site shop: not loaded any more: tickets', true, 'a table that would be loaded anew');
SELECT is(till.faults_after('UPDATE sambapos.site SET sync_interval = ''1 hour'''), 'error catalog site: all: 1 rows with other values', 'a setting');
SELECT is(till.faults_after('DELETE FROM sambapos.run_table') ~ '^error catalog run_table: all: \d+ rows then, 0 now$', true, 'the log');
SELECT last_value AS run_id FROM sambapos.run_run_id_seq \gset
SELECT matches(till.faults_after($$SELECT setval('sambapos.run_run_id_seq', 1)$$), '^error sequence run_run_id_seq: it gives out 2, which was given out before: it stood at \d+$', 'a number that would be given out twice');
SELECT setval('sambapos.run_run_id_seq', :run_id) AS back \gset
SELECT is(till.faults_after('UPDATE sambapos.site_home SET database_number = 1'), 'error catalog site_home: all: 1 rows with other values', 'whose runs they are');
UPDATE till.manifest SET m = jsonb_set(m::jsonb, '{relations,sambapos.site_home,parts,all,hash}', '"of the original"')::text;
SELECT is(till.faults(), 'none', 'unless they were resumed here');

-- what does not matter
SET LOCAL "TimeZone" = 'Asia/Tokyo';
SET LOCAL "DateStyle" = 'German';
SET LOCAL "IntervalStyle" = 'sql_standard';
SET LOCAL extra_float_digits = -3;
SET LOCAL bytea_output = 'escape';
SELECT is(till.faults(), 'none', 'settings of who asks');
SELECT is(till.faults_after('CREATE TABLE till.t AS TABLE sambapos_replica.tickets; TRUNCATE sambapos_replica.tickets;
  INSERT INTO sambapos_replica.tickets SELECT * FROM till.t ORDER BY id DESC'), 'none', 'the order of rows');
SELECT is(till.faults_after('ALTER TABLE sambapos_replica.payments RENAME amount TO old; ALTER TABLE sambapos_replica.payments ADD amount numeric;
  ALTER TABLE sambapos_replica.payments DISABLE TRIGGER keep_history; UPDATE sambapos_replica.payments SET amount = old; ALTER TABLE sambapos_replica.payments ENABLE TRIGGER keep_history;
  SELECT sambapos._report_views_drop(''sambapos_replica.payments''); ALTER TABLE sambapos_replica.payments DROP COLUMN old; SELECT sambapos_refresh_reports()'), 'none', 'the order of columns, and one that was dropped');
SELECT is(till.faults_after('ALTER TABLE sambapos_replica.payments ADD later text DEFAULT ''x'''), 'none', 'a column that came later');
ANALYZE;
SELECT is(till.faults(), 'none', 'statistics');

-- runs since
SELECT is(till.quiet_sync(), 0::bigint, 'a sync that finds nothing');
SELECT is(till.faults(), 'none', 'is no fault');
SELECT is((SELECT detail FROM till.manifest AS f, sambapos_verify_restore(f.m::jsonb) AS v WHERE v.name = 'run'), '3 rows then, 4 now: runs have written here since the manifest was made', 'it is said');
SELECT till.sell(50, 2);
SELECT isnt(till.quiet_sync(), 0::bigint, 'one that finds something');
SELECT matches(till.faults(), '^warning replica account_transaction_documents: runs have written here since the manifest was made, so it cannot be compared: site 1 epoch 1 live: 5 rows then, 7 now \| warning', 'is said, and is no error');
SELECT is((SELECT string_agg(DISTINCT v.status, ', ') FROM till.manifest AS f, sambapos_verify_restore(f.m::jsonb) AS v WHERE v.kind <> 'way'), 'ok, warning', 'nowhere');
SELECT is(till.faults_after('DELETE FROM sambapos_replica.tickets WHERE row_state = ''cleared''') ~ 'error replica tickets: ', true, 'what is lost is lost all the same');
SELECT is(till.faults_after('DELETE FROM sambapos_replica.work_periods') ~ 'error replica work_periods: ', true, 'be it all');

-- what is none
SELECT throws_ok('SELECT sambapos_verify_restore(NULL)', '22023', 'this is no manifest', 'NULL');
SELECT throws_ok($$SELECT sambapos_verify_restore('[1]')$$, '22023', 'this is no manifest', 'a list');
SELECT throws_ok($$SELECT sambapos_verify_restore('{}')$$, '22023', 'this is no manifest', 'an empty object');
SELECT throws_ok($$SELECT sambapos_verify_restore('{"manifest": 2, "relations": {}, "sites": {}}')$$, '0A000', 'manifests of format 2 are not known here', 'one of a later version');
SELECT * FROM finish();
ROLLBACK;
