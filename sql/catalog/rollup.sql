-- rollup.sql: the sums of each business day, which report/rollup.sql keeps.
--
-- Rules:
-- * A rollup is that of one version of a site's rows, and of the settings it was made with. View _rollup says whether
--   both are still those of the site: only then it is shown.
-- * Whoever else writes to a replica table makes all sums forgotten, by trigger keep_sums: a site without a line in
--   rollup_state has none, and gets one with its next run. Where the trigger is off, no sum is shown.

CREATE TABLE sambapos.rollup_state (
  site_id       integer PRIMARY KEY,
  version       bigint NOT NULL,
  day_rule      text,
  void_state    text,
  gift_state    text,
  period_starts timestamp[],
  made_at       timestamptz NOT NULL DEFAULT now()
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.rollup_state', '');
COMMENT ON TABLE sambapos.rollup_state IS
  'What the sums of each day of a site are made of; view rollups has the site''s name. A site that is not here has '
  'none: its reports add up the rows';
COMMENT ON COLUMN sambapos.rollup_state.version IS 'The version of the site''s rows that the sums are those of';
COMMENT ON COLUMN sambapos.rollup_state.day_rule IS 'The site''s setting then';
COMMENT ON COLUMN sambapos.rollup_state.void_state IS 'The site''s setting then';
COMMENT ON COLUMN sambapos.rollup_state.gift_state IS 'The site''s setting then';
COMMENT ON COLUMN sambapos.rollup_state.period_starts IS
  'When the work periods began, as they were known then; NULL: the site''s days do not go by them';
COMMENT ON COLUMN sambapos.rollup_state.made_at IS 'When all of it was made; merges have kept it since then';

CREATE TABLE sambapos.rollup_due (
  site_id           integer NOT NULL,
  date              timestamp,
  last_payment_date timestamp
);
CREATE INDEX rollup_due_site ON sambapos.rollup_due (site_id);
SELECT pg_catalog.pg_extension_config_dump('sambapos.rollup_due', '');
COMMENT ON TABLE sambapos.rollup_due IS
  'What the times of tickets were before a merge changed them: their days are to be made anew. Empty between runs';
COMMENT ON INDEX sambapos.rollup_due_site IS 'The times of a site';

CREATE TABLE sambapos.sales_rollup (
  site_id      integer NOT NULL,
  business_day date,
  tickets      bigint NOT NULL,
  total_amount numeric,
  refunds      numeric,
  net          numeric,
  tax          numeric,
  discounts    numeric,
  service      numeric,
  gifts        numeric,
  voids        numeric
);
CREATE INDEX sales_rollup_day ON sambapos.sales_rollup (site_id, business_day);
SELECT pg_catalog.pg_extension_config_dump('sambapos.sales_rollup', '');
COMMENT ON TABLE sambapos.sales_rollup IS
  'What daily_sales shows of a site''s days, as the merges keep it; ask the report, which knows whether it holds';
COMMENT ON INDEX sambapos.sales_rollup_day IS 'The days of a site';

CREATE TABLE sambapos.payments_rollup (
  site_id      integer NOT NULL,
  business_day date,
  payment_type text,
  payments     bigint NOT NULL,
  amount       numeric,
  change_given numeric
);
CREATE INDEX payments_rollup_day ON sambapos.payments_rollup (site_id, business_day);
SELECT pg_catalog.pg_extension_config_dump('sambapos.payments_rollup', '');
COMMENT ON TABLE sambapos.payments_rollup IS
  'What payments_by_type shows of a site''s days, as the merges keep it; ask the report, which knows whether it holds';
COMMENT ON INDEX sambapos.payments_rollup_day IS 'The days of a site';

CREATE FUNCTION sambapos._rollup_tables() RETURNS name[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN '{tickets,orders,calculations,product_timer_values,payments,change_payments,account_transactions,'
         'account_transaction_values,work_periods,tax_templates,payment_types,account_transaction_types,accounts}';
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_tables() IS 'The replica tables of whose rows the sums are made';

-- The trigger is made with the one that keeps history (site/replica_table.sql), and calls the same function.
CREATE FUNCTION sambapos._rollup_is_guarded() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN NOT EXISTS (
    SELECT FROM pg_class AS c
    WHERE c.relnamespace = to_regnamespace('sambapos_replica') AND c.relname = ANY (sambapos._rollup_tables())
      AND c.relkind IN ('r', 'p')
      AND NOT EXISTS (SELECT FROM pg_trigger AS t
                      WHERE t.tgrelid = c.oid AND t.tgname = 'keep_sums' AND t.tgenabled IN ('O', 'A')
                        AND t.tgfoid = to_regprocedure('sambapos_replica.keep_history()')));
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_is_guarded() IS
  'True if each table of whose rows sums are made has the trigger that forgets them when others write';

CREATE VIEW sambapos._rollup AS
SELECT s.site_id, r.version, r.made_at,
       r.site_id IS NOT NULL AND (SELECT sambapos._rollup_is_guarded()) AND r.version = x.version
         AND (r.day_rule, r.void_state, r.gift_state) IS NOT DISTINCT FROM (s.day_rule, s.void_state, s.gift_state)
         AS is_current
FROM sambapos.site AS s
JOIN sambapos.site_state AS x ON x.site_id = s.site_id
LEFT JOIN sambapos.rollup_state AS r ON r.site_id = s.site_id;
COMMENT ON VIEW sambapos._rollup IS 'Whether the sums of a site''s days are those of its rows and settings';

CREATE VIEW sambapos.rollups AS
SELECT s.name AS site, k.is_current, k.version, k.made_at, d.days, d.first_day, d.last_day
FROM sambapos.site AS s
JOIN sambapos._rollup AS k ON k.site_id = s.site_id
LEFT JOIN LATERAL (SELECT count(*) AS days, min(r.business_day) AS first_day, max(r.business_day) AS last_day
                   FROM sambapos.sales_rollup AS r WHERE r.site_id = s.site_id) AS d ON true
WHERE s.removed_at IS NULL;
COMMENT ON VIEW sambapos.rollups IS 'The sums of each day that are kept of each site';
COMMENT ON COLUMN sambapos.rollups.site IS 'The site''s name';
COMMENT ON COLUMN sambapos.rollups.is_current IS
  'True: daily_sales and payments_by_type show them. False: they add up the rows until a run has made the sums anew';
COMMENT ON COLUMN sambapos.rollups.version IS 'The version of the site''s rows that the sums are those of';
COMMENT ON COLUMN sambapos.rollups.made_at IS 'When all of them were made; merges have kept them since then';
COMMENT ON COLUMN sambapos.rollups.days IS 'How many days with sales there are';
COMMENT ON COLUMN sambapos.rollups.first_day IS 'The first of them';
COMMENT ON COLUMN sambapos.rollups.last_day IS 'The last of them';

CREATE FUNCTION sambapos._rollup_forget(site_id integer) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  DELETE FROM sambapos.rollup_state AS r WHERE r.site_id = _rollup_forget.site_id;
  DELETE FROM sambapos.rollup_due AS d WHERE d.site_id = _rollup_forget.site_id;
  DELETE FROM sambapos.sales_rollup AS d WHERE d.site_id = _rollup_forget.site_id;
  DELETE FROM sambapos.payments_rollup AS d WHERE d.site_id = _rollup_forget.site_id;
$$;
COMMENT ON FUNCTION sambapos._rollup_forget(integer) IS
  'Drops the sums of a site''s days: the reports add up the rows until a run has made them anew';
