-- Promise: a run with many changed tickets (after a long pause) takes time in proportion to them: no step of it
-- compares every row with every other one. Five times the tickets may take three times that proportion; a step that
-- compares all with all would take five.
BEGIN;
\ir seam.psql
SELECT plan(5);
SELECT till.sell(1, 20000, '2026-03-09 10:00');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');

-- Changes tickets 1 to n, syncs, and says how many seconds that took.
CREATE FUNCTION till.change(n integer) RETURNS double precision LANGUAGE plpgsql AS
$$
DECLARE
  began timestamptz;
BEGIN
  PERFORM till.pass(1);
  UPDATE sambapos_live_shop.tickets SET last_update_time = (SELECT local_now FROM till.clock), note = coalesce(note, '') || 'x' WHERE id <= n;
  ANALYZE sambapos_live_shop.tickets;
  began := clock_timestamp();
  CREATE TEMPORARY TABLE done AS SELECT * FROM till.sync();
  RETURN extract(epoch FROM clock_timestamp() - began);
END;
$$;
SELECT till.change(4000) AS few \gset
SELECT is((SELECT string_agg(d::text, '; ' ORDER BY d) FROM done AS d), '("tickets ok +0 ~4000 -0")', '4000 changed tickets are found');
DROP TABLE done;
DELETE FROM orders WHERE ticket_id % 100 = 0 AND id % 2 = 0;
SELECT till.change(20000) AS many \gset
SELECT is((SELECT string_agg(d::text, '; ' ORDER BY d) FROM done AS d), '("orders ok +0 ~0 -200"); ("tickets ok +0 ~20000 -0")', '20000 too, and their removed orders');
SELECT cmp_ok((:many / :few)::double precision, '<', 15::double precision, format('in proportion: %s s, %s s', round(:few::numeric, 2), round(:many::numeric, 2)));
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT * FROM finish();
ROLLBACK;
