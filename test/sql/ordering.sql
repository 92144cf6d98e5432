-- ORDER BY at the server: the order of every type that is sent, NULLs first and last, ties, and the
-- orders that stay here.
\getenv test PG_ABS_SRCDIR
\set include :test '/sql/include/both_sides.sql'
\set ECHO none
\i :include
\set ECHO all

-- Each type up and down, with NULLs at either end; ties are decided by the key.
CREATE TABLE near.orders_sent AS
SELECT format('SELECT id, %1$I FROM edges ORDER BY %1$I %2$s NULLS %3$s, id', c, direction, nulls) AS query
FROM unnest('{tiny,n,big,amount,rate,wide,price,flag,day,at}'::text[]) AS c, unnest('{ASC,DESC}'::text[]) AS direction, unnest('{FIRST,LAST}'::text[]) AS nulls;
SELECT count(*) FROM near.orders_sent WHERE far_rows(query) IS DISTINCT FROM near_rows(query);
SELECT count(*) FROM near.orders_sent WHERE (SELECT count(*) FROM plan(query)) <> 2 OR NOT EXISTS (SELECT FROM plan(query) AS line WHERE line LIKE '% ORDER BY %');

-- SQL Server puts NULLs first; a column that has none needs no CASE, unless a join gives it some.
SELECT compare('SELECT id FROM edges ORDER BY id', true);
SELECT compare('SELECT id FROM edges ORDER BY id DESC', true);
SELECT compare('SELECT n FROM edges ORDER BY n', true);
SELECT compare('SELECT n FROM edges ORDER BY n DESC', true);
SELECT compare('SELECT n FROM edges ORDER BY n NULLS FIRST', true);
SELECT compare('SELECT n FROM edges ORDER BY n DESC NULLS LAST', true);
SELECT compare('SELECT t.id, p.id FROM tickets t LEFT JOIN payments p ON p.ticket_id = t.id AND p.amount > 500 ORDER BY p.id, t.id', true);
SELECT compare('SELECT e.id, f.n FROM edges e JOIN few f ON f.id = e.id ORDER BY f.n DESC, e.id', true);

-- Expressions, repeated and constant keys; what is sorted by need not be fetched last.
SELECT compare('SELECT id FROM tickets ORDER BY id + 1 DESC', true);
SELECT compare('SELECT id FROM tickets ORDER BY id, id::bigint DESC, total_amount', true);
SELECT compare('SELECT id FROM edges ORDER BY id::numeric, id', true);
SELECT compare('SELECT id, 5 AS five FROM edges ORDER BY five, id', true);
SELECT compare('SELECT amount FROM edges WHERE id < 7 ORDER BY amount, price', true);

-- What is rounded here may be the last key: its order is kept, its ties are more than there.
SELECT compare('SELECT at7 FROM edges ORDER BY n, at7', true);
SELECT compare('SELECT at7 FROM edges ORDER BY at7 DESC NULLS LAST LIMIT 3', true);

-- A merge join may have its inputs sorted there.
SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT compare('SELECT e.id, t.total_amount FROM near.edges e JOIN tickets t ON t.id = e.id');
SELECT plan('SELECT e.id FROM near.edges e JOIN edges x ON x.uid = e.uid');
RESET enable_hashjoin;
RESET enable_nestloop;

-- One column of the server, declared twice: its name stays unambiguous.
CREATE FOREIGN TABLE far.twice (n integer OPTIONS (remote_type 'int'), also integer OPTIONS (remote_type 'int', column_name 'n'), id integer OPTIONS (remote_type 'int')) SERVER both_sides OPTIONS (query 'SELECT 2 AS n, 1 AS id UNION ALL SELECT 1, 2', estimated_rows '2');
CREATE TABLE near.twice AS SELECT * FROM far.twice;
SELECT compare('SELECT n, also, id FROM twice ORDER BY n', true);
SELECT compare('SELECT n, also, count(*) FROM twice GROUP BY n, also ORDER BY also, n', true);

-- Not sent: text, uuid, floats, the seventh digit before another key, volatile keys.
SELECT compare('SELECT id FROM edges ORDER BY name COLLATE "C", id', true);
SELECT compare('SELECT id FROM edges ORDER BY uid, id', true);
SELECT compare('SELECT id FROM edges ORDER BY factor, id', true);
SELECT compare('SELECT id FROM edges ORDER BY at7, id', true);
SELECT plan('SELECT id FROM edges ORDER BY random()');
SELECT plan('SELECT id FROM edges WHERE name = ''a'' ORDER BY id');
SELECT plan('SELECT id, generate_series(1, 2) FROM edges ORDER BY id, 2');
