-- What the guard of history costs (trigger keep_history, sql/site/replica_table.sql): updates of a replica table with it and
-- without, in turn, medians of five, as a ratio. Run by test/bench/history_guard.
\set QUIET on
\pset format unaligned
\pset tuples_only on
CREATE EXTENSION sambapos_fdw;
CREATE SCHEMA sambapos_replica;
CREATE TABLE sambapos_replica.orders (
  site_id integer NOT NULL, epoch integer NOT NULL, id integer, ticket_id integer, menu_item_id integer, menu_item_name text,
  price numeric, quantity numeric, order_states text, order_tags text, created_date_time timestamp, last_update_date_time timestamp,
  row_state text NOT NULL DEFAULT 'live', first_seen_at timestamptz NOT NULL DEFAULT now(), synced_at timestamptz NOT NULL DEFAULT now(),
  version bigint NOT NULL, PRIMARY KEY (site_id, epoch, id, ticket_id));
CREATE TABLE figure (question text, guarded boolean, seconds double precision);
CREATE PROCEDURE measure(guarded boolean, counted boolean, n integer) LANGUAGE plpgsql AS
$$
DECLARE
  q record;
  began timestamptz;
BEGIN
  TRUNCATE sambapos_replica.orders;
  SET LOCAL client_min_messages = warning;
  DROP TRIGGER IF EXISTS keep_history ON sambapos_replica.orders;
  IF guarded THEN
    PERFORM sambapos._history_guard_ensure('sambapos_replica.orders', 'replica');
  END IF;
  INSERT INTO sambapos_replica.orders SELECT 1, 1, i, i / 3, i % 100, 'menu item ' || i % 100, 12.50, 1, '[{"S":"Submitted"}]', '[]', now(), now(),
         'live', now(), now(), 1 FROM generate_series(1, n) AS i;
  FOR q IN SELECT * FROM (VALUES (1, 'live rows get other values', 'price = price + 1, version = 2'),
                                 (2, 'live rows are cleared', 'row_state = ''cleared'', version = 3'),
                                 (3, 'cleared rows live again', 'row_state = ''live'', version = 4')) AS q (rank, question, assignments) ORDER BY rank
  LOOP
    COMMIT;
    began := clock_timestamp();
    EXECUTE 'UPDATE sambapos_replica.orders SET ' || q.assignments;
    COMMIT;
    IF counted THEN
      INSERT INTO figure VALUES (q.question, measure.guarded, extract(epoch FROM clock_timestamp() - began));
    END IF;
  END LOOP;
END;
$$;
SELECT format('CALL measure(%L, %L, %s)', guarded, round > 0, :rows) FROM generate_series(0, 5) AS round, (VALUES (true), (false)) AS g (guarded)
ORDER BY round, (guarded <> (round % 2 = 0)) \gexec
SELECT format('%-28s  without %s s  with %s s  ratio %s', question, round(bare::numeric, 2), round(guarded::numeric, 2), round((guarded / bare)::numeric, 2))
FROM (SELECT question, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE NOT guarded) AS bare,
             percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE guarded) AS guarded FROM figure GROUP BY question) AS f ORDER BY 1;
