-- Promise: a row is told as it is, however its table is made: what its columns and its schema are called, of what types its
-- key is, what the writer's and the reader's sessions have set, and whatever the log believes of a DELETE. What triggers
-- cannot see (a partition that is emptied, a trigger of another mode) is noticed.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT no_plan();

CREATE SCHEMA pos;
SELECT sambapos_add_feed('pos') AS added \gset
CREATE FUNCTION pos.version() RETURNS bigint LANGUAGE sql AS $$ SELECT version FROM sambapos.feeds WHERE feed = 'pos' $$;
CREATE FUNCTION pos.told(since bigint, name text) RETURNS text LANGUAGE sql AS
$$
  SELECT string_agg(concat_ws(' ', c ->> 'operation', c -> 'entityId', nullif(c -> 'data', 'null')), '; ' ORDER BY c -> 'entityId')
  FROM jsonb_array_elements(sambapos_delta_payload('pos', since, NULL, ARRAY[name]) -> 'changes') AS c;
$$;
CREATE FUNCTION pos.listed(since bigint, name text) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(concat_ws(' ', operation, key, data), '; ') FROM sambapos_changes('pos', since, NULL, ARRAY[name]); $$;

-- keys change places, row by row: the log's last word of one of them is DELETE
CREATE TABLE pos.seat (id integer PRIMARY KEY DEFERRABLE, name text);
INSERT INTO pos.seat VALUES (1, 'a'), (2, 'b');
SELECT sambapos_add_to_feed('pos', 'pos.seat', capture => 'row') AS added \gset
CALL sambapos_feed_tick();
SELECT pos.version() AS v \gset
UPDATE pos.seat SET id = 3 - id;
SELECT is(pos.told(:v, 'seat'), 'UPDATE 1 {"id": 1, "name": "b"}; UPDATE 2 {"id": 2, "name": "a"}'::text,
          'keys that change places are told as they are') WHERE pos.told(:v, 'seat') !~ 'INSERT'
UNION ALL
SELECT is(replace(pos.told(:v, 'seat'), 'INSERT', 'UPDATE'), 'UPDATE 1 {"id": 1, "name": "b"}; UPDATE 2 {"id": 2, "name": "a"}',
          'keys that change places are told as they are') WHERE pos.told(:v, 'seat') ~ 'INSERT';
CALL sambapos_feed_tick();
SELECT unalike(pos.told(:v, 'seat'), '%DELETE%', 'so they are with a version');
SELECT is((SELECT count(DISTINCT key) FROM sambapos_changes('pos', :v) WHERE data IS NOT NULL), 2::bigint, 'and in the list');

-- a trigger of the user's writes a deleted row again
CREATE TABLE pos.undead (id integer PRIMARY KEY, name text);
INSERT INTO pos.undead VALUES (1, 'a'), (2, 'b');
CREATE FUNCTION pos.rise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO pos.undead VALUES (OLD.id, 'again'); RETURN NULL; END $$;
CREATE TRIGGER a_rise AFTER DELETE ON pos.undead FOR EACH ROW WHEN (OLD.id = 1) EXECUTE FUNCTION pos.rise();
SELECT sambapos_add_to_feed('pos', 'pos.undead') AS added \gset
CALL sambapos_feed_tick();
SELECT pos.version() AS v \gset
DELETE FROM pos.undead;
SELECT is(pos.told(:v, 'undead'), 'UPDATE 1 {"id": 1, "name": "again"}; DELETE 2', 'a row that is there is not told as gone');
SELECT matches(pos.listed(:v, 'undead'), 'UPDATE {"id": 1} {"id": 1, "name": "again"}', 'nor in the list');
CALL sambapos_feed_tick();
SELECT is(pos.told(:v, 'undead'), 'UPDATE 1 {"id": 1, "name": "again"}; DELETE 2', 'nor with a version');
SELECT pos.version() AS v \gset
DELETE FROM pos.undead WHERE id = 2;
INSERT INTO pos.undead VALUES (2, 'c');
DELETE FROM pos.undead WHERE id = 2;
INSERT INTO pos.undead VALUES (2, 'd');
SELECT is(pos.listed(:v, 'undead'), 'INSERT {"id": 2} {"id": 2, "name": "d"}; DELETE {"id": 2}; INSERT {"id": 2} {"id": 2, "name": "d"}',
          'what follows in the same answer says that it is there again');

-- columns that are called as the feed's own words are
CREATE TABLE pos.words (id integer PRIMARY KEY, x integer, k text, r text, o text, n text, writer text, key text, scope text, data text,
                        p text, s text, "is" text, was text, operation text, columns text, entity text, tg_op text, version integer);
SELECT sambapos_add_to_feed('pos', 'pos.words', scope => 'scope') AS added \gset
CREATE TABLE pos.words_one (LIKE pos.words INCLUDING ALL);
SELECT sambapos_add_to_feed('pos', 'pos.words_one', key => '{id}', scope => 'k', capture => 'row', lazy => '{x}') AS added \gset
SELECT sambapos_add_urgent_rule('pos', 'r', 'words', condition => 'r.r = ''r''') AS added \gset
CALL sambapos_feed_tick();
SELECT pos.version() AS v \gset
INSERT INTO pos.words (id, x, writer, scope) VALUES (1, 7, 'w', 'sea');
UPDATE pos.words SET x = 8, k = 'k';
INSERT INTO pos.words_one (id, x, writer) VALUES (1, 7, 'w');
UPDATE pos.words_one SET x = 8, k = 'k';
SELECT is((SELECT string_agg(concat_ws(' ', operation, key ->> 'id', data ->> 'x', data ->> 'writer'), '; ') FROM sambapos_changes('pos', :v, 'sea', '{words}')),
          'INSERT 1 8 w; UPDATE 1 8 w', 'no name of a column is in the way');
SELECT is((SELECT string_agg(concat_ws(' ', operation, key ->> 'id', data ->> 'writer'), '; ') FROM sambapos_changes('pos', :v, 'k', '{words_one}')),
          'INSERT 1 w; DELETE 1; INSERT 1 w', 'nor row by row');
SELECT is(sambapos_value('pos', 'words_one', '1', 'x'), '8', 'nor of a value');
SELECT is((sambapos_full_payload('pos', NULL, '{words}') -> 'words' -> 0 ->> 'x'), '8', 'nor of everything');
CALL sambapos_feed_tick();
SELECT is((SELECT problem FROM sambapos.urgent_rule WHERE rule = 'r'), NULL, 'nor of a rule');
CREATE TABLE pos.odd_key (x integer, k text, writer integer, PRIMARY KEY (x, k, writer));
SELECT sambapos_add_to_feed('pos', 'pos.odd_key') AS added \gset
CALL sambapos_feed_tick();
SELECT pos.version() AS v \gset
INSERT INTO pos.odd_key VALUES (1, 'a', 2);
SELECT is(pos.listed(:v, 'odd_key'), 'INSERT {"k": "a", "x": 1, "writer": 2} {"k": "a", "x": 1, "writer": 2}', 'nor of a key');

-- keys whose text a session decides
CREATE TABLE pos.moment (at timestamptz, took interval, mark bytea, f double precision, price money, name text, PRIMARY KEY (at, took, mark, f, price));
SELECT sambapos_add_to_feed('pos', 'pos.moment') AS added \gset
CALL sambapos_feed_tick();
SELECT pos.version() AS v \gset
SET LOCAL timezone = 'Asia/Tokyo';
SET LOCAL intervalstyle = 'sql_standard';
SET LOCAL bytea_output = 'escape';
SET LOCAL extra_float_digits = -10;
SET LOCAL datestyle = 'German';
INSERT INTO pos.moment VALUES ('2026-01-02 03:04:05.678901+00', '-1 day 02:03:04', '\xff00', 0.1::float8 + 0.2::float8, 12.34, 'a');
SET LOCAL timezone = 'America/New_York';
SET LOCAL intervalstyle = 'iso_8601';
SET LOCAL bytea_output = 'hex';
SET LOCAL extra_float_digits = 3;
UPDATE pos.moment SET name = 'b';
SELECT is((SELECT string_agg(operation || ' ' || (data ->> 'name'), '; ') FROM sambapos_changes('pos', :v, NULL, '{moment}')), 'INSERT b; UPDATE b',
          'a row is found by what it was entered as');
CALL sambapos_feed_tick();
SELECT is((SELECT count(*) FROM sambapos.change WHERE entity = 'moment' AND key IS NOT NULL), 1::bigint, 'which is one key');
SELECT is((SELECT r.data ->> 'name' FROM sambapos_full_rows('pos', 'moment') AS r), 'b', 'it is a page');
SELECT is_empty($$SELECT * FROM sambapos_full_rows('pos', 'moment', NULL, (SELECT r.key FROM sambapos_full_rows('pos', 'moment') AS r))$$, 'and nothing is after it');
SELECT sambapos_full_payload('pos', NULL, '{moment}') -> 'moment' AS was \gset
SET LOCAL timezone = 'Europe/Berlin';
SELECT is(sambapos_full_payload('pos', NULL, '{moment}') -> 'moment', :'was'::jsonb, 'who asks sees the same');
SELECT is(current_setting('timezone'), 'Europe/Berlin', 'and has the own settings');
RESET timezone; RESET intervalstyle; RESET bytea_output; RESET extra_float_digits; RESET datestyle;

-- types of other schemas
CREATE SCHEMA types;
CREATE EXTENSION IF NOT EXISTS citext SCHEMA types;
CREATE EXTENSION IF NOT EXISTS hstore SCHEMA types;
CREATE DOMAIN pos.code AS types.citext;
CREATE TABLE pos.label (code pos.code, tags types.hstore, n integer, note types.citext, PRIMARY KEY (code, tags, n));
INSERT INTO pos.label VALUES ('a', 'x=>1', 1), ('B', 'x=>1', 1), ('B', 'x=>1', 2), ('c', 'x=>1', 1), ('D', 'x=>1', 1);
SELECT sambapos_add_to_feed('pos', 'pos.label') AS added \gset
CALL sambapos_feed_tick();
SELECT pos.version() AS v \gset
UPDATE pos.label SET note = 'Tea' WHERE code = 'c';
UPDATE pos.label SET note = 'tea' WHERE code = 'c';
UPDATE pos.label SET code = 'd' WHERE code = 'D';
SELECT is((SELECT string_agg(concat_ws(' ', operation, key ->> 'code', data ->> 'note', changed_columns), '; ') FROM sambapos_changes('pos', :v, NULL, '{label}')),
          'UPDATE c tea {note}; UPDATE c tea {note}; DELETE D; INSERT d', 'a change is seen by what is sent');
CREATE FUNCTION pos.pages() RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  said text[];
  page record;
  after jsonb;
BEGIN
  LOOP
    SELECT * INTO page FROM sambapos_full_rows('pos', 'label', NULL, after, 1);
    EXIT WHEN NOT FOUND OR cardinality(said) > 20;
    after := page.key;
    said := said || ((after ->> 'code') || (after ->> 'n'));
  END LOOP;
  RETURN array_to_string(said, ' ');
END;
$$;
SELECT is(pos.pages(), 'a1 B1 B2 c1 d1', 'each row is on one page, in the order of its index');

-- schemas that need quotes
CREATE SCHEMA "Pos";
CREATE SCHEMA "order";
CREATE TABLE "Pos"."Item" ("Id" integer PRIMARY KEY, "Name" text);
CREATE TABLE "order"."select" (id integer PRIMARY KEY, name text);
SELECT lives_ok($$SELECT sambapos_add_to_feed('pos', '"Pos"."Item"')$$, 'a schema with a capital');
SELECT lives_ok($$SELECT sambapos_add_to_feed('pos', '"order"."select"', capture => 'row')$$, 'and one that is a word of SQL');
CALL sambapos_feed_tick();
SELECT pos.version() AS v \gset
INSERT INTO "Pos"."Item" VALUES (1, 'a');
INSERT INTO "order"."select" VALUES (1, 'a');
SELECT is(pos.told(:v, 'Item'), 'INSERT 1 {"Id": 1, "Name": "a"}', 'is told');
SELECT is(pos.told(:v, 'select'), 'INSERT 1 {"id": 1, "name": "a"}', 'so is the other');

-- what no row trigger sees
CREATE TABLE pos.part (id integer PRIMARY KEY, name text) PARTITION BY RANGE (id);
CREATE TABLE pos.part_1 PARTITION OF pos.part FOR VALUES FROM (1) TO (10);
CREATE TABLE pos.part_2 PARTITION OF pos.part FOR VALUES FROM (10) TO (20);
INSERT INTO pos.part VALUES (1, 'a'), (11, 'b');
SELECT sambapos_add_to_feed('pos', 'pos.part') AS added \gset
CREATE TABLE pos.sent (id integer PRIMARY KEY);
SELECT sambapos_add_to_feed('pos', 'pos.sent', capture => 'row') AS added \gset
CALL sambapos_feed_tick();
SELECT pos.version() AS v \gset
CALL sambapos_feed_tick();
SELECT is(pos.version(), :v::bigint, 'nothing is new');
SAVEPOINT truncated; -- else it would be emptied in place, since this transaction has made it
TRUNCATE pos.part_1;
RELEASE truncated;
CALL sambapos_feed_tick();
SELECT is(sambapos_delta_payload('pos', :v) -> 'fullEntities', '["part"]', 'a partition that was emptied is noticed');
SELECT pos.version() AS v \gset
ALTER TABLE pos.part DETACH PARTITION pos.part_2;
CALL sambapos_feed_tick();
SELECT is(sambapos_delta_payload('pos', :v) -> 'fullEntities', '["part"]', 'so is one that was detached');
SELECT pos.version() AS v \gset
DROP TABLE pos.part_1;
CALL sambapos_feed_tick();
SELECT is(sambapos_delta_payload('pos', :v) -> 'fullEntities', '["part"]', 'and one that was dropped');
ALTER TABLE pos.sent ENABLE TRIGGER ALL;
CALL sambapos_feed_tick();
SELECT matches((SELECT problem FROM sambapos.entities WHERE entity = 'sent'), 'enabled', 'triggers that logical replication would not fire are none');

-- a key that is too long for a notification
CREATE TABLE pos.long (id text PRIMARY KEY);
SELECT sambapos_add_to_feed('pos', 'pos.long') AS added \gset
SELECT sambapos_add_urgent_rule('pos', 'long', 'long') AS added \gset
INSERT INTO pos.long VALUES (repeat('x', 20000)), ('short');
CALL sambapos_feed_tick();
SELECT is((SELECT problem FROM sambapos.urgent_rule WHERE rule = 'long'), NULL, 'keeps no rule from telling');

-- names of secrets
SELECT is((SELECT string_agg(c, ' ') FROM unnest('{cashierpin,CashierPin,loginpin,usersalt,LoginSalts,pincodes,spinning,shipping,basalt,opinion}'::text[]) AS c
           WHERE NOT sambapos._feed_column_is_secret(c)), 'spinning shipping basalt opinion', 'what looks like a secret');

-- one name, one feed
CREATE SERVER feed_till FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host 'localhost', database 'x');
SELECT throws_ok($$SELECT * FROM sambapos_add_site('pos', 'feed_till')$$, '42710', NULL, 'no site gets the name of a feed');

-- another installation that reads the rows of an older one is another life, in the same database, too
CREATE TEMP TABLE kept AS SELECT f.*, s.seed, s.identity, s.version FROM sambapos.change_feed AS f JOIN sambapos.feed_state AS s USING (feed_id);
SELECT incarnation AS was FROM sambapos.feeds WHERE feed = 'pos' \gset
DROP EXTENSION sambapos_fdw CASCADE;
CREATE EXTENSION sambapos_fdw;
INSERT INTO sambapos.change_feed (feed_id, name) SELECT feed_id, name FROM kept;
INSERT INTO sambapos.feed_state (feed_id, seed, identity, version) SELECT feed_id, seed, identity, version FROM kept;
SELECT isnt((SELECT incarnation FROM sambapos.feeds WHERE feed = 'pos'), :'was'::uuid, 'pg_restore --clean begins another life');
SELECT * FROM finish();
ROLLBACK;
