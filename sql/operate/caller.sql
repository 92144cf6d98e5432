-- caller.sql: what the caller has set does not reach our functions.
--
-- Rules:
-- * The list is here and nowhere else. The end of the install script, and of every upgrade script, gives it to each
--   function that can be called from outside; what that one calls runs with it. (Their search_path all functions are
--   created with: make lint.)
-- * A procedure that commits cannot have a SET clause. It evaluates nothing but calls of functions, and says what its
--   transactions are (scheduled.sql).
-- * What the list cannot hold: settings for superusers (plpgsql.*, lc_messages, session_replication_role), which a
--   function cannot set for others, and what the caller may rightly decide: limits of time and memory, how to plan,
--   where to store. test/pgtap/hostile.settings has bad values of both.
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
         ('jit', 'off'),                        -- many small queries: to compile one takes longer than to run it
         ('row_security', 'on');                -- policies as their owners mean them: pg_cron's table of jobs has one
$$;
COMMENT ON FUNCTION sambapos._caller_settings() IS
  'The settings that the functions of the extension run with, whatever their caller has';

-- Whatever else is called runs within one of these. Each SET clause costs some microseconds a call.
CREATE FUNCTION sambapos._caller_meets() RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  WITH member AS (SELECT d.classid, d.objid FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
                  WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'sambapos_fdw'),
       ours AS (SELECT p.* FROM pg_proc AS p JOIN member AS m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
                JOIN pg_language AS l ON l.oid = p.prolang WHERE l.lanname <> 'c'),
       bodies AS (SELECT array_agg(c.prosrc) AS of_procedures FROM ours AS c WHERE c.prokind = 'p'),
       in_views AS (SELECT d.refobjid FROM member AS m JOIN pg_rewrite AS r ON r.ev_class = m.objid
                    JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                    WHERE m.classid = 'pg_class'::regclass AND d.refclassid = 'pg_proc'::regclass)
  SELECT p.oid FROM ours AS p
  WHERE p.prokind = 'f'
    AND (p.pronamespace <> 'sambapos'::regnamespace OR p.prorettype = 'trigger'::regtype
         OR p.proname IN ('_worker_sites', '_worker_do') -- the background worker is a caller too
         OR EXISTS (SELECT FROM bodies AS b CROSS JOIN unnest(b.of_procedures) AS body
                    WHERE strpos(body, 'sambapos.' || p.proname || '(') > 0)
         OR p.oid IN (SELECT v.refobjid FROM in_views AS v));
$$;
COMMENT ON FUNCTION sambapos._caller_meets() IS
  'The functions of the extension that a caller, a view, a trigger or a procedure calls';

-- A backslash in a literal is what it is, whoever calls.
CREATE FUNCTION sambapos._caller_keep_out() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  routine regprocedure;
  clauses text;
BEGIN
  FOR routine, clauses IN
    SELECT c.oid, string_agg(c.clause, ' ' ORDER BY c.clause) -- so that an update ends as a fresh install does
    FROM (SELECT m.oid, format('SET %s TO %s', s.name, CASE s.name WHEN 'datestyle' THEN s.value
                               ELSE quote_literal(s.value) END)
          FROM sambapos._caller_meets() AS m (oid) CROSS JOIN sambapos._caller_settings() AS s
          UNION
          SELECT p.oid, 'SET standard_conforming_strings TO ''on'''
          FROM pg_proc AS p WHERE p.pronamespace = 'sambapos'::regnamespace AND p.prokind = 'f'
            AND strpos(p.prosrc, chr(92)) > 0) AS c (oid, clause)
    GROUP BY c.oid
  LOOP
    EXECUTE format('ALTER FUNCTION %s %s', routine, clauses);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._caller_keep_out() IS
  'Gives the functions that a caller meets the settings of _caller_settings; last in every script';

SELECT sambapos._caller_keep_out();
