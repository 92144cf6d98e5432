-- grant.sql: sambapos_grant: who may look, operate, sync.

-- What a level may call. Functions of schema sambapos run with the rights of whoever calls them; those that
-- do not, that reach a source, and what changes history, are for the level that syncs.
CREATE FUNCTION sambapos._grant_routines(level text) RETURNS SETOF regprocedure
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT p.oid::regprocedure
  FROM pg_extension AS e
  JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
    AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
  JOIN pg_proc AS p ON p.oid = d.objid
  WHERE e.extname = 'sambapos_fdw'
    AND p.proname NOT IN ('_grant_of_all_sites', '_grant_of_some_sites', '_grant_of_hosts') -- they say which rows
    AND CASE WHEN p.pronamespace = 'sambapos'::regnamespace
               THEN level = 'admin' OR p.proname IN ('_consumer_shown_ids', '_consumer_facts', '_host_shown_ids', '_host_facts',
                                                         '_conflict_is_shown', '_feed_describe') -- they ask who looks
                    OR level = 'operator' AND p.proname IN ('_feed_note_changer', '_delivery_retry', '_delivery_name')
                    OR (p.prokind = 'f' AND p.proname <> '_history_rewrite' AND NOT p.prosecdef
                                        AND (p.proname IN ('_worker_turns', '_live_columns', '_feed_may_enter')
                                             -- they read the catalog
                                             OR p.prolang <> (SELECT l.oid FROM pg_language AS l
                                                              WHERE l.lanname = 'c')))
             WHEN p.pronamespace = 'sambapos_report'::regnamespace THEN true
             WHEN p.proname IN ('sambapos_safe_json', 'sambapos_tag_value', 'sambapos_list_sales', 'sambapos_get_sale') THEN true
             WHEN p.proname IN ('sambapos_changes', 'sambapos_check_for_updates', 'sambapos_wait_for_change',
                                'sambapos_full_payload', 'sambapos_full_rows', 'sambapos_delta_payload',
                                'sambapos_value') THEN true
             WHEN level = 'reader' THEN p.proname IN ('sambapos_status', 'sambapos_request', 'sambapos_verify_archive',
                                                      'sambapos_restatements', 'sambapos_archive_rows')
             WHEN level = 'operator' THEN p.proname IN ('sambapos_status', 'sambapos_configure',
                                                        'sambapos_request_sync', 'sambapos_request',
                                                        'sambapos_verify_archive', 'sambapos_restatements',
                                                        'sambapos_archive_rows', 'sambapos_archive_uploaded',
                                                        'sambapos_retry', 'sambapos_set_reference')
             ELSE p.proname NOT IN ('sambapos_grant') END;
$$;
COMMENT ON FUNCTION sambapos._grant_routines(text) IS 'The routines that a level of sambapos_grant may call';

-- The replica is one table for all sites, and who syncs owns it: an admin of one site there cannot be.
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

CREATE FUNCTION sambapos._grant_sites(role text, level text, sites text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF sites IS NULL THEN
    RETURN NULL;
  ELSIF level IN ('none', 'admin') THEN
    RAISE EXCEPTION 'level % is not for some sites only', level USING ERRCODE = 'invalid_parameter_value',
      DETAIL = CASE level WHEN 'admin' THEN 'An admin owns the replica tables, and each of them holds the rows of all '
                                            'sites.'
                    ELSE 'It takes away whatever level the role has.' END,
      HINT = CASE level WHEN 'admin' THEN 'Leave sites out. To keep admins of two sites apart give each a database.'
                  ELSE 'Leave sites out.' END;
  ELSIF cardinality(sites) = 0 THEN
    RAISE EXCEPTION 'no sites are named' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Leave sites out for all of them; level none takes a level away.';
  ELSIF EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = role AND (r.rolsuper OR r.rolbypassrls))
     OR EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'sambapos_fdw' AND pg_has_role(role, e.extowner, 'USAGE'))
     OR EXISTS (SELECT FROM pg_namespace AS n
                WHERE n.nspname = 'sambapos_replica' AND pg_has_role(role, n.nspowner, 'USAGE')) THEN
    RAISE EXCEPTION 'role "%" sees all sites, whatever its level', role USING ERRCODE = 'invalid_parameter_value',
      DETAIL = 'It is a superuser, has BYPASSRLS, or has the rights of the owner of the extension or of the replica.',
      HINT = 'Give the level to a role of its own.';
  END IF;
  RETURN ARRAY(SELECT DISTINCT (sambapos._site(s)).name FROM unnest(sites) AS s ORDER BY 1);
END;
$$;
COMMENT ON FUNCTION sambapos._grant_sites(text, text, text[]) IS
  'The sites that a level is for, checked; NULL: all. Raises 22023, or 42704 for a site that is not there';

-- First of all what hides the rows of other sites, then what opens tables. The tables are locked for it before any
-- GRANT: a VACUUM would wait for the end of that, and we for the VACUUM.
CREATE FUNCTION sambapos._grant_note(role text, level text, sites text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format('REVOKE ALL ON FUNCTION sambapos._grant_of_all_sites(), sambapos._grant_of_some_sites() FROM %I', role);
  DELETE FROM sambapos.role_grant AS g WHERE g.role_name = role;
  IF level <> 'none' THEN
    EXECUTE format('GRANT EXECUTE ON FUNCTION sambapos.%I() TO %I',
                   CASE WHEN sites IS NULL THEN '_grant_of_all_sites' ELSE '_grant_of_some_sites' END, role);
    INSERT INTO sambapos.role_grant (role_name, level, sites)
    VALUES (role, _grant_note.level, _grant_note.sites);
  END IF;
  PERFORM sambapos._readers_restrict_all();
END;
$$;
COMMENT ON FUNCTION sambapos._grant_note(text, text, text[]) IS
  'Notes the level of a role and for which sites it is, and has the replica tables show it these';

-- The replica, the views over it and attached archives are not the extension's: their owner's rights are needed to open
-- them. What is made later is opened when it is made (_readers_grant).
CREATE FUNCTION sambapos._grant_replica(role text, level text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  opened name;
BEGIN
  FOR opened IN SELECT 'sambapos_report'::name UNION SELECT sambapos._readers_schemas() LOOP
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
  'Opens the replica, the views over it and attached archives for reading, or closes them';

CREATE FUNCTION @extschema@.sambapos_grant(role text, level text, sites text[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  home regnamespace := (SELECT e.extnamespace FROM pg_extension AS e WHERE e.extname = 'sambapos_fdw');
  routine regprocedure;
BEGIN
  PERFORM sambapos._grant_check(role, level);
  sites := sambapos._grant_sites(role, level, sites);
  PERFORM sambapos._grant_note(role, level, sites);
  FOR routine IN SELECT sambapos._grant_routines('admin') LOOP
    EXECUTE format('REVOKE ALL ON ROUTINE %s FROM %I', routine, role);
  END LOOP;
  EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA sambapos FROM %I', role);
  EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA sambapos FROM %I', role);
  EXECUTE format('REVOKE ALL ON SCHEMA sambapos FROM %I', role);
  PERFORM sambapos._grant_replica(role, 'none');
  PERFORM sambapos._feed_writer_allow(role::name) WHERE sambapos._feed_is_writer(role::name);
  PERFORM sambapos._consumer_allow(role) WHERE sambapos._consumer_is_of_role(role);
  EXECUTE format('REVOKE ALL ON FUNCTION sambapos._grant_of_hosts() FROM %I', role);
  DELETE FROM sambapos.host_granted AS g WHERE g.role_name = role;
  IF level = 'none' THEN
    PERFORM sambapos._host_allow(role) WHERE sambapos._host_is_of_role(role);
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
    EXECUTE format('GRANT INSERT, UPDATE, DELETE ON sambapos.personal_treatment TO %I', role);
    IF sites IS NULL THEN
      EXECUTE format('GRANT INSERT, UPDATE, DELETE ON sambapos.global_setting TO %I', role);
    END IF;
    EXECUTE format('GRANT UPDATE (uploaded_at, uploaded_by, url) ON sambapos.archive_export TO %I', role);
    EXECUTE format('GRANT INSERT (site_id) ON sambapos.request TO %I', role);
    EXECUTE format('GRANT INSERT ON sambapos.feed_due TO %I', role); -- a setting that is told by a feed
    EXECUTE format('GRANT USAGE ON SEQUENCE sambapos.request_request_id_seq TO %I', role);
  ELSIF level = 'admin' THEN
    EXECUTE format('GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA sambapos TO %I', role);
    -- what is run with the rights of the owners of tables is written by the functions of the feed alone
    EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON sambapos.feed_entity, sambapos.urgent_rule, sambapos.feed_consumer, '
                   'sambapos.consumer_entity, sambapos.consumer_position, sambapos.consumer_call, sambapos.delivery_noted, '
                   'sambapos.feed_host, sambapos.host_token, sambapos.host_state, sambapos.host_full, sambapos.host_beat, '
                   'sambapos.host_former, sambapos.host_granted, sambapos.receive_policy, sambapos.host_batch, sambapos.conflict '
                   'FROM %I', role);
    EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON sambapos.delivery FROM %I', role);
    EXECUTE format('GRANT UPDATE (next_at) ON sambapos.delivery TO %I', role);
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA sambapos TO %I', role);
  END IF;
  PERFORM sambapos._host_allow(role) WHERE sambapos._host_is_of_role(role);
  PERFORM sambapos._grant_replica(role, level);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_grant(text, text, text[]) IS
  'Gives a role one of the levels, in place of any it had. reader: status, log, settings and replica, to look at. '
  'operator: also sambapos_configure, sambapos_request_sync and sambapos_archive_uploaded. admin: everything, as the '
  'role that syncs needs it; '
  'it owns the replica that it makes. none: nothing. sites: a reader or operator of these sites sees the rows of no '
  'other site, in tables, views, status, metrics, log and alerts, and an operator configures these alone; NULL: all '
  'sites. It gives no right to a server, a live table or the database: those are given by GRANT. For the owner of the '
  'extension and superusers; the replica is opened if it is there. Errors: 42704 no such role or site, 22023 no such '
  'level, or sites where they have no meaning (level admin, no site named, a role that sees all), 42501 the caller may '
  'not, 55P03 others use a replica table';
