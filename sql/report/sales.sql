-- sales.sql: a sale in the words of a point of sale that saves its own: one row a ticket, with its lines.
--
-- Rules:
-- * Each amount is what the other reports have: lines, discounts, tax and payments of a ticket are their definitions.
-- * discount_amount is what was taken off: positive. Service is part of total_amount alone.
-- * How its delivery stands is no part of a sale: else each delivery would be a change of it.

-- What was voided is no line of a sale; a gift is, and costs nothing. Discounts are shared as in category_sales, in whole
-- cents: what rounding leaves is the last line's that costs something, so that the lines come to what the sale has. So it is
-- with tax, as far as it is rounding: what the ledger has besides is of no line.
CREATE FUNCTION sambapos._report_sale_items() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $part$
LEFT JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_object(
           'product_id', l.menu_item_id, 'sku', l.sku, 'name', l.menu_item_name, 'quantity', l.quantity, 'unit_price', l.unit_price,
           'discount', l.discount + CASE WHEN l.is_last THEN -coalesce(c.discounts, 0) - l.discounts ELSE 0 END,
           'tax', l.tax + CASE WHEN l.is_last AND abs(coalesce(a.tax, 0) - l.taxes) <= 0.01 * (l.lines + 1)
                               THEN coalesce(a.tax, 0) - l.taxes ELSE 0 END,
           'line_total', l.line_total) ORDER BY l.id) AS items
  FROM (SELECT k.*, sum(k.discount) OVER () AS discounts, sum(k.tax) OVER () AS taxes, count(*) OVER () AS lines,
               row_number() OVER (ORDER BY k.line_total <> 0 DESC, k.id DESC) = 1 AS is_last
        FROM (SELECT o.id, o.menu_item_id,
                     (SELECT m.barcode FROM {versions menu_items} AS m
                      WHERE $part$ || sambapos._report_is_as_sold() || $part$ LIMIT 1) AS sku,
                     o.menu_item_name, o.quantity, o.price + o.modifiers AS unit_price, o.line_total,
                     -round(CASE WHEN w.plain <> 0 THEN o.line_total * coalesce(c.discounts, 0) / w.plain ELSE 0 END, 2) AS discount,
                     round(CASE WHEN o.calculate_price THEN (
                             SELECT coalesce(sum(x.amount), 0)
                             FROM sambapos._line_taxes(o.taxes, $part$ || sambapos._line_taxable() || $part$, o.quantity,
                                                       t.tax_included, w.plain, coalesce(c.discounts, 0)) AS x) ELSE 0 END, 2) AS tax
              FROM {orders} AS o
              WHERE (o.site_id, o.epoch, o.ticket_id) = (t.site_id, t.epoch, t.id) AND {void} IS NOT TRUE) AS k) AS l) AS i
  ON true$part$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_sale_items() IS 'The lines of ticket t as JSON; w has the sum of its lines, c its discounts, a its tax';

-- Types that are gone, and payments of none, are called as the till calls the account.
CREATE FUNCTION sambapos._report_sale_payments() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $part$(SELECT string_agg(n.name, ', ' ORDER BY n.first)
        FROM (SELECT coalesce(y.name, u.name) AS name, min(u.n) AS first
              FROM unnest(p.types, p.names) WITH ORDINALITY AS u (type, name, n)
              LEFT JOIN {any payment_types} AS y ON (y.site_id, y.epoch, y.id) = (t.site_id, t.epoch, u.type) GROUP BY 1) AS n)$part$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_sale_payments() IS 'How ticket t was paid, in words';

CREATE FUNCTION sambapos._report_sale(more text, status text, joins text, source text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $report$
SELECT s.site AS site, -- The site's name
       t.ticket_number AS sale_number, -- Number of the ticket, which begins anew with a clear
       t.id AS ticket_id, -- The ticket, as tickets.id
       t.epoch AS epoch, -- Which life of the source's ids the ticket belongs to
       $report$ || sambapos._report_moment('t.date') || $report$ AS created_at, -- When the ticket was opened
       e.customer AS customer_name, -- Name of the customer
       t.note AS notes, -- The ticket's note
       coalesce(u.name, t.last_modified_user_name)
         AS cashier, -- Who took the first payment, or else changed the ticket last
       p.user_id AS cashier_id, -- Who took the first payment, as in the till
       $report$ || sambapos._report_sale_payments() || $report$
         AS payment_method, -- How it was paid: the names of its payment types; NULL: not yet
       coalesce(w.plain, 0) AS subtotal, -- What the lines come to
       coalesce(a.tax, 0) AS tax_amount, -- Tax, from the ledger; part of subtotal where prices include it
       -coalesce(c.discounts, 0) AS discount_amount, -- What was taken off before tax
       t.total_amount AS total_amount, -- What the ticket comes to, with tax and service; negative: a refund
       coalesce(p.tendered, 0) AS tendered_amount, -- What was handed over
       coalesce(g.given, 0) + coalesce(p.tendered - p.paid, 0) AS change_amount, -- What was given back
       $report$ || status || more || $report$
       coalesce(i.items, '[]')
         AS items$report$ || source || $report$
FROM {tickets} AS t
JOIN {site} AS s ON s.site_id = t.site_id
{each orders w: sum(w.line_total) AS plain, count(*) AS lines} AS w
{each calculations c: sum(c.calculation_amount) FILTER (WHERE NOT c.include_tax) AS discounts} AS c
{each account_transactions a: sum(CASE WHEN a.is_reversed THEN -a.amount ELSE a.amount END)
      FILTER (WHERE {tax}) AS tax} AS a
{each payments p: (array_agg(p.user_id ORDER BY p.id))[1] AS user_id, array_agg(p.payment_type_id ORDER BY p.id) AS types,
      array_agg(p.name ORDER BY p.id) AS names, sum(p.amount) AS paid,
      sum(CASE WHEN p.tendered_amount <> 0 THEN p.tendered_amount ELSE p.amount END) AS tendered} AS p
{each change_payments g: sum(g.amount) AS given} AS g
{each ticket_entities e:
      (array_agg(e.entity_name ORDER BY e.entity_type_id = s.customer_type DESC NULLS LAST, e.id)
        FILTER (WHERE e.entity_type_id IS DISTINCT FROM s.table_type
                  AND e.entity_type_id IS DISTINCT FROM s.room_type))[1] AS customer} AS e
LEFT JOIN {any users} AS u ON (u.site_id, u.epoch, u.id) = (t.site_id, t.epoch, p.user_id)
$report$ || sambapos._report_sale_items() || joins || $report$
WHERE (t.total_amount <> 0 OR w.lines > 0)
$report$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_sale(text, text, text, text) IS
  'Definition of a sale: with more columns, what says how its delivery stands, what that is read from, and where it is from';

-- What a feed has of a sale: without what its delivery writes, and with what says that it is ready.
CREATE FUNCTION sambapos._report_sale_of_feed() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN sambapos._report_sale('t.is_closed AS is_closed,', '', '', '');
END;
$$;
COMMENT ON FUNCTION sambapos._report_sale_of_feed() IS 'Definition of entity sales of preset sales';

CREATE FUNCTION sambapos._report_sales(more text DEFAULT '') RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN sambapos._report_sale(more, $part$
       CASE WHEN d.delivery_no IS NOT NULL THEN sambapos._delivery_status(d) END
         AS sync_status, -- How its delivery stands: pending, leased, synced, failed or dead; NULL: there is none
       d.reference AS ledger_reference, -- What the ledger calls it
       $part$, $part$
LEFT JOIN sambapos.delivery AS d
  ON d.consumer_id = s.sales_consumer AND d.entity = 'sales'
 AND d.key_hash = md5(jsonb_build_object('epoch', t.epoch, 'ticket_id', t.id)::text)::uuid$part$,
    $part$, -- Lines: product_id, sku, name, quantity, unit_price, discount, tax, line_total
       s.data_source AS data_source, -- replica, partial (a first load is not through) or live
       s.as_of AS as_of -- When the oldest of the tables was read$part$);
END;
$$;
COMMENT ON FUNCTION sambapos._report_sales(text) IS 'Definition of sambapos_report.sales';
