-- Promise: what a feed or a consumer meets and goes on after is put on record by SQLSTATE: no value of a row that stands in
-- the message gets into column problem, a warning, or an alert. What this extension itself says stays. Who does not own a
-- table takes its entity off no feed, also when the table is gone; a role keeps what it was granted besides.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT no_plan();

CREATE SCHEMA pos;
CREATE TABLE pos.sale (id integer PRIMARY KEY, total text);
CREATE FUNCTION pos.ready(total text) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN IF total ~ 'Secret' THEN RAISE 'customer % is not ready', total; END IF; RETURN true; END $$;
SELECT sambapos_add_feed('pos');
SELECT sambapos_add_to_feed('pos', 'pos.sale');
SELECT sambapos_add_consumer('function', 'pos', '{sale}', condition => 'pos.ready(r.total)');
SELECT sambapos_add_consumer('cast', 'pos', '{sale}', condition => 'r.total::numeric > 0');
SELECT sambapos_add_urgent_rule('pos', 'function', 'sale', condition => 'pos.ready(r.total)');
SELECT sambapos_add_urgent_rule('pos', 'cast', 'sale', condition => 'r.total::numeric > 0');
INSERT INTO pos.sale VALUES (1, 'Secret');
CALL sambapos_feed_tick('pos');
SELECT results_eq('SELECT consumer, problem FROM sambapos.consumers ORDER BY 1', $$VALUES
  ('cast', 'SQLSTATE 22P02: a value that does not fit'), ('function', 'SQLSTATE P0001: raised by a function')$$, 'of what stops a consumer the SQLSTATE is on record');
SELECT results_eq('SELECT rule, problem FROM sambapos.urgent_rule ORDER BY 1', $$VALUES
  ('cast', 'SQLSTATE 22P02: a value that does not fit'), ('function', 'SQLSTATE P0001: raised by a function')$$, 'so of what stops a rule');
SELECT is((SELECT count(*) FROM sambapos.alerts AS a WHERE a::text ~ 'Secret'), 0::bigint, 'no alert has the value');

-- the tick as a whole
ALTER TABLE sambapos.change ADD CONSTRAINT watched CHECK (key ->> 'id' <> '4711' OR version IS NULL);
INSERT INTO pos.sale VALUES (4711, '1');
CALL sambapos_feed_tick('pos');
SELECT is((SELECT problem FROM sambapos.feeds WHERE feed = 'pos'), 'SQLSTATE 23514: a constraint is violated', 'so of what stops a tick');
ALTER TABLE sambapos.change DROP CONSTRAINT watched;
CALL sambapos_feed_tick('pos');
SELECT is((SELECT problem FROM sambapos.feeds WHERE feed = 'pos'), NULL, 'which goes on');

-- what is its own, and what looks so
CREATE FUNCTION sambapos._own() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'own words'; END $$;
CREATE FUNCTION pos."sambapos._not("(secret text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE '%', secret; END $$;
CREATE FUNCTION pos.words(call text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  context text;
BEGIN
  EXECUTE call;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
  RETURN sambapos._error_words(SQLSTATE, SQLERRM, context);
END
$$;
SELECT is(pos.words('SELECT sambapos._own()'), 'own words', 'what this extension says stays');
SELECT is(pos.words($$SELECT pos."sambapos._not("('Secret')$$), 'SQLSTATE P0001: raised by a function', 'a function that is called like one of it is none');
SELECT is(pos.words($$SELECT 'Secret'::integer$$), 'SQLSTATE 22P02: a value that does not fit', 'nor is a cast');

-- who may take an entity off
CREATE ROLE keeper;
CREATE ROLE stranger;
SELECT sambapos_grant(r, 'admin') FROM unnest('{keeper,stranger}'::name[]) AS r;
CREATE SCHEMA his AUTHORIZATION keeper;
SET LOCAL ROLE keeper;
CREATE TABLE his.item (id integer PRIMARY KEY);
SELECT sambapos_add_to_feed('pos', 'his.item');
DROP TABLE his.item;
SET LOCAL ROLE stranger;
SELECT throws_ok($$SELECT sambapos_remove_from_feed('pos', 'item')$$, '42501', NULL, 'a table that is gone was another''s');
SET LOCAL ROLE keeper;
SELECT lives_ok($$SELECT sambapos_remove_from_feed('pos', 'item')$$, 'whose it was takes it off');
RESET ROLE;

-- what a role was granted besides
CREATE ROLE owner;
CREATE SCHEMA hers AUTHORIZATION owner;
SET LOCAL ROLE owner;
CREATE TABLE hers.item (id integer PRIMARY KEY);
RESET ROLE;
GRANT USAGE ON SCHEMA sambapos TO owner;
GRANT SELECT ON sambapos.feeds TO owner;
SELECT sambapos_add_to_feed('pos', 'hers.item');
SELECT sambapos_remove_from_feed('pos', 'item');
SELECT ok(has_schema_privilege('owner', 'sambapos', 'USAGE') AND has_table_privilege('owner', 'sambapos.feeds', 'SELECT'), 'what was granted besides stays');
SELECT ok(NOT has_table_privilege('owner', 'sambapos._feed_entered', 'INSERT'), 'the way into the log does not');
REVOKE SELECT ON sambapos.feeds FROM owner;
SELECT sambapos_add_to_feed('pos', 'hers.item');
SELECT sambapos_remove_from_feed('pos', 'item');
SELECT ok(NOT has_schema_privilege('owner', 'sambapos', 'USAGE'), 'where nothing is the schema is closed');

SELECT * FROM finish();
ROLLBACK;
