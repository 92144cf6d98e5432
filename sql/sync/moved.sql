-- moved.sql: children that went to another root: lines that were moved, tickets that were merged.
--
-- Rules:
-- * A row is live under one root only: where it was it is removed, whichever of the two was stamped.
-- * A move is on record: how many rows of a table, and of the first fifty from where to where.

CREATE FUNCTION sambapos._moved_enter(run_id bigint, place sambapos._place, t sambapos._table, moved jsonb) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT sambapos._log_event(run_id, place, t.table_name, 'moved', jsonb_array_length(moved),
                             jsonb_build_object('moved', jsonb_path_query_array(moved, '$[0 to 49]')))
  WHERE moved IS NOT NULL;
$$;
COMMENT ON FUNCTION sambapos._moved_enter(bigint, sambapos._place, sambapos._table, jsonb) IS
  'Enters rows that went to another root as a source event; moved: an array of id, from, to; NULL: there are none';

-- A row that was delivered under another root, or without one, is not where it was: it moved, unless its old root is
-- gone, whose fate it then shares, or is missing, when it waits with it. One without a root that has other values now
-- was another row.
CREATE FUNCTION sambapos._child_mark_moved(run_id bigint, place sambapos._place, t sambapos._table, version bigint)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  same_row text := (SELECT string_agg(format('r.%I = s.%1$I', k), ' AND ')
                    FROM unnest(sambapos._table_key(place, t)) AS k);
  marked bigint;
  moved jsonb;
BEGIN
  IF NOT sambapos._replica_has_root_id(t) THEN
    RETURN;
  END IF;
  EXECUTE sambapos._feed_noting(place, t.table_name, format(
                 'UPDATE sambapos_replica.%I AS r SET synced_at = now(), version = $2, row_state = CASE
                    WHEN r.root_id = 0 THEN CASE WHEN %s THEN ''superseded'' ELSE ''removed'' END
                    ELSE coalesce((SELECT nullif(p.row_state, ''live'') FROM sambapos_replica.%I AS p
                                   WHERE p.site_id = $1 AND p.epoch = r.epoch AND p.id = r.root_id), ''removed'') END
                   FROM pg_temp.%I AS s
                  WHERE r.site_id = $1 AND r.row_state = ''live'' AND %5$s
                    AND (r.epoch, r.root_id) <> (s.epoch, s.root_id)
                    AND NOT EXISTS (SELECT FROM pg_temp.sambapos__gone AS g
                                    WHERE (g.table_name, g.epoch, g.id) = (%3$L, r.epoch, r.root_id))',
                 t.table_name, (SELECT p.values_differ FROM sambapos._merge_parts(place, t) AS p), t.parent,
                 sambapos._stage_name(t.table_name), same_row)) USING place.site_id, version;
  GET DIAGNOSTICS marked = ROW_COUNT;
  PERFORM sambapos._log_gone(run_id, t.table_name, marked);
  IF marked > 0 THEN
    EXECUTE format('SELECT jsonb_agg(jsonb_build_object(''id'', r.id, ''from'', r.root_id, ''to'', s.root_id)
                                     ORDER BY r.id)
                    FROM sambapos_replica.%I AS r JOIN pg_temp.%I AS s ON %s
                    WHERE r.site_id = $1 AND r.version = $2 AND r.row_state = ''removed''
                      AND r.root_id <> s.root_id AND r.root_id <> 0 AND s.root_id <> 0',
                   t.table_name, sambapos._stage_name(t.table_name), same_row) INTO moved USING place.site_id, version;
    PERFORM sambapos._moved_enter(run_id, place, t, moved);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._child_mark_moved(bigint, sambapos._place, sambapos._table, bigint) IS
  'Sets the row_state of rows that were delivered under another root than they had';
