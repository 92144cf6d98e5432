-- chunk.sql: the first load of a site in chunks. A chunk is a run of its own: some roots, newest first, with all their
-- children; read, merged and committed with the note how far the load has come. So it can be killed at any moment, and
-- goes on where it was.
--
-- * What the source's clock and highest ids were before the first chunk is what the site is known to be current to in
--   the end: the ordinary run after it reads what changed since, as after any other run.
-- * A child that fails in one chunk does not hold the others up: it is not loaded in the end, and read whole by that
--   run.
-- * What came or went between two chunks is found by that run too: it compares the counts.
-- * Plain indexes of a table that was empty are made when the chunks are through (site/deferred_index.sql).
-- * No chunk begins in a blackout window, unless somebody wants it: a load that somebody called for within the window,
--   or a site that a sync was requested of.

-- All roots get on alike, so that the newest of all are there first; a ticket's document before it.
CREATE FUNCTION sambapos._chunk_next(site_id integer) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT b.table_name FROM sambapos.backfill AS b JOIN sambapos._table AS t USING (site_id, table_name)
  WHERE b.site_id = _chunk_next.site_id AND NOT b.is_through AND t.enabled AND t.paused_reason IS NULL
  ORDER BY b.roots_read::numeric / greatest(b.source_rows, 1) NULLS FIRST, t.kind, b.table_name LIMIT 1;
$$;
COMMENT ON FUNCTION sambapos._chunk_next(integer) IS 'The root whose chunk is next; NULL: all are through';

-- As if one run had read it all at the moment when the first chunk began.
CREATE FUNCTION sambapos._chunks_finish(site_id integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass;
BEGIN
  PERFORM sambapos._index_make(t.table_name) FROM (
    SELECT k.table_name FROM sambapos._table AS k
    WHERE k.site_id = _chunks_finish.site_id AND sambapos._index_is_deferred(k.table_name)
    ORDER BY k.table_name) AS t;
  -- autovacuum does not know how small the samples of the chunks were
  FOR relation IN
    SELECT r.relation FROM sambapos.backfill AS b CROSS JOIN LATERAL unnest(b.tables) AS u (loaded)
    CROSS JOIN LATERAL (SELECT sambapos._replica_table(u.loaded) AS relation) AS r
    WHERE b.site_id = _chunks_finish.site_id AND b.is_through AND r.relation IS NOT NULL ORDER BY u.loaded
  LOOP
    EXECUTE format('ANALYZE %s', relation);
  END LOOP;
  UPDATE sambapos.table_state AS x
     SET loaded_at = now(), last_status = 'ok', last_success_at = now(), last_error = NULL,
         last_sqlstate = NULL, source_max_id = (b.facts -> x.table_name ->> 'highest')::bigint
    FROM sambapos.backfill AS b
   WHERE x.site_id = _chunks_finish.site_id AND b.site_id = x.site_id AND b.is_through
     AND x.table_name = ANY (b.tables) AND NOT x.full_due; -- removed and added, dropped, a column more: read whole then
  UPDATE sambapos.site_state AS s
     SET hw_utc = b.source_utc, hw_offset_minutes = sambapos._source_offset(b.source_now, b.source_utc),
         last_probe = coalesce(s.last_probe, '{}') || b.facts
    FROM (SELECT DISTINCT ON (k.site_id) k.site_id, k.source_now, k.source_utc, f.facts
          FROM sambapos.backfill AS k CROSS JOIN LATERAL (
            SELECT jsonb_object_agg(e.key, e.value) AS facts
            FROM sambapos.backfill AS o CROSS JOIN LATERAL jsonb_each(o.facts) AS e WHERE o.site_id = k.site_id) AS f
          WHERE k.source_utc IS NOT NULL ORDER BY k.site_id, k.source_utc) AS b
   WHERE s.site_id = _chunks_finish.site_id AND b.site_id = s.site_id;
  DELETE FROM sambapos.backfill AS b WHERE b.site_id = _chunks_finish.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._chunks_finish(integer) IS
  'Notes that the tables of a site are loaded, and to which moment, when its chunks are through';

-- NULL: there is no further chunk; 0: somebody else has the site.
CREATE FUNCTION sambapos._chunk_start(site_id integer) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
  root text;
  fresh_run bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM sambapos.backfill AS b WHERE b.site_id = _chunk_start.site_id) THEN
    RETURN NULL;
  END IF;
  IF NOT sambapos._site_try_lock(site_id) THEN
    RETURN 0;
  END IF;
  SELECT * INTO STRICT place FROM sambapos._place AS s WHERE s.site_id = _chunk_start.site_id;
  place := sambapos._site_follow_server(place);
  root := sambapos._chunk_next(site_id);
  IF root IS NULL THEN
    PERFORM sambapos._chunks_finish(site_id);
    RETURN NULL;
  END IF;
  PERFORM sambapos._range_prepare(place, root);
  fresh_run := sambapos._run_begin(place, 'backfill', 'call', ARRAY[root]);
  UPDATE sambapos.run AS r SET phase = 'reading' WHERE r.run_id = fresh_run;
  UPDATE sambapos.backfill AS b SET pid = pg_backend_pid() WHERE b.site_id = _chunk_start.site_id;
  UPDATE sambapos.site_state AS s SET current_run = fresh_run WHERE s.site_id = _chunk_start.site_id;
  RETURN fresh_run;
END;
$$;
COMMENT ON FUNCTION sambapos._chunk_start(integer) IS 'Enters the next chunk of a first load in the log';

-- As after any other run: whose login was refused is left alone, so that no account gets locked, and what failed is
-- tried again later and later.
CREATE FUNCTION sambapos._chunk_remember(run_id bigint, is_read boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.site_state AS s
     SET last_run_at = r.started_at, last_error = r.message, last_sqlstate = r.sqlstate, current_run = NULL,
         auth_failed = coalesce(r.sqlstate LIKE '28%', false),
         consecutive_failures = CASE WHEN is_read THEN 0 ELSE s.consecutive_failures + 1 END
    FROM sambapos.run AS r
   WHERE r.run_id = _chunk_remember.run_id AND s.site_id = r.site_id;
  UPDATE sambapos.site_state AS s SET next_due_at = sambapos._run_next_due(p, r.started_at)
    FROM sambapos.run AS r JOIN sambapos._place AS p USING (site_id)
   WHERE r.run_id = _chunk_remember.run_id AND s.site_id = r.site_id AND NOT is_read;
END;
$$;
COMMENT ON FUNCTION sambapos._chunk_remember(bigint, boolean) IS 'Writes what a chunk leaves for the site';

CREATE FUNCTION sambapos._chunk_end(run_id bigint, root sambapos._table) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f record;
BEGIN
  SELECT coalesce(bool_or(x.status = 'ok' AND x.table_name = root.table_name), false) AS is_read,
         sum(x.rows_read) FILTER (WHERE x.table_name = root.table_name) AS roots, sum(x.rows_read) AS rows,
         coalesce(array_agg(x.table_name) FILTER (WHERE x.status = 'ok'), '{}') AS tables,
         bool_or(x.status = 'failed') AS has_failed,
         (array_agg(x.sqlstate ORDER BY sambapos._log_is_fatal(x.sqlstate) DESC NULLS LAST, x.table_name)
          FILTER (WHERE x.status = 'failed'))[1] AS state
    INTO f FROM sambapos.run_table AS x WHERE x.run_id = _chunk_end.run_id;
  UPDATE sambapos.run AS r
     SET ended_at = clock_timestamp(), phase = 'done', message = sambapos._log_causes(r.run_id), epoch = s.epoch,
         version = s.version, sqlstate = f.state, status = CASE WHEN NOT f.is_read THEN 'failed' WHEN f.has_failed
           THEN 'partial' ELSE 'ok' END
    FROM sambapos._place AS s
   WHERE r.run_id = _chunk_end.run_id AND s.site_id = root.site_id;
  UPDATE sambapos.backfill AS b
     SET is_through = b.low_id IS NULL, next_id = coalesce(b.low_id, b.next_id), roots_read = b.roots_read + f.roots,
         rows_read = b.rows_read + f.rows, busy_for = b.busy_for + (clock_timestamp() - r.started_at),
         tables = CASE WHEN b.tables IS NULL THEN f.tables
                       ELSE ARRAY(SELECT u FROM unnest(b.tables) AS u WHERE u = ANY (f.tables)) END
    FROM sambapos.run AS r
   WHERE (b.site_id, b.table_name) = (root.site_id, root.table_name) AND r.run_id = _chunk_end.run_id AND f.is_read;
  -- of a chunk that comes again some children may be here already
  UPDATE sambapos.backfill AS b SET empty_tables = '{}'
   WHERE (b.site_id, b.table_name) = (root.site_id, root.table_name) AND NOT f.is_read;
  PERFORM sambapos._chunk_remember(run_id, f.is_read);
  RETURN f.is_read;
END;
$$;
COMMENT ON FUNCTION sambapos._chunk_end(bigint, sambapos._table) IS
  'Notes how far a first load has come with a chunk; false if its root could not be read and merged';

CREATE FUNCTION sambapos._chunk_load(run_id bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
  root sambapos._table;
BEGIN
  SELECT s.* INTO STRICT place FROM sambapos._place AS s JOIN sambapos.run AS r USING (site_id)
   WHERE r.run_id = _chunk_load.run_id;
  PERFORM sambapos._site_lock(place.site_id);
  IF place.current_run IS DISTINCT FROM run_id THEN
    RAISE EXCEPTION 'another run took site "%" over', place.name USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = 'The next call goes on where this one was.';
  END IF;
  PERFORM sambapos._problem_raise(sambapos._site_problem(place));
  SELECT t.* INTO STRICT root FROM sambapos._table AS t JOIN sambapos.run_table AS x USING (table_name)
   WHERE t.site_id = place.site_id AND x.run_id = _chunk_load.run_id AND t.kind <> 'child';
  PERFORM sambapos._workbench_empty(); -- what the chunk before has left, or a run that was cancelled
  PERFORM sambapos._run_steps(run_id, place);
  RETURN sambapos._chunk_end(run_id, root);
END;
$$;
COMMENT ON FUNCTION sambapos._chunk_load(bigint) IS
  'Reads and merges a chunk; false if its root could not be, which is then in the log';

CREATE FUNCTION sambapos._chunk_try_load(run_id bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  state text;
  error_message text;
BEGIN
  RETURN sambapos._chunk_load(run_id);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, error_message = MESSAGE_TEXT;
  UPDATE sambapos.run AS r SET status = 'failed', ended_at = clock_timestamp(), message = error_message,
    sqlstate = state
   WHERE r.run_id = _chunk_try_load.run_id;
  PERFORM sambapos._chunk_remember(run_id, false);
  RETURN false;
END;
$$;
COMMENT ON FUNCTION sambapos._chunk_try_load(bigint) IS
  'A chunk of a first load; false if it could not be done, which is then in the log';

CREATE FUNCTION sambapos._chunks_rest(site_id integer) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (
    SELECT FROM sambapos._place AS s
    WHERE s.site_id = _chunks_rest.site_id AND s.requested_at IS NULL
      AND EXISTS (SELECT FROM sambapos.backfill AS b WHERE b.site_id = s.site_id)
      AND sambapos._hours_contain(s.blackout, sambapos._site_clock(s)));
$$;
COMMENT ON FUNCTION sambapos._chunks_rest(integer) IS
  'True if a first load has chunks left and it is a blackout window at the site, in which nobody has requested a sync';

-- ended_by: the run that failed; 0: somebody else has the site; -1: a blackout window has begun; NULL: all chunks are
-- through. insisted: somebody has called for it, in whatever window it is now.
CREATE PROCEDURE sambapos._chunks_run(site_id integer, insisted boolean, INOUT ended_by bigint)
LANGUAGE plpgsql AS
$$
DECLARE
  run_id bigint;
BEGIN
  SET LOCAL search_path TO pg_catalog, pg_temp;
  LOOP
    COMMIT;
    SET LOCAL search_path TO pg_catalog, pg_temp;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
    IF NOT sambapos._chunks_rest(site_id) THEN
      insisted := false;
    ELSIF NOT insisted THEN
      run_id := -1;
      EXIT;
    END IF;
    run_id := sambapos._chunk_start(site_id);
    COMMIT;
    SET LOCAL search_path TO pg_catalog, pg_temp;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
    EXIT WHEN run_id IS NULL OR run_id = 0;
    EXIT WHEN NOT sambapos._chunk_try_load(run_id);
  END LOOP;
  PERFORM sambapos._workbench_close(); -- the chunks have all used the same tables
  ended_by := run_id;
END;
$$;
COMMENT ON PROCEDURE sambapos._chunks_run(integer, boolean, bigint) IS
  'Loads the chunks of a site that are left, each of them committed, until a blackout window begins';
