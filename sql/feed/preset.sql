-- preset.sql: what of a SambaPOS database a point of sale client, or a host with its configuration, wants to have.
--
-- Rules:
-- * An entity whose rows are those of a replica table has no definition. Where SambaPOS's shape differs it is a query in
--   which relations stand in braces: {menu_items} are the rows of that table at the site's source, with every column that
--   is copied; {numerators name text} has that column in any case, NULL where the site's version of SambaPOS lacks it.
-- * What is never copied (PINs, passwords, keys, settings of payment processors) is not there to be named. Personal
--   columns are as sambapos_configure has them.
-- * Names and priorities are those of the documents that clients are written by. What SambaPOS does not have (job codes,
--   kitchen displays, schedules) is for tables of your own.

-- The words that a column's name is made of, also of one that was written without quotes: passwordhash. user_pin has
-- pin, spinning has not.
CREATE FUNCTION sambapos._feed_column_is_secret(column_name text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN lower(regexp_replace(column_name, '([a-z0-9])([A-Z])', '\1_\2', 'g') COLLATE "C")
         ~ ('passw|secret|token|hash|(user|card|staff|employee|manager|admin|cashier|login|waiter|clerk|door|access)pins?'
            '|(user|login|card)salts?'
            '|(^|[^a-z])(pins?|pincodes?|salts?)([^a-z]|$)');
END;
$$;
COMMENT ON FUNCTION sambapos._feed_column_is_secret(text) IS
  'True if a column''s name has password, secret, token or hash in it, or the word pin or salt';

CREATE TYPE sambapos._feed_preset AS (preset text, entity text, payload_key text, tier integer, priority text,
                                      main_table text, key text[], lazy text[], definition text);
COMMENT ON TYPE sambapos._feed_preset IS
  'An entity of a preset; main_table: the replica table without which it is left out; definition NULL: that table''s rows';

-- Prices of a portion: the usual one has no tag, and there can be others.
CREATE FUNCTION sambapos._preset_prices() RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN '(SELECT r.menu_item_portion_id, min(r.price) FILTER (WHERE coalesce(btrim(r.price_tag), '''') = '''') AS price,
                  jsonb_agg(jsonb_build_object(''price_tag'', nullif(btrim(r.price_tag), ''''), ''price'', r.price)
                            ORDER BY r.id) AS prices
           FROM {menu_item_prices id integer,menu_item_portion_id integer,price_tag text,price numeric} AS r
           GROUP BY r.menu_item_portion_id)';
END;
$$;
COMMENT ON FUNCTION sambapos._preset_prices() IS 'The prices of each portion of a menu item, as a relation';

-- An entity type or account type, by its id or one of its names.
CREATE FUNCTION sambapos._preset_type(types text, setting text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format('(SELECT coalesce(min(k.id), min(CASE WHEN x.%1$I ~ ''^[0-9]{1,9}$'' THEN x.%1$I::integer END))
                  FROM sambapos.site AS x LEFT JOIN {%2$s id integer,name text,entity_name text} AS k
                    ON lower(x.%1$I) IN (k.id::text, lower(k.name), lower(k.entity_name))
                  WHERE x.site_id = {site})', setting, types);
END;
$$;
COMMENT ON FUNCTION sambapos._preset_type(text, text) IS 'The id of the type that a setting of the site names';

-- Document 003: what a point of sale client keeps.
CREATE FUNCTION sambapos._preset_pos() RETURNS SETOF sambapos._feed_preset
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 12 SET search_path = pg_catalog, pg_temp AS
$$
  VALUES
    ('pos', 'products', 'products', NULL::integer, 'HIGH', 'menu_items', '{id}'::text[], '{}'::text[], NULL),
    ('pos', 'categories', 'categories', NULL, 'HIGH', 'menu_items', '{name}', '{}',
     'SELECT m.group_code AS name FROM {menu_items group_code text} AS m WHERE btrim(m.group_code) <> ''''
      GROUP BY m.group_code'),
    ('pos', 'materials', 'materials', NULL, 'MEDIUM', 'inventory_items', '{id}', '{}', NULL),
    ('pos', 'unit_of_measures', 'unitOfMeasures', NULL, 'LOW', 'inventory_items', '{name}', '{}',
     'SELECT u.name
      FROM (SELECT i.base_unit AS name FROM {inventory_items base_unit text,transaction_unit text} AS i
            UNION SELECT i.transaction_unit FROM {inventory_items base_unit text,transaction_unit text} AS i
            UNION SELECT k.name FROM {inventory_item_units name text} AS k) AS u WHERE btrim(u.name) <> '''''),
    ('pos', 'product_unit_of_measures', 'productUnitOfMeasures', NULL, 'LOW', 'menu_item_portions', '{id}', '{}',
     'SELECT p.*, r.price, coalesce(r.prices, ''[]'') AS prices FROM {menu_item_portions} AS p
      LEFT JOIN ' || sambapos._preset_prices() || ' AS r ON r.menu_item_portion_id = p.id'),
    ('pos', 'material_unit_of_measures', 'materialUnitOfMeasures', NULL, 'LOW', 'inventory_item_units',
     '{id,inventory_item_id}', '{}', NULL),
    ('pos', 'recipes', 'recipes', NULL, 'LOW', 'recipes', '{id}', '{}', NULL),
    ('pos', 'recipe_materials', 'recipeMaterials', NULL, 'LOW', 'recipe_items', '{id}', '{}', NULL),
    ('pos', 'settings', 'settings', NULL, 'MEDIUM', 'program_setting_values', '{id}', '{}', NULL),
    ('pos', 'tables', 'tables', NULL, 'MEDIUM', 'entities', '{id}', '{}',
     'SELECT e.id, e.name, e.entity_type_id, sambapos._safe_json(v.entity_states) AS states
      FROM {entities name text,entity_type_id integer} AS e
      LEFT JOIN {entity_state_values entity_id integer,entity_states text} AS v ON v.entity_id = e.id
      WHERE e.entity_type_id = ' || sambapos._preset_type('entity_types', 'table_entity_type')),
    ('pos', 'inventory_config', 'inventoryConfig', NULL, 'LOW', 'warehouses', '{kind,id}', '{}',
     'SELECT ''warehouse'' AS kind, w.id, w.name, w.sort_order, w.warehouse_type_id, NULL::integer AS source_warehouse_type_id,
             NULL::integer AS target_warehouse_type_id, NULL::integer AS default_source_warehouse_id,
             NULL::integer AS default_target_warehouse_id
      FROM {warehouses name text,sort_order integer,warehouse_type_id integer} AS w
      UNION ALL
      SELECT ''transaction_type'', t.id, t.name, t.sort_order, NULL, t.source_warehouse_type_id, t.target_warehouse_type_id,
             t.default_source_warehouse_id, t.default_target_warehouse_id
      FROM {inventory_transaction_types id integer,name text,sort_order integer,source_warehouse_type_id integer,'
          'target_warehouse_type_id integer,default_source_warehouse_id integer,default_target_warehouse_id integer} AS t'),
    ('pos', 'document_prefixes', 'documentPrefixes', NULL, 'LOW', 'numerators', '{id}', '{}',
     'SELECT n.id, n.name, n.number_format FROM {numerators name text,number_format text} AS n');
$$;
COMMENT ON FUNCTION sambapos._preset_pos() IS 'The entities of preset pos';

-- Document 004, tiers 1 to 3: the organisation, the menu, money.
CREATE FUNCTION sambapos._preset_config() RETURNS SETOF sambapos._feed_preset
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 16 SET search_path = pg_catalog, pg_temp AS
$$
  VALUES
    ('config', 'enterprises', 'enterprise', 1, 'HIGH', 'work_periods', '{id}'::text[], '{}'::text[],
     'SELECT x.site_group AS id, x.site_group AS name FROM sambapos.site AS x WHERE x.site_id = {site}
         AND x.site_group IS NOT NULL'),
    ('config', 'properties', 'property', 1, 'HIGH', 'work_periods', '{id}', '{}',
     'SELECT x.name AS id, x.name, x.external_id, x.site_group AS enterprise_id, x.currency, x.time_zone, w.business_date,
             w.work_period_id, w.is_open
      FROM sambapos.site AS x
      LEFT JOIN (SELECT p.id AS work_period_id, p.start_date::date AS business_date, p.end_date = p.start_date AS is_open
                 FROM {work_periods start_date timestamp,end_date timestamp} AS p ORDER BY p.id DESC LIMIT 1) AS w ON true
      WHERE x.site_id = {site}'),
    ('config', 'rvcs', 'revenueCenters', 1, 'HIGH', 'departments', '{id}', '{}', NULL),
    ('config', 'employees', 'employees', 1, 'HIGH', 'users', '{id}', '{}', NULL),
    ('config', 'roles', 'roles', 1, 'HIGH', 'user_roles', '{id}', '{}', NULL),
    ('config', 'privileges', 'privileges', 1, 'HIGH', 'permissions', '{id}', '{}', NULL),
    ('config', 'slus', 'slus', 2, 'HIGH', 'screen_menu_categories', '{id}', '{}',
     'SELECT c.id, c.name, c.sort_order, c.screen_menu_id, m.name AS screen_menu_name
      FROM {screen_menu_categories name text,sort_order integer,screen_menu_id integer} AS c
      LEFT JOIN {screen_menus id integer,name text} AS m ON m.id = c.screen_menu_id'),
    ('config', 'menu_items', 'menuItems', 2, 'HIGH', 'menu_items', '{id}', '{}',
     'SELECT m.*, coalesce(p.portions, ''[]'') AS portions FROM {menu_items} AS m
      LEFT JOIN (SELECT p.menu_item_id, jsonb_agg(jsonb_build_object(''id'', p.id, ''name'', p.name, ''multiplier'', p.multiplier,
                          ''prices'', coalesce(r.prices, ''[]'')) ORDER BY p.id) AS portions
                 FROM {menu_item_portions id integer,name text,menu_item_id integer,multiplier integer} AS p
                 LEFT JOIN ' || sambapos._preset_prices() || ' AS r ON r.menu_item_portion_id = p.id
                 GROUP BY p.menu_item_id) AS p ON p.menu_item_id = m.id'),
    ('config', 'modifier_groups', 'modifierGroups', 2, 'HIGH', 'order_tag_groups', '{id}', '{}', NULL),
    ('config', 'modifiers', 'modifiers', 2, 'HIGH', 'order_tags', '{id}', '{}', NULL),
    ('config', 'modifier_group_modifiers', 'modifierGroupModifiers', 2, 'HIGH', 'order_tags', '{modifier_group_id,modifier_id}',
     '{}', 'SELECT o.order_tag_group_id AS modifier_group_id, o.id AS modifier_id, o.sort_order
            FROM {order_tags order_tag_group_id integer,sort_order integer} AS o'),
    ('config', 'menu_item_modifier_groups', 'menuItemModifierGroups', 2, 'HIGH', 'order_tag_maps', '{id}', '{}',
     'SELECT m.id, m.order_tag_group_id AS modifier_group_id, nullif(m.menu_item_id, 0) AS menu_item_id,
             CASE WHEN btrim(m.menu_item_group_code) NOT IN ('''', ''*'') THEN m.menu_item_group_code END AS category,
             CASE WHEN btrim(m.portion_name) NOT IN ('''', ''*'') THEN m.portion_name END AS portion_name,
             nullif(m.terminal_id, 0) AS terminal_id, nullif(m.department_id, 0) AS department_id,
             nullif(m.user_role_id, 0) AS user_role_id, nullif(m.ticket_type_id, 0) AS ticket_type_id
      FROM {order_tag_maps order_tag_group_id integer,menu_item_id integer,menu_item_group_code text,portion_name text,'
          'terminal_id integer,department_id integer,user_role_id integer,ticket_type_id integer} AS m'),
    ('config', 'tax_groups', 'taxGroups', 3, 'HIGH', 'tax_templates', '{id}', '{}',
     'SELECT t.*, coalesce(m.maps, ''[]'') AS maps FROM {tax_templates} AS t
      LEFT JOIN (SELECT m.tax_template_id, jsonb_agg(to_jsonb(m) - ''tax_template_id'' ORDER BY m.id) AS maps
                 FROM {tax_template_maps id integer,tax_template_id integer} AS m GROUP BY m.tax_template_id) AS m
        ON m.tax_template_id = t.id'),
    ('config', 'tenders', 'tenders', 3, 'HIGH', 'payment_types', '{id}', '{}',
     'SELECT t.*, coalesce(m.maps, ''[]'') AS maps FROM {payment_types} AS t
      LEFT JOIN (SELECT m.payment_type_id, jsonb_agg(to_jsonb(m) - ''payment_type_id'' ORDER BY m.id) AS maps
                 FROM {payment_type_maps id integer,payment_type_id integer} AS m GROUP BY m.payment_type_id) AS m
        ON m.payment_type_id = t.id'),
    ('config', 'discounts', 'discounts', 3, 'MEDIUM', 'calculation_types', '{id}', '{}',
     'SELECT c.* FROM {calculation_types decrease_amount boolean} AS c WHERE c.decrease_amount'),
    ('config', 'service_charges', 'serviceCharges', 3, 'MEDIUM', 'calculation_types', '{id}', '{}',
     'SELECT c.* FROM {calculation_types decrease_amount boolean} AS c WHERE c.decrease_amount IS NOT TRUE');
$$;
COMMENT ON FUNCTION sambapos._preset_config() IS 'The entities of preset config in tiers 1 to 3';

-- Tiers 4 and 6: devices, guests. What tier 5 has, hosts, is no part of SambaPOS.
CREATE FUNCTION sambapos._preset_config_devices() RETURNS SETOF sambapos._feed_preset
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 9 SET search_path = pg_catalog, pg_temp AS
$$
  VALUES
    ('config', 'workstations', 'workstations', 4, 'HIGH', 'terminals', '{id}'::text[], '{}'::text[], NULL),
    ('config', 'printers', 'printers', 4, 'HIGH', 'printers', '{id}', '{}', NULL),
    ('config', 'print_classes', 'printClasses', 4, 'MEDIUM', 'print_jobs', '{id}', '{}', NULL),
    ('config', 'order_devices', 'orderDevices', 4, 'MEDIUM', 'printer_templates', '{id}', '{template}', NULL),
    ('config', 'print_class_routing', 'printClassRouting', 4, 'MEDIUM', 'printer_maps', '{id}', '{}', NULL),
    ('config', 'order_device_printers', 'orderDevicePrinters', 4, 'MEDIUM', 'printer_maps', '{id}', '{}',
     'SELECT p.id, p.printer_template_id AS order_device_id, p.printer_id, p.print_job_id AS print_class_id
      FROM {printer_maps printer_template_id integer,printer_id integer,print_job_id integer} AS p'),
    ('config', 'gift_cards', 'giftCards', 6, 'MEDIUM', 'accounts', '{id}', '{}',
     'SELECT a.id, a.name, a.account_type_id, coalesce(v.balance, 0) AS balance
      FROM {accounts name text,account_type_id integer} AS a
      CROSS JOIN LATERAL (SELECT sum(v.debit - v.credit) AS balance
                          FROM {account_transaction_values account_id integer,debit numeric,credit numeric} AS v
                          WHERE v.account_id = a.id) AS v
      WHERE a.account_type_id = ' || sambapos._preset_type('account_types', 'gift_card_account_type')),
    ('config', 'loyalty_members', 'loyaltyMembers', 6, 'LOW', 'entities', '{id}', '{}',
     'SELECT e.id, e.name, e.account_id, sambapos._safe_json(e.custom_data) AS custom_data, e.notes
      FROM {entities name text,entity_type_id integer,account_id integer,custom_data text,notes text} AS e
      WHERE e.entity_type_id = ' || sambapos._preset_type('entity_types', 'customer_entity_type')),
    ('config', 'shifts', 'shifts', 6, 'LOW', 'work_periods', '{id}', '{}', NULL);
$$;
COMMENT ON FUNCTION sambapos._preset_config_devices() IS 'The entities of preset config in tiers 4 and 6';

-- Document 002: sales. Its definition is that of a report, which knows how each of its tables is read.
CREATE FUNCTION sambapos._preset_sales() RETURNS SETOF sambapos._feed_preset
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1 SET search_path = pg_catalog, pg_temp AS
$$
  VALUES ('sales', 'sales', 'sales', NULL::integer, 'HIGH', 'tickets', '{epoch,ticket_id}'::text[], '{}'::text[],
          sambapos._report_sale_of_feed());
$$;
COMMENT ON FUNCTION sambapos._preset_sales() IS 'The entity of preset sales';

-- The tables whose rows belong to a ticket, or to its account document. A user or a menu item that is called otherwise is no
-- change of a sale.
CREATE FUNCTION sambapos._preset_sale_tables() RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN '{account_transactions,calculations,change_payments,orders,payments,ticket_entities,tickets}';
END;
$$;
COMMENT ON FUNCTION sambapos._preset_sale_tables() IS 'The tables of which a changed row is a change of a sale';

CREATE FUNCTION sambapos._feed_presets() RETURNS SETOF sambapos._feed_preset
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 40 SET search_path = pg_catalog, pg_temp AS
$$
  SELECT * FROM sambapos._preset_pos()
  UNION ALL SELECT * FROM sambapos._preset_config()
  UNION ALL SELECT * FROM sambapos._preset_config_devices()
  UNION ALL SELECT * FROM sambapos._preset_sales();
$$;
COMMENT ON FUNCTION sambapos._feed_presets() IS 'The entities of all presets';

CREATE FUNCTION sambapos._preset_of(e sambapos.feed_entity) RETURNS sambapos._feed_preset
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT p FROM sambapos._feed_presets() AS p WHERE (p.preset, p.entity) = (e.preset, e.entity); $$;
COMMENT ON FUNCTION sambapos._preset_of(sambapos.feed_entity) IS 'What an entity of a preset is; NULL: it is of none';

CREATE FUNCTION sambapos._preset_tables(p sambapos._feed_preset) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE p.preset WHEN 'sales' THEN sambapos._preset_sale_tables() ELSE array_agg(DISTINCT t.name ORDER BY t.name) END
  FROM (SELECT p.main_table AS name
        UNION ALL SELECT m.found[1] FROM regexp_matches(p.definition, '\{([a-z_]+)', 'g') AS m (found)
        WHERE m.found[1] <> 'site') AS t;
$$;
COMMENT ON FUNCTION sambapos._preset_tables(sambapos._feed_preset) IS 'The replica tables that an entity of a preset reads';

-- The rows of a table at a site's source; a table that the site does not copy has none.
CREATE FUNCTION sambapos._preset_relation(site_id integer, table_name name, needed text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  list text;
  is_copied boolean := EXISTS (SELECT FROM sambapos._table AS t
                               WHERE (t.site_id, t.table_name) = (_preset_relation.site_id, _preset_relation.table_name))
                       AND sambapos._replica_table(table_name) IS NOT NULL;
BEGIN
  WITH present AS (
    SELECT c.column_name, c.ordinal::integer AS n FROM sambapos._place AS s JOIN sambapos._table AS t USING (site_id)
    CROSS JOIN LATERAL sambapos._table_columns(s, t) AS c
    WHERE is_copied AND (t.site_id, t.table_name) = (_preset_relation.site_id, _preset_relation.table_name)
      AND NOT sambapos._feed_column_is_secret(c.column_name)
  ), missing AS (
    SELECT split_part(w.word, ' ', 1)::name AS column_name, split_part(w.word, ' ', 2) AS type_name, 10000 + w.n AS n
    FROM string_to_table(btrim(needed), ',') WITH ORDINALITY AS w (word, n)
    WHERE split_part(w.word, ' ', 1) NOT IN (SELECT p.column_name FROM present AS p)
  )
  SELECT string_agg(x.expression, ', ' ORDER BY x.n) INTO list
  FROM (SELECT format('t.%I', p.column_name) AS expression, p.n FROM present AS p
        UNION ALL SELECT format('NULL::%s AS %I', m.type_name, m.column_name), m.n FROM missing AS m) AS x;
  RETURN CASE WHEN is_copied
    THEN format('(SELECT %s FROM sambapos_replica.%I AS t WHERE t.site_id = %s AND t.row_state = ''live'')',
                list, table_name, site_id)
    ELSE format('(SELECT %s WHERE false)', list) END;
END;
$$;
COMMENT ON FUNCTION sambapos._preset_relation(integer, name, text) IS
  'What a name in braces stands for in the definition of an entity';

CREATE FUNCTION sambapos._preset_sql(p sambapos._feed_preset, site_id integer) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  rest text := replace(p.definition, '{site}', site_id::text);
  written text := '';
  part text[];
  nowhere sambapos._place;
BEGIN
  IF p.preset = 'sales' THEN
    RETURN format('%s AND t.site_id = %s', sambapos._report_sql(p.definition, nowhere), site_id);
  END IF;
  -- from left to right, and never again what was put in: names of columns there are not ours
  LOOP
    part := regexp_match(rest, '^(.*?)\{([a-z_]+)( [a-z_ ,]+)?\}(.*)$');
    EXIT WHEN part IS NULL;
    written := written || part[1] || sambapos._preset_relation(site_id, part[2]::name, coalesce(part[3], ''));
    rest := part[4];
  END LOOP;
  RETURN written || rest;
END;
$$;
COMMENT ON FUNCTION sambapos._preset_sql(sambapos._feed_preset, integer) IS
  'The query of an entity of a preset, for a site';
