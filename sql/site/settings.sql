-- settings.sql: checking what users write, and every setting (sambapos_configure).
--
-- Rules:
-- * An argument that is not known is an error that names the nearest one that is.
-- * A setting is one line in sambapos._settings(); what it may be is checked in one place, and said
--   in the hint in the same words.

CREATE FUNCTION sambapos._site_check_name(site text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF site IS NULL OR site !~ '^[a-z0-9_]{1,40}$' THEN
    RAISE EXCEPTION 'invalid site name "%"', coalesce(site, 'NULL') USING
      ERRCODE = 'invalid_name',
      HINT = 'A site name is 1 to 40 characters of a-z, 0-9 and _, for example "main_bar".';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._site_check_name(text) IS
  'Raises 42602 unless site is 1 to 40 characters of a-z, 0-9 and _';

CREATE FUNCTION sambapos._server_check(server text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  ours text[] := ARRAY(SELECT s.srvname::text FROM pg_foreign_server AS s
                       JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
                       WHERE w.fdwname = 'sambapos_fdw' ORDER BY 1);
  other_wrapper text := (SELECT w.fdwname FROM pg_foreign_server AS s
                         JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
                         WHERE s.srvname = server AND w.fdwname <> 'sambapos_fdw');
BEGIN
  IF other_wrapper IS NOT NULL THEN
    RAISE EXCEPTION 'server "%" belongs to foreign data wrapper "%"', server, other_wrapper USING
      ERRCODE = 'wrong_object_type', HINT = 'A site needs a server of foreign data wrapper sambapos_fdw.';
  ELSIF server IS NULL OR server::text <> ALL (ours) THEN
    RAISE EXCEPTION 'server "%" does not exist', coalesce(server, 'NULL') USING
      ERRCODE = 'undefined_object',
      HINT = sambapos._name_hint(server, ours)
             || coalesce('The servers are: ' || nullif(array_to_string(ours, ', '), '') || '.',
                         'CREATE SERVER ... FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host ..., database ...) makes '
                         'one.');
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._server_check(text) IS 'Raises 42704 or 42809 unless server is a server of this wrapper';

-- pg_timezone_names and not a cast: PostgreSQL takes any "Xyz+3" for a POSIX zone.
CREATE FUNCTION sambapos._time_zone_checked(time_zone text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  known text := (SELECT min(z.name) FROM pg_timezone_names AS z
                 WHERE lower(z.name COLLATE "C") = lower(time_zone COLLATE "C"));
BEGIN
  IF known IS NULL AND time_zone IS NOT NULL THEN
    RAISE EXCEPTION 'unknown time zone "%"', time_zone USING
      ERRCODE = 'invalid_parameter_value',
      HINT = sambapos._name_hint(time_zone,
                                 ARRAY(SELECT z.name FROM pg_timezone_names AS z WHERE z.name NOT LIKE 'posix/%'))
             || 'The names are in pg_timezone_names, for example Europe/Istanbul.';
  END IF;
  RETURN known;
END;
$$;
COMMENT ON FUNCTION sambapos._time_zone_checked(text) IS
  'The zone''s name as pg_timezone_names spells it; raises 22023 if it is not there';

-- One line a setting; low and high are both allowed. scope: all (site NULL), site, table.
CREATE FUNCTION sambapos._settings()
RETURNS TABLE (setting text, scope text, kind text, low text, high text, fallback text, unit text, meaning text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, pg_temp AS
$$
  VALUES
    ('enabled', 'all', 'boolean', NULL, NULL, 'true', NULL,
     'false is the kill switch: no scheduled run starts anywhere'),
    ('enabled', 'site', 'boolean', NULL, NULL, 'true', NULL, 'false: no run of this site'),
    ('sync_interval', 'site', 'interval', '10 seconds', '31 days', '00:15:00', 'time', 'how often the site is synced'),
    ('priority', 'site', 'integer', '-1000', '1000', '0', NULL, 'when several sites are due, higher first'),
    ('overlap', 'site', 'interval', '0', '7 days', '00:15:00', 'time',
     'how far behind the last run''s source clock stamps are read again'),
    ('id_overlap', 'site', 'integer', '0', '1000000', '200', 'ids',
     'how many ids behind the highest one known are read again'),
    ('document_days', 'site', 'integer', '0', '366', '2', 'days',
     'account documents without a ticket this many days old are read again in each run'),
    ('stock_days', 'site', 'integer', '0', '366', '7', 'days',
     'inventory documents this many days old are read again in each run'),
    ('settle_runs', 'site', 'integer', '1', '100', '2', 'runs',
     'in how many runs in a row a row must be missing before it is judged'),
    ('gone_limit', 'site', 'integer', '0', '1000000000', '50', 'rows',
     'more rows of a table (and than 2 % of it) are not marked deleted or removed'),
    ('reconcile_interval', 'site', 'interval', '0', '31 days', '01:00:00', 'time',
     'how often a run compares a part of the replica with the source; 0: never by itself'),
    ('reconcile_sums', 'site', 'integer', '0', '1000000000', '200000', 'ids',
     'how many ids such a run compares by counts and sums'),
    ('reconcile_values', 'site', 'integer', '0', '1000000000', '20000', 'ids',
     'how many ids such a run compares value by value'),
    ('part_rows', 'site', 'integer', '0', '1000000000', '20000', 'rows',
     'where the source takes no snapshot a large table is read in statements of about so many rows; 0: in one'),
    ('rows_per_second', 'site', 'integer', '0', '1000000000', '0', 'rows',
     'how many rows a second a run reads on average; 0: no limit'),
    ('queries_per_minute', 'site', 'integer', '0', '1000000', '0', 'queries',
     'how many queries a minute a run sends on average; 0: no limit'),
    ('slow_factor', 'site', 'integer', '0', '1000', '3', 'times',
     'a source that answers so many times slower than usual is given longer pauses; 0: never'),
    ('change_tracking', 'site', 'choice', 'auto, off', NULL, 'auto', NULL,
     'whether changes are asked of SQL Server''s change tracking where the shop has it on'),
    ('run_log_retention', 'site', 'interval', '1 day', '10 years', '30 days', 'time', 'how long the run log is kept'),
    ('archive_on_clear', 'site', 'boolean', NULL, NULL, 'true', NULL,
     'whether the period that a clear has ended is sealed by itself, at the end of the run that saw it'),
    ('history_retention', 'site', 'interval', '31 days', '100 years', NULL, 'time',
     'sambapos_apply_retention exports history that is older, and deletes it here; not set: history stays'),
    ('archive_path', 'site', 'path', NULL, NULL, NULL, NULL,
     'the folder of the server below which sambapos_apply_retention exports'),
    ('opening_hours', 'site', 'hours', NULL, NULL, NULL, 'windows', 'outside them the light is asleep'),
    ('blackout', 'site', 'windows', NULL, NULL, NULL, 'windows',
     'a run that sync_interval makes due waits for their end'),
    ('day_rule', 'site', 'day_rule', NULL, NULL, NULL, NULL, 'which date decides a business day, and where a day ends'),
    ('live_fallback', 'site', 'choice', 'never_synced, stale, off', NULL, 'never_synced', NULL,
     'when reports read the till: while the site was never synced, also while its data is old, never'),
    ('stale_after', 'site', 'integer', '1', '10000', '8', 'intervals',
     'with live_fallback stale: data older than so many sync_intervals is not shown where the till can be asked'),
    ('course_tag', 'site', 'text', '1', '200', 'Course', NULL, 'the product tag that says the course of a menu item'),
    ('gl_tag', 'site', 'text', '1', '200', 'GL', NULL, 'the product tag that says the nominal code of a menu item'),
    ('covers_tag', 'site', 'text', '1', '200', 'Covers', NULL, 'the ticket tag that says how many guests there were'),
    ('table_entity_type', 'site', 'text', '1', '200', '2', NULL, 'the entity type of tables, by id or name'),
    ('room_entity_type', 'site', 'text', '1', '200', '3', NULL, 'the entity type of rooms, by id or name'),
    ('customer_entity_type', 'site', 'text', '1', '200', '1', NULL, 'the entity type of customers, by id or name'),
    ('gift_card_account_type', 'site', 'text', '1', '200', NULL, NULL,
     'the account type of gift cards, by id or name; not set: there are none'),
    ('sales_consumer', 'site', 'text', '1', '40', NULL, NULL,
     'the consumer whose deliveries say how a sale stands; not set: the only one of the site''s feed'),
    ('void_state', 'site', 'text', '1', '200', NULL, NULL,
     'the order state that means a void; not set: voids are told by the flags of the line'),
    ('gift_state', 'site', 'text', '1', '200', NULL, NULL,
     'the order state that means a gift; not set: gifts are told by the flags of the line'),
    ('rollup', 'site', 'boolean', NULL, NULL, 'false', NULL,
     'whether merges keep the sums of daily_sales and payments_by_type by business day'),
    ('time_zone', 'site', 'time_zone', NULL, NULL, NULL, NULL, 'the till''s time zone'),
    ('currency', 'site', 'currency', NULL, NULL, NULL, NULL, 'ISO 4217 code'),
    ('external_id', 'site', 'text', '1', '200', NULL, NULL, 'the site''s key in your application'),
    ('site_group', 'site', 'word', NULL, NULL, NULL, NULL, 'the group of sites that it belongs to, for reports over it'),
    ('retention', 'feed', 'interval', '1 minute', '100 years', '30 days', 'time', 'how long numbered changes are kept'),
    ('max_delta', 'feed', 'integer', '1', '1000000000', '10000', 'changes',
     'more changes than this are answered by: take everything anew'),
    ('max_version_gap', 'feed', 'integer', '1', '1000000000', NULL, 'versions',
     'a client that is more versions behind takes everything anew; not set: none does'),
    ('heartbeat_interval', 'feed', 'interval', '1 second', '1 day', '00:00:30', 'time', 'how often a host of the feed is told to send a heartbeat'),
    ('policy', 'entity', 'choice', 'cloud_wins, host_wins, latest_wins', NULL, NULL, NULL,
     'whose row counts when a host and somebody else have changed it; not set: hosts may not write to the entity''s table'),
    ('time_column', 'entity', 'text', '1', '63', NULL, NULL, 'the column whose times policy latest_wins compares'),
    ('enabled', 'table', 'boolean', NULL, NULL, 'true', NULL, 'false: the table is no longer read; its rows stay'),
    ('sync_interval', 'table', 'interval', '10 seconds', '31 days', NULL, 'time',
     'how often scheduled runs read the table, with those that are read with it; not set: each run of the site does'),
    ('priority', 'table', 'integer', '-1000', '1000', '0', NULL,
     'a run reads the table, with those that are read with it, in this order: higher first'),
    ('history', 'table', 'boolean', NULL, NULL, NULL, NULL,
     'whether earlier versions of all rows are kept, in the table''s _history; those of rows of an archive always are'),
    ('personal', 'table', 'choice', 'keep, null', NULL, 'keep', NULL,
     'table_name is table.column: whether a text column with personal data is copied or read as NULL');
$$;
COMMENT ON FUNCTION sambapos._settings() IS
  'Every setting of sambapos_configure with its range (of a choice: its values), its default and its unit';

-- The value as it is stored. Each branch raises if it does not like what it sees; the caller says
-- which setting it was and what would do.
CREATE FUNCTION sambapos._setting_value(kind text, low text, high text, value text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  good   boolean := true;
  result text := value;
BEGIN
  IF value IS NULL THEN
    RETURN NULL;
  END IF;
  CASE kind
    WHEN 'boolean' THEN result := value::boolean::text;
    WHEN 'integer' THEN good := value::integer BETWEEN low::integer AND high::integer;
    WHEN 'interval' THEN good := value::interval BETWEEN low::interval AND high::interval;
    WHEN 'choice' THEN good := value = ANY (string_to_array(low, ', '));
    WHEN 'text' THEN good := length(value) BETWEEN low::integer AND high::integer;
    WHEN 'path' THEN good := value ~ '^/' AND value !~ '(^|/)[.][.](/|$)' AND length(value) <= 1000;
    WHEN 'word' THEN good := value ~ '^[a-z0-9_]{1,40}$';
    WHEN 'currency' THEN good := value ~ '^[A-Z]{3}$';
    WHEN 'day_rule' THEN good := value ~ '^(ticket|payment) (midnight|work_period|([01]\d|2[0-3]):[0-5]\d)( closed)?$';
    WHEN 'time_zone' THEN result := sambapos._time_zone_checked(value);
    WHEN 'hours' THEN result := sambapos._hours_parse(value, true)::text;
    WHEN 'windows' THEN result := sambapos._hours_parse(value, false)::text;
  END CASE;
  IF NOT good THEN
    RAISE EXCEPTION 'out of range' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN result;
END;
$$;
COMMENT ON FUNCTION sambapos._setting_value(text, text, text, text) IS
  'A setting''s value in its stored form; raises a data exception if it is not valid';

CREATE FUNCTION sambapos._setting_rule(kind text, low text, high text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE kind
    WHEN 'boolean' THEN 'true or false.'
    WHEN 'integer' THEN format('an integer from %s to %s.', low, high)
    WHEN 'interval' THEN format('an interval from %s to %s, for example ''15 minutes''.', low, high)
    WHEN 'choice' THEN format('%s.', regexp_replace(low, ', ([^,]*)$', ' or \1'))
    WHEN 'text' THEN format('%s to %s characters.', low, high)
    WHEN 'path' THEN 'the absolute path of a folder of the server, for example /srv/archives.'
    WHEN 'word' THEN '1 to 40 characters of a-z, 0-9 and _, for example hotels.'
    WHEN 'currency' THEN 'three capital letters, for example EUR.'
    WHEN 'day_rule' THEN 'ticket or payment, then midnight, work_period or a time HH:MM, then perhaps closed; for '
                         'example ''ticket work_period closed''.'
    WHEN 'time_zone' THEN 'a name of pg_timezone_names, for example Europe/Istanbul.'
    WHEN 'hours' THEN 'windows such as ''mon-sat 09:00-02:00, sun 10:00-22:00'' in the site''s time zone.'
    WHEN 'windows' THEN 'windows such as ''12:00-14:00, 19:00-21:30'' in the site''s time zone.'
  END;
$$;
COMMENT ON FUNCTION sambapos._setting_rule(text, text, text) IS 'What a setting''s value may be, in words';

CREATE FUNCTION sambapos._setting_checked(setting text, scope text, value text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  known  record;
  names  text[] := ARRAY(SELECT s.setting FROM sambapos._settings() AS s WHERE s.scope = _setting_checked.scope);
  places text := (SELECT string_agg(CASE s.scope WHEN 'all' THEN 'all sites (site NULL)' WHEN 'site' THEN 'a site'
                                    WHEN 'feed' THEN 'a feed' WHEN 'entity' THEN 'an entity of a feed (table_name)' ELSE 'a table (table_name)' END, ' and ')
                  FROM sambapos._settings() AS s WHERE s.setting = _setting_checked.setting);
BEGIN
  SELECT * INTO known FROM sambapos._settings() AS s
  WHERE s.setting = _setting_checked.setting AND s.scope = _setting_checked.scope;
  IF NOT FOUND THEN
    RAISE EXCEPTION '%', CASE WHEN places IS NULL
                              THEN format('there is no setting named "%s"', coalesce(setting, 'NULL'))
                              ELSE format('setting "%s" belongs to %s', setting, places) END USING
      ERRCODE = 'invalid_parameter_value',
      HINT = CASE WHEN places IS NULL THEN sambapos._name_hint(setting, names) ELSE '' END
             || 'The settings here are: ' || array_to_string(names, ', ') || '.';
  END IF;
  RETURN sambapos._setting_value(known.kind, known.low, known.high, value);
EXCEPTION WHEN data_exception THEN
  IF known.kind IS NULL OR known.kind = 'time_zone' THEN
    RAISE; -- says it better already
  END IF;
  RAISE EXCEPTION 'invalid value for setting "%": "%"', setting, value USING
    ERRCODE = 'invalid_parameter_value',
    HINT = 'Valid: ' || sambapos._setting_rule(known.kind, known.low, known.high);
END;
$$;
COMMENT ON FUNCTION sambapos._setting_checked(text, text, text) IS
  'The value in its stored form; raises 22023 naming the nearest setting, or the range';

-- Rows that are gone at the source keep what they have: to erase a person's data is another matter.
CREATE FUNCTION sambapos._personal_set(place sambapos._place, table_column text, treatment text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  subject sambapos._table;
  wanted  text := split_part(table_column, '.', 2);
  columns text[];
BEGIN
  SELECT * INTO STRICT subject FROM sambapos._site_tables(place, split_part(table_column, '.', 1)) LIMIT 1;
  columns := ARRAY(SELECT a.attname::text FROM pg_attribute AS a
                   WHERE a.attrelid = to_regclass(format('sambapos_replica.%I', subject.table_name))
                     AND a.atttypid = 'text'::regtype AND a.attnum > 0 AND NOT a.attisdropped
                     AND a.attname NOT IN ('row_state', 'ticket_number', 'ticket_uid')
                     AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = a.attrelid AND i.indisprimary
                                     AND a.attnum = ANY (i.indkey::smallint[])));
  IF wanted <> ALL (columns) THEN
    RAISE EXCEPTION '"%" is not a text column of table "%" that can be left out', wanted, subject.table_name USING
      ERRCODE = 'undefined_column',
      HINT = sambapos._name_hint(wanted, columns) || 'Write table_name => ''table.column''; the columns are: '
             || array_to_string(columns, ', ') || '.';
  END IF;
  INSERT INTO sambapos.personal_treatment AS p
    VALUES (place.site_id, subject.table_name, wanted, coalesce(treatment, 'keep'))
    ON CONFLICT ON CONSTRAINT personal_treatment_pkey DO UPDATE SET treatment = excluded.treatment;
  UPDATE sambapos.replicated_table AS t SET reread_at = clock_timestamp()
  WHERE (t.site_id, t.table_name) = (place.site_id, subject.table_name);
END;
$$;
COMMENT ON FUNCTION sambapos._personal_set(sambapos._place, text, text) IS
  'Whether a text column is copied (keep) or read as NULL (null) from the next run on; the next run reads the table '
  'whole';

-- The light goes by sync_interval, a job with a cron line does not. The nearest interval that is valid is what fits.
CREATE FUNCTION sambapos._schedule_compare(site text, schedule text, sync_interval interval) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  wait     interval := sambapos._cron_longest_wait(schedule);
  fitting  interval := CASE WHEN wait IS NOT NULL THEN least(greatest(wait, '10 seconds'), '31 days') END;
BEGIN
  IF schedule IS NULL AND sync_interval < interval '1 minute' THEN
    RAISE NOTICE 'a pg_cron job looks once a minute: site "%" is synced no more often by it', site
      USING HINT = 'What calls sambapos_run more often can take its place.';
  ELSIF fitting > 2 * sync_interval OR sync_interval > 2 * fitting THEN
    RAISE NOTICE 'cron line "%" of site "%" leaves up to % between two runs, its sync_interval is %', schedule, site,
      wait, sync_interval
      USING HINT = format('The status light is measured by sync_interval: '
                          'SELECT sambapos_configure(%L, ''sync_interval'', %L);', site, fitting);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._schedule_compare(text, text, interval) IS
  'A NOTICE if a site''s schedule and its sync_interval do not fit';

-- A family of tables is read together, so a setting of how often, or in which order, is that of all of them.
CREATE FUNCTION sambapos._family_set(place sambapos._place, table_name text, setting text, value text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  named sambapos._table[] := ARRAY(SELECT n FROM sambapos._site_tables(place, table_name) AS n);
  families name[] := ARRAY(SELECT DISTINCT sambapos._table_family(n) FROM unnest(named) AS n);
  not_named text := (SELECT string_agg(f, ', ' ORDER BY f) FROM unnest(families) AS f
                     WHERE NOT EXISTS (SELECT FROM unnest(named) AS n WHERE n.table_name = f));
BEGIN
  EXECUTE format('UPDATE sambapos.replicated_table AS t SET %I = %s FROM sambapos._table AS k
                   WHERE (t.site_id, t.table_name) = (k.site_id, k.table_name) AND k.site_id = $1
                     AND sambapos._table_family(k) = ANY ($2)', setting, coalesce(quote_literal(value), 'DEFAULT'))
    USING place.site_id, families;
  IF not_named IS NOT NULL THEN
    RAISE NOTICE 'table "%" is read together with %: setting "%" holds for all of them', table_name, not_named, setting;
  END IF;
  IF setting = 'sync_interval' AND value::interval < place.sync_interval THEN
    RAISE NOTICE 'table "%" is read no more often than site "%" is synced, which is each %', table_name, place.name,
      place.sync_interval
      USING HINT = format('SELECT sambapos_configure(%L, ''sync_interval'', %L), and longer intervals for tables that '
                          'need it less.', place.name, value);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._family_set(sambapos._place, text, text, text) IS
  'Sets sync_interval or priority of tables and of all that are read together with them';

CREATE FUNCTION sambapos._family_join(site_id integer, table_name text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  UPDATE sambapos.replicated_table AS t SET sync_interval = o.sync_interval, priority = o.priority
    FROM sambapos._table AS n JOIN sambapos._table AS o USING (site_id)
   WHERE (t.site_id, t.table_name) = (_family_join.site_id, _family_join.table_name)
     AND (n.site_id, n.table_name) = (t.site_id, t.table_name) AND o.table_name <> n.table_name
     AND sambapos._table_family(o) = sambapos._table_family(n);
$$;
COMMENT ON FUNCTION sambapos._family_join(integer, text) IS
  'Gives a table that was added the settings of those that are read together with it';

-- The table for them is made now, not in the middle of a run. One that is no longer wanted stays, with its rows.
CREATE FUNCTION sambapos._history_set(place sambapos._place, table_name text, wanted boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  n sambapos._table;
BEGIN
  FOR n IN SELECT k.* FROM sambapos._site_tables(place, table_name) AS k ORDER BY k.table_name LOOP
    UPDATE sambapos.replicated_table AS t SET history_choice = wanted
     WHERE (t.site_id, t.table_name) = (n.site_id, n.table_name) RETURNING coalesce(wanted, t.history) INTO n.history;
    IF n.history AND sambapos._replica_table(n.table_name) IS NOT NULL
       AND to_regclass(format('%I.%I', sambapos._live_schema(place.name), n.table_name)) IS NOT NULL THEN
      PERFORM sambapos._schema_check_create('sambapos_replica')
        WHERE to_regclass(format('sambapos_replica.%I', n.table_name || '_history')) IS NULL;
      PERFORM sambapos._history_ensure(place, n);
    END IF;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._history_set(sambapos._place, text, boolean) IS
  'Whether earlier versions of all rows of tables are kept from now on; NULL: as by default';

CREATE FUNCTION sambapos._table_setting(t sambapos.replicated_table, setting text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE setting WHEN 'history' THEN coalesce(t.history_choice, t.history)::text ELSE to_jsonb(t) ->> setting END;
$$;
COMMENT ON FUNCTION sambapos._table_setting(sambapos.replicated_table, text) IS
  'What a setting of a table is, as sambapos_configure takes it';

-- A setting of tables can change tables that were not named: those that are read together.
CREATE FUNCTION sambapos._setting_held(site_id integer, scope text, setting text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(jsonb_object_agg(h.name, h.value), '{}')
  FROM (SELECT '' AS name, s.value FROM sambapos.global_setting AS s WHERE scope = 'all' AND s.key = setting
        UNION ALL
        SELECT '', to_jsonb(s) ->> setting FROM sambapos.site AS s
        WHERE scope = 'site' AND s.site_id = _setting_held.site_id
        UNION ALL
        SELECT p.table_name || '.' || p.column_name, p.treatment FROM sambapos.personal_treatment AS p
        WHERE scope = 'table' AND setting = 'personal' AND p.site_id = _setting_held.site_id
        UNION ALL
        SELECT t.table_name, sambapos._table_setting(t, setting) FROM sambapos.replicated_table AS t
        WHERE scope = 'table' AND setting <> 'personal' AND t.site_id = _setting_held.site_id) AS h;
$$;
COMMENT ON FUNCTION sambapos._setting_held(integer, text, text) IS
  'What a setting is: of all sites or of a site as field "", of tables by their names';

CREATE FUNCTION sambapos._setting_note(site text, setting text, before jsonb, after jsonb) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  INSERT INTO sambapos.setting_change (site, table_name, setting, old_value, new_value)
  SELECT _setting_note.site, nullif(k.name, ''), _setting_note.setting, before ->> k.name, after ->> k.name
  FROM (SELECT jsonb_object_keys(before || after) AS name) AS k
  WHERE before ->> k.name IS DISTINCT FROM after ->> k.name ORDER BY k.name;
$$;
COMMENT ON FUNCTION sambapos._setting_note(text, text, jsonb, jsonb) IS 'Puts on record what a setting was and is';

-- A site's feed has the site's name: the setting says which of the two is meant.
CREATE FUNCTION sambapos._feed_is_meant(name text, setting text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (SELECT FROM sambapos.change_feed AS f WHERE f.name = _feed_is_meant.name)
     AND (EXISTS (SELECT FROM sambapos._settings() AS s WHERE s.scope = 'feed' AND s.setting = _feed_is_meant.setting)
          OR NOT EXISTS (SELECT FROM sambapos.site AS s WHERE s.name = _feed_is_meant.name AND s.removed_at IS NULL));
$$;
COMMENT ON FUNCTION sambapos._feed_is_meant(text, text) IS 'True if sambapos_configure is asked for a feed''s setting';

CREATE FUNCTION sambapos._feed_configure(feed text, setting text, value text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stored text := sambapos._setting_checked(setting, 'feed', value);
  before jsonb := (SELECT jsonb_build_object('', to_jsonb(f) ->> setting) FROM sambapos.change_feed AS f WHERE f.name = feed);
BEGIN
  EXECUTE format('UPDATE sambapos.change_feed SET %I = %s WHERE name = $1', setting, coalesce(quote_literal(stored), 'DEFAULT'))
    USING feed;
  PERFORM sambapos._setting_note(feed, setting, before, (SELECT jsonb_build_object('', to_jsonb(f) ->> setting) FROM sambapos.change_feed AS f
                                                         WHERE f.name = feed));
  RETURN stored;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_configure(text, text, text) IS 'Changes a setting of a feed';

-- A table of a site and an entity of its feed may have one name, too.
CREATE FUNCTION sambapos._entity_is_meant(name text, setting text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (SELECT FROM sambapos.change_feed AS f WHERE f.name = _entity_is_meant.name)
     AND (EXISTS (SELECT FROM sambapos._settings() AS s WHERE s.scope = 'entity' AND s.setting = _entity_is_meant.setting)
          OR NOT EXISTS (SELECT FROM sambapos.site AS s WHERE s.name = _entity_is_meant.name AND s.removed_at IS NULL));
$$;
COMMENT ON FUNCTION sambapos._entity_is_meant(text, text) IS 'True if sambapos_configure is asked for a setting of an entity';

-- The work is done by _policy_set, which stands further down (host/policy.sql): it knows entities and their owners.
CREATE FUNCTION sambapos._entity_configure(feed text, setting text, value text, entity text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stored text := sambapos._setting_checked(setting, 'entity', value);
  before jsonb;
BEGIN
  PERFORM sambapos._feed_note_changer();
  EXECUTE format('SELECT sambapos.%I($1, $2, $3, $4)', '_policy_set') INTO before USING feed, entity, setting, stored;
  PERFORM sambapos._setting_note(feed, setting, before, jsonb_build_object(entity, stored));
  RETURN stored;
END;
$$;
COMMENT ON FUNCTION sambapos._entity_configure(text, text, text, text) IS 'Changes a setting of an entity of a feed';

CREATE FUNCTION @extschema@.sambapos_configure(site text, setting text, value text, table_name text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  scope  text := CASE WHEN site IS NULL THEN 'all' WHEN table_name IS NULL THEN 'site' ELSE 'table' END;
  place  sambapos._place;
  stored text;
  before jsonb;
BEGIN
  PERFORM sambapos._catalog_check();
  IF site IS NULL AND table_name IS NOT NULL THEN
    RAISE EXCEPTION 'a table needs a site' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give the site''s name as the first argument.';
  ELSIF table_name IS NULL AND sambapos._feed_is_meant(site, setting) THEN
    RETURN sambapos._feed_configure(site, setting, value);
  ELSIF table_name IS NOT NULL AND sambapos._entity_is_meant(site, setting) THEN
    RETURN sambapos._entity_configure(site, setting, value, table_name);
  ELSIF site IS NOT NULL THEN
    place := sambapos._site(site);
  END IF;
  stored := sambapos._setting_checked(setting, scope, value);
  before := sambapos._setting_held(place.site_id, scope, setting);
  IF scope = 'all' THEN
    PERFORM sambapos._grant_check_all('change a setting of all sites');
    DELETE FROM sambapos.global_setting AS s WHERE s.key = sambapos_configure.setting;
    INSERT INTO sambapos.global_setting SELECT sambapos_configure.setting, stored WHERE stored IS NOT NULL;
  ELSIF scope = 'site' THEN
    EXECUTE format('UPDATE sambapos.site SET %I = %s WHERE site_id = $1', setting,
                   coalesce(quote_literal(stored), 'DEFAULT'))
      USING place.site_id;
    IF setting = 'sync_interval' THEN
      PERFORM sambapos._schedule_compare(site, place.schedule, (SELECT s.sync_interval FROM sambapos.site AS s
                                                                WHERE s.site_id = place.site_id));
    END IF;
  ELSIF setting = 'personal' THEN
    PERFORM sambapos._personal_set(place, table_name, stored);
  ELSIF setting IN ('sync_interval', 'priority') THEN
    PERFORM sambapos._family_set(place, table_name, setting, stored);
  ELSIF setting = 'history' THEN
    PERFORM sambapos._history_set(place, table_name, stored::boolean);
  ELSE
    UPDATE sambapos.replicated_table AS t
    SET enabled = coalesce(stored::boolean, true),
        reread_at = CASE WHEN t.enabled AND n.paused_reason IS NULL THEN t.reread_at ELSE clock_timestamp() END
    FROM sambapos._site_tables(place, sambapos_configure.table_name) AS n
    WHERE (t.site_id, t.table_name) = (n.site_id, n.table_name);
  END IF;
  PERFORM sambapos._setting_note(site, setting, before, sambapos._setting_held(place.site_id, scope, setting));
  RETURN stored;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_configure(text, text, text, text) IS
  'Changes a setting and returns it as stored; value NULL puts the default back. site: a site, or a feed for the '
  'settings of feeds; NULL: for all sites (only '
  'enabled: false is the kill switch). table_name: a table, a source table in any case or a set; of a feed an entity; for setting personal '
  'it is table.column; sync_interval and priority hold for all tables that are read together. What was changed is on '
  'record in sambapos.setting_change. Settings, '
  'ranges and defaults: view sambapos.settings. Errors: 42704 no such site, 42P01 no such table, 42703 no column that '
  'personal could leave out, 22023 no such setting or a value out of range, each with '
  'the nearest valid name, 42501 a setting of all sites, and the caller''s level is for some';

-- A function, since the view's own expressions see the caller's settings (operate/caller.sql).
CREATE FUNCTION sambapos._site_setting(s sambapos.site, setting text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT to_jsonb(s) ->> setting; $$;
COMMENT ON FUNCTION sambapos._site_setting(sambapos.site, text) IS
  'What a setting of a site is, as sambapos_configure takes it';

-- What holds now. Tables and columns appear where they are not as by default: a site has hundreds of them.
CREATE VIEW sambapos.settings AS
SELECT v.site, v.table_name, k.setting, v.value, v.fallback AS default_value,
       v.value IS DISTINCT FROM v.fallback AS is_changed,
       k.unit, rtrim(sambapos._setting_rule(k.kind, k.low, k.high), '.') AS valid, k.meaning
FROM sambapos._settings() AS k
JOIN LATERAL (
  SELECT NULL::text AS site, NULL::text AS table_name,
         coalesce((SELECT s.value FROM sambapos.global_setting AS s WHERE s.key = k.setting), k.fallback) AS value,
         k.fallback
  WHERE k.scope = 'all'
  UNION ALL
  SELECT s.name, NULL, sambapos._site_setting(s, k.setting), k.fallback FROM sambapos.site AS s
  WHERE k.scope = 'site' AND s.removed_at IS NULL
  UNION ALL
  SELECT f.name, NULL, to_jsonb(f) ->> k.setting, k.fallback FROM sambapos.change_feed AS f
  WHERE k.scope = 'feed'
  UNION ALL
  SELECT f.name, p.entity, to_jsonb(p) ->> k.setting, k.fallback
  FROM sambapos.receive_policy AS p JOIN sambapos.change_feed AS f USING (feed_id)
  WHERE k.scope = 'entity' AND to_jsonb(p) ->> k.setting IS NOT NULL
  UNION ALL
  SELECT s.name, t.table_name, x.value, x.fallback FROM sambapos.replicated_table AS t
  JOIN sambapos.site AS s USING (site_id)
  CROSS JOIN LATERAL (SELECT sambapos._table_setting(t, k.setting) AS value,
                             CASE k.setting WHEN 'history' THEN t.history::text ELSE k.fallback END AS fallback) AS x
  WHERE k.scope = 'table' AND k.setting <> 'personal' AND x.value IS DISTINCT FROM x.fallback AND s.removed_at IS NULL
  UNION ALL
  SELECT s.name, p.table_name || '.' || p.column_name, p.treatment, k.fallback
  FROM sambapos.personal_treatment AS p JOIN sambapos.site AS s USING (site_id)
  WHERE k.scope = 'table' AND k.setting = 'personal' AND p.treatment <> 'keep' AND s.removed_at IS NULL
) AS v ON true
ORDER BY v.site NULLS FIRST, v.table_name NULLS FIRST, k.setting;
COMMENT ON VIEW sambapos.settings IS
  'Every setting of sambapos_configure as it holds now: of all sites together (site NULL), of each site, and of tables '
  'and columns that are not as by default';
COMMENT ON COLUMN sambapos.settings.site IS 'The site''s name; NULL: the setting is for all sites';
COMMENT ON COLUMN sambapos.settings.table_name IS 'The table, or table.column; NULL: the setting is the site''s';
COMMENT ON COLUMN sambapos.settings.setting IS 'As sambapos_configure takes it';
COMMENT ON COLUMN sambapos.settings.value IS 'What holds now';
COMMENT ON COLUMN sambapos.settings.default_value IS 'What sambapos_configure(..., NULL) puts back; NULL: nothing';
COMMENT ON COLUMN sambapos.settings.is_changed IS 'True if the value is not the default';
COMMENT ON COLUMN sambapos.settings.unit IS 'What the number counts; time: an interval such as 15 minutes';
COMMENT ON COLUMN sambapos.settings.valid IS 'Which values are valid';
COMMENT ON COLUMN sambapos.settings.meaning IS 'What it does';
