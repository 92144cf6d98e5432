-- sambapos_fdw: the install script, put together from the files of sql/ in the order of sql/install.order.
-- begin.sql: refuses to be run by hand, and sets where names are looked up.
\echo Use "CREATE EXTENSION sambapos_fdw" to load this file. \quit

-- Other roles may create objects in the schema the extension is installed in. Nothing that this script
-- says is looked up there: what it makes is named with its schema, what it calls is PostgreSQL's.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- A function called like ours, made beforehand, could fit a call better than ours.
DO LANGUAGE plpgsql
$$
DECLARE
  taken text := (SELECT min(p.oid::regprocedure::text) FROM pg_proc AS p
                 WHERE p.pronamespace = '@extschema@'::regnamespace AND starts_with(p.proname, 'sambapos_'));
BEGIN
  IF taken IS NOT NULL THEN
    RAISE EXCEPTION 'function % exists already', taken USING
      ERRCODE = 'duplicate_function', HINT = 'Drop it, or CREATE EXTENSION sambapos_fdw SCHEMA of your own.';
  END IF;
END;
$$;
