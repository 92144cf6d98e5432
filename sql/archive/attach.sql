-- attach.sql: exported archives, read back: each in a schema of its own, and into history what is missing there.
--
-- Rules:
-- * Nothing is made before the manifest and every file have proved to be what was written, and what was made is proved
--   once more: by the checksums that were sealed.
-- * A manifest comes from outside: its names are quoted, its types are PostgreSQL's own, its files are in its folder.
-- * The schema is an ordinary one, and in every dump. Only what attach has made, detach drops.

CREATE FUNCTION sambapos._archive_folder(path text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF path IS NULL THEN
    RAISE EXCEPTION 'a path is needed' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give the path of the folder of an export, or of its manifest.json.';
  END IF;
  RETURN regexp_replace(regexp_replace(path, '/manifest\.json$', ''), '(.)/+$', '\1');
END;
$$;
COMMENT ON FUNCTION sambapos._archive_folder(text) IS 'The folder of an export, by its path or that of its manifest';

CREATE FUNCTION sambapos._archive_manifest_raise(path text, problem text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION 'the archive in "%" is damaged: %', path, problem USING ERRCODE = 'data_corrupted',
      HINT = 'Take another copy of it. Nothing was attached.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_manifest_raise(text, text) IS 'Raises XX001 with the problem, unless it is NULL';

-- What attach is going to use must be there and of its kind. NULL nowhere compares as true.
CREATE FUNCTION sambapos._archive_manifest_problem(m jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE
    WHEN jsonb_typeof(m) IS DISTINCT FROM 'object' OR m ->> 'format' IS DISTINCT FROM 'sambapos_fdw archive'
      THEN 'manifest.json is not that of an archive'
    WHEN m ->> 'format_version' IS DISTINCT FROM '1' THEN 'manifest.json has a format that this version does not know'
    WHEN m ->> 'manifest_sha256' IS DISTINCT FROM sambapos._archive_manifest_checksum(m)
      THEN 'manifest.json is not what was written'
    WHEN coalesce(m ->> 'archive_id', '') !~ '^[0-9]{1,18}$' OR jsonb_typeof(m -> 'site') IS DISTINCT FROM 'string'
         OR coalesce(m ->> 'compression', '') NOT IN ('gzip', 'zstd', 'none')
         OR jsonb_typeof(m -> 'tables') IS DISTINCT FROM 'array'
      THEN 'manifest.json lacks what an archive has' END;
$$;
COMMENT ON FUNCTION sambapos._archive_manifest_problem(jsonb) IS 'What is wrong with a manifest; NULL: nothing';

CREATE FUNCTION sambapos._archive_manifest_table_problem(t jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE
    WHEN coalesce(t ->> 'file', '') !~ '^[A-Za-z0-9_-]+\.copy(\.gz|\.zst)?$'
         OR coalesce(t ->> 'rows', '') !~ '^[0-9]{1,18}$'
         OR coalesce(t ->> 'table', '') = '' OR jsonb_typeof(t -> 'columns') IS DISTINCT FROM 'array'
         OR jsonb_typeof(t -> 'key') IS DISTINCT FROM 'array'
      THEN 'a table of manifest.json lacks what it needs'
    ELSE (SELECT min(format('column "%s" of table "%s" has a type that is not known here', c ->> 'name', t ->> 'table'))
          FROM jsonb_array_elements(t -> 'columns') AS c
          WHERE NOT EXISTS (SELECT FROM pg_type AS k
                            WHERE k.typnamespace = 'pg_catalog'::regnamespace AND k.typtype = 'b'
                              AND format_type(k.oid, NULL) = c ->> 'type')) END;
$$;
COMMENT ON FUNCTION sambapos._archive_manifest_table_problem(jsonb) IS
  'What is wrong with a table of a manifest; NULL: nothing';

CREATE FUNCTION sambapos._archive_manifest_read(folder text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  words text := sambapos._archive_read_text(folder || '/manifest.json');
  m jsonb;
BEGIN
  BEGIN
    m := words::jsonb;
  EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    PERFORM sambapos._archive_manifest_raise(folder, 'manifest.json is not JSON');
  END;
  PERFORM sambapos._archive_manifest_raise(folder, sambapos._archive_manifest_problem(m));
  PERFORM sambapos._archive_manifest_raise(folder, sambapos._archive_manifest_table_problem(t))
  FROM jsonb_array_elements(m -> 'tables') AS t;
  RETURN m;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_manifest_read(text) IS
  'The manifest of an export; raises XX001 if it is not what was written';

CREATE FUNCTION sambapos._archive_files_check(folder text, m jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  t jsonb;
  found record;
BEGIN
  FOR t IN SELECT x FROM jsonb_array_elements(m -> 'tables') AS x LOOP
    SELECT * INTO found FROM sambapos._archive_digest(folder || '/' || (t ->> 'file'));
    PERFORM sambapos._archive_manifest_raise(folder, CASE
      WHEN found.sha256 IS NULL THEN format('file "%s" is not there', t ->> 'file')
      WHEN found.sha256 IS DISTINCT FROM t ->> 'sha256'
        THEN format('file "%s" is not what was written', t ->> 'file') END);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_files_check(text, jsonb) IS
  'Raises XX001 unless all files of an export are what was written';

CREATE FUNCTION sambapos._archive_attach_table(folder text, m jsonb, t jsonb, schema_name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation text := format('%I.%I', schema_name, t ->> 'table');
  loaded bigint;
BEGIN
  EXECUTE format('CREATE TABLE %s (site text NOT NULL, %s)', relation,
    (SELECT string_agg(format('%I %s', c ->> 'name', c ->> 'type'), ', ' ORDER BY n)
     FROM jsonb_array_elements(t -> 'columns') WITH ORDINALITY AS c (c, n)));
  EXECUTE format('INSERT INTO %s SELECT $1, %s FROM sambapos._archive_read($2, $3, $4) AS f', relation,
    (SELECT string_agg(format('f.fields[%s]::%s', n, c ->> 'type'), ', ' ORDER BY n)
     FROM jsonb_array_elements(t -> 'columns') WITH ORDINALITY AS c (c, n)))
    USING m ->> 'site', folder || '/' || (t ->> 'file'), m ->> 'compression', jsonb_array_length(t -> 'columns');
  GET DIAGNOSTICS loaded = ROW_COUNT;
  PERFORM sambapos._archive_manifest_raise(folder, CASE WHEN loaded <> (t ->> 'rows')::bigint
    THEN format('file "%s" has %s rows, not %s', t ->> 'file', loaded, t ->> 'rows') END);
  EXECUTE format('ALTER TABLE %s ADD PRIMARY KEY (%s)', relation,
                 (SELECT string_agg(quote_ident(k), ', ' ORDER BY n)
                  FROM jsonb_array_elements_text(t -> 'key') WITH ORDINALITY AS k (k, n)));
  EXECUTE format('COMMENT ON TABLE %s IS %L', relation,
                 format('Table %s of archive %s of site %s, as it was sealed', t ->> 'table', m ->> 'archive_id',
                        m ->> 'site'));
  PERFORM sambapos._readers_open(relation::regclass);
  EXECUTE format('ANALYZE %s', relation);
END;
$$;
COMMENT ON FUNCTION sambapos._archive_attach_table(text, jsonb, jsonb, name) IS 'Loads one table of an export';

-- By the rows, whatever the file was.
CREATE FUNCTION sambapos._archive_attached_problem(t jsonb, schema_name name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass := format('%I.%I', schema_name, t ->> 'table')::regclass;
  found text;
BEGIN
  EXECUTE format('SELECT encode(sha256(coalesce(string_agg(x.hash, '''' ORDER BY x.hash), '''')), ''hex'')
                  FROM (SELECT %s AS hash FROM %s AS r) AS x',
    (SELECT sambapos._archive_hash_sql(array_agg(c ->> 'name' ORDER BY n), array_agg(c ->> 'type' ORDER BY n),
                                       relation, 'r')
     FROM jsonb_array_elements(t -> 'columns') WITH ORDINALITY AS c (c, n) WHERE c -> 'sealed' = 'true'),
    relation) INTO found;
  RETURN CASE WHEN found IS DISTINCT FROM t ->> 'checksum'
              THEN format('the rows of table "%s" are not what was sealed', t ->> 'table') END;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_attached_problem(jsonb, name) IS
  'Whether the rows of an attached table are not what was sealed; NULL: they are';

CREATE FUNCTION @extschema@.sambapos_attach_archive(path text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  folder text := sambapos._archive_folder(path);
  m jsonb := sambapos._archive_manifest_read(folder);
  made name := 'sambapos_archive_' || (m ->> 'archive_id');
  t jsonb;
  home sambapos.sealed_archive;
BEGIN
  home := sambapos._archive_put_back_begin(m);
  PERFORM sambapos._archive_files_check(folder, m);
  IF to_regnamespace(quote_ident(made)) IS NOT NULL THEN
    RAISE EXCEPTION 'schema "%" is there already', made USING ERRCODE = 'duplicate_schema',
      HINT = format('If archive %s is attached: SELECT sambapos_detach_archive(%1$s);', m ->> 'archive_id');
  END IF;
  EXECUTE format('CREATE SCHEMA %I', made);
  EXECUTE format('COMMENT ON SCHEMA %I IS %L', made,
                 format('Archive %s of site %s, attached by sambapos_attach_archive', m ->> 'archive_id',
                        m ->> 'site'));
  PERFORM sambapos._readers_grant('USAGE', format('SCHEMA %I', made));
  FOR t IN SELECT x FROM jsonb_array_elements(m -> 'tables') AS x LOOP
    PERFORM sambapos._archive_attach_table(folder, m, t, made);
    PERFORM sambapos._archive_manifest_raise(folder, sambapos._archive_attached_problem(t, made));
  END LOOP;
  PERFORM sambapos._archive_put_back(home, m, made) WHERE home.archive_id IS NOT NULL;
  DELETE FROM sambapos.archive_attachment AS x WHERE x.archive_id = (m ->> 'archive_id')::bigint;
  INSERT INTO sambapos.archive_attachment (archive_id, site, schema_name, path, manifest, in_replica)
  VALUES ((m ->> 'archive_id')::bigint, m ->> 'site', made, folder, m, home.archive_id IS NOT NULL);
  RETURN made;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_attach_archive(text) IS
  'Loads an exported archive (the folder, or its manifest.json) into a new schema sambapos_archive_<id>, after the '
  'checksums of all its files were verified; then its rows are verified by the checksums that were sealed. What '
  'sambapos_apply_retention has deleted here is also put back into the replica, as it was, so that reports count it. Also '
  'of an archive of another database: that is in its schema only. Returns the name of the schema. Errors: XX001 a file, the manifest or the rows are not '
  'what was written, and nothing is attached; 42501 without the rights of pg_read_server_files; 58P01 no such file; '
  '42P06 the schema is there already; 22023 the path is not absolute; of rows that are put back 55P03 a run of the site is '
  'running, 25001 the transaction''s isolation level';

CREATE FUNCTION @extschema@.sambapos_detach_archive(archive_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  x sambapos.archive_attachment;
  t text;
BEGIN
  SELECT * INTO x FROM sambapos.archive_attachment AS k WHERE k.archive_id = sambapos_detach_archive.archive_id;
  IF x.archive_id IS NULL THEN
    RAISE EXCEPTION 'archive % is not attached', coalesce(archive_id::text, 'NULL') USING ERRCODE = 'undefined_object',
      HINT = 'SELECT * FROM sambapos.archive_attachment shows those that are.';
  END IF;
  PERFORM sambapos._archive_take_out(x);
  IF to_regnamespace(quote_ident(x.schema_name)) IS NOT NULL THEN
    PERFORM sambapos._problem_raise(sambapos._schema_problem(x.schema_name::name));
    FOR t IN SELECT k ->> 'table' FROM jsonb_array_elements(x.manifest -> 'tables') AS k LOOP
      IF to_regclass(format('%I.%I', x.schema_name, t)) IS NOT NULL THEN
        EXECUTE format('DROP TABLE %I.%I', x.schema_name, t);
      END IF;
    END LOOP;
    EXECUTE format('DROP FUNCTION IF EXISTS %I.sites_of_reader()', x.schema_name);
    EXECUTE format('DROP SCHEMA %I', x.schema_name);
  END IF;
  DELETE FROM sambapos.archive_attachment AS k WHERE k.archive_id = x.archive_id;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_detach_archive(bigint) IS
  'Drops the schema of an attached archive, with its tables, and takes out of the replica what was put back and is as '
  'it was. Errors: 42704 it is not attached, 2BP01 something of yours is in it or depends on it, 55P03 a run of the '
  'site is running, 25001 the transaction''s isolation level';

CREATE FUNCTION @extschema@.sambapos_archive_rows(archive_id bigint, table_name text) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  a sambapos.sealed_archive;
  t sambapos.archive_table;
  names text[];
  attached regclass := (SELECT to_regclass(format('%I.%I', x.schema_name, sambapos_archive_rows.table_name))
                        FROM sambapos.archive_attachment AS x
                        WHERE x.archive_id = sambapos_archive_rows.archive_id
                          AND sambapos_archive_rows.table_name IS NOT NULL);
BEGIN
  SELECT * INTO a FROM sambapos.sealed_archive AS x WHERE x.archive_id = sambapos_archive_rows.archive_id;
  SELECT * INTO t FROM sambapos.archive_table AS x
   WHERE (x.archive_id, x.table_name) = (sambapos_archive_rows.archive_id, sambapos_archive_rows.table_name);
  IF a.archive_id IS NOT NULL AND a.dropped_at IS NULL AND t.table_name IS NOT NULL
     AND sambapos._archive_table_problem(t) IS NULL THEN
    RETURN QUERY EXECUTE 'SELECT to_jsonb(x) FROM (' || sambapos._archive_sealed_sql(a, t) || ') AS x';
    RETURN;
  ELSIF attached IS NOT NULL THEN
    RETURN QUERY EXECUTE format('SELECT to_jsonb(x) - ''site'' FROM %s AS x', attached);
    RETURN;
  ELSIF a.archive_id IS NULL THEN
    PERFORM sambapos._archive(sambapos_archive_rows.archive_id); -- raises
  ELSIF t.table_name IS NULL THEN
    names := ARRAY(SELECT x.table_name FROM sambapos.archive_table AS x WHERE x.archive_id = a.archive_id ORDER BY 1);
    RAISE EXCEPTION 'archive % has no table "%"', a.archive_id, coalesce(table_name, 'NULL') USING
      ERRCODE = 'undefined_table', HINT = sambapos._name_hint(table_name, names)
                                          || 'Its tables are: ' || array_to_string(names, ', ') || '.';
  END IF;
  RAISE EXCEPTION 'the rows of archive % are not here', a.archive_id USING
    ERRCODE = 'object_not_in_prerequisite_state',
    HINT = 'SELECT sambapos_attach_archive(path) brings back what was exported; see sambapos.archive_export.';
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_archive_rows(bigint, text) IS
  'The rows of a table of an archive as they were sealed, as jsonb: from the replica and the earlier versions that '
  'are kept, or from the attached archive. Errors: 42704 no such archive, 42P01 no such table in it, 55000 its rows '
  'are not here';
