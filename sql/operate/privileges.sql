-- privileges.sql: who may do what, all of it in this place.
--
-- Rules:
-- * What writes, or reaches a source, belongs to the extension's owner and to whom the owner grants
--   it; EXECUTE is taken from PUBLIC.
-- * Internal functions belong to nobody else.
-- * The log and the settings say nothing secret, but they name tables, people's columns and errors of
--   the source: reading them is granted, not given to PUBLIC. The version is for everybody.

-- ---- PUBLIC ----

DO LANGUAGE plpgsql
$$
DECLARE
  routine regprocedure;
BEGIN
  -- Every routine of schema sambapos, and of ours every one that is not listed here, whichever part of the script made
  -- it.
  FOR routine IN
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid AND d.refclassid = 'pg_catalog.pg_extension'::regclass
    WHERE e.extname = 'sambapos_fdw'
      AND p.proname NOT IN ('sambapos_fdw_handler', 'sambapos_fdw_validator', 'sambapos_fdw_version')
  LOOP
    EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', routine);
  END LOOP;
END;
$$;

-- Whose schema it is may look; USAGE on it is what the owner grants to a reader.
REVOKE ALL ON ALL TABLES IN SCHEMA sambapos FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA sambapos FROM PUBLIC;
REVOKE ALL ON SCHEMA sambapos FROM PUBLIC;
REVOKE CREATE ON SCHEMA sambapos_report FROM PUBLIC;

-- Default privileges of the role that installs may have given others something on what was made here.
DO LANGUAGE plpgsql
$$
DECLARE
  given record;
BEGIN
  FOR given IN
    SELECT CASE WHEN d.classid = 'pg_namespace'::regclass THEN 'SCHEMA ' || d.objid::regnamespace
                WHEN d.classid = 'pg_proc'::regclass THEN 'ROUTINE ' || d.objid::regprocedure
                WHEN c.relkind = 'S' THEN 'SEQUENCE ' || d.objid::regclass
                ELSE 'TABLE ' || d.objid::regclass END AS object,
           pg_get_userbyid(a.grantee) AS grantee
    FROM pg_extension AS e
    JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
    LEFT JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid AND c.relkind IN ('r', 'v', 'S')
    LEFT JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
    LEFT JOIN pg_namespace AS n ON d.classid = 'pg_namespace'::regclass AND n.oid = d.objid
    CROSS JOIN LATERAL aclexplode(coalesce(c.relacl, p.proacl, n.nspacl)) AS a
    WHERE e.extname = 'sambapos_fdw' AND a.grantee <> 0 AND a.grantee <> coalesce(c.relowner, p.proowner, n.nspowner)
    GROUP BY 1, 2
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM %I', given.object, given.grantee);
  END LOOP;
END;
$$;
