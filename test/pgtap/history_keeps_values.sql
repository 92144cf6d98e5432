-- Promise: a row that is not live keeps its values. The table itself refuses another one, whoever writes, with the
-- extension or without; what a person decides about history goes through one function.
BEGIN;
\ir seam.psql
SELECT plan(25);
SELECT till.sell(1, 5, '2026-03-09 10:00');
SELECT till.quiet_sync();
UPDATE menu_items SET name = 'renamed' WHERE id = 1;
SELECT till.quiet_sync();
SELECT till.pass(2); SELECT till.clear(); SELECT till.quiet_sync();
SELECT is((SELECT count(*) FROM sambapos_replica.orders WHERE row_state = 'cleared'), 10::bigint, 'ten lines are history');

SELECT is((SELECT string_agg(c.relname, ', ') FROM pg_class AS c WHERE c.relnamespace = 'sambapos_replica'::regnamespace AND c.relkind = 'r'
             AND NOT EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND g.tgname = 'keep_history')), NULL, 'every table of the replica has the guard');
SELECT is((SELECT count(*) FROM pg_depend WHERE objid = 'sambapos_replica.keep_history()'::regprocedure AND deptype = 'e'), 0::bigint, 'its function is no member of the extension');

SELECT throws_ok($$UPDATE sambapos_replica.orders SET price = 0 WHERE id = 4$$, '23000', NULL, 'a value');
SELECT throws_ok($$UPDATE sambapos_replica.orders SET price = NULL WHERE id = 4$$, '23000', NULL, 'a NULL');
SELECT throws_ok($$UPDATE sambapos_replica.orders SET price = 10.000 WHERE id = 4$$, '23000', NULL, 'the scale of a number');
SELECT throws_ok($$UPDATE sambapos_replica.orders SET epoch = 7 WHERE id = 4$$, '23000', NULL, 'a key');
SELECT throws_ok($$UPDATE sambapos_replica.orders SET first_seen_at = now() - interval '1 day' WHERE id = 4$$, '23000', NULL, 'when it was first seen');
SELECT throws_ok($$UPDATE sambapos_replica.orders SET row_state = 'live', price = 0 WHERE id = 4$$, '23000', NULL, 'a value, while it is made live');
SELECT throws_ok($$UPDATE sambapos_replica.menu_items SET row_state = 'deleted', name = 'x' WHERE id = 1$$, '23000', NULL, 'a value, while a live row becomes history');
SELECT throws_ok($$UPDATE sambapos_replica.menu_items_history SET name = 'x'$$, '23000', NULL, 'an earlier version of a master');
SELECT lives_ok($$UPDATE sambapos_replica.orders SET row_state = 'removed', synced_at = now(), version = 99 WHERE id = 4$$, 'state, time and version may change');
SELECT lives_ok($$UPDATE sambapos_replica.tickets SET document_epoch = 1 WHERE id = 2$$, 'and the epoch of its document');
SELECT throws_ok($$UPDATE sambapos_replica.tickets SET document_epoch = 1, note = 'x' WHERE id = 2$$, '23000', NULL, 'nothing beside it');
SELECT lives_ok($$UPDATE sambapos_replica.menu_items SET name = 'x' WHERE row_state = 'live'$$, 'a live row is free');

SELECT is(sambapos._history_rewrite((SELECT site_id FROM sambapos._place), 'tickets', 'note = NULL', 'id = 2'), 1::bigint, 'one function may');
SELECT throws_ok($$UPDATE sambapos_replica.tickets SET note = 'x' WHERE id = 2$$, '23000', NULL, 'and opens nothing for who comes after it');

-- a replica that lost its guard gets it back
DROP TRIGGER keep_history ON sambapos_replica.orders;
SELECT sambapos._replica_ensure((SELECT site_id FROM sambapos._place), 'orders');
SELECT throws_ok($$UPDATE sambapos_replica.orders SET price = 0 WHERE id = 4$$, '23000', NULL, 'a guard that was dropped comes back');

ALTER TABLE sambapos_replica.orders DISABLE TRIGGER keep_history;
SELECT ok(NOT sambapos._guard_is_on('sambapos_replica.orders'), 'one that is off is none');
SELECT sambapos._replica_ensure((SELECT site_id FROM sambapos._place), 'orders');
SELECT throws_ok($$UPDATE sambapos_replica.orders SET price = 0 WHERE id = 4$$, '23000', NULL, 'it comes back');
CREATE OR REPLACE TRIGGER keep_history AFTER UPDATE OF quantity ON sambapos_replica.orders FOR EACH ROW EXECUTE FUNCTION sambapos_replica.keep_history('');
SELECT sambapos._replica_ensure((SELECT site_id FROM sambapos._place), 'orders');
SELECT throws_ok($$UPDATE sambapos_replica.orders SET price = 0 WHERE id = 4$$, '23000', NULL, 'and so does one that was changed');
SELECT is((SELECT string_agg(c.oid::regclass::text, ', ') FROM pg_class AS c
           WHERE c.relnamespace = 'sambapos_replica'::regnamespace AND c.relkind = 'r' AND NOT sambapos._guard_is_on(c.oid)), NULL, 'every table has it as it was made');
SELECT is((SELECT string_agg(sambapos._relation_code_of_others(c.oid), ', ') FROM pg_class AS c WHERE c.relnamespace = 'sambapos_replica'::regnamespace AND c.relkind = 'r'), NULL, 'and it is no code of others');

DROP EXTENSION sambapos_fdw CASCADE;
SELECT throws_ok($$UPDATE sambapos_replica.orders SET price = 0 WHERE id = 4$$, '23000', NULL, 'after DROP EXTENSION too');
SELECT lives_ok($$UPDATE sambapos_replica.orders SET row_state = 'cleared' WHERE id = 4$$, 'with the same exceptions');
SELECT * FROM finish();
ROLLBACK;
