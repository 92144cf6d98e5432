-- datetime2(7) is rounded to microseconds here, half up; comparisons go out with bounds half a
-- microsecond earlier, so that the server keeps the rows whose rounded value fits.
-- (Babelfish keeps six digits itself and so differs.)
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
CREATE SCHEMA seventh_digit;
SET search_path = seventh_digit, public;
\getenv host SAMBAPOS_TEST_HOST
\getenv port SAMBAPOS_TEST_PORT
\getenv database SAMBAPOS_TEST_DATABASE
\getenv username SAMBAPOS_TEST_USERNAME
\getenv password SAMBAPOS_TEST_PASSWORD
\getenv encryption SAMBAPOS_TEST_ENCRYPTION
CREATE SERVER seventh_digit_till FOREIGN DATA WRAPPER sambapos_fdw
  OPTIONS (host :'host', port :'port', database :'database', encryption :'encryption');
CREATE USER MAPPING FOR CURRENT_USER SERVER seventh_digit_till
  OPTIONS (username :'username', password :'password');
CREATE FOREIGN TABLE datetimes (
  id integer OPTIONS (remote_type 'int'),
  at timestamp OPTIONS (remote_type 'datetime2(7)')
) SERVER seventh_digit_till OPTIONS (query $$SELECT CAST(id AS int) AS id, CAST(at AS datetime2(7)) AS at
FROM (VALUES
  ('1', '0001-01-01T00:00:00.0000000'), ('2', '2024-02-29T10:20:30.1234565'), ('3', '2024-02-29T10:20:30.1234564'),
  ('4', '2024-02-29T10:20:30.1234555'), ('5', '2024-02-29T10:20:30.1234554'), ('6', '2024-02-28T23:59:59.9999995'),
  ('7', '2024-02-28T23:59:59.9999994'), ('8', '9999-12-31T23:59:59.9999999'), ('9', NULL)
) AS v (id, at)$$);
CREATE TABLE local_datetimes AS SELECT * FROM datetimes;
SET datestyle = ISO;
SELECT * FROM local_datetimes ORDER BY id;

CREATE FUNCTION ids(relation text, condition text) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
  found integer[];
BEGIN
  EXECUTE format('SELECT array_agg(id ORDER BY id) FROM %s WHERE %s', relation, condition) INTO found;
  RETURN found;
END $$;
CREATE TABLE condition AS
  SELECT format('%s %s %L::timestamp', c, o, v) AS condition
  FROM unnest('{at,at::date}'::text[]) c,
       unnest('{=,<>,<,<=,>,>=,IS DISTINCT FROM,IS NOT DISTINCT FROM}'::text[]) o,
       unnest('{-infinity,0001-01-01,2024-02-28 23:59:59.999999,2024-02-29,2024-02-29 10:20:30.123456,2024-02-29 10:20:30.123457,9999-12-31 23:59:59.999999,10000-01-01,infinity}'::text[]) v;
-- Differences: none.
SELECT condition, r AS remote, l AS local
FROM condition, ids('datetimes', condition) r, ids('local_datetimes', condition) l
WHERE r IS DISTINCT FROM l
ORDER BY 1;
SELECT count(*) FROM condition;
