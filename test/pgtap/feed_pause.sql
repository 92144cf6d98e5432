-- Promise: whoever alters or drops a table that is on a feed fails nobody: who writes to it goes on, so does the tick, and
-- all other entities are told. What can be told as the table is now is taken anew; otherwise the entity is paused, with
-- the reason, and taken anew when it is mended. A pause that no tick has seen is told, too.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT no_plan();

CREATE SCHEMA pos;
CREATE TABLE pos.item (id integer PRIMARY KEY, name text, price numeric);
CREATE TABLE pos.rate (id integer PRIMARY KEY, percent numeric);
CREATE TABLE pos.room (id integer PRIMARY KEY, name text);
INSERT INTO pos.item VALUES (1, 'tea', 1.5);
INSERT INTO pos.rate VALUES (1, 20);
INSERT INTO pos.room VALUES (1, 'blue');
SELECT sambapos_add_feed('pos') AS added \gset
SELECT count(sambapos_add_to_feed('pos', t)) AS added FROM unnest('{pos.item,pos.rate}'::regclass[]) AS t \gset
SELECT sambapos_add_to_feed('pos', 'pos.room', capture => 'row') AS added \gset
CALL sambapos_feed_tick();
CREATE FUNCTION pos.version() RETURNS bigint LANGUAGE sql AS $$ SELECT version FROM sambapos.feeds WHERE feed = 'pos' $$;
CREATE FUNCTION pos.problem(text) RETURNS text LANGUAGE sql AS $$ SELECT problem FROM sambapos.entities WHERE entity = $1 $$;
SELECT pos.version() AS version \gset
SELECT is_empty('SELECT * FROM sambapos.entities WHERE problem IS NOT NULL', 'nothing is paused');
SELECT is(sambapos_full_payload('pos') ? 'paused', false, 'and an answer says nothing of it');

-- a column goes
ALTER TABLE pos.item DROP COLUMN price;
SELECT matches(pos.problem('item'), 'price', 'the reason names the column');
SELECT lives_ok($$INSERT INTO pos.item VALUES (2, 'milk')$$, 'a row is written all the same');
SELECT lives_ok($$UPDATE pos.item SET name = 'green tea' WHERE id = 1$$, 'and changed');
SELECT lives_ok($$DELETE FROM pos.item WHERE id = 2$$, 'and deleted');
UPDATE pos.rate SET percent = 19;
SELECT is(sambapos_full_payload('pos') -> 'paused', '["item"]', 'whoever asks is told, before any tick');
SELECT is(sambapos_full_payload('pos') ? 'item', false, 'instead of rows');
SELECT is(sambapos_full_payload('pos') #>> '{rate,0,percent}', '19', 'the others are told');
SELECT is(sambapos_delta_payload('pos', :version) -> 'paused', '["item"]', 'so it is of what is new');
SELECT is(sambapos_delta_payload('pos', :version) #>> '{changes,0,entityType}', 'rate', 'where the others are, too');
SELECT is((SELECT string_agg(entity, ' ') FROM sambapos_changes('pos', :version)), 'rate', 'and in the list');
SELECT throws_ok($$SELECT * FROM sambapos_full_rows('pos', 'item')$$, '55000', NULL, 'its rows cannot be asked for');
SELECT throws_ok($$SELECT sambapos_value('pos', 'item', '1', 'name')$$, '55000', NULL, 'nor a value');
SELECT lives_ok('CALL sambapos_feed_tick()', 'the tick goes on');
SELECT is((SELECT problem IS NOT NULL FROM sambapos.feed_entity WHERE entity = 'item'), true, 'and puts it on record');
SELECT is(pos.version(), :version + 1::bigint, 'it gives out a version');
CALL sambapos_feed_tick();
SELECT is(pos.version(), :version + 1::bigint, 'once');

-- and comes back
ALTER TABLE pos.item ADD COLUMN price numeric DEFAULT 2;
SELECT is(sambapos_delta_payload('pos', :version + 1) -> 'paused', '["item"]', 'it is paused until the tick has looked');
CALL sambapos_feed_tick();
SELECT is(pos.problem('item'), NULL, 'then it goes on');
SELECT is(sambapos_delta_payload('pos', :version + 1) -> 'fullEntities', '["item"]', 'and is to be taken anew');
SELECT is(sambapos_full_payload('pos', NULL, '{item}') -> 'item', '[{"id": 1, "name": "green tea", "price": 2}]', 'as it is now');
UPDATE pos.item SET price = 3;
SELECT is((SELECT string_agg(operation || key::text, ' ') FROM sambapos.change WHERE version IS NULL), 'UPDATE{"id": 1}', 'changes are entered again');
CALL sambapos_feed_tick();

-- a column goes of a table whose rows are captured one by one
ALTER TABLE pos.room DROP COLUMN name;
SELECT lives_ok('INSERT INTO pos.room VALUES (2), (3)', 'rows are written all the same');
SELECT matches(pos.problem('room'), 'name', 'with the reason');
-- a trigger is switched off
ALTER TABLE pos.rate DISABLE TRIGGER USER;
SELECT matches(pos.problem('rate'), 'trigger', 'a table whose triggers are off is not followed');
ALTER TABLE pos.rate ENABLE TRIGGER USER;
SELECT is(pos.problem('rate'), NULL, 'it is when they are on');

-- and was off and on again between two ticks: what was written meanwhile is told
CALL sambapos_feed_tick();
SELECT pos.version() AS version \gset
CALL sambapos_feed_tick();
SELECT is(pos.version(), :version::bigint, 'nothing is new');
SAVEPOINT another_transaction;
ALTER TABLE pos.rate DISABLE TRIGGER USER;
UPDATE pos.rate SET percent = 7;
ALTER TABLE pos.rate ENABLE TRIGGER USER;
RELEASE another_transaction;
CALL sambapos_feed_tick();
SELECT is(sambapos_delta_payload('pos', :version) -> 'fullEntities', '["rate"]', 'a pause that no tick has seen is told');
SELECT pos.version() AS version \gset
CALL sambapos_feed_tick();
SELECT is(pos.version(), :version::bigint, 'once');

-- the key's type, another column of the same name, another owner
CREATE TABLE pos.wide (id smallint PRIMARY KEY, name text);
INSERT INTO pos.wide VALUES (1, 'a');
SELECT sambapos_add_to_feed('pos', 'pos.wide') AS added \gset
SELECT sambapos_add_urgent_rule('pos', 'wide', 'wide', condition => 'r.name = ''b''') AS added \gset
CALL sambapos_feed_tick();
SELECT pos.version() AS version \gset
ALTER TABLE pos.wide ALTER COLUMN id TYPE bigint;
SELECT lives_ok($$INSERT INTO pos.wide VALUES (3000000000, 'b')$$, 'a key that the former type would not hold');
SELECT is(sambapos_delta_payload('pos', :version) -> 'changes', '[]', 'is not told wrongly');
SELECT is(sambapos_delta_payload('pos', :version) -> 'paused', '["room", "wide"]', 'but as paused');
CALL sambapos_feed_tick();
SELECT is(pos.problem('wide'), NULL, 'until the tick has looked');
SELECT is(sambapos_delta_payload('pos', :version) -> 'fullEntities', '["wide"]', 'then it is taken anew');
SELECT is(sambapos_full_payload('pos', NULL, '{wide}') #>> '{wide,1,id}', '3000000000', 'with the new key');
SELECT is((SELECT problem FROM sambapos.urgent_rule WHERE rule = 'wide'), NULL, 'its rule is asked as it is now');
SELECT pos.version() AS version \gset
UPDATE pos.wide SET name = 'c' WHERE id = 3000000000;
SELECT is(sambapos_delta_payload('pos', :version) #>> '{changes,0,data,name}', 'c', 'and goes on');
CALL sambapos_feed_tick();
SELECT pos.version() AS version \gset
ALTER TABLE pos.wide DROP COLUMN name;
ALTER TABLE pos.wide ADD COLUMN name text DEFAULT 'new';
CALL sambapos_feed_tick();
SELECT is(sambapos_delta_payload('pos', :version) -> 'fullEntities', '["wide"]', 'a column of the same name is another one');
SELECT pos.version() AS version \gset
CREATE ROLE waiter;
GRANT USAGE ON SCHEMA pos TO waiter;
ALTER TABLE pos.wide OWNER TO waiter;
SELECT lives_ok($$INSERT INTO pos.wide VALUES (4, 'd')$$, 'a row is written whoever owns the table');
CALL sambapos_feed_tick();
SELECT is((SELECT array_agg(DISTINCT pg_get_userbyid(p.proowner)::text) FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid WHERE t.tgrelid = 'pos.wide'::regclass),
          '{waiter}', 'the triggers have the rights of whose it is now');
SELECT is(sambapos_delta_payload('pos', :version) -> 'fullEntities', '["wide"]', 'and it is taken anew');
SELECT lives_ok($$INSERT INTO pos.wide VALUES (5, 'e')$$, 'it is written to');
SELECT is((SELECT string_agg(key::text, '') FROM sambapos.change WHERE version IS NULL), '{"id": 5}', 'and told');
CALL sambapos_feed_tick();
SELECT pos.version() AS version \gset
CREATE ROLE bartender;
REASSIGN OWNED BY waiter TO bartender;
GRANT USAGE ON SCHEMA pos TO bartender;
SELECT lives_ok($$INSERT INTO pos.wide VALUES (6, 'f')$$, 'a row is written when tables and functions of a role are given to another');
CALL sambapos_feed_tick();
SELECT is(pos.problem('wide'), NULL, 'which the tick mends');
SELECT is(sambapos_delta_payload('pos', :version) -> 'fullEntities', '["wide"]', 'it is taken anew');
SELECT lives_ok($$INSERT INTO pos.wide VALUES (7, 'g')$$, 'it is written to');
SELECT is((SELECT string_agg(key::text, '') FROM sambapos.change WHERE version IS NULL), '{"id": 7}', 'and told');
CALL sambapos_feed_tick();
SELECT pos.version() AS version \gset
REVOKE ALL ON sambapos._feed_entered FROM bartender;
SELECT lives_ok($$INSERT INTO pos.wide VALUES (8, 'h')$$, 'nor does it fail when the way to the log was taken away');
CALL sambapos_feed_tick();
SELECT is(sambapos_delta_payload('pos', :version) -> 'fullEntities', '["wide"]', 'that is told, too');
SELECT lives_ok($$INSERT INTO pos.wide VALUES (9, 'i')$$, 'and mended');
SELECT is((SELECT string_agg(key::text, '') FROM sambapos.change WHERE version IS NULL), '{"id": 9}', 'so that it goes on');
ALTER TABLE pos.wide DROP CONSTRAINT wide_pkey;
ALTER TABLE pos.wide ALTER COLUMN id DROP NOT NULL;
CALL sambapos_feed_tick();
SELECT matches(pos.problem('wide'), 'no key', 'what can no longer be told is paused with the reason');
SELECT sambapos_remove_from_feed('pos', 'wide') AS removed \gset
SELECT is(has_schema_privilege('bartender', 'sambapos', 'USAGE'), false, 'whose tables are on no feed has nothing of it');

-- a partition comes with rows
CREATE TABLE pos.part (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE pos.part_1 PARTITION OF pos.part FOR VALUES FROM (0) TO (10);
SELECT sambapos_add_to_feed('pos', 'pos.part') AS added \gset
CALL sambapos_feed_tick();
SELECT pos.version() AS version \gset
CREATE TABLE pos.part_2 (id integer PRIMARY KEY);
INSERT INTO pos.part_2 VALUES (11);
ALTER TABLE pos.part ATTACH PARTITION pos.part_2 FOR VALUES FROM (10) TO (20);
CALL sambapos_feed_tick();
SELECT is(sambapos_delta_payload('pos', :version) -> 'fullEntities', '["part"]', 'a partition comes with its rows');
SELECT sambapos_remove_from_feed('pos', 'part') AS removed \gset

-- a table goes
DROP TABLE pos.item;
SELECT matches(pos.problem('item'), 'pos.item', 'the reason names the table');
SELECT lives_ok('CALL sambapos_feed_tick()', 'the tick goes on');
SELECT is(sambapos_full_payload('pos') -> 'paused', '["item", "room"]', 'whoever asks is told');
CREATE TABLE pos.item (id integer PRIMARY KEY, name text, price numeric);
SELECT matches(pos.problem('item'), 'trigger', 'a table that was made again is another one');
SELECT lives_ok($$SELECT sambapos_remove_from_feed('pos', 'item')$$, 'it is taken off');
SELECT lives_ok($$SELECT sambapos_add_to_feed('pos', 'pos.item')$$, 'and put on again');
SELECT is(pos.problem('item'), NULL, 'and goes on');
DROP TABLE pos.item, pos.rate;
SELECT lives_ok($$SELECT sambapos_remove_feed('pos')$$, 'a feed whose tables are gone can be removed');
SELECT * FROM finish();
ROLLBACK;
