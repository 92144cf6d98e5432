-- site.sql: what a report knows of a site: where its rows come from, how old they are, and the settings that decide
-- which rows count and which day they belong to.

-- A site that was never synced has no row here, of no table: then the till may be asked. As soon as a first load has
-- begun there are rows, and the report says partial; and so it does of rows that were adopted.
CREATE FUNCTION sambapos._report_reads_live(site_id integer) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
DECLARE
  has_rows boolean := false;
BEGIN
  IF NOT EXISTS (SELECT FROM sambapos.site AS s
                 WHERE s.site_id = _report_reads_live.site_id AND s.removed_at IS NULL
                   AND s.live_fallback <> 'off'
                   AND NOT EXISTS (SELECT FROM sambapos.table_state AS t
                                   WHERE t.site_id = s.site_id AND t.loaded_at IS NOT NULL)
                   AND NOT EXISTS (SELECT FROM sambapos.backfill AS b WHERE b.site_id = s.site_id)) THEN
    RETURN false;
  ELSIF sambapos._report_relation('tickets') IS NOT NULL THEN
    EXECUTE 'SELECT EXISTS (SELECT FROM sambapos_replica.tickets AS t WHERE t.site_id = $1)'
      INTO has_rows USING site_id;
  END IF;
  RETURN NOT has_rows;
END;
$$;
COMMENT ON FUNCTION sambapos._report_reads_live(integer) IS
  'True if the reports of a site ask the till: it was never synced, and live_fallback is not off';

-- The age of a report is that of its oldest table. A table that is not copied is left out: it has no rows, and the
-- report says so by what it lacks.
CREATE FUNCTION sambapos._report_state(site_id integer, tables text[], OUT data_source text, OUT as_of timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  SELECT CASE WHEN bool_and(t.loaded_at IS NOT NULL) THEN 'replica' ELSE 'partial' END, min(t.read_began_at)
    INTO data_source, as_of
  FROM sambapos._table AS t
  WHERE t.site_id = _report_state.site_id AND t.table_name = ANY (tables) AND (t.enabled OR t.loaded_at IS NOT NULL);
  data_source := coalesce(data_source, 'partial');
END;
$$;
COMMENT ON FUNCTION sambapos._report_state(integer, text[]) IS
  'replica, or partial while the first load of one of the tables is not through; and when the oldest of them was read';

-- An entity type is known by its id or by its name. One that is not there has no entities. All that a report wants to
-- know are looked up at once: at the till that is one question.
CREATE FUNCTION sambapos._report_entity_types(site_id integer, wanted text[]) RETURNS integer[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  found integer[];
  relation regclass := NULL;
  is_live boolean := sambapos._report_reads_live(site_id);
BEGIN
  IF NOT EXISTS (SELECT FROM unnest(wanted) AS w WHERE w !~ '^[0-9]{1,9}$') THEN
    RETURN wanted::integer[];
  ELSIF is_live THEN
    SELECT to_regclass(format('%I.entity_types', sambapos._live_schema(s.name))) INTO relation
    FROM sambapos.site AS s WHERE s.site_id = _report_entity_types.site_id;
  ELSE
    relation := sambapos._report_relation('entity_types');
  END IF;
  IF relation IS NOT NULL THEN
    EXECUTE format('WITH e AS MATERIALIZED (SELECT e.id, sambapos._text_fold(e.name) AS name,
                                                   sambapos._text_fold(e.entity_name) AS entity_name FROM %s AS e %s)
                    SELECT array_agg((SELECT min(e.id) FROM e
                                      WHERE sambapos._text_fold(w.name) IN (e.name, e.entity_name)) ORDER BY w.n)
                    FROM unnest($1) WITH ORDINALITY AS w (name, n)', relation,
                   CASE WHEN NOT is_live THEN 'WHERE e.site_id = $2 AND e.row_state = ''live''' END)
      INTO found USING wanted, site_id;
  END IF;
  RETURN ARRAY(SELECT CASE WHEN w.name ~ '^[0-9]{1,9}$' THEN w.name::integer ELSE found[w.n] END
               FROM unnest(wanted) WITH ORDINALITY AS w (name, n) ORDER BY w.n);
END;
$$;
COMMENT ON FUNCTION sambapos._report_entity_types(integer, text[]) IS
  'The ids of a site''s entity types, each given by its id or its name; NULL: there is none';

-- Of several consumers of sales one has to be named.
CREATE FUNCTION sambapos._sale_consumer(site_id integer) RETURNS integer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  found integer[] := ARRAY(
    SELECT c.consumer_id FROM sambapos.site AS s JOIN sambapos.change_feed AS f USING (site_id)
    JOIN sambapos.feed_consumer AS c USING (feed_id)
    WHERE s.site_id = _sale_consumer.site_id AND c.mode = 'work' AND 'sales' = ANY (c.entities)
      AND c.name = coalesce(s.sales_consumer, c.name));
BEGIN
  RETURN CASE WHEN cardinality(found) = 1 THEN found[1] END;
END;
$$;
COMMENT ON FUNCTION sambapos._sale_consumer(integer) IS
  'The consumer whose deliveries say how a sale stands: the one in setting sales_consumer, else the only one; NULL: none';

CREATE FUNCTION sambapos._report_site_columns() RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $list$
    s.site_id, s.name AS site, s.currency, s.time_zone, coalesce(x.hw_offset_minutes, 0) AS offset_minutes,
    split_part(coalesce(s.day_rule, 'ticket midnight'), ' ', 1) AS day_by,
    split_part(coalesce(s.day_rule, 'ticket midnight'), ' ', 2) AS day_end,
    coalesce(s.day_rule, 'ticket midnight') LIKE '%closed' AS closed_only,
    s.course_tag, s.gl_tag, s.covers_tag, s.void_state, s.gift_state,
    n.types[1] AS table_type, n.types[2] AS room_type, n.types[3] AS customer_type$list$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_site_columns() IS
  'What {site} has of sambapos.site (s), sambapos.site_state (x) and the entity types (n)';

-- ORDER BY what no index has, and OFFSET 0: it is put together once and kept, and not once for each row that is joined
-- to it, which the planner takes for cheap where it expects few rows. When the work periods began is known where a
-- day is asked for that ends with them; which kinds of account transactions are taxes, or were one once, where that is
-- asked for.
CREATE FUNCTION sambapos._report_site(place sambapos._place, tables text[], has_day boolean,
                                      has_taxes boolean DEFAULT false, has_sales boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format(
    '(SELECT %s, %s, %s, %s, %s FROM sambapos.site AS s LEFT JOIN sambapos.site_state AS x USING (site_id) '
    'CROSS JOIN LATERAL (SELECT sambapos._report_entity_types(s.site_id, ARRAY[s.table_entity_type, '
    's.room_entity_type, s.customer_entity_type]) AS types OFFSET 0) AS n %s WHERE s.removed_at IS NULL%s '
    'ORDER BY s.site_id + 0 OFFSET 0)',
    sambapos._report_site_columns(),
    CASE WHEN place.site_id IS NULL THEN 'f.data_source, f.as_of'
         ELSE '''live''::text AS data_source, statement_timestamp() AS as_of' END,
    CASE WHEN has_day THEN 'CASE WHEN s.day_rule LIKE ''% work_period%'' THEN (SELECT array_agg(w.start_date '
                           'ORDER BY w.start_date) FROM {work_periods} AS w WHERE w.site_id = s.site_id) END'
         ELSE 'NULL::timestamp[]' END || ' AS period_starts',
    CASE WHEN has_taxes THEN '(SELECT coalesce(array_agg(DISTINCT (k.epoch::bigint << 32) '
                             '+ k.account_transaction_type_id), ''{}'') FROM {versions tax_templates} AS k '
                             'WHERE k.site_id = s.site_id AND k.account_transaction_type_id IS NOT NULL)'
         ELSE 'NULL::bigint[]' END || ' AS tax_types',
    CASE WHEN has_sales THEN 'sambapos._sale_consumer(s.site_id)' ELSE 'NULL::integer' END || ' AS sales_consumer',
    CASE WHEN place.site_id IS NULL
         THEN format('CROSS JOIN LATERAL sambapos._report_state(s.site_id, string_to_array(%L, '','')) AS f',
                     array_to_string(tables, ',')) END, -- no braces: they would stand for tables
    CASE WHEN place.site_id IS NOT NULL THEN ' AND s.site_id = ' || place.site_id END);
END;
$$;
COMMENT ON FUNCTION sambapos._report_site(sambapos._place, text[], boolean, boolean, boolean) IS
  'What {site} stands for: the site''s settings, and where the rows of these tables come from';
