-- sync.sql: sambapos_sync: one run of each site, in the caller's transaction.

CREATE TYPE sambapos.sync_result AS (
  site text, table_name text, mode text, epoch integer, rows_read bigint, rows_inserted bigint,
  rows_updated bigint, rows_unchanged bigint, rows_gone bigint, duration interval, status text, message text);
COMMENT ON TYPE sambapos.sync_result IS 'What a sync did to one table';

-- The site's trouble is said once, in a row without a table.
CREATE FUNCTION sambapos._sync_results(run_id bigint, place sambapos._place) RETURNS SETOF sambapos.sync_result
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
DECLARE
  this sambapos.run;
BEGIN
  SELECT * INTO this FROM sambapos.run AS r WHERE r.run_id = _sync_results.run_id;
  IF this.status <> 'ok' THEN
    RETURN QUERY
      SELECT place.name, NULL, NULL, this.epoch, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint,
             clock_timestamp() - this.started_at, 'failed', format('%s (%s)', x.message, x.sqlstate)
      FROM sambapos.run_table AS x
      WHERE x.run_id = this.run_id AND x.status = 'failed' AND sambapos._log_is_of_site(x.run_id, x)
      GROUP BY x.message, x.sqlstate;
  END IF;
  RETURN QUERY
    SELECT place.name, x.table_name, x.mode, this.epoch, x.rows_read, x.rows_inserted, x.rows_updated,
           x.rows_unchanged, x.rows_gone, x.duration, x.status, x.message || coalesce(' (' || x.sqlstate || ')', '')
    FROM sambapos.run_table AS x
    JOIN sambapos.replicated_table AS t ON (t.site_id, t.table_name) = (place.site_id, x.table_name)
    WHERE x.run_id = this.run_id
      AND CASE x.status WHEN 'failed' THEN NOT sambapos._log_is_of_site(x.run_id, x) ELSE true END
    ORDER BY array_position('{ticket,document,period,child,master}', t.kind), x.table_name;
END;
$$;
COMMENT ON FUNCTION sambapos._sync_results(bigint, sambapos._place) IS 'The log of a run as sambapos_sync returns it';

-- Locks are kept until the call ends, and the server has a table of them for all its sessions.
CREATE FUNCTION sambapos._sync_lock_problem() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT format('not synced: this call holds %s of the %s locks of the server; sync this site in a call of '
                        'its own, or '
                  'all with CALL sambapos_run()', h.held, h.room)
    FROM (SELECT (SELECT count(*) FROM pg_locks AS l WHERE l.pid = pg_backend_pid()) AS held,
                 current_setting('max_locks_per_transaction')::bigint
                 * (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint)
                   AS room) AS h
    WHERE h.held > h.room / 2);
END;
$$;
COMMENT ON FUNCTION sambapos._sync_lock_problem() IS
  'Why a call of sambapos_sync takes no further site: it holds half of the locks that the server has room for; NULL: '
  'it does not';

-- Why a site is not synced at all: one row without a table.
CREATE FUNCTION sambapos._sync_no_result(place sambapos._place, status text, message text) RETURNS sambapos.sync_result
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT ROW(place.name, NULL, NULL, place.epoch, 0, 0, 0, 0, 0, interval '0', status,
              message)::sambapos.sync_result; $$;
COMMENT ON FUNCTION sambapos._sync_no_result(sambapos._place, text, text) IS
  'The result of a sync that did not take place';

CREATE FUNCTION sambapos._sync_site(place sambapos._place, tables text[], mode text) RETURNS SETOF sambapos.sync_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  run_id bigint;
  locks text;
BEGIN
  IF to_regclass('pg_temp.sambapos__probe') IS NOT NULL THEN -- not the first site of the call
    locks := sambapos._sync_lock_problem();
  END IF;
  IF NOT place.enabled OR place.paused_reason IS NOT NULL THEN
    RETURN NEXT sambapos._sync_no_result(place, 'paused', coalesce(place.paused_reason, 'the site is disabled'));
    RETURN;
  ELSIF sambapos._site_problem(place) IS NOT NULL THEN
    RETURN NEXT sambapos._sync_no_result(
      place, 'failed', sambapos._site_problem(place) || ', and only that role can sync the site');
    RETURN;
  ELSIF locks IS NOT NULL THEN
    RETURN NEXT sambapos._sync_no_result(place, 'failed', locks);
    RETURN;
  ELSIF NOT sambapos._site_try_lock(place.site_id) THEN
    RETURN NEXT sambapos._sync_no_result(place, 'busy', format(
      'another run of this site is in progress: %s',
      coalesce(sambapos._site_holder(place.site_id), 'it has just ended')));
    RETURN;
  END IF;
  SELECT * INTO STRICT place FROM sambapos._place AS s WHERE s.site_id = place.site_id;
  place := sambapos._site_follow_server(place);
  run_id := sambapos._run_begin(place, mode, 'call', tables);
  IF sambapos._run_steps(run_id, place) THEN
    PERFORM sambapos._run_end(run_id, place);
  END IF;
  PERFORM sambapos._workbench_empty();
  RETURN QUERY SELECT * FROM sambapos._sync_results(run_id, place);
END;
$$;
COMMENT ON FUNCTION sambapos._sync_site(sambapos._place, text[], text) IS 'One run of one site in this transaction';

CREATE FUNCTION sambapos._sync_check_arguments(mode text, on_error text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF mode IS NULL OR mode NOT IN ('auto', 'incremental', 'full') THEN
    RAISE EXCEPTION 'unknown mode "%"', coalesce(mode, 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Modes are auto, incremental and full.';
  ELSIF on_error IS NULL OR on_error NOT IN ('report', 'raise') THEN
    RAISE EXCEPTION 'on_error must be report or raise, not "%"', coalesce(on_error, 'NULL')
      USING ERRCODE = 'invalid_parameter_value';
  ELSIF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a standby' USING ERRCODE = 'read_only_sql_transaction',
      HINT = 'Sync on the primary.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._sync_check_arguments(text, text) IS
  'Raises what is wrong with a call of sambapos_sync';

CREATE FUNCTION sambapos._sync_result_state(site_id integer, status text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE status WHEN 'busy' THEN '55P03' WHEN 'paused' THEN '55000'
              ELSE coalesce(CASE WHEN sambapos._site_problem(s) IS NOT NULL THEN '55000' END,
                            s.last_sqlstate, 'HV000') END
  FROM sambapos._place AS s WHERE s.site_id = _sync_result_state.site_id;
$$;
COMMENT ON FUNCTION sambapos._sync_result_state(integer, text) IS 'The SQLSTATE to raise for a result that is not ok';

CREATE FUNCTION sambapos._sync_check_tables(place sambapos._place, tables text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  unknown text;
BEGIN
  SELECT a INTO unknown FROM unnest(tables) AS a
   WHERE NOT EXISTS (SELECT FROM sambapos._tables_replicated(place.site_id, ARRAY[a])) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'site "%" has no table "%"', place.name, unknown USING ERRCODE = 'undefined_table',
      HINT = sambapos._name_hint(unknown, ARRAY(SELECT t.source_name FROM sambapos._table AS t
                                                WHERE t.site_id = place.site_id ORDER BY 1))
             || format('SELECT * FROM sambapos_add_table(%L, %L) adds it to the site.', place.name, unknown);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._sync_check_tables(sambapos._place, text[]) IS
  'Raises 42P01 for a name that means no table of a site';

CREATE FUNCTION @extschema@.sambapos_sync(site text DEFAULT NULL, tables text[] DEFAULT NULL,
                                          mode text DEFAULT 'auto', on_error text DEFAULT 'report')
RETURNS SETOF sambapos.sync_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  s sambapos._place;
  result sambapos.sync_result;
BEGIN
  PERFORM sambapos._sync_check_arguments(mode, on_error);
  IF tables IS NOT NULL THEN
    PERFORM sambapos._tables_check_names(tables);
  END IF;
  PERFORM sambapos._catalog_check();
  PERFORM sambapos._check_isolation();
  IF site IS NOT NULL THEN
    s := sambapos._site(site);
    IF tables IS NOT NULL THEN
      PERFORM sambapos._sync_check_tables(s, tables);
    END IF;
  END IF;
  PERFORM sambapos._workbench_close(); -- a scheduled run that failed may have left some
  FOR s IN SELECT k.* FROM sambapos._place AS k
            WHERE k.removed_at IS NULL AND (site IS NULL OR k.name = site) ORDER BY k.priority DESC, k.name
  LOOP
    FOR result IN SELECT * FROM sambapos._sync_site(s, tables, mode) LOOP
      IF on_error = 'raise' AND result.status NOT IN ('ok', 'skipped') THEN
        RAISE EXCEPTION 'sync of site "%" %: %', s.name, result.status,
              coalesce(result.table_name || ': ', '') || result.message
          USING ERRCODE = sambapos._sync_result_state(s.site_id, result.status);
      END IF;
      RETURN NEXT result;
    END LOOP;
  END LOOP;
  PERFORM sambapos._workbench_close();
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_sync(text, text[], text, text) IS
  'Brings the replica of a site (or of all) up to date, in this transaction: without COMMIT nothing of it stays. '
  'tables: replica names, source names or sets; NULL: all. mode: auto, incremental or full. What fails is a row with '
  'status failed, unless on_error is raise. Errors: 42704 no such site, 42P01 no such table, 22023 other arguments';
