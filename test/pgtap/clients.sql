-- Promise: what reads the catalog and makes code of it (an ORM, a GraphQL server) finds names that stay apart when it
-- writes them in its own way, and types that every client knows. `make clients` tries the clients themselves.
\getenv host SAMBAPOS_TEST_HOST
\getenv port SAMBAPOS_TEST_PORT
\getenv database SAMBAPOS_TEST_DATABASE
\getenv username SAMBAPOS_TEST_USERNAME
\getenv password SAMBAPOS_TEST_PASSWORD
\getenv encryption SAMBAPOS_TEST_ENCRYPTION
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT plan(5);

CREATE SERVER till FOREIGN DATA WRAPPER sambapos_fdw
  OPTIONS (host :'host', port :'port', database :'database', encryption :'encryption');
CREATE USER MAPPING FOR CURRENT_USER SERVER till OPTIONS (username :'username', password :'password');
SELECT count(*) FROM sambapos_add_site('clients', 'till', tables => ARRAY['reporting', 'menu', 'stock', 'config']) \gset

CREATE TEMP VIEW shown AS
SELECT c.oid, c.relnamespace::regnamespace AS schema, c.relname AS relation, c.relkind AS kind
FROM pg_class AS c
WHERE c.relkind IN ('r', 'v', 'f') AND starts_with(c.relnamespace::regnamespace::text, 'sambapos');
CREATE TEMP VIEW shown_column AS
SELECT s.schema, s.relation, a.attname AS name, a.atttypid::regtype AS type, t.typtype AS kind
FROM shown AS s
JOIN pg_attribute AS a ON a.attrelid = s.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid;

SELECT cmp_ok((SELECT count(*) FROM shown), '>', 150::bigint, 'there is a catalog, a replica, live tables');
SELECT is_empty($$SELECT schema, relation, string_agg(name, ' ') FROM shown_column
  GROUP BY schema, relation, lower(replace(name, '_', '')) HAVING count(*) > 1$$, 'no two columns are one in camelCase');
SELECT is_empty($$SELECT schema, string_agg(relation, ' ') FROM shown
  GROUP BY schema, lower(replace(relation, '_', '')) HAVING count(*) > 1$$, 'no two relations are one in camelCase');
-- A function that returns rows is a relation to them; an underscore at the beginning stays.
SELECT is_empty($$WITH named AS (
    SELECT schema, regexp_replace(relation, '(?<!^)_', '', 'g') AS name FROM shown
    UNION
    SELECT pronamespace::regnamespace, regexp_replace(proname, '(?<!^)_', '', 'g') FROM pg_proc
    WHERE proretset AND starts_with(pronamespace::regnamespace::text, 'sambapos'))
  SELECT one.schema, one.name FROM named AS one JOIN named AS many USING (schema)
  WHERE many.name IN (one.name || 's', one.name || 'es', regexp_replace(one.name, 'y$', 'ies')) AND many.name <> one.name
    AND coalesce(obj_description(to_regclass(format('%s.%I', one.schema, one.name)), 'pg_class'), '') NOT LIKE '@name %'$$,
  'no relation is the plural of another');
-- Not a whole row, not what only PostgreSQL's own catalog uses.
SELECT is_empty($$SELECT schema, relation, name, type FROM shown_column
  WHERE kind <> 'b' OR type IN ('name'::regtype, 'oid', 'xid', 'tid', 'cid', '"char"') OR starts_with(type::text, 'reg')$$,
  'every column is of a type that clients know');
SELECT * FROM finish();
ROLLBACK;
