-- merge.sql: the writing half of a sync: brings what was staged into the replica.
--
-- For each table: refuse double keys, find each row's epoch, update what differs, insert what is new.
-- Then, root by root, what is missing is judged and marked (gone.sql).
--
-- Rules:
-- * Nothing is deleted, and no value is overwritten because a row is missing: only row_state changes.
-- * What hasn't changed isn't touched: rows are compared column by column before they are written, so
--   an idle or repeated run writes no byte to a replica table.
-- * An id that names another row than before gets another epoch; the old row stays as it was.

-- ---- epochs and identity ----

-- A row fetched twice, as it can be where the source takes no snapshot, is one row. Two different
-- rows under one key are refused.
CREATE FUNCTION sambapos._refuse_doubles(site sambapos.site, t sambapos.replicated_table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stage text := format('pg_temp.%I', sambapos._stage_name(t.table_name));
  keys text := (SELECT string_agg(quote_ident(k), ', ') FROM unnest(sambapos._key_columns(site, t)) AS k);
  doubles bigint;
  examples text;
BEGIN
  EXECUTE format('SELECT count(*) FROM (SELECT FROM %s GROUP BY %s HAVING count(*) > 1) AS d', stage, keys) INTO doubles;
  IF doubles = 0 THEN
    RETURN;
  END IF;
  EXECUTE format('DELETE FROM %1$s AS s USING %1$s AS o WHERE s.ctid > o.ctid AND s.* IS NOT DISTINCT FROM o.*', stage);
  EXECUTE format('SELECT count(*), string_agg(k, '', '') FROM (SELECT (%1$s)::text AS k FROM %2$s GROUP BY %1$s
                  HAVING count(*) > 1 ORDER BY %1$s LIMIT 10) AS d', keys, stage) INTO doubles, examples;
  IF doubles > 0 THEN
    RAISE EXCEPTION 'the source delivered different rows of table "%" under one key', t.source_name USING
      ERRCODE = 'unique_violation', DETAIL = format('Key (%s): %s.', keys, examples);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._refuse_doubles(sambapos.site, sambapos.replicated_table) IS 'Raises 23505 if different rows under one key were staged';

-- What can't change about a root, as a comparison of replica row r with staged row s.
CREATE FUNCTION sambapos._same_root_sql(site sambapos.site, t sambapos.replicated_table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE
    WHEN t.kind <> 'ticket' THEN format('r.%I IS NOT DISTINCT FROM s.%1$I', t.date_column)
    WHEN sambapos._live_has(site, t, '{ticket_uid}') = '{}' THEN by_date
    ELSE 'CASE WHEN r.ticket_uid <> '''' AND s.ticket_uid <> '''' THEN r.ticket_uid = s.ticket_uid ELSE ' || by_date || ' END'
  END
  FROM (VALUES ('(r.date = s.date AND (r.ticket_number IS NOT DISTINCT FROM s.ticket_number
                  OR r.transaction_document_id IS NOT DISTINCT FROM s.transaction_document_id))')) AS x (by_date);
$$;
COMMENT ON FUNCTION sambapos._same_root_sql(sambapos.site, sambapos.replicated_table) IS 'The fingerprint: SQL that is true if two rows with one id are one ticket, document or period';

-- A used-again id can only belong to a row that was made after the last sync. So another date is an
-- edit if it lies before that, everything else agrees and nothing else happened to the source: a row of
-- an earlier epoch isn't edited, its id has been used again, if only this run has come to see it. And
-- ids are given out upwards: below one that still names its row (at most $5) none is used again.
CREATE FUNCTION sambapos._edited_root_sql(t sambapos.replicated_table) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('r.row_state = ''live'' AND NOT $3 AND r.epoch >= $4 AND (s.%I < $2 OR s.id < $5)', t.date_column) || CASE t.kind WHEN 'ticket' THEN
    ' AND r.ticket_number IS NOT DISTINCT FROM s.ticket_number
      AND r.transaction_document_id IS NOT DISTINCT FROM s.transaction_document_id' ELSE '' END;
$$;
COMMENT ON FUNCTION sambapos._edited_root_sql(sambapos.replicated_table) IS 'SQL that is true if a root with another date is still the same one; $2 is the run''s since, $3 whether ids have fallen, $4 the present epoch, $5 its highest staged id that is known';

-- Staged rows with their replica rows of the same id, whatever the epoch, through the primary key.
CREATE FUNCTION sambapos._namesakes_sql(t sambapos.replicated_table, keys name[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('pg_temp.%I AS s JOIN sambapos.epoch AS e ON e.site_id = $1
                 JOIN sambapos_replica.%I AS r ON r.site_id = $1 AND r.epoch = e.epoch AND %s',
                sambapos._stage_name(t.table_name), t.table_name,
                (SELECT string_agg(format('r.%I = s.%1$I', k), ' AND ') FROM unnest(keys) AS k));
$$;
COMMENT ON FUNCTION sambapos._namesakes_sql(sambapos.replicated_table, name[]) IS 'A FROM item: staged rows joined with the replica''s rows of the same key in every epoch';

-- Roots: the newest row with the same fingerprint is the row; an id whose rows are all others has
-- been used again and begins an epoch; an id without rows is new. Any other live row of the id, be it
-- of an earlier life or (after a restore) of a later one, is superseded.
CREATE FUNCTION sambapos._find_root_epochs(run_id bigint, site sambapos.site, t sambapos.replicated_table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stage text := format('pg_temp.%I', sambapos._stage_name(t.table_name));
  namesakes text := sambapos._namesakes_sql(t, '{id}');
  same text := sambapos._same_root_sql(site, t);
  since timestamp := (SELECT r.since FROM sambapos.run AS r WHERE r.run_id = _find_root_epochs.run_id);
  highest_known bigint;
  reused bigint[];
  epoch integer := (SELECT s.epoch FROM sambapos.site AS s WHERE s.site_id = site.site_id);
BEGIN
  EXECUTE format('UPDATE %s AS s SET epoch = m.epoch FROM (
                    SELECT s.id, max(r.epoch) AS epoch FROM %s
                    WHERE %s GROUP BY s.id) AS m WHERE m.id = s.id', stage, namesakes, same) USING site.site_id;
  EXECUTE format('SELECT max(s.id) FROM %s AS s WHERE s.epoch = $1', stage) INTO highest_known USING epoch;
  EXECUTE format('UPDATE %s AS s SET epoch = m.epoch FROM (
                    SELECT s.id, r.epoch, %s AS is_edit, row_number() OVER (PARTITION BY s.id ORDER BY r.epoch DESC) AS age
                    FROM %s WHERE s.epoch IS NULL) AS m WHERE m.id = s.id AND m.age = 1 AND m.is_edit',
                 stage, sambapos._edited_root_sql(t), namesakes)
    USING site.site_id, since, sambapos._ids_fell(site), epoch, highest_known;
  EXECUTE format('SELECT array_agg(DISTINCT s.id) FROM %s WHERE s.epoch IS NULL AND r.epoch >= $2', namesakes)
    INTO reused USING site.site_id, epoch;
  IF reused IS NOT NULL THEN
    epoch := sambapos._begin_epoch(run_id, site, t, reused);
  END IF;
  EXECUTE format('UPDATE %s AS s SET epoch = $1 WHERE s.epoch IS NULL', stage) USING epoch;
  EXECUTE format('INSERT INTO pg_temp.sambapos__gone SELECT %L::name, r.epoch, r.id, ''superseded''
                  FROM %s WHERE r.epoch <> s.epoch AND r.row_state = ''live''', t.table_name, namesakes) USING site.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._find_root_epochs(bigint, sambapos.site, sambapos.replicated_table) IS 'Gives each staged root its epoch; begins one if ids have been used again';

CREATE FUNCTION sambapos._ids_fell(site sambapos.site) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM pg_temp.sambapos__probe AS p
                 JOIN sambapos.replicated_table AS t ON t.site_id = site.site_id AND t.table_name = p.table_name
                 WHERE t.kind IN ('ticket', 'document', 'period') AND coalesce(p.highest, 0) < t.source_max_id);
END;
$$;
COMMENT ON FUNCTION sambapos._ids_fell(sambapos.site) IS 'True if the highest id of a root is lower than it was';

-- All roots and their children are read once more by the next run: ids may have been used again that
-- this run had no reason to look at, or whose tables it didn't have.
CREATE FUNCTION sambapos._begin_epoch(run_id bigint, site sambapos.site, t sambapos.replicated_table, reused bigint[]) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  fresh integer;
BEGIN
  UPDATE sambapos.site AS s SET epoch = s.epoch + 1 WHERE s.site_id = site.site_id RETURNING s.epoch INTO fresh;
  UPDATE sambapos.epoch AS e SET ended_at = now() WHERE e.site_id = site.site_id AND e.ended_at IS NULL;
  INSERT INTO sambapos.epoch (site_id, epoch, reason)
  VALUES (site.site_id, fresh, format('%s ids of %s used again', cardinality(reused), t.table_name));
  PERFORM sambapos._note_event(run_id, site, t.table_name, 'reseed', cardinality(reused),
                               jsonb_build_object('ids', to_jsonb(reused[1:50]), 'epoch', fresh));
  UPDATE sambapos.replicated_table AS r SET full_due = true WHERE r.site_id = site.site_id AND r.kind <> 'master';
  PERFORM sambapos._read_again(run_id, r.table_name, 'ids have been used again: an epoch has begun')
  FROM sambapos.replicated_table AS r WHERE r.site_id = site.site_id AND r.kind <> 'master';
  RETURN fresh;
END;
$$;
COMMENT ON FUNCTION sambapos._begin_epoch(bigint, sambapos.site, sambapos.replicated_table, bigint[]) IS 'Begins a site''s next epoch because ids have been used again';

CREATE FUNCTION sambapos._note_event(run_id bigint, site sambapos.site, table_name name, kind text, rows bigint, evidence jsonb) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  INSERT INTO sambapos.source_events (site_id, run_id, kind, table_name, epoch, rows, evidence)
  SELECT s.site_id, _note_event.run_id, _note_event.kind, _note_event.table_name, s.epoch, _note_event.rows, _note_event.evidence
  FROM sambapos.site AS s WHERE s.site_id = site.site_id;
$$;
COMMENT ON FUNCTION sambapos._note_event(bigint, sambapos.site, name, text, bigint, jsonb) IS 'Enters what happened to a source';

-- Children take the epoch of their root, masters that of their newest row. The order of preference:
-- the root as staged, the root as known (live first), the row itself, the present epoch.
CREATE FUNCTION sambapos._find_epochs(site sambapos.site, t sambapos.replicated_table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stage text := format('pg_temp.%I', sambapos._stage_name(t.table_name));
  epoch integer := (SELECT s.epoch FROM sambapos.site AS s WHERE s.site_id = site.site_id);
BEGIN
  IF epoch > 1 THEN
    IF t.kind = 'child' AND sambapos._has_root(t) THEN
      IF to_regclass(format('pg_temp.%I', sambapos._stage_name(t.parent))) IS NOT NULL THEN
        EXECUTE format('UPDATE %s AS s SET epoch = p.epoch FROM pg_temp.%I AS p WHERE p.id = s.%I',
                       stage, sambapos._stage_name(t.parent), t.parent_key);
      END IF;
      EXECUTE format('UPDATE %s AS s SET epoch = m.epoch FROM (
          SELECT DISTINCT ON (p.id) p.id, p.epoch FROM (SELECT DISTINCT %I AS id FROM %1$s WHERE epoch IS NULL) AS k
          JOIN sambapos.epoch AS e ON e.site_id = $1
          JOIN sambapos_replica.%3$I AS p ON p.site_id = $1 AND p.epoch = e.epoch AND p.id = k.id
          ORDER BY p.id, p.row_state = ''live'' DESC, p.epoch DESC) AS m WHERE s.epoch IS NULL AND m.id = s.%2$I',
        stage, t.parent_key, t.parent) USING site.site_id;
    END IF;
    EXECUTE format('UPDATE %s AS s SET epoch = m.epoch FROM (
        SELECT s.ctid AS row, max(r.epoch) AS epoch FROM %s WHERE s.epoch IS NULL GROUP BY 1) AS m WHERE m.row = s.ctid',
      stage, sambapos._namesakes_sql(t, sambapos._key_columns(site, t))) USING site.site_id;
  END IF;
  EXECUTE format('UPDATE %s AS s SET epoch = $1 WHERE s.epoch IS NULL', stage) USING epoch;
END;
$$;
COMMENT ON FUNCTION sambapos._find_epochs(sambapos.site, sambapos.replicated_table) IS 'Gives each staged child or master row its epoch';

-- Beside a document's id its epoch: as staged in this run, else the newest known, else the row's own.
CREATE FUNCTION sambapos._find_document_epochs(site sambapos.site, t sambapos.replicated_table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  link name := sambapos._document_link(site, t);
  stage text := format('pg_temp.%I', sambapos._stage_name(t.table_name));
BEGIN
  IF link IS NULL THEN
    RETURN;
  END IF;
  IF sambapos._replica_table('account_transaction_documents') IS NOT NULL
     AND EXISTS (SELECT FROM sambapos.site AS s WHERE s.site_id = site.site_id AND s.epoch > 1) THEN
    IF to_regclass('pg_temp.sambapos__stage_account_transaction_documents') IS NOT NULL THEN
      EXECUTE format('UPDATE %s AS s SET document_epoch = d.epoch
                      FROM pg_temp.sambapos__stage_account_transaction_documents AS d WHERE d.id = s.%I', stage, link);
    END IF;
    EXECUTE format('UPDATE %s AS s SET document_epoch = m.epoch FROM (
        SELECT d.id, max(d.epoch) AS epoch FROM (SELECT DISTINCT %I AS id FROM %1$s WHERE document_epoch IS NULL) AS k
        JOIN sambapos.epoch AS e ON e.site_id = $1
        JOIN sambapos_replica.account_transaction_documents AS d ON d.site_id = $1 AND d.epoch = e.epoch AND d.id = k.id
        GROUP BY d.id) AS m WHERE s.document_epoch IS NULL AND m.id = s.%2$I', stage, link) USING site.site_id;
  END IF;
  EXECUTE format('UPDATE %s AS s SET document_epoch = s.epoch WHERE s.document_epoch IS NULL AND s.%I IS NOT NULL', stage, link);
END;
$$;
COMMENT ON FUNCTION sambapos._find_document_epochs(sambapos.site, sambapos.replicated_table) IS 'Fills document_epoch of staged tickets and payments';

-- ---- writing ----

-- The pieces of SQL that the statements of one table are made of; r is the replica, s the stage.
CREATE FUNCTION sambapos._merge_parts(site sambapos.site, t sambapos.replicated_table,
                                      OUT on_key text, OUT differs text, OUT names text, OUT staged text, OUT assign text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT 'r.site_id = $1 AND r.epoch = s.epoch AND ' || string_agg(format('r.%I = s.%1$I', c.name), ' AND ') FILTER (WHERE c.is_key),
         coalesce('(' || string_agg(format('r.%I', c.name), ', ' ORDER BY c.ordinal) FILTER (WHERE NOT c.is_key) || ') IS DISTINCT FROM ('
                  || string_agg(format('s.%I', c.name), ', ' ORDER BY c.ordinal) FILTER (WHERE NOT c.is_key) || ')', 'false'),
         string_agg(format('%I', c.name), ', ' ORDER BY c.ordinal),
         string_agg(format('s.%I', c.name), ', ' ORDER BY c.ordinal),
         coalesce(string_agg(format('%I = s.%1$I', c.name), ', ' ORDER BY c.ordinal) FILTER (WHERE NOT c.is_key) || ', ', '')
  FROM (SELECT k.column_name AS name, k.is_key, k.ordinal FROM sambapos._columns(site, t) AS k
        UNION ALL SELECT 'document_epoch', false, NULL WHERE sambapos._document_link(site, t) IS NOT NULL) AS c;
$$;
COMMENT ON FUNCTION sambapos._merge_parts(sambapos.site, sambapos.replicated_table) IS 'Column lists and conditions of a table''s merge';

-- Updates what differs and inserts what is new; earlier versions go to the history table first.
CREATE FUNCTION sambapos._upsert(run_id bigint, site sambapos.site, t sambapos.replicated_table, version bigint) RETURNS void
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
  SELECT * INTO p FROM sambapos._merge_parts(site, t);
  IF t.history THEN
    PERFORM sambapos._keep_versions(site, t);
  END IF;
  EXECUTE format('UPDATE %s AS r SET %s row_state = ''live'', synced_at = now(), version = $2 FROM %s AS s
                   WHERE %s AND (r.row_state <> ''live'' OR %s)', replica, p.assign, stage, p.on_key, p.differs)
    USING site.site_id, version;
  GET DIAGNOSTICS updated = ROW_COUNT;
  EXECUTE format('INSERT INTO %s (site_id, epoch, %s, version) SELECT $1, s.epoch, %s, $2 FROM %s AS s
                   WHERE NOT EXISTS (SELECT FROM %1$s AS r WHERE %5$s)', replica, p.names, p.staged, stage, p.on_key)
    USING site.site_id, version;
  GET DIAGNOSTICS inserted = ROW_COUNT;
  EXECUTE format('SELECT count(*) FROM %s', stage) INTO read;
  UPDATE sambapos.run_table AS x
     SET rows_read = read, rows_updated = updated, rows_inserted = inserted, rows_unchanged = read - updated - inserted
   WHERE (x.run_id, x.table_name) = (_upsert.run_id, t.table_name);
  IF inserted > 1000 THEN
    EXECUTE format('ANALYZE %s', replica);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._upsert(bigint, sambapos.site, sambapos.replicated_table, bigint) IS 'Writes a table''s staged rows that are new or differ';

CREATE FUNCTION sambapos._keep_versions(site sambapos.site, t sambapos.replicated_table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  p record;
BEGIN
  SELECT * INTO p FROM sambapos._merge_parts(site, t);
  EXECUTE format('INSERT INTO sambapos_replica.%I (site_id, epoch, %s, valid_from, valid_to, version)
                  SELECT r.site_id, r.epoch, %s, r.synced_at, now(), r.version
                  FROM pg_temp.%I AS s JOIN sambapos_replica.%I AS r ON %s WHERE %s',
                 t.table_name || '_history', p.names,
                 (SELECT string_agg(format('r.%I', c.column_name), ', ' ORDER BY c.ordinal) FROM sambapos._columns(site, t) AS c),
                 sambapos._stage_name(t.table_name), t.table_name, p.on_key, p.differs)
    USING site.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._keep_versions(sambapos.site, sambapos.replicated_table) IS 'Copies the present versions of rows that are about to change into the history table';

-- ---- all tables of a run ----

CREATE FUNCTION sambapos._merge_rows(run_id bigint, site sambapos.site, t sambapos.replicated_table, version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._refuse_doubles(site, t);
  IF t.kind IN ('ticket', 'document', 'period') THEN
    PERFORM sambapos._find_root_epochs(run_id, site, t);
  ELSE
    PERFORM sambapos._find_epochs(site, t);
  END IF;
  PERFORM sambapos._find_document_epochs(site, t);
  PERFORM sambapos._stage_done(t); -- as read, the stage had no epochs: by its statistics nothing would join
  PERFORM sambapos._upsert(run_id, site, t, version);
  IF t.kind = 'master' OR (t.kind = 'child' AND NOT sambapos._has_root(t)) THEN
    PERFORM sambapos._mark_deleted(run_id, site, t, version);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._merge_rows(bigint, sambapos.site, sambapos.replicated_table, bigint) IS 'Writes what was staged of one table';

CREATE FUNCTION sambapos._merge_step(run_id bigint, site sambapos.site, t sambapos.replicated_table, mode text, step text, version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  began timestamptz := clock_timestamp();
BEGIN
  PERFORM sambapos._show_progress(site, 'merging', t.table_name);
  IF step = 'rows' THEN
    PERFORM sambapos._merge_rows(run_id, site, t, version);
  ELSIF sambapos._is_falling() THEN
    PERFORM sambapos._read_again(run_id, t.table_name, 'rows vanished while they were read: what is missing is judged by the next run');
  ELSIF step = 'gone' THEN
    PERFORM sambapos._find_gone(run_id, site, t);
  ELSE
    PERFORM sambapos._mark_removed(run_id, site, t, mode, version);
  END IF;
  IF step = 'gone' THEN
    PERFORM sambapos._mark_gone(run_id, site, t, version);
  END IF;
  UPDATE sambapos.run_table AS x SET duration = x.duration + (clock_timestamp() - began)
   WHERE (x.run_id, x.table_name) = (_merge_step.run_id, t.table_name);
END;
$$;
COMMENT ON FUNCTION sambapos._merge_step(bigint, sambapos.site, sambapos.replicated_table, text, text, bigint) IS 'One step of merging one table';

-- Account documents before tickets, whose document_epoch they give; roots before their children; only
-- then what is gone: a child of a root that is gone was cleared, one of a root that is there removed.
CREATE FUNCTION sambapos._merge_steps(run_id bigint, site sambapos.site)
RETURNS TABLE (t sambapos.replicated_table, mode text, step text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT r, x.mode, s.step
  FROM sambapos.run_table AS x
  JOIN sambapos.replicated_table AS r ON r.site_id = site.site_id AND r.table_name = x.table_name
  CROSS JOIN LATERAL (
    SELECT CASE WHEN r.kind IN ('document', 'period') THEN 1 WHEN r.kind = 'ticket' THEN 2 ELSE 3 END, 'rows'
    UNION ALL SELECT 4, 'gone' WHERE r.kind IN ('ticket', 'document', 'period')
    UNION ALL SELECT 5, 'removed' WHERE r.kind = 'child' AND sambapos._has_root(r)) AS s (place, step)
  WHERE x.run_id = _merge_steps.run_id AND x.status = 'read'
  ORDER BY s.place, r.table_name;
$$;
COMMENT ON FUNCTION sambapos._merge_steps(bigint, sambapos.site) IS 'What a run merges, in order';

-- A role with the privilege TRIGGER could add one between the check and the write. CREATE TRIGGER and ALTER
-- TABLE wait for this lock, which every write takes anyway; so what is found now holds until the commit.
CREATE FUNCTION sambapos._claim_tables(run_id bigint, site sambapos.site) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass;
BEGIN
  FOR relation IN
    SELECT sambapos._replica_table(n.name)
    FROM sambapos.replicated_table AS t
    CROSS JOIN LATERAL (SELECT t.table_name AS name UNION ALL SELECT t.table_name || '_history' WHERE t.history) AS n
    WHERE t.site_id = site.site_id AND sambapos._replica_table(n.name) IS NOT NULL
      AND sambapos._family(t) IN (SELECT sambapos._family(r) FROM sambapos.run_table AS x
                                  JOIN sambapos.replicated_table AS r ON r.site_id = site.site_id AND r.table_name = x.table_name
                                  WHERE x.run_id = _claim_tables.run_id AND x.status = 'read')
    ORDER BY n.name
  LOOP
    EXECUTE format('LOCK TABLE %s IN ROW EXCLUSIVE MODE', relation);
  END LOOP;
  PERFORM sambapos._refuse_tables(run_id, site);
END;
$$;
COMMENT ON FUNCTION sambapos._claim_tables(bigint, sambapos.site) IS 'Locks the replica tables a run writes to, and looks once more whether they may be written to';

-- The whole writing half. A table that fails is left as it was, and its children with it.
CREATE FUNCTION sambapos._merge(run_id bigint, site sambapos.site) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  new_version bigint;
  s record;
  state text;
  error_message text;
  error_detail text;
BEGIN
  PERFORM sambapos._claim_tables(run_id, site);
  SELECT k.version + 1 INTO new_version FROM sambapos.site AS k WHERE k.site_id = site.site_id FOR NO KEY UPDATE;
  FOR s IN SELECT * FROM sambapos._merge_steps(run_id, site) LOOP
    CONTINUE WHEN NOT sambapos._still_mergeable(run_id, s.t);
    BEGIN
      PERFORM sambapos._merge_step(run_id, site, s.t, s.mode, s.step, new_version);
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, error_message = MESSAGE_TEXT, error_detail = PG_EXCEPTION_DETAIL;
      UPDATE sambapos.run_table AS x
         SET status = 'failed', message = error_message, sqlstate = state, detail = nullif(error_detail, '')
       WHERE (x.run_id, x.table_name) = (_merge.run_id, (s.t).table_name);
    END;
  END LOOP;
  UPDATE sambapos.run_table AS x SET status = 'ok' WHERE x.run_id = _merge.run_id AND x.status = 'read';
  UPDATE sambapos.site AS k SET version = new_version
   WHERE k.site_id = site.site_id
     AND EXISTS (SELECT FROM sambapos.run_table AS x WHERE x.run_id = _merge.run_id
                    AND x.rows_inserted + x.rows_updated + x.rows_gone > 0);
END;
$$;
COMMENT ON FUNCTION sambapos._merge(bigint, sambapos.site) IS 'The writing half of a run: stages into replica tables, in one transaction with the state';

CREATE FUNCTION sambapos._still_mergeable(run_id bigint, t sambapos.replicated_table) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.run_table AS x SET status = 'failed', message = format('its root %s could not be merged', t.parent)
   WHERE (x.run_id, x.table_name) = (_still_mergeable.run_id, t.table_name) AND x.status = 'read'
     AND EXISTS (SELECT FROM sambapos.run_table AS p
                 WHERE (p.run_id, p.table_name) = (_still_mergeable.run_id, t.parent) AND p.status = 'failed');
  RETURN EXISTS (SELECT FROM sambapos.run_table AS x
                 WHERE (x.run_id, x.table_name) = (_still_mergeable.run_id, t.table_name) AND x.status = 'read');
END;
$$;
COMMENT ON FUNCTION sambapos._still_mergeable(bigint, sambapos.replicated_table) IS 'True while neither a table nor its root has failed to merge';
