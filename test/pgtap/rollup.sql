-- Promise: the sums that merges keep by business day equal the detail, after whatever has happened: edits, voids, moves,
-- other dates, settlements, clears, reseeds, restored backups, verdicts, archives that come and go, other settings and
-- masters. What a person has changed by hand is found. A run that can tell which days it has changed works out these alone.
--
-- The view is compared with what it says when the rollup is switched off. A day that no report has stands in the rollup as
-- a mark: it is gone as soon as the rollup has begun anew.
BEGIN;
\ir seam.psql
SELECT no_plan();
ALTER TABLE orders ADD calculate_price boolean DEFAULT true, ADD decrease_inventory boolean DEFAULT true, ADD increase_inventory boolean DEFAULT false, ADD product_timer_value_id int;
ALTER TABLE payments ADD payment_type_id int DEFAULT 1, ADD account_transaction_id_2 int, ADD date timestamp DEFAULT '2026-03-10 10:00';
ALTER TABLE account_transactions ADD account_transaction_type_id int, ADD is_reversed boolean DEFAULT false, ADD name text;
ALTER TABLE account_transaction_values ADD date timestamp, ADD credit numeric(16,2) DEFAULT 0, ADD account_type_id int;
CREATE TABLE calculations (id int, ticket_id int, name text, calculation_type_id int, include_tax boolean, calculation_amount numeric(16,2));
CREATE TABLE change_payments (id int, ticket_id int, amount numeric(16,2), date timestamp);
CREATE TABLE product_timer_values (id int, product_timer_id int, price_type int, price_duration numeric(16,2), min_time numeric(16,2), time_rounding numeric(16,2), start timestamp, "end" timestamp);
CREATE TABLE payment_types (id int, name text, account_transaction_type_id int, account_id int);
CREATE TABLE ticket_types (id int, name text, sale_transaction_type_id int);
CREATE TABLE tax_templates (id int, name text, rate numeric(16,2), account_transaction_type_id int);
CREATE TABLE account_transaction_types (id int, name text, source_account_type_id int, target_account_type_id int);
CREATE TABLE accounts (id int, name text, account_type_id int);
UPDATE pg_attribute AS a
   SET attfdwoptions = ARRAY['column_name=' || till.source_name(c.relname, a.attname), 'remote_type=' || format_type(a.atttypid, a.atttypmod)]
                       || CASE WHEN till.is_key(c.relname, a.attname) THEN '{key=true}'::text[] ELSE '{}' END
  FROM pg_class AS c WHERE c.oid = a.attrelid AND c.relnamespace = 'sambapos_live_shop'::regnamespace AND a.attnum > 0;
INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind, parent, parent_key, date_column, history)
SELECT s.site_id, k.table_name, k.source_name, k.kind, k.parent, k.parent_key, k.date_column, k.history
FROM sambapos._place AS s, sambapos._known_tables() AS k
WHERE k.table_name IN ('calculations', 'change_payments', 'product_timer_values', 'payment_types', 'ticket_types', 'tax_templates', 'account_transaction_types', 'accounts');
SET LOCAL quote_all_identifiers = off;
DROP TABLE sambapos_replica.orders, sambapos_replica.payments, sambapos_replica.account_transactions, sambapos_replica.account_transaction_values CASCADE; -- made anew with all columns
SELECT count(*) AS made FROM sambapos._table AS t, sambapos._replica_ensure(t.site_id, t.table_name) \gset
RESET quote_all_identifiers;
SELECT sambapos_refresh_reports() AS made \gset

-- account types: 1 sales, 2 receivables, 3 money, 4 rooms; a guest pays a room from 4 to 3
INSERT INTO account_transaction_types VALUES (1, 'Sale', 1, 2), (2, 'Payment', 2, 3), (3, 'Room paid', 4, 3), (5, 'VAT', 5, 2);
INSERT INTO ticket_types VALUES (1, 'Ticket', 1);
INSERT INTO tax_templates VALUES (1, 'VAT', 10, 5);
INSERT INTO accounts VALUES (1, 'Sales', 1), (2, 'Receivables', 2), (3, 'Till', 3), (4, 'Room 4', 4);
INSERT INTO payment_types VALUES (1, 'Cash', 2, 3);

CREATE FUNCTION pg_temp.sums() RETURNS jsonb LANGUAGE sql AS
$$
  SELECT jsonb_build_array(
    (SELECT jsonb_agg(to_jsonb(d) - 'as_of' ORDER BY d.business_day) FROM sambapos_report.daily_sales AS d
     WHERE d.business_day IS DISTINCT FROM '1990-01-01'),
    (SELECT jsonb_agg(to_jsonb(p) - 'as_of' ORDER BY p.business_day, p.payment_type) FROM sambapos_report.payments_by_type AS p));
$$;
CREATE FUNCTION pg_temp.detail() RETURNS jsonb LANGUAGE plpgsql AS
$$
DECLARE
  answer jsonb;
BEGIN
  UPDATE sambapos.site SET rollup = false;
  answer := pg_temp.sums();
  UPDATE sambapos.site SET rollup = true;
  RETURN answer;
END;
$$;
-- what the rollup does: holds or not, kept (the mark is there) or begun anew (it is gone)
CREATE FUNCTION pg_temp.state() RETURNS text LANGUAGE sql AS
$$
  SELECT CASE WHEN EXISTS (SELECT FROM sambapos.sales_rollup AS r WHERE r.business_day = '1990-01-01') THEN 'kept' ELSE 'anew' END
         || CASE WHEN sambapos._rollup_holds(s.site_id) THEN '' ELSE ', not used' END FROM sambapos.site AS s;
$$;
CREATE FUNCTION pg_temp.mark() RETURNS void LANGUAGE sql AS
$$ INSERT INTO sambapos.sales_rollup (site_id, business_day) SELECT site_id, '1990-01-01' FROM sambapos.site ON CONFLICT DO NOTHING; $$;
-- one line of the test: what happened, what the rollup did, and that it says what the detail says
CREATE FUNCTION pg_temp.same(expected text, event text) RETURNS SETOF text LANGUAGE plpgsql AS
$$
BEGIN
  RETURN NEXT is(pg_temp.state(), expected, event);
  RETURN NEXT is(pg_temp.sums(), pg_temp.detail(), event || ': equal');
  PERFORM pg_temp.mark();
END;
$$;
CREATE FUNCTION pg_temp.book(document int, id int, type int, amount numeric, at timestamp) RETURNS void LANGUAGE sql AS
$$
  INSERT INTO sambapos_live_shop.account_transactions (id, account_transaction_document_id, amount, account_transaction_type_id, name)
  SELECT book.id, document, book.amount, type, k.name FROM sambapos_live_shop.account_transaction_types AS k WHERE k.id = type;
  INSERT INTO sambapos_live_shop.account_transaction_values (id, account_transaction_id, account_transaction_document_id, account_id, account_type_id, debit, credit, date)
  SELECT 10 * book.id + x.n, book.id, document, x.side, x.side, x.debit, x.credit, at
  FROM sambapos_live_shop.account_transaction_types AS k
  CROSS JOIN LATERAL (VALUES (0, k.source_account_type_id, 0, book.amount), (1, k.target_account_type_id, book.amount, 0)) AS x (n, side, debit, credit) WHERE k.id = type;
$$;
CREATE FUNCTION pg_temp.touch(VARIADIC ids int[]) RETURNS void LANGUAGE sql AS
$$ UPDATE sambapos_live_shop.tickets SET last_update_time = (SELECT local_now FROM till.clock) WHERE id = ANY (ids); $$;

-- ---- the beginning ----
SELECT throws_ok($$SELECT sambapos_refresh_rollup('shop')$$, '55000', 'site "shop" has no rollup', 'the setting is off');
SELECT sambapos_configure('shop', 'rollup', 'true') \g /dev/null
SELECT throws_ok($$SELECT sambapos_refresh_rollup('shop')$$, '55000', 'site "shop" was never synced', 'there is nothing to sum up');
SELECT till.sell(1, 10, '2026-03-08 22:00'), till.sell(11, 10, '2026-03-09 10:00'), till.sell(21, 10, '2026-03-10 10:00') \g /dev/null
DELETE FROM account_transactions; DELETE FROM account_transaction_values;
UPDATE payments SET account_transaction_id_2 = 100 + id;
SELECT count(pg_temp.book(t.id, t.id, 1, 20, t.date)), count(pg_temp.book(t.id, 100 + t.id, 2, 20, t.date)), count(pg_temp.book(t.id, 200 + t.id, 5, 2, t.date)) FROM tickets AS t \g /dev/null
INSERT INTO calculations SELECT id, id, 'Discount', 1, false, -1 FROM tickets WHERE id % 3 = 0;
INSERT INTO change_payments SELECT id, id, 5, date FROM tickets WHERE id % 5 = 0;
UPDATE orders SET calculate_price = false WHERE id % 7 = 0; -- gifts
UPDATE orders SET product_timer_value_id = 1 WHERE id = 2 * 13; -- by the hour
INSERT INTO product_timer_values VALUES (1, 1, 0, 60, 0, 0, '2026-03-09 10:00', '2026-03-09 11:00');
INSERT INTO account_transaction_documents VALUES (99, '2026-03-09 11:00', 'room');
SELECT pg_temp.book(99, 900, 3, 50, '2026-03-09 11:00') \g /dev/null
SELECT isnt_empty('SELECT * FROM till.sync()', 'first load');
SELECT * FROM pg_temp.same('anew', 'first load');
SELECT is((SELECT string_agg(business_day || ' ' || tickets || ' ' || tax, ', ' ORDER BY business_day) FROM sambapos.sales_rollup WHERE business_day > '1990-01-01'),
  '2026-03-08 10 20.00, 2026-03-09 10 20.00, 2026-03-10 10 20.00', 'it has the days, with their tax');
SELECT is((SELECT sum(payments) || ' ' || sum(amount) || ' ' || sum(change_given) FROM sambapos.payments_rollup), '31 650.00 30.00', 'and the payments, with a settlement');
SELECT is_empty($$SELECT * FROM till.sync()$$, 'nothing new');
SELECT * FROM pg_temp.same('kept', 'nothing new');

-- ---- what a run merges ----
UPDATE tickets SET total_amount = 25 WHERE id = 3; SELECT pg_temp.touch(3), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'the amount of a ticket of another day');
UPDATE orders SET calculate_price = false, decrease_inventory = false WHERE id = 8; SELECT pg_temp.touch(4), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'a line is voided');
UPDATE orders SET ticket_id = 15 WHERE id = 10; SELECT pg_temp.touch(5, 15), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'a line goes to a ticket of another day');
UPDATE tickets SET date = '2026-03-09 00:00:01' WHERE id = 6; SELECT pg_temp.touch(6), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'a ticket goes across midnight');
UPDATE tickets SET date = '2026-02-20 12:00' WHERE id = 7; SELECT pg_temp.touch(7), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'a ticket begins a day that was before all others');
UPDATE tickets SET date = '2026-03-08 12:00' WHERE id = 7; SELECT pg_temp.touch(7), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'and leaves it, the only one that it had');
SELECT is_empty($$SELECT FROM sambapos.sales_rollup WHERE business_day = '2026-02-20'$$, 'which is no day any more');
UPDATE calculations SET calculation_amount = -3 WHERE id = 9; SELECT pg_temp.touch(9), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'a discount is changed');
INSERT INTO calculations VALUES (100, 10, 'Service', 2, true, 2); SELECT pg_temp.touch(10), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'service is added');
UPDATE payments SET amount = 12 WHERE id = 11; SELECT pg_temp.touch(11), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'a payment is changed');
DELETE FROM payments WHERE id = 11; SELECT pg_temp.touch(11), till.quiet_sync(), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'a payment is taken back');
INSERT INTO change_payments VALUES (100, 12, 1, '2026-03-09 12:00'); SELECT pg_temp.touch(12), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'change is given');
UPDATE account_transactions SET amount = 3 WHERE id = 214; SELECT pg_temp.touch(14), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'the ledger has another tax');
UPDATE product_timer_values SET "end" = '2026-03-09 14:00' WHERE id = 1; SELECT till.quiet_sync('full') \g /dev/null
SELECT * FROM pg_temp.same('kept', 'a timer goes on');
INSERT INTO account_transaction_documents VALUES (98, '2026-03-10 11:00', 'room');
SELECT pg_temp.book(98, 910, 3, 70, '2026-03-07 11:00'), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'a room is paid, on a day without tickets');
UPDATE account_transaction_values SET date = '2026-03-08 11:00' WHERE account_transaction_id = 910; SELECT till.quiet_sync('full') \g /dev/null
SELECT * FROM pg_temp.same('kept', 'that was another day');
UPDATE account_transaction_values SET debit = 0, credit = 0 WHERE account_transaction_id = 910; SELECT till.quiet_sync('full') \g /dev/null
SELECT * FROM pg_temp.same('kept', 'and was nothing');
DELETE FROM orders WHERE ticket_id = 16; DELETE FROM payments WHERE ticket_id = 16; DELETE FROM ticket_entities WHERE ticket_id = 16;
DELETE FROM calculations WHERE ticket_id = 16; DELETE FROM tickets WHERE id = 16;
SELECT till.quiet_sync(), till.quiet_sync(), till.quiet_sync() \g /dev/null
SELECT is((SELECT row_state FROM sambapos_replica.tickets WHERE id = 16), 'deleted', 'a ticket is deleted');
SELECT * FROM pg_temp.same('kept', 'a ticket is deleted');
INSERT INTO tickets SELECT 16, (SELECT local_now FROM till.clock), '16', '2026-03-09 10:00:16', '2026-03-09 10:00:16', true, 0, 20, NULL, 16;
INSERT INTO orders (id, ticket_id, menu_item_id, price, quantity, order_states, last_update_date_time) VALUES (32, 16, 1, 10, 1, '[]', '2026-03-09 10:00');
SELECT till.quiet_sync() \g /dev/null
SELECT is((SELECT string_agg(row_state, ', ' ORDER BY epoch) FROM sambapos_replica.tickets WHERE id = 16), 'deleted, live', 'its number is used again: another life of the ids');
SELECT * FROM pg_temp.same('anew', 'another life of the ids');
UPDATE tickets SET date = NULL WHERE id = 17; SELECT pg_temp.touch(17), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'a ticket without a date');
SELECT is((SELECT tickets FROM sambapos_report.daily_sales WHERE business_day IS NULL), 1::bigint, 'is shown, though no rollup has it');
SELECT till.sell(31, 40, '2026-03-11 00:10') \g /dev/null
SELECT till.pass(14), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'another day is sold');

-- ---- settings ----
SELECT sambapos_configure('shop', 'day_rule', 'payment 06:00') \g /dev/null
SELECT is(pg_temp.state(), 'kept, not used', 'of another day_rule it does not hold');
SELECT is(pg_temp.sums(), pg_temp.detail(), 'and is not used');
SELECT throws_ok($$SELECT * FROM sambapos_verify_rollup('shop')$$, '55000', 'the rollup of site "shop" is not used at present', 'nor verified');
SELECT till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('anew', 'another day_rule');
UPDATE tickets SET last_payment_date = '2026-03-11 05:00' WHERE id = 5; SELECT pg_temp.touch(5), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'a payment on a later day, before six');
UPDATE tickets SET last_payment_date = '2026-03-12 05:59' WHERE id = 5; SELECT pg_temp.touch(5), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'and on a day after that');
SELECT sambapos_configure('shop', 'day_rule', 'ticket midnight closed') \g /dev/null
SELECT till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('anew', 'closed tickets only');
UPDATE tickets SET is_closed = false WHERE id = 13; SELECT pg_temp.touch(13), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'a ticket is opened again');
SELECT sambapos_configure('shop', 'day_rule', 'ticket work_period') \g /dev/null
SELECT till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('anew', 'days that end with work periods');
UPDATE work_periods SET end_date = '2026-03-11 00:20' WHERE id = 9; SELECT till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'a work period ends');
INSERT INTO work_periods VALUES (10, '2026-03-11 00:10:50', '2026-03-11 00:10:50'); SELECT till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('kept', 'another one begins, among tickets that are there');
UPDATE work_periods SET start_date = '2026-03-08 20:00' WHERE id = 7; SELECT till.quiet_sync('full') \g /dev/null
SELECT * FROM pg_temp.same('anew', 'an earlier one began later');
SELECT sambapos_configure('shop', 'gift_state', 'Gift'), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('anew', 'gifts are told by a word');
SELECT sambapos_configure('shop', 'gift_state', NULL), sambapos_configure('shop', 'day_rule', NULL), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('anew', 'all settings as they were');
SELECT sambapos_configure('shop', 'rollup', 'false') \g /dev/null
UPDATE tickets SET total_amount = 35 WHERE id = 3; SELECT pg_temp.touch(3), till.quiet_sync() \g /dev/null
SELECT sambapos_configure('shop', 'rollup', 'true') \g /dev/null
SELECT is(pg_temp.sums(), pg_temp.detail(), 'what was merged while it was off is no reason to use it');
SELECT till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('anew', 'switched on again');

-- ---- masters ----
INSERT INTO accounts VALUES (50, 'A guest', 6); SELECT till.quiet_sync('full') \g /dev/null
SELECT * FROM pg_temp.same('kept', 'another account changes no sum');
UPDATE payment_types SET name = 'Cash desk' WHERE id = 1; SELECT till.quiet_sync('full') \g /dev/null
SELECT * FROM pg_temp.same('anew', 'a payment type is called otherwise');
INSERT INTO tax_templates VALUES (2, 'Sale is a tax', 1, 1); SELECT till.quiet_sync('full') \g /dev/null
SELECT * FROM pg_temp.same('anew', 'another tax');
UPDATE account_transaction_types SET target_account_type_id = 2 WHERE id = 3; SELECT till.quiet_sync('full') \g /dev/null
SELECT * FROM pg_temp.same('anew', 'what settles a room settles none');
UPDATE account_transaction_types SET target_account_type_id = 3 WHERE id = 3; SELECT till.quiet_sync('full') \g /dev/null
SELECT * FROM pg_temp.same('anew', 'and settles one');

-- ---- by hand ----
SELECT is_empty($$SELECT * FROM sambapos_verify_rollup('shop') WHERE business_day > '1990-01-01'$$, 'verified');
SELECT results_eq($$SELECT report, business_day, column_name, detail FROM sambapos_verify_rollup('shop') WHERE column_name = 'tickets'$$,
  $$VALUES ('daily_sales', '1990-01-01'::date, 'tickets', NULL::numeric)$$, 'a day too many is found');
SAVEPOINT by_hand;
UPDATE sambapos_replica.tickets SET total_amount = total_amount + 1 WHERE id = 25;
SELECT results_eq($$SELECT business_day, column_name, detail - rollup FROM sambapos_verify_rollup('shop') WHERE business_day > '1990-01-01'$$,
  $$VALUES ('2026-03-10'::date, 'net', 1.00), ('2026-03-10', 'total_amount', 1.00)$$, 'a row that somebody has changed is found, with its day');
SELECT is(sambapos_refresh_rollup('shop'), 4::bigint, 'worked out anew');
SELECT * FROM pg_temp.same('anew', 'worked out anew');
ROLLBACK TO by_hand;
UPDATE sambapos.payments_rollup SET amount = amount - 5 WHERE business_day = '2026-03-10';
SELECT results_eq($$SELECT payment_type, column_name, detail - rollup FROM sambapos_verify_rollup('shop') WHERE business_day > '1990-01-01'$$,
  $$VALUES ('Cash desk', 'amount', 5.00)$$, 'a sum that somebody has changed is found');
ROLLBACK TO by_hand;
SELECT count(sambapos._history_rewrite(site_id, 'tickets', 'total_amount = 1', 'id = 1')) FROM sambapos.site \g /dev/null
SELECT is(pg_temp.sums(), pg_temp.detail(), 'history is rewritten: not used');
ROLLBACK TO by_hand;
CREATE POLICY ours ON sambapos_replica.tickets USING (true);
SELECT is(pg_temp.state(), 'kept, not used', 'a policy that may hide rows: not used');
ROLLBACK TO by_hand;

-- ---- clears, reseeds, backups ----
CREATE SCHEMA backup;
DO $$ DECLARE r name; BEGIN
  FOREACH r IN ARRAY '{tickets,orders,payments,calculations,change_payments,ticket_entities,account_transaction_documents,account_transactions,account_transaction_values,work_periods}'::name[] LOOP
    EXECUTE format('CREATE TABLE backup.%I AS TABLE sambapos_live_shop.%1$I', r);
  END LOOP;
END; $$;
CREATE FUNCTION pg_temp.clear() RETURNS void LANGUAGE sql AS $$ SELECT till.clear(); DELETE FROM sambapos_live_shop.calculations; DELETE FROM sambapos_live_shop.change_payments; $$;
SELECT pg_temp.clear(), till.pass(2), till.sell(101, 10, '2026-03-11 03:00') \g /dev/null
SELECT till.quiet_sync() \g /dev/null
SELECT is((SELECT count(*) FROM sambapos_replica.tickets WHERE row_state = 'cleared'), 70::bigint, 'a clear');
SELECT * FROM pg_temp.same('kept', 'a clear');
SELECT pg_temp.clear(), till.pass(2), till.sell(1, 30, '2026-03-11 05:00') \g /dev/null
SELECT till.quiet_sync(), till.quiet_sync() \g /dev/null
SELECT is((SELECT max(epoch) FROM sambapos_replica.tickets), 3, 'ids begin anew');
SELECT is(pg_temp.sums(), pg_temp.detail(), 'a reseed: equal');
SELECT pg_temp.mark() \g /dev/null
SELECT pg_temp.clear(), till.pass(2) \g /dev/null
DO $$ DECLARE r name; BEGIN
  FOR r IN SELECT relname FROM pg_class WHERE relnamespace = 'backup'::regnamespace LOOP
    EXECUTE format('INSERT INTO sambapos_live_shop.%I TABLE backup.%1$I', r);
  END LOOP;
END; $$;
UPDATE numerators SET number = 1000;
SELECT till.quiet_sync() \g /dev/null
SELECT is(pg_temp.sums(), pg_temp.detail(), 'a backup is restored: equal');
SELECT till.quiet_sync() \g /dev/null
SELECT is(pg_temp.sums(), pg_temp.detail(), 'and after the next run');
SELECT is(pg_temp.state() ~ 'not used', false, 'the rollup is used again');

-- ---- verdicts, other databases ----
SAVEPOINT verdict;
DELETE FROM orders WHERE ticket_id IN (1, 2); DELETE FROM payments WHERE ticket_id IN (1, 2); DELETE FROM calculations WHERE ticket_id IN (1, 2);
DELETE FROM ticket_entities WHERE ticket_id IN (1, 2); DELETE FROM tickets WHERE id IN (1, 2);
SELECT till.quiet_sync(), till.quiet_sync(), till.quiet_sync() \g /dev/null
SELECT is(pg_temp.sums(), pg_temp.detail(), 'the two oldest tickets are gone: equal');
SELECT event_id AS event, CASE kind WHEN 'single delete' THEN 'partial clear' ELSE 'single delete' END AS other
FROM sambapos.source_events WHERE table_name = 'tickets' ORDER BY event_id DESC LIMIT 1 \gset
SELECT sambapos_reclassify(:event, :'other') \g /dev/null
SELECT is(pg_temp.sums(), pg_temp.detail(), 'a person says what they are: equal');
SELECT is(pg_temp.state() ~ 'not used', true, 'a verdict: not used');
SELECT till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('anew', 'a verdict');
ROLLBACK TO verdict;
SELECT pg_temp.clear() \g /dev/null
UPDATE till.database SET name = 'Other', created = '2024-05-05';
SELECT till.sell(1, 7, '2026-03-11 11:00') \g /dev/null
SELECT till.quiet_sync() \g /dev/null
SELECT sambapos_accept_source('shop') \g /dev/null
SELECT is(pg_temp.sums(), pg_temp.detail(), 'another database is let in: equal');
SELECT till.quiet_sync() \g /dev/null
SELECT is(pg_temp.sums(), pg_temp.detail(), 'and read: equal');
SELECT till.quiet_sync() \g /dev/null
SELECT is(pg_temp.state() ~ 'not used', false, 'the rollup is used again');
SELECT sambapos_discard_epoch('shop', (SELECT max(epoch) FROM sambapos.epoch)) \g /dev/null
SELECT is(pg_temp.sums(), pg_temp.detail(), 'its epoch is discarded: equal');
ROLLBACK TO verdict;

-- ---- archives ----
SELECT format('/tmp/sambapos-rollup-%s-%s', pg_backend_pid(), current_setting('port')) AS folder \gset
SELECT format('COPY (SELECT 1) TO PROGRAM %L', 'mkdir ' || :'folder') AS make, format('COPY (SELECT 1) TO PROGRAM %L', 'rm -rf ' || :'folder') AS clean \gset
:make;
UPDATE sambapos_live_shop.tickets SET date = '2026-02-10 10:00' WHERE id <= 20; UPDATE account_transaction_documents SET date = '2026-02-10 10:00' WHERE id <= 20;
SELECT pg_temp.touch(VARIADIC ARRAY(SELECT generate_series(1, 20))), till.quiet_sync('full'), pg_temp.clear(), till.pass(1) \g /dev/null
SELECT till.quiet_sync(), till.quiet_sync() \g /dev/null
SELECT is(pg_temp.sums(), pg_temp.detail(), 'a month of history: equal');
SELECT is(pg_temp.state() ~ 'not used', false, 'and used');
CREATE OR REPLACE FUNCTION sambapos._site_clock(place sambapos._place) RETURNS timestamp LANGUAGE sql STABLE AS $$ SELECT '2026-04-19 12:00'::timestamp $$;
SELECT sambapos_configure('shop', 'history_retention', '31 days'), sambapos_configure('shop', 'archive_path', :'folder') \g /dev/null
SELECT results_eq($$SELECT month, action FROM sambapos_apply_retention('shop')$$, $$VALUES ('2026-02-01'::date, 'exported and deleted')$$, 'February is exported and deleted');
SELECT is(pg_temp.sums(), pg_temp.detail(), 'retention: equal');
SELECT is_empty($$SELECT FROM sambapos_report.daily_sales WHERE business_day = '2026-02-10'$$, 'the day is gone');
SELECT till.quiet_sync(), till.quiet_sync(), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('anew', 'retention');
SELECT sambapos_attach_archive(e.path) FROM sambapos.archive_export AS e ORDER BY archive_id DESC LIMIT 1 \g /dev/null
SELECT is(pg_temp.sums(), pg_temp.detail(), 'attached: equal');
SELECT isnt_empty($$SELECT FROM sambapos_report.daily_sales WHERE business_day = '2026-02-10'$$, 'the day is back');
SELECT till.quiet_sync(), till.quiet_sync(), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('anew', 'attached');
SELECT sambapos_detach_archive(max(archive_id)) FROM sambapos.archive_export \g /dev/null
SELECT is(pg_temp.sums(), pg_temp.detail(), 'detached: equal');
SELECT till.quiet_sync(), till.quiet_sync(), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('anew', 'detached');
:clean;

-- ---- many days, and who comes along ----
CREATE OR REPLACE FUNCTION sambapos._rollup_limits(OUT rows integer, OUT days integer) LANGUAGE sql IMMUTABLE AS 'SELECT 3, 2';
DELETE FROM sambapos.rollup_state;
SELECT till.quiet_sync() \g /dev/null
SELECT is(pg_temp.state(), 'anew, not used', 'a run works out some days');
SELECT is(pg_temp.sums(), pg_temp.detail(), 'meanwhile it is not used');
SELECT till.quiet_sync(), till.quiet_sync(), till.quiet_sync(), till.quiet_sync(), till.quiet_sync(), till.quiet_sync() \g /dev/null
SELECT * FROM pg_temp.same('anew', 'later runs work out the others');
SELECT till.sell(201, 4, '2026-03-11 12:00'), till.quiet_sync() \g /dev/null
SELECT is(pg_temp.state() ~ '^anew', true, 'a run that changes too much begins anew');
SELECT is(pg_temp.sums(), pg_temp.detail(), 'begun anew: equal');
SELECT sambapos._site_forget(site_id) FROM sambapos.site \g /dev/null
SELECT is_empty($$SELECT FROM sambapos.rollup_state UNION ALL SELECT FROM sambapos.sales_rollup UNION ALL SELECT FROM sambapos.payments_rollup$$, 'nothing is left of a site that is removed');
SELECT * FROM finish();
ROLLBACK;
