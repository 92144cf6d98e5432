-- seal.sql: which rows an archive is of, what is written down of them, and sambapos_archive.
--
-- Rules:
-- * A row is in an archive if its root is, and if both count (live, cleared, superseded). A root is in it by its date
--   (a range) or because the clear has taken it (a period). A root is in one period only.
-- * What is sealed of a row are its key and the source's columns; not what the sync writes beside them (row_state,
--   first_seen_at, synced_at, version, document_epoch). So a clear, which changes row_state, changes no archive.
-- * A checksum is of a text that no setting, encoding, release of PostgreSQL and no restored dump changes: values in
--   fixed forms, numerics without trailing zeros, texts behind their length, all of it in UTF-8.
-- * Masters are in no archive: they go on.

CREATE FUNCTION sambapos._archive(archive_id bigint) RETURNS sambapos.sealed_archive
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  a sambapos.sealed_archive;
BEGIN
  SELECT * INTO a FROM sambapos.sealed_archive AS x WHERE x.archive_id = _archive.archive_id;
  IF a.archive_id IS NULL THEN
    RAISE EXCEPTION 'there is no archive %', coalesce(archive_id::text, 'NULL') USING ERRCODE = 'undefined_object',
      HINT = 'SELECT * FROM sambapos.archives shows those that are there.';
  END IF;
  RETURN a;
END;
$$;
COMMENT ON FUNCTION sambapos._archive(bigint) IS 'An archive by its number; raises 42704 if there is none';

-- ---- the checksum of a row ----

-- Arguments of concat, which gives NULL no characters. A value of fixed form has no comma in it; any other stands
-- behind its length. A column that was widened since is asked for what it was.
CREATE FUNCTION sambapos._archive_value_sql(value text, sealed_type text, present_type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE
    WHEN present_type = 'numeric' THEN format('trim_scale(%s)', value)
    WHEN sealed_type <> present_type AND sealed_type IN ('date', 'real')
      THEN format('CASE WHEN %1$s = %1$s::%2$s THEN %1$s::%2$s::text ELSE %1$s::text END', value, sealed_type)
    WHEN present_type IN ('smallint', 'integer', 'bigint', 'boolean', 'real', 'double precision', 'date', 'uuid',
                          'time without time zone', 'timestamp without time zone', 'timestamp with time zone', 'bytea')
      THEN value
    ELSE format('length(%1$s::text), '':'', %1$s', value) END;
$$;
COMMENT ON FUNCTION sambapos._archive_value_sql(text, text, text) IS
  'How a value goes into the checksum of its row, as arguments of concat';

-- A function takes a hundred arguments at most. A column that a table of earlier versions lacks is one that no run
-- writes: then the row of now has the value.
CREATE FUNCTION sambapos._archive_hash_sql(columns text[], column_types text[], relation regclass, alias text,
                                           otherwise regclass DEFAULT NULL, other_alias text DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT 'substr(sha256(convert_to(' || string_agg(p.part, ' || ' ORDER BY p.n) || ', ''UTF8'')), 1, 16)'
  FROM (SELECT c.n / 20 AS n,
               'concat(' || string_agg(sambapos._archive_value_sql(
                   format('%s.%I', CASE WHEN a.attnum IS NOT NULL THEN alias ELSE other_alias END, c.name), c.type,
                   format_type(coalesce(a.atttypid, o.atttypid), NULL)) || ', '',''', ', ' ORDER BY c.n) || ')' AS part
        FROM unnest(columns, column_types) WITH ORDINALITY AS c (name, type, n)
        LEFT JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = c.name AND NOT a.attisdropped
        LEFT JOIN pg_attribute AS o ON o.attrelid = otherwise AND o.attname = c.name AND NOT o.attisdropped
        GROUP BY c.n / 20) AS p;
$$;
COMMENT ON FUNCTION sambapos._archive_hash_sql(text[], text[], regclass, text, regclass, text) IS
  'SQL for the checksum of a row: 16 bytes of the SHA-256 of these columns of a relation, or of another one';

CREATE FUNCTION sambapos._archive_key_sql(key text[], alias text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT 'jsonb_build_array(' || string_agg(format('%s.%I', alias, k.name), ', ' ORDER BY k.n) || ')::text'
  FROM unnest(key) WITH ORDINALITY AS k (name, n);
$$;
COMMENT ON FUNCTION sambapos._archive_key_sql(text[], text) IS 'SQL for the key of a row, as a JSON array';

-- ---- which rows ----

CREATE FUNCTION sambapos._archive_other_versions_sql(a sambapos.sealed_archive) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('NOT EXISTS (SELECT FROM sambapos.sealed_archive AS o
                  WHERE o.site_id = %1$s AND o.archive_id <> %2$s AND o.superseded_by IS NULL
                    AND r.version BETWEEN o.anchor_version AND o.upto_version)
                 AND NOT EXISTS (SELECT FROM sambapos.source_events AS e
                  WHERE e.site_id = %1$s AND e.kind IN (''clear'', ''partial clear'') AND e.version = r.version%3$s)',
                a.site_id, a.archive_id,
                CASE WHEN a.anchor_version IS NOT NULL
                     THEN format(' AND NOT e.version BETWEEN %s AND %s', a.anchor_version, a.upto_version) END);
$$;
COMMENT ON FUNCTION sambapos._archive_other_versions_sql(sambapos.sealed_archive) IS
  'A condition on row r: no other clear than that of this period has taken it';

-- What a clear has taken is of its period, whatever its date: a ticket that was left open by the clear before is, too.
-- What ceased to be live otherwise (superseded, judged anew) goes by its date.
CREATE FUNCTION sambapos._archive_rule_sql(a sambapos.sealed_archive, t sambapos.archive_table, live text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE a.kind
    WHEN 'range'
      THEN format('r.%1$I >= %2$L::timestamp AND r.%1$I < %3$L::timestamp', t.date_column, a.from_at, a.to_at)
    ELSE format(
      '(r.row_state IN (''cleared'', ''superseded'')
          AND (%1$s OR %2$s AND r.%3$I > %4$L::timestamp AND r.%3$I <= %5$L::timestamp)%6$s)
       AND NOT EXISTS (SELECT FROM sambapos.archive_part AS p JOIN sambapos.sealed_archive AS o USING (archive_id)
                       CROSS JOIN LATERAL unnest(p.keys) AS k (key)
                       WHERE o.site_id = %7$s AND o.kind = ''period'' AND o.superseded_by IS NULL
                         AND o.archive_id <> %8$s AND p.table_name = %9$L AND k.key = %10$s)',
      CASE WHEN a.anchor_version IS NULL THEN 'false'
           ELSE format('r.version BETWEEN %s AND %s', a.anchor_version, a.upto_version) END,
      sambapos._archive_other_versions_sql(a), t.date_column, coalesce(a.from_at, '-infinity'),
      coalesce(a.to_at, '-infinity'), ' OR ' || live, a.site_id, a.archive_id, t.table_name,
      sambapos._archive_key_sql(t.key, 'r')) END;
$$;
COMMENT ON FUNCTION sambapos._archive_rule_sql(sambapos.sealed_archive, sambapos.archive_table, text) IS
  'A condition on row r of a root table that counts: it belongs to the archive. live: which rows that are still at the '
  'source do, of a period that is sealed before its clear';

-- A root that was sealed stays in the archive, whatever becomes of it; what fits the rule later has been added.
CREATE FUNCTION sambapos._archive_roots_sql(a sambapos.sealed_archive, t sambapos.archive_table, live text DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format(
    'SELECT r.epoch, r.id::bigint AS id FROM sambapos_replica.%1$I AS r
      WHERE r.site_id = %2$s AND r.row_state IN (''live'', ''cleared'', ''superseded'') AND %3$s
     UNION
     SELECT r.epoch, r.id::bigint FROM (
         SELECT (k.key::jsonb ->> 0)::integer AS epoch, (k.key::jsonb ->> 1)::bigint AS id
         FROM sambapos.archive_part AS p CROSS JOIN LATERAL unnest(p.keys) AS k (key)
         WHERE p.archive_id = %4$s AND p.table_name = %1$L) AS k
     JOIN sambapos_replica.%1$I AS r ON r.site_id = %2$s AND r.epoch = k.epoch AND r.id = k.id
     WHERE r.row_state IN (''live'', ''cleared'', ''superseded'')',
    t.table_name, a.site_id, sambapos._archive_rule_sql(a, t, live), a.archive_id);
$$;
COMMENT ON FUNCTION sambapos._archive_roots_sql(sambapos.sealed_archive, sambapos.archive_table, text) IS
  'A query for the roots that belong to an archive now: epoch and id';

CREATE FUNCTION sambapos._archive_rows_from_sql(a sambapos.sealed_archive, t sambapos.archive_table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('FROM sambapos_replica.%I AS r JOIN roots AS o ON o.epoch = r.epoch AND o.id = r.%I
                 WHERE r.site_id = %s AND r.row_state IN (''live'', ''cleared'', ''superseded'')',
                t.table_name, t.root_key, a.site_id);
$$;
COMMENT ON FUNCTION sambapos._archive_rows_from_sql(sambapos.sealed_archive, sambapos.archive_table) IS
  'The FROM clause for the rows r of a table that belong to an archive now, beside a query roots';

-- ---- sealing ----

CREATE FUNCTION sambapos._archive_columns(relation regclass, OUT key text[], OUT columns text[],
                                          OUT column_types text[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT (SELECT array_agg(a.attname::text ORDER BY k.n)
          FROM pg_index AS i CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, n)
          JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
          WHERE i.indrelid = relation AND i.indisprimary AND a.attname <> 'site_id'),
         array_agg(a.attname::text ORDER BY a.attnum), array_agg(format_type(a.atttypid, NULL) ORDER BY a.attnum)
  FROM pg_attribute AS a
  WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
    AND a.attname NOT IN ('site_id', 'row_state', 'first_seen_at', 'synced_at', 'version', 'document_epoch',
                          'modifiers');
$$;
COMMENT ON FUNCTION sambapos._archive_columns(regclass) IS 'The key and the columns of a replica table that are sealed';

-- Roots that have a date, and their children. A table that the role which runs may not trust is not read.
CREATE FUNCTION sambapos._archive_tables(a sambapos.sealed_archive) RETURNS SETOF sambapos.archive_table
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT a.archive_id, t.table_name, a.site_id, t.kind, coalesce(t.parent, t.table_name), coalesce(t.parent_key, 'id'),
         t.date_column, NULL::timestamp, NULL::timestamp, c.key, c.columns, c.column_types, 0::bigint,
         '{}'::jsonb, ''::text
  FROM sambapos._table AS t
  LEFT JOIN sambapos._table AS root ON root.site_id = t.site_id AND root.table_name = t.parent
  CROSS JOIN LATERAL sambapos._archive_columns(sambapos._replica_table(t.table_name)) AS c
  WHERE t.site_id = a.site_id AND t.kind <> 'master' AND c.key IS NOT NULL
    AND CASE WHEN t.parent IS NULL THEN t.date_column IS NOT NULL
             ELSE root.date_column IS NOT NULL AND sambapos._replica_table(root.table_name) IS NOT NULL END
  ORDER BY t.parent IS NOT NULL, t.table_name;
$$;
COMMENT ON FUNCTION sambapos._archive_tables(sambapos.sealed_archive) IS
  'The tables that an archive is going to have, before anything is known of their rows';

CREATE FUNCTION sambapos._archive_live_sql(a sambapos.sealed_archive, table_name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT 'r.row_state = ''live'' AND NOT coalesce(' || sambapos._root_may_stay_sql(s, t) || ', false)'
  FROM sambapos._place AS s JOIN sambapos._table AS t USING (site_id)
  WHERE a.kind = 'period' AND a.anchor_version IS NULL AND s.site_id = a.site_id
    AND t.table_name = _archive_live_sql.table_name;
$$;
COMMENT ON FUNCTION sambapos._archive_live_sql(sambapos.sealed_archive, text) IS
  'Of a period that is sealed before its clear: a condition on the rows r of a root that the clear will take; else '
  'NULL';

-- All in one pass: the rows of some hundred roots are a line, in whatever order they come.
CREATE FUNCTION sambapos._archive_seal_rows(a sambapos.sealed_archive, t sambapos.archive_table, roots text,
                                            OUT rows bigint, OUT checksum text, OUT sums jsonb,
                                            OUT first_at timestamp, OUT last_at timestamp)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  summed text[] := ARRAY(SELECT c.name FROM unnest(t.columns, t.column_types) WITH ORDINALITY AS c (name, type, n)
                         WHERE c.type = 'numeric' ORDER BY c.n);
BEGIN
  EXECUTE format(
    'WITH roots AS MATERIALIZED (%s), one AS MATERIALIZED (
       SELECT %s AS key, %s AS hash, (o.id / 500)::integer AS part, %s AS date%s %s
     ), part AS (
       INSERT INTO sambapos.archive_part (archive_id, table_name, part, keys, hashes)
       SELECT $1, $2, o.part, array_agg(o.key), array_agg(o.hash) FROM one AS o GROUP BY o.part
     )
     SELECT count(*), encode(sha256(coalesce(string_agg(o.hash, '''' ORDER BY o.hash), '''')), ''hex''),
            jsonb_strip_nulls(%s), min(o.date), max(o.date) FROM one AS o',
    roots, sambapos._archive_key_sql(t.key, 'r'),
    sambapos._archive_hash_sql(t.columns, t.column_types, sambapos._replica_table(t.table_name), 'r'),
    CASE WHEN t.kind = 'child' THEN 'NULL::timestamp' ELSE format('r.%I', t.date_column) END,
    (SELECT string_agg(format(', r.%I AS sum_%s', c.name, c.n), '' ORDER BY c.n)
     FROM unnest(summed) WITH ORDINALITY AS c (name, n)),
    sambapos._archive_rows_from_sql(a, t),
    coalesce((SELECT string_agg(format('jsonb_build_object(%L, sum(o.sum_%s))', c.name, c.n), ' || ' ORDER BY c.n)
              FROM unnest(summed) WITH ORDINALITY AS c (name, n)), '''{}'''))
    INTO rows, checksum, sums, first_at, last_at USING a.archive_id, t.table_name;
  IF t.kind <> 'child' AND a.kind = 'range' THEN -- where a row may come that was not there
    first_at := a.from_at;
    last_at := a.to_at;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_seal_rows(sambapos.sealed_archive, sambapos.archive_table, text) IS
  'Writes down the key and the checksum of each row of a table that belongs to an archive; returns how many, their '
  'checksum and sums, and of a root the dates between which they are';

CREATE FUNCTION sambapos._archive_seal_table(a sambapos.sealed_archive, t sambapos.archive_table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  root sambapos.archive_table;
  roots text;
  sealed record;
BEGIN
  SELECT * INTO root FROM sambapos.archive_table AS x WHERE (x.archive_id, x.table_name) = (a.archive_id, t.root);
  IF root.archive_id IS NULL THEN
    root := t;
  END IF;
  roots := sambapos._archive_roots_sql(a, root, sambapos._archive_live_sql(a, t.root));
  SELECT * INTO sealed FROM sambapos._archive_seal_rows(a, t, roots) AS s;
  t.rows := sealed.rows;
  t.checksum := sealed.checksum;
  t.sums := sealed.sums;
  t.first_at := sealed.first_at;
  t.last_at := sealed.last_at;
  INSERT INTO sambapos.archive_table SELECT (t).*;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_seal_table(sambapos.sealed_archive, sambapos.archive_table) IS
  'Seals one table of an archive';

CREATE FUNCTION sambapos._archive_checksum(archive_id bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT encode(sha256(convert_to(coalesce(string_agg(concat_ws(' ', t.table_name, t.rows, t.checksum), E'\n'
                                                      ORDER BY t.table_name COLLATE "C"), ''), 'UTF8')), 'hex')
  FROM sambapos.archive_table AS t WHERE t.archive_id = _archive_checksum.archive_id;
$$;
COMMENT ON FUNCTION sambapos._archive_checksum(bigint) IS 'The checksum of an archive, by those of its tables';

-- From here on changes to these rows keep what was before: the tables for that are made now, not in the middle of a
-- run.
CREATE FUNCTION sambapos._archive_history_ensure(a sambapos.sealed_archive) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
  t sambapos._table;
BEGIN
  SELECT * INTO STRICT place FROM sambapos._place AS s WHERE s.site_id = a.site_id;
  FOR t IN SELECT k.* FROM sambapos._table AS k JOIN sambapos.archive_table AS x USING (site_id, table_name)
            WHERE x.archive_id = a.archive_id
              AND sambapos._replica_kind((k.table_name || '_history')::name) IS DISTINCT FROM 'history'
            ORDER BY k.table_name
  LOOP
    PERFORM sambapos._history_ensure(place, t);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_history_ensure(sambapos.sealed_archive) IS
  'Makes the tables of earlier versions that the tables of an archive lack';

-- The definition is there, as a row; what belongs to it is written down.
CREATE FUNCTION sambapos._archive_seal(INOUT a sambapos.sealed_archive)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  t sambapos.archive_table;
BEGIN
  FOR t IN SELECT k.* FROM sambapos._archive_tables(a) AS k LOOP
    PERFORM sambapos._archive_seal_table(a, t);
  END LOOP;
  PERFORM sambapos._archive_history_ensure(a);
  UPDATE sambapos.sealed_archive AS x
     SET checksum = sambapos._archive_checksum(x.archive_id),
         rows = (SELECT coalesce(sum(k.rows), 0) FROM sambapos.archive_table AS k WHERE k.archive_id = x.archive_id)
   WHERE x.archive_id = a.archive_id RETURNING * INTO a;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_seal(sambapos.sealed_archive) IS
  'Seals what belongs to an archive that was defined';

-- ---- ranges ----

CREATE FUNCTION sambapos._archive_seal_range(place sambapos._place, from_date date, to_date date, note text)
RETURNS sambapos.sealed_archive
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  a sambapos.sealed_archive;
BEGIN
  INSERT INTO sambapos.sealed_archive (site_id, kind, from_date, to_date, from_at, to_at, version, note)
  VALUES (place.site_id, 'range', from_date, to_date, from_date, to_date + 1, place.version, note) RETURNING * INTO a;
  a := sambapos._archive_seal(a);
  IF a.rows = 0 THEN
    RAISE NOTICE 'archive % of site "%" is empty: no row has a date from % to %', a.archive_id, place.name, from_date,
      to_date;
  ELSIF to_date >= sambapos._site_clock(place)::date THEN
    RAISE NOTICE 'the last day of archive % of site "%" is not over', a.archive_id, place.name USING
      DETAIL = 'What is sold until then will have been added to it.';
  END IF;
  RETURN a;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_seal_range(sambapos._place, date, date, text) IS 'Seals the days of a range';

-- ---- periods ----

-- A period ends when its tickets are cleared; at a site without tickets, when another root is.
CREATE FUNCTION sambapos._archive_anchor_table(site_id integer) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT t.table_name FROM sambapos.replicated_table AS t
  WHERE t.site_id = _archive_anchor_table.site_id AND t.kind IN ('ticket', 'document', 'period')
    AND t.date_column IS NOT NULL
  ORDER BY array_position('{ticket,document,period}', t.kind), t.table_name <> 'account_transaction_documents',
           t.table_name LIMIT 1;
$$;
COMMENT ON FUNCTION sambapos._archive_anchor_table(integer) IS 'The table whose clear ends the periods of a site';

CREATE FUNCTION sambapos._archive_periods(site_id integer)
RETURNS TABLE (event_id bigint, version bigint, ended_at timestamptz, archive_id bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT max(e.event_id), e.version, max(e.at),
         (SELECT min(a.archive_id) FROM sambapos.sealed_archive AS a
          WHERE a.site_id = _archive_periods.site_id AND a.kind = 'period' AND a.superseded_by IS NULL
            AND e.version BETWEEN a.anchor_version AND a.upto_version)
  FROM sambapos.source_events AS e
  WHERE e.site_id = _archive_periods.site_id AND e.kind IN ('clear', 'partial clear') AND e.version IS NOT NULL
    AND e.table_name = sambapos._archive_anchor_table(_archive_periods.site_id)
  GROUP BY e.version ORDER BY e.version;
$$;
COMMENT ON FUNCTION sambapos._archive_periods(integer) IS
  'The periods of a site that a clear has ended, and their archives; archive_id NULL: not sealed';

CREATE FUNCTION sambapos._archive_last_date(a sambapos.sealed_archive) RETURNS timestamp
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  anchor text := sambapos._archive_anchor_table(a.site_id);
  last timestamp;
BEGIN
  EXECUTE format('SELECT max(r.%I) FROM sambapos_replica.%I AS r WHERE r.site_id = $1 AND %s',
                 (SELECT t.date_column FROM sambapos.replicated_table AS t
                  WHERE (t.site_id, t.table_name) = (a.site_id, anchor)), anchor,
                 coalesce(sambapos._archive_live_sql(a, anchor),
                          'r.row_state IN (''cleared'', ''superseded'') AND r.version BETWEEN $2 AND $3'))
    INTO last USING a.site_id, a.anchor_version, a.upto_version;
  RETURN last;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_last_date(sambapos.sealed_archive) IS
  'The last date of the tickets that the clear of a period has taken, or is going to take';

CREATE FUNCTION sambapos._archive_undo(archive_id bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  DELETE FROM sambapos.archive_part AS p WHERE p.archive_id = _archive_undo.archive_id;
  DELETE FROM sambapos.archive_table AS t WHERE t.archive_id = _archive_undo.archive_id;
  DELETE FROM sambapos.sealed_archive AS x WHERE x.archive_id = _archive_undo.archive_id;
  UPDATE sambapos.sealed_archive AS o SET superseded_by = NULL WHERE o.superseded_by = _archive_undo.archive_id;
$$;
COMMENT ON FUNCTION sambapos._archive_undo(bigint) IS 'Takes back an archive that was sealed just now';

-- The same rows that a period had before its clear: then the archive of before is that of the period, and needs to be
-- told only which clear it was.
CREATE FUNCTION sambapos._archive_merge_open(INOUT a sambapos.sealed_archive, open_id bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF NOT EXISTS (SELECT FROM sambapos.sealed_archive AS o WHERE o.archive_id = open_id AND o.checksum = a.checksum
                 AND o.rows = a.rows AND o.dropped_at IS NULL) THEN
    RETURN;
  END IF;
  PERFORM sambapos._archive_undo(a.archive_id);
  UPDATE sambapos.sealed_archive AS o
     SET anchor_version = a.anchor_version, upto_version = a.upto_version, event_id = a.event_id,
         from_at = a.from_at, to_at = a.to_at, note = coalesce(a.note, o.note)
   WHERE o.archive_id = open_id RETURNING * INTO a;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_merge_open(sambapos.sealed_archive, bigint) IS
  'Goes on with the archive that was sealed before the clear if the clear has taken exactly that';

CREATE FUNCTION sambapos._archive_seal_period(place sambapos._place, anchor_version bigint, upto_version bigint,
                                              event_id bigint, note text) RETURNS sambapos.sealed_archive
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  a sambapos.sealed_archive;
  open_id bigint := (SELECT o.archive_id FROM sambapos.sealed_archive AS o
                     WHERE o.site_id = place.site_id AND o.kind = 'period' AND o.anchor_version IS NULL
                       AND o.superseded_by IS NULL);
BEGIN
  INSERT INTO sambapos.sealed_archive (site_id, kind, anchor_version, upto_version, event_id, version, note, from_at)
  SELECT place.site_id, 'period', s.anchor_version, s.upto_version, s.event_id, place.version, s.note, max(o.to_at)
  FROM (SELECT _archive_seal_period.anchor_version, _archive_seal_period.upto_version,
               _archive_seal_period.event_id, _archive_seal_period.note) AS s
  LEFT JOIN sambapos.sealed_archive AS o ON o.site_id = place.site_id AND o.kind = 'period' AND o.superseded_by IS NULL
        AND o.anchor_version IS NOT NULL AND (s.anchor_version IS NULL OR o.anchor_version < s.anchor_version)
  GROUP BY s.anchor_version, s.upto_version, s.event_id, s.note RETURNING * INTO a;
  UPDATE sambapos.sealed_archive AS x SET to_at = sambapos._archive_last_date(a) WHERE x.archive_id = a.archive_id
  RETURNING * INTO a;
  UPDATE sambapos.sealed_archive AS o SET superseded_by = a.archive_id WHERE o.archive_id = open_id;
  a := sambapos._archive_seal(a);
  RETURN sambapos._archive_merge_open(a, open_id);
END;
$$;
COMMENT ON FUNCTION sambapos._archive_seal_period(sambapos._place, bigint, bigint, bigint, text) IS
  'Seals what the clear of these versions has taken; without versions what the next clear is going to take';

-- A clear that several runs saw is one: what was noted when the first of them did goes before.
CREATE FUNCTION sambapos._archive_seal_last_period(place sambapos._place, note text) RETURNS sambapos.sealed_archive
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  last record;
  due sambapos.archive_due;
  newest bigint := (SELECT max(p.version) FROM sambapos._archive_periods(place.site_id) AS p);
  a sambapos.sealed_archive;
BEGIN
  SELECT * INTO last FROM sambapos._archive_periods(place.site_id) AS p WHERE p.archive_id IS NULL
   ORDER BY p.version DESC LIMIT 1;
  IF last.version IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT * INTO due FROM sambapos.archive_due AS d WHERE d.site_id = place.site_id AND d.version <= last.version
     AND NOT EXISTS (SELECT FROM sambapos.sealed_archive AS x
                     WHERE x.site_id = place.site_id AND x.superseded_by IS NULL
                       AND x.anchor_version BETWEEN d.version AND last.version);
  a := sambapos._archive_seal_period(place, coalesce(due.version, last.version),
                                     CASE WHEN last.version = newest THEN place.version ELSE last.version END,
                                     last.event_id, note);
  DELETE FROM sambapos.archive_due AS d WHERE d.site_id = place.site_id AND d.version <= last.version;
  RETURN a;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_seal_last_period(sambapos._place, text) IS
  'Seals the last period that a clear has ended and that is not sealed; NULL: there is none';

-- ---- what users call ----

CREATE FUNCTION sambapos._archive_check_arguments(from_date date, to_date date) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF (from_date IS NULL) <> (to_date IS NULL) THEN
    RAISE EXCEPTION 'a range needs its first and its last day' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give both, or neither: then the last period that a clear has ended is sealed.';
  ELSIF NOT isfinite(from_date) OR NOT isfinite(to_date) THEN
    RAISE EXCEPTION 'a range has no end' USING ERRCODE = 'invalid_parameter_value',
      DETAIL = format('The range is from %s to %s.', from_date, to_date);
  ELSIF to_date < from_date THEN
    RAISE EXCEPTION 'the last day of the range, %, is before the first, %', to_date, from_date
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_check_arguments(date, date) IS 'Raises 22023 for days that are no range';

CREATE FUNCTION sambapos._archive_last_sealed(place sambapos._place) RETURNS sambapos.sealed_archive
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  a sambapos.sealed_archive;
BEGIN
  SELECT x.* INTO a FROM sambapos._archive_periods(place.site_id) AS p
    JOIN sambapos.sealed_archive AS x USING (archive_id)
   ORDER BY p.version DESC LIMIT 1;
  IF a.archive_id IS NULL THEN
    RAISE EXCEPTION 'no period of site "%" has ended', place.name USING ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = 'A period ends with a clear at the till that a run has seen.',
      HINT = format('A range of days can be sealed at any time: SELECT sambapos_archive(%L, first_day, last_day);',
                    place.name);
  END IF;
  RAISE NOTICE 'the last period of site "%" is sealed already: archive %', place.name, a.archive_id;
  RETURN a;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_last_sealed(sambapos._place) IS
  'The archive of the last period of a site; raises 55000 if none has ended';

CREATE FUNCTION @extschema@.sambapos_archive(site text, from_date date DEFAULT NULL, to_date date DEFAULT NULL,
                                             note text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place := sambapos._site(site);
  a sambapos.sealed_archive;
BEGIN
  PERFORM sambapos._archive_check_arguments(from_date, to_date);
  PERFORM sambapos._catalog_check();
  PERFORM sambapos._check_isolation();
  PERFORM sambapos._site_lock(place.site_id);
  place := sambapos._site(site); -- as it is now that no run can change it
  IF from_date IS NOT NULL THEN
    a := sambapos._archive_seal_range(place, from_date, to_date, note);
  ELSE
    a := coalesce(sambapos._archive_seal_last_period(place, note), sambapos._archive_last_sealed(place));
  END IF;
  RETURN a.archive_id;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_archive(text, date, date, text) IS
  'Seals the tickets, documents and work periods of these days, by the till''s clock, with all that belongs to them: '
  'writes down counts, sums and checksums, so that sambapos_verify_archive can say later whether they are what they '
  'were. Without days: the last period (between two clears) that has ended and is not sealed; if all are, it says so '
  'and which archive the last one is. Returns the number of the archive. Errors: 42704 no such site, 22023 no range, '
  '55000 no period has ended, 55P03 a run of the site is running, 25001 the transaction''s isolation level';

CREATE VIEW sambapos.archives AS
SELECT s.name AS site, a.archive_id, a.kind, a.from_date, a.to_date,
       coalesce(k.first_at, a.from_at) AS first_at, coalesce(k.last_at, a.to_at) AS last_at,
       CASE WHEN a.superseded_by IS NOT NULL THEN 'superseded' WHEN a.dropped_at IS NOT NULL THEN 'dropped'
            WHEN a.kind = 'period' AND a.anchor_version IS NULL THEN 'open' ELSE 'sealed' END AS state,
       a.sealed_at, a.sealed_by, a.note, k.tables, a.rows, k.sums, a.checksum, a.superseded_by, a.dropped_at,
       (SELECT count(*) FROM sambapos.archive_export AS e WHERE e.archive_id = a.archive_id) AS exports,
       (SELECT max(e.uploaded_at) FROM sambapos.archive_export AS e WHERE e.archive_id = a.archive_id) AS uploaded_at,
       (SELECT x.schema_name FROM sambapos.archive_attachment AS x WHERE x.archive_id = a.archive_id) AS attached_as
FROM sambapos.sealed_archive AS a
LEFT JOIN sambapos.site AS s USING (site_id)
LEFT JOIN LATERAL (
  SELECT count(*) AS tables, jsonb_object_agg(t.table_name, t.sums ORDER BY t.table_name) AS sums,
         min(t.first_at) FILTER (WHERE a.kind = 'period') AS first_at,
         max(t.last_at) FILTER (WHERE a.kind = 'period') AS last_at
  FROM sambapos.archive_table AS t WHERE t.archive_id = a.archive_id) AS k ON true;
COMMENT ON VIEW sambapos.archives IS 'What was sealed: an archive a row';
COMMENT ON COLUMN sambapos.archives.kind IS 'period: between two clears; range: the days from from_date to to_date';
COMMENT ON COLUMN sambapos.archives.first_at IS
  'Of a period: the earliest date of its tickets, documents and work periods; of a range: its beginning';
COMMENT ON COLUMN sambapos.archives.last_at IS
  'Of a period: the latest of these dates; of a range: the first moment after it';
COMMENT ON COLUMN sambapos.archives.state IS
  'sealed; open: sealed by sambapos_prepare_clear, the clear is still to come; superseded: the clear took more, '
  'archive superseded_by has it all; dropped: sambapos_apply_retention has exported it and deleted its rows here';
COMMENT ON COLUMN sambapos.archives.exports IS 'How often it was exported; see sambapos.archive_export';
COMMENT ON COLUMN sambapos.archives.uploaded_at IS 'When an export of it was carried away';
COMMENT ON COLUMN sambapos.archives.attached_as IS 'The schema in which it can be queried; NULL: it is not attached';
COMMENT ON COLUMN sambapos.archives.sums IS 'Of each table the sums of its amounts and quantities';
