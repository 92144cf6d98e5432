-- merge.sql: staged rows into their table, by comparison: what is as it was is not written, and readers see all of it
-- or nothing.
--
-- Rules:
-- * Rows are compared as they are stored, byte by byte: no hash, and no equality of a type by which two values that are
--   shown differently are the same.
-- * First what is gone, then rows that change a value which only one may have, then the others, then what is new.

CREATE FUNCTION sambapos._follow_key_sql(p sambapos._follow_part, relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT string_agg(format('t.%1$I %2$s n.%1$I', a.attname, sambapos._feed_operator(a.atttypid, 3)), ' AND ' ORDER BY a.attnum)
  FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = ANY (p.key) AND NOT a.attisdropped;
$$;
COMMENT ON FUNCTION sambapos._follow_key_sql(sambapos._follow_part, regclass) IS 'SQL for: row t of the table is staged row n';

CREATE FUNCTION sambapos._follow_sha_sql(relation regclass, column_name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('(%s ->> ''sha256'')', sambapos._feed_lazy_sql('t', column_name, sambapos._follow_base(a.atttypid)))
  FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = column_name AND NOT a.attisdropped;
$$;
COMMENT ON FUNCTION sambapos._follow_sha_sql(regclass, text) IS 'SQL for the hash of a value of row t, as a feed has it';

CREATE FUNCTION sambapos._follow_differs_sql(columns text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(format('(ROW(%s)::record OPERATOR(pg_catalog.*<>) ROW(%s)::record)',
                         string_agg('t.' || quote_ident(c), ', ' ORDER BY i), string_agg('n.' || quote_ident(c), ', ' ORDER BY i)), 'false')
  FROM unnest(columns) WITH ORDINALITY AS u (c, i);
$$;
COMMENT ON FUNCTION sambapos._follow_differs_sql(text[]) IS 'SQL for: rows t and n differ in these columns, however little';

-- A value that was not fetched since it is here already stays; one whose value nobody has fetched becomes NULL.
CREATE FUNCTION sambapos._follow_change_sql(p sambapos._follow_part, relation regclass, OUT differs text, OUT assigned text,
                                            OUT is_moved text, OUT carried text, OUT carried_values text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  WITH c AS (
    SELECT a.attname::text AS name, a.attnum, a.attname = ANY (p.columns) AS is_sent, l.i AS lazy_no,
           a.attidentity = 'a' AS is_identity,
           CASE WHEN l.i IS NOT NULL
                THEN format('CASE WHEN n.%I = %s THEN t.%3$I ELSE n.%3$I END', 'sambapos__sha_' || l.i, sambapos._follow_sha_sql(relation, a.attname), a.attname)
                WHEN a.attname = ANY (p.columns) THEN format('n.%I', a.attname) ELSE format('t.%I', a.attname) END AS value
    FROM pg_attribute AS a LEFT JOIN unnest(p.lazy) WITH ORDINALITY AS l (name, i) ON l.name = a.attname
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')
  SELECT concat_ws(' OR ', sambapos._follow_differs_sql(array_agg(c.name ORDER BY c.attnum) FILTER (WHERE c.is_sent AND c.lazy_no IS NULL)),
                   string_agg(format('n.%I IS DISTINCT FROM %s', 'sambapos__sha_' || c.lazy_no, sambapos._follow_sha_sql(relation, c.name)), ' OR ')
                     FILTER (WHERE c.lazy_no IS NOT NULL)),
         string_agg(format('%I = %s', c.name, c.value), ', ' ORDER BY c.attnum) FILTER (WHERE c.is_sent AND NOT c.is_identity),
         (SELECT CASE WHEN bool_or(0 = ANY (u.indkey::int2[]) OR u.indpred IS NOT NULL) THEN 'true'
                      ELSE sambapos._follow_differs_sql(ARRAY(SELECT k.name FROM c AS k WHERE k.is_sent AND k.lazy_no IS NULL AND EXISTS (
                             SELECT FROM sambapos._follow_other_unique(relation, p.key) AS x WHERE k.attnum = ANY (x.indkey::int2[])))) END
          FROM sambapos._follow_other_unique(relation, p.key) AS u HAVING count(*) > 0),
         string_agg(quote_ident(c.name), ', ' ORDER BY c.attnum), string_agg(c.value, ', ' ORDER BY c.attnum)
  FROM c;
$$;
COMMENT ON FUNCTION sambapos._follow_change_sql(sambapos._follow_part, regclass) IS
  'SQL for: staged row n differs from row t; what t becomes; it changes a value that only one row may have (NULL: there is '
  'no such column); all columns and values of the row as it becomes';

-- The order makes the DELETE come to its end before the INSERT begins.
CREATE FUNCTION sambapos._follow_merge_moved(p sambapos._follow_part, relation regclass) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c record := sambapos._follow_change_sql(p, relation);
  moved bigint;
BEGIN
  EXECUTE format(
    'WITH t AS (DELETE FROM %1$s AS t USING pg_temp.%2$I AS n WHERE NOT n.sambapos__gone AND %3$s AND (%4$s) AND (%5$s) RETURNING t.*) '
    'INSERT INTO %1$s (%6$s) OVERRIDING SYSTEM VALUE '
    'SELECT %7$s FROM (SELECT * FROM t ORDER BY %8$s) AS t JOIN pg_temp.%2$I AS n ON %3$s WHERE NOT n.sambapos__gone ORDER BY %9$s',
    relation, p.stage, sambapos._follow_key_sql(p, relation), c.differs, c.is_moved, c.carried, c.carried_values,
    quote_ident(p.key[1]), 't.' || quote_ident(p.key[1]));
  GET DIAGNOSTICS moved = ROW_COUNT;
  RETURN moved;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_merge_moved(sambapos._follow_part, regclass) IS
  'Deletes and inserts again the rows that change a value which only one row may have; columns that are not sent keep theirs';

CREATE FUNCTION sambapos._follow_merge(p sambapos._follow_part, relation regclass, OUT inserted bigint, OUT updated bigint, OUT deleted bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c record := sambapos._follow_change_sql(p, relation);
  its_key text := sambapos._follow_key_sql(p, relation);
  sent text := (SELECT string_agg(quote_ident(n), ', ' ORDER BY i) FROM unnest(p.columns) WITH ORDINALITY AS u (n, i));
  rows bigint;
BEGIN
  EXECUTE format('ANALYZE pg_temp.%I', p.stage);
  EXECUTE format(CASE WHEN p.is_full THEN 'DELETE FROM %1$s AS t WHERE NOT EXISTS (SELECT FROM pg_temp.%2$I AS n WHERE %3$s)'
                 ELSE 'DELETE FROM %1$s AS t USING pg_temp.%2$I AS n WHERE n.sambapos__gone AND %3$s' END, relation, p.stage, its_key);
  GET DIAGNOSTICS deleted = ROW_COUNT;
  updated := CASE WHEN c.is_moved IS NOT NULL THEN sambapos._follow_merge_moved(p, relation) ELSE 0 END;
  IF c.assigned IS NOT NULL THEN
    EXECUTE format('UPDATE %s AS t SET %s FROM pg_temp.%I AS n WHERE NOT n.sambapos__gone AND %s AND (%s)', relation, c.assigned, p.stage, its_key, c.differs);
    GET DIAGNOSTICS rows = ROW_COUNT;
    updated := updated + rows;
  END IF;
  EXECUTE format('INSERT INTO %1$s (%4$s) OVERRIDING SYSTEM VALUE SELECT %4$s FROM pg_temp.%2$I AS n '
                 'WHERE NOT n.sambapos__gone AND NOT EXISTS (SELECT FROM %1$s AS t WHERE %3$s)', relation, p.stage, its_key, sent);
  GET DIAGNOSTICS inserted = ROW_COUNT;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_merge(sambapos._follow_part, regclass) IS
  'Writes what is staged into its table: what is gone, what differs, what is new';
