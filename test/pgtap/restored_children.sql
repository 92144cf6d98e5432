-- Promise: what a restored ticket did not have at the time of the backup does not count beside it, also in tables where
-- few tickets have a row. A table that was not restored keeps what it knew. A restored till gives out ids again that its
-- backup lacked: what had them here keeps its values, whenever a run comes.
BEGIN;
\ir seam.psql
SELECT plan(24);
CREATE FUNCTION pg_temp.states(relation name) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  answer text;
BEGIN
  EXECUTE format('SELECT string_agg(s, '', '' ORDER BY s) FROM (SELECT id || '' '' || row_state AS s FROM sambapos_replica.%I) AS x', relation) INTO answer;
  RETURN answer;
END;
$$;
CREATE FUNCTION pg_temp.counted() RETURNS text LANGUAGE sql AS
$$
  SELECT concat_ws(', ', (SELECT count(*) FROM sambapos_replica.tickets WHERE row_state IN ('live', 'cleared', 'superseded')),
         (SELECT sum(price) FROM sambapos_replica.orders WHERE row_state IN ('live', 'cleared', 'superseded')),
         (SELECT string_agg(amount::text, '+' ORDER BY amount) FROM sambapos_replica.payments WHERE row_state IN ('live', 'cleared', 'superseded')))
$$;
SELECT till.sell(1, 3);
-- two tickets are open and unpaid; one was paid in an item
DELETE FROM payments; UPDATE tickets SET is_closed = false, remaining_amount = 20;
INSERT INTO paid_items VALUES (1, 1, 1);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
CREATE SCHEMA backup;
CREATE TABLE backup.tickets AS TABLE tickets; CREATE TABLE backup.orders AS TABLE orders;
CREATE TABLE backup.ticket_entities AS TABLE ticket_entities; CREATE TABLE backup.paid_items AS TABLE paid_items;
-- after the backup one is paid, another has paid items
SELECT till.pass(1);
INSERT INTO payments VALUES (7, 2, 20, 2); INSERT INTO paid_items VALUES (2, 2, 1);
UPDATE tickets SET remaining_amount = 0, is_closed = true, last_update_time = (SELECT local_now FROM till.clock) WHERE id = 2;
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'a payment after the backup');
SELECT till.clear(); DELETE FROM paid_items;
SELECT till.quiet_sync(), till.quiet_sync();
SELECT is(pg_temp.states('payments') || '; ' || pg_temp.states('paid_items'), '7 cleared; 1 cleared, 2 cleared', 'a clear');
SAVEPOINT cleared;
-- of the restored tickets the one that had no row then has none now
INSERT INTO tickets SELECT * FROM backup.tickets WHERE id > 1; INSERT INTO orders SELECT * FROM backup.orders WHERE ticket_id > 1;
INSERT INTO ticket_entities TABLE backup.ticket_entities; INSERT INTO paid_items TABLE backup.paid_items;
SELECT till.pass(1), till.quiet_sync(), till.quiet_sync();
SELECT is(pg_temp.states('payments'), '7 removed', 'the restored ticket says that it is not paid');
SELECT is((SELECT row_state FROM sambapos_replica.paid_items WHERE id = 2), 'removed', 'its items are not paid either: the table is there again');
INSERT INTO payments VALUES (8, 2, 20, 2);
UPDATE tickets SET remaining_amount = 0, is_closed = true, last_update_time = (SELECT local_now FROM till.clock) WHERE id = 2;
SELECT till.quiet_sync();
SELECT is((SELECT sum(amount) FROM sambapos_replica.payments WHERE row_state IN ('live', 'cleared', 'superseded')), 20.00, 'paid once');
ROLLBACK TO cleared;
-- its table was not restored, and the ticket says that it was paid
INSERT INTO tickets SELECT id, last_update_time, ticket_number, date, last_payment_date, true, 0, total_amount, note, transaction_document_id FROM backup.tickets;
INSERT INTO orders TABLE backup.orders; SELECT till.sell(90, 1, '2026-03-10 13:30');
SELECT till.pass(1), till.quiet_sync(), till.quiet_sync();
SELECT is(pg_temp.states('payments'), '7 cleared, 90 live', 'a payment that was not restored counts');
ROLLBACK TO cleared;
-- the restored till gives the id of the payment that its backup lacked to another payment of that ticket
INSERT INTO tickets TABLE backup.tickets; INSERT INTO orders TABLE backup.orders;
INSERT INTO ticket_entities TABLE backup.ticket_entities; INSERT INTO paid_items TABLE backup.paid_items;
SELECT till.pass(1), till.quiet_sync(), till.quiet_sync();
INSERT INTO payments VALUES (7, 2, 15, 2);
UPDATE tickets SET remaining_amount = 5, last_update_time = (SELECT local_now FROM till.clock) WHERE id = 2;
SELECT is_empty($$SELECT * FROM till.sync() AS s WHERE s NOT LIKE '% ok +%'$$, 'that is no trouble');
SELECT is((SELECT string_agg(amount || ' ' || row_state, ', ' ORDER BY amount) FROM sambapos_replica.payments), '15.00 live, 20.00 removed', 'the payment of before keeps its values');
SELECT is(pg_temp.counted(), '3, 60.00, 15.00', 'each ticket counts once, with what it has now');
SELECT is((SELECT string_agg(t.id || ' ' || t.row_state, ', ' ORDER BY t.id, t.row_state) FROM sambapos_replica.tickets AS t), '1 live, 2 live, 2 removed, 3 live', 'the ticket goes on beside what it was');
SELECT till.quiet_sync(), till.clear(); DELETE FROM paid_items;
SELECT till.quiet_sync(), till.quiet_sync();
SELECT is(pg_temp.counted(), '3, 60.00, 15.00', 'a clear does not change that');
INSERT INTO tickets TABLE backup.tickets; INSERT INTO orders TABLE backup.orders;
SELECT till.pass(1), till.quiet_sync(), till.quiet_sync();
SELECT is((SELECT count(*) FROM sambapos_replica.tickets WHERE row_state IN ('live', 'cleared', 'superseded')), 3::bigint, 'the same backup once more: the same tickets');
ROLLBACK TO cleared;
-- the same when nobody has looked between the restore and that payment; and of a table of items, and of one whose rows
-- can move to another ticket
INSERT INTO tickets TABLE backup.tickets; INSERT INTO orders TABLE backup.orders;
INSERT INTO ticket_entities SELECT * FROM backup.ticket_entities WHERE id <> 3; INSERT INTO ticket_entities VALUES (3, 'a guest', 3);
INSERT INTO paid_items VALUES (1, 1, 1), (2, 2, 3);
INSERT INTO payments VALUES (7, 2, 15, 2);
UPDATE tickets SET remaining_amount = 5, last_update_time = (SELECT local_now FROM till.clock) WHERE id = 2;
SELECT till.pass(1), till.quiet_sync(), till.quiet_sync();
SELECT is((SELECT string_agg(amount || ' ' || row_state, ', ' ORDER BY amount) FROM sambapos_replica.payments), '15.00 live, 20.00 removed',
          'restored and sold between two runs: the payment of before keeps its values');
SELECT is((SELECT string_agg(quantity || ' ' || row_state, ', ' ORDER BY quantity) FROM sambapos_replica.paid_items WHERE id = 2), '1.000 removed, 3.000 live', 'so does a paid item');
SELECT is((SELECT string_agg(entity_name || ' ' || row_state, ', ' ORDER BY entity_name) FROM sambapos_replica.ticket_entities WHERE id = 3), 'a guest live, table 3 removed', 'and who sat there');
SELECT is(pg_temp.counted(), '3, 60.00, 15.00', 'each ticket counts once, with what it has now');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT is((SELECT epoch FROM sambapos._place), 2, 'one epoch has begun for all of them');
UPDATE ticket_entities SET ticket_id = 1 WHERE id = 3;
UPDATE tickets SET last_update_time = (SELECT local_now FROM till.clock) WHERE id IN (1, 3);
SELECT till.quiet_sync();
UPDATE ticket_entities SET ticket_id = 3, entity_name = 'the same guest' WHERE id = 3;
UPDATE tickets SET last_update_time = (SELECT local_now FROM till.clock) WHERE id IN (1, 3);
SELECT till.pass(1), till.quiet_sync();
SELECT is((SELECT string_agg(entity_name || ' ' || row_state, ', ' ORDER BY entity_name) FROM sambapos_replica.ticket_entities WHERE id = 3 AND root_id = 3 AND epoch = 2) || ' '
          || (SELECT epoch FROM sambapos._place), 'the same guest live 2', 'a row that moved back is the same row, whatever was changed in it');
ROLLBACK TO cleared;
-- the same while the till loses rows as it is read: nothing is judged then, but what goes on elsewhere is no matter of that
INSERT INTO account_transaction_documents VALUES (70, '2026-03-10 12:30', 'by hand'), (71, '2026-03-10 12:31', 'by hand');
SELECT till.quiet_sync();
INSERT INTO tickets TABLE backup.tickets; INSERT INTO orders TABLE backup.orders;
INSERT INTO ticket_entities TABLE backup.ticket_entities; INSERT INTO paid_items TABLE backup.paid_items;
INSERT INTO payments VALUES (7, 2, 15, 2);
UPDATE tickets SET remaining_amount = 5, last_update_time = (SELECT local_now FROM till.clock) WHERE id = 2;
INSERT INTO till.before_step VALUES ('reading', 'payments', 1, 'DELETE FROM sambapos_live_shop.account_transaction_documents WHERE id = 70');
SELECT till.pass(1), till.quiet_sync();
SELECT isnt_empty($$SELECT FROM sambapos.run_table WHERE run_id = (SELECT max(run_id) FROM sambapos.run) AND message LIKE '%vanished while they were read%'$$, 'the till was losing rows');
SELECT is(pg_temp.counted(), '3, 60.00, 15.00', 'each ticket counts once in spite of it');
SELECT till.quiet_sync(), till.quiet_sync();
SELECT is(pg_temp.counted(), '3, 60.00, 15.00', 'and later');
ROLLBACK TO cleared;
-- a value that was not known before takes none away
UPDATE sambapos_replica.paid_items SET row_state = 'live'; UPDATE sambapos_replica.paid_items SET quantity = NULL; UPDATE sambapos_replica.paid_items SET row_state = 'cleared';
INSERT INTO tickets TABLE backup.tickets; INSERT INTO orders TABLE backup.orders;
INSERT INTO ticket_entities TABLE backup.ticket_entities; INSERT INTO paid_items TABLE backup.paid_items;
SELECT till.pass(1), till.quiet_sync(), till.quiet_sync();
SELECT is((SELECT string_agg(concat_ws(' ', id, quantity, row_state, epoch), ', ' ORDER BY id) FROM sambapos_replica.paid_items), '1 1.000 live 1, 2 removed 1', 'a column that was new since is filled, and no epoch begins');
SELECT * FROM finish();
ROLLBACK;
