-- Promise: history that was exported and deleted here counts again while its archive is attached: each row once, also if
-- the till has brought some of it back, and not if somebody has said that it does not count. Detached, it is out again,
-- but for what was changed meanwhile.
BEGIN;
\ir seam.psql
SELECT plan(39);
CREATE FUNCTION pg_temp.states(relation name) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  answer text;
BEGIN
  EXECUTE format('SELECT string_agg(s, '', '' ORDER BY s) FROM (SELECT epoch || '' '' || row_state || '' '' || count(*) AS s FROM sambapos_replica.%I GROUP BY epoch, row_state) AS x', relation) INTO answer;
  RETURN coalesce(answer, 'nothing');
END;
$$;
CREATE FUNCTION pg_temp.replica() RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  t name;
  one text;
  answer text := '';
BEGIN
  FOR t IN SELECT r.table_name FROM sambapos._table AS r ORDER BY 1 LOOP
    EXECUTE format('SELECT md5(string_agg(r::text, '','' ORDER BY r::text)) FROM sambapos_replica.%I AS r', t) INTO one;
    answer := concat(answer, t, '=', one, ' ');
  END LOOP;
  RETURN answer;
END;
$$;
CREATE FUNCTION pg_temp.folder() RETURNS text LANGUAGE sql AS
$$ SELECT format('/tmp/sambapos-attached-%s-%s', pg_backend_pid(), current_setting('port')); $$;
CREATE FUNCTION pg_temp.attach(id bigint) RETURNS text LANGUAGE sql AS
$$ SELECT sambapos_attach_archive(e.path) FROM sambapos.archive_export AS e WHERE e.archive_id = id; $$;
SELECT format('COPY (SELECT 1) TO PROGRAM %L', 'mkdir ' || pg_temp.folder()) AS make,
       format('COPY (SELECT 1) TO PROGRAM %L', 'rm -rf ' || pg_temp.folder()) AS clean \gset
:make;

SELECT till.sell(1, 10, '2026-02-10 10:00'), till.sell(11, 5, '2026-03-10 10:00');
SELECT isnt_empty('SELECT * FROM till.sync()', 'first load');
SELECT till.clear(), till.pass(1);
SELECT isnt_empty('SELECT * FROM till.sync()', 'a clear');
CREATE OR REPLACE FUNCTION sambapos._site_clock(place sambapos._place) RETURNS timestamp LANGUAGE sql STABLE AS $$ SELECT '2026-04-19 12:00'::timestamp $$;
SELECT sambapos_configure('shop', 'history_retention', '31 days'), sambapos_configure('shop', 'archive_path', pg_temp.folder()) \g /dev/null
CREATE TEMPORARY TABLE before AS SELECT pg_temp.replica() AS rows;
SELECT results_eq($$SELECT month, action FROM sambapos_apply_retention('shop')$$, $$VALUES ('2026-02-01'::date, 'exported and deleted')$$, 'February is exported and deleted');
SELECT is(pg_temp.states('tickets') || '; ' || pg_temp.states('orders'), '1 cleared 5; 1 cleared 10', 'it is not here any more');
CREATE TEMPORARY TABLE without AS SELECT pg_temp.replica() AS rows;
SELECT max(archive_id) AS february FROM sambapos.archives WHERE state = 'dropped' \gset

-- back and out again
SELECT is(pg_temp.attach(:february), 'sambapos_archive_' || :february, 'attached');
SELECT is(pg_temp.replica(), (SELECT rows FROM before), 'every row is as it was, whatever column');
SELECT is((SELECT sum(total_amount) FROM sambapos_report.tickets), 300.00, 'and counts');
SELECT is((SELECT string_agg(DISTINCT status, ', ') FROM sambapos.archives AS a, sambapos_verify_archive(a.archive_id)), 'intact', 'all archives are intact');
SELECT is((SELECT action FROM sambapos_apply_retention('shop')), format('kept: archive %s is attached', :february), 'retention leaves it alone');
SELECT is_empty($$SELECT * FROM till.sync('full')$$, 'no run changes it');
SELECT sambapos_detach_archive(:february) \g /dev/null
SELECT is(pg_temp.replica(), (SELECT rows FROM without), 'detached, all of it is out again');

-- a backup of before the clear: its tickets are live, in the replica, and are not doubled
SAVEPOINT restored;
SELECT till.sell(3, 8, '2026-02-10 10:00');
UPDATE orders SET quantity = 2 WHERE id = 6; DELETE FROM orders WHERE id = 7;
UPDATE numerators SET number = 1000;
SELECT till.quiet_sync('full'), till.quiet_sync() \g /dev/null
SELECT is((SELECT string_agg(DISTINCT row_state, ', ') FROM sambapos_replica.tickets WHERE id BETWEEN 3 AND 10), 'live', 'a backup brings eight of them back to the till');
SELECT pg_temp.attach(:february) \g /dev/null
SELECT is((SELECT string_agg(id::text, ', ' ORDER BY id) FROM sambapos_report.tickets WHERE date < '2026-03-01'), '1, 2, 3, 4, 5, 6, 7, 8, 9, 10', 'attached, each ticket counts once');
SELECT is((SELECT count(*) || ' ' || sum(quantity) FROM sambapos_report.orders WHERE ticket_id = 3), '1 2.000', 'a ticket that is at the till has the lines that it has there');
SELECT is((SELECT count(*) FROM sambapos_report.orders WHERE ticket_id IN (1, 2)), 4::bigint, 'the others have theirs');
SELECT sambapos_detach_archive(:february) \g /dev/null
SELECT is((SELECT string_agg(id::text, ', ' ORDER BY id) FROM sambapos_report.tickets WHERE date < '2026-03-01'), '3, 4, 5, 6, 7, 8, 9, 10', 'detached, what is at the till stays');
SELECT is_empty('SELECT * FROM till.differences()', 'and equals the till');
ROLLBACK TO restored;

-- while it is attached, a person says that it does not count
SAVEPOINT verdict;
SELECT event_id AS clear FROM sambapos.source_events WHERE table_name = 'tickets' \gset
SELECT throws_ok('SELECT sambapos_reclassify(' || :clear || ', ''single delete'')', '55000', format('rows of source event %s were exported and deleted here', :clear), 'no verdict is given on rows that are not here');
SELECT pg_temp.attach(:february) \g /dev/null
SELECT is(sambapos_reclassify(:clear, 'single delete') > 0, true, 'attached, one is');
SELECT is(pg_temp.states('tickets'), '1 deleted 15', 'and reaches them');
SELECT sambapos_detach_archive(:february) \g /dev/null
SELECT is(pg_temp.states('tickets') || '; ' || pg_temp.states('orders'), '1 deleted 15; 1 deleted 30', 'what was decided stays');
SELECT pg_temp.attach(:february) \g /dev/null
SELECT is(pg_temp.states('tickets') || '; ' || pg_temp.states('orders'), '1 deleted 15; 1 deleted 30', 'also when it is attached again');
ROLLBACK TO verdict;

-- an epoch that was discarded meanwhile
SAVEPOINT discarded;
UPDATE sambapos.epoch SET of_database = 0;
SELECT pg_temp.attach(:february) \g /dev/null
SELECT is(pg_temp.states('tickets') || '; ' || pg_temp.states('orders'), '1 cleared 5; 1 cleared 10', 'rows of a discarded epoch do not come back');
SELECT is((SELECT count(*) FROM sambapos_archive_rows(:february, 'tickets')), 10::bigint, 'they can be read in their schema');
ROLLBACK TO discarded;

-- what a site is not to keep any more
SAVEPOINT personal;
UPDATE sambapos_live_shop.tickets SET note = 'x';
SELECT sambapos_configure('shop', 'personal', 'null', 'tickets.note') \g /dev/null
SELECT pg_temp.attach(:february) \g /dev/null
SELECT is((SELECT count(*) FILTER (WHERE note IS NULL) || ' of ' || count(*) FROM sambapos_replica.tickets), '15 of 15', 'personal columns that are set to NULL stay so');
SELECT sambapos_detach_archive(:february) \g /dev/null
SELECT is(pg_temp.states('tickets'), '1 cleared 5', 'and they are taken out all the same');
ROLLBACK TO personal;

-- a table that is not replicated any more
SAVEPOINT gone_table;
DELETE FROM sambapos.replicated_table WHERE table_name = 'paid_items';
SELECT pg_temp.attach(:february) \g /dev/null
SELECT is(pg_temp.states('tickets'), '1 cleared 15', 'a table without rows is not missed');
SELECT sambapos_detach_archive(:february) \g /dev/null
DELETE FROM sambapos.replicated_table WHERE table_name = 'payments';
SELECT pg_temp.attach(:february) \g /dev/null
SELECT is(pg_temp.states('tickets') || (SELECT in_replica FROM sambapos.archive_attachment), '1 cleared 5false', 'without one that has rows the archive is in its schema only');
ROLLBACK TO gone_table;

-- two archives of one month: a backup has brought tickets back, one with another total, and they went with a clear again
SAVEPOINT twice;
SELECT till.sell(3, 8, '2026-02-10 10:00');
UPDATE tickets SET total_amount = 50, last_update_time = '2026-03-10 12:30' WHERE id = 3;
UPDATE numerators SET number = 1000;
SELECT till.quiet_sync('full'), till.quiet_sync(), till.clear(), till.pass(1), till.quiet_sync(), till.quiet_sync() \g /dev/null
SELECT isnt_empty($$SELECT FROM sambapos_apply_retention('shop') WHERE action = 'exported and deleted'$$, 'a later archive has them, too');
SELECT max(archive_id) AS later FROM sambapos.archives WHERE state = 'dropped' \gset
SAVEPOINT order_of;
SELECT pg_temp.attach(:february), pg_temp.attach(:later) \g /dev/null
SELECT is((SELECT sum(total_amount) FROM sambapos_report.tickets), 330.00, 'both attached: the later word counts');
SELECT sambapos_detach_archive(:february), sambapos_detach_archive(:later) \g /dev/null
SELECT is((SELECT sum(total_amount) FROM sambapos_report.tickets), 100.00, 'and nothing is left of either');
ROLLBACK TO order_of;
SELECT pg_temp.attach(:later), pg_temp.attach(:february) \g /dev/null
SELECT is((SELECT sum(total_amount) FROM sambapos_report.tickets), 330.00, 'whichever was attached first');
SELECT sambapos_detach_archive(:later), sambapos_detach_archive(:february) \g /dev/null
SELECT is((SELECT sum(total_amount) FROM sambapos_report.tickets), 100.00, 'and detached');
ROLLBACK TO twice;

-- a backup that lacks the payments comes while it is attached: they are history, and stay with their tickets
SAVEPOINT partly;
SELECT pg_temp.attach(:february) \g /dev/null
SELECT till.sell(3, 8, '2026-02-10 10:00'); DELETE FROM payments; UPDATE numerators SET number = 1000;
SELECT till.quiet_sync('full'), till.quiet_sync() \g /dev/null
CREATE TEMPORARY TABLE paid AS SELECT sum(p.amount) AS amount FROM sambapos_report.payments AS p WHERE p.ticket_id BETWEEN 3 AND 10;
SELECT sambapos_detach_archive(:february) \g /dev/null
SELECT is((SELECT sum(p.amount) FROM sambapos_report.payments AS p WHERE p.ticket_id BETWEEN 3 AND 10), (SELECT amount FROM paid), 'what belongs to a ticket that is at the till again stays');
ROLLBACK TO partly;

-- the schema is gone: what was put back is not forgotten
SAVEPOINT dropped;
SELECT pg_temp.attach(:february) \g /dev/null
SELECT format('DROP SCHEMA sambapos_archive_%s CASCADE', :february) AS dropped \gset
:dropped;
SELECT throws_ok('SELECT sambapos_detach_archive(' || :february || ')', '55000', NULL, 'detaching raises where the schema was dropped');
SELECT pg_temp.attach(:february), sambapos_detach_archive(:february) \g /dev/null
SELECT is(pg_temp.replica(), (SELECT rows FROM without), 'attached again, it can be detached');
ROLLBACK TO dropped;
-- the manifest of another database, of the same number
SAVEPOINT elsewhere;
UPDATE sambapos.archive_export SET manifest = manifest || '{"archive_id": 77}', checksum = 'x';
SELECT pg_temp.attach(:february) \g /dev/null
SELECT is(pg_temp.replica(), (SELECT rows FROM without), 'an archive that was not exported from here is in its schema only');
SELECT is((SELECT in_replica FROM sambapos.archive_attachment), false, 'and said to be');
SELECT sambapos_detach_archive(:february) \g /dev/null
ROLLBACK TO elsewhere;
-- a site that was removed, with its history kept
UPDATE sambapos.site SET removed_at = now();
SELECT is(pg_temp.attach(:february), 'sambapos_archive_' || :february, 'that of a removed site too');
:clean;
SELECT * FROM finish();
ROLLBACK;
