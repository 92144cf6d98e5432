-- entity.sql: putting tables on a feed and taking them off.
--
-- Rules:
-- * What a feed reads is written down by the extension's owner, for who calls and owns the table. No code of the table's
--   owner runs meanwhile, but as that owner.

CREATE FUNCTION sambapos._feed_is_replica(f sambapos.change_feed, relation regclass) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (SELECT FROM sambapos._table AS t
                 WHERE t.site_id = f.site_id AND sambapos._replica_table(t.table_name::name) = relation);
$$;
COMMENT ON FUNCTION sambapos._feed_is_replica(sambapos.change_feed, regclass) IS
  'True if a relation is a replica table of the site whose feed it is';

-- Base relations of a view, through views of views.
CREATE FUNCTION sambapos._feed_view_tables(relation regclass) RETURNS regclass[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  WITH RECURSIVE used AS (
    SELECT relation::oid AS oid
    UNION
    SELECT d.refobjid FROM used AS u
    JOIN pg_rewrite AS r ON r.ev_class = u.oid
    JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                       AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> u.oid
  )
  SELECT array_agg(c.oid::regclass ORDER BY c.oid) FROM used AS u JOIN pg_class AS c USING (oid) WHERE c.relkind <> 'v';
$$;
COMMENT ON FUNCTION sambapos._feed_view_tables(regclass) IS 'The relations that a view reads; NULL: none';

CREATE FUNCTION sambapos._feed_is_replica_view(f sambapos.change_feed, relation regclass) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(bool_and(sambapos._feed_is_replica(f, t)), false)
  FROM unnest(sambapos._feed_view_tables(relation)) AS t
  WHERE (SELECT c.relkind = 'v' FROM pg_class AS c WHERE c.oid = relation);
$$;
COMMENT ON FUNCTION sambapos._feed_is_replica_view(sambapos.change_feed, regclass) IS
  'True for a view that reads nothing but replica tables of the site whose feed it is';

CREATE FUNCTION sambapos._feed_check_relation(f sambapos.change_feed, relation regclass) RETURNS pg_class
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c pg_class := (SELECT k FROM pg_class AS k WHERE k.oid = relation);
  kind text;
BEGIN
  IF c.oid IS NULL THEN
    RAISE EXCEPTION 'a relation must be given' USING ERRCODE = 'null_value_not_allowed';
  ELSIF NOT pg_has_role(sambapos._feed_changer(), c.relowner, 'USAGE') THEN
    RAISE EXCEPTION 'must be owner of table "%"', relation USING ERRCODE = 'insufficient_privilege';
  ELSIF c.relnamespace IN ('sambapos'::regnamespace, 'pg_catalog'::regnamespace)
        OR (c.relnamespace IS NOT DISTINCT FROM to_regnamespace('sambapos_replica')
            AND NOT sambapos._feed_is_replica(f, relation)) THEN
    RAISE EXCEPTION '"%" cannot be put on feed "%"', relation, f.name USING ERRCODE = 'wrong_object_type',
      HINT = 'Replica tables can be on the feed of a site that copies them; tables of your own on any feed.';
  END IF;
  kind := CASE WHEN sambapos._feed_is_replica_view(f, relation) THEN NULL
               WHEN c.relkind NOT IN ('r', 'p') THEN
                 CASE c.relkind WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view' WHEN 'f' THEN 'a foreign table'
                      ELSE 'no table' END
               WHEN c.relpersistence = 't' THEN 'a temporary table' WHEN c.relpersistence = 'u' THEN 'an unlogged table' END;
  IF kind IS NOT NULL THEN
    RAISE EXCEPTION '"%" is %', relation, kind USING ERRCODE = 'wrong_object_type',
      HINT = 'Ordinary and partitioned tables can be put on a feed, on that of a site also views over its replica tables.';
  END IF;
  RETURN c;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_check_relation(sambapos.change_feed, regclass) IS 'Raises what keeps a relation off a feed';

CREATE FUNCTION sambapos._feed_check_owner(e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  caller name := sambapos._feed_changer();
  owner oid := (SELECT c.relowner FROM pg_class AS c WHERE c.oid = sambapos._feed_relation(e));
BEGIN
  IF owner IS NULL AND EXISTS (SELECT FROM pg_extension AS x WHERE x.extname = 'sambapos_fdw' AND pg_has_role(caller, x.extowner, 'USAGE')) THEN
    RETURN; -- whose it was may be gone, too
  END IF;
  owner := coalesce(owner, to_regrole(quote_ident(e.owner_name))::oid);
  IF owner IS NULL OR NOT pg_has_role(caller, owner, 'USAGE') THEN
    RAISE EXCEPTION 'must be owner of table "%.%"', e.schema_name, e.relation_name USING ERRCODE = 'insufficient_privilege';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_check_owner(sambapos.feed_entity) IS
  'Raises 42501 if the caller does not own the relation of an entity; of one that is not there: if it was another role''s';

CREATE FUNCTION sambapos._feed_check_columns(relation regclass, names name[], what text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  there text[] := ARRAY(SELECT a.attname::text FROM pg_attribute AS a
                        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum);
  unknown name := (SELECT n FROM unnest(names) AS n WHERE n IS NULL OR n::text <> ALL (there) LIMIT 1);
BEGIN
  IF unknown IS NOT NULL OR array_position(names, NULL) IS NOT NULL THEN
    RAISE EXCEPTION 'table "%" has no column "%"', relation, coalesce(unknown, 'NULL') USING ERRCODE = 'undefined_column',
      DETAIL = format('It was named as %s.', what),
      HINT = sambapos._name_hint(unknown, there) || 'The columns are: ' || array_to_string(there, ', ') || '.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_check_columns(regclass, name[], text) IS 'Raises 42703 for a column that is not there';

-- Of a replica table: the source's key, since of an id only the row is sent that is at the source.
CREATE FUNCTION sambapos._feed_replica_key(f sambapos.change_feed, table_name name) RETURNS name[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT sambapos._table_key(s, t) FROM sambapos._place AS s JOIN sambapos._table AS t USING (site_id)
  WHERE s.site_id = f.site_id AND t.table_name = _feed_replica_key.table_name;
$$;
COMMENT ON FUNCTION sambapos._feed_replica_key(sambapos.change_feed, name) IS 'The source''s key of a replica table';

CREATE FUNCTION sambapos._feed_replica_columns(f sambapos.change_feed, table_name name) RETURNS name[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT array_agg(c.column_name ORDER BY c.ordinal)
  FROM sambapos._place AS s JOIN sambapos._table AS t USING (site_id)
  CROSS JOIN LATERAL sambapos._table_columns(s, t) AS c
  WHERE s.site_id = f.site_id AND t.table_name = _feed_replica_columns.table_name
    AND NOT sambapos._feed_column_is_secret(c.column_name);
$$;
COMMENT ON FUNCTION sambapos._feed_replica_columns(sambapos.change_feed, name) IS
  'The source''s columns of a replica table, but for what looks like a secret';

-- A view has no index that would say so: what names no row is said when it is compared.
CREATE FUNCTION sambapos._feed_view_key(relation regclass, key name[]) RETURNS name[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF coalesce(cardinality(key), 0) = 0 THEN
    RAISE EXCEPTION 'view "%" needs a key', relation USING ERRCODE = 'invalid_table_definition',
      HINT = 'Name the columns that name a row of it by argument key.';
  END IF;
  PERFORM sambapos._feed_check_columns(relation, key, 'key');
  IF (SELECT count(*) FROM sambapos.site) > 1
     AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = 'site_id'
                       AND a.atttypid = 'integer'::regtype AND NOT a.attisdropped) THEN
    RAISE EXCEPTION 'view "%" does not say of which site its rows are', relation USING ERRCODE = 'invalid_table_definition',
      DETAIL = 'Replica tables hold the rows of all sites, and a site''s feed tells of one.',
      HINT = 'Give it column site_id of its tables: the feed then reads the rows of its site. It is sent if it is among '
             'the columns.';
  END IF;
  RETURN key;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_view_key(regclass, name[]) IS
  'The columns that name a row of a view; raises 42P16 if none are given, and where several sites are copied for a view '
  'without column site_id';

-- A key has to name one row and be there in each.
CREATE FUNCTION sambapos._feed_key(relation regclass, key name[]) RETURNS name[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  found_key name[] := (SELECT array_agg(a.attname ORDER BY k.n)
                       FROM pg_index AS i CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, n)
                       JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                       WHERE i.indrelid = relation AND i.indisprimary AND k.n <= i.indnkeyatts);
BEGIN
  IF key IS NULL THEN
    IF found_key IS NULL THEN
      RAISE EXCEPTION 'table "%" has no primary key', relation USING ERRCODE = 'invalid_table_definition',
        HINT = 'Name the columns of a unique index as key.';
    END IF;
    RETURN found_key;
  END IF;
  PERFORM sambapos._feed_check_columns(relation, key, 'key');
  IF NOT EXISTS (SELECT FROM pg_index AS i
                 WHERE i.indrelid = relation AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
                   AND (SELECT array_agg(a.attname ORDER BY a.attname) FROM pg_attribute AS a
                        WHERE a.attrelid = relation AND a.attnum = ANY ((i.indkey::smallint[])[0:i.indnkeyatts - 1]))
                       = (SELECT array_agg(k ORDER BY k) FROM unnest(key) AS k))
     OR EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = ANY (key) AND NOT a.attnotnull) THEN
    RAISE EXCEPTION 'columns % of table "%" are no key', array_to_string(key, ', '), relation USING
      ERRCODE = 'invalid_table_definition', HINT = 'A key has a unique index of just these columns, each NOT NULL.';
  END IF;
  RETURN key;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_key(regclass, name[]) IS
  'The columns that name a row: those given, else the primary key''s; raises 42P16 if they do not';

CREATE FUNCTION sambapos._feed_columns(relation regclass, key name[], scope name, columns name[]) RETURNS name[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  present name[] := ARRAY(SELECT a.attname FROM pg_attribute AS a
                          WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum);
  secret text := (SELECT string_agg(p, ', ') FROM unnest(present) AS p
                  WHERE sambapos._feed_column_is_secret(p) AND p <> ALL (key) AND p IS DISTINCT FROM scope);
BEGIN
  IF columns IS NOT NULL THEN
    PERFORM sambapos._feed_check_columns(relation, columns, 'columns');
    RETURN ARRAY(SELECT p FROM unnest(present) WITH ORDINALITY AS p (p, n) WHERE p.p = ANY (key || columns) ORDER BY p.n);
  END IF;
  IF secret IS NOT NULL THEN
    RAISE NOTICE 'columns of table "%" that look like secrets are left out: %', relation, secret USING
      HINT = 'They are sent only when argument columns names them.';
  END IF;
  RETURN ARRAY(SELECT p.p FROM unnest(present) WITH ORDINALITY AS p (p, n)
               WHERE p.p = ANY (key) OR p.p IS NOT DISTINCT FROM scope OR NOT sambapos._feed_column_is_secret(p.p)
               ORDER BY p.n);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_columns(regclass, name[], name, name[]) IS
  'The columns that are sent: those named and the key, else all but what looks like a secret';

CREATE FUNCTION sambapos._feed_check_payload_key(f sambapos.change_feed, payload_key text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  reserved CONSTANT text[] := '{feed,incarnation,timestamp,propertyId,version,paused,fromVersion,toVersion,changes,'
                              'fullEntities,fullRequired,reason}';
  other text := (SELECT e.entity FROM sambapos.feed_entity AS e
                 WHERE (e.feed_id, e.payload_key) = (f.feed_id, _feed_check_payload_key.payload_key) LIMIT 1);
BEGIN
  IF payload_key = ANY (reserved) THEN
    RAISE EXCEPTION 'payload key "%" is a word of the payload itself', payload_key USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give the entity another one by argument payload_key. Reserved are: ' || array_to_string(reserved, ', ') || '.';
  ELSIF other IS NOT NULL THEN
    RAISE EXCEPTION 'payload key "%" is that of entity "%" of feed "%"', payload_key, other, f.name USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Give the entity another one by argument payload_key.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_check_payload_key(sambapos.change_feed, text) IS
  'Raises 22023 for a payload key that another entity of the feed has, or that means something else in a payload';

-- What a run writes that began before the entity was there, it would not enter.
CREATE FUNCTION sambapos._feed_site_lock(f sambapos.change_feed) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  FOR attempt IN 1 .. 50 LOOP
    IF f.site_id IS NULL OR sambapos._site_try_lock(f.site_id) THEN
      RETURN;
    END IF;
    PERFORM pg_sleep(0.2);
  END LOOP;
  PERFORM sambapos._site_lock(f.site_id); -- raises
END;
$$;
COMMENT ON FUNCTION sambapos._feed_site_lock(sambapos.change_feed) IS
  'Waits until no run of the feed''s site is on, and keeps runs out; raises 55P03 when that takes long';

CREATE FUNCTION sambapos._feed_queries(e sambapos.feed_entity) RETURNS sambapos.feed_entity
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass;
  read record;
BEGIN
  e.query_all := NULL;
  e.query_keys := NULL;
  e.query_value := NULL;
  IF sambapos._feed_is_left(e) THEN
    RETURN e;
  END IF;
  relation := sambapos._feed_shape_open(e);
  read := sambapos._feed_read_sql(e, relation);
  e.query_value := sambapos._feed_value_sql(e, relation);
  PERFORM sambapos._feed_shape_close();
  e.query_all := read.of_all;
  e.query_keys := read.of_keys;
  PERFORM sambapos._feed_reader_allow(sambapos._feed_relation(e));
  RETURN e;
EXCEPTION WHEN undefined_column THEN -- a preset names a column of a table that is not copied
  IF e.preset IS NULL OR NOT EXISTS (
    SELECT FROM sambapos.change_feed AS f CROSS JOIN unnest(e.tables) AS n (name)
    WHERE f.feed_id = e.feed_id AND NOT EXISTS (SELECT FROM sambapos.replicated_table AS t
                                                WHERE (t.site_id, t.table_name) = (f.site_id, n.name)))
  THEN
    RAISE;
  END IF;
  RETURN e;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_queries(sambapos.feed_entity) IS
  'An entity with what it is read with; that of a preset for which a table is not copied has no rows';

CREATE FUNCTION sambapos._feed_reading_make(e sambapos.feed_entity) RETURNS sambapos.feed_entity
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  e := sambapos._feed_queries(e);
  UPDATE sambapos.feed_entity AS x
     SET query_all = e.query_all, query_keys = e.query_keys, query_value = e.query_value
   WHERE x.entity_id = e.entity_id;
  RETURN e;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_reading_make(sambapos.feed_entity) IS 'Writes down what an entity is read with';

CREATE FUNCTION sambapos._feed_entity_make(e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF e.capture IN ('statement', 'row') THEN
    PERFORM sambapos._feed_capture_make(e, sambapos._feed_relation(e));
    PERFORM sambapos._feed_triggers_make(e, sambapos._feed_relation(e));
  END IF;
  e := sambapos._feed_reading_make(e);
  PERFORM sambapos._feed_read(e, '{}', NULL, NULL, NULL), sambapos._feed_read(e, NULL, NULL, NULL, 0); -- raise
  IF e.capture = 'compare' THEN
    PERFORM sambapos._feed_compare_begin(e);
  END IF;
  PERFORM sambapos._feed_note_state(e);
  INSERT INTO sambapos.change (feed_id, entity, operation, changed_by) VALUES (e.feed_id, e.entity, 'LOAD', session_user);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_entity_make(sambapos.feed_entity) IS
  'Makes the triggers and functions of an entity; whoever asks takes it anew';

CREATE FUNCTION sambapos._feed_add(feed text, relation regclass, entity text, key name[], scope name, columns name[],
                                   lazy name[], capture text, payload_key text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f sambapos.change_feed := sambapos._feed_of(feed);
  c pg_class := sambapos._feed_check_relation(f, relation);
  is_replica boolean := sambapos._feed_is_replica(f, relation);
  is_view boolean := c.relkind = 'v';
  e sambapos.feed_entity;
BEGIN
  IF capture IS NULL OR capture NOT IN ('statement', 'row') THEN
    RAISE EXCEPTION 'unknown capture "%"', coalesce(capture, 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Valid: statement; row, for tables that logical replication fills.';
  ELSIF entity = '' OR payload_key = '' THEN
    RAISE EXCEPTION 'a name must not be empty' USING ERRCODE = 'invalid_parameter_value';
  ELSIF EXISTS (SELECT FROM sambapos.feed_entity AS x
                WHERE x.feed_id = f.feed_id AND x.entity = coalesce(_feed_add.entity, c.relname::text)) THEN
    RAISE EXCEPTION 'feed "%" has an entity "%" already', feed, coalesce(entity, c.relname::text) USING
      ERRCODE = 'duplicate_object', HINT = 'Give it another name by argument entity, or remove it first.';
  END IF;
  PERFORM sambapos._feed_check_payload_key(f, coalesce(payload_key, entity, c.relname::text));
  IF scope IS NOT NULL THEN
    PERFORM sambapos._feed_check_columns(relation, ARRAY[scope], 'scope');
  END IF;
  PERFORM sambapos._feed_check_columns(relation, coalesce(lazy, '{}'), 'lazy');
  IF is_replica THEN
    key := sambapos._feed_replica_key(f, c.relname);
    columns := coalesce(columns, sambapos._feed_replica_columns(f, c.relname));
  ELSIF is_view THEN
    key := sambapos._feed_view_key(relation, key);
  ELSE
    key := sambapos._feed_key(relation, key);
  END IF;
  IF key && lazy THEN
    RAISE EXCEPTION 'a column of the key cannot be lazy' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  columns := sambapos._feed_columns(relation, key, scope, columns);
  IF is_replica OR is_view THEN
    PERFORM sambapos._feed_site_lock(f);
  ELSE
    PERFORM sambapos._feed_table_lock(relation);
  END IF;
  INSERT INTO sambapos.feed_entity (feed_id, entity, schema_name, relation_name, key, scope, columns, lazy, capture, payload_key,
                                    tables)
  VALUES (f.feed_id, coalesce(entity, c.relname::text), (SELECT n.nspname FROM pg_namespace AS n WHERE n.oid = c.relnamespace), c.relname, key, scope, columns,
          ARRAY(SELECT l FROM unnest(lazy) AS l WHERE l = ANY (columns)),
          CASE WHEN is_replica THEN 'merge' WHEN is_view THEN 'compare' WHEN c.relkind = 'p' OR c.relispartition THEN 'row'
               ELSE capture END,
          coalesce(payload_key, entity, c.relname::text),
          CASE WHEN is_replica THEN ARRAY[c.relname::text]
               WHEN is_view THEN ARRAY(SELECT k.relname FROM unnest(sambapos._feed_view_tables(relation)) AS t (oid)
                                       JOIN pg_class AS k ON k.oid = t.oid ORDER BY 1) ELSE '{}' END)
  RETURNING * INTO e;
  PERFORM sambapos._feed_entity_make(e);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_add(text, regclass, text, name[], name, name[], name[], text, text) IS
  'Puts a relation on a feed, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_add_to_feed(feed text, relation regclass, entity text DEFAULT NULL,
  key name[] DEFAULT NULL, scope name DEFAULT NULL, columns name[] DEFAULT NULL, lazy name[] DEFAULT NULL,
  capture text DEFAULT 'statement', payload_key text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  PERFORM sambapos._feed_add(feed, relation, entity, key, scope, columns, lazy, capture, payload_key);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_add_to_feed(text, regclass, text, name[], name, name[], name[], text, text) IS
  'Puts a table of yours on a feed: from now on its changes are entered, by triggers. entity: its name there, the '
  'table''s by default. key: the columns that name a row, the primary key''s by default. scope: the column that says '
  'whose row it is; NULL in it: everybody''s. columns: what is sent; by default all but those whose names hold the '
  'words password, pin, secret, token, hash or salt. lazy: columns of which size and hash are sent, and the value by '
  'sambapos_value. capture: statement, or row for tables that logical replication fills; partitioned tables are always '
  'row. payload_key: what its array is called in a full payload. On the feed of a site also one of its replica tables, or '
  'a view over them with key named, which is compared whole. For the table''s owner. Errors: 42704 no such feed, '
  '42710 the entity is there, 42809 no ordinary table, 42501 another role''s, 42P16 no key, 42703 no such column, 22023 '
  'capture or payload key, 55P03 the table is in use, or a run of the site is on';

CREATE FUNCTION sambapos._feed_entity(f sambapos.change_feed, entity text) RETURNS sambapos.feed_entity
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  e sambapos.feed_entity := (SELECT x FROM sambapos.feed_entity AS x WHERE (x.feed_id, x.entity) = (f.feed_id, _feed_entity.entity));
  names text[] := ARRAY(SELECT x.entity FROM sambapos.feed_entity AS x WHERE x.feed_id = f.feed_id ORDER BY 1);
BEGIN
  IF e.entity_id IS NULL THEN
    RAISE EXCEPTION 'feed "%" has no entity "%"', f.name, coalesce(entity, 'NULL') USING ERRCODE = 'undefined_object',
      HINT = sambapos._name_hint(entity, names)
             || coalesce('The entities are: ' || nullif(array_to_string(names, ', '), '') || '.', 'It has none yet.');
  END IF;
  RETURN e;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_entity(sambapos.change_feed, text) IS 'An entity of a feed; raises 42704 if there is none';

CREATE FUNCTION sambapos._feed_entity_to_read(f sambapos.change_feed, entity text) RETURNS sambapos.feed_entity
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  e sambapos.feed_entity := sambapos._feed_entity(f, entity);
BEGIN
  IF sambapos._feed_is_paused(e) THEN
    RAISE EXCEPTION 'entity "%" of feed "%" is paused', entity, f.name USING ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = coalesce(sambapos._feed_problem(e), 'The next tick looks at it again.'),
      HINT = 'Column problem of view sambapos.entities says why.';
  END IF;
  RETURN e;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_entity_to_read(sambapos.change_feed, text) IS
  'An entity of a feed; raises 42704 if there is none, 55000 if it is paused';

CREATE FUNCTION sambapos._feed_forget_entity(e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_capture_drop(e);
  DELETE FROM sambapos.urgent_rule AS u WHERE (u.feed_id, u.entity) = (e.feed_id, e.entity);
  DELETE FROM sambapos.consumer_entity AS x USING sambapos.feed_consumer AS c
  WHERE x.consumer_id = c.consumer_id AND (c.feed_id, x.entity) = (e.feed_id, e.entity);
  DELETE FROM sambapos.receive_policy AS p WHERE (p.feed_id, p.entity) = (e.feed_id, e.entity);
  DELETE FROM sambapos.change AS c WHERE (c.feed_id, c.entity) = (e.feed_id, e.entity);
  DELETE FROM sambapos.feed_row AS r WHERE r.entity_id = e.entity_id;
  DELETE FROM sambapos.feed_due AS d WHERE d.entity_id = e.entity_id;
  DELETE FROM sambapos.feed_entity AS x WHERE x.entity_id = e.entity_id;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_forget_entity(sambapos.feed_entity) IS
  'Takes an entity''s triggers, functions and changes away';

CREATE FUNCTION sambapos._feed_take_off(feed text, entity text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  e sambapos.feed_entity := sambapos._feed_entity(sambapos._feed(feed), entity);
BEGIN
  PERFORM sambapos._feed_check_owner(e);
  PERFORM sambapos._feed_forget_entity(e);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_take_off(text, text) IS
  'Takes an entity off a feed, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_remove_from_feed(feed text, entity text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  PERFORM sambapos._feed_take_off(feed, entity);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_remove_from_feed(text, text) IS
  'Takes a table off a feed; the table stays. For the owner of the table. Errors: 42704 no such feed or entity, 42501 '
  'another role''s table, 55P03 the table is in use';

CREATE FUNCTION sambapos._feed_forget(f sambapos.change_feed) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._consumer_forget(c) FROM sambapos.feed_consumer AS c WHERE c.feed_id = f.feed_id;
  PERFORM sambapos._host_forget_feed(f);
  PERFORM sambapos._feed_forget_entity(e) FROM sambapos.feed_entity AS e WHERE e.feed_id = f.feed_id;
  DELETE FROM sambapos.change AS c WHERE c.feed_id = f.feed_id;
  DELETE FROM sambapos.feed_state AS s WHERE s.feed_id = f.feed_id;
  DELETE FROM sambapos.change_feed AS x WHERE x.feed_id = f.feed_id;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_forget(sambapos.change_feed) IS 'Takes all of a feed away; its tables stay';

CREATE FUNCTION sambapos._feed_remove(feed text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f sambapos.change_feed := sambapos._feed(feed);
BEGIN
  PERFORM sambapos._feed_check_owner(e) FROM sambapos.feed_entity AS e WHERE e.feed_id = f.feed_id;
  PERFORM sambapos._feed_forget(f);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_remove(text) IS
  'Removes a feed, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_remove_feed(feed text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  PERFORM sambapos._feed_remove(feed);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_remove_feed(text) IS
  'Removes a feed with its changes and triggers; its tables stay. For the owner of the tables. Errors: 42704 no such '
  'feed, 42501 another role''s table, 55P03 a table is in use';
