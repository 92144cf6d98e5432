-- scheduled.sql: CALL sambapos_run, which commits between the parts of a run: progress shows, the source's transaction
-- is over before anything is written here, and a killed run leaves its trace.
--
-- Rules:
-- * The lock of a site ends with the transaction, so it is taken again after each COMMIT; then the run looks whether
--   the site is still its own.
-- * A procedure that commits cannot have a SET clause, and COMMIT takes SET LOCAL back: the next statement
--   sets search_path again, before anything is evaluated. make lint holds every procedure to that.

-- An insert waits for nobody, whatever a run holds.
CREATE FUNCTION @extschema@.sambapos_request_sync(site text) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$ INSERT INTO sambapos.request (site_id) SELECT s.site_id FROM sambapos._site(site) AS s RETURNING request_id; $$;
COMMENT ON FUNCTION @extschema@.sambapos_request_sync(text) IS
  'Sync now: returns the number of the request at once, the next tick of the site''s job does it. Also lets a site go '
  'on whose login was refused. sambapos_request says what became of it. Errors: 42704 no such site';

CREATE FUNCTION @extschema@.sambapos_request(INOUT request_id bigint, OUT site text, OUT status text,
  OUT requested_at timestamptz,
  OUT finished_at timestamptz, OUT run_id bigint, OUT message text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  SELECT s.name, q.status, q.requested_at, q.finished_at, q.run_id, q.message
    INTO site, status, requested_at, finished_at, run_id, message
  FROM sambapos.request AS q JOIN sambapos.site AS s USING (site_id) WHERE q.request_id = sambapos_request.request_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no request %', coalesce(request_id::text, 'NULL') USING
      ERRCODE = 'undefined_object', HINT = 'Requests are kept as long as the run log (setting run_log_retention).';
  END IF;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_request(bigint) IS
  'What became of a request of sambapos_request_sync. status: queued, running, done, failed (message says why). '
  'Errors: 42704 no such request';

-- What an idle tick asks: nothing is due by the clock, but a work period has ended, or the number of rows falls (a
-- clear). Asked only of tables that a run would read: another one would give the same answer for ever.
CREATE FUNCTION sambapos._source_wants_run(place sambapos._place) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  known_tickets bigint := CASE WHEN sambapos._table_is_read(place, 'tickets')
                               THEN (place.last_probe -> 'tickets' ->> 'rows')::bigint END;
  rows bigint;
BEGIN
  IF known_tickets IS NULL OR place.auth_failed OR place.consecutive_failures > 0 THEN
    RETURN false;
  END IF;
  SELECT q.n INTO rows FROM sambapos._query(place.server,
    'SELECT COUNT_BIG(*) AS n FROM [dbo].[Tickets]') AS q (n bigint);
  IF rows < known_tickets THEN
    RETURN true;
  ELSIF NOT sambapos._table_is_read(place, 'work_periods') OR sambapos._period_open_since(place) IS NULL THEN
    RETURN false;
  END IF;
  SELECT q.n INTO rows FROM sambapos._query(place.server,
    'SELECT COUNT_BIG(*) AS n FROM [dbo].[WorkPeriods] WHERE EndDate = StartDate') AS q (n bigint);
  RETURN rows = 0;
EXCEPTION
  -- the run remembers a refused login, so that nobody knocks again each minute until the account is locked
  WHEN invalid_authorization_specification OR invalid_password THEN
    RETURN true;
  -- a source that cannot be asked now is no reason: the next run that is due says what is wrong
  WHEN OTHERS THEN
    RETURN false;
END;
$$;
COMMENT ON FUNCTION sambapos._source_wants_run(sambapos._place) IS
  'A cheap look at a source that is not due: true if a work period has ended, the number of rows falls, or the login '
  'is refused';

-- Which sites a call of sambapos_run serves, most urgent first.
CREATE FUNCTION sambapos._sites_due(site text, exactly boolean) RETURNS integer[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  ids integer[];
BEGIN
  IF site IS NOT NULL THEN
    PERFORM sambapos._site(site);
  END IF;
  IF pg_is_in_recovery() OR NOT sambapos._runs_enabled() THEN
    RETURN '{}';
  END IF;
  PERFORM sambapos._catalog_check();
  SELECT array_agg(s.site_id ORDER BY s.priority DESC, s.requested_at NULLS LAST, s.next_due_at NULLS FIRST) INTO ids
  FROM sambapos._place AS s
  WHERE s.removed_at IS NULL AND s.enabled AND s.paused_reason IS NULL
    AND (_sites_due.site IS NULL OR s.name = _sites_due.site)
    AND NOT EXISTS (SELECT FROM sambapos._copied AS c WHERE c.site_id = s.site_id)
    AND NOT sambapos._backfill_is_on(s.site_id)
    AND (exactly OR sambapos._site_is_due(s) OR (sambapos._site_problem(s) IS NULL AND sambapos._source_wants_run(s)));
  RETURN coalesce(ids, '{}');
END;
$$;
COMMENT ON FUNCTION sambapos._sites_due(text, boolean) IS
  'The sites that are due; exactly: they are, by their cron line';

-- A site that is held for hours is one line in the log, not one a minute.
CREATE FUNCTION sambapos._log_busy(site_id integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  holder text := coalesce(sambapos._site_holder(site_id), 'a session that has just ended') || ' holds the site';
BEGIN
  UPDATE sambapos.run AS r SET ended_at = clock_timestamp(), message = holder
   WHERE r.run_id = (SELECT max(k.run_id) FROM sambapos.run AS k WHERE k.site_id = _log_busy.site_id)
     AND r.status = 'busy';
  IF NOT FOUND THEN
    INSERT INTO sambapos.run (site_id, ended_at, status, mode, trigger, phase, message)
    VALUES (_log_busy.site_id, clock_timestamp(), 'busy', 'auto', 'schedule', 'done', holder);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._log_busy(integer) IS
  'Enters in the log that a scheduled run could not start, and who holds the site';

-- The parts of a run for sambapos_run. Each is a transaction of its own; 0 means somebody else has the site.
CREATE FUNCTION sambapos._run_start(site_id integer) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
  fresh_run bigint;
BEGIN
  IF NOT sambapos._site_try_lock(site_id) THEN
    PERFORM sambapos._log_busy(site_id);
    RETURN 0;
  END IF;
  SELECT * INTO STRICT place FROM sambapos._place AS s WHERE s.site_id = _run_start.site_id;
  place := sambapos._site_follow_server(place);
  fresh_run := sambapos._run_begin(place, 'auto',
                                     CASE WHEN place.requested_at IS NULL THEN 'schedule' ELSE 'request' END, NULL);
  UPDATE sambapos.run AS r SET phase = 'reading' WHERE r.run_id = fresh_run;
  UPDATE sambapos.site_state AS s SET current_run = fresh_run WHERE s.site_id = _run_start.site_id;
  RETURN fresh_run;
END;
$$;
COMMENT ON FUNCTION sambapos._run_start(integer) IS 'First part of a scheduled run: its line in the log';

-- Returns the next part, NULL when there is none. Changed columns are followed a table a transaction; then the reading
-- begins again.
CREATE FUNCTION sambapos._run_continue(run_id bigint, part text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
  locked boolean;
BEGIN
  -- locked first, looked at then: another run may end between the two
  locked := sambapos._site_try_lock(r.site_id) FROM sambapos.run AS r WHERE r.run_id = _run_continue.run_id;
  SELECT s.* INTO STRICT place
  FROM sambapos._place AS s JOIN sambapos.run AS r USING (site_id) WHERE r.run_id = _run_continue.run_id;
  IF NOT locked OR place.current_run IS DISTINCT FROM run_id THEN
    UPDATE sambapos.run AS r SET status = 'aborted', ended_at = clock_timestamp(),
           message = 'another run took the site over'
     WHERE r.run_id = _run_continue.run_id;
    RETURN NULL;
  END IF;
  IF part <> 'merge' THEN
    PERFORM sambapos._problem_raise(sambapos._site_problem(place));
    PERFORM sambapos._workbench_empty() WHERE part = 'read'; -- what a run that was cancelled has left
  END IF;
  part := sambapos._run_step(run_id, place, part);
  IF part = 'end' THEN
    PERFORM sambapos._run_end(run_id, place);
    RETURN NULL;
  END IF;
  RETURN part;
END;
$$;
COMMENT ON FUNCTION sambapos._run_continue(bigint, text) IS
  'The parts of a scheduled run after its start: reading, following changed columns, merging with the end; returns the '
  'next one';

-- What fails outside the tables' own blocks (a full disk, a lock) fails this run and not the other sites.
CREATE FUNCTION sambapos._run_try_continue(run_id bigint, part text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  state text;
  error_message text;
BEGIN
  RETURN sambapos._run_continue(run_id, part);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, error_message = MESSAGE_TEXT;
  UPDATE sambapos.run AS r SET status = 'failed', ended_at = clock_timestamp(),
         message = error_message, sqlstate = state
   WHERE r.run_id = _run_try_continue.run_id;
  UPDATE sambapos.site_state AS s
     SET last_run_at = r.started_at, last_error = error_message, last_sqlstate = state, current_run = NULL,
         consecutive_failures = s.consecutive_failures + 1
    FROM sambapos.run AS r
   WHERE r.run_id = _run_try_continue.run_id AND s.site_id = r.site_id;
  UPDATE sambapos.site_state AS s SET next_due_at = sambapos._run_next_due(p, r.started_at)
    FROM sambapos.run AS r JOIN sambapos._place AS p USING (site_id)
   WHERE r.run_id = _run_try_continue.run_id AND s.site_id = r.site_id;
  PERFORM sambapos._run_answer_requests(_run_try_continue.run_id);
  RETURN NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._run_try_continue(bigint, text) IS
  'A part of a scheduled run; returns the next one, NULL at the end, or if it could not be done, which is then in the '
  'log';

CREATE FUNCTION sambapos._run_complaint(run_id bigint) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(array_agg(format('site %s: run %s %s: %s', s.name, r.run_id, r.status,
                         coalesce(r.message, 'see the log'))), '{}')
  FROM sambapos.run AS r JOIN sambapos._place AS s USING (site_id)
  WHERE r.run_id = _run_complaint.run_id AND r.status <> 'ok';
$$;
COMMENT ON FUNCTION sambapos._run_complaint(bigint) IS 'What to say about a run that did not go well';

-- COMMIT itself would say "invalid transaction termination".
CREATE FUNCTION sambapos._run_refuse_block(procedure text, site text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RAISE EXCEPTION '% cannot be called inside a transaction block, a function or a block with EXCEPTION', procedure USING
    ERRCODE = 'invalid_transaction_termination', DETAIL = 'It commits each part of what it does.',
    HINT = format('Call it with autocommit on and outside BEGIN, or SELECT sambapos_request_sync(%s): the next tick of '
                  'the job does it.', coalesce(quote_literal(site), '...'));
END;
$$;
COMMENT ON FUNCTION sambapos._run_refuse_block(text, text) IS 'Raises 2D000, and says what to do instead';

-- Declared types are resolved before search_path is set: only PostgreSQL's keywords and qualified names.
CREATE PROCEDURE sambapos._run_parts(run_id bigint)
LANGUAGE plpgsql AS
$$
DECLARE
  part pg_catalog.text;
BEGIN
  SET LOCAL search_path TO pg_catalog, pg_temp;
  part := 'read';
  WHILE part IS NOT NULL LOOP
    part := sambapos._run_try_continue(run_id, part);
    COMMIT;
    SET LOCAL search_path TO pg_catalog, pg_temp;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
  END LOOP;
  PERFORM sambapos._workbench_close(); -- of a run that failed too: a session may stay for long
END;
$$;
COMMENT ON PROCEDURE sambapos._run_parts(bigint) IS
  'Reads and merges a run that was entered in the log, each part committed';

CREATE PROCEDURE sambapos._run_due(site text, exactly boolean)
LANGUAGE plpgsql AS
$$
DECLARE
  site_id integer;
  sites integer[];
  run_id bigint;
  complaints pg_catalog.text[];
BEGIN
  SET LOCAL search_path TO pg_catalog, pg_temp;
  sites := sambapos._sites_due(site, exactly);
  FOREACH site_id IN ARRAY sites LOOP
    LOOP
      CALL sambapos._chunks_run(site_id, false, run_id); -- a first load that was interrupted goes on
      SET LOCAL search_path TO pg_catalog, pg_temp;
      complaints := complaints || sambapos._run_complaint(run_id);
      EXIT WHEN run_id IS NOT NULL;
      COMMIT;
      SET LOCAL search_path TO pg_catalog, pg_temp;
      SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE; -- whatever this user's default is
      run_id := sambapos._run_start(site_id);
      COMMIT;
      SET LOCAL search_path TO pg_catalog, pg_temp;
      SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
      EXIT WHEN run_id = 0;
      CALL sambapos._run_parts(run_id);
      SET LOCAL search_path TO pg_catalog, pg_temp;
      complaints := complaints || sambapos._run_complaint(run_id);
      EXIT WHEN NOT sambapos._backfill_is_planned(site_id); -- a large site: the run has read its masters only
    END LOOP;
  END LOOP;
  COMMIT;
  SET LOCAL search_path TO pg_catalog, pg_temp;
  IF complaints <> '{}' THEN
    PERFORM sambapos._feed_tick_site(s) FROM unnest(sites) AS s; -- who called will not come to it
    COMMIT;
    SET LOCAL search_path TO pg_catalog, pg_temp;
    RAISE EXCEPTION '%', array_to_string(complaints, '; ') USING ERRCODE = 'fdw_error',
      HINT = 'See sambapos.run and sambapos.run_table.';
  END IF;
END;
$$;
COMMENT ON PROCEDURE sambapos._run_due(text, boolean) IS
  'The body of sambapos_run: syncs what is due, each part of a run committed';

CREATE PROCEDURE @extschema@.sambapos_run(site text DEFAULT NULL)
LANGUAGE plpgsql AS
$$
BEGIN
  SET LOCAL search_path TO pg_catalog, pg_temp;
  IF NOT sambapos._may_commit() THEN
    PERFORM sambapos._run_refuse_block('sambapos_run', site);
  END IF;
  CALL sambapos._run_due(site, false);
END;
$$;
COMMENT ON PROCEDURE @extschema@.sambapos_run(text) IS
  'What cron calls: syncs each site that is due (or one, if it is due), each part of a run committed. Raises HV000 at '
  'the end if anything failed. Errors: 42704 no such site, 2D000 where it cannot commit (a transaction block, a '
  'function): use autocommit, or sambapos_request_sync';
