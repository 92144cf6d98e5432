-- relation.sql: one definition of a report, two sources: the replica, or the live tables of one site.
--
-- Rules:
-- * A report is a query in which relations stand in braces: {tickets} are the rows of that table that count,
--   {any users} each id once, whatever became of it, {versions menu_items} all versions of a row with the time each
--   held, {all tickets} every row, {site} what is known of a site. _report_sql puts in their place what is read.
-- * Ids of two databases have nothing in common, and within one database a menu or a user goes on when tickets begin an
--   epoch. So {any} and {versions} have a master in each epoch of its database, and are joined by the epoch of
--   the line. {once accounts} has each id of a database once, in its own epoch, and {lives} says which epochs belong
--   together. An epoch that was discarded belongs to none that counts.
-- * A relation has site_id and epoch, also where it is live: there they are constants, and what is joined by them is
--   joined by the rest of its key alone, at the source.
-- * A relation has every column of its table that the report names. What a site's version of SambaPOS lacks is NULL; a
--   table that is not copied has no rows.
-- * Names are resolved when the query is put together: every relation is written with its schema.

-- What reports read. Another column of a table is there as well; what its type is is known only here when it is not.
CREATE FUNCTION sambapos._report_columns(of_table name DEFAULT NULL)
RETURNS TABLE (table_name name, column_name name, type_name text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT k.table_name::name, split_part(c.word, ' ', 1)::name, split_part(c.word, ' ', 2)
  FROM (VALUES
    ('tickets', 'id integer,last_update_time timestamp,ticket_number text,date timestamp,last_order_date timestamp,'
                'last_payment_date timestamp,is_closed boolean,remaining_amount numeric,total_amount numeric,'
                'department_id integer,terminal_id integer,ticket_type_id integer,note text,'
                'last_modified_user_name text,'
                'ticket_tags text,ticket_states text,exchange_rate numeric,tax_included boolean,name text,'
                'transaction_document_id integer,document_epoch integer'),
    ('ticket_entities', 'id integer,entity_type_id integer,entity_id integer,account_id integer,entity_name text,'
                        'ticket_id integer'),
    ('orders', 'id integer,ticket_id integer,department_id integer,menu_item_id integer,menu_item_name text,'
               'portion_name text,price numeric,quantity numeric,calculate_price boolean,decrease_inventory boolean,'
               'increase_inventory boolean,order_number integer,creating_user_name text,created_date_time timestamp,'
               'account_transaction_type_id integer,product_timer_value_id integer,price_tag text,tag text,taxes text,'
               'order_tags text,order_states text'),
    ('payments', 'id integer,ticket_id integer,payment_type_id integer,name text,date timestamp,amount numeric,'
                 'tendered_amount numeric,user_id integer,account_transaction_id_2 integer,'
                 'account_transaction_account_transaction_document_id integer,document_epoch integer'),
    ('change_payments', 'id integer,ticket_id integer,change_payment_type_id integer,name text,date timestamp,'
                        'amount numeric,user_id integer'),
    ('calculations', 'id integer,ticket_id integer,name text,order integer,calculation_type_id integer,'
                     'account_transaction_type_id integer,calculation_type integer,include_tax boolean,'
                     'decrease_amount boolean,amount numeric,calculation_amount numeric,last_updated_user text'),
    ('product_timer_values', 'id integer,product_timer_id integer,price_type integer,price_duration numeric,'
                             'min_time numeric,time_rounding numeric,start timestamp,end timestamp'),
    ('account_transaction_documents', 'id integer,date timestamp,document_type_id integer,name text,user_name text'),
    ('account_transactions', 'id integer,account_transaction_document_id integer,amount numeric,exchange_rate numeric,'
                             'account_transaction_type_id integer,source_account_type_id integer,'
                             'target_account_type_id integer,is_reversed boolean,name text'),
    ('account_transaction_values', 'id integer,account_transaction_id integer,account_transaction_document_id integer,'
                                   'account_type_id integer,account_id integer,date timestamp,debit numeric,'
                                   'credit numeric,exchange numeric,name text'),
    ('work_periods', 'id integer,start_date timestamp,end_date timestamp,start_description text,end_description text,'
                     'name text'),
    ('entities', 'id integer,entity_type_id integer,account_id integer,name text'),
    ('entity_types', 'id integer,entity_name text,name text'),
    ('accounts', 'id integer,account_type_id integer,foreign_currency_id integer,name text'),
    ('account_types', 'id integer,name text'),
    ('account_transaction_types', 'id integer,source_account_type_id integer,target_account_type_id integer,name text'),
    ('account_transaction_document_types', 'id integer,name text'),
    ('foreign_currencies', 'id integer,currency_symbol text,exchange_rate numeric,name text'),
    ('menu_items', 'id integer,group_code text,barcode text,tag text,custom_tags text,name text'),
    ('menu_item_portions', 'id integer,name text,menu_item_id integer,multiplier integer'),
    ('menu_item_prices', 'id integer,menu_item_portion_id integer,price_tag text,price numeric'),
    ('screen_menus', 'id integer,name text'),
    ('screen_menu_categories', 'id integer,name text,screen_menu_id integer'),
    ('screen_menu_items', 'id integer,name text,screen_menu_category_id integer,menu_item_id integer'),
    ('departments', 'id integer,name text'),
    ('ticket_types', 'id integer,name text,tax_included boolean,sale_transaction_type_id integer'),
    ('terminals', 'id integer,name text'),
    ('users', 'id integer,name text'),
    ('ticket_tag_groups', 'id integer,data_type integer,name text'),
    ('payment_types', 'id integer,sort_order integer,name text,account_transaction_type_id integer,account_id integer'),
    ('change_payment_types', 'id integer,name text,account_transaction_type_id integer,account_id integer'),
    ('calculation_types', 'id integer,name text,account_transaction_type_id integer,decrease_amount boolean'),
    ('tax_templates', 'id integer,name text,rate numeric,account_transaction_type_id integer'),
    ('states', 'id integer,group_name text,name text,show_on_end_of_day_report boolean')) AS k (table_name, words)
  CROSS JOIN LATERAL string_to_table(k.words, ',') AS c (word)
  WHERE of_table IS NULL OR k.table_name = of_table;
END;
$$;
COMMENT ON FUNCTION sambapos._report_columns(name) IS
  'The columns that reports read, of a table or of all, with the type each has where a site''s version of SambaPOS '
  'lacks it';

-- ROWS 1: most sites have one epoch, and an estimate that is too high makes plans for tables that are not there.
CREATE FUNCTION sambapos._report_epochs_of_database()
RETURNS TABLE (site_id integer, row_epoch integer, epoch integer, of_database integer)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1 SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    WITH life AS (
      SELECT e.site_id, e.epoch, coalesce((SELECT p.of_database FROM sambapos.epoch AS p
                                           WHERE p.site_id = e.site_id AND p.epoch <= e.epoch
                                             AND p.of_database IS NOT NULL
                                           ORDER BY p.epoch DESC LIMIT 1), 1) AS of_database
      FROM sambapos.epoch AS e)
    SELECT a.site_id, a.epoch, b.epoch, a.of_database FROM life AS a JOIN life AS b USING (site_id, of_database)
    WHERE a.of_database > 0 OR a.epoch = b.epoch;
END;
$$;
COMMENT ON FUNCTION sambapos._report_epochs_of_database() IS
  'In which epochs a row of an epoch (row_epoch) means the same: in all of its database';

-- The select list over alias t: what is there under the replica''s names, then what is known and not there.
-- Who asks a report need not be who syncs, and trusts the replica's owner if that role was given level admin. A table
-- that is there and not to be read is an error: without its rows the report would be wrong.
CREATE FUNCTION sambapos._report_relation(table_name name) RETURNS regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
DECLARE
  relation regclass := sambapos._replica_table(table_name);
  owner name;
  is_admin boolean;
BEGIN
  IF relation IS NULL THEN
    SELECT c.oid, pg_get_userbyid(n.nspowner),
           has_function_privilege(n.nspowner, 'sambapos._history_rewrite(integer,name,text,text)', 'EXECUTE')
      INTO relation, owner, is_admin
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'sambapos_replica'
    WHERE c.relname = _report_relation.table_name AND c.relkind IN ('r', 'p') AND c.relowner = n.nspowner;
  END IF;
  IF NOT is_admin THEN
    RAISE EXCEPTION 'table sambapos_replica.% belongs to role "%", which has not level admin', table_name, owner USING
      ERRCODE = 'insufficient_privilege',
      HINT = format('If that role is to sync: SELECT sambapos_grant(%L, ''admin'').', owner);
  END IF;
  RETURN relation;
END;
$$;
COMMENT ON FUNCTION sambapos._report_relation(name) IS
  'The replica table that a report reads; NULL: there is none. Raises 42501 if it belongs to a role without level admin';

CREATE FUNCTION sambapos._report_list(place sambapos._place, table_name name, relation regclass, used_in text)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
DECLARE
  list text;
BEGIN
  WITH present AS (
    SELECT a.attname AS column_name, 't.' || quote_ident(a.attname) AS expression, a.attnum AS n
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND place.site_id IS NULL AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT c.column_name, CASE WHEN c.is_hidden THEN format('NULL::%s', c.type_name)
           ELSE 't.' || quote_ident(c.live_name) END,
           c.ordinal
    FROM sambapos._table AS k CROSS JOIN LATERAL sambapos._table_columns(place, k) AS c
    WHERE relation IS NOT NULL AND (k.site_id, k.table_name) = (place.site_id, _report_list.table_name)
    UNION ALL
    SELECT v.name, v.expression, v.n
    FROM (VALUES ('site_id'::name, place.site_id || '::integer', -9::smallint), ('epoch', '0::integer', -8),
                 ('document_epoch', '0::integer', -7), ('row_state', '''live''::text', -6)) AS v (name, expression, n)
    WHERE place.site_id IS NOT NULL
  ), missing AS (
    SELECT k.column_name, format('NULL::%s', k.type_name) AS expression
    FROM sambapos._report_columns(_report_list.table_name) AS k
    WHERE NOT EXISTS (SELECT FROM present AS p WHERE p.column_name = k.column_name)
    UNION ALL
    SELECT v.name, v.expression
    FROM (VALUES ('site_id'::name, 'NULL::integer'), ('epoch', 'NULL::integer'), ('row_state', 'NULL::text'),
                 ('version', 'NULL::bigint')) AS v (name, expression)
    WHERE NOT EXISTS (SELECT FROM present AS p WHERE p.column_name = v.name)
  )
  SELECT string_agg(format('%s AS %I', x.expression, x.column_name), ', ' ORDER BY x.n, x.column_name) INTO list
  FROM (SELECT p.column_name, p.expression, p.n::integer FROM present AS p
        UNION ALL SELECT m.column_name, m.expression, 10000 FROM missing AS m) AS x
  WHERE used_in IS NULL OR strpos(used_in, quote_ident(x.column_name)) > 0
     OR x.column_name = ANY ('{site_id,epoch,id,row_state,document_epoch,version}');
  RETURN list;
END;
$$;
COMMENT ON FUNCTION sambapos._report_list(sambapos._place, name, regclass, text) IS
  'The columns of a table as a report reads them, as a select list: those whose names stand in a text, or all (NULL)';

-- Of masters each id once: what a name was is wanted of what is gone, too. The row at the source comes first, then that
-- of the latest epoch. A version holds since the one before it ended: synced_at also says when the row was deleted. The
-- first one of a database holds since ever, also for what it had sold before it was read for the first time.
CREATE FUNCTION sambapos._report_versions(list text, table_name name) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  history regclass := sambapos._report_relation((table_name || '_history')::name);
  columns text;
  earlier text;
BEGIN
  IF sambapos._relation_kind(history) <> 'history' THEN
    history := NULL; -- a source table can be called so
  END IF;
  SELECT string_agg(quote_ident(k.column_name), ', '),
         string_agg(CASE WHEN a.attname IS NULL THEN format('NULL::%s', k.type_name)
                         ELSE 'h.' || quote_ident(k.column_name) END, ', ')
    INTO columns, earlier
  FROM sambapos._report_columns(_report_versions.table_name) AS k
  LEFT JOIN pg_attribute AS a ON a.attrelid = history AND a.attname = k.column_name AND NOT a.attisdropped;
  RETURN format(
    '(SELECT v.*, CASE WHEN row_number() OVER w = 1 THEN ''-infinity'' ELSE v.began END AS valid_from,
             coalesce(lead(v.began) OVER w, ''infinity'') AS valid_to
      FROM (SELECT e.site_id, l.epoch, e.epoch AS row_epoch, %1$s,
                   coalesce(lag(e.ended) OVER (PARTITION BY e.site_id, l.epoch, e.epoch, e.id ORDER BY e.ended),
                            e.began) AS began
            FROM (SELECT r.site_id, r.epoch, %1$s, r.first_seen_at AS began, timestamptz ''infinity'' AS ended
                  FROM (SELECT %2$s FROM sambapos_replica.%3$I AS t) AS r %4$s) AS e
            JOIN sambapos._report_epochs_of_database() AS l ON (l.site_id, l.row_epoch) = (e.site_id, e.epoch)) AS v
      WINDOW w AS (PARTITION BY v.site_id, v.epoch, v.id ORDER BY v.row_epoch, v.began))',
    columns, list, table_name,
    CASE WHEN history IS NOT NULL
         THEN format('UNION ALL SELECT h.site_id, h.epoch, %s, h.valid_from, h.valid_to FROM %s AS h', earlier, history)
    END);
END;
$$;
COMMENT ON FUNCTION sambapos._report_versions(text, name) IS
  'All versions of the rows of a replica table, with the time that each held; the first one holds since ever';

-- Each id of a database once, as it is at the source or was last: "any" in each of its epochs, "once" in its own.
CREATE FUNCTION sambapos._report_masters(list text, relation regclass, which text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format('(SELECT DISTINCT ON (t.site_id, %1$s, t.id) %2$s FROM %3$s AS t '
                'JOIN sambapos._report_epochs_of_database() AS l '
                'ON (l.site_id, l.row_epoch%4$s) = (t.site_id, t.epoch%5$s) '
                'ORDER BY t.site_id, %1$s, t.id, (t.row_state = ''live'') DESC, t.epoch DESC)',
                CASE which WHEN 'any' THEN 'l.epoch' ELSE 'l.of_database' END,
                CASE which WHEN 'any' THEN replace(list, 't.epoch AS epoch', 'l.epoch AS epoch') ELSE list END,
                relation, CASE which WHEN 'once' THEN ', l.epoch' ELSE '' END,
                CASE which WHEN 'once' THEN ', t.epoch' ELSE '' END);
END;
$$;
COMMENT ON FUNCTION sambapos._report_masters(text, regclass, text) IS
  'Each id of a master once for each database; which: any, in each of its epochs, or once, in the row''s own';

CREATE FUNCTION sambapos._report_table(place sambapos._place, table_name name, which text, used_in text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass := CASE WHEN place.site_id IS NULL THEN sambapos._report_relation(table_name)
                            ELSE to_regclass(format('%I.%I', sambapos._live_schema(place.name), table_name)) END;
  list text;
BEGIN
  IF place.site_id IS NOT NULL
     AND NOT EXISTS (SELECT FROM sambapos._table AS k
                     WHERE (k.site_id, k.table_name) = (place.site_id, _report_table.table_name)) THEN
    relation := NULL;
  END IF;
  list := sambapos._report_list(place, table_name, relation, CASE WHEN which <> 'versions' THEN used_in END);
  IF relation IS NULL THEN
    RETURN format('(SELECT %s%s WHERE false)', list, CASE which WHEN 'versions' THEN
      ', NULL::timestamptz AS valid_from, NULL::timestamptz AS valid_to' ELSE '' END);
  ELSIF place.site_id IS NOT NULL THEN
    RETURN format('(SELECT %s%s FROM %s AS t)', list, CASE which WHEN 'versions' THEN
      ', timestamptz ''-infinity'' AS valid_from, timestamptz ''infinity'' AS valid_to' ELSE '' END, relation);
  END IF;
  RETURN CASE which
    WHEN 'counted' THEN format('(SELECT %s FROM %s AS t WHERE t.row_state IN (''live'', ''cleared'', ''superseded''))',
                               list, relation)
    WHEN 'any' THEN sambapos._report_masters(list, relation, which)
    WHEN 'once' THEN sambapos._report_masters(list, relation, which)
    WHEN 'live' THEN format('(SELECT %s FROM %s AS t WHERE t.row_state = ''live'')', list, relation)
    WHEN 'all' THEN format('(SELECT %s FROM %s AS t)', list, relation)
    WHEN 'versions' THEN sambapos._report_versions(list, table_name) END;
END;
$$;
COMMENT ON FUNCTION sambapos._report_table(sambapos._place, name, text, text) IS
  'What a report reads for a table: of the replica, or of a site''s live tables; which: counted, any, once, live, '
  'all or versions; used_in: the report''s text, NULL: all columns';

-- The columns of ours beside those of an order: modifiers, what its tags add to the price of one; line_value, what it
-- comes to, charged or not; line_total, what is charged. A timed product is priced by its timer.
CREATE FUNCTION sambapos._report_orders(place sambapos._place, orders text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format(
    '(SELECT o.*, CASE WHEN NOT o.calculate_price THEN 0 ELSE o.line_value END AS line_total
      FROM (SELECT o.*, CASE WHEN v.id IS NULL THEN o.price + o.modifiers
                             ELSE sambapos._timer_price(o.price + o.modifiers, v.price_type, v.price_duration,
                                                        v.min_time, v.time_rounding, v.start, v."end", NULL) END
                        * o.quantity AS line_value
            FROM %s AS o
            LEFT JOIN %s AS v ON (v.site_id, v.epoch, v.id) = (o.site_id, o.epoch, o.product_timer_value_id)) AS o)',
    CASE WHEN orders ~ ' AS modifiers[, ]' THEN orders
         ELSE format('(SELECT t.*, CASE WHEN t.order_tags IS NULL OR t.order_tags IN ('''', ''[]'') THEN 0
                                        ELSE sambapos._order_tags_price(t.order_tags) END AS modifiers FROM %s AS t)',
                     orders) END,
    sambapos._report_table(place, 'product_timer_values', 'counted',
                           'price_type price_duration min_time time_rounding start "end"'));
END;
$$;
COMMENT ON FUNCTION sambapos._report_orders(sambapos._place, text) IS
  'Orders with what modifiers add to the price, with the line''s value and its total';

-- Columns that a report does not name cost time when the query is planned, and at the till where a table is read whole.
CREATE FUNCTION sambapos._report_relation(place sambapos._place, table_name name, which text,
                                          used_in text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  is_line boolean := table_name = 'orders' AND which <> 'all';
  relation text := sambapos._report_table(place, table_name, which, CASE WHEN is_line THEN
    used_in || ' price quantity calculate_price modifiers order_tags product_timer_value_id' ELSE used_in END);
BEGIN
  RETURN CASE WHEN is_line THEN sambapos._report_orders(place, relation) ELSE relation END;
END;
$$;
COMMENT ON FUNCTION sambapos._report_relation(sambapos._place, name, text, text) IS
  'What a name in braces stands for in the definition of a report; used_in: the report''s text, NULL: all columns';
