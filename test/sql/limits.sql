-- LIMIT and OFFSET at the server: only where everything below them is done there.
\getenv test PG_ABS_SRCDIR
\set include :test '/sql/include/both_sides.sql'
\set ECHO none
\i :include
\set ECHO all

SELECT compare('SELECT id FROM tickets ORDER BY id LIMIT 10', true);
SELECT compare('SELECT id, total_amount FROM tickets WHERE is_closed ORDER BY total_amount DESC, id LIMIT 5', true);
SELECT compare('SELECT id FROM tickets ORDER BY id OFFSET 490', true);
SELECT compare('SELECT id FROM tickets ORDER BY id DESC LIMIT 3 OFFSET 2', true);
SELECT compare('SELECT id FROM tickets ORDER BY id FETCH FIRST ROW ONLY', true);
SELECT compare('SELECT id FROM edges ORDER BY n NULLS FIRST, id DESC LIMIT 3', true);
SELECT compare('SELECT id FROM tickets ORDER BY id LIMIT ALL OFFSET 499', true);
SELECT compare('SELECT id FROM tickets ORDER BY id LIMIT 4 OFFSET NULL', true);
SELECT compare('SELECT id FROM tickets ORDER BY id LIMIT 9223372036854775807 OFFSET 498', true);
-- Without an order any rows will do: as many.
SELECT compare('SELECT count(*) FROM (SELECT id FROM tickets LIMIT 7) t');
SELECT compare('SELECT count(*) FROM (SELECT id FROM tickets LIMIT 7 OFFSET 497) t');
SELECT compare('SELECT 1 FROM tickets LIMIT 2');
-- Above joins and groups.
SELECT compare('SELECT t.id, o.id FROM tickets t JOIN orders o ON o.ticket_id = t.id ORDER BY o.price DESC, o.id LIMIT 4', true);
SELECT compare('SELECT department_id, sum(total_amount) FROM tickets GROUP BY department_id ORDER BY 2 DESC LIMIT 2', true);
SELECT compare('SELECT DISTINCT n FROM edges ORDER BY n DESC LIMIT 2 OFFSET 1', true);
SELECT compare('SELECT count(*) FROM tickets LIMIT 1');
-- What is computed here is computed after the limit.
SELECT compare('SELECT upper(ticket_number), id * 2.5::float8 FROM tickets ORDER BY id LIMIT 2', true);
-- In subqueries, again and again.
SELECT compare('SELECT d.id, x.id FROM departments d, LATERAL (SELECT t.id FROM tickets t WHERE t.department_id = d.id ORDER BY t.id DESC LIMIT 2) x ORDER BY 1, 2', true);
SELECT compare('SELECT (SELECT t.id FROM tickets t ORDER BY t.total_amount DESC, t.id LIMIT 1), count(*) FROM edges');

-- Counts known only when the scan starts: NULL is none, zero no rows, less an error.
SET plan_cache_mode = force_generic_plan;
PREPARE page(bigint, bigint) AS SELECT id FROM tickets ORDER BY id LIMIT $1 OFFSET $2;
SELECT plan('EXECUTE page(2, 3)');
EXECUTE page(2, 3);
EXECUTE page(0, 3);
EXECUTE page(2, 0);
EXECUTE page(2, NULL);
EXECUTE page(NULL, 499);
EXECUTE page(NULL, 500);
EXECUTE page(-1, 3);
EXECUTE page(2, -1);
PREPARE top(bigint) AS SELECT id FROM tickets ORDER BY id DESC LIMIT $1;
SELECT plan('EXECUTE top(2)');
EXECUTE top(2);
EXECUTE top(0);
EXECUTE top(-2);
PREPARE grouped(bigint, bigint) AS SELECT count(*) FROM tickets HAVING count(*) > 3 LIMIT $1 OFFSET $2;
SELECT plan('EXECUTE grouped(1, 0)');
EXECUTE grouped(1, 0);
EXECUTE grouped(0, 0);
EXECUTE grouped(1, 1);
PREPARE computed(bigint) AS SELECT id FROM tickets ORDER BY id LIMIT (SELECT $1 / 2) OFFSET 1 + 1;
SELECT plan('EXECUTE computed(4)');
EXECUTE computed(4);
RESET plan_cache_mode;
SELECT id FROM tickets ORDER BY id LIMIT -1;

-- Not sent: above a condition or a join that is checked here, with ties, above window functions and
-- set-returning functions; zero needs no server.
SELECT plan('SELECT id FROM edges WHERE name = ''a'' ORDER BY id LIMIT 1');
SELECT plan('SELECT id FROM edges ORDER BY name LIMIT 1');
SELECT plan('SELECT id FROM edges ORDER BY id FETCH FIRST 2 ROWS WITH TIES');
SELECT plan('SELECT id, row_number() OVER (ORDER BY id) FROM edges ORDER BY id LIMIT 2');
SELECT plan('SELECT id, generate_series(1, 3) FROM edges ORDER BY id LIMIT 2');
SELECT plan('SELECT id FROM edges ORDER BY id LIMIT 2 FOR UPDATE');
SELECT plan('SELECT n, avg(amount) FROM edges GROUP BY n ORDER BY 2 LIMIT 2');
SELECT plan('SELECT id FROM edges LIMIT 0');
SELECT plan('SELECT e.id FROM edges e JOIN near.few f ON f.id = e.id LIMIT 2');
