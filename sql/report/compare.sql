-- compare.sql: one report, asked of the replica and of the till.

-- What only one of the two sources can know: where and when a row was read.
CREATE FUNCTION sambapos._report_compare_left_out() RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN '{data_source,as_of,site_id,epoch,document_epoch,root_id,row_state,first_seen_at,synced_at,version}';
END;
$$;
COMMENT ON FUNCTION sambapos._report_compare_left_out() IS
  'The columns of a report that the two sources need not have in common';

-- The first of these that a report explains is the day its rows belong to; a report that has none is compared whole.
CREATE FUNCTION sambapos._report_compare_day(definition text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('x.%I::date', o.column_name) FROM sambapos._report_outputs(definition) AS o
  WHERE o.column_name IN ('business_day', 'transaction_date')
  ORDER BY o.column_name LIMIT 1;
$$;
COMMENT ON FUNCTION sambapos._report_compare_day(text) IS 'The day of a report''s row (alias x); NULL: it has none';

CREATE FUNCTION sambapos._report_compare_rows(definition text, place sambapos._place) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  day text := sambapos._report_compare_day(definition);
BEGIN
  RETURN format('SELECT to_jsonb(x) - $4 AS row FROM (%s) AS x WHERE x.site = $1%s',
                sambapos._report_sql(definition, place, true),
                CASE WHEN day IS NOT NULL
                     THEN format(' AND %1$s >= coalesce($2, ''-infinity'') AND %1$s <= coalesce($3, ''infinity'')', day)
                     ELSE '' END);
END;
$$;
COMMENT ON FUNCTION sambapos._report_compare_rows(text, sambapos._place) IS
  'The query for a report''s rows of one site, of the days from $2 to $3, as JSON';

CREATE FUNCTION @extschema@.sambapos_compare_report(site text, report text, from_date date DEFAULT NULL,
                                                    to_date date DEFAULT NULL)
RETURNS TABLE (found_in text, difference jsonb)
LANGUAGE plpgsql SET enable_nestloop = off SET jit = off -- as _report_live
SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place := sambapos._site(site);
  nowhere sambapos._place;
  names text[] := ARRAY(SELECT v.view_name::text FROM sambapos._report_views() AS v ORDER BY 1);
  definition text := (SELECT v.definition FROM sambapos._report_views() AS v WHERE v.view_name = report);
BEGIN
  IF definition IS NULL THEN
    RAISE EXCEPTION 'there is no report named "%"', coalesce(report, 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = sambapos._name_hint(report, names) || 'The reports that can be compared are: '
             || array_to_string(names, ', ') || '.';
  END IF;
  RETURN QUERY EXECUTE format(
    'WITH replica AS MATERIALIZED (%s), live AS MATERIALIZED (%s)
     SELECT ''replica'', a.row FROM (SELECT r.row FROM replica AS r EXCEPT ALL SELECT l.row FROM live AS l) AS a
     UNION ALL
     SELECT ''live'', b.row FROM (SELECT l.row FROM live AS l EXCEPT ALL SELECT r.row FROM replica AS r) AS b',
    sambapos._report_compare_rows(definition, nowhere), sambapos._report_compare_rows(definition, place))
    USING site, from_date, to_date, sambapos._report_compare_left_out();
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_compare_report(text, text, date, date) IS
  'Asks a report (a view of sambapos_report) of the replica and of the till, and returns the rows that only one of '
  'them has: found_in replica or live; none: the two are equal. from_date, to_date: business days, both included; '
  'NULL: no limit. Days before the last clear are in the replica only. What the till has sold since the last run is a '
  'difference. Reads the till. Errors: 42704 no such site, 22023 no such report';
