-- dead_letters.sql: the sync reads on where a value holds characters that are none; its bytes are kept.

-- U+FFFD stands for them; it may also be what the source has. Of national text that can be told: in bytes that
-- are UTF-16 throughout nothing was replaced.
CREATE FUNCTION sambapos._text_is_utf16(raw bytea) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT encode(raw, 'hex') ~ '^(?:(?!0000)(?:..[0-9a-cef].|..d[0-7])|..d[89ab]..d[c-f])*$'; $$;
COMMENT ON FUNCTION sambapos._text_is_utf16(bytea) IS
  'True if bytes are UTF-16LE without half characters and without NUL';

CREATE FUNCTION sambapos._dead_letter_raw(place sambapos._place, t sambapos._table, key jsonb, source_column text,
    remote_type text) RETURNS bytea
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  national boolean := remote_type !~* '^(var)?char|^text';
  raw bytea;
BEGIN
  SELECT q.raw INTO raw FROM sambapos._query(place.server, format(
    'SELECT CAST(CAST(%s AS %s) AS varbinary(max)) AS v FROM %s.%s WHERE %s', sambapos._tsql_name(source_column),
    CASE WHEN national THEN 'nvarchar(max)' ELSE 'varchar(max)' END,
    sambapos._tsql_name(t.source_schema), sambapos._tsql_name(t.source_name),
    (SELECT string_agg(format('%s = %s', sambapos._tsql_name(c.source_name),
        sambapos._tsql_text(key ->> c.column_name::text)), ' AND ')
     FROM sambapos._table_columns(place, t) AS c WHERE c.is_key))) AS q (raw bytea);
  RETURN CASE WHEN NOT national OR NOT sambapos._text_is_utf16(raw) THEN raw END;
END;
$$;
COMMENT ON FUNCTION sambapos._dead_letter_raw(sambapos._place, sambapos._table, jsonb, text, text) IS
  'The bytes of a value at the source; NULL if there is nothing wrong with them';

-- What was filed and has been read again is looked at anew. A hundred of a table and run are enough to find
-- out what is wrong there.
CREATE FUNCTION sambapos._dead_letters_find(run_id bigint, place sambapos._place, t sambapos._table) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  most CONSTANT integer := 100;
  stage text := format('pg_temp.%I', sambapos._stage_name(t.table_name));
  key_of text := 'jsonb_build_object(' || (SELECT string_agg(format('%L, s.%1$I', k), ', ')
      FROM unnest(sambapos._table_key(place, t)) AS k) || ')';
  mark CONSTANT text := chr(65533);
  c record;
  letter record;
  raw bytea;
BEGIN
  IF EXISTS (SELECT FROM sambapos.dead_letters AS d WHERE d.site_id = place.site_id
      AND d.table_name = t.table_name) THEN
    EXECUTE format('DELETE FROM sambapos.dead_letters AS d USING %s AS s WHERE d.site_id = $1 AND d.table_name = %L
        AND d.key = %s
                      AND to_jsonb(s) ->> d.column_name IS DISTINCT FROM d.replaced', stage, t.table_name, key_of)
                          USING place.site_id;
  END IF;
  FOR c IN
    SELECT x.column_name, x.source_name, l.remote_type FROM sambapos._table_columns(place, t) AS x
    JOIN sambapos._live_columns(format('%I.%I', sambapos._live_schema(place.name),
        t.table_name)::regclass) AS l ON l.column_name = x.live_name
    WHERE x.type_name = 'text' AND NOT x.is_key AND NOT x.is_hidden
  LOOP
    FOR letter IN EXECUTE format(
      'SELECT %1$s AS key, s.%2$I AS value FROM %3$s AS s WHERE strpos(s.%2$I, $2) > 0 AND NOT EXISTS (
         SELECT FROM sambapos.dead_letters AS d WHERE d.site_id = $1 AND d.table_name = %4$L AND d.key = %1$s
             AND d.column_name = %2$L)
       LIMIT %5$s', key_of, c.column_name, stage, t.table_name, most) USING place.site_id, mark
    LOOP
      raw := sambapos._dead_letter_raw(place, t, letter.key, c.source_name, c.remote_type);
      INSERT INTO sambapos.dead_letters (site_id, table_name, key, column_name, replaced, raw, run_id)
      SELECT place.site_id, t.table_name, letter.key, c.column_name, letter.value, raw, _dead_letters_find.run_id
          WHERE raw IS NOT NULL
      ON CONFLICT DO NOTHING;
    END LOOP;
  END LOOP;
  RETURN (SELECT count(*) FROM sambapos.dead_letters AS d WHERE d.run_id = _dead_letters_find.run_id
      AND d.table_name = t.table_name);
END;
$$;
COMMENT ON FUNCTION sambapos._dead_letters_find(bigint, sambapos._place, sambapos._table) IS
  'Files the bytes of staged values in which characters were replaced; returns how many';

-- No table fails for want of its letters.
CREATE FUNCTION sambapos._dead_letters_file(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  filed bigint;
BEGIN
  filed := sambapos._dead_letters_find(run_id, place, t);
  IF filed > 0 THEN
    PERFORM sambapos._log_message(run_id, t.table_name,
        format('%s values hold characters that are none: see sambapos.dead_letters', filed));
  END IF;
EXCEPTION WHEN OTHERS THEN
  IF sambapos._log_is_fatal(SQLSTATE) THEN
    RAISE;
  END IF;
  PERFORM sambapos._log_message(run_id, t.table_name,
      'values hold characters that are none, and could not be filed: ' || SQLERRM);
END;
$$;
COMMENT ON FUNCTION sambapos._dead_letters_file(bigint, sambapos._place, sambapos._table) IS
  'Files dead letters of what was staged of a table, and says so in the log';
