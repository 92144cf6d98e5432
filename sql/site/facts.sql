-- facts.sql: what is true for every SambaPOS database.
--
-- Rules:
-- * The facts are those of the SambaPOS 3, 4 and 5 databases; a table nobody listed is a site's own.

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
    ('ProductTimerValues', '{reporting}', 'document', NULL, NULL, 'start', false),
    -- accounting transactions
    ('AccountTransactionDocuments', '{reporting}', 'document', NULL, NULL, 'date', false),
    ('AccountTransactions', '{reporting}', 'child', 'account_transaction_documents', 'account_transaction_document_id',
     NULL, false),
    ('AccountTransactionValues', '{reporting}', 'child', 'account_transaction_documents',
     'account_transaction_document_id', NULL, false),
    -- periods and inventory transactions
    ('WorkPeriods', '{reporting}', 'period', NULL, NULL, 'start_date', false),
    ('InventoryTransactionDocuments', '{stock}', 'document', NULL, NULL, 'date', false),
    ('InventoryTransactions', '{stock}', 'child', 'inventory_transaction_documents',
     'inventory_transaction_document_id', NULL, false),
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
    ('ScreenMenus', '{reporting,menu}', 'master', NULL, NULL, NULL, false),
    ('ScreenMenuCategories', '{reporting,menu}', 'master', NULL, NULL, NULL, false),
    ('ScreenMenuItems', '{reporting,menu}', 'master', NULL, NULL, NULL, false),
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
COMMENT ON FUNCTION sambapos._known_tables() IS
  'What is known about every table of SambaPOS 3, 4 and 5; tables not listed are a site''s own and are read whole, as '
  'masters';

CREATE FUNCTION sambapos._known_secret_columns() RETURNS TABLE (table_name text, column_name text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE ROWS 12 SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    VALUES
      ('Users', 'PinCode'), ('Users', 'Password'), ('PaymentTypes', 'ProcessorSettings'), ('Payments', 'PaymentData'),
      ('Printers', 'CustomPrinterData'), ('ProgramSettingValues', 'Value'), ('AppActions', 'Parameter'),
      ('ActionContainers', 'ParameterValues'), ('Scripts', 'Code'), ('GraphqlClients', 'Secret'),
      ('AddonLicenses', 'Key');
END;
$$;
COMMENT ON FUNCTION sambapos._known_secret_columns() IS
  'Source columns that hold PINs, passwords, keys or processor settings in every SambaPOS database';

CREATE FUNCTION sambapos._tables_with_secrets() RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT array_agg(DISTINCT lower(k.table_name COLLATE "C")) FROM sambapos._known_secret_columns() AS k);
END;
$$;
COMMENT ON FUNCTION sambapos._tables_with_secrets() IS
  'Source tables, in lower case, of which some columns are secret: few';

-- Columns that are never selected, whoever imported them.
CREATE FUNCTION sambapos._column_is_secret(source_table text, source_column text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT CASE
      WHEN lower(source_table COLLATE "C") = 'users'
        THEN lower(source_column COLLATE "C") NOT IN ('id', 'name', 'userrole_id')
      ELSE EXISTS (SELECT FROM sambapos._known_secret_columns() AS k
                   WHERE lower(k.table_name COLLATE "C") = lower(source_table COLLATE "C")
                     AND lower(k.column_name COLLATE "C") = lower(source_column COLLATE "C"))
    END);
END;
$$;
COMMENT ON FUNCTION sambapos._column_is_secret(text, text) IS
  'True for source columns that hold PINs, passwords, keys or processor settings; of Users only Id, Name and '
  'UserRole_Id are not';

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
COMMENT ON FUNCTION sambapos._known_personal_columns() IS
  'Replica columns that hold personal data in every SambaPOS database';
