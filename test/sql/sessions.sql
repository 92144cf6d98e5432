-- One session and one remote transaction for all that a local transaction reads; any number of scans
-- open at once, left open, rolled back or ended early give the rows a local copy gives.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
CREATE SCHEMA sessions;
SET search_path = sessions, public;
\getenv host SAMBAPOS_TEST_HOST
\getenv port SAMBAPOS_TEST_PORT
\getenv database SAMBAPOS_TEST_DATABASE
\getenv username SAMBAPOS_TEST_USERNAME
\getenv password SAMBAPOS_TEST_PASSWORD
\getenv encryption SAMBAPOS_TEST_ENCRYPTION
CREATE SERVER sessions_till FOREIGN DATA WRAPPER sambapos_fdw
  OPTIONS (host :'host', port :'port', database :'database', encryption :'encryption');
CREATE USER MAPPING FOR CURRENT_USER SERVER sessions_till OPTIONS (username :'username', password :'password');
IMPORT FOREIGN SCHEMA dbo LIMIT TO (tickets, orders, users) FROM SERVER sessions_till INTO sessions;
CREATE VIEW open AS SELECT server_name, user_name = CURRENT_USER AS mine, state <> 'idle' AS in_transaction, valid
  FROM sambapos_connections();
CREATE TABLE local_tickets AS SELECT * FROM tickets;
CREATE TABLE local_orders AS SELECT * FROM orders;

-- EXPLAIN and a branch that does not run open nothing.
SELECT sambapos_disconnect('sessions_till');
EXPLAIN (COSTS OFF) SELECT count(*) FROM tickets;
SELECT count(*) FROM tickets WHERE now() < '2000-01-01'::timestamptz;
SELECT * FROM open;

-- Two scans in one query, the inner one again and again, and the first one's rest put aside.
SET work_mem = '64kB';
SELECT (SELECT sum(hashtext(t::text)::bigint + hashtext(o::text)) FROM tickets t JOIN orders o ON o.ticket_id = t.id)
     = (SELECT sum(hashtext(t::text)::bigint + hashtext(o::text)) FROM local_tickets t JOIN local_orders o ON o.ticket_id = t.id) AS same;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SELECT (SELECT count(*) FROM users u, users v WHERE u.id <> v.id) = (SELECT count(*) * (count(*) - 1) FROM users) AS same;
SELECT (SELECT array_agg((t.id, o.n)::text) FROM (SELECT * FROM tickets ORDER BY id LIMIT 20) t, LATERAL (SELECT count(*) AS n FROM orders o WHERE o.ticket_id = t.id) o)
     = (SELECT array_agg((t.id, o.n)::text) FROM (SELECT * FROM local_tickets ORDER BY id LIMIT 20) t, LATERAL (SELECT count(*) AS n FROM local_orders o WHERE o.ticket_id = t.id) o) AS same;
RESET ALL;
SET client_min_messages = warning;
SET search_path = sessions, public;

-- Cursors left open while others read, over savepoints, and one that outlives the transaction.
CREATE FUNCTION rest(cursor refcursor, how_many int) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  line record;
  lines text[] := '{}';
BEGIN
  FOR i IN 1..how_many LOOP
    FETCH cursor INTO line;
    EXIT WHEN NOT FOUND;
    lines := lines || line::text;
  END LOOP;
  RETURN lines;
END $$;
CREATE TABLE got (part serial, lines text[]);
BEGIN;
DECLARE first CURSOR FOR SELECT * FROM tickets;
DECLARE kept CURSOR WITH HOLD FOR SELECT * FROM tickets;
INSERT INTO got(lines) SELECT rest('first', 3);
SELECT (SELECT count(*) FROM orders) = (SELECT count(*) FROM local_orders) AS same;
INSERT INTO got(lines) SELECT rest('first', 3);
SAVEPOINT s;
DECLARE second CURSOR FOR SELECT * FROM orders;
FETCH FROM second \g /dev/null
SELECT array_length(rest('first', 2), 1);
ROLLBACK TO s;
-- what the cursor gave in the savepoint is gone with it; the cursor goes on
INSERT INTO got(lines) SELECT rest('first', 100000);
SELECT (SELECT count(*) FROM orders LIMIT 1) = (SELECT count(*) FROM local_orders) AS same;
COMMIT;
SELECT array_length(rest('kept', 100000), 1) = (SELECT count(*) FROM local_tickets) AS all_rows;
CLOSE kept;
SELECT (SELECT count(*) FROM local_tickets) - (SELECT count(DISTINCT l) FROM got, unnest(lines) AS l WHERE l IN (SELECT t::text FROM local_tickets t)) AS missing;

-- An error in mid-scan, caught: the next query has the connection for itself.
DO $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT * FROM tickets LIMIT 30 LOOP
    BEGIN
      PERFORM 1 / (o.id - o.id) FROM orders o;
    EXCEPTION WHEN division_by_zero THEN
      NULL;
    END;
  END LOOP;
END $$;
SELECT * FROM open;

-- A cursor opened before a savepoint and failed in it loses its temporary files with the savepoint.
CREATE FOREIGN TABLE millions (id int) SERVER sessions_till
  OPTIONS (query 'SELECT a.Id AS id FROM dbo.Orders AS a CROSS JOIN dbo.Orders AS b CROSS JOIN dbo.Users AS c');
CREATE SEQUENCE countdown;
SET work_mem = '64kB';
BEGIN;
DECLARE failing CURSOR FOR SELECT 1 / (2 - nextval('countdown')) AS n FROM millions;
FETCH FROM failing;
SAVEPOINT s;
FETCH FROM failing;
ROLLBACK TO s;
SELECT count(*) = (SELECT count(*) FROM local_tickets) AS same FROM tickets;
SELECT sambapos._end_remote_transaction('sessions_till');
COMMIT;

-- statement_timeout is heeded while another reader's rows are put aside: they are given up.
BEGIN;
DECLARE long CURSOR FOR SELECT * FROM millions;
FETCH FROM long \g /dev/null
SAVEPOINT s;
SET LOCAL statement_timeout = '200ms';
SELECT count(*) FROM tickets;
ROLLBACK TO s;
FETCH FROM long;
ROLLBACK;
RESET work_mem;

-- A scan executed again and again, its rows put aside each time, keeps its size.
ALTER SERVER sessions_till OPTIONS (ADD isolation 'read_committed');
BEGIN;
DECLARE again CURSOR FOR SELECT (SELECT count(*) FROM users u WHERE u.id = g) FROM generate_series(1, 2000) AS g;
MOVE 10 IN again;
CREATE TEMP TABLE executors ON COMMIT DROP AS SELECT sum(total_bytes) AS bytes FROM pg_backend_memory_contexts WHERE name = 'ExecutorState';
MOVE 1500 IN again;
SELECT sum(total_bytes) - (SELECT bytes FROM executors) < 100000 AS same_size FROM pg_backend_memory_contexts WHERE name = 'ExecutorState';
COMMIT;

-- A transaction that asks for one snapshot gets one warning if this server does not give it, and none if it does.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) = (SELECT count(*) FROM local_tickets) AS same FROM tickets;
SELECT count(*) = (SELECT count(*) FROM local_orders) AS same FROM orders;
COMMIT;
BEGIN;
SELECT count(*) = (SELECT count(*) FROM local_tickets) AS same FROM tickets;
COMMIT;
ALTER SERVER sessions_till OPTIONS (DROP isolation);
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) = (SELECT count(*) FROM local_tickets) AS same FROM tickets;
COMMIT;

-- The server ends the transaction: every further use says so, until the local one ends too.
BEGIN;
SELECT count(*) = (SELECT count(*) FROM local_tickets) AS same FROM tickets;
SELECT * FROM sambapos_query('sessions_till', 'ROLLBACK; SELECT 1') AS t(one int);
SAVEPOINT s;
SELECT count(*) FROM tickets;
ROLLBACK TO s;
SELECT count(*) FROM orders;
ROLLBACK;
SELECT count(*) = (SELECT count(*) FROM local_tickets) AS same FROM tickets;

-- Ending it early: not while it is read; the next use begins another.
BEGIN;
SELECT * FROM sambapos_query('sessions_till', 'SELECT @@TRANCOUNT') AS t(n int);
DECLARE c CURSOR FOR SELECT * FROM tickets;
FETCH FROM c \g /dev/null
SAVEPOINT s;
SELECT sambapos._end_remote_transaction('sessions_till');
ROLLBACK TO s;
CLOSE c;
SELECT sambapos._end_remote_transaction('sessions_till');
SELECT * FROM open;
SELECT sambapos._end_remote_transaction('sessions_till');
SELECT * FROM sambapos_query('sessions_till', 'SELECT @@TRANCOUNT') AS t(n int);
-- Not closed and not prepared while in use.
SELECT sambapos_disconnect('sessions_till');
PREPARE TRANSACTION 'sessions';
SELECT sambapos_disconnect('sessions_till'), sambapos_disconnect('sessions_till');

-- Changed options: the old session serves its transaction out.
BEGIN;
SELECT count(*) > 0 AS rows FROM tickets;
ALTER SERVER sessions_till OPTIONS (ADD keep_connections 'off');
SELECT * FROM open;
COMMIT;
SELECT * FROM open;
SELECT count(*) > 0 AS rows FROM tickets;
SELECT * FROM open;

DROP SERVER sessions_till CASCADE;
DROP SCHEMA sessions CASCADE;
