-- Promise: a child table that could not be read in the run that finds its tickets restored proves nothing: what is known
-- of it counts as before, through a clear too, and is judged by the run that reads the table.
BEGIN;
\ir seam.psql
SELECT plan(13);
CREATE FUNCTION pg_temp.states() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(id || ' ' || amount::integer || ' ' || row_state, ', ' ORDER BY id, amount) FROM sambapos_replica.payments; $$;
CREATE FUNCTION pg_temp.counted() RETURNS numeric LANGUAGE sql AS
$$ SELECT sum(amount) FROM sambapos_replica.payments WHERE row_state IN ('live', 'cleared', 'superseded'); $$;
CREATE FUNCTION pg_temp.pause(reason text) RETURNS void LANGUAGE sql AS
$$ UPDATE sambapos.table_state SET paused_reason = reason WHERE table_name = 'payments'; $$;
SELECT till.sell(1, 3);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
CREATE SCHEMA backup;
CREATE TABLE backup.tickets AS TABLE tickets; CREATE TABLE backup.orders AS TABLE orders; CREATE TABLE backup.payments AS TABLE payments;
-- after the backup a payment is taken back, and made anew
SELECT till.pass(1);
DELETE FROM payments WHERE id = 3; INSERT INTO payments VALUES (9, 3, 20, 3);
UPDATE tickets SET last_update_time = (SELECT local_now FROM till.clock) WHERE id = 3;
SELECT till.quiet_sync(), till.clear(), till.quiet_sync(), till.quiet_sync();
SELECT is(pg_temp.states(), '1 20 cleared, 2 20 cleared, 3 20 removed, 9 20 cleared', 'a clear');
INSERT INTO tickets TABLE backup.tickets; INSERT INTO orders TABLE backup.orders; INSERT INTO payments TABLE backup.payments;
SELECT pg_temp.pause('a column changed'), till.pass(1), till.quiet_sync(), till.quiet_sync();
SELECT is((SELECT string_agg(DISTINCT row_state, ' ') FROM sambapos_replica.tickets), 'live', 'the tickets are restored');
SELECT is(pg_temp.counted(), 60::numeric, 'payments that are not read count as before');
SELECT is((SELECT count(*) FROM sambapos.restored_root), 3::bigint, 'it is noted for which tickets they are to be looked at');
SAVEPOINT paused;

SELECT pg_temp.pause(NULL), till.quiet_sync(), till.quiet_sync();
SELECT is(pg_temp.states(), '1 20 live, 2 20 live, 3 20 live, 9 20 removed', 'read again: what the backup has is live, what came after it does not count beside it');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT is_empty($$SELECT * FROM sambapos.restored_root$$, 'nothing is noted any more');
SELECT is_empty($$SELECT * FROM till.sync()$$, 'the next run finds nothing');
ROLLBACK TO paused;

-- cleared again before anybody has read them
SELECT till.clear(), till.quiet_sync(), till.quiet_sync(), pg_temp.pause(NULL), till.quiet_sync(), till.quiet_sync();
SELECT is(pg_temp.states(), '1 20 cleared, 2 20 cleared, 3 20 removed, 9 20 cleared', 'cleared before they were read: as they were');
SELECT is(pg_temp.counted(), 60::numeric, 'and counted once');
SELECT is_empty($$SELECT * FROM sambapos.restored_root$$, 'nothing is noted any more');
ROLLBACK TO paused;

-- the table was not restored
DELETE FROM payments;
SELECT pg_temp.pause(NULL), till.quiet_sync(), till.quiet_sync();
SELECT is(pg_temp.counted(), 60::numeric, 'read again, and not restored: they count as before');
SELECT * FROM finish();
ROLLBACK;
