-- ANALYZE counts the rows at the server and draws a sample there; the statistics serve the planner.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
CREATE SCHEMA analyzes;
SET search_path = analyzes, public;
\getenv host SAMBAPOS_TEST_HOST
\getenv port SAMBAPOS_TEST_PORT
\getenv database SAMBAPOS_TEST_DATABASE
\getenv username SAMBAPOS_TEST_USERNAME
\getenv password SAMBAPOS_TEST_PASSWORD
\getenv encryption SAMBAPOS_TEST_ENCRYPTION
CREATE SERVER analyze_till FOREIGN DATA WRAPPER sambapos_fdw
  OPTIONS (host :'host', port :'port', database :'database', encryption :'encryption');
CREATE USER MAPPING FOR CURRENT_USER SERVER analyze_till
  OPTIONS (username :'username', password :'password');

-- 12,000 rows: kind has six values, one of them in nine rows of ten; note is NULL in every fourth row.
CREATE FUNCTION remote(sql text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM * FROM sambapos_query('analyze_till', 'COMMIT TRANSACTION; ' || sql ||
    '; BEGIN TRANSACTION; SELECT 1 AS one') AS q (one integer);
END $$;
SELECT remote('CREATE TABLE dbo.Sampled (Id int NOT NULL PRIMARY KEY, Kind int NOT NULL, Amount decimal(16,2) NOT NULL, Note nvarchar(40) NULL)');
SELECT remote('CREATE TABLE dbo.Few (Id int NOT NULL PRIMARY KEY)');
SELECT remote('CREATE TABLE dbo.Hollow (Id int NOT NULL PRIMARY KEY)');
SELECT remote('EXEC(''CREATE VIEW dbo.SampledView AS SELECT Id, Kind, Amount, Note FROM dbo.Sampled'')');
SELECT remote('INSERT INTO dbo.Few (Id) VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)');
SELECT remote('INSERT INTO dbo.Sampled (Id, Kind, Amount, Note) SELECT n, CASE WHEN n % 10 = 0 THEN n % 50 / 10 ELSE 7 END, n, CASE WHEN n % 4 = 0 THEN NULL ELSE N''note'' END
  FROM (SELECT a.Id * 1000 + b.Id * 100 + c.Id * 10 + d.Id + e.Id * 10000 AS n FROM dbo.Few a CROSS JOIN dbo.Few b CROSS JOIN dbo.Few c CROSS JOIN dbo.Few d CROSS JOIN dbo.Few e WHERE e.Id < 2) x WHERE n < 12000');
IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Sampled", "Few", "Hollow") FROM SERVER analyze_till INTO analyzes;
CREATE FOREIGN TABLE sampled_view (kind integer OPTIONS (column_name 'Kind'), note text OPTIONS (column_name 'Note'))
  SERVER analyze_till OPTIONS (table_name 'SampledView');
CREATE FOREIGN TABLE asked (id integer OPTIONS (key 'true'), kind integer)
  SERVER analyze_till OPTIONS (query 'SELECT Id AS id, Kind AS kind FROM dbo.Sampled -- all of them');

-- Every way to draw gives the same picture: how many rows, and about which values.
CREATE FUNCTION picture(tab regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  known record;
BEGIN
  EXECUTE format('ANALYZE %s', tab);
  SELECT c.reltuples, c.relpages > 0 AS has_pages, s.n_distinct, s.most_common_vals::text AS common,
         s.most_common_freqs[1] AS frequency
    INTO known
    FROM pg_class c JOIN pg_stats s ON s.schemaname = 'analyzes' AND s.tablename = c.relname AND s.attname = 'kind'
   WHERE c.oid = tab;
  RETURN format('%s rows, pages: %s, kinds: %s, the commonest is %s: %s', known.reltuples, known.has_pages,
    known.n_distinct, split_part(trim('{}' FROM known.common), ',', 1),
    CASE WHEN known.frequency BETWEEN 0.8 AND 0.98 THEN 'most' ELSE known.frequency::text END);
END $$;
CREATE FUNCTION null_share(tab text) RETURNS text LANGUAGE sql AS $$
  SELECT CASE WHEN null_frac BETWEEN 0.15 AND 0.35 THEN 'a quarter' ELSE null_frac::text END
  FROM pg_stats WHERE schemaname = 'analyzes' AND tablename = tab AND attname = 'note' $$;
SELECT picture('sampled'), null_share('sampled');
SET default_statistics_target = 10;
SELECT picture('sampled'), null_share('sampled');
ALTER SERVER analyze_till OPTIONS (ADD analyze_sampling 'bernoulli');
SELECT picture('sampled'), null_share('sampled');
ALTER FOREIGN TABLE sampled OPTIONS (ADD analyze_sampling 'off');
SELECT picture('sampled'), null_share('sampled');
ALTER FOREIGN TABLE sampled OPTIONS (SET analyze_sampling 'system');
SELECT picture('sampled');
ALTER SERVER analyze_till OPTIONS (DROP analyze_sampling);
ALTER FOREIGN TABLE sampled OPTIONS (DROP analyze_sampling);
SELECT picture('sampled_view'), null_share('sampled_view');
SELECT picture('asked');

-- A condition is estimated by what was seen; the key, before anybody looked.
CREATE FUNCTION planned_rows(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
  RETURN plan->0->'Plan'->>'Plan Rows';
END $$;
SELECT planned_rows('SELECT FROM sampled WHERE kind = 7') BETWEEN 9000 AND 12000 AS common,
       planned_rows('SELECT FROM sampled WHERE kind = 3') < 1000 AS rare,
       planned_rows('SELECT FROM sampled WHERE kind = 12345') < 100 AS absent;

-- Small and empty ones.
ANALYZE few, hollow;
SELECT relname, reltuples FROM pg_class WHERE oid IN ('few'::regclass, 'hollow'::regclass) ORDER BY 1;
SELECT planned_rows('SELECT FROM hollow');

-- In a transaction it reads that transaction's snapshot, beside a cursor that is open; and what it asked for ends with it.
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM sampled ORDER BY id;
FETCH 1 FROM c;
ANALYZE few;
SELECT count(*), min(state) FROM sambapos_connections() WHERE server_name = 'analyze_till';
FETCH 1 FROM c;
ROLLBACK;
SELECT state FROM sambapos_connections() WHERE server_name = 'analyze_till';

-- Parts of one table at the server are drawn from by their size.
CREATE TABLE parts (id integer, kind integer) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (2000) SERVER analyze_till
  OPTIONS (query 'SELECT Id AS id, Kind AS kind FROM dbo.Sampled WHERE Id < 2000', estimated_rows '2000');
CREATE FOREIGN TABLE parts_high PARTITION OF parts FOR VALUES FROM (2000) TO (100000) SERVER analyze_till
  OPTIONS (query 'SELECT Id AS id, Kind AS kind FROM dbo.Sampled WHERE Id >= 2000', estimated_rows '10000');
ANALYZE parts;
SELECT most_common_freqs[1] BETWEEN 0.8 AND 0.98 AS most, n_distinct FROM pg_stats
 WHERE schemaname = 'analyzes' AND tablename = 'parts' AND inherited AND attname = 'kind';

-- What cannot be read is said.
CREATE FOREIGN TABLE wrong_type (id date OPTIONS (column_name 'Id')) SERVER analyze_till OPTIONS (table_name 'Few');
CREATE FOREIGN TABLE wrong_value (note integer OPTIONS (column_name 'Note')) SERVER analyze_till OPTIONS (table_name 'Sampled');
CREATE FOREIGN TABLE wrong_name (id integer OPTIONS (column_name 'Nope')) SERVER analyze_till OPTIONS (table_name 'Few');
CREATE FOREIGN TABLE nowhere (id integer) SERVER analyze_till OPTIONS (table_name 'Nope');
-- HV000 is what becomes of a number that only this server knows.
CREATE FUNCTION is_refused(statement text, VARIADIC states text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  RETURN 'no';
EXCEPTION WHEN OTHERS THEN
  RETURN CASE WHEN SQLSTATE = ANY (states) THEN 'yes' ELSE SQLSTATE || ' ' || SQLERRM END;
END $$;
SELECT is_refused('ANALYZE wrong_type', 'HV004') AS wrong_type;
SELECT is_refused('ANALYZE wrong_value', 'HV004') AS wrong_value;
SELECT is_refused('ANALYZE wrong_name', '42703', 'HV000') AS wrong_name;
SELECT is_refused('ANALYZE nowhere', '42P01', 'HV000') AS nowhere;
SELECT is_refused($$ALTER FOREIGN TABLE few OPTIONS (ADD analyze_sampling 'random')$$, 'HV024') AS unknown_way;
SELECT picture('sampled');

SELECT remote('DROP VIEW dbo.SampledView; DROP TABLE dbo.Sampled; DROP TABLE dbo.Few; DROP TABLE dbo.Hollow');
