-- upsert.sql: writing one table: what differs is updated, what is new inserted.
--
-- Rules:
-- * What hasn't changed isn't touched: rows are compared column by column before they are written, so an idle or
--   repeated run writes no byte to a replica table.

-- The pieces of SQL that the statements of one table are made of; r is the replica, s the stage.
CREATE FUNCTION sambapos._merge_parts(place sambapos._place, t sambapos._table,
                                      OUT on_key text, OUT differs text, OUT names text, OUT staged text, OUT assign text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT 'r.site_id = $1 AND r.epoch = s.epoch AND ' || string_agg(format('r.%I = s.%1$I', c.name), ' AND ') FILTER (WHERE c.is_key),
         coalesce('(' || string_agg(format('r.%I', c.name), ', ' ORDER BY c.ordinal) FILTER (WHERE NOT c.is_key) || ') IS DISTINCT FROM ('
                  || string_agg(format('s.%I', c.name), ', ' ORDER BY c.ordinal) FILTER (WHERE NOT c.is_key) || ')', 'false'),
         string_agg(format('%I', c.name), ', ' ORDER BY c.ordinal),
         string_agg(format('s.%I', c.name), ', ' ORDER BY c.ordinal),
         coalesce(string_agg(format('%I = s.%1$I', c.name), ', ' ORDER BY c.ordinal) FILTER (WHERE NOT c.is_key) || ', ', '')
  FROM (SELECT k.column_name AS name, k.is_key, k.ordinal FROM sambapos._table_columns(place, t) AS k
        UNION ALL SELECT 'document_epoch', false, NULL WHERE sambapos._table_document_link(place, t) IS NOT NULL) AS c;
$$;
COMMENT ON FUNCTION sambapos._merge_parts(sambapos._place, sambapos._table) IS
  'Column lists and conditions of a table''s merge';

CREATE FUNCTION sambapos._history_keep(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  p record;
BEGIN
  SELECT * INTO p FROM sambapos._merge_parts(place, t);
  EXECUTE format('INSERT INTO sambapos_replica.%I (site_id, epoch, %s, valid_from, valid_to, version)
                  SELECT r.site_id, r.epoch, %s, r.synced_at, now(), r.version
                  FROM pg_temp.%I AS s JOIN sambapos_replica.%I AS r ON %s WHERE %s',
                 t.table_name || '_history', p.names,
                 (SELECT string_agg(format('r.%I', c.column_name), ', ' ORDER BY c.ordinal) FROM sambapos._table_columns(place, t) AS c),
                 sambapos._stage_name(t.table_name), t.table_name, p.on_key, p.differs)
    USING place.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._history_keep(sambapos._place, sambapos._table) IS
  'Copies the present versions of rows that are about to change into the history table';

-- Updates what differs and inserts what is new; earlier versions go to the history table first.
CREATE FUNCTION sambapos._merge_upsert(run_id bigint, place sambapos._place, t sambapos._table, version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  p record;
  replica text := format('sambapos_replica.%I', t.table_name);
  stage text := format('pg_temp.%I', sambapos._stage_name(t.table_name));
  read bigint;
  updated bigint;
  inserted bigint;
BEGIN
  SELECT * INTO p FROM sambapos._merge_parts(place, t);
  IF t.history THEN
    PERFORM sambapos._history_keep(place, t);
  END IF;
  EXECUTE format('UPDATE %s AS r SET %s row_state = ''live'', synced_at = now(), version = $2 FROM %s AS s
                   WHERE %s AND (r.row_state <> ''live'' OR %s)', replica, p.assign, stage, p.on_key, p.differs)
    USING place.site_id, version;
  GET DIAGNOSTICS updated = ROW_COUNT;
  EXECUTE format('INSERT INTO %s (site_id, epoch, %s, version) SELECT $1, s.epoch, %s, $2 FROM %s AS s
                   WHERE NOT EXISTS (SELECT FROM %1$s AS r WHERE %5$s)', replica, p.names, p.staged, stage, p.on_key)
    USING place.site_id, version;
  GET DIAGNOSTICS inserted = ROW_COUNT;
  EXECUTE format('SELECT count(*) FROM %s', stage) INTO read;
  UPDATE sambapos.run_table AS x
     SET rows_read = read, rows_updated = updated, rows_inserted = inserted, rows_unchanged = read - updated - inserted
   WHERE (x.run_id, x.table_name) = (_merge_upsert.run_id, t.table_name);
  IF inserted > 1000 THEN
    EXECUTE format('ANALYZE %s', replica);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._merge_upsert(bigint, sambapos._place, sambapos._table, bigint) IS
  'Writes a table''s staged rows that are new or differ';
