-- due.sql: the period that a clear has ended is sealed by itself, and one that a clear is going to end before it.
--
-- Rules:
-- * The run that sees a clear notes it; at its end, or at the end of a later one, the period is sealed: when nothing of
--   the clear is left to be judged, and after a day in any case.
-- * No run fails because a period could not be sealed. It is tried again after each run, and an alert says so.
-- * The sync calls nothing below it: it is told of by triggers.

CREATE FUNCTION sambapos._archive_note_clear() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  INSERT INTO sambapos.archive_due (site_id, event_id, version)
  SELECT NEW.site_id, NEW.event_id, NEW.version FROM sambapos.site AS s
  WHERE s.site_id = NEW.site_id AND s.archive_on_clear
    AND NEW.table_name = sambapos._archive_anchor_table(NEW.site_id)
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_note_clear() IS 'Notes that a clear has ended a period, which is to be sealed';

-- Of a dump that is restored the events are of another time, and what was due is in it.
CREATE TRIGGER archive_note_clear AFTER INSERT ON sambapos.source_events
  FOR EACH ROW WHEN (NEW.kind IN ('clear', 'partial clear') AND NEW.version IS NOT NULL AND NEW.at = now())
  EXECUTE FUNCTION sambapos._archive_note_clear();
COMMENT ON TRIGGER archive_note_clear ON sambapos.source_events IS 'A clear has ended a period: it is to be sealed';

-- What the clear took may still be on its way to be judged, by the runs to come.
CREATE FUNCTION sambapos._archive_may_seal(due sambapos.archive_due) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT due.noted_at < clock_timestamp() - interval '1 day'
      OR EXISTS (SELECT FROM sambapos.site_state AS x WHERE x.site_id = due.site_id AND x.consecutive_failures = 0)
         AND NOT EXISTS (SELECT FROM sambapos.missing AS m WHERE m.site_id = due.site_id AND m.version IS NULL)
         AND NOT EXISTS (SELECT FROM sambapos._table AS t
                         WHERE t.site_id = due.site_id AND t.kind <> 'master' AND t.enabled AND t.full_due
                           AND t.loaded_at IS NOT NULL AND t.paused_reason IS NULL)
         AND NOT EXISTS (SELECT FROM sambapos.source_events AS e
                         WHERE e.site_id = due.site_id AND e.kind = 'partial clear'
                           AND e.run_id = (SELECT max(r.run_id) FROM sambapos.run AS r WHERE r.site_id = due.site_id));
$$;
COMMENT ON FUNCTION sambapos._archive_may_seal(sambapos.archive_due) IS
  'True if a clear has come to rest, or was seen a day ago';

CREATE FUNCTION sambapos._archive_seal_due(due sambapos.archive_due) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
BEGIN
  SELECT * INTO STRICT place FROM sambapos._place AS s WHERE s.site_id = due.site_id;
  PERFORM sambapos._archive_seal_last_period(place, NULL);
  DELETE FROM sambapos.archive_due AS d WHERE d.site_id = due.site_id;
EXCEPTION WHEN OTHERS THEN
  UPDATE sambapos.archive_due AS d SET attempts = d.attempts + 1, last_error = SQLERRM WHERE d.site_id = due.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_seal_due(sambapos.archive_due) IS
  'Seals the period that a clear has ended; an error is written down';

CREATE FUNCTION sambapos._archive_after_run() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  due sambapos.archive_due;
BEGIN
  SELECT * INTO due FROM sambapos.archive_due AS d WHERE d.site_id = NEW.site_id;
  IF due.site_id IS NOT NULL AND sambapos._archive_may_seal(due) THEN
    PERFORM sambapos._archive_seal_due(due);
  END IF;
  RETURN NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_after_run() IS 'Seals a period that has ended when a run has';

CREATE TRIGGER archive_period AFTER UPDATE OF last_run_at ON sambapos.site_state
  FOR EACH ROW WHEN (NEW.current_run IS NULL) EXECUTE FUNCTION sambapos._archive_after_run();
COMMENT ON TRIGGER archive_period ON sambapos.site_state IS 'Seals a period that has ended when a run has';

-- ---- before a clear ----

-- What sambapos_prepare_clear has just compared, value by value, is what the seal stands for. Where nothing is to be
-- cleared there is nothing to seal.
CREATE FUNCTION sambapos._archive_prepare(site_id integer) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
  a sambapos.sealed_archive;
BEGIN
  PERFORM sambapos._site_lock(site_id);
  SELECT * INTO STRICT place FROM sambapos._place AS s WHERE s.site_id = _archive_prepare.site_id;
  IF NOT place.archive_on_clear THEN
    RETURN NULL;
  END IF;
  a := sambapos._archive_seal_period(place, NULL, NULL, NULL, NULL);
  IF a.rows = 0 THEN
    PERFORM sambapos._archive_undo(a.archive_id);
  END IF;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  RETURN format('the period could not be sealed: %s', SQLERRM);
END;
$$;
COMMENT ON FUNCTION sambapos._archive_prepare(integer) IS
  'Seals what the next clear is going to take; returns why it could not; NULL: it could, or nothing was to be sealed';
