-- Promise: queries written for the till run over the replica, by SambaPOS's own names; a report asked of both sources
-- shows what differs, to the penny.
BEGIN;
\ir seam.psql
SELECT no_plan();

SELECT till.sell(1, 10);
SELECT till.quiet_sync() AS quiet \gset
SELECT set_eq($$SELECT table_name FROM sambapos_create_compatibility_schema('shop', 'pos') WHERE action = 'made'$$,
              'SELECT source_name FROM sambapos.replicated_table', 'each copied table has a view');
SELECT results_eq($$SELECT "Id", "TicketNumber", "TotalAmount" FROM pos."Tickets" WHERE "Id" < 3 ORDER BY "Id"$$,
                  $$VALUES (1, '1', 20.00), (2, '2', 20.00)$$, 'with the names of SambaPOS');
SELECT results_eq($$SELECT t."Id", sum(o."Price" * o."Quantity") FROM pos."Tickets" AS t JOIN pos."Orders" AS o ON o."TicketId" = t."Id"
                    GROUP BY t."Id" HAVING t."Id" = 5$$, 'VALUES (5, 20::numeric)', 'so a join of the till runs here');
SELECT is((SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'pos."TicketEntities"'::regclass AND attnum > 0), 'Id EntityName Ticket_Id', 'columns of ours are not there');

-- what is gone with a clear
SELECT till.clear();
SELECT till.pass(1);
SELECT till.sell(11, 2, '2026-03-10 13:00');
SELECT till.quiet_sync() AS quiet \gset
SELECT till.quiet_sync() AS quiet \gset
SELECT is((SELECT count(*) FROM pos."Tickets"), 2::bigint, 'live is what the till has now');
SELECT lives_ok($$SELECT sambapos_create_compatibility_schema('shop', 'pos_all', 'history')$$, 'and history');
SELECT is((SELECT count(*) FROM pos_all."Tickets"), 12::bigint, 'what is gone with a clear, too');

-- what is not ours stays
DROP VIEW pos."Orders";
CREATE TABLE pos."Orders" (mine int);
SELECT results_eq($$SELECT action FROM sambapos_create_compatibility_schema('shop', 'pos') WHERE table_name = 'Orders'$$,
                  $$VALUES ('refused: there is another relation of that name')$$, 'a table of the user''s stays');
SELECT has_column('pos'::name, 'Orders'::name, 'mine'::name, 'as it is');
CREATE ROLE till_clerk;
CREATE SCHEMA theirs AUTHORIZATION till_clerk;
SELECT throws_ok($$SELECT sambapos_create_compatibility_schema('shop', 'sambapos_replica')$$, '42939', NULL, 'not in a schema of ours');
SELECT throws_ok($$SELECT sambapos_create_compatibility_schema('shop', '')$$, '42602', NULL, 'nor without a name');
SELECT throws_ok($$SELECT sambapos_create_compatibility_schema('shop', 'x', 'all')$$, '22023', NULL, 'rows are live or history');
SELECT throws_ok($$SELECT sambapos_create_compatibility_schema('shop2', 'x')$$, '42704', NULL, 'of a site that is there');
SELECT hasnt_schema('x'::name, 'nothing was made');

-- both sources
SELECT is_empty($$SELECT * FROM sambapos_compare_report('shop', 'tickets', '2026-03-10')$$ || ' WHERE (difference ->> ''id'')::int > 10', 'the replica and the till are equal');
SELECT is((SELECT count(*) FROM sambapos_compare_report('shop', 'tickets') WHERE found_in = 'replica'), 10::bigint, 'but for what was cleared');
UPDATE tickets SET total_amount = 20.01 WHERE id = 11;
SELECT results_eq($$SELECT found_in, difference ->> 'total_amount' FROM sambapos_compare_report('shop', 'tickets') WHERE (difference ->> 'id')::int = 11 ORDER BY 1$$,
                  $$VALUES ('live', '20.01'), ('replica', '20.00')$$, 'a penny is seen');
SELECT is_empty($$SELECT * FROM sambapos_compare_report('shop', 'tickets', '2026-03-11')$$, 'days bound it');
SELECT throws_ok($$SELECT * FROM sambapos_compare_report('shop', 'ticket')$$, '22023', 'there is no report named "ticket"', 'another name is an error');
-- a column that is computed comes with what it is computed of, also where there are rows already
ALTER TABLE sambapos_live_shop.orders ADD COLUMN order_tags text;
UPDATE pg_attribute SET attfdwoptions = '{column_name=OrderTags,remote_type=text}' WHERE attrelid = 'sambapos_live_shop.orders'::regclass AND attname = 'order_tags';
UPDATE sambapos_live_shop.orders SET order_tags = '[{"PR":1.50,"Q":2,"TN":"Milk"}]' WHERE ticket_id = 11;
SELECT lives_ok($$SELECT sambapos._replica_ensure(site_id, 'orders') FROM sambapos.site$$, 'OrderTags come');
SELECT till.quiet_sync('full') AS quiet \gset
SELECT is((SELECT string_agg(DISTINCT row_state || ' ' || modifiers, ', ' ORDER BY row_state || ' ' || modifiers) FROM sambapos_replica.orders), 'cleared 0, live 0, live 3.00', 'and what they add to a price, of history, too');
SELECT is_empty('SELECT * FROM sambapos_replica.orders WHERE modifiers IS NULL', 'of every row');

-- the views are in the way of nothing
CREATE ROLE till_reader;
GRANT USAGE ON SCHEMA pos TO till_reader;
GRANT SELECT ON pos."Tickets" TO till_reader;
ALTER TABLE sambapos_live_shop.tickets ALTER COLUMN id TYPE bigint;
UPDATE pg_attribute SET attfdwoptions = '{column_name=Id,remote_type=bigint,key=true}' WHERE attrelid = 'sambapos_live_shop.tickets'::regclass AND attname = 'id';
SELECT lives_ok($$SELECT sambapos._replica_ensure(site_id, 'tickets') FROM sambapos.site$$, 'a wider column is followed');
SELECT col_type_is('pos'::name, 'Tickets'::name, 'Id'::name, 'bigint', 'by the view of SambaPOS''s names');
SELECT col_type_is('pos_all'::name, 'Tickets'::name, 'Id'::name, 'bigint', 'in each schema');
SELECT is(has_table_privilege('till_reader', 'pos."Tickets"', 'SELECT'), true, 'with who may read it');
SELECT is(obj_description('pos."Tickets"'::regclass), sambapos._compatibility_comment('shop'), 'and known as ours');
CREATE SCHEMA mine;
CREATE VIEW mine.look AS SELECT id FROM sambapos_replica.numerators;
-- (what sambapos_remove_table calls with drop_data: the live tables of this test are no foreign ones)
SELECT throws_ok($$SELECT sambapos._replica_drop_rows(site_id, 'numerators') FROM sambapos.site$$, '2BP01', NULL, 'a view of the user''s own still is');
DROP VIEW mine.look;
SELECT lives_ok($$SELECT sambapos._replica_drop_rows(site_id, t) FROM sambapos.site, unnest('{numerators,ticket_entities}'::name[]) AS t$$, 'tables go');
SELECT is((SELECT count(*) FROM pg_class WHERE relnamespace IN ('pos'::regnamespace, 'pos_all'::regnamespace) AND relname IN ('Numerators', 'TicketEntities')), 0::bigint, 'with their views');

-- and so does the whole replica, with the functions that its tables call
DROP TABLE pos."Orders";
SELECT sambapos_grant('till_reader', 'reader', '{shop}') \gset ignored_
SELECT lives_ok('SELECT FROM sambapos_uninstall(false)', 'uninstalling drops the rows');
SELECT is((SELECT count(*) FROM pg_class WHERE relnamespace IN ('pos'::regnamespace, 'pos_all'::regnamespace)), 0::bigint, 'and the views');
SELECT is((SELECT string_agg(proname, ', ') FROM pg_proc WHERE pronamespace = to_regnamespace('sambapos_replica')), NULL, 'and the functions');

SELECT * FROM finish();
ROLLBACK;
