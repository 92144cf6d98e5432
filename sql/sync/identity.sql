-- identity.sql: whose row is this? A root's fingerprint, and the epoch each staged row belongs to.
--
-- Rules:
-- * An id that names another row than before gets another epoch; the old row stays as it was.

-- What can't change about a root, as a comparison of replica row r with staged row s.
CREATE FUNCTION sambapos._root_same_sql(place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE
    WHEN t.kind <> 'ticket' THEN format('r.%I IS NOT DISTINCT FROM s.%1$I', t.date_column)
    WHEN sambapos._table_has(place, t, '{ticket_uid}') = '{}' THEN by_date
    ELSE 'CASE WHEN r.ticket_uid <> '''' AND s.ticket_uid <> '''' THEN r.ticket_uid = s.ticket_uid ELSE ' || by_date || ' END'
  END
  FROM (VALUES ('(r.date = s.date AND (r.ticket_number IS NOT DISTINCT FROM s.ticket_number
                  OR r.transaction_document_id IS NOT DISTINCT FROM s.transaction_document_id))')) AS x (by_date);
$$;
COMMENT ON FUNCTION sambapos._root_same_sql(sambapos._place, sambapos._table) IS
  'The fingerprint: SQL that is true if two rows with one id are one ticket, document or period';

-- A used-again id can only belong to a row that was made after the last sync. So another date is an
-- edit if it lies before that, everything else agrees and nothing else happened to the source: a row of
-- an earlier epoch isn't edited, its id has been used again, if only this run has come to see it. And
-- ids are given out upwards: below one that still names its row (at most $5) none is used again.
CREATE FUNCTION sambapos._root_edited_sql(t sambapos._table) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('r.row_state = ''live'' AND NOT $3 AND r.epoch >= $4 AND (s.%I < $2 OR s.id < $5)', t.date_column) || CASE t.kind WHEN 'ticket' THEN
    ' AND r.ticket_number IS NOT DISTINCT FROM s.ticket_number
      AND r.transaction_document_id IS NOT DISTINCT FROM s.transaction_document_id' ELSE '' END;
$$;
COMMENT ON FUNCTION sambapos._root_edited_sql(sambapos._table) IS
  'SQL that is true if a root with another date is still the same one; $2 is the run''s since, $3 whether ids have '
  'fallen, $4 the present epoch, $5 its highest staged id that is known';

-- All roots and their children are read once more by the next run: ids may have been used again that
-- this run had no reason to look at, or whose tables it didn't have.
CREATE FUNCTION sambapos._epoch_begin(run_id bigint, place sambapos._place, t sambapos._table, reused bigint[]) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  fresh integer;
BEGIN
  UPDATE sambapos.site_state AS s SET epoch = s.epoch + 1 WHERE s.site_id = place.site_id RETURNING s.epoch INTO fresh;
  UPDATE sambapos.epoch AS e SET ended_at = now() WHERE e.site_id = place.site_id AND e.ended_at IS NULL;
  INSERT INTO sambapos.epoch (site_id, epoch, reason)
  VALUES (place.site_id, fresh, format('%s ids of %s used again', cardinality(reused), t.table_name));
  PERFORM sambapos._log_event(run_id, place, t.table_name, 'reseed', cardinality(reused),
                               jsonb_build_object('ids', to_jsonb(reused[1:50]), 'epoch', fresh));
  UPDATE sambapos.table_state AS x SET full_due = true FROM sambapos.replicated_table AS r
   WHERE (r.site_id, r.table_name) = (x.site_id, x.table_name) AND r.site_id = place.site_id AND r.kind <> 'master';
  PERFORM sambapos._workbench_read_again(run_id, r.table_name, 'ids have been used again: an epoch has begun')
  FROM sambapos._table AS r WHERE r.site_id = place.site_id AND r.kind <> 'master';
  RETURN fresh;
END;
$$;
COMMENT ON FUNCTION sambapos._epoch_begin(bigint, sambapos._place, sambapos._table, bigint[]) IS
  'Begins a site''s next epoch because ids have been used again';

-- Roots: the newest row with the same fingerprint is the row; an id whose rows are all others has
-- been used again and begins an epoch; an id without rows is new. Any other live row of the id, be it
-- of an earlier life or (after a restore) of a later one, is superseded.
CREATE FUNCTION sambapos._epoch_find_roots(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stage text := format('pg_temp.%I', sambapos._stage_name(t.table_name));
  namesakes text := sambapos._stage_namesakes_sql(t, '{id}');
  same text := sambapos._root_same_sql(place, t);
  since timestamp := (SELECT r.since FROM sambapos.run AS r WHERE r.run_id = _epoch_find_roots.run_id);
  highest_known bigint;
  reused bigint[];
  epoch integer := (SELECT s.epoch FROM sambapos._place AS s WHERE s.site_id = place.site_id);
BEGIN
  EXECUTE format('UPDATE %s AS s SET epoch = m.epoch FROM (
                    SELECT s.id, max(r.epoch) AS epoch FROM %s
                    WHERE %s GROUP BY s.id) AS m WHERE m.id = s.id', stage, namesakes, same) USING place.site_id;
  EXECUTE format('SELECT max(s.id) FROM %s AS s WHERE s.epoch = $1', stage) INTO highest_known USING epoch;
  EXECUTE format('UPDATE %s AS s SET epoch = m.epoch FROM (
                    SELECT s.id, r.epoch, %s AS is_edit, row_number() OVER (PARTITION BY s.id ORDER BY r.epoch DESC) AS age
                    FROM %s WHERE s.epoch IS NULL) AS m WHERE m.id = s.id AND m.age = 1 AND m.is_edit',
                 stage, sambapos._root_edited_sql(t), namesakes)
    USING place.site_id, since, sambapos._probe_ids_fell(place), epoch, highest_known;
  EXECUTE format('SELECT array_agg(DISTINCT s.id) FROM %s WHERE s.epoch IS NULL AND r.epoch >= $2', namesakes)
    INTO reused USING place.site_id, epoch;
  IF reused IS NOT NULL THEN
    epoch := sambapos._epoch_begin(run_id, place, t, reused);
  END IF;
  EXECUTE format('UPDATE %s AS s SET epoch = $1 WHERE s.epoch IS NULL', stage) USING epoch;
  EXECUTE format('INSERT INTO pg_temp.sambapos__gone SELECT %L::name, r.epoch, r.id, ''superseded''
                  FROM %s WHERE r.epoch <> s.epoch AND r.row_state = ''live''', t.table_name, namesakes) USING place.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._epoch_find_roots(bigint, sambapos._place, sambapos._table) IS
  'Gives each staged root its epoch; begins one if ids have been used again';

-- Children take the epoch of their root, masters that of their newest row. The order of preference:
-- the root as staged, the root as known (live first), the row itself, the present epoch.
CREATE FUNCTION sambapos._epoch_find(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stage text := format('pg_temp.%I', sambapos._stage_name(t.table_name));
  epoch integer := (SELECT s.epoch FROM sambapos._place AS s WHERE s.site_id = place.site_id);
BEGIN
  IF epoch > 1 THEN
    IF t.kind = 'child' AND sambapos._table_has_root(t) THEN
      IF to_regclass(format('pg_temp.%I', sambapos._stage_name(t.parent))) IS NOT NULL THEN
        EXECUTE format('UPDATE %s AS s SET epoch = p.epoch FROM pg_temp.%I AS p WHERE p.id = s.%I',
                       stage, sambapos._stage_name(t.parent), t.parent_key);
      END IF;
      EXECUTE format('UPDATE %s AS s SET epoch = m.epoch FROM (
          SELECT DISTINCT ON (p.id) p.id, p.epoch FROM (SELECT DISTINCT %I AS id FROM %1$s WHERE epoch IS NULL) AS k
          JOIN sambapos._epoch_present AS e ON e.site_id = $1
          JOIN sambapos_replica.%3$I AS p ON p.site_id = $1 AND p.epoch = e.epoch AND p.id = k.id
          ORDER BY p.id, p.row_state = ''live'' DESC, p.epoch DESC) AS m WHERE s.epoch IS NULL AND m.id = s.%2$I',
        stage, t.parent_key, t.parent) USING place.site_id;
    END IF;
    EXECUTE format('UPDATE %s AS s SET epoch = m.epoch FROM (
        SELECT s.ctid AS row, max(r.epoch) AS epoch FROM %s WHERE s.epoch IS NULL GROUP BY 1) AS m WHERE m.row = s.ctid',
      stage, sambapos._stage_namesakes_sql(t, sambapos._table_key(place, t))) USING place.site_id;
  END IF;
  EXECUTE format('UPDATE %s AS s SET epoch = $1 WHERE s.epoch IS NULL', stage) USING epoch;
END;
$$;
COMMENT ON FUNCTION sambapos._epoch_find(sambapos._place, sambapos._table) IS
  'Gives each staged child or master row its epoch';

-- Beside a document's id its epoch: as staged in this run, else the newest known, else the row's own.
CREATE FUNCTION sambapos._epoch_find_documents(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  link name := sambapos._table_document_link(place, t);
  stage text := format('pg_temp.%I', sambapos._stage_name(t.table_name));
BEGIN
  IF link IS NULL THEN
    RETURN;
  END IF;
  IF sambapos._replica_table('account_transaction_documents') IS NOT NULL
     AND EXISTS (SELECT FROM sambapos._place AS s WHERE s.site_id = place.site_id AND s.epoch > 1) THEN
    IF to_regclass('pg_temp.sambapos__stage_account_transaction_documents') IS NOT NULL THEN
      EXECUTE format('UPDATE %s AS s SET document_epoch = d.epoch
                      FROM pg_temp.sambapos__stage_account_transaction_documents AS d WHERE d.id = s.%I', stage, link);
    END IF;
    EXECUTE format('UPDATE %s AS s SET document_epoch = m.epoch FROM (
        SELECT d.id, max(d.epoch) AS epoch FROM (SELECT DISTINCT %I AS id FROM %1$s WHERE document_epoch IS NULL) AS k
        JOIN sambapos._epoch_present AS e ON e.site_id = $1
        JOIN sambapos_replica.account_transaction_documents AS d ON d.site_id = $1 AND d.epoch = e.epoch AND d.id = k.id
        GROUP BY d.id) AS m WHERE s.document_epoch IS NULL AND m.id = s.%2$I', stage, link) USING place.site_id;
  END IF;
  EXECUTE format('UPDATE %s AS s SET document_epoch = s.epoch WHERE s.document_epoch IS NULL AND s.%I IS NOT NULL', stage, link);
END;
$$;
COMMENT ON FUNCTION sambapos._epoch_find_documents(sambapos._place, sambapos._table) IS
  'Fills document_epoch of staged tickets and payments';
