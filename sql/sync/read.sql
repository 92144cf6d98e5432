-- read.sql: the reading half of a sync: finds out what changed at the source and stages it.
--
-- One run of one site, in this order:
--   _workbench_open   temporary tables for what this run finds out            (source.sql)
--   _read_source_facts   the source's clock, its columns, counts and id ranges   (source.sql). Changed columns are
--                     followed first, and the run begins again (drift.sql); all that is read is locked (locks.sql)
--   _run_choose_modes     incremental or full, table by table                     (source.sql); or by change tracking,
--                     where the source has it                                    (change_tracking.sql)
--   _read_tables      collect (which roots have new children), roots, children, roots again, masters
--   _probe_ask again  has anything been cleared meanwhile?
-- All of it in one remote transaction. merge.sql then writes what was staged; step.sql calls both. A run that finds
-- nothing new ends before any of it (idle.sql).
--
-- Rules:
-- * The ticket is the aggregate: what is read is changed tickets and then all their children.
-- * The source is reached through the live foreign tables and sambapos_query, nothing else. Keys go
--   out as = ANY ($1) in chunks, so that the wrapper can send them.
-- * A failing table fails alone, unless the connection or its transaction is gone.
-- * Without a snapshot a root and its children are of different moments, and an id can be used again between them. So
--   a root is read before its children, and once more after them: one that is another row then waits for the next run.

-- An id is given out before its row is committed, so the last few are read again; fewer of a child,
-- whose ticket is stamped with it. The lesser of what is known and what is there: after a reseed the
-- known one is too high.
CREATE FUNCTION sambapos._root_low_id(place sambapos._place, t sambapos._table) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT coalesce(least(t.source_max_id, p.highest), 0) -
                 CASE t.kind WHEN 'period' THEN 3 WHEN 'child' THEN place.id_overlap / 4 ELSE place.id_overlap END
          FROM pg_temp.sambapos__probe AS p WHERE p.table_name = t.table_name);
END;
$$;
COMMENT ON FUNCTION sambapos._root_low_id(sambapos._place, sambapos._table) IS
  'The id above which rows are always read';

-- The predicates of a ticket that can have changed: A new ids, B and G stamps, C open, E payments.
-- D, tickets that were open when last seen, and F, tickets with new children, come as ids.
CREATE FUNCTION sambapos._root_condition(place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT 'WHERE id > $2' || CASE t.kind
    WHEN 'ticket' THEN
      ' OR NOT is_closed' ||
      coalesce((SELECT string_agg(format(' OR %I >= $3', c), '')
                FROM unnest(sambapos._table_has(place, t, '{last_update_time,last_payment_date,ticket_version}'))
                     AS c), '')
    WHEN 'document' THEN format(' OR %I >= $3', t.date_column)
    ELSE '' END;
$$;
COMMENT ON FUNCTION sambapos._root_condition(sambapos._place, sambapos._table) IS
  'The predicates that find a root''s changed rows at the source';

-- A table that was left alone for a while is read from there on, whatever else was read meanwhile.
CREATE FUNCTION sambapos._table_last_clock(run_id bigint, t sambapos._table) RETURNS timestamp
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT r.source_now - greatest(clock_timestamp() - t.last_success_at, interval '0')
          FROM sambapos.run AS r WHERE r.run_id = _table_last_clock.run_id);
END;
$$;
COMMENT ON FUNCTION sambapos._table_last_clock(bigint, sambapos._table) IS
  'The source''s local time when a run has last read a table';

-- Documents can be edited at any age; the last days' before the last read are read again, stock documents back to the
-- beginning of the open work period.
CREATE FUNCTION sambapos._root_since(run_id bigint, place sambapos._place, t sambapos._table) RETURNS timestamp
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN t.kind = 'ticket' THEN r.since
              WHEN t.table_name = 'account_transaction_documents'
                THEN c.last_clock - make_interval(days => place.document_days)
              ELSE least(c.last_clock - make_interval(days => place.stock_days),
                         sambapos._period_open_since(place)) END
  FROM sambapos.run AS r, sambapos._table_last_clock(_root_since.run_id, t) AS c (last_clock)
  WHERE r.run_id = _root_since.run_id;
$$;
COMMENT ON FUNCTION sambapos._root_since(bigint, sambapos._place, sambapos._table) IS
  'From which date on a root''s rows are read again';

-- A root whose children came without it again and again is not at the source: asking costs the list of all ids, in each
-- run. When it comes it is staged like any other.
CREATE FUNCTION sambapos._changed_leave_missing(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  DELETE FROM pg_temp.sambapos__changed AS c USING sambapos.waiting_root AS w
   WHERE c.table_name = t.table_name AND (w.site_id, w.table_name, w.id) = (place.site_id, t.table_name, c.id)
     AND w.missing_runs > place.settle_runs;
END;
$$;
COMMENT ON FUNCTION sambapos._changed_leave_missing(sambapos._place, sambapos._table) IS
  'Takes from what changed the roots that are not at the source';

-- Adds to sambapos__changed: what was staged, what was open when last seen, what waits since the last run, what was
-- restored while a child table could not be read, and for account documents those of the changed tickets. A recent
-- document that belongs to an unchanged ticket is not one.
CREATE FUNCTION sambapos._changed_note(place sambapos._place, t sambapos._table, mode text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stage name := sambapos._stage_name(t.table_name);
  add_ids CONSTANT text := 'INSERT INTO pg_temp.sambapos__changed SELECT DISTINCT %L::name, i.id FROM (%s) AS i (id)
                            WHERE i.id IS NOT NULL ON CONFLICT DO NOTHING';
BEGIN
  EXECUTE format(add_ids, t.table_name,
    'SELECT w.id FROM sambapos.waiting_root AS w WHERE w.site_id = $1 AND w.table_name = $2')
    USING place.site_id, t.table_name;
  PERFORM sambapos._changed_leave_missing(place, t);
  EXECUTE format(add_ids, t.table_name,
    'SELECT n.root_id FROM sambapos.restored_root AS n JOIN sambapos._table AS k USING (site_id, table_name)
      WHERE n.site_id = $1 AND k.parent = $2 AND k.enabled AND k.paused_reason IS NULL')
    USING place.site_id, t.table_name;
  IF t.table_name = 'account_transaction_documents' AND sambapos._replica_table('tickets') IS NOT NULL THEN
    EXECUTE format(add_ids, t.table_name, format(
      'SELECT s.id FROM pg_temp.%I AS s WHERE s.id > $2 OR NOT EXISTS (
         SELECT FROM sambapos_replica.tickets AS k
          WHERE k.site_id = $1 AND k.row_state = ''live'' AND k.transaction_document_id = s.id)', stage))
      USING place.site_id, sambapos._root_low_id(place, t);
    EXECUTE format(add_ids, t.table_name,
      'SELECT k.transaction_document_id FROM sambapos_replica.tickets AS k
        WHERE k.site_id = $1 AND k.row_state = ''live'' AND k.id IN
              (SELECT c.id FROM pg_temp.sambapos__changed AS c WHERE c.table_name = ''tickets'')') USING place.site_id;
    IF sambapos._stage_is_filled('tickets') THEN
      EXECUTE format(add_ids, t.table_name,
                     'SELECT k.transaction_document_id FROM pg_temp.sambapos__stage_tickets AS k');
    END IF;
    RETURN;
  END IF;
  EXECUTE format(add_ids, t.table_name, format('SELECT s.id FROM pg_temp.%I AS s', stage));
  IF t.kind = 'ticket' AND mode <> 'tracked' THEN
    EXECUTE format(add_ids, t.table_name,
      'SELECT k.id FROM sambapos_replica.tickets AS k WHERE k.site_id = $1
            AND k.row_state = ''live'' AND NOT k.is_closed')
      USING place.site_id;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._changed_note(sambapos._place, sambapos._table, text) IS
  'Notes which rows of a root count as changed, so that their children are read';

-- Roots that have lost children for no reason are asked for again until that is judged.
CREATE FUNCTION sambapos._changed_note_missing(place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  INSERT INTO pg_temp.sambapos__changed
  SELECT k.parent, m.root_id FROM sambapos.missing AS m
  JOIN sambapos.replicated_table AS k USING (site_id, table_name)
  WHERE m.site_id = place.site_id AND m.version IS NULL AND m.root_id <> 0 AND k.kind = 'child'
  ON CONFLICT DO NOTHING;
END;
$$;
COMMENT ON FUNCTION sambapos._changed_note_missing(sambapos._place) IS
  'Notes roots as changed whose children were missed by the last runs';

CREATE FUNCTION sambapos._changed_not_staged(t sambapos._table) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  ids bigint[];
BEGIN
  EXECUTE format('SELECT array_agg(c.id ORDER BY c.id) FROM pg_temp.sambapos__changed AS c
                   WHERE c.table_name = %L AND NOT EXISTS (SELECT FROM pg_temp.%I AS s WHERE s.id = c.id)',
                 t.table_name, sambapos._stage_name(t.table_name)) INTO ids;
  RETURN ids;
END;
$$;
COMMENT ON FUNCTION sambapos._changed_not_staged(sambapos._table) IS 'Changed roots whose own row is not staged yet';

-- Known and live, plus newly staged, must be what the source counts. If not, or if a row that was
-- asked for by id was not there, all ids are asked for: some are gone, or some were never seen.
CREATE FUNCTION sambapos._root_list_if_different(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stage name := sambapos._stage_name(t.table_name);
  differs boolean;
  unseen bigint[];
BEGIN
  EXECUTE format(
    'SELECT p.live_before + (SELECT count(*) FROM (SELECT DISTINCT id FROM pg_temp.%1$I) AS s
                            WHERE NOT EXISTS (%2$s)) <> p.rows
         OR EXISTS (SELECT FROM pg_temp.sambapos__changed AS c WHERE c.table_name = p.table_name
                    AND NOT EXISTS (SELECT FROM pg_temp.%1$I AS s WHERE s.id = c.id))
     FROM pg_temp.sambapos__probe AS p WHERE p.table_name = %3$L',
    stage, sambapos._replica_live_row_sql(t, 's.id'), t.table_name) INTO differs USING place.site_id;
  IF NOT differs THEN
    RETURN;
  END IF;
  PERFORM sambapos._read_parts(
    place, t, format('INSERT INTO pg_temp.sambapos__source_id SELECT DISTINCT %L::name, id FROM %I.%I', t.table_name,
                     sambapos._live_schema(place.name), t.table_name), 'id', sambapos._read_highest(place, t));
  UPDATE pg_temp.sambapos__probe AS p SET listed = true WHERE p.table_name = t.table_name;
  EXECUTE format('SELECT array_agg(i.id ORDER BY i.id) FROM pg_temp.sambapos__source_id AS i WHERE i.table_name = %L
                    AND NOT EXISTS (SELECT FROM pg_temp.%I AS s WHERE s.id = i.id) AND NOT EXISTS (%s)',
                 t.table_name, stage, sambapos._replica_live_row_sql(t, 'i.id')) INTO unseen USING place.site_id;
  INSERT INTO pg_temp.sambapos__changed SELECT t.table_name, u FROM unnest(unseen) AS u ON CONFLICT DO NOTHING;
  PERFORM sambapos._stage_read_by(place, t, 'id', unseen);
END;
$$;
COMMENT ON FUNCTION sambapos._root_list_if_different(sambapos._place, sambapos._table) IS
  'Reads the list of a root''s ids when the counts do not agree, and the rows never seen before';

-- A row with another date than its live namesake is an edit, or its id has been used again. Ids are used again in
-- numbers and an edit comes alone: so the live rows next to it are read too, and the children of all of them.
CREATE FUNCTION sambapos._read_neighbours(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  suspects bigint[];
  neighbours bigint[];
BEGIN
  EXECUTE format('SELECT array_agg(DISTINCT s.id) FROM %s WHERE NOT coalesce(%s, false)',
                 sambapos._stage_live_namesakes_sql(t), sambapos._root_same_sql(place, t))
    INTO suspects USING place.site_id;
  IF suspects IS NULL THEN
    RETURN;
  END IF;
  EXECUTE format(
    'SELECT array_agg(DISTINCT n.id) FROM unnest($2) AS x (id) CROSS JOIN LATERAL (
       (SELECT r.id FROM sambapos_replica.%1$I AS r
        WHERE r.site_id = $1 AND r.row_state = ''live'' AND r.id < x.id ORDER BY r.id DESC LIMIT 1)
       UNION ALL
       (SELECT r.id FROM sambapos_replica.%1$I AS r
        WHERE r.site_id = $1 AND r.row_state = ''live'' AND r.id > x.id ORDER BY r.id LIMIT 1)) AS n
     WHERE n.id <> ALL ($2)', t.table_name) INTO neighbours USING place.site_id, suspects;
  INSERT INTO pg_temp.sambapos__changed SELECT t.table_name, u FROM unnest(suspects || neighbours) AS u
  ON CONFLICT DO NOTHING;
  PERFORM sambapos._stage_read_by(place, t, 'id', sambapos._changed_not_staged(t));
END;
$$;
COMMENT ON FUNCTION sambapos._read_neighbours(sambapos._place, sambapos._table) IS
  'Stages the live rows next to those whose date differs, and has the children of all of them read';

CREATE FUNCTION sambapos._read_root(run_id bigint, place sambapos._place, t sambapos._table, mode text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._stage_make(place, t);
  IF mode = 'range' THEN
    PERFORM sambapos._range_cut(run_id, place, t);
    PERFORM sambapos._read_range(place, t, t.table_name, 'id');
  ELSIF mode = 'full' THEN
    PERFORM sambapos._read_whole(place, t);
    EXECUTE format('INSERT INTO pg_temp.sambapos__source_id SELECT DISTINCT %L::name, id FROM pg_temp.%I',
                   t.table_name, sambapos._stage_name(t.table_name));
    UPDATE pg_temp.sambapos__probe AS p SET listed = true WHERE p.table_name = t.table_name;
  ELSE
    IF mode = 'tracked' THEN
      PERFORM sambapos._tracking_name_roots(place, t);
    ELSE
      PERFORM sambapos._stage_read(place, t, sambapos._root_condition(place, t), NULL,
                              sambapos._root_low_id(place, t), sambapos._root_since(run_id, place, t));
    END IF;
    PERFORM sambapos._changed_note(place, t, mode);
    PERFORM sambapos._compare_hand_over(run_id, place, t);
    PERFORM sambapos._stage_done(t);
    PERFORM sambapos._stage_analyze('sambapos__changed');
    PERFORM sambapos._stage_read_by(place, t, 'id', sambapos._changed_not_staged(t));
    PERFORM sambapos._compare_learn(run_id, place, t);
    PERFORM sambapos._tracking_forget_strangers(place, t) WHERE mode = 'tracked';
    PERFORM sambapos._read_neighbours(place, t);
    PERFORM sambapos._root_list_if_different(place, t);
  END IF;
  PERFORM sambapos._stage_done(t);
END;
$$;
COMMENT ON FUNCTION sambapos._read_root(bigint, sambapos._place, sambapos._table, text) IS
  'Stages a root''s changed rows, or those of a chunk, or all of them';

-- F: a child with a new id means that its root changed, whatever the root's stamps say. An order's
-- own stamp does not follow all changes, but where it moved something did.
CREATE FUNCTION sambapos._changed_collect(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  since timestamp := (SELECT least(r.since, sambapos._table_last_clock(r.run_id, t)
                                            - greatest(place.overlap, place.lateness))
                      FROM sambapos.run AS r WHERE r.run_id = _changed_collect.run_id);
  stamps text := (SELECT string_agg(format(' OR %I >= $2', c), '')
                  FROM unnest(sambapos._table_has(place, t, '{last_update_date_time,last_update_date}')) AS c);
BEGIN
  EXECUTE format('INSERT INTO pg_temp.sambapos__changed SELECT DISTINCT %L::name, %I::bigint FROM %I.%I
                   WHERE (id > $1%s) AND %2$I IS NOT NULL ON CONFLICT DO NOTHING',
                 t.parent, t.parent_key, sambapos._live_schema(place.name), t.table_name, coalesce(stamps, ''))
    USING sambapos._root_low_id(place, t), since;
END;
$$;
COMMENT ON FUNCTION sambapos._changed_collect(bigint, sambapos._place, sambapos._table) IS
  'Notes the roots of a child table''s new rows as changed';

-- Where the root is not part of a child's key the row can leave its root and live on, without one or
-- with another. Known rows of changed roots that were not delivered, and rows without a root, are
-- asked for by their own id.
CREATE FUNCTION sambapos._child_moved_ids(place sambapos._place, t sambapos._table) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  ids bigint[];
BEGIN
  EXECUTE format(
    'SELECT array_agg(DISTINCT r.id) FROM sambapos_replica.%1$I AS r
      WHERE r.site_id = $1 AND r.row_state = ''live''
        AND (r.%2$I IS NULL OR r.%2$I IN (SELECT c.id FROM pg_temp.sambapos__changed AS c WHERE c.table_name = %3$L))
        AND NOT EXISTS (SELECT FROM pg_temp.%4$I AS s WHERE s.id = r.id)',
    t.table_name, t.parent_key, t.parent, sambapos._stage_name(t.table_name)) INTO ids USING place.site_id;
  RETURN ids;
END;
$$;
COMMENT ON FUNCTION sambapos._child_moved_ids(sambapos._place, sambapos._table) IS
  'Known children that may have left their roots';

-- Where a child's row has gone to another root, that one is staged before the row is read.
CREATE FUNCTION sambapos._read_moved(place sambapos._place, t sambapos._table, root sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  moved bigint[];
  roots bigint[];
BEGIN
  FOR moved IN SELECT * FROM sambapos._stage_chunks(sambapos._child_moved_ids(place, t)) LOOP
    EXECUTE format('SELECT array_agg(DISTINCT l.%1$I) FROM %2$I.%3$I AS l WHERE l.id = ANY ($1) AND NOT EXISTS (
                      SELECT FROM pg_temp.%4$I AS s WHERE s.id = l.%1$I)',
                   t.parent_key, sambapos._live_schema(place.name), t.table_name, sambapos._stage_name(t.parent))
      INTO roots USING moved;
    PERFORM sambapos._stage_read_by(place, root, 'id', array_remove(roots, NULL));
    PERFORM sambapos._stage_read_by(place, t, 'id', moved);
  END LOOP;
  PERFORM sambapos._stage_read(place, t, format('WHERE %I IS NULL AND id > $2', t.parent_key), NULL,
                               sambapos._root_low_id(place, t));
END;
$$;
COMMENT ON FUNCTION sambapos._read_moved(sambapos._place, sambapos._table, sambapos._table) IS
  'Stages the rows that may have left their roots, with the roots they have now, and new ones without a root';

-- Where the root is part of a child's key a row that goes to another root is one row here and another there. So both
-- roots are read: the one that it was known under, and the one that it is under now, if a row of a root that was read
-- is not delivered. Of epochs those of the roots that were read count, and the present one.
CREATE FUNCTION sambapos._child_roots_beside(place sambapos._place, t sambapos._table, root sambapos._table,
                                             read bigint[]) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stage name := sambapos._stage_name(t.table_name);
  gone bigint[];
  part bigint[];
  now_under bigint[];
  beside bigint[];
BEGIN
  EXECUTE format(
    'SELECT array_agg(DISTINCT r.%2$I) FROM pg_temp.%3$I AS s CROSS JOIN LATERAL (
       SELECT k.%2$I FROM sambapos_replica.%1$I AS k
       WHERE k.site_id = $1 AND k.id = s.id AND k.row_state = ''live'' AND k.%2$I <> s.%2$I AND k.epoch = ANY (ARRAY(
         SELECT $3 UNION SELECT r.epoch FROM %4$s)) OFFSET 0) AS r
     WHERE r.%2$I <> ALL ($2)', t.table_name, t.parent_key, stage, sambapos._stage_live_namesakes_sql(root))
    INTO beside USING place.site_id, read, place.epoch;
  EXECUTE format(
    'SELECT array_agg(DISTINCT r.id) FROM sambapos_replica.%1$I AS r
      WHERE r.site_id = $1 AND r.row_state = ''live'' AND r.%2$I = ANY ($2)
        AND NOT EXISTS (SELECT FROM pg_temp.%3$I AS s WHERE s.id = r.id)', t.table_name, t.parent_key, stage)
    INTO gone USING place.site_id, read;
  FOR part IN SELECT * FROM sambapos._stage_chunks(gone) LOOP
    EXECUTE format('SELECT array_agg(DISTINCT l.%1$I) FROM %2$I.%3$I AS l WHERE l.id = ANY ($1)',
                   t.parent_key, sambapos._live_schema(place.name), t.table_name) INTO now_under USING part;
    beside := beside || now_under;
  END LOOP;
  RETURN ARRAY(SELECT DISTINCT b FROM unnest(beside) AS b WHERE b <> ALL (read) ORDER BY b);
END;
$$;
COMMENT ON FUNCTION sambapos._child_roots_beside(sambapos._place, sambapos._table, sambapos._table, bigint[]) IS
  'Roots that were not read and that a child of those that were read (read) has come from, or gone to';

-- As if they had changed. Of the tables that were read before this one their children are added; what was read whole
-- has them.
CREATE FUNCTION sambapos._read_roots_too(run_id bigint, place sambapos._place, t sambapos._table, root sambapos._table,
                                         ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c sambapos._table;
BEGIN
  INSERT INTO pg_temp.sambapos__changed SELECT root.table_name, i FROM unnest(ids) AS i ON CONFLICT DO NOTHING;
  PERFORM sambapos._stage_read_by(place, root, 'id', sambapos._changed_not_staged(root));
  PERFORM sambapos._dead_letters_file(run_id, place, root);
  FOR c IN SELECT k.* FROM sambapos._table AS k JOIN sambapos.run_table AS x USING (table_name)
            WHERE k.site_id = place.site_id AND k.parent = root.table_name AND x.run_id = _read_roots_too.run_id
              AND (x.status = 'read' AND x.mode <> 'full' OR k.table_name = t.table_name) ORDER BY k.table_name
  LOOP
    PERFORM sambapos._stage_read_by(place, c, c.parent_key, ids);
    PERFORM sambapos._dead_letters_file(run_id, place, c) WHERE c.table_name <> t.table_name;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._read_roots_too(bigint, sambapos._place, sambapos._table, sambapos._table, bigint[]) IS
  'Stages more roots of a child table that is being read, with all their children that have been read';

-- From one root to the next, as far as it goes; a chain of moves is short.
CREATE FUNCTION sambapos._read_beside(run_id bigint, place sambapos._place, t sambapos._table, root sambapos._table)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  read bigint[] := ARRAY(SELECT c.id FROM pg_temp.sambapos__changed AS c WHERE c.table_name = root.table_name);
  beside bigint[];
BEGIN
  WHILE cardinality(read) > 0 LOOP
    beside := sambapos._child_roots_beside(place, t, root, read);
    EXIT WHEN cardinality(beside) = 0;
    PERFORM sambapos._read_roots_too(run_id, place, t, root, beside);
    read := read || beside;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._read_beside(bigint, sambapos._place, sambapos._table, sambapos._table) IS
  'Has the roots read that children of changed roots have come from, or gone to';

-- A child that is read whole has its roots with it: where they are read by what changed, the others are added, once
-- for all children. What the source has got since the first of them is new to the next run.
CREATE FUNCTION sambapos._read_other_roots(place sambapos._place, root sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE pg_temp.sambapos__probe AS p SET staged_whole = true
   WHERE p.table_name = root.table_name AND NOT p.staged_whole;
  IF FOUND THEN
    PERFORM sambapos._stage_read(place, root, format(
      'AS l WHERE NOT EXISTS (SELECT FROM pg_temp.%I AS s WHERE s.id = l.id)', sambapos._stage_name(root.table_name)));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._read_other_roots(sambapos._place, sambapos._table) IS
  'Stages the rows of a root that did not change';

CREATE FUNCTION sambapos._read_child(run_id bigint, place sambapos._place, t sambapos._table, mode text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  root sambapos._table;
  root_mode text;
BEGIN
  SELECT r.* INTO root FROM sambapos._table AS r
   WHERE r.site_id = place.site_id AND r.table_name = t.parent AND r.enabled;
  SELECT x.mode INTO root_mode FROM sambapos.run_table AS x
   WHERE (x.run_id, x.table_name) = (_read_child.run_id, t.parent);
  PERFORM sambapos._stage_make(place, t);
  IF mode = 'full' THEN
    IF root_mode IN ('incremental', 'tracked') THEN
      PERFORM sambapos._read_other_roots(place, root);
    END IF;
    PERFORM sambapos._read_whole(place, t);
  ELSIF mode = 'range' THEN
    PERFORM sambapos._read_range(place, t, t.parent, t.parent_key);
  ELSE
    PERFORM sambapos._stage_read_by(place, t, t.parent_key,
      (SELECT array_agg(c.id ORDER BY c.id) FROM pg_temp.sambapos__changed AS c WHERE c.table_name = t.parent));
    IF sambapos._replica_has_root_id(t) THEN
      PERFORM sambapos._read_moved(place, t, root);
      PERFORM sambapos._tracking_read_rootless(place, t) WHERE mode = 'tracked';
    ELSE
      PERFORM sambapos._read_beside(run_id, place, t, root);
    END IF;
  END IF;
  PERFORM sambapos._stage_done(t);
END;
$$;
COMMENT ON FUNCTION sambapos._read_child(bigint, sambapos._place, sambapos._table, text) IS
  'Stages the complete child sets of the changed roots, or of a chunk''s, or the whole table';

CREATE FUNCTION sambapos._read_has_snapshot(place sambapos._place) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce((sambapos._pace_run(place)).isolation = 'snapshot', false);
$$;
COMMENT ON FUNCTION sambapos._read_has_snapshot(sambapos._place) IS 'True if all that a run reads is of one moment';

-- Few ids are asked for one by one, a thousand at a time; of many their ranges are read.
CREATE FUNCTION sambapos._again_parts(place sambapos._place, t sambapos._table)
RETURNS TABLE (ids bigint[], lowest bigint, highest bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  few CONSTANT integer := 5000;
  stage name := sambapos._stage_name(t.table_name);
  staged bigint[];
BEGIN
  EXECUTE format('SELECT array_agg(s.id ORDER BY s.id) FROM (SELECT s.id FROM pg_temp.%I AS s LIMIT $1) AS s', stage)
    INTO staged USING few;
  IF cardinality(staged) < few THEN
    RETURN QUERY SELECT c, c[1], c[cardinality(c)] FROM sambapos._stage_chunks(staged) AS c;
  ELSIF staged IS NOT NULL THEN
    RETURN QUERY EXECUTE format(
      'SELECT NULL::bigint[], min(p.id)::bigint, max(p.id)::bigint
       FROM (SELECT s.id, (row_number() OVER (ORDER BY s.id) - 1) / $1 AS part FROM pg_temp.%I AS s) AS p
       GROUP BY p.part ORDER BY p.part', stage) USING coalesce(sambapos._pace_part_rows(place), 9223372036854775807);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._again_parts(sambapos._place, sambapos._table) IS
  'In which parts the staged rows of a root are read once more: ids, or NULL and a range of them';

-- What cannot change about the staged roots, read once more. One that is another row now, or none, waits: its children
-- may be those of either. It says nothing about rows that are missing under it.
CREATE FUNCTION sambapos._read_root_again(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  part record;
  columns text := (SELECT string_agg(quote_ident(c), ', ') FROM unnest(sambapos._root_fingerprint(place, t)) AS c);
  others bigint[];
  waiting bigint[];
BEGIN
  IF sambapos._read_has_snapshot(place) THEN
    RETURN;
  END IF;
  FOR part IN SELECT * FROM sambapos._again_parts(place, t) LOOP
    EXECUTE format('WITH r AS MATERIALIZED (SELECT %s FROM %I.%I WHERE %s),
                      others AS (DELETE FROM pg_temp.%I AS s WHERE s.id BETWEEN $2 AND $3
                                    AND NOT EXISTS (SELECT FROM r WHERE r.id = s.id AND %s) RETURNING s.id)
                    SELECT array_agg(DISTINCT id) FROM others', columns, sambapos._live_schema(place.name),
                      t.table_name,
                   CASE WHEN part.ids IS NULL THEN 'id >= $2 AND id <= $3' ELSE 'id = ANY ($1)' END,
                   sambapos._stage_name(t.table_name), sambapos._root_same_sql(place, t))
      INTO others USING part.ids, part.lowest, part.highest;
    waiting := waiting || others;
    PERFORM sambapos._pace(place, t.table_name);
  END LOOP;
  IF waiting IS NOT NULL THEN
    DELETE FROM pg_temp.sambapos__changed AS c WHERE c.table_name = t.table_name AND c.id = ANY (waiting);
    PERFORM sambapos._root_waits(run_id, t, waiting);
    PERFORM sambapos._log_message(run_id, t.table_name, format(
      '%s rows were others after their children were read: they wait for the next run', cardinality(waiting)));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._read_root_again(bigint, sambapos._place, sambapos._table) IS
  'Without a snapshot: leaves out the staged roots that are no longer the same';

CREATE FUNCTION sambapos._read_master(place sambapos._place, t sambapos._table, mode text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._stage_make(place, t);
  IF mode = 'tracked' THEN
    PERFORM sambapos._tracking_read_master(place, t);
  ELSE
    PERFORM sambapos._read_whole(place, t);
  END IF;
  PERFORM sambapos._stage_done(t);
END;
$$;
COMMENT ON FUNCTION sambapos._read_master(sambapos._place, sambapos._table, text) IS
  'Stages a whole table, or what has changed of it';

CREATE FUNCTION sambapos._read_step(run_id bigint, place sambapos._place, t sambapos._table, mode text, step text)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  began timestamptz := clock_timestamp();
BEGIN
  PERFORM sambapos._log_progress(place, 'reading', t.table_name);
  CASE step
    WHEN 'collect' THEN PERFORM sambapos._changed_collect(run_id, place, t);
    WHEN 'root' THEN PERFORM sambapos._read_root(run_id, place, t, mode);
    WHEN 'child' THEN PERFORM sambapos._read_child(run_id, place, t, mode);
    WHEN 'again' THEN PERFORM sambapos._read_root_again(run_id, place, t);
    WHEN 'master' THEN PERFORM sambapos._read_master(place, t, mode);
  END CASE;
  IF step NOT IN ('collect', 'again') THEN
    PERFORM sambapos._dead_letters_file(run_id, place, t);
  END IF;
  PERFORM sambapos._pace(place, t.table_name);
  UPDATE sambapos.run_table AS x
     SET duration = x.duration + (clock_timestamp() - began),
         status = CASE step WHEN 'collect' THEN x.status ELSE 'read' END
   WHERE (x.run_id, x.table_name) = (_read_step.run_id, t.table_name);
END;
$$;
COMMENT ON FUNCTION sambapos._read_step(bigint, sambapos._place, sambapos._table, text, text) IS
  'One step of reading one table';

-- Tickets before account documents, since a document is read when its ticket changed; parents before
-- children, so that without a snapshot a child set is never older than its root. A family of a higher priority is read
-- before all of that.
CREATE FUNCTION sambapos._read_steps(run_id bigint, place sambapos._place)
RETURNS TABLE (t sambapos._table, mode text, step text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT r, x.mode, s.step
    FROM sambapos.run_table AS x
    JOIN sambapos._table AS r ON r.site_id = place.site_id AND r.table_name = x.table_name
    CROSS JOIN LATERAL (
      SELECT 1, 'collect' WHERE r.kind = 'child' AND x.mode = 'incremental'
      UNION ALL SELECT CASE r.kind WHEN 'ticket' THEN 2 ELSE 3 END, 'root'
                WHERE r.kind IN ('ticket', 'document', 'period')
      UNION ALL SELECT 4, 'child' WHERE r.kind = 'child'
      UNION ALL SELECT 5, 'again' WHERE EXISTS (SELECT FROM sambapos._table AS c WHERE c.site_id = place.site_id
                                                   AND c.parent = r.table_name AND c.enabled)
      UNION ALL SELECT 6, 'master' WHERE r.kind = 'master') AS s (rank, step)
    WHERE x.run_id = _read_steps.run_id AND x.mode <> 'none'
    ORDER BY r.priority DESC, s.rank, r.table_name;
END;
$$;
COMMENT ON FUNCTION sambapos._read_steps(bigint, sambapos._place) IS 'What a run reads, in order';

-- A child is not read any more once its root has failed.
CREATE FUNCTION sambapos._read_may_go_on(run_id bigint, t sambapos._table) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF EXISTS (SELECT FROM sambapos.run_table AS x WHERE x.run_id = _read_may_go_on.run_id
                AND x.table_name = t.parent AND x.status IN ('failed', 'skipped')) THEN
    UPDATE sambapos.run_table AS x SET status = 'skipped', message = format('its root %s was not read', t.parent)
     WHERE (x.run_id, x.table_name) = (_read_may_go_on.run_id, t.table_name) AND x.status = 'running';
  END IF;
  RETURN EXISTS (SELECT FROM sambapos.run_table AS x
                 WHERE (x.run_id, x.table_name) = (_read_may_go_on.run_id, t.table_name)
                   AND x.status IN ('running', 'read'));
END;
$$;
COMMENT ON FUNCTION sambapos._read_may_go_on(bigint, sambapos._table) IS
  'True while neither a table nor its root has failed';

CREATE FUNCTION sambapos._read_tables(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  s record;
  state text;
  error_message text;
  error_detail text;
BEGIN
  FOR s IN SELECT * FROM sambapos._read_steps(run_id, place) LOOP
    CONTINUE WHEN NOT sambapos._read_may_go_on(run_id, s.t);
    BEGIN
      PERFORM sambapos._read_step(run_id, place, s.t, s.mode, s.step);
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, error_message = MESSAGE_TEXT,
        error_detail = PG_EXCEPTION_DETAIL;
      PERFORM sambapos._log_failure(run_id, (s.t).table_name, state, error_message, error_detail);
      EXIT WHEN sambapos._log_is_fatal(state);
    END;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._read_tables(bigint, sambapos._place) IS
  'Reads all tables of a run into their stages; one that fails is marked and left';

-- Columns that have changed are followed first, without a remote transaction; and whoever has to wait for a lock here
-- asks the source again afterwards.
CREATE FUNCTION sambapos._read_source_facts(run_id bigint, place sambapos._place) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  clock record;
BEGIN
  PERFORM sambapos._end_remote_transaction(place.server);
  PERFORM sambapos._tracking_ask(run_id, place);
  PERFORM sambapos._question_ask(run_id, place, NULL);
  SELECT * INTO clock FROM sambapos._pace_clock(place);
  UPDATE sambapos.run AS r
     SET source_now = clock.local_now, source_utc = clock.utc_now, phase = 'reading', answer_ms = clock.answer_ms,
         usual_answer_ms = sambapos._pace_usual_answer(place),
         isolation = (SELECT c.isolation FROM sambapos._connections() AS c
                      WHERE c.server_name = place.server AND c.isolation IS NOT NULL LIMIT 1),
         since = sambapos._source_since(place, clock.local_now, clock.utc_now)
   WHERE r.run_id = _read_source_facts.run_id;
  -- half a character must not stop a site
  PERFORM set_config('sambapos.replace_invalid_text', clock.gives_utf16::text, true);
  IF NOT sambapos._database_recognise(run_id, place, clock.identity) THEN
    RETURN true; -- no table is left to be read
  END IF;
  IF EXISTS (SELECT FROM sambapos._drift_due(run_id, place))
     OR NOT sambapos._question_knows_columns(run_id, place) AND sambapos._drift_look(run_id, place) THEN
    UPDATE sambapos.source_question AS q SET asked_by = NULL WHERE q.site_id = place.site_id; -- of other columns
    PERFORM sambapos._end_remote_transaction(place.server);
    RETURN false;
  ELSIF NOT sambapos._run_lock_tables(run_id, place, 0) THEN
    PERFORM sambapos._end_remote_transaction(place.server);
    PERFORM sambapos._run_lock_tables(run_id, place, 20);
    RETURN sambapos._read_source_facts(run_id, place);
  END IF;
  PERFORM sambapos._tracking_spare(run_id, place);
  PERFORM sambapos._probe_source(run_id, place);
  PERFORM sambapos._range_advise(run_id, place);
  PERFORM sambapos._run_choose_modes(run_id, place);
  PERFORM sambapos._tracking_choose(run_id, place);
  PERFORM sambapos._question_spare_masters(run_id, place);
  PERFORM sambapos._changed_note_missing(place) FROM sambapos.run AS r
   WHERE r.run_id = _read_source_facts.run_id AND r.mode <> 'backfill';
  RETURN true;
END;
$$;
COMMENT ON FUNCTION sambapos._read_source_facts(bigint, sambapos._place) IS
  'Reads the source''s clock, columns, counts and id ranges; false: columns have changed and are to be followed first';

-- The whole reading half. Nothing raises but a cancel: failures are in the log. What follows: nothing (NULL), since
-- nothing is new; follow, since columns have changed at the source, and then all of this once more; merge.
CREATE FUNCTION sambapos._read_all(run_id bigint, place sambapos._place) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  is_read boolean := true;
  state text;
  error_message text;
  error_detail text;
BEGIN
  BEGIN
    IF sambapos._idle_try(run_id, place) THEN
      RETURN NULL;
    END IF;
  EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, error_message = MESSAGE_TEXT, error_detail = PG_EXCEPTION_DETAIL;
    PERFORM sambapos._log_failure_of_all(run_id, state, error_message, error_detail);
  END;
  PERFORM sambapos._workbench_open();
  BEGIN
    PERFORM sambapos._site_check_server(place);
    PERFORM sambapos._run_refuse_tables(run_id, place);
    PERFORM sambapos._log_progress(place, 'connecting to', place.server);
    IF NOT sambapos._run_is_lost(run_id) THEN
      PERFORM sambapos._compare(run_id, place);
    END IF;
    is_read := sambapos._run_is_lost(run_id) OR sambapos._read_source_facts(run_id, place);
    IF is_read THEN
      PERFORM sambapos._read_tables(run_id, place);
    END IF;
    IF EXISTS (SELECT FROM sambapos.run_table AS x WHERE x.run_id = _read_all.run_id AND x.status = 'read') THEN
      PERFORM sambapos._probe_ask(run_id, place);
    END IF;
  EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, error_message = MESSAGE_TEXT, error_detail = PG_EXCEPTION_DETAIL;
    PERFORM sambapos._log_failure_of_all(run_id, state, error_message, error_detail);
  END;
  PERFORM set_config('sambapos.replace_invalid_text', 'off', true);
  -- whatever became of it: nothing that is done from here on keeps the source waiting
  PERFORM sambapos._end_remote_transaction(place.server) WHERE sambapos._server_exists(place.server);
  PERFORM sambapos._pace_note(run_id, place);
  RETURN CASE WHEN is_read THEN 'merge' ELSE 'follow' END;
END;
$$;
COMMENT ON FUNCTION sambapos._read_all(bigint, sambapos._place) IS
  'The reading half of a run: everything is staged, or in the log why not; returns the step that follows';
