-- IMPORT FOREIGN SCHEMA: names by rule, types that hold every value, what planning needs recorded, and
-- nothing that SambaPOS keeps secret.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
CREATE SCHEMA import;
SET search_path = import, public;
\getenv host SAMBAPOS_TEST_HOST
\getenv port SAMBAPOS_TEST_PORT
\getenv database SAMBAPOS_TEST_DATABASE
\getenv username SAMBAPOS_TEST_USERNAME
\getenv password SAMBAPOS_TEST_PASSWORD
\getenv encryption SAMBAPOS_TEST_ENCRYPTION
CREATE SERVER import_till FOREIGN DATA WRAPPER sambapos_fdw
  OPTIONS (host :'host', port :'port', database :'database', encryption :'encryption');
CREATE USER MAPPING FOR CURRENT_USER SERVER import_till OPTIONS (username :'username', password :'password');
\pset format unaligned
\pset tuples_only on

CREATE FUNCTION columns_of(wanted regclass) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' ', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'not null' END, '|',
    (SELECT string_agg(o, ', ') FROM unnest(attfdwoptions) AS o WHERE o NOT LIKE 'remote_collation=%'))
  FROM pg_attribute WHERE attrelid = wanted AND attnum > 0 AND NOT attisdropped ORDER BY attnum $$;
CREATE FUNCTION tables_in(wanted text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(relname, ' ' ORDER BY relname COLLATE "C") FROM pg_class WHERE relnamespace = wanted::regnamespace AND relkind = 'f' $$;

-- Names: snake case, and the rule for two that would become one (Payments).
IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Payments", menu_item_portions) FROM SERVER import_till INTO import;
SELECT tables_in('import');
SELECT columns_of('payments');
SELECT unnest(ftoptions) FROM pg_foreign_table WHERE ftrelid = 'menu_item_portions'::regclass ORDER BY 1;
SELECT count(*) > 0 AS text_has_a_collation FROM pg_attribute, unnest(attfdwoptions) AS o
WHERE attrelid = 'payments'::regclass AND attname = 'name' AND o LIKE 'remote_collation=%';

-- Types (apart from those that not every server describes alike).
IMPORT FOREIGN SCHEMA dbo LIMIT TO (type_samples) FROM SERVER import_till INTO import;
SELECT c FROM columns_of('type_samples') AS c WHERE c !~ '_7 |c_xml|rowversion|c_numeric';
SELECT count(*) FROM type_samples;

-- Other cases, and no NOT NULL.
CREATE SCHEMA import_keep;
IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Payments") FROM SERVER import_till INTO import_keep OPTIONS (name_case 'keep', import_not_null 'false');
SELECT tables_in('import_keep');
SELECT split_part(c, '|', 1) FROM columns_of('import_keep."Payments"') AS c LIMIT 3;
CREATE SCHEMA import_lower;
IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Payments") FROM SERVER import_till INTO import_lower OPTIONS (name_case 'lower');
SELECT tables_in('import_lower');
SELECT split_part(c, '|', 1) FROM columns_of('import_lower.payments') AS c WHERE c ~ 'transaction';

-- Secrets are not imported, not even by name; unless that is asked for.
CREATE SCHEMA import_all;
IMPORT FOREIGN SCHEMA dbo FROM SERVER import_till INTO import_all;
SELECT count(*) > 80 AS many, count(*) FILTER (WHERE relname ~ '^(app_actions|app_rules|action_containers|scripts|addon_licenses)$') AS secret
FROM pg_class WHERE relnamespace = 'import_all'::regnamespace AND relkind = 'f';
SELECT string_agg(c.attname, ' ') FROM pg_attribute AS c JOIN pg_class AS t ON t.oid = c.attrelid
WHERE t.relnamespace = 'import_all'::regnamespace AND c.attname ~ 'pin_code|password|processor_settings|payment_data|custom_printer_data';
SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'import_all.users'::regclass AND attnum > 0;
IMPORT FOREIGN SCHEMA dbo LIMIT TO ("AppActions") FROM SERVER import_till INTO import;
IMPORT FOREIGN SCHEMA dbo LIMIT TO (app_actions, users) FROM SERVER import_till INTO import OPTIONS (import_sensitive 'true');
SELECT tables_in('import');
SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'users'::regclass AND attnum > 0;

-- EXCEPT takes either name too.
CREATE SCHEMA import_except;
IMPORT FOREIGN SCHEMA dbo EXCEPT ("Tickets", orders) FROM SERVER import_till INTO import_except;
SELECT to_regclass('import_except.tickets') IS NULL, to_regclass('import_except.orders') IS NULL, to_regclass('import_except.payments') IS NOT NULL;

-- What cannot be: said plainly.
IMPORT FOREIGN SCHEMA nowhere FROM SERVER import_till INTO import;
IMPORT FOREIGN SCHEMA dbo FROM SERVER import_till INTO import OPTIONS (name_case 'camel');
IMPORT FOREIGN SCHEMA dbo FROM SERVER import_till INTO import OPTIONS (import_defaults 'true');
IMPORT FOREIGN SCHEMA dbo FROM SERVER import_till INTO import OPTIONS (import_view 'true');
IMPORT FOREIGN SCHEMA dbo FROM SERVER import_till INTO import OPTIONS (import_views 'perhaps');
IMPORT FOREIGN SCHEMA dbo FROM SERVER import_till INTO import OPTIONS (host 'till');

-- Every imported table can be read (one row each is enough), and in one remote transaction.
CREATE FUNCTION read_all() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  t regclass;
  n int := 0;
BEGIN
  FOR t IN SELECT oid::regclass FROM pg_class WHERE relnamespace = 'import_all'::regnamespace AND relkind = 'f' AND relname <> 'type_invalid_text' LOOP
    EXECUTE format('SELECT count(x::text) FROM (SELECT * FROM %s LIMIT 1) AS x', t);
    n := n + 1;
  END LOOP;
  RETURN CASE WHEN n > 80 THEN 'all read' END;
END $$;
SELECT read_all();

DROP SERVER import_till CASCADE;
DROP SCHEMA import, import_keep, import_lower, import_all, import_except CASCADE;
