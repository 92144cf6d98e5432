-- pace.sql: how hard a run works at the till, and what it says of it afterwards.
--
-- Rules:
-- * A run pauses between two statements. Without a snapshot its remote transaction is over by then, so it holds nothing
--   at the till; one that reads in a snapshot goes on in it, which holds no lock.
-- * A till that is busy answers late. What shows it is the one question that every run asks, the one for the clock,
--   beside how long it usually takes here.
-- * What was had of the source is counted in the connection (src/functions/figures.cpp), so it costs no question.

CREATE FUNCTION sambapos._pace_note(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.run AS r
     SET source_queries = f.queries, source_rows = f.rows, source_bytes = f.bytes, source_ms = round(f.ms),
         paused_ms = round(f.paused_ms)
    FROM sambapos._source_figures(place.server) AS f
   WHERE r.run_id = _pace_note.run_id;
END;
$$;
COMMENT ON FUNCTION sambapos._pace_note(bigint, sambapos._place) IS
  'Enters in the log what a run has had of its source so far';

CREATE FUNCTION sambapos._pace_run(place sambapos._place) RETURNS sambapos.run
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT r FROM sambapos.run AS r
  WHERE r.run_id = (SELECT max(k.run_id) FROM sambapos.run AS k WHERE k.site_id = place.site_id
                    AND k.status = 'running');
$$;
COMMENT ON FUNCTION sambapos._pace_run(sambapos._place) IS
  'The run of a site that is in progress: there is one at a time';

-- A log of fewer runs says nothing yet.
CREATE FUNCTION sambapos._pace_usual_answer(place sambapos._place) RETURNS real
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN count(*) >= 20 THEN percentile_cont(0.5) WITHIN GROUP (ORDER BY k.answer_ms) END
  FROM (SELECT r.answer_ms FROM sambapos.run AS r
        WHERE r.site_id = place.site_id AND r.started_at > now() - interval '7 days' AND r.answer_ms IS NOT NULL
        ORDER BY r.started_at DESC LIMIT 1000) AS k;
$$;
COMMENT ON FUNCTION sambapos._pace_usual_answer(sambapos._place) IS
  'How many milliseconds the source usually takes to say what time it is: the median of the last thousand runs of the '
  'week; NULL: not known yet';

-- The clock, and how long a question takes: on average, since a transaction that begins has more than one.
CREATE FUNCTION sambapos._pace_clock(place sambapos._place, OUT local_now timestamp, OUT utc_now timestamp,
                                     OUT identity jsonb, OUT gives_utf16 boolean, OUT answer_ms real)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  before record;
BEGIN
  SELECT f.queries, f.ms INTO before FROM sambapos._source_figures(place.server) AS f;
  SELECT c.local_now, c.utc_now, c.identity, c.gives_utf16 INTO local_now, utc_now, identity, gives_utf16
  FROM sambapos._source_clock(place) AS c;
  SELECT (f.ms - before.ms) / nullif(f.queries - before.queries, 0) INTO answer_ms
  FROM sambapos._source_figures(place.server) AS f;
END;
$$;
COMMENT ON FUNCTION sambapos._pace_clock(sambapos._place) IS
  'The source''s clock as _source_clock has it, and how many milliseconds an answer took';

-- Below ten milliseconds nobody waits for anybody.
CREATE FUNCTION sambapos._pace_slowness(place sambapos._place, usual_answer_ms real) RETURNS double precision
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$ SELECT coalesce(c.answer_ms / greatest(usual_answer_ms, 10), 0) FROM sambapos._pace_clock(place) AS c; $$;
COMMENT ON FUNCTION sambapos._pace_slowness(sambapos._place, real) IS
  'How many times slower than usual the source answers now';

-- A tenth of the time that the source has worked since the last pause; where it is slow, that time as many times as it
-- is slower than usual. A snapshot is not made longer for nothing.
CREATE FUNCTION sambapos._pace_rest(place sambapos._place, r sambapos.run, worked_ms double precision, table_name name)
RETURNS double precision
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  long_ms CONSTANT integer := 5000;
  slowness double precision := 0;
BEGIN
  IF worked_ms < 100 THEN
    RETURN 0;
  ELSIF place.slow_factor > 0 AND r.usual_answer_ms IS NOT NULL THEN
    slowness := sambapos._pace_slowness(place, r.usual_answer_ms);
  END IF;
  IF place.slow_factor > 0 AND slowness >= place.slow_factor THEN
    PERFORM sambapos._log_message(r.run_id, table_name, 'the source answered slower than usual: the run paused longer');
    RETURN least(worked_ms * slowness, long_ms);
  END IF;
  RETURN CASE WHEN r.isolation = 'snapshot' THEN 0 ELSE least(worked_ms / 10, long_ms) END;
END;
$$;
COMMENT ON FUNCTION sambapos._pace_rest(sambapos._place, sambapos.run, double precision, name) IS
  'How many milliseconds a run rests after its source has worked for so long';

-- What a run may have had by now, by the settings rows_per_second and queries_per_minute.
CREATE FUNCTION sambapos._pace_debt(place sambapos._place, r sambapos.run, rows bigint, queries bigint)
RETURNS double precision
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT greatest(0, 1000.0 * rows / nullif(place.rows_per_second, 0) - e.ms,
                  60000.0 * queries / nullif(place.queries_per_minute, 0) - e.ms)
  FROM (SELECT 1000 * extract(epoch FROM clock_timestamp() - r.started_at)::double precision AS ms) AS e;
$$;
COMMENT ON FUNCTION sambapos._pace_debt(sambapos._place, sambapos.run, bigint, bigint) IS
  'How many milliseconds a run that has had so much must wait to stay below the limits of its site';

-- Called between two statements; rests if the one before was long, and where the site has a limit.
CREATE FUNCTION sambapos._pace(place sambapos._place, table_name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f record;
  r sambapos.run;
  pause_ms double precision;
BEGIN
  SELECT * INTO f FROM sambapos._source_figures(place.server);
  IF f.unrested_ms < 100 AND place.rows_per_second + place.queries_per_minute = 0 THEN
    RETURN; -- most often
  END IF;
  r := sambapos._pace_run(place);
  pause_ms := greatest(sambapos._pace_rest(place, r, f.unrested_ms, table_name),
                       sambapos._pace_debt(place, r, f.rows, f.queries));
  IF pause_ms >= 1 THEN
    PERFORM sambapos._end_remote_transaction(place.server) WHERE r.isolation IS DISTINCT FROM 'snapshot';
    PERFORM sambapos._log_progress(place, 'pausing at', table_name);
    PERFORM sambapos._source_pause(place.server, pause_ms);
    PERFORM sambapos._log_progress(place, 'reading', table_name);
  ELSIF f.unrested_ms >= 100 THEN
    PERFORM sambapos._source_pause(place.server, 0); -- looked at: not asked about again after each statement
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._pace(sambapos._place, name) IS
  'Has a run pause between two statements, as its site''s settings and its source ask for';

-- A statement over a large table keeps whoever clears the table waiting until it has ended, unless it reads a snapshot.
CREATE FUNCTION sambapos._pace_part_rows(place sambapos._place) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT least(nullif(place.rows_per_second, 0),
               CASE WHEN (sambapos._pace_run(place)).isolation IS DISTINCT FROM 'snapshot'
                 THEN nullif(place.part_rows, 0) END);
$$;
COMMENT ON FUNCTION sambapos._pace_part_rows(sambapos._place) IS
  'About how many rows a run reads with one statement; NULL: as many as there are';
