-- sellers.sql: what was sold of each course: top_sellers, sales_breakdown.
--
-- Rules:
-- * A product is the name that stood on the line, not the item's id: what was renamed is two products, what was sold
--   under one name is one.
-- * Of spellings that are compared as equal the one of the lowest id is shown: a name and a portion as on the first
--   line, a course as the first menu item has it.
-- * A product of which no line counts, and that brought nothing, is left out.

-- Parameters: site_id, from, to, course tag, courses, excluded groups, rows a course, time zone, offset, lowest and
-- highest ticket.
CREATE FUNCTION sambapos._question_sales(tags text, measure text, portion text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format($report$
WITH version AS MATERIALIZED (
  SELECT r.id, r.epoch, r.group_code, r.valid_from, r.valid_to, r.custom_tags FROM %1$s AS r WHERE r.site_id = $1
), tagged AS MATERIALIZED ( -- few texts, on many items
  SELECT c.custom_tags, c.course, array_position($5, %7$s) AS n
  FROM (SELECT d.custom_tags, sambapos._tag_value(d.custom_tags, $4) AS course
        FROM (SELECT DISTINCT v.custom_tags FROM version AS v) AS d OFFSET 0) AS c
), item AS MATERIALIZED (
  SELECT c.id, c.epoch, c.valid_from, c.valid_to, c.valid_from = '-infinity' AND c.valid_to = 'infinity' AS is_only,
         k.course, k.n, coalesce(%8$s = ANY ($6), false) AS is_excluded
  FROM version AS c JOIN tagged AS k ON k.custom_tags = c.custom_tags WHERE k.n IS NOT NULL
), line AS (
  SELECT i.n, o.id, o.menu_item_name, %2$s AS portion, o.quantity, o.price * o.quantity AS price_times_quantity,
         o.line_total, %3$s AS counts
  FROM {tickets} AS t
  JOIN {orders} AS o ON (o.site_id, o.epoch, o.ticket_id) = (t.site_id, t.epoch, t.id)
  JOIN item AS i ON %4$s
  WHERE t.site_id = $1 AND t.date >= $2 AND t.date < $3 AND t.is_closed AND %6$s AND NOT i.is_excluded
  OFFSET 0
), sold AS ( -- what is written alike first: few names are left to be compared
  SELECT l.n, l.menu_item_name, l.portion, min(l.id) AS first_id, count(*) FILTER (WHERE l.counts) AS lines,
         coalesce(sum(l.quantity) FILTER (WHERE l.counts), 0) AS quantity, sum(l.line_total) AS revenue,
         coalesce(sum(l.price_times_quantity) FILTER (WHERE l.counts), 0) AS price_times_quantity
  FROM line AS l GROUP BY l.n, l.menu_item_name, l.portion
), product AS (
  SELECT k.n, k.name_key, k.portion_key, (array_agg(k.menu_item_name ORDER BY k.first_id))[1] AS menu_item_name,
         (array_agg(k.portion ORDER BY k.first_id))[1] AS portion, sum(k.quantity) AS quantity,
         sum(k.revenue) AS revenue, sum(k.price_times_quantity) AS price_times_quantity
  FROM (SELECT s.*, %9$s AS name_key, %10$s AS portion_key FROM sold AS s OFFSET 0) AS k
  GROUP BY k.n, k.name_key, k.portion_key HAVING sum(k.lines) > 0 OR sum(k.revenue) <> 0
)
SELECT c.course::text, p.menu_item_name::text, p.portion::text, p.quantity, p.revenue, p.price_times_quantity
FROM (SELECT r.*, row_number() OVER (PARTITION BY r.n ORDER BY r.%5$I DESC, r.name_key NULLS FIRST, r.portion_key)
             AS place
      FROM product AS r) AS p
JOIN (SELECT DISTINCT ON (i.n) i.n, i.course FROM item AS i
      ORDER BY i.n, i.id, i.valid_to DESC) AS c ON c.n = p.n
WHERE p.place <= coalesce($7, p.place)
ORDER BY p.n, p.place
$report$, sambapos._question_menu(tags), portion, sambapos._question_counts(),
          sambapos._question_is_item('$8', '$9'), measure, sambapos._question_in_range('o', '$10', '$11'),
          sambapos._question_fold('c.course'), sambapos._question_fold('c.group_code'),
          sambapos._question_fold('s.menu_item_name'), sambapos._question_fold('s.portion'));
END;
$$;
COMMENT ON FUNCTION sambapos._question_sales(text, text, text) IS
  'Definition of top_sellers and sales_breakdown; measure: the column that decides the order; portion: an expression '
  'over line o, by which lines are told apart';

CREATE FUNCTION sambapos._question_sales_rows(site text, from_date date, to_date date, courses text[], measure text,
                                              per_course integer, excluded_groups text[], tags text, source text,
                                              portion text)
RETURNS TABLE (course text, menu_item_name text, portion_name text, quantity numeric, revenue numeric,
               price_times_quantity numeric)
LANGUAGE plpgsql ROWS 100 SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  here sambapos._place := sambapos._site(site);
  place sambapos._place;
  tickets record;
  turkish boolean := sambapos._question_is_turkish(here);
  course_keys text[] := sambapos._question_keys(courses, turkish);
BEGIN
  PERFORM sambapos._question_check_dates(from_date, to_date);
  PERFORM sambapos._question_check_given(jsonb_build_object('courses', courses));
  PERFORM sambapos._question_check_choice('tags', tags, '{as_sold,current}');
  PERFORM sambapos._question_check_source(source);
  IF course_keys = '{}' THEN
    RETURN;
  END IF;
  place := sambapos._report_place(site, source, from_date, to_date);
  tickets := sambapos._question_tickets(place, here.site_id, from_date, to_date);
  RETURN QUERY EXECUTE sambapos._question_sql(sambapos._question_sales(tags, measure, portion), here, place)
    USING here.site_id, from_date::timestamp, (to_date + 1)::timestamp, here.course_tag, course_keys,
          sambapos._question_keys(excluded_groups, turkish), per_course, here.time_zone, sambapos._question_offset(here),
          tickets.first_id, tickets.last_id;
END;
$$;
COMMENT ON FUNCTION sambapos._question_sales_rows(text, date, date, text[], text, integer, text[], text, text, text) IS
  'The rows of top_sellers and sales_breakdown, after their arguments have been checked';

CREATE FUNCTION sambapos_report.top_sellers(site text, from_date date, to_date date, courses text[],
                                            order_by text DEFAULT 'quantity', per_course integer DEFAULT 10,
                                            excluded_groups text[] DEFAULT NULL, tags text DEFAULT 'as_sold',
                                            source text DEFAULT NULL)
RETURNS TABLE (course text, menu_item_name text, quantity numeric, revenue numeric, price_times_quantity numeric)
LANGUAGE plpgsql ROWS 100 SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._question_check_choice('order_by', order_by, '{quantity,revenue,price_times_quantity}');
  PERFORM sambapos._question_check_given(jsonb_build_object('per_course', per_course));
  IF per_course < 1 THEN
    RAISE EXCEPTION 'per_course must be at least 1, not %', per_course USING ERRCODE = 'invalid_parameter_value',
      HINT = 'sambapos_report.sales_breakdown has no limit.';
  END IF;
  RETURN QUERY SELECT s.course, s.menu_item_name, s.quantity, s.revenue, s.price_times_quantity
               FROM sambapos._question_sales_rows(site, from_date, to_date, courses, order_by, per_course,
                                                  excluded_groups, tags, source, 'NULL::text') AS s;
END;
$$;
COMMENT ON FUNCTION sambapos_report.top_sellers(text, date, date, text[], text, integer, text[], text, text) IS
  'What sold best of each course on closed tickets of these days. courses: in this order, each once; order_by: '
  'quantity, revenue or price_times_quantity; per_course: how many rows a course; excluded_groups: group codes to '
  'leave out; tags: as_sold, or current for today''s menu; source: replica, live or NULL. Errors: 42704 no such site, '
  '22004 NULL, 22023 a bad value';

CREATE FUNCTION sambapos_report.sales_breakdown(site text, from_date date, to_date date, courses text[],
                                                excluded_groups text[] DEFAULT NULL, tags text DEFAULT 'as_sold',
                                                source text DEFAULT NULL)
RETURNS TABLE (course text, menu_item_name text, portion_name text, quantity numeric, revenue numeric,
               price_times_quantity numeric)
LANGUAGE plpgsql ROWS 100 SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN QUERY SELECT * FROM sambapos._question_sales_rows(
    site, from_date, to_date, courses, 'quantity', NULL, excluded_groups, tags, source,
    $portion$(CASE WHEN coalesce(rtrim(o.portion_name), '') = '' THEN 'Normal' ELSE o.portion_name END)$portion$);
END;
$$;
COMMENT ON FUNCTION sambapos_report.sales_breakdown(text, date, date, text[], text[], text, text) IS
  'What was sold of each course on closed tickets of these days, by name and portion (Normal where there is none). '
  'Arguments and errors are those of top_sellers';
