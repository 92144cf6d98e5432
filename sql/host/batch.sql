-- batch.sql: the rows of a batch, as their table has them.
--
-- Rules:
-- * What is received is turned into values of the table's types with the rights of the table's owner, whose types they
--   may be.
-- * No value is cut or rounded: what comes back from its type is what was sent, else the batch is refused.
-- * No message holds a value: it names row and column.

CREATE TYPE sambapos._batch_row AS (n integer, key jsonb, scope text, data jsonb, input jsonb, stored jsonb, base bigint, is_deleted boolean,
                                     was jsonb, log jsonb);
COMMENT ON TYPE sambapos._batch_row IS
  'A row that was received: its number, its key, whose it is, what of it was sent as a feed sends it, the same as its table '
  'reads it, and what its types have made of it; the version that the host had, whether it is deleted; '
  'what was here when the log was asked, and what the log has of it';

CREATE TYPE sambapos._batch_column AS (name text, base oid, type text, is_generated boolean);
COMMENT ON TYPE sambapos._batch_column IS 'A column that a host may send; base: the type that a domain is over';

CREATE FUNCTION sambapos._batch_columns(e sambapos.feed_entity) RETURNS SETOF sambapos._batch_column
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  WITH RECURSIVE base AS (
    SELECT a.attname, a.atttypid AS type FROM pg_attribute AS a
    WHERE a.attrelid = sambapos._feed_relation(e) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT b.attname, t.typbasetype FROM base AS b JOIN pg_type AS t ON t.oid = b.type AND t.typtype = 'd')
  SELECT a.attname::text, b.type, format_type(a.atttypid, a.atttypmod), a.attgenerated <> ''
  FROM pg_attribute AS a
  JOIN base AS b ON b.attname = a.attname AND EXISTS (SELECT FROM pg_type AS t WHERE t.oid = b.type AND t.typtype <> 'd')
  WHERE a.attrelid = sambapos._feed_relation(e) AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY (e.columns || e.key)
  ORDER BY a.attnum;
$$;
COMMENT ON FUNCTION sambapos._batch_columns(sambapos.feed_entity) IS
  'The columns that a host may send of an entity: those that it is sent';

CREATE FUNCTION sambapos._batch_check(e sambapos.feed_entity, columns sambapos._batch_column[], given jsonb, n integer) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  names text[] := ARRAY(SELECT c.name FROM unnest(columns) AS c);
  unknown text[];
BEGIN
  IF jsonb_typeof(given) <> 'object' THEN
    RAISE EXCEPTION 'row % is no JSON object', n USING ERRCODE = 'invalid_parameter_value';
  END IF;
  unknown := ARRAY(SELECT k FROM jsonb_object_keys(given) AS k WHERE k <> ALL (names || '{_base,_deleted}'::text[]) ORDER BY 1);
  IF unknown <> '{}' THEN
    RAISE EXCEPTION 'row % has columns that entity "%" does not send: %', n, e.entity, array_to_string(unknown, ', ') USING
      ERRCODE = 'undefined_column', HINT = sambapos._name_hint(unknown[1], names) || 'The columns are: ' || array_to_string(names, ', ') || '.';
  ELSIF EXISTS (SELECT FROM unnest(e.key) AS k WHERE coalesce(given -> k, 'null') = 'null') THEN
    RAISE EXCEPTION 'row % has no key', n USING ERRCODE = 'not_null_violation', HINT = 'A key has: ' || array_to_string(e.key, ', ') || '.';
  ELSIF given ? '_deleted' AND given -> '_deleted' NOT IN ('true', 'false') THEN
    RAISE EXCEPTION '_deleted of row % is neither true nor false', n USING ERRCODE = 'invalid_parameter_value';
  ELSIF coalesce(given -> '_base', '0')::text !~ '^([0-9]{1,18}|null)$' THEN
    RAISE EXCEPTION '_base of row % is no version', n USING ERRCODE = 'invalid_parameter_value';
  ELSIF EXISTS (SELECT FROM unnest(e.lazy) AS l WHERE given -> l ? 'sha256') THEN
    RAISE EXCEPTION 'row % has size and hash in place of the value of a lazy column', n USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Send the value, or leave the column out.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._batch_check(sambapos.feed_entity, sambapos._batch_column[], jsonb, integer) IS 'Raises what is wrong with a row as such';

-- A generated column is computed here; bytea travels as base64.
CREATE FUNCTION sambapos._batch_input(columns sambapos._batch_column[], given jsonb, n integer) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT coalesce(jsonb_object_agg(c.name, CASE WHEN c.base = 'bytea'::regtype AND given ->> c.name IS NOT NULL
                                                        THEN to_jsonb('\x' || encode(decode(given ->> c.name, 'base64'), 'hex'))
                                                        ELSE given -> c.name END), '{}')
          FROM unnest(columns) AS c WHERE given ? c.name AND NOT c.is_generated);
EXCEPTION WHEN data_exception THEN
  RAISE EXCEPTION 'row % has a value of type bytea that is not base64', n USING ERRCODE = 'invalid_parameter_value';
END;
$$;
COMMENT ON FUNCTION sambapos._batch_input(sambapos._batch_column[], jsonb, integer) IS 'What a row has for its table, as that table reads JSON';

CREATE FUNCTION sambapos._batch_query(e sambapos.feed_entity, values_of text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format('SELECT %s, %s, %s FROM unnest($1) WITH ORDINALITY AS k (row, n) '
                'CROSS JOIN LATERAL jsonb_populate_record(NULL::%I.%I, k.row) AS r ORDER BY k.n',
                sambapos._feed_key_sql(e, 'r'), sambapos._feed_scope_sql(e, 'r'), values_of, e.schema_name, e.relation_name);
END;
$$;
COMMENT ON FUNCTION sambapos._batch_query(sambapos.feed_entity, text) IS 'SQL that turns rows $1 into values of an entity''s table';

-- Words as "now" and names of zones are no times; a type without a zone would drop one.
CREATE FUNCTION sambapos._batch_time_is_exact(g text, s text, base oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  day CONSTANT text := '\d{4,6}-\d\d-\d\d';
  clock CONSTANT text := '\d\d:\d\d(:\d\d(\.\d{1,6}0*)?)?';
  zone CONSTANT text := ' ?(z|[+-]\d\d(:?\d\d(:?\d\d)?)?)?';
BEGIN
  RETURN CASE base
    WHEN 'time'::regtype THEN g ~ ('^' || clock || '$') AND g::time = s::time
    WHEN 'timetz'::regtype THEN g ~* ('^' || clock || zone || '$') AND g::timetz = s::timetz
    WHEN 'timestamptz'::regtype THEN g ~* ('^' || day || '([t ]' || clock || zone || ')?( bc)?$') AND g::timestamptz = s::timestamptz
    ELSE g ~* ('^' || day || '([t ]' || clock || ')?( bc)?$') AND g::timestamp = s::timestamp END;
END;
$$;
COMMENT ON FUNCTION sambapos._batch_time_is_exact(text, text, oid) IS 'True if what a type has made of an ISO 8601 time is that time';

-- Of a type that is not named here the value is sent as its type writes it.
CREATE FUNCTION sambapos._batch_text_is_exact(g text, s text, base oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF base = 'bpchar'::regtype THEN
    RETURN rtrim(g, ' ') = rtrim(s, ' ');
  ELSIF base = ANY ('{int2,int4,int8,numeric,float4,float8,oid}'::regtype[]) THEN
    RETURN g::numeric = s::numeric;
  ELSIF base = 'money'::regtype THEN
    RETURN g = s OR g ~ '^-?\d+(\.\d+)?$' AND g::numeric = s::money::numeric;
  ELSIF base = ANY ('{timestamptz,timestamp,date,time,timetz}'::regtype[]) THEN
    RETURN sambapos._batch_time_is_exact(g, s, base);
  ELSIF base = 'interval'::regtype THEN
    RETURN g !~ '\.\d{6}\d*[1-9]' AND g::interval = s::interval;
  END IF;
  RETURN g = s OR base = ANY ('{bool,uuid,inet,cidr,macaddr,macaddr8,int4range,int8range,numrange}'::regtype[]); -- they lose nothing
EXCEPTION WHEN data_exception THEN
  RETURN false;
END;
$$;
COMMENT ON FUNCTION sambapos._batch_text_is_exact(text, text, oid) IS 'True if what a type has made of a text is that value';

CREATE FUNCTION sambapos._batch_is_exact(given jsonb, stored jsonb, type oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  t pg_type := (SELECT x FROM pg_type AS x WHERE x.oid = type);
BEGIN
  WHILE t.typtype = 'd' LOOP
    t := (SELECT x FROM pg_type AS x WHERE x.oid = t.typbasetype);
  END LOOP;
  IF given = stored OR t.oid IN ('json'::regtype, 'jsonb'::regtype) THEN
    RETURN true;
  ELSIF given #>> '{}' IS NULL OR stored #>> '{}' IS NULL THEN
    RETURN given #>> '{}' IS NULL AND stored #>> '{}' IS NULL;
  ELSIF jsonb_typeof(given) = 'array' AND jsonb_typeof(stored) = 'array' THEN -- one of more dimensions is of the same type
    RETURN jsonb_array_length(given) = jsonb_array_length(stored)
       AND NOT EXISTS (SELECT FROM jsonb_array_elements(given) WITH ORDINALITY AS g (v, n)
                       WHERE NOT sambapos._batch_is_exact(g.v, stored -> (g.n - 1)::integer,
                                                          CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE t.oid END));
  ELSIF t.typtype = 'c' AND jsonb_typeof(given) = 'object' AND jsonb_typeof(stored) = 'object' THEN
    RETURN NOT EXISTS (SELECT FROM jsonb_object_keys(given) AS k WHERE NOT stored ? k)
       AND NOT EXISTS (SELECT FROM pg_attribute AS a
                       WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
                         AND NOT sambapos._batch_is_exact(given -> a.attname::text, stored -> a.attname::text, a.atttypid));
  END IF;
  RETURN sambapos._batch_text_is_exact(given #>> '{}', stored #>> '{}', t.oid);
END;
$$;
COMMENT ON FUNCTION sambapos._batch_is_exact(jsonb, jsonb, oid) IS 'True if what a type has made of a value is that value';

CREATE FUNCTION sambapos._batch_refuse(n integer, c record, state text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RAISE EXCEPTION 'column "%" of row % has a value that type % cannot hold as it is', c.name, n, c.type USING
    ERRCODE = state, HINT = 'No value is cut or rounded. Send it as the column can have it.';
END;
$$;
COMMENT ON FUNCTION sambapos._batch_refuse(integer, record, text) IS 'Raises that a value does not fit';

-- Slow, and asked only when there is one.
CREATE FUNCTION sambapos._batch_find_fault(e sambapos.feed_entity, inputs jsonb[], state text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c record;
BEGIN
  FOR n IN 1 .. cardinality(inputs) LOOP
    FOR c IN SELECT * FROM sambapos._batch_columns(e) AS x WHERE inputs[n] ? x.name LOOP
      BEGIN
        PERFORM sambapos._query_as_owner(e.schema_name, e.relation_name, sambapos._batch_query(e, 'NULL::jsonb'),
                                         ARRAY[jsonb_build_object(c.name, inputs[n] -> c.name)], NULL, NULL, NULL);
        CONTINUE;
      EXCEPTION WHEN OTHERS THEN
        NULL;
      END;
      PERFORM sambapos._batch_refuse(n, c, state);
    END LOOP;
  END LOOP;
  RAISE EXCEPTION 'the rows cannot be read as rows of entity "%"', e.entity USING ERRCODE = state;
END;
$$;
COMMENT ON FUNCTION sambapos._batch_find_fault(sambapos.feed_entity, jsonb[], text) IS 'Raises which value of which row its type refuses';

CREATE FUNCTION sambapos._batch_values(e sambapos.feed_entity, inputs jsonb[]) RETURNS TABLE (n bigint, key jsonb, scope text, data jsonb, stored jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  state text;
BEGIN
  BEGIN
    RETURN QUERY
      SELECT (r.data ->> 'n')::bigint, r.key, r.scope_of_row, r.data -> 'data', r.data -> 'stored'
      FROM sambapos._query_as_owner(e.schema_name, e.relation_name, sambapos._batch_query(e, format(
             'jsonb_build_object(''n'', k.n, ''data'', %s, ''stored'', to_jsonb(r.*))',
             sambapos._feed_data_sql(e, sambapos._feed_relation(e)))), inputs, NULL, NULL, NULL) AS r;
    RETURN;
  EXCEPTION
    WHEN insufficient_privilege THEN
      RAISE;
    WHEN OTHERS THEN -- a type of the owner's may raise anything
      state := SQLSTATE;
  END;
  PERFORM sambapos._batch_find_fault(e, inputs, state);
END;
$$;
COMMENT ON FUNCTION sambapos._batch_values(sambapos.feed_entity, jsonb[]) IS 'What the types of the table make of each row';

-- With the settings that the values are read with (src/functions/as_owner.cpp).
CREATE FUNCTION sambapos._batch_rows(e sambapos.feed_entity, rows jsonb) RETURNS sambapos._batch_row[]
LANGUAGE plpgsql STABLE SET "TimeZone" = 'UTC' SET "DateStyle" = 'ISO, MDY' SET "IntervalStyle" = 'postgres' SET bytea_output = 'hex'
SET extra_float_digits = 1 SET lc_monetary = 'C' SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  given jsonb[];
  columns sambapos._batch_column[] := ARRAY(SELECT c FROM sambapos._batch_columns(e) AS c);
  inputs jsonb[];
  inexact record;
  result sambapos._batch_row[];
BEGIN
  IF jsonb_typeof(rows) IS DISTINCT FROM 'array' THEN
    RAISE EXCEPTION 'rows must be a JSON array of objects' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  given := ARRAY(SELECT r FROM jsonb_array_elements(rows) WITH ORDINALITY AS r (r, n) ORDER BY n);
  PERFORM sambapos._batch_check(e, columns, r, n::integer) FROM unnest(given) WITH ORDINALITY AS r (r, n);
  inputs := ARRAY(SELECT sambapos._batch_input(columns, r, n::integer) FROM unnest(given) WITH ORDINALITY AS r (r, n) ORDER BY n);
  SELECT array_agg((v.n, v.key, v.scope, (SELECT coalesce(jsonb_object_agg(d.key, d.value), '{}') FROM jsonb_each(v.data) AS d
                                          WHERE inputs[v.n] ? d.key),
                    inputs[v.n], v.stored, (given[v.n] ->> '_base')::bigint, coalesce((given[v.n] ->> '_deleted')::boolean, false),
                    NULL, NULL)::sambapos._batch_row
                   ORDER BY v.n) INTO result
  FROM sambapos._batch_values(e, inputs) AS v;
  FOR inexact IN
    SELECT r.n, c.* FROM unnest(result) AS r JOIN unnest(columns) AS c ON r.input ? c.name
    WHERE c.base <> 'bytea'::regtype AND NOT sambapos._batch_is_exact(r.input -> c.name, r.stored -> c.name, c.base)
    ORDER BY r.n LIMIT 1
  LOOP
    PERFORM sambapos._batch_refuse(inexact.n, inexact, '22003');
  END LOOP;
  RETURN coalesce(result, '{}');
END;
$$;
COMMENT ON FUNCTION sambapos._batch_rows(sambapos.feed_entity, jsonb) IS 'The rows of a batch, checked; raises what is wrong with one, by its number';
