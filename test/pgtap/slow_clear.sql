-- Promise: no clear, however slow and in whatever order, turns history into removed rows, which reports leave
-- out. A child table that is empty under tickets nobody touched was cleared; a last discount that somebody
-- took off a ticket was removed. What was not copied while a clear went by shares the fate of its root.
BEGIN;
\ir seam.psql
SELECT plan(19);
CREATE FUNCTION pg_temp.states(relation name) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  answer text;
BEGIN
  EXECUTE format('SELECT string_agg(s, '', '' ORDER BY s) FROM (SELECT row_state || '' '' || count(*) AS s FROM sambapos_replica.%I GROUP BY row_state) AS x', relation) INTO answer;
  RETURN answer;
END;
$$;

SELECT till.sell(1, 100, '2026-03-09 10:00');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
DELETE FROM orders;
SELECT is_empty($$SELECT * FROM till.sync()$$, 'orders are empty under tickets nobody touched: their rows wait');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'in the next run the tickets are still there'); -- being cleared
SELECT is(pg_temp.states('orders'), 'cleared 200', 'the orders are cleared');
SELECT till.clear();
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'the clear is over');
SELECT is(pg_temp.states('tickets'), 'cleared 100', 'the tickets are cleared');
SELECT is(pg_temp.states('orders'), 'cleared 200', 'and so are their orders');

-- the documents first, then the orders, then the tickets
SELECT till.pass(2);
SELECT till.sell(101, 100, '2026-03-10 13:00');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'another month');
DELETE FROM account_transaction_values; DELETE FROM account_transactions; DELETE FROM account_transaction_documents; DELETE FROM orders;
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'the documents are gone');
SELECT is(pg_temp.states('orders'), 'cleared 200, live 200', 'a clear of the documents says nothing about the orders of tickets that are there');
SELECT till.clear();
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'the clear is over');
SELECT is(pg_temp.states('orders'), 'cleared 400', 'no order was removed');

-- an edit that leaves a table empty
SELECT till.pass(2);
SELECT till.sell(201, 2, '2026-03-10 15:00');
DELETE FROM payments WHERE id = 202;
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'a new month, one payment');
DELETE FROM payments;
UPDATE tickets SET remaining_amount = 20, last_update_time = (SELECT local_now FROM till.clock) WHERE id = 201;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['tickets ok +0 ~1 -0', 'payments ok +0 ~0 -1'], 'the last payment is taken off its ticket');
SELECT is(pg_temp.states('payments'), 'cleared 200, removed 1', 'which is an edit, at once');

-- a table that was not copied while a clear went by
UPDATE sambapos.replicated_table SET enabled = false WHERE table_name = 'orders';
DELETE FROM sambapos.replicated_table WHERE table_name = 'orders'; DELETE FROM sambapos.table_state WHERE table_name = 'orders';
SELECT till.clear();
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'a clear while orders are not copied');
INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind, parent, parent_key)
SELECT s.site_id, 'orders', 'Orders', 'child', 'tickets', 'ticket_id' FROM sambapos._place AS s;
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'orders are copied again');
SELECT is(pg_temp.states('orders'), 'cleared 404', 'their rows went with their tickets');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT * FROM finish();
ROLLBACK;
