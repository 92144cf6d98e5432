-- Promise: a line that goes to another ticket counts once: whichever of the two was stamped, whatever became of its id,
-- and also after the till is cleared. A row that has only the id of another one is no move: what was there stays.
BEGIN;
\ir seam.psql
SELECT plan(29);
UPDATE sambapos.site SET id_overlap = 0;
CREATE FUNCTION pg_temp.touch(ticket integer) RETURNS void LANGUAGE sql AS
$$ UPDATE tickets SET last_update_time = (SELECT local_now FROM till.clock) WHERE id = ticket; $$;
CREATE FUNCTION pg_temp.states(relation name, row_id integer) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  answer text;
BEGIN
  EXECUTE format('SELECT string_agg(ticket_id || '' '' || row_state, '', '' ORDER BY ticket_id) FROM sambapos_replica.%I WHERE id = $1', relation)
    INTO answer USING row_id;
  RETURN answer;
END;
$$;
CREATE FUNCTION pg_temp.counted() RETURNS numeric LANGUAGE sql AS
$$ SELECT sum(price * quantity) FROM sambapos_replica.orders WHERE row_state IN ('live', 'cleared', 'superseded'); $$;

CREATE FUNCTION pg_temp.moves() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(table_name || ' ' || rows || ': ' || (evidence ->> 'moved'), '; ' ORDER BY table_name) FROM sambapos.source_events
   WHERE kind = 'moved' AND run_id = (SELECT max(run_id) FROM sambapos.source_events WHERE kind = 'moved'); $$;
-- tickets 1 to 12, each with orders 2n and 2n + 1 of 10, a payment n
SELECT till.sell(1, 12);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
SELECT till.pass(5), till.quiet_sync();
SELECT is(pg_temp.counted(), 240::numeric, 'what the till has sold');

UPDATE orders SET ticket_id = 2 WHERE id = 2;
SELECT pg_temp.touch(2), till.quiet_sync();
SELECT is(pg_temp.states('orders', 2), '1 removed, 2 live', 'stamped where it came to: live under one ticket');
SELECT is(pg_temp.moves(), 'orders 1: [{"id": 2, "to": 2, "from": 1}]', 'the move is on record');
SAVEPOINT moved;
-- a line is voided, and its id given to another line of another ticket
DELETE FROM orders WHERE id = 4; INSERT INTO orders VALUES (4, 5, 3, 99, 1, '[]', '2026-03-10 20:00');
SELECT pg_temp.touch(2), pg_temp.touch(5), till.quiet_sync(), till.quiet_sync();
SELECT is(pg_temp.states('orders', 4), '2 removed, 5 live', 'an id that is used again');
SELECT is((SELECT count(*) FROM sambapos.source_events WHERE kind = 'moved'), 1::bigint, 'is no move');
ROLLBACK TO moved;
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');

UPDATE orders SET ticket_id = 4 WHERE id = 6;
SELECT till.pass(5), pg_temp.touch(3), till.quiet_sync();
SELECT is(pg_temp.states('orders', 6), '3 removed, 4 live', 'stamped where it left: live under one ticket');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');

UPDATE orders SET ticket_id = 6 WHERE id = 10;
SELECT till.pass(5), pg_temp.touch(5), pg_temp.touch(6), till.quiet_sync();
SELECT is(pg_temp.states('orders', 10), '5 removed, 6 live', 'stamped both: live under one ticket');

UPDATE payments SET ticket_id = 8 WHERE id = 7;
SELECT till.pass(5), pg_temp.touch(8), till.quiet_sync();
SELECT is(pg_temp.states('payments', 7), '7 live, 8 live', 'a payment that nothing but its values tells, and its ticket has none left: it could be a clear');
SELECT till.quiet_sync(), till.quiet_sync();
SELECT is(pg_temp.states('payments', 7), '7 removed, 8 live', 'when it has come to rest it is live under one ticket');
SELECT is(pg_temp.moves(), 'payments 1: [{"id": 7, "to": 8, "from": 7}]', 'and that is on record');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT is(pg_temp.counted(), 240::numeric, 'each line counts once');

-- from one to the next to a third, all in a row; and back
UPDATE orders SET ticket_id = 10 WHERE id = 18;
UPDATE orders SET ticket_id = 11 WHERE id = 20;
UPDATE orders SET ticket_id = 12 WHERE id = 22;
SELECT till.pass(5), pg_temp.touch(10), till.quiet_sync();
SELECT is(pg_temp.states('orders', 18) || '; ' || pg_temp.states('orders', 20) || '; ' || pg_temp.states('orders', 22),
          '9 removed, 10 live; 10 removed, 11 live; 11 removed, 12 live', 'tickets that follow from one another are read too');
SELECT is(pg_temp.moves(), 'orders 3: [{"id": 18, "to": 10, "from": 9}, {"id": 20, "to": 11, "from": 10}, {"id": 22, "to": 12, "from": 11}]', 'all of them are on record');
UPDATE orders SET ticket_id = 9 WHERE id = 18;
SELECT till.pass(5), pg_temp.touch(9), till.quiet_sync();
SELECT is(pg_temp.states('orders', 18), '9 live, 10 removed', 'a line that comes back is the row that it was');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT is(pg_temp.counted(), 240::numeric, 'each line counts once');
SELECT is_empty($$SELECT * FROM till.sync()$$, 'the next run finds nothing');

-- the other lines of a ticket that is read because of a move are judged by what is there
SELECT is((SELECT count(*) FROM sambapos_replica.orders WHERE row_state = 'live'), 24::bigint, 'no line was taken for lost');
SELECT is((SELECT count(*) FROM sambapos_replica.ticket_entities WHERE row_state = 'live'), 12::bigint, 'nor a table');

-- a line that is read whole, and one that comes with a first load in parts
UPDATE orders SET ticket_id = 1 WHERE id = 24;
SELECT till.quiet_sync('full');
SELECT is(pg_temp.states('orders', 24), '1 live, 12 removed', 'a whole read finds a move at once');
SELECT is(pg_temp.counted(), 240::numeric, 'each line counts once');

-- cleared: for ever
SELECT till.clear();
SELECT till.pass(1), till.quiet_sync(), till.quiet_sync();
SELECT is(pg_temp.counted(), 240::numeric, 'and after a clear');

-- lines begin at 1 again under tickets that go on: no move, and nothing of before is lost
SELECT till.sell(20, 4, '2026-03-12 10:00'), till.pass(48), till.quiet_sync(), till.quiet_sync();
DELETE FROM orders; DELETE FROM payments;
INSERT INTO orders SELECT 40 + i, 24 + i, 1, 7, 1, '[]', '2026-03-12 20:00' FROM generate_series(0, 3) AS i;
INSERT INTO tickets SELECT i, '2026-03-12 20:00', i::text, '2026-03-12 20:00', '2026-03-12 20:00', true, 0, 7, NULL, i FROM generate_series(24, 27) AS i;
SELECT till.pass(12), till.quiet_sync(), till.quiet_sync(), till.quiet_sync();
SELECT is((SELECT count(*) FROM sambapos_replica.orders WHERE ticket_id BETWEEN 20 AND 21 AND row_state = 'cleared'), 4::bigint,
          'lines under whose ids others came are cleared, not moved');
SELECT is((SELECT count(*) FROM sambapos_replica.orders WHERE ticket_id BETWEEN 24 AND 27 AND row_state = 'live'), 4::bigint, 'the others live');
SELECT is(pg_temp.counted(), 240 + 80 + 28::numeric, 'all are counted');

SELECT * FROM finish();
ROLLBACK;
