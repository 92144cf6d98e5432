-- idle.sql: a run that finds nothing new: one question to the source, no temporary table, no replica table touched.
--
-- Rules:
-- * What is known here decides first whether such a run is possible at all: nothing failed, waits to be judged or read
--   again, is due to be compared, or once a night to be read whole or asked for. Of tables that are not due nothing is
--   looked at.
-- * Then the answer of the source has to be the one of the last run. That run wrote nothing to roots and children: so
--   what was written is read once more before a run believes that nothing has changed.

-- Anything open, then it reads. Its tables are looked at by _idle_signatures.
CREATE FUNCTION sambapos._idle_is_possible(run_id bigint, place sambapos._place) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT r.mode = 'auto' FROM sambapos.run AS r WHERE r.run_id = _idle_is_possible.run_id)
     AND place.hw_utc IS NOT NULL AND place.consecutive_failures = 0 AND place.held_database IS NULL
     AND NOT place.auth_failed
     AND NOT (sambapos._compare_is_due(place) AND EXISTS (SELECT FROM sambapos._compare_tables(run_id, place, 1)))
     AND EXISTS (SELECT FROM sambapos.source_question AS q
                 WHERE q.site_id = place.site_id AND q.since IS NOT NULL
                   AND q.settings = sambapos._question_settings(place))
     AND NOT (EXISTS (SELECT FROM sambapos.schema_versions AS v
                      WHERE v.site_id = place.site_id AND v.seen_until IS NULL
                        AND v.outcome IN ('seen', 'waiting', 'paused')) -- seldom
              AND EXISTS (SELECT FROM sambapos._drift_due(run_id, place)))
     AND NOT sambapos._new_tables_are_due(place)
     AND NOT EXISTS (SELECT FROM sambapos.waiting_root AS w
                     WHERE w.site_id = place.site_id AND w.missing_runs <= place.settle_runs
                       AND NOT sambapos._run_leaves_out(_idle_is_possible.run_id, w.table_name))
     AND NOT EXISTS (SELECT FROM sambapos.restored_root AS n JOIN sambapos._table AS t USING (site_id, table_name)
                     WHERE n.site_id = place.site_id AND t.enabled AND t.paused_reason IS NULL
                       AND NOT sambapos._run_leaves_out(_idle_is_possible.run_id, n.table_name))
     AND NOT EXISTS (SELECT FROM sambapos.missing AS m WHERE m.site_id = place.site_id AND m.version IS NULL
                       AND NOT sambapos._run_leaves_out(_idle_is_possible.run_id, m.table_name))
     AND NOT EXISTS (SELECT FROM sambapos.inconsistent_root AS i
                     WHERE i.site_id = place.site_id AND i.runs < place.settle_runs
                       AND NOT sambapos._run_leaves_out(_idle_is_possible.run_id, i.table_name))
     AND NOT EXISTS (SELECT FROM sambapos.reconcile_finding AS f
                     WHERE f.site_id = place.site_id AND f.repaired_at IS NULL AND NOT f.is_orphan
                       AND NOT sambapos._run_leaves_out(_idle_is_possible.run_id, f.table_name));
END;
$$;
COMMENT ON FUNCTION sambapos._idle_is_possible(bigint, sambapos._place) IS
  'True if a run may end without reading, should the source say that it is as it was; its tables aside';

CREATE FUNCTION sambapos._idle_signatures(run_id bigint, place sambapos._place) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  night timestamptz := now() - sambapos._night_began(place);
  tracked boolean := sambapos._tracking_state(place) IS NOT NULL;
BEGIN
  RETURN (
    SELECT CASE WHEN bool_and(coalesce(k.is_quiet, false))
                THEN coalesce(jsonb_object_agg(k.table_name, k.source_signature) FILTER (WHERE k.is_looked_at), '{}') END
    FROM (
      SELECT t.table_name, t.source_signature, x.status = 'running' AS is_looked_at,
             CASE x.status
               WHEN 'running' THEN
                 t.last_status = 'ok' AND NOT t.full_due AND t.loaded_at IS NOT NULL
                 AND (tracked OR t.source_signature IS NOT NULL)
                 AND (t.kind <> 'master' OR coalesce(t.read_whole_at > night, true))
               WHEN 'paused' THEN true
               ELSE x.due_at IS NOT NULL END AS is_quiet
      FROM sambapos._table AS t
      LEFT JOIN sambapos.run_table AS x ON x.run_id = _idle_signatures.run_id AND x.table_name = t.table_name
      WHERE t.site_id = place.site_id AND t.enabled) AS k);
END;
$$;
COMMENT ON FUNCTION sambapos._idle_signatures(bigint, sambapos._place) IS
  'What each table that a run looks at added up to when it was last read; NULL: one of them has to be read in any case';

-- Where a table was dropped here, or is on another server, a run that reads says what is wrong.
CREATE FUNCTION sambapos._idle_has_relations(place sambapos._place, signatures jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  replica oid := to_regnamespace('sambapos_replica');
  live oid := to_regnamespace(quote_ident(sambapos._live_schema(place.name)));
  tables name[] := ARRAY(SELECT k::name FROM jsonb_object_keys(signatures) AS k);
BEGIN
  RETURN cardinality(tables) = (
           SELECT count(*) FROM pg_class AS c
           WHERE c.relname = ANY (tables) AND c.relnamespace = replica AND c.relkind IN ('r', 'p'))
     AND cardinality(tables) = (
           SELECT count(*) FROM pg_class AS c
           JOIN pg_foreign_table AS f ON f.ftrelid = c.oid
           JOIN pg_foreign_server AS s ON s.oid = f.ftserver
           WHERE c.relname = ANY (tables) AND c.relnamespace = live AND s.srvname = place.server);
END;
$$;
COMMENT ON FUNCTION sambapos._idle_has_relations(sambapos._place, jsonb) IS
  'True if all of these tables have a replica table, and a live table on the site''s server';

-- A clock that was set back, or whose offset is another one, makes a run read older rows.
CREATE FUNCTION sambapos._idle_is_equal(place sambapos._place, signatures jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  tracked text := sambapos._tracking_state(place);
  q record;
BEGIN
  SELECT o.answer, o.database, o.columns, (o.answer #>> '{"",local}')::timestamp AS local_now,
         (o.answer #>> '{"",utc}')::timestamp AS utc_now
    INTO q FROM sambapos.source_question AS o WHERE o.site_id = place.site_id;
  RETURN coalesce(
    q.utc_now >= place.hw_utc AND sambapos._source_offset(q.local_now, q.utc_now) = place.hw_offset_minutes
      AND q.database = q.answer #>> '{"",database}' AND q.columns = q.answer ->> 'information_schema.columns'
      AND q.answer ->> 'change tracking' IS NOT DISTINCT FROM tracked
      AND (tracked IS NOT NULL OR q.answer @> signatures), false);
END;
$$;
COMMENT ON FUNCTION sambapos._idle_is_equal(sambapos._place, jsonb) IS
  'True if a source has answered what it answered to the last run; signatures: of the tables that are looked at';

-- It counts as a run that has looked at all tables that were due: the high-water mark moves, the state of each table is
-- of now. What is paused or not due stays so; tickets that are not read keep the site from being complete. It has a
-- line for each enabled table (_idle_signatures), so that what _run_extent and _run_has_tickets find out is plain.
CREATE FUNCTION sambapos._idle_end(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  this sambapos.run;
  tracked boolean := sambapos._tracking_state(place) IS NOT NULL;
  has_tickets boolean;
  is_complete boolean;
  light text;
BEGIN
  UPDATE sambapos.table_state AS t
     SET read_began_at = (SELECT r.started_at FROM sambapos.run AS r WHERE r.run_id = _idle_end.run_id),
         last_run_at = now(), last_success_at = now()
    FROM sambapos.run_table AS x
   WHERE x.run_id = _idle_end.run_id AND x.status = 'running'
     AND (t.site_id, t.table_name) = (place.site_id, x.table_name);
  UPDATE sambapos.run_table AS x -- read by what has changed, or not at all
     SET status = 'ok', mode = CASE WHEN tracked OR t.kind = 'master' THEN 'none' ELSE 'incremental' END
    FROM sambapos.replicated_table AS t
   WHERE x.run_id = _idle_end.run_id AND x.status = 'running'
     AND (t.site_id, t.table_name) = (place.site_id, x.table_name);
  UPDATE sambapos.run AS r
     SET ended_at = clock_timestamp(), phase = 'done', status = 'ok', message = 'nothing has changed at the source',
         epoch = place.epoch, version = place.version, source_now = (q.answer #>> '{"",local}')::timestamp,
         source_utc = (q.answer #>> '{"",utc}')::timestamp, source_queries = f.queries, source_rows = f.rows,
         source_bytes = f.bytes, source_ms = round(f.ms), paused_ms = round(f.paused_ms)
    FROM sambapos.source_question AS q LEFT JOIN sambapos._source_figures(place.server) AS f ON true
   WHERE r.run_id = _idle_end.run_id AND q.site_id = place.site_id RETURNING r.* INTO this;
  SELECT coalesce(bool_and(x.status = 'ok') FILTER (WHERE t.kind = 'ticket'), bool_and(x.status = 'ok')),
         coalesce(bool_and(x.status = 'ok') FILTER (WHERE t.kind = 'ticket'), true) AND bool_or(x.status = 'ok')
    INTO has_tickets, is_complete
  FROM sambapos.run_table AS x
  JOIN sambapos.replicated_table AS t ON (t.site_id, t.table_name) = (place.site_id, x.table_name)
  WHERE x.run_id = _idle_end.run_id;
  UPDATE sambapos.site_state AS s
     SET last_run_at = this.started_at, last_error = NULL, last_sqlstate = NULL,
         last_success_at = CASE WHEN is_complete THEN now() ELSE s.last_success_at END,
         hw_utc = CASE WHEN has_tickets THEN this.source_utc ELSE s.hw_utc END,
         next_due_at = sambapos._run_next_due(place, this.started_at)
   WHERE s.site_id = place.site_id RETURNING s.notified ->> 'light' INTO light;
  IF light IS DISTINCT FROM 'green' THEN -- of one that was green, and still is, there is nothing to tell
    UPDATE sambapos.site_state AS s SET current_run = NULL WHERE s.site_id = place.site_id; -- operate/alerts.sql
  END IF;
  PERFORM sambapos._run_answer_requests(run_id);
  PERFORM sambapos._missing_purge(place);
  PERFORM sambapos._run_purge_log(run_id, place);
  PERFORM sambapos._rollup_keep(NULL, place, place.version);
END;
$$;
COMMENT ON FUNCTION sambapos._idle_end(bigint, sambapos._place) IS 'Ends a run that has found nothing new';

-- Nobody is asked, so nothing is known of the source after it that was not known before.
CREATE FUNCTION sambapos._idle_end_unasked(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.run AS r
     SET ended_at = clock_timestamp(), phase = 'done', status = 'ok', message = 'no table is due',
         epoch = place.epoch, version = place.version
   WHERE r.run_id = _idle_end_unasked.run_id;
  UPDATE sambapos.site_state AS s
     SET last_run_at = r.started_at, next_due_at = sambapos._run_next_due(place, r.started_at), current_run = NULL
    FROM sambapos.run AS r
   WHERE r.run_id = _idle_end_unasked.run_id AND s.site_id = place.site_id;
  PERFORM sambapos._run_purge_log(run_id, place);
END;
$$;
COMMENT ON FUNCTION sambapos._idle_end_unasked(bigint, sambapos._place) IS
  'Ends a run of which no table is due';

-- The remote transaction is over when this returns. What the source could not answer is no trouble of the run's yet.
CREATE FUNCTION sambapos._idle_try(run_id bigint, place sambapos._place) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  signatures jsonb;
BEGIN
  IF (SELECT bool_and(x.due_at IS NOT NULL) FROM sambapos.run_table AS x WHERE x.run_id = _idle_try.run_id) THEN
    PERFORM sambapos._idle_end_unasked(run_id, place);
    RETURN true;
  ELSIF sambapos._workbench_is_to_compare() OR sambapos._run_was_foreseen(run_id, place)
        OR NOT sambapos._idle_is_possible(run_id, place) THEN
    RETURN false;
  END IF;
  signatures := sambapos._idle_signatures(run_id, place);
  IF signatures IS NULL OR NOT sambapos._idle_has_relations(place, signatures) THEN
    RETURN false;
  END IF;
  PERFORM sambapos._log_progress(place, 'asking', place.server);
  PERFORM sambapos._question_ask(run_id, place, signatures);
  PERFORM sambapos._end_remote_transaction(place.server);
  IF NOT sambapos._idle_is_equal(place, signatures) THEN
    RETURN false;
  END IF;
  PERFORM sambapos._idle_end(run_id, place);
  RETURN true;
END;
$$;
COMMENT ON FUNCTION sambapos._idle_try(bigint, sambapos._place) IS
  'One look at the source, if any table is due; true: nothing is new, and the run is over';
