-- grant.sql: sambapos_grant: who may look, operate, sync.

-- What a level may call. Functions of schema sambapos run with the rights of whoever calls them; those that
-- reach a source, and what changes history, are for the level that syncs.
CREATE FUNCTION sambapos._grant_routines(level text) RETURNS SETOF regprocedure
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT p.oid::regprocedure
  FROM pg_extension AS e
  JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
    AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
  JOIN pg_proc AS p ON p.oid = d.objid
  WHERE e.extname = 'sambapos_fdw'
    AND CASE WHEN p.pronamespace = 'sambapos'::regnamespace
               THEN level = 'admin' OR (p.prokind = 'f' AND p.proname <> '_history_rewrite'
                                        AND (p.proname IN ('_worker_turns', '_live_columns') -- they read the catalog
                                             OR p.prolang <> (SELECT l.oid FROM pg_language AS l
                                                              WHERE l.lanname = 'c')))
             WHEN p.pronamespace = 'sambapos_report'::regnamespace THEN true
             WHEN p.proname IN ('sambapos_safe_json', 'sambapos_tag_value') THEN true
             WHEN p.proname IN ('sambapos_changes', 'sambapos_check_for_updates', 'sambapos_wait_for_change',
                                'sambapos_full_payload', 'sambapos_full_rows', 'sambapos_delta_payload',
                                'sambapos_value') THEN true
             WHEN level = 'reader' THEN p.proname IN ('sambapos_status', 'sambapos_request', 'sambapos_verify_archive',
                                                      'sambapos_restatements', 'sambapos_archive_rows')
             WHEN level = 'operator' THEN p.proname IN ('sambapos_status', 'sambapos_configure',
                                                        'sambapos_request_sync', 'sambapos_request',
                                                        'sambapos_verify_archive', 'sambapos_restatements',
                                                        'sambapos_archive_rows', 'sambapos_archive_uploaded')
             ELSE p.proname NOT IN ('sambapos_grant') END;
$$;
COMMENT ON FUNCTION sambapos._grant_routines(text) IS 'The routines that a level of sambapos_grant may call';

CREATE FUNCTION sambapos._grant_check(role text, level text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  levels CONSTANT text[] := '{none,reader,operator,admin}';
BEGIN
  IF level IS NULL OR level <> ALL (levels) THEN
    RAISE EXCEPTION 'unknown level "%"', coalesce(level, 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'The levels are none, reader, operator and admin.';
  ELSIF role IS NULL OR NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = role) THEN
    RAISE EXCEPTION 'role "%" does not exist', coalesce(role, 'NULL') USING ERRCODE = 'undefined_object',
      HINT = 'CREATE ROLE makes one.';
  ELSIF NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'sambapos_fdw'
                    AND pg_has_role(e.extowner, 'USAGE')) THEN
    RAISE EXCEPTION 'permission denied to grant a level' USING ERRCODE = 'insufficient_privilege',
      HINT = 'The owner of extension sambapos_fdw and superusers may.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._grant_check(text, text) IS 'Raises what is wrong with a call of sambapos_grant';

-- The replica and the views over it are not the extension's: their owner's rights are needed to open them. What is made
-- later is opened when it is made (_readers_grant).
CREATE FUNCTION sambapos._grant_replica(role text, level text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  opened name;
BEGIN
  FOREACH opened IN ARRAY '{sambapos_replica,sambapos_report}'::name[] LOOP
    CONTINUE WHEN to_regnamespace(opened::text) IS NULL
               OR role = (SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace AS n WHERE n.nspname = opened);
    EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %I', opened, role);
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', opened, role);
    IF level <> 'none' THEN
      EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', opened, role);
      EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO %I', opened, role);
    END IF;
  END LOOP;
  IF level = 'admin' THEN
    EXECUTE format('GRANT CREATE ON SCHEMA sambapos_report TO %I', role);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._grant_replica(text, text) IS
  'Opens the replica and the views over it for reading, or closes them';

CREATE FUNCTION @extschema@.sambapos_grant(role text, level text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  home regnamespace := (SELECT e.extnamespace FROM pg_extension AS e WHERE e.extname = 'sambapos_fdw');
  routine regprocedure;
BEGIN
  PERFORM sambapos._grant_check(role, level);
  FOR routine IN SELECT sambapos._grant_routines('admin') LOOP
    EXECUTE format('REVOKE ALL ON ROUTINE %s FROM %I', routine, role);
  END LOOP;
  EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA sambapos FROM %I', role);
  EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA sambapos FROM %I', role);
  EXECUTE format('REVOKE ALL ON SCHEMA sambapos FROM %I', role);
  PERFORM sambapos._grant_replica(role, 'none');
  IF level = 'none' THEN
    RETURN;
  END IF;
  EXECUTE format('GRANT USAGE ON SCHEMA sambapos, %s TO %I', home, role);
  EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA sambapos TO %I', role);
  FOR routine IN SELECT sambapos._grant_routines(level) LOOP
    EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', routine, role);
  END LOOP;
  IF level = 'operator' THEN
    -- the settings that sambapos_configure knows, column by column: not names, servers or what a table is
    EXECUTE format('GRANT UPDATE (%s) ON sambapos.site TO %I',
                   (SELECT string_agg(quote_ident(s.setting), ', ') FROM sambapos._settings() AS s
                    WHERE s.scope = 'site'), role);
    EXECUTE format('GRANT UPDATE (reread_at, %s) ON sambapos.replicated_table TO %I',
                   (SELECT string_agg(CASE s.setting WHEN 'history' THEN 'history_choice'
                                                     ELSE quote_ident(s.setting) END, ', ')
                    FROM sambapos._settings() AS s WHERE s.scope = 'table' AND s.setting <> 'personal'), role);
    EXECUTE format('GRANT INSERT (site, table_name, setting, old_value, new_value) ON sambapos.setting_change TO %I',
                   role);
    EXECUTE format('GRANT USAGE ON SEQUENCE sambapos.setting_change_change_id_seq TO %I', role);
    EXECUTE format('GRANT INSERT, UPDATE, DELETE ON sambapos.global_setting, sambapos.personal_treatment TO %I', role);
    EXECUTE format('GRANT UPDATE (uploaded_at, uploaded_by, url) ON sambapos.archive_export TO %I', role);
    EXECUTE format('GRANT INSERT (site_id) ON sambapos.request TO %I', role);
    EXECUTE format('GRANT USAGE ON SEQUENCE sambapos.request_request_id_seq TO %I', role);
  ELSIF level = 'admin' THEN
    EXECUTE format('GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA sambapos TO %I', role);
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA sambapos TO %I', role);
  END IF;
  PERFORM sambapos._grant_replica(role, level);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_grant(text, text) IS
  'Gives a role one of the levels, in place of any it had. reader: status, log, settings and replica, to look at. '
  'operator: also sambapos_configure, sambapos_request_sync and sambapos_archive_uploaded. admin: everything, as the '
  'role that syncs needs it; it owns the replica that it makes. none: nothing. It gives no right to a server, a live '
  'table or the database: those are given by GRANT. For the owner of the extension and superusers; the replica is '
  'opened if it is there. Errors: 42704 no such role, 22023 no such level, 42501 the caller may not';
