-- payments.sql: reports of money that came in.
--
-- Rules:
-- * A guest who settles an account makes no row in Payments. It is told by the ledger: an account transaction that
--   brings money to where a payment type puts it, from an account that is none of those; or one of a payment type's
--   own kind. What a row of Payments stands for is no settlement.
-- * What sales, taxes and calculations book is no settlement, whatever account it debits: a payment type may put its
--   money where sales put theirs. Nor is what a payment stood for whose ticket was deleted, and whose document stays.
-- * A settlement belongs to the day it was made, a payment to that of its ticket.

-- Change is kept apart from payments: it belongs to the last payment that was there when it was given.
CREATE FUNCTION sambapos._report_change_given() RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $part$(SELECT coalesce(sum(g.amount), 0) FROM unnest(c.amounts, c.dates) AS g (amount, date)
   WHERE p.id = coalesce((SELECT h.id FROM unnest(q.ids, q.dates) AS h (id, date) WHERE h.date <= g.date
                          ORDER BY h.date DESC, h.id DESC LIMIT 1), q.ids[1]))$part$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_change_given() IS
  'The change given for payment p; c has the ticket''s change, q its payments';

CREATE FUNCTION sambapos._report_payments_of_tickets() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $part$
FROM {payments} AS p
LEFT JOIN {tickets} AS t ON (t.site_id, t.epoch, t.id) = (p.site_id, p.epoch, p.ticket_id)
JOIN {site} AS s ON s.site_id = p.site_id
{each change_payments c: array_agg(c.amount ORDER BY c.id) AS amounts, array_agg(c.date ORDER BY c.id) AS dates} AS c
{each payments q: array_agg(q.id ORDER BY q.id) AS ids, array_agg(q.date ORDER BY q.id) AS dates} AS q
LEFT JOIN {any payment_types} AS y ON (y.site_id, y.epoch, y.id) = (p.site_id, p.epoch, p.payment_type_id)$part$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_payments_of_tickets() IS
  'Payments p of tickets t with their type y, the ticket''s change c and all its payments q';

-- A payment whose ticket does not count has no day, and is looked for apart.
CREATE FUNCTION sambapos._report_payments_by_day() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  of_tickets CONSTANT text := sambapos._report_payments_of_tickets();
BEGIN
  RETURN '/*replica*/FROM ' || regexp_replace(sambapos._report_tickets_by_day() || E'\n'
                                              || sambapos._report_of_ticket('payments', 'p'),
                                              '/\*replica\*/(.*?)/\*live\*/.*?/\*end\*/', '\1', 'g')
         || E'\n' || substr(of_tickets, strpos(of_tickets, '{each'))
         || '/*live*/' || of_tickets || '/*end*/';
END;
$$;
COMMENT ON FUNCTION sambapos._report_payments_by_day() IS
  'The same as _report_payments_of_tickets, of tickets that count, found by their business day';

-- The kinds of a site are few. They are put together before they are joined, and once.
CREATE FUNCTION sambapos._report_settlement_kinds() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $part$(SELECT k.site_id, k.epoch, k.id, k.name, k.source_account_type_id, k.target_account_type_id,
             y.payment_type_id, y.payment_type
      FROM {any account_transaction_types} AS k
      JOIN (SELECT y.site_id, y.epoch,
                   coalesce(array_agg(b.account_type_id) FILTER (WHERE b.account_type_id IS NOT NULL), '{}') AS money
            FROM {any payment_types} AS y
            LEFT JOIN {any accounts} AS b ON (b.site_id, b.epoch, b.id) = (y.site_id, y.epoch, y.account_id)
            GROUP BY y.site_id, y.epoch) AS m ON (m.site_id, m.epoch) = (k.site_id, k.epoch)
      LEFT JOIN (SELECT y.site_id, y.epoch, y.account_transaction_type_id, min(y.id) AS payment_type_id,
                        (array_agg(y.name ORDER BY y.id))[1] AS payment_type
                 FROM {any payment_types} AS y GROUP BY y.site_id, y.epoch, y.account_transaction_type_id) AS y
        ON (y.site_id, y.epoch, y.account_transaction_type_id) = (k.site_id, k.epoch, k.id)
      LEFT JOIN (SELECT z.site_id, z.epoch, z.sale_transaction_type_id AS id FROM {any ticket_types} AS z
                 UNION SELECT z.site_id, z.epoch, z.account_transaction_type_id FROM {versions tax_templates} AS z
                 UNION SELECT z.site_id, z.epoch, z.account_transaction_type_id FROM {any calculation_types} AS z) AS z
        ON (z.site_id, z.epoch, z.id) = (k.site_id, k.epoch, k.id)
      WHERE k.source_account_type_id <> k.target_account_type_id
        AND (y.payment_type_id IS NOT NULL OR (z.id IS NULL AND k.target_account_type_id = ANY (m.money)
                                               AND k.source_account_type_id <> ALL (m.money)))
      ORDER BY k.id + 0 OFFSET 0) AS k$part$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_settlement_kinds() IS
  'Kinds k of account transactions that can settle an account, and what they are called';

CREATE FUNCTION sambapos._report_settlement_payment() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $part$FROM {all tickets} AS z
                  JOIN {all payments} AS p ON (p.site_id, p.epoch, p.ticket_id) = (z.site_id, z.epoch, z.id)
                  WHERE (z.site_id, z.document_epoch, z.transaction_document_id)
                      = (a.site_id, a.epoch, a.account_transaction_document_id)
                    AND (z.row_state = 'deleted'
                         OR z.row_state <> 'removed' AND p.row_state IN ('live', 'cleared', 'superseded'))
                    AND (p.account_transaction_id_2 = a.id OR (p.account_transaction_id_2 IS NULL
                                                               AND p.payment_type_id = k.payment_type_id))$part$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_settlement_payment() IS
  'The payments that account transaction a of kind k stands for, as a FROM clause: then it is no settlement';

-- What is on the money side is read once, and what it belongs to looked up: the planner expects next to nothing of a
-- join by so many columns, and would look through a table for each row.
CREATE FUNCTION sambapos._report_settlement_lines() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $part$JOIN $part$ || sambapos._report_settlement_kinds() || $part$
  ON (k.site_id, k.epoch, k.target_account_type_id) = (v.site_id, v.epoch, v.account_type_id)
/*replica*/CROSS JOIN LATERAL (SELECT a.* FROM {account_transactions} AS a
                    WHERE (a.site_id, a.epoch, a.account_transaction_document_id, a.id)
                        = (v.site_id, v.epoch, v.account_transaction_document_id, v.account_transaction_id)
                      AND a.account_transaction_type_id = k.id OFFSET 0) AS a
/*live*/JOIN {account_transactions} AS a
  ON (a.site_id, a.epoch, a.account_transaction_document_id, a.id, a.account_transaction_type_id)
   = (v.site_id, v.epoch, v.account_transaction_document_id, v.account_transaction_id, k.id)
/*end*/CROSS JOIN LATERAL (SELECT v.date AS date, v.date AS last_payment_date) AS t$part$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_settlement_lines() IS
  'Joins to money side v the kind k and the account transaction a that it can settle an account by; t has its day';

-- Money side v, the other side w, kind k, document d, ticket x.
CREATE FUNCTION sambapos._report_settlements() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $part$
FROM {account_transaction_values} AS v
$part$ || sambapos._report_settlement_lines() || $part$
LEFT JOIN {account_transaction_values} AS w
  ON (w.site_id, w.epoch, w.account_transaction_document_id, w.account_transaction_id, w.account_type_id)
   = (v.site_id, v.epoch, v.account_transaction_document_id, v.account_transaction_id, k.source_account_type_id)
JOIN {site} AS s ON s.site_id = v.site_id
LEFT JOIN {account_transaction_documents} AS d
  ON (d.site_id, d.epoch, d.id) = (v.site_id, v.epoch, v.account_transaction_document_id)
LEFT JOIN {tickets} AS x
  ON (x.site_id, x.document_epoch, x.transaction_document_id) = (v.site_id, v.epoch, v.account_transaction_document_id)
LEFT JOIN {any accounts} AS b ON (b.site_id, b.epoch, b.id) = (v.site_id, v.epoch, v.account_id)
LEFT JOIN {any accounts} AS h ON (h.site_id, h.epoch, h.id) = (w.site_id, w.epoch, w.account_id)
WHERE v.debit <> v.credit
  AND NOT EXISTS (SELECT $part$ || sambapos._report_settlement_payment() || ')';
END;
$$;
COMMENT ON FUNCTION sambapos._report_settlements() IS
  'Account transactions a that settle an account, with what they say';

-- The same for sums by day: money side v, kind k.
CREATE FUNCTION sambapos._report_settlements_by_day() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $part$
FROM /*replica*/{site} AS s CROSS JOIN LATERAL {days} AS b
CROSS JOIN LATERAL (
  SELECT * FROM (
    SELECT v.* FROM {account_transaction_values} AS v
    WHERE v.site_id = s.site_id AND v.date >= b.from_at AND v.date < b.to_at
    UNION ALL
    SELECT v.* FROM {account_transaction_values} AS v
    WHERE b.day IS NULL AND v.site_id = s.site_id AND v.date IS NULL) AS v OFFSET 0) AS v
/*live*/{account_transaction_values} AS v JOIN {site} AS s ON s.site_id = v.site_id
/*end*/$part$ || sambapos._report_settlement_lines() || $part$
WHERE v.debit <> v.credit
  AND /*replica*/(SELECT count(*) $part$ || sambapos._report_settlement_payment() || $part$) = 0
      /*live*/NOT EXISTS (SELECT $part$ || sambapos._report_settlement_payment() || ')/*end*/';
END;
$$;
COMMENT ON FUNCTION sambapos._report_settlements_by_day() IS
  'Account transactions that settle an account, found by their day';

CREATE FUNCTION sambapos._report_payments() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $report$
SELECT s.site AS site, -- The site's name
       {columns of payments as p},
       p.site_id AS site_id, -- The site, as in sambapos.site
       p.epoch
         AS epoch, -- Which life of the source's ids the row belongs to; of a settlement that of its account document
       p.ticket_id AS ticket_id, -- The ticket; of a settlement the one whose document it stands in, or NULL
       p.payment_type_id AS payment_type_id, -- The payment type, as in the till; NULL: a settlement
       p.name AS name, -- What the till calls it: of a payment the account that the money went to
       p.date AS date, -- When it was made, on the till's clock
       p.amount AS amount, -- What was paid; with change_given what was handed over; negative: paid out
       {day} AS business_day, -- The day of the ticket, or of the settlement, by the site's day_rule
       coalesce(y.name, '')
         AS payment_type, -- Name of the payment type; of a settlement that of its account transaction type
       t.ticket_number AS ticket_number, -- Number of the ticket, which begins anew with a clear
       coalesce(u.name, t.last_modified_user_name) AS user_name, -- Who took it
       p.name AS account_name, -- The account that the money went to
       $report$ || sambapos._report_change_given() || $report$
         AS change_given, -- Change given for it, where the till keeps change apart
       false AS is_settlement, -- True: an account was settled, there is no row in the till's Payments
       NULL::text AS settled_account, -- Whose account was settled
       p.document_epoch AS document_epoch, -- Which life of the source's ids the account document belongs to
       s.data_source AS data_source, -- replica, partial (a first load is not through) or live
       s.as_of AS as_of -- When the oldest of the tables was read
$report$ || sambapos._report_payments_of_tickets() || $report$
LEFT JOIN {any users} AS u ON (u.site_id, u.epoch, u.id) = (p.site_id, p.epoch, p.user_id)
UNION ALL
SELECT s.site, {columns of payments as p}, a.site_id, a.epoch, x.id, k.payment_type_id, a.name,
       v.date, v.debit - v.credit,
       {day}, coalesce(k.payment_type, k.name), x.ticket_number, coalesce(d.user_name, x.last_modified_user_name),
       b.name,
       0, true, h.name, a.epoch, s.data_source, s.as_of
$report$ || replace(sambapos._report_settlements(), E'\nWHERE',
                    E'\nLEFT JOIN (SELECT * FROM {payments} AS n WHERE false) AS p ON true\nWHERE');
END;
$$;
COMMENT ON FUNCTION sambapos._report_payments() IS 'Definition of sambapos_report.payments';

CREATE FUNCTION sambapos._report_payments_by_type() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $report$
SELECT r.site AS site, -- The site's name
       r.business_day AS business_day, -- The day of the tickets, or of the settlement, by the site's day_rule
       r.payment_type
         AS payment_type, -- Name of the payment type; of settlements that of their account transaction type
       count(*) AS payments, -- How many payments, or settlements
       sum(r.amount) AS amount, -- What was paid; with change_given what was handed over
       sum(r.change_given) AS change_given, -- Change given, where the till keeps change apart
       r.data_source AS data_source, -- replica, partial (a first load is not through) or live
       r.as_of AS as_of -- When the oldest of the tables was read
FROM (SELECT s.site, $report$ || sambapos._report_by_day() || $report$ AS business_day,
             coalesce(y.name, '') AS payment_type, p.amount,
             $report$ || sambapos._report_change_given() || $report$ AS change_given, s.data_source, s.as_of
      $report$ || sambapos._report_payments_by_day() || $report$
      WHERE NOT s.closed_only OR t.is_closed
      /*replica*/UNION ALL
      SELECT s.site, NULL::date, coalesce(y.name, ''), p.amount, 0, s.data_source, s.as_of
      FROM {payments} AS p JOIN {site} AS s ON s.site_id = p.site_id
      LEFT JOIN {any payment_types} AS y ON (y.site_id, y.epoch, y.id) = (p.site_id, p.epoch, p.payment_type_id)
      WHERE NOT s.closed_only AND NOT EXISTS (SELECT FROM {tickets} AS t
                                              WHERE (t.site_id, t.epoch, t.id) = (p.site_id, p.epoch, p.ticket_id))
      /*live*//*end*/UNION ALL
      SELECT s.site, $report$ || sambapos._report_by_day() || $report$, coalesce(k.payment_type, k.name),
             v.debit - v.credit, 0, s.data_source, s.as_of
      $report$ || sambapos._report_settlements_by_day() || $report$) AS r
GROUP BY r.site, r.business_day, r.payment_type, r.data_source, r.as_of
$report$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_payments_by_type() IS 'Definition of sambapos_report.payments_by_type';
