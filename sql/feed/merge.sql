-- merge.sql: what a run has changed in replica tables that are on the feed of its site.
--
-- Rules:
-- * A site without entities pays for one look into an empty table.
-- * What is on the feed are the rows at the source. One that went with a clear is not deleted there one by one: CLEAR.

CREATE FUNCTION sambapos._feed_note_table(e sambapos.feed_entity, place sambapos._place, version bigint, rows bigint,
                                          max_rows integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  cleared boolean;
BEGIN
  IF rows > max_rows THEN -- a first load, and whatever else is more than a client would take as changes
    INSERT INTO sambapos.change (feed_id, entity, operation, changed_by) VALUES (e.feed_id, e.entity, 'LOAD', 'sync');
    RETURN;
  END IF;
  EXECUTE format('SELECT EXISTS (SELECT FROM sambapos_replica.%I AS r
                                 WHERE r.site_id = $1 AND r.version = $2 AND r.row_state = ''cleared'')',
                 e.relation_name) INTO cleared USING place.site_id, version;
  IF cleared THEN
    INSERT INTO sambapos.change (feed_id, entity, operation, changed_by) VALUES (e.feed_id, e.entity, 'CLEAR', 'sync');
  END IF;
  EXECUTE format(
    'INSERT INTO sambapos.change (feed_id, entity, key, operation, changed_by)
     SELECT $3, $4, %1$s,
            CASE WHEN r.row_state <> ''live'' THEN ''DELETE'' WHEN $5 OR r.first_seen_at = now() THEN ''INSERT''
                 ELSE ''UPDATE'' END, ''sync''
     FROM sambapos_replica.%2$I AS r
     WHERE r.site_id = $1 AND CASE WHEN $5 THEN r.row_state = ''live''
                                   ELSE r.version = $2 AND r.row_state IN (''live'', ''removed'', ''deleted'') END
     ORDER BY r.row_state = ''live''', sambapos._feed_key_sql(e, 'r'), e.relation_name)
    USING place.site_id, version, e.feed_id, e.entity, cleared;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_note_table(sambapos.feed_entity, sambapos._place, bigint, bigint, integer) IS
  'Enters what a version has changed in a replica table';

CREATE FUNCTION sambapos._feed_note_merge(run_id bigint, place sambapos._place, version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_table(e, place, version, x.rows_inserted + x.rows_updated + x.rows_gone, f.max_delta)
  FROM sambapos.change_feed AS f JOIN sambapos.feed_entity AS e USING (feed_id)
  JOIN sambapos.run_table AS x ON x.run_id = _feed_note_merge.run_id AND x.table_name = e.relation_name
  WHERE f.site_id = place.site_id AND e.capture = 'merge' AND x.rows_inserted + x.rows_updated + x.rows_gone > 0;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_note_merge(bigint, sambapos._place, bigint) IS
  'Enters what a run has changed in the tables that are on its site''s feed';
