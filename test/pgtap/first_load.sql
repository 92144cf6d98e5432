-- Promise: a first load looks for no row of its own where the replica has nothing under the ids that it reads, however
-- many they are; where it has something it finds it, as every other run does: a load that begins again doubles nothing
-- and writes over no row of history.
\set QUIET on
BEGIN;
\ir seam.psql
SELECT plan(20);
SELECT till.sell(1, 120);
INSERT INTO ticket_entities VALUES (9000, 'of no ticket', NULL);

CREATE FUNCTION till.load(batch_rows bigint) RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
  place sambapos._place := (SELECT p FROM sambapos._place AS p);
  run bigint;
  chunks bigint := 0;
BEGIN
  PERFORM sambapos._chunk_plan(place, batch_rows);
  LOOP
    run := sambapos._chunk_start(place.site_id);
    EXIT WHEN run IS NULL;
    IF NOT sambapos._chunk_load(run) THEN
      RAISE EXCEPTION 'chunk failed: %', (SELECT string_agg(table_name || ' ' || message, '; ') FROM sambapos.run_table WHERE run_id = run);
    END IF;
    chunks := chunks + 1;
  END LOOP;
  RETURN chunks;
END;
$$;
CREATE FUNCTION till.begin_again() RETURNS void LANGUAGE sql AS
$$ UPDATE sambapos.table_state SET loaded_at = NULL, full_due = true, source_max_id = NULL; $$;
CREATE FUNCTION till.index_scans(relation name) RETURNS bigint LANGUAGE sql AS
$$ SELECT idx_scan FROM pg_stat_xact_user_tables WHERE schemaname = 'sambapos_replica' AND relname = relation; $$;

CREATE FUNCTION till.indexes() RETURNS SETOF text LANGUAGE sql AS
$$ SELECT indexdef FROM pg_indexes WHERE schemaname = 'sambapos_replica' ORDER BY 1; $$;
CREATE TEMPORARY TABLE indexes AS SELECT i FROM till.indexes() AS i;

-- a chunk that was begun, and killed; an index of the shop's own, which is more than a list of columns
CREATE INDEX own ON sambapos_replica.account_transaction_documents (date DESC);
SELECT count(*) AS begun FROM sambapos._place AS p, sambapos._chunk_plan(p, 900), sambapos._chunk_start(p.site_id) \gset
SELECT is((SELECT array_agg(indexdef ORDER BY indexdef) FROM pg_indexes WHERE schemaname = 'sambapos_replica' AND tablename = 'account_transaction_documents' AND indexdef !~ 'UNIQUE|WHERE'),
          ARRAY['CREATE INDEX own ON sambapos_replica.account_transaction_documents USING btree (date DESC)'],
          'what an empty table is not looked up by is no index of it during the load');
SELECT cmp_ok(till.load(900), '>', 4::bigint, 'a first load in chunks');
DROP INDEX sambapos_replica.own;
SELECT results_eq('SELECT i FROM till.indexes() AS i', 'SELECT i FROM indexes', 'all indexes are there in the end');
SELECT is((SELECT count(*) FROM sambapos.deferred_index), 0::bigint, 'and none is left to be made');
SELECT cmp_ok(till.index_scans(t), '<', 60::bigint, t || ': rows were not looked for one by one')
FROM unnest('{tickets,orders,payments,account_transaction_documents,account_transaction_values}'::name[]) AS t;
SELECT is((SELECT count(*) FROM till.differences() AS d WHERE d !~ '^(menu|numerators|account_transaction_document_type)'), 0::bigint, 'all rows are there');
SELECT cmp_ok((SELECT sum(n_tup_upd) FROM pg_stat_xact_user_tables WHERE relname LIKE 'sambapos\_\_stage\_%'), '<', 10::numeric, 'a staged row is not written once more');
SELECT synced_at, version FROM sambapos_replica.ticket_entities WHERE ticket_id IS NULL \gset rootless_

-- the load begins again, while the till goes on; of one table the indexes were not made yet, since somebody wrote to it
SELECT till.begin_again();
INSERT INTO sambapos.deferred_index
SELECT 'orders', c.relname, array_agg(a.attname::text ORDER BY x.at)
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS x (attnum, at)
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = x.attnum
WHERE i.indrelid = 'sambapos_replica.orders'::regclass AND pg_get_indexdef(c.oid) !~ 'UNIQUE|WHERE' GROUP BY c.relname;
SELECT string_agg('DROP INDEX sambapos_replica.' || quote_ident(index_name), ';') AS drop FROM sambapos.deferred_index \gset
:drop;
UPDATE orders SET price = 11 WHERE id = 7;
DELETE FROM orders WHERE id = 9;
DELETE FROM ticket_entities WHERE ticket_id BETWEEN 31 AND 90; -- a chunk brings none
UPDATE tickets SET note = 'corrected' WHERE id IN (3, 4) OR id BETWEEN 31 AND 90;
SELECT till.sell(121, 10);
SELECT till.load(250);
SELECT is((SELECT count(*) FROM till.differences() AS d WHERE d !~ '^(menu|numerators|account_transaction_document_type)'), 0::bigint, 'begun again: live rows are the till''s');
SELECT is((SELECT count(*) FROM sambapos_replica.orders), 260::bigint, 'no order is there twice');
SELECT results_eq('SELECT i FROM till.indexes() AS i', 'SELECT i FROM indexes', 'and all indexes are there');
SELECT is((SELECT string_agg(id::text, ',') FROM sambapos_replica.orders WHERE row_state = 'removed'), '9', 'a line that was taken off its ticket is removed');
SELECT is((SELECT count(*) FROM sambapos_replica.ticket_entities WHERE ticket_id IS NULL), 1::bigint, 'nor is a row without a root');
SELECT is((SELECT version FROM sambapos_replica.ticket_entities WHERE ticket_id IS NULL), :rootless_version::bigint, 'which was not taken for gone by the chunks that do not read it');

-- and once more, when the till was cleared and has used its ids again
UPDATE sambapos_replica.orders SET row_state = 'cleared';
UPDATE sambapos_replica.tickets SET row_state = 'cleared';
SELECT till.begin_again();
UPDATE tickets SET date = date + interval '40 days', ticket_number = ticket_number || 'b', transaction_document_id = NULL;
UPDATE orders SET price = 99;
SELECT till.load(900);
SELECT is((SELECT count(*) FROM sambapos_replica.orders WHERE row_state = 'cleared' AND price < 99 AND epoch = 1), 260::bigint, 'rows of history keep their values');
SELECT is((SELECT count(*) FROM sambapos_replica.orders WHERE row_state = 'live' AND price = 99 AND epoch > 1), 259::bigint, 'beside those that have their ids now');

-- something happens between two chunks for which a table is to be read whole: it was dropped, taken off and added, a
-- column came
SELECT sambapos_configure('shop', 'id_overlap', '0') \g /dev/null
SELECT till.begin_again();
SELECT count(*) AS begun FROM sambapos._place AS p, sambapos._chunk_plan(p, 300) \gset
SELECT sambapos._chunk_load(sambapos._chunk_start(p.site_id)) AS one, sambapos._chunk_load(sambapos._chunk_start(p.site_id)) AS two,
       sambapos._chunk_load(sambapos._chunk_start(p.site_id)) AS three FROM sambapos._place AS p \gset
DELETE FROM sambapos_replica.orders WHERE row_state = 'live';
UPDATE sambapos.table_state SET full_due = true WHERE table_name = 'orders';
SELECT till.load(900) \g /dev/null
SELECT till.quiet_sync() \g /dev/null
SELECT is((SELECT count(*) FROM till.differences() AS d WHERE d ~ '^orders'), 0::bigint, 'the run after the load reads it whole');
SELECT * FROM finish();
ROLLBACK;
