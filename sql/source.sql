-- source.sql: a run's first look at the source, before any row is read: its clock, its columns, what its
-- tables hold; and from that, which tables are read how.
--
-- Rules:
-- * A high-water mark is the source's clock, read in the remote transaction; never max(column).
-- * What is asked is plain documented T-SQL, a few questions for all tables together.
-- * What a run finds out is in temporary tables of its own: the workbench.

-- ---- the workbench: temporary tables of one run ----

CREATE FUNCTION sambapos._stage_name(table_name name) RETURNS name
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT ('sambapos__stage_' || table_name)::name; $$;
COMMENT ON FUNCTION sambapos._stage_name(name) IS 'The temporary table that a table''s rows are staged in';

-- probe: what the source says about each table. changed: roots whose children are read. source_id:
-- all ids of a root at the source, where they had to be asked for. gone: rows found to be gone. again:
-- tables the next run has to read whole.
CREATE FUNCTION sambapos._open_workbench() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._close_workbench();
  CREATE TEMPORARY TABLE sambapos__probe (
    table_name name PRIMARY KEY, rows bigint, lowest bigint, highest bigint, rows_after bigint,
    highest_after bigint, live_before bigint, listed boolean NOT NULL DEFAULT false);
  CREATE TEMPORARY TABLE sambapos__changed (table_name name, id bigint, PRIMARY KEY (table_name, id));
  CREATE TEMPORARY TABLE sambapos__source_id (table_name name, id bigint, PRIMARY KEY (table_name, id));
  CREATE TEMPORARY TABLE sambapos__gone (
    table_name name, epoch integer, id bigint, row_state text, PRIMARY KEY (table_name, epoch, id));
  CREATE TEMPORARY TABLE sambapos__again (table_name name PRIMARY KEY);
END;
$$;
COMMENT ON FUNCTION sambapos._open_workbench() IS 'Makes the temporary tables of a run';

CREATE FUNCTION sambapos._close_workbench() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation name;
BEGIN
  FOR relation IN
    SELECT c.relname FROM pg_class AS c
    WHERE c.relnamespace = pg_my_temp_schema() AND c.relkind = 'r' AND starts_with(c.relname, 'sambapos__')
  LOOP
    EXECUTE format('DROP TABLE pg_temp.%I', relation);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._close_workbench() IS 'Drops the temporary tables of a run';

-- Seen at once by others, before anything is committed.
CREATE FUNCTION sambapos._show_progress(site sambapos.site, phase text, table_name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM set_config('application_name', format('sambapos %s: %s %s', site.name, phase, table_name), true);
END;
$$;
COMMENT ON FUNCTION sambapos._show_progress(sambapos.site, text, name) IS 'Shows in pg_stat_activity what a run is doing';

-- ---- what a run says ----

-- The connection, its login or its transaction: without them nothing more can be read in this run,
-- and what was read before may not fit together.
CREATE FUNCTION sambapos._is_fatal(state text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT left(state, 2) IN ('08', '28', '25', '40', '53', '57', '58') OR state IN ('HV00N', '3D000'); $$;
COMMENT ON FUNCTION sambapos._is_fatal(text) IS 'True for errors after which a run can''t go on reading';

CREATE FUNCTION sambapos._table_failed(run_id bigint, table_name name, state text, message text, detail text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  UPDATE sambapos.run_table AS x
     SET status = 'failed', message = _table_failed.message, sqlstate = state, detail = nullif(_table_failed.detail, '')
   WHERE x.run_id = _table_failed.run_id AND x.status IN ('running', 'read')
     AND (x.table_name = _table_failed.table_name OR sambapos._is_fatal(state));
$$;
COMMENT ON FUNCTION sambapos._table_failed(bigint, name, text, text, text) IS 'Marks a table as failed, and all others of the run too if the connection is gone';

-- What else a run has to say about a table that went through.
CREATE FUNCTION sambapos._say(run_id bigint, table_name name, what text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  UPDATE sambapos.run_table AS x SET message = concat_ws('; ', x.message, what)
   WHERE (x.run_id, x.table_name) = (_say.run_id, _say.table_name)
     AND coalesce(position(what IN x.message), 0) = 0;
$$;
COMMENT ON FUNCTION sambapos._say(bigint, name, text) IS 'Adds to the message of a table''s line in the log';

-- ---- a first look at the source ----

CREATE FUNCTION sambapos._offset_minutes(local_now timestamp, utc_now timestamp) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT round(extract(epoch FROM local_now - utc_now) / 60)::integer; $$;
COMMENT ON FUNCTION sambapos._offset_minutes(timestamp, timestamp) IS 'The source''s offset from UTC in minutes';

-- The lower bound for stamps: the source's clock of the last complete read in its own local time, less
-- the overlap. The lesser of the two offsets, so that the hour which exists twice in autumn is read
-- twice; the lesser of the two clocks, for one that was set back.
CREATE FUNCTION sambapos._since(site sambapos.site, local_now timestamp, utc_now timestamp) RETURNS timestamp
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT least(site.hw_utc, CASE WHEN site.hw_utc IS NOT NULL THEN utc_now END) - site.overlap
         + make_interval(mins => least(site.hw_offset_minutes, sambapos._offset_minutes(local_now, utc_now)));
$$;
COMMENT ON FUNCTION sambapos._since(sambapos.site, timestamp, timestamp) IS 'From which stamp on, in the source''s local time, rows are read again; NULL before the first load';

CREATE FUNCTION sambapos._source_clock(site sambapos.site, OUT local_now timestamp, OUT utc_now timestamp)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT q.l, q.u
  FROM sambapos._query(site.server, 'SELECT GETDATE() AS l, GETUTCDATE() AS u') AS q (l timestamp, u timestamp);
$$;
COMMENT ON FUNCTION sambapos._source_clock(sambapos.site) IS 'The source''s clock';

CREATE FUNCTION sambapos._look_at_source(run_id bigint, site sambapos.site) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  clock record;
BEGIN
  PERFORM sambapos._end_remote_transaction(site.server);
  SELECT * INTO clock FROM sambapos._source_clock(site);
  UPDATE sambapos.run AS r
     SET source_now = clock.local_now, source_utc = clock.utc_now, phase = 'reading',
         since = sambapos._since(site, clock.local_now, clock.utc_now)
   WHERE r.run_id = _look_at_source.run_id;
  PERFORM sambapos._look_for_drift(run_id, site);
  PERFORM sambapos._probe(run_id, site);
  PERFORM sambapos._choose_modes(run_id, site);
END;
$$;
COMMENT ON FUNCTION sambapos._look_at_source(bigint, sambapos.site) IS 'Reads the source''s clock, columns, counts and id ranges';

-- One statement: rows, lowest and highest id of each root; highest id of each child; and the sum of
-- the numerators, which a clear sets to 0. Only tables whose first key column is Id have such numbers.
CREATE FUNCTION sambapos._probe_sql(run_id bigint, site sambapos.site, only_table name DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT string_agg(format('SELECT %s AS t, %s FROM %s.%s', sambapos._tsql_text(t.table_name), CASE
           WHEN t.table_name = 'numerators' THEN
             'CAST(NULL AS bigint) AS n, CAST(NULL AS bigint) AS lo, CAST(SUM(CAST(Number AS bigint)) AS bigint) AS hi'
           WHEN t.kind = 'child' THEN
             'CAST(NULL AS bigint) AS n, CAST(NULL AS bigint) AS lo, CAST(MAX(Id) AS bigint) AS hi'
           ELSE
             'COUNT_BIG(*) AS n, CAST(MIN(Id) AS bigint) AS lo, CAST(MAX(Id) AS bigint) AS hi'
         END, sambapos._bracket(t.source_schema), sambapos._bracket(t.source_name)), ' UNION ALL ' ORDER BY t.table_name)
  FROM sambapos.run_table AS x
  JOIN sambapos.replicated_table AS t ON t.site_id = site.site_id AND t.table_name = x.table_name
  WHERE x.run_id = _probe_sql.run_id AND x.status IN ('running', 'read')
    AND (t.kind <> 'master' OR t.table_name = 'numerators')
    AND (only_table IS NULL OR t.table_name = only_table);
$$;
COMMENT ON FUNCTION sambapos._probe_sql(bigint, sambapos.site, name) IS 'The T-SQL that counts what the roots and children of a run hold';

CREATE FUNCTION sambapos._probe(run_id bigint, site sambapos.site) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  root name;
BEGIN
  PERFORM sambapos._ask_probe(run_id, site);
  FOR root IN
    SELECT t.table_name FROM sambapos.replicated_table AS t JOIN pg_temp.sambapos__probe AS p USING (table_name)
    WHERE t.site_id = site.site_id AND t.kind IN ('ticket', 'document', 'period')
  LOOP
    EXECUTE format('UPDATE pg_temp.sambapos__probe SET live_before =
                      (SELECT count(*) FROM sambapos_replica.%I WHERE site_id = $1 AND row_state = ''live'')
                    WHERE table_name = %L', root, root) USING site.site_id;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._probe(bigint, sambapos.site) IS 'Counts what the source''s roots hold, and the replica''s';

-- All tables in one question; if one of them can't be asked, one by one, so that only that one fails.
CREATE FUNCTION sambapos._ask_probe(run_id bigint, site sambapos.site) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  table_name name;
  state text;
  message text;
BEGIN
  BEGIN
    PERFORM sambapos._ask_probe_of(run_id, site, NULL);
    RETURN;
  EXCEPTION WHEN OTHERS THEN
    IF sambapos._is_fatal(SQLSTATE) THEN
      RAISE;
    END IF;
  END;
  FOR table_name IN SELECT x.table_name FROM sambapos.run_table AS x WHERE x.run_id = _ask_probe.run_id LOOP
    BEGIN
      PERFORM sambapos._ask_probe_of(run_id, site, table_name);
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
      PERFORM sambapos._table_failed(run_id, table_name, state, message, NULL);
    END;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._ask_probe(bigint, sambapos.site) IS 'Asks the source for counts and id ranges';

CREATE FUNCTION sambapos._ask_probe_of(run_id bigint, site sambapos.site, only_table name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  question text := sambapos._probe_sql(run_id, site, only_table);
BEGIN
  IF question IS NOT NULL THEN
    INSERT INTO pg_temp.sambapos__probe AS p (table_name, rows, lowest, highest)
    SELECT q.t::name, q.n, q.lo, q.hi
    FROM sambapos._query(site.server, question) AS q (t text, n bigint, lo bigint, hi bigint)
    ON CONFLICT (table_name) DO UPDATE SET rows_after = excluded.rows, highest_after = excluded.highest;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._ask_probe_of(bigint, sambapos.site, name) IS 'Asks for the counts of one table or all; asked again, the answer is kept beside the first one';

-- ---- which tables, and how ----

-- Tables that have to be read together: tickets, account documents and all their children are one
-- story; any other root goes with its children; a master is alone.
CREATE FUNCTION sambapos._family(t sambapos.replicated_table) RETURNS name
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN root IN ('tickets', 'account_transaction_documents') THEN 'tickets' ELSE root END
  FROM (SELECT coalesce(t.parent, t.table_name) AS root) AS r;
$$;
COMMENT ON FUNCTION sambapos._family(sambapos.replicated_table) IS 'The name of the group of tables that one run reads together';

-- A line in the log for each table of the run, with what is known before the source is asked.
CREATE FUNCTION sambapos._plan_tables(run_id bigint, site sambapos.site, tables text[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  INSERT INTO sambapos.run_table (run_id, table_name, mode, status, message)
  SELECT _plan_tables.run_id, t.table_name, 'none',
         CASE WHEN t.paused_reason IS NULL THEN 'running' ELSE 'paused' END, t.paused_reason
  FROM sambapos.replicated_table AS t
  WHERE t.site_id = site.site_id AND t.enabled
    AND sambapos._family(t) IN (SELECT sambapos._family(asked) FROM sambapos._replicated_tables(site.site_id, tables) AS asked);
$$;
COMMENT ON FUNCTION sambapos._plan_tables(bigint, sambapos.site, text[]) IS 'Enters a run''s tables in the log; naming one member of a family means all of it';

-- Before the first write a run asks whether all of a family may be written to: what is gone is marked in the
-- children of a root too, read in this run or not. So one table's trouble is its family's.
CREATE FUNCTION sambapos._refuse_tables(run_id bigint, site sambapos.site) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  refused record;
BEGIN
  PERFORM sambapos._note_code_of_others(site.site_id);
  FOR refused IN
    SELECT t.table_name, sambapos._family(t) AS family, p.problem
    FROM sambapos.replicated_table AS t CROSS JOIN LATERAL (SELECT sambapos._table_problem(site, t) AS problem) AS p
    WHERE t.site_id = site.site_id AND p.problem IS NOT NULL ORDER BY t.table_name
  LOOP
    UPDATE sambapos.run_table AS x
       SET status = 'failed', sqlstate = CASE x.table_name WHEN refused.table_name THEN '55000' END,
           message = CASE x.table_name WHEN refused.table_name THEN refused.problem
                     ELSE format('not synced without table %s, which is refused', refused.table_name) END
      FROM sambapos.replicated_table AS t
     WHERE x.run_id = _refuse_tables.run_id AND x.status IN ('running', 'read')
       AND t.site_id = site.site_id AND t.table_name = x.table_name AND sambapos._family(t) = refused.family;
  END LOOP;
  PERFORM sambapos._say(_refuse_tables.run_id, t.table_name, 'runs with the rights of this sync: ' || t.code_of_others)
  FROM sambapos.replicated_table AS t
  WHERE t.site_id = site.site_id AND t.code_of_others IS NOT NULL AND sambapos._table_problem(site, t) IS NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._refuse_tables(bigint, sambapos.site) IS 'Fails those tables of a run that belong to others, or, while a superuser runs, that carry code of others; reports that code otherwise';

CREATE FUNCTION sambapos._has_root(t sambapos.replicated_table) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (SELECT FROM sambapos.replicated_table AS r
                 WHERE r.site_id = t.site_id AND r.table_name = t.parent AND r.enabled);
$$;
COMMENT ON FUNCTION sambapos._has_root(sambapos.replicated_table) IS 'True for a child whose root is copied too';

-- A root is read whole when that is asked for or due, or when its highest id has fallen: then ids may
-- have been used again below what is known. Its family follows. A child may be due alone; one whose
-- root isn't copied is always read whole.
CREATE FUNCTION sambapos._read_whole(run_mode text, t sambapos.replicated_table, highest bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT run_mode = 'full' OR t.kind = 'master' OR t.loaded_at IS NULL OR (t.full_due AND run_mode = 'auto')
      OR (t.kind <> 'child' AND t.source_max_id > coalesce(highest, 0))
      OR (t.kind = 'child' AND NOT sambapos._has_root(t));
$$;
COMMENT ON FUNCTION sambapos._read_whole(text, sambapos.replicated_table, bigint) IS 'True if a table has to be read whole';

CREATE FUNCTION sambapos._choose_modes(run_id bigint, site sambapos.site) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  run_mode text := (SELECT r.mode FROM sambapos.run AS r WHERE r.run_id = _choose_modes.run_id);
BEGIN
  WITH due AS (
    SELECT t.table_name, t.kind, sambapos._family(t) AS family, sambapos._read_whole(run_mode, t, p.highest) AS whole
    FROM sambapos.replicated_table AS t LEFT JOIN pg_temp.sambapos__probe AS p USING (table_name)
    WHERE t.site_id = site.site_id AND t.enabled
  )
  UPDATE sambapos.run_table AS x
     SET mode = CASE WHEN d.whole OR EXISTS (SELECT FROM due AS o
                                             WHERE o.family = d.family AND o.whole AND o.kind NOT IN ('child', 'master'))
                     THEN 'full' ELSE 'incremental' END
    FROM due AS d
   WHERE x.run_id = _choose_modes.run_id AND x.table_name = d.table_name AND x.status = 'running';
  UPDATE sambapos.run_table AS x SET mode = 'none', status = s.status, message = s.message
    FROM sambapos.replicated_table AS t
    LEFT JOIN sambapos.replicated_table AS root
           ON root.site_id = t.site_id AND root.table_name = t.parent AND root.enabled
    CROSS JOIN LATERAL (
      SELECT 'paused' AS status, t.paused_reason AS message WHERE t.paused_reason IS NOT NULL
      UNION ALL SELECT 'skipped', format('its root %s is paused', t.parent) WHERE root.paused_reason IS NOT NULL
      UNION ALL SELECT 'skipped', 'was never loaded: use mode auto or full' WHERE run_mode = 'incremental' AND t.loaded_at IS NULL
      LIMIT 1) AS s
   WHERE x.run_id = _choose_modes.run_id AND t.site_id = site.site_id AND t.table_name = x.table_name
     AND x.status = 'running';
END;
$$;
COMMENT ON FUNCTION sambapos._choose_modes(bigint, sambapos.site) IS 'Decides for each table of a run between incremental and full, and which are left out';
