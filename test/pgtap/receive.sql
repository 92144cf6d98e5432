-- Promise: what a host sends up is received once, whole or not at all, with the rights of the table's owner, where that owner
-- has set a policy; rows that both sides have changed are on record with both versions; no value is cut or rounded, no row of
-- another scope is touched or told of, and other hosts get what was received. No site is needed.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT no_plan();

CREATE ROLE keeper; CREATE ROLE ha; CREATE ROLE looker; CREATE ROLE chief;
SELECT sambapos_grant('looker', 'reader'), sambapos_grant('chief', 'admin');
CREATE SCHEMA pos AUTHORIZATION keeper;
CREATE DOMAIN pos.amount AS numeric(10,2);
CREATE TABLE pos.checks (id integer PRIMARY KEY, store text, total pos.amount, note varchar(5), code char(3), at timestamptz(0), day date, picture bytea, tags text[], is_paid boolean, secret_pin text,
                         twice numeric GENERATED ALWAYS AS (total * 2) STORED, CHECK (total < 1000), UNIQUE (code));
ALTER TABLE pos.checks OWNER TO keeper;
ALTER DOMAIN pos.amount OWNER TO keeper;
INSERT INTO pos.checks (id, store, total, at) VALUES (1, 'a', 10, '2026-01-01'), (2, 'b', 20, '2026-01-01'), (3, NULL, 30, '2026-01-01');
SELECT sambapos_add_feed('pos');
SELECT sambapos_add_to_feed('pos', 'pos.checks', 'checks', scope => 'store');
CREATE TABLE pos.plain (k text, n integer, v numeric, PRIMARY KEY (k, n));
SELECT sambapos_add_to_feed('pos', 'pos.plain', 'plain');
CREATE VIEW pos.seen AS SELECT 1 AS id;
CALL sambapos_feed_tick('pos');
SELECT length(sambapos_add_host('h', 'pos', 'a', 'ha')), length(sambapos_add_host('g', 'pos'));
CREATE FUNCTION pos.send(rows jsonb, host text DEFAULT 'h', entity text DEFAULT 'checks', batch uuid DEFAULT gen_random_uuid()) RETURNS text
LANGUAGE sql AS $$ SELECT format('%s %s %s', applied, conflicts, already) FROM public.sambapos_receive(host, batch, entity, rows) $$;
CREATE FUNCTION pos.told(host text, version bigint) RETURNS text LANGUAGE sql AS $$ SELECT public.sambapos_heartbeat(host, version) ->> 'latestVersion' $$;
GRANT USAGE ON SCHEMA pos TO ha, looker, chief;
SELECT pos.told('h', 1), pos.told('g', 1);

-- by policy alone, which the owner of the table sets
SELECT throws_ok($$SELECT pos.send('[]')$$, '55000', NULL, 'without a policy nothing is received');
SELECT throws_ok($$SELECT sambapos_configure('pos', 'policy', 'mine_wins', 'checks')$$, '22023', NULL, 'no such policy');
SELECT throws_ok($$SELECT sambapos_configure('pos', 'policy', 'cloud_wins', 'cheques')$$, '42704', NULL, 'no such entity');
SELECT throws_ok($$SELECT sambapos_configure('pos', 'policy', 'cloud_wins')$$, '22023', NULL, 'a policy is an entity''s');
SELECT throws_ok(format($$SELECT sambapos_configure('pos', 'time_column', %L, 'checks')$$, c), '42703', NULL, 'no time: ' || c) FROM unnest('{total,made_at,secret_pin}'::text[]) AS c;
SET LOCAL ROLE chief;
SELECT throws_ok($$SELECT sambapos_configure('pos', 'policy', 'cloud_wins', 'checks')$$, '42501', NULL, 'an admin opens no table of others');
RESET ROLE;
SELECT is(sambapos_configure('pos', 'policy', 'cloud_wins', 'checks'), 'cloud_wins', 'a policy');
SELECT is(sambapos_configure('pos', 'policy', 'latest_wins', 'plain'), 'latest_wins', 'another one');
SELECT throws_ok($$SELECT pos.send('[]', 'g', 'plain')$$, '55000', NULL, 'latest_wins needs a time_column');
SELECT lives_ok($$SELECT sambapos_configure('pos', 'policy', 'host_wins', 'plain')$$, 'set to another one');
SELECT results_eq($$SELECT table_name, setting, value FROM sambapos.settings WHERE site = 'pos' AND table_name IS NOT NULL$$, $$VALUES ('checks', 'policy', 'cloud_wins'), ('plain', 'policy', 'host_wins')$$, 'view settings has them');
SELECT is((SELECT count(*) FROM sambapos.setting_change WHERE site = 'pos' AND setting = 'policy'), 3::bigint, 'what was changed is on record');

-- rows that are sent, and get to the other host
SELECT is(pos.send('[{"id": 10, "store": "a", "total": 5.5, "note": "new"}, {"id": 1, "store": "a", "total": 11}]'), '2 0 f', 'a new row and a changed one');
SELECT results_eq('SELECT id, total::numeric, note FROM pos.checks WHERE id IN (1, 10) ORDER BY 1', $$VALUES (1, 11::numeric, NULL), (10, 5.5, 'new'::varchar)$$, 'are there; what was not sent is as it was');
CALL sambapos_feed_tick('pos');
SELECT results_eq($$SELECT key ->> 'id', operation, changed_by FROM sambapos_changes('pos', 1) ORDER BY 1$$, $$VALUES ('1', 'UPDATE', 'host:h'), ('10', 'INSERT', 'host:h')$$, 'others are told, and by whom');
SELECT is(coalesce(current_setting('sambapos.changed_by', true), ''), '', 'the name is not left behind');
SELECT is(pos.send('[{"id": 1, "store": "a", "total": 11.00}]'), '1 0 f', 'what is equal is nothing new');
SELECT is(pos.send('[{"id": 1, "store": "a", "total": 12}]'), '1 0 f', 'what the host itself has changed is no conflict, whatever version it has');
SELECT is(pos.send('[{"id": 10, "_deleted": true}, {"id": 77, "_deleted": true}]'), '2 0 f', 'deleted; what is not there is deleted already');
SELECT is((SELECT count(*) FROM pos.checks WHERE id IN (10, 77)), 0::bigint, 'it is gone');
SELECT is(pos.send('[]'), '0 0 f', 'no rows');
SELECT is(pos.send('[{"k": "x", "n": 1, "v": 1.50}, {"k": "x", "n": 1, "v": 2.5}, {"k": "x", "n": 2, "v": null}]', 'g', 'plain'), '3 0 f', 'a key of two columns; a row twice, in their order');
SELECT results_eq('SELECT k, n, v FROM pos.plain ORDER BY 2', $$VALUES ('x', 1, 2.5), ('x', 2, NULL)$$, 'the last one counts');

-- each batch once
CREATE TABLE pos.batch AS SELECT gen_random_uuid() AS id;
SELECT is(pos.send('[{"id": 20, "store": "a", "total": 1}]', batch => id), '1 0 f', 'a batch') FROM pos.batch;
UPDATE pos.checks SET total = 2 WHERE id = 20;
SELECT is(pos.send('[{"id": 20, "store": "a", "total": 1}]', batch => id), '1 0 t', 'again: it is known') FROM pos.batch;
SELECT is((SELECT total::numeric FROM pos.checks WHERE id = 20), 2::numeric, 'and not written again');
SELECT throws_ok(format('SELECT pos.send(%L, batch => %L)', '[{"id": 20, "store": "a", "total": 3}]', id), '23505', NULL, 'the uuid of other rows') FROM pos.batch;
SELECT throws_ok(format('SELECT pos.send(%L, ''h'', ''plain'', %L)', '[{"id": 20, "store": "a", "total": 1}]', id), '23505', NULL, 'or of another entity') FROM pos.batch;
SELECT throws_ok($$SELECT pos.send('[]', batch => NULL)$$, '22004', NULL, 'none');
SELECT is(pos.send('[]', 'g', batch => id), '0 0 f', 'another host has uuids of its own') FROM pos.batch;

-- what is wrong, named by row and column; nothing of the batch stays
SELECT throws_ok(format('SELECT pos.send(%L)', t.rows), t.state, t.message, 'refused: ' || left(t.rows, 90))
FROM (VALUES ('{}', '22023', NULL), (NULL, '22023', NULL), ('[1]', '22023', 'row 1 is no JSON object'),
  ('[{"id": 30, "store": "a"}, {"id": 31, "store": "a", "price": 1, "colour": 2}]', '42703', 'row 2 has columns that entity "checks" does not send: colour, price'),
  ('[{"id": 30, "store": "a", "secret_pin": "1"}]', '42703', 'row 1 has columns that entity "checks" does not send: secret_pin'),
  ('[{"store": "a"}]', '23502', 'row 1 has no key'), ('[{"id": null}]', '23502', 'row 1 has no key'),
  ('[{"id": 30, "store": "a", "_deleted": "yes"}]', '22023', NULL), ('[{"id": 30, "store": "a", "_deleted": null}]', '22023', NULL), ('[{"id": 30, "store": "a", "_base": "x"}]', '22023', NULL), ('[{"id": 30, "store": "a", "_base": -1}]', '22023', NULL),
  ('[{"id": 30, "store": "a"}, {"id": 31, "store": "a", "total": 1.005}]', '22003', 'column "total" of row 2 has a value that type pos.amount cannot hold as it is'),
  ('[{"id": 30, "store": "a", "total": "1.005"}]', '22003', 'column "total" of row 1 has a value that type pos.amount cannot hold as it is'),
  ('[{"id": 30, "store": "a", "total": 123456789.1}]', '22003', 'column "total" of row 1 has a value that type pos.amount cannot hold as it is'),
  ('[{"id": 30, "store": "a", "total": "much"}]', '22P02', 'column "total" of row 1 has a value that type pos.amount cannot hold as it is'),
  ('[{"id": 30, "store": "a", "note": "sixsix"}]', '22001', 'column "note" of row 1 has a value that type character varying(5) cannot hold as it is'),
  ('[{"id": 30, "store": "a", "note": "five "}, {"id": 31, "store": "a", "note": "five     "}]', '22003', 'column "note" of row 2 has a value that type character varying(5) cannot hold as it is'),
  ('[{"id": 30, "store": "a", "at": "2026-01-01T00:00:00.5Z"}]', '22003', 'column "at" of row 1 has a value that type timestamp(0) with time zone cannot hold as it is'),
  ('[{"id": 30, "store": "a", "day": "2026-01-01T12:00:00"}]', '22003', 'column "day" of row 1 has a value that type date cannot hold as it is'),
  ('[{"id": 30.5, "store": "a"}]', '22P02', 'column "id" of row 1 has a value that type integer cannot hold as it is'),
  ('[{"id": 30, "store": "a", "picture": "%"}]', '22023', NULL),
  ('[{"id": 30, "store": "a"}, {"id": 31, "store": "a", "total": 2000}]', '23514', 'row 2 is refused by the table of entity "checks"'),
  ('[{"id": 30, "store": "a", "code": "A"}, {"id": 31, "store": "a", "code": "A"}]', '23505', NULL)) AS t (rows, state, message);
SELECT is((SELECT count(*) FROM pos.checks WHERE id IN (30, 31)), 0::bigint, 'nothing of them is there');
SELECT is(pos.send('[{"id": 40, "store": "a", "total": "1.50", "note": "fünf", "code": "B", "at": "2026-01-01T01:00:00+01:00", "day": "2026-01-02", "picture": "AQI=", "tags": ["x", null], "is_paid": true, "twice": 3}]'), '1 0 f', 'values of many types');
SELECT results_eq('SELECT total::numeric, note::text, code::text, at, day, picture, tags, is_paid, twice FROM pos.checks WHERE id = 40',
  $$VALUES (1.50, 'fünf', 'B', '2026-01-01 00:00+00'::timestamptz, '2026-01-02'::date, '\x0102'::bytea, '{x,NULL}'::text[], true, 3.00)$$, 'are what was sent; what is generated is made here');
SELECT is(pos.send(jsonb_build_array(data)), '1 0 f', 'what the feed sends of a row is a row') FROM sambapos_full_rows('pos', 'checks', 'a') WHERE (key ->> 'id') = '40';

-- whatever the type, and whatever the session has set
CREATE TYPE pos.pair AS (a numeric(10,2), b timestamptz, c pos.amount);
CREATE TABLE pos.kinds (id integer PRIMARY KEY, m money, p pos.pair, ats timestamptz[], c "char", o oid, ts timestamp, d date, t time, tz timestamptz, iv interval, ns numeric(5,1)[], ps pos.pair[], u uuid, b boolean, am pos.amount[], n name);
SELECT sambapos_add_to_feed('pos', 'pos.kinds', 'kinds'), sambapos_configure('pos', 'policy', 'host_wins', 'kinds');
SET LOCAL "DateStyle" = 'SQL, DMY'; SET LOCAL "IntervalStyle" = 'sql_standard'; SET LOCAL "TimeZone" = 'Asia/Tokyo';
SELECT throws_ok(format('SELECT pos.send(%L, entity => ''kinds'')', format('[{"id": 1, %s}]', v)), '22003',
  format('column "%s" of row 1 has a value that type %s cannot hold as it is', substring(v, '"(.*?)"'), (SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'pos.kinds'::regclass AND attname = substring(v, '"(.*?)"'))), 'changed by its type: ' || v)
FROM unnest(ARRAY['"m": 12.345', '"m": "$12.345"', '"p": {"a": 1.005}', '"p": {"a": 1, "b": "2026-01-01T00:00:00.12345678Z"}', '"p": {"c": 1.005}', '"p": {"a": 1, "z": 1}', '"ats": ["2026-01-01T00:00:00.12345678Z"]', '"c": "abc"', '"o": -1',
  '"ts": "2026-05-01 20:15 Europe/Berlin"', '"ts": "2026-05-01T20:15:00+02"', '"ts": "now"', '"d": "today"', '"d": "05/01/2026"', '"d": "2026-05-01T20:15"', '"t": "20:15+02"', '"t": "now"', '"tz": "now"', '"tz": "tomorrow"', '"iv": "1.12345678 s"',
  '"ns": [1.23]', '"ns": [[1.2], [1.23]]', '"ns": "{1.23}"', '"ps": [{"a": 1}, {"a": 1.005}]', '"am": [1.005]', '"n": "' || repeat('n', 70) || '"']) AS v;
SELECT is(pos.send('[{"id": 1, "m": 12.34, "p": {"a": 1.5, "b": "2026-01-01T00:00:00.5Z"}, "ats": ["2026-01-01 01:00:00+01", null], "c": "a", "o": 5, "ts": "2026-05-01T20:15", "d": "2026-05-13", "t": "20:15:00.5", "tz": "2026-05-13T20:15:00Z", "iv": "1 day 02:00:00", "ns": [[1.20], [3]], "ps": [{"a": 1}], "u": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "b": "yes", "am": [1.5], "n": "x"}, {"id": 2, "m": "$1,234.50", "tz": "infinity", "ts": "-infinity", "d": "0044-03-15 BC"}]', entity => 'kinds'), '2 0 f', 'what they hold is taken');
SELECT is(pos.send((SELECT jsonb_agg(data) FROM sambapos_full_rows('pos', 'kinds')), entity => 'kinds'), '2 0 f', 'what the feed sends is a row, of all types');
SET LOCAL "TimeZone" = 'UTC';
SELECT results_eq('SELECT m::numeric, ts, d, tz FROM pos.kinds WHERE id = 1', $$VALUES (12.34, '2026-05-01T20:15'::timestamp, '2026-05-13'::date, '2026-05-13T20:15:00Z'::timestamptz)$$, 'as it was sent');
RESET "DateStyle"; RESET "IntervalStyle"; RESET "TimeZone";
SELECT sambapos_remove_from_feed('pos', 'kinds');

-- no value of a row is told by an error
CREATE FUNCTION pos.fault(rows jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; d text; h text; BEGIN PERFORM pos.send(rows); RETURN NULL; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT; RETURN concat_ws(' ', m, d, h); END $$;
CREATE FUNCTION pos.blurt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.note IN ('Napo', 'Napo!') THEN RAISE EXCEPTION '% is not served', NEW.note USING ERRCODE = CASE NEW.note WHEN 'Napo' THEN 'P0001' ELSE '55000' END; END IF; RETURN NEW; END $$;
CREATE TRIGGER blurt BEFORE INSERT ON pos.checks FOR EACH ROW EXECUTE FUNCTION pos.blurt();
SELECT unalike(pos.fault(r), '%Napo%', 'not by: ' || r::text) FROM unnest(ARRAY['[{"id": 50, "store": "a", "note": "Napo"}]', '[{"id": 50, "store": "a", "note": "Napo!"}]', '[{"id": 50, "store": "a", "note": "Napoleon"}]', '[{"id": 50, "store": "a", "total": "Napo"}]',
  '[{"id": 50, "store": "a", "note": "Napo.", "total": 5000}]', '[{"id": 50, "store": "a", "note": "Napo.", "code": "B"}]']::jsonb[]) AS r;
SELECT alike(pos.fault('[{"id": 50, "store": "a", "total": 5000}]'), '%checks_total_check%', 'but the constraint');
DROP TRIGGER blurt ON pos.checks;

-- scopes
SELECT throws_ok(format('SELECT pos.send(%L)', t), '42501', 'row 1 is not of the scope of host "h"', 'not of its scope: ' || t)
FROM unnest(ARRAY['[{"id": 60, "store": "b"}]', '[{"id": 60, "store": null}]', '[{"id": 60}]', '[{"id": 2, "total": 1}]', '[{"id": 2, "store": "a", "total": 1}]', '[{"id": 3, "total": 1}]', '[{"id": 2, "store": "b", "_deleted": true}]', '[{"id": 3, "_deleted": true}]', '[{"id": 1, "store": "b"}]']) AS t;
SELECT is(pos.send(format('[{"id": %s, "_deleted": true}]', n)::jsonb), '1 0 f', 'deleting what another scope has, or nobody, is answered alike: ' || n) FROM unnest('{2,999}'::integer[]) AS n;
SELECT isnt_empty('SELECT FROM pos.checks WHERE id = 2', 'and deletes nothing there');
CREATE TABLE pos.g1 (id integer PRIMARY KEY, home text, store text GENERATED ALWAYS AS (home) STORED);
CREATE TABLE pos.g2 (n integer, id integer GENERATED ALWAYS AS (n) STORED PRIMARY KEY);
CREATE TABLE pos.g3 (id integer PRIMARY KEY, other integer REFERENCES pos.g1 DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE pos.g4 (id integer PRIMARY KEY);
CREATE TABLE pos.g5 (id integer REFERENCES pos.g4 DEFERRABLE);
SELECT sambapos_add_to_feed('pos', 'pos.g1', 'g1', scope => 'store'), sambapos_add_to_feed('pos', 'pos.g2', 'g2'), sambapos_add_to_feed('pos', 'pos.g3', 'g3'), sambapos_add_to_feed('pos', 'pos.g4', 'g4');
SELECT throws_ok(format('SELECT sambapos_configure(''pos'', ''policy'', ''host_wins'', %L)', e), '0A000', NULL, 'a generated scope or key, deferrable constraints: ' || e) FROM unnest('{g1,g2,g3,g4}'::text[]) AS e;
SELECT sambapos_remove_from_feed('pos', e) FROM unnest('{g1,g2,g3,g4}'::text[]) AS e;
SELECT is(pos.send('[{"id": 2, "total": 21}]', 'g'), '1 0 f', 'a host of all scopes sends all');
SELECT is(pos.send('[{"k": "y", "n": 1, "v": 1}]', 'h', 'plain'), '1 0 f', 'what has no scope is everybody''s');

-- conflicts: both have changed a row since the version that the host has
CALL sambapos_feed_tick('pos');
SELECT sambapos_heartbeat('h', version) FROM sambapos.feed_state JOIN sambapos.change_feed AS f USING (feed_id) WHERE f.name = 'pos';
INSERT INTO pos.checks (id, store, total, at) SELECT n, 'a', n, '2026-01-01' FROM generate_series(100, 112) AS n;
CALL sambapos_feed_tick('pos');
SELECT sambapos_heartbeat('h', version) ->> 'latestVersion' AS v FROM sambapos.feed_state JOIN sambapos.change_feed AS f USING (feed_id) WHERE f.name = 'pos' \gset
UPDATE pos.checks SET total = 500, at = '2026-01-05' WHERE id BETWEEN 100 AND 105;
DELETE FROM pos.checks WHERE id IN (106, 107);
UPDATE pos.checks SET store = 'b' WHERE id = 108;
CALL sambapos_feed_tick('pos');
UPDATE pos.checks SET total = 501 WHERE id = 109;
DELETE FROM sambapos.conflict;
SELECT is(pos.send('[{"id": 100, "store": "a", "total": 1}, {"id": 106, "store": "a", "total": 1}, {"id": 108, "store": "a", "total": 1}, {"id": 109, "store": "a", "total": 1}, {"id": 110, "store": "a", "total": 1},
                     {"id": 101, "store": "a", "total": 500}, {"id": 102, "_deleted": true}]'), '2 5 f', 'cloud_wins');
SELECT results_eq($$SELECT (key ->> 'id')::integer, winner, policy, host, host_row ->> 'total', cloud_row ->> 'total', row_number FROM sambapos.conflicts ORDER BY 1$$,
  $$VALUES (100, 'cloud', 'cloud_wins', 'h', '1.00', '500.00', 1), (102, 'cloud', 'cloud_wins', 'h', NULL, '500.00', 7), (106, 'cloud', 'cloud_wins', 'h', '1.00', NULL, 2), (108, 'cloud', 'cloud_wins', 'h', '1.00', NULL, 3), (109, 'cloud', 'cloud_wins', 'h', '1.00', '501.00', 4)$$,
  'both versions of each, also of what was deleted, moved, or has no version yet');
SELECT results_eq('SELECT id, total::numeric FROM pos.checks WHERE id BETWEEN 100 AND 110 AND total NOT BETWEEN 103 AND 105 ORDER BY 1',
  $$VALUES (100, 500::numeric), (101, 500), (102, 500), (103, 500), (104, 500), (105, 500), (108, 108), (109, 501), (110, 1)$$, 'what is there');
SELECT is(pos.send('[{"id": 106, "store": "a", "_deleted": true}]'), '1 0 f', 'deleted on both sides is equal');
SELECT sambapos_configure('pos', 'policy', 'host_wins', 'checks');
DELETE FROM sambapos.conflict;
SELECT is(pos.send('[{"id": 100, "store": "a", "total": 2}, {"id": 106, "store": "a", "total": 2}, {"id": 108, "store": "a", "total": 2}, {"id": 102, "_deleted": true}]'), '3 4 f', 'host_wins');
SELECT results_eq($$SELECT (key ->> 'id')::integer, winner, cloud_row ->> 'total' FROM sambapos.conflicts ORDER BY 1$$, $$VALUES (100, 'host', '500.00'), (102, 'host', '500.00'), (106, 'host', NULL), (108, 'cloud', NULL)$$, 'but for a row of another scope now');
SELECT is(pos.send('[{"id": 100, "store": "a", "total": 2.5}, {"id": 100, "store": "a", "total": 2}]'), '2 0 f', 'what was judged is judged once');
SELECT results_eq('SELECT id, total::numeric FROM pos.checks WHERE id IN (100, 102, 106, 108) ORDER BY 1', $$VALUES (100, 2::numeric), (106, 2), (108, 108)$$, 'what is there');
SELECT sambapos_configure('pos', 'policy', 'latest_wins', 'checks'), sambapos_configure('pos', 'time_column', 'at', 'checks');
SELECT sambapos_heartbeat('h', 3) AS b \gset
DELETE FROM sambapos.conflict;
SELECT is(pos.send(format('[{"id": 101, "store": "a", "total": 3, "at": "2026-01-06", "_base": %1$s}, {"id": 103, "store": "a", "total": 3, "at": "2026-01-05", "_base": %1$s}, {"id": 104, "store": "a", "total": 3, "at": "2026-01-04", "_base": %1$s},
                            {"id": 105, "store": "a", "total": 3, "at": null, "_base": %1$s}, {"id": 107, "store": "a", "total": 3, "at": "2030-01-01", "_base": %1$s}]', :v)::jsonb), '1 5 f', 'latest_wins');
SELECT results_eq($$SELECT (key ->> 'id')::integer, winner, base = $$ || :v || $$ FROM sambapos.conflicts ORDER BY 1$$, $$VALUES (101, 'host', true), (103, 'cloud', true), (104, 'cloud', true), (105, 'cloud', true), (107, 'cloud', true)$$,
  'the later; of equal times, of none, and of what was deleted here: the cloud');
UPDATE pos.checks SET at = NULL, total = 7 WHERE id = 105;
SELECT is(pos.send(format('[{"id": 105, "store": "a", "total": 4, "at": "2020-01-01", "_base": %s}]', :v)::jsonb), '1 1 f', 'no time here is earlier than any');

-- what is not known is a conflict
SELECT sambapos_configure('pos', 'policy', 'cloud_wins', 'checks');
SELECT sambapos_heartbeat('h', NULL) AS b \gset
SELECT is(pos.send('[{"id": 111, "store": "a", "total": 9}, {"id": 200, "store": "a", "total": 9}]'), '1 1 f', 'a host without a version: of what differs, not of what is new');
SELECT sambapos_heartbeat('h', :v, gen_random_uuid()) AS b \gset
SELECT is(pos.send('[{"id": 111, "store": "a", "total": 9}]'), '0 1 f', 'a version of another life');
SELECT sambapos_heartbeat('h', 99999) AS b \gset
SELECT is(pos.send('[{"id": 111, "store": "a", "total": 9}]'), '0 1 f', 'one that the feed has not given');
SELECT is(pos.send('[{"id": 200, "store": "a", "total": 10}]'), '1 0 f', 'but what the host itself was the last to change is none');
SELECT is(pos.send(format('[{"id": 111, "store": "a", "total": 9, "_base": %s}]', :v)::jsonb), '1 0 f', 'the row says it itself');

-- what was deleted here comes back without a trace for no host, also one of which nobody knows what it had
CREATE TABLE pos.gone (id integer PRIMARY KEY, store text, total numeric, at timestamptz);
SELECT sambapos_add_to_feed('pos', 'pos.gone', 'gone', scope => 'store');
INSERT INTO pos.gone SELECT n, 'a', n, '2026-01-01' FROM generate_series(1, 9) AS n;
CALL sambapos_feed_tick('pos');
SELECT sambapos_configure('pos', 'time_column', 'at', 'gone');
SELECT version AS w FROM sambapos.feed_state JOIN sambapos.change_feed AS f USING (feed_id) WHERE f.name = 'pos' \gset
DELETE FROM pos.gone WHERE id IN (1, 2, 3);
UPDATE pos.gone SET store = 'b' WHERE id = 4;
CALL sambapos_feed_tick('pos');
CREATE FUNCTION pos.sent(policy text, rows jsonb) RETURNS text LANGUAGE sql AS $$ SELECT public.sambapos_configure('pos', 'policy', policy, 'gone'); SELECT pos.send(rows, 'h', 'gone') $$;
SELECT sambapos_heartbeat('h', NULL) AS b \gset
SELECT is(pos.sent(p, '[{"id": 1, "store": "a", "total": 7, "at": "2030-01-01"}]'), '0 1 f', 'deleted, and no version told: ' || p) FROM unnest('{cloud_wins,latest_wins}'::text[]) AS p;
SELECT sambapos_heartbeat('h', 99999) AS b \gset
SELECT is(pos.sent(p, '[{"id": 2, "store": "a", "total": 7, "at": "2030-01-01"}]'), '0 1 f', 'or one that was never given: ' || p) FROM unnest('{cloud_wins,latest_wins}'::text[]) AS p;
SELECT is(pos.sent('host_wins', '[{"id": 3, "store": "a", "total": 7}]'), '1 1 f', 'host_wins brings it back, on record');
SELECT is(pos.sent('host_wins', '[{"id": 4, "store": "a", "total": 7}, {"id": 50, "store": "a"}]'), '1 1 f', 'moved away: a conflict, which does not keep the batch back');
SELECT results_eq('SELECT id, store, total FROM pos.gone WHERE id < 5 OR id = 50 ORDER BY 1', $$VALUES (3, 'a', 7::numeric), (4, 'b', 4), (50, 'a', NULL)$$, 'what is there');
SELECT sambapos_heartbeat('h', :w) AS b \gset
SELECT is(pos.sent('cloud_wins', '[{"id": 51, "store": "a", "total": 7}, {"id": 6, "store": "a", "total": 7}, {"id": 6, "store": "a", "total": 6}]'), '3 0 f', 'new ones, and one twice');
TRUNCATE pos.gone;
SELECT is(pos.sent(p, '[{"id": 5, "store": "a", "total": 7, "at": "2030-01-01"}]'), '0 1 f', 'emptied: ' || p) FROM unnest('{cloud_wins,latest_wins}'::text[]) AS p;
SELECT is(pos.sent('cloud_wins', '[{"id": 51, "store": "a", "total": 7}]'), '0 1 f', 'also after the host had changed the row');
CALL sambapos_feed_tick('pos');
SELECT is(pos.sent('cloud_wins', '[{"id": 7, "store": "a", "total": 7}]'), '0 1 f', 'and later');
SELECT sambapos_heartbeat('h', version) AS b FROM sambapos.feed_state JOIN sambapos.change_feed AS f USING (feed_id) WHERE f.name = 'pos' \gset
SELECT is(pos.sent('cloud_wins', '[{"id": 8, "store": "a", "total": 7}]'), '1 0 f', 'not when the host knows it');
SELECT is(pos.sent('host_wins', jsonb_agg(jsonb_build_object('id', n, 'store', 'a', 'total', 1))), '2000 0 f', 'many new rows') FROM generate_series(1001, 3000) AS n;
SELECT is(pos.sent('host_wins', jsonb_agg(jsonb_build_object('id', n, 'store', 'a', 'total', 2))), '2000 0 f', 'and once more') FROM generate_series(1001, 3000) AS n;
CREATE FUNCTION pos.other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('sambapos.changed_by', 'a trigger', true); RETURN NULL; END $$;
CREATE TRIGGER other AFTER INSERT ON pos.gone FOR EACH ROW EXECUTE FUNCTION pos.other();
SELECT is(pos.sent('host_wins', '[{"id": 60, "store": "a"}, {"id": 61, "store": "a"}]'), '2 0 f', 'a trigger that sets the changer keeps no batch back');
DROP TRIGGER other ON pos.gone;
CREATE TRIGGER zz AFTER INSERT ON pos.gone FOR EACH STATEMENT EXECUTE FUNCTION pos.other();
SELECT is(pos.sent('host_wins', '[{"id": 62, "store": "a"}, {"id": 63, "store": "a"}]'), '2 0 f', 'nor one that fires last');
SELECT isnt_empty($$SELECT FROM sambapos.change WHERE entity = 'gone' AND key ->> 'id' = '63' AND changed_by = 'host:h'$$, 'and the next row is the host''s again');
SELECT sambapos_remove_from_feed('pos', 'gone');
SELECT sambapos_heartbeat('h', :v) AS b \gset

-- who sees conflicts
SET LOCAL ROLE ha;
SELECT isnt_empty('SELECT * FROM sambapos.conflicts', 'the host sees its own');
SELECT is(pos.send('[{"id": 201, "store": "a", "total": 1}]'), '1 0 f', 'and sends with its own role, which has no right on the table');
SELECT throws_ok('SELECT * FROM pos.checks', '42501', NULL, 'that is so');
SET LOCAL ROLE looker;
SELECT is_empty('SELECT * FROM sambapos.conflicts', 'a reader who may not read the table sees none');
RESET ROLE;
GRANT SELECT ON pos.checks TO looker;
SET LOCAL ROLE looker;
SELECT isnt_empty('SELECT * FROM sambapos.conflicts', 'one who may does');
SET LOCAL ROLE chief;
SELECT isnt_empty('SELECT * FROM sambapos.conflicts', 'and so does an admin');
RESET ROLE;

-- with the rights of the owner, and of no later one
CREATE TABLE pos.trail (who text);
GRANT INSERT ON pos.trail TO PUBLIC;
CREATE FUNCTION pos.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO pos.trail VALUES (current_user); RETURN NULL; END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON pos.checks FOR EACH ROW EXECUTE FUNCTION pos.note();
SELECT pos.send('[{"id": 202, "store": "a", "total": 1}]'), pos.send('[{"id": 202, "store": "a", "total": 2}]'), pos.send('[{"id": 202, "_deleted": true}]');
SELECT results_eq('SELECT who, count(*) FROM pos.trail GROUP BY 1', $$VALUES ('keeper', 3::bigint)$$, 'what a trigger does it does as the owner');
ALTER TABLE pos.checks OWNER TO chief;
SELECT throws_ok($$SELECT pos.send('[{"id": 203, "store": "a"}]')$$, '55000', NULL, 'of another owner''s table nothing is written by the policy of the former');
ALTER TABLE pos.checks OWNER TO keeper;
SELECT throws_ok($$SELECT sambapos._write_as_owner('pos', 'checks', 'INSERT INTO pos.checks (id) VALUES (1) RETURNING id', NULL, NULL, NULL, NULL)$$, '42601', NULL, 'no statement that returns rows');
SELECT throws_ok($$SELECT sambapos._write_as_owner('pos', 'checks', 'TRUNCATE pos.checks', NULL, NULL, NULL, NULL)$$, '42601', NULL, 'nor any other');

CREATE TABLE pos.odd (id integer PRIMARY KEY);
SELECT sambapos_add_to_feed('pos', 'pos.odd', 'odd'), sambapos_configure('pos', 'policy', 'host_wins', 'odd');
CREATE FUNCTION pos.odd() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 1 THEN RETURN NULL; END IF; PERFORM FROM odd; RETURN NEW; END $$;
CREATE TRIGGER odd BEFORE INSERT ON pos.odd FOR EACH ROW EXECUTE FUNCTION pos.odd();
CREATE FUNCTION pos.words(rows jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d text; h text; BEGIN PERFORM pos.send(rows, 'g', 'odd'); RETURN NULL; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT; RETURN concat_ws(' ', d, h); END $$;
SELECT matches(pos.words('[{"id": 1}]'), 'or a trigger of the table keeps the row out', 'a trigger that keeps a row out');
SELECT matches(pos.words('[{"id": 2}]'), '42P01.*pg_catalog', 'a trigger that names a table without its schema');
SELECT sambapos_remove_from_feed('pos', 'odd');

CREATE TABLE pos.parts (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE pos.parts_1 PARTITION OF pos.parts FOR VALUES FROM (0) TO (10);
ALTER TABLE pos.parts OWNER TO keeper; ALTER TABLE pos.parts_1 OWNER TO keeper;
SELECT sambapos_add_to_feed('pos', 'pos.parts', 'parts'), sambapos_configure('pos', 'policy', 'host_wins', 'parts');
SELECT is(pos.send('[{"id": 1}, {"id": 2}]', 'g', 'parts') || pos.send('[{"id": 1, "_deleted": true}]', 'g', 'parts'), '2 0 f1 0 f', 'a partitioned table');
ALTER TABLE pos.parts_1 OWNER TO looker;
SELECT throws_ok($$SELECT pos.send('[{"id": 3}]', 'g', 'parts')$$, '42501', NULL, 'a partition that another role has would run code of that role: nothing is written');
SELECT sambapos_remove_from_feed('pos', 'parts');

-- a policy that is taken back, an entity that leaves
SELECT is(sambapos_configure('pos', 'policy', NULL, 'plain'), NULL, 'no policy any more');
SELECT throws_ok($$SELECT pos.send('[{"k": "z", "n": 1}]', 'g', 'plain')$$, '55000', NULL, 'nothing is received');
SELECT sambapos_remove_from_feed('pos', 'checks');
SELECT is_empty($$SELECT * FROM sambapos.receive_policy WHERE entity = 'checks'$$, 'an entity goes with its policy');
SELECT isnt_empty('SELECT * FROM sambapos.conflicts', 'conflicts stay on record');
CREATE TABLE pos.later (id integer PRIMARY KEY);
GRANT SELECT ON pos.later TO looker;
SELECT sambapos_add_to_feed('pos', 'pos.later', 'checks');
SET LOCAL ROLE looker;
SELECT is_empty('SELECT * FROM sambapos.conflicts', 'whoever may read another table of that name sees none');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
