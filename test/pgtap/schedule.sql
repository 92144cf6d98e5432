-- Promise: sambapos_schedule makes one pg_cron job a site; where it cannot, the error is what to type.
-- Before pg_cron is created in this database its absence is tested, then the jobs themselves.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
DROP EXTENSION IF EXISTS pg_cron;
SELECT plan(69);

INSERT INTO sambapos.site (site_id, name, server) VALUES (7, 'bar', 'nowhere'), (8, 'hotel', 'nowhere');
CREATE FUNCTION pg_temp.hint(statement text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  hint text;
BEGIN
  EXECUTE statement;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN hint;
END;
$$;

SELECT throws_ok($$SELECT * FROM sambapos_schedule('hotl')$$, '42704', 'there is no site named "hotl"', 'an unknown site raises');
SELECT throws_ok($$SELECT * FROM sambapos_schedule('hotel', '5 minutes')$$, '22023', 'invalid schedule: "5 minutes"', 'so does what is no cron line');
SELECT throws_ok($$SELECT * FROM sambapos_schedule('hotel')$$, '55000', format('pg_cron is not in database "%s"', current_database()), 'so does a missing pg_cron');
SELECT matches(pg_temp.hint('SELECT sambapos_schedule()'), format('CREATE EXTENSION pg_cron; GRANT USAGE ON SCHEMA cron TO %s;', current_user), 'the last step is CREATE EXTENSION and GRANT');
SELECT is(sambapos._cron_steps() ~ 'cron.database_name', NOT EXISTS (SELECT FROM pg_settings WHERE name = 'cron.database_name'), 'what is set already is not among the steps');
CREATE ROLE sambapos_test_nobody;
GRANT USAGE ON SCHEMA sambapos TO sambapos_test_nobody;
GRANT EXECUTE ON FUNCTION sambapos._cron_steps() TO sambapos_test_nobody;
CREATE FUNCTION pg_temp.steps_of_nobody() RETURNS text LANGUAGE plpgsql SET role = sambapos_test_nobody AS 'BEGIN RETURN sambapos._cron_steps(); END;';
SELECT matches(pg_temp.steps_of_nobody(), 'in postgresql.conf: shared_preload_libraries = ''pg_cron''.*restart.*CREATE EXTENSION pg_cron', 'who may not see what is set gets all of them');
SELECT is((SELECT schedule FROM sambapos._place WHERE name = 'hotel'), NULL, 'and nothing is remembered');
SELECT is(sambapos_unschedule('hotel'), false, 'there is no job to drop');

-- Another home of pg_cron, and a server that does not load it: the facts are replaced, the rest is the product's.
SAVEPOINT elsewhere;
CREATE OR REPLACE FUNCTION sambapos._cron_database() RETURNS text LANGUAGE sql AS $$SELECT 'postgres'$$;
SELECT throws_ok($$SELECT * FROM sambapos_schedule('hotel')$$, '55000', 'pg_cron lives in database "postgres", and only there jobs can be made', 'pg_cron in another database');
SELECT matches(pg_temp.hint($$SELECT sambapos_schedule('hotel')$$),
               format($$SELECT cron.schedule_in_database\('sambapos:hotel', '\* \* \* \* \*', 'CALL sambapos._tick\(''hotel''\)', '%s', '%s'\);$$, current_database(), current_user),
               'the statement to type there');
SELECT matches(pg_temp.hint($$SELECT sambapos_schedule('hotel', '30 4 * * *')$$), $$'30 4 \* \* \*', 'CALL sambapos._tick\(''hotel'', true\)'$$, 'with a cron line: exactly then');
SELECT matches(pg_temp.hint($$SELECT sambapos_unschedule('hotel')$$), 
               format($$Type in database postgres: SELECT cron.unschedule\(jobid\) FROM cron.job WHERE database = '%s' AND \(jobname = 'sambapos:hotel' OR starts_with\(jobname, 'sambapos:hotel:'\)\);$$, current_database()),
               'to drop it likewise, and not the job of the same name of another database');
ROLLBACK TO elsewhere;

-- here
CREATE EXTENSION pg_cron;
SELECT results_eq('SELECT job, runs, command FROM sambapos_schedule()',
                  $$VALUES ('sambapos:bar', '* * * * *', 'CALL sambapos._tick(''bar'')'), ('sambapos:hotel', '* * * * *', 'CALL sambapos._tick(''hotel'')')$$,
                  'a job for every site');
SELECT is((SELECT count(*) FROM cron.job WHERE jobname IN ('sambapos:bar', 'sambapos:hotel') AND database = current_database() AND active), 2::bigint, 'pg_cron has them');
SELECT is((SELECT command FROM sambapos_schedule('hotel', '*/5 6-23 * * *')), 'CALL sambapos._tick(''hotel'', true)', 'a cron line of one''s own');
SELECT is((SELECT schedule FROM cron.job WHERE jobname = 'sambapos:hotel'), '*/5 6-23 * * *', 'changes the job');
SELECT is((SELECT count(*) FROM cron.job WHERE jobname LIKE 'sambapos:%'), 2::bigint, 'and makes no second one');
SELECT is((SELECT schedule FROM sambapos._place WHERE name = 'hotel'), '*/5 6-23 * * *', 'the site remembers it');

-- what a user has set stays, or it is said what it was
SELECT is((SELECT runs FROM sambapos_schedule() WHERE job = 'sambapos:hotel'), '*/5 6-23 * * *', 'who schedules all sites changes no site''s own line');
UPDATE cron.job SET active = false WHERE jobname = 'sambapos:hotel';
SELECT matches((SELECT reason FROM sambapos_status('hotel')), 'its pg_cron job is not active: SELECT sambapos_schedule\(''hotel''\)', 'a job that is not active: the status says so');
SELECT lives_ok($$SELECT * FROM sambapos_schedule()$$, 'scheduled again');
SELECT is((SELECT active FROM cron.job WHERE jobname = 'sambapos:hotel'), true, 'it is active');
SELECT is((SELECT schedule FROM cron.job WHERE jobname = 'sambapos:hotel'), '*/5 6-23 * * *', 'and has kept its line');

-- feeds that no site has
SELECT sambapos_add_feed('own') AS added \gset
SELECT results_eq($$SELECT * FROM sambapos_schedule('own')$$, $$VALUES ('sambapos:feeds', '* * * * *', 'CALL sambapos._tick_feeds()')$$, 'a feed without a site: a job for all feeds');
SELECT is((SELECT count(*) FROM cron.job WHERE jobname LIKE 'sambapos:%'), 3::bigint, 'one');
SELECT is((SELECT count(*) FROM sambapos_schedule() WHERE job = 'sambapos:feeds'), 1::bigint, 'who schedules all sites has it, too');
SELECT lives_ok('CALL sambapos._tick_feeds()', 'it ticks');
SELECT is(sambapos_unschedule('own'), true, 'it can be dropped');
SELECT sambapos_remove_feed('own') AS removed \gset
SELECT is((SELECT count(*) FROM sambapos_schedule() WHERE job = 'sambapos:feeds'), 0::bigint, 'without such a feed there is none');

-- after a database or a role was renamed
UPDATE cron.job SET database = 'sambapos_test_old_name' WHERE jobname = 'sambapos:hotel';
SELECT matches((SELECT reason FROM sambapos_status('hotel')), 'its pg_cron job is for database "sambapos_test_old_name" and role "[^"]+", one of which was renamed or dropped: SELECT sambapos_schedule\(''hotel''\)', 'the database was renamed: the status says so');
SELECT lives_ok($$SELECT * FROM sambapos_schedule('hotel', '*/5 6-23 * * *')$$, 'scheduled again');
SELECT is((SELECT database FROM cron.job WHERE jobname = 'sambapos:hotel'), current_database()::text, 'the job is for this database');
UPDATE cron.job SET username = 'sambapos_test_old_role' WHERE jobname = 'sambapos:hotel';
SELECT matches((SELECT reason FROM sambapos_status('hotel')), 'role "sambapos_test_old_role", one of which was renamed', 'the role was renamed: likewise');
SELECT lives_ok($$SELECT * FROM sambapos_schedule('hotel', '*/5 6-23 * * *')$$, 'scheduled again');
SELECT is((SELECT string_agg(username, ', ') FROM cron.job WHERE jobname = 'sambapos:hotel'), current_user::text, 'the old one is gone');
UPDATE cron.job SET database = 'postgres' WHERE jobname = 'sambapos:hotel';
SELECT throws_ok($$SELECT * FROM sambapos_schedule('hotel')$$, '42710', 'there is a pg_cron job "sambapos:hotel" already, for database "postgres"', 'a job of another database is left alone');
SELECT is(sambapos_unschedule('hotel'), false, 'and not dropped either');
DO $do$ DECLARE hint text := pg_temp.hint($$SELECT * FROM sambapos_schedule('hotel', '*/5 6-23 * * *')$$); BEGIN EXECUTE substring(hint FROM 'SELECT cron.*;'); END $do$;
SELECT is(sambapos._cron_complaint('hotel'), NULL, 'what the hint says makes a job of another name, which counts');
SELECT is(sambapos_unschedule('hotel'), true, 'and can be dropped');
UPDATE cron.job SET database = current_database() WHERE jobname = 'sambapos:hotel';

-- how long it can be until a line comes again
SELECT results_eq($$SELECT sambapos._cron_longest_wait(l)::text FROM unnest('{* * * * *,30 4 * * *,0 6-23 * * *,0 3 * * mon-fri,0 0 1 * *,"0,30 9-17/2 * * *",0 12 1 * sun}'::text[]) AS l$$,
                  $$VALUES ('00:01:00'), ('1 day'), ('07:00:00'), ('3 days'), ('31 days'), ('15:30:00'), ('7 days')$$, 'the longest wait of cron lines');
SELECT is((SELECT count(sambapos._cron_longest_wait(l)) FROM unnest('{0 25 * * *,0 0 L * *,0 22-2 * * *,x}'::text[]) AS l), 0::bigint, 'what is not understood has none');
SELECT throws_ok($$SELECT * FROM sambapos_schedule('hotel', '')$$, '22023', 'invalid schedule: ""', 'an empty line is none');
SELECT CASE WHEN (SELECT extversion ~ '^1\.[0-4]' FROM pg_extension WHERE extname = 'pg_cron')
            THEN throws_ok($$SELECT * FROM sambapos_schedule('hotel', '10 seconds')$$, '0A000', NULL, 'an old pg_cron knows no seconds')
            ELSE lives_ok($$SELECT * FROM sambapos_schedule('hotel', '10 seconds')$$, 'pg_cron knows seconds') END;
SELECT lives_ok($$SELECT * FROM sambapos_schedule('hotel', '*/5 6-23 * * *')$$, 'the line of before');

-- a job that cannot log in
SELECT is(sambapos._cron_complaint('hotel'), NULL, 'nothing to complain about a job that has not run');
INSERT INTO cron.job_run_details (jobid, runid, database, username, command, status, return_message)
SELECT jobid, 1000000, database, username, command, 'failed', 'connection failed' FROM cron.job WHERE jobname = 'sambapos:hotel';
SELECT matches((SELECT reason FROM sambapos_status('hotel')), 'pg_cron could not log in as "[^"]+" \(connection failed\): set cron.use_background_workers = on',
               'the status says that pg_cron cannot log in, and what to do');
UPDATE cron.job_run_details SET return_message = E'ERROR:  function sambapos_run(text) does not exist\nHINT: none' WHERE runid = 1000000;
SELECT matches((SELECT reason FROM sambapos_status('hotel')), '; its pg_cron job fails: ERROR:  function sambapos_run\(text\) does not exist', 'or that the job fails in another way');
UPDATE cron.job_run_details SET return_message = E'ERROR:  site hotel: run 3 failed: tickets: connection to till lost' WHERE runid = 1000000;
SELECT doesnt_match((SELECT reason FROM sambapos_status('hotel')), 'pg_cron', 'what a run met is not pg_cron''s fault');
UPDATE cron.job_run_details SET return_message = 'connection failed' WHERE runid = 1000000;
CREATE TEMP TABLE old_job AS SELECT jobid FROM cron.job WHERE jobname = 'sambapos:hotel';
SELECT lives_ok($$SELECT * FROM sambapos_schedule('hotel')$$, 'scheduling again');
SELECT isnt((SELECT jobid FROM cron.job WHERE jobname = 'sambapos:hotel'), (SELECT jobid FROM old_job), 'makes that job anew');
SELECT is((SELECT schedule FROM cron.job WHERE jobname = 'sambapos:hotel'), '*/5 6-23 * * *', 'which keeps its line');

-- a job that is made anew keeps its name, beside the original's
UPDATE cron.job SET jobname = 'sambapos:hotel:copy' WHERE jobname = 'sambapos:hotel';
SELECT cron.schedule_in_database('sambapos:hotel', '* * * * *', 'SELECT 1', 'postgres') AS original \gset
SELECT lives_ok($$SELECT * FROM sambapos_schedule('hotel')$$, 'a job that could not log in');
UPDATE cron.job SET active = false WHERE jobname = 'sambapos:hotel:copy';
SELECT lives_ok($$SELECT * FROM sambapos_schedule('hotel')$$, 'one that was not active');
UPDATE cron.job SET database = 'sambapos_test_old_name' WHERE jobname = 'sambapos:hotel:copy';
SELECT lives_ok($$SELECT * FROM sambapos_schedule('hotel')$$, 'and one that was stale');
SELECT set_eq($$SELECT jobname::text, database, schedule FROM cron.job WHERE jobname LIKE 'sambapos:hotel%'$$,
              $$VALUES ('sambapos:hotel', 'postgres', '* * * * *'), ('sambapos:hotel:copy', current_database()::text, '*/5 6-23 * * *')$$, 'keep name and line');
DELETE FROM cron.job WHERE jobname = 'sambapos:hotel';
UPDATE cron.job SET jobname = 'sambapos:hotel' WHERE jobname = 'sambapos:hotel:copy';

-- what others have left behind is theirs, also where their database is gone
SELECT is(sambapos_unschedule('hotel'), true, 'dropping a job');
INSERT INTO cron.job (jobname, schedule, command, nodename, nodeport, database, username, active)
VALUES ('sambapos:hotel', '0 0 1 1 *', 'SELECT 1', '', 5432, 'sambapos_test_old_name', 'sambapos_test_nobody', true),
       ('sambapos:hotel', '0 0 1 1 *', 'SELECT 1', '', 5432, 'postgres', 'sambapos_test_old_role', true);
SELECT is(sambapos._cron_complaint('hotel'), 'no pg_cron job of this user: see sambapos_schedule', 'jobs of others do not count');
SELECT results_eq($$SELECT runs FROM sambapos_schedule('hotel')$$, $$VALUES ('* * * * *')$$, 'scheduling, after unscheduling by the interval');
SELECT set_eq($$SELECT username, database, command FROM cron.job WHERE jobname = 'sambapos:hotel'$$,
              $$VALUES ('sambapos_test_nobody', 'sambapos_test_old_name', 'SELECT 1'), ('sambapos_test_old_role', 'postgres', 'SELECT 1'),
                       (current_user::text, current_database()::text, 'CALL sambapos._tick(''hotel'')')$$, 'and left alone');
DELETE FROM cron.job WHERE username <> current_user;

SELECT is(sambapos_unschedule('hotel'), true, 'dropping a job');
SELECT is((SELECT count(*) FROM cron.job WHERE jobname = 'sambapos:hotel'), 0::bigint, 'drops it');
SELECT is(sambapos_unschedule('hotel'), false, 'there is none left');
SELECT lives_ok($$SELECT * FROM sambapos_remove_site('bar')$$, 'removing a site');

-- pg_cron was moved to another database, and its extension is still in this one: nobody runs a job that is made here
SELECT lives_ok($$SELECT * FROM sambapos_schedule('hotel')$$, 'a job');
SAVEPOINT seen;
UPDATE sambapos.site SET added_at = now() - interval '1 day' WHERE name = 'hotel';
SELECT is((sambapos._doctor_cron('nowhere')).status, 'ok', 'whose time has not come');
UPDATE sambapos.site_state SET next_due_at = now() - interval '20 minutes';
INSERT INTO sambapos.site_state (site_id, next_due_at) SELECT site_id, now() - interval '20 minutes' FROM sambapos.site ON CONFLICT DO NOTHING;
SELECT matches((sambapos._doctor_cron('nowhere')).detail, 'site hotel: it has a job, and no scheduled run comes', 'that nothing runs is a warning, whatever this user may see');
ROLLBACK TO seen;
CREATE OR REPLACE FUNCTION sambapos._cron_database() RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'elsewhere' $$;
SELECT throws_like($$SELECT * FROM sambapos_schedule('hotel')$$, '%pg_cron lives in database "elsewhere"%', 'who sees it is told when he makes a job');
SELECT is(sambapos_unschedule('hotel'), false, 'no job is dropped here');
SELECT matches((sambapos._doctor_cron('nowhere')).detail, '^pg_cron lives in database elsewhere', 'and by the check');

SELECT * FROM finish();
ROLLBACK;
