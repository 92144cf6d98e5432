-- restored.sql: what a backup has brought back that went with a clear.
--
-- Rules:
-- * A restored root: the children it lost with the clear come back with it, those that were replaced since the backup
--   do not. So none of them counts until it is delivered. In a table that was not restored the rows stay what they are.
-- * A table that was not read proves nothing: the run that reads it decides.
-- * What was sold after the backup and went with the clear is known here and not at the till. A person is told how much
--   that is, and says whether it counts: it may have been entered again.

-- Whether a child table was restored with these roots. It was if it brings a child of one of them. If it does not, the
-- tickets' amounts say whether there should be some; and where they say nothing, that it is not empty at the source.
CREATE FUNCTION sambapos._child_is_restored(place sambapos._place, t sambapos._table, ids bigint[]) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  amounts text := sambapos._ticket_has_sql(place, t.table_name, 's');
  restored boolean;
BEGIN
  EXECUTE format('SELECT EXISTS (SELECT FROM pg_temp.%I AS s WHERE s.%I = ANY ($1))',
                 sambapos._stage_name(t.table_name), t.parent_key) INTO restored USING ids;
  IF restored THEN
    RETURN true;
  ELSIF amounts IS NULL THEN
    RETURN EXISTS (SELECT FROM pg_temp.sambapos__probe AS p
                   WHERE p.table_name = t.table_name AND p.highest IS NOT NULL);
  END IF;
  EXECUTE format('SELECT NOT EXISTS (SELECT FROM pg_temp.%I AS s WHERE s.id = ANY ($1) AND %s)',
                 sambapos._stage_name(t.parent), amounts) INTO restored USING ids;
  RETURN restored;
END;
$$;
COMMENT ON FUNCTION sambapos._child_is_restored(sambapos._place, sambapos._table, bigint[]) IS
  'True unless a child table that was read was left out when these roots were restored';

CREATE FUNCTION sambapos._child_leave_replaced(place sambapos._place, c sambapos._table, epochs integer[], ids bigint[],
                                               version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF sambapos._child_is_restored(place, c, ids) THEN
    EXECUTE format('UPDATE sambapos_replica.%I AS r SET row_state = ''removed'', synced_at = now(), version = $4
                      FROM unnest($2, $3) AS p (epoch, id)
                     WHERE r.site_id = $1 AND r.epoch = p.epoch AND r.%I = p.id
                       AND r.row_state IN (''cleared'', ''superseded'')',
                   c.table_name, c.parent_key) USING place.site_id, epochs, ids, version; -- no feed has had them since
    PERFORM sambapos._rollup_note_all(place);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._child_leave_replaced(sambapos._place, sambapos._table, integer[], bigint[], bigint) IS
  'Sets row_state removed on the children of roots that are live again, until they are delivered';

CREATE FUNCTION sambapos._restored_children(run_id bigint, place sambapos._place, t sambapos._table, epochs integer[],
                                            ids bigint[], version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c sambapos._table;
BEGIN
  FOR c IN SELECT k.* FROM sambapos._root_tables(place, t.table_name) AS k WHERE k.enabled LOOP
    PERFORM FROM sambapos.run_table AS x
     WHERE (x.run_id, x.table_name, x.status) = (_restored_children.run_id, c.table_name, 'read');
    IF FOUND THEN
      PERFORM sambapos._child_leave_replaced(place, c, epochs, ids, version);
    ELSE
      EXECUTE format('INSERT INTO sambapos.restored_root (site_id, table_name, epoch, root_id)
                      SELECT DISTINCT $1, %1$L, p.epoch, p.id
                      FROM unnest($2, $3) AS p (epoch, id) JOIN sambapos_replica.%1$I AS r
                        ON r.site_id = $1 AND r.epoch = p.epoch AND r.%2$I = p.id
                       AND r.row_state IN (''cleared'', ''superseded'')
                      ON CONFLICT DO NOTHING', c.table_name, c.parent_key) USING place.site_id, epochs, ids;
    END IF;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._restored_children(bigint, sambapos._place, sambapos._table, integer[], bigint[], bigint) IS
  'Decides about the children of roots that are live again, or notes for which tables that is to be done';

-- Of the roots that were noted those that are live and were staged with their children; one that is not live any more
-- has its rows as they were.
CREATE FUNCTION sambapos._merge_restored(place sambapos._place, t sambapos._table, version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  epochs integer[];
  ids bigint[];
BEGIN
  IF t.kind <> 'child' OR NOT EXISTS (SELECT FROM sambapos.restored_root AS n
                                      WHERE (n.site_id, n.table_name) = (place.site_id, t.table_name)) THEN
    RETURN;
  END IF;
  EXECUTE format('SELECT array_agg(p.epoch), array_agg(p.id)
                  FROM sambapos.restored_root AS n JOIN pg_temp.%I AS p ON (p.epoch, p.id) = (n.epoch, n.root_id)
                  WHERE n.site_id = $1 AND n.table_name = $2', sambapos._stage_name(t.parent))
    INTO epochs, ids USING place.site_id, t.table_name;
  IF ids IS NOT NULL THEN
    PERFORM sambapos._child_leave_replaced(place, t, epochs, ids, version);
  END IF;
  EXECUTE format('DELETE FROM sambapos.restored_root AS n
                   WHERE n.site_id = $1 AND n.table_name = $2 AND (n.root_id = ANY ($3) OR NOT EXISTS (
                     SELECT FROM sambapos_replica.%I AS r WHERE r.site_id = $1 AND r.epoch = n.epoch
                        AND r.id = n.root_id AND r.row_state = ''live''))', t.parent)
    USING place.site_id, t.table_name, ids;
END;
$$;
COMMENT ON FUNCTION sambapos._merge_restored(sambapos._place, sambapos._table, bigint) IS
  'Decides about the children of roots that were restored when a table could not be read';

-- Staged roots that are not live here, as they are before the merge makes them so. ids NULL: there is none.
CREATE FUNCTION sambapos._restored_find(place sambapos._place, t sambapos._table, on_key text, OUT epochs integer[],
                                        OUT ids bigint[], OUT cleared_by bigint[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format('SELECT array_agg(r.epoch), array_agg(r.id::bigint),
                         array_agg(CASE r.row_state WHEN ''cleared'' THEN r.version END)
                  FROM pg_temp.%I AS s JOIN sambapos_replica.%I AS r ON %s WHERE r.row_state <> ''live''',
                 sambapos._stage_name(t.table_name), t.table_name, on_key) INTO epochs, ids, cleared_by
    USING place.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._restored_find(sambapos._place, sambapos._table, text) IS
  'The staged roots that are not live here; cleared_by: the version that those got which are cleared';

-- What the clears took that took these roots, and later clears, and what is not back. below: how many of them a backup
-- that has these roots would have, since they are older. A root that goes on in another epoch is not lost.
CREATE FUNCTION sambapos._restored_find_lost(place sambapos._place, t sambapos._table, clears bigint[],
                                             epochs integer[], ids bigint[], OUT lost_epochs integer[],
                                             OUT lost_ids bigint[], OUT below bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format(
    'SELECT array_agg(r.epoch), array_agg(r.id), count(*) FILTER (WHERE r.id < b.highest)
     FROM sambapos_replica.%1$I AS r
     LEFT JOIN (SELECT b.epoch, max(b.id) AS highest FROM unnest($3, $4) AS b (epoch, id) GROUP BY b.epoch) AS b
       USING (epoch)
     WHERE r.site_id = $1 AND r.row_state = ''cleared'' AND r.version = ANY ($2)
       AND NOT EXISTS (SELECT FROM pg_temp.sambapos__gone AS g WHERE (g.table_name, g.epoch, g.id) = (%1$L, r.epoch,
           r.id))', t.table_name) INTO lost_epochs, lost_ids, below USING place.site_id, clears, epochs, ids;
END;
$$;
COMMENT ON FUNCTION sambapos._restored_find_lost(sambapos._place, sambapos._table, bigint[], integer[], bigint[]) IS
  'The roots of a table that some clears took and that are not back';

-- They get the version of this run, with their children: by it sambapos_reclassify finds them.
CREATE FUNCTION sambapos._restored_mark_lost(place sambapos._place, t sambapos._table, epochs integer[], ids bigint[],
                                             version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c record;
BEGIN
  FOR c IN
    SELECT t.table_name, 'id'::name AS key WHERE ids IS NOT NULL
    UNION ALL
    SELECT k.table_name, k.parent_key FROM sambapos._root_tables(place, t.table_name) AS k WHERE ids IS NOT NULL
  LOOP
    EXECUTE format('UPDATE sambapos_replica.%I AS r SET synced_at = now(), version = $4
                      FROM unnest($2, $3) AS l (epoch, id)
                     WHERE r.site_id = $1 AND r.epoch = l.epoch AND r.%I = l.id AND r.row_state = ''cleared''',
                   c.table_name, c.key) USING place.site_id, epochs, ids, version;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._restored_mark_lost(sambapos._place, sambapos._table, integer[], bigint[], bigint) IS
  'Gives roots that a restored backup lacks, and their children, the version of its event';

-- A backup has all that was there when it was made: where older roots of the same clear are not back, it is none, but
-- an open ticket, for example, that a script has put back. What went in another way, as with an epoch that was
-- discarded, is no matter of a backup either.
CREATE FUNCTION sambapos._restored_enter(run_id bigint, place sambapos._place, t sambapos._table, epochs integer[],
                                         ids bigint[], cleared_by bigint[], version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  clears bigint[] := ARRAY(SELECT e.version FROM sambapos.source_events AS e
                           WHERE e.site_id = place.site_id AND e.table_name = t.table_name
                             AND e.kind IN ('clear', 'partial clear') AND e.version IS NOT NULL);
  since bigint;
  lost record;
BEGIN
  -- a stray row of an old clear shows no backup of that time
  SELECT array_agg(b.epoch), array_agg(b.id), percentile_disc(0.1) WITHIN GROUP (ORDER BY b.cleared_by)
    INTO epochs, ids, since
  FROM unnest(epochs, ids, cleared_by) AS b (epoch, id, cleared_by) WHERE b.cleared_by = ANY (clears);
  IF ids IS NULL THEN
    RETURN;
  END IF;
  SELECT * INTO lost FROM sambapos._restored_find_lost(place, t, ARRAY(SELECT c FROM unnest(clears) AS c
                                                                       WHERE c >= since), epochs, ids);
  IF lost.below * 9 > cardinality(ids) THEN
    PERFORM sambapos._log_message(run_id, t.table_name,
        format('%s rows that went with a clear are back, others of it are not', cardinality(ids)));
    RETURN;
  END IF;
  PERFORM sambapos._restored_mark_lost(place, t, lost.lost_epochs, lost.lost_ids, version);
  PERFORM sambapos._log_message(run_id, t.table_name,
      format('%s rows that went with a clear are back: a backup was restored', cardinality(ids)));
  PERFORM sambapos._log_event(run_id, place, t.table_name, 'restore', coalesce(cardinality(lost.lost_ids), 0),
                              jsonb_build_object('came_back', cardinality(ids)),
                              CASE WHEN lost.lost_ids IS NOT NULL THEN version END);
END;
$$;
COMMENT ON FUNCTION sambapos._restored_enter(bigint, sambapos._place, sambapos._table, integer[], bigint[], bigint[],
                                             bigint) IS
  'Enters in the log and the source events that rows are back that went with a clear, and what is not back';
