-- GROUP BY, aggregates, HAVING and DISTINCT at the server: to the last digit what PostgreSQL gives.
\getenv test PG_ABS_SRCDIR
\set include :test '/sql/include/both_sides.sql'
\set ECHO none
\i :include
\set ECHO all

-- Everything that is sent, over each type, at its ends: nothing overflows, no digit is lost.
SELECT compare('SELECT count(*), count(n), count(name), count(factor), count(1), count(NULL), count(DISTINCT n), count(DISTINCT day) FROM edges');
SELECT compare('SELECT sum(tiny), sum(n), sum(big), sum(amount), sum(price) FROM edges');
SELECT compare('SELECT avg(tiny), avg(n), avg(big), avg(amount), avg(price) FROM edges');
SELECT compare('SELECT sum(rate), avg(rate), sum(rate) FILTER (WHERE id > 3) FROM edges');
SELECT compare('SELECT min(tiny), max(n), min(big), max(amount), min(rate), max(wide), min(price), max(day), min(at), max(at7) FROM edges');
SELECT compare('SELECT sum(DISTINCT n), avg(DISTINCT amount), sum(DISTINCT big), max(DISTINCT id) FROM edges');
SELECT compare('SELECT sum(n) FILTER (WHERE flag), count(*) FILTER (WHERE n > 3 AND n IS NOT NULL), count(amount) FILTER (WHERE day < ''2024-03-01''), count(DISTINCT n) FILTER (WHERE NOT flag), avg(amount) FILTER (WHERE id = 99), count(name) FILTER (WHERE flag) FROM edges');
SELECT compare('SELECT sum(n), avg(n), min(n), count(*), count(n) FROM edges WHERE id > 100');
SELECT compare('SELECT sum(total_amount), avg(total_amount), sum(total_amount) / count(*), round(avg(id), 3), max(id) - min(id) FROM tickets');

-- Groups, by columns of every type that can be, by expressions, by many, by what is constant; NULLs are one group.
SELECT compare('SELECT n, count(*), sum(amount) FROM edges GROUP BY n');
SELECT compare('SELECT flag, day, price, uid, big, count(*) FROM edges GROUP BY flag, day, price, uid, big');
SELECT compare('SELECT at, amount, count(*) FROM edges GROUP BY 1, 2');
SELECT compare('SELECT id % 3, count(*), (id % 3) * 2.5 FROM tickets GROUP BY id % 3');
SELECT compare('SELECT ''a'' AS c, n, 1 + 1 AS two, count(*) FROM edges GROUP BY 1, 2, 3');
SELECT compare('SELECT n FROM edges GROUP BY n, flag');
-- Fetched once: in ORDER BY a column that is twice in the output would be ambiguous.
SELECT compare('SELECT n AS a, n AS b, count(*) FROM edges GROUP BY a, b ORDER BY a, b', true);
SELECT compare('SELECT DISTINCT n AS a, n AS b FROM edges ORDER BY b', true);
SELECT compare('SELECT 1 FROM edges GROUP BY n');
SELECT compare('SELECT count(*) FROM (SELECT count(*) FROM edges) s');
SELECT compare('SELECT d.name, s.c FROM departments d JOIN (SELECT department_id, count(*) AS c FROM tickets GROUP BY department_id) s ON s.department_id = d.id');

-- HAVING: exact conditions there, the others here, above what was fetched.
SELECT compare('SELECT department_id, count(*) FROM tickets GROUP BY department_id HAVING count(*) > 50 AND sum(total_amount) > 1000.5');
SELECT compare('SELECT department_id FROM tickets GROUP BY department_id HAVING avg(total_amount) > 1170 AND min(id) < 5');
SELECT compare('SELECT n FROM edges GROUP BY n HAVING n > 3 OR count(*) = 1');
SELECT compare('SELECT count(*) FROM edges HAVING count(*) > 100');
SELECT compare('SELECT sum(n) FROM edges HAVING sum(rate) > 0');

-- What stands above GROUP BY is the grouped expression itself, casts and all.
SELECT compare('SELECT n::bigint, count(*) FROM edges GROUP BY n::bigint HAVING count(*) > n::bigint');
SELECT compare('SELECT at::date, count(*) FROM edges GROUP BY at::date HAVING at::date > ''2024-01-01''');
SELECT compare('SELECT n, max(at) FROM edges GROUP BY n HAVING max(at)::date = ''2024-02-29'' AND n::numeric > 5.5');

-- Above joins.
SELECT compare('SELECT d.id, count(*), sum(o.price), avg(o.quantity) FROM departments d JOIN tickets t ON t.department_id = d.id JOIN orders o ON o.ticket_id = t.id GROUP BY d.id');
SELECT compare('SELECT t.department_id, count(p.id), count(*), min(p.amount) FROM tickets t LEFT JOIN payments p ON p.ticket_id = t.id AND p.amount > 1000 GROUP BY t.department_id');
SELECT compare('SELECT count(*) FROM tickets t WHERE EXISTS (SELECT FROM orders o WHERE o.ticket_id = t.id AND o.price > 100)');
SELECT compare('SELECT t.department_id, count(*) FROM tickets t WHERE t.id IN (SELECT ticket_id FROM orders WHERE price > 500) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 2', true);
SELECT compare('SELECT e.flag, count(f.id) FROM edges e LEFT JOIN few f ON f.n = e.n AND e.day - 1 >= ''2024-02-28 10:20:30'' GROUP BY e.flag');

-- In the order of groups and of aggregates.
SELECT compare('SELECT n, count(*) FROM edges GROUP BY n ORDER BY n', true);
SELECT compare('SELECT n, sum(amount) FROM edges GROUP BY n ORDER BY sum(amount) DESC, n', true);
SELECT compare('SELECT department_id, max(total_amount) FROM tickets GROUP BY department_id ORDER BY count(*) DESC, department_id', true);

-- DISTINCT.
SELECT compare('SELECT DISTINCT department_id, is_closed FROM tickets');
SELECT compare('SELECT DISTINCT n FROM edges ORDER BY n', true);
SELECT compare('SELECT DISTINCT 7 AS seven, flag FROM edges');
SELECT compare('SELECT DISTINCT t.department_id FROM tickets t JOIN payments p ON p.ticket_id = t.id');

-- Parameters in HAVING, FILTER and the groups.
SET plan_cache_mode = force_generic_plan;
PREPARE groups(integer, numeric) AS SELECT department_id, count(*) FILTER (WHERE total_amount > $2) FROM tickets WHERE id > $1 GROUP BY department_id HAVING count(*) > $1 ORDER BY 1;
SELECT plan('EXECUTE groups(10, 500)');
EXECUTE groups(10, 500);
EXECUTE groups(NULL, 500);
RESET plan_cache_mode;
SELECT compare('SELECT f.id, (SELECT count(*) FROM edges e WHERE e.n = f.n) FROM few f');

-- Not sent: sums of floats, which depend on the order; text; what an order or a set decides; grouping
-- sets; the seventh digit; above a condition that is checked here; DISTINCT ON; by a constant alone.
SELECT compare('SELECT sum(factor) > 0 FROM edges');
SELECT compare('SELECT min(name COLLATE "C") FROM edges');
SELECT compare('SELECT name, count(*) FROM edges GROUP BY name');
-- From 16 on the rows of such aggregates are sorted first: text here, the rest by the server.
SELECT ltrim(line, ' ->') FROM compare('SELECT count(DISTINCT name) FROM edges') line WHERE line !~ 'Sort';
SELECT compare('SELECT sum(wide) FROM edges');
SELECT replace(line, ' ORDER BY [id]', '') FROM compare('SELECT array_agg(n ORDER BY id) FROM edges') line;
SELECT compare('SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY n) FROM edges');
SELECT compare('SELECT n, count(*) FROM edges GROUP BY ROLLUP (n)');
SELECT compare('SELECT n, grouping(n) FROM edges GROUP BY n');
SELECT compare('SELECT at7, count(*) FROM edges GROUP BY at7');
SELECT compare('SELECT count(*) FROM edges WHERE factor > 1');
SELECT ltrim(line, ' ->') FROM compare('SELECT DISTINCT ON (n) n, id FROM edges ORDER BY n, id', true) line WHERE line <> 'Result'; -- which 18 does without
SELECT compare('SELECT count(*) FROM edges GROUP BY 1 + 1');
SELECT compare('SELECT max(rate), sum(factor) IS NULL FROM edges');
SELECT compare('SELECT uid, max(uid::text) FROM edges GROUP BY uid');

-- Partitions on servers of their own: each server groups its own.
CREATE TABLE far.parts (id integer, site integer, n integer) PARTITION BY LIST (site);
CREATE FOREIGN TABLE far.part1 (id integer OPTIONS (remote_type 'int'), site integer OPTIONS (remote_type 'int'), n integer OPTIONS (remote_type 'int'))
  SERVER both_sides OPTIONS (query 'SELECT id, 1 AS site, n FROM (VALUES (1, 5), (2, 5), (3, 6)) AS v (id, n)');
CREATE FOREIGN TABLE far.part2 (id integer OPTIONS (remote_type 'int'), site integer OPTIONS (remote_type 'int'), n integer OPTIONS (remote_type 'int'))
  SERVER both_sides OPTIONS (query 'SELECT id, 2 AS site, n FROM (VALUES (1, 7), (2, 5)) AS v (id, n)');
ALTER TABLE far.parts ATTACH PARTITION far.part1 FOR VALUES IN (1);
ALTER TABLE far.parts ATTACH PARTITION far.part2 FOR VALUES IN (2);
CREATE TABLE near.parts AS SELECT * FROM far.parts;
SET enable_partitionwise_aggregate = on;
SET enable_partitionwise_join = on;
SELECT compare('SELECT site, count(*), sum(n), avg(n) FROM parts GROUP BY site HAVING count(*) > 1');
SELECT compare('SELECT n, count(*) FROM parts GROUP BY n');
SELECT compare('SELECT count(*), sum(n) FROM parts');
SELECT compare('SELECT a.id, b.n FROM parts a JOIN parts b ON b.site = a.site AND b.id = a.id');
RESET enable_partitionwise_aggregate;
RESET enable_partitionwise_join;

EXPLAIN (COSTS OFF) SELECT count(*) FROM tickets t JOIN payments p ON p.ticket_id = t.id;
