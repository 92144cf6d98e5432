-- rollup.sql: which reports have their sums ready (catalog/rollup.sql), when these hold, and how a view reads them.
--
-- Rules:
-- * A report has one definition. What is in the rollup is what the definition says of a day, and nothing else.
-- * A view reads the rollup of the sites for which it holds, and the detail of all others. Of a site for which it holds
--   the detail is asked only for what has no business day.
-- * A policy of somebody else on a table of the replica hides rows that are in the sums: then nobody reads the rollup.

CREATE FUNCTION sambapos._rollup_reports() RETURNS TABLE (report name, rollup name, definition text)
LANGUAGE sql IMMUTABLE ROWS 2 SET search_path = pg_catalog, pg_temp AS
$$
  VALUES ('daily_sales'::name, 'sales_rollup'::name, sambapos._report_daily_sales()),
         ('payments_by_type', 'payments_rollup', sambapos._report_payments_by_type());
$$;
COMMENT ON FUNCTION sambapos._rollup_reports() IS 'The reports that have a rollup, and the table that it is';

CREATE FUNCTION sambapos._rollup_columns(definition text) RETURNS name[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT array_agg(o.column_name ORDER BY o.n)
  FROM sambapos._report_outputs(definition) WITH ORDINALITY AS o (column_name, words, n)
  WHERE o.column_name NOT IN ('site', 'currency', 'data_source', 'as_of');
$$;
COMMENT ON FUNCTION sambapos._rollup_columns(text) IS 'The columns of a report that its rollup has';

-- What decides the sums beside the rows, and can change without a run.
CREATE FUNCTION sambapos._rollup_rules(site_id integer) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT jsonb_build_array(s.day_rule, s.void_state, s.gift_state,
           (SELECT jsonb_agg(jsonb_build_array(e.epoch, e.of_database) ORDER BY e.epoch) FROM sambapos.epoch AS e
            WHERE e.site_id = s.site_id))::text
  FROM sambapos.site AS s WHERE s.site_id = _rollup_rules.site_id;
$$;
COMMENT ON FUNCTION sambapos._rollup_rules(integer) IS 'The settings and epochs that a site''s rollup depends on';

CREATE FUNCTION sambapos._rollup_holds(site_id integer) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM sambapos.rollup_state AS r JOIN sambapos.site AS s USING (site_id)
                 JOIN sambapos.site_state AS x USING (site_id)
                 WHERE r.site_id = _rollup_holds.site_id AND s.rollup AND s.removed_at IS NULL AND r.next_day IS NULL
                   AND r.version = x.version AND r.rules = sambapos._rollup_rules(r.site_id))
     AND NOT EXISTS (SELECT FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid
                     WHERE c.relnamespace = to_regnamespace('sambapos_replica')
                       AND p.polname NOT IN ('sambapos_sites', 'sambapos_everybody'));
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_holds(integer) IS 'True if reports may read a site''s rollup';

CREATE FUNCTION sambapos._rollup_days_left(site_id integer)
RETURNS TABLE (day date, by_payment boolean, from_at timestamp, to_at timestamp)
LANGUAGE plpgsql STABLE ROWS 200 SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF NOT sambapos._rollup_holds(site_id) THEN
    RETURN QUERY SELECT * FROM sambapos._report_days(site_id);
  ELSE
    RETURN QUERY SELECT NULL::date, coalesce(s.day_rule, '') LIKE 'payment %', NULL::timestamp, NULL::timestamp
                 FROM sambapos.site AS s WHERE s.site_id = _rollup_days_left.site_id;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_days_left(integer) IS
  'What {days} stands for in a view that reads a rollup: the days for which the detail is to be read';

CREATE FUNCTION sambapos._rollup_view_sql(view_name name, definition text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  nowhere sambapos._place;
  detail text := sambapos._report_sql(definition, nowhere);
  rollup name := (SELECT r.rollup FROM sambapos._rollup_reports() AS r WHERE r.report = view_name);
  list text;
BEGIN
  IF rollup IS NULL THEN
    RETURN detail;
  END IF;
  SELECT string_agg(CASE WHEN o.column_name = ANY (sambapos._rollup_columns(definition)) THEN 'r.' ELSE 's.' END
                    || quote_ident(o.column_name), ', ' ORDER BY o.n) INTO list
  FROM sambapos._report_outputs(definition) WITH ORDINALITY AS o (column_name, words, n);
  RETURN replace(detail, 'sambapos._report_days(s.site_id)', 'sambapos._rollup_days_left(s.site_id)')
         || E'\nUNION ALL\n'
         || sambapos._report_sql(format('SELECT %s FROM {site} AS s JOIN sambapos.%I AS r ON r.site_id = s.site_id '
                                        'WHERE sambapos._rollup_holds(s.site_id)', list, rollup),
                                 nowhere, false, sambapos._report_sources(definition));
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_view_sql(name, text) IS
  'The query of a report''s view over the replica: with the rollup, where it has one';

-- Of one site: what {site} knows of the others is not looked up.
CREATE FUNCTION sambapos._rollup_detail_sql(definition text, site_id integer) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  nowhere sambapos._place;
BEGIN
  RETURN replace(sambapos._report_sql(definition, nowhere), 'WHERE s.removed_at IS NULL',
                 'WHERE s.removed_at IS NULL AND s.site_id = ' || site_id);
END;
$$;
COMMENT ON FUNCTION sambapos._rollup_detail_sql(text, integer) IS
  'The query of a report over the replica''s detail, of one site';

-- e: epoch, t: ticket, d and p: its date and that of its last payment, de and di: an account document, at: a moment.
CREATE FUNCTION sambapos._rollup_key(place sambapos._place, table_name name) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT 'jsonb_build_object(' || string_agg(format('%L, r.%I', k.name, k.column_name), ', ' ORDER BY k.name) || ')'
  FROM (VALUES ('tickets', 'e', 'epoch'), ('tickets', 't', 'id'), ('tickets', 'd', 'date'),
               ('tickets', 'p', 'last_payment_date'), ('tickets', 'de', 'document_epoch'),
               ('tickets', 'di', 'transaction_document_id'),
               ('orders', 'e', 'epoch'), ('orders', 't', 'ticket_id'),
               ('calculations', 'e', 'epoch'), ('calculations', 't', 'ticket_id'),
               ('payments', 'e', 'epoch'), ('payments', 't', 'ticket_id'),
               ('change_payments', 'e', 'epoch'), ('change_payments', 't', 'ticket_id'),
               ('account_transactions', 'de', 'epoch'),
               ('account_transactions', 'di', 'account_transaction_document_id'),
               ('account_transaction_values', 'at', 'date'),
               ('product_timer_values', 'e', 'epoch'), ('product_timer_values', 'timer', 'id'))
         AS k (table_name, name, column_name)
  JOIN pg_attribute AS a ON a.attrelid = sambapos._replica_table(_rollup_key.table_name)
   AND a.attname = k.column_name AND NOT a.attisdropped
  WHERE place.rollup AND k.table_name = _rollup_key.table_name;
$$;
COMMENT ON FUNCTION sambapos._rollup_key(sambapos._place, name) IS
  'SQL for what says which business days a row (r) of a replica table can belong to; NULL: it is in no sum, or the site '
  'has no rollup';
