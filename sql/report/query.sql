-- query.sql: the query of a report, put together from its definition.

-- The day a ticket belongs to, by the site's day_rule: t is the ticket, s the site. With work periods it is the day on
-- which the period began; what lies before the first one belongs to its own day. Here the period is looked up by its
-- index; the till is asked for all of them, once. Their array is never a column of s: it would stand beside each row
-- that a join keeps, and what is kept would grow with rows times periods.
CREATE FUNCTION sambapos._report_day(is_live boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  moment CONSTANT text := '(CASE s.day_by WHEN ''payment'' THEN t.last_payment_date ELSE t.date END)';
BEGIN
  RETURN format('(CASE s.day_end WHEN ''midnight'' THEN %1$s WHEN ''work_period'' THEN coalesce(%2$s, %1$s)
                   ELSE %1$s - s.day_end::interval END)::date', moment,
                CASE WHEN is_live THEN format('(SELECT x.period_starts FROM {site} AS x)'
                                              '[width_bucket(%s, (SELECT x.period_starts FROM {site} AS x))]', moment)
                     ELSE format('(SELECT w.start_date FROM {work_periods} AS w WHERE w.site_id = s.site_id '
                                 'AND w.start_date <= %s ORDER BY w.start_date DESC LIMIT 1)', moment) END);
END;
$$;
COMMENT ON FUNCTION sambapos._report_day(boolean) IS
  'What {day} stands for, at the till or here: the business day of ticket t at site s';

-- What became of a line, alias o: by the flags that do not depend on a language, or by the site's own word for it.
CREATE FUNCTION sambapos._report_line_is(what text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  by_word CONSTANT text := '(CASE WHEN s.%1$s_state IS NULL THEN %2$s '
                           'ELSE sambapos._order_has_state(o.order_states, s.%1$s_state) END)';
BEGIN
  RETURN CASE what
    WHEN 'void' THEN format(by_word, what,
                            'NOT o.calculate_price AND NOT o.decrease_inventory AND NOT o.increase_inventory')
    WHEN 'gift' THEN format(by_word, what, 'NOT o.calculate_price AND o.decrease_inventory')
    WHEN 'return' THEN '(o.increase_inventory)' END;
END;
$$;
COMMENT ON FUNCTION sambapos._report_line_is(text) IS
  'What {void}, {gift} and {return} stand for: true for such a line (alias o)';

-- Which kinds of account transactions are taxes can be another thing in each epoch: so {site} has both in one number.
CREATE FUNCTION sambapos._report_is_tax(epoch text DEFAULT 'a.epoch', type_id text DEFAULT
                                        'a.account_transaction_type_id') RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format('((%s::bigint << 32) + %s = ANY (s.tax_types))', epoch, type_id);
END;
$$;
COMMENT ON FUNCTION sambapos._report_is_tax(text, text) IS
  'What {tax} stands for: true if account transaction a is a tax at site s';

-- What {each ...} looks a table's rows up by: those of ticket t, those of its account document, or those of account
-- transaction a.
CREATE FUNCTION sambapos._report_each_key(table_name text, OUT own text[], OUT parent text[], OUT epoch text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  own := CASE table_name WHEN 'account_transactions' THEN '{account_transaction_document_id}'
                         WHEN 'account_transaction_values'
                           THEN '{account_transaction_document_id,account_transaction_id}'
                         ELSE '{ticket_id}' END;
  parent := CASE table_name WHEN 'account_transactions' THEN '{t.transaction_document_id}'
                            WHEN 'account_transaction_values' THEN '{a.account_transaction_document_id,a.id}'
                            ELSE '{t.id}' END;
  epoch := CASE table_name WHEN 'account_transactions' THEN 't.document_epoch'
                           WHEN 'account_transaction_values' THEN 'a.epoch' ELSE 't.epoch' END;
END;
$$;
COMMENT ON FUNCTION sambapos._report_each_key(text) IS
  'By which columns {each ...} looks up the rows of a child table, what they are compared with, and in which epoch';

-- {each payments p: min(p.id) AS first} AS p: what a ticket's rows of a table come to; t is the ticket, s the site (of
-- ledger lines a is the account transaction). Here they are looked up for each row that is wanted. At the source that
-- would be a question for each: there the table is asked for once. NULL where there are none.
CREATE FUNCTION sambapos._report_each(place sambapos._place, table_name text, alias text, list text, name text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  key record := sambapos._report_each_key(table_name);
  own text := (SELECT string_agg(alias || '.' || o.name, ', ' ORDER BY o.n)
               FROM unnest(key.own) WITH ORDINALITY AS o (name, n));
BEGIN
  RETURN CASE WHEN place.site_id IS NULL
    THEN format('LEFT JOIN LATERAL (SELECT %1$s FROM {%2$s} AS %3$s WHERE (%3$s.site_id, %3$s.epoch, %5$s) '
                '= (%6$s.site_id, %7$s, %8$s) HAVING count(*) > 0) AS %4$s ON true', list, table_name, alias, name, own,
                split_part(key.epoch, '.', 1), key.epoch, array_to_string(key.parent, ', '))
    ELSE format('LEFT JOIN (SELECT %5$s, %1$s FROM {%2$s} AS %3$s CROSS JOIN {site} AS s '
                'GROUP BY %5$s) AS %4$s ON (%6$s) = (%7$s)', list, table_name, alias, name, own,
                (SELECT string_agg(name || '.' || o.column_name, ', ' ORDER BY o.n)
                 FROM unnest(key.own) WITH ORDINALITY AS o (column_name, n)), array_to_string(key.parent, ', ')) END;
END;
$$;
COMMENT ON FUNCTION sambapos._report_each(sambapos._place, text, text, text, text) IS
  'What {each ...} stands for: aggregates over the rows of a child table that belong to ticket t, or to account '
  'transaction a';

-- Only an output column is explained with "AS name, -- words".
CREATE FUNCTION sambapos._report_outputs(definition text) RETURNS TABLE (column_name name, words text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT m.found[1], m.found[2]
  FROM regexp_matches(definition, '\mAS ([a-z_]+),?[ ]+-- ([^\n]+)', 'g') AS m (found);
$$;
COMMENT ON FUNCTION sambapos._report_outputs(text) IS
  'The columns of a report that its definition explains, with the words';

-- {columns of tickets as t}: all columns of the replica table that the report does not have of its own.
CREATE FUNCTION sambapos._report_all_columns(place sambapos._place, table_name name, alias text, taken name[])
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
DECLARE
  live name[] := ARRAY(SELECT c.column_name FROM sambapos._table AS k
                       CROSS JOIN LATERAL sambapos._table_columns(place, k) AS c
                       WHERE (k.site_id, k.table_name) = (place.site_id, _report_all_columns.table_name))
                 || '{site_id,epoch,document_epoch,row_state}'::name[];
BEGIN
  RETURN coalesce(
    (SELECT string_agg(CASE WHEN place.site_id IS NULL OR a.attname = ANY (live) THEN format('%I.%I', alias, a.attname)
                            ELSE format('NULL::%s AS %I', format_type(a.atttypid, a.atttypmod), a.attname) END,
                       ', ' ORDER BY a.attnum)
     FROM pg_attribute AS a
     WHERE a.attrelid = sambapos._report_relation(_report_all_columns.table_name) AND a.attnum > 0
       AND NOT a.attisdropped AND a.attname <> ALL (taken)),
    (SELECT string_agg(format('%I.%I', alias, k.column_name), ', ')
     FROM sambapos._report_columns(_report_all_columns.table_name) AS k
     WHERE k.table_name = _report_all_columns.table_name AND k.column_name <> ALL (taken)));
END;
$$;
COMMENT ON FUNCTION sambapos._report_all_columns(sambapos._place, name, text, name[]) IS
  'The columns of a replica table as a select list; those that a live table lacks are NULL; without the table those '
  'that are known';

CREATE FUNCTION sambapos._report_tables(definition text) RETURNS name[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(array_agg(DISTINCT m.found[1]::name ORDER BY m.found[1]::name), '{}')
  FROM regexp_matches(definition, '\{(?:any |once |live |all |versions |each )?([a-z_]+)(?: [a-z]+:|\})',
                      'g') AS m (found)
  WHERE m.found[1] <> ALL ('{site,day,days,void,gift,return,wanted,tax,lives}');
$$;
COMMENT ON FUNCTION sambapos._report_tables(text) IS 'The tables that a report reads';

-- What a report's age is that of: also what {site} reads for it.
CREATE FUNCTION sambapos._report_sources(definition text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT (sambapos._report_tables(definition) || CASE WHEN definition LIKE '%{day}%' THEN '{work_periods}'::name[] END
          || CASE WHEN definition LIKE '%{tax}%' THEN '{tax_templates}'::name[] END)::text[];
$$;
COMMENT ON FUNCTION sambapos._report_sources(text) IS
  'The tables that a report, and what it knows of its site, are read from';

-- At the source there are one site and one epoch: what is joined by them as well is joined by the rest of its key, or
-- the planner would count with far fewer rows than there are.
CREATE FUNCTION sambapos._report_one_site(written text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN regexp_replace(regexp_replace(written, '\(\w+\.site_id, (\w+\.(document_)?epoch, )?', '(', 'g'),
                        '\m\w+\.site_id = \w+\.site_id\M', 'true', 'g');
END;
$$;
COMMENT ON FUNCTION sambapos._report_one_site(text) IS 'A report''s query without the site and the epoch as keys';

-- A view asks the till for each table once, whatever it does with it: OFFSET 0 keeps a join from asking for row after
-- row, and what is named in several places is a common table expression.
CREATE FUNCTION sambapos._report_read_once(place sambapos._place, written text, site text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  query text := regexp_replace(sambapos._report_one_site(written), '\{(any|once|live|all) ([a-z_]+)\}', '{\2}', 'g');
  site_query text := regexp_replace(site, '\{(any|once|live|all) ([a-z_]+)\}', '{\2}', 'g');
  used_in text := query || site_query;
  shared text := '';
  relation text;
  name text;
  part text[];
BEGIN
  FOR part IN
    SELECT m.found || count(*)::text
    FROM regexp_matches(query || site_query, '(\{(versions )?([a-z_]+)\})', 'g') AS m (found)
    WHERE m.found[3] <> 'site' GROUP BY m.found ORDER BY m.found
  LOOP
    relation := sambapos._report_relation(place, part[3]::name, coalesce(rtrim(part[2]), 'counted'), used_in);
    IF part[4] = '1' THEN
      relation := format('(SELECT * FROM %s AS x OFFSET 0)', relation);
    ELSE
      name := 'live_' || replace(btrim(part[1], '{}'), ' ', '_');
      shared := shared || format('%s AS MATERIALIZED (SELECT * FROM %s AS x), ', name, relation);
      relation := name;
    END IF;
    query := replace(query, part[1], relation);
    site_query := replace(site_query, part[1], relation);
  END LOOP;
  RETURN format('WITH %slive_site AS MATERIALIZED (SELECT * FROM %s AS x) %s', shared, site_query,
                replace(query, '{site}', 'live_site'));
END;
$$;
COMMENT ON FUNCTION sambapos._report_read_once(sambapos._place, text, text) IS
  'A report''s query over live tables, each of which is asked for once';

CREATE FUNCTION sambapos._report_sql(definition text, place sambapos._place, read_once boolean DEFAULT false,
                                     sources text[] DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  has_taxes boolean := definition LIKE '%{tax}%';
  has_sales boolean := definition LIKE '%s.sales_consumer%';
  written text := regexp_replace(regexp_replace(definition, '--[^\n]*', '', 'g'), -- by_day.sql: one of two
                                 '/\*replica\*/(.*?)/\*live\*/(.*?)/\*end\*/',
                                 CASE WHEN place.site_id IS NULL THEN '\1' ELSE '\2' END, 'g');
  has_day boolean := place.site_id IS NOT NULL AND written LIKE '%{day}%';
  site text;
  part text[];
  used_in text;
BEGIN
  written := replace(replace(replace(replace(written, '{day}', sambapos._report_day(place.site_id IS NOT NULL)),
    '{void}', sambapos._report_line_is('void')), '{gift}', sambapos._report_line_is('gift')),
    '{return}', sambapos._report_line_is('return'));
  written := replace(replace(written, '{tax}', sambapos._report_is_tax()), '{lives}', CASE WHEN place.site_id IS NULL
    THEN 'sambapos._report_epochs_of_database()'
    ELSE format('(SELECT %s::integer AS site_id, 0 AS row_epoch, 0 AS epoch)', place.site_id) END);
  written := replace(replace(written, '{wanted}', 'true'), '{days}', 'sambapos._report_days(s.site_id)');
  FOR part IN
    SELECT m.found
    FROM regexp_matches(written, '(\{each ([a-z_]+) ([a-z]+):\s([^{}]*)\} AS ([a-z_]+))', 'g') AS m (found)
  LOOP
    written := replace(written, part[1], sambapos._report_each(place, part[2], part[3], part[4], part[5]));
  END LOOP;
  FOR part IN
    SELECT m.found FROM regexp_matches(written, '(\{columns of ([a-z_]+) as ([a-z]+)\})', 'g') AS m (found)
  LOOP
    written := replace(written, part[1], sambapos._report_all_columns(
      place, part[2]::name, part[3], ARRAY(SELECT o.column_name FROM sambapos._report_outputs(definition) AS o)));
  END LOOP;
  IF read_once OR written LIKE '%{site}%' THEN
    site := sambapos._report_site(place, coalesce(sources, sambapos._report_sources(definition)), has_day, has_taxes,
                                   has_sales);
  END IF;
  IF place.site_id IS NOT NULL AND read_once THEN
    RETURN sambapos._report_read_once(place, written, site);
  END IF;
  used_in := replace(written, '{site}', coalesce(site, ''));
  written := used_in;
  FOR part IN
    SELECT DISTINCT m.found
    FROM regexp_matches(written, '(\{(any |once |live |all |versions )?([a-z_]+)\})', 'g') AS m (found)
  LOOP
    written := replace(written, part[1], sambapos._report_relation(
      place, part[3]::name, coalesce(rtrim(part[2]), 'counted'), used_in));
  END LOOP;
  RETURN written;
END;
$$;
COMMENT ON FUNCTION sambapos._report_sql(text, sambapos._place, boolean, text[]) IS
  'The query that a report''s definition stands for: over the replica of all sites (place NULL), or over the live '
  'tables of one; read_once: each table is asked for whole, in one query; sources: the tables whose age is the '
  'report''s, NULL: those it reads';

CREATE FUNCTION sambapos._report_view_list(report name) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT string_agg(format('l.%I::%s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
  FROM pg_attribute AS a
  WHERE a.attrelid = to_regclass(format('sambapos_report.%I', report)) AND a.attnum > 1 AND NOT a.attisdropped;
$$;
COMMENT ON FUNCTION sambapos._report_view_list(name) IS
  'The columns of a report''s view but for the first one, as a select list over alias l, with the types that it has';
