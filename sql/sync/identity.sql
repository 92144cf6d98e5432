-- identity.sql: whose row is this? The epoch, and with it the identity, of each staged row.
--
-- Rules:
-- * An id that names another row than before gets another epoch; the old row stays as it was.
-- * A root is its replica row if the fingerprint says so (fingerprint.sql). Where only the date is another one, all
--   evidence is asked: the ticket's uid, its children, the rows next to it, other times. What stays balanced is kept
--   apart as another row, and said so; it is never written over.
-- * A child is its root's: it gets the epoch of the root that was staged with it, or waits for the next run. A row that
--   says it has no root is one of the present epoch, and no older row's continuation.
-- * Where no root can tell (masters, rows without a root), a row that is not live goes on only with the values it had,
--   unless its earlier versions are kept beside it, or its key is no number: a name that comes again names the same.

-- All roots and their children are read once more by the next run: ids may have been used again that
-- this run had no reason to look at, or whose tables it did not have.
CREATE FUNCTION sambapos._epoch_begin(run_id bigint, place sambapos._place, t sambapos._table, reused jsonb)
    RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  fresh integer;
BEGIN
  UPDATE sambapos.site_state AS s SET epoch = s.epoch + 1 WHERE s.site_id = place.site_id RETURNING s.epoch INTO fresh;
  UPDATE sambapos.epoch AS e SET ended_at = now() WHERE e.site_id = place.site_id AND e.ended_at IS NULL;
  INSERT INTO sambapos.epoch (site_id, epoch, reason)
  VALUES (place.site_id, fresh, format('%s ids of %s used again', jsonb_array_length(reused), t.table_name));
  PERFORM sambapos._log_event(run_id, place, t.table_name, 'reseed', jsonb_array_length(reused),
                              jsonb_build_object('ids', jsonb_path_query_array(reused, '$[0 to 49]'), 'epoch', fresh));
  UPDATE sambapos.table_state AS x SET full_due = true FROM sambapos.replicated_table AS r
   WHERE (r.site_id, r.table_name) = (x.site_id, x.table_name) AND r.site_id = place.site_id AND r.kind <> 'master';
  PERFORM sambapos._workbench_read_again(run_id, r.table_name, 'ids have been used again: an epoch has begun')
  FROM sambapos._table AS r WHERE r.site_id = place.site_id AND r.kind <> 'master';
  RETURN fresh;
END;
$$;
COMMENT ON FUNCTION sambapos._epoch_begin(bigint, sambapos._place, sambapos._table, jsonb) IS
  'Begins a site''s next epoch because ids have been used again';

-- Other times of a ticket that an edit of its date leaves alone. NULL: it has none.
CREATE FUNCTION sambapos._root_times_agree_sql(place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(string_agg(format('r.%I IS NOT DISTINCT FROM s.%1$I', c.column_name), ' OR '), 'NULL::boolean')
  FROM sambapos._table_columns(place, t) AS c
  WHERE t.kind = 'ticket' AND c.column_name IN ('last_order_date', 'last_payment_date');
$$;
COMMENT ON FUNCTION sambapos._root_times_agree_sql(sambapos._place, sambapos._table) IS
  'SQL that is true if replica row r and staged row s have one of their later times in common';

-- Staged roots that are not what their live namesake was. Its neighbours by id are staged too, if they are still there:
-- those that are still themselves say that ids have not been used again in numbers.
CREATE FUNCTION sambapos._suspect_find(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format(
    'INSERT INTO pg_temp.sambapos__suspect (table_name, id, epoch, uid_differs, names_differ, made_before, times_agree)
     SELECT DISTINCT ON (s.id) %L::name, s.id, r.epoch, coalesce(%s, false), NOT %s, coalesce(s.%I < $2, false), %s
     FROM %s WHERE s.epoch IS NULL ORDER BY s.id, r.epoch DESC',
    t.table_name, sambapos._root_uid_sql(place, t, '<>'), sambapos._root_names_agree_sql(place, t), t.date_column,
    sambapos._root_times_agree_sql(place, t), sambapos._stage_live_namesakes_sql(t))
    USING place.site_id, (SELECT r.since FROM sambapos.run AS r WHERE r.run_id = _suspect_find.run_id);
  PERFORM sambapos._stage_analyze('sambapos__suspect');
  EXECUTE format(
    'UPDATE pg_temp.sambapos__suspect AS x SET below_stays = m.below_stays, above_stays = m.above_stays
       FROM (SELECT x.id, CASE WHEN b.id IS NOT NULL THEN sb.id IS NOT NULL END AS below_stays,
                    CASE WHEN a.id IS NOT NULL THEN sa.id IS NOT NULL END AS above_stays
             FROM pg_temp.sambapos__suspect AS x
             LEFT JOIN LATERAL (
               SELECT r.id, r.epoch FROM sambapos_replica.%1$I AS r
               WHERE r.site_id = $1 AND r.row_state = ''live'' AND r.id < x.id ORDER BY r.id DESC LIMIT 1) AS b ON true
             LEFT JOIN LATERAL (
               SELECT r.id, r.epoch FROM sambapos_replica.%1$I AS r
               WHERE r.site_id = $1 AND r.row_state = ''live'' AND r.id > x.id ORDER BY r.id LIMIT 1) AS a ON true
             LEFT JOIN pg_temp.%2$I AS sb ON (sb.id, sb.epoch) = (b.id, b.epoch)
             LEFT JOIN pg_temp.%2$I AS sa ON (sa.id, sa.epoch) = (a.id, a.epoch)
             WHERE x.table_name = %1$L) AS m
      WHERE x.table_name = %1$L AND x.id = m.id', t.table_name, sambapos._stage_name(t.table_name)) USING place.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._suspect_find(bigint, sambapos._place, sambapos._table) IS
  'Notes the staged roots whose id may have been used again, and what their own columns and their neighbours say';

-- Children are born once: an edit of a ticket's date leaves their uids and times alone, even where it gives them
-- new ids. A time of day of midnight is a date, not a birth.
CREATE FUNCTION sambapos._suspect_ask_children(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c record;
BEGIN
  FOR c IN
    SELECT k.table_name, k.parent_key, b.column_name,
           CASE WHEN b.column_name = 'order_uid' THEN 'k.%1$I <> '''''
                ELSE 'k.%1$I <> date_trunc(''day'', k.%1$I)' END AS is_birth
    FROM sambapos._root_tables(place, t.table_name) AS k CROSS JOIN LATERAL sambapos._table_columns(place, k) AS b
    WHERE t.kind = 'ticket' AND NOT b.is_hidden
      AND b.column_name IN ('order_uid', 'created_date_time', 'date') AND sambapos._stage_is_filled(k.table_name)
  LOOP
    EXECUTE format(
      'UPDATE pg_temp.sambapos__suspect AS x
          SET children_agree = coalesce(x.children_agree, false) OR m.common
         FROM (SELECT b.id, bool_or(b.staged AND b.known) AS common
               FROM (SELECT k.id, k.birth, bool_or(k.staged) AS staged, bool_or(NOT k.staged) AS known
                     FROM (SELECT x.id, k.%1$I AS birth, true AS staged
                           FROM pg_temp.%2$I AS k
                           JOIN pg_temp.sambapos__suspect AS x ON x.table_name = $2 AND x.id = k.%3$I WHERE %5$s
                           UNION ALL
                           SELECT x.id, k.%1$I, false
                           FROM sambapos_replica.%4$I AS k
                           JOIN pg_temp.sambapos__suspect AS x ON x.table_name = $2
                             AND (x.epoch, x.id) = (k.epoch, k.%3$I)
                           WHERE k.site_id = $1 AND k.row_state = ''live'' AND %5$s) AS k
                     GROUP BY k.id, k.birth) AS b
               GROUP BY b.id HAVING bool_or(b.staged) AND bool_or(b.known)) AS m
        WHERE x.table_name = $2 AND x.id = m.id',
      c.column_name, sambapos._stage_name(c.table_name), c.parent_key, c.table_name, format(c.is_birth, c.column_name))
      USING place.site_id, t.table_name;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._suspect_ask_children(sambapos._place, sambapos._table) IS
  'Notes of suspects whether children of before and of now have a uid or a time of birth in common';

-- What decides, in this order: uid; children; neighbours. Between neighbours that stayed, while nothing else happened,
-- an edit is alone; next to one that is gone or another, ids are used again in numbers. The highest id has nobody
-- above it: there other times decide, or that it was made before the last run.
CREATE FUNCTION sambapos._suspect_judge(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  calm boolean := EXISTS (SELECT FROM pg_temp.sambapos__probe AS p WHERE p.table_name = t.table_name
                             AND p.rows >= p.live_before AND p.highest >= coalesce(t.source_max_id, 0))
              AND NOT EXISTS (SELECT FROM pg_temp.sambapos__suspect AS x WHERE x.table_name = t.table_name
                                 AND (x.uid_differs OR NOT x.children_agree));
BEGIN
  UPDATE pg_temp.sambapos__suspect AS x SET verdict = CASE
    WHEN x.uid_differs THEN 'another'
    WHEN x.children_agree THEN 'same'
    WHEN NOT x.children_agree THEN 'another'
    WHEN x.names_differ THEN 'undecided'
    WHEN NOT x.below_stays OR NOT x.above_stays THEN 'another'
    WHEN NOT calm THEN 'undecided'
    WHEN x.above_stays OR x.times_agree THEN 'same'
    WHEN x.below_stays AND x.made_before AND x.times_agree IS NULL THEN 'same'
    ELSE 'undecided' END
   WHERE x.table_name = t.table_name;
END;
$$;
COMMENT ON FUNCTION sambapos._suspect_judge(sambapos._place, sambapos._table) IS
  'Decides of each suspect: same, another, or undecided';

-- What cannot be decided is kept apart like another row, and shown.
CREATE FUNCTION sambapos._suspect_show(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  undecided bigint[];
  evidence jsonb;
BEGIN
  SELECT array_agg(x.id ORDER BY x.id), jsonb_agg(to_jsonb(x) - '{table_name,verdict}'::text[] ORDER BY x.id)
    INTO undecided, evidence
  FROM (SELECT * FROM pg_temp.sambapos__suspect AS x
        WHERE x.table_name = t.table_name AND x.verdict = 'undecided') AS x;
  IF undecided IS NOT NULL THEN
    PERFORM sambapos._log_message(run_id, t.table_name, format(
      'edits, or other rows under used-again ids, kept apart until somebody looks: id %s%s',
      array_to_string(undecided[1:50], ', '), ' and ' || nullif(cardinality(undecided) - 50, 0) || ' more'));
    PERFORM sambapos._log_event(run_id, place, t.table_name, 'reseed', cardinality(undecided),
                                jsonb_build_object('undecided', evidence));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._suspect_show(bigint, sambapos._place, sambapos._table) IS
  'Enters in the log and the source events which roots could not be decided';

-- A root's table that was dropped, or taken out and added again, knows none of its rows; its children do.
CREATE FUNCTION sambapos._epoch_ask_children(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c sambapos._table;
BEGIN
  FOR c IN SELECT k.* FROM sambapos._table AS k
            WHERE k.site_id = place.site_id AND k.parent = t.table_name
              AND sambapos._replica_table(k.table_name) IS NOT NULL ORDER BY k.table_name
  LOOP
    EXECUTE format('UPDATE pg_temp.%I AS s SET epoch = m.epoch FROM (
                      SELECT k.%I AS id, max(k.epoch) AS epoch
                      FROM sambapos_replica.%I AS k JOIN sambapos._epoch_present AS e USING (site_id, epoch)
                      WHERE k.site_id = $1 AND k.row_state = ''live'' GROUP BY 1) AS m
                     WHERE s.epoch IS NULL AND m.id = s.id
                       AND NOT EXISTS (SELECT FROM sambapos_replica.%I AS r JOIN sambapos._epoch_present AS e
                                         ON (e.site_id, e.epoch) = (r.site_id, r.epoch)
                                       WHERE r.site_id = $1 AND r.id = s.id)',
                   sambapos._stage_name(t.table_name), c.parent_key, c.table_name, t.table_name) USING place.site_id;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._epoch_ask_children(sambapos._place, sambapos._table) IS
  'Gives staged roots whose id is not known the epoch of their live children';

CREATE FUNCTION sambapos._child_has_birth(place sambapos._place, c sambapos._table) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (SELECT FROM sambapos._table_columns(place, c) AS b
                 WHERE NOT b.is_hidden AND b.column_name IN ('order_uid', 'created_date_time', 'date'));
$$;
COMMENT ON FUNCTION sambapos._child_has_birth(sambapos._place, sambapos._table) IS
  'True if the rows of a child table have a uid, or the time at which they were made';

-- A restored till gives out ids again that its backup lacked, to lines of the tickets that it has. A child that is not
-- live here and comes with another birth is another row. Where children have none: one that comes without a value that
-- it had, and that is not with another root now, from where it would have moved back. If it is the same one after all
-- nothing counts twice: of a root that goes on in another epoch nothing counts where it was.
CREATE FUNCTION sambapos._child_is_another_sql(place sambapos._place, c sambapos._table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(
    string_agg(format(CASE b.column_name WHEN 'order_uid' THEN '(r.%1$I <> s.%1$I OR s.%1$I = '''')'
                                         ELSE 'r.%1$I <> s.%1$I' END, b.column_name), ' AND ')
      FILTER (WHERE b.column_name IN ('order_uid', 'created_date_time', 'date')),
    '(' || string_agg(format('r.%1$I IS NOT NULL AND r.%1$I IS DISTINCT FROM s.%1$I', b.column_name), ' OR ')
             FILTER (WHERE NOT b.is_key) || ')'
      || CASE WHEN sambapos._replica_has_root_id(c)
              THEN format(' AND NOT EXISTS (%s)', sambapos._replica_live_row_sql(c, 's.id')) ELSE '' END,
    'false')
  FROM sambapos._table_columns(place, c) AS b WHERE NOT b.is_hidden;
$$;
COMMENT ON FUNCTION sambapos._child_is_another_sql(sambapos._place, sambapos._table) IS
  'SQL that is true if replica row r, which is not live, and staged row s, of one root and key, are not one row';

-- Such a root goes on in an epoch of its own, so that nothing of what it had is written over.
CREATE FUNCTION sambapos._epoch_leave_replaced(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c sambapos._table;
BEGIN
  FOR c IN SELECT k.* FROM sambapos._root_tables(place, t.table_name) AS k WHERE sambapos._stage_is_filled(k.table_name)
  LOOP
    -- the replaced rows first, since there are few; each is looked up by its key, in the epoch of its root
    EXECUTE format('UPDATE pg_temp.%1$I AS p SET epoch = NULL
                     FROM (SELECT DISTINCT s.%4$I AS id
                           FROM pg_temp.%2$I AS s JOIN pg_temp.%1$I AS o ON o.id = s.%4$I
                           CROSS JOIN LATERAL (
                             SELECT k.* FROM sambapos_replica.%3$I AS k
                             WHERE k.site_id = $1 AND k.epoch = o.epoch AND k.%4$I = s.%4$I AND %5$s OFFSET 0) AS r
                           WHERE r.row_state <> ''live'' AND %6$s OFFSET 0) AS x
                     WHERE x.id = p.id',
                   sambapos._stage_name(t.table_name), sambapos._stage_name(c.table_name), c.table_name, c.parent_key,
                   (SELECT string_agg(format('k.%I = s.%1$I', k), ' AND ')
                    FROM unnest(sambapos._table_key(place, c)) AS k),
                   sambapos._child_is_another_sql(place, c)) USING place.site_id;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._epoch_leave_replaced(sambapos._place, sambapos._table) IS
  'Takes the epoch from staged roots that would write over another child of theirs';

-- The row with the same fingerprint is the row: the live one, or else the newest. An id whose rows are all others has
-- been used again and begins an epoch, which is returned.
CREATE FUNCTION sambapos._epoch_find_known(run_id bigint, place sambapos._place, t sambapos._table, epoch integer)
RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stage text := format('pg_temp.%I', sambapos._stage_name(t.table_name));
  reused jsonb;
BEGIN
  -- those that are live first, that is nearly all: only the others are looked for in the past
  EXECUTE format('UPDATE %s AS s SET epoch = m.epoch FROM (
                    SELECT DISTINCT ON (s.id) s.id, r.epoch FROM %s WHERE %s
                    ORDER BY s.id, r.epoch DESC) AS m WHERE m.id = s.id',
                 stage, sambapos._stage_live_namesakes_sql(t), sambapos._root_same_sql(place, t)) USING place.site_id;
  EXECUTE format('UPDATE %s AS s SET epoch = m.epoch FROM (
                    SELECT DISTINCT ON (s.id) s.id, r.epoch FROM %s WHERE %s
                    ORDER BY s.id, r.epoch DESC) AS m WHERE m.id = s.id',
                 stage, sambapos._stage_past_namesakes_sql(t, 's.epoch IS NULL'), sambapos._root_same_sql(place, t))
    USING place.site_id;
  PERFORM sambapos._suspect_find(run_id, place, t);
  IF EXISTS (SELECT FROM pg_temp.sambapos__suspect AS x WHERE x.table_name = t.table_name) THEN
    PERFORM sambapos._suspect_ask_children(place, t);
    PERFORM sambapos._suspect_judge(place, t);
    PERFORM sambapos._suspect_show(run_id, place, t);
    EXECUTE format('UPDATE %s AS s SET epoch = x.epoch FROM pg_temp.sambapos__suspect AS x
                     WHERE x.table_name = $1 AND x.id = s.id AND x.verdict = ''same''', stage) USING t.table_name;
  END IF;
  PERFORM sambapos._epoch_leave_replaced(place, t);
  EXECUTE format('SELECT jsonb_agg(DISTINCT s.id) FROM %s WHERE e.epoch >= $2',
                 sambapos._stage_namesakes_sql(t, '{id}', 's.epoch IS NULL')) INTO reused USING place.site_id, epoch;
  RETURN CASE WHEN reused IS NULL THEN epoch ELSE sambapos._epoch_begin(run_id, place, t, reused) END;
END;
$$;
COMMENT ON FUNCTION sambapos._epoch_find_known(bigint, sambapos._place, sambapos._table, integer) IS
  'Gives staged roots that are known their epoch; returns that of the others, which begins if ids have been used again';

-- Any other live row of a root's id, be it of an earlier life or (after a restore) of a later one, is superseded; one
-- with the same fingerprint is what has gone on elsewhere, and does not count beside it.
CREATE FUNCTION sambapos._epoch_leave_others(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format('INSERT INTO pg_temp.sambapos__gone
                  SELECT %L::name, r.epoch, r.id, CASE WHEN %s THEN ''removed'' ELSE ''superseded'' END FROM %s
                  WHERE r.epoch <> s.epoch', t.table_name, sambapos._root_same_sql(place, t),
                 sambapos._stage_live_namesakes_sql(t)) USING place.site_id;
  -- what a root that was live all the time went on beside was found when it began to
  EXECUTE format('INSERT INTO pg_temp.sambapos__gone
                  SELECT %1$L::name, r.epoch, r.id, ''removed'' FROM %3$s
                  WHERE r.epoch <> s.epoch AND r.row_state IN (''cleared'', ''superseded'') AND %2$s',
                 t.table_name, sambapos._root_same_sql(place, t), sambapos._stage_past_namesakes_sql(t, format(
                   'NOT EXISTS (%s AND l.epoch = s.epoch)', sambapos._replica_live_row_sql(t, 's.id'))))
    USING place.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._epoch_leave_others(sambapos._place, sambapos._table) IS
  'Notes as gone the rows that have the id of a staged root in another epoch than it';

CREATE FUNCTION sambapos._epoch_find_roots(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stage text := format('pg_temp.%I', sambapos._stage_name(t.table_name));
  is_new boolean := sambapos._stage_is_new(place, t);
  epoch integer := (SELECT s.epoch FROM sambapos._place AS s WHERE s.site_id = place.site_id);
BEGIN
  IF NOT is_new THEN
    epoch := sambapos._epoch_find_known(run_id, place, t, epoch);
  END IF;
  IF t.loaded_at IS NULL AND epoch > 1 THEN
    PERFORM sambapos._epoch_ask_children(place, t);
  END IF;
  EXECUTE format('UPDATE %s AS s SET epoch = $1 WHERE s.epoch IS NULL', stage) USING epoch;
  IF NOT is_new THEN
    PERFORM sambapos._epoch_leave_others(place, t);
  END IF;
  EXECUTE format('UPDATE sambapos.waiting_root AS w SET run_id = $2, missing_runs = w.missing_runs + 1
                   WHERE (w.site_id, w.table_name) = ($1, %L) AND w.run_id < $2 AND w.missing_runs BETWEEN 1 AND $3
                     AND NOT EXISTS (SELECT FROM %s AS s WHERE s.id = w.id)', t.table_name, stage)
    USING place.site_id, run_id, place.settle_runs; -- asked for, and not there
  EXECUTE format('DELETE FROM sambapos.waiting_root AS w
                   WHERE (w.site_id, w.table_name) = ($1, %L) AND w.run_id < $2
                     AND (w.missing_runs = 0 OR EXISTS (SELECT FROM %s AS s WHERE s.id = w.id))', t.table_name, stage)
    USING place.site_id, run_id;
END;
$$;
COMMENT ON FUNCTION sambapos._epoch_find_roots(bigint, sambapos._place, sambapos._table) IS
  'Gives each staged root its epoch; begins one if ids have been used again';

-- Children take the epoch of the root that was staged with them. Those that came without it wait.
CREATE FUNCTION sambapos._epoch_find_children(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stage text := format('pg_temp.%I', sambapos._stage_name(t.table_name));
  root sambapos._table;
  waiting bigint[];
BEGIN
  EXECUTE format('UPDATE %s AS s SET epoch = p.epoch%s FROM pg_temp.%I AS p WHERE s.epoch IS NULL AND p.id = s.%I',
                 stage, CASE WHEN sambapos._replica_has_root_id(t) THEN ', root_id = p.id' ELSE '' END,
                 sambapos._stage_name(t.parent), t.parent_key);
  EXECUTE format('WITH waiting AS (
                    DELETE FROM %1$s AS s WHERE s.epoch IS NULL AND s.%2$I IS NOT NULL RETURNING s.%2$I AS id)
                  SELECT array_agg(DISTINCT id) FROM waiting', stage, t.parent_key) INTO waiting;
  IF waiting IS NOT NULL THEN
    SELECT r.* INTO root FROM sambapos._table AS r WHERE r.site_id = place.site_id AND r.table_name = t.parent;
    PERFORM sambapos._root_waits(run_id, root, waiting, true);
    PERFORM sambapos._log_message(run_id, t.table_name, format(
      'rows of %s roots came without them: they wait for the next run', cardinality(waiting)));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._epoch_find_children(bigint, sambapos._place, sambapos._table) IS
  'Gives staged children the epoch of their staged root; leaves out those without one';

-- Of one column its value, of several an array: whatever their types.
CREATE FUNCTION sambapos._key_json_sql(key name[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE count(*) WHEN 1 THEN format('to_jsonb(%s)', string_agg(format('s.%I', k), ', '))
              ELSE format('jsonb_build_array(%s)', string_agg(format('s.%I', k), ', ' ORDER BY n)) END
  FROM unnest(key) WITH ORDINALITY AS x (k, n);
$$;
COMMENT ON FUNCTION sambapos._key_json_sql(name[]) IS 'SQL for the key of staged row s as jsonb';

-- A counter gives numbers out, and gives them out again when it is set back. Texts, uuids and dates come
-- from elsewhere.
CREATE FUNCTION sambapos._key_is_counted(place sambapos._place, t sambapos._table) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT bool_or(c.type_name IN ('smallint', 'integer', 'bigint', 'numeric'))
  FROM sambapos._table_columns(place, t) AS c WHERE c.is_key;
$$;
COMMENT ON FUNCTION sambapos._key_is_counted(sambapos._place, sambapos._table) IS
  'True if the key of a table holds a number, so that it may be used again for another row';

-- Masters, and children whose root is not copied, go on as the live row of their key, or as one that is gone with just
-- these values, or whose earlier versions are kept, or whose key is no number. Rows that say they have no root are of
-- the present epoch. A row that is not live and has other values is another row: its id has been used again.
CREATE FUNCTION sambapos._epoch_find_others(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stage text := format('pg_temp.%I', sambapos._stage_name(t.table_name));
  key name[] := sambapos._table_key(place, t);
  namesakes text := sambapos._stage_namesakes_sql(t, key, 's.epoch IS NULL');
  differs text := (SELECT p.values_differ FROM sambapos._merge_parts(place, t) AS p);
  rootless boolean := t.kind = 'child' AND sambapos._table_has_root(t);
  -- the table was empty when it was last read, or its ids have fallen since: the live rows known of it are gone
  restarted boolean := t.source_max_id IS NULL
    OR EXISTS (SELECT FROM pg_temp.sambapos__probe AS p
               WHERE p.table_name = t.table_name AND coalesce(p.highest, 0) < t.source_max_id);
  reused jsonb;
  epoch integer := (SELECT s.epoch FROM sambapos._place AS s WHERE s.site_id = place.site_id);
BEGIN
  IF sambapos._replica_has_root_id(t) THEN
    EXECUTE format('UPDATE %s AS s SET root_id = %s WHERE s.epoch IS NULL', stage,
                   CASE WHEN rootless THEN '0' ELSE format('coalesce(s.%I, 0)', t.parent_key) END);
    namesakes := namesakes || ' AND r.root_id = s.root_id';
  END IF;
  IF NOT rootless THEN
    EXECUTE format('UPDATE %s AS s SET epoch = m.epoch FROM (
        SELECT DISTINCT ON (s.ctid) s.ctid, r.epoch FROM %s
        WHERE r.row_state = ''live'' OR $2 OR NOT %s
        ORDER BY s.ctid, r.row_state = ''live'' DESC, r.epoch DESC) AS m WHERE m.ctid = s.ctid',
      stage, namesakes, differs)
      USING place.site_id, t.history OR NOT sambapos._key_is_counted(place, t);
  END IF;
  EXECUTE format('SELECT jsonb_agg(DISTINCT %s) FROM %s
                  WHERE e.epoch >= $2 AND (r.row_state <> ''live'' OR $3) AND %s',
                 sambapos._key_json_sql(key), namesakes, differs) INTO reused
    USING place.site_id, epoch, restarted AND rootless;
  IF reused IS NOT NULL THEN
    epoch := sambapos._epoch_begin(run_id, place, t, reused);
  END IF;
  EXECUTE format('UPDATE %s AS s SET epoch = $1 WHERE s.epoch IS NULL', stage) USING epoch;
END;
$$;
COMMENT ON FUNCTION sambapos._epoch_find_others(bigint, sambapos._place, sambapos._table) IS
  'Gives each staged row that has no root to ask its epoch';

-- A first load stages its rows as of epoch 1 (_stage_is_of_first_epoch). A root is, if its id is new here, and a child
-- that came with such a root. Nothing is taken for granted that may have changed since it was read.
CREATE FUNCTION sambapos._epoch_doubt(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  doubtful text := 'true';
BEGIN
  IF t.loaded_at IS NOT NULL OR t.kind = 'master' THEN
    RETURN;
  ELSIF (SELECT s.epoch = 1 FROM sambapos._place AS s WHERE s.site_id = place.site_id) THEN
    IF t.kind = 'child' AND sambapos._table_has_root(t) THEN
      doubtful := format('NOT EXISTS (SELECT FROM pg_temp.%I AS p WHERE p.id = s.%I AND p.epoch = s.epoch)',
                         sambapos._stage_name(t.parent), t.parent_key);
    ELSIF t.kind <> 'child' AND sambapos._stage_is_new(place, t) THEN
      RETURN;
    END IF;
  END IF;
  EXECUTE format('UPDATE pg_temp.%I AS s SET epoch = NULL%s WHERE s.epoch IS NOT NULL AND %s',
                 sambapos._stage_name(t.table_name),
                 CASE WHEN sambapos._table_document_link(place, t) IS NOT NULL THEN ', document_epoch = NULL' END,
                 doubtful);
END;
$$;
COMMENT ON FUNCTION sambapos._epoch_doubt(sambapos._place, sambapos._table) IS
  'Takes the epoch back that rows were staged with where it may be another one';

-- Of a first load nearly always no row; then nobody looks further.
CREATE FUNCTION sambapos._stage_has_unknown(t sambapos._table) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  has_unknown boolean;
BEGIN
  EXECUTE format('SELECT EXISTS (SELECT FROM pg_temp.%I AS s WHERE s.epoch IS NULL)',
                 sambapos._stage_name(t.table_name)) INTO has_unknown;
  RETURN has_unknown;
END;
$$;
COMMENT ON FUNCTION sambapos._stage_has_unknown(sambapos._table) IS 'True if a staged row has no epoch yet';

CREATE FUNCTION sambapos._epoch_find(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._epoch_doubt(place, t);
  IF t.kind IN ('ticket', 'document', 'period') THEN
    PERFORM sambapos._epoch_find_roots(run_id, place, t);
    RETURN;
  ELSIF NOT sambapos._stage_has_unknown(t) THEN
    RETURN;
  ELSIF t.kind = 'child' AND sambapos._table_has_root(t) THEN
    PERFORM sambapos._epoch_find_children(run_id, place, t);
  END IF;
  IF t.kind = 'master' OR sambapos._replica_has_root_id(t) OR NOT sambapos._table_has_root(t) THEN
    PERFORM sambapos._epoch_find_others(run_id, place, t);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._epoch_find(bigint, sambapos._place, sambapos._table) IS 'Gives each staged row its epoch';

-- Beside a document's id its epoch: as staged in this run, else that of the live one known, else the row's own.
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
        JOIN sambapos_replica.account_transaction_documents AS d
          ON d.site_id = $1 AND d.id = k.id AND d.row_state = ''live''
        GROUP BY d.id) AS m WHERE s.document_epoch IS NULL AND m.id = s.%2$I', stage, link) USING place.site_id;
  END IF;
  EXECUTE format('UPDATE %s AS s SET document_epoch = s.epoch WHERE s.document_epoch IS NULL AND s.%I IS NOT NULL',
                 stage, link);
END;
$$;
COMMENT ON FUNCTION sambapos._epoch_find_documents(sambapos._place, sambapos._table) IS
  'Fills document_epoch of staged tickets and payments';
