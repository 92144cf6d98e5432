-- Promise: what no predicate of a run finds is found by comparing, and repaired by a run: rows changed, added or taken
-- without a stamp, whichever table they are in. One or two changed numbers cannot hide behind equal sums; tier 2 looks at
-- texts too. What was missed is counted, a clock that is behind makes runs look further back, and what was compared is
-- remembered by ranges of ids.
BEGIN;
\ir seam.psql
SELECT plan(37);
-- what a comparison says of rows, in short
CREATE FUNCTION pg_temp.reconcile(tables text[] DEFAULT NULL, tier integer DEFAULT 1) RETURNS SETOF text LANGUAGE sql AS
$$
  SELECT format('%s %s %s%s%s %s', table_name, id, finding, coalesce(' ' || nullif(array_to_string(columns, ','), ''), ''),
                CASE rows_missed WHEN 1 THEN ', missed' ELSE '' END, status)
  FROM sambapos_reconcile('shop', tables, tier) WHERE finding IS NOT NULL;
$$;
SAVEPOINT empty;

SELECT till.sell(1, 1100);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'a till with 1100 tickets');
SELECT sambapos_configure('shop', 'id_overlap', '0'); -- no row is read for being new
SELECT till.pass(1);
SELECT results_eq($$SELECT table_name, finding, rows_compared, rows_missed, status FROM sambapos_reconcile('shop', '{tickets,orders}')$$,
  $$VALUES ('tickets', NULL::text, 1100::bigint, 0::bigint, 'ok'), ('orders', NULL, 2200, 0, 'ok')$$, 'nothing differs; a row for each table says how much was compared');
SAVEPOINT loaded; -- a call holds the locks of its temporary tables until its transaction ends

-- changes that leave no stamp, in each kind of table; those that could hide are alone in their 1024 ids
UPDATE orders SET price = 0 WHERE id = 41;
UPDATE orders SET price = price + CASE id WHEN 1500 THEN 1 ELSE -1 END WHERE id IN (1500, 1501);
UPDATE orders SET price = price + 1, quantity = quantity - 1 WHERE id = 70;
UPDATE orders SET last_update_date_time = last_update_date_time - interval '1 second' WHERE id = 2100;
INSERT INTO orders VALUES (1, 3, 1, 5, 1, '[]', '2026-03-10 10:00');
UPDATE tickets SET transaction_document_id = NULL WHERE id = 4;
UPDATE ticket_entities SET ticket_id = 31 WHERE id = 30;
UPDATE account_transaction_values SET debit = debit + 1 WHERE id = 11;
UPDATE work_periods SET end_date = end_date + interval '1 hour' WHERE id = 2;
SELECT is(till.quiet_sync(), 0::bigint, 'no run sees a change of closed tickets, old documents and periods by plain SQL');
SELECT results_eq($$SELECT pg_temp.reconcile()$$, ARRAY[
  'tickets 4 different transaction_document_id, missed repaired',
  'work_periods 2 different end_date, missed repaired', 'account_transaction_values 11 different debit, missed repaired',
  'orders 1 missing here, missed repaired', 'orders 41 different price, missed repaired', 'orders 70 different price,quantity, missed repaired',
  'orders 1500 different price, missed repaired', 'orders 1501 different price, missed repaired',
  'orders 2100 different last_update_date_time, missed repaired', 'ticket_entities 30 different ticket_id, missed repaired'],
  'the comparison does: money given away or moved between two lines, NULL, a second, a new row under an old id, another root');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'all of it is followed');
SELECT results_eq($$SELECT table_name, total_missed FROM sambapos.verification WHERE total_missed > 0 ORDER BY 1$$,
  $$VALUES ('account_transaction_values', 1::bigint), ('orders', 6), ('ticket_entities', 1), ('tickets', 1), ('work_periods', 1)$$, 'what was missed is counted');
SELECT is((SELECT count(*) FROM sambapos.differences WHERE missed AND repaired_at IS NOT NULL), 10::bigint, 'and can be read');
ROLLBACK TO loaded;

-- rows that are gone
DELETE FROM payments WHERE id = 50;
DELETE FROM tickets WHERE id = 60; DELETE FROM orders WHERE ticket_id = 60; DELETE FROM payments WHERE ticket_id = 60; DELETE FROM ticket_entities WHERE ticket_id = 60;
SELECT results_eq($$SELECT pg_temp.reconcile()$$, ARRAY['payments 50 missing at the source, missed repaired'],
  'a payment is judged by the next runs, which follow at once; a ticket is missed by the counts, without comparing');
SELECT is((SELECT row_state FROM sambapos_replica.payments WHERE id = 50), 'removed', 'the payment is removed');
SELECT is((SELECT row_state FROM sambapos_replica.tickets WHERE id = 60), 'deleted', 'the ticket is deleted');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'all of it is followed');
ROLLBACK TO loaded;

-- what a run finds by itself is not missed
UPDATE tickets SET note = 'late', last_update_time = '2026-03-10 13:00', total_amount = 21 WHERE id = 7; UPDATE orders SET price = 11 WHERE id = 14;
SELECT till.sell(1101, 3, '2026-03-10 12:00');
SELECT sambapos_configure('shop', 'reconcile_interval', '1 hour');
UPDATE sambapos.verified_range SET verified_at = verified_at - interval '1 hour';
SELECT results_eq($$SELECT s FROM till.sync() AS s WHERE s ~ '^(tickets|orders)'$$, ARRAY['tickets ok +3 ~1 -0', 'orders ok +6 ~1 -0'], 'stamped edits and new tickets');
SELECT is_empty($$SELECT * FROM sambapos.differences$$, 'are no findings, though the run has compared before it read');
SELECT is((SELECT sum(rows_compared) FROM sambapos.run_table WHERE run_id = (SELECT max(run_id) FROM sambapos.run)) > 5000, true, 'which it has');
ROLLBACK TO loaded;

-- texts are for tier 2
UPDATE orders SET order_states = '[gift]' WHERE id = 100;
SELECT is_empty($$SELECT pg_temp.reconcile('{orders}')$$, 'tier 1 does not look at texts');
SELECT results_eq($$SELECT pg_temp.reconcile(NULL, 2)$$, ARRAY['orders 100 different order_states, missed repaired'], 'tier 2 does');
SELECT results_eq($$SELECT table_name, verified_ids::text FROM sambapos.verification WHERE tier = 2 AND table_name IN ('orders', 'tickets') ORDER BY 1$$,
  $$VALUES ('orders', '{[2,2202)}'), ('tickets', '{[1,1101)}')$$, 'ranges of ids are verified');
ROLLBACK TO empty;

-- by itself, part by part
SELECT till.sell(1, 300);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'a small till');
UPDATE orders SET price = 0 WHERE id = 41;
SELECT is(till.quiet_sync(), 0::bigint, 'a line given away without a stamp: not seen');
SELECT sambapos_configure('shop', 'reconcile_interval', '1 hour');
SELECT results_eq($$SELECT till.sync()$$, ARRAY['orders ok +0 ~1 -0'], 'the next run that is due to compare finds and repairs it');
SELECT is((SELECT rows_missed FROM sambapos.run_table WHERE table_name = 'orders' ORDER BY run_id DESC LIMIT 1), 1::bigint, 'the log says so');
UPDATE orders SET price = 0 WHERE id = 43;
SELECT is(till.quiet_sync(), 0::bigint, 'within the hour none compares');
UPDATE sambapos.verified_range SET verified_at = verified_at - interval '1 hour';
SELECT results_eq($$SELECT till.sync()$$, ARRAY['orders ok +0 ~1 -0'], 'after it one does');
SELECT sambapos_configure('shop', 'reconcile_sums', '400'), sambapos_configure('shop', 'reconcile_values', '0');
DELETE FROM sambapos.verified_range;
SELECT is(till.quiet_sync(), 0::bigint, 'a part of 400 ids');
SELECT results_eq($$SELECT table_name, verified_ids::text FROM sambapos.verification ORDER BY 1$$,
  $$VALUES ('account_transaction_documents', '{[201,301)}'), ('tickets', '{[1,301)}')$$, 'the newest of what was never compared');
ROLLBACK TO empty;

-- a run that does not go through verifies nothing, and what it found waits
SELECT till.sell(1, 10);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'ten tickets');
UPDATE orders SET price = 0 WHERE id = 5;
SELECT sambapos_configure('shop', 'reconcile_interval', '1 hour');
ALTER TABLE sambapos_replica.orders ADD CONSTRAINT nothing_is_free CHECK (price > 0);
SELECT matches((SELECT string_agg(s, ';') FROM till.sync() AS s), '^orders failed [^;]*$', 'a table fails');
SELECT is_empty($$SELECT * FROM sambapos.verification WHERE table_name = 'orders'$$, 'nothing of it is verified');
ALTER TABLE sambapos_replica.orders DROP CONSTRAINT nothing_is_free;
SELECT results_eq($$SELECT till.sync()$$, ARRAY['orders ok +0 ~1 -0'], 'the next run repairs');
SELECT is_empty($$SELECT * FROM sambapos.differences WHERE repaired_at IS NULL$$, 'nothing is open');
ROLLBACK TO empty;

-- a terminal whose clock is five hours behind saves a closed ticket
SELECT till.sell(1, 300, '2026-03-10 08:00');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'a till at noon');
SELECT till.pass(0.25);
UPDATE tickets SET total_amount = 19, last_update_time = '2026-03-10 07:15' WHERE id = 20;
SELECT is(till.quiet_sync(), 0::bigint, 'the edit is not seen');
SELECT results_eq($$SELECT pg_temp.reconcile()$$, ARRAY['tickets 20 different last_update_time,total_amount, missed repaired'], 'a comparison finds it');
SELECT is((SELECT lateness FROM sambapos.site_state), interval '9:30', 'twice of what the clock is behind, by what is known');
SELECT till.pass(0.25);
UPDATE tickets SET total_amount = 18, last_update_time = '2026-03-10 07:30' WHERE id = 21;
SELECT results_eq($$SELECT till.sync()$$, ARRAY['tickets ok +0 ~1 -0'], 'the next one is found by any run');

SELECT throws_ok($$SELECT * FROM sambapos_reconcile('shop', NULL, 3)$$, '22023', 'there is no tier 3', 'tiers are two');
SELECT throws_ok($$SELECT * FROM sambapos_reconcile('shop', '{nonsense}')$$, '42P01', NULL, 'tables are named');
SELECT * FROM finish();
ROLLBACK;
