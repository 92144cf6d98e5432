-- Promise: each way a ticket can change is found by one of the predicates, whatever the till's clock says.
-- Every case below is invisible to the other predicates: the tickets it edits are closed, old, and stamped
-- long before the last sync, unless the case is about just that.
BEGIN;
\ir seam.psql
SELECT plan(31);
SELECT till.sell(1, 1000, '2026-03-09 10:00');
UPDATE tickets SET is_closed = false, remaining_amount = 20 WHERE id IN (400, 401);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
SELECT till.pass(5);
SELECT is_empty($$SELECT * FROM till.sync()$$, 'five hours later nothing');

-- A: new ids
SELECT till.sell(1001, 3, '2001-01-01 00:00');
SELECT results_eq($$SELECT s FROM till.sync() AS s WHERE s ~ '^(tickets|orders) '$$, ARRAY['tickets ok +3 ~0 -0', 'orders ok +6 ~0 -0'], 'A: new tickets, with a clock that stands in 2001');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'A: all there');
-- A: an id below the highest that is committed late
DELETE FROM orders WHERE ticket_id = 1000; DELETE FROM payments WHERE ticket_id = 1000;
DELETE FROM ticket_entities WHERE ticket_id = 1000; DELETE FROM tickets WHERE id = 1000;
SELECT is_empty($$SELECT * FROM till.sync()$$, 'a ticket is missing');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'two runs have missed it: it is gone');
INSERT INTO tickets SELECT 1000, '2001-01-01', '1000', '2026-03-09 10:16:40', '2001-01-01', true, 0, 20, 'late', 1000;
SELECT results_eq($$SELECT s FROM till.sync() AS s WHERE s ~ '^tickets '$$, ARRAY['tickets ok +0 ~1 -0'], 'A: a lower id that is committed late is found (and known again by its fingerprint)');

-- B: the stamp, within the overlap of the source's clock
UPDATE tickets SET note = 'stamped', last_update_time = (SELECT local_now - interval '14 minutes' FROM till.clock) WHERE id = 10;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['tickets ok +0 ~1 -0'], 'B: a stamp inside the overlap');
UPDATE tickets SET note = 'from the future', last_update_time = '2099-01-01' WHERE id = 11;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['tickets ok +0 ~1 -0'], 'B: a stamp in 2099');
UPDATE tickets SET note = 'after 2099', last_update_time = (SELECT local_now FROM till.clock) WHERE id = 12;
SELECT till.pass(3);
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['tickets ok +0 ~1 -0'], 'B: a stamp in 2099 does not hide the next ones');
-- B: the hour that exists twice in autumn: the local clock goes back by one hour
UPDATE till.clock SET local_now = local_now - interval '1 hour';
UPDATE tickets SET note = 'twice', last_update_time = (SELECT local_now FROM till.clock) WHERE id = 13;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['tickets ok +0 ~1 -0'], 'B: stamps of the hour that comes again');
-- B: the source's clock is set back by two days
UPDATE till.clock SET local_now = local_now - interval '2 days', utc_now = utc_now - interval '2 days';
UPDATE tickets SET note = 'set back', last_update_time = (SELECT local_now FROM till.clock) WHERE id = 14;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['tickets ok +0 ~1 -0'], 'B: a clock that was set back');
UPDATE till.clock SET local_now = local_now + interval '2 days', utc_now = utc_now + interval '2 days';
SELECT is_empty($$SELECT * FROM till.sync()$$, 'and put right again');

-- C: an open ticket is always read
UPDATE tickets SET note = 'unstamped' WHERE id = 400;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['tickets ok +0 ~1 -0'], 'C: an unstamped edit of an open ticket');
-- D: a ticket that was open when last seen
UPDATE tickets SET is_closed = true, remaining_amount = 0 WHERE id = 400;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['tickets ok +0 ~1 -0'], 'D: closed without a stamp');
DELETE FROM orders WHERE ticket_id = 401; DELETE FROM payments WHERE ticket_id = 401; DELETE FROM ticket_entities WHERE ticket_id = 401;
DELETE FROM tickets WHERE id = 401;
SELECT till.quiet_sync();
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['tickets ok +0 ~0 -1', 'orders ok +0 ~0 -2', 'payments ok +0 ~0 -1', 'ticket_entities ok +0 ~0 -1'], 'D: an open ticket that vanished');
SELECT results_eq($$SELECT row_state FROM sambapos_replica.tickets WHERE id = 401$$, ARRAY['deleted'], 'is deleted, its values are there');

-- E: payment on a closed ticket without a stamp of its own
UPDATE tickets SET total_amount = 25, last_payment_date = (SELECT local_now FROM till.clock) WHERE id = 20;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['tickets ok +0 ~1 -0'], 'E: the payment date');

-- F: a child with a new id
INSERT INTO orders VALUES (5000, 30, 1, 7, 1, '[]', '2001-01-01');
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['orders ok +1 ~0 -0'], 'F: a new order on an old closed ticket');
INSERT INTO payments VALUES (5000, 31, 7, NULL);
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['payments ok +1 ~0 -0'], 'F: a new payment');
INSERT INTO ticket_entities VALUES (5000, 'room 3', 32);
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['ticket_entities ok +1 ~0 -0'], 'F: a new table');
UPDATE orders SET order_states = '[{"S":"Void"}]', last_update_date_time = (SELECT local_now FROM till.clock) WHERE id = 80;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['orders ok +0 ~1 -0'], 'F: an order with a new stamp of its own');
INSERT INTO account_transactions VALUES (5000, 33, 7);
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['account_transactions ok +1 ~0 -0'], 'F: a new transaction in an old document');

-- documents: with their tickets, new, and recent ones without a ticket
UPDATE account_transactions SET amount = 99 WHERE account_transaction_document_id = 40;
UPDATE tickets SET last_update_time = (SELECT local_now FROM till.clock) WHERE id = 40;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['tickets ok +0 ~1 -0', 'account_transactions ok +0 ~1 -0'], 'the ledger of a changed ticket');
INSERT INTO account_transaction_documents VALUES (2000, (SELECT local_now - interval '1 day' FROM till.clock), 'by hand');
INSERT INTO account_transactions VALUES (6000, 2000, 5);
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['account_transaction_documents ok +1 ~0 -0', 'account_transactions ok +1 ~0 -0'], 'a new document without a ticket');
UPDATE account_transactions SET amount = 6 WHERE id = 6000;
UPDATE account_transaction_documents SET name = 'edited' WHERE id = 2000;
INSERT INTO account_transaction_documents SELECT i, (SELECT local_now FROM till.clock), 'by hand' FROM generate_series(2001, 2300) AS i;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['account_transaction_documents ok +300 ~1 -0', 'account_transactions ok +0 ~1 -0'], 'an edited one of yesterday, beyond the id overlap');

-- periods
UPDATE work_periods SET end_date = '2026-03-10 22:00' WHERE id = 9;
INSERT INTO work_periods VALUES (10, '2026-03-11 08:00', '2026-03-11 08:00');
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['work_periods ok +1 ~1 -0'], 'a work period ends and the next begins');

-- rows nobody announced: the counts do not agree, so the ids are compared
INSERT INTO tickets VALUES (-5, '2001-01-01', 'x', '2001-01-01', '2001-01-01', true, 0, 1, NULL, NULL);
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['tickets ok +1 ~0 -0'], 'a ticket below all that are known');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'the replica equals the source');
SELECT is_empty($$SELECT * FROM till.sync('full')$$, 'a full sync finds nothing more');
SELECT is((SELECT count(*) FROM sambapos.source_events WHERE kind <> 'single delete'), 0::bigint, 'and nobody spoke of a clear');
SELECT * FROM finish();
ROLLBACK;
