-- Promise: money is counted once: what a sale, a tax or a discount books is no settlement, wherever a payment type puts its
-- money; a payment of a deleted ticket whose account document stays is none either; a room that is settled is one.
BEGIN;
\ir seam.psql
SELECT no_plan();

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
SELECT till.sell(1, 3) \gset ignored_
DELETE FROM account_transactions; DELETE FROM account_transaction_values;
UPDATE payments SET payment_type_id = 1, account_transaction_id_2 = 100 + id, date = '2026-03-10 10:00';
SELECT count(till.book(i, i, 1, 20)), count(till.book(i, 100 + i, 2, 20)) FROM generate_series(1, 3) AS i \gset ignored_
INSERT INTO account_transaction_documents VALUES (9, '2026-03-10 11:00', 'room');
SELECT till.book(9, 200, 3, 50) \gset ignored_
SELECT till.quiet_sync() \gset ignored_
SELECT results_eq('SELECT payment_type, payments, trim_scale(amount) FROM sambapos_report.payments_by_type ORDER BY 1', $$VALUES ('Cash', 3::bigint, 60::numeric), ('Room paid', 1, 50)$$,
  'three payments and a room, and no sale, though a payment type puts money where sales put theirs');

DELETE FROM orders WHERE ticket_id = 2; DELETE FROM payments WHERE ticket_id = 2; DELETE FROM ticket_entities WHERE ticket_id = 2; DELETE FROM tickets WHERE id = 2;
SELECT till.quiet_sync('full') \gset ignored_
SELECT till.quiet_sync('full') \gset ignored_
SELECT is((SELECT row_state FROM sambapos_replica.tickets WHERE id = 2) || ' ' || (SELECT row_state FROM sambapos_replica.account_transactions WHERE id = 102), 'deleted live', 'a ticket is deleted, its account document stays');
SELECT results_eq('SELECT payment_type, payments, trim_scale(amount) FROM sambapos_report.payments_by_type ORDER BY 1', $$VALUES ('Cash', 2::bigint, 40::numeric), ('Room paid', 1, 50)$$,
  'its payment has not become a settlement');
SELECT is((SELECT count(*) FROM sambapos_report.payments WHERE is_settlement), 1::bigint, 'nor in the list');
SELECT finish();
ROLLBACK;
