-- Promise: where lines have a time of birth it decides whether a row under another ticket is the same line, even if all
-- else has changed and nothing is left where it was; and one of another birth is another line.
BEGIN;
\ir seam.psql
SELECT plan(8);
ALTER TABLE orders ADD COLUMN created_date_time timestamp;
UPDATE pg_attribute SET attfdwoptions = '{column_name=CreatedDateTime,remote_type=datetime}' WHERE attrelid = 'orders'::regclass AND attname = 'created_date_time';
ALTER TABLE sambapos_replica.orders ADD COLUMN created_date_time timestamp;
UPDATE sambapos.site SET id_overlap = 0;
CREATE FUNCTION pg_temp.touch(ticket integer) RETURNS void LANGUAGE sql AS
$$ UPDATE tickets SET last_update_time = (SELECT local_now FROM till.clock) WHERE id = ticket; $$;
CREATE FUNCTION pg_temp.states(row_id integer) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(ticket_id || ' ' || price::integer || ' ' || row_state, ', ' ORDER BY ticket_id) FROM sambapos_replica.orders WHERE id = row_id; $$;
SELECT till.sell(1, 6);
DELETE FROM orders WHERE id % 2 = 1;
UPDATE orders SET created_date_time = '2026-03-10 10:00'::timestamp + id * interval '1 minute';
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');

UPDATE orders SET ticket_id = 2, price = 8 WHERE id = 2;
SELECT till.pass(5), pg_temp.touch(2), till.quiet_sync();
SELECT is(pg_temp.states(2), '1 10 removed, 2 8 live', 'moved and edited in one, the only line of a paid ticket: at once');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');

-- the same id with the same values, born later: another line. What became of the first is judged like any missing one
DELETE FROM orders WHERE id = 6;
INSERT INTO orders SELECT 6, 4, menu_item_id, price, quantity, order_states, last_update_date_time, '2026-03-10 16:00' FROM orders WHERE id = 8;
SELECT till.pass(5), pg_temp.touch(4), till.quiet_sync();
SELECT is(pg_temp.states(6), '3 10 live, 4 10 live', 'of another birth: what was there is not taken for moved');
SELECT till.quiet_sync(), till.quiet_sync(), till.quiet_sync();
SELECT is(pg_temp.states(6), '3 10 removed, 4 10 live', 'and judged when it has come to rest');

-- whose birth is not known is not taken for moved either
UPDATE orders SET created_date_time = NULL WHERE id = 10;
SELECT till.pass(5), pg_temp.touch(5), till.quiet_sync();
UPDATE orders SET ticket_id = 6 WHERE id = 10;
SELECT till.pass(5), pg_temp.touch(6), till.quiet_sync();
SELECT is(pg_temp.states(10), '5 10 live, 6 10 live', 'without a birth it waits');
SELECT till.quiet_sync(), till.quiet_sync();
SELECT is(pg_temp.states(10), '5 10 removed, 6 10 live', 'and is judged when it has come to rest');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT * FROM finish();
ROLLBACK;
