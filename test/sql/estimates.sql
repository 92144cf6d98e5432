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
CREATE FOREIGN TABLE tickets (id integer OPTIONS (column_name 'Id', remote_type 'int', key 'true'))
  SERVER estimates_till OPTIONS (table_name 'Tickets');
CREATE FOREIGN TABLE orders (id integer OPTIONS (column_name 'Id', key 'true'), ticket_id integer OPTIONS (column_name 'TicketId', remote_type 'int'))
  SERVER estimates_till OPTIONS (table_name 'Orders', estimated_rows '400000');
CREATE FOREIGN TABLE nowhere (id integer OPTIONS (column_name 'Id', remote_type 'int'))
  SERVER estimates_till OPTIONS (table_name 'It''s not [there]');

CREATE FUNCTION plan_of(query text) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
  RETURN plan->0->'Plan';
END $$;
CREATE FUNCTION planned_rows(relation text) RETURNS bigint LANGUAGE sql AS $$
  SELECT (plan_of('SELECT id FROM ' || relation)->>'Plan Rows')::bigint $$;
CREATE VIEW our_connections AS
  SELECT count(*) FROM sambapos_connections() WHERE server_name = 'estimates_till';

-- A guess.
SELECT planned_rows('tickets');
-- What was recorded.
ALTER FOREIGN TABLE tickets OPTIONS (ADD estimated_rows '123456');
SELECT planned_rows('tickets');
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM tickets;
-- A key is one even before anybody has analyzed its table: a value finds one row, and a join with it multiplies nothing.
CREATE TABLE few AS SELECT n AS ticket_id FROM generate_series(1, 10) n;
CREATE TABLE many AS SELECT n AS ticket_id FROM generate_series(1, 50000) n;
ANALYZE few, many;
SELECT planned_rows('tickets WHERE id = 5') AS one;
SELECT (plan_of('SELECT FROM many m JOIN tickets t ON t.id = m.ticket_id')->>'Plan Rows')::float BETWEEN 25000 AND 100000 AS as_many_as_refer_to_it;
-- Nobody relies on it: a till that is read without row versions may give a row twice.
SELECT plan_of('SELECT FROM few f JOIN tickets t ON t.id = f.ticket_id')->>'Inner Unique' AS relied_on;
-- Of other columns as much as was recorded; PostgreSQL would guess 200 values.
SELECT planned_rows('orders WHERE ticket_id = 5') AS guessed;
ALTER FOREIGN TABLE orders ALTER COLUMN ticket_id OPTIONS (ADD estimated_distinct '100000');
SELECT planned_rows('orders WHERE ticket_id = 5') AS known, planned_rows('orders WHERE ticket_id IN (1, 2)') AS of_two;
SELECT (plan_of('SELECT ticket_id FROM orders GROUP BY ticket_id')->>'Plan Rows')::integer AS groups;
-- A range of what is not known is wide: with two ends, with one, and of both columns.
SELECT planned_rows('orders WHERE ticket_id BETWEEN 1 AND 10') AS closed, planned_rows('orders WHERE ticket_id > 7 AND 5 <= id AND id < 900') AS and_open;
-- Patterns and functions leave a third at least: what is taken for few rows would be looked up row by row.
SELECT planned_rows('orders WHERE ticket_id % 7 = 3') AS computed, planned_rows('orders WHERE ticket_id::text LIKE ''1%''') AS pattern;
SET enable_mergejoin = off;
-- A few outer rows are looked up one by one, many are joined with the whole table.
EXPLAIN (COSTS OFF) SELECT FROM few f JOIN tickets t ON t.id = f.ticket_id;
EXPLAIN (COSTS OFF) SELECT FROM many m JOIN tickets t ON t.id = m.ticket_id;
EXPLAIN (COSTS OFF) SELECT FROM few f JOIN orders o ON o.ticket_id = f.ticket_id;
-- Round trips that cost more are avoided sooner.
ALTER SERVER estimates_till OPTIONS (ADD fdw_startup_cost '10000');
EXPLAIN (COSTS OFF) SELECT FROM few f JOIN tickets t ON t.id = f.ticket_id;
ALTER SERVER estimates_till OPTIONS (SET fdw_startup_cost '0', ADD fdw_tuple_cost '0');
-- No cost is negative and none infinite, however odd the figures.
CREATE FUNCTION costs_make_sense(query text) RETURNS boolean LANGUAGE sql AS $$
  SELECT 0 <= (p->>'Startup Cost')::float AND (p->>'Startup Cost')::float <= (p->>'Total Cost')::float AND (p->>'Total Cost')::float < 1e33
     AND (p->>'Plan Rows')::float >= 1 AND (p->>'Plan Width')::int BETWEEN 0 AND 1000
  FROM plan_of(query) p $$;
SELECT costs_make_sense('SELECT * FROM tickets') AND costs_make_sense('SELECT * FROM tickets WHERE id = 1 AND id + 1 > 0') AS free;
ALTER SERVER estimates_till OPTIONS (SET fdw_startup_cost '1e15', SET fdw_tuple_cost '1e15');
ALTER FOREIGN TABLE tickets OPTIONS (SET estimated_rows '1e15');
SELECT costs_make_sense('SELECT * FROM tickets') AND costs_make_sense('SELECT * FROM tickets WHERE id = 1 AND id + 1 > 0') AS dear;
ALTER FOREIGN TABLE tickets OPTIONS (SET estimated_rows '0');
SELECT costs_make_sense('SELECT * FROM tickets') AS empty;
ALTER FOREIGN TABLE tickets OPTIONS (SET estimated_rows '123456');
ALTER SERVER estimates_till OPTIONS (DROP fdw_startup_cost, DROP fdw_tuple_cost);
-- A branch that is not run stays local too.
SELECT count(*) FROM (SELECT id FROM tickets UNION ALL SELECT 1) u WHERE (SELECT false);
SELECT * FROM our_connections;
-- What the server's catalog says; what it does not know is as before.
ALTER SERVER estimates_till OPTIONS (ADD use_remote_estimate 'true');
SELECT CASE WHEN known > 0 THEN planned_rows('tickets') = known ELSE planned_rows('tickets') = 123456 END AS is_asked
FROM sambapos_query('estimates_till', 'SELECT SUM(rows) AS n FROM sys.partitions WHERE object_id = OBJECT_ID(''dbo.Tickets'') AND index_id IN (0, 1)') AS q (known bigint);
SELECT planned_rows('nowhere');
SELECT * FROM our_connections;
-- It is asked once, and again when the table was altered.
SELECT sambapos_disconnect('estimates_till');
SELECT planned_rows('tickets') > 0 AS planned, planned_rows('nowhere') > 0 AS planned;
SELECT * FROM our_connections;
ALTER FOREIGN TABLE tickets OPTIONS (DROP estimated_rows);
SELECT planned_rows('tickets') > 0 AS planned;
SELECT * FROM our_connections;
-- What goes wrong with asking is said.
\set VERBOSITY sqlstate
ALTER USER MAPPING FOR CURRENT_USER SERVER estimates_till OPTIONS (SET password 'wrong');
SELECT planned_rows('tickets');
