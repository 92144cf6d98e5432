-- Which conditions are sent, and how they are written. The server does not exist: planning and
-- EXPLAIN never connect. One line a condition: what goes to the server, what is left for us.
\set VERBOSITY terse
SET client_min_messages = warning;
SET timezone = 'America/Los_Angeles'; -- pg_regress has another one in some releases
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
CREATE SCHEMA pushdown;
SET search_path = pushdown, public;
CREATE SERVER pushdown_till FOREIGN DATA WRAPPER sambapos_fdw
  OPTIONS (host 'till.invalid', database 'SambaPOS');

CREATE FOREIGN TABLE samples (
  id integer OPTIONS (column_name 'Id', remote_type 'int', key 'true'),
  tiny smallint OPTIONS (column_name 'Tiny', remote_type 'tinyint'),
  small smallint OPTIONS (column_name 'Small', remote_type 'smallint'),
  big bigint OPTIONS (column_name 'Big', remote_type 'bigint'),
  amount numeric(16,2) OPTIONS (column_name 'Amount', remote_type 'decimal(16,2)'),
  discount numeric OPTIONS (column_name 'Discount', remote_type 'decimal(16,2)'),
  rate numeric OPTIONS (column_name 'Rate', remote_type 'decimal(28,10)'),
  price numeric(19,4) OPTIONS (column_name 'Price', remote_type 'money'),
  is_closed boolean OPTIONS (column_name 'IsClosed', remote_type 'bit'),
  day date OPTIONS (column_name 'Day', remote_type 'date'),
  at timestamp OPTIONS (column_name 'At', remote_type 'datetime'),
  paid_at timestamp OPTIONS (column_name 'PaidAt', remote_type 'datetime'),
  at_minute timestamp OPTIONS (column_name 'AtMinute', remote_type 'smalldatetime'),
  at3 timestamp OPTIONS (column_name 'At3', remote_type 'datetime2(3)'),
  at6 timestamp OPTIONS (column_name 'At6', remote_type 'datetime2(6)'),
  at7 timestamp OPTIONS (column_name 'At7', remote_type 'datetime2'),
  uid uuid OPTIONS (column_name 'Uid', remote_type 'uniqueidentifier'),
  name text OPTIONS (column_name 'Na]me', remote_type 'nvarchar(50)'),
  factor double precision OPTIONS (column_name 'Factor', remote_type 'float'),
  bare_int integer,
  bare_numeric numeric,
  bare_bool boolean,
  bare_at timestamp,
  bare_uid uuid
) SERVER pushdown_till OPTIONS (schema_name 'dbo', table_name 'Samples');

-- The WHERE of the remote SQL and the filter that stays here.
CREATE FUNCTION sent(condition text) RETURNS TABLE (remote text, local text)
LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM samples WHERE ' || condition LOOP
    remote := coalesce(substring(line FROM 'Remote SQL: .* WHERE (.*)'), remote);
    local := coalesce(substring(line FROM 'Filter: (.*)'), local);
  END LOOP;
  RETURN NEXT;
END $$;

CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query;
END $$;

\pset format unaligned
\pset tuples_only on
\pset fieldsep ' | '
\pset null '-'

-- Integers: every operator, either side, all widths.
SELECT c, s.* FROM unnest(ARRAY[
  'id = 7', 'id <> 7', 'id < 7', 'id <= 7', 'id > 7', 'id >= 7', '7 < id', '7 >= id', 'id = -7',
  'id = 7::bigint', 'id > 5000000000', 'big = 7', 'big = 5000000000', 'big < -9223372036854775808',
  'small = 300', 'tiny = 7::smallint', 'id::bigint = 7', 'id = NULL', 'id BETWEEN 3 AND 9',
  'bare_int = 7', 'id = small', 'big > id', 'id = bare_int', 'id + 1 = 8', 'id % 2 = 0',
  'id = 7.0', 'id > 7.5', 'id = 7.5', 'small <= 99999999999999999999', 'id = 7::float8']) c, sent(c) s;

-- Decimals: bare digits, compared on the column's own grid.
SELECT c, s.* FROM unnest(ARRAY[
  'amount = 12.5', 'amount = 12.500', 'amount > 0.1', 'amount >= -0.05', 'amount <> 100',
  'amount = 0.001', 'amount <> 0.001', 'amount > 0.001', 'amount >= 0.001', 'amount < 0.001',
  'amount <= 0.001', 'amount > -0.001', 'amount < -0.001', 'amount = 100000000000000',
  'amount > 99999999999999.99', 'amount > 99999999999999.991', 'amount < 1e30', 'amount > -1e30',
  'amount = ''NaN''', 'amount < ''NaN''', 'amount < ''Infinity''', 'amount > ''-Infinity''',
  'rate = 0.0000000001', 'rate = 0.00000000001', 'price = 12.3456', 'price > 12.34561',
  'amount = 5', 'amount = discount', 'amount < discount', 'amount = rate', 'amount = price',
  'amount * 2 > 10', 'bare_numeric = 1', 'factor = 0.5', 'factor > 1']) c, sent(c) s;

-- bit has no truth of its own.
SELECT c, s.* FROM unnest(ARRAY[
  'is_closed', 'NOT is_closed', 'is_closed = true', 'is_closed = false', 'is_closed IS TRUE',
  'is_closed IS NOT TRUE', 'is_closed IS FALSE', 'is_closed IS NOT FALSE', 'is_closed IS UNKNOWN',
  'is_closed IS NOT UNKNOWN', 'is_closed IS NULL', 'bare_bool', 'is_closed = bare_bool',
  'is_closed <> bare_bool', 'is_closed < bare_bool', 'is_closed OR id = 1',
  '(id = 1) IS TRUE', 'is_closed IN (true, NULL)']) c, sent(c) s;

-- Dates and times, typed and locale-proof. datetime has ticks of 1/300 s.
SELECT c, s.* FROM unnest(ARRAY[
  'day = ''2024-02-29''', 'day > ''9999-12-31''', 'day < ''infinity''', 'day >= ''-infinity''',
  'day = ''infinity''', 'day >= ''10000-01-01''', 'day > ''0001-01-01 BC''', 'day = ''2024-02-29 10:00''::timestamp',
  'day >= ''2024-02-29 10:00''::timestamp', 'day < ''2024-02-29 00:00''::timestamp',
  'at = ''2024-02-29 10:20:30''', 'at = ''2024-02-29 10:20:30.003''', 'at = ''2024-02-29 10:20:30.004''',
  'at <> ''2024-02-29 10:20:30.004''', 'at < ''2024-02-29 10:20:30.004''', 'at <= ''2024-02-29 10:20:30.004''',
  'at > ''2024-02-29 10:20:30.004''', 'at >= ''2024-02-29 10:20:30.004''', 'at <= ''2024-02-29 10:20:30.003333''',
  'at >= ''2024-02-29 23:59:59.998''', 'at > ''1000-01-01''', 'at = ''1753-01-01''', 'at <= ''9999-12-31 23:59:59.998''',
  'at > ''9999-12-31 23:59:59.997''', 'at < ''infinity''', 'at = ''infinity''', 'at > ''-infinity''',
  'at >= ''2024-02-29''::date', 'at < ''5874897-12-31''::date',
  'at::date = ''2024-02-29''', 'at::date <> ''2024-02-29''', 'at::date > ''2024-02-29''',
  'at::date <= ''2024-02-29''', 'at::date = ''infinity''', 'at::date BETWEEN ''2024-02-01'' AND ''2024-02-29''',
  'at::date = ''9999-12-31''', 'at::date = ''2024-02-29 10:00''::timestamp', 'at::date IN (''2024-02-29'')',
  'at = paid_at', 'at < paid_at', 'at::date = paid_at::date', 'at < at3',
  'at_minute >= ''2024-02-29 10:20:30''', 'at_minute = ''2024-02-29 10:20''', 'at_minute < ''2080-01-01''',
  'at_minute > ''1800-01-01''', 'at3 = ''2024-02-29 10:20:30.123''', 'at3 = ''2024-02-29 10:20:30.1234''',
  'at3 <= ''2024-02-29 10:20:30.1234''', 'at6 = ''2024-02-29 10:20:30.123456''',
  'at7 >= ''2024-02-29 10:20:30.123456''', 'at7 < ''2024-02-29''', 'at7 = ''2024-02-29 10:20:30.123456''',
  'at7 <= ''2024-02-29''', 'at7 >= ''0001-01-01''', 'at7 > ''9999-12-31 23:59:59.999999''', 'at7 IN (''2024-02-29'')', 'at7::date = ''2024-02-29''',
  'at >= ''2024-02-29''::timestamptz', 'date_trunc(''day'', at) = ''2024-02-29''',
  'at + interval ''1 day'' > ''2024-02-29''', 'bare_at = ''2024-02-29''']) c, sent(c) s;

-- Everything else.
SELECT c, s.* FROM unnest(ARRAY[
  'uid = ''6F9619FF-8B86-D011-B42D-00C04FC964FF''', 'uid <> ''6F9619FF-8B86-D011-B42D-00C04FC964FF''',
  'uid > ''6F9619FF-8B86-D011-B42D-00C04FC964FF''', 'bare_uid = ''6F9619FF-8B86-D011-B42D-00C04FC964FF''',
  'name = ''x''', 'name IS NULL', 'name IS NOT NULL', 'factor IS NULL', 'bare_at IS NULL',
  'id IN (1, 2, 3)', 'id IN (1, NULL)', 'id NOT IN (1, 2)', 'id NOT IN (1, NULL)', 'id = ANY (''{}'')',
  'id <> ALL (''{}'')', 'id = ANY (NULL)', 'id = ANY (''{NULL}'')', 'id > ANY (''{1,2}'')', 'id = ALL (''{1,2}'')',
  'id <> ANY (''{1,2}'')', 'big IN (1, 5000000000)', 'amount IN (1.5, 0.001, 2)', 'amount IN (0.001)',
  'amount NOT IN (0.001)', 'amount IN (0.001, NULL)', 'at IN (''2024-02-29'', ''2024-02-29 10:20:30.004'')',
  'uid IN (''6F9619FF-8B86-D011-B42D-00C04FC964FF'', ''00000000-0000-0000-0000-000000000000'')',
  'id IS DISTINCT FROM 7', 'id IS NOT DISTINCT FROM 7', 'id IS DISTINCT FROM NULL', 'NOT (id IS DISTINCT FROM 7 AND is_closed)',
  'amount IS NOT DISTINCT FROM 0.001', 'id IS DISTINCT FROM small', 'id IS NOT DISTINCT FROM small',
  'id = 1 OR amount > 2', 'id = 1 OR name = ''x''', 'id = 1 AND name = ''x''', 'NOT (id = 1 OR amount > 2)',
  'NOT (id = 1 AND (is_closed OR at IS NULL))', 'id = 1 OR NULL', 'CASE WHEN id = 1 THEN true ELSE is_closed END',
  'coalesce(id, 0) = 0', '(id, small) = (1, 2)', '(id, small) < (1, 2)', 'id = (random() * 10)::integer',
  'samples IS NULL', 'tableoid = 1', 'id = 1 AND false']) c, sent(c) s;

-- Above GROUP BY its keys are written as they stand there; below, within aggregates, not.
SELECT line FROM (VALUES ('SELECT count(*) FROM samples GROUP BY id::bigint HAVING count(*) > id::bigint'),
  ('SELECT at::date, count(*) FROM samples GROUP BY at::date HAVING at::date > ''2024-02-29'''),
  ('SELECT count(*) FILTER (WHERE at::date > ''2024-02-29'' AND id::bigint = small) FROM samples')) AS q (query), plan_of(query) line
WHERE line ~ 'Remote SQL';

-- Long lists: as a derived table beyond 1,000 members, not at all beyond 5,000.
SELECT n, left(remote, 60), right(remote, 30) FROM unnest(ARRAY[1000, 1001, 5000, 5001]) n, sent(format('id = ANY (array_fill(1, ARRAY[%s]))', n));
SELECT n, left(remote, 60), right(remote, 30) FROM unnest(ARRAY[1000, 1001]) n, sent(format('id <> ALL (array_fill(1, ARRAY[%s]) || NULL::integer)', n));
SELECT n, left(remote, 60), right(remote, 30) FROM unnest(ARRAY[1000, 1001]) n, sent(format('CASE WHEN id = ANY (array_fill(1, ARRAY[%s])) THEN 1 ELSE 0 END = 1', n));
