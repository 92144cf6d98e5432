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
