-- signature.sql: what the rows of a table add up to at the source, so that those that have not changed are not read.
--
-- Rules:
-- * What is compared is the source now with the source as it was when the table was read: no hash of ours has to be
--   that of SQL Server.
-- * MD5 of each row, summed, and the number of rows. CHECKSUM_AGG of BINARY_CHECKSUM was left: both are XORs, so two
--   prices that are raised alike can leave them as they were. HASHBYTES is there on every version, and on Babelfish,
--   which cannot write a hash as text, nor money with all its digits: so the one is taken as a whole number, in part,
--   and the other as a decimal.
-- * Of a long text the first 4000 characters count, and its length. For the rest, and for whoever changed the replica,
--   every master is read whole once a night.
-- * Texts of columns with other collations are joined to one: each takes the same, so that none is in another's way.

-- One column in a form that is another one for another value. NULL: a type that we know no such form of.
CREATE FUNCTION sambapos._signature_value_sql(source_name text, remote_type text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT format(CASE
      WHEN w.word IN ('bit', 'tinyint', 'smallint', 'int', 'bigint', 'decimal', 'numeric', 'uniqueidentifier') THEN
        'CONVERT(nvarchar(40), %s)'
      WHEN w.word IN ('date', 'time', 'datetime', 'datetime2', 'smalldatetime', 'datetimeoffset') THEN
        'CONVERT(nvarchar(40), %s, 121)'
      WHEN w.word IN ('money', 'smallmoney') THEN 'CONVERT(nvarchar(40), CAST(%s AS decimal(19,4)))'
      WHEN w.word IN ('float', 'real') THEN 'CONVERT(nvarchar(40), %s, 2)'
      WHEN w.word IN ('char', 'varchar', 'nchar', 'nvarchar') AND w.length <= 40 THEN
        'CONVERT(nvarchar(40), %s) COLLATE DATABASE_DEFAULT'
      WHEN w.word IN ('char', 'varchar', 'nchar', 'nvarchar') THEN
        'CONVERT(nvarchar(20), DATALENGTH(%1$s)) + N'' '' + CONVERT(nvarchar(20), CAST(CAST('
        'HASHBYTES(''MD5'', SUBSTRING(%1$s, 1, 4000)) AS varbinary(7)) AS bigint))'
      WHEN w.word IN ('text', 'ntext', 'xml') THEN
        'CONVERT(nvarchar(20), DATALENGTH(%1$s)) + N'' '' + CONVERT(nvarchar(20), CAST(CAST('
        'HASHBYTES(''MD5'', SUBSTRING(CONVERT(nvarchar(max), %1$s), 1, 4000)) AS varbinary(7)) AS bigint))'
      WHEN w.word IN ('binary', 'varbinary', 'image', 'timestamp', 'rowversion') THEN
        'CONVERT(nvarchar(20), DATALENGTH(%1$s)) + N'' '' + CONVERT(nvarchar(20), CAST(CAST('
        'HASHBYTES(''MD5'', CONVERT(varbinary(8000), CONVERT(varbinary(max), %1$s))) AS varbinary(7)) AS bigint))'
      END, sambapos._tsql_name(source_name))
    FROM (SELECT substring(remote_type FROM '^[a-z0-9]+') AS word,
                 substring(remote_type FROM '[(]([0-9]+)[)]')::bigint AS length) AS w);
END;
$$;
COMMENT ON FUNCTION sambapos._signature_value_sql(text, text) IS
  'T-SQL that writes a column''s value as a short text; NULL for types without one';

-- A sum of nvarchar is cut at 4000 characters: 90 columns of 40 fit.
CREATE FUNCTION sambapos._signature_sql(place sambapos._place, t sambapos._table, OUT sum text, OUT names jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  SELECT CASE WHEN count(*) <= 90 AND bool_and(v.value IS NOT NULL OR c.is_hidden) THEN format(
    'SUM(CAST(CAST(HASHBYTES(''MD5'', %s) AS varbinary(5)) AS bigint))',
    string_agg(format('ISNULL(%s, NCHAR(30))', v.value), ' + NCHAR(31) + ' ORDER BY c.ordinal)
      FILTER (WHERE NOT c.is_hidden)) END,
         jsonb_object_agg(c.column_name, sambapos._tsql_name(c.source_name))
    INTO sum, names
  FROM sambapos._table_columns(place, t) AS c
  JOIN sambapos._live_columns(format('%I.%I', sambapos._live_schema(place.name), t.table_name)::regclass) AS l
       ON l.column_name = c.live_name
  CROSS JOIN LATERAL (SELECT sambapos._signature_value_sql(c.source_name, l.remote_type) AS value) AS v;
END;
$$;
COMMENT ON FUNCTION sambapos._signature_sql(sambapos._place, sambapos._table) IS
  'T-SQL that adds up what the rows of a table hold (NULL: a column''s type allows none), and for its copied columns '
  'their names at the source';

CREATE FUNCTION sambapos._night_began(place sambapos._place) RETURNS interval
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT c.clock - date_trunc('day', c.clock)
    FROM (SELECT sambapos._site_clock(place) - interval '4 hours' AS clock) AS c);
END;
$$;
COMMENT ON FUNCTION sambapos._night_began(sambapos._place) IS 'How long ago it was four in the morning at a site';
