-- consistency.sql: do a ticket's, and a document's, own sums agree?
--
-- Rules:
-- * What is left of a ticket is its total less payments plus change; a document's debit is its credit. Both hold at the
--   till in every state that it commits. Without a snapshot a root and its children are read one after the other; if
--   the till was between them the sums show it, and the next run reads that root again.
-- * What stays the same in settle_runs runs is the till's own. It is shown, and read again when it changes.
-- * Looked at are the roots that a run has read, in the replica as the reports see it.

-- A child's sum beside replica row r of its root; amount is SQL over row k.
CREATE FUNCTION sambapos._consistency_sum_sql(child text, key text, amount text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('(SELECT coalesce(sum(%s), 0) FROM sambapos_replica.%I AS k WHERE k.site_id = r.site_id
                  AND k.epoch = r.epoch AND k.%I = r.id AND k.row_state = ''live'')', amount, child, key);
$$;
COMMENT ON FUNCTION sambapos._consistency_sum_sql(text, text, text) IS
  'SQL for the sum of a column over the live children of replica row r';

-- NULL where not all is copied, or was merged by this run, that takes part in the sum.
CREATE FUNCTION sambapos._consistency_sql(run_id bigint, place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE
    WHEN t.kind = 'ticket' AND '{payments,change_payments}' <@ m.merged
         AND cardinality(sambapos._table_has(place, t, '{remaining_amount,total_amount}')) = 2
      THEN format('r.remaining_amount - r.total_amount + %s - %s',
                  sambapos._consistency_sum_sql('payments', 'ticket_id', 'k.amount'),
                  sambapos._consistency_sum_sql('change_payments', 'ticket_id', 'k.amount'))
    WHEN t.table_name = 'account_transaction_documents' AND '{account_transaction_values}' <@ m.merged AND (
           SELECT cardinality(sambapos._table_has(place, v, '{debit,credit}')) = 2 FROM sambapos._table AS v
           WHERE (v.site_id, v.table_name) = (place.site_id, 'account_transaction_values'))
      THEN sambapos._consistency_sum_sql('account_transaction_values', 'account_transaction_document_id',
                                         'coalesce(k.debit, 0) - coalesce(k.credit, 0)') END
  FROM (SELECT array_agg(x.table_name) AS merged FROM sambapos.run_table AS x
        WHERE x.run_id = _consistency_sql.run_id AND x.status = 'ok') AS m
  WHERE t.table_name = ANY (m.merged);
$$;
COMMENT ON FUNCTION sambapos._consistency_sql(bigint, sambapos._place, sambapos._table) IS
  'SQL for what is left over when the sums of replica row r of a root are compared; NULL: it cannot be told';

-- Of a root that was read by what changed, only those count whose children were read with it.
CREATE FUNCTION sambapos._consistency_check_table(run_id bigint, place sambapos._place, t sambapos._table, rest text)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  again bigint[];
BEGIN
  EXECUTE format(
    'WITH tested AS MATERIALIZED (
       SELECT r.epoch, r.id::bigint AS id, %1$s AS difference
       FROM pg_temp.%2$I AS s JOIN sambapos_replica.%3$I AS r
         ON r.site_id = $1 AND r.epoch = s.epoch AND r.id = s.id AND r.row_state = ''live''
       WHERE (SELECT x.mode FROM sambapos.run_table AS x WHERE (x.run_id, x.table_name) = ($2, %3$L)) = ''full''
          OR EXISTS (SELECT FROM pg_temp.sambapos__changed AS c WHERE (c.table_name, c.id) = (%3$L, s.id)))
     , agree AS (
       DELETE FROM sambapos.inconsistent_root AS i USING tested AS d
        WHERE (i.site_id, i.table_name, i.epoch, i.id) = ($1, %3$L, d.epoch, d.id) AND coalesce(d.difference, 0) = 0)
     , differ AS (
       INSERT INTO sambapos.inconsistent_root AS i (site_id, table_name, epoch, id, difference)
       SELECT DISTINCT $1, %3$L, d.epoch, d.id, d.difference FROM tested AS d WHERE d.difference <> 0
       ON CONFLICT ON CONSTRAINT inconsistent_root_pkey DO UPDATE SET difference = excluded.difference,
         runs = CASE WHEN i.difference = excluded.difference THEN i.runs + 1 ELSE 1 END
       WHERE i.difference <> excluded.difference OR i.runs < $3 RETURNING i.id, i.runs)
     SELECT array_agg(d.id) FROM differ AS d WHERE d.runs < $3', rest, sambapos._stage_name(t.table_name), t.table_name)
    INTO again USING place.site_id, run_id, place.settle_runs;
  EXECUTE format(
    'DELETE FROM sambapos.inconsistent_root AS i
      WHERE (i.site_id, i.table_name) = ($1, %1$L) AND NOT EXISTS (SELECT FROM sambapos_replica.%1$I AS r
        WHERE r.site_id = $1 AND r.epoch = i.epoch AND r.id = i.id AND r.row_state = ''live'')', t.table_name)
    USING place.site_id;
  IF again IS NOT NULL THEN
    PERFORM sambapos._root_waits(run_id, t, again);
    PERFORM sambapos._log_message(run_id, t.table_name, format(
      'the sums of %s rows and what belongs to them do not agree: read again by the next run', cardinality(again)));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._consistency_check_table(bigint, sambapos._place, sambapos._table, text) IS
  'Adds up the roots of one table that a run has read';

CREATE FUNCTION sambapos._consistency_check(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT sambapos._consistency_check_table(_consistency_check.run_id, place, t, c.rest)
  FROM sambapos._table AS t
  CROSS JOIN LATERAL (SELECT sambapos._consistency_sql(_consistency_check.run_id, place, t) AS rest) AS c
  WHERE t.site_id = place.site_id AND t.kind IN ('ticket', 'document') AND c.rest IS NOT NULL
    AND EXISTS (SELECT FROM sambapos.run_table AS x
                WHERE (x.run_id, x.table_name) = (_consistency_check.run_id, t.table_name) AND x.mode <> 'none');
$$;
COMMENT ON FUNCTION sambapos._consistency_check(bigint, sambapos._place) IS
  'Looks whether the sums of what a run has read agree; what does not is shown, and read again';

CREATE VIEW sambapos.inconsistent AS
SELECT s.name AS site, i.table_name, i.epoch, i.id, i.difference,
       CASE i.table_name WHEN 'tickets' THEN 'remaining amount, less total less payments plus change'
                         ELSE 'debit less credit' END AS what,
       i.runs >= s.settle_runs AS is_of_the_till, i.first_seen_at
FROM sambapos.inconsistent_root AS i JOIN sambapos.site AS s USING (site_id)
WHERE s.removed_at IS NULL;
COMMENT ON VIEW sambapos.inconsistent IS
  'Tickets and account documents whose own sums do not agree. Either the till was between them when they were read: '
  'the next run reads them again; or they are so at the till (is_of_the_till)';
COMMENT ON COLUMN sambapos.inconsistent.epoch IS 'The epoch of the row';
COMMENT ON COLUMN sambapos.inconsistent.difference IS 'By how much the sums differ';
COMMENT ON COLUMN sambapos.inconsistent.what IS
  'What the difference is. Of a ticket: remaining amount, less total less payments plus change; of a document: debit '
  'less credit';
COMMENT ON COLUMN sambapos.inconsistent.first_seen_at IS 'When a run has found it first';
COMMENT ON COLUMN sambapos.inconsistent.is_of_the_till IS
  'True when settle_runs runs have read the same: it is not read again until it changes';
