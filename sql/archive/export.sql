-- export.sql: an archive as files: a compressed file a table, and a manifest that proves them.
--
-- Rules:
-- * What is written is what was sealed: of a row that was changed since, the version that is kept. What cannot be had
--   so is not exported.
-- * A file is never written over. The manifest is written last: a folder without one is no export. What a failed export
--   has written it removes.
-- * The format is COPY's text in UTF-8, so that the files can be read without this extension.

CREATE FUNCTION sambapos._archive_extension(compression text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT '.copy' || CASE compression WHEN 'gzip' THEN '.gz' WHEN 'zstd' THEN '.zst' ELSE '' END; $$;
COMMENT ON FUNCTION sambapos._archive_extension(text) IS 'How the name of a file ends';

-- The columns that are sealed, then those of ours that help to read them.
CREATE FUNCTION sambapos._archive_export_columns(t sambapos.archive_table)
RETURNS TABLE (name text, type text, is_sealed boolean, n bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT c.name, c.type, true, c.n FROM unnest(t.columns, t.column_types) WITH ORDINALITY AS c (name, type, n)
  UNION ALL
  SELECT o.name, o.type, false, 10000 + o.n
  FROM unnest(ARRAY['document_epoch', 'row_state', 'first_seen_at', 'synced_at', 'version'],
              ARRAY['integer', 'text', 'timestamp with time zone', 'timestamp with time zone', 'bigint'])
    WITH ORDINALITY AS o (name, type, n)
  WHERE EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = sambapos._replica_table(t.table_name)
                AND a.attname = o.name AND NOT a.attisdropped)
  ORDER BY 4;
$$;
COMMENT ON FUNCTION sambapos._archive_export_columns(sambapos.archive_table) IS 'The columns of an exported table';

-- A row that is not what was sealed is looked up among the versions that are kept.
CREATE FUNCTION sambapos._archive_sealed_sql(a sambapos.sealed_archive, t sambapos.archive_table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format(
    'SELECT %1$s FROM (SELECT k.key, k.hash FROM sambapos.archive_part AS p
                       CROSS JOIN LATERAL unnest(p.keys, p.hashes) AS k (key, hash)
                       WHERE p.archive_id = %2$s AND p.table_name = %3$L) AS d
     JOIN (SELECT r.*, %4$s AS archive_hash FROM %5$s AS r WHERE r.site_id = %6$s) AS r ON %7$s
     LEFT JOIN LATERAL (%8$s) AS h ON true
     WHERE r.archive_hash = d.hash OR h.site_id IS NOT NULL ORDER BY %9$s',
    (SELECT string_agg(
       CASE WHEN EXISTS (SELECT FROM pg_attribute AS x WHERE x.attrelid = i.kept AND x.attname = c.name
                         AND NOT x.attisdropped)
              THEN format('CASE WHEN h.site_id IS NULL THEN r.%1$I ELSE h.%1$I END AS %1$I', c.name)
            WHEN c.name = 'row_state' THEN
              'CASE WHEN r.row_state IN (''live'', ''cleared'', ''superseded'') THEN r.row_state ELSE ''cleared'' END '
              'AS row_state'
            ELSE format('r.%I', c.name) END, ', ' ORDER BY c.n) FROM sambapos._archive_export_columns(t) AS c),
    a.archive_id, t.table_name, sambapos._archive_hash_sql(t.columns, t.column_types, i.here, 'r'), i.here, a.site_id,
    sambapos._archive_key_is_sql(t, i.here, 'r'),
    CASE WHEN i.kept IS NULL THEN 'SELECT NULL::integer AS site_id'
         ELSE format('SELECT h.* FROM %s AS h
                      WHERE r.archive_hash <> d.hash AND h.site_id = %s AND %s AND %s = d.hash LIMIT 1', i.kept,
                     a.site_id, sambapos._archive_key_is_sql(t, i.kept, 'h'),
                     sambapos._archive_hash_sql(t.columns, t.column_types, i.kept, 'h', i.here, 'r')) END,
    (SELECT string_agg(format('r.%I', k.name), ', ' ORDER BY k.n) FROM unnest(t.key) WITH ORDINALITY AS k (name, n)))
  FROM (SELECT sambapos._replica_table(t.table_name) AS here,
               CASE WHEN sambapos._replica_kind((t.table_name || '_history')::name) = 'history'
                    THEN sambapos._replica_table((t.table_name || '_history')::name) END AS kept) AS i;
$$;
COMMENT ON FUNCTION sambapos._archive_sealed_sql(sambapos.sealed_archive, sambapos.archive_table) IS
  'A query for the rows of a table as they were sealed';

-- A table may be called anything; a file may not.
CREATE FUNCTION sambapos._archive_file_name(table_name text, n bigint, compression text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN table_name ~ '^[a-z0-9_]+$' THEN table_name ELSE 'table-' || n END
         || sambapos._archive_extension(compression);
$$;
COMMENT ON FUNCTION sambapos._archive_file_name(text, bigint, text) IS 'The name of a table''s file';

CREATE FUNCTION sambapos._archive_check_export(a sambapos.sealed_archive, path text, compression text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF compression IS NULL OR compression NOT IN ('gzip', 'zstd', 'none') THEN
    RAISE EXCEPTION 'unknown compression "%"', coalesce(compression, 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Compressions are gzip, zstd and none.';
  ELSIF path IS NULL THEN
    RAISE EXCEPTION 'an export needs a path' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give the path of a folder on the server, beginning with a slash.';
  ELSIF a.dropped_at IS NOT NULL THEN
    RAISE EXCEPTION 'the rows of archive % are not here any more', a.archive_id USING
      ERRCODE = 'object_not_in_prerequisite_state',
      HINT = 'They were exported before they were deleted; see sambapos.archive_export.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_check_export(sambapos.sealed_archive, text, text) IS
  'Raises what is wrong with a call of sambapos_export_archive';

CREATE FUNCTION sambapos._archive_export_table(a sambapos.sealed_archive, t sambapos.archive_table, path text,
                                               file text, compression text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  problem text := coalesce(sambapos._archive_table_problem(t), sambapos._archive_record_problem(a, t));
  written record;
BEGIN
  IF problem IS NULL THEN
    SELECT * INTO written FROM sambapos._archive_write(path || '/' || file, compression,
                                                       sambapos._archive_sealed_sql(a, t));
    problem := CASE WHEN written.rows <> t.rows
                    THEN format('%s of its %s rows of table "%s" are not what was sealed, and what they were is not '
                                'kept', t.rows - written.rows, t.rows, t.table_name) END;
  END IF;
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION 'archive % is damaged: %', a.archive_id, problem USING ERRCODE = 'data_corrupted',
      HINT = format('SELECT * FROM sambapos_restatements(%s) shows the rows. What is there can be sealed as a new '
                    'archive.', a.archive_id);
  END IF;
  RETURN jsonb_build_object('table', t.table_name, 'kind', t.kind, 'root', t.root, 'root_key', t.root_key,
    'date_column', t.date_column, 'key', to_jsonb(t.key),
    'columns', (SELECT jsonb_agg(jsonb_build_object('name', c.name, 'type', c.type, 'sealed', c.is_sealed) ORDER BY c.n)
                FROM sambapos._archive_export_columns(t) AS c),
    'rows', t.rows,
    'sums', (SELECT coalesce(jsonb_object_agg(s.key, s.value), '{}') FROM jsonb_each_text(t.sums) AS s),
    'checksum', t.checksum, 'file', file, 'bytes', written.bytes, 'sha256', written.sha256);
END;
$$;
COMMENT ON FUNCTION sambapos._archive_export_table(sambapos.sealed_archive, sambapos.archive_table, text, text, text) IS
  'Writes one table of an archive into a file; returns its part of the manifest';

CREATE FUNCTION sambapos._archive_manifest_checksum(manifest jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT encode(sha256(convert_to((manifest - 'manifest_sha256')::text, 'UTF8')), 'hex'); $$;
COMMENT ON FUNCTION sambapos._archive_manifest_checksum(jsonb) IS 'What field manifest_sha256 of a manifest must be';

CREATE FUNCTION sambapos._archive_manifest(a sambapos.sealed_archive, tables jsonb, compression text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT m.manifest || jsonb_build_object('manifest_sha256', sambapos._archive_manifest_checksum(m.manifest))
  FROM (SELECT jsonb_build_object('format', 'sambapos_fdw archive', 'format_version', 1, 'archive_id', a.archive_id,
          'site', s.name, 'external_id', s.external_id, 'currency', s.currency, 'time_zone', s.time_zone,
          'kind', a.kind, 'from_date', a.from_date, 'to_date', a.to_date, 'from_at', a.from_at, 'to_at', a.to_at,
          'sealed_at', a.sealed_at, 'sealed_by', a.sealed_by, 'note', a.note, 'rows', a.rows, 'checksum', a.checksum,
          'exported_at', clock_timestamp(), 'exported_by', current_user, 'compression', compression, 'tables', tables)
               AS manifest
        FROM sambapos.site AS s WHERE s.site_id = a.site_id) AS m;
$$;
COMMENT ON FUNCTION sambapos._archive_manifest(sambapos.sealed_archive, jsonb, text) IS 'The manifest of an export';

CREATE FUNCTION sambapos._archive_export(a sambapos.sealed_archive, path text, compression text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  t sambapos.archive_table;
  file text;
  folder text := regexp_replace(path, '(.)/+$', '\1');
  tables jsonb := '[]';
  manifest jsonb;
  proof record;
BEGIN
  PERFORM sambapos._archive_check_export(a, path, compression);
  PERFORM sambapos._archive_files_begin();
  BEGIN
    PERFORM sambapos._archive_make_folder(folder);
    FOR t IN SELECT k.* FROM sambapos.archive_table AS k WHERE k.archive_id = a.archive_id
              ORDER BY k.kind = 'child', k.table_name
    LOOP
      file := sambapos._archive_file_name(t.table_name, jsonb_array_length(tables) + 1, compression);
      tables := tables || sambapos._archive_export_table(a, t, folder, file, compression);
    END LOOP;
    manifest := sambapos._archive_manifest(a, tables, compression);
    SELECT * INTO proof FROM sambapos._archive_write_text(folder || '/manifest.json', jsonb_pretty(manifest) || E'\n');
  EXCEPTION WHEN query_canceled OR OTHERS THEN
    PERFORM sambapos._archive_files_undo();
    RAISE;
  END;
  INSERT INTO sambapos.archive_export (archive_id, site_id, path, compression, files, bytes, manifest, checksum)
  SELECT a.archive_id, a.site_id, folder, _archive_export.compression, count(*) + 1,
         sum((x ->> 'bytes')::bigint) + proof.bytes, manifest, proof.sha256
  FROM jsonb_array_elements(tables) AS x;
  RETURN folder || '/manifest.json';
END;
$$;
COMMENT ON FUNCTION sambapos._archive_export(sambapos.sealed_archive, text, text) IS
  'Writes an archive into files; returns the path of the manifest';

CREATE FUNCTION @extschema@.sambapos_export_archive(archive_id bigint, path text, compression text DEFAULT 'gzip')
RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN sambapos._archive_export(sambapos._archive(archive_id), path, compression); END; $$;
COMMENT ON FUNCTION @extschema@.sambapos_export_archive(bigint, text, text) IS
  'Writes an archive, as it was sealed, into files of a folder of the server (an absolute path; it is made, its parent '
  'must be there): a file a table, as COPY writes text in UTF-8, compressed by gzip (default), zstd or none, and '
  'manifest.json with columns, rows, sums and the SHA-256 of each file. No file is written over; what a failed export '
  'has written is removed. Returns the path of the manifest. Errors: 42704 no such archive, 42501 without the rights '
  'of pg_write_server_files, 22023 path or compression, 58P02 a file is there already, XX001 '
  'the archive is damaged, 55000 its rows were deleted here';
