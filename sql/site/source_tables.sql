-- source_tables.sql: which tables a source has, and which of them SambaPOS knows.

CREATE FUNCTION sambapos._source_tables(server text) RETURNS text[]
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(array_agg(t.table_name ORDER BY t.table_name), '{}')
  FROM sambapos._query(server,
    'SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = ''dbo'' AND TABLE_TYPE = ''BASE TABLE''')
    AS t (table_name text);
$$;
COMMENT ON FUNCTION sambapos._source_tables(text) IS
  'The tables of schema dbo that the login at the source may see, in their own case';

-- A table of SambaPOS is known by its name, where the source has two that differ in case by the exact one.
CREATE FUNCTION sambapos._known_at_source(at_source text[])
RETURNS TABLE (present text, source_name text, table_name text, sets text[], kind text, parent text, parent_key text,
               date_column text, history boolean, never boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT DISTINCT ON (k.table_name) a, k.*
  FROM sambapos._known_tables() AS k
  LEFT JOIN unnest(at_source) AS a ON lower(a COLLATE "C") = lower(k.source_name COLLATE "C")
  ORDER BY k.table_name, a <> k.source_name, a COLLATE "C";
$$;
COMMENT ON FUNCTION sambapos._known_at_source(text[]) IS
  'The tables of SambaPOS, and what each is called at a source; present is NULL where it has none such';

-- A child is of no use without its root.
CREATE FUNCTION sambapos._wanted_at_source(site_id integer, at_source text[]) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  WITH known AS MATERIALIZED (
    SELECT k.table_name, k.parent FROM sambapos._known_at_source(at_source) AS k WHERE k.present IS NOT NULL
  )
  SELECT w.table_name FROM sambapos.wanted_table AS w JOIN known AS k USING (table_name)
  WHERE w.site_id = _wanted_at_source.site_id
    AND (k.parent IS NULL OR k.parent IN (SELECT r.table_name FROM known AS r))
  ORDER BY w.table_name;
$$;
COMMENT ON FUNCTION sambapos._wanted_at_source(integer, text[]) IS
  'The tables that a site was asked for in vain and that its source has now';
