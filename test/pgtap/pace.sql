-- Promise: a run pauses between two statements as its site's settings and the source's slowness ask for, no longer than
-- five seconds for slowness, never within a snapshot for nothing; the settings are checked and shown.
BEGIN;
\ir seam.psql
SELECT plan(27);

CREATE TABLE till.pause (ms float8);
CREATE OR REPLACE FUNCTION sambapos._source_pause(server text, ms float8) RETURNS void LANGUAGE sql AS
$$ INSERT INTO till.pause SELECT ms WHERE ms > 0; UPDATE till.figures SET unrested_ms = 0; $$;
-- what the till takes to answer
CREATE TABLE till.answer_ms (ms float8);
INSERT INTO till.answer_ms VALUES (2);
CREATE OR REPLACE FUNCTION sambapos._source_clock(place sambapos._place, OUT local_now timestamp, OUT utc_now timestamp, OUT identity jsonb, OUT gives_utf16 boolean)
LANGUAGE plpgsql AS
$$
BEGIN
  UPDATE till.figures SET queries = queries + 2, ms = ms + 2 * (SELECT a.ms FROM till.answer_ms AS a);
  SELECT c.local_now, c.utc_now, true INTO local_now, utc_now, gives_utf16 FROM till.clock AS c;
END;
$$;
-- The pause after so much work and so many rows, by a run that began so long ago.
CREATE FUNCTION till.paused(worked float8, rows bigint DEFAULT 0, queries bigint DEFAULT 0, ago interval DEFAULT '0', isolation text DEFAULT 'read committed') RETURNS numeric
LANGUAGE plpgsql AS
$$
DECLARE
  place sambapos._place := (SELECT p FROM sambapos._place AS p WHERE p.name = 'shop');
  this bigint;
BEGIN
  DELETE FROM till.pause;
  INSERT INTO sambapos.run (site_id, mode, trigger, started_at, isolation, usual_answer_ms)
  VALUES (place.site_id, 'auto', 'call', clock_timestamp() - ago, isolation, sambapos._pace_usual_answer(place)) RETURNING run_id INTO this;
  INSERT INTO sambapos.run_table (run_id, table_name, mode) VALUES (this, 'tickets', 'full');
  UPDATE till.figures AS f SET unrested_ms = worked, rows = paused.rows, queries = paused.queries;
  PERFORM sambapos._pace(place, 'tickets');
  UPDATE sambapos.run SET status = 'ok' WHERE run_id = this;
  RETURN (SELECT round(sum(ms)::numeric) FROM till.pause);
END;
$$;
CREATE FUNCTION till.message() RETURNS text LANGUAGE sql AS
$$ SELECT x.message FROM sambapos.run_table AS x ORDER BY x.run_id DESC LIMIT 1; $$;

-- rest
SELECT is(till.paused(50), NULL, 'after short work a run goes on');
SELECT is(till.paused(400), 40::numeric, 'after long work it rests a tenth of it');
SELECT is(till.paused(400000), 5000::numeric, 'five seconds at most');
SELECT is(till.paused(400, isolation => 'snapshot'), NULL, 'a snapshot is not made longer');
SELECT is((SELECT unrested_ms FROM till.figures), 0::float8, 'nor is that work looked at again');

-- a slow till
INSERT INTO sambapos.run (site_id, mode, trigger, status, started_at, answer_ms)
SELECT 1, 'auto', 'call', 'ok', now() - i * interval '1 minute', CASE WHEN i = 7 THEN 9000 ELSE 8 + i % 5 END FROM generate_series(1, 19) AS i;
SELECT is((SELECT sambapos._pace_usual_answer(p) FROM sambapos._place AS p), NULL, 'what is usual is not known from 19 runs');
UPDATE till.answer_ms SET ms = 1000;
SELECT is(till.paused(400), 40::numeric, 'and then nothing is slow');
INSERT INTO sambapos.run (site_id, mode, trigger, status, started_at, answer_ms) VALUES (1, 'auto', 'call', 'ok', now() - interval '1 day', 10);
SELECT is((SELECT sambapos._pace_usual_answer(p) FROM sambapos._place AS p), 10::real, 'from 20 it is: their median');
UPDATE till.answer_ms SET ms = 29;
SELECT is(till.paused(400), 40::numeric, 'not slow yet');
SELECT is(till.message(), NULL, 'and nothing is said of it');
UPDATE till.answer_ms SET ms = 40;
SELECT is(till.paused(400), 1600::numeric, 'four times slower than usual: four times the work');
SELECT is(till.message(), 'the source answered slower than usual: the run paused longer', 'and the log says so');
SELECT is(till.paused(400, isolation => 'snapshot'), 1600::numeric, 'in a snapshot too');
SELECT is(till.paused(50), NULL, 'short work disturbs nobody');
SELECT is(till.paused(3000), 5000::numeric, 'five seconds at most, however slow');
SELECT is(sambapos_configure('shop', 'slow_factor', '0'), '0', 'switched off');
SELECT is(till.paused(400), 40::numeric, 'nothing is slow any more');

-- limits
SELECT is(sambapos_configure('shop', 'rows_per_second', '1000'), '1000', 'a limit of rows');
-- (large numbers: a machine that is slow just here makes the run older)
SELECT ok(till.paused(50, rows => 300000, ago => '1 second') BETWEEN 200000 AND 299000, '300000 rows in a second: nearly five minutes');
SELECT is(till.paused(50, rows => 3000, ago => '4 seconds'), NULL, '3000 in four: none');
SELECT is(sambapos_configure('shop', 'queries_per_minute', '60'), '60', 'a limit of queries');
SELECT ok(till.paused(50, rows => 10, queries => 300, ago => '1 second') BETWEEN 200000 AND 299000, '300 queries in a second: nearly five minutes');
SELECT throws_like($$SELECT sambapos_configure('shop', 'rows_per_second', '-1')$$, 'invalid value for setting "rows_per_second"%', 'a value out of range');
SELECT is((SELECT string_agg(setting || ' ' || value || ' ' || default_value, ', ' ORDER BY setting) FROM sambapos.settings
           WHERE site = 'shop' AND setting IN ('part_rows', 'rows_per_second', 'queries_per_minute', 'slow_factor')),
          'part_rows 20000 20000, queries_per_minute 60 0, rows_per_second 1000 0, slow_factor 0 3', 'the view shows them');

-- parts
SELECT is((SELECT sambapos._pace_part_rows(p) FROM sambapos._place AS p), 1000::bigint, 'no statement has more rows than a second may');
SELECT sambapos_configure('shop', n, NULL) FROM unnest('{rows_per_second,queries_per_minute}'::text[]) AS n;
SELECT sambapos_configure('shop', 'part_rows', '7');
SELECT till.sell(1, 60);
UPDATE till.figures SET unrested_ms = 0;
SELECT till.quiet_sync();
SELECT is((SELECT count(*) FROM till.differences()), 0::bigint, 'what is read in parts is whole');
SELECT is((SELECT source_queries FROM sambapos.run ORDER BY run_id DESC LIMIT 1), (SELECT queries FROM till.figures), 'and the log has its figures');
SELECT * FROM finish();
ROLLBACK;
