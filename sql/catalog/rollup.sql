-- rollup.sql: the sums of reports by business day, kept ready beside the rows that they are sums of.
--
-- Rules:
-- * All of it can be worked out again from the replica. So no dump has it, and nothing else depends on it.
-- * It is used while rollup_state says that it is whole, of the site's present version, and made by the present rules
--   (report/rollup.sql). Whoever writes to the replica outside a run makes it begin anew: _rollup_forget.
-- * What has no business day is not in it: it is looked for each time.

CREATE TABLE sambapos.sales_rollup (
  site_id      integer NOT NULL,
  business_day date NOT NULL,
  tickets      bigint,
  total_amount numeric,
  refunds      numeric,
  net          numeric,
  tax          numeric,
  discounts    numeric,
  service      numeric,
  gifts        numeric,
  voids        numeric,
  PRIMARY KEY (site_id, business_day)
);
COMMENT ON TABLE sambapos.sales_rollup IS
  'The sums of sambapos_report.daily_sales of sites with setting rollup, kept by the merge; rollup_state says whether '
  'they hold';

CREATE TABLE sambapos.payments_rollup (
  site_id      integer NOT NULL,
  business_day date NOT NULL,
  payment_type text,
  payments     bigint,
  amount       numeric,
  change_given numeric,
  UNIQUE NULLS NOT DISTINCT (site_id, business_day, payment_type)
);
COMMENT ON TABLE sambapos.payments_rollup IS
  'The sums of sambapos_report.payments_by_type of sites with setting rollup, kept by the merge; rollup_state says '
  'whether they hold';

CREATE TABLE sambapos.rollup_state (
  site_id      integer PRIMARY KEY,
  version      bigint NOT NULL,
  rules        text NOT NULL,
  masters      text,
  periods      timestamp[],
  next_day     date,
  refreshed_at timestamptz
) WITH (fillfactor = 50);
COMMENT ON TABLE sambapos.rollup_state IS
  'How far the rollup of each site has come. A site without a row has none: its reports read the detail';
COMMENT ON COLUMN sambapos.rollup_state.version IS
  'The version of the site that it holds for: where site_state has another one it is not used';
COMMENT ON COLUMN sambapos.rollup_state.rules IS
  'The settings, and the epochs, that it was made by: where the site has others it is not used';
COMMENT ON COLUMN sambapos.rollup_state.masters IS
  'A hash of the taxes, payment types and kinds of settlements that it was made by';
COMMENT ON COLUMN sambapos.rollup_state.periods IS
  'When the work periods began that it was made by, where the day_rule asks for them';
COMMENT ON COLUMN sambapos.rollup_state.next_day IS
  'The first business day that is still to be worked out, some by each run; NULL: it is whole';
COMMENT ON COLUMN sambapos.rollup_state.refreshed_at IS 'When a day was last worked out';

CREATE FUNCTION sambapos._rollup_forget(site_id integer) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$ DELETE FROM sambapos.rollup_state AS r WHERE r.site_id = _rollup_forget.site_id; $$;
COMMENT ON FUNCTION sambapos._rollup_forget(integer) IS
  'Says that a site''s rollup no longer holds; runs work it out anew';
