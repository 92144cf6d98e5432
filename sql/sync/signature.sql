-- signature.sql: has a master changed at the source since it was last read? Asked of all masters in one question.
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

-- One column in a form that is another one for another value. NULL: a type that we know no such form of.
CREATE FUNCTION sambapos._signature_value_sql(source_name text, remote_type text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format(CASE
    WHEN w.word IN ('bit', 'tinyint', 'smallint', 'int', 'bigint', 'decimal', 'numeric', 'uniqueidentifier') THEN
      'CONVERT(nvarchar(40), %s)'
    WHEN w.word IN ('date', 'time', 'datetime', 'datetime2', 'smalldatetime', 'datetimeoffset') THEN
      'CONVERT(nvarchar(40), %s, 121)'
    WHEN w.word IN ('money', 'smallmoney') THEN 'CONVERT(nvarchar(40), CAST(%s AS decimal(19,4)))'
    WHEN w.word IN ('float', 'real') THEN 'CONVERT(nvarchar(40), %s, 2)'
    WHEN w.word IN ('char', 'varchar', 'nchar', 'nvarchar') AND w.length <= 40 THEN 'CONVERT(nvarchar(40), %s)'
    WHEN w.word IN ('char', 'varchar', 'nchar', 'nvarchar', 'text', 'ntext', 'xml') THEN
      'CONVERT(nvarchar(20), DATALENGTH(%1$s)) + N'' '' + CONVERT(nvarchar(20), CAST(CAST('
      'HASHBYTES(''MD5'', SUBSTRING(CONVERT(nvarchar(max), %1$s), 1, 4000)) AS varbinary(7)) AS bigint))'
    WHEN w.word IN ('binary', 'varbinary', 'image', 'timestamp', 'rowversion') THEN
      'CONVERT(nvarchar(20), DATALENGTH(%1$s)) + N'' '' + CONVERT(nvarchar(20), CAST(CAST('
      'HASHBYTES(''MD5'', CONVERT(varbinary(8000), CONVERT(varbinary(max), %1$s))) AS varbinary(7)) AS bigint))'
    END, sambapos._tsql_name(source_name))
  FROM (SELECT substring(remote_type FROM '^[a-z0-9]+') AS word,
               substring(remote_type FROM '[(]([0-9]+)[)]')::bigint AS length) AS w;
$$;
COMMENT ON FUNCTION sambapos._signature_value_sql(text, text) IS
  'T-SQL that writes a column''s value as a short text; NULL for types without one';

-- A sum of nvarchar is cut at 4000 characters: 90 columns of 40 fit.
CREATE FUNCTION sambapos._signature_sql(place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN count(*) <= 90 AND bool_and(v.value IS NOT NULL) THEN format(
    'SUM(CAST(CAST(HASHBYTES(''MD5'', %s) AS varbinary(5)) AS bigint))',
    string_agg(format('ISNULL(%s, NCHAR(30))', v.value), ' + NCHAR(31) + ' ORDER BY c.ordinal)) END
  FROM sambapos._table_columns(place, t) AS c
  JOIN sambapos._live_columns(format('%I.%I', sambapos._live_schema(place.name), t.table_name)::regclass) AS l
       ON l.column_name = c.live_name
  CROSS JOIN LATERAL (SELECT sambapos._signature_value_sql(c.source_name, l.remote_type) AS value) AS v
  WHERE NOT c.is_hidden;
$$;
COMMENT ON FUNCTION sambapos._signature_sql(sambapos._place, sambapos._table) IS
  'T-SQL that adds up what the rows of a table hold; NULL: a column''s type allows none';

-- Asked first, since an error ends the remote transaction: all else is of one that has seen none. A server that cannot
-- answer costs nothing but the question: its masters are read whole. A table that failed would spoil it for all.
CREATE FUNCTION sambapos._signature_ask(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  question text;
  meanings jsonb; -- an answer to another question says nothing
BEGIN
  SELECT string_agg(format('SELECT %s AS t, COUNT_BIG(*) AS n, %s AS s FROM %s.%s',
                           sambapos._tsql_text(t.table_name), s.sum,
                           sambapos._tsql_name(t.source_schema), sambapos._tsql_name(t.source_name)),
                    ' UNION ALL ' ORDER BY t.table_name),
         jsonb_object_agg(t.table_name, hashtextextended(s.sum, 0))
    INTO question, meanings
  FROM sambapos.run_table AS x
  JOIN sambapos._table AS t ON t.site_id = place.site_id AND t.table_name = x.table_name
  CROSS JOIN LATERAL (SELECT sambapos._signature_sql(place, t) AS sum) AS s
  WHERE x.run_id = _signature_ask.run_id AND x.status = 'running' AND t.kind = 'master' AND s.sum IS NOT NULL
    AND (t.last_status IS DISTINCT FROM 'failed' OR sambapos._log_is_fatal(t.last_sqlstate));
  IF question IS NULL THEN
    RETURN;
  END IF;
  INSERT INTO pg_temp.sambapos__probe AS p (table_name, signature)
  SELECT q.t::name, format('%s %s %s', meanings ->> q.t, q.n, q.s)
  FROM sambapos._query(place.server, question) AS q (t text, n bigint, s bigint)
  ON CONFLICT (table_name) DO UPDATE SET signature = excluded.signature;
EXCEPTION WHEN OTHERS THEN
  IF sambapos._log_is_fatal(SQLSTATE) THEN
    RAISE;
  END IF;
  PERFORM sambapos._end_remote_transaction(place.server);
END;
$$;
COMMENT ON FUNCTION sambapos._signature_ask(bigint, sambapos._place) IS
  'Asks the source for the signatures of a run''s masters';

CREATE FUNCTION sambapos._night_began(place sambapos._place) RETURNS interval
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT c.clock - date_trunc('day', c.clock)
  FROM (SELECT sambapos._site_clock(place) - interval '4 hours' AS clock) AS c;
$$;
COMMENT ON FUNCTION sambapos._night_began(sambapos._place) IS 'How long ago it was four in the morning at a site';

-- They count as read: a connection that is lost later fails them with the others.
CREATE FUNCTION sambapos._signature_spare(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.run_table AS x SET mode = 'none', status = 'read'
    FROM sambapos._table AS t JOIN pg_temp.sambapos__probe AS p USING (table_name)
   WHERE x.run_id = _signature_spare.run_id AND x.status = 'running'
     AND t.site_id = place.site_id AND t.table_name = x.table_name AND t.kind = 'master'
     AND t.source_signature = p.signature AND t.last_status = 'ok' AND t.loaded_at IS NOT NULL AND NOT t.full_due
     AND t.read_whole_at > now() - sambapos._night_began(place)
     AND NOT EXISTS (SELECT FROM sambapos.run AS r WHERE r.run_id = _signature_spare.run_id AND r.mode = 'full');
END;
$$;
COMMENT ON FUNCTION sambapos._signature_spare(bigint, sambapos._place) IS
  'Leaves out the masters whose signature is the one they were last read with';
