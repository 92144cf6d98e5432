-- Promise: a source's column may have any name: one of ours, one that our SQL uses for something else, one letter. Its
-- table is read, compared, marked and repaired as any other, whichever kind of table it is.
BEGIN;
\ir seam.psql
SELECT plan(23);
INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind) SELECT site_id, 'gifts', 'Gifts', 'master' FROM sambapos.site;
CREATE TABLE gifts (id int, line int); -- a shop's own table
CREATE FUNCTION pg_temp.names() RETURNS text[] LANGUAGE sql AS
$$ SELECT array_agg(chr(n)) || '{row,rows,ctid_2,sambapos__row,id2,epoch,source_epoch,root_id,document_epoch,row_state,site_id,version,valid_from,
     synced_at,site,table_name,part,kind,roots,columns,changed,gone,name,value,key,others,found,back,order,excluded}'::text[]
   FROM generate_series(ascii('a'), ascii('z')) AS n; $$;
-- numbers in the one half of them, so that they are added up, texts in the other
DO $do$
DECLARE
  relation name;
  column_name text;
BEGIN
  FOREACH relation IN ARRAY '{tickets,ticket_entities,orders,menu_items,numerators,gifts}'::name[] LOOP
    FOREACH column_name IN ARRAY pg_temp.names() LOOP
      IF NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation::regclass AND a.attname = column_name) THEN
        EXECUTE format('ALTER TABLE %I ADD %I %s', relation, column_name, CASE length(column_name) % 2 WHEN 0 THEN 'text' ELSE 'int' END);
      END IF;
    END LOOP;
    UPDATE pg_attribute AS a SET attfdwoptions = ARRAY['column_name=' || till.source_name(relation, a.attname), 'remote_type=' || format_type(a.atttypid, NULL)]
      || CASE WHEN till.is_key(relation, a.attname) OR (relation, a.attname) = ('gifts', 'line') THEN '{key=true}'::text[] ELSE '{}' END
     WHERE a.attrelid = relation::regclass AND a.attnum > 0;
  END LOOP;
END
$do$;
SET LOCAL quote_all_identifiers = off;
SELECT count(*) AS made FROM sambapos._table AS t, sambapos._replica_ensure(t.site_id, t.table_name) \gset
RESET quote_all_identifiers;
-- the seam's answer about columns knows SambaPOS tables alone
CREATE OR REPLACE FUNCTION sambapos._drift_look(run_id bigint, place sambapos._place) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION pg_temp.fill(relation name, mark integer, condition text DEFAULT 'true') RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
  EXECUTE format('UPDATE %I SET %s WHERE %s', relation, (
    SELECT string_agg(format('%I = %s', a.attname, CASE WHEN a.atttypid = 'text'::regtype THEN quote_literal(a.attname || mark) ELSE mark::text END), ', ')
    FROM pg_attribute AS a WHERE a.attrelid = relation::regclass AND a.attnum > 0 AND a.attname = ANY (pg_temp.names())), condition);
END;
$$;
CREATE FUNCTION pg_temp.fill_all(mark integer) RETURNS void LANGUAGE sql AS
$$ SELECT pg_temp.fill(t, mark) FROM unnest('{tickets,ticket_entities,orders,menu_items,numerators,gifts}'::name[]) AS t; $$;
CREATE FUNCTION pg_temp.failed() RETURNS SETOF text LANGUAGE sql AS
$$ SELECT s FROM till.sync() AS s WHERE s !~ '^\w+ ok '; $$;

SELECT till.sell(1, 8);
INSERT INTO gifts (id, line) SELECT i, i % 2 FROM generate_series(1, 10) AS i;
SELECT pg_temp.fill_all(1);
SELECT is_empty($$SELECT pg_temp.failed()$$, 'all tables are read');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'all values are here');
SELECT is(till.quiet_sync('full'), 0::bigint, 'and not written again');
SELECT is((SELECT (g.s, g."row", g.sambapos__row, g.source_epoch, g.source_source_epoch, g.source_row_state)::text FROM sambapos_replica.gifts AS g WHERE id = 3),
          '(1,1,1,1,source_epoch1,1)', 'what has the name of one of our columns is kept under another one');

-- the same edits everywhere
SELECT pg_temp.fill(t, 2, 'id <= 3') FROM unnest('{ticket_entities,orders,menu_items,numerators,gifts}'::name[]) AS t;
SELECT pg_temp.fill('tickets', 2, 'id <= 3');
UPDATE tickets SET last_update_time = '2026-03-10 12:00' WHERE id <= 3;
INSERT INTO orders (id, ticket_id, price, quantity, last_update_date_time, "row", s) VALUES (400, 2, 1, 1, '2026-03-10 12:00', 7, 7);
SELECT is_empty($$SELECT pg_temp.failed()$$, 'edits are read');
SELECT matches((SELECT string_agg(k."row"::text || k.s::text, ',') FROM sambapos_replica.orders AS k WHERE id IN (2, 400)), '^(22,77|77,22)$', 'as they are');
SELECT ok((SELECT bool_and(h."row" = 1 AND h.s = 1 AND h.source_valid_from = 'valid_from1') FROM sambapos_replica.menu_items_history AS h), 'earlier versions of a master are kept');

-- compared
SELECT pg_temp.fill('orders', 3, 'id IN (8, 9)'), pg_temp.fill('ticket_entities', 3, 'id = 6');
SELECT ok((SELECT bool_and(status IN ('ok', 'repaired')) FROM sambapos_reconcile('shop')), 'sums are compared');
SELECT pg_temp.fill('orders', 4, 'id = 8'), pg_temp.fill('gifts', 4, 'id = 4');
SELECT ok((SELECT bool_and(status IN ('ok', 'repaired')) FROM sambapos_reconcile('shop', NULL, 2)), 'values are compared');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'what differed is repaired');

-- rows that go and come
DELETE FROM numerators; DELETE FROM gifts WHERE id = 5; DELETE FROM ticket_entities WHERE id = 5; DELETE FROM menu_items WHERE id = 3;
UPDATE tickets SET last_update_time = '2026-03-10 12:00' WHERE id = 5;
SELECT is_empty($$SELECT pg_temp.failed()$$, 'rows are taken');
INSERT INTO numerators (id, number, s) VALUES (1, 1001, 9);
INSERT INTO gifts (id, line, s) VALUES (5, 1, 9);
INSERT INTO menu_items (id, name, s) VALUES (3, 'again', 9);
INSERT INTO ticket_entities (id, ticket_id, s) VALUES (5, 5, 9);
UPDATE tickets SET last_update_time = '2026-03-10 12:00' WHERE id = 5;
SELECT is_empty($$SELECT pg_temp.failed()$$, 'rows come under their keys with other values');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'all of them are here');
SELECT is((SELECT string_agg(format('%s %s %s', g.row_state, g.s, g."row"), ', ' ORDER BY g.epoch) FROM sambapos_replica.gifts AS g WHERE id = 5), 'deleted 1 1, live 9 ',
          'an id that was used again is another row');

-- ids used again, a date corrected
SELECT till.clear(), till.pass(1);
SELECT is_empty($$SELECT pg_temp.failed()$$, 'a clear');
SELECT till.sell(1, 8, '2026-03-10 12:30');
SELECT pg_temp.fill_all(5);
SELECT is_empty($$SELECT pg_temp.failed()$$, 'ids are used again');
SELECT is_empty($$SELECT pg_temp.failed()$$, 'and read once more');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'all of them are here');
UPDATE tickets SET date = date - interval '1 day', last_update_time = '2026-03-10 13:00' WHERE id = 7;
SELECT is_empty($$SELECT pg_temp.failed()$$, 'a date is corrected');

-- doubles, and values with invalid characters
INSERT INTO gifts SELECT * FROM gifts WHERE id = 1;
SELECT is_empty($$SELECT pg_temp.failed()$$, 'the same row delivered twice is one row');
INSERT INTO sambapos.dead_letters (site_id, table_name, epoch, key, column_name, replaced, raw, run_id)
SELECT g.site_id, 'gifts', g.epoch, jsonb_build_object('id', g.id, 'line', g.line), 'name', g.name, '\x00d8', 1 FROM sambapos_replica.gifts AS g WHERE g.id = 2 AND g.row_state = 'live';
SELECT is_empty($$SELECT pg_temp.failed()$$, 'a run that reads a row with a dead letter');
SELECT is((SELECT count(*) FROM sambapos.dead_letters), 1::bigint, 'keeps it while the value is the same');
SELECT pg_temp.fill('gifts', 6, 'id = 2');
SELECT till.quiet_sync();
SELECT is_empty('SELECT * FROM sambapos.dead_letters', 'and no longer');
SELECT * FROM finish();
ROLLBACK;
