-- Promise: a client that asks a feed for what is new holds what is there; nothing that is not sent is in any answer; a
-- table on a feed is the user's own, before and after. No site is needed.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT no_plan();

CREATE SCHEMA pos;
CREATE TABLE pos.products (id integer PRIMARY KEY, store integer, name text, price numeric, image bytea, user_pin text, meta json);
CREATE TABLE pos.prices (product integer, list text, price numeric, PRIMARY KEY (product, list));
INSERT INTO pos.products VALUES (1, 1, 'tea', 1.50, '\x0102', '4711', '{"a": 1}'), (2, NULL, 'water', 1, NULL, '4712', NULL);
INSERT INTO pos.prices VALUES (1, 'day', 1.5), (1, 'night', 2);

-- what can be put on a feed
SELECT throws_ok($$SELECT sambapos_add_feed('Pos 1')$$, '42602', NULL, 'a feed has a plain name');
SELECT lives_ok($$SELECT sambapos_add_feed('pos')$$, 'a feed');
SELECT throws_ok($$SELECT sambapos_add_feed('pos')$$, '42710', NULL, 'is there once');
SELECT throws_ok($$SELECT sambapos_add_to_feed('bar', 'pos.products')$$, '42704', NULL, 'no such feed');
CREATE VIEW pos.cheap AS SELECT * FROM pos.products WHERE price < 2;
CREATE UNLOGGED TABLE pos.volatile (id integer PRIMARY KEY);
CREATE TEMPORARY TABLE short (id integer PRIMARY KEY);
CREATE TABLE pos.keyless (id integer UNIQUE);
SELECT throws_ok(format('SELECT sambapos_add_to_feed(''pos'', %L)', t.name), t.state, NULL, t.name || ' is refused')
FROM (VALUES ('pos.cheap', '42809'), ('pos.volatile', '42809'), ('short', '42809'), ('sambapos.change_feed', '42809'), ('pg_class', '42809'),
             ('pos.keyless', '42P16')) AS t (name, state);
SELECT throws_ok($$SELECT sambapos_add_to_feed('pos', 'pos.keyless', key => '{id}')$$, '42P16', NULL, 'a key that may be NULL is none');
SELECT throws_ok($$SELECT sambapos_add_to_feed('pos', 'pos.products', scope => 'shop')$$, '42703', NULL, 'a column that is not there');
SELECT throws_ok($$SELECT sambapos_add_to_feed('pos', 'pos.products', lazy => '{id}')$$, '22023', NULL, 'a key is not lazy');
SELECT throws_ok($$SELECT sambapos_add_to_feed('pos', 'pos.products', capture => 'wal')$$, '22023', NULL, 'capture is statement or row');
SELECT throws_ok($$SELECT sambapos_add_to_feed('pos', 'pos.products', payload_key => 'version')$$, '22023', NULL, 'a payload key is no word of the payload');
SELECT throws_ok($$SELECT sambapos_add_site('pos', 'none')$$, '42710', NULL, 'a site cannot have the name of a feed');
SELECT throws_ok($$SELECT sambapos_add_site('feeds', 'none')$$, '42602', NULL, 'nor that of the job of feeds');
SELECT is_empty('SELECT * FROM sambapos.entities', 'what was refused has left nothing');
SELECT is_empty($$SELECT * FROM pg_trigger WHERE tgrelid = 'pos.products'::regclass$$, 'no trigger either');

SELECT lives_ok($$SELECT sambapos_add_to_feed('pos', 'pos.products', scope => 'store', lazy => '{image}')$$, 'a table is on the feed');
SELECT lives_ok($$SELECT sambapos_add_to_feed('pos', 'pos.prices', entity => 'price', payload_key => 'priceList')$$, 'and another one');
SELECT throws_ok($$SELECT sambapos_add_to_feed('pos', 'pos.prices', entity => 'products')$$, '42710', NULL, 'an entity is there once');
SELECT throws_ok($$SELECT sambapos_add_to_feed('pos', 'pos.prices', entity => 'twice', payload_key => 'priceList')$$, '22023', NULL, 'and so is a payload key');
SELECT is((SELECT columns FROM sambapos.entities WHERE entity = 'products'), '{id,store,name,price,image,meta}', 'what looks like a secret is not sent');

-- a client: a copy of what it was told, kept by two calls only
CREATE TABLE pos.client (scope text, entity text, key jsonb, data jsonb, PRIMARY KEY (scope, entity, key));
CREATE TABLE pos.position (scope text PRIMARY KEY, version bigint, incarnation uuid);
CREATE TABLE pos.answer (body text);
CREATE FUNCTION pos.take(scope text, payload jsonb, which text[]) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
  e record;
  k record;
BEGIN
  FOR e IN SELECT * FROM (VALUES ('products', 'products', '{id}'::text[]), ('price', 'priceList', '{product,list}')) AS v (entity, payload_key, key)
           WHERE v.entity = ANY (which) LOOP
    DELETE FROM pos.client AS c WHERE (c.scope, c.entity) = (take.scope, e.entity);
    INSERT INTO pos.client SELECT take.scope, e.entity, CASE cardinality(e.key) WHEN 1 THEN r.value -> e.key[1] ELSE jsonb_build_object('product', r.value -> 'product', 'list', r.value -> 'list') END, r.value
    FROM jsonb_array_elements(payload -> e.payload_key) AS r (value);
  END LOOP;
END;
$$;
CREATE FUNCTION pos.ask(scope text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  p pos.position;
  d jsonb;
  c record;
BEGIN
  SELECT * INTO p FROM pos.position AS x WHERE x.scope = ask.scope;
  d := sambapos_delta_payload('pos', p.version, ask.scope, incarnation => p.incarnation);
  INSERT INTO pos.answer VALUES (d::text);
  IF d ? 'fullRequired' THEN
    d := sambapos_full_payload('pos', ask.scope);
    INSERT INTO pos.answer VALUES (d::text);
    PERFORM pos.take(ask.scope, d, '{products,price}');
    INSERT INTO pos.position VALUES (ask.scope, (d ->> 'version')::bigint, (d ->> 'incarnation')::uuid)
      ON CONFLICT ON CONSTRAINT position_pkey DO UPDATE SET version = excluded.version, incarnation = excluded.incarnation;
    RETURN 'full';
  END IF;
  FOR c IN SELECT x.value ->> 'entityType' AS entity, x.value -> 'entityId' AS key, x.value ->> 'operation' AS operation, x.value -> 'data' AS data
           FROM jsonb_array_elements(d -> 'changes') AS x LOOP
    DELETE FROM pos.client AS k WHERE (k.scope, k.entity, k.key) = (ask.scope, c.entity, c.key);
    IF c.operation <> 'DELETE' THEN
      INSERT INTO pos.client VALUES (ask.scope, c.entity, c.key, c.data);
    END IF;
  END LOOP;
  IF d -> 'fullEntities' <> '[]' THEN
    PERFORM pos.take(ask.scope, sambapos_full_payload('pos', ask.scope, ARRAY(SELECT jsonb_array_elements_text(d -> 'fullEntities'))),
                     ARRAY(SELECT jsonb_array_elements_text(d -> 'fullEntities')));
  END IF;
  UPDATE pos.position AS x SET version = (d ->> 'toVersion')::bigint WHERE x.scope = ask.scope;
  RETURN jsonb_array_length(d -> 'changes') || ' changes' || CASE WHEN d -> 'fullEntities' <> '[]' THEN ', ' || (d ->> 'fullEntities') ELSE '' END;
END;
$$;
CREATE FUNCTION pos.differs(scope text) RETURNS SETOF text LANGUAGE sql AS
$$
  WITH wanted AS (
    SELECT 'products' AS entity, to_jsonb(p.id) AS key, p.name || ' ' || p.price || coalesce(' ' || p.store, '') AS line FROM pos.products AS p WHERE p.store IS NULL OR p.store::text = differs.scope
    UNION ALL SELECT 'price', jsonb_build_object('product', r.product, 'list', r.list), r.price::text FROM pos.prices AS r
  ), has AS (
    SELECT c.entity, c.key, CASE c.entity WHEN 'products' THEN (c.data ->> 'name') || ' ' || (c.data ->> 'price') || coalesce(' ' || (c.data ->> 'store'), '') ELSE c.data ->> 'price' END AS line
    FROM pos.client AS c WHERE c.scope = differs.scope
  )
  SELECT 'missing ' || w::text FROM (SELECT * FROM wanted EXCEPT ALL SELECT * FROM has) AS w
  UNION ALL SELECT 'too many ' || h::text FROM (SELECT * FROM has EXCEPT ALL SELECT * FROM wanted) AS h;
$$;
SELECT is(pos.ask('1'), 'full', 'a client without a position takes everything');
SELECT is(pos.ask('2'), 'full', 'another one, too');
SELECT is_empty($$SELECT pos.differs('1') UNION ALL SELECT pos.differs('2')$$, 'they have what is theirs');
CALL sambapos_feed_tick();
SELECT is(pos.ask('1'), '0 changes, ["price", "products"]', 'a table that was put on the feed is taken anew');

-- what changes
UPDATE pos.products SET price = 1.60 WHERE id = 1;
INSERT INTO pos.products VALUES (3, 2, 'milk', 2);
UPDATE pos.prices SET price = 2.50 WHERE list = 'night';
SELECT is(pos.ask('1'), '2 changes', 'what is committed is told before the tick');
SELECT is_empty($$SELECT pos.differs('1')$$, 'and is right');
CALL sambapos_feed_tick();
SELECT pos.ask('2') AS said \gset
SELECT is_empty($$SELECT pos.differs('1') UNION ALL SELECT pos.differs('2')$$, 'all is right');

-- a row goes to another scope, gets another key, is everybody's, is gone
UPDATE pos.products SET store = 1 WHERE id = 3;
SELECT pos.ask('1') || pos.ask('2') AS said \gset
SELECT is_empty($$SELECT pos.differs('1') UNION ALL SELECT pos.differs('2')$$, 'a row goes to another scope');
UPDATE pos.products SET id = 30 WHERE id = 3;
SELECT pos.ask('1') || pos.ask('2') AS said \gset
SELECT is_empty($$SELECT pos.differs('1') UNION ALL SELECT pos.differs('2')$$, 'gets another key');
UPDATE pos.products SET store = NULL WHERE id = 30;
SELECT pos.ask('1') || pos.ask('2') AS said \gset
SELECT is_empty($$SELECT pos.differs('1') UNION ALL SELECT pos.differs('2')$$, 'is everybody''s');
DELETE FROM pos.products WHERE id = 30;
CALL sambapos_feed_tick();
SELECT pos.ask('1') || pos.ask('2') AS said \gset
SELECT is_empty($$SELECT pos.differs('1') UNION ALL SELECT pos.differs('2')$$, 'is gone');
INSERT INTO pos.products VALUES (30, 1, 'rum', 9), (31, 2, 'gin', 8);
UPDATE pos.products SET name = upper(name) WHERE id > 29;
DELETE FROM pos.products WHERE id = 31;
CALL sambapos_feed_tick();
SELECT is((SELECT string_agg(key::text || operation, ' ' ORDER BY change_id) FROM sambapos.change WHERE version = (SELECT version FROM sambapos.feeds)), '{"id": 30}UPDATE {"id": 31}DELETE', 'of a row the last change is kept');
SELECT pos.ask('1') || pos.ask('2') AS said \gset
SELECT is_empty($$SELECT pos.differs('1') UNION ALL SELECT pos.differs('2')$$, 'and is enough');
TRUNCATE pos.prices;
INSERT INTO pos.prices VALUES (7, 'day', 7);
SELECT is(pos.ask('1'), '0 changes, ["price"]', 'an emptied table is taken anew');
SELECT is_empty($$SELECT pos.differs('1')$$, 'with what came since');

-- what is no change
CALL sambapos_feed_tick();
SELECT version AS before FROM sambapos.feeds \gset
UPDATE pos.products SET user_pin = '4713', price = price;
SELECT is((SELECT waiting FROM sambapos.feeds), 0::bigint, 'an update of what is not sent is no change');
CALL sambapos_feed_tick();
SELECT is((SELECT version FROM sambapos.feeds), :before::bigint, 'a tick with nothing to do gives out no version');
UPDATE pos.products SET meta = '{"a": 2}' WHERE id = 1;
SELECT is((SELECT changed_columns FROM sambapos.change WHERE version IS NULL), '{meta}', 'a column without equality is compared, too');
SELECT set_config('sambapos.changed_by', 'anna', true) AS who \gset
UPDATE pos.products SET name = 'Tea' WHERE id = 1;
SELECT is((SELECT changed_by FROM sambapos.change ORDER BY change_id DESC LIMIT 1), 'anna', 'who changed it is what the application says');
SELECT set_config('sambapos.changed_by', '', true) AS who \gset
CREATE ROLE berta;
GRANT USAGE ON SCHEMA pos TO berta;
GRANT SELECT, UPDATE ON pos.products TO berta;
SET LOCAL ROLE berta;
UPDATE pos.products SET price = price + 1 WHERE id = 1;
RESET ROLE;
SELECT is((SELECT changed_by FROM sambapos.change ORDER BY change_id DESC LIMIT 1), 'berta', 'else the role of SET ROLE');
UPDATE pos.products SET price = price + 1 WHERE id = 2;
SELECT is((SELECT changed_by FROM sambapos.change ORDER BY change_id DESC LIMIT 1), session_user::text, 'else who has connected');
CALL sambapos_feed_tick();
SELECT results_eq($$SELECT operation, ARRAY(SELECT unnest(changed_columns) ORDER BY 1), changed_by FROM sambapos.change WHERE version = (SELECT max(version) FROM sambapos.feeds) AND key ->> 'id' = '1'$$,
                  $$VALUES ('UPDATE', '{meta,name,price}'::text[], 'berta')$$, 'of several changes of a row one is kept: with the columns of all, and who was the last');

-- lists and pages
CALL sambapos_feed_tick();
INSERT INTO pos.prices SELECT i, 'day', i FROM generate_series(10, 19) AS i;
CALL sambapos_feed_tick();
INSERT INTO pos.prices SELECT i, 'day', i FROM generate_series(20, 24) AS i;
CALL sambapos_feed_tick();
UPDATE pos.prices SET price = 99 WHERE product = 24;
SELECT version AS latest FROM sambapos.feeds \gset
SELECT is((SELECT count(*) || ' ' || count(DISTINCT version) FROM sambapos_changes('pos', :latest - 2, max_rows => 3)), '10 1', 'a page has whole versions');
SELECT is((SELECT count(*) || ' ' || count(version) FROM sambapos_changes('pos', :latest - 1, max_rows => 3)), '6 5', 'the last one has what has no version yet');
SELECT is((SELECT count(*) FROM sambapos_changes('pos', :latest)), 1::bigint, 'which comes again');
SELECT results_eq($$SELECT entity, changes FROM sambapos_check_for_updates('pos', $$ || :latest || ' - 2)', $$VALUES ('price'::text, 16::bigint)$$, 'what is new is counted');
SELECT is((SELECT sum((data ->> 'price')::numeric) FROM sambapos_changes('pos', :latest - 1)), 20 + 21 + 22 + 23 + 99 + 99::numeric, 'with the values of now');
SELECT is((SELECT count(*) FROM sambapos_full_rows('pos', 'price', page_rows => 7)), 7::bigint, 'a page of rows');
SELECT is((SELECT array_agg(key ->> 'product') FROM sambapos_full_rows('pos', 'price', after => '{"product": 22, "list": "day"}')), '{23,24}', 'and what comes after a key');
SELECT throws_ok($$SELECT * FROM sambapos_full_rows('pos', 'price', after => '22')$$, '22023', NULL, 'a key is whole');
SELECT is(sambapos_value('pos', 'products', '1', 'image'), '"AQI="', 'a lazy value is asked for');
SELECT is(sambapos_value('pos', 'products', '1', 'image', encode(sha256('\x0102'), 'hex')), NULL, 'and not sent twice');
SELECT throws_ok($$SELECT sambapos_value('pos', 'products', '1', 'user_pin')$$, '42703', NULL, 'what is not sent is not told');
SELECT is(sambapos_wait_for_change('pos', :latest - 1), :latest::bigint, 'there is something to wait for no longer');
SELECT is(sambapos_wait_for_change('pos', :latest, '0'), :latest::bigint, 'and an end to waiting');

-- only everything anew is right
SELECT is(sambapos_delta_payload('pos', p.since, incarnation => p.incarnation) ->> 'reason' ~ p.reason, true, p.words)
FROM (VALUES (NULL::bigint, NULL::uuid, 'no position', 'no position'), (:latest + 1, NULL, 'earlier time', 'a version that is not there'),
             (1, gen_random_uuid(), 'another life', 'another life of the feed')) AS p (since, incarnation, reason, words);
SELECT is(sambapos_configure('pos', 'max_delta', '3'), '3', 'a feed has settings');
SELECT throws_ok($$SELECT sambapos_configure('pos', 'max_delta', '0')$$, '22023', NULL, 'with ranges');
SELECT throws_ok($$SELECT sambapos_configure('pos', 'overlap', '1 hour')$$, '22023', NULL, 'those of a site are others');
SELECT is((SELECT value || default_value || is_changed FROM sambapos.settings WHERE site = 'pos' AND setting = 'max_delta'), '310000true', 'they are shown with the others');
SELECT is(sambapos_delta_payload('pos', :latest - 2) ->> 'reason' ~ 'more than 3 changes', true, 'too many changes');
SELECT is((SELECT operation || (data ->> 'reason') FROM sambapos_changes('pos', :latest - 2)), 'FULL_REQUIREDthere are more than 3 changes', 'as a list says, too');
SELECT sambapos_configure('pos', 'max_delta', NULL) || coalesce(sambapos_configure('pos', 'max_version_gap', '1'), '') AS set \gset
SELECT is(sambapos_delta_payload('pos', :latest - 2) ->> 'reason' ~ 'more than 1 versions', true, 'too many versions');
UPDATE sambapos.change_feed SET max_version_gap = NULL;
UPDATE sambapos.change SET changed_at = now() - interval '31 days' WHERE version <= :latest - 1;
CALL sambapos_feed_tick();
SELECT is(sambapos_delta_payload('pos', :latest - 2) ->> 'reason' ~ 'kept no longer', true, 'what is older than retention');
SELECT ok(NOT sambapos_delta_payload('pos', :latest - 1) ? 'fullRequired', 'but not for who has seen it');
UPDATE sambapos.change SET changed_at = now() - interval '31 days';
SELECT version AS before FROM sambapos.feeds \gset
CALL sambapos_feed_tick();
SELECT is((SELECT changes || ' ' || (version = :before) || (min_version = :before) FROM sambapos.feeds), '0 truetrue', 'a tick with nothing new drops what is old, and gives out no version');
SELECT is((SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns WHERE (table_schema, table_name) = ('sambapos', 'config_versions')),
          'id property_id version entity_type entity_id operation changed_columns changed_at changed_by feed', 'the log has the names of a table of configuration versions');
SELECT incarnation AS life FROM sambapos.feeds WHERE feed = 'pos' \gset
SELECT results_eq($$SELECT * FROM sambapos_resume('pos')$$, $$VALUES ('pos', 'feed began another life')$$, 'who has put a snapshot back says so');
SELECT is(sambapos_delta_payload('pos', :before, incarnation => :'life') ->> 'reason' ~ 'another life', true, 'then all is taken anew');
SELECT throws_ok($$SELECT sambapos_delta_payload('pos', -1)$$, '22023', NULL, 'no version is negative');
SELECT throws_ok($$SELECT sambapos_delta_payload('pos', 1, entities => '{product}')$$, '42704', NULL, 'an entity that is not there is no silence');
SELECT is_empty($$SELECT * FROM pos.answer WHERE regexp_replace(body, '"(timestamp|changedAt|incarnation)": *"[^"]*"', '', 'g') ~ '471[1-3]'$$, 'no secret was in any answer');

-- partitions, and a key that is not the first column
CREATE TABLE pos.sales (day date, id bigint, total numeric, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
CREATE TABLE pos.sales_1 PARTITION OF pos.sales FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
CREATE TABLE pos.sales_2 PARTITION OF pos.sales FOR VALUES FROM ('2026-07-01') TO ('2027-01-01');
SELECT sambapos_add_to_feed('pos', 'pos.sales') AS added \gset
SELECT is((SELECT capture FROM sambapos.entities WHERE entity = 'sales'), 'row', 'a partitioned table is seen row by row');
INSERT INTO pos.sales VALUES ('2026-03-01', 1, 10);
INSERT INTO pos.sales_2 VALUES ('2026-08-01', 2, 20);
UPDATE pos.sales SET day = '2026-09-01' WHERE id = 1;
SELECT is((SELECT string_agg(operation || (key ->> 'id'), ' ' ORDER BY change_id) FROM sambapos.change WHERE entity = 'sales' AND key IS NOT NULL), 'INSERT1 INSERT2 DELETE1 INSERT1', 'also when a row goes to another partition');

-- what is urgent
SELECT throws_ok($$SELECT sambapos_add_urgent_rule('pos', 'bad', 'products', condition => 'no_such_column > 1')$$, '42703', NULL, 'a condition is parsed when it is added');
SELECT throws_ok($$SELECT sambapos_add_urgent_rule('pos', 'bad', 'products', columns => '{user_pin}')$$, '42703', NULL, 'a rule is about what is sent');
SELECT throws_ok($$SELECT sambapos_add_urgent_rule('pos', 'bad', 'product')$$, '42704', NULL, 'of an entity that is there');
SELECT is_empty('SELECT * FROM sambapos.urgent_rule', 'what was refused has left nothing');
SELECT lives_ok($$SELECT sambapos_add_urgent_rule('pos', 'cheap', 'products', '{price}', 'r.price < 1')$$, 'a rule');
CALL sambapos_feed_tick();
UPDATE pos.products SET price = 0 WHERE id = 1;
CALL sambapos_feed_tick();
SELECT is((SELECT problem FROM sambapos.urgent_rule), NULL, 'it can be asked');
ALTER TABLE pos.products RENAME price TO cost;
ALTER TABLE pos.products RENAME cost TO price;
SELECT lives_ok($$SELECT sambapos_remove_urgent_rule('pos', 'cheap')$$, 'and taken away');
SELECT throws_ok($$SELECT sambapos_remove_urgent_rule('pos', 'cheap')$$, '42704', NULL, 'once');

-- what a client asks every minute never reads a whole table, however small it is believed to be
INSERT INTO pos.products SELECT n, 1, 'many', n FROM generate_series(1001, 4000) AS n;
CALL sambapos_feed_tick();
ANALYZE pos.products;
SELECT version AS many FROM sambapos.feeds WHERE feed = 'pos' \gset
UPDATE pos.products SET price = price + 1 WHERE id BETWEEN 2001 AND 2500;
CALL sambapos_feed_tick();
SELECT seq_scan AS scans FROM pg_stat_xact_user_tables WHERE relid = 'pos.products'::regclass \gset
SELECT is((SELECT count(*) FROM jsonb_array_elements(sambapos_delta_payload('pos', :many) -> 'changes')), 500::bigint, 'many rows of one entity');
SELECT is((SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relid = 'pos.products'::regclass), :scans::bigint, 'and is looked up by its key');

CREATE TABLE pos.staff (id integer PRIMARY KEY, PasswordHash text, PinHash text, "APIToken" text, userpin text, spinning text, shipping text);
SELECT sambapos_add_to_feed('pos', 'pos.staff');
SELECT is((SELECT columns FROM sambapos.entities WHERE entity = 'staff'), '{id,spinning,shipping}', 'secrets of names that are written together are not sent');

-- the table is the user's
SELECT lives_ok($$SELECT sambapos_remove_from_feed('pos', 'products')$$, 'a table is taken off');
-- what a tick costs follows the changes: eight times as many take about eight times as long, also where nothing is known of
-- the log yet (nobody has analysed it); it is far from the 64 times of one that compares all with all
CREATE TABLE pos.bulk (id integer PRIMARY KEY);
SELECT sambapos_add_feed('bulk'), sambapos_add_to_feed('bulk', 'pos.bulk'), sambapos_add_consumer('bulk', 'bulk', '{bulk}', condition => 'id > 0');
CREATE FUNCTION pg_temp.tick_of(first integer, n integer) RETURNS interval LANGUAGE plpgsql AS
$$
DECLARE
  began timestamptz;
BEGIN
  INSERT INTO pos.bulk SELECT generate_series(first, first + n - 1);
  began := clock_timestamp();
  CALL sambapos_feed_tick('bulk');
  RETURN clock_timestamp() - began;
END;
$$;
SELECT pg_temp.tick_of(1, 1) \g /dev/null
SELECT cmp_ok((SELECT min(pg_temp.tick_of(i * 8000, 8000)) FROM generate_series(1, 2) AS i), '<',
              30 * (SELECT min(pg_temp.tick_of(100000 + i * 1000, 1000)) FROM generate_series(1, 3) AS i), 'a tick of many changes costs as many times more');
SELECT is((SELECT pending FROM sambapos.consumers WHERE consumer = 'bulk'), 19001::bigint, 'and gives out each');

SELECT is_empty($$SELECT * FROM pg_trigger WHERE tgrelid = 'pos.products'::regclass$$, 'no trigger is left');
SELECT isnt_empty('SELECT * FROM pos.products', 'its rows are');
DROP EXTENSION sambapos_fdw;
SELECT is_empty($$SELECT * FROM pg_trigger WHERE tgrelid IN ('pos.prices'::regclass, 'pos.sales'::regclass)$$, 'DROP EXTENSION takes the triggers');
SELECT isnt_empty('SELECT * FROM pos.prices', 'and leaves the tables');
SELECT lives_ok($$INSERT INTO pos.prices VALUES (100, 'day', 1)$$, 'which are written to as before');
SELECT * FROM finish();
ROLLBACK;
