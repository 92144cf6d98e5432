-- apply.sql: sambapos_apply: a whole payload into tables of the user's, for a host that gets it by other ways than dblink.
--
-- Rules:
-- * Nothing is known of the source but the payload. So the tables are the user's: named as the entity, or as its
--   payload_key in snake_case; a row is named by the primary key; each column that is sent must be there.
-- * All or nothing. The position is kept by who calls: in the same transaction.

CREATE FUNCTION sambapos._apply_table(entity text, schema_name text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  snake text := lower(regexp_replace(entity, '([a-z0-9])([A-Z])', '\1_\2', 'g'));
  found_names text[] := ARRAY(SELECT DISTINCT n FROM unnest(ARRAY[entity, snake]) AS n
                              WHERE sambapos._follow_relation(schema_name, n) IS NOT NULL);
BEGIN
  IF cardinality(found_names) = 0 THEN
    PERFORM sambapos._follow_refuse(format('schema "%s" has no table for entity "%s"', schema_name, entity),
      format('Make table %I.%I with the columns of the entity and its primary key, or ask for a payload without it.', schema_name, snake), '42P01');
  ELSIF cardinality(found_names) > 1 THEN
    PERFORM sambapos._follow_refuse(format('schema "%s" has two tables for entity "%s": %s', schema_name, entity, array_to_string(found_names, ', ')),
                                    'Rename the one that is not meant.', '42P09');
  END IF;
  RETURN found_names[1];
END;
$$;
COMMENT ON FUNCTION sambapos._apply_table(text, text) IS 'The table that has the rows of an entity, or of a payload_key; raises 42P01';

-- A payload does not say which columns are lazy. Of a lazy column no value comes otherwise; and an object where text or bytes
-- are to be is nothing else. In a column of JSON it may be either: nobody can tell, so it is refused.
CREATE FUNCTION sambapos._apply_lazy(p sambapos._follow_part, rows jsonb) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  shaped text[] := ARRAY(
    SELECT v.key FROM jsonb_array_elements(rows) AS r (data) CROSS JOIN LATERAL jsonb_each(r.data) AS v WHERE v.value <> 'null' GROUP BY v.key
    HAVING bool_and(CASE WHEN jsonb_typeof(v.value) = 'object'
                         THEN coalesce(v.value ->> 'sha256' ~ '^[0-9a-f]{64}$' AND jsonb_typeof(v.value -> 'bytes') = 'number', false)
                              AND v.value - 'sha256' - 'bytes' = '{}'
                         ELSE false END) ORDER BY 1);
  unclear text := (SELECT string_agg(c.name, ', ') FROM unnest(p.columns, p.types) AS c (name, type)
                   WHERE c.name = ANY (shaped) AND sambapos._follow_base(to_regtype(c.type)) IN ('json'::regtype, 'jsonb'::regtype));
BEGIN
  IF unclear IS NOT NULL THEN
    PERFORM sambapos._follow_refuse(format('values of entity "%s" may be JSON of this form, or sizes and hashes of lazy values: %s', p.entity, unclear),
                                    'Follow the feed with sambapos_follow, which is told which columns are lazy.', '22023');
  END IF;
  RETURN shaped;
END;
$$;
COMMENT ON FUNCTION sambapos._apply_lazy(sambapos._follow_part, jsonb) IS 'The columns that came as size and hash. Raises 22023 where that is not clear';

CREATE FUNCTION sambapos._apply_part(entity text, schema_name text, rows jsonb, is_full boolean) RETURNS sambapos._follow_part
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  p sambapos._follow_part;
  relation regclass;
  told text[];
BEGIN
  IF EXISTS (SELECT FROM jsonb_array_elements(rows) AS r (data) WHERE jsonb_typeof(r.data) <> 'object') THEN
    PERFORM sambapos._follow_refuse(format('rows of entity "%s" are no objects', entity), NULL, '22023');
  END IF;
  SELECT a.* INTO p.entity, p.payload_key, p.schema_name, p.is_made, p.is_new, p.is_full
  FROM (SELECT entity, entity, schema_name, false, false, is_full) AS a;
  p.table_name := sambapos._apply_table(entity, schema_name);
  relation := sambapos._follow_relation(schema_name, p.table_name);
  p.key := ARRAY(SELECT a.attname::text FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
                 WHERE i.indrelid = relation AND i.indisprimary ORDER BY a.attnum);
  told := ARRAY(SELECT DISTINCT k FROM jsonb_array_elements(rows) AS r (data) CROSS JOIN LATERAL jsonb_object_keys(r.data) AS k);
  -- in the order of the table; what the table lacks stands at the end, and is refused
  p.columns := ARRAY(SELECT n FROM unnest(told || p.key) AS n
                     LEFT JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = n AND NOT a.attisdropped
                     GROUP BY n, a.attnum ORDER BY a.attnum, n);
  p.types := ARRAY(SELECT format_type(a.atttypid, a.atttypmod) FROM unnest(p.columns) WITH ORDINALITY AS n (name, i)
                   LEFT JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = n.name AND NOT a.attisdropped ORDER BY n.i);
  p.lazy := sambapos._apply_lazy(p, rows);
  p.stage := 'sambapos__applied';
  IF p.key = '{}' THEN
    PERFORM sambapos._follow_refuse(format('table "%s" has no primary key', relation), 'Give it the columns that name a row of the entity.');
  END IF;
  RETURN p;
END;
$$;
COMMENT ON FUNCTION sambapos._apply_part(text, text, jsonb, boolean) IS 'An entity of a payload and its table';

-- What is in a payload, an entity a row: its rows, of a delta its changes.
CREATE FUNCTION sambapos._apply_entities(payload jsonb) RETURNS TABLE (entity text, rows jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  heads CONSTANT text[] := '{feed,incarnation,timestamp,propertyId,version,paused}';
  strange text;
BEGIN
  IF payload ? 'changes' THEN
    IF EXISTS (SELECT FROM jsonb_array_elements(payload -> 'changes') AS c (change) WHERE c.change ->> 'entityType' IS NULL) THEN
      PERFORM sambapos._follow_refuse('a change does not name its entityType', NULL, '22023');
    END IF;
    RETURN QUERY SELECT c.change ->> 'entityType', coalesce(jsonb_agg(c.change -> 'data') FILTER (WHERE c.change ->> 'operation' <> 'DELETE'), '[]')
                 FROM jsonb_array_elements(payload -> 'changes') AS c (change) GROUP BY 1 ORDER BY 1;
    RETURN;
  END IF;
  strange := (SELECT string_agg(e.key, ', ') FROM jsonb_each(payload) AS e WHERE e.key <> ALL (heads) AND jsonb_typeof(e.value) <> 'array');
  IF strange IS NOT NULL THEN
    PERFORM sambapos._follow_refuse(format('parts of the payload are no arrays of rows: %s', strange), 'Give the payload as sambapos_full_payload returns it.', '22023');
  END IF;
  RETURN QUERY SELECT e.key, e.value FROM jsonb_each(payload) AS e WHERE e.key <> ALL (heads) ORDER BY e.key;
END;
$$;
COMMENT ON FUNCTION sambapos._apply_entities(jsonb) IS 'The entities of a payload, each with the rows that come';

CREATE FUNCTION sambapos._apply_check(payload jsonb, target_schema name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF jsonb_typeof(payload) IS DISTINCT FROM 'object' THEN
    PERFORM sambapos._follow_refuse('the payload is no JSON object', NULL, '22023');
  ELSIF payload -> 'fullRequired' = 'true' THEN
    PERFORM sambapos._follow_refuse('the payload has no rows: everything is to be taken anew', 'Fetch sambapos_full_payload and apply that.');
  ELSIF NOT (payload ? 'version' OR jsonb_typeof(payload -> 'changes') = 'array' AND payload ? 'toVersion') THEN
    PERFORM sambapos._follow_refuse('the payload is neither a full one nor a delta', 'Give it as sambapos_full_payload or sambapos_delta_payload returns it.', '22023');
  ELSIF target_schema IS NULL OR to_regnamespace(quote_ident(target_schema)) IS NULL THEN
    PERFORM sambapos._follow_refuse(format('schema "%s" does not exist', coalesce(target_schema, 'NULL')), NULL, '3F000');
  ELSIF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    PERFORM sambapos._follow_refuse('a payload is applied under isolation level READ COMMITTED only', NULL, '25001');
  END IF;
  PERFORM sambapos._follow_check_schema(target_schema);
END;
$$;
COMMENT ON FUNCTION sambapos._apply_check(jsonb, name) IS 'Raises what is wrong with a call of sambapos_apply';

-- A lock that writers need: what is compared, and whose code is on the table, holds to the end.
CREATE FUNCTION sambapos._apply_entity(p sambapos._follow_part, rows jsonb, changes jsonb, OUT inserted bigint, OUT updated bigint, OUT deleted bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass := sambapos._follow_relation(p.schema_name, p.table_name);
BEGIN
  EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', relation);
  PERFORM sambapos._follow_check_table(relation, p);
  PERFORM sambapos._follow_stage_open(p);
  IF changes IS NULL THEN
    PERFORM sambapos._follow_stage_rows(p, rows);
  ELSE
    PERFORM sambapos._follow_stage_changes(p, changes);
  END IF;
  SELECT m.inserted, m.updated, m.deleted INTO inserted, updated, deleted FROM sambapos._follow_merge(p, relation) AS m;
  PERFORM sambapos._follow_stage_drop(p.stage);
END;
$$;
COMMENT ON FUNCTION sambapos._apply_entity(sambapos._follow_part, jsonb, jsonb) IS
  'Writes one entity of a payload: its rows, or its part of the changes';

CREATE FUNCTION @extschema@.sambapos_apply(payload jsonb, target_schema name)
RETURNS TABLE (entity text, inserted bigint, updated bigint, deleted bigint, full_required boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
DECLARE
  e record;
  p sambapos._follow_part;
  relations regclass[];
BEGIN
  PERFORM sambapos._apply_check(payload, target_schema);
  relations := ARRAY(SELECT sambapos._follow_relation(target_schema::text, sambapos._apply_table(a.entity, target_schema::text))
                     FROM sambapos._apply_entities(payload) AS a);
  PERFORM sambapos._follow_check_foreign_keys(relations);
  PERFORM sambapos._follow_defer(relations, 'DEFERRED');
  FOR e IN SELECT * FROM sambapos._apply_entities(payload) LOOP
    p := sambapos._apply_part(e.entity, target_schema::text, e.rows, NOT payload ? 'changes');
    RETURN QUERY SELECT e.entity, a.inserted, a.updated, a.deleted, false
                 FROM sambapos._apply_entity(p, e.rows, payload -> 'changes') AS a;
  END LOOP;
  RETURN QUERY SELECT f, NULL::bigint, NULL::bigint, NULL::bigint, true
               FROM jsonb_array_elements_text(coalesce(payload -> 'fullEntities', '[]')) AS f;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_apply(jsonb, name) IS
  'Writes a payload of sambapos_full_payload or sambapos_delta_payload into tables of a schema, each named as the entity '
  '(or its payload_key in snake_case), with its primary key and its columns. A full payload replaces by comparison: what '
  'is as it was is not written. Rows with full_required name entities of a delta that are to be fetched with '
  'sambapos_full_payload(feed, scope, entities) and applied too, before its toVersion is noted. A lazy value stays if its hash '
  'is the same, else it becomes NULL: fetch it with sambapos_value. Deferrable foreign keys between the tables are deferred, '
  'others refused. Errors: 42P01 no table, 42703 no column, 55000 everything is to be taken anew, a foreign key cannot be '
  'deferred, or a table has no primary key, 42501 a table is not ours, 22023 not a payload, 22000 a value would be rounded, 3F000 no schema';
