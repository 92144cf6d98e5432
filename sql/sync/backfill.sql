-- backfill.sql: CALL sambapos_backfill: the first load of a large site: first what is read whole (masters), then the
-- roots with their children in chunks, newest first, then an ordinary run, which reads what changed meanwhile.

CREATE FUNCTION sambapos._backfill_site(site text, batch_rows bigint) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
BEGIN
  IF site IS NULL THEN
    RAISE EXCEPTION 'site must not be NULL' USING ERRCODE = 'null_value_not_allowed',
      HINT = 'sambapos_backfill loads one site.';
  ELSIF coalesce(batch_rows, 0) < 1 THEN
    RAISE EXCEPTION 'batch_rows must be at least 1, not %', coalesce(batch_rows::text, 'NULL')
      USING ERRCODE = 'invalid_parameter_value', HINT = 'It is about how many rows a chunk has; the default is 100000.';
  END IF;
  PERFORM sambapos._sync_check_arguments('auto', 'raise');
  PERFORM sambapos._catalog_check();
  place := sambapos._site(site);
  IF NOT sambapos._runs_enabled() OR NOT place.enabled OR place.paused_reason IS NOT NULL THEN
    RAISE EXCEPTION 'site "%" is not synced: %', place.name,
      coalesce(place.paused_reason, CASE WHEN place.enabled THEN 'all sites are switched off' ELSE 'it is disabled' END)
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = format('SELECT sambapos_configure(%s, ''enabled'', ''true'') switches it on.',
                          CASE WHEN place.enabled THEN 'NULL' ELSE quote_literal(place.name) END);
  ELSIF sambapos._backfill_is_on(place.site_id) THEN
    RAISE EXCEPTION 'site "%" is being loaded by another session', place.name USING ERRCODE = 'lock_not_available',
      HINT = 'See sambapos.progress.';
  END IF;
  RETURN place.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._backfill_site(text, bigint) IS
  'The site of a call of sambapos_backfill; raises what is wrong with the call';

-- A run of the tables that are read whole. NULL: there is none that was never loaded.
CREATE FUNCTION sambapos._backfill_begin(site_id integer, batch_rows bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
  masters text[];
  fresh_run bigint;
BEGIN
  PERFORM sambapos._site_lock(site_id);
  SELECT * INTO STRICT place FROM sambapos._place AS s WHERE s.site_id = _backfill_begin.site_id;
  place := sambapos._site_follow_server(place);
  PERFORM sambapos._chunk_plan(place, batch_rows);
  SELECT array_agg(t.table_name ORDER BY t.table_name) INTO masters FROM sambapos._table AS t
   WHERE t.site_id = place.site_id AND t.kind = 'master' AND t.enabled AND t.loaded_at IS NULL;
  IF masters IS NOT NULL THEN
    fresh_run := sambapos._run_begin(place, 'auto', 'call', masters);
    UPDATE sambapos.run AS r SET phase = 'reading' WHERE r.run_id = fresh_run;
    UPDATE sambapos.site_state AS s SET current_run = fresh_run WHERE s.site_id = place.site_id;
  END IF;
  RETURN fresh_run;
END;
$$;
COMMENT ON FUNCTION sambapos._backfill_begin(integer, bigint) IS
  'Plans the first load of a site, and enters the run of its masters in the log';

CREATE FUNCTION sambapos._backfill_raise(run_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  complaint text := array_to_string(sambapos._run_complaint(run_id), '; ');
BEGIN
  IF run_id = 0 THEN
    RAISE EXCEPTION 'another run has taken the site over' USING ERRCODE = 'lock_not_available',
      DETAIL = 'What was loaded before is kept.', HINT = 'Call again when it has ended; see sambapos.progress.';
  ELSIF run_id = -1 THEN
    RAISE NOTICE 'the first load rests, since a blackout window of the site has begun'
      USING HINT = 'The site''s job goes on with it when the window is over. A call within the window goes on at once.';
  END IF;
  IF complaint <> '' THEN
    RAISE EXCEPTION '%', complaint USING ERRCODE = 'fdw_error', DETAIL = 'What was loaded before is kept.',
      HINT = 'See sambapos.run and sambapos.run_table. The next call, or the site''s job, goes on where this one was.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._backfill_raise(bigint) IS
  'Raises HV000 for a run of a first load that did not go well, and says so if the load rests';

CREATE PROCEDURE sambapos._backfill_run(run_id bigint)
LANGUAGE plpgsql AS
$$
BEGIN
  SET LOCAL search_path TO pg_catalog, pg_temp;
  COMMIT;
  SET LOCAL search_path TO pg_catalog, pg_temp;
  SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
  IF run_id <> 0 THEN
    CALL sambapos._run_parts(run_id);
    SET LOCAL search_path TO pg_catalog, pg_temp;
  END IF;
  COMMIT;
  SET LOCAL search_path TO pg_catalog, pg_temp;
  SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
  PERFORM sambapos._backfill_raise(run_id);
END;
$$;
COMMENT ON PROCEDURE sambapos._backfill_run(bigint) IS
  'Reads and merges a run that was entered in the log, both committed; raises what went wrong';

CREATE PROCEDURE @extschema@.sambapos_backfill(site text, batch_rows bigint DEFAULT 100000)
LANGUAGE plpgsql AS
$$
DECLARE
  site_id integer;
  run_id bigint;
BEGIN
  SET LOCAL search_path TO pg_catalog, pg_temp;
  IF NOT sambapos._may_commit() THEN
    PERFORM sambapos._run_refuse_block('sambapos_backfill', site);
  END IF;
  site_id := sambapos._backfill_site(site, batch_rows);
  COMMIT;
  SET LOCAL search_path TO pg_catalog, pg_temp;
  SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
  run_id := sambapos._backfill_begin(site_id, batch_rows);
  IF run_id IS NOT NULL THEN
    CALL sambapos._backfill_run(run_id);
    SET LOCAL search_path TO pg_catalog, pg_temp;
  END IF;
  CALL sambapos._chunks_run(site_id, true, run_id);
  SET LOCAL search_path TO pg_catalog, pg_temp;
  COMMIT;
  SET LOCAL search_path TO pg_catalog, pg_temp;
  SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
  PERFORM sambapos._backfill_raise(run_id);
  IF run_id = -1 THEN
    RETURN;
  END IF;
  run_id := sambapos._run_start(site_id);
  CALL sambapos._backfill_run(run_id);
END;
$$;
COMMENT ON PROCEDURE @extschema@.sambapos_backfill(text, bigint) IS
  'Loads a large site for the first time, in committed parts: masters, then tickets and the other roots with their '
  'children in chunks of about batch_rows rows, newest first, then what changed meanwhile. Killed at any moment it '
  'goes on where it was, with the next call or by the site''s job; so it does after a blackout window, when one '
  'begins. '
  'sambapos.progress shows how far it is. Errors: 42704 no such site, 22023 batch_rows below 1, 55000 switched off, '
  '55P03 another run of the site is running, 2D000 where it cannot commit (a transaction block, a function), HV000 '
  'what '
  'failed at the site';
