-- Promise: an archive is intact as long as its rows are what was sealed, whatever becomes of them at the till; it is
-- restated, and says which rows, before and after, when a run has changed, added or removed some; it is damaged when
-- nothing explains what differs.
BEGIN;
\ir seam.psql
SELECT plan(53);
SET LOCAL TimeZone = 'America/Caracas';
CREATE FUNCTION pg_temp.verdict(id bigint) RETURNS text LANGUAGE sql AS
$$
  SELECT coalesce(string_agg(format('%s %s +%s -%s ~%s !%s', v.table_name, v.status, v.rows_added, v.rows_removed, v.rows_changed, v.rows_damaged), '; '
                             ORDER BY v.table_name) FILTER (WHERE v.status <> 'intact'), 'intact')
  FROM sambapos_verify_archive(id) AS v;
$$;
SELECT till.sell(1, 10, '2026-02-10 10:00');
SELECT till.sell(11, 10, '2026-03-09 10:00');
UPDATE tickets SET note = E'a (b, "c") \\ d\te' WHERE id = 1;
UPDATE tickets SET note = '' WHERE id = 2;
SELECT isnt_empty('SELECT * FROM till.sync()', 'first load');
SELECT till.quiet_sync() \g /dev/null

-- ---- a range ----

SELECT sambapos_archive('shop', '2026-02-01', '2026-02-28', 'February') AS february \gset
SELECT results_eq(format($$SELECT kind, rows, note, state FROM sambapos.archives WHERE archive_id = %s$$, :february),
                  $$VALUES ('range', 10 + 20 + 10 + 10 + 10 + 10 + 20::bigint, 'February', 'sealed')$$, 'it has the rows of its days, and what belongs to them');
SELECT is((SELECT sums -> 'tickets' ->> 'total_amount' FROM sambapos.archives WHERE archive_id = :february), '200.00', 'and their sums');
SELECT is((SELECT string_agg(table_name, ', ' ORDER BY table_name) FROM sambapos_verify_archive(:february)),
          'account_transaction_documents, account_transaction_values, account_transactions, orders, paid_items, payments, ticket_entities, tickets, work_periods',
          'roots and children: no master is in it');
SELECT is(pg_temp.verdict(:february), 'intact', 'and is intact');

-- what the checksum does not see
SET LOCAL DateStyle = 'German, DMY'; SET LOCAL extra_float_digits = -10; SET LOCAL bytea_output = escape; SET LOCAL TimeZone = 'Asia/Tokyo';
SELECT is(pg_temp.verdict(:february), 'intact', 'whatever the session has set');
SET LOCAL DateStyle = 'ISO, YMD';
ALTER TABLE sambapos_replica.tickets ADD COLUMN added_later text DEFAULT 'x';
SELECT is(pg_temp.verdict(:february), 'intact', 'a column that came later is not asked for');
UPDATE sambapos_replica.tickets SET total_amount = 20.0000, synced_at = now() + interval '1 hour', version = version + 100 WHERE id = 1;
SELECT is(pg_temp.verdict(:february), 'intact', 'zeros behind the point and what the sync writes beside a row do not count');
UPDATE sambapos_replica.tickets SET version = version - 100 WHERE id = 1;

-- a change at the till
UPDATE tickets SET total_amount = 25, last_update_time = '2026-03-10 11:59' WHERE id = 3;
UPDATE orders SET price = 15 WHERE id = 6;
SELECT isnt_empty('SELECT * FROM till.sync()', 'a ticket of February is changed at the till');
SELECT is(pg_temp.verdict(:february), 'orders restated +0 -0 ~1 !0; tickets restated +0 -0 ~1 !0', 'the archive is restated');
SELECT results_eq(format($$SELECT table_name, key ->> 'id', change, status, before ->> 'total_amount', after ->> 'total_amount' FROM sambapos_restatements(%s) WHERE table_name = 'tickets'$$, :february),
                  $$VALUES ('tickets', '3', 'changed', 'restated', '20.00', '25.00')$$, 'and shows the row, before and after');
SELECT is((SELECT changes -> 0 -> 'before' ->> 'price' FROM sambapos_verify_archive(:february) WHERE table_name = 'orders'), '10.00', 'in the verdict too');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets_history), 1::bigint, 'what was before is kept once');
UPDATE tickets SET note = 'again', last_update_time = '2026-03-10 11:59:30' WHERE id IN (3, 15);
SELECT isnt_empty('SELECT * FROM till.sync()', 'it is changed once more, as one of March is');
SELECT results_eq(format($$SELECT before ->> 'total_amount', after ->> 'note' FROM sambapos_restatements(%s) WHERE table_name = 'tickets'$$, :february),
                  $$VALUES ('20.00', 'again')$$, 'before is what was sealed');
SELECT is((SELECT string_agg(DISTINCT id::text, ', ') FROM sambapos_replica.tickets_history), '3', 'of rows in no archive nothing is kept');
SELECT sambapos_archive('shop', '2026-02-01', '2026-02-28') AS again \gset
SELECT is(pg_temp.verdict(:again), 'intact', 'sealed anew it is intact');
UPDATE tickets SET total_amount = 20, note = NULL, last_update_time = '2026-02-10 10:00:03' WHERE id = 3;
UPDATE orders SET price = 10 WHERE id = 6;
SELECT till.quiet_sync('full') \g /dev/null
SELECT is(pg_temp.verdict(:february), 'intact', 'what is put back as it was is what was sealed');
SELECT is(pg_temp.verdict(:again), 'orders restated +0 -0 ~1 !0; tickets restated +0 -0 ~1 !0', 'and the later archive is restated');

-- what comes and what goes
INSERT INTO orders VALUES (1000, 4, 1, 7, 1, '[]', '2026-02-10 10:00');
DELETE FROM payments WHERE id = 5;
UPDATE tickets SET note = 'edited', last_update_time = '2026-03-10 11:59:40' WHERE id IN (4, 5);
INSERT INTO tickets VALUES (21, '2026-03-10 11:59:50', '21', '2026-02-11 10:00', '2026-02-11 10:00', true, 0, 1, NULL, NULL);
SELECT isnt_empty('SELECT * FROM till.sync()', 'a line is added, a payment is gone, a ticket comes with a date of February');
SELECT till.quiet_sync() \g /dev/null
SELECT is(pg_temp.verdict(:february), 'orders restated +1 -0 ~0 !0; payments restated +0 -1 ~0 !0; tickets restated +1 -0 ~2 !0', 'the archive says so');
SELECT results_eq(format($$SELECT table_name, change, key ->> 'id', before ->> 'amount', after ->> 'price' FROM sambapos_restatements(%s) WHERE table_name <> 'tickets'$$, :february),
                  $$VALUES ('orders', 'added', '1000', NULL, '7.00'), ('payments', 'removed', '5', '20.00', NULL)$$, 'and shows them');

-- a hand
SAVEPOINT hand;
UPDATE sambapos_replica.tickets SET total_amount = 1000 WHERE id = 7;
SELECT matches(pg_temp.verdict(:february), 'tickets damaged \+1 -0 ~3 !1', 'a row that was changed by hand is damage');
SELECT results_eq(format($$SELECT status, before, after ->> 'total_amount' FROM sambapos_restatements(%s) WHERE table_name = 'tickets' AND key ->> 'id' = '7'$$, :february),
                  $$VALUES ('damaged', NULL::jsonb, '1000')$$, 'what it was is not known');
ROLLBACK TO hand;
DELETE FROM sambapos_replica.orders WHERE id = 14;
SELECT matches(pg_temp.verdict(:february), 'orders damaged \+1 -1 ~0 !1', 'so is one that was deleted');
ROLLBACK TO hand;
UPDATE sambapos_replica.tickets_history SET total_amount = total_amount; -- the guard lets that through
UPDATE sambapos.archive_part SET hashes[1] = decode('00', 'hex') WHERE archive_id = :february AND table_name = 'tickets';
SELECT matches(pg_temp.verdict(:february), 'tickets damaged', 'so are records that were changed');
SELECT matches((SELECT string_agg(message, ', ') FROM sambapos_verify_archive(:february)), 'the record of table "tickets" was changed', 'and it says which');
ROLLBACK TO hand;
UPDATE sambapos.archive_table SET rows = 5 WHERE archive_id = :february AND table_name = 'payments';
SELECT matches((SELECT string_agg(DISTINCT message, ', ') FROM sambapos_verify_archive(:february)), 'the record of archive \d+ was changed', 'those of a table too');
ROLLBACK TO hand;

-- ---- periods ----

SELECT throws_ok($$SELECT sambapos_archive('shop')$$, '55000', 'no period of site "shop" has ended', 'no clear, no period');
SELECT sambapos_archive('shop', '2026-03-01', '2026-03-31') AS march \gset
UPDATE sambapos.site SET archive_on_clear = false;
UPDATE tickets SET is_closed = false WHERE id = 15; -- the clear leaves it
SELECT till.quiet_sync('full') \g /dev/null
SELECT sambapos_archive('shop', '2026-03-01', '2026-03-31') AS march \gset
CREATE TABLE till.left AS SELECT * FROM tickets WHERE id = 15;
SELECT till.clear();
INSERT INTO tickets SELECT * FROM till.left;
SELECT till.pass(1);
SELECT isnt_empty('SELECT * FROM till.sync()', 'a clear, which leaves an open ticket');
SELECT is(pg_temp.verdict(:march), 'intact', 'changes no range that was sealed before');
SELECT sambapos_archive('shop') AS first \gset
SELECT results_eq(format($$SELECT kind, state, (SELECT rows FROM sambapos.archive_table AS t WHERE t.archive_id = a.archive_id AND t.table_name = 'tickets') FROM sambapos.archives AS a WHERE archive_id = %s$$, :first),
                  $$VALUES ('period', 'sealed', 20::bigint)$$, 'the period has what the clear took');
SELECT is(pg_temp.verdict(:first), 'intact', 'it is intact');
SELECT is(sambapos_archive('shop'), :first::bigint, 'it is sealed once');
SELECT till.sell(31, 5, '2026-03-10 13:00');
SELECT till.pass(1);
UPDATE tickets SET is_closed = true, note = 'paid', last_update_time = '2026-03-10 13:30' WHERE id = 15;
SELECT isnt_empty('SELECT * FROM till.sync()', 'the next period begins; the open ticket is paid in it');
SELECT is(pg_temp.verdict(:first), 'intact', 'that is none of the first period''s');
SELECT till.clear(), till.pass(1);
SELECT isnt_empty('SELECT * FROM till.sync()', 'the next clear');
SELECT is(pg_temp.verdict(:first), 'intact', 'nor is what the next clear takes');
SELECT sambapos_archive('shop') AS second \gset
SELECT is((SELECT rows FROM sambapos.archive_table AS t WHERE t.archive_id = :second AND t.table_name = 'tickets'), 6::bigint, 'the second period has the ticket that was left open');
SELECT is(pg_temp.verdict(:first) || pg_temp.verdict(:second), 'intactintact', 'both are intact');

-- a verdict
SELECT max(event_id) AS event FROM sambapos.source_events WHERE table_name = 'tickets' AND kind LIKE '%clear' \gset
SELECT cmp_ok(sambapos_reclassify(:event, 'single delete'), '>', 0::bigint, 'somebody says that it was no clear');
SELECT matches(pg_temp.verdict(:second), 'tickets restated \+0 -6 ~0 !0', 'then the period has lost its tickets');
SELECT is(pg_temp.verdict(:first), 'intact', 'the first period keeps its own');
SELECT cmp_ok(sambapos_reclassify(:event, 'clear'), '>', 0::bigint, 'it was one after all');
SELECT is(pg_temp.verdict(:first) || pg_temp.verdict(:second), 'intactintact', 'and both are what they were');

-- ---- what is refused ----

SELECT throws_ok($$SELECT sambapos_archive('nowhere')$$, '42704', NULL, 'a site that is not there');
SELECT throws_ok($$SELECT sambapos_archive('shop', '2026-03-01')$$, '22023', 'a range needs its first and its last day', 'half a range');
SELECT throws_ok($$SELECT sambapos_archive('shop', '2026-03-02', '2026-03-01')$$, '22023', NULL, 'a range that ends before it begins');
SELECT throws_ok($$SELECT * FROM sambapos_verify_archive(987654)$$, '42704', 'there is no archive 987654', 'an archive that is not there');

-- ---- who may ----

CREATE ROLE archive_reader;
SELECT sambapos_grant('archive_reader', 'reader') \g /dev/null
SET LOCAL ROLE archive_reader;
SELECT public.is((SELECT string_agg(DISTINCT status, ', ') FROM sambapos_verify_archive(:first)), 'intact', 'a reader may verify');
SELECT public.is((SELECT count(*) FROM sambapos_archive_rows(:first, 'tickets')), 20::bigint, 'and read the rows of an archive');
SELECT public.throws_ok(format($$SELECT sambapos_export_archive(%s, '/tmp/x')$$, :first), '42501', NULL, 'not export them');
SELECT public.throws_ok($$SELECT sambapos_archive('shop', '2026-03-01', '2026-03-31')$$, '42501', NULL, 'nor seal');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
