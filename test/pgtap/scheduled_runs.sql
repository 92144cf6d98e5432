-- Promise: CALL sambapos_run syncs what is due and nothing else, commits each part of a run, says at the end
-- what failed, and lets no site undo another. It commits, so this test has a database of its own.
\set QUIET on
SELECT current_database() AS home \gset
DROP DATABASE IF EXISTS scheduled_runs;
CREATE DATABASE scheduled_runs;
\connect scheduled_runs
SET client_min_messages = warning;
BEGIN;
\ir seam.psql
SELECT till.sell(1, 50);
-- a second site at the same till, without tables of its own
INSERT INTO sambapos.site (name, server, priority) VALUES ('empty', 'nowhere', -1);
COMMIT;
SET search_path = sambapos_live_shop, public;
SELECT plan(32);

CALL sambapos_run();
SELECT is((SELECT string_agg(s.name || ' ' || r.status || ' ' || r.trigger, ', ' ORDER BY r.run_id) FROM sambapos.run AS r JOIN sambapos._place AS s USING (site_id)), 'shop ok schedule, empty ok schedule', 'all sites are due at first, by priority');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets), 50::bigint, 'and loaded');
SELECT is((SELECT count(DISTINCT xact) FROM till.asked WHERE question ~ 'COUNT|COLUMNS'), 1::bigint, 'the source is asked in one transaction');
SELECT isnt((SELECT max(xact::text) FROM till.asked), (SELECT x.xmin::text FROM sambapos.site_state AS x JOIN sambapos.site AS s USING (site_id) WHERE s.name = 'shop'), 'rows and state are written in another');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relpersistence = 't' AND relname LIKE 'sambapos\_%'$$, 'the workbench is cleared away');
SELECT is((SELECT next_due_at - r.started_at FROM sambapos._place AS s JOIN sambapos.run AS r USING (site_id) WHERE s.name = 'shop'), interval '15 minutes', 'it is due again after its interval');

-- not due
SELECT till.sell(51, 1);
CALL sambapos_run('shop');
SELECT is((SELECT count(*) FROM sambapos.run), 2::bigint, 'what is not due is left alone');
-- asked for
SELECT sambapos_request_sync('shop');
CALL sambapos_run();
SELECT is((SELECT trigger FROM sambapos.run ORDER BY run_id DESC LIMIT 1), 'request', 'a request is served');
SELECT is((SELECT requested_at FROM sambapos._place WHERE name = 'shop'), NULL, 'and done with');
-- the open work period ends
UPDATE work_periods SET end_date = start_date + interval '1 hour' WHERE id = 9;
CALL sambapos_run('shop');
SELECT is((SELECT count(*) FROM sambapos.run), 4::bigint, 'the end of a work period is a reason');
CALL sambapos_run('shop');
SELECT is((SELECT count(*) FROM sambapos.run), 4::bigint, 'once');
-- rows fall
SELECT till.clear();
CALL sambapos_run('shop');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets WHERE row_state = 'cleared'), 51::bigint, 'rows that fall are a reason');

-- switches
UPDATE sambapos.site_state SET next_due_at = NULL;
INSERT INTO sambapos.global_setting VALUES ('enabled', 'false');
CALL sambapos_run();
SELECT is((SELECT count(*) FROM sambapos.run), 5::bigint, 'the kill switch stops all');
DELETE FROM sambapos.global_setting;
UPDATE sambapos.site SET enabled = false WHERE name = 'empty';
UPDATE sambapos.site_state AS x SET paused_reason = 'copied database' FROM sambapos.site AS s WHERE s.site_id = x.site_id AND s.name = 'shop';
CALL sambapos_run();
SELECT is((SELECT count(*) FROM sambapos.run), 5::bigint, 'disabled and paused sites are left alone');
UPDATE sambapos.site SET enabled = true; UPDATE sambapos.site_state SET paused_reason = NULL;
UPDATE sambapos.site SET blackout = '[{"from": "00:00", "to": "00:00"}]' WHERE name = 'shop';
CALL sambapos_run('shop');
SELECT is((SELECT count(*) FROM sambapos.run), 5::bigint, 'a blackout window too');
UPDATE sambapos.site SET blackout = NULL;

-- one site fails
INSERT INTO till.failure VALUES ('MenuItem|COLUMNS', '08001', 'no route to the till');
UPDATE sambapos.site SET priority = 5 WHERE name = 'shop'; UPDATE sambapos.site_state AS x SET next_due_at = NULL FROM sambapos.site AS s WHERE s.site_id = x.site_id AND s.name = 'shop';
SELECT till.sell(60, 2);
\set ON_ERROR_STOP off
CALL sambapos_run();
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'HV000', 'a failure is raised');
SELECT matches(:'LAST_ERROR_MESSAGE'::text, '^site shop: run \d+ failed: no route to the till$', 'by name');
SELECT is((SELECT string_agg(s.name || ' ' || r.status, ', ' ORDER BY r.run_id) FROM sambapos.run AS r JOIN sambapos._place AS s USING (site_id) WHERE r.run_id > 5), 'shop failed, empty ok', 'after the other site had its turn');
SELECT ok((SELECT next_due_at < clock_timestamp() + interval '61 s' FROM sambapos._place WHERE name = 'shop'), 'the next try is in a minute');
DELETE FROM till.failure;
UPDATE sambapos.site_state AS x SET next_due_at = NULL FROM sambapos.site AS s WHERE s.site_id = x.site_id AND s.name = 'shop';
-- a run that was killed has left its line
INSERT INTO sambapos.run (site_id, mode, trigger, phase, pid) SELECT site_id, 'auto', 'schedule', 'reading', 1 FROM sambapos._place WHERE name = 'shop' RETURNING run_id AS killed \gset
CALL sambapos_run();
SELECT is((SELECT status || ': ' || message FROM sambapos.run WHERE run_id = :killed), 'aborted: its session ended before it did', 'a killed run is called aborted by the next one');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets WHERE row_state = 'live'), 2::bigint, 'which does the work');

-- what goes wrong outside the tables: here the site's line cannot be written
CREATE FUNCTION till.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = '53100'; END; $$;
CREATE TRIGGER refuse BEFORE UPDATE OF version ON sambapos.site_state FOR EACH ROW WHEN (old.site_id = 1) EXECUTE FUNCTION till.refuse();
SELECT till.sell(70, 1);
UPDATE sambapos.site_state SET next_due_at = NULL;
CALL sambapos_run();
SELECT is((SELECT string_agg(s.name || ' ' || r.status || coalesce(' ' || r.message, ''), ', ' ORDER BY r.run_id) FROM sambapos.run AS r JOIN sambapos._place AS s USING (site_id) WHERE r.run_id > :killed + 1),
          'shop failed the disk is full, empty ok', 'a run that cannot be finished fails by itself');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets WHERE row_state = 'live'), 2::bigint, 'nothing of it is kept');
DROP TRIGGER refuse ON sambapos.site_state;
UPDATE sambapos.site_state SET next_due_at = NULL;
CALL sambapos_run();
SELECT is((SELECT count(*) FROM sambapos_replica.tickets WHERE row_state = 'live'), 3::bigint, 'the next one does it');

-- a login that is refused while nothing is due
INSERT INTO till.failure VALUES ('COUNT_BIG|GETDATE', '28000', 'login failed');
SELECT ok((SELECT next_due_at > clock_timestamp() FROM sambapos._place WHERE name = 'shop'), 'nothing is due');
CALL sambapos_run('shop');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'HV000', 'a refused login is raised, though nothing was due');
SELECT is((SELECT auth_failed FROM sambapos._place WHERE name = 'shop'), true, 'and remembered, so that no account gets locked');
DELETE FROM till.failure;
SELECT sambapos_request_sync('shop');
CALL sambapos_run('shop');
SELECT is((SELECT auth_failed FROM sambapos._place WHERE name = 'shop'), false, 'until somebody has asked for a sync');

-- a login that is refused
INSERT INTO till.failure VALUES ('GETDATE', '28000', 'login failed');
UPDATE sambapos.site_state AS x SET next_due_at = NULL FROM sambapos.site AS s WHERE s.site_id = x.site_id AND s.name = 'shop';
CALL sambapos_run('shop');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'HV000', 'a refused login is raised once');
UPDATE sambapos.site_state AS x SET next_due_at = NULL FROM sambapos.site AS s WHERE s.site_id = x.site_id AND s.name = 'shop';
SELECT count(*) AS runs FROM sambapos.run \gset
CALL sambapos_run('shop');
SELECT is((SELECT count(*) FROM sambapos.run), :runs::bigint, 'then nobody knocks again');
CALL sambapos_run('nope');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '42704', 'an unknown site raises');
SELECT is((SELECT count(*) FROM sambapos.run WHERE status = 'running'), 0::bigint, 'no run is left running');
SELECT * FROM finish();
\connect :home
DROP DATABASE scheduled_runs;
