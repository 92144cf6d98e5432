-- Promise: a run believes that nothing has changed only if the source says of each table what it said to the run that
-- last read it. Whatever is missing, or is not known, says nothing: then the run reads. A run that ends so counts as one
-- that has looked at each table that was due, and at no other.
BEGIN;
\set QUIET on
\ir seam.psql
SELECT till.sell(1, 5);
SELECT plan(23);
SELECT count(*) FROM sambapos_sync('shop') \gset

-- a run that has begun, and what the source has answered it
SELECT sambapos._run_begin(s, 'auto', 'call', NULL) AS run FROM sambapos._place AS s \gset
UPDATE sambapos.table_state SET source_signature = 'sum of ' || table_name;
UPDATE sambapos.site_state SET hw_utc = '2026-03-10 09:00', hw_offset_minutes = 180;
INSERT INTO sambapos.source_question (site_id, question) SELECT site_id, '{}' FROM sambapos.site ON CONFLICT DO NOTHING;
UPDATE sambapos.source_question SET database = 'SambaPOS 5', columns = '9 99', answer =
  (SELECT jsonb_object_agg(x.table_name, 'sum of ' || x.table_name) FROM sambapos.run_table AS x WHERE x.run_id = :run)
  || '{"": {"local": "2026-03-10T12:01:00", "utc": "2026-03-10T09:01:00", "database": "SambaPOS 5"}, "information_schema.columns": "9 99"}';

CREATE FUNCTION till.is_equal_after(change text) RETURNS boolean LANGUAGE plpgsql AS
$$
DECLARE
  equal boolean;
BEGIN
  BEGIN
    EXECUTE change;
    SELECT sambapos._idle_is_equal(s, sambapos._idle_signatures((SELECT max(r.run_id) FROM sambapos.run AS r), s)) INTO equal FROM sambapos._place AS s;
    RAISE EXCEPTION USING ERRCODE = 'TT000'; -- undo the change
  EXCEPTION WHEN SQLSTATE 'TT000' THEN
    RETURN equal;
  END;
END;
$$;
SELECT ok(till.is_equal_after('SELECT 1'), 'the same of every table');
SELECT ok(NOT till.is_equal_after($$UPDATE sambapos.table_state SET source_signature = 'another' WHERE table_name = 'menu_items'$$), 'another sum of a table');
SELECT ok(NOT till.is_equal_after($$UPDATE sambapos.table_state SET source_signature = NULL WHERE table_name = 'orders'$$), 'no sum is known of a table');
SELECT ok(NOT till.is_equal_after($$UPDATE sambapos.source_question SET answer = answer - 'menu_items'$$), 'nothing was answered of a table');
SELECT ok(NOT till.is_equal_after($$UPDATE sambapos.source_question SET answer = answer || '{"menu_items": null}'$$), 'the answer of a table is nothing');
SELECT ok(NOT till.is_equal_after($$UPDATE sambapos.source_question SET answer = answer - 'orders'; UPDATE sambapos.table_state SET source_signature = NULL WHERE table_name = 'orders'$$), 'neither is known');
SELECT ok(NOT till.is_equal_after('UPDATE sambapos.source_question SET answer = NULL'), 'it could not answer');
SELECT ok(NOT till.is_equal_after('DELETE FROM sambapos.source_question'), 'it was not asked');
SELECT ok(NOT till.is_equal_after($$UPDATE sambapos.source_question SET database = 'another 6'$$), 'another database');
SELECT ok(NOT till.is_equal_after($$UPDATE sambapos.source_question SET columns = '9 98'$$), 'other columns');
SELECT ok(NOT till.is_equal_after($$UPDATE sambapos.site_state SET hw_utc = '2026-03-10 09:02'$$), 'a clock that was set back');
SELECT ok(NOT till.is_equal_after('UPDATE sambapos.site_state SET hw_offset_minutes = 120'), 'another offset from UTC');
SELECT ok(till.is_equal_after($$UPDATE sambapos.run_table SET status = 'skipped', due_at = now() WHERE table_name = 'menu_items';
  UPDATE sambapos.table_state SET source_signature = 'another' WHERE table_name = 'menu_items'$$), 'a table that is not due does not matter');
SELECT ok(NOT till.is_equal_after($$UPDATE sambapos.source_question SET answer = answer || '{"change tracking": "1 2 3"}'$$), 'change tracking was asked, and nothing is known of it');

-- the run ends; one table was not due, one is paused
UPDATE sambapos.run_table SET status = 'skipped', due_at = now() WHERE run_id = :run AND table_name = 'menu_items';
UPDATE sambapos.run_table SET status = 'paused' WHERE run_id = :run AND table_name = 'menu_item_prices';
UPDATE sambapos.table_state SET last_success_at = '2026-01-01', last_run_at = '2026-01-01', read_began_at = '2026-01-01';
UPDATE sambapos.site_state SET last_success_at = '2026-01-01', next_due_at = '2026-01-01';
INSERT INTO sambapos.run (run_id, site_id, mode, trigger, status, started_at) SELECT -1, site_id, 'auto', 'call', 'ok', now() - interval '31 days' FROM sambapos.site;
INSERT INTO sambapos.run_table (run_id, table_name, mode) VALUES (-1, 'tickets', 'full');
SELECT sambapos_request_sync('shop') AS request \gset
UPDATE sambapos.request SET run_id = :run, status = 'running';
SELECT count(sambapos._idle_end(:run, s)) FROM sambapos._place AS s \gset
SELECT results_eq('SELECT r.status, r.message, r.source_utc FROM sambapos.run AS r ORDER BY r.run_id DESC LIMIT 1',
  $$VALUES ('ok', 'nothing has changed at the source', timestamp '2026-03-10 09:01')$$, 'the log has the run');
SELECT is((SELECT string_agg(DISTINCT x.status || ' ' || x.mode, ', ') FROM sambapos.run_table AS x JOIN sambapos.replicated_table AS t USING (table_name)
  WHERE x.run_id = :run AND t.kind <> 'master'), 'ok incremental', 'roots and children were read by what has changed');
SELECT is((SELECT string_agg(x.table_name || ' ' || x.status || ' ' || x.mode, ', ' ORDER BY x.status) FROM sambapos.run_table AS x
  WHERE x.run_id = :run AND x.table_name LIKE 'menu%'), 'menu_item_prices paused none, menu_items skipped none', 'what was paused or not due stays so');
SELECT is((SELECT string_agg(t.table_name, ', ' ORDER BY t.table_name) FROM sambapos.table_state AS t WHERE t.last_success_at < now()),
  'menu_item_prices, menu_items', 'of all others the state is of now');
SELECT ok((SELECT bool_and(t.read_began_at = r.started_at AND t.last_run_at = now()) FROM sambapos.table_state AS t, sambapos.run AS r
  WHERE r.run_id = :run AND t.table_name NOT LIKE 'menu%'), 'and they were read when the run began');
SELECT is((SELECT hw_utc FROM sambapos.site_state), '2026-03-10 09:01', 'the high-water mark is the source''s clock');
SELECT results_eq($$SELECT s.light, s.last_success_at = now(), s.next_due_at > now() FROM sambapos_status('shop') AS s$$, $$VALUES ('green', true, true)$$, 'it is a success of the site');
SELECT is((SELECT r.status FROM sambapos_request(:request) AS r), 'done', 'the request is answered');
SELECT is((SELECT count(*) FROM sambapos.run_table WHERE run_id = -1) + (SELECT count(*) FROM sambapos.run WHERE run_id = -1), 0::bigint, 'what is older than the log is kept goes');

SELECT finish();
ROLLBACK;
