-- Promise: the statements of every function fit the catalog: the tables, columns and functions that they name are there.
-- CREATE EXTENSION does not look into bodies, and PL/pgSQL only when a statement runs. What is put together at run time
-- is left to other tests.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT plan(4);

CREATE FUNCTION pg_temp.body_error(function oid) RETURNS text LANGUAGE plpgsql AS
$$
BEGIN
  PERFORM fmgr_sql_validator(function);
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  RETURN function::regprocedure || ': ' || SQLERRM;
END;
$$;
WITH ours AS MATERIALIZED (
  SELECT p.oid FROM pg_proc AS p
  JOIN pg_language AS l ON l.oid = p.prolang AND l.lanname = 'sql'
  JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'sambapos_fdw')
SELECT is((SELECT string_agg(pg_temp.body_error(p.oid), E'\n') FROM ours AS p), NULL, 'so it is in SQL functions');

SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'plpgsql_check') AS there \gset
\if :there
CREATE EXTENSION plpgsql_check;
CREATE EXTENSION IF NOT EXISTS pg_cron;
SELECT sambapos._workbench_open(), sambapos._tracking_open();
-- Records whose columns only the call knows cannot be looked at, and replica tables are not there.
CREATE TEMP VIEW complaint AS
  WITH ours AS MATERIALIZED ( -- first: the check raises for a function of another language
    SELECT p.oid, coalesce((SELECT min(t.tgrelid::bigint) FROM pg_trigger AS t WHERE t.tgfoid = p.oid), 0)::oid AS of_trigger
    FROM pg_proc AS p
    JOIN pg_language AS l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
    JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'sambapos_fdw')
  SELECT p.oid::regprocedure::text || ': ' || c.message AS complaint
  FROM ours AS p
  CROSS JOIN LATERAL plpgsql_check_function_tb(p.oid, p.of_trigger, fatal_errors => false, other_warnings => false, extra_warnings => false,
                                               performance_warnings => false) AS c
  WHERE c.level = 'error' AND c.message NOT LIKE 'record % is not assigned yet' AND c.message NOT LIKE '%sambapos_replica.%';
SELECT is_empty('SELECT complaint FROM complaint', 'so it is in PL/pgSQL functions');

CREATE FUNCTION pg_temp.broken() RETURNS void LANGUAGE plpgsql AS
$$ BEGIN UPDATE sambapos.table_state SET no_such_column = NULL; END $$;
SELECT isnt_empty($$SELECT FROM plpgsql_check_function_tb('pg_temp.broken()'::regprocedure)$$, 'a column that is not there would be seen');
SELECT cmp_ok((SELECT count(*) FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
               WHERE p.pronamespace = 'sambapos'::regnamespace), '>', 100::bigint, 'the functions are found');
\else
SELECT skip('plpgsql_check is not installed', 3);
\endif
SELECT * FROM finish();
ROLLBACK;
