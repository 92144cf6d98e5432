-- Promise: the sums of each day that merges keep are what the rows come to, whatever happens to the rows, the settings
-- or the site; where that is not sure they are not shown, and the reports add up the rows.
BEGIN;
\ir seam.psql
SELECT no_plan();

-- What daily_sales and payments_by_type are to show, from the rows and the rule of the day, in the words of this test.
CREATE TABLE pg_temp.rule (minutes integer DEFAULT 0, by_period boolean DEFAULT false);
INSERT INTO pg_temp.rule DEFAULT VALUES;
CREATE FUNCTION pg_temp.day_of(moment timestamp) RETURNS date LANGUAGE sql AS
$$
  SELECT CASE WHEN r.by_period THEN coalesce((SELECT max(w.start_date) FROM sambapos_replica.work_periods AS w
                                              WHERE w.start_date <= moment AND w.row_state IN ('live', 'cleared', 'superseded')), moment)::date
              ELSE (moment - r.minutes * interval '1 minute')::date END FROM pg_temp.rule AS r;
$$;
CREATE FUNCTION pg_temp.own_days() RETURNS TABLE (day date, tickets bigint, amount numeric) LANGUAGE sql AS
$$
  SELECT pg_temp.day_of(t.date), count(*), sum(t.total_amount) FROM sambapos_replica.tickets AS t
  WHERE t.row_state IN ('live', 'cleared', 'superseded')
    AND (t.total_amount <> 0 OR EXISTS (SELECT FROM sambapos_replica.orders AS o WHERE (o.epoch, o.ticket_id) = (t.epoch, t.id)
                                        AND o.row_state IN ('live', 'cleared', 'superseded'))) GROUP BY 1;
$$;
CREATE FUNCTION pg_temp.own_payments() RETURNS TABLE (day date, payments bigint, amount numeric) LANGUAGE sql AS
$$
  SELECT pg_temp.day_of(t.date), count(*), sum(p.amount) FROM sambapos_replica.payments AS p
  LEFT JOIN sambapos_replica.tickets AS t ON (t.epoch, t.id) = (p.epoch, p.ticket_id) AND t.row_state IN ('live', 'cleared', 'superseded')
  WHERE p.row_state IN ('live', 'cleared', 'superseded') GROUP BY 1;
$$;
-- Are there sums, and do they, the reports and the rows agree?
CREATE FUNCTION pg_temp.state() RETURNS text LANGUAGE sql AS
$$
  SELECT concat_ws(', ', CASE WHEN (SELECT r.is_current FROM sambapos.rollups AS r WHERE r.site = 'shop') THEN 'kept' ELSE 'not kept' END,
    (SELECT 'verify: ' || string_agg(v::text, '; ') FROM sambapos_verify_rollup() AS v),
    (SELECT 'sales: ' || string_agg(x::text, '; ') FROM ((SELECT business_day, tickets, total_amount FROM sambapos_report.daily_sales EXCEPT ALL SELECT * FROM pg_temp.own_days())
       UNION ALL (SELECT * FROM pg_temp.own_days() EXCEPT ALL SELECT business_day, tickets, total_amount FROM sambapos_report.daily_sales)) AS x),
    (SELECT 'payments: ' || string_agg(x::text, '; ') FROM ((SELECT business_day, payments, amount FROM sambapos_report.payments_by_type EXCEPT ALL SELECT * FROM pg_temp.own_payments())
       UNION ALL (SELECT * FROM pg_temp.own_payments() EXCEPT ALL SELECT business_day, payments, amount FROM sambapos_report.payments_by_type)) AS x));
$$;
-- When the line of each day was written: what a merge leaves alone keeps its line.
CREATE FUNCTION pg_temp.lines() RETURNS TABLE (day date, line tid) LANGUAGE sql AS $$ SELECT business_day, ctid FROM sambapos.sales_rollup $$;

SELECT is(pg_temp.state(), 'not kept', 'nothing before the first run');
SELECT till.sell(1, 10, '2026-03-07 10:00'), till.sell(11, 10, '2026-03-08 02:00'), till.sell(21, 10, '2026-03-09 10:00');
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'a first load');
SELECT results_eq('SELECT business_day, tickets, total_amount FROM sambapos_report.daily_sales ORDER BY 1',
  $$VALUES ('2026-03-07'::date, 10::bigint, 200::numeric), ('2026-03-08', 10, 200), ('2026-03-09', 10, 200)$$, 'the report has the days');

-- what a merge makes anew
CREATE TABLE pg_temp.before AS SELECT * FROM pg_temp.lines();
SELECT till.sell(31, 5);
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'a day''s work');
SELECT is_empty('SELECT * FROM pg_temp.before EXCEPT SELECT * FROM pg_temp.lines()', 'the lines of other days are not touched');
SELECT till.quiet_sync() AS quiet \gset
CREATE TABLE pg_temp.idle AS SELECT * FROM pg_temp.lines();
SELECT till.quiet_sync('full') AS quiet \gset
SELECT is_empty('SELECT * FROM pg_temp.idle EXCEPT SELECT * FROM pg_temp.lines()', 'a run that finds nothing touches none');

-- late edits
UPDATE tickets SET total_amount = 55, last_update_time = (SELECT local_now FROM till.clock) WHERE id = 3;
UPDATE payments SET amount = 55 WHERE ticket_id = 3;
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'an old ticket is edited');
SELECT results_eq('SELECT total_amount FROM sambapos_report.daily_sales WHERE business_day = ''2026-03-07''', 'VALUES (235::numeric)', 'its day follows');
SELECT is((SELECT count(*) FROM pg_temp.before AS b JOIN pg_temp.lines() AS l USING (day, line)), 2::bigint, 'and no other day');
UPDATE tickets SET date = '2026-03-08 10:00', last_update_time = (SELECT local_now FROM till.clock) WHERE id = 4;
SELECT till.quiet_sync('full') AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'an old ticket is moved to another day');
SELECT is(coalesce((SELECT tickets FROM sambapos_report.daily_sales WHERE business_day = '2026-03-07'), 0) <> 10, true, 'it is on its new day');
DELETE FROM orders WHERE ticket_id = 5; DELETE FROM payments WHERE ticket_id = 5; UPDATE tickets SET total_amount = 0, last_update_time = (SELECT local_now FROM till.clock) WHERE id = 5;
UPDATE orders SET ticket_id = 7 WHERE ticket_id = 6; UPDATE payments SET ticket_id = 7 WHERE ticket_id = 6;
UPDATE tickets SET total_amount = CASE id WHEN 6 THEN 0 ELSE 40 END, last_update_time = (SELECT local_now FROM till.clock) WHERE id IN (6, 7);
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'a ticket is emptied, one is merged into another');
DELETE FROM orders WHERE ticket_id = 21; DELETE FROM payments WHERE ticket_id = 21; DELETE FROM ticket_entities WHERE ticket_id = 21; DELETE FROM tickets WHERE id = 21;
SELECT till.quiet_sync() AS quiet \gset
SELECT till.quiet_sync() AS quiet \gset
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'a ticket is deleted at the till');

-- the rule of the day
SELECT sambapos_configure('shop', 'day_rule', 'ticket 04:00') AS set \gset
UPDATE pg_temp.rule SET minutes = 240;
SELECT is(pg_temp.state(), 'not kept', 'with another rule the rows are added up');
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'until the next run, though it finds nothing');
SELECT is((SELECT count(*) FROM sambapos_report.daily_sales WHERE business_day = '2026-03-07' AND tickets > 10), 1::bigint, 'tickets of 02:00 are on the day before');
UPDATE tickets SET total_amount = 77, last_update_time = (SELECT local_now FROM till.clock) WHERE id = 12;
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'and an edit finds them there');
SELECT sambapos_configure('shop', 'day_rule', 'ticket work_period') AS set \gset
UPDATE pg_temp.rule SET by_period = true;
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'days that end with work periods');
SELECT till.sell(36, 4, '2026-03-11 01:00');
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'a night that belongs to the period before');
CREATE TABLE pg_temp.periods AS SELECT * FROM pg_temp.lines();
UPDATE work_periods SET end_date = '2026-03-11 00:30' WHERE id = 9;
INSERT INTO work_periods VALUES (10, '2026-03-11 00:45', '2026-03-11 00:45');
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'until it is known that another one had begun');
SELECT is((SELECT tickets FROM sambapos_report.daily_sales WHERE business_day = '2026-03-11'), 4::bigint, 'the tickets went over to it');
SELECT cmp_ok((SELECT count(*) FROM pg_temp.periods JOIN pg_temp.lines() USING (day, line)), '>=', 3::bigint, 'older days stay as they were');
UPDATE work_periods SET start_date = '2026-03-08 01:00' WHERE id = 7;
SELECT till.quiet_sync('full') AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'a period that began at another time');
SELECT sambapos_configure('shop', 'day_rule', NULL) AS set \gset
UPDATE pg_temp.rule SET minutes = 0, by_period = false;
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'back to midnight');

-- clears, and what a person says of them
DELETE FROM orders WHERE ticket_id IN (11, 12); DELETE FROM payments WHERE ticket_id IN (11, 12);
DELETE FROM ticket_entities WHERE ticket_id IN (11, 12); DELETE FROM tickets WHERE id IN (11, 12);
SELECT till.quiet_sync() AS quiet \gset
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'two tickets are gone');
SELECT till.pass(2); SELECT till.clear(); SELECT till.sell(41, 3, '2026-03-10 13:00');
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'a clear');
SELECT event_id AS event FROM sambapos.source_events WHERE table_name = 'tickets' AND kind LIKE '%clear' ORDER BY event_id DESC LIMIT 1 \gset
SELECT sambapos_reclassify(:event, 'single delete') AS rows \gset
SELECT cmp_ok((SELECT sum(tickets) FROM sambapos_report.daily_sales), '<', 20::numeric, 'which was none');
SELECT is(pg_temp.state(), 'not kept', 'the rows are added up');
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'until the next run');
SELECT sambapos_reclassify(:event, 'clear') AS rows \gset
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'it was one after all');
SELECT till.clear(); SELECT till.pass(1); SELECT till.sell(1, 6, '2026-03-10 14:00');
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'ids are used again');
SELECT is((SELECT max(epoch) FROM sambapos_replica.tickets), 2, 'in another epoch');
SELECT sambapos_discard_epoch('shop', 2) AS rows \gset
SELECT is(pg_temp.state(), 'not kept', 'an epoch is discarded');
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'and the next run makes the sums');

-- whoever else writes
UPDATE sambapos_replica.tickets SET row_state = 'deleted' WHERE id = 23;
SELECT is(pg_temp.state(), 'not kept', 'rows that are no merge''s');
SELECT cmp_ok(sambapos_refresh_rollup(), '>', 0::bigint, 'sums can be made by hand');
SELECT is(pg_temp.state(), 'kept', 'they hold');
ALTER TABLE sambapos_replica.orders DISABLE TRIGGER USER;
SELECT is(pg_temp.state(), 'not kept', 'where writing would not be noticed no sum is shown');
UPDATE sambapos_replica.orders SET row_state = 'removed' WHERE id < 60;
UPDATE tickets SET note = 'x', last_update_time = (SELECT local_now FROM till.clock) WHERE id = 2;
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'not kept', 'nor made');
SELECT sambapos._replica_ensure(t.site_id, t.table_name) FROM sambapos._table AS t WHERE t.table_name = 'orders';
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'a trigger that comes back begins anew');
SELECT sambapos_refresh_reports() AS made \gset
SELECT is(pg_temp.state(), 'not kept', 'reports that are made anew begin anew');
SELECT till.quiet_sync() AS quiet \gset
UPDATE sambapos.sales_rollup SET total_amount = total_amount + 0.01 WHERE business_day = '2026-03-09';
UPDATE sambapos.payments_rollup SET business_day = NULL WHERE business_day = '2026-03-08';
SELECT results_eq('SELECT report, found_in, count(*) FROM sambapos_verify_rollup(''shop'') GROUP BY 1, 2 ORDER BY 1, 2',
  $$VALUES ('daily_sales', 'detail', 1::bigint), ('daily_sales', 'rollup', 1), ('payments_by_type', 'detail', 1), ('payments_by_type', 'rollup', 1)$$, 'a sum that is wrong is found');
SELECT sambapos_refresh_rollup('shop') AS days \gset
SELECT throws_ok('SELECT sambapos_refresh_rollup(''bar'')', '42704', 'there is no site named "bar"');
SELECT throws_ok('SELECT sambapos_verify_rollup(''bar'')', '42704', 'there is no site named "bar"');

-- a sum that cannot be made fails no run
ALTER TABLE sambapos.sales_rollup ADD CONSTRAINT never CHECK (tickets < 0) NOT VALID;
UPDATE tickets SET note = 'y', last_update_time = (SELECT local_now FROM till.clock) WHERE id = 2;
SELECT is_empty('SELECT * FROM till.sync() AS s WHERE s NOT LIKE ''% ok %''', 'the run goes through');
SELECT is((SELECT note FROM sambapos_replica.tickets WHERE row_state = 'live' AND id = 2), 'y', 'with what it has read');
SELECT is(pg_temp.state(), 'not kept', 'and the rows are added up');
ALTER TABLE sambapos.sales_rollup DROP CONSTRAINT never;
SELECT till.quiet_sync() AS quiet \gset
SELECT is(pg_temp.state(), 'kept', 'until it can');

-- a site that is removed
UPDATE sambapos.site SET removed_at = now();
SELECT is((SELECT count(*) FROM sambapos_report.daily_sales), 0::bigint, 'a site that was removed is in no report');
UPDATE sambapos.site SET removed_at = NULL;
SELECT is(pg_temp.state(), 'kept', 'one that comes back is');
SELECT is((SELECT sum(h) FROM (SELECT count(*) AS h FROM sambapos.sales_rollup UNION ALL SELECT count(*) FROM sambapos.payments_rollup UNION ALL SELECT count(*) FROM sambapos.rollup_state) AS x) > 2, true, 'there are sums');
SELECT sambapos._site_forget(site_id) FROM sambapos.site;
SELECT is((SELECT sum(h) FROM (SELECT count(*) AS h FROM sambapos.sales_rollup UNION ALL SELECT count(*) FROM sambapos.payments_rollup UNION ALL SELECT count(*) FROM sambapos.rollup_state UNION ALL SELECT count(*) FROM sambapos.rollup_due) AS x), 0::numeric, 'which go with its data');
SELECT finish();
ROLLBACK;
