-- Every option is validated when it is set: an unknown name is answered with the nearest one, a bad
-- value with the values that are good. No server is needed.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
CREATE SCHEMA options;
SET search_path = options, public;

-- SQLSTATE, message and hint of what a command raises.
CREATE FUNCTION outcome(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
  hint text;
BEGIN
  EXECUTE command;
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN concat_ws(' | ', sqlstate, sqlerrm, nullif(detail, ''), nullif(hint, ''));
END $$;
CREATE FUNCTION server(options text) RETURNS text LANGUAGE sql AS $$
  SELECT outcome('CREATE SERVER options_probe FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (' || options || ')') $$;
\pset format unaligned
\pset tuples_only on

-- Unknown names: misspelt, in the wrong place, far from everything.
SELECT server($$hots 'x'$$);
SELECT server($$databse 'x'$$);
SELECT server($$username 'x'$$);
SELECT server($$table_name 'x'$$);
SELECT server($$frobnicate 'x'$$);
SELECT outcome('CREATE FOREIGN DATA WRAPPER options_other HANDLER sambapos_fdw_handler VALIDATOR sambapos_fdw_validator OPTIONS (host ''x'')');
SELECT outcome('CREATE FOREIGN DATA WRAPPER options_other HANDLER sambapos_fdw_handler VALIDATOR sambapos_fdw_validator OPTIONS (debug ''x'')');

-- Values: ranges, choices, booleans, numbers, paths, emptiness.
SELECT o, server(o) FROM unnest(ARRAY[
  $$host ''$$, $$port '0'$$, $$port '65536'$$, $$port '1433x'$$, $$port ''$$, $$packet_size '511'$$,
  $$packet_size '40000'$$, $$connect_timeout '-1'$$, $$query_timeout '86401'$$, $$lock_timeout '-2'$$,
  $$encryption 'Require'$$, $$min_tls '1.3'$$, $$tds_version '8.0'$$, $$isolation 'serializable'$$,
  $$text_semantics 'loose'$$, $$invalid_text 'ignore'$$, $$keep_connections 'perhaps'$$,
  $$use_remote_estimate '2'$$, $$fdw_startup_cost '-1'$$, $$fdw_tuple_cost 'nan'$$, $$ca_file 'ca.pem'$$,
  $$check_hostname 'on'$$, $$instance 'ANAMETHATISTOOLONG'$$]) AS o;

-- A host as in a connection string: each part is an option of its own.
SELECT o, server('host ' || quote_literal(o)) FROM unnest(ARRAY[
  'till\SQLEXPRESS', 'till,1433', 'till:1433', 'tcp:till', 'TCP:till\SQLEXPRESS, 1433', '(local)', '.', '.\SQLEXPRESS',
  '(localdb)\MSSQLLocalDB', 'np:\\till\pipe\sql\query', '\\.\pipe\sql\query', 'lpc:till',
  '[::1]', '[::1]:1433', 'tcp:[fe80::2%eth0]\SQLEXPRESS,1433', '[::1', 'till:']) AS o;
-- What FreeTDS could not read in its file: a host and a path alike.
SELECT what, outcome(format('CREATE SERVER options_probe FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (%s %L)', option, value)) AS is,
  outcome('DROP SERVER IF EXISTS options_probe')
FROM (VALUES ('201 bytes', 'host', repeat('h', 201)), ('200 bytes', 'host', repeat('h', 200)),
  ('201 bytes', 'ca_file', '/' || repeat('p', 200)), ('200 bytes', 'ca_file', '/' || repeat('p', 199)),
  ('a comment', 'host', 'till#1'), ('a comment', 'ca_file', '/etc/ssl/ca;1.pem'), ('a line', 'ca_file', E'/etc/ssl/ca\n1.pem'),
  ('a blank', 'host', 'till '), ('a blank', 'ca_file', '/etc/my ca.pem'), ('two blanks', 'ca_file', '/etc/my  ca.pem'))
  AS v (what, option, value);
SELECT o, server('host ' || quote_literal(o)), outcome('DROP SERVER IF EXISTS options_probe')
FROM unnest(ARRAY['::1', 'fe80::2%eth0', 'till-1.example.org', '192.168.1.10']) AS o;

-- All of them at once, good.
CREATE SERVER options_full FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (
  host 'till.invalid', port '1433', instance 'SQLEXPRESS', database 'SambaPOS', encryption 'request',
  min_tls '1.0', ca_file '/etc/ssl/ca.pem', check_hostname 'off', tds_version '7.4', packet_size '512',
  connect_timeout '0', query_timeout '86400', lock_timeout '-1', isolation 'read_uncommitted',
  application_name 'report', keep_connections 'no', text_semantics 'server', invalid_text 'replace',
  use_remote_estimate 'true', fdw_startup_cost '0', fdw_tuple_cost '0.5', async_capable 'false');
SELECT outcome('ALTER SERVER options_full OPTIONS (SET port ''70000'')');
SELECT outcome('ALTER SERVER options_full OPTIONS (DROP check_hostname, DROP ca_file)');

-- The user mapping; a password is never repeated in an error.
SELECT outcome('CREATE USER MAPPING FOR CURRENT_USER SERVER options_full OPTIONS (user ''x'')');
SELECT outcome(format('CREATE USER MAPPING FOR CURRENT_USER SERVER options_full OPTIONS (password %L)', repeat('secret', 30)));
SELECT outcome('CREATE USER MAPPING FOR CURRENT_USER SERVER options_full OPTIONS (password ''x'', password_file ''/x'')');
SELECT outcome('CREATE USER MAPPING FOR CURRENT_USER SERVER options_full OPTIONS (password_file ''x'')');
SELECT outcome('CREATE USER MAPPING FOR CURRENT_USER SERVER options_full OPTIONS (username ''x'', password '''', password_required ''false'')');

-- Tables and columns.
SELECT outcome('CREATE FOREIGN TABLE t (id integer) SERVER options_full OPTIONS (table ''x'')');
SELECT outcome('CREATE FOREIGN TABLE t (id integer) SERVER options_full OPTIONS (table_name ''x'', query ''SELECT 1'')');
SELECT outcome('CREATE FOREIGN TABLE t (id integer) SERVER options_full OPTIONS (schema_name ''x'', query ''SELECT 1'')');
SELECT outcome(format('CREATE FOREIGN TABLE t (id integer) SERVER options_full OPTIONS (query %L)', q)) FROM unnest(ARRAY[
  'SELECT 1 AS id) AS x; DELETE FROM t; SELECT id FROM (SELECT 2 AS id', 'SELECT 1 AS id DELETE FROM t', 'SELECT 1 AS id; SELECT 2', 'SELECT 1 AS id SELECT 2', 'WITH x AS (SELECT 1 AS id) SELECT id FROM x',
  'SELECT (1 AS id', 'SELECT ''a', 'SELECT [a', 'SELECT 1 AS id /* /* */', 'SELECT 1DELETE FROM t', E'SELECT \x01 AS id', 'SELECT “a” AS id', 'VALUES (1)', '-- SELECT 1']) AS q;
SELECT outcome('CREATE FOREIGN TABLE t (id integer) SERVER options_full OPTIONS (estimated_rows ''-5'')');
SELECT outcome('CREATE FOREIGN TABLE t (id integer OPTIONS (estimated_distinct ''-0.5'')) SERVER options_full');
SELECT outcome('CREATE FOREIGN TABLE t (id integer OPTIONS (key ''maybe'')) SERVER options_full');
SELECT outcome('CREATE FOREIGN TABLE t (id integer OPTIONS (remote_typ ''int'')) SERVER options_full');
SELECT outcome('CREATE FOREIGN TABLE t (id integer OPTIONS (column_name ''Id'', remote_type ''int'', key ''true''), name text OPTIONS (remote_collation ''Turkish_CI_AS'')) SERVER options_full OPTIONS (schema_name ''dbo'', table_name ''T'', estimated_rows ''1e6'')');

-- What only superusers may set.
CREATE ROLE options_user;
GRANT USAGE ON FOREIGN DATA WRAPPER sambapos_fdw TO options_user;
GRANT USAGE ON FOREIGN SERVER options_full TO options_user;
GRANT ALL ON SCHEMA options TO options_user;
SET ROLE options_user;
SELECT server($$ca_file '/etc/ssl/ca.pem'$$);
SELECT outcome('CREATE USER MAPPING FOR CURRENT_USER SERVER options_full OPTIONS (username ''x'', password_file ''/etc/passwd'')');
SELECT outcome('CREATE USER MAPPING FOR CURRENT_USER SERVER options_full OPTIONS (username ''x'', password_required ''false'')');
SELECT outcome('CREATE USER MAPPING FOR CURRENT_USER SERVER options_full OPTIONS (username ''x'', password ''y'', password_required ''true'')');
-- And what takes the right to sambapos_query.
SELECT outcome('CREATE FOREIGN TABLE q (id integer) SERVER options_full OPTIONS (query ''SELECT 1 AS id'')');
RESET ROLE;

-- What a login lacks is said before anything is connected, with the command that adds it.
CREATE SERVER options_bare FOREIGN DATA WRAPPER sambapos_fdw;
CREATE USER MAPPING FOR CURRENT_USER SERVER options_bare;
CREATE FOREIGN TABLE bare (id integer) SERVER options_bare;
SELECT outcome('SELECT * FROM bare');
ALTER SERVER options_bare OPTIONS (ADD host 'till.invalid', ADD instance 'SQLEXPRESS');
SELECT outcome('SELECT * FROM bare');
ALTER USER MAPPING FOR CURRENT_USER SERVER options_bare OPTIONS (ADD username 'x');
SELECT outcome('SELECT * FROM bare');

-- Plain EXPLAIN asks for none of it.
EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM bare;

DROP SERVER options_bare CASCADE;
DROP SERVER options_full CASCADE;
REVOKE USAGE ON FOREIGN DATA WRAPPER sambapos_fdw FROM options_user;
DROP SCHEMA options CASCADE;
DROP ROLE options_user;
