-- Promise: a clear at the till takes nothing from the replica: rows become cleared with their children, the
-- event and its evidence are on record, and what is sold afterwards goes on in the same epoch.
BEGIN;
\ir seam.psql
SELECT plan(26);
SELECT till.sell(1, 200);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
CREATE TEMPORARY TABLE before AS SELECT sum(price * quantity) AS sales, count(*) AS rows FROM sambapos_replica.orders WHERE row_state IN ('live', 'cleared', 'superseded');

-- the vendor's clear, then new work: ids go on
SELECT till.clear();
SELECT till.pass(1);
SELECT till.sell(201, 3, '2026-03-10 12:30');
SELECT results_eq($$SELECT s FROM till.sync() AS s WHERE s ~ '^(tickets|orders|account_transaction_values|work_periods) '$$,
  ARRAY['tickets ok +3 ~0 -200', 'work_periods ok +0 ~0 -9', 'account_transaction_values ok +6 ~0 -400', 'orders ok +6 ~0 -400'], 'all old rows are gone at the source');
SELECT results_eq($$SELECT DISTINCT row_state FROM sambapos_replica.orders WHERE ticket_id <= 200$$, ARRAY['cleared'], 'they are cleared, the children too');
SELECT is((SELECT sum(price * quantity) FROM sambapos_replica.orders WHERE ticket_id <= 200 AND row_state IN ('live', 'cleared', 'superseded')), (SELECT sales FROM before), 'sums of the past are as before');
SELECT is((SELECT count(*) FROM sambapos_replica.orders WHERE ticket_id <= 200), (SELECT rows FROM before), 'no row is gone');
SELECT set_eq($$SELECT kind || ' ' || table_name || ' ' || rows FROM sambapos.source_events$$,
  ARRAY['clear tickets 200', 'clear account_transaction_documents 200', 'clear work_periods 9'], 'the clear is on record');
SELECT is((SELECT (evidence ->> 'gone')::int FROM sambapos.source_events WHERE table_name = 'tickets'), 200, 'with its evidence');
SELECT is((SELECT epoch FROM sambapos._place), 1, 'no epoch begins: no id was used again');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT is_empty($$SELECT * FROM till.sync()$$, 'the next sync finds nothing');

-- a partial clear: the oldest are gone
SELECT till.sell(204, 40, '2026-03-10 12:40');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'more work');
DELETE FROM orders WHERE ticket_id <= 210; DELETE FROM payments WHERE ticket_id <= 210; DELETE FROM ticket_entities WHERE ticket_id <= 210;
DELETE FROM tickets WHERE id <= 210;
CREATE TEMPORARY TABLE known AS SELECT event_id FROM sambapos.source_events;
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'the oldest are taken away');
SELECT results_eq($$SELECT kind || ' ' || rows FROM sambapos.source_events WHERE event_id NOT IN (TABLE known)$$, ARRAY['partial clear 10'], 'that is a partial clear');
SELECT till.quiet_sync() FROM generate_series(1, 2);

-- one ticket out of the middle: somebody deleted it
INSERT INTO known SELECT event_id FROM sambapos.source_events;
DELETE FROM orders WHERE ticket_id = 220; DELETE FROM payments WHERE ticket_id = 220; DELETE FROM ticket_entities WHERE ticket_id = 220;
DELETE FROM tickets WHERE id = 220;
SELECT is_empty($$SELECT * FROM till.sync()$$, 'one ticket is missing');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'two runs have missed it');
SELECT results_eq($$SELECT row_state FROM sambapos_replica.tickets WHERE id = 220 UNION SELECT row_state FROM sambapos_replica.orders WHERE ticket_id = 220$$, ARRAY['deleted'], 'it is deleted, with its lines');
SELECT results_eq($$SELECT kind || ' ' || (evidence -> 'ids') FROM sambapos.source_events WHERE event_id NOT IN (TABLE known)$$, ARRAY['single delete [220]'], 'and on record by its id');

-- a restore brings cleared rows back: they are the same rows
INSERT INTO tickets SELECT id, last_update_time, ticket_number, date, last_payment_date, is_closed, remaining_amount, total_amount, note, transaction_document_id
FROM sambapos_replica.tickets WHERE id BETWEEN 195 AND 210;
INSERT INTO orders SELECT id, ticket_id, menu_item_id, price, quantity, order_states, last_update_date_time FROM sambapos_replica.orders WHERE ticket_id BETWEEN 195 AND 210;
INSERT INTO payments SELECT id, ticket_id, amount, account_transaction__account_transaction_document_id FROM sambapos_replica.payments WHERE ticket_id BETWEEN 195 AND 210;
INSERT INTO ticket_entities SELECT id, entity_name, ticket_id FROM sambapos_replica.ticket_entities WHERE ticket_id BETWEEN 195 AND 210;
SELECT results_eq($$SELECT s FROM till.sync() AS s WHERE s ~ '^(tickets|orders)'$$, ARRAY['tickets ok +0 ~16 -0', 'orders ok +0 ~32 -0'], 'rows that come back are the rows that went');
SELECT results_eq($$SELECT DISTINCT row_state FROM sambapos_replica.tickets WHERE id BETWEEN 195 AND 210$$, ARRAY['live'], 'live again');

-- a clear that is under way: its first statement has run, the next one runs while we read
DELETE FROM ticket_entities;
SELECT results_eq($$SELECT count(*) FROM sambapos_sync('shop', NULL, 'full') WHERE table_name = 'ticket_entities' AND message ~ 'missing at the source for no reason'$$, ARRAY[1::bigint], 'an emptied child table is no edit, yet');
SELECT is((SELECT count(*) FROM sambapos_replica.ticket_entities WHERE row_state = 'removed'), 0::bigint, 'nothing was removed');
INSERT INTO till.before_step VALUES ('reading', 'tickets', 1, 'DELETE FROM sambapos_live_shop.tickets WHERE id > 230');
SELECT results_eq($$SELECT count(*) FROM sambapos_sync('shop') WHERE table_name IN ('tickets', 'orders') AND rows_gone = 0 AND message ~ 'vanished while they were read'$$, ARRAY[2::bigint], 'rows that vanish during the reading are judged by the next run');
SELECT till.clear();
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'the clear is over');
SELECT is((SELECT count(*) FROM sambapos_replica.ticket_entities WHERE row_state IN ('removed', 'live')), 0::bigint, 'rows of the table that was emptied first are cleared too');
SELECT is((SELECT count(*) FROM sambapos_replica.orders WHERE row_state = 'live'), 0::bigint, 'nothing is live');
SELECT is((SELECT count(*) FROM sambapos_replica.orders WHERE row_state = 'removed'), 0::bigint, 'and nothing was taken for an edit');
SELECT * FROM finish();
ROLLBACK;
