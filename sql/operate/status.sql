-- status.sql: how the sites are: runs that are on, tables, lights.
--
-- Rules:
-- * Nothing here connects to a source: everything is read from the catalog and the run log, so that
--   a status page can ask every second.
-- * A reason says what is wrong and, where somebody has to do something, what.

CREATE VIEW sambapos.progress AS
SELECT s.name AS site, r.run_id, r.mode, r.trigger, r.phase, r.started_at, clock_timestamp() - r.started_at AS running_for,
       t.tables, t.tables_read, substring(a.application_name FROM '^sambapos [a-z0-9_]+: (?:reading|merging) ([a-z0-9_]+)$') AS current_table, t.rows_read, r.pid
FROM sambapos.run AS r
JOIN sambapos._place AS s USING (site_id)
JOIN pg_catalog.pg_stat_activity AS a USING (pid)
CROSS JOIN LATERAL (
  SELECT count(*) AS tables, count(*) FILTER (WHERE t.status <> 'running') AS tables_read,
         coalesce(sum(t.rows_read), 0)::bigint AS rows_read
  FROM sambapos.run_table AS t WHERE t.run_id = r.run_id) AS t
WHERE r.status = 'running';
COMMENT ON VIEW sambapos.progress IS
  'The runs that are on: the table at hand at once, the counts as far as the run has committed. A sambapos_sync of '
  'another session shows only when it commits, that is never';

-- A superuser counts nothing in a table of a role that is none: what an index of it calls would run with his rights.
CREATE FUNCTION sambapos._replica_is_readable(table_name name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (
    SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'sambapos_replica' AND c.relname = table_name AND c.relkind IN ('r', 'p')
      AND (c.relowner = n.nspowner OR sambapos._role_is_trusted(c.relowner))
      AND (sambapos._role_is_trusted(n.nspowner) OR NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = current_user AND r.rolsuper)));
$$;
COMMENT ON FUNCTION sambapos._replica_is_readable(name) IS
  'True if rows of a replica table may be counted by the role that looks';

CREATE FUNCTION sambapos._replica_row_count(site_id integer, table_name name, states text[]) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  rows bigint;
BEGIN
  IF sambapos._replica_is_readable(table_name) THEN
    EXECUTE format('SELECT count(*) FROM sambapos_replica.%I WHERE site_id = $1 AND row_state = ANY ($2)', table_name)
      INTO rows USING site_id, states;
  END IF;
  RETURN rows;
END;
$$;
COMMENT ON FUNCTION sambapos._replica_row_count(integer, name, text[]) IS
  'How many rows of a site in these row states a replica table has; NULL if there is no such table, or a superuser '
  'looks at one of a plain role';

-- The counts are in the list of columns, not in a join: who doesn't select them doesn't pay for them.
CREATE VIEW sambapos.table_status AS
SELECT s.name AS site, t.table_name::text AS table_name, t.source_name, t.kind,
       CASE WHEN NOT t.enabled THEN 'disabled' WHEN t.paused_reason IS NOT NULL THEN 'paused'
            WHEN t.last_status = 'failed' THEN 'failed' WHEN t.loaded_at IS NULL THEN 'not loaded' ELSE 'ok' END AS status,
       sambapos._replica_row_count(t.site_id, t.table_name, '{live}') AS rows_live,
       sambapos._replica_row_count(t.site_id, t.table_name, '{cleared,superseded}') AS rows_history,
       sambapos._replica_row_count(t.site_id, t.table_name, '{removed,deleted}') AS rows_gone,
       t.last_run_at, t.last_success_at, t.loaded_at, t.last_error, t.last_sqlstate, t.paused_reason, t.full_due,
       t.rows_inserted AS total_inserted, t.rows_updated AS total_updated, t.rows_gone AS total_gone
FROM sambapos._table AS t
JOIN sambapos._place AS s USING (site_id)
WHERE s.removed_at IS NULL;
COMMENT ON VIEW sambapos.table_status IS
  'Each copied table: its state, its last run, its rows now at the source (rows_live), gone with a clear and still '
  'counted in reports (rows_history), edited away or deleted (rows_gone), and its counters since it was added. Rows '
  'are counted only if these columns are selected, and for a superuser only in tables of superusers';

-- What a light is made of; one row a site.
CREATE VIEW sambapos._status_facts AS
SELECT s AS place, statement_timestamp() - s.last_success_at AS data_age, t.*,
       CASE WHEN t.loaded < t.tables THEN (100 * t.loaded / t.tables)::integer END AS loading,
       EXISTS (SELECT FROM sambapos.progress AS p WHERE p.site = s.name) AS running,
       (SELECT r.status = 'busy' FROM sambapos.run AS r WHERE r.site_id = s.site_id ORDER BY r.run_id DESC LIMIT 1) AS last_was_busy,
       coalesce(NOT sambapos._hours_contain(s.opening_hours, sambapos._site_clock(s)), false) AS closed
FROM sambapos._place AS s
CROSS JOIN LATERAL (
  SELECT count(*) AS tables, count(t.loaded_at) AS loaded,
         count(*) FILTER (WHERE t.full_due OR t.last_status = 'failed' OR s.requested_at IS NOT NULL) AS waiting,
         string_agg(t.table_name, ', ' ORDER BY t.table_name) FILTER (WHERE t.paused_reason IS NOT NULL) AS paused,
         min(t.table_name || ': ' || t.paused_reason) AS first_pause,
         string_agg(t.table_name, ', ' ORDER BY t.table_name)
           FILTER (WHERE t.last_status = 'failed' AND t.paused_reason IS NULL) AS failed,
         (array_agg(t.table_name || ': ' || t.last_error ORDER BY t.last_sqlstate IS NULL, t.table_name)
           FILTER (WHERE t.last_status = 'failed' AND t.paused_reason IS NULL))[1] AS first_error,
         string_agg(t.code_of_others, '; ' ORDER BY t.table_name) AS code_of_others
  FROM sambapos._table AS t WHERE t.site_id = s.site_id AND t.enabled) AS t
WHERE s.removed_at IS NULL;
COMMENT ON VIEW sambapos._status_facts IS 'What the lights of sambapos_status are made of';

-- The rules, first match wins. Red that only a person can end stands above asleep; age below it.
CREATE FUNCTION sambapos._status_light(facts sambapos._status_facts, OUT light text, OUT reason text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  s   sambapos._place := facts.place;
  age text := date_trunc('second', facts.data_age)::text;
  job text;
  holder text := CASE WHEN facts.last_was_busy THEN sambapos._site_holder(s.site_id) END;
BEGIN
  IF NOT sambapos._runs_enabled() THEN
    light := 'red'; reason := 'all sites are switched off: sambapos_configure(NULL, ''enabled'', ''true'') switches them on';
  ELSIF NOT s.enabled THEN
    light := 'red'; reason := format('disabled: sambapos_configure(%L, ''enabled'', ''true'') enables it', s.name);
  ELSIF s.paused_reason IS NOT NULL THEN
    light := 'red'; reason := 'paused: ' || s.paused_reason;
  ELSIF s.auth_failed THEN
    light := 'red';
    reason := format('the login was refused (%s): correct the user mapping, then SELECT sambapos_request_sync(%L)',
                     s.last_error, s.name);
  ELSIF s.held_database IS NOT NULL THEN
    light := 'red';
    reason := format('held: another database answers ("%s", created %s): set the server back to the right one; or let it in: '
                     'SELECT sambapos_accept_source(%L, ''new database''), or ''restore'' if it is this site''s own',
                     s.held_database ->> 'name', coalesce(s.held_database ->> 'created', 'unknown'), s.name);
  ELSIF facts.tables = 0 THEN
    light := 'red'; reason := format('no tables: see sambapos_add_table(%L, ...)', s.name);
  ELSIF facts.loading IS NOT NULL AND (facts.running OR facts.loading > 0) AND s.last_error IS NULL THEN
    light := 'amber'; reason := format('loading %s %%', facts.loading);
  ELSIF s.last_success_at IS NULL THEN
    light := 'red'; reason := coalesce('never worked: ' || coalesce(s.last_error, facts.first_error), 'never synced');
  ELSIF facts.closed THEN
    light := 'asleep'; reason := 'outside opening hours';
  ELSIF facts.data_age > greatest(8 * s.sync_interval, interval '1 hour') THEN
    light := 'red'; reason := format('last complete run %s ago%s', age, coalesce(': ' || s.last_error, ''));
  ELSIF facts.paused IS NOT NULL THEN
    light := 'amber'; reason := format('tables paused (%s); %s', facts.paused, facts.first_pause);
  ELSIF facts.failed IS NOT NULL THEN
    light := 'amber'; reason := format('tables failed (%s); %s', facts.failed, facts.first_error);
  ELSIF s.last_error IS NOT NULL THEN
    light := 'amber'; reason := 'last run failed: ' || s.last_error;
  ELSIF facts.data_age > 2 * s.sync_interval THEN
    light := 'amber'; reason := format('last complete run %s ago', age);
  ELSE
    light := 'green'; reason := format('last run ok, %s ago', age);
  END IF;
  job := sambapos._cron_complaint(s.name);
  IF job IS NOT NULL AND s.enabled AND (light <> 'green' OR job NOT LIKE 'no pg_cron job%') THEN
    light := CASE light WHEN 'green' THEN 'amber' ELSE light END;
    reason := reason || '; ' || job;
  END IF;
  IF holder IS NOT NULL THEN
    light := CASE light WHEN 'green' THEN 'amber' ELSE light END;
    reason := format('%s; no run can start: %s holds the site', reason, holder);
  END IF;
  IF facts.code_of_others IS NOT NULL AND facts.failed IS NULL THEN
    reason := format('%s; code of others runs with the rights of the sync: %s', reason, facts.code_of_others);
  END IF;
  IF s.time_zone IS NULL THEN
    reason := reason || format('; time zone not set, the till''s clock is taken (UTC%s)',
                               coalesce(CASE WHEN s.hw_offset_minutes < 0 THEN '-' ELSE '+' END
                                        || to_char(make_interval(mins => abs(s.hw_offset_minutes)), 'HH24:MI'), ' until the first sync'));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._status_light(sambapos._status_facts) IS 'The light of a site and its reason';

CREATE FUNCTION sambapos._status(asked text) RETURNS TABLE (
  site text, light text, reason text, data_age interval, last_success_at timestamptz, last_run_at timestamptz, last_error text,
  pending bigint, epoch integer, next_due_at timestamptz, online boolean, auth_failed boolean, paused_reason text, loading integer)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  IF asked IS NOT NULL THEN
    PERFORM sambapos._site(asked);
  END IF;
  RETURN QUERY
    SELECT (f.place).name, l.light, l.reason, f.data_age, (f.place).last_success_at, (f.place).last_run_at, (f.place).last_error,
           f.waiting, (f.place).epoch, (f.place).next_due_at,
           CASE WHEN (f.place).last_run_at IS NULL THEN NULL
                ELSE coalesce((f.place).last_sqlstate !~ '^(08|57P)', true) END,
           (f.place).auth_failed, (f.place).paused_reason, f.loading
    FROM sambapos._status_facts AS f, sambapos._status_light(f) AS l
    WHERE asked IS NULL OR (f.place).name = asked
    ORDER BY 1;
END;
$$;
COMMENT ON FUNCTION sambapos._status(text) IS 'How a site is, or all of them; what sambapos_status returns';

CREATE FUNCTION @extschema@.sambapos_status(INOUT site text DEFAULT NULL, OUT light text, OUT reason text, OUT data_age interval,
  OUT last_success_at timestamptz, OUT last_run_at timestamptz, OUT last_error text, OUT pending bigint, OUT epoch integer,
  OUT next_due_at timestamptz, OUT online boolean, OUT auth_failed boolean, OUT paused_reason text, OUT loading integer)
RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT * FROM sambapos._status(site); $$;
COMMENT ON FUNCTION @extschema@.sambapos_status(text) IS
  'How a site is, or all of them: a row a site, from the catalog and the run log; never connects to a till. light: '
  'green (last run ok, data younger than twice sync_interval), amber (older, a table failed or paused, the job in '
  'trouble, or loading), red (never worked, disabled or paused, login refused, or older than eight intervals and at '
  'least an hour), asleep (outside opening_hours). reason: why, and what to do. data_age: since the last complete '
  'run. pending: tables known to wait for a read (all when a sync was requested). online: false if the last run could '
  'not reach the source, NULL if there was none. loading: percent of the tables that are loaded, NULL when all are. '
  'Errors: 42704 no such site';
