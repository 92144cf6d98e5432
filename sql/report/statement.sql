-- statement.sql: the lines of one account.

CREATE FUNCTION sambapos._report_account(place sambapos._place, site_id integer, account text,
                                         OUT id integer, OUT epoch integer)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE sambapos._report_sql($query$SELECT c.id, c.epoch FROM {once accounts} AS c
    WHERE c.site_id = $1 AND sambapos._text_fold(c.name) = sambapos._text_fold($2)
    ORDER BY (c.row_state = 'live') DESC, c.epoch DESC, c.id LIMIT 1$query$, place)
    INTO id, epoch USING site_id, account;
  IF id IS NULL THEN
    RAISE EXCEPTION 'there is no account named "%"', coalesce(account, 'NULL') USING ERRCODE = 'undefined_object',
      HINT = 'The names are in sambapos_report.accounts.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._report_account(sambapos._place, integer, text) IS
  'The account of that name, one that is at the source before one that is gone, and its epoch; raises '
  '42704 if there is none';

-- $1 site, $2 account, $3 the first moment, $4 the first moment after, $5 the account's epoch.
CREATE FUNCTION sambapos._report_statement() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $report$
WITH s AS MATERIALIZED (SELECT s.data_source, s.as_of FROM {site} AS s WHERE s.site_id = $1),
v AS MATERIALIZED (
  SELECT v.epoch, v.id, v.date, d.name AS document, t.ticket_number, v.name, v.debit, v.credit, v.exchange
  FROM {account_transaction_values} AS v
  JOIN {lives} AS l ON (l.site_id, l.row_epoch) = (v.site_id, v.epoch) AND l.epoch = $5
  LEFT JOIN {account_transaction_documents} AS d
    ON (d.site_id, d.epoch, d.id) = (v.site_id, v.epoch, v.account_transaction_document_id)
  LEFT JOIN {tickets} AS t
    ON (t.site_id, t.document_epoch, t.transaction_document_id)
     = (v.site_id, v.epoch, v.account_transaction_document_id)
  WHERE v.site_id = $1 AND v.account_id = $2 AND v.date < $4),
r AS (
  SELECT v.*, row_number() OVER w AS n, sum(v.debit - v.credit) OVER w AS balance,
         sum(v.exchange) OVER w AS exchange_balance
  FROM v WINDOW w AS (ORDER BY v.date, v.epoch, v.id ROWS UNBOUNDED PRECEDING))
SELECT CASE WHEN l.n = 0 THEN 0 ELSE row_number() OVER (ORDER BY l.n) - 1 END::integer, l.date, l.document,
       l.ticket_number, l.name, l.debit, l.credit, l.balance, l.exchange, l.exchange_balance, s.data_source, s.as_of
FROM s CROSS JOIN (
  SELECT 0 AS n, nullif($3, '-infinity') AS date, NULL::text AS document, NULL::text AS ticket_number,
         'Opening balance' AS name, NULL::numeric AS debit, NULL::numeric AS credit,
         coalesce(sum(v.debit - v.credit), 0) AS balance, NULL::numeric AS exchange,
         coalesce(sum(v.exchange), 0) AS exchange_balance
  FROM v WHERE v.date < $3
  UNION ALL
  SELECT r.n, r.date, r.document, r.ticket_number, r.name, r.debit, r.credit, r.balance, r.exchange, r.exchange_balance
  FROM r WHERE r.date >= $3) AS l
ORDER BY l.n
$report$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_statement() IS 'Definition of sambapos_report.account_statement';

CREATE FUNCTION sambapos_report.account_statement(site text, account text, from_date date, to_date date,
                                                  source text DEFAULT NULL)
RETURNS TABLE (n integer, booked_at timestamp, document text, ticket_number text, description text, debit numeric,
               credit numeric, balance numeric, exchange numeric, exchange_balance numeric, data_source text,
               as_of timestamptz)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  site_id integer := (sambapos._site(site)).site_id;
  place sambapos._place := sambapos._report_place(site, source, NULL, to_date); -- the opening balance is of all history
  found record;
BEGIN
  IF from_date > to_date THEN
    RAISE EXCEPTION 'from_date % is after to_date %', from_date, to_date USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Both days are included; NULL means without a limit.';
  END IF;
  found := sambapos._report_account(place, site_id, account);
  RETURN QUERY EXECUTE sambapos._report_sql(sambapos._report_statement(), place)
    USING site_id, found.id, coalesce(from_date, '-infinity')::timestamp,
          coalesce((to_date + 1)::timestamp, 'infinity'), found.epoch;
END;
$$;
COMMENT ON FUNCTION sambapos_report.account_statement(text, text, date, date, text) IS
  'The ledger lines of an account from the first to the last day, both included, with a running balance; the first row '
  '(n 0) is the opening balance over all history before. account: the name, without case and trailing blanks. '
  'source: replica or live; NULL goes by the setting live_fallback. Errors: 42704 no such site or account, '
  '22023 the days are in the wrong order, or no such source';
