-- drift.sql: the source's columns have changed.
--
-- Rules:
-- * A new column is added, a wider type followed, a dropped column no longer read; what cannot be followed pauses its
--   table with the reason.
-- * The live table is altered, not made anew: views may depend on it.

-- The columns of all copied tables of a site at the source, in one query.
CREATE FUNCTION sambapos._source_columns(place sambapos._place)
RETURNS TABLE (source_schema text, source_name text, column_name text, data_type text)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT q.source_schema, q.source_name, q.column_name,
         q.data_type || coalesce('(' || q.length || ')', '') || coalesce('(' || q.digits || ',' || q.scale || ')', '')
  FROM sambapos._query(place.server, (
         SELECT format('SELECT CAST(TABLE_SCHEMA AS nvarchar(128)) AS s, CAST(TABLE_NAME AS nvarchar(128)) AS t, '
                       'CAST(COLUMN_NAME AS nvarchar(128)) AS c, CAST(DATA_TYPE AS nvarchar(128)) AS d, '
                       'CAST(CHARACTER_MAXIMUM_LENGTH AS int) AS l, CAST(NUMERIC_PRECISION AS int) AS p, '
                       'CAST(NUMERIC_SCALE AS int) AS n FROM INFORMATION_SCHEMA.COLUMNS '
                       'WHERE TABLE_SCHEMA IN (%s) AND TABLE_NAME IN (%s)',
                       string_agg(DISTINCT sambapos._tsql_text(t.source_schema), ', '),
                       string_agg(sambapos._tsql_text(t.source_name), ', ' ORDER BY t.source_name))
         FROM sambapos._table AS t WHERE t.site_id = place.site_id AND t.enabled))
       AS q (source_schema text, source_name text, column_name text, data_type text, length integer, digits integer, scale integer);
$$;
COMMENT ON FUNCTION sambapos._source_columns(sambapos._place) IS
  'Asks the source for the columns of a site''s copied tables';

CREATE FUNCTION sambapos._live_has_columns(place sambapos._place, t sambapos._table, names text[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT NOT EXISTS (
    SELECT FROM sambapos._table_columns(place, t) AS c
    FULL JOIN (SELECT n FROM unnest(names) AS n WHERE NOT sambapos._column_is_secret(t.source_name, n)) AS n ON n.n = c.source_name
    WHERE c.source_name IS NULL OR n.n IS NULL);
$$;
COMMENT ON FUNCTION sambapos._live_has_columns(sambapos._place, sambapos._table, text[]) IS
  'True if a live table has just these source columns';

-- The next read is a whole one, for the values of old rows.
CREATE FUNCTION sambapos._live_column_appeared(t sambapos._table, live text, column_name name,
                                               source_name text, type_name text, remote_type text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format('ALTER FOREIGN TABLE %s ADD COLUMN %I %s OPTIONS (column_name %L, remote_type %L)',
                 live, column_name, type_name, source_name, remote_type);
  UPDATE sambapos.table_state AS r
     SET full_due = true, missing_columns = array_remove(r.missing_columns, sambapos._replica_column(column_name))
   WHERE (r.site_id, r.table_name) = (t.site_id, t.table_name);
  RETURN format('new column %s', column_name);
END;
$$;
COMMENT ON FUNCTION sambapos._live_column_appeared(sambapos._table, text, name, text, text, text) IS
  'Adds a new source column to a live table';

-- The replica's column stays as it is. The live one goes, unless a view holds it.
CREATE FUNCTION sambapos._live_column_vanished(t sambapos._table, live text, column_name name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.table_state AS r SET missing_columns = r.missing_columns || sambapos._replica_column(column_name)
   WHERE (r.site_id, r.table_name) = (t.site_id, t.table_name)
     AND sambapos._replica_column(column_name) <> ALL (r.missing_columns);
  BEGIN
    EXECUTE format('ALTER FOREIGN TABLE %s DROP COLUMN %I', live, column_name);
  EXCEPTION WHEN dependent_objects_still_exist THEN
    RETURN format('column %s is gone at the source, its values stay, and a view still needs it in %s', column_name, live);
  END;
  RETURN format('column %s is gone at the source, its values stay', column_name);
END;
$$;
COMMENT ON FUNCTION sambapos._live_column_vanished(sambapos._table, text, name) IS
  'Stops reading a column that the source has dropped';

CREATE FUNCTION sambapos._live_column_changed(live text, column_name name, type_name text, remote_type text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format('ALTER FOREIGN TABLE %s ALTER COLUMN %I TYPE %s, ALTER COLUMN %2$I OPTIONS (SET remote_type %4$L)',
                 live, column_name, type_name, remote_type);
  RETURN format('column %s is %s now', column_name, remote_type);
END;
$$;
COMMENT ON FUNCTION sambapos._live_column_changed(text, name, text, text) IS
  'Gives a live column the type that the source''s has now';

-- Imports the table once more into a schema of its own and brings the live table, which views may
-- depend on, up to it column by column. What has gone comes first: a column that was renamed at the source may have the
-- same name here, and goes on under it.
CREATE FUNCTION sambapos._live_alter(place sambapos._place, t sambapos._table) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  live regclass := sambapos._live_named(place, t.table_name);
  fresh_schema name := sambapos._live_fresh(place, t.source_schema, ARRAY[t.source_name]);
  changes text[] := '{}';
  c record;
BEGIN
  FOR c IN
    SELECT coalesce(n.source_name, o.source_name) AS source_name, o.column_name AS old_name, n.column_name AS new_name,
           n.type_name, n.remote_type
    FROM sambapos._live_columns(sambapos._live_find(fresh_schema, t.source_name)) AS n
    FULL JOIN sambapos._live_columns(live) AS o USING (source_name)
    WHERE (n.type_name, n.remote_type) IS DISTINCT FROM (o.type_name, o.remote_type)
    ORDER BY n.column_name IS NOT NULL, n.ordinal, o.ordinal
  LOOP
    changes := changes || CASE
      WHEN c.old_name IS NULL THEN sambapos._live_column_appeared(t, live::text, sambapos._column_name_new(t.table_name, live, c.source_name, c.new_name),
                                                                  c.source_name, c.type_name, c.remote_type)
      WHEN c.new_name IS NULL THEN sambapos._live_column_vanished(t, live::text, c.old_name)
      ELSE sambapos._live_column_changed(live::text, c.old_name, c.type_name, c.remote_type) END;
  END LOOP;
  PERFORM sambapos._live_fresh_drop(fresh_schema);
  RETURN changes;
END;
$$;
COMMENT ON FUNCTION sambapos._live_alter(sambapos._place, sambapos._table) IS
  'Brings a live foreign table''s columns up to the source''s; tells what it did';

CREATE FUNCTION sambapos._drift_follow(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  reason text;
  change text;
BEGIN
  FOREACH change IN ARRAY sambapos._live_alter(place, t) LOOP
    PERFORM sambapos._log_message(run_id, t.table_name, change);
  END LOOP;
  PERFORM sambapos._replica_ensure(t.site_id, t.table_name);
EXCEPTION WHEN datatype_mismatch OR dependent_objects_still_exist OR feature_not_supported OR object_not_in_prerequisite_state THEN
  GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
  UPDATE sambapos.table_state AS r SET paused_reason = reason, paused_under = t.reread_at
   WHERE (r.site_id, r.table_name) = (t.site_id, t.table_name);
END;
$$;
COMMENT ON FUNCTION sambapos._drift_follow(bigint, sambapos._place, sambapos._table) IS
  'Follows a change of a source table''s columns, or pauses the table with the reason';

-- Compares what the source has with what was there at the last look. What changed is followed; what
-- cannot be followed pauses the table. The tables that need a whole read are marked full_due; those
-- that the source does not show fail.
CREATE FUNCTION sambapos._drift_look(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  seen record;
  t sambapos._table;
BEGIN
  FOR seen IN
    SELECT r AS t, array_agg(c.column_name) AS names,
           string_agg(c.column_name || ' ' || c.data_type, ', ' ORDER BY c.column_name COLLATE "C") AS signature
    FROM sambapos.run_table AS x
    JOIN sambapos._table AS r ON r.site_id = place.site_id AND r.table_name = x.table_name
    LEFT JOIN sambapos._source_columns(place) AS c USING (source_schema, source_name)
    WHERE x.run_id = _drift_look.run_id AND x.status = 'running'
    GROUP BY r.*
  LOOP
    t := seen.t;
    IF seen.signature IS NULL THEN
      PERFORM sambapos._log_failure(run_id, t.table_name, '42P01',
        format('the source shows no table %s.%s', t.source_schema, t.source_name),
        'It is not there, or the login may not read it.');
    ELSIF seen.signature IS DISTINCT FROM t.column_signature THEN
      IF t.column_signature IS NOT NULL OR NOT sambapos._live_has_columns(place, t, seen.names) THEN
        PERFORM sambapos._drift_follow(run_id, place, t);
      END IF;
      UPDATE sambapos.table_state AS r SET column_signature = seen.signature
       WHERE (r.site_id, r.table_name) = (t.site_id, t.table_name)
         AND EXISTS (SELECT FROM sambapos._table AS k WHERE (k.site_id, k.table_name) = (t.site_id, t.table_name) AND k.paused_reason IS NULL);
    END IF;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._drift_look(bigint, sambapos._place) IS
  'Notices new, dropped and changed columns at the source and follows them';
