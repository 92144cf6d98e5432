-- stage.sql: rows of a payload, each value in the type of its column, in a temporary table.
--
-- Rules:
-- * No value is left out, cut off or rounded: a row whose columns are not those that were told is refused, and so is a
--   value that the column of a table of the user's would change.
-- * A lazy column has two: the value, if it was fetched, and the hash of what the source has.

CREATE FUNCTION sambapos._follow_stage_drop(stage text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF to_regclass(format('pg_temp.%I', stage)) IS NOT NULL THEN
    EXECUTE format('DROP TABLE pg_temp.%I', stage);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_stage_drop(text) IS 'Drops a temporary table of ours, if it is there';

CREATE FUNCTION sambapos._follow_stage_open(p sambapos._follow_part) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._follow_stage_drop(p.stage);
  EXECUTE format('CREATE TEMPORARY TABLE %I (%s, sambapos__gone boolean NOT NULL) ON COMMIT DROP', p.stage,
    (SELECT string_agg(format('%I %s', c.name, c.type), ', ' ORDER BY c.i)
     FROM (SELECT u.* FROM unnest(p.columns, p.types) WITH ORDINALITY AS u (name, type, i)
           UNION ALL SELECT 'sambapos__sha_' || l.i, 'text', 10000 + l.i FROM generate_subscripts(p.lazy, 1) AS l (i)) AS c));
END;
$$;
COMMENT ON FUNCTION sambapos._follow_stage_open(sambapos._follow_part) IS 'Makes the temporary table for the rows of an entity';

-- bytea is sent as base64; what comes from elsewhere may have it as PostgreSQL writes it.
CREATE FUNCTION sambapos._follow_bytes(value text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN CASE WHEN starts_with(value, E'\\x') THEN value::bytea ELSE decode(value, 'base64') END;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_bytes(text) IS 'The bytes that a text of a payload stands for';

CREATE FUNCTION sambapos._follow_base(type oid) RETURNS oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  WITH RECURSIVE base AS (
    SELECT t.oid, t.typbasetype FROM pg_type AS t WHERE t.oid = type
    UNION ALL SELECT t.oid, t.typbasetype FROM base AS b JOIN pg_type AS t ON t.oid = b.typbasetype)
  SELECT b.oid FROM base AS b WHERE b.typbasetype = 0;
$$;
COMMENT ON FUNCTION sambapos._follow_base(oid) IS 'A type, or the one under a domain';

CREATE FUNCTION sambapos._follow_is_bytes(type text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN coalesce(sambapos._follow_base(to_regtype(type)) = 'bytea'::regtype, false); END; $$;
COMMENT ON FUNCTION sambapos._follow_is_bytes(text) IS 'Whether a type is bytea, or a domain over it';

-- A log has the bytes of a key as PostgreSQL writes them, a row as base64.
CREATE FUNCTION sambapos._follow_key_of(p sambapos._follow_part, data jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT jsonb_object_agg(c.name, CASE WHEN sambapos._follow_is_bytes(c.type) AND data ->> c.name IS NOT NULL
                                       THEN to_jsonb('\x' || encode(sambapos._follow_bytes(data ->> c.name), 'hex')) ELSE data -> c.name END)
  FROM unnest(p.columns, p.types) AS c (name, type) WHERE c.name = ANY (p.key);
$$;
COMMENT ON FUNCTION sambapos._follow_key_of(sambapos._follow_part, jsonb) IS 'The key in a row or in the name of a change, both written the same way';

CREATE FUNCTION sambapos._follow_values_sql(p sambapos._follow_part, OUT of_columns text, OUT as_record text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT string_agg(CASE WHEN c.name = ANY (p.lazy) THEN format('NULL::%s', c.type)
                         WHEN sambapos._follow_is_bytes(c.type) THEN format('sambapos._follow_bytes(s.data ->> %L)', c.name)
                         ELSE format('r.%I', c.name) END, ', ' ORDER BY c.i)
         || coalesce((SELECT string_agg(format(', s.data -> %L ->> ''sha256''', l.name), '' ORDER BY l.i)
                      FROM unnest(p.lazy) WITH ORDINALITY AS l (name, i)), ''),
         coalesce('CROSS JOIN LATERAL jsonb_to_record(s.data) AS r ('
                  || string_agg(format('%I %s', c.name, c.type), ', ' ORDER BY c.i)
                     FILTER (WHERE c.name <> ALL (p.lazy) AND NOT sambapos._follow_is_bytes(c.type)) || ')', '')
  FROM unnest(p.columns, p.types) WITH ORDINALITY AS c (name, type, i);
$$;
COMMENT ON FUNCTION sambapos._follow_values_sql(sambapos._follow_part) IS
  'SQL for the values of row s.data, and for the record r that has them';

-- Without an error are cut: what a length or precision does not hold; numbers of fewer digits than were sent, also in arrays and
-- rows; the time of a date, the date of a time, the zone of either; names that are too long.
CREATE FUNCTION sambapos._follow_loss_of(name text, type text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  base oid := sambapos._follow_base(to_regtype(type));
  t pg_type := (SELECT k FROM pg_type AS k WHERE k.oid = base);
  inner_oid oid := CASE WHEN t.typcategory = 'A' THEN sambapos._follow_base(t.typelem) ELSE base END;
  element pg_type := (SELECT k FROM pg_type AS k WHERE k.oid = inner_oid);
  told text := format('s.data ->> %L', name);
BEGIN
  IF t.typname IN ('date', 'timestamp') AND t.typnamespace = 'pg_catalog'::regnamespace THEN
    RETURN format('CASE WHEN s.data -> %2$L = to_jsonb(r.%1$I) THEN false WHEN %3$s ~ ''\d:\d.*([zZ]|[+-]\d[\d:]*)$'' THEN true '
                  'ELSE (%3$s)::timestamp IS DISTINCT FROM r.%1$I::timestamp END', name, name, told);
  ELSIF t.typname IN ('time', 'timetz') AND t.typnamespace = 'pg_catalog'::regnamespace THEN
    RETURN format('CASE WHEN s.data -> %2$L = to_jsonb(r.%1$I) THEN false WHEN %3$s !~ %4$L THEN true ELSE (%3$s)::%5$s IS DISTINCT FROM r.%1$I END', name, name, told,
                  '^\d+:\d+(:\d+(\.\d*)?)?' || CASE t.typname WHEN 'time' THEN '$' ELSE '([zZ]|[+-]\d[\d:]*)$' END, t.typname);
  ELSIF element.typname = 'timestamptz' AND element.typnamespace = 'pg_catalog'::regnamespace THEN
    RETURN format('r.%1$I IS DISTINCT FROM w.%1$I', name);
  ELSIF element.typcategory IN ('N', 'D') OR element.typtype = 'c' OR element.typname IN ('name', 'char') THEN
    RETURN format('s.data -> %2$L IS DISTINCT FROM coalesce(to_jsonb(r.%1$I), ''null'')', name, name);
  ELSIF format_type(base, -1) = type THEN
    RETURN NULL; -- it holds what the type holds
  ELSIF element.typnamespace = 'pg_catalog'::regnamespace AND element.typcategory IN ('S', 'T', 'V') THEN
    RETURN format('r.%1$I IS DISTINCT FROM w.%1$I', name);
  END IF;
  RETURN format('r.%1$I::text IS DISTINCT FROM w.%1$I::text', name);
END;
$$;
COMMENT ON FUNCTION sambapos._follow_loss_of(text, text) IS
  'SQL for: the value of a column in record r is not what s.data says; w is r without lengths and precisions; NULL: it cannot be';

-- In the types of the source a value arrives as it was. A column of the user's may be narrower.
CREATE FUNCTION sambapos._follow_loss_sql(p sambapos._follow_part, OUT is_lossy text, OUT as_record text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT string_agg('(' || l.loss || ')', ' OR '),
         'CROSS JOIN LATERAL jsonb_to_record(s.data) AS w ('
         || string_agg(format('%I %s', c.name, format_type(sambapos._follow_base(to_regtype(c.type)), -1)), ', ') || ')'
  FROM unnest(p.columns, p.types) AS c (name, type) CROSS JOIN LATERAL sambapos._follow_loss_of(c.name, c.type) AS l (loss)
  WHERE NOT p.is_made AND c.name <> ALL (p.lazy) AND NOT sambapos._follow_is_bytes(c.type) AND l.loss IS NOT NULL;
$$;
COMMENT ON FUNCTION sambapos._follow_loss_sql(sambapos._follow_part) IS
  'SQL for: a value of row r is not what s.data says, and for the record w that this needs; NULL: that cannot be';

CREATE FUNCTION sambapos._follow_stage_rows(p sambapos._follow_part, rows jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  v record := sambapos._follow_values_sql(p);
  w record := sambapos._follow_loss_sql(p);
  misfit boolean;
  lossy boolean;
BEGIN
  IF rows = '[]' THEN
    RETURN;
  END IF;
  SELECT bool_or(d.data IS NULL OR jsonb_typeof(d.data) <> 'object'
                 OR NOT (d.data ?& p.columns AND (SELECT count(*) FROM jsonb_object_keys(d.data)) = cardinality(p.columns)))
    INTO misfit FROM jsonb_array_elements(rows) AS d (data);
  IF misfit THEN
    PERFORM sambapos._follow_refuse(format('rows of entity "%s" do not have the columns that were expected', p.entity),
                                    'The columns are: ' || array_to_string(p.columns, ', ') || '.', '22023');
  END IF;
  EXECUTE format('INSERT INTO pg_temp.%I SELECT %s, false FROM jsonb_array_elements($1) AS s (data) %s', p.stage, v.of_columns, v.as_record) USING rows;
  IF w.is_lossy IS NOT NULL THEN
    EXECUTE format('SELECT coalesce(bool_or(%s), false) FROM jsonb_array_elements($1) AS s (data) %s %s', w.is_lossy, v.as_record, w.as_record)
      INTO lossy USING rows;
    IF lossy THEN
      PERFORM sambapos._follow_refuse(format('a value of entity "%s" would be rounded or cut off by the columns of its table', p.entity),
                                      'Give the columns of the table the types of the source.', '22000');
    END IF;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_stage_rows(sambapos._follow_part, jsonb) IS
  'Stages rows, an array of objects. Raises 22023 where columns are others than expected, 22000 where a value would change';

CREATE FUNCTION sambapos._follow_stage_gone(p sambapos._follow_part, keys jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF keys = '[]' THEN
    RETURN;
  END IF;
  EXECUTE (SELECT format('INSERT INTO pg_temp.%I (%s, sambapos__gone) SELECT %s, true FROM jsonb_array_elements($1) AS s (data) '
                         'CROSS JOIN LATERAL jsonb_to_record(s.data) AS r (%s)', p.stage,
                         string_agg(quote_ident(c.name), ', ' ORDER BY c.i), string_agg('r.' || quote_ident(c.name), ', ' ORDER BY c.i),
                         string_agg(format('%I %s', c.name, c.type), ', ' ORDER BY c.i))
           FROM unnest(p.columns, p.types) WITH ORDINALITY AS c (name, type, i) WHERE c.name = ANY (p.key)) USING keys;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_stage_gone(sambapos._follow_part, jsonb) IS 'Stages keys of rows that are gone, an array of objects';

-- One change a key. What a delta calls a row is the key's value, or an object.
CREATE FUNCTION sambapos._follow_stage_changes(p sambapos._follow_part, changes jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  rows jsonb;
  keys jsonb;
  misnamed boolean;
BEGIN
  SELECT coalesce(jsonb_agg(c.change -> 'data') FILTER (WHERE c.change ->> 'operation' <> 'DELETE'), '[]'),
         coalesce(jsonb_agg(c.key) FILTER (WHERE c.change ->> 'operation' = 'DELETE'), '[]'),
         bool_or(NOT c.key ?& p.key OR (SELECT count(*) FROM jsonb_object_keys(c.key)) <> cardinality(p.key)
                 OR c.change ->> 'operation' NOT IN ('INSERT', 'UPDATE', 'DELETE')
                 OR c.change ->> 'operation' <> 'DELETE' AND (jsonb_typeof(c.change -> 'data') IS DISTINCT FROM 'object'
                                                              OR sambapos._follow_key_of(p, c.change -> 'data') <> sambapos._follow_key_of(p, c.key)))
    INTO rows, keys, misnamed
  FROM (SELECT e.change, CASE WHEN jsonb_typeof(e.change -> 'entityId') = 'object' AND cardinality(p.key) > 1 THEN e.change -> 'entityId'
                              ELSE jsonb_build_object(p.key[1], e.change -> 'entityId') END AS key
        FROM jsonb_array_elements(changes) AS e (change) WHERE e.change ->> 'entityType' = p.entity) AS c;
  IF misnamed THEN
    PERFORM sambapos._follow_refuse(format('changes of entity "%s" are not named by its key (%s), or have another operation than INSERT, UPDATE, DELETE',
                                           p.entity, array_to_string(p.key, ', ')), NULL, '22023');
  END IF;
  keys := (SELECT coalesce(jsonb_agg(sambapos._follow_key_of(p, k.key)), '[]') FROM jsonb_array_elements(keys) AS k (key));
  PERFORM sambapos._follow_stage_gone(p, keys);
  PERFORM sambapos._follow_stage_rows(p, rows);
END;
$$;
COMMENT ON FUNCTION sambapos._follow_stage_changes(sambapos._follow_part, jsonb) IS 'Stages the changes of an entity out of those of a delta';
