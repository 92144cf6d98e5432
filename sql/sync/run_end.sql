-- run_end.sql: the end of a run that has read: its line in the log, and the state of its tables.

-- A child that met a lock, or a time-out, while its root went through: the roots that it was to be read with wait for
-- the next run. What it finds by itself, new rows and stamps, is asked for since it was last read. Where it is locked
-- in so many runs that more than a thousand roots would wait, each read again by each run, the table is read whole.
CREATE FUNCTION sambapos._run_children_wait(run_id bigint, place sambapos._place) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  child record;
  changed bigint[];
  waiting text[] := '{}';
BEGIN
  FOR child IN
    SELECT t.table_name, p AS root
    FROM sambapos.run_table AS x
    JOIN sambapos._table AS t ON t.site_id = place.site_id AND t.table_name = x.table_name
    JOIN sambapos._table AS p ON p.site_id = place.site_id AND p.table_name = t.parent
    JOIN sambapos.run_table AS y ON (y.run_id, y.table_name) = (x.run_id, p.table_name)
    WHERE x.run_id = _run_children_wait.run_id AND t.kind = 'child' AND x.status = 'failed'
      AND sambapos._log_is_passing(x.sqlstate) AND y.status = 'ok' AND y.mode IN ('incremental', 'tracked')
  LOOP
    changed := ARRAY(SELECT c.id FROM pg_temp.sambapos__changed AS c WHERE c.table_name = (child.root).table_name);
    CONTINUE WHEN cardinality(changed) > 1000;
    PERFORM sambapos._root_waits(run_id, child.root, changed);
    waiting := waiting || child.table_name;
  END LOOP;
  RETURN waiting;
END;
$$;
COMMENT ON FUNCTION sambapos._run_children_wait(bigint, sambapos._place) IS
  'Has roots wait whose children could not be read because somebody else was at them; returns these tables';

-- Any other child, or the documents, that failed while the tickets went through would never be asked for again by what
-- changed: the next run reads them whole.
CREATE FUNCTION sambapos._run_remember_tables(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  began timestamptz := (SELECT r.started_at FROM sambapos.run AS r WHERE r.run_id = _run_remember_tables.run_id);
  answer jsonb := (SELECT q.answer FROM sambapos.source_question AS q WHERE q.site_id = place.site_id);
  tickets_went_through boolean;
  roots_were_written boolean;
  waiting text[] := sambapos._run_children_wait(run_id, place);
BEGIN
  -- asked once, not of each line: before PostgreSQL has statistics of these tables it would join them line by line
  SELECT coalesce(bool_or(k.kind = 'ticket' AND x.status = 'ok'), false),
         coalesce(bool_or(k.kind <> 'master' AND x.rows_inserted + x.rows_updated + x.rows_gone > 0), false)
    INTO tickets_went_through, roots_were_written
  FROM sambapos.run_table AS x
  JOIN sambapos.replicated_table AS k ON k.site_id = place.site_id AND k.table_name = x.table_name
  WHERE x.run_id = _run_remember_tables.run_id AND x.due_at IS NULL;
  UPDATE sambapos.table_state AS t
     SET last_status = x.status, last_run_at = now(),
         read_began_at = CASE x.status WHEN 'ok' THEN began ELSE t.read_began_at END,
         read_version = CASE x.status WHEN 'ok' THEN s.version ELSE t.read_version END,
         last_success_at = CASE x.status WHEN 'ok' THEN now() ELSE t.last_success_at END,
         last_error = CASE x.status WHEN 'failed' THEN x.message WHEN 'ok' THEN NULL ELSE t.last_error END,
         last_sqlstate = CASE x.status WHEN 'failed' THEN x.sqlstate WHEN 'ok' THEN NULL ELSE t.last_sqlstate END,
         loaded_at = CASE x.status WHEN 'ok' THEN coalesce(t.loaded_at, now()) ELSE t.loaded_at END,
         source_max_id = CASE WHEN x.status = 'ok' AND x.mode <> 'none' THEN p.highest ELSE t.source_max_id END,
         full_due = a.table_name IS NOT NULL
                    OR CASE x.status WHEN 'ok' THEN t.full_due AND x.mode <> 'full'
                            ELSE t.full_due OR tickets_went_through AND x.table_name <> ALL (waiting) END,
         reread_seen_at = CASE WHEN x.status = 'ok' AND x.mode = 'full' THEN x.reread_at ELSE t.reread_seen_at END,
         read_whole_at = CASE WHEN x.status = 'ok' AND x.mode = 'full' THEN now() ELSE t.read_whole_at END,
         source_signature = CASE WHEN x.status = 'ok' AND (k.kind = 'master' OR NOT roots_were_written)
                                   THEN answer ->> t.table_name END,
         rows_inserted = t.rows_inserted + x.rows_inserted, rows_updated = t.rows_updated + x.rows_updated,
         rows_gone = t.rows_gone + x.rows_gone
    FROM sambapos.run_table AS x
    JOIN sambapos.replicated_table AS k ON k.site_id = place.site_id AND k.table_name = x.table_name
    JOIN sambapos.site_state AS s ON s.site_id = k.site_id
    LEFT JOIN pg_temp.sambapos__probe AS p ON p.table_name = x.table_name
    LEFT JOIN pg_temp.sambapos__again AS a ON a.table_name = x.table_name
   WHERE x.run_id = _run_remember_tables.run_id AND x.due_at IS NULL
     AND t.site_id = place.site_id AND t.table_name = x.table_name;
END;
$$;
COMMENT ON FUNCTION sambapos._run_remember_tables(bigint, sambapos._place) IS 'Writes what a run leaves for each table';

-- Its statements are for few rows, like those of a run's steps: to compile one takes longer than to run it.
CREATE FUNCTION sambapos._run_end(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET jit = off SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  failed bigint;
  went_through bigint;
  unread bigint;
  first_failed sambapos.run_table;
BEGIN
  PERFORM sambapos._run_remember_tables(run_id, place);
  PERFORM sambapos._tracking_remember(run_id, place);
  SELECT count(*) FILTER (WHERE x.status = 'failed'), count(*) FILTER (WHERE x.status = 'ok'),
         count(*) FILTER (WHERE x.status = 'skipped' AND t.loaded_at IS NULL AND root.paused_reason IS NULL)
    INTO failed, went_through, unread
  FROM sambapos.run_table AS x
  JOIN sambapos._table AS t ON t.site_id = place.site_id AND t.table_name = x.table_name
  LEFT JOIN sambapos._table AS root ON root.site_id = t.site_id AND root.table_name = t.parent
  WHERE x.run_id = _run_end.run_id;
  SELECT x.* INTO first_failed FROM sambapos.run_table AS x
   WHERE x.run_id = _run_end.run_id
     AND (x.status = 'failed' OR x.status = 'skipped' AND x.due_at IS NULL AND unread > 0)
   ORDER BY x.status = 'skipped', sambapos._log_is_fatal(x.sqlstate) DESC NULLS LAST,
            x.sqlstate IS NULL, x.table_name LIMIT 1;
  UPDATE sambapos.run AS r
     SET ended_at = clock_timestamp(), phase = 'done', sqlstate = first_failed.sqlstate,
         status = CASE WHEN failed = 0 AND unread = 0 THEN 'ok' WHEN went_through = 0 THEN 'failed' ELSE 'partial' END,
         message = coalesce(sambapos._log_causes(r.run_id), first_failed.table_name || ': ' || first_failed.message),
         epoch = s.epoch, version = s.version
    FROM sambapos._place AS s
   WHERE r.run_id = _run_end.run_id AND s.site_id = place.site_id;
  PERFORM sambapos._compare_end(run_id, place);
  PERFORM sambapos._consistency_check(run_id, place);
  PERFORM sambapos._backfill_forget(place.site_id);
  -- tells of the status (operate/alerts.sql)
  PERFORM sambapos._run_remember_site(run_id, place, failed, first_failed, sambapos._probe_facts());
  PERFORM sambapos._question_remember(s)
  FROM sambapos._place AS s CROSS JOIN LATERAL sambapos._run_extent(run_id, s) AS e
  WHERE s.site_id = place.site_id AND e.is_whole AND went_through > 0;
  PERFORM sambapos._run_answer_requests(run_id);
  PERFORM sambapos._missing_purge(place);
  PERFORM sambapos._run_purge_log(run_id, place);
END;
$$;
COMMENT ON FUNCTION sambapos._run_end(bigint, sambapos._place) IS
  'Writes the state that a run leaves, and its end in the log; purges old log lines';
