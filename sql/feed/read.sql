-- read.sql: reading what an entity's rows have, with the rights of the relation's owner.
--
-- Rules:
-- * A function is written out for each entity. It belongs to the relation's owner: what he may not read, no feed shows.

-- Size and hash in place of a large value; bytea as it is, all else as its text in UTF-8.
CREATE FUNCTION sambapos._feed_lazy_sql(alias text, column_name text, type oid) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  bytes text := CASE type WHEN 'bytea'::regtype THEN format('%I.%I', alias, column_name)
                     ELSE format('convert_to(%I.%I::text, ''UTF8'')', alias, column_name) END;
BEGIN
  RETURN format('CASE WHEN %1$I.%2$I IS NOT NULL THEN jsonb_build_object(''sha256'', encode(sha256(%3$s), ''hex''), '
                '''bytes'', length(%3$s)) END', alias, column_name, bytes);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_lazy_sql(text, text, oid) IS 'SQL for what is sent of a lazy column';

CREATE FUNCTION sambapos._feed_data_sql(e sambapos.feed_entity, relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT '(SELECT to_jsonb(x) FROM (SELECT ' || string_agg(
           CASE WHEN c.name = ANY (e.lazy) THEN sambapos._feed_lazy_sql('r', c.name, a.atttypid)
                WHEN a.atttypid = 'bytea'::regtype THEN format('encode(r.%I, ''base64'')', c.name)
                ELSE format('r.%I', c.name) END || format(' AS %I', c.name), ', ' ORDER BY c.n) || ') AS x)'
  FROM unnest(e.columns) WITH ORDINALITY AS c (name, n)
  JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = c.name AND NOT a.attisdropped;
$$;
COMMENT ON FUNCTION sambapos._feed_data_sql(sambapos.feed_entity, regclass) IS 'SQL for what is sent of a row r, as JSON';

-- The key's columns as one row each: of r, and out of JSON value k.
CREATE FUNCTION sambapos._feed_key_columns(e sambapos.feed_entity, relation regclass, "json" text,
                                           OUT of_row text, OUT of_json text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT string_agg(format('r.%I', c.name), ', ' ORDER BY c.n),
         string_agg(format('(%s ->> %L)::%s', json, c.name, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY c.n)
  FROM unnest(e.key) WITH ORDINALITY AS c (name, n)
  JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = c.name AND NOT a.attisdropped;
$$;
COMMENT ON FUNCTION sambapos._feed_key_columns(sambapos.feed_entity, regclass, text) IS
  'SQL for the columns of a key: of row r, and of a JSON value';

-- By the catalog: to_regclass raises for who may not use the schema, and whoever asks a feed need not be allowed to.
CREATE FUNCTION sambapos._feed_relation(e sambapos.feed_entity) RETURNS regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
          WHERE n.nspname = e.schema_name AND c.relname = e.relation_name);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_relation(sambapos.feed_entity) IS
  'The relation of an entity; NULL: it is not there. Of what is computed the table that it is computed from';

-- Also what a preset computes is read with the rights of the replica's owner: so he may call what it calls.
CREATE FUNCTION sambapos._feed_owned_by_table(signature text, relation regclass, words text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  owner name := coalesce((SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c WHERE c.oid = relation), current_user);
  reader name := (SELECT pg_get_userbyid(e.extowner) FROM pg_extension AS e WHERE e.extname = 'sambapos_fdw');
BEGIN
  EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', signature);
  EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', signature, reader);
  EXECUTE format('COMMENT ON FUNCTION %s IS %L', signature, words);
  EXECUTE format('ALTER FUNCTION %s DEPENDS ON EXTENSION sambapos_fdw', signature);
  EXECUTE format('ALTER FUNCTION %s OWNER TO %I', signature, owner);
  IF relation::text LIKE 'sambapos_replica.%' AND NOT has_function_privilege(owner, 'sambapos._safe_json(text)', 'EXECUTE') THEN
    EXECUTE format('GRANT EXECUTE ON FUNCTION sambapos._safe_json(text) TO %I', owner);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_owned_by_table(text, regclass, text) IS
  'Gives a function that reads a relation to the relation''s owner, for the feed alone';

-- What a preset computes has no relation of its own in the database: a view would keep the replica's columns from being
-- made wider.
CREATE FUNCTION sambapos._feed_source_sql(e sambapos.feed_entity) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  p sambapos._feed_preset := sambapos._preset_of(e);
BEGIN
  RETURN CASE WHEN p.definition IS NULL THEN format('%I.%I', e.schema_name, e.relation_name)
    ELSE format('(%s)', sambapos._preset_sql(p, (SELECT f.site_id FROM sambapos.change_feed AS f WHERE f.feed_id = e.feed_id)))
    END;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_source_sql(sambapos.feed_entity) IS 'What the rows of an entity are read from';

-- While functions are written out for what is computed there is a view of it, which tells its columns.
CREATE FUNCTION sambapos._feed_shape_open(e sambapos.feed_entity) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF (sambapos._preset_of(e)).definition IS NULL THEN
    RETURN sambapos._feed_relation(e);
  END IF;
  PERFORM sambapos._feed_shape_close();
  EXECUTE format('CREATE TEMPORARY VIEW sambapos__shape AS SELECT * FROM %s AS r', sambapos._feed_source_sql(e));
  RETURN to_regclass('pg_temp.sambapos__shape');
END;
$$;
COMMENT ON FUNCTION sambapos._feed_shape_open(sambapos.feed_entity) IS 'A relation that has the columns of an entity';

CREATE FUNCTION sambapos._feed_shape_close() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF to_regclass('pg_temp.sambapos__shape') IS NOT NULL THEN
    DROP VIEW pg_temp.sambapos__shape;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_shape_close() IS 'Drops the view that told the columns of an entity';

-- A table that was taken out of its site is at no source any more, whether its rows were kept or not.
CREATE FUNCTION sambapos._feed_is_left(e sambapos.feed_entity) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (e.capture = 'merge' OR e.preset IS NOT NULL)
     AND NOT EXISTS (SELECT FROM sambapos.change_feed AS f JOIN sambapos.replicated_table AS t USING (site_id)
                     WHERE f.feed_id = e.feed_id AND t.table_name = e.relation_name);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_is_left(sambapos.feed_entity) IS
  'True for an entity of a replica table, or of a preset for which it is the main one, that its site no longer copies: '
  'it has no rows';

-- Of a replica table the rows of the site that are at the source. Its key begins with site and epoch: with the epochs
-- that there can be named, a row is found by its key in an index.
CREATE FUNCTION sambapos._feed_rows_meant(e sambapos.feed_entity) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN CASE e.capture WHEN 'merge' THEN format(
           ' AND r.site_id = %1$s AND r.row_state = ''live'''
           ' AND r.epoch = ANY (ARRAY(SELECT generate_series(1, p.epoch) FROM sambapos.site_state AS p WHERE p.site_id = %1$s))',
           (SELECT f.site_id FROM sambapos.change_feed AS f WHERE f.feed_id = e.feed_id)) ELSE '' END;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_rows_meant(sambapos.feed_entity) IS 'A condition on row r: it is on the feed';

CREATE FUNCTION sambapos._feed_empty_make(e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format($sql$CREATE FUNCTION sambapos._feed_read_%1$s(jsonb[], text, jsonb, integer) -- runtime
RETURNS TABLE (key jsonb, scope text, data jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
'SELECT NULL::jsonb, NULL::text, NULL::jsonb WHERE false'$sql$, e.entity_id);
  EXECUTE format($sql$CREATE FUNCTION sambapos._feed_value_%s(jsonb, text) -- runtime
RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
'SELECT NULL::jsonb'$sql$, e.entity_id);
  PERFORM sambapos._feed_owned_by_table(format('sambapos._feed_read_%s(jsonb[], text, jsonb, integer)', e.entity_id), NULL,
    format('Entity %s of the feed has no rows: its table has left the site', e.entity));
  PERFORM sambapos._feed_owned_by_table(format('sambapos._feed_value_%s(jsonb, text)', e.entity_id), NULL,
    format('Entity %s of the feed has no rows: its table has left the site', e.entity));
END;
$$;
COMMENT ON FUNCTION sambapos._feed_empty_make(sambapos.feed_entity) IS
  'Makes the functions that read an entity whose table has left the site';

-- What is read by its keys. A table has an index of them: each key is looked up in it, however few rows the planner
-- believes to be there, so that what a client asks every minute costs what has changed, and never the table.
CREATE FUNCTION sambapos._feed_keys_sql(e sambapos.feed_entity, of_row text, of_json text, condition text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  is_table boolean := (sambapos._preset_of(e)).definition IS NULL
    AND EXISTS (SELECT FROM pg_class AS c WHERE c.oid = sambapos._feed_relation(e) AND c.relkind IN ('r', 'p'));
BEGIN
  RETURN format(CASE WHEN is_table
    THEN 'unnest($1) AS k (key) CROSS JOIN LATERAL (SELECT r.* FROM %1$s AS r WHERE (%2$s) = (%3$s) AND %4$s OFFSET 0) AS r'
    ELSE 'unnest($1) AS k (key) JOIN %1$s AS r ON (%2$s) = (%3$s) WHERE %4$s' END,
    sambapos._feed_source_sql(e), of_row, of_json, condition);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_keys_sql(sambapos.feed_entity, text, text, text) IS
  'SQL that follows FROM: the rows r of an entity whose keys are in $1';

-- relation: whose columns are those of the entity.
CREATE FUNCTION sambapos._feed_read_make(e sambapos.feed_entity, relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  name text := format('sambapos._feed_read_%s(jsonb[], text, jsonb, integer)', e.entity_id);
  wanted record := sambapos._feed_key_columns(e, relation, 'k.key');
  after record := sambapos._feed_key_columns(e, relation, '$3');
  its text := CASE WHEN e.scope IS NULL THEN 'true'
                   ELSE format('($2 IS NULL OR r.%1$I IS NULL OR r.%1$I::text = $2)', e.scope) END
              || sambapos._feed_rows_meant(e);
BEGIN
  EXECUTE format($sql$CREATE FUNCTION sambapos._feed_read_%s(jsonb[], text, jsonb, integer) -- runtime
RETURNS TABLE (key jsonb, scope text, data jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$read$
#variable_conflict use_column
BEGIN
  IF $1 IS NOT NULL THEN
    RETURN QUERY SELECT %2$s, %3$s, %4$s FROM %5$s;
  ELSE
    RETURN QUERY SELECT %2$s, %3$s, %4$s FROM %6$s AS r WHERE ($3 IS NULL OR (%7$s) > (%8$s)) AND %9$s
                 ORDER BY %7$s LIMIT $4;
  END IF;
END;
$read$
$sql$, e.entity_id, sambapos._feed_key_sql(e, 'r'), sambapos._feed_scope_sql(e, 'r'),
    sambapos._feed_data_sql(e, relation), sambapos._feed_keys_sql(e, wanted.of_row, wanted.of_json, its),
    sambapos._feed_source_sql(e), wanted.of_row, after.of_json, its);
  PERFORM sambapos._feed_owned_by_table(name, sambapos._feed_relation(e),
    format('Reads rows of entity %s for the feed: those of the keys, or all after a key; made by sambapos_add_to_feed', e.entity));
END;
$$;
COMMENT ON FUNCTION sambapos._feed_read_make(sambapos.feed_entity, regclass) IS 'Makes the function that reads an entity';

CREATE FUNCTION sambapos._feed_value_make(e sambapos.feed_entity, relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  name text := format('sambapos._feed_value_%s(jsonb, text)', e.entity_id);
  wanted record := sambapos._feed_key_columns(e, relation, '$1');
  choices text := (SELECT string_agg(format('WHEN %L THEN jsonb_build_object(''sha256'', %s ->> ''sha256'', ''value'', %s)',
                                            c.name, sambapos._feed_lazy_sql('r', c.name, a.atttypid),
                                            CASE a.atttypid WHEN 'bytea'::regtype THEN format('encode(r.%I, ''base64'')', c.name)
                                                 ELSE format('r.%I', c.name) END), ' ')
                   FROM unnest(e.columns) AS c (name)
                   JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = c.name AND NOT a.attisdropped);
BEGIN
  EXECUTE format($sql$CREATE FUNCTION sambapos._feed_value_%s(jsonb, text) RETURNS jsonb -- runtime
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$value$
BEGIN
  RETURN (SELECT jsonb_build_object('scope', %s) || CASE $2 %s END FROM %s AS r WHERE (%s) = (%s)%s);
END;
$value$
$sql$, e.entity_id, sambapos._feed_scope_sql(e, 'r'), choices, sambapos._feed_source_sql(e), wanted.of_row, wanted.of_json,
    sambapos._feed_rows_meant(e));
  PERFORM sambapos._feed_owned_by_table(name, sambapos._feed_relation(e),
    format('Reads one value of entity %s for the feed; made by sambapos_add_to_feed', e.entity));
END;
$$;
COMMENT ON FUNCTION sambapos._feed_value_make(sambapos.feed_entity, regclass) IS
  'Makes the function that reads one value of an entity';
