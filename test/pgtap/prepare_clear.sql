-- Promise: sambapos_prepare_clear says SAFE only when every table of sales was compared from its first to its last id by
-- the comparison of this call. What a comparison does not say is no proof.
BEGIN;
\ir seam.psql
SELECT plan(6);
SELECT till.sell(1, 10000, '2026-03-09 10:00');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
SELECT sambapos_configure('shop', 'id_overlap', '0') \g /dev/null
SELECT till.quiet_sync() \g /dev/null
SAVEPOINT loaded;

-- more than a comparison looks at in one go
UPDATE orders SET price = price + 1;
SELECT is(till.quiet_sync(), 0::bigint, 'no run sees what was changed by plain SQL in all lines');
SELECT is(sambapos_prepare_clear('shop'), 'SAFE until the next ticket', 'the shop may clear');
SELECT is_empty('SELECT till.differences()', 'and what it says is so');
ROLLBACK TO loaded;

-- a comparison that ended before the turn of a table, whatever for
SELECT sambapos_prepare_clear('shop') \g /dev/null
SELECT max(run_id) AS run FROM sambapos.run WHERE tier = 2 \gset
SELECT is((SELECT c.words FROM sambapos._place AS p, sambapos._clear_problem(p, :run) AS c), NULL, 'all was compared');
UPDATE sambapos.run_table SET is_compared = false WHERE run_id = :run AND table_name = 'payments';
SELECT is((SELECT c.words FROM sambapos._place AS p, sambapos._clear_problem(p, :run) AS c), 'payments was not compared: it was not read', 'a table without a word of it was not');
SELECT * FROM finish();
ROLLBACK;
