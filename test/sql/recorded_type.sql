-- A column whose type has changed at the server since it was recorded: what is sent relies on the
-- record, so another scale or another date and time type is an error, and a wider type with the same values
-- is not.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
CREATE SCHEMA recorded;
SET search_path = recorded, public;
\getenv host SAMBAPOS_TEST_HOST
\getenv port SAMBAPOS_TEST_PORT
\getenv database SAMBAPOS_TEST_DATABASE
\getenv username SAMBAPOS_TEST_USERNAME
\getenv password SAMBAPOS_TEST_PASSWORD
\getenv encryption SAMBAPOS_TEST_ENCRYPTION
CREATE SERVER recorded_till FOREIGN DATA WRAPPER sambapos_fdw
  OPTIONS (host :'host', port :'port', database :'database', encryption :'encryption');
CREATE USER MAPPING FOR CURRENT_USER SERVER recorded_till
  OPTIONS (username :'username', password :'password');

-- A column of a local type, recorded as one server type and arriving as another.
CREATE FUNCTION read_as(local text, recorded text, arriving text, value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  found text;
BEGIN
  EXECUTE format('CREATE FOREIGN TABLE recorded.one (c %s %s) SERVER recorded_till OPTIONS (query %L)',
                 local, 'OPTIONS (remote_type ' || quote_literal(recorded) || ')', format('SELECT CAST(%L AS %s) AS c', value, arriving));
  SELECT c::text INTO found FROM recorded.one;
  DROP FOREIGN TABLE recorded.one;
  RETURN found;
EXCEPTION WHEN fdw_inconsistent_descriptor_information THEN
  RETURN SQLERRM;
END $$;
\pset format unaligned
\pset tuples_only on
SELECT local, recorded, arriving, read_as(local, recorded, arriving, value) FROM (VALUES
  ('numeric', 'decimal(10,2)', 'decimal(10,2)', '1.25'), ('numeric', 'decimal(10,2)', 'decimal(12,2)', '1.25'), ('numeric', 'decimal(10,2)', 'decimal(10,4)', '1.25'),
  ('numeric', 'decimal(10,2)', 'money', '1.25'), ('numeric', 'money', 'decimal(19,4)', '1.25'), ('numeric', 'decimal(10,2)', 'int', '1'),
  ('bigint', 'int', 'bigint', '5000000000'), ('integer', 'int', 'smallint', '5'), ('timestamp', 'datetime', 'datetime2(3)', '2024-02-29T10:20:30.003'),
  ('timestamp', 'datetime2(3)', 'datetime2(6)', '2024-02-29T10:20:30.003'), ('timestamp', 'datetime2(3)', 'datetime2(0)', '2024-02-29T10:20:30'), ('timestamp', 'date', 'datetime', '2024-02-29T10:20:30.003'), ('date', 'date', 'date', '2024-02-29'),
  ('text', 'nvarchar(10)', 'nvarchar(20)', 'abc'), ('numeric', NULL, 'decimal(10,4)', '1.25')) AS v (local, recorded, arriving, value);
