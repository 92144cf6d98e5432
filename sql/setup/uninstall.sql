-- uninstall.sql: sambapos_uninstall: all that the extension has made outside of itself goes, or is put beside the data,
-- so that DROP EXTENSION needs no CASCADE.
--
-- Rules:
-- * All or nothing: what stands in the way is an error that names it, and nothing has changed.
-- * Nothing is dropped with CASCADE, and nothing of others at all. What others have made upon ours they drop or move.
-- * A site that is being synced is not taken away from its run.

CREATE FUNCTION sambapos._uninstall_check() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'sambapos_fdw'
                 AND pg_has_role(e.extowner, 'USAGE')) THEN
    RAISE EXCEPTION 'permission denied to uninstall' USING ERRCODE = 'insufficient_privilege',
      HINT = 'The owner of extension sambapos_fdw and superusers may.';
  END IF;
  PERFORM sambapos._check_isolation();
  PERFORM sambapos._catalog_check();
  LOCK TABLE sambapos.site IN SHARE ROW EXCLUSIVE MODE;
  PERFORM sambapos._problem_raise(sambapos._schema_problem('sambapos_replica'));
  FOR place IN SELECT * FROM sambapos._place AS s ORDER BY s.site_id LOOP
    PERFORM sambapos._site_lock(place.site_id);
    PERFORM sambapos._problem_raise(sambapos._site_problem(place));
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._uninstall_check() IS
  'Locks all sites; raises what keeps the extension from being uninstalled by the role that runs';

-- pg_cron's jobs are no objects, so no DROP EXTENSION takes them.
CREATE FUNCTION sambapos._uninstall_jobs(keeps boolean) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  site text;
BEGIN
  FOR site IN SELECT s.name FROM sambapos.site AS s ORDER BY 1 LOOP
    IF sambapos._cron_drop_job(site) THEN
      PERFORM sambapos._kept_add('job', site, '{}') WHERE keeps;
      RETURN NEXT 'sambapos:' || site;
    ELSIF sambapos._cron_database() IS NOT NULL THEN
      RAISE NOTICE 'a pg_cron job of site "%", if there is one, cannot be dropped from this database', site
        USING HINT = sambapos._cron_drop_elsewhere(site);
    END IF;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._uninstall_jobs(boolean) IS 'Drops the pg_cron jobs of all sites, and says which';

CREATE FUNCTION sambapos._uninstall_views(keeps boolean) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  view record;
  dropped bigint := 0;
BEGIN
  FOR view IN SELECT n.name, to_regclass(format('sambapos_report.%I', n.name)) AS id
              FROM (SELECT t FROM sambapos._replica_tables() AS t WHERE sambapos._replica_kind(t) = 'replica'
                    UNION SELECT r FROM unnest(sambapos._report_names()) AS r) AS n (name) LOOP
    CONTINUE WHEN view.id IS NULL;
    PERFORM sambapos._kept_add('view', view.name, sambapos._keep_privileges(view.id)) WHERE keeps;
    IF view.name = ANY (sambapos._report_names()) THEN
      PERFORM sambapos._problem_raise(sambapos._relation_problem('sambapos_report', view.name, 'v', 'a view'));
      PERFORM sambapos._report_view_drop(view.name);
    ELSE
      PERFORM sambapos._counted_drop(view.name);
    END IF;
    dropped := dropped + 1;
  END LOOP;
  RETURN dropped;
END;
$$;
COMMENT ON FUNCTION sambapos._uninstall_views(boolean) IS
  'Drops the views of replica tables and the reports, and keeps who could read them';

-- A schema in which others have made something stays: it is no member of the extension.
CREATE FUNCTION sambapos._schema_drop_empty(name name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format('DROP SCHEMA %I', name);
  RETURN 'dropped';
EXCEPTION WHEN dependent_objects_still_exist THEN
  RETURN 'stays: something of yours is in it';
END;
$$;
COMMENT ON FUNCTION sambapos._schema_drop_empty(name) IS 'Drops a schema if nothing is in it, and says whether';

CREATE FUNCTION sambapos._uninstall_live(place sambapos._place) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass;
BEGIN
  FOR relation IN SELECT c.oid FROM sambapos._table AS t
                  JOIN pg_class AS c ON c.oid = sambapos._live_named(place, t.table_name) AND c.relkind = 'f'
                  WHERE t.site_id = place.site_id LOOP
    EXECUTE format('DROP FOREIGN TABLE %s', relation);
  END LOOP;
  RETURN sambapos._schema_drop_empty(n.nspname) FROM pg_namespace AS n
         WHERE n.nspname = sambapos._live_schema(place.name);
END;
$$;
COMMENT ON FUNCTION sambapos._uninstall_live(sambapos._place) IS
  'Drops the foreign tables of a site, and their schema if that is empty then; NULL: there was none';

-- What another installation has to be told by whom it is called.
CREATE FUNCTION sambapos._keep_levels() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT sambapos._kept_add('level', g.role_name, jsonb_build_object('level', g.level, 'sites', g.sites))
  FROM sambapos.role_grant AS g;
$$;
COMMENT ON FUNCTION sambapos._keep_levels() IS 'Keeps which roles have a level of sambapos_grant, and for which sites';

CREATE FUNCTION sambapos._uninstall_catalog(keeps boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass;
BEGIN
  PERFORM sambapos._keep_catalog() WHERE keeps;
  FOR relation IN SELECT r FROM sambapos._catalog_relations('r') AS r LOOP
    EXECUTE format('DELETE FROM %s', relation);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._uninstall_catalog(boolean) IS 'Empties the catalog, and keeps what was in it';

-- Tables that others have made in the schema, or that belong to others, are not ours.
CREATE FUNCTION sambapos._uninstall_replica() RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  dropped name;
BEGIN
  FOR dropped IN SELECT t FROM sambapos._replica_tables() AS t LOOP
    PERFORM sambapos._report_views_drop(sambapos._replica_table(dropped));
    EXECUTE format('DROP TABLE sambapos_replica.%I', dropped);
    RETURN NEXT dropped;
  END LOOP;
  IF sambapos._kept_table() IS NOT NULL THEN
    DROP TABLE sambapos_replica.sambapos_uninstalled;
  END IF;
  IF EXISTS (SELECT FROM pg_proc AS p WHERE p.oid = to_regprocedure('sambapos_replica.keep_history()')
             AND sambapos._role_is_trusted(p.proowner)
             AND NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgfoid = p.oid)) THEN
    DROP FUNCTION sambapos_replica.keep_history();
  END IF;
  IF EXISTS (SELECT FROM pg_proc AS p WHERE p.oid = to_regprocedure('sambapos_replica.sites_of_reader()')
             AND sambapos._role_is_trusted(p.proowner)) THEN
    DROP FUNCTION sambapos_replica.sites_of_reader(); -- what else calls it is an error, as with the tables
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._uninstall_replica() IS 'Drops the tables of the replica, with all their rows';

-- PostgreSQL itself is asked, and what it does is undone: it knows all that can depend on an extension.
CREATE FUNCTION sambapos._uninstall_rest() RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  rest text;
BEGIN
  PERFORM set_config('lock_timeout', '5s', true);
  DROP EXTENSION sambapos_fdw;
  RAISE EXCEPTION 'undone' USING ERRCODE = 'SP001';
EXCEPTION
  WHEN dependent_objects_still_exist THEN
    GET STACKED DIAGNOSTICS rest = PG_EXCEPTION_DETAIL;
    RETURN rest;
  WHEN SQLSTATE 'SP001' OR lock_not_available OR object_in_use OR insufficient_privilege THEN
    RETURN NULL; -- nothing stands in the way, or it cannot be tried now: DROP EXTENSION will say it
END;
$$;
COMMENT ON FUNCTION sambapos._uninstall_rest() IS
  'What would make DROP EXTENSION fail without CASCADE, in PostgreSQL''s words; NULL: nothing that is known';

CREATE FUNCTION sambapos._uninstall_raise(detail text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF detail IS NOT NULL THEN
    RAISE EXCEPTION 'the extension cannot be uninstalled: other objects depend on it' USING
      ERRCODE = 'dependent_objects_still_exist', DETAIL = detail,
      HINT = 'Nothing was changed. Drop or move what is named, then call sambapos_uninstall again.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._uninstall_raise(text) IS 'Raises 2BP01 with what depends on the extension';

CREATE FUNCTION sambapos._uninstall_objects(keeps boolean) RETURNS TABLE (object text, action text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
  detail text;
BEGIN
  RETURN QUERY SELECT 'job ' || j, 'dropped' FROM sambapos._uninstall_jobs(keeps) AS j;
  RETURN QUERY SELECT 'job sambapos:feeds'::text, 'dropped'::text WHERE sambapos._cron_drop_job('feeds');
  PERFORM sambapos._keep_levels() WHERE keeps;
  PERFORM sambapos._feed_capture_drop(e) FROM sambapos.feed_entity AS e;
  RETURN QUERY SELECT 'views in sambapos_report', format('%s dropped', sambapos._uninstall_views(keeps));
  FOR place IN SELECT * FROM sambapos._place AS s ORDER BY s.name LOOP
    PERFORM sambapos._keep_live(place) WHERE keeps;
    RETURN QUERY SELECT 'schema ' || sambapos._live_schema(place.name), d FROM sambapos._uninstall_live(place) AS d
                 WHERE d IS NOT NULL;
  END LOOP;
  RETURN QUERY SELECT format('server %s', s.srvname), sambapos._keep_server(s.srvname, keeps)
               FROM pg_foreign_server AS s JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
               WHERE w.fdwname = 'sambapos_fdw' AND s.srvname IN (SELECT k.server FROM sambapos.site AS k)
               ORDER BY s.srvname;
  RETURN QUERY SELECT 'site ' || s.name, CASE WHEN keeps THEN 'settings and state kept' ELSE 'forgotten' END
               FROM sambapos.site AS s ORDER BY s.name;
  RETURN QUERY SELECT 'feed ' || f.name, CASE WHEN keeps THEN 'settings and state kept' ELSE 'forgotten' END
               FROM sambapos.change_feed AS f WHERE f.site_id IS NULL ORDER BY f.name;
  RETURN QUERY SELECT 'copy ' || f.name, CASE WHEN keeps THEN 'settings and state kept' ELSE 'forgotten' END || '; its tables stay'
               FROM sambapos.follow AS f ORDER BY f.name;
  PERFORM sambapos._uninstall_catalog(keeps);
EXCEPTION WHEN dependent_objects_still_exist THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  PERFORM sambapos._uninstall_raise(detail);
END;
$$;
COMMENT ON FUNCTION sambapos._uninstall_objects(boolean) IS
  'Drops all that the extension has made outside of itself but the replica, and keeps what it was';

CREATE FUNCTION sambapos._uninstall_rows() RETURNS TABLE (object text, action text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  detail text;
BEGIN
  RETURN QUERY SELECT 'table sambapos_replica.' || t, 'dropped' FROM sambapos._uninstall_replica() AS t;
  RETURN QUERY SELECT 'schema ' || n.nspname, sambapos._schema_drop_empty(n.nspname)
               FROM pg_namespace AS n WHERE n.nspname = 'sambapos_replica';
EXCEPTION WHEN dependent_objects_still_exist THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  PERFORM sambapos._uninstall_raise(detail);
END;
$$;
COMMENT ON FUNCTION sambapos._uninstall_rows() IS 'Drops the replica; raises 2BP01 if something of others is upon it';

CREATE FUNCTION @extschema@.sambapos_uninstall(keep_data boolean DEFAULT true)
RETURNS TABLE (object text, action text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  keeps boolean := keep_data AND (EXISTS (SELECT FROM sambapos.site) OR EXISTS (SELECT FROM sambapos.change_feed)
                                 OR EXISTS (SELECT FROM sambapos.follow));
BEGIN
  IF keep_data IS NULL THEN
    RAISE EXCEPTION 'keep_data must not be NULL' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  PERFORM sambapos._uninstall_check();
  PERFORM sambapos._kept_create() WHERE keeps;
  RETURN QUERY SELECT * FROM sambapos._uninstall_objects(keeps);
  IF NOT keep_data THEN
    RETURN QUERY SELECT * FROM sambapos._uninstall_rows();
  ELSE
    RETURN QUERY SELECT 'table sambapos_replica.' || t, 'stays' FROM sambapos._replica_tables() AS t;
  END IF;
  PERFORM sambapos._uninstall_raise(sambapos._uninstall_rest());
  RETURN QUERY SELECT 'extension sambapos_fdw', 'DROP EXTENSION sambapos_fdw; takes it away';
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_uninstall(boolean) IS
  'Before DROP EXTENSION, which then needs no CASCADE. Drops the jobs, the views in sambapos_report, the live schemas '
  'and the servers of the sites, and empties the catalog. keep_data: the replica stays, and settings, state, servers '
  'and foreign tables are kept in table sambapos_replica.sambapos_uninstalled, without passwords; sambapos_adopt takes '
  'them back, in this installation or a later one. Otherwise the replica is dropped too. What others have made stays. '
  'Returns a row for each object. Errors: 2BP01 something of others depends on it (the detail names it; nothing was '
  'changed), 55P03 a run is running, 55000 what was kept before is still there, 42501 the caller may not';
