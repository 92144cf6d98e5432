-- Promise: the reports keep their rules: a merge's leftovers are no tickets, the rule of the day decides, voids and gifts
-- are told by flags or by the site's words, the menu item is the one that held when a line was sold, text that is no JSON
-- fails nothing and is kept and counted, history counts once. Also at a till that lacks columns and tables.
BEGIN;
\ir seam.psql
SELECT no_plan();

-- a till that lacks most of what reports read
SELECT till.sell(1, 10);
SELECT till.quiet_sync() AS quiet \gset
CREATE FUNCTION till.reads(report name) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  n bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM (SELECT * FROM sambapos_report.%I OFFSET 0) AS r', report) INTO n;
  RETURN report || ' ' || n;
EXCEPTION WHEN OTHERS THEN
  RETURN report || ': ' || SQLERRM;
END;
$$;
SELECT is((SELECT string_agg(till.reads(n), ', ' ORDER BY n) FROM unnest(sambapos._report_names()) AS n WHERE till.reads(n) LIKE '%:%'), NULL, 'no report fails for what is not there');
SELECT results_eq('SELECT business_day, tickets, total_amount, data_source FROM sambapos_report.daily_sales', $$VALUES ('2026-03-10'::date, 10::bigint, 200::numeric, 'replica')$$, 'a day''s tickets');
SELECT is((SELECT string_agg(c.column_name, ',' ORDER BY c.ordinal_position) FROM information_schema.columns AS c WHERE (c.table_schema, c.table_name) = ('sambapos_report', 'daily_sales')),
          'site,business_day,tickets,total_amount,refunds,net,tax,discounts,service,gifts,voids,currency,data_source,as_of', 'the columns of daily_sales are a contract');
SELECT is((SELECT string_agg(c.column_name, ',' ORDER BY c.ordinal_position) FROM information_schema.columns AS c WHERE (c.table_schema, c.table_name) = ('sambapos_report', 'payments_by_type')),
          'site,business_day,payment_type,payments,amount,change_given,data_source,as_of', 'and so are those of payments_by_type');
SELECT is((SELECT string_agg(n, ', ') FROM unnest(sambapos._report_names()) AS n
           WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = format('sambapos_report.%I', n)::regclass AND a.attname = 'data_source')
              OR (SELECT a.attname FROM pg_attribute AS a WHERE a.attrelid = format('sambapos_report.%I', n)::regclass AND a.attnum = 1) <> 'site'), NULL,
          'each report has the site first, and says where its rows come from');
SELECT is((SELECT string_agg(a.attrelid::regclass || '.' || a.attname, ', ') FROM unnest(sambapos._report_names()) AS n JOIN pg_attribute AS a ON a.attrelid = format('sambapos_report.%I', n)::regclass
           WHERE a.attnum > 0 AND col_description(a.attrelid, a.attnum) IS NULL AND NOT EXISTS (SELECT FROM pg_attribute AS b WHERE b.attrelid = sambapos._replica_table(n) AND b.attname = a.attname)
             AND NOT EXISTS (SELECT FROM sambapos._report_columns() AS k WHERE (k.table_name, k.column_name) = (n, a.attname))), NULL,
          'each column of a report is explained');

-- the rows of the replica as a till with all columns would have left them
ALTER TABLE sambapos_replica.orders ADD calculate_price boolean DEFAULT true, ADD decrease_inventory boolean DEFAULT true, ADD increase_inventory boolean DEFAULT false,
  ADD menu_item_name text, ADD created_date_time timestamp, ADD order_tags text, ADD taxes text;
ALTER TABLE sambapos_replica.tickets ADD ticket_tags text;
ALTER TABLE sambapos_replica.orders DISABLE TRIGGER USER;
ALTER TABLE sambapos_replica.tickets DISABLE TRIGGER USER;
ALTER TABLE sambapos_replica.menu_items DISABLE TRIGGER USER;
SELECT sambapos_refresh_reports() AS made \gset
SELECT is((SELECT gifts || ' ' || voids FROM sambapos_report.daily_sales), '0 0', 'no gift, no void');
UPDATE sambapos_replica.orders SET calculate_price = false WHERE id = 2;                                     -- a gift
UPDATE sambapos_replica.orders SET calculate_price = false, decrease_inventory = false WHERE id IN (4, 5);   -- two voids
UPDATE sambapos_replica.orders SET increase_inventory = true, decrease_inventory = false WHERE id = 6;       -- a return
SELECT results_eq('SELECT trim_scale(gifts), trim_scale(voids) FROM sambapos_report.daily_sales', 'VALUES (10::numeric, 20::numeric)', 'gifts and voids by the flags');
SELECT results_eq('SELECT order_id, kind FROM sambapos_report.voids_and_gifts ORDER BY 1', $$VALUES (2, 'gift'), (4, 'void'), (5, 'void')$$, 'one row each');
SELECT results_eq('SELECT order_id, trim_scale(line_total) FROM sambapos_report.ticket_items WHERE is_return', 'VALUES (6, 10::numeric)', 'a return is neither');
SELECT sambapos_configure('shop', 'void_state', 'Iptal') AS set \gset
UPDATE sambapos_replica.orders SET order_states = '[{"S":"IPTAL ","SN":"GStatus","SV":"  "},{"S":"x","SN":"y","SV":"spilled"}]' WHERE id = 8;
SELECT results_eq('SELECT order_id, reason FROM sambapos_report.voids_and_gifts WHERE kind = ''void''', $$VALUES (8, 'spilled')$$, 'or voids by the site''s word, with the reason');
SELECT is((SELECT sum(quantity) FROM sambapos_report.category_sales), (SELECT sum(quantity) FROM sambapos_report.ticket_items WHERE order_id NOT IN (4, 5, 8)), 'which are in no quantity by group');
SELECT sambapos_configure('shop', 'void_state', NULL) AS set \gset

-- a merge's leftover
UPDATE sambapos_replica.tickets SET total_amount = 0 WHERE id IN (1, 10);
UPDATE sambapos_replica.orders SET row_state = 'removed' WHERE ticket_id = 10;
SELECT is((SELECT tickets FROM sambapos_report.daily_sales), 9::bigint, 'without money and lines there is no ticket; with lines there is');
SELECT is((SELECT count(*) FROM sambapos_report.tickets), 10::bigint, 'the row is there');

-- the rule of the day
SELECT sambapos_configure('shop', 'day_rule', 'ticket 11:00') AS set \gset
SELECT is((SELECT business_day FROM sambapos_report.daily_sales), '2026-03-09'::date, 'a day may end at any time');
SELECT sambapos_configure('shop', 'day_rule', 'payment midnight closed') AS set \gset
UPDATE sambapos_replica.tickets SET is_closed = id <> 2, last_payment_date = CASE id WHEN 3 THEN '2026-03-12 01:00' ELSE last_payment_date END;
SELECT results_eq('SELECT business_day, tickets FROM sambapos_report.daily_sales ORDER BY 1', $$VALUES ('2026-03-10'::date, 7::bigint), ('2026-03-12', 1)$$, 'the date of payment, closed tickets only');
SELECT is((SELECT count(*) FROM sambapos_report.ticket_items WHERE ticket_id = 2), 2::bigint, 'lines of open tickets are in the report by line');
SELECT sambapos_configure('shop', 'day_rule', 'payment work_period') AS set \gset
SELECT results_eq('SELECT business_day, tickets FROM sambapos_report.daily_sales ORDER BY 1', $$VALUES ('2026-03-10'::date, 9::bigint)$$, 'the day on which the work period began');
SELECT sambapos_configure('shop', 'day_rule', NULL) AS set \gset

-- what is no JSON
UPDATE sambapos_replica.orders SET order_tags = '[{"TN":"Extra","TV":"Cheese","PR":1.5,"Q":2},{"TV":"none"}]' WHERE id = 12;
UPDATE sambapos_replica.orders SET order_tags = '[{"TN":"Extra"' WHERE id = 13;
UPDATE sambapos_replica.orders SET order_tags = E'[{"TN":"a\tb","Q":1}]' WHERE id = 14;
UPDATE sambapos_replica.tickets SET ticket_tags = 'x' WHERE id IN (6, 7);
SELECT results_eq('SELECT order_id, position, tag, trim_scale(amount), unread_text FROM sambapos_report.order_tags ORDER BY 1, 2',
  $$VALUES (12, 1::bigint, 'Cheese', 3::numeric, NULL), (12, 2, 'none', 0, NULL), (13, NULL, NULL, NULL, '[{"TN":"Extra"'), (14, 1, NULL, 0, NULL)$$, 'modifiers one by one, and the text of those that cannot be read');
SELECT results_eq('SELECT table_name, column_name, rows FROM sambapos_report.json_problems ORDER BY 1', $$VALUES ('orders', 'order_tags', 1::bigint), ('tickets', 'ticket_tags', 2)$$, 'they are counted');

-- a menu item as it was
SELECT is((SELECT string_agg(DISTINCT group_code, ',') FROM sambapos_report.ticket_items), 'food', 'the group that the till has');
UPDATE sambapos_replica.orders SET created_date_time = '2026-03-10 12:00';
INSERT INTO sambapos_replica.menu_items_history (site_id, epoch, id, name, group_code, valid_from, valid_to, version)
  SELECT site_id, epoch, id, name, 'starters', '2026-01-01', '2026-03-10 10:30Z', 1 FROM sambapos_replica.menu_items WHERE id = 1;
UPDATE sambapos_replica.menu_items SET synced_at = '2026-03-10 10:30Z' WHERE id = 1;
SELECT sambapos_configure('shop', 'time_zone', 'Europe/Istanbul') AS set \gset
SELECT is((SELECT string_agg(DISTINCT group_code, ',') FROM sambapos_report.ticket_items WHERE menu_item_id = 1), 'starters', 'sold at 12:00 in Istanbul, before the change at 10:30 UTC');
SELECT sambapos_configure('shop', 'time_zone', 'Europe/London') AS set \gset
SELECT is((SELECT string_agg(DISTINCT group_code, ',') FROM sambapos_report.ticket_items WHERE menu_item_id = 1), 'food', 'sold at 12:00 in London, after it');
UPDATE sambapos_replica.menu_items SET row_state = 'deleted' WHERE id = 2;
SELECT is((SELECT count(*) FROM sambapos_report.ticket_items WHERE menu_item_id = 2 AND group_code = 'food') > 0, true, 'also of an item that was deleted');
SELECT is((SELECT count(*) FROM sambapos_report.menu_items), 2::bigint, 'which is no menu item any more');

-- history counts once, what was removed does not
UPDATE sambapos_replica.tickets SET row_state = 'cleared' WHERE id < 5;
UPDATE sambapos_replica.orders SET row_state = 'cleared' WHERE ticket_id < 5;
SELECT is((SELECT tickets FROM sambapos_report.daily_sales), 9::bigint, 'a clear changes nothing');
UPDATE sambapos_replica.tickets SET row_state = 'deleted' WHERE id = 5;
SELECT is((SELECT tickets FROM sambapos_report.daily_sales), 8::bigint, 'a deleted ticket is not counted');

-- functions
SELECT throws_ok($$SELECT * FROM sambapos_report.work_period_report('bar')$$, '42704', 'there is no site named "bar"');
SELECT throws_ok($$SELECT * FROM sambapos_report.work_period_report('shop', 77)$$, '42704', 'site "shop" has no work period 77');
SELECT throws_ok($$SELECT * FROM sambapos_report.work_period_report('shop', source => 'till')$$, '22023', 'unknown source "till"');
SELECT throws_ok($$SELECT * FROM sambapos_report.account_statement('shop', 'Cash', '2026-03-02', '2026-03-01')$$, '22023', 'from_date 2026-03-02 is after to_date 2026-03-01');
SELECT throws_ok($$SELECT * FROM sambapos_report.account_statement('shop', 'Cash', NULL, NULL)$$, '42704', 'there is no account named "Cash"');
SELECT lives_ok($$SELECT * FROM sambapos_report.work_period_report('shop')$$, 'the slip of a till that lacks nearly everything');
SELECT finish();
ROLLBACK;
