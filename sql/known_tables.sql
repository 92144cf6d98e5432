-- known_tables.sql: what is true for every SambaPOS database, and looking things up by the names people use.
--
-- Rules:
-- * The facts are those of the SambaPOS 3, 4 and 5 databases; a table nobody listed is a site's own.
-- * Wherever tables are named: replica name, source name in any case, or the name of a set.

-- ---- what is true for every SambaPOS database ----

-- How IMPORT FOREIGN SCHEMA names things: an underscore between a lower-case letter or digit and an
-- upper-case one, then lower case. COLLATE "C": a Turkish lower() would dot the I away.
CREATE FUNCTION sambapos._snake(source_name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT lower(regexp_replace(source_name, '([a-z0-9])([A-Z])', '\1_\2', 'g') COLLATE "C");
$$;
COMMENT ON FUNCTION sambapos._snake(text) IS 'The snake_case name of a source table';

-- A known table's parent_key and date_column are replica names. sets: the named sets it belongs to;
-- an empty array means "by name only". never: not even by name, since secrets are what it holds.
CREATE FUNCTION sambapos._known_tables()
RETURNS TABLE (source_name text, table_name text, sets text[], kind text, parent text,
               parent_key text, date_column text, history boolean, never boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 100 SET search_path = pg_catalog, pg_temp AS
$$
  SELECT k.source_name, sambapos._snake(k.source_name), k.sets::text[], k.kind, k.parent,
         k.parent_key, k.date_column, k.history, k.sets = '{never}'
  FROM (VALUES
    -- sales transactions
    ('Tickets', '{reporting}', 'ticket', NULL, NULL, 'date', false),
    ('TicketEntities', '{reporting}', 'child', 'tickets', 'ticket_id', NULL, false),
    ('Orders', '{reporting}', 'child', 'tickets', 'ticket_id', NULL, false),
    ('PaidItems', '{}', 'child', 'tickets', 'ticket_id', NULL, false),
    ('Payments', '{reporting}', 'child', 'tickets', 'ticket_id', NULL, false),
    ('ChangePayments', '{reporting}', 'child', 'tickets', 'ticket_id', NULL, false),
    ('Calculations', '{reporting}', 'child', 'tickets', 'ticket_id', NULL, false),
    ('ProductTimerValues', '{}', 'document', NULL, NULL, 'start', false),
    -- accounting transactions
    ('AccountTransactionDocuments', '{reporting}', 'document', NULL, NULL, 'date', false),
    ('AccountTransactions', '{reporting}', 'child', 'account_transaction_documents', 'account_transaction_document_id', NULL, false),
    ('AccountTransactionValues', '{reporting}', 'child', 'account_transaction_documents', 'account_transaction_document_id', NULL, false),
    -- periods and inventory transactions
    ('WorkPeriods', '{reporting}', 'period', NULL, NULL, 'start_date', false),
    ('InventoryTransactionDocuments', '{stock}', 'document', NULL, NULL, 'date', false),
    ('InventoryTransactions', '{stock}', 'child', 'inventory_transaction_documents', 'inventory_transaction_document_id', NULL, false),
    ('PeriodicConsumptions', '{stock}', 'period', NULL, NULL, 'start_date', false),
    ('WarehouseConsumptions', '{stock}', 'child', 'periodic_consumptions', 'periodic_consumption_id', NULL, false),
    ('PeriodicConsumptionItems', '{stock}', 'child', 'periodic_consumptions', 'periodic_consumption_id', NULL, false),
    ('CostItems', '{stock}', 'child', 'periodic_consumptions', 'periodic_consumption_id', NULL, false),
    -- entities and their states
    ('Entities', '{reporting}', 'master', NULL, NULL, NULL, false),
    ('EntityTypes', '{reporting}', 'master', NULL, NULL, NULL, false),
    ('EntityCustomFields', '{reporting}', 'master', NULL, NULL, NULL, false),
    ('EntityStateValues', '{}', 'master', NULL, NULL, NULL, false),
    ('EntityStateLogs', '{}', 'document', NULL, NULL, 'start_state_date', false),
    -- accounts
    ('Accounts', '{reporting}', 'master', NULL, NULL, NULL, false),
    ('AccountTypes', '{reporting}', 'master', NULL, NULL, NULL, false),
    ('AccountTransactionTypes', '{reporting}', 'master', NULL, NULL, NULL, false),
    ('AccountTransactionDocumentTypes', '{reporting}', 'master', NULL, NULL, NULL, false),
    ('AccountTransactionDocumentTypeAccountTransactionTypes', '{config}', 'master', NULL, NULL, NULL, false),
    ('AccountTransactionDocumentTypeMaps', '{config}', 'master', NULL, NULL, NULL, false),
    ('AccountTransactionDocumentAccountMaps', '{config}', 'master', NULL, NULL, NULL, false),
    ('AccountScreens', '{config}', 'master', NULL, NULL, NULL, false),
    ('AccountScreenValues', '{config}', 'master', NULL, NULL, NULL, false),
    ('ForeignCurrencies', '{reporting}', 'master', NULL, NULL, NULL, true),
    -- menu and products
    ('MenuItems', '{reporting,menu}', 'master', NULL, NULL, NULL, true),
    ('MenuItemPortions', '{reporting,menu}', 'master', NULL, NULL, NULL, true),
    ('MenuItemPrices', '{reporting,menu}', 'master', NULL, NULL, NULL, true),
    ('MenuItemPriceDefinitions', '{reporting,menu}', 'master', NULL, NULL, NULL, true),
    ('OrderTagGroups', '{reporting,menu}', 'master', NULL, NULL, NULL, true),
    ('OrderTags', '{reporting,menu}', 'master', NULL, NULL, NULL, true),
    ('OrderTagMaps', '{menu,config}', 'master', NULL, NULL, NULL, false),
    ('ProductTimers', '{menu}', 'master', NULL, NULL, NULL, true),
    ('ProdcutTimerMaps', '{config}', 'master', NULL, NULL, NULL, false),
    ('ScreenMenus', '{menu}', 'master', NULL, NULL, NULL, false),
    ('ScreenMenuCategories', '{menu}', 'master', NULL, NULL, NULL, false),
    ('ScreenMenuItems', '{menu}', 'master', NULL, NULL, NULL, false),
    ('Recipes', '{menu,stock}', 'master', NULL, NULL, NULL, true),
    ('RecipeItems', '{menu,stock}', 'master', NULL, NULL, NULL, true),
    -- ticket configuration
    ('Departments', '{reporting}', 'master', NULL, NULL, NULL, false),
    ('TicketTypes', '{reporting}', 'master', NULL, NULL, NULL, false),
    ('EntityTypeAssignments', '{config}', 'master', NULL, NULL, NULL, false),
    ('MenuAssignments', '{config}', 'master', NULL, NULL, NULL, false),
    ('Numerators', '{reporting}', 'master', NULL, NULL, NULL, false),
    ('PaymentTypes', '{reporting}', 'master', NULL, NULL, NULL, true),
    ('PaymentTypeMaps', '{config}', 'master', NULL, NULL, NULL, false),
    ('ChangePaymentTypes', '{reporting}', 'master', NULL, NULL, NULL, true),
    ('ChangePaymentTypeMaps', '{config}', 'master', NULL, NULL, NULL, false),
    ('CalculationTypes', '{reporting}', 'master', NULL, NULL, NULL, true),
    ('CalculationSelectors', '{config}', 'master', NULL, NULL, NULL, false),
    ('CalculationSelectorCalculationTypes', '{config}', 'master', NULL, NULL, NULL, false),
    ('CalculationSelectorMaps', '{config}', 'master', NULL, NULL, NULL, false),
    ('TaxTemplates', '{reporting}', 'master', NULL, NULL, NULL, true),
    ('TaxTemplateMaps', '{config}', 'master', NULL, NULL, NULL, false),
    ('TicketTagGroups', '{reporting}', 'master', NULL, NULL, NULL, false),
    ('TicketTags', '{config}', 'master', NULL, NULL, NULL, false),
    ('TicketTagMaps', '{config}', 'master', NULL, NULL, NULL, false),
    ('States', '{reporting}', 'master', NULL, NULL, NULL, false),
    -- inventory
    ('Warehouses', '{stock}', 'master', NULL, NULL, NULL, false),
    ('WarehouseTypes', '{stock}', 'master', NULL, NULL, NULL, false),
    ('InventoryItems', '{stock}', 'master', NULL, NULL, NULL, true),
    ('InventoryItemUnits', '{stock}', 'master', NULL, NULL, NULL, false),
    ('InventoryTransactionTypes', '{stock}', 'master', NULL, NULL, NULL, false),
    ('InventoryTransactionDocumentTypes', '{stock}', 'master', NULL, NULL, NULL, false),
    -- users and terminals
    ('Users', '{reporting}', 'master', NULL, NULL, NULL, false),
    ('UserRoles', '{reporting}', 'master', NULL, NULL, NULL, false),
    ('Permissions', '{config}', 'master', NULL, NULL, NULL, false),
    ('Terminals', '{reporting}', 'master', NULL, NULL, NULL, false),
    -- tasks, screens, automation, printing, settings
    ('TaskTypes', '{config}', 'master', NULL, NULL, NULL, false),
    ('TaskCustomFields', '{config}', 'master', NULL, NULL, NULL, false),
    ('Tasks', '{}', 'master', NULL, NULL, NULL, false),
    ('TaskTokens', '{}', 'master', NULL, NULL, NULL, false),
    ('EntityScreens', '{config}', 'master', NULL, NULL, NULL, false),
    ('EntityScreenItems', '{config}', 'master', NULL, NULL, NULL, false),
    ('EntityScreenMaps', '{config}', 'master', NULL, NULL, NULL, false),
    ('Widgets', '{config}', 'master', NULL, NULL, NULL, false),
    ('AppRuleMaps', '{config}', 'master', NULL, NULL, NULL, false),
    ('AutomationCommands', '{config}', 'master', NULL, NULL, NULL, false),
    ('AutomationCommandMaps', '{config}', 'master', NULL, NULL, NULL, false),
    ('Triggers', '{config}', 'master', NULL, NULL, NULL, false),
    ('Printers', '{}', 'master', NULL, NULL, NULL, false),
    ('PrintJobs', '{config}', 'master', NULL, NULL, NULL, false),
    ('PrinterMaps', '{config}', 'master', NULL, NULL, NULL, false),
    ('PrinterTemplates', '{config}', 'master', NULL, NULL, NULL, false),
    ('CustomReports', '{config}', 'master', NULL, NULL, NULL, false),
    ('ProgramSettingValues', '{}', 'master', NULL, NULL, NULL, false),
    -- secrets, licences, code
    ('AppActions', '{never}', 'master', NULL, NULL, NULL, false),
    ('AppRules', '{never}', 'master', NULL, NULL, NULL, false),
    ('ActionContainers', '{never}', 'master', NULL, NULL, NULL, false),
    ('Scripts', '{never}', 'master', NULL, NULL, NULL, false),
    ('AddonLicenses', '{never}', 'master', NULL, NULL, NULL, false),
    ('GraphqlClients', '{never}', 'master', NULL, NULL, NULL, false),
    ('RefreshTokens', '{never}', 'master', NULL, NULL, NULL, false),
    ('VersionInfo', '{never}', 'master', NULL, NULL, NULL, false),
    ('__MigrationHistory', '{never}', 'master', NULL, NULL, NULL, false)
  ) AS k (source_name, sets, kind, parent, parent_key, date_column, history);
$$;
COMMENT ON FUNCTION sambapos._known_tables() IS 'What is known about every table of SambaPOS 3, 4 and 5; tables not listed are a site''s own and are read whole, as masters';

-- Columns that are never selected, whoever imported them.
CREATE FUNCTION sambapos._is_secret(source_table text, source_column text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE
    WHEN lower(source_table COLLATE "C") = 'users'
      THEN lower(source_column COLLATE "C") NOT IN ('id', 'name', 'userrole_id')
    ELSE (lower(source_table COLLATE "C"), lower(source_column COLLATE "C")) IN
      (('paymenttypes', 'processorsettings'), ('payments', 'paymentdata'),
       ('graphqlclients', 'secret'), ('appactions', 'parameter'),
       ('actioncontainers', 'parametervalues'), ('scripts', 'code'),
       ('printers', 'customprinterdata'), ('programsettingvalues', 'value'),
       ('addonlicenses', 'key'))
  END;
$$;
COMMENT ON FUNCTION sambapos._is_secret(text, text) IS 'True for source columns that hold PINs, passwords, keys or processor settings; of Users only Id, Name and UserRole_Id are not';

CREATE FUNCTION sambapos._known_personal_columns()
RETURNS TABLE (table_name text, column_name text, what text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 25 SET search_path = pg_catalog, pg_temp AS
$$
  VALUES
    ('entities', 'name', 'guest, customer or room'),
    ('entities', 'custom_data', 'phone, address and the like'),
    ('entities', 'notes', 'free text about a guest'),
    ('entities', 'search_string', 'copy of the data for searching'),
    ('ticket_entities', 'entity_name', 'copy of the entity''s name'),
    ('ticket_entities', 'entity_custom_data', 'copy of the entity''s data'),
    ('ticket_entities', 'notes', 'free text about a guest'),
    ('accounts', 'name', 'often name and phone number'),
    ('account_transaction_documents', 'name', 'may contain an account''s name'),
    ('account_transactions', 'name', 'contains an account''s name'),
    ('account_transaction_values', 'name', 'contains an account''s name'),
    ('payments', 'name', 'the account''s name'),
    ('change_payments', 'name', 'the account''s name'),
    ('tickets', 'name', 'may contain a guest''s name'),
    ('tickets', 'note', 'free text'),
    ('tickets', 'ticket_tags', 'may contain phone numbers and addresses'),
    ('tickets', 'ticket_logs', 'user names and free text'),
    ('tasks', 'content', 'free text'),
    ('tasks', 'custom_data', 'free data'),
    ('users', 'name', 'an employee''s name');
$$;
COMMENT ON FUNCTION sambapos._known_personal_columns() IS 'Replica columns that hold personal data in every SambaPOS database';

CREATE VIEW sambapos.personal_columns AS
SELECT s.name AS site, t.table_name, c.column_name, coalesce(p.treatment, 'keep') AS treatment,
       coalesce(k.what, 'named by the DBA') AS what
FROM sambapos.site AS s
JOIN sambapos.replicated_table AS t USING (site_id)
JOIN LATERAL (SELECT k.column_name::name FROM sambapos._known_personal_columns() AS k WHERE k.table_name = t.table_name
              UNION
              SELECT p.column_name FROM sambapos.personal_column AS p
              WHERE (p.site_id, p.table_name) = (t.site_id, t.table_name)) AS c ON true
LEFT JOIN sambapos.personal_column AS p USING (site_id, table_name, column_name)
LEFT JOIN sambapos._known_personal_columns() AS k
       ON (k.table_name, k.column_name) = (t.table_name::text, c.column_name::text)
WHERE s.removed_at IS NULL;
COMMENT ON VIEW sambapos.personal_columns IS 'Copied columns with personal data, and whether each is kept or read as NULL';

-- ---- looking things up ----

CREATE FUNCTION sambapos._site(site text) RETURNS sambapos.site
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  found_site sambapos.site;
BEGIN
  SELECT * INTO found_site FROM sambapos.site AS s WHERE s.name = _site.site AND s.removed_at IS NULL;
  IF found_site.site_id IS NULL THEN
    RAISE EXCEPTION 'there is no site named "%"', site USING
      ERRCODE = 'undefined_object',
      HINT = coalesce('The sites are: ' || (SELECT string_agg(s.name, ', ' ORDER BY s.name)
                                            FROM sambapos.site AS s WHERE s.removed_at IS NULL) || '.',
                      'There are no sites yet: add one with sambapos_add_site(site, server).');
  END IF;
  RETURN found_site;
END;
$$;
COMMENT ON FUNCTION sambapos._site(text) IS 'The site of that name; raises 42704 if there is none';

CREATE FUNCTION sambapos._live_schema(site text) RETURNS name
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT ('sambapos_live_' || site)::name; $$;
COMMENT ON FUNCTION sambapos._live_schema(text) IS 'The schema of a site''s live foreign tables';

-- Wherever a user names tables: a replica name, a source name in any case, or a set's name. Gives
-- the known table's row, or for a site's own table a master of that name. NULL means set reporting.
CREATE FUNCTION sambapos._named_tables(names text[])
RETURNS TABLE (source_name text, table_name text, kind text, parent text, parent_key text,
               date_column text, history boolean, never boolean, asked_by_name boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  WITH asked AS (
    SELECT DISTINCT n.name, lower(n.name COLLATE "C") AS lower_name
    FROM unnest(coalesce(names, '{reporting}')) AS n (name)
  ), known AS (
    SELECT k.*, a.name AS asked, a.lower_name <> ALL (k.sets) OR k.never AS by_name
    FROM asked AS a
    JOIN sambapos._known_tables() AS k
      ON a.lower_name IN (k.table_name, lower(k.source_name COLLATE "C"))
      OR (a.lower_name = ANY (k.sets) AND NOT k.never)
  )
  SELECT k.source_name, k.table_name, k.kind, k.parent, k.parent_key, k.date_column, k.history,
         k.never, bool_or(k.by_name)
  FROM known AS k GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
  UNION ALL
  SELECT a.name, sambapos._snake(a.name), 'master', NULL, NULL, NULL, false, false, true
  FROM asked AS a WHERE a.name NOT IN (SELECT k.asked FROM known AS k);
$$;
COMMENT ON FUNCTION sambapos._named_tables(text[]) IS 'What a list of table and set names means; a name nobody knows is a site''s own table';

CREATE FUNCTION sambapos._replicated_tables(site_id integer, names text[])
RETURNS SETOF sambapos.replicated_table
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT t.*
  FROM sambapos.replicated_table AS t
  WHERE t.site_id = _replicated_tables.site_id
    AND (names IS NULL OR EXISTS (
          SELECT FROM sambapos._named_tables(names) AS n
          WHERE n.table_name = t.table_name
             OR lower(n.source_name COLLATE "C") = lower(t.source_name COLLATE "C")));
$$;
COMMENT ON FUNCTION sambapos._replicated_tables(integer, text[]) IS 'A site''s copied tables that a list of names means; NULL: all';

CREATE FUNCTION sambapos._switched_on() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT coalesce((SELECT s.value::boolean FROM sambapos.setting AS s WHERE s.key = 'enabled'), true); $$;
COMMENT ON FUNCTION sambapos._switched_on() IS 'False when the kill switch (setting enabled = false) is on';

-- The columns of a live foreign table as IMPORT FOREIGN SCHEMA recorded them: the source's name and
-- type, and whether the column belongs to the key.
CREATE FUNCTION sambapos._live_columns(relation regclass)
RETURNS TABLE (column_name name, source_name text, type_name text, remote_type text, is_key boolean, ordinal smallint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT a.attname, coalesce(o.options ->> 'column_name', a.attname), format_type(a.atttypid, a.atttypmod),
         coalesce(o.options ->> 'remote_type', ''),
         coalesce(o.options ->> 'key', 'false') NOT IN ('false', 'off', 'no', '0'), a.attnum
  FROM pg_attribute AS a
  CROSS JOIN LATERAL (SELECT jsonb_object_agg(p.option_name, p.option_value) AS options
                      FROM pg_options_to_table(a.attfdwoptions) AS p) AS o
  WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
$$;
COMMENT ON FUNCTION sambapos._live_columns(regclass) IS 'The columns of a live foreign table, with their names and types at the source';
