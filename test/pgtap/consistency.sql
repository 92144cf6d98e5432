-- Promise: without a snapshot a ticket and its payments are of two moments. Where their sums show that the till was
-- between them it is shown, and read again by the next run; what is so at the till is shown, and left alone.
-- sambapos_prepare_clear says SAFE only when all that is copied is equal, value by value, and otherwise why not.
BEGIN;
\ir seam.psql
SELECT plan(29);
CREATE TABLE change_payments (id int, ticket_id int, amount numeric(16,2));
ALTER TABLE account_transaction_values ADD credit numeric(16,2);
UPDATE pg_attribute AS a
   SET attfdwoptions = ARRAY['column_name=' || till.source_name(c.relname, a.attname), 'remote_type=' || format_type(a.atttypid, a.atttypmod)]
                       || CASE WHEN a.attname IN ('id', 'ticket_id') THEN '{key=true}'::text[] ELSE '{}' END
  FROM pg_class AS c WHERE c.oid = a.attrelid AND a.attnum > 0
   AND (c.oid = 'change_payments'::regclass OR (c.oid, a.attname) = ('account_transaction_values'::regclass, 'credit'));
INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind, parent, parent_key)
SELECT s.site_id, 'change_payments', 'ChangePayments', 'child', 'tickets', 'ticket_id' FROM sambapos.site AS s;
SET LOCAL quote_all_identifiers = off;
SELECT sambapos._replica_ensure(s.site_id, t) FROM sambapos.site AS s, unnest('{change_payments,account_transaction_values}'::text[]) AS t;
RESET quote_all_identifiers;
SELECT till.sell(1, 20);
UPDATE account_transaction_values SET debit = 20, credit = 20;
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'twenty tickets that agree');
SELECT is_empty($$SELECT * FROM sambapos.inconsistent$$, 'nothing is inconsistent');
SAVEPOINT loaded;

-- the guest pays while the run reads: the ticket is read before, the payment after
INSERT INTO tickets VALUES (21, '2026-03-10 11:59', '21', '2026-03-10 11:50', '2026-03-10 11:50', false, 20, 20, NULL, NULL);
INSERT INTO till.before_step VALUES ('reading', 'payments', 2, $$INSERT INTO sambapos_live_shop.payments VALUES (21, 21, 20, NULL);
  UPDATE sambapos_live_shop.tickets SET remaining_amount = 0, is_closed = true, last_update_time = '2026-03-10 12:00' WHERE id = 21$$);
SELECT results_eq($$SELECT till.sync()$$, ARRAY['tickets ok +1 ~0 -0', 'payments ok +1 ~0 -0'], 'a guest pays while a run reads');
SELECT results_eq($$SELECT site, table_name, id, difference, is_of_the_till FROM sambapos.inconsistent$$, $$VALUES ('shop', 'tickets', 21::bigint, 20.00, false)$$, 'the sums show it');
SELECT matches((SELECT message FROM sambapos.run_table WHERE table_name = 'tickets' ORDER BY run_id DESC LIMIT 1), 'the sums of 1 rows', 'the log says so');
UPDATE tickets SET last_update_time = '2026-03-01' WHERE id = 21; -- as it would be with a clock that is behind
SELECT results_eq($$SELECT till.sync()$$, ARRAY['tickets ok +0 ~1 -0'], 'the next run reads the ticket again, whatever its stamp');
SELECT is_empty($$SELECT * FROM sambapos.inconsistent$$, 'it agrees');
SELECT is_empty($$SELECT * FROM sambapos.waiting_root$$, 'nothing waits');
ROLLBACK TO loaded;

-- what does not agree at the till itself
UPDATE tickets SET remaining_amount = 5, last_update_time = '2026-03-10 12:00' WHERE id = 3;
UPDATE account_transaction_values SET credit = 19 WHERE id = 8;
SELECT results_eq($$SELECT till.sync()$$, ARRAY['tickets ok +0 ~1 -0', 'account_transaction_values ok +0 ~1 -0'],
  'a ticket with more left than its payments leave, a document with more debit than credit');
SELECT results_eq($$SELECT table_name, id, difference, is_of_the_till FROM sambapos.inconsistent ORDER BY 2$$,
  $$VALUES ('tickets', 3::bigint, 5.00, false), ('account_transaction_documents', 4, 1.00, false)$$, 'are shown');
SELECT is((SELECT count(*) FROM sambapos.waiting_root), 2::bigint, 'and read again');
SELECT is(till.quiet_sync(), 0::bigint, 'another run');
SELECT is((SELECT bool_and(is_of_the_till) FROM sambapos.inconsistent), true, 'both are the till''s own');
SELECT is_empty($$SELECT * FROM sambapos.waiting_root$$, 'and are not read again');
INSERT INTO change_payments VALUES (1, 4, 2);
UPDATE payments SET amount = 22 WHERE id = 4; UPDATE tickets SET last_update_time = '2026-03-10 12:00', remaining_amount = 0 WHERE id IN (3, 4);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'one is put right, at another change is given');
SELECT results_eq($$SELECT table_name, id FROM sambapos.inconsistent$$, $$VALUES ('account_transaction_documents', 4::bigint)$$, 'that agrees');
SELECT till.clear();
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'a clear');
SELECT is_empty($$SELECT * FROM sambapos.inconsistent$$, 'history is not looked at');
ROLLBACK TO loaded;

-- may the shop clear?
SELECT is(sambapos_prepare_clear('shop'), 'SAFE until the next ticket', 'a shop that is closed');
SAVEPOINT safe;
UPDATE orders SET order_states = 'x' WHERE id = 7; DELETE FROM payments WHERE id = 5;
SELECT is(sambapos_prepare_clear('shop'), 'SAFE until the next ticket', 'what differs is repaired first');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'which is so');
ROLLBACK TO safe;
SELECT sambapos_configure('shop', 'enabled', 'false', 'payments');
SELECT is(sambapos_prepare_clear('shop'), 'NOT SAFE: payments of shop is disabled', 'payments are not copied');
ROLLBACK TO safe;
INSERT INTO till.failure VALUES ('BEGIN|COUNT_BIG', '08006', 'the till is off');
SELECT matches(sambapos_prepare_clear('shop'), '^NOT SAFE: the till is off', 'the till cannot be reached');
ROLLBACK TO safe;
SELECT sambapos_configure('shop', 'enabled', 'false');
SELECT is(sambapos_prepare_clear('shop'), 'NOT SAFE: the site is disabled', 'the site is disabled');
ROLLBACK TO safe;
SELECT sambapos_configure('shop', 'id_overlap', '0');
INSERT INTO orders VALUES (1, 999, 1, 5, 1, '[]', '2026-03-10 10:00');
SELECT is(sambapos_prepare_clear('shop'), 'NOT SAFE: row 1 of orders differs from the source (see sambapos.differences)', 'a line whose ticket is not there');
SELECT results_eq($$SELECT table_name, id, kind, missed, is_orphan, repaired_at FROM sambapos.differences$$, $$VALUES ('orders', 1::bigint, 'missing here', false, true, NULL::timestamptz)$$, 'it is shown');
SELECT is_empty($$SELECT * FROM sambapos.waiting_root$$, 'no run asks for the ticket');
DELETE FROM orders WHERE id = 1;
SELECT is(sambapos_prepare_clear('shop'), 'SAFE until the next ticket', 'it is gone');
SELECT throws_ok($$SELECT sambapos_prepare_clear('nowhere')$$, '42704', NULL, 'no such site');
SELECT * FROM finish();
ROLLBACK;
