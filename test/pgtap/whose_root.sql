-- Promise: whether a root is the same as before is decided with all evidence, so that an edit is an edit and a
-- used-again id another row, whatever the clocks say. What stays balanced is kept apart and shown, never written over.
BEGIN;
\ir seam.psql
SELECT plan(42);
-- as in a real till: lines know when they were made
ALTER TABLE orders ADD COLUMN created_date_time timestamp;
UPDATE pg_attribute SET attfdwoptions = '{column_name=CreatedDateTime,remote_type=datetime}' WHERE attrelid = 'orders'::regclass AND attname = 'created_date_time';
ALTER TABLE sambapos_replica.orders ADD COLUMN created_date_time timestamp;
CREATE FUNCTION pg_temp.epochs(relation name) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  answer text;
BEGIN
  EXECUTE format('SELECT string_agg(s, '', '' ORDER BY s) FROM (SELECT epoch || '' '' || row_state || '' '' || count(*) AS s FROM sambapos_replica.%I GROUP BY epoch, row_state) AS x', relation) INTO answer;
  RETURN answer;
END;
$$;
CREATE FUNCTION pg_temp.touch(ticket integer) RETURNS void LANGUAGE sql AS
$$ UPDATE tickets SET last_update_time = (SELECT local_now FROM till.clock) WHERE id = ticket; $$;
CREATE FUNCTION pg_temp.now() RETURNS timestamp LANGUAGE sql AS $$ SELECT local_now FROM till.clock $$;
CREATE FUNCTION pg_temp.born() RETURNS void LANGUAGE sql AS
$$ UPDATE orders AS o SET created_date_time = t.date + interval '1 minute' FROM tickets AS t WHERE t.id = o.ticket_id AND o.created_date_time IS NULL; $$;
CREATE FUNCTION pg_temp.history() RETURNS text LANGUAGE sql AS
$$ SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM (SELECT id, date, ticket_number, total_amount, note FROM sambapos_replica.tickets WHERE epoch = 1) AS t; $$;

SELECT till.sell(1, 30, '2026-03-09 10:00'), pg_temp.born();
UPDATE tickets SET is_closed = false, ticket_number = NULL, transaction_document_id = NULL WHERE id = 30;
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
SELECT till.pass(2);

-- number and document are given later
UPDATE tickets SET is_closed = true, ticket_number = '30', transaction_document_id = 30 WHERE id = 30; SELECT pg_temp.touch(30);
SELECT results_eq($$SELECT s FROM till.sync() AS s WHERE s ~ '^tickets'$$, ARRAY['tickets ok +0 ~1 -0'], 'number and document given later: the same ticket');
SELECT is(pg_temp.epochs('tickets'), '1 live 30', 'no epoch begins');

-- a corrected date: of one in the middle, of the newest, of two side by side; earlier and later than the last run
UPDATE tickets SET date = date - interval '1 day' WHERE id = 7; SELECT pg_temp.touch(7);
UPDATE tickets SET date = date + interval '2 days' WHERE id = 30; SELECT pg_temp.touch(30);
UPDATE tickets SET date = date - interval '1 hour' WHERE id IN (15, 16); SELECT pg_temp.touch(15), pg_temp.touch(16);
SELECT results_eq($$SELECT s FROM till.sync() AS s WHERE s ~ '^tickets'$$, ARRAY['tickets ok +0 ~4 -0'], 'corrected dates: edits');
SELECT is(pg_temp.epochs('tickets'), '1 live 30', 'no epoch begins');
-- without lines to ask the neighbours say it
UPDATE orders SET created_date_time = NULL WHERE ticket_id = 10; SELECT pg_temp.touch(10);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'a ticket whose lines say nothing');
UPDATE tickets SET date = date + interval '1 day' WHERE id = 10; SELECT pg_temp.touch(10);
SELECT results_eq($$SELECT s FROM till.sync() AS s WHERE s ~ '^tickets'$$, ARRAY['tickets ok +0 ~1 -0'], 'its corrected date is an edit, since both neighbours are themselves');
-- the newest, without anything that decides
UPDATE orders SET created_date_time = NULL WHERE ticket_id = 30; UPDATE tickets SET total_amount = 19 WHERE id = 30; SELECT pg_temp.touch(30);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'the newest ticket, its lines say nothing');
UPDATE tickets SET date = pg_temp.now(), last_payment_date = pg_temp.now(), total_amount = 5 WHERE id = 30; SELECT pg_temp.touch(30);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'has another date and other times');
SELECT is(pg_temp.epochs('tickets'), '1 live 29, 1 superseded 1, 2 live 1', 'that stays balanced: kept apart');
SELECT matches(message, 'kept apart until somebody looks: id 30', 'the log says so') FROM sambapos.run_table WHERE table_name = 'tickets' AND run_id = (SELECT max(run_id) FROM sambapos.run);
SELECT is((SELECT evidence -> 'undecided' -> 0 ->> 'id' FROM sambapos.source_events WHERE evidence ? 'undecided'), '30', 'and the source events with the evidence');
-- a person says what it was, and the money follows
CREATE FUNCTION pg_temp.event() RETURNS bigint LANGUAGE sql RETURN (SELECT event_id FROM sambapos.source_events WHERE evidence ? 'undecided');
CREATE FUNCTION pg_temp.counted() RETURNS text LANGUAGE sql RETURN
  (SELECT format('%s of %s, %s lines', count(*), sum(t.total_amount), (SELECT count(*) FROM sambapos_report.orders AS o WHERE o.ticket_id = 30)) FROM sambapos_report.tickets AS t WHERE t.id = 30);
SELECT is(pg_temp.counted(), '2 of 24.00, 4 lines', 'both copies count until then');
SELECT throws_ok(format('SELECT sambapos_reclassify(%s, %L)', pg_temp.event(), 'clear'), '22023', NULL, 'it was no clear');
SAVEPOINT undecided;
SELECT is(sambapos_reclassify(pg_temp.event(), 'reseed'), 0::bigint, 'it was another ticket');
SELECT is(pg_temp.counted(), '2 of 24.00, 4 lines', 'both count');
SELECT throws_ok(format('SELECT sambapos_reclassify(%s, %L)', pg_temp.event(), 'edit'), '22023', NULL, 'that has been said');
ROLLBACK TO undecided;
SELECT is(sambapos_reclassify(pg_temp.event(), 'edit') > 1, true, 'it was an edit: the rows of before do not count');
SELECT is(pg_temp.counted(), '1 of 5.00, 2 lines', 'the later one counts');
SELECT is(pg_temp.epochs('tickets'), '1 live 29, 1 removed 1, 2 live 1', 'both are kept');
SELECT is(kind, 'edit', 'the event says it') FROM sambapos.source_events WHERE event_id = pg_temp.event();
SELECT is((SELECT count(*) FROM sambapos._table_trouble WHERE words ~ 'kept apart'), 0::bigint, 'the light has no more to say of it');
ROLLBACK TO undecided;
SELECT till.quiet_sync();
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
CREATE TEMPORARY TABLE before AS SELECT pg_temp.history() AS values;

-- the clock is set back, then a clear with reseed: new dates lie before the last run
UPDATE till.clock SET local_now = local_now - interval '30 hours', utc_now = utc_now - interval '30 hours';
SELECT till.clear(), till.sell(1, 30, pg_temp.now()), pg_temp.born();
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'clock set back, reseed, as many tickets as before');
SELECT is(pg_temp.history(), (SELECT values FROM before), 'the values of the past are as before');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets WHERE row_state = 'live' AND epoch = 3), 30::bigint, 'another epoch');
SELECT till.quiet_sync();
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
-- the same, and lines that say nothing
UPDATE till.clock SET local_now = local_now - interval '30 hours', utc_now = utc_now - interval '30 hours';
CREATE TEMPORARY TABLE before3 AS SELECT id, date, total_amount, note FROM sambapos_replica.tickets WHERE epoch = 3;
SELECT till.clear(), till.sell(1, 30, pg_temp.now());
SELECT till.quiet_sync();
SELECT is_empty($$SELECT * FROM before3 EXCEPT SELECT id, date, total_amount, note FROM sambapos_replica.tickets WHERE epoch = 3$$, 'without lines to ask: in numbers, so the past stays');
SELECT till.quiet_sync();
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');

-- a partial clear that leaves open tickets in the midst, a reseed, a terminal whose clock is five hours behind
SELECT till.pass(200);
SELECT till.quiet_sync();
CREATE TEMPORARY TABLE before4 AS SELECT epoch, id, date, total_amount, note FROM sambapos_replica.tickets;
DELETE FROM orders WHERE ticket_id NOT IN (3, 5, 29); DELETE FROM payments WHERE ticket_id NOT IN (3, 5, 29); DELETE FROM ticket_entities WHERE ticket_id NOT IN (3, 5, 29);
DELETE FROM tickets WHERE id NOT IN (3, 5, 29);
INSERT INTO tickets SELECT i, pg_temp.now() - interval '5 hours', i::text, pg_temp.now() - interval '5 hours', pg_temp.now() - interval '5 hours', true, 0, 70, 'slow', NULL FROM unnest('{1,2,4,6}'::int[]) AS i;
SELECT till.quiet_sync();
SELECT is_empty($$SELECT * FROM before4 EXCEPT SELECT epoch, id, date, total_amount, note FROM sambapos_replica.tickets$$, 'tickets between others that stayed: the past stays');
SELECT till.quiet_sync();
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
-- one sale only
SELECT till.clear(), till.pass(1), till.sell(1, 9, pg_temp.now()), pg_temp.born(), till.quiet_sync(), till.quiet_sync();
CREATE TEMPORARY TABLE before5 AS SELECT epoch, id, date, total_amount, note FROM sambapos_replica.tickets;
SELECT till.pass(5), till.clear(), till.sell(1, 1, pg_temp.now() - interval '7 hours'), pg_temp.born();
SELECT till.quiet_sync();
SELECT is_empty($$SELECT * FROM before5 EXCEPT SELECT epoch, id, date, total_amount, note FROM sambapos_replica.tickets$$, 'one sale after a reseed, by a slow clock: the past stays');
SELECT till.quiet_sync();
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');

-- a correction after a restore: rows of an earlier epoch are live
CREATE SCHEMA backup; CREATE TABLE backup.tickets AS TABLE tickets;
SELECT till.clear(), till.sell(1, 20, pg_temp.now()), till.quiet_sync(), till.quiet_sync();
CREATE TABLE backup.first AS TABLE tickets;
SELECT till.clear(), till.pass(3), till.sell(1, 4, pg_temp.now()), till.quiet_sync(), till.quiet_sync();
SELECT till.clear(), till.pass(3);
INSERT INTO tickets TABLE backup.first;
SELECT till.quiet_sync(), till.quiet_sync();
SELECT is((SELECT count(DISTINCT epoch) || ' ' || count(*) FROM sambapos_replica.tickets WHERE row_state = 'live'), '1 20', 'restored: one epoch lives again');
SELECT ok((SELECT max(epoch) FROM sambapos_replica.tickets WHERE row_state = 'live') < (SELECT epoch FROM sambapos._place), 'and it is not the present one');
UPDATE tickets SET date = date - interval '1 day' WHERE id = 3; SELECT pg_temp.touch(3);
SELECT results_eq($$SELECT s FROM till.sync() AS s$$, ARRAY['tickets ok +0 ~1 -0'], 'a date corrected there is an edit');

-- lines that were replaced after the backup do not count beside the restored ones
SELECT till.clear(), till.pass(3), till.sell(100, 2, pg_temp.now()), till.quiet_sync(), till.quiet_sync();
CREATE TABLE backup.t AS TABLE tickets; CREATE TABLE backup.o AS TABLE orders;
DELETE FROM orders WHERE ticket_id = 100; INSERT INTO orders VALUES (900, 100, 1, 50, 1, '[]', pg_temp.now()); SELECT pg_temp.touch(100);
SELECT till.quiet_sync(), till.clear(), till.quiet_sync(), till.quiet_sync();
INSERT INTO tickets TABLE backup.t; INSERT INTO orders TABLE backup.o;
SELECT till.quiet_sync(), till.quiet_sync();
SELECT results_eq($$SELECT id || ' ' || row_state FROM sambapos_replica.orders WHERE id IN (200, 201, 900) AND price <> 99 ORDER BY id$$,
  ARRAY['200 live', '201 live', '900 removed'], 'a restore after a clear brings the lines of the backup only');
SELECT is((SELECT row_state FROM sambapos_replica.payments WHERE id = 100 ORDER BY epoch DESC LIMIT 1), 'cleared', 'a table that was not restored keeps what it knew');

-- a manual document of today under an id that an old, cleared ticket's document had
DELETE FROM account_transaction_values; DELETE FROM account_transactions; DELETE FROM account_transaction_documents;
UPDATE tickets SET transaction_document_id = NULL; SELECT till.quiet_sync(), till.quiet_sync(), till.quiet_sync();
INSERT INTO account_transaction_documents SELECT i, pg_temp.now(), 'manual' FROM generate_series(1, 5) AS i;
INSERT INTO account_transactions SELECT i, i, 100 FROM generate_series(1, 5) AS i;
UPDATE sambapos.site SET id_overlap = 0;
SELECT till.quiet_sync(), till.quiet_sync();
UPDATE account_transactions SET amount = 250 WHERE id = 2; UPDATE account_transaction_documents SET name = 'manual, corrected' WHERE id = 2;
SELECT till.quiet_sync();
SELECT is((SELECT amount FROM sambapos_replica.account_transactions WHERE id = 2 AND row_state = 'live'), 250.00, 'a manual document is followed, whatever ticket once had its id');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');

-- a uid decides alone
ALTER TABLE tickets ADD COLUMN ticket_uid text;
UPDATE pg_attribute SET attfdwoptions = '{column_name=TicketUid,remote_type=text}' WHERE attrelid = 'tickets'::regclass AND attname = 'ticket_uid';
ALTER TABLE sambapos_replica.tickets ADD COLUMN ticket_uid text;
ALTER TABLE sambapos_replica.tickets_history ADD COLUMN ticket_uid text;
UPDATE sambapos.table_state SET full_due = true WHERE table_name = 'tickets';
UPDATE tickets SET ticket_uid = 'uid' || id;
SELECT till.quiet_sync('full');
UPDATE tickets SET date = date + interval '9 days', ticket_number = 'x', last_payment_date = NULL WHERE id = 101; SELECT pg_temp.touch(101);
UPDATE tickets SET ticket_uid = 'other', total_amount = 1 WHERE id = 100; SELECT pg_temp.touch(100);
SELECT till.quiet_sync();
SELECT results_eq($$SELECT id || ' ' || ticket_uid || ' ' || row_state FROM sambapos_replica.tickets WHERE ticket_uid IS NOT NULL ORDER BY id, ticket_uid$$,
  ARRAY['100 other live', '100 uid100 superseded', '101 uid101 live'], 'the uid decides against date and number');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT * FROM finish();
ROLLBACK;
