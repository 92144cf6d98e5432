-- Promise: a sync that finds nothing new writes nothing to a replica table, in every mode.
BEGIN;
\ir seam.psql
SELECT plan(9);
SELECT till.sell(1, 300);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'the first load writes');
SELECT is((SELECT version FROM sambapos._place), 1::bigint, 'and is version 1');

-- A row that is written, even to the same values, becomes another row version.
CREATE FUNCTION pg_temp.row_versions() RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  relation regclass;
  part text;
  all_parts text := '';
BEGIN
  FOR relation IN SELECT c.oid FROM pg_class AS c WHERE c.relnamespace = 'sambapos_replica'::regnamespace AND c.relkind = 'r' ORDER BY c.relname LOOP
    EXECUTE format('SELECT md5(string_agg(ctid || '' '' || xmin || '' '' || cmin || '' '' || xmax, '','' ORDER BY ctid)) FROM %s', relation) INTO part;
    all_parts := all_parts || relation || part;
  END LOOP;
  RETURN all_parts;
END;
$$;
CREATE TEMPORARY TABLE before AS SELECT pg_temp.row_versions() AS rows;
SELECT is_empty($$SELECT * FROM till.sync()$$, 'a second sync reports nothing');
SELECT till.pass(0.05);
SELECT is_empty($$SELECT * FROM till.sync('full')$$, 'a full sync of the same rows reports nothing');
SELECT is_empty($$SELECT * FROM till.sync('incremental')$$, 'an incremental one neither');
SELECT is(pg_temp.row_versions(), (SELECT rows FROM before), 'no row of any replica table was touched');
SELECT is((SELECT version FROM sambapos._place), 1::bigint, 'the version has not moved');
SELECT is((SELECT sum(rows_read) FROM sambapos.run_table WHERE run_id = (SELECT max(run_id) FROM sambapos.run) AND table_name IN ('tickets', 'orders')), 600::numeric,
          'although the last 200 tickets and their orders were read again');
SELECT is((SELECT rows_unchanged FROM sambapos_sync('shop', '{menu}') WHERE table_name = 'menu_items'), 3::bigint, 'unchanged rows are counted');
SELECT * FROM finish();
ROLLBACK;
