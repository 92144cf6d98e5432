-- source.sql: a run's first look at the source, before any row is read: its clock, and what its tables hold.
--
-- Rules:
-- * A high-water mark is the source's clock, read in the remote transaction; never max(column).
-- * What is asked is plain documented T-SQL, a few questions for all tables together.

CREATE FUNCTION sambapos._source_offset(local_now timestamp, utc_now timestamp) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN round(extract(epoch FROM local_now - utc_now) / 60)::integer;
END;
$$;
COMMENT ON FUNCTION sambapos._source_offset(timestamp, timestamp) IS 'The source''s offset from UTC in minutes';

-- The lower bound for stamps: the source's clock of the last complete read in its own local time, less
-- the overlap. The lesser of the two offsets, so that the hour which exists twice in autumn is read
-- twice; the lesser of the two clocks, for one that was set back.
CREATE FUNCTION sambapos._source_since(place sambapos._place, local_now timestamp, utc_now timestamp) RETURNS timestamp
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT least(place.hw_utc, CASE WHEN place.hw_utc IS NOT NULL THEN utc_now END) - greatest(place.overlap,
    place.lateness)
         + make_interval(mins => least(place.hw_offset_minutes, sambapos._source_offset(local_now, utc_now)));
$$;
COMMENT ON FUNCTION sambapos._source_since(sambapos._place, timestamp, timestamp) IS
  'From which stamp on, in the source''s local time, rows are read again; NULL before the first load';

-- Every login may see the row of the database that it is in. A server without such a view, or with numbers of errors of
-- its own, has its clock still. Any other error, such as a lock on that row during a restore, says nothing of the
-- server: the run fails, and the next one asks again. Taken for silence, it would let another database in.
CREATE FUNCTION sambapos._source_clock(place sambapos._place, OUT local_now timestamp, OUT utc_now timestamp,
                                       OUT identity jsonb,
                                       OUT gives_utf16 boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  SELECT q.l, q.u, jsonb_strip_nulls(jsonb_build_object('name', q.n, 'id', q.i, 'created', q.c,
                                                        'broker', nullif(q.b, '00000000-0000-0000-0000-000000000000'))),
         q.w = '\xe900'
    INTO local_now, utc_now, identity, gives_utf16
  FROM sambapos._query(place.server,
    'SELECT GETDATE() AS l, GETUTCDATE() AS u, d.name AS n, d.database_id AS i, d.create_date AS c, '
    'CAST(d.service_broker_guid AS nvarchar(36)) AS b, CAST(NCHAR(233) AS varbinary(2)) AS w FROM (SELECT 1 AS one) AS '
    'x LEFT JOIN sys.databases AS d ON d.database_id = DB_ID()') AS q (l timestamp, u timestamp, n text, i integer,
                                                                     c timestamp, b text, w bytea);
  identity := nullif(identity, '{}');
EXCEPTION WHEN OTHERS THEN
  IF left(SQLSTATE, 2) NOT IN ('42', '0A') AND SQLSTATE <> 'HV000' THEN
    RAISE;
  END IF;
  SELECT q.l, q.u, false INTO local_now, utc_now, gives_utf16
  FROM sambapos._query(place.server, 'SELECT GETDATE() AS l, GETUTCDATE() AS u') AS q (l timestamp, u timestamp);
END;
$$;
COMMENT ON FUNCTION sambapos._source_clock(sambapos._place) IS
  'The source''s clock, what it says of its database (NULL: nothing), and whether its national text is UTF-16';

-- Rows, lowest and highest id of a root; highest id of a child; and the sum of the numerators, which a clear sets to 0.
-- Only tables whose first key column is Id have such numbers. The latest stamp is for who looks every second.
CREATE FUNCTION sambapos._probe_line(place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stamp text := (SELECT format('MAX(%s)', sambapos._tsql_name(c.source_name))
                 FROM sambapos._table_columns(place, t) AS c
                 WHERE c.live_name = CASE t.kind WHEN 'ticket' THEN 'last_update_time' WHEN 'period'
                   THEN 'end_date' END);
BEGIN
  RETURN format('SELECT %s AS t, %s, %s AS st FROM %s.%s', sambapos._tsql_text(t.table_name), CASE
      WHEN t.table_name = 'numerators' THEN
        'CAST(NULL AS bigint) AS n, CAST(NULL AS bigint) AS lo, CAST(SUM(CAST(Number AS bigint)) AS bigint) AS hi'
      WHEN t.kind = 'child' THEN
        'CAST(NULL AS bigint) AS n, CAST(NULL AS bigint) AS lo, CAST(MAX(Id) AS bigint) AS hi'
      ELSE
        'COUNT_BIG(*) AS n, CAST(MIN(Id) AS bigint) AS lo, CAST(MAX(Id) AS bigint) AS hi'
    END, coalesce(stamp, 'CAST(NULL AS datetime)'), sambapos._tsql_name(t.source_schema),
      sambapos._tsql_name(t.source_name));
END;
$$;
COMMENT ON FUNCTION sambapos._probe_line(sambapos._place,
                                         sambapos._table) IS 'The T-SQL that counts what a table holds';

CREATE FUNCTION sambapos._probe_sql(run_id bigint, place sambapos._place, only_table name DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT string_agg(sambapos._probe_line(place, t), ' UNION ALL ' ORDER BY t.table_name)
  FROM sambapos.run_table AS x
  JOIN sambapos._table AS t ON t.site_id = place.site_id AND t.table_name = x.table_name
  WHERE x.run_id = _probe_sql.run_id AND (x.status = 'running' OR x.status = 'read' AND x.mode <> 'none')
    AND (t.kind <> 'master' OR t.table_name = 'numerators')
    AND (only_table IS NULL OR t.table_name = only_table);
$$;
COMMENT ON FUNCTION sambapos._probe_sql(bigint, sambapos._place, name) IS
  'The T-SQL that counts what the roots and children of a run hold';

CREATE FUNCTION sambapos._probe_ask_of(run_id bigint, place sambapos._place, only_table name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  question text := sambapos._probe_sql(run_id, place, only_table);
BEGIN
  IF question IS NOT NULL THEN
    INSERT INTO pg_temp.sambapos__probe AS p (table_name, rows, lowest, highest, stamp)
    SELECT q.t::name, q.n, q.lo, q.hi, q.st
    FROM sambapos._query(place.server, question) AS q (t text, n bigint, lo bigint, hi bigint, st timestamp)
    ON CONFLICT (table_name) DO UPDATE SET rows_after = excluded.rows, highest_after = excluded.highest,
                                           asked_again = true;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._probe_ask_of(bigint, sambapos._place, name) IS
  'Asks for the counts of one table or all; asked again, the answer is kept beside the first one';

-- All tables in one question; if one of them cannot be asked, one by one, so that only that one fails.
CREATE FUNCTION sambapos._probe_ask(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  table_name name;
  state text;
  message text;
BEGIN
  BEGIN
    PERFORM sambapos._probe_ask_of(run_id, place, NULL);
    RETURN;
  EXCEPTION WHEN OTHERS THEN
    IF sambapos._log_is_fatal(SQLSTATE) THEN
      RAISE;
    END IF;
  END;
  FOR table_name IN SELECT x.table_name FROM sambapos.run_table AS x WHERE x.run_id = _probe_ask.run_id LOOP
    BEGIN
      PERFORM sambapos._probe_ask_of(run_id, place, table_name);
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
      PERFORM sambapos._log_failure(run_id, table_name, state, message, NULL);
    END;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._probe_ask(bigint, sambapos._place) IS 'Asks the source for counts and id ranges';

CREATE FUNCTION sambapos._probe_source(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  root name;
BEGIN
  PERFORM sambapos._probe_ask(run_id, place);
  FOR root IN
    SELECT t.table_name FROM sambapos._table AS t JOIN pg_temp.sambapos__probe AS p USING (table_name)
    WHERE t.site_id = place.site_id AND t.kind IN ('ticket', 'document', 'period')
  LOOP
    EXECUTE format('UPDATE pg_temp.sambapos__probe SET live_before =
                      (SELECT count(*) FROM sambapos_replica.%I WHERE site_id = $1 AND row_state = ''live'')
                    WHERE table_name = %L', root, root) USING place.site_id;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._probe_source(bigint, sambapos._place) IS
  'Counts what the source''s roots hold, and the replica''s';

-- Of a child that is empty there is no highest id: that too is to be remembered, or it would differ for ever.
CREATE FUNCTION sambapos._probe_facts() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT jsonb_object_agg(p.table_name, jsonb_build_object('rows', p.rows, 'lowest', p.lowest,
                                                  'highest', p.highest, 'stamp', p.stamp))
          FROM pg_temp.sambapos__probe AS p);
END;
$$;
COMMENT ON FUNCTION sambapos._probe_facts() IS 'What a run found at the source, for the next one to compare with';

-- A clear is many transactions. If the source holds less after reading than before, what is missing
-- now says nothing yet; the next run will see the end of it. A table that could not be asked again (it
-- failed, or was left out) proves nothing.
CREATE FUNCTION sambapos._probe_is_falling() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM pg_temp.sambapos__probe AS p
                 WHERE p.asked_again AND (p.rows_after < p.rows OR (p.highest IS NOT NULL
                                           AND p.highest_after IS NULL)));
END;
$$;
COMMENT ON FUNCTION sambapos._probe_is_falling() IS 'True if rows vanished at the source while it was read';

CREATE FUNCTION sambapos._probe_numerators_fell(place sambapos._place) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN coalesce((SELECT p.highest < (place.last_probe -> 'numerators' ->> 'highest')::bigint
                   FROM pg_temp.sambapos__probe AS p WHERE p.table_name = 'numerators'), false);
END;
$$;
COMMENT ON FUNCTION sambapos._probe_numerators_fell(sambapos._place) IS
  'True if ticket and order numbers have been set back, as a clear does';

-- For who looks every second: a master, or what was edited without a new stamp or row, is found when the site is due. A
-- table that the last run could not read, or the next one leaves alone, would differ for ever; numerators are a sign
-- for the tickets, and remembered with them.
CREATE FUNCTION sambapos._source_has_moved(place sambapos._place) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  question text := (SELECT string_agg(q.probe ->> t.table_name, ' UNION ALL ' ORDER BY t.table_name)
                    FROM sambapos.source_question AS q JOIN sambapos._table AS t USING (site_id)
                    WHERE t.site_id = place.site_id AND t.enabled AND t.paused_reason IS NULL AND t.last_status = 'ok'
                      AND place.last_probe ? t.table_name
                      AND (t.sync_interval IS NULL OR sambapos._table_due_at(t) IS NULL)
                      AND (t.table_name <> 'numerators' OR sambapos._table_is_read(place, 'tickets')));
BEGIN
  RETURN question IS NOT NULL AND EXISTS (
    SELECT FROM sambapos._query(place.server, question) AS q (t text, n bigint, lo bigint, hi bigint, st timestamp)
    WHERE place.last_probe -> q.t
          IS DISTINCT FROM jsonb_build_object('rows', q.n, 'lowest', q.lo, 'highest', q.hi, 'stamp', q.st));
END;
$$;
COMMENT ON FUNCTION sambapos._source_has_moved(sambapos._place) IS
  'True if the source''s tables hold other counts, ids or stamps than the last run has found; raises what the source '
  'does';
