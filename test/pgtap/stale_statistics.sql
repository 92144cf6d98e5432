-- Promise: after a clear the statistics of the replica say that nothing is live, since autovacuum gathers them within
-- minutes. A run that then finds thousands of rows (a restored backup, a day of sales after an outage) compares them in
-- proportion to their number: no step of it reads all staged rows for each row.
BEGIN;
\ir seam.psql
SELECT plan(8);
-- A run as the worker does it, which keeps its temporary tables, and so what is counted of them.
CREATE FUNCTION till.run() RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  part text := 'start';
  run_id bigint;
BEGIN
  WHILE part IS NOT NULL LOOP
    SELECT w.part, w.run_id INTO part, run_id FROM sambapos._worker_do((SELECT s.site_id FROM sambapos.site AS s), part, run_id) AS w;
  END LOOP;
  RETURN (SELECT r.status FROM sambapos.run AS r ORDER BY r.run_id DESC LIMIT 1);
END;
$$;
SELECT till.sell(1, 1500);
SELECT is(till.run(), 'ok', 'first load');
CREATE SCHEMA backup;
CREATE TABLE backup.tickets AS TABLE tickets; CREATE TABLE backup.orders AS TABLE orders;
CREATE TABLE backup.payments AS TABLE payments; CREATE TABLE backup.ticket_entities AS TABLE ticket_entities;
SELECT till.clear();
SELECT is(till.run() || ' ' || till.run(), 'ok ok', 'a clear');
ANALYZE; -- as autovacuum does

-- How often the tables of a run, and those of the replica, were read from the first to the last row.
CREATE FUNCTION till.whole_reads() RETURNS TABLE (relation text, reads bigint) LANGUAGE sql AS
$$
  SELECT relname, seq_scan FROM pg_stat_xact_user_tables
  WHERE (schemaname = 'sambapos_replica' OR relname LIKE 'sambapos\_\_%') AND relname !~ 'sambapos__(gone|again|probe|lost|suspect|compare)$';
$$;
CREATE TEMPORARY TABLE before AS SELECT * FROM till.whole_reads();
CREATE FUNCTION till.often_read() RETURNS SETOF text LANGUAGE sql AS
$$
  SELECT format('%s: %s times', w.relation, w.reads - coalesce(b.reads, 0))
  FROM till.whole_reads() AS w LEFT JOIN before AS b USING (relation) WHERE w.reads - coalesce(b.reads, 0) > 700;
$$;
SAVEPOINT cleared;

INSERT INTO tickets TABLE backup.tickets; INSERT INTO orders TABLE backup.orders;
INSERT INTO payments TABLE backup.payments; INSERT INTO ticket_entities TABLE backup.ticket_entities;
SELECT is(till.run(), 'ok', 'a backup from before the clear is restored');
SELECT is((SELECT count(*) FROM sambapos_replica.orders WHERE row_state = 'live'), (SELECT count(*) FROM orders), 'its lines are live again');
SELECT is_empty('SELECT till.often_read()', 'and nothing was compared with everything');
ROLLBACK TO cleared;

SELECT till.sell(5001, 1500, '2026-03-17 10:00');
SELECT is(till.run(), 'ok', 'a day of sales');
SELECT is_empty('SELECT till.often_read()', 'is not either');
SELECT ok((SELECT bool_and(n > 0) FROM till.whole_reads() AS w (relation, n) WHERE relation ~ '^sambapos__stage_(tickets|orders)$'), 'reads of the temporary tables were counted');
SELECT * FROM finish();
ROLLBACK;
