-- Promise: the views of sambapos_report have the rows that count, of the sites that are there; rows of a site that is
-- not there any more are said at sambapos_add_site, and sambapos_adopt shows them, gives them to a site or drops them.
BEGIN;
\ir seam.psql
SELECT no_plan();

CREATE FUNCTION till.add_column(relation name, attribute name, type text) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
  EXECUTE format('ALTER TABLE sambapos_live_shop.%I ADD COLUMN %I %s', relation, attribute, type);
  UPDATE pg_attribute SET attfdwoptions = ARRAY['column_name=' || till.source_name(relation, attribute), 'remote_type=' || type]
  WHERE attrelid = format('sambapos_live_shop.%I', relation)::regclass AND attname = attribute;
END;
$$;
CREATE FUNCTION till.follow(relation name) RETURNS void LANGUAGE sql AS -- as a run that finds a column changed
$$ SELECT sambapos._replica_ensure(s.site_id, relation) FROM sambapos.site AS s; SELECT sambapos._report_follow(relation) $$;
-- a table that no report reads, with two columns more than it has
SELECT till.add_column('paid_items', 'name', 'text'), till.add_column('paid_items', 'group_code', 'text'), till.follow('paid_items');
SELECT till.sell(1, 10);
INSERT INTO sambapos_live_shop.paid_items VALUES (1, 1, 2, 'item 1', 'food');
SELECT till.quiet_sync() AS quiet \gset
SELECT results_eq('SELECT site, count(*), sum(total_amount) FROM sambapos_report.tickets GROUP BY 1', $$VALUES ('shop', 10::bigint, 200::numeric)$$, 'a view has the rows and the site''s name');
SELECT set_eq($$SELECT c.relname::text FROM pg_class AS c WHERE c.relnamespace = 'sambapos_report'::regnamespace AND c.relkind = 'v'$$,
              'SELECT table_name FROM sambapos.replicated_table UNION SELECT unnest(sambapos._report_names())::text', 'there is one for each replica table, and one for each report');
UPDATE sambapos_replica.tickets SET row_state = CASE id WHEN 1 THEN 'cleared' WHEN 2 THEN 'superseded' WHEN 3 THEN 'removed' WHEN 4 THEN 'deleted' ELSE row_state END;
SELECT results_eq('SELECT id FROM sambapos_report.tickets ORDER BY 1', 'SELECT i FROM generate_series(1, 10) AS i WHERE i NOT IN (3, 4)', 'live, cleared and superseded rows count');
UPDATE sambapos_replica.tickets SET row_state = 'live';
SELECT is((SELECT string_agg(c.relname || '.' || a.attname, ', ') FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
           WHERE c.relnamespace IN ('sambapos_replica'::regnamespace, 'sambapos_report'::regnamespace) AND c.relkind IN ('r', 'v') AND a.attnum > 0
             AND a.attname IN ('site', 'site_id', 'epoch', 'document_epoch', 'row_state', 'first_seen_at', 'synced_at', 'version', 'valid_from', 'valid_to')
             AND col_description(c.oid, a.attnum) IS NULL), NULL, 'each column of ours has a comment, in tables and views');

-- what changes a replica table changes its view
ALTER TABLE sambapos_live_shop.tickets ADD COLUMN colour text, ALTER COLUMN transaction_document_id TYPE bigint;
UPDATE pg_attribute SET attfdwoptions = '{column_name=Colour,remote_type=text}' WHERE attrelid = 'sambapos_live_shop.tickets'::regclass AND attname = 'colour';
SELECT lives_ok($$SELECT till.follow('tickets')$$, 'a column comes, and one gets wider');
SELECT is((SELECT string_agg(attname || ' ' || format_type(atttypid, NULL), ', ' ORDER BY attname) FROM pg_attribute WHERE attrelid = 'sambapos_report.tickets'::regclass AND attname IN ('colour', 'transaction_document_id')),
          'colour text, transaction_document_id bigint', 'the view follows');
CREATE VIEW mine AS SELECT site, total_amount FROM sambapos_report.tickets;
ALTER TABLE sambapos_live_shop.tickets ADD COLUMN shape text;
SELECT lives_ok($$SELECT till.follow('tickets')$$, 'a new column does not mind a view of the user''s');
DROP VIEW mine;
ALTER TABLE sambapos_live_shop.tickets DROP COLUMN colour, DROP COLUMN shape, ALTER COLUMN transaction_document_id TYPE integer;

-- a column of the source may be called as the site's column is, now or later
CREATE FUNCTION till.view_columns(relation name, n integer) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = format('sambapos_report.%I', relation)::regclass AND attnum > 0
   AND (attnum <= n OR attname LIKE 'site%') $$;
SELECT till.add_column('paid_items', 'site', 'text');
SELECT lives_ok($$SELECT sambapos._replica_ensure(site_id, 'paid_items') FROM sambapos.site$$, 'a column Site comes');
SELECT is(till.view_columns('paid_items', 2), 'site_name,site_id,site', 'the view calls its own site_name');
SELECT till.add_column('paid_items', 'site_name', 'text');
SELECT lives_ok($$SELECT sambapos._replica_ensure(site_id, 'paid_items') FROM sambapos.site$$, 'and a column SiteName');
SELECT is(till.view_columns('paid_items', 2), 'site_name_2,site_id,site,site_name', 'the view finds a third name');
SELECT is((SELECT site_name_2 || ' ' || name FROM sambapos_report.paid_items WHERE id = 1), 'shop item 1', 'and has the rows');
CREATE VIEW mine AS SELECT site_name_2, name FROM sambapos_report.paid_items;
SELECT till.add_column('paid_items', 'site_name_2', 'text');
SELECT lives_ok($$SELECT sambapos._replica_ensure(site_id, 'paid_items') FROM sambapos.site$$, 'a view of the user''s that stands in the way stops no copying');
SELECT has_column('sambapos_replica'::name, 'paid_items'::name, 'site_name_2'::name, 'the table has the column');
SELECT is((SELECT site_name_2 || ' ' || name FROM mine WHERE name = 'item 1'), 'shop item 1', 'the views are as they were');
DROP VIEW mine;
SELECT sambapos_refresh_reports() AS made \gset
SELECT is(till.view_columns('paid_items', 2), 'site_name_3,site_id,site,site_name,site_name_2', 'and all is there when it is gone');

-- a column that cannot be followed is renamed, or converted, as the hint says
ALTER TABLE sambapos_live_shop.paid_items ALTER COLUMN group_code TYPE integer USING NULL;
SELECT throws_ok($$SELECT sambapos._replica_ensure(site_id, 'paid_items') FROM sambapos.site$$, '42804', NULL, 'text became integer');
ALTER TABLE sambapos_replica.paid_items RENAME group_code TO group_code_of_before;
SELECT lives_ok($$SELECT sambapos._replica_ensure(site_id, 'paid_items') FROM sambapos.site$$, 'the old column was renamed');
SELECT is((SELECT group_code_of_before || coalesce(group_code::text, ' -') FROM sambapos_report.paid_items WHERE id = 1), 'food -', 'the view has both');
ALTER TABLE sambapos_live_shop.paid_items ALTER COLUMN group_code TYPE boolean USING NULL;
DROP VIEW sambapos_report.paid_items;
ALTER TABLE sambapos_replica.paid_items ALTER COLUMN group_code TYPE boolean USING NULL;
SELECT lives_ok($$SELECT sambapos._replica_ensure(site_id, 'paid_items') FROM sambapos.site$$, 'or was converted, its view dropped before');
SELECT is((SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 'sambapos_report.paid_items'::regclass AND attname = 'group_code'), 'boolean', 'which is there again');
ALTER TABLE sambapos_live_shop.paid_items DROP COLUMN site, DROP COLUMN site_name, DROP COLUMN site_name_2;

-- a view that is made anew keeps who may do what with it
CREATE ROLE till_clerk;
CREATE FUNCTION till.may(relation name) RETURNS text LANGUAGE sql AS
$$ SELECT concat_ws(' ', has_table_privilege('till_clerk', c.oid, 'SELECT WITH GRANT OPTION'), has_table_privilege('public', c.oid, 'SELECT'),
                    has_column_privilege('till_clerk', c.oid, 'total_amount', 'UPDATE'), has_column_privilege('till_clerk', c.oid, 'id', 'UPDATE'))
   FROM pg_class AS c WHERE c.oid = format('sambapos_report.%I', relation)::regclass $$;
GRANT SELECT ON sambapos_report.tickets TO till_clerk WITH GRANT OPTION;
GRANT SELECT ON sambapos_report.tickets TO PUBLIC;
GRANT UPDATE (total_amount) ON sambapos_report.tickets TO till_clerk;
SELECT is(till.may('tickets'), 't t t f', 'a view that somebody was given');
SELECT sambapos_refresh_reports() AS made \gset
SELECT is(till.may('tickets'), 't t t f', 'all views were made anew');
SELECT till.add_column('tickets', 'guests', 'integer'), till.add_column('tickets', 'covers', 'integer');
SELECT lives_ok($$SELECT till.follow('tickets')$$, 'two columns come');
ALTER TABLE sambapos_live_shop.tickets ALTER COLUMN guests TYPE bigint, ALTER COLUMN covers TYPE bigint;
SELECT lives_ok($$SELECT till.follow('tickets')$$, 'and get wider');
SELECT is(till.may('tickets'), 't t t f', 'the view was made anew');
ALTER TABLE sambapos_live_shop.tickets DROP COLUMN guests, DROP COLUMN covers;

DROP VIEW sambapos_report.orders;
SELECT is(sambapos_refresh_reports(), (SELECT count(*)::integer FROM (SELECT table_name FROM sambapos.replicated_table UNION SELECT unnest(sambapos._report_names())::text) AS all_of_them), 'all can be made anew');
SELECT has_view('sambapos_report', 'orders', 'also one that was dropped');

-- a role with a level sees what is made later
CREATE ROLE sambapos_test_reader;
SELECT sambapos_grant('sambapos_test_reader', 'reader');
GRANT SELECT ON ALL TABLES IN SCHEMA sambapos TO till_clerk; -- no level: what a view needs that he was given
DROP VIEW sambapos_report.numerators;
DROP TABLE sambapos_replica.numerators;
SELECT sambapos._replica_ensure(site_id, 'numerators') FROM sambapos.site;
SET LOCAL ROLE sambapos_test_reader;
SELECT results_eq('SELECT count(*) FROM sambapos_replica.numerators UNION ALL SELECT count(*) FROM sambapos_report.numerators UNION ALL SELECT count(*) FROM sambapos_report.tickets',
                  'VALUES (0::bigint), (0::bigint), (10::bigint)', 'a reader sees tables and views that are made later');
RESET ROLE;
SELECT ok(NOT has_table_privilege('till_clerk', 'sambapos_replica.numerators', 'SELECT') AND NOT has_table_privilege('till_clerk', 'sambapos_report.numerators', 'SELECT'),
          'whom the DBA opened one view to does not');
SELECT ok(NOT has_function_privilege('sambapos_test_reader', 'sambapos._history_rewrite(integer, name, text, text)', 'EXECUTE'), 'a reader rewrites no history');
SELECT sambapos_grant('sambapos_test_reader', 'none');
SET LOCAL ROLE sambapos_test_reader;
SELECT throws_ok('SELECT count(*) FROM sambapos_report.tickets', '42501', NULL, 'and nothing when the level is taken away');
RESET ROLE;

-- the site is forgotten, as by DROP EXTENSION
SELECT is_empty('SELECT * FROM sambapos_adopt()', 'no row is without a site');
SELECT site_id AS old_id FROM sambapos.site \gset
CREATE TEMP TABLE kept AS SELECT * FROM sambapos.replicated_table;
UPDATE sambapos_replica.tickets SET epoch = 3 WHERE id > 5;
SELECT sambapos._site_forget(:old_id);
SELECT is((SELECT count(*) FROM sambapos_report.tickets), 0::bigint, 'rows of a site that is not there do not count');
SELECT is((SELECT rows FROM sambapos_adopt() WHERE site_number = :old_id AND table_name = 'tickets'), 10::bigint, 'they are shown');
SELECT setval('sambapos.site_site_id_seq', :old_id, false) AS begins_anew \gset
INSERT INTO sambapos.site (site_id, name, server) VALUES (sambapos._site_free_id('shop'), 'shop', 'nowhere');
SELECT isnt((SELECT site_id FROM sambapos.site), :old_id, 'a new site gets another number');
INSERT INTO sambapos.site_state (site_id) SELECT site_id FROM sambapos.site;
INSERT INTO sambapos.replicated_table SELECT s.site_id, (to_jsonb(k) - 'site_id' ->> 'table_name'), k.source_schema, k.source_name, k.kind, k.parent, k.parent_key, k.date_column, k.history
FROM kept AS k, sambapos.site AS s;
SELECT throws_ok($$SELECT * FROM sambapos_adopt(99, 'shop')$$, '42704', NULL, 'a number that no row has');
SELECT throws_ok(format('SELECT * FROM sambapos_adopt(%s, ''bar'')', :old_id), '42704', NULL, 'a site that is not there');
SELECT throws_ok(format('SELECT * FROM sambapos_adopt(%s, ''shop'', true)', :old_id), '22023', NULL, 'adopt and drop are two things');
SELECT ok(bool_and(action = 'adopted'), 'the rows are given to the site') FROM sambapos_adopt(:old_id, 'shop');
SELECT ok(EXISTS (SELECT FROM pg_locks WHERE relation = 'sambapos.site'::regclass AND mode = 'ShareRowExclusiveLock' AND pid = pg_backend_pid()), 'by one at a time');
SELECT results_eq('SELECT s.site_id, x.epoch FROM sambapos.site AS s JOIN sambapos.site_state AS x USING (site_id)', format('VALUES (%s, 3)', :old_id), 'with number and epoch');
UPDATE sambapos_replica.tickets SET epoch = 1; -- as before
UPDATE sambapos.site_state SET epoch = 1;
SELECT is((SELECT count(*) FROM sambapos_report.tickets), 10::bigint, 'they count again');
SELECT is((SELECT string_agg(s, E'\n') FROM till.sync() AS s), 'numerators ok +1 ~0 -0', 'the next sync finds them, and writes only what was lost above');

SELECT sambapos._site_forget(:old_id);
INSERT INTO sambapos.site (site_id, name, server) VALUES (sambapos._site_free_id('bar'), 'bar', 'nowhere');
INSERT INTO sambapos_replica.tickets (site_id, epoch, id, version) SELECT site_id, 1, 1, 1 FROM sambapos.site;
SELECT throws_ok(format('SELECT * FROM sambapos_adopt(%s, ''bar'')', :old_id), '55000', 'site "bar" has rows of its own already', 'a site that has rows adopts none');
DROP TABLE sambapos_replica.menu_items CASCADE; -- and the reports that read it: earlier versions can be all that is left
INSERT INTO sambapos_replica.menu_items_history (site_id, epoch, id, valid_from, valid_to, version) VALUES (:old_id, 1, 1, now(), now(), 1);
SELECT ok(count(*) > 3 AND bool_and(action = 'dropped'), 'the rows are dropped') FROM sambapos_adopt(:old_id, drop_data => true);
SELECT is_empty('SELECT * FROM sambapos_adopt()', 'none is left');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets), 1::bigint, 'but those of other sites');

SELECT * FROM finish();
ROLLBACK;
