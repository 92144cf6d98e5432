-- The same rows on both sides: schema far has foreign tables, near ordinary copies of them. Tables of
-- a SambaPOS database, and `edges`: NULLs, ties, and the ends of each type. Included; begins afresh.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
DROP SCHEMA IF EXISTS far, near, both_sides CASCADE;
DROP SERVER IF EXISTS both_sides CASCADE;
\getenv host SAMBAPOS_TEST_HOST
\getenv port SAMBAPOS_TEST_PORT
\getenv database SAMBAPOS_TEST_DATABASE
\getenv username SAMBAPOS_TEST_USERNAME
\getenv password SAMBAPOS_TEST_PASSWORD
\getenv encryption SAMBAPOS_TEST_ENCRYPTION
CREATE SERVER both_sides FOREIGN DATA WRAPPER sambapos_fdw
  OPTIONS (host :'host', port :'port', database :'database', encryption :'encryption');
CREATE USER MAPPING FOR CURRENT_USER SERVER both_sides OPTIONS (username :'username', password :'password');
CREATE SCHEMA far;
CREATE SCHEMA near;
CREATE SCHEMA both_sides;
SET search_path = far, both_sides, public;
IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Tickets", "Orders", "Payments", "PaymentTypes", "Departments") FROM SERVER both_sides INTO far;
CREATE FOREIGN TABLE far.edges (
  id integer OPTIONS (remote_type 'int', key 'true') NOT NULL,
  tiny smallint OPTIONS (remote_type 'tinyint'),
  n integer OPTIONS (remote_type 'int'),
  big bigint OPTIONS (remote_type 'bigint'),
  amount numeric(16,2) OPTIONS (remote_type 'decimal(16,2)'),
  rate numeric OPTIONS (remote_type 'decimal(33,5)'),
  wide numeric OPTIONS (remote_type 'decimal(38,0)'),
  price numeric OPTIONS (remote_type 'money'),
  flag boolean OPTIONS (remote_type 'bit'),
  day date OPTIONS (remote_type 'date'),
  at timestamp OPTIONS (remote_type 'datetime'),
  at7 timestamp OPTIONS (remote_type 'datetime2(7)'),
  uid uuid OPTIONS (remote_type 'uniqueidentifier'),
  name text OPTIONS (remote_type 'nvarchar(10)'),
  factor double precision OPTIONS (remote_type 'float')
) SERVER both_sides OPTIONS (query $$SELECT CAST(id AS int) AS id, CAST(tiny AS tinyint) AS tiny, CAST(n AS int) AS n, CAST(big AS bigint) AS big,
  CAST(amount AS decimal(16,2)) AS amount, CAST(rate AS decimal(33,5)) AS rate, CAST(wide AS decimal(38,0)) AS wide, CAST(price AS money) AS price,
  CAST(flag AS bit) AS flag, CAST(day AS date) AS day, CAST(at AS datetime) AS at, CAST(at7 AS datetime2(7)) AS at7, CAST(uid AS uniqueidentifier) AS uid,
  CAST(name AS nvarchar(10)) AS name, CAST(factor AS float) AS factor
FROM (VALUES
  ('1', '255', '2147483647', '9223372036854775807', '99999999999999.99', '9999999999999999999999999999.99999', '99999999999999999999999999999999999999', '922337203685477.5807', '1', '9999-12-31', '9999-12-31T23:59:59.997', '9999-12-31T23:59:59.999', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', N'Zoë', '0.1'),
  ('2', '255', '2147483647', '9223372036854775807', '99999999999999.99', '9999999999999999999999999999.99999', '1', '922337203685477.5807', '1', '9999-12-31', '9999-12-31T23:59:59.997', '2024-02-29T10:20:30.1234564', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', N'zoë', '0.2'),
  ('3', '0', '-2147483648', '-9223372036854775808', '-99999999999999.99', '-9999999999999999999999999999.99999', '-99999999999999999999999999999999999999', '-922337203685477.5808', '0', '0001-01-01', '1753-01-01T00:00:00', '2024-02-29T10:20:30.1234561', '00000000-0000-0000-0000-000000000000', N'a', '1e308'),
  ('4', '7', '7', '7', '12.50', '0.00001', '7', '0.0001', '0', '2024-02-29', '2024-02-29T10:20:30.003', '2024-02-29T10:20:30.1234561', '6F9619FF-8B86-D011-B42D-00C04FC964FF', N'A', '1e-308'),
  ('5', '7', '7', '8', '12.50', '-0.00001', '8', '-0.0001', '1', '2024-02-29', '2024-02-29T10:20:30.007', '2024-03-01T00:00:00', '6F9619FF-8B86-D011-B42D-00C04FC964FE', N'a ', '7'),
  ('6', '1', '-7', '8', '-12.50', '1.5', '0', '1.5', '0', '2024-03-01', '2024-02-29T00:00:00', '2024-03-01T00:00:00', 'FF19966F-868B-11D0-B42D-00C04FC964FF', N'', '7'),
  ('7', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  ('8', NULL, '7', NULL, '0.00', NULL, '3', NULL, '1', NULL, '2024-02-29T10:20:30.003', NULL, NULL, NULL, NULL)
) AS v (id, tiny, n, big, amount, rate, wide, price, flag, day, at, at7, uid, name, factor)$$, estimated_rows '8');
-- Its ids have gaps, n refers to nobody or to edges, and no row of it is like another.
CREATE FOREIGN TABLE far.few (
  id integer OPTIONS (remote_type 'int', key 'true') NOT NULL,
  n integer OPTIONS (remote_type 'int'),
  amount numeric(16,2) OPTIONS (remote_type 'decimal(16,2)'),
  name text OPTIONS (remote_type 'nvarchar(10)')
) SERVER both_sides OPTIONS (query $$SELECT CAST(id AS int) AS id, CAST(n AS int) AS n, CAST(amount AS decimal(16,2)) AS amount, CAST(name AS nvarchar(10)) AS name
FROM (VALUES ('1', '7', '1.25', N'A'), ('3', '3', '12.50', N'b'), ('4', NULL, '12.50', N'c'), ('11', '4', NULL, NULL)) AS v (id, n, amount, name)$$, estimated_rows '4');

-- Plans depend on how many rows there are, which not every server keeps.
DO $$
DECLARE
  relation record;
  verb text;
BEGIN
  FOR relation IN SELECT relname, relname::text NOT IN ('edges', 'few') AS imported, ftoptions FROM pg_class JOIN pg_foreign_table ON ftrelid = oid WHERE relnamespace = 'far'::regnamespace LOOP
    EXECUTE format('CREATE TABLE near.%1$I AS SELECT * FROM far.%1$I', relation.relname);
    verb := CASE WHEN array_to_string(relation.ftoptions, ',') LIKE '%estimated_rows=%' THEN 'SET' ELSE 'ADD' END;
    IF relation.imported THEN
      EXECUTE format('ALTER FOREIGN TABLE far.%I OPTIONS (%s estimated_rows %L)', relation.relname, verb,
        CASE relation.relname WHEN 'tickets' THEN 500 WHEN 'orders' THEN 1390 WHEN 'payments' THEN 506 ELSE 5 END);
    END IF;
  END LOOP;
END $$;

-- A remote query without what PostgreSQL numbers and turns round in one release so, in another so: the tables
-- are numbered from 1 on, and of two sides of an equality the lower table's is the first.
CREATE FUNCTION both_sides.same_in_all_releases(line text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  number integer;
  place integer := 0;
  side text := '(\[r(\d+)\]\.\[\w+\]|\(\[r(\d+)\][^()]*\))';
  sides text[];
BEGIN
  FOR number IN SELECT DISTINCT m[1]::integer FROM regexp_matches(line, '\[r(\d+)\]', 'g') m ORDER BY 1 LOOP
    place := place + 1;
    line := replace(line, '[r' || number || ']', '[r' || place || ']'); -- place is never more than number
  END LOOP;
  FOR sides IN SELECT regexp_matches(line, side || ' = ' || side, 'g') LOOP
    IF coalesce(sides[2], sides[3])::integer > coalesce(sides[5], sides[6])::integer THEN
      line := replace(line, sides[1] || ' = ' || sides[4], sides[4] || ' = ' || sides[1]);
    END IF;
  END LOOP;
  RETURN line;
END $$;

-- The plan over foreign tables, without what each node puts out and what only some releases say; for the query
-- of a table its name.
CREATE FUNCTION both_sides.plan(query text) RETURNS SETOF text LANGUAGE plpgsql SET search_path = far, both_sides, public AS $$
DECLARE
  line text;
  lines text := '';
  stands_for record;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query LOOP
    IF line !~ '^ *(Output|Relations|Window):|^ *Group Key: \d+$' THEN
      lines := lines || regexp_replace(line, ' \(returns \$\d+\)$', '') || E'\n';
    END IF;
  END LOOP;
  FOR stands_for IN SELECT ftrelid::regclass AS name, option_value AS query FROM pg_foreign_table, pg_options_to_table(ftoptions) WHERE option_name = 'query' LOOP
    lines := replace(lines, stands_for.query, stands_for.name::text);
  END LOOP;
  RETURN QUERY SELECT same_in_all_releases(l) FROM regexp_split_to_table(rtrim(lines, E'\n'), E'\n') l;
END $$;

-- The rows of a query as texts, in the order in which they come.
CREATE FUNCTION both_sides.rows_of(query text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  answer record;
  answers text[] := '{}';
BEGIN
  FOR answer IN EXECUTE query LOOP
    answers := answers || answer::text;
  END LOOP;
  RETURN answers;
END $$;
CREATE FUNCTION both_sides.far_rows(query text) RETURNS text[] LANGUAGE sql SET search_path = far, both_sides, public AS 'SELECT rows_of(query)';
CREATE FUNCTION both_sides.near_rows(query text) RETURNS text[] LANGUAGE sql SET search_path = near, both_sides, public AS 'SELECT rows_of(query)';

-- The plan, and whether both sides answer alike: bit for bit, as bags of rows or (in_order) as lists.
CREATE FUNCTION both_sides.compare(query text, in_order boolean DEFAULT false) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  far text[] := far_rows(query);
  near text[] := near_rows(query);
BEGIN
  RETURN QUERY SELECT plan(query);
  IF in_order AND far <> near OR NOT in_order AND
     (EXISTS (SELECT unnest(far) EXCEPT ALL SELECT unnest(near)) OR EXISTS (SELECT unnest(near) EXCEPT ALL SELECT unnest(far))) THEN
    RETURN NEXT format('DIFFERENT: %s instead of %s', far[1:10], near[1:10]);
  ELSE
    RETURN NEXT format('  the same %s rows', cardinality(far));
  END IF;
END $$;
\pset tuples_only on
\pset format unaligned
