-- Whatever fails says what, where and with which SQLSTATE; the connection serves the next query.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
CREATE SCHEMA errors;
SET search_path = errors, public;
\getenv host SAMBAPOS_TEST_HOST
\getenv port SAMBAPOS_TEST_PORT
\getenv database SAMBAPOS_TEST_DATABASE
\getenv username SAMBAPOS_TEST_USERNAME
\getenv password SAMBAPOS_TEST_PASSWORD
\getenv encryption SAMBAPOS_TEST_ENCRYPTION
CREATE SERVER errors_till FOREIGN DATA WRAPPER sambapos_fdw
  OPTIONS (host :'host', port :'port', database :'database', encryption :'encryption');
CREATE USER MAPPING FOR CURRENT_USER SERVER errors_till OPTIONS (username :'username', password :'password');
IMPORT FOREIGN SCHEMA dbo LIMIT TO (users) FROM SERVER errors_till INTO errors;
\pset format unaligned
\pset tuples_only on

-- SQLSTATE, and our own message and context. What the server says in its own words is left out.
CREATE FUNCTION outcome(command text, ours boolean DEFAULT true) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  message text;
  detail text;
  hint text;
  context text;
BEGIN
  EXECUTE command;
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
  context := regexp_replace(split_part(context, 'SQL statement', 1), E'\n', ' / ', 'g');
  IF ours THEN
    RETURN concat_ws(' | ', sqlstate, message, nullif(detail, ''), nullif(hint, ''), nullif(context, ''));
  END IF;
  RETURN concat_ws(' | ', sqlstate, substring(detail FROM 'SQL Server error \d+, severity \d+'), nullif(context, ''));
END $$;
CREATE FUNCTION alive() RETURNS text LANGUAGE sql AS $$
  SELECT outcome('SELECT count(*) FROM users') || ', ' || (SELECT count(*) FROM sambapos_connections()) || ' connection' $$;

-- The server's errors: its number in the detail, a SQLSTATE that a program can act on.
-- (One statement each: some of them end the remote transaction.)
CREATE FUNCTION remote(query text) RETURNS text LANGUAGE sql AS $$
  SELECT outcome(format('SELECT * FROM sambapos_query(''errors_till'', %L) AS t(v int)', query), false) $$;
SELECT remote('SELECT 1 / 0');
SELECT remote('SELECT * FROM dbo.NoSuchTable');
SELECT remote('SELECT NoSuchColumn FROM dbo.Users');
SELECT remote('SELECT 1 +');
SELECT remote('SELECT CAST(''x'' AS int)');
SELECT remote('SELECT CAST(40000 AS smallint)');
SELECT remote('SELECT 1 FROM dbo.Users WHERE 1 / (Id - Id) = 1');
SELECT alive();

-- A foreign table that is not what the server has.
CREATE FOREIGN TABLE gone (id integer) SERVER errors_till OPTIONS (table_name 'NoSuchTable');
CREATE FOREIGN TABLE other (id integer OPTIONS (column_name 'NoSuchColumn')) SERVER errors_till OPTIONS (table_name 'Users');
CREATE FOREIGN TABLE narrow (id integer OPTIONS (column_name 'Id'), name varchar(1) OPTIONS (column_name 'Name')) SERVER errors_till OPTIONS (table_name 'Users');
CREATE FOREIGN TABLE wrong (id date OPTIONS (column_name 'Id', remote_type 'int')) SERVER errors_till OPTIONS (table_name 'Users');
CREATE FOREIGN TABLE third (n smallint) SERVER errors_till OPTIONS (query 'SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 40000');
SELECT outcome('SELECT * FROM gone', false);
SELECT outcome('SELECT * FROM other', false);
SELECT outcome('SELECT * FROM narrow');
SELECT outcome('SELECT * FROM wrong');
SELECT outcome('SELECT * FROM third');
SELECT alive();

-- sambapos_query: the column definition list has to fit; the server has to be usable.
SELECT outcome('SELECT * FROM sambapos_query(''errors_till'', ''SELECT 1, 2'') AS t(v int)');
SELECT outcome('SELECT * FROM sambapos_query(''errors_till'', ''SELECT 1'') AS t(v int, w int)');
SELECT outcome('SELECT * FROM sambapos_query(''errors_till'', ''SET NOCOUNT ON'') AS t(v int)');
SELECT outcome('SELECT * FROM sambapos_query(''errors_till'', ''SELECT 1'')');
SELECT outcome('SELECT sambapos_query(''errors_till'', ''SELECT 1'')');
SELECT outcome('SELECT * FROM sambapos_query(''errors_till'', ''SELECT CAST(1 AS bigint)'') AS t(v uuid)');
SELECT outcome('SELECT * FROM sambapos_query(''errors_nowhere'', ''SELECT 1'') AS t(v int)');
-- A server is named by all of the text, and is one of ours; asked before anything is connected.
CREATE SERVER errors_a_name_of_exactly_as_many_bytes_as_a_name_may_have_63_xx FOREIGN DATA WRAPPER sambapos_fdw;
CREATE FOREIGN DATA WRAPPER errors_other;
CREATE SERVER errors_of_another FOREIGN DATA WRAPPER errors_other;
CREATE FUNCTION sambapos_query(name, text) RETURNS SETOF record LANGUAGE sql AS 'SELECT 666';
SELECT outcome(format(c, s)) FROM unnest(ARRAY['errors_a_name_of_exactly_as_many_bytes_as_a_name_may_have_63_xx and on', 'errors_of_another']) AS s,
  unnest(ARRAY['SELECT * FROM sambapos_query(%L, ''SELECT 1'') AS t(v int)', 'SELECT sambapos_disconnect(%L)', 'SELECT sambapos._end_remote_transaction(%L)']) AS c;
DROP FUNCTION sambapos_query(name, text);
DROP SERVER errors_of_another, errors_a_name_of_exactly_as_many_bytes_as_a_name_may_have_63_xx;
DROP FOREIGN DATA WRAPPER errors_other;
SELECT alive();
CREATE ROLE errors_user;
GRANT USAGE ON SCHEMA errors TO errors_user;
GRANT SELECT ON users TO errors_user;
SET ROLE errors_user;
SELECT outcome('SELECT * FROM sambapos_query(''errors_till'', ''SELECT 1'') AS t(v int)');
RESET ROLE;
GRANT EXECUTE ON FUNCTION sambapos_query(text, text) TO errors_user;
SET ROLE errors_user;
SELECT outcome('SELECT * FROM sambapos_query(''errors_till'', ''SELECT 1'') AS t(v int)');
SELECT outcome('SELECT count(*) FROM users') LIKE '42704 | user mapping not found%' AS no_mapping;
RESET ROLE;

-- Nothing is written, and the reason is given.
SELECT outcome(c) FROM unnest(ARRAY['INSERT INTO users (id) VALUES (1)', 'UPDATE users SET name = NULL', 'DELETE FROM users',
  'TRUNCATE users', 'EXPLAIN DELETE FROM users', 'COPY users FROM ''/dev/null''']) AS c;
SELECT is_insertable_into FROM information_schema.tables WHERE table_schema = 'errors' AND table_name = 'users';

-- Wrong database, wrong password: the login's own codes, and nothing of the password.
ALTER SERVER errors_till OPTIONS (SET database 'NoSuchDatabase');
SELECT outcome('SELECT count(*) FROM users', false);
ALTER SERVER errors_till OPTIONS (SET database :'database');
ALTER USER MAPPING FOR CURRENT_USER SERVER errors_till OPTIONS (SET password 'NotThePassword');
SELECT outcome('SELECT count(*) FROM users', false);
SELECT outcome('SELECT count(*) FROM users') LIKE '%NotThePassword%' AS leaked;
ALTER USER MAPPING FOR CURRENT_USER SERVER errors_till OPTIONS (SET password :'password');
SELECT alive();
-- Nobody listens.
ALTER SERVER errors_till OPTIONS (SET port '1');
SELECT substr(outcome('SELECT count(*) FROM users'), 1, 5);
ALTER SERVER errors_till OPTIONS (SET port :'port');
SELECT alive();

DROP SERVER errors_till CASCADE;
DROP SCHEMA errors CASCADE;
REVOKE EXECUTE ON FUNCTION sambapos_query(text, text) FROM errors_user;
DROP ROLE errors_user;
