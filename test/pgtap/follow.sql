-- Promise: a copy that sambapos_pull keeps is what the source has for its scope, also after a table here was dropped,
-- emptied or restored older, after the feed began another life, and after entities and columns came or went; what is as it was
-- is not written; a pull that fails changes nothing and says why without a value; nothing of others is taken over.
-- It needs a source that another session reads, so it has two databases of its own.
\set QUIET on
\set ON_ERROR_STOP 0
SELECT current_database() AS home \gset
DROP DATABASE IF EXISTS follow_cloud;
DROP DATABASE IF EXISTS follow_host;
DROP ROLE IF EXISTS sambapos_test_other, sambapos_test_admin;
CREATE DATABASE follow_cloud;
CREATE DATABASE follow_host;

\connect follow_cloud
SET client_min_messages = warning;
CREATE SCHEMA ext;
CREATE EXTENSION sambapos_fdw SCHEMA ext;
CREATE SCHEMA cloud;
CREATE TYPE cloud.mood AS ENUM ('good', 'bad');
CREATE DOMAIN cloud.percent AS numeric(5,2);
CREATE TABLE cloud.groups (id integer PRIMARY KEY, name text);
CREATE TABLE cloud.items (id bigint PRIMARY KEY, property text, "group" integer REFERENCES cloud.groups, name varchar(20), price numeric(10,2), tax cloud.percent,
  mood cloud.mood, changed_at timestamptz, tags text[], extra json, place point, picture bytea, image bytea, position integer);
CREATE TABLE cloud.devices (property text NOT NULL, number integer NOT NULL, address inet, api_token text, PRIMARY KEY (property, number));
INSERT INTO cloud.groups VALUES (1, 'food'), (2, 'drink');
INSERT INTO cloud.items SELECT i, CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN 'p1' ELSE 'p2' END, 1 + i % 2, 'item ' || i, i / 7.0, 12.5, 'bad', '2024-01-01 UTC'::timestamptz + i * interval '1 h',
  ARRAY['a', NULL, i::text], '{"b": 1, "a": [1.50]}', point(i, 0), decode('00ff', 'hex'), decode(md5(i::text), 'hex'), i FROM generate_series(1, 60) AS i;
INSERT INTO cloud.devices SELECT 'p1', i, '10.0.0.1', 'SECRET' FROM generate_series(1, 2100) AS i;
INSERT INTO cloud.devices VALUES ('p2', 1, '10.0.0.2', 'SECRET');
SELECT ext.sambapos_add_feed('cloud');
SELECT ext.sambapos_add_to_feed('cloud', 'cloud.items', scope => 'property', payload_key => 'menuItems', lazy => '{image}');
SELECT ext.sambapos_add_to_feed('cloud', 'cloud.groups');
SELECT ext.sambapos_add_to_feed('cloud', 'cloud.devices', scope => 'property');
CALL ext.sambapos_feed_tick();

\connect follow_host
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION sambapos_fdw;
CREATE EXTENSION citext; -- there is something in public beside it
SELECT no_plan();
SELECT format('CREATE SERVER cloud FOREIGN DATA WRAPPER %s OPTIONS (host %L, port %L, dbname ''follow_cloud'')', 'postgres_fdw', split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port')) AS make_server \gset
CREATE EXTENSION postgres_fdw;
:make_server;
CREATE USER MAPPING FOR CURRENT_USER SERVER cloud OPTIONS (user :'USER');
CREATE SERVER till FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host 'x', database 'y');
SELECT throws_ok($$SELECT sambapos_follow('config', 'cloud', 'cloud')$$, '55000', 'extension dblink is needed to follow a feed', 'dblink is needed, and missed only now');
CREATE SCHEMA tools;
CREATE EXTENSION dblink SCHEMA tools;

-- helpers of the test: the source is asked by a server of its own, and compared as text
CREATE FUNCTION public.cloud(command text) RETURNS text LANGUAGE sql AS
$$ SELECT tools.dblink_exec('cloud', format('DO LANGUAGE plpgsql %L', 'BEGIN ' || command || '; END')) $$;
CREATE FUNCTION public.differs(schema_name text DEFAULT 'config', what text[] DEFAULT '{groups,items,devices}') RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  t text;
  columns text;
  n bigint;
  all_of_them text := '';
BEGIN
  FOREACH t IN ARRAY what LOOP
    SELECT c INTO columns FROM tools.dblink('cloud', format('SELECT string_agg(format(CASE atttypid WHEN ''json''::regtype THEN ''%%I::jsonb::text'' ELSE ''%%I::text'' END, attname), '','' ORDER BY attname)
      FROM pg_attribute WHERE attrelid = ''cloud.%I''::regclass AND attnum > 0 AND NOT attisdropped AND attname <> ''api_token''', t)) AS r (c text);
    EXECUTE format('SELECT count(*) FROM tools.dblink(''cloud'', %L) AS a (a text[]) FULL JOIN (SELECT ARRAY[%s] AS b FROM %I.%I) AS b ON a = b WHERE a IS NULL OR b IS NULL',
      format('SET timezone TO UTC; SELECT ARRAY[%s] FROM cloud.%I %s', columns, t, CASE WHEN t <> 'groups' THEN 'WHERE property IS NULL OR property = ''p1''' END), columns, schema_name, t) INTO n;
    all_of_them := all_of_them || CASE WHEN n > 0 THEN format('%s %s;', n, t) ELSE '' END;
  END LOOP;
  RETURN all_of_them;
END;
$$;
SET timezone TO 'UTC';
CREATE FUNCTION public.writers() RETURNS SETOF text LANGUAGE plpgsql AS
$$ BEGIN RETURN QUERY SELECT 'i' || id || ' ' || xmin || ctid FROM config.items UNION ALL SELECT 'd' || number || ' ' || xmin || ctid FROM config.devices UNION ALL SELECT 'g' || id || ' ' || xmin || ctid FROM config.groups; END $$;

-- what cannot be followed
SELECT throws_ok(format('SELECT sambapos_follow(%s)', t.arguments), t.state, NULL, 'refused: ' || t.arguments)
FROM (VALUES ($$'The Cloud', 'cloud', 'cloud'$$, '42602'), ($$'c', 'no_such', 'cloud'$$, '42704'), ($$'c', 'till', 'cloud'$$, '42809'), ($$'c', 'cloud', 'no_such'$$, '42704'),
             ($$'c', 'cloud', NULL$$, '22023'), ($$'c', 'cloud', 'cloud', entities => '{}'$$, '22023'), ($$'c', 'cloud', 'cloud', entities => '{item}'$$, '42704'),
             ($$'c', NULL, 'cloud'$$, '42704'), ($$'c', 'cloud', 'cloud', target_schema => 'sambapos_replica'$$, '42939'), ($$'c', 'cloud', 'cloud', target_schema => 'pg_catalog'$$, '42939')) AS t (arguments, state);
CREATE ROLE sambapos_test_other;
CREATE SCHEMA theirs AUTHORIZATION sambapos_test_other;
CREATE SCHEMA taken;
CREATE TABLE taken.groups (id integer PRIMARY KEY, name text);
INSERT INTO taken.groups VALUES (7, 'ours');
CREATE SCHEMA keyless;
CREATE TABLE keyless.groups (id integer UNIQUE, name text);
CREATE SCHEMA lacking;
CREATE TABLE lacking.groups (id integer PRIMARY KEY);
CREATE SCHEMA foreign_table_owner;
CREATE TABLE foreign_table_owner.groups (id integer PRIMARY KEY, name text);
ALTER TABLE foreign_table_owner.groups OWNER TO sambapos_test_other;
CREATE SCHEMA undeferred;
CREATE TABLE undeferred.groups (id integer PRIMARY KEY, name text);
CREATE TABLE undeferred.items (id bigint PRIMARY KEY, property text, "group" integer REFERENCES undeferred.groups, name varchar(20), price numeric, tax numeric, mood text, changed_at timestamptz,
  tags text[], extra json, place point, picture bytea, image bytea, position integer);
CREATE SCHEMA guarded;
CREATE TABLE guarded.groups (id integer PRIMARY KEY, name text);
CREATE FUNCTION guarded.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
ALTER FUNCTION guarded.f() OWNER TO sambapos_test_other;
CREATE TRIGGER t BEFORE INSERT ON guarded.groups FOR EACH ROW EXECUTE FUNCTION guarded.f();
CREATE SCHEMA viewed;
CREATE VIEW viewed.groups AS SELECT 1 AS id, 'x' AS name;
SELECT throws_ok(format('SELECT sambapos_follow(''c'', ''cloud'', ''cloud'', ''p1'', %L)', t.schema), t.state, NULL, 'refused: ' || t.schema)
FROM (VALUES ('theirs', '42501'), ('taken', '55000'), ('keyless', '55000'), ('lacking', '42703'), ('foreign_table_owner', '42501'), ('undeferred', '55000'), ('guarded', '42501'), ('viewed', '42501')) AS t (schema, state);
SELECT is_empty('SELECT * FROM sambapos.followed', 'what was refused has left nothing');
SELECT is((SELECT name FROM taken.groups), 'ours', 'and has taken nothing');
SELECT is(tools.dblink_get_connections(), NULL, 'no connection is left open');

-- a copy
SELECT lives_ok($$SELECT sambapos_follow('config', 'cloud', 'cloud', 'p1')$$, 'a feed is followed');
SELECT throws_ok($$SELECT sambapos_follow('config', 'cloud', 'cloud', 'p2')$$, '42710', NULL, 'once under a name');
CALL sambapos_pull('config');
SELECT is(differs(), '', 'the first pull makes the copy, value by value');
SELECT is((SELECT string_agg(format('%s %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'config.items'::regclass AND attnum > 0),
  'id bigint, property text, group integer, name character varying(20), price numeric(10,2), tax numeric(5,2), mood text, changed_at timestamp with time zone, tags text[], extra json, place point, '
  'picture bytea, image bytea, position integer', 'columns have the types of the source, or hold what is not known here');
SELECT is((SELECT count(*) FROM information_schema.columns WHERE table_schema = 'config' AND column_name = 'api_token'), 0::bigint, 'a secret has no column');
SELECT results_eq('SELECT name, version > 0, incarnation IS NOT NULL, last_success_at IS NOT NULL, failures, problem FROM sambapos.followed', $$VALUES ('config', true, true, true, 0, NULL::text)$$, 'the state says so');
CREATE TABLE public.before AS SELECT writers() AS w;
CALL sambapos_pull();
SELECT is_empty('SELECT writers() EXCEPT SELECT w FROM before', 'a pull that finds nothing writes to no table');

-- a delta, foreign keys and unique values in any order
ALTER TABLE config.items ADD CONSTRAINT to_groups FOREIGN KEY ("group") REFERENCES config.groups DEFERRABLE;
ALTER TABLE config.items ADD CONSTRAINT one_position UNIQUE (position), ADD COLUMN here text DEFAULT 'ours';
UPDATE config.items SET here = 'kept' WHERE id IN (1, 4);
SELECT cloud($$UPDATE cloud.items SET position = NULL WHERE id = 1; UPDATE cloud.items SET position = 1 WHERE id = 4; UPDATE cloud.items SET position = 4 WHERE id = 1;
  INSERT INTO cloud.groups VALUES (3, 'both'); UPDATE cloud.items SET "group" = 3 WHERE "group" = 2; DELETE FROM cloud.groups WHERE id = 2;
  UPDATE cloud.items SET property = 'p2' WHERE id = 7; UPDATE cloud.items SET property = 'p1' WHERE id = 8; DELETE FROM cloud.items WHERE id = 10;
  UPDATE cloud.items SET id = 100 WHERE id = 13; UPDATE cloud.items SET image = '\x01' WHERE id = 16;
  UPDATE cloud.devices SET number = number + 10000 WHERE property = 'p1' AND number < 5$$);
DELETE FROM before;
INSERT INTO before SELECT writers();
CALL sambapos_pull('config');
SELECT is(differs(), '', 'rows that swap, move, go and come, in one delta, before they are numbered');
SELECT cmp_ok((SELECT count(*) FROM (SELECT writers() EXCEPT SELECT w FROM before) AS n), '<', 40::bigint, 'and the others are not written');
SELECT is((SELECT string_agg(here, ',' ORDER BY id) FROM config.items WHERE id IN (1, 4)), 'kept,kept', 'a column of our own stays with its row');
SELECT cloud('CALL ext.sambapos_feed_tick()');
CALL sambapos_pull('config');
SELECT is(differs(), '', 'and when they are');

-- nothing is open at the source while we write
CREATE TABLE public.seen (open_there bigint);
CREATE FUNCTION public.look() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO public.seen SELECT count(*) FROM pg_stat_activity WHERE datname = 'follow_cloud' AND pid <> pg_backend_pid(); RETURN NULL; END $$;
CREATE TRIGGER look AFTER UPDATE ON config.groups FOR EACH STATEMENT EXECUTE FUNCTION public.look();
SELECT cloud($$UPDATE cloud.groups SET name = 'FOOD' WHERE id = 1$$);
CALL sambapos_pull('config');
SELECT is((SELECT max(open_there) FROM seen), 0::bigint, 'no session at the source is open while we write');
DROP TRIGGER look ON config.groups;

-- tables that are not what they were
CREATE FUNCTION public.position_now() RETURNS bigint LANGUAGE sql AS $$ SELECT version FROM sambapos.followed WHERE name = 'config' $$;
SELECT cloud('CALL ext.sambapos_feed_tick()');
CALL sambapos_pull('config');
CREATE TABLE public.old_groups AS SELECT * FROM config.groups WHERE id = 1;
DROP TABLE config.devices;
TRUNCATE config.items;
DELETE FROM config.groups WHERE false; -- nothing
CALL sambapos_pull('config');
SELECT is(differs(), '', 'a table that was dropped is made again, one that was truncated is filled, though nothing is new');
ALTER TABLE config.items DROP CONSTRAINT to_groups;
DELETE FROM config.groups;
CALL sambapos_pull('config');
SELECT is(differs(), '', 'so is one whose rows were all deleted');
SELECT cloud($$INSERT INTO cloud.groups VALUES (4, 'later')$$);
SELECT cloud('CALL ext.sambapos_feed_tick()');
CALL sambapos_pull('config');
DROP TABLE config.groups;
CREATE TABLE config.groups (id integer PRIMARY KEY, name text);
INSERT INTO config.groups SELECT * FROM old_groups;
CALL sambapos_pull('config');
SELECT results_eq('SELECT * FROM config.groups', 'SELECT * FROM old_groups', 'rows in a table that somebody has made in place of ours are not replaced');
SELECT matches((SELECT problem FROM sambapos.followed), 'table "config.groups" has rows that are no copy of entity "groups" .*COMMENT ON TABLE config.groups', 'and it says what to do');
COMMENT ON TABLE config.groups IS 'sambapos_follow: copy of entity groups of feed cloud'; -- as a dump has it
CALL sambapos_pull('config');
SELECT is(differs(), '', 'and one that was restored older');
DROP SCHEMA config CASCADE;
CALL sambapos_pull('config');
SELECT is(differs(), '', 'and a schema that is gone');

-- the feed changes
SELECT cloud($$CREATE TABLE cloud.taxes (id integer PRIMARY KEY, rate numeric); INSERT INTO cloud.taxes VALUES (1, 7.0), (2, 19); PERFORM ext.sambapos_add_to_feed('cloud', 'cloud.taxes')$$);
CALL sambapos_pull('config');
SELECT is((SELECT string_agg(rate::text, ',' ORDER BY id) FROM config.taxes), '7.0,19', 'an entity that joins the feed is taken whole');
SELECT cloud($$PERFORM ext.sambapos_remove_from_feed('cloud', 'taxes'); ALTER TABLE cloud.taxes ADD name text DEFAULT 'vat', ALTER id TYPE bigint; UPDATE cloud.taxes SET id = 3000000000 WHERE id = 2;
  PERFORM ext.sambapos_add_to_feed('cloud', 'cloud.taxes')$$);
CALL sambapos_pull('config');
SELECT results_eq('SELECT id, name FROM config.taxes ORDER BY id', $$VALUES (1::bigint, 'vat'), (3000000000, 'vat')$$, 'with a new column, and one of another type');
SELECT cloud($$PERFORM ext.sambapos_remove_from_feed('cloud', 'taxes'); ALTER TABLE cloud.taxes DROP name; PERFORM ext.sambapos_add_to_feed('cloud', 'cloud.taxes')$$);
CALL sambapos_pull('config');
SELECT results_eq('SELECT id, name FROM config.taxes ORDER BY id', $$VALUES (1::bigint, NULL::text), (3000000000, NULL)$$, 'of a column that is sent no more nobody reads old values');
SELECT cloud($$TRUNCATE cloud.taxes; INSERT INTO cloud.taxes VALUES (5, 5)$$);
CALL sambapos_pull('config');
SELECT results_eq('SELECT id FROM config.taxes', 'VALUES (5::bigint)', 'TRUNCATE');
SELECT cloud($$PERFORM ext.sambapos_remove_from_feed('cloud', 'taxes')$$);
CALL sambapos_pull('config');
SELECT is((SELECT count(*) FROM config.taxes), 1::bigint, 'a table whose entity has left the feed stays');
SELECT is((SELECT problem FROM sambapos.followed), 'no longer on the feed, the tables stay: taxes', 'that is told');
CALL sambapos_pull('config');
SELECT is((SELECT problem FROM sambapos.followed), 'no longer on the feed, the tables stay: taxes', 'as long as it is so');
SELECT cloud($$UPDATE cloud.taxes SET rate = 6; PERFORM ext.sambapos_add_to_feed('cloud', 'cloud.taxes')$$);
CALL sambapos_pull('config');
SELECT is((SELECT format('%s %s', max(rate), (SELECT problem FROM sambapos.followed)) FROM config.taxes), '6 ', 'an entity that comes back is taken whole');

-- another key, another type that old values do not have, what stands in the way of it
SELECT cloud($$PERFORM ext.sambapos_remove_from_feed('cloud', 'taxes'); ALTER TABLE cloud.taxes ADD code text; UPDATE cloud.taxes SET code = 'a b'; ALTER TABLE cloud.taxes DROP id, ADD PRIMARY KEY (code);
  PERFORM ext.sambapos_add_to_feed('cloud', 'cloud.taxes')$$);
CALL sambapos_pull('config');
SELECT results_eq('SELECT code, rate, id FROM config.taxes', $$VALUES ('a b', 6::numeric, NULL::bigint)$$, 'another key at the source is another key here');
SELECT col_is_pk('config', 'taxes', 'code', 'a primary key');
SELECT cloud($$PERFORM ext.sambapos_remove_from_feed('cloud', 'taxes'); ALTER TABLE cloud.taxes ALTER rate TYPE timestamptz USING '2024-01-01 UTC', ALTER code TYPE integer USING 7;
  PERFORM ext.sambapos_add_to_feed('cloud', 'cloud.taxes')$$);
CREATE VIEW public.on_taxes AS SELECT rate FROM config.taxes;
CALL sambapos_pull('config');
SELECT matches((SELECT problem FROM sambapos.followed), 'a column of table "config.taxes" has another type at the source, and a view.* Drop what uses it', 'a view that uses a column which changes is told of');
DROP VIEW public.on_taxes;
CALL sambapos_pull('config');
SELECT results_eq('SELECT code, rate FROM config.taxes', $$VALUES (7, '2024-01-01 UTC'::timestamptz)$$, 'old values that the new type cannot have stop nothing');
SELECT cloud($$PERFORM ext.sambapos_remove_from_feed('cloud', 'taxes')$$);
CALL sambapos_pull('config');
DROP TABLE config.taxes;
CALL sambapos_pull('config');
SELECT is((SELECT problem FROM sambapos.followed), NULL, 'a table that was dropped is told of no more');
SELECT cloud($$DELETE FROM cloud.groups WHERE id = 4; UPDATE sambapos.feed_state SET seed = gen_random_uuid()$$);
CALL sambapos_pull('config');
SELECT is(differs(), '', 'another life of the feed');
SELECT cloud($$DELETE FROM cloud.items WHERE id < 20; TRUNCATE sambapos.change; UPDATE sambapos.feed_state SET version = version + 10, min_version = version + 10$$);
CALL sambapos_pull('config');
SELECT is(differs(), '', 'a position that is older than what is kept');

-- a pull that fails
CREATE TABLE public.state AS SELECT version, incarnation, last_success_at FROM sambapos.followed;
ALTER TABLE config.groups ADD CONSTRAINT no_wine CHECK (name <> 'wine');
SELECT cloud($$UPDATE cloud.groups SET name = 'wine' WHERE id = 3; INSERT INTO cloud.devices VALUES ('p1', 99999)$$);
CALL sambapos_pull('config');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'HV000', 'is an error');
SELECT unalike(:'LAST_ERROR_MESSAGE'::text, '%wine"%', 'without a value');
SELECT results_eq('SELECT version, incarnation, last_success_at FROM sambapos.followed', 'SELECT * FROM state', 'leaves the position');
SELECT is((SELECT count(*) FROM config.devices WHERE number = 99999), 0::bigint, 'and all tables');
SELECT results_eq('SELECT failures, problem, next_at > now() FROM sambapos.followed',
  $$VALUES (1, 'an error (SQLSTATE 23514, at entity "groups", table groups, constraint no_wine)', true)$$, 'says what it met, and waits');
CALL sambapos_pull();
SELECT is((SELECT failures FROM sambapos.followed), 1, 'a pull of all leaves it out until then');
ALTER TABLE config.groups DROP CONSTRAINT no_wine;
CALL sambapos_pull('config');
SELECT is(differs(), '', 'by its name it is tried at once');
SELECT is((SELECT format('%s %s', failures, problem) FROM sambapos.followed), '0 ', 'and is well again');
ALTER SERVER cloud OPTIONS (SET port '1');
CALL sambapos_pull('config');
ALTER USER MAPPING FOR CURRENT_USER SERVER cloud OPTIONS (ADD password 'hunter2');
CALL sambapos_pull('config');
SELECT is_empty('SELECT * FROM sambapos.alerts', 'for some minutes that is nobody''s matter');
UPDATE sambapos.follow_state SET last_success_at = last_success_at - interval '6 minutes';
SELECT results_eq('SELECT site, severity, kind FROM sambapos.alerts', $$VALUES (NULL::text, 'warning', 'copy is old')$$, 'then it is an alert');
SELECT results_eq($$SELECT name, labels, value >= 2 FROM sambapos.metrics WHERE name LIKE 'sambapos\_copy\_%' ORDER BY 1$$,
  $$VALUES ('sambapos_copy_age_seconds', '{"copy": "config", "feed": "cloud"}'::jsonb, true), ('sambapos_copy_failures', '{"copy": "config", "feed": "cloud"}', true)$$, 'and a metric');
SELECT is((SELECT format('%s %s', failures, problem) FROM sambapos.followed), '2 no connection (SQLSTATE 08001, at server "cloud")', 'the source cannot be reached');
ALTER USER MAPPING FOR CURRENT_USER SERVER cloud OPTIONS (DROP password);
SELECT format('ALTER SERVER cloud OPTIONS (SET port %L)', current_setting('port')) \gexec
ALTER TABLE config.groups ADD FOREIGN KEY (id) REFERENCES config.groups;
CALL sambapos_pull('config');
SELECT matches((SELECT problem FROM sambapos.followed), 'foreign key "groups_id_fkey" .* is not deferrable', 'a foreign key that came since');
ALTER TABLE config.groups DROP CONSTRAINT groups_id_fkey;
ALTER TABLE config.devices OWNER TO sambapos_test_other;
CALL sambapos_pull('config');
SELECT matches((SELECT problem FROM sambapos.followed), 'table "config.devices" belongs to role "sambapos_test_other"', 'a table that was given away');
ALTER TABLE config.devices OWNER TO CURRENT_USER;
CALL sambapos_pull('config');
SELECT is((SELECT format('%s %s', failures, problem) FROM sambapos.followed), '0 ', 'all is well again');
SELECT is(tools.dblink_get_connections(), NULL, 'no connection is left open');

-- a cancel; another session
SELECT tools.dblink_connect('lock', 'cloud'), tools.dblink_exec('lock', 'BEGIN; LOCK TABLE cloud.groups; UPDATE cloud.groups SET name = name');
CREATE TABLE public.was_next AS SELECT next_at FROM sambapos.followed;
CREATE FUNCTION public.waiters(many integer) RETURNS integer LANGUAGE plpgsql AS -- waits until so many sessions there wait for a lock
$$
DECLARE
  n integer;
BEGIN
  FOR i IN 1 .. 600 LOOP
    PERFORM pg_stat_clear_snapshot();
    n := (SELECT count(*) FROM pg_stat_activity WHERE datname = 'follow_cloud' AND wait_event_type = 'Lock');
    EXIT WHEN n = many;
    PERFORM pg_sleep(0.1);
  END LOOP;
  RETURN n;
END;
$$;
SELECT cloud($$UPDATE sambapos.feed_state SET seed = gen_random_uuid()$$);
SET statement_timeout = '1s';
CALL sambapos_pull('config');
RESET statement_timeout;
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '57014', 'a pull that waits can be cancelled');
SELECT is(tools.dblink_get_connections(), '{lock}'::text[], 'its connection is closed');
SELECT is(waiters(0), 0, 'and no query of its is left there');
SELECT ok((SELECT f.next_at > w.next_at FROM sambapos.followed AS f, public.was_next AS w), 'the next pull of all takes the others first');
ALTER DATABASE follow_cloud SET statement_timeout = '1s';
CALL sambapos_pull('config');
ALTER DATABASE follow_cloud RESET statement_timeout;
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'HV000', 'a cancel at the source is none of ours');
SELECT is((SELECT problem FROM sambapos.followed), 'an error (SQLSTATE 57014, at entity "groups")', 'and is put on record');
SELECT tools.dblink_disconnect('lock');
SELECT format('host=%s port=%s dbname=%s user=%s', split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database(), current_user) AS here \gset
SELECT tools.dblink_connect('busy', :'here'), tools.dblink_exec('busy', 'BEGIN');
SELECT FROM tools.dblink('busy', 'SELECT follow_id FROM sambapos.follow_state FOR UPDATE') AS r (i integer);
CREATE TABLE public.waiting AS SELECT * FROM sambapos.followed;
CALL sambapos_pull('config');
SELECT results_eq('SELECT * FROM sambapos.followed', 'SELECT * FROM waiting', 'what another session pulls is left to it');
SELECT tools.dblink_disconnect('busy');
CREATE TABLE public.own (id integer PRIMARY KEY, other integer REFERENCES public.own DEFERRABLE INITIALLY DEFERRED);
BEGIN;
INSERT INTO public.own VALUES (1, 2);
CALL sambapos_pull('config');
SELECT public.lives_ok('INSERT INTO public.own VALUES (2, 1)', 'constraints of the caller''s own stay deferred');
COMMIT;
SELECT is(differs(), '', 'in a transaction of the caller');
BEGIN ISOLATION LEVEL REPEATABLE READ;
CALL sambapos_pull('config');
ROLLBACK;
SELECT is(:'LAST_ERROR_MESSAGE'::text, 'a copy is pulled under isolation level READ COMMITTED only', 'of another isolation level it says so');

-- a table is emptied while the source is asked
SELECT cloud('CALL ext.sambapos_feed_tick()');
CALL sambapos_pull('config');
SELECT cloud($$UPDATE cloud.groups SET name = 'x' WHERE id = 1; INSERT INTO cloud.devices VALUES ('p1', 77777)$$);
SELECT tools.dblink_connect('lock', 'cloud'), tools.dblink_exec('lock', 'BEGIN; LOCK TABLE cloud.groups');
SELECT tools.dblink_connect('busy', :'here'), tools.dblink_send_query('busy', $$CALL public.sambapos_pull('config')$$);
SELECT is(waiters(1), 1, 'a pull waits for the source');
DELETE FROM config.devices;
SELECT tools.dblink_disconnect('lock');
SELECT is_empty($$SELECT * FROM tools.dblink_get_result('busy', false) AS r (x text)$$, 'it ends');
SELECT tools.dblink_disconnect('busy');
SELECT matches((SELECT problem FROM sambapos.followed), 'table "devices" of schema "config" was made, dropped, rewritten or emptied', 'and does not write what has changed into a table that lacks the rest');
CALL sambapos_pull('config');
SELECT is(differs(), '', 'the next one takes all');

-- a server of others
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO sambapos_test_other;
ALTER SERVER cloud OWNER TO sambapos_test_other;
CALL sambapos_pull('config');
SELECT matches((SELECT problem FROM sambapos.followed), 'server "cloud" belongs to role "sambapos_test_other"', 'who could have a password sent elsewhere is not trusted');
ALTER SERVER cloud OWNER TO CURRENT_USER;

-- schemas and tables of the user's
SELECT lives_ok($$SELECT sambapos_follow('late', 'cloud', 'cloud', 'p1', 'late')$$, 'a schema that is not there');
CREATE SCHEMA late AUTHORIZATION sambapos_test_other;
CALL sambapos_pull('late');
SELECT matches((SELECT problem FROM sambapos.followed WHERE name = 'late'), 'schema "late" belongs to role', 'and that another role has made since');
SELECT sambapos_unfollow('late');
CREATE SCHEMA mine;
CREATE TABLE mine.groups (id integer PRIMARY KEY, name text) PARTITION BY RANGE (id);
CREATE TABLE mine.low PARTITION OF mine.groups FOR VALUES FROM (MINVALUE) TO (2);
CREATE TABLE mine.high PARTITION OF mine.groups FOR VALUES FROM (2) TO (MAXVALUE);
COMMENT ON TABLE mine.groups IS 'our groups';
SELECT lives_ok($$SELECT sambapos_follow('mine', 'cloud', 'cloud', 'p1', entities => '{groups}')$$, 'a partitioned table of the user''s');
CALL sambapos_pull('mine');
SELECT is(differs('mine', '{groups}'), '', 'is filled');
TRUNCATE mine.low;
CALL sambapos_pull('mine');
SELECT is(differs('mine', '{groups}'), '', 'and again when a partition was truncated');
SELECT is(obj_description('mine.groups'::regclass), E'our groups\nsambapos_follow: rows of entity groups of feed cloud are copied here', 'its comment says what it has');
SELECT sambapos_unfollow('mine');
SELECT lives_ok($$SELECT sambapos_follow('mine', 'cloud', 'cloud', 'p1', entities => '{groups}')$$, 'so it can be followed again');
CALL sambapos_pull('mine');
SELECT is(differs('mine', '{groups}'), '', 'with its rows');
SELECT sambapos_unfollow('mine');

-- who may
CREATE ROLE sambapos_test_admin LOGIN;
SELECT sambapos_grant('sambapos_test_admin', 'admin');
GRANT USAGE ON FOREIGN SERVER cloud TO sambapos_test_admin;
GRANT USAGE ON SCHEMA tools TO sambapos_test_admin;
GRANT CREATE ON DATABASE follow_host TO sambapos_test_admin;
CREATE USER MAPPING FOR sambapos_test_admin SERVER cloud OPTIONS (user :'USER', password_required 'false');
SET ROLE sambapos_test_admin;
CALL sambapos_pull('config');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '42501', 'another role does not pull it');
CALL sambapos_pull();
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '42501', 'nor by pulling all'); -- the last error is still that one: there was none
SELECT throws_ok($$INSERT INTO sambapos.follow (name, server, feed, target_schema, role_name) VALUES ('x', 'cloud', 'cloud', 'y', 'postgres')$$, '42501', NULL, 'nobody follows for another role');
SELECT throws_ok($$UPDATE sambapos.follow SET server = 'till'$$, '42501', NULL, 'nor changes what another role follows');
SELECT throws_ok($$UPDATE sambapos.follow_state SET version = 0$$, '42501', NULL, 'nor its position');
SELECT throws_ok($$INSERT INTO sambapos.follow_table SELECT follow_id, 'x', 'y', '{}', true, '', true FROM sambapos.follow$$, '42501', NULL, 'nor its tables');
SELECT throws_ok($$SELECT sambapos_follow('mine', 'cloud', 'cloud')$$, '2F003', NULL, 'dblink wants a password of who is no superuser');
SELECT lives_ok($$SELECT sambapos_unfollow('config')$$, 'an admin may end it');
RESET ROLE;
SELECT throws_ok($$SELECT sambapos_unfollow('config')$$, '42704', NULL, 'then nothing is followed');
CALL sambapos_pull('config');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '42704', 'and nothing is pulled');
SELECT is(differs(), '', 'the tables stay');

-- again, with other rows and fewer entities; two copies of one feed
SELECT lives_ok($$SELECT sambapos_follow('config', 'cloud', 'cloud', 'p2', entities => '{groups,items}')$$, 'tables of an earlier copy are known by their comment');
SELECT lives_ok($$SELECT sambapos_follow('other', 'cloud', 'cloud', 'p1', 'other')$$, 'another copy');
CALL sambapos_pull();
SELECT is((SELECT string_agg(DISTINCT property, ',') FROM config.items), 'p2', 'the copy has the rows of the other scope alone');
SELECT is(differs('other'), '', 'each has its own');
SELECT throws_ok($$SELECT sambapos_follow('third', 'cloud', 'cloud', 'p1', 'other')$$, '55000', NULL, 'a table has one copy');

-- what is too large for one answer
SELECT cloud($$ALTER FUNCTION ext.sambapos_full_rows RENAME TO all_rows; ALTER FUNCTION ext.sambapos_delta_payload RENAME TO all_changes;
  CREATE FUNCTION ext.sambapos_full_rows(feed text, entity text, scope text, after jsonb, page_rows integer) RETURNS TABLE (key jsonb, data jsonb) LANGUAGE plpgsql AS
    'BEGIN IF page_rows > 300 THEN RAISE program_limit_exceeded; END IF; RETURN QUERY SELECT * FROM ext.all_rows(feed, entity, scope, after, page_rows); END';
  CREATE FUNCTION ext.sambapos_delta_payload(feed text, since bigint, scope text, entities text[] DEFAULT NULL, incarnation uuid DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS
    'BEGIN IF since IS NOT NULL THEN RAISE program_limit_exceeded; END IF; RETURN ext.all_changes(feed, since, scope, entities, incarnation); END'$$);
SELECT cloud($$UPDATE cloud.devices SET address = '10.9.9.9' WHERE number % 3 = 0; DELETE FROM cloud.devices WHERE number % 5 = 0$$);
CALL sambapos_pull('other');
SELECT is((SELECT problem FROM sambapos.followed WHERE name = 'other'), NULL, 'a delta and a page that are too large');
SELECT is(differs('other'), '', 'are taken in smaller pages');
SELECT cloud('DROP FUNCTION ext.sambapos_full_rows, ext.sambapos_delta_payload; ALTER FUNCTION ext.all_rows RENAME TO sambapos_full_rows; ALTER FUNCTION ext.all_changes RENAME TO sambapos_delta_payload');

-- a role that is gone
UPDATE sambapos.follow SET role_name = 'sambapos_test_gone' WHERE name = 'other';
SELECT matches((SELECT problem FROM sambapos.followed WHERE name = 'other'), 'role "sambapos_test_gone" is not there', 'a role that was renamed');
UPDATE sambapos.follow SET role_name = current_user WHERE name = 'other';

-- settings and state go along when the extension goes and comes
SELECT cloud('CALL ext.sambapos_feed_tick()');
CALL sambapos_pull();
CREATE TABLE public.kept AS SELECT name, server, feed, scope, target_schema, entities, version, incarnation FROM sambapos.followed;
DROP SERVER till;
SELECT lives_ok('SELECT * FROM sambapos_uninstall()', 'uninstalled');
DROP EXTENSION sambapos_fdw;
CREATE EXTENSION sambapos_fdw;
SELECT lives_ok('SELECT * FROM sambapos_adopt()', 'and adopted');
SELECT results_eq('SELECT name, server, feed, scope, target_schema, entities, version, incarnation FROM sambapos.followed ORDER BY 1', 'SELECT * FROM kept ORDER BY 1', 'what was followed is');
SELECT cloud($$INSERT INTO cloud.devices VALUES ('p1', 88888)$$);
CALL sambapos_pull();
SELECT is(differs('other'), '', 'and goes on');
SELECT * FROM finish();
\connect :home
DROP DATABASE follow_host;
DROP DATABASE follow_cloud;
DROP ROLE sambapos_test_other, sambapos_test_admin;
