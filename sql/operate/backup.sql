-- backup.sql: what a dump of this database must hold (sambapos_backup_manifest), and whether a restored one does
-- (sambapos_verify_restore).
--
-- Rules:
-- * All of a manifest is of one moment: the function is STABLE, so everything that it reads is in the snapshot of the
--   statement, or of the transaction, that has called it. pg_dump can be given the same one.
-- * A digest hangs on values only: not on the order of rows or columns, on settings, on the encoding or on the version
--   of PostgreSQL. Columns that came later are left out of it.
-- * Nothing here writes, and no server is asked.
-- * What runs have written since can be compared no more. It is told from what is lost, and said.

-- SHA-256 and no hash function of PostgreSQL's: those may change with the version, and md5 may be forbidden. Sums do
-- not depend on the order, and see a row that is there twice.
CREATE FUNCTION sambapos._digest(relation regclass, columns name[], part text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  digest jsonb;
BEGIN
  EXECUTE format(
    $sql$SELECT coalesce(jsonb_object_agg(p.part, jsonb_build_object('rows', p.rows, 'hash', p.hash)), '{}')
         FROM (SELECT r.part, count(*) AS rows, left(encode(sha256(convert_to(concat(
                        sum(('x' || encode(substr(r.sha, 1, 8), 'hex'))::bit(64)::bigint), ' ',
                        sum(('x' || encode(substr(r.sha, 9, 8), 'hex'))::bit(64)::bigint)), 'UTF8')), 'hex'), 32)
                      AS hash
               FROM (SELECT %s AS part, sha256(convert_to(ROW(%s)::text, 'UTF8')) AS sha
                     FROM %s AS t) AS r
               GROUP BY r.part) AS p$sql$,
    part, (SELECT string_agg('t.' || quote_ident(c), ', ' ORDER BY c COLLATE "C") FROM unnest(columns) AS c), relation)
    INTO digest;
  RETURN digest;
END;
$$;
COMMENT ON FUNCTION sambapos._digest(regclass, name[], text) IS
  'How many rows each part of a table has, and a hash of their values; part: an expression over row t that names it';

CREATE FUNCTION sambapos._digest_columns(relation regclass) RETURNS name[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT array_agg(a.attname ORDER BY a.attname COLLATE "C") FROM pg_attribute AS a
  WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
$$;
COMMENT ON FUNCTION sambapos._digest_columns(regclass) IS 'The columns of a table that a digest is made of';

CREATE FUNCTION sambapos._digest_part(kind text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE kind WHEN 'replica' THEN 'format(''site %s epoch %s %s'', t.site_id, t.epoch, t.row_state)'
                   WHEN 'history' THEN 'format(''site %s epoch %s'', t.site_id, t.epoch)' ELSE '''all''' END;
$$;
COMMENT ON FUNCTION sambapos._digest_part(text) IS 'The parts in which a table of a kind is counted, as an expression';

CREATE FUNCTION sambapos._digest_rows(parts jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT coalesce(sum((p.value ->> 'rows')::bigint), 0)::bigint FROM jsonb_each(parts) AS p; $$;
COMMENT ON FUNCTION sambapos._digest_rows(jsonb) IS 'How many rows the parts of a digest have together';

-- ---- what there is ----

-- A table of another role is not read: what that runs would run with the caller's rights.
CREATE FUNCTION sambapos._manifest_relations() RETURNS TABLE (kind text, name text, relation regclass)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(sambapos._replica_kind(c.relname), 'of others'), c.relname::text, c.oid::regclass
  FROM pg_class AS c
  WHERE c.relnamespace = to_regnamespace('sambapos_replica') AND c.relkind IN ('r', 'p')
    AND sambapos._replica_kind(c.relname) IS DISTINCT FROM 'other'
  UNION ALL
  SELECT k.kind, c.relname, c.oid
  FROM (SELECT 'catalog' AS kind, r AS id FROM sambapos._catalog_relations('r') AS r
        UNION ALL SELECT 'sequence', r FROM sambapos._catalog_relations('S') AS r) AS k
  JOIN pg_class AS c ON c.oid = k.id;
$$;
COMMENT ON FUNCTION sambapos._manifest_relations() IS
  'What a dump has to hold: tables of the replica and of earlier versions, tables and sequences of the catalog';

CREATE FUNCTION sambapos._manifest_relation(kind text, relation regclass, columns name[] DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  columns := coalesce(columns, sambapos._digest_columns(relation));
  RETURN CASE kind
    WHEN 'sequence' THEN jsonb_build_object('kind', kind, 'next', sambapos._sequence_next(relation))
    WHEN 'of others' THEN jsonb_build_object('kind', kind)
    ELSE jsonb_build_object('kind', kind, 'columns', columns,
                            'parts', sambapos._digest(relation, columns, sambapos._digest_part(kind))) END;
END;
$$;
COMMENT ON FUNCTION sambapos._manifest_relation(text, regclass, name[]) IS
  'What a manifest says of a table or sequence';

CREATE FUNCTION sambapos._manifest_site(place sambapos._place) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT jsonb_build_object('site_id', place.site_id, 'removed', place.removed_at IS NOT NULL, 'server', place.server,
           'epoch', place.epoch, 'version', place.version, 'read_up_to', place.hw_utc,
           'epochs', (SELECT jsonb_object_agg(e.epoch, e.reason) FROM sambapos.epoch AS e
                      WHERE e.site_id = place.site_id),
           'loaded', ARRAY(SELECT t.table_name FROM sambapos._table AS t
                           WHERE t.site_id = place.site_id AND t.loaded_at IS NOT NULL ORDER BY 1));
$$;
COMMENT ON FUNCTION sambapos._manifest_site(sambapos._place) IS 'What a manifest says of a site: how far it has come';

CREATE FUNCTION @extschema@.sambapos_backup_manifest() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN jsonb_build_object('manifest', 1, 'made_at', statement_timestamp(),
      'extension', (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'sambapos_fdw'),
      'postgresql', current_setting('server_version'), 'encoding', getdatabaseencoding(),
      'database', (SELECT to_jsonb(h) || jsonb_build_object('system_identifier', h.system_identifier::text)
                   FROM sambapos._home() AS h))
    || jsonb_build_object(
      'sites', (SELECT coalesce(jsonb_object_agg(s.name, sambapos._manifest_site(s)), '{}') FROM sambapos._place AS s),
      'relations', (SELECT coalesce(jsonb_object_agg(r.relation::text,
                                                     sambapos._manifest_relation(r.kind, r.relation)), '{}')
                    FROM sambapos._manifest_relations() AS r));
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_backup_manifest() IS
  'What a dump of this database must hold: of each table of the replica, of earlier versions and of the catalog the '
  'number of rows and a hash of their values, what the sequences give out next, how far each site has come. All of one '
  'moment; it reads every row. Keep it beside the dump; sambapos_verify_restore compares';

-- ---- what was restored ----

CREATE TYPE sambapos.restored AS (kind text, name text, status text, detail text);
COMMENT ON TYPE sambapos.restored IS 'What sambapos_verify_restore says of one table or matter';

CREATE FUNCTION sambapos._verify_check_manifest(manifest jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF manifest IS NULL OR jsonb_typeof(manifest) <> 'object' OR jsonb_typeof(manifest -> 'manifest') <> 'number'
     OR NOT manifest ? 'manifest' OR jsonb_typeof(manifest -> 'relations') IS DISTINCT FROM 'object'
     OR jsonb_typeof(manifest -> 'sites') IS DISTINCT FROM 'object' THEN
    RAISE EXCEPTION 'this is no manifest' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give what SELECT sambapos_backup_manifest() has returned in the database that was dumped.';
  ELSIF manifest ->> 'manifest' <> '1' THEN
    RAISE EXCEPTION 'manifests of format % are not known here', manifest ->> 'manifest' USING
      ERRCODE = 'feature_not_supported',
      HINT = 'A later version of the extension has made it. Install that one, or verify with it.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._verify_check_manifest(jsonb) IS 'Raises 22023 for what is no manifest';

-- The run log stands for all else: what is here can only be another one after a run, or by a person's hand.
CREATE FUNCTION sambapos._verify_runs_since(manifest jsonb) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (SELECT FROM sambapos.run AS r
                 WHERE r.run_id >= (manifest #>> '{relations,sambapos.run_run_id_seq,next}')::bigint);
$$;
COMMENT ON FUNCTION sambapos._verify_runs_since(jsonb) IS 'True if a run has come here since a manifest was made';

-- Which parts of a table are others than they were, in words.
CREATE FUNCTION sambapos._verify_parts(before jsonb, after jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(array_agg(format('%s: ', coalesce(b.key, a.key)) || CASE
             WHEN b.rows = a.rows THEN format('%s rows with other values', a.rows)
             ELSE format('%s rows then, %s now', coalesce(b.rows, 0), coalesce(a.rows, 0)) END
           ORDER BY coalesce(b.key, a.key)), '{}')
  FROM (SELECT p.key, p.value, (p.value ->> 'rows')::bigint AS rows FROM jsonb_each(before) AS p) AS b
  FULL JOIN (SELECT p.key, p.value, (p.value ->> 'rows')::bigint AS rows FROM jsonb_each(after) AS p) AS a USING (key)
  WHERE b.value IS DISTINCT FROM a.value;
$$;
COMMENT ON FUNCTION sambapos._verify_parts(jsonb, jsonb) IS 'How the parts of two digests differ; empty: they do not';

-- A site whose version is the one of then was written to by no run.
CREATE FUNCTION sambapos._verify_written_since(manifest jsonb, parts text[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT bool_and(EXISTS (SELECT FROM jsonb_each(manifest -> 'sites') AS m
                          JOIN sambapos._place AS s ON s.site_id = (m.value ->> 'site_id')::integer
                          WHERE p LIKE format('site %s %%', s.site_id)
                            AND s.version > (m.value ->> 'version')::bigint))
  FROM unnest(parts) AS p;
$$;
COMMENT ON FUNCTION sambapos._verify_written_since(jsonb, text[]) IS
  'True if runs since the manifest can have changed all of these parts of a replica table';

CREATE FUNCTION sambapos._verify_table(manifest jsonb, relation regclass, noted jsonb, name text)
RETURNS sambapos.restored
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  columns name[] := ARRAY(SELECT c::name FROM jsonb_array_elements_text(noted -> 'columns') AS c);
  lost    text := (SELECT string_agg(c, ', ') FROM unnest(columns) AS c
                   WHERE c <> ALL (sambapos._digest_columns(relation)));
  present jsonb;
  differing text[];
  before  bigint := sambapos._digest_rows(noted -> 'parts');
  after   bigint;
  words   text;
BEGIN
  IF lost IS NOT NULL THEN
    RETURN (noted ->> 'kind', name, 'error', 'columns are missing: ' || lost)::sambapos.restored;
  END IF;
  present := sambapos._manifest_relation(noted ->> 'kind', relation, columns) -> 'parts';
  differing := sambapos._verify_parts(noted -> 'parts', present);
  after := sambapos._digest_rows(present);
  words := sambapos._words_some(differing, 3, '; ');
  IF differing = '{}' THEN
    RETURN (noted ->> 'kind', name, 'ok', format('%s rows', after))::sambapos.restored;
  ELSIF sambapos._verify_written_since(manifest, differing) AND after >= before THEN
    RETURN (noted ->> 'kind', name, 'warning', 'runs have written here since the manifest was made, so it cannot be '
            'compared: ' || words)::sambapos.restored;
  END IF;
  RETURN (noted ->> 'kind', name, 'error', words)::sambapos.restored;
END;
$$;
COMMENT ON FUNCTION sambapos._verify_table(jsonb, regclass, jsonb, text) IS
  'Does a replica or history table have the rows that a manifest names?';

-- Of the catalog a run writes all but the settings.
CREATE FUNCTION sambapos._verify_catalog(manifest jsonb, relation regclass, noted jsonb, name text)
RETURNS sambapos.restored
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  settings CONSTANT text[] := '{site,replicated_table,personal_treatment,global_setting,replica_name}';
  found   sambapos.restored := sambapos._verify_table(manifest, relation, noted, name);
  before  bigint := sambapos._digest_rows(noted -> 'parts');
  after   bigint;
BEGIN
  IF found.status = 'ok' OR found.detail LIKE 'columns are missing%' THEN
    RETURN found;
  END IF;
  EXECUTE format('SELECT count(*) FROM %s', relation) INTO after;
  IF name = 'site_home' AND NOT EXISTS (SELECT FROM sambapos._copied) THEN
    found.status := 'ok';
    found.detail := 'scheduled runs belong to this database: sambapos_resume was called';
  ELSIF name = ANY (settings) THEN
    found.status := CASE WHEN after > before THEN 'warning' ELSE 'error' END;
  ELSIF sambapos._verify_runs_since(manifest) THEN
    found.status := CASE WHEN after < before THEN 'warning' ELSE 'ok' END;
    found.detail := format('%s rows then, %s now: runs have written here since the manifest was made', before, after);
  ELSIF after > before THEN
    found.status := 'warning';
  END IF;
  RETURN found;
END;
$$;
COMMENT ON FUNCTION sambapos._verify_catalog(jsonb, regclass, jsonb, text) IS
  'Does a table of the catalog have the rows that a manifest names, or what runs have made of them?';

CREATE FUNCTION sambapos._verify_relation(manifest jsonb, name text, noted jsonb) RETURNS sambapos.restored
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  present  regclass := to_regclass(name);
  kind     text := noted ->> 'kind';
  short    text := (parse_ident(name))[2];
  upcoming bigint;
BEGIN
  IF present IS NULL THEN
    RETURN (kind, short, 'error', 'it is not there')::sambapos.restored;
  ELSIF kind = 'of others' OR NOT EXISTS (SELECT FROM sambapos._manifest_relations() AS r
                                          WHERE r.relation = present AND r.kind = noted ->> 'kind') THEN
    RETURN (kind, short, 'skipped', coalesce(sambapos._replica_problem(short),
              'another role had it when the manifest was made'))::sambapos.restored;
  ELSIF kind = 'sequence' THEN
    upcoming := sambapos._sequence_next(present);
    RETURN CASE WHEN upcoming < (noted ->> 'next')::bigint
      THEN (kind, short, 'error', format('it gives out %s, which was given out before: it stood at %s', upcoming,
                                         noted ->> 'next'))::sambapos.restored
      ELSE (kind, short, 'ok', format('it gives out %s', upcoming))::sambapos.restored END;
  ELSIF kind = 'catalog' THEN
    RETURN sambapos._verify_catalog(manifest, present, noted, short);
  END IF;
  RETURN sambapos._verify_table(manifest, present, noted, short);
END;
$$;
COMMENT ON FUNCTION sambapos._verify_relation(jsonb, text, jsonb) IS
  'Is what a manifest says of a table or sequence so in this database?';

-- How far it had come, and what it needs to go on: the next sync of a site that is all here reads no table whole.
CREATE FUNCTION sambapos._verify_site(name text, noted jsonb) RETURNS sambapos.restored
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place := (SELECT s FROM sambapos._place AS s WHERE s.name = _verify_site.name);
  fault text;
BEGIN
  fault := CASE
    WHEN place.site_id IS NULL THEN 'it is not there'
    WHEN place.site_id <> (noted ->> 'site_id')::integer THEN
      format('its number is %s, and its rows have %s', place.site_id, noted ->> 'site_id')
    WHEN place.epoch < (noted ->> 'epoch')::integer OR place.version < (noted ->> 'version')::bigint
         OR (noted ->> 'read_up_to' IS NOT NULL
             AND coalesce(place.hw_utc, '-infinity') < (noted ->> 'read_up_to')::timestamp) THEN
      format('it is behind: epoch %s, version %s, read up to %s; it was epoch %s, version %s, read up to %s',
             place.epoch, place.version, coalesce(place.hw_utc::text, 'nothing'), noted ->> 'epoch',
             noted ->> 'version', coalesce(noted ->> 'read_up_to', 'nothing'))
    WHEN EXISTS (SELECT FROM jsonb_each_text(noted -> 'epochs') AS n
                 LEFT JOIN sambapos.epoch AS e ON e.site_id = place.site_id AND e.epoch = n.key::integer
                 WHERE NOT coalesce(starts_with(e.reason, n.value), false)) THEN
      'the lives of its ids (sambapos.epoch) are not those that it had'
    ELSE (SELECT 'not loaded any more: ' || string_agg(t, ', ' ORDER BY t)
          FROM jsonb_array_elements_text(noted -> 'loaded') AS t
          WHERE NOT EXISTS (SELECT FROM sambapos._table AS k WHERE (k.site_id, k.table_name) = (place.site_id, t)
                            AND k.loaded_at IS NOT NULL)) END;
  RETURN CASE WHEN fault IS NOT NULL THEN ('site', name, 'error', fault)::sambapos.restored
              ELSE ('site', name, 'ok', format('epoch %s, version %s, read up to %s', place.epoch, place.version,
                                               coalesce(place.hw_utc::text, 'nothing')))::sambapos.restored END;
END;
$$;
COMMENT ON FUNCTION sambapos._verify_site(text, jsonb) IS 'Has a site come as far as a manifest says?';

-- A dump can be restored without user mappings, and without a schema: then a run fails, and no row is lost.
CREATE FUNCTION sambapos._verify_way(place sambapos._place) RETURNS sambapos.restored
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  missing text := (SELECT string_agg(t.table_name, ', ' ORDER BY t.table_name) FROM sambapos._table AS t
                   WHERE t.site_id = place.site_id AND sambapos._live_named(place, t.table_name) IS NULL);
BEGIN
  IF place.removed_at IS NOT NULL THEN
    RETURN ('way', place.name, 'skipped', 'the site was removed')::sambapos.restored;
  ELSIF NOT sambapos._server_exists(place.server) THEN
    RETURN ('way', place.name, 'error', format('server "%s" is not there', place.server))::sambapos.restored;
  ELSIF missing IS NOT NULL THEN
    RETURN ('way', place.name, 'error', format('foreign tables are missing; SELECT * FROM sambapos_add_site(%L, %L) '
              'makes them again: %s', place.name, place.server, missing))::sambapos.restored;
  ELSIF (SELECT m.role FROM sambapos._server_mapping(place.server) AS m) IS NULL THEN
    RETURN ('way', place.name, 'warning', format('role %s has no user mapping: CREATE USER MAPPING FOR %1$I SERVER %I '
              'OPTIONS (username ..., password ...)', current_user, place.server))::sambapos.restored;
  END IF;
  RETURN ('way', place.name, 'ok', 'server, user mapping and foreign tables are there')::sambapos.restored;
END;
$$;
COMMENT ON FUNCTION sambapos._verify_way(sambapos._place) IS 'Has a site what it needs to reach its till?';

CREATE FUNCTION sambapos._verify_around(manifest jsonb) RETURNS SETOF sambapos.restored
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  version text := (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'sambapos_fdw');
  words   text;
BEGIN
  RETURN NEXT ('extension', 'sambapos_fdw', CASE WHEN version = manifest ->> 'extension' THEN 'ok' ELSE 'warning' END,
               format('version %s%s', version, CASE WHEN version <> manifest ->> 'extension'
                                                    THEN ', the manifest is of ' || (manifest ->> 'extension') END)
              )::sambapos.restored;
  words := (SELECT string_agg(t, ', ' ORDER BY t) FROM sambapos._replica_tables() AS t
            WHERE sambapos._replica_kind(t) = 'replica' AND to_regclass(format('sambapos_report.%I', t)) IS NULL);
  RETURN NEXT ('views', 'sambapos_report', CASE WHEN words IS NULL THEN 'ok' ELSE 'error' END,
               coalesce('missing, SELECT sambapos_refresh_reports() makes them: ' || words,
                        'each replica table has its view'))::sambapos.restored;
  words := (SELECT string_agg(t, ', ' ORDER BY t) FROM sambapos._replica_tables() AS t
            WHERE NOT sambapos._guard_is_on(format('sambapos_replica.%I', t)::regclass));
  RETURN NEXT ('triggers', 'keep_history', CASE WHEN words IS NULL THEN 'ok' ELSE 'error' END,
               coalesce('missing or changed, see sambapos_check: ' || words,
                        'each table keeps the values of its history'))::sambapos.restored;
  words := (SELECT string_agg(r.name, ', ' ORDER BY r.name) FROM sambapos._manifest_relations() AS r
            WHERE r.kind IN ('replica', 'history') AND NOT manifest -> 'relations' ? r.relation::text);
  RETURN NEXT ('tables', 'sambapos_replica', CASE WHEN words IS NULL THEN 'ok' ELSE 'warning' END,
               coalesce('the manifest does not name: ' || words, 'the manifest names all that are there')
              )::sambapos.restored;
END;
$$;
COMMENT ON FUNCTION sambapos._verify_around(jsonb) IS
  'The extension, the views, the triggers, and tables that a manifest does not name';

CREATE FUNCTION @extschema@.sambapos_verify_restore(manifest jsonb) RETURNS SETOF sambapos.restored
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._verify_check_manifest(manifest);
  RETURN QUERY SELECT v.* FROM jsonb_each(manifest -> 'sites') AS s
               CROSS JOIN LATERAL sambapos._verify_site(s.key, s.value) AS v ORDER BY s.key COLLATE "C";
  RETURN QUERY SELECT v.* FROM jsonb_object_keys(manifest -> 'sites') AS n (name) JOIN sambapos._place AS s USING (name)
               CROSS JOIN LATERAL sambapos._verify_way(s) AS v ORDER BY s.name COLLATE "C";
  RETURN QUERY SELECT v.* FROM jsonb_each(manifest -> 'relations') AS r
               CROSS JOIN LATERAL sambapos._verify_relation(manifest, r.key, r.value) AS v
               ORDER BY array_position('{replica,history,catalog,sequence}', v.kind), r.key COLLATE "C";
  RETURN QUERY SELECT * FROM sambapos._verify_around(manifest);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_verify_restore(jsonb) IS
  'Is all here that a manifest of sambapos_backup_manifest names? A row for each site, way to a till, table, sequence '
  'and other matter. status: ok; warning (the detail says what to do, or that runs have written since, so that it '
  'cannot be compared); error (rows or state are missing, or others); skipped. Call it right after a restore. Reads '
  'every row, writes nothing, asks no till. Errors: 22023 this is no manifest, 0A000 a later version''s';
