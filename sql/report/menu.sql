-- menu.sql: the menu as it is now: that of a database that has gone is not.

CREATE FUNCTION sambapos._report_menu_items() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $report$
SELECT s.site AS site, -- The site's name
       {columns of menu_items as m},
       m.barcode AS sku, -- The barcode
       sambapos._tag_value(m.custom_tags, s.course_tag) AS course, -- The item's tag named in setting course_tag
       sambapos._tag_value(m.custom_tags, s.gl_tag) AS gl_code, -- The item's tag named in setting gl_tag
       coalesce(p.portions, 0) AS portions, -- How many portions it has
       p.portion_name AS portion_name, -- Name of its first portion
       p.price AS price, -- Price of its first portion in the usual price list
       s.data_source AS data_source, -- replica, partial (a first load is not through) or live
       s.as_of AS as_of -- When the oldest of the tables was read
FROM {live menu_items} AS m
JOIN {site} AS s ON s.site_id = m.site_id
LEFT JOIN (SELECT p.site_id, p.menu_item_id, count(DISTINCT p.id) AS portions,
                  (array_agg(p.name ORDER BY p.id, r.id))[1] AS portion_name,
                  (array_agg(r.price ORDER BY p.id, r.id))[1] AS price
           FROM {live menu_item_portions} AS p
           LEFT JOIN {live menu_item_prices} AS r
             ON (r.site_id, r.menu_item_portion_id) = (p.site_id, p.id) AND coalesce(btrim(r.price_tag), '') = ''
           GROUP BY p.site_id, p.menu_item_id) AS p ON (p.site_id, p.menu_item_id) = (m.site_id, m.id)
$report$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_menu_items() IS 'Definition of sambapos_report.menu_items';
