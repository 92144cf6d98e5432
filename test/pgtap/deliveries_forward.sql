-- Promise: deliveries go into a queue of pgq or pgmq, each once, with what the rows have; nothing that only looks like one of
-- them is called; it needs the caller's own rights there.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT no_plan();
SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pgq') AS has_pgq \gset

CREATE TABLE sales (id integer PRIMARY KEY, total numeric);
SELECT sambapos_add_feed('pos');
SELECT sambapos_add_to_feed('pos', 'sales');
SELECT sambapos_add_consumer('to_queue', 'pos', '{sales}');
INSERT INTO sales VALUES (1, 10.50), (2, 20);
CALL sambapos_feed_tick('pos');
SELECT throws_ok($$SELECT sambapos_forward('to_queue', 'rabbit', 'sales')$$, '22023', NULL, 'a queue system that is not known');

-- pgmq by its documented function; here one that is no member of it first
CREATE SCHEMA pgmq;
CREATE TABLE pgmq.queue (id bigint GENERATED ALWAYS AS IDENTITY (START 100), queue text, message jsonb, who text);
CREATE FUNCTION pgmq.send(queue_name text, msg jsonb) RETURNS SETOF bigint LANGUAGE sql AS
$$ INSERT INTO pgmq.queue (queue, message, who) VALUES (queue_name, msg, current_user) RETURNING id $$;
SELECT throws_ok($$SELECT sambapos_forward('to_queue', 'pgmq', 'sales')$$, '42704', NULL, 'a function that is no member of the extension is not called');
SELECT is_empty('SELECT * FROM pgmq.queue', 'nothing was');
SET LOCAL allow_system_table_mods = on;
INSERT INTO pg_extension SELECT 16000, 'pgmq', 10, 'pgmq'::regnamespace, false, '1.5', NULL, NULL;
INSERT INTO pg_depend VALUES ('pg_proc'::regclass, 'pgmq.send(text,jsonb)'::regprocedure, 0, 'pg_extension'::regclass, 16000, 0, 'e');
CREATE ROLE forwarder;
SELECT throws_ok($$SELECT sambapos_forward('nobody', 'pgmq', 'sales')$$, '42704', NULL, 'no such consumer');
SELECT is(sambapos_forward('to_queue', 'pgmq', 'sales'), 2::bigint, 'all that is due goes into the queue');
SELECT results_eq('SELECT queue, message ->> ''entity'', message -> ''key'', message -> ''data'' ->> ''total'', message ? ''idempotencyKey'' FROM pgmq.queue ORDER BY id',
  $$VALUES ('sales', 'sales', '{"id": 1}'::jsonb, '10.50', true), ('sales', 'sales', '{"id": 2}', '20', true)$$, 'with what the rows have');
SELECT results_eq('SELECT status, reference FROM sambapos.deliveries ORDER BY key', $$VALUES ('synced', '100'), ('synced', '101')$$, 'and is done, under the message''s number');
SELECT is(sambapos_forward('to_queue', 'pgmq', 'sales'), 0::bigint, 'once');
SELECT lives_ok($$SELECT sambapos_add_consumer('with_role', 'pos', '{sales}', role => 'forwarder', start => 'beginning')$$, 'a role of its own');
SET LOCAL ROLE forwarder;
SELECT throws_ok($$SELECT sambapos_forward('with_role', 'pgmq', 'sales')$$, '42501', NULL, 'needs rights on the queue');
RESET ROLE;
SELECT is((SELECT count(*) FROM sambapos.deliveries WHERE consumer = 'with_role' AND status = 'pending'), 2::bigint, 'and has taken nothing');
GRANT USAGE ON SCHEMA pgmq TO forwarder;
GRANT INSERT, SELECT ON pgmq.queue TO forwarder;
SET LOCAL ROLE forwarder;
SELECT is(sambapos_forward('with_role', 'pgmq', 'sales'), 2::bigint, 'with them it forwards');
RESET ROLE;
SELECT is((SELECT DISTINCT who FROM pgmq.queue WHERE id > 101), 'forwarder', 'with its own rights');

-- a message that the queue does not take
CREATE FUNCTION pgmq.check() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF NEW.message -> 'key' ->> 'id' = '4' THEN RAISE 'message too large: %', NEW.message; END IF; RETURN NEW; END $$;
CREATE TRIGGER "check" BEFORE INSERT ON pgmq.queue FOR EACH ROW EXECUTE FUNCTION pgmq.check();
INSERT INTO sales VALUES (3, 30), (4, 40), (5, 50);
CALL sambapos_feed_tick('pos');
SET LOCAL ROLE forwarder;
SELECT is(sambapos_forward('with_role', 'pgmq', 'sales'), 2::bigint, 'the others go into the queue');
RESET ROLE;
SELECT results_eq($$SELECT key ->> 'id', status, attempts, last_error FROM sambapos.deliveries WHERE consumer = 'with_role' AND status <> 'synced'$$,
  $$VALUES ('4', 'failed', 1, 'the queue raised SQLSTATE P0001')$$, 'the one has failed, and says why, without a word of what was sent');
DELETE FROM sales WHERE id > 2;
CALL sambapos_feed_tick('pos');

\if :has_pgq
CREATE EXTENSION pgq;
SELECT pgq.create_queue('sales'), pgq.register_consumer('sales', 'reader') \gset ignored_
SELECT sambapos_add_consumer('to_pgq', 'pos', '{sales}', start => 'beginning');
SELECT is(sambapos_forward('to_pgq', 'pgq', 'sales'), 2::bigint, 'into pgq');
SELECT results_eq(format('SELECT ev_type, ev_data::jsonb -> ''key'' FROM %s ORDER BY ev_id', pgq.current_event_table('sales')), $$VALUES ('sales', '{"id": 1}'::jsonb), ('sales', '{"id": 2}')$$, 'as events of the entity''s name');
SELECT ok((SELECT bool_and(reference ~ '^[0-9]+$') FROM sambapos.deliveries WHERE consumer = 'to_pgq'), 'under the event''s number');
\else
SELECT skip('extension pgq is not available', 3);
\endif
SELECT * FROM finish();
ROLLBACK;
