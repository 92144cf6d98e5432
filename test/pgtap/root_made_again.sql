-- Promise: a root's table that was dropped and is made again finds its rows under the children that stayed: no line is
-- there twice, whatever epoch it is of.
BEGIN;
\ir seam.psql
SELECT plan(6);
SELECT till.sell(1, 20), till.pass(1);
INSERT INTO numerators VALUES (2, 20);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
DELETE FROM numerators WHERE id = 2; SELECT till.quiet_sync();
INSERT INTO numerators VALUES (2, 30); SELECT till.quiet_sync(), till.quiet_sync();
SELECT is((SELECT epoch FROM sambapos._place), 2, 'another epoch, in which the tickets live on');
DROP TABLE sambapos_replica.tickets CASCADE; DROP TABLE sambapos_replica.account_transaction_documents CASCADE;
SET LOCAL quote_all_identifiers = off;
SELECT count(sambapos._replica_make_again(p, t)) AS made FROM sambapos._place AS p, sambapos._table AS t
 WHERE t.table_name IN ('tickets', 'account_transaction_documents') \gset
RESET quote_all_identifiers;
UPDATE sambapos.schema_versions SET outcome = 'followed'; -- the live tables are as they were, and here is no server to ask
SELECT till.pass(1), till.sell(21, 1, '2026-03-10 13:30');
SELECT is_empty($$SELECT s FROM till.sync() AS s WHERE s !~ ' ok '$$, 'tickets and documents are loaded again');
SELECT is((SELECT sum(price * quantity) FROM sambapos_replica.orders WHERE row_state IN ('live', 'cleared', 'superseded')), (SELECT sum(price * quantity) FROM orders), 'no line is there twice');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT is(till.quiet_sync() + till.quiet_sync('full'), 0::bigint, 'and it is at rest');
SELECT * FROM finish();
ROLLBACK;
