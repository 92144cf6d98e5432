-- condition.sql: an expression over the rows of an entity, asked of some of them.
--
-- Rules:
-- * It is parsed when it is given, and evaluated with the rights of the relation's owner, who alone can give it. What a
--   former owner has given would be code of that role with the rights of the present one: it is not so much as parsed.

CREATE FUNCTION sambapos._condition_sql(e sambapos.feed_entity, condition text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  shape regclass := sambapos._feed_shape_open(e);
  wanted record;
BEGIN
  wanted := sambapos._feed_key_columns(e, shape, 'k.key');
  PERFORM sambapos._feed_shape_close();
  RETURN 'SELECT k.key, NULL::text, NULL::jsonb FROM '
         || sambapos._feed_keys_sql(e, wanted.is_equal, format(E'true%s AND (%s\n)', sambapos._feed_rows_meant(e), condition));
END;
$$;
COMMENT ON FUNCTION sambapos._condition_sql(sambapos.feed_entity, text) IS
  'SQL that reads for which of keys $1 a condition on row r holds';

CREATE FUNCTION sambapos._condition_keys(e sambapos.feed_entity, query text, keys jsonb[]) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF sambapos._feed_owner(e) IS DISTINCT FROM e.owner_name THEN
    RAISE EXCEPTION '%', sambapos._feed_owner_words(e, e.owner_name) USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = 'The next tick of the feed looks at it.';
  ELSIF query IS NULL THEN
    RAISE EXCEPTION 'the condition was given under another owner of the relation' USING
      ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Its present owner adds it again.';
  END IF;
  RETURN QUERY SELECT r.key FROM sambapos._query_as_owner(e.schema_name, e.relation_name, query, keys, NULL, NULL, NULL) AS r;
END;
$$;
COMMENT ON FUNCTION sambapos._condition_keys(sambapos.feed_entity, text, jsonb[]) IS
  'Those of the keys for which a condition, as such a query, holds; raises 55000 for one that another owner has given';

-- A change of a column that is not sent is entered nowhere: a condition on one would never be asked again. Of a replica table
-- each row that is written is entered, whatever has changed in it. A condition on the row as a whole cannot be looked into.
CREATE FUNCTION sambapos._condition_check_columns(e sambapos.feed_entity, condition text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF e.capture IN ('statement', 'row', 'compare') AND condition IS NOT NULL THEN
    PERFORM sambapos._condition_keys(e, format(
      E'SELECT k.key, NULL::text, NULL::jsonb FROM unnest($1) AS k (key), (SELECT %s FROM %s AS r) AS r WHERE (%s\n)',
      (SELECT string_agg(format('r.%I', n), ', ') FROM unnest(e.columns) AS n), sambapos._feed_source_sql(e), condition), '{}');
  END IF;
EXCEPTION
  WHEN undefined_column THEN
    RAISE EXCEPTION 'a condition can be on columns that are sent only' USING ERRCODE = 'undefined_column', DETAIL = SQLERRM,
      HINT = format('The columns of entity "%s" are: %s.', e.entity, array_to_string(e.columns, ', '));
  WHEN undefined_function THEN
    RETURN;
END;
$$;
COMMENT ON FUNCTION sambapos._condition_check_columns(sambapos.feed_entity, text) IS
  'Raises 42703 for a condition on a column that is not sent, or not there';
