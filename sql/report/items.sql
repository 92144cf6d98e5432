-- items.sql: reports of what was sold: a row a line, and a row a modifier.

-- The till's wall clock, in the site's zone.
CREATE FUNCTION sambapos._report_moment(moment text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format('coalesce(%1$s AT TIME ZONE s.time_zone, '
                '(%1$s - make_interval(mins => s.offset_minutes)) AT TIME ZONE ''UTC'')', moment);
END;
$$;
COMMENT ON FUNCTION sambapos._report_moment(text) IS 'A time of the till''s clock at site s as a moment';

-- When a line was ordered, to find the version of the menu item that held then.
CREATE FUNCTION sambapos._report_sold_at() RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN sambapos._report_moment('coalesce(o.created_date_time, t.date)');
END;
$$;
COMMENT ON FUNCTION sambapos._report_sold_at() IS 'The moment at which line o of ticket t was ordered at site s';

-- The menu item as it was when line o of ticket t was sold, as m. Deleted items are there as well.
CREATE FUNCTION sambapos._report_is_as_sold() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format('(m.site_id, m.epoch, m.id) = (o.site_id, o.epoch, o.menu_item_id)
                 AND m.valid_from <= %1$s AND %1$s < m.valid_to', sambapos._report_sold_at());
END;
$$;
COMMENT ON FUNCTION sambapos._report_is_as_sold() IS 'True for the version m of line o''s menu item that held when it was sold, as SQL';

CREATE FUNCTION sambapos._report_item_as_sold() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN 'LEFT JOIN {versions menu_items} AS m ON ' || sambapos._report_is_as_sold();
END;
$$;
COMMENT ON FUNCTION sambapos._report_item_as_sold() IS 'Joins to line o the menu item as it was when it was sold, as m';

CREATE FUNCTION sambapos._report_ticket_items() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $report$
SELECT s.site AS site, -- The site's name
       o.epoch AS epoch, -- Which life of the source's ids the ticket belongs to
       o.ticket_id AS ticket_id, -- The ticket, as tickets.id
       o.id AS order_id, -- The line's id
       t.ticket_number AS ticket_number, -- Number of the ticket, which begins anew with a clear
       t.date AS ticket_date, -- When the ticket was opened, on the till's clock
       {day} AS business_day, -- The day the ticket belongs to, by the site's day_rule
       t.is_closed AS is_closed, -- False while the ticket is open
       o.order_number AS order_number, -- Number of the order within which the line was sent
       o.created_date_time AS created_date_time, -- When the line was ordered, on the till's clock
       o.creating_user_name AS user_name, -- Who ordered it
       d.name AS department, -- Name of the department
       o.menu_item_id AS menu_item_id, -- The menu item, as menu_items.id
       m.barcode AS sku, -- Barcode of the menu item
       o.menu_item_name AS menu_item_name, -- Name of the menu item as it was sold
       o.portion_name AS portion_name, -- Name of the portion as it was sold
       m.group_code AS group_code, -- Group of the menu item when it was sold, where history knows it
       sambapos._tag_value(m.custom_tags, s.course_tag)
         AS course, -- Course of the menu item when it was sold: its tag named in setting course_tag
       sambapos._tag_value(m.custom_tags, s.gl_tag)
         AS gl_code, -- Nominal code of the menu item when it was sold: its tag named in setting gl_tag
       o.price_tag AS price_tag, -- Which price list the price is from; NULL or empty: the usual one
       o.quantity AS quantity, -- How many
       o.price AS price, -- Price of one, without modifiers
       o.modifiers AS modifiers, -- What modifiers add to the price of one
       o.line_total AS line_total, -- What is charged for the line: with modifiers and timer; 0 for what is not charged
       {void} AS is_void, -- True for a line that was voided
       {gift} AS is_gift, -- True for a line that was given away
       {return} AS is_return, -- True for a line that came back
       o.order_tags AS order_tags, -- Modifiers as the till keeps them, JSON; one row each in order_tags
       o.order_states AS order_states, -- States of the line as the till keeps them, JSON
       s.data_source AS data_source, -- replica, partial (a first load is not through) or live
       s.as_of AS as_of -- When the oldest of the tables was read
FROM {orders} AS o
JOIN {tickets} AS t ON (t.site_id, t.epoch, t.id) = (o.site_id, o.epoch, o.ticket_id)
JOIN {site} AS s ON s.site_id = t.site_id
LEFT JOIN {any departments} AS d ON (d.site_id, d.epoch, d.id) = (o.site_id, o.epoch, o.department_id)
$report$ || sambapos._report_item_as_sold();
END;
$$;
COMMENT ON FUNCTION sambapos._report_ticket_items() IS 'Definition of sambapos_report.ticket_items';

CREATE FUNCTION sambapos._report_order_tags() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $report$
SELECT s.site AS site, -- The site's name
       o.epoch AS epoch, -- Which life of the source's ids the ticket belongs to
       o.ticket_id AS ticket_id, -- The ticket, as tickets.id
       o.id AS order_id, -- The line, as ticket_items.order_id
       e.n AS position, -- First, second and so on modifier of the line; NULL where the text cannot be read
       t.ticket_number AS ticket_number, -- Number of the ticket, which begins anew with a clear
       t.date AS ticket_date, -- When the ticket was opened, on the till's clock
       {day} AS business_day, -- The day the ticket belongs to, by the site's day_rule
       o.menu_item_name AS menu_item_name, -- Name of the menu item as it was sold
       e.value ->> 'TN' AS tag_group, -- Name of the modifier's group
       e.value ->> 'TV' AS tag, -- The modifier
       e.value ->> 'TO' AS note, -- What was typed with it
       CASE WHEN e.unread IS NULL THEN sambapos._json_number(e.value -> 'PR') END AS price, -- Price of one modifier
       CASE WHEN e.unread IS NULL THEN sambapos._json_number(e.value -> 'Q') END
         AS quantity, -- How many for one of the line
       CASE WHEN e.unread IS NULL THEN CASE WHEN NOT o.calculate_price THEN 0
            ELSE sambapos._json_number(e.value -> 'PR') * sambapos._json_number(e.value -> 'Q') * o.quantity END
            END
         AS amount, -- What the modifier adds to the line; 0 where that is not charged; a timed line is priced otherwise
       coalesce(e.value -> 'FT' = 'true'::jsonb, false) AS is_free_tag, -- True for one that was typed by hand
       coalesce(e.value -> 'TF' = 'true'::jsonb, false) AS is_tax_free, -- True for one that bears no tax
       coalesce(e.value -> 'AP' = 'true'::jsonb, false) AS is_in_price, -- True for one that is shown within the price
       e.unread
         AS unread_text, -- The text, where it is not a list in JSON; the other columns of the modifier are then NULL
       s.data_source AS data_source, -- replica, partial (a first load is not through) or live
       s.as_of AS as_of -- When the oldest of the tables was read
FROM {orders} AS o
JOIN {tickets} AS t ON (t.site_id, t.epoch, t.id) = (o.site_id, o.epoch, o.ticket_id)
JOIN {site} AS s ON s.site_id = t.site_id
CROSS JOIN LATERAL sambapos._json_elements(o.order_tags) AS e
$report$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_order_tags() IS 'Definition of sambapos_report.order_tags';
