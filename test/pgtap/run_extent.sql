-- Promise: green means complete. A run of some tables, a run that had nothing to read, a run without the tickets is no
-- success of the site, answers no request and takes no turn. A tick asks only what a run would change.
\set QUIET on
SELECT current_database() AS home \gset
DROP DATABASE IF EXISTS run_extent;
CREATE DATABASE run_extent;
\connect run_extent
SET client_min_messages = warning;
BEGIN;
\ir seam.psql
SELECT till.sell(1, 20);
COMMIT;
SET search_path = sambapos_live_shop, public;
SELECT plan(22);

SELECT ok((SELECT bool_and(status = 'skipped') FROM sambapos_sync('shop', mode => 'incremental')), 'a fresh site, read by what changed: nothing is read');
SELECT is((SELECT status FROM sambapos.run ORDER BY run_id DESC LIMIT 1), 'failed', 'the log says that nothing went through');
SELECT results_eq($$SELECT light, last_success_at FROM sambapos_status('shop')$$, $$VALUES ('red', NULL::timestamptz)$$, 'the light is red');
CALL sambapos_run('shop');
SELECT is((SELECT light FROM sambapos_status('shop')), 'green', 'a whole run is a success');

UPDATE sambapos.site_state SET last_success_at = now() - interval '5 hours', last_run_at = now() - interval '5 hours', next_due_at = now() - interval '4 hours';
SELECT till.sell(21, 1);
SELECT sambapos_request_sync('shop') AS request \gset
SELECT is((SELECT string_agg(status, ',') FROM sambapos_sync('shop', '{menu_items}')), 'ok', 'one table is read by hand');
SELECT matches((SELECT light || ': ' || reason FROM sambapos_status('shop')), '^red: last complete run 05:00', 'the light is as red as before');
SELECT is((SELECT status FROM sambapos_request(:request)), 'queued', 'a request waits for a whole run');
SELECT ok((SELECT next_due_at < now() FROM sambapos._place), 'and the site is due');
CALL sambapos_run('shop');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets), 21::bigint, 'the tick does it');
SELECT is((SELECT status FROM sambapos_request(:request)), 'done', 'the request is served');
SELECT is((SELECT last_probe -> 'numerators' ->> 'highest' FROM sambapos._place), '1000', 'what is known of the numerators');
SELECT is((SELECT count(*) FROM sambapos_sync('shop', '{tickets}') WHERE status <> 'ok'), 0::bigint, 'the tickets alone');
SELECT is((SELECT last_probe -> 'numerators' ->> 'highest' FROM sambapos._place), '1000', 'is not forgotten by that');

-- tickets that are paused
UPDATE sambapos.table_state SET paused_reason = 'a column changed' WHERE table_name = 'tickets';
UPDATE sambapos.site_state SET last_success_at = now() - interval '5 hours', next_due_at = NULL;
CALL sambapos_run('shop');
SELECT is((SELECT status FROM sambapos.run ORDER BY run_id DESC LIMIT 1), 'ok', 'a run goes on without them');
SELECT is((SELECT light FROM sambapos_status('shop')), 'red', 'but is no success');
SELECT till.clear();
CALL sambapos_run('shop');
SELECT is((SELECT count(*) FROM sambapos.run WHERE trigger <> 'call'), 3::bigint, 'falling rows of a table that no run would read are no reason for one');
UPDATE sambapos.table_state SET paused_reason = NULL;
CALL sambapos_run('shop');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets WHERE row_state = 'cleared'), 21::bigint, 'once they are read again they are');
SELECT count(*) FROM generate_series(1, 3), LATERAL (SELECT till.quiet_sync(tables => '{menu_items}')) AS s \gset
SELECT ok(sambapos._clear_is_near(s), 'runs of one master say nothing of the till''s quiet') FROM sambapos._place AS s;

-- the work periods are taken out while one is open
INSERT INTO work_periods VALUES (10, '2026-03-11 08:00', '2026-03-11 08:00');
SELECT till.sell(22, 1); -- or the next look finds fewer
CALL sambapos_run('shop');
UPDATE sambapos.site_state SET next_due_at = NULL;
CALL sambapos_run('shop');
DELETE FROM sambapos.replicated_table WHERE table_name = 'work_periods';
UPDATE work_periods SET end_date = '2026-03-11 20:00' WHERE id = 10;
SELECT count(*) AS runs FROM sambapos.run \gset
CALL sambapos_run('shop');
CALL sambapos_run('shop');
SELECT is((SELECT count(*) FROM sambapos.run), (:runs)::bigint, 'a work period of a table that is not copied is no reason for a run');

UPDATE sambapos.site_state SET next_due_at = NULL;
CALL sambapos_run('shop');
-- a table is added during a run: the run had not got it
INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind, date_column)
SELECT s.site_id, 'work_periods', 'WorkPeriods', 'period', 'start_date' FROM sambapos.site AS s;
SELECT ok(NOT (sambapos._run_extent((SELECT max(run_id) FROM sambapos.run), s)).is_whole, 'a run that had not all tables is not whole') FROM sambapos._place AS s;
CALL sambapos_run('shop');
UPDATE sambapos.site_state SET next_due_at = NULL;
CALL sambapos_run('shop');
SELECT ok((sambapos._run_extent((SELECT max(run_id) FROM sambapos.run), s)).is_complete, 'the next one is') FROM sambapos._place AS s;

-- a run that fails as a whole while it merges
CREATE OR REPLACE FUNCTION sambapos._missing_purge(place sambapos._place) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = '53100'; END; $$;
UPDATE sambapos.site_state SET next_due_at = NULL;
\set ON_ERROR_STOP off
CALL sambapos_run('shop');
\set ON_ERROR_STOP on
SELECT is((SELECT r.message || ', tables left: ' || (SELECT count(*) FROM sambapos._workbench_tables()) FROM sambapos.run AS r ORDER BY r.run_id DESC LIMIT 1),
  'the disk is full, tables left: 0', 'leaves no temporary table in the session');
SELECT * FROM finish();
\connect :home
DROP DATABASE run_extent;
