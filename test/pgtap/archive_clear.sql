-- Promise: the period that a clear has ended is sealed by itself, once, and with all that the clear took; that it cannot
-- be sealed fails no run, and is said. What sambapos_prepare_clear has sealed before the clear is the archive of that
-- period, unless the clear took more.
BEGIN;
\ir seam.psql
SELECT plan(31);
CREATE FUNCTION pg_temp.all_intact() RETURNS boolean LANGUAGE sql AS
$$ SELECT bool_and(v.status = 'intact') FROM sambapos.archives AS a, sambapos_verify_archive(a.archive_id) AS v; $$;
CREATE FUNCTION pg_temp.archives() RETURNS text LANGUAGE sql AS
$$
  WITH numbered AS (SELECT a.*, row_number() OVER (ORDER BY a.archive_id) AS n FROM sambapos.archives AS a)
  SELECT string_agg(concat_ws(' ', a.n, a.state, t.rows, 'by ' || o.n), '; ' ORDER BY a.n)
  FROM numbered AS a LEFT JOIN sambapos.archive_table AS t ON t.archive_id = a.archive_id AND t.table_name = 'tickets'
  LEFT JOIN numbered AS o ON o.archive_id = a.superseded_by;
$$;

-- ---- by itself ----

SELECT till.sell(1, 10);
SELECT isnt_empty('SELECT * FROM till.sync()', 'first load');
SELECT till.clear(), till.pass(1);
SELECT isnt_empty('SELECT * FROM till.sync()', 'a clear');
SELECT is(pg_temp.archives(), '1 sealed 10', 'the run that saw it has sealed the period');
SELECT is((SELECT rows FROM sambapos.archives), 10 + 20 + 10 + 10 + 10 + 10 + 20 + 9::bigint, 'with all that was taken');
SELECT ok(pg_temp.all_intact(), 'and it is intact');
SELECT is((SELECT count(*) FROM sambapos.archive_due), 0::bigint, 'nothing is left to do');
SELECT till.sell(11, 5, '2026-03-10 12:30'), till.pass(1);
SELECT till.quiet_sync(), till.quiet_sync() \g /dev/null
SELECT is(pg_temp.archives(), '1 sealed 10', 'it is sealed once');
SELECT ok(pg_temp.all_intact(), 'what is sold since is none of it');

-- a part first: a script that leaves what is not paid, judged by the next run
UPDATE tickets SET is_closed = false WHERE id = 15;
SELECT till.quiet_sync('full') \g /dev/null
SELECT till.sell(16, 5, '2026-03-10 13:30'), till.pass(1);
SELECT till.quiet_sync() \g /dev/null
DELETE FROM ticket_entities WHERE ticket_id < 15; DELETE FROM orders WHERE ticket_id < 15; DELETE FROM payments WHERE ticket_id < 15; DELETE FROM tickets WHERE id < 15;
DELETE FROM account_transaction_values WHERE account_transaction_document_id < 15; DELETE FROM account_transactions WHERE account_transaction_document_id < 15; DELETE FROM account_transaction_documents WHERE id < 15;
SELECT isnt_empty('SELECT * FROM till.sync()', 'a clear of a part');
SELECT till.pass(1), till.quiet_sync() \g /dev/null
SELECT is(pg_temp.archives(), '1 sealed 10; 2 sealed 4', 'is sealed when it has come to rest');
SELECT ok(pg_temp.all_intact(), 'both are intact');

-- ---- what goes wrong ----

CREATE FUNCTION till.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON sambapos.archive_part FOR EACH ROW EXECUTE FUNCTION till.refuse();
SELECT till.clear(), till.pass(1);
SELECT isnt_empty('SELECT * FROM till.sync()', 'a clear whose period cannot be sealed');
SELECT is((SELECT status FROM sambapos.run ORDER BY run_id DESC LIMIT 1), 'ok', 'fails no run');
SELECT is(pg_temp.archives(), '1 sealed 10; 2 sealed 4', 'no half archive is left');
SELECT results_eq($$SELECT severity, kind, message FROM sambapos.alerts$$, $$VALUES ('warning', 'not sealed', 'the period that the last clear has ended could not be sealed: no room')$$, 'an alert says it');
DROP TRIGGER refuse ON sambapos.archive_part;
SELECT till.sell(31, 4, '2026-03-10 16:00'), till.pass(1);
SELECT till.quiet_sync() \g /dev/null
SELECT is(pg_temp.archives(), '1 sealed 10; 2 sealed 4; 3 sealed 6', 'the next run does it');
SELECT is_empty('SELECT FROM sambapos.alerts', 'and the alert is over');

-- ---- before the clear ----

SELECT sambapos_configure('shop', 'id_overlap', '0') \g /dev/null
UPDATE tickets SET is_closed = false WHERE id = 34;
SELECT till.quiet_sync('full') \g /dev/null
SELECT is(sambapos_prepare_clear('shop'), 'SAFE until the next ticket', 'the shop may clear');
SELECT is(pg_temp.archives(), '1 sealed 10; 2 sealed 4; 3 sealed 6; 4 open 3', 'what the clear will take is sealed: not what is open');
SELECT is(sambapos_prepare_clear('shop'), 'SAFE until the next ticket', 'once more');
SELECT is(pg_temp.archives(), '1 sealed 10; 2 sealed 4; 3 sealed 6; 4 open 3', 'is the same archive');
SELECT ok(pg_temp.all_intact(), 'all are intact');
CREATE TABLE till.left AS SELECT * FROM tickets WHERE id = 34;
CREATE TABLE till.left_document AS SELECT * FROM account_transaction_documents WHERE id = 34;
SELECT till.clear();
INSERT INTO tickets SELECT * FROM till.left; INSERT INTO account_transaction_documents SELECT * FROM till.left_document;
SELECT till.pass(1);
SELECT isnt_empty('SELECT * FROM till.sync()', 'the clear, which has also taken the lines of the open ticket');
SELECT till.pass(1), till.quiet_sync() \g /dev/null
SELECT till.pass(1), till.quiet_sync() \g /dev/null
SELECT is(pg_temp.archives(), '1 sealed 10; 2 sealed 4; 3 sealed 6; 4 sealed 3', 'took what was sealed: that is the archive of the period');
SELECT ok(pg_temp.all_intact(), 'all are intact');

-- somebody sells between the two
SELECT till.sell(41, 3, '2026-03-10 18:00'), till.pass(1);
SELECT till.quiet_sync() \g /dev/null
SELECT is(sambapos_prepare_clear('shop'), 'SAFE until the next ticket', 'the shop may clear');
SELECT till.sell(44, 2, '2026-03-10 18:30'), till.pass(1);
SELECT till.quiet_sync() \g /dev/null
SELECT till.clear(), till.pass(1);
SELECT till.quiet_sync() \g /dev/null
SELECT till.pass(1), till.quiet_sync() \g /dev/null
SELECT is(pg_temp.archives(), '1 sealed 10; 2 sealed 4; 3 sealed 6; 4 sealed 3; 5 superseded 3 by 6; 6 sealed 6', 'the clear took more: another archive has it all');
SELECT ok(pg_temp.all_intact(), 'all are intact');

-- ---- switched off ----

SELECT is(sambapos_configure('shop', 'archive_on_clear', 'off'), 'false', 'it can be switched off');
SELECT count(*) AS archives FROM sambapos.archives \gset
SELECT till.sell(61, 3, '2026-03-10 22:00'), till.pass(1);
SELECT till.quiet_sync(), sambapos_prepare_clear('shop'), till.clear(), till.pass(1) \g /dev/null
SELECT till.quiet_sync(), till.quiet_sync() \g /dev/null
SELECT is((SELECT count(*) FROM sambapos.archives), :archives::bigint, 'then nothing is sealed');
SELECT sambapos_archive('shop') AS by_hand \gset
SELECT is((SELECT rows FROM sambapos.archive_table WHERE table_name = 'tickets' AND archive_id = :by_hand), 3::bigint, 'but by hand');
SELECT * FROM finish();
ROLLBACK;
