-- Promise: when ids are used again (reseed, restore, new database) no row of the past is overwritten: the old
-- row stays under its epoch as superseded or cleared, the new one gets an epoch of its own, and children
-- follow their root. An edited date alone is no other row.
BEGIN;
\ir seam.psql
SELECT plan(21);
SELECT till.sell(1, 300, '2026-03-09 10:00');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
CREATE FUNCTION pg_temp.history() RETURNS text LANGUAGE sql AS
$$
  SELECT md5((SELECT string_agg(t::text, ',' ORDER BY id) FROM (SELECT id, date, ticket_number, total_amount, note FROM sambapos_replica.tickets WHERE epoch = 1) AS t)
          || (SELECT string_agg(o::text, ',' ORDER BY id) FROM (SELECT id, ticket_id, price, quantity FROM sambapos_replica.orders WHERE epoch = 1) AS o));
$$;
CREATE TEMPORARY TABLE before AS SELECT pg_temp.history() AS values;

-- clear and reseed: ids, ticket numbers and document ids restart together
SELECT till.clear();
SELECT till.pass(2);
SELECT till.sell(1, 20, '2026-03-10 13:00');
UPDATE orders SET price = 77; UPDATE tickets SET total_amount = 154;
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'another life of the same ids');
SELECT is(pg_temp.history(), (SELECT values FROM before), 'the values of the past are as before');
SELECT results_eq($$SELECT epoch || ' ' || row_state || ' ' || count(*) FROM sambapos_replica.tickets GROUP BY epoch, row_state ORDER BY 1$$,
  ARRAY['1 cleared 280', '1 superseded 20', '2 live 20'], 'tickets: 280 cleared, 20 superseded, 20 new in epoch 2');
SELECT results_eq($$SELECT epoch || ' ' || row_state || ' ' || count(*) FROM sambapos_replica.orders GROUP BY epoch, row_state ORDER BY 1$$,
  ARRAY['1 cleared 560', '1 superseded 40', '2 live 40'], 'orders like their tickets');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets WHERE document_epoch <> epoch), 0::bigint, 'tickets keep the epoch of their document');
SELECT is((SELECT epoch FROM sambapos._place), 2, 'the site is in epoch 2');
SELECT is((SELECT count(*) FROM sambapos.source_events WHERE kind = 'reseed'), 1::bigint, 'a reseed is on record, once');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT is_empty($$SELECT * FROM till.sync()$$, 'the next sync finds nothing');
SELECT is_empty($$SELECT * FROM till.sync('full')$$, 'nor does a full one');
SELECT till.sell(21, 10, '2026-03-10 13:10');
UPDATE tickets SET note = 'edited', last_update_time = (SELECT local_now FROM till.clock) WHERE id = 5;
UPDATE orders SET quantity = 3 WHERE ticket_id = 5;
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'work goes on');
SELECT is((SELECT epoch || note FROM sambapos_replica.tickets WHERE id = 5 AND row_state = 'live'), '2edited', 'edits go to the row of the new epoch');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets WHERE epoch = 2), 30::bigint, 'ids the past knew too go into epoch 2');
SELECT is(pg_temp.history(), (SELECT values FROM before), 'and the past is still as it was');
SELECT is((SELECT epoch FROM sambapos._place), 2, 'no further epoch');

-- somebody corrects the date of an old ticket
UPDATE tickets SET date = '2026-03-08 09:00', last_update_time = (SELECT local_now FROM till.clock) WHERE id = 7;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['tickets ok +0 ~1 -0'], 'a date moved back is an edit');
SELECT is((SELECT epoch FROM sambapos._place), 2, 'and begins no epoch');

-- a restore that the counts do not show: the same number of rows, the last two are others
SELECT till.pass(3);
UPDATE tickets SET date = '2026-03-10 16:30', last_update_time = '2026-03-10 16:30', total_amount = 1 WHERE id IN (29, 30);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'two other tickets under known ids');
SELECT results_eq($$SELECT id || ' ' || epoch || ' ' || row_state FROM sambapos_replica.tickets WHERE id IN (29, 30) AND epoch > 1 ORDER BY 1$$,
  ARRAY['29 2 superseded', '29 3 live', '30 2 superseded', '30 3 live'], 'both lives are kept');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT * FROM finish();
ROLLBACK;
