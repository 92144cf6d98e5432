-- plan.sql: which tables a run has, which of them are read whole, and which are refused.

CREATE FUNCTION sambapos._table_has_root(t sambapos._table) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT EXISTS (SELECT FROM sambapos._table AS r
                   WHERE r.site_id = t.site_id AND r.table_name = t.parent AND r.enabled));
END;
$$;
COMMENT ON FUNCTION sambapos._table_has_root(sambapos._table) IS 'True for a child whose root is copied too';

-- Whoever marks or asks the children of a root asks these. A disabled or paused one is among them: its rows share the
-- fate of their root. One that somebody has dropped is not: its trouble is its own.
CREATE FUNCTION sambapos._root_tables(place sambapos._place, root name) RETURNS SETOF sambapos._table
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT k.* FROM sambapos._table AS k
  WHERE k.site_id = place.site_id AND k.parent = root AND sambapos._replica_table(k.table_name) IS NOT NULL;
$$;
COMMENT ON FUNCTION sambapos._root_tables(sambapos._place, name) IS
  'The child tables of a root that have a replica table here, read in this run or not';

-- A family is due when one of its tables is; what failed, or is to be read whole, does not wait. A tenth of the
-- interval, a minute at most, does not count: a scheduler's run of today may be a little earlier than yesterday's.
CREATE FUNCTION sambapos._table_due_at(t sambapos._table) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  due_at timestamptz;
BEGIN
  IF t.sync_interval IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT min(k.read_began_at) + t.sync_interval INTO due_at
  FROM sambapos._table AS k
  LEFT JOIN sambapos._table AS root ON root.site_id = k.site_id AND root.table_name = k.parent AND root.enabled
  WHERE k.site_id = t.site_id AND k.enabled AND k.paused_reason IS NULL AND root.paused_reason IS NULL
    AND sambapos._table_family(k) = sambapos._table_family(t)
  HAVING NOT bool_or(k.full_due OR k.read_began_at IS NULL OR k.last_status = 'failed');
  RETURN CASE WHEN due_at > clock_timestamp() + least(t.sync_interval / 10, interval '1 minute') THEN due_at END;
END;
$$;
COMMENT ON FUNCTION sambapos._table_due_at(sambapos._table) IS
  'Until when a table''s sync_interval keeps scheduled runs from reading it; NULL: the next one does';

CREATE FUNCTION sambapos._table_is_read(place sambapos._place, table_name name) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM sambapos._table AS t
                 WHERE (t.site_id, t.table_name) = (place.site_id, _table_is_read.table_name)
                   AND t.enabled AND t.paused_reason IS NULL
                   AND (t.sync_interval IS NULL OR sambapos._table_due_at(t) IS NULL));
END;
$$;
COMMENT ON FUNCTION sambapos._table_is_read(sambapos._place, name) IS
  'True if the next scheduled run of a site reads a table; what is known of another one grows old';

CREATE FUNCTION sambapos._site_is_due(place sambapos._place) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN place.requested_at IS NOT NULL
      OR (NOT place.auth_failed AND coalesce(place.next_due_at, '-infinity') <= clock_timestamp()
          AND (place.blackout IS NULL
               OR coalesce(NOT sambapos._hours_contain(place.blackout, sambapos._site_clock(place)), true)));
END;
$$;
COMMENT ON FUNCTION sambapos._site_is_due(sambapos._place) IS 'True if a scheduled run of a site should start now';

-- Whoever looks now and then (the worker, pg_cron's job) has asked the source already.
CREATE FUNCTION sambapos._run_was_foreseen(run_id bigint, place sambapos._place) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN place.schedule IS NULL AND NOT sambapos._site_is_due(place)
     AND EXISTS (SELECT FROM sambapos.run AS r WHERE r.run_id = _run_was_foreseen.run_id AND r.trigger = 'schedule');
END;
$$;
COMMENT ON FUNCTION sambapos._run_was_foreseen(bigint, sambapos._place) IS
  'True for a scheduled run of a site that is not due: it has begun because the source has changed';

-- Until when a run that was foreseen leaves a master alone: while the till is busy there is one every second or two, and
-- to add up all menus and customers is the most that it asks the till for. Not so where an interval was set for it, and
-- numerators are a sign for the tickets; what change tracking follows costs the till nothing.
CREATE FUNCTION sambapos._master_rests_until(t sambapos._table) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN CASE WHEN t.kind = 'master' AND t.table_name <> 'numerators' AND t.sync_interval IS NULL
                   AND t.last_status = 'ok' AND NOT t.full_due AND t.tracked_version IS NULL
                   AND t.read_began_at BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp()
              THEN t.read_began_at + interval '1 minute' END;
END;
$$;
COMMENT ON FUNCTION sambapos._master_rests_until(sambapos._table) IS
  'A minute after a master was last read; NULL: that is over, or the master is to be read in any case';

-- By hand, and when a sync was asked for, everything is read.
CREATE FUNCTION sambapos._run_families_due(run_id bigint, place sambapos._place)
RETURNS TABLE (family name, due_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  IF EXISTS (SELECT FROM sambapos.run AS r WHERE r.run_id = _run_families_due.run_id AND r.trigger = 'schedule')
     AND NOT EXISTS (SELECT FROM sambapos.request AS q WHERE q.run_id = _run_families_due.run_id) THEN
    RETURN QUERY
      WITH due AS (
        SELECT f.family, sambapos._table_due_at(f.t) AS due_at
        FROM (SELECT DISTINCT ON (1) sambapos._table_family(t) AS family, t FROM sambapos._table AS t
              WHERE t.site_id = place.site_id AND t.sync_interval IS NOT NULL ORDER BY 1) AS f
        UNION ALL
        SELECT sambapos._table_family(t), sambapos._master_rests_until(t) FROM sambapos._table AS t
        WHERE t.site_id = place.site_id AND sambapos._run_was_foreseen(run_id, place))
      SELECT d.family, max(d.due_at) FROM due AS d GROUP BY d.family;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._run_families_due(bigint, sambapos._place) IS
  'The families of tables that a scheduled run leaves alone, and until when';

-- A line in the log for each table of the run, with what is known before the source is asked.
CREATE FUNCTION sambapos._run_plan_tables(run_id bigint, place sambapos._place, tables text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  this sambapos.run;
  is_chunk boolean;
  named text[]; -- NULL: no table was, so that it is all
  families text[];
  rests jsonb;
BEGIN
  SELECT * INTO STRICT this FROM sambapos.run AS r WHERE r.run_id = _run_plan_tables.run_id;
  is_chunk := this.mode = 'backfill';
  IF this.trigger = 'schedule' THEN
    rests := (SELECT jsonb_object_agg(d.family, d.due_at)
              FROM sambapos._run_families_due(_run_plan_tables.run_id, place) AS d WHERE d.due_at IS NOT NULL);
  END IF;
  IF tables IS NOT NULL THEN
    SELECT coalesce(array_agg(n.table_name), '{}'), coalesce(array_agg(sambapos._table_family(n)), '{}')
      INTO named, families FROM sambapos._tables_replicated(place.site_id, tables) AS n;
  END IF;
  INSERT INTO sambapos.run_table (run_id, table_name, reread_at, mode, status, message, due_at)
  SELECT _run_plan_tables.run_id, t.table_name, t.reread_at, 'none', s.status, s.message,
         CASE s.status WHEN 'skipped' THEN d.due_at END
  FROM sambapos._table AS t
  CROSS JOIN LATERAL (
    SELECT CASE WHEN rests IS NOT NULL THEN (rests ->> sambapos._table_family(t))::timestamptz END AS due_at) AS d
  CROSS JOIN LATERAL (
    SELECT 'paused' AS status,
           format('the table is disabled: SELECT sambapos_configure(%L, ''enabled'', ''true'', %L) enables it',
                  place.name, t.table_name) AS message WHERE NOT t.enabled
    UNION ALL SELECT 'paused', t.paused_reason WHERE t.paused_reason IS NOT NULL
    UNION ALL SELECT 'skipped', format('not due before %s: it is read each %s', date_trunc('second', d.due_at),
                                       coalesce(t.sync_interval, interval '1 minute')) WHERE d.due_at IS NOT NULL
    UNION ALL SELECT 'running', NULL
    LIMIT 1) AS s
  WHERE t.site_id = place.site_id AND (t.enabled OR t.table_name = ANY (named))
    AND (families IS NULL OR sambapos._table_family(t) = ANY (families))
    AND (NOT is_chunk OR coalesce(t.parent, t.table_name) = tables[1]);
END;
$$;
COMMENT ON FUNCTION sambapos._run_plan_tables(bigint, sambapos._place, text[]) IS
  'Enters a run''s tables in the log; naming one member of a family means all of it, but for a chunk, which has one '
  'root';

-- Of tables whose family has no part in the run nothing is asked: it costs more than all else that a chunk does. Nor
-- of those that the run, as it knows by now, need not read: nothing is written to them.
CREATE FUNCTION sambapos._run_family_tables(run_id bigint, place sambapos._place) RETURNS SETOF sambapos._table
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  families name[] := ARRAY(SELECT DISTINCT sambapos._table_family(r) FROM sambapos.run_table AS x
                           JOIN sambapos._table AS r ON r.site_id = place.site_id AND r.table_name = x.table_name
                           WHERE x.run_id = _run_family_tables.run_id AND NOT (x.status = 'read' AND x.mode = 'none'));
BEGIN
  RETURN QUERY SELECT t.* FROM sambapos._table AS t
                WHERE t.site_id = place.site_id AND sambapos._table_family(t) = ANY (families);
END;
$$;
COMMENT ON FUNCTION sambapos._run_family_tables(bigint, sambapos._place) IS
  'The tables of a site that a run reads, and those that belong together with one of them';

-- What somebody has dropped fails alone, and with a root its children, since they are not read without it.
CREATE FUNCTION sambapos._run_fail_missing(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT sambapos._log_failure(_run_fail_missing.run_id, t.table_name, '42P01', m.problem, NULL)
  FROM sambapos._run_family_tables(_run_fail_missing.run_id, place) AS t
  CROSS JOIN LATERAL (SELECT sambapos._table_missing(place, t) AS problem) AS m
  WHERE m.problem IS NOT NULL;
$$;
COMMENT ON FUNCTION sambapos._run_fail_missing(bigint, sambapos._place) IS
  'Fails those tables of a run that have been dropped here';

-- Before the first write a run asks whether all of a family may be written to: what is gone is marked in the
-- children of a root too, read in this run or not. So one table's trouble is its family's.
CREATE FUNCTION sambapos._run_refuse_tables(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  refused record;
BEGIN
  PERFORM sambapos._site_note_code_of_others(place.site_id); -- what the status shows, and what decides here
  PERFORM sambapos._run_fail_missing(run_id, place);
  FOR refused IN
    SELECT t.table_name, sambapos._table_family(t) AS family, p.problem
    FROM sambapos._run_family_tables(_run_refuse_tables.run_id, place) AS t
    CROSS JOIN LATERAL (SELECT coalesce(sambapos._table_owner_problem(place, t),
                                        sambapos._code_superuser_problem(t.code_of_others)) AS problem) AS p
    WHERE p.problem IS NOT NULL ORDER BY t.table_name
  LOOP
    UPDATE sambapos.run_table AS x
       SET status = 'failed', sqlstate = CASE x.table_name WHEN refused.table_name THEN '55000' END,
           message = CASE x.table_name WHEN refused.table_name THEN refused.problem
                     ELSE format('not synced without table %s, which is refused', refused.table_name) END
      FROM sambapos._table AS t
     WHERE x.run_id = _run_refuse_tables.run_id AND x.status IN ('running', 'read')
       AND t.site_id = place.site_id AND t.table_name = x.table_name AND sambapos._table_family(t) = refused.family;
  END LOOP;
  PERFORM sambapos._log_message(_run_refuse_tables.run_id, t.table_name,
                               'runs with the rights of this sync: ' || t.code_of_others)
  FROM sambapos._table AS t
  WHERE t.site_id = place.site_id AND t.code_of_others IS NOT NULL
    AND sambapos._table_owner_problem(place, t) IS NULL
    AND sambapos._code_superuser_problem(t.code_of_others) IS NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._run_refuse_tables(bigint, sambapos._place) IS
  'Fails those tables of a run that were dropped, that belong to others, or, while a superuser runs, that carry code '
  'of others; reports that code otherwise';

-- A root is read whole when that is asked for or due, or when its highest id has fallen: then ids may
-- have been used again below what is known. Its family follows. A child may be due alone; one whose
-- root is not copied is always read whole.
CREATE FUNCTION sambapos._table_is_read_whole(run_mode text, t sambapos._table, highest bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT run_mode <> 'backfill' AND (run_mode = 'full' OR t.kind = 'master' OR t.loaded_at IS NULL
                                     OR (t.full_due AND run_mode = 'auto')
      OR (t.kind <> 'child' AND t.source_max_id > coalesce(highest, 0))
      OR (t.kind = 'child' AND NOT sambapos._table_has_root(t)));
$$;
COMMENT ON FUNCTION sambapos._table_is_read_whole(text, sambapos._table, bigint) IS
  'True if a table has to be read whole';

CREATE FUNCTION sambapos._run_choose_modes(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  run_mode text := (SELECT r.mode FROM sambapos.run AS r WHERE r.run_id = _run_choose_modes.run_id);
BEGIN
  WITH due AS (
    SELECT t.table_name, t.kind, sambapos._table_family(t) AS family,
           sambapos._table_is_read_whole(run_mode, t, p.highest) AS whole
    FROM sambapos._table AS t LEFT JOIN pg_temp.sambapos__probe AS p USING (table_name)
    WHERE t.site_id = place.site_id AND t.enabled
  )
  UPDATE sambapos.run_table AS x
     SET mode = CASE WHEN d.whole OR EXISTS (SELECT FROM due AS o
                                             WHERE o.family = d.family AND o.whole
                                               AND o.kind NOT IN ('child', 'master'))
                     THEN 'full' WHEN run_mode = 'backfill' THEN 'range' ELSE 'incremental' END
    FROM due AS d
   WHERE x.run_id = _run_choose_modes.run_id AND x.table_name = d.table_name AND x.status = 'running';
  UPDATE sambapos.run_table AS x SET mode = 'none', status = s.status, message = s.message
    FROM sambapos._table AS t
    LEFT JOIN sambapos._table AS root
           ON root.site_id = t.site_id AND root.table_name = t.parent AND root.enabled
    CROSS JOIN LATERAL (
      SELECT 'paused' AS status, t.paused_reason AS message WHERE t.paused_reason IS NOT NULL
      UNION ALL SELECT 'skipped', format('its root %s is paused', t.parent) WHERE root.paused_reason IS NOT NULL
      UNION ALL SELECT 'skipped', 'was never loaded: use mode auto or full'
                WHERE run_mode = 'incremental' AND t.loaded_at IS NULL
      LIMIT 1) AS s
   WHERE x.run_id = _run_choose_modes.run_id AND t.site_id = place.site_id AND t.table_name = x.table_name
     AND x.status = 'running';
END;
$$;
COMMENT ON FUNCTION sambapos._run_choose_modes(bigint, sambapos._place) IS
  'Decides for each table of a run between incremental and full, and which are left out';

CREATE FUNCTION sambapos._period_open_since(place sambapos._place) RETURNS timestamp
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  start timestamp;
BEGIN
  IF sambapos._replica_table('work_periods') IS NOT NULL THEN
    EXECUTE 'SELECT max(start_date) FROM sambapos_replica.work_periods
              WHERE site_id = $1 AND row_state = ''live'' AND end_date = start_date' INTO start USING place.site_id;
  END IF;
  RETURN start;
END;
$$;
COMMENT ON FUNCTION sambapos._period_open_since(sambapos._place) IS
  'When the open work period began, as far as the replica knows; NULL if none is open';
