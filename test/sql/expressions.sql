-- What the table of pushed functions and operators promises: for each entry an expression that SQL
-- Server computes as PostgreSQL does, to the last digit shown, over edge values of each type; and for
-- each refused entry one that stays here.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
CREATE SCHEMA expressions;
SET search_path = expressions, public;
\getenv host SAMBAPOS_TEST_HOST
\getenv port SAMBAPOS_TEST_PORT
\getenv database SAMBAPOS_TEST_DATABASE
\getenv username SAMBAPOS_TEST_USERNAME
\getenv password SAMBAPOS_TEST_PASSWORD
\getenv encryption SAMBAPOS_TEST_ENCRYPTION
CREATE SERVER expressions_till FOREIGN DATA WRAPPER sambapos_fdw
  OPTIONS (host :'host', port :'port', database :'database', encryption :'encryption');
CREATE USER MAPPING FOR CURRENT_USER SERVER expressions_till
  OPTIONS (username :'username', password :'password');

CREATE FOREIGN TABLE v (
  id integer OPTIONS (remote_type 'int'),
  tiny smallint OPTIONS (remote_type 'tinyint'),
  small smallint OPTIONS (remote_type 'smallint'),
  n integer OPTIONS (remote_type 'int'),
  big bigint OPTIONS (remote_type 'bigint'),
  amount numeric(16,2) OPTIONS (remote_type 'decimal(16,2)'),
  rate numeric OPTIONS (remote_type 'decimal(10,4)'),
  frac numeric OPTIONS (remote_type 'decimal(5,5)'),
  price numeric OPTIONS (remote_type 'money'),
  wide numeric OPTIONS (remote_type 'decimal(38,10)'),
  flag boolean OPTIONS (remote_type 'bit'),
  day date OPTIONS (remote_type 'date'),
  at timestamp OPTIONS (remote_type 'datetime'),
  at_minute timestamp OPTIONS (remote_type 'smalldatetime'),
  at3 timestamp OPTIONS (remote_type 'datetime2(3)'),
  at6 timestamp OPTIONS (remote_type 'datetime2(6)'),
  at7 timestamp OPTIONS (remote_type 'datetime2(7)'),
  name text OPTIONS (remote_type 'nvarchar(20)'),
  factor double precision OPTIONS (remote_type 'float')
) SERVER expressions_till OPTIONS (query $$SELECT CAST(id AS int) AS id, CAST(tiny AS tinyint) AS tiny, CAST(small AS smallint) AS small,
  CAST(n AS int) AS n, CAST(big AS bigint) AS big, CAST(amount AS decimal(16,2)) AS amount, CAST(rate AS decimal(10,4)) AS rate,
  CAST(frac AS decimal(5,5)) AS frac, CAST(price AS money) AS price, CAST(wide AS decimal(38,10)) AS wide, CAST(flag AS bit) AS flag, CAST(day AS date) AS day,
  CAST(at AS datetime) AS at, CAST(at_minute AS smalldatetime) AS at_minute, CAST(at3 AS datetime2(3)) AS at3, CAST(at6 AS datetime2(6)) AS at6,
  CAST(at7 AS datetime2(7)) AS at7, CAST(name AS nvarchar(20)) AS name, CAST(factor AS float) AS factor
FROM (VALUES
  ('1', '0', '-10000', '-40000', '-3000000000', '-99999999999.99', '-9999.9999', '-0.99999', '-92233720368547.5808', '-9999999999999999999999999999.9999999999', '0',
   '1760-02-01', '1760-01-01T00:00:00.000', '1900-01-01T00:00:00', '1760-02-01T00:00:00.000', '1760-02-01T00:00:00.000000', '1760-02-01T00:00:00.0000001', N'x', '0.5'),
  ('2', '255', '10000', '40000', '3000000000', '99999999999.99', '9999.9999', '0.99999', '92233720368547.5807', '9999999999999999999999999999.9999999999', '1',
   '8999-12-31', '8999-12-31T23:59:59.997', '2079-06-06T23:59:00', '8999-12-31T23:59:59.999', '8999-12-31T23:59:59.999999', '8999-12-31T23:59:59.9999999', N'X ', '-0.5'),
  ('3', '7', '7', '7', '7', '12.50', '0.0050', '0.50000', '0.0001', '0.0000000001', '1',
   '2024-02-29', '2024-02-29T10:20:30.003', '2024-02-29T10:20:00', '2024-02-29T10:20:30.123', '2024-02-29T10:20:30.123456', '2024-02-29T10:20:30.1234564', N'y', '1e10'),
  ('4', '8', '-7', '-7', '-7', '0.01', '-0.0050', '0.00001', '-12.3456', '-0.5', '0',
   '2023-01-01', '2023-01-01T23:59:59.997', '2023-01-01T23:59:00', '2023-01-01T00:00:00.000', '2023-01-01T00:00:00.000001', '2023-01-01T00:00:00', N'é', '3'),
  ('5', '1', '0', '0', '0', '-0.50', '1.5000', '-0.00001', '12.5', '1.5', '1',
   '2020-12-31', '2020-12-31T00:00:00.007', '2020-12-31T12:59:00', '2020-12-31T12:59:59.999', '2020-12-31T12:59:59.999999', '2020-12-31T12:59:59.9999994', N'', '-3'),
  ('6', '2', '1', '1', '1', '2.50', '2.5000', '0.50001', '-0.5', '2.5', '0',
   '2021-01-03', '2021-01-04T11:00:00.000', '2021-01-04T11:00:00', '2021-01-04T11:00:00.500', '2021-01-04T11:00:00.500000', '2021-01-04T11:00:00.5', N'ÿ', '0'),
  ('7', '100', '-1', '-1', '-1', '-2.50', '-2.5000', '0.00000', '5', '0', '1',
   '1900-03-01', '1900-02-28T06:30:15.333', '1900-02-28T06:30:00', '1782-10-10T06:30:15.333', '1782-10-10T06:30:15.333333', '1782-10-10T06:30:15.3333333', N'ı', '7'),
  ('8', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
) AS t (id, tiny, small, n, big, amount, rate, frac, price, wide, flag, day, at, at_minute, at3, at6, at7, name, factor)$$);
CREATE TABLE local_v AS SELECT * FROM v;
SELECT count(*), count(n), count(at7) FROM local_v;

CREATE TABLE listed (signature text, expressions text);
INSERT INTO listed VALUES
  ('integer, numeric: = <> < <= > >= of a value known before the scan', $$n > 7.5 | amount = 2.5 | big < (SELECT 8)$$),
  ('date, timestamp: = <> < <= > >= of a value known before the scan', $$at >= '2024-02-29 10:20:30.004' | day = '2024-02-29' | at::date = '2024-02-29' | at + interval '1 day' > '2024-02-29' | day - 5 = '2024-02-24'$$),
  ('boolean, uuid: = <>', $$flag = true | flag$$),
  ('= <> < <= > >= of two expressions', $$n > small | amount <> rate | amount * 2 > rate | at::date = day | at = at_minute | at3 < at6$$),
  ('timestamp = timestamp, of datetime beside datetime2', $$at = at3$$),
  ('datetime2(7) = anything', $$at7 = at6 | at7 <> at3$$),
  ('IN, NOT IN, = ANY, <> ALL of values known before the scan', $$n IN (1, 7, NULL) | n <> ALL ('{1,2}') | amount IN (2.5, 0.001) | n = ANY ((SELECT array_agg(i) FROM generate_series(7, 3000) i)::integer[]) | small + 1 IN (2, 8)$$),
  ('> ANY, = ALL and the like', $$n > ANY ('{1,2}')$$),
  ('IS [NOT] DISTINCT FROM', $$n IS DISTINCT FROM 7 | n IS NOT DISTINCT FROM small | amount IS NOT DISTINCT FROM 2.5$$),
  ('IS [NOT] NULL', $$n IS NULL | name IS NOT NULL | (n > 5) IS NULL | n + 1 IS NOT NULL$$),
  ('AND, OR, NOT, IS [NOT] TRUE, FALSE, UNKNOWN', $$(n > 0) IS TRUE | (n > 0) IS NOT TRUE | (n > 0) IS FALSE | (n > 0) IS NOT FALSE | (n > 0) IS UNKNOWN | (n > 0) IS NOT UNKNOWN | NOT (n > 0 AND flag) | n > 0 OR flag$$),
  ('(a, b) < (c, d)', $$(n, tiny) < (7, 8) | (n, tiny) <= (small, 7) | (amount, n, tiny) > (2.5, 1, 1) | (day, n) >= ('2021-01-03', 1) | (n, tiny) < (NULL, 8) | (n, tiny) >= (7, NULL)$$),
  ('timestamp = < <= > >= timestamptz, known before the scan', $$at >= now() - interval '1 day' | day < '2024-01-01'::timestamptz$$),
  ('text = value, IN, = ANY', $$name = 'x' | name IN ('x', 'y')$$),
  ('text LIKE value', $$name LIKE 'x%'$$),
  ('text <> < <= > >= value, NOT LIKE, NOT IN', $$name <> 'x' | name < 'x' | name <= 'x' | name > 'x' | name >= 'x' | name NOT LIKE 'x%' | name NOT IN ('x', 'y')$$),
  ('text = text of two columns; ORDER BY, GROUP BY, DISTINCT, min, max of text', $$name = name || ''$$),
  ('ILIKE, ~, ~*, SIMILAR TO', $$name ILIKE 'x' | name ~ 'x' | name ~* 'x' | name !~ 'x' | name SIMILAR TO 'x'$$),
  ('lower, upper, initcap', $$lower(name) = 'x' | upper(name) = 'X' | initcap(name) = 'X'$$),
  ('text || text, concat', $$name || 'x' = 'xx' | concat(name, 'x') = 'xx'$$),
  ('length, substring, left, right, position, replace, trim, ...', $$length(name) = 1 | substring(name, 1, 1) = 'x' | left(name, 1) = 'x' | strpos(name, 'x') = 1 | replace(name, 'x', 'y') = 'y' | trim(name) = 'x'$$),
  ('to_char, casts to text, md5', $$to_char(at, 'YYYY') = '2024' | n::text = '7' | md5(name) = 'x'$$),
  ('text = <> < <= > >= text, IN, NOT IN, IS DISTINCT FROM', $$SELECT id FROM v WHERE name <> 'x' | SELECT id FROM v WHERE name NOT IN ('x', 'y') | SELECT id FROM v WHERE name > 'x' OR name IS DISTINCT FROM 'y'$$),
  ('text LIKE, NOT LIKE value', $$SELECT id FROM v WHERE name NOT LIKE 'x%'$$),
  ('GROUP BY, DISTINCT, count(DISTINCT), min, max of text', $$SELECT name, count(*) FROM v GROUP BY name | SELECT max(name), count(DISTINCT name) FROM v$$),
  ('ORDER BY text, of the query''s result', $$SELECT name FROM v ORDER BY name LIMIT 1$$),
  ('CASE WHEN condition THEN value ...', $$CASE WHEN n > 0 THEN n ELSE 0 END | CASE WHEN n > 0 THEN n WHEN flag THEN small END | CASE WHEN amount > 1 THEN amount ELSE -amount END | CASE WHEN flag THEN at END | CASE WHEN flag THEN day ELSE '2024-01-01' END | CASE WHEN n > 0 THEN 1 ELSE 0 END | CASE WHEN n > 0 THEN amount ELSE 0.00 END | CASE WHEN n > 0 THEN true ELSE flag END | CASE WHEN flag THEN at ELSE '2024-01-01' END | CASE WHEN n > 0 THEN NULL ELSE n END$$),
  ('CASE value WHEN value THEN value ...', $$CASE n WHEN 7 THEN 1 WHEN -7 THEN 2 ELSE 3 END | CASE n + 1 WHEN 8 THEN amount WHEN 1 THEN -amount END | CASE flag WHEN true THEN 1 ELSE 2 END$$),
  ('COALESCE', $$coalesce(n, 0) | coalesce(n) | coalesce(n, small, 5) | coalesce(amount, 0.00) | coalesce(at, '2024-01-01') | coalesce(flag, false) | coalesce(day, '2024-01-01')$$),
  ('NULLIF', $$nullif(n, 7) | nullif(amount, 2.5) | nullif(day, '2024-02-29') | nullif(n, 0) * 2$$),
  ('GREATEST, LEAST', $$greatest(n, 0) | least(n, small, 5) | greatest(amount, 1.00) | least(day, '2024-01-01'::date) | greatest(at, at) | least(n, NULL)$$),
  ('a condition as a value', $$n > 0 | n > 0 AND flag | (n > 0) = flag | n IS NULL$$),
  ('values known before the scan', $$n + (SELECT 1) | n - length(current_user) | coalesce((SELECT 5), n)$$),
  ('ROW, ARRAY, sub-selects of rows, window functions, user-defined functions', $$ARRAY[n, small] | (n, small) = ANY (SELECT n, small FROM local_v)$$),
  ('count(*), count(value)', $$count(*) | count(n) | count(name) | count(DISTINCT n)$$),
  ('sum(integer), sum(bigint)', $$sum(tiny) | sum(n) | sum(big) | sum(n * 2)$$),
  ('sum(numeric)', $$sum(amount) | sum(price) | sum(amount * rate) | sum(coalesce(amount, 0)) | sum(CASE WHEN flag THEN amount ELSE 0 END) | sum(CASE WHEN n > 100000 THEN amount ELSE 0 END) | sum(CASE WHEN n > 100000 THEN amount END) | sum(CASE WHEN n > 0 THEN amount WHEN flag THEN rate ELSE 1.5 END) | sum(coalesce(amount, 0) * coalesce(rate, 1)) | sum(coalesce(CASE WHEN n > 0 THEN amount END, 0) - 1.5) | sum(coalesce(amount, 0)) FILTER (WHERE n = 0)$$),
  ('avg(integer), avg(numeric)', $$avg(n) | avg(amount) | avg(rate) | avg(coalesce(amount, 0)) | avg(CASE WHEN n > 100000 THEN amount ELSE 0 END)$$),
  ('min, max of numbers, dates and timestamps', $$min(n) | max(amount) | min(day) | max(at) | max(at7)$$),
  ('FILTER (WHERE condition)', $$sum(n) FILTER (WHERE flag) | count(*) FILTER (WHERE amount > 1) | avg(rate) FILTER (WHERE n > 0)$$),
  ('sum, avg of double precision', $$sum(factor) | avg(factor)$$),
  ('string_agg, array_agg, percentile_cont, mode, stddev, bool_and, ...', $$string_agg(name, ',') | array_agg(n) | stddev(n) | bool_and(flag) | min(name)$$),
  ('integer + integer', $$tiny + small | small + small | n + 1 | 1 + n | n + big | small + n | big + 5000000000 | tiny + tiny | n + (SELECT 3) | n + -5$$),
  ('integer - integer', $$tiny - small | small - tiny | n - 1 | 1 - n | n - big | n - n | n - -5$$),
  ('integer * integer', $$tiny * 2::smallint | n * 3 | n * big | small * small::integer | n * (SELECT -2::bigint)$$),
  ('integer / constant', $$n / 7 | big / -3 | small / 2::smallint | tiny / 2$$),
  ('integer % constant', $$n % 7 | big % -3 | mod(small, 2::smallint) | tiny % 2$$),
  ('- integer', $$-n | -small | -tiny | -big | -(-n) | n - -n$$),
  ('+ integer', $$+n$$),
  ('numeric + numeric', $$amount + 0.001 | amount + rate | price + 1 | amount + n | frac + 1 | 1.50 + amount | amount + -1.5$$),
  ('numeric - numeric', $$amount - 0.001 | rate - amount | price - amount | n - rate | 0 - price$$),
  ('numeric * numeric', $$amount * rate | amount * 1.18 | price * 2 | n * amount | frac * frac | amount * -1.500$$),
  ('- numeric', $$-amount | -price | -frac | -wide | -(amount * 2)$$),
  ('+ numeric', $$+amount$$),
  ('numeric / numeric', $$amount / 2 | 1 / rate$$),
  ('numeric % numeric', $$amount % 2$$),
  ('double precision + - * /', $$factor + 1 | n * factor | factor / 2$$),
  ('abs(integer)', $$abs(n) | abs(small) | abs(tiny) | abs(big)$$),
  ('abs(numeric)', $$abs(amount) | abs(price) | abs(wide) | @ rate$$),
  ('sign(numeric)', $$sign(amount) | sign(wide) | sign(price)$$),
  ('ceil(numeric)', $$ceil(amount) | ceiling(rate) | ceil(frac) | ceil(price)$$),
  ('floor(numeric)', $$floor(amount) | floor(rate) | floor(frac) | floor(price)$$),
  ('round(numeric [, constant])', $$round(amount) | round(amount, 1) | round(amount, 2) | round(amount, 4) | round(rate, 2) | round(rate, 3) | round(rate, -2) | round(frac, 4) | round(frac) | round(price, 2) | round(amount, -40) | round(amount, 20) | round(amount * rate, 2)$$),
  ('trunc(numeric [, constant])', $$trunc(amount) | trunc(amount, 1) | trunc(rate, 3) | trunc(amount, -2) | trunc(amount, 4) | trunc(frac) | trunc(price, 2) | trunc(amount, -40)$$),
  ('sqrt, power, exp, ln, log, sin, ...', $$sqrt(abs(amount)) | power(rate, 2) | exp(frac)$$),
  ('random()', $$(random() < n)$$),
  ('integer to integer', $$tiny::integer | small::bigint | n::bigint | small::integer + n | (n / 10)::smallint | (big / 10)::integer | (tiny + 1)::smallint$$),
  ('integer to numeric', $$n::numeric | big::numeric | tiny::numeric | n * 1.0$$),
  ('extract(...) to integer', $$extract(year from at)::integer | extract(month from day)::smallint | date_part('day', at)::integer | extract(hour from at)::bigint$$),
  ('numeric to integer', $$rate::integer | rate::smallint | frac::integer | amount::bigint | (amount * 0.001 * 0.01)::integer | round(rate)::integer | price::bigint$$),
  ('numeric to numeric(p,s), s not smaller', $$amount::numeric(20,4) | n::numeric(12,2) | rate::numeric(12,4)$$),
  ('numeric to numeric(p,s)', $$rate::numeric(10,2) | rate::numeric(6,1) | price::numeric(20,2) | frac::numeric(5,4) | (amount * rate)::numeric(18,2)$$),
  ('integer to boolean', $$n::boolean | (n % 2)::boolean$$),
  ('boolean to integer', $$flag::integer | (n > 0)::integer | flag::integer + 1$$),
  ('timestamp to date', $$at::date | at_minute::date | at3::date | at6::date$$),
  ('date to timestamp', $$day::timestamp | at::date::timestamp$$),
  ('timestamp to timestamptz', $$at::timestamptz$$),
  ('date + constant', $$at_minute::date + 30 | 30 + at_minute::date | at_minute::date + -5 + 3$$),
  ('date - constant', $$at::date - 7 | at_minute::date - -3 | at::date - 8 + 1$$),
  ('date - date', $$day - at::date | at::date - day | day - '2024-01-01'::date | '2024-01-01'::date - day | day - day$$),
  ('timestamp + constant interval', $$at_minute + interval '1 month' | at_minute + interval '1 hour' | at_minute + interval '1 second' | at_minute + interval '30 years' | at + interval '-1 month 12 hours' | at_minute::date + interval '1 month' | at_minute::date + interval '90 minutes' | at_minute + interval '1 year 2 months 3 days 04:05:06' | at_minute + interval '0' | (at + interval '-6 hours')::date$$),
  ('timestamp - constant interval', $$at - interval '1 month' | at - interval '1 day' | at - interval '90 seconds' | at - interval '13 months -2 days' | (at - interval '4 hours')::date | (at_minute - interval '4 hours')::date | at_minute - interval '1 year 1 day 00:00:01' | date_trunc('month', at - interval '4 hours') | extract(hour from at - interval '30 minutes')$$),
  ('timestamp - timestamp, age()', $$at - at3 | age(at, at3)$$),
  ('extract(year from timestamp)', $$extract(year from at) | date_part('year', at6) | extract(year from day) | date_part('year', day) | extract(year from at) + 1$$),
  ('extract(quarter from timestamp)', $$extract(quarter from at) | extract(quarter from at3) | extract(quarter from day)$$),
  ('extract(month from timestamp)', $$extract(month from at) | extract(month from at_minute)$$),
  ('extract(day from timestamp)', $$extract(day from at) | extract(day from day)$$),
  ('extract(doy from timestamp)', $$extract(doy from at) | extract(doy from at6)$$),
  ('extract(dow from timestamp)', $$extract(dow from at) | extract(dow from at3) | extract(dow from day)$$),
  ('extract(isodow from timestamp)', $$extract(isodow from at) | extract(isodow from at6) | extract(isodow from day)$$),
  ('extract(week from timestamp)', $$extract(week from at) | extract(week from at3) | extract(week from day)$$),
  ('extract(isoyear from timestamp)', $$extract(isoyear from at) | extract(isoyear from at_minute) | extract(isoyear from day) | extract(isoyear from at6)$$),
  ('extract(hour from timestamp)', $$extract(hour from at) | date_part('hour', at3)$$),
  ('extract(minute from timestamp)', $$extract(minute from at) | date_part('minute', at_minute)$$),
  ('extract(second from timestamp), datetime', $$extract(second from at) | extract(second from at_minute)$$),
  ('extract(second from timestamp), datetime2', $$extract(second from at3) | extract(second from at6)$$),
  ('extract(century, decade, epoch, julian, milliseconds, ... from timestamp)', $$extract(epoch from at) | extract(decade from day)$$),
  ('date_trunc(''year'', timestamp)', $$date_trunc('year', at) | date_trunc('year', at6) | date_trunc('year', day::timestamp)$$),
  ('date_trunc(''quarter'', timestamp)', $$date_trunc('quarter', at) | date_trunc('quarter', at3)$$),
  ('date_trunc(''month'', timestamp)', $$date_trunc('month', at) | date_trunc('month', at_minute) | date_trunc('month', at6)::date$$),
  ('date_trunc(''week'', timestamp)', $$date_trunc('week', at) | date_trunc('week', at6) | date_trunc('week', day::timestamp)$$),
  ('date_trunc(''day'', timestamp)', $$date_trunc('day', at) | date_trunc('day', at6)$$),
  ('date_trunc(''hour'', timestamp)', $$date_trunc('hour', at) | date_trunc('hour', at_minute) | date_trunc('hour', at6)$$),
  ('date_trunc(''minute'', timestamp)', $$date_trunc('minute', at) | date_trunc('minute', at3)$$),
  ('date_trunc(text, timestamptz), also of a date', $$date_trunc('month', day)$$),
  ('make_date, make_timestamp', $$make_date(2000 + n % 20, 1, 1)$$);

CREATE VIEW example AS
  SELECT signature, e.* FROM listed, regexp_split_to_table(expressions, ' \| ') e (expression);

-- An entry without an example, an example without an entry.
SELECT signature FROM sambapos_pushdown() EXCEPT SELECT signature FROM example ORDER BY 1;
SELECT signature FROM example EXCEPT SELECT signature FROM sambapos_pushdown() ORDER BY 1;
-- Every pushed entry has its T-SQL, every entry its reason.
SELECT signature FROM sambapos_pushdown() WHERE pushed <> (tsql IS NOT NULL) OR reason !~ '\w';

-- What is sent of a condition.
CREATE FUNCTION sent(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  line text;
  remote text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM v WHERE ' || condition LOOP
    IF line ~ '^ *Filter:' THEN RETURN NULL; END IF;
    remote := coalesce(substring(line FROM ' AS \[q\] WHERE (.*)'), remote);
  END LOOP;
  RETURN remote;
END $$;
-- The values an expression has, each with the rows that have it: computed here, and looked for at the
-- server.
CREATE FUNCTION differences(expression text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  r record;
  found integer[];
BEGIN
  FOR r IN EXECUTE format('SELECT (%s)::text AS value, pg_typeof(%s) AS type, array_agg(id ORDER BY id) AS ids
                           FROM local_v GROUP BY 1, 2', expression, expression)
  LOOP
    EXECUTE format('SELECT array_agg(id ORDER BY id) FROM v WHERE (%s) IS NOT DISTINCT FROM %L::%s', expression, r.value, r.type)
      INTO found;
    IF found IS DISTINCT FROM r.ids THEN
      RETURN NEXT format('%s is %s in %s, at the server in %s', expression, r.value, r.ids, found);
    END IF;
  END LOOP;
  FOR r IN EXECUTE format('WITH remote AS (SELECT x::text AS value, count(*) FROM (SELECT (%1$s) AS x FROM v) q GROUP BY x),
                                here AS (SELECT x::text AS value, count(*) FROM (SELECT (%1$s) AS x FROM local_v) q GROUP BY x)
      (TABLE remote EXCEPT TABLE here) UNION ALL (TABLE here EXCEPT TABLE remote)', expression)
  LOOP
    RETURN NEXT format('%s is %s in one place only', expression, r.value);
  END LOOP;
END $$;

-- What is sent of any condition, whether or not it is rechecked here; an aggregate is sent if nothing
-- is left to do above the scan.
CREATE FUNCTION is_sent(kind text, expression text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  IF kind IN ('operator', 'function', 'cast', 'construct') THEN RETURN sent(format('(%s) IS NULL', expression)) IS NOT NULL; END IF;
  IF kind = 'aggregate' THEN
    EXECUTE format('EXPLAIN (COSTS OFF) SELECT %s FROM v', expression) INTO line;
    RETURN line ~ 'Foreign Scan';
  END IF;
  IF kind = 'text by server' THEN
    ALTER SERVER expressions_till OPTIONS (ADD text_semantics 'server');
    EXECUTE 'EXPLAIN (COSTS OFF) ' || expression INTO line;
    ALTER SERVER expressions_till OPTIONS (DROP text_semantics);
    RETURN line ~ 'Foreign Scan';
  END IF;
  FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM v WHERE ' || expression LOOP
    IF line ~ ' AS \[q\] WHERE ' THEN RETURN true; END IF;
  END LOOP;
  RETURN false;
END $$;
CREATE FUNCTION rows_of(relation text, condition text) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
  found integer[];
BEGIN
  EXECUTE format('SELECT array_agg(id ORDER BY id) FROM %s WHERE %s', relation, condition) INTO found;
  RETURN found;
END $$;
CREATE FUNCTION aggregated(relation text, aggregate text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  found text;
BEGIN
  EXECUTE format('SELECT (%s)::text FROM %s', aggregate, relation) INTO found;
  RETURN found;
END $$;

\pset format unaligned
\pset tuples_only on
\pset fieldsep ' | '
\pset null '-'
-- What becomes of each; those of refused entries stay here.
SELECT expression, sent(format('(%s) IS NULL', expression))
FROM sambapos_pushdown() JOIN example USING (signature) WHERE kind IN ('operator', 'function', 'cast', 'construct');
SELECT signature, expression FROM sambapos_pushdown() JOIN example USING (signature) WHERE pushed <> is_sent(kind, expression);
-- The same values, digit for digit.
SELECT d.* FROM sambapos_pushdown() JOIN example USING (signature), differences(expression) d WHERE pushed AND kind IN ('operator', 'function', 'cast', 'construct');
SELECT expression FROM sambapos_pushdown() JOIN example USING (signature)
WHERE kind IN ('comparison', 'text') AND rows_of('v', expression) IS DISTINCT FROM rows_of('local_v', expression);
SELECT expression FROM sambapos_pushdown() JOIN example USING (signature)
WHERE pushed AND kind = 'aggregate' AND aggregated('v', expression) IS DISTINCT FROM aggregated('local_v', expression);
-- Calendars: every day of 55 years.
CREATE FOREIGN TABLE days (day date OPTIONS (remote_type 'date')) SERVER expressions_till OPTIONS (query $$
  SELECT DATEADD(day, a.n + 10 * b.n + 100 * c.n + 1000 * d.n, CAST('1980-01-01' AS date)) AS day
  FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS a (n), (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS b (n),
       (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS c (n),
       (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15), (16), (17), (18), (19)) AS d (n)$$);
CREATE TABLE local_days AS SELECT date '1980-01-01' + i AS day FROM generate_series(0, 19999) i;
CREATE FUNCTION calendar(relation text, OUT days bigint, OUT sum text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SELECT sum(n), md5(string_agg(g::text, '';'' ORDER BY g::text)) FROM (SELECT extract(isoyear from day), extract(week from day), extract(isodow from day),
    extract(dow from day), extract(doy from day), extract(quarter from day), extract(month from day), extract(day from day), extract(year from day),
    date_trunc(''year'', day::timestamp), date_trunc(''quarter'', day::timestamp), date_trunc(''month'', day::timestamp), date_trunc(''week'', day::timestamp), count(*) AS n
    FROM %s GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13) g', relation) INTO days, sum;
END $$;
SELECT r.days, l.days, r.sum = l.sum FROM calendar('days') r, calendar('local_days') l;

-- T-SQL nests ten CASEs, which COALESCE, NULLIF and GREATEST are too; deeper ones stay here. And each is judged once: of
-- forty the planner would otherwise see no end.
SELECT depth, sent(repeat('COALESCE(', depth) || 'n' || repeat(', id)', depth) || ' > 3') IS NOT NULL,
  sent(repeat('CASE WHEN id = 1 THEN 2 ELSE ', depth) || 'n' || repeat(' END', depth) || ' > 3') IS NOT NULL,
  sent(repeat('(', depth) || 'n > 3' || repeat(') = (id > 2)', depth)) IS NOT NULL,
  sent(repeat('(', depth) || 'n' || repeat('::numeric)::int', depth) || ' > 3') IS NOT NULL,
  sent('greatest(n' || repeat(', id', depth) || ') > 3') IS NOT NULL
FROM unnest(ARRAY[4, 8, 9, 40]) depth;

-- What has no columns is computed when the scan begins: not in a branch that is not taken. Each query gives here what
-- it gives of the local copy.
CREATE TABLE divisors (d integer);
INSERT INTO divisors VALUES (0), (3);
CREATE FUNCTION answer(query text, relation text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  found text;
BEGIN
  EXECUTE format('SELECT string_agg(coalesce(q.x::text, ''-''), '' '' ORDER BY q.x::text) FROM (%s) q (x)', replace(query, 'X', relation)) INTO found;
  RETURN found;
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END $$;
CREATE TABLE guarded (query text);
INSERT INTO guarded SELECT 'SELECT (SELECT ' || e || ') FROM divisors' FROM unnest(ARRAY[
  $$sum(CASE WHEN d <> 0 THEN id + 6 / d END) FROM X$$,
  $$sum(CASE WHEN d = 0 THEN 0 ELSE id + 6 / d END) FROM X$$,
  $$sum(CASE d WHEN 0 THEN 0 ELSE id + 6 / d END) FROM X$$,
  $$sum(CASE WHEN d = 0 THEN 0 WHEN id > 6 / d THEN id ELSE -id END) FROM X$$,
  $$sum(CASE WHEN d = 0 THEN amount WHEN id > 6 / d THEN rate ELSE 1.5 END) FROM X$$,
  $$sum(CASE WHEN d = 0 THEN 0 ELSE CASE WHEN id > 6 / d THEN id ELSE 1 END END) FROM X$$,
  $$sum(CASE WHEN d = 0 THEN 0 ELSE coalesce(6 / d, id) + id END) FROM X$$,
  $$sum(CASE WHEN d = 0 THEN 0 ELSE greatest(6 / d, id) END) FROM X$$,
  $$sum(coalesce(id, 6 / d)) FROM X$$,
  $$sum(coalesce(id, CASE WHEN d > 0 THEN 1 END, n + 6 / d)) FROM X$$,
  $$count(*) FROM X WHERE CASE WHEN d = 0 THEN id < 3 ELSE id > 6 / d END$$,
  $$count(*) FROM X WHERE CASE WHEN d = 0 THEN id < 3 ELSE id = 1 OR NOT (id > 6 / d AND flag) END$$,
  $$count(*) FROM X WHERE CASE WHEN d = 0 THEN id < 3 ELSE id IN (1, 6 / d) END$$,
  $$count(*) FROM X WHERE CASE WHEN d = 0 THEN id < 3 ELSE id IS DISTINCT FROM 6 / d END$$,
  $$count(*) FROM X WHERE CASE WHEN d = 0 THEN flag ELSE 6 / d = 2 END$$,
  $$count(*) FROM X WHERE (CASE WHEN d = 0 THEN flag ELSE (6 / d = 2) IS TRUE AND flag END) IS NOT FALSE$$,
  $$count(*) FROM X WHERE (id, id) >= (1000, 6 / d)$$,
  $$count(*) FILTER (WHERE CASE WHEN d = 0 THEN id < 3 ELSE id > 6 / d END) FROM X$$,
  $$sum(id * (6 / d)) FILTER (WHERE d <> 0) FROM X$$,
  $$count(nullif(id, 6 / d)) FILTER (WHERE d <> 0) FROM X$$,
  $$CASE WHEN d = 0 THEN 0 ELSE count(*) + 6 / d END FROM X$$,
  $$max(id) FROM X GROUP BY CASE WHEN d = 0 THEN 1 ELSE id * 0 + 6 / d END$$,
  $$id FROM X ORDER BY CASE WHEN d = 0 THEN -id ELSE id * (6 / d) END LIMIT 1$$,
  $$sum(CASE WHEN id < 0 THEN (SELECT 1 / (count(*) - 2) FROM divisors) ELSE id END) FROM X$$,
  $$count(*) FROM (SELECT id, count(*) FROM X GROUP BY id) s WHERE coalesce(id, (SELECT 1 / (count(*) - 2) FROM divisors)::integer) > 3$$,
  $$sum(coalesce(id, (SELECT 1 / (count(*) - 2) FROM divisors)::integer)) FROM X$$]) e;
INSERT INTO guarded VALUES ('SELECT count(*) FROM divisors JOIN X ON CASE WHEN d = 0 THEN id = 1 ELSE id = 6 / d END');
SELECT query, answer(query, 'v') AS there, answer(query, 'local_v') AS here FROM guarded WHERE answer(query, 'v') IS DISTINCT FROM answer(query, 'local_v');
-- None of them fails for its own reasons.
SELECT count(*), count(*) FILTER (WHERE answer(query, 'local_v') ~ '^\d{5}$') FROM guarded;
SET plan_cache_mode = force_generic_plan;
PREPARE by_parameter (integer) AS SELECT sum(CASE WHEN $1 = 0 THEN 0 ELSE n + 10 / $1 END) FROM v;
EXECUTE by_parameter(0);
EXECUTE by_parameter(5);
RESET plan_cache_mode;
-- What cannot fail is sent from there too, and from the first condition and the first argument everything.
SELECT e, sent('(' || e || ') = 1') IS NOT NULL FROM unnest(ARRAY[
  $$CASE WHEN n > length(current_user) THEN 1 ELSE 2 END$$, $$CASE WHEN n > 0 THEN 1 WHEN n > length(current_user) THEN 2 END$$,
  $$CASE WHEN n > 0 THEN n ELSE length(current_user) END$$, $$CASE length(current_user) WHEN n THEN 1 END$$,
  $$coalesce(length(current_user) + n, n)$$, $$coalesce(n, length(current_user))$$, $$nullif(n, length(current_user))$$, $$greatest(n, length(current_user))$$,
  $$CASE WHEN day >= current_date THEN 1 WHEN day >= current_date - 7 THEN 2 WHEN at < localtimestamp - interval '30 days' THEN 3 END$$]) e;
SET plan_cache_mode = force_generic_plan;
PREPARE harmless (integer, date) AS SELECT count(*) FROM v WHERE CASE WHEN n > 1000 THEN 1 WHEN n = $1 OR n > $1 THEN $1 WHEN day < $2 THEN 3 END = 3;
CREATE FUNCTION sent_by(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || statement LOOP
    IF line ~ '^ *Filter:| AS \[q\] ' THEN RETURN NEXT substring(line FROM 'Filter.*|WHERE.*'); END IF;
  END LOOP;
END $$;
SELECT sent_by($$EXECUTE harmless (8, '2000-01-01')$$);
EXECUTE harmless (8, '2000-01-01');
RESET plan_cache_mode;
