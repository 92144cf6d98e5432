-- Parameters of every origin reach the server with their values: generic plans, InitPlans, nested
-- loops, lateral references, stable functions, arrays, NULL. The answers are compared with those of
-- local copies of the same rows.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
CREATE SCHEMA parameters;
SET search_path = parameters, public;
\getenv host SAMBAPOS_TEST_HOST
\getenv port SAMBAPOS_TEST_PORT
\getenv database SAMBAPOS_TEST_DATABASE
\getenv username SAMBAPOS_TEST_USERNAME
\getenv password SAMBAPOS_TEST_PASSWORD
\getenv encryption SAMBAPOS_TEST_ENCRYPTION
CREATE SERVER parameters_till FOREIGN DATA WRAPPER sambapos_fdw
  OPTIONS (host :'host', port :'port', database :'database', encryption :'encryption');
CREATE USER MAPPING FOR CURRENT_USER SERVER parameters_till
  OPTIONS (username :'username', password :'password');

CREATE FOREIGN TABLE tickets (
  id integer OPTIONS (column_name 'Id', remote_type 'int', key 'true'),
  date timestamp OPTIONS (column_name 'Date', remote_type 'datetime'),
  total numeric(16,2) OPTIONS (column_name 'TotalAmount', remote_type 'decimal(16,2)'),
  is_closed boolean OPTIONS (column_name 'IsClosed', remote_type 'bit'),
  document_id integer OPTIONS (column_name 'TransactionDocument_Id', remote_type 'int')
) SERVER parameters_till OPTIONS (table_name 'Tickets');
CREATE FOREIGN TABLE orders (
  id integer OPTIONS (column_name 'Id', remote_type 'int', key 'true'),
  ticket_id integer OPTIONS (column_name 'TicketId', remote_type 'int', key 'true'),
  price numeric(16,2) OPTIONS (column_name 'Price', remote_type 'decimal(16,2)'),
  quantity numeric(16,3) OPTIONS (column_name 'Quantity', remote_type 'decimal(16,3)'),
  created_at timestamp OPTIONS (column_name 'CreatedDateTime', remote_type 'datetime')
) SERVER parameters_till OPTIONS (table_name 'Orders');

CREATE SCHEMA parameters_local;
CREATE TABLE parameters_local.tickets AS SELECT * FROM tickets;
CREATE TABLE parameters_local.orders AS SELECT * FROM orders;
CREATE TABLE parameters_local.picked AS
  SELECT id, date, total FROM parameters_local.tickets WHERE id % 40 = 3 UNION ALL SELECT NULL, NULL, NULL;
ANALYZE parameters_local.tickets, parameters_local.orders, parameters_local.picked;
SELECT count(*) > 400 AS tickets FROM parameters_local.tickets;
SELECT count(*) > 400 AS orders FROM parameters_local.orders;
SELECT count(*) > 10 AS picked FROM parameters_local.picked;

-- Asks the foreign tables and the copies the same: are the answers equal, and were there rows? {mid}
-- in the arguments is the date of a ticket in the middle.
CREATE FUNCTION answer(place text, query text, types text, arguments text) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
  answered text[];
BEGIN
  arguments := replace(arguments, '{mid}', (SELECT date::text FROM parameters_local.tickets ORDER BY id OFFSET 250 LIMIT 1));
  PERFORM set_config('search_path', place || ', parameters_local, public', true);
  EXECUTE 'PREPARE asked ' || types || ' AS SELECT array_agg(r ORDER BY r) FROM (SELECT q::text FROM (' || query || ') q) a (r)';
  EXECUTE 'EXECUTE asked ' || arguments INTO answered;
  DEALLOCATE asked;
  RETURN answered;
END $$;
CREATE FUNCTION compare(query text, types text DEFAULT '', arguments text DEFAULT '')
RETURNS TABLE (is_equal boolean, has_rows boolean) LANGUAGE sql AS $$
  SELECT r IS NOT DISTINCT FROM l, r IS NOT NULL
  FROM parameters.answer('parameters', query, types, arguments) r,
       parameters.answer('parameters_local', query, types, arguments) l
$$;
\pset format unaligned
\pset tuples_only on

-- Generic plans.
SET plan_cache_mode = force_generic_plan;
SELECT arguments, c.* FROM unnest('{(7),(NULL),(-1)}'::text[]) arguments,
  compare('SELECT * FROM tickets WHERE id = $1', '(integer)', arguments) c;
SELECT arguments, c.* FROM unnest('{(7),(5000000000),(NULL)}'::text[]) arguments,
  compare('SELECT * FROM tickets WHERE id > $1', '(bigint)', arguments) c;
SELECT arguments, c.* FROM unnest('{(25.5),(25.501),(''NaN''),(''Infinity''),(''-Infinity''),(1e30),(NULL)}'::text[]) arguments,
  compare('SELECT id FROM tickets WHERE NOT (total > $1) OR total = $1', '(numeric)', arguments) c;
SELECT arguments, c.* FROM unnest('{(true),(false),(NULL)}'::text[]) arguments,
  compare('SELECT id FROM tickets WHERE is_closed = $1', '(boolean)', arguments) c;
SELECT arguments, c.* FROM unnest('{"(''{mid}'')",(''infinity''),(''-infinity''),(''0001-01-01''),(NULL)}'::text[]) arguments,
  compare('SELECT id FROM tickets WHERE date >= $1', '(timestamp)', arguments) c;
SELECT arguments, c.* FROM unnest('{"(''{mid}'')",(''2024-02-29''),(''infinity''),(NULL)}'::text[]) arguments,
  compare('SELECT id FROM tickets WHERE date::date = $1 OR date < $1 - 3', '(date)', arguments) c;
SELECT arguments, c.* FROM unnest('{"(''{1,2,NULL,77,5000}'')","(''{}'')","(''{NULL}'')","(NULL)"}'::text[]) arguments,
  compare('SELECT id FROM tickets WHERE id = ANY ($1)', '(integer[])', arguments) c;
SELECT arguments, c.* FROM unnest('{"(''{1,2,77}'')","(''{1,NULL}'')","(''{}'')","(NULL)"}'::text[]) arguments,
  compare('SELECT id FROM tickets WHERE NOT id = ANY ($1)', '(integer[])', arguments) c;
SELECT arguments, c.* FROM unnest('{(NULL),(7)}'::text[]) arguments,
  compare('SELECT id FROM tickets WHERE $1 IS NULL OR id = $1', '(integer)', arguments) c;
SELECT arguments, c.* FROM unnest('{(NULL),(7)}'::text[]) arguments,
  compare('SELECT id FROM tickets WHERE document_id IS NOT DISTINCT FROM $1', '(integer)', arguments) c;
SELECT c.* FROM compare('SELECT id FROM tickets WHERE id IN ($1, $2 + 1, 9)', '(integer, integer)', '(5, 6)') c;
SELECT c.* FROM compare('SELECT id FROM tickets WHERE id = ANY ($1)', '(integer[])',
                        (SELECT '(''{' || string_agg(i::text, ',') || '}'')' FROM generate_series(2, 6000, 2) i)) c;
-- The same plan again with other values.
PREPARE again(integer) AS SELECT id FROM tickets WHERE id = $1;
EXECUTE again(3);
EXECUTE again(4);
EXECUTE again(NULL);
RESET plan_cache_mode;

-- InitPlans and correlated subqueries.
SELECT c.* FROM compare('SELECT * FROM tickets WHERE id = (SELECT max(id) FROM picked)') c;
SELECT c.* FROM compare('SELECT * FROM tickets WHERE id = (SELECT id FROM picked WHERE false)') c;
SELECT c.* FROM compare('SELECT id FROM tickets WHERE date > (SELECT min(date) FROM picked)
                                                  AND total <= (SELECT max(total) FROM picked)') c;
SELECT c.* FROM compare('SELECT id FROM tickets WHERE id = ANY (ARRAY(SELECT id FROM picked))') c;
SELECT c.* FROM compare('SELECT p.id, (SELECT sum(price) FROM orders o WHERE o.ticket_id = p.id) FROM picked p') c;
SELECT c.* FROM compare('SELECT p.id FROM picked p WHERE EXISTS
                         (SELECT FROM orders o WHERE o.ticket_id = p.id AND o.price > p.total / 2 OFFSET 0)') c;

-- Nested loops: the inner scan is done again for every outer row, NULL among them.
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SET enable_memoize = off;
\pset tuples_only off
\pset format aligned
EXPLAIN (VERBOSE, COSTS OFF)
  SELECT p.id, o.price FROM parameters_local.picked p LEFT JOIN orders o ON o.ticket_id = p.id AND o.price < p.total;
\pset format unaligned
\pset tuples_only on
SELECT c.* FROM compare('SELECT p.id, o.id, o.price FROM picked p JOIN orders o ON o.ticket_id = p.id') c;
SELECT c.* FROM compare('SELECT p.id, o.id, o.price FROM picked p LEFT JOIN orders o ON o.ticket_id = p.id AND o.price < p.total') c;
SELECT c.* FROM compare('SELECT p.id, t.id FROM picked p JOIN tickets t ON t.date >= p.date AND t.id = p.id') c;
SELECT c.* FROM compare('SELECT t.id, o.id FROM tickets t JOIN orders o ON o.ticket_id = t.id WHERE t.id IN (1, 2, 3)') c;
SELECT c.* FROM compare('SELECT p.id, l.* FROM picked p, LATERAL
                         (SELECT o.id, o.price FROM orders o WHERE o.ticket_id = p.id ORDER BY o.id LIMIT 2) l') c;
SELECT c.* FROM compare('SELECT p.id, o.id FROM picked p, generate_series(1, 2) g, orders o
                         WHERE o.ticket_id = p.id + g AND o.quantity = 1') c;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;
RESET enable_memoize;
SELECT c.* FROM compare('SELECT p.id, o.id FROM picked p JOIN orders o ON o.ticket_id = p.id') c;

-- Stable functions are evaluated here, once; volatile ones are not sent.
SELECT c.* FROM compare('SELECT id FROM tickets WHERE date < current_date AND date < localtimestamp') c;
SELECT c.* FROM compare('SELECT id FROM tickets WHERE id > 0 + length(current_user) AND id < 50') c;
SELECT c.* FROM compare('SELECT id FROM tickets WHERE id < 5 + 0 * (random() * 10)::integer') c;

-- A value per call of a function.
CREATE FUNCTION total_of(ticket integer) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT total FROM tickets WHERE id = ticket);
END $$;
SELECT bool_and(total_of(id) = total) FROM parameters_local.tickets WHERE id <= 10;
