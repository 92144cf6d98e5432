-- rollup.sql: the merge keeps the sums of reports by business day.
--
-- Rules:
-- * A run works out anew, by the reports' own definitions, the days that its rows belong to now, or belonged to before.
--   It does so in the transaction that writes the rows.
-- * Where that cannot be told (other settings, masters or epochs, a first load, too many rows, a write from outside) the
--   rollup begins anew: each run works out some days, from the first to the last, and reports read the detail meanwhile.
-- * No run fails for its rollup, and none becomes slow for it: it is derived, and can wait.

CREATE FUNCTION sambapos._rollup_limits(OUT rows integer, OUT days integer)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT 20000, 31; $$;
COMMENT ON FUNCTION sambapos._rollup_limits() IS
  'rows: a run that has changed more begins the rollup anew; days: how many a run works out: one that has changed more '
  'days begins anew, too';

-- ---- what is noted ----

-- Before rows change: a day that a ticket leaves is told by what it was. Under no table's name: no feed reads it.
CREATE FUNCTION sambapos._rollup_note_before(place sambapos._place, t sambapos._table, on_key text, differs text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  day text := sambapos._rollup_key(place, t.table_name);
BEGIN
  IF day IS NOT NULL THEN
    PERFORM sambapos._feed_noted_open();
    EXECUTE format('INSERT INTO pg_temp.sambapos__noted (day)
                    SELECT %s FROM pg_temp.%I AS s JOIN sambapos_replica.%I AS r ON %s WHERE %s',
                   day, sambapos._stage_name(t.table_name), t.table_name, on_key, differs) USING place.site_id;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_note_before(sambapos._place, sambapos._table, text, text) IS
  'Notes for the rollup to which days the rows belong that are about to change';

CREATE FUNCTION sambapos._rollup_note_all(place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF place.rollup THEN
    PERFORM sambapos._feed_noted_open();
    EXECUTE format('INSERT INTO pg_temp.sambapos__noted (row_state) VALUES (%L)', 'rollup');
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_note_all(sambapos._place) IS
  'Notes that rows of any day can count now, or no longer count: the rollup begins anew';

-- What is in no row of a day and decides it all the same.
CREATE FUNCTION sambapos._rollup_masters(site_id integer) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  nowhere sambapos._place;
  masters text;
BEGIN
  EXECUTE sambapos._report_sql(
    'SELECT md5(concat((SELECT jsonb_agg(DISTINCT jsonb_build_array(k.epoch, k.account_transaction_type_id))
                        FROM {versions tax_templates} AS k WHERE k.site_id = $1),
                       (SELECT jsonb_agg(DISTINCT jsonb_build_array(y.epoch, y.id, y.name))
                        FROM {any payment_types} AS y WHERE y.site_id = $1),
                       (SELECT jsonb_agg(DISTINCT to_jsonb(k)) FROM ' || sambapos._report_settlement_kinds()
    || ' WHERE k.site_id = $1)))', nowhere) INTO masters USING site_id;
  RETURN masters;
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_masters(integer) IS
  'A hash of the taxes, payment types and kinds of settlements of a site, as the reports with a rollup read them';

CREATE FUNCTION sambapos._rollup_periods(site_id integer) RETURNS timestamp[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  nowhere sambapos._place;
  starts timestamp[] := '{}';
BEGIN
  IF EXISTS (SELECT FROM sambapos.site AS s WHERE s.site_id = _rollup_periods.site_id
               AND s.day_rule LIKE '% work_period%') THEN
    EXECUTE format('SELECT coalesce(array_agg(DISTINCT w.start_date ORDER BY w.start_date), ''{}'') FROM %s AS w
                    WHERE w.site_id = $1 AND w.start_date IS NOT NULL',
                   sambapos._report_table(nowhere, 'work_periods', 'counted', 'start_date')) INTO starts USING site_id;
  END IF;
  RETURN starts;
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_periods(integer) IS
  'When the work periods of a site began; none where its day_rule does not ask for them';

-- ---- days ----

-- $1 site, $2 whether payments decide the day, $3 when a day begins, $5 timers. What a moment's day is now, and the day that its
-- date says: that one is looked at too, as a day that a row has left can be without any row. No index leads from a timer to
-- its lines: they are looked for only where a timer has changed.
CREATE FUNCTION sambapos._rollup_touched(place sambapos._place, more timestamp[]) RETURNS date[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  nowhere sambapos._place;
  days date[];
  timers integer[];
BEGIN
  EXECUTE format('SELECT array_agg(DISTINCT (n.day ->> %1$L)::integer) FROM pg_temp.sambapos__noted AS n
                  WHERE n.day ->> %1$L IS NOT NULL', 'timer') INTO timers;
  EXECUTE format($query$
    WITH k AS MATERIALIZED (SELECT DISTINCT n.day FROM pg_temp.sambapos__noted AS n WHERE n.day IS NOT NULL),
    b AS MATERIALIZED (SELECT d.* FROM sambapos._report_days($1) AS d WHERE d.day IS NOT NULL),
    ticket AS (
      SELECT (k.day ->> 'e')::integer AS epoch, (k.day ->> 't')::integer AS id FROM k WHERE k.day ->> 't' IS NOT NULL
      UNION
      SELECT t.epoch, t.id FROM k CROSS JOIN LATERAL (
        SELECT t.epoch, t.id FROM %1$s AS t
        WHERE (t.site_id, t.document_epoch, t.transaction_document_id)
            = ($1, (k.day ->> 'de')::integer, (k.day ->> 'di')::integer) OFFSET 0) AS t
      UNION
      SELECT o.epoch, o.ticket_id FROM %2$s AS o
      WHERE o.site_id = $1 AND o.product_timer_value_id = ANY ($5)),
    present AS MATERIALIZED (
      SELECT t.* FROM ticket AS k CROSS JOIN LATERAL (
        SELECT t.date, t.last_payment_date, t.document_epoch, t.transaction_document_id FROM %1$s AS t
        WHERE (t.site_id, t.epoch, t.id) = ($1, k.epoch, k.id) OFFSET 0) AS t),
    document AS (
      SELECT p.document_epoch AS epoch, p.transaction_document_id AS id FROM present AS p
      UNION
      SELECT (k.day ->> 'de')::integer, (k.day ->> 'di')::integer FROM k),
    moment AS (
      SELECT CASE WHEN $2 THEN p.last_payment_date ELSE p.date END AS at FROM present AS p
      UNION SELECT (k.day ->> CASE WHEN $2 THEN 'p' ELSE 'd' END)::timestamp FROM k
      UNION SELECT (k.day ->> 'at')::timestamp FROM k
      UNION SELECT v.date FROM document AS d CROSS JOIN LATERAL (
        SELECT v.date FROM %3$s AS v
        WHERE (v.site_id, v.epoch, v.account_transaction_document_id) = ($1, d.epoch, d.id) OFFSET 0) AS v
      UNION SELECT m FROM unnest($4) AS m)
    SELECT array_agg(DISTINCT x.day) FROM moment AS m CROSS JOIN LATERAL (
      SELECT (m.at - $3)::date AS day
      UNION ALL SELECT m.at::date
      UNION ALL SELECT b.day FROM b WHERE m.at >= b.from_at AND m.at < b.to_at) AS x
    WHERE isfinite(m.at)$query$,
    sambapos._report_table(nowhere, 'tickets', 'all', 'date last_payment_date document_epoch transaction_document_id'),
    CASE WHEN timers IS NULL THEN '(SELECT NULL::integer AS epoch, NULL::integer AS ticket_id, NULL::integer AS site_id, '
                                  'NULL::integer AS product_timer_value_id WHERE false)'
         ELSE sambapos._report_table(nowhere, 'orders', 'all', 'ticket_id product_timer_value_id') END,
    sambapos._report_table(nowhere, 'account_transaction_values', 'all', 'date account_transaction_document_id'))
    INTO days
    USING place.site_id, coalesce(place.day_rule, '') LIKE 'payment %',
          coalesce(substring(place.day_rule FROM ' ([0-9][0-9:]*)')::interval, interval '0'), more, timers;
  RETURN coalesce(days, '{}');
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_touched(sambapos._place, timestamp[]) IS
  'The business days that the rows a run has noted belong to, or belonged to; and those of some moments';

-- days: these, or (is_range) from the first to the second of them.
CREATE FUNCTION sambapos._rollup_write(place sambapos._place, days date[], is_range boolean) RETURNS void
LANGUAGE plpgsql SET jit = off SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  meant CONSTANT text := CASE WHEN is_range THEN 'BETWEEN ($2)[1] AND ($2)[2]' ELSE '= ANY ($2)' END;
  r record;
  list text;
BEGIN
  FOR r IN SELECT * FROM sambapos._rollup_reports() LOOP
    list := (SELECT string_agg(quote_ident(c), ', ') FROM unnest(sambapos._rollup_columns(r.definition)) AS c);
    EXECUTE format('DELETE FROM sambapos.%I AS x WHERE x.site_id = $1 AND x.business_day %s', r.rollup, meant)
      USING place.site_id, days;
    EXECUTE format('INSERT INTO sambapos.%I (site_id, %s) SELECT $1, %2$s FROM (%s) AS x WHERE x.business_day %s',
                   r.rollup, list, sambapos._rollup_detail_sql(r.definition, place.site_id), meant)
      USING place.site_id, days;
  END LOOP;
  UPDATE sambapos.rollup_state AS s SET refreshed_at = now() WHERE s.site_id = place.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_write(sambapos._place, date[], boolean) IS
  'Works out days of a site''s rollup anew';

-- ---- state ----

CREATE FUNCTION sambapos._rollup_begin(place sambapos._place) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  INSERT INTO sambapos.rollup_state AS r (site_id, version, rules, masters, periods, next_day)
  SELECT s.site_id, s.version, sambapos._rollup_rules(s.site_id), sambapos._rollup_masters(s.site_id),
         sambapos._rollup_periods(s.site_id), '-infinity'
  FROM sambapos.site_state AS s WHERE s.site_id = place.site_id
  ON CONFLICT (site_id) DO UPDATE
    SET version = excluded.version, rules = excluded.rules, masters = excluded.masters, periods = excluded.periods,
        next_day = excluded.next_day;
$$;
COMMENT ON FUNCTION sambapos._rollup_begin(sambapos._place) IS 'Begins a site''s rollup anew, from its first day';

-- The first and the last part take what lies before and behind all days: what is there of days that are gone goes.
CREATE FUNCTION sambapos._rollup_go_on(place sambapos._place, max_days integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  since date := (SELECT r.next_day FROM sambapos.rollup_state AS r WHERE r.site_id = place.site_id);
  until date := 'infinity';
BEGIN
  IF since IS NULL THEN
    RETURN;
  END IF;
  IF max_days IS NOT NULL THEN
    SELECT coalesce(max(d.day) FILTER (WHERE d.n = max_days), 'infinity') INTO until
    FROM (SELECT k.day, row_number() OVER (ORDER BY k.day) AS n FROM sambapos._report_days(place.site_id) AS k
          WHERE k.day >= since) AS d;
  END IF;
  PERFORM sambapos._rollup_write(place, ARRAY[since, until], true);
  UPDATE sambapos.rollup_state AS r SET next_day = CASE WHEN isfinite(until) THEN until + 1 END
   WHERE r.site_id = place.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_go_on(sambapos._place, integer) IS
  'Works out the next days of a rollup that has begun anew; NULL: all that are left';

-- ---- runs ----

-- More was written of a table than was noted: then somebody writes who does not note.
CREATE FUNCTION sambapos._rollup_is_lost(run_id bigint, place sambapos._place, s sambapos.rollup_state) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  is_noted CONSTANT boolean := to_regclass('pg_temp.sambapos__noted') IS NOT NULL;
  unnoted boolean;
BEGIN
  IF s.rules <> sambapos._rollup_rules(place.site_id) THEN
    RETURN true;
  ELSIF is_noted THEN
    EXECUTE format('SELECT coalesce(bool_or(n.row_state = %L OR n.row_state = %L
                                            AND sambapos._rollup_key($1, n.table_name) IS NOT NULL), false)
                           OR count(DISTINCT n.day) > (sambapos._rollup_limits()).rows
                    FROM pg_temp.sambapos__noted AS n', 'rollup', 'load') INTO unnoted USING place;
    IF unnoted THEN
      RETURN true;
    END IF;
  END IF;
  EXECUTE format('SELECT coalesce(bool_or(x.rows_inserted + x.rows_updated + x.rows_gone > %s), false)
                  FROM sambapos.run_table AS x
                  WHERE x.run_id = $1 AND sambapos._rollup_key($2, x.table_name::name) IS NOT NULL',
                 CASE WHEN is_noted THEN '(SELECT count(*) FROM pg_temp.sambapos__noted AS n '
                                         'WHERE n.table_name = x.table_name)' ELSE '0' END)
    INTO unnoted USING run_id, place;
  RETURN unnoted
      OR EXISTS (SELECT FROM sambapos.run_table AS x
                 WHERE x.run_id = _rollup_is_lost.run_id AND x.rows_inserted + x.rows_updated + x.rows_gone > 0
                   AND x.table_name IN (SELECT unnest(sambapos._report_sources(r.definition))
                                        FROM sambapos._rollup_reports() AS r)
                   AND x.table_name <> 'work_periods' AND sambapos._rollup_key(place, x.table_name::name) IS NULL)
         AND s.masters IS DISTINCT FROM sambapos._rollup_masters(place.site_id);
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_is_lost(bigint, sambapos._place, sambapos.rollup_state) IS
  'True if it cannot be told which days a run has changed';

-- A period that has begun takes tickets from the one before it. Any other change can move all of them.
CREATE FUNCTION sambapos._rollup_catch_up(place sambapos._place, s sambapos.rollup_state) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  starts timestamp[] := sambapos._rollup_periods(place.site_id);
  n integer := cardinality(s.periods);
  more timestamp[] := '{}';
  days date[];
BEGIN
  IF starts <> s.periods THEN
    IF n = 0 OR starts[:n] <> s.periods THEN
      PERFORM sambapos._rollup_begin(place);
      RETURN;
    END IF;
    more := starts[n:];
  END IF;
  IF more <> '{}' OR to_regclass('pg_temp.sambapos__noted') IS NOT NULL THEN
    PERFORM sambapos._feed_noted_open();
    days := ARRAY(SELECT d FROM unnest(sambapos._rollup_touched(place, more)) AS d
                  WHERE d < coalesce(s.next_day, 'infinity'));
    IF cardinality(days) > (sambapos._rollup_limits()).days THEN
      PERFORM sambapos._rollup_begin(place);
      RETURN;
    END IF;
    PERFORM sambapos._rollup_write(place, days, false) WHERE days <> '{}';
  END IF;
  UPDATE sambapos.rollup_state AS r SET version = x.version, periods = starts
    FROM sambapos.site_state AS x WHERE r.site_id = place.site_id AND x.site_id = r.site_id
     AND (r.version, r.periods) IS DISTINCT FROM (x.version, starts);
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_catch_up(sambapos._place, sambapos.rollup_state) IS
  'Works out the days that a run has changed';

-- run_id NULL: a run that has found nothing new. Between the chunks of a first load there is nothing to keep.
CREATE FUNCTION sambapos._rollup_keep(run_id bigint, place sambapos._place, version_before bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  s sambapos.rollup_state;
BEGIN
  IF NOT place.rollup THEN
    RETURN;
  END IF;
  SELECT * INTO s FROM sambapos.rollup_state AS r WHERE r.site_id = place.site_id FOR UPDATE;
  IF EXISTS (SELECT FROM sambapos.backfill AS b WHERE b.site_id = place.site_id) THEN
    PERFORM sambapos._rollup_forget(place.site_id) WHERE s.site_id IS NOT NULL;
    RETURN;
  ELSIF s.site_id IS NULL OR s.version <> version_before OR sambapos._rollup_is_lost(run_id, place, s) THEN
    PERFORM sambapos._rollup_begin(place);
  ELSIF run_id IS NOT NULL THEN
    PERFORM sambapos._rollup_catch_up(place, s);
  END IF;
  PERFORM sambapos._rollup_go_on(place, (sambapos._rollup_limits()).days);
EXCEPTION WHEN OTHERS THEN
  PERFORM sambapos._rollup_forget(place.site_id);
  RAISE WARNING 'the rollup of site "%" could not be kept: SQLSTATE %', place.name, SQLSTATE USING
    DETAIL = 'Reports read the detail.', HINT = format('SELECT sambapos_refresh_rollup(%L) says why.', place.name);
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_keep(bigint, sambapos._place, bigint) IS
  'Brings a site''s rollup up to what a run has written; where it has begun anew works out the next days';

-- ---- by hand ----

CREATE FUNCTION sambapos._rollup_check(place sambapos._place) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF NOT place.rollup THEN
    RAISE EXCEPTION 'site "%" has no rollup', place.name USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT sambapos_configure(%L, ''rollup'', ''true'');', place.name);
  ELSIF NOT EXISTS (SELECT FROM sambapos.site_state AS x WHERE x.site_id = place.site_id) THEN
    RAISE EXCEPTION 'site "%" was never synced', place.name USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT * FROM sambapos_sync(%L);', place.name);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_check(sambapos._place) IS
  'Raises 55000 if a site has no rollup, or no rows that it could be of';

CREATE FUNCTION @extschema@.sambapos_refresh_rollup(site text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place := sambapos._site(site);
BEGIN
  PERFORM sambapos._catalog_check();
  PERFORM sambapos._check_isolation();
  PERFORM sambapos._rollup_check(place);
  PERFORM sambapos._site_lock(place.site_id);
  PERFORM FROM sambapos.rollup_state AS r WHERE r.site_id = place.site_id FOR UPDATE;
  PERFORM sambapos._rollup_begin(place);
  PERFORM sambapos._rollup_go_on(place, NULL);
  RETURN (SELECT count(*) FROM sambapos.sales_rollup AS r WHERE r.site_id = place.site_id);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_refresh_rollup(text) IS
  'Works out all days of a site''s rollup at once, and returns how many days have sales. Runs do it by themselves, some '
  'days each. Errors: 42704 no such site, 55000 its setting rollup is off, or it was never synced, 55P03 a run of the '
  'site is running, 25001 the transaction''s isolation level';

CREATE FUNCTION @extschema@.sambapos_verify_rollup(site text)
RETURNS TABLE (report text, business_day date, payment_type text, column_name text, rollup numeric, detail numeric)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place := sambapos._site(site);
  r record;
BEGIN
  PERFORM sambapos._rollup_check(place);
  IF NOT sambapos._rollup_holds(place.site_id) THEN
    RAISE EXCEPTION 'the rollup of site "%" is not used at present', site USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = 'Runs work it out anew, some days each, or a policy of yours hides rows of the replica. Reports read the '
               'detail.', HINT = format('SELECT sambapos_refresh_rollup(%L) works out all days now.', site);
  END IF;
  FOR r IN SELECT k.*, CASE k.report WHEN 'payments_by_type' THEN 'x.payment_type' ELSE 'NULL::text' END AS type
           FROM sambapos._rollup_reports() AS k LOOP
    RETURN QUERY EXECUTE format($query$
      WITH a AS (SELECT x.business_day, %3$s AS type, e.key, e.value::numeric FROM sambapos.%1$I AS x
                 CROSS JOIN LATERAL jsonb_each_text(to_jsonb(x) - $2) AS e WHERE x.site_id = $1),
           b AS (SELECT x.business_day, %3$s AS type, e.key, e.value::numeric FROM (%2$s) AS x
                 CROSS JOIN LATERAL jsonb_each_text(to_jsonb(x) - $2) AS e WHERE x.business_day IS NOT NULL)
      SELECT %4$L::text, k.business_day, k.type, k.key, a.value, b.value
      FROM (SELECT a.business_day, a.type, a.key FROM a UNION SELECT b.business_day, b.type, b.key FROM b) AS k
      LEFT JOIN a ON (a.business_day, a.key) = (k.business_day, k.key) AND a.type IS NOT DISTINCT FROM k.type
      LEFT JOIN b ON (b.business_day, b.key) = (k.business_day, k.key) AND b.type IS NOT DISTINCT FROM k.type
      WHERE a.value IS DISTINCT FROM b.value OR (a.key IS NULL) <> (b.key IS NULL)
      ORDER BY k.business_day, k.type, k.key$query$,
      r.rollup, sambapos._rollup_detail_sql(r.definition, place.site_id), r.type, r.report)
      USING place.site_id, '{site_id,site,business_day,payment_type,currency,data_source,as_of}'::text[];
  END LOOP;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_verify_rollup(text) IS
  'Works out all days of a site from the detail, and returns what its rollup has otherwise: a row for each day and '
  'column; none: they are equal. NULL: there is no such day. Errors: 42704 no such site, 55000 its setting rollup is '
  'off, or the rollup is not used at present';
