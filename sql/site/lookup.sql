-- lookup.sql: looking things up by the names people use.
--
-- Rules:
-- * Wherever tables are named: replica name, source name in any case, or the name of a set.

CREATE FUNCTION sambapos._site(site text) RETURNS sambapos._place
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  found_site sambapos._place;
BEGIN
  SELECT * INTO found_site FROM sambapos._place AS s WHERE s.name = _site.site AND s.removed_at IS NULL;
  IF found_site.site_id IS NULL THEN
    RAISE EXCEPTION 'there is no site named "%"', coalesce(site, 'NULL') USING
      ERRCODE = 'undefined_object',
      HINT = coalesce('The sites are: ' || (SELECT string_agg(s.name, ', ' ORDER BY s.name)
                                            FROM sambapos._place AS s WHERE s.removed_at IS NULL) || '.',
                      'There are no sites yet: add one with sambapos_add_site(site, server).');
  END IF;
  RETURN found_site;
END;
$$;
COMMENT ON FUNCTION sambapos._site(text) IS 'The site of that name; raises 42704 if there is none';

CREATE FUNCTION sambapos._live_schema(site text) RETURNS name
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN 'sambapos_live_' || site;
END;
$$;
COMMENT ON FUNCTION sambapos._live_schema(text) IS 'The schema of a site''s live foreign tables';

CREATE FUNCTION sambapos._tables_check_names(names text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF names = '{}' THEN
    RAISE EXCEPTION 'no tables are named' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Leave the argument out for all that are meant by default.';
  ELSIF EXISTS (SELECT FROM unnest(names) AS n WHERE coalesce(btrim(n), '') = '') THEN
    RAISE EXCEPTION 'the name of a table must not be NULL or empty' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give names of tables, or of the sets reporting, menu, stock and config.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._tables_check_names(text[]) IS
  'Raises 22023 for a list of tables that is empty, or has an empty name';

-- Wherever a user names tables: a set; exactly the source's name; the name here; one of these in another case, if that
-- is one table. The first of these that a name is, it means, and nothing else: twins are two tables.
CREATE FUNCTION sambapos._tables_replicated(site_id integer, names text[])
RETURNS SETOF sambapos._table
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    WITH hit AS (
      SELECT n.name, t.table_name, CASE
               WHEN n.name = ANY (k.sets) AND NOT k.never THEN 1
               WHEN n.name = t.source_name THEN 2
               WHEN n.name = t.table_name THEN 3
               WHEN lower(n.name COLLATE "C") IN (t.table_name, lower(t.source_name COLLATE "C")) THEN 4
               WHEN lower(n.name COLLATE "C") = ANY (k.sets) AND NOT k.never THEN 5 END AS rank
      FROM unnest(names) AS n (name)
      CROSS JOIN sambapos._table AS t
      LEFT JOIN sambapos._known_tables() AS k ON k.table_name = t.table_name
      WHERE t.site_id = _tables_replicated.site_id
    ), meant AS (
      SELECT h.table_name, h.rank, min(h.rank) OVER (PARTITION BY h.name) AS first_rank,
             count(*) FILTER (WHERE h.rank = 4) OVER (PARTITION BY h.name) AS namesakes
      FROM hit AS h WHERE h.rank IS NOT NULL
    )
    SELECT t.*
    FROM sambapos._table AS t
    WHERE t.site_id = _tables_replicated.site_id
      AND (names IS NULL OR t.table_name IN (SELECT m.table_name FROM meant AS m
                                             WHERE m.rank = m.first_rank AND (m.rank <> 4 OR m.namesakes = 1)));
END;
$$;
COMMENT ON FUNCTION sambapos._tables_replicated(integer, text[]) IS
  'A site''s copied tables that a list of names means; NULL: all';

-- The tables of a site that a name means; a name that means none is an error.
CREATE FUNCTION sambapos._site_tables(place sambapos._place, table_name text) RETURNS SETOF sambapos._table
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  names text[] := ARRAY(SELECT t.table_name::text FROM sambapos._table AS t
                        WHERE t.site_id = place.site_id ORDER BY 1);
BEGIN
  RETURN QUERY SELECT * FROM sambapos._tables_replicated(place.site_id, ARRAY[coalesce(_site_tables.table_name, '')]);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'site "%" has no table "%"', place.name, coalesce(_site_tables.table_name, 'NULL') USING
      ERRCODE = 'undefined_table',
      HINT = sambapos._name_hint(_site_tables.table_name, names)
             || coalesce('The tables are: ' || nullif(array_to_string(names, ', '), '') || '.',
                         'It has no tables yet: see sambapos_add_table.');
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._site_tables(sambapos._place, text) IS
  'The copied tables of a site that a table''s or set''s name means; raises 42P01 if there are none';

-- The columns of a live foreign table as IMPORT FOREIGN SCHEMA recorded them: the source's name and
-- type, and whether the column belongs to the key.
CREATE FUNCTION sambapos._live_columns(relation regclass)
RETURNS TABLE (column_name name, source_name text, type_name text, plain_type text, remote_type text, is_key boolean,
               ordinal smallint)
LANGUAGE c STRICT STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'sambapos_live_columns';
COMMENT ON FUNCTION sambapos._live_columns(regclass) IS
  'The columns of a live foreign table, with their names and types at the source; plain_type: type_name without lengths';

CREATE VIEW sambapos.personal_columns AS
SELECT s.name AS site, t.table_name, c.column_name::text AS column_name, coalesce(p.treatment, 'keep') AS treatment,
       coalesce(k.what, 'named by the DBA') AS what
FROM sambapos._place AS s
JOIN sambapos._table AS t USING (site_id)
JOIN LATERAL (SELECT k.column_name::name FROM sambapos._known_personal_columns() AS k WHERE k.table_name = t.table_name
              UNION
              SELECT p.column_name FROM sambapos.personal_treatment AS p
              WHERE (p.site_id, p.table_name) = (t.site_id, t.table_name)) AS c ON true
LEFT JOIN sambapos.personal_treatment AS p USING (site_id, table_name, column_name)
LEFT JOIN sambapos._known_personal_columns() AS k
       ON (k.table_name, k.column_name) = (t.table_name::text, c.column_name::text)
WHERE s.removed_at IS NULL;
COMMENT ON VIEW sambapos.personal_columns IS
  'Copied columns with personal data, and whether each is kept or read as NULL';
COMMENT ON COLUMN sambapos.personal_columns.treatment IS 'keep: the column is copied; null: it is read as NULL';
COMMENT ON COLUMN sambapos.personal_columns.what IS
  'What it holds; named by the DBA: only sambapos_configure has named it';
