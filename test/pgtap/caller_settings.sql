-- Promise: what the caller has set does not change what our functions do. (The suite runs this and others with the
-- values of hostile.settings too.)
\set QUIET on
SELECT current_database() AS home \gset
DROP DATABASE IF EXISTS caller_settings;
CREATE DATABASE caller_settings;
\connect caller_settings
SET client_min_messages = warning;
BEGIN;
\ir seam.psql
SELECT till.sell(1, 5);
COMMIT;
SELECT plan(11);

-- ---- every function that can be called from outside has the list ----

CREATE TEMP VIEW routine AS
  SELECT p.oid, p.proname, n.nspname AS schema, p.prokind, p.prosrc,
         ARRAY(SELECT lower(split_part(c, '=', 1)) FROM unnest(p.proconfig) AS c) AS settings
  FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'sambapos_fdw' JOIN pg_language AS l ON l.oid = p.prolang
  JOIN pg_namespace AS n ON n.oid = p.pronamespace
  WHERE l.lanname <> 'c';
CREATE TEMP VIEW wanted AS SELECT array_agg(s.name) AS settings FROM sambapos._caller_settings() AS s;
SELECT cmp_ok((SELECT cardinality(settings) FROM wanted), '>', 10, 'there is a list');
SELECT is((SELECT string_agg(r.proname, ', ') FROM routine AS r, wanted AS w
           WHERE r.prokind = 'f' AND r.schema <> 'sambapos' AND NOT r.settings @> w.settings),
          NULL, 'every function for users has it');
SELECT is((SELECT string_agg(DISTINCT r.proname, ', ') FROM routine AS r, wanted AS w, routine AS c
           WHERE r.prokind = 'f' AND c.prokind = 'p' AND c.prosrc ~ ('sambapos\.' || r.proname || '\M') AND NOT r.settings @> w.settings),
          NULL, 'and every function that a procedure calls');
SELECT is((SELECT string_agg(r.proname, ', ') FROM routine AS r
           WHERE r.prokind = 'f' AND strpos(r.prosrc, chr(92)) > 0 AND NOT r.settings @> ARRAY['standard_conforming_strings']),
          NULL, 'a function with a backslash says what that is');
SELECT is((SELECT string_agg(h.name, ', ') FROM sambapos._caller_settings() AS h JOIN pg_settings AS s ON lower(s.name) = h.name
           WHERE s.context NOT IN ('user')), NULL, 'anybody may call them: the list has nothing for superusers');

-- ---- what a procedure commits ----

SET default_transaction_isolation = serializable;
SET default_transaction_read_only = on;
SET default_transaction_deferrable = on;
SET standard_conforming_strings = off;
SET TimeZone = 'America/Caracas';
CALL sambapos_run();
RESET default_transaction_isolation; RESET default_transaction_read_only; RESET default_transaction_deferrable;
SELECT is((SELECT string_agg(status, ', ') FROM sambapos.run), 'ok', 'a scheduled run does its work with other defaults');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets), 5::bigint, 'and its rows are there');

-- ---- a backslash, wherever it is met first ----

SELECT is(sambapos._snake('MenuItemPrices'), 'menu_item_prices', 'names are made');
SELECT lives_ok($$SELECT sambapos_configure('shop', 'day_rule', 'ticket 04:30')$$, 'settings are checked');

-- ---- what is shown ----

SET intervalstyle = sql_standard;
SELECT is((SELECT value FROM sambapos.settings WHERE setting = 'sync_interval'), (SELECT default_value FROM sambapos.settings WHERE setting = 'sync_interval'),
          'a setting is shown as sambapos_configure takes it');
RESET intervalstyle;

-- ---- a policy of the DBA's ----

CREATE ROLE caller_settings_reader;
SELECT sambapos_grant('caller_settings_reader', 'reader') AS granted \gset
ALTER TABLE sambapos.global_setting ENABLE ROW LEVEL SECURITY;
SET ROLE caller_settings_reader;
SET row_security = off;
SELECT public.lives_ok('SELECT * FROM sambapos_status()', 'a policy is no error, as in pg_cron''s table of jobs, whatever the caller has set');
RESET row_security;
RESET ROLE;
SELECT sambapos_grant('caller_settings_reader', 'none') AS granted \gset

SELECT * FROM finish();
\connect :home
DROP DATABASE caller_settings;
DROP ROLE caller_settings_reader;
