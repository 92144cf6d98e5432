-- days.sql: reports by business day, and what stands behind their sums.
--
-- Rules:
-- * The day is the ticket's, by day_rule; by it tickets are found (by_day.sql). With closed in it open tickets are left
--   out.
-- * Amounts are signed as SambaPOS signs them: refunds, discounts and what comes back are negative.
-- * A ticket without lines and without money is what a merge has left behind, and no ticket.

CREATE FUNCTION sambapos._report_daily_sales() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $report$
SELECT s.site AS site, -- The site's name
       $report$ || sambapos._report_by_day() || $report$
         AS business_day, -- The day of the tickets, by the site's day_rule
       count(*) AS tickets, -- How many tickets; what merges have left behind is none
       sum(t.total_amount) AS total_amount, -- What the tickets come to, refunds taken off
       coalesce(sum(t.total_amount) FILTER (WHERE t.total_amount < 0), 0)
         AS refunds, -- What tickets below zero come to: negative
       sum(t.total_amount - coalesce(a.tax, 0) - coalesce(c.service, 0))
         AS net, -- total_amount without tax and service: after discounts
       sum(coalesce(a.tax, 0)) AS tax, -- Tax, from the ledger
       sum(coalesce(c.discounts, 0)) AS discounts, -- Calculations before tax: negative, where they lower the total
       sum(coalesce(c.service, 0)) AS service, -- Calculations after tax
       sum(coalesce(o.gifts, 0)) AS gifts, -- What was given away would have cost
       sum(coalesce(o.voids, 0)) AS voids, -- What was voided would have cost
       s.currency AS currency, -- The site's currency
       s.data_source AS data_source, -- replica, partial (a first load is not through) or live
       s.as_of AS as_of -- When the oldest of the tables was read
FROM $report$ || sambapos._report_tickets_by_day() || $report$
{each orders o: count(*) AS lines, sum(o.line_value) FILTER (WHERE {gift}) AS gifts,
      sum(o.line_value) FILTER (WHERE {void}) AS voids} AS o
{each calculations c: sum(c.calculation_amount) FILTER (WHERE NOT c.include_tax) AS discounts,
      sum(c.calculation_amount) FILTER (WHERE c.include_tax) AS service} AS c
{each account_transactions a: sum(CASE WHEN a.is_reversed THEN -a.amount ELSE a.amount END)
      FILTER (WHERE {tax}) AS tax} AS a
WHERE (NOT s.closed_only OR t.is_closed) AND (t.total_amount <> 0 OR o.lines > 0)
GROUP BY s.site, $report$ || sambapos._report_by_day() || $report$, s.currency, s.data_source, s.as_of
$report$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_daily_sales() IS 'Definition of sambapos_report.daily_sales';

-- The discounts of a ticket are spread over its lines in proportion, as SambaPOS does in its reports.
CREATE FUNCTION sambapos._report_category_sales() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $report$
SELECT s.site AS site, -- The site's name
       $report$ || sambapos._report_by_day() || $report$
         AS business_day, -- The day of the tickets, by the site's day_rule
       nullif(btrim(m.group_code), '')
         AS category, -- Group of the menu items when they were sold; NULL: they had none, or are not known
       sum(CASE WHEN NOT {void} AND (o.decrease_inventory OR o.increase_inventory) THEN o.quantity ELSE 0 END)
         AS quantity, -- How many, gifts and returns included, voids not
       sum(o.line_total) AS line_total, -- What the lines come to
       round(sum(CASE WHEN w.plain <> 0 THEN o.line_total * coalesce(c.discounts, 0) / w.plain ELSE 0 END), 2)
         AS discounts, -- Their share of the tickets' calculations before tax
       round(sum(o.line_total +
                     CASE WHEN w.plain <> 0 THEN o.line_total * coalesce(c.discounts, 0) / w.plain ELSE 0 END), 2)
         AS amount, -- What the lines come to after discounts
       s.data_source AS data_source, -- replica, partial (a first load is not through) or live
       s.as_of AS as_of -- When the oldest of the tables was read
FROM $report$ || sambapos._report_tickets_by_day() || $report$
$report$ || sambapos._report_of_ticket('orders', 'o') || $report$
{each calculations c: sum(c.calculation_amount) FILTER (WHERE NOT c.include_tax) AS discounts} AS c
{each orders w: sum(w.line_total) AS plain} AS w
$report$ || sambapos._report_item_as_sold() || $report$
WHERE NOT s.closed_only OR t.is_closed
GROUP BY s.site, $report$ || sambapos._report_by_day() || $report$, nullif(btrim(m.group_code), ''), s.data_source,
         s.as_of
$report$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_category_sales() IS 'Definition of sambapos_report.category_sales';

CREATE FUNCTION sambapos._report_discounts() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $report$
SELECT s.site AS site, -- The site's name
       $report$ || sambapos._report_by_day() || $report$
         AS business_day, -- The day of the ticket, by the site's day_rule
       c.epoch AS epoch, -- Which life of the source's ids the ticket belongs to
       c.ticket_id AS ticket_id, -- The ticket, as tickets.id
       t.ticket_number AS ticket_number, -- Number of the ticket, which begins anew with a clear
       t.date AS ticket_date, -- When the ticket was opened, on the till's clock
       c.id AS calculation_id, -- The calculation's id
       coalesce(k.name, c.name) AS discount, -- Name of the calculation type
       CASE WHEN c.calculation_type IN (0, 1) THEN c.amount END AS percent, -- Percent, where it is one
       c.calculation_amount AS amount, -- What it does to the ticket: negative, where it lowers the total
       c.last_updated_user AS user_name, -- Who gave it, where the version of SambaPOS keeps it
       s.data_source AS data_source, -- replica, partial (a first load is not through) or live
       s.as_of AS as_of -- When the oldest of the tables was read
FROM $report$ || sambapos._report_tickets_by_day() || $report$
$report$ || sambapos._report_of_ticket('calculations', 'c') || $report$
LEFT JOIN {any calculation_types} AS k ON (k.site_id, k.epoch, k.id) = (c.site_id, c.epoch, c.calculation_type_id)
WHERE NOT c.include_tax AND (NOT s.closed_only OR t.is_closed)
$report$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_discounts() IS 'Definition of sambapos_report.discounts';

CREATE FUNCTION sambapos._report_voids_and_gifts() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $report$
SELECT s.site AS site, -- The site's name
       $report$ || sambapos._report_by_day() || $report$
         AS business_day, -- The day of the ticket, by the site's day_rule
       CASE WHEN {void} THEN 'void' ELSE 'gift' END AS kind, -- void or gift
       o.epoch AS epoch, -- Which life of the source's ids the ticket belongs to
       o.ticket_id AS ticket_id, -- The ticket, as tickets.id
       t.ticket_number AS ticket_number, -- Number of the ticket, which begins anew with a clear
       t.date AS ticket_date, -- When the ticket was opened, on the till's clock
       o.id AS order_id, -- The line, as ticket_items.order_id
       o.created_date_time AS created_date_time, -- When the line was ordered, on the till's clock
       o.menu_item_name AS menu_item_name, -- Name of the menu item as it was sold
       o.portion_name AS portion_name, -- Name of the portion as it was sold
       o.quantity AS quantity, -- How many
       o.line_value AS amount, -- What the line would have cost, with modifiers
       sambapos._order_reason(o.order_states) AS reason, -- What was given as the reason
       o.creating_user_name AS user_name, -- Who ordered the line
       s.data_source AS data_source, -- replica, partial (a first load is not through) or live
       s.as_of AS as_of -- When the oldest of the tables was read
FROM $report$ || sambapos._report_tickets_by_day() || $report$
$report$ || sambapos._report_of_ticket('orders', 'o') || $report$
WHERE ({void} OR {gift}) AND (NOT s.closed_only OR t.is_closed)
$report$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_voids_and_gifts() IS 'Definition of sambapos_report.voids_and_gifts';

-- Which tax an account transaction is is told by its type; templates that share one are named together. A type that has
-- no template any more is named as it was last.
CREATE FUNCTION sambapos._report_taxes() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $report$
SELECT s.site AS site, -- The site's name
       $report$ || sambapos._report_by_day() || $report$
         AS business_day, -- The day of the tickets, by the site's day_rule
       k.tax AS tax, -- Name of the tax template
       k.rate AS rate, -- Its rate in percent; NULL: several templates of different rates are booked as one
       count(DISTINCT (t.epoch, t.id)) AS tickets, -- How many tickets bear it
       sum(CASE WHEN a.is_reversed THEN -a.amount ELSE a.amount END) AS amount, -- The tax, from the ledger
       s.data_source AS data_source, -- replica, partial (a first load is not through) or live
       s.as_of AS as_of -- When the oldest of the tables was read
FROM $report$ || sambapos._report_tickets_by_day() || $report$
$report$ || sambapos._report_of_ticket('account_transactions', 'a') || $report$
JOIN (SELECT k.site_id, k.epoch, k.account_transaction_type_id, string_agg(k.name, ', ' ORDER BY k.id) AS tax,
             CASE WHEN min(k.rate) = max(k.rate) THEN min(k.rate) END AS rate
      FROM (SELECT k.*, max(k.valid_to) OVER (PARTITION BY k.site_id, k.epoch, k.account_transaction_type_id) AS last
            FROM {versions tax_templates} AS k) AS k
      WHERE k.valid_to = k.last GROUP BY k.site_id, k.epoch, k.account_transaction_type_id) AS k
  ON (k.site_id, k.epoch, k.account_transaction_type_id) = (a.site_id, a.epoch, a.account_transaction_type_id)
WHERE (NOT s.closed_only OR t.is_closed) AND a.amount <> 0
GROUP BY s.site, $report$ || sambapos._report_by_day() || $report$, k.tax, k.rate, s.data_source, s.as_of
$report$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_taxes() IS 'Definition of sambapos_report.taxes';

CREATE FUNCTION sambapos._report_work_periods() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $report$
SELECT s.site AS site, -- The site's name
       {columns of work_periods as w},
       w.start_date::date AS business_day, -- The day on which it began
       w.end_date = w.start_date AS is_open, -- True while it goes on
       CASE WHEN w.end_date <> w.start_date THEN w.end_date END
         AS closed_at, -- When it ended, on the till's clock; NULL while it goes on
       s.data_source AS data_source, -- replica, partial (a first load is not through) or live
       s.as_of AS as_of -- When the oldest of the tables was read
FROM {work_periods} AS w
JOIN {site} AS s ON s.site_id = w.site_id
$report$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_work_periods() IS 'Definition of sambapos_report.work_periods';

-- Each table is looked through once.
CREATE FUNCTION sambapos._report_json_problems() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  part CONSTANT text := $part$
    SELECT t.site_id, '%1$s' AS table_name, c.name AS column_name, count(*) AS rows
    FROM {%1$s} AS t CROSS JOIN LATERAL (VALUES %2$s) AS c (name, json)
    WHERE sambapos._json_is_broken(c.json) GROUP BY t.site_id, c.name$part$;
BEGIN
  RETURN format($report$
SELECT s.site AS site, -- The site's name
       p.table_name AS table_name, -- The table
       p.column_name AS column_name, -- The column
       p.rows AS rows, -- How many rows have text that is neither empty nor JSON
       s.data_source AS data_source, -- replica, partial (a first load is not through) or live
       s.as_of AS as_of -- When the oldest of the tables was read
FROM (%s UNION ALL %s UNION ALL %s) AS p JOIN {site} AS s ON s.site_id = p.site_id
$report$, format(part, 'tickets', '(''ticket_tags'', t.ticket_tags), (''ticket_states'', t.ticket_states)'),
          format(part, 'orders',
                 '(''order_tags'', t.order_tags), (''order_states'', t.order_states), (''taxes'', t.taxes)'),
          format(part, 'menu_items', '(''custom_tags'', t.custom_tags)'));
END;
$$;
COMMENT ON FUNCTION sambapos._report_json_problems() IS 'Definition of sambapos_report.json_problems';
