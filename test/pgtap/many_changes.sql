-- Promise: a run with many changed tickets (after a long pause) takes seconds: no step of it compares every
-- row with every other one. At a row count where that takes minutes, half a minute is the limit.
BEGIN;
\ir seam.psql
SELECT plan(4);
SELECT till.sell(1, 20000, '2026-03-09 10:00');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
SELECT till.pass(1);
UPDATE tickets SET last_update_time = (SELECT local_now FROM till.clock), note = 'changed';
DELETE FROM orders WHERE ticket_id % 100 = 0 AND id % 2 = 0;
SET LOCAL statement_timeout = '30s';
SELECT lives_ok($$CREATE TEMPORARY TABLE done AS SELECT * FROM till.sync()$$, '20000 changed tickets are through in time');
SELECT is((SELECT string_agg(d::text, '; ' ORDER BY d) FROM done AS d), '("orders ok +0 ~0 -200"); ("tickets ok +0 ~20000 -0")', 'they and their removed orders are found');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT * FROM finish();
ROLLBACK;
