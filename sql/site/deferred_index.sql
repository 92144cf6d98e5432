-- deferred_index.sql: the indexes that the chunks of a first load leave for its end: to make one from all rows costs a
-- quarter of what entering the rows one by one does.
--
-- Rules:
-- * Only of a table that has no row of any site: nobody misses an index of that, and dropping it takes a moment. Who
--   uses the table just then is not waited for: its indexes stay.
-- * Only plain ones: a list of columns and nothing else. What is unique, or of live rows alone, is what chunks look rows
--   up by.
-- * Which they were is in the table sambapos.deferred_index, in the same transaction: no kill loses one.
-- * No run waits for the lock that makes an index, but the end of the load itself.

CREATE FUNCTION sambapos._index_statement(table_name name, index_name text, columns text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('CREATE INDEX %I ON sambapos_replica.%I USING btree (%s)', index_name, table_name,
                string_agg(quote_ident(k.name), ', ' ORDER BY k.at))
  FROM unnest(columns) WITH ORDINALITY AS k (name, at);
$$;
COMMENT ON FUNCTION sambapos._index_statement(name, text, text[]) IS
  'The statement that makes a plain index of a replica table, as pg_get_indexdef writes it';

CREATE FUNCTION sambapos._index_defer(table_name name) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '1s' SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass := sambapos._replica_table(table_name);
  has_rows boolean := true;
  d record;
BEGIN
  EXECUTE format('SELECT EXISTS (SELECT FROM %s)', relation) INTO has_rows;
  IF has_rows OR NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = relation AND c.relkind = 'r') THEN
    RETURN;
  END IF;
  EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', relation);
  EXECUTE format('SELECT EXISTS (SELECT FROM %s)', relation) INTO has_rows; -- once more: now it stays so
  FOR d IN
    SELECT c.relname, k.columns
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    CROSS JOIN LATERAL (SELECT array_agg(a.attname::text ORDER BY x.at) AS columns
                        FROM unnest(i.indkey) WITH ORDINALITY AS x (attnum, at)
                        JOIN pg_attribute AS a ON a.attrelid = relation AND a.attnum = x.attnum) AS k
    WHERE i.indrelid = relation AND NOT has_rows AND i.indisvalid AND NOT i.indisclustered AND c.reltablespace = 0
      AND pg_get_indexdef(c.oid) = sambapos._index_statement(table_name, c.relname, k.columns)
      AND obj_description(c.oid, 'pg_class') IS NULL
  LOOP
    EXECUTE format('DROP INDEX sambapos_replica.%I', d.relname);
    INSERT INTO sambapos.deferred_index AS i VALUES (_index_defer.table_name, d.relname, d.columns)
    ON CONFLICT ON CONSTRAINT deferred_index_pkey DO UPDATE SET columns = excluded.columns;
  END LOOP;
EXCEPTION WHEN lock_not_available OR insufficient_privilege OR dependent_objects_still_exist THEN
  RETURN; -- they stay
END;
$$;
COMMENT ON FUNCTION sambapos._index_defer(name) IS
  'Drops the plain indexes of an empty replica table, and notes how they are made again';

CREATE FUNCTION sambapos._index_is_deferred(table_name name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT EXISTS (SELECT FROM sambapos.deferred_index AS d WHERE d.table_name = _index_is_deferred.table_name); $$;
COMMENT ON FUNCTION sambapos._index_is_deferred(name) IS
  'True while a replica table lacks indexes that a first load leaves for its end';

CREATE FUNCTION sambapos._index_make(table_name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  d sambapos.deferred_index;
BEGIN
  FOR d IN DELETE FROM sambapos.deferred_index AS i WHERE i.table_name = _index_make.table_name RETURNING i.* LOOP
    -- a table that was dropped has them when it is made again
    IF sambapos._replica_table(table_name) IS NOT NULL
       AND to_regclass(format('sambapos_replica.%I', d.index_name)) IS NULL THEN
      EXECUTE sambapos._index_statement(table_name, d.index_name, d.columns);
    END IF;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._index_make(name) IS 'Makes the indexes of a replica table that a first load has left';

-- While another site fills the table with chunks they are left to its end.
CREATE FUNCTION sambapos._index_make_if_free(table_name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format('LOCK TABLE %s IN SHARE MODE NOWAIT', sambapos._replica_table(table_name));
  PERFORM sambapos._index_make(table_name);
EXCEPTION WHEN lock_not_available OR insufficient_privilege THEN
  RETURN;
END;
$$;
COMMENT ON FUNCTION sambapos._index_make_if_free(name) IS
  'Makes the indexes of a replica table that a first load has left, unless somebody is writing to it';
