-- compatibility.sql: SambaPOS's own names over the replica, so that queries written for the till run here.
--
-- Rules:
-- * The schema is the caller's, and so are the views. What others made there is refused; a view of ours is known by its
--   comment (site/counted.sql), so that it goes and comes again where a column of its table becomes wider.

CREATE FUNCTION sambapos._compatibility_check(schema text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF schema IS NULL OR schema = '' OR length(schema::bytea) > 63 THEN
    RAISE EXCEPTION 'invalid schema name "%"', coalesce(schema, 'NULL') USING ERRCODE = 'invalid_name',
      HINT = 'A name of 1 to 63 bytes, for example "pos".';
  ELSIF schema ~ '^(pg_|information_schema$|public$|sambapos)' THEN
    RAISE EXCEPTION 'schema "%" is not for this', schema USING ERRCODE = 'reserved_name',
      HINT = 'Choose a name for a schema of your own, for example "pos".';
  ELSIF EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = schema AND NOT pg_has_role(n.nspowner, 'USAGE')) THEN
    RAISE EXCEPTION 'schema "%" belongs to another role', schema USING ERRCODE = 'insufficient_privilege',
      HINT = 'Choose a schema of your own.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._compatibility_check(text) IS 'Raises what keeps a schema from taking views of ours';

CREATE FUNCTION sambapos._compatibility_view(place sambapos._place, t sambapos._table, schema name, states text[])
RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass := sambapos._replica_table(t.table_name::name);
  taken pg_class := (SELECT c FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                     WHERE n.nspname = schema AND c.relname = t.source_name);
  list text;
BEGIN
  IF taken.oid IS NOT NULL AND (taken.relkind <> 'v' OR NOT pg_has_role(taken.relowner, 'USAGE')
                                OR obj_description(taken.oid, 'pg_class')
                                   IS DISTINCT FROM sambapos._compatibility_comment(place.name)) THEN
    RETURN 'refused: there is another relation of that name';
  END IF;
  SELECT string_agg(format('t.%I AS %I', a.attname, k.source_name), ', ' ORDER BY a.attnum) INTO list
  FROM sambapos.replica_column AS k
  JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = sambapos._replica_column(k.live_name::name)
    AND NOT a.attisdropped
  WHERE k.table_name = t.table_name;
  IF list IS NULL THEN
    RETURN 'left out: it was never copied';
  END IF;
  IF taken.oid IS NOT NULL THEN
    EXECUTE format('DROP VIEW %I.%I', schema, t.source_name);
  END IF;
  EXECUTE format('CREATE VIEW %I.%I WITH (security_invoker = true) AS -- runtime
                  SELECT %s FROM %s AS t WHERE t.site_id = %s AND t.row_state = ANY (%L)',
                 schema, t.source_name, list, relation, place.site_id, states);
  EXECUTE format('COMMENT ON VIEW %I.%I IS %L', schema, t.source_name, sambapos._compatibility_comment(place.name));
  RETURN CASE WHEN taken.oid IS NULL THEN 'made' ELSE 'made anew' END;
END;
$$;
COMMENT ON FUNCTION sambapos._compatibility_view(sambapos._place, sambapos._table, name, text[]) IS
  'Makes the view of one table under SambaPOS''s names, or says why not';

CREATE FUNCTION @extschema@.sambapos_create_compatibility_schema(site text, schema text, rows text DEFAULT 'live')
RETURNS SETOF sambapos.table_action
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place := sambapos._site(site);
  states text[] := CASE rows WHEN 'live' THEN '{live}' WHEN 'history' THEN '{live,cleared,superseded}' END;
  t sambapos._table;
BEGIN
  PERFORM sambapos._compatibility_check(schema);
  IF states IS NULL THEN
    RAISE EXCEPTION 'invalid rows: "%"', coalesce(rows, 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Valid: live, what the till has now; history, also what is gone with a clear.';
  END IF;
  IF to_regnamespace(quote_ident(schema)) IS NULL THEN
    EXECUTE format('CREATE SCHEMA %I', schema);
  END IF;
  IF NOT EXISTS (SELECT FROM sambapos._table AS k WHERE k.site_id = place.site_id AND k.loaded_at IS NOT NULL) THEN
    RAISE WARNING 'site "%" was never synced, so the views have no rows', place.name USING
      HINT = 'They read the replica alone: SELECT * FROM sambapos_sync(); fills it.';
  END IF;
  FOR t IN SELECT k.* FROM sambapos._table AS k WHERE k.site_id = place.site_id ORDER BY k.source_name LOOP
    RETURN NEXT (t.source_name, sambapos._compatibility_view(place, t, schema, states))::sambapos.table_action;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_create_compatibility_schema(text, text, text) IS
  'Makes views with SambaPOS''s own names, such as "Tickets"."TotalAmount", over the replica of a site, in a schema of '
  'the caller''s, so that queries written for the till run here. rows: live, what the till has now; history, also what '
  'is gone with a clear: then an Id can be there once in each epoch. Run again it makes them anew, with columns that '
  'came since. Returns a row for each table: made, made anew, left out or refused, with the reason. Errors: 42704 no '
  'such site, 42602 or 42939 the schema''s name, 42501 another role''s schema, 22023 rows, 2BP01 something depends on '
  'one of the views';
