-- role_grant.sql: which role was given which level, at which sites.
--
-- Rules:
-- * What a role may do are PostgreSQL's own privileges, which a dump has. Which sites it sees stands here; that it sees
--   only some, or all, is the privilege to execute one of two functions. So it holds for the members of a role as
--   privileges do, for a role that was renamed, and after a restore. A role without a level sees what the DBA has
--   opened to it, of all sites.
-- * Roles and sites are named: a dump goes to other servers, and a role or site that is gone does no harm.
-- * Only the owner writes here (operate/row_security.sql).

CREATE TABLE sambapos.role_grant (
  role_name  text PRIMARY KEY,
  level      text NOT NULL CHECK (level IN ('reader', 'operator', 'admin')),
  sites      text[] CHECK (sites IS NULL OR cardinality(sites) > 0 AND level <> 'admin'),
  granted_at timestamptz NOT NULL DEFAULT now()
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.role_grant', '');
COMMENT ON TABLE sambapos.role_grant IS
  'The level of each role, as sambapos_grant gave it last; view grants says which roles there are. A role sees its own '
  'row';
COMMENT ON COLUMN sambapos.role_grant.sites IS 'The sites that it is for; NULL: all, those that come later too';

CREATE FUNCTION sambapos._grant_of_all_sites() RETURNS void
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT; $$;
COMMENT ON FUNCTION sambapos._grant_of_all_sites() IS
  'Does nothing. Whoever may execute it has a level for all sites, and sees the rows of all';

CREATE FUNCTION sambapos._grant_of_some_sites() RETURNS void
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT; $$;
COMMENT ON FUNCTION sambapos._grant_of_some_sites() IS
  'Does nothing. Whoever may execute it, and not _grant_of_all_sites, sees the rows of the sites in role_grant only';

-- The owner, too, may execute both.
CREATE FUNCTION sambapos._grant_sees_all() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN has_function_privilege('sambapos._grant_of_all_sites()'::regprocedure, 'EXECUTE')
      OR NOT has_function_privilege('sambapos._grant_of_some_sites()'::regprocedure, 'EXECUTE');
END;
$$;
COMMENT ON FUNCTION sambapos._grant_sees_all() IS 'True unless the role that runs has a level for some sites only';

CREATE FUNCTION sambapos._grant_check_all(what text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF NOT sambapos._grant_sees_all() THEN
    RAISE EXCEPTION 'permission denied to %', what USING
      ERRCODE = 'insufficient_privilege',
      DETAIL = format('The level of role "%s" is for these sites: %s.', current_user,
                      coalesce((SELECT string_agg(s.name, ', ' ORDER BY s.name) FROM sambapos.site AS s), 'none')),
      HINT = 'It concerns all sites; a role with a level for all of them may.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._grant_check_all(text) IS
  'Raises 42501 if the role that runs has a level for some sites only';

CREATE VIEW sambapos.grants AS
SELECT g.role_name AS role, g.level, g.sites, g.granted_at,
       EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = g.role_name) AS role_exists
FROM sambapos.role_grant AS g;
COMMENT ON VIEW sambapos.grants IS
  'Which level sambapos_grant gave to which role; others than the owner see their own. Privileges that GRANT gave are '
  'not here';
COMMENT ON COLUMN sambapos.grants.sites IS 'The sites that the role sees; NULL: all, those that come later too';
COMMENT ON COLUMN sambapos.grants.role_exists IS
  'False: it was dropped or renamed, or this is another server. A role of another name sees no site until '
  'sambapos_grant is called for it';
