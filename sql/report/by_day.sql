-- by_day.sql: reports by business day read the tickets of the days that are asked for, and no others.
--
-- Rules:
-- * Which moments belong to a business day is decided by a site's day_rule and its work periods. {days} has a row for
--   each day of site s that can have tickets, with the moments between which its tickets lie: where a condition on
--   business_day leaves one day of them, that day's tickets are looked up by the index on their date. A condition on
--   the site leaves the days of that site: those of no other one are worked out.
-- * Every moment lies in one row. A ticket without a date belongs to the row without a day.
-- * What is looked up stands behind OFFSET 0, so that it is looked up for each day and each ticket, and never read
--   whole: the planner has no idea how few tickets lie between two moments.
-- * At the till nothing of this is used: there each table is asked for once.
-- * A definition says both: /*replica*/ ... /*live*/ ... /*end*/.

CREATE FUNCTION sambapos._report_moment_columns() RETURNS TABLE (source text)
LANGUAGE sql STABLE ROWS 3 SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('(SELECT t.%I AS at FROM %s AS t WHERE t.site_id = $1) AS x', k.column_name,
                sambapos._report_relation(k.table_name))
  FROM (VALUES ('tickets'::name, 'date'::name), ('tickets', 'last_payment_date'),
               ('account_transaction_values', 'date')) AS k (table_name, column_name)
  WHERE EXISTS (SELECT FROM pg_attribute AS a
                WHERE a.attrelid = sambapos._report_relation(k.table_name) AND a.attname = k.column_name
                  AND NOT a.attisdropped);
$$;
COMMENT ON FUNCTION sambapos._report_moment_columns() IS
  'Where the moments stand that decide a business day, as queries x with a column at; $1 is the site';

-- Dates that lie decades away are faults of a clock, and few. Days are counted between the two moments; beyond them
-- each one is looked for.
CREATE FUNCTION sambapos._report_moments(site_id integer, OUT first_at timestamp, OUT last_at timestamp,
                                         OUT far date[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  near_from CONSTANT timestamp := statement_timestamp()::date - interval '30 years';
  near_to CONSTANT timestamp := statement_timestamp()::date + interval '2 years';
  ends record;
  c record;
  moment timestamp;
BEGIN
  far := '{}';
  FOR c IN SELECT m.source FROM sambapos._report_moment_columns() AS m LOOP
    EXECUTE 'SELECT min(x.at) AS first_at, max(x.at) AS last_at FROM ' || c.source INTO ends USING site_id;
    CONTINUE WHEN ends.first_at IS NULL;
    first_at := least(first_at, greatest(ends.first_at, near_from));
    last_at := greatest(last_at, least(ends.last_at, near_to));
    moment := CASE WHEN ends.first_at < near_from OR ends.last_at > near_to THEN ends.first_at END;
    WHILE moment IS NOT NULL LOOP
      far := far || moment::date;
      EXECUTE format('SELECT min(x.at) FROM %s WHERE x.at >= $2', c.source) INTO moment
        USING site_id, CASE WHEN moment >= near_from AND moment < near_to THEN near_to ELSE moment::date + 1 END;
      EXIT WHEN NOT isfinite(moment);
    END LOOP;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._report_moments(integer) IS
  'Between which moments the tickets and settlements of a site lie, and the days of those that lie decades away';

CREATE FUNCTION sambapos._report_days(site_id integer) RETURNS TABLE (day date, by_payment boolean, from_at timestamp,
                                                                      to_at timestamp)
LANGUAGE plpgsql STABLE ROWS 200 SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  s record;
  m record := sambapos._report_moments(site_id);
  starts timestamp[]; -- of work periods
BEGIN
  SELECT x.rule[1] = 'payment' AS by_payment, x.rule[2] = 'work_period' AS by_period,
         CASE WHEN x.rule[2] ~ '^[0-9]' THEN x.rule[2]::interval ELSE interval '0' END AS shift INTO STRICT s
  FROM (SELECT string_to_array(coalesce(k.day_rule, 'ticket midnight'), ' ') AS rule
        FROM sambapos.site AS k WHERE k.site_id = _report_days.site_id) AS x;
  IF s.by_period THEN
    EXECUTE format('SELECT array_agg(w.start_date ORDER BY w.start_date) FROM %s AS w WHERE w.site_id = $1
                    AND w.start_date IS NOT NULL',
                   sambapos._report_table(NULL, 'work_periods', 'counted', 'start_date')) INTO starts USING site_id;
  END IF;
  RETURN QUERY
    SELECT d.day, s.by_payment, d.day + s.shift, least(d.day + 1 + s.shift, starts[1])
    FROM (SELECT g::date AS day FROM generate_series((m.first_at - s.shift)::date::timestamp,
                                                     (m.last_at - s.shift)::date::timestamp, interval '1 day') AS g
          UNION SELECT f + k.n FROM unnest(m.far) AS f
                CROSS JOIN generate_series(CASE WHEN s.shift > interval '0' THEN -1 ELSE 0 END, 0) AS k (n)) AS d
    WHERE starts IS NULL OR d.day < starts[1]
    UNION ALL
    SELECT p.day, s.by_payment, p.from_at, coalesce(lead(p.from_at) OVER (ORDER BY p.day), 'infinity')
    FROM (SELECT w::date AS day, min(w) AS from_at FROM unnest(starts) AS w GROUP BY w::date) AS p
    UNION ALL
    SELECT NULL, s.by_payment, NULL, NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._report_days(integer) IS
  'What {days} stands for: each business day of a site, with the moments from (included) and to (not) which its tickets '
  'lie, by their date or by that of their last payment; a row without a day for those without a date';

CREATE FUNCTION sambapos._report_by_day() RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN '/*replica*/b.day/*live*/{day}/*end*/';
END;
$$;
COMMENT ON FUNCTION sambapos._report_by_day() IS
  'The business day of ticket t, beside _report_tickets_by_day or _report_values_by_day';

CREATE FUNCTION sambapos._report_tickets_by_day() RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN '/*replica*/{site} AS s CROSS JOIN LATERAL {days} AS b
CROSS JOIN LATERAL (
  SELECT * FROM (
    SELECT t.* FROM {tickets} AS t
    WHERE NOT b.by_payment AND t.site_id = s.site_id AND t.date >= b.from_at AND t.date < b.to_at
    UNION ALL
    SELECT t.* FROM {tickets} AS t
    WHERE b.by_payment AND t.site_id = s.site_id AND t.last_payment_date >= b.from_at AND t.last_payment_date < b.to_at
    UNION ALL
    SELECT t.* FROM {tickets} AS t
    WHERE NOT b.by_payment AND b.day IS NULL AND t.site_id = s.site_id AND t.date IS NULL
    UNION ALL
    SELECT t.* FROM {tickets} AS t
    WHERE b.by_payment AND b.day IS NULL AND t.site_id = s.site_id AND t.last_payment_date IS NULL) AS t OFFSET 0) AS t
/*live*/{tickets} AS t JOIN {site} AS s ON s.site_id = t.site_id/*end*/';
END;
$$;
COMMENT ON FUNCTION sambapos._report_tickets_by_day() IS
  'Tickets t of sites s, found by their business day, as a FROM clause';

CREATE FUNCTION sambapos._report_of_ticket(table_name text, alias text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  key CONSTANT text := CASE table_name
    WHEN 'account_transactions' THEN format('(%s.site_id, %1$s.epoch, %1$s.account_transaction_document_id)'
                                            ' = (t.site_id, t.document_epoch, t.transaction_document_id)', alias)
    ELSE format('(%s.site_id, %1$s.epoch, %1$s.ticket_id) = (t.site_id, t.epoch, t.id)', alias) END;
BEGIN
  RETURN format('/*replica*/CROSS JOIN LATERAL (SELECT %2$s.* FROM {%1$s} AS %2$s WHERE %3$s OFFSET 0) AS %2$s'
                '/*live*/JOIN {%1$s} AS %2$s ON %3$s/*end*/', table_name, alias, key);
END;
$$;
COMMENT ON FUNCTION sambapos._report_of_ticket(text, text) IS
  'Joins to ticket t its rows of a child table, or those of its account document, which are looked up ticket by ticket';
