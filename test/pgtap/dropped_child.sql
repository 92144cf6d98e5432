-- Promise: a child table that somebody has dropped here fails alone. Its root, and its root's other children, are read,
-- cleared, restored and judged as if it were not copied.
BEGIN;
\ir seam.psql
SELECT plan(10);
CREATE SCHEMA backup;
CREATE FUNCTION pg_temp.states(relation name) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  answer text;
BEGIN
  EXECUTE format('SELECT string_agg(s, '', '' ORDER BY s) FROM (SELECT row_state || '' '' || count(*) AS s FROM sambapos_replica.%I GROUP BY row_state) AS x', relation) INTO answer;
  RETURN answer;
END;
$$;
CREATE FUNCTION pg_temp.not_ok() RETURNS SETOF text LANGUAGE sql AS
$$ SELECT r.table_name || ' ' || r.status FROM sambapos_sync('shop') AS r WHERE r.status <> 'ok'; $$;
SELECT till.sell(1, 30);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
DO $$ DECLARE r name; BEGIN
  FOREACH r IN ARRAY '{tickets,orders,payments,account_transaction_documents,account_transactions,account_transaction_values}'::name[] LOOP
    EXECUTE format('CREATE TABLE backup.%I AS TABLE sambapos_live_shop.%1$I', r);
  END LOOP;
END; $$;
DROP TABLE sambapos_replica.ticket_entities CASCADE;

-- other children of the ticket are asked who it is
UPDATE tickets SET date = date + interval '1 hour', last_update_time = (SELECT local_now FROM till.clock) WHERE id = 12;
SELECT results_eq($$SELECT * FROM pg_temp.not_ok()$$, ARRAY['ticket_entities failed'], 'a corrected date: the table fails alone');
SELECT is(pg_temp.states('tickets'), 'live 30', 'the ticket goes on');

SELECT till.pass(1);
DELETE FROM orders WHERE id = 24; UPDATE tickets SET last_update_time = (SELECT local_now FROM till.clock) WHERE id = 12;
SELECT results_eq($$SELECT * FROM pg_temp.not_ok()$$, ARRAY['ticket_entities failed'], 'a line less: the table fails alone');
SELECT is(pg_temp.states('orders'), 'live 59, removed 1', 'the line is removed');

SELECT till.clear();
SELECT results_eq($$SELECT * FROM pg_temp.not_ok()$$, ARRAY['ticket_entities failed'], 'a clear: the table fails alone');
SELECT is(pg_temp.states('payments'), 'cleared 30', 'the others are cleared');

DO $$ DECLARE r name; BEGIN
  FOR r IN SELECT relname FROM pg_class WHERE relnamespace = 'backup'::regnamespace LOOP
    EXECUTE format('INSERT INTO sambapos_live_shop.%I TABLE backup.%1$I', r);
  END LOOP;
  UPDATE sambapos_live_shop.tickets SET date = date + interval '1 hour' WHERE id = 12;
END; $$;
SELECT results_eq($$SELECT * FROM pg_temp.not_ok()$$, ARRAY['ticket_entities failed'], 'a restore: the table fails alone');
SELECT is(pg_temp.states('tickets'), 'live 30', 'the tickets are live again');
SELECT is(pg_temp.states('payments'), 'live 30', 'and their payments');
SELECT * FROM finish();
ROLLBACK;
