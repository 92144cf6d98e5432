-- cron.sql: pg_cron, where it is, and its jobs.
--
-- Rules:
-- * pg_cron is optional: nothing here names an object of it outside EXECUTE, so that the extension
--   installs without it.
-- * Where a job can't be made the error says the exact thing to type.

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
COMMENT ON FUNCTION sambapos._cron_database() IS
  'The other database pg_cron lives in; NULL: this one, not loaded, or not for this user to see';

-- Any role that may use pg_cron can make a job that is called like ours.
CREATE FUNCTION sambapos._cron_is_ours(username text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT username = current_user
      OR EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = 'sambapos_replica' AND pg_get_userbyid(n.nspowner) = username)
      OR EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = username AND r.rolsuper);
$$;
COMMENT ON FUNCTION sambapos._cron_is_ours(text) IS
  'True if a job of this user can be the one that syncs: the caller''s, a superuser''s, or the owner''s of the '
  'replica';

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
           WHERE j.jobname = $1 AND j.database = current_database() AND sambapos._cron_is_ours(j.username)'
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
COMMENT ON FUNCTION sambapos._cron_complaint(text) IS
  'What keeps a site''s pg_cron job from running, as far as this user can see; NULL: nothing known';

CREATE FUNCTION sambapos._cron_drop_job(site text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  dropped bigint := 0;
BEGIN
  IF sambapos._cron_here() AND has_schema_privilege('cron', 'USAGE') THEN
    EXECUTE 'SELECT count(cron.unschedule(j.jobid)) FROM cron.job AS j WHERE j.jobname = $1 AND j.database = current_database() AND sambapos._cron_is_ours(j.username)'
      INTO dropped USING 'sambapos:' || site;
  END IF;
  RETURN dropped > 0;
END;
$$;
COMMENT ON FUNCTION sambapos._cron_drop_job(text) IS
  'Drops the pg_cron job of a site where there is one and the user may; says whether it did';

CREATE FUNCTION sambapos._cron_make_job(site text, schedule text, command text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  home text := sambapos._cron_database();
BEGIN
  IF sambapos._cron_here() THEN
    -- A job keeps the cron.host it was made with: one that can't log in is made anew.
    IF sambapos._cron_complaint(site) LIKE 'pg_cron could not log in%' THEN
      PERFORM sambapos._cron_drop_job(site);
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
COMMENT ON FUNCTION sambapos._cron_make_job(text, text, text) IS
  'Makes or changes the pg_cron job sambapos:<site>; where it can''t, raises 55000 or 42501 with what to type';
