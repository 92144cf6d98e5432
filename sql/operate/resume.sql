-- resume.sql: sambapos_resume: the scheduled runs of a database that was restored, copied, moved or upgraded go on.
--
-- Rules:
-- * It says where the runs belong from now on. It starts none, and needs no run to have ended.

CREATE FUNCTION @extschema@.sambapos_resume(INOUT site text DEFAULT NULL, OUT action text) RETURNS SETOF record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  asked text := site;
  place sambapos._place;
BEGIN
  IF asked IS NOT NULL AND NOT EXISTS (SELECT FROM sambapos.change_feed AS f WHERE f.name = asked AND f.site_id IS NULL) THEN
    PERFORM sambapos._site(asked);
  END IF;
  PERFORM sambapos._catalog_check();
  FOR place IN SELECT * FROM sambapos._place AS s
               WHERE s.removed_at IS NULL AND (asked IS NULL OR s.name = asked) ORDER BY s.name
  LOOP
    site := place.name;
    action := CASE WHEN coalesce(place.paused_reason, sambapos._copied_reason(place.site_id)) IS NULL
                   THEN 'was not paused' ELSE 'resumed' END;
    PERFORM sambapos._home_note(place.site_id);
    UPDATE sambapos.site_state AS x SET paused_reason = NULL
     WHERE x.site_id = place.site_id AND x.paused_reason IS NOT NULL;
    PERFORM sambapos._feed_begin_another_life(place.name);
    RETURN NEXT;
  END LOOP;
  FOR site IN SELECT f.name FROM sambapos.change_feed AS f
              WHERE f.site_id IS NULL AND (asked IS NULL OR f.name = asked) ORDER BY f.name
  LOOP
    action := 'feed began another life';
    PERFORM sambapos._feed_begin_another_life(site);
    RETURN NEXT;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_resume(text) IS
  'Lets the scheduled runs of a site (NULL: of all) go on in this database: after it was restored from a dump, copied, '
  'moved to another server or upgraded with pg_upgrade they are paused. Call it where they are to go on, and not in '
  'the copy beside the original. Feeds begin another life: their clients take everything anew. So it is for the name of a '
  'feed without a site. Returns a row for each site: resumed, or was not paused, and for each such feed. Errors: 42704 no '
  'such site or feed';
