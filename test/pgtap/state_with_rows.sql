-- Promise: state moves only with the rows it describes. What fails is a row of the result, a line in the log
-- and in the state of its table; one table's failure stops no other; a lost connection merges nothing; and
-- what a failed run missed the next one reads.
BEGIN;
\ir seam.psql
SELECT plan(40);
SELECT throws_ok($$SELECT * FROM sambapos_sync('nope')$$, '42704', 'there is no site named "nope"', 'an unknown site raises');
SELECT throws_ok($$SELECT * FROM sambapos_sync('shop', '{nothing}')$$, '42P01', 'site "shop" has no table "nothing"', 'an unknown table raises');
SELECT throws_ok($$SELECT * FROM sambapos_sync('shop', mode => 'fast')$$, '22023', 'unknown mode "fast"', 'an unknown mode raises');
SELECT till.sell(1, 100);
SELECT results_eq($$SELECT DISTINCT status || ' ' || message FROM sambapos_sync('shop', mode => 'incremental') WHERE table_name = 'tickets'$$,
  ARRAY['skipped was never loaded: use mode auto or full'], 'incremental does not load');
SELECT is_empty($$SELECT * FROM sambapos_replica.tickets$$, 'indeed not');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
CREATE TEMPORARY TABLE state AS SELECT hw_utc, last_success_at, version FROM sambapos._place;
SELECT is((SELECT hw_utc FROM state), (SELECT utc_now FROM till.clock), 'the high-water mark is the source''s clock');

-- the connection is lost while rows are read
SELECT till.pass(1);
UPDATE tickets SET note = 'edited', last_update_time = (SELECT local_now FROM till.clock) WHERE id = 50;
ALTER TABLE orders RENAME TO orders_away;
CREATE FUNCTION till.cut() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'connection to the till lost' USING ERRCODE = '08006'; END; $$;
CREATE VIEW orders AS SELECT till.cut() AS id, ticket_id, menu_item_id, price, quantity, order_states, last_update_date_time FROM orders_away;
SET LOCAL allow_system_table_mods = on;
UPDATE pg_attribute SET attfdwoptions = '{key=true}' WHERE attrelid = 'orders'::regclass AND attname IN ('id', 'ticket_id');
SELECT set_eq($$SELECT DISTINCT status || ': ' || message FROM sambapos_sync('shop')$$, ARRAY['failed: connection to the till lost (08006)'], 'a lost connection fails all tables');
SELECT results_eq($$SELECT note FROM sambapos_replica.tickets WHERE id = 50$$, $$VALUES (NULL::text)$$, 'nothing was merged');
SELECT is((SELECT hw_utc FROM sambapos._place), (SELECT hw_utc FROM state), 'the high-water mark has not moved');
SELECT is((SELECT last_sqlstate || ' ' || consecutive_failures FROM sambapos._place), '08006 1', 'the site knows');
SELECT is((SELECT status || ' ' || message FROM sambapos.run ORDER BY run_id DESC LIMIT 1), 'failed connection to the till lost', 'the log too');
SELECT ok((SELECT next_due_at < clock_timestamp() + interval '61 seconds' FROM sambapos._place), 'it is due again in a minute');

-- one child table cannot be read
CREATE OR REPLACE FUNCTION till.cut() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'permission denied on Orders' USING ERRCODE = '42501'; END; $$;
SELECT set_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['tickets ok +0 ~1 -0', 'orders failed +0 ~0 -0 permission denied on Orders (42501)'], 'a table that cannot be read fails alone');
SELECT is((SELECT hw_utc FROM sambapos._place), (SELECT utc_now FROM till.clock), 'the high-water mark moves');
SELECT is((SELECT full_due FROM sambapos._table WHERE table_name = 'orders'), true, 'the table is to be read whole next time');
SELECT is((SELECT last_status || ' ' || last_sqlstate FROM sambapos._table WHERE table_name = 'orders'), 'failed 42501', 'its state says why');
DROP VIEW orders; ALTER TABLE orders_away RENAME TO orders;
UPDATE orders SET quantity = 2 WHERE ticket_id = 50;
SELECT till.pass(5);
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['orders ok +0 ~2 -0'], 'what it missed is found, hours later');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'the replica equals the source');
SELECT is((SELECT consecutive_failures || coalesce(last_error, '') FROM sambapos._place), '0', 'the site is well');

-- somebody at the till has a lock on one child table: what it missed waits, and the rest is not read for that
CREATE OR REPLACE FUNCTION till.cut() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'lock request time out period exceeded' USING ERRCODE = '55P03'; END; $$;
UPDATE tickets SET note = 'edited again', last_update_time = (SELECT local_now FROM till.clock) WHERE id = 60;
UPDATE tickets SET total_amount = 10, last_update_time = (SELECT local_now FROM till.clock) WHERE id IN (70, 71);
UPDATE orders SET quantity = 3 WHERE ticket_id = 60; DELETE FROM orders WHERE id IN (121, 141, 143); -- one line each
ALTER TABLE orders RENAME TO orders_away;
CREATE VIEW orders AS SELECT till.cut() AS id, ticket_id, menu_item_id, price, quantity, order_states, last_update_date_time FROM orders_away;
UPDATE pg_attribute SET attfdwoptions = '{key=true}' WHERE attrelid = 'orders'::regclass AND attname IN ('id', 'ticket_id');
SELECT set_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['tickets ok +0 ~3 -0', 'orders failed +0 ~0 -0 lock request time out period exceeded (55P03)'], 'a table that is locked fails alone');
SELECT is((SELECT full_due FROM sambapos._table WHERE table_name = 'orders'), false, 'it is not read whole for that');
SELECT set_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['orders failed +0 ~0 -0 lock request time out period exceeded (55P03)'], 'the next run meets the lock again');
DROP VIEW orders; ALTER TABLE orders_away RENAME TO orders;
SELECT till.pass(5);
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['orders ok +0 ~1 -3'], 'what it missed is found, hours later');
SELECT is((SELECT x.mode FROM sambapos.run_table AS x WHERE x.run_id = (SELECT max(run_id) FROM sambapos.run) AND table_name = 'orders'), 'incremental', 'without reading the table whole');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'the replica equals the source');
SELECT is_empty($$SELECT * FROM till.sync()$$, 'then nothing is left');
SELECT is_empty($$SELECT * FROM sambapos.waiting_root$$, 'and nothing waits');

-- it is locked while more than a thousand tickets change
SELECT till.sell(1001, 1001), till.pass(5), till.quiet_sync(), till.quiet_sync();
ALTER TABLE orders RENAME TO orders_away;
CREATE VIEW orders AS SELECT till.cut() AS id, ticket_id, menu_item_id, price, quantity, order_states, last_update_date_time FROM orders_away;
UPDATE pg_attribute SET attfdwoptions = '{key=true}' WHERE attrelid = 'orders'::regclass AND attname IN ('id', 'ticket_id');
UPDATE tickets SET total_amount = 11, last_update_time = (SELECT local_now FROM till.clock) WHERE id > 1000;
SELECT till.quiet_sync();
SELECT is_empty($$SELECT * FROM sambapos.waiting_root$$, 'more than a thousand tickets do not wait');
DROP VIEW orders; ALTER TABLE orders_away RENAME TO orders;
SELECT till.quiet_sync();
SELECT is((SELECT x.mode FROM sambapos.run_table AS x WHERE x.run_id = (SELECT max(run_id) FROM sambapos.run) AND table_name = 'orders'), 'full', 'the table is read whole then');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'and the replica equals the source');
SELECT till.quiet_sync();

-- the login is refused
INSERT INTO till.failure VALUES ('GETDATE', '28000', 'login failed for user "reader"');
SELECT set_eq($$SELECT DISTINCT status || ': ' || message FROM sambapos_sync('shop')$$, ARRAY['failed: login failed for user "reader" (28000)'], 'a refused login fails all tables');
SELECT is((SELECT auth_failed FROM sambapos._place), true, 'and is remembered');
SELECT is(sambapos._site_is_due(s), false, 'scheduled runs leave the site alone') FROM sambapos._place AS s;
SELECT sambapos_request_sync('shop');
SELECT is(sambapos._site_is_due(s), true, 'until somebody asks for one') FROM sambapos._place AS s;
DELETE FROM till.failure;
SELECT is_empty($$SELECT * FROM till.sync()$$, 'a sync that works');
SELECT is((SELECT auth_failed FROM sambapos._place), false, 'forgets it');

-- a table the source does not show
UPDATE sambapos.replicated_table SET source_name = 'Elsewhere' WHERE table_name = 'menu_items';
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['menu_items failed +0 ~0 -0 the source shows no table dbo.Elsewhere (42P01)'], 'a missing table fails alone');

-- the log does not grow for ever
UPDATE sambapos.run SET started_at = now() - interval '31 days' WHERE run_id = (SELECT min(run_id) FROM sambapos.run);
SELECT isnt_empty($$SELECT * FROM sambapos_sync('shop')$$, 'one more run');
SELECT is_empty($$SELECT * FROM sambapos.run WHERE started_at < now() - interval '30 days'$$, 'lines older than 30 days are gone');
SELECT * FROM finish();
ROLLBACK;
