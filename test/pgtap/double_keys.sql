-- Promise: two different rows under one key are refused by name and nothing of that table is written; the
-- same row delivered twice is one row; other tables go on.
BEGIN;
\ir seam.psql
SELECT plan(9);
SELECT till.sell(1, 10);
INSERT INTO menu_items VALUES (2, 'another item 2', 'food');
SELECT results_eq($$SELECT status || ': ' || message FROM sambapos_sync('shop') WHERE table_name = 'menu_items'$$,
  ARRAY['failed: the source delivered different rows of table "MenuItems" under one key (23505)'], 'double keys are refused');
SELECT results_eq($$SELECT detail FROM sambapos.run_table WHERE table_name = 'menu_items'$$, ARRAY['Key (id): 2.'], 'and named');
SELECT is_empty($$SELECT * FROM sambapos_replica.menu_items$$, 'nothing of the table is written');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets), 10::bigint, 'the others are');
SELECT is((SELECT status FROM sambapos.run), 'partial', 'the run says so');
SELECT is((SELECT last_error FROM sambapos._place), 'menu_items: the source delivered different rows of table "MenuItems" under one key', 'the site too');
UPDATE menu_items SET name = 'item 2' WHERE id = 2;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['menu_items ok +3 ~0 -0'], 'the same row twice is one row');
SELECT throws_ok($$SELECT sambapos_sync('shop', on_error => 'sigh')$$, '22023', 'on_error must be report or raise, not "sigh"', 'arguments are checked');
INSERT INTO menu_items VALUES (2, 'another item 2', 'food');
SELECT throws_like($$SELECT sambapos_sync('shop', on_error => 'raise')$$, 'sync of site "shop" failed: menu_items: %', 'on_error raise raises');
SELECT * FROM finish();
ROLLBACK;
