-- Every type of SQL Server arrives exactly: at its edges, in its natural local type, as text in one
-- canonical form that no setting changes, and never cut to fit.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
CREATE SCHEMA types;
SET search_path = types, public;
\getenv host SAMBAPOS_TEST_HOST
\getenv port SAMBAPOS_TEST_PORT
\getenv database SAMBAPOS_TEST_DATABASE
\getenv username SAMBAPOS_TEST_USERNAME
\getenv password SAMBAPOS_TEST_PASSWORD
\getenv encryption SAMBAPOS_TEST_ENCRYPTION
CREATE SERVER types_till FOREIGN DATA WRAPPER sambapos_fdw
  OPTIONS (host :'host', port :'port', database :'database', encryption :'encryption');
CREATE USER MAPPING FOR CURRENT_USER SERVER types_till OPTIONS (username :'username', password :'password');

-- A value of a remote type, read as a local one.
CREATE FUNCTION value(remote text, local text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
  detail text;
  hint text;
BEGIN
  EXECUTE format('SELECT v::text FROM sambapos_query(''types_till'', %L) AS t(v %s)', 'SELECT ' || remote, local) INTO result;
  RETURN coalesce(quote_literal(result), 'NULL');
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN concat_ws(' | ', sqlstate, sqlerrm, nullif(detail, ''), nullif(hint, ''));
END $$;
SET timezone = 'Europe/Istanbul';
SET datestyle = 'German';
SET extra_float_digits = 0;
SET bytea_output = 'escape';
\pset format unaligned
\pset tuples_only on
\pset fieldsep ' -> '

-- As text: the canonical form.
SELECT r, value(r, 'text') FROM unnest(ARRAY[
  'CAST(1 AS bit)', 'CAST(255 AS tinyint)', 'CAST(-32768 AS smallint)', 'CAST(-2147483648 AS int)',
  'CAST(-9223372036854775808 AS bigint)', 'CAST(1.50 AS decimal(5,2))', 'CAST(-0.05 AS decimal(5,2))',
  'CAST(99999999999999999999999999999999999999 AS decimal(38,0))',
  'CAST(-0.99999999999999999999999999999999999999 AS decimal(38,38))',
  'CAST(1234567890123456789.0123456789 AS decimal(38,10))',
  'CAST(10000000000000000000000000000000000 AS decimal(38,2))', 'CAST(0 AS decimal(38,10))',
  'CAST(-922337203685477.5808 AS money)', 'CAST(214748.3647 AS smallmoney)', 'CAST(0.1 AS real)',
  'CAST(0.1 AS float)', 'CAST(1e300 AS float)', 'CAST(N''Çay 😀'' AS nvarchar(20))', 'CAST('''' AS varchar(5))',
  'CAST(NULL AS nvarchar(5))', 'CAST(0x00FF10 AS varbinary(5))', 'CAST(0x AS varbinary(5))',
  'CAST(''0E984725-C51C-4BF4-9960-E1C80E27ABA0'' AS uniqueidentifier)', 'CAST(''2024-02-29'' AS date)',
  'CAST(''23:59:59.123456'' AS time(6))', 'CAST(''2024-02-29T23:59:59.997'' AS datetime)',
  'CAST(''2024-02-29T23:59:00'' AS smalldatetime)', 'CAST(''0001-01-01T00:00:00.000001'' AS datetime2(6))',
  'CAST(''2024-02-29T12:00:00.5+03:00'' AS datetimeoffset(3))']) AS r;

-- In the type IMPORT FOREIGN SCHEMA gives, and those that are wider.
SELECT r, l, value(r, l) FROM (VALUES
  ('CAST(1 AS bit)', 'boolean'), ('CAST(1 AS bit)', 'integer'), ('CAST(255 AS tinyint)', 'smallint'), ('CAST(7 AS tinyint)', 'numeric'),
  ('CAST(32767 AS smallint)', 'smallint'), ('CAST(7 AS smallint)', 'bigint'), ('CAST(2147483647 AS int)', 'integer'),
  ('CAST(7 AS int)', 'bigint'), ('CAST(7 AS int)', 'numeric(12,2)'), ('CAST(7 AS int)', 'double precision'),
  ('CAST(9223372036854775807 AS bigint)', 'bigint'), ('CAST(9223372036854775807 AS bigint)', 'numeric'),
  ('CAST(7 AS bigint)', 'integer'), ('CAST(1.50 AS decimal(16,2))', 'numeric'), ('CAST(1.50 AS decimal(16,2))', 'numeric(16,2)'),
  ('CAST(1.50 AS decimal(16,2))', 'numeric(20,4)'), ('CAST(1.50 AS decimal(16,2))', 'numeric(3,1)'),
  ('CAST(12.3456 AS money)', 'numeric(19,4)'), ('CAST(0.1 AS real)', 'real'), ('CAST(0.25 AS real)', 'double precision'),
  ('CAST(0.1 AS float)', 'double precision'), ('CAST(''ab'' AS char(4))', 'character(4)'), ('CAST(''ab'' AS char(4))', 'character(6)'),
  ('CAST(N''Şğ'' AS nvarchar(2))', 'character varying(2)'), ('CAST(N''{"a": 1}'' AS nvarchar(20))', 'jsonb'),
  ('CAST(N''[1]'' AS nvarchar(20))', 'json'), ('CAST(N''abc'' AS nvarchar(20))', 'name'),
  ('CAST(0x00FF10 AS varbinary(5))', 'bytea'), ('CAST(''0E984725-C51C-4BF4-9960-E1C80E27ABA0'' AS uniqueidentifier)', 'uuid'),
  ('CAST(''2024-02-29'' AS date)', 'date'), ('CAST(''2024-02-29'' AS date)', 'timestamp'),
  ('CAST(''23:59:59.5'' AS time(3))', 'time'), ('CAST(''2024-02-29T23:59:59.003'' AS datetime)', 'timestamp'),
  ('CAST(''2024-02-29T23:59:59.003'' AS datetime)', 'timestamp(3)'), ('CAST(''2024-02-29T23:59:00'' AS smalldatetime)', 'timestamp(0)'),
  ('CAST(''9999-12-31T23:59:59.123456'' AS datetime2(6))', 'timestamp'),
  ('CAST(''2024-02-29T12:00:00.5+03:00'' AS datetimeoffset(3))', 'timestamptz')) AS v(r, l);

-- What does not fit is an error, not a cut.
SELECT r, l, value(r, l) FROM (VALUES
  ('CAST(2147483648 AS bigint)', 'integer'), ('CAST(32768 AS int)', 'smallint'), ('CAST(1.55 AS decimal(16,2))', 'numeric(3,1)'),
  ('CAST(1000 AS int)', 'numeric(3,0)'), ('CAST(0.0001 AS money)', 'numeric(10,2)'), ('CAST(N''Şğx'' AS nvarchar(5))', 'varchar(2)'),
  ('CAST(''abc   '' AS varchar(6))', 'varchar(3)'), ('CAST(N''Şğx'' AS nvarchar(5))', 'character(2)'),
  ('REPLICATE(N''x'', 64)', 'name'), ('CAST(''2024-02-29T23:59:59.003'' AS datetime)', 'timestamp(2)'),
  ('CAST(''23:59:59.5'' AS time(3))', 'time(0)'), ('CAST(N''{'' AS nvarchar(5))', 'jsonb')) AS v(r, l);

-- A pair without an exact meaning is refused before the first row.
SELECT r, l, value(r, l) FROM (VALUES
  ('CAST(1 AS int)', 'boolean'), ('CAST(1 AS int)', 'date'), ('CAST(1 AS bigint)', 'double precision'), ('CAST(0.1 AS float)', 'real'),
  ('CAST(0.1 AS float)', 'numeric'), ('CAST(1.5 AS decimal(5,2))', 'integer'), ('CAST(''2024-02-29T23:59:59'' AS datetime)', 'timestamptz'),
  ('CAST(''2024-02-29T23:59:59'' AS datetime)', 'date'), ('CAST(''1'' AS varchar(5))', 'integer'), ('CAST(N''x'' AS nvarchar(5))', 'bytea'),
  ('CAST(0x00 AS varbinary(5))', 'jsonb'), ('CAST(1 AS bit)', 'point')) AS v(r, l);

-- Domains are checked; their NULLs too.
CREATE DOMAIN positive AS integer CHECK (value > 0);
CREATE DOMAIN given AS text NOT NULL;
SELECT r, l, value(r, l) FROM (VALUES ('CAST(1 AS int)', 'positive'), ('CAST(-1 AS int)', 'positive'), ('CAST(NULL AS int)', 'positive'),
  ('CAST(NULL AS varchar(5))', 'given'), ('CAST(''x'' AS varchar(5))', 'given')) AS v(r, l);

DROP SERVER types_till CASCADE;
DROP SCHEMA types CASCADE;
