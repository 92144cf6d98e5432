-- Promise: a child that its delivered root no longer has is removed, not deleted: it keeps its last values
-- and does not count; whoever else is missing is not touched.
BEGIN;
\ir seam.psql
SELECT plan(21);
SELECT till.sell(1, 50);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
SELECT till.pass(1);
CREATE FUNCTION pg_temp.touch(ticket integer) RETURNS void LANGUAGE sql AS
$$ UPDATE tickets SET last_update_time = (SELECT local_now FROM till.clock) WHERE id = ticket; $$;

-- a line is moved: deleted here, inserted there under a new id
DELETE FROM orders WHERE id = 20; INSERT INTO orders VALUES (900, 11, 1, 10, 1, '[]', '2026-03-10');
SELECT pg_temp.touch(10), pg_temp.touch(11);
SELECT results_eq($$SELECT s FROM till.sync() AS s WHERE s ~ '^orders'$$, ARRAY['orders ok +1 ~0 -1'], 'a moved line: one more, one gone');
SELECT results_eq($$SELECT row_state || ' ' || price FROM sambapos_replica.orders WHERE id = 20$$, ARRAY['removed 10.00'], 'the old line is removed and has its values');
SELECT is((SELECT sum(price * quantity) FROM sambapos_replica.orders WHERE row_state = 'live'), (SELECT sum(price * quantity) FROM orders), 'no sale is counted twice');

-- a merge: all lines and the payment of a ticket are gone, the ticket stays
DELETE FROM orders WHERE ticket_id = 12; DELETE FROM payments WHERE ticket_id = 12;
UPDATE tickets SET total_amount = 0 WHERE id = 12;
SELECT pg_temp.touch(12);
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['tickets ok +0 ~1 -0', 'orders ok +0 ~0 -2', 'payments ok +0 ~0 -1'], 'an emptied ticket keeps its own row');

-- a row that comes back is live again
INSERT INTO orders VALUES (20, 10, 2, 10, 1, '[]', '2026-03-10 10:00');
SELECT pg_temp.touch(10);
SELECT results_eq($$SELECT s FROM till.sync() AS s WHERE s ~ '^orders'$$, ARRAY['orders ok +0 ~1 -0'], 'a line that comes back');
SELECT results_eq($$SELECT row_state || ' ' || price FROM sambapos_replica.orders WHERE id = 20$$, ARRAY['live 10.00'], 'is live');
-- one that comes with other values, in a table that has no time of birth, can be another row under the same id
DELETE FROM orders WHERE id = 20;
SELECT till.pass(1), pg_temp.touch(10);
SELECT results_eq($$SELECT s FROM till.sync() AS s WHERE s ~ '^orders'$$, ARRAY['orders ok +0 ~0 -1'], 'a line that goes once more');
INSERT INTO orders VALUES (20, 10, 2, 11, 1, '[]', '2026-03-10 10:00');
SELECT till.pass(1), pg_temp.touch(10);
SELECT isnt_empty($$SELECT s FROM till.sync() AS s WHERE s ~ '^orders'$$, 'and comes with other values');
SELECT results_eq($$SELECT row_state || ' ' || price FROM sambapos_replica.orders WHERE id = 20 ORDER BY epoch$$,
  ARRAY['removed 10.00', 'live 11.00'], 'one that comes with other values does not write over what it was');
SELECT is((SELECT sum(price * quantity) FROM sambapos_report.orders), (SELECT sum(price * quantity) FROM orders), 'and counts once');

-- a table that leaves its ticket without being deleted (the column may be NULL), and one that changes tickets
UPDATE ticket_entities SET ticket_id = NULL WHERE id = 5; UPDATE ticket_entities SET ticket_id = 7 WHERE id = 6;
SELECT pg_temp.touch(5), pg_temp.touch(6);
SELECT results_eq($$SELECT s FROM till.sync() AS s WHERE s ~ '^ticket_ent'$$, ARRAY['ticket_entities ok +2 ~0 -2'], 'rows that leave their ticket live on, under the other one or none');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'and equal the source');
DELETE FROM ticket_entities WHERE id = 5;
SELECT is_empty($$SELECT * FROM till.sync()$$, 'one without a ticket is missing');
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['ticket_entities ok +0 ~0 -1'], 'one without a ticket that is deleted is noticed');

-- a table that is emptied by edits of its tickets, as the items marked paid are when the ticket closes
INSERT INTO paid_items VALUES (1, 8, 1), (2, 9, 1);
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['paid_items ok +2 ~0 -0'], 'items marked paid');
DELETE FROM paid_items;
SELECT pg_temp.touch(8), pg_temp.touch(9);
SELECT results_eq($$SELECT s FROM till.sync() AS s WHERE s ~ '^paid_items'$$, ARRAY['paid_items ok +0 ~0 -2'], 'the last of them go with an edit: no clear is suspected');

-- a ticket that is not read again says nothing about its children
DELETE FROM payments WHERE ticket_id = 30;
UPDATE sambapos.site SET id_overlap = 0;
SELECT is_empty($$SELECT * FROM till.sync()$$, 'a child of an unchanged ticket is not looked at');
SELECT is_empty($$SELECT * FROM till.sync('full')$$, 'a full sync looks, and nothing explains what it misses');
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['payments ok +0 ~0 -1'], 'the next run asks again, and judges');
SELECT is((SELECT count(*) FROM sambapos_replica.orders), 103::bigint, 'no row has ever left the replica');
SELECT * FROM finish();
ROLLBACK;
