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

-- Of an account transaction only the document is known here.
CREATE FUNCTION sambapos._feed_sale_key(place sambapos._place, table_name name) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN CASE WHEN EXISTS (SELECT FROM sambapos.change_feed AS f JOIN sambapos.feed_entity AS x USING (feed_id)
                           WHERE f.site_id = place.site_id AND x.capture = 'join' AND _feed_sale_key.table_name = ANY (x.tables))
    THEN format('jsonb_build_object(''epoch'', r.epoch, %L, r.%s)',
                CASE table_name WHEN 'account_transactions' THEN 'document' ELSE 'ticket_id' END,
                CASE table_name WHEN 'account_transactions' THEN 'account_transaction_document_id' WHEN 'tickets' THEN 'id'
                     ELSE 'ticket_id' END) END;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_sale_key(sambapos._place, name) IS
  'SQL for the sale, or its account document, that a row (r) of a replica table belongs to; NULL: no sales are on its site''s feed';

-- It is there while a run has something to note, and goes as the other tables of the workbench do.
CREATE FUNCTION sambapos._feed_noted_open() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF to_regclass('pg_temp.sambapos__noted') IS NULL THEN
    CREATE TEMPORARY TABLE sambapos__noted (table_name name, key jsonb, sale jsonb, day jsonb, row_state text, is_new boolean);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_noted_open() IS 'Makes the temporary table for what a run has written, unless it is there';

-- Of what went with a clear the keys are of no use, and no sale has changed.
CREATE FUNCTION sambapos._feed_noting_parts(place sambapos._place, table_name name, OUT returned text, OUT noted text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  key text := sambapos._feed_merge_key(place, table_name);
  sale text := sambapos._feed_sale_key(place, table_name);
  day text := sambapos._rollup_key(place, table_name);
BEGIN
  IF key IS NULL AND sale IS NULL AND day IS NULL THEN
    RETURN;
  END IF;
  PERFORM sambapos._feed_noted_open();
  returned := format('%s AS noted_key, %s AS noted_sale, CASE WHEN r.row_state NOT IN (''cleared'', ''superseded'') THEN %s END
                        AS noted_day, r.row_state AS noted_state, r.first_seen_at = now() AS noted_new',
                     coalesce(key, 'NULL::jsonb'), coalesce(sale, 'NULL::jsonb'), coalesce(day, 'NULL::jsonb'));
  noted := format('INSERT INTO pg_temp.sambapos__noted (table_name, day, key, sale, row_state, is_new)
                   SELECT %s, w.noted_day, CASE WHEN w.noted_state <> ''cleared'' THEN w.noted_key END,
                          CASE WHEN w.noted_state NOT IN (''cleared'', ''superseded'') THEN w.noted_sale END, w.noted_state, w.noted_new
                   FROM %%I AS w', replace(quote_literal(table_name), '%', '%%'));
END;
$$;
COMMENT ON FUNCTION sambapos._feed_noting_parts(sambapos._place, name) IS
  'What a statement that writes to a replica table (r) returns, and what notes it; NULL: it is on no feed, and in no rollup';

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
  'A statement that writes to a replica table (r), with what notes its rows for the feed and the rollup; it counts the same rows';

CREATE FUNCTION sambapos._feed_note_whole(place sambapos._place, table_name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF sambapos._feed_merge_key(place, table_name) IS NOT NULL
     OR table_name = 'tickets' AND sambapos._feed_sale_key(place, table_name) IS NOT NULL
     OR sambapos._rollup_key(place, table_name) IS NOT NULL THEN
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
  context text;
BEGIN
  EXECUTE format('SELECT count(DISTINCT n.key), bool_or(n.row_state = ''cleared''), bool_or(n.row_state = ''load'')
                  FROM pg_temp.sambapos__noted AS n WHERE n.table_name = %L', e.relation_name) INTO keys, cleared, whole;
  IF whole OR keys > max_rows AND NOT sambapos._feed_is_delivered(e) THEN -- a first load, and whatever else is more than a client would take as changes
    PERFORM sambapos._feed_enter_whole(e, 'LOAD');
  ELSIF cleared THEN
    PERFORM sambapos._feed_enter_clear(e, max_rows);
  ELSIF keys > 0 THEN
    PERFORM sambapos._feed_enter_rows(e);
  END IF;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
  PERFORM sambapos._feed_enter_whole(e, 'LOAD');
  RAISE WARNING 'entity "%" cannot be read for its feed: %', e.entity, sambapos._error_words(SQLSTATE, SQLERRM, context) USING
    HINT = 'Clients take it anew. sambapos_remove_from_feed and sambapos_add_to_feed put it on the feed again.';
END;
$$;
COMMENT ON FUNCTION sambapos._feed_enter_noted(sambapos.feed_entity, integer) IS
  'Enters what a run has noted of a replica table';

-- The lines and payments of a ticket say which sale they belong to; of an account document its ticket is looked up. What is
-- not there any more sambapos_changes says.
CREATE FUNCTION sambapos._feed_sales_noted(site_id integer) RETURNS TABLE (key jsonb, is_new boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT k.key, bool_or(k.is_new) FROM (
       SELECT n.sale AS key, n.is_new AND n.table_name = %L AS is_new FROM pg_temp.sambapos__noted AS n
       WHERE n.sale ? ''ticket_id''
       UNION ALL
       SELECT jsonb_build_object(''epoch'', t.epoch, ''ticket_id'', t.id), false FROM pg_temp.sambapos__noted AS n
       JOIN sambapos_replica.tickets AS t ON t.site_id = $1 AND t.document_epoch = (n.sale ->> ''epoch'')::integer
        AND t.transaction_document_id = (n.sale ->> ''document'')::integer
       WHERE n.sale ? ''document'') AS k
     WHERE k.key ->> ''ticket_id'' IS NOT NULL GROUP BY k.key', 'tickets') USING site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_sales_noted(integer) IS 'The sales that a run has changed';

CREATE FUNCTION sambapos._feed_enter_sales(e sambapos.feed_entity, f sambapos.change_feed) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  whole boolean;
  keys jsonb[];
  news boolean[];
  context text;
BEGIN
  EXECUTE format('SELECT coalesce(bool_or(n.row_state = ''load'' AND n.table_name = %L), false) FROM pg_temp.sambapos__noted AS n',
                 'tickets') INTO whole;
  SELECT array_agg(n.key ORDER BY n.key), array_agg(n.is_new ORDER BY n.key) INTO keys, news FROM sambapos._feed_sales_noted(f.site_id) AS n;
  IF whole OR cardinality(keys) > f.max_delta AND NOT sambapos._feed_is_delivered(e) THEN
    PERFORM sambapos._feed_enter_whole(e, 'LOAD');
    RETURN;
  END IF;
  INSERT INTO sambapos.change (feed_id, entity, key, operation, changed_by)
  SELECT e.feed_id, e.entity, n.key, CASE WHEN n.is_new THEN 'INSERT' ELSE 'UPDATE' END, 'sync' FROM unnest(keys, news) AS n (key, is_new);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
  PERFORM sambapos._feed_enter_whole(e, 'LOAD');
  RAISE WARNING 'which sales have changed cannot be told: %', sambapos._error_words(SQLSTATE, SQLERRM, context) USING HINT = 'Clients take them anew.';
END;
$$;
COMMENT ON FUNCTION sambapos._feed_enter_sales(sambapos.feed_entity, sambapos.change_feed) IS 'Enters the sales that a run has changed';

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
    PERFORM sambapos._feed_enter_sales(e, f)
    FROM sambapos.change_feed AS f JOIN sambapos.feed_entity AS e USING (feed_id)
    WHERE f.site_id = place.site_id AND e.capture = 'join' ORDER BY e.entity_id;
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
    AND (e.capture IN ('compare', 'join') OR e.capture = 'merge' AND of_live);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_note_outside(sambapos._place, name, boolean) IS
  'Rows of a replica table were given another state outside a run; of_live: of such that were at the source';
