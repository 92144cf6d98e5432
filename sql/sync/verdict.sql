-- verdict.sql: a person puts right what a run has judged wrong. Rows keep their values, what they count as changes. A
-- run that has read and not merged yet loses the site: it was to be judged by what is put right here.

CREATE FUNCTION sambapos._event_row_state(kind text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT CASE WHEN kind IN ('clear', 'partial clear',
    'restore') THEN 'cleared' WHEN kind = 'single delete' THEN 'deleted' END; $$;
COMMENT ON FUNCTION sambapos._event_row_state(text) IS
  'The row_state that a kind of source event gives to rows; NULL: it is none that can be reclassified';

-- The rows of an event are those that its version was given to, with their children. Rows of a child table whose root
-- got the version too are of the root's event. What a restore lost, and was entered again, is taken out also where its
-- ids were used again.
CREATE FUNCTION sambapos._event_remark(place sambapos._place, e sambapos.source_events, row_state text, version bigint)
    RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c sambapos._table;
  states text[] := ARRAY[sambapos._event_row_state(e.kind)]
                   || CASE WHEN e.kind = 'restore' AND row_state = 'deleted' THEN '{superseded}'::text[] END;
  marked bigint;
  total bigint := 0;
BEGIN
  FOR c IN SELECT k.* FROM sambapos._table AS k
            WHERE k.site_id = place.site_id AND e.table_name IN (k.table_name, k.parent)
              AND sambapos._replica_table(k.table_name) IS NOT NULL
            ORDER BY k.table_name = e.table_name, k.table_name
  LOOP
    PERFORM sambapos._table_claim(place, c);
    EXECUTE format('UPDATE sambapos_replica.%I AS r SET row_state = $4, synced_at = now(), version = $5
                     WHERE r.site_id = $1 AND r.version = $2 AND r.row_state = ANY ($3)%s', c.table_name,
                   CASE WHEN c.kind = 'child' AND sambapos._replica_table(c.parent) IS NOT NULL THEN format(
                     ' AND %s(EXISTS (SELECT FROM sambapos_replica.%I AS p
                                       WHERE p.site_id = $1 AND p.version = $2 AND p.row_state = ANY ($3)
                                         AND p.epoch = r.epoch AND p.id = r.%I))',
                     CASE WHEN c.table_name = e.table_name THEN 'NOT ' ELSE '' END, c.parent, c.parent_key)
                   ELSE '' END)
      USING place.site_id, e.version, states, row_state, version;
    GET DIAGNOSTICS marked = ROW_COUNT;
    PERFORM sambapos._feed_note_outside(place, c.table_name, false) WHERE marked > 0; -- no feed has had them since
    total := total + marked;
  END LOOP;
  RETURN total;
END;
$$;
COMMENT ON FUNCTION sambapos._event_remark(sambapos._place, sambapos.source_events, text, bigint) IS
  'Gives the rows of a source event, and their children, another row_state; returns how many';

-- Roots that were kept apart: an edit leaves one row, the later one. The rows of before, and what is theirs, no longer
-- count.
CREATE FUNCTION sambapos._event_settle(place sambapos._place, e sambapos.source_events, kind text, version bigint)
    RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c sambapos._table;
  marked bigint;
  total bigint := 0;
BEGIN
  IF kind = 'reseed' THEN
    RETURN 0;
  END IF;
  FOR c IN SELECT k.* FROM sambapos._table AS k
            WHERE k.site_id = place.site_id AND e.table_name IN (k.table_name, k.parent)
              AND sambapos._replica_table(k.table_name) IS NOT NULL
            ORDER BY k.table_name
  LOOP
    PERFORM sambapos._table_claim(place, c);
    EXECUTE format('UPDATE sambapos_replica.%I AS r SET row_state = ''removed'', synced_at = now(), version = $3
                      FROM jsonb_to_recordset($2) AS u (epoch integer, id bigint)
                     WHERE r.site_id = $1 AND r.epoch = u.epoch AND r.%I = u.id
                       AND r.row_state IN (''cleared'', ''superseded'')',
                   c.table_name, CASE WHEN c.table_name = e.table_name THEN 'id' ELSE c.parent_key END)
      USING place.site_id, e.evidence -> 'undecided', version;
    GET DIAGNOSTICS marked = ROW_COUNT;
    PERFORM sambapos._feed_note_outside(place, c.table_name, false) WHERE marked > 0; -- no feed has had them since
    total := total + marked;
  END LOOP;
  RETURN total;
END;
$$;
COMMENT ON FUNCTION sambapos._event_settle(sambapos._place, sambapos.source_events, text, bigint) IS
  'Says of roots that could not be decided what they are: edit or reseed; returns how many rows no longer count';

CREATE FUNCTION sambapos._event_check(e sambapos.source_events, kind text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF sambapos._event_is_open(e) THEN
    IF kind IS NULL OR kind NOT IN ('edit', 'reseed') THEN
      RAISE EXCEPTION 'an event with undecided rows cannot be reclassified as "%"', coalesce(kind, 'NULL')
          USING ERRCODE = 'invalid_parameter_value',
        HINT = 'Kinds are edit (the same rows: those of before no longer count) and reseed (other rows: both count).';
    END IF;
  ELSIF sambapos._event_row_state(kind) IS NULL THEN
    RAISE EXCEPTION 'an event cannot be reclassified as "%"', coalesce(kind, 'NULL')
        USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Kinds are clear, partial clear, restore (rows count) and single delete (they do not).';
  ELSIF sambapos._event_row_state(e.kind) IS NULL OR e.version IS NULL THEN
    RAISE EXCEPTION 'source event % (%) has marked no rows', e.event_id, e.kind
        USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._event_check(sambapos.source_events, text) IS
  'Raises if a source event cannot be of a kind';

-- What retention has deleted here no verdict would reach, and it would count again when its archive is attached.
CREATE FUNCTION sambapos._event_check_here(e sambapos.source_events) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  away bigint;
BEGIN
  SELECT min(k.archive_id) INTO away
  FROM sambapos.archive_table AS k JOIN sambapos.sealed_archive AS a USING (archive_id)
  WHERE a.site_id = e.site_id AND a.dropped_at IS NOT NULL AND k.rows > 0 AND e.table_name IN (k.table_name, k.root)
    AND NOT EXISTS (SELECT FROM sambapos.archive_attachment AS x WHERE x.archive_id = a.archive_id AND x.in_replica)
    AND (e.version = ANY (a.dropped_versions)
         OR k.table_name = e.table_name AND sambapos._event_is_open(e)
            AND EXISTS (SELECT FROM sambapos.archive_part AS p CROSS JOIN LATERAL unnest(p.keys) AS o (key)
                        JOIN jsonb_to_recordset(e.evidence -> 'undecided') AS u (epoch integer, id bigint)
                          ON o.key = jsonb_build_array(u.epoch, u.id)::text
                        WHERE p.archive_id = k.archive_id AND p.table_name = k.table_name));
  IF away IS NOT NULL THEN
    RAISE EXCEPTION 'rows of source event % were exported and deleted here', e.event_id USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = format('They are in archive %s.', away),
      HINT = 'sambapos_attach_archive puts them back; what is decided then stays.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._event_check_here(sambapos.source_events) IS
  'Raises 55000 if rows of a source event are in an archive only';

CREATE FUNCTION @extschema@.sambapos_reclassify(event bigint, kind text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  e sambapos.source_events;
  place sambapos._place;
  new_version bigint;
  marked bigint;
BEGIN
  PERFORM sambapos._catalog_check();
  SELECT * INTO e FROM sambapos.source_events AS x WHERE x.event_id = event;
  IF e.event_id IS NULL THEN
    RAISE EXCEPTION 'there is no source event %', coalesce(event::text, 'NULL') USING ERRCODE = 'undefined_object',
      HINT = 'See sambapos.source_events.';
  END IF;
  PERFORM sambapos._site_lock(e.site_id);
  SELECT * INTO place FROM sambapos._place AS s WHERE s.site_id = e.site_id;
  -- as it is now that nobody else is at it
  SELECT * INTO STRICT e FROM sambapos.source_events AS x WHERE x.event_id = event;
  PERFORM sambapos._event_check(e, kind);
  PERFORM sambapos._event_check_here(e);
  UPDATE sambapos.site_state AS s SET version = s.version + 1, current_run = NULL WHERE s.site_id = e.site_id
  RETURNING s.version INTO new_version;
  marked := CASE WHEN sambapos._event_is_open(e) THEN sambapos._event_settle(place, e, kind, new_version)
                 ELSE sambapos._event_remark(place, e, sambapos._event_row_state(kind), new_version) END;
  UPDATE sambapos.source_events AS x
     SET kind = sambapos_reclassify.kind, version = new_version,
         evidence = x.evidence || jsonb_build_object('reclassified_at', now(), 'was', x.kind)
   WHERE x.event_id = event;
  RETURN marked;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_reclassify(bigint, text) IS
  'Says that a source event was something else: clear, partial clear and restore make its rows, and their children, '
  'cleared (counted), single delete makes them deleted (not counted). Returns how many rows. Rows that are live again '
  'stay so. Of rows that were kept apart, undecided, it says edit (the same rows: those of before no longer count) or '
  'reseed (other rows: both count). Errors: 42704 no such event, 22023 another kind, 55000 the event has marked no '
  'rows or some are in an archive only, 55P03 a run of the site is running';

-- The life that is discarded belongs to no database any more, so that no row goes on in it; a later one keeps its own.
CREATE FUNCTION sambapos._epoch_discard(place sambapos._place, epoch integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  before integer;
  base integer;
BEGIN
  SELECT max(e.epoch) INTO before FROM sambapos.epoch AS e
   WHERE e.site_id = place.site_id AND e.epoch < _epoch_discard.epoch AND e.of_database IS DISTINCT FROM 0;
  SELECT coalesce((SELECT e.of_database FROM sambapos.epoch AS e WHERE e.site_id = place.site_id AND e.epoch <= before
                      AND e.of_database > 0 ORDER BY e.epoch DESC LIMIT 1), 1) INTO base;
  IF epoch = place.epoch THEN
    -- the first event of the epoch is the one that it began with; a later one is of a database that was held in it
    UPDATE sambapos.site_state AS s SET epoch = s.epoch + 1, database = coalesce(
             (SELECT o.evidence -> 'before' FROM sambapos.source_events AS o
               WHERE o.site_id = place.site_id AND o.kind = 'new database' AND o.epoch = _epoch_discard.epoch
                   ORDER BY o.event_id LIMIT 1), s.database)
     WHERE s.site_id = place.site_id;
    UPDATE sambapos.epoch AS e SET ended_at = now() WHERE e.site_id = place.site_id AND e.ended_at IS NULL;
    INSERT INTO sambapos.epoch (site_id, epoch, reason, of_database)
    VALUES (place.site_id, place.epoch + 1, format('epoch %s was discarded', epoch), base);
  ELSE
    UPDATE sambapos.epoch AS e SET of_database = coalesce(e.of_database, (SELECT d.of_database FROM sambapos.epoch AS d
             WHERE d.site_id = place.site_id AND d.epoch = _epoch_discard.epoch), base)
     WHERE e.site_id = place.site_id AND e.epoch = _epoch_discard.epoch + 1;
  END IF;
  UPDATE sambapos.epoch AS e SET of_database = 0, reason = e.reason || '; discarded'
   WHERE e.site_id = place.site_id AND e.epoch = _epoch_discard.epoch;
END;
$$;
COMMENT ON FUNCTION sambapos._epoch_discard(sambapos._place, integer) IS
  'Takes an epoch out of those of its database; if it is the present one the site goes on with what was before';

CREATE FUNCTION @extschema@.sambapos_discard_epoch(site text, epoch integer) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place := sambapos._site(site);
  t sambapos._table;
  new_version bigint;
  marked bigint;
  total bigint := 0;
BEGIN
  PERFORM sambapos._catalog_check();
  PERFORM sambapos._site_lock(place.site_id);
  place := sambapos._site(site);
  IF NOT EXISTS (SELECT FROM sambapos.epoch AS e WHERE e.site_id = place.site_id
      AND e.epoch = sambapos_discard_epoch.epoch
                    AND e.of_database IS DISTINCT FROM 0) THEN
    RAISE EXCEPTION 'site "%" has no epoch % to discard', site, coalesce(epoch::text, 'NULL')
        USING ERRCODE = 'undefined_object',
      HINT = 'See sambapos.epoch.';
  ELSIF epoch = (SELECT min(e.epoch) FROM sambapos.epoch AS e WHERE e.site_id = place.site_id) THEN
    RAISE EXCEPTION 'the first epoch of a site cannot be discarded' USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = 'sambapos_remove_site with drop_data takes all of a site.';
  END IF;
  UPDATE sambapos.site_state AS s SET version = s.version + 1, current_run = NULL WHERE s.site_id = place.site_id
  RETURNING s.version INTO new_version;
  FOR t IN SELECT k.* FROM sambapos._table AS k
            WHERE k.site_id = place.site_id AND sambapos._replica_table(k.table_name) IS NOT NULL ORDER BY k.table_name
  LOOP
    PERFORM sambapos._table_claim(place, t);
    EXECUTE format('UPDATE sambapos_replica.%I SET row_state = ''deleted'', synced_at = now(), version = $3
                     WHERE site_id = $1 AND epoch = $2 AND row_state <> ''deleted''', t.table_name)
                         USING place.site_id, epoch, new_version;
    GET DIAGNOSTICS marked = ROW_COUNT;
    PERFORM sambapos._feed_note_outside(place, t.table_name, true) WHERE marked > 0;
    total := total + marked;
  END LOOP;
  PERFORM sambapos._epoch_discard(place, epoch);
  UPDATE sambapos.table_state AS x SET full_due = true, source_max_id = NULL WHERE x.site_id = place.site_id;
  RETURN total;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_discard_epoch(text, integer) IS
  'Takes an epoch out of the reports, for example one of another database that was let in by mistake: its rows become '
  'deleted and keep their values. If it is the present one the site goes on with what was known before, and the next '
  'run reads everything whole. Returns how many rows. Errors: 42704 no such site or epoch, 55000 the first epoch, '
  '55P03 a run of the site is running';
