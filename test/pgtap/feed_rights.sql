-- Promise: whose table is on a feed gains nothing by it. Whatever the table's owner puts in the way of who writes, of who
-- asks and of the tick (types, casts, domains, indexes, policies, triggers, settings, functions of the feed that are
-- the owner's), runs with the owner's rights and leaves no trace in the session. Each trap notes as whom it runs.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT no_plan();

CREATE ROLE mallory;
CREATE ROLE bob;
SELECT count(sambapos_grant(r, 'reader')) AS granted FROM unnest('{mallory,bob}'::text[]) AS r \gset
CREATE SCHEMA mallory AUTHORIZATION mallory;
SET LOCAL ROLE mallory;
CREATE TABLE mallory.seen (door text, who text);
CREATE TABLE mallory.later (door text);
GRANT USAGE ON SCHEMA mallory TO PUBLIC;
GRANT INSERT ON mallory.seen, mallory.later TO PUBLIC;

-- What a trap does: it notes who runs it, and tries what would outlive it.
CREATE FUNCTION mallory.trap(door text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS
$$
BEGIN
  INSERT INTO mallory.seen VALUES (door, current_user);
  BEGIN
    INSERT INTO mallory.later VALUES (door || ', later');
  EXCEPTION WHEN OTHERS THEN NULL;
  END;
  BEGIN
    PERFORM set_config('role', 'postgres', false);
    INSERT INTO mallory.seen VALUES (door || ', as another role', current_user);
    PERFORM set_config('role', 'none', false);
  EXCEPTION WHEN OTHERS THEN NULL;
  END;
  BEGIN
    CREATE TEMP TABLE sambapos__trap (n integer);
  EXCEPTION WHEN OTHERS THEN NULL;
  END;
  PERFORM set_config('search_path', 'mallory, pg_catalog', false), set_config('sambapos.changed_by', 'nobody', false);
  RETURN true;
EXCEPTION WHEN read_only_sql_transaction THEN
  RETURN true;
END;
$$;
CREATE FUNCTION mallory.later() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO mallory.seen VALUES (NEW.door, current_user); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON mallory.later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mallory.later();

-- doors: a domain, types with casts, a policy, an expression that the planner evaluates, a type with an operator
CREATE FUNCTION mallory.sprung(door text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN (SELECT mallory.trap(door)); END $$;
CREATE DOMAIN mallory.number AS integer CHECK (mallory.trap('domain'));
CREATE TYPE mallory.store AS (n integer);
CREATE FUNCTION mallory.store_text(mallory.store) RETURNS text LANGUAGE plpgsql AS
$$ BEGIN PERFORM mallory.trap('cast to text'); RETURN ($1).n::text; END $$;
CREATE CAST (mallory.store AS text) WITH FUNCTION mallory.store_text(mallory.store);
CREATE TYPE mallory.tag AS ENUM ('new');
CREATE FUNCTION mallory.tag_json(mallory.tag) RETURNS json LANGUAGE plpgsql AS
$$ BEGIN PERFORM mallory.trap('cast to json'); RETURN '1'; END $$;
CREATE CAST (mallory.tag AS json) WITH FUNCTION mallory.tag_json(mallory.tag);
CREATE TYPE mallory.kind AS (n integer);
CREATE FUNCTION mallory.kind_cmp(mallory.kind, mallory.kind) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN PERFORM mallory.sprung('operator'); RETURN ($1).n - ($2).n; END $$;
CREATE FUNCTION mallory.kind_equal(mallory.kind, mallory.kind) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN PERFORM mallory.sprung('operator'); RETURN ($1).n = ($2).n; END $$;
CREATE FUNCTION mallory.kind_less(mallory.kind, mallory.kind) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT mallory.kind_cmp($1, $2) < 0 $$;
CREATE OPERATOR mallory.= (LEFTARG = mallory.kind, RIGHTARG = mallory.kind, FUNCTION = mallory.kind_equal);
CREATE OPERATOR mallory.< (LEFTARG = mallory.kind, RIGHTARG = mallory.kind, FUNCTION = mallory.kind_less);
RESET ROLE;
CREATE OPERATOR CLASS mallory.kind_ops DEFAULT FOR TYPE mallory.kind USING btree AS
  OPERATOR 1 mallory.<, OPERATOR 3 mallory.=, FUNCTION 1 mallory.kind_cmp(mallory.kind, mallory.kind);
SET LOCAL ROLE mallory;
CREATE TABLE mallory.item (id mallory.number PRIMARY KEY, store mallory.store, name text, tag mallory.tag, kinds mallory.kind[]);
ALTER TABLE mallory.item ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY everybody ON mallory.item USING (mallory.sprung('planner') AND mallory.trap('policy')) WITH CHECK (true);
CREATE TABLE mallory.each (id integer PRIMARY KEY, store mallory.store);
CREATE TABLE mallory.plain (id integer PRIMARY KEY, name text);
RESET ROLE;
DELETE FROM mallory.seen;
DELETE FROM mallory.later;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
DELETE FROM mallory.seen;
SET LOCAL search_path = public, pg_catalog;

-- a superuser puts them on a feed
SELECT sambapos_add_feed('trap') AS added \gset
SELECT lives_ok($$SELECT sambapos_add_to_feed('trap', 'mallory.item', scope => 'store')$$, 'a table with types of its owner');
SELECT lives_ok($$SELECT sambapos_add_to_feed('trap', 'mallory.each', scope => 'store', capture => 'row')$$, 'another one, row by row');
SELECT lives_ok($$SELECT sambapos_add_to_feed('trap', 'mallory.plain')$$, 'and one without');
SELECT lives_ok($$SELECT sambapos_add_urgent_rule('trap', 'r', 'item', condition => 'mallory.trap(''condition'')')$$, 'a rule that asks a function of its owner');

-- the owner writes; whoever else does runs what is in the table itself, so that is not asked here
CREATE FUNCTION mallory.tidy() RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
  DROP TABLE IF EXISTS pg_temp.sambapos__trap;
  PERFORM set_config('search_path', 'public, pg_catalog', false), set_config('sambapos.changed_by', '', false);
END;
$$;
SET SESSION AUTHORIZATION mallory;
SELECT mallory.tidy() AS tidy \gset
INSERT INTO mallory.item VALUES (1, ROW(7), 'tea', 'new', ARRAY[ROW(1)]::mallory.kind[]), (2, NULL, 'milk', NULL, NULL);
UPDATE mallory.item SET store = ROW(8), kinds = ARRAY[ROW(2)]::mallory.kind[] WHERE id = 1;
INSERT INTO mallory.each VALUES (1, ROW(7));
UPDATE mallory.each SET store = ROW(8);
DELETE FROM mallory.each;
INSERT INTO mallory.plain VALUES (1, 'a');
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SELECT mallory.tidy() AS tidy \gset
RESET SESSION AUTHORIZATION;
SELECT isnt_empty(format('SELECT FROM mallory.seen WHERE door = %L', d), 'the trap is met by what is entered: ' || d)
FROM unnest('{domain,cast to text,operator}'::text[]) AS d;
SELECT is_empty($$SELECT DISTINCT door, who FROM mallory.seen WHERE who <> 'mallory'$$, 'each runs as the owner of the table');
SELECT is((SELECT string_agg(operation, ' ' ORDER BY change_id) FROM sambapos.change WHERE entity = 'each' AND key IS NOT NULL), 'INSERT DELETE INSERT DELETE', 'and what is written is entered');
DELETE FROM mallory.seen;

CREATE FUNCTION ask() RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
  PERFORM public.sambapos_full_payload('trap'), public.sambapos_full_payload('trap', '8'), public.sambapos_delta_payload('trap', 0), public.sambapos_delta_payload('trap', 0, '8'),
    public.sambapos_value('trap', 'item', '1', 'tag');
  PERFORM FROM public.sambapos_changes('trap', 0) AS c, public.sambapos_full_rows('trap', 'item') AS i, public.sambapos_full_rows('trap', 'plain') AS p;
  CALL public.sambapos_feed_tick();
  INSERT INTO public.session VALUES (current_setting('search_path'), current_setting('sambapos.changed_by', true));
  PERFORM set_config('search_path', 'public, pg_catalog', false);
END;
$$;
CREATE TABLE session (path text, changed_by text);
SELECT ask() AS asked \gset
SELECT isnt_empty(format('SELECT FROM mallory.seen WHERE door = %L', d), 'the trap is met: ' || d)
FROM unnest('{domain,cast to text,cast to json,planner,policy,condition}'::text[]) AS d;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SELECT is_empty($$SELECT DISTINCT door, who FROM mallory.seen WHERE who <> 'mallory'$$, 'each runs as the owner of the table');
SELECT results_eq('SELECT DISTINCT path, changed_by FROM session', $$VALUES ('public, pg_catalog', '')$$, 'the session has the settings that it had');
SELECT is_empty($$SELECT FROM pg_class WHERE relname = 'sambapos__trap'$$, 'and no table of somebody else''s');

-- what the owner has of the feed, the owner changes
GRANT USAGE ON SCHEMA sambapos TO mallory;
CREATE FUNCTION change_functions() RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
  f record;
BEGIN
  FOR f IN SELECT p.oid::regprocedure AS name, pg_get_functiondef(p.oid) AS definition, p.prosrc FROM pg_proc AS p
           WHERE p.pronamespace = 'sambapos'::regnamespace AND p.proowner = 'mallory'::regrole LOOP
    PERFORM set_config('role', 'mallory', true);
    EXECUTE format('ALTER FUNCTION %s SECURITY INVOKER', f.name);
    EXECUTE format('ALTER FUNCTION %s SET search_path = mallory, pg_catalog', f.name);
    BEGIN
      EXECUTE replace(f.definition, f.prosrc, 'BEGIN PERFORM mallory.trap(''function''); RETURN NULL; END');
    EXCEPTION WHEN insufficient_privilege THEN NULL; -- without CREATE on the schema
    END;
    PERFORM set_config('role', 'none', true);
  END LOOP;
END;
$$;
SELECT lives_ok('SELECT change_functions()', 'the owner alters functions of the feed that are the owner''s');
SELECT ask() AS asked \gset
SELECT is_empty($$SELECT DISTINCT door, who FROM mallory.seen WHERE who <> 'mallory' AND door NOT LIKE 'function%'$$, 'who asks runs no more for it');

-- and what is entered for other tables is not theirs to enter
CREATE TABLE other (id integer PRIMARY KEY);
SELECT sambapos_add_to_feed('trap', 'other') AS added \gset
CREATE FUNCTION enter_for(name text) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
  r record;
BEGIN
  FOR r IN SELECT c.oid::regclass AS relation FROM pg_class AS c
           WHERE c.relnamespace = 'sambapos'::regnamespace AND c.relkind IN ('r', 'v')
             AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'operation')
             AND has_any_column_privilege('mallory', c.oid, 'INSERT') LOOP
    EXECUTE format('INSERT INTO %s (feed_id, entity, operation) SELECT f.feed_id, %L, ''LOAD'' FROM sambapos.change_feed AS f', r.relation, name);
  END LOOP;
END;
$$;
GRANT EXECUTE ON FUNCTION enter_for(text) TO mallory;
SET LOCAL ROLE mallory;
SELECT lives_ok($$SELECT enter_for('plain')$$, 'of the own table whatever is entered is the owner''s affair');
SELECT throws_ok($$SELECT enter_for('other')$$, '44000', NULL, 'of another one nothing is');
SELECT is_empty($$SELECT FROM sambapos._feed_entered WHERE entity = 'other'$$, 'nor seen');
SELECT throws_ok($$UPDATE sambapos.feed_entity SET relation_name = 'other'$$, '42501', NULL, 'nor is what is read altered');
RESET ROLE;
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace = 'sambapos'::regnamespace AND p.prosecdef
                  AND p.proname NOT IN ('_consumer_shown_ids', '_consumer_facts', '_host_shown_ids', '_host_facts', '_conflict_is_shown', '_feed_describe') -- they ask who looks
                  AND (has_function_privilege('bob', p.oid, 'EXECUTE') OR has_function_privilege('mallory', p.oid, 'EXECUTE') AND p.proowner <> 'mallory'::regrole)$$,
                'no internal function runs with more than its caller''s rights for a reader');

-- an admin puts tables of the own on a feed, and of nobody else's
CREATE ROLE chief;
SELECT sambapos_grant('chief', 'admin') AS granted \gset
CREATE SCHEMA chief AUTHORIZATION chief;
SET LOCAL ROLE chief;
CREATE TABLE chief.price (id integer PRIMARY KEY, price numeric);
SELECT lives_ok($$SELECT sambapos_add_feed('chief')$$, 'an admin makes a feed');
SELECT lives_ok($$SELECT sambapos_add_to_feed('chief', 'chief.price')$$, 'and puts a table on it');
SELECT lives_ok($$SELECT sambapos_add_urgent_rule('chief', 'free', 'price', condition => 'r.price = 0')$$, 'with a rule');
SELECT lives_ok($$INSERT INTO chief.price VALUES (1, 0)$$, 'writes');
SELECT lives_ok('CALL sambapos_feed_tick()', 'ticks');
SELECT is(sambapos_full_payload('chief') -> 'price', '[{"id": 1, "price": 0}]', 'and reads');
SELECT throws_ok($$SELECT sambapos_add_to_feed('chief', 'public.other')$$, '42501', NULL, 'a table of another role is not the admin''s to put on a feed');
SELECT throws_ok($$SELECT sambapos_remove_from_feed('trap', 'other')$$, '42501', NULL, 'nor to take off');
SELECT throws_ok($$UPDATE sambapos.feed_entity SET query_all = 'SELECT 1'$$, '42501', NULL, 'what is read with the rights of others is not the admin''s to write');
SELECT throws_ok($$SELECT * FROM sambapos._query_as_owner('public', 'other', 'SELECT NULL::jsonb, NULL::text, NULL::jsonb', NULL, NULL, NULL, NULL)$$, '42501', NULL, 'nor to run');
SELECT lives_ok($$SELECT sambapos_remove_from_feed('chief', 'price')$$, 'an admin takes the own table off');
RESET ROLE;

-- names that an admin chooses are names, whatever is in them
CREATE FUNCTION chief.words(around text) RETURNS text LANGUAGE sql AS
$$ SELECT format('a%1$s; ALTER ROLE chief SUPERUSER; --', around) $$;
SET LOCAL ROLE chief;
SELECT count(sambapos_add_to_feed('chief', 'chief.price', chief.words(w))) AS added
FROM unnest(ARRAY['$capture$', '$sql$', '$_$', '$$', '$body$', '$function$', '''', 'E''', '%s', '%1$s']) AS w \gset
CREATE TABLE chief.odd (id integer PRIMARY KEY, "$capture$; ALTER ROLE chief SUPERUSER; --" text, "$sql$' ""%s" text);
SELECT lives_ok($$SELECT sambapos_add_to_feed('chief', 'chief.odd', scope => '$sql$'' "%s')$$, 'words of SQL are names');
SELECT lives_ok($$INSERT INTO chief.odd VALUES (1, 'a', 'b')$$, 'with which it is written to');
SELECT lives_ok($$INSERT INTO chief.price VALUES (2, 0)$$, 'so it is under other names of the entity');
CALL sambapos_feed_tick();
SELECT is((SELECT count(*) FROM sambapos_changes('chief', 0) AS c WHERE operation = 'INSERT'), 11::bigint, 'and told');
RESET ROLE;
SELECT is((SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = 'chief'), false, 'none of them is run');

-- where code of a table's owner is run for somebody else (ANALYZE of a superuser here, and the tick), it asks for nobody
CREATE TABLE diary (id integer PRIMARY KEY, secret text);
INSERT INTO diary VALUES (1, 'mine');
SET LOCAL ROLE chief;
CREATE TABLE chief.tried (way text, what text, said text);
CREATE FUNCTION chief.try(way text) RETURNS boolean LANGUAGE plpgsql AS
$$
DECLARE
  what text;
BEGIN
  FOREACH what IN ARRAY ARRAY['sambapos_add_to_feed(''chief'', ''public.diary'')', 'sambapos_remove_from_feed(''trap'', ''other'')',
                              'sambapos_full_payload(''trap'')'] LOOP
    BEGIN
      EXECUTE 'SELECT public.' || what;
      INSERT INTO chief.tried VALUES (way, what, 'done');
    EXCEPTION WHEN OTHERS THEN
      INSERT INTO chief.tried VALUES (way, what, SQLSTATE);
    END;
  END LOOP;
  RETURN true;
END;
$$;
CREATE FUNCTION chief.indexed(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM chief.try('index'); RETURN $1; END $$;
CREATE INDEX ON chief.odd (chief.indexed(id));
SELECT sambapos_add_urgent_rule('chief', 'try', 'odd', condition => 'chief.try(''condition'')') AS added \gset
DELETE FROM chief.tried;
INSERT INTO chief.odd VALUES (2, 'a', 'b');
DELETE FROM chief.tried;
RESET ROLE;
SAVEPOINT before_analyze;
ANALYZE chief.odd;
CALL sambapos_feed_tick();
SELECT bag_eq('SELECT DISTINCT way, said FROM chief.tried', $$VALUES ('index', '42501'), ('condition', '42501')$$, 'in neither it has the rights of the session');
SELECT is_empty($$SELECT FROM sambapos.feed_entity WHERE relation_name = 'diary'$$, 'and puts nothing of others on a feed');

-- a table that was given away: until the tick has looked, code of the new owner does not run as the former
CREATE TABLE gift (id integer PRIMARY KEY, name text);
SELECT sambapos_add_to_feed('trap', 'gift') AS added \gset
ALTER TABLE gift OWNER TO mallory;
GRANT CREATE ON SCHEMA public TO mallory;
SET LOCAL ROLE mallory;
CREATE FUNCTION mallory.tag_of(integer) RETURNS mallory.tag LANGUAGE sql IMMUTABLE AS $$ SELECT 'new'::mallory.tag $$;
ALTER TABLE gift ALTER COLUMN id TYPE mallory.tag USING mallory.tag_of(id);
RESET ROLE;
DELETE FROM mallory.seen;
SET SESSION AUTHORIZATION mallory;
SELECT lives_ok($$INSERT INTO gift VALUES ('new', 'a')$$, 'its new owner writes to it');
RESET SESSION AUTHORIZATION;
SELECT is_empty($$SELECT door, who FROM mallory.seen WHERE who <> 'mallory'$$, 'and nothing runs with the rights of the former');
SELECT is((SELECT array_agg(DISTINCT c.operation) FROM sambapos.change AS c WHERE c.entity = 'gift'), '{LOAD}', 'what was written is to be taken anew');

-- one feed that fails keeps no other from its versions
SELECT sambapos_add_feed('good') AS added \gset
SELECT sambapos_add_to_feed('good', 'other', 'good') AS added \gset
UPDATE sambapos.feed_state SET version = 9223372036854775807 WHERE feed_id = (SELECT feed_id FROM sambapos.change_feed WHERE name = 'trap');
INSERT INTO other VALUES (9);
SELECT lives_ok('CALL sambapos_feed_tick()', 'a feed fails');
SELECT isnt((SELECT problem FROM sambapos.feeds WHERE feed = 'trap'), NULL, 'that is on record');
SELECT is((SELECT version FROM sambapos.feeds WHERE feed = 'good'), 1::bigint, 'and the others go on');
-- a function of an admin's, which runs with his rights, lends him nobody else's
CREATE TABLE public.secret (id integer PRIMARY KEY);
CREATE ROLE carol;
SELECT sambapos_grant('carol', 'admin') AS granted \gset
CREATE SCHEMA carol AUTHORIZATION carol;
SET LOCAL ROLE carol;
CREATE FUNCTION carol.harmless() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN PERFORM public.sambapos_add_to_feed('good', 'public.secret', 'loot'); END; $$;
CREATE FUNCTION carol.direct() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN PERFORM sambapos._feed_add('good', 'public.secret', 'loot', NULL, NULL, NULL, NULL, 'statement', NULL); END; $$;
CREATE FUNCTION carol.noted() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN PERFORM sambapos._feed_note_changer(); END; $$;
RESET ROLE;
SELECT throws_ok('SELECT carol.harmless()', '42501', 'must be owner of table "public.secret"', 'it puts no table of its caller on a feed');
SELECT throws_ok('SELECT carol.direct()', '42501', 'a feed can be changed by its public functions only', 'nor does it by another way');
SELECT throws_ok('SELECT carol.harmless() FROM (SELECT carol.noted()) AS n', '42501', NULL, 'nor after it has noted who calls');
SELECT throws_ok($$SELECT set_config('sambapos.feed_changer', 'postgres', false)$$, '55P02', NULL, 'who changes a feed is nobody''s to say');
SELECT lives_ok($$SELECT sambapos_add_to_feed('good', 'public.secret', 'loot')$$, 'the owner does');

-- nor does it for a consumer, and none is added over his head
SELECT sambapos_add_consumer('mine', 'good', '{loot}') AS added \gset
INSERT INTO public.secret VALUES (1);
CALL sambapos_feed_tick('good');
SELECT d.delivery_id AS leased FROM sambapos_next('mine') AS d \gset
REVOKE INSERT, UPDATE, DELETE ON sambapos.delivery FROM carol;
DELETE FROM sambapos.role_grant WHERE role_name = 'carol';
SET LOCAL ROLE carol;
CREATE FUNCTION carol.does(what text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN EXECUTE 'SELECT ' || what; END; $$;
RESET ROLE;
SELECT throws_ok(format('SELECT carol.does(%L)', w), '42501', NULL, 'not by a function of another: ' || split_part(w, '(', 1))
FROM unnest(ARRAY['public.sambapos_add_consumer(''loot'', ''good'', ''{loot}'')', 'public.sambapos_remove_consumer(''mine'')', 'public.sambapos_next(''mine'')',
                  format('public.sambapos_ack(''mine'', %s)', :leased), format('public.sambapos_nack(''mine'', %s, ''x'')', :leased), 'public.sambapos_retry(''mine'')',
                  'public.sambapos_set_reference(''mine'', ''loot'', ''1'', ''x'')', 'public.sambapos_read(''mine'')', 'public.sambapos_ack_version(''mine'', 1)',
                  'sambapos._delivery_next(''mine'', 1)', format('sambapos._delivery_end(''mine'', %s, NULL)', :leased), 'sambapos._consumer_remove(''mine'')',
                  'sambapos._forward_take(''mine'')']) AS w;
SELECT lives_ok(format('SELECT sambapos_ack(''mine'', %s)', :leased), 'whose it is has it');

-- who sees some sites sees no more through another role of his
INSERT INTO sambapos.site (name, server) VALUES ('zzone', 'zzserver');
CREATE ROLE dave; CREATE ROLE nobody;
SELECT sambapos_grant('dave', 'reader', '{zzone}') AS granted \gset
GRANT nobody TO dave;
CREATE SCHEMA dave AUTHORIZATION dave;
GRANT USAGE ON SCHEMA dave TO nobody;
SET LOCAL ROLE dave;
CREATE FUNCTION dave.peek() RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS $$ SELECT public.sambapos_full_payload('good') $$;
SELECT throws_ok('SELECT dave.peek()', '42704', NULL, 'a reader of one site is shown no feed of others');
SET LOCAL ROLE nobody;
SELECT throws_ok('SELECT dave.peek()', '42704', NULL, 'nor is a role without a level, by a function of his');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
