-- Promise: an id means what its own database says. What two databases call by the same number is never mixed in a report,
-- whatever was read first; a database that was let in by mistake and discarded decides nothing any more; within one
-- database the menu goes on when ticket numbers begin anew.
BEGIN;
\ir seam.psql
SELECT no_plan();

-- a till with what these reports read
ALTER TABLE orders ADD created_date_time timestamp, ADD calculate_price boolean, ADD decrease_inventory boolean, ADD increase_inventory boolean, ADD menu_item_name text;
ALTER TABLE payments ADD payment_type_id int, ADD user_id int;
ALTER TABLE menu_items ADD custom_tags text;
ALTER TABLE account_transactions ADD account_transaction_type_id int;
ALTER TABLE account_transaction_values ADD date timestamp, ADD credit numeric(16,2);
CREATE TABLE payment_types (id int, name text, account_transaction_type_id int, account_id int);
CREATE TABLE users (id int, name text);
CREATE TABLE tax_templates (id int, name text, rate numeric(16,2), account_transaction_type_id int);
CREATE TABLE account_transaction_types (id int, name text, source_account_type_id int, target_account_type_id int);
CREATE TABLE accounts (id int, name text, account_type_id int);
UPDATE pg_attribute AS a
   SET attfdwoptions = ARRAY['column_name=' || till.source_name(c.relname, a.attname), 'remote_type=' || format_type(a.atttypid, a.atttypmod)]
                       || CASE WHEN till.is_key(c.relname, a.attname) THEN '{key=true}'::text[] ELSE '{}' END
  FROM pg_class AS c WHERE c.oid = a.attrelid AND c.relnamespace = 'sambapos_live_shop'::regnamespace AND a.attnum > 0;
INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind, parent, parent_key, date_column, history)
SELECT s.site_id, k.table_name, k.source_name, k.kind, k.parent, k.parent_key, k.date_column, k.history
FROM sambapos._place AS s, sambapos._known_tables() AS k WHERE k.table_name IN ('payment_types', 'users', 'tax_templates', 'account_transaction_types', 'accounts');
SET LOCAL quote_all_identifiers = off;
DROP TABLE sambapos_replica.orders, sambapos_replica.payments, sambapos_replica.account_transactions, sambapos_replica.account_transaction_values, sambapos_replica.menu_items CASCADE; -- made anew with all columns
SELECT count(*) AS made FROM sambapos._table AS t, sambapos._replica_ensure(t.site_id, t.table_name) \gset
RESET quote_all_identifiers;
SELECT sambapos_refresh_reports() AS made \gset
SELECT sambapos_configure('shop', 'time_zone', 'UTC') AS set \gset

-- a shop of that name, with one menu item, and all that has number 1
CREATE FUNCTION till.masters(shop text, tax_type integer) RETURNS void LANGUAGE sql AS
$$
  DELETE FROM sambapos_live_shop.menu_items; DELETE FROM sambapos_live_shop.payment_types; DELETE FROM sambapos_live_shop.users;
  DELETE FROM sambapos_live_shop.tax_templates; DELETE FROM sambapos_live_shop.account_transaction_types; DELETE FROM sambapos_live_shop.accounts;
  INSERT INTO sambapos_live_shop.menu_items SELECT i, shop || ' item', shop || ' group', format('[{"TN":"Course","TV":"%s course"}]', shop) FROM generate_series(1, 3) AS i;
  INSERT INTO sambapos_live_shop.payment_types VALUES (1, shop || ' cash', 2, 0);
  INSERT INTO sambapos_live_shop.users VALUES (1, shop || ' user');
  INSERT INTO sambapos_live_shop.tax_templates VALUES (1, shop || ' tax', 10, tax_type);
  INSERT INTO sambapos_live_shop.account_transaction_types VALUES (5, shop || ' five', 1, 2), (6, shop || ' six', 1, 2);
  INSERT INTO sambapos_live_shop.accounts SELECT i, CASE i WHEN 0 THEN 'Till' ELSE shop || ' account' END, 1 FROM generate_series(0, 1) AS i;
$$;
-- a day's tickets: each has 20, of which 1 is booked as type 5 and 2 as type 6
CREATE FUNCTION till.day(first integer, n integer, day timestamp) RETURNS void LANGUAGE sql AS
$$
  SELECT till.sell(first, n, day);
  UPDATE sambapos_live_shop.orders SET created_date_time = last_update_date_time, calculate_price = true, decrease_inventory = true, increase_inventory = false, menu_item_name = 'x';
  UPDATE sambapos_live_shop.payments SET payment_type_id = 1, user_id = 1;
  UPDATE sambapos_live_shop.account_transactions SET account_transaction_type_id = 4 WHERE account_transaction_type_id IS NULL;
  UPDATE sambapos_live_shop.account_transaction_values SET date = day, credit = 0 WHERE credit IS NULL;
  INSERT INTO sambapos_live_shop.account_transactions SELECT 1000 * k + i, i, k, 4 + k FROM generate_series(first, first + n - 1) AS i, generate_series(1, 2) AS k;
$$;
-- what the reports say of each epoch's or day's number 1
CREATE FUNCTION till.says() RETURNS TABLE (report text, of text, said text) LANGUAGE plpgsql AS
$$
BEGIN
  RETURN QUERY
    SELECT 'items', i.epoch::text, string_agg(DISTINCT concat_ws('/', coalesce(i.group_code, '-'), coalesce(i.course, '-')), ', ') || ' ' || count(*) FROM sambapos_report.ticket_items AS i GROUP BY i.epoch
    UNION ALL SELECT 'categories', c.business_day::text, string_agg(coalesce(c.category, '-') || ' ' || trim_scale(c.line_total), ', ') FROM sambapos_report.category_sales AS c GROUP BY c.business_day
    UNION ALL SELECT 'payments', p.epoch::text, string_agg(DISTINCT concat_ws('/', p.payment_type, coalesce(p.user_name, '-'), p.is_settlement), ', ') || ' ' || count(*) FROM sambapos_report.payments AS p GROUP BY p.epoch
    UNION ALL SELECT 'by type', p.business_day::text, string_agg(p.payment_type || ' ' || p.payments, ', ') FROM sambapos_report.payments_by_type AS p GROUP BY p.business_day
    UNION ALL SELECT 'taxes', t.business_day::text, string_agg(t.tax || ' ' || trim_scale(t.amount), ', ') FROM sambapos_report.taxes AS t GROUP BY t.business_day
    UNION ALL SELECT 'day', d.business_day::text, trim_scale(d.tax)::text FROM sambapos_report.daily_sales AS d
    UNION ALL SELECT 'ledger', t.epoch::text, string_agg(DISTINCT t.transaction_type || ' ' || trim_scale(t.amount_tax), ', ') FROM sambapos_report.transactions AS t WHERE t.transaction_type IS NOT NULL AND t.transaction_type <> '' AND t.transaction_type ~ ' ' GROUP BY t.epoch
    UNION ALL SELECT 'menu', '', string_agg(m.name || ' ' || m.course, ', ' ORDER BY m.id) FROM sambapos_report.menu_items AS m
    UNION ALL SELECT 'accounts', a.epoch::text, string_agg(concat_ws('/', a.name, trim_scale(a.balance), trim_scale(a.lifetime_balance)), ', ' ORDER BY a.id) FROM sambapos_report.accounts AS a GROUP BY a.epoch
    UNION ALL SELECT 'sellers', c, (SELECT string_agg(s.course || ' ' || trim_scale(s.quantity), ', ') FROM sambapos_report.top_sellers('shop', '2026-01-01', '2027-01-01', ARRAY[c]) AS s) FROM unnest('{our course,their course}'::text[]) AS c
    UNION ALL SELECT 'current', c, (SELECT string_agg(s.course || ' ' || trim_scale(s.quantity), ', ') FROM sambapos_report.top_sellers('shop', '2026-01-01', '2027-01-01', ARRAY[c], tags => 'current') AS s) FROM unnest('{our course,their course}'::text[]) AS c
    UNION ALL SELECT 'slip', p.n::text, (SELECT string_agg(r.line || ' ' || trim_scale(r.amount), ', ' ORDER BY r.n) FROM sambapos_report.work_period_report('shop', p.n) AS r WHERE r.section IN ('Incomes', 'Item Sales') AND r.line !~ '^TOTAL') FROM generate_series(9, 10) AS p (n) WHERE p.n IN (SELECT w.id FROM sambapos_report.work_periods AS w)
    UNION ALL SELECT 'statement', '', (SELECT trim_scale(s.balance)::text || ' ' || s.n FROM sambapos_report.account_statement('shop', 'Till', NULL, NULL) AS s ORDER BY s.n DESC LIMIT 1);
END;
$$;

SELECT till.masters('our', 5), till.day(1, 4, '2026-03-10 10:00') \gset ignored_
SELECT till.quiet_sync() \gset ignored_
CREATE TEMP TABLE ours AS SELECT * FROM till.says();
SELECT results_eq('SELECT report, of, said FROM ours ORDER BY 1, 2', $$VALUES
  ('accounts', '1', 'Till/0/0, our account/80/80'), ('by type', '2026-03-10', 'our cash 4'), ('categories', '2026-03-10', 'our group 80'), ('current', 'our course', 'our course 8'), ('current', 'their course', NULL),
  ('day', '2026-03-10', '4'), ('items', '1', 'our group/our course 8'), ('ledger', '1', 'our five 1, our six 0'), ('menu', '', 'our item our course, our item our course, our item our course'),
  ('payments', '1', 'our cash/our user/f 4'), ('sellers', 'our course', 'our course 8'), ('sellers', 'their course', NULL), ('slip', '9', 'our cash 80, our group 80'), ('statement', '', '0 4'), ('taxes', '2026-03-10', 'our tax 4')$$,
  'one database');

-- the shop's computer is replaced by one with another database, which has sold before it is read
SELECT till.clear(), till.pass(24) \gset ignored_
UPDATE till.database SET name = 'Other', created = '2024-05-05';
SELECT till.masters('their', 6), till.day(1, 2, '2026-03-11 10:00') \gset ignored_
INSERT INTO work_periods VALUES (10, '2026-03-11 08:00', '2026-03-11 08:00');
SELECT till.quiet_sync() \gset ignored_
SELECT sambapos_accept_source('shop') \gset ignored_
SAVEPOINT accepted;
SELECT till.quiet_sync() \gset ignored_
SELECT results_eq('SELECT report, of, said FROM till.says() ORDER BY 1, 2', $$VALUES
  ('accounts', '1', 'Till/0/0, our account/0/80'), ('accounts', '2', 'Till/0/0, their account/40/40'), ('by type', '2026-03-10', 'our cash 4'), ('by type', '2026-03-11', 'their cash 2'),
  ('categories', '2026-03-10', 'our group 80'), ('categories', '2026-03-11', 'their group 40'), ('current', 'our course', NULL), ('current', 'their course', 'their course 4'),
  ('day', '2026-03-10', '4'), ('day', '2026-03-11', '4'), ('items', '1', 'our group/our course 8'), ('items', '2', 'their group/their course 4'), ('ledger', '1', 'our five 1, our six 0'), ('ledger', '2', 'their five 0, their six 2'),
  ('menu', '', 'their item their course, their item their course, their item their course'), ('payments', '1', 'our cash/our user/f 4'), ('payments', '2', 'their cash/their user/f 2'),
  ('sellers', 'our course', 'our course 8'), ('sellers', 'their course', 'their course 4'), ('slip', '10', 'their cash 40, their group 40'), ('slip', '9', 'our cash 80, our group 80'), ('statement', '', '0 2'),
  ('taxes', '2026-03-10', 'our tax 4'), ('taxes', '2026-03-11', 'their tax 4')$$,
  'of two databases each number means what its own one says, also what was sold before the first run; the menu is the one at the till');

-- the other database has a work period of the same number
SAVEPOINT period;
UPDATE work_periods SET end_date = '2026-03-11 09:00' WHERE id = 10;
INSERT INTO work_periods VALUES (9, '2026-03-11 09:30', '2026-03-11 09:30');
SELECT till.quiet_sync() \gset ignored_
CREATE FUNCTION till.slip(source text, epoch integer) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(r.line || ' ' || trim_scale(r.amount) || ' ' || r.data_source, ', ' ORDER BY r.n) FROM sambapos_report.work_period_report('shop', 9, source, epoch) AS r WHERE r.section = 'Incomes' AND r.line <> 'TOTAL INCOME' $$;
SELECT is(till.slip(NULL, NULL), 'their cash 40 replica', 'of one number the latest period is meant');
SELECT is(till.slip(s, 2), 'their cash 40 ' || coalesce(s, 'replica'), 'an epoch says whose: the present one') FROM unnest('{NULL,replica,live}'::text[]) AS s;
SELECT is(till.slip(NULL, 1), 'our cash 80 replica', 'or an earlier one');
SELECT is((SELECT DISTINCT work_period_id FROM sambapos_report.work_period_report('shop', epoch => 1)), 9, 'whose last period is meant without a number');
SELECT sambapos_configure('shop', 'live_fallback', 'stale') \gset ignored_
UPDATE sambapos.site_state SET last_success_at = now() - interval '1 day';
SELECT is(till.slip(NULL, 1), 'our cash 80 replica', 'however old the data is: the till has not that one');
SAVEPOINT without_tickets;
UPDATE sambapos_replica.tickets SET row_state = 'removed' WHERE epoch = 1;
SELECT is((SELECT string_agg(DISTINCT r.data_source, ', ') FROM sambapos_report.work_period_report('shop', 9, epoch => 1) AS r), 'replica', 'also if no ticket of it is left');
SELECT throws_ok($$SELECT FROM sambapos_report.work_period_report('shop', 9, 'elsewhere', 1)$$, '22023', 'unknown source "elsewhere"');
ROLLBACK TO without_tickets;
SELECT throws_ok($$SELECT till.slip('live', 1)$$, '42704', 'site "shop" has no work period 9 in epoch 1');
SELECT throws_ok($$SELECT till.slip(NULL, 3)$$, '42704', 'site "shop" has no work period 9 in epoch 3');
ROLLBACK TO period;

-- it was a mistake
CREATE TEMP TABLE theirs AS SELECT * FROM sambapos_replica.menu_items WHERE epoch = 2;
SELECT sambapos_discard_epoch('shop', 2) \gset ignored_
SELECT is_empty($$SELECT * FROM till.says() WHERE said ~ 'their' AND report <> 'current'$$, 'an epoch that was discarded is in no report');
SELECT till.clear() \gset ignored_
UPDATE till.database SET name = 'SambaPOS', created = '2020-01-01';
SELECT till.masters('our', 5), till.day(1, 4, '2026-03-10 10:00') \gset ignored_
INSERT INTO work_periods VALUES (9, '2026-03-10 08:00', '2026-03-10 08:00');
SELECT till.quiet_sync() \gset ignored_
SELECT till.day(5, 3, '2026-03-12 10:00') \gset ignored_
SELECT till.quiet_sync() \gset ignored_
SELECT results_eq($$SELECT report, of, said FROM till.says() WHERE of NOT LIKE '2026-03-12' AND report IN ('items', 'categories', 'payments', 'taxes', 'day', 'sellers', 'menu') ORDER BY 1, 2$$, $$VALUES
  ('categories', '2026-03-10', 'our group 80'), ('day', '2026-03-10', '4'), ('items', '1', 'our group/our course 8'), ('items', '3', 'our group/our course 6'), ('menu', '', 'our item our course, our item our course, our item our course'),
  ('payments', '1', 'our cash/our user/f 4'), ('payments', '3', 'our cash/our user/f 3'), ('sellers', 'our course', 'our course 14'), ('sellers', 'their course', NULL), ('taxes', '2026-03-10', 'our tax 4')$$,
  'when the own database is back, its own menu decides, in the new epoch too');
SELECT is((SELECT string_agg(said, ', ') FROM till.says() WHERE of = '2026-03-12' AND report IN ('categories', 'taxes', 'day')), 'our group 60, our tax 3, 3', 'and of new sales');

-- a tax that was moved to another kind of account transaction stays a tax in the days before
UPDATE tax_templates SET account_transaction_type_id = 6, name = 'moved tax';
SELECT till.quiet_sync() \gset ignored_
SELECT results_eq($$SELECT tax, trim_scale(sum(amount)) FROM sambapos_report.taxes GROUP BY 1 ORDER BY 1$$, $$VALUES ('moved tax', 14::numeric), ('our tax', 7)$$, 'what was a tax once stays one, under its last name');

-- a statement's opening balance is of all history, so old data is no reason to ask the till for it
SELECT till.clear(), till.pass(1), till.sell(21, 1, '2026-03-13 10:00') \gset ignored_
SELECT till.quiet_sync() \gset ignored_
SELECT till.quiet_sync() \gset ignored_
SELECT sambapos_configure('shop', 'live_fallback', 'stale') \gset ignored_
UPDATE sambapos.site_state SET last_success_at = now() - interval '1 day';
SELECT results_eq($$SELECT trim_scale(balance), data_source FROM sambapos_report.account_statement('shop', 'our account', '2026-03-13', '2026-03-13') WHERE n = 0$$, $$VALUES (140::numeric, 'replica')$$, 'an opening balance knows what was cleared');
SELECT finish();
ROLLBACK;
