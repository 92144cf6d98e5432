-- rollup.sql: the sums of each business day, kept by the merges, and the reports that show them.
--
-- Rules:
-- * What a sum is stands in one place, the definition of the report. The rollup keeps what that gives, day by day.
-- * A merge makes anew the days of what it has changed: those of tickets, with lines, calculations, payments and
--   account documents, as they are now and as they were before; those on which an account was settled. Rows that were
--   changed have a version later than the rollup's; what a ticket's times were before is noted when they change.
-- * Where other things have changed than rows of some days (a setting, a payment type, a tax), all days are made anew.
-- * No merge fails for its sums: then there are none, and the reports add up the rows.

-- Which reports have one: its table, and its columns.
CREATE FUNCTION sambapos._rollup_reports() RETURNS TABLE (report name, relation regclass, columns text, definition text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT r.report, to_regclass('sambapos.' || r.table_name),
         (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute AS a
          WHERE a.attrelid = to_regclass('sambapos.' || r.table_name) AND a.attnum > 1 AND NOT a.attisdropped),
         r.definition
  FROM (VALUES ('daily_sales'::name, 'sales_rollup', sambapos._report_daily_sales()),
               ('payments_by_type', 'payments_rollup', sambapos._report_payments_by_type()))
       AS r (report, table_name, definition);
$$;
COMMENT ON FUNCTION sambapos._rollup_reports() IS
  'The reports whose sums are kept, with the table that has them, its columns but site_id, and what defines them';

-- The report's columns in their order, from the sums of the sites whose sums hold.
CREATE FUNCTION sambapos._rollup_sql(report name) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  nowhere sambapos._place;
  r record;
BEGIN
  SELECT k.* INTO r FROM sambapos._rollup_reports() AS k WHERE k.report = _rollup_sql.report;
  IF r.report IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN format('SELECT %s FROM %s AS r JOIN sambapos._rollup AS k ON k.site_id = r.site_id AND k.is_current '
                'JOIN %s AS s ON s.site_id = r.site_id',
                (SELECT string_agg(format(CASE WHEN o.column_name IN ('site', 'currency', 'data_source', 'as_of')
                                               THEN 's.%1$I AS %1$I' ELSE 'r.%1$I AS %1$I' END, o.column_name), ', ')
                 FROM sambapos._report_outputs(r.definition) AS o), r.relation,
                sambapos._report_sql('{site}', nowhere, false, sambapos._report_sources(r.definition)));
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_sql(name) IS
  'The query for a report from the sums that are kept; NULL: none are kept for it';

-- What a report shows of a site whose sums do not hold.
CREATE FUNCTION sambapos._rollup_detail(report name, site_id integer) RETURNS SETOF record
LANGUAGE plpgsql STABLE ROWS 100 SET jit = off SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  nowhere sambapos._place;
  definition text := (SELECT k.definition FROM sambapos._rollup_reports() AS k WHERE k.report = _rollup_detail.report);
  site text := (SELECT s.name FROM sambapos.site AS s WHERE s.site_id = _rollup_detail.site_id);
BEGIN
  RETURN QUERY EXECUTE format('SELECT %s FROM (%s) AS l WHERE l.site = $1', sambapos._report_view_list(report),
                              sambapos._report_sql(definition, nowhere)) USING site;
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_detail(name, integer) IS
  'The rows of a report of one site, added up from the replica, without the first column';

-- All of it, or the days that are asked for: moments from one time to another, or those that nobody knows (NULL).
CREATE FUNCTION sambapos._rollup_wanted(day_by text, which text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT 's.site_id = $1' || CASE which WHEN 'all' THEN '' WHEN 'unknown' THEN format(' AND t.%I IS NULL', k.name)
                             ELSE format(' AND t.%1$I >= $3 AND t.%1$I < $4', k.name) END
  FROM (SELECT CASE day_by WHEN 'payment' THEN 'last_payment_date' ELSE 'date' END AS name) AS k;
$$;
COMMENT ON FUNCTION sambapos._rollup_wanted(text, text) IS
  'The condition by which the tickets (alias t) of a site are found: all, unknown (those without a day), or between';

-- $1 is the site, $2 the day; $3 and $4 are the times between which all of its tickets lie.
CREATE FUNCTION sambapos._rollup_write_sql(report name, day_by text, which text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  nowhere sambapos._place;
  r record;
BEGIN
  SELECT k.* INTO STRICT r FROM sambapos._rollup_reports() AS k WHERE k.report = _rollup_write_sql.report;
  RETURN format('INSERT INTO %s (site_id, %s) SELECT $1, %2$s FROM (%s) AS d%s', r.relation, r.columns,
                sambapos._report_sql(replace(r.definition, '{wanted}', sambapos._rollup_wanted(day_by, which)),
                                     nowhere),
                CASE which WHEN 'all' THEN '' ELSE ' WHERE d.business_day IS NOT DISTINCT FROM $2' END);
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_write_sql(name, text, text) IS
  'The statement that writes the sums of a day, or of all days, of a site';

CREATE FUNCTION sambapos._rollup_make(site_id integer) RETURNS void
LANGUAGE plpgsql SET jit = off SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  r record;
BEGIN
  FOR r IN SELECT * FROM sambapos._rollup_reports() LOOP
    EXECUTE format('DELETE FROM %s AS d WHERE d.site_id = $1', r.relation) USING site_id;
    EXECUTE sambapos._rollup_write_sql(r.report, 'ticket', 'all') USING site_id;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_make(integer) IS 'Makes the sums of all days of a site anew';

-- A ticket is touched if its row has changed, or one of its children, or its account document. Of a document also the
-- days count on which money came: a settlement is in no ticket. A payment may be left without a ticket: it has no day.
CREATE FUNCTION sambapos._rollup_touched() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $sql$
WITH document AS MATERIALIZED (
  SELECT a.epoch, a.account_transaction_document_id AS id FROM {all account_transactions} AS a
  WHERE a.site_id = $1 AND a.version > $2
  UNION
  SELECT v.epoch, v.account_transaction_document_id FROM {all account_transaction_values} AS v
  WHERE v.site_id = $1 AND v.version > $2
), touched AS MATERIALIZED (
  SELECT t.epoch, t.id FROM {all tickets} AS t WHERE t.site_id = $1 AND t.version > $2
  UNION SELECT o.epoch, o.ticket_id FROM {all orders} AS o WHERE o.site_id = $1 AND o.version > $2
  UNION SELECT c.epoch, c.ticket_id FROM {all calculations} AS c WHERE c.site_id = $1 AND c.version > $2
  UNION SELECT p.epoch, p.ticket_id FROM {all payments} AS p WHERE p.site_id = $1 AND p.version > $2
  UNION SELECT c.epoch, c.ticket_id FROM {all change_payments} AS c WHERE c.site_id = $1 AND c.version > $2
  UNION SELECT o.epoch, o.ticket_id FROM {all product_timer_values} AS v
        JOIN {all orders} AS o ON (o.site_id, o.epoch, o.product_timer_value_id) = (v.site_id, v.epoch, v.id)
        WHERE v.site_id = $1 AND v.version > $2
  UNION SELECT t.epoch, t.id FROM document AS d
        JOIN {all tickets} AS t ON (t.document_epoch, t.transaction_document_id) = (d.epoch, d.id) AND t.site_id = $1
), ticket AS MATERIALIZED (
  SELECT k.epoch, k.id, t.date, t.last_payment_date, t.document_epoch, t.transaction_document_id,
         t.row_state IN ('live', 'cleared', 'superseded') AS counts
  FROM touched AS k LEFT JOIN {all tickets} AS t ON (t.site_id, t.epoch, t.id) = ($1, k.epoch, k.id)
), moment AS (
  SELECT t.date, t.last_payment_date FROM ticket AS t
  UNION SELECT NULL, NULL FROM ticket AS t
        WHERE t.counts IS NOT TRUE
          AND (EXISTS (SELECT FROM {payments} AS p WHERE (p.site_id, p.epoch, p.ticket_id) = ($1, t.epoch, t.id))
               OR EXISTS (SELECT FROM sambapos.payments_rollup AS r WHERE r.site_id = $1 AND r.business_day IS NULL))
  UNION SELECT v.date, v.date
        FROM (SELECT d.epoch, d.id FROM document AS d
              UNION SELECT t.document_epoch, t.transaction_document_id FROM ticket AS t) AS d
        JOIN {all account_transaction_values} AS v
          ON (v.site_id, v.epoch, v.account_transaction_document_id) = ($1, d.epoch, d.id)
  UNION SELECT d.date, d.last_payment_date FROM sambapos.rollup_due AS d WHERE d.site_id = $1
  UNION SELECT p.start, p.start FROM unnest($3::timestamp[]) AS p (start)
)
SELECT x.day, s.day_by, x.day::timestamp AS from_time,
       CASE s.day_end WHEN 'work_period'
            THEN coalesce((SELECT min(p.start) FROM unnest(s.period_starts) AS p (start) WHERE p.start >= x.day + 1),
                          'infinity')
            ELSE x.day + 2 END AS to_time
FROM {site} AS s CROSS JOIN LATERAL (SELECT DISTINCT {day} AS day FROM moment AS t) AS x
WHERE s.site_id = $1$sql$;
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_touched() IS
  'The days of a site ($1) that are to be made anew for what has a version after $2, for what is due, and for the work '
  'periods that began at $3; each with the times between which all of its tickets lie';

-- One statement a day: so each reads the tickets of its day, however far the days lie apart. All of them cost less than
-- two months one by one.
CREATE FUNCTION sambapos._rollup_make_days(site_id integer, since bigint, starts timestamp[]) RETURNS void
LANGUAGE plpgsql SET jit = off SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  nowhere sambapos._place;
  days date[];
  from_times timestamp[];
  to_times timestamp[];
  day_by text;
  r record;
  d record;
BEGIN
  EXECUTE format('SELECT array_agg(d.day), array_agg(d.from_time), array_agg(d.to_time), min(d.day_by) FROM (%s) AS d',
                 sambapos._report_sql(sambapos._rollup_touched(), nowhere))
    INTO days, from_times, to_times, day_by USING site_id, since, starts;
  IF cardinality(days) > 62 THEN
    PERFORM sambapos._rollup_make(site_id);
    RETURN;
  END IF;
  FOR r IN SELECT k.relation, u.is_known, sambapos._rollup_write_sql(k.report, day_by, u.which) AS write_sql
           FROM sambapos._rollup_reports() AS k
           CROSS JOIN (VALUES (true, 'between'), (false, 'unknown')) AS u (is_known, which)
           WHERE u.is_known = ANY (SELECT x IS NOT NULL FROM unnest(days) AS x)
  LOOP
    FOR d IN SELECT * FROM unnest(days, from_times, to_times) AS x (day, from_time, to_time)
             WHERE (x.day IS NOT NULL) = r.is_known
    LOOP
      EXECUTE format('DELETE FROM %s AS d WHERE d.site_id = $1 AND d.business_day %s', r.relation,
                     CASE WHEN r.is_known THEN '= $2' ELSE 'IS NULL' END) USING site_id, d.day;
      EXECUTE r.write_sql USING site_id, d.day, d.from_time, d.to_time;
    END LOOP;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_make_days(integer, bigint, timestamp[]) IS
  'Makes the sums anew of the days of what has changed after a version of a site''s rows';

-- Names, and which transactions are taxes or settlements, are everywhere in the sums.
CREATE FUNCTION sambapos._rollup_masters_changed(site_id integer, since bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  nowhere sambapos._place;
  changed boolean;
BEGIN
  EXECUTE sambapos._report_sql($sql$
    SELECT EXISTS (SELECT FROM {all payment_types} AS y WHERE y.site_id = $1 AND y.version > $2)
        OR EXISTS (SELECT FROM {all account_transaction_types} AS k WHERE k.site_id = $1 AND k.version > $2)
        OR EXISTS (SELECT FROM {all tax_templates} AS k WHERE k.site_id = $1 AND k.version > $2)
        OR EXISTS (SELECT FROM {all payment_types} AS y
                   JOIN {all accounts} AS b ON (b.site_id, b.id) = (y.site_id, y.account_id)
                   WHERE y.site_id = $1 AND b.version > $2)$sql$, nowhere) INTO changed USING site_id, since;
  RETURN changed;
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_masters_changed(integer, bigint) IS
  'True if something has changed after a version of a site''s rows that is in the sums of all days';

CREATE FUNCTION sambapos._rollup_period_starts(site_id integer) RETURNS timestamp[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  nowhere sambapos._place;
  starts timestamp[];
BEGIN
  EXECUTE sambapos._report_sql('SELECT s.period_starts FROM {site} AS s WHERE s.site_id = $1 -- as for a {day}',
                               nowhere) INTO starts USING site_id;
  RETURN starts;
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_period_starts(integer) IS
  'When the work periods of a site began; NULL: its days do not go by them';

-- A work period that has begun takes what comes after it from the one before.
CREATE FUNCTION sambapos._rollup_bring_up(site_id integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  s sambapos._place;
  known sambapos.rollup_state;
  starts timestamp[] := sambapos._rollup_period_starts(site_id);
  n integer;
  all_anew boolean;
BEGIN
  SELECT * INTO STRICT s FROM sambapos._place AS p WHERE p.site_id = _rollup_bring_up.site_id;
  SELECT * INTO known FROM sambapos.rollup_state AS r WHERE r.site_id = s.site_id;
  n := coalesce(cardinality(known.period_starts), 0);
  all_anew := known.site_id IS NULL
    OR (known.day_rule, known.void_state, known.gift_state) IS DISTINCT FROM (s.day_rule, s.void_state, s.gift_state)
    OR (starts IS DISTINCT FROM known.period_starts AND (n = 0 OR starts[1:n] IS DISTINCT FROM known.period_starts))
    OR sambapos._rollup_masters_changed(s.site_id, known.version);
  IF all_anew THEN
    PERFORM sambapos._rollup_make(s.site_id);
  ELSE
    PERFORM sambapos._rollup_make_days(s.site_id, known.version,
                                       CASE WHEN cardinality(starts) > n THEN starts[n:] END);
  END IF;
  DELETE FROM sambapos.rollup_due AS d WHERE d.site_id = s.site_id;
  INSERT INTO sambapos.rollup_state AS r (site_id, version, day_rule, void_state, gift_state, period_starts)
  VALUES (s.site_id, s.version, s.day_rule, s.void_state, s.gift_state, starts)
  ON CONFLICT ON CONSTRAINT rollup_state_pkey DO UPDATE
    SET version = excluded.version, day_rule = excluded.day_rule, void_state = excluded.void_state,
        gift_state = excluded.gift_state, period_starts = excluded.period_starts,
        made_at = CASE WHEN all_anew THEN excluded.made_at ELSE r.made_at END;
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_bring_up(integer) IS
  'Brings the sums of a site''s days up to its rows and settings: those of the days that have changed, or all';

-- The line is held while somebody forgets it: whoever that is, no run waits for him.
CREATE FUNCTION sambapos._rollup_keep(site_id integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF EXISTS (SELECT FROM sambapos._rollup AS k WHERE k.site_id = _rollup_keep.site_id AND k.is_current) THEN
    RETURN;
  END IF;
  PERFORM FROM sambapos.rollup_state AS r WHERE r.site_id = _rollup_keep.site_id FOR UPDATE SKIP LOCKED;
  IF NOT FOUND AND EXISTS (SELECT FROM sambapos.rollup_state AS r WHERE r.site_id = _rollup_keep.site_id) THEN
    RETURN;
  ELSIF NOT sambapos._rollup_is_guarded() THEN
    DELETE FROM sambapos.rollup_state AS r WHERE r.site_id = _rollup_keep.site_id;
    RETURN;
  END IF;
  PERFORM sambapos._rollup_bring_up(site_id);
EXCEPTION WHEN OTHERS THEN
  RAISE WARNING 'the sums of the days of site "%" were not kept: %',
    (SELECT s.name FROM sambapos.site AS s WHERE s.site_id = _rollup_keep.site_id), SQLERRM USING
    DETAIL = 'daily_sales and payments_by_type add up the rows until they are.',
    HINT = 'When the cause is gone: SELECT sambapos_refresh_rollup();';
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_keep(integer) IS
  'Keeps the sums of a site''s days, at the end of a run: nothing, where they hold; a WARNING where they cannot be '
  'kept';

-- At the end of a merge. A first load in chunks makes them once, at its end.
CREATE FUNCTION sambapos._rollup_keep_run(run_id bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT sambapos._rollup_keep(r.site_id) FROM sambapos.run AS r
  WHERE r.run_id = _rollup_keep_run.run_id AND r.mode <> 'backfill';
$$;
COMMENT ON FUNCTION sambapos._rollup_keep_run(bigint) IS 'Keeps the sums of the days of a run''s site';

-- ---- for people ----

CREATE FUNCTION @extschema@.sambapos_refresh_rollup(site text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  s record;
  total bigint := 0;
BEGIN
  PERFORM sambapos._catalog_check();
  PERFORM sambapos._site(site) WHERE site IS NOT NULL;
  FOR s IN SELECT p.site_id FROM sambapos._place AS p
           WHERE p.removed_at IS NULL
             AND (sambapos_refresh_rollup.site IS NULL OR p.name = sambapos_refresh_rollup.site)
           ORDER BY p.name
  LOOP
    PERFORM sambapos._site_lock(s.site_id);
    PERFORM sambapos._rollup_forget(s.site_id);
    PERFORM sambapos._rollup_bring_up(s.site_id);
    total := total + (SELECT count(*) FROM sambapos.sales_rollup AS r WHERE r.site_id = s.site_id);
  END LOOP;
  RETURN total;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_refresh_rollup(text) IS
  'Makes the sums of each day anew that daily_sales and payments_by_type show, of a site or of all. Runs keep them by '
  'themselves. Returns how many days there are. Errors: 42704 no such site, 55P03 a run of the site is running';

CREATE TYPE sambapos.rollup_difference AS (site text, report text, found_in text, difference jsonb);
COMMENT ON TYPE sambapos.rollup_difference IS
  'A row of a report that the sums which are kept and the rows which are added up do not have in common';

CREATE FUNCTION @extschema@.sambapos_verify_rollup(site text DEFAULT NULL) RETURNS SETOF sambapos.rollup_difference
LANGUAGE plpgsql STABLE SET jit = off SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  nowhere sambapos._place;
  s record;
  r record;
BEGIN
  PERFORM sambapos._site(site) WHERE site IS NOT NULL;
  FOR s IN SELECT p.name, k.is_current FROM sambapos.site AS p JOIN sambapos._rollup AS k USING (site_id)
           WHERE p.removed_at IS NULL AND (sambapos_verify_rollup.site IS NULL OR p.name = sambapos_verify_rollup.site)
           ORDER BY p.name
  LOOP
    IF NOT s.is_current THEN
      RAISE NOTICE 'no sums are shown of site "%": its reports add up the rows', s.name USING
        HINT = 'The next run makes them; so does SELECT sambapos_refresh_rollup().';
    END IF;
    FOR r IN SELECT * FROM sambapos._rollup_reports() LOOP
      EXIT WHEN NOT s.is_current;
      RETURN QUERY EXECUTE format(
        'WITH rollup AS MATERIALIZED (SELECT to_jsonb(x) - $2 AS row FROM (%s) AS x WHERE x.site = $1),
              detail AS MATERIALIZED (SELECT to_jsonb(x) - $2 AS row FROM (%s) AS x WHERE x.site = $1)
         SELECT $1, $3, ''rollup'', a.row FROM (SELECT row FROM rollup EXCEPT ALL SELECT row FROM detail) AS a
         UNION ALL
         SELECT $1, $3, ''detail'', b.row FROM (SELECT row FROM detail EXCEPT ALL SELECT row FROM rollup) AS b',
        sambapos._rollup_sql(r.report), sambapos._report_sql(r.definition, nowhere))
        USING s.name, '{data_source,as_of}'::text[], r.report::text;
    END LOOP;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_verify_rollup(text) IS
  'Compares the sums of each day that are kept with what the rows come to, of a site or of all. No row: they are '
  'equal, to the last decimal. found_in: rollup or detail; a NOTICE names sites of which none are shown. Reads all '
  'history. Errors: 42704 no such site';
