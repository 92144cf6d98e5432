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
  -- Every routine of schema sambapos, and of ours every one that isn't listed here, whichever part of the script made it.
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
REVOKE ALL ON SCHEMA sambapos FROM PUBLIC;
