-- Promise: a run with many changed tickets (after a long pause) reads rows in proportion to them: no step of it compares
-- every row with every other one. Five times the tickets may take three times that proportion; a step that compares all
-- with all would take five. (What PostgreSQL keeps in memory and looks through again is not counted.)
BEGIN;
\ir seam.psql
SELECT plan(5);
SELECT till.sell(1, 20000, '2026-03-09 10:00');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');

-- A run as the worker does it, which keeps its temporary tables, and so what is counted of them.
CREATE FUNCTION till.run() RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
  part text := 'start';
  run_id bigint;
BEGIN
  WHILE part IS NOT NULL LOOP
    SELECT w.part, w.run_id INTO part, run_id FROM sambapos._worker_do((SELECT s.site_id FROM sambapos.site AS s), part, run_id) AS w;
  END LOOP;
END;
$$;
CREATE FUNCTION till.rows_read() RETURNS bigint LANGUAGE sql AS
$$
  SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_xact_user_tables
  WHERE schemaname = 'sambapos_replica' OR relname LIKE 'sambapos\_\_%';
$$;

-- Changes tickets 1 to n, syncs, and says how many rows of the replica, and of what was staged, that has read.
CREATE FUNCTION till.change(n integer) RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
  before bigint;
BEGIN
  PERFORM till.pass(1);
  UPDATE sambapos_live_shop.tickets SET last_update_time = (SELECT local_now FROM till.clock), note = coalesce(note, '') || 'x' WHERE id <= n;
  ANALYZE sambapos_live_shop.tickets;
  before := till.rows_read();
  PERFORM till.run();
  RETURN till.rows_read() - before;
END;
$$;
-- What the last run did.
CREATE FUNCTION till.done() RETURNS text LANGUAGE sql AS
$$
  SELECT string_agg(format('%s %s ~%s -%s', table_name, status, rows_updated, rows_gone), '; ' ORDER BY table_name) FROM sambapos.run_table
  WHERE run_id = (SELECT max(run_id) FROM sambapos.run) AND (status NOT IN ('ok', 'skipped') OR rows_inserted + rows_updated + rows_gone > 0);
$$;
SELECT till.change(4000) AS few \gset
SELECT is(till.done(), 'tickets ok ~4000 -0', '4000 changed tickets are found');
DELETE FROM orders WHERE ticket_id % 100 = 0 AND id % 2 = 0;
SELECT till.change(20000) AS many \gset
SELECT is(till.done(), 'orders ok ~0 -200; tickets ok ~20000 -0', '20000 too, and their removed orders');
SELECT cmp_ok(:many / :few::numeric, '<', 15::numeric, format('in proportion: %s rows are read, and %s', :few, :many));
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT * FROM finish();
ROLLBACK;
