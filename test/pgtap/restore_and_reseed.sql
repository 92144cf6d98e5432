-- Promise: what a restore or a reseed leaves out of the source stays in the reports, and one id has one live row.
BEGIN;
\ir seam.psql
SELECT plan(22);
CREATE FUNCTION pg_temp.states(relation name) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  answer text;
BEGIN
  EXECUTE format('SELECT string_agg(s, '', '' ORDER BY s) FROM (SELECT epoch || '' '' || row_state || '' '' || count(*) AS s FROM sambapos_replica.%I GROUP BY epoch, row_state) AS x', relation) INTO answer;
  RETURN answer;
END;
$$;
CREATE SCHEMA backup;
SELECT till.sell(1, 300, '2026-03-09 10:00');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
DO $$ DECLARE r name; BEGIN
  FOREACH r IN ARRAY '{tickets,orders,payments,ticket_entities,account_transaction_documents,account_transactions,account_transaction_values,work_periods}'::name[] LOOP
    EXECUTE format('CREATE TABLE backup.%I AS TABLE sambapos_live_shop.%1$I', r);
  END LOOP;
END; $$;

-- a clear with reseed; a few sales later the backup is restored
SELECT till.clear(); SELECT till.pass(2); SELECT till.sell(1, 20, '2026-03-10 13:00');
UPDATE tickets SET is_closed = false WHERE id = 20;
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'another life of the ids');
SELECT till.clear(); SELECT till.pass(2);
DO $$ DECLARE r name; BEGIN
  FOR r IN SELECT relname FROM pg_class WHERE relnamespace = 'backup'::regnamespace LOOP
    EXECUTE format('INSERT INTO sambapos_live_shop.%I TABLE backup.%1$I', r);
  END LOOP;
END; $$;
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'the first life is back');
SELECT is(pg_temp.states('tickets'), '1 live 300, 2 superseded 20', 'its tickets live again, the later ones are superseded');
SELECT is(pg_temp.states('orders'), '1 live 600, 2 superseded 40', 'the sales between reseed and restore keep their orders');
SELECT is(pg_temp.states('payments'), '1 live 300, 2 superseded 20', 'and their payments');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT is_empty($$SELECT * FROM till.sync('full')$$, 'the next sync finds nothing');

-- while the site was out of reach: a reseed, and nearly as many new tickets as there were; without numerators
DELETE FROM sambapos.replicated_table WHERE table_name = 'numerators';
SELECT till.clear(); SELECT till.pass(200); SELECT till.sell(1, 295, '2026-03-18 10:00');
INSERT INTO work_periods SELECT i, '2026-03-10 06:00'::timestamp + i * '12 hours'::interval, '2026-03-10 14:00'::timestamp + i * '12 hours'::interval FROM generate_series(1, 9) AS i;
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'a reseed that the numbers hardly show');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets WHERE row_state IN ('deleted', 'removed')), 0::bigint, 'tickets that no new one replaced are cleared, not deleted');
SELECT is((SELECT count(*) FROM sambapos_replica.orders WHERE row_state IN ('deleted', 'removed')), 0::bigint, 'their orders too');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'the next run reads the other tables whole');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'work periods under used-again ids are found too');
SELECT is((SELECT count(*) FROM sambapos_replica.work_periods WHERE row_state = 'superseded'), 9::bigint, 'and the old ones kept');
SELECT is_empty($$SELECT * FROM till.sync('full')$$, 'the next sync finds nothing');

-- a table that was switched off for a while has a gap
SELECT sambapos_configure('shop', 'enabled', 'false', 'orders');
UPDATE orders SET quantity = 7 WHERE ticket_id = 3;
UPDATE tickets SET last_update_time = (SELECT local_now FROM till.clock), total_amount = 70 WHERE id = 3;
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'an edit while orders are switched off');
SELECT till.pass(2);
SELECT sambapos_configure('shop', 'enabled', 'true', 'orders');
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['orders ok +0 ~2 -0'], 'is found when they are switched on');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');

-- a document of today gets another time of today: the same document, since later ones are still there
INSERT INTO account_transaction_documents SELECT 900 + i, (SELECT local_now FROM till.clock), 'cash in' FROM generate_series(0, 1) AS i;
INSERT INTO account_transaction_values SELECT 1900 + i, 900 + i, 900 + i, 1, 50 FROM generate_series(0, 1) AS i;
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'two cash receipts');
UPDATE account_transaction_documents SET date = date - interval '5 minutes' WHERE id = 900;
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['account_transaction_documents ok +0 ~1 -0'], 'an edited document is that document');
SELECT is((SELECT sum(debit) FROM sambapos_replica.account_transaction_values WHERE account_transaction_document_id IN (900, 901)), 100::numeric, 'its amount is there once');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT * FROM finish();
ROLLBACK;
