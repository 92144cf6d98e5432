-- caller.sql: what the caller has set doesn't reach our functions.
--
-- Rules:
-- * The list is here and nowhere else. The end of the install script, and of every upgrade script, gives it to each
--   function of ours; its search_path a function is created with (make lint).
-- * A procedure that commits can't have a SET clause. It evaluates nothing but calls of functions, and says what its
--   transactions are (scheduled.sql).
-- * What the list can't hold: settings for superusers (plpgsql.*, lc_messages, session_replication_role), which a
--   function can't set for others, and what the caller may rightly decide: limits of time and memory, how to plan,
--   where to store. The suite `hostile` has bad values of all of them.
-- * The C++ functions are left out: they depend on none, and sambapos_query converts as the caller wishes.

CREATE FUNCTION sambapos._caller_settings(OUT name text, OUT value text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE ROWS 15 SET search_path = pg_catalog, pg_temp AS
$$
  VALUES ('standard_conforming_strings', 'on'), -- what a backslash in a literal is
         ('transform_null_equals', 'off'),      -- what = NULL is
         ('array_nulls', 'on'),                 -- what NULL in the text of an array is
         ('xmloption', 'content'),              -- which texts are xml
         ('xmlbinary', 'base64'),
         ('quote_all_identifiers', 'off'),      -- names as they are shown and compared
         ('datestyle', 'ISO, YMD'),             -- values as text, and texts as values
         ('intervalstyle', 'postgres'),
         ('timezone', 'UTC'),
         ('extra_float_digits', '1'),
         ('bytea_output', 'hex'),
         ('lc_monetary', 'C'),
         ('lc_numeric', 'C'),
         ('lc_time', 'C'),
         ('row_security', 'on');                -- an error instead of fewer rows
$$;
COMMENT ON FUNCTION sambapos._caller_settings() IS
  'The settings that every function of the extension runs with, whatever its caller has';

CREATE FUNCTION sambapos._caller_keep_out() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  routine regprocedure;
  clause text;
BEGIN
  FOR routine, clause IN
    SELECT p.oid, format('SET %I TO %s', s.name, CASE s.name WHEN 'datestyle' THEN s.value ELSE quote_literal(s.value) END)
    FROM pg_proc AS p
    JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
    JOIN pg_language AS l ON l.oid = p.prolang
    CROSS JOIN sambapos._caller_settings() AS s
    WHERE e.extname = 'sambapos_fdw' AND p.prokind = 'f' AND l.lanname <> 'c'
  LOOP
    EXECUTE format('ALTER FUNCTION %s %s', routine, clause);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._caller_keep_out() IS
  'Gives every function of the extension the settings of _caller_settings; last in every script';

SELECT sambapos._caller_keep_out();
