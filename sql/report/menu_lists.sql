-- menu_lists.sql: what an application offers for choice: the menu with its prices, tags, groups and codes, as they are
-- today.
--
-- Rules:
-- * Of values that are compared as equal the one of the menu item with the lowest id is shown, without the blanks
--   around it. Blank ones are none.
-- * What is at the till is all that is asked for: with live_fallback stale no history keeps these from asking it.

-- Parameters: site_id, course tag, courses (NULL: all), are the buttons copied?
CREATE FUNCTION sambapos._question_menu_portions() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format($report$
WITH item AS MATERIALIZED (
  SELECT k.* FROM (
    SELECT c.*, %s AS course_key
    FROM (SELECT m.id, m.name, m.group_code, sambapos._tag_value(m.custom_tags, $2) AS course
          FROM {live menu_items} AS m WHERE m.site_id = $1 OFFSET 0) AS c OFFSET 0) AS k
  WHERE k.course_key <> '' AND ($3 IS NULL OR k.course_key = ANY ($3))
), price AS (
  SELECT DISTINCT ON (r.menu_item_portion_id) r.menu_item_portion_id, r.price
  FROM {live menu_item_prices} AS r WHERE r.site_id = $1 AND rtrim(coalesce(r.price_tag, '')) = ''
  ORDER BY r.menu_item_portion_id, r.id
), button AS (
  SELECT DISTINCT b.menu_item_id FROM {live screen_menu_items} AS b WHERE b.site_id = $1 AND b.menu_item_id IS NOT NULL
)
SELECT i.id::bigint, i.name::text, i.group_code::text, i.course::text,
       CASE WHEN p.id IS NULL THEN NULL WHEN rtrim(coalesce(p.name, '')) = '' THEN 'Normal' ELSE p.name::text END,
       r.price::numeric, CASE WHEN $4 THEN b.menu_item_id IS NOT NULL END
FROM item AS i
LEFT JOIN (SELECT q.id, q.name, q.menu_item_id FROM {live menu_item_portions} AS q WHERE q.site_id = $1) AS p
       ON p.menu_item_id = i.id
LEFT JOIN price AS r ON r.menu_item_portion_id = p.id
LEFT JOIN button AS b ON b.menu_item_id = i.id
ORDER BY i.id, p.id$report$, sambapos._question_fold('c.course'));
END;
$$;
COMMENT ON FUNCTION sambapos._question_menu_portions() IS 'Definition of menu_items_with_portions';

CREATE FUNCTION sambapos._question_has_table(place sambapos._place, site_id integer, table_name name) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM sambapos._table AS t
                 WHERE t.site_id = _question_has_table.site_id AND t.table_name = _question_has_table.table_name
                   AND (place.site_id IS NOT NULL OR t.loaded_at IS NOT NULL));
END;
$$;
COMMENT ON FUNCTION sambapos._question_has_table(sambapos._place, integer, name) IS
  'True if a report has a site''s rows of a table: copied, or to be asked at the till';

CREATE FUNCTION sambapos_report.menu_items_with_portions(site text, courses text[] DEFAULT NULL,
                                                         source text DEFAULT NULL)
RETURNS TABLE (menu_item_id bigint, menu_item_name text, group_code text, course text, portion_name text, price numeric,
               on_till_menu boolean)
LANGUAGE plpgsql ROWS 500 SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  here sambapos._place := sambapos._site(site);
  place sambapos._place := sambapos._report_place(site, source, 'infinity');
BEGIN
  RETURN QUERY EXECUTE sambapos._question_sql(sambapos._question_menu_portions(), here, place)
    USING here.site_id, here.course_tag, CASE WHEN courses IS NOT NULL
            THEN sambapos._question_keys(courses, sambapos._question_is_turkish(here)) END,
          sambapos._question_has_table(place, here.site_id, 'screen_menu_items');
END;
$$;
COMMENT ON FUNCTION sambapos_report.menu_items_with_portions(text, text[], text) IS
  'Today''s menu items that have a course, with each portion and its price without a price tag. courses: those only, '
  'NULL: all; on_till_menu: is it on a screen menu of the till, NULL where ScreenMenuItems is not copied; source: '
  'replica, live or NULL. Errors: 42704 no such site, 22023 a bad source';

-- value: an expression over menu item m, $2 is a tag. Each value once, in the order of the alphabet.
CREATE FUNCTION sambapos._question_values(site text, value text, tag text, source text) RETURNS SETOF text
LANGUAGE plpgsql ROWS 50 SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  here sambapos._place := sambapos._site(site);
BEGIN
  RETURN QUERY EXECUTE sambapos._question_sql(format($report$
SELECT v.value
FROM (SELECT DISTINCT ON (k.key) k.key, k.value
      FROM (SELECT c.id, c.n, btrim(c.value) AS value, %s AS key
            FROM (SELECT m.id, x.n, x.value::text AS value FROM {live menu_items} AS m
                  CROSS JOIN LATERAL %s AS x (value, n)
                  WHERE m.site_id = $1 OFFSET 0) AS c) AS k
      WHERE k.key <> '' ORDER BY k.key, k.id, k.n) AS v
ORDER BY v.key COLLATE pg_catalog."und-x-icu", v.value$report$, sambapos._question_fold('btrim(c.value)'), value), here,
    sambapos._report_place(site, source, 'infinity'))
    USING here.site_id, tag;
END;
$$;
COMMENT ON FUNCTION sambapos._question_values(text, text, text, text) IS
  'The distinct values that today''s menu items have; value: what gives those of item m, with their number';

-- Of broken JSON what can be cut out of it.
CREATE FUNCTION sambapos._tag_names("json" text) RETURNS TABLE (name text, n bigint)
LANGUAGE plpgsql IMMUTABLE ROWS 3 SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  tags jsonb := sambapos._safe_json(json);
BEGIN
  IF jsonb_typeof(tags) = 'array' THEN
    RETURN QUERY SELECT t.value ->> 'TN', t.n FROM jsonb_array_elements(tags) WITH ORDINALITY AS t (value, n);
  ELSIF tags IS NULL AND json <> '' THEN
    RETURN QUERY SELECT coalesce(sambapos._safe_json('"' || m.found[1] || '"') #>> '{}', m.found[1]), m.n
                 FROM regexp_matches(json, '"TN"\s*:\s*"((?:[^"\\]|\\.)*)"', 'g') WITH ORDINALITY AS m (found, n);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._tag_names(text) IS 'The names of the tags in SambaPOS''s JSON, in their order';

CREATE FUNCTION sambapos_report.product_tag_values(site text, tag text, source text DEFAULT NULL)
RETURNS TABLE (id bigint, value text)
LANGUAGE plpgsql ROWS 50 SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._question_check_given(jsonb_build_object('tag', tag));
  RETURN QUERY SELECT v.n, v.value
               FROM sambapos._question_values(site, '(SELECT sambapos._tag_value(m.custom_tags, $2), 1)', tag, source)
                    WITH ORDINALITY AS v (value, n);
END;
$$;
COMMENT ON FUNCTION sambapos_report.product_tag_values(text, text, text) IS
  'The values that a product tag has on today''s menu, each once; id: a row number, another one when the menu changes. '
  'Errors: 42704 no such site, 22004 NULL, 22023 a bad source';

CREATE FUNCTION sambapos_report.product_tag_groups(site text, source text DEFAULT NULL) RETURNS SETOF text
LANGUAGE plpgsql ROWS 50 SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN QUERY SELECT v.* FROM sambapos._question_values(site, 'sambapos._tag_names(m.custom_tags)', NULL, source) AS v;
END;
$$;
COMMENT ON FUNCTION sambapos_report.product_tag_groups(text, text) IS
  'The names of the product tags on today''s menu, each once. Errors: 42704 no such site, 22023 a bad source';

CREATE FUNCTION sambapos_report.group_codes(site text, source text DEFAULT NULL) RETURNS SETOF text
LANGUAGE plpgsql ROWS 50 SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN QUERY SELECT v.* FROM sambapos._question_values(site, '(SELECT m.group_code, 1)', NULL, source) AS v;
END;
$$;
COMMENT ON FUNCTION sambapos_report.group_codes(text, text) IS
  'The group codes on today''s menu, each once. Errors: 42704 no such site, 22023 a bad source';

CREATE FUNCTION sambapos_report.gl_codes(site text, source text DEFAULT NULL) RETURNS SETOF text
LANGUAGE plpgsql ROWS 50 SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN QUERY SELECT v.value FROM sambapos_report.product_tag_values(site, (sambapos._site(site)).gl_tag, source) AS v;
END;
$$;
COMMENT ON FUNCTION sambapos_report.gl_codes(text, text) IS
  'The nominal codes on today''s menu (the site''s gl_tag), each once. Errors: 42704 no such site, 22023 a bad source';
