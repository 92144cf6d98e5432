-- worker.sql: what the background worker (src/worker) does with a site: it looks once a second, and syncs when there is
-- a reason.
--
-- Rules:
-- * A part is a function call and a transaction. The worker repeats _worker_do with the part that it has returned,
--   until   there is none. So it does what sambapos_run does, without a procedure.
-- * A look writes nothing, so that it may come every second.
-- * Whom a run would meet with a failure again is left alone until it is due (next_due_at). Only a till that could not
--   be reached is looked at all the same: that it answers again is a reason.
-- * A site with a cron line of its own is run by its job, exactly then; the worker serves what is asked for.

CREATE FUNCTION sambapos._worker_turns(OUT site_id integer, OUT pid integer, OUT is_busy boolean,
  OUT looked_at timestamptz, OUT next_look_at timestamptz, OUT failures integer) RETURNS SETOF record
LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'sambapos_worker_turns';
COMMENT ON FUNCTION sambapos._worker_turns() IS
  'The sites of this database that the worker has looked at since the server started, from shared memory; no rows '
  'without shared_preload_libraries = ''sambapos_fdw''';

CREATE FUNCTION sambapos._worker_wake() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'sambapos_worker_wake';
COMMENT ON FUNCTION sambapos._worker_wake() IS
  'Wakes the workers of this database when the transaction commits; does nothing where there are none';

CREATE TRIGGER wake_worker AFTER INSERT ON sambapos.request FOR EACH STATEMENT EXECUTE FUNCTION sambapos._worker_wake();
COMMENT ON TRIGGER wake_worker ON sambapos.request IS 'A sync that was asked for starts at once where the worker is on';

-- Between two looks at one it is a minute at most.
CREATE FUNCTION sambapos._worker_serves(site_id integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (SELECT FROM sambapos._worker_turns() AS w
                 WHERE w.site_id = _worker_serves.site_id AND w.pid IS NOT NULL
                   AND (w.is_busy OR w.looked_at > clock_timestamp() - interval '2 minutes'));
$$;
COMMENT ON FUNCTION sambapos._worker_serves(integer) IS 'True if the worker looks at a site';

CREATE FUNCTION sambapos._worker_is_named() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT current_database() IN (
    SELECT CASE WHEN n LIKE '"%"' THEN replace(btrim(n, '"'), '""', '"') ELSE lower(n COLLATE "C") END
    FROM regexp_split_to_table(btrim(coalesce(current_setting('sambapos.worker_databases', true), '')),
                               '\s*,\s*') AS n);
$$;
COMMENT ON FUNCTION sambapos._worker_is_named() IS 'True if setting sambapos.worker_databases names this database';

-- ---- which sites ----

CREATE FUNCTION sambapos._worker_may_look(place sambapos._place) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN place.schedule IS NULL AND NOT place.auth_failed
     AND (place.consecutive_failures = 0 OR place.last_sqlstate ~ '^(08|57P)');
END;
$$;
COMMENT ON FUNCTION sambapos._worker_may_look(sambapos._place) IS
  'True if the worker should ask a source whether there is a reason for a run, although none is due';

CREATE FUNCTION sambapos._worker_wanted_at(place sambapos._place) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN CASE WHEN place.requested_at IS NOT NULL THEN
                (SELECT max(q.requested_at) FROM sambapos.request AS q WHERE q.site_id = place.site_id
                 AND q.finished_at IS NULL)
              WHEN place.schedule IS NULL AND sambapos._site_is_due(place)
                THEN coalesce(place.next_due_at, place.added_at) END;
END;
$$;
COMMENT ON FUNCTION sambapos._worker_wanted_at(sambapos._place) IS
  'Since when a site should be run by the worker, whatever its till says; NULL: it should not';

CREATE FUNCTION sambapos._worker_sites() RETURNS TABLE (site_id integer, name text, wanted_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT s.site_id, s.name, w.wanted_at
    FROM sambapos._place AS s CROSS JOIN LATERAL (SELECT sambapos._worker_wanted_at(s) AS wanted_at OFFSET 0) AS w
    WHERE s.removed_at IS NULL AND s.enabled AND s.paused_reason IS NULL AND sambapos._runs_enabled()
      AND NOT EXISTS (SELECT FROM sambapos._copied AS c WHERE c.site_id = s.site_id)
      AND (w.wanted_at IS NOT NULL OR sambapos._worker_may_look(s)) AND NOT sambapos._backfill_is_on(s.site_id)
    ORDER BY s.priority DESC, w.wanted_at NULLS LAST, s.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._worker_sites() IS 'The sites that the worker may take in hand, most urgent first';

-- ---- one site ----

-- In a blackout window only a clear or the end of a work period is a reason, as for pg_cron's look.
CREATE FUNCTION sambapos._worker_source_has_changed(place sambapos._place) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN CASE WHEN place.blackout IS NOT NULL AND sambapos._hours_contain(place.blackout, sambapos._site_clock(place))
              THEN sambapos._source_wants_run(place) ELSE sambapos._source_has_moved(place) END;
END;
$$;
COMMENT ON FUNCTION sambapos._worker_source_has_changed(sambapos._place) IS
  'Asks a source whether something is there that a run would find';

-- A refused login is a reason: the run remembers it, and nobody knocks again. After an outage any answer is one.
CREATE FUNCTION sambapos._worker_wants_run(place sambapos._place, OUT wants boolean, OUT message text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  wants := sambapos._worker_wanted_at(place) IS NOT NULL;
  IF wants OR NOT sambapos._worker_may_look(place) OR sambapos._site_problem(place) IS NOT NULL THEN
    RETURN;
  END IF;
  IF place.consecutive_failures > 0 THEN
    PERFORM FROM sambapos._query(place.server, 'SELECT 1 AS n') AS q (n integer);
    wants := true;
  ELSE
    wants := sambapos._worker_source_has_changed(place);
  END IF;
EXCEPTION
  WHEN invalid_authorization_specification OR invalid_password THEN
    wants := true;
  WHEN OTHERS THEN
    message := format('site %s: cannot be looked at: %s', place.name, SQLERRM);
END;
$$;
COMMENT ON FUNCTION sambapos._worker_wants_run(sambapos._place) IS
  'Whether a site should be run now, and why that could not be found out';

-- Somebody else may have the site for long: that is one line in the log.
CREATE FUNCTION sambapos._worker_log_busy(site_id integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF (SELECT r.status FROM sambapos.run AS r WHERE r.site_id = _worker_log_busy.site_id
      ORDER BY r.run_id DESC LIMIT 1) IS DISTINCT FROM 'busy' THEN
    PERFORM sambapos._log_busy(site_id);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._worker_log_busy(integer) IS
  'Enters in the log that a run could not start, unless that is its last line';

-- Whoever cannot answer is no reason: the run says what is wrong.
CREATE FUNCTION sambapos._worker_source_is_large(place sambapos._place) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN sambapos._table_is_read(place, 'tickets')
     AND (SELECT q.n > 50000 FROM sambapos._query(place.server,
                                                  'SELECT COUNT_BIG(*) AS n FROM [dbo].[Tickets]') AS q (n bigint));
EXCEPTION WHEN OTHERS THEN
  RETURN false;
END;
$$;
COMMENT ON FUNCTION sambapos._worker_source_is_large(sambapos._place) IS
  'True if a source has so many tickets that their first load should be committed in parts';

-- The first load of a large site is in chunks, as by sambapos_backfill.
CREATE FUNCTION sambapos._worker_look(site_id integer, OUT part text, OUT failed boolean, OUT message text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
  wants boolean;
BEGIN
  SELECT * INTO place FROM sambapos._place AS s WHERE s.site_id = _worker_look.site_id;
  SELECT w.wants, w.message INTO wants, message FROM sambapos._worker_wants_run(place) AS w;
  failed := message IS NOT NULL;
  IF NOT coalesce(wants, false) THEN
    RETURN;
  END IF;
  PERFORM sambapos._catalog_check();
  IF NOT sambapos._site_try_lock(site_id) THEN
    PERFORM sambapos._worker_log_busy(site_id);
    failed := true;
    RETURN;
  END IF;
  IF place.last_run_at IS NULL AND sambapos._site_problem(place) IS NULL AND sambapos._worker_source_is_large(place)
    THEN
    PERFORM sambapos._chunk_plan(place, 100000);
  END IF;
  part := 'chunk';
END;
$$;
COMMENT ON FUNCTION sambapos._worker_look(integer) IS
  'The first part of what the worker does with a site: is there a reason for a run?';

CREATE FUNCTION sambapos._worker_do(site_id integer, INOUT part text, INOUT run_id bigint, OUT failed boolean,
                                    OUT message text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  failed := false;
  CASE part
    WHEN 'look' THEN
      IF sambapos._feed_tick_site(site_id) THEN
        RETURN; -- and look again, in another transaction
      END IF;
      SELECT w.part, w.failed, w.message INTO part, failed, message FROM sambapos._worker_look(site_id) AS w;
    WHEN 'chunk' THEN
      IF sambapos._chunks_rest(site_id) THEN
        part := NULL;
        RETURN;
      END IF;
      run_id := sambapos._chunk_start(site_id);
      failed := run_id = 0;
      part := CASE WHEN run_id IS NULL THEN 'start' WHEN run_id > 0 THEN 'load' END;
    WHEN 'load' THEN
      part := CASE WHEN sambapos._chunk_try_load(run_id) THEN 'chunk' ELSE 'close' END;
    WHEN 'start' THEN
      run_id := sambapos._run_start(site_id);
      failed := run_id = 0;
      part := CASE WHEN run_id > 0 THEN 'read' END;
    WHEN 'close' THEN
      PERFORM sambapos._workbench_leave(run_id);
      message := (sambapos._run_complaint(run_id))[1];
      failed := message IS NOT NULL;
      part := NULL;
    ELSE
      part := coalesce(sambapos._run_try_continue(run_id, part), 'close');
  END CASE;
END;
$$;
COMMENT ON FUNCTION sambapos._worker_do(integer, text, bigint) IS
  'Does a part of what the worker does with a site, and returns the next one (NULL: it was the last): look, chunk and '
  'load (a first load), start, read, follow and merge (a run), close. failed: the worker waits longer before it looks '
  'again; message: what to write into the server''s log';

-- ---- what a person sees ----

CREATE VIEW sambapos.worker AS
SELECT s.name AS site, w.pid, w.is_busy, w.looked_at, w.next_look_at, w.failures
FROM sambapos._worker_turns() AS w JOIN sambapos._place AS s USING (site_id)
WHERE s.removed_at IS NULL;
COMMENT ON VIEW sambapos.worker IS
  'The sites that the background worker has looked at since the server started; none where it is not on';
COMMENT ON COLUMN sambapos.worker.pid IS 'The process that has it in hand, or had it last; NULL: that one has ended';
COMMENT ON COLUMN sambapos.worker.is_busy IS 'It is being looked at, or synced, right now';
COMMENT ON COLUMN sambapos.worker.looked_at IS 'When it was last done with it';
COMMENT ON COLUMN sambapos.worker.next_look_at IS 'When it is looked at next';
COMMENT ON COLUMN sambapos.worker.failures IS
  'How often in a row the till did not answer, the run failed or another session had the site; the pause gets longer';
