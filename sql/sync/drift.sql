-- drift.sql: the source's columns have changed.
--
-- Rules:
-- * A look compares what the source shows with what it showed at the last look (catalog/schema_versions.sql). What
--   changed is followed before anything is read, table by table, by sambapos_run in a short transaction each. The
--   remote transaction is over by then.
-- * ALTER TABLE keeps readers out while it waits. So it waits for a tenth of a second, some times; then the table is
--   read as it was known, if it can be, and the next run tries again. Who alters holds row 0 of site_lock: the tables
--   are those of all sites.
-- * A new column is added, a wider type followed, a dropped column no longer read; what cannot be followed pauses its
--   table with the reason. The live table follows the source in any case.
-- * The live table is altered, not made anew: views may depend on it.

-- The columns of all copied tables of a site at the source, and the columns of their keys, in one query: joined here,
-- since a server can take minutes to join its catalog's views. Types as IMPORT FOREIGN SCHEMA writes them.
CREATE FUNCTION sambapos._source_columns_sql(place sambapos._place) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('SELECT CAST(c.TABLE_SCHEMA AS nvarchar(128)) AS s, CAST(c.TABLE_NAME AS nvarchar(128)) AS t, '
                'CAST(c.COLUMN_NAME AS nvarchar(128)) AS c, CAST(c.ORDINAL_POSITION AS int) AS o, '
                'CAST(c.DATA_TYPE AS nvarchar(128)) AS d, CAST(c.CHARACTER_MAXIMUM_LENGTH AS int) AS l, '
                'CAST(c.NUMERIC_PRECISION AS int) AS p, CAST(c.NUMERIC_SCALE AS int) AS n, '
                'CAST(c.DATETIME_PRECISION AS int) AS f, CAST(c.IS_NULLABLE AS nvarchar(3)) AS i, '
                'CAST(c.COLLATION_NAME AS nvarchar(128)) AS e, CAST(NULL AS int) AS k '
                'FROM INFORMATION_SCHEMA.COLUMNS AS c WHERE c.TABLE_SCHEMA IN (%1$s) AND c.TABLE_NAME IN (%2$s) '
                'UNION ALL SELECT CAST(u.TABLE_SCHEMA AS nvarchar(128)), CAST(u.TABLE_NAME AS nvarchar(128)), '
                'CAST(u.COLUMN_NAME AS nvarchar(128)), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '
                'CAST(u.ORDINAL_POSITION AS int) FROM INFORMATION_SCHEMA.KEY_COLUMN_USAGE AS u '
                'JOIN INFORMATION_SCHEMA.TABLE_CONSTRAINTS AS r ON r.CONSTRAINT_SCHEMA = u.CONSTRAINT_SCHEMA '
                'AND r.CONSTRAINT_NAME = u.CONSTRAINT_NAME AND r.TABLE_NAME = u.TABLE_NAME '
                'WHERE r.CONSTRAINT_TYPE = ''PRIMARY KEY'' AND u.TABLE_SCHEMA IN (%1$s) AND u.TABLE_NAME IN (%2$s)',
                string_agg(DISTINCT sambapos._tsql_text(t.source_schema), ', '),
                string_agg(sambapos._tsql_text(t.source_name), ', ' ORDER BY t.source_name))
  FROM sambapos._table AS t WHERE t.site_id = place.site_id AND t.enabled;
$$;
COMMENT ON FUNCTION sambapos._source_columns_sql(sambapos._place) IS
  'T-SQL for the columns of a site''s copied tables (d is not NULL), and for those of their primary keys (k)';

-- A key's names may be in another case than those of the columns.
CREATE FUNCTION sambapos._source_columns(place sambapos._place)
RETURNS TABLE (source_schema text, source_name text, columns jsonb)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  WITH q AS MATERIALIZED (
    SELECT * FROM sambapos._query(place.server, sambapos._source_columns_sql(place))
      AS q (s text, t text, c text, o integer, d text, l integer, p integer, n integer, f integer,
            is_nullable text, collation_name text, k integer)
  ), keys AS (
    SELECT DISTINCT ON (k.s, k.t, k.c) q.s, q.t, q.c, k.k
    FROM q JOIN q AS k ON (lower(k.s COLLATE "C"), lower(k.t COLLATE "C"), lower(k.c COLLATE "C"))
                          = (lower(q.s COLLATE "C"), lower(q.t COLLATE "C"), lower(q.c COLLATE "C"))
    WHERE q.d IS NOT NULL AND k.k IS NOT NULL
    ORDER BY k.s, k.t, k.c, (q.s, q.t, q.c) = (k.s, k.t, k.c) DESC, q.o
  )
  SELECT q.s, q.t,
         jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
           'name', q.c,
           'type', q.d || CASE
             WHEN q.d IN ('char', 'nchar', 'varchar', 'nvarchar', 'binary', 'varbinary')
             THEN format('(%s)', coalesce(nullif(q.l, -1)::text, 'max'))
             WHEN q.d IN ('decimal', 'numeric') THEN format('(%s,%s)', q.p, coalesce(q.n, 0))
             WHEN q.d IN ('time', 'datetime2', 'datetimeoffset') THEN coalesce(format('(%s)', q.f), '') ELSE '' END,
           'nullable', q.is_nullable <> 'NO', 'key', keys.k, 'collation', q.collation_name)) ORDER BY q.o)
  FROM q LEFT JOIN keys ON (keys.s, keys.t, keys.c) = (q.s, q.t, q.c)
  WHERE q.d IS NOT NULL
  GROUP BY q.s, q.t;
$$;
COMMENT ON FUNCTION sambapos._source_columns(sambapos._place) IS
  'Asks the source for the columns of a site''s copied tables, as schema_versions.columns';

-- ---- what differs ----

CREATE FUNCTION sambapos._live_shape(live regclass)
RETURNS TABLE (column_name name, source_name text, type_name text, remote_type text, is_nullable boolean,
               remote_collation text, is_key boolean, ordinal smallint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT c.column_name, c.source_name, c.type_name, c.remote_type, NOT a.attnotnull,
           (SELECT o.option_value FROM pg_options_to_table(a.attfdwoptions) AS o
            WHERE o.option_name = 'remote_collation'),
           c.is_key, c.ordinal
    FROM sambapos._live_columns(live) AS c JOIN pg_attribute AS a ON a.attrelid = live AND a.attnum = c.ordinal;
END;
$$;
COMMENT ON FUNCTION sambapos._live_shape(regclass) IS 'All that a foreign table says of its columns';

-- Secrets are never in a live table; what the source has dropped may be, for a view's sake.
CREATE FUNCTION sambapos._live_fits(place sambapos._place, t sambapos._table, columns jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT NOT EXISTS (
      SELECT FROM (SELECT * FROM sambapos._live_shape(sambapos._live_named(place, t.table_name)) AS l
                   WHERE sambapos._replica_column(l.column_name) <> ALL (t.missing_columns)) AS l
      FULL JOIN (SELECT * FROM jsonb_to_recordset(columns)
                   AS c (name text, type text, nullable boolean, "key" integer, "collation" text)
                 WHERE NOT sambapos._column_is_secret(t.source_name, c.name)) AS c ON c.name = l.source_name
      WHERE (l.remote_type, l.is_nullable, l.remote_collation, l.is_key)
            IS DISTINCT FROM (c.type, c.nullable, c."collation", c."key" IS NOT NULL)));
END;
$$;
COMMENT ON FUNCTION sambapos._live_fits(sambapos._place, sambapos._table, jsonb) IS
  'True if a live table has just the columns that the source shows';

CREATE TYPE sambapos._live_change AS (
  change text, column_name name, source_name text, type_name text, remote_type text, is_nullable boolean,
  remote_collation text, old_source_name text, type_differs boolean, nullability_differs boolean, old_collation text,
  is_back boolean);
COMMENT ON TYPE sambapos._live_change IS
  'How a column at the source differs from the live table''s. change: new, gone, other; is_back: the source had '
  'dropped it, the live table not';

-- A name that only changed its case is the same column. What has gone comes first: a column that was renamed at the
-- source may have the same name here, and goes on under it.
CREATE FUNCTION sambapos._live_changes(live regclass, fresh regclass, missing_columns text[])
RETURNS SETOF sambapos._live_change
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  WITH o AS (SELECT * FROM sambapos._live_shape(live)), n AS (SELECT * FROM sambapos._live_shape(fresh)),
  pair AS (
    SELECT DISTINCT ON (p.new) p.* FROM (
      SELECT DISTINCT ON (o.source_name) o.source_name AS old, n.source_name AS new
      FROM o JOIN n ON lower(n.source_name COLLATE "C") = lower(o.source_name COLLATE "C")
      WHERE n.source_name = o.source_name
         OR NOT EXISTS (SELECT FROM o AS x JOIN n AS y USING (source_name)
                        WHERE x.source_name IN (o.source_name, n.source_name))
      ORDER BY o.source_name, n.source_name) AS p
    ORDER BY p.new, p.old
  )
  SELECT w.* FROM (
    SELECT CASE WHEN n.source_name IS NULL THEN 'gone' WHEN o.source_name IS NULL THEN 'new' ELSE 'other' END AS change,
           coalesce(o.column_name, n.column_name) AS column_name, coalesce(n.source_name, o.source_name) AS source_name,
           n.type_name, n.remote_type, n.is_nullable, n.remote_collation, o.source_name AS old_source_name,
           (n.type_name, n.remote_type) IS DISTINCT FROM (o.type_name, o.remote_type) AS type_differs,
           n.is_nullable IS DISTINCT FROM o.is_nullable AS nullability_differs, o.remote_collation AS old_collation,
           coalesce(sambapos._replica_column(o.column_name) = ANY (missing_columns), false) AS is_back
    FROM o LEFT JOIN pair AS p ON p.old = o.source_name FULL JOIN n ON n.source_name = p.new
    ORDER BY n.source_name IS NOT NULL, n.ordinal, o.ordinal) AS w
  WHERE w.change <> 'other' OR w.is_back OR w.type_differs OR w.nullability_differs
     OR (w.source_name, w.remote_collation) IS DISTINCT FROM (w.old_source_name, w.old_collation);
$$;
COMMENT ON FUNCTION sambapos._live_changes(regclass, regclass, text[]) IS
  'How a freshly imported table differs from the live one';

-- ---- the live table ----

-- What makes the source's rows apart in the replica; our own columns are not among it.
CREATE FUNCTION sambapos._replica_key(table_name name) RETURNS name[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(array_agg(a.attname ORDER BY a.attnum), '{}')
  FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
  WHERE i.indrelid = sambapos._replica_table(table_name) AND i.indisprimary
    AND a.attname NOT IN ('site_id', 'epoch', 'root_id');
$$;
COMMENT ON FUNCTION sambapos._replica_key(name) IS 'The source''s key as a replica table has it';

-- The next read is a whole one, for the values of old rows.
CREATE FUNCTION sambapos._live_column_is_read(t sambapos._table, column_name name) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  UPDATE sambapos.table_state AS r
     SET full_due = true, missing_columns = array_remove(r.missing_columns, sambapos._replica_column(column_name)::text)
   WHERE (r.site_id, r.table_name) = (t.site_id, t.table_name);
$$;
COMMENT ON FUNCTION sambapos._live_column_is_read(sambapos._table, name) IS
  'Has the next run read a table whole, with this column';

CREATE FUNCTION sambapos._live_column_is_gone(t sambapos._table, column_name name) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  UPDATE sambapos.table_state AS r SET missing_columns = r.missing_columns
    || sambapos._replica_column(column_name)::text
   WHERE (r.site_id, r.table_name) = (t.site_id, t.table_name)
     AND sambapos._replica_column(column_name) <> ALL (r.missing_columns);
$$;
COMMENT ON FUNCTION sambapos._live_column_is_gone(sambapos._table, name) IS 'Has a column no longer read';

CREATE FUNCTION sambapos._live_column_appeared(t sambapos._table, live regclass, c sambapos._live_change) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  column_name name := sambapos._column_name_new(t.table_name, live, c.source_name, c.column_name);
  replica_name name := sambapos._replica_column(column_name);
BEGIN
  EXECUTE format('ALTER FOREIGN TABLE %s ADD COLUMN %I %s OPTIONS (column_name %L, remote_type %L%s%s)%s',
                 live, column_name, c.type_name, c.source_name, c.remote_type,
                 coalesce(', remote_collation ' || quote_literal(c.remote_collation), ''),
                 CASE WHEN replica_name = ANY (sambapos._replica_key(t.table_name)) THEN ', key ''true''' ELSE '' END,
                 CASE WHEN c.is_nullable THEN '' ELSE ' NOT NULL' END);
  PERFORM sambapos._live_column_is_read(t, column_name);
  RETURN format(CASE WHEN replica_name = ANY (t.missing_columns) THEN 'column %s is back at the source'
                ELSE 'new column %s' END,
                column_name);
END;
$$;
COMMENT ON FUNCTION sambapos._live_column_appeared(sambapos._table, regclass, sambapos._live_change) IS
  'Adds a new source column to a live table';

-- The replica's column stays as it is. The live one goes, unless a view holds it.
CREATE FUNCTION sambapos._live_column_vanished(t sambapos._table, live regclass, column_name name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._live_column_is_gone(t, column_name);
  EXECUTE format('ALTER FOREIGN TABLE %s DROP COLUMN %I', live, column_name);
  RETURN format('column %s is gone at the source, its values stay', column_name);
EXCEPTION WHEN dependent_objects_still_exist THEN
  PERFORM sambapos._live_column_is_gone(t, column_name);
  RETURN format('column %s is gone at the source, its values stay, and a view still needs it in %s', column_name, live);
END;
$$;
COMMENT ON FUNCTION sambapos._live_column_vanished(sambapos._table, regclass, name) IS
  'Stops reading a column that the source has dropped';

CREATE FUNCTION sambapos._live_column_changed(t sambapos._table, live regclass, c sambapos._live_change) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF c.type_differs THEN
    EXECUTE format('ALTER FOREIGN TABLE %s ALTER COLUMN %I TYPE %s', live, c.column_name, c.type_name);
  END IF;
  IF c.nullability_differs THEN
    EXECUTE format('ALTER FOREIGN TABLE %s ALTER COLUMN %I %s NOT NULL', live, c.column_name,
                   CASE WHEN c.is_nullable THEN 'DROP' ELSE 'SET' END);
  END IF;
  EXECUTE format('ALTER FOREIGN TABLE %s ALTER COLUMN %I OPTIONS (SET column_name %L, SET remote_type %L%s)',
                 live, c.column_name, c.source_name, c.remote_type,
                 CASE WHEN c.remote_collation IS NOT DISTINCT FROM c.old_collation THEN ''
                      WHEN c.remote_collation IS NULL THEN ', DROP remote_collation'
                      ELSE format(', %s remote_collation %L', CASE WHEN c.old_collation IS NULL THEN 'ADD'
                                  ELSE 'SET' END,
                                  c.remote_collation) END);
  IF c.is_back OR c.type_differs OR c.nullability_differs THEN
    PERFORM sambapos._live_column_is_read(t, c.column_name);
  END IF;
  RETURN nullif(concat_ws('; ',
    CASE WHEN c.is_back THEN format('column %s is back at the source', c.column_name) END,
    CASE WHEN c.source_name <> c.old_source_name
         THEN format('column %s is called "%s" at the source now', c.column_name, c.source_name) END,
    CASE WHEN c.type_differs THEN format('column %s is %s now', c.column_name, c.remote_type) END), '');
END;
$$;
COMMENT ON FUNCTION sambapos._live_column_changed(sambapos._table, regclass, sambapos._live_change) IS
  'Gives a live column the name, type, nullability and collation that the source''s has now';

CREATE FUNCTION sambapos._live_alter(t sambapos._table, live regclass, fresh regclass) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  changes text[] := '{}';
  c sambapos._live_change;
BEGIN
  FOR c IN SELECT * FROM sambapos._live_changes(live, fresh, t.missing_columns) LOOP
    changes := changes || CASE c.change
      WHEN 'new' THEN sambapos._live_column_appeared(t, live, c)
      WHEN 'gone' THEN sambapos._live_column_vanished(t, live, c.column_name)
      ELSE sambapos._live_column_changed(t, live, c) END;
  END LOOP;
  RETURN array_to_string(changes, '; ');
END;
$$;
COMMENT ON FUNCTION sambapos._live_alter(sambapos._table, regclass, regclass) IS
  'Brings a live foreign table''s columns up to the source''s; tells what it did';

-- ---- live table and replica ----

-- A key that lost a column tells rows apart still, by the columns that the replica has; one with another column
-- does not. Without the columns that roots and children are found by nothing can be read.
CREATE FUNCTION sambapos._drift_problem(place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  WITH copied AS (
    SELECT k.column_name, k.source_name FROM sambapos._table_columns(place, t) AS k
  ), needed AS (
    SELECT n.column_name FROM unnest(sambapos._replica_key(t.table_name)
             || ARRAY[t.parent_key, t.date_column, CASE t.kind WHEN 'ticket'
               THEN 'is_closed' END]::name[]) AS n (column_name)
    WHERE n.column_name IS NOT NULL AND n.column_name NOT IN (SELECT k.column_name FROM copied AS k)
  ), key AS (
    SELECT c.name AS source_name, k.column_name, c."key" AS rank
    FROM jsonb_to_recordset((sambapos._schema_version(t)).columns) AS c (name text, "key" integer)
    LEFT JOIN copied AS k ON k.source_name = c.name WHERE c."key" IS NOT NULL
  )
  SELECT coalesce(
    (SELECT format('column "%s" is gone at the source, and rows are found or told apart by it', min(n.column_name))
     FROM needed AS n HAVING count(*) > 0),
    (SELECT CASE WHEN count(*) = 0 THEN 'the table has no primary key any more'
                 WHEN bool_or(k.column_name IS NULL OR k.column_name <> ALL (sambapos._replica_key(t.table_name)))
                 THEN format('the key at the source is (%s) now, that of the replica is (%s)',
                             string_agg(k.source_name, ', ' ORDER BY k.rank),
                             array_to_string(sambapos._replica_key(t.table_name), ', ')) END FROM key AS k));
$$;
COMMENT ON FUNCTION sambapos._drift_problem(sambapos._place, sambapos._table) IS
  'Why a table cannot be copied as the source has it now; NULL: it can';

CREATE FUNCTION sambapos._drift_wait_words(place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT sambapos._lock_words(r.relation)
  FROM sambapos._table_relations(place, t.table_name) AS r
  ORDER BY sambapos._relation_holder(r.relation) IS NULL, r.rank LIMIT 1;
$$;
COMMENT ON FUNCTION sambapos._drift_wait_words(sambapos._place, sambapos._table) IS
  'Who keeps a table from being altered';

CREATE FUNCTION sambapos._drift_alter_replica(place sambapos._place, t sambapos._table, OUT problem text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  detail text;
BEGIN
  SELECT * INTO STRICT t FROM sambapos._table AS k WHERE (k.site_id, k.table_name) = (t.site_id, t.table_name);
  problem := sambapos._drift_problem(place, t);
  IF problem IS NULL THEN
    PERFORM sambapos._replica_ensure(t.site_id, t.table_name);
    PERFORM sambapos._report_follow(t.table_name);
  END IF;
EXCEPTION WHEN OTHERS THEN
  IF sambapos._log_is_passing(SQLSTATE) OR sambapos._log_is_fatal(SQLSTATE) THEN
    RAISE;
  END IF;
  GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
  problem := concat_ws(': ', problem, nullif(detail, ''));
END;
$$;
COMMENT ON FUNCTION sambapos._drift_alter_replica(sambapos._place, sambapos._table) IS
  'Brings replica tables and report view up to the live table; returns why it cannot be done';

-- The live table first. What the replica cannot follow leaves the replica as it was; what somebody holds leaves both
-- so.
CREATE FUNCTION sambapos._drift_try(place sambapos._place, t sambapos._table, fresh regclass, OUT outcome text,
                                    OUT message text)
LANGUAGE plpgsql SET lock_timeout = '100ms' SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  problem text;
  detail text;
BEGIN
  outcome := 'waiting';
  message := sambapos._table_problem(place, t);
  IF message IS NOT NULL THEN
    RETURN;
  ELSIF NOT sambapos._site_try_lock(0) THEN
    message := format('replica tables are altered by %s; the next run tries again',
                      coalesce(sambapos._site_holder(0), 'a session that has just ended'));
    RETURN;
  END IF;
  message := sambapos._live_alter(t, sambapos._live_named(place, t.table_name), fresh);
  problem := sambapos._drift_alter_replica(place, t);
  outcome := CASE WHEN problem IS NULL THEN 'followed' ELSE 'paused' END;
  message := coalesce(problem, message);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
  IF sambapos._log_is_passing(SQLSTATE) OR left(SQLSTATE, 2) = '40' THEN
    outcome := 'waiting';
    message := NULL; -- the words for it can wait: progress shows first that the run does
  ELSIF sambapos._log_is_fatal(SQLSTATE) THEN
    RAISE;
  ELSE
    outcome := 'paused';
    message := concat_ws(': ', problem, nullif(detail, ''));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._drift_try(sambapos._place, sambapos._table, regclass) IS
  'Brings live table and replica up to the source. outcome: followed, waiting (somebody holds them) or paused (it can '
  'not be done)';

-- ---- what becomes of it ----

CREATE FUNCTION sambapos._drift_followed(run_id bigint, t sambapos._table, changes text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.table_state AS r SET paused_reason = NULL, paused_under = NULL, full_due = true
   WHERE (r.site_id, r.table_name) = (t.site_id, t.table_name) AND r.paused_reason IS NOT NULL;
  UPDATE sambapos.run_table AS x SET status = 'running', message = NULL
   WHERE (x.run_id, x.table_name) = (_drift_followed.run_id, t.table_name) AND x.status = 'paused';
  IF changes <> '' THEN
    PERFORM sambapos._log_message(run_id, t.table_name, changes);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._drift_followed(bigint, sambapos._table, text) IS 'A change was followed: a pause is over';

CREATE FUNCTION sambapos._drift_paused(run_id bigint, t sambapos._table, reason text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  UPDATE sambapos.table_state AS r SET paused_reason = reason, paused_under = t.reread_at
   WHERE (r.site_id, r.table_name) = (t.site_id, t.table_name);
  UPDATE sambapos.run_table AS x SET status = 'paused', message = reason
   WHERE (x.run_id, x.table_name) = (_drift_paused.run_id, t.table_name) AND x.status IN ('running', 'paused');
$$;
COMMENT ON FUNCTION sambapos._drift_paused(bigint, sambapos._table,
                                           text) IS 'A change cannot be followed: the table is paused';

-- The table can be read as it was known, without what is gone, unless a type has changed.
CREATE FUNCTION sambapos._drift_waits(run_id bigint, place sambapos._place, t sambapos._table, fresh regclass,
                                      why text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c sambapos._live_change;
BEGIN
  FOR c IN SELECT * FROM sambapos._live_changes(sambapos._live_named(place, t.table_name), fresh,
                                                t.missing_columns) LOOP
    IF c.change = 'gone' THEN
      PERFORM sambapos._live_column_is_gone(t, c.column_name);
    ELSIF c.change = 'other' AND (c.type_differs OR c.source_name <> c.old_source_name) THEN
      PERFORM sambapos._log_failure(run_id, t.table_name, '55P03', why, NULL);
      RETURN;
    END IF;
  END LOOP;
  PERFORM sambapos._log_message(run_id, t.table_name, 'its columns have changed: ' || why);
END;
$$;
COMMENT ON FUNCTION sambapos._drift_waits(bigint, sambapos._place, sambapos._table, regclass, text) IS
  'A change could not be followed yet: the table is read without it, or fails in this run';

-- Nothing is held between two tries but what this transaction held before.
CREATE FUNCTION sambapos._drift_follow(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  tries integer := 10;
  fresh_schema name;
  fresh regclass;
  done record;
BEGIN
  PERFORM sambapos._log_progress(place, 'altering', t.table_name);
  fresh_schema := sambapos._live_fresh(place, t.source_schema, ARRAY[t.source_name]);
  fresh := sambapos._live_find(fresh_schema, t.source_name);
  PERFORM sambapos._end_remote_transaction(place.server);
  LOOP
    SELECT * INTO done FROM sambapos._drift_try(place, t, fresh);
    tries := tries - 1;
    EXIT WHEN done.outcome <> 'waiting' OR tries = 0;
    PERFORM sambapos._log_progress(place, 'waiting for', t.table_name);
    PERFORM pg_sleep(0.4);
  END LOOP;
  IF done.outcome = 'waiting' THEN
    done.message := coalesce(done.message, sambapos._drift_wait_words(place, t));
  END IF;
  CASE done.outcome
    WHEN 'followed' THEN PERFORM sambapos._drift_followed(run_id, t, done.message);
    WHEN 'paused' THEN PERFORM sambapos._drift_paused(run_id, t, done.message);
    WHEN 'waiting' THEN PERFORM sambapos._drift_waits(run_id, place, t, fresh, done.message);
  END CASE;
  PERFORM sambapos._live_fresh_drop(fresh_schema);
  PERFORM sambapos._schema_version_note(run_id, t, done.outcome, done.message);
END;
$$;
COMMENT ON FUNCTION sambapos._drift_follow(bigint, sambapos._place, sambapos._table) IS
  'Follows a change of a source table''s columns, or says why not';

-- What a run has still to follow: a pause is over when the source has changed once more, or a person says so.
CREATE FUNCTION sambapos._drift_due(run_id bigint, place sambapos._place) RETURNS SETOF sambapos._table
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT t.*
    FROM sambapos.run_table AS x
    JOIN sambapos._table AS t ON t.site_id = place.site_id AND t.table_name = x.table_name
    JOIN sambapos.schema_versions AS v ON (v.site_id, v.table_name) = (t.site_id, t.table_name) AND v.seen_until IS NULL
    WHERE x.run_id = _drift_due.run_id AND x.status IN ('running', 'paused') AND t.enabled
      AND v.tried_by IS DISTINCT FROM _drift_due.run_id
      AND (v.outcome IN ('seen', 'waiting') OR v.outcome = 'paused' AND t.paused_reason IS NULL)
    ORDER BY t.table_name;
END;
$$;
COMMENT ON FUNCTION sambapos._drift_due(bigint,
                                        sambapos._place) IS 'The tables of a run whose changes are to be followed';

-- A till that cannot be asked for this one table is no reason to leave it for good.
CREATE FUNCTION sambapos._drift_follow_next(run_id bigint, place sambapos._place) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  t sambapos._table;
  state text;
  problem text;
BEGIN
  SELECT * INTO t FROM sambapos._drift_due(run_id, place) LIMIT 1;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM sambapos._drift_follow(run_id, place, t);
  RETURN true;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, problem = MESSAGE_TEXT;
  PERFORM sambapos._log_failure(run_id, t.table_name, state, problem, NULL);
  PERFORM sambapos._schema_version_note(run_id, t, 'waiting', problem);
  RETURN true;
END;
$$;
COMMENT ON FUNCTION sambapos._drift_follow_next(bigint, sambapos._place) IS
  'Follows the change of one table; false if there is none left in this run';

-- Enters what the source has. A table that it does not show fails; what looks as before, or as the live table does,
-- needs nothing. A change of a table that is not due is noted, since it is not heard of again, and followed later.
CREATE FUNCTION sambapos._drift_look(run_id bigint, place sambapos._place) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  seen record;
  known sambapos.schema_versions;
BEGIN
  FOR seen IN
    SELECT r AS t, c.columns, x.status
    FROM sambapos.run_table AS x
    JOIN sambapos._table AS r ON r.site_id = place.site_id AND r.table_name = x.table_name AND r.enabled
    LEFT JOIN sambapos._source_columns(place) AS c USING (source_schema, source_name)
    WHERE x.run_id = _drift_look.run_id AND (x.status IN ('running', 'paused') OR x.due_at IS NOT NULL)
  LOOP
    known := sambapos._schema_version(seen.t);
    IF seen.columns IS NULL THEN
      PERFORM sambapos._schema_version_end(seen.t);
      PERFORM sambapos._log_failure(run_id, (seen.t).table_name, '42P01',
        format('the source shows no table %s.%s', (seen.t).source_schema, (seen.t).source_name),
        'It is not there, or the login may not read it.');
    ELSIF seen.columns IS DISTINCT FROM known.columns THEN
      PERFORM sambapos._schema_version_end(seen.t);
      INSERT INTO sambapos.schema_versions (site_id, table_name, columns, run_id, outcome)
      VALUES (place.site_id, (seen.t).table_name, seen.columns, _drift_look.run_id,
              CASE WHEN seen.status <> 'paused' AND sambapos._live_fits(place, seen.t, seen.columns) THEN 'followed'
                ELSE 'seen' END);
    END IF;
  END LOOP;
  RETURN EXISTS (SELECT FROM sambapos._drift_due(run_id, place));
END;
$$;
COMMENT ON FUNCTION sambapos._drift_look(bigint, sambapos._place) IS
  'Notices new, dropped and changed columns at the source; true if there is something to follow';
