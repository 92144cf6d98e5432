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

-- Reports that are functions, of all courses, codes, tags and periods: $1 site, $2 and $3 the days; %1$L the source, %2$s
-- the work periods that both have. What was sold goes by today's menu, since the till knows no other. A statement is
-- that of one account, and its lines are in transactions.
CREATE FUNCTION sambapos._report_compare_calls() RETURNS TABLE (report text, call text)
LANGUAGE sql IMMUTABLE ROWS 9 SET search_path = pg_catalog, pg_temp AS
$$
  SELECT c.report, replace(replace(replace(c.call, '{days}', 'coalesce($2, ''1753-01-01''), coalesce($3, ''9998-12-31'')'),
    '{courses}', 'ARRAY(SELECT v.value FROM sambapos_report.product_tag_values($1, (sambapos._site($1)).course_tag, %1$L) '
                 'AS v)'),
    '{codes}', 'ARRAY(SELECT v FROM sambapos_report.gl_codes($1, %1$L) AS v) || ''-''::text') -- one at least
  FROM (VALUES
    ('top_sellers', 'SELECT * FROM sambapos_report.top_sellers($1, {days}, {courses}, per_course => 1000000, '
                    'tags => ''current'', source => %1$L)'),
    ('sales_breakdown', 'SELECT * FROM sambapos_report.sales_breakdown($1, {days}, {courses}, tags => ''current'', '
                        'source => %1$L)'),
    ('restaurant_spend', 'SELECT * FROM sambapos_report.restaurant_spend($1, {days}, {courses}, {codes}, {codes}, '
                         'tags => ''current'', source => %1$L)'),
    ('menu_items_with_portions', 'SELECT * FROM sambapos_report.menu_items_with_portions($1, source => %1$L)'),
    ('product_tag_values', 'SELECT g AS tag, v.value FROM sambapos_report.product_tag_groups($1, %1$L) AS g '
                           'CROSS JOIN LATERAL sambapos_report.product_tag_values($1, g, %1$L) AS v'),
    ('product_tag_groups', 'SELECT g AS tag FROM sambapos_report.product_tag_groups($1, %1$L) AS g'),
    ('group_codes', 'SELECT g AS group_code FROM sambapos_report.group_codes($1, %1$L) AS g'),
    ('gl_codes', 'SELECT g AS gl_code FROM sambapos_report.gl_codes($1, %1$L) AS g'),
    ('work_period_report', 'SELECT r.* FROM (%2$s) AS p '
                           'CROSS JOIN LATERAL sambapos_report.work_period_report($1, p.id, %1$L) AS r '
                           'WHERE p.start_date >= coalesce($2, ''-infinity'') '
                           'AND p.start_date < coalesce($3 + 1, ''infinity'')')) AS c (report, call);
$$;
COMMENT ON FUNCTION sambapos._report_compare_calls() IS
  'The reports that are functions, and how each is called to be compared';

CREATE FUNCTION sambapos._report_compare_sql(report text, place sambapos._place, source text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  nowhere sambapos._place;
  definition text := (SELECT v.definition FROM sambapos._report_views() AS v
                      WHERE v.view_name = _report_compare_sql.report);
BEGIN
  IF definition IS NOT NULL THEN
    RETURN sambapos._report_compare_rows(definition, CASE source WHEN 'live' THEN place ELSE nowhere END);
  END IF;
  RETURN (SELECT format('SELECT to_jsonb(x) - $4 AS row FROM (%s) AS x', format(c.call, source, format(
                   'SELECT a.id::integer AS id, a.start_date FROM (%s) AS a JOIN (%s) AS b USING (id)',
                   sambapos._report_sql(format('SELECT w.id, w.start_date FROM {live work_periods} AS w '
                                               'WHERE w.site_id = %s', place.site_id), nowhere),
                   sambapos._report_sql('SELECT w.id FROM {work_periods} AS w', place))))
          FROM sambapos._report_compare_calls() AS c WHERE c.report = _report_compare_sql.report);
END;
$$;
COMMENT ON FUNCTION sambapos._report_compare_sql(text, sambapos._place, text) IS
  'The query for a report''s rows of one site as one of the sources has them, as JSON; NULL: there is no such report';

CREATE FUNCTION @extschema@.sambapos_compare_report(site text, report text, from_date date DEFAULT NULL,
                                                    to_date date DEFAULT NULL)
RETURNS TABLE (found_in text, difference jsonb)
LANGUAGE plpgsql SET enable_nestloop = off SET jit = off -- as _report_live
SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place := sambapos._site(site);
  names text[] := ARRAY(SELECT v.view_name::text FROM sambapos._report_views() AS v
                        UNION ALL SELECT c.report FROM sambapos._report_compare_calls() AS c ORDER BY 1);
  replica text := sambapos._report_compare_sql(report, place, 'replica');
BEGIN
  IF replica IS NULL THEN
    RAISE EXCEPTION 'there is no report named "%"', coalesce(report, 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = sambapos._name_hint(report, names) || 'The reports that can be compared are: '
             || array_to_string(names, ', ') || '.';
  END IF;
  RETURN QUERY EXECUTE format(
    'WITH replica AS MATERIALIZED (%s), live AS MATERIALIZED (%s)
     SELECT ''replica'', a.row FROM (SELECT r.row FROM replica AS r EXCEPT ALL SELECT l.row FROM live AS l) AS a
     UNION ALL
     SELECT ''live'', b.row FROM (SELECT l.row FROM live AS l EXCEPT ALL SELECT r.row FROM replica AS r) AS b',
    replica, sambapos._report_compare_sql(report, place, 'live'))
    USING site, from_date, to_date, sambapos._report_compare_left_out();
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_compare_report(text, text, date, date) IS
  'Asks a report (a view or function of sambapos_report) of the replica and of the till, and returns the rows that only '
  'one of them has: found_in replica or live; none: the two are equal. Functions are asked with all courses, codes and '
  'tags, by today''s menu. from_date, to_date: business days, of work_period_report those on which a period began, both '
  'included; NULL: no limit. Days before the last clear are in the replica only. What the till has sold since the last '
  'run is a difference. Reads the till. Errors: 42704 no such site, 22023 no such report';
