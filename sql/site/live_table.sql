-- live_table.sql: the live foreign tables of a site: imported by the source's name, kept under the replica's.
--
-- Rules:
-- * A table is known by its name at the source. What IMPORT FOREIGN SCHEMA would call it depends on what else is there.
-- * The import goes into a schema of its own first, under a name nobody can have taken: nothing of a site is
--   overwritten, and a name is given when the columns are known.

-- ANALYZE reads rows of the source, so a new table has none of its figures. What can be known without: a column named
-- after another table (TicketId and Ticket_Id after Tickets) has about as many values as that table has rows, and the
-- Id in a key of several columns is another in each row. Only the planner reads it; where a guess is wrong a plan is
-- slower, and ANALYZE goes before it.
CREATE FUNCTION sambapos._live_guess(fresh name, live name)
RETURNS TABLE (relation regclass, column_name name, distinct_values numeric)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  WITH known AS MATERIALIZED (
    SELECT c.oid, n.nspname = fresh AS is_fresh, o.source_name, o.row_count
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_foreign_table AS f ON f.ftrelid = c.oid
    CROSS JOIN LATERAL (
      SELECT max(x.option_value) FILTER (WHERE x.option_name = 'table_name') AS source_name,
             max(x.option_value) FILTER (WHERE x.option_name = 'estimated_rows')::numeric AS row_count
      FROM pg_options_to_table(f.ftoptions) AS x) AS o
    WHERE n.nspname IN (fresh, live) AND o.row_count > 0
  ), named AS MATERIALIZED (
    SELECT k.oid, k.row_count, a.attname, o.source_column, substring(o.source_column FROM '^(.+?)_?Id$') AS stem,
           o.is_key AND count(*) FILTER (WHERE o.is_key) OVER (PARTITION BY k.oid) > 1 AS is_part
    FROM known AS k JOIN pg_attribute AS a ON a.attrelid = k.oid
    CROSS JOIN LATERAL (
      SELECT max(x.option_value) FILTER (WHERE x.option_name = 'column_name') AS source_column,
             coalesce(bool_or(x.option_name = 'key'), false) AS is_key
      FROM pg_options_to_table(a.attfdwoptions) AS x) AS o
    WHERE k.is_fresh AND a.attnum > 0 AND NOT a.attisdropped
      AND a.atttypid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
  ), guess AS (
    SELECT n.oid, n.attname, least(n.row_count, r.row_count) AS distinct_values
    FROM named AS n
    CROSS JOIN LATERAL unnest(ARRAY[n.stem || 's', n.stem || 'es', regexp_replace(n.stem, 'y$', 'ies'), n.stem])
      AS c (candidate)
    JOIN known AS r ON r.source_name = c.candidate
    UNION ALL
    SELECT n.oid, n.attname, n.row_count FROM named AS n WHERE n.is_part AND n.source_column = 'Id'
  )
  SELECT g.oid::regclass, g.attname, max(g.distinct_values) FROM guess AS g GROUP BY g.oid, g.attname;
$$;
COMMENT ON FUNCTION sambapos._live_guess(name, name) IS
  'How many different values columns of freshly imported tables may have, by their names and by the row counts that '
  'the import has recorded';

CREATE FUNCTION sambapos._live_estimate(fresh name, live name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  guess record;
BEGIN
  FOR guess IN SELECT g.* FROM sambapos._live_guess(fresh, live) AS g LOOP
    EXECUTE format('ALTER FOREIGN TABLE %s ALTER COLUMN %I OPTIONS (ADD estimated_distinct %L)',
                   guess.relation, guess.column_name, guess.distinct_values);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._live_estimate(name, name) IS
  'Tells the planner what can be known of freshly imported tables without reading their rows';

CREATE FUNCTION sambapos._live_fresh(place sambapos._place, source_schema text, source_names text[]) RETURNS name
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  fresh name := 'sambapos_fresh_' || replace(gen_random_uuid()::text, '-', '');
BEGIN
  EXECUTE format('CREATE SCHEMA %I', fresh);
  IF source_names <> '{}' THEN
    -- cut as PostgreSQL would cut it, without its NOTICE; IMPORT FOREIGN SCHEMA takes that for the beginning of a name
    EXECUTE format('IMPORT FOREIGN SCHEMA %I LIMIT TO (%s) FROM SERVER %I INTO %I OPTIONS (name_case ''snake'')',
                   source_schema,
                   (SELECT string_agg(DISTINCT quote_ident(s::name), ', ') FROM unnest(source_names) AS s),
                   place.server, fresh);
    PERFORM sambapos._live_estimate(fresh, sambapos._live_schema(place.name));
  END IF;
  RETURN fresh;
END;
$$;
COMMENT ON FUNCTION sambapos._live_fresh(sambapos._place, text, text[]) IS
  'Imports tables, by their names at the source, into a new schema, with what the planner can know of them; returns '
  'its name';

CREATE FUNCTION sambapos._live_fresh_drop(fresh name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass;
BEGIN
  FOR relation IN SELECT c.oid FROM pg_class AS c
                  WHERE c.relnamespace = quote_ident(fresh)::regnamespace AND c.relkind = 'f' LOOP
    EXECUTE format('DROP FOREIGN TABLE %s', relation);
  END LOOP;
  EXECUTE format('DROP SCHEMA %I', fresh);
END;
$$;
COMMENT ON FUNCTION sambapos._live_fresh_drop(name) IS
  'Drops such a schema with the foreign tables that are left in it';

CREATE FUNCTION sambapos._live_find(schema_name name, source_name text) RETURNS regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT c.oid
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_foreign_table AS f ON f.ftrelid = c.oid
  CROSS JOIN LATERAL pg_options_to_table(f.ftoptions) AS o
  WHERE n.nspname = schema_name AND (o.option_name, o.option_value) = ('table_name', _live_find.source_name)
  ORDER BY c.oid LIMIT 1;
$$;
COMMENT ON FUNCTION sambapos._live_find(name, text) IS
  'The foreign table of a schema that stands for a source table; NULL if there is none';

CREATE FUNCTION sambapos._live_named(place sambapos._place, table_name name) RETURNS regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT to_regclass(format('%I.%I', sambapos._live_schema(place.name), table_name)); $$;
COMMENT ON FUNCTION sambapos._live_named(sambapos._place, name) IS
  'A site''s relation of that name in its live schema; NULL if there is none';

CREATE FUNCTION sambapos._live_schema_ensure(place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  live name := sambapos._live_schema(place.name);
BEGIN
  PERFORM sambapos._problem_raise(sambapos._schema_problem(live));
  IF to_regnamespace(quote_ident(live)) IS NULL THEN
    EXECUTE format('CREATE SCHEMA %I', live);
    EXECUTE format('COMMENT ON SCHEMA %I IS %L', live, 'Live foreign tables of SambaPOS site ' || place.name);
  END IF;
  PERFORM sambapos._schema_check_create(live);
END;
$$;
COMMENT ON FUNCTION sambapos._live_schema_ensure(sambapos._place) IS
  'Makes the live schema of a site; raises 55000 if others own it, 42501 if nothing can be made in it';

-- The name that a fresh table is to have may be that of another fresh one: so by way of a name nobody has.
CREATE FUNCTION sambapos._live_move(place sambapos._place, relation regclass, table_name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  live name := sambapos._live_schema(place.name);
  moving name := 'sambapos_moving_' || relation::oid;
BEGIN
  EXECUTE format('ALTER FOREIGN TABLE %s RENAME TO %I', relation, moving);
  EXECUTE format('ALTER FOREIGN TABLE %s SET SCHEMA %I', relation, live);
  EXECUTE format('ALTER FOREIGN TABLE %I.%I RENAME TO %I', live, moving, table_name);
END;
$$;
COMMENT ON FUNCTION sambapos._live_move(sambapos._place, regclass, name) IS
  'Moves a freshly imported table into the live schema of a site, under its name there';
