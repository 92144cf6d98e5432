-- Promise: a table with a sync_interval of its own is left alone by scheduled runs until it is due, with all that is read
-- together with it, and then all that has happened is found. Who calls sambapos_sync, or asks for a sync, gets everything.
-- What is not due makes no run read, proves nothing, and is nothing to be alarmed about; what failed is tried again.
-- A run reads what has a higher priority first.
BEGIN;
\set QUIET on
\ir seam.psql
SELECT till.sell(1, 20);
SELECT plan(85);

-- A scheduled run, as a job does it; what it says of its tables that it has not plainly read, in short.
CREATE FUNCTION till.tick() RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  part text := 'start';
  run_id bigint;
BEGIN
  UPDATE sambapos.site_state SET next_due_at = clock_timestamp() WHERE next_due_at > clock_timestamp();
  WHILE part IS NOT NULL LOOP
    SELECT w.part, w.run_id INTO part, run_id
    FROM sambapos._worker_do((SELECT s.site_id FROM sambapos.site AS s), part, run_id) AS w;
  END LOOP;
  RETURN till.told();
END;
$$;
CREATE FUNCTION till.told() RETURNS text LANGUAGE sql AS
$$
  SELECT concat_ws(': ', r.status, r.message, (SELECT string_agg(x.table_name || ' ' || x.status, ', ' ORDER BY x.table_name)
    FROM sambapos.run_table AS x WHERE x.run_id = r.run_id AND x.status <> 'ok'))
  FROM sambapos.run AS r ORDER BY r.run_id DESC LIMIT 1;
$$;
-- time goes by, here and there
CREATE FUNCTION till.later(how_long interval) RETURNS void LANGUAGE sql AS
$$
  SELECT till.pass(extract(epoch FROM how_long) / 3600);
  UPDATE sambapos.table_state SET read_began_at = read_began_at - how_long, last_success_at = last_success_at - how_long,
    last_run_at = last_run_at - how_long;
  UPDATE sambapos.site_state SET last_success_at = last_success_at - how_long, last_run_at = last_run_at - how_long;
$$;
CREATE FUNCTION till.hint(statement text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  hint text;
BEGIN
  EXECUTE statement;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN hint;
END;
$$;
CREATE FUNCTION till.intervals() RETURNS text LANGUAGE sql AS
$$
  SELECT string_agg(s.value || ': ' || s.names, '; ' ORDER BY s.value) FROM (
    SELECT value, string_agg(table_name, ' ' ORDER BY table_name) AS names FROM sambapos.settings
    WHERE setting = 'sync_interval' AND table_name IS NOT NULL GROUP BY 1) AS s;
$$;
CREATE FUNCTION till.light() RETURNS text LANGUAGE sql AS $$ SELECT light FROM sambapos_status('shop'); $$;
CREATE FUNCTION till.run_table(wanted text) RETURNS sambapos.run_table LANGUAGE sql AS
$$ SELECT x FROM sambapos.run_table AS x WHERE x.table_name = wanted ORDER BY x.run_id DESC LIMIT 1; $$;
UPDATE sambapos.site SET sync_interval = '1 minute';
SAVEPOINT fresh;

-- ---- the setting ----

SELECT is(till.intervals(), NULL, 'at first no table has an interval of its own');
SELECT is(sambapos_configure('shop', 'sync_interval', '1 day', table_name => 'MenuItems'), '1 day', 'a table gets one');
SELECT is(till.intervals(), '1 day: menu_items', 'a master is alone');
SELECT is(sambapos_configure('shop', 'sync_interval', '60 minutes', 'orders'), '60 minutes', 'a child gets one');
SELECT is(till.intervals(), '01:00:00: account_transaction_documents account_transaction_values account_transactions orders paid_items payments ticket_entities tickets; 1 day: menu_items',
  'its family has it');
SELECT is((SELECT string_agg(DISTINCT coalesce(unit, '') || '/' || coalesce(default_value, '') || '/' || is_changed, ', ') FROM sambapos.settings WHERE table_name = 'tickets'), 'time//true', 'the view shows it, without a default');
SELECT is(sambapos_configure('shop', 'priority', '5', 'tickets'), '5', 'a family has a priority');
SELECT is((SELECT count(*) FROM sambapos.settings WHERE setting = 'priority' AND table_name IS NOT NULL AND value = '5'), 8::bigint, 'each of its tables');
INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind, parent, parent_key)
SELECT s.site_id, k.table_name, k.source_name, k.kind, k.parent, k.parent_key FROM sambapos.site AS s, sambapos._known_tables() AS k WHERE k.table_name = 'change_payments';
SELECT sambapos._family_join(site_id, 'change_payments') FROM sambapos.site;
SELECT is((SELECT row(sync_interval, priority)::text FROM sambapos.replicated_table WHERE table_name = 'change_payments'), '(01:00:00,5)', 'a table that joins it too');
SELECT is(sambapos_configure('shop', 'sync_interval', NULL, 'payments'), NULL, 'NULL takes it away');
SELECT is(till.intervals(), '1 day: menu_items', 'from the family');
SELECT is(sambapos_configure('shop', 'priority', NULL, 'tickets'), NULL, 'NULL puts the default back');
SELECT is((SELECT max(priority) FROM sambapos.replicated_table), 0, 'for all of them');
SELECT throws_ok($$SELECT sambapos_configure('shop', 'sync_interval', '5 seconds', 'orders')$$, '22023', 'invalid value for setting "sync_interval": "5 seconds"', 'a range');
SELECT matches(till.hint($$SELECT sambapos_configure('shop', 'priority', '1001', 'orders')$$), '-1000 to 1000', 'which the hint says');
SELECT throws_ok($$SELECT sambapos_configure('shop', 'sync_interval', '1 day', 'recipies')$$, '42P01', NULL, 'a table that is not there');
ROLLBACK TO fresh;

-- ---- a run of what is due ----

SELECT sambapos_configure('shop', 'sync_interval', '1 hour', 'tickets') \g /dev/null
SELECT is(till.tick(), 'ok', 'what was never read is due');
SELECT is_empty('SELECT till.differences()', 'and is read');
CREATE TEMPORARY TABLE before AS SELECT hw_utc, last_success_at, last_probe, consecutive_failures FROM sambapos._place;
SELECT till.later('10 minutes') \g /dev/null
UPDATE before SET last_success_at = last_success_at - interval '10 minutes';
SELECT till.sell(21, 2) \g /dev/null
UPDATE orders SET price = 11 WHERE id = 3;
UPDATE numerators SET number = 1001;
INSERT INTO menu_items VALUES (4, 'item 4', 'drink');
DELETE FROM till.asked;
SELECT is(till.tick(), 'ok: account_transaction_documents skipped, account_transaction_values skipped, account_transactions skipped, orders skipped, paid_items skipped, payments skipped, ticket_entities skipped, tickets skipped',
  'tickets and what belongs to them are not due');
SELECT matches((till.run_table('orders')).message, '^not due before \d{4}-\d\d-\d\d \d\d:\d\d:\d\d.*: it is read each 01:00:00$', 'the log says until when');
SELECT is_empty($$SELECT question FROM till.asked WHERE question ~ '\[(Tickets|Orders|Payments)\]'$$, 'the till is not asked for them');
-- a till of plain tables cannot answer the run's first question: what that asks is seen by a made-up one
CREATE FUNCTION till.asks(with_roots boolean) RETURNS text LANGUAGE sql AS
$$
  SELECT sambapos._question_of_run((SELECT max(run_id) FROM sambapos.run), s,
    '{"": "source", "menu_items": "menu items", "orders": "orders", "tickets": "tickets", "work_periods": "periods"}', with_roots)
  FROM sambapos._place AS s;
$$;
SELECT is(till.asks(true), 'source UNION ALL menu items UNION ALL periods', 'nor to add them up');
SELECT is(till.asks(false), 'source UNION ALL menu items', 'a run that reads in any case adds up masters only');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets), 20::bigint, 'no ticket is read');
SELECT is((SELECT count(*) FROM sambapos_replica.menu_items), 4::bigint, 'the masters are');
SELECT is((SELECT row(s.hw_utc, s.last_success_at)::text FROM sambapos._place AS s), (SELECT row(b.hw_utc, b.last_success_at)::text FROM before AS b), 'it is no success of the tickets');
SELECT is((SELECT last_probe -> 'numerators' FROM sambapos._place), (SELECT last_probe -> 'numerators' FROM before), 'nor are the numerators remembered without them');
SELECT ok((sambapos._run_extent((SELECT max(run_id) FROM sambapos.run), s)).is_whole, 'but it is a whole run') FROM sambapos._place AS s;
SELECT ok((SELECT next_due_at > now() FROM sambapos._place), 'and takes its turn');
SELECT is((SELECT string_agg(DISTINCT last_status || ' ' || full_due, ', ') FROM sambapos._table WHERE parent = 'tickets'), 'ok false', 'the tables are what they were');
SELECT is(till.light(), 'green', 'the light is green');
SELECT is_empty('SELECT * FROM sambapos.alerts', 'nobody is alarmed');
SELECT ok(NOT sambapos._source_has_moved(s), 'nor is a change of them a reason for the worker') FROM sambapos._place AS s;
DELETE FROM tickets WHERE id = 1;
SELECT ok(NOT sambapos._source_wants_run(s), 'or fewer of them for the job') FROM sambapos._place AS s;
INSERT INTO tickets SELECT (r).* FROM (SELECT jsonb_populate_record(NULL::tickets, to_jsonb(t)) AS r FROM sambapos_replica.tickets AS t WHERE id = 1) AS r;
SELECT is((SELECT row(sync_interval, priority, next_due_at > clock_timestamp() + interval '49 minutes')::text FROM sambapos.table_status WHERE table_name = 'payments'), '(01:00:00,0,t)', 'table_status has the interval, and when it is over');
SELECT is((SELECT row(sync_interval, t.next_due_at = s.next_due_at)::text FROM sambapos.table_status AS t, sambapos_status('shop') AS s WHERE table_name = 'menu_items'), '(,t)', 'others are due with the site');
SAVEPOINT skipped;

SELECT is(till.quiet_sync() > 0, true, 'who calls sambapos_sync gets all');
SELECT is_empty('SELECT till.differences()', 'of it');
ROLLBACK TO skipped;
SELECT sambapos_request_sync('shop') \g /dev/null
SELECT is(till.tick(), 'ok', 'so does who asks for a sync');
SELECT is_empty('SELECT till.differences()', 'all of it');
ROLLBACK TO skipped;
SELECT till.later('49 minutes') \g /dev/null
SELECT is(till.tick(), 'ok', 'a minute does not count: it is due');
SELECT is_empty('SELECT till.differences()', 'and all that has happened is found');
SELECT is((SELECT last_probe -> 'numerators' ->> 'highest' FROM sambapos._place), '1001', 'the numerators with it');
ROLLBACK TO skipped;
SELECT till.later('45 minutes') \g /dev/null
SELECT matches(till.tick(), 'tickets skipped', 'five minutes do: of a long interval it is never more than one');
ROLLBACK TO skipped;
SELECT sambapos_configure('shop', 'sync_interval', '11 minutes', 'tickets') \g /dev/null
SELECT is(till.tick(), 'ok', 'nor does a tenth of a short one');
ROLLBACK TO skipped;
-- a family is due with the first of its tables
UPDATE sambapos.table_state SET read_began_at = read_began_at - interval '1 hour' WHERE table_name = 'payments';
SELECT is(till.tick(), 'ok', 'one table was last read before the others: all are due with it');
ROLLBACK TO skipped;
UPDATE sambapos.table_state SET read_began_at = NULL WHERE table_name = 'payments';
SELECT is(till.tick(), 'ok', 'one was never read');
ROLLBACK TO skipped;
-- but for those that no run reads
UPDATE sambapos.table_state SET read_began_at = read_began_at - interval '2 days', paused_reason = 'a column' WHERE table_name = 'payments';
SELECT matches(till.tick(), 'payments paused, .*tickets skipped', 'a table that is paused makes nothing due');
SELECT is((till.run_table('payments')).due_at, NULL, 'and is not left out for not being due');
SELECT ok(sambapos._run_leaves_out((SELECT max(run_id) FROM sambapos.run), 'payments'), 'but what waits in it is no reason to read');
ROLLBACK TO skipped;
UPDATE sambapos.table_state SET read_began_at = read_began_at - interval '2 days' WHERE table_name IN ('account_transactions', 'account_transaction_values');
UPDATE sambapos.table_state SET read_began_at = read_began_at - interval '2 days', paused_reason = 'a column' WHERE table_name = 'account_transaction_documents';
SELECT matches(till.tick(), 'tickets skipped', 'nor do those that are not read without it');
ROLLBACK TO skipped;
UPDATE sambapos.replicated_table SET enabled = false WHERE table_name = 'payments';
UPDATE sambapos.table_state SET read_began_at = read_began_at - interval '2 days' WHERE table_name = 'payments';
SELECT matches(till.tick(), 'tickets skipped', 'nor does one that is disabled');
SELECT is((SELECT string_agg(t.table_name, ' ' ORDER BY t.table_name) FROM sambapos._table AS t WHERE NOT sambapos._run_leaves_out((SELECT max(run_id) FROM sambapos.run), t.table_name)),
          'account_transaction_document_type_account_transaction_types menu_item_prices menu_items numerators work_periods',
          'what waits in a table that the run does not read is no reason to read');
ROLLBACK TO skipped;

-- ---- what does not wait ----

INSERT INTO till.failure VALUES ('.', '08001', 'no route to the till');
SELECT till.tick() \g /dev/null
DELETE FROM till.failure;
SELECT is((SELECT string_agg(table_name, ', ') FROM sambapos._table WHERE last_status = 'failed' AND sambapos._table_family(_table) = 'tickets'), NULL, 'a run that fails takes no table with it that was not due');
ROLLBACK TO skipped;
SELECT till.later('2 hours') \g /dev/null
INSERT INTO till.failure VALUES ('.', '08001', 'no route to the till');
SELECT till.tick() \g /dev/null
DELETE FROM till.failure;
SELECT is(till.tick(), 'ok', 'what failed is tried by the next run');
ROLLBACK TO skipped;
INSERT INTO till.failure VALUES (E'\\[Tickets\\]', '42501', 'the SELECT permission was denied on the object Tickets');
SELECT matches((SELECT string_agg(s, '; ') FROM till.sync() AS s), 'tickets failed', 'so is what failed when somebody called');
DELETE FROM till.failure;
SELECT is(till.tick(), 'ok', 'before it was due');
ROLLBACK TO skipped;
SELECT sambapos_configure('shop', 'personal', 'null', 'tickets.note') \g /dev/null
SELECT is(till.tick(), 'ok', 'what a person wants read whole is');
ROLLBACK TO skipped;

-- ---- nothing is due ----

SELECT sambapos_configure('shop', 'sync_interval', '1 hour', t.table_name) FROM sambapos.replicated_table AS t \g /dev/null
DELETE FROM till.asked;
SELECT matches(till.tick(), '^ok: no table is due: ', 'a run of which no table is due');
SELECT is_empty('SELECT * FROM till.asked', 'asks nobody');
SELECT ok(last_success_at < now() - interval '9 minutes' AND next_due_at > now(), 'is no success, and takes its turn') FROM sambapos._place;
SELECT is((SELECT string_agg(DISTINCT t.last_status, ',') FROM sambapos._table AS t), 'ok', 'the tables are what they were');
ROLLBACK TO skipped;

-- ---- how old is old ----

SELECT till.later('100 minutes') \g /dev/null
SELECT is(till.light(), 'green', 'data is old by the interval of the tickets: not twice an hour');
SELECT till.later('15 minutes') \g /dev/null
SELECT is(till.light(), 'amber', 'but more');
SELECT till.later('7 hours') \g /dev/null
SELECT is(till.light(), 'red', 'or eight hours');
ROLLBACK TO skipped;

-- ---- columns ----

ALTER TABLE orders ADD colour text;
UPDATE pg_attribute SET attfdwoptions = '{column_name=Colour,remote_type=text}' WHERE attrelid = 'orders'::regclass AND attname = 'colour';
CREATE OR REPLACE FUNCTION sambapos._live_fits(place sambapos._place, t sambapos._table, columns jsonb) RETURNS boolean LANGUAGE sql AS 'SELECT false';
SELECT matches(till.tick(), 'orders skipped', 'a new column of a table that is not due');
SELECT is((SELECT outcome FROM sambapos.schema_versions WHERE table_name = 'orders' AND seen_until IS NULL), 'seen', 'is noted');
SELECT is((SELECT count(*) FROM pg_attribute WHERE attrelid = 'sambapos_replica.orders'::regclass AND attname = 'colour'), 0::bigint, 'and not followed');
SELECT is((SELECT string_agg(d.table_name, ', ') FROM sambapos._place AS s, sambapos._drift_due((SELECT max(run_id) FROM sambapos.run), s) AS d), NULL, 'before it is due');
SELECT sambapos._run_begin(s, 'auto', 'call', NULL) AS run FROM sambapos._place AS s \gset
SELECT is((SELECT string_agg(d.table_name, ', ') FROM sambapos._place AS s, sambapos._drift_due(:run, s) AS d), 'orders', 'when it is, it is to be followed');
ROLLBACK TO skipped;

-- ---- what a run proves that has not read the tickets ----

DELETE FROM work_periods WHERE id = 3;
SELECT is((SELECT string_agg(split_part(till.tick(), ':', 1), ' ') FROM generate_series(1, 4)), 'ok ok ok ok', 'a period is missing, in run after run');
SELECT is((SELECT row_state FROM sambapos_replica.work_periods WHERE id = 3), 'live', 'nobody has looked whether the tickets were cleared: it waits');
SELECT till.clear() \g /dev/null
SELECT till.later('2 hours') \g /dev/null
SELECT till.tick() \g /dev/null
SELECT is((SELECT row_state FROM sambapos_replica.work_periods WHERE id = 3), 'cleared', 'it went with the clear that they show');
ROLLBACK TO skipped;
DELETE FROM work_periods WHERE id = 3;
SELECT till.later('2 hours'), till.tick(), till.later('2 hours'), till.tick() \g /dev/null
SELECT is((SELECT row_state FROM sambapos_replica.work_periods WHERE id = 3), 'deleted', 'where they are there it was deleted');
ROLLBACK TO fresh;

-- the other way round: a clear went by while the periods were left alone
SELECT sambapos_configure('shop', 'sync_interval', '1 day', 'work_periods') \g /dev/null
SELECT till.tick() \g /dev/null
SELECT till.later('1 hour') \g /dev/null
DELETE FROM work_periods WHERE id = 3;
DELETE FROM ticket_entities; DELETE FROM orders; DELETE FROM payments; DELETE FROM tickets;
DELETE FROM account_transaction_values; DELETE FROM account_transactions; DELETE FROM account_transaction_documents;
SELECT till.tick() \g /dev/null
UPDATE sambapos.source_events SET at = clock_timestamp(); -- in this test all is one transaction
SELECT till.sell(31, 5) \g /dev/null
SELECT is((SELECT string_agg(split_part(till.tick(), ':', 1), ' ') FROM generate_series(1, 4)), 'ok ok ok ok', 'the till has come to rest');
SELECT is((SELECT row_state FROM sambapos_replica.work_periods WHERE id = 3), 'live', 'the periods are not looked at');
SELECT till.later('1 day') \g /dev/null
UPDATE sambapos.source_events SET at = at - interval '1 day';
SELECT is(till.tick(), 'ok', 'until they are due');
SELECT is((SELECT row_state FROM sambapos_replica.work_periods WHERE id = 3), 'cleared', 'one that is gone since went with the clear');
ROLLBACK TO fresh;

-- ---- a work period ends ----

SELECT sambapos_configure('shop', 'sync_interval', '1 hour', 'work_periods') \g /dev/null
SELECT till.tick() \g /dev/null
UPDATE work_periods SET end_date = '2026-03-10 12:00' WHERE id = 9;
SELECT ok(NOT sambapos._source_wants_run(s), 'the end of a period is no reason for a run that would not read it') FROM sambapos._place AS s;
SELECT till.later('1 hour') \g /dev/null
SELECT ok(sambapos._source_wants_run(s), 'for one that does it is') FROM sambapos._place AS s;
ROLLBACK TO fresh;

-- ---- what changed in the meantime, however long it was ----

SELECT sambapos_configure('shop', 'sync_interval', '20 days', 'tickets'), sambapos_configure('shop', 'id_overlap', '0') \g /dev/null
INSERT INTO account_transaction_documents VALUES (900, '2026-03-10 11:00', 'cash count');
SELECT till.tick() \g /dev/null
SELECT till.later('19 days 23 hours'), till.tick() \g /dev/null
UPDATE account_transaction_documents SET name = 'cash count, corrected' WHERE id = 900;
SELECT is((SELECT name FROM sambapos_replica.account_transaction_documents WHERE id = 900), 'cash count', 'a document was edited some days after it was made');
SELECT till.later('2 hours') \g /dev/null
SELECT is(till.tick(), 'ok', 'weeks later it is due');
SELECT is_empty('SELECT till.differences()', 'and the edit is found');
ROLLBACK TO fresh;

-- ---- priority ----

SELECT till.tick() \g /dev/null
CREATE FUNCTION till.steps() RETURNS text LANGUAGE sql AS
$$
  SELECT string_agg(concat((s.t).table_name, ' ', s.step), ', ') FROM sambapos._place AS p,
    sambapos._read_steps((SELECT max(run_id) FROM sambapos.run), p) AS s WHERE (s.t).table_name IN ('menu_items', 'menu_item_prices', 'tickets', 'orders', 'work_periods');
$$;
SELECT sambapos_sync('shop', mode => 'full') \g /dev/null
SELECT is(till.steps(), 'tickets root, work_periods root, orders child, tickets again, menu_item_prices master, menu_items master', 'without a priority: masters last');
SELECT sambapos_configure('shop', 'priority', '10', 'menu_items'), sambapos_configure('shop', 'priority', '-1', 'orders') \g /dev/null
SELECT is(till.steps(), 'menu_items master, work_periods root, menu_item_prices master, tickets root, orders child, tickets again', 'higher first, a family as a whole');
SELECT * FROM finish();
ROLLBACK;
