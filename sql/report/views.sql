-- views.sql: the views of sambapos_report, made at run time, since they depend on tables that are no members.
--
-- Rules:
-- * A report takes the place of the view of the rows that count (site/counted.sql) that has its name.
-- * A view asks the till only where its WHERE lets a site through that was never synced. What it asks there is one
--   query for the whole report. This part stands first: a LIMIT may end a query before the last part is run, and
--   whether there is old data to warn of is asked there.

CREATE FUNCTION sambapos._report_views() RETURNS TABLE (view_name name, definition text, words text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  VALUES
    ('tickets'::name, sambapos._report_tickets(), 'Tickets that count, with the names of what they refer to'),
    ('ticket_items', sambapos._report_ticket_items(), 'Lines of tickets, with what is charged and what became of them'),
    ('order_tags', sambapos._report_order_tags(), 'Modifiers of lines, one row each'),
    ('payments', sambapos._report_payments(), 'Payments, and settlements of accounts that are in no table of payments'),
    ('transactions', sambapos._report_transactions(), 'Account transactions: what the ledger is made of'),
    ('accounts', sambapos._report_accounts(), 'Accounts with their balances, now and over all history'),
    ('menu_items', sambapos._report_menu_items(), 'Menu items with course, code and price'),
    ('work_periods', sambapos._report_work_periods(), 'Work periods'),
    ('sales', sambapos._report_sales(), 'Sales, one row a ticket, with their lines and how their delivery stands'),
    ('daily_sales', sambapos._report_daily_sales(), 'What was sold, by business day'),
    ('payments_by_type', sambapos._report_payments_by_type(), 'What was paid, by business day and payment type'),
    ('category_sales', sambapos._report_category_sales(), 'What was sold, by business day and group of menu items'),
    ('discounts', sambapos._report_discounts(), 'Discounts, one row each'),
    ('voids_and_gifts', sambapos._report_voids_and_gifts(), 'Lines that were voided or given away'),
    ('taxes', sambapos._report_taxes(), 'Tax, by business day and tax'),
    ('json_problems', sambapos._report_json_problems(), 'Where text is not the JSON that SambaPOS keeps there');
$$;
COMMENT ON FUNCTION sambapos._report_views() IS 'The reports that are views';

-- What the till has now, with the types that the view has. Whoever asks needs the right to read the live tables. Whole
-- tables are joined, of which nothing is known but their size: never row by row. What cannot be joined otherwise is
-- then dear to the planner, but no reason to compile the query.
CREATE FUNCTION sambapos._report_live(report name, site_id integer) RETURNS SETOF record
LANGUAGE plpgsql STABLE ROWS 100 SET enable_nestloop = off SET jit = off SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
  list text;
BEGIN
  SELECT * INTO place FROM sambapos._place AS p WHERE p.site_id = _report_live.site_id;
  SELECT string_agg(format('l.%I::%s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
    INTO list FROM pg_attribute AS a
  WHERE a.attrelid = to_regclass(format('sambapos_report.%I', report)) AND a.attnum > 1 AND NOT a.attisdropped;
  RETURN QUERY EXECUTE format('SELECT %s FROM (%s) AS l', list,
    sambapos._report_sql((SELECT v.definition FROM sambapos._report_views() AS v WHERE v.view_name = report),
                         place, true));
END;
$$;
COMMENT ON FUNCTION sambapos._report_live(name, integer) IS
  'The rows of a report as the live tables of a site have them, without the first column';

-- What the columns are is found out by a view for a moment.
CREATE FUNCTION sambapos._report_view_shape(replica text, OUT typed text, OUT plain text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format('CREATE TEMPORARY VIEW sambapos__shape AS -- runtime
                  %s', replica);
  SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum),
         string_agg(format('l.%I', a.attname), ', ' ORDER BY a.attnum) INTO typed, plain
  FROM pg_attribute AS a
  WHERE a.attrelid = to_regclass('pg_temp.sambapos__shape') AND a.attnum > 1 AND NOT a.attisdropped;
  EXECUTE 'DROP VIEW pg_temp.sambapos__shape';
END;
$$;
COMMENT ON FUNCTION sambapos._report_view_shape(text) IS
  'The columns of a query but for the first one: with their types, and as those of alias l';

CREATE FUNCTION sambapos._report_view_make(view_name name, definition text, words text, given sambapos._privilege[])
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  view text := format('sambapos_report.%I', view_name);
  replica text := sambapos._rollup_view_sql(view_name, definition);
  shape record;
  o record;
BEGIN
  SELECT * INTO shape FROM sambapos._report_view_shape(replica);
  EXECUTE format('CREATE OR REPLACE VIEW %s WITH (security_invoker = true) AS -- runtime
                  SELECT s.name AS site, %s FROM sambapos.site AS s
                  CROSS JOIN LATERAL sambapos._report_live(%L, s.site_id) AS l (%s)
                  WHERE s.removed_at IS NULL AND sambapos._report_view_reads_live(s.site_id)
                  UNION ALL
                  %s',
                 view, shape.plain, view_name, shape.typed, replica);
  EXECUTE format('COMMENT ON VIEW %s IS %L', view, words);
  FOR o IN -- of the table's columns what the table says, of the report's what the definition says
    SELECT a.attname AS column_name, coalesce(w.words, col_description(b.attrelid, b.attnum)) AS words
    FROM pg_attribute AS a LEFT JOIN sambapos._report_outputs(definition) AS w ON w.column_name = a.attname
    LEFT JOIN pg_attribute AS b ON b.attrelid = sambapos._replica_table(view_name) AND b.attname = a.attname
    WHERE a.attrelid = view::regclass AND a.attnum > 0 AND NOT a.attisdropped
      AND (w.column_name IS NOT NULL OR b.attrelid IS NOT NULL)
  LOOP
    EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', view, o.column_name, o.words);
  END LOOP;
  PERFORM sambapos._privileges_grant(view::regclass, given);
  PERFORM sambapos._readers_grant('SELECT', view);
END;
$$;
COMMENT ON FUNCTION sambapos._report_view_make(name, text, text, sambapos._privilege[]) IS
  'Makes a report''s view, or brings it up to its definition and its tables, and gives privileges that it had';

CREATE FUNCTION sambapos._report_view_drop(view_name name) RETURNS sambapos._privilege[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  view regclass := to_regclass(format('sambapos_report.%I', view_name));
  given sambapos._privilege[];
BEGIN
  IF view IS NOT NULL THEN
    given := sambapos._privileges(view);
    EXECUTE format('DROP VIEW %s', view);
  END IF;
  RETURN given;
END;
$$;
COMMENT ON FUNCTION sambapos._report_view_drop(name) IS 'Drops a report''s view; returns who could do what with it';

-- PostgreSQL judges whether a view can follow as it is. One that cannot is no reason to stop copying, and nobody waits
-- for who reads one.
CREATE FUNCTION sambapos._report_view_ensure(view_name name, definition text, words text,
                                             given sambapos._privilege[]) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '100ms' SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  details text;
BEGIN
  PERFORM sambapos._problem_raise(sambapos._relation_problem('sambapos_report', view_name, 'v', 'a view'));
  BEGIN
    PERFORM sambapos._report_view_make(view_name, definition, words, given);
  EXCEPTION WHEN invalid_table_definition THEN
    PERFORM sambapos._report_view_make(view_name, definition, words, sambapos._report_view_drop(view_name));
  END;
EXCEPTION WHEN object_not_in_prerequisite_state THEN
  RAISE; -- what belongs to others is an error
WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS details = PG_EXCEPTION_DETAIL;
  RAISE WARNING 'view "sambapos_report.%" is not as its tables: %', view_name, SQLERRM USING
    DETAIL = coalesce(nullif(details, ''), 'The tables are copied all the same.'),
    HINT = 'When the cause is gone: SELECT sambapos_refresh_reports();';
END;
$$;
COMMENT ON FUNCTION sambapos._report_view_ensure(name, text, text, sambapos._privilege[]) IS
  'Makes a report''s view, or brings it up to its tables; a WARNING where it cannot';

-- Without any table there is nothing to report.
CREATE FUNCTION sambapos._report_refresh(kept sambapos._view[] DEFAULT NULL, those_only boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = to_regnamespace('sambapos_replica')
             AND sambapos._replica_kind(c.relname) = 'replica') THEN
    PERFORM sambapos._report_view_ensure(v.view_name, v.definition, v.words, k.given)
    FROM sambapos._report_views() AS v LEFT JOIN unnest(kept) AS k ON k.name = v.view_name
    WHERE k.name IS NOT NULL OR NOT those_only;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._report_refresh(sambapos._view[], boolean) IS
  'Brings reports up to the tables that are there: all, or those that had to go, with the privileges that they had';

CREATE FUNCTION sambapos._report_follow(table_name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._report_view_ensure(v.view_name, v.definition, v.words, NULL)
  FROM sambapos._report_views() AS v WHERE table_name = ANY (sambapos._report_tables(v.definition));
END;
$$;
COMMENT ON FUNCTION sambapos._report_follow(name) IS 'Brings the reports that read a replica table up to its columns';

CREATE FUNCTION @extschema@.sambapos_refresh_reports() RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  made integer := 0;
  view record;
  table_name name;
BEGIN
  DELETE FROM sambapos.rollup_state; -- the definitions may be others
  FOR table_name IN
    SELECT c.relname FROM pg_class AS c
    WHERE c.relnamespace = to_regnamespace('sambapos_replica') AND sambapos._replica_kind(c.relname) = 'replica'
      AND c.relname <> ALL (sambapos._report_names())
    ORDER BY c.relname
  LOOP
    PERFORM sambapos._counted_make(table_name, sambapos._counted_drop(table_name));
    made := made + 1;
  END LOOP;
  FOR view IN SELECT v.* FROM sambapos._report_views() AS v WHERE to_regnamespace('sambapos_replica') IS NOT NULL LOOP
    PERFORM sambapos._problem_raise(sambapos._relation_problem('sambapos_report', view.view_name, 'v', 'a view'));
    PERFORM sambapos._report_view_make(view.view_name, view.definition, view.words,
                                       sambapos._report_view_drop(view.view_name));
    made := made + 1;
  END LOOP;
  RETURN made;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_refresh_reports() IS
  'Drops and makes the views in sambapos_report: after ALTER EXTENSION UPDATE, and after a replica table was changed '
  'by hand. Adding tables and columns does it by itself. Returns how many. Errors: 2BP01 something of yours depends on '
  'one of them, 42501 another role made them';
