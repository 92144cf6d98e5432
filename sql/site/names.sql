-- names.sql: the local names of source tables and of their columns.
--
-- Rules:
-- * The source's name in snake_case, as IMPORT FOREIGN SCHEMA writes it. Where it is another's already, it gets a
--   number; of tables that are added in one call one with an underscore at the source comes last. Once given, a name
--   stays.
-- * One source table is one replica table at all sites, if keys and types agree; a shop's own table whose do not is
--   kept apart under the next name. A table of SambaPOS has its own name or none.
-- * Never given to a shop's own table: the names of SambaPOS tables, of their history tables, of sets, and what another
--   relation of schema sambapos_replica has, an index too.

-- The rule of IMPORT FOREIGN SCHEMA: names stay apart also in programs that make camelCase of them.
CREATE FUNCTION sambapos._name_form(local_name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT regexp_replace(regexp_replace(ltrim(local_name, '_'), '_+([^a-z_]|$)', '\1', 'g'), '_+', '_', 'g'); $$;
COMMENT ON FUNCTION sambapos._name_form(text) IS
  'What no two local names may have in common: what makes one camelCase name';

CREATE FUNCTION sambapos._name_natural(source_name text) RETURNS name
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT sambapos._name_fit(sambapos._snake(source_name)); $$;
COMMENT ON FUNCTION sambapos._name_natural(text) IS 'The local name of a source table if nothing else has it';

CREATE FUNCTION sambapos._name_is_reserved(local_name name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (
    SELECT FROM sambapos._known_tables() AS k
    WHERE sambapos._name_form(local_name) IN (SELECT sambapos._name_form(n) FROM unnest(k.sets || k.table_name
            || (k.table_name || '_history')) AS n));
$$;
COMMENT ON FUNCTION sambapos._name_is_reserved(name) IS
  'True for names that no table of a shop''s own gets: of SambaPOS tables, their history tables, and sets';

-- The keys and types of a fresh live table against a replica table that is there.
CREATE FUNCTION sambapos._replica_shape_problem(live regclass, source_name text, replica regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  WITH here AS (
    SELECT sambapos._replica_column(c.column_name) AS name, sambapos._replica_type(c.type_name) AS type, c.is_key
    FROM sambapos._live_columns(live) AS c
    WHERE NOT sambapos._column_is_secret(_replica_shape_problem.source_name, c.source_name)
  ), there AS (
    SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type,
           coalesce(a.attnum = ANY (i.indkey), false) AND a.attname NOT IN ('site_id', 'epoch', 'root_id') AS is_key
    FROM pg_attribute AS a LEFT JOIN pg_index AS i ON i.indrelid = a.attrelid AND i.indisprimary
    WHERE a.attrelid = replica AND a.attnum > 0 AND NOT a.attisdropped
  ), keys AS (
    SELECT (SELECT string_agg(h.name, ', ' ORDER BY h.name) FROM here AS h WHERE h.is_key) AS here,
           (SELECT string_agg(t.name, ', ' ORDER BY t.name) FROM there AS t WHERE t.is_key) AS there
  )
  SELECT coalesce(
    (SELECT format('its key is (%s), that of table "%s" is (%s)', k.here, replica, k.there) FROM keys AS k
     WHERE k.here <> k.there),
    (SELECT format('its column "%s" is %s, that of table "%s" is %s', h.name, h.type, replica, t.type)
     FROM here AS h JOIN there AS t USING (name)
     WHERE h.type <> t.type AND NOT sambapos._type_holds(h.type, t.type) AND NOT sambapos._type_holds(t.type, h.type)
     ORDER BY h.name LIMIT 1));
$$;
COMMENT ON FUNCTION sambapos._replica_shape_problem(regclass, text, regclass) IS
  'Why a source table''s rows cannot be kept in a replica table that is there: another key or type; NULL: they can';

-- Others own the name: that is raised, whatever it would be used for.
CREATE FUNCTION sambapos._name_problem(place sambapos._place, source_name text, local_name name, fresh regclass)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  replica regclass := to_regclass(format('sambapos_replica.%I', local_name));
  live    regclass := sambapos._live_named(place, local_name);
  other   text;
BEGIN
  SELECT n.source_name INTO other FROM sambapos.replica_name AS n
  WHERE sambapos._name_form(n.table_name) = sambapos._name_form(local_name)
    AND (n.table_name <> local_name OR lower(n.source_name COLLATE "C") <> lower(_name_problem.source_name COLLATE "C"))
  UNION ALL
  SELECT t.source_name FROM sambapos.replicated_table AS t
  WHERE t.site_id = place.site_id AND t.table_name = local_name AND t.source_name <> _name_problem.source_name;
  IF other IS NOT NULL THEN
    RETURN format('table "sambapos_replica.%s" is that of source table "%s"', local_name, other);
  ELSIF replica IS NOT NULL AND sambapos._replica_kind(local_name) IS DISTINCT FROM 'replica' THEN
    PERFORM sambapos._problem_raise(sambapos._replica_problem(local_name)) FROM pg_class AS c
     WHERE c.oid = replica AND c.relkind NOT IN ('i', 'I') AND NOT sambapos._role_is_trusted(c.relowner);
    RETURN format('"sambapos_replica.%s" is not a replica table', local_name);
  ELSIF live IS NOT NULL AND live IS DISTINCT FROM sambapos._live_find(sambapos._live_schema(place.name),
                                                                       source_name) THEN
    PERFORM sambapos._problem_raise(sambapos._live_problem(place, local_name));
    RETURN format('"%s" is not the foreign table of source table "%s"', live, source_name);
  END IF;
  RETURN sambapos._replica_shape_problem(fresh, source_name, replica);
END;
$$;
COMMENT ON FUNCTION sambapos._name_problem(sambapos._place, text, name, regclass) IS
  'Why a source table cannot have a local name; NULL: it can. Raises 55000 if the name is of another role';

-- In this order: the name that the table has at another site or had here, the natural one, numbers.
CREATE FUNCTION sambapos._name_choose(place sambapos._place, source_name text, fresh regclass, at_source text[])
RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  natural_name name := sambapos._name_natural(source_name);
  candidate name;
  number integer := 2;
BEGIN
  FOR candidate IN
    SELECT n.table_name FROM sambapos.replica_name AS n
    WHERE lower(n.source_name COLLATE "C") = lower(_name_choose.source_name COLLATE "C")
    ORDER BY n.source_name <> _name_choose.source_name, length(n.table_name), n.table_name
  LOOP
    IF sambapos._name_problem(place, source_name, candidate, fresh) IS NULL THEN
      RETURN candidate;
    END IF;
  END LOOP;
  IF NOT sambapos._name_is_reserved(natural_name)
     AND sambapos._name_problem(place, source_name, natural_name, fresh) IS NULL THEN
    RETURN natural_name;
  END IF;
  LOOP
    candidate := sambapos._name_fit(natural_name || '_' || number);
    EXIT WHEN NOT sambapos._name_is_reserved(candidate)
      AND NOT EXISTS (SELECT FROM unnest(at_source) AS o
                      WHERE sambapos._name_form(sambapos._name_natural(o)) = sambapos._name_form(candidate))
      AND sambapos._name_problem(place, source_name, candidate, fresh) IS NULL;
    number := number + 1;
  END LOOP;
  RETURN candidate;
END;
$$;
COMMENT ON FUNCTION sambapos._name_choose(sambapos._place, text, regclass, text[]) IS
  'The local name of a shop''s own table';

CREATE FUNCTION sambapos._name_give(local_name name, source_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  INSERT INTO sambapos.replica_name (table_name, source_name) VALUES (local_name, source_name) ON CONFLICT DO NOTHING;
  PERFORM FROM sambapos.replica_name AS n
   WHERE n.table_name = local_name AND lower(n.source_name COLLATE "C") = lower(_name_give.source_name COLLATE "C");
  IF NOT FOUND THEN
    RAISE EXCEPTION 'another session has just given the name "%" to another table', local_name
      USING ERRCODE = 'serialization_failure', HINT = 'Try again.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._name_give(name, text) IS 'Remembers which source table a local name means';

-- A new column can have the name that another one was given before it came: what has a name keeps it.
CREATE FUNCTION sambapos._live_free_column(live regclass, column_name name) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  candidate name := column_name;
  number integer := 2;
BEGIN
  WHILE EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = live AND NOT a.attisdropped
                  AND sambapos._name_form(a.attname) = sambapos._name_form(candidate)) LOOP
    candidate := sambapos._name_fit(column_name || '_' || number);
    number := number + 1;
  END LOOP;
  RETURN candidate;
END;
$$;
COMMENT ON FUNCTION sambapos._live_free_column(regclass, name) IS
  'A name for a new column of a live table that no other column has: the given one, or with a number';

CREATE FUNCTION sambapos._column_name_given(table_name name, source_name text) RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT c.live_name::name FROM sambapos.replica_column AS c
  WHERE c.table_name = _column_name_given.table_name
    AND lower(c.source_name COLLATE "C") = lower(_column_name_given.source_name COLLATE "C")
  ORDER BY c.source_name <> _column_name_given.source_name, c.source_name COLLATE "C" LIMIT 1;
$$;
COMMENT ON FUNCTION sambapos._column_name_given(name, text) IS
  'The name that a source column has in live tables already; NULL if it is new';

CREATE FUNCTION sambapos._column_name_new(table_name name, live regclass, source_name text, imported_name name)
RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT sambapos._live_free_column(live,
                                     coalesce(sambapos._column_name_given(table_name, source_name), imported_name)); $$;
COMMENT ON FUNCTION sambapos._column_name_new(name, regclass, text, name) IS
  'What a column that a live table gets is called: as it was called before, or as it was imported, if that is free';

-- Only where an import would call columns otherwise than they are called already. By way of names nobody has, since two
-- can have changed places.
CREATE FUNCTION sambapos._live_keep_columns(live regclass, table_name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c record;
  renamed record;
BEGIN
  FOR renamed IN
    WITH l AS (
      SELECT k.column_name, k.ordinal, k.source_name,
             sambapos._column_name_given(_live_keep_columns.table_name, k.source_name) AS given
      FROM sambapos._live_columns(live) AS k
    ), moves AS (
      SELECT l.*, EXISTS (SELECT FROM l AS o WHERE o.given = l.column_name AND o.ordinal <> l.ordinal) AS is_in_the_way
      FROM l
    )
    SELECT array_agg(m.column_name ORDER BY m.given IS NULL, m.ordinal) AS names,
           array_agg(m.ordinal ORDER BY m.given IS NULL, m.ordinal) AS ordinals
    FROM moves AS m WHERE m.given <> m.column_name OR (m.given IS NULL AND m.is_in_the_way)
  LOOP
    FOR c IN SELECT * FROM unnest(renamed.names, renamed.ordinals) AS u (name, ordinal) LOOP
      EXECUTE format('ALTER FOREIGN TABLE %s RENAME COLUMN %I TO %I', live, c.name, 'sambapos_moving_' || c.ordinal);
    END LOOP;
    FOR c IN
      SELECT u.name, u.ordinal, k.source_name
      FROM unnest(renamed.names, renamed.ordinals) WITH ORDINALITY AS u (name, ordinal, rank)
      JOIN sambapos._live_columns(live) AS k USING (ordinal) ORDER BY u.rank
    LOOP
      EXECUTE format('ALTER FOREIGN TABLE %s RENAME COLUMN %I TO %I', live, 'sambapos_moving_' || c.ordinal,
                     sambapos._column_name_new(table_name, live, c.source_name, c.name));
    END LOOP;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._live_keep_columns(regclass, name) IS
  'Gives the columns of a freshly imported table the names that they have already, here or at another site';
