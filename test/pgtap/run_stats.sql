-- Promise: sambapos.run_stats, sambapos.growth and sambapos.metrics say of the runs and tables what the run log and the
-- replica hold, each site's day in its own time zone; sambapos.site_overview says what each site is and how it is.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT plan(25);

INSERT INTO sambapos.site (site_id, name, server, time_zone, run_log_retention) VALUES
  (7, 'hotel', 'nowhere', 'Europe/Istanbul', '90 days'), (8, 'bar', 'nowhere', NULL, '30 days'), (9, 'gone', 'nowhere', NULL, '30 days');
UPDATE sambapos.site SET removed_at = now() WHERE site_id = 9;
SELECT is((SELECT count(*) FROM sambapos.run_stats) + (SELECT count(*) FROM sambapos.growth), 0::bigint, 'no run, no table: no row');

-- 23:30 UTC is the next day in Istanbul
INSERT INTO sambapos.run (site_id, mode, trigger, status, started_at, ended_at, source_queries, source_rows, source_bytes, source_ms, paused_ms)
SELECT 7, 'auto', 'schedule', CASE i WHEN 19 THEN 'partial' WHEN 20 THEN 'failed' ELSE 'ok' END,
       '2026-03-09 23:30+00', timestamptz '2026-03-09 23:30+00' + make_interval(secs => i), 10, 100, 1000, 7, 3 FROM generate_series(1, 20) AS i;
INSERT INTO sambapos.run (site_id, mode, trigger, status, started_at, ended_at, source_ms) VALUES
  (7, 'auto', 'schedule', 'ok', '2026-03-09 12:00+00', '2026-03-09 12:00:05+00', NULL),
  (7, 'auto', 'schedule', 'busy', '2026-03-09 12:00+00', '2026-03-09 12:00:05+00', NULL),
  (7, 'auto', 'schedule', 'running', '2026-03-09 12:00+00', NULL, NULL),
  (8, 'auto', 'schedule', 'aborted', '2026-03-09 23:30+00', NULL, NULL),
  (9, 'auto', 'schedule', 'ok', '2026-03-09 23:30+00', '2026-03-09 23:30+00', NULL);
SELECT results_eq('SELECT site, day, runs, failures, p50_seconds::numeric, p95_seconds::numeric, rows, source_ms FROM sambapos.run_stats ORDER BY 1, 2',
  $$VALUES ('bar', '2026-03-09'::date, 1::bigint, 1::bigint, NULL::numeric, NULL::numeric, 0::bigint, 0::bigint), ('hotel', '2026-03-09', 1, 0, 5, 5, 0, 0), ('hotel', '2026-03-10', 20, 2, 10.5, 19.05, 2000, 140)$$,
  'a row for each day and site: its runs, failures, seconds, rows, milliseconds at the source');
SELECT results_eq('SELECT source_queries, source_bytes, paused_ms FROM sambapos.run_stats WHERE runs = 20', 'VALUES (200::bigint, 20000::bigint, 60::bigint)', 'and what else it has cost');
SET LOCAL TimeZone = 'Pacific/Auckland';
SELECT is((SELECT string_agg(day::text, ' ' ORDER BY day) FROM sambapos.run_stats WHERE site = 'hotel'), '2026-03-09 2026-03-10', 'whatever the time zone of who asks');
RESET TimeZone;

-- ---- growth ----

CREATE SCHEMA IF NOT EXISTS sambapos_replica;
CREATE TABLE sambapos_replica.menu_items (site_id integer, epoch integer, id integer, row_state text);
INSERT INTO sambapos_replica.menu_items SELECT 7, 1, i, CASE WHEN i % 10 = 0 THEN 'removed' ELSE 'live' END FROM generate_series(1, 1000) AS i;
INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind) VALUES (7, 'menu_items', 'MenuItems', 'master'), (7, 'tickets', 'Tickets', 'ticket');
INSERT INTO sambapos.table_state (site_id, table_name, full_due, loaded_at, last_status) VALUES (7, 'menu_items', false, now() - interval '4 days', 'ok');
SELECT results_eq('SELECT table_name, rows, bytes = pg_total_relation_size(''sambapos_replica.menu_items''), rows_per_day, days FROM sambapos.growth ORDER BY 1',
  $$VALUES ('menu_items', 1000::bigint, true, 0.0, 4.0), ('tickets', NULL, NULL, NULL, NULL)$$, 'rows and size of what is here; a table that is not is not known');
INSERT INTO sambapos.run (run_id, site_id, mode, trigger, status, started_at, ended_at) VALUES
  (1001, 7, 'auto', 'schedule', 'ok', now() - interval '5 days', now()), (1002, 7, 'auto', 'schedule', 'ok', now() - interval '3 days', now()), (1003, 7, 'auto', 'schedule', 'ok', now() - interval '1 day', now());
INSERT INTO sambapos.run_table (run_id, table_name, mode, status, rows_inserted) VALUES (1001, 'menu_items', 'full', 'ok', 800), (1002, 'menu_items', 'full', 'ok', 130), (1003, 'menu_items', 'full', 'ok', 70);
SELECT results_eq($$SELECT rows_per_day FROM sambapos.growth WHERE table_name = 'menu_items'$$, 'VALUES (50.0)', 'a day''s rows are those that came after the first load');
UPDATE sambapos.table_state SET loaded_at = now() - interval '10 days';
SELECT results_eq($$SELECT rows_per_day, days FROM sambapos.growth WHERE table_name = 'menu_items'$$, 'VALUES (142.9, 7.0)', 'in seven days at most');
UPDATE sambapos.table_state SET loaded_at = now() - interval '3 hours';
SELECT results_eq($$SELECT rows_per_day FROM sambapos.growth WHERE table_name = 'menu_items'$$, 'VALUES (NULL::numeric)', 'and before a day is over nothing is known');
INSERT INTO sambapos_replica.menu_items SELECT 8, 1, i, 'live' FROM generate_series(1, 3000) AS i;
INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind) VALUES (8, 'menu_items', 'MenuItems', 'master');
SELECT is((SELECT count(bytes) FROM sambapos.growth WHERE table_name = 'menu_items'), 0::bigint, 'what a site has of a table that two share is not known');
ANALYZE sambapos_replica.menu_items;
SELECT results_eq('SELECT site, round(bytes * 4.0 / pg_total_relation_size(''sambapos_replica.menu_items'')) FROM sambapos.growth WHERE table_name = ''menu_items'' ORDER BY 1', $$VALUES ('bar', 3.0), ('hotel', 1.0)$$, 'before it was analyzed; then by its rows');

-- ---- metrics ----

INSERT INTO sambapos.site_state (site_id, last_run_at, last_success_at, next_due_at) VALUES (7, now() - interval '1 minute', now() - interval '1 minute', now() + interval '14 minutes');
CREATE FUNCTION pg_temp.metric(name text, labels jsonb) RETURNS numeric LANGUAGE sql AS $$ SELECT round(m.value::numeric, 1) FROM sambapos.metrics AS m WHERE m.name = $1 AND m.labels = $2 $$;
INSERT INTO sambapos.run (site_id, mode, trigger, status, started_at, ended_at, source_rows, source_ms)
SELECT 7, 'auto', 'schedule', CASE i WHEN 11 THEN 'failed' ELSE 'ok' END, now() - interval '1 hour', now() - interval '1 hour' + make_interval(secs => i), 5, 500 FROM generate_series(1, 11) AS i;
DELETE FROM sambapos.run WHERE run_id >= 1001 AND run_id <= 1003;
SELECT is(pg_temp.metric('sambapos_day_runs', '{"site": "hotel"}'), 11.0, 'metrics has the runs of a day');
SELECT is(pg_temp.metric('sambapos_day_run_failures', '{"site": "hotel"}'), 1.0, 'its failures');
SELECT is(pg_temp.metric('sambapos_day_run_seconds', '{"site": "hotel", "quantile": "0.5"}'), 6.0, 'how long half of them');
SELECT is(pg_temp.metric('sambapos_day_run_seconds', '{"site": "hotel", "quantile": "0.95"}'), 10.5, 'and nearly all of them took');
SELECT is(pg_temp.metric('sambapos_day_source_rows', '{"site": "hotel"}') + pg_temp.metric('sambapos_day_source_seconds', '{"site": "hotel"}'), 60.5, 'what they had of the source');
SELECT is(pg_temp.metric('sambapos_next_run_seconds', '{"site": "hotel"}') > 800, true, 'when the next one is due');
SELECT is(pg_temp.metric('sambapos_table_bytes', '{"site": "hotel", "table": "menu_items"}'), NULL, 'no size of a table that two sites share');
DELETE FROM sambapos.replicated_table WHERE site_id = 8;
SELECT is(pg_temp.metric('sambapos_table_bytes', '{"site": "hotel", "table": "menu_items"}'), pg_total_relation_size('sambapos_replica.menu_items')::numeric, 'that of one that is the site''s alone');
SELECT is((SELECT sum(value) FROM sambapos.metrics WHERE name = 'sambapos_alerts' AND labels ->> 'site' = 'hotel'), (SELECT count(*)::double precision FROM sambapos.alerts WHERE site = 'hotel'), 'the alerts, by severity');
SELECT is((SELECT count(*) FROM sambapos.metrics WHERE name = 'sambapos_alerts' AND labels ->> 'site' = 'hotel'), 3::bigint, 'also those that there are none of');
SELECT is((SELECT string_agg(name || labels, ', ') FROM (SELECT name, labels::text FROM sambapos.metrics GROUP BY 1, 2 HAVING count(*) > 1) AS twice), NULL, 'no metric is there twice');
SELECT is((SELECT string_agg(name, ', ') FROM (SELECT name FROM sambapos.metrics GROUP BY 1 HAVING count(DISTINCT help) > 1 OR bool_or(NOT labels ? 'site' OR value IS NULL OR coalesce(help, '') = '')) AS odd), NULL, 'each has a site, a value and one help');

-- ---- sites ----

SELECT lives_ok($$SELECT sambapos_configure('hotel', 'site_group', 'hotels'), sambapos_configure('hotel', 'currency', 'TRY'), sambapos_configure('hotel', 'external_id', 'H-1')$$, 'a site gets a group');
SELECT throws_ok($$SELECT sambapos_configure('hotel', 'site_group', 'Big hotels')$$, '22023', NULL, 'whose name is like a site''s');
SELECT results_eq('SELECT s.site, s.site_group, s.server, s.time_zone, s.currency, s.external_id, s.light, s.reason FROM sambapos.site_overview AS s ORDER BY 1',
  $$SELECT s.site, CASE s.site WHEN 'hotel' THEN 'hotels' END, 'nowhere', CASE s.site WHEN 'hotel' THEN 'Europe/Istanbul' END, CASE s.site WHEN 'hotel' THEN 'TRY' END, CASE s.site WHEN 'hotel' THEN 'H-1' END, s.light, s.reason FROM sambapos_status() AS s ORDER BY 1$$,
  'sites says what each is, and how, as sambapos_status does');
SELECT * FROM finish();
ROLLBACK;
