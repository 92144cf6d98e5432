-- readers.sql: roles with a level and the tables of sambapos_replica and of attached archives: what is opened to them,
-- and which rows they see.
--
-- Rules:
-- * A table has policies only while some role has a level for some sites only (role_grant.sql). One lets everybody
--   through, as without policies; one that restricts is for those roles alone. So nobody else's plan changes, and theirs
--   use the indexes, which begin with site_id: the sites are asked for once a query.
-- * The policies name a function of sambapos_replica that is no member of the extension: a dump of that schema alone has
--   all it needs, and DROP EXTENSION meets no policy in its way. Without the extension those roles see no row.
-- * An attached archive has the site's name in its rows, as it can be of another database, and a function of its own in
--   its schema, for the same reasons. A site that is not here is nobody's who has a level for some sites.
-- * Owners, superusers and whoever has BYPASSRLS meet no policy: so neither the sync nor pg_dump does.

CREATE FUNCTION sambapos._readers_with(routine regprocedure) RETURNS SETOF name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT DISTINCT r.rolname
  FROM pg_proc AS p CROSS JOIN LATERAL aclexplode(p.proacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee
  WHERE p.oid = routine AND a.grantee <> p.proowner
  ORDER BY 1;
$$;
COMMENT ON FUNCTION sambapos._readers_with(regprocedure) IS
  'The roles that were given the privilege to execute one of our functions';

CREATE FUNCTION sambapos._readers_of_some() RETURNS name[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(array_agg(r ORDER BY r), '{}') FROM sambapos._readers_with('sambapos._grant_of_some_sites()') AS r
  WHERE r NOT IN (SELECT f FROM sambapos._readers_with('sambapos._grant_of_all_sites()') AS f);
$$;
COMMENT ON FUNCTION sambapos._readers_of_some() IS 'The roles with a level for some sites only';

-- Only sambapos_grant gives EXECUTE on what is internal; to whom the DBA opened one view can have SELECT on the
-- catalog.
CREATE FUNCTION sambapos._readers_grant(privilege text, object text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  reader name;
BEGIN
  FOR reader IN
    SELECT r FROM sambapos._readers_with('sambapos._readers_grant(text, text)') AS r WHERE r <> current_user
  LOOP
    EXECUTE format('GRANT %s ON %s TO %I', privilege, object, reader);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._readers_grant(text, text) IS
  'Opens what was made just now to the roles that sambapos_grant has given a level to';

-- In sambapos_replica it says the numbers of sites, in the schema of an archive their names.
CREATE FUNCTION sambapos._readers_function_make(schema_name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  is_replica boolean := schema_name = 'sambapos_replica';
BEGIN
  EXECUTE format($format$
    CREATE FUNCTION %1$I.sites_of_reader() RETURNS SETOF %2$s
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
    $function$
    BEGIN
      IF EXISTS (SELECT FROM pg_depend AS d
                 WHERE d.classid = 'pg_class'::regclass AND d.objid = to_regclass('sambapos.site')
                   AND d.deptype = 'e') THEN -- the extension's, which shows each role its own sites
        RETURN QUERY SELECT s.%3$I FROM sambapos.site AS s;
      END IF;
    END;
    $function$
    $format$, schema_name, CASE WHEN is_replica THEN 'integer' ELSE 'text' END,
    CASE WHEN is_replica THEN 'site_id' ELSE 'name' END);
  EXECUTE format('COMMENT ON FUNCTION %I.sites_of_reader() IS %L', schema_name,
                 'The sites whose rows the role that asks may see; the policies of the tables of this schema call it');
  EXECUTE format('GRANT EXECUTE ON FUNCTION %I.sites_of_reader() TO PUBLIC', schema_name);
END;
$$;
COMMENT ON FUNCTION sambapos._readers_function_make(name) IS
  'Makes the function that the policies of a schema''s tables call';

CREATE FUNCTION sambapos._readers_function_ensure(schema_name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  routine text := format('%I.sites_of_reader()', schema_name);
  home  name := (SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace AS n WHERE n.nspname = schema_name);
  owner name := (SELECT pg_get_userbyid(p.proowner) FROM pg_proc AS p WHERE p.oid = to_regprocedure(routine));
BEGIN
  IF owner IS NULL THEN
    PERFORM sambapos._readers_function_make(schema_name);
    IF home <> current_user THEN
      EXECUTE format('ALTER FUNCTION %s OWNER TO %I', routine, home);
    END IF;
  ELSIF owner <> home AND NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = owner AND r.rolsuper) THEN
    RAISE EXCEPTION 'function "%.sites_of_reader" belongs to role "%"', schema_name, owner USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = format('Schema "%s" belongs to role "%s".', schema_name, home),
      HINT = 'It decides which rows a reader sees. Drop it, and call again.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._readers_function_ensure(name) IS
  'Makes the function that the policies of a schema''s tables call; raises 55000 if it is there and belongs to others';

-- The schemas of attached archives, as those who attached them have told: a schema of that name alone proves nothing.
CREATE FUNCTION sambapos._readers_schemas() RETURNS SETOF name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT n.nspname FROM pg_namespace AS n
  WHERE n.nspname = 'sambapos_replica'
     OR n.nspname IN (SELECT x.schema_name FROM sambapos.archive_attachment AS x)
        AND sambapos._role_is_trusted(n.nspowner)
  ORDER BY n.nspname = 'sambapos_replica' DESC, n.nspname;
$$;
COMMENT ON FUNCTION sambapos._readers_schemas() IS
  'The schemas whose tables are opened to roles with a level, to each the rows of its sites';

CREATE FUNCTION sambapos._readers_condition(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('%I = ANY (ARRAY(SELECT %I.sites_of_reader()))',
                CASE n.nspname WHEN 'sambapos_replica' THEN 'site_id' ELSE 'site' END, n.nspname)
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation;
$$;
COMMENT ON FUNCTION sambapos._readers_condition(regclass) IS
  'Which rows of a table a role with a level for some sites sees, as the condition of a policy';

-- NULL: it has none of our policies.
CREATE FUNCTION sambapos._readers_restricted(relation regclass) RETURNS name[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT ARRAY(SELECT r.rolname FROM pg_roles AS r WHERE r.oid = ANY (p.polroles) ORDER BY 1)
  FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid
  WHERE p.polrelid = relation AND p.polname = 'sambapos_sites' AND c.relrowsecurity;
$$;
COMMENT ON FUNCTION sambapos._readers_restricted(regclass) IS
  'The roles that see the rows of some sites only in a replica table; NULL: it shows everybody all rows';

CREATE FUNCTION sambapos._readers_policy_drop(relation regclass, policy name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = policy) THEN
    EXECUTE format('DROP POLICY %I ON %s', policy, relation);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._readers_policy_drop(regclass, name) IS
  'Drops a policy of ours from a replica table, if it is there';

-- A table whose policies are somebody's own keeps them, and gets the one that restricts beside them.
CREATE FUNCTION sambapos._readers_restrict(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  roles   name[] := sambapos._readers_of_some();
  is_open boolean := NOT (SELECT c.relrowsecurity FROM pg_class AS c WHERE c.oid = relation);
BEGIN
  IF roles = '{}' AND sambapos._readers_restricted(relation) IS NULL THEN
    RETURN;
  END IF;
  PERFORM sambapos._readers_policy_drop(relation, 'sambapos_sites');
  IF roles <> '{}' THEN
    EXECUTE format('CREATE POLICY sambapos_sites ON %s AS RESTRICTIVE TO %s '
                   'USING (%s)', relation, (SELECT string_agg(quote_ident(r), ', ') FROM unnest(roles) AS r),
                   sambapos._readers_condition(relation));
    EXECUTE format('COMMENT ON POLICY sambapos_sites ON %s IS %L', relation,
                   'To these roles the rows of their sites are shown, and no others; see sambapos_grant');
    IF is_open THEN
      PERFORM sambapos._readers_policy_drop(relation, 'sambapos_everybody');
      EXECUTE format('CREATE POLICY sambapos_everybody ON %s USING (true)', relation);
      EXECUTE format('COMMENT ON POLICY sambapos_everybody ON %s IS %L', relation,
                     'All other roles see what GRANT has opened to them, as without policies');
      EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
    END IF;
  ELSIF EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = 'sambapos_everybody') THEN
    PERFORM sambapos._readers_policy_drop(relation, 'sambapos_everybody');
    IF NOT EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relation) THEN
      EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', relation);
    END IF;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._readers_restrict(regclass) IS
  'Gives a replica table the policies that the present levels ask for, or takes them away';

-- Policies need a table for a moment to themselves. Whoever waits for that in PostgreSQL's queue keeps out all that come
-- after, so it is tried for a short time, all locks are let go of, and it is tried again.
CREATE FUNCTION sambapos._readers_lock(relations regclass[]) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '100ms' SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass;
BEGIN
  FOR attempt IN 1 .. 50 LOOP
    BEGIN
      FOREACH relation IN ARRAY relations LOOP
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', relation);
      END LOOP;
      RETURN;
    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
      IF attempt = 50 THEN
        RAISE EXCEPTION 'the sites that a role may see could not be set: others use table %', relation USING
          ERRCODE = 'lock_not_available',
          HINT = 'Nothing was changed. Call again when the session that holds it has ended: see pg_locks.';
      END IF;
      PERFORM pg_sleep(0.1);
    END;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._readers_lock(regclass[]) IS
  'Locks replica tables for a change of their policies, and holds up nobody while it waits; raises 55P03';

CREATE FUNCTION sambapos._readers_restrict_all() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  roles   name[] := sambapos._readers_of_some();
  changed regclass[] := ARRAY(
    SELECT c.oid::regclass
    FROM sambapos._readers_schemas() AS n (name)
    JOIN pg_class AS c ON c.relnamespace = to_regnamespace(quote_ident(n.name)) AND c.relkind IN ('r', 'p')
    JOIN pg_attribute AS a ON a.attrelid = c.oid
     AND a.attname = CASE n.name WHEN 'sambapos_replica' THEN 'site_id' ELSE 'site' END
    WHERE NOT a.attisdropped AND coalesce(sambapos._readers_restricted(c.oid), '{}') <> roles
    ORDER BY n.name = 'sambapos_replica' DESC, n.name, c.relname);
  relation regclass;
BEGIN
  IF changed = '{}' THEN
    RETURN;
  END IF;
  IF roles <> '{}' THEN
    PERFORM sambapos._readers_function_ensure(n) FROM sambapos._readers_schemas() AS n;
  END IF;
  PERFORM sambapos._readers_lock(changed);
  FOREACH relation IN ARRAY changed LOOP
    PERFORM sambapos._readers_restrict(relation);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._readers_restrict_all() IS
  'Brings the policies of all tables that readers see up to the levels that roles have';

-- What a table that was made just now needs.
CREATE FUNCTION sambapos._readers_open(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF sambapos._readers_of_some() <> '{}' THEN
    PERFORM sambapos._readers_function_ensure((SELECT n.nspname FROM pg_class AS c
      JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation));
    PERFORM sambapos._readers_restrict(relation);
  END IF;
  PERFORM sambapos._readers_grant('SELECT', relation::text);
END;
$$;
COMMENT ON FUNCTION sambapos._readers_open(regclass) IS
  'Opens a new table of the replica or of an archive to the roles with a level, to each the rows of its sites';
