-- Promise: what the owner of a table has put on a feed is run with that owner's rights, and with nobody else's: not when the
-- table has another owner, not when there is no table for a while, not when another table has its entity's name. The present
-- owner says that it goes on.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT no_plan();

CREATE ROLE alice; CREATE ROLE bob; CREATE ROLE mallory; CREATE ROLE worker;
SELECT count(sambapos_grant(r, 'admin')) AS granted FROM unnest('{alice,bob,mallory}'::text[]) AS r \gset
CREATE SCHEMA shop;
GRANT ALL ON SCHEMA shop TO alice, bob, mallory;
CREATE TABLE shop.seen (door text, who text);
GRANT INSERT ON shop.seen TO PUBLIC;
SELECT sambapos_add_feed('shop');

-- another owner
SET LOCAL SESSION AUTHORIZATION mallory;
CREATE TABLE shop.orders (id integer PRIMARY KEY, name text, status text);
CREATE FUNCTION shop.trap(door text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO shop.seen VALUES (door, current_user); RETURN true; END $$;
CREATE FUNCTION shop.written() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM shop.trap('write back'); RETURN NEW; END $$;
CREATE TRIGGER written BEFORE UPDATE ON shop.orders FOR EACH ROW WHEN (NEW.status = 'synced') EXECUTE FUNCTION shop.written();
SELECT sambapos_add_to_feed('shop', 'shop.orders');
SELECT sambapos_add_urgent_rule('shop', 'trap', 'orders', condition => 'shop.trap(''rule'')');
SELECT sambapos_add_consumer('trap', 'shop', '{orders}', condition => 'shop.trap(''consumer'')', status_column => 'status', role => 'worker');
SELECT sambapos_add_consumer('plain', 'shop', '{orders}', role => 'worker');
SELECT sambapos_add_consumer('told', 'shop', '{orders}', mode => 'stream', role => 'worker');
INSERT INTO shop.orders VALUES (1, 'a');
CALL sambapos_feed_tick('shop');
RESET SESSION AUTHORIZATION;
SELECT results_eq('SELECT DISTINCT door, who FROM shop.seen ORDER BY 1', $$VALUES ('consumer', 'mallory'), ('rule', 'mallory')$$, 'the owner''s functions run as the owner');
CREATE TABLE given AS SELECT * FROM sambapos_next('trap');
ALTER TABLE shop.orders OWNER TO bob;
INSERT INTO shop.orders VALUES (2, 'b');
DELETE FROM shop.seen;
SELECT lives_ok('SELECT sambapos_ack(''trap'', delivery_id) FROM given', 'what was delivered is so');
SELECT is_empty($$SELECT * FROM sambapos_next('plain')$$, 'nothing is given out');
SELECT throws_ok($$SELECT * FROM sambapos_read('told')$$, '55000', NULL, 'nor told');
CALL sambapos_feed_tick('shop');
INSERT INTO shop.orders VALUES (3, 'c');
CALL sambapos_feed_tick('shop');
SELECT is_empty(format('SELECT * FROM sambapos_next(%L)', c), 'nor after the tick: ' || c) FROM unnest('{trap,plain}'::text[]) AS c;
SELECT throws_ok($$SELECT * FROM sambapos_read('told')$$, '55000', NULL, 'nor: told');
SELECT is_empty('SELECT * FROM shop.seen', 'no function of the former owner runs as the present one');
SELECT ok((SELECT problem ~ 'belongs to role "bob".*"mallory"' FROM sambapos.urgent_rule WHERE rule = 'trap'), 'the rule says why it has stopped');
SELECT results_eq($$SELECT consumer, light FROM sambapos.consumers WHERE reason ~ 'owner|belongs to' ORDER BY 1$$, $$VALUES ('plain', 'red'), ('told', 'red'), ('trap', 'red')$$, 'so does each consumer');
SELECT is((SELECT count(*) FROM sambapos_changes('shop', 0) WHERE key = '{"id": 3}'), 1::bigint, 'the feed goes on');

-- the present owner says that they go on
SET LOCAL SESSION AUTHORIZATION mallory;
SELECT throws_ok($$SELECT sambapos_add_consumer('plain', 'shop', '{orders}', role => 'worker')$$, '42501', NULL, 'the former owner cannot');
SET LOCAL SESSION AUTHORIZATION bob;
SELECT throws_ok($$SELECT sambapos_add_consumer('plain', 'shop', '{orders}')$$, '42710', NULL, 'another consumer of its name cannot be');
SELECT lives_ok($$SELECT sambapos_add_consumer('plain', 'shop', '{orders}', role => 'worker')$$, 'the present owner adds it again');
SELECT lives_ok($$SELECT sambapos_remove_urgent_rule('shop', 'trap'), sambapos_add_urgent_rule('shop', 'trap', 'orders', condition => 'r.id > 0')$$, 'and the rule');
RESET SESSION AUTHORIZATION;
CALL sambapos_feed_tick('shop');
SET LOCAL ROLE worker;
SELECT results_eq($$SELECT key ->> 'id' FROM sambapos_next('plain') ORDER BY 1$$, $$VALUES ('1'), ('3')$$, 'it goes on where it was');
RESET ROLE;
SELECT is((SELECT problem FROM sambapos.urgent_rule WHERE rule = 'trap'), NULL, 'and so does the rule');
ALTER TABLE shop.orders OWNER TO mallory;
CALL sambapos_feed_tick('shop');
CALL sambapos_feed_tick('shop');
SELECT is((SELECT problem FROM sambapos.consumer_position JOIN sambapos.feed_consumer USING (consumer_id) WHERE name = 'trap'), NULL, 'the former owner has it back: all goes on');
SELECT isnt((SELECT problem FROM sambapos.urgent_rule WHERE rule = 'trap'), NULL, 'but what the other one has given');
SELECT results_eq('SELECT DISTINCT who FROM shop.seen', $$VALUES ('mallory')$$, 'each with its own rights');

-- an admin puts a delivery off or brings it forward, and says no more of it
SET LOCAL SESSION AUTHORIZATION alice;
SELECT lives_ok($$UPDATE sambapos.delivery SET next_at = now() WHERE entity = 'orders'$$, 'an admin sets when a delivery is tried');
SELECT throws_ok(format('UPDATE sambapos.delivery SET %s', a), '42501', NULL, 'but not: ' || a)
FROM unnest(ARRAY['leased_until = NULL', 'key = ''{"id": 77}''', 'state = ''done''', 'reference = ''x''', 'consumer_id = 1']) AS a;
RESET SESSION AUTHORIZATION;

-- another table of the entity's name
SET LOCAL SESSION AUTHORIZATION alice;
CREATE TABLE shop.docs (id integer PRIMARY KEY, text text);
SELECT sambapos_add_to_feed('shop', 'shop.docs');
SELECT sambapos_add_consumer('alices_stream', 'shop', '{docs}', mode => 'stream', role => 'worker');
SELECT sambapos_add_consumer('alices_work', 'shop', '{docs}', role => 'worker');
SELECT sambapos_remove_from_feed('shop', 'docs');
SET LOCAL SESSION AUTHORIZATION bob;
CREATE TABLE shop.bobs (id integer PRIMARY KEY, text text);
SELECT sambapos_add_to_feed('shop', 'shop.bobs', 'docs');
INSERT INTO shop.bobs VALUES (1, 'of bob');
CALL sambapos_feed_tick('shop');
SET LOCAL SESSION AUTHORIZATION worker;
SELECT is_empty($$SELECT * FROM sambapos_read('alices_stream')$$, 'a stream is told nothing of a table that has an entity''s name after it');
SELECT is_empty($$SELECT * FROM sambapos_next('alices_work')$$, 'nor does a worker get it');
RESET SESSION AUTHORIZATION;

-- while the table is away, and while another one has its place
SET LOCAL SESSION AUTHORIZATION bob;
ALTER TABLE shop.bobs RENAME TO away;
SET LOCAL SESSION AUTHORIZATION mallory;
SELECT throws_ok(format('SELECT sambapos_add_consumer(''loot'', ''shop'', ''{docs}'', %s)', a), '42501', NULL, 'nobody else gets a consumer of a table that is away: ' || a)
FROM unnest(ARRAY['''work''', '''stream'', start => ''beginning''']) AS a;
CREATE TABLE shop.bobs (id integer PRIMARY KEY, text text);
SELECT throws_ok($$SELECT sambapos_add_consumer('loot', 'shop', '{docs}')$$, '55000', NULL, 'nor by a table in its place');
SELECT throws_ok($$SELECT sambapos_add_urgent_rule('shop', 'loot', 'docs', condition => 'shop.trap(''loot'')')$$, '55000', NULL, 'nor a rule');
DROP TABLE shop.bobs;
SET LOCAL SESSION AUTHORIZATION bob;
ALTER TABLE shop.away RENAME TO bobs;
SELECT lives_ok($$SELECT sambapos_add_consumer('bobs', 'shop', '{docs}', 'stream', start => 'beginning')$$, 'its owner adds one when it is there');
RESET SESSION AUTHORIZATION;
SELECT * FROM finish();
ROLLBACK;
