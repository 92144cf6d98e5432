-- Promise: what the background worker does with a site, part by part: it runs what is due, asked for or changed, and
-- leaves alone what a run would fail at again, what is switched off, and what another session or job has. A look writes
-- nothing. The process itself: test/t/worker.t.
BEGIN;
\set QUIET on
\ir seam.psql
SELECT till.sell(1, 20);
SELECT plan(54);

-- Repeats the parts as the process does, each of them told.
CREATE FUNCTION till.work() RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  part text := 'look';
  run_id bigint;
  failed boolean;
  any_failed boolean := false;
  message text;
  told text;
BEGIN
  WHILE part IS NOT NULL LOOP
    told := concat_ws(' ', told, part);
    SELECT w.part, w.run_id, w.failed, w.message INTO part, run_id, failed, message
    FROM sambapos._worker_do((SELECT s.site_id FROM sambapos.site AS s), part, run_id) AS w;
    any_failed := any_failed OR failed;
  END LOOP;
  RETURN concat_ws(': ', told || CASE WHEN any_failed THEN ' failed' ELSE '' END, message);
END;
$$;
CREATE FUNCTION till.sites() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(w.name || CASE WHEN w.wanted_at IS NULL THEN '' ELSE ' wanted' END, ', ') FROM sambapos._worker_sites() AS w; $$;
CREATE FUNCTION till.rows_staged() RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
  relation regclass;
  n bigint;
  rows bigint := 0;
BEGIN
  FOR relation IN SELECT w FROM sambapos._workbench_tables() AS w LOOP
    EXECUTE format('SELECT count(*) FROM %s', relation) INTO n;
    rows := rows + n;
  END LOOP;
  RETURN rows;
END;
$$;
CREATE FUNCTION till.workbench() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(c.oid || ' ' || c.relfilenode, ', ' ORDER BY c.oid) FROM pg_class AS c WHERE c.relpersistence = 't'; $$;
CREATE FUNCTION till.runs() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM sambapos.run; $$;

SELECT is(till.sites(), 'shop wanted', 'a site that was never run is due');
SELECT is(till.work(), 'look chunk start read merge close', 'and is run in parts');
SELECT is_empty('SELECT till.differences()', 'after which the replica is the till');
SELECT is((SELECT string_agg(status || ' ' || trigger, ', ') FROM sambapos.run), 'ok schedule', 'the log has the run');
SELECT is(till.rows_staged(), 0::bigint, 'the workbench is empty');
SELECT isnt_empty('SELECT sambapos._workbench_tables()', 'its tables are kept');
SELECT till.workbench() AS workbench \gset
SELECT is(till.sites(), 'shop', 'then it is not due');

-- a look
SELECT is(till.work(), 'look', 'nothing has happened: a look and no more');
SELECT is(till.runs(), 1::bigint, 'which no log has');
SAVEPOINT later; -- a table that this subtransaction has not made is truncated into a new file
UPDATE work_periods SET end_date = start_date + interval '1 hour' WHERE id = 9;
SELECT is(till.work(), 'look chunk start read merge close', 'a change at the till is a reason');
SELECT is(till.work(), 'look', 'once');
SELECT is(till.workbench(), :'workbench', 'whose run makes no temporary table, nor a new file for one');
SELECT is(till.rows_staged(), 0::bigint, 'and leaves them empty');

-- while the till is busy menus and customers are added up once a minute
CREATE FUNCTION till.masters() RETURNS text LANGUAGE sql AS
$$
  SELECT string_agg(x.table_name || ' ' || x.status, ', ' ORDER BY x.table_name)
  FROM sambapos.run_table AS x JOIN sambapos.replicated_table AS k USING (table_name)
  WHERE k.kind = 'master' AND x.run_id = (SELECT max(r.run_id) FROM sambapos.run AS r) AND k.table_name IN ('menu_items', 'numerators');
$$;
SELECT is(till.masters(), 'menu_items skipped, numerators ok', 'a run that saw a change leaves a master alone that was read just now, but not what tells of a clear');
SELECT matches((SELECT message FROM sambapos.run_table WHERE table_name = 'menu_items' ORDER BY run_id DESC LIMIT 1), '^not due before .* it is read each 00:01:00$', 'and says until when');
SELECT is((SELECT light FROM sambapos_status('shop')), 'green', 'all is well');
SAVEPOINT busy;
UPDATE sambapos.table_state SET read_began_at = read_began_at - interval '61 seconds';
UPDATE work_periods SET end_date = start_date + interval '2 hours' WHERE id = 9;
SELECT till.work() \g /dev/null
SELECT is(till.masters(), 'menu_items ok, numerators ok', 'a minute later it is read');
ROLLBACK TO busy;
UPDATE sambapos.table_state SET last_status = 'failed' WHERE table_name = 'menu_items';
UPDATE work_periods SET end_date = start_date + interval '2 hours' WHERE id = 9;
SELECT till.work() \g /dev/null
SELECT is(till.masters(), 'menu_items ok, numerators ok', 'at once if it has failed');
ROLLBACK TO busy;
UPDATE sambapos.site_state SET next_due_at = clock_timestamp();
UPDATE work_periods SET end_date = start_date + interval '2 hours' WHERE id = 9;
SELECT till.work() \g /dev/null
SELECT is(till.masters(), 'menu_items ok, numerators ok', 'or if the site is due');
ROLLBACK TO busy;

-- what is asked for
SELECT till.sell(21, 1);
SELECT sambapos_request_sync('shop') AS request \gset
SELECT is(till.sites(), 'shop wanted', 'what is asked for is wanted');
SELECT is(till.work(), 'look chunk start read merge close', 'and is run');
SELECT is((SELECT status FROM sambapos_request(:request)), 'done', 'the request is answered');
SELECT is((SELECT trigger FROM sambapos.run ORDER BY run_id DESC LIMIT 1), 'request', 'the log says that it was a request');
SELECT is(till.masters(), 'menu_items ok, numerators ok', 'which reads everything');

-- a clear: what is empty is no reason for ever
SELECT till.clear();
SELECT is(till.work(), 'look chunk start read merge close', 'a clear is a reason');
SELECT is(till.work(), 'look', 'once');

-- what is switched off
CREATE FUNCTION till.sites_when(statement text, back text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  result text;
BEGIN
  EXECUTE statement;
  result := till.sites();
  EXECUTE back;
  RETURN result;
END;
$$;
SELECT is(till.sites_when($$UPDATE sambapos.site SET enabled = false$$, $$UPDATE sambapos.site SET enabled = true$$), NULL, 'a disabled site is left alone');
SELECT is(till.sites_when($$UPDATE sambapos.site_state SET paused_reason = 'x'$$, $$UPDATE sambapos.site_state SET paused_reason = NULL$$), NULL, 'a paused one too');
SELECT is(till.sites_when($$INSERT INTO sambapos.global_setting VALUES ('enabled', 'false')$$, $$DELETE FROM sambapos.global_setting$$), NULL, 'the kill switch stops all');
SELECT is(till.sites_when($$UPDATE sambapos.site SET blackout = '[{"from": "00:00", "to": "00:00"}]'$$, $$UPDATE sambapos.site SET blackout = NULL$$), 'shop', 'in a blackout window the till is looked at');
UPDATE sambapos.site SET blackout = '[{"from": "00:00", "to": "00:00"}]';
UPDATE sambapos.site_state SET next_due_at = now() - interval '1 day', last_run_at = now() - interval '1 day';
SELECT is(till.sites(), 'shop', 'it is not due there');
INSERT INTO sambapos.backfill (site_id, table_name, batch_rows) SELECT site_id, 'tickets', 10 FROM sambapos.site;
SELECT is((SELECT coalesce(d.part, 'rests') || ' ' || d.failed FROM sambapos.site AS s, sambapos._worker_do(s.site_id, 'chunk', NULL) AS d), 'rests false', 'no chunk of a first load begins there');
DELETE FROM sambapos.backfill;
SELECT is(till.sites_when($$SELECT sambapos_request_sync('shop')$$, $$DELETE FROM sambapos.request$$), 'shop wanted', 'unless somebody asks for it');
UPDATE sambapos.site SET blackout = NULL;

-- a cron line
UPDATE sambapos.site SET schedule = '30 4 * * *';
UPDATE sambapos.site_state SET next_due_at = now() - interval '1 day', last_run_at = now() - interval '1 day';
SELECT is(till.sites(), NULL, 'a site with a cron line is its job''s');
SELECT is(till.sites_when($$SELECT sambapos_request_sync('shop')$$, $$DELETE FROM sambapos.request$$), 'shop wanted', 'but for requests');
UPDATE sambapos.site SET schedule = NULL;
SELECT is(till.sites(), 'shop wanted', 'without one it is due by its interval');

-- a run that fails
INSERT INTO till.failure VALUES ('COUNT', '42501', 'the SELECT permission was denied');
SELECT matches(till.work(), '^look chunk start read (merge )?close failed: site shop: run \d+ (failed|partial): ', 'a run that fails says so');
SELECT is((SELECT count(*) FROM sambapos._workbench_tables()), 0::bigint, 'leaves no temporary table');
SELECT is((SELECT consecutive_failures FROM sambapos.site_state), 1, 'and is counted');
SELECT is(till.sites(), NULL, 'it is left alone until it is due');
DELETE FROM till.failure;
SELECT is(till.sites(), NULL, 'even if it could work now, which nobody knows');
UPDATE sambapos.site_state SET next_due_at = now() - interval '1 second';
SELECT is(till.sites(), 'shop wanted', 'then it is due');
SELECT is(till.work(), 'look chunk start read merge close', 'and works');
SELECT is((SELECT consecutive_failures FROM sambapos.site_state), 0, 'which ends the count');

-- a till that is off
INSERT INTO till.failure VALUES ('.', '08001', 'connection refused');
UPDATE sambapos.site_state SET next_due_at = now() - interval '1 second', last_run_at = now() - interval '1 day';
SELECT matches(till.work(), 'close failed: site shop: run \d+ failed: connection refused', 'a till that is off');
SELECT is(till.sites(), 'shop', 'is looked at');
SELECT is(till.work(), 'look failed: site shop: cannot be looked at: connection refused', 'while it is off with no run');
DELETE FROM till.failure;
SELECT is(till.work(), 'look chunk start read merge close', 'and run as soon as it answers');

-- a login that is refused
INSERT INTO till.failure VALUES ('.', '28000', 'login failed');
UPDATE sambapos.site_state SET next_due_at = now() - interval '1 second', last_run_at = now() - interval '1 day';
SELECT matches(till.work(), 'close failed: site shop: run \d+ failed: login failed', 'a login that is refused');
SELECT is(till.sites(), NULL, 'is not tried again');
SELECT is(till.sites_when('UPDATE sambapos.site_state SET consecutive_failures = 0', 'UPDATE sambapos.site_state SET consecutive_failures = 1'), NULL, 'though only some tables were read with it');
SELECT is(till.sites_when($$SELECT sambapos_request_sync('shop')$$, $$DELETE FROM sambapos.request$$), 'shop wanted', 'before somebody asks for it');
DELETE FROM till.failure;
UPDATE sambapos.site_state SET auth_failed = false, consecutive_failures = 0;

-- a large site
SELECT is(sambapos._worker_source_is_large(s), false, '21 tickets are loaded at once') FROM sambapos._place AS s;
INSERT INTO tickets (id) SELECT generate_series(1000, 51000);
SELECT is(sambapos._worker_source_is_large(s), true, '50,000 in chunks') FROM sambapos._place AS s;

SELECT * FROM finish();
ROLLBACK;
