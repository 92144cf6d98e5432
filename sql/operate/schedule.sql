-- schedule.sql: pg_cron jobs, one a site.
--
-- Rules:
-- * A job is a tick: it looks at the catalog and, when nothing is due, costs one row read. Whether a
--   run is due, and that only one runs at a time, is sambapos_run's affair.

-- pg_cron runs it on the wire or in a background worker; both let a procedure commit, as long as it
-- has no SET clause. Ticks of several sites come in the same second: each waits its share of 20 s. One
-- that comes just before its time waits for it, else an interval of one minute would become two.
CREATE PROCEDURE sambapos._tick(site text, exactly boolean DEFAULT false)
LANGUAGE plpgsql AS
$$
DECLARE
  wait double precision;
BEGIN
  SET LOCAL search_path TO pg_catalog, pg_temp;
  IF exactly THEN
    CALL sambapos._run_due(site, true);
    SET LOCAL search_path TO pg_catalog, pg_temp;
    PERFORM sambapos._feed_tick_site(s.site_id) FROM sambapos.site AS s WHERE s.name = _tick.site;
    RETURN;
  END IF;
  IF sambapos._worker_serves(s.site_id) FROM sambapos._place AS s WHERE s.name = _tick.site AND s.removed_at IS NULL
    THEN
    RETURN; -- it has looked already
  END IF;
  SELECT greatest(20.0 * due.rank / due.sites, extract(epoch FROM due.next_due_at - clock_timestamp())) INTO wait
  FROM (SELECT s.name, s.next_due_at, row_number() OVER (ORDER BY s.priority DESC, s.site_id) - 1 AS rank,
        count(*) OVER () AS sites
        FROM sambapos._place AS s
        WHERE s.removed_at IS NULL AND s.enabled AND s.paused_reason IS NULL AND sambapos._runs_enabled()
          AND s.requested_at IS NULL AND NOT s.auth_failed
          AND NOT EXISTS (SELECT FROM sambapos._copied AS c WHERE c.site_id = s.site_id)
            AND s.next_due_at <= clock_timestamp() + interval '30 seconds') AS due
  WHERE due.name = _tick.site;
  COMMIT; -- no snapshot is held while it waits
  SET LOCAL search_path TO pg_catalog, pg_temp;
  IF wait > 0 THEN
    PERFORM pg_sleep(wait);
  END IF;
  CALL sambapos._run_due(site, false);
  SET LOCAL search_path TO pg_catalog, pg_temp;
  PERFORM sambapos._feed_tick_site(s.site_id) FROM sambapos.site AS s WHERE s.name = _tick.site;
END;
$$;
COMMENT ON PROCEDURE sambapos._tick(text, boolean) IS
  'What a site''s pg_cron job calls: sambapos_run after a short wait that spreads the sites. exactly: the site is due '
  'now, whatever its interval';

-- Feeds of tables of the user's have no site whose job would tick them.
CREATE PROCEDURE sambapos._tick_feeds()
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_tick(NULL);
END;
$$;
COMMENT ON PROCEDURE sambapos._tick_feeds() IS 'What pg_cron job sambapos:feeds calls: a tick of all feeds';

CREATE FUNCTION sambapos._schedule_feeds(line text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF EXISTS (SELECT FROM sambapos.site AS s WHERE s.name = 'feeds' AND s.removed_at IS NULL) THEN
    RAISE EXCEPTION 'the name of job "sambapos:feeds" is taken by site "feeds"' USING ERRCODE = 'duplicate_object',
      HINT = 'Make a job of another name: SELECT cron.schedule(''feeds'', ''* * * * *'', ''CALL sambapos._tick_feeds()'').';
  END IF;
  PERFORM sambapos._cron_make_job('feeds', line, 'CALL sambapos._tick_feeds()');
END;
$$;
COMMENT ON FUNCTION sambapos._schedule_feeds(text) IS
  'Makes or changes pg_cron job sambapos:feeds, which ticks the feeds; raises 42710 if a site has that name';

-- The feeds that no site has: one of them, or NULL for all.
CREATE FUNCTION sambapos._schedule_is_of_feeds(name text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (SELECT FROM sambapos.change_feed AS f WHERE f.site_id IS NULL AND f.name = coalesce(_schedule_is_of_feeds.name, f.name));
$$;
COMMENT ON FUNCTION sambapos._schedule_is_of_feeds(text) IS
  'True if a name is that of a feed without a site; NULL: if there is one';

CREATE FUNCTION sambapos._schedule_command(site text, exactly boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT format('CALL sambapos._tick(%L%s)', site, CASE WHEN exactly THEN ', true' ELSE '' END); $$;
COMMENT ON FUNCTION sambapos._schedule_command(text, boolean) IS 'The command of a site''s job';

CREATE FUNCTION sambapos._schedule_check(schedule text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  old_cron text := (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'pg_cron'
                    AND e.extversion ~ '^1\.[0-4]($|\D)');
BEGIN
  IF schedule ~* '^\s*[1-5]?\d\s+seconds?\s*$' THEN
    IF old_cron IS NOT NULL THEN
      RAISE EXCEPTION 'pg_cron % has no schedules in seconds', old_cron USING
        ERRCODE = 'feature_not_supported',
        HINT = 'pg_cron 1.5 has. A cron line such as ''* * * * *'' runs every minute, as does the job without a '
               'schedule.';
    END IF;
  ELSIF schedule !~ '^\s*(\S+\s+){4}\S+\s*$' THEN
    RAISE EXCEPTION 'invalid schedule: "%"', schedule USING
      ERRCODE = 'invalid_parameter_value',
      HINT = 'A cron line has five fields (minute, hour, day, month, weekday; pg_cron counts in GMT), for '
             'example ''30 4 * * *''. '
             'Left out, the setting sync_interval says when.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._schedule_check(text) IS 'Raises 22023 if it cannot be a cron line; pg_cron looks closer';

-- The worker leaves a site with a cron line to its job.
CREATE FUNCTION sambapos._schedule_beside_worker(site_id integer, line text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF line IS NULL AND sambapos._worker_serves(site_id) THEN
    RAISE NOTICE 'the worker syncs site "%" already',
      (SELECT s.name FROM sambapos.site AS s WHERE s.site_id = _schedule_beside_worker.site_id)
      USING HINT = 'The job does nothing as long as the worker is on, and takes over when it is not.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._schedule_beside_worker(integer, text) IS
  'Says what a site has of a job that the background worker syncs';

-- Who schedules a copy may mean it, or may have followed a note for the original.
CREATE FUNCTION sambapos._schedule_in_copy(place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  reason text := sambapos._copied_reason(place.site_id);
BEGIN
  IF reason IS NOT NULL THEN
    RAISE NOTICE 'the job of site "%" does nothing yet: %', place.name, reason
      USING HINT = format('SELECT sambapos_resume(%L) lets its scheduled runs go on here.', place.name);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._schedule_in_copy(sambapos._place) IS
  'Says that a job is of no use before sambapos_resume is called';

CREATE FUNCTION @extschema@.sambapos_schedule(site text DEFAULT NULL, schedule text DEFAULT NULL)
RETURNS TABLE (job text, runs text, command text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
  line  text;
BEGIN
  PERFORM sambapos._schedule_check(schedule);
  IF sambapos._schedule_is_of_feeds(site) THEN
    PERFORM sambapos._schedule_feeds(coalesce(schedule, '* * * * *'));
    RETURN QUERY SELECT 'sambapos:feeds'::text, coalesce(schedule, '* * * * *'), 'CALL sambapos._tick_feeds()'::text;
  ELSIF site IS NOT NULL THEN
    PERFORM sambapos._site(site);
  END IF;
  FOR place IN SELECT * FROM sambapos._place AS s
               WHERE s.removed_at IS NULL AND (sambapos_schedule.site IS NULL OR s.name = sambapos_schedule.site)
                 ORDER BY s.name
  LOOP
    -- who mends a job, or schedules all sites, wants none to lose its own line
    line := coalesce(schedule, place.schedule);
    IF schedule IS NULL AND site IS NOT NULL AND line IS NOT NULL THEN
      RAISE NOTICE 'site "%" keeps its cron line "%"', site, line
        USING HINT = format('After SELECT sambapos_unschedule(%L) it has none, and sync_interval says when.', site);
    END IF;
    job := 'sambapos:' || place.name;
    runs := coalesce(line, '* * * * *');
    command := sambapos._schedule_command(place.name, line IS NOT NULL);
    PERFORM sambapos._cron_make_job(place.name, runs, command);
    PERFORM sambapos._schedule_compare(place.name, line, place.sync_interval);
    PERFORM sambapos._schedule_beside_worker(place.site_id, line);
    PERFORM sambapos._schedule_in_copy(place);
    UPDATE sambapos.site AS s SET schedule = line WHERE s.site_id = place.site_id;
    RETURN NEXT;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_schedule(text, text) IS
  'Makes or changes the pg_cron job sambapos:<site>, and makes it active. schedule: a cron line (GMT) at which it '
  'syncs, whatever the interval; set sync_interval to the distance of its runs, since the status light is measured by '
  'it. schedule NULL: the cron line that the site has; without one a cheap look every minute that syncs when the '
  'site''s sync_interval is over or a sync was requested. sambapos_unschedule takes a cron line away. site NULL: all '
  'sites, and job sambapos:feeds, which ticks the feeds, if there is one without a site. The name of such a feed: that job '
  'alone. Returns a row for each job, and a NOTICE where a job ran at other times. Errors: 42704 no such site, 22023 '
  'not a cron line, 0A000 seconds with pg_cron before 1.5, 55000 pg_cron is missing or in another database (the hint '
  'is what to type), 42501 the user may not use it, 42710 another database''s job has the name';

CREATE FUNCTION @extschema@.sambapos_unschedule(site text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  is_of_feeds boolean := site IS NOT NULL AND sambapos._schedule_is_of_feeds(site);
  place sambapos._place;
  home  text := sambapos._cron_database();
BEGIN
  IF is_of_feeds THEN
    place.name := 'feeds';
  ELSE
    place := sambapos._site(site);
  END IF;
  IF home IS NOT NULL AND NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') THEN
    RAISE EXCEPTION 'pg_cron lives in database "%", and only there jobs can be dropped', home USING
      ERRCODE = 'object_not_in_prerequisite_state',
      HINT = sambapos._cron_drop_elsewhere(place.name);
  END IF;
  UPDATE sambapos.site AS s SET schedule = NULL WHERE s.site_id = place.site_id;
  IF home IS NOT NULL THEN -- it was here once
    RAISE NOTICE 'pg_cron lives in database "%", and only there jobs can be dropped', home
      USING HINT = sambapos._cron_drop_elsewhere(place.name);
    RETURN false;
  END IF;
  RETURN sambapos._cron_drop_job(place.name);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_unschedule(text) IS
  'Drops the pg_cron job of a site, and its cron line; of the name of a feed without a site, job sambapos:feeds. Returns false if this user has none. Errors: 42704 no such '
  'site, 55000 pg_cron is '
  'in another database (the hint is what to type)';
