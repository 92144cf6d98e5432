-- Promise: sambapos_configure takes every setting of the manual, checks its value, names the nearest
-- setting when one is misspelt, and NULL puts the default back.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT no_plan();

INSERT INTO sambapos.site (site_id, name, server) VALUES (7, 'hotel', 'nowhere');
INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind)
VALUES (7, 'entities', 'Entities', 'master'), (7, 'tickets', 'Tickets', 'ticket'), (7, 'menu_items', 'MenuItems', 'master');
CREATE SCHEMA sambapos_replica;
CREATE TABLE sambapos_replica.entities (site_id integer, epoch integer, id integer, name text, custom_data text, row_state text,
                                        PRIMARY KEY (site_id, epoch, id));

-- What a valid value is stored as, a line a setting.
CREATE TEMP TABLE good (setting text, value text, stored text);
INSERT INTO good VALUES
  ('enabled', 'off', 'false'), ('sync_interval', '5 minutes', '00:05:00'), ('priority', '-3', '-3'),
  ('overlap', '1 hour', '01:00:00'), ('id_overlap', '500', '500'), ('document_days', '3', '3'), ('stock_days', '14', '14'),
  ('settle_runs', '3', '3'), ('gone_limit', '500', '500'), ('reconcile_interval', '1 day', '1 day'), ('reconcile_sums', '0', '0'), ('reconcile_values', '1000', '1000'), ('part_rows', '0', '0'), ('rows_per_second', '5000', '5000'), ('queries_per_minute', '600', '600'), ('slow_factor', '5', '5'), ('change_tracking', 'off', 'off'), ('run_log_retention', '90 days', '90 days'), ('archive_on_clear', 'off', 'false'), ('history_retention', '5 years', '5 years'), ('archive_path', '/srv/archives', '/srv/archives'), ('day_rule', 'ticket work_period closed', 'ticket work_period closed'),
  ('live_fallback', 'off', 'off'), ('time_zone', 'europe/istanbul', 'Europe/Istanbul'), ('currency', 'TRY', 'TRY'),
  ('external_id', 'hotel-7', 'hotel-7'), ('site_group', 'hotels', 'hotels'), ('stale_after', '4', '4'), ('course_tag', 'Gang', 'Gang'), ('gl_tag', 'NewBook GLA', 'NewBook GLA'),
  ('covers_tag', 'Guests', 'Guests'), ('table_entity_type', 'Tables', 'Tables'), ('room_entity_type', '7', '7'), ('customer_entity_type', 'Guests', 'Guests'), ('gift_card_account_type', 'Gift cards', 'Gift cards'), ('void_state', 'Void', 'Void'),
  ('gift_state', 'Gift', 'Gift'), ('rollup', 'on', 'true'), ('sales_consumer', 'ledger', 'ledger'),
  ('opening_hours', 'Mon-Sat 09:00-02:00, sun 10:00-24:00',
   '[{"to": "02:00", "days": [1, 2, 3, 4, 5, 6], "from": "09:00"}, {"to": "24:00", "days": [7], "from": "10:00"}]'),
  ('opening_hours', 'sat-mon 10:00-12:00', '[{"to": "12:00", "days": [6, 7, 1], "from": "10:00"}]'),
  ('blackout', '12:00-14:00; 19:00-21:30', '[{"to": "14:00", "from": "12:00"}, {"to": "21:30", "from": "19:00"}]');
CREATE FUNCTION pg_temp.stored(setting text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  result text;
BEGIN
  EXECUTE format('SELECT %I::text FROM sambapos._place WHERE name = ''hotel''', setting) INTO result;
  RETURN result;
END;
$$;
CREATE TEMP TABLE before AS SELECT to_jsonb(s) AS site FROM sambapos._place AS s;
CREATE FUNCTION pg_temp.try(setting text, value text) RETURNS text LANGUAGE plpgsql AS
$$ BEGIN PERFORM sambapos_configure('hotel', setting, value); RETURN pg_temp.stored(setting); END; $$;
SELECT is(pg_temp.try(g.setting, g.value), g.stored, format('%s: %s is taken', g.setting, g.value)) FROM good AS g;
SELECT is((SELECT string_agg(DISTINCT s.setting, ', ') FROM sambapos._settings() AS s WHERE s.scope = 'site' AND s.setting NOT IN (SELECT setting FROM good)),
          NULL, 'every setting of a site is tried here');
SELECT lives_ok(format('SELECT sambapos_configure(''hotel'', %L, NULL)', g.setting), g.setting || ': NULL is taken')
FROM (SELECT DISTINCT setting FROM good) AS g;
SELECT is((SELECT to_jsonb(s) FROM sambapos._place AS s), (SELECT site FROM before), 'NULL puts every default back');

-- What is refused, and that nothing of it is stored.
CREATE TEMP TABLE bad (setting text, value text);
INSERT INTO bad VALUES
  ('enabled', 'perhaps'), ('sync_interval', '5 seconds'), ('sync_interval', '32 days'), ('sync_interval', 'often'), ('sync_interval', ''),
  ('priority', '1001'), ('priority', '1.5'), ('overlap', '-1 minute'), ('overlap', '8 days'), ('id_overlap', '-1'), ('document_days', '367'),
  ('stock_days', 'all'), ('settle_runs', '0'), ('gone_limit', '-1'), ('reconcile_interval', '32 days'), ('reconcile_sums', '-1'), ('change_tracking', 'on'), ('run_log_retention', '1 hour'), ('archive_on_clear', 'sometimes'), ('history_retention', '1 day'), ('archive_path', 'archives'), ('archive_path', '/srv/../etc'), ('day_rule', 'closed'), ('day_rule', 'ticket 25:00'), ('live_fallback', 'on'),
  ('currency', 'lira'), ('external_id', ''), ('site_group', 'Two words'), ('site_group', ''), ('opening_hours', 'moo 09:00-10:00'), ('opening_hours', '9-17'),
  ('opening_hours', '09:00-09:00'), ('opening_hours', '09:00-25:00'), ('blackout', 'mon 12:00-14:00');
SELECT throws_ok(format('SELECT sambapos_configure(''hotel'', %L, %L)', b.setting, b.value), '22023',
                 format('invalid value for setting "%s": "%s"', b.setting, b.value), format('%s: "%s" is refused', b.setting, b.value)) FROM bad AS b;
SELECT throws_ok($$SELECT sambapos_configure('hotel', 'time_zone', 'Xyz+3')$$, '22023', 'unknown time zone "Xyz+3"', 'a POSIX zone is no zone');
SELECT is((SELECT to_jsonb(s) FROM sambapos._place AS s), (SELECT site FROM before), 'nothing refused is stored');

-- The hint of an error.
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
SELECT throws_ok($$SELECT sambapos_configure('hotel', 'sync_intervall', '1 hour')$$, '22023', 'there is no setting named "sync_intervall"', 'an unknown setting raises');
SELECT matches(pg_temp.hint($$SELECT sambapos_configure('hotel', 'sync_intervall', '1 hour')$$), 'Perhaps you meant "sync_interval"', 'and the nearest is named');
SELECT matches(pg_temp.hint($$SELECT sambapos_configure('hotel', 'time_zone', 'Europe/Istambul')$$), 'Perhaps you meant "Europe/Istanbul"', 'the nearest time zone is named');
SELECT matches(pg_temp.hint($$SELECT sambapos_configure('hotel', 'priority', '1001')$$), '-1000 to 1000', 'the range is named');
SELECT throws_ok($$SELECT sambapos_configure('hotl', 'enabled', 'true')$$, '42704', NULL, 'an unknown site raises');
SELECT throws_ok($$SELECT sambapos_configure(NULL, 'overlap', '0')$$, '22023', 'setting "overlap" belongs to a site', 'a site''s setting needs a site');
SELECT throws_ok($$SELECT sambapos_configure(NULL, 'enabled', 'true', 'tickets')$$, '22023', 'a table needs a site', 'a table needs a site');
SELECT throws_ok($$SELECT sambapos_configure('hotel', 'overlap', '0', 'tickets')$$, '22023', 'setting "overlap" belongs to a site', 'a site''s setting is none of a table');

-- The kill switch.
SELECT is(sambapos_configure(NULL, 'enabled', 'no'), 'false', 'the kill switch is set');
SELECT ok(NOT sambapos._runs_enabled(), 'and is off');
SELECT is(sambapos_configure(NULL, 'enabled', NULL), NULL, 'NULL ends it');
SELECT ok(sambapos._runs_enabled(), 'and it is on again');

-- Tables.
SELECT is(sambapos_configure('hotel', 'enabled', 'false', 'TICKETS'), 'false', 'a table by its source name in any case');
SELECT is((SELECT string_agg(table_name, ', ') FROM sambapos._table WHERE NOT enabled), 'tickets', 'is switched off');
SELECT is(sambapos_configure('hotel', 'enabled', 'false', 'menu'), 'false', 'a set');
SELECT is((SELECT count(*) FROM sambapos._table WHERE NOT enabled), 2::bigint, 'is switched off');
UPDATE sambapos.table_state SET paused_reason = 'type changed', full_due = false WHERE table_name = 'tickets';
SELECT is(sambapos_configure('hotel', 'enabled', 'true', 'tickets'), 'true', 'a paused table is enabled');
SELECT results_eq($$SELECT enabled, paused_reason IS NULL, full_due FROM sambapos._table WHERE table_name = 'tickets'$$,
                  $$VALUES (true, true, true)$$, 'its pause is over and it is read whole');
SELECT throws_ok($$SELECT sambapos_configure('hotel', 'enabled', 'true', 'tikets')$$, '42P01', 'site "hotel" has no table "tikets"', 'an unknown table raises');
SELECT matches(pg_temp.hint($$SELECT sambapos_configure('hotel', 'enabled', 'true', 'tikets')$$), 'Perhaps you meant "tickets"', 'and the nearest is named');

-- Personal data.
SELECT is(sambapos_configure('hotel', 'personal', 'null', 'Entities.custom_data'), 'null', 'a column is read as NULL');
SELECT is((SELECT treatment FROM sambapos.personal_columns WHERE table_name = 'entities' AND column_name = 'custom_data'), 'null', 'as the view shows');
SELECT is(sambapos_configure('hotel', 'personal', 'keep', 'entities.custom_data'), 'keep', 'or kept again');
SELECT is((SELECT treatment FROM sambapos.personal_columns WHERE table_name = 'entities' AND column_name = 'custom_data'), 'keep', 'as the view shows');
SELECT throws_ok($$SELECT sambapos_configure('hotel', 'personal', 'null', 'entities.id')$$, '42703', NULL, 'never a key');
SELECT throws_ok($$SELECT sambapos_configure('hotel', 'personal', 'null', 'entities.row_state')$$, '42703', NULL, 'nor a column of ours');
SELECT matches(pg_temp.hint($$SELECT sambapos_configure('hotel', 'personal', 'null', 'entities.custom_dat')$$), 'Perhaps you meant "custom_data"', 'the nearest column is named');
SELECT throws_ok($$SELECT sambapos_configure('hotel', 'personal', 'hide', 'entities.name')$$, '22023', NULL, 'keep or null, nothing else');

-- all of them in one view
SELECT is((SELECT string_agg(k.setting, ', ') FROM sambapos._settings() AS k
           JOIN pg_attribute AS a ON a.attrelid = 'sambapos.site'::regclass AND a.attname = k.setting
           LEFT JOIN pg_attrdef AS d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
           WHERE k.scope = 'site' AND k.fallback IS DISTINCT FROM regexp_replace(pg_get_expr(d.adbin, d.adrelid), '^''(.*)''::.*$', '\1')), NULL,
          'the defaults in the list are those of the table');
INSERT INTO sambapos.site (site_id, name, server) VALUES (8, 'bar', 'nowhere');
SELECT is((SELECT string_agg(setting, ', ') FROM sambapos.settings WHERE site = 'bar' AND (is_changed OR value IS DISTINCT FROM default_value)), NULL, 'a new site has the defaults');
SELECT is((SELECT count(*) FROM sambapos.settings WHERE site = 'bar'), (SELECT count(*) FROM sambapos._settings() WHERE scope = 'site'), 'the view has every setting of a site');
SELECT lives_ok($$SELECT sambapos_configure('bar', 'document_days', '5'), sambapos_configure('hotel', 'enabled', 'false', 'menu_items')$$, 'two are changed');
SELECT results_eq($$SELECT value, default_value, is_changed, unit FROM sambapos.settings WHERE site = 'bar' AND setting = 'document_days'$$, $$VALUES ('5', '2', true, 'days')$$, 'value, default and unit');
SELECT results_eq($$SELECT setting, value FROM sambapos.settings WHERE site = 'hotel' AND table_name = 'menu_items'$$, $$VALUES ('enabled', 'false')$$, 'a table that is disabled');
SELECT is((SELECT count(*) FROM sambapos.settings WHERE site IS NULL), (SELECT count(*) FROM sambapos._settings() WHERE scope = 'all'), 'and those for all sites');
SELECT throws_ok('SELECT sambapos_configure(NULL, NULL, NULL)', '22023', 'there is no setting named "NULL"', 'no setting at all');

SELECT * FROM finish();
ROLLBACK;
