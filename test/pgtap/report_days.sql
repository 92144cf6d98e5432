-- Promise: a report of one business day reads that day and not all history, by every rule of the day; and it says the same
-- as a look at every single ticket would, also of tickets without a date and of dates far away.
--
-- Measured is what is read, in pages, never time.
BEGIN;
\ir seam.psql
SELECT no_plan();
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
CREATE FUNCTION pg_temp.fill(first int, last int) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
  t text;
  names text;
  chosen text;
BEGIN
  FOREACH t IN ARRAY '{tickets,orders,payments,account_transaction_documents,account_transactions,account_transaction_values,work_periods}'::text[] LOOP
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
           string_agg(CASE WHEN a.attname ~ '^(id|ticket_id|root_id|transaction_document_id|account_transaction_document_id|account_transaction_id|account_transaction__account_transaction_document_id|account_transaction_id_2)$'
                             THEN format('r.%I + g.n * 1000', a.attname)
                           WHEN a.attname IN ('date', 'last_payment_date', 'last_update_time', 'start_date', 'end_date') THEN format('r.%I - g.n * interval ''2 hours 24 minutes''', a.attname)
                           WHEN a.attname = 'row_state' THEN '''cleared'''
                           ELSE 'r.' || quote_ident(a.attname) END, ', ' ORDER BY a.attnum)
      INTO names, chosen FROM pg_attribute AS a WHERE a.attrelid = ('sambapos_replica.' || t)::regclass AND a.attnum > 0 AND NOT a.attisdropped;
    EXECUTE format('INSERT INTO sambapos_replica.%I (%s) SELECT %s FROM sambapos_replica.%I AS r CROSS JOIN generate_series(%s, %s) AS g (n) WHERE r.id < 1000', t, names, chosen, t, first, last);
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
ALTER TABLE sambapos_replica.tickets DISABLE TRIGGER USER;
UPDATE sambapos_replica.tickets SET date = CASE id WHEN 1 THEN NULL WHEN 2 THEN '1753-01-01' WHEN 3 THEN '9999-12-31 23:59:59.997' WHEN 4 THEN '2026-03-09 03:59:59.997' WHEN 5 THEN '2026-03-09 04:00'
                                            WHEN 6 THEN '2026-03-08 00:00' WHEN 7 THEN '2026-03-07 23:59:59.997' WHEN 8 THEN '9998-01-02 01:00' WHEN 9 THEN '1753-01-01 05:00' ELSE date END,
  is_closed = id <> 10;
UPDATE sambapos_replica.tickets SET last_payment_date = CASE id WHEN 3 THEN NULL WHEN 5 THEN '1900-01-01' WHEN 2 THEN '2026-03-10 02:00' ELSE last_payment_date END;
UPDATE sambapos_replica.tickets SET row_state = 'removed' WHERE id = 11001;
SELECT is(pg_temp.differs(r), 0::bigint, r || ': so is it with odd dates')
FROM unnest('{ticket midnight,ticket 04:00,ticket work_period,payment midnight,payment 04:00 closed,payment work_period}'::text[]) AS r;
SAVEPOINT no_periods;
DELETE FROM sambapos_replica.work_periods;
SELECT is(pg_temp.differs('ticket work_period'), 0::bigint, 'and without any work period');
ROLLBACK TO no_periods;

-- ---- what is read ----

SELECT pg_temp.fill(61, 1500);
SELECT cmp_ok((SELECT count(*) FROM sambapos_replica.tickets), '>', 15000::bigint, 'there is a history');

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
CREATE TABLE pg_temp.seen AS
SELECT r.report, c.condition, 0::bigint AS pages, ''::text AS rule
FROM unnest('{daily_sales,payments_by_type,category_sales,discounts,voids_and_gifts,taxes}'::text[]) AS r (report) CROSS JOIN (VALUES ('true')) AS c (condition) WHERE false;
CREATE FUNCTION pg_temp.look_at_all(rule text) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
  PERFORM sambapos_configure('shop', 'day_rule', rule);
  INSERT INTO pg_temp.seen
  SELECT r.report, c.condition, pg_temp.look(r.report, c.condition), rule
  FROM unnest('{daily_sales,payments_by_type,category_sales,discounts,voids_and_gifts,taxes}'::text[]) AS r (report)
  CROSS JOIN unnest(ARRAY['business_day = ''2025-12-10''', 'business_day BETWEEN ''2025-12-10'' AND ''2025-12-11''',
                          'business_day >= ''2025-12-10'' AND business_day < ''2025-12-11''', 'business_day >= ''2026-03-10''']) AS c (condition);
END;
$$;
SELECT pg_temp.look_at_all(r) FROM unnest('{ticket midnight,ticket 04:00,ticket work_period,payment midnight,payment 04:00 closed,payment work_period}'::text[]) AS r;
SELECT is((SELECT string_agg(DISTINCT format('%s where %s: %s', report, condition, node ->> 'Relation Name'), '; ') FROM pg_temp.node
           WHERE node ->> 'Node Type' IN ('Seq Scan', 'Parallel Seq Scan')
             AND node ->> 'Relation Name' IN ('tickets', 'orders', 'payments', 'calculations', 'account_transactions', 'account_transaction_values', 'account_transaction_documents')), NULL,
          'no report of some days reads a table from end to end');
SELECT is((SELECT string_agg(DISTINCT format('%s where %s: %s rows', report, condition, rows), '; ')
           FROM (SELECT n.report, n.condition, sum((n.node ->> 'Actual Rows')::numeric * (n.node ->> 'Actual Loops')::numeric + coalesce((n.node ->> 'Rows Removed by Filter')::numeric, 0) * (n.node ->> 'Actual Loops')::numeric) AS rows
                 FROM pg_temp.node AS n WHERE n.node ->> 'Relation Name' = 'tickets' AND n.node ->> 'Node Type' <> 'Bitmap Index Scan' GROUP BY n.report, n.condition) AS r
           WHERE rows > 6 * 1000), NULL, 'but the tickets of these days alone, by each of the six rules');
SELECT cmp_ok((SELECT max(pages) FROM pg_temp.seen WHERE condition LIKE '% = %' AND report = 'daily_sales'), '<', pg_temp.look('daily_sales', 'true') / 50, 'a day takes few of the pages that all history takes');

SELECT * FROM finish();
ROLLBACK;
