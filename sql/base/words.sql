-- words.sql: text helpers that know no table: names that fit, the nearest valid name for a hint, T-SQL names and
-- literals, lists that stay short.

-- PostgreSQL cuts names at 63 bytes, and would cut two long ones to the same. As IMPORT FOREIGN SCHEMA does it
-- (import_names.cpp): 54 bytes, an underscore, and eight digits computed from the whole name.
CREATE FUNCTION sambapos._name_fit(long_name text) RETURNS name
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF octet_length(long_name) <= 63 THEN
    RETURN long_name;
  END IF;
  RETURN left(long_name, (SELECT max(n) FROM generate_series(0, 54) AS n WHERE octet_length(left(long_name, n)) <= 54))
         || '_' || lpad(to_hex(hashtext(long_name COLLATE "C")), 8, '0');
END;
$$;
COMMENT ON FUNCTION sambapos._name_fit(text) IS
  'A name that PostgreSQL does not cut: one of more than 63 bytes ends in digits computed from all of it';

CREATE FUNCTION sambapos._name_distance(a text, b text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  previous integer[] := ARRAY(SELECT generate_series(0, length(b)));
  present  integer[];
BEGIN
  FOR i IN 1 .. length(a) LOOP
    present := ARRAY[i];
    FOR j IN 1 .. length(b) LOOP
      present[j + 1] := least(present[j] + 1, previous[j + 1] + 1,
                              previous[j] + (substr(a, i, 1) <> substr(b, j, 1))::integer);
    END LOOP;
    previous := present;
  END LOOP;
  RETURN previous[length(b) + 1];
END;
$$;
COMMENT ON FUNCTION sambapos._name_distance(text, text) IS 'Levenshtein distance of two short names';

CREATE FUNCTION sambapos._name_nearest(word text, candidates text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT c.candidate
  FROM (SELECT c.candidate, sambapos._name_distance(left(lower(word COLLATE "C"), 63),
                                                    left(lower(c.candidate COLLATE "C"), 63)) AS distance
        FROM unnest(candidates) AS c (candidate)) AS c
  WHERE c.distance <= 1 + length(word) / 3
  ORDER BY c.distance, c.candidate LIMIT 1;
$$;
COMMENT ON FUNCTION sambapos._name_nearest(text, text[]) IS
  'The candidate that word was probably meant to be; NULL if none is near';

CREATE FUNCTION sambapos._name_hint(word text, candidates text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT coalesce('Perhaps you meant "' || sambapos._name_nearest(word, candidates) || '". ', ''); $$;
COMMENT ON FUNCTION sambapos._name_hint(text, text[]) IS 'First sentence of a hint: the nearest valid name, or nothing';

CREATE FUNCTION sambapos._tsql_name(name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT '[' || replace(name, ']', ']]') || ']');
END;
$$;
COMMENT ON FUNCTION sambapos._tsql_name(text) IS 'A name as a T-SQL identifier';

CREATE FUNCTION sambapos._tsql_text(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT 'N''' || replace(value, '''', '''''') || ''''; $$;
COMMENT ON FUNCTION sambapos._tsql_text(text) IS 'A text as a T-SQL literal';

CREATE FUNCTION sambapos._words_some(lines text[], shown integer, separator text, others bigint DEFAULT 0,
                                     unit text DEFAULT NULL) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT array_to_string(lines[:shown], separator)
         || CASE WHEN m.more > 0 THEN concat(separator, 'and ', m.more, ' more', ' ' || unit,
                                             CASE WHEN m.more > 1 AND unit IS NOT NULL THEN 's' END)
                 ELSE '' END
  FROM (SELECT coalesce(others, 0) + greatest(cardinality(lines) - shown, 0) AS more) AS m;
$$;
COMMENT ON FUNCTION sambapos._words_some(text[], integer, text, bigint, text) IS
  'The first of a list, then how many more there are, counted with others that have no line; unit: of what';

-- A message may hold values of rows: that of a cast, a constraint or a function of the user's. Those that our own functions
-- RAISE do not. Where an error comes from the first line of its context says, in which names of others are quoted if need be.
CREATE FUNCTION sambapos._error_words(state text, message text, context text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF context ~ '^[^\n"]*\msambapos\._[a-z_]+\([^\n"]*\mRAISE\M' THEN
    RETURN message;
  END IF;
  RETURN format('SQLSTATE %s', state)
         || coalesce(': ' || CASE left(state, 2)
              WHEN '21' THEN 'more than one row where one is needed' WHEN '22' THEN 'a value that does not fit'
              WHEN '23' THEN 'a constraint is violated' WHEN '40' THEN 'the transaction was rolled back'
              WHEN '42' THEN 'a syntax error, a name that is not there, or no permission'
              WHEN '53' THEN 'insufficient resources' WHEN '54' THEN 'a limit is exceeded'
              WHEN '55' THEN 'an object is not in the state for it' WHEN '57' THEN 'canceled, or it took too long'
              WHEN 'P0' THEN 'raised by a function' END, '');
END;
$$;
COMMENT ON FUNCTION sambapos._error_words(text, text, text) IS
  'What is put on record of a caught error: its SQLSTATE, and the message only where a function of this extension raised it';
