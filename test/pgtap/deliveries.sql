-- Promise: what changes on a feed is delivered to its consumers, each row's last change and no earlier one twice, never
-- before it is numbered; what fails is tried again and, at last, waits for a person; nobody is told of what it writes
-- itself; no role does anything for a consumer of others. No site is needed.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT no_plan();

CREATE SCHEMA pos;
CREATE TABLE pos.sales (number text PRIMARY KEY, total numeric, is_closed boolean NOT NULL DEFAULT true, status text, ledger_id bigint);
CREATE TABLE pos.items (sale text, line integer, name text, PRIMARY KEY (sale, line));
INSERT INTO pos.sales VALUES ('A1', 10, true), ('A2', 20, false);
SELECT sambapos_add_feed('pos');
SELECT sambapos_add_to_feed('pos', 'pos.sales', 'sales');
SELECT sambapos_add_to_feed('pos', 'pos.items', 'items');

-- what can be a consumer
SELECT throws_ok(format('SELECT sambapos_add_consumer(%s)', t.arguments), t.state, NULL, 'refused: ' || t.arguments)
FROM (VALUES ($$'The Ledger', 'pos', '{sales}'$$, '42602'), ($$'l', 'bar', '{sales}'$$, '42704'), ($$'l', 'pos', '{sale}'$$, '42704'),
             ($$'l', 'pos', '{}'$$, '22023'), ($$'l', 'pos', '{sales}', mode => 'push'$$, '22023'), ($$'l', 'pos', '{sales}', start => 'end'$$, '22023'),
             ($$'l', 'pos', '{sales}', max_attempts => 0$$, '22023'), ($$'l', 'pos', '{sales}', lease => '0'$$, '22023'),
             ($$'l', 'pos', '{sales}', role => 'nobody_here'$$, '42704'), ($$'l', 'pos', '{sales}', status_column => 'state'$$, '42703'),
             ($$'l', 'pos', '{sales}', status_column => 'number'$$, '22023'), ($$'l', 'pos', '{sales}', condition => 'is_open'$$, '42703'),
             ($$'l', 'pos', '{sales}', condition => 'total +'$$, '42601'), ($$'l', 'pos', '{sales}', mode => 'stream', once => true$$, '22023')) AS t (arguments, state);
SELECT is_empty('SELECT * FROM sambapos.consumers', 'what was refused has left nothing');
SELECT lives_ok($$SELECT sambapos_add_consumer('ledger', 'pos', '{sales}', condition => 'r.is_closed', status_column => 'status', reference_column => 'ledger_id')$$, 'a consumer');
SELECT throws_ok($$SELECT sambapos_add_consumer('ledger', 'pos', '{sales}')$$, '42710', NULL, 'is there once');
SELECT lives_ok($$SELECT sambapos_add_consumer('copy', 'pos', '{sales,items}', start => 'beginning')$$, 'another one, from the beginning');
SELECT lives_ok($$SELECT sambapos_add_consumer('mail', 'pos', '{sales}', once => true)$$, 'one that is told of each sale once');
SELECT lives_ok(format('SELECT sambapos_add_consumer(''half'', ''pos'', ''{sales}'', %s), sambapos_remove_consumer(''half'')', a), 'one column: ' || a)
FROM unnest(ARRAY['status_column => ''status''', 'reference_column => ''ledger_id''']) AS a;
SELECT throws_ok($$SELECT * FROM sambapos_next('nobody')$$, '42704', NULL, 'no such consumer');
SELECT throws_ok($$SELECT * FROM sambapos_next('ledger', 0)$$, '22023', NULL, 'n is 1 or more');
SELECT throws_ok($$SELECT * FROM sambapos_read('ledger')$$, '55000', NULL, 'mode work is no stream');

-- from now on, or from the beginning
SELECT is_empty($$SELECT * FROM sambapos_next('ledger')$$, 'start now: what was there is not delivered');
CREATE TABLE pos.got AS SELECT 'copy'::text AS consumer, n.* FROM sambapos_next('copy', 100) AS n;
SELECT results_eq('SELECT key ->> ''number'', operation, data ->> ''total'', attempt, reference FROM pos.got ORDER BY 1',
  $$VALUES ('A1', 'INSERT', '10', 1, NULL), ('A2', 'INSERT', '20', 1, NULL)$$, 'beginning: the rows that are there');
SELECT is_empty($$SELECT * FROM sambapos_next('copy')$$, 'what is leased is given to nobody else');
SELECT results_eq($$SELECT status, count(*) FROM sambapos.deliveries WHERE consumer = 'copy' GROUP BY 1$$, $$VALUES ('leased', 2::bigint)$$, 'and says so');
SELECT count(sambapos_ack(consumer, delivery_id, 'c' || (key ->> 'number'))) AS acked FROM pos.got \gset
SELECT results_eq($$SELECT key ->> 'number', status, reference, acked_version = version, synced_at IS NOT NULL FROM sambapos.deliveries WHERE consumer = 'copy' ORDER BY 1$$,
  $$VALUES ('A1', 'synced', 'cA1', true, true), ('A2', 'synced', 'cA2', true, true)$$, 'done');
SELECT throws_ok(format('SELECT sambapos_ack(''copy'', %s)', (SELECT min(delivery_id) FROM pos.got)), '55000', NULL, 'what is done is done once');
SELECT throws_ok($$SELECT sambapos_ack('copy', 4711)$$, '55000', NULL, 'and what was never given out is not');

-- numbered changes only; a condition; both columns
INSERT INTO pos.sales VALUES ('B1', 1, true), ('B2', 2, false);
SELECT is_empty($$SELECT * FROM sambapos_next('ledger')$$, 'nothing is delivered before it is numbered');
CALL sambapos_feed_tick('pos');
DELETE FROM pos.got;
INSERT INTO pos.got SELECT 'ledger', n.* FROM sambapos_next('ledger') AS n;
SELECT results_eq('SELECT key, operation, data, attempt FROM pos.got',
  $$VALUES ('{"number": "B1"}'::jsonb, 'INSERT', '{"number": "B1", "total": 1, "is_closed": true, "status": null, "ledger_id": null}'::jsonb, 1)$$, 'what is ready is delivered, with its values');
SELECT is((SELECT count(*) FROM sambapos.deliveries WHERE consumer = 'ledger'), 1::bigint, 'what is not ready is no delivery');
SELECT lives_ok($$SELECT sambapos_ack('ledger', delivery_id, '501') FROM pos.got$$, 'acknowledged');
SELECT results_eq($$SELECT status, ledger_id FROM pos.sales WHERE number = 'B1'$$, $$VALUES ('synced', 501::bigint)$$, 'status and reference are in the row itself');
CALL sambapos_feed_tick('pos');
SELECT is_empty($$SELECT * FROM sambapos_next('ledger')$$, 'what the consumer wrote is no change for it');
SELECT is((SELECT acked_version = version FROM sambapos.deliveries WHERE consumer = 'copy' AND key ->> 'number' = 'B1'), NULL, 'nor for another consumer');
SELECT isnt_empty($$SELECT * FROM sambapos_changes('pos', 0) WHERE key ->> 'number' = 'B1' AND data ->> 'status' = 'synced'$$, 'but it is on the feed');
UPDATE pos.sales SET is_closed = true WHERE number = 'B2';
CALL sambapos_feed_tick('pos');
SELECT results_eq($$SELECT key ->> 'number', operation FROM sambapos_next('ledger')$$, $$VALUES ('B2', 'UPDATE')$$, 'what becomes ready is delivered');
UPDATE sambapos.delivery SET leased_until = now() - interval '1 second' WHERE key ->> 'number' = 'B2';

-- a change while another one is under way; what changed again goes out with its reference
DELETE FROM pos.got;
INSERT INTO pos.got SELECT 'ledger', n.* FROM sambapos_next('ledger') AS n;
SELECT is((SELECT attempt FROM pos.got), 2, 'a lease that has run out was an attempt');
UPDATE pos.sales SET total = 22 WHERE number = 'B2';
CALL sambapos_feed_tick('pos');
SELECT is_empty($$SELECT * FROM sambapos_next('ledger')$$, 'a row is under way once at a time');
SELECT lives_ok($$SELECT sambapos_ack('ledger', delivery_id, '502') FROM pos.got$$, 'the first change is done');
SELECT ok((SELECT acked_version < version AND status = 'pending' FROM sambapos.deliveries WHERE consumer = 'ledger' AND key ->> 'number' = 'B2'), 'the second is not lost');
INSERT INTO pos.got SELECT 'again', n.* FROM sambapos_next('ledger') AS n;
SELECT results_eq($$SELECT data ->> 'total', operation, attempt, reference FROM pos.got WHERE consumer = 'again'$$, $$VALUES ('22', 'UPDATE', 1, '502')$$, 'it goes out with the reference of the first');
SELECT is((SELECT count(DISTINCT idempotency_key) FROM pos.got), 2::bigint, 'under another key');
SELECT lives_ok($$SELECT sambapos_ack('ledger', delivery_id) FROM pos.got WHERE consumer = 'again'$$, 'done, without a reference');
SELECT is((SELECT reference FROM sambapos.deliveries WHERE consumer = 'ledger' AND key ->> 'number' = 'B2'), '502', 'which stays');
SELECT lives_ok($$SELECT sambapos_set_reference('ledger', 'sales', '"B2"', '503')$$, 'the target says it later');
SELECT results_eq($$SELECT d.reference, s.ledger_id FROM sambapos.deliveries AS d JOIN pos.sales AS s ON s.number = d.key ->> 'number' WHERE d.consumer = 'ledger' AND s.number = 'B2'$$, $$VALUES ('503', 503::bigint)$$, 'both know');
SELECT throws_ok($$SELECT sambapos_set_reference('ledger', 'sales', '"Z9"', '1')$$, '42704', NULL, 'of a delivery that is there');

-- opened again
UPDATE pos.sales SET is_closed = false, total = 23 WHERE number = 'B2';
CALL sambapos_feed_tick('pos');
SELECT is_empty($$SELECT * FROM sambapos_next('ledger')$$, 'what is not ready any more is not delivered');
UPDATE pos.sales SET is_closed = true WHERE number = 'B2';
CALL sambapos_feed_tick('pos');
UPDATE pos.sales SET is_closed = false WHERE number = 'B2';
SELECT is_empty($$SELECT * FROM sambapos_next('ledger')$$, 'not even before the tick knows');
UPDATE pos.sales SET is_closed = true WHERE number = 'B2';
UPDATE sambapos.delivery SET next_at = now() WHERE state = 'open';
SELECT lives_ok($$SELECT sambapos_ack('ledger', delivery_id) FROM sambapos_next('ledger')$$, 'it is when it is ready');
CALL sambapos_feed_tick('pos');
SELECT count(sambapos_ack('ledger', delivery_id)) AS acked FROM sambapos_next('ledger') \gset

-- failures
INSERT INTO pos.sales VALUES ('C1', -1);
CALL sambapos_feed_tick('pos');
DELETE FROM pos.got;
INSERT INTO pos.got SELECT 'ledger', n.* FROM sambapos_next('ledger') AS n;
SELECT lives_ok($$SELECT sambapos_nack('ledger', delivery_id, 'negative') FROM pos.got$$, 'it has failed');
SELECT ok((SELECT status = 'failed' AND attempts = 1 AND last_error = 'negative' AND next_at BETWEEN clock_timestamp() + '3 seconds' AND clock_timestamp() + '6.3 seconds'
           FROM sambapos.deliveries WHERE consumer = 'ledger' AND key ->> 'number' = 'C1'), 'and is tried again in about 5 seconds');
SELECT throws_ok($$SELECT sambapos_ack('ledger', delivery_id) FROM pos.got$$, '55000', NULL, 'who said that it has failed has it no longer');
SELECT is_empty($$SELECT * FROM sambapos_next('ledger')$$, 'not before');
CREATE FUNCTION pos.fail(times integer) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN FOR i IN 1 .. times LOOP
     UPDATE sambapos.delivery SET next_at = now() WHERE state = 'open' AND attempts > 0;
     INSERT INTO pos.got SELECT 'ledger', n.* FROM sambapos_next('ledger') AS n;
     PERFORM sambapos_nack('ledger', (SELECT max(delivery_id) FROM pos.got), 'still negative');
   END LOOP; END $$;
SELECT pos.fail(4);
SELECT results_eq('SELECT attempt FROM pos.got ORDER BY delivery_id', 'SELECT generate_series(1, 5)', 'five attempts');
SELECT is((SELECT count(DISTINCT idempotency_key) FROM pos.got), 1::bigint, 'under one key');
SELECT is((SELECT count(DISTINCT delivery_id) FROM pos.got), 5::bigint, 'each lease with a number of its own');
SELECT results_eq('SELECT consumer, key ->> ''number'', attempts, last_error FROM sambapos.dead_deliveries', $$VALUES ('ledger', 'C1', 5, 'still negative')$$, 'then it is dead');
SELECT is_empty($$SELECT * FROM sambapos_next('ledger')$$, 'and is tried no more');
SELECT throws_ok($$SELECT sambapos_retry('ledger', '"Z9"')$$, '42704', NULL, 'a delivery that is not there');
SELECT is(sambapos_retry('ledger', '"C1"'), 1::bigint, 'a person has it tried again');
SELECT results_eq($$SELECT attempt FROM sambapos_next('ledger')$$, 'VALUES (1)', 'with all its attempts');
SELECT lives_ok($$SELECT sambapos_nack('ledger', delivery_no * 65536 + lease_no, 'no', false) FROM sambapos.delivery WHERE key ->> 'number' = 'C1' AND lease_no > 0$$, 'what need not be tried again');
SELECT is((SELECT count(*) FROM sambapos.dead_deliveries), 1::bigint, 'is dead at once');
SELECT results_eq($$SELECT light, dead FROM sambapos.consumers WHERE consumer = 'ledger'$$, $$VALUES ('amber', 1::bigint)$$, 'and the light is amber');
UPDATE pos.sales SET total = 1 WHERE number = 'C1';
CALL sambapos_feed_tick('pos');
SELECT results_eq($$SELECT attempt, data ->> 'total' FROM sambapos_next('ledger')$$, $$VALUES (1, '1')$$, 'a dead one that was put right is tried again');
UPDATE sambapos.delivery SET attempts = 5, leased_until = now() WHERE key ->> 'number' = 'C1' AND leased_until IS NOT NULL;
SELECT is_empty($$SELECT * FROM sambapos_next('ledger')$$, 'one that kills its workers');
SELECT matches((SELECT last_error FROM sambapos.dead_deliveries), 'the lease ran out', 'is dead in the end, and says why');
SELECT is(sambapos_retry('ledger'), 1::bigint, 'all that are dead are tried again');
SELECT lives_ok($$SELECT sambapos_ack('ledger', delivery_id) FROM sambapos_next('ledger')$$, 'and done');

-- an expired lease that nobody took
INSERT INTO pos.sales VALUES ('D1', 1);
CALL sambapos_feed_tick('pos');
DELETE FROM pos.got;
INSERT INTO pos.got SELECT 'ledger', n.* FROM sambapos_next('ledger') AS n;
UPDATE sambapos.delivery SET leased_until = now() - interval '1 hour' WHERE key ->> 'number' = 'D1';
SELECT lives_ok($$SELECT sambapos_ack('ledger', delivery_id) FROM pos.got$$, 'may still be ended');
UPDATE pos.sales SET total = 2 WHERE number = 'D1';
CALL sambapos_feed_tick('pos');
INSERT INTO pos.got SELECT 'second', n.* FROM sambapos_next('ledger') AS n;
UPDATE sambapos.delivery SET leased_until = now() - interval '1 hour' WHERE key ->> 'number' = 'D1';
INSERT INTO pos.got SELECT 'third', n.* FROM sambapos_next('ledger') AS n;
SELECT throws_ok($$SELECT sambapos_ack('ledger', delivery_id) FROM pos.got WHERE consumer = 'second'$$, '55000', NULL, 'one that was given out again may not');
SELECT lives_ok($$SELECT sambapos_ack('ledger', delivery_id) FROM pos.got WHERE consumer = 'third'$$, 'but by who has it');

-- a clock that was wrong; a person who takes a row from its worker
UPDATE pos.sales SET total = 3 WHERE number = 'D1';
CALL sambapos_feed_tick('pos');
DELETE FROM pos.got;
INSERT INTO pos.got SELECT 'first', n.* FROM sambapos_next('ledger') AS n;
UPDATE sambapos.delivery SET leased_until = now() + interval '10 years' WHERE key ->> 'number' = 'D1' AND leased_until IS NOT NULL;
INSERT INTO pos.got SELECT 'second', n.* FROM sambapos_next('ledger') AS n;
SELECT is((SELECT count(*) FROM pos.got), 2::bigint, 'a lease that no clock can have given is none');
SELECT is(sambapos_retry('ledger'), 0::bigint, 'a worker keeps what it has');
SELECT is(sambapos_retry('ledger', '"D1"'), 1::bigint, 'but for a row that a person names');
SELECT throws_ok($$SELECT sambapos_ack('ledger', delivery_id) FROM pos.got WHERE consumer = 'second'$$, '55000', NULL, 'the worker has it no longer');
INSERT INTO pos.got SELECT 'third', n.* FROM sambapos_next('ledger') AS n;

-- another version has all its attempts
UPDATE pos.sales SET total = 4 WHERE number = 'D1';
CALL sambapos_feed_tick('pos');
UPDATE sambapos.delivery SET leased_until = now() WHERE key ->> 'number' = 'D1' AND leased_until IS NOT NULL;
INSERT INTO pos.got SELECT 'fourth', n.* FROM sambapos_next('ledger') AS n;
SELECT is((SELECT attempt FROM pos.got WHERE consumer = 'fourth'), 1, 'another version begins with its first attempt, though a worker had died with the one before');
SELECT lives_ok($$SELECT sambapos_nack('ledger', delivery_id, 'four') FROM pos.got WHERE consumer = 'fourth'$$, 'it has failed');
UPDATE pos.sales SET total = 5 WHERE number = 'D1';
CALL sambapos_feed_tick('pos');
SELECT results_eq($$SELECT attempts, next_at > clock_timestamp() FROM sambapos.deliveries WHERE consumer = 'ledger' AND key ->> 'number' = 'D1'$$, 'VALUES (0, true)', 'so does one after a failure, when the pause is over');

-- what has failed and is not ready any more rests
UPDATE pos.sales SET is_closed = false WHERE number = 'D1';
INSERT INTO pos.sales VALUES ('D2', 1);
CALL sambapos_feed_tick('pos');
SELECT count(sambapos_nack('ledger', delivery_id, 'no')) AS failed FROM sambapos_next('ledger') WHERE key ->> 'number' = 'D2' \gset
UPDATE pos.sales SET is_closed = false WHERE number = 'D2';
CALL sambapos_feed_tick('pos');
UPDATE sambapos.delivery SET waiting_since = now() - interval '1 hour', next_at = now() WHERE key ->> 'number' IN ('D1', 'D2');
SELECT is_empty($$SELECT * FROM sambapos_next('ledger')$$, 'what has failed and is not ready any more is not tried');
SELECT results_eq($$SELECT key ->> 'number', status FROM sambapos.deliveries WHERE consumer = 'ledger' AND key ->> 'number' IN ('D1', 'D2') ORDER BY 1$$, $$VALUES ('D1', 'synced'), ('D2', 'pending')$$, 'it rests');
SELECT results_eq($$SELECT light, failed FROM sambapos.consumers WHERE consumer = 'ledger'$$, $$VALUES ('green', 0::bigint)$$, 'and alarms nobody');
UPDATE pos.sales SET is_closed = true WHERE number IN ('D1', 'D2');
CALL sambapos_feed_tick('pos');
SELECT results_eq($$SELECT key ->> 'number', attempt FROM sambapos_next('ledger') ORDER BY 1$$, $$VALUES ('D1', 1), ('D2', 1)$$, 'until it is ready again');
SELECT count(sambapos_ack('ledger', delivery_no * 65536 + lease_no)) AS acked FROM sambapos.delivery JOIN sambapos.feed_consumer AS c USING (consumer_id) WHERE c.name = 'ledger' AND leased_until > now() \gset
DELETE FROM pos.sales WHERE number = 'D2';
CALL sambapos_feed_tick('pos');
SELECT count(sambapos_ack('ledger', delivery_id)) AS acked FROM sambapos_next('ledger') \gset

-- once
SELECT is((SELECT count(*) FROM sambapos_next('mail', 100)), 5::bigint, 'each sale that is new, has changed or is deleted');
DELETE FROM pos.got;
UPDATE sambapos.delivery AS d SET leased_until = NULL FROM sambapos.feed_consumer AS c WHERE c.consumer_id = d.consumer_id AND c.name = 'mail';
INSERT INTO pos.got SELECT 'mail', n.* FROM sambapos_next('mail', 100) AS n;
UPDATE pos.sales SET total = total + 1 WHERE number = 'B1';
CALL sambapos_feed_tick('pos');
SELECT count(sambapos_ack('mail', delivery_id)) AS acked FROM pos.got \gset
UPDATE pos.sales SET total = total + 1 WHERE number = 'D1';
CALL sambapos_feed_tick('pos');
SELECT is_empty($$SELECT * FROM sambapos_next('mail')$$, 'is delivered once, whatever changes');

-- deleted rows
SELECT count(sambapos_ack('copy', delivery_id)) AS acked FROM sambapos_next('copy', 100) \gset
INSERT INTO pos.items VALUES ('A1', 1, 'tea'), ('A1', 2, 'cake');
CALL sambapos_feed_tick('pos');
SELECT count(sambapos_ack('copy', delivery_id)) AS acked FROM sambapos_next('copy', 100) \gset
DELETE FROM pos.items WHERE line = 2;
CALL sambapos_feed_tick('pos');
DELETE FROM pos.got;
INSERT INTO pos.got SELECT 'copy', n.* FROM sambapos_next('copy', 100) AS n;
SELECT results_eq('SELECT entity, key, operation, data FROM pos.got', $$VALUES ('items', '{"line": 2, "sale": "A1"}'::jsonb, 'DELETE', NULL::jsonb)$$, 'a row that is deleted');
SELECT count(sambapos_ack('copy', delivery_id)) AS acked FROM pos.got \gset
TRUNCATE pos.items;
INSERT INTO pos.items VALUES ('A1', 3, 'tea');
CALL sambapos_feed_tick('pos');
SELECT results_eq($$SELECT key -> 'line', operation FROM sambapos_next('copy', 100) ORDER BY 1$$, $$VALUES ('1'::jsonb, 'DELETE'), ('3', 'INSERT')$$, 'a table that was emptied, and filled again');

-- taken anew: only what has changed is delivered
UPDATE sambapos.delivery SET leased_until = now() WHERE leased_until IS NOT NULL;
SELECT count(sambapos_ack('copy', delivery_id)) AS acked FROM sambapos_next('copy', 100) \gset
SELECT is((SELECT count(*) FROM sambapos.deliveries WHERE consumer = 'copy' AND status <> 'synced'), 0::bigint, 'all is done');
ALTER TABLE pos.sales DISABLE TRIGGER ALL;
UPDATE pos.sales SET total = 77 WHERE number = 'A1';
ALTER TABLE pos.sales ENABLE TRIGGER ALL;
INSERT INTO sambapos.change (feed_id, entity, operation) SELECT feed_id, 'sales', 'LOAD' FROM sambapos.change_feed; -- as the tick does when it sees that
CALL sambapos_feed_tick('pos');
SELECT results_eq($$SELECT key ->> 'number', data ->> 'total' FROM sambapos_next('copy', 100)$$, $$VALUES ('A1', '77')$$, 'a row that changed while nobody looked');
SELECT is_empty($$SELECT * FROM sambapos_next('ledger', 100) WHERE key ->> 'number' = 'B2'$$, 'one in which its status was written when it was delivered has not');
SELECT matches((SELECT reason FROM sambapos.consumers WHERE consumer = 'ledger'), 'not known.*sales', 'of rows that it was never given a consumer that began later is told that nobody knows');
SELECT cmp_ok(sambapos_retry('ledger'), '>=', 0::bigint, 'somebody has looked');
SELECT is((SELECT reason FROM sambapos.consumers WHERE consumer = 'ledger'), NULL, 'then it is said no more');

-- what is written back is no change, whatever else a table does with it; what its triggers do to other rows is
CREATE TABLE pos.notes (id integer PRIMARY KEY, total numeric, state text, ref text, changed_at timestamptz, label text GENERATED ALWAYS AS (id || coalesce(ref, '')) STORED);
CREATE FUNCTION pos.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.changed_at := clock_timestamp(); RETURN NEW; END $$;
CREATE FUNCTION pos.follow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE pos.notes SET total = total + 1 WHERE id = NEW.id + 100; RETURN NULL; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON pos.notes FOR EACH ROW EXECUTE FUNCTION pos.touch();
CREATE TRIGGER follow AFTER UPDATE ON pos.notes FOR EACH ROW WHEN (OLD.ref IS DISTINCT FROM NEW.ref) EXECUTE FUNCTION pos.follow();
SELECT sambapos_add_feed('notes');
SELECT sambapos_add_to_feed('notes', 'pos.notes', 'notes');
SELECT sambapos_add_consumer('one', 'notes', '{notes}', status_column => 'state', reference_column => 'ref');
SELECT sambapos_add_consumer('two', 'notes', '{notes}');
INSERT INTO pos.notes (id, total) VALUES (1, 10), (101, 0);
CALL sambapos_feed_tick('notes');
SELECT count(sambapos_ack('two', delivery_id)) AS acked FROM sambapos_next('two') \gset
SELECT count(sambapos_ack('one', delivery_id, 'N1')) AS acked FROM sambapos_next('one') WHERE key ->> 'id' = '1' \gset
CALL sambapos_feed_tick('notes');
SELECT results_eq($$SELECT ref, label, changed_at IS NOT NULL FROM pos.notes WHERE id = 1$$, $$VALUES ('N1', '1N1', true)$$, 'it is written, and a trigger and a generated column write more');
SELECT results_eq($$SELECT key ->> 'id', operation FROM sambapos_next('two')$$, $$VALUES ('101', 'UPDATE')$$, 'nobody is told of it, but of the row that a trigger wrote');
UPDATE sambapos.delivery SET leased_until = now() WHERE leased_until > now();
SELECT is_empty($$SELECT * FROM sambapos_next('one') WHERE key ->> 'id' = '1'$$, 'nor is who wrote it');
UPDATE pos.notes SET ref = 'by hand' WHERE id = 1;
CALL sambapos_feed_tick('notes');
SELECT results_eq($$SELECT reference FROM sambapos_next('one') WHERE key ->> 'id' = '1'$$, $$VALUES ('N1')$$, 'what a person writes there is a change');
CREATE TABLE pos.parts (id integer, state text, at timestamptz, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE pos.parts_1 PARTITION OF pos.parts FOR VALUES FROM (0) TO (100);
CREATE FUNCTION pos.stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE UPDATE ON pos.parts FOR EACH ROW EXECUTE FUNCTION pos.stamp();
SELECT sambapos_add_to_feed('notes', 'pos.parts', 'parts');
SELECT sambapos_add_consumer('parts', 'notes', '{parts}', status_column => 'state');
INSERT INTO pos.parts VALUES (1);
CALL sambapos_feed_tick('notes');
SELECT count(sambapos_ack('parts', delivery_id)) AS acked FROM sambapos_next('parts') \gset
CALL sambapos_feed_tick('notes');
SELECT results_eq($$SELECT p.state, p.at IS NOT NULL, d.status FROM pos.parts AS p, sambapos.deliveries AS d WHERE d.consumer = 'parts'$$, $$VALUES ('synced', true, 'synced')$$, 'so it is with partitions');
SELECT lives_ok($$SELECT sambapos_remove_feed('notes')$$, 'done with it');

-- a condition that fails stops its consumer alone
SELECT lives_ok($$SELECT sambapos_add_consumer('broken', 'pos', '{sales}', condition => '1 / r.total > 0')$$, 'a condition that can fail');
INSERT INTO pos.sales VALUES ('E1', 1), ('E2', 0);
CALL sambapos_feed_tick('pos');
SELECT is_empty($$SELECT * FROM sambapos_next('broken')$$, 'has failed: nothing is given out');
SELECT results_eq($$SELECT light, problem FROM sambapos.consumers WHERE consumer = 'broken'$$, $$VALUES ('red', 'SQLSTATE 22012: a value that does not fit')$$, 'and the consumer says why');
SELECT is((SELECT count(*) FROM sambapos_next('ledger', 100) WHERE key ->> 'number' LIKE 'E%'), 2::bigint, 'the others go on');
UPDATE pos.sales SET total = 1 WHERE number = 'E2';
CALL sambapos_feed_tick('pos');
SELECT is((SELECT count(*) FROM sambapos_next('broken')), 2::bigint, 'it goes on from where it was');
SELECT is((SELECT problem FROM sambapos.consumers WHERE consumer = 'broken'), NULL, 'and says no more');

-- a consumer that has stopped misses nothing when its table is taken anew meanwhile
CREATE TABLE pos.rates (id integer PRIMARY KEY, divisor integer, secret integer);
SELECT sambapos_add_feed('rates');
SELECT sambapos_add_to_feed('rates', 'pos.rates', 'rates');
SELECT sambapos_add_consumer('rates', 'rates', '{rates}', condition => '1 / r.divisor > 0');
INSERT INTO pos.rates VALUES (1, 0), (2, 1);
CALL sambapos_feed_tick('rates');
INSERT INTO sambapos.change (feed_id, entity, operation) SELECT feed_id, 'rates', 'LOAD' FROM sambapos.change_feed WHERE name = 'rates';
CALL sambapos_feed_tick('rates');
UPDATE pos.rates SET divisor = 1 WHERE id = 1;
CALL sambapos_feed_tick('rates');
SELECT results_eq($$SELECT key ->> 'id' FROM sambapos_next('rates') ORDER BY 1$$, $$VALUES ('1'), ('2')$$, 'what came before that is delivered');
INSERT INTO sambapos.change (feed_id, entity, operation) SELECT feed_id, 'rates', 'LOAD' FROM sambapos.change_feed WHERE name = 'rates';
CALL sambapos_feed_tick('rates');
SELECT is((SELECT count(*) FROM sambapos.change AS c JOIN sambapos.change_feed AS f USING (feed_id) WHERE f.name = 'rates'), 1::bigint, 'and is kept no longer than that');

-- a condition is on what is sent
SELECT throws_ok($$SELECT sambapos_add_consumer('shut', 'rates', '{rates}', condition => 'r.secret = 1')$$, '42703', 'a condition can be on columns that are sent only', 'a change of what is not sent would not be seen');
SELECT lives_ok($$SELECT sambapos_add_consumer('whole', 'rates', '{rates}', condition => 'r IS NOT NULL AND EXISTS (SELECT FROM pos.sales AS s WHERE s.total = r.divisor)')$$, 'on the row, and on other tables');
SELECT lives_ok($$SELECT sambapos_remove_feed('rates')$$, 'done with it');

-- a stream
SELECT lives_ok($$SELECT sambapos_add_consumer('log', 'pos', '{sales,items}', 'stream')$$, 'a stream');
SELECT throws_ok($$SELECT * FROM sambapos_next('log')$$, '55000', NULL, 'a stream is no work');
SELECT is_empty($$SELECT * FROM sambapos_read('log')$$, 'from now on');
INSERT INTO pos.sales VALUES ('F1', 1);
SELECT is_empty($$SELECT * FROM sambapos_read('log')$$, 'numbered changes only');
CALL sambapos_feed_tick('pos');
INSERT INTO pos.items VALUES ('F1', 1, 'tea');
CALL sambapos_feed_tick('pos');
SELECT results_eq($$SELECT entity, operation FROM sambapos_read('log')$$, $$VALUES ('sales', 'INSERT'), ('items', 'INSERT')$$, 'in order');
SELECT results_eq($$SELECT entity FROM sambapos_read('log', 1)$$, $$VALUES ('sales')$$, 'by whole versions');
SELECT lives_ok($$SELECT sambapos_ack_version('log', (SELECT max(version) FROM sambapos_read('log', 1)))$$, 'it has the first');
SELECT results_eq($$SELECT entity FROM sambapos_read('log')$$, $$VALUES ('items')$$, 'and is told the rest');
SELECT throws_ok($$SELECT sambapos_ack_version('log', 1000000)$$, '22023', NULL, 'not more than there is');
SELECT throws_ok($$SELECT sambapos_ack_version('log', 1)$$, '55000', NULL, 'nor back');
SELECT sambapos_configure('pos', 'max_delta', '1');
INSERT INTO pos.items VALUES ('F1', 2, 'tea'), ('F1', 3, 'milk');
CALL sambapos_feed_tick('pos');
SELECT results_eq($$SELECT operation, count(*) FROM sambapos_read('log') GROUP BY 1$$, $$VALUES ('INSERT', 3::bigint)$$, 'however much it is');
DELETE FROM pos.items WHERE sale = 'F1' AND line > 1;
CALL sambapos_feed_tick('pos');
SELECT sambapos_configure('pos', 'max_delta', '10000');
SELECT lives_ok($$SELECT sambapos_add_consumer('whole', 'pos', '{items}', 'stream', start => 'beginning')$$, 'a stream from the beginning');
SELECT results_eq($$SELECT operation, key -> 'line' FROM sambapos_read('whole')$$, $$VALUES ('LOAD', NULL::jsonb), ('INSERT', '3'), ('INSERT', '1')$$, 'LOAD, then the rows');
SELECT lives_ok($$SELECT sambapos_ack_version('whole', (SELECT max(version) FROM sambapos_read('whole')))$$, 'has them');
SELECT is_empty($$SELECT * FROM sambapos_read('whole')$$, 'and is told no more');
SAVEPOINT life;
INSERT INTO pos.items VALUES ('L', 1, 'old'), ('L', 2, 'old');
CALL sambapos_feed_tick('pos');
SELECT max(version) AS old FROM sambapos_read('whole') \gset
UPDATE sambapos.feed_state SET seed = gen_random_uuid();
DELETE FROM pos.items WHERE sale = 'L' AND line = 1;
CALL sambapos_feed_tick('pos');
SELECT throws_ok(format('SELECT sambapos_ack_version(''whole'', %s)', :old), '55000', NULL, 'what was read in another life of the feed is not acknowledged');
SELECT max(version) AS new FROM sambapos_read('whole') \gset
SELECT throws_ok(format('SELECT sambapos_ack_version(''whole'', %s)', :old), '55000', NULL, 'nor when this one was read');
SELECT lives_ok(format('SELECT sambapos_ack_version(''whole'', %s)', :new), 'but what this one told is');
SELECT is_empty($$SELECT * FROM sambapos_read('whole')$$, 'and is told no more');
ROLLBACK TO life;

-- what hangs
INSERT INTO pos.sales VALUES ('G1', 1);
CALL sambapos_feed_tick('pos');
UPDATE sambapos.delivery SET waiting_since = now() - interval '6 minutes' WHERE key ->> 'number' = 'G1';
SELECT matches((SELECT reason FROM sambapos.consumers WHERE consumer = 'ledger'), 'waited for more than 5 minutes', 'a delivery that hangs');
UPDATE sambapos.consumer_call SET called_at = now() - interval '6 minutes';
SELECT matches((SELECT reason FROM sambapos.consumers WHERE consumer = 'ledger'), 'has not asked', 'a consumer that does not ask any more');

SELECT results_eq($$SELECT DISTINCT site, kind FROM sambapos.alerts WHERE message LIKE '%"ledger"%'$$, $$VALUES (NULL::text, 'consumer silent')$$, 'is an alert, also without a site');
SELECT is((SELECT value FROM sambapos.metrics WHERE name = 'sambapos_consumer_deliveries' AND labels @> '{"consumer": "ledger", "status": "pending"}'), 2::double precision, 'and a metric');
SELECT cmp_ok((SELECT value FROM sambapos.metrics WHERE name = 'sambapos_consumer_waiting_seconds' AND labels @> '{"consumer": "ledger"}'), '>=', 360::double precision, 'with how long it has waited');

-- who may do what
CREATE ROLE bob;
CREATE ROLE eve;
CREATE ROLE worker_a;
CREATE ROLE worker_b;
SELECT lives_ok($$SELECT sambapos_add_consumer('a', 'pos', '{sales}', role => 'worker_a')$$, 'a consumer with a role');
SELECT lives_ok($$SELECT sambapos_add_consumer('b', 'pos', '{sales}', role => 'worker_b')$$, 'and another one');
INSERT INTO pos.sales VALUES ('H1', 1);
CALL sambapos_feed_tick('pos');
SET LOCAL ROLE worker_a;
SELECT results_eq($$SELECT key ->> 'number' FROM sambapos_next('a')$$, $$VALUES ('H1')$$, 'works for its own');
SELECT throws_ok(format($$SELECT %s$$, t.call), '42501', NULL, 'and for no other: ' || t.call)
FROM (VALUES ($$sambapos_next('b')$$), ($$sambapos_next('none_such')$$), ($$sambapos_ack('b', 1)$$), ($$sambapos_nack('b', 1, 'x')$$), ($$sambapos_retry('b')$$),
             ($$sambapos_set_reference('b', 'sales', '"H1"', 'x')$$), ($$sambapos_read('log')$$), ($$sambapos_ack_version('log', 1)$$), ($$sambapos_remove_consumer('a')$$),
             ($$sambapos_full_payload('pos')$$), ($$sambapos_add_consumer('mine', 'pos', '{sales}')$$)) AS t (call);
SELECT results_eq('SELECT consumer FROM sambapos.consumers', $$VALUES ('a')$$, 'it sees its own');
SELECT results_eq('SELECT DISTINCT consumer FROM sambapos.deliveries', $$VALUES ('a')$$, 'with its deliveries');
SELECT is((SELECT count(*) FROM sambapos.feed_consumer), 1::bigint, 'in the tables too');
SELECT throws_ok('SELECT * FROM sambapos.change', '42501', NULL, 'not the log');
SELECT throws_ok('SELECT * FROM sambapos.consumer_entity', '42501', NULL, 'nor what is run');
RESET ROLE;
SELECT is((SELECT leased_by FROM sambapos.delivery AS d JOIN sambapos.feed_consumer AS c USING (consumer_id) WHERE c.name = 'a' AND d.leased_until IS NOT NULL), 'worker_a', 'who has it is on record');
SELECT lives_ok($$SELECT sambapos_remove_consumer('a')$$, 'removed');
SELECT ok(NOT has_schema_privilege('worker_a', 'sambapos', 'USAGE'), 'its role has no way in any more');
SELECT ok(has_schema_privilege('worker_b', 'sambapos', 'USAGE'), 'the other has');
SELECT sambapos_grant('bob', 'operator');
SET LOCAL ROLE bob;
SELECT isnt_empty('SELECT * FROM sambapos.consumers', 'an operator sees them');
SELECT lives_ok($$SELECT sambapos_retry('ledger')$$, 'and may have deliveries tried again');
SELECT throws_ok($$SELECT * FROM sambapos_next('ledger')$$, '42501', NULL, 'but takes none');
RESET ROLE;

-- a table that leaves the feed, a feed that is removed
SELECT lives_ok($$SELECT sambapos_remove_from_feed('pos', 'items')$$, 'an entity leaves');
SELECT matches((SELECT reason FROM sambapos.consumers WHERE consumer = 'copy'), 'not on its feed any more: items', 'its consumers say so');
SELECT lives_ok($$SELECT sambapos_remove_feed('pos')$$, 'the feed goes');
SELECT is((SELECT count(*) FROM sambapos.feed_consumer) + (SELECT count(*) FROM sambapos.delivery) + (SELECT count(*) FROM sambapos.consumer_position), 0::bigint, 'and its consumers with it');
SELECT is((SELECT count(*) FROM pos.sales), 11::bigint, 'the tables stay');
SELECT * FROM finish();
ROLLBACK;
