-- status.sql: how the sites are: runs that are on, tables, lights.
--
-- Rules:
-- * Nothing here connects to a source: everything is read from the catalog and the run log, so that
--   a status page can ask every second.
-- * A reason says what is wrong and, where somebody has to do something, what.

-- Rows of all roots count alike: a chunk of each is read in turn.
CREATE VIEW sambapos._backfill_progress AS
SELECT b.site_id, b.rows_read, (100 * b.done)::integer AS share,
  (b.rows_read / nullif(b.seconds, 0))::bigint AS rows_per_second,
       make_interval(secs => (b.seconds * (1 - b.done) / nullif(b.done, 0))::double precision) AS time_left
FROM (SELECT k.site_id, sum(k.rows_read)::bigint AS rows_read, extract(epoch FROM sum(k.busy_for)) AS seconds,
             least(1, sum(k.roots_read) / greatest(sum(k.source_rows), 1)) AS done
      FROM sambapos.backfill AS k GROUP BY k.site_id) AS b;
COMMENT ON VIEW sambapos._backfill_progress IS
  'How far the first loads in chunks are: rows so far, percent, rows a second, and how long the rest may take';

-- Between two tries of a lock nobody is in PostgreSQL's queue: who has the table then is whom it waits for.
CREATE FUNCTION sambapos._run_waits_for(place sambapos._place, table_name text, pid integer) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('table %s, held by %s', h.relation, h.words)
  FROM (SELECT r.relation, r.rank, sambapos._relation_holder(r.relation, _run_waits_for.pid) AS words
        FROM sambapos._table_relations(place, table_name) AS r) AS h
  WHERE h.words IS NOT NULL
  ORDER BY h.rank LIMIT 1;
$$;
COMMENT ON FUNCTION sambapos._run_waits_for(sambapos._place, text, integer) IS
  'Who holds a table that a run tries to lock again and again, in words; NULL: nobody any more';

CREATE VIEW sambapos.progress AS
SELECT s.name AS site, r.run_id, r.mode, r.trigger, r.phase, r.started_at,
  clock_timestamp() - r.started_at AS running_for,
       t.tables, t.tables_read, p.table_name AS current_table, coalesce(b.rows_read, t.rows_read) AS rows_read,
         b.share, b.rows_per_second,
       b.time_left, r.pid,
       coalesce(CASE WHEN a.wait_event_type = 'Lock' THEN sambapos._session_waits_for(r.pid) END,
                CASE WHEN a.wait_event_type = 'Lock' OR p.phase = 'waiting for' -- the wait is over, not the trying
                     THEN sambapos._run_waits_for(s, p.table_name, r.pid) END) AS waits_for
FROM sambapos.run AS r
JOIN sambapos._place AS s USING (site_id)
JOIN pg_catalog.pg_stat_activity AS a USING (pid)
LEFT JOIN sambapos._backfill_progress AS b ON b.site_id = s.site_id AND r.mode = 'backfill'
CROSS JOIN LATERAL (
  SELECT count(*) AS tables, count(*) FILTER (WHERE t.status <> 'running') AS tables_read,
         coalesce(sum(t.rows_read), 0)::bigint AS rows_read
  FROM sambapos.run_table AS t WHERE t.run_id = r.run_id) AS t
LEFT JOIN LATERAL (
  SELECT x.table_name, p.phase
  FROM sambapos.run_table AS x
    CROSS JOIN unnest('{comparing,reading,merging,altering,waiting for,pausing at}'::text[]) AS p (phase)
  WHERE x.run_id = r.run_id AND a.application_name = sambapos._log_progress_line(s.name, p.phase, x.table_name)
  LIMIT 1) AS p ON true
WHERE r.status = 'running';
COMMENT ON VIEW sambapos.progress IS
  'The runs that are on: the table at hand and the lock that is waited for at once, the counts as far as the run has '
  'committed; while sambapos_backfill works the rows of all its chunks, their share in percent, rows a second, and the '
  'time left. A sambapos_sync of another session shows only when it commits, that is never';
COMMENT ON COLUMN sambapos.progress.mode IS 'As in sambapos.run';
COMMENT ON COLUMN sambapos.progress.trigger IS 'As in sambapos.run';
COMMENT ON COLUMN sambapos.progress.phase IS 'As in sambapos.run: starting, reading, merging';
COMMENT ON COLUMN sambapos.progress.tables IS 'How many tables the run has';
COMMENT ON COLUMN sambapos.progress.tables_read IS 'How many of them were read, or left out';
COMMENT ON COLUMN sambapos.progress.current_table IS 'The table at hand; NULL: none';
COMMENT ON COLUMN sambapos.progress.rows_read IS
  'How many rows were read, as far as the run has committed; of a first load in chunks those of all its chunks';
COMMENT ON COLUMN sambapos.progress.share IS 'Percent of a first load in chunks that is done; NULL: the run is of none';
COMMENT ON COLUMN sambapos.progress.rows_per_second IS 'How fast a first load in chunks has been so far';
COMMENT ON COLUMN sambapos.progress.time_left IS 'How long the rest of a first load in chunks may take';
COMMENT ON COLUMN sambapos.progress.pid IS 'The process: pg_cancel_backend ends the run';
COMMENT ON COLUMN sambapos.progress.waits_for IS
  'The lock here that the run waits for, and who holds it; NULL: it waits for none';

-- A superuser counts nothing in a table of a role that is none: what an index of it calls would run with his rights.
CREATE FUNCTION sambapos._replica_is_readable(table_name name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (
    SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'sambapos_replica' AND c.relname = table_name AND c.relkind IN ('r', 'p')
      AND (c.relowner = n.nspowner OR sambapos._role_is_trusted(c.relowner))
      AND (sambapos._role_is_trusted(n.nspowner)
           OR NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = current_user AND r.rolsuper)));
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

-- The counts are in the list of columns, not in a join: who does not select them does not pay for them.
CREATE VIEW sambapos.table_status AS
SELECT s.name AS site, t.table_name::text AS table_name, t.source_name, t.kind,
       CASE WHEN NOT t.enabled THEN 'disabled' WHEN t.paused_reason IS NOT NULL THEN 'paused'
            WHEN t.last_status = 'failed' THEN 'failed' WHEN t.loaded_at IS NULL THEN 'not loaded'
              ELSE 'ok' END AS status,
       sambapos._replica_row_count(t.site_id, t.table_name, '{live}') AS rows_live,
       sambapos._replica_row_count(t.site_id, t.table_name, '{cleared,superseded}') AS rows_history,
       sambapos._replica_row_count(t.site_id, t.table_name, '{removed,deleted}') AS rows_gone,
       t.last_run_at, t.last_success_at, t.loaded_at, t.last_error, t.last_sqlstate, t.paused_reason, t.full_due,
       t.rows_inserted AS total_inserted, t.rows_updated AS total_updated, t.rows_gone AS total_gone,
       t.rows_missed AS total_missed, v.verified_at, v.verified_ids,
       CASE WHEN s.change_tracking = 'off' THEN 'not used' WHEN t.last_run_at IS NOT NULL
            THEN coalesce(t.tracking_problem, 'used, at version ' || t.tracked_version) END AS change_tracking,
       t.sync_interval, t.priority,
       CASE WHEN t.enabled AND t.paused_reason IS NULL
            THEN greatest(s.next_due_at, sambapos._table_due_at(t)) END AS next_due_at
FROM sambapos._table AS t
JOIN sambapos._place AS s USING (site_id)
LEFT JOIN LATERAL (SELECT min(v.verified_at) AS verified_at, range_agg(v.ids::int8multirange)::text AS verified_ids
                   FROM sambapos.verified_range AS v
                   WHERE (v.site_id, v.table_name, v.epoch) = (t.site_id, t.table_name, s.epoch)) AS v ON true
WHERE s.removed_at IS NULL;
COMMENT ON VIEW sambapos.table_status IS
  'Each copied table: its state, its last run, its rows now at the source (rows_live), gone with a clear and still '
  'counted in reports (rows_history), edited away or deleted (rows_gone), its counters since it was added, and which '
  'ids were last found equal to the source, since when (verified_at: the oldest; view verification has it by tier); '
  'whether it goes by SQL Server''s change tracking, or why not; its own sync_interval (NULL: each run of the site '
  'reads it), its priority, and when a run is to read it next (next_due_at; NULL: none, or as soon as can be). Rows '
  'are counted only if these columns are selected, and for a superuser only in tables of superusers';
COMMENT ON COLUMN sambapos.table_status.kind IS
  'ticket, document, period: roots, read by what changed; child: read with its root; master: read whole and compared';
COMMENT ON COLUMN sambapos.table_status.status IS
  'disabled: by setting enabled; paused: paused_reason says why; failed: last_error says why; not loaded: never read; '
  'ok';
COMMENT ON COLUMN sambapos.table_status.rows_live IS 'Rows that are at the source';
COMMENT ON COLUMN sambapos.table_status.rows_history IS 'Rows cleared or superseded: gone, and counted in reports';
COMMENT ON COLUMN sambapos.table_status.rows_gone IS 'Rows removed or deleted: not counted in reports';
COMMENT ON COLUMN sambapos.table_status.full_due IS 'The next run that reads the table reads it whole';
COMMENT ON COLUMN sambapos.table_status.total_missed IS
  'How many rows were repaired since the table was added that only a comparison has found';
COMMENT ON COLUMN sambapos.table_status.verified_at IS 'When the oldest of the ranges in verified_ids was compared';
COMMENT ON COLUMN sambapos.table_status.verified_ids IS
  'The ranges of ids that were found equal to the source, or repaired';
COMMENT ON COLUMN sambapos.table_status.change_tracking IS
  'used, at version N; not used: setting change_tracking is off; or why it is not used. NULL: not known yet';
COMMENT ON COLUMN sambapos.table_status.sync_interval IS 'Its own; NULL: each run of the site reads it';
COMMENT ON COLUMN sambapos.table_status.priority IS 'A run reads tables of a higher one first';
COMMENT ON COLUMN sambapos.table_status.next_due_at IS
  'When a run is to read it next; NULL: as soon as can be, or never while it is paused or disabled';

-- What is wrong with a table, or was done to it; one row each. What a whole run failed with is the site's trouble, in
-- its last_error, as long as that is what the last run met. Of rows that were kept apart (sync/identity.sql) both
-- copies are counted, until a person says what they are (sync/verdict.sql): that is not green.
CREATE VIEW sambapos._table_trouble AS
SELECT t.site_id, t.table_name, x.rank, x.rank < 3 OR min(x.rank) OVER (PARTITION BY t.site_id) = 3 AS is_named, x.kind,
       x.since, format(x.words, t.table_name, coalesce(t.paused_reason, t.last_error, x.what)) AS words,
       t.last_sqlstate, t.last_error
FROM sambapos._table AS t
JOIN sambapos.site AS p USING (site_id)
LEFT JOIN sambapos.site_state AS s USING (site_id)
LEFT JOIN sambapos.schema_versions AS v ON (v.site_id, v.table_name) = (t.site_id, t.table_name)
  AND v.seen_until IS NULL
CROSS JOIN LATERAL (
  SELECT 1 AS rank, 'table paused' AS kind, t.last_success_at AS since, '%s is paused: %s' AS words, NULL AS what
  WHERE t.enabled AND t.paused_reason IS NOT NULL
  UNION ALL
  SELECT 2, 'columns changed', v.seen_from, 'columns of %s have changed at the source: %s', v.message
  WHERE t.enabled AND t.paused_reason IS NULL AND t.last_status <> 'failed' AND v.outcome = 'waiting'
  UNION ALL
  SELECT CASE WHEN t.last_sqlstate IS NULL THEN 3 ELSE 1 END, 'table failed', t.last_success_at, '%s failed: %s', NULL
  WHERE t.enabled AND t.paused_reason IS NULL AND t.last_status = 'failed'
    AND NOT (coalesce(sambapos._log_is_fatal(t.last_sqlstate), false)
             AND t.last_sqlstate IS NOT DISTINCT FROM s.last_sqlstate)
  UNION ALL
  SELECT 2, 'table disabled', NULL, '%s is disabled', NULL WHERE NOT t.enabled
  UNION ALL
  SELECT 2, 'undecided rows', min(e.at),
         format('%%s: rows are kept apart until somebody says whose they are: event %s in sambapos.source_events',
                string_agg(e.event_id::text, ', ' ORDER BY e.event_id)), NULL
  FROM sambapos.source_events AS e
  WHERE (e.site_id, e.table_name) = (t.site_id, t.table_name) AND e.kind = 'reseed' AND sambapos._event_is_open(e)
  HAVING count(*) > 0) AS x;
COMMENT ON VIEW sambapos._table_trouble IS
  'What is wrong with each table that is not in order; rank 3: it only follows from another table''s trouble, and is '
  'named only if nothing else is';

-- What a light is made of; one row a site. Complete runs come as often as the tickets are read, or else any table.
CREATE VIEW sambapos._status_facts AS
SELECT s.site_id, statement_timestamp() - s.last_success_at AS data_age, t.*, x.troubles,
       coalesce(b.share, CASE WHEN t.loaded < t.tables THEN (100 * t.loaded / t.tables)::integer END) AS loading,
       p.site IS NOT NULL AS running, p.waits_for,
       (SELECT r.status = 'busy' FROM sambapos.run AS r WHERE r.site_id = s.site_id
        ORDER BY r.run_id DESC LIMIT 1) AS last_was_busy,
       coalesce(NOT sambapos._hours_contain(s.opening_hours, sambapos._site_clock(s)), false) AS closed,
       (SELECT string_agg(x.words, '; ') FROM sambapos._consumer_trouble AS x WHERE x.site_id = s.site_id) AS consumers
FROM sambapos._place AS s
LEFT JOIN sambapos._backfill_progress AS b USING (site_id)
LEFT JOIN LATERAL (SELECT p.site, p.waits_for FROM sambapos.progress AS p WHERE p.site = s.name
                   ORDER BY p.run_id DESC LIMIT 1) AS p ON true
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE t.enabled) AS tables, count(t.loaded_at) FILTER (WHERE t.enabled) AS loaded,
         count(*) FILTER (WHERE t.enabled AND (t.full_due OR t.last_status = 'failed'
                                               OR s.requested_at IS NOT NULL)) AS waiting,
         string_agg(t.code_of_others, '; ' ORDER BY t.table_name) FILTER (WHERE t.enabled) AS code_of_others,
         greatest(s.sync_interval, coalesce(
           min(coalesce(t.sync_interval, s.sync_interval)) FILTER (WHERE t.enabled AND t.kind = 'ticket'),
           min(coalesce(t.sync_interval, s.sync_interval)) FILTER (WHERE t.enabled))) AS complete_interval
  FROM sambapos._table AS t WHERE t.site_id = s.site_id) AS t
CROSS JOIN LATERAL (
  SELECT nullif(sambapos._words_some(
           coalesce(array_agg(x.words ORDER BY x.rank, x.table_name) FILTER (WHERE x.is_named), '{}'), 3, '; ',
           count(*) FILTER (WHERE NOT x.is_named), 'table'), '') AS troubles
  FROM sambapos._table_trouble AS x WHERE x.site_id = s.site_id) AS x
WHERE s.removed_at IS NULL;
COMMENT ON VIEW sambapos._status_facts IS 'What the lights of sambapos_status are made of';

-- A run's message that only repeats what its tables failed with is left out: they have it themselves.
CREATE FUNCTION sambapos._status_site_error(facts sambapos._status_facts) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT s.last_error FROM sambapos._place AS s
    WHERE s.site_id = facts.site_id AND (sambapos._log_is_fatal(s.last_sqlstate) OR NOT EXISTS (
      SELECT FROM sambapos._table AS t WHERE t.site_id = s.site_id AND t.enabled AND t.last_status = 'failed')));
END;
$$;
COMMENT ON FUNCTION sambapos._status_site_error(sambapos._status_facts) IS
  'What the last run of a site met as a whole, for example a till that is off; NULL: nothing, or only tables failed';

-- The rules, first match wins. Red that only a person can end stands above asleep; age below it.
CREATE FUNCTION sambapos._status_light(facts sambapos._status_facts, OUT light text, OUT kind text, OUT reason text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  s   sambapos._place := (SELECT p FROM sambapos._place AS p WHERE p.site_id = facts.site_id);
  age text := date_trunc('second', facts.data_age)::text;
  met text := sambapos._status_site_error(facts);
  job text;
  holder text := CASE WHEN facts.last_was_busy THEN sambapos._site_holder(s.site_id) END;
  paused text := coalesce(s.paused_reason, sambapos._copied_reason(s.site_id));
BEGIN
  IF NOT sambapos._runs_enabled() THEN
    light := 'red'; kind := 'switched off';
    reason := 'all sites are switched off: sambapos_configure(NULL, ''enabled'', ''true'') switches them on';
  ELSIF NOT s.enabled THEN
    light := 'red'; kind := 'disabled'; reason := format('disabled: sambapos_configure(%L, ''enabled'', ''true'') '
                                                         'enables it', s.name);
  ELSIF paused IS NOT NULL THEN
    light := 'red'; kind := 'paused';
    reason := 'paused: ' || paused
              || CASE WHEN s.paused_reason IS NULL
                      THEN format(': SELECT sambapos_resume(%L) lets them go on here', s.name) ELSE '' END;
  ELSIF s.auth_failed THEN
    light := 'red'; kind := 'login refused';
    reason := format('the login was refused (%s): correct the user mapping, then SELECT sambapos_request_sync(%L)',
                     s.last_error, s.name);
  ELSIF s.held_database IS NOT NULL THEN
    light := 'red'; kind := 'another database';
    reason := format('held: another database answers ("%s", created %s): set the server back to the right one; or let '
                     'it in: SELECT sambapos_accept_source(%L, ''new database''), or ''restore'' if it is this site''s '
                     'own',
                     s.held_database ->> 'name', coalesce(s.held_database ->> 'created', 'unknown'), s.name);
  ELSIF facts.tables = 0 THEN
    light := 'red'; kind := 'no tables';
    reason := coalesce(facts.troubles, format('no tables: see sambapos_add_table(%L, ...)', s.name));
  ELSIF facts.loading IS NOT NULL AND (facts.running OR facts.loading > 0) AND s.last_error IS NULL THEN
    light := 'amber'; kind := 'loading';
    reason := concat_ws('; ', format('loading %s %%', facts.loading), CASE
      WHEN NOT facts.running AND sambapos._chunks_rest(s.site_id) THEN 'rests until a blackout window is over' END,
                        facts.troubles);
  ELSIF s.last_success_at IS NULL THEN
    light := 'red'; kind := 'never worked';
    reason := coalesce('never worked: ' || nullif(concat_ws('; ', met, facts.troubles), ''), 'never synced');
  ELSIF facts.closed THEN
    light := 'asleep'; reason := concat_ws('; ', 'outside opening hours', facts.troubles);
  ELSIF facts.data_age > greatest(8 * facts.complete_interval, interval '1 hour') THEN
    light := 'red'; kind := 'old data';
    reason := concat_ws('; ', format('last complete run %s ago%s', age, ': ' || met), facts.troubles);
  ELSIF coalesce(met, facts.troubles) IS NOT NULL THEN
    light := 'amber'; kind := 'run failed'; reason := concat_ws('; ', 'last run failed: ' || met, facts.troubles);
  ELSIF facts.data_age > 2 * facts.complete_interval THEN
    light := 'amber'; kind := 'old data'; reason := format('last complete run %s ago', age);
  ELSE
    light := 'green'; reason := format('last run ok, %s ago', age);
  END IF;
  job := CASE WHEN NOT sambapos._worker_serves(s.site_id) THEN sambapos._cron_complaint(s.name) END;
  IF job IS NOT NULL AND s.enabled AND (light <> 'green' OR job NOT LIKE 'no pg_cron job%') THEN
    kind := CASE light WHEN 'green' THEN 'job' ELSE kind END;
    light := CASE light WHEN 'green' THEN 'amber' ELSE light END;
    reason := reason || '; ' || job;
  END IF;
  IF holder IS NOT NULL THEN
    kind := CASE light WHEN 'green' THEN 'busy' ELSE kind END;
    light := CASE light WHEN 'green' THEN 'amber' ELSE light END;
    reason := format('%s; no run can start: %s holds the site', reason, holder);
  END IF;
  IF facts.waits_for IS NOT NULL THEN
    reason := format('%s; the run waits for %s', reason, facts.waits_for);
  END IF;
  IF facts.code_of_others IS NOT NULL AND position(facts.code_of_others IN reason) = 0 THEN
    reason := format('%s; code of others runs with the rights of the sync: %s', reason, facts.code_of_others);
  END IF;
  IF facts.consumers IS NOT NULL THEN
    light := CASE light WHEN 'green' THEN 'amber' ELSE light END;
    reason := format('%s; %s', reason, facts.consumers);
  END IF;
  IF s.time_zone IS NULL THEN
    reason := reason || format('; time zone not set, the till''s clock is taken (UTC%s)',
                               coalesce(CASE WHEN s.hw_offset_minutes < 0 THEN '-' ELSE '+' END
                                        || to_char(make_interval(mins => abs(s.hw_offset_minutes)), 'HH24:MI'),
                                          ' until the first sync'));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._status_light(sambapos._status_facts) IS
  'The light of a site, its reason, and in a word what makes it red or amber (NULL: nothing)';

CREATE FUNCTION sambapos._status(asked text) RETURNS TABLE (
  site text, light text, reason text, data_age interval, last_success_at timestamptz, last_run_at timestamptz,
    last_error text,
  pending bigint, epoch integer, next_due_at timestamptz, online boolean, auth_failed boolean, paused_reason text,
    loading integer)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  IF asked IS NOT NULL THEN
    PERFORM sambapos._site(asked);
  END IF;
  RETURN QUERY
    SELECT s.name, l.light, l.reason, f.data_age, s.last_success_at, s.last_run_at, s.last_error,
           f.waiting, s.epoch, s.next_due_at,
           CASE WHEN s.last_run_at IS NULL THEN NULL
                ELSE coalesce(s.last_sqlstate !~ '^(08|57P)', true) END,
           s.auth_failed, coalesce(s.paused_reason, sambapos._copied_reason(s.site_id)), f.loading
    FROM sambapos._status_facts AS f JOIN sambapos._place AS s USING (site_id), sambapos._status_light(f) AS l
    WHERE asked IS NULL OR s.name = asked
    ORDER BY 1;
END;
$$;
COMMENT ON FUNCTION sambapos._status(text) IS 'How a site is, or all of them; what sambapos_status returns';

CREATE FUNCTION @extschema@.sambapos_status(INOUT site text DEFAULT NULL, OUT light text, OUT reason text,
                                            OUT data_age interval,
  OUT last_success_at timestamptz, OUT last_run_at timestamptz, OUT last_error text, OUT pending bigint,
    OUT epoch integer,
  OUT next_due_at timestamptz, OUT online boolean, OUT auth_failed boolean, OUT paused_reason text, OUT loading integer)
RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT * FROM sambapos._status(site); $$;
COMMENT ON FUNCTION @extschema@.sambapos_status(text) IS
  'How a site is, or all of them: a row for each site, from the catalog and the run log; never connects to a till. '
  'light: green (last run ok, data younger than twice sync_interval, that of the tickets if it is longer), amber '
  '(older, the last run failed, a table failed, paused or disabled, columns that could not be followed yet, rows that '
  'nobody has decided on, the job in trouble, the site held by another session, or loading), red (switched off, '
  'disabled or paused, login refused, held: another database answers, no tables, never worked, or older than eight '
  'intervals and at least an hour), asleep (outside opening_hours). reason: why, and what to do. data_age: since the '
  'last complete run. pending: tables known to wait for a read (all when a sync was requested). online: false if the '
  'last run could not reach the source, NULL if there was none. loading: percent that is loaded (of the rows while '
  'sambapos_backfill works, else of the tables), NULL when all is. Errors: 42704 no such site';

CREATE FUNCTION sambapos._status_of(site_id integer, OUT light text, OUT reason text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  SELECT l.light, l.reason INTO light, reason
  FROM sambapos._status_facts AS f CROSS JOIN LATERAL sambapos._status_light(f) AS l
  WHERE f.site_id = _status_of.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._status_of(integer) IS 'The light of a site and its reason';

-- For whoever asks over several sites: what each is, and how it is. The light is in the list of columns: a report that
-- joins this for the currency does not pay for it.
CREATE VIEW sambapos.site_overview AS
SELECT s.name AS site, s.site_group, s.server, s.time_zone, s.currency, s.external_id,
       (sambapos._status_of(s.site_id)).light AS light, (sambapos._status_of(s.site_id)).reason AS reason,
       date_trunc('second', statement_timestamp() - s.last_success_at) AS data_age, s.last_success_at
FROM sambapos._place AS s
WHERE s.removed_at IS NULL;
COMMENT ON VIEW sambapos.site_overview IS
  'The sites: the group, server, time zone, currency and key of each, and its light. Amounts of sites with other '
  'currencies are not to be added up, and a day begins when it does in the site''s time zone';
COMMENT ON COLUMN sambapos.site_overview.site_group IS
  'As sambapos_configure(site, ''site_group'', ...) has set it; NULL: none';
COMMENT ON COLUMN sambapos.site_overview.time_zone IS 'The till''s; NULL: not set, the clock of the till is taken';
COMMENT ON COLUMN sambapos.site_overview.currency IS 'ISO 4217 code of its amounts; NULL: not set';
COMMENT ON COLUMN sambapos.site_overview.external_id IS 'The site''s key in the application that reads the replica';
COMMENT ON COLUMN sambapos.site_overview.light IS 'As in sambapos_status';
COMMENT ON COLUMN sambapos.site_overview.reason IS 'Why, and what to do, as in sambapos_status';
COMMENT ON COLUMN sambapos.site_overview.data_age IS 'Since the last complete run; NULL: there was none';
