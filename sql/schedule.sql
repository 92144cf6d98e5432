-- schedule.sql: pg_cron jobs, one a site.
--
-- Rules:
-- * pg_cron is optional: nothing here names an object of it outside EXECUTE, so that the extension
--   installs without it.
-- * A job is a tick: it looks at the catalog and, when nothing is due, costs one row read. Whether a
--   run is due, and that only one runs at a time, is sambapos_run's affair (run.sql).
-- * Where a job can't be made the error says the exact thing to type.

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
    UPDATE sambapos.site AS s SET next_due_at = now() WHERE s.name = _tick.site AND s.removed_at IS NULL;
    COMMIT;
    SET LOCAL search_path TO pg_catalog, pg_temp;
  END IF;
  SELECT greatest(20.0 * due.place / due.sites, extract(epoch FROM due.next_due_at - clock_timestamp())) INTO wait
  FROM (SELECT s.name, s.next_due_at, row_number() OVER (ORDER BY s.priority DESC, s.site_id) - 1 AS place, count(*) OVER () AS sites
        FROM sambapos.site AS s
        WHERE s.removed_at IS NULL AND s.enabled AND s.paused_reason IS NULL AND sambapos._switched_on()
          AND s.requested_at IS NULL AND NOT s.auth_failed AND s.next_due_at <= clock_timestamp() + interval '30 seconds') AS due
  WHERE due.name = _tick.site;
  COMMIT; -- no snapshot is held while it waits
  SET LOCAL search_path TO pg_catalog, pg_temp;
  IF wait > 0 THEN
    PERFORM pg_sleep(wait);
  END IF;
  CALL sambapos._run_due(site);
END;
$$;
COMMENT ON PROCEDURE sambapos._tick(text, boolean) IS 'What a site''s pg_cron job calls: sambapos_run after a short wait that spreads the sites. exactly: the site is due now, whatever its interval';

-- ---- where pg_cron is ----

CREATE FUNCTION sambapos._cron_here() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron'); $$;
COMMENT ON FUNCTION sambapos._cron_here() IS 'True if pg_cron is in this database';

-- shared_preload_libraries and cron.database_name are shown to superusers only; to others the steps
-- are given without the present values. No ALTER SYSTEM: it doesn't know cron.* before pg_cron is loaded.
CREATE FUNCTION sambapos._cron_steps() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN EXISTS (SELECT FROM pg_available_extensions AS a WHERE a.name = 'pg_cron') THEN ''
              ELSE format(E'apt-get install postgresql-%s-cron\n', current_setting('server_version_num')::integer / 10000) END
      || CASE WHEN EXISTS (SELECT FROM pg_settings AS s WHERE s.name = 'cron.use_background_workers') THEN ''
              ELSE format(E'in postgresql.conf: shared_preload_libraries = %L\n'
                           '                    cron.database_name = %L\n'
                           '                    cron.use_background_workers = on\n'
                           'restart PostgreSQL\n',
                          concat_ws(', ', (SELECT nullif(s.setting, '') FROM pg_settings AS s WHERE s.name = 'shared_preload_libraries'),
                                    'pg_cron'),
                          current_database()) END
      || format('in database %s, as a superuser: CREATE EXTENSION pg_cron; GRANT USAGE ON SCHEMA cron TO %s;',
                quote_ident(current_database()), quote_ident(current_user));
$$;
COMMENT ON FUNCTION sambapos._cron_steps() IS 'What is left to do until pg_cron is in this database, a step a line';

CREATE FUNCTION sambapos._cron_database() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT s.setting FROM pg_settings AS s WHERE s.name = 'cron.database_name' AND s.setting <> current_database(); $$;
COMMENT ON FUNCTION sambapos._cron_database() IS 'The other database pg_cron lives in; NULL: this one, not loaded, or not for this user to see';

CREATE FUNCTION sambapos._job_command(site text, exactly boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT format('CALL sambapos._tick(%L%s)', site, CASE WHEN exactly THEN ', true' ELSE '' END); $$;
COMMENT ON FUNCTION sambapos._job_command(text, boolean) IS 'The command of a site''s job';

-- ---- making and dropping jobs ----

CREATE FUNCTION sambapos._check_schedule(schedule text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF schedule !~ '^\s*(\S+\s+){4}\S+\s*$' AND schedule !~* '^\s*[1-5]?\d\s+seconds?\s*$' THEN
    RAISE EXCEPTION 'invalid schedule: "%"', schedule USING
      ERRCODE = 'invalid_parameter_value',
      HINT = 'A cron line has five fields (minute, hour, day, month, weekday; pg_cron counts in GMT), for example ''30 4 * * *''.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._check_schedule(text) IS 'Raises 22023 if it can''t be a cron line; pg_cron looks closer';

CREATE FUNCTION sambapos._make_job(site text, schedule text, command text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  home text := sambapos._cron_database();
BEGIN
  IF sambapos._cron_here() THEN
    -- A job keeps the cron.host it was made with: one that can't log in is made anew.
    IF sambapos._cron_complaint(site) LIKE 'pg_cron could not log in%' THEN
      PERFORM sambapos._drop_job(site);
    END IF;
    EXECUTE 'SELECT cron.schedule($1, $2, $3)' USING 'sambapos:' || site, schedule, command;
  ELSIF home IS NOT NULL THEN
    RAISE EXCEPTION 'pg_cron lives in database "%", and only there jobs can be made', home USING
      ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('Type in database %s%s: SELECT cron.schedule_in_database(%L, %L, %L, %L, %L);', quote_ident(home),
                    ', as a superuser (CREATE EXTENSION pg_cron there if it says that schema cron does not exist)',
                    'sambapos:' || site, schedule, command, current_database(), current_user),
      DETAIL = format('If job "%s" there is another database''s, such as that of the original of this copy, give this one another name; otherwise that job is changed.',
                      'sambapos:' || site);
  ELSE
    RAISE EXCEPTION 'pg_cron is not in database "%"', current_database() USING
      ERRCODE = 'object_not_in_prerequisite_state',
      HINT = E'Do what of this isn''t done yet, then call sambapos_schedule again:\n' || sambapos._cron_steps();
  END IF;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE EXCEPTION 'user "%" may not make pg_cron jobs', current_user USING
    ERRCODE = 'insufficient_privilege',
    DETAIL = SQLERRM,
    HINT = format('A superuser types: GRANT USAGE ON SCHEMA cron TO %s;', quote_ident(current_user));
END;
$$;
COMMENT ON FUNCTION sambapos._make_job(text, text, text) IS 'Makes or changes the pg_cron job sambapos:<site>; where it can''t, raises 55000 or 42501 with what to type';

CREATE FUNCTION sambapos._drop_job(site text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  dropped bigint := 0;
BEGIN
  IF sambapos._cron_here() AND has_schema_privilege('cron', 'USAGE') THEN
    EXECUTE 'SELECT count(cron.unschedule(j.jobid)) FROM cron.job AS j WHERE j.jobname = $1 AND j.database = current_database()'
      INTO dropped USING 'sambapos:' || site;
  END IF;
  RETURN dropped > 0;
END;
$$;
COMMENT ON FUNCTION sambapos._drop_job(text) IS 'Drops the pg_cron job of a site where there is one and the user may; says whether it did';

CREATE FUNCTION @extschema@.sambapos_schedule(site text DEFAULT NULL, schedule text DEFAULT NULL)
RETURNS TABLE (job text, runs text, command text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos.site;
BEGIN
  IF site IS NOT NULL THEN
    PERFORM sambapos._site(site);
  END IF;
  PERFORM sambapos._check_schedule(schedule);
  runs := coalesce(schedule, '* * * * *');
  FOR place IN SELECT * FROM sambapos.site AS s
               WHERE s.removed_at IS NULL AND (sambapos_schedule.site IS NULL OR s.name = sambapos_schedule.site) ORDER BY s.name
  LOOP
    job := 'sambapos:' || place.name;
    command := sambapos._job_command(place.name, schedule IS NOT NULL);
    PERFORM sambapos._make_job(place.name, runs, command);
    UPDATE sambapos.site AS s SET schedule = sambapos_schedule.schedule WHERE s.site_id = place.site_id;
    RETURN NEXT;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_schedule(text, text) IS
'Makes or changes the pg_cron job sambapos:<site>, of all sites when site is NULL. schedule NULL: a cheap look every minute that syncs when the site''s sync_interval is over or a sync was requested. schedule: a cron line (GMT) at which it syncs, whatever the interval; set sync_interval to the distance of its runs, since the status light is measured by it. Returns a row a job. Errors: 42704 no such site, 22023 not a cron line, 55000 pg_cron is missing or in another database (the hint is what to type), 42501 the user may not use it';

CREATE FUNCTION @extschema@.sambapos_unschedule(site text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos.site := sambapos._site(site);
  home  text := sambapos._cron_database();
BEGIN
  IF NOT sambapos._cron_here() AND home IS NOT NULL THEN
    RAISE EXCEPTION 'pg_cron lives in database "%", and only there jobs can be dropped', home USING
      ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('Type in database %s: SELECT cron.unschedule(jobid) FROM cron.job WHERE database = %L AND command IN (%L, %L);',
                    quote_ident(home), current_database(), sambapos._job_command(place.name, false), sambapos._job_command(place.name, true));
  END IF;
  UPDATE sambapos.site AS s SET schedule = NULL WHERE s.site_id = place.site_id;
  RETURN sambapos._drop_job(site);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_unschedule(text) IS
'Drops the pg_cron job of a site. Returns false if this user has none. Errors: 42704 no such site, 55000 pg_cron is in another database (the hint is what to type)';

-- ---- how the job fares ----

-- The newest run of the job as pg_cron saw it. What the run itself met is in sambapos.run; here it is
-- what happens before that: no login, no database, no rights.
CREATE FUNCTION sambapos._cron_complaint(site text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  job record;
BEGIN
  IF NOT sambapos._cron_here() OR NOT has_schema_privilege('cron', 'USAGE') THEN
    RETURN NULL;
  END IF;
  EXECUTE 'SELECT j.username, j.active, d.status, d.return_message
           FROM cron.job AS j
           LEFT JOIN LATERAL (SELECT d.status, d.return_message FROM cron.job_run_details AS d
                              WHERE d.jobid = j.jobid ORDER BY d.runid DESC LIMIT 1) AS d ON true
           WHERE j.jobname = $1 AND j.database = current_database()'
    INTO job USING 'sambapos:' || site;
  RETURN CASE
    WHEN job IS NULL THEN 'no pg_cron job of this user: see sambapos_schedule'
    WHEN NOT job.active THEN 'its pg_cron job is not active'
    -- What a run raised itself begins with its site and is in the run log.
    WHEN job.status IS DISTINCT FROM 'failed' OR job.return_message ~ '^(ERROR:\s+)?site ' THEN NULL
    WHEN job.return_message ~* 'connection|could not connect|authentication' THEN
      format('pg_cron could not log in as "%s" (%s): set cron.use_background_workers = on and restart, '
             'or see "pg_cron''s own login" in the manual',
             job.username, btrim(regexp_replace(job.return_message, '\s+', ' ', 'g')))
    ELSE format('its pg_cron job fails: %s', split_part(job.return_message, E'\n', 1))
  END;
EXCEPTION WHEN insufficient_privilege OR undefined_table OR undefined_column THEN
  RETURN NULL; -- another user's pg_cron, or another version of it: nothing can be said
END;
$$;
COMMENT ON FUNCTION sambapos._cron_complaint(text) IS 'What keeps a site''s pg_cron job from running, as far as this user can see; NULL: nothing known';
