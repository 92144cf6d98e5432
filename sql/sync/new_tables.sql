-- new_tables.sql: does the source have tables now that were asked for in vain? Once a night a run asks.
--
-- Rules:
-- * Whoever waits for no table asks nothing. A source that cannot say it this time is asked the next night.
-- * A run says what it has seen (alert new table); a person adds the table, or says that it is not wanted.

-- What another database has says nothing of the site's own.
CREATE FUNCTION sambapos._new_tables_are_due(place sambapos._place) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN place.held_database IS NULL AND EXISTS (
    SELECT FROM sambapos.wanted_table AS w JOIN sambapos.site_state AS s USING (site_id)
    WHERE w.site_id = place.site_id
      AND greatest(w.asked_at, s.tables_asked_at) <= now() - sambapos._night_began(place));
END;
$$;
COMMENT ON FUNCTION sambapos._new_tables_are_due(sambapos._place) IS
  'True if a site waits for tables, and the source was not asked for them since four in the morning';

CREATE FUNCTION sambapos._new_tables_look(place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  seen text[];
BEGIN
  BEGIN
    seen := ARRAY(SELECT n FROM sambapos._wanted_at_source(place.site_id, sambapos._source_tables(place.server)) AS n);
  EXCEPTION WHEN OTHERS THEN
    IF sambapos._log_is_fatal(SQLSTATE) THEN
      RAISE;
    END IF;
    PERFORM sambapos._end_remote_transaction(place.server);
  END;
  UPDATE sambapos.site_state AS s
     SET tables_asked_at = clock_timestamp(), new_tables = coalesce(seen, s.new_tables),
         new_tables_since = CASE WHEN coalesce(seen, s.new_tables) <> '{}'
                                 THEN coalesce(s.new_tables_since, clock_timestamp()) END
   WHERE s.site_id = place.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._new_tables_look(sambapos._place) IS
  'Asks a source which of the tables that were asked for in vain it has now, and remembers it';
