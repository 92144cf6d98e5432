-- run.sql: the beginning of a run, and the state it leaves for the site and for those who asked for it.
--
-- Rules:
-- * State (high-water mark, loaded_at, max ids) changes in the transaction that writes the rows.
-- * What a run of some tables does is no success of the site, nor its turn: only a whole run is.

CREATE FUNCTION sambapos._run_has_state(place sambapos._place) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM sambapos.epoch AS e WHERE (e.site_id, e.epoch) = (place.site_id, place.epoch))
     AND EXISTS (SELECT FROM sambapos.site_state AS s WHERE s.site_id = place.site_id)
     AND EXISTS (SELECT FROM sambapos.site_home AS h WHERE h.site_id = place.site_id)
     AND NOT EXISTS (SELECT t.table_name FROM sambapos.replicated_table AS t WHERE t.site_id = place.site_id
                     EXCEPT SELECT x.table_name FROM sambapos.table_state AS x WHERE x.site_id = place.site_id);
END;
$$;
COMMENT ON FUNCTION sambapos._run_has_state(sambapos._place) IS
  'True if all rows are there in which a run keeps the state of a site and its tables: mostly so';

CREATE FUNCTION sambapos._run_enter_state(place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  INSERT INTO sambapos.epoch (site_id, epoch, reason) VALUES (place.site_id, place.epoch, 'first load')
  ON CONFLICT DO NOTHING;
  INSERT INTO sambapos.site_state (site_id) VALUES (place.site_id) ON CONFLICT DO NOTHING;
  PERFORM sambapos._home_note(place.site_id)
  WHERE NOT EXISTS (SELECT FROM sambapos.site_home AS h WHERE h.site_id = place.site_id);
  INSERT INTO sambapos.table_state (site_id, table_name)
  SELECT t.site_id, t.table_name FROM sambapos.replicated_table AS t WHERE t.site_id = place.site_id
  ON CONFLICT DO NOTHING;
END;
$$;
COMMENT ON FUNCTION sambapos._run_enter_state(sambapos._place) IS
  'Makes the rows in which a run keeps the state of a site and its tables, as far as they are not there';

-- Whoever holds the lock knows that a run still called running is dead. The site's row is not touched
-- before the merge, so that sambapos_request_sync does not wait for a long sambapos_sync.
CREATE FUNCTION sambapos._run_begin(place sambapos._place, mode text, trigger text, tables text[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  fresh bigint;
BEGIN
  UPDATE sambapos.run AS r
     SET status = 'aborted', ended_at = clock_timestamp(),
         message = coalesce(r.message, 'its session ended before it did')
   WHERE r.site_id = place.site_id AND r.status = 'running';
  INSERT INTO sambapos.run AS r (site_id, mode, trigger) VALUES (place.site_id, _run_begin.mode, _run_begin.trigger)
  RETURNING r.run_id INTO fresh;
  IF NOT sambapos._run_has_state(place) THEN
    PERFORM sambapos._run_enter_state(place);
  END IF;
  UPDATE sambapos.request AS q SET run_id = fresh, status = 'running'
   WHERE q.site_id = place.site_id AND q.finished_at IS NULL AND tables IS NULL;
  PERFORM sambapos._run_plan_tables(fresh, place, tables);
  PERFORM sambapos._source_mark(place.server); -- from here on what it has of its source is counted
  RETURN fresh;
END;
$$;
COMMENT ON FUNCTION sambapos._run_begin(sambapos._place, text, text, text[]) IS 'Enters a run in the log';

-- After a failure sooner: a minute, two, four ... half an hour, never later than the interval. Of that some random part
-- up to the half is left out: a network that comes back is not met by all sites at once.
CREATE FUNCTION sambapos._run_next_due(place sambapos._place, started_at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN CASE WHEN place.consecutive_failures = 0 THEN started_at + place.sync_interval
              ELSE clock_timestamp() + (1 - random() / 2)
                   * least(place.sync_interval, interval '30 minutes',
                           interval '1 minute' * 2 ^ least(place.consecutive_failures - 1, 5)) END;
END;
$$;
COMMENT ON FUNCTION sambapos._run_next_due(sambapos._place, timestamptz) IS 'When a site is due next';

CREATE FUNCTION sambapos._run_has_tickets(run_id bigint, place sambapos._place) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT CASE WHEN EXISTS (SELECT FROM sambapos.replicated_table AS t
                             WHERE t.site_id = place.site_id AND t.enabled AND t.kind = 'ticket')
                THEN coalesce(bool_and(x.status = 'ok') FILTER (WHERE t.kind = 'ticket'), false)
                ELSE coalesce(bool_and(x.status = 'ok'), false) END
    FROM sambapos.run_table AS x
    JOIN sambapos.replicated_table AS t ON t.site_id = place.site_id AND t.table_name = x.table_name
    WHERE x.run_id = _run_has_tickets.run_id);
END;
$$;
COMMENT ON FUNCTION sambapos._run_has_tickets(bigint, sambapos._place) IS
  'True if a run has read and merged the tickets';

-- Whether a run had all tables of the site and read some of them, and whether they went through: all but paused
-- ones (the light names them) and those that were not due, the tickets in any case, and at least one.
CREATE FUNCTION sambapos._run_extent(run_id bigint, place sambapos._place,
  OUT is_whole boolean, OUT is_complete boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  SELECT coalesce(bool_and(x.run_id IS NOT NULL) AND bool_or(x.status <> 'skipped'), true),
         coalesce(bool_and(x.run_id IS NOT NULL AND (x.status = 'ok' OR t.kind <> 'ticket'
                           AND (x.status = 'paused' OR x.due_at IS NOT NULL OR t.paused_reason IS NULL
                                AND (SELECT root.paused_reason IS NOT NULL FROM sambapos._table AS root
                                     WHERE root.site_id = t.site_id AND root.table_name = t.parent))))
                  AND bool_or(x.status = 'ok'), false)
    INTO is_whole, is_complete
  FROM sambapos._table AS t
  LEFT JOIN sambapos.run_table AS x ON x.run_id = _run_extent.run_id AND x.table_name = t.table_name
  WHERE t.site_id = place.site_id AND t.enabled;
END;
$$;
COMMENT ON FUNCTION sambapos._run_extent(bigint, sambapos._place) IS
  'Whether a run was one of all tables of its site, and whether all that are to be read were read and merged';

-- The high-water mark moves when the tickets went through, or when there are none to wait for. What else was counted of
-- tables that went through is remembered without them; but numerators that fell are a sign for the tickets.
CREATE FUNCTION sambapos._run_remember_site(run_id bigint, place sambapos._place, failed bigint,
                                            first_failed sambapos.run_table, facts jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  this sambapos.run := (SELECT r FROM sambapos.run AS r WHERE r.run_id = _run_remember_site.run_id);
  refused boolean := coalesce(first_failed.sqlstate LIKE '28%', false);
  extent record;
BEGIN
  SELECT * INTO extent FROM sambapos._run_extent(run_id, place);
  UPDATE sambapos.site_state AS s
     SET last_run_at = this.started_at,
         last_success_at = CASE WHEN extent.is_complete THEN now() ELSE s.last_success_at END,
         last_error = CASE WHEN extent.is_whole OR failed > 0 THEN this.message ELSE s.last_error END,
         last_sqlstate = CASE WHEN extent.is_whole OR failed > 0 THEN first_failed.sqlstate ELSE s.last_sqlstate END,
         consecutive_failures = CASE WHEN NOT extent.is_whole THEN s.consecutive_failures
                                     WHEN failed = 0 THEN 0 ELSE s.consecutive_failures + 1 END,
         auth_failed = refused,
         current_run = NULL
   WHERE s.site_id = place.site_id;
  UPDATE sambapos.site_state AS x
     SET next_due_at = sambapos._run_next_due(s, this.started_at)
    FROM sambapos._place AS s
   WHERE x.site_id = place.site_id AND s.site_id = place.site_id AND extent.is_whole;
  IF sambapos._run_has_tickets(run_id, place) THEN
    UPDATE sambapos.site_state AS s
       SET hw_utc = this.source_utc, last_probe = coalesce(s.last_probe, '{}') || coalesce(facts, '{}'),
           hw_offset_minutes = sambapos._source_offset(this.source_now, this.source_utc)
     WHERE s.site_id = place.site_id;
  ELSIF extent.is_whole THEN
    UPDATE sambapos.site_state AS s
       SET last_probe = coalesce(s.last_probe, '{}') || coalesce(
             (SELECT jsonb_object_agg(f.key, f.value) FROM jsonb_each(facts) AS f
              JOIN sambapos.run_table AS x ON x.table_name = f.key
              WHERE x.run_id = _run_remember_site.run_id AND x.status = 'ok' AND f.key <> 'numerators'), '{}')
     WHERE s.site_id = place.site_id;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._run_remember_site(bigint, sambapos._place, bigint, sambapos.run_table, jsonb) IS
  'Writes what a run leaves for the site; facts: what it has counted at the source';

CREATE FUNCTION sambapos._run_answer_requests(run_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.request AS q
     SET finished_at = clock_timestamp(), status = CASE r.status WHEN 'ok' THEN 'done' ELSE 'failed' END,
         message = r.message
    FROM sambapos.run AS r
   WHERE r.run_id = _run_answer_requests.run_id AND q.run_id = r.run_id AND q.finished_at IS NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._run_answer_requests(bigint) IS 'Says to the requests that a run served what became of it';

CREATE FUNCTION sambapos._run_purge_before(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = auto SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  DELETE FROM sambapos.request AS q WHERE q.site_id = place.site_id AND q.finished_at < now() - place.run_log_retention;
  WITH old AS (
    DELETE FROM sambapos.run AS r
     WHERE r.site_id = place.site_id AND r.started_at < now() - place.run_log_retention
       AND r.run_id <> _run_purge_before.run_id
    RETURNING r.run_id)
  DELETE FROM sambapos.run_table AS x USING old WHERE x.run_id = old.run_id;
  DELETE FROM sambapos.source_events AS e
   WHERE e.site_id = place.site_id AND e.kind = 'moved' AND e.at < now() - place.run_log_retention;
END;
$$;
COMMENT ON FUNCTION sambapos._run_purge_before(bigint, sambapos._place) IS
  'Deletes the log that is older than the site''s run_log_retention, and which lines were moved';

-- Most runs find nothing that old. The index has the oldest run first.
CREATE FUNCTION sambapos._run_purge_log(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF (SELECT r.started_at FROM sambapos.run AS r WHERE r.site_id = place.site_id ORDER BY r.started_at LIMIT 1)
     < now() - place.run_log_retention
     OR EXISTS (SELECT FROM sambapos.request AS q
                WHERE q.site_id = place.site_id AND q.finished_at < now() - place.run_log_retention) THEN
    PERFORM sambapos._run_purge_before(run_id, place);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._run_purge_log(bigint, sambapos._place) IS
  'Deletes the log that is older than the site''s run_log_retention, if there is any';
