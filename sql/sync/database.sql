-- database.sql: is it the database that a site was copied from that answers?
--
-- Rules:
-- * What a server says of its database (name, number, date of creation, service broker) is compared with what it said
--   before. If it says something else, rows decide: a restored backup, or the same database on another machine, has
--   the rows that are known. If they do not say so it is another database, and nothing of it is merged.
-- * Where a server has never said anything of its database, nothing is held. If it begins to say something, rows decide
--   as well: what was read before may be of another database. With no row to compare, it is taken at its word.

-- The oldest and the newest rows that a root has at the source, and what is known under their ids: live rows, and those
-- that went with a clear or whose ids were used again, since a backup may be of a time before that. An id that was used
-- again has more than one date.
CREATE FUNCTION sambapos._database_compare_root(place sambapos._place, t sambapos._table,
                                                OUT compared bigint, OUT equal bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  at_source jsonb;
BEGIN
  EXECUTE format(
    'SELECT jsonb_object_agg(s.id, s.%3$I)
     FROM ((SELECT id, %3$I FROM %1$I.%2$I ORDER BY id DESC LIMIT 100)
           UNION (SELECT id, %3$I FROM %1$I.%2$I ORDER BY id LIMIT 100)) AS s',
    sambapos._live_schema(place.name), t.table_name, t.date_column) INTO at_source;
  EXECUTE format(
    'SELECT count(*), count(*) FILTER (WHERE k.is_equal)
     FROM (SELECT bool_or(to_jsonb(r.%2$I) = $2 -> r.id::text) AS is_equal FROM sambapos_replica.%1$I AS r
           WHERE r.site_id = $1 AND r.row_state IN (''live'', ''cleared'', ''superseded'')
             AND r.id = ANY (ARRAY(SELECT o::bigint FROM jsonb_object_keys($2) AS o))
             AND r.epoch = ANY (ARRAY(SELECT e.epoch FROM sambapos._epoch_present AS e WHERE e.site_id = $1))
           GROUP BY r.id) AS k',
    t.table_name, t.date_column) INTO compared, equal USING place.site_id, at_source;
END;
$$;
COMMENT ON FUNCTION sambapos._database_compare_root(sambapos._place, sambapos._table) IS
  'Of how many rows of a root at the source rows are known under the same id, and how many of them are of the same date';

-- A root that cannot be read, here or there, says nothing; another one may. One that cannot be read at this moment is
-- no reason to hold anything: then the run fails, and the next one asks again.
CREATE FUNCTION sambapos._database_compare(place sambapos._place, OUT compared bigint, OUT equal bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  t sambapos._table;
  of_root record;
BEGIN
  compared := 0;
  equal := 0;
  FOR t IN SELECT r.* FROM sambapos._table AS r
            WHERE r.site_id = place.site_id AND r.enabled AND r.paused_reason IS NULL
              AND r.kind IN ('ticket', 'document', 'period') AND sambapos._table_missing(place, r) IS NULL
  LOOP
    BEGIN
      SELECT * INTO of_root FROM sambapos._database_compare_root(place, t);
      compared := compared + of_root.compared;
      equal := equal + of_root.equal;
    EXCEPTION WHEN OTHERS THEN
      IF sambapos._log_is_fatal(SQLSTATE) OR sambapos._log_is_passing(SQLSTATE) THEN
        RAISE;
      END IF;
    END;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._database_compare(sambapos._place) IS
  'The same of all roots of a site';

CREATE FUNCTION sambapos._database_hold(run_id bigint, place sambapos._place, identity jsonb, evidence jsonb)
    RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.run_table AS x
     SET status = 'failed', sqlstate = '55000',
         message = format('another database answers: "%s", created %s; it is held', identity ->> 'name',
             coalesce(identity ->> 'created', 'unknown')),
         detail = format('Known is "%s", created %s.', place.database ->> 'name',
             coalesce(place.database ->> 'created', 'unknown'))
   WHERE x.run_id = _database_hold.run_id AND x.status = 'running';
  IF place.held_database IS DISTINCT FROM identity THEN
    UPDATE sambapos.site_state AS s SET held_database = identity WHERE s.site_id = place.site_id;
    PERFORM sambapos._log_event(run_id, place, '', 'new database', 0, evidence);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._database_hold(bigint, sambapos._place, jsonb, jsonb) IS
  'Fails a run because another database answers, and remembers which';

-- True if a run may go on reading. What a server does not say this time is no proof that it is the one that is known.
CREATE FUNCTION sambapos._database_recognise(run_id bigint, place sambapos._place, identity jsonb) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  rows record;
  evidence jsonb;
  was_known boolean := place.database IS NOT NULL OR place.held_database IS NOT NULL;
  was_loaded boolean := EXISTS (SELECT FROM sambapos._table AS t
                                WHERE t.site_id = place.site_id AND t.loaded_at IS NOT NULL);
BEGIN
  IF was_loaded AND (place.database IS DISTINCT FROM identity
                     OR place.database IS NULL AND place.held_database IS NOT NULL) THEN
    SELECT * INTO rows FROM sambapos._database_compare(place);
    evidence := jsonb_build_object('before', place.database, 'now', identity, 'rows_compared', rows.compared,
                                   'rows_equal', rows.equal);
    IF rows.equal < 0.95 * rows.compared OR rows.compared = 0 AND was_known THEN
      PERFORM sambapos._database_hold(run_id, place, coalesce(identity, '{"name": "unknown"}'), evidence);
      RETURN false;
    END IF;
    IF identity IS NOT NULL AND was_known THEN
      PERFORM sambapos._log_event(run_id, place, '', 'restore', 0, evidence);
    END IF;
  END IF;
  UPDATE sambapos.site_state AS s SET database = coalesce(identity, s.database), held_database = NULL
   WHERE s.site_id = place.site_id
     AND (s.database IS DISTINCT FROM coalesce(identity, s.database) OR s.held_database IS NOT NULL);
  RETURN true;
END;
$$;
COMMENT ON FUNCTION sambapos._database_recognise(bigint, sambapos._place, jsonb) IS
  'True if the database that answers is the one a site was copied from; otherwise it is held, and nothing is read';

-- The rows of the database that was known are history now, masters too: no row of another one may continue them.
CREATE FUNCTION sambapos._database_begin(place sambapos._place) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  t sambapos._table;
  fresh sambapos.site_state;
  cleared bigint;
BEGIN
  UPDATE sambapos.site_state AS s
     SET epoch = s.epoch + 1, version = s.version + 1, hw_utc = NULL, hw_offset_minutes = NULL, last_probe = NULL
   WHERE s.site_id = place.site_id RETURNING * INTO fresh;
  UPDATE sambapos.epoch AS e SET ended_at = now() WHERE e.site_id = place.site_id AND e.ended_at IS NULL;
  INSERT INTO sambapos.epoch (site_id, epoch, reason, of_database)
  VALUES (place.site_id, fresh.epoch, format('another database: %s', place.held_database ->> 'name'), fresh.epoch);
  FOR t IN SELECT r.* FROM sambapos._table AS r
            WHERE r.site_id = place.site_id AND sambapos._replica_table(r.table_name) IS NOT NULL ORDER BY r.table_name
  LOOP
    PERFORM sambapos._table_claim(place, t);
    EXECUTE format('UPDATE sambapos_replica.%I SET row_state = ''cleared'', synced_at = now(), version = $2
                     WHERE site_id = $1 AND row_state = ''live''', t.table_name) USING place.site_id, fresh.version;
    GET DIAGNOSTICS cleared = ROW_COUNT;
    PERFORM sambapos._feed_note_outside(place, t.table_name, true) WHERE cleared > 0;
  END LOOP;
  UPDATE sambapos.table_state AS x SET full_due = true, source_max_id = NULL, tracked_version = NULL
   WHERE x.site_id = place.site_id;
  DELETE FROM sambapos.missing AS m WHERE m.site_id = place.site_id;
  RETURN fresh.epoch;
END;
$$;
COMMENT ON FUNCTION sambapos._database_begin(sambapos._place) IS
  'Begins an epoch for another database; what was live is cleared';

CREATE FUNCTION @extschema@.sambapos_accept_source(site text, kind text DEFAULT 'new database') RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place := sambapos._site(site);
  fresh_epoch integer;
BEGIN
  PERFORM sambapos._catalog_check();
  PERFORM sambapos._site_lock(place.site_id);
  place := sambapos._site(site);
  IF kind IS NULL OR kind NOT IN ('new database', 'restore') THEN
    RAISE EXCEPTION 'a source is accepted as "new database" or "restore", not as "%"', kind
        USING ERRCODE = 'invalid_parameter_value',
      HINT = 'A new database begins an epoch of its own; a restore is the site''s own database, and goes on.';
  ELSIF place.held_database IS NULL THEN
    RAISE EXCEPTION 'no database is held for site "%"', site USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = 'Another database is noticed, and held, by a run.';
  END IF;
  fresh_epoch := CASE kind WHEN 'restore' THEN place.epoch ELSE sambapos._database_begin(place) END;
  UPDATE sambapos.site_state AS s
     SET database = s.held_database, held_database = NULL, consecutive_failures = 0, next_due_at = NULL,
         current_run = NULL
   WHERE s.site_id = place.site_id;
  UPDATE sambapos.table_state AS x SET full_due = true, tracked_version = NULL WHERE x.site_id = place.site_id;
  UPDATE sambapos.source_events AS e SET kind = sambapos_accept_source.kind, epoch = fresh_epoch
   WHERE e.event_id = (SELECT max(o.event_id) FROM sambapos.source_events AS o WHERE o.site_id = place.site_id
       AND o.kind = 'new database');
  RETURN fresh_epoch;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_accept_source(text, text) IS
  'Lets the database in that is held for a site. kind: new database begins an epoch: what is known becomes history and '
  'is counted; restore is the site''s own database (a restored backup, an empty one after a clear) and goes on. The '
  'next run reads everything whole. Returns the site''s epoch. Errors: 42704 no such site, 55000 nothing is held, '
  '22023 another kind, 55P03 a run of the site is running';
