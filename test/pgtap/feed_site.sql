-- Promise: a site's feed tells what a run has changed in its replica tables: the rows that are at the source, by the
-- source's key; a clear is one entry; a client holds what the till has.
BEGIN;
\ir seam.psql
SELECT no_plan();

SELECT till.sell(1, 10);
SELECT till.quiet_sync() AS quiet \gset
SELECT is_empty('SELECT * FROM sambapos.change', 'a site without entities enters nothing');
SELECT throws_ok($$SELECT sambapos_full_payload('shop')$$, '42704', NULL, 'its feed is not there');
SELECT lives_ok($$SELECT sambapos_add_to_feed('shop', 'sambapos_replica.menu_items', 'items')$$, 'until a table is put on it');
SELECT lives_ok($$SELECT sambapos_add_to_feed('shop', 'sambapos_replica.tickets')$$, 'tickets, too');
SELECT throws_ok($$SELECT sambapos_add_feed('shop')$$, '42710', NULL, 'no other feed has the site''s name');
SELECT sambapos_add_feed('own') AS added \gset
SELECT throws_ok($$SELECT sambapos_add_to_feed('own', 'sambapos_replica.payments')$$, '42809', NULL, 'a replica table is on its site''s feed only');
SELECT is((SELECT key || columns FROM sambapos.entities WHERE entity = 'items'), '{id,id,name,group_code}', 'it has the source''s key and columns');
SELECT is(sambapos_full_payload('shop', NULL, '{items}') -> 'items' -> 0, '{"id": 1, "name": "item 1", "group_code": "food"}', 'and rows');

CREATE TABLE till.client (entity text, id integer, data jsonb, PRIMARY KEY (entity, id));
CREATE TABLE till.position (version bigint, incarnation uuid);
CREATE FUNCTION till.take(d jsonb, names text[]) RETURNS void LANGUAGE sql AS
$$
  DELETE FROM till.client WHERE entity = ANY (names);
  INSERT INTO till.client SELECT n, (r.value ->> 'id')::integer, r.value FROM unnest(names) AS n CROSS JOIN LATERAL jsonb_array_elements(d -> n) AS r;
$$;
CREATE FUNCTION till.ask() RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  d jsonb := (SELECT sambapos_delta_payload('shop', max(p.version), incarnation => (array_agg(p.incarnation))[1]) FROM till.position AS p);
  c jsonb;
  anew text[];
BEGIN
  IF d ? 'fullRequired' THEN
    d := sambapos_full_payload('shop');
    PERFORM till.take(d, '{items,tickets}');
    DELETE FROM till.position;
    INSERT INTO till.position VALUES ((d ->> 'version')::bigint, (d ->> 'incarnation')::uuid);
    RETURN 'full';
  END IF;
  FOR c IN SELECT * FROM jsonb_array_elements(d -> 'changes') LOOP
    DELETE FROM till.client AS k WHERE k.entity = c ->> 'entityType' AND k.id = (c -> 'entityId')::integer;
    IF c ->> 'operation' <> 'DELETE' THEN
      INSERT INTO till.client VALUES (c ->> 'entityType', (c -> 'entityId')::integer, c -> 'data');
    END IF;
  END LOOP;
  anew := ARRAY(SELECT jsonb_array_elements_text(d -> 'fullEntities'));
  PERFORM till.take(sambapos_full_payload('shop', NULL, anew), anew);
  UPDATE till.position SET version = (d ->> 'toVersion')::bigint;
  RETURN concat_ws(' ', jsonb_array_length(d -> 'changes'), nullif(array_to_string(anew, ','), ''));
END;
$$;
CREATE FUNCTION till.client_differs() RETURNS SETOF text LANGUAGE sql AS
$$
  WITH there AS (SELECT 'items' AS entity, i.id, i.name AS line FROM sambapos_live_shop.menu_items AS i
                 UNION ALL SELECT 'tickets', t.id, t.total_amount::text FROM sambapos_live_shop.tickets AS t),
       here AS (SELECT c.entity, c.id, coalesce(c.data ->> 'name', c.data ->> 'total_amount') AS line FROM till.client AS c)
  SELECT 'missing ' || x::text FROM (SELECT * FROM there EXCEPT ALL SELECT * FROM here) AS x
  UNION ALL SELECT 'too many ' || x::text FROM (SELECT * FROM here EXCEPT ALL SELECT * FROM there) AS x;
$$;
SELECT is(till.ask(), 'full', 'a client takes everything');
SELECT is_empty('SELECT * FROM till.client_differs()', 'it has what the till has');
CALL sambapos_feed_tick('shop');
SELECT till.ask() AS said \gset

UPDATE menu_items SET name = 'renamed' WHERE id = 2;
DELETE FROM menu_items WHERE id = 3;
INSERT INTO menu_items VALUES (4, 'new', 'food');
SELECT till.pass(1);
SELECT till.sell(11, 1, '2026-03-10 13:00');
SELECT till.quiet_sync() AS quiet \gset
SELECT till.pass(1);
SELECT till.quiet_sync() AS quiet \gset
CALL sambapos_feed_tick('shop');
SELECT is(till.ask(), '4', 'what a run has changed is told: renamed, deleted, new, sold');
SELECT is_empty('SELECT * FROM till.client_differs()', 'and is right');
SELECT till.quiet_sync() AS quiet \gset
SELECT is((SELECT waiting FROM sambapos.feeds WHERE feed = 'shop'), 0::bigint, 'a run that finds nothing enters nothing');

-- a clear, and what is sold after it
SELECT till.clear();
SELECT till.pass(1);
SELECT till.sell(20, 3, '2026-03-10 15:00');
SELECT till.quiet_sync() AS quiet \gset
SELECT till.pass(1);
SELECT till.quiet_sync() AS quiet \gset
SELECT is((SELECT count(*) FROM sambapos.change WHERE version IS NULL AND entity = 'tickets' AND operation = 'DELETE'), 0::bigint, 'a clear deletes nothing one by one');
SELECT is((SELECT count(*) FROM sambapos.change WHERE version IS NULL AND entity = 'tickets' AND operation = 'CLEAR'), 1::bigint, 'it is one entry');
SELECT is((SELECT string_agg(operation || coalesce(key ->> 'id', ''), ' ' ORDER BY change_id) FROM sambapos.change WHERE version IS NULL AND entity = 'tickets'
           AND change_id >= (SELECT max(change_id) FROM sambapos.change WHERE operation = 'CLEAR')), 'CLEAR INSERT20 INSERT21 INSERT22', 'what is there follows');
CALL sambapos_feed_tick('shop');
SELECT is(till.ask() ~ 'tickets$', true, 'a client takes tickets anew');
SELECT is_empty('SELECT * FROM till.client_differs()', 'and has what the till has');

-- more than a client would take as changes
UPDATE sambapos.change_feed SET max_delta = 2;
INSERT INTO menu_items SELECT i, 'item ' || i, 'food' FROM generate_series(10, 15) AS i;
SELECT till.quiet_sync() AS quiet \gset
SELECT is((SELECT string_agg(operation, ' ') FROM sambapos.change WHERE version IS NULL), 'LOAD', 'many rows are one entry');
CALL sambapos_feed_tick('shop');
SELECT is(till.ask(), '0 items', 'that takes the entity anew');
SELECT is_empty('SELECT * FROM till.client_differs()', 'which is right');
UPDATE sambapos.change_feed SET max_delta = 1000;

-- what a run has not written it does not look for
SELECT set_eq($$SELECT unnest(regexp_matches(prosrc, 'r\.version = \$2', 'g')) FROM pg_proc WHERE proname ~ '^_feed_(note|enter)'$$, '{}'::text[], 'no version is looked for in a replica table');

-- outside a run
INSERT INTO sambapos.epoch (site_id, epoch, reason) SELECT s.site_id, e, 'test' FROM sambapos._place AS s, generate_series(1, 2) AS e
 WHERE NOT EXISTS (SELECT FROM sambapos.epoch AS x WHERE (x.site_id, x.epoch) = (s.site_id, e));
UPDATE sambapos.site_state SET epoch = 2;
UPDATE sambapos_replica.menu_items SET epoch = 2 WHERE id = 2;
CALL sambapos_feed_tick('shop');
SELECT till.ask() AS said \gset
SELECT lives_ok($$SELECT sambapos_discard_epoch('shop', 2)$$, 'a person takes a life out');
SELECT is((SELECT string_agg(entity || operation, ' ') FROM sambapos.change WHERE version IS NULL), 'itemsLOAD', 'what had rows in it is taken anew');
SELECT till.ask() AS said \gset
SELECT is((SELECT count(*) FROM till.client WHERE (entity, id) = ('items', 2)), 0::bigint, 'and they are gone');

-- a run does not fail for its feed
UPDATE sambapos.feed_entity SET query_keys = 'SELECT nothing ' || query_keys WHERE entity = 'items';
CALL sambapos_feed_tick('shop');
INSERT INTO menu_items VALUES (99, 'new', 'food');
SET LOCAL client_min_messages = error;
SELECT till.quiet_sync() AS quiet \gset
SET LOCAL client_min_messages = warning;
SELECT is((SELECT status FROM sambapos.run ORDER BY run_id DESC LIMIT 1), 'ok', 'a run goes on where an entity cannot be read');
SELECT is((SELECT count(*) FROM sambapos_replica.menu_items WHERE id = 99), 1::bigint, 'it has what is new');
SELECT matches((SELECT string_agg(operation, ' ') FROM sambapos.change WHERE version IS NULL AND entity = 'items'), '^LOAD', 'and the entity is taken anew');
UPDATE sambapos.feed_entity SET query_keys = substr(query_keys, 16) WHERE entity = 'items';
SELECT lives_ok($$SELECT sambapos_remove_from_feed('shop', 'items')$$, 'a table is taken off');
CREATE ROLE chief;
SELECT sambapos_grant('chief', 'admin') AS granted \gset
SET LOCAL ROLE chief;
SELECT sambapos._feed_forget_site(f.site_id) FROM sambapos.change_feed AS f WHERE f.name = 'shop';
RESET ROLE;
SELECT is((SELECT count(*) FROM sambapos.change_feed WHERE name = 'shop'), 1::bigint, 'while a site is there nobody takes its feed away but as its owner');
SELECT * FROM finish();
ROLLBACK;
