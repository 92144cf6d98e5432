-- Promise: rows whose root is not at the source are waited for in settle_runs runs and then asked for no more; when the root
-- comes they come with it. A dead letter is its row's: another row under the same id neither takes it nor ends it.
BEGIN;
\ir seam.psql
SELECT plan(20);
CREATE FUNCTION till.said() RETURNS text LANGUAGE sql AS
$$ SELECT x.message FROM sambapos.run_table AS x WHERE x.table_name = 'orders' ORDER BY x.run_id DESC LIMIT 1; $$;
CREATE FUNCTION till.waiting() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(format('%s %s %s', table_name, id, missing_runs), ', ') FROM sambapos.waiting_root; $$;

SELECT till.sell(1, 10);
SELECT till.quiet_sync();
INSERT INTO orders VALUES (500, 999, 1, 10, 1, '[]', '2026-03-10 10:00');
SELECT is(till.quiet_sync(), 0::bigint, 'an order without its ticket is not written');
SELECT is(till.waiting(), 'tickets 999 1', 'its ticket is waited for');
SELECT is(till.said(), 'rows of 1 roots came without them: they wait for the next run', 'and the log says so');
SELECT till.quiet_sync();
SELECT till.quiet_sync();
SELECT is(till.waiting(), 'tickets 999 3', 'after settle_runs runs and one');
SELECT till.quiet_sync();
SELECT is(till.said(), NULL, 'it is not asked for any more');
SELECT is(till.waiting(), 'tickets 999 3', 'and known');
SELECT is((SELECT count(*) FROM sambapos.waiting_root AS w, sambapos._place AS p WHERE w.missing_runs <= p.settle_runs), 0::bigint, 'nor does anybody wait for it before a clear');
SELECT is(till.quiet_sync('full'), 0::bigint, 'read whole');
SELECT is(till.said(), 'rows of 1 roots came without them: they wait for the next run', 'it is seen again');
SELECT till.quiet_sync();
SELECT is(till.said(), NULL, 'and not asked for');
SELECT till.sell(999, 1);
SELECT till.quiet_sync();
SELECT is((SELECT count(*) FROM sambapos_replica.orders WHERE ticket_id = 999), 3::bigint, 'the ticket comes: the order comes with it');
SELECT is(till.waiting(), NULL, 'nothing is waited for');
SELECT is((SELECT count(*) FROM till.differences()), 0::bigint, 'all is as at the till');

-- dead letters
CREATE OR REPLACE FUNCTION sambapos._dead_letter_raw(place sambapos._place, t sambapos._table, key jsonb, source_column text, remote_type text) RETURNS bytea
LANGUAGE sql AS $$ SELECT '\x3dd8'::bytea $$;
CREATE FUNCTION till.letters() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(format('%s %s %s', epoch, key ->> 'id', replaced), ', ' ORDER BY epoch, key) FROM sambapos.dead_letters; $$;
UPDATE tickets SET note = 'x' || chr(65533), last_update_time = '2026-03-10 12:00' WHERE id = 3;
SELECT till.quiet_sync();
SELECT is(till.letters(), '1 3 x' || chr(65533), 'a letter of a row, with its epoch');
SELECT till.quiet_sync('full');
SELECT is(till.letters(), '1 3 x' || chr(65533), 'read again it stays one');
SELECT till.clear();
SELECT till.pass(24);
SELECT till.sell(1, 10, '2026-03-11 10:00');
SELECT till.quiet_sync();
SELECT is(till.letters(), '1 3 x' || chr(65533), 'another ticket of that id: the letter of the first stays');
UPDATE tickets SET note = 'y' || chr(65533), last_update_time = '2026-03-11 12:00' WHERE id = 3;
SELECT till.quiet_sync();
SELECT is(till.letters(), '1 3 x' || chr(65533) || ', 2 3 y' || chr(65533), 'and it has a letter of its own');
UPDATE tickets SET note = 'z' || chr(65533), last_update_time = '2026-03-11 12:01' WHERE id = 3;
SELECT till.quiet_sync();
SELECT is(till.letters(), '1 3 x' || chr(65533) || ', 2 3 z' || chr(65533), 'another value takes its place');
UPDATE tickets SET note = 'corrected', last_update_time = '2026-03-11 12:02' WHERE id = 3;
SELECT till.quiet_sync();
SELECT is(till.letters(), '1 3 x' || chr(65533), 'corrected: gone');
SELECT is((SELECT count(*) FROM till.differences()), 0::bigint, 'all is as at the till');
SELECT * FROM finish();
ROLLBACK;
