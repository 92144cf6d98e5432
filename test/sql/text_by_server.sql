-- text_semantics 'server': text is compared, grouped and sorted by the server's rules where the server
-- is asked, and nothing of it is rechecked here. Joins that are made here, and whatever sorts only on
-- the way to something else, keep PostgreSQL's. The server does not exist: planning never connects.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
CREATE SCHEMA by_server;
SET search_path = by_server, public;
CREATE SERVER by_server_till FOREIGN DATA WRAPPER sambapos_fdw
  OPTIONS (host 'till.invalid', database 'SambaPOS', text_semantics 'server', fdw_startup_cost '1');
CREATE FOREIGN TABLE t (
  id integer OPTIONS (column_name 'Id', remote_type 'int', key 'true'),
  c text OPTIONS (remote_type 'nvarchar(50)'),
  d varchar(50) OPTIONS (remote_type 'nvarchar(max)'),
  v text OPTIONS (remote_type 'varchar(50)'),
  f character(10) OPTIONS (remote_type 'nchar(10)'),
  long text OPTIONS (remote_type 'ntext'),
  other text OPTIONS (remote_type 'nvarchar(50)') COLLATE "C"
) SERVER by_server_till OPTIONS (table_name 'T');
CREATE TABLE names (name text);

CREATE FUNCTION sent(query text, OUT remote text, OUT local text) LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query LOOP
    remote := nullif(concat_ws('; ', remote, substring(line FROM 'Remote SQL: (.*)')), '');
    IF line ~ '(Filter|Cond): |(Sort|Unique|Aggregate|Limit|Join|Loop)( |$)' AND line !~ 'Relations|Output' THEN
      local := concat_ws(', ', local, trim(line, ' ->'));
    END IF;
  END LOOP;
END $$;
\pset format unaligned
\pset tuples_only on
\pset fieldsep ' | '
\pset null '-'
SELECT s.* FROM unnest(ARRAY[$$c = 'x'$$, $$c <> 'x'$$, $$c < 'x'$$, $$'x' >= c$$, $$d = 'x'$$, $$v = 'x'$$, $$v > 'ç'$$, $$f = 'x'$$, $$c LIKE 'a_c[%'$$, $$c NOT LIKE '\_%'$$, $$c ILIKE 'a%'$$,
  $$c IN ('a', 'b?')$$, $$c NOT IN ('a', NULL)$$, $$c = ANY ((SELECT ARRAY['x'])::text[])$$, $$c IS DISTINCT FROM 'x'$$, $$c IS NOT DISTINCT FROM d$$, $$c = v$$, $$c < d$$, $$NOT (c = 'x' OR id = 1)$$, $$c BETWEEN 'a' AND 'b'$$,
  $$c = (SELECT 'x')$$, $$c LIKE (SELECT 'x%')$$, $$c > 'x' COLLATE "C"$$, $$c COLLATE "C" = 'x'$$, $$other = 'x'$$, $$other < 'x'$$, $$long = 'x'$$, $$lower(c) = 'x'$$, $$c || 'x' = 'xx'$$]) k,
  sent('SELECT id FROM t WHERE ' || k) s;
SELECT s.* FROM unnest(ARRAY[
  $$SELECT c, count(*) FROM t GROUP BY c$$, $$SELECT DISTINCT c FROM t$$, $$SELECT min(c), max(d) FROM t$$, $$SELECT count(DISTINCT c) FROM t$$,
  $$SELECT c FROM t ORDER BY c LIMIT 5$$, $$SELECT c, id FROM t ORDER BY c DESC, id$$, $$SELECT c, count(*) FROM t GROUP BY c ORDER BY c LIMIT 3$$, $$SELECT c FROM t ORDER BY c COLLATE "C" LIMIT 5$$,
  $$SELECT count(*) FROM t a JOIN t b ON a.c = b.c$$, $$SELECT a.id FROM t a JOIN t b USING (id) ORDER BY a.c LIMIT 3$$, $$SELECT other, count(*) FROM t GROUP BY other$$]) k, sent(k) s;
-- Not in the order of the server: what is merged, grouped or made unique here.
SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT s.* FROM unnest(ARRAY[
  $$SELECT id FROM t JOIN names ON c = name ORDER BY c$$,
  $$SELECT id FROM (SELECT id, c FROM t ORDER BY c LIMIT 5) s JOIN names ON c = name$$,
  $$SELECT DISTINCT c, random() FROM t ORDER BY c$$,
  $$SELECT c FROM t ORDER BY c FETCH FIRST 2 ROWS WITH TIES$$,
  $$SELECT c, row_number() OVER (PARTITION BY c) FROM t ORDER BY c$$]) k, sent(k) s;
-- In which way it is made unique depends on the release.
SELECT remote FROM sent('SELECT c FROM t UNION SELECT name FROM names ORDER BY 1');
RESET enable_nestloop;
SET enable_mergejoin = off;
SET enable_material = off;
INSERT INTO names VALUES ('x');
ANALYZE names;
-- A join that is made here: a lossy condition, rechecked.
SELECT remote, replace(local, 'names.name = t.c', 't.c = names.name') AS local FROM sent('SELECT id FROM names JOIN t ON c = name');
