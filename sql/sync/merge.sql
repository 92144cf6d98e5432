-- merge.sql: the writing half of a sync: brings what was staged into the replica.
--
-- For each table: refuse double keys, find each row's epoch, update what differs, insert what is new.
-- Then what goes on elsewhere is marked, and root by root what is missing is judged and marked (gone.sql).
--
-- Rules:
-- * Nothing is deleted, and no value is overwritten because a row is missing: only row_state changes.
-- * What has not changed is not touched: rows are compared column by column before they are written, so
--   an idle or repeated run writes no byte to a replica table.
-- * An id that names another row than before gets another epoch; the old row stays as it was.

CREATE FUNCTION sambapos._merge_rows(run_id bigint, place sambapos._place, t sambapos._table,
                                     version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._stage_refuse_doubles(place, t);
  PERFORM sambapos._epoch_find(run_id, place, t);
  PERFORM sambapos._epoch_find_documents(place, t);
  PERFORM sambapos._dead_letters_settle(place, t);
  PERFORM sambapos._stage_done(t); -- as read, the stage had no epochs: by its statistics nothing would join
  PERFORM sambapos._merge_restored(place, t, version);
  PERFORM sambapos._merge_upsert(run_id, place, t, version);
END;
$$;
COMMENT ON FUNCTION sambapos._merge_rows(bigint, sambapos._place, sambapos._table, bigint) IS
  'Writes what was staged of one table';

CREATE FUNCTION sambapos._merge_step(run_id bigint, place sambapos._place, t sambapos._table, mode text, step text,
                                     version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  began timestamptz := clock_timestamp();
BEGIN
  PERFORM sambapos._log_progress(place, 'merging', t.table_name);
  IF step = 'rows' THEN
    PERFORM sambapos._merge_rows(run_id, place, t, version);
  ELSIF step = 'left' THEN
    PERFORM sambapos._gone_mark(run_id, place, t, version);
  ELSIF t.kind <> 'master' AND sambapos._probe_is_falling() THEN
    PERFORM sambapos._workbench_read_again(run_id, t.table_name,
      'rows vanished while they were read: what is missing is judged by the next run');
  ELSIF step = 'missing' THEN
    PERFORM sambapos._gone_find(run_id, place, t, version);
  ELSIF step = 'gone' THEN
    PERFORM sambapos._gone_judge(run_id, place, t, version);
    PERFORM sambapos._gone_mark(run_id, place, t, version);
    PERFORM sambapos._gone_revise(run_id, place, t, version);
  ELSIF step = 'moved' THEN
    PERFORM sambapos._child_mark_moved(run_id, place, t, version);
  ELSIF step = 'lost' THEN
    PERFORM sambapos._lost_mark(run_id, place, t, mode, version);
  ELSE
    PERFORM sambapos._gone_mark_deleted(run_id, place, t, mode, version);
  END IF;
  UPDATE sambapos.run_table AS x SET duration = x.duration + (clock_timestamp() - began)
   WHERE (x.run_id, x.table_name) = (_merge_step.run_id, t.table_name);
END;
$$;
COMMENT ON FUNCTION sambapos._merge_step(bigint, sambapos._place, sambapos._table, text, text, bigint) IS
  'One step of merging one table';

-- Where a table has no row of a site nothing can have moved, or be lost. Asked for before its first rows are written,
-- and by an index: the rows of other sites may be many.
CREATE FUNCTION sambapos._merge_has_rows(place sambapos._place, t sambapos._table) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  next_site integer;
BEGIN
  IF t.loaded_at IS NULL AND sambapos._replica_table(t.table_name) IS NOT NULL THEN
    EXECUTE format('SELECT r.site_id FROM sambapos_replica.%I AS r WHERE r.site_id >= $1 ORDER BY r.site_id LIMIT 1',
                   t.table_name) INTO next_site USING place.site_id;
    RETURN coalesce(next_site = place.site_id, false);
  END IF;
  RETURN true;
END;
$$;
COMMENT ON FUNCTION sambapos._merge_has_rows(sambapos._place, sambapos._table) IS
  'False if a table that was never loaded has no row of a site, in whatever epoch and state';

-- Account documents before tickets, whose document_epoch they give; roots before their children; only
-- then what is gone. A row whose id names another row now, or that goes on in another epoch, is known to be left: that
-- is no matter of judgement, and holds also where nothing may be judged. All roots are looked at before one is judged:
-- what one shows explains the others. What has moved
-- is marked before that, since a root that cannot be judged ends its children's part in the merge. A child of a root
-- that is gone shares its fate; one of a root that is there is lost. A chunk of a first load proves nothing about rows
-- without a root, and where no root was known before there is nothing to lose.
CREATE FUNCTION sambapos._merge_steps(run_id bigint, place sambapos._place)
RETURNS TABLE (t sambapos._table, mode text, step text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT r, x.mode, s.step
    FROM sambapos.run_table AS x
    JOIN sambapos._table AS r ON r.site_id = place.site_id AND r.table_name = x.table_name
    CROSS JOIN LATERAL (SELECT sambapos._merge_has_rows(place, r) AS has_rows OFFSET 0) AS k
    CROSS JOIN LATERAL (
      SELECT CASE WHEN r.kind IN ('document', 'period') THEN 1 WHEN r.kind = 'ticket' THEN 2 ELSE 3 END, 'rows'
      UNION ALL SELECT 4, 'left' WHERE r.kind IN ('ticket', 'document', 'period')
      UNION ALL SELECT 5, 'missing' WHERE r.kind IN ('ticket', 'document', 'period')
      UNION ALL SELECT 6, 'moved' WHERE k.has_rows AND sambapos._replica_has_root_id(r)
      UNION ALL SELECT 7, 'gone' WHERE r.kind IN ('ticket', 'document', 'period')
      UNION ALL SELECT 8, CASE WHEN r.kind = 'child' AND sambapos._table_has_root(r) THEN 'lost' ELSE 'deleted' END
                WHERE k.has_rows AND r.kind IN ('child', 'master') AND (x.mode <> 'range' OR sambapos._table_has_root(r)
                  AND NOT (SELECT sambapos._stage_is_new(place, p) FROM sambapos._table AS p
                           WHERE p.site_id = r.site_id AND p.table_name = r.parent))) AS s (rank, step)
    WHERE x.run_id = _merge_steps.run_id AND x.status = 'read' AND x.mode <> 'none'
    ORDER BY s.rank, r.table_name;
END;
$$;
COMMENT ON FUNCTION sambapos._merge_steps(bigint, sambapos._place) IS 'What a run merges, in order';

-- A role with the privilege TRIGGER could add one between the check and the write. CREATE TRIGGER and ALTER
-- TABLE wait for this lock, which every write takes anyway; so what is found now holds until the commit.
CREATE FUNCTION sambapos._merge_claim_tables(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass;
BEGIN
  PERFORM sambapos._check_isolation();
  PERFORM sambapos._index_make_if_free(t.table_name)
  FROM sambapos.run AS r JOIN sambapos._table AS t USING (site_id)
  WHERE r.run_id = _merge_claim_tables.run_id AND r.mode <> 'backfill'
    AND sambapos._index_is_deferred(t.table_name) AND sambapos._replica_table(t.table_name) IS NOT NULL;
  FOR relation IN
    WITH family AS MATERIALIZED (
      SELECT DISTINCT sambapos._table_family(r) AS name
      FROM sambapos.run_table AS x
      JOIN sambapos._table AS r ON r.site_id = place.site_id AND r.table_name = x.table_name
      WHERE x.run_id = _merge_claim_tables.run_id AND x.status = 'read' AND x.mode <> 'none'
    ), written AS MATERIALIZED ( -- looked up once a table, however this is planned
      SELECT n.name, sambapos._replica_table(n.name) AS relation
      FROM sambapos._table AS t
      CROSS JOIN LATERAL (SELECT t.table_name AS name UNION ALL SELECT t.table_name || '_history' WHERE t.history) AS n
      WHERE t.site_id = place.site_id AND sambapos._table_family(t) IN (SELECT f.name FROM family AS f)
    )
    SELECT w.relation FROM written AS w WHERE w.relation IS NOT NULL ORDER BY w.name
  LOOP
    EXECUTE format('LOCK TABLE %s IN ROW EXCLUSIVE MODE', relation);
  END LOOP;
  PERFORM sambapos._run_refuse_tables(run_id, place);
END;
$$;
COMMENT ON FUNCTION sambapos._merge_claim_tables(bigint, sambapos._place) IS
  'Locks the replica tables a run writes to, and looks once more whether they may be written to';

CREATE FUNCTION sambapos._merge_may_go_on(run_id bigint, t sambapos._table) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.run_table AS x SET status = 'failed', message = format('its root %s could not be merged', t.parent)
   WHERE (x.run_id, x.table_name) = (_merge_may_go_on.run_id, t.table_name) AND x.status = 'read'
     AND EXISTS (SELECT FROM sambapos.run_table AS p
                 WHERE (p.run_id, p.table_name) = (_merge_may_go_on.run_id, t.parent) AND p.status = 'failed');
  RETURN EXISTS (SELECT FROM sambapos.run_table AS x
                 WHERE (x.run_id, x.table_name) = (_merge_may_go_on.run_id, t.table_name) AND x.status = 'read');
END;
$$;
COMMENT ON FUNCTION sambapos._merge_may_go_on(bigint, sambapos._table) IS
  'True while neither a table nor its root has failed to merge';

-- The whole writing half. A table that fails is left as it was, and its children with it.
CREATE FUNCTION sambapos._merge_all(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  new_version bigint;
  s record;
  state text;
  error_message text;
  error_detail text;
  error_hint text;
BEGIN
  PERFORM sambapos._merge_claim_tables(run_id, place);
  SELECT k.version + 1 INTO STRICT new_version FROM sambapos.site_state AS k WHERE k.site_id = place.site_id FOR UPDATE;
  FOR s IN SELECT * FROM sambapos._merge_steps(run_id, place) LOOP
    CONTINUE WHEN NOT sambapos._merge_may_go_on(run_id, s.t);
    BEGIN
      PERFORM sambapos._merge_step(run_id, place, s.t, s.mode, s.step, new_version);
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, error_message = MESSAGE_TEXT,
        error_detail = PG_EXCEPTION_DETAIL, error_hint = PG_EXCEPTION_HINT;
      UPDATE sambapos.run_table AS x
         SET status = 'failed', message = error_message, sqlstate = state,
             detail = nullif(concat_ws(' ', nullif(error_detail, ''), nullif(error_hint, '')), '')
       WHERE (x.run_id, x.table_name) = (_merge_all.run_id, (s.t).table_name);
    END;
  END LOOP;
  UPDATE sambapos.run_table AS x SET status = 'ok' WHERE x.run_id = _merge_all.run_id AND x.status = 'read';
  PERFORM sambapos._feed_note_merge(run_id, place);
  UPDATE sambapos.site_state AS k SET version = new_version
   WHERE k.site_id = place.site_id
     AND EXISTS (SELECT FROM sambapos.run_table AS x WHERE x.run_id = _merge_all.run_id
                    AND x.rows_inserted + x.rows_updated + x.rows_gone > 0);
  PERFORM sambapos._rollup_keep(run_id, place, new_version - 1);
END;
$$;
COMMENT ON FUNCTION sambapos._merge_all(bigint, sambapos._place) IS
  'The writing half of a run: stages into replica tables, in one transaction with the state';
