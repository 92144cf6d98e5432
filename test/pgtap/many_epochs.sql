-- Promise: what new tickets cost does not depend on how often ids were used again before: a hundred lives of the ids are
-- looked through in one place. A ticket of one of them that is back is found there.
BEGIN;
\ir seam.psql
SELECT plan(4);
ALTER TABLE sambapos.epoch DROP CONSTRAINT epoch_epoch_check;
CREATE FUNCTION pg_temp.run_buffers() RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
  plan jsonb;
BEGIN
  EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) SELECT count(*) FROM sambapos_sync(''shop'', on_error => ''raise'')' INTO plan;
  RETURN (plan #>> '{0,Plan,Shared Hit Blocks}')::bigint + (plan #>> '{0,Plan,Shared Read Blocks}')::bigint;
END;
$$;
SELECT till.sell(1, 50);
SELECT till.quiet_sync(), till.quiet_sync();
SELECT till.pass(1), till.sell(1001, 100, '2026-03-10 13:00');
SELECT pg_temp.run_buffers() AS without_history \gset

INSERT INTO sambapos.epoch (site_id, epoch, reason) SELECT s.site_id, -n, 'clear' FROM sambapos.site AS s, generate_series(1, 100) AS n;
DO $do$
DECLARE
  relation name;
BEGIN
  FOREACH relation IN ARRAY '{tickets,account_transaction_documents}'::name[] LOOP -- each a day older than the one before
    EXECUTE format('INSERT INTO sambapos_replica.%I SELECT (jsonb_populate_record(t, jsonb_build_object(''epoch'', -n, ''row_state'', ''cleared'',
                      ''date'', t.date - n * interval ''1 day''))).* FROM sambapos_replica.%1$I AS t, generate_series(1, 100) AS n WHERE t.id <= 50', relation);
    EXECUTE format('ANALYZE sambapos_replica.%I', relation);
  END LOOP;
END
$do$;
SELECT till.pass(1), till.sell(2001, 100, '2026-03-10 14:00');
SELECT pg_temp.run_buffers() AS with_history \gset
SELECT cmp_ok(:with_history, '<', 2 * :without_history, 'a hundred new tickets beside a hundred lives of the ids');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets WHERE row_state = 'live' AND id > 2000), 100::bigint, 'are there');

-- the ids of those lives under tickets of one of them, and under new ones
UPDATE tickets SET date = date - interval '30 days', last_update_time = (SELECT local_now FROM till.clock) WHERE id <= 50;
UPDATE account_transaction_documents SET date = date - interval '30 days' WHERE id <= 50;
SELECT till.quiet_sync();
SELECT is((SELECT string_agg(DISTINCT epoch::text, ',') FROM sambapos_replica.tickets WHERE row_state = 'live' AND id <= 50), '-30', 'tickets of the past go on where they were');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets WHERE epoch < 0 AND epoch <> -30 AND row_state <> 'cleared'), 0::bigint, 'and all others stay what they are');
SELECT * FROM finish();
ROLLBACK;
