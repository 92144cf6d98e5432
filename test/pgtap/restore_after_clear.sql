-- Promise: a backup that is put back after a clear is on record, and a person is told how many tickets, and how much
-- money, are known here and not at the till; the person says whether they count.
BEGIN;
\ir seam.psql
SELECT plan(47);
CREATE FUNCTION till.counted() RETURNS numeric LANGUAGE sql AS $$ SELECT sum(total_amount) FROM sambapos_report.tickets $$;
CREATE FUNCTION till.states() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(s, ', ' ORDER BY s) FROM (SELECT row_state || ' ' || count(*) AS s FROM sambapos_replica.tickets GROUP BY row_state) AS x $$;
CREATE FUNCTION till.restores() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(concat_ws(' ', table_name, rows, evidence ->> 'came_back', CASE WHEN version IS NULL THEN 'none marked' END), ', ' ORDER BY event_id) FROM sambapos.source_events WHERE kind = 'restore' AND table_name <> '' $$;
CREATE FUNCTION till.alert() RETURNS text LANGUAGE sql AS $$ SELECT coalesce(string_agg(message, '; '), 'none') FROM sambapos.alerts $$;
CREATE FUNCTION till.back_up() RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
  r name;
BEGIN
  DROP SCHEMA IF EXISTS backup CASCADE;
  CREATE SCHEMA backup;
  FOR r IN SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'sambapos_live_shop'::regnamespace AND c.relkind = 'r' LOOP
    EXECUTE format('CREATE TABLE backup.%I AS TABLE sambapos_live_shop.%1$I', r);
  END LOOP;
END;
$$;
CREATE FUNCTION till.put_back() RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
  r name;
BEGIN
  FOR r IN SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'backup'::regnamespace LOOP
    EXECUTE format('DELETE FROM sambapos_live_shop.%I', r);
    EXECUTE format('INSERT INTO sambapos_live_shop.%I TABLE backup.%1$I', r);
  END LOOP;
END;
$$;
CREATE FUNCTION till.leave_open(ticket integer) RETURNS void LANGUAGE sql AS
$$
  UPDATE sambapos_live_shop.tickets SET is_closed = false, remaining_amount = 20 WHERE id = ticket; DELETE FROM sambapos_live_shop.payments WHERE ticket_id = ticket;
$$;
CREATE FUNCTION till.clear_but(ticket integer) RETURNS void LANGUAGE sql AS
$$
  DELETE FROM sambapos_live_shop.ticket_entities WHERE ticket_id <> ticket; DELETE FROM sambapos_live_shop.orders WHERE ticket_id <> ticket;
  DELETE FROM sambapos_live_shop.payments; DELETE FROM sambapos_live_shop.tickets WHERE id <> ticket;
  DELETE FROM sambapos_live_shop.account_transaction_values WHERE account_transaction_document_id <> ticket;
  DELETE FROM sambapos_live_shop.account_transactions WHERE account_transaction_document_id <> ticket;
  DELETE FROM sambapos_live_shop.account_transaction_documents WHERE id <> ticket; UPDATE sambapos_live_shop.numerators SET number = 0;
$$;
SELECT till.sell(1, 10);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
SELECT till.back_up(), till.pass(1), till.sell(11, 3, '2026-03-10 11:00');
SELECT till.quiet_sync();
SAVEPOINT sold;

-- three tickets were sold after the backup; then the clear, then the backup
SELECT till.pass(1), till.clear(), till.quiet_sync(), till.quiet_sync();
SELECT is(till.states(), 'cleared 13', 'a clear');
SELECT is(till.alert(), 'none', 'of which nobody is told');
SAVEPOINT cleared;
SELECT till.pass(1), till.put_back(), till.quiet_sync();
SELECT is(till.states(), 'cleared 3, live 10', 'the backup is back');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT matches(till.restores(), 'tickets 3 10', 'it is on record: what came back, and what did not');
SELECT is(till.alert(), 'an older backup was restored at the till: 3 rows of tickets, 60.00 in all, are known here and not at the till', 'a person is told what that cost');
SELECT is(till.counted(), 260::numeric, 'it counts, as long as nobody says more');
SELECT is_empty($$SELECT * FROM till.sync()$$, 'the next run finds nothing');
SELECT is_empty($$SELECT * FROM till.sync('full')$$, 'nor does a whole one');
SELECT is((SELECT count(*) FROM sambapos.source_events WHERE kind = 'restore' AND table_name = 'tickets'), 1::bigint, 'it is on record once');
SAVEPOINT back;
SELECT is(sambapos_reclassify(event_id, 'single delete'), 15::bigint, 'a person: they were entered again') FROM sambapos._restore_open;
SELECT is(till.counted(), 200::numeric, 'they do not count');
SELECT is((SELECT sum(amount) FROM sambapos_replica.payments WHERE row_state IN ('live', 'cleared')), 200::numeric, 'nor does what was paid');
SELECT till.quiet_sync();
SELECT is(till.alert(), 'none', 'it is over');
ROLLBACK TO back;
-- sold again under the ids that the backup lacked
SELECT till.pass(2), till.sell(11, 2, '2026-03-10 16:00'), till.quiet_sync(), till.quiet_sync();
SELECT is(till.alert(), 'an older backup was restored at the till: 3 rows of tickets, 60.00 in all, are known here and not at the till', 'what is sold under the same ids hides nothing');
SELECT is(till.counted(), 300::numeric, 'all of it counts');
-- the same backup once more
SELECT till.clear(), till.pass(1), till.quiet_sync(), till.quiet_sync(), till.put_back(), till.pass(1), till.quiet_sync(), till.quiet_sync();
SELECT is_empty($$SELECT * FROM till.differences()$$, 'put back once more: live rows equal the source');
SELECT is(till.counted(), 300::numeric, 'and each ticket counts once');
ROLLBACK TO cleared;

-- an archive of what the clear has ended, made before the backup is put back or after it
SELECT is((SELECT status FROM sambapos_verify_archive(sambapos_archive('shop')) WHERE table_name = 'tickets'), 'intact', 'a period that the clear has ended');
SELECT till.pass(1), till.put_back(), till.quiet_sync();
SELECT is((SELECT count(*) FROM sambapos_verify_archive((SELECT max(archive_id) FROM sambapos.archives)) WHERE status = 'damaged'), 0::bigint, 'is not damaged by the backup');
SELECT is((SELECT string_agg(DISTINCT status, ' ') FROM sambapos_verify_archive((SELECT max(archive_id) FROM sambapos.archives))), 'intact', 'nor restated: its rows are what they were');
ROLLBACK TO cleared;
SELECT till.pass(1), till.put_back(), till.quiet_sync();
SELECT is((SELECT sambapos_archive('shop') IS NULL), false, 'an archive that is made when the backup is back');
SELECT is((SELECT rows FROM sambapos.archive_table WHERE table_name = 'tickets'), 13::bigint, 'has what the clear took, back or not');
ROLLBACK TO cleared;

-- the backup was put back, and the till has sold, before anybody looked
SELECT till.pass(1), till.put_back(), till.sell(11, 2, '2026-03-10 16:00'), till.quiet_sync(), till.quiet_sync();
SELECT is(till.alert(), 'an older backup was restored at the till: 3 rows of tickets, 60.00 in all, are known here and not at the till', 'sold at once under ids of before: a person is told');
SELECT is(till.counted(), 300::numeric, 'all of it counts');
ROLLBACK TO cleared;

-- sold after the clear too
SELECT till.sell(14, 2, '2026-03-10 14:00'), till.quiet_sync(), till.pass(1), till.put_back(), till.quiet_sync(), till.quiet_sync();
SELECT is(till.states(), 'cleared 5, live 10', 'a backup from before the clear');
SELECT is(till.alert(), 'an older backup was restored at the till: 5 rows of tickets, 100.00 in all, are known here and not at the till', 'what was sold after the clear is in the same account');
ROLLBACK TO cleared;

-- a backup that lacks nothing
ROLLBACK TO sold;
SELECT till.back_up(), till.pass(1), till.clear(), till.quiet_sync(), till.quiet_sync(), till.put_back(), till.quiet_sync();
SELECT is(till.states(), 'live 13', 'a backup of the last minute');
SELECT matches(till.restores(), 'tickets 0 13 none marked', 'it is on record');
SELECT is(till.alert(), 'none', 'nothing is lost, so nobody is called');

-- the till is cleared, then a new PC gets a backup from before that
ROLLBACK TO sold;
SELECT till.pass(1), till.clear(), till.quiet_sync(), till.quiet_sync(), till.put_back(), till.pass(1);
UPDATE till.database SET created = '2026-03-11', broker = '44444444-4444-4444-4444-444444444444';
SELECT till.quiet_sync();
SELECT is((SELECT held_database FROM sambapos.site_state), NULL, 'a new PC with a backup from before the clear is known by rows that were cleared');
SELECT is(till.states(), 'cleared 3, live 10', 'the run goes on');
SELECT is(till.alert(), 'an older backup was restored at the till: 3 rows of tickets, 60.00 in all, are known here and not at the till', 'and tells what that cost');
ROLLBACK TO sold;
SELECT till.clear(), till.quiet_sync(), till.quiet_sync(), till.sell(1, 9, '2026-03-10 19:30'), till.pass(1);
UPDATE till.database SET created = '2026-03-11', broker = '44444444-4444-4444-4444-444444444444';
SELECT till.quiet_sync();
SELECT isnt((SELECT held_database FROM sambapos.site_state), NULL, 'another database with tickets of the same ids is held');

-- an epoch that is discarded brings back what went with no clear
ROLLBACK TO sold;
CREATE TABLE till.own AS TABLE till.database;
UPDATE till.database SET name = 'Other', created = '2024-05-05', broker = '22222222-2222-2222-2222-222222222222';
SELECT till.back_up(), till.clear(), till.sell(1, 2, '2026-03-01 10:00'), till.quiet_sync(), sambapos_accept_source('shop', 'new database'), till.quiet_sync();
UPDATE till.database AS d SET name = o.name, created = o.created, broker = o.broker FROM till.own AS o;
SELECT till.put_back(), sambapos_discard_epoch('shop', 2), till.quiet_sync(), till.quiet_sync();
SELECT is(till.states(), 'deleted 2, live 13', 'the site''s own database is back');
SELECT is(till.restores(), NULL, 'that is no backup');
ROLLBACK TO sold;

-- a ticket stays open through a clear; the backup is of the time after it, and lacks what was sold then
SELECT till.leave_open(3), till.quiet_sync(), till.pass(1), till.clear_but(3), till.quiet_sync(), till.quiet_sync();
SELECT is(till.states(), 'cleared 12, live 1', 'a clear leaves an open ticket');
SAVEPOINT open;
SELECT till.back_up(), till.pass(1), till.sell(14, 5, '2026-03-10 14:00'), till.quiet_sync(), till.pass(24), till.clear(), till.quiet_sync(), till.quiet_sync();
SELECT till.pass(1), till.put_back(), till.quiet_sync(), till.quiet_sync();
SELECT is(till.alert(), 'an older backup was restored at the till: 5 rows of tickets, 100.00 in all, are known here and not at the till', 'what an earlier clear took is not lost');
SELECT isnt_empty($$SELECT sambapos_reclassify(event_id, 'single delete') FROM sambapos._restore_open$$, 'a person: they were entered again');
SELECT is(till.counted(), 260::numeric, 'what an earlier clear took counts for good');
ROLLBACK TO open;
-- a person lets another database in, and takes that back
CREATE TABLE till.own AS TABLE till.database;
UPDATE till.database SET name = 'Other', created = '2024-05-05', broker = '22222222-2222-2222-2222-222222222222';
SELECT till.back_up(), till.clear(), till.sell(1, 2, '2026-03-01 10:00'), till.quiet_sync(), sambapos_accept_source('shop', 'new database'), till.quiet_sync();
UPDATE till.database AS d SET name = o.name, created = o.created, broker = o.broker FROM till.own AS o;
SELECT till.put_back(), sambapos_discard_epoch('shop', 2), till.quiet_sync(), till.quiet_sync();
SELECT is(till.restores(), NULL, 'an epoch that is discarded after a clear: that is no backup');
ROLLBACK TO sold;
-- a script clears everything, and puts the open ticket back
SELECT till.leave_open(3), till.quiet_sync(), till.back_up(), till.pass(1), till.clear(), till.quiet_sync();
INSERT INTO tickets SELECT * FROM backup.tickets WHERE id = 3; INSERT INTO orders SELECT * FROM backup.orders WHERE ticket_id = 3;
INSERT INTO account_transaction_documents SELECT * FROM backup.account_transaction_documents WHERE id = 3;
SELECT till.quiet_sync(), till.quiet_sync();
SELECT is(till.states(), 'cleared 12, live 1', 'an open ticket is put back after a clear');
SELECT is(till.restores(), NULL, 'that is no backup either');
ROLLBACK TO sold;
-- a clear after which ids are used again, a second one, and a backup from before both
SELECT till.pass(24), till.clear(), till.quiet_sync(), till.quiet_sync(), till.sell(1, 5, '2026-03-11 10:00'), till.pass(10), till.quiet_sync(), till.quiet_sync();
SELECT till.pass(24), till.clear(), till.quiet_sync(), till.quiet_sync(), till.pass(1), till.put_back(), till.quiet_sync(), till.quiet_sync();
SELECT is(till.alert(), 'an older backup was restored at the till: 8 rows of tickets, 160.00 in all, are known here and not at the till', 'what was sold under ids that were used again is lost too');
SELECT is(till.counted(), 360::numeric, 'all of it counts');
ROLLBACK TO sold;
-- the newest ticket of the backup has another line, before anybody has looked, under an id that a line of before had
INSERT INTO orders VALUES (100, 10, 1, 5, 1, '[]', (SELECT local_now FROM till.clock));
UPDATE tickets SET total_amount = 25, last_update_time = (SELECT local_now FROM till.clock) WHERE id = 10;
DELETE FROM orders WHERE ticket_id > 10; DELETE FROM payments WHERE ticket_id > 10; DELETE FROM ticket_entities WHERE ticket_id > 10; DELETE FROM tickets WHERE id > 10;
SELECT till.quiet_sync(), till.quiet_sync(), till.quiet_sync(), till.pass(1), till.clear(), till.quiet_sync(), till.quiet_sync(), till.pass(1), till.put_back();
INSERT INTO orders VALUES (100, 10, 2, 7, 1, '[]', (SELECT local_now FROM till.clock));
UPDATE tickets SET total_amount = 27, last_update_time = (SELECT local_now FROM till.clock) WHERE id = 10;
SELECT till.quiet_sync(), till.quiet_sync();
SELECT is((SELECT count(*) FROM sambapos._restore_open WHERE event_id = (SELECT max(event_id) FROM sambapos.source_events WHERE kind = 'restore' AND table_name = 'tickets')), 0::bigint,
          'a ticket that goes on in another epoch is not lost');
SELECT * FROM finish();
ROLLBACK;
