-- read.sql: reading what an entity's rows have, with the rights of the relation's owner.
--
-- Rules:
-- * What an entity is read with is written out when it is put on the feed, and run with the rights of the relation's
--   owner, and no others: what that role may not read, no feed shows, and code of that role that is met on the way
--   (types, casts, policies, views) gains nothing by who asks. So all that reads a relation of others goes by
--   _feed_read, _feed_value and _condition_keys.

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
  SELECT '(SELECT to_jsonb(x.*) FROM (SELECT ' || string_agg(
           CASE WHEN c.name = ANY (e.lazy) THEN sambapos._feed_lazy_sql('r', c.name, a.atttypid)
                WHEN a.atttypid = 'bytea'::regtype THEN format('encode(r.%I, ''base64'')', c.name)
                ELSE format('r.%I', c.name) END || format(' AS %I', c.name), ', ' ORDER BY c.n) || ') AS x)'
  FROM unnest(e.columns) WITH ORDINALITY AS c (name, n)
  JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = c.name AND NOT a.attisdropped;
$$;
COMMENT ON FUNCTION sambapos._feed_data_sql(sambapos.feed_entity, regclass) IS 'SQL for what is sent of a row r, as JSON';

-- What a row of keys is compared with comes from one set of operators: that of pg_catalog, or each its own.
CREATE FUNCTION sambapos._feed_key_columns(e sambapos.feed_entity, relation regclass, "json" text,
                                           OUT of_row text, OUT is_equal text, OUT is_after text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT string_agg(k.r, ', ' ORDER BY k.n), string_agg(format('%s %s %s', k.r, k.eq, k.j), ' AND ' ORDER BY k.n),
         CASE WHEN bool_and(k.gt = '>') THEN format('(%s) > (%s)', string_agg(k.r, ', ' ORDER BY k.n), string_agg(k.j, ', ' ORDER BY k.n))
              ELSE string_agg(CASE WHEN k.n < cardinality(e.key) THEN format('(%1$s %2$s %3$s OR %1$s %4$s %3$s AND ', k.r, k.gt, k.j, k.eq)
                                   ELSE format('%s %s %s', k.r, k.gt, k.j) END, '' ORDER BY k.n) || repeat(')', cardinality(e.key) - 1) END
  FROM (SELECT c.n, format('r.%I', c.name) AS r, format('(%s ->> %L)::%s', json, c.name, format_type(a.atttypid, a.atttypmod)) AS j,
               sambapos._feed_operator(a.atttypid, 3) AS eq, sambapos._feed_operator(a.atttypid, 5) AS gt
        FROM unnest(e.key) WITH ORDINALITY AS c (name, n)
        JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = c.name AND NOT a.attisdropped) AS k;
$$;
COMMENT ON FUNCTION sambapos._feed_key_columns(sambapos.feed_entity, regclass, text) IS
  'SQL for the columns of a key of row r, and whether they are those of a JSON value, or come after it';

-- Also what a preset computes is read with the rights of the replica's owner: so that role may call what it calls.
CREATE FUNCTION sambapos._feed_reader_allow(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  owner name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c WHERE c.oid = relation);
BEGIN
  IF relation::text LIKE 'sambapos_replica.%'
     AND NOT (has_function_privilege(owner, 'sambapos._safe_json(text)', 'EXECUTE')
              AND has_schema_privilege(owner, 'sambapos', 'USAGE')) THEN
    EXECUTE format('GRANT USAGE ON SCHEMA sambapos TO %I', owner);
    EXECUTE format('GRANT EXECUTE ON FUNCTION sambapos._safe_json(text) TO %I', owner);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_reader_allow(regclass) IS
  'Lets the owner of the replica call what the definitions of presets call';

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

CREATE FUNCTION sambapos._feed_view_has_site(e sambapos.feed_entity) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT e.preset IS NULL
     AND EXISTS (SELECT FROM pg_attribute AS a
                 WHERE a.attrelid = sambapos._feed_relation(e) AND a.attname = 'site_id' AND a.atttypid = 'integer'::regtype
                   AND NOT a.attisdropped);
$$;
COMMENT ON FUNCTION sambapos._feed_view_has_site(sambapos.feed_entity) IS
  'True for a view that says of which site a row is';

-- Of a replica table the rows of the site that are at the source, of a view those of the site, where it says so. Its key begins with site and epoch: with the epochs
-- that there can be named, a row is found by its key in an index.
CREATE FUNCTION sambapos._feed_rows_meant(e sambapos.feed_entity) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN CASE e.capture WHEN 'merge' THEN format(
           ' AND r.site_id = %1$s AND r.row_state = ''live'''
           ' AND r.epoch = ANY (ARRAY(SELECT generate_series(1, p.epoch) FROM sambapos.site_state AS p WHERE p.site_id = %1$s))',
           (SELECT f.site_id FROM sambapos.change_feed AS f WHERE f.feed_id = e.feed_id))
         WHEN 'compare' THEN CASE WHEN sambapos._feed_view_has_site(e) THEN format(' AND r.site_id = %s',
           (SELECT f.site_id FROM sambapos.change_feed AS f WHERE f.feed_id = e.feed_id)) ELSE '' END
         ELSE '' END;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_rows_meant(sambapos.feed_entity) IS 'A condition on row r: it is on the feed';

-- What is read by its keys. A table has an index of them: each key is looked up in it, however few rows the planner
-- believes to be there, so that what a client asks every minute costs what has changed, and never the table.
CREATE FUNCTION sambapos._feed_keys_sql(e sambapos.feed_entity, is_wanted text, condition text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  is_table boolean := (sambapos._preset_of(e)).definition IS NULL
    AND EXISTS (SELECT FROM pg_class AS c WHERE c.oid = sambapos._feed_relation(e) AND c.relkind IN ('r', 'p'));
BEGIN
  RETURN format(CASE WHEN is_table
    THEN 'unnest($1) AS k (key) CROSS JOIN LATERAL (SELECT r.* FROM %1$s AS r WHERE %2$s AND %3$s OFFSET 0) AS r'
    ELSE 'unnest($1) AS k (key) JOIN %1$s AS r ON %2$s WHERE %3$s' END,
    sambapos._feed_source_sql(e), is_wanted, condition);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_keys_sql(sambapos.feed_entity, text, text) IS
  'SQL that follows FROM: the rows r of an entity whose keys are in $1';

-- relation: whose columns are those of the entity.
CREATE FUNCTION sambapos._feed_read_sql(e sambapos.feed_entity, relation regclass, OUT of_all text, OUT of_keys text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  wanted record := sambapos._feed_key_columns(e, relation, 'k.key');
  after record := sambapos._feed_key_columns(e, relation, '$3');
  its text := CASE WHEN e.scope IS NULL THEN 'true'
                   ELSE format('($2 IS NULL OR r.%1$I IS NULL OR r.%1$I::text = $2)', e.scope) END
              || sambapos._feed_rows_meant(e);
  read text := format('SELECT %s, %s, %s FROM ', sambapos._feed_key_sql(e, 'r'), sambapos._feed_scope_sql(e, 'r'),
                      sambapos._feed_data_sql(e, relation));
BEGIN
  -- equal is not always the same: 'a' and 'A' of a citext
  of_keys := read || sambapos._feed_keys_sql(e, wanted.is_equal, format('%s AND %s = k.key', its, sambapos._feed_key_sql(e, 'r')));
  of_all := read || format('%1$s AS r WHERE ($3 IS NULL OR %3$s) AND %4$s ORDER BY %2$s LIMIT $4',
                           sambapos._feed_source_sql(e), wanted.of_row, after.is_after, its);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_read_sql(sambapos.feed_entity, regclass) IS
  'SQL that reads rows of an entity for scope $2: all after key $3, at most $4; those of keys $1';

CREATE FUNCTION sambapos._feed_value_sql(e sambapos.feed_entity, relation regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  wanted record := sambapos._feed_key_columns(e, relation, 'k.key');
  choices text := (SELECT string_agg(format('WHEN %L THEN jsonb_build_object(''sha256'', %s ->> ''sha256'', ''value'', %s)',
                                            c.name, sambapos._feed_lazy_sql('r', c.name, a.atttypid),
                                            CASE a.atttypid WHEN 'bytea'::regtype THEN format('encode(r.%I, ''base64'')', c.name)
                                                 ELSE format('r.%I', c.name) END), ' ')
                   FROM unnest(e.columns) AS c (name)
                   JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = c.name AND NOT a.attisdropped);
BEGIN
  RETURN format('SELECT k.key, %s, CASE $2 %s END FROM ', sambapos._feed_scope_sql(e, 'r'), choices)
         || sambapos._feed_keys_sql(e, wanted.is_equal, 'true' || sambapos._feed_rows_meant(e));
END;
$$;
COMMENT ON FUNCTION sambapos._feed_value_sql(sambapos.feed_entity, regclass) IS
  'SQL that reads the value of column $2, with its hash, of the rows of keys $1';

CREATE FUNCTION sambapos._feed_read(e sambapos.feed_entity, keys jsonb[], scope text, after jsonb, max_rows integer)
RETURNS TABLE (key jsonb, scope_of_row text, data jsonb)
LANGUAGE sql STABLE ROWS 1000 SET search_path = pg_catalog, pg_temp AS
$$
  SELECT r.* FROM (SELECT CASE WHEN _feed_read.keys IS NULL THEN e.query_all ELSE e.query_keys END AS query) AS q
  CROSS JOIN LATERAL sambapos._query_as_owner(e.schema_name, e.relation_name, q.query, _feed_read.keys, _feed_read.scope,
                                              _feed_read.after, _feed_read.max_rows) AS r
  WHERE q.query IS NOT NULL;
$$;
COMMENT ON FUNCTION sambapos._feed_read(sambapos.feed_entity, jsonb[], text, jsonb, integer) IS
  'Rows of an entity that a scope may see: those of the keys, or all after a key';

CREATE FUNCTION sambapos._feed_value(e sambapos.feed_entity, key jsonb, column_name text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT r.data FROM sambapos._query_as_owner(e.schema_name, e.relation_name, e.query_value, ARRAY[_feed_value.key],
                                              _feed_value.column_name, NULL, NULL) AS r
  WHERE e.query_value IS NOT NULL;
$$;
COMMENT ON FUNCTION sambapos._feed_value(sambapos.feed_entity, jsonb, text) IS 'One value of an entity, with its hash';
