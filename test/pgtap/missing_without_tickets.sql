-- Promise: what is missing at the source of a table that is no ticket's ends in a verdict, however tickets are read:
-- not copied, disabled, paused, or never in the same run. A comparison of such a table has its verdict at once.
BEGIN;
\ir seam.psql
SELECT plan(26);
CREATE FUNCTION pg_temp.state() RETURNS text LANGUAGE sql AS
$$ SELECT row_state FROM sambapos_replica.work_periods WHERE id = 3; $$;
CREATE FUNCTION pg_temp.run(VARIADIC tables text[]) RETURNS text LANGUAGE plpgsql AS
$$ BEGIN PERFORM till.quiet_sync('auto', tables); RETURN pg_temp.state(); END; $$;
CREATE FUNCTION pg_temp.reconcile(VARIADIC tables text[]) RETURNS SETOF text LANGUAGE sql AS
$$ SELECT format('%s %s %s', table_name, id, status) FROM sambapos_reconcile('shop', tables) WHERE finding IS NOT NULL; $$;

SELECT till.sell(1, 6);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'a till');
SELECT is(till.quiet_sync(), 0::bigint, 'at rest');
SAVEPOINT loaded;

-- compared by hand
DELETE FROM work_periods WHERE id = 3;
SELECT is_empty($$SELECT pg_temp.reconcile('work_periods')$$, 'a comparison without the tickets leaves nothing to wait');
SELECT is(pg_temp.state(), 'deleted', 'there is a verdict: its further runs read what decides');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'and nothing differs');
ROLLBACK TO loaded;
DELETE FROM work_periods WHERE id = 3;
UPDATE sambapos.table_state SET loaded_at = NULL WHERE table_name = 'tickets';
SELECT results_eq($$SELECT pg_temp.reconcile('work_periods')$$, ARRAY['work_periods 3 waiting'], 'it loads no tickets for that');
SELECT is(pg_temp.run('work_periods', 'tickets'), 'live', 'that a run does which is meant to');
SELECT is(pg_temp.run('work_periods', 'tickets'), 'deleted', 'and the next one decides');
ROLLBACK TO loaded;
DELETE FROM menu_items WHERE id = 3;
SELECT is_empty($$SELECT pg_temp.reconcile('menu_items')$$, 'a master waits for nobody');
SELECT is((SELECT row_state FROM sambapos_replica.menu_items WHERE id = 3), 'deleted', 'it is deleted at once');
ROLLBACK TO loaded;

-- never in one run
DELETE FROM work_periods WHERE id = 3;
SELECT is(pg_temp.run('work_periods'), 'live', 'missing, and the tickets are not looked at');
SELECT is(pg_temp.run('work_periods'), 'live', 'that can be said again and again');
SELECT is(pg_temp.run('work_periods'), 'live', 'and says nothing');
SELECT is(pg_temp.run('tickets'), 'live', 'a run of the tickets, which were not cleared');
SELECT is(pg_temp.run('work_periods'), 'live', 'counts once');
SELECT is(pg_temp.run('work_periods'), 'live', 'and not twice');
SELECT is(pg_temp.run('tickets'), 'live', 'another one');
SELECT is(pg_temp.run('work_periods'), 'deleted', 'and it is judged');
ROLLBACK TO loaded;
DELETE FROM work_periods WHERE id = 3;
SELECT is(pg_temp.run('work_periods'), 'live', 'missing, and the tickets are not looked at');
SELECT till.clear();
INSERT INTO work_periods SELECT i, '2026-03-01'::timestamp + i * '1 day'::interval, '2026-03-01 20:00'::timestamp + i * '1 day'::interval FROM generate_series(4, 8) AS i;
INSERT INTO work_periods VALUES (9, '2026-03-10 08:00', '2026-03-10 08:00'), (1, '2026-03-02', '2026-03-02 20:00'), (2, '2026-03-03', '2026-03-03 20:00');
SELECT is(pg_temp.run('tickets'), 'live', 'those were cleared');
SELECT is(pg_temp.run('work_periods'), 'cleared', 'and so it is');
ROLLBACK TO loaded;

-- nothing is read of tickets
SAVEPOINT quiet;
DELETE FROM work_periods WHERE id = 3;
UPDATE sambapos.replicated_table SET enabled = false WHERE table_name = 'tickets';
SELECT is(pg_temp.run('work_periods') || ' ' || pg_temp.run('work_periods'), 'live deleted', 'tickets are disabled: two runs of any root');
ROLLBACK TO quiet;
DELETE FROM work_periods WHERE id = 3;
UPDATE sambapos.table_state SET paused_reason = 'a column' WHERE table_name = 'tickets';
SELECT is(pg_temp.run('work_periods') || ' ' || pg_temp.run('work_periods'), 'live deleted', 'tickets are paused');
ROLLBACK TO quiet;
DELETE FROM work_periods WHERE id = 3;
DELETE FROM sambapos.replicated_table WHERE 'tickets' IN (table_name, parent);
SELECT is(pg_temp.run('work_periods') || ' ' || pg_temp.run('work_periods'), 'live deleted', 'tickets are not copied');
ROLLBACK TO quiet;
DELETE FROM work_periods WHERE id = 3;
DELETE FROM sambapos.replicated_table WHERE 'tickets' IN (table_name, parent);
SELECT is_empty($$SELECT pg_temp.reconcile('work_periods')$$, 'there a comparison leaves nothing to wait, too');
SELECT is(pg_temp.state(), 'deleted', 'and there is a verdict');
SELECT * FROM finish();
ROLLBACK;
