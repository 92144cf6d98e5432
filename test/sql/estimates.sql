-- Planning never connects, unless it is told to ask the server how large a table is.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
CREATE SCHEMA estimates;
SET search_path = estimates, public;
\getenv host SAMBAPOS_TEST_HOST
\getenv port SAMBAPOS_TEST_PORT
\getenv database SAMBAPOS_TEST_DATABASE
\getenv username SAMBAPOS_TEST_USERNAME
\getenv password SAMBAPOS_TEST_PASSWORD
\getenv encryption SAMBAPOS_TEST_ENCRYPTION
CREATE SERVER estimates_till FOREIGN DATA WRAPPER sambapos_fdw
  OPTIONS (host :'host', port :'port', database :'database', encryption :'encryption');
CREATE USER MAPPING FOR CURRENT_USER SERVER estimates_till
  OPTIONS (username :'username', password :'password');
CREATE FOREIGN TABLE tickets (id integer OPTIONS (column_name 'Id', remote_type 'int'))
  SERVER estimates_till OPTIONS (table_name 'Tickets');
CREATE FOREIGN TABLE nowhere (id integer OPTIONS (column_name 'Id', remote_type 'int'))
  SERVER estimates_till OPTIONS (table_name 'It''s not [there]');

CREATE FUNCTION planned_rows(relation text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) SELECT id FROM ' || relation INTO plan;
  RETURN plan->0->'Plan'->>'Plan Rows';
END $$;
CREATE VIEW our_connections AS
  SELECT count(*) FROM sambapos_connections() WHERE server_name = 'estimates_till';

-- A guess.
SELECT planned_rows('tickets');
-- What was recorded.
ALTER FOREIGN TABLE tickets OPTIONS (ADD estimated_rows '123456');
SELECT planned_rows('tickets');
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM tickets;
-- A branch that isn't run stays local too.
SELECT count(*) FROM (SELECT id FROM tickets UNION ALL SELECT 1) u WHERE (SELECT false);
SELECT * FROM our_connections;
-- What the server's catalog says; what it doesn't know is as before.
ALTER SERVER estimates_till OPTIONS (ADD use_remote_estimate 'true');
SELECT planned_rows('tickets') BETWEEN count(*) / 2 AND count(*) * 2 AS is_asked FROM tickets;
SELECT planned_rows('nowhere');
SELECT * FROM our_connections;
-- What goes wrong with asking is said.
\set VERBOSITY sqlstate
ALTER USER MAPPING FOR CURRENT_USER SERVER estimates_till OPTIONS (SET password 'wrong');
SELECT planned_rows('tickets');
