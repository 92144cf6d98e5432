-- Promise: a child's row is written only under the root that was read with it. Without a snapshot the till works on
-- between two tables: what came without its root, or under one that is not the same any more, waits for the next run
-- and is not lost. A row without a root waits for nobody. Nothing of this changes a value of history.
BEGIN;
\ir seam.psql
SELECT plan(41);
CREATE FUNCTION pg_temp.history() RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  answer text := '';
  part text;
  r name;
BEGIN
  FOREACH r IN ARRAY '{tickets,orders,payments,ticket_entities,account_transaction_documents,account_transactions,account_transaction_values}'::name[] LOOP
    EXECUTE format('SELECT string_agg((to_jsonb(t) - ''{synced_at,version,row_state,document_epoch}''::text[])::text, '','' ORDER BY t.*) FROM sambapos_replica.%I AS t WHERE epoch = 1', r) INTO part;
    answer := md5(answer || coalesce(part, ''));
  END LOOP;
  RETURN answer;
END;
$$;
CREATE FUNCTION pg_temp.wrong_root() RETURNS bigint LANGUAGE sql AS
$$ SELECT count(*) FROM sambapos_replica.orders AS o LEFT JOIN sambapos_replica.tickets AS t ON (t.site_id, t.epoch, t.id) = (o.site_id, o.epoch, o.ticket_id)
    WHERE split_part(o.order_states, ' ', 2) IS DISTINCT FROM t.note $$;
-- each ticket has a name of its own, and its lines bear it
CREATE SEQUENCE till.life;
CREATE FUNCTION till.name_tickets() RETURNS void LANGUAGE sql AS
$$
  UPDATE sambapos_live_shop.tickets SET note = 'life' || nextval('till.life') WHERE note IS NULL;
  UPDATE sambapos_live_shop.orders AS o SET order_states = 'of ' || t.note FROM sambapos_live_shop.tickets AS t WHERE t.id = o.ticket_id;
$$;
SELECT till.sell(1, 30, '2026-03-09 10:00'), till.name_tickets();
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
CREATE TEMPORARY TABLE before AS SELECT pg_temp.history() AS values;

-- after a clear with reseed; a sale during a whole read, after the tickets and before the lines were read
SELECT till.clear(), till.pass(2), till.sell(1, 1, '2026-03-10 13:00'), till.name_tickets();
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'another life of the ids');
INSERT INTO till.before_step VALUES ('reading', 'orders', 1, $$SELECT till.sell(2, 2, '2026-03-10 14:00'), till.name_tickets()$$);
SELECT results_eq($$SELECT s FROM till.sync('full') AS s WHERE s ~ '^(tickets|orders|payments)'$$, ARRAY[]::text[], 'lines and payments that came without their ticket are left');
SELECT matches(message, '2 roots came without them', 'the log says that they wait')
FROM sambapos.run_table WHERE table_name = 'orders' AND run_id = (SELECT max(run_id) FROM sambapos.run);
SELECT results_eq($$SELECT id::integer FROM sambapos.waiting_root WHERE table_name = 'tickets' ORDER BY 1$$, ARRAY[2, 3], 'and for whom');
UPDATE sambapos.site SET id_overlap = 0;
SELECT results_eq($$SELECT s FROM till.sync() AS s WHERE s ~ '^(tickets|orders|payments)'$$, ARRAY['tickets ok +2 ~0 -0', 'orders ok +4 ~0 -0', 'payments ok +2 ~0 -0'], 'the next run brings them');
SELECT is_empty($$SELECT * FROM sambapos.waiting_root$$, 'nobody waits any more');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT is(pg_temp.history(), (SELECT values FROM before), 'the values of the past are as before');

-- the same in an incremental run, and the watermark does not lose it
INSERT INTO till.before_step VALUES ('reading', 'payments', 1, $$SELECT till.sell(4, 1, '2026-03-10 14:10'), till.name_tickets()$$);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'a sale after the new lines were looked for');
SELECT is(till.quiet_sync() > 0 OR (SELECT count(*) FROM sambapos_replica.tickets WHERE epoch = 2) = 4, true, 'comes in this run or the next');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'whole');

-- between tickets and lines: a clear with reseed, and other tickets under the same ids
CREATE FUNCTION till.another_life() RETURNS void LANGUAGE sql AS
$$ SELECT till.clear(), till.pass(1);
   SELECT till.sell(1, 3, (SELECT local_now FROM till.clock)), till.name_tickets();
   UPDATE sambapos_live_shop.orders SET price = 99; $$;
SELECT till.sell(5, 1, '2026-03-10 14:20'), till.name_tickets();
UPDATE tickets SET last_update_time = (SELECT local_now FROM till.clock) WHERE id = 2;
INSERT INTO till.before_step VALUES ('reading', 'orders', 2, 'SELECT till.another_life()');
CREATE TEMPORARY TABLE known AS SELECT epoch, id, ticket_id, price, order_states FROM sambapos_replica.orders;
SELECT till.quiet_sync();
SELECT is_empty($$SELECT k.* FROM known AS k EXCEPT SELECT epoch, id, ticket_id, price, order_states FROM sambapos_replica.orders$$, 'no line has got another''s values');
SELECT is(pg_temp.wrong_root(), 0::bigint, 'no line is under another ticket');
SELECT matches(message, 'rows were others after their children were read', 'the log says what waits')
FROM sambapos.run_table WHERE table_name = 'tickets' AND run_id = (SELECT max(run_id) FROM sambapos.run);
SELECT till.quiet_sync(), till.quiet_sync();
SELECT is_empty($$SELECT * FROM till.differences()$$, 'two quiet runs later live rows equal the source');
SELECT is_empty($$SELECT k.* FROM known AS k EXCEPT SELECT epoch, id, ticket_id, price, order_states FROM sambapos_replica.orders$$, 'and the past has its values');
SELECT is(pg_temp.wrong_root(), 0::bigint, 'each line is under its ticket');

-- the same during a whole read
CREATE TEMPORARY TABLE known2 AS SELECT epoch, id, ticket_id, price, order_states FROM sambapos_replica.orders;
INSERT INTO till.before_step VALUES ('reading', 'orders', 1, 'SELECT till.another_life()');
SELECT till.quiet_sync('full');
SELECT is(pg_temp.wrong_root(), 0::bigint, 'whole read: no line is under another ticket');
SELECT till.quiet_sync(), till.quiet_sync();
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT is_empty($$SELECT k.* FROM known2 AS k EXCEPT SELECT epoch, id, ticket_id, price, order_states FROM sambapos_replica.orders$$, 'and the past has its values');

-- between tickets and lines: a clear, and nothing new
INSERT INTO till.before_step VALUES ('reading', 'orders', 1, 'SELECT till.clear()');
SELECT till.quiet_sync('full');
SELECT is((SELECT count(*) FROM sambapos_replica.orders WHERE row_state IN ('removed', 'deleted')), 0::bigint, 'lines that vanished while a run read are not removed');
SELECT till.quiet_sync(), till.quiet_sync();
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT is((SELECT count(*) FROM sambapos_replica.orders WHERE row_state NOT IN ('cleared', 'superseded')), 0::bigint, 'all are history that counts');

-- a leaf table begins at 1 again, under tickets whose ids go on
SELECT till.sell(200, 3, '2026-03-10 16:00'), till.name_tickets();
DELETE FROM ticket_entities;
INSERT INTO ticket_entities SELECT i, 'first ' || i, 199 + i FROM generate_series(1, 3) AS i;
SELECT till.quiet_sync();
DELETE FROM ticket_entities; DELETE FROM orders; DELETE FROM payments; DELETE FROM tickets;
SELECT till.sell(203, 3, '2026-03-10 16:10'), till.name_tickets();
DELETE FROM ticket_entities;
INSERT INTO ticket_entities SELECT i, 'second ' || i, 202 + i FROM generate_series(1, 3) AS i;
SELECT till.quiet_sync(), till.quiet_sync();
SELECT results_eq($$SELECT entity_name || ' ' || row_state FROM sambapos_replica.ticket_entities WHERE entity_name ~ '^(first|second)' ORDER BY 1$$,
  ARRAY['first 1 cleared', 'first 2 cleared', 'first 3 cleared', 'second 1 live', 'second 2 live', 'second 3 live'], 'rows of both lives of the leaf are kept apart');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');

-- a row moves: only the root it left is stamped, only the one it came to
CREATE FUNCTION pg_temp.touch(ticket integer) RETURNS void LANGUAGE sql AS
$$ UPDATE tickets SET last_update_time = (SELECT local_now FROM till.clock) WHERE id = ticket; $$;
SELECT till.pass(3);
UPDATE ticket_entities SET ticket_id = 204 WHERE id = 1;
SELECT pg_temp.touch(203), till.quiet_sync();
SELECT results_eq($$SELECT root_id || ' ' || row_state FROM sambapos_replica.ticket_entities WHERE id = 1 AND entity_name = 'second 1' ORDER BY 1$$,
  ARRAY['203 removed', '204 live'], 'stamped where it left: live under one ticket');
UPDATE ticket_entities SET ticket_id = 205 WHERE id = 1;
SELECT pg_temp.touch(205), till.quiet_sync();
SELECT results_eq($$SELECT root_id || ' ' || row_state FROM sambapos_replica.ticket_entities WHERE id = 1 AND entity_name = 'second 1' ORDER BY 1$$,
  ARRAY['203 removed', '204 removed', '205 live'], 'stamped where it came to: live under one ticket');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');

-- a row leaves its ticket, another has never had one
UPDATE ticket_entities SET ticket_id = NULL WHERE id = 2;
INSERT INTO ticket_entities VALUES (9, 'nobody''s', NULL);
SELECT pg_temp.touch(204), till.quiet_sync();
SELECT results_eq($$SELECT id || ' ' || root_id || ' ' || coalesce(ticket_id::text, 'NULL') FROM sambapos_replica.ticket_entities WHERE row_state = 'live' AND root_id = 0 ORDER BY 1$$,
  ARRAY['2 0 NULL', '9 0 NULL'], 'rows without a ticket wait for nobody; root 0, their own column says NULL');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT is_empty($$SELECT * FROM till.sync()$$, 'the next run finds nothing');

-- it goes with a clear; the leaf begins at 1 again, without tickets: no older row's continuation
DELETE FROM ticket_entities;
SELECT till.quiet_sync(), till.quiet_sync();
INSERT INTO ticket_entities SELECT i, 'third ' || i, NULL FROM generate_series(1, 9) AS i;
CREATE TEMPORARY TABLE entities AS SELECT epoch, root_id, id, entity_name FROM sambapos_replica.ticket_entities;
SELECT till.quiet_sync('full'), till.quiet_sync();
SELECT is_empty($$SELECT * FROM entities EXCEPT SELECT epoch, root_id, id, entity_name FROM sambapos_replica.ticket_entities$$, 'no row without a root takes the place of another');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT is_empty($$SELECT * FROM till.sync('full')$$, 'the next run finds nothing');

-- a child that is read whole by itself finds its roots, changed or not
UPDATE sambapos.table_state SET full_due = true WHERE table_name = 'payments';
UPDATE payments SET amount = 21 WHERE ticket_id = 203;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['payments ok +0 ~1 -0'], 'a child table that is due alone is read under all its tickets');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');

-- a master and a row whose root is not copied have nobody to ask: gone with other values, it is another
INSERT INTO numerators VALUES (2, 20), (3, 30);
SELECT till.quiet_sync();
DELETE FROM numerators WHERE id > 1;
SELECT till.quiet_sync();
INSERT INTO numerators VALUES (2, 20), (3, 31);
SELECT till.quiet_sync();
SELECT results_eq($$SELECT number || ' ' || row_state FROM sambapos_replica.numerators WHERE id = 3 ORDER BY 1$$, ARRAY['30 deleted', '31 live'], 'a used-again id of a master');
SELECT results_eq($$SELECT number || ' ' || row_state FROM sambapos_replica.numerators WHERE id = 2$$, ARRAY['20 live'], 'one that comes back as it was goes on');
SELECT is(till.quiet_sync() + till.quiet_sync('full'), 0::bigint, 'and is at rest');
SELECT is(pg_temp.wrong_root(), 0::bigint, 'each line is under its ticket');
SELECT * FROM finish();
ROLLBACK;
