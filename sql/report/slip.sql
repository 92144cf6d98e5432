-- slip.sql: the work period report, line by line as SambaPOS 3 prints it.
--
-- Rules:
-- * What counts is what SambaPOS takes: tickets whose last payment fell into the period, open ones too; no day_rule.
-- * Amounts are computed from the lines as SambaPOS does, tax included, and not taken from the ledger: a tax is rounded
--   once a ticket, half to even. What is printed is rounded to cents.
-- * Groups stand in the order in which SambaPOS meets them: by ticket and line.
-- * Names are those of the period's own database: as they are at the source, or were last.
-- * SambaPOS itself joins today's menu for the sales by group. A line whose item was deleted is in no group.

-- One line's tax by each of its templates, for price and ticket as SambaPOS computes it (TaxValue.cs).
CREATE FUNCTION sambapos._line_taxes(taxes text, price numeric, quantity numeric, tax_included boolean,
                                     plain numeric, before_tax numeric)
RETURNS TABLE (transaction_type_id numeric, amount numeric)
LANGUAGE plpgsql IMMUTABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  -- 28 digits, as .NET has them
  base CONSTANT numeric := price * 1.0000000000000000000000000000
                           + CASE WHEN before_tax <> 0 AND plain <> 0
                                  THEN price * 1.0000000000000000000000000000 * before_tax / plain ELSE 0 END;
BEGIN
  RETURN QUERY
    SELECT x.type_id, quantity * CASE
             WHEN tax_included AND x.all_rates > 0 AND x.rounding > 0
               THEN round(base * x.rate / (100 + x.all_rates), x.rounding::integer)
             WHEN tax_included AND x.all_rates > 0 THEN base * x.rate / (100 + x.all_rates)
             WHEN x.rate > 0 THEN base * x.rate / 100 ELSE 0 END
    FROM (SELECT sambapos._json_number(e.value -> 'AT') AS type_id, sambapos._json_number(e.value -> 'TR') AS rate,
                 least(sambapos._json_number(e.value -> 'RN'), 28) AS rounding,
                 sum(sambapos._json_number(e.value -> 'TR')) OVER () AS all_rates
          FROM sambapos._json_elements(taxes) AS e WHERE e.unread IS NULL) AS x;
END;
$$;
COMMENT ON FUNCTION sambapos._line_taxes(text, numeric, numeric, boolean, numeric, numeric) IS
  'The taxes of a line as SambaPOS 3 computes them from the JSON in orders.taxes';

CREATE FUNCTION sambapos._line_taxable() RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $part$CASE WHEN o.quantity = 0 THEN 0 WHEN o.price + o.modifiers = 0 THEN o.line_value / o.quantity
              ELSE o.line_value / o.quantity
                   * (1 - sambapos._order_tags_price_of(o.order_tags, 'TF', true) / (o.price + o.modifiers)) END$part$;
END;
$$;
COMMENT ON FUNCTION sambapos._line_taxable() IS 'What of the price of one of line o is taxed, as SQL';

-- Tickets k with their sums, lines o, taxes x of lines, payments p, calculations c. n: the place of a ticket.
CREATE FUNCTION sambapos._report_slip_rows() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $part$
WITH s AS MATERIALIZED (SELECT s.data_source, s.as_of FROM {site} AS s WHERE s.site_id = $1),
t AS MATERIALIZED (
  SELECT row_number() OVER (ORDER BY t.epoch, t.id) AS n, t.site_id, t.epoch, t.id, t.ticket_type_id, t.total_amount,
         t.tax_included, t.ticket_tags, t.ticket_states
  FROM {tickets} AS t WHERE t.site_id = $1 AND t.last_payment_date >= $2 AND t.last_payment_date < $3),
o AS MATERIALIZED (
  SELECT t.n, t.tax_included, o.id, o.menu_item_id, o.quantity, o.calculate_price, o.increase_inventory,
         o.creating_user_name,
         o.line_total, o.line_value, o.taxes, o.order_states,
         sambapos._order_tags_price_of(o.order_tags, 'AP', false) AS extras,
         $part$ || sambapos._line_taxable() || $part$
         AS taxable
  FROM t JOIN {orders} AS o ON (o.site_id, o.epoch, o.ticket_id) = (t.site_id, t.epoch, t.id)),
c AS MATERIALIZED (
  SELECT t.n, c.id, c.calculation_type_id, c.include_tax, c."order", c.calculation_amount
  FROM t JOIN {calculations} AS c ON (c.site_id, c.epoch, c.ticket_id) = (t.site_id, t.epoch, t.id)),
y AS MATERIALIZED (SELECT y.id, y.name, y.account_transaction_type_id
  FROM {any payment_types} AS y WHERE y.site_id = $1 AND y.epoch = $5 AND y.row_state IN ('live', 'cleared')),
qc AS MATERIALIZED (SELECT q.id, q.name
  FROM {any calculation_types} AS q WHERE q.site_id = $1 AND q.epoch = $5 AND q.row_state IN ('live', 'cleared')),
qt AS MATERIALIZED (SELECT q.id, q.name, q.account_transaction_type_id
  FROM {any tax_templates} AS q WHERE q.site_id = $1 AND q.epoch = $5 AND q.row_state IN ('live', 'cleared')),
qg AS MATERIALIZED (SELECT q.name, q.data_type
  FROM {any ticket_tag_groups} AS q WHERE q.site_id = $1 AND q.epoch = $5 AND q.row_state IN ('live', 'cleared')),
qu AS MATERIALIZED (SELECT q.id, q.name
  FROM {any users} AS q WHERE q.site_id = $1 AND q.epoch = $5 AND q.row_state IN ('live', 'cleared')),
q AS MATERIALIZED (SELECT q.id, q.group_code
  FROM {any menu_items} AS q WHERE q.site_id = $1 AND q.epoch = $5 AND q.row_state IN ('live', 'cleared')),
p AS MATERIALIZED (
  SELECT t.n, p.id, t.ticket_type_id, p.payment_type_id, p.name, p.amount, p.user_id, coalesce(y.name, '') AS type_name
  FROM t JOIN {payments} AS p ON (p.site_id, p.epoch, p.ticket_id) = (t.site_id, t.epoch, t.id)
  LEFT JOIN y ON y.id = p.payment_type_id),
m AS MATERIALIZED (SELECT t.n, coalesce(a.plain, 0) AS plain, coalesce(b.pre, 0) AS pre, coalesce(b.post, 0) AS post
  FROM t LEFT JOIN (SELECT o.n, sum(o.line_total) AS plain FROM o GROUP BY o.n) AS a USING (n)
  LEFT JOIN (SELECT c.n, sum(c.calculation_amount) FILTER (WHERE NOT c.include_tax) AS pre,
                    sum(c.calculation_amount) FILTER (WHERE c.include_tax) AS post FROM c GROUP BY c.n) AS b USING (n)),
x AS MATERIALIZED (
  SELECT o.n, l.transaction_type_id, l.amount
  FROM o JOIN m USING (n)
  CROSS JOIN LATERAL sambapos._line_taxes(o.taxes, o.taxable, o.quantity, o.tax_included, m.plain, m.pre) AS l
  WHERE o.calculate_price),
k AS MATERIALIZED (
  SELECT t.n, t.ticket_type_id, t.ticket_tags, t.ticket_states, m.plain, m.pre, m.post, z.tax,
         CASE WHEN t.total_amount < 0 THEN 2 ELSE 1 END AS g,
         m.plain + m.pre + CASE WHEN t.tax_included THEN 0 ELSE z.tax END + m.post AS total
  FROM t JOIN m USING (n)
  CROSS JOIN LATERAL (SELECT sambapos._round_half_even(coalesce(sum(x.amount), 0)) AS tax FROM x WHERE x.n = t.n) AS z),
f AS MATERIALIZED (SELECT f.id, coalesce(f.name, '') AS name
  FROM {any ticket_types} AS f WHERE f.site_id = $1 AND f.epoch = $5 AND f.row_state IN ('live', 'cleared')),
w AS MATERIALIZED (
  SELECT k.g, k.ticket_type_id, coalesce(f.name, '[Undefined]') AS name, min(k.n) AS first, sum(k.pre) AS pre,
         sum(k.total - k.tax - k.post) AS amount, sum(k.tax) AS tax, sum(k.post) AS post
  FROM k LEFT JOIN f ON f.id = k.ticket_type_id GROUP BY k.g, k.ticket_type_id, f.name),
h AS MATERIALIZED (
  SELECT g.g, g.section, count(w.g) AS types, coalesce(sum(w.pre), 0) AS pre, coalesce(sum(w.amount), 0) AS amount,
         coalesce(sum(w.tax), 0) AS tax, coalesce(sum(w.post), 0) AS post
  FROM (VALUES (1, 'Sales'), (2, 'Returns')) AS g (g, section) LEFT JOIN w USING (g)
  GROUP BY g.g, g.section HAVING g.g = 1 OR count(w.g) > 0),
u AS MATERIALIZED ( -- ticket types of all tickets together
  SELECT w.ticket_type_id, w.name, min(k.n) AS first, count(*) AS tickets, sum(k.total) AS total, sum(k.tax) AS tax,
         sum(k.pre) AS pre
  FROM k JOIN (SELECT DISTINCT w.ticket_type_id, w.name FROM w) AS w USING (ticket_type_id)
  GROUP BY w.ticket_type_id, w.name),
d AS MATERIALIZED ( -- calculations of all tickets together
  SELECT c.include_tax, coalesce(q.name, '[Undefined]') AS name, min(ARRAY[c."order", c.n, c.id]) AS first,
         sum(c.calculation_amount) AS amount
  FROM c LEFT JOIN qc AS q ON q.id = c.calculation_type_id
  GROUP BY c.include_tax, c.calculation_type_id, q.name),
e AS MATERIALIZED ( -- tax templates
  SELECT q.id, q.name, coalesce(sum(z.tax), 0) AS tax, count(*) OVER () AS templates, q.account_transaction_type_id
  FROM qt AS q
  LEFT JOIN (SELECT x.n, x.transaction_type_id, round(sum(x.amount), 2) AS tax FROM x
             GROUP BY x.n, x.transaction_type_id) AS z
    ON z.transaction_type_id = q.account_transaction_type_id
  GROUP BY q.id, q.name, q.account_transaction_type_id),
i AS MATERIALIZED ( -- each line's share of its ticket's discount
  SELECT o.n, o.id, o.menu_item_id, o.increase_inventory, o.creating_user_name,
         o.line_total + CASE WHEN m.pre = 0 THEN 0 WHEN m.plain > 0 THEN o.line_total * m.pre / m.plain
                             ELSE o.line_total END AS amount
  FROM o JOIN m USING (n))$part$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_slip_rows() IS 'What the work period report is computed from';

-- States as SambaPOS tells them apart; which are shown is set in the till.
CREATE FUNCTION sambapos._report_slip_states() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $part$,
r AS MATERIALIZED (SELECT r.name, r.group_name FROM {any states} AS r
                   WHERE r.site_id = $1 AND r.epoch = $5 AND r.row_state IN ('live', 'cleared')
                     AND r.show_on_end_of_day_report),
os AS MATERIALIZED (
  SELECT DISTINCT o.n, o.id, coalesce(j.value ->> 'SN', '') AS sn, coalesce(j.value ->> 'S', '') AS st,
         coalesce(j.value ->> 'SV', '') AS sv, o.line_value,
         first_value(coalesce(j.value ->> 'OK', ''))
         OVER (PARTITION BY j.value ->> 'SN', j.value ->> 'S', j.value ->> 'SV'
                                                          ORDER BY o.n, o.id, j.n) AS ok
  FROM o CROSS JOIN LATERAL sambapos._json_elements(o.order_states) AS j WHERE j.unread IS NULL),
ts AS MATERIALIZED (
  SELECT DISTINCT k.n, coalesce(j.value ->> 'SN', '') AS sn, coalesce(j.value ->> 'S', '') AS st, k.total
  FROM k CROSS JOIN LATERAL sambapos._json_elements(k.ticket_states) AS j WHERE j.unread IS NULL),
tg AS MATERIALIZED ( -- tags of tickets that have one with a value
  SELECT k.n, k.plain, j.value ->> 'TN' AS tn, coalesce(j.value ->> 'TV', '') AS tv
  FROM k CROSS JOIN LATERAL sambapos._json_elements(k.ticket_tags) AS j
  WHERE j.unread IS NULL
    AND EXISTS (SELECT FROM sambapos._json_elements(k.ticket_tags) AS z WHERE z.value ->> 'TV' <> '')),
tv AS MATERIALIZED (
  SELECT tg.tn, tg.tv, g.data_type, count(*) AS tickets, sum(tg.plain) AS amount,
         CASE WHEN tg.tv ~ '^\s*-?\d{1,9}(\.\d{1,9})?\s*$' THEN tg.tv::numeric END AS value
  FROM tg JOIN qg AS g ON g.name = tg.tn
  GROUP BY tg.tn, tg.tv, g.data_type),
tt AS MATERIALIZED (
  SELECT tv.tn, tv.data_type, sum(tv.tickets) AS tickets, sum(tv.amount) AS amount,
         CASE WHEN bool_and(tv.value IS NOT NULL) THEN sum(tv.value * tv.tickets) END AS total
  FROM tv GROUP BY tv.tn, tv.data_type)$part$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_slip_states() IS 'States and tags for the work period report';

-- a, b: the place of a section and of a line in it; then what orders lines of one kind.
CREATE FUNCTION sambapos._report_slip_head() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $part$
SELECT h.g AS a, 1 AS b, ARRAY[w.first]::numeric[] AS c, NULL::text AS d, h.section AS section,
       w.name AS line, NULL::numeric AS quantity,
       NULL::numeric AS percent, w.amount AS amount FROM h JOIN w USING (g) WHERE h.types > 1
UNION ALL SELECT h.g, 2, NULL, NULL, h.section, upper(h.section) || ' TOTAL', NULL, NULL, h.amount - h.pre
  FROM h WHERE h.pre <> 0
UNION ALL SELECT h.g, 3, d.first, NULL, h.section, d.name, NULL, NULL, d.amount
  FROM h CROSS JOIN d WHERE h.pre <> 0 AND NOT d.include_tax
UNION ALL SELECT h.g, 4, NULL, NULL, h.section, upper(h.section) || ' TOTAL', NULL, NULL, h.amount FROM h
UNION ALL SELECT h.g, 5, d.first, NULL, h.section, d.name, NULL, NULL, d.amount
  FROM h CROSS JOIN d WHERE h.post <> 0 AND d.include_tax
UNION ALL SELECT h.g, 6, NULL, NULL, h.section, 'SUB TOTAL', NULL, NULL, h.amount + h.post FROM h WHERE h.tax <> 0
UNION ALL SELECT h.g, 7, ARRAY[e.id], NULL, h.section, e.name, NULL, NULL, e.tax FROM h CROSS JOIN e
  WHERE h.tax <> 0 AND e.templates > 1 AND e.account_transaction_type_id IS NOT NULL
UNION ALL SELECT h.g, 8, NULL, NULL, h.section, 'TAX TOTAL', NULL, NULL, h.tax FROM h WHERE h.tax <> 0
UNION ALL SELECT h.g, 9, NULL, NULL, h.section, 'GRAND TOTAL', NULL, NULL, h.amount + h.tax + h.post FROM h
  WHERE h.tax <> 0 OR h.post <> 0
UNION ALL SELECT 3, 1, min(ARRAY[p.n, p.id]), NULL, 'Incomes', p.type_name, NULL,
       CASE WHEN sum(sum(p.amount)) OVER () > 0 THEN sum(p.amount) * 100 / sum(sum(p.amount)) OVER () ELSE 0 END,
       sum(p.amount)
  FROM p WHERE p.amount >= 0 GROUP BY p.payment_type_id, p.type_name
UNION ALL SELECT 3, 2, NULL, NULL, 'Incomes', 'TOTAL INCOME', NULL, NULL, coalesce(sum(p.amount), 0)
  FROM p WHERE p.amount >= 0
UNION ALL SELECT 4, 1, min(ARRAY[p.n, p.id]), NULL, 'Refunds', p.type_name, NULL, 0, sum(p.amount)
  FROM p WHERE p.amount < 0 GROUP BY p.payment_type_id, p.type_name
UNION ALL SELECT 4, 2, NULL, NULL, 'Refunds', 'TOTAL REFUND', NULL, NULL, sum(p.amount)
  FROM p WHERE p.amount < 0 HAVING sum(p.amount) <> 0
$part$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_slip_head() IS 'Sales, returns, incomes and refunds of the work period report';

CREATE FUNCTION sambapos._report_slip_middle() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $part$
UNION ALL SELECT 5, 1, NULL, NULL, 'General Information', 'Extra Item Properties', NULL, NULL,
                 coalesce(sum(o.extras * o.quantity), 0) FROM o
UNION ALL SELECT 5, 2, NULL, NULL, 'General Information', 'Discounts Total', NULL, NULL, abs(coalesce(sum(k.pre), 0))
  FROM k
UNION ALL SELECT 5, 3, ARRAY[u.first], NULL, 'General Information', u.name, u.tickets, NULL, NULL
  FROM u WHERE (SELECT count(*) FROM u) > 1
UNION ALL SELECT 5, 4, NULL, NULL, 'Orders', 'Order Count', count(*), NULL, NULL FROM o
UNION ALL SELECT 5, 5, ARRAY[min(os.n)], os.ok || chr(1) || os.sv,
                 'Orders', rtrim(os.st || ' ' || os.sv), count(*), NULL, sum(os.line_value)
  FROM os WHERE EXISTS (SELECT FROM r WHERE r.name = os.st OR r.group_name = os.sn) GROUP BY os.sn, os.st, os.sv, os.ok
UNION ALL SELECT 5, 6, ARRAY[min(ts.n)], NULL, 'Tickets', ts.st, count(*), NULL, sum(ts.total)
  FROM ts WHERE EXISTS (SELECT FROM r WHERE r.name = ts.st OR r.group_name = ts.sn) GROUP BY ts.sn, ts.st
UNION ALL SELECT 5, 7, NULL, NULL, 'Tickets', 'Ticket Count', count(*), NULL, NULL FROM k
UNION ALL SELECT 5, 8, NULL, NULL, 'Tickets', 'Sales Total / Ticket', NULL, NULL,
                 coalesce(sum(k.total) / nullif(count(*), 0), 0) FROM k
UNION ALL SELECT 6, 10 * u.first::integer, p.first, NULL, u.name || ' Incomes', p.name, NULL,
       CASE WHEN p.all_of_type > 0 THEN p.amount * 100 / p.all_of_type ELSE 0 END, p.amount
  FROM u JOIN (SELECT p.ticket_type_id, p.name, min(ARRAY[p.n, p.id]) AS first, sum(p.amount) AS amount,
                      sum(sum(p.amount)) OVER (PARTITION BY p.ticket_type_id) AS all_of_type
               FROM p GROUP BY p.ticket_type_id, p.name) AS p USING (ticket_type_id) WHERE (SELECT count(*) FROM u) > 1
UNION ALL SELECT 6, 10 * u.first::integer + z.n, NULL, NULL, u.name || ' Incomes', z.line, NULL, NULL, z.amount
  FROM u CROSS JOIN LATERAL (VALUES (1, 'Total Income', u.total), (2, 'Discounts Total', abs(u.pre)),
                                    (3, 'Tax Amount', u.tax)) AS z (n, line, amount)
  WHERE (SELECT count(*) FROM u) > 1
UNION ALL SELECT 7, 1, NULL, tv.tn || chr(1) || '1' || tv.tv, 'Ticket Tags', tv.tn || ': ' || tv.tv,
                 tv.tickets, NULL, tv.amount
  FROM tv WHERE tv.data_type IS DISTINCT FROM 2
UNION ALL SELECT 7, 1, NULL, tt.tn || chr(1) || z.n, 'Ticket Tags', z.line, z.quantity, NULL, round(z.amount, 2)
  FROM tt CROSS JOIN LATERAL (
    VALUES ('2', tt.tn || ' Total Amount', NULL::bigint, CASE WHEN tt.data_type = 2 THEN tt.total ELSE tt.amount END),
           ('3', 'Ticket Count', CASE WHEN tt.data_type = 2 THEN tt.tickets END, NULL),
           ('4', 'Ticket Total', NULL, CASE WHEN tt.data_type = 2 THEN tt.amount END),
           ('5', 'Rate', NULL, CASE WHEN tt.data_type = 2 THEN tt.total / nullif(tt.amount, 0) END),
           ('6', 'Total ' || tt.tn, NULL, CASE WHEN tt.data_type = 1 THEN tt.total END),
           ('7', 'Total Amount / ' || tt.tn, NULL, CASE
              WHEN tt.data_type = 1 AND tt.total > 0 THEN tt.amount / tt.total
              WHEN tt.data_type NOT IN (1, 2) THEN tt.amount / tt.tickets END)) AS z (n, line, quantity, amount)
  WHERE z.quantity IS NOT NULL OR z.amount IS NOT NULL OR (z.n = '2' AND tt.data_type = 2)
$part$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_slip_middle() IS
  'General information, ticket types and ticket tags of the work period report';

CREATE FUNCTION sambapos._report_slip_foot() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $part$
UNION ALL SELECT 8, 1, min(ARRAY[i.n, i.id]), NULL, 'User Sales', coalesce(i.creating_user_name, ''),
                 NULL, NULL, sum(i.amount)
  FROM i WHERE NOT i.increase_inventory GROUP BY i.creating_user_name
UNION ALL SELECT 9, 1, min(ARRAY[i.n, i.id]), NULL, 'User Returns', coalesce(i.creating_user_name, ''),
                 NULL, NULL, sum(i.amount)
  FROM i WHERE i.increase_inventory GROUP BY i.creating_user_name
UNION ALL SELECT 10, v.place, 1::numeric || z.first::numeric[], NULL, 'Settled by ' || v.name, z.type_name, NULL,
       CASE WHEN z.all_of_user > 0 THEN z.amount * 100 / z.all_of_user ELSE 0 END, z.amount
  FROM v JOIN (SELECT p.user_id, p.payment_type_id, p.type_name, min(ARRAY[p.n, p.id]) AS first,
                      sum(p.amount) AS amount,
                      sum(sum(p.amount)) OVER (PARTITION BY p.user_id) AS all_of_user
               FROM p WHERE p.amount >= 0 GROUP BY p.user_id, p.payment_type_id, p.type_name) AS z USING (user_id)
  WHERE v.users > 1
UNION ALL SELECT 10, v.place, ARRAY[2], NULL, 'Settled by ' || v.name, 'TOTAL INCOME', NULL, NULL,
       coalesce((SELECT sum(p.amount) FROM p WHERE p.user_id = v.user_id AND p.amount >= 0), 0) FROM v WHERE v.users > 1
UNION ALL SELECT 11, 1, ARRAY[-z.amount], NULL, 'Item Sales', z.name, NULL,
                 CASE WHEN z.all_groups > 0 THEN z.amount * 100 / z.all_groups ELSE 0 END,
       z.amount
  FROM (SELECT coalesce(nullif(q.group_code, ''), '[Undefined]') AS name, sum(i.amount) AS amount,
               sum(sum(i.amount)) OVER () AS all_groups
        FROM i JOIN q ON q.id = i.menu_item_id GROUP BY q.group_code) AS z
UNION ALL SELECT 11, 2, NULL, NULL, 'Item Sales', 'TOTAL', NULL, NULL, coalesce(sum(i.amount), 0)
  FROM i WHERE i.menu_item_id IN (SELECT q.id FROM q)
$part$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_slip_foot() IS 'Users and item sales of the work period report';

-- Of a till's child tables only the tickets of the period are wanted, and each is asked for once.
CREATE FUNCTION sambapos._report_slip(place sambapos._place) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  parts CONSTANT text := sambapos._report_slip_rows() || sambapos._report_slip_states() || $part$,
v AS MATERIALIZED (
  SELECT p.user_id, coalesce(min(a.name), '[Undefined]') AS name, count(*) OVER () AS users,
         rank() OVER (ORDER BY min(ARRAY[p.n, p.id]))::integer AS place
  FROM p LEFT JOIN qu AS a ON a.id = p.user_id GROUP BY p.user_id)
SELECT l.section, l.line, l.quantity::numeric, round(l.percent, 2), round(l.amount, 2),
       row_number() OVER (ORDER BY l.a, l.b, l.d COLLATE "C", l.c, l.line COLLATE "C")::integer,
       $4, s.data_source, s.as_of
FROM s CROSS JOIN ($part$ || sambapos._report_slip_head() || sambapos._report_slip_middle()
    || sambapos._report_slip_foot() || ') AS l ORDER BY 6';
BEGIN
  RETURN sambapos._report_sql(CASE WHEN place.site_id IS NULL THEN parts ELSE
    regexp_replace(parts, '\{(orders|calculations|payments)\} AS (\w)',
                   '(SELECT * FROM {\1} AS \2 WHERE \2.ticket_id BETWEEN (SELECT min(t.id) FROM t) '
                   'AND (SELECT max(t.id) FROM t) OFFSET 0) AS \2', 'g') END, place);
END;
$$;
COMMENT ON FUNCTION sambapos._report_slip(sambapos._place) IS 'Query of sambapos_report.work_period_report';

-- A period that is not known here, as one that began since the last run, is of the present; the last one may still go
-- on.
CREATE FUNCTION sambapos._report_slip_days(place sambapos._place, work_period integer, epoch integer,
                                           OUT from_date date, OUT to_date date)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE sambapos._report_sql('SELECT max(w.start_date)::date,
                                  max(CASE WHEN w.end_date > w.start_date THEN w.end_date ELSE ''infinity'' END)::date
                                FROM {work_periods} AS w
                                WHERE w.site_id = $1 AND ($2 IS NULL OR w.id = $2) AND ($3 IS NULL OR w.epoch = $3)',
                               NULL::sambapos._place)
    INTO from_date, to_date USING place.site_id, work_period, epoch;
  from_date := coalesce(from_date, 'infinity');
  to_date := CASE WHEN work_period IS NOT NULL THEN to_date END;
END;
$$;
COMMENT ON FUNCTION sambapos._report_slip_days(sambapos._place, integer, integer) IS
  'The first and the last day of a work period, or of the last one, as far as the replica knows; from infinity: it '
  'knows none; to NULL: it may go on';

CREATE FUNCTION sambapos._report_slip_check(site text, work_period integer, epoch integer, id integer) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF id IS NULL THEN
    RAISE EXCEPTION 'site "%" has no work period%', site,
      coalesce(' ' || work_period, '') || coalesce(' in epoch ' || epoch, '') USING ERRCODE = 'undefined_object',
      HINT = 'The work periods are in sambapos_report.work_periods, columns id and epoch. The till itself has the '
             'present epoch only.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._report_slip_check(text, integer, integer, integer) IS
  'Raises 42704 unless a work period was found';

CREATE FUNCTION sambapos_report.work_period_report(site text, work_period integer DEFAULT NULL,
                                                   source text DEFAULT NULL, epoch integer DEFAULT NULL)
RETURNS TABLE (section text, line text, quantity numeric, percent numeric, amount numeric, n integer,
               work_period_id integer, data_source text, as_of timestamptz)
LANGUAGE plpgsql SET jit = off SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  here sambapos._place := sambapos._site(site);
  days record := sambapos._report_slip_days(here, work_period, epoch);
  place sambapos._place := sambapos._report_place(
    site, coalesce(source, CASE WHEN epoch <> here.epoch THEN 'replica' END), -- an epoch that has ended is at no till
    days.from_date, days.to_date);
  period record;
BEGIN
  EXECUTE sambapos._report_sql($query$
      SELECT p.id, p.epoch, p.start_date, p.end_date
      FROM (SELECT w.id, w.epoch, w.start_date,
                   CASE WHEN w.end_date = w.start_date -- open, also when it was cleared: until the next one
                        THEN coalesce(lead(w.start_date) OVER (ORDER BY w.start_date, w.epoch, w.id), 'infinity')
                        ELSE w.end_date END AS end_date
            FROM {work_periods} AS w WHERE w.site_id = $1) AS p
      WHERE ($2 IS NULL OR p.id = $2) AND ($3 IS NULL OR p.epoch = $3)
      ORDER BY p.start_date DESC, p.epoch DESC LIMIT 1$query$, place)
    INTO period USING here.site_id, work_period,
                      CASE WHEN place.site_id IS NOT NULL AND epoch = here.epoch THEN 0 ELSE epoch END; -- 0: the till
  PERFORM sambapos._report_slip_check(site, work_period, epoch, period.id);
  RETURN QUERY EXECUTE sambapos._report_slip(place)
    USING here.site_id, period.start_date, period.end_date, period.id, period.epoch;
END;
$$;
COMMENT ON FUNCTION sambapos_report.work_period_report(text, integer, text, integer) IS
  'The work period report, line by line as SambaPOS 3 prints it, in its English words. work_period: its id; NULL: the '
  'last one, which may be open. source: replica or live; NULL goes by the setting live_fallback. epoch: the life of the '
  'source''s ids that it belongs to; NULL: the latest one that has it. Errors: 42704 no such site or work period, 22023 '
  'no such source';
