-- Promise: a report of one business day reads that day and not all history, by every rule of the day; and it says the same
-- as a look at every single ticket would, also of tickets without a date and of dates far away. A report of all history
-- costs as much more as there is more of it, and not the square of that.
--
-- Measured is what is read and put together, in rows and pages, never time.
BEGIN;
\ir seam.psql
SELECT no_plan();
SET LOCAL jit = off; -- it changes no plan
-- what settles an account is told by the ledger, so the ledger must be there
ALTER TABLE payments ADD payment_type_id int, ADD account_transaction_id_2 int, ADD date timestamp;
ALTER TABLE account_transactions ADD account_transaction_type_id int, ADD name text;
ALTER TABLE account_transaction_values ADD date timestamp, ADD credit numeric(16,2), ADD account_type_id int;
CREATE TABLE payment_types (id int, name text, account_transaction_type_id int, account_id int);
CREATE TABLE ticket_types (id int, name text, sale_transaction_type_id int);
CREATE TABLE account_transaction_types (id int, name text, source_account_type_id int, target_account_type_id int);
CREATE TABLE accounts (id int, name text, account_type_id int);
UPDATE pg_attribute AS a
   SET attfdwoptions = ARRAY['column_name=' || till.source_name(c.relname, a.attname), 'remote_type=' || format_type(a.atttypid, a.atttypmod)]
                       || CASE WHEN till.is_key(c.relname, a.attname) THEN '{key=true}'::text[] ELSE '{}' END
  FROM pg_class AS c WHERE c.oid = a.attrelid AND c.relnamespace = 'sambapos_live_shop'::regnamespace AND a.attnum > 0;
INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind, parent, parent_key, date_column, history)
SELECT s.site_id, k.table_name, k.source_name, k.kind, k.parent, k.parent_key, k.date_column, k.history
FROM sambapos._place AS s, sambapos._known_tables() AS k WHERE k.table_name IN ('payment_types', 'ticket_types', 'account_transaction_types', 'accounts');
SET LOCAL quote_all_identifiers = off;
DROP TABLE sambapos_replica.payments, sambapos_replica.account_transactions, sambapos_replica.account_transaction_values CASCADE; -- made anew with all columns
SELECT count(*) AS made FROM sambapos._table AS t, sambapos._replica_ensure(t.site_id, t.table_name) \gset
RESET quote_all_identifiers;
SELECT sambapos_refresh_reports() AS made \gset

-- account types: 1 sales, 2 receivables, 3 money, 4 rooms. A sale goes from 1 to 2, a payment from 2 to 3, a guest pays a room from 4 to 3.
INSERT INTO account_transaction_types VALUES (1, 'Sale', 1, 2), (2, 'Payment', 2, 3), (3, 'Room paid', 4, 3), (4, 'On account', 2, 4);
INSERT INTO ticket_types VALUES (1, 'Ticket', 1);
INSERT INTO accounts VALUES (1, 'Sales', 1), (2, 'Receivables', 2), (3, 'Till', 3), (4, 'Room 4', 4);
INSERT INTO payment_types VALUES (1, 'Cash', 2, 3), (2, 'House', 9, 2); -- the house's account is one of the receivables
CREATE FUNCTION till.book(document int, id int, type int, amount numeric) RETURNS void LANGUAGE sql AS
$$
  INSERT INTO sambapos_live_shop.account_transactions (id, account_transaction_document_id, amount, account_transaction_type_id, name)
  SELECT book.id, document, book.amount, type, k.name FROM sambapos_live_shop.account_transaction_types AS k WHERE k.id = type;
  INSERT INTO sambapos_live_shop.account_transaction_values (id, account_transaction_id, account_transaction_document_id, account_id, account_type_id, debit, credit, date)
  SELECT 10 * book.id + x.n, book.id, document, x.side, x.side, x.debit, x.credit, '2026-03-10 10:00'
  FROM sambapos_live_shop.account_transaction_types AS k
  CROSS JOIN LATERAL (VALUES (0, k.source_account_type_id, 0, book.amount), (1, k.target_account_type_id, book.amount, 0)) AS x (n, side, debit, credit) WHERE k.id = type;
$$;
SELECT till.sell(1, 10) \gset ignored_
DELETE FROM account_transactions; DELETE FROM account_transaction_values;
UPDATE payments SET payment_type_id = 1, account_transaction_id_2 = 100 + id, date = '2026-03-10 10:00';
SELECT count(till.book(i, i, 1, 20)), count(till.book(i, 100 + i, 2, 20)) FROM generate_series(1, 10) AS i \gset ignored_
INSERT INTO account_transaction_documents VALUES (99, '2026-03-10 11:00', 'room');
SELECT till.book(99, 200, 3, 50) \gset ignored_
SELECT till.quiet_sync() AS quiet \gset
SELECT is((SELECT string_agg(payment_type || ' ' || payments, ', ' ORDER BY payment_type) FROM sambapos_report.payments_by_type), 'Cash 10, Room paid 1', 'payments and a settlement');

-- five months at a hundred tickets a day, as the sync would have left them
ALTER TABLE sambapos_replica.orders ADD calculate_price boolean DEFAULT true, ADD decrease_inventory boolean DEFAULT true, ADD increase_inventory boolean DEFAULT false;
CREATE FUNCTION pg_temp.fill(first int, last int, tables text[] DEFAULT '{tickets,orders,payments,account_transaction_documents,account_transactions,account_transaction_values,work_periods,accounts}')
RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
  t text;
  names text;
  chosen text;
BEGIN
  FOREACH t IN ARRAY tables LOOP
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
           string_agg(CASE WHEN a.attname ~ '^(id|ticket_id|root_id|transaction_document_id|account_transaction_document_id|account_transaction_id|account_transaction__account_transaction_document_id|account_transaction_id_2)$'
                             THEN format('r.%I + g.n * 1000', a.attname)
                           WHEN a.attname IN ('date', 'last_payment_date', 'last_update_time', 'start_date', 'end_date') THEN format('r.%I - g.n * interval ''2 hours 24 minutes''', a.attname)
                           WHEN a.attname = 'row_state' THEN '''cleared'''
                           ELSE 'r.' || quote_ident(a.attname) END, ', ' ORDER BY a.attnum)
      INTO names, chosen FROM pg_attribute AS a WHERE a.attrelid = ('sambapos_replica.' || t)::regclass AND a.attnum > 0 AND NOT a.attisdropped;
    EXECUTE format('INSERT INTO sambapos_replica.%I (%s) SELECT %s FROM sambapos_replica.%I AS r CROSS JOIN generate_series(%s, %s) AS g (n) WHERE r.%I < 1000', t, names, chosen, t, first, last,
                   CASE t WHEN 'account_transaction_values' THEN 'account_transaction_document_id' ELSE 'id' END);
    EXECUTE format('ANALYZE sambapos_replica.%I', t);
  END LOOP;
END;
$$;
SELECT pg_temp.fill(1, 60);
DELETE FROM sambapos_replica.work_periods WHERE id / 1000 % 12 <> 0;

-- the same as by a look at every ticket
CREATE FUNCTION pg_temp.differs(rule text) RETURNS bigint LANGUAGE plpgsql AS
$$
BEGIN
  PERFORM sambapos_configure('shop', 'day_rule', rule);
  RETURN (WITH by_day AS (SELECT business_day, tickets, total_amount FROM sambapos_report.daily_sales),
               by_ticket AS (SELECT business_day, count(*) AS tickets, sum(total_amount) AS total_amount FROM sambapos_report.tickets WHERE is_closed OR rule NOT LIKE '% closed' GROUP BY business_day),
               one_day AS (SELECT d.business_day, d.tickets, d.total_amount FROM (SELECT DISTINCT business_day FROM by_ticket WHERE business_day IS NOT NULL) AS k
                           CROSS JOIN LATERAL (SELECT * FROM sambapos_report.daily_sales AS d WHERE d.business_day = k.business_day) AS d)
          SELECT (SELECT count(*) FROM (SELECT * FROM by_day EXCEPT SELECT * FROM by_ticket) AS x)
               + (SELECT count(*) FROM (SELECT * FROM by_ticket EXCEPT SELECT * FROM by_day) AS x)
               + (SELECT count(*) FROM (SELECT * FROM one_day EXCEPT SELECT * FROM by_ticket) AS x)
               + (SELECT count(*) FROM (SELECT * FROM by_ticket WHERE business_day IS NOT NULL EXCEPT SELECT * FROM one_day) AS x)
               + abs((SELECT count(*) FROM by_day) - (SELECT count(DISTINCT business_day) + count(DISTINCT 1) FILTER (WHERE business_day IS NULL) FROM by_day))
               + (SELECT count(*) FROM (SELECT business_day, payment_type, payments, amount FROM sambapos_report.payments_by_type EXCEPT
                                          SELECT p.business_day, p.payment_type, count(*), sum(p.amount) FROM sambapos_report.payments AS p LEFT JOIN sambapos_report.tickets AS t ON (t.epoch, t.id) = (p.epoch, p.ticket_id)
                                          WHERE rule NOT LIKE '% closed' OR p.is_settlement OR t.is_closed GROUP BY p.business_day, p.payment_type) AS x)
               + abs((SELECT coalesce(sum(payments), 0) FROM sambapos_report.payments_by_type) - (SELECT count(*) FROM sambapos_report.payments AS p LEFT JOIN sambapos_report.tickets AS t ON (t.epoch, t.id) = (p.epoch, p.ticket_id) WHERE rule NOT LIKE '% closed' OR p.is_settlement OR t.is_closed)));
END;
$$;
SELECT is(pg_temp.differs(r), 0::bigint, r || ': the same as by a look at each ticket')
FROM unnest('{ticket midnight,ticket 04:00,ticket work_period,payment midnight,payment 04:00 closed,payment work_period}'::text[]) AS r;

-- odd dates: none at all, the edge of a day, decades away; and payments whose ticket does not count
SAVEPOINT odd_dates;
ALTER TABLE sambapos_replica.tickets DISABLE TRIGGER USER;
UPDATE sambapos_replica.tickets SET date = CASE id WHEN 1 THEN NULL WHEN 2 THEN '1753-01-01' WHEN 3 THEN '9999-12-31 23:59:59.997' WHEN 4 THEN '2026-03-09 03:59:59.997' WHEN 5 THEN '2026-03-09 04:00'
                                            WHEN 6 THEN '2026-03-08 00:00' WHEN 7 THEN '2026-03-07 23:59:59.997' WHEN 8 THEN '9998-01-02 01:00' WHEN 9 THEN '1753-01-01 05:00' ELSE date END,
  is_closed = id <> 10;
UPDATE sambapos_replica.tickets SET last_payment_date = CASE id WHEN 3 THEN NULL WHEN 5 THEN '1900-01-01' WHEN 2 THEN '2026-03-10 02:00' ELSE last_payment_date END;
UPDATE sambapos_replica.tickets SET row_state = 'removed' WHERE id = 11001;
ALTER TABLE sambapos_replica.account_transaction_values DISABLE TRIGGER USER;
UPDATE sambapos_replica.account_transaction_values SET date = NULL WHERE account_transaction_id = 200;
SELECT is((SELECT count(*) FROM sambapos_report.payments_by_type WHERE business_day IS NULL AND payment_type = 'Room paid'), 1::bigint, 'a settlement without a date is one without a day');
SELECT is(pg_temp.differs(r), 0::bigint, r || ': so is it with odd dates')
FROM unnest('{ticket midnight,ticket 04:00,ticket work_period,payment midnight,payment 04:00 closed,payment work_period}'::text[]) AS r;
DELETE FROM sambapos_replica.work_periods;
SELECT is(pg_temp.differs('ticket work_period'), 0::bigint, 'and without any work period');
ROLLBACK TO odd_dates;

-- ---- what is read ----

-- some odd dates, of tickets that fill does not multiply
ALTER TABLE sambapos_replica.tickets DISABLE TRIGGER USER;
UPDATE sambapos_replica.tickets SET date = CASE id WHEN 1001 THEN NULL WHEN 1002 THEN '1753-01-01' ELSE timestamp '9999-12-31 23:59:59.997' END,
  last_payment_date = CASE id WHEN 1001 THEN '1900-01-01' WHEN 1002 THEN NULL ELSE timestamp '9998-01-02 01:00' END WHERE id IN (1001, 1002, 1003);

CREATE TABLE pg_temp.node (report text, condition text, node jsonb);
-- The nodes of a plan, and how many pages it has read.
CREATE FUNCTION pg_temp.look(report text, condition text) RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
  plan jsonb;
BEGIN
  EXECUTE format('EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) SELECT * FROM sambapos_report.%I WHERE %s', report, condition) INTO plan;
  INSERT INTO pg_temp.node
  WITH RECURSIVE n (node) AS (SELECT plan -> 0 -> 'Plan' UNION ALL SELECT p FROM n CROSS JOIN LATERAL jsonb_array_elements(n.node -> 'Plans') AS p)
  SELECT report, condition, n.node - 'Plans' FROM n;
  RETURN (plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::bigint + (plan -> 0 -> 'Plan' ->> 'Shared Read Blocks')::bigint;
END;
$$;
-- How many rows the nodes of the plans have looked at, those that they left out too.
CREATE FUNCTION pg_temp.rows_of(node jsonb) RETURNS numeric LANGUAGE sql AS
$$
  SELECT (coalesce((node ->> 'Actual Rows')::numeric, 0) + coalesce((node ->> 'Rows Removed by Filter')::numeric, 0)
          + coalesce((node ->> 'Rows Removed by Join Filter')::numeric, 0)) * coalesce((node ->> 'Actual Loops')::numeric, 1);
$$;
CREATE TABLE pg_temp.growth (rule text, report text, at_first numeric, later numeric);
CREATE FUNCTION pg_temp.look_at_history(rule text) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
  PERFORM sambapos_configure('shop', 'day_rule', rule);
  DELETE FROM pg_temp.node;
  PERFORM pg_temp.look(v.view_name, 'true') FROM sambapos._report_views() AS v;
  IF EXISTS (SELECT FROM pg_temp.growth AS g WHERE g.rule = look_at_history.rule) THEN
    UPDATE pg_temp.growth AS g SET later = (SELECT sum(pg_temp.rows_of(n.node)) FROM pg_temp.node AS n WHERE n.report = g.report)
    WHERE g.rule = look_at_history.rule;
  ELSE
    INSERT INTO pg_temp.growth SELECT look_at_history.rule, n.report, sum(pg_temp.rows_of(n.node)) FROM pg_temp.node AS n GROUP BY n.report;
  END IF;
  DELETE FROM pg_temp.node;
END;
$$;
SELECT pg_temp.fill(n, n, '{work_periods}') FROM generate_series(1, 60) AS n WHERE n % 12 <> 0;
SELECT pg_temp.look_at_history(r) FROM unnest('{ticket work_period,payment 04:00 closed}'::text[]) AS r;
SELECT pg_temp.fill(61, 240);
SELECT pg_temp.look_at_history(r) FROM unnest('{ticket work_period,payment 04:00 closed}'::text[]) AS r;
SELECT is((SELECT count(*) FROM pg_temp.growth AS g WHERE g.later > 0), 2 * (SELECT count(*) FROM sambapos._report_views()), 'each report was looked at twice');
SELECT is((SELECT string_agg(format('%s, %s: %s rows, then %s', report, rule, at_first, later), '; ' ORDER BY later DESC) FROM pg_temp.growth
           WHERE later > 4 * 1.5 * at_first + 1000), NULL, 'with four times the history no report works more than a little above four times as much');

SELECT pg_temp.fill(241, 800);
SELECT cmp_ok((SELECT count(*) FROM sambapos_replica.tickets), '>', 8000::bigint, 'there is a history');

CREATE TABLE pg_temp.seen (rule text, report text, condition text, pages bigint, tickets bigint, tickets_read numeric);
CREATE FUNCTION pg_temp.look_at_days(rule text) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
  days text;
  wanted bigint;
BEGIN
  PERFORM sambapos_configure('shop', 'day_rule', rule);
  FOREACH days IN ARRAY ARRAY['business_day = ''2026-01-10''', 'business_day >= ''2026-01-10'' AND business_day < ''2026-01-12''', 'business_day >= ''2026-03-10'''] LOOP
    EXECUTE format('SELECT count(*) FROM sambapos_report.tickets WHERE %s', days) INTO wanted;
    INSERT INTO pg_temp.seen
    SELECT look_at_days.rule, r.report, days, pg_temp.look(r.report, days), wanted
    FROM unnest('{daily_sales,payments_by_type,category_sales,discounts,voids_and_gifts,taxes}'::text[]) AS r (report);
    UPDATE pg_temp.seen AS s
    SET tickets_read = (SELECT coalesce(sum(pg_temp.rows_of(n.node)), 0) FROM pg_temp.node AS n
                        WHERE n.report = s.report AND n.condition = s.condition AND n.node ->> 'Relation Name' = 'tickets' AND n.node ->> 'Node Type' <> 'Bitmap Index Scan')
    WHERE s.tickets_read IS NULL;
    CREATE TABLE IF NOT EXISTS pg_temp.all_nodes (LIKE pg_temp.node);
    INSERT INTO pg_temp.all_nodes SELECT * FROM pg_temp.node;
    DELETE FROM pg_temp.node;
  END LOOP;
END;
$$;
SELECT pg_temp.look_at_days(r) FROM unnest('{ticket midnight,payment 04:00 closed,ticket work_period}'::text[]) AS r;
SELECT is((SELECT string_agg(DISTINCT format('%s where %s: %s', report, condition, node ->> 'Relation Name'), '; ') FROM pg_temp.all_nodes
           WHERE node ->> 'Node Type' IN ('Seq Scan', 'Parallel Seq Scan')
             AND node ->> 'Relation Name' IN ('tickets', 'orders', 'payments', 'calculations', 'account_transactions', 'account_transaction_values', 'account_transaction_documents')), NULL,
          'no report of some days reads a table from end to end');
-- Payments look at their ticket once more, by its document: are they a settlement? And EXPLAIN rounds the rows of a loop.
SELECT is((SELECT string_agg(format('%s where %s, %s: %s rows of %s tickets', report, condition, rule, tickets_read, tickets), '; ') FROM pg_temp.seen
           WHERE tickets_read > 1.25 * tickets * CASE report WHEN 'payments_by_type' THEN 2 ELSE 1 END), NULL, 'but the tickets of these days alone, by each kind of rule');
-- but for taxes: there are none here, and a plan may see that first
SELECT is((SELECT count(*) FROM pg_temp.seen WHERE tickets_read >= tickets AND tickets >= 100 AND report <> 'taxes'), (3 * 2 * 5)::bigint, 'and all of them');
SELECT cmp_ok((SELECT max(pages) FROM pg_temp.seen WHERE condition LIKE '% = %' AND report = 'daily_sales'), '<', pg_temp.look('daily_sales', 'true') / 50, 'a day takes few of the pages that all history takes');

-- a day of one site is no work for the days of the others
INSERT INTO sambapos.site (name, server) SELECT 'other' || n, server FROM sambapos.site CROSS JOIN generate_series(1, 3) AS n WHERE name = 'shop';
SET LOCAL track_functions = 'all';
SELECT count(*) AS asked FROM sambapos_report.daily_sales WHERE site = 'shop' AND business_day = '2026-01-10' \gset
-- payments and settlements
SELECT count(*) AS asked FROM sambapos_report.payments_by_type WHERE site = 'shop' AND business_day = '2026-01-10' \gset
SELECT is((SELECT sum(calls) FROM pg_stat_xact_user_functions WHERE funcname = '_report_moments'), 3::numeric, 'a report of one site works out the days of that site alone');

SELECT * FROM finish();
ROLLBACK;
