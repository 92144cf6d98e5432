-- run.sql: beginning and ending a run: its line in the log, and the state it leaves.
--
-- Rules:
-- * State (high-water mark, loaded_at, max ids) changes in the transaction that writes the rows.

-- Whoever holds the lock knows that a run still called running is dead. The site's row isn't touched
-- before the merge, so that sambapos_request_sync doesn't wait for a long sambapos_sync.
CREATE FUNCTION sambapos._run_begin(place sambapos.site, mode text, trigger text, tables text[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  fresh bigint;
BEGIN
  UPDATE sambapos.run AS r SET status = 'aborted', ended_at = clock_timestamp(), message = coalesce(r.message, 'ended without a word')
   WHERE r.site_id = place.site_id AND r.status = 'running';
  INSERT INTO sambapos.run AS r (site_id, mode, trigger) VALUES (place.site_id, _run_begin.mode, _run_begin.trigger)
  RETURNING r.run_id INTO fresh;
  INSERT INTO sambapos.epoch (site_id, epoch, reason) VALUES (place.site_id, place.epoch, 'first load') ON CONFLICT DO NOTHING;
  PERFORM sambapos._run_plan_tables(fresh, place, tables);
  RETURN fresh;
END;
$$;
COMMENT ON FUNCTION sambapos._run_begin(sambapos.site, text, text, text[]) IS 'Enters a run in the log';

-- After a failure sooner: a minute, two, four ... half an hour, never later than the interval.
CREATE FUNCTION sambapos._run_next_due(place sambapos.site, started_at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN place.consecutive_failures = 0 THEN started_at + place.sync_interval
              ELSE clock_timestamp() + least(place.sync_interval, interval '30 minutes',
                                             interval '1 minute' * 2 ^ least(place.consecutive_failures - 1, 5)) END;
$$;
COMMENT ON FUNCTION sambapos._run_next_due(sambapos.site, timestamptz) IS 'When a site is due next';

CREATE FUNCTION sambapos._run_has_tickets(run_id bigint, place sambapos.site) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN EXISTS (SELECT FROM sambapos.replicated_table AS t
                           WHERE t.site_id = place.site_id AND t.enabled AND t.kind = 'ticket')
              THEN coalesce(bool_and(x.status = 'ok') FILTER (WHERE t.kind = 'ticket'), false)
              ELSE coalesce(bool_and(x.status = 'ok'), false) END
  FROM sambapos.run_table AS x
  JOIN sambapos.replicated_table AS t ON t.site_id = place.site_id AND t.table_name = x.table_name
  WHERE x.run_id = _run_has_tickets.run_id;
$$;
COMMENT ON FUNCTION sambapos._run_has_tickets(bigint, sambapos.site) IS 'True if a run has read and merged the tickets';

-- A child, or the documents, that failed while the tickets went through would never be asked for
-- again by what changed: the next run reads them whole.
CREATE FUNCTION sambapos._run_remember_tables(run_id bigint, place sambapos.site) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.replicated_table AS t
     SET last_status = x.status, last_run_at = now(),
         last_success_at = CASE x.status WHEN 'ok' THEN now() ELSE t.last_success_at END,
         last_error = CASE x.status WHEN 'failed' THEN x.message WHEN 'ok' THEN NULL ELSE t.last_error END,
         last_sqlstate = CASE x.status WHEN 'failed' THEN x.sqlstate WHEN 'ok' THEN NULL ELSE t.last_sqlstate END,
         loaded_at = CASE x.status WHEN 'ok' THEN coalesce(t.loaded_at, now()) ELSE t.loaded_at END,
         source_max_id = CASE x.status WHEN 'ok' THEN p.highest ELSE t.source_max_id END,
         full_due = a.table_name IS NOT NULL
                    OR CASE x.status WHEN 'ok' THEN t.full_due AND x.mode <> 'full' ELSE t.full_due OR x.family_went_through END,
         rows_inserted = t.rows_inserted + x.rows_inserted, rows_updated = t.rows_updated + x.rows_updated,
         rows_gone = t.rows_gone + x.rows_gone
    FROM (SELECT x.*, EXISTS (SELECT FROM sambapos.run_table AS o
                              JOIN sambapos.replicated_table AS r ON r.site_id = place.site_id AND r.table_name = o.table_name
                              WHERE o.run_id = x.run_id AND o.status = 'ok' AND r.kind = 'ticket') AS family_went_through
          FROM sambapos.run_table AS x WHERE x.run_id = _run_remember_tables.run_id) AS x
    LEFT JOIN pg_temp.sambapos__probe AS p USING (table_name)
    LEFT JOIN pg_temp.sambapos__again AS a USING (table_name)
   WHERE t.site_id = place.site_id AND t.table_name = x.table_name;
END;
$$;
COMMENT ON FUNCTION sambapos._run_remember_tables(bigint, sambapos.site) IS 'Writes what a run leaves for each table';

-- The high-water mark moves when the tickets went through, or when there are none to wait for.
CREATE FUNCTION sambapos._run_remember_site(run_id bigint, place sambapos.site, failed bigint, first_failed sambapos.run_table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  this sambapos.run := (SELECT r FROM sambapos.run AS r WHERE r.run_id = _run_remember_site.run_id);
  refused boolean := coalesce(first_failed.sqlstate LIKE '28%', false);
BEGIN
  UPDATE sambapos.site AS s
     SET last_run_at = this.started_at,
         last_success_at = CASE WHEN failed = 0 THEN now() ELSE s.last_success_at END,
         last_error = CASE WHEN failed > 0 THEN this.message END,
         last_sqlstate = CASE WHEN failed > 0 THEN first_failed.sqlstate END,
         consecutive_failures = CASE WHEN failed = 0 THEN 0 ELSE s.consecutive_failures + 1 END,
         auth_failed = refused,
         requested_at = CASE WHEN s.requested_at > this.started_at THEN s.requested_at END,
         current_run = NULL
   WHERE s.site_id = place.site_id;
  UPDATE sambapos.site AS s
     SET next_due_at = sambapos._run_next_due(s, this.started_at)
   WHERE s.site_id = place.site_id;
  IF sambapos._run_has_tickets(run_id, place) THEN
    UPDATE sambapos.site AS s
       SET hw_utc = this.source_utc, last_probe = sambapos._probe_facts(),
           hw_offset_minutes = sambapos._source_offset(this.source_now, this.source_utc)
     WHERE s.site_id = place.site_id;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._run_remember_site(bigint, sambapos.site, bigint, sambapos.run_table) IS 'Writes what a run leaves for the site';

CREATE FUNCTION sambapos._run_end(run_id bigint, place sambapos.site) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  failed bigint;
  others bigint;
  first_failed sambapos.run_table;
BEGIN
  PERFORM sambapos._run_remember_tables(run_id, place);
  SELECT count(*) FILTER (WHERE x.status = 'failed'), count(*) FILTER (WHERE x.status <> 'failed') INTO failed, others
  FROM sambapos.run_table AS x WHERE x.run_id = _run_end.run_id;
  SELECT x.* INTO first_failed FROM sambapos.run_table AS x
   WHERE x.run_id = _run_end.run_id AND x.status = 'failed' ORDER BY x.sqlstate IS NULL, x.table_name LIMIT 1;
  UPDATE sambapos.run AS r
     SET ended_at = clock_timestamp(), phase = 'done', sqlstate = first_failed.sqlstate,
         status = CASE WHEN failed = 0 THEN 'ok' WHEN others = 0 THEN 'failed' ELSE 'partial' END,
         message = CASE WHEN sambapos._log_is_fatal(first_failed.sqlstate) THEN '' ELSE first_failed.table_name || ': ' END
                   || first_failed.message, epoch = s.epoch, version = s.version
    FROM sambapos.site AS s
   WHERE r.run_id = _run_end.run_id AND s.site_id = place.site_id;
  PERFORM sambapos._run_remember_site(run_id, place, failed, first_failed);
  DELETE FROM sambapos.run AS r
   WHERE r.site_id = place.site_id AND r.started_at < now() - place.run_log_retention AND r.run_id <> _run_end.run_id;
  PERFORM sambapos._workbench_close();
END;
$$;
COMMENT ON FUNCTION sambapos._run_end(bigint, sambapos.site) IS 'Writes the state that a run leaves, and its end in the log; purges old log lines';
