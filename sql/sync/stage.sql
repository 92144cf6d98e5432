-- stage.sql: rows of the source in a temporary table, as they were read; the SQL that compares them with the replica.

-- What a stage has of its replica table.
CREATE FUNCTION sambapos._stage_columns(place sambapos._place, t sambapos._table) RETURNS name[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT 'epoch'::name || CASE WHEN sambapos._replica_has_root_id(t) THEN '{root_id}' ELSE '{}' END::name[]
           || array_agg(c.column_name ORDER BY c.ordinal)
           || CASE WHEN sambapos._table_document_link(place, t) IS NULL THEN '{}' ELSE '{document_epoch}' END::name[]
    FROM sambapos._table_columns(place, t) AS c);
END;
$$;
COMMENT ON FUNCTION sambapos._stage_columns(sambapos._place, sambapos._table) IS 'The columns of a table''s stage';

-- The stage of the run before is as good, unless the columns are others.
CREATE FUNCTION sambapos._stage_make(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stage text := format('pg_temp.%I', sambapos._stage_name(t.table_name));
  columns name[] := sambapos._stage_columns(place, t);
  fits boolean;
BEGIN
  SELECT count(*) = cardinality(columns) AND bool_and(a.attname = ANY (columns)
                                           AND r.atttypid IS NOT DISTINCT FROM a.atttypid) INTO fits
  FROM pg_attribute AS a
  LEFT JOIN pg_attribute AS r ON r.attrelid = to_regclass(format('sambapos_replica.%I', t.table_name))
                               AND r.attname = a.attname
  WHERE a.attrelid = to_regclass(stage) AND a.attnum > 0 AND NOT a.attisdropped;
  IF NOT fits AND to_regclass(stage) IS NOT NULL THEN
    EXECUTE format('DROP TABLE %s', stage);
  END IF;
  IF NOT fits OR to_regclass(stage) IS NULL THEN
    EXECUTE format('CREATE TEMPORARY TABLE %I AS SELECT %s FROM sambapos_replica.%I WITH NO DATA',
                   sambapos._stage_name(t.table_name),
                   (SELECT string_agg(quote_ident(c), ', ' ORDER BY n)
                    FROM unnest(columns) WITH ORDINALITY AS c (c, n)),
                   t.table_name);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._stage_make(sambapos._place, sambapos._table) IS
  'Makes the temporary table that a table''s rows are staged in';

-- One that the run before has left is empty, and may have the columns of another site: nobody has read into it since.
CREATE FUNCTION sambapos._stage_is_filled(table_name name) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stage regclass := to_regclass(format('pg_temp.%I', sambapos._stage_name(table_name)));
  is_filled boolean := coalesce(pg_relation_size(stage) > 0, false);
BEGIN
  IF is_filled THEN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', stage) INTO is_filled;
  END IF;
  RETURN is_filled;
END;
$$;
COMMENT ON FUNCTION sambapos._stage_is_filled(name) IS 'True if rows of a table were staged for this run';

-- What a site's first life is loaded with is of epoch 1, nearly always: staged so, it need not be written once more when
-- that is found to be true (_epoch_find).
CREATE FUNCTION sambapos._stage_is_of_first_epoch(place sambapos._place, t sambapos._table) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT t.loaded_at IS NULL AND place.epoch = 1
     AND (t.kind IN ('ticket', 'document', 'period') OR t.kind = 'child' AND sambapos._table_has_root(t));
$$;
COMMENT ON FUNCTION sambapos._stage_is_of_first_epoch(sambapos._place, sambapos._table) IS
  'True if rows of a table are staged as rows of epoch 1, before it is known whose they are';

CREATE FUNCTION sambapos._stage_read_sql(place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('INSERT INTO pg_temp.%I (%s) SELECT %s FROM %I.%I', sambapos._stage_name(t.table_name),
                string_agg(quote_ident(c.name), ', ' ORDER BY c.ordinal),
                string_agg(c.value, ', ' ORDER BY c.ordinal),
                sambapos._live_schema(place.name), t.table_name)
  FROM (SELECT k.column_name AS name, CASE WHEN k.is_hidden THEN 'NULL' ELSE quote_ident(k.live_name) END AS value,
               k.ordinal
        FROM sambapos._table_columns(place, t) AS k
        UNION ALL
        SELECT e.name, e.value, 0::smallint
        FROM (VALUES ('epoch', '1'),
                     ('root_id', CASE WHEN sambapos._replica_has_root_id(t) THEN quote_ident(t.parent_key) END),
                     ('document_epoch', (SELECT format('CASE WHEN %I IS NOT NULL THEN 1 END', l.live_name)
                                         FROM sambapos._table_columns(place, t) AS l
                                         WHERE l.column_name = sambapos._table_document_link(place, t))))
             AS e (name, value)
        WHERE e.value IS NOT NULL AND sambapos._stage_is_of_first_epoch(place, t)) AS c;
$$;
COMMENT ON FUNCTION sambapos._stage_read_sql(sambapos._place, sambapos._table) IS
  'The statement that stages rows of a live table, but for its condition';

-- Reads rows of a live table into its stage. In the condition $1 is ids, $2 is low, $3 is since.
CREATE FUNCTION sambapos._stage_read(place sambapos._place, t sambapos._table, condition text DEFAULT '',
  ids bigint[] DEFAULT NULL, low bigint DEFAULT NULL, since timestamp DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE concat_ws(' ', sambapos._stage_read_sql(place, t), condition) USING ids, low, since;
  PERFORM sambapos._pace(place, t.table_name);
END;
$$;
COMMENT ON FUNCTION sambapos._stage_read(sambapos._place, sambapos._table, text, bigint[], bigint, timestamp) IS
  'Reads rows of a live table into its stage';

-- SQL Server refuses a statement with too many values in a list, and plans one with many for long.
CREATE FUNCTION sambapos._stage_chunks(ids bigint[]) RETURNS SETOF bigint[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT ids[first : first + 999] FROM generate_series(1, cardinality(ids), 1000) AS first; $$;
COMMENT ON FUNCTION sambapos._stage_chunks(bigint[]) IS 'As many ids as one question to the source takes: a thousand';

CREATE FUNCTION sambapos._stage_read_by(place sambapos._place, t sambapos._table, key name, ids bigint[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT sambapos._stage_read(place, t, format('WHERE %I = ANY ($1)', key), chunk)
  FROM sambapos._stage_chunks(ids) AS chunk;
$$;
COMMENT ON FUNCTION sambapos._stage_read_by(sambapos._place, sambapos._table, name, bigint[]) IS
  'Reads the rows with these ids into the stage, a thousand ids at a time';

-- Without statistics the planner takes every temporary table for a small one. It is joined by keys and epochs; the
-- values cost most. What is asked of them is only how many rows there are, and whether the epochs are known: a small
-- sample says that.
CREATE FUNCTION sambapos._stage_analyze(relation name) RETURNS void
LANGUAGE plpgsql SET default_statistics_target = 10 SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  large boolean;
BEGIN
  EXECUTE format('SELECT count(*) > 1000 FROM (SELECT FROM pg_temp.%I LIMIT 1001) AS s', relation) INTO large;
  IF large THEN
    EXECUTE format('ANALYZE pg_temp.%I (%s)', relation, (
      SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_attribute AS a
      WHERE a.attrelid = to_regclass(format('pg_temp.%I', relation)) AND a.attnum > 0 AND NOT a.attisdropped
        AND (a.attname IN ('epoch', 'root_id', 'table_name') OR a.attname ~ '(^|_)id$')));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._stage_analyze(name) IS
  'Gathers statistics on what a large temporary table is joined by';

CREATE FUNCTION sambapos._stage_done(t sambapos._table) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$ SELECT sambapos._stage_analyze(sambapos._stage_name(t.table_name)); $$;
COMMENT ON FUNCTION sambapos._stage_done(sambapos._table) IS 'Gathers statistics on a large stage';

CREATE FUNCTION sambapos._replica_live_row_sql(t sambapos._table, id text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('SELECT FROM sambapos_replica.%I AS l WHERE l.site_id = $1 AND l.row_state = ''live'' AND l.id = %s',
                t.table_name, id);
$$;
COMMENT ON FUNCTION sambapos._replica_live_row_sql(sambapos._table, text) IS
  'A subquery for the live replica row of an id; $1 is the site';

-- Staged rows with their replica rows of the same id, whatever the epoch, through the primary key. It looks into each
-- epoch for each row, so it is for few rows: the condition is met first. A row is told from others by its ctid, the
-- one name beside the source's that no column can have.
CREATE FUNCTION sambapos._stage_namesakes_sql(t sambapos._table, keys name[], condition text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('(SELECT s.ctid, s.* FROM pg_temp.%I AS s WHERE %s OFFSET 0) AS s
                 JOIN sambapos._epoch_present AS e ON e.site_id = $1
                 JOIN sambapos_replica.%I AS r ON r.site_id = $1 AND r.epoch = e.epoch AND %s',
                sambapos._stage_name(t.table_name), condition, t.table_name,
                (SELECT string_agg(format('r.%I = s.%1$I', k), ' AND ') FROM unnest(keys) AS k));
$$;
COMMENT ON FUNCTION sambapos._stage_namesakes_sql(sambapos._table, name[], text) IS
  'A FROM item: those staged rows s (s.ctid: where they are) joined with the replica''s rows r of the same key in '
  'every epoch';

-- The same of live rows only, or of those that are not. What it costs does not depend on how often ids were used
-- before, nor on how many epochs there are: there are indexes for it, OFFSET 0 keeps the planner to them, and which
-- epochs count is asked once.
CREATE FUNCTION sambapos._replica_present_rows_sql(t sambapos._table, condition text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('SELECT k.* FROM (SELECT l.* FROM sambapos_replica.%I AS l
                                  WHERE l.site_id = $1 AND l.id = s.id AND %s OFFSET 0) AS k
                 WHERE k.epoch = ANY (ARRAY(SELECT e.epoch FROM sambapos._epoch_present AS e WHERE e.site_id = $1))',
                t.table_name, condition);
$$;
COMMENT ON FUNCTION sambapos._replica_present_rows_sql(sambapos._table, text) IS
  'A subquery for the replica rows l of the id of staged row s that meet a condition; $1 is the site';

CREATE FUNCTION sambapos._stage_live_namesakes_sql(t sambapos._table) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('pg_temp.%I AS s CROSS JOIN LATERAL (%s) AS r', sambapos._stage_name(t.table_name),
                sambapos._replica_present_rows_sql(t, 'l.row_state = ''live'''));
$$;
COMMENT ON FUNCTION sambapos._stage_live_namesakes_sql(sambapos._table) IS
  'A FROM item: staged roots joined with the replica''s live rows of the same id';

CREATE FUNCTION sambapos._stage_past_namesakes_sql(t sambapos._table, condition text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('(SELECT s.* FROM pg_temp.%I AS s WHERE %s OFFSET 0) AS s CROSS JOIN LATERAL (%s) AS r',
                sambapos._stage_name(t.table_name), condition,
                sambapos._replica_present_rows_sql(t, 'l.row_state <> ''live'''));
$$;
COMMENT ON FUNCTION sambapos._stage_past_namesakes_sql(sambapos._table, text) IS
  'A FROM item: those staged roots joined with the replica''s rows of the same id that are not live';

-- What is loaded for the first time is compared with nothing: the replica has no row under the staged ids, whatever its
-- epoch and its state. Of children it is the ids of their roots that count, which are in their keys. Whether a row that
-- has no root is there already is always looked for.
CREATE FUNCTION sambapos._stage_is_new(place sambapos._place, t sambapos._table) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  id name := CASE t.kind WHEN 'child' THEN t.parent_key ELSE 'id' END;
  low bigint;
  high bigint;
  rootless boolean;
  known boolean;
BEGIN
  IF t.loaded_at IS NOT NULL THEN
    RETURN false;
  ELSIF t.kind = 'child' AND (sambapos._pace_run(place)).mode = 'backfill'
        AND t.table_name = ANY (SELECT unnest(b.empty_tables) FROM sambapos.backfill AS b
                                WHERE (b.site_id, b.table_name) = (place.site_id, t.parent)) THEN
    -- no two chunks have a root in common
    EXECUTE format('SELECT EXISTS (SELECT FROM pg_temp.%I AS s WHERE s.%I IS NULL)',
                   sambapos._stage_name(t.table_name), id) INTO rootless;
    RETURN NOT rootless;
  ELSIF t.kind = 'master' THEN
    EXECUTE format('SELECT EXISTS (SELECT FROM sambapos_replica.%I AS r WHERE r.site_id = $1)', t.table_name)
      INTO known USING place.site_id;
    RETURN NOT known;
  END IF;
  EXECUTE format('SELECT min(s.%1$I), max(s.%1$I), coalesce(bool_or(s.%1$I IS NULL), false) FROM pg_temp.%2$I AS s',
                 id, sambapos._stage_name(t.table_name)) INTO low, high, rootless;
  -- the next id is looked up in an index, however many rows the planner expects below the highest one
  EXECUTE format(CASE t.kind WHEN 'child' THEN
      'SELECT n.id <= $3 FROM (SELECT r.%2$I AS id FROM sambapos_replica.%1$I AS r
                               WHERE r.site_id = $1 AND r.%2$I >= $2 ORDER BY r.%2$I LIMIT 1) AS n'
    ELSE
      'SELECT bool_or(n.id <= $3) FROM sambapos._epoch_present AS e CROSS JOIN LATERAL (
         SELECT r.%2$I AS id FROM sambapos_replica.%1$I AS r
         WHERE r.site_id = $1 AND r.epoch = e.epoch AND r.%2$I >= $2 ORDER BY r.%2$I LIMIT 1) AS n
       WHERE e.site_id = $1' END, t.table_name, id) INTO known USING place.site_id, low, high;
  RETURN NOT (rootless OR coalesce(known, false));
END;
$$;
COMMENT ON FUNCTION sambapos._stage_is_new(sambapos._place, sambapos._table) IS
  'True if a table is loaded for the first time and the replica has no row under the ids that are staged';

-- A row fetched twice, as it can be where the source takes no snapshot, is one row. One that moved to another root
-- in between is where it was seen last. Two different rows under one key are refused otherwise.
CREATE FUNCTION sambapos._stage_refuse_doubles(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stage text := format('pg_temp.%I', sambapos._stage_name(t.table_name));
  keys text := (SELECT string_agg(quote_ident(k), ', ') FROM unnest(sambapos._table_key(place, t)) AS k);
  doubles bigint;
  examples text;
BEGIN
  EXECUTE format('SELECT count(*) FROM (SELECT FROM %s GROUP BY %s HAVING count(*) > 1) AS d', stage, keys)
    INTO doubles;
  IF doubles = 0 THEN
    RETURN;
  END IF;
  EXECUTE format('DELETE FROM %1$s AS s USING %1$s AS o WHERE s.ctid > o.ctid AND s.* IS NOT DISTINCT FROM o.*', stage);
  IF sambapos._replica_has_root_id(t) THEN
    EXECUTE format('DELETE FROM %1$s AS s USING %1$s AS o
                     WHERE s.ctid < o.ctid AND s.%2$I IS DISTINCT FROM o.%2$I AND (%3$s)', stage, t.parent_key,
                   (SELECT string_agg(format('s.%I = o.%1$I', k), ' AND ')
                    FROM unnest(sambapos._table_key(place, t)) AS k));
  END IF;
  EXECUTE format('SELECT count(*), string_agg(k, '', '') FROM (SELECT (%1$s)::text AS k FROM %2$s GROUP BY %1$s
                  HAVING count(*) > 1 ORDER BY %1$s LIMIT 10) AS d', keys, stage) INTO doubles, examples;
  IF doubles > 0 THEN
    RAISE EXCEPTION 'the source delivered different rows of table "%" under one key', t.source_name USING
      ERRCODE = 'unique_violation', DETAIL = format('Key (%s): %s.', keys, examples);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._stage_refuse_doubles(sambapos._place, sambapos._table) IS
  'Raises 23505 if different rows under one key were staged';

-- The pieces of SQL that the statements of one table are made of; r is the replica, s the stage. What the source says
-- differs (values_differ), or what is kept of a row (differs).
CREATE FUNCTION sambapos._merge_parts(place sambapos._place, t sambapos._table, OUT on_key text, OUT differs text,
                                      OUT values_differ text, OUT names text, OUT staged text, OUT assign text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT 'r.site_id = $1 AND r.epoch = s.epoch AND '
         || string_agg(format('r.%I = s.%1$I', c.name), ' AND ') FILTER (WHERE c.is_key),
         coalesce('(' || string_agg(format('r.%I', c.name), ', ' ORDER BY c.ordinal) FILTER (WHERE NOT c.is_key)
                  || ') IS DISTINCT FROM ('
                  || string_agg(format('s.%I', c.name), ', ' ORDER BY c.ordinal) FILTER (WHERE NOT c.is_key) || ')',
                  'false'),
         coalesce('(' || string_agg(format('r.%I', c.name), ', ' ORDER BY c.ordinal) FILTER (WHERE c.is_value)
                  || ') IS DISTINCT FROM ('
                  || string_agg(format('s.%I', c.name), ', ' ORDER BY c.ordinal) FILTER (WHERE c.is_value) || ')',
                  'false'),
         string_agg(format('%I', c.name), ', ' ORDER BY c.ordinal),
         string_agg(format('s.%I', c.name), ', ' ORDER BY c.ordinal),
         coalesce(string_agg(format('%I = s.%1$I', c.name), ', ' ORDER BY c.ordinal) FILTER (WHERE NOT c.is_key)
                  || ', ', '')
  FROM (SELECT k.column_name AS name, k.is_key, NOT k.is_key AS is_value, k.ordinal
        FROM sambapos._table_columns(place, t) AS k
        UNION ALL SELECT 'root_id', true, false, 0::smallint WHERE sambapos._replica_has_root_id(t)
        UNION ALL SELECT 'document_epoch', false, false, NULL
                  WHERE sambapos._table_document_link(place, t) IS NOT NULL) AS c;
$$;
COMMENT ON FUNCTION sambapos._merge_parts(sambapos._place, sambapos._table) IS
  'Column lists and conditions of a table''s merge';
