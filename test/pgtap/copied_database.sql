-- Promise: in a copy of a database, and in a restored one, no scheduled run starts until somebody says so; status,
-- alerts and the doctor's question say why and what to type. Who syncs by hand may. The original is left alone, whatever
-- it is called. The copy is a real one (CREATE DATABASE ... TEMPLATE).
\set QUIET on
SELECT current_database() AS home \gset
DROP DATABASE IF EXISTS copied_original;
DROP DATABASE IF EXISTS copied_renamed;
DROP DATABASE IF EXISTS copied_copy;
CREATE DATABASE copied_original;
\connect copied_original
SET client_min_messages = warning;
BEGIN;
\ir seam.psql
SELECT till.sell(1, 20);
INSERT INTO sambapos.site (name, server, priority) VALUES ('bar', 'nowhere', -1);
CREATE FUNCTION till.make_due() RETURNS void LANGUAGE sql AS $$ UPDATE sambapos.site_state SET next_due_at = NULL; $$;
CREATE TABLE till.mark (id bigint);
CREATE FUNCTION till.runs() RETURNS text LANGUAGE sql AS
$$
  SELECT string_agg(format('%s %s', s.name, r.trigger), ', ' ORDER BY r.run_id)
  FROM sambapos.run AS r JOIN sambapos.site AS s USING (site_id) WHERE r.run_id > (SELECT coalesce(max(m.id), 0) FROM till.mark AS m);
$$;
CREATE FUNCTION till.mark() RETURNS void LANGUAGE sql AS $$ INSERT INTO till.mark SELECT max(run_id) FROM sambapos.run; $$;
CREATE FUNCTION till.worker_sites() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(w.name, ', ' ORDER BY w.name) FROM sambapos._worker_sites() AS w; $$;
COMMIT;
SET search_path = sambapos_live_shop, public;
CALL sambapos_run();
SELECT till.mark();
\connect :home
CREATE DATABASE copied_copy TEMPLATE copied_original;
ALTER DATABASE copied_original RENAME TO copied_renamed;
\connect copied_renamed
SET client_min_messages = warning;
SET search_path = sambapos_live_shop, public;
SELECT till.make_due();
SELECT coalesce(till.worker_sites(), 'none') AS renamed_worker_sites \gset
CALL sambapos_run();
SELECT count(*) AS homes FROM sambapos.site_home \gset
SELECT coalesce(till.runs(), 'none') AS renamed_runs, light AS renamed_light, paused_reason IS NULL AS renamed_goes_on FROM sambapos_status('shop') \gset
SELECT string_agg(concat_ws(' ', site, action), ', ') AS renamed_resumed FROM sambapos_resume() \gset

\connect copied_copy
SET client_min_messages = warning;
SET search_path = sambapos_live_shop, public;
SELECT plan(39);
SELECT is(:homes, 2, 'the first run notes where it was');
SELECT is(:'renamed_worker_sites'::text, 'bar, shop', 'the worker serves a database that was renamed');
SELECT is(:'renamed_runs'::text, 'shop schedule, bar schedule', 'scheduled runs go on there');
SELECT is(:'renamed_light' || :'renamed_goes_on', 'greent', 'nothing is said of it');
SELECT is(:'renamed_resumed'::text, 'bar was not paused, shop was not paused', 'nothing is to be resumed');

SELECT till.make_due();
SELECT sambapos_request_sync('shop') AS request \gset
CALL sambapos_run();
CALL sambapos_run('shop');
CALL sambapos._tick('shop', true);
SELECT is(till.runs(), NULL, 'in a copy no scheduled run starts, be it due, asked for, or by its cron line');
SELECT is((SELECT status FROM sambapos_request(:request)), 'queued', 'what was asked for waits');
SELECT is(till.worker_sites(), NULL, 'the worker leaves all sites alone');
SELECT is((SELECT count(*) FROM sambapos.site_state WHERE paused_reason IS NOT NULL), 0::bigint, 'for this nothing had to be written');
SELECT is((SELECT string_agg(site || ' ' || light, ', ' ORDER BY site) FROM sambapos_status()), 'bar red, shop red', 'the lights are red');
SELECT matches((SELECT reason FROM sambapos_status('shop')), '^paused: .*another database of this server, which was called "copied_original".*: SELECT sambapos_resume\(''shop''\)', 'the reason says why, and what to type');
SELECT matches((SELECT paused_reason FROM sambapos_status('shop')), 'copied_original', 'so does paused_reason');
SELECT is((SELECT string_agg(concat_ws(' ', severity, kind), ', ') FROM sambapos.alerts WHERE site = 'shop'), 'critical paused', 'it is an alert');
SELECT matches((SELECT hint FROM sambapos.alerts WHERE site = 'shop'), 'SELECT sambapos_resume\(''shop''\)', 'with what to type');
SELECT is(sambapos._status_now((SELECT site_id FROM sambapos.site WHERE name = 'shop')), 'red', 'a listener is told the same');
SELECT results_eq($$SELECT f.status, f.detail ~ 'site bar: .*site shop: .*copied_original', f.fix ~ 'sambapos_resume\(''bar''\).*sambapos_resume\(''shop''\)' FROM sambapos._doctor_copy('nowhere') AS f$$,
                  $$VALUES ('warning', true, true)$$, 'the doctor warns of both');
SELECT is(sambapos._doctor_misses_runs('shop'), false, 'and does not wonder where the runs are');

-- by hand
SELECT till.sell(21, 1);
SELECT is((SELECT count(*) FROM sambapos_sync('shop') WHERE status <> 'ok'), 0::bigint, 'who syncs by hand may');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets), 21::bigint, 'and gets the rows');
SELECT is(till.runs(), 'shop call', 'as a call');
SELECT is((SELECT light FROM sambapos_status('shop')), 'red', 'it says nothing of scheduled runs');
SELECT till.make_due();
CALL sambapos_run();
SELECT is(till.runs(), 'shop call', 'which are paused still');

-- one site, then all
SELECT throws_ok($$SELECT sambapos_resume('nope')$$, '42704', NULL, 'a site that is not there');
SELECT results_eq($$SELECT * FROM sambapos_resume('shop')$$, $$VALUES ('shop', 'resumed')$$, 'one site is resumed');
SELECT is(till.worker_sites(), 'shop', 'the worker serves it');
CALL sambapos_run();
SELECT is(till.runs(), 'shop call, shop schedule', 'its runs go on, the other one''s do not');
SELECT is((SELECT string_agg(site || ' ' || light, ', ' ORDER BY site) FROM sambapos_status()), 'bar red, shop green', 'the lights say which');
SELECT results_eq('SELECT * FROM sambapos_resume()', $$VALUES ('bar', 'resumed'), ('shop', 'was not paused')$$, 'then all');
SELECT is((SELECT string_agg(site || ' ' || kind, ', ') FROM sambapos.alerts), 'bar no tables', 'no alert of a pause is left');
SELECT is((SELECT status FROM sambapos._doctor_copy('nowhere')), 'ok', 'and the doctor is content');

-- another server
UPDATE sambapos.site_home SET system_identifier = 4711;
SELECT matches((SELECT paused_reason FROM sambapos_status('bar')), 'another server.*"copied_copy" \(system identifier 4711\)', 'a database of the same number on another server is another one');
UPDATE sambapos.site_home SET system_identifier = NULL;
SELECT is((SELECT paused_reason FROM sambapos_status('bar')), NULL, 'what was not known pauses nothing');
SELECT count(*) AS resumed FROM sambapos_resume() \gset
SELECT is((SELECT count(*) FROM sambapos.site_home AS h, pg_control_system() AS c WHERE h.system_identifier = c.system_identifier), 2::bigint, 'and is noted when it is');
-- who may not ask
REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC;
CREATE ROLE copied_reader;
SELECT sambapos_grant('copied_reader', 'admin');
SET ROLE copied_reader;
SELECT is((SELECT paused_reason FROM public.sambapos_status('bar')), NULL, 'a role that may not ask which server it is on sees a status all the same');
SELECT results_eq($$SELECT f.status, f.fix FROM sambapos._doctor_copy('nowhere') AS f$$, $$VALUES ('warning', 'As a superuser: GRANT EXECUTE ON FUNCTION pg_control_system() TO copied_reader;')$$, 'and is told what to ask for');
RESET ROLE;
GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC;
-- promoted
UPDATE sambapos.site_home SET timeline = 7;
SELECT is((SELECT paused_reason FROM sambapos_status('bar')), NULL, 'a server that was promoted goes on: as a rule it is a failover');
SELECT results_eq($$SELECT f.status, f.detail ~ 'timeline 7 then, 1 now', f.fix ~ 'sambapos_resume' FROM sambapos._doctor_copy('nowhere') AS f$$, $$VALUES ('warning', true, true)$$, 'the doctor says that it may be a copy');
-- a reason that was written down
UPDATE sambapos.site_state SET paused_reason = 'somebody said so';
SELECT results_eq('SELECT * FROM sambapos_resume()', $$VALUES ('bar', 'resumed'), ('shop', 'resumed')$$, 'a pause that was written down ends too');
SELECT is((SELECT light FROM sambapos_status('shop')), 'green', 'and all is well');
SELECT * FROM finish();
DROP OWNED BY copied_reader;
DROP ROLE copied_reader;
\connect :home
DROP DATABASE copied_copy;
DROP DATABASE copied_renamed;
