-- condition.sql: an expression over the rows of an entity, asked of some of them.
--
-- Rules:
-- * It is parsed when it is given, and evaluated with the rights of the relation's owner, who alone can give it.

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
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT r.key FROM sambapos._query_as_owner(e.schema_name, e.relation_name, _condition_keys.query, _condition_keys.keys, NULL, NULL,
                                             NULL) AS r;
$$;
COMMENT ON FUNCTION sambapos._condition_keys(sambapos.feed_entity, text, jsonb[]) IS
  'Those of the keys for which a condition, as such a query, holds';
