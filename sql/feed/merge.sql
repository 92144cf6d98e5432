-- merge.sql: what a run has changed in replica tables that are on the feed of its site.
--
-- Rules:
-- * A site without entities pays for one look into an empty table a statement.
-- * What a statement of a run writes it notes: so what it costs to enter changes follows the changes, not the table.
-- * What is on the feed are the rows at the source. One that went with a clear is not deleted there one by one: CLEAR.

CREATE FUNCTION sambapos._feed_merge_key(place sambapos._place, table_name name) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  e sambapos.feed_entity;
BEGIN
  SELECT x.* INTO e FROM sambapos.change_feed AS f JOIN sambapos.feed_entity AS x USING (feed_id)
  WHERE f.site_id = place.site_id AND x.capture = 'merge' AND x.relation_name = table_name LIMIT 1;
  RETURN CASE WHEN e.entity_id IS NOT NULL THEN sambapos._feed_key_sql(e, 'r') END;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_merge_key(sambapos._place, name) IS
  'SQL for the key of a row (r) of a replica table that is on its site''s feed; NULL: it is not on it';

-- It is there while a run has something to note, and goes as the other tables of the workbench do.
CREATE FUNCTION sambapos._feed_noted_open() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF to_regclass('pg_temp.sambapos__noted') IS NULL THEN
    CREATE TEMPORARY TABLE sambapos__noted (table_name name, key jsonb, row_state text, is_new boolean);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_noted_open() IS 'Makes the temporary table for what a run has written, unless it is there';

-- Of what went with a clear the keys are of no use.
CREATE FUNCTION sambapos._feed_noting_parts(place sambapos._place, table_name name, OUT returned text, OUT noted text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  key text := sambapos._feed_merge_key(place, table_name);
BEGIN
  IF key IS NULL THEN
    RETURN;
  END IF;
  PERFORM sambapos._feed_noted_open();
  returned := format('%s AS noted_key, r.row_state AS noted_state, r.first_seen_at = now() AS noted_new', key);
  noted := format('INSERT INTO pg_temp.sambapos__noted (table_name, key, row_state, is_new)
                   SELECT %s, CASE WHEN w.noted_state <> ''cleared'' THEN w.noted_key END, w.noted_state, w.noted_new
                   FROM %%I AS w', replace(quote_literal(table_name), '%', '%%'));
END;
$$;
COMMENT ON FUNCTION sambapos._feed_noting_parts(sambapos._place, name) IS
  'What a statement that writes to a replica table (r) returns, and what notes it; NULL: it is on no feed';

CREATE FUNCTION sambapos._feed_noting(place sambapos._place, table_name name, statement text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  noting record := sambapos._feed_noting_parts(place, table_name);
BEGIN
  RETURN CASE WHEN noting.returned IS NULL THEN statement
              ELSE format('WITH written AS (%s RETURNING %s) %s', statement, noting.returned, format(noting.noted, 'written')) END;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_noting(sambapos._place, name, text) IS
  'A statement that writes to a replica table (r), with what notes its rows for the feed; it counts the same rows';

CREATE FUNCTION sambapos._feed_note_whole(place sambapos._place, table_name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF sambapos._feed_merge_key(place, table_name) IS NOT NULL THEN
    PERFORM sambapos._feed_noted_open();
    EXECUTE format('INSERT INTO pg_temp.sambapos__noted (table_name, row_state) VALUES (%L, ''load'')', table_name);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_note_whole(sambapos._place, name) IS 'Notes the first load of a table';

CREATE FUNCTION sambapos._feed_enter_whole(e sambapos.feed_entity, operation text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  INSERT INTO sambapos.change (feed_id, entity, operation, changed_by) VALUES (e.feed_id, e.entity, operation, 'sync');
$$;
COMMENT ON FUNCTION sambapos._feed_enter_whole(sambapos.feed_entity, text) IS 'Enters a change of an entity as a whole';

-- An id can be used again: what was noted of a row that is gone is a change of the one that has its key now. Those that
-- are gone come first.
CREATE FUNCTION sambapos._feed_enter_rows(e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format(
    'INSERT INTO sambapos.change (feed_id, entity, key, operation, changed_by)
     SELECT $1.feed_id, $1.entity, n.key,
            CASE WHEN r.key IS NULL THEN ''DELETE'' WHEN n.is_new THEN ''INSERT'' ELSE ''UPDATE'' END, ''sync''
     FROM (SELECT n.key, bool_and(n.is_new) AS is_new
           FROM pg_temp.sambapos__noted AS n WHERE n.table_name = %1$L GROUP BY n.key) AS n
     LEFT JOIN sambapos._feed_read($1, ARRAY(SELECT DISTINCT n.key FROM pg_temp.sambapos__noted AS n WHERE n.table_name = %1$L),
                                   NULL, NULL, NULL) AS r ON r.key = n.key
     ORDER BY r.key IS NOT NULL, n.key', e.relation_name) USING e;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_enter_rows(sambapos.feed_entity) IS 'Enters the rows that a run has noted';

-- What is live after a clear is little; if it is not, the entity is taken anew.
CREATE FUNCTION sambapos._feed_enter_clear(e sambapos.feed_entity, max_rows integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  keys jsonb[];
BEGIN
  SELECT array_agg(r.key ORDER BY r.key) INTO keys FROM sambapos._feed_read(e, NULL, NULL, NULL, max_rows + 1) AS r;
  IF cardinality(keys) > max_rows THEN
    PERFORM sambapos._feed_enter_whole(e, 'LOAD');
    RETURN;
  END IF;
  PERFORM sambapos._feed_enter_whole(e, 'CLEAR');
  INSERT INTO sambapos.change (feed_id, entity, key, operation, changed_by)
  SELECT e.feed_id, e.entity, k, 'INSERT', 'sync' FROM unnest(keys) WITH ORDINALITY AS u (k, n) ORDER BY u.n;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_enter_clear(sambapos.feed_entity, integer) IS
  'Enters that the rows of an entity went with a clear, and those that are there';

-- No run fails for its feed: an entity that cannot be read is taken anew, and the warning says why.
CREATE FUNCTION sambapos._feed_enter_noted(e sambapos.feed_entity, max_rows integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  keys bigint;
  cleared boolean;
  whole boolean;
BEGIN
  EXECUTE format('SELECT count(DISTINCT n.key), bool_or(n.row_state = ''cleared''), bool_or(n.row_state = ''load'')
                  FROM pg_temp.sambapos__noted AS n WHERE n.table_name = %L', e.relation_name) INTO keys, cleared, whole;
  IF whole OR keys > max_rows THEN -- a first load, and whatever else is more than a client would take as changes
    PERFORM sambapos._feed_enter_whole(e, 'LOAD');
  ELSIF cleared THEN
    PERFORM sambapos._feed_enter_clear(e, max_rows);
  ELSIF keys > 0 THEN
    PERFORM sambapos._feed_enter_rows(e);
  END IF;
EXCEPTION WHEN OTHERS THEN
  PERFORM sambapos._feed_enter_whole(e, 'LOAD');
  RAISE WARNING 'entity "%" cannot be read for its feed: %', e.entity, SQLERRM USING
    HINT = 'Clients take it anew. sambapos_remove_from_feed and sambapos_add_to_feed put it on the feed again.';
END;
$$;
COMMENT ON FUNCTION sambapos._feed_enter_noted(sambapos.feed_entity, integer) IS
  'Enters what a run has noted of a replica table';

CREATE FUNCTION sambapos._feed_note_merge(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_compare_soon(e, f)
  FROM sambapos.change_feed AS f JOIN sambapos.feed_entity AS e USING (feed_id)
  WHERE f.site_id = place.site_id AND e.capture = 'compare'
    AND EXISTS (SELECT FROM sambapos.run_table AS x
                WHERE x.run_id = _feed_note_merge.run_id AND x.table_name = ANY (e.tables)
                  AND x.rows_inserted + x.rows_updated + x.rows_gone > 0)
  ORDER BY e.entity_id;
  IF to_regclass('pg_temp.sambapos__noted') IS NOT NULL THEN
    PERFORM sambapos._feed_enter_noted(e, f.max_delta)
    FROM sambapos.change_feed AS f JOIN sambapos.feed_entity AS e USING (feed_id)
    WHERE f.site_id = place.site_id AND e.capture = 'merge' ORDER BY e.entity_id;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_note_merge(bigint, sambapos._place) IS
  'Enters what a run has changed in the tables that are on its site''s feed';

-- What a person puts right, or another database that is let in.
CREATE FUNCTION sambapos._feed_note_outside(place sambapos._place, table_name name, of_live boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM CASE e.capture WHEN 'compare' THEN sambapos._feed_due_note(e) ELSE sambapos._feed_enter_whole(e, 'LOAD') END
  FROM sambapos.change_feed AS f JOIN sambapos.feed_entity AS e USING (feed_id)
  WHERE f.site_id = place.site_id AND _feed_note_outside.table_name = ANY (e.tables)
    AND (e.capture = 'compare' OR e.capture = 'merge' AND of_live);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_note_outside(sambapos._place, name, boolean) IS
  'Rows of a replica table were given another state outside a run; of_live: of such that were at the source';
