-- accounts.sql: reports of the ledger.

-- One row an account transaction. Of its two lines, debit and credit, the one that bears the account type of a side is
-- that side's; where both are of one type the first is the source.
CREATE FUNCTION sambapos._report_transactions() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $report$
SELECT s.site AS site, -- The site's name
       a.epoch AS epoch, -- Which life of the source's ids the account document belongs to
       a.account_transaction_document_id AS document_id, -- The account document; a ticket has one
       a.id AS transaction_id, -- The account transaction's id
       d.date
         AS transaction_date, -- Date of the account document, on the till's clock; a ticket's is made with the ticket
       coalesce(k.name, a.name) AS transaction_type, -- Name of the account transaction type
       t.ticket_number AS ticket_number, -- Number of the ticket; NULL: a document without one
       CASE WHEN {tax} THEN 0 ELSE g.amount END
         AS amount_net, -- The amount, if it is no tax; negative where the transaction is reversed
       CASE WHEN {tax} THEN g.amount ELSE 0 END
         AS amount_tax, -- The amount, if it is tax
       g.amount AS amount_total, -- The amount
       h.name AS account_name, -- The account that is debited
       b.name AS source_account_name, -- The account that is credited
       coalesce(u.name, d.user_name, t.last_modified_user_name)
         AS user_name, -- Who took the payment, or else wrote the document, or else changed the ticket last
       s.data_source AS data_source, -- replica, partial (a first load is not through) or live
       s.as_of AS as_of -- When the oldest of the tables was read
FROM {account_transactions} AS a
JOIN {account_transaction_documents} AS d
  ON (d.site_id, d.epoch, d.id) = (a.site_id, a.epoch, a.account_transaction_document_id)
JOIN {site} AS s ON s.site_id = a.site_id
CROSS JOIN LATERAL (SELECT CASE WHEN a.is_reversed THEN -a.amount ELSE a.amount END AS amount) AS g
{each account_transaction_values v: array_agg(v.account_type_id ORDER BY v.id) AS types,
      array_agg(v.account_id ORDER BY v.id) AS accounts} AS v
LEFT JOIN {tickets} AS t
  ON (t.site_id, t.document_epoch, t.transaction_document_id) = (a.site_id, a.epoch, a.account_transaction_document_id)
{each payments p: array_agg(p.account_transaction_id_2 ORDER BY p.id) AS transactions,
      array_agg(p.user_id ORDER BY p.id) AS users} AS p
LEFT JOIN {any account_transaction_types} AS k
  ON (k.site_id, k.epoch, k.id) = (a.site_id, a.epoch, a.account_transaction_type_id)
LEFT JOIN {any users} AS u
  ON (u.site_id, u.epoch, u.id) = (a.site_id, a.epoch, p.users[array_position(p.transactions, a.id)])
LEFT JOIN {any accounts} AS b
  ON (b.site_id, b.epoch, b.id) = (a.site_id, a.epoch, v.accounts[array_position(v.types, a.source_account_type_id)])
LEFT JOIN {any accounts} AS h
  ON (h.site_id, h.epoch, h.id) = (a.site_id, a.epoch, v.accounts[array_position(v.types, a.target_account_type_id,
       CASE WHEN a.source_account_type_id = a.target_account_type_id
            THEN array_position(v.types, a.source_account_type_id) + 1 ELSE 1 END)])
$report$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_transactions() IS 'Definition of sambapos_report.transactions';

-- A balance is kept nowhere: it is the sum of the ledger. Each account once: what its id meant in an earlier epoch is
-- another account if the whole database was another one, and only then.
CREATE FUNCTION sambapos._report_accounts() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $report$
SELECT s.site AS site, -- The site's name
       {columns of accounts as c},
       k.name AS account_type, -- Name of the account type
       coalesce(f.name, s.currency)
         AS currency, -- The account's own currency, as the till names it; or else that of the site
       coalesce(v.balance, 0) AS balance, -- Debit less credit of what the till has now: a clear wipes it out
       coalesce(v.exchange, 0) AS exchange_balance, -- The same in the account's own currency
       coalesce(v.lifetime_balance, 0) AS lifetime_balance, -- Debit less credit over all history
       coalesce(v.lifetime_exchange, 0) AS lifetime_exchange_balance, -- The same in the account's own currency
       s.data_source AS data_source, -- replica, partial (a first load is not through) or live
       s.as_of AS as_of -- When the oldest of the tables was read
FROM {once accounts} AS c
JOIN {site} AS s ON s.site_id = c.site_id
LEFT JOIN (SELECT l.site_id, l.epoch, v.account_id, sum(v.balance) AS balance, sum(v.exchange) AS exchange,
                  sum(v.lifetime_balance) AS lifetime_balance, sum(v.lifetime_exchange) AS lifetime_exchange
           FROM (SELECT v.site_id, v.epoch, v.account_id,
                        sum(v.debit - v.credit) FILTER (WHERE v.row_state = 'live') AS balance,
                        sum(v.exchange) FILTER (WHERE v.row_state = 'live') AS exchange,
                        sum(v.debit - v.credit) AS lifetime_balance, sum(v.exchange) AS lifetime_exchange
                 FROM {account_transaction_values} AS v GROUP BY v.site_id, v.epoch, v.account_id) AS v
           JOIN {lives} AS l ON (l.site_id, l.row_epoch) = (v.site_id, v.epoch)
           GROUP BY l.site_id, l.epoch, v.account_id) AS v
  ON (v.site_id, v.epoch, v.account_id) = (c.site_id, c.epoch, c.id)
LEFT JOIN {any account_types} AS k ON (k.site_id, k.epoch, k.id) = (c.site_id, c.epoch, c.account_type_id)
LEFT JOIN {any foreign_currencies} AS f ON (f.site_id, f.epoch, f.id) = (c.site_id, c.epoch, c.foreign_currency_id)
WHERE c.row_state IN ('live', 'cleared', 'superseded')
$report$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_accounts() IS 'Definition of sambapos_report.accounts';
