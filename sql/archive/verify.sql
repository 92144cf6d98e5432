-- verify.sql: is what was sealed still there, and if not, what has become of it?
--
-- Rules:
-- * intact: the rows that belong to the archive are those that were sealed, value by value.
-- * restated: some are others, and it is known how that came: a run has written them since, and what they were is kept
--   in the table of earlier versions, or in the row that no longer counts.
-- * damaged: anything else. Nobody but a run writes such rows; or the records of the archive were changed.
-- * Nothing is locked and nothing written: a reader may ask, on a standby too.

CREATE FUNCTION sambapos._archive_not_dropped_sql(a sambapos.sealed_archive, t sambapos.archive_table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN EXISTS (SELECT FROM sambapos.sealed_archive AS o
                           WHERE o.site_id = a.site_id AND o.dropped_at IS NOT NULL)
              THEN format(' AND NOT (n.key IS NULL AND EXISTS (
                             SELECT FROM sambapos.sealed_archive AS o JOIN sambapos.archive_part AS p USING (archive_id)
                             CROSS JOIN LATERAL unnest(p.keys, p.hashes) AS k (key, hash)
                             WHERE o.site_id = %s AND o.dropped_at IS NOT NULL AND p.table_name = %L
                               AND k.key = s.key AND k.hash = s.hash))', a.site_id, t.table_name)
              ELSE '' END;
$$;
COMMENT ON FUNCTION sambapos._archive_not_dropped_sql(sambapos.sealed_archive, sambapos.archive_table) IS
  'SQL that leaves out sealed row s that is in another archive, just so, whose rows were exported and deleted here';

-- The sealed rows that are not what they were, and those that came. One statement, so that it sees one moment.
CREATE FUNCTION sambapos._archive_differences(a sambapos.sealed_archive, t sambapos.archive_table)
RETURNS TABLE (key text, change text, sealed_hash bytea)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
DECLARE
  root sambapos.archive_table;
BEGIN
  SELECT * INTO STRICT root FROM sambapos.archive_table AS x
   WHERE (x.archive_id, x.table_name) = (a.archive_id, t.root);
  RETURN QUERY EXECUTE format(
    'WITH roots AS MATERIALIZED (%s), present AS MATERIALIZED (SELECT %s AS key, %s AS hash %s),
          sealed AS MATERIALIZED (
            SELECT k.key, k.hash
            FROM sambapos.archive_part AS p CROSS JOIN LATERAL unnest(p.keys, p.hashes) AS k (key, hash)
            WHERE p.archive_id = $1 AND p.table_name = $2)
     SELECT coalesce(s.key, n.key), CASE WHEN s.key IS NULL THEN ''added'' WHEN n.key IS NULL THEN ''removed''
                                         ELSE ''changed'' END, s.hash
     FROM sealed AS s FULL JOIN present AS n ON n.key = s.key WHERE s.hash IS DISTINCT FROM n.hash%s',
    sambapos._archive_roots_sql(a, root), sambapos._archive_key_sql(t.key, 'r'),
    sambapos._archive_hash_sql(t.columns, t.column_types, sambapos._replica_table(t.table_name), 'r'),
    sambapos._archive_rows_from_sql(a, t), sambapos._archive_not_dropped_sql(a, t)) USING a.archive_id, t.table_name;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_differences(sambapos.sealed_archive, sambapos.archive_table) IS
  'The keys of rows that are not what was sealed: changed, added, removed';

CREATE FUNCTION sambapos._archive_key_is_sql(t sambapos.archive_table, relation regclass, alias text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT string_agg(format('%s.%I = (d.key::jsonb ->> %s)::%s', alias, k.name, k.n - 1,
                           format_type(a.atttypid, a.atttypmod)), ' AND ' ORDER BY k.n)
  FROM unnest(t.key) WITH ORDINALITY AS k (name, n)
  JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = k.name AND NOT a.attisdropped;
$$;
COMMENT ON FUNCTION sambapos._archive_key_is_sql(sambapos.archive_table, regclass, text) IS
  'A condition: the row has the key of difference d';

CREATE FUNCTION sambapos._archive_row_json_sql(columns text[], alias text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT string_agg('jsonb_build_object(' || p.part || ')', ' || ' ORDER BY p.n)
  FROM (SELECT c.n / 40 AS n, string_agg(format('%L, %s.%I', c.name, alias, c.name), ', ' ORDER BY c.n) AS part
        FROM unnest(columns) WITH ORDINALITY AS c (name, n) GROUP BY c.n / 40) AS p;
$$;
COMMENT ON FUNCTION sambapos._archive_row_json_sql(text[], text) IS 'SQL for a row''s sealed columns as jsonb';

CREATE FUNCTION sambapos._json_only_different(a jsonb, b jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN a IS NULL OR b IS NULL THEN a
              ELSE coalesce((SELECT jsonb_object_agg(f.key, f.value) FROM jsonb_each(a) AS f
                             WHERE f.value IS DISTINCT FROM b -> f.key), '{}') END;
$$;
COMMENT ON FUNCTION sambapos._json_only_different(jsonb, jsonb) IS
  'Those fields of an object that another one has otherwise; without another one all';

-- What a run has written has a version that is greater than the archive's; what was before is where it is kept. Of a
-- row that no longer counts that is the row itself.
CREATE FUNCTION sambapos._archive_changes(a sambapos.sealed_archive, t sambapos.archive_table)
RETURNS TABLE (key jsonb, change text, is_explained boolean, before jsonb, after jsonb, changed_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
DECLARE
  here regclass := sambapos._replica_table(t.table_name);
  kept regclass := CASE WHEN sambapos._replica_kind((t.table_name || '_history')::name) = 'history'
                        THEN sambapos._replica_table((t.table_name || '_history')::name) END;
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT x.key, x.change, coalesce(x.is_explained, false),
            sambapos._json_only_different(x.before, x.after), sambapos._json_only_different(x.after, x.before),
            x.changed_at
     FROM (SELECT jsonb_object($4, ARRAY(SELECT jsonb_array_elements_text(d.key::jsonb))) AS key, d.change,
                  r.version > $3 AND (d.change = ''added'' OR h.found
                                      OR d.change = ''removed'' AND %1$s = d.sealed_hash) AS is_explained,
                  CASE WHEN d.change = ''added'' THEN NULL
                       WHEN h.found THEN h.data - ARRAY[''site_id'', ''valid_from'', ''valid_to'', ''version'']
                       WHEN %1$s = d.sealed_hash THEN %2$s END AS before,
                  CASE WHEN d.change <> ''removed'' THEN %2$s END AS after, r.synced_at AS changed_at
           FROM sambapos._archive_differences($1, $2) AS d
           LEFT JOIN %3$s AS r ON r.site_id = ($1).site_id AND %4$s
           LEFT JOIN LATERAL (%5$s) AS h ON true) AS x
     ORDER BY x.key',
    sambapos._archive_hash_sql(t.columns, t.column_types, here, 'r'),
    sambapos._archive_row_json_sql(t.columns, 'r'), here,
    sambapos._archive_key_is_sql(t, here, 'r'),
    CASE WHEN kept IS NOT NULL
         THEN format('SELECT true AS found, %s || to_jsonb(h) AS data FROM %s AS h
                      WHERE h.site_id = ($1).site_id AND %s AND %s = d.sealed_hash LIMIT 1',
                     sambapos._archive_row_json_sql(t.columns, 'r'), kept, sambapos._archive_key_is_sql(t, kept, 'h'),
                     sambapos._archive_hash_sql(t.columns, t.column_types, kept, 'h', here, 'r'))
         ELSE 'SELECT false AS found, NULL::jsonb AS data' END)
    USING a, t, a.version, t.key;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_changes(sambapos.sealed_archive, sambapos.archive_table) IS
  'What has become of the rows of an archive''s table: before and after, as far as it is known; is_explained: a run '
  'has written it';

-- Why a table cannot be compared at all.
CREATE FUNCTION sambapos._archive_table_problem(t sambapos.archive_table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN x.relation IS NULL THEN format('table "sambapos_replica.%s" is not there', t.table_name)
              WHEN x.lacks IS NOT NULL
                THEN format('table "sambapos_replica.%s" has no column "%s"', t.table_name, x.lacks)
         END
  FROM (SELECT r.relation, (SELECT min(c) FROM unnest(t.columns) AS c
                            WHERE NOT EXISTS (SELECT FROM pg_attribute AS a
                                              WHERE a.attrelid = r.relation AND a.attname = c AND NOT a.attisdropped))
                 AS lacks
        FROM (SELECT sambapos._replica_table(t.table_name) AS relation) AS r) AS x;
$$;
COMMENT ON FUNCTION sambapos._archive_table_problem(sambapos.archive_table) IS
  'Why the rows of a sealed table cannot be asked for; NULL: they can';

-- The records prove themselves: that of a table by those of its rows, that of the archive by those of its tables.
CREATE FUNCTION sambapos._archive_record_problem(a sambapos.sealed_archive, t sambapos.archive_table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN a.checksum IS DISTINCT FROM sambapos._archive_checksum(a.archive_id)
                THEN format('the record of archive %s was changed', a.archive_id)
              WHEN (k.rows, k.checksum) IS DISTINCT FROM (t.rows, t.checksum)
                THEN format('the record of table "%s" was changed', t.table_name) END
  FROM (SELECT count(*) AS rows,
               encode(sha256(coalesce(string_agg(k.hash, '' ORDER BY k.hash), '')), 'hex') AS checksum
        FROM sambapos.archive_part AS p CROSS JOIN LATERAL unnest(p.hashes) AS k (hash)
        WHERE (p.archive_id, p.table_name) = (t.archive_id, t.table_name)) AS k;
$$;
COMMENT ON FUNCTION sambapos._archive_record_problem(sambapos.sealed_archive, sambapos.archive_table) IS
  'What is wrong with the records of a sealed table; NULL: nothing';

CREATE TYPE sambapos.archive_verdict AS (
  table_name text, status text, rows_sealed bigint, rows_added bigint, rows_removed bigint, rows_changed bigint,
  rows_damaged bigint, changes jsonb, file text, message text);
COMMENT ON TYPE sambapos.archive_verdict IS 'What sambapos_verify_archive says of a table, or of an exported file';

CREATE FUNCTION sambapos._archive_verify_table(a sambapos.sealed_archive, t sambapos.archive_table)
RETURNS sambapos.archive_verdict
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  said sambapos.archive_verdict;
BEGIN
  said.table_name := t.table_name;
  said.rows_sealed := t.rows;
  said.message := coalesce(sambapos._archive_table_problem(t), sambapos._archive_record_problem(a, t));
  IF said.message IS NOT NULL THEN
    said.status := 'damaged';
    RETURN said;
  END IF;
  SELECT count(*) FILTER (WHERE d.change = 'added'), count(*) FILTER (WHERE d.change = 'removed'),
         count(*) FILTER (WHERE d.change = 'changed')
    INTO said.rows_added, said.rows_removed, said.rows_changed FROM sambapos._archive_differences(a, t) AS d;
  said.status := 'intact';
  said.rows_damaged := 0;
  IF said.rows_added + said.rows_removed + said.rows_changed > 0 THEN
    SELECT count(*) FILTER (WHERE NOT c.is_explained),
           jsonb_agg(jsonb_build_object('key', c.key, 'change', c.change, 'explained', c.is_explained,
                                        'before', c.before, 'after', c.after) ORDER BY c.n) FILTER (WHERE c.n <= 20)
      INTO said.rows_damaged, said.changes
    FROM (SELECT x.*, row_number() OVER (ORDER BY x.is_explained, x.key) AS n
          FROM sambapos._archive_changes(a, t) AS x) AS c;
    said.status := CASE WHEN said.rows_damaged > 0 THEN 'damaged' ELSE 'restated' END;
    said.message := CASE said.status WHEN 'restated' THEN 'runs have written these rows since'
                         ELSE 'no run has changed these rows so, or what they were is not kept' END;
  END IF;
  RETURN said;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_verify_table(sambapos.sealed_archive, sambapos.archive_table) IS
  'Compares a table of an archive with what was sealed';

-- A file that is not there may have been carried away, or this is a restored database elsewhere.
CREATE FUNCTION sambapos._archive_verify_export(e sambapos.archive_export) RETURNS SETOF sambapos.archive_verdict
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  said sambapos.archive_verdict;
  x record;
  found record;
  may_read boolean := pg_has_role('pg_read_server_files', 'USAGE')
                      AND has_function_privilege('sambapos._archive_digest(text)', 'EXECUTE');
BEGIN
  FOR x IN SELECT k ->> 'table' AS table_name, (k ->> 'rows')::bigint AS rows, e.path || '/' || (k ->> 'file') AS file,
                  k ->> 'sha256' AS sha256
           FROM jsonb_array_elements(e.manifest -> 'tables') AS k
           UNION ALL SELECT NULL, NULL, e.path || '/manifest.json', e.checksum
  LOOP
    found := NULL;
    IF may_read THEN
      SELECT * INTO found FROM sambapos._archive_digest(x.file);
    END IF;
    said := NULL;
    said.table_name := x.table_name;
    said.rows_sealed := x.rows;
    said.file := x.file;
    said.status := CASE WHEN NOT may_read OR found.sha256 IS NULL THEN 'unchecked'
                        WHEN found.sha256 = x.sha256 THEN 'intact' ELSE 'damaged' END;
    said.message := CASE said.status WHEN 'unchecked' THEN
                           CASE WHEN may_read THEN 'the file is not there'
                                ELSE 'it needs the rights of pg_read_server_files' END
                                     WHEN 'damaged' THEN 'the file is not what was written' END;
    RETURN NEXT said;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_verify_export(sambapos.archive_export) IS
  'Compares exported files with their checksums';

CREATE FUNCTION @extschema@.sambapos_verify_archive(archive_id bigint) RETURNS SETOF sambapos.archive_verdict
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  a sambapos.sealed_archive := sambapos._archive(archive_id);
  t sambapos.archive_table;
BEGIN
  FOR t IN SELECT k.* FROM sambapos.archive_table AS k WHERE k.archive_id = a.archive_id AND a.dropped_at IS NULL
            ORDER BY k.kind = 'child', k.table_name
  LOOP
    RETURN NEXT sambapos._archive_verify_table(a, t);
  END LOOP;
  RETURN QUERY SELECT v.* FROM sambapos.archive_export AS e CROSS JOIN LATERAL sambapos._archive_verify_export(e) AS v
               WHERE e.archive_id = a.archive_id ORDER BY e.export_id, v.table_name;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_verify_archive(bigint) IS
  'Compares an archive with the replica, a row a table, and its exported files with their checksums, a row a file. '
  'status: intact; restated: rows were changed, added or removed by '
  'runs since it was sealed, changes has the first 20 of them before and after (sambapos_restatements has all); '
  'damaged: rows differ, and no earlier version that was kept explains it, or a file is not what was written; '
  'unchecked: the file is not there, or the role may not read it. Errors: 42704 no such archive';

CREATE FUNCTION @extschema@.sambapos_restatements(archive_id bigint)
RETURNS TABLE (table_name text, key jsonb, change text, status text, before jsonb, after jsonb, changed_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  a sambapos.sealed_archive := sambapos._archive(archive_id);
BEGIN
  RETURN QUERY
    SELECT t.table_name, c.key, c.change, CASE WHEN c.is_explained THEN 'restated' ELSE 'damaged' END, c.before,
           c.after, c.changed_at
    FROM sambapos.archive_table AS t CROSS JOIN LATERAL sambapos._archive_changes(a, t) AS c
    WHERE t.archive_id = a.archive_id AND a.dropped_at IS NULL AND sambapos._archive_table_problem(t) IS NULL
    ORDER BY t.kind = 'child', t.table_name, c.key;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_restatements(bigint) IS
  'Every row of an archive that is not what was sealed: changed (before and after: the columns that differ), added, '
  'removed; when the row was last written; damaged: nothing explains it. Errors: 42704 no such archive';
