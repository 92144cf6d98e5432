-- run.sql: what people, cron and scripts call: sambapos_sync, CALL sambapos_run, sambapos_request_sync.
--
-- A run is: _begin_run (a line in the log), _read (sync.sql), _merge (merge.sql), _end_run (state and
-- counters). sambapos_sync does it in one transaction; sambapos_run commits between the parts, so that
-- progress shows, the source's transaction is over before anything is written here, and a killed run
-- leaves its trace.
--
-- Rules:
-- * One run of a site at a time (lock.sql); nobody waits. The lock ends with the transaction, so sambapos_run
--   takes it again after each COMMIT and then looks whether the site is still its own.
-- * A procedure that commits can't have a SET clause, and COMMIT takes SET LOCAL back: the next statement
--   sets search_path again, before anything is evaluated. make lint holds every procedure to that.
-- * State (high-water mark, loaded_at, max ids) changes in the transaction that writes the rows.

-- ---- beginning and ending a run ----

-- Whoever holds the lock knows that a run still called running is dead. The site's row isn't touched
-- before the merge, so that sambapos_request_sync doesn't wait for a long sambapos_sync.
CREATE FUNCTION sambapos._begin_run(site sambapos.site, mode text, trigger text, tables text[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  fresh bigint;
BEGIN
  UPDATE sambapos.run AS r SET status = 'aborted', ended_at = clock_timestamp(), message = coalesce(r.message, 'ended without a word')
   WHERE r.site_id = site.site_id AND r.status = 'running';
  INSERT INTO sambapos.run AS r (site_id, mode, trigger) VALUES (site.site_id, _begin_run.mode, _begin_run.trigger)
  RETURNING r.run_id INTO fresh;
  INSERT INTO sambapos.epoch (site_id, epoch, reason) VALUES (site.site_id, site.epoch, 'first load') ON CONFLICT DO NOTHING;
  PERFORM sambapos._plan_tables(fresh, site, tables);
  RETURN fresh;
END;
$$;
COMMENT ON FUNCTION sambapos._begin_run(sambapos.site, text, text, text[]) IS 'Enters a run in the log';

CREATE FUNCTION sambapos._end_run(run_id bigint, site sambapos.site) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  failed bigint;
  others bigint;
  first_failed sambapos.run_table;
BEGIN
  PERFORM sambapos._remember_tables(run_id, site);
  SELECT count(*) FILTER (WHERE x.status = 'failed'), count(*) FILTER (WHERE x.status <> 'failed') INTO failed, others
  FROM sambapos.run_table AS x WHERE x.run_id = _end_run.run_id;
  SELECT x.* INTO first_failed FROM sambapos.run_table AS x
   WHERE x.run_id = _end_run.run_id AND x.status = 'failed' ORDER BY x.sqlstate IS NULL, x.table_name LIMIT 1;
  UPDATE sambapos.run AS r
     SET ended_at = clock_timestamp(), phase = 'done', sqlstate = first_failed.sqlstate,
         status = CASE WHEN failed = 0 THEN 'ok' WHEN others = 0 THEN 'failed' ELSE 'partial' END,
         message = CASE WHEN sambapos._is_fatal(first_failed.sqlstate) THEN '' ELSE first_failed.table_name || ': ' END
                   || first_failed.message, epoch = s.epoch, version = s.version
    FROM sambapos.site AS s
   WHERE r.run_id = _end_run.run_id AND s.site_id = site.site_id;
  PERFORM sambapos._remember_site(run_id, site, failed, first_failed);
  DELETE FROM sambapos.run AS r
   WHERE r.site_id = site.site_id AND r.started_at < now() - site.run_log_retention AND r.run_id <> _end_run.run_id;
  PERFORM sambapos._close_workbench();
END;
$$;
COMMENT ON FUNCTION sambapos._end_run(bigint, sambapos.site) IS 'Writes the state that a run leaves, and its end in the log; purges old log lines';

-- A child, or the documents, that failed while the tickets went through would never be asked for
-- again by what changed: the next run reads them whole.
CREATE FUNCTION sambapos._remember_tables(run_id bigint, site sambapos.site) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.replicated_table AS t
     SET last_status = x.status, last_run_at = now(),
         last_success_at = CASE x.status WHEN 'ok' THEN now() ELSE t.last_success_at END,
         last_error = CASE x.status WHEN 'failed' THEN x.message WHEN 'ok' THEN NULL ELSE t.last_error END,
         last_sqlstate = CASE x.status WHEN 'failed' THEN x.sqlstate WHEN 'ok' THEN NULL ELSE t.last_sqlstate END,
         loaded_at = CASE x.status WHEN 'ok' THEN coalesce(t.loaded_at, now()) ELSE t.loaded_at END,
         source_max_id = CASE x.status WHEN 'ok' THEN p.highest ELSE t.source_max_id END,
         full_due = a.table_name IS NOT NULL
                    OR CASE x.status WHEN 'ok' THEN t.full_due AND x.mode <> 'full' ELSE t.full_due OR x.family_went_through END,
         rows_inserted = t.rows_inserted + x.rows_inserted, rows_updated = t.rows_updated + x.rows_updated,
         rows_gone = t.rows_gone + x.rows_gone
    FROM (SELECT x.*, EXISTS (SELECT FROM sambapos.run_table AS o
                              JOIN sambapos.replicated_table AS r ON r.site_id = site.site_id AND r.table_name = o.table_name
                              WHERE o.run_id = x.run_id AND o.status = 'ok' AND r.kind = 'ticket') AS family_went_through
          FROM sambapos.run_table AS x WHERE x.run_id = _remember_tables.run_id) AS x
    LEFT JOIN pg_temp.sambapos__probe AS p USING (table_name)
    LEFT JOIN pg_temp.sambapos__again AS a USING (table_name)
   WHERE t.site_id = site.site_id AND t.table_name = x.table_name;
END;
$$;
COMMENT ON FUNCTION sambapos._remember_tables(bigint, sambapos.site) IS 'Writes what a run leaves for each table';

-- The high-water mark moves when the tickets went through, or when there are none to wait for.
CREATE FUNCTION sambapos._remember_site(run_id bigint, site sambapos.site, failed bigint, first_failed sambapos.run_table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  this sambapos.run := (SELECT r FROM sambapos.run AS r WHERE r.run_id = _remember_site.run_id);
  refused boolean := coalesce(first_failed.sqlstate LIKE '28%', false);
BEGIN
  UPDATE sambapos.site AS s
     SET last_run_at = this.started_at,
         last_success_at = CASE WHEN failed = 0 THEN now() ELSE s.last_success_at END,
         last_error = CASE WHEN failed > 0 THEN this.message END,
         last_sqlstate = CASE WHEN failed > 0 THEN first_failed.sqlstate END,
         consecutive_failures = CASE WHEN failed = 0 THEN 0 ELSE s.consecutive_failures + 1 END,
         auth_failed = refused,
         requested_at = CASE WHEN s.requested_at > this.started_at THEN s.requested_at END,
         current_run = NULL
   WHERE s.site_id = site.site_id;
  UPDATE sambapos.site AS s
     SET next_due_at = sambapos._next_due(s, this.started_at)
   WHERE s.site_id = site.site_id;
  IF sambapos._tickets_went_through(run_id, site) THEN
    UPDATE sambapos.site AS s
       SET hw_utc = this.source_utc, last_probe = sambapos._probe_facts(),
           hw_offset_minutes = sambapos._offset_minutes(this.source_now, this.source_utc)
     WHERE s.site_id = site.site_id;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._remember_site(bigint, sambapos.site, bigint, sambapos.run_table) IS 'Writes what a run leaves for the site';

CREATE FUNCTION sambapos._tickets_went_through(run_id bigint, site sambapos.site) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN EXISTS (SELECT FROM sambapos.replicated_table AS t
                           WHERE t.site_id = site.site_id AND t.enabled AND t.kind = 'ticket')
              THEN coalesce(bool_and(x.status = 'ok') FILTER (WHERE t.kind = 'ticket'), false)
              ELSE coalesce(bool_and(x.status = 'ok'), false) END
  FROM sambapos.run_table AS x
  JOIN sambapos.replicated_table AS t ON t.site_id = site.site_id AND t.table_name = x.table_name
  WHERE x.run_id = _tickets_went_through.run_id;
$$;
COMMENT ON FUNCTION sambapos._tickets_went_through(bigint, sambapos.site) IS 'True if a run has read and merged the tickets';

CREATE FUNCTION sambapos._probe_facts() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT jsonb_object_agg(p.table_name, jsonb_build_object('rows', p.rows, 'lowest', p.lowest, 'highest', p.highest))
          FROM pg_temp.sambapos__probe AS p);
END;
$$;
COMMENT ON FUNCTION sambapos._probe_facts() IS 'What a run found at the source, for the next one to compare with';

-- After a failure sooner: a minute, two, four ... half an hour, never later than the interval.
CREATE FUNCTION sambapos._next_due(site sambapos.site, started_at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN site.consecutive_failures = 0 THEN started_at + site.sync_interval
              ELSE clock_timestamp() + least(site.sync_interval, interval '30 minutes',
                                             interval '1 minute' * 2 ^ least(site.consecutive_failures - 1, 5)) END;
$$;
COMMENT ON FUNCTION sambapos._next_due(sambapos.site, timestamptz) IS 'When a site is due next';

-- ---- sambapos_sync ----

CREATE TYPE sambapos.sync_result AS (
  site text, table_name text, mode text, epoch integer, rows_read bigint, rows_inserted bigint,
  rows_updated bigint, rows_unchanged bigint, rows_gone bigint, duration interval, status text, message text);
COMMENT ON TYPE sambapos.sync_result IS 'What a sync did to one table';

CREATE FUNCTION sambapos._results(run_id bigint, site sambapos.site) RETURNS SETOF sambapos.sync_result
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT site.name, x.table_name, x.mode, r.epoch, x.rows_read, x.rows_inserted, x.rows_updated, x.rows_unchanged,
         x.rows_gone, x.duration, x.status, x.message || coalesce(' (' || x.sqlstate || ')', '')
  FROM sambapos.run_table AS x
  JOIN sambapos.run AS r USING (run_id)
  JOIN sambapos.replicated_table AS t ON t.site_id = site.site_id AND t.table_name = x.table_name
  WHERE x.run_id = _results.run_id
  ORDER BY array_position('{ticket,document,period,child,master}', t.kind), x.table_name;
$$;
COMMENT ON FUNCTION sambapos._results(bigint, sambapos.site) IS 'The log of a run as sambapos_sync returns it';

-- Why a site isn't synced at all: one row without a table.
CREATE FUNCTION sambapos._no_result(site sambapos.site, status text, message text) RETURNS sambapos.sync_result
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT ROW(site.name, NULL, NULL, site.epoch, 0, 0, 0, 0, 0, interval '0', status, message)::sambapos.sync_result; $$;
COMMENT ON FUNCTION sambapos._no_result(sambapos.site, text, text) IS 'The result of a sync that did not take place';

CREATE FUNCTION sambapos._sync_site(site sambapos.site, tables text[], mode text) RETURNS SETOF sambapos.sync_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  run_id bigint;
BEGIN
  IF NOT site.enabled OR site.paused_reason IS NOT NULL THEN
    RETURN NEXT sambapos._no_result(site, 'paused', coalesce(site.paused_reason, 'the site is disabled'));
    RETURN;
  ELSIF sambapos._site_problem(site) IS NOT NULL THEN
    RETURN NEXT sambapos._no_result(site, 'failed', sambapos._site_problem(site) || ', and only that role can sync the site');
    RETURN;
  ELSIF NOT sambapos._try_lock_site(site.site_id) THEN
    RETURN NEXT sambapos._no_result(site, 'busy', format('another run of this site is on: %s',
                                                         coalesce(sambapos._site_holder(site.site_id), 'it has just ended')));
    RETURN;
  END IF;
  SELECT * INTO STRICT site FROM sambapos.site AS s WHERE s.site_id = site.site_id;
  run_id := sambapos._begin_run(site, mode, 'call', tables);
  PERFORM sambapos._read(run_id, site);
  PERFORM sambapos._merge(run_id, site);
  PERFORM sambapos._end_run(run_id, site);
  RETURN QUERY SELECT * FROM sambapos._results(run_id, site);
END;
$$;
COMMENT ON FUNCTION sambapos._sync_site(sambapos.site, text[], text) IS 'One run of one site in this transaction';

CREATE FUNCTION sambapos._check_sync_arguments(tables text[], mode text, on_error text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF mode IS NULL OR mode NOT IN ('auto', 'incremental', 'full') THEN
    RAISE EXCEPTION 'unknown mode "%"', mode USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Modes are auto, incremental and full.';
  ELSIF on_error IS NULL OR on_error NOT IN ('report', 'raise') THEN
    RAISE EXCEPTION 'on_error must be report or raise, not "%"', on_error USING ERRCODE = 'invalid_parameter_value';
  ELSIF tables = '{}' THEN
    RAISE EXCEPTION 'no tables are named' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Leave the argument out to sync all tables.';
  ELSIF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a standby' USING ERRCODE = 'read_only_sql_transaction',
      HINT = 'Sync on the primary.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._check_sync_arguments(text[], text, text) IS 'Raises what is wrong with a call of sambapos_sync';

CREATE FUNCTION sambapos._result_state(site_id integer, status text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE status WHEN 'busy' THEN '55P03' WHEN 'paused' THEN '55000'
              ELSE coalesce(CASE WHEN sambapos._site_problem(s) IS NOT NULL THEN '55000' END, s.last_sqlstate, 'HV000') END
  FROM sambapos.site AS s WHERE s.site_id = _result_state.site_id;
$$;
COMMENT ON FUNCTION sambapos._result_state(integer, text) IS 'The SQLSTATE to raise for a result that is not ok';

CREATE FUNCTION @extschema@.sambapos_sync(site text DEFAULT NULL, tables text[] DEFAULT NULL,
                                          mode text DEFAULT 'auto', on_error text DEFAULT 'report')
RETURNS SETOF sambapos.sync_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  s sambapos.site;
  result sambapos.sync_result;
BEGIN
  PERFORM sambapos._check_sync_arguments(tables, mode, on_error);
  IF site IS NOT NULL THEN
    s := sambapos._site(site);
    PERFORM sambapos._check_asked_tables(s, tables);
  END IF;
  FOR s IN SELECT k.* FROM sambapos.site AS k
            WHERE k.removed_at IS NULL AND (site IS NULL OR k.name = site) ORDER BY k.priority DESC, k.name
  LOOP
    FOR result IN SELECT * FROM sambapos._sync_site(s, tables, mode) LOOP
      IF on_error = 'raise' AND result.status NOT IN ('ok', 'skipped') THEN
        RAISE EXCEPTION 'sync of site "%" %: %', s.name, result.status, coalesce(result.table_name || ': ', '') || result.message
          USING ERRCODE = sambapos._result_state(s.site_id, result.status);
      END IF;
      RETURN NEXT result;
    END LOOP;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_sync(text, text[], text, text) IS
'Brings the replica of a site (or of all) up to date, in this transaction. tables: replica names, source names or sets; NULL: all. mode: auto, incremental or full. What fails is a row with status failed, unless on_error is raise. Errors: 42704 no such site, 42P01 no such table, 22023 other arguments';

CREATE FUNCTION sambapos._check_asked_tables(site sambapos.site, tables text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  unknown text;
BEGIN
  SELECT a INTO unknown FROM unnest(tables) AS a
   WHERE NOT EXISTS (SELECT FROM sambapos._replicated_tables(site.site_id, ARRAY[a])) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'site "%" has no table "%"', site.name, unknown USING ERRCODE = 'undefined_table',
      HINT = format('Add it with sambapos_add_table(%L, %L).', site.name, unknown);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._check_asked_tables(sambapos.site, text[]) IS 'Raises 42P01 for a name that means no table of a site';

-- ---- sambapos_run ----

CREATE FUNCTION @extschema@.sambapos_request_sync(site text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  s sambapos.site := sambapos._site(site);
BEGIN
  UPDATE sambapos.site AS k SET requested_at = clock_timestamp() WHERE k.site_id = s.site_id;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_request_sync(text) IS
'Sync now: returns at once, the next tick of the site''s job does it. Also lets a site go on whose login was refused. Errors: 42704 no such site';

CREATE FUNCTION sambapos._is_due(site sambapos.site) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN site.requested_at IS NOT NULL
      OR (NOT site.auth_failed AND coalesce(site.next_due_at, '-infinity') <= clock_timestamp()
          AND coalesce(NOT sambapos._in_windows(site.blackout, sambapos._site_clock(site)), true));
END;
$$;
COMMENT ON FUNCTION sambapos._is_due(sambapos.site) IS 'True if a scheduled run of a site should start now';

-- What an idle tick asks: nothing is due by the clock, but a work period has ended, or rows are falling.
CREATE FUNCTION sambapos._source_calls(site sambapos.site) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  known_tickets bigint := (site.last_probe -> 'tickets' ->> 'rows')::bigint;
  rows bigint;
BEGIN
  IF known_tickets IS NULL OR site.auth_failed OR site.consecutive_failures > 0 THEN
    RETURN false;
  END IF;
  SELECT q.n INTO rows FROM sambapos._query(site.server,
    'SELECT COUNT_BIG(*) AS n FROM [dbo].[Tickets]') AS q (n bigint);
  IF rows < known_tickets THEN
    RETURN true;
  ELSIF sambapos._open_period_start(site) IS NULL THEN
    RETURN false;
  END IF;
  SELECT q.n INTO rows FROM sambapos._query(site.server,
    'SELECT COUNT_BIG(*) AS n FROM [dbo].[WorkPeriods] WHERE EndDate = StartDate') AS q (n bigint);
  RETURN rows = 0;
EXCEPTION
  -- the run remembers a refused login, so that nobody knocks again each minute until the account is locked
  WHEN invalid_authorization_specification OR invalid_password THEN
    RETURN true;
  -- a source that can't be asked now is no reason: the next run that is due says what is wrong
  WHEN OTHERS THEN
    RETURN false;
END;
$$;
COMMENT ON FUNCTION sambapos._source_calls(sambapos.site) IS 'A cheap look at a source that is not due: true if a work period has ended, rows are falling, or the login is refused';

-- Which sites a call of sambapos_run serves, most urgent first.
CREATE FUNCTION sambapos._due_sites(site text) RETURNS integer[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  ids integer[];
BEGIN
  IF site IS NOT NULL THEN
    PERFORM sambapos._site(site);
  END IF;
  IF pg_is_in_recovery() OR NOT sambapos._switched_on() THEN
    RETURN '{}';
  END IF;
  SELECT array_agg(s.site_id ORDER BY s.priority DESC, s.requested_at NULLS LAST, s.next_due_at NULLS FIRST) INTO ids
  FROM sambapos.site AS s
  WHERE s.removed_at IS NULL AND s.enabled AND s.paused_reason IS NULL AND (_due_sites.site IS NULL OR s.name = _due_sites.site)
    AND (sambapos._is_due(s) OR sambapos._source_calls(s));
  RETURN coalesce(ids, '{}');
END;
$$;
COMMENT ON FUNCTION sambapos._due_sites(text) IS 'The sites that are due';

-- A site that is held for hours is one line in the log, not one a minute.
CREATE FUNCTION sambapos._log_busy(site_id integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  holder text := coalesce(sambapos._site_holder(site_id), 'a session that has just ended') || ' holds the site';
BEGIN
  UPDATE sambapos.run AS r SET ended_at = clock_timestamp(), message = holder
   WHERE r.run_id = (SELECT max(k.run_id) FROM sambapos.run AS k WHERE k.site_id = _log_busy.site_id) AND r.status = 'busy';
  IF NOT FOUND THEN
    INSERT INTO sambapos.run (site_id, ended_at, status, mode, trigger, phase, message)
    VALUES (_log_busy.site_id, clock_timestamp(), 'busy', 'auto', 'schedule', 'done', holder);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._log_busy(integer) IS 'Enters in the log that a scheduled run could not start, and who holds the site';

-- The parts of a run for sambapos_run. Each is a transaction of its own; 0 means somebody else has the site.
CREATE FUNCTION sambapos._start(site_id integer) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  site sambapos.site;
  fresh_run bigint;
BEGIN
  IF NOT sambapos._try_lock_site(site_id) THEN
    PERFORM sambapos._log_busy(site_id);
    RETURN 0;
  END IF;
  SELECT * INTO STRICT site FROM sambapos.site AS s WHERE s.site_id = _start.site_id;
  fresh_run := sambapos._begin_run(site, 'auto', CASE WHEN site.requested_at IS NULL THEN 'schedule' ELSE 'request' END, NULL);
  UPDATE sambapos.run AS r SET phase = 'reading' WHERE r.run_id = fresh_run;
  UPDATE sambapos.site AS s SET current_run = fresh_run WHERE s.site_id = _start.site_id;
  RETURN fresh_run;
END;
$$;
COMMENT ON FUNCTION sambapos._start(integer) IS 'First part of a scheduled run: its line in the log';

CREATE FUNCTION sambapos._continue(run_id bigint, part text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  site sambapos.site;
  locked boolean;
BEGIN
  -- locked first, looked at then: another run may end between the two
  locked := sambapos._try_lock_site(r.site_id) FROM sambapos.run AS r WHERE r.run_id = _continue.run_id;
  SELECT s.* INTO STRICT site FROM sambapos.site AS s JOIN sambapos.run AS r USING (site_id) WHERE r.run_id = _continue.run_id;
  IF NOT locked OR site.current_run IS DISTINCT FROM run_id THEN
    UPDATE sambapos.run AS r SET status = 'aborted', ended_at = clock_timestamp(), message = 'another run took the site over'
     WHERE r.run_id = _continue.run_id;
    RETURN false;
  END IF;
  CASE part
    WHEN 'read' THEN
      PERFORM sambapos._raise_problem(sambapos._site_problem(site));
      PERFORM sambapos._read(run_id, site);
      UPDATE sambapos.run AS r SET phase = 'merging' WHERE r.run_id = _continue.run_id;
    WHEN 'merge' THEN
      PERFORM sambapos._merge(run_id, site);
      PERFORM sambapos._end_run(run_id, site);
  END CASE;
  RETURN true;
END;
$$;
COMMENT ON FUNCTION sambapos._continue(bigint, text) IS 'Second and third part of a scheduled run: reading, and merging with its end';

-- What fails outside the tables' own blocks (a full disk, a lock) fails this run and not the other sites.
CREATE FUNCTION sambapos._try_continue(run_id bigint, part text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  state text;
  error_message text;
BEGIN
  RETURN sambapos._continue(run_id, part);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, error_message = MESSAGE_TEXT;
  UPDATE sambapos.run AS r SET status = 'failed', ended_at = clock_timestamp(), message = error_message, sqlstate = state
   WHERE r.run_id = _try_continue.run_id;
  UPDATE sambapos.site AS s
     SET last_run_at = r.started_at, last_error = error_message, last_sqlstate = state, current_run = NULL,
         consecutive_failures = s.consecutive_failures + 1, next_due_at = clock_timestamp() + interval '1 minute'
    FROM sambapos.run AS r
   WHERE r.run_id = _try_continue.run_id AND s.site_id = r.site_id;
  RETURN false;
END;
$$;
COMMENT ON FUNCTION sambapos._try_continue(bigint, text) IS 'A part of a scheduled run; false if it could not be done, which is then in the log';

-- Declared types are resolved before search_path is set: only PostgreSQL's keywords and qualified names.
CREATE PROCEDURE sambapos._run_due(site text)
LANGUAGE plpgsql AS
$$
DECLARE
  site_id integer;
  sites integer[];
  run_id bigint;
  complaints pg_catalog.text[];
BEGIN
  SET LOCAL search_path TO pg_catalog, pg_temp;
  sites := sambapos._due_sites(site);
  FOREACH site_id IN ARRAY sites LOOP
    COMMIT;
    SET LOCAL search_path TO pg_catalog, pg_temp;
    run_id := sambapos._start(site_id);
    COMMIT;
    SET LOCAL search_path TO pg_catalog, pg_temp;
    CONTINUE WHEN run_id = 0;
    IF sambapos._try_continue(run_id, 'read') THEN
      COMMIT;
      SET LOCAL search_path TO pg_catalog, pg_temp;
      PERFORM sambapos._try_continue(run_id, 'merge');
    END IF;
    complaints := complaints || sambapos._complaint(run_id);
  END LOOP;
  COMMIT;
  SET LOCAL search_path TO pg_catalog, pg_temp;
  IF complaints <> '{}' THEN
    RAISE EXCEPTION '%', array_to_string(complaints, '; ') USING ERRCODE = 'fdw_error',
      HINT = 'See sambapos.run and sambapos.run_table.';
  END IF;
END;
$$;
COMMENT ON PROCEDURE sambapos._run_due(text) IS 'The body of sambapos_run: syncs what is due, each part of a run committed';

CREATE PROCEDURE @extschema@.sambapos_run(site text DEFAULT NULL)
LANGUAGE plpgsql AS
$$
BEGIN
  SET LOCAL search_path TO pg_catalog, pg_temp;
  CALL sambapos._run_due(site);
END;
$$;
COMMENT ON PROCEDURE @extschema@.sambapos_run(text) IS
'What cron calls: syncs each site that is due (or one, if it is due), each part of a run committed. Raises HV000 at the end if anything failed. Errors: 42704 no such site';

CREATE FUNCTION sambapos._complaint(run_id bigint) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(array_agg(format('site %s: run %s %s: %s', s.name, r.run_id, r.status, coalesce(r.message, 'see the log'))), '{}')
  FROM sambapos.run AS r JOIN sambapos.site AS s USING (site_id)
  WHERE r.run_id = _complaint.run_id AND r.status <> 'ok';
$$;
COMMENT ON FUNCTION sambapos._complaint(bigint) IS 'What to say about a run that did not go well';
