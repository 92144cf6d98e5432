-- Text is compared as PostgreSQL compares it, whatever the server's collation thinks of case, accents
-- and trailing blanks: what is sent is a lossy condition, and nothing stands above it there.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
CREATE SCHEMA texts;
SET search_path = texts, public;
\getenv host SAMBAPOS_TEST_HOST
\getenv port SAMBAPOS_TEST_PORT
\getenv database SAMBAPOS_TEST_DATABASE
\getenv username SAMBAPOS_TEST_USERNAME
\getenv password SAMBAPOS_TEST_PASSWORD
\getenv encryption SAMBAPOS_TEST_ENCRYPTION
CREATE SERVER texts_till FOREIGN DATA WRAPPER sambapos_fdw
  OPTIONS (host :'host', port :'port', database :'database', encryption :'encryption');
CREATE USER MAPPING FOR CURRENT_USER SERVER texts_till
  OPTIONS (username :'username', password :'password');
CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);

CREATE FOREIGN TABLE t (
  id integer OPTIONS (remote_type 'int'),
  c text OPTIONS (remote_type 'nvarchar(50)'),
  d varchar(50) OPTIONS (column_name 'c', remote_type 'nvarchar(max)'),
  v text OPTIONS (remote_type 'varchar(50)'),
  f character(10) OPTIONS (remote_type 'nchar(10)'),
  g text OPTIONS (column_name 'f', remote_type 'nchar(10)'),
  long text OPTIONS (column_name 'c', remote_type 'ntext'),
  bare text OPTIONS (column_name 'c'),
  at timestamp OPTIONS (remote_type 'datetime')
) SERVER texts_till OPTIONS (query $$SELECT CAST(id AS int) AS id, CAST(c AS nvarchar(50)) AS c, CAST(v AS varchar(50)) AS v,
  CAST(LEFT(c, 10) AS nchar(10)) AS f, CAST(at AS datetime) AS at
FROM (VALUES
  (1, N'abc', 'abc', '2024-02-29T10:00:00.000'), (2, N'ABC', 'ABC', '2024-02-29T23:59:59.997'), (3, N'abc ', 'abc ', '2024-03-01T00:00:00.000'),
  (4, N'abc  d', 'abc  d', '2024-03-31T02:30:00.000'), (5, N'', '', '2024-10-27T01:30:00.003'), (6, N' ', ' ', '2024-10-27T02:30:00.000'),
  (7, N'a%c', 'a%c', '1753-01-01T00:00:00.000'), (8, N'a_c', 'a_c', '9999-12-31T23:59:59.997'), (9, N'a[b]c', 'a[b]c', '2024-02-28T13:00:00.000'),
  (10, N'a\c', 'a\c', '2024-02-29T08:00:00.000'), (11, N'abé', 'abe', NULL), (12, N'abe' + NCHAR(769), 'x', NULL), (13, N'çay', 'y', NULL), (14, N'ÇAY', 'Y', NULL),
  (15, N'ı', 'i', NULL), (16, N'İ', 'I', NULL), (17, N'😀b', '?', NULL), (18, N'a?c', 'a?c', NULL), (19, N'a''c', 'a''c', NULL), (20, N'ßx', 'ssx', NULL),
  (21, N'ssx', 'ssx', NULL), (22, N'a' + NCHAR(173) + N'bc', 'a-bc', NULL), (23, N'日本', 'z', NULL), (24, N'a' + NCHAR(10) + N'c', 'q', NULL), (25, NULL, NULL, NULL)
) AS x (id, c, v, at)$$);
CREATE TABLE local_t AS SELECT * FROM t;
SELECT count(*), count(c), count(DISTINCT c) FROM local_t;

CREATE FUNCTION sent(condition text, OUT remote text, OUT local text) LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM t WHERE ' || condition LOOP
    remote := coalesce(substring(line FROM ' AS \[q\] WHERE (.*)'), remote);
    local := coalesce(replace(substring(line FROM 'Filter: (.*)'), '(InitPlan 1).col1', '$0'), local); -- so it is called since 17
  END LOOP;
END $$;
CREATE FUNCTION ids(relation text, condition text) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
  found integer[];
BEGIN
  EXECUTE format('SELECT array_agg(id ORDER BY id) FROM %s WHERE %s', relation, condition) INTO found;
  RETURN found;
END $$;
\pset format unaligned
\pset tuples_only on
\pset fieldsep ' | '
\pset null '-'

-- What is sent, and rechecked here.
SELECT k, s.* FROM unnest(ARRAY[$$c = 'x'$$, $$'x' = c$$, $$d = 'x'$$, $$v = 'x'$$, $$v = 'ç'$$, $$f = 'x'$$, $$f = 'x '::character(10)$$, $$f::text = 'x'$$, $$g = 'x'$$,
  $$c = 'it''s'$$, $$c = 'a?'$$, $$c = 'ç'$$, $$c = ''$$, $$c = NULL$$, $$c IN ('a', 'b')$$, $$c IN ('a', NULL)$$, $$c = ANY ('{}')$$, $$v IN ('a', 'ç')$$, $$c IN ('a', '?')$$,
  $$c IS NOT DISTINCT FROM 'x'$$, $$c LIKE 'a%'$$, $$c LIKE 'a_c'$$, $$c LIKE 'a[b]%'$$, $$c LIKE 'a\%%'$$, $$c LIKE 'a!%%' ESCAPE '!'$$, $$v LIKE 'a%'$$, $$d LIKE '%b%'$$, $$c LIKE '😀_'$$,
  $$c = (SELECT 'x')$$, $$c LIKE (SELECT 'x%')$$, $$c = ANY ((SELECT ARRAY['x'])::text[])$$,
  $$c = 'x' AND id = 1$$, $$c = 'x' OR id = 1$$, $$c = 'x' AND c <> 'y'$$, $$c = 'x' OR c <> 'y'$$, $$(c = 'x' OR c = 'y') AND id > 1$$, $$(c = 'x' AND id = 1) OR (c LIKE 'y%' AND v > 'a')$$]) k, sent(k) s;
-- What is not.
SELECT k, s.* FROM unnest(ARRAY[$$c <> 'x'$$, $$c < 'x'$$, $$c > 'x'$$, $$NOT c = 'x'$$, $$c NOT IN ('x')$$, $$c NOT LIKE 'x%'$$, $$c ILIKE 'x%'$$, $$c ~ 'x'$$, $$lower(c) = 'x'$$, $$c || 'x' = 'xx'$$,
  $$length(c) = 1$$, $$c = v$$, $$c IS DISTINCT FROM 'x'$$, $$long = 'x'$$, $$bare = 'x'$$, $$c COLLATE caseless = 'x'$$, $$f LIKE 'x%'$$, $$c = 'x'::name$$, $$NOT (c = 'x' AND id = 1)$$, $$(c = 'x') IS TRUE$$,
  $$(c = 'x') = (id = 1)$$, $$CASE WHEN c = 'x' THEN true END$$, $$c = 'x' OR c ~ 'y'$$]) k, sent(k) s;

-- The answers are PostgreSQL's.
CREATE TABLE condition (condition text);
INSERT INTO condition
  SELECT format(p, col, val) FROM unnest('{c,d,v,f,g}'::text[]) col,
    unnest('{abc,ABC,"abc ",ab,"",a%c,a[b]c,a\\c,abé,abe,çay,ÇAY,ı,i,İ,I,😀b,?,a?c,a''c,ßx,ssx,abc d,日本,x}'::text[]) val,
    unnest('{"%s = %L","%1$s = %2$L OR id < 3","%1$s = %2$L AND id > 2","%1$s IN (%2$L, ''abc'')","NOT %1$s = %2$L","%1$s = (SELECT %2$L)"}'::text[]) p;
INSERT INTO condition
  SELECT format(p, col, val) FROM unnest('{c,d,v,g}'::text[]) col,
    unnest('{a%,A%,%c,a_c,a__c,a\\%c,a\\_c,a[b]c,a[%,%],a\\\\c,%é,abe%,abe_,%y,Ç%,_,__,_b,?,a?c,%''%,ß%,ss%,"abc%d","abc %","% ",日%,"",%,a\\c}'::text[]) val,
    unnest('{"%s LIKE %L","%1$s LIKE %2$L OR %1$s = ''abc''","NOT %1$s LIKE %2$L","%1$s LIKE (SELECT %2$L)"}'::text[]) p;
INSERT INTO condition VALUES ($$c LIKE 'a!%c' ESCAPE '!'$$), ($$c LIKE 'a!_%' ESCAPE '!'$$), ($$c = E'a\nc'$$), ($$c LIKE E'a\nc'$$), ($$c LIKE E'%\n%'$$), ($$c LIKE 'a\\c'$$);
-- Days with a change of the clock among them.
INSERT INTO condition
  SELECT format('%s %s %L::timestamptz', col, o, val) FROM unnest('{at,at::date,at::timestamptz,"at AT TIME ZONE ''America/New_York''"}'::text[]) col,
    unnest('{=,<,<=,>,>=,<>}'::text[]) o,
    unnest('{2024-02-29 10:00,2024-02-29 00:00,2024-03-01 00:00,2024-03-31 02:30,2024-10-27 01:30,2024-10-27 02:30,infinity,-infinity,1753-01-01,9999-12-31 23:59:59.997}'::text[]) val;
SELECT count(*) > 1300 FROM condition;
SET timezone = 'Europe/Berlin';
SELECT condition FROM condition WHERE ids('t', condition) IS DISTINCT FROM ids('local_t', condition);
SET timezone = 'Pacific/Apia';
SELECT condition FROM condition WHERE condition ~ '^at' AND ids('t', condition) IS DISTINCT FROM ids('local_t', condition);
SET timezone = '<far>+99';
SELECT condition FROM condition WHERE condition ~ '^at' AND ids('t', condition) IS DISTINCT FROM ids('local_t', condition);
SET timezone = 'UTC';
SELECT k, s.* FROM unnest(ARRAY[$$at >= '2024-02-29'::timestamptz$$, $$at < '2024-02-29'::timestamptz$$, $$at = '2024-02-29'::timestamptz$$, $$at >= (SELECT now())$$, $$at::timestamptz < '2024-02-29'::timestamptz$$,
  $$at AT TIME ZONE 'Europe/Berlin' >= '2024-02-29'::timestamptz$$, $$at <> '2024-02-29'::timestamptz$$, $$at AT TIME ZONE 'X+9' >= '2024-02-29'::timestamptz$$]) k, sent(k) s;

-- No group and no limit stands above a lossy condition at the server; a join does, and parameters of joins are sent in one.
\set VERBOSITY default
CREATE TABLE local_names AS SELECT c AS name FROM local_t WHERE id IN (1, 13, 17, 25);
CREATE FUNCTION remote_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query LOOP
    RETURN QUERY SELECT coalesce(substring(line FROM 'Remote SQL: (SELECT .*) FROM \(SELECT') || ' ...', substring(line FROM ' AS \[(?:q|r\d)\].*'))
      WHERE line ~ 'Remote SQL:| AS \[(?:q|r\d)\]';
  END LOOP;
END $$;
SELECT remote_of($$SELECT count(*) FROM t WHERE c = 'abc'$$);
SELECT remote_of($$SELECT id FROM t WHERE c = 'abc' ORDER BY id LIMIT 1$$);
SELECT remote_of($$SELECT a.id FROM t a JOIN t b ON a.id = b.id WHERE a.c = 'abc'$$);
ALTER SERVER texts_till OPTIONS (ADD fdw_startup_cost '1');
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SELECT remote_of($$SELECT t.id FROM local_names n JOIN t ON t.c = n.name$$);
SELECT t.id, n.name FROM local_names n JOIN t ON t.c = n.name ORDER BY 1;
