-- Promise: a payload that sambapos_apply has written is in the tables as it was at the source, value by value, whatever
-- the types; rows that are as they were are not written; what does not fit is refused whole, and says what is missing;
-- foreign keys and unique values are no matter of the order of rows.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT no_plan();

CREATE SCHEMA cloud;
CREATE SCHEMA host;
CREATE TYPE cloud.mood AS ENUM ('good', 'bad');
CREATE TYPE cloud.pair AS (a integer, b text);
CREATE TABLE cloud.groups (id integer PRIMARY KEY, name text);
CREATE TABLE cloud.items (id integer PRIMARY KEY, property text, "group" integer, "Name" text, position integer);
CREATE TABLE cloud.devices (property text NOT NULL, number integer NOT NULL, address inet, PRIMARY KEY (property, number));
CREATE TABLE cloud.kinds (id integer PRIMARY KEY, n numeric, n2 numeric(12,3), f float8, s text, v varchar(9), c char(4), b bytea, t timestamptz,
  t0 timestamp, d date, i interval, j json, jb jsonb, x xml, p point, ia integer[], ta text[], ba bytea[], m cloud.mood, pr cloud.pair, u uuid, r int4range, bo boolean);
CREATE TABLE host.groups (LIKE cloud.groups INCLUDING ALL);
CREATE TABLE host.items (id integer PRIMARY KEY, property text, "group" integer REFERENCES host.groups DEFERRABLE, "Name" text, position integer UNIQUE, here text DEFAULT 'ours');
CREATE TABLE host.devices (LIKE cloud.devices INCLUDING ALL);
CREATE TABLE host.kinds (LIKE cloud.kinds INCLUDING ALL);
SELECT sambapos_add_feed('cloud');
SELECT sambapos_add_to_feed('cloud', 'cloud.items', scope => 'property', payload_key => 'items');
SELECT sambapos_add_to_feed('cloud', 'cloud.groups');
SELECT sambapos_add_to_feed('cloud', 'cloud.devices', scope => 'property');
SELECT sambapos_add_to_feed('cloud', 'cloud.kinds');
INSERT INTO cloud.groups VALUES (1, 'food'), (2, 'drink');
INSERT INTO cloud.items SELECT i, CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN 'p1' ELSE 'p2' END, 1 + i % 2, 'it''s "' || i || E'" \\', i FROM generate_series(1, 30) AS i;
INSERT INTO cloud.devices VALUES ('p1', 1, '10.0.0.1'), ('p1', 2, '10.0.0.2'), ('p2', 1, NULL);
INSERT INTO cloud.kinds VALUES
  (1, 'NaN', 1.5, 'Infinity', E'a\tb\n\u00e9"\\', '', 'x', '\x00ff', 'infinity', '-infinity', 'infinity', '-1 mon +2 days 03:04:05.6', '{"b":1,"a":[]}', '{"k":1.50}',
   '<a b="1">x</a>', '(1.5,-2)', '{1,NULL,-3}', '{"a,b","",NULL,"\""}', '{"\\x00","\\xff"}', 'bad', '(1,"a b")', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '[1,9)', true),
  (2, 123456789012345678901234567890.123456789000, -0.001, 0.1, NULL, 'zażółć', NULL, '', '2024-03-31 02:30:00.123456+05:45', '0001-01-01 00:00:00', '0044-03-15 BC', NULL, NULL, '"text"',
   NULL, NULL, '{{1,2},{3,4}}', '{}', '{}', NULL, '(,)', NULL, 'empty', false),
  (3, NULL, NULL, '-0.1e-300', '', NULL, NULL, NULL, '0001-01-01 00:00:00+00 BC', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '(,)', NULL);

-- a row as text, by its own columns (of json a feed keeps what it says, not how it was spaced): nothing of sambapos_apply is in it
CREATE FUNCTION pg_temp.same(what text) RETURNS boolean LANGUAGE plpgsql AS
$$
DECLARE
  different bigint;
  columns text := (SELECT string_agg(format(CASE atttypid WHEN 'json'::regtype THEN 'r.%I::jsonb::text' ELSE 'r.%I::text' END, attname), ', ' ORDER BY attnum) FROM pg_attribute
                   WHERE attrelid = ('cloud.' || what)::regclass AND attnum > 0 AND NOT attisdropped);
BEGIN
  EXECUTE format('SELECT count(*) FROM (SELECT ARRAY[%2$s] FROM cloud.%1$I AS r %3$s) AS a (a) FULL JOIN (SELECT ARRAY[%2$s] FROM host.%1$I AS r) AS b (b) ON a = b WHERE a IS NULL OR b IS NULL',
                 what, columns, CASE WHEN what IN ('items', 'devices') THEN 'WHERE property IS NULL OR property = ''p1''' END) INTO different;
  RETURN different = 0;
END;
$$;
CREATE FUNCTION pg_temp.full_payload(entities text[] DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$ SELECT public.sambapos_full_payload('cloud', 'p1', entities) $$;
CREATE FUNCTION pg_temp.delta() RETURNS jsonb LANGUAGE sql AS $$ SELECT public.sambapos_delta_payload('cloud', (SELECT version FROM sambapos.feeds WHERE feed = 'cloud'), 'p1') $$;
CREATE FUNCTION pg_temp.all_same() RETURNS text LANGUAGE sql AS
$$ SELECT coalesce(string_agg(t, ', '), '') FROM unnest('{groups,items,devices,kinds}'::text[]) AS t WHERE NOT pg_temp.same(t) $$;

-- a full payload
SELECT isnt(pg_temp.all_same(), '', 'at first the host has nothing');
SELECT results_eq($$SELECT entity, inserted, updated, deleted, full_required FROM sambapos_apply(pg_temp.full_payload(), 'host') ORDER BY entity$$,
  $$VALUES ('devices', 2::bigint, 0::bigint, 0::bigint, false), ('groups', 2, 0, 0, false), ('items', 20, 0, 0, false), ('kinds', 3, 0, 0, false)$$, 'a full payload is written');
SELECT is(pg_temp.all_same(), '', 'each value of each type is as it was, and no row of another property is here');
CREATE TEMP TABLE before AS SELECT ctid::text AS place, xmin::text AS writer, id FROM host.kinds UNION ALL SELECT ctid::text, xmin::text, id FROM host.items;
SAVEPOINT again;
SELECT is((SELECT sum(inserted + updated + deleted) FROM sambapos_apply(pg_temp.full_payload(), 'host')), 0::numeric, 'applied again it writes nothing');
SELECT is_empty($$SELECT ctid::text, xmin::text, id FROM host.kinds UNION ALL SELECT ctid::text, xmin::text, id FROM host.items EXCEPT SELECT * FROM before$$, 'and no row was rewritten');
INSERT INTO host.items VALUES (77, 'p1', 1, 'not at the source', 77);
UPDATE host.groups SET name = 'FOOD' WHERE id = 1;
UPDATE host.kinds SET n2 = 1.500, n = 'NaN', jb = '{"k":1.5}' WHERE id = 1;
DELETE FROM host.devices WHERE number = 2;
SELECT results_eq($$SELECT entity, inserted, updated, deleted FROM sambapos_apply(pg_temp.full_payload(), 'host') ORDER BY entity$$,
  $$VALUES ('devices', 1::bigint, 0::bigint, 0::bigint), ('groups', 0, 1, 0), ('items', 0, 0, 1), ('kinds', 0, 1, 0)$$, 'what is different is replaced, and that alone; equal is not enough where the digits differ');
SELECT is(pg_temp.all_same(), '', 'then all is the same');
SELECT is((SELECT string_agg(DISTINCT here, ',') FROM host.items), 'ours', 'columns of the host''s own are left alone');

-- a delta: order of tables, of rows, of unique values
CALL sambapos_feed_tick('cloud');
UPDATE host.items SET here = 'kept' WHERE id IN (1, 4);
UPDATE cloud.items SET position = CASE position WHEN 1 THEN 400 ELSE 1 END WHERE id IN (1, 4);
UPDATE cloud.items SET position = 4 WHERE id = 1;
DELETE FROM cloud.groups WHERE id = 2;
INSERT INTO cloud.groups VALUES (3, 'both');
UPDATE cloud.items SET "group" = 3 WHERE "group" = 2;
UPDATE cloud.items SET property = 'p2' WHERE id = 7;
UPDATE cloud.items SET property = 'p1' WHERE id = 8;
DELETE FROM cloud.items WHERE id = 10;
INSERT INTO cloud.items VALUES (31, 'p1', 3, 'new', 10);
UPDATE cloud.devices SET number = number + 10 WHERE property = 'p1';
UPDATE cloud.kinds SET id = 9 WHERE id = 3;
UPDATE cloud.kinds SET b = '\xabcd', pr = NULL WHERE id = 2;
SELECT lives_ok($$SELECT sambapos_apply(pg_temp.delta(), 'host')$$, 'a delta with swapped unique values, keys that changed, and foreign keys in any order');
SELECT lives_ok('SET CONSTRAINTS ALL IMMEDIATE', 'the foreign keys hold');
SELECT is(pg_temp.all_same(), '', 'all is the same');
SELECT is((SELECT string_agg(here, ',' ORDER BY id) FROM host.items WHERE id IN (1, 4)), 'kept,kept', 'a row that was swapped keeps the host''s own column');
SELECT is((SELECT sum(inserted + updated + deleted) FROM sambapos_apply(pg_temp.delta(), 'host')), 0::numeric, 'the same delta again writes nothing');
CALL sambapos_feed_tick('cloud');
TRUNCATE cloud.devices;
INSERT INTO cloud.devices VALUES ('p1', 5, NULL);
SELECT results_eq($$SELECT entity, full_required FROM sambapos_apply(pg_temp.delta(), 'host')$$, $$VALUES ('devices', true)$$, 'a delta says what is to be fetched in full');
SELECT lives_ok($$SELECT sambapos_apply(pg_temp.full_payload('{devices}'), 'host')$$, 'a payload of one entity');
SELECT is(pg_temp.all_same(), '', 'all is the same, other entities too');

-- lazy values
CREATE TABLE cloud.pictures (id integer PRIMARY KEY, name text, image bytea, note text);
CREATE TABLE host.pictures (LIKE cloud.pictures INCLUDING ALL);
SELECT sambapos_add_to_feed('cloud', 'cloud.pictures', lazy => '{image,note}');
INSERT INTO cloud.pictures VALUES (1, 'one', '\x01', 'n'), (2, 'two', '\x02', NULL), (3, 'three', NULL, NULL);
SELECT lives_ok($$SELECT sambapos_apply(pg_temp.full_payload('{pictures}'), 'host')$$, 'lazy columns come as hash and size');
SELECT is((SELECT count(*) FROM host.pictures WHERE image IS NULL AND note IS NULL), 3::bigint, 'and are NULL until they are fetched');
UPDATE host.pictures AS h SET image = c.image, note = c.note FROM cloud.pictures AS c WHERE c.id = h.id;
UPDATE cloud.pictures SET name = 'ONE' WHERE id = 1;
UPDATE cloud.pictures SET image = '\x22' WHERE id = 2;
SELECT is((SELECT a::text FROM sambapos_apply(pg_temp.full_payload('{pictures}'), 'host') AS a), '(pictures,0,2,0,f)', 'those with another name or hash are written');
SELECT results_eq('SELECT id, name, image, note FROM host.pictures ORDER BY id', $$VALUES (1, 'ONE', '\x01'::bytea, 'n'), (2, 'two', NULL, NULL), (3, 'three', NULL, NULL)$$,
                  'a value whose hash is the same stays; an old one is not left in place of the new');

-- what is refused, and leaves all as it was
CREATE TABLE host.bad (id integer PRIMARY KEY, n numeric(6,1), d date, v varchar(3));
CREATE TABLE host.keyless (id integer);
CREATE SCHEMA nodefer;
CREATE TABLE nodefer.groups (LIKE cloud.groups INCLUDING ALL);
CREATE TABLE nodefer.items (LIKE cloud.items INCLUDING ALL, FOREIGN KEY ("group") REFERENCES nodefer.groups);
CREATE FUNCTION pg_temp.p(rows text) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"feed":"x","version":1}'::jsonb || rows::jsonb $$;
SELECT throws_ok(format('SELECT sambapos_apply(%s, %L)', t.payload, t.schema), t.state, NULL, t.why)
FROM (VALUES ($$pg_temp.p('{"nothing":[{"id":1}]}')$$, 'host', '42P01', 'no table'),
             ($$pg_temp.p('{"groups":[{"id":9,"name":"x","more":1}]}')$$, 'host', '42703', 'a column is missing here'),
             ($$pg_temp.p('{"keyless":[{"id":9}]}')$$, 'host', '55000', 'a table without a primary key'),
             ($$pg_temp.p('{"groups":[{"id":9,"name":"x"},{"id":10}]}')$$, 'host', '22023', 'a row that lacks a column'),
             ($$pg_temp.p('{"groups":[{"name":"x"}]}')$$, 'host', '22023', 'a row that lacks the key'),
             ($$pg_temp.p('{"groups":[7]}')$$, 'host', '22023', 'a row that is none'),
             ($$pg_temp.p('{"groups":{"id":7}}')$$, 'host', '22023', 'no array'),
             ($$pg_temp.p('{"bad":[{"id":1,"n":1.25,"d":null,"v":null}]}')$$, 'host', '22000', 'a number that would be rounded'),
             ($$pg_temp.p('{"bad":[{"id":1,"n":1,"d":"2024-01-01T10:00:00","v":null}]}')$$, 'host', '22000', 'a time that would be cut off'),
             ($$pg_temp.p('{"bad":[{"id":1,"n":1,"d":null,"v":"long"}]}')$$, 'host', '22001', 'a text that is too long'),
             ($$pg_temp.p('{"bad":[{"id":"x","n":1,"d":null,"v":null}]}')$$, 'host', '22P02', 'a value of another type'),
             ($$'{"feed":"x","fullRequired":true,"reason":"r"}'$$, 'host', '55000', 'everything is to be taken anew'),
             ($$'{"feed":"x"}'$$, 'host', '22023', 'not a payload'), ($$'[]'$$, 'host', '22023', 'not an object'), ('NULL', 'host', '22023', 'NULL'),
             ($$'{"toVersion":1,"changes":[{"entityType":"devices","entityId":1,"operation":"DELETE","data":null}]}'$$, 'host', '22023', 'a change named by another key'),
             ($$'{"toVersion":1,"changes":[{"entityType":"groups","entityId":1,"operation":"UPDATE","data":{"id":2,"name":"x"}}]}'$$, 'host', '22023', 'a change whose row has another key'),
             ($$'{"toVersion":1,"changes":[{"entityType":"groups","entityId":1,"operation":"CLEAR","data":null}]}'$$, 'host', '22023', 'an operation that is not known'),
             ('pg_temp.full_payload()', 'no_such', '3F000', 'no schema'), ('pg_temp.full_payload()', 'sambapos', '42939', 'our own schema'),
             ($$pg_temp.full_payload('{items,groups}')$$, 'nodefer', '55000', 'a foreign key that cannot be deferred')) AS t (payload, schema, state, why);
SELECT throws_like($$SELECT sambapos_apply(pg_temp.full_payload('{items,groups}'), 'nodefer')$$, '%foreign key "items_group_fkey"%', 'and it is named');
SELECT throws_like($$SELECT sambapos_apply(pg_temp.p('{"groups":[{"id":9,"name":"x","more":1}]}'), 'host')$$, '%lacks columns of entity "groups": more%', 'so is the column');
SELECT is(pg_temp.all_same(), '', 'what was refused has left nothing');

-- whose tables, whose code
CREATE ROLE sambapos_test_other;
CREATE TABLE host.theirs (id integer PRIMARY KEY);
ALTER TABLE host.theirs OWNER TO sambapos_test_other;
SELECT throws_ok($$SELECT sambapos_apply(pg_temp.p('{"theirs":[]}'), 'host')$$, '42501', NULL, 'a table of others');
CREATE FUNCTION host.theirs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
ALTER FUNCTION host.theirs() OWNER TO sambapos_test_other;
CREATE TABLE host.ours (id integer PRIMARY KEY);
CREATE TRIGGER theirs BEFORE INSERT ON host.ours FOR EACH ROW EXECUTE FUNCTION host.theirs();
SELECT throws_ok($$SELECT sambapos_apply(pg_temp.p('{"ours":[{"id":1}]}'), 'host')$$, '42501', NULL, 'code of others on a table');
SELECT throws_ok($$SELECT sambapos_apply(pg_temp.p('{"x; DROP TABLE host.groups":[{"id":1}]}'), 'host')$$, '42P01', NULL, 'a name is a name');
SELECT is(pg_temp.all_same(), '', 'all is as it was');

-- what others name as theirs: identity, names of any kind, a payload_key in camelCase
CREATE TABLE host.order_tags (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "select" text, "a b""c" text);
SELECT lives_ok($$SELECT sambapos_apply(pg_temp.p('{"orderTags":[{"id":5,"select":"s","a b\"c":"t"}]}'), 'host')$$, 'orderTags are in order_tags');
SELECT lives_ok($$SELECT sambapos_apply(pg_temp.p('{"orderTags":[{"id":5,"select":"u","a b\"c":"t"}]}'), 'host')$$, 'an identity keeps the source''s number');
SELECT results_eq('SELECT * FROM host.order_tags', $$VALUES (5, 'u', 't')$$, 'and is written');
SELECT lives_ok($$SELECT sambapos_apply(pg_temp.p('{"orderTags":[]}'), 'host')$$, 'an entity without rows');
SELECT is_empty('SELECT * FROM host.order_tags', 'is empty here too');

-- bytes that name a row; bytes in a domain; a primary key with other columns in its index
CREATE DOMAIN host.bytes AS bytea;
CREATE TABLE cloud.blobs (k bytea PRIMARY KEY, v text, b bytea);
CREATE TABLE host.blobs (k bytea, v text, b host.bytes, PRIMARY KEY (k) INCLUDE (v));
SELECT sambapos_add_to_feed('cloud', 'cloud.blobs');
INSERT INTO cloud.blobs VALUES ('\x0a0b', 'one', '\x00ff'), ('\x', 'none', NULL);
SELECT lives_ok($$SELECT sambapos_apply(pg_temp.full_payload('{blobs}'), 'host')$$, 'a key of bytes, in full');
CALL sambapos_feed_tick('cloud');
UPDATE cloud.blobs SET v = 'ONE' WHERE k = '\x0a0b';
DELETE FROM cloud.blobs WHERE k = '\x';
INSERT INTO cloud.blobs VALUES ('\xffee', 'new', '\x01');
SELECT lives_ok($$SELECT sambapos_apply(pg_temp.delta(), 'host')$$, 'and in a delta, which writes it another way');
SELECT results_eq('SELECT k, v, b::bytea FROM host.blobs ORDER BY k', $$VALUES ('\x0a0b'::bytea, 'ONE', '\x00ff'::bytea), ('\xffee', 'new', '\x01')$$, 'all is the same');

-- columns that hold less than was sent
CREATE DOMAIN host.price AS numeric(6,2);
CREATE TYPE host.pair AS (a numeric(3,1));
CREATE TABLE host.narrow (id integer PRIMARY KEY, i0 interval(0), na numeric(4,1)[], v varchar(3), p host.price, c host.pair, tz timestamptz, t0 timestamptz(0), ts timestamp, d date, t time, nm name, bp char(4), n numeric(4,1));
SELECT throws_ok(format('SELECT sambapos_apply(pg_temp.p(%L), ''host'')', format('{"narrow":[{"id":1,"%s":%s}]}', t.name, t.value)), '22000', NULL, 'cut: ' || t.name || ' ' || t.value)
FROM (VALUES ('i0', '"00:00:01.5"'), ('na', '[1.25]'), ('v', '"abc  "'), ('p', '1.005'), ('c', '{"a":1.25}'), ('t0', '"2024-07-01T00:00:00.5Z"'), ('ts', '"2024-07-01T10:00:00+02"'),
             ('d', '"2024-07-01T10:00:00"'), ('t', '"2024-07-01 10:00:00"'), ('nm', to_jsonb(repeat('x', 70))::text)) AS t (name, value);
SELECT lives_ok(format('SELECT sambapos_apply(pg_temp.p(%L), ''host'')', format('{"narrow":[{"id":1,"%s":%s}]}', t.name, t.value)), 'kept: ' || t.name || ' ' || t.value)
FROM (VALUES ('i0', '"1 day 00:00:01.0"'), ('na', '[1.5,null]'), ('v', '"ab "'), ('p', '1.50'), ('c', '{"a":1.5}'), ('tz', '"2024-07-01T00:00:00Z"'), ('t0', '"2024-07-01T00:00:00+02:00"'),
             ('ts', '"2024-07-01 10:00"'), ('d', '"2024-07-01"'), ('d', '"2024-07-01T00:00:00"'), ('t', '"10:00"'), ('nm', '"x"'), ('bp', '"ab"'), ('n', '1.50'), ('ts', '"infinity"')) AS t (name, value);

-- an identity that is no key cannot take the source's value
CREATE TABLE host.numbered (id integer PRIMARY KEY, n integer GENERATED ALWAYS AS IDENTITY);
SELECT throws_ok($$SELECT sambapos_apply(pg_temp.p('{"numbered":[{"id":1,"n":5}]}'), 'host')$$, '55000', NULL, 'GENERATED ALWAYS AS IDENTITY outside the key');

-- lazy, or not
CREATE TABLE host.files (id integer PRIMARY KEY, meta jsonb, note text);
SELECT format('{"sha256":"%s","bytes":1}', repeat('a', 64)) AS lazy \gset
SELECT lives_ok(format('SELECT sambapos_apply(pg_temp.p(%L), ''host'')', format('{"files":[{"id":1,"meta":%s,"note":null},{"id":2,"meta":{"a":1},"note":"x"}]}', :'lazy')), 'JSON that has the form of a lazy value, among others');
SELECT is((SELECT meta ->> 'bytes' FROM host.files WHERE id = 1), '1', 'is a value');
SELECT throws_ok(format('SELECT sambapos_apply(pg_temp.p(%L), ''host'')', format('{"files":[{"id":1,"meta":%s,"note":null}]}', :'lazy')), '22023', NULL, 'alone nobody can tell');
SELECT is((SELECT count(*) FROM host.files WHERE meta IS NULL), 0::bigint, 'and nothing is lost');
SELECT throws_ok($$SELECT sambapos_apply('{"toVersion":1,"changes":[{"entityId":1,"operation":"DELETE"}]}', 'host')$$, '22023', 'a change does not name its entityType', 'a change of nothing');
SELECT * FROM finish();
ROLLBACK;
