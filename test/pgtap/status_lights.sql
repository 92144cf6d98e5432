-- Promise: sambapos_status tells green, amber, red and asleep by the rules of the manual, says why, and
-- never connects to the till. The server of this test's site cannot be reached at all.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT plan(58);

CREATE SERVER nowhere FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host '127.0.0.1', port '1', database 'none');
INSERT INTO sambapos.site (site_id, name, server, time_zone, sync_interval) VALUES (7, 'hotel', 'nowhere', 'Europe/Istanbul', '15 minutes');
INSERT INTO sambapos.site_state (site_id, last_run_at, last_success_at, next_due_at)
VALUES (7, now() - interval '1 minute', now() - interval '1 minute', now() + interval '14 minutes');
INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind) VALUES (7, 'menu_items', 'MenuItems', 'master'), (7, 'tickets', 'Tickets', 'ticket');
INSERT INTO sambapos.table_state (site_id, table_name, full_due, loaded_at, last_status)
VALUES (7, 'menu_items', false, now() - interval '1 day', 'ok'), (7, 'tickets', false, now() - interval '1 day', 'ok');

-- Settings and state of the site, and of a table, to be changed together.
CREATE TEMP VIEW any_site AS SELECT * FROM sambapos._place;
CREATE TEMP VIEW any_table AS SELECT * FROM sambapos._table;
CREATE FUNCTION pg_temp.change_site() RETURNS trigger LANGUAGE plpgsql AS
$$
DECLARE
  state sambapos.site_state; -- of it the view shows what a run needs
BEGIN
  DELETE FROM sambapos.site WHERE site_id = OLD.site_id;
  DELETE FROM sambapos.site_state WHERE site_id = OLD.site_id RETURNING * INTO state;
  INSERT INTO sambapos.site SELECT (jsonb_populate_record(NULL::sambapos.site, to_jsonb(NEW))).*;
  INSERT INTO sambapos.site_state SELECT (jsonb_populate_record(state, to_jsonb(NEW))).*;
  INSERT INTO sambapos.request (site_id, requested_at) SELECT NEW.site_id, NEW.requested_at WHERE NEW.requested_at IS NOT NULL;
  RETURN NEW;
END;
$$;
CREATE FUNCTION pg_temp.change_table() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
  DELETE FROM sambapos.replicated_table WHERE (site_id, table_name) = (OLD.site_id, OLD.table_name);
  DELETE FROM sambapos.table_state WHERE (site_id, table_name) = (OLD.site_id, OLD.table_name);
  INSERT INTO sambapos.replicated_table SELECT (jsonb_populate_record(NULL::sambapos.replicated_table, to_jsonb(NEW))).*;
  INSERT INTO sambapos.table_state SELECT (jsonb_populate_record(NULL::sambapos.table_state, to_jsonb(NEW))).*;
  RETURN NEW;
END;
$$;
CREATE TRIGGER change INSTEAD OF UPDATE ON any_site FOR EACH ROW EXECUTE FUNCTION pg_temp.change_site();
CREATE TRIGGER change INSTEAD OF UPDATE ON any_table FOR EACH ROW EXECUTE FUNCTION pg_temp.change_table();

-- What the status would be after a change, which is then undone.
CREATE FUNCTION pg_temp.status_after(change text, what text DEFAULT 'light || '': '' || reason') RETURNS text
LANGUAGE plpgsql AS
$$
DECLARE
  result text;
BEGIN
  EXECUTE change;
  EXECUTE format('SELECT %s FROM sambapos_status(''hotel'')', what) INTO result;
  RAISE EXCEPTION USING ERRCODE = 'TS001', MESSAGE = coalesce(result, 'NULL');
EXCEPTION WHEN SQLSTATE 'TS001' THEN
  RETURN SQLERRM;
END;
$$;
CREATE FUNCTION pg_temp.site_with(assignments text, what text DEFAULT 'light || '': '' || reason') RETURNS text
LANGUAGE sql AS
$$ SELECT pg_temp.status_after('UPDATE any_site SET ' || assignments || ' WHERE name = ''hotel''', what); $$;
CREATE FUNCTION pg_temp.table_with(assignments text, what text DEFAULT 'light || '': '' || reason') RETURNS text
LANGUAGE sql AS
$$ SELECT pg_temp.status_after('UPDATE any_table SET ' || assignments || ' WHERE table_name = ''tickets''', what); $$;

-- its shape
SELECT is((SELECT array_to_string(proargnames, ' ') FROM pg_proc WHERE proname = 'sambapos_status'),
          'site light reason data_age last_success_at last_run_at last_error pending epoch next_due_at online auth_failed paused_reason loading',
          'the columns are those of the manual');
SELECT throws_ok($$SELECT * FROM sambapos_status('hotl')$$, '42704', 'there is no site named "hotl"', 'an unknown site raises');
SELECT is((SELECT count(*) FROM sambapos_status()), 1::bigint, 'without a name: every site');
SELECT is((SELECT count(*) FROM sambapos_status('hotel')), 1::bigint, 'with a name: that site');

-- green
SELECT matches(pg_temp.site_with('priority = 0'), '^green: last run ok, [0-9:]+ ago$', 'green: last run ok and young');
SELECT matches(pg_temp.site_with($$last_success_at = now() - interval '29 minutes'$$), '^green', 'green until twice the interval');

-- amber
SELECT matches(pg_temp.site_with($$last_success_at = now() - interval '31 minutes'$$), '^amber: last complete run 00:31', 'amber when older than twice the interval');
SELECT matches(pg_temp.site_with($$last_success_at = now() - interval '119 minutes'$$), '^amber', 'amber until eight intervals');
SELECT matches(pg_temp.site_with($$sync_interval = '1 minute', last_success_at = now() - interval '59 minutes'$$), '^amber', 'eight intervals below an hour are not yet red');
SELECT matches(pg_temp.table_with($$last_status = 'failed', last_error = 'no right'$$), '^amber: tickets failed: no right$', 'amber when a table failed, and says which');
SELECT matches(pg_temp.table_with($$paused_reason = 'column "x" changed'$$), '^amber: tickets is paused: column "x" changed$', 'amber when a table is paused');
SELECT matches(pg_temp.site_with($$last_error = 'connection lost', last_sqlstate = '08006'$$), '^amber: last run failed: connection lost', 'amber when the last run failed and the data is young');
SELECT matches(pg_temp.table_with('loaded_at = NULL'), '^amber: loading 50 %', 'amber while a table is not loaded');
SELECT is(pg_temp.table_with('loaded_at = NULL', 'loading'), '50', 'loading is the percentage of loaded tables');
SELECT is(pg_temp.site_with('priority = 0', 'loading'), 'NULL', 'loading is NULL when all tables are loaded');

-- all that is wrong, in few words
CREATE FUNCTION pg_temp.troubled(assignments text, tables text[] DEFAULT '{}') RETURNS text
LANGUAGE sql AS
$$
  SELECT pg_temp.status_after(format(
    'INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind, enabled)
     SELECT 7, t.name, t.name, ''master'', t.status <> ''disabled'' FROM (SELECT split_part(n, '' '', 1), split_part(n, '' '', 2) FROM unnest(%1$L::text[]) AS n) AS t (name, status);
     INSERT INTO sambapos.table_state (site_id, table_name, full_due, loaded_at, last_status, last_error, last_sqlstate, paused_reason)
     SELECT 7, t.name, false, now(), CASE WHEN t.status IN (''failed'', ''follows'', ''off'') THEN ''failed'' ELSE ''ok'' END, ''E '' || t.name,
            CASE t.status WHEN ''failed'' THEN ''42501'' WHEN ''off'' THEN ''08001'' END, CASE t.status WHEN ''paused'' THEN ''P '' || t.name END
     FROM (SELECT split_part(n, '' '', 1), split_part(n, '' '', 2) FROM unnest(%1$L::text[]) AS n) AS t (name, status);
     UPDATE any_site SET %2$s', tables, assignments));
$$;
SELECT is(pg_temp.troubled('priority = 0', '{b paused,c failed}'), 'amber: b is paused: P b; c failed: E c', 'a paused table does not hide a failed one');
SELECT is(pg_temp.troubled('priority = 0', '{a follows,b follows,y failed}'), 'amber: y failed: E y; and 2 more tables', 'the cause, not the first by the alphabet');
SELECT is(pg_temp.troubled('priority = 0', '{a follows}'), 'amber: a failed: E a', 'what only follows is named if nothing else is');
SELECT is(pg_temp.troubled('priority = 0', '{a failed,b failed,c failed,d failed,e paused}'), 'amber: a failed: E a; b failed: E b; c failed: E c; and 2 more tables', 'three by name, the rest in number');
SELECT is(pg_temp.troubled($$last_error = 'no route', last_sqlstate = '08001'$$, '{a off,b off,c off,d off}'), 'amber: last run failed: no route', 'a till that is off is said once');
SELECT is(pg_temp.troubled($$last_error = 'no route', last_sqlstate = '08001'$$, '{a off,b off,c paused,d off}'), 'amber: last run failed: no route; c is paused: P c', 'and does not hide a table''s own trouble');
SELECT matches(pg_temp.troubled($$last_success_at = now() - interval '9 hours', last_error = 'no route', last_sqlstate = '08001'$$, '{a off,c paused}'), '^red: last complete run .* ago: no route; c is paused: P c$', 'nor when it is red');
SELECT is(pg_temp.troubled($$last_error = 'a: E a; b: E b', last_sqlstate = '42501'$$, '{a failed,b failed}'), 'amber: a failed: E a; b failed: E b', 'a run that only had tables fail says nothing twice');
SELECT is(pg_temp.troubled('priority = 0', '{a off,b off}'), 'amber: a failed: E a; b failed: E b', 'tables that were not read since the till was off, though others were');
SELECT is(pg_temp.troubled('priority = 0', '{a disabled}'), 'amber: a is disabled', 'a disabled table is no green light');
SELECT matches(pg_temp.status_after('UPDATE sambapos.replicated_table SET enabled = false'), '^red: menu_items is disabled; tickets is disabled$', 'nor are all');
SELECT matches(pg_temp.status_after('UPDATE any_table SET loaded_at = NULL, paused_reason = ''P'' WHERE table_name = ''tickets'''), '^amber: loading 50 %; tickets is paused: P$', 'a table that cannot be loaded is named while others are');

-- what waits for a person
SELECT matches(pg_temp.status_after($$INSERT INTO sambapos.source_events (event_id, site_id, kind, table_name, epoch, rows, evidence) VALUES (17, 7, 'reseed', 'tickets', 1, 2, '{"undecided": [{"id": 5}]}')$$),
  '^amber: tickets: rows are kept apart until somebody says whose they are: event 17 in sambapos.source_events$', 'amber while a row is undecided, which counts twice');
SELECT matches(pg_temp.status_after($$INSERT INTO sambapos.source_events (event_id, site_id, kind, table_name, epoch, rows, evidence) VALUES (17, 7, 'reseed', 'tickets', 1, 2, '{"undecided": [], "reclassified_at": "2024-05-01"}')$$),
  '^green', 'green when somebody has said it');
SELECT matches(pg_temp.status_after($$INSERT INTO sambapos.source_events (event_id, site_id, kind, table_name, epoch, rows, evidence) VALUES (17, 7, 'clear', 'tickets', 1, 2, '{}'), (18, 8, 'reseed', 'tickets', 1, 2, '{"undecided": []}')$$),
  '^green', 'other events, and other sites'', are no trouble');

-- red
SELECT matches(pg_temp.site_with($$last_success_at = now() - interval '121 minutes'$$), '^red: last complete run 02:01', 'red after eight intervals');
SELECT matches(pg_temp.site_with($$last_success_at = now() - interval '121 minutes', last_error = 'host unreachable'$$), '^red: .*host unreachable', 'red says what the last run met');
SELECT matches(pg_temp.site_with($$sync_interval = '1 minute', last_success_at = now() - interval '61 minutes'$$), '^red', 'red after eight intervals and an hour');
SELECT matches(pg_temp.site_with('last_success_at = NULL'), '^red: never synced', 'red when it never worked');
SELECT matches(pg_temp.site_with($$last_success_at = NULL, last_error = 'no host'$$), '^red: never worked: no host', 'red says why it never worked');
SELECT matches(pg_temp.site_with('enabled = false'), '^red: disabled: sambapos_configure', 'red when disabled, and how to enable it');
SELECT matches(pg_temp.site_with($$paused_reason = 'another database answers'$$), '^red: paused: another database answers', 'red when paused');
SELECT matches(pg_temp.site_with($$auth_failed = true, last_error = 'login failed'$$), '^red: the login was refused \(login failed\).*sambapos_request_sync\(''hotel''\)', 'red when the login was refused, and what to do');
SELECT matches(pg_temp.status_after($$SELECT sambapos_configure(NULL, 'enabled', 'false')$$), '^red: all sites are switched off', 'red when the kill switch is on');
SELECT matches(pg_temp.status_after('DELETE FROM sambapos.replicated_table'), '^red: no tables', 'red without tables');

-- asleep: a window that was over an hour ago in the site's zone; or tomorrow's weekday
CREATE FUNCTION pg_temp.hours(starts interval, ends interval) RETURNS text
LANGUAGE sql AS
$$
  SELECT format('opening_hours = %L', jsonb_build_array(jsonb_build_object(
    'days', jsonb_build_array(extract(isodow FROM (now() + starts) AT TIME ZONE 'Europe/Istanbul')),
    'from', to_char((now() + starts) AT TIME ZONE 'Europe/Istanbul', 'HH24:MI'),
    'to', to_char((now() + ends) AT TIME ZONE 'Europe/Istanbul', 'HH24:MI'))));
$$;
SELECT matches(pg_temp.site_with(pg_temp.hours('-3 hours', '-1 hour')), '^asleep: outside opening hours', 'asleep outside opening hours');
SELECT matches(pg_temp.site_with(pg_temp.hours('-3 hours', '-1 hour') || $$, last_success_at = now() - interval '9 hours'$$), '^asleep', 'asleep, however old');
SELECT matches(pg_temp.site_with(pg_temp.hours('-3 hours', '-1 hour') || ', enabled = false'), '^red', 'what a person has to end stays red at night');
SELECT matches(pg_temp.site_with(pg_temp.hours('-1 hour', '1 hour')), '^green', 'awake in opening hours');
SELECT matches(pg_temp.site_with(pg_temp.hours('-23 hours', '1 hour')), '^green', 'awake in hours that began yesterday and go past midnight');
SELECT matches(pg_temp.site_with(pg_temp.hours('22 hours', '24 hours')), '^asleep', 'asleep before a window of tomorrow');
SELECT ok(sambapos._hours_contain('[{"from": "22:00", "to": "02:00", "days": [5]}]', '2024-06-01 01:59'), 'Friday''s window lasts into Saturday');
SELECT ok(NOT sambapos._hours_contain('[{"from": "22:00", "to": "02:00", "days": [5]}]', '2024-06-02 01:59'), 'but not into Sunday');

-- the other columns
SELECT is(pg_temp.site_with('priority = 0', 'online'), 'true', 'online after a run that worked');
SELECT is(pg_temp.site_with($$last_sqlstate = '08006', last_error = 'x'$$, 'online'), 'false', 'not online when the source could not be reached');
SELECT is(pg_temp.site_with($$last_sqlstate = '28000', last_error = 'x'$$, 'online'), 'true', 'online when it answered, even by refusing');
SELECT is(pg_temp.site_with('last_run_at = NULL', 'online'), 'NULL', 'online is unknown before the first run');
SELECT is(pg_temp.site_with('priority = 0', 'pending'), '0', 'nothing pending after a complete run');
SELECT is(pg_temp.site_with('requested_at = now()', 'pending'), '2', 'all tables are pending when a sync was requested');
SELECT is(pg_temp.table_with('full_due = true', 'pending'), '1', 'a table that waits for a whole read is pending');
SELECT matches(pg_temp.site_with('time_zone = NULL, hw_offset_minutes = -210'), 'time zone not set, the till''s clock is taken \(UTC-03:30\)', 'says so when the time zone is a guess');

-- the views
SELECT is((SELECT string_agg(table_name || ' ' || status, ', ' ORDER BY table_name) FROM sambapos.table_status), 'menu_items ok, tickets ok', 'table_status has a row a table, also before the replica tables exist');
SELECT is((SELECT count(*) FROM sambapos.metrics WHERE name = 'sambapos_up' AND labels = '{"site": "hotel"}' AND value = 1), 1::bigint, 'metrics has the site');

SELECT * FROM finish();
ROLLBACK;
