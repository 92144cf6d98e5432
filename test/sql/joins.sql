-- Joins at the server: which are sent, as what, and that both sides give the same rows.
\getenv test PG_ABS_SRCDIR
\set include :test '/sql/include/both_sides.sql'
\set ECHO none
\i :include
\set ECHO all

-- Inner joins, of two and of more tables, by any exact condition.
SELECT compare('SELECT t.id, p.amount FROM tickets t JOIN payments p ON p.ticket_id = t.id WHERE t.is_closed');
SELECT compare('SELECT d.name, o.price, p.amount FROM tickets t JOIN orders o ON o.ticket_id = t.id JOIN payments p ON p.ticket_id = t.id JOIN departments d ON d.id = t.department_id WHERE o.quantity > 2 AND p.id < 100');
SELECT compare('SELECT t.id, u.id FROM tickets t JOIN tickets u ON u.id = t.id + 1 AND u.total_amount > t.total_amount');
SELECT compare('SELECT e.id, f.id FROM edges e JOIN few f ON e.n IS NOT DISTINCT FROM f.n');
SELECT compare('SELECT e.id, f.id FROM edges e CROSS JOIN few f WHERE e.id < 3');

-- NULLs of left joins; conditions of either side, of both, and after the join.
SELECT compare('SELECT e.*, f.* FROM edges e LEFT JOIN few f ON f.id = e.id');
SELECT compare('SELECT e.id, f.id FROM few f RIGHT JOIN edges e ON f.n = e.n AND e.flag');
SELECT compare('SELECT e.id, f.id FROM edges e LEFT JOIN (SELECT * FROM few WHERE amount > 2) f ON f.amount = e.amount WHERE e.id > 2');
SELECT compare('SELECT e.id, f.id FROM edges e LEFT JOIN few f ON f.n = e.n WHERE f.amount IS NULL OR f.amount < e.amount');
SELECT compare('SELECT e.id, f.id, g.id FROM edges e LEFT JOIN (few f JOIN few g ON g.amount = f.amount AND g.id <> f.id) ON f.n = e.id');
SELECT compare('SELECT e.id, f.id, g.id FROM (edges e LEFT JOIN few f ON f.n = e.id) LEFT JOIN few g ON g.id = f.n');
SELECT compare('SELECT e.id, f.id FROM edges e LEFT JOIN few f ON true WHERE e.id IN (1, 7)');

-- EXISTS and NOT EXISTS, below other joins too.
SELECT compare('SELECT id, total_amount FROM tickets t WHERE EXISTS (SELECT FROM orders o WHERE o.ticket_id = t.id AND o.price > 500)');
SELECT compare('SELECT id FROM tickets WHERE id IN (SELECT ticket_id FROM payments WHERE amount > 1000)');
SELECT compare('SELECT id FROM edges e WHERE NOT EXISTS (SELECT FROM few f WHERE f.n = e.n)');
SELECT compare('SELECT e.id FROM edges e LEFT JOIN few f ON f.n = e.n WHERE f.n IS NULL');
SELECT compare('SELECT e.id FROM edges e LEFT JOIN few f ON f.n = e.n WHERE f.id IS NULL');
SELECT compare('SELECT e.id, g.id FROM edges e JOIN few g ON g.id = e.id WHERE EXISTS (SELECT FROM few f WHERE f.n = e.n) AND NOT EXISTS (SELECT FROM few f WHERE f.amount = g.amount AND f.id > g.id)');
SELECT compare('SELECT g.id, e.id FROM few g LEFT JOIN (SELECT * FROM edges e WHERE EXISTS (SELECT FROM few f WHERE f.n = e.n)) e ON e.amount = g.amount');
SELECT compare('SELECT e.id FROM edges e WHERE EXISTS (SELECT FROM few f JOIN few g ON g.amount = f.amount AND g.id > f.id WHERE f.id = e.id)');
-- An equality leads through the hidden table: its column may not be named outside.
SELECT compare('SELECT t.id, d.id FROM tickets t JOIN departments d ON d.id = t.department_id WHERE t.department_id IN (SELECT o.department_id FROM orders o WHERE o.price > 100)');

-- Conditions that are checked here are checked on the joined rows: those of both sides of an inner join, and of the
-- outer side of the others; to any depth, and with what the server can leave out.
SELECT compare('SELECT e.id, f.id FROM edges e JOIN few f ON f.n = e.n WHERE e.name >= ''A'' AND f.name LIKE ''%A''');
SELECT compare('SELECT t.id, o.price, p.amount FROM tickets t JOIN orders o ON o.ticket_id = t.id JOIN payments p ON p.ticket_id = t.id WHERE o.menu_item_name <> ''Cola'' AND t.id < 100 AND upper(p.name) <> ''CASH''');
SELECT compare('SELECT e.id, f.id FROM edges e LEFT JOIN few f ON f.n = e.n WHERE e.name <> ''a''');
SELECT compare('SELECT e.id, f.id, g.id FROM edges e JOIN few g ON g.id = e.id LEFT JOIN few f ON f.n = e.n WHERE e.name <> ''b'' AND g.name >= ''A''');
SELECT compare('SELECT e.id FROM edges e WHERE e.name <> ''a'' AND EXISTS (SELECT FROM few f WHERE f.n = e.n)');
SELECT compare('SELECT e.id FROM edges e WHERE e.factor > 1 AND NOT EXISTS (SELECT FROM few f WHERE f.n = e.n)');
SELECT compare('SELECT t.id, o.price FROM tickets t JOIN orders o ON o.ticket_id = t.id WHERE t.ticket_number = ''7'' AND EXISTS (SELECT FROM payments p WHERE p.ticket_id = t.id)');
-- Of a join too: what only the two sides together say.
SELECT compare('SELECT e.id, f.id, g.id FROM edges e JOIN few f ON f.n = e.n JOIN few g ON g.id = f.id WHERE e.name > f.name');
-- Beside what the server sorts, since a filter keeps an order; below what counts, groups or limits, which is done here.
SELECT compare('SELECT f.id, e.id FROM edges e JOIN few f ON f.n = e.n WHERE e.name <> ''b'' ORDER BY f.id, e.id LIMIT 2', true);
SELECT compare('SELECT count(*) FROM edges e JOIN few f ON f.n = e.n WHERE e.name < ''b''');
SELECT compare('SELECT DISTINCT f.n FROM edges e JOIN few f ON f.n = e.n WHERE e.name < ''b''');
-- Not of the side that may be missing, or is not seen: there they decide what is missing.
SELECT compare('SELECT e.id, f.id FROM edges e LEFT JOIN few f ON f.n = e.n AND f.name = ''A''');
SELECT compare('SELECT e.id, f.id FROM few f RIGHT JOIN edges e ON f.n = e.n AND f.name >= ''B''');
SELECT compare('SELECT g.id, e.id, f.id FROM few g LEFT JOIN (edges e JOIN few f ON f.n = e.n AND e.name <> ''a'') ON e.id = g.id');
SELECT compare('SELECT e.id FROM edges e WHERE EXISTS (SELECT FROM few f WHERE f.n = e.n AND f.name = ''A'')');
SELECT compare('SELECT e.id FROM edges e WHERE NOT EXISTS (SELECT FROM few f WHERE f.n = e.n AND f.name = ''A'')');
-- Not what may answer otherwise the next time, nor a sub-select, which is work; nor about what no server has.
SELECT compare('SELECT e.id, f.id FROM edges e JOIN few f ON f.n = e.n WHERE random() + e.id >= 0');
SELECT compare('SELECT e.id, f.id FROM edges e JOIN few f ON f.n = e.n WHERE (SELECT count(*) FROM few g WHERE g.id > e.id AND g.name <> ''c'') < 9');
SELECT compare('SELECT e.id, f.id FROM edges e JOIN few f ON f.n = e.n WHERE e.tableoid::regclass::text LIKE ''%edges'' AND f::text <> ''''');
-- Not where it is dearer: here most of what would come over is left out.
SELECT compare('SELECT t.id, o.id FROM tickets t JOIN orders o ON o.department_id = t.department_id WHERE md5(t.ticket_number) < ''01'' AND md5(o.menu_item_name) < ''01''');

-- Behind a security barrier: what could tell something of a hidden row by an error comes after it.
CREATE VIEW far.guarded WITH (security_barrier) AS SELECT * FROM far.edges WHERE name <> 'A';
CREATE VIEW near.guarded WITH (security_barrier) AS SELECT * FROM near.edges WHERE name <> 'A';
SELECT compare('SELECT g.id, f.id FROM guarded g JOIN few f ON f.n = g.n WHERE g.amount > 1');
SELECT compare('SELECT count(*) FROM guarded WHERE id > 2');
CREATE TABLE far.watched (id integer NOT NULL, n integer, amount numeric(16,2), name text) PARTITION BY RANGE (id);
ALTER TABLE far.watched ATTACH PARTITION far.few DEFAULT;
ALTER TABLE far.watched ENABLE ROW LEVEL SECURITY;
DO $$ BEGIN CREATE ROLE regress_joins; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT USAGE ON SCHEMA far, both_sides TO regress_joins;
GRANT SELECT ON ALL TABLES IN SCHEMA far TO regress_joins;
CREATE POLICY some_rows ON far.watched USING (amount > 2);
SET ROLE regress_joins;
SELECT plan('SELECT id FROM watched WHERE n = 3 AND 1 / n = 1 AND amount < 100');
SELECT plan('SELECT w.id FROM watched w JOIN edges e ON e.id = w.id AND e.amount = w.amount');
RESET ROLE;

-- Parameters inside a join, known late, and changing from scan to scan.
SET plan_cache_mode = force_generic_plan;
PREPARE of_amount(numeric, integer) AS SELECT t.id, p.amount FROM tickets t JOIN payments p ON p.ticket_id = t.id WHERE p.amount > $1 AND t.id < $2 ORDER BY p.id;
SELECT plan('EXECUTE of_amount(1000, 20)');
EXECUTE of_amount(1000, 20);
EXECUTE of_amount(NULL, 20);
RESET plan_cache_mode;
SELECT compare('SELECT f.id, x.* FROM few f, LATERAL (SELECT e.id AS e, g.id AS g FROM edges e LEFT JOIN few g ON g.n = e.n WHERE e.id < f.id OFFSET 0) x');

-- A table beside itself; names that need care; a query and a table.
CREATE FOREIGN TABLE far."od]d" ("i]d" integer OPTIONS (column_name 'I]d', remote_type 'int'), "na""me" integer OPTIONS (column_name 'na"me', remote_type 'int'))
  SERVER both_sides OPTIONS (schema_name 's]x', table_name 'O]dd');
SELECT plan('SELECT a."i]d" FROM "od]d" a JOIN "od]d" b ON a."i]d" = b."na""me" JOIN few ON few.id = b."i]d"');

-- Not sent: text and what the server would compare otherwise; full joins; whole rows; locks; columns
-- that the other side of a NOT EXISTS does not have.
SELECT compare('SELECT e.id, f.id FROM edges e JOIN few f ON e.name = f.name');
SELECT compare('SELECT e.id, f.id FROM edges e JOIN few f ON e.id = f.id WHERE e.name > f.name');
SELECT compare('SELECT e.id, f.id FROM edges e JOIN few f ON e.factor = f.id');
SELECT compare('SELECT e.id, f.id FROM edges e FULL JOIN few f ON e.n = f.n');
SELECT compare('SELECT e FROM edges e JOIN few f ON e.id = f.id');
SELECT compare('SELECT f.tableoid::regclass::text LIKE ''%few'' FROM edges e JOIN few f ON e.id = f.id');
SELECT compare('SELECT e.id, f.n FROM edges e LEFT JOIN few f ON f.n = e.n WHERE f.n IS NULL');
SELECT plan('SELECT e.id FROM edges e JOIN few f ON e.id = f.id FOR UPDATE');
SELECT plan('UPDATE near.few SET n = e.n FROM edges e JOIN orders o ON o.id = e.id WHERE e.id = few.id');
SELECT plan('SELECT t.id FROM tickets t JOIN orders o ON o.ticket_id = t.id WHERE t.ticket_number LIKE ''1%''');

-- Another server, another user: not the same transaction, so not one query.
DROP SERVER IF EXISTS other_side CASCADE;
CREATE SERVER other_side FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host 'till.invalid', database 'SambaPOS');
CREATE FOREIGN TABLE far.elsewhere (id integer OPTIONS (column_name 'Id', remote_type 'int')) SERVER other_side OPTIONS (table_name 'Tickets');
SELECT plan('SELECT t.id FROM tickets t JOIN elsewhere e ON e.id = t.id');
GRANT SELECT ON ALL TABLES IN SCHEMA far TO regress_joins;
CREATE VIEW far.others AS SELECT id FROM tickets;
ALTER VIEW far.others OWNER TO regress_joins;
SELECT plan('SELECT t.id FROM tickets t JOIN others o ON o.id = t.id');

-- EXPLAIN names the tables, and an error says where it happened.
EXPLAIN (COSTS OFF) SELECT t.id FROM tickets t JOIN payments ON payments.ticket_id = t.id;
EXPLAIN (COSTS OFF) SELECT t.id FROM tickets t WHERE NOT EXISTS (SELECT FROM payments p WHERE p.ticket_id = t.id);
EXPLAIN (VERBOSE, COSTS OFF) SELECT s.x FROM near.few, (SELECT t.id AS x FROM tickets t LEFT JOIN payments p ON p.ticket_id = t.id OFFSET 0) s WHERE few.id = s.x;
ALTER FOREIGN TABLE far.payments ALTER COLUMN amount TYPE smallint, ALTER COLUMN amount OPTIONS (DROP remote_type);
\set VERBOSITY default
SELECT p.amount FROM payments p JOIN tickets t ON t.id = p.ticket_id WHERE t.id = 1;
