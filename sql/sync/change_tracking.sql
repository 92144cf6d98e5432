-- change_tracking.sql: which rows have changed, as SQL Server itself says it, where the shop has switched its change
-- tracking on. It decides nothing but which keys a run reads; what is read is staged, judged and merged as always.
--
-- Rules:
-- * A family of tables goes by it when all of its tables that a run reads are tracked, the login may see it, and what
--   is remembered is valid for each. Otherwise the run goes by stamps, ids and comparing, and says why.
-- * What is remembered is the version before the first row was read, in the remote transaction. Changes that come while
--   a run reads are named once more by the next one.
-- * A version is trusted only if it is greater than the least valid one. A table that was truncated, or switched off
--   and on again, begins anew at the present version (neither takes one), so equality proves nothing.
-- * Where versions were lost (cleaned up, restored, begun anew) the family is read whole: so SQL Server wants it. Where
--   tracking is off, or the login may not see it, nothing more is promised than without it.
-- * Many changes are read as a whole table: a clear names every row.

-- ---- what the source says of itself ----

-- While the answer stays what it was, nothing has changed in any table that is tracked, none was truncated, switched
-- off, or begun anew, and nothing was cleaned up. It reads no user table and needs no right but to see that the tables
-- are there. Version 0 and no table give an answer too.
CREATE FUNCTION sambapos._tracking_state_sql() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT '(SELECT CONCAT(CHANGE_TRACKING_CURRENT_VERSION(), N'' '', COUNT_BIG(*), N'' '', '
         'SUM(CAST(c.object_id AS bigint)), N'' '', SUM(c.begin_version), N'' '', SUM(c.min_valid_version)) '
         'FROM sys.change_tracking_tables AS c)';
$$;
COMMENT ON FUNCTION sambapos._tracking_state_sql() IS
  'A T-SQL scalar of text: what change tracking stands at, of all tables together; another one when anything has '
  'changed';

-- Not known (NULL): a table is not tracked, or something waits for a run; then this says nothing, and the probe is one
-- by other means.
CREATE FUNCTION sambapos._tracking_state(place sambapos._place) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN CASE WHEN place.change_tracking = 'auto' THEN place.tracked_state END;
END;
$$;
COMMENT ON FUNCTION sambapos._tracking_state(sambapos._place) IS
  'What change tracking stood at when the last run ended and nothing waited here; NULL: it can not tell';

CREATE FUNCTION sambapos._tracking_idle(place sambapos._place, OUT question text, OUT answer text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  answer := sambapos._tracking_state(place);
  question := CASE WHEN answer IS NOT NULL THEN sambapos._tracking_state_sql() END;
END;
$$;
COMMENT ON FUNCTION sambapos._tracking_idle(sambapos._place) IS
  'For the probe of an idle site: a T-SQL scalar of text, and the answer that means that nothing has changed at the '
  'source since the last run and that nothing waits here; both NULL: change tracking can not tell. Masters are read '
  'whole once a night all the same, and comparisons have their own interval';

-- One question where tracking is off, two where it is on. NULL: off, or a server that knows no change tracking.
CREATE FUNCTION sambapos._tracking_look(place sambapos._place) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  look jsonb;
BEGIN
  SELECT jsonb_build_object('version', q.v, 'fork', q.f, 'state', q.s) INTO look
  FROM sambapos._query(place.server,
    'SELECT CHANGE_TRACKING_CURRENT_VERSION() AS v, '
    '(SELECT CAST(r.recovery_fork_guid AS nvarchar(36)) FROM sys.database_recovery_status AS r '
    'WHERE r.database_id = DB_ID()) AS f, ' || sambapos._tracking_state_sql() || ' AS s')
    AS q (v bigint, f text, s text);
  IF look ->> 'version' IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN look || jsonb_build_object('tables', (
    SELECT coalesce(jsonb_agg(jsonb_build_object('schema', q.s, 'name', q.t, 'least', greatest(q.m, q.b),
                                                 'may', q.m IS NOT NULL AND q.r = 1)), '[]')
    FROM sambapos._query(place.server,
      'SELECT s.name AS s, t.name AS t, CHANGE_TRACKING_MIN_VALID_VERSION(c.object_id) AS m, c.begin_version AS b, '
      'HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N''.'' + QUOTENAME(t.name), N''OBJECT'', N''VIEW CHANGE TRACKING'') AS r '
      'FROM sys.change_tracking_tables AS c JOIN sys.tables AS t ON t.object_id = c.object_id '
      'JOIN sys.schemas AS s ON s.schema_id = t.schema_id')
      AS q (s text, t text, m bigint, b bigint, r integer)));
EXCEPTION WHEN OTHERS THEN
  IF sambapos._log_is_fatal(SQLSTATE) THEN
    RAISE;
  END IF;
  PERFORM sambapos._end_remote_transaction(place.server);
  RETURN NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._tracking_look(sambapos._place) IS
  'The source''s change tracking: present version, recovery fork, and of each table the least valid version and '
  'whether the login may see its changes; NULL: it is off';

-- ---- which families go by it ----

-- Of a table: tracked (it can be followed), a problem in words, and since which version it can be asked. lost: what is
-- remembered is no longer valid.
CREATE FUNCTION sambapos._tracking_judge(place sambapos._place, look jsonb, t sambapos._table,
  OUT tracked boolean, OUT since bigint, OUT least_valid bigint, OUT lost boolean, OUT problem text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  k jsonb := (SELECT e FROM jsonb_array_elements(look -> 'tables') AS e
              WHERE (e ->> 'schema', e ->> 'name') = (t.source_schema, t.source_name));
BEGIN
  least_valid := (k ->> 'least')::bigint;
  problem := CASE WHEN look IS NULL THEN 'off at the source'
                  WHEN k IS NULL THEN 'not switched on for this table'
                  WHEN NOT (k ->> 'may')::boolean THEN 'the login may not see it (VIEW CHANGE TRACKING)' END;
  tracked := problem IS NULL;
  lost := false;
  IF NOT tracked OR t.tracked_version IS NULL THEN
    RETURN;
  END IF;
  problem := CASE
    WHEN (look ->> 'version')::bigint < t.tracked_version
      OR look ->> 'fork' <> place.tracked_fork THEN 'a backup was restored'
    WHEN t.tracked_version < least_valid THEN 'what is remembered is too old'
    WHEN t.tracked_version = least_valid AND t.tracked_least < least_valid THEN 'it has begun anew' END;
  lost := problem IS NOT NULL;
  IF NOT lost AND t.tracked_version > least_valid THEN
    since := t.tracked_version;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._tracking_judge(sambapos._place, jsonb, sambapos._table) IS
  'Whether change tracking can say what has changed in a table since it was last read, or why not';

-- What is lost is read whole, the family with it.
CREATE FUNCTION sambapos._tracking_lose(run_id bigint, place sambapos._place, families name[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  UPDATE sambapos.table_state AS s SET full_due = true FROM sambapos._table AS t
   WHERE (s.site_id, s.table_name) = (t.site_id, t.table_name) AND t.site_id = place.site_id
     AND sambapos._table_family(t) = ANY (families);
  UPDATE sambapos.run_table AS x SET tracked_from = NULL FROM sambapos._table AS t
   WHERE x.run_id = _tracking_lose.run_id AND (t.site_id, t.table_name) = (place.site_id, x.table_name)
     AND sambapos._table_family(t) = ANY (families);
$$;
COMMENT ON FUNCTION sambapos._tracking_lose(bigint, sambapos._place, name[]) IS
  'Has families of tables read whole because versions were lost';

-- Enters for each table of the run since which version it is asked for (tracked_from) and which one is remembered
-- (tracked_to), both NULL for a family that is not tracked as a whole.
CREATE FUNCTION sambapos._tracking_plan(run_id bigint, place sambapos._place, look jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  lost name[];
BEGIN
  WITH judged AS (
    SELECT t.table_name, sambapos._table_family(t) AS family, j.*
    FROM sambapos.run_table AS x
    JOIN sambapos._table AS t ON t.site_id = place.site_id AND t.table_name = x.table_name
    CROSS JOIN LATERAL sambapos._tracking_judge(place, look, t) AS j
    WHERE x.run_id = _tracking_plan.run_id AND x.status = 'running'
  ), family AS (
    SELECT j.family, bool_and(j.tracked) AS tracked, bool_and(j.since IS NOT NULL) AS usable,
           min(j.table_name) FILTER (WHERE NOT j.tracked) AS missing
    FROM judged AS j GROUP BY j.family
  ), entered AS (
    UPDATE sambapos.run_table AS x
       SET tracked_to = CASE WHEN f.tracked THEN (look ->> 'version')::bigint END,
           tracked_from = CASE WHEN f.usable THEN j.since END, tracked_least = j.least_valid, tracked_keys = NULL,
           tracking_problem = coalesce(j.problem, CASE WHEN NOT f.tracked
             THEN format('not used without table %s, which is read with this one', f.missing) END)
      FROM judged AS j JOIN family AS f USING (family)
     WHERE x.run_id = _tracking_plan.run_id AND x.table_name = j.table_name
    RETURNING j.family, j.lost AND f.tracked AS lost
  )
  SELECT array_agg(DISTINCT e.family) FILTER (WHERE e.lost) INTO lost FROM entered AS e;
  IF look ->> 'fork' <> place.tracked_fork
     OR EXISTS (SELECT FROM sambapos._table AS t
                WHERE t.site_id = place.site_id AND t.tracked_version > (look ->> 'version')::bigint)
  THEN -- restored: tables that this run does not have are lost too
    lost := ARRAY(SELECT DISTINCT sambapos._table_family(t) FROM sambapos._table AS t
                  WHERE t.site_id = place.site_id AND t.tracked_version IS NOT NULL);
  END IF;
  PERFORM sambapos._log_message(_tracking_plan.run_id, t.table_name, 'change tracking: ' || x.tracking_problem
            || CASE WHEN sambapos._table_family(t) = ANY (lost) THEN '; the table is read whole' ELSE '' END)
  FROM sambapos.run_table AS x JOIN sambapos._table AS t ON (t.site_id, t.table_name) = (place.site_id, x.table_name)
  WHERE x.run_id = _tracking_plan.run_id AND x.status = 'running' AND x.tracking_problem IS NOT NULL
    AND t.tracked_version IS NOT NULL;
  PERFORM sambapos._tracking_lose(run_id, place, lost) WHERE lost IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._tracking_plan(bigint, sambapos._place, jsonb) IS
  'Decides for each family of tables of a run whether it goes by change tracking';

-- ---- what has changed ----

CREATE FUNCTION sambapos._tracking_column(place sambapos._place, t sambapos._table, column_name name,
                                          OUT source_name text, OUT is_key boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT sambapos._tsql_name(c.source_name), c.is_key
  FROM sambapos._table_columns(place, t) AS c WHERE c.column_name = _tracking_column.column_name;
$$;
COMMENT ON FUNCTION sambapos._tracking_column(sambapos._place, sambapos._table, name) IS
  'A column as T-SQL names it, and whether it is part of the key';

-- The roots of what has changed, and the ids of masters. Of a table without a number it only counts whether anything
-- has changed. A child's root is in its key; where it is not, it is the one that the row has now, and the one that the
-- replica knows (_tracking_name_roots): of a deleted row only that.
CREATE FUNCTION sambapos._tracking_changes_sql(place sambapos._place, t sambapos._table, since bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format(CASE
    WHEN t.kind IN ('ticket', 'document', 'period') THEN
      'SELECT %1$s AS t, CAST(c.%3$s AS bigint) AS r, CAST(NULL AS bigint) AS k FROM %2$s'
    WHEN t.kind = 'child' AND sambapos._table_has_root(t) AND p.is_key THEN
      'SELECT DISTINCT %1$s AS t, CAST(c.%4$s AS bigint) AS r, CAST(NULL AS bigint) AS k FROM %2$s'
    WHEN t.kind = 'child' AND sambapos._table_has_root(t) THEN
      'SELECT %1$s AS t, CAST(s.%4$s AS bigint) AS r, CAST(c.%3$s AS bigint) AS k '
      'FROM %2$s LEFT JOIN %5$s AS s ON s.%3$s = c.%3$s'
    WHEN sambapos._compare_can(place, t) THEN
      'SELECT %1$s AS t, CAST(NULL AS bigint) AS r, CAST(c.%3$s AS bigint) AS k FROM %2$s'
    ELSE 'SELECT TOP (1) %1$s AS t, CAST(NULL AS bigint) AS r, CAST(NULL AS bigint) AS k FROM %2$s' END,
    sambapos._tsql_text(t.table_name), format('CHANGETABLE(CHANGES %s, %s) AS c', o.name, since), i.source_name,
    p.source_name, o.name)
  FROM (SELECT sambapos._tsql_name(t.source_schema) || '.' || sambapos._tsql_name(t.source_name) AS name) AS o,
       sambapos._tracking_column(place, t, 'id') AS i, sambapos._tracking_column(place, t, t.parent_key) AS p;
$$;
COMMENT ON FUNCTION sambapos._tracking_changes_sql(sambapos._place, sambapos._table, bigint) IS
  'The T-SQL that names what has changed in a table since a version: table, root, and key where no root is in it';

-- Only where there is something to ask, so that nobody else pays for it. sambapos_sync goes on with that of the site
-- before, and a run that has to begin again with its own.
CREATE FUNCTION sambapos._tracking_open() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF to_regclass('pg_temp.sambapos__tracked') IS NULL THEN
    CREATE TEMPORARY TABLE sambapos__tracked (table_name name, root_id bigint, id bigint);
  ELSE
    DELETE FROM pg_temp.sambapos__tracked;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._tracking_open() IS
  'Makes or empties the temporary table for what change tracking names: table, root, and key where no root is in it';

CREATE FUNCTION sambapos._tracking_read(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  question text := (
    SELECT string_agg(sambapos._tracking_changes_sql(place, t, x.tracked_from), ' UNION ALL '
                      ORDER BY t.table_name)
    FROM sambapos.run_table AS x
    JOIN sambapos._table AS t ON t.site_id = place.site_id AND t.table_name = x.table_name
    WHERE x.run_id = _tracking_read.run_id AND x.status = 'running' AND x.tracked_from IS NOT NULL);
BEGIN
  IF question IS NULL THEN
    RETURN;
  END IF;
  PERFORM sambapos._tracking_open();
  INSERT INTO pg_temp.sambapos__tracked (table_name, root_id, id)
  SELECT q.t::name, q.r, q.k FROM sambapos._query(place.server, question) AS q (t text, r bigint, k bigint);
  PERFORM sambapos._stage_analyze('sambapos__tracked');
  UPDATE sambapos.run_table AS x
     SET tracked_keys = (SELECT count(*) FROM pg_temp.sambapos__tracked AS k WHERE k.table_name = x.table_name)
   WHERE x.run_id = _tracking_read.run_id AND x.status = 'running' AND x.tracked_from IS NOT NULL;
EXCEPTION WHEN OTHERS THEN
  IF sambapos._log_is_fatal(SQLSTATE) THEN
    RAISE;
  END IF;
  PERFORM sambapos._end_remote_transaction(place.server);
  PERFORM sambapos._log_message(_tracking_read.run_id, x.table_name,
                                format('change tracking: could not be asked: %s', SQLERRM))
  FROM sambapos.run_table AS x
  WHERE x.run_id = _tracking_read.run_id AND x.status = 'running' AND x.tracked_from IS NOT NULL;
  -- asked again by the next run, from the same version
  UPDATE sambapos.run_table AS x
     SET tracked_to = x.tracked_from, tracked_from = NULL, tracking_problem = 'could not be asked'
   WHERE x.run_id = _tracking_read.run_id AND x.status = 'running' AND x.tracked_from IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._tracking_read(bigint, sambapos._place) IS
  'Asks the source which rows of a run''s tables have changed; a server that cannot say is no failure';

-- First of all questions, since an error ends the remote transaction; and the version comes before any row.
CREATE FUNCTION sambapos._tracking_ask(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  look jsonb;
BEGIN
  PERFORM FROM sambapos.run AS r WHERE r.run_id = _tracking_ask.run_id AND r.mode <> 'backfill';
  IF NOT FOUND OR place.change_tracking <> 'auto' THEN
    RETURN;
  END IF;
  look := sambapos._tracking_look(place);
  UPDATE sambapos.run AS r SET tracking = look - 'tables' WHERE r.run_id = _tracking_ask.run_id;
  PERFORM sambapos._tracking_plan(run_id, place, look);
  PERFORM sambapos._tracking_read(run_id, place);
END;
$$;
COMMENT ON FUNCTION sambapos._tracking_ask(bigint, sambapos._place) IS
  'Asks the source''s change tracking, if the shop has it and the site uses it, what a run has to read';

-- ---- what a run reads by it ----

-- What waits here for a run is read though nothing has changed there: missing rows are judged, roots read again.
CREATE FUNCTION sambapos._tracking_waits(place sambapos._place, t sambapos._table) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT t.full_due OR t.loaded_at IS NULL OR t.last_status IS DISTINCT FROM 'ok'
      OR EXISTS (SELECT FROM sambapos.missing AS m
                 WHERE (m.site_id, m.table_name) = (t.site_id, t.table_name) AND m.version IS NULL)
      OR EXISTS (SELECT FROM sambapos.waiting_root AS w WHERE (w.site_id, w.table_name) = (t.site_id, t.table_name))
      OR EXISTS (SELECT FROM sambapos.reconcile_finding AS f
                 WHERE (f.site_id, f.table_name) = (t.site_id, t.table_name) AND f.repaired_at IS NULL
                   AND NOT f.is_orphan);
$$;
COMMENT ON FUNCTION sambapos._tracking_waits(sambapos._place, sambapos._table) IS
  'True for a table of which something waits for the next run';

-- Whole once a night, as without change tracking: whoever has changed the replica is found.
CREATE FUNCTION sambapos._tracking_is_by_night(place sambapos._place, t sambapos._table) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT (t.kind = 'master' OR t.kind = 'child' AND NOT sambapos._table_has_root(t))
     AND NOT coalesce(t.read_whole_at > now() - sambapos._night_began(place), false);
$$;
COMMENT ON FUNCTION sambapos._tracking_is_by_night(sambapos._place, sambapos._table) IS
  'True for a table without a root that was not read whole since four in the morning';

-- A family in which nothing has changed, and of which nothing waits, counts as read. A database that has turned out to
-- be a restored one has other versions.
CREATE FUNCTION sambapos._tracking_spare(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._tracking_lose(run_id, place, array_agg(DISTINCT sambapos._table_family(t)))
  FROM sambapos._table AS t
  WHERE t.site_id = place.site_id AND t.tracked_version IS NOT NULL
    AND EXISTS (SELECT FROM sambapos.source_events AS e
                WHERE e.run_id = _tracking_spare.run_id AND e.kind = 'restore' AND e.table_name = '')
  HAVING count(*) > 0;
  UPDATE sambapos.run_table AS x SET mode = 'none', status = 'read' FROM sambapos._table AS t
   WHERE x.run_id = _tracking_spare.run_id AND x.status = 'running'
     AND (t.site_id, t.table_name) = (place.site_id, x.table_name)
     AND NOT EXISTS (SELECT FROM sambapos.run AS r WHERE r.run_id = _tracking_spare.run_id AND r.mode = 'full')
     AND NOT EXISTS (
       SELECT FROM sambapos.run_table AS o
       JOIN sambapos._table AS k ON (k.site_id, k.table_name) = (place.site_id, o.table_name)
       WHERE o.run_id = _tracking_spare.run_id AND o.status = 'running'
         AND sambapos._table_family(k) = sambapos._table_family(t)
         AND (o.tracked_keys IS DISTINCT FROM 0 OR sambapos._tracking_waits(place, k)
              OR sambapos._tracking_is_by_night(place, k)));
END;
$$;
COMMENT ON FUNCTION sambapos._tracking_spare(bigint, sambapos._place) IS
  'Leaves out the families of tables in which nothing has changed';

-- Many named roots are read as a whole table: a thousand of them, and a fifth of what is known.
CREATE FUNCTION sambapos._tracking_crowded(run_id bigint, place sambapos._place) RETURNS name[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF to_regclass('pg_temp.sambapos__tracked') IS NULL THEN
    RETURN '{}';
  END IF;
  RETURN ARRAY(
    SELECT DISTINCT n.family
    FROM (SELECT coalesce(t.parent, t.table_name)::name AS root, min(sambapos._table_family(t)) AS family,
                 count(DISTINCT coalesce(k.root_id, -k.id)) AS roots
          FROM pg_temp.sambapos__tracked AS k
          JOIN sambapos._table AS t ON t.site_id = place.site_id AND t.table_name = k.table_name
          WHERE t.kind <> 'master' GROUP BY 1) AS n
    JOIN pg_temp.sambapos__probe AS p ON p.table_name = n.root
    WHERE n.roots > 1000 AND n.roots > p.live_before / 5);
END;
$$;
COMMENT ON FUNCTION sambapos._tracking_crowded(bigint, sambapos._place) IS
  'The families in which so much has changed that they are read whole';

-- What goes by what changed goes by change tracking; a master too, if its rows can be asked for by number.
CREATE FUNCTION sambapos._tracking_choose(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  crowded name[] := sambapos._tracking_crowded(run_id, place);
BEGIN
  UPDATE sambapos.run_table AS x
     SET mode = CASE WHEN sambapos._table_family(t) = ANY (crowded) THEN 'full' ELSE 'tracked' END
    FROM sambapos._table AS t
   WHERE x.run_id = _tracking_choose.run_id AND x.status = 'running' AND x.tracked_from IS NOT NULL
     AND (t.site_id, t.table_name) = (place.site_id, x.table_name)
     AND (x.mode = 'incremental'
          OR t.kind = 'master' AND x.mode = 'full' AND x.tracked_keys <= 1000 AND sambapos._compare_can(place, t)
             AND NOT sambapos._tracking_waits(place, t) AND NOT sambapos._tracking_is_by_night(place, t)
             AND NOT EXISTS (SELECT FROM sambapos.run AS r
                             WHERE r.run_id = _tracking_choose.run_id AND r.mode = 'full'));
  PERFORM sambapos._log_message(run_id, t.table_name,
                                'change tracking: so many rows have changed that the table is read whole')
  FROM sambapos._table AS t
  WHERE t.site_id = place.site_id AND t.kind IN ('ticket', 'document', 'period')
    AND sambapos._table_family(t) = ANY (crowded);
END;
$$;
COMMENT ON FUNCTION sambapos._tracking_choose(bigint, sambapos._place) IS
  'Decides which tables of a run are read by the keys that change tracking has named';

-- The roots of what has changed, those that the replica knows of children whose key does not say it, and roots that
-- are missing and not judged yet. A root that came and went between two runs is nobody's.
CREATE FUNCTION sambapos._tracking_name_roots(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c sambapos._table;
BEGIN
  INSERT INTO pg_temp.sambapos__changed
  SELECT t.table_name, k.root_id
  FROM pg_temp.sambapos__tracked AS k
  JOIN sambapos.replicated_table AS r ON (r.site_id, r.table_name) = (place.site_id, k.table_name)
  WHERE k.root_id IS NOT NULL AND t.table_name IN (r.table_name, r.parent)
  UNION
  SELECT t.table_name, m.root_id FROM sambapos.missing AS m
  WHERE (m.site_id, m.table_name) = (place.site_id, t.table_name) AND m.version IS NULL
  ON CONFLICT DO NOTHING;
  FOR c IN SELECT r.* FROM sambapos._root_tables(place, t.table_name) AS r LOOP
    CONTINUE WHEN NOT sambapos._replica_has_root_id(c);
    EXECUTE format('INSERT INTO pg_temp.sambapos__changed
                    SELECT DISTINCT %L::name, r.root_id FROM pg_temp.sambapos__tracked AS k
                    JOIN sambapos_replica.%I AS r ON r.site_id = $1 AND r.id = k.id
                    WHERE k.table_name = %2$L AND r.row_state = ''live'' AND r.root_id <> 0 ON CONFLICT DO NOTHING',
                   t.table_name, c.table_name) USING place.site_id;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._tracking_name_roots(sambapos._place, sambapos._table) IS
  'Notes which roots count as changed by what change tracking has named';

CREATE FUNCTION sambapos._tracking_forget_strangers(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format('DELETE FROM pg_temp.sambapos__changed AS c
                   WHERE c.table_name = %L AND NOT EXISTS (SELECT FROM pg_temp.%I AS s WHERE s.id = c.id)
                     AND NOT EXISTS (%s)', t.table_name, sambapos._stage_name(t.table_name),
                 sambapos._replica_live_row_sql(t, 'c.id')) USING place.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._tracking_forget_strangers(sambapos._place, sambapos._table) IS
  'Forgets named roots that are neither there nor here';

-- Rows that have changed and have no root now. Those whose root is known are read with it.
CREATE FUNCTION sambapos._tracking_read_rootless(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  ids bigint[];
BEGIN
  EXECUTE format('SELECT array_agg(DISTINCT k.id) FROM pg_temp.sambapos__tracked AS k
                   WHERE k.table_name = %L AND k.root_id IS NULL
                     AND NOT EXISTS (SELECT FROM pg_temp.%I AS s WHERE s.id = k.id)',
                 t.table_name, sambapos._stage_name(t.table_name)) INTO ids;
  PERFORM sambapos._stage_read_by(place, t, 'id', ids);
END;
$$;
COMMENT ON FUNCTION sambapos._tracking_read_rootless(sambapos._place, sambapos._table) IS
  'Stages the named rows of a child table that have no root';

CREATE FUNCTION sambapos._tracking_read_master(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._stage_read_by(place, t, 'id', (
    SELECT array_agg(DISTINCT k.id ORDER BY k.id) FROM pg_temp.sambapos__tracked AS k
    WHERE k.table_name = t.table_name));
END;
$$;
COMMENT ON FUNCTION sambapos._tracking_read_master(sambapos._place, sambapos._table) IS
  'Stages the named rows of a master';

-- Where a missing master row means something: everywhere after a whole read, else among the named ones.
CREATE FUNCTION sambapos._tracking_scope_sql(t sambapos._table, mode text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE mode WHEN 'tracked'
    THEN format('r.id IN (SELECT k.id FROM pg_temp.sambapos__tracked AS k WHERE k.table_name = %L)', t.table_name)
    ELSE 'true' END;
$$;
COMMENT ON FUNCTION sambapos._tracking_scope_sql(sambapos._table, text) IS
  'A condition on replica row r: its absence from the stage means that it is gone';

-- ---- what a run leaves ----

-- With the rows, in their transaction. A chunk has read a part only. What the idle probe may rely on is known only if
-- all tables of the site are tracked, were read, and nothing waits.
CREATE FUNCTION sambapos._tracking_remember(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.table_state AS t
     SET tracked_version = x.tracked_to, tracked_least = x.tracked_least, tracking_problem = x.tracking_problem
    FROM sambapos.run_table AS x
   WHERE x.run_id = _tracking_remember.run_id AND x.status = 'ok' AND x.mode <> 'range'
     AND (t.site_id, t.table_name) = (place.site_id, x.table_name)
     AND (t.tracked_version, t.tracked_least, t.tracking_problem)
         IS DISTINCT FROM (x.tracked_to, x.tracked_least, x.tracking_problem);
  UPDATE sambapos.site_state AS s SET tracked_fork = coalesce(r.tracking ->> 'fork', s.tracked_fork),
    tracked_state = CASE
      WHEN EXISTS (SELECT FROM sambapos._table AS t
                   LEFT JOIN sambapos.run_table AS x ON (x.run_id, x.table_name) = (r.run_id, t.table_name)
                   WHERE t.site_id = place.site_id AND t.enabled
                     AND ((x.status, x.tracked_to) IS DISTINCT FROM ('ok', (r.tracking ->> 'version')::bigint)
                          OR sambapos._tracking_waits(place, t))) THEN NULL
      ELSE r.tracking ->> 'state' END
    FROM sambapos.run AS r
   WHERE r.run_id = _tracking_remember.run_id AND r.mode <> 'backfill' AND s.site_id = place.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._tracking_remember(bigint, sambapos._place) IS
  'Remembers up to which version of change tracking each table was read';
