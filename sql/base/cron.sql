-- cron.sql: pg_cron, where it is, and its jobs.
--
-- Rules:
-- * pg_cron is optional: nothing here names an object of it outside EXECUTE, so that the extension
--   installs without it.
-- * Where a job cannot be made the error says the exact thing to type.

CREATE FUNCTION sambapos._cron_database() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT s.setting FROM pg_settings AS s WHERE s.name = 'cron.database_name' AND s.setting <> current_database(); $$;
COMMENT ON FUNCTION sambapos._cron_database() IS
  'The other database pg_cron lives in; NULL: this one, not loaded, or not for this user to see';

-- The extension stays in a database that pg_cron has left: jobs can be made there, and nobody runs them.
CREATE FUNCTION sambapos._cron_here() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') AND sambapos._cron_database() IS NULL;
$$;
COMMENT ON FUNCTION sambapos._cron_here() IS 'True if pg_cron is in this database, as far as this user can see';

-- shared_preload_libraries and cron.database_name are shown to superusers only; to others the steps
-- are given without the present values. No ALTER SYSTEM: it does not know cron.* before pg_cron is loaded.
CREATE FUNCTION sambapos._cron_steps() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN EXISTS (SELECT FROM pg_available_extensions AS a WHERE a.name = 'pg_cron') THEN ''
              ELSE format(E'apt-get install postgresql-%s-cron\n',
                          current_setting('server_version_num')::integer / 10000) END
      || CASE WHEN EXISTS (SELECT FROM pg_settings AS s WHERE s.name = 'cron.use_background_workers') THEN ''
              ELSE format(E'in postgresql.conf: shared_preload_libraries = %L\n'
                           '                    cron.database_name = %L\n'
                           '                    cron.use_background_workers = on\n'
                           'restart PostgreSQL\n',
                          concat_ws(', ', (SELECT nullif(s.setting, '') FROM pg_settings AS s
                                           WHERE s.name = 'shared_preload_libraries'),
                                    'pg_cron'),
                          current_database()) END
      || format('in database %s, as a superuser: CREATE EXTENSION pg_cron; GRANT USAGE ON SCHEMA cron TO %s;',
                quote_ident(current_database()), quote_ident(current_user));
$$;
COMMENT ON FUNCTION sambapos._cron_steps() IS 'What is left to do until pg_cron is in this database, a step a line';

-- Any role that may use pg_cron can make a job that is called like ours.
CREATE FUNCTION sambapos._cron_is_ours(username text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT username = current_user
      OR EXISTS (SELECT FROM pg_namespace AS n
                 WHERE n.nspname = 'sambapos_replica' AND pg_get_userbyid(n.nspowner) = username)
      OR EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = username AND r.rolsuper);
$$;
COMMENT ON FUNCTION sambapos._cron_is_ours(text) IS
  'True if a job of this user can be the one that syncs: the caller''s, a superuser''s, or the owner''s of the '
  'replica';

-- A site's job is called sambapos:<site>, or sambapos:<site>:<anything> where another database of the cluster has a
-- site of that name. Renaming a database or a role leaves a job that cannot run any more: it is stale, and ours if it
-- could be by what of both is left.
CREATE FUNCTION sambapos._cron_jobs(site text)
RETURNS TABLE (job_id bigint, job_name text, schedule text, database text, username text, active boolean,
               is_stale boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF sambapos._cron_here() AND has_schema_privilege('cron', 'USAGE') THEN
    RETURN QUERY EXECUTE
      'SELECT * FROM (
         SELECT j.jobid, j.jobname::text, j.schedule, j.database, j.username, j.active,
                NOT EXISTS (SELECT FROM pg_database AS d WHERE d.datname = j.database)
                OR NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = j.username) AS is_stale
         FROM cron.job AS j
         WHERE (j.jobname = $1 OR starts_with(j.jobname, $1 || '':''))
           AND (j.database = current_database()
                OR NOT EXISTS (SELECT FROM pg_database AS d WHERE d.datname = j.database))
           AND (sambapos._cron_is_ours(j.username)
                OR NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = j.username))) AS j
       ORDER BY j.is_stale, j.username <> current_user, j.jobid' USING 'sambapos:' || site;
  END IF;
EXCEPTION WHEN insufficient_privilege OR undefined_table OR undefined_column THEN
  RETURN; -- another user's pg_cron, or another version of it: nothing can be said
END;
$$;
COMMENT ON FUNCTION sambapos._cron_jobs(text) IS
  'The pg_cron jobs of a site that this user can see, the one that counts first. is_stale: its database or role is '
  'not there, as after it was renamed';

-- The newest run of the job as pg_cron saw it. What the run itself met is in sambapos.run; here it is
-- what happens before that: no login, no database, no rights.
CREATE FUNCTION sambapos._cron_complaint(site text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  job record;
  status text;
  return_message text;
  anew text := format('SELECT sambapos_schedule(%L) makes it anew', site);
BEGIN
  IF NOT sambapos._cron_here() OR NOT has_schema_privilege('cron', 'USAGE') THEN
    RETURN NULL;
  END IF;
  SELECT * INTO job FROM sambapos._cron_jobs(site) LIMIT 1;
  EXECUTE 'SELECT d.status, d.return_message FROM cron.job_run_details AS d WHERE d.jobid = $1 '
          'ORDER BY d.runid DESC LIMIT 1'
    INTO status, return_message USING job.job_id;
  RETURN CASE
    WHEN job IS NULL THEN 'no pg_cron job of this user: see sambapos_schedule'
    WHEN job.is_stale THEN
      format('its pg_cron job is for database "%s" and role "%s", one of which was renamed or dropped: %s',
             job.database, job.username, anew)
    WHEN NOT job.active THEN format('its pg_cron job is not active: %s', anew)
    -- What a run raised itself begins with its site and is in the run log.
    WHEN status IS DISTINCT FROM 'failed' OR return_message ~ '^(ERROR:\s+)?site ' THEN NULL
    WHEN return_message ~* 'connection|could not connect|authentication' THEN
      format('pg_cron could not log in as "%s" (%s): set cron.use_background_workers = on and restart, '
             'or see "pg_cron''s own login" in the manual',
             job.username, btrim(regexp_replace(return_message, '\s+', ' ', 'g')))
    ELSE format('its pg_cron job fails: %s', split_part(return_message, E'\n', 1))
  END;
EXCEPTION WHEN insufficient_privilege OR undefined_table OR undefined_column THEN
  RETURN NULL;
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
    EXECUTE 'SELECT count(cron.unschedule(j.job_id)) FROM sambapos._cron_jobs($1) AS j' INTO dropped USING site;
  END IF;
  RETURN dropped > 0;
END;
$$;
COMMENT ON FUNCTION sambapos._cron_drop_job(text) IS
  'Drops the pg_cron job of a site where there is one and the user may; says whether it did';

-- pg_cron identifies a job by name and user, and would change that of another database.
CREATE FUNCTION sambapos._cron_check_name(name text, site text, line text, command text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  other text;
BEGIN
  EXECUTE 'SELECT j.database FROM cron.job AS j
           WHERE j.jobname = $1 AND j.username = current_user
             AND j.database <> current_database()' INTO other USING name;
  IF other IS NOT NULL THEN
    RAISE EXCEPTION 'there is a pg_cron job "%" already, for database "%"', name, other USING
      ERRCODE = 'duplicate_object',
      HINT = format('A superuser types, to give this one another name: SELECT '
                    'cron.schedule_in_database(%L, %L, %L, %L, %L);',
                    format('sambapos:%s:%s', site, current_database()), line, command,
                    current_database(), current_user);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._cron_check_name(text, text, text, text) IS
  'Raises 42710 if the name of a site''s job is taken by another database''s';

CREATE FUNCTION sambapos._cron_say_changes(site text, job record, line text, is_locked_out boolean) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF job.is_stale THEN
    RAISE NOTICE 'pg_cron job "%" for database "%" and role "%" is made anew', job.job_name, job.database, job.username;
  ELSIF is_locked_out THEN
    RAISE NOTICE 'pg_cron job "%" could not log in and is made anew', job.job_name;
  ELSIF NOT job.active THEN
    RAISE NOTICE 'pg_cron job "%" was not active, and is again', job.job_name;
  END IF;
  IF job.schedule <> line THEN
    RAISE NOTICE 'pg_cron job "%" ran at "%" until now', job.job_name, job.schedule
      USING HINT = format('SELECT sambapos_schedule(%L, %L) puts that back.', site, job.schedule);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._cron_say_changes(text, record, text, boolean) IS
  'What is different for a job that is there, as NOTICEs';

-- Changes the job that is there, else makes one. A job keeps the cron.host, database and state it was made with: what
-- cannot log in, is stale or not active is made anew, under its name. Of another user's job a superuser changes what is
-- wrong.
CREATE FUNCTION sambapos._cron_set_job(site text, line text, command text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  job  record;
  name text;
  is_locked_out boolean := coalesce(sambapos._cron_complaint(site) LIKE 'pg_cron could not log in%', false);
BEGIN
  FOR job IN SELECT * FROM sambapos._cron_jobs(site) LOOP
    name := coalesce(name, job.job_name);
    PERFORM sambapos._cron_say_changes(site, job, line, is_locked_out);
    IF is_locked_out OR NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = job.username)
       OR (job.username = current_user AND (job.is_stale OR NOT job.active)) THEN
      EXECUTE 'SELECT cron.unschedule($1)' USING job.job_id;
    ELSIF job.username <> current_user THEN
      EXECUTE 'SELECT cron.alter_job($1, schedule => $2, command => $3, database => $4, active => true)'
        USING job.job_id, line, command, current_database();
      RETURN;
    END IF;
  END LOOP;
  name := coalesce(name, 'sambapos:' || site);
  PERFORM sambapos._cron_check_name(name, site, line, command);
  EXECUTE 'SELECT cron.schedule($1, $2, $3)' USING name, line, command;
END;
$$;
COMMENT ON FUNCTION sambapos._cron_set_job(text, text, text) IS
  'Makes or changes a site''s job where pg_cron is in this database';

-- What makes or changes the job whichever database pg_cron lives in. Its job there may be of a database that had
-- another name then: pg_cron changes the time of a job that has the name already, and nothing else.
CREATE FUNCTION sambapos._cron_elsewhere(site text, line text, command text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname = %1$L AND username = %5$L '
                'AND database NOT IN (SELECT datname FROM pg_database); '
                'SELECT cron.schedule_in_database(%1$L, %2$L, %3$L, %4$L, %5$L);',
                'sambapos:' || site, line, command, current_database(), current_user);
$$;
COMMENT ON FUNCTION sambapos._cron_elsewhere(text, text, text) IS
  'The statements to type in another database that has pg_cron';

CREATE FUNCTION sambapos._cron_drop_elsewhere(site text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('Type in database %s: SELECT cron.unschedule(jobid) FROM cron.job '
                'WHERE database = %L AND (jobname = %L OR starts_with(jobname, %L));',
                quote_ident(sambapos._cron_database()), current_database(), 'sambapos:' || site,
                'sambapos:' || site || ':');
$$;
COMMENT ON FUNCTION sambapos._cron_drop_elsewhere(text) IS
  'What drops a site''s job where pg_cron is in another database';

CREATE FUNCTION sambapos._cron_make_job(site text, line text, command text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  home text := sambapos._cron_database();
BEGIN
  IF sambapos._cron_here() THEN
    PERFORM sambapos._cron_set_job(site, line, command);
  ELSIF home IS NOT NULL THEN
    RAISE EXCEPTION 'pg_cron lives in database "%", and only there jobs can be made', home USING
      ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('Type in database %s, as a superuser (CREATE EXTENSION pg_cron there if it says that schema cron '
                    'does not exist): %s', quote_ident(home), sambapos._cron_elsewhere(site, line, command)),
      DETAIL = format('If job "%s" there is another database''s, such as that of the original of this copy, give this '
                      'one another name; otherwise that job is changed.', 'sambapos:' || site);
  ELSE
    RAISE EXCEPTION 'pg_cron is not in database "%"', current_database() USING
      ERRCODE = 'object_not_in_prerequisite_state',
      HINT = E'Do those of these steps that are not done yet, then call sambapos_schedule '
              'again:\n' || sambapos._cron_steps()
             || CASE WHEN NOT pg_has_role('pg_read_all_settings', 'USAGE')
                     THEN format(E'\nIf a superuser says that cron.database_name is another database, type there: %s',
                                 sambapos._cron_elsewhere(site, line, command)) ELSE '' END;
  END IF;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE EXCEPTION 'user "%" may not make pg_cron jobs', current_user USING
    ERRCODE = 'insufficient_privilege',
    DETAIL = SQLERRM,
    HINT = format('A superuser types: GRANT USAGE ON SCHEMA cron TO %s;', quote_ident(current_user));
END;
$$;
COMMENT ON FUNCTION sambapos._cron_make_job(text, text, text) IS
  'Makes or changes the pg_cron job sambapos:<site>; where it cannot, raises 55000 or 42501 with what to type';
