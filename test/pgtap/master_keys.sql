-- Promise: a master's row is known by the key that the source gives it, whatever its type: numbers, texts, uuids. A
-- number is handed out by a counter and can be used again for another row; a text or a uuid names the same thing again.
BEGIN;
\ir seam.psql
SELECT plan(14);
-- tables with keys of other types than integers, as a site may have them
CREATE TABLE terminals (name text, value text);
CREATE TABLE states (state_id uuid, value text);
CREATE TABLE departments (group_code text, number int, value text);
CREATE TABLE users (number numeric(38), name text);
UPDATE pg_attribute AS a
   SET attfdwoptions = ARRAY['column_name=' || replace(initcap(replace(a.attname, '_', ' ')), ' ', ''), 'remote_type=' || format_type(a.atttypid, a.atttypmod)]
                       || CASE WHEN (c.relname, a.attname) IN (('terminals', 'name'), ('states', 'state_id'), ('departments', 'group_code'),
                                     ('departments', 'number'), ('users', 'number')) THEN '{key=true}'::text[] ELSE '{}' END
  FROM pg_class AS c
 WHERE c.oid = a.attrelid AND a.attnum > 0 AND c.relnamespace = 'sambapos_live_shop'::regnamespace AND c.relname IN ('terminals', 'states', 'departments', 'users');
CREATE OR REPLACE FUNCTION sambapos._column_is_secret(source_table text, source_column text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false';
INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind)
SELECT s.site_id, k.table_name, k.source_name, k.kind FROM sambapos._place AS s, sambapos._known_tables() AS k
 WHERE k.table_name IN ('terminals', 'states', 'departments', 'users');
SET LOCAL quote_all_identifiers = off;
SELECT count(*) AS made FROM sambapos._table AS t, sambapos._replica_ensure(t.site_id, t.table_name)
 WHERE t.table_name IN ('terminals', 'states', 'departments', 'users') \gset
RESET quote_all_identifiers;
CREATE FUNCTION pg_temp.rows(relation name) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  answer text;
BEGIN
  EXECUTE format('SELECT string_agg(s, '', '' ORDER BY s) FROM (SELECT epoch || '' '' || row_state || '' '' || value AS s FROM sambapos_replica.%I) AS x', relation) INTO answer;
  RETURN answer;
END;
$$;
INSERT INTO terminals VALUES ('bar', 'one'), ('hall', 'two');
INSERT INTO states VALUES ('00000000-0000-0000-0000-000000000001', 'one'), ('00000000-0000-0000-0000-000000000002', 'two');
INSERT INTO departments VALUES ('a', 1, 'one'), ('a', 2, 'two');
INSERT INTO users VALUES (99999999999999999999999999999999, 'one'), (1, 'two');
SELECT is_empty($$SELECT s FROM till.sync() AS s WHERE s !~ ' ok '$$, 'keys that are no integers: the first load');
SELECT is(pg_temp.rows('terminals') || '; ' || pg_temp.rows('states') || '; ' || pg_temp.rows('departments'),
          '1 live one, 1 live two; 1 live one, 1 live two; 1 live one, 1 live two', 'all are there');
UPDATE terminals SET value = 'three' WHERE name = 'bar';
UPDATE states SET value = 'three' WHERE value = 'one';
UPDATE departments SET value = 'three' WHERE number = 1;
SELECT results_eq($$SELECT s FROM till.sync() AS s ORDER BY s$$, ARRAY['departments ok +0 ~1 -0', 'states ok +0 ~1 -0', 'terminals ok +0 ~1 -0'], 'each is an update');
DELETE FROM terminals WHERE name = 'bar'; DELETE FROM states WHERE value = 'three'; DELETE FROM departments WHERE number = 1; DELETE FROM users WHERE number > 1;
SELECT results_eq($$SELECT s FROM till.sync() AS s ORDER BY s$$,
  ARRAY['departments ok +0 ~0 -1', 'states ok +0 ~0 -1', 'terminals ok +0 ~0 -1', 'users ok +0 ~0 -1'], 'one row of each is deleted');
SELECT is_empty($$SELECT * FROM till.sync()$$, 'once');
-- and there again, with other values
INSERT INTO users VALUES (99999999999999999999999999999999, 'four');
SELECT is_empty($$SELECT s FROM till.sync() AS s WHERE s !~ ' ok '$$, 'a number that no integer holds comes again');
INSERT INTO departments VALUES ('a', 3, 'one'); SELECT till.quiet_sync(); DELETE FROM departments WHERE number = 3; SELECT till.quiet_sync();
INSERT INTO terminals VALUES ('bar', 'four'); INSERT INTO states VALUES ('00000000-0000-0000-0000-000000000001', 'four');
INSERT INTO departments VALUES ('a', 1, 'four'), ('a', 3, 'five');
SELECT is_empty($$SELECT s FROM till.sync() AS s WHERE s !~ ' ok '$$, 'rows of the same keys come again: no table fails');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT is(pg_temp.rows('terminals') || '; ' || pg_temp.rows('states'), '1 live four, 1 live two; 1 live four, 1 live two', 'texts and uuids: the same row goes on');
SELECT is(pg_temp.rows('departments'), '1 deleted three, 1 live two, 2 deleted one, 3 live five, 3 live four', 'a number: another row');
SELECT is((SELECT string_agg(rows || ' ' || (evidence ->> 'ids'), ', ' ORDER BY event_id) FROM sambapos.source_events
            WHERE kind = 'reseed'), '1 [99999999999999999999999999999999], 1 [["a", 3]]', 'the evidence names the keys');
-- nothing else is read again for the sake of a name
SELECT till.quiet_sync();
DELETE FROM terminals WHERE name = 'hall'; SELECT till.quiet_sync();
INSERT INTO terminals VALUES ('hall', 'six');
SELECT results_eq($$SELECT s FROM till.sync() AS s ORDER BY s$$, ARRAY['terminals ok +0 ~1 -0'], 'a name comes again: an update');
SELECT is((SELECT count(*) || ' ' || (SELECT epoch FROM sambapos._place) FROM sambapos.table_state WHERE full_due), '0 3', 'no table is due whole, no epoch begins');
SELECT is(till.quiet_sync() + till.quiet_sync('full'), 0::bigint, 'and is at rest');
SELECT * FROM finish();
ROLLBACK;
