-- Promise: masters are compared whole; earlier versions of what was sold are kept with the time they held;
-- a row that is gone is deleted and keeps its values; too many at once wait for a person.
BEGIN;
\ir seam.psql
SELECT plan(14);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
UPDATE sambapos_replica.menu_item_prices SET synced_at = now() - interval '1 day';
UPDATE menu_item_prices SET price = 12.50 WHERE id = 2;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['menu_item_prices ok +0 ~1 -0'], 'a price changes');
SELECT results_eq($$SELECT price, valid_from, valid_to, version FROM sambapos_replica.menu_item_prices_history$$,
  $$VALUES (10.00, now() - interval '1 day', now(), 1::bigint)$$, 'the old one is kept with its time');
SELECT results_eq($$SELECT price, version FROM sambapos_replica.menu_item_prices WHERE id = 2$$, $$VALUES (12.50, 2::bigint)$$, 'the new one holds');
SELECT is_empty($$SELECT * FROM till.sync()$$, 'once');
DELETE FROM menu_items WHERE id = 3;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['menu_items ok +0 ~0 -1'], 'an item is deleted');
SELECT results_eq($$SELECT name || ' ' || row_state FROM sambapos_replica.menu_items WHERE id = 3$$, ARRAY['item 3 deleted'], 'its name stays');
INSERT INTO menu_items SELECT i, 'item ' || i, 'drinks' FROM generate_series(3, 200) AS i;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['menu_items ok +197 ~1 -0'], 'it comes back, with others');
SELECT results_eq($$SELECT group_code FROM sambapos_replica.menu_items_history WHERE id = 3$$, ARRAY['food'], 'its earlier version is kept');
DELETE FROM menu_items WHERE id > 100;
UPDATE menu_items SET name = 'soup' WHERE id = 1;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['menu_items failed +0 ~1 -0 100 of 200 rows are gone at the source, with no sign of a clear: they are not marked deleted (55000)'],
  'half of the menu is gone: the run stops, what is there is written');
SELECT results_eq($$SELECT DISTINCT row_state FROM sambapos_replica.menu_items$$, ARRAY['live'], 'nothing is marked');
SELECT sambapos_configure('shop', 'gone_limit', '100');
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['menu_items ok +0 ~0 -100'], 'a person says that it is right');
INSERT INTO account_transaction_document_type_account_transaction_types VALUES (1, 2), (1, 3);
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['account_transaction_document_type_account_transaction_types ok +2 ~0 -0'], 'a table that is nothing but a key');
DELETE FROM account_transaction_document_type_account_transaction_types WHERE account_transaction_type_id = 3;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['account_transaction_document_type_account_transaction_types ok +0 ~0 -1'], 'and loses a row');
SELECT * FROM finish();
ROLLBACK;
