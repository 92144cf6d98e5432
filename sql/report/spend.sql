-- spend.sql: restaurant_spend: what each table of guests ordered and spent.

-- A number of guests is one: written as a number, or as digits in a text. 0 guests are as good as none said.
CREATE FUNCTION sambapos._tag_covers(ticket_tags text, tag text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  tags jsonb := sambapos._safe_json(ticket_tags);
  value jsonb;
  number text;
BEGIN
  IF jsonb_typeof(tags) = 'array' THEN
    SELECT t.value -> 'TV' INTO value FROM jsonb_array_elements(tags) WITH ORDINALITY AS t (value, n)
    WHERE t.value ->> 'TN' = tag ORDER BY t.n LIMIT 1;
  END IF;
  number := CASE jsonb_typeof(value) WHEN 'number' THEN trim_scale(value::numeric)::text
                                     WHEN 'string' THEN btrim(value #>> '{}', E' \t\r\n\f' || chr(11)) END;
  RETURN CASE WHEN number ~ '^[+-]?[0-9]{1,18}$' THEN nullif(number::bigint, 0) END;
END;
$$;
COMMENT ON FUNCTION sambapos._tag_covers(text, text) IS
  'How many guests a ticket is for, by the first tag of exactly that name; NULL: it does not say, or no whole number';

-- Parameters: site_id, from, to, course tag, courses, GL tag, food codes, beverage codes, entity types of table and
-- room, covers tag, time zone, offset, lowest and highest ticket. Tickets are read with their lines, and once more with
-- their entities: each a join that the till can do, since no condition stands in it that has to be checked here.
CREATE FUNCTION sambapos._question_spend(tags text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format($report$
WITH version AS MATERIALIZED (
  SELECT r.id, r.epoch, r.valid_from, r.valid_to, r.custom_tags FROM %1$s AS r WHERE r.site_id = $1
), tagged AS MATERIALIZED ( -- few texts, on many items
  SELECT c.custom_tags, coalesce(%6$s = ANY ($5), false) AS is_course, coalesce(%7$s = ANY ($7), false) AS is_food,
         coalesce(%7$s = ANY ($8), false) AS is_beverage
  FROM (SELECT d.custom_tags, sambapos._tag_value(d.custom_tags, $4) AS course,
               sambapos._tag_value(d.custom_tags, $6) AS code
        FROM (SELECT DISTINCT v.custom_tags FROM version AS v) AS d OFFSET 0) AS c
), item AS MATERIALIZED (
  SELECT v.id, v.epoch, v.valid_from, v.valid_to, v.valid_from = '-infinity' AND v.valid_to = 'infinity' AS is_only,
         k.is_course, k.is_food, k.is_beverage
  FROM version AS v JOIN tagged AS k ON k.custom_tags = v.custom_tags
), line AS (
  SELECT t.epoch, t.id AS ticket_id, i.is_course, i.is_food, i.is_beverage, o.created_date_time, o.line_total,
         o.price * o.quantity AS price_times_quantity, %2$s AS counts
  FROM {tickets} AS t
  JOIN {orders} AS o ON (o.site_id, o.epoch, o.ticket_id) = (t.site_id, t.epoch, t.id)
  JOIN item AS i ON %3$s
  WHERE t.site_id = $1 AND t.date >= $2 AND t.date < $3 AND t.is_closed AND %4$s
    AND (i.is_course OR i.is_food OR i.is_beverage)
  OFFSET 0
), spent AS MATERIALIZED (
  SELECT l.epoch, l.ticket_id, count(*) FILTER (WHERE l.is_course) AS main_course_count,
         timestamp 'epoch' + make_interval(secs => round(avg(extract(epoch FROM l.created_date_time))
                                                         FILTER (WHERE l.is_food), 6)::double precision) AS food_time,
         coalesce(sum(l.line_total) FILTER (WHERE l.is_food), 0) AS food_total,
         coalesce(sum(l.line_total) FILTER (WHERE l.is_beverage), 0) AS beverage_total,
         coalesce(sum(l.price_times_quantity) FILTER (WHERE l.is_food), 0) AS food_price_times_quantity,
         coalesce(sum(l.price_times_quantity) FILTER (WHERE l.is_beverage), 0) AS beverage_price_times_quantity
  FROM line AS l WHERE l.counts GROUP BY l.epoch, l.ticket_id HAVING bool_or(l.is_course)
), seated AS MATERIALIZED (
  SELECT t.epoch, t.id, t.date, t.last_update_time, t.ticket_tags,
         (array_agg(e.entity_name ORDER BY e.id) FILTER (WHERE e.entity_type_id = $9))[1] AS table_name,
         (array_agg(e.entity_name ORDER BY e.id)
            FILTER (WHERE e.entity_type_id = $10 AND rtrim(e.entity_name) <> ''))[1] AS room_name
  FROM {tickets} AS t
  JOIN {ticket_entities} AS e ON (e.site_id, e.epoch, e.ticket_id) = (t.site_id, t.epoch, t.id)
  WHERE t.site_id = $1 AND t.date >= $2 AND t.date < $3 AND t.is_closed AND %5$s
    AND e.entity_type_id IN ($9, $10)
  GROUP BY t.epoch, t.id, t.date, t.last_update_time, t.ticket_tags HAVING bool_or(e.entity_type_id = $9)
)
SELECT h.id::bigint, h.date::timestamp, h.last_update_time::timestamp, s.food_time,
       coalesce(s.food_time, h.last_update_time)::time, h.ticket_tags::text, h.table_name::text, h.room_name::text,
       s.food_total, s.beverage_total, s.food_price_times_quantity, s.beverage_price_times_quantity,
       s.main_course_count, coalesce(sambapos._tag_covers(h.ticket_tags, $11), s.main_course_count)
FROM seated AS h JOIN spent AS s ON (s.epoch, s.ticket_id) = (h.epoch, h.id)
ORDER BY h.date, h.id, h.epoch
$report$, sambapos._question_menu(tags), sambapos._question_counts(), sambapos._question_is_item('$12', '$13'),
          sambapos._question_in_range('o', '$14', '$15'), sambapos._question_in_range('e', '$14', '$15'),
          sambapos._question_fold('c.course'), sambapos._question_fold('c.code'));
END;
$$;
COMMENT ON FUNCTION sambapos._question_spend(text) IS 'Definition of restaurant_spend';

-- The setting may be the name of an entity type. That is looked up where the report reads.
CREATE FUNCTION sambapos._question_entity_type(place sambapos._place, site_id integer, wanted text) RETURNS integer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  found integer;
BEGIN
  IF wanted ~ '^[0-9]{1,9}$' THEN
    RETURN wanted::integer;
  END IF;
  EXECUTE sambapos._report_sql(
    'SELECT min(e.id) FROM {live entity_types} AS e
     WHERE e.site_id = $1 AND $2 IN (sambapos._text_fold(e.name), sambapos._text_fold(e.entity_name))', place)
    INTO found USING site_id, sambapos._text_fold(wanted);
  RETURN found;
END;
$$;
COMMENT ON FUNCTION sambapos._question_entity_type(sambapos._place, integer, text) IS
  'The id of a site''s entity type, given by its id or its name; NULL: there is none';

CREATE FUNCTION sambapos_report.restaurant_spend(site text, from_date date, to_date date, courses text[],
                                                 food_codes text[], beverage_codes text[],
                                                 tags text DEFAULT 'as_sold', source text DEFAULT NULL)
RETURNS TABLE (ticket_id bigint, ticket_date timestamp, closed_at timestamp, average_food_order_time timestamp,
               ticket_time time, ticket_tags text, table_name text, room_name text, food_total numeric,
               beverage_total numeric, food_price_times_quantity numeric, beverage_price_times_quantity numeric,
               main_course_count bigint, covers bigint)
LANGUAGE plpgsql ROWS 1000 SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  here sambapos._place := sambapos._site(site);
  place sambapos._place;
  tickets record;
  turkish boolean := sambapos._question_is_turkish(here);
  course_keys text[] := sambapos._question_keys(courses, turkish);
  food text[] := sambapos._question_codes('food_codes', food_codes, turkish);
  beverages text[] := sambapos._question_codes('beverage_codes', beverage_codes, turkish);
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
  RETURN QUERY EXECUTE sambapos._question_sql(sambapos._question_spend(tags), here, place)
    USING here.site_id, from_date::timestamp, (to_date + 1)::timestamp, here.course_tag, course_keys, here.gl_tag, food,
          beverages, sambapos._question_entity_type(place, here.site_id, here.table_entity_type),
          sambapos._question_entity_type(place, here.site_id, here.room_entity_type), here.covers_tag, here.time_zone,
          sambapos._question_offset(here), tickets.first_id, tickets.last_id;
END;
$$;
COMMENT ON FUNCTION sambapos_report.restaurant_spend(text, date, date, text[], text[], text[], text, text) IS
  'One row a closed ticket of these days that has a table and a line of one of the courses: when it was ordered, at '
  'which table, for which room, what was spent on food and beverages, how many main courses and guests. food_codes, '
  'beverage_codes: nominal codes, see gl_codes; tags, source: as in top_sellers. Errors: 42704 no such site, 22004 '
  'NULL, 22023 a bad value, an empty list of codes';
